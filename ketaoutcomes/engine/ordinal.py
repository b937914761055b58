"""Proportional odds: ordered categories, such as mild, moderate and severe, against covariates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.special import expit, log_expit, logit

from ketaoutcomes.engine.clustered import cluster_codes, sandwich, summed
from ketaoutcomes.engine.columns import independent_columns
from ketaoutcomes.engine.damped import climb
from ketaoutcomes.engine.wald import t_limit, t_p_value
from ketaoutcomes.errors import DataError

__all__ = ["OrdinalFit", "checked_rows", "proportional_odds"]

Array = NDArray[np.float64]

# A linear predictor as far out as this, on the side where it fits, may be on its way to infinity.
FAR_OUT = 10.0
LEAST_SLACK = 1e-7


@dataclass(frozen=True)
class OrdinalFit:
    """Thresholds and log odds ratios of ordered categories.

    Parameters
    ----------
    categories : (K,) int
        Codes that occur, rising; a code without a row has no threshold.
    thresholds : (K - 1,) float
        k_c of log odds(Y <= categories[c]) = k_c - x'b, rising.
    params : (p,) float
        b: log odds ratios of a higher category; 0 for a dropped column. Not estimates where `separated`.
    cov : (K - 1 + p, K - 1 + p) float
        Of thresholds and params, in that order: inverse information, or with clusters the
        sandwich. NaN for dropped columns, everywhere if `separated` or with one cluster.
    df : float
        Of the t distribution for limits: clusters less parameters, at least 1; inf without clusters.
    log_likelihood : float
    converged : bool
    separated : bool
        Whether some combination of columns tells the categories of some rows without fail, so that
        the likelihood has no finite maximum. Nothing is shrunk to hide it.
    dropped : (p,) bool
        Columns that are constant or combinations of those before them.
    n, n_clusters : int, int or None
    level : float
    """

    categories: NDArray[np.int64]
    thresholds: Array
    params: Array
    cov: Array
    df: float
    log_likelihood: float
    converged: bool
    separated: bool
    dropped: NDArray[np.bool_]
    n: int
    n_clusters: int | None
    level: float

    @property
    def std_error(self) -> Array:
        """Standard errors of `params`, (p,)."""
        return np.sqrt(np.diag(self.cov)[len(self.thresholds) :])

    @property
    def conf_low(self) -> Array:
        """Lower limits of `params`, (p,)."""
        return self.params - t_limit(self.df, self.level) * self.std_error

    @property
    def conf_high(self) -> Array:
        """Upper limits of `params`, (p,)."""
        return self.params + t_limit(self.df, self.level) * self.std_error

    @property
    def p_value(self) -> Array:
        """Two-sided p of params = 0, (p,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return t_p_value(self.params / self.std_error, np.full(len(self.params), self.df))


def proportional_odds(
    x: ArrayLike,
    y: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    correction: str = "CR2",
) -> OrdinalFit:
    """Maximum likelihood of log odds(Y <= c) = k_c - x'b, with one b for all categories c.

    The log-likelihood is concave in (k, b), so there is one maximum; Newton steps that would
    put thresholds out of order are shortened.

    Parameters
    ----------
    x : (n, p) array_like of float
        Without a constant column: the thresholds are the constants. p may be 0.
    y : (n,) array_like of int
        Codes 0, 1, ... in order; some may not occur.
    clusters : (n,) array_like, optional
        Patient of each row.
    level : float
        Confidence level of `conf_low` and `conf_high`.
    correction : {"CR2", "CR1", "CR0"}
        Of the sandwich for the number of clusters. CR2 divides each cluster's score by the root of
        what its own leverage leaves; CR1 is CR0 times m / (m - 1).

    Returns
    -------
    OrdinalFit
        Look at `converged` and `separated`.

    Raises
    ------
    DataError
        If the shapes do not fit, a value is missing, codes are no whole numbers from 0, or all rows
        are of one category.

    Source
    ------
    McCullagh (1980), J. R. Stat. Soc. B 42, 109; concavity: Pratt (1981), J. Am. Stat. Assoc. 76, 103;
    CR2: Bell and McCaffrey (2002), Surv. Methodol. 28, 169. Checked: tests/reference/ordinal.R (clm).
    """
    if not 0 < level < 1:
        raise DataError("level must lie between 0 and 1; 0.95 is usual")
    x, place, categories, kept = checked_rows(x, y)
    n, n_columns, n_cuts = len(x), x.shape[1], len(categories) - 1
    codes = None if clusters is None else cluster_codes(clusters, n)
    centre, scale = x.mean(axis=0)[kept], x.std(axis=0)[kept]
    rows = _Rows((x[:, kept] - centre) / scale, place, n_cuts)
    below = np.cumsum(np.bincount(place, minlength=n_cuts + 1))[:-1] / n
    found = climb(rows.evaluate, np.concatenate([logit(below), np.zeros(int(kept.sum()))]))
    separated = rows.far_out(found.params) and rows.separable()
    # Back to the columns' own units: theta = back @ theta of the scaled columns.
    back = np.diag(np.concatenate([np.ones(n_cuts), 1.0 / scale]))
    back[:n_cuts, n_cuts:] = centre / scale
    own = back @ found.params
    params = np.zeros(n_columns)
    params[kept] = own[n_cuts:]
    cov = np.full((n_cuts + n_columns, n_cuts + n_columns), np.nan)
    n_clusters = None if codes is None else int(codes.max()) + 1
    if found.converged and not separated and n_clusters != 1:
        used = np.concatenate([np.ones(n_cuts, bool), kept])
        cov[np.ix_(used, used)] = back @ rows.covariance(found.params, codes, correction) @ back.T
    return OrdinalFit(
        categories=categories,
        thresholds=own[:n_cuts],
        params=params,
        cov=cov,
        df=np.inf if n_clusters is None else float(max(n_clusters - len(own), 1)),
        log_likelihood=found.value,
        converged=found.converged and not separated,
        separated=separated,
        dropped=~kept,
        n=n,
        n_clusters=n_clusters,
        level=level,
    )


def checked_rows(x: ArrayLike, y: ArrayLike):
    """The rows as arrays, or what is wrong with them.

    Returns
    -------
    x : (n, p) float
    place : (n,) int
        Place of each row's category among those that occur.
    categories : (K,) int
    kept : (p,) bool
        Columns that are neither constant nor combinations of others.
    """
    x, y = np.asarray(x, float), np.asarray(y)
    if x.ndim != 2 or y.shape != (len(x),):
        raise DataError("x must be a matrix and y have one category per row of it")
    if not np.isfinite(x).all():
        n_bad = int((~np.isfinite(x).all(axis=1)).sum())
        raise DataError(f"a covariate is missing or infinite in {n_bad} rows; leave them out or fill them")
    if y.dtype.kind not in "biuf" or not (np.isfinite(y) & (y >= 0) & (y == np.rint(y))).all():
        raise DataError("categories are whole numbers from 0, in their order")
    categories, place = np.unique(y.astype(np.int64), return_inverse=True)
    if len(categories) < 2:
        raise DataError("all rows are of one category, or there are none; there is nothing to compare")
    whole = np.column_stack([np.ones(len(x)), x])
    kept = independent_columns(whole, whole.T @ whole)[1:]
    return x, place, categories, kept


@dataclass(frozen=True)
class _Rows:
    """Columns on a common scale, and the place of each row's category.

    A row of category c has probability F(a) - F(b), with a = k_c - x'b and b = k_(c-1) - x'b; a is
    infinite for the last category and b for the first.
    """

    x: Array
    place: NDArray[np.int64]
    n_cuts: int

    def evaluate(self, params: Array):
        """Log-likelihood, gradient and Hessian; NaN where thresholds are out of order."""
        if (np.diff(params[: self.n_cuts]) <= 0).any():
            size = len(params)
            return np.nan, np.full(size, np.nan), np.full((size, size), np.nan)
        upper, lower = self._ends(params)
        value = log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(lower - upper))
        return float(value.sum()), self._scores(params).sum(axis=0), -self._information(params)

    def covariance(self, params: Array, codes, correction: str) -> Array:
        """Inverse information, or the sandwich of the clusters' scores."""
        information = self._information(params)
        if codes is None:
            return np.linalg.inv(information)
        own = None
        if correction == "CR2":
            own = np.stack([summed(part, codes) for part in self._information_columns(params)], axis=2)
        by_cluster = summed(self._scores(params), codes)
        return sandwich(
            by_cluster, information, np.arange(len(by_cluster)), correction=correction, own_information=own
        )

    def far_out(self, params: Array) -> bool:
        """Whether some row's category is told almost without fail by one of its two ends."""
        upper, lower = self._ends(params)
        out = (np.isfinite(upper) & (upper > FAR_OUT)) | (np.isfinite(lower) & (lower < -FAR_OUT))
        return bool(out.any())

    def separable(self) -> bool:
        """Whether there is a direction in which no row's probability falls and some row's rises for ever.

        Along such a direction no upper end comes down and no lower end goes up: a linear programme.
        """
        distinct = np.unique(np.column_stack([self.place, self.x]), axis=0)
        rows = _Rows(distinct[:, 1:], distinct[:, 0].astype(np.int64), self.n_cuts)
        upper, lower = rows._designs()
        ends = np.concatenate([upper[rows.place < self.n_cuts], -lower[rows.place > 0]])
        found = linprog(-ends.sum(axis=0), A_ub=-ends, b_ub=np.zeros(len(ends)), bounds=(-1, 1))
        return bool(found.status == 0 and -found.fun > LEAST_SLACK * len(ends))

    def _ends(self, params: Array) -> tuple[Array, Array]:
        cuts = np.concatenate([[-np.inf], params[: self.n_cuts], [np.inf]])
        center = self.x @ params[self.n_cuts :]
        return cuts[self.place + 1] - center, cuts[self.place] - center

    def _designs(self) -> tuple[Array, Array]:
        """Derivatives of the two ends by (k, b), (n, p) each."""
        upper, lower = (
            np.concatenate([self.place[:, None] == np.arange(self.n_cuts) + shift, -self.x], axis=1)
            for shift in (0, 1)
        )
        return upper, lower

    def _scores(self, params: Array) -> Array:
        """Derivatives of each row's log-likelihood, (n, p)."""
        ends = self._ends(params)
        upper, lower = self._designs()
        with np.errstate(over="ignore"):
            apart = 1.0 / np.expm1(ends[0] - ends[1])
        return upper * (expit(-ends[0]) + apart)[:, None] - lower * (expit(ends[1]) + apart)[:, None]

    def _bends(self, params: Array) -> tuple[Array, Array, Array]:
        """Minus the second derivatives: of the upper end, of the lower end, and of their distance."""
        upper, lower = self._ends(params)
        with np.errstate(over="ignore"):
            apart = -1.0 / (np.expm1(upper - lower) * np.expm1(lower - upper))
        return expit(upper) * expit(-upper), expit(lower) * expit(-lower), apart

    def _information(self, params: Array) -> Array:
        upper, lower = self._designs()
        at_upper, at_lower, apart = self._bends(params)
        width = upper - lower
        return (
            upper.T @ (upper * at_upper[:, None])
            + lower.T @ (lower * at_lower[:, None])
            + width.T @ (width * apart[:, None])
        )

    def _information_columns(self, params: Array):
        """Each row's part of the information, one column at a time, (n, p)."""
        upper, lower = self._designs()
        at_upper, at_lower, apart = self._bends(params)
        width = upper - lower
        for j in range(len(params)):
            yield (
                upper * (upper[:, j] * at_upper)[:, None]
                + lower * (lower[:, j] * at_lower)[:, None]
                + width * (width[:, j] * apart)[:, None]
            )
