"""Time to first response, known only to lie between two assessments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import BaselineRule, Outcome, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_horizon
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.clock import CLOCK_COLUMNS, clock_known, day_only
from ketaoutcomes.derive.outcomes import find_outcome, ineligible_reason, met
from ketaoutcomes.derive.scores import scores, superseded
from ketaoutcomes.errors import DataError, Problem

__all__ = ["EventSet", "event_set", "response_events"]

# Kinds whose first time is an event of its own.
FIRST_KINDS = ("response", "remission")

FIRST = "met at the first assessment after session 1"
BETWEEN = "met between two assessments"
CENSORED = "not met at the last assessment"
CENSORED_HORIZON = "not met at the last assessment looked at, the first after the horizon"
NO_FOLLOW_UP = "no score after session 1"
NO_CLOCK_ORIGIN = "only the day of session 1 is known"
NO_CLOCK_SCORE = "no score with a clock time after session 1"


@dataclass(frozen=True)
class EventSet:
    """Coded events and what was left out.

    Attributes
    ----------
    frame : DataFrame
        As `response_events` returns.
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


def response_events(
    cohort: Cohort,
    instrument: str,
    *,
    definition: str | None = None,
    origin: str = "first_session",
    baseline: str = "last_14_days",
    horizon_hours: float | None = None,
) -> pd.DataFrame:
    """Interval within which each patient first responded, and why it ends as it does.

    A patient responds at the first assessment after session 1 that meets the
    definition. The response came after the last assessment before that one
    (after session 1 if there is none) and by the time of that one: it lies in
    (left, right]. Without a response it lies beyond the last assessment. An
    assessment known only to the day enters at one time, its `hour`: 24 times a
    whole day, local noon of a date. Two ends for it would make one visit overlap
    itself, and the estimate would move all response into the overlap.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    definition : str, optional
        "response" (the default), "remission", or the name of a definition of either.
    origin : {"first_session"}
    baseline : str
        Name of the baseline rule.
    horizon_hours : float, optional
        Of a patient's assessments after this hour only the first is looked at: it tells who had
        not responded at the horizon from who was no longer assessed.

    Returns
    -------
    DataFrame
        One row per patient with a valid baseline and a later score:
        `patient_id`, `left`, `right` (hours since session 1; right is inf if
        not seen to respond), `event` (bool), `reason`, `baseline`,
        `n_assessments`, and the columns of `patients`.

    Raises
    ------
    DataError
        If no patient has both, or the definition does not suit the instrument.

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290.
    """
    return event_set(
        cohort,
        instrument,
        definition=definition,
        origin=origin,
        baseline=baseline,
        horizon_hours=horizon_hours,
    ).frame


def event_set(
    cohort: Cohort,
    instrument: str,
    *,
    definition: str | None = None,
    origin: str = "first_session",
    baseline: str = "last_14_days",
    horizon_hours: float | None = None,
    clock_needed: bool = False,
) -> EventSet:
    """The events with the patients left out, counted by reason.

    With `clock_needed`, assessments after session 1 that are known only to the
    day are left out, and so are patients whose session 1 is. A baseline needs no
    clock time.
    """
    check_cohort(cohort)
    check_choice("origin", origin, ("first_session",))
    check_horizon(horizon_hours)
    known = find_instrument(instrument)
    outcome = find_outcome(definition, known, kinds=FIRST_KINDS)
    rule = baseline_rule(baseline)
    placed = scores(cohort, instrument)
    start = baseline_of(cohort, placed, known, rule)
    value, reason, eligible = _eligible(cohort, start, outcome, known)
    origin_known = clock_known(cohort)
    if clock_needed:
        reason[eligible & ~origin_known] = NO_CLOCK_ORIGIN
        eligible &= origin_known

    rows, codes, left_out = _assessments(placed, eligible, horizon_hours, clock_needed)
    n_assessments = np.bincount(codes, minlength=len(cohort.patients))
    analysed = n_assessments > 0
    unseen = eligible & ~analysed
    reason[unseen] = NO_FOLLOW_UP
    reason[unseen & (left_out > 0)] = NO_CLOCK_SCORE
    if not analysed.any():
        raise DataError(_nobody(rule, known, int(np.isin(reason, (NO_CLOCK_ORIGIN, NO_CLOCK_SCORE)).sum())))
    if horizon_hours is not None and not (rows["hour"].to_numpy(float) <= horizon_hours).any():
        raise DataError(
            Problem(
                f"no patient with a valid baseline has a score of {known.name} between session 1 and the "
                "horizon, so nothing is known by then; choose a later horizon",
                table="scores",
                rule="no_events",
            )
        )

    responding = met(outcome, known, rows["score"].to_numpy(float), value[codes])
    left, right, why = _intervals(rows, codes, responding, len(analysed), horizon_hours is not None)
    table = pd.DataFrame(
        {"left": left, "right": right, "event": np.isfinite(right), "reason": pd.array(why, dtype="str")}
    ).assign(baseline=value, n_assessments=n_assessments)
    return EventSet(
        frame=_with_patients(cohort, table, analysed, placed["patient_id"].dtype),
        dropped=_tally(reason[patient_codes(start)]),
        definition=outcome,
        baseline=rule,
        instrument=known,
        n_starters=len(start),
        n_origin_uncertain=int((analysed & ~origin_known).sum()),
        n_assessments=len(rows),
        n_day_only=int(day_only(rows).sum()),
        n_day_only_dropped=int(left_out.sum()),
    )


def _assessments(
    placed, eligible, horizon_hours, clock_needed
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """The scores that are looked at, their patients, and how many per patient lack a clock time."""
    codes = patient_codes(placed)
    keep = (placed["session"].to_numpy() > 0) & eligible[codes] & ~superseded(placed)
    hour = placed["hour"].to_numpy(float)
    until = np.inf if horizon_hours is None else horizon_hours
    left_out = np.zeros(eligible.size, dtype=np.int64)
    if clock_needed:
        whole_day = day_only(placed)
        left_out = np.bincount(codes[keep & whole_day & (hour <= until)], minlength=eligible.size)
        keep &= ~whole_day
    beyond = np.flatnonzero(keep & (hour > until))
    _, first = np.unique(codes[beyond], return_index=True)
    keep &= hour <= until
    keep[beyond[first]] = True
    return placed[keep], codes[keep], left_out


def _nobody(rule: BaselineRule, instrument: Instrument, n_without_clock: int) -> Problem:
    """Why there is nobody to analyse, and what to do about it."""
    if n_without_clock:
        return Problem(
            "no patient is left whose session 1 and a later score have a clock time, without which no time "
            f"in hours is known ({n_without_clock} patients left out for that reason); give the clock times, "
            'or use unit="days"',
            table="scores",
            rule="no_clock_times",
        )
    return Problem(
        f"no patient has both a valid baseline ({rule.text}) and a later score of {instrument.name}; "
        "data_quality(cohort, instrument).summary() counts who is left out and why",
        table="scores",
        rule="no_events",
    )


def _eligible(cohort, start, outcome, instrument) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each patient's baseline, the reason why they cannot be judged, and whether they can."""
    value = np.full(len(cohort.patients), np.nan)
    reason = np.full(len(cohort.patients), "", dtype=object)
    eligible = np.zeros(len(cohort.patients), dtype=bool)
    codes = patient_codes(start)
    points = start["baseline"].to_numpy(float)
    why = ineligible_reason(outcome, instrument, points, start["reason"].to_numpy(dtype=object))
    reason[codes], value[codes], eligible[codes] = why, points, why == ""
    return value, reason, eligible


def _with_patients(cohort: Cohort, table: pd.DataFrame, rows: np.ndarray, dtype) -> pd.DataFrame:
    """The marked rows of a table with a row per patient, with the patient and the patient's columns."""
    chosen = np.flatnonzero(rows)
    frame = table.iloc[chosen].reset_index(drop=True)
    frame.insert(0, "patient_id", pd.Categorical.from_codes(chosen, dtype=dtype))
    taken = {*frame.columns, *CLOCK_COLUMNS}
    covariates = [column for column in cohort.patients.columns if column not in taken]
    return pd.concat([frame, cohort.patients[covariates].iloc[chosen].reset_index(drop=True)], axis=1)


def _intervals(rows, codes, responding, n_patients, has_horizon) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends of each patient's interval (hours) and the reason; rows ascend by patient and time."""
    starts = segment_starts(codes, n_patients)
    n_rows = codes.size
    hits = np.append(np.flatnonzero(responding), n_rows)
    first_hit = hits[np.searchsorted(hits, starts[:-1])]
    event = first_hit < starts[1:]
    at = np.where(event, first_hit, starts[1:])

    # A time known only to the day may lie nominally before the session that it follows.
    hour = np.maximum(rows["hour"].to_numpy(float), 0.0)
    has_earlier = at > starts[:-1]
    left = np.zeros(n_patients)
    left[has_earlier] = hour[at[has_earlier] - 1]
    right = np.full(n_patients, np.inf)
    right[event] = hour[at[event]]

    why = np.full(n_patients, CENSORED_HORIZON if has_horizon else CENSORED, dtype=object)
    why[event & has_earlier] = BETWEEN
    why[event & ~has_earlier] = FIRST
    return left, right, why


def _tally(reasons: np.ndarray) -> pd.DataFrame:
    """Counts of the reasons that are not empty, largest first."""
    found, counts = np.unique(reasons[reasons != ""].astype(str), return_counts=True)
    order = np.lexsort((found, -counts))
    return pd.DataFrame({"reason": pd.array(found[order], dtype="str"), "n_patients": counts[order]})
