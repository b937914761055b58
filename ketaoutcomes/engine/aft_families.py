"""Distributions of log time, and what an interval adds to a log-likelihood with its derivatives.

log T = mu + s W, where W has the smallest-extreme-value (Weibull), logistic or normal distribution.
All three have log-concave densities, so a row's log-likelihood is concave in (mu / s, 1 / s).
Everything stays in logarithms: no probability is formed that could round to 0 or to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_ndtr, logit, ndtr, ndtri

__all__ = ["FAMILIES", "Family", "IntervalTimes", "RowTerms", "interval_times", "row_terms"]

Array = NDArray[np.float64]

NARROW_IS_EXACT = 1e-8  # of the right end: assessments that close together are one time
SERIES_BELOW = 3e-3  # width in units of the density's bend; differences lose digits below it
HIGHEST = 700.0  # e to it is still a number
HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class Family:
    """One distribution of W.

    Parameters
    ----------
    name, words : str
        As asked for, and in a sentence.
    survival, quantile, log_density : callable
        P(W > z); z of a probability; log f(z).
    bends : callable
        psi = d log f / dz and its first three derivatives.
    mass : callable
        (low, high, width) -> log P(low < W <= high), log f(low) less it, log f(high) less it.
    """

    name: str
    words: str
    survival: Callable[[Array], Array]
    quantile: Callable[[Array], Array]
    log_density: Callable[[Array], Array]
    bends: Callable[[Array], tuple[Array, Array, Array, Array]]
    mass: Callable[[Array, Array, Array], tuple[Array, Array, Array]]


def _log1mexp(x: Array, log_x: Array | None = None) -> Array:
    """log(1 - e^-x) for x > 0; `log_x` helps where x itself is too small to be held."""
    with np.errstate(divide="ignore"):
        value = np.where(x < 0.5, np.log(-np.expm1(-x)), np.log1p(-np.exp(-x)))
    return value if log_x is None else np.where(log_x < -37.0, log_x, value)


def _weibull_mass(low: Array, high: Array, width: Array) -> tuple[Array, Array, Array]:
    """S(z) = exp(-e^z): the difference of the two cumulative hazards carries all digits."""
    log_gap = np.where(np.isinf(high), np.inf, high + _log1mexp(width))
    gap = np.exp(np.minimum(log_gap, HIGHEST))
    share = _log1mexp(gap, log_gap)
    return (
        share - np.exp(np.minimum(low, HIGHEST)),
        low - share,
        np.where(np.isinf(high), -np.inf, high - gap - share),
    )


def _logistic_mass(low: Array, high: Array, width: Array) -> tuple[Array, Array, Array]:
    """F(b) - F(a) = F(b) S(a) (1 - e^(a - b)): no difference is left to take."""
    share = _log1mexp(width)
    reached, left = log_expit(high), log_expit(-low)
    return reached + left + share, log_expit(low) - reached - share, log_expit(-high) - left - share


def _normal_mass(low: Array, high: Array, width: Array) -> tuple[Array, Array, Array]:
    """The smaller tail of the two is used, in which the logarithms differ most."""
    with np.errstate(invalid="ignore"):
        upper = low + high > 0
    first, last = np.where(upper, -high, low), np.where(upper, -low, high)
    with np.errstate(invalid="ignore"):
        log_mass = log_ndtr(last) + _log1mexp(log_ndtr(last) - log_ndtr(first))
    at_first, at_last = _normal_log_density(first) - log_mass, _normal_log_density(last) - log_mass
    return log_mass, np.where(upper, at_last, at_first), np.where(upper, at_first, at_last)


def _normal_log_density(z: Array) -> Array:
    return -0.5 * np.square(z) - HALF_LOG_2PI


def _weibull_bends(z: Array) -> tuple[Array, Array, Array, Array]:
    hazard = np.exp(np.minimum(z, HIGHEST))
    return 1.0 - hazard, -hazard, -hazard, -hazard


def _logistic_bends(z: Array) -> tuple[Array, Array, Array, Array]:
    slope, density = expit(-z) - expit(z), expit(z) * expit(-z)
    return slope, -2.0 * density, -2.0 * density * slope, -2.0 * density * (slope**2 - 2.0 * density)


def _normal_bends(z: Array) -> tuple[Array, Array, Array, Array]:
    return -z, np.full_like(z, -1.0), np.zeros_like(z), np.zeros_like(z)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "weibull",
            "Weibull",
            lambda z: np.exp(-np.exp(np.minimum(z, HIGHEST))),
            lambda p: np.log(-np.log1p(-np.asarray(p, float))),
            lambda z: z - np.exp(np.minimum(z, HIGHEST)),
            _weibull_bends,
            _weibull_mass,
        ),
        Family(
            "loglogistic",
            "log-logistic",
            lambda z: expit(-z),
            logit,
            lambda z: log_expit(z) + log_expit(-z),
            _logistic_bends,
            _logistic_mass,
        ),
        Family(
            "lognormal",
            "log-normal",
            lambda z: ndtr(-z),
            ndtri,
            _normal_log_density,
            _normal_bends,
            _normal_mass,
        ),
    )
}


@dataclass(frozen=True)
class IntervalTimes:
    """Intervals as the likelihood needs them.

    Parameters
    ----------
    low, high : (n,) float
        Logarithms of the ends: -inf for 0, inf for right-censored.
    width : (n,) float
        high - low, without loss of digits.
    middle : (n,) float
        Middle of the logarithms; the time itself where it is known. NaN where an end is infinite.
    is_exact : (n,) bool
        Known exactly, or nearly so.
    is_censored : (n,) bool
        No right end.
    """

    low: Array
    high: Array
    width: Array
    middle: Array
    is_exact: NDArray[np.bool_]
    is_censored: NDArray[np.bool_]

    def take(self, rows: NDArray) -> IntervalTimes:
        """The same for some of the rows."""
        return IntervalTimes(*(values[rows] for values in vars(self).values()))


def interval_times(left: Array, right: Array) -> IntervalTimes:
    """Checked ends of (left, right] on the scale of the likelihood.

    Parameters
    ----------
    left, right : (n,) float
        As `checked_intervals` gives them, an exact time above 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.log(left), np.log(right)
        width = np.where((left > 0) & np.isfinite(right), np.log1p((right - left) / left), np.inf)
        is_exact = (left > 0) & np.isfinite(right) & (right - left < NARROW_IS_EXACT * right)
        middle = np.where(np.isfinite(width), low + width / 2, np.nan)
    return IntervalTimes(low, high, width, middle, is_exact, np.isinf(right))


@dataclass(frozen=True)
class RowTerms:
    """Log-likelihood of each row and its derivatives by mu and tau = log s, each (n,)."""

    value: Array
    mu: Array
    tau: Array
    mu_mu: Array
    mu_tau: Array
    tau_tau: Array


def row_terms(times: IntervalTimes, mu: Array, tau: float, family: Family) -> RowTerms:
    """What each row adds to the log-likelihood.

    Parameters
    ----------
    times : IntervalTimes
    mu : (n,) float
        Centre of log time.
    tau : float
        log s.
    family : Family
    """
    s = float(np.exp(tau))
    # A step that is too long may make s vanish; what comes out is not finite, and the step is taken back.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        width = times.width / s
        if not (times.is_exact | (width < SERIES_BELOW)).any():
            return RowTerms(*_wide((times.low - mu) / s, (times.high - mu) / s, width, s, family))
        middle = (np.where(np.isfinite(times.middle), times.middle, mu) - mu) / s
        bend = np.abs(family.bends(middle)[0])
        short = times.is_exact | (width * np.maximum(bend, 1.0) < SERIES_BELOW)
        out = np.empty((6, len(mu)))
        out[:, short] = _short(middle[short], width[short], times.take(short), tau, family)
        if not short.all():
            wide = ~short
            low, high = (times.low[wide] - mu[wide]) / s, (times.high[wide] - mu[wide]) / s
            out[:, wide] = _wide(low, high, width[wide], s, family)
    return RowTerms(*out)


def _wide(low: Array, high: Array, width: Array, s: float, family: Family) -> tuple[Array, ...]:
    """Rows whose probability is a difference of two tails."""
    value, log_b, log_a = family.mass(low, high, width)
    # Nothing is known of a row from 0 to no end at all.
    silent = np.isinf(low) & np.isinf(high)
    value = np.where(silent, 0.0, value)
    a = np.where(np.isinf(high), 0.0, np.exp(log_a))
    b = np.where(np.isinf(low), 0.0, np.exp(log_b))
    low, high = np.where(np.isinf(low), 0.0, low), np.where(np.isinf(high), 0.0, high)
    high_high = a * family.bends(high)[0] - a**2
    low_low = -b * family.bends(low)[0] - b**2
    high_low = a * b
    return (
        value,
        -(a - b) / s,
        -(a * high - b * low),
        (high_high + 2.0 * high_low + low_low) / s**2,
        (high_high * high + low_low * low + high_low * (high + low) + a - b) / s,
        high_high * high**2 + 2.0 * high_low * high * low + low_low * low**2 + a * high - b * low,
    )


def _short(z: Array, width: Array, times: IntervalTimes, tau: float, family: Family) -> tuple[Array, ...]:
    """Exact times, and intervals so short that the density's expansion has more digits than a difference."""
    s = float(np.exp(tau))
    psi, psi_1, psi_2, psi_3 = family.bends(z)
    curve, curve_1 = psi_1 + psi**2, psi_2 + 2.0 * psi * psi_1
    curve_2 = psi_3 + 2.0 * psi_1**2 + 2.0 * psi * psi_2
    square = np.where(times.is_exact, 0.0, width**2)
    slope, bend = psi + square * curve_1 / 24.0, psi_1 + square * curve_2 / 24.0
    # The density of T itself where the time is exact: the unit of time is then part of the likelihood.
    size = np.where(times.is_exact, -times.middle, np.log(np.where(times.is_exact, 1.0, times.width)))
    return (
        family.log_density(z) + size - tau + square * curve / 24.0,
        -slope / s,
        -slope * z - 1.0 - square * curve / 12.0,
        bend / s**2,
        (bend * z + slope + square * curve_1 / 12.0) / s,
        bend * z**2 + slope * z + square * (curve + z * curve_1) / 6.0,
    )
