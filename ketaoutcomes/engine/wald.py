"""p-values and limits of estimates with a standard error and degrees of freedom."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr, stdtrit

__all__ = ["f_p_value", "t_limit", "t_p_value"]

Array = NDArray[np.float64]


def t_p_value(statistic: ArrayLike, df: ArrayLike) -> Array:
    """Two-sided p of a t statistic; infinite df give the normal one."""
    statistic, df = np.broadcast_arrays(np.asarray(statistic, float), np.asarray(df, float))
    size = -np.abs(statistic)
    with np.errstate(invalid="ignore"):
        return 2.0 * np.where(np.isinf(df), ndtr(size), stdtr(np.where(np.isinf(df), 1.0, df), size))


def t_limit(df: ArrayLike, level: float) -> Array:
    """Half-width of a two-sided interval in standard errors."""
    df = np.asarray(df, float)
    with np.errstate(invalid="ignore"):
        finite = stdtrit(np.where(np.isinf(df), 1.0, df), 0.5 + level / 2)
    return np.where(np.isinf(df), ndtri(0.5 + level / 2), finite)


def f_p_value(statistic: float, num_df: float, den_df: float) -> float:
    """Upper tail of the F distribution; an infinite `den_df` gives chi-squared / `num_df`."""
    if not np.isfinite(statistic) or np.isnan(den_df):
        return float("nan")
    if np.isinf(den_df):
        return float(chdtrc(num_df, statistic * num_df))
    return float(fdtrc(num_df, den_df, statistic))
