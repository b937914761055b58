"""Regression to the mean: how much a selected group's second score falls if nothing was done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtri_exp

from ketaoutcomes.errors import DataError

__all__ = [
    "ClinicRegression",
    "RegressionToTheMean",
    "TruncatedNormal",
    "clinic_regression",
    "regression_to_the_mean",
    "truncated_normal",
]

Array = NDArray[np.float64]

LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)
# Beyond so many standard deviations below the cut a normal's tail is an exponential one for all purposes.
FARTHEST_CUT = 30.0
FEWEST = 20


@dataclass(frozen=True)
class RegressionToTheMean:
    """Expected fall of the mean of people chosen for a high first score.

    Attributes
    ----------
    expected : float
        Points by which the mean of a later score lies nearer to the population's mean; above 0.
    hazard : float
        phi(a) / (1 - Phi(a)) of the standardised cut, by which the mean of those chosen lies above the
        population's in standard deviations; NaN where the mean of those chosen was given.
    standardised_cut : float
        a = (cut - mean) / sd of the score by which people were chosen; NaN likewise.
    share_selected : float
        Share of the population at or beyond the cut; NaN likewise.
    share_of_observed : float
        `expected` over the observed fall; NaN where none was given or it is not above 0.
    """

    expected: float
    hazard: float
    standardised_cut: float
    share_selected: float
    share_of_observed: float


def regression_to_the_mean(
    *,
    mean: float,
    sd: float,
    reliability: float,
    cut: float | None = None,
    selected_mean: float | None = None,
    observed: float | None = None,
    n_baselines: int = 1,
    below: bool = False,
) -> RegressionToTheMean:
    """E[X1 - X2 | X1 > cut] where only error of measurement and passing states lie between X1 and X2.

    Parameters
    ----------
    mean, sd : float
        Of one score in the population before selection, points.
    reliability : float
        Correlation of two scores of a person as far apart as the two that are compared, 0 to 1.
    cut : float, optional
        People were chosen for a score above it.
    selected_mean : float, optional
        In place of `cut`: the mean of the score by which people were chosen.
    observed : float, optional
        Observed fall of the mean, points, to set the expected one against.
    n_baselines : int
        People were chosen by the mean of so many scores.
    below : bool
        People were chosen for a score below the cut (higher is better); the expected rise is given.

    Raises
    ------
    DataError
        If a number is not of its range, or neither or both of `cut` and `selected_mean` are given.

    Source
    ------
    Davis (1976), Am. J. Epidemiol. 104, 493; James (1973), Biometrics 29, 121.
    """
    _check(mean, sd, reliability, n_baselines)
    if (cut is None) == (selected_mean is None):
        raise DataError("give cut, the score from which people were chosen, or selected_mean, not both")
    within = (1.0 - reliability) * sd**2 / n_baselines
    spread = float(np.sqrt(reliability * sd**2 + within))
    hazard = a = share = np.nan
    if cut is not None:
        a = (mean - cut if below else cut - mean) / spread
        hazard, share = _hazard(a), float(np.exp(log_ndtr(-a)))
        expected = within / spread * hazard
    else:
        expected = within / spread**2 * (mean - selected_mean if below else selected_mean - mean)
    of_observed = expected / observed if observed is not None and observed > 0 else np.nan
    return RegressionToTheMean(float(expected), hazard, float(a), share, float(of_observed))


def _hazard(a: float) -> float:
    """phi(a) / (1 - Phi(a)), also far out."""
    return float(np.exp(-0.5 * a * a - LOG_ROOT_TWO_PI - log_ndtr(-a)))


def _check(mean: float, sd: float, reliability: float, n_baselines: int) -> None:
    if not np.isfinite(mean):
        raise DataError("mean must be one number, in points of the instrument")
    if not np.isfinite(sd) or sd <= 0:
        raise DataError("sd must be one number above 0, in points of the instrument")
    if not 0 <= reliability <= 1:
        raise DataError("reliability must lie between 0 and 1")
    if int(n_baselines) != n_baselines or n_baselines < 1:
        raise DataError("n_baselines must be a whole number of at least 1")


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal population of which only scores beyond a cut were seen.

    Attributes
    ----------
    mean, sd : float
        Estimates for the whole population, points; NaN where the likelihood has no maximum.
    mean_low, mean_high : float
        Profile likelihood limits of `mean`; `mean_low` is minus infinity where the scores set no lower
        limit (for `below`, `mean_high` is infinity).
    n : int
    seen_mean, seen_sd : float
        Of the scores seen.
    identified : bool
        Whether the likelihood has a maximum.
    ends : tuple of (float, float)
        Mean and SD at the profile limits of the standardised cut, on which regression to the mean
        depends: first where it is smallest. (NaN, NaN) where there is no limit.
    """

    mean: float
    sd: float
    mean_low: float
    mean_high: float
    n: int
    seen_mean: float
    seen_sd: float
    identified: bool
    ends: tuple[tuple[float, float], tuple[float, float]] = ((np.nan, np.nan), (np.nan, np.nan))


def truncated_normal(
    values: ArrayLike, cut: float, *, level: float = 0.95, below: bool = False
) -> TruncatedNormal:
    """Mean and SD of a normal population from the scores beyond a cut, with profile limits of the mean.

    The likelihood depends on the first two moments and on the cut. It has a maximum only where the
    scores spread less than an exponential tail would, and even then the mean, which lies where nobody
    was seen, is known poorly: its limits are often far apart.

    Parameters
    ----------
    values : (n,) float
        Scores at or beyond `cut`.
    cut : float
    level : float
    below : bool
        The scores seen are those at or below the cut.

    Raises
    ------
    DataError
        If fewer than 20 scores are given or one lies on the wrong side of the cut.

    Source
    ------
    Cohen (1950), Ann. Math. Stat. 21, 557; del Castillo (1994), Ann. Inst. Stat. Math. 46, 57 (existence).
    """
    values = np.asarray(values, dtype=float)
    excess = cut - values if below else values - cut
    if values.size < FEWEST:
        raise DataError(f"{values.size} scores; at least {FEWEST} are needed for a population's mean and SD")
    if not np.isfinite(excess).all() or (excess < 0).any():
        raise DataError(f"{int((~(excess >= 0)).sum())} scores are missing or on the wrong side of the cut")
    first, second = float(excess.mean()), float(np.square(excess).mean())
    seen = (values.size, float(values.mean()), float(values.std(ddof=1)))
    if second - first**2 <= 0 or second >= 2.0 * first**2:
        return TruncatedNormal(np.nan, np.nan, -np.inf, np.inf, *seen, identified=False)
    a = brentq(lambda a: _ratio(a) - second / first**2, -FARTHEST_CUT, FARTHEST_CUT, xtol=1e-12)
    sd = first / (_hazard(a) - a)
    mean = -a * sd
    top = _log_likelihood(mean, sd, first, second)
    drop = _half_chi2(level) / values.size
    low, high = (_limit(mean, sd, first, second, top - drop, side, excess.max() + sd) for side in (-1.0, 1.0))
    sign = -1.0 if below else 1.0
    ends = tuple((cut + sign * where, spread) for where, spread in _ends(a, first, second, top - drop))
    if below:
        mean, low, high = -mean, -high, -low
    return TruncatedNormal(cut + mean, sd, cut + low, cut + high, *seen, identified=True, ends=ends)


def _at_cut(a: float, first: float, second: float) -> tuple[float, float]:
    """Highest log-likelihood at a standardised cut, and the SD that gives it: s^2 = m2 + a s m1."""
    # Written so that nothing cancels where a is far below 0.
    root = np.sqrt((a * first) ** 2 + 4.0 * second)
    sd = (a * first + root) / 2.0 if a > 0 else 2.0 * second / (root - a * first)
    return _log_likelihood(-a * sd, sd, first, second), float(sd)


def _ends(a: float, first: float, second: float, floor: float) -> list[tuple[float, float]]:
    """Mean and SD where the profile of the standardised cut falls to `floor`, below and above `a`."""
    found = []
    for side in (-1.0, 1.0):
        step, inside = 0.25, a
        while abs(inside) < FARTHEST_CUT and _at_cut(inside + side * step, first, second)[0] >= floor:
            inside, step = inside + side * step, 1.5 * step
        if abs(inside) >= FARTHEST_CUT:
            found.append((np.nan, np.nan))
            continue
        limits = sorted((inside, inside + side * step))
        end = brentq(lambda at: _at_cut(at, first, second)[0] - floor, *limits, xtol=1e-9)
        sd = _at_cut(end, first, second)[1]
        found.append((-end * sd, sd))
    return found


def _ratio(a: float) -> float:
    """E[(X - c)^2] / E[X - c]^2 of a standard normal beyond a: rises from 1 to 2 with a."""
    over = _hazard(a) - a
    return (1.0 - a * over) / over**2


def _log_likelihood(mean: float, sd: float, first: float, second: float) -> float:
    """Of one score on average, the cut at 0."""
    squares = second - 2.0 * mean * first + mean**2
    return float(-np.log(sd) - LOG_ROOT_TWO_PI - squares / (2.0 * sd**2) - log_ndtr(mean / sd))


def _profile(mean: float, sd: float, first: float, second: float) -> tuple[float, float]:
    """Highest log-likelihood at a mean, and the SD that gives it.

    The score for the SD at m = mean / sd and h = phi(m) / Phi(m): the expected square of X - mean, which is
    sd^2 (1 - m h), is the seen one.
    """
    squares = second - 2.0 * mean * first + mean**2

    def miss(log_sd: float) -> float:
        m = mean / np.exp(log_sd)
        return np.exp(2.0 * log_sd) * (1.0 - m * _hazard(-m)) - squares

    centre = np.log(max(sd, 1e-12))
    low, high = centre - 1.0, centre + 1.0
    while miss(low) > 0 and low > centre - 20.0:
        low -= 1.0
    while miss(high) < 0 and high < centre + 20.0:
        high += 1.0
    if miss(low) > 0 or miss(high) < 0:
        return -np.inf, sd
    best = float(np.exp(brentq(miss, low, high, xtol=1e-12)))
    return _log_likelihood(mean, best, first, second), best


def _limit(
    mean: float, sd: float, first: float, second: float, floor: float, side: float, reach: float
) -> float:
    """Where the profile falls to `floor` on one side; infinity where it never does."""
    step, inside, guess = sd / 4.0, mean, sd
    while True:
        outside = inside + side * step
        value, guess = _profile(outside, guess, first, second)
        if value < floor:
            break
        if abs(outside - mean) > 200.0 * reach:
            return side * np.inf
        inside, step = outside, 1.5 * step
    ends = sorted((inside, outside))
    return float(brentq(lambda m: _profile(m, guess, first, second)[0] - floor, *ends, xtol=1e-6))


def _half_chi2(level: float) -> float:
    """Half of the chi-square quantile with 1 degree of freedom."""
    z = -float(ndtri_exp(np.log((1.0 - level) / 2.0)))
    return 0.5 * z * z


@dataclass(frozen=True)
class ClinicRegression:
    """What the next period of clinics may show if nothing changes; every field is a (k,) array.

    Attributes
    ----------
    reliability : (k,) float
        n su^2 / (n su^2 + s^2): how much of a clinic's deviation is its own.
    expected_deviation : (k,) float
        The deviation shrunk by it.
    expected_change : (k,) float
        -(1 - reliability) times the deviation.
    """

    reliability: Array
    expected_deviation: Array
    expected_change: Array


def clinic_regression(
    deviation: ArrayLike, n: ArrayLike, *, between_variance: float, within_variance: float
) -> ClinicRegression:
    """How far clinics that lie apart are expected to come back towards the mean of all.

    Parameters
    ----------
    deviation : (k,) float
        Each clinic's mean minus that of all.
    n : (k,) int
        Its patients.
    between_variance : float
        su^2, of clinics' true means.
    within_variance : float
        s^2, of patients within a clinic, above 0.

    Source
    ------
    Efron & Morris (1975), J. Am. Stat. Assoc. 70, 311.
    """
    if not between_variance >= 0 or not within_variance > 0:
        raise DataError("variances: between at least 0, within above 0")
    deviation, n = np.asarray(deviation, dtype=float), np.asarray(n, dtype=float)
    reliability = n * between_variance / (n * between_variance + within_variance)
    return ClinicRegression(reliability, reliability * deviation, -(1.0 - reliability) * deviation)
