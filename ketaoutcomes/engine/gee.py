"""Generalised estimating equations: mean models of repeated outcomes, with sandwich covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ketaoutcomes.engine.columns import independent_columns
from ketaoutcomes.engine.gee_correlation import (
    COVARIANCES,
    Segments,
    cluster_scores,
    common_correlation,
    cov_of,
    information,
    inverse,
)
from ketaoutcomes.errors import DataError

__all__ = ["CORRELATIONS", "FAMILIES", "GeeFit", "gee"]

Array = NDArray[np.float64]

FAMILIES = ("binomial", "poisson")
CORRELATIONS = ("independence", "exchangeable")
SCALES = ("fixed", "estimated")
MOST_ITERATIONS = 200
MOST_HALVINGS = 30
# Converged when no linear predictor moves by more than this.
STILL = 1e-10
# Separated when the log-likelihood gains less than this per row, while a linear predictor moves by more.
NO_GAIN, STILL_MOVING = 1e-7, 0.2
# exp of more is no mean of any count, and overflows in the sums.
FARTHEST = 300.0


@dataclass(frozen=True)
class GeeFit:
    """Coefficients of a marginal model.

    Parameters
    ----------
    params : (p,) float
        Log odds ratios or log rate ratios; 0 for a dropped column. No estimates where `separated`.
    cov : (p, p) float
        Sandwich; NaN for dropped columns, with a single cluster, and everywhere if there is no fit.
    naive_cov : (p, p) float
        What would hold if the working correlation and the scale were true; NaN as `cov`, but for a
        single cluster.
    df : float
        Clusters less parameters, for t; NaN if not positive.
    alpha : float
        Working correlation within clusters; 0 under independence.
    alpha_held : bool
        Whether the moment estimate lay outside what a correlation matrix can have.
    scale : float
        Sum of squared Pearson residuals over n - p, or 1 where it is fixed.
    converged, separated : bool
        Separated: some combination of columns tells some rows' outcomes without fail, so that there is no
        finite solution. Nothing is shrunk to hide it.
    dropped : (p,) bool
        Columns that are combinations of those before them.
    n_alone : int
        Clusters that alone tell some combination of parameters; the correction of the covariance cannot
        allow for them. 0 for "robust".
    n, n_clusters, n_iterations : int
    covariance : str
    """

    params: Array
    cov: Array
    naive_cov: Array
    df: float
    alpha: float
    alpha_held: bool
    scale: float
    converged: bool
    separated: bool
    dropped: NDArray[np.bool_]
    n_alone: int
    n: int
    n_clusters: int
    n_iterations: int
    covariance: str

    @property
    def std_error(self) -> Array:
        """(p,) roots of the diagonal of `cov`."""
        return np.sqrt(np.diag(self.cov))

    def contrast(self, weights: ArrayLike) -> tuple[float, float, float]:
        """Estimate, standard error and degrees of freedom of a combination of coefficients.

        Parameters
        ----------
        weights : (p,) array_like of float
            A combination with a dropped column has no estimate.
        """
        weights = np.asarray(weights, float)
        if not self.converged or self.separated or (weights[self.dropped] != 0).any():
            return np.nan, np.nan, self.df
        kept = ~self.dropped
        own = weights[kept]
        variance = own @ self.cov[np.ix_(kept, kept)] @ own
        return float(own @ self.params[kept]), float(np.sqrt(variance)), self.df


def gee(
    x: ArrayLike,
    y: ArrayLike,
    clusters: ArrayLike,
    *,
    family: str = "binomial",
    correlation: str = "independence",
    offset: ArrayLike | None = None,
    scale: str | None = None,
    covariance: str = "robust",
) -> GeeFit:
    """Solve sum of D'V^-1 (y - mu) = 0 with log odds (mu) or log (mu) = x'b + offset.

    V = scale A^1/2 R A^1/2 with R = I, or 1 on the diagonal and alpha elsewhere; alpha is the moment
    estimate. The mean model must be right for exchangeable R given *all* rows of a cluster: where a
    covariate depends on earlier outcomes, only independence solves the cross-sectional model (Pepe and
    Anderson 1994).

    Parameters
    ----------
    x : (n, p) array_like of float
        With a column of ones where an intercept is meant.
    y : (n,) array_like of float
        0 or 1 for "binomial", counts from 0 for "poisson".
    clusters : (n,) array_like
        Patient of each row; rows need not be sorted.
    family : {"binomial", "poisson"}
        With logit and log link.
    correlation : {"independence", "exchangeable"}
    offset : (n,) array_like of float, optional
    scale : {"fixed", "estimated"}, optional
        Fixed at 1 for "binomial" and estimated for "poisson" by default. It matters for alpha alone; the
        sandwich does not depend on it otherwise.
    covariance : {"robust", "mancl-derouen", "kauermann-carroll"}
        The plain sandwich is too small with few clusters.

    Returns
    -------
    GeeFit

    Raises
    ------
    DataError
        If shapes do not fit, a value is missing, infinite or not of the family, or a name is not known.

    Source
    ------
    Liang and Zeger (1986), Biometrika 73, 13; Mancl and DeRouen (2001), Biometrics 57, 126; Kauermann and
    Carroll (2001), J. Am. Stat. Assoc. 96, 1387; Pepe and Anderson (1994), Commun. Stat. B 23, 939.
    Checked: tests/reference/gee.R (geepack) and statsmodels.
    """
    _check_names(family, correlation, scale, covariance)
    x, y, codes, offset = _checked(x, y, clusters, offset, family)
    order = np.argsort(codes, kind="stable")
    segments = Segments.of(codes[order])
    kept = independent_columns(x, x.T @ x)
    rows = _Rows(x[order][:, kept], y[order], offset[order], segments, family)
    is_fixed = (family == "binomial") if scale is None else scale == "fixed"

    params, n_iterations, converged, separated = _independent(rows)
    alpha, held = 0.0, False
    if converged and not separated and correlation == "exchangeable":
        params, alpha, held, more, converged = _exchangeable(rows, params, is_fixed)
        n_iterations += more
    n, p, m = len(y), x.shape[1], len(segments.sizes)
    whole = np.zeros(p)
    whole[kept] = params
    cov, naive = np.full((p, p), np.nan), np.full((p, p), np.nan)
    n_alone, phi = 0, np.nan
    if converged and not separated:
        weighted, residual = rows.standardised(params)
        phi = 1.0 if is_fixed else _scale(residual, kept.sum())
        place = np.ix_(kept, kept)
        naive[place] = phi * inverse(information(weighted, segments, alpha))
        if m > 1:
            cov[place], n_alone = cov_of(weighted, residual, segments, alpha, covariance)
    df = float(m - kept.sum())
    return GeeFit(
        whole, cov, naive, df if df > 0 else np.nan, alpha, held, phi, converged, separated, ~kept, n_alone,
        n, m, n_iterations, covariance,
    )  # fmt: skip


@dataclass(frozen=True)
class _Rows:
    """Rows sorted by cluster, with independent columns only."""

    x: Array
    y: Array
    offset: Array
    segments: Segments
    family: str

    def predictor(self, params: Array) -> Array:
        return self.x @ params + self.offset

    def standardised(self, params: Array) -> tuple[Array, Array]:
        """Rows of x times the root of the variance function (n, p), and Pearson residuals (n,)."""
        predictor = np.clip(self.predictor(params), -FARTHEST, FARTHEST)
        mean = expit(predictor) if self.family == "binomial" else np.exp(predictor)
        # 1 - mean loses its digits near 1; expit(-eta) does not.
        root = np.sqrt(mean * expit(-predictor) if self.family == "binomial" else mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = np.where(root > 0, (self.y - mean) / root, 0.0)
        return self.x * root[:, None], residual

    def log_likelihood(self, params: Array) -> float:
        predictor = self.predictor(params)
        if self.family == "binomial":
            return float(-np.logaddexp(0.0, np.where(self.y > 0, -predictor, predictor)).sum())
        with np.errstate(over="ignore"):
            return float((self.y * predictor - np.exp(predictor)).sum())


def _independent(rows: _Rows) -> tuple[Array, int, bool, bool]:
    """Maximum likelihood of independent rows: coefficients, steps, converged, separated."""
    params = np.zeros(rows.x.shape[1])
    if rows.family == "poisson" and rows.y.sum() > 0:
        # Newton from 0 overshoots where counts are large.
        start = np.log((rows.y + rows.y.mean()) / 2) - rows.offset
        params = np.linalg.lstsq(rows.x, start, rcond=None)[0]
    value, n = rows.log_likelihood(params), len(rows.y)
    for iteration in range(1, MOST_ITERATIONS + 1):
        weighted, residual = rows.standardised(params)
        step = _step(weighted, residual, rows.segments, 0.0)
        if step is None:
            return params, iteration, False, True
        move = np.abs(rows.x @ step).max(initial=0.0)
        if move < STILL:
            return params + step, iteration, True, False
        for _ in range(MOST_HALVINGS):
            new = rows.log_likelihood(params + step)
            if new >= value - 1e-12 * max(n, abs(value)):
                break
            step = step / 2
        params = params + step
        if new - value < NO_GAIN * n and move > STILL_MOVING:
            return params, iteration, False, True
        value = new
    return params, MOST_ITERATIONS, False, False


def _exchangeable(rows: _Rows, params: Array, is_fixed: bool) -> tuple[Array, float, bool, int, bool]:
    """Coefficients and correlation in turn until neither moves; steps and whether that was reached."""
    p, alpha, held = len(params), 0.0, False
    for iteration in range(1, MOST_ITERATIONS + 1):
        weighted, residual = rows.standardised(params)
        scale = 1.0 if is_fixed else _scale(residual, p)
        former = alpha
        alpha, held = common_correlation(residual, rows.segments, p, scale) if scale > 0 else (0.0, True)
        step = _step(weighted, residual, rows.segments, alpha)
        if step is None or not np.isfinite(step).all():
            return params, alpha, held, iteration, False
        params = params + step
        if np.abs(rows.predictor(params)).max(initial=0.0) > FARTHEST:
            # Outlying residuals raise alpha, and a higher alpha pulls farther: there is no way back.
            return params, alpha, held, iteration, False
        if np.abs(rows.x @ step).max(initial=0.0) < STILL and abs(alpha - former) < STILL:
            return params, alpha, held, iteration, True
    return params, alpha, held, MOST_ITERATIONS, False


def _step(weighted: Array, residual: Array, segments: Segments, alpha: float) -> Array | None:
    """One step of Fisher scoring; None where nothing is known of some coefficient."""
    matrix = information(weighted, segments, alpha)
    if not (np.diag(matrix) > 0).all():
        return None
    try:
        return inverse(matrix) @ cluster_scores(weighted, residual, segments, alpha).sum(axis=0)
    except np.linalg.LinAlgError:
        return None


def _scale(residual: Array, n_params: int) -> float:
    left = len(residual) - n_params
    return float(residual @ residual / left) if left > 0 else np.nan


def _check_names(family, correlation, scale, covariance) -> None:
    for name, value, known in (
        ("family", family, FAMILIES),
        ("correlation", correlation, CORRELATIONS),
        ("scale", scale, (*SCALES, None)),
        ("covariance", covariance, COVARIANCES),
    ):
        if value not in known:
            raise DataError(f"{name} must be one of {', '.join(word for word in known if word)}")


def _checked(x, y, clusters, offset, family):
    x, y = np.asarray(x, float), np.asarray(y, float)
    names = np.asarray(clusters)
    offset = np.zeros(len(y)) if offset is None else np.asarray(offset, float)
    if x.ndim != 2 or not y.shape == names.shape == offset.shape == (len(x),) or not len(x):
        raise DataError("x must be a matrix, and y, clusters and offset have one value per row of it")
    finite = np.isfinite(x).all(axis=1) & np.isfinite(y) & np.isfinite(offset)
    if not finite.all():
        raise DataError(f"a value is missing or infinite in {int((~finite).sum())} rows; leave them out")
    if family == "binomial" and not np.isin(y, (0.0, 1.0)).all():
        raise DataError("the outcome of a binomial model is 0 or 1")
    if family == "poisson" and (y < 0).any():
        raise DataError("the outcome of a Poisson model is 0 or more")
    return x, y, np.unique(names, return_inverse=True)[1].reshape(-1), offset
