"""Means of repeated scores with weights: generalised estimating equations under independence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import DataError

__all__ = ["WeightedMeans", "effective_size", "truncated", "weighted_gee"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WeightedMeans:
    """Coefficients of a weighted linear model of clustered rows.

    Parameters
    ----------
    params : (p,) float
    cov : (p, p) float
        Sandwich over clusters, by default with Kauermann and Carroll's correction of residuals for
        leverage; NaN with a single cluster. It takes the weights as known.
    n, n_clusters : int
    """

    params: Array
    cov: Array
    n: int
    n_clusters: int


def weighted_gee(
    x: ArrayLike,
    y: ArrayLike,
    clusters: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    corrected: bool = True,
) -> WeightedMeans:
    """Solve sum of w x (y - x'b) = 0, with a covariance robust to clusters.

    Parameters
    ----------
    x : (n, p) array_like of float
        Columns of full rank.
    y : (n,) array_like of float
    clusters : (n,) array_like
        Patient of each row.
    weights : (n,) array_like of float, optional
        0 or more.
    corrected : bool
        Correct residuals for leverage; without it the sandwich is that of R's geeglm, too small
        with few clusters.

    Raises
    ------
    DataError
        If lengths differ, a number is missing, or the columns are not of full rank.

    Source
    ------
    Liang and Zeger (1986), Biometrika 73, 13; Kauermann and Carroll (2001), J. Am. Stat. Assoc. 96,
    1387. Checked against R in tests/reference/recurrent.R.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    if x.ndim != 2 or not len(x) == len(y) == len(weights) == len(np.asarray(clusters)) or not len(y):
        raise DataError("x, y, weights and clusters must have one row each per assessment, and at least one")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(weights).all()):
        raise DataError("x, y and weights must be finite numbers; leave out rows with missing values")
    if (weights < 0).any():
        raise DataError("weights must be 0 or more")
    names, code = np.unique(np.asarray(clusters), return_inverse=True)
    cross = x.T @ (weights[:, None] * x)
    if np.linalg.matrix_rank(cross) < x.shape[1]:
        raise DataError("the columns of x are not of full rank: a period has no assessment with a weight")
    bread = np.linalg.inv(cross)
    params = bread @ (x.T @ (weights * y))
    cov = np.full_like(bread, np.nan)
    if len(names) > 1:
        sums = _scores(x, weights, y - x @ params, code.reshape(-1), bread, corrected)
        cov = bread @ (sums.T @ sums) @ bread
    return WeightedMeans(params, cov, len(y), len(names))


def _scores(x, weights, residual, code, bread, corrected: bool) -> Array:
    """Sums of weighted residuals by cluster, (g, p), each blown up for the cluster's own leverage.

    With s = X'W r of a cluster and C = X'WX of it, the correction (I - H)^(-1/2) of residuals is
    X'W (I - X B X'W)^(-1/2) r = (I - C B)^(-1/2) s, so that only p by p matrices are needed.
    """
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(code.max() + 1))
    rows, weight = x[order], weights[order]
    scores = np.add.reduceat(rows * (weight * residual[order])[:, None], starts, axis=0)
    if not corrected:
        return scores
    pairs = (weight[:, None] * rows)[:, :, None] * rows[:, None, :]
    cross = np.add.reduceat(pairs, starts, axis=0)
    # C B is similar to the symmetric L' C L with B = L L'.
    root = np.linalg.cholesky(bread)
    values, vectors = np.linalg.eigh(root.T @ cross @ root)
    # A cluster that alone fixes a combination has no residual in it: Moore-Penrose.
    left = 1.0 - values
    factor = np.where(left > 1e-10, 1.0 / np.sqrt(np.where(left > 1e-10, left, 1.0)), 0.0)
    turned = np.einsum("gji,gj->gi", vectors, scores @ root)
    turned = np.einsum("gij,gj->gi", vectors, factor * turned)
    return turned @ np.linalg.inv(root)


def truncated(weights: ArrayLike, share: float = 0.01) -> tuple[Array, int]:
    """Weights pulled in to their quantiles `share` and 1 - `share`, and how many were outside."""
    weights = np.asarray(weights, float)
    low, high = np.quantile(weights, [share, 1 - share])
    return np.clip(weights, low, high), int(((weights < low) | (weights > high)).sum())


def effective_size(weights: ArrayLike) -> float:
    """Kish's effective number of rows, (sum w)^2 / sum w^2."""
    weights = np.asarray(weights, float)
    return float(weights.sum() ** 2 / (weights**2).sum())
