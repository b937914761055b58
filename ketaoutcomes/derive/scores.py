"""Scores of one instrument, each placed before or after the patient's sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.clock import HOURS_PER_DAY, session_bounds
from ketaoutcomes.errors import DataError, Problem

__all__ = ["HOURS_PER_DAY", "placed_scores", "scores", "starters", "superseded"]

# Order within one time: what is taken before a session comes before what is taken after it.
_TIMING_RANK = {"pre": 0, "during": 2, "post": 3, "remote": 4}
_UNSTATED_RANK = 1


def scores(cohort: Cohort, instrument: str) -> pd.DataFrame:
    """Scores of one instrument, with the session that each one follows.

    A score follows a session if it was taken after it. Where the two times are
    equal, or cannot be told apart because only the day is known, the score is
    before the session unless its `timing` is "during", "post" or "remote"
    (or the cohort's `same_time` is "after" and no timing is given).

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`, e.g. "PHQ-9"; aliases are understood.

    Returns
    -------
    DataFrame
        One row per score, by patient and time. The columns of `cohort.scores`
        without `instrument`, and: `day` (hour / 24), `session` (number of the
        last session before the score; 0 is before any), `hours_since_session`
        (float, missing before the first session).

    Raises
    ------
    DataError
        If the instrument is not known, or the cohort has no score of it.
    """
    check_cohort(cohort)
    name = find_instrument(instrument).name
    table = cohort.scores
    rows = table[table["instrument"] == name]
    if rows.empty:
        recorded = sorted(str(found) for found in table["instrument"].unique())
        choices = ", ".join(recorded) if recorded else "none"
        raise DataError(
            Problem(
                f'has no score of "{name}" for these patients; instruments with scores: {choices}',
                table="scores",
                column="instrument",
                rule="no_scores",
            )
        )
    return placed_scores(cohort, rows.drop(columns="instrument"))


def placed_scores(cohort: Cohort, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` of `cohort.scores` sorted by patient and time, with day, session and time since it."""
    codes = patient_codes(rows)
    rank = _timing_rank(rows)
    order = np.lexsort((rank, rows["hour"].to_numpy(float), codes))
    rows = rows.iloc[order].reset_index(drop=True)
    codes = codes[order]
    session = _sessions_before(cohort, rows, codes)

    first = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))[codes]
    has_session = session > 0
    since = np.full(len(rows), np.nan)
    session_hour = cohort.sessions["hour"].to_numpy(float)
    rows_after = np.flatnonzero(has_session)
    last = first[rows_after] + session[rows_after] - 1
    # A time known only to the day may lie nominally before the session that it follows.
    since[rows_after] = np.maximum(rows["hour"].to_numpy(float)[rows_after] - session_hour[last], 0.0)
    return rows.assign(
        day=rows["hour"].to_numpy(float) / HOURS_PER_DAY,
        session=session,
        hours_since_session=since,
    )


def starters(cohort: Cohort) -> np.ndarray:
    """Marks the patients with at least one session, in the order of `cohort.patients`; bool."""
    starts = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
    return np.diff(starts) > 0


def superseded(placed: pd.DataFrame) -> np.ndarray:
    """Marks scores without a timing that share patient, time and session with one that says "pre"; bool.

    Only one of the two can be the score before the session, and the one that
    says so is taken.
    """
    timing = _timing(placed)
    pre, unstated = np.flatnonzero(timing == "pre"), np.flatnonzero(timing == "")
    if not pre.size or not unstated.size:
        return np.zeros(len(placed), dtype=bool)
    place = [patient_codes(placed), placed["hour"].to_numpy(float), placed["session"].to_numpy()]
    key = pd.MultiIndex.from_arrays(place)
    found = np.zeros(len(placed), dtype=bool)
    found[unstated] = key[unstated].isin(key[pre])
    return found


def _timing(rows: pd.DataFrame) -> np.ndarray:
    if "timing" not in rows.columns:
        return np.full(len(rows), "", dtype=object)
    return rows["timing"].astype("object").fillna("").to_numpy()


def _timing_rank(rows: pd.DataFrame) -> np.ndarray:
    timing = _timing(rows)
    rank = np.full(len(rows), _UNSTATED_RANK)
    for name, value in _TIMING_RANK.items():
        rank[timing == name] = value
    return rank


def _sessions_before(cohort: Cohort, rows: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    """Number of the patient's sessions that come before each score; (n,) int64.

    Scores and sessions are merged by one sort. A score that yields to a session
    at the same time needs the session's last possible hour to be past; one that
    follows it needs only the session's first possible hour.
    """
    timing = _timing(rows)
    follows = np.isin(timing, ["during", "post", "remote"])
    if cohort.settings.same_time == "after":
        follows |= timing == ""
    sessions = cohort.sessions
    low, high = session_bounds(sessions)
    owner = patient_codes(sessions)
    score_low, score_high = rows["hour_low"].to_numpy(float), rows["hour_high"].to_numpy(float)
    count = np.zeros(len(rows), dtype=np.int64)

    # Ties: [a, b) ends before a score at b, but a session at exactly b does not.
    yielding = ~follows
    count[yielding] = _earlier(
        owner, high, np.where(high > low, 0, 2), codes[yielding], score_low[yielding], 1, len(cohort.patients)
    )
    # Ties: a score in [a, b) ends before a session at b; a score at exactly b is after it.
    exact = (score_high <= score_low)[follows]
    count[follows] = _earlier(
        owner, low, 1, codes[follows], score_high[follows], np.where(exact, 2, 0), len(cohort.patients)
    )
    return count


def _earlier(owner, time, tie, code, moment, moment_tie, n_patients: int) -> np.ndarray:
    """How many of a patient's `time` come before each `moment`, ties by the smaller tie number."""
    n_times = owner.size
    key_code = np.concatenate([owner, code])
    key_time = np.concatenate([time, moment])
    key_tie = np.concatenate([np.broadcast_to(tie, n_times), np.broadcast_to(moment_tie, code.size)])
    order = np.lexsort((key_tie, key_time, key_code))
    is_time = order < n_times
    running = np.cumsum(is_time)
    of_earlier_patients = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n_patients))])
    count = np.empty(code.size, dtype=np.int64)
    rest = ~is_time
    count[order[rest] - n_times] = running[rest] - of_earlier_patients[key_code[order[rest]]]
    return count
