"""Parametric bootstrap of a mixed model: responses drawn from a fit, and the model fitted to each of them.

Only the response changes, so that of the cross-products only its column is made anew, and each fit starts at
the estimates. The model is drawn in scaled columns, which stay as they are for all replicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.columns import scaled_block
from ketaoutcomes.engine.factors import unpacked
from ketaoutcomes.engine.groups import Grouping
from ketaoutcomes.engine.lmm import Estimate, refit
from ketaoutcomes.engine.profile import Quantity, quantities_of, value_of
from ketaoutcomes.engine.sums import Sums
from ketaoutcomes.errors import KetaError

__all__ = [
    "SAME",
    "LrtReplicates",
    "Replicates",
    "Rows",
    "bootstrap",
    "bootstrap_lrt",
    "limits",
    "warm_start",
]

Array = NDArray[np.float64]

SMALLEST_START = 0.02  # of a direction's relative variance: at 0 no slope shows the way
SAME = 1e-7  # deviances nearer than this are equal


class Rows:
    """The rows of a model as the engine holds them, from which responses are drawn and summed.

    Parameters
    ----------
    sums : Sums
    groupings : sequence of Grouping
        As given to the fit.
    x : (n, p) float
        Kept columns: centred, scaled, weighted.
    weights : (n,) float, optional
    """

    def __init__(self, sums: Sums, groupings: Sequence[Grouping], x: Array, weights: Array | None):
        self.sums, self.x = sums, x
        self.root = None if weights is None else np.sqrt(weights)
        chained = {g: (codes, n_units) for g, codes, n_units in sums.tree.chain}
        self.columns: list[tuple[Array | float, ...]] = []
        self.codes: list[NDArray[np.intp]] = []
        self.n_groups: list[int] = []
        for piece in sums.pieces:
            grouping = groupings[piece.grouping]
            codes, n_units = chained.get(piece.grouping, (grouping.codes, grouping.n_groups))
            block = scaled_block(grouping.blocks[piece.block], grouping.name, n_units, sums.n, self.root)
            # Made once and kept: each replicate uses them.
            self.columns.append(tuple(c if isinstance(c, float) else c.values() for c in block.columns))
            self.codes.append(codes)
            self.n_groups.append(grouping.n_groups)

    def drawn(self, estimate: Estimate, generator: np.random.Generator) -> Array:
        """A response drawn from a fit, (n,), centred, scaled and weighted as the fit's."""
        point = estimate.optimum.point
        y = self.x @ point.beta
        sigma = np.sqrt(point.variance)
        halves = unpacked(estimate.optimum.factors, point.theta)
        for columns, codes, k, half in zip(self.columns, self.codes, self.n_groups, halves, strict=True):
            effects = sigma * (half @ generator.standard_normal((len(half), k)))
            for column, effect in zip(columns, effects, strict=True):
                y += column * effect[codes]
        y += sigma * generator.standard_normal(len(y))
        return y

    def summed(self, y: Array) -> Sums:
        """The cross-products with another response, scaled as the fit's."""
        sums = self.sums
        levels = [replace(level, rows=level.rows.copy()) for level in sums.levels]
        cross = sums.cross.copy()
        for piece, columns, codes, k in zip(
            sums.pieces, self.columns, self.codes, self.n_groups, strict=True
        ):
            for effect, column in enumerate(columns):
                summed = np.bincount(codes, column * y, minlength=k)
                if piece.repeat == 1:
                    levels[piece.level].rows[piece.start + effect, -1] = summed
                else:
                    start = piece.start + effect * piece.repeat
                    cross[start : start + k, -1] = cross[-1, start : start + k] = summed
        cross[sums.n_dense : -1, -1] = cross[-1, sums.n_dense : -1] = self.x.T @ y
        cross[-1, -1] = y @ y
        return replace(sums, levels=tuple(levels), cross=cross)

    def moved(self, y: Array, other: Rows) -> Array:
        """A response that is scaled as another model's, scaled as this one's."""
        mine, theirs = self.sums.scale, other.sums.scale
        root = 1.0 if self.root is None else self.root
        return (y * theirs.y_scale + (theirs.y_centre - mine.y_centre) * root) / mine.y_scale


def warm_start(estimate: Estimate) -> Array:
    """Entries of all lower triangles at a fit, off the boundary, for `refit`."""
    parts = []
    for half in unpacked(estimate.optimum.factors, estimate.optimum.point.theta):
        values, vectors = np.linalg.eigh(half @ half.T)
        lower = np.linalg.cholesky((vectors * np.maximum(values, SMALLEST_START)) @ vectors.T)
        parts.append(lower.T[np.triu_indices(len(lower))])
    return np.concatenate(parts)


@dataclass(frozen=True)
class Replicates:
    """Estimates of all replicates.

    Parameters
    ----------
    quantities : tuple of Quantity
    estimates : (Q,) float
        Of the fit that was drawn from.
    values : (B, Q) float
        NaN where a fit failed, and for a correlation with an effect without variance.
    failed, singular : (B,) bool
        No fit was reached; some direction of the random effects has no variance.
    """

    quantities: tuple[Quantity, ...]
    estimates: Array
    values: Array
    failed: NDArray[np.bool_]
    singular: NDArray[np.bool_]


def bootstrap(estimate: Estimate, rows: Rows, *, n_replicates: int = 1000, seed: int = 1) -> Replicates:
    """Fit the model to responses drawn from it, by the criterion it was fitted by.

    Parameters
    ----------
    estimate : Estimate
    rows : Rows
    n_replicates : int
    seed : int
        Each replicate has a stream of its own, so that the first ones do not depend on how many there are.
    """
    quantities = quantities_of(estimate)
    values = np.full((n_replicates, len(quantities)), np.nan)
    failed, singular = np.zeros(n_replicates, bool), np.zeros(n_replicates, bool)
    start = warm_start(estimate)
    for b, stream in enumerate(np.random.SeedSequence(seed).spawn(n_replicates)):
        sums = rows.summed(rows.drawn(estimate, np.random.default_rng(stream)))
        again = _refitted(sums, estimate.reml, start)
        if again is None:
            failed[b] = True
            continue
        values[b] = [value_of(again, quantity) for quantity in quantities]
        singular[b] = any(directions.size for directions in again.singular)
    estimates = np.array([value_of(estimate, quantity) for quantity in quantities])
    return Replicates(quantities, estimates, values, failed, singular)


def _refitted(sums: Sums, reml: bool, start: Array) -> Estimate | None:
    """The fit; from the usual starts too if the warm one leads nowhere."""
    for given in (start, None):
        try:
            return refit(sums, reml=reml, start=given)
        except (KetaError, np.linalg.LinAlgError):
            continue
    return None


def limits(replicates: Replicates, level: float) -> tuple[Array, Array]:
    """Percentile and basic limits, each (2, Q); NaN where no replicate has a value.

    Basic limits mirror the percentiles at the estimate, and are cut at 0 and at -1 and 1.
    """
    shares = [0.5 - level / 2.0, 0.5 + level / 2.0]
    percentile = np.full((2, len(replicates.quantities)), np.nan)
    for q, column in enumerate(replicates.values.T):
        known = column[~np.isnan(column)]
        if known.size:
            percentile[:, q] = np.quantile(known, shares)
    basic = 2.0 * replicates.estimates - percentile[::-1]
    for q, quantity in enumerate(replicates.quantities):
        if quantity.kind in ("sd", "sigma"):
            basic[:, q] = np.maximum(basic[:, q], 0.0)
        if quantity.kind == "correlation":
            basic[:, q] = np.clip(basic[:, q], -1.0, 1.0)
    return percentile, basic


@dataclass(frozen=True)
class LrtReplicates:
    """Likelihood ratio statistics of responses drawn from the smaller model.

    Parameters
    ----------
    statistics : (B,) float
        NaN where a fit failed.
    p_value : float
        (1 + number as large as observed) / (1 + number fitted).
    n_failed : int
    """

    statistics: Array
    p_value: float
    n_failed: int


def bootstrap_lrt(
    small: Estimate,
    small_rows: Rows,
    large: Estimate,
    large_rows: Rows,
    *,
    n_replicates: int = 1000,
    seed: int = 1,
) -> LrtReplicates:
    """Bootstrap the difference in deviance of two nested models, drawn under the smaller.

    Both must have been fitted by the same criterion to the same rows.

    Notes
    -----
    Source: Davison, Hinkley 1997, Bootstrap Methods, eq. 4.11; Halekoh, Hojsgaard 2014.
    """
    observed = small.deviance - large.deviance
    starts = warm_start(small), warm_start(large)
    statistics = np.full(n_replicates, np.nan)
    for b, stream in enumerate(np.random.SeedSequence(seed).spawn(n_replicates)):
        y = small_rows.drawn(small, np.random.default_rng(stream))
        one = _refitted(small_rows.summed(y), small.reml, starts[0])
        sums = large_rows.summed(large_rows.moved(y, small_rows))
        two = _refitted(sums, large.reml, starts[1])
        if one is None or two is None:
            continue
        if one.deviance < two.deviance - SAME:
            # The larger model cannot be worse: its warm start led to a side minimum.
            two = _refitted(sums, large.reml, None) or two
        statistics[b] = max(0.0, one.deviance - two.deviance)
    known = statistics[~np.isnan(statistics)]
    as_large = int((known >= observed - SAME).sum())
    return LrtReplicates(statistics, (1 + as_large) / (1 + known.size), n_replicates - known.size)
