"""Sessions with their phase, spacing, and the end of induction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import PhaseRule, phase_rule
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.derive.clock import HOURS_PER_DAY, whole_days
from ketaoutcomes.errors import DataError, Problem

__all__ = ["DEFAULT_PHASE_RULE", "Induction", "induction", "session_table"]

DEFAULT_PHASE_RULE = "induction_mcinnes"
_INDUCTION, _MAINTENANCE = "induction", "maintenance"
# Words of clinics for the two phases; "phase" after them is left off first.
_PHASES = dict.fromkeys((_INDUCTION, "acute", "loading", "initial"), _INDUCTION)
_PHASES |= dict.fromkeys((_MAINTENANCE, "booster", "continuation"), _MAINTENANCE)


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
        Sessions whose phase the clinic left empty, or gave in words that are not
        known, although it gave that of others.
    n_unknown : int
        Of these, the sessions with words that are not known.
    rule : PhaseRule
    """

    n_sessions: np.ndarray
    last_hour: np.ndarray
    complete: np.ndarray
    derived: bool
    n_filled: int
    n_unknown: int
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
        ("induction" or "maintenance"), `phase_derived` (bool),
        `last_induction` (bool: the last session of the first induction),
        `induction_complete` (bool, the same on all rows of a patient).

    Raises
    ------
    DataError
        If phases are given, but none of them in words that are known.
    """
    check_cohort(cohort)
    named = phase_rule(rule)
    sessions = cohort.sessions
    codes = patient_codes(sessions)
    hour = sessions["hour"].to_numpy(float)
    first = first_of_segment(codes)
    gap = np.full(hour.size, np.nan)
    gap[1:] = hour[1:] - hour[:-1]
    gap[first] = np.nan

    phase, filled, _ = _phase(sessions, codes, hour, gap, named)
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
    phase, filled, n_unknown = _phase(sessions, codes, hour, gap, named)

    rows = np.flatnonzero(_first_run(phase == _INDUCTION, codes, first))
    n_sessions = np.bincount(codes[rows], minlength=n_patients)
    last_hour = np.full(n_patients, np.nan)
    last_hour[codes[rows]] = hour[rows]
    complete = n_sessions >= named.min_sessions
    if named.max_sessions is not None:
        complete &= n_sessions <= named.max_sessions
    with np.errstate(invalid="ignore"):
        if named.min_days is not None:
            complete &= whole_days(last_hour) >= named.min_days
        if named.max_days is not None:
            complete &= whole_days(last_hour) <= named.max_days
    derived = bool(filled.all())
    n_filled = 0 if derived else int(filled.sum())
    return Induction(n_sessions, last_hour, complete, derived, n_filled, n_unknown, named)


def _phase(sessions, codes, hour, gap, rule: PhaseRule) -> tuple[np.ndarray, np.ndarray, int]:
    """Phase of each session, whether it is not the clinic's own, and how many are in unknown words."""
    by_rule = np.where(_inside(sessions, codes, hour, gap, rule), _INDUCTION, _MAINTENANCE).astype(object)
    given, n_unknown = _given_phase(sessions)
    if not given.notna().any():
        return by_rule, np.ones(hour.size, dtype=bool), 0
    filled = given.isna().to_numpy()
    before = given.groupby(codes).ffill().to_numpy()
    after = given.groupby(codes).bfill().to_numpy()
    left_induction = pd.notna(before) & (before != _INDUCTION)
    guess = np.where(left_induction, before, np.where(after == _INDUCTION, _INDUCTION, by_rule))
    return np.where(filled, guess, given.to_numpy()), filled, n_unknown


def _given_phase(sessions: pd.DataFrame) -> tuple[pd.Series, int]:
    """The clinic's phase of each session (missing where it gives none), and how many have unknown words.

    A word that is not known counts as not given. If no word is known the column
    means something else, and to derive the phase in its stead would hide that.
    """
    if "phase" not in sessions.columns:
        return pd.Series(np.nan, index=sessions.index, dtype=object), 0
    words = sessions["phase"].astype("str").str.strip().str.lower()
    words = words.str.replace(r"[\s_-]+", " ", regex=True).str.removesuffix(" phase")
    stated = sessions["phase"].notna() & (words != "")
    given = words.map(_PHASES).where(stated).astype(object)
    n_unknown = int((stated & given.isna()).sum())
    if n_unknown and not given.notna().any():
        raise DataError(
            Problem(
                f"holds no word for a phase that is known; use {', '.join(_PHASES)} (each may be followed by "
                '"phase"), or leave the column out so that the phase is derived by a rule',
                table="sessions",
                column="phase",
                rule="unknown_phase",
                n_rows=n_unknown,
            )
        )
    return given, n_unknown


def _inside(sessions, codes, hour, gap, rule: PhaseRule) -> np.ndarray:
    """The sessions from the first on for as long as the rule's limits hold; bool."""
    inside = np.ones(hour.size, dtype=bool)
    if rule.max_sessions is not None:
        inside &= sessions["session"].to_numpy() <= rule.max_sessions
    if rule.max_days is not None:
        inside &= whole_days(hour) <= rule.max_days
    if rule.max_gap_days is not None:
        inside &= ~(whole_days(gap) > rule.max_gap_days)
    return _first_run(inside, codes, first_of_segment(codes))


def _first_run(marked: np.ndarray, codes: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The marked rows of each segment up to its first row that is not marked; bool."""
    misses = np.cumsum(~marked)
    if misses.size == 0:
        return marked
    start_row = np.flatnonzero(first)[np.cumsum(first) - 1]
    before = misses[start_row] - (~marked)[start_row]
    return marked & (misses == before)
