"""Nonparametric maximum likelihood of interval-censored times with delayed entry (left truncation).

A row that comes under observation at its entry tells only about later times. To count
it from time 0 would give it a stretch in which it could not have had the event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.delayed_solver import maximise_hazards
from ketaoutcomes.engine.delayed_support import (
    DelayedSupport,
    checked_delayed,
    delayed_keys,
    delayed_support,
)
from ketaoutcomes.engine.support import collapse
from ketaoutcomes.errors import DataError

__all__ = [
    "DelayedNpmle",
    "at_risk",
    "delayed_npmle",
    "quantile_interval",
    "survival_bounds",
    "survival_from",
]

# Survival is good to about this; a curve this close to 1 - p has reached it.
SURVIVAL_ROUNDING = 1e-9
# Rounding alone makes the certificate about this large per row.
ROUNDING = 1e-14
# Weights that add up to less than this share of all weights are 0.
NOTHING = 1e-13


@dataclass(frozen=True)
class DelayedNpmle:
    """A nonparametric maximum likelihood curve for interval-censored times with delayed entry.

    It is the share without the event among those without it at `given`. A fall may lie
    anywhere inside its interval: the curve is known at the ends and not between.

    Parameters
    ----------
    left, right : (m,) float
        Candidate intervals (left, right], rising, in the unit of the input; the last
        `right` may be inf.
    left_closed : (m,) bool
        True where the interval is the single point left = right.
    hazard : (m,) float
        Fall of log survival over each interval; inf where nobody is known to have passed it.
    survival_before, survival_after : (m,) float
        Share without the event before and after each interval; 1 up to `given`.
    log_likelihood : float
    gap : float
        Upper bound of what the log-likelihood is below its maximum.
    converged : bool
        Whether `gap` is below the tolerance asked for.
    unique : bool
        True if these are surely the only hazards with this likelihood.
    n : float
        Sum of the weights.
    first_entry : float
        Earliest entry; nothing is known of earlier times.
    given : float
        Time from which the curve starts at 1: the first entry, unless a later one was asked for.
    n_beyond_zero : float
        Weight of the rows seen without the event after the curve has fallen to 0. Above 0 the
        fall is owed to the few at risk early: ask for a later `given`.
    unobserved : (k, 2) float
        Spans after the first entry in which nobody is under observation. The curve
        runs flat there by convention.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    left_closed: NDArray[np.bool_]
    hazard: NDArray[np.float64]
    survival_before: NDArray[np.float64]
    survival_after: NDArray[np.float64]
    log_likelihood: float
    gap: float
    converged: bool
    unique: bool
    n: float
    first_entry: float
    given: float
    n_beyond_zero: float
    unobserved: NDArray[np.float64]


def delayed_npmle(
    left: ArrayLike,
    right: ArrayLike,
    entry: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    given: float | None = None,
    tolerance: float = 1e-8,
) -> DelayedNpmle:
    """Curve of largest likelihood for times in (left, right] of rows seen from `entry` on.

    Maximises sum_i w_i log {[S(left_i) - S(right_i)] / S(entry_i)}, which is concave in
    the hazards. Where nobody is known to have passed an interval in which someone had the
    event, the curve falls to 0, early in time too: one row that enters before the others
    and is lost can decide it. `n_beyond_zero` tells, and `given` starts the curve later.

    Parameters
    ----------
    left, right : (n,) array_like of float
        The event came after `left` and not after `right`. Equal ends are an exactly
        known time; `right` = inf is right-censored.
    entry : (n,) array_like of float
        Known without the event, and under observation, from here on; not after `left`,
        before an exact time. At risk at times t > entry.
    weights : (n,) array_like of float, optional
        How many rows each row stands for.
    given : float, optional
        Curve of those without the event at this time, by the hazards of the intervals that
        begin at it or later.
    tolerance : float
        Largest `gap` that counts as converged; 1e-14 times the sum of the weights where
        that is larger.

    Returns
    -------
    DelayedNpmle

    Raises
    ------
    DataError
        If there is nothing, or an end or an entry is missing, negative or out of order.

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290; Frydman (1994), J. R. Stat. Soc. B 56, 71;
    Alioum and Commenges (1996), Biometrics 52, 512. Checked: tests/reference/delayed.R.
    """
    left, right, entry, weights = checked_delayed(left, right, entry, weights)
    keys = delayed_keys(left, right, entry)
    support = delayed_support(keys, weights)
    m, n = len(support.opens), float(weights.sum())
    first, stop, total = collapse(support.first, support.stop, weights[keys.event], n_second=m + 1)
    cost = _over(support.free_first, support.free_stop, weights[keys.exposed], m)
    free = cost > NOTHING * n
    covered = _over(first, stop, np.ones(len(first)), m) > 0.5
    falls = ~free & covered
    hazard = np.where(falls, np.inf, 0.0)
    before = np.concatenate(([0], np.cumsum(falls)))
    live = before[first] == before[stop]
    used = np.flatnonzero(free & (_over(first[live], stop[live], np.ones(live.sum()), m) > 0.5))
    a, b = np.searchsorted(used, first[live]), np.searchsorted(used, stop[live])
    tolerance = max(tolerance, ROUNDING * n)
    hazard[used], gap, tight, sums = maximise_hazards(a, b, total[live], cost[used], tolerance=tolerance)
    hazard[-1] = np.inf if np.isinf(keys.values[support.closes[-1] // 3]) else hazard[-1]
    unobserved = _unobserved(entry, np.where(keys.event, right, left))
    unique = (
        len(unobserved) == 0
        and _joined(np.flatnonzero(tight), a, b)
        and _each_alone(np.flatnonzero(falls), first, stop)
    )
    first_entry = float(entry.min())
    given = first_entry if given is None else max(float(given), first_entry)
    level = survival_from(keys.values, support, hazard, given)
    zero = np.flatnonzero(level[1:] == 0)
    beyond = keys.exposed & (keys.left > support.closes[zero[0]] if len(zero) else False)
    return DelayedNpmle(
        left=keys.values[support.opens // 3],
        right=keys.values[support.closes // 3],
        left_closed=(support.opens % 3 == 0) & (support.opens // 3 == support.closes // 3),
        hazard=hazard,
        survival_before=level[:-1],
        survival_after=level[1:],
        log_likelihood=float(total[live] @ np.log(-np.expm1(-sums)) - cost[used] @ hazard[used]),
        gap=gap,
        converged=gap <= tolerance,
        unique=unique,
        n=n,
        first_entry=first_entry,
        given=given,
        n_beyond_zero=float(weights[beyond].sum()),
        unobserved=unobserved,
    )


def survival_bounds(fit: DelayedNpmle, times: ArrayLike):
    """Bounds of S(t) = P(T > t | T > given).

    Parameters
    ----------
    fit : DelayedNpmle
    times : array_like of float
        In the unit of the fit.

    Returns
    -------
    low, high : ndarray of float
        Shape of `times`. They differ inside an interval in which the curve falls, and
        beyond the last information, where `low` is 0. Both are 1 up to `given`.
    """
    times = np.asarray(times, float)
    level = np.append(1.0, fit.survival_after)
    closed = np.searchsorted(fit.right, times, side="right")
    opened = np.searchsorted(fit.left, times, side="left")
    # A single point at t itself is past by t; an interval that opens at t has not begun.
    at = np.minimum(opened, len(fit.left) - 1)
    opened = opened + ((fit.left[at] == times) & fit.left_closed[at])
    return level[opened], level[closed]


def quantile_interval(fit: DelayedNpmle, p: ArrayLike):
    """Interval in which a share p has first had the event; the quantile lies inside it.

    Parameters
    ----------
    fit : DelayedNpmle
    p : array_like of float
        Between 0 and 1; 0.5 for the median.

    Returns
    -------
    low, high : float, or ndarray of the shape of `p`
        The ends. `high` is inf where the follow-up ends before.

    Raises
    ------
    DataError
        If p is not between 0 and 1.
    """
    p = np.asarray(p, float)
    if not np.all((p > 0) & (p < 1)):
        raise DataError("a quantile's probability must lie between 0 and 1; 0.5 is the median")
    place = np.searchsorted(1.0 - fit.survival_after, p - SURVIVAL_ROUNDING)
    place = np.minimum(place, len(fit.left) - 1)
    low, high = fit.left[place], fit.right[place]
    return (float(low), float(high)) if p.ndim == 0 else (low, high)


def at_risk(
    left: ArrayLike, right: ArrayLike, entry: ArrayLike, times: ArrayLike, *, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Number of rows under observation at each time: entered, and neither lost nor ended before.

    Parameters
    ----------
    left, right, entry : (n,) array_like of float
        As for `delayed_npmle`. A row is under observation up to `right`, or up to `left`
        if it is right-censored.
    times : (t,) array_like of float
    weights : (n,) array_like of float, optional

    Returns
    -------
    (t,) ndarray of float
        Sums of the weights.

    Raises
    ------
    DataError
        As `delayed_npmle`.
    """
    left, right, entry, weights = checked_delayed(left, right, entry, weights)
    last = np.where(np.isfinite(right), right, left)
    come, gone = np.argsort(entry), np.argsort(last)
    entered = np.append(0.0, np.cumsum(weights[come]))
    left_by = np.append(0.0, np.cumsum(weights[gone]))
    times = np.asarray(times, float)
    entered = entered[np.searchsorted(entry[come], times, side="right")]
    return entered - left_by[np.searchsorted(last[gone], times, side="left")]


def survival_from(values, support: DelayedSupport, hazard, given: float) -> NDArray[np.float64]:
    """Survival before the first and after each column, (..., m + 1), from hazards (..., m).

    Parameters
    ----------
    values : (k,) float
        Distinct times.
    support : DelayedSupport
    hazard : (..., m) float
    given : float
        Intervals that begin earlier are left out.
    """
    early = (values[support.opens // 3] < given) & np.isfinite(values[support.closes // 3])
    level = np.ones((*hazard.shape[:-1], hazard.shape[-1] + 1))
    level[..., 1:] = np.exp(-np.cumsum(np.where(early, 0.0, hazard), axis=-1))
    return level


def _over(first, stop, values, m):
    """Sum of the values of the rows first_i .. stop_i - 1 over each of m columns."""
    return np.cumsum(np.bincount(first, values, m + 1) - np.bincount(stop, values, m + 1))[:m]


def _unobserved(entry, last):
    """Spans between the last row under observation and the next entry, (k, 2)."""
    order = np.argsort(entry)
    until = np.maximum.accumulate(last[order])
    empty = np.flatnonzero(entry[order][1:] > until[:-1])
    return np.column_stack([until[empty], entry[order][empty + 1]])


def _joined(columns, first, stop):
    """Whether the graph of the ranges over these columns hangs together: then sums decide hazards."""
    a, b = np.searchsorted(columns, first), np.searchsorted(columns, stop)
    label = np.arange(len(columns) + 1)
    while True:
        smaller = np.minimum(label[a], label[b])
        new = label.copy()
        np.minimum.at(new, a, smaller)
        np.minimum.at(new, b, smaller)
        new = new[new]
        if np.array_equal(new, label):
            return bool((label == 0).all())
        label = new


def _each_alone(columns, first, stop):
    """Whether each column is the only one of `columns` in some range."""
    a, b = np.searchsorted(columns, first), np.searchsorted(columns, stop)
    return len(np.unique(a[b == a + 1])) == len(columns)
