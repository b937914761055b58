"""Cox regression of (start, stop] data, with strata, ties, weights and limits robust to clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.columns import independent
from ketaoutcomes.engine.risk_sets import Moments, RiskSets, risk_sets
from ketaoutcomes.errors import ConvergenceError, DataError

__all__ = ["CoxFit", "baseline_hazard", "cox", "refitted", "score_residuals"]

Array = NDArray[np.float64]
MOST_STEPS = 50
MOST_HALVINGS = 30
# Twice the gain in log-likelihood that the next step promises, at which the maximum counts as reached.
ENOUGH = 1e-12
# A log-likelihood is a sum of as many terms as there are events; it is good to this share.
ROUNDING = 1e-13
# A last step that still moves the log hazard ratio between two rows by so much leads to infinity.
STILL_MOVING = 1e-2
# Share of a column's square that must vary within risk sets, beside the columns before it.
SAME_FOR_ALL = 1e-10
# Largest change of a linear predictor in one step.
LONGEST_STEP = 8.0
# Steps with the same information: how many, how far one may go, and to what share each gain must fall.
MOST_CHORDS, LONGEST_CHORD, CLOSING_IN = 12, 1.0, 0.25


@dataclass(frozen=True)
class CoxFit:
    """Log hazard ratios of a Cox model.

    Parameters
    ----------
    params : (p,) float
        NaN for a column that is a combination of others; see `aliased`.
    cov : (p, p) float
        Inverse information: the covariance if rows were independent.
    robust_cov : (p, p) float or None
        Sandwich of the sums of score residuals by cluster, without small-sample factor (as R's
        coxph); None without clusters, NaN with a single one.
    score_by_cluster : (g, p) float or None
        Those sums.
    loglik, loglik_null : float
        Log partial likelihood at `params` and at 0.
    aliased : (p,) bool
    infinite : (p,) bool
        The likelihood rises without end along this column: the estimate is infinite, and what
        stands in `params` and `cov` is where the climb was given up.
    converged : bool
        False where any column is infinite.
    centre : (p,) float
        Weighted means of the columns, at which the baseline hazard is given.
    n, n_events, n_clusters, n_strata, n_steps : int
    sets : RiskSets
    moments : Moments
        At `params`.
    """

    params: Array
    cov: Array
    robust_cov: Array | None
    score_by_cluster: Array | None
    loglik: float
    loglik_null: float
    aliased: NDArray[np.bool_]
    infinite: NDArray[np.bool_]
    converged: bool
    centre: Array
    n: int
    n_events: int
    n_clusters: int
    n_strata: int
    n_steps: int
    sets: RiskSets
    moments: Moments


def cox(
    x: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    start: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    ties: str = "efron",
    offset: ArrayLike | None = None,
) -> CoxFit:
    """Maximum partial likelihood of log hazard ratios.

    Parameters
    ----------
    x : (n, p) array_like of float
        Without a constant: the baseline hazard holds it.
    stop, event, start, strata, ties
        As in `risk_sets`: a row is at risk in (start, stop], within its stratum.
    weights : (n,) array_like of float, optional
        0 or more; rows with 0 are left out.
    clusters : (n,) array_like, optional
        Patient of each row, for `robust_cov`.
    offset : (n,) array_like of float, optional
        Added to the linear predictor.

    Returns
    -------
    CoxFit

    Raises
    ------
    DataError
        If `start` is not before `stop` in some rows, a number is missing, or nothing happens.
    ConvergenceError
        If the maximum was not reached though the likelihood has one.

    Source
    ------
    Cox (1972); Efron (1977), J. Am. Stat. Assoc. 72, 557; Lin and Wei (1989), J. Am. Stat. Assoc.
    84, 1074. Checked: tests/reference/recurrent.R.
    """
    x = np.asarray(x, float)
    offset = np.zeros(len(x)) if offset is None else np.asarray(offset, float)
    if x.ndim != 2 or len(x) != len(np.asarray(stop)) or offset.shape != (len(x),):
        raise DataError("x must have one row, and the offset one number, per row of stop")
    if not (np.isfinite(x).all() and np.isfinite(offset).all()):
        bad = int((~np.isfinite(np.column_stack([x, offset]))).any(axis=1).sum())
        raise DataError(f"covariates are missing or infinite in {bad:,} rows; leave these rows out")
    x, offset, stop, event, start, strata, weights, clusters = _without_zero_weights(
        x, offset, stop, event, start, strata, weights, clusters
    )
    sets = risk_sets(stop, event, start=start, strata=strata, weights=weights, ties=ties)
    centre = np.average(x, axis=0, weights=sets.weights)
    spread = np.sqrt(np.average((x - centre) ** 2, axis=0, weights=sets.weights))
    # A column whose spread is rounding of its mean is a constant.
    scale = np.where(spread > 1e-12 * np.maximum(np.abs(centre), 1e-300), spread, 0.0)
    moved = (x - centre) / np.where(scale > 0, scale, 1.0) * (scale > 0)
    start_at = sets.moments(offset)
    kept = _told_apart(sets, start_at, moved)
    climb = _climb(sets, moved[:, kept], offset, start_at)
    params, cov = np.full(len(kept), np.nan), np.full((len(kept), len(kept)), np.nan)
    infinite = np.zeros(len(kept), bool)
    params[kept] = climb.beta / scale[kept]
    cov[np.ix_(kept, kept)] = climb.cov / np.outer(scale[kept], scale[kept])
    infinite[kept] = climb.infinite
    robust, sums, n_clusters = None, None, 0
    if clusters is not None:
        residuals = sets.scores(climb.moments, x[:, kept] - centre[kept])
        robust, sums, n_clusters = _sandwich(residuals, clusters, cov, kept)
    return CoxFit(
        params=params,
        cov=cov,
        robust_cov=robust,
        score_by_cluster=sums,
        loglik=climb.moments.loglik,
        loglik_null=start_at.loglik,
        aliased=~kept,
        infinite=infinite,
        converged=not infinite.any(),
        centre=centre,
        n=len(x),
        n_events=len(sets.event_rows),
        n_clusters=n_clusters,
        n_strata=sets.n_strata,
        n_steps=climb.n_steps,
        sets=sets,
        moments=climb.moments,
    )


def baseline_hazard(fit: CoxFit) -> tuple[Array, NDArray[np.intp], Array]:
    """Cumulative hazard of a row with the mean covariates and no offset.

    Returns
    -------
    time, stratum : (t,)
        Event times within strata (numbered in the order of their names).
    hazard : (t,) float
        Cumulative hazard from the stratum's beginning to the time, itself included.
    """
    increments = np.diff(fit.moments.cumulative)
    total = np.cumsum(increments)
    stratum = fit.sets.stratum
    first = np.searchsorted(stratum, stratum)
    return fit.sets.time, stratum, total - (total - increments)[first]


def score_residuals(fit: CoxFit, x: ArrayLike) -> Array:
    """Contribution of each row to the score at the maximum, weighted; columns sum to 0.

    Parameters
    ----------
    fit : CoxFit
    x : (n, p) array_like
        The rows that were fitted (without those of weight 0).

    Returns
    -------
    (n, p) ndarray
    """
    x = np.asarray(x, float)
    return fit.sets.scores(fit.moments, x - fit.centre)


def refitted(fit: CoxFit, x: ArrayLike, weights: ArrayLike) -> Array:
    """Log hazard ratios of the same rows with other weights, for a bootstrap of patients.

    Parameters
    ----------
    fit : CoxFit
        Without an offset, and with Breslow's ties, for which whole weights are copies of rows.
    x : (n, p) array_like
        The rows that were fitted.
    weights : (n,) array_like of float
        0 or more.

    Returns
    -------
    (p,) ndarray
        NaN if the maximum was not reached; NaN for aliased columns.
    """
    kept = ~fit.aliased
    x = np.asarray(x, float)[:, kept] - fit.centre[kept]
    sets = fit.sets.reweighted(np.asarray(weights, float))
    answer = np.full(len(kept), np.nan)
    moments = sets.moments(x @ fit.params[kept])
    if not fit.infinite.any():
        near = _chord(sets, x, moments, fit.params[kept], fit.cov[np.ix_(kept, kept)])
        if near is not None:
            answer[kept] = near
            return answer
    scale = np.sqrt(np.mean(x**2, axis=0))
    offset = np.zeros(len(x))
    begin = fit.params[kept] * scale
    try:
        climb = _climb(sets, x / scale, offset, moments, begin)
    except (ConvergenceError, np.linalg.LinAlgError):
        return answer
    if not climb.infinite.any() and np.isfinite(climb.beta).all():
        answer[kept] = climb.beta / scale
    return answer


def _chord(sets: RiskSets, x: Array, moments: Moments, beta: Array, cov: Array) -> Array | None:
    """Newton's method with the inverse information of all rows; None unless it closes in quickly.

    A bootstrap sample's information differs little from that of all rows, so a few more steps do, and
    each costs a fifth.
    """
    before = np.inf
    for _ in range(MOST_CHORDS):
        score = x.T @ (sets.weights * sets.event - moments.expected)
        step = cov @ score
        gain = score @ step
        if not np.abs(x @ step).max(initial=0.0) <= LONGEST_CHORD or gain > before * CLOSING_IN:
            return None
        beta = beta + step
        if gain <= ENOUGH:
            return beta
        before = gain
        moments = sets.moments(x @ beta)
    return None


def _told_apart(sets: RiskSets, moments: Moments, x: Array) -> NDArray[np.bool_]:
    """Columns that vary within risk sets and are no combination of those before them."""
    information = sets.information(moments, x)
    # What a column that is the same for all at risk leaves of its square is rounding.
    square = moments.expected @ x**2
    varies = np.diag(information) > SAME_FOR_ALL * square
    kept = np.zeros(len(varies), bool)
    kept[varies] = independent(information[np.ix_(varies, varies)], SAME_FOR_ALL)
    return kept


@dataclass(frozen=True)
class _Climb:
    """Where Newton's method ended, in standardised columns."""

    beta: Array
    cov: Array
    infinite: NDArray[np.bool_]
    moments: Moments
    n_steps: int


def _climb(sets: RiskSets, x: Array, offset: Array, moments: Moments, beta: Array | None = None) -> _Climb:
    """Newton's method with step halving, from 0 or from `beta`, whose moments are given."""
    beta = np.zeros(x.shape[1]) if beta is None else beta
    step = np.zeros(x.shape[1])
    for n_steps in range(MOST_STEPS):
        score = x.T @ (sets.weights * sets.event - moments.expected)
        information = sets.information(moments, x)
        step = _solved(information, score)
        change = np.abs(x @ step).max(initial=0.0)
        if score @ step <= ENOUGH:
            return _finished(sets, x, offset, beta, step, information, moments, n_steps)
        step *= min(1.0, LONGEST_STEP / max(change, 1e-300))
        least = moments.loglik - ROUNDING * abs(moments.loglik)
        for _ in range(MOST_HALVINGS):
            trial = sets.moments(x @ (beta + step) + offset)
            if np.isfinite(trial.loglik) and trial.loglik >= least:
                break
            step = step / 2
        else:
            # Rounding hides what is left to gain.
            return _finished(sets, x, offset, beta, 0 * step, information, moments, n_steps)
        beta, moments = beta + step, trial
    if np.abs(x @ step).max(initial=0.0) > STILL_MOVING:
        return _finished(sets, x, offset, beta, step, information, moments, MOST_STEPS)
    raise ConvergenceError(f"the Cox model's likelihood was not maximal after {MOST_STEPS} steps")


def _finished(sets, x, offset, beta, step, information, moments, n_steps) -> _Climb:
    """The end of the climb: with the last step taken, or with the columns that lead to infinity."""
    reach = np.ptp(x, axis=0) if len(x) else np.zeros(len(beta))
    infinite = np.abs(step) * reach > STILL_MOVING
    if not infinite.any() and step.any():
        beta = beta + step
        moments = sets.moments(x @ beta + offset)
        information = sets.information(moments, x)
    return _Climb(beta, _solved(information, np.eye(len(beta))), infinite, moments, n_steps)


def _solved(information: Array, right: Array) -> Array:
    """information^-1 right; by least squares where the matrix is singular but for rounding."""
    if not len(information):
        return right
    try:
        return np.linalg.solve(information, right)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(information, right, rcond=None)[0]


def _sandwich(residuals: Array, clusters, cov: Array, kept):
    """Covariance from the sums of score residuals by cluster, those sums, and their number."""
    names, code = np.unique(np.asarray(clusters), return_inverse=True)
    p = len(kept)
    sums = np.zeros((len(names), p))
    for place, column in zip(np.flatnonzero(kept), residuals.T, strict=True):
        sums[:, place] = np.bincount(code.reshape(-1), column, len(names))
    robust = np.full((p, p), np.nan)
    if len(names) > 1:
        influence = sums[:, kept] @ cov[np.ix_(kept, kept)]
        robust[np.ix_(kept, kept)] = influence.T @ influence
    return robust, sums, len(names)


def _without_zero_weights(x, offset, stop, event, start, strata, weights, clusters):
    """All rows, or those whose weight is not 0."""
    if clusters is not None and len(np.asarray(clusters)) != len(x):
        raise DataError("clusters must be one value per row")
    rest = (stop, event, start, strata, weights, clusters)
    if weights is None or len(np.asarray(weights)) != len(x) or not (np.asarray(weights) == 0).any():
        return (x, offset, *rest)
    used = np.asarray(weights) != 0
    return (
        x[used],
        offset[used],
        *(None if values is None else np.asarray(values)[used] for values in rest),
    )
