"""Logistic regression by iteratively reweighted least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ketaoutcomes.engine.columns import independent_columns
from ketaoutcomes.errors import DataError

__all__ = ["LogisticFit", "logistic", "logistic_replicates", "probability"]

Array = NDArray[np.float64]

MOST_ITERATIONS = 60
MOST_HALVINGS = 30
# Converged when no linear predictor moves by more than this in a Newton step.
STILL = 1e-8
# Separated when the log-likelihood gains less than this times a mean weight, while a linear predictor
# still moves by more than that.
NO_GAIN = 1e-7
STILL_MOVING = 0.2
# A replicate has converged when the Newton decrement is below this times a mean weight.
DECREMENT = 1e-10
MOST_TOGETHER = 8


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients of a logistic regression, and what was wrong with it.

    Parameters
    ----------
    params : (p,) float
        Log odds ratios; 0 for a dropped column. Not estimates where `separated`.
    cov : (p, p) float
        Inverse information; NaN for dropped columns, and everywhere if `separated`.
    log_likelihood : float
    converged : bool
    separated : bool
        Whether some combination of columns tells some rows' outcomes without fail, so
        that coefficients have no finite maximum. Nothing is shrunk to hide it.
    dropped : (p,) bool
        Columns that are combinations of those before them.
    n_iterations : int
    """

    params: Array
    cov: Array
    log_likelihood: float
    converged: bool
    separated: bool
    dropped: NDArray[np.bool_]
    n_iterations: int


def logistic(
    x: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None, start: ArrayLike | None = None
) -> LogisticFit:
    """Maximum likelihood of log odds(y = 1) = x'b.

    Parameters
    ----------
    x : (n, p) array_like of float
        With a column of ones where an intercept is meant.
    y : (n,) array_like of bool
    weights : (n,) array_like of float, optional
        How many rows each row stands for.
    start : (p,) array_like of float, optional
        Coefficients to begin from, e.g. those of the whole sample in a bootstrap.

    Returns
    -------
    LogisticFit

    Raises
    ------
    DataError
        If the shapes do not fit, a value is missing or infinite, or y is neither 0 nor 1.

    Source
    ------
    McCullagh and Nelder (1989), 2.5; separation: Albert and Anderson (1984), Biometrika 71, 1.
    Checked: tests/reference/delayed.R (glm).
    """
    x, y, weights = _checked(x, y, weights)
    n_columns = x.shape[1]
    kept = independent_columns(x, (x * weights[:, None]).T @ x)
    used = x if kept.all() else x[:, kept]
    params = np.zeros(used.shape[1]) if start is None else np.asarray(start, float)[kept]
    fit = _iterate(used, y, weights, params)
    if start is not None and not fit[2] and not fit[3]:
        fit = _iterate(used, y, weights, np.zeros(used.shape[1]))
    params, information, converged, separated, value, n_iterations = fit
    whole = np.zeros(n_columns)
    whole[kept] = params
    cov = np.full((n_columns, n_columns), np.nan)
    if converged and not separated:
        scale = 1.0 / np.sqrt(np.diag(information))
        cov[np.ix_(kept, kept)] = np.linalg.inv(information * scale[:, None] * scale) * scale[:, None] * scale
    return LogisticFit(whole, cov, value, converged, separated, ~kept, n_iterations)


def probability(fit: LogisticFit, x: ArrayLike) -> Array:
    """Fitted P(y = 1) of each row of x, (n,).

    Parameters
    ----------
    fit : LogisticFit
    x : (n, p) array_like of float
    """
    return expit(np.asarray(x, float) @ fit.params)


def logistic_replicates(fit: LogisticFit, x: Array, y: ArrayLike, weights: Array):
    """Coefficients for many weightings of the same rows, begun from those of all rows.

    Parameters
    ----------
    fit : LogisticFit
        Of all rows, converged.
    x : (n, p) float
    y : (n,) array_like of bool
    weights : (B, n) float
        One row per replicate; 0 leaves a row out.

    Returns
    -------
    params : (B, p) float
    good : (B,) bool
        Whether the replicate converged without separation.
    """
    used, y = x[:, ~fit.dropped], np.asarray(y, bool)
    n_columns = used.shape[1]
    products = (used[:, :, None] * used[:, None, :]).reshape(len(used), n_columns**2)
    events = (weights * y) @ used
    params = np.tile(fit.params[~fit.dropped], (len(weights), 1))
    todo, w = np.arange(len(weights)), weights
    for _ in range(MOST_TOGETHER):
        with np.errstate(over="ignore"):
            chance = 1.0 / (1.0 + np.exp(-(params[todo] @ used.T)))
        expected = w * chance
        score = events[todo] - expected @ used
        information = (expected * (1.0 - chance)) @ products
        try:
            step = _solved_together(information.reshape(-1, n_columns, n_columns), score)
        except np.linalg.LinAlgError:
            break
        params[todo] += step
        open_ = ~((score * step).sum(axis=1) < DECREMENT * w.mean(axis=1))
        todo, w = todo[open_], w[open_]
        if len(todo) == 0:
            break
    whole, good = np.zeros((len(weights), x.shape[1])), np.ones(len(weights), bool)
    whole[:, ~fit.dropped] = params
    for replicate in todo:
        # Few get here: halved steps, and whether there is a maximum at all.
        own = logistic(x, y, weights=weights[replicate])
        whole[replicate], good[replicate] = own.params, own.converged and not own.separated
    return whole, good


def _solved_together(information, score):
    size = np.sqrt(np.einsum("bii->bi", information))
    if not np.all(size > 0):
        raise np.linalg.LinAlgError
    scaled = information / size[:, :, None] / size[:, None, :]
    return np.linalg.solve(scaled, (score / size)[:, :, None])[:, :, 0] / size


def _iterate(x, y, weights, params):
    """Newton steps, halved while they do not rise; returns what `logistic` needs of them."""
    sign = np.where(y, 1.0, -1.0)
    predictor = x @ params
    value = _log_likelihood(sign, predictor, weights)
    separated, n_total = False, weights.sum()
    for iteration in range(1, MOST_ITERATIONS + 1):
        chance = expit(predictor)
        information = x.T @ (x * (weights * chance * (1.0 - chance))[:, None])
        try:
            step = _solved(information, x.T @ (weights * (y - chance)))
        except np.linalg.LinAlgError:
            # Every probability is 0 or 1.
            return params, information, False, True, value, iteration
        move = x @ step
        furthest = np.abs(move).max(initial=0.0)
        if furthest < STILL:
            return params + step, information, True, separated, value, iteration
        for _ in range(MOST_HALVINGS):
            new = _log_likelihood(sign, predictor + move, weights)
            if new >= value - 1e-12 * n_total:
                break
            step, move = step / 2, move / 2
        params, predictor = params + step, predictor + move
        if new - value < NO_GAIN * n_total / len(y) and furthest > STILL_MOVING:
            return params, information, False, True, new, iteration
        value = new
    return params, information, False, separated, value, MOST_ITERATIONS


def _solved(information, score):
    size = np.sqrt(np.diag(information))
    if not np.all(size > 0):
        raise np.linalg.LinAlgError
    return np.linalg.solve(information / size[:, None] / size, score / size) / size


def _log_likelihood(sign, predictor, weights):
    return float(-(weights @ np.logaddexp(0.0, -sign * predictor)))


def _checked(x, y, weights):
    x, y = np.asarray(x, float), np.asarray(y)
    if x.ndim != 2 or y.shape != (len(x),):
        raise DataError("x must be a matrix and y have one value per row of it")
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, float)
    if weights.shape != y.shape:
        raise DataError("weights must be one value per row")
    if not np.isfinite(x).all():
        n_bad = int((~np.isfinite(x).all(axis=1)).sum())
        raise DataError(f"a covariate is missing or infinite in {n_bad} rows; leave them out or fill them")
    if not np.isin(y, (0, 1)).all():
        raise DataError("the outcome of a logistic regression is 0 or 1, true or false")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise DataError("a weight is negative, missing or infinite")
    used = weights > 0
    if not used.any():
        raise DataError("there are no rows to fit a logistic regression to")
    return (x, y.astype(bool), weights) if used.all() else (x[used], y[used].astype(bool), weights[used])
