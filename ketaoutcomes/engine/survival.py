"""Kaplan-Meier estimate and log-rank test for times that are known or right-censored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, expit, logit, ndtri

from ketaoutcomes.errors import DataError, Problem

__all__ = [
    "INTERVALS",
    "KaplanMeier",
    "LogRank",
    "checked_codes",
    "kaplan_meier",
    "logrank",
    "survival_at",
    "weight_from",
]

# R's quantile.survfit takes a curve to sit at a level within this distance.
LEVEL_TOLERANCE = np.sqrt(np.finfo(float).eps)
# Sums of weights that differ by less than this share of the largest are equal.
ROUNDING = 1e-12
INTERVALS = ("log-log", "log", "plain", "logit", "arcsin")


@dataclass(frozen=True)
class KaplanMeier:
    """A Kaplan-Meier curve; one entry per distinct time, events and censorings alike.

    Parameters
    ----------
    time : (k,) float
        Distinct times, rising, in the unit of the input.
    n_at_risk, n_events, n_censored : (k,) float
        Counts (sums of weights) just before and at each time.
    survival : (k,) float
        Share without the event just after each time.
    std_error : (k,) float
        Greenwood standard error of `survival`; NaN where it reaches 0.
    conf_low, conf_high : (k,) float
        Limits of `survival`; NaN where it is exactly 1 or 0.
    median, median_low, median_high : float
        First time at which half have had the event, and the times at which the
        limits cross one half; inf where the follow-up ends first.
    level : float
        Confidence level.
    """

    time: NDArray[np.float64]
    n_at_risk: NDArray[np.float64]
    n_events: NDArray[np.float64]
    n_censored: NDArray[np.float64]
    survival: NDArray[np.float64]
    std_error: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]
    median: float
    median_low: float
    median_high: float
    level: float


@dataclass(frozen=True)
class LogRank:
    """A log-rank test of whether groups have the same curve.

    Parameters
    ----------
    statistic : float
        Chi-squared; NaN if no group can be compared with another.
    df : int
    p_value : float
    observed, expected : (g,) float
        Events of each group, and those expected if all groups had the pooled hazard;
        with `rho` they are weighted.
    n : (g,) int
        Rows of each group.
    """

    statistic: float
    df: int
    p_value: float
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    n: NDArray[np.int64]


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    interval: str = "log-log",
    level: float = 0.95,
) -> KaplanMeier:
    """Kaplan-Meier curve with its limits and the median's interval.

    A censoring at the time of an event counts as after it, and so does an entry.

    Parameters
    ----------
    time : (n,) array_like of float
        Time of event or censoring, not negative.
    event : (n,) array_like of bool
        True for an event, False for a censoring.
    entry : (n,) array_like of float, optional
        Time from which a row is at risk, before its `time`; without it all are from the start.
    weights : (n,) array_like of float, optional
        How many patients each row stands for.
    interval : {"log-log", "log", "plain", "logit", "arcsin"}
        Scale on which the limits are symmetric; limits beyond 0 or 1 are cut there.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    KaplanMeier

    Raises
    ------
    DataError
        If there are no rows, a time is missing, infinite or negative, or a row enters no
        earlier than it ends.

    Source
    ------
    Kaplan and Meier (1958); limits: Kalbfleisch and Prentice (2002), 1.4; median:
    Brookmeyer and Crowley (1982). Checked: tests/reference/kaplan_meier.R and competing.R.
    """
    time, event, entry, weights = _checked(time, event, entry, weights, level)
    if interval not in INTERVALS:
        raise DataError(f"interval must be one of {', '.join(INTERVALS)}, not {interval!r}")
    times, code = np.unique(time, return_inverse=True)
    n_events = np.bincount(code, weights * event, minlength=len(times))
    n_censored = np.bincount(code, weights * ~event, minlength=len(times))
    n_at_risk = np.cumsum((n_events + n_censored)[::-1])[::-1]
    if entry is None:
        # Where the last patients all have the event the ratio must be exactly 0.
        survivors = np.where(n_censored == 0, np.append(n_at_risk[1:], 0.0), n_at_risk - n_events)
    else:
        n_at_risk = n_at_risk - weight_from(entry, weights, times)
        survivors = n_at_risk - n_events
        survivors[survivors <= ROUNDING * n_at_risk.max()] = 0.0
    survival = np.cumprod(survivors / n_at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_error = np.sqrt(np.cumsum(n_events / (n_at_risk * survivors)))
        std_error = np.where(survival > 0, survival * log_error, np.nan)
    conf_low, conf_high = _limits(survival, log_error, interval, level)
    return KaplanMeier(
        time=times,
        n_at_risk=n_at_risk,
        n_events=n_events,
        n_censored=n_censored,
        survival=survival,
        std_error=std_error,
        conf_low=conf_low,
        conf_high=conf_high,
        median=_crossing(times, survival),
        median_low=_crossing(times, conf_low),
        median_high=_crossing(times, conf_high),
        level=level,
    )


def survival_at(curve: KaplanMeier, times: ArrayLike) -> NDArray[np.float64]:
    """Survival just after each of `times`; 1 before the first, NaN beyond the last observation.

    Parameters
    ----------
    curve : KaplanMeier
    times : (t,) array_like of float

    Returns
    -------
    (t,) ndarray of float
        A curve that has reached 0 stays 0 beyond the last observation.
    """
    times = np.asarray(times, float)
    place = np.searchsorted(curve.time, times, side="right")
    value = np.append(1.0, curve.survival)[place]
    beyond = (times > curve.time[-1]) & (curve.survival[-1] > 0)
    return np.where(beyond, np.nan, value)


def logrank(
    time: ArrayLike,
    event: ArrayLike,
    group_codes: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRank:
    """Log-rank test of two or more groups, or its weighted form.

    At each time with events the events of a group are compared with its share of those at
    risk; the variance is hypergeometric. A group in which no event is expected is left out.

    Parameters
    ----------
    time : (n,) array_like of float
        Time of event or censoring, not negative.
    event : (n,) array_like of bool
    group_codes : (n,) array_like of int
        Groups numbered from 0.
    entry : (n,) array_like of float, optional
        Time from which a row is at risk.
    strata : (n,) array_like, optional
        Rows are compared only within a stratum.
    rho : float
        Each time weighs S(t-)^rho, S the pooled Kaplan-Meier curve of the stratum: 0 is the
        log-rank test, 1 stresses early differences.

    Returns
    -------
    LogRank

    Raises
    ------
    DataError
        If a time or a code cannot be used.

    Source
    ------
    Mantel (1966); Harrington and Fleming (1982), Biometrika 69, 553. Checked:
    tests/reference/competing.R (R's survdiff).
    """
    time, event, entry, _ = _checked(time, event, entry, None, 0.95)
    group, n_groups = checked_codes(group_codes, len(time), "group_codes")
    stratum = np.zeros(len(time), int) if strata is None else np.unique(strata, return_inverse=True)[1]
    if len(stratum) != len(time):
        raise DataError("strata must be one value per row")
    observed, expected = np.zeros(n_groups), np.zeros(n_groups)
    variance = np.zeros((n_groups, n_groups))
    for number in range(stratum.max() + 1):
        rows = stratum == number
        parts = _logrank_sums(
            time[rows], event[rows], group[rows], None if entry is None else entry[rows], n_groups, rho
        )
        observed, expected, variance = observed + parts[0], expected + parts[1], variance + parts[2]
    used = expected > 0
    df = int(used.sum()) - 1
    statistic = p_value = np.nan
    if df > 0:
        difference = (observed - expected)[used][1:]
        statistic = float(difference @ np.linalg.pinv(variance[np.ix_(used, used)][1:, 1:]) @ difference)
        p_value = float(chdtrc(df, statistic))
    sizes = np.bincount(group, minlength=n_groups)
    return LogRank(statistic, max(df, 0), p_value, observed, expected, sizes)


def _logrank_sums(time, event, group, entry, n_groups, rho):
    """Observed and expected events of each group of one stratum, (g,), and their covariance, (g, g)."""
    times = np.unique(time[event])
    shape = (len(times), n_groups)
    if not len(times):
        return np.zeros(n_groups), np.zeros(n_groups), np.zeros((n_groups, n_groups))
    deaths, at_risk = np.zeros(shape), np.zeros(shape)
    np.add.at(deaths, (np.searchsorted(times, time[event]), group[event]), 1.0)
    for number in range(n_groups):
        of_group = group == number
        ones = np.ones(of_group.sum())
        at_risk[:, number] = weight_from(time[of_group], ones, times)
        if entry is not None:
            at_risk[:, number] -= weight_from(entry[of_group], ones, times)
    d, n = deaths.sum(axis=1), at_risk.sum(axis=1)
    share = at_risk / n[:, None]
    survival = np.cumprod(1.0 - d / n)
    weight = np.append(1.0, survival[:-1]) ** rho
    scale = weight**2 * d * (n - d) / np.maximum(n - 1.0, 1.0)
    variance = np.diag(scale @ share) - (share * scale[:, None]).T @ share
    return weight @ deaths, (weight * d) @ share, variance


def weight_from(values: NDArray, weights: NDArray, times: NDArray) -> NDArray[np.float64]:
    """Sum of the weights whose value is at or after each of the rising `times`."""
    order = np.argsort(values, kind="stable")
    sums = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)
    return sums[np.searchsorted(values[order], times, side="left")]


def checked_codes(codes: ArrayLike, n: int, name: str) -> tuple[NDArray[np.int64], int]:
    """Codes from 0 as whole numbers, and how many groups they may name."""
    codes = np.asarray(codes)
    if codes.shape != (n,):
        raise DataError(f"{name} must be one value per row")
    if codes.dtype.kind not in "iub" or (codes.size and codes.min() < 0):
        raise DataError(f"{name} must be whole numbers from 0")
    return codes.astype(np.int64), int(codes.max()) + 1


def _limits(survival, log_error, interval, level):
    """Lower and upper limit of each S(t); `log_error` is the standard error of its logarithm."""
    inside = (survival > 0) & (survival < 1)
    share = np.where(inside, survival, 0.5)
    reach = ndtri(0.5 + level / 2) * np.where(inside, log_error, 0.0)
    sides = np.array([-1.0, 1.0])[:, None]
    if interval == "log-log":
        limits = np.exp(np.log(share) * np.exp(-sides * reach / np.abs(np.log(share))))
    elif interval == "log":
        limits = share * np.exp(sides * reach)
    elif interval == "plain":
        limits = share * (1.0 + sides * reach)
    elif interval == "logit":
        limits = expit(logit(share) + sides * reach / (1.0 - share))
    else:
        angle = np.arcsin(np.sqrt(share)) + sides * reach / 2 * np.sqrt(share / (1.0 - share))
        limits = np.sin(np.clip(angle, 0.0, np.pi / 2)) ** 2
    low, high = np.where(inside, np.clip(limits, 0.0, 1.0), np.nan)
    return low, high


def _crossing(times, curve):
    """First time at which a falling curve is at or below one half, inf if never.

    A curve that runs flat at exactly one half gives the middle of the flat part,
    as R's survfit does.
    """
    known = np.isfinite(curve)
    times, curve = times[known], curve[known]
    below = np.flatnonzero(curve < 0.5 + LEVEL_TOLERANCE)
    if len(below) == 0:
        return np.inf
    first = below[0]
    if abs(curve[first] - 0.5) > LEVEL_TOLERANCE:
        return float(times[first])
    lower = np.flatnonzero(curve < 0.5 - LEVEL_TOLERANCE)
    end = times[lower[0]] if len(lower) else times[-1]
    return float((times[first] + end) / 2)


def _checked(time, event, entry, weights, level):
    time, event = np.asarray(time, float), np.asarray(event)
    if time.ndim != 1 or time.shape != event.shape:
        raise DataError("time and event must be two lists of the same length")
    if len(time) == 0:
        raise DataError("there are no rows to estimate a curve from")
    weights = np.ones(len(time)) if weights is None else np.asarray(weights, float)
    if weights.shape != time.shape:
        raise DataError("weights must be one value per row")
    if entry is not None:
        entry = np.asarray(entry, float)
        if entry.shape != time.shape:
            raise DataError("entry must be one value per row")
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    problems = []
    for bad, message in (
        (~np.isfinite(time), "times are missing or infinite"),
        (time < 0, "times are negative"),
        (~(np.isfinite(weights) & (weights >= 0)), "weights are negative or missing"),
        (~np.isin(event, (0, 1)), "events are neither true nor false"),
        (np.zeros(1, bool) if entry is None else ~np.isfinite(entry), "entries are missing or infinite"),
        (
            np.zeros(1, bool) if entry is None else entry >= time,
            "entries are not before the time they lead to",
        ),
    ):
        if bad.any():
            problems.append(Problem(message, n_rows=int(bad.sum())))
    if problems:
        raise DataError(problems)
    used = weights > 0
    if not used.any():
        raise DataError("all weights are 0; there is nothing to estimate a curve from")
    entry = None if entry is None else entry[used]
    return time[used], event[used].astype(bool), entry, weights[used]
