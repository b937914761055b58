"""Times of any table onto the patients' clocks, and session numbers onto sessions."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.cohort.clock import MOST_HOURS, each_once, to_seconds
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.sessions import Clock

__all__ = ["Placed", "before_or_after", "place_times", "session_rows"]

# Rows that are looked at together; more take more room and no less time.
BLOCK = 1_000_000


class Placed:
    """Times on the patients' clocks: `hour`, `low` and `high`, (n,) float arrays of hours.

    They are one and the same array if all times are exact.
    """

    def __init__(self, hour: np.ndarray, low: np.ndarray, high: np.ndarray):
        self.hour, self.low, self.high = hour, low, high


def place_times(draft: Draft, codes: np.ndarray, clock: Clock) -> Placed:
    """Return the rows' times since their patients' first sessions; set rows without a clock aside.

    Parameters
    ----------
    codes : (n,) int array
        Patient of each row; negative for rows that are set aside already.
    """
    times = draft.times
    timed = (codes >= 0) & ~np.isnan(times.hour)
    for rule in ("no_session", "no_origin", "origin_unknown"):
        draft.quarantine(timed & (clock.why == rule)[codes], rule)
    if not times.dated:
        return Placed(*each_once(np.copy, times.hour, times.low, times.high))
    if not clock.dated:
        draft.fail("mixed_clocks", draft.table.date)
    origin = np.where(codes >= 0, clock.origin[codes] if clock.origin.size else np.nan, np.nan)
    placed = Placed(*each_once(lambda hour: to_seconds(hour - origin), times.hour, times.low, times.high))
    with np.errstate(invalid="ignore"):
        draft.quarantine(timed & (np.abs(placed.hour) > MOST_HOURS), "time_range")
    return placed


def before_or_after(
    placed: Placed, codes: np.ndarray, clock: Clock, before: np.ndarray, after: np.ndarray
) -> None:
    """Bound times known only to the day by the session of that day, on the side where they count.

    Parameters
    ----------
    placed : Placed
        Changed in place.
    before, after : (n,) bool arrays
        Rows that count as before, or after, a session of their own day.
    """
    rows = np.flatnonzero((placed.high > placed.low) & (before | after))
    if rows.size == 0 or clock.hour.size == 0:
        return
    first = _first_at_or_after(clock, codes[rows], placed.low[rows])
    found = first < clock.starts[codes[rows] + 1]
    session = np.where(found, clock.hour[np.minimum(first, clock.hour.size - 1)], np.inf)
    same_day = session < placed.high[rows]
    rows, session, first = rows[same_day], session[same_day], first[same_day]
    exact = clock.high[first] <= clock.low[first]
    earlier, later = before[rows], after[rows]
    placed.hour[rows[earlier]] = session[earlier]
    sure = earlier & exact
    placed.high[rows[sure]] = session[sure]
    sure = later & exact
    placed.low[rows[sure]] = session[sure]
    placed.hour[rows[later]] = np.maximum(placed.hour[rows[later]], session[later])


def _first_at_or_after(clock: Clock, codes: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """Return each patient's first session at or after a moment, by bisection of all rows at once."""
    low, high = clock.starts[codes].copy(), clock.starts[codes + 1].copy()
    while (low < high).any():
        middle = (low + high) // 2
        right = np.zeros(low.size, dtype=bool)
        open_rows = low < high
        right[open_rows] = clock.hour[middle[open_rows]] < moment[open_rows]
        low = np.where(open_rows & right, middle + 1, low)
        high = np.where(open_rows & ~right, middle, high)
    return low


def session_rows(draft: Draft, codes: np.ndarray, clock: Clock) -> np.ndarray:
    """Return each row's session among the kept ones; set aside rows whose patient has no such session.

    So are all rows of patients whose sessions may have been counted otherwise by
    the clinic than here.

    Returns
    -------
    (n,) int64 array
        -1 where there is none.
    """
    number = draft.numbers["session"]
    draft.quarantine((codes >= 0) & clock.unsure[codes], "session_number_unsure")
    usable = (number >= 1) & (codes >= 0) & ~draft.set_aside_by("session_number_unsure")
    out = np.full(draft.n, -1, dtype=np.int64)
    numbered = np.flatnonzero(~np.isnan(clock.given))
    if numbered.size and usable.any():
        step = int(max(clock.given[numbered].max(), number[usable].max())) + 1
        owner = np.repeat(np.arange(clock.starts.size - 1), np.diff(clock.starts))[numbered]
        known = owner * step + clock.given[numbered].astype(np.int64)
        for start in range(0, draft.n, BLOCK):
            rows = start + np.flatnonzero(usable[start : start + BLOCK])
            wanted = codes[rows].astype(np.int64) * step + number[rows].astype(np.int64)
            at = np.minimum(np.searchsorted(known, wanted), known.size - 1)
            out[rows] = np.where(known[at] == wanted, numbered[at], -1)
    draft.quarantine(usable & (out < 0), "orphan_session")
    draft.set_down("session")
    return out
