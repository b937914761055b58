"""Cumulative incidence of competing events for times that are known or right-censored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ketaoutcomes.engine.competing_variance import Rows, squared_influence
from ketaoutcomes.engine.rates import clopper_pearson
from ketaoutcomes.engine.survival import kaplan_meier, weight_from
from ketaoutcomes.errors import DataError, Problem

__all__ = [
    "AalenJohansen",
    "NaiveIncidence",
    "aalen_johansen",
    "checked_causes",
    "incidence_at",
    "one_minus_km",
]

# Sums of weights that differ by less than this share of the largest are equal.
ROUNDING = 1e-12


@dataclass(frozen=True)
class AalenJohansen:
    """Cumulative incidence of K causes; one entry per distinct time, events and censorings alike.

    Parameters
    ----------
    time : (k,) float
        Distinct times, rising, in the unit of the input.
    n_at_risk, n_censored : (k,) float
        Counts (sums of weights) just before, and at, each time.
    n_events : (K, k) float
        Events of each cause at each time.
    incidence : (K, k) float
        Share with an event of that cause just after each time.
    event_free : (k,) float
        Share without any event; with all of `incidence` it adds up to 1.
    std_error : (K, k) float
        Infinitesimal-jackknife standard error of `incidence`.
    conf_low, conf_high : (K, k) float
        Log(-log) limits; exact ones where `incidence` is 0 or 1.
    causes : (K,) int
        Codes of the causes, 1 to K.
    level : float
    high_before : float
        Exact upper limit before the first time, among those who entered before it.
    emptied_at : float
        First time after which nobody is at risk although rows enter later; NaN if there is none. What the
        formula gives after it, and R with it, is no estimate: if everybody at risk had an event, S is 0
        from then on and no later event counts; otherwise nobody was seen until the next entry.
    """

    time: NDArray[np.float64]
    n_at_risk: NDArray[np.float64]
    n_censored: NDArray[np.float64]
    n_events: NDArray[np.float64]
    incidence: NDArray[np.float64]
    event_free: NDArray[np.float64]
    std_error: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]
    causes: NDArray[np.int64]
    level: float
    high_before: float
    emptied_at: float


@dataclass(frozen=True)
class NaiveIncidence:
    """1 - Kaplan-Meier of one cause beside its cumulative incidence.

    Parameters
    ----------
    time : (k,) float
    estimate, conf_low, conf_high : (k,) float
        1 - Kaplan-Meier with the other causes counted as censored: the share that would have
        the event if the other causes did not exist and were unrelated to it.
    incidence : (k,) float
        The cumulative incidence at the same times.
    gap : (k,) float
        `estimate` - `incidence`, never negative but for rounding.
    """

    time: NDArray[np.float64]
    estimate: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]
    incidence: NDArray[np.float64]
    gap: NDArray[np.float64]


def aalen_johansen(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    n_causes: int | None = None,
    level: float = 0.95,
) -> AalenJohansen:
    """Cumulative incidence of each cause, F_k(t) = sum over s <= t of S(s-) d_k(s) / n(s).

    Events of several causes at one time share the risk set of that time, so the order of
    tied causes does not matter, and no time is moved to break ties. A censoring, and an
    entry, at the time of an event counts as after it.

    The variance is the infinitesimal jackknife: the sum over rows, or over clusters, of
    their squared influence on F_k(t). Without late entries and clusters it is the
    multinomial delta method (Greenwood's for one cause). Limits are symmetric in
    log(-log F). Where no event of a cause was seen the upper limit is the exact binomial
    one among the patients whose state is known then (patients censored before are not
    counted); with clusters no more patients than clusters count.

    Parameters
    ----------
    time : (n,) array_like of float
        Time of event or censoring, not negative.
    event : (n,) array_like of int
        0 for a censoring, 1 to K for the cause of an event.
    entry : (n,) array_like of float, optional
        Time from which a row is at risk, before its `time`.
    weights : (n,) array_like of float, optional
        Weight of each row, e.g. an inverse probability; the row stays one row in the variance.
    clusters : (n,) array_like, optional
        Rows of one cluster, such as the episodes of a patient, are not independent.
    n_causes : int, optional
        K, where causes may not occur; the largest code if left out.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    AalenJohansen

    Raises
    ------
    DataError
        If there are no rows, or a time, an entry, a weight or a code cannot be used.

    Source
    ------
    Aalen and Johansen (1978), Scand. J. Stat. 5, 141; variance: Therneau, R survival,
    survfit for multi-state data. Checked: tests/reference/competing.R.
    """
    time, event, n_causes = checked_causes(time, event, n_causes)
    entry, weights, cluster = _checked_extras(time, entry, weights, clusters, level)
    times, exit_at = np.unique(time, return_inverse=True)
    entry_at = np.zeros(len(time), int) if entry is None else np.searchsorted(times, entry, side="right")
    n_at_risk = weight_from(time, weights, times)
    if entry is not None:
        n_at_risk = n_at_risk - weight_from(entry, weights, times)
    counts = np.zeros((n_causes + 1, len(times)))
    np.add.at(counts, (event, exit_at), weights)
    hazard = counts[1:] / n_at_risk
    staying = 1.0 - hazard.sum(axis=0)
    staying[np.abs(staying) <= ROUNDING] = 0.0
    event_free = np.cumprod(staying)
    before = np.append(1.0, event_free[:-1])
    incidence = np.cumsum(before * hazard, axis=1)
    rows = Rows(exit_at, entry_at, event, weights, cluster)
    variance = squared_influence(rows, n_at_risk, hazard, staying, before, incidence)
    std_error = np.sqrt(np.maximum(variance, 0.0))
    n_known = _known(rows, len(times))
    conf_low, conf_high = _limits(incidence, std_error, n_known, level)
    return AalenJohansen(
        time=times,
        n_at_risk=n_at_risk,
        n_censored=counts[0],
        n_events=counts[1:],
        incidence=incidence,
        event_free=event_free,
        std_error=std_error,
        conf_low=conf_low,
        conf_high=conf_high,
        causes=np.arange(1, n_causes + 1),
        level=level,
        high_before=float(clopper_pearson(0.0, n_known[0], level=level)[1]),
        emptied_at=_emptied_at(time, entry, times, staying),
    )


def one_minus_km(
    time: ArrayLike,
    event: ArrayLike,
    cause: int,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> NaiveIncidence:
    """1 - Kaplan-Meier of one cause with the others censored, beside the cumulative incidence.

    Where other causes take patients out, it is larger than the share who have the event.

    Parameters
    ----------
    time, event, entry, weights, level
        As in `aalen_johansen`.
    cause : int
        Code of the cause.

    Returns
    -------
    NaiveIncidence
    """
    time, event, _ = checked_causes(time, event, max(int(np.max(event, initial=0)), cause))
    if cause < 1:
        raise DataError("cause must be a code from 1")
    curve = kaplan_meier(time, event == cause, entry=entry, weights=weights, level=level)
    found = aalen_johansen(
        time, event, entry=entry, weights=weights, n_causes=max(event.max(), cause), level=level
    )
    estimate, incidence = 1.0 - curve.survival, found.incidence[cause - 1]
    return NaiveIncidence(
        time=curve.time,
        estimate=estimate,
        conf_low=1.0 - curve.conf_high,
        conf_high=1.0 - curve.conf_low,
        incidence=incidence,
        gap=estimate - incidence,
    )


def incidence_at(curve: AalenJohansen, times: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """The curves just after each of `times`; NaN beyond the last observation, and after `emptied_at`.

    Parameters
    ----------
    curve : AalenJohansen
    times : (t,) array_like of float

    Returns
    -------
    dict
        `incidence`, `std_error`, `conf_low`, `conf_high`, `n_events` (so far), each (K, t), and
        `event_free` (t,). Before the first time the incidence is 0 with the exact upper limit. Once
        nobody is event-free the curves stay where they are.
    """
    times = np.asarray(times, float)
    place = np.searchsorted(curve.time, times, side="right")
    beyond = (times > curve.time[-1]) & (curve.event_free[-1] > 0)
    beyond |= times > curve.emptied_at
    empty = np.zeros((len(curve.causes), 1))
    starts = {"incidence": empty, "std_error": empty, "conf_low": empty}
    starts["conf_high"] = empty + curve.high_before
    read = {
        name: np.where(beyond, np.nan, np.hstack([start, getattr(curve, name)])[:, place])
        for name, start in starts.items()
    }
    read["n_events"] = np.hstack([empty, np.cumsum(curve.n_events, axis=1)])[:, place]
    read["event_free"] = np.where(beyond, np.nan, np.append(1.0, curve.event_free)[place])
    return read


def checked_causes(
    time: ArrayLike, event: ArrayLike, n_causes: int | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Times and cause codes that can be used, and the number of causes."""
    time, event = np.asarray(time, float), np.asarray(event)
    if time.ndim != 1 or time.shape != event.shape:
        raise DataError("time and event must be two lists of the same length")
    if len(time) == 0:
        raise DataError("there are no rows to estimate an incidence from")
    is_code = np.isin(event, np.arange(0, 256 if n_causes is None else n_causes + 1))
    problems = [
        Problem(message, n_rows=int(bad.sum()))
        for bad, message in (
            (~np.isfinite(time), "times are missing or infinite"),
            (time < 0, "times are negative"),
            (~is_code, "events are no code: 0 for censored, 1, 2, ... for the causes"),
        )
        if bad.any()
    ]
    if problems:
        raise DataError(problems)
    event = event.astype(np.int64)
    return time, event, max(int(event.max()), 1) if n_causes is None else n_causes


def _checked_extras(time, entry, weights, clusters, level):
    """Entries, weights and cluster codes as arrays."""
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    weights = np.ones(len(time)) if weights is None else np.asarray(weights, float)
    entry = None if entry is None else np.asarray(entry, float)
    clusters = None if clusters is None else np.asarray(clusters)
    for name, values in (("entry", entry), ("weights", weights), ("clusters", clusters)):
        if values is not None and values.shape != time.shape:
            raise DataError(f"{name} must be one value per row")
    none = np.zeros(1, bool)
    problems = [
        Problem(message, n_rows=int(bad.sum()))
        for bad, message in (
            (~(np.isfinite(weights) & (weights > 0)), "weights are zero, negative or missing"),
            (none if entry is None else ~np.isfinite(entry), "entries are missing or infinite"),
            (none if entry is None else entry >= time, "entries are not before the time they lead to"),
        )
        if bad.any()
    ]
    if problems:
        raise DataError(problems)
    if clusters is not None:
        clusters = np.unique(clusters, return_inverse=True)[1]
    return entry, weights, clusters


def _known(rows: Rows, n_times: int) -> NDArray[np.float64]:
    """(k,) rows, and at most clusters, whose state is known at each time."""

    def counted(start, stop):
        inside = np.bincount(start, minlength=n_times + 1) - np.bincount(stop, minlength=n_times + 1)
        return np.cumsum(inside)[:n_times]

    until = np.where(rows.cause > 0, n_times, rows.exit_at + 1)
    n_rows = counted(rows.entry_at, until)
    if rows.cluster is None:
        return n_rows.astype(float)
    n_clusters = rows.cluster.max() + 1
    first, last = np.full(n_clusters, n_times), np.zeros(n_clusters, int)
    np.minimum.at(first, rows.cluster, rows.entry_at)
    np.maximum.at(last, rows.cluster, until)
    return np.minimum(n_rows, counted(first, last)).astype(float)


def _emptied_at(time, entry, times: NDArray[np.float64], staying: NDArray[np.float64]) -> float:
    """First of `times` after which nobody is at risk although rows leave later; NaN if there is none."""
    entry = np.zeros(len(time)) if entry is None else entry
    entered, left = (np.searchsorted(np.sort(ends), times, side="right") for ends in (entry, time))
    gone = (entered == left) | (staying == 0)
    gone[-1] = False
    return float(times[np.argmax(gone)]) if gone.any() else np.nan


def _limits(incidence, std_error, n_known, level):
    """Log(-log) limits, and exact ones at 0 and at 1."""
    inside = (incidence > 0) & (incidence < 1 - ROUNDING) & (std_error > 0)
    share = np.where(inside, incidence, 0.5)
    reach = ndtri(0.5 + level / 2) * np.where(inside, std_error, 0.0) / (share * -np.log(share))
    low, high = share ** np.exp(reach), share ** np.exp(-reach)
    n_seen = np.where(incidence > 0.5, n_known, 0.0)
    exact_low, exact_high = clopper_pearson(n_seen, np.maximum(n_known, 1.0), level=level)
    return np.where(inside, low, exact_low), np.where(inside, high, exact_high)
