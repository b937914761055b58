"""Scores of a dissociation scale at their sessions: before, the highest during and after, and the return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import is_number
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes, segment_starts
from ketaoutcomes.derive.clock import HOURS_PER_DAY, clock_known, day_only, session_bounds
from ketaoutcomes.derive.scores import placed_scores, superseded
from ketaoutcomes.errors import DataError

__all__ = [
    "SCALES",
    "SESSION_GROUPS",
    "TOLERANCE_MINUTES",
    "Returns",
    "SessionPeaks",
    "Threshold",
    "returns",
    "session_group",
    "session_peaks",
    "threshold_of",
]

SCALES = ("CADSS", "CADSS-6")
# First and last session number of each group.
SESSION_GROUPS = {"1": (1, 1), "2": (2, 2), "3": (3, 3), "4–6": (4, 6), "7+": (7, np.inf)}
MINUTES_PER_HOUR = 60.0
# How long before the recorded start of a session a score "during" it may be timed; clinics' clocks differ.
TOLERANCE_MINUTES = 15.0
REMOTE = "taken away from the clinic"
SECOND = "without a timing, at the time of one that says it was before the session"
NO_SESSION = "of patients without a session"
NO_DAY = "known only to the day, with no session on that day"
OUTSIDE = "outside the minutes around a session"


@dataclass(frozen=True)
class Threshold:
    """A limit of a score.

    Parameters
    ----------
    value : float
    comparison : {"above", "at_least"}
    meaning, source : str
    """

    value: float
    comparison: str
    meaning: str
    source: str

    @property
    def words(self) -> str:
        """``"above 4"``, ``"at least 6"``."""
        return f"{self.comparison.replace('_', ' ')} {self.value:g}"

    def exceeded(self, score: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which scores are beyond it; a missing score is not."""
        with np.errstate(invalid="ignore"):
            return score > self.value if self.comparison == "above" else score >= self.value


@dataclass(frozen=True)
class SessionPeaks:
    """What a scale shows at each session.

    Attributes
    ----------
    instrument : Instrument
    assessments : DataFrame
        One row per score that belongs to a session, by session and time: `row` (of `cohort.sessions`),
        `before` (bool: of before the session), `minute` (since its start; missing where the time of
        either is known only to the day, and for a score during the session at the very time on record for
        it), `by_rule` (bool: during the session although no timing says so, and without a minute), `score`.
    before, peak : (s,) float arrays
        Per row of `cohort.sessions`: the last score before the session, and the highest during or after it;
        missing where there is none.
    peak_minute : (s,) float array
        Minute of the highest score, the first if it occurs twice; missing where none is known.
    n_after : (s,) int array
        Scores during or after the session.
    left_out : DataFrame
        Scores that belong to no session: `reason`, `n`.
    """

    instrument: Instrument
    assessments: pd.DataFrame
    before: NDArray[np.float64]
    peak: NDArray[np.float64]
    peak_minute: NDArray[np.float64]
    n_after: NDArray[np.int64]
    left_out: pd.DataFrame

    @property
    def after(self) -> pd.DataFrame:
        """The assessments during or after a session."""
        return self.assessments[~self.assessments["before"]]


@dataclass(frozen=True)
class Returns:
    """When scores came back to the threshold, one entry per session with a score beyond it at a known minute.

    Attributes
    ----------
    row : (k,) int array
        Row of `cohort.sessions`.
    left, right : (k,) float arrays
        Minutes since the start of the session: back after `left` and not after `right`; infinite where
        no later score was back.
    seen : (k,) bool array
        Whether there is a later score, so that a return can be seen.
    n_again : int
        Sessions with a score beyond the threshold after the return.
    """

    row: NDArray[np.int64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    seen: NDArray[np.bool_]
    n_again: int


def threshold_of(instrument: Instrument, threshold: object) -> Threshold:
    """The threshold asked for: a number, the name of a cut-off of the catalogue, or None for its only one.

    Raises
    ------
    DataError
        If there is no such cut-off, the instrument has none, or the number is outside its range.
    """
    known = {one.name: one for one in instrument.cutoffs if one.comparison in ("above", "at_least")}
    offered = f"the name of a cut-off ({', '.join(known)})" if known else "no cut-off is named for it"
    if is_number(threshold):
        if not instrument.minimum <= threshold < instrument.maximum:
            low, high = instrument.minimum, instrument.maximum
            raise DataError(
                f"threshold must be {low:g} or more and below {high:g}, the most on {instrument.name}"
            )
        return Threshold(
            float(threshold), "above", f"scores above {threshold:g}, chosen by the user", "Chosen by the user"
        )
    if threshold is None and len(known) != 1:
        raise DataError(
            f"the catalogue has no cut-off of {instrument.name} to go by; give a number of points, e.g. "
            "threshold=2: scores above it are counted"
        )
    if threshold is not None and (not isinstance(threshold, str) or threshold not in known):
        raise DataError(f"threshold takes a number of points, or {offered}")
    chosen = known[threshold] if threshold is not None else next(iter(known.values()))
    return Threshold(chosen.value, chosen.comparison, chosen.meaning, chosen.citation)


def session_group(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place in `SESSION_GROUPS` of each session number; (n,) int."""
    starts = [first for first, _ in SESSION_GROUPS.values()]
    return np.searchsorted(starts, number, side="right") - 1


def session_peaks(cohort: Cohort, instrument: str, *, window: tuple[float, float]) -> SessionPeaks:
    """Every score of the scale at the session that it belongs to.

    A score is during or after the nearest session that started before it, if that is at most
    `window[1]` minutes ago, and else before the next session, if that follows within -`window[0]`
    minutes. Its `timing` goes before the clock: "pre" is before a session, also where the recorded start
    is a little earlier; "during" up to `TOLERANCE_MINUTES` before a start, and nearer to it than to the
    session before, is at the start of that session, at minute 0; "during" and "post" are never before one;
    "remote" belongs to none.

    Where only the day of the score or of the session is known, the session is the one on that day. Such a
    score, and one at the very time on record for a session, is during it, at no known minute, unless its
    timing is "pre": the scale asks about now, and is given for what happens in a session. The cohort's
    `same_time` is for scores of symptoms and does not count here.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `SCALES`.
    window : (float, float)
        Minutes before (0 or negative) and after the start of a session.
    """
    known = find_instrument(instrument)
    rows = cohort.scores[cohort.scores["instrument"] == known.name]
    placed = placed_scores(cohort, rows.drop(columns="instrument"))
    placed = placed[np.isfinite(placed["score"].to_numpy(float))].reset_index(drop=True)
    row, before, minute, by_rule, reason = _placed(cohort, placed, window)
    kept = np.flatnonzero(row >= 0)
    order = kept[np.lexsort((kept, row[kept]))]
    assessments = pd.DataFrame(
        {
            "row": row[order],
            "before": before[order],
            "minute": minute[order],
            "by_rule": by_rule[order],
            "score": placed["score"].to_numpy(float)[order],
        }
    )
    left_out = pd.Series(reason[row < 0], dtype=object).value_counts(sort=False)
    after = assessments[~assessments["before"]]
    peak = np.full(len(cohort.sessions), -np.inf)
    np.maximum.at(peak, after["row"].to_numpy(), after["score"].to_numpy())
    peak[np.isinf(peak)] = np.nan
    last = np.full(peak.size, np.nan)
    earlier = assessments[assessments["before"]]
    # Rows rise in time within a session, so the last assignment is the latest score before it.
    last[earlier["row"].to_numpy()] = earlier["score"].to_numpy()
    return SessionPeaks(
        instrument=known,
        assessments=assessments,
        before=last,
        peak=peak,
        peak_minute=_peak_minute(after, peak),
        n_after=np.bincount(after["row"], minlength=peak.size),
        left_out=pd.DataFrame({"reason": left_out.index.astype(str), "n": left_out.to_numpy(np.int64)}),
    )


def returns(found: SessionPeaks, threshold: Threshold) -> Returns:
    """When the scores of each session were first back after one beyond the threshold."""
    after = found.after
    timed = after[np.isfinite(after["minute"].to_numpy())].sort_values(["row", "minute"], kind="stable")
    row, minute = timed["row"].to_numpy(), timed["minute"].to_numpy()
    beyond = threshold.exceeded(timed["score"].to_numpy())
    first = first_of_segment(row)
    # Scores beyond the threshold up to this row, less those of the sessions before.
    total = np.cumsum(beyond)
    start = np.flatnonzero(first)[np.cumsum(first) - 1] if row.size else np.empty(0, np.int64)
    so_far = total - (total[start] - beyond[start])
    has_peak = so_far > 0
    sessions, opening = np.unique(row[has_peak], return_index=True)
    earliest = minute[has_peak][opening]
    left, right = np.full(sessions.size, np.nan), np.full(sessions.size, np.inf)
    # Rows rise in time within a session, so the last assignment is the latest minute.
    left[np.searchsorted(sessions, row[has_peak])] = minute[has_peak]
    back = np.flatnonzero(has_peak & ~beyond)
    ended, at = np.unique(row[back], return_index=True)
    place = np.searchsorted(sessions, ended)
    left[place], right[place] = minute[back[at] - 1], minute[back[at]]
    end = np.full(sessions.size, np.iinfo(np.int64).max)
    end[place] = back[at]
    again = beyond & has_peak
    again[again] = np.flatnonzero(again) > end[np.searchsorted(sessions, row[again])]
    return Returns(
        row=sessions,
        left=left,
        right=right,
        seen=np.isfinite(right) | (left > earliest),
        n_again=int(np.unique(row[again]).size),
    )


def _placed(cohort: Cohort, placed: pd.DataFrame, window: tuple[float, float]):
    """Row of each score's session (-1: none), whether before it, its minute, whether by rule, why none."""
    sessions = cohort.sessions
    code = patient_codes(placed)
    starts = segment_starts(patient_codes(sessions), len(cohort.patients))
    n_before = placed["session"].to_numpy()
    timing = np.full(len(placed), "", dtype=object)
    if "timing" in placed.columns:
        timing = placed["timing"].astype("object").fillna("").to_numpy()
    previous = np.where(n_before > 0, starts[code] + n_before - 1, -1)
    following = np.where(n_before < np.diff(starts)[code], starts[code] + n_before, -1)
    since, at_previous = _apart(cohort, placed, previous)
    until, at_following = _apart(cohort, placed, following)
    remote = timing == "remote"
    # A score that shares the session's time or day is during it, and does not compete with one before it.
    second = superseded(placed) & ~at_previous & ~at_following
    usable = ~remote & ~second
    with np.errstate(invalid="ignore"):
        minutes_after = (since >= 0) & (since <= window[1])
        shortly_before = ((until <= 0) & (until >= window[0])) | at_following
        just_before = (until < 0) & (until >= -TOLERANCE_MINUTES) & ~(since < -until)
    shortly_after = minutes_after | at_previous
    # A session that started some known minutes ago goes before one of the same day, not before one now.
    unsaid = usable & (timing == "")
    joins = unsaid & at_following & ((until == 0) | ~minutes_after)
    # The word "during" stands, where the start on record is a little too late.
    early = usable & (timing == "during") & just_before
    is_after = usable & ~early & ~joins & (timing != "pre") & shortly_after
    is_before = usable & ~joins & ~is_after & np.isin(timing, ("", "pre")) & shortly_before
    # The word "pre" stands, where the start on record is a little too early.
    late = usable & ~is_before & (timing == "pre") & shortly_after
    row = np.where(is_before | early | joins, following, np.where(is_after | late, previous, -1))
    is_timed = ~joins & minutes_after & ~(is_after & (since == 0))
    minute = np.where(is_before, until, np.where(early, 0.0, np.where(is_timed, since, np.nan)))
    by_rule = joins | (unsaid & is_after & ~is_timed)
    reason = np.full(len(placed), OUTSIDE, dtype=object)
    reason[day_only(placed)] = NO_DAY
    reason[(previous < 0) & (following < 0)] = NO_SESSION
    reason[second] = SECOND
    reason[remote] = REMOTE
    return row, is_before | late, minute, by_rule, reason


def _apart(cohort: Cohort, placed: pd.DataFrame, row: np.ndarray):
    """Minutes from a session's start to each score, and whether the two share a time or a day.

    They share a day where one of them has no clock time; the day of session 1 is then the 24 hours from
    its hour 0, if nothing tells more. Minutes are missing, and nothing is shared, where `row` is -1.
    """
    sessions = cohort.sessions
    low, high = session_bounds(sessions)
    if not len(sessions):
        return np.full(row.size, np.nan), np.zeros(row.size, dtype=bool)
    opening = (sessions["session"].to_numpy() == 1) & (high <= low)
    vague = opening & ~clock_known(cohort)[patient_codes(sessions)]
    end = np.where(vague, low + HOURS_PER_DAY, high)
    low, high, end, vague = low[row], high[row], end[row], vague[row]
    hour = sessions["hour"].to_numpy(float)[row]
    score_low, score_high = placed["hour_low"].to_numpy(float), placed["hour_high"].to_numpy(float)
    exact, score_exact = end <= low, score_high <= score_low
    is_timed = (high <= low) & score_exact & (row >= 0)
    # Hours are known to the second; what is left of 0.1 + 0.2 must not decide about a limit.
    minute = np.round(MINUTES_PER_HOUR * (placed["hour"].to_numpy(float) - hour), 6)
    # A day is [low, high), a clock time the point itself.
    begins = (score_low < end) | (exact & (score_low <= end))
    ends = (low < score_high) | (score_exact & (low <= score_high))
    # A day's score that is placed at a session has that session's hour.
    shared = (begins & ends & (~is_timed | vague)) | (minute == 0)
    return np.where(is_timed, minute, np.nan), shared & (row >= 0)


def _peak_minute(after: pd.DataFrame, peak: np.ndarray) -> np.ndarray:
    """Minute of the first score of each session that is as high as its highest."""
    row, minute = after["row"].to_numpy(), after["minute"].to_numpy()
    highest = np.flatnonzero((after["score"].to_numpy() == peak[row]) & np.isfinite(minute))
    out = np.full(peak.size, np.inf)
    np.minimum.at(out, row[highest], minute[highest])
    return np.where(np.isinf(out), np.nan, out)
