"""Rates with confidence intervals: proportions, events per exposure, and sessions within patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, expit, gammaincinv, logit, ndtri, stdtrit

from ketaoutcomes.errors import DataError, Problem

__all__ = [
    "RatioEstimate",
    "clopper_pearson",
    "cluster_ratio",
    "cluster_ratio_by",
    "poisson_exact",
    "rule_of_three_upper",
    "wilson",
]

LOGIT_METHOD = "cluster-robust logit"
EXACT_METHOD = "exact, patients as n"
ONE_CLUSTER_METHOD = "one cluster"
EMPTY_METHOD = "no trials"


@dataclass(frozen=True)
class RatioEstimate:
    """A rate over clusters (sessions within patients), with its interval.

    Every field is a scalar when made by `cluster_ratio` and a (k,) array when
    made by `cluster_ratio_by`.

    Parameters
    ----------
    estimate : float
        Events over trials, all clusters together.
    std_error : float
        Cluster-robust standard error of `estimate`; NaN if not estimable.
    df : float
        Degrees of freedom of the t quantile, clusters minus one.
    conf_low, conf_high : float
        Limits, 0 to 1; NaN with one cluster or no trials.
    n_clusters, n_trials, n_events : int
        Clusters with at least one trial, trials and events.
    method : str
        How the interval was made: "cluster-robust logit", "exact, patients as
        n", "one cluster" or "no trials".
    """

    estimate: float | NDArray[np.float64]
    std_error: float | NDArray[np.float64]
    df: float | NDArray[np.float64]
    conf_low: float | NDArray[np.float64]
    conf_high: float | NDArray[np.float64]
    n_clusters: int | NDArray[np.int64]
    n_trials: int | NDArray[np.int64]
    n_events: int | NDArray[np.int64]
    method: str | NDArray[np.str_]


def wilson(n_events: ArrayLike, n: ArrayLike, *, level: float = 0.95):
    """Wilson score limits of a proportion.

    Parameters
    ----------
    n_events, n : array_like of float
        Events and trials, broadcast against each other. Fractions are allowed
        (an effective sample size is one).
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : ndarray of float
        Limits between 0 and 1; NaN where `n` is 0.

    Raises
    ------
    DataError
        If a count is negative or missing, or events exceed trials.

    Source
    ------
    Wilson (1927), J. Am. Stat. Assoc. 22, 209; Newcombe (1998), Stat. Med. 17, 857.
    """
    x, n = _checked_counts(n_events, n)
    z = ndtri(0.5 + _checked_level(level) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (x + z * z / 2) / (n + z * z)
        half = z * np.sqrt(x * (n - x) / n + z * z / 4) / (n + z * z)
    # The limits are exactly 0 and 1 there; subtraction leaves rounding noise.
    low = np.where(x == 0, 0.0, centre - half)
    high = np.where(x == n, 1.0, centre + half)
    empty = n == 0
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def clopper_pearson(n_events: ArrayLike, n: ArrayLike, *, level: float = 0.95):
    """Exact (Clopper-Pearson) limits of a proportion.

    Parameters
    ----------
    n_events, n : array_like of float
        Events and trials, broadcast against each other.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : ndarray of float
        Limits between 0 and 1; NaN where `n` is 0.

    Raises
    ------
    DataError
        If a count is negative or missing, or events exceed trials.

    Source
    ------
    Clopper and Pearson (1934), Biometrika 26, 404.
    """
    x, n = _checked_counts(n_events, n)
    tail = (1 - _checked_level(level)) / 2
    # A beta quantile has no parameter 0: the end cases are set by hand.
    low = np.where(x == 0, 0.0, betaincinv(np.where(x == 0, 1.0, x), n - x + 1, tail))
    high = np.where(x == n, 1.0, betaincinv(x + 1, np.where(x == n, 1.0, n - x), 1 - tail))
    empty = n == 0
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def poisson_exact(n_events: ArrayLike, exposure: ArrayLike, *, level: float = 0.95):
    """Exact limits of a Poisson rate, events per unit of exposure.

    Parameters
    ----------
    n_events : array_like of float
        Events counted.
    exposure : array_like of float
        Sessions, patient-days or another amount at risk; the limits are per
        unit of it.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : ndarray of float
        Limits of the rate; NaN where `exposure` is 0.

    Raises
    ------
    DataError
        If a count or an exposure is negative or missing.

    Source
    ------
    Garwood (1936), Biometrika 28, 437.
    """
    x, exposure = np.broadcast_arrays(np.asarray(n_events, float), np.asarray(exposure, float))
    _refuse(~(np.isfinite(x) & (x >= 0)), "events are negative or missing")
    _refuse(~(np.isfinite(exposure) & (exposure >= 0)), "the exposure is negative or missing")
    tail = (1 - _checked_level(level)) / 2
    per_unit = 1 / np.where(exposure == 0, np.nan, exposure)
    low = np.where(x == 0, 0.0, gammaincinv(np.where(x == 0, 1.0, x), tail)) * per_unit
    high = gammaincinv(x + 1, 1 - tail) * per_unit
    return low, high


def rule_of_three_upper(n: ArrayLike, *, level: float = 0.95):
    """Exact one-sided upper limit of a proportion when nothing was seen in `n` trials.

    Parameters
    ----------
    n : array_like of float
        Trials without an event.
    level : float
        One-sided confidence level.

    Returns
    -------
    ndarray of float
        ``1 - (1 - level) ** (1 / n)``, about 3/n at 0.95; NaN where `n` is 0.

    Source
    ------
    Hanley and Lippman-Hand (1983), JAMA 249, 1743.
    """
    n = np.asarray(n, float)
    _refuse(~(np.isfinite(n) & (n >= 0)), "the number of trials is negative or missing")
    return -np.expm1(np.log1p(-_checked_level(level)) / np.where(n == 0, np.nan, n))


def cluster_ratio(events: ArrayLike, trials: ArrayLike, *, level: float = 0.95) -> RatioEstimate:
    """Rate over clusters, e.g. side effects per session with sessions within patients.

    The estimate is p = sum x_i / sum n_i, with
    V = m/(m-1) sum (x_i - p n_i)^2 / (sum n_i)^2 and the interval
    logit(p) -/+ t(m-1) sqrt(V) / (p (1-p)).
    V is not allowed below the binomial p(1-p)/sum n_i, so that patients who by
    chance resemble each other cannot make the interval shorter than that of
    independent sessions.

    With no event or no event-free trial V is 0 and says nothing; the interval is
    then Clopper-Pearson with the clusters as n ("exact, patients as n").

    In simulations (beta-binomial, 2 to 12 sessions per patient, 4,000 data sets per
    setting) 95 % limits held the truth in 0.94 to 0.98 of them for rates 0.05 to
    0.5, 15 to 200 patients and a within-patient correlation of 0.15; with a
    correlation of 0.4 it was 0.91 to 0.98, lowest at a rate of 0.05. The design-effect
    Wilson interval did no better anywhere, also with few events, so there is no switch
    between the two.

    Parameters
    ----------
    events, trials : (m,) array_like
        Events and trials of each cluster; clusters without trials are left out.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    RatioEstimate
        Scalars.

    Raises
    ------
    DataError
        If the lengths differ, a count is negative or missing, or events exceed trials.

    Source
    ------
    Cochran (1977), Sampling Techniques, ch. 6; the variance equals GEE with
    working independence times m/(m-1). Checked: tests/engine/test_engine_rates.py.
    """
    events, trials = np.asarray(events, float), np.asarray(trials, float)
    if events.ndim != 1 or events.shape != trials.shape:
        raise DataError("events and trials must be two lists of the same length, one value per cluster")
    both = cluster_ratio_by(events[:, None], trials[:, None], level=level)
    return RatioEstimate(**{name: value[0].item() for name, value in vars(both).items()})


def cluster_ratio_by(events: ArrayLike, trials: ArrayLike, *, level: float = 0.95) -> RatioEstimate:
    """`cluster_ratio` for many kinds of event at once.

    Parameters
    ----------
    events, trials : (m, k) array_like
        One row per cluster, one column per rate; an (m, 1) `trials` serves all columns.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    RatioEstimate
        (k,) arrays.

    Raises
    ------
    DataError
        If a count is negative or missing, or events exceed trials.
    """
    x, n = _checked_counts(events, trials)
    if x.ndim != 2:
        raise DataError("events and trials must have one row per cluster and one column per rate")
    m, n_events, n_trials = (n > 0).sum(axis=0), x.sum(axis=0), n.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = n_events / n_trials
        spread = np.square(x - p * n).sum(axis=0) / n_trials**2
        variance = np.maximum(spread * m / (m - 1), p * (1 - p) / n_trials)
        std_error = np.sqrt(variance)
        reach = stdtrit(np.maximum(m - 1.0, 1.0), 0.5 + _checked_level(level) / 2)
        half = reach * std_error / (p * (1 - p))
        low, high = expit(logit(p) - half), expit(logit(p) + half)
    extreme = (n_events == 0) | (n_events == n_trials)
    exact_low, exact_high = clopper_pearson(np.where(n_events == 0, 0, m), m, level=level)
    low, high = np.where(extreme, exact_low, low), np.where(extreme, exact_high, high)
    unknown = m < 2
    method = np.where(extreme, EXACT_METHOD, LOGIT_METHOD)
    method = np.where(m == 0, EMPTY_METHOD, np.where(unknown, ONE_CLUSTER_METHOD, method))
    return RatioEstimate(
        estimate=p,
        std_error=np.where(unknown | extreme, np.nan, std_error),
        df=np.where(unknown, np.nan, m - 1.0),
        conf_low=np.where(unknown, np.nan, low),
        conf_high=np.where(unknown, np.nan, high),
        n_clusters=m,
        n_trials=_as_counts(n_trials),
        n_events=_as_counts(n_events),
        method=method,
    )


def _as_counts(total):
    return np.rint(total).astype(np.int64)


def _checked_counts(n_events: ArrayLike, n: ArrayLike):
    x, n = np.broadcast_arrays(np.asarray(n_events, float), np.asarray(n, float))
    _refuse(~(np.isfinite(n) & (n >= 0)), "the number of trials is negative or missing")
    _refuse(~(np.isfinite(x) & (x >= 0)), "the number of events is negative or missing")
    _refuse(x > n, "there are more events than trials")
    return x, n


def _checked_level(level: float) -> float:
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    return level


def _refuse(bad: NDArray[np.bool_], message: str) -> None:
    if np.any(bad):
        raise DataError(Problem(message, n_rows=int(np.sum(bad))))
