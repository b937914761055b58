"""What episodes are built from: the sessions that they begin with, their scores, and how they close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.clock import CLOCK_COLUMNS, HOURS_PER_DAY, day_only, session_bounds, whole_days
from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.derive.scores import superseded
from ketaoutcomes.derive.sessions import session_table
from ketaoutcomes.derive.stops import PLANNED_END

__all__ = [
    "CARRIED_DAYS",
    "COMPLETED",
    "LAST_SEEN",
    "NEXT_SESSION",
    "SESSIONS",
    "STOPPED",
    "Begun",
    "Rows",
    "Spans",
    "begin",
    "closings",
    "covariates",
    "score_rows",
    "spans",
]

NEXT_SESSION = "next session"
STOPPED = "stopped"
COMPLETED = "completed"
LAST_SEEN = "no longer assessed"

# How far back the score before a session may lie that shows a response carried into it.
CARRIED_DAYS = 14
# Which sessions episodes begin with.
SESSIONS = ("after_induction", "last_induction", "all")

_NOT_COVARIATES = CLOCK_COLUMNS | {"patient_id", "session", "month"}


@dataclass(frozen=True)
class Spans:
    """From each session to the next, or to where the records close; in the order of `cohort.sessions`.

    Attributes
    ----------
    table : DataFrame
        The sessions with their phase, as `session_table` returns.
    code : (n,) int array
        Row of each session's patient in `cohort.patients`.
    hour, next_hour : (n,) float array
        Hours since session 1; the next is missing at a patient's last session.
    length : (n,) float array
        Hours to the next session, or to where the records close.
    reason : (n,) object array of str
        "next session", "stopped", "completed" or "no longer assessed".
    after_induction, last_induction : (n,) bool array
        The last session of the first induction and all later ones, and that one alone. A patient whose
        first session was no part of an induction has only sessions after it.
    day_only : (n,) bool array
        Known only to the day.
    """

    table: pd.DataFrame
    code: np.ndarray
    hour: np.ndarray
    next_hour: np.ndarray
    length: np.ndarray
    reason: np.ndarray
    after_induction: np.ndarray
    last_induction: np.ndarray
    day_only: np.ndarray

    def chosen(self, sessions: str) -> np.ndarray:
        """Marks the sessions that `sessions` names; (n,) bool."""
        if sessions == "all":
            return np.ones(self.code.size, dtype=bool)
        return self.after_induction if sessions == "after_induction" else self.last_induction


@dataclass(frozen=True)
class Rows:
    """Scores after a session, by session and time.

    Attributes
    ----------
    session : (n,) int array
        Row in `cohort.sessions` of the session that each one follows.
    code : (n,) int array
        Row of the patient.
    hour, since : (n,) float array
        Hours since session 1, and since that session; `since` is at most the hours to the next one.
    score : (n,) float array
    day_only : (n,) bool array
    starts : (n_sessions + 1,) int array
        The scores after session row s are ``starts[s]:starts[s + 1]``.
    """

    session: np.ndarray
    code: np.ndarray
    hour: np.ndarray
    since: np.ndarray
    score: np.ndarray
    day_only: np.ndarray
    starts: np.ndarray


def closings(cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Until when no further session of each patient is known of, and why it is not known beyond.

    A stop or a planned end closes the records at its hour. A stop is any other status than still with the
    clinic or ended as planned, a loss of contact too: that they come no more is known, and calling it
    censoring would say that it has nothing to do with how they are. Whoever is still with the clinic is
    followed to the data cut, or without one to the last record.

    Returns
    -------
    hour : (n,) float array
        Hours since session 1; missing if nothing is recorded.
    reason : (n,) object array of str
        "stopped", "completed" or "no longer assessed".
    """
    found = follow_up(cohort)
    hour = np.fmax(np.where(np.isfinite(found.cut_low), found.cut_low, found.last_hour), found.last_hour)
    reason = np.full(hour.size, LAST_SEEN, dtype=object)
    table = cohort.disposition
    if not len(table) or "status" not in table.columns:
        return hour, reason
    code = patient_codes(table)
    words = table["status"].astype("str").str.strip().str.lower()
    gone = found.left[code] & table["status"].notna().to_numpy()
    planned = gone & words.isin(PLANNED_END).to_numpy()
    reason[code[gone & ~planned]] = STOPPED
    reason[code[planned]] = COMPLETED
    at = table["hour"].to_numpy(float)
    # A stop without a time is no earlier than the last record.
    hour[code[gone]] = np.where(np.isfinite(at), at, found.last_hour[code])[gone]
    return hour, reason


def spans(cohort: Cohort) -> Spans:
    """Each session with what comes next."""
    table = session_table(cohort)
    code = patient_codes(table)
    hour = table["hour"].to_numpy(float)
    has_next = np.zeros(hour.size, dtype=bool)
    has_next[:-1] = code[1:] == code[:-1]
    next_hour = np.where(has_next, np.roll(hour, -1), np.nan)
    closing, why = closings(cohort)
    length = np.where(has_next, next_hour - hour, np.fmax(closing[code] - hour, 0.0))
    low, high = session_bounds(cohort.sessions)
    last = table["last_induction"].to_numpy(dtype=bool)
    ended = np.zeros(len(cohort.patients), dtype=np.int64)
    ended[code[last]] = table["session"].to_numpy()[last]
    return Spans(
        table=table,
        code=code,
        hour=hour,
        next_hour=next_hour,
        length=length,
        reason=np.where(has_next, NEXT_SESSION, why[code]),
        after_induction=table["session"].to_numpy() >= ended[code],
        last_induction=last,
        day_only=high > low,
    )


def score_rows(cohort: Cohort, placed: pd.DataFrame, found: Spans) -> Rows:
    """The scores that follow a session, none later than the day of a stop.

    A stop ends what can be said of the treatment, so later scores are left out. A planned end does not:
    the response is followed beyond it.

    Parameters
    ----------
    placed : DataFrame
        As `scores` returns.
    """
    score = placed["score"].to_numpy(float)
    keep = (placed["session"].to_numpy() > 0) & ~superseded(placed) & np.isfinite(score)
    rows = placed[keep]
    code = patient_codes(rows)
    first = segment_starts(found.code, len(cohort.patients))[code]
    session = first + rows["session"].to_numpy().astype(np.int64) - 1
    since = rows["hours_since_session"].to_numpy(float)
    until = found.length[session]
    stopped = found.reason[session] == STOPPED
    before_stop = ~stopped | (whole_days(since) <= whole_days(until))
    # A score known only to the day may lie nominally after the session that it precedes.
    since = np.where(found.reason[session] == NEXT_SESSION, np.minimum(since, until), since)
    order = np.flatnonzero(before_stop)
    order = order[np.lexsort((since[order], session[order]))]
    return Rows(
        session=session[order],
        code=code[order],
        hour=rows["hour"].to_numpy(float)[order],
        since=since[order],
        score=rows["score"].to_numpy(float)[order],
        day_only=day_only(rows)[order],
        starts=segment_starts(session[order], found.code.size),
    )


@dataclass(frozen=True)
class Begun:
    """How each session may begin an episode; (n_sessions,) each.

    Attributes
    ----------
    starts : bool
        It begins one: followed by a response in time, or `carried`.
    carried : bool
        Responding at the last score before the session, within 14 days.
    first : int
        Row of the scores with which the episode begins: the first responding one in the onset
        window, or the first one after the session where the response is carried.
    before : int
        Row of the last score in the 14 days before the session; -1 if there is none.
    assessed : bool
        There is a score in the onset window.
    """

    starts: np.ndarray
    carried: np.ndarray
    first: np.ndarray
    before: np.ndarray
    assessed: np.ndarray


def begin(found: Spans, rows: Rows, responding: np.ndarray, onset_hours: float) -> Begun:
    """Which sessions are followed by a response in time, or were responding before."""
    low, high, n = rows.starts[:-1], rows.starts[1:], rows.since.size
    whole = onset_hours % HOURS_PER_DAY == 0
    in_window = rows.since < onset_hours + HOURS_PER_DAY / 2 if whole else rows.since <= onset_hours
    hits = np.append(np.flatnonzero(responding & in_window), n)
    hit = hits[np.searchsorted(hits, low)]
    seen = hit < high
    if not n:
        none = np.zeros(low.size, dtype=bool)
        return Begun(none, none, low, low - 1, none)
    last = np.maximum(low - 1, 0)
    days = whole_days(found.hour - rows.hour[last])
    has = (low > 0) & (rows.code[last] == found.code) & (days <= CARRIED_DAYS)
    carried = has & responding[last]
    return Begun(
        starts=seen | carried,
        carried=carried,
        first=np.where(carried, low, hit),
        before=np.where(has, last, -1),
        assessed=(low < high) & in_window[np.minimum(low, n - 1)],
    )


def covariates(cohort: Cohort, found: Spans, chosen: np.ndarray, taken: pd.Index) -> list[pd.DataFrame]:
    """Columns of the patients and of the sessions at rows `chosen`, but those whose names are `taken`."""
    patients, sessions = cohort.patients, found.table
    own = [name for name in patients.columns if name not in {*taken, *CLOCK_COLUMNS}]
    theirs = [
        name for name in cohort.sessions.columns if name not in {*taken, *own} and name not in _NOT_COVARIATES
    ]
    return [
        patients[own].iloc[found.code[chosen]].reset_index(drop=True),
        sessions[theirs].iloc[chosen].reset_index(drop=True),
    ]
