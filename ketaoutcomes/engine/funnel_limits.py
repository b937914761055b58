"""Limits of funnel plots: what chance allows a unit of its size, and more where units differ by more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, ndtri, pdtr

from ketaoutcomes.errors import DataError

__all__ = [
    "ADJUSTMENTS",
    "FEWEST_UNITS",
    "Dispersion",
    "binomial_limits",
    "dispersion",
    "normal_limits",
    "poisson_binomial_limits",
    "poisson_limits",
    "winsorised",
]

Array = NDArray[np.float64]

ADJUSTMENTS = ("auto", "none", "multiplicative", "additive")
# With fewer units the dispersion is not estimated.
FEWEST_UNITS = 10
WINSORISED = 0.1


@dataclass(frozen=True)
class Dispersion:
    """How much more units differ than chance allows.

    Parameters
    ----------
    n_units : int
    phi : float
        Mean of the squared z, the outermost 10% at each end drawn in; NaN with fewer than 10 units.
    threshold : float
        1 + 2 sqrt(2 / n_units): what phi must exceed to be more than chance.
    tau2 : float
        Variance between units that would explain it, in the squared unit of the estimate; NaN as `phi`.
    applied : {"none", "multiplicative", "additive"}
        What the limits were widened by.
    """

    n_units: int
    phi: float
    threshold: float
    tau2: float
    applied: str


def binomial_limits(n: ArrayLike, target: float, probabilities: ArrayLike) -> Array:
    """Limits of a proportion of n when its expectation is `target`; (k, m), 0 to 1.

    Exact and interpolated: with r the smallest count whose cumulative probability F(r) is at least p, and
    a = (F(r) - p) / (F(r) - F(r - 1)), the limit is (r - a) / n, kept within 0 and 1.

    Parameters
    ----------
    n : (m,) array_like of int
        1 or more.
    target : float
        Between 0 and 1; at 0 or 1 the limits are the target.
    probabilities : (k,) array_like of float
        Cumulative probabilities of the limits, e.g. 0.001, 0.025, 0.975, 0.999.

    Raises
    ------
    DataError
        If a size is below 1 or no whole number, or the target lies outside 0 to 1.

    Source
    ------
    Spiegelhalter (2005), Stat. Med. 24, 1185, appendix A.1.1. Checked: tests/engine/test_funnel_limits.py.
    """
    n, p = np.atleast_1d(np.asarray(n, float)), _checked(probabilities)
    if not (np.isfinite(n) & (n >= 1) & (n == np.floor(n))).all():
        raise DataError("each unit's size must be a whole number of 1 or more")
    if not 0.0 <= target <= 1.0:
        raise DataError("the target of a proportion lies between 0 and 1")
    if target in (0.0, 1.0):
        return np.full((p.size, n.size), float(target))
    spread, whole = np.sqrt(n * target * (1.0 - target)), n.astype(np.int64)

    def reached(r: Array) -> Array:
        return bdtr(np.minimum(r, n), whole, target)

    r = _smallest(reached, n * target, spread, p, most=n)
    return np.clip(_interpolated(reached, r, p) / n, 0.0, 1.0)


def poisson_limits(expected: ArrayLike, probabilities: ArrayLike) -> Array:
    """Limits of a ratio of observed to expected events when events come by chance alone; (k, m), from 0.

    Parameters
    ----------
    expected : (m,) array_like of float
        Above 0.
    probabilities : (k,) array_like of float

    Raises
    ------
    DataError
        If an expected number is not above 0.

    Source
    ------
    Spiegelhalter (2005), as `binomial_limits`, with Poisson's distribution.
    """
    expected, p = np.atleast_1d(np.asarray(expected, float)), _checked(probabilities)
    if not (np.isfinite(expected) & (expected > 0)).all():
        raise DataError("each unit's expected number of events must be above 0")
    r = _smallest(lambda r: pdtr(r, expected), expected, np.sqrt(expected), p, most=np.inf)
    return np.maximum(_interpolated(lambda r: pdtr(r, expected), r, p) / expected, 0.0)


def poisson_binomial_limits(chances: ArrayLike, probabilities: ArrayLike) -> Array:
    """Limits of observed over expected events of one unit whose cases have chances of their own; (k,).

    The number of events among cases with unlike chances has less variance than Poisson's, half of it
    where chances are about a half; interpolated as `binomial_limits`.

    Parameters
    ----------
    chances : (n,) array_like of float
        Each case's probability of the event, 0 to 1, not all of them 0.
    probabilities : (k,) array_like of float

    Raises
    ------
    DataError
        If a chance lies outside 0 to 1, or all are 0.
    """
    chances, p = np.asarray(chances, float).ravel(), _checked(probabilities)
    if not (np.isfinite(chances) & (chances >= 0) & (chances <= 1)).all() or not chances.any():
        raise DataError("each case's probability of the event lies between 0 and 1, and some are above 0")
    reached = np.cumsum(_counts_of(chances))
    r = np.minimum(np.searchsorted(reached, p), chances.size)
    before = np.where(r > 0, reached[np.maximum(r - 1, 0)], 0.0)
    share = (reached[r] - p) / np.maximum(reached[r] - before, np.finfo(float).tiny)
    return np.clip(r - share, 0.0, chances.size) / chances.sum()


def normal_limits(std_error: ArrayLike, target: float, probabilities: ArrayLike) -> Array:
    """`target` plus the normal quantile of each probability times the standard error; (k, m)."""
    return target + ndtri(_checked(probabilities))[:, None] * np.atleast_1d(np.asarray(std_error, float))


def winsorised(z: ArrayLike, share: float = WINSORISED) -> Array:
    """`z` with values beyond its quantiles `share` and 1 - `share` (type 7) drawn in to them; (m,)."""
    z = np.asarray(z, float)
    return np.clip(z, *np.quantile(z, [share, 1.0 - share])) if z.size else z


def dispersion(z: ArrayLike, std_error: ArrayLike, *, adjustment: str = "auto") -> Dispersion:
    """Whether units differ by more than chance, and by what the limits are to be widened.

    Parameters
    ----------
    z : (m,) array_like of float
        (estimate - target) / standard error under the target.
    std_error : (m,) array_like of float
    adjustment : {"auto", "none", "multiplicative", "additive"}
        "auto" widens additively where phi exceeds its threshold; the two ways widen wherever phi is
        above 1. Never with fewer than 10 units.

    Source
    ------
    Spiegelhalter (2005), Qual. Saf. Health Care 14, 347; tau2 by moments (DerSimonian and Laird 1986).
    """
    z, std_error = np.asarray(z, float), np.asarray(std_error, float)
    n_units = z.size
    threshold = 1.0 + 2.0 * np.sqrt(2.0 / n_units) if n_units else np.nan
    if n_units < FEWEST_UNITS:
        return Dispersion(n_units, np.nan, threshold, np.nan, "none")
    phi = float(np.mean(winsorised(z) ** 2))
    weight = 1.0 / std_error**2
    spread = weight.sum() - (weight**2).sum() / weight.sum()
    tau2 = max(0.0, (n_units * phi - (n_units - 1)) / spread)
    applied = adjustment
    if adjustment == "auto":
        applied = "additive" if phi > threshold else "none"
    elif phi <= 1.0:
        applied = "none"
    return Dispersion(n_units, phi, float(threshold), float(tau2), applied)


def _checked(probabilities: ArrayLike) -> Array:
    p = np.atleast_1d(np.asarray(probabilities, float))
    if not ((p > 0) & (p < 1)).all():
        raise DataError("the probabilities of limits lie between 0 and 1")
    return p


def _smallest(reached, mean: Array, spread: Array, p: Array, *, most) -> Array:
    """The smallest whole number whose cumulative probability is at least p, by bisection; (k, m)."""
    low = np.full((p.size, mean.size), -1.0)
    # Ten standard deviations and 20 events above the mean nothing is left of the probability.
    high = np.minimum(np.ceil(mean + 10.0 * spread + 20.0), most) + 0.0 * low
    while (high - low > 1.0).any():
        middle = np.floor((low + high) / 2.0)
        enough = reached(np.maximum(middle, 0.0)) >= p[:, None]
        enough &= middle >= 0
        open_ = high - low > 1.0
        high, low = np.where(open_ & enough, middle, high), np.where(open_ & ~enough, middle, low)
    return high


def _interpolated(reached, r: Array, p: Array) -> Array:
    """r less the part of its own probability that lies beyond p."""
    here = reached(r)
    before = np.where(r > 0, reached(np.maximum(r - 1.0, 0.0)), 0.0)
    return r - (here - p[:, None]) / np.maximum(here - before, np.finfo(float).tiny)


def _counts_of(chances: Array) -> Array:
    """Probability of 0, 1, … events among cases with these chances: products of pairs, then of pairs."""
    parts = np.column_stack([1.0 - chances, chances])
    while len(parts) > 1:
        if len(parts) % 2:
            # A case that never has the event changes nothing.
            parts = np.vstack([parts, np.eye(1, parts.shape[1])])
        length = 2 * parts.shape[1] - 1
        turned = np.fft.rfft(parts, n=length, axis=1)
        parts = np.maximum(np.fft.irfft(turned[0::2] * turned[1::2], n=length, axis=1), 0.0)
    return parts[0] / parts[0].sum()
