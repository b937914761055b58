"""Innermost intervals: the only places where an interval-censored estimate can put mass.

Everything here works on the rank order of the endpoints, never on differences of
times, so ties need no jitter and the unit of time does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import DataError, Problem

__all__ = ["Support", "checked_intervals", "collapse", "innermost_intervals"]


@dataclass(frozen=True)
class Support:
    """Innermost intervals of a sample, and which of them each row covers.

    Parameters
    ----------
    left, right : (m,) float
        Ends of the innermost intervals, rising: (left, right], or the single
        point `left` = `right` where `left_closed`.
    left_closed : (m,) bool
        True for a single point.
    first, stop : (n,) int
        Row i covers the innermost intervals first[i], ..., stop[i] - 1.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    left_closed: NDArray[np.bool_]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]


def innermost_intervals(left: NDArray[np.float64], right: NDArray[np.float64]) -> Support:
    """Innermost intervals of the rows (left, right], or exactly left where left = right.

    Parameters
    ----------
    left, right : (n,) float
        Checked by `checked_intervals`.

    Returns
    -------
    Support

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290; ties as in Ng (2002), Biometrics 58, 439.
    """
    n = len(left)
    values, rank = _ranked(np.concatenate([left, right]))
    # At one value an exact point opens first, then intervals close, then intervals open.
    left_key = 3 * rank[:n] + np.where(left == right, 0, 2)
    right_key = 3 * rank[n:] + 1
    present = np.zeros(3 * len(values), bool)
    present[left_key] = True
    present[right_key] = True
    keys = np.flatnonzero(present)
    closes = keys % 3 == 1
    inner = np.flatnonzero(~closes[:-1] & closes[1:])
    opening, closing = keys[inner], keys[inner + 1]
    n_opened = np.zeros(len(present) + 1, np.int64)
    n_opened[opening + 1] = 1
    n_closed = np.zeros(len(present) + 1, np.int64)
    n_closed[closing + 1] = 1
    return Support(
        left=values[opening // 3],
        right=values[closing // 3],
        left_closed=opening % 3 == 0,
        first=np.cumsum(n_opened)[left_key],
        stop=np.cumsum(n_closed)[right_key + 1],
    )


def _ranked(values: NDArray[np.float64]):
    """The distinct values, rising, and the place of each value among them.

    Whole numbers that are not large are counted instead of sorted: hours and days usually are.
    """
    finite = np.isfinite(values)
    whole = np.where(finite, values, -1.0).astype(np.int64)
    most = int(whole.max(initial=0))
    if most > 4 * values.size + 10_000 or not (whole[finite] == values[finite]).all():
        return np.unique(values, return_inverse=True)
    whole[~finite] = most + 1
    seen = np.bincount(whole, minlength=most + 2) > 0
    place = np.cumsum(seen) - 1
    found = np.flatnonzero(seen).astype(float)
    if seen[-1]:
        found[-1] = np.inf
    return found, place[whole]


def collapse(first, second, weights, *, n_second: int):
    """Distinct pairs of codes with their summed weights.

    Parameters
    ----------
    first, second : (n,) int
        Codes, not negative; `second` below `n_second`.
    weights : (n,) float

    Returns
    -------
    first, second : (u,) int
        The distinct pairs in rising order.
    weights : (u,) float
    """
    pair = first * n_second + second
    n_cells = (int(first.max(initial=0)) + 1) * n_second
    if n_cells <= 8 * len(pair) + 100_000:
        total = np.bincount(pair, weights, minlength=n_cells)
        seen = np.flatnonzero(total > 0)
        return seen // n_second, seen % n_second, total[seen]
    seen, inverse = np.unique(pair, return_inverse=True)
    return seen // n_second, seen % n_second, np.bincount(inverse, weights)


def checked_intervals(left: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None):
    """The intervals as float arrays, or every problem with them at once.

    Parameters
    ----------
    left, right : (n,) array_like of float
        Ends of (left, right]; equal for an exact time; `right` infinite for
        right-censored.
    weights : (n,) array_like of float, optional
        How many patients each row stands for; rows of weight 0 are left out.

    Returns
    -------
    left, right, weights : (n,) float

    Raises
    ------
    DataError
        If there is nothing, or an end is missing, negative or out of order.
    """
    left, right = np.asarray(left, float), np.asarray(right, float)
    if left.ndim != 1 or left.shape != right.shape:
        raise DataError("left and right must be two lists of the same length")
    weights = np.ones(len(left)) if weights is None else np.asarray(weights, float)
    if weights.shape != left.shape:
        raise DataError("weights must be one value per interval")
    if len(left) == 0:
        raise DataError("there are no intervals to estimate a curve from")
    problems = []
    for bad, column, message in (
        (
            np.isnan(left) | np.isinf(left),
            "left",
            "the left end is missing or infinite; every interval starts somewhere",
        ),
        (np.isnan(right), "right", "the right end is missing; use infinity for right-censored"),
        (left < 0, "left", "the left end is negative; time starts at 0"),
        (left > right, "right", "the right end is before the left end"),
        (~(np.isfinite(weights) & (weights >= 0)), "weights", "the weight is negative, missing or infinite"),
    ):
        if bad.any():
            n_rows, first_row = int(bad.sum()), int(np.argmax(bad)) + 1
            problems.append(Problem(message, "intervals", column, "interval", n_rows, first_row))
    if problems:
        raise DataError(problems)
    used = weights > 0
    if not used.any():
        raise DataError("all weights are 0; there is nothing to estimate a curve from")
    return left[used], right[used], weights[used]
