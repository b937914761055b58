"""Accelerated failure time models of times that are known only to lie in intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

from ketaoutcomes.engine.aft_families import FAMILIES, RowTerms, row_terms
from ketaoutcomes.engine.aft_rows import AftRows, checked_rows, first_guess, orthogonal, scores_and_hessian
from ketaoutcomes.engine.clustered import sandwich
from ketaoutcomes.engine.damped import climb

__all__ = ["AftFit", "aft", "scale_is_inside"]

Array = NDArray[np.float64]

SMALLEST_LOG_SCALE, LARGEST_LOG_SCALE = -6.0, 6.0
# Information below which a direction's standard error exceeds 100 scales: nothing is known along it.
LEAST_INFORMATION = 1e-4


@dataclass(frozen=True)
class AftFit:
    """log T = x'params + exp(log_scale) W.

    Parameters
    ----------
    params : (p,) float
        Logarithms of time ratios; of an intercept, of a time.
    log_scale : float
    cov : (p + 1, p + 1) float
        Of `params` and `log_scale`, by the observed information. NaN where not converged.
    robust_cov : (p + 1, p + 1) float or None
        Allows for dependence within clusters; None without clusters, NaN with a single one.
    log_likelihood : float
        Exact times enter with the density of time, so that it depends on the unit by n log(unit).
    gradient_norm : float
        Largest derivative of the log-likelihood, columns taken orthogonal and of size 1.
    converged : bool
    code : {"", "SCALE_AT_LIMIT", "NO_FINITE_MAXIMUM", "NOT_CONVERGED"}
        SCALE_AT_LIMIT: log_scale has no limit downwards (one time is in all intervals) or upwards (none is
        likelier than another), or went beyond 6 on its way. NO_FINITE_MAXIMUM: some combination of columns
        has a limit of 0 or of infinity.
    n, n_events : int
        Rows, and those with a right end.
    n_clusters : int or None
    family : {"weibull", "loglogistic", "lognormal"}
    """

    params: Array
    log_scale: float
    cov: Array
    robust_cov: Array | None
    log_likelihood: float
    gradient_norm: float
    converged: bool
    code: str
    n: int
    n_events: int
    n_clusters: int | None
    family: str

    @property
    def best_cov(self) -> Array:
        """The covariance that allows for all that is known of the rows."""
        return self.cov if self.robust_cov is None else self.robust_cov

    @property
    def df(self) -> float:
        """Of the t distribution for limits: clusters less columns; inf, the normal one, without clusters."""
        return np.inf if self.n_clusters is None else float(max(self.n_clusters - len(self.params), 1))


def aft(
    x: ArrayLike,
    left: ArrayLike,
    right: ArrayLike,
    *,
    family: str = "weibull",
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    correction: str = "CR2",
) -> AftFit:
    """Fit log T = x'beta + s W to times known to lie in (left, right].

    The log-likelihood is concave in (beta / s, 1 / s), so there is one maximum. The unit of time moves
    the intercept only. An interval narrower than 1e-8 of its right end counts as an exact time.

    Parameters
    ----------
    x : (n, p) array_like of float
        Columns, with the constant where one is meant.
    left, right : (n,) array_like of float
        As for `npmle`; `right` = inf is right-censored, equal ends above 0 are an exact time.
    family : {"weibull", "loglogistic", "lognormal"}
    weights : (n,) array_like of float, optional
        How many rows each stands for.
    clusters : (n,) array_like, optional
        Patient of each row, for `robust_cov`.
    correction : {"CR2", "CR1", "CR0"}
        Of the sandwich for the number of clusters. CR2 divides each cluster's score by the root of what
        its own leverage leaves, in (beta / s, 1 / s), where leverages lie between 0 and 1; CR1 is CR0
        times m / (m - 1).

    Returns
    -------
    AftFit
        Look at `converged` and `code`.

    Raises
    ------
    DataError
        If an interval is malformed, an exact time is 0, all rows are right-censored or none has a left
        end, fewer than two different finite ends are there, or a column is a combination of others.

    Source
    ------
    Kalbfleisch and Prentice (2002), ch. 3; Burridge (1981), J. R. Stat. Soc. B 43, 41 (concavity);
    Bell and McCaffrey (2002), Surv. Methodol. 28, 169 (CR2). Checked against R survival::survreg:
    tests/engine/test_parametric.py.
    """
    rows = checked_rows(x, left, right, family=family, weights=weights, clusters=clusters)
    basis, root = orthogonal(rows.x)
    kind = FAMILIES[family]

    def evaluate(params: Array):
        terms = row_terms(rows.times, basis @ params[:-1], float(params[-1]), kind)
        scores, hessian = scores_and_hessian(basis, terms, rows.weights)
        return float(rows.weights @ terms.value), scores.sum(axis=0), hessian

    found = climb(evaluate, first_guess(rows, basis, family), is_inside=scale_is_inside)
    tau = float(found.params[-1])
    code = _code(found, tau, any_exact=bool(rows.times.is_exact.any()))
    size = len(found.params)
    back = np.eye(size)
    back[:-1, :-1] = solve_triangular(root, np.eye(size - 1))
    cov, robust = np.full((size, size), np.nan), None
    if not code:
        cov = back @ np.linalg.inv(-found.hessian) @ back.T
    if rows.codes is not None:
        robust = np.full((size, size), np.nan)
        if not code and rows.n_clusters > 1:
            terms = row_terms(rows.times, basis @ found.params[:-1], tau, kind)
            robust = back @ _robust(rows, basis, found, terms, correction) @ back.T
    return AftFit(
        params=back[:-1, :-1] @ found.params[:-1],
        log_scale=tau,
        cov=cov,
        robust_cov=robust,
        log_likelihood=found.value,
        gradient_norm=float(np.abs(found.gradient).max()),
        converged=not code,
        code=code,
        n=len(rows.x),
        n_events=rows.n_events,
        n_clusters=rows.n_clusters,
        family=family,
    )


def scale_is_inside(params: Array) -> bool:
    return bool(SMALLEST_LOG_SCALE <= params[-1] <= LARGEST_LOG_SCALE)


def _code(found, tau: float, *, any_exact: bool) -> str:
    """What keeps the point from being a maximum."""
    # A likelihood of 1: one time is in every interval, and the scale goes to 0.
    if not scale_is_inside(found.params) or (not any_exact and found.value > -1e-6):
        return "SCALE_AT_LIMIT"
    size = np.append(np.full(len(found.params) - 1, np.exp(tau)), 1.0)
    information = -found.hessian * np.outer(size, size)
    if not np.isfinite(information).all() or np.linalg.eigvalsh(information)[0] < LEAST_INFORMATION:
        return "NO_FINITE_MAXIMUM"
    return "" if found.converged else "NOT_CONVERGED"


def _robust(rows: AftRows, basis: Array, found, terms: RowTerms, correction: str) -> Array:
    """Sandwich of the clusters' scores, in the orthogonal columns."""
    scores, _ = scores_and_hessian(basis, terms, rows.weights)
    if correction != "CR2":
        return sandwich(scores, -found.hessian, rows.codes, correction=correction)
    # In (theta, kappa) = (beta / s, 1 / s) no row's log-likelihood bends up, so no leverage leaves 0..1.
    s = float(np.exp(found.params[-1]))
    center = basis @ found.params[:-1]
    p = basis.shape[1]
    to_own = s * np.eye(p + 1)
    to_own[:p, p] = -s * found.params[:-1]
    to_own[p, p] = -s
    by_row = _bends_in_concave(terms, center, s)
    bends = np.empty((len(basis), p + 1, p + 1))
    bends[:, :p, :p] = -by_row[0][:, None, None] * basis[:, :, None] * basis[:, None, :]
    bends[:, :p, p] = bends[:, p, :p] = -by_row[1][:, None] * basis
    bends[:, p, p] = -by_row[2]
    concave = sandwich(
        scores @ to_own,
        -to_own.T @ found.hessian @ to_own,
        rows.codes,
        correction="CR2",
        own_information=bends * rows.weights[:, None, None],
    )
    return to_own @ concave @ to_own.T


def _bends_in_concave(terms: RowTerms, center: Array, s: float) -> tuple[Array, Array, Array]:
    """Second derivatives of each row by m = x'theta and kappa: mm, m kappa, kappa kappa."""
    mm = terms.mu_mu * s**2
    m_kappa = -(terms.mu_mu * center + terms.mu_tau + terms.mu) * s**2
    kappa_kappa = terms.mu_mu * center**2 + 2.0 * terms.mu_tau * center + terms.tau_tau
    return mm, m_kappa, (kappa_kappa + 2.0 * terms.mu * center + terms.tau) * s**2
