"""Who is at risk at each event time of (start, stop] data, as positions in sorted arrays.

Everything that a Cox model needs is a sum over the rows at risk at an event time. Sorted once by
`stop` and once by `start`, such a sum is one running total less another; and a sum over event
times of sums over rows is a sum over rows of differences of a running total over event times.
So each step costs a few passes over the rows, whatever the number of event times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import DataError, Problem

__all__ = ["Moments", "RiskSets", "risk_sets"]

Array = NDArray[np.float64]
TIES = ("efron", "breslow")
# Times that differ by less than this share of the largest are one time: 24 h / 24 and 1 day are.
SAME_TIME = 1e-9


@dataclass(frozen=True)
class Moments:
    """The partial likelihood's parts at one linear predictor.

    One "draw" is one event in the order in which tied events are taken off the risk set; without
    ties, or with Breslow's rule, all draws of a time have the same risk set.

    Parameters
    ----------
    risk : (n,) float
        weight * exp(predictor) of each row.
    total : (d,) float
        Sum of `risk` over the risk set of each draw.
    hazard : (d,) float
        Increment of the baseline cumulative hazard at each draw.
    cumulative, tied : (t + 1,), (t,) float
        Running total of `hazard` over event times (0 first), and the part of a time's hazard that a
        row with an event at that time is not exposed to.
    expected : (n,) float
        `risk` times the hazard that each row is exposed to; sums to the weighted number of events.
    loglik : float
    """

    risk: Array
    total: Array
    hazard: Array
    cumulative: Array
    tied: Array
    expected: Array
    loglik: float


@dataclass(frozen=True)
class RiskSets:
    """Rows, event times and draws of one data set.

    Parameters
    ----------
    weights : (n,) float
    event : (n,) bool
    by_stop : (n,) int
        Rows by stratum and stop.
    by_start : (n,) int or None
        Rows by stratum and start; None where all rows start before the first event.
    stop_at, stop_end, start_at, start_end : (t,) int
        Of each event time: first place in `by_stop` (`by_start`) with a stop (start) at or after it,
        and the end of its stratum.
    opens, closes : (n,) int
        Row i is exposed to event times opens[i] to closes[i] - 1.
    event_rows, event_time : (d,) int
        Rows with an event by event time, and the number of that time.
    share : (d,) float
        Part of the tied events that is off the risk set at each draw.
    mean_weight : (t,) float
        Mean weight of the events of a time.
    time : (t,) float
    stratum : (t,) int
        Of each event time.
    n_strata : int
    """

    weights: Array
    event: NDArray[np.bool_]
    by_stop: NDArray[np.intp]
    by_start: NDArray[np.intp] | None
    stop_at: NDArray[np.intp]
    stop_end: NDArray[np.intp]
    start_at: NDArray[np.intp] | None
    start_end: NDArray[np.intp] | None
    opens: NDArray[np.intp]
    closes: NDArray[np.intp]
    event_rows: NDArray[np.intp]
    event_time: NDArray[np.intp]
    share: Array
    mean_weight: Array
    time: Array
    stratum: NDArray[np.intp]
    n_strata: int

    @property
    def n_times(self) -> int:
        """Distinct event times, counted within strata."""
        return len(self.time)

    def at_risk(self, values: Array) -> Array:
        """Sums over the rows at risk at each event time: (n,) -> (t,), (n, k) -> (t, k)."""
        sums = _from_the_end(values[self.by_stop])
        answer = sums[self.stop_at] - sums[self.stop_end]
        if self.by_start is not None:
            sums = _from_the_end(values[self.by_start])
            answer -= sums[self.start_at] - sums[self.start_end]
        return answer

    def at_draws(self, values: Array) -> Array:
        """Sums over the risk set of each draw: (n,) -> (d,), (n, k) -> (d, k)."""
        sums = self.at_risk(values)[self.event_time]
        if not self.share.any():
            return sums
        share = self.share if values.ndim == 1 else self.share[:, None]
        return sums - share * self.of_events(values)[self.event_time]

    def of_events(self, values: Array) -> Array:
        """Sums over the rows with an event at each event time."""
        return self.by_time(values[self.event_rows])

    def by_time(self, draws: Array) -> Array:
        """Sums over the draws of each event time."""
        if draws.ndim == 1:
            return np.bincount(self.event_time, draws, self.n_times)
        first = np.searchsorted(self.event_time, np.arange(self.n_times))
        return np.add.reduceat(draws, first, axis=0) if len(draws) else draws[:0]

    def exposed(self, draws: Array) -> Array:
        """Sum of the draws that each row is exposed to: (d,) -> (n,), (d, k) -> (n, k)."""
        sums = _running(self.by_time(draws))
        answer = sums[self.closes] - sums[self.opens]
        if self.share.any():
            share = self.share if draws.ndim == 1 else self.share[:, None]
            answer[self.event_rows] -= self.by_time(share * draws)[self.event_time]
        return answer

    def moments(self, predictor: Array) -> Moments:
        """Risks, hazards and the log partial likelihood at a linear predictor, (n,)."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            risk = self.weights * np.exp(predictor)
            total = self.at_draws(risk)
            weight = self.mean_weight[self.event_time]
            # Draws of weight 0 (in a bootstrap) count for nothing, also where nobody is at risk.
            counted = weight > 0
            hazard = np.divide(weight, total, out=np.zeros_like(total), where=counted)
            rows = self.event_rows
            drawn = np.where(counted, np.log(np.where(counted, total, 1.0)), 0.0)
            loglik = float(self.weights[rows] @ predictor[rows] - weight @ drawn)
            return Moments(
                risk=risk,
                total=total,
                hazard=hazard,
                cumulative=_running(self.by_time(hazard)),
                tied=self.by_time(self.share * hazard),
                expected=risk * self.exposed(hazard),
                loglik=loglik,
            )

    def means(self, moments: Moments, x: Array) -> Array:
        """Weighted mean of `x` over the risk set of each draw, (n, p) -> (d, p)."""
        sums, total = self.at_draws(moments.risk[:, None] * x), moments.total[:, None]
        return np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)

    def reweighted(self, weights: Array) -> RiskSets:
        """The same rows with other weights, 0 or more; nothing is sorted again."""
        n_tied = np.bincount(self.event_time, minlength=self.n_times)
        mean = np.bincount(self.event_time, weights[self.event_rows], self.n_times) / n_tied
        return replace(self, weights=weights, mean_weight=mean)

    def information(self, moments: Moments, x: Array, factor: Array | float = 1.0) -> Array:
        """Sum over draws of `factor`, (d,), times the covariance of `x` in the risk set, (p, p)."""
        means = self.means(moments, x)
        weight = factor * self.mean_weight[self.event_time]
        exposure = moments.risk * self.exposed(factor * moments.hazard)
        return x.T @ (exposure[:, None] * x) - means.T @ (weight[:, None] * means)

    def scores(self, moments: Moments, x: Array, factor: Array | float = 1.0) -> Array:
        """Each row's weighted part of the score of `x` times `factor`, a function of time; (n, p).

        An event weighs the covariates against the mean risk set of all draws at its time, as each
        of the tied events may have been the first.
        """
        means = self.means(moments, x)
        pull = (factor * moments.hazard)[:, None]
        exposure = self.exposed(pull * np.hstack([np.ones_like(pull), means]))
        scores = -moments.risk[:, None] * (x * exposure[:, :1] - exposure[:, 1:])
        n_tied = np.bincount(self.event_time, minlength=self.n_times)[:, None]
        of_time = (self.by_time(means) / n_tied)[self.event_time]
        rows = self.event_rows
        scores[rows] += (self.weights[rows] * factor)[:, None] * (x[rows] - of_time)
        return scores


def risk_sets(
    stop: ArrayLike,
    event: ArrayLike,
    *,
    start: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    ties: str = "efron",
) -> RiskSets:
    """Sort (start, stop] rows once, for any number of linear predictors.

    Parameters
    ----------
    stop : (n,) array_like of float
    event : (n,) array_like of bool
    start : (n,) array_like of float, optional
        Before `stop`; a row is at risk after it, up to and including `stop`. Without it rows are at
        risk from the beginning.
    strata : (n,) array_like, optional
        Rows are compared within a stratum only.
    weights : (n,) array_like of float, optional
        Above 0.
    ties : {"efron", "breslow"}

    Raises
    ------
    DataError
        If a time is missing or infinite, a row does not start before it stops, or nothing happens.
    """
    stop, start, event, code, weights = _checked(stop, start, event, strata, weights, ties)
    rank, start_rank = _ranks(stop, start)
    n_ranks = int(rank.max()) + 2
    n_strata = int(code.max()) + 1
    key = code * n_ranks + rank
    by_stop = np.argsort(key, kind="stable")
    sorted_stop = key[by_stop]

    hit = np.flatnonzero(event)
    event_rows = hit[np.argsort(key[hit], kind="stable")]
    times, event_time, n_tied = np.unique(key[event_rows], return_inverse=True, return_counts=True)
    first = np.cumsum(n_tied) - n_tied
    share = np.zeros(len(event_rows))
    if ties == "efron":
        share = (np.arange(len(event_rows)) - first[event_time]) / n_tied[event_time]
    ends = (times // n_ranks + 1) * n_ranks
    if start is None:
        by_start = start_at = start_end = None
        opens = np.searchsorted(times, code * n_ranks, side="left")
    else:
        start_key = code * n_ranks + start_rank
        by_start = np.argsort(start_key, kind="stable")
        sorted_start = start_key[by_start]
        start_at = np.searchsorted(sorted_start, times, side="left")
        start_end = np.searchsorted(sorted_start, ends, side="left")
        opens = np.searchsorted(times, start_key, side="right")
    return RiskSets(
        weights=weights,
        event=event,
        by_stop=by_stop,
        by_start=by_start,
        stop_at=np.searchsorted(sorted_stop, times, side="left"),
        stop_end=np.searchsorted(sorted_stop, ends, side="left"),
        start_at=start_at,
        start_end=start_end,
        opens=opens,
        closes=np.searchsorted(times, key, side="right"),
        event_rows=event_rows,
        event_time=event_time,
        share=share,
        mean_weight=np.bincount(event_time, weights[event_rows], len(times)) / n_tied,
        time=stop[event_rows[first]],
        stratum=times // n_ranks,
        n_strata=n_strata,
    )


def _checked(stop, start, event, strata, weights, ties):
    if ties not in TIES:
        raise DataError(f'ties="{ties}" is not known; choose "efron" or "breslow"')
    stop, event = np.asarray(stop, float), np.asarray(event)
    start = None if start is None else np.asarray(start, float)
    weights = np.ones(len(stop)) if weights is None else np.asarray(weights, float)
    given = [stop, event, weights] + ([] if start is None else [start])
    if strata is None:
        code = np.zeros(len(stop), np.int64)
    else:
        code = np.unique(np.asarray(strata), return_inverse=True)[1].astype(np.int64).reshape(-1)
        given.append(code)
    if any(values.ndim != 1 or len(values) != len(stop) for values in given):
        raise DataError("start, stop, event, strata and weights must be lists of the same length")
    if not len(stop):
        raise DataError("there are no rows to fit a Cox model to")
    begins = np.zeros(len(stop)) if start is None else start
    known = np.isfinite(stop) & np.isfinite(begins)
    scale = max(float(np.abs(np.where(known, stop, 0.0)).max()), 1e-300)
    problems = []
    for bad, message in (
        (~known, "a start or stop is missing or infinite"),
        (
            known & (start is not None) & (stop - begins <= SAME_TIME * scale),
            "start is not before stop; such rows are at risk for no time: leave them out or mend their times",
        ),
        (~(np.isfinite(weights) & (weights > 0)), "weights must be above 0"),
        (~np.isin(event, (0, 1)), "events are neither true nor false"),
    ):
        if bad.any():
            problems.append(Problem(message, n_rows=int(bad.sum())))
    if problems:
        raise DataError(problems)
    event = event.astype(bool)
    if not event.any():
        raise DataError("no row has an event, so there is nothing to fit a Cox model to")
    return stop, start, event, code, weights


def _ranks(stop: Array, start: Array | None):
    """Place of each time among all times, with times that agree but for rounding at one place."""
    every = stop if start is None else np.concatenate([stop, start])
    order = np.argsort(every, kind="stable")
    steps = np.diff(every[order]) > SAME_TIME * max(float(np.abs(every).max()), 1e-300)
    rank = np.empty(len(every), np.int64)
    rank[order] = np.concatenate([[0], np.cumsum(steps)])
    return rank[: len(stop)], None if start is None else rank[len(stop) :]


def _running(values: Array) -> Array:
    """Running totals with 0 first, (k, ...) -> (k + 1, ...)."""
    answer = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=answer[1:])
    return answer


def _from_the_end(values: Array) -> Array:
    """Totals from each place to the end, with 0 last, (k, ...) -> (k + 1, ...)."""
    return _running(values[::-1])[::-1]
