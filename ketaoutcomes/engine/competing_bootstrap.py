"""Bootstrap of patients for the incidence of competing causes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.bootstrap import LARGEST_GAP, MOST_FAILURES, patient_weights
from ketaoutcomes.engine.clusters import numbered_clusters
from ketaoutcomes.engine.competing_interval import bounds_at
from ketaoutcomes.engine.competing_rows import CauseRows, Layout, checked_causes, lay_out
from ketaoutcomes.engine.interior import binned, maximise_replicates
from ketaoutcomes.engine.rates import clopper_pearson
from ketaoutcomes.engine.unions import Unions, maximise_unions, union_gradient
from ketaoutcomes.errors import DataError

__all__ = ["IncidenceBand", "incidence_bootstrap"]

# Above so many unknown masses replicates are fitted one by one: their matrices no longer fit in the cache.
LARGEST_TOGETHER = 120
# Numbers in the matrices of one block of replicates.
BLOCK_SIZE = 2_000_000
# Shares of replicates are good to about this.
ROUNDING = 1e-6


@dataclass(frozen=True)
class IncidenceBand:
    """Pointwise percentile limits of the incidence of each cause, and of no event.

    Parameters
    ----------
    times : (t,) float
    conf_low, conf_high : (K + 1, t) float
        Limits of each cause's incidence, and last of the share without any event. The lower limit is
        that of the lower bound, the upper that of the upper bound. NaN if too many replicates failed.
    level : float
    n_replicates, n_failed : int
    """

    times: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]
    level: float
    n_replicates: int
    n_failed: int


def incidence_bootstrap(
    left: ArrayLike,
    right: ArrayLike,
    cause: ArrayLike,
    times: ArrayLike,
    *,
    n_causes: int,
    clusters: ArrayLike | None = None,
    n_replicates: int = 400,
    seed: int = 20260101,
    level: float = 0.95,
) -> IncidenceBand:
    """Percentile band of the curves of `interval_incidence`, resampling patients.

    Where a curve is 0 the replicates can only agree; its upper limit is then at least the exact
    (Clopper-Pearson) one of the patients who surely had no such event by that time, and likewise
    the lower limit where it is 1.

    Parameters
    ----------
    left, right, cause, n_causes
        As for `interval_incidence`.
    times : (t,) array_like of float
    clusters : (n,) array_like, optional
        Patient of each row, when patients have several rows.
    n_replicates, seed : int
        The result does not depend on the order of the rows.
    level : float

    Returns
    -------
    IncidenceBand

    Raises
    ------
    DataError
        If a row is malformed, or fewer than 1 replicate is asked for.

    Source
    ------
    Efron and Tibshirani (1993), ch. 13.
    """
    if n_replicates < 1:
        raise DataError("the bootstrap needs at least 1 replicate; 400 is usual")
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    times = np.atleast_1d(np.asarray(times, float))
    rows, cluster = _sorted(checked_causes(left, right, cause, n_causes, None), clusters)
    layout = lay_out(rows, n_causes)
    low, high, failed = _replicates(layout, rows, cluster, times, n_causes, n_replicates, seed)
    n_failed = int(failed.sum())
    if n_failed > MOST_FAILURES * n_replicates:
        nothing = np.full((n_causes + 1, times.size), np.nan)
        return IncidenceBand(times, nothing, nothing, level, n_replicates, n_failed)
    tail = (1 - level) / 2
    conf_low = _tidy(np.quantile(low[~failed], tail, axis=0))
    conf_high = _tidy(np.quantile(high[~failed], 1 - tail, axis=0))
    conf_low, conf_high = _widened(rows, cluster, times, n_causes, conf_low, conf_high, level)
    return IncidenceBand(times, conf_low, conf_high, level, n_replicates, n_failed)


def _sorted(rows: CauseRows, clusters) -> tuple[CauseRows, NDArray[np.int64]]:
    """The rows in an order of their own, so that the replicates do not depend on the caller's."""
    _, content = np.unique(np.column_stack([rows.left, rows.right, rows.cause]), axis=0, return_inverse=True)
    cluster = numbered_clusters(content.reshape(-1), clusters)
    order = np.lexsort((cluster, content.reshape(-1)))
    chosen = CauseRows(rows.left[order], rows.right[order], rows.cause[order], rows.weights[order])
    return chosen, cluster[order]


def _replicates(layout: Layout, rows: CauseRows, cluster, times, n_causes, n_replicates, seed):
    """Bounds of each cause and of no event, (B, K + 1, t) each, and which replicates failed, (B,)."""
    start = maximise_unions(layout.unions(rows.weights)).mass
    n_clusters, g = int(cluster.max()) + 1, layout.n_groups
    size = max(1, BLOCK_SIZE // max((g + 1) ** 2, rows.left.size, n_causes * times.size))
    lows, highs, failures = [], [], []
    for begin in range(0, n_replicates, size):
        drawn = patient_weights(n_clusters, min(size, n_replicates - begin), seed, first=begin)
        weights = drawn[:, cluster].astype(float)
        union = binned(layout.row, weights, len(layout.first))
        mass, gap = _fitted(layout, union, start)
        low, high = _bounds(layout, layout.spread(mass, weights), times, n_causes)
        lows.append(low)
        highs.append(high)
        failures.append(gap > LARGEST_GAP)
    return np.concatenate(lows), np.concatenate(highs), np.concatenate(failures)


def _fitted(layout: Layout, union, start):
    """Masses of the groups and their certificates, per replicate."""
    if layout.n_groups == 1:
        return np.ones((len(union), 1)), np.zeros(len(union))
    if layout.n_groups <= LARGEST_TOGETHER:
        mass, gap = maximise_replicates(layout.first, layout.stop, union, start)
    else:
        mass, gap = np.tile(start, (len(union), 1)), np.full(len(union), np.inf)
    for row in np.flatnonzero(gap > LARGEST_GAP):
        used = union[row] > 0
        rows = Unions(layout.first[used], layout.stop[used], union[row, used], layout.n_groups)
        mass[row] = maximise_unions(rows, tolerance=LARGEST_GAP / 10).mass
        gap[row] = rows.total * (union_gradient(mass[row], rows)[0].max() - 1)
    return mass, gap


def _bounds(layout: Layout, mass, times, n_causes):
    """Bounds of each cause and of no event at the times, (B, K + 1, t)."""
    low, high = np.zeros((2, len(mass), n_causes + 1, times.size))
    for cause in range(n_causes):
        own = layout.cause == cause
        low[:, cause], high[:, cause] = bounds_at(
            layout.left[own], layout.right[own], layout.left_closed[own], mass[:, own], times
        )
    low[:, -1] = np.clip(1.0 - high[:, :-1].sum(axis=1), 0.0, 1.0)
    high[:, -1] = np.clip(1.0 - low[:, :-1].sum(axis=1), 0.0, 1.0)
    return low, high


def _tidy(limits):
    """Exactly 0 and 1 where masses of replicates, added up, only nearly are."""
    return np.where(limits < ROUNDING, 0.0, np.where(limits > 1 - ROUNDING, 1.0, limits))


def _widened(rows: CauseRows, cluster, times, n_causes, conf_low, conf_high, level):
    """Exact limits where all replicates say 0 or 1, from the patients whose state is known then."""
    n_clusters = int(cluster.max()) + 1
    conf_low, conf_high = conf_low.copy(), conf_high.copy()
    for cause in range(n_causes):
        own = rows.cause == cause
        # Until when a row is known to have had no event of this cause, and from when to have had it.
        certain_end = np.where(own | (rows.cause < 0), rows.left, np.inf)
        free_until, had_from = np.full(n_clusters, np.inf), np.full(n_clusters, np.inf)
        np.minimum.at(free_until, cluster, certain_end)
        np.minimum.at(had_from, cluster, np.where(own, rows.right, np.inf))
        free = n_clusters - np.searchsorted(np.sort(free_until), times, side="left")
        had = np.searchsorted(np.sort(had_from), times, side="right")
        _, upper = clopper_pearson(np.zeros(times.size), np.maximum(free, 1), level=level)
        lower, _ = clopper_pearson(np.maximum(had, 1), np.maximum(had, 1), level=level)
        none, all_of_them = (conf_high[cause] == 0) & (times > 0), conf_low[cause] == 1
        conf_high[cause] = np.where(none, np.where(free > 0, upper, 1.0), conf_high[cause])
        conf_low[cause] = np.where(all_of_them & (had > 0), lower, conf_low[cause])
        conf_low[-1] = np.where(none, np.minimum(conf_low[-1], 1 - conf_high[cause]), conf_low[-1])
    return conf_low, conf_high
