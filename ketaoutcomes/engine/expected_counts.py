"""Counts held against a published figure: exact binomial test, and observed over expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, ndtri, xlog1py, xlogy

from ketaoutcomes.engine.count_design import checked_level
from ketaoutcomes.engine.rates import poisson_exact
from ketaoutcomes.errors import DataError, Problem

__all__ = ["BinomialTest", "ObservedOverExpected", "binomial_test", "observed_over_expected"]

Array = NDArray[np.float64]

# Probabilities that differ by less than this share count as equal, as in R.
EQUAL = 1e-7


@dataclass(frozen=True)
class BinomialTest:
    """Two-sided p-values of counts under a known share.

    Parameters
    ----------
    p_value : ndarray of float
        Probability of all counts that are as probable as the observed one or less. NaN without trials.
    mid_p : ndarray of float
        The same with half the weight for counts as probable as the observed one.
    """

    p_value: Array
    mid_p: Array


@dataclass(frozen=True)
class ObservedOverExpected:
    """Ratio of a count to what published figures let expect.

    Parameters
    ----------
    ratio : ndarray of float
        Standardised incidence ratio; NaN where 0 are expected, and so are its limits.
    byar_low, byar_high : ndarray of float
        Byar's approximate limits.
    exact_low, exact_high : ndarray of float
        Garwood's limits of a Poisson count.
    """

    ratio: Array
    byar_low: Array
    byar_high: Array
    exact_low: Array
    exact_high: Array


def binomial_test(n_events: ArrayLike, n: ArrayLike, share: ArrayLike) -> BinomialTest:
    """Exact test of whether events among independent trials go with a known share.

    Parameters
    ----------
    n_events, n, share : array_like
        Events, trials and the share, e.g. a published one; broadcast against each other. Trials are taken
        as independent: give patients, not sessions. The share is taken as known without error.

    Returns
    -------
    BinomialTest

    Raises
    ------
    DataError
        If a count is not a whole number of 0 or more, events exceed trials, or a share is not within 0..1.

    Source
    ------
    The method of small p-values, as R's binom.test; mid-p: Hirji (2006), Exact Analysis of Discrete Data, 2.
    Checked: tests/reference/count_models.R.
    """
    x, n, share = np.broadcast_arrays(*(np.asarray(value, float) for value in (n_events, n, share)))
    _refuse(~(np.isfinite(n) & (n >= 0) & (n == np.rint(n))), "trials must be whole numbers of 0 or more")
    _refuse(~(np.isfinite(x) & (x >= 0) & (x == np.rint(x))), "events must be whole numbers of 0 or more")
    _refuse(x > n, "there are more events than trials")
    _refuse(~((share >= 0) & (share <= 1)), "the share to compare with must lie between 0 and 1")
    seen, expected = _log_probability(x, n, share), n * share
    # Probabilities fall on either side of the expected count: what is on the other side of it and no more
    # probable is one tail, found by halving.
    below = x < expected
    last = _other_end(below, x, n, share)
    other = np.where(below, _upper(last, n, share), _lower(last, n, share))
    own = np.where(below, _lower(x, n, share), _upper(x, n, share))
    p_value = np.where(x == expected, 1.0, np.minimum(own + other, 1.0))
    is_there = (last >= 0) & (last <= n) & (x != expected)
    twin = np.where(is_there, _log_probability(np.clip(last, 0, n), n, share), -np.inf)
    equal = np.exp(seen) + np.where(twin >= seen - EQUAL, np.exp(twin), 0.0)
    nothing = n == 0
    return BinomialTest(
        np.where(nothing, np.nan, p_value), np.where(nothing, np.nan, p_value - np.minimum(equal, 1.0) / 2)
    )


def observed_over_expected(
    observed: ArrayLike, expected: ArrayLike, *, level: float = 0.95
) -> ObservedOverExpected:
    """Standardised incidence ratio with Byar's and exact limits.

    Parameters
    ----------
    observed, expected : array_like
        Counts, broadcast against each other; the expected ones are taken as known without error.
    level : float

    Returns
    -------
    ObservedOverExpected

    Raises
    ------
    DataError
        If an observed count is not a whole number of 0 or more or an expected one is negative or missing.

    Source
    ------
    Breslow and Day (1987), Statistical Methods in Cancer Research II, 2.2 (Byar's limits); Garwood (1936),
    Biometrika 28, 437. Checked: tests/reference/count_models.R.
    """
    x, expected = np.broadcast_arrays(np.asarray(observed, float), np.asarray(expected, float))
    _refuse(~(np.isfinite(x) & (x >= 0) & (x == np.rint(x))), "events must be whole numbers of 0 or more")
    _refuse(~(np.isfinite(expected) & (expected >= 0)), "an expected count is negative or missing")
    z = ndtri(0.5 + checked_level(level) / 2)
    per_unit = 1.0 / np.where(expected == 0, np.nan, expected)
    some = np.maximum(x, 1.0)
    # Below 0 at high levels and small counts, where the limit is 0.
    low = np.maximum(1 - 1 / (9 * some) - z / (3 * np.sqrt(some)), 0.0) ** 3 * x
    more = x + 1
    high = more * (1 - 1 / (9 * more) + z / (3 * np.sqrt(more))) ** 3
    exact_low, exact_high = poisson_exact(x, expected, level=level)
    return ObservedOverExpected(x * per_unit, low * per_unit, high * per_unit, exact_low, exact_high)


def _other_end(below: NDArray[np.bool_], x: Array, n: Array, share: Array) -> Array:
    """The count nearest to the expected one, on the other side of it, that is no more probable than x.

    Probabilities fall on the way there. n + 1 or -1 if there is none; `below` is whether x < expected.
    """
    start = np.where(below, np.ceil(n * share), np.floor(n * share))
    sign = np.where(below, 1.0, -1.0)
    most = _log_probability(x, n, share) + np.log1p(EQUAL)
    near, far = np.zeros(x.shape), np.where(below, n - start, start) + 1.0
    for _ in range(int(np.ceil(np.log2(far.max(initial=1.0) + 1.0))) + 1):
        middle = np.floor((near + far) / 2)
        is_rare = _log_probability(np.clip(start + sign * middle, 0, n), n, share) <= most
        hit = is_rare | (middle >= far)
        near, far = np.where(hit, near, np.minimum(middle + 1, far)), np.where(hit, middle, far)
    return start + sign * far


def _log_probability(x: Array, n: Array, share: Array) -> Array:
    ways = -betaln(x + 1, n - x + 1) - np.log1p(n)
    return ways + xlogy(x, share) + xlog1py(n - x, -share)


def _lower(x: Array, n: Array, share: Array) -> Array:
    """P(X <= x), 0 below and 1 above the range."""
    inside = (x >= 0) & (x < n)
    value = betainc(np.where(inside, n - x, 1.0), np.where(inside, x + 1, 1.0), 1 - share)
    return np.where(inside, value, np.where(x < 0, 0.0, 1.0))


def _upper(x: Array, n: Array, share: Array) -> Array:
    """P(X >= x), 1 below and 0 above the range."""
    inside = (x >= 1) & (x <= n)
    value = betainc(np.where(inside, x, 1.0), np.where(inside, n - x + 1, 1.0), share)
    return np.where(inside, value, np.where(x < 1, 1.0, 0.0))


def _refuse(bad: NDArray[np.bool_], message: str) -> None:
    if np.any(bad):
        raise DataError(Problem(message, n_rows=int(np.sum(bad))))
