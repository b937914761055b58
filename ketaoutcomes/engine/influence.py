"""What the coefficients would be without one group, with the variances held: in closed form.

Leaving out a group takes its cross-products from every level above it. Each level is then shrunk
again with what is left, so that nothing is refitted and no rows are read twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.effects import Effects, _placed
from ketaoutcomes.engine.small import mul, shrunk, tmul

__all__ = ["Deletion", "group_deletion"]

Array = NDArray[np.float64]
MOST_CELLS = 4_000_000  # of the groups' cross-products held at once
MOST_CROSSED_WORK = 2e10


@dataclass(frozen=True)
class Deletion:
    """One entry per group, in the caller's order.

    Parameters
    ----------
    beta : (k, p) float
        Coefficients without the group; NaN where they are then not estimable.
    cook : (k,) float
        Cook's distance, (b - b_i)' A (b - b_i) / (p sigma^2).
    """

    beta: Array
    cook: Array


def group_deletion(
    effects: Effects, grouping: int, x: Array, y: Array, z: list[list[Array]], codes: list[NDArray[np.intp]]
) -> Deletion | None:
    """Delete each group of one grouping in turn.

    Parameters
    ----------
    effects : Effects
    grouping : int
        Number of a grouping that belongs to the nested chain.
    x, y : (n, p), (n,) float
        As the engine holds them.
    z, codes
        As for `row_terms`.

    Returns
    -------
    Deletion or None
        None where factors are crossed and there are too many groups to delete one by one.
    """
    sums = effects.estimate.sums
    numbers = [number for number, _, _ in sums.tree.chain]
    if grouping not in numbers:
        return None
    level = numbers.index(grouping)
    k = sums.levels[level].rows.shape[2]
    if sums.n_dense and k * float(sums.n_dense) ** 3 > MOST_CROSSED_WORK:
        return None
    p = sums.p
    n_upper = sum(effects.sizes[level + 1 : len(numbers)])
    width = n_upper + sums.n_dense + p + 1
    own = sums.tree.chain[level][1]
    order = np.argsort(own, kind="stable")
    ends = np.searchsorted(own[order], np.arange(k + 1))
    beta, cook = np.empty((k, p)), np.empty(k)
    step = max(1, MOST_CELLS // width**2)
    for low in range(0, k, step):
        high = min(low + step, k)
        rows = order[ends[low] : ends[high]]
        taken = _own_products(effects, level, rows, ends[low:high] - ends[low], x, y, z, codes)
        taken = _through_levels(effects, level, taken, np.arange(low, high))
        beta[low:high], cook[low:high] = _without(effects, taken)
    turn, shift = sums.scale.back()
    new = sums.tree.order[level]
    return Deletion((beta @ turn.T + shift)[new], cook[new])


def _own_products(effects, level, rows, starts, x, y, z, codes) -> Array:
    """H'V^-1 H of each group, H = [upper Z, crossed Z, X, y], V holding the levels up to its own."""
    sums = effects.estimate.sums
    n_chain = len(effects.levels) - (1 if sums.n_dense else 0)
    zs, groups = _placed(effects, [[b[rows] for b in blocks] for blocks in z], [c[rows] for c in codes])
    fixed = np.column_stack([x[rows], y[rows]]).T

    def beyond(at: int) -> list[Array]:
        return [*zs[at + 1 : n_chain], *([zs[-1]] if sums.n_dense else []), fixed]

    plain = np.concatenate(beyond(level))
    for at in range(level + 1):
        shares = effects.levels[at].y[:, :, groups[at]]
        taken = np.einsum("an,awn->wn", zs[at], shares)
        column = 0
        for piece in beyond(at):
            piece -= taken[column : column + len(piece)]
            column += len(piece)
    left = np.concatenate(beyond(level))
    width = len(plain)
    out = np.empty((width, width, len(starts)))
    for a in range(width):
        for b in range(a + 1):
            out[a, b] = out[b, a] = np.add.reduceat(plain[a] * left[b], starts)
    return out


def _through_levels(effects: Effects, level: int, taken: Array, groups: NDArray[np.intp]) -> Array:
    """Carry the deletion through the levels above, down to [X, y]."""
    sums = effects.estimate.sums
    rows_of = effects.estimate.optimum.point.parts.rows
    n_chain = len(effects.levels) - (1 if sums.n_dense else 0)
    for higher in range(level + 1, n_chain):
        parent = sums.levels[level].parents[higher - level - 1][groups]
        taken = _shrink_again(effects.factors[higher], rows_of[higher][:, :, parent], taken)
    if sums.n_dense:
        each = [
            _shrink_again(effects.factors[-1], rows_of[-1], taken[:, :, i : i + 1])
            for i in range(taken.shape[2])
        ]
        taken = np.concatenate(each, axis=2)
    return taken


def _shrink_again(factor: Array, rows: Array, taken: Array) -> Array:
    """What leaving out `taken` of a level's cross-products takes of the columns beyond it."""
    q = len(factor)
    s, u = rows[:, :q], rows[:, q:]
    before = tmul(u, mul(shrunk(s, factor)[0], u))
    left = u - taken[:q, q:]
    after = tmul(left, mul(shrunk(s - taken[:q, :q], factor)[0], left))
    return taken[q:, q:] + after - before


def _without(effects: Effects, taken: Array) -> tuple[Array, Array]:
    """Coefficients without each group, and Cook's distances."""
    point = effects.estimate.optimum.point
    whole = point.parts.cross.value
    left = whole[:, :, None] - taken
    a = np.moveaxis(left[:-1, :-1], 2, 0)
    values = np.linalg.eigvalsh(a)
    regular = values[:, 0] > 1e-10 * values[:, -1]
    beta = np.full((len(a), len(point.beta)), np.nan)
    beta[regular] = np.linalg.solve(a[regular], np.moveaxis(left[:-1, -1], 1, 0)[regular][:, :, None])[
        :, :, 0
    ]
    moved = beta - point.beta
    size = np.einsum("ki,ij,kj->k", moved, whole[:-1, :-1], moved)
    return beta, size / (len(point.beta) * point.variance)
