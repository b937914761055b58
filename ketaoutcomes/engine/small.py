"""Many small matrices at once: arrays of shape (rows, columns, k), the k groups last.

With the groups last, one entry of all matrices is one contiguous run, so that each
multiplication or square root of a small factorisation is one whole-array operation and
no loop over groups exists. One large matrix (k = 1) goes to BLAS instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

__all__ = ["cholesky", "gram", "mul", "shrunk", "tmul", "trace_of_product"]

Array = NDArray[np.float64]


def mul(a: Array, b: Array) -> Array:
    """Products a b of each group: (i, j, k) and (j, l, k) give (i, l, k)."""
    if a.shape[2] == 1:
        return (a[:, :, 0] @ b[:, :, 0])[:, :, None]
    return _summed(a, b, np.empty((a.shape[0], b.shape[1], a.shape[2])))


def tmul(a: Array, b: Array) -> Array:
    """Products a'b of each group: (j, i, k) and (j, l, k) give (i, l, k)."""
    if a.shape[2] == 1:
        return (a[:, :, 0].T @ b[:, :, 0])[:, :, None]
    return _summed(np.swapaxes(a, 0, 1), b, np.empty((a.shape[1], b.shape[1], a.shape[2])))


def _summed(a: Array, b: Array, out: Array) -> Array:
    """a b written into `out`; whole rows at a time, which einsum does not do for this order of axes."""
    for i in range(a.shape[0]):
        np.multiply(a[i, 0], b[0], out=out[i])
        for j in range(1, a.shape[1]):
            out[i] += a[i, j] * b[j]
    return out


def gram(a: Array, b: Array) -> Array:
    """Sum over the groups of a'b: (j, i, k) and (j, l, k) give (i, l), by BLAS."""
    if a.shape[2] == 1:
        return a[:, :, 0].T @ b[:, :, 0]
    total = a[0] @ b[0].T
    for j in range(1, a.shape[0]):
        total += a[j] @ b[j].T
    return total


def trace_of_product(a: Array, b: Array) -> float:
    """Sum over the groups of tr(a b): (i, j, k) and (j, i, k) give a number."""
    return float(np.einsum("ijk,jik->", a, b))


def cholesky(m: Array) -> Array:
    """Lower Cholesky factor of each of k positive definite matrices, (q, q, k)."""
    q, _, k = m.shape
    if k == 1:
        return np.linalg.cholesky(m[:, :, 0])[:, :, None]
    c = np.zeros_like(m)
    for j in range(q):
        pivot = m[j, j].copy()
        for h in range(j):
            pivot -= np.square(c[j, h])
        c[j, j] = np.sqrt(pivot)
        for i in range(j + 1, q):
            entry = m[i, j].copy()
            for h in range(j):
                entry -= c[i, h] * c[j, h]
            c[i, j] = entry / c[j, j]
    return c


def shrunk(s: Array, factor: Array) -> tuple[Array, float]:
    """B = L (I + L'SL)^-1 L' of each group, and the sum of log |I + L'SL|.

    Also right where L is singular, because it is never inverted.

    Parameters
    ----------
    s : (q, q, k)
        Symmetric and positive semi-definite.
    factor : (q, q)
        L; the same for all groups.

    Returns
    -------
    (b, log_determinant) : (q, q, k), float
    """
    q, _, k = s.shape
    if k == 1:
        inner = factor.T @ s[:, :, 0] @ factor
        inner[np.diag_indices(q)] += 1.0
        lower = np.linalg.cholesky(inner)
        half = solve_triangular(lower, factor.T, lower=True, check_finite=False)
        return (half.T @ half)[:, :, None], 2.0 * float(np.log(np.diag(lower)).sum())
    if q == 1:
        g = factor[0, 0] ** 2
        inner = 1.0 + g * s
        return g / inner, float(np.log(inner).sum())
    inner = _turned(s, factor)
    for j in range(q):
        inner[j, j] += 1.0
    lower = cholesky(inner)
    log_determinant = 2.0 * sum(float(np.log(lower[j, j]).sum()) for j in range(q))
    # Forward substitution: half = C^-1 L', so that B = half' half.
    half = np.zeros_like(inner)
    for i in range(q):
        row = np.repeat(factor[:, i, None], k, axis=1)
        for h in range(i):
            row -= lower[i, h] * half[h]
        half[i] = row / lower[i, i]
    return tmul(half, half), log_determinant


def _turned(s: Array, factor: Array) -> Array:
    """L'SL of each group; zeros of L are skipped."""
    q, _, k = s.shape
    right = np.zeros((q, q, k))
    inner = np.zeros((q, q, k))
    for j, b in zip(*np.nonzero(factor), strict=True):
        right[:, b] += factor[j, b] * s[:, j]
    for i, a in zip(*np.nonzero(factor), strict=True):
        inner[a] += factor[i, a] * right[i]
    return inner
