"""What a reader can work out of printed tables, by trying every number. Used by tests only.

It knows nothing of the gate but its rules: what a row shows, and the reason that stands in a hidden one. A
row is the set of all pairs (events, size) that it may be; rows add up to printed totals. Sets of sums are
built row by row, from both ends, so that for each row the pairs that remain possible are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import fftconvolve

# Above this many pairs a convolution is quicker than one shift for each.
MANY = 40
SUM = "previous 12 months"


def is_small(value, largest):
    return (value >= 1) & (value <= largest)


@dataclass(frozen=True)
class Printed:
    """Totals as printed; None where they are not."""

    events: int | None
    size: int | None


def pairs_of(row, top, largest, size=None):
    """Boolean (events, size) array of what a printed row may be; `size` where another table shows it."""
    events, sizes = np.indices((top + 1, top + 1))
    rest = sizes - events
    fits = rest >= 0
    n = row["n"] if size is None else size
    if not pd.isna(n):
        fits &= sizes == int(n)
    if not pd.isna(row["n_events"]):
        return fits & (events == int(row["n_events"]))
    why = row["suppressed"]
    few_events, few_rest, few = (is_small(value, largest) for value in (events, rest, sizes))
    if why.startswith("total"):
        return fits & few
    if why.startswith(("differs", "too few")):
        return fits
    fits &= ~few
    if why.startswith("with or without"):
        return fits & (few_events | few_rest)
    if why.startswith("count"):
        return fits & few_events
    if why.startswith("all but"):
        return fits & few_rest & ~few_events
    return fits & ~few_events & ~few_rest


def added(sums, pairs):
    """Sums that are reached with one more row."""
    if min(sums.sum(), pairs.sum()) > MANY:
        return fftconvolve(sums, pairs)[: sums.shape[0], : sums.shape[1]] > 0.5
    few, many = (sums, pairs) if sums.sum() < pairs.sum() else (pairs, sums)
    found = np.zeros_like(sums)
    for events, size in np.argwhere(few):
        found[events:, size:] |= many[: sums.shape[0] - events, : sums.shape[1] - size]
    return found


def reached(rows, top):
    """Every sum of one pair of each row, up to `top`."""
    start = np.zeros((top + 1, top + 1), bool)
    start[0, 0] = True
    for pairs in rows:
        start = added(start, pairs)
    return start


def without_each(rows, top):
    """For each row, every sum of all the others."""
    forward, backward = [reached([], top)], [reached([], top)]
    for pairs in rows[:-1]:
        forward.append(added(forward[-1], pairs))
    for pairs in rows[:0:-1]:
        backward.append(added(backward[-1], pairs))
    return [added(one, other) for one, other in zip(forward, backward[::-1], strict=True)]


def allowed(top, printed):
    """Sums that the printed total allows."""
    events, sizes = np.indices((top + 1, top + 1))
    fits = np.ones((top + 1, top + 1), bool)
    if printed.events is not None:
        fits &= events == printed.events
    if printed.size is not None:
        fits &= sizes == printed.size
    return fits


def remaining(rows, printed, top):
    """For each row the pairs that remain possible, given the total."""
    fits = allowed(top, printed)
    others = without_each(rows, top)
    return [pairs & left_over(fits, other) for pairs, other in zip(rows, others, strict=True)]


def left_over(totals, others):
    """Pairs that with one of `others` make one of `totals`."""
    size = totals.shape[0]
    if min(totals.sum(), others.sum()) > MANY:
        return fftconvolve(totals, others[::-1, ::-1])[size - 1 :, size - 1 :] > 0.5
    found = np.zeros_like(totals)
    if others.sum() <= totals.sum():
        for events, n in np.argwhere(others):
            found[: size - events, : size - n] |= totals[events:, n:]
        return found
    for events, n in np.argwhere(totals):
        # All others up to this total, turned round: what is left of it.
        found[: events + 1, : n + 1] |= others[events::-1, n::-1]
    return found


def told(pairs, events, size, largest, *, is_hidden, hides_size):
    """Small numbers of a hidden row that have one possible value: names of them."""
    found = []
    rows = np.argwhere(pairs)
    assert (rows == [events, size]).all(axis=1).any(), "the true numbers are not among the possible ones"
    seen = {"events": rows[:, 0], "rest": rows[:, 1] - rows[:, 0], "size": rows[:, 1]}
    truth = {"events": events, "rest": size - events, "size": size}
    for name, values in seen.items():
        is_secret = hides_size if name == "size" else is_hidden
        if is_secret and is_small(truth[name], largest) and np.unique(values).size == 1:
            found.append(name)
    return found
