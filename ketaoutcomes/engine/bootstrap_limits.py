"""Limits of an interval-censored curve and of its median, from replicates and from exact counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.interval import cumulative, npmle
from ketaoutcomes.engine.rates import clopper_pearson
from ketaoutcomes.engine.support import innermost_intervals

__all__ = [
    "MASS_ROUNDING",
    "Rows",
    "exact_median",
    "median_of_band",
    "places",
    "rescaled",
    "widened_at_the_ends",
    "without_rounding",
]

# Masses of a replicate are good to about this, as a rule.
MASS_ROUNDING = 1e-6
# With fewer patients the percentiles of the median are too narrow, and exact limits are taken where wider.
FEW_PATIENTS = 20


@dataclass(frozen=True)
class Rows:
    """Intervals in a fixed order, their distinct pairs, and the cluster of each row."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    starts: NDArray[np.int64]
    cluster: NDArray[np.int64]
    n_clusters: int


def exact_median(rows: Rows, level):
    """Where exact limits of the share among the patients whose state is known pass one half.

    Among fewer than `FEW_PATIENTS` at all times, else only where the curve is 0 or 1. They may not
    pass it at all: (inf, 0) widens nothing.
    """
    times = np.unique(np.concatenate([[0.0], rows.left, rows.right]))
    times = times[np.isfinite(times)]
    until = np.append(times[1:], times[-1] + 2.0)
    inside = (times + until) / 2
    free, past = _known_states(rows, inside)
    lower, upper = clopper_pearson(past, past + free, level=level)
    if rows.n_clusters >= FEW_PATIENTS:
        low, high = (without_rounding(bound) for bound in cumulative(npmle(rows.left, rows.right), inside))
        lower, upper = np.where(low == 1, lower, 1.0), np.where(high == 0, upper, 0.0)
    # Nobody's state is known there: anything may be true.
    lower, upper = np.where(past + free > 0, (lower, upper), [[0.0], [1.0]])
    begun, open_ = np.flatnonzero(upper >= 0.5), np.flatnonzero(lower < 0.5)
    until[-1] = np.inf
    return (
        float(times[begun[0]]) if len(begun) else np.inf,
        float(until[open_[-1]]) if len(open_) else 0.0,
    )


def _known_states(rows: Rows, times):
    """How many patients are known to be without the event by each time, and with it.

    Counting patients, not rows: a patient with several rows is one witness.
    """
    latest, earliest = np.full(rows.n_clusters, -np.inf), np.full(rows.n_clusters, np.inf)
    np.maximum.at(latest, rows.cluster, rows.left)
    np.minimum.at(earliest, rows.cluster, rows.right)
    free = rows.n_clusters - np.searchsorted(np.sort(latest), times, side="left")
    return free, np.searchsorted(np.sort(earliest), times, side="right")


def places(rows: Rows):
    """Times inside the innermost intervals, and their right ends, in two arrays."""
    support = innermost_intervals(rows.left, rows.right)
    left, right = support.left, support.right
    return np.where(np.isfinite(right), (left + right) / 2, left + 1.0), right


def rescaled(rows: Rows, times, low, high, level, rate):
    """Limits F -/+ quantile of rate |F* - F|, for an F* of fewer patients."""
    below, above = cumulative(npmle(rows.left, rows.right), times)
    reach = rate * np.quantile(np.maximum(np.abs(low - below), np.abs(high - above)), level, axis=0)
    return np.maximum(below - reach, 0.0), np.minimum(above + reach, 1.0)


def median_of_band(rows: Rows, conf_low, conf_high):
    """First and last time at which one half lies within the limits at `places`."""
    support = innermost_intervals(rows.left, rows.right)
    columns = len(support.left)
    inside, at_end = conf_high[:columns], conf_low[columns:]
    # Limits need not rise: the last time that one half is not yet excluded counts.
    begun, open_ = np.flatnonzero(inside >= 0.5), np.flatnonzero(at_end < 0.5)
    low = support.left[begun[0]] if len(begun) else np.inf
    after = open_[-1] + 1 if len(open_) else 0
    return float(low), float(support.right[after]) if after < columns else np.inf


def without_rounding(limits):
    """Exactly 0 and 1 where masses of replicates, added up, only nearly are."""
    return np.where(limits < MASS_ROUNDING, 0.0, np.where(limits > 1 - MASS_ROUNDING, 1.0, limits))


def widened_at_the_ends(rows: Rows, times, conf_low, conf_high, level):
    """Exact limits where the estimate, or all replicates, say 0 or 1."""
    low, high = (without_rounding(bound) for bound in cumulative(npmle(rows.left, rows.right), times))
    free, past = _known_states(rows, times)
    _, upper = clopper_pearson(np.zeros(len(times)), free, level=level)
    lower, _ = clopper_pearson(past, past, level=level)
    # Nothing can happen before time 0, and the time itself is the origin.
    nothing, all_of_them = (high == 0) | (conf_high == 0), (low == 1) | (conf_low == 1)
    conf_high = np.where(nothing & (times > 0) & (free > 0), np.maximum(conf_high, upper), conf_high)
    conf_low = np.where(all_of_them & (past > 0), np.minimum(conf_low, lower), conf_low)
    return conf_low, conf_high
