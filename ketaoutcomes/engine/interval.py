"""Nonparametric maximum likelihood of times known only to lie in intervals (L, R]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.mixture import Ranges, maximise
from ketaoutcomes.engine.support import checked_intervals, collapse, innermost_intervals
from ketaoutcomes.errors import DataError

__all__ = ["Npmle", "cumulative", "npmle", "quantile_interval"]

# Masses are good to about this; a curve this close to p has reached it.
MASS_ROUNDING = 1e-9


@dataclass(frozen=True)
class Npmle:
    """A nonparametric maximum likelihood curve for interval-censored times.

    The mass of an innermost interval may lie anywhere inside it: the curve is
    known at its ends and not in between.

    Parameters
    ----------
    left, right : (m,) float
        Innermost intervals (left, right], rising, in the unit of the input;
        the last `right` may be inf.
    left_closed : (m,) bool
        True where the interval is the single point left = right.
    mass : (m,) float
        Probability of each; sums to 1.
    log_likelihood : float
    gap : float
        Upper bound of what the log-likelihood is below its maximum.
    n_iterations : int
        Newton steps taken.
    converged : bool
        Whether `gap` is below the tolerance asked for.
    unique : bool
        Whether these are the only masses with this likelihood.
    n : float
        Sum of the weights.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    left_closed: NDArray[np.bool_]
    mass: NDArray[np.float64]
    log_likelihood: float
    gap: float
    n_iterations: int
    converged: bool
    unique: bool
    n: float


def npmle(
    left: ArrayLike, right: ArrayLike, *, weights: ArrayLike | None = None, tolerance: float = 1e-8
) -> Npmle:
    """Curve of largest likelihood for times known to lie in (left, right].

    Maximises sum_i w_i log P(left_i < T <= right_i) over all distributions. Only
    order matters, so ties need no jitter and hours and days give the same masses.

    Parameters
    ----------
    left, right : (n,) array_like of float
        The event came after `left` and not after `right`. Equal ends are an exactly
        known time. `right` = inf is right-censored; (0, inf) tells nothing and changes nothing.
    weights : (n,) array_like of float, optional
        How many patients each row stands for.
    tolerance : float
        Largest `gap` that counts as converged. Rounding sets a floor of 2e-14 times
        the sum of the weights, which is used where it is larger.

    Returns
    -------
    Npmle
        Look at `converged`: an estimate that was not reached says so there.

    Raises
    ------
    DataError
        If there is nothing, or an end is missing, negative or out of order.

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290; Gentleman and Geyer (1994),
    Biometrika 81, 618. Checked: tests/engine/test_engine_interval.py.
    """
    left, right, weights = checked_intervals(left, right, weights)
    support = innermost_intervals(left, right)
    m = len(support.left)
    first, stop, total = collapse(support.first, support.stop, weights, n_second=m + 1)
    # A row that covers everything has probability 1 under any masses.
    tells = (first > 0) | (stop < m)
    ranges = Ranges(first[tells], stop[tells], total[tells], m)
    fit = maximise(ranges, tolerance=tolerance)
    return Npmle(
        left=support.left,
        right=support.right,
        left_closed=support.left_closed,
        mass=fit.mass,
        log_likelihood=fit.log_likelihood,
        gap=fit.gap,
        n_iterations=fit.n_iterations,
        converged=fit.converged,
        unique=_strictly_concave(ranges),
        n=float(weights.sum()),
    )


def cumulative(fit: Npmle, times: ArrayLike):
    """Bounds of F(t) = P(T <= t): mass surely not after t, and mass possibly not after t.

    Parameters
    ----------
    fit : Npmle
    times : array_like of float
        In the unit of the fit.

    Returns
    -------
    low, high : ndarray of float
        Shape of `times`. They differ inside an innermost interval with mass, and
        beyond the last assessment, where nothing is known.
    """
    times = np.asarray(times, float)
    total = np.concatenate(([0.0], np.cumsum(fit.mass)))
    total = np.minimum(total / total[-1], 1.0)
    closed = np.searchsorted(fit.right, times, side="right")
    opened = np.searchsorted(fit.left, times, side="left")
    # A single point at t itself has happened by t; an interval that opens at t has not begun.
    at = np.minimum(opened, len(fit.left) - 1)
    opened = opened + ((fit.left[at] == times) & fit.left_closed[at])
    return total[closed], total[opened]


def quantile_interval(fit: Npmle, p: ArrayLike):
    """Innermost interval in which F first reaches p; the quantile lies inside it.

    Parameters
    ----------
    fit : Npmle
    p : array_like of float
        Between 0 and 1; 0.5 for the median.

    Returns
    -------
    low, high : float, or ndarray of the shape of `p`
        The ends. `high` is inf where the follow-up ends before F reaches p.

    Raises
    ------
    DataError
        If p is not between 0 and 1.
    """
    p = np.asarray(p, float)
    if not np.all((p > 0) & (p < 1)):
        raise DataError("a quantile's probability must lie between 0 and 1; 0.5 is the median")
    place = np.searchsorted(np.cumsum(fit.mass), p - MASS_ROUNDING)
    place = np.minimum(place, len(fit.mass) - 1)
    low, high = fit.left[place], fit.right[place]
    return (float(low), float(high)) if p.ndim == 0 else (low, high)


def _strictly_concave(ranges: Ranges) -> bool:
    """Whether the log-likelihood has a single maximum.

    It is strictly concave if every node of the graph of ranges is joined to the last
    one. A node with an edge to the right is, by induction; and in one dimension each
    innermost interval is opened by a row of its own, which is that edge.
    """
    m = ranges.n_columns
    return bool(np.all(np.bincount(ranges.first, minlength=m)[1:m] > 0))
