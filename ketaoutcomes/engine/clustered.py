"""Covariance of a maximum-likelihood estimate whose rows depend on each other within clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import DataError

__all__ = ["CORRECTIONS", "cluster_codes", "sandwich", "summed"]

Array = NDArray[np.float64]

CORRECTIONS = ("CR0", "CR1", "CR2")
# A cluster that alone tells a parameter leaves nothing of it to the others.
ALONE = 1e-8


def cluster_codes(clusters: ArrayLike, n: int) -> NDArray[np.intp]:
    """Codes 0, 1, ... of the cluster of each row.

    Raises
    ------
    DataError
        If there is not one for each row, or one is missing.
    """
    names = np.asarray(clusters)
    if names.shape != (n,):
        raise DataError("clusters must be one value per interval")
    missing = np.array([name is None or name != name for name in names]) if names.dtype == object else None
    n_missing = int(missing.sum() if missing is not None else (names != names).sum())
    if n_missing:
        raise DataError(f"the cluster is missing in {n_missing} rows; leave them out")
    return np.unique(names if missing is None else names.astype(str), return_inverse=True)[1]


def summed(values: Array, codes: NDArray[np.intp]) -> Array:
    """Sums over the rows of each cluster, (n, ...) -> (m, ...)."""
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate(([0], np.flatnonzero(np.diff(codes[order])) + 1))
    return np.add.reduceat(values[order], starts, axis=0)


def sandwich(
    scores: Array,
    information: Array,
    codes: NDArray[np.intp],
    *,
    correction: str = "CR1",
    own_information: Array | None = None,
) -> Array:
    """A^-1 (sum of psi psi') A^-1 with psi the score of a cluster.

    Parameters
    ----------
    scores : (n, p) float
        Derivatives of each row's log-likelihood at the maximum.
    information : (p, p) float
        A, minus the Hessian of all rows.
    codes : (n,) int
        Cluster of each row: 0, 1, ... without gaps.
    correction : {"CR0", "CR1", "CR2"}
        CR1 is CR0 times m / (m - 1). CR2 replaces psi by (I - A_g A^-1)^(-1/2) psi, with A_g the
        cluster's part of A, and needs `own_information`.
    own_information : (n, p, p) float, optional
        Each row's part of A, positive semi-definite.

    Raises
    ------
    DataError
        If the correction is not known.

    Source
    ------
    Bell and McCaffrey (2002), Surv. Methodol. 28, 169; Kauermann and Carroll (2001), J. Am. Stat. Assoc. 96,
    1387, for scores of likelihoods.
    """
    if correction not in CORRECTIONS:
        raise DataError(f"correction must be one of {', '.join(CORRECTIONS)}, not {correction!r}")
    psi = summed(scores, codes)
    m = len(psi)
    if correction == "CR2":
        root = np.linalg.cholesky(information)
        inverse = np.linalg.inv(root)
        own = inverse @ summed(own_information, codes) @ inverse.T
        share, axes = np.linalg.eigh(own)
        left = np.clip(1.0 - share, 0.0, 1.0)
        # The Moore-Penrose root: along an axis that no other cluster tells, the score is 0 anyway.
        factor = np.where(left > ALONE, 1.0 / np.sqrt(np.maximum(left, ALONE)), 0.0)
        turned = np.einsum("gji,gj->gi", axes, psi @ inverse.T)
        psi = np.einsum("gij,gj->gi", axes, factor * turned) @ root.T
    bread = np.linalg.inv(information)
    half = psi @ bread
    size = m / (m - 1) if correction == "CR1" else 1.0
    return size * half.T @ half
