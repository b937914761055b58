"""Side effects counted per patient: in how many recorded sessions each was found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ketaoutcomes.derive.side_effects import Recorded

__all__ = ["EffectCounts", "count_effects", "pairs_of_severity"]


@dataclass(frozen=True)
class EffectCounts:
    """Counts of one way of asking and one group; a row per patient with a record, a column per effect.

    The first column is any side effect.

    Attributes
    ----------
    person : (m,) int array
        Row of each patient in `cohort.patients`.
    sessions : (m,) int array
        Sessions with a record.
    with_effect : (m, k + 1) int array
        Of these, sessions with the effect.
    found : (m, k + 1) int array
        Effects found: as `with_effect`, but the first column counts every effect of a session.
    """

    person: np.ndarray
    sessions: np.ndarray
    with_effect: np.ndarray
    found: np.ndarray


def count_effects(
    recorded: Recorded, owner: np.ndarray, inside: np.ndarray, pairs: np.ndarray | None = None
) -> EffectCounts:
    """Count the records chosen by `inside`, by patient.

    Parameters
    ----------
    recorded : Recorded
    owner : (r,) int array
        Patient of each record.
    inside : (r,) bool array
        Records to count.
    pairs : (e,) bool array, optional
        Pairs of a record and an effect that count as found; all if not given.
    """
    people, person = np.unique(owner[inside], return_inverse=True)
    place = np.full(inside.size, -1, dtype=np.int64)
    place[inside] = person
    kept = inside[recorded.record]
    if pairs is not None:
        kept = kept & pairs
    row, column = place[recorded.record[kept]], recorded.effect[kept] + 1
    width = len(recorded.effects) + 1
    cells = np.bincount(row * width + column, minlength=people.size * width).reshape(people.size, width)
    with_effect, found = cells, cells.copy()
    with_effect[:, 0] = np.bincount(place[np.unique(recorded.record[kept])], minlength=people.size)
    found[:, 0] = found[:, 1:].sum(axis=1)
    return EffectCounts(people, np.bincount(person, minlength=people.size), with_effect, found)


def pairs_of_severity(recorded: Recorded, lowest: int, highest: int = 3) -> np.ndarray:
    """Pairs whose severity is stated and lies between two ranks (1 mild, 2 moderate, 3 severe); (e,) bool."""
    return (recorded.severity >= lowest) & (recorded.severity <= highest)
