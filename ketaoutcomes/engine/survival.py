"""Kaplan-Meier estimate for times that are known or right-censored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ketaoutcomes.errors import DataError, Problem

__all__ = ["KaplanMeier", "kaplan_meier", "survival_at"]

# R's quantile.survfit takes a curve to sit at a level within this distance.
LEVEL_TOLERANCE = np.sqrt(np.finfo(float).eps)


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
        Log-log limits of `survival`; NaN where it is exactly 1 or 0.
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


def kaplan_meier(
    time: ArrayLike, event: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> KaplanMeier:
    """Kaplan-Meier curve with log-log limits and the median's interval.

    A censoring at the time of an event counts as after it.

    Parameters
    ----------
    time : (n,) array_like of float
        Time of event or censoring, not negative.
    event : (n,) array_like of bool
        True for an event, False for a censoring.
    weights : (n,) array_like of float, optional
        How many patients each row stands for.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    KaplanMeier

    Raises
    ------
    DataError
        If there are no rows, or a time is missing, infinite or negative.

    Source
    ------
    Kaplan and Meier (1958); limits: Kalbfleisch and Prentice (2002), 1.4; median:
    Brookmeyer and Crowley (1982). Checked: tests/reference/kaplan_meier.R.
    """
    time, event, weights = _checked(time, event, weights, level)
    times, code = np.unique(time, return_inverse=True)
    n_events = np.bincount(code, weights * event, minlength=len(times))
    n_censored = np.bincount(code, weights * ~event, minlength=len(times))
    n_at_risk = np.cumsum((n_events + n_censored)[::-1])[::-1]
    # Where the last patients all have the event the ratio must be exactly 0.
    survivors = np.where(n_censored == 0, np.append(n_at_risk[1:], 0.0), n_at_risk - n_events)
    survival = np.cumprod(survivors / n_at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(n_events / (n_at_risk * survivors))
        log_error = np.sqrt(greenwood)
        std_error = np.where(survival > 0, survival * log_error, np.nan)
        log_survival = np.log(survival)
        reach = ndtri(0.5 + level / 2) * log_error / np.abs(log_survival)
        inside = (survival > 0) & (survival < 1)
        conf_low = np.where(inside, np.exp(log_survival * np.exp(reach)), np.nan)
        conf_high = np.where(inside, np.exp(log_survival * np.exp(-reach)), np.nan)
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


def _checked(time, event, weights, level):
    time, event = np.asarray(time, float), np.asarray(event)
    if time.ndim != 1 or time.shape != event.shape:
        raise DataError("time and event must be two lists of the same length")
    if len(time) == 0:
        raise DataError("there are no rows to estimate a curve from")
    weights = np.ones(len(time)) if weights is None else np.asarray(weights, float)
    if weights.shape != time.shape:
        raise DataError("weights must be one value per row")
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    problems = []
    for bad, message in (
        (~np.isfinite(time), "times are missing or infinite"),
        (time < 0, "times are negative"),
        (~(np.isfinite(weights) & (weights >= 0)), "weights are negative or missing"),
        (~np.isin(event, (0, 1)), "events are neither true nor false"),
    ):
        if bad.any():
            problems.append(Problem(message, n_rows=int(bad.sum())))
    if problems:
        raise DataError(problems)
    used = weights > 0
    if not used.any():
        raise DataError("all weights are 0; there is nothing to estimate a curve from")
    return time[used], event[used].astype(bool), weights[used]
