"""Many tests at once: adjusted p-values, and the critical values of intervals that hold together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr

from ketaoutcomes.engine.multivariate_t import largest_t
from ketaoutcomes.engine.studentized_range import LARGEST_DF, range_quantile, range_tail, t_quantile
from ketaoutcomes.errors import DataError

__all__ = [
    "P_VALUE_METHODS",
    "SIMULTANEOUS_METHODS",
    "STEPWISE_METHODS",
    "Simultaneous",
    "adjust_p_values",
    "simultaneous",
]

Array = NDArray[np.float64]

P_VALUE_METHODS = ("none", "bonferroni", "holm", "sidak", "hochberg", "bh", "by")
# These have no intervals of their own; Bonferroni's hold whatever they find.
STEPWISE_METHODS = ("holm", "hochberg", "bh", "by")
SIMULTANEOUS_METHODS = ("none", *STEPWISE_METHODS, "bonferroni", "sidak", "tukey", "dunnett", "mvt")


@dataclass(frozen=True)
class Simultaneous:
    """Tests and intervals of one family.

    Attributes
    ----------
    p_values : (m,) float
    critical : (m,) float
        What the standard errors are multiplied by to give the limits.
    limits : str
        The method behind `critical`: Bonferroni for `STEPWISE_METHODS`, which have none of their own.
    error : float
        Three standard errors of a simulated p-value near 0.05; 0 where nothing was simulated.
    """

    p_values: Array
    critical: Array
    limits: str
    error: float


def adjust_p_values(p_values: ArrayLike, method: str) -> Array:
    """p-values that may each be held against the level of the whole family.

    Bonferroni, Šidák, Holm and Hochberg keep the chance of any false positive; Benjamini & Hochberg
    ("bh") and Benjamini & Yekutieli ("by") keep the expected share of false ones among the positives.

    Parameters
    ----------
    p_values : (m,) float
        Missing ones (NaN) stay missing and do not count as tests.
    method : {"none", "bonferroni", "holm", "sidak", "hochberg", "bh", "by"}

    Returns
    -------
    (m,) float

    Raises
    ------
    DataError
        If the method is none of these.

    Source
    ------
    Holm (1979), Scand. J. Stat. 6, 65; Hochberg (1988), Biometrika 75, 800; Benjamini & Hochberg
    (1995), J. R. Stat. Soc. B 57, 289; Benjamini & Yekutieli (2001), Ann. Stat. 29, 1165.
    """
    if method not in P_VALUE_METHODS:
        raise DataError(f"the method of adjustment must be one of {', '.join(P_VALUE_METHODS)}")
    out = np.array(p_values, dtype=float)
    known = ~np.isnan(out)
    p = out[known]
    m = p.size
    if not m or method == "none":
        return out
    if method == "bonferroni":
        adjusted = m * p
    elif method == "sidak":
        with np.errstate(divide="ignore"):
            adjusted = -np.expm1(m * np.log1p(-p))
    elif method == "holm":
        adjusted = _stepped(p, m - np.arange(m), up=False)
    elif method == "hochberg":
        adjusted = _stepped(p, m - np.arange(m), up=True)
    else:
        factor = m / np.arange(1, m + 1)
        if method == "by":
            factor = factor * (1 / np.arange(1, m + 1)).sum()
        adjusted = _stepped(p, factor, up=True)
    out[known] = np.minimum(adjusted, 1.0)
    return out


def _stepped(p: Array, factor: Array, *, up: bool) -> Array:
    """Sorted p times `factor`, made monotone from the smallest p, or from the largest if `up`."""
    order = np.argsort(p, kind="stable")
    scaled = p[order] * factor
    stepped = np.minimum.accumulate(scaled[::-1])[::-1] if up else np.maximum.accumulate(scaled)
    out = np.empty_like(p)
    out[order] = stepped
    return out


def simultaneous(
    statistic: Array,
    df: Array,
    method: str,
    *,
    level: float = 0.95,
    correlation: Array | None = None,
    n_means: int | None = None,
) -> Simultaneous:
    """Two-sided p-values and critical values of a family of t tests.

    Each row is judged on its own degrees of freedom, whole or not. R's emmeans does the same, but
    rounds them down for "mvt" because mvtnorm takes whole ones only.

    Parameters
    ----------
    statistic, df : (m,) float
        Without missing values.
    method : str
        One of `SIMULTANEOUS_METHODS`. "dunnett" is "mvt" under the name that it has for many
        treatments against one control.
    level : float
        Confidence level of the family.
    correlation : (m, m) float, optional
        Of the estimates; needed for "dunnett" and "mvt".
    n_means : int, optional
        Number of means that are compared pairwise; needed for "tukey".

    Source
    ------
    Tukey (1953), The Problem of Multiple Comparisons; Kramer (1956), Biometrics 12, 307;
    Dunnett (1955), J. Am. Stat. Assoc. 50, 1096; Hothorn, Bretz & Westfall (2008), Biom. J. 50, 346.
    Checked: tests/reference/multiplicity.R.
    """
    if method not in SIMULTANEOUS_METHODS:
        raise DataError(f"the method of adjustment must be one of {', '.join(SIMULTANEOUS_METHODS)}")
    size, df = np.abs(np.asarray(statistic, dtype=float)), np.asarray(df, dtype=float)
    m = size.size
    if method in ("dunnett", "mvt") and m > 1:
        return _by_largest_t(size, df, correlation, method, level)
    if method == "tukey" and m > 1:
        p = [range_tail(np.sqrt(2) * c, n_means, d) for c, d in zip(size, df, strict=True)]
        critical = {d: range_quantile(level, n_means, d) / np.sqrt(2) for d in np.unique(df)}
        return Simultaneous(np.array(p), np.array([critical[d] for d in df]), "tukey", 0.0)
    alone = m == 1 or method == "none"
    single = 2 * np.where(df > LARGEST_DF, ndtr(-size), stdtr(np.minimum(df, LARGEST_DF), -size))
    limits = "none" if alone else "bonferroni" if method in STEPWISE_METHODS else method
    alpha = 1.0 - level
    if limits == "bonferroni":
        alpha = alpha / m
    elif limits == "sidak":
        alpha = -np.expm1(np.log(level) / m)
    critical = np.array([t_quantile(alpha / 2, d) for d in df])
    return Simultaneous(adjust_p_values(single, "none" if alone else method), critical, limits, 0.0)


def _by_largest_t(
    size: Array, df: Array, correlation: Array | None, method: str, level: float
) -> Simultaneous:
    if correlation is None:
        raise DataError(f"{method} needs the correlation of the estimates")
    largest = largest_t(correlation)
    p = np.array([largest.tail(c, d) for c, d in zip(size, df, strict=True)])
    critical = {d: largest.quantile(level, d) for d in np.unique(df)}
    return Simultaneous(p, np.array([critical[d] for d in df]), method, largest.error)
