"""Small counts in tables of change: rules that differ by a few patients tell of those few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from ketaoutcomes.report.released import ESTIMATES, rate_reason
from ketaoutcomes.report.small_counts import SECONDARY, SmallCounts, blank
from ketaoutcomes.report.solvable import sum_intervals

__all__ = ["without_small_rules"]

PART = "part"


def without_small_rules(
    frame: pd.DataFrame,
    few: SmallCounts,
    *,
    overlap: np.ndarray,
    known: Sequence[float],
    beside: Sequence[float],
    fixed: Sequence[str],
) -> pd.DataFrame:
    """Rules applied to the same `n` patients, without what would show a small group of them.

    A rule within another one that a few patients more meet is hidden: the difference is those few. Rules
    count as within each other where they are so in these patients, whether or not a reader knows it.

    Parameters
    ----------
    frame : DataFrame
        `rule`, `role` ("part": the rows add up to `n`, from those who gained most to those who lost;
        "good" or "bad": who meets it changed in that direction), `n_events`, `n` (the same in all rows),
        `suppressed`.
    few : SmallCounts
    overlap : (m, m) int array
        How many patients meet both of two rows' rules.
    known : sequence of float
        Counts of the same patients by other rules of the good direction, printed elsewhere.
    beside : sequence of float
        Sizes that the report prints elsewhere; where `n` differs from one by a few, nothing is shown.
    fixed : sequence of str
        Rules whose count the report prints elsewhere: hiding them here hides nothing.
    """
    n = float(frame["n"].iloc[0])
    reason = rate_reason(frame, (), few)
    if few.is_small(n) or few.near([n], beside).any():
        reason[:] = few.total if few.is_small(n) else SECONDARY
        return blank(_hidden(frame, reason), np.ones(len(frame), bool), ["n"])
    events = frame["n_events"].to_numpy(float)
    role = frame["role"].to_numpy(dtype=object)
    parts = np.flatnonzero(role == PART)
    reason = _closed(reason, events, parts, frame["rule"].isin(list(fixed)).to_numpy(), few)
    printed = _runs_of_parts(reason, parts, overlap)
    elsewhere = {"good": [*known], "bad": []}
    for row in np.flatnonzero(role != PART):
        if reason.iloc[row]:
            continue
        rule = _Rule(events[row], overlap[row], row)
        if few.near([events[row]], elsewhere[role[row]]).any() or any(
            rule.tells_of_few(other, n, few) for other in printed
        ):
            reason.iloc[row] = SECONDARY
        else:
            printed.append(rule)
    return _hidden(frame, reason)


@dataclass(frozen=True)
class _Rule:
    """A rule, or parts together: how many meet it, how many of each row do, and the rows that it is."""

    n: float
    common: np.ndarray
    rows: int | tuple[int, ...] = ()

    def tells_of_few(self, other: _Rule, n: float, few: SmallCounts) -> bool:
        """Whether few patients are between one rule and the other that it lies within, or meet neither."""
        both = float(np.sum(self.common[list(np.atleast_1d(other.rows))]))
        if both == 0:
            return few.is_small(n - self.n - other.n)
        return both == min(self.n, other.n) and few.is_small(abs(self.n - other.n))


def _runs_of_parts(reason: pd.Series, parts: np.ndarray, overlap: np.ndarray) -> list[_Rule]:
    """Neighbouring parts together, as far as their sum follows from the parts shown and from `n`."""
    is_shown = (reason.iloc[parts] == "").to_numpy()
    found = []
    for start, end in combinations(range(len(parts) + 1), 2):
        inside = (np.arange(len(parts)) >= start) & (np.arange(len(parts)) < end)
        if inside.all() or not (is_shown[inside].all() or is_shown[~inside].all()):
            continue
        rows = tuple(int(row) for row in parts[inside])
        total = float(overlap[list(rows), list(rows)].sum())
        found.append(_Rule(total, overlap[list(rows)].sum(axis=0), rows))
    return found


def _closed(
    reason: pd.Series, events: np.ndarray, parts: np.ndarray, fixed: np.ndarray, few: SmallCounts
) -> pd.Series:
    """Hide further parts, smallest first, until none of the small ones follows from `n`."""
    reason = reason.copy()
    while True:
        is_hidden = (reason.iloc[parts] != "").to_numpy() & ~fixed[parts]
        hidden, shown = parts[is_hidden], parts[~is_hidden & ~fixed[parts]]
        if not shown.size or not _one_follows(events[hidden], few):
            return reason
        reason.iloc[shown[np.argmin(events[shown])]] = SECONDARY


def _one_follows(hidden: np.ndarray, few: SmallCounts) -> bool:
    """Whether one of the small counts among the hidden ones has one value only, given their sum.

    The sum is that of a group too: it follows from `n` and must not be small itself.
    """
    is_small, total = few.small(hidden), int(hidden.sum())
    if few.is_small(total):
        return True
    low = np.where(is_small, 1, 0)
    least, most = sum_intervals(low, np.where(is_small, few.largest, total), total)
    return bool((is_small & (least == most)).any())


def _hidden(frame: pd.DataFrame, reason: pd.Series) -> pd.DataFrame:
    frame["suppressed"] = reason
    return blank(frame, (reason != "").to_numpy(), [*ESTIMATES, "n_events"])
