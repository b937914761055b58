"""Change of the same patients between two times: its mean, and effect sizes with the divisor named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import chdtri, gammaln, nctdtr, ndtr, ndtri, stdtrit

from ketaoutcomes.errors import DataError

__all__ = [
    "EffectSize",
    "PairedChange",
    "hedges_factor",
    "noncentral_t_limits",
    "paired_change",
    "standardised_difference",
]

# Changes that differ by less, for their size, are the same but for rounding.
SAME = 1e-9
FARTHEST_T = 1e4


@dataclass(frozen=True)
class EffectSize:
    """A mean change in units of a standard deviation.

    Parameters
    ----------
    name : str
        "d_z", "d_av" or "d_baseline".
    formula : str
        What it is divided by, in words.
    estimate : float
    corrected : float
        Times the factor of Hedges with n - 1 degrees of freedom, which takes out the bias of small samples.
    conf_low, conf_high : float
        Limits of `estimate`.
    method : str
        How the limits were made.
    """

    name: str
    formula: str
    estimate: float
    corrected: float
    conf_low: float
    conf_high: float
    method: str


@dataclass(frozen=True)
class PairedChange:
    """Means before and after of the same n patients; points.

    Parameters
    ----------
    n : int
        Pairs; a pair with a missing value is left out.
    mean_before, sd_before, mean_after, sd_after : float
    correlation : float
        Of the two times, over patients.
    change, sd_change, std_error : float
        After minus before.
    conf_low, conf_high : float
        t limits of the mean change, n - 1 degrees of freedom.
    effect_sizes : tuple of EffectSize
        Empty with fewer than 3 pairs, or where the changes do not differ.
    """

    n: int
    mean_before: float
    sd_before: float
    mean_after: float
    sd_after: float
    correlation: float
    change: float
    sd_change: float
    std_error: float
    conf_low: float
    conf_high: float
    effect_sizes: tuple[EffectSize, ...]


def paired_change(before: ArrayLike, after: ArrayLike, *, level: float = 0.95) -> PairedChange:
    """Mean change with t limits, and three effect sizes that differ in what they are divided by.

    d_z is the mean change over the SD of the change, with exact limits for normal changes from the
    noncentral t distribution. d_av is the mean change over the root of the mean of the two variances, and
    d_baseline over the SD before; their limits are normal, with the large-sample variance that counts the
    SD as estimated. The three answer different questions, so they are not to be compared with each other.

    Parameters
    ----------
    before, after : (n,) array_like of float
        One pair per patient; points.
    level : float

    Returns
    -------
    PairedChange

    Raises
    ------
    DataError
        If the two lists differ in length or a value is infinite.

    Source
    ------
    Cumming (2012), Understanding the New Statistics, chapter 11; Bonett (2008), Psychol. Methods 13, 99;
    Hedges (1981), J. Educ. Stat. 6, 107. Checked: tests/engine/test_effect_size.py.
    """
    before, after = np.asarray(before, float), np.asarray(after, float)
    if before.ndim != 1 or before.shape != after.shape:
        raise DataError("before and after must be two lists of the same length, one pair per patient")
    if np.isinf(before).any() or np.isinf(after).any():
        raise DataError("a score before or after is infinite; leave it out or mark it as missing")
    if not 0 < level < 1:
        raise DataError("level must lie between 0 and 1, e.g. 0.95")
    known = ~(np.isnan(before) | np.isnan(after))
    before, after = before[known], after[known]
    n, change = before.size, after - before
    mean = float(change.mean()) if n else np.nan
    sd, sd_before, sd_after = _sd(change), _sd(before), _sd(after)
    std_error = sd / np.sqrt(n) if n > 1 else np.nan
    half = stdtrit(n - 1, 0.5 + level / 2) * std_error if n > 1 else np.nan
    spread = sd_before * sd_after
    covariance = float(np.cov(before, after)[0, 1]) if n > 1 else np.nan
    differ = n > 2 and sd > SAME * np.abs(change).max()
    sizes = _effect_sizes(n, mean, sd, sd_before, sd_after, covariance, level) if differ else ()
    return PairedChange(
        n=n,
        mean_before=float(before.mean()) if n else np.nan,
        sd_before=sd_before,
        mean_after=float(after.mean()) if n else np.nan,
        sd_after=sd_after,
        correlation=covariance / spread if spread > 0 else np.nan,
        change=mean,
        sd_change=sd,
        std_error=std_error,
        conf_low=mean - half,
        conf_high=mean + half,
        effect_sizes=sizes,
    )


def hedges_factor(df: float) -> float:
    """Expected true over expected estimated standardised difference with `df` degrees of freedom; below 1."""
    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2))


def noncentral_t_limits(t: float, df: float, *, level: float = 0.95) -> tuple[float, float]:
    """Noncentralities under which `t` would lie at the upper and the lower tail of its distribution.

    Parameters
    ----------
    t, df : float
    level : float

    Returns
    -------
    (float, float)
        Lower and upper limit of the noncentrality.
    """
    if t < 0:
        low, high = noncentral_t_limits(-t, df, level=level)
        return -high, -low
    tail = (1.0 - level) / 2
    half = -ndtri(tail) * np.sqrt(1.0 + t**2 / (2.0 * df))

    def limit(share: float, first: float, last: float) -> float:
        return float(brentq(lambda shift: _below(t, df, shift) - share, first, last, xtol=1e-10))

    if t > FARTHEST_T:
        # The normal part is then nothing beside the spread of the SD, and nctdtr is NaN.
        low, high = (float(t * np.sqrt(chdtri(df, share) / df)) for share in (1.0 - tail, tail))
        return low, high
    # Wide brackets: with few degrees of freedom the limits lie far from the normal ones. Yet for t of 0 or
    # more the probability is at least Phi(-shift), so that none lies much below 0, where nctdtr is NaN.
    far = 2.0 * half + 3.0
    return limit(1.0 - tail, max(t - far, ndtri(tail) - 0.1), t + 1.0), limit(tail, t - 1.0, t + far)


def _below(t: float, df: float, shift: float) -> float:
    """P(T <= t) of the noncentral t distribution; where nctdtr is NaN, far in a tail, its normal form."""
    found = float(nctdtr(df, shift, t))
    if np.isfinite(found):
        return found
    return float(ndtr((t * (1.0 - 0.25 / df) - shift) / np.sqrt(1.0 + t**2 / (2.0 * df))))


def standardised_difference(first: ArrayLike, second: ArrayLike) -> float:
    """Mean of `first` minus mean of `second`, over the root of the mean of their variances.

    Values of a yes-or-no column are 1 and 0, with the variance p (1 - p). NaN with fewer than 2 values in
    either group or without any spread.

    Source
    ------
    Austin (2009), Stat. Med. 28, 3083.
    """
    groups = [np.asarray(one, float) for one in (first, second)]
    groups = [one[~np.isnan(one)] for one in groups]
    if min(one.size for one in groups) < 2:
        return np.nan
    is_share = all(np.isin(one, (0.0, 1.0)).all() for one in groups)
    spread = np.sqrt(np.mean([np.var(one, ddof=0 if is_share else 1) for one in groups]))
    return float((groups[0].mean() - groups[1].mean()) / spread) if spread > 0 else np.nan


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else np.nan


def _effect_sizes(
    n: int, mean: float, sd: float, sd_before: float, sd_after: float, covariance: float, level: float
) -> tuple[EffectSize, ...]:
    df = n - 1
    factor = hedges_factor(df)
    d_z = mean / sd
    low, high = noncentral_t_limits(d_z * np.sqrt(n), df, level=level)
    out = [
        EffectSize(
            "d_z", "mean change / SD of the change", d_z, factor * d_z, float(low / np.sqrt(n)),
            float(high / np.sqrt(n)), "noncentral t",
        )
    ]  # fmt: skip
    squares = sd_before**2, sd_after**2
    mean_square = sum(squares) / 2
    # Variance of the log of each divisor: of the mean of two dependent variances, and of one.
    of_average = (squares[0] ** 2 + squares[1] ** 2 + 2 * covariance**2) / (8 * mean_square**2 * df)
    divisors = (
        ("d_av", "mean change / root of the mean of both variances", np.sqrt(mean_square), of_average),
        ("d_baseline", "mean change / SD before", sd_before, 1 / (2 * df)),
    )
    for name, formula, divisor, of_divisor in divisors:
        if not divisor > 0:
            continue
        estimate = mean / divisor
        half = -ndtri((1 - level) / 2) * np.sqrt(sd**2 / (divisor**2 * df) + estimate**2 * of_divisor)
        out.append(
            EffectSize(
                name, formula, float(estimate), float(factor * estimate), float(estimate - half),
                float(estimate + half), "normal, variance of Bonett 2008",
            )
        )  # fmt: skip
    return tuple(out)
