"""What every coding of events begins with: what is asked, the definition, who can be judged by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import BaselineRule, Outcome, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_horizon, is_number
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.clock import clock_known, day_only
from ketaoutcomes.derive.event_rows import KINDS, Followed, gaps_between, run_rule, tally, with_patients
from ketaoutcomes.derive.outcomes import find_outcome, ineligible_reason, met
from ketaoutcomes.derive.runs import RunRule
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.derive.stops import Stops
from ketaoutcomes.errors import DataError

__all__ = ["ORIGINS", "Asked", "EventSet", "Judged", "asked", "collected", "judged"]

# Kinds of outcome whose first time is an event of its own.
FIRST_KINDS = ("response", "remission")
ORIGINS = ("first_session", "each_session")
CLOCKS = ("hours", "sessions")


@dataclass(frozen=True)
class EventSet:
    """Coded events and what was left out.

    Attributes
    ----------
    frame : DataFrame
        As `response_events` returns; with `stop` (on the same clock, inf where treatment is not known
        to have stopped) if stops were asked for.
    dropped : DataFrame
        `reason`, `n_patients`: treated patients who are not in `frame`.
    definition : Outcome
    baseline : BaselineRule
    instrument : Instrument
    n_starters : int
    n_origin_uncertain : int
        Patients in `frame` whose session 1 is known only to the day.
    n_assessments, n_day_only : int
        Assessments after session 1 of the patients in `frame`, and those of them known only to the day.
    n_day_only_dropped : int
        Assessments that were left out because clock times are needed.
    gaps : (m,) float
        Hours from each assessment that was looked at to the one before it, or to the origin.
    gap_row : (m,) int
        Row of `frame` of each gap.
    n_unconfirmed : int
        Rows censored although the outcome was met at the last assessment, since it was not confirmed.
    n_spanning : int
        Rows whose outcome may have come before the landmark, or after it.
    n_pending : int
        Rows whose outcome was met before the landmark and known to count only after it.
    n_after_stop : int
        Assessments of the patients in `frame` that are not looked at since treatment had stopped.
    sessions_dropped : DataFrame or None
        `reason`, `n_sessions`: sessions of the patients who can be judged that are not in `frame`,
        where each session is an origin.
    """

    frame: pd.DataFrame
    dropped: pd.DataFrame
    definition: Outcome
    baseline: BaselineRule
    instrument: Instrument
    n_starters: int
    n_origin_uncertain: int
    n_assessments: int
    n_day_only: int
    n_day_only_dropped: int
    gaps: np.ndarray
    gap_row: np.ndarray
    n_unconfirmed: int = 0
    n_spanning: int = 0
    n_pending: int = 0
    n_after_stop: int = 0
    sessions_dropped: pd.DataFrame | None = None


@dataclass(frozen=True)
class Asked:
    """How events are coded; the arguments of `event_set`, checked.

    Attributes
    ----------
    kind : {"first", "sustained", "confirmed"}
    rule : RunRule
    origin : {"first_session", "each_session"}
    clock : {"hours", "sessions"}
    horizon : float
        In hours or sessions, from where the clock starts; inf for none.
    clock_needed : bool
    landmark_hours : float or None
    stops : Stops or None
    """

    kind: str
    rule: RunRule
    origin: str
    clock: str
    horizon: float
    clock_needed: bool
    landmark_hours: float | None
    stops: Stops | None

    @property
    def has_horizon(self) -> bool:
        """Whether assessments after some time are not looked at."""
        return bool(np.isfinite(self.horizon))


def asked(
    *, kind, window_days, apart_hours, origin, clock, horizon_hours, clock_needed, landmark_hours, stops
) -> Asked:
    """The checked arguments.

    Raises
    ------
    DataError
        If one is no choice or no number, or two of them do not go together.
    """
    check_choice("kind", kind, KINDS)
    check_choice("origin", origin, ORIGINS)
    check_choice("clock", clock, CLOCKS)
    check_horizon(horizon_hours)
    for name, value in (("window_days", window_days), ("apart_hours", apart_hours)):
        if not is_number(value) or not 0 < value < np.inf:
            raise DataError(f"{name} must be one number above 0")
    if landmark_hours is not None and not (is_number(landmark_hours) and 0 < landmark_hours < np.inf):
        raise DataError("the landmark must be one number above 0, a time since session 1")
    if origin == "each_session" and clock == "sessions":
        raise DataError(
            'sessions are counted from session 1; origin="each_session" needs unit="days" or "hours"'
        )
    if origin == "each_session" and (landmark_hours is not None or stops is not None):
        what = "a landmark" if landmark_hours is not None else "treatment stop as a competing event"
        raise DataError(
            f'{what} needs origin="first_session": after each session the next one ends observation'
        )
    if clock == "sessions" and landmark_hours is not None:
        raise DataError('a landmark is a time since session 1; it needs unit="days" or "hours"')
    return Asked(
        kind=kind,
        rule=run_rule(kind, window_days=window_days, apart_hours=apart_hours, by_clock=clock_needed),
        origin=origin,
        clock=clock,
        horizon=np.inf if horizon_hours is None else float(horizon_hours),
        clock_needed=clock_needed,
        landmark_hours=landmark_hours,
        stops=stops,
    )


@dataclass(frozen=True)
class Judged:
    """The placed scores and who can be judged by them, patients in the order of `cohort.patients`.

    Attributes
    ----------
    placed : DataFrame
    instrument, outcome, rule : Instrument, Outcome, BaselineRule
    treated : (t,) int
        Rows of the patients with a session.
    value : (n,) float
        Baselines.
    reason : (n,) object
        Why a patient cannot be judged; "" if they can, or have no session.
    eligible : (n,) bool
    """

    placed: pd.DataFrame
    instrument: Instrument
    outcome: Outcome
    rule: BaselineRule
    treated: np.ndarray
    value: np.ndarray
    reason: np.ndarray
    eligible: np.ndarray

    def meets(self, rows: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
        """Marks the scores that meet the outcome; (n,) bool."""
        return met(self.outcome, self.instrument, rows["score"].to_numpy(float), self.value[codes])


def judged(cohort: Cohort, instrument: str, definition: str | None, baseline: str) -> Judged:
    """Placed scores, definition, baselines, and who can be judged."""
    check_cohort(cohort)
    known = find_instrument(instrument)
    outcome = find_outcome(definition, known, kinds=FIRST_KINDS)
    rule = baseline_rule(baseline)
    placed = scores(cohort, instrument)
    start = baseline_of(cohort, placed, known, rule)
    n_patients = len(cohort.patients)
    value, reason = np.full(n_patients, np.nan), np.full(n_patients, "", dtype=object)
    eligible = np.zeros(n_patients, dtype=bool)
    codes = patient_codes(start)
    points = start["baseline"].to_numpy(float)
    why = ineligible_reason(outcome, known, points, start["reason"].to_numpy(dtype=object))
    reason[codes], value[codes], eligible[codes] = why, points, why == ""
    return Judged(placed, known, outcome, rule, codes, value, reason, eligible)


def collected(
    cohort: Cohort,
    found: Judged,
    seen: Followed,
    table: pd.DataFrame,
    analysed: np.ndarray,
    owner: np.ndarray,
    reason: np.ndarray,
    *,
    start: float = 0.0,
    **counts: Any,
) -> EventSet:
    """The set of the segments that are analysed.

    Parameters
    ----------
    table : DataFrame
        A row per segment.
    analysed : (g,) bool
    owner : (g,) int
        Patient of each segment.
    reason : (n,) object
        Why each patient is not in; "" if they are.
    start : float
        Hours since the origin from which gaps between assessments are counted.
    **counts
        Further fields of the set.
    """
    chosen = np.flatnonzero(analysed)
    present = np.zeros(found.eligible.size, dtype=bool)
    present[owner[chosen]] = True
    gaps, segment = gaps_between(seen, start)
    row_of = np.full(analysed.size, -1)
    row_of[chosen] = np.arange(chosen.size)
    kept = row_of[segment] >= 0
    used = seen.looked_at & np.repeat(analysed, np.diff(seen.starts))
    return EventSet(
        frame=with_patients(cohort, table.iloc[chosen], owner[chosen], found.placed["patient_id"].dtype),
        dropped=tally(reason[found.treated]),
        definition=found.outcome,
        baseline=found.rule,
        instrument=found.instrument,
        n_starters=found.treated.size,
        n_origin_uncertain=int((present & ~clock_known(cohort)).sum()),
        n_assessments=int(used.sum()),
        n_day_only=int((day_only(seen.rows) & used).sum()),
        gaps=gaps[kept],
        gap_row=row_of[segment[kept]],
        **counts,
    )
