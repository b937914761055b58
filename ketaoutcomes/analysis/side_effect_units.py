"""Effects found, one row each, with the effect, way of asking, group and patient they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ketaoutcomes.analysis.side_effect_question import chosen_effects
from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.effect_checks import Checks
from ketaoutcomes.derive.effect_times import EffectTimes, Told, gone_by_discharge
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.side_effects import ANY, Recorded

__all__ = ["Cell", "Units", "cells_in_order", "effect_units"]


@dataclass(frozen=True)
class Cell:
    """One effect, way of asking and group."""

    effect: str
    way: str
    level: object
    column: int

    def columns(self, by: str | None) -> dict:
        """The first columns of the cell's rows."""
        group = {} if by is None else {by: self.level}
        return {"effect": self.effect, "ascertainment": self.way} | group


@dataclass(frozen=True)
class Units:
    """Effects found in records, and any side effect of each record with one.

    Attributes
    ----------
    found : Recorded
    grouped : Groups
    cells : tuple of Cell
        In the order of the tables: any side effect first, then by number found.
    cell : (u,) int array
        Place of each unit's cell; -1 where its effect or way was not asked for or its group is missing.
    patient, session : (u,) int arrays
        Row of `cohort.patients` and of `cohort.sessions`.
    times : EffectTimes
    gone : (u,) float array
        Whether it had gone by discharge; NaN where that is not known.
    later : (u,) bool array
        Whether it began after the discharge.
    is_any : (u,) bool array
    number : (u,) int array
        Place of each unit in `found.record`; -1 for any side effect.
    n_without_group : int
        Effects asked for, of which the group is missing.
    named : tuple of str
        Effects asked for; empty for all.
    """

    found: Recorded
    grouped: Groups
    cells: tuple[Cell, ...]
    cell: np.ndarray
    patient: np.ndarray
    session: np.ndarray
    times: EffectTimes
    gone: np.ndarray
    later: np.ndarray
    is_any: np.ndarray
    number: np.ndarray
    n_without_group: int
    named: tuple[str, ...]


def effect_units(
    cohort: Cohort,
    found: Recorded,
    told: Told,
    looked: Checks,
    grouped: Groups,
    terms: EffectTerms,
    effects: str | Sequence[str] | None,
    ascertainment: str | None,
) -> Units:
    """The units of the effects and of the way of asking that are asked for."""
    columns, named = chosen_effects(found, effects, terms)
    record = np.concatenate([told.record, found.record])
    column = np.concatenate([np.zeros(told.record.size, dtype=np.int64), found.effect + 1])
    times = _stacked(told.of_any, told.of_effect)
    session = found.session_row[record]
    cells, cell = cells_in_order(found, grouped, record, column, columns, ascertainment)
    discharge = looked.discharge[session]
    gone, later = gone_by_discharge(
        times,
        discharge,
        last_check=looked.before(session, discharge),
        is_stated=looked.is_stated[session],
    )
    wanted = (column > 0) & _asked_for(found, record, column, columns, ascertainment)
    return Units(
        found=found,
        grouped=grouped,
        cells=cells,
        cell=cell,
        patient=patient_codes(cohort.sessions)[session],
        session=session,
        times=times,
        gone=gone,
        later=later,
        is_any=column == 0,
        number=np.concatenate([np.full(told.record.size, -1), np.arange(found.record.size)]),
        n_without_group=int((wanted & (grouped.code[session] < 0)).sum()),
        named=named,
    )


def cells_in_order(
    found: Recorded,
    grouped: Groups,
    record: np.ndarray,
    column: np.ndarray,
    columns: np.ndarray,
    ascertainment: str | None,
) -> tuple[tuple[Cell, ...], np.ndarray]:
    """The cells that have a unit, any side effect first and then by number, and each unit's cell.

    Parameters
    ----------
    record, column : (u,) int arrays
        Record of each unit, and its column: 0 is any side effect, then the effects.
    columns : (k,) int array
        Columns asked for.
    """
    way, group = found.way[record], grouped.code[found.session_row[record]]
    kept = _asked_for(found, record, column, columns, ascertainment) & (group >= 0)
    names = (ANY, *found.effects)
    size = np.bincount(column[kept], minlength=len(names)).astype(float)
    size[0] = np.inf
    # Where two effects were found equally often, their names decide.
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(names))
    n_ways, n_groups = len(found.ways), len(grouped.levels)
    key = (rank[column] * n_ways + way) * n_groups + group
    used, place = np.unique(key[kept], return_inverse=True)
    by_rank = np.argsort(rank)
    cells = tuple(_cells(used, by_rank, names, found.ways, grouped.levels))
    cell = np.full(record.size, -1, dtype=np.int64)
    cell[kept] = place
    return cells, cell


def _asked_for(found: Recorded, record, column, columns, ascertainment: str | None) -> np.ndarray:
    """Whether each unit is of an effect and of a way of asking that is asked for; bool."""
    wanted = np.isin(column, columns)
    if ascertainment is not None:
        wanted &= np.array(found.ways)[found.way[record]] == ascertainment
    return wanted


def _cells(used, by_rank, names, ways, levels) -> Iterator[Cell]:
    for key in used.tolist():
        rest, group = divmod(key, len(levels))
        rank, way = divmod(rest, len(ways))
        column = int(by_rank[rank])
        yield Cell(names[column], ways[way], levels[group], column)


def _stacked(first: EffectTimes, second: EffectTimes) -> EffectTimes:
    return EffectTimes(
        *(np.concatenate(pair) for pair in zip(vars(first).values(), vars(second).values(), strict=True))
    )
