"""Which sessions have a record of side effects, how it was asked for, and which effects it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts

__all__ = ["ANY", "NOT_STATED", "Recorded", "recorded_side_effects"]

ANY = "any side effect"
NONE = "none"
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Recorded:
    """Records of side effects: one per session and way of asking.

    Attributes
    ----------
    session_row : (r,) int array
        Row of `cohort.sessions` that each record belongs to.
    way : (r,) int array
        Place in `ways` of how it was asked.
    ways : tuple of str
        "checklist", "spontaneous", "scale" as they occur, and "not stated" last.
    effects : tuple of str
        Effects as recorded, trimmed and in lower case; without "none".
    record, effect : (e,) int arrays
        Each distinct pair of a record and an effect found in it.
    n_assumed : int
        Sessions with a record but no row, whose way of asking is taken from other rows.
    n_not_stated : int
        Records that do not say how they were asked.
    n_silent_unknown : int
        Of these, the sessions without a row.
    """

    session_row: np.ndarray
    way: np.ndarray
    ways: tuple[str, ...]
    effects: tuple[str, ...]
    record: np.ndarray
    effect: np.ndarray
    n_assumed: int
    n_not_stated: int
    n_silent_unknown: int


def recorded_side_effects(cohort: Cohort) -> Recorded:
    """Every record of side effects; a session without a record is not among them.

    A session that was asked about in two ways has two records, so that the
    rates of the two ways are never mixed. A session with a record but no row had
    no effect. How it was asked is taken from the rows of the same patient if
    they were all asked for in one way, else from those of the same clinic (of
    all rows, if no clinics are given); where even these differ, or there are
    none, it is "not stated". Another clinic's way is never taken.

    Without a table of side effects nothing is recorded, whatever the sessions
    say: what was found is not here, and that is not "none".
    """
    table = cohort.side_effects
    rows = _session_rows(cohort)
    names = table["effect"].astype("str").str.strip().str.lower().to_numpy(dtype=object)
    way_names = _ways(table)
    ways = tuple(sorted(set(way_names), key=lambda word: (word == NOT_STATED, word)))
    if NOT_STATED not in ways:
        ways = (*ways, NOT_STATED)
    number = {word: place for place, word in enumerate(ways)}
    way_of_row = np.array([number[word] for word in way_names], dtype=np.int64)

    recorded = cohort.sessions["side_effects_recorded"].fillna(False).to_numpy(dtype=bool).copy()
    recorded[rows] = False
    if "side_effects" not in cohort.present:
        recorded[:] = False
    silent = np.flatnonzero(recorded)
    way_of_silent = _way_of_silent(cohort, silent, rows, way_of_row, number[NOT_STATED])

    key_of_row = rows * len(ways) + way_of_row
    keys = np.unique(np.concatenate([key_of_row, silent * len(ways) + way_of_silent]))
    real = names != NONE
    effects, effect_of_row = np.unique(names[real].astype(str), return_inverse=True)
    n_effects = max(effects.size, 1)
    pairs = np.unique(np.searchsorted(keys, key_of_row[real]) * n_effects + effect_of_row)
    way = keys % len(ways)
    return Recorded(
        session_row=keys // len(ways),
        way=way,
        ways=ways,
        effects=tuple(effects.tolist()),
        record=pairs // n_effects,
        effect=pairs % n_effects,
        n_assumed=int((way_of_silent != number[NOT_STATED]).sum()),
        n_not_stated=int((way == number[NOT_STATED]).sum()),
        n_silent_unknown=int((way_of_silent == number[NOT_STATED]).sum()),
    )


def _way_of_silent(cohort: Cohort, silent, rows, way_of_row, not_stated: int) -> np.ndarray:
    """How each recorded session without a row was asked, as far as the other rows tell."""
    owner = patient_codes(cohort.sessions)
    clinic = _clinic_of_session(cohort, owner)
    way = np.full(silent.size, not_stated, dtype=np.int64)
    for group in (owner, clinic):
        only = _only_way(group[rows], way_of_row, int(group.max(initial=0)) + 1, not_stated)
        way = np.where(way == not_stated, only[group[silent]], way)
    return way


def _only_way(group_of_row, way_of_row, n_groups: int, not_stated: int) -> np.ndarray:
    """The one way in which all rows of each group were asked; `not_stated` if several, or none."""
    stated = way_of_row != not_stated
    lowest = np.full(n_groups, not_stated, dtype=np.int64)
    highest = np.full(n_groups, -1, dtype=np.int64)
    np.minimum.at(lowest, group_of_row[stated], way_of_row[stated])
    np.maximum.at(highest, group_of_row[stated], way_of_row[stated])
    return np.where(lowest == highest, lowest, not_stated)


def _clinic_of_session(cohort: Cohort, owner: np.ndarray) -> np.ndarray:
    """Number of each session's clinic, its own or its patient's; all of one number if none is known."""
    if "clinic_id" in cohort.sessions.columns:
        values = cohort.sessions["clinic_id"].to_numpy(dtype=object)
    elif "clinic_id" in cohort.patients.columns:
        values = cohort.patients["clinic_id"].to_numpy(dtype=object)[owner]
    else:
        return np.zeros(owner.size, dtype=np.int64)
    code, _ = pd.factorize(pd.Series(values), use_na_sentinel=False)
    return code.astype(np.int64)


def _session_rows(cohort: Cohort) -> np.ndarray:
    """Row of `cohort.sessions` of each side effect; sessions are numbered 1, 2, … per patient."""
    first = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
    table = cohort.side_effects
    return first[patient_codes(table)] + table["session"].to_numpy(dtype=np.int64) - 1


def _ways(table) -> np.ndarray:
    """How each row was asked for, in lower case; "not stated" where missing."""
    if "ascertainment" not in table.columns:
        return np.full(len(table), NOT_STATED, dtype=object)
    words = table["ascertainment"].astype("object")
    words = words.where(words.notna(), NOT_STATED)
    return words.astype("str").str.strip().str.lower().to_numpy(dtype=object)
