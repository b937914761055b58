"""Where a curve with delayed entry may fall, and what each row says about these places.

Everything here works on the rank order of the times, so ties need no jitter and the unit
of time does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.support import checked_intervals
from ketaoutcomes.errors import DataError, Problem

__all__ = ["DelayedKeys", "DelayedSupport", "checked_delayed", "delayed_keys", "delayed_support"]

# Weights that enter and leave at one time and differ by less than this share of their sum cancel.
CANCELS = 1e-12


@dataclass(frozen=True)
class DelayedKeys:
    """Rank order of all times: at one value an exact point opens, then intervals close, then they open.

    Parameters
    ----------
    values : (k,) float
        Distinct times, rising; the last is inf.
    left, right, entry : (n,) int
        Keys: 3 times the rank, plus 0 for an exact point, 1 for an end or an entry, 2 for a start.
    event : (n,) bool
        Whether the row ends with the event.
    exposed : (n,) bool
        Whether the row was seen without the event for some time.
    """

    values: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    entry: NDArray[np.int64]
    event: NDArray[np.bool_]
    exposed: NDArray[np.bool_]


@dataclass(frozen=True)
class DelayedSupport:
    """Candidate intervals, rising, and the columns (intervals) that each row tells about.

    Parameters
    ----------
    opens, closes : (m,) int
        Keys of the ends of each interval.
    first, stop : (e,) int
        Row i, of those with the event, has it in one of the columns first_i .. stop_i - 1.
    free_first, free_stop : (s,) int
        Row i, of those exposed, passed the columns free_first_i .. free_stop_i - 1 without it.
    """

    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    free_first: NDArray[np.int64]
    free_stop: NDArray[np.int64]


def delayed_keys(left, right, entry) -> DelayedKeys:
    """Ranks the ends of rows checked by `checked_delayed`.

    Parameters
    ----------
    left, right, entry : (n,) float

    Returns
    -------
    DelayedKeys
    """
    n = len(left)
    values, rank = np.unique(np.concatenate([left, right, entry, [np.inf]]), return_inverse=True)
    exact = left == right
    return DelayedKeys(
        values=values,
        left=3 * rank[:n] + np.where(exact, 0, 2),
        right=3 * rank[n : 2 * n] + 1,
        entry=3 * rank[2 * n : 3 * n] + 1,
        event=np.isfinite(right),
        exposed=entry < left,
    )


def delayed_support(keys: DelayedKeys, weights: NDArray[np.float64] | None) -> DelayedSupport:
    """Candidate intervals (q, p]: q a start followed by p, an end or an entry.

    Where the same weight enters as leaves, nothing changes, so that a row cut in two
    gives the same intervals as the whole row.

    Parameters
    ----------
    keys : DelayedKeys
    weights : (n,) float or None
        None keeps every entry and start: these intervals serve all weights.

    Returns
    -------
    DelayedSupport

    Source
    ------
    Alioum and Commenges (1996), Biometrics 52, 512; Turnbull (1976).
    """
    size = 3 * len(keys.values)
    opening, closing = np.zeros(size, bool), np.zeros(size, bool)
    opening[keys.left[keys.event]] = True
    closing[keys.right[keys.event]] = True
    closing[size - 2] = True
    if weights is None:
        opening[keys.left[keys.exposed]] = True
        closing[keys.entry[keys.exposed]] = True
    else:
        net = net_entering(keys, weights[None])[0]
        opening[2::3] |= net < 0
        closing[1::3] |= net > 0
    ends = np.flatnonzero(opening | closing)
    is_closing = closing[ends]
    inner = np.flatnonzero(~is_closing[:-1] & is_closing[1:])
    opens, closes = ends[inner], ends[inner + 1]
    if len(opens) == 0 or (weights is None and closes[-1] != size - 2):
        # Behind the last information, which for some weights ends before the curve has fallen to 0.
        last = closes[-1] if len(opens) else keys.left.max(initial=0)
        opens, closes = np.append(opens, last), np.append(closes, size - 2)
    return DelayedSupport(
        opens=opens,
        closes=closes,
        first=np.searchsorted(opens, keys.left[keys.event]),
        stop=np.searchsorted(closes, keys.right[keys.event], side="right"),
        free_first=np.searchsorted(opens, keys.entry[keys.exposed]),
        free_stop=np.searchsorted(opens, keys.left[keys.exposed]),
    )


def net_entering(keys: DelayedKeys, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight that enters less weight that leaves without the event at each value, (B, k).

    Parameters
    ----------
    keys : DelayedKeys
    weights : (B, n) float
    """
    n_values = len(keys.values)
    leaves = keys.exposed & (keys.left % 3 == 2)
    comes = _at(keys.entry[keys.exposed] // 3, weights[:, keys.exposed], n_values)
    goes = _at(keys.left[leaves] // 3, weights[:, leaves], n_values)
    net = comes - goes
    return np.where(np.abs(net) <= CANCELS * (comes + goes), 0.0, net)


def _at(place, values, n_places):
    row = np.arange(len(values))[:, None] * n_places
    total = np.bincount((row + place).ravel(), values.ravel(), len(values) * n_places)
    return total.reshape(len(values), n_places)


def checked_delayed(left: ArrayLike, right: ArrayLike, entry: ArrayLike, weights: ArrayLike | None = None):
    """Rows as float arrays, or every problem with them at once.

    Parameters
    ----------
    left, right, entry : (n,) array_like of float
        As for `ketaoutcomes.engine.delayed.delayed_npmle`.
    weights : (n,) array_like of float, optional
        Rows of weight 0 are left out.

    Returns
    -------
    left, right, entry, weights : (n,) float

    Raises
    ------
    DataError
        If an end or an entry is missing, negative or out of order.
    """
    given = np.asarray(entry, float)
    if given.shape != np.shape(left):
        raise DataError("entry must be one time per interval")
    used = np.ones(len(given), bool) if weights is None else np.asarray(weights, float) > 0
    left, right, weights = checked_intervals(left, right, weights)
    given = given[used]
    exact = left == right
    problems = []
    for bad, message in (
        (~np.isfinite(given), "the entry is missing or infinite; use 0 for rows seen from the start"),
        (given < 0, "the entry is negative; time starts at 0"),
        (~exact & (given > left), "the entry is after the left end; a row is known event-free at its entry"),
        (exact & (given >= left), "the entry is not before the exact time of the event"),
    ):
        if bad.any():
            first_row = int(np.flatnonzero(used)[np.argmax(bad)]) + 1
            problems.append(Problem(message, "intervals", "entry", "entry", int(bad.sum()), first_row))
    if problems:
        raise DataError(problems)
    return left, right, given, weights
