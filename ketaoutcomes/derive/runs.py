"""The first time that a condition holds, and holds long enough to count, within each patient's rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ketaoutcomes.derive.clock import HOURS_PER_DAY

__all__ = ["FirstRun", "RunRule", "first_runs"]

_HALF_DAY = HOURS_PER_DAY / 2
# Hours; clock times are written to the second at best.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class RunRule:
    """How long a condition must hold to count.

    Days are counted to the nearest whole day, so that a visit a week later at another time of day
    still counts as a week later; `by_clock` counts hours instead.

    Parameters
    ----------
    again_after_days : float, optional
        The condition must hold once more at least this many days later, at every assessment up to
        and including the first one that is late enough.
    again_within_days : float
        That assessment must come within so many days.
    throughout_days : float, optional
        The condition must hold at every assessment within so many days, and there must be one.
    by_clock : bool
        Days and their fractions are counted as 24 hours by the clock, not to the nearest whole day.
    """

    again_after_days: float | None = None
    again_within_days: float = np.inf
    throughout_days: float | None = None
    by_clock: bool = False


@dataclass(frozen=True)
class FirstRun:
    """Per segment of rows: where the first run that counts begins.

    Attributes
    ----------
    row : (g,) int
        First row of that run; -1 where there is none.
    before : (g,) int
        Last row before it at which the condition did not hold; where there is no run, the last such
        row of all. -1 where there is none.
    unconfirmed : (g,) bool
        No run counts, and the condition holds at the last row: it may yet be confirmed.
    known : (g,) float
        Hour at which the run is known to count: of the row that confirms it, or the end of the days
        throughout which it must hold; inf where there is no run.
    """

    row: np.ndarray
    before: np.ndarray
    unconfirmed: np.ndarray
    known: np.ndarray


def first_runs(holds: np.ndarray, hour: np.ndarray, starts: np.ndarray, rule: RunRule) -> FirstRun:
    """Where the first run of `holds` begins that satisfies the rule, per segment.

    Parameters
    ----------
    holds : (n,) bool
        Whether the condition holds; rows rise by segment and hour.
    hour : (n,) float
    starts : (g + 1,) int
        Segment k is the rows starts[k] to starts[k + 1] - 1; it may be empty.
    rule : RunRule

    Returns
    -------
    FirstRun
    """
    n, n_segments = holds.size, starts.size - 1
    end = np.repeat(starts[1:], np.diff(starts))
    # First row at or after each at which the condition fails, at most the segment's end.
    failing = np.minimum.accumulate(np.where(holds, n, np.arange(n))[::-1])[::-1]
    run_end = np.minimum(failing, end)
    counts = holds.copy()
    slack = _ROUNDING if rule.by_clock else _HALF_DAY
    known = hour
    if rule.again_after_days is not None:
        late = _first_at(hour, starts, hour + _least(rule.again_after_days, slack))
        late = np.maximum(late, np.arange(n) + 1)
        counts &= late < run_end
        inside = np.minimum(late, n - 1)
        counts &= hour[inside] - hour < rule.again_within_days * HOURS_PER_DAY + slack
        known = hour[inside] if n else hour
    if rule.throughout_days is not None:
        past = _first_at(hour, starts, hour + rule.throughout_days * HOURS_PER_DAY + slack)
        counts &= (past <= run_end) & (past > np.arange(n) + 1)
        known = np.maximum(known, hour + rule.throughout_days * HOURS_PER_DAY)

    first = _next_marked(counts, starts)
    row = np.where(first < starts[1:], first, -1)
    last = np.where(row >= 0, row, starts[1:]) - 1
    # Last failing row at or before `last`, if it is in the segment.
    failed = np.maximum.accumulate(np.where(holds, -1, np.arange(n))) if n else np.empty(0, np.int64)
    found = np.where(last >= starts[:-1], failed[np.maximum(last, 0)] if n else -1, -1)
    before = np.where(found >= starts[:-1], found, -1)
    closing = np.maximum(starts[1:] - 1, 0)
    holds_last = (starts[1:] > starts[:-1]) & (holds[closing] if n else np.zeros(n_segments, bool))
    since = np.where(row >= 0, known[np.maximum(row, 0)] if n else np.inf, np.inf)
    return FirstRun(row, before, (row < 0) & holds_last, since)


def _least(days: float, slack: float) -> float:
    """Fewest hours that count as so many days; an instant later at the least."""
    return max(days * HOURS_PER_DAY - slack, 1e-9)


def _first_at(hour: np.ndarray, starts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """First row of the same segment with an hour of at least `wanted`, or the segment's end; (n,) int."""
    n = hour.size
    code = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    # Rows and wanted times merged by one sort; a wanted time comes before a row at the same time.
    order = np.lexsort((np.repeat([1, 0], n), np.concatenate([hour, wanted]), np.concatenate([code, code])))
    is_row = order < n
    passed = np.cumsum(is_row)
    found = np.empty(n, np.int64)
    found[order[~is_row] - n] = passed[~is_row]
    return np.minimum(found, starts[1:][code])


def _next_marked(marked: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """First marked row at or after each segment's start; n where there is none."""
    hits = np.append(np.flatnonzero(marked), marked.size)
    return hits[np.searchsorted(hits, starts[:-1])]
