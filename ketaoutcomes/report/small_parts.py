"""Which rows of a total must be hidden besides the small ones, so that none of these follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.report.small_counts import CHANGED, SECONDARY, TOGETHER, SmallCounts
from ketaoutcomes.report.solvable import System, Total, follows, remaining, sum_intervals

__all__ = ["Parts", "closed"]

EVENTS, REST, SIZE = range(3)


@dataclass(frozen=True)
class Parts:
    """Rows that add up, and what else is printed of them.

    Attributes
    ----------
    frame : DataFrame
        `n_events` of `n`, unmasked; `month` where rows are months.
    in_total : (m,) bool array
    sum_row : int or None
        The row that is the sum; None where it is printed elsewhere.
    sums : tuple of (m,) bool arrays
        Further rows of which the sum is printed.
    secrets : tuple of (m,) float arrays
        Counts that a row's `n` gives away, with totals that are printed too.
    earlier : DataFrame or None
        The table of the last release; its months are those of `frame` where both have them.
    then_total : tuple of str
        The months of the earlier total.
    """

    frame: pd.DataFrame
    in_total: NDArray
    sum_row: int | None
    sums: tuple
    secrets: tuple
    earlier: pd.DataFrame | None
    then_total: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What the last release tells of these rows.

    `events` and `sizes` mark the rows that it shows, with the values of now; `then` the rows of its total.
    `left` are events, rest and size of the months of its total that are not in the table any more and that
    it hides, with their bounds; `n_left` is how many these are, and `sums` whether the total's events and
    size are printed.
    """

    events: NDArray
    sizes: NDArray
    then: NDArray
    left: tuple[int, int, int] = (0, 0, 0)
    left_low: tuple[int, int, int] = (0, 0, 0)
    left_high: tuple[int, int, int] = (0, 0, 0)
    n_left: int = 0
    sums: tuple[bool, bool] = (False, False)


def closed(
    parts: Parts, reason: pd.Series, without_n: NDArray, few: SmallCounts
) -> tuple[pd.Series, NDArray]:
    """`reason` and `without_n` with further rows, until no hidden small number follows.

    Neither does the sum of the hidden rows tell one: it is not itself small.
    """
    reason, size = reason.copy(), _numbers(parts.frame["n"])
    without_n = without_n | few.small(size)
    told = _told(parts, few)
    # What the last release gave away by itself, nothing that is hidden now takes back.
    lost: set[tuple[int, int]] = set()
    if parts.sum_row is not None and (told.n_left or told.events.any() or parts.sums):
        every = np.ones(size.size, bool)
        lost = _found(parts, told, reason.where(reason != "", SECONDARY), every, few)
    while True:
        found = _found(parts, told, reason, without_n, few) - lost
        if not found:
            return reason, without_n
        told_size = any(kind == SIZE for kind, _ in found)
        events = parts.in_total & (reason == "").to_numpy() & ~told.events & (size > 0)
        sizes = parts.in_total & ~without_n & ~told.sizes & (size > 0)
        is_size = told_size and bool(sizes.any())
        shown, total = sizes if is_size else events, parts.sum_row
        if shown.any() and _helps(parts, told, reason, without_n, (events, sizes), few, lost):
            row = np.flatnonzero(shown)[np.argmin(size[shown])]
        elif total is not None and not without_n[total] and (told_size or reason.iloc[total] != ""):
            row, is_size = total, True
        elif total is not None and reason.iloc[total] == "":
            row, is_size = total, False
        elif parts.sum_row is None:
            # The total stands elsewhere and leaves no room; then no row says why it is hidden.
            reason[parts.in_total] = TOGETHER
            return reason, without_n | parts.in_total
        else:
            return reason, without_n
        if reason.iloc[row] == "":
            reason.iloc[row] = SECONDARY
        without_n[row] |= is_size


def _helps(parts, told, reason, without_n, shown, few, lost) -> bool:
    """Whether hiding rows is enough, so that their total can stay; without a row of it nothing else helps."""
    if parts.sum_row is None:
        return True
    hidden = reason.where((reason != "") | ~(shown[0] | shown[1]), SECONDARY)
    return not _found(parts, told, hidden, without_n | shown[1], few) - lost


def _found(parts: Parts, told: Told, reason, without_n, few: SmallCounts) -> set[tuple[int, int]]:
    """Kind and row of the hidden small numbers that follow; row -1 for a sum of several."""
    is_hidden = (reason != "").to_numpy()
    if not (is_hidden.any() or without_n.any() or told.n_left):
        return set()
    truth = _truth(parts, told)
    secrets = few.small(truth)
    secrets[: len(is_hidden)] &= np.column_stack([is_hidden, is_hidden, without_n])
    secrets[len(is_hidden) :] &= told.n_left == 1
    known = _known(parts, told, truth, reason, without_n, few)
    totals = _totals(parts, told, truth, known)
    if len(totals) > 2:
        keys = np.argwhere(secrets)
        lines = np.zeros((len(keys), truth.size), int)
        lines[np.arange(len(keys)), 3 * keys[:, 0] + keys[:, 1]] = 1
        keys = keys[follows(_system(parts, told, truth, known), lines, *_changes(parts, told, truth))]
    else:
        (low, high), (least, most) = remaining(*known, totals)
        if parts.sum_row is not None and _add_up(parts, truth):
            low[parts.sum_row], high[parts.sum_row] = least[0], most[0]
        keys = np.argwhere(secrets & (low == high))
    found = {(kind, row) for row, kind in keys.tolist()}
    n_is_printed = parts.sum_row is None or not without_n[parts.sum_row]
    e_is_printed = parts.sum_row is None or not is_hidden[parts.sum_row]
    rows = parts.in_total & is_hidden & ~told.events
    if e_is_printed and few.small(truth[: len(rows)][rows][:, [EVENTS, REST]].sum(axis=0)).any():
        found.add((EVENTS, -1))
    rows = parts.in_total & without_n & ~told.sizes
    if n_is_printed:
        sizes = [truth[: len(rows), SIZE], *parts.secrets]
        if any(_tells(values[rows], few) for values in sizes):
            found.add((SIZE, -1))
    return found


def _tells(values: NDArray, few: SmallCounts) -> bool:
    """Whether hidden numbers, of which the sum is known, tell a small one."""
    values = np.nan_to_num(values).astype(int)
    if not few.small(values).any():
        return False
    low, high = _around(values, few, int(values.sum()) + 1)
    least, most = sum_intervals(low, high, int(values.sum()))
    return few.is_small(values.sum()) or bool((few.small(values) & (least == most)).any())


def _around(values: NDArray, few: SmallCounts, top: int) -> tuple[NDArray, NDArray]:
    """What is known of a hidden number: whether it is small, none, or larger than that."""
    is_small = few.small(values)
    low = np.where(is_small, 1, np.where(values == 0, 0, few.largest + 1))
    return low, np.where(is_small, few.largest, np.where(values == 0, 0, top))


def _totals(parts: Parts, told: Told, truth: NDArray, known: tuple[NDArray, NDArray]) -> list[Total]:
    """Rows that add up to something printed, the table's total first; the same rows once."""
    n_left, most = len(truth) - len(parts.in_total), truth[:, SIZE].sum()
    inside = np.append(parts.in_total, np.zeros(n_left, bool))
    found = []
    if parts.sum_row is None:
        ends = truth[inside].sum(axis=0)
        found.append(Total(inside, ends, ends))
    elif _add_up(parts, truth):
        found.append(Total(inside, known[0][parts.sum_row], known[1][parts.sum_row]))
    others = [(np.append(rows, np.zeros(n_left, bool)), (True, True)) for rows in parts.sums]
    if any(told.sums):
        others.append((np.append(told.then, np.ones(n_left, bool)), told.sums))
    for rows, (has_events, has_size) in others:
        ends = truth[rows].sum(axis=0)
        is_known = np.array([has_events, has_events and has_size, has_size])
        total = Total(rows, np.where(is_known, ends, 0), np.where(is_known, ends, most))
        same = [number for number, one in enumerate(found) if (one.rows == rows).all()]
        if same:
            one = found[same[0]]
            total = Total(rows, np.maximum(one.low, total.low), np.minimum(one.high, total.high))
            found[same[0]] = total
        elif rows.any():
            found.append(total)
    return found


def _known(
    parts: Parts, told: Told, truth: NDArray, reason, without_n, few: SmallCounts
) -> tuple[NDArray, NDArray]:
    """Bounds of events, rest and size of each row, as the reader knows them."""
    n_rows, top = len(reason), int(2 * truth[:, SIZE].sum() + 1)
    low, high = _around(truth, few, top)
    words, small_n = reason.to_numpy(), few.small(truth[:, SIZE])
    # Of a count that is small its reason says nothing about the rest, nor the rest's about a size.
    counted = np.zeros(len(truth), bool)
    counted[:n_rows] = words == few.count
    low[counted, REST], high[counted, REST] = 0, top
    low[small_n, :2], high[small_n, :2] = 0, few.largest
    edge = np.append(words == few.either, np.zeros(len(truth) - n_rows, bool))
    low[edge, :2], high[edge, :2] = 1, top
    shown = np.zeros(truth.shape, bool)
    shown[:n_rows, EVENTS] = (words == "") | told.events
    shown[:n_rows, SIZE] = ~without_n | told.sizes
    if told.n_left:
        low[n_rows], high[n_rows] = told.left_low, told.left_high
    return np.where(shown, truth, low), np.where(shown, truth, high)


def _system(parts: Parts, told: Told, truth: NDArray, known: tuple[NDArray, NDArray]) -> System:
    """The reader's system over events, rest and size of each row."""

    def over(rows: NDArray, kind: int) -> NDArray:
        line = np.zeros(truth.shape, int)
        line[np.flatnonzero(rows), kind] = 1
        return line

    n_left = len(truth) - len(parts.in_total)
    inside = np.append(parts.in_total, np.zeros(n_left, bool))
    sums, add_up = [], _add_up(parts, truth)
    for row in range(len(truth)):
        line = np.zeros(truth.shape, int)
        line[row] = 1, 1, -1
        sums.append(line)
    for kind in (EVENTS, SIZE):
        line = over(inside, kind)
        if parts.sum_row is None:
            sums.append(line)
        elif add_up:
            line[parts.sum_row, kind] = -1
            sums.append(line)
        sums += [over(np.append(rows, np.zeros(n_left, bool)), kind) for rows in parts.sums]
    then = np.append(told.then, np.ones(n_left, bool))
    sums += [over(then, kind) for kind, printed in zip((EVENTS, SIZE), told.sums, strict=True) if printed]
    low, high = known
    return System(truth.ravel(), low.ravel(), high.ravel(), np.array([line.ravel() for line in sums]))


def _changes(parts: Parts, told: Told, truth: NDArray) -> tuple[NDArray, NDArray]:
    """Changes of one, and changes within a row, that `follows` tries."""
    inside = np.append(parts.in_total, np.zeros(len(truth) - len(parts.in_total), bool))
    units, swaps, add_up = [], [], _add_up(parts, truth)
    for row in range(len(truth)):
        if row == parts.sum_row:
            continue
        with_sum = [row, parts.sum_row] if add_up and inside[row] else [row]
        for kind in (EVENTS, REST):
            line = np.zeros(truth.shape, int)
            line[with_sum, kind], line[with_sum, SIZE] = 1, 1
            units.append(line.ravel())
        line = np.zeros(truth.shape, int)
        line[with_sum, EVENTS], line[with_sum, REST] = 1, -1
        swaps.append(line.ravel())
    if told.n_left:
        # A month that entered with what left: against one that stayed they keep both totals.
        last = len(swaps) - 1
        for row in np.flatnonzero(parts.in_total & ~told.then):
            at = [place for place in range(len(truth)) if place != parts.sum_row].index(row)
            units += [units[2 * at + kind] + units[2 * last + kind] for kind in (EVENTS, REST)]
            swaps.append(swaps[at] + swaps[last])
    return np.array(units), np.array(swaps)


def _truth(parts: Parts, told: Told) -> NDArray:
    """Events, rest and size by row; a last row for what left since the last release, if there is any."""
    size, events = _numbers(parts.frame["n"]), _numbers(parts.frame["n_events"])
    rows = np.column_stack([events, size - events, size]).astype(int)
    return np.vstack([rows, told.left]) if told.n_left else rows


def _add_up(parts: Parts, truth: NDArray) -> bool:
    """Whether the row of the sum is the sum."""
    if parts.sum_row is None:
        return False
    rows = np.flatnonzero(parts.in_total)
    return bool((truth[rows].sum(axis=0) == truth[parts.sum_row]).all())


def _told(parts: Parts, few: SmallCounts) -> Told:
    n_rows, earlier = len(parts.frame), parts.earlier
    none = np.zeros(n_rows, bool)
    if earlier is None or "month" not in parts.frame or "month" not in earlier:
        return Told(none, none, none)
    months = parts.frame["month"].astype(str).to_numpy(dtype=object)
    then_months = earlier["month"].astype(str).tolist()
    place = {month: row for row, month in reversed(list(enumerate(then_months)))}
    numbers = np.column_stack([pd.to_numeric(earlier[name], errors="coerce") for name in ("n_events", "n")])
    numbers, reasons = numbers.astype(float), earlier["suppressed"].to_numpy(dtype=object)
    size, events = _numbers(parts.frame["n"]), _numbers(parts.frame["n_events"])
    own = np.arange(n_rows) != (-1 if parts.sum_row is None else parts.sum_row)
    at = np.array([place.get(month, -1) for month in months])
    is_there = (at >= 0) & own
    known_events = is_there & (reasons[at] == "") & (numbers[at, 0] == events)
    known_sizes = is_there & (numbers[at, 1] == size)
    then = np.isin(months, parts.then_total) & own
    label = None if parts.sum_row is None else months[parts.sum_row]
    if label is None or label not in place:
        return Told(known_events, known_sizes, then)
    gone = set(parts.then_total) & place.keys() - set(months)
    left = np.array(sorted(place[month] for month in gone), dtype=int)
    total_then = numbers[place[label]]
    printed = ~np.isnan(total_then)
    hidden = left[np.isnan(numbers[left]).any(axis=1)]
    known = numbers[np.setdiff1d(left, hidden)].sum(axis=0)
    n_left = len(hidden)
    low, high = _bounds_then(numbers[hidden, 1], reasons[hidden], few)
    rest = total_then - known - [events[then].sum(), size[then].sum()]
    # What is not printed may be anything that fits.
    size_left = rest[1] if printed[1] else low[SIZE]
    events_left = rest[0] if printed[0] else min(low[EVENTS], size_left)
    if not size_left >= events_left >= 0 or (n_left == 0 and (rest[printed] != 0).any()):
        # The months are not what they were, so that the earlier total says nothing exact of them.
        return Told(known_events, known_sizes, then)
    sums = (bool(printed[0]), bool(printed[1]))
    if not n_left:
        return Told(known_events, known_sizes, then, sums=sums)
    total = np.array([events_left, size_left - events_left, size_left]).astype(int)
    low, high = np.minimum(low, total), np.maximum(high, total)
    if (reasons[hidden] == SECONDARY).any():
        # Which hide others are not small themselves; of several it is taken that a reader knows their sum.
        around = _around(total, few, int(high.max())) if n_left == 1 else (total, total)
        low, high = np.maximum(low, around[0]), np.minimum(high, around[1])
    ends = (tuple(row) for row in (total, low, high))
    return Told(known_events, known_sizes, then, *ends, n_left, sums)


def _bounds_then(sizes: NDArray, reasons: NDArray, few: SmallCounts) -> tuple[NDArray, NDArray]:
    """Bounds of the sums of events, rest and size over rows that the last release hid."""
    low, high = np.zeros((len(sizes), 3)), np.full((len(sizes), 3), 1e6)
    for row, (n, why) in enumerate(zip(sizes, reasons, strict=True)):
        if not why.startswith("total") and why not in (CHANGED, TOGETHER):
            # Another reason says that the group itself is not small.
            low[row, SIZE] = few.largest + 1
        if why.startswith("count"):
            low[row, EVENTS], high[row, EVENTS] = 1, few.largest
        elif why.startswith("all but"):
            low[row, REST], high[row, REST] = 1, few.largest
        elif why.startswith("total"):
            low[row, SIZE], high[row] = 1, few.largest
        if n == n:
            low[row, SIZE] = high[row, SIZE] = n
    return low.sum(axis=0).astype(int), high.sum(axis=0).astype(int)


def _numbers(counts: pd.Series) -> NDArray:
    return counts.to_numpy(dtype=float, na_value=0.0).astype(int)
