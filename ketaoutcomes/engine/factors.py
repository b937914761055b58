"""Covariances of random effects written as L L', so that no bound is needed and zero is an ordinary point.

Each block has G = L L' with L lower triangular. In the entries of L the criterion is smooth also where
a variance is 0 or a correlation is 1, and such a boundary fit is an ordinary minimum, because the
criterion depends on the vanishing entry through its square. At a boundary the columns of L that have
vanished are left out, and the rows are taken in an order in which the rest stays lower triangular.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.sums import Sums

__all__ = [
    "BlockFactor",
    "covariances",
    "full_rank",
    "level_factors",
    "packed",
    "reduced",
    "to_theta",
    "unpacked",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BlockFactor:
    """Which entries of one block's L are free.

    Parameters
    ----------
    q : int
    rows, columns : (n_free,) int
        Places of the free entries, column by column.
    """

    q: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def rank(self) -> int:
        return max(self.columns, default=-1) + 1


def full_rank(q: int) -> BlockFactor:
    """All of the lower triangle, column by column."""
    places = [(i, j) for j in range(q) for i in range(j, q)]
    return BlockFactor(q, tuple(i for i, _ in places), tuple(j for _, j in places))


def reduced(g: Array, rank: int) -> tuple[BlockFactor, Array]:
    """The factor of the best approximation of G that has `rank`, and its free entries.

    The rows are ordered by pivoting, so that the leading `rank` rows are independent.
    """
    q = len(g)
    left, order = g.copy(), []
    columns = np.zeros((q, q))
    values, vectors = np.linalg.eigh(g)
    values[: q - rank] = 0.0
    left = (vectors * values) @ vectors.T
    for j in range(rank):
        rest = [i for i in range(q) if i not in order]
        pivot = max(rest, key=lambda i: left[i, i])
        order.append(pivot)
        root = np.sqrt(max(left[pivot, pivot], 0.0))
        columns[:, j] = left[:, pivot] / root if root > 0 else 0.0
        columns[order[:-1], j] = 0.0
        left = left - np.outer(columns[:, j], columns[:, j])
    order += [i for i in range(q) if i not in order]
    places = [(order[i], j) for j in range(rank) for i in range(j, q)]
    factor = BlockFactor(q, tuple(i for i, _ in places), tuple(j for _, j in places))
    return factor, columns[list(factor.rows), list(factor.columns)]


def packed(factors: Sequence[BlockFactor], matrices: Sequence[Array]) -> Array:
    """The free entries of all L in one vector."""
    parts = [m[list(f.rows), list(f.columns)] for f, m in zip(factors, matrices, strict=True)]
    return np.concatenate(parts) if parts else np.zeros(0)


def unpacked(factors: Sequence[BlockFactor], theta: Array) -> list[Array]:
    """L of each block, (q, q)."""
    out, at = [], 0
    for factor in factors:
        matrix = np.zeros((factor.q, factor.q))
        matrix[list(factor.rows), list(factor.columns)] = theta[at : at + len(factor.rows)]
        at += len(factor.rows)
        out.append(matrix)
    return out


def level_factors(sums: Sums, matrices: Sequence[Array]) -> list[Array]:
    """L of each level: the blocks side by side, repeated for each group where factors are crossed."""
    sizes = [0] * len(sums.levels)
    for piece in sums.pieces:
        sizes[piece.level] += piece.q * piece.repeat
    out = [np.zeros((size, size)) for size in sizes]
    for piece, matrix in zip(sums.pieces, matrices, strict=True):
        own = slice(piece.start, piece.start + piece.q * piece.repeat)
        whole = matrix if piece.repeat == 1 else np.kron(matrix, np.eye(piece.repeat))
        out[piece.level][own, own] = whole
    return out


def to_theta(
    factors: Sequence[BlockFactor], matrices: Sequence[Array], gradient: Array, hessian: Array | None
) -> tuple[Array, Array | None, Array]:
    """Derivatives by the entries of G turned into derivatives by the free entries of L.

    Parameters
    ----------
    factors, matrices : one per block
    gradient : (R,) float
        By the lower triangle of each G, column by column.
    hessian : (R, R) float, optional

    Returns
    -------
    (gradient, hessian, jacobian) : (T,), (T, T) or None, (R, T)
    """
    n_free = sum(len(f.rows) for f in factors)
    jacobian = np.zeros((len(gradient), n_free))
    curvature = np.zeros((n_free, n_free))
    row = column = 0
    for factor, matrix in zip(factors, matrices, strict=True):
        q = factor.q
        index = {(a, b): row + i for i, (a, b) in enumerate((a, b) for b in range(q) for a in range(b, q))}
        free = list(zip(factor.rows, factor.columns, strict=True))
        for k, (i, j) in enumerate(free, column):
            for b in range(q):
                # d g_ib / d L_ij = L_bj, and twice that on the diagonal.
                jacobian[index[max(i, b), min(i, b)], k] += matrix[b, j] * (2.0 if b == i else 1.0)
            for h, (i2, j2) in enumerate(free, column):
                if j2 == j:
                    weight = gradient[index[max(i, i2), min(i, i2)]]
                    curvature[k, h] += weight * (2.0 if i == i2 else 1.0)
        row += len(index)
        column += len(free)
    turned = jacobian.T @ gradient
    if hessian is None:
        return turned, None, jacobian
    return turned, jacobian.T @ hessian @ jacobian + curvature, jacobian


def covariances(sums: Sums, matrices: Sequence[Array]) -> list[Array]:
    """G of each block in the columns' own units, relative to the residual variance."""
    out = []
    for piece, matrix in zip(sums.pieces, matrices, strict=True):
        half = piece.turn @ matrix
        out.append(half @ half.T)
    return out
