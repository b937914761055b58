"""Means of groups with t intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from ketaoutcomes.errors import DataError, Problem

__all__ = ["MeanEstimate", "mean_interval"]


@dataclass(frozen=True)
class MeanEstimate:
    """Means of k groups; every field is a (k,) array.

    Parameters
    ----------
    n : (k,) int
        Values in each group; missing values are not counted.
    mean, sd, std_error : (k,) float
        Mean, standard deviation (n - 1) and standard error; NaN where `n` is too small.
    df : (k,) float
        n - 1.
    conf_low, conf_high : (k,) float
        t limits of the mean; NaN with fewer than two values.
    """

    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    std_error: NDArray[np.float64]
    df: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]


def mean_interval(
    values: ArrayLike, *, codes: ArrayLike | None = None, n_groups: int | None = None, level: float = 0.95
) -> MeanEstimate:
    """Mean of each group with its t interval.

    The values must be independent: one per patient within a group.

    Parameters
    ----------
    values : (n,) array_like of float
        NaN is left out.
    codes : (n,) array_like of int, optional
        Group of each value, 0 to k - 1; a negative code is left out. Without
        it all values are one group.
    n_groups : int, optional
        k, if the last groups may be empty.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    MeanEstimate
        (k,) arrays.

    Raises
    ------
    DataError
        If a value is infinite, the lengths differ, or a code is k or above.
    """
    values = np.asarray(values, float)
    codes = np.zeros(len(values), np.int64) if codes is None else np.asarray(codes)
    if values.ndim != 1 or codes.shape != values.shape:
        raise DataError("values and codes must be two lists of the same length")
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    if np.isinf(values).any():
        raise DataError(Problem("values are infinite", n_rows=int(np.isinf(values).sum())))
    k = int(max(codes.max(initial=0) + 1, 1)) if n_groups is None else n_groups
    if (codes >= k).any():
        raise DataError(Problem(f"group codes are not below {k}", n_rows=int((codes >= k).sum())))
    used = ~np.isnan(values) & (codes >= 0)
    values, codes = values[used], codes[used]
    n = np.bincount(codes, minlength=k)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(codes, values, minlength=k) / n
        # Two passes: the sum of squares about the mean does not cancel.
        squares = np.bincount(codes, np.square(values - mean[codes]), minlength=k)
        df = np.where(n > 1, n - 1.0, np.nan)
        sd = np.sqrt(squares / df)
        std_error = sd / np.sqrt(n)
        half = stdtrit(df, 0.5 + level / 2) * std_error
    return MeanEstimate(n, mean, sd, std_error, df, mean - half, mean + half)
