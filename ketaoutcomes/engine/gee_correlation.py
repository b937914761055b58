"""Clusters of unequal size with one correlation between all their rows: sums, scores, covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COVARIANCES",
    "Segments",
    "cluster_scores",
    "common_correlation",
    "cov_of",
    "information",
    "inverse",
]

Array = NDArray[np.float64]

COVARIANCES = ("robust", "mancl-derouen", "kauermann-carroll")
# With a correlation nearer to where the matrix is singular than this share, it is held there.
INSIDE = 0.99
# A cluster that alone tells a combination of parameters leaves nothing of it to the others.
ALONE = 1e-8


@dataclass(frozen=True)
class Segments:
    """Rows sorted by cluster.

    Parameters
    ----------
    starts, sizes : (m,) int
        First row and number of rows of each cluster.
    """

    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]

    @classmethod
    def of(cls, sorted_codes: NDArray[np.intp]) -> Segments:
        """From codes in ascending order."""
        starts = np.concatenate(([0], np.flatnonzero(np.diff(sorted_codes)) + 1))
        return cls(starts, np.diff(np.append(starts, len(sorted_codes))))

    @property
    def n_pairs(self) -> int:
        """Pairs of rows within clusters."""
        return int((self.sizes * (self.sizes - 1) // 2).sum())

    def sums(self, values: Array) -> Array:
        """Sums over the rows of each cluster, (n, ...) -> (m, ...)."""
        return np.add.reduceat(values, self.starts, axis=0)

    def shares(self, alpha: float) -> Array:
        """c of each cluster in R^-1 = (I - c J) / (1 - alpha), (m,)."""
        return alpha / (1.0 + (self.sizes - 1) * alpha)


def common_correlation(
    residual: Array, segments: Segments, n_params: int, scale: float
) -> tuple[float, bool]:
    """Moment estimate of the correlation between two rows of a cluster, and whether it was held at its end.

    The sum of r_j r_k over pairs within clusters, over `scale` times (pairs - p). It is held where the
    correlation matrix of the largest cluster stays positive definite.

    Parameters
    ----------
    residual : (n,) float
        Pearson residuals, sorted by cluster.
    segments : Segments
    n_params : int
        p; taken off only where pairs are left.
    scale : float

    Source
    ------
    Liang and Zeger (1986), Biometrika 73, 13.
    """
    pairs = segments.n_pairs
    if pairs == 0:
        return 0.0, False
    products = (np.square(segments.sums(residual)) - segments.sums(np.square(residual))).sum() / 2
    alpha = products / scale / (pairs - n_params if pairs > n_params else pairs)
    low, high = -INSIDE / (segments.sizes.max() - 1), INSIDE
    return float(np.clip(alpha, low, high)), not low < alpha < high


def cluster_scores(weighted: Array, residual: Array, segments: Segments, alpha: float) -> Array:
    """D'V^-1 (y - mu) of each cluster, (m, p).

    Parameters
    ----------
    weighted : (n, p) float
        Rows of x times the root of the variance function: with a canonical link D = A^1/2 (A^1/2 X).
    residual : (n,) float
        Pearson residuals.
    """
    own = segments.sums(weighted * residual[:, None])
    if alpha == 0.0:
        return own
    shared = segments.shares(alpha) * segments.sums(residual)
    return (own - shared[:, None] * segments.sums(weighted)) / (1.0 - alpha)


def information(weighted: Array, segments: Segments, alpha: float) -> Array:
    """Sum over clusters of D'V^-1 D, (p, p)."""
    if alpha == 0.0:
        return weighted.T @ weighted
    sums = segments.sums(weighted)
    return (weighted.T @ weighted - (sums * segments.shares(alpha)[:, None]).T @ sums) / (1.0 - alpha)


def own_information(weighted: Array, segments: Segments, alpha: float) -> Array:
    """D'V^-1 D of each cluster, (m, p, p)."""
    p = weighted.shape[1]
    out = np.empty((len(segments.sizes), p, p))
    sums, shares = segments.sums(weighted), segments.shares(alpha)
    # Column by column: all products of a row at once would need p times the memory of x.
    for i in range(p):
        for j in range(i, p):
            both = segments.sums(weighted[:, i] * weighted[:, j]) - shares * sums[:, i] * sums[:, j]
            out[:, i, j] = out[:, j, i] = both / (1.0 - alpha)
    return out


def inverse(matrix: Array) -> Array:
    """Inverse of a positive definite matrix, whatever the units of its rows."""
    size = 1.0 / np.sqrt(np.diag(matrix))
    return np.linalg.inv(matrix * size[:, None] * size) * size[:, None] * size


def cov_of(
    weighted: Array, residual: Array, segments: Segments, alpha: float, kind: str
) -> tuple[Array, int]:
    """Sandwich B (sum of u u') B, and the clusters that alone tell a combination of parameters.

    With H = D B D'V^-1 of a cluster, Mancl and DeRouen put (I - H)^-1 (y - mu) in place of y - mu, and
    Kauermann and Carroll (I - H)^-1/2 (y - mu). As D'V^-1 f(D B D'V^-1) = f(C B) D'V^-1 with C = D'V^-1 D,
    only p by p matrices are needed; C B is similar to the symmetric L'C L with B = L L'.

    Parameters
    ----------
    weighted, residual : (n, p), (n,) float
        As in `cluster_scores`.
    kind : {"robust", "mancl-derouen", "kauermann-carroll"}

    Returns
    -------
    cov : (p, p) float
    n_alone : int
        There the Moore-Penrose inverse is taken; 0 for "robust".

    Source
    ------
    Mancl and DeRouen (2001), Biometrics 57, 126; Kauermann and Carroll (2001), J. Am. Stat. Assoc. 96, 1387.
    """
    bread = inverse(information(weighted, segments, alpha))
    scores = cluster_scores(weighted, residual, segments, alpha)
    n_alone = 0
    if kind != "robust":
        root = np.linalg.cholesky(bread)
        values, vectors = np.linalg.eigh(root.T @ own_information(weighted, segments, alpha) @ root)
        left = 1.0 - values
        is_told = left > ALONE
        n_alone = int((~is_told.all(axis=1)).sum())
        power = 1.0 if kind == "mancl-derouen" else 0.5
        factor = np.where(is_told, np.maximum(left, ALONE) ** -power, 0.0)
        turned = factor * np.einsum("gji,gj->gi", vectors, scores @ root)
        scores = np.einsum("gij,gj->gi", vectors, turned) @ np.linalg.inv(root)
    half = scores @ bread
    return half.T @ half, n_alone
