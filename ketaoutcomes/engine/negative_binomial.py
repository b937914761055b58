"""Negative binomial regression: log-linear rates of counts that vary between patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from ketaoutcomes.engine.count_design import checked_level
from ketaoutcomes.engine.frailty import boundary_p_value
from ketaoutcomes.engine.log_linear import (
    CountRows,
    checked_count_rows,
    cluster_robust,
    log_linear,
    poisson_log_likelihood,
)
from ketaoutcomes.engine.rising import log_rising
from ketaoutcomes.engine.shape_climb import LARGEST, best_start, shape_climb
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import ConvergenceError

__all__ = ["NegativeBinomialFit", "negative_binomial"]

Array = NDArray[np.float64]

TOO_FEW_ROWS = "TOO_FEW_ROWS"
# A gain on Poisson's log-likelihood that rounding can make.
NO_GAIN = 1e-8
OBSERVED_METHOD, CLUSTER_METHOD = "observed information, normal", "cluster-robust (CR2), t"
POISSON_METHOD = "Poisson limit, normal"


@dataclass(frozen=True)
class NegativeBinomialFit:
    """Log rate ratios, and the shape `theta` of the rates' spread: Var = mu + mu^2 / theta.

    Parameters
    ----------
    params : (p,) float
        log rate = x'params. NaN for a dropped column, and all NaN where `code` says why.
    theta : float
        inf if `is_poisson`.
    theta_std_error : float
        From the observed information of all parameters together.
    theta_std_error_alone : float
        With the coefficients held, as MASS::glm.nb prints it.
    cov : (p + 1, p + 1) float
        Of (params, log theta): inverse observed information of all parameters together. The row of log
        theta is NaN if `is_poisson`.
    cov_expected : (p, p) float
        Inverse expected information with theta held, as MASS::glm.nb gives it.
    robust_cov : (p, p) float, optional
        CR2 sandwich of the clusters at the estimated theta, whose own uncertainty does not enter (it is
        uncorrelated with the coefficients). NaN unless there are more clusters than columns.
    std_error, conf_low, conf_high : (p,) float
        From `robust_cov` where there are clusters, from `cov` otherwise.
    df : float
        Of t for the limits; inf is normal.
    rate, rate_low, rate_high : float
        Events per unit of exposure if the constant is the only column; NaN otherwise.
    log_likelihood, log_likelihood_poisson : float
        With all constants.
    statistic, p_value : float
        Likelihood ratio against Poisson, and its p from half of chi-squared with 1 df: theta = inf is at
        the end of its range.
    is_poisson : bool
        Whether the likelihood is highest without overdispersion.
    gradient_norm : float
        Largest derivative at the maximum.
    code : str
        "" if there are estimates; "NO_EVENTS", "SEPARATION" (as for `quasi_poisson`) or "TOO_FEW_ROWS"
        (no more rows than columns, so that no spread can be seen).
    method : str
        How the limits were made.
    level : float
    n, n_events : int
        Rows with an exposure, and their events.
    n_clusters : int, optional
    exposure : float
        Sum over the rows.
    dropped : (p,) bool
        Columns that are combinations of those before them.
    """

    params: Array
    theta: float
    theta_std_error: float
    theta_std_error_alone: float
    cov: Array
    cov_expected: Array
    robust_cov: Array | None
    std_error: Array
    conf_low: Array
    conf_high: Array
    df: float
    rate: float
    rate_low: float
    rate_high: float
    log_likelihood: float
    log_likelihood_poisson: float
    statistic: float
    p_value: float
    is_poisson: bool
    gradient_norm: float
    code: str
    method: str
    level: float
    n: int
    n_events: int
    n_clusters: int | None
    exposure: float
    dropped: NDArray[np.bool_]


@dataclass(frozen=True)
class _Maximum:
    """Where the likelihood is highest, in the orthogonal columns; theta is inf at Poisson's limit."""

    own: Array
    mu: Array
    theta: float
    information: Array
    log_likelihood: float
    gradient_norm: float


def negative_binomial(
    counts: ArrayLike,
    x: ArrayLike | None = None,
    *,
    exposure: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> NegativeBinomialFit:
    """Maximum likelihood of log rate = x'b with Var = mu + mu^2 / theta (NB2), b and theta together.

    Parameters
    ----------
    counts : (n,) array_like of int
        Events of each row, e.g. of each patient.
    x : (n, p) array_like of float, optional
        Columns, with the constant where one is meant; only the constant if left out.
    exposure : (n,) array_like of float, optional
        Amount at risk of each row, e.g. sessions; 1 if left out. Rows of 0 exposure are left out.
    clusters : (n,) array_like, optional
        Patient of each row, where a patient has several; limits are then cluster-robust, with t on clusters
        less columns.
    level : float

    Returns
    -------
    NegativeBinomialFit

    Raises
    ------
    DataError
        If lengths differ, a count is not a whole number of 0 or more, an exposure is negative or
        missing, or there are events without exposure.
    ConvergenceError
        If the maximum is not reached.

    Source
    ------
    Lawless (1987), Can. J. Stat. 15, 209; boundary: Self and Liang (1987), J. Am. Stat. Assoc. 82, 605;
    sandwich: Kauermann and Carroll (2001), J. Am. Stat. Assoc. 96, 1387.
    Checked: tests/reference/count_models.R (MASS::glm.nb).
    """
    rows = checked_count_rows(counts, x, exposure, clusters)
    level = checked_level(level)
    own, mu, code = log_linear(rows)
    n, k = rows.design.basis.shape
    if not code and n <= k:
        code = TOO_FEW_ROWS
    if code:
        nothing = np.full((k, k), np.nan)
        return _fit(
            rows,
            _Maximum(nothing[0], np.full(n, np.nan), np.nan, nothing, np.nan, np.nan),
            np.nan,
            code,
            level,
        )
    value = poisson_log_likelihood(rows.counts, mu)
    return _fit(rows, _highest(rows, own, mu, value), value, "", level)


def _highest(rows: CountRows, own: Array, mu: Array, poisson: float) -> _Maximum:
    """The maximum over coefficients and theta, Poisson's limit included."""
    likelihood = _Likelihood(rows)
    found = shape_climb(likelihood, np.append(own, best_start(likelihood, own)))
    tau = float(found.params[-1])
    if tau >= LARGEST or (found.converged and found.value <= poisson + NO_GAIN):
        basis = rows.design.basis
        information = (basis * mu[:, None]).T @ basis
        slope = float(np.abs(basis.T @ (rows.counts - mu)).max())
        return _Maximum(own, mu, np.inf, information, poisson, slope)
    if not found.converged:
        raise ConvergenceError(
            "the negative binomial model of counts did not converge; use fewer covariates or quasi_poisson"
        )
    mu = rows.exposure * np.exp(rows.design.basis @ found.params[:-1])
    slope = float(np.abs(found.gradient).max())
    return _Maximum(found.params[:-1], mu, float(np.exp(tau)), -found.hessian, found.value, slope)


class _Likelihood:
    """Log-likelihood, gradient and Hessian by the coefficients of the orthogonal columns and log theta."""

    def __init__(self, rows: CountRows):
        self.y, self.basis, self.offset = rows.counts, rows.design.basis, np.log(rows.exposure)
        # Terms in theta alone are the same for equal counts.
        self.kinds, self.times = np.unique(rows.counts, return_counts=True)
        self.constant = float(gammaln(rows.counts + 1).sum())

    def __call__(self, params: Array) -> tuple[float, Array, Array]:
        y = self.y
        # A step too far gives no number; the climb then takes a shorter one.
        with np.errstate(all="ignore"):
            theta, predictor = float(np.exp(params[-1])), self.offset + self.basis @ params[:-1]
            mu = np.exp(predictor)
            total, rest = theta + mu, y - mu
            rising = [float(self.times @ part) for part in log_rising(theta, self.kinds)]
            value = (
                rising[0]
                - self.constant
                + (y * (predictor - np.log(total)) - theta * np.log1p(mu / theta)).sum()
            )
            slope = rising[1] - (np.log1p(mu / theta) + rest / total).sum()
            bend = rising[2] + (mu / (theta * total) + rest / total**2).sum()
            by_rate = theta * rest / total
            across = theta * rest * mu / total**2
            curve = (y + theta) * mu * theta / total**2
            size = len(params)
            gradient, hessian = np.empty(size), np.empty((size, size))
            gradient[:-1], gradient[-1] = self.basis.T @ by_rate, theta * slope
            hessian[:-1, :-1] = -(self.basis * curve[:, None]).T @ self.basis
            hessian[-1, :-1] = hessian[:-1, -1] = self.basis.T @ across
            hessian[-1, -1] = theta * slope + theta**2 * bend
        return float(value), gradient, hessian


def _fit(rows: CountRows, found: _Maximum, poisson: float, code: str, level: float) -> NegativeBinomialFit:
    """All that is told of a maximum; NaN with a code."""
    basis, theta, mu = rows.design.basis, found.theta, found.mu
    is_poisson = bool(np.isinf(theta))
    k = basis.shape[1]
    joint, expected = np.full((k + 1, k + 1), np.nan), np.full((k, k), np.nan)
    weight = mu if is_poisson else mu * theta / (theta + mu)
    if not code:
        expected = np.linalg.inv((basis * weight[:, None]).T @ basis)
        if is_poisson:
            joint[:k, :k] = expected
        else:
            joint = np.linalg.inv(found.information)
    cov, robust = rows.design.cov(joint), None
    if rows.codes is not None:
        score = (rows.counts - mu) * weight / mu
        robust = np.full((cov.shape[0] - 1,) * 2, np.nan) if code else cluster_robust(rows, score, weight)
    if robust is None:
        method, df = (POISSON_METHOD if is_poisson else OBSERVED_METHOD), np.inf
    else:
        method, df = CLUSTER_METHOD, float(rows.n_clusters - k) if rows.n_clusters > k else np.nan
    params = rows.design.params(found.own)
    std_error = np.sqrt(np.diag(cov)[:-1] if robust is None else np.diag(robust))
    low, high = params - t_limit(df, level) * std_error, params + t_limit(df, level) * std_error
    rates = np.exp([params[0], low[0], high[0]]) if rows.design.is_intercept else np.full(3, np.nan)
    statistic = max(2.0 * (found.log_likelihood - poisson), 0.0) if not code else np.nan
    alone = np.nan if code or is_poisson else theta / np.sqrt(found.information[-1, -1])
    return NegativeBinomialFit(
        params=params,
        theta=theta,
        theta_std_error=np.nan if is_poisson else theta * float(np.sqrt(joint[-1, -1])),
        theta_std_error_alone=float(alone),
        cov=cov,
        cov_expected=rows.design.cov(expected),
        robust_cov=robust,
        std_error=std_error,
        conf_low=low,
        conf_high=high,
        df=df,
        rate=float(rates[0]),
        rate_low=float(rates[1]),
        rate_high=float(rates[2]),
        log_likelihood=found.log_likelihood,
        log_likelihood_poisson=poisson,
        statistic=statistic,
        p_value=np.nan if code else boundary_p_value(statistic),
        is_poisson=is_poisson,
        gradient_norm=found.gradient_norm,
        code=code,
        method=method,
        level=level,
        **rows.summary(),
    )
