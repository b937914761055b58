"""Time from each session to the first response before the next one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.clock import HOURS_PER_DAY, clock_known, session_bounds
from ketaoutcomes.derive.event_rows import (
    find_runs,
    followed,
    tally,
    without_clock,
)
from ketaoutcomes.derive.event_setup import Asked, EventSet, Judged, collected
from ketaoutcomes.derive.scores import superseded
from ketaoutcomes.errors import DataError, Problem

__all__ = ["session_event_set"]

# The state at a session is that of the last score before it, if it is not older than this.
STATE_DAYS = 14
ALREADY = "met at the session already"
NO_STATE = f"no score in the {STATE_DAYS} days before the session"
NO_SCORE_AFTER = "no score before the next session"
NO_CLOCK_SESSION = "only the day of the session is known"
NO_CLOCK_AFTER = "no score with a clock time before the next session"
NEVER_CONFIRMED = "met at every assessment, never confirmed"
NO_SESSION_LEFT = "no session that can be followed"


def session_event_set(cohort: Cohort, found: Judged, ask: Asked) -> EventSet:
    """One row per session at which the patient is not responding; hours since that session.

    The assessments of a session are those after it and before the next one, so a score taken right
    before the next session still belongs to it. Each change is counted from the patient's baseline
    before session 1.
    """
    sessions, placed = cohort.sessions, _by_session(found.placed)
    owner = patient_codes(sessions)
    eligible = found.eligible[owner]
    reason = np.where(eligible, _state_reasons(cohort, found, owner), "").astype(object)
    if ask.clock_needed:
        reason[eligible & (reason == "") & ~_exact(cohort, owner)] = NO_CLOCK_SESSION
    open_rows = eligible & (reason == "")

    codes = patient_codes(placed)
    first = segment_starts(owner, len(cohort.patients))
    number = placed["session"].to_numpy()
    segment = np.where(number > 0, first[codes] + number - 1, 0)
    hour = placed["hours_since_session"].to_numpy(float)
    keep = (number > 0) & open_rows[segment] & ~superseded(placed)
    lost = np.zeros(owner.size, dtype=np.int64)
    if ask.clock_needed:
        keep, lost = without_clock(placed, keep, segment, hour, owner.size, ask.horizon)
    seen = followed(placed[keep], segment[keep], hour[keep], owner.size, until=ask.horizon)
    unseen = open_rows & (seen.n_rows == 0)
    reason[unseen] = NO_SCORE_AFTER
    reason[unseen & (lost > 0)] = NO_CLOCK_AFTER

    runs = find_runs(seen, found.meets(seen.rows, codes[keep]), ask.rule)
    analysed = open_rows & (seen.n_rows > 0)
    reason[analysed & runs.tells_nothing] = NEVER_CONFIRMED
    analysed &= ~runs.tells_nothing
    if not analysed.any():
        raise DataError(
            Problem(
                "no session has a score before it that does not meet the outcome, and one between it and "
                'the next session; use origin="first_session"',
                table="scores",
                rule="no_events",
            )
        )
    left, right = runs.ends(seen)
    table = pd.DataFrame(
        {"session": sessions["session"].to_numpy(), "left": left, "right": right, "event": np.isfinite(right)}
    )
    table["reason"] = pd.array(runs.reasons(has_horizon=ask.has_horizon), dtype="str")
    table = table.assign(baseline=found.value[owner], n_assessments=seen.n_rows)
    patient_reason = found.reason.copy()
    followed_up = np.bincount(owner[analysed], minlength=found.eligible.size) > 0
    patient_reason[found.eligible & ~followed_up] = NO_SESSION_LEFT
    return collected(
        cohort, found, seen, table, analysed, owner, patient_reason,
        n_day_only_dropped=int(lost.sum()),
        n_unconfirmed=int((runs.unconfirmed & analysed).sum()),
        sessions_dropped=tally(reason, "n_sessions"),
    )  # fmt: skip


def _state_reasons(cohort: Cohort, found: Judged, owner: np.ndarray) -> np.ndarray:
    """Why the patient is not known to be without the outcome at each session; "" if they are."""
    placed = _by_session(found.placed)
    rows = placed[~superseded(placed)]
    codes = patient_codes(rows)
    sessions = cohort.sessions
    stride = int(sessions["session"].max()) + 2
    key = codes * stride + rows["session"].to_numpy()
    number = sessions["session"].to_numpy()
    last = np.searchsorted(key, owner * stride + number - 1, side="right") - 1
    none = (last < 0) | (codes[np.maximum(last, 0)] != owner)
    last = np.maximum(last, 0)
    age = sessions["hour"].to_numpy(float) - rows["hour"].to_numpy(float)[last]
    reason = np.full(owner.size, "", dtype=object)
    reason[found.meets(rows, codes)[last]] = ALREADY
    # Before session 1 the baseline itself is the state, by its own rule.
    reason[none | ((age > STATE_DAYS * HOURS_PER_DAY) & (number > 1))] = NO_STATE
    reason[number == 1] = ""
    return reason


def _by_session(placed: pd.DataFrame) -> pd.DataFrame:
    """The scores by patient and number of sessions before them.

    Where times are known only to the day, that may differ from the order in time.
    """
    return placed.iloc[np.lexsort((placed["session"].to_numpy(), patient_codes(placed)))]


def _exact(cohort: Cohort, owner: np.ndarray) -> np.ndarray:
    """Whether the clock time of each session is known; bool."""
    low, high = session_bounds(cohort.sessions)
    number = cohort.sessions["session"].to_numpy()
    return np.where(number == 1, clock_known(cohort)[owner], high <= low)
