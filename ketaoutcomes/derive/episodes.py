"""Episodes of response between sessions: from when it is seen to its loss, or to what ends them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import BaselineRule, Outcome, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, is_number
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes, segment_starts
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.clock import HOURS_PER_DAY
from ketaoutcomes.derive.episode_rows import (
    NEXT_SESSION,
    SESSIONS,
    Begun,
    Rows,
    Spans,
    begin,
    covariates,
    score_rows,
    spans,
)
from ketaoutcomes.derive.loss import LossRule, find_loss
from ketaoutcomes.derive.outcomes import find_outcome, improvement, ineligible_reason, met
from ketaoutcomes.derive.runs import first_runs
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.errors import DataError, Problem

__all__ = ["EpisodeSet", "episode_assessments", "episode_set", "episodes"]

LOSS = "loss"
UNKNOWN = "no score within the onset window, nor in the 14 days before the session"
NOT_BEFORE = "not responding before the session, and no score within the onset window"
NOT_RESPONDING = "not responding within the onset window, nor known to be before the session"

_KINDS = ("response", "remission")
_CLOCKS = ("session", "response")
_HALF_DAY = HOURS_PER_DAY / 2


@dataclass(frozen=True)
class EpisodeSet:
    """Episodes and what was left out.

    Attributes
    ----------
    frame : DataFrame
        As `episodes` returns.
    assessments : DataFrame
        As `episode_assessments` returns.
    dropped : DataFrame
        `reason`, `n_episodes`, `n_patients`: sessions that no episode begins with.
    definition : Outcome
        The response.
    loss : LossRule
    baseline : BaselineRule
    instrument : Instrument
    sessions, clock : str
        As asked for.
    onset_hours : float
    n_sessions, n_patients : int
        Sessions that an episode could begin with, and their patients.
    n_unconfirmed : int
        Episodes whose last assessments show a loss that was not seen long enough to count.
    n_assessments, n_day_only : int
        Assessments in the episodes, and those of them known only to the day.
    n_sessions_day_only : int
        Episodes whose session is known only to the day.
    """

    frame: pd.DataFrame
    assessments: pd.DataFrame
    dropped: pd.DataFrame
    definition: Outcome
    loss: LossRule
    baseline: BaselineRule
    instrument: Instrument
    sessions: str
    clock: str
    onset_hours: float
    n_sessions: int
    n_patients: int
    n_unconfirmed: int
    n_assessments: int
    n_day_only: int
    n_sessions_day_only: int


def episodes(
    cohort: Cohort,
    instrument: str,
    *,
    baseline: str = "last_14_days",
    response: str | None = None,
    loss: str | None = None,
    keep: float | None = None,
    confirmed: bool = False,
    onset_hours: float = 72.0,
    sessions: str = "after_induction",
    clock: str = "session",
) -> pd.DataFrame:
    """Episodes of response between sessions, with the interval within which the response was lost.

    An episode begins with a session and runs to the patient's next one, to a stop, or to where
    the records close. It is counted from the first responding assessment within the onset window
    (`entry`): before it the patient is not known to respond, so time before it is not time at
    risk. A patient who was responding at the last assessment before the session, within 14
    days, is at risk from the session on (`carried`), also if the first assessment after it
    already shows a loss. A score on the day of the next session before it belongs to the
    episode that it ends.

    The loss lies after the last assessment at which the response was kept and by the first
    of those that show the loss. The assessment that begins an episode counts as kept.

    A session or assessment known only to the day enters at one time: 24 times a whole day, or
    local noon of a date. If a loss and what precedes it have the same time, the loss is dated
    half a day later.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    baseline : str
        Name of the baseline rule; response and loss count from the score before session 1.
    response : str, optional
        "response" (the default), "remission", or the name of a definition of either.
    loss : str, optional
        Name of a definition of loss of response or relapse, or one of these two kinds; by
        default the instrument's loss of response, or for another than its default response
        that this is no longer met.
    keep : float, optional
        In place of `loss`: lost only below this share of improvement, e.g. 0.25.
    confirmed : bool
        A loss counts only if the next assessment of the episode shows it as well; it is dated
        at the first of the two.
    onset_hours : float
        Length of the onset window after the session. A whole number of days is counted to
        the nearest day: 72 hours take in a visit on day 3 at any time of day.
    sessions : {"after_induction", "last_induction", "all"}
        Sessions that episodes begin with: the last one of the first induction and all later
        ones, that one alone, or all.
    clock : {"session", "response"}
        What hours count from: the session, or the assessment that begins the episode (the
        session, if carried).

    Returns
    -------
    DataFrame
        One row per episode, by patient and session: `patient_id`; `session`, its number;
        `number`, 1 for the patient's first episode; `session_hour` and `next_session_hour`
        (hours since session 1; missing if there is no next); `phase`; on the episode's clock,
        in hours: `entry`, `left`, `right` (loss in (left, right]; inf if none was seen, and
        `left` is then the last assessment at which the response was kept) and `end`;
        `carried`; `end_reason` ("loss", "next session", "stopped", "completed", "no longer
        assessed"); `state_known_at_end` (the response was kept at an assessment at most 24
        hours before the next session); `n_assessments` (from entry on, to the one that found
        the loss); `baseline`, and `score_before` (points; the last score after session 1 in
        the 14 days before the session, missing if none); and the columns of the patient and of
        the session.

    Raises
    ------
    DataError
        If no episode is found, or a definition does not suit the instrument.
    """
    return episode_set(
        cohort,
        instrument,
        baseline=baseline,
        response=response,
        loss=loss,
        keep=keep,
        confirmed=confirmed,
        onset_hours=onset_hours,
        sessions=sessions,
        clock=clock,
    ).frame


def episode_set(
    cohort: Cohort,
    instrument: str,
    *,
    baseline: str = "last_14_days",
    response: str | None = None,
    loss: str | None = None,
    keep: float | None = None,
    confirmed: bool = False,
    onset_hours: float = 72.0,
    sessions: str = "after_induction",
    clock: str = "session",
) -> EpisodeSet:
    """The episodes with their assessments, and the sessions left out, counted by reason."""
    _check_arguments(cohort, sessions, clock, onset_hours)
    known = find_instrument(instrument)
    outcome = find_outcome(response, known, kinds=_KINDS)
    lost = find_loss(outcome, known, loss=loss, keep=keep, confirmed=confirmed)
    rule = baseline_rule(baseline)
    placed = scores(cohort, instrument)
    value, reason = _baselines(cohort, placed, outcome, known, rule)
    found = spans(cohort)
    rows = score_rows(cohort, placed, found)
    candidate = found.chosen(sessions)
    begun = begin(found, rows, met(outcome, known, rows.score, value[rows.code]), onset_hours)

    why = reason[found.code].copy()
    unseen = (why == "") & ~begun.starts
    unassessed = np.where(begun.before >= 0, NOT_BEFORE, UNKNOWN)
    why[unseen] = np.where(begun.assessed, NOT_RESPONDING, unassessed)[unseen]
    chosen = np.flatnonzero(candidate & (why == ""))
    dropped = _tally(why, found.code, candidate & (why != ""))
    if not chosen.size:
        raise DataError(_nobody(known, dropped, int(candidate.sum())))
    base = value[found.code[chosen]]
    times, seen, n_unconfirmed = _read(found, rows, begun, chosen, base, lost, known)
    if clock == "response":
        zero = times["entry"].to_numpy(copy=True)
        times[["entry", "left", "right", "end"]] -= zero[:, None]
        seen["hour"] -= zero[seen["episode"]]
    return EpisodeSet(
        frame=_frame(cohort, found, rows, begun, chosen, base, times),
        assessments=seen.drop(columns="day_only"),
        dropped=dropped,
        definition=outcome,
        loss=lost,
        baseline=rule,
        instrument=known,
        sessions=sessions,
        clock=clock,
        onset_hours=float(onset_hours),
        n_sessions=int(candidate.sum()),
        n_patients=np.unique(found.code[candidate]).size,
        n_unconfirmed=n_unconfirmed,
        n_assessments=len(seen),
        n_day_only=int(seen["day_only"].sum()),
        n_sessions_day_only=int(found.day_only[chosen].sum()),
    )


def _check_arguments(cohort, sessions, clock, onset_hours) -> None:
    check_cohort(cohort)
    check_choice("sessions", sessions, SESSIONS)
    check_choice("clock", clock, _CLOCKS)
    if not is_number(onset_hours) or not 0 < onset_hours < np.inf:
        raise DataError("onset_hours must be one number of hours above 0, e.g. onset_hours=72")


def episode_assessments(cohort: Cohort, found: EpisodeSet) -> pd.DataFrame:
    """The assessments that the episodes of a set were read from.

    Returns
    -------
    DataFrame
        One row per assessment from the entry of its episode on, up to the one that found the
        loss, by episode and time: `episode` (row number in `found.frame`), `hour` (on the
        episode's clock), `score` (points), `improvement` (share of the way from baseline to the
        instrument's minimum), `lost` (bool: the score by itself counts as lost; never so for the
        assessment that begins the episode).

    Raises
    ------
    DataError
        If the set was made from other patients.
    """
    check_cohort(cohort)
    if found.frame["patient_id"].dtype != cohort.sessions["patient_id"].dtype:
        raise DataError("the episodes were made from another cohort; make them from this one")
    return found.assessments


def _read(found: Spans, rows: Rows, begun: Begun, chosen, base, lost: LossRule, known: Instrument):
    """When each chosen episode began, was lost and ended, in hours since its session.

    Returns
    -------
    times : DataFrame
        One row per episode.
    seen : DataFrame
        One row per assessment of an episode, up to the one that found the loss.
    n_unconfirmed : int
        Losses at the last assessments that were not seen long enough.
    """
    first, n_rows = begun.first[chosen], rows.starts[chosen + 1] - begun.first[chosen]
    starts = np.concatenate([[0], np.cumsum(n_rows)])
    take = np.repeat(first - starts[:-1], n_rows) + np.arange(starts[-1])
    episode = np.repeat(np.arange(chosen.size), n_rows)
    since, score = rows.since[take], rows.score[take]
    is_lost = lost.lost(known, score, base[episode])
    carried = begun.carried[chosen]
    entered = starts[:-1][~carried]
    # Where a score both responds and counts as lost (22 points from 50), the response begins the episode.
    is_lost[entered] = False
    runs = first_runs(is_lost, since, starts, lost.run)

    entry, left, right = np.zeros(chosen.size), np.zeros(chosen.size), np.full(chosen.size, np.inf)
    kept, event = runs.before >= 0, runs.row >= 0
    entry[~carried] = since[entered]
    left[kept] = since[runs.before[kept]]
    right[event] = since[runs.row[event]]
    right = _after(right, left, found.next_hour[chosen] - found.hour[chosen])
    any_row = n_rows > 0
    last_since, last_kept = np.zeros(chosen.size), np.zeros(chosen.size, dtype=bool)
    last_since[any_row] = since[starts[1:][any_row] - 1]
    last_kept[any_row] = ~is_lost[starts[1:][any_row] - 1]
    length, has_next = found.length[chosen], found.reason[chosen] == NEXT_SESSION
    # Without a next session the response may be followed beyond a planned end, or the last record.
    open_end = np.where(has_next, length, np.maximum(length, last_since))
    last = np.where(event, runs.row, starts[1:] - 1)
    times = pd.DataFrame(
        {
            "entry": entry,
            "carried": carried,
            "left": left,
            "right": right,
            "end": np.where(event, right, open_end),
            "end_reason": pd.array(np.where(event, LOSS, found.reason[chosen]), dtype="str"),
            "state_known_at_end": has_next & ~event & last_kept & (last_since >= length - HOURS_PER_DAY),
            "next_session_hour": found.next_hour[chosen],
            "n_assessments": last - starts[:-1] + 1,
        }
    )
    seen = pd.DataFrame(
        {
            "episode": episode,
            "hour": since,
            "score": score,
            "improvement": improvement(known, score, base[episode]),
            "lost": is_lost,
            "day_only": rows.day_only[take],
        }
    )
    shown = np.arange(take.size) <= last[episode]
    return times, seen[shown].reset_index(drop=True), int((runs.unconfirmed & lost.confirmed).sum())


def _frame(cohort: Cohort, found: Spans, rows: Rows, begun: Begun, chosen, base, times) -> pd.DataFrame:
    """One row per episode: its session, its times, its baseline, and the covariates."""
    code, before = found.code[chosen], begun.before[chosen]
    start_of = segment_starts(code, len(cohort.patients))[code]
    head = pd.DataFrame(
        {
            "patient_id": pd.Categorical.from_codes(code, dtype=found.table["patient_id"].dtype),
            "session": found.table["session"].to_numpy()[chosen],
            "number": np.arange(chosen.size) - start_of + 1,
            "session_hour": found.hour[chosen],
            "phase": pd.array(found.table["phase"].to_numpy()[chosen], dtype="str"),
        }
    )
    table = pd.concat([head, times], axis=1).assign(
        baseline=base, score_before=np.where(before >= 0, rows.score[np.maximum(before, 0)], np.nan)
    )
    return pd.concat([table, *covariates(cohort, found, chosen, table.columns)], axis=1)


def _after(right: np.ndarray, left: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Losses that would be at the very time of what they follow, moved half a day, within the episode."""
    later = np.fmin(left + _HALF_DAY, np.where(length > left, length, np.nan))
    return np.where(right <= left, later, right)


def _baselines(cohort, placed, outcome, known, rule) -> tuple[np.ndarray, np.ndarray]:
    """Each patient's baseline, and the reason why they cannot be judged; "" if they can."""
    start = baseline_of(cohort, placed, known, rule)
    value = np.full(len(cohort.patients), np.nan)
    reason = np.full(len(cohort.patients), "", dtype=object)
    codes = patient_codes(start)
    points = start["baseline"].to_numpy(float)
    value[codes] = points
    reason[codes] = ineligible_reason(outcome, known, points, start["reason"].to_numpy(dtype=object))
    return value, reason


def _tally(why: np.ndarray, code: np.ndarray, left_out: np.ndarray) -> pd.DataFrame:
    """Sessions and patients left out by reason, the most sessions first."""
    names, number = np.unique(why[left_out].astype(str), return_inverse=True)
    n_episodes = np.bincount(number, minlength=names.size)
    # Sessions are sorted by patient: a stable sort by reason keeps each patient's together.
    order = np.argsort(number, kind="stable")
    pair = number[order] * (code.max(initial=0) + 1) + code[left_out][order]
    n_patients = np.bincount(number[order][first_of_segment(pair)], minlength=names.size)
    rank = np.lexsort((names, -n_episodes))
    table = {"reason": pd.array(names, dtype="str"), "n_episodes": n_episodes, "n_patients": n_patients}
    return pd.DataFrame(table).iloc[rank].reset_index(drop=True)


def _nobody(instrument: Instrument, dropped: pd.DataFrame, n_sessions: int) -> Problem:
    """Why there is no episode, and what to do about it."""
    reasons = "; ".join(f"{row.reason} ({row.n_episodes})" for row in dropped.itertuples())
    return Problem(
        f"no patient is seen to respond by {instrument.name} after any of the sessions, or before it; of "
        f'{n_sessions} sessions: {reasons or "none is chosen"}; widen onset_hours, or choose sessions="all"',
        table="scores",
        rule="no_episodes",
    )
