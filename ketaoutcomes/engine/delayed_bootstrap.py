"""Bootstrap of patients for the curve of interval-censored times with delayed entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.bootstrap import patient_weights
from ketaoutcomes.engine.clusters import numbered_clusters
from ketaoutcomes.engine.delayed import DelayedNpmle, delayed_npmle, survival_bounds
from ketaoutcomes.engine.delayed_replicates import SURVIVAL_ROUNDING, SurvivalReplicates
from ketaoutcomes.engine.delayed_support import checked_delayed
from ketaoutcomes.errors import DataError

__all__ = ["DelayedRows", "SurvivalBand", "delayed_bootstrap", "survival_band", "with_end_of_fall"]

Array = NDArray[np.float64]

MOST_FAILURES = 0.05


@dataclass(frozen=True)
class SurvivalBand:
    """Pointwise percentile limits of S(t), the share without the event, and of its median.

    Parameters
    ----------
    times : (t,) float
    conf_low, conf_high : (t,) float
        Limits of S: the lower from the lower bounds of the replicates' curves, the upper
        from the upper bounds. NaN if too many replicates failed.
    median_low, median_high : float
        Limits of the median; inf where it is not reached, NaN if too many failed.
    level : float
    n_replicates, n_failed : int
    """

    times: Array
    conf_low: Array
    conf_high: Array
    median_low: float
    median_high: float
    level: float
    n_replicates: int
    n_failed: int


def delayed_bootstrap(
    left: ArrayLike,
    right: ArrayLike,
    entry: ArrayLike,
    times: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    given: float | None = None,
    n_replicates: int = 400,
    seed: int = 20260101,
    level: float = 0.95,
) -> SurvivalBand:
    """Percentile band of the curve with delayed entry, resampling patients.

    Where the estimate is still 1 the replicates can only agree and their percentiles say
    nothing; the lower limit is then the exact one for no event among the smallest number
    of patients under observation since the curve's start, (alpha / 2)^(1 / n). Where the
    estimate has fallen to 0 the upper limit is the one before the fall times the exact
    one for k of k patients who had the event in it.

    The band is consistent when assessments lie on a fixed schedule. When they are
    spread over continuous time the curve converges at the cube root of n, and the
    band is a guide only.

    Parameters
    ----------
    left, right, entry : (n,) array_like of float
        As for `delayed_npmle`.
    times : (t,) array_like of float
        Where to give limits.
    weights : (n,) array_like of float, optional
        Multiplied by how often the row's patient is drawn.
    clusters : (n,) array_like, optional
        Patient of each row, when patients have several rows.
    given : float, optional
        As for `delayed_npmle`.
    n_replicates, seed : int
        The result depends neither on the order of the rows nor on the names of the clusters.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    SurvivalBand

    Raises
    ------
    DataError
        If a row is malformed, or fewer than 1 replicate is asked for.

    Source
    ------
    Efron and Tibshirani (1993), ch. 13.
    """
    rows = _sorted_rows(left, right, entry, weights, clusters)
    times = np.atleast_1d(np.asarray(times, float))
    if n_replicates < 1:
        raise DataError("the bootstrap needs at least 1 replicate; 400 is usual")
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    fit = delayed_npmle(rows.left, rows.right, rows.entry, weights=rows.weights, given=given)
    asked = with_end_of_fall(fit, times)
    replicates = SurvivalReplicates(rows.left, rows.right, rows.entry, asked, given=fit.given)
    size = replicates.block_size
    parts = []
    for first in range(0, n_replicates, size):
        drawn = patient_weights(rows.n_clusters, min(size, n_replicates - first), seed, first=first)
        parts.append(replicates.curves(drawn[:, rows.cluster] * rows.weights))
    low, high, medians = (np.concatenate(part) for part in zip(*parts, strict=True))
    return survival_band(fit, rows, times, low, high, medians, level)


@dataclass(frozen=True)
class DelayedRows:
    """Rows in a fixed order with the patient of each.

    Parameters
    ----------
    left, right, entry, weights : (n,) float
    cluster : (n,) int
    n_clusters : int
    """

    left: Array
    right: Array
    entry: Array
    weights: Array
    cluster: NDArray[np.int64]
    n_clusters: int


def survival_band(fit: DelayedNpmle, rows: DelayedRows, times, low, high, medians, level) -> SurvivalBand:
    """Percentile limits from the replicates' curves at `with_end_of_fall(fit, times)`.

    Parameters
    ----------
    fit : DelayedNpmle
        Of all rows.
    rows : DelayedRows
    times : (t,) float
    low, high : (B, t + 1) float
    medians : (B, 2) float
    level : float
    """
    n_replicates = len(medians)
    failed = np.isnan(medians).any(axis=1)
    n_failed = int(failed.sum())
    if n_failed > MOST_FAILURES * n_replicates:
        nothing = np.full(len(times), np.nan)
        return SurvivalBand(times, nothing, nothing, np.nan, np.nan, level, n_replicates, n_failed)
    tail = (1 - level) / 2
    conf_low = _without_rounding(np.quantile(low[~failed], tail, axis=0))
    conf_high = _without_rounding(np.quantile(high[~failed], 1 - tail, axis=0))
    conf_low, conf_high = _widened_at_the_ends(fit, rows, times, conf_low, conf_high, tail)
    medians = np.sort(medians[~failed], axis=0)
    last = len(medians) - 1
    return SurvivalBand(
        times=times,
        conf_low=conf_low,
        conf_high=conf_high,
        # Medians may be infinite, so an order statistic is taken, never a mean of two.
        median_low=float(medians[int(np.floor(last * tail)), 0]),
        median_high=float(medians[int(np.ceil(last * (1 - tail))), 1]),
        level=level,
        n_replicates=n_replicates,
        n_failed=n_failed,
    )


def with_end_of_fall(fit: DelayedNpmle, times: Array) -> Array:
    """The times, and where the curve last stood above 0."""
    return np.append(times, fit.left[np.argmax(fit.survival_after == 0)])


def _sorted_rows(left, right, entry, weights, clusters) -> DelayedRows:
    if clusters is not None:
        clusters = np.asarray(clusters)
        if clusters.shape != np.shape(left):
            raise DataError("clusters must be one value per interval")
        clusters = clusters if weights is None else clusters[np.asarray(weights, float) > 0]
    left, right, entry, weights = checked_delayed(left, right, entry, weights)
    _, content = np.unique(np.column_stack([left, right, entry, weights]), axis=0, return_inverse=True)
    cluster = numbered_clusters(content.reshape(-1), clusters)
    order = np.lexsort((cluster, content.reshape(-1)))
    columns = (column[order] for column in (left, right, entry, weights, cluster))
    return DelayedRows(*columns, int(cluster.max()) + 1)


def _without_rounding(limits):
    """Exactly 0 and 1 where survival of replicates only nearly is."""
    return np.where(limits < SURVIVAL_ROUNDING, 0.0, np.where(limits > 1 - SURVIVAL_ROUNDING, 1.0, limits))


def _widened_at_the_ends(fit: DelayedNpmle, rows: DelayedRows, times, conf_low, conf_high, tail):
    """Exact limits where the estimate, or all replicates, say 1 or 0."""
    before_fall, conf_low, conf_high = conf_high[-1], conf_low[:-1], conf_high[:-1]
    low, high = (_without_rounding(bound) for bound in survival_bounds(fit, times))
    fewest = _fewest_patients(fit, rows, times)
    exact = tail ** (1 / np.maximum(fewest, 1))
    unhurt = ((low == 1) | (conf_low == 1)) & (times > fit.given)
    conf_low = np.where(unhurt & (fewest > 0), np.minimum(conf_low, exact), np.where(unhurt, 0.0, conf_low))
    # Survival falls, so that a lower limit of a later time holds for the earlier ones.
    order = np.argsort(-times, kind="stable")
    conf_low[order] = np.maximum.accumulate(conf_low[order])
    fall = int(np.argmax(fit.survival_after == 0))
    if np.isfinite(fit.right[fall]):
        inside = (rows.left <= fit.left[fall]) & (rows.right >= fit.right[fall]) & np.isfinite(rows.right)
        n_inside = max(1, len(np.unique(rows.cluster[inside])))
        gone = (high == 0) | (conf_high == 0)
        conf_high = np.where(
            gone, np.maximum(conf_high, before_fall * (1 - tail ** (1 / n_inside))), conf_high
        )
    return conf_low, conf_high


def _fewest_patients(fit: DelayedNpmle, rows: DelayedRows, times):
    """Smallest number of patients known without the event between the curve's start and each time."""
    seen = rows.entry < rows.left
    values, rank = np.unique(np.concatenate([rows.entry[seen], rows.left[seen]]), return_inverse=True)
    n_seen = int(seen.sum())
    # Stretches of one patient that overlap or touch are one: patients moved apart, then running maxima.
    apart = rows.cluster[seen] * (len(values) + 1)
    order = np.lexsort((rank[:n_seen], apart))
    apart, come, go = apart[order], rank[:n_seen][order], rank[n_seen:][order]
    until = np.maximum.accumulate(go + apart)
    opens = np.concatenate(([True], (come + apart)[1:] > until[:-1]))[:n_seen]
    come = np.sort(values[come[opens]])
    go = np.sort(values[(until - apart)[np.append(opens[1:], True)[:n_seen]]])
    # The number falls behind each end; the stretch just behind the start of the curve counts as well.
    marks = np.unique(np.concatenate([[fit.given], go[go > fit.given]]))
    n_there = np.searchsorted(come, marks, side="right") - np.searchsorted(go, marks, side="right")
    fewest = np.minimum.accumulate(n_there)
    place = np.searchsorted(marks, times, side="left") - 1
    return np.where(place >= 0, fewest[np.maximum(place, 0)], len(come))
