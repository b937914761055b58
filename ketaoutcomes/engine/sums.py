"""One pass over the rows: the cross-products per group from which a mixed model is fitted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.columns import (
    BLOCK_ROWS,
    FixedScale,
    ScaledBlock,
    ScaledColumn,
    independent_columns,
    scaled_block,
    scaled_in_place,
    unmixed,
)
from ketaoutcomes.engine.eliminate import LevelRows, Rows
from ketaoutcomes.engine.groups import Grouping, group_sizes
from ketaoutcomes.engine.nesting import Hierarchy, hierarchy
from ketaoutcomes.errors import FormulaError

__all__ = ["Piece", "Sums", "cross_products"]

Array = NDArray[np.float64]
Places = slice | NDArray[np.intp]
MOST_CROSSED = 4000  # columns of crossed factors, beyond which their dense block is too large


@dataclass(frozen=True)
class Piece:
    """Where one block of one grouping lives.

    Parameters
    ----------
    grouping, block : int
        Numbers in the order given by the caller.
    level : int
        Number of the level, lowest first.
    start : int
        First row of the block in its level.
    repeat : int
        1 in the chain; the number of groups for crossed factors, whose effects lie effect by effect.
    turn : (q, q)
        G = turn G_new turn'.
    """

    grouping: int
    block: int
    level: int
    start: int
    repeat: int
    turn: Array

    @property
    def q(self) -> int:
        return len(self.turn)


@dataclass(frozen=True)
class Sums:
    """What is left of the rows.

    Parameters
    ----------
    levels : tuple of LevelRows
        Lowest first; crossed factors, if any, are the last one.
    cross : (n_dense + p + 1, n_dense + p + 1)
    n_dense : int
    pieces : tuple of Piece
        The blocks in the order in which their parameters are counted.
    scale : FixedScale
    kept : (p_full,) bool
        Columns that are not combinations of those before them.
    combinations : (p, p_full - p) float
        Each column that was left out as a combination of the kept ones, in the columns' own units.
    n, p : int
    sum_log_weights : float
    tree : Hierarchy
    """

    levels: tuple[LevelRows, ...]
    cross: Array
    n_dense: int
    pieces: tuple[Piece, ...]
    scale: FixedScale
    kept: NDArray[np.bool_]
    combinations: Array
    n: int
    p: int
    sum_log_weights: float
    tree: Hierarchy


def cross_products(
    x: Array, y: Array, groupings: Sequence[Grouping], *, weights: Array | None, intercept: int | None
) -> tuple[Sums, Array]:
    """The cross-products, and X with its kept columns; `x` and `y` are overwritten.

    Parameters
    ----------
    x : (n, p) float, Fortran order
    y : (n,) float
    groupings : sequence of Grouping
    weights : (n,) float, optional
    intercept : int or None
        Column of `x` that is the constant 1.

    Returns
    -------
    (Sums, (n, p_kept) float)
        X is centred, scaled and weighted.
    """
    n = len(y)
    root = None if weights is None else np.sqrt(weights)
    scale = scaled_in_place(x, y, weights, intercept)
    tree = hierarchy(groupings)
    fixed = x.T @ x
    kept = independent_columns(x, fixed)
    combinations = _combinations(fixed, kept, scale)
    if not kept.all():
        columns = np.flatnonzero(kept)
        x, fixed, scale = x[:, columns], fixed[np.ix_(columns, columns)], scale.kept(columns)
    fixed, mix = unmixed(x, fixed)
    scale = replace(scale, mix=mix)
    p = x.shape[1]
    chain = [_Chained(groupings[g], codes, below, n, root) for g, codes, below in tree.chain]
    crossed = [
        _Chained(groupings[g], groupings[g].codes, groupings[g].n_groups, n, root) for g in tree.crossed
    ]
    n_dense = sum(each.q * each.k for each in crossed)
    if n_dense > MOST_CROSSED or (chain and n_dense * chain[0].k * chain[0].q > 2.5e8):
        raise FormulaError(
            f"the crossed grouping factors have {n_dense} random effects beside the finest factor's "
            f"{chain[0].k} groups, which is too many to hold; nest them, or leave one out"
        )

    levels, pieces = [], []
    for at, level in enumerate(chain):
        rows = _rows_of(level, chain[at + 1 :], crossed, x, y)
        parents = tuple(tree.parents[at])
        entries, made = _entries(level, tree.chain[at][0], at, 0, 1)
        levels.append(LevelRows(rows, parents, entries))
        pieces += made
    if crossed:
        entries, start = [], 0
        for each, number in zip(crossed, tree.crossed, strict=True):
            some, made = _entries(each, number, len(chain), start, each.k)
            entries += some
            pieces += made
            start += each.q * each.k
        empty = np.zeros((n_dense, 0, 1))
        levels.append(LevelRows(empty, (), tuple(entries)))
    total = _total(crossed, x, y, fixed, n_dense)
    log_weights = 0.0 if weights is None else float(np.log(weights).sum())
    return Sums(
        tuple(levels), total, n_dense, tuple(pieces), scale, kept, combinations, n, p, log_weights, tree
    ), x


def _combinations(fixed: Array, kept: NDArray[np.bool_], scale: FixedScale) -> Array:
    """Dropped columns in terms of the kept ones, from X'X of the moved columns."""
    stay, go = np.flatnonzero(kept), np.flatnonzero(~kept)
    if not go.size:
        return np.zeros((stay.size, 0))
    weights = np.linalg.solve(fixed[np.ix_(stay, stay)], fixed[np.ix_(stay, go)])
    # The moved columns are of one size, so what rounding leaves of a zero share is known here and not later.
    weights[np.abs(weights) < 1e-9] = 0.0
    own = weights * scale.scale[go] / scale.scale[stay][:, None]
    if scale.intercept is not None:
        first = np.flatnonzero(stay == scale.intercept)
        others = stay != scale.intercept
        parts = scale.centre[stay][others][:, None] * own[others]
        level = scale.centre[go] - parts.sum(axis=0) + own[first][0]
        size = np.abs(scale.centre[go]) + np.abs(parts).sum(axis=0) + np.abs(own[first][0])
        own[first] = np.where(np.abs(level) < 1e-9 * size, 0.0, level)
    return own


class _Chained:
    """A grouping with its columns scaled, and a fast sum by group."""

    def __init__(self, grouping: Grouping, codes, n_units: int, n: int, root: Array | None):
        self.k, self.codes = grouping.n_groups, codes
        self.blocks: list[ScaledBlock] = [
            scaled_block(block, grouping.name, n_units, n, root) for block in grouping.blocks
        ]
        self.columns = [column for block in self.blocks for column in block.columns]
        self.q = len(self.columns)

    def runs(self) -> Iterator[tuple[slice, Places, Callable[[Array], Array]]]:
        """Blocks of rows, the groups that lie in each, and how a column of the block is summed by group.

        Rows that lie group by group are summed run by run, in blocks that stay in the cache.
        Otherwise there is one block, and each row is added to its group.
        """
        codes, k, n = self.codes, self.k, len(self.codes)
        starts = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1])
        if len(starts) != k:
            yield slice(None), slice(None), lambda column: np.bincount(codes, column, minlength=k)
            return
        order = codes[starts]
        ascending = bool((order[1:] > order[:-1]).all())
        cuts = np.unique(np.searchsorted(starts, np.arange(0, n, BLOCK_ROWS)))
        cuts = np.append(cuts[cuts < k], k)
        ends = np.append(starts, n)
        for low, high in itertools.pairwise(cuts):
            within = starts[low:high] - starts[low]
            groups = slice(low, high) if ascending else order[low:high]
            yield (
                slice(starts[low], ends[high]),
                groups,
                lambda column, within=within: np.add.reduceat(column, within),
            )


def _values(column: ScaledColumn | float, rows: slice = slice(None)) -> Array | float:
    return column if isinstance(column, float) else column.values(rows)


def _rows_of(level: _Chained, above: list[_Chained], crossed: list[_Chained], x: Array, y: Array) -> Array:
    """Z'[Z, upper Z, crossed Z, X, y] of each group, (q, q + width, k)."""
    n, p = x.shape
    upper = [column for each in above for column in each.columns]
    n_dense = sum(each.q * each.k for each in crossed)
    q, last = level.q, level.q + len(upper) + n_dense
    out = np.empty((q, last + p + 1, level.k))
    sizes = group_sizes(level.codes, level.k).astype(float)
    for rows, groups, summed in level.runs():
        own = [_values(column, rows) for column in level.columns]
        others = [_values(column, rows) for column in upper]
        fixed = [x[rows, j] for j in range(p)] + [y[rows]]
        plain = [summed(column) for column in fixed] if any(isinstance(a, float) for a in own) else []

        def product(a: Array | float, b: Array | float, summed=summed, groups=groups) -> Array:
            if isinstance(a, float) and isinstance(b, float):
                return a * b * sizes[groups]
            return summed(a * b)

        for a, one in enumerate(own):
            for b, other in enumerate(own[: a + 1]):
                out[a, b, groups] = out[b, a, groups] = product(one, other)
            for b, other in enumerate(others, q):
                out[a, b, groups] = product(one, other)
            for j, column in enumerate(fixed):
                out[a, last + j, groups] = one * plain[j] if isinstance(one, float) else summed(one * column)
    at = q + len(upper)
    for each in crossed:
        pair = level.codes.astype(np.intp) * each.k + each.codes
        for other in each.columns:
            for a, one in enumerate(level.columns):
                both = np.broadcast_to(_values(one) * _values(other), (n,))
                counted = np.bincount(pair, both, minlength=level.k * each.k)
                out[a, at : at + each.k] = counted.reshape(level.k, each.k).T
            at += each.k
    return out


def _total(crossed: list[_Chained], x: Array, y: Array, fixed: Array, n_dense: int) -> Array:
    """Cross-products of [crossed Z, X, y]."""
    n, p = x.shape
    out = np.zeros((n_dense + p + 1, n_dense + p + 1))
    out[n_dense : n_dense + p, n_dense : n_dense + p] = fixed
    out[n_dense:-1, -1] = out[-1, n_dense:-1] = x.T @ y
    out[-1, -1] = y @ y
    listed = [(each, column) for each in crossed for column in each.columns]
    place = np.concatenate([[0], np.cumsum([each.k for each, _ in listed])]).astype(int)
    for a, (one, own) in enumerate(listed):
        rows = slice(place[a], place[a + 1])
        for b, (two, other) in enumerate(listed[: a + 1]):
            values = np.broadcast_to(_values(own) * _values(other), (n,))
            pair = one.codes.astype(np.intp) * two.k + two.codes
            block = np.bincount(pair, values, minlength=one.k * two.k).reshape(one.k, two.k)
            columns = slice(place[b], place[b + 1])
            out[rows, columns] = block
            out[columns, rows] = block.T
        for j in range(p + 1):
            values = _values(own) * (x[:, j] if j < p else y)
            summed = np.bincount(one.codes, values, minlength=one.k)
            out[rows, n_dense + j] = out[n_dense + j, rows] = summed
    return out


def _entries(level: _Chained, grouping: int, at: int, start: int, repeat: int):
    """E_s of each parameter of one grouping, and where its blocks are."""
    entries: list[tuple[Rows, ...]] = []
    pieces = []

    def rows(effect: int) -> slice:
        return slice(start + effect * repeat, start + (effect + 1) * repeat)

    for number, block in enumerate(level.blocks):
        q = len(block.columns)
        for b in range(q):
            for a in range(b, q):
                one, two = rows(a), rows(b)
                entries.append(((one, two),) if a == b else ((one, two), (two, one)))
        pieces.append(Piece(grouping, number, at, start, repeat, block.turn))
        start += q * repeat
    return tuple(entries), pieces
