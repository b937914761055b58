"""Least squares whose rows depend on each other within clusters: CR2 covariance, Bell-McCaffrey df.

All of it is worked out in the space of the p columns. With X = Q R (Q orthonormal, weights taken in) and
S_g = Q_g'Q_g the leverage of cluster g, (I - H_gg)^(-1/2) Q_g = Q_g (I - S_g)^(-1/2), so that no matrix is
larger than p x p, however many rows a cluster has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

from ketaoutcomes.engine.clustered import ALONE, cluster_codes
from ketaoutcomes.engine.columns import independent_columns
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError, Problem

__all__ = ["ClusterRegression", "Contrast", "cluster_regression", "cr2_ratio"]

Array = NDArray[np.float64]

# Share of a contrast's squared length that may lie, by rounding, along what one cluster alone tells.
LOADED = 1e-10
# The same of what a contrast of dependent columns leaves that no data tell.
UNTOLD = 1e-8
# Residuals smaller than this share of y are rounding: the outcome is fitted exactly.
EXACT = 1e-12


class Contrast(NamedTuple):
    """Combinations of coefficients, with limits.

    Parameters
    ----------
    estimate, std_error, low, high : () float, (q,), (k,) or (q, k) float
        One for each combination (if several) and each outcome (if several).
    df : () or (q,) float
        Bell and McCaffrey's degrees of freedom.
    """

    estimate: Array
    std_error: Array
    df: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class _Pieces:
    """What any combination of the coefficients is made from, in the space of Q.

    Parameters
    ----------
    kept : (r,) int
        Columns of x that are not combinations of those before them.
    root : (r, r) float
        R of those columns.
    aliased : (r, p - r) float
        The other columns as combinations of them.
    own, spread : (m, r, r) float
        S_g, and (I - S_g)^(-1/2) in the sense of Moore and Penrose.
    lone : (a, r) float
        Directions that one cluster alone tells.
    core : (k, r, r) float
        Sum over clusters of the corrected scores times themselves.
    effects : (r, k) float
        Q'y.
    """

    kept: NDArray[np.intp]
    root: Array
    aliased: Array
    own: Array
    spread: Array
    lone: Array
    core: Array
    effects: Array


@dataclass(frozen=True)
class ClusterRegression:
    """Coefficients of a linear model of clustered rows; made by `cluster_regression`.

    Parameters
    ----------
    params, std_error, conf_low, conf_high : (p,) or (p, k) float
        NaN for a column that is a combination of those before it; the others are as though it were not there.
        The error and limits are NaN too where one cluster alone tells the coefficient, or an outcome is
        fitted exactly.
    cov : (p, p) or (k, p, p) float
        CR2; NaN where `std_error` is. A difference of two such coefficients may still be known: `contrast`.
    df : (p,) float
        Bell and McCaffrey's degrees of freedom, the same for all outcomes.
    n, n_clusters : int
        Rows and clusters with a positive weight.
    n_alone : int
        Clusters that alone tell some combination of the coefficients: an eigenvalue of I - H_gg is 0.
    level : float
    """

    params: Array
    cov: Array
    std_error: Array
    df: Array
    conf_low: Array
    conf_high: Array
    n: int
    n_clusters: int
    n_alone: int
    level: float
    _pieces: _Pieces = field(repr=False)

    def contrast(self, weights: ArrayLike, level: float | None = None) -> Contrast:
        """Estimate, CR2 error, df and limits of a weighted sum of the coefficients.

        Parameters
        ----------
        weights : (p,) or (q, p) array_like of float
            One combination of the coefficients, or one in each row.
        level : float, optional
            Confidence level; that of the fit if left out.

        Returns
        -------
        Contrast
            NaN where dependent columns make the combination depend on which of them is left out. The error
            is NaN where it rests on what one cluster alone tells.

        Raises
        ------
        DataError
            If `weights` does not have one number per column of x.
        """
        rows = np.asarray(weights, float)
        p = len(self.params)
        if rows.ndim not in (1, 2) or rows.shape[-1] != p or not np.isfinite(rows).all():
            raise DataError(f"a contrast must be {p} numbers, one per column of x")
        level = self.level if level is None else _level(level)
        parts = _combined(self._pieces, np.atleast_2d(rows), level)
        if self.params.ndim == 1:
            parts = Contrast(*(part if part.ndim == 1 else part[:, 0] for part in parts))
        return parts if rows.ndim == 2 else Contrast(*(part[0] for part in parts))


def cluster_regression(
    x: ArrayLike,
    y: ArrayLike,
    clusters: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> ClusterRegression:
    """Least squares with a covariance robust to clusters (CR2) and Bell-McCaffrey degrees of freedom.

    Residuals r_g of a cluster are replaced by (I - H_gg)^(-1/2) r_g, which makes the sandwich unbiased where
    rows are in truth independent with equal variance. The degrees of freedom of l'b are
    (sum of lambda)^2 / (sum of lambda^2), lambda the eigenvalues of G'G with
    G_g = (I - H)_g' (I - H_gg)^(-1/2) X_g (X'X)^-1 l. With weights it is all done on the rows times the root
    of their weight. With an intercept alone and clusters of equal size the variance is that of the mean of
    cluster means, and the df are clusters - 1.

    For a 0/1 outcome and columns that are groups the coefficients are shares and differences of shares. A
    group without any event adds nothing to the variance: give its own exact limits instead.

    Parameters
    ----------
    x : (n, p) array_like of float
    y : (n,) or (n, k) array_like of float
        One outcome, or one in each column.
    clusters : (n,) array_like
        Cluster (patient) of each row.
    weights : (n,) array_like of float, optional
        0 or more; the working variance of a row is 1 over its weight. Rows of weight 0 are left out.
    level : float

    Returns
    -------
    ClusterRegression
        Errors and df are NaN with a single cluster.

    Raises
    ------
    DataError
        If the shapes do not fit, a value is missing, a weight is negative or no row is left.

    Source
    ------
    Bell and McCaffrey (2002), Surv. Methodol. 28, 169; Pustejovsky and Tipton (2018), J. Bus. Econ. Stat. 36,
    672. Equal to R's clubSandwich: tests/reference/cluster_robust.R.
    """
    level = _level(level)
    x, y, codes, single = _checked(x, y, clusters, weights)
    order = np.argsort(codes, kind="stable")
    x, y, codes = x[order], y[order], codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))

    size = np.sqrt(np.einsum("ij,ij->j", x, x))
    size[size == 0] = 1.0
    scaled = x / size
    keep = independent_columns(scaled, scaled.T @ scaled)
    kept = np.flatnonzero(keep)
    q, root = np.linalg.qr(scaled[:, kept])
    aliased = solve_triangular(root, q.T @ x[:, ~keep]) / size[kept, None]
    effects = q.T @ y
    residual = y - q @ effects
    # A second pass takes off what rounding left of the first.
    left_over = q.T @ residual
    effects, residual = effects + left_over, residual - q @ left_over
    length = np.sqrt(np.einsum("ij,ij->j", y, y))
    residual[:, np.sqrt(np.einsum("ij,ij->j", residual, residual)) <= EXACT * length] = np.nan

    own = _own_leverage(q, starts)
    spread, lone, n_alone = _spread(own)
    score = np.stack([np.add.reduceat(q[:, j, None] * residual, starts, axis=0) for j in range(kept.size)], 1)
    score = np.matmul(spread, score)
    pieces = _Pieces(
        kept=kept,
        root=root * size[kept],
        aliased=aliased,
        own=own,
        spread=spread,
        lone=lone,
        core=np.einsum("gik,gjk->kij", score, score, optimize=True),
        effects=effects,
    )
    of = _combined(pieces, np.eye(x.shape[1]), level, estimable=keep)
    params, std_error, low, high = (
        part[:, 0] if single else part for part in (of.estimate, of.std_error, of.low, of.high)
    )
    cov = _covariance(pieces, np.isnan(of.std_error))
    return ClusterRegression(
        params=params,
        cov=cov[0] if single else cov,
        std_error=std_error,
        df=of.df,
        conf_low=low,
        conf_high=high,
        n=len(y),
        n_clusters=starts.size,
        n_alone=n_alone,
        level=level,
        _pieces=pieces,
    )


def cr2_ratio(x: Array, n: Array) -> tuple[Array, Array, Array]:
    """Ratio of totals, its CR2 variance and Bell-McCaffrey df, in closed form.

    The same as `cluster_regression` of each cluster's rate on an intercept with weights `n`, or of each
    trial's 0 or 1 on an intercept.

    Parameters
    ----------
    x, n : (m, k) float
        Count and exposure of each cluster.

    Returns
    -------
    ratio, variance, df : (k,) float
        NaN without exposure; variance and df are NaN with one cluster.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        total = n.sum(axis=0)
        ratio = x.sum(axis=0) / total
        share = n / total
        others = np.where(share < 1.0, 1.0 - share, np.nan)
        variance = (np.square(x - ratio * n) / others).sum(axis=0) / np.square(total)
        part = np.square(share) / others
        squares = np.square(share).sum(axis=0) + np.square(part.sum(axis=0)) - np.square(part).sum(axis=0)
        return ratio, variance, 1.0 / squares


def _combined(of: _Pieces, rows: Array, level: float, *, estimable=None) -> Contrast:
    """Estimate, error and limits of (q, p) combinations, each (q, k), and their df, (q,)."""
    dropped = np.setdiff1d(np.arange(rows.shape[1]), of.kept)
    size = np.abs(rows).max(axis=1)
    untold = np.abs(rows[:, of.kept] @ of.aliased - rows[:, dropped]).max(axis=1, initial=0.0)
    if estimable is None:
        estimable = untold <= UNTOLD * size
    turned = solve_triangular(of.root, rows[:, of.kept].T, trans="T").T
    norm = np.einsum("qi,qi->q", turned, turned)
    loaded = np.square(turned @ of.lone.T).max(axis=1, initial=0.0) > LOADED * norm
    known = estimable & ~loaded & (len(of.own) > 1) & (norm > 0)

    estimate = np.where(estimable[:, None], turned @ of.effects, np.nan)
    variance = np.einsum("qi,kij,qj->qk", turned, of.core, turned, optimize=True)
    std_error = np.where(known[:, None], np.sqrt(np.maximum(variance, 0.0)), np.nan)
    df = np.where(known, _bell_mccaffrey(of.own, of.spread, turned), np.nan)
    half = t_limit(df, level)[:, None] * std_error
    return Contrast(estimate, std_error, df, estimate - half, estimate + half)


def _covariance(of: _Pieces, unknown: NDArray[np.bool_]) -> Array:
    """(k, p, p) of the coefficients; NaN where (p, k) `unknown`."""
    p, r = len(unknown), of.kept.size
    back = np.zeros((p, r))
    back[of.kept] = solve_triangular(of.root, np.eye(r))
    cov = np.einsum("pi,kij,qj->kpq", back, of.core, back, optimize=True)
    cov[unknown.T[:, :, None] | unknown.T[:, None, :]] = np.nan
    return cov


def _bell_mccaffrey(own: Array, spread: Array, turned: Array) -> Array:
    """Degrees of freedom of (q, r) combinations in the space of Q.

    G'G has the elements d_g (on the diagonal) less v_g'v_f, with b_g = (I - S_g)^(-1/2) a, v_g = S_g b_g and
    d_g = b_g'v_g, so its trace and the sum of its squares need no m x m matrix.
    """
    b = np.matmul(turned, spread)
    v = np.matmul(b, own)
    d = np.einsum("gqi,gqi->gq", b, v)
    shared = np.einsum("gqi,gqi->gq", v, v)
    cross = np.einsum("gqi,gqj->qij", v, v, optimize=True)
    trace = (d - shared).sum(axis=0)
    squares = np.square(d).sum(axis=0) - 2.0 * (d * shared).sum(axis=0) + np.square(cross).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.square(trace) / squares


def _own_leverage(q: Array, starts: NDArray[np.intp]) -> Array:
    """S_g = Q_g'Q_g of each cluster, (m, r, r)."""
    r = q.shape[1]
    own = np.empty((starts.size, r, r))
    for j in range(r):
        own[:, j, j:] = np.add.reduceat(q[:, j, None] * q[:, j:], starts, axis=0)
        own[:, j:, j] = own[:, j, j:]
    return own


def _spread(own: Array) -> tuple[Array, Array, int]:
    """(I - S_g)^(-1/2), the directions told by one cluster alone, and how many such clusters there are."""
    share, axes = np.linalg.eigh(own)
    left = 1.0 - share
    lone = left < ALONE
    # The Moore-Penrose root: along an axis that no other cluster tells, the score is 0 anyway.
    factor = np.where(lone, 0.0, 1.0 / np.sqrt(np.where(lone, 1.0, left)))
    spread = np.matmul(axes * factor[:, None, :], axes.swapaxes(1, 2))
    return spread, axes.swapaxes(1, 2)[lone], int(lone.any(axis=1).sum())


def _checked(x: ArrayLike, y: ArrayLike, clusters: ArrayLike, weights: ArrayLike | None):
    """Columns and outcomes times the root of their weight, codes of clusters, whether y was one column."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 2 or y.ndim not in (1, 2) or len(y) != len(x):
        raise DataError("x must have one row per row of y, and y one or more columns")
    single = y.ndim == 1
    y = y[:, None] if single else y
    for name, values in (("x", x), ("y", y)):
        n_bad = int((~np.isfinite(values)).any(axis=1).sum())
        if n_bad:
            raise DataError(Problem(f"{name} is missing or not a number; leave these rows out", n_rows=n_bad))
    codes = cluster_codes(clusters, len(y))
    if weights is not None:
        weight = np.asarray(weights, float)
        if weight.shape != (len(y),):
            raise DataError("weights must be one value per row")
        bad = ~(np.isfinite(weight) & (weight >= 0))
        if bad.any():
            raise DataError(Problem("a weight is negative or missing", n_rows=int(bad.sum())))
        used = weight > 0
        root = np.sqrt(weight[used])[:, None]
        x, y, codes = x[used] * root, y[used] * root, np.unique(codes[used], return_inverse=True)[1]
    if not len(y) or not np.any(x):
        raise DataError("there is no row, or no column of x other than 0; nothing can be fitted")
    return x, y, codes, single


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    return level
