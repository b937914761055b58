"""Beta-binomial regression: shares of sessions with an event where patients differ in their chance of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

from ketaoutcomes.engine.beta_binomial_likelihood import (
    ClusterCounts,
    Evaluator,
    rate_limits,
    rho_limits,
)
from ketaoutcomes.engine.count_design import Design, checked_counts, checked_level, design
from ketaoutcomes.engine.frailty import boundary_p_value
from ketaoutcomes.engine.logistic import logistic
from ketaoutcomes.engine.shape_climb import LARGEST, best_start, shape_climb
from ketaoutcomes.errors import ConvergenceError, DataError, Problem

__all__ = ["BetaBinomialFit", "beta_binomial"]

Array = NDArray[np.float64]

NO_EVENTS, ALL_EVENTS = "NO_EVENTS", "ALL_EVENTS"
SEPARATION, TOO_FEW_CLUSTERS = "SEPARATION", "TOO_FEW_CLUSTERS"
BINOMIAL, COMPLETE = "binomial", "complete"
# A gain on the binomial log-likelihood that rounding can make.
NO_GAIN = 1e-8
ENOUGH_TO_START = 2000


@dataclass(frozen=True)
class BetaBinomialFit:
    """Log odds of an event, and how much clusters differ.

    Parameters
    ----------
    params : (p,) float
        logit of the mean share = x'params. NaN for a dropped column, and all NaN where `code` says so.
    cov : (p + 1, p + 1) float
        Of (params, log phi), inverse observed information. The row of log phi is NaN where phi is at an end
        of its range or not identified; the rest is then that of the limiting model.
    std_error, conf_low, conf_high : (p,) float
        Of `params`, Wald with normal quantiles.
    phi : float
        alpha = mu phi, beta = (1 - mu) phi; inf with `boundary` "binomial", 0 with "complete".
    rho : float
        1 / (1 + phi), the correlation of two trials of a cluster.
    rho_low, rho_high : float
        Profile-likelihood limits if the constant is the only column; NaN otherwise.
    rate, rate_low, rate_high : float
        Mean share of events over clusters with profile-likelihood limits, if the constant is the only
        column; NaN otherwise.
    log_likelihood, log_likelihood_binomial : float
        With all constants.
    statistic, p_value : float
        Likelihood ratio against the binomial, and its p from half of chi-squared with 1 df: rho = 0 is
        at the end of its range.
    boundary : str
        "", "binomial" (no correlation makes the data more likely) or "complete" (each cluster has all
        events or none, and rho is 1).
    rho_identified : bool
        False where every cluster has one trial, so that the data say nothing on rho; `params` are then the
        binomial ones. Also False with a `code`.
    gradient_norm : float
        Largest derivative at the maximum.
    code : str
        "" if there are estimates. "NO_EVENTS", "ALL_EVENTS": nothing but NaN. "SEPARATION": a combination
        of columns tells clusters without events from clusters with nothing but events; nothing but NaN.
        "TOO_FEW_CLUSTERS" (no more than columns): the binomial `params` and `rate` without limits.
    n_clusters, n_trials, n_events : int
        Clusters with at least one trial, their trials and events.
    dropped : (p,) bool
        Columns that are combinations of those before them.
    level : float
    """

    params: Array
    cov: Array
    std_error: Array
    conf_low: Array
    conf_high: Array
    phi: float
    rho: float
    rho_low: float
    rho_high: float
    rate: float
    rate_low: float
    rate_high: float
    log_likelihood: float
    log_likelihood_binomial: float
    statistic: float
    p_value: float
    boundary: str
    rho_identified: bool
    gradient_norm: float
    code: str
    n_clusters: int
    n_trials: int
    n_events: int
    dropped: NDArray[np.bool_]
    level: float


@dataclass(frozen=True)
class _Maximum:
    """Where the likelihood is highest, in the orthogonal columns; tau = log phi may be infinite."""

    own: Array
    tau: float
    cov: Array
    log_likelihood: float
    gradient_norm: float
    boundary: str = ""


def beta_binomial(
    events: ArrayLike, trials: ArrayLike, x: ArrayLike | None = None, *, level: float = 0.95
) -> BetaBinomialFit:
    """Maximum likelihood of logit(mu) = x'b with beta-distributed chances, b and log phi together.

    Parameters
    ----------
    events, trials : (m,) array_like of int
        Events and trials of each cluster, e.g. sessions of a patient; clusters without trials are left out.
    x : (m, p) array_like of float, optional
        Columns, with the constant where one is meant; only the constant if left out.
    level : float

    Returns
    -------
    BetaBinomialFit

    Raises
    ------
    DataError
        If lengths differ, a count is not a whole number of 0 or more, events exceed trials, or there are no
        trials.
    ConvergenceError
        If the maximum is not reached.

    Source
    ------
    Griffiths (1973), Biometrics 29, 637; boundary: Self and Liang (1987), J. Am. Stat. Assoc. 82, 605.
    Checked: tests/reference/count_models.R (glmmTMB, and the maximum of the density as R has it).
    """
    level = checked_level(level)
    counts, columns = _checked(events, trials, x)
    if not counts.events.any() or (counts.events == counts.trials).all():
        return _fit(counts, columns, None, np.nan, level, ALL_EVENTS if counts.events.any() else NO_EVENTS)
    plain = _binomial(counts)
    if plain is None:
        return _fit(counts, columns, None, np.nan, level, SEPARATION)
    if counts.times.sum() <= counts.basis.shape[1]:
        nothing = np.full_like(plain.cov, np.nan)
        found = _Maximum(plain.own, np.nan, nothing, plain.log_likelihood, plain.gradient_norm)
        return _fit(counts, columns, found, plain.log_likelihood, level, TOO_FEW_CLUSTERS)
    if (counts.trials == 1).all():
        return _fit(counts, columns, plain, plain.log_likelihood, level, "")
    found = _complete(counts) if counts.is_complete else _highest(counts, plain)
    return _fit(counts, columns, found, plain.log_likelihood, level, "")


def _checked(events, trials, x) -> tuple[ClusterCounts, Design]:
    events, trials = checked_counts(events, "events"), checked_counts(trials, "trials")
    if events.shape != trials.shape:
        raise DataError("events and trials must be two lists of the same length, one value per cluster")
    if (events > trials).any():
        raise DataError(Problem("there are more events than trials", n_rows=int((events > trials).sum())))
    used = trials > 0
    if not used.any():
        raise DataError("no cluster has a trial")
    if x is not None:
        x = np.asarray(x, float)
        if x.ndim != 2 or len(x) != len(used):
            raise DataError("x must be a matrix with one line per cluster")
        x = x[used]
    columns = design(x, int(used.sum()))
    rows = np.column_stack([events[used], trials[used], columns.basis])
    kinds, times = np.unique(rows, axis=0, return_counts=True)
    return ClusterCounts(kinds[:, 0], kinds[:, 1], times.astype(float), kinds[:, 2:]), columns


def _binomial(counts: ClusterCounts) -> _Maximum | None:
    """The maximum without correlation; None if there is no finite one."""
    fit = logistic(
        np.vstack([counts.basis, counts.basis]),
        np.repeat([True, False], len(counts.events)),
        weights=np.concatenate(
            [counts.times * counts.events, counts.times * (counts.trials - counts.events)]
        ),
    )
    if fit.separated:
        return None
    if not fit.converged:
        raise ConvergenceError("the binomial model of the counts did not converge; use fewer covariates")
    eta = counts.basis @ fit.params
    slope = counts.basis.T @ (counts.times * (counts.events - counts.trials * expit(eta)))
    value = Evaluator(counts).binomial(eta)
    return _Maximum(fit.params, np.nan, _with_nan(fit.cov), value, float(np.abs(slope).max()))


def _complete(counts: ClusterCounts) -> _Maximum:
    """The maximum where each cluster has all events or none: each tells as much as one trial."""
    events = counts.events > 0
    fit = logistic(counts.basis, events, weights=counts.times)
    if not fit.converged:
        raise ConvergenceError("the model of whole clusters did not converge; use fewer covariates")
    eta = counts.basis @ fit.params
    slope = counts.basis.T @ (counts.times * (events - expit(eta)))
    value = Evaluator(counts).complete(eta)
    return _Maximum(fit.params, -np.inf, _with_nan(fit.cov), value, float(np.abs(slope).max()), COMPLETE)


def _highest(counts: ClusterCounts, plain: _Maximum) -> _Maximum:
    """The maximum over coefficients and phi, the binomial limit included."""
    evaluator = Evaluator(counts)
    # Where to start from is told by some of many clusters.
    some = slice(None, None, max(len(counts.events) // ENOUGH_TO_START, 1))
    few = Evaluator(
        ClusterCounts(counts.events[some], counts.trials[some], counts.times[some], counts.basis[some])
    )
    found = shape_climb(evaluator, np.append(plain.own, best_start(few, plain.own)))
    tau = float(found.params[-1])
    if tau >= LARGEST or (found.converged and found.value <= plain.log_likelihood + NO_GAIN):
        return _Maximum(plain.own, np.inf, plain.cov, plain.log_likelihood, plain.gradient_norm, BINOMIAL)
    if not found.converged:
        raise ConvergenceError(
            "the beta-binomial model of the counts did not converge; use fewer covariates or cluster_ratio"
        )
    slope = float(np.abs(found.gradient).max())
    return _Maximum(found.params[:-1], tau, np.linalg.inv(-found.hessian), found.value, slope)


def _with_nan(cov: Array) -> Array:
    """With a line for log phi, of which nothing is known."""
    whole = np.full((len(cov) + 1, len(cov) + 1), np.nan)
    whole[:-1, :-1] = cov
    return whole


def _fit(
    counts: ClusterCounts, columns: Design, found: _Maximum | None, binomial: float, level: float, code: str
) -> BetaBinomialFit:
    """All that is told of a maximum; NaN without one."""
    if found is None:
        nothing = np.full(counts.basis.shape[1] + 1, np.nan)
        found = _Maximum(nothing[1:], np.nan, np.diag(nothing), np.nan, np.nan)
    identified = not code and not np.isnan(found.tau)
    params, cov = columns.params(found.own), columns.cov(found.cov)
    std_error = np.sqrt(np.diag(cov)[:-1])
    reach = ndtri(0.5 + level / 2)
    rate, rates, rhos = np.nan, (np.nan, np.nan), (np.nan, np.nan)
    if columns.is_intercept:
        rate = float(expit(params[0]))
    if columns.is_intercept and not code:
        # The only column of the basis is a constant of either sign: its coefficient is made the log odds.
        flat = Evaluator(
            ClusterCounts(counts.events, counts.trials, counts.times, np.ones_like(counts.basis))
        )
        eta = float(params[0])
        rates = rate_limits(flat, eta, found.tau, found.log_likelihood, level)
        if identified:
            rhos = rho_limits(flat, eta, found.tau, found.log_likelihood, level)
    statistic = max(2.0 * (found.log_likelihood - binomial), 0.0) if identified else np.nan
    return BetaBinomialFit(
        params=params,
        cov=cov,
        std_error=std_error,
        conf_low=params - reach * std_error,
        conf_high=params + reach * std_error,
        phi=float(np.exp(found.tau)),
        rho=float(expit(-found.tau)),
        rho_low=rhos[0],
        rho_high=rhos[1],
        rate=rate,
        rate_low=rates[0],
        rate_high=rates[1],
        log_likelihood=found.log_likelihood,
        log_likelihood_binomial=binomial,
        statistic=statistic,
        p_value=boundary_p_value(statistic) if identified else np.nan,
        boundary=found.boundary,
        rho_identified=identified,
        gradient_norm=found.gradient_norm,
        code=code,
        n_clusters=round(counts.times.sum()),
        n_trials=round(counts.times @ counts.trials),
        n_events=round(counts.times @ counts.events),
        dropped=columns.dropped,
        level=level,
    )
