"""Limits of a ratio of two estimates whose errors are jointly normal: Fieller's sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import DataError

__all__ = [
    "BOUNDED",
    "FIELLER_UNBOUNDED",
    "HALF_LINE",
    "OUTSIDE",
    "WHOLE_LINE",
    "Ratio",
    "fieller",
]

FIELLER_UNBOUNDED = "FIELLER_UNBOUNDED"
BOUNDED, OUTSIDE, HALF_LINE, WHOLE_LINE = "bounded", "outside", "half line", "whole line"
_ROUNDING = 64.0 * np.finfo(float).eps


@dataclass(frozen=True)
class Ratio:
    """Ratios with their confidence sets; every field has the shape of the broadcast arguments.

    Parameters
    ----------
    estimate : float array
        a / b; NaN where b is 0.
    low, high : float array
        Ends of the set; -inf and inf where it has none.
    kind : str array
        "bounded": the interval [low, high]. "outside": all numbers but those between `gap_low` and
        `gap_high`. "half line": one end is infinite. "whole line": every number, so that nothing is known
        of the ratio. "" where an argument is NaN.
    gap_low, gap_high : float array
        The interval that an "outside" set leaves out; NaN for the others.
    """

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    kind: NDArray[np.str_]
    gap_low: NDArray[np.float64]
    gap_high: NDArray[np.float64]

    @property
    def unbounded(self) -> NDArray[np.bool_]:
        """Where the set is no interval of finite length: the denominator may be 0."""
        return (self.kind != BOUNDED) & (self.kind != "")

    @property
    def code(self) -> NDArray[np.str_]:
        """`FIELLER_UNBOUNDED` where the set is unbounded, else empty."""
        return np.where(self.unbounded, FIELLER_UNBOUNDED, "")


def fieller(
    a: ArrayLike, b: ArrayLike, vaa: ArrayLike, vab: ArrayLike, vbb: ArrayLike, critical: ArrayLike
) -> Ratio:
    """All ratios r with (a - r b)^2 <= critical^2 (vaa - 2 r vab + r^2 vbb).

    The set holds the true ratio with the probability that `critical` belongs to, exactly where a and b are
    normal (or Student's t with one variance). It is unbounded where b is not told from 0 at that level:
    then no interval of finite length can have the coverage.

    Parameters
    ----------
    a, b : array_like
        Estimates of numerator and denominator, in one unit.
    vaa, vab, vbb : array_like
        Their variances and covariance, in that unit squared.
    critical : array_like
        Half-width of an interval in standard errors, such as 1.96, or a quantile of Student's t.

    Returns
    -------
    Ratio

    Raises
    ------
    DataError
        If a variance or `critical` is negative, or the covariance larger than its variances allow.

    Source
    ------
    Fieller 1954, J. R. Stat. Soc. B 16, 175; Zerbe 1978, Am. Stat. 32, 103 (linear models).
    """
    a, b, vaa, vab, vbb, critical = np.broadcast_arrays(
        *(np.asarray(value, float) for value in (a, b, vaa, vab, vbb, critical))
    )
    _check(vaa, vab, vbb, critical)
    square = critical**2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # r^2 second - 2 r first + zeroth <= 0
        second, first, zeroth = b**2 - square * vbb, a * b - square * vab, a**2 - square * vaa
        # first^2 - second zeroth, with a^2 b^2 taken out before it can cancel.
        spread = a**2 * vbb + b**2 * vaa - 2.0 * a * b * vab
        below = square * (vaa * vbb - vab**2)
        inner = square * (spread - below)
        flat = np.abs(second) <= _ROUNDING * (b**2 + square * vbb)
        root = np.sqrt(np.maximum(inner, 0.0))
        # The two roots without a difference of nearly equal numbers.
        far = first + np.where(first < 0, -root, root)
        one, two = far / second, zeroth / far
        one = np.where(far == 0.0, 0.0, one)
        two = np.where(far == 0.0, 0.0, two)
        small, large = np.minimum(one, two), np.maximum(one, two)
        edge = zeroth / (2.0 * first)
        estimate = np.where(b == 0.0, np.nan, a / np.where(b == 0.0, 1.0, b))
    known = np.isfinite(a + b + vaa + vab + vbb + critical)
    # A root that only touches the axis leaves nothing out.
    whole = ((second < 0) & ~flat & (inner <= 0)) | (flat & (first == 0) & (zeroth <= 0))
    half = flat & ~whole
    outside = (second < 0) & ~flat & ~whole
    kind = np.select([~known, whole, half, outside], ["", WHOLE_LINE, HALF_LINE, OUTSIDE], BOUNDED)
    bounded = kind == BOUNDED
    low = np.select([bounded, half & (first > 0)], [small, edge], -np.inf)
    high = np.select([bounded, half & (first < 0)], [large, edge], np.inf)
    return Ratio(
        estimate,
        np.where(known, low, np.nan),
        np.where(known, high, np.nan),
        kind,
        np.where(kind == OUTSIDE, small, np.nan),
        np.where(kind == OUTSIDE, large, np.nan),
    )


def _check(vaa: NDArray, vab: NDArray, vbb: NDArray, critical: NDArray) -> None:
    """Refuse what is no covariance matrix and no half-width."""
    wrong = int(((vaa < 0) | (vbb < 0) | (critical < 0)).sum())
    if wrong:
        raise DataError(
            f"Fieller's limits take variances and a critical value of 0 or more; {wrong} of {vaa.size} are "
            "not"
        )
    wrong = int((vab**2 > vaa * vbb * (1.0 + 1e-8)).sum())
    if wrong:
        raise DataError(
            f"the covariance of numerator and denominator is larger than their variances allow ({wrong} of "
            f"{vaa.size} ratios)"
        )
