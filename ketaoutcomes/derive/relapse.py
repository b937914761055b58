"""Relapse while treatment goes on: from a state reached at the end of induction, whatever sessions follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import BaselineRule, Outcome, Window, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.clock import whole_days
from ketaoutcomes.derive.episode_rows import STOPPED, closings
from ketaoutcomes.derive.event_rows import tally
from ketaoutcomes.derive.loss import LossRule, find_loss
from ketaoutcomes.derive.outcomes import find_outcome, ineligible_reason, met
from ketaoutcomes.derive.runs import first_runs
from ketaoutcomes.derive.scores import scores, superseded
from ketaoutcomes.derive.windows import SCORED, find_window, windowed_of

__all__ = ["NEVER_AGAIN", "NOT_IN_STATE", "TOO_FAR_APART", "RelapseSet", "relapse_rows"]

RELAPSE = "relapse"
SEEN_LAST = "no longer assessed"
NEVER_AGAIN = "in the state, and no score after it"
NOT_IN_STATE = "not in the state at the end of induction"
TOO_FAR_APART = "in the state, and never scored twice as far apart as the rule of relapse asks"

_KINDS = ("response", "remission")


@dataclass(frozen=True)
class RelapseSet:
    """Patients in a state at the end of induction, with the interval of their relapse.

    Attributes
    ----------
    frame : DataFrame
        One row per patient: `patient_id`; `state_hour`, when the state was seen (hours since
        session 1); `left`, `right`, hours since then: relapse in (left, right], `right` inf if none was
        seen, and `left` is then the last score that was no relapse; `end_reason` ("relapse", "stopped",
        "no longer assessed"); `n_assessments`, scores since then, up to the one that found the relapse;
        `n_sessions`, sessions since then up to the last score or the relapse, which end nothing;
        `baseline`, `score` (points).
    dropped : DataFrame
        `reason`, `n_patients`: treated patients who are not in `frame`.
    state : Outcome
    but_not : Outcome or None
        State that was excluded.
    loss : LossRule
    window : Window
    baseline : BaselineRule
    instrument : Instrument
    n_starters : int
        Treated patients.
    n_in_state : int
        Those in the state, with a later score or without.
    n_unconfirmed : int
        Rows censored although the last score looks like a relapse, since it was not seen again.
    """

    frame: pd.DataFrame
    dropped: pd.DataFrame
    state: Outcome
    but_not: Outcome | None
    loss: LossRule
    window: Window
    baseline: BaselineRule
    instrument: Instrument
    n_starters: int
    n_in_state: int
    n_unconfirmed: int


def relapse_rows(
    cohort: Cohort,
    instrument: str,
    *,
    state: str = "remission",
    but_not: str | None = None,
    loss: str | None = "relapse",
    window: str | float = "end_of_induction",
    baseline: str = "last_14_days",
) -> RelapseSet:
    """When patients who were in a state at the end of induction relapse while treatment goes on.

    The clock starts at the score that showed the state: nobody can be known to be in it before, so time
    before it is not time at risk. Later sessions end nothing (treatment policy). A patient is followed to
    the last score, and not beyond the day of a stop. Where the rule asks for two scores some days apart,
    a patient who never has two such scores cannot be seen to relapse, and is left out and counted:
    to count them as well would make a clinic that seldom asks look like one without relapse.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    state : str
        "remission", "response", or the name of a definition of either.
    but_not : str, optional
        A second definition that must not be met: responders who are not remitters.
    loss : str, optional
        Name of a definition of relapse or loss of response, or one of these two kinds.
    window : str or float
        Name of the window in which the state is looked for, as in `windowed`.
    baseline : str
        Name of the baseline rule.

    Returns
    -------
    RelapseSet
        `frame` may be empty.

    Raises
    ------
    DataError
        If the instrument has no score, or a definition does not suit it.
    """
    check_cohort(cohort)
    known = find_instrument(instrument)
    outcome = find_outcome(state, known, kinds=_KINDS)
    excluded = None if but_not is None else find_outcome(but_not, known, kinds=_KINDS)
    lost = find_loss(outcome, known, loss=loss)
    looked, rule = find_window(window), baseline_rule(baseline)
    placed = scores(cohort, known.name)
    start = baseline_of(cohort, placed, known, rule)
    seen = windowed_of(cohort, placed, looked)
    points, score = start["baseline"].to_numpy(float), seen["score"].to_numpy(float)
    why = ineligible_reason(outcome, known, points, start["reason"].to_numpy(dtype=object))
    status = seen["status"].to_numpy(dtype=object)
    why[(why == "") & (status != SCORED)] = status[(why == "") & (status != SCORED)]
    holds = met(outcome, known, score, points)
    if excluded is not None:
        holds &= ~met(excluded, known, score, points)
    why[(why == "") & ~holds] = NOT_IN_STATE
    n_in_state = int((why == "").sum())

    begun = np.full(len(cohort.patients), np.nan)
    code = patient_codes(seen)
    begun[code[why == ""]] = seen["hour"].to_numpy(float)[why == ""]
    value = np.full(len(cohort.patients), np.nan)
    value[code] = points
    rows = _later(cohort, placed, begun)
    why[(why == "") & ~np.isin(code, patient_codes(rows))] = NEVER_AGAIN
    why[(why == "") & ~_can_be_seen(rows, code, begun, lost)] = TOO_FAR_APART
    rows = rows[np.isin(patient_codes(rows), code[why == ""])]
    chosen = np.flatnonzero(why == "")
    frame, n_unconfirmed = _intervals(cohort, rows, code[chosen], begun, value, lost, known)
    frame.insert(0, "patient_id", seen["patient_id"].iloc[chosen].reset_index(drop=True))
    return RelapseSet(
        frame=frame.assign(baseline=points[chosen], score=score[chosen]),
        dropped=tally(why),
        state=outcome,
        but_not=excluded,
        loss=lost,
        window=looked,
        baseline=rule,
        instrument=known,
        n_starters=len(seen),
        n_in_state=n_in_state,
        n_unconfirmed=n_unconfirmed,
    )


def _later(cohort: Cohort, placed: pd.DataFrame, begun: np.ndarray) -> pd.DataFrame:
    """Scores after the one that showed the state, none later than the day of a stop."""
    code, hour = patient_codes(placed), placed["hour"].to_numpy(float)
    closing, reason = closings(cohort)
    stopped = reason[code] == STOPPED
    with np.errstate(invalid="ignore"):
        after = (hour > begun[code]) & np.isfinite(placed["score"].to_numpy(float)) & ~superseded(placed)
        before_stop = ~stopped | ~(whole_days(hour) > whole_days(closing[code]))
    return placed[after & before_stop]


def _can_be_seen(rows: pd.DataFrame, codes: np.ndarray, begun: np.ndarray, lost: LossRule) -> np.ndarray:
    """Whether each patient has scores at which a relapse by the rule would be seen; bool."""
    code = patient_codes(rows)
    starts = np.append(np.searchsorted(code, codes), code.size)
    since = rows["hour"].to_numpy(float) - begun[code]
    # If every score were one of relapse: is there a run that counts?
    return first_runs(np.ones(code.size, dtype=bool), since, starts, lost.run).row >= 0


def _intervals(cohort: Cohort, rows: pd.DataFrame, codes, begun, value, lost: LossRule, known: Instrument):
    """When each of the patients `codes` relapsed, in hours since the state was seen; unconfirmed ones."""
    code, hour = patient_codes(rows), rows["hour"].to_numpy(float)
    starts = np.append(np.searchsorted(code, codes), code.size)
    since = hour - begun[code]
    holds = lost.lost(known, rows["score"].to_numpy(float), value[code])
    runs = first_runs(holds, since, starts, lost.run)
    event = runs.row >= 0
    left, right = np.zeros(codes.size), np.full(codes.size, np.inf)
    left[runs.before >= 0] = since[runs.before[runs.before >= 0]]
    right[event] = since[runs.row[event]]
    last = np.where(event, runs.row, starts[1:] - 1)
    reason = np.full(codes.size, SEEN_LAST, dtype=object)
    reason[closings(cohort)[1][codes] == STOPPED] = STOPPED
    reason[event] = RELAPSE
    until = hour[last] if codes.size else np.empty(0)
    frame = pd.DataFrame(
        {
            "state_hour": begun[codes],
            "left": left,
            "right": right,
            "end_reason": pd.array(reason, dtype="str"),
            "n_assessments": last - starts[:-1] + 1,
            "n_sessions": _sessions_between(cohort, codes, begun[codes], until),
        }
    )
    return frame, int((runs.unconfirmed & lost.confirmed).sum())


def _sessions_between(cohort: Cohort, codes: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Sessions of each patient after `low` and by `high`."""
    sessions = cohort.sessions
    owner, hour = patient_codes(sessions), sessions["hour"].to_numpy(float)
    opens, closes = np.full((2, len(cohort.patients)), np.nan)
    opens[codes], closes[codes] = low, high
    with np.errstate(invalid="ignore"):
        inside = (hour > opens[owner]) & (hour <= closes[owner])
    starts = segment_starts(owner, len(cohort.patients))
    passed = np.concatenate([[0], np.cumsum(inside)])
    return (passed[starts[1:]] - passed[starts[:-1]])[codes]
