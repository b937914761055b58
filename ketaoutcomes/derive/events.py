"""Time to first response, known only to lie between two assessments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import BaselineRule, Outcome, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.outcomes import find_outcome, ineligible_reason, met
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.errors import DataError, Problem

__all__ = ["EventSet", "event_set", "response_events"]

FIRST = "responded at the first assessment after session 1"
BETWEEN = "responded between two assessments"
CENSORED = "not responding at the last assessment"
CENSORED_HORIZON = "not responding at the last assessment before the horizon"
NO_FOLLOW_UP = "no score after session 1"
NO_FOLLOW_UP_HORIZON = "no score between session 1 and the horizon"


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
    """

    frame: pd.DataFrame
    dropped: pd.DataFrame
    definition: Outcome
    baseline: BaselineRule
    instrument: Instrument
    n_starters: int
    n_origin_uncertain: int


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
    (left, right]. Without a response it lies beyond the last assessment. Where
    only the day of an assessment is known, left is the day's first hour and
    right its last.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    definition : str, optional
        Name of a definition; the instrument's response by default.
    origin : {"first_session"}
    baseline : str
        Name of the baseline rule.
    horizon_hours : float, optional
        Assessments after this hour are not looked at.

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
) -> EventSet:
    """The events with the patients left out, counted by reason."""
    if origin != "first_session":
        raise DataError(f'origin="{origin}" is not known; choose "first_session"')
    if horizon_hours is not None and not horizon_hours > 0:
        raise DataError("the horizon must be above 0")
    known = find_instrument(instrument)
    outcome = find_outcome(definition, known, kinds=("response", "remission"))
    rule = baseline_rule(baseline)
    placed = scores(cohort, instrument)
    start = baseline_of(cohort, placed, known, rule)
    value, reason, eligible = _eligible(cohort, start, outcome, known)

    n_patients = len(cohort.patients)
    codes = patient_codes(placed)
    keep = (placed["session"].to_numpy() > 0) & eligible[codes]
    if horizon_hours is not None:
        keep &= placed["hour"].to_numpy(float) <= horizon_hours
    rows, codes = placed[keep], codes[keep]
    n_assessments = np.bincount(codes, minlength=n_patients)
    unseen = eligible & (n_assessments == 0)
    reason[unseen] = NO_FOLLOW_UP if horizon_hours is None else NO_FOLLOW_UP_HORIZON
    analysed = n_assessments > 0
    if not analysed.any():
        raise DataError(
            Problem(
                f"no patient has both a valid baseline ({rule.text}) and a later score of {known.name}",
                table="scores",
                rule="no_events",
            )
        )

    responding = met(outcome, known, rows["score"].to_numpy(float), value[codes])
    left, right, why = _intervals(rows, codes, responding, n_patients, horizon_hours is not None)
    table = pd.DataFrame(
        {"left": left, "right": right, "event": np.isfinite(right), "reason": pd.array(why, dtype="str")}
    ).assign(baseline=value, n_assessments=n_assessments)
    frame = _with_patients(cohort, table, analysed, placed["patient_id"].dtype)
    return EventSet(
        frame=frame,
        dropped=_tally(reason[patient_codes(start)]),
        definition=outcome,
        baseline=rule,
        instrument=known,
        n_starters=len(start),
        n_origin_uncertain=_uncertain_origins(cohort, analysed),
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
    covariates = [column for column in cohort.patients.columns if column not in frame.columns]
    return pd.concat([frame, cohort.patients[covariates].iloc[chosen].reset_index(drop=True)], axis=1)


def _intervals(rows, codes, responding, n_patients, has_horizon) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends of each patient's interval (hours) and the reason; rows ascend by patient and time."""
    starts = segment_starts(codes, n_patients)
    n_rows = codes.size
    hits = np.append(np.flatnonzero(responding), n_rows)
    first_hit = hits[np.searchsorted(hits, starts[:-1])]
    event = first_hit < starts[1:]
    at = np.where(event, first_hit, starts[1:])

    low = np.maximum(rows["hour_low"].to_numpy(float), 0.0)
    high = np.maximum(rows["hour_high"].to_numpy(float), 0.0)
    has_earlier = at > starts[:-1]
    left = np.zeros(n_patients)
    left[has_earlier] = low[at[has_earlier] - 1]
    right = np.full(n_patients, np.inf)
    right[event] = high[at[event]]
    # Two assessments of one day may be known in order but not in time.
    left = np.minimum(left, right)

    why = np.full(n_patients, CENSORED_HORIZON if has_horizon else CENSORED, dtype=object)
    why[event & has_earlier] = BETWEEN
    why[event & ~has_earlier] = FIRST
    return left, right, why


def _tally(reasons: np.ndarray) -> pd.DataFrame:
    """Counts of the reasons that are not empty, largest first."""
    found, counts = np.unique(reasons[reasons != ""].astype(str), return_counts=True)
    order = np.lexsort((found, -counts))
    return pd.DataFrame({"reason": pd.array(found[order], dtype="str"), "n_patients": counts[order]})


def _uncertain_origins(cohort: Cohort, analysed: np.ndarray) -> int:
    sessions = cohort.sessions
    first = sessions["session"].to_numpy() == 1
    uncertain = first & (sessions["hour_high"].to_numpy(float) > sessions["hour_low"].to_numpy(float))
    return int(analysed[patient_codes(sessions)[uncertain]].sum())
