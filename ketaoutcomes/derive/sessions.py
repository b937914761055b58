"""Sessions with their phase, spacing, and the end of induction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import PhaseRule, phase_rule
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.derive.scores import HOURS_PER_DAY

__all__ = ["DEFAULT_PHASE_RULE", "Induction", "induction", "session_table"]

DEFAULT_PHASE_RULE = "induction_mcinnes"
_INDUCTION = "induction"


@dataclass(frozen=True)
class Induction:
    """The induction of each patient, in the order of `cohort.patients`.

    Attributes
    ----------
    n_sessions : (n,) int array
        Sessions of the induction; 0 if the first session was not part of one.
    last_hour : (n,) float array
        Hour of the last induction session; missing if there was none.
    complete : (n,) bool array
        Whether it had as many sessions, over as many days, as the rule asks for.
    derived : bool
        Whether the phase was derived by the rule, because the clinic gave none.
    n_filled : int
        Sessions whose phase the clinic left empty although it gave that of others.
    rule : PhaseRule
    """

    n_sessions: np.ndarray
    last_hour: np.ndarray
    complete: np.ndarray
    derived: bool
    n_filled: int
    rule: PhaseRule


def session_table(cohort: Cohort, *, rule: str = DEFAULT_PHASE_RULE) -> pd.DataFrame:
    """Sessions with phase, time since the session before, and the end of induction marked.

    The phase is the clinic's own where it gave one. If it gave none at all, the
    first sessions are induction for as long as the rule's limits on their number,
    days and gaps hold, and the later ones are maintenance. A single empty cell
    takes the phase of the sessions around it, and where these differ the rule's.

    Parameters
    ----------
    cohort : Cohort
    rule : str
        Name of the phase rule.

    Returns
    -------
    DataFrame
        The columns of `cohort.sessions`, one row per session by patient and
        time, and: `day`, `hours_since_previous` (missing for session 1), `phase`
        ("induction", "maintenance", or as given), `phase_derived` (bool),
        `last_induction` (bool: the last session of the first induction),
        `induction_complete` (bool, the same on all rows of a patient).
    """
    named = phase_rule(rule)
    sessions = cohort.sessions
    codes = patient_codes(sessions)
    hour = sessions["hour"].to_numpy(float)
    first = first_of_segment(codes)
    gap = np.full(hour.size, np.nan)
    gap[1:] = hour[1:] - hour[:-1]
    gap[first] = np.nan

    phase, filled = _phase(sessions, codes, hour, gap, named)
    found = induction(cohort, rule=rule)
    in_run = _first_run(phase == _INDUCTION, codes, first)
    last = in_run & (hour == found.last_hour[codes])
    return sessions.assign(
        day=hour / HOURS_PER_DAY,
        hours_since_previous=gap,
        phase=pd.array(phase, dtype="str"),
        phase_derived=filled,
        last_induction=last,
        induction_complete=found.complete[codes],
    )


def induction(cohort: Cohort, *, rule: str = DEFAULT_PHASE_RULE) -> Induction:
    """When each patient's first induction ended, and whether it was complete by the rule."""
    named = phase_rule(rule)
    sessions = cohort.sessions
    n_patients = len(cohort.patients)
    codes = patient_codes(sessions)
    hour = sessions["hour"].to_numpy(float)
    first = first_of_segment(codes)
    gap = np.diff(hour, prepend=np.nan)
    gap[first] = np.nan
    phase, filled = _phase(sessions, codes, hour, gap, named)

    rows = np.flatnonzero(_first_run(phase == _INDUCTION, codes, first))
    n_sessions = np.bincount(codes[rows], minlength=n_patients)
    last_hour = np.full(n_patients, np.nan)
    last_hour[codes[rows]] = hour[rows]
    complete = n_sessions >= named.min_sessions
    if named.max_sessions is not None:
        complete &= n_sessions <= named.max_sessions
    with np.errstate(invalid="ignore"):
        if named.min_days is not None:
            complete &= last_hour >= named.min_days * HOURS_PER_DAY
        if named.max_days is not None:
            complete &= last_hour <= named.max_days * HOURS_PER_DAY
    derived = bool(filled.all())
    return Induction(n_sessions, last_hour, complete, derived, 0 if derived else int(filled.sum()), named)


def _phase(sessions, codes, hour, gap, rule: PhaseRule) -> tuple[np.ndarray, np.ndarray]:
    """Phase of each session in lower case, and whether it is not the clinic's own."""
    by_rule = np.where(_inside(sessions, codes, hour, gap, rule), _INDUCTION, "maintenance").astype(object)
    if "phase" not in sessions.columns or not sessions["phase"].notna().any():
        return by_rule, np.ones(hour.size, dtype=bool)
    given = sessions["phase"].str.strip().str.lower().astype("object")
    filled = given.isna().to_numpy()
    before = given.groupby(codes).ffill().to_numpy()
    after = given.groupby(codes).bfill().to_numpy()
    left_induction = pd.notna(before) & (before != _INDUCTION)
    guess = np.where(left_induction, before, np.where(after == _INDUCTION, _INDUCTION, by_rule))
    return np.where(filled, guess, given.to_numpy()), filled


def _inside(sessions, codes, hour, gap, rule: PhaseRule) -> np.ndarray:
    """The sessions from the first on for as long as the rule's limits hold; bool."""
    inside = np.ones(hour.size, dtype=bool)
    if rule.max_sessions is not None:
        inside &= sessions["session"].to_numpy() <= rule.max_sessions
    if rule.max_days is not None:
        inside &= hour <= rule.max_days * HOURS_PER_DAY
    if rule.max_gap_days is not None:
        inside &= ~(gap > rule.max_gap_days * HOURS_PER_DAY)
    return _first_run(inside, codes, first_of_segment(codes))


def _first_run(marked: np.ndarray, codes: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The marked rows of each segment up to its first row that is not marked; bool."""
    misses = np.cumsum(~marked)
    if misses.size == 0:
        return marked
    start_row = np.flatnonzero(first)[np.cumsum(first) - 1]
    before = misses[start_row] - (~marked)[start_row]
    return marked & (misses == before)
