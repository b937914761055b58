"""Curves with delayed entry of many weightings of the same rows, as a bootstrap needs them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.delayed import delayed_npmle, quantile_interval, survival_bounds, survival_from
from ketaoutcomes.engine.delayed_solver import maximise_many, over_columns
from ketaoutcomes.engine.delayed_support import (
    DelayedKeys,
    DelayedSupport,
    delayed_keys,
    delayed_support,
    net_entering,
)

__all__ = ["SURVIVAL_ROUNDING", "SurvivalReplicates"]

Array = NDArray[np.float64]

# Up to this many intervals all replicates are solved together; above, one by one is faster.
LARGEST_TOGETHER = 90
# A replicate whose log-likelihood may be further than this below its maximum has failed.
LARGEST_GAP = 1e-4
# Numbers in the arrays of one block of replicates: small enough to stay in the processor's cache.
BLOCK_SIZE = 400_000
# A replicate is solved to this certificate, and its survival is then good to about that.
TOLERANCE = 1e-9
SURVIVAL_ROUNDING = 1e-5
# Weights that add up to less than this share of all weights are 0.
NOTHING = 1e-13


class SurvivalReplicates:
    """Curves of many weightings of the same rows.

    Parameters
    ----------
    left, right, entry : (n,) float
        Checked rows.
    times : (t,) float
    given : float
        Curves of those without the event at this time.
    """

    def __init__(self, left: Array, right: Array, entry: Array, times: Array, *, given: float = 0.0):
        order = np.lexsort((entry, right, left))
        left, right, entry = left[order], right[order], entry[order]
        changes = np.diff(left, prepend=-1) != 0
        for column in (right, entry):
            with np.errstate(invalid="ignore"):
                changes[1:] |= column[1:] != column[:-1]
        changes[0] = True
        self._order, self._starts = order, np.flatnonzero(changes)
        self._left, self._right, self._entry = left[changes], right[changes], entry[changes]
        self._times, self._given = times, given
        self._keys = delayed_keys(self._left, self._right, self._entry)
        self._support = delayed_support(self._keys, None)
        m = len(self._support.opens)
        self.together = m <= LARGEST_TOGETHER
        widest = max((m + 1) ** 2 if self.together else m, m * len(times) // 4, len(left) // 4)
        self.block_size = max(1, BLOCK_SIZE // widest)

    def curves(self, weights: Array):
        """Bounds of S at the times, (B, t) each, and the ends of the median's interval, (B, 2).

        Parameters
        ----------
        weights : (B, n) float
            One row per replicate. Where one was not solved its results are NaN.
        """
        weights = np.add.reduceat(weights[:, self._order].astype(float), self._starts, axis=1)
        if not self.together:
            return self._singly(weights)
        low, high, medians, gap = _curves_together(
            self._keys, self._support, weights, self._times, self._given
        )
        late = np.flatnonzero(~(gap <= LARGEST_GAP))
        if len(late):
            low[late], high[late], medians[late] = self._singly(weights[late])
        return low, high, medians

    def _singly(self, weights):
        low, high = np.full((2, len(weights), len(self._times)), np.nan)
        medians = np.full((len(weights), 2), np.nan)
        for row, weight in enumerate(weights):
            fit = delayed_npmle(
                self._left,
                self._right,
                self._entry,
                weights=weight,
                given=self._given,
                tolerance=TOLERANCE,
            )
            if fit.gap <= LARGEST_GAP:
                low[row], high[row] = survival_bounds(fit, self._times)
                medians[row] = quantile_interval(fit, 0.5)
        return low, high, medians


def _curves_together(keys: DelayedKeys, support: DelayedSupport, weights, times, given):
    m = len(support.opens)
    events = weights[:, keys.event]
    cost = over_columns(support.free_first, support.free_stop, weights[:, keys.exposed], m)
    free = cost > NOTHING * weights.sum(axis=1)[:, None]
    opens, closes, inner = _own_ends(keys, support, weights)
    falls = ~free & inner & (over_columns(support.first, support.stop, (events > 0).astype(float), m) > 0.5)
    # A row with a column in which the curve falls to 0 says nothing about its other columns.
    before = np.zeros((len(weights), m + 1), np.int64)
    np.cumsum(falls, axis=1, out=before[:, 1:])
    live = np.where(before[:, support.first] == before[:, support.stop], events, 0.0)
    scale = weights.mean(axis=1)[:, None]
    hazard, gap = maximise_many(
        support.first, support.stop, live, np.where(free, cost, scale), tolerance=TOLERANCE
    )
    hazard = np.where(falls, np.inf, hazard)
    hazard[:, -1] = np.where(np.isinf(keys.values[support.closes[-1] // 3]), np.inf, hazard[:, -1])
    level = survival_from(keys.values, support, hazard, given)
    before = np.searchsorted(keys.values, times, side="left")
    at = np.searchsorted(keys.values, times, side="right") > before
    low = _after(level, opens, 3 * before - 1 + at)
    high = _after(level, closes, 3 * before - 1 + 3 * at)
    half = (level[:, 1:] <= 0.5 + SURVIVAL_ROUNDING).argmax(axis=1)
    row = np.arange(len(level))
    medians = np.column_stack([keys.values[opens[row, half] // 3], keys.values[closes[row, half] // 3]])
    return low, high, medians, gap


def _after(level, codes, limits):
    """Survival after the columns whose code is at most each limit, (B, t); codes rise along a row."""
    stride = max(int(codes.max()), int(limits.max())) + 2
    row = np.arange(len(codes))[:, None]
    # One search serves all rows when each row's codes are moved beyond those of the row before.
    place = np.searchsorted(
        (codes + row * stride).ravel(), np.maximum(limits, -1) + row * stride, side="right"
    )
    return level[row, place - row * codes.shape[1]]


def _own_ends(keys: DelayedKeys, support: DelayedSupport, weights):
    """Each replicate's own candidate intervals, which are wider than the sample's: it lacks some rows.

    Returns
    -------
    opens, closes : (B, m) int
        Keys of the last start of its own before each column, and of the first end after it.
    inner : (B, m) bool
        Whether no other start lies between them; where one does, the curve falls behind it instead.
    """
    size = 3 * len(keys.values)
    net = net_entering(keys, weights)
    drawn = weights[:, keys.event] > 0
    opening, closing = np.zeros((2, len(weights), size), bool)
    opening[:, 2::3], closing[:, 1::3] = net < 0, net > 0
    for flag, key in ((opening, keys.left[keys.event]), (closing, keys.right[keys.event])):
        order = np.argsort(key, kind="stable")
        places, starts = np.unique(key[order], return_index=True)
        if len(places):
            flag[:, places] |= np.logical_or.reduceat(drawn[:, order], starts, axis=1)
    key = np.arange(size)
    last_opening = np.maximum.accumulate(np.where(opening, key, 0), axis=1)
    closes = np.minimum.accumulate(np.where(closing, key, size - 2)[:, ::-1], axis=1)[
        :, size - 1 - support.closes
    ]
    opens = last_opening[:, support.opens]
    return opens, closes, np.take_along_axis(last_opening, closes, axis=1) == opens
