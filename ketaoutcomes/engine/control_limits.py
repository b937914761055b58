"""Centre lines and three-sigma limits of control charts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "PER_SIZE", "PRIME", "Limits", "control_limits", "estimates", "excess_spread"]

Array = NDArray[np.float64]

KINDS = ("run", "xmr", "p", "u", "p_prime", "u_prime", "g", "t", "c")
# Kinds whose points are a count divided by the size of the point.
PER_SIZE = ("p", "u", "p_prime", "u_prime")
PRIME = ("p_prime", "u_prime")
SHARES = ("p", "p_prime")

SIGMAS = 3.0
# Mean range of two normal values over their sigma, and the upper limit of moving ranges over their mean.
D2, D4 = 1.128, 3.267
T_POWER = 3.6
SAME = 1e-9


@dataclass(frozen=True)
class Limits:
    """Centre and limits of each point.

    Attributes
    ----------
    centre, low, high : (n,) float
        `low` and `high` are NaN where there are none.
    sigma_z : float
        By how much the points vary more than their distribution allows; 1 unless the kind corrects for it.
    """

    centre: Array
    low: Array
    high: Array
    sigma_z: float = 1.0


def estimates(kind: str, value: Array, size: Array | None = None) -> Array:
    """The points that are drawn: counts over their sizes for p and u charts, else the values.

    A point without a value, or with a size that is missing or 0, is NaN.
    """
    value = np.asarray(value, dtype=float)
    if kind not in PER_SIZE:
        return value.copy()
    size = np.where(np.asarray(size, dtype=float) > 0, size, np.nan)
    return value / size


def control_limits(kind: str, value: Array, size: Array | None, is_baseline: NDArray[np.bool_]) -> Limits:
    """Centre and limits for all points, computed from those of the baseline.

    Parameters
    ----------
    kind : one of `KINDS`
        run: median, no limits. xmr: mean ± 3 mean(MR)/1.128, after one screening of the moving ranges above
        3.267 times their mean. c: mean ± 3 √mean. p: p̄ ± 3 √(p̄(1−p̄)/n). u: ū ± 3 √(ū/n). p_prime and
        u_prime: these times σz, the spread of the standardised points by their (screened) moving range. g:
        median, limits 0 and mean + 3 √(mean(mean+1)). t: as xmr for time^(1/3.6), transformed back.
    value : (n,) float
        Measures, counts, opportunities or days between events; NaN is a gap.
    size : (n,) float or None
        Denominators of the kinds in `PER_SIZE`; 0 or NaN is a gap.
    is_baseline : (n,) bool
        Points that the centre and the limits are computed from.

    Returns
    -------
    Limits
        All NaN without a baseline point; `low` and `high` NaN where the baseline has no spread. A limit of
        counts is at least 0, one of shares at most 1.

    Source
    ------
    Montgomery (2013), Introduction to Statistical Quality Control, 7th ed., 6.33, 7.8, 7.17, 7.19; Nelson
    (1982), J. Qual. Technol. 14, 172 (screening); Laney (2002), Qual. Eng. 14, 531; Nelson (1994), J. Qual.
    Technol. 26, 239 (t); as qicharts2. Checked: tests/engine/test_control_limits.py.
    """
    value = np.asarray(value, dtype=float)
    shown = estimates(kind, value, size)
    base = np.asarray(is_baseline, dtype=bool) & np.isfinite(shown)
    n = shown.size
    if not base.any():
        nothing = np.full(n, np.nan)
        return Limits(nothing, nothing.copy(), nothing.copy())
    if kind == "run":
        nothing = np.full(n, np.nan)
        return Limits(np.full(n, np.median(shown[base])), nothing, nothing.copy())
    if kind == "xmr":
        return _around(shown, base, np.ones(n))
    if kind == "t":
        return _of_times(shown, base)
    if kind == "g":
        mean = shown[base].mean()
        high = np.full(n, _or_none(mean + SIGMAS * np.sqrt(mean * (mean + 1))))
        return Limits(np.full(n, np.median(shown[base])), np.where(np.isfinite(high), 0.0, np.nan), high)
    return _of_counts(kind, value, size, shown, base)


def excess_spread(kind: str, value: Array, size: Array, is_baseline: NDArray[np.bool_]) -> float:
    """σz of a chart of shares or rates: 1 where the points vary as their distribution says.

    The spread of the standardised points between neighbours; Laney (2002), Qual. Eng. 14, 531.
    """
    shown = estimates(kind, value, size)
    base = np.asarray(is_baseline, dtype=bool) & np.isfinite(shown)
    if not base.any():
        return np.nan
    centre = np.asarray(value, dtype=float)[base].sum() / np.asarray(size, dtype=float)[base].sum()
    return _sigma_z(shown, base, centre, _sigma(kind, centre, size, shown))


def _of_counts(kind: str, value: Array, size: Array | None, shown: Array, base: NDArray[np.bool_]) -> Limits:
    """Charts of counts, shares and rates, whose sigma follows from the centre."""
    size = np.ones(shown.size) if kind == "c" else np.asarray(size, dtype=float)
    centre = value[base].sum() / size[base].sum()
    sigma = _sigma(kind, centre, size, shown)
    sigma_z = _sigma_z(shown, base, centre, sigma) if kind in PRIME else 1.0
    # Nothing counted, or everything, says nothing of how the points vary.
    half = SIGMAS * sigma * sigma_z if sigma_z > 0 else np.full(shown.size, np.nan)
    half = np.where(half > 0, half, np.nan)
    high = centre + half
    if kind in SHARES:
        high = np.minimum(high, 1.0)
    return Limits(np.full(shown.size, centre), np.maximum(centre - half, 0.0), high, float(sigma_z))


def _sigma(kind: str, centre: float, size: Array, shown: Array) -> Array:
    """Standard deviation of each point about the centre; NaN at a gap."""
    variance = centre * (1.0 - centre) if kind in SHARES else centre
    size = np.where(np.asarray(size, dtype=float) > 0, size, np.nan)
    return np.sqrt(max(variance, 0.0) / size)


def _sigma_z(shown: Array, base: NDArray[np.bool_], centre: float, sigma: Array) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(sigma > 0, (shown - centre) / sigma, np.nan)
    return _mean_range(z, base) / D2


def _mean_range(values: Array, base: NDArray[np.bool_]) -> float:
    """Mean moving range of the baseline, those above their own upper limit left out once.

    Ranges over a gap are left out: its neighbours are no neighbours of each other.
    """
    ranges = np.abs(np.diff(np.where(base, values, np.nan)))
    ranges = ranges[np.isfinite(ranges)]
    if not ranges.size:
        return np.nan
    return float(ranges[ranges <= D4 * ranges.mean()].mean())


def _around(values: Array, base: NDArray[np.bool_], ones: Array) -> Limits:
    """Mean ± 3 sigma, sigma from the moving ranges."""
    centre = values[base].mean()
    half = SIGMAS * _mean_range(values, base) / D2
    if not half > SAME * max(abs(centre), np.abs(values[base]).max()):
        half = np.nan
    return Limits(ones * centre, ones * (centre - half), ones * (centre + half))


def _of_times(times: Array, base: NDArray[np.bool_]) -> Limits:
    """Limits for times between events: nearly normal after the transformation."""
    found = _around(times ** (1.0 / T_POWER), base, np.ones(times.size))
    return Limits(found.centre**T_POWER, np.maximum(found.low, 0.0) ** T_POWER, found.high**T_POWER)


def _or_none(high: float) -> float:
    return high if high > 0 else np.nan
