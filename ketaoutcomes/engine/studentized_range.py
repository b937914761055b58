"""The studentised range: what Tukey's method compares the largest of all pairwise differences with.

Both integrals are sums over an even grid (trapezoid rule). Their integrands are analytic and fall
off like normal densities, where that rule converges faster than any power of the step. The upper
tail is integrated itself, never as one minus the rest, so small p-values keep all their digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtri, stdtrit

__all__ = ["range_quantile", "range_tail", "scale_grid", "t_quantile"]

# Beyond this many, degrees of freedom make no difference that a float could hold.
LARGEST_DF = 1e9
REACH = 9.0
STEP = 0.08
LOG_NEGLIGIBLE = 42.0
LONGEST = 1500.0  # reached below 0.03 degrees of freedom only


def range_tail(q: float, n_means: int, df: float = np.inf) -> float:
    """Probability that the studentised range of `n_means` means exceeds `q`.

    The range of `n_means` independent standard normal values, divided by an independent estimate
    of their standard deviation on `df` degrees of freedom:
    P(Q > q) = E_s[ k ∫ φ(z) { Φ(z)^(k-1) − [Φ(z) − Φ(z − q s)]^(k-1) } dz ].

    Parameters
    ----------
    q : float
        Not negative.
    n_means : int
        At least 2.
    df : float
        Above 0, whole or not; infinity for a known standard deviation.

    Returns
    -------
    float
        With a relative error below 1e-9.

    Source
    ------
    Copenhaver & Holland (1988), J. Stat. Comput. Simul. 30, 1. Checked: tests/reference/multiplicity.R.
    """
    if not np.isfinite(q):
        return np.nan if np.isnan(q) else 0.0
    if q <= 0:
        return 1.0
    scale, weight = scale_grid(df, q / np.sqrt(2.0))
    return float(min(weight @ _normal_range_tail(q * scale, n_means), 1.0))


def range_quantile(level: float, n_means: int, df: float = np.inf) -> float:
    """The studentised range that is exceeded with probability 1 − `level`.

    Parameters
    ----------
    level : float
        Between 0 and 1.
    n_means, df
        As in `range_tail`.
    """
    alpha = 1.0 - level
    n_pairs = n_means * (n_means - 1) / 2
    # A single pair is exceeded less often, the sum over all pairs at least as often.
    low = np.sqrt(2.0) * t_quantile(alpha / 2, df)
    high = np.sqrt(2.0) * t_quantile(alpha / (2 * n_pairs), df)
    if n_means == 2:
        return float(low)

    def excess(q: float) -> float:
        return range_tail(q, n_means, df) - alpha

    return float(brentq(excess, 0.999 * low, 1.001 * high, xtol=1e-12, rtol=1e-13))


def t_quantile(upper: float, df: float) -> float:
    """The value that Student's t on `df` degrees of freedom exceeds with probability `upper`."""
    return float(-ndtri(upper) if df > LARGEST_DF else -stdtrit(df, upper))


def scale_grid(df: float, cut: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and weights for the mean over s, where df·s² is chi-squared on `df`.

    Parameters
    ----------
    df : float
    cut : float
        Size of t at which a tail is sought: a large one draws the tail's mass to small s.

    Returns
    -------
    scale, weight : (m,) float
        Even in log s; the weights sum to 1.
    """
    if df > LARGEST_DF:
        return np.ones(1), np.ones(1)
    # The density of t = log s goes with exp(df (t − e^2t / 2)); times a tail at `cut` it peaks here.
    peak = 0.5 * np.log(df / (df + cut**2))
    left = LOG_NEGLIGIBLE / df + 1.0 if df < LOG_NEGLIGIBLE else np.sqrt(2 * LOG_NEGLIGIBLE / df)
    left = min(left, LONGEST)
    right = min(0.5 * np.log1p(2 * LOG_NEGLIGIBLE / df) + 1.0, np.sqrt(2 * LOG_NEGLIGIBLE / df))
    step = min(STEP, 0.4 / np.sqrt(2 * df))
    t = np.arange(peak - left, right + step, step)
    weight = np.exp(df * (t - 0.5 * np.expm1(2 * t)))
    return np.exp(t), weight / weight.sum()


def _normal_range_tail(width: NDArray[np.float64], n_means: int) -> NDArray[np.float64]:
    """P(range of `n_means` standard normal values > w) for each of the (m,) widths w."""
    # The integrand lies around w / 2: there the grid of z is centred.
    z = width[:, None] / 2 + np.arange(-REACH, REACH + STEP / 2, STEP)
    log_below = log_ndtr(z)
    with np.errstate(divide="ignore"):
        share = np.exp(log_ndtr(z - width[:, None]) - log_below)
        inside = np.log1p(-np.minimum(share, 1.0))
    density = np.exp(-0.5 * z**2 + (n_means - 1) * log_below)
    missed = -np.expm1((n_means - 1) * inside)
    return n_means * STEP / np.sqrt(2 * np.pi) * (density * missed).sum(axis=1)
