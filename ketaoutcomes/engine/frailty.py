"""Cox models with a gamma frailty that the rows of a patient share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, digamma, gammaln, ndtri

from ketaoutcomes.engine.cox import CoxFit, cox
from ketaoutcomes.engine.risk_sets import Moments, RiskSets
from ketaoutcomes.errors import ConvergenceError, DataError

__all__ = ["FrailtyFit", "boundary_p_value", "cox_frailty"]

Array = NDArray[np.float64]
# Below the first a variance is none; the search does not go beyond the last.
SMALLEST, LARGEST = 1e-4, 50.0
FIRST_TRIED, WIDTH_OF_A_STRIDE = 0.4, np.log(5.0)
# In log theta; the likelihood is flat at its maximum, so that the first hardly costs accuracy.
VARIANCE_GOOD_TO, LIMITS_GOOD_TO = 1e-8, 1e-4
# Newton's steps need not be exact far from the maximum; near it their error shrinks with them.
NEWTON_RESIDUAL = 1e-3
MOST_STEPS, MOST_HALVINGS, MOST_CYCLES = 60, 30, 400
ENOUGH = 1e-11
ROUNDING = 1e-13
LONGEST_STEP = 8.0
STILL_MOVING = 1e-2


@dataclass(frozen=True)
class FrailtyFit:
    """Log hazard ratios within patients, and how much patients differ.

    Parameters
    ----------
    params : (p,) float
        Given the frailty: they compare rows of patients with the same frailty. NaN if aliased.
    cov : (p, p) float
        Of `params`, from the penalised information with the variance of the frailty held fixed.
    theta : float
        Variance of the frailty, whose mean is 1; 0 if the data show none.
    theta_low, theta_high : float
        Profile likelihood limits; inf where the search ends without one.
    loglik : float
        Log-likelihood with the frailties integrated out; comparable with `loglik_cox`.
    loglik_cox : float
        Of the Cox model without frailty.
    p_value : float
        Of no frailty, by the mixture of chi-squared with 0 and 1 degrees of freedom.
    frailty : (g,) float
        Posterior mean of each cluster's frailty, in the order of the clusters' names.
    aliased, infinite : (p,) bool
    converged : bool
    level : float
    n, n_events, n_clusters : int
    """

    params: Array
    cov: Array
    theta: float
    theta_low: float
    theta_high: float
    loglik: float
    loglik_cox: float
    p_value: float
    frailty: Array
    aliased: NDArray[np.bool_]
    infinite: NDArray[np.bool_]
    converged: bool
    level: float
    n: int
    n_events: int
    n_clusters: int


def cox_frailty(
    x: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    clusters: ArrayLike,
    start: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    ties: str = "efron",
    theta: float | None = None,
    level: float = 0.95,
) -> FrailtyFit:
    """Cox model whose hazard is multiplied by a gamma variable of each cluster.

    For a given variance theta the penalised partial likelihood is maximised over coefficients and
    frailties together, with exact second derivatives; theta maximises the likelihood from which the
    frailties are integrated out.

    Parameters
    ----------
    x, stop, event, start, strata, ties
        As for `cox`.
    clusters : (n,) array_like
        Patient of each row.
    theta : float, optional
        Hold the variance at this value, 0 or more.
    level : float
        Of the limits of theta.

    Returns
    -------
    FrailtyFit

    Raises
    ------
    DataError
        As for `cox`, or if there are fewer than 2 clusters.
    ConvergenceError
        If a maximum was not reached.

    Source
    ------
    Therneau, Grambsch and Pankratz (2003), J. Comput. Graph. Stat. 12, 156; boundary: Self and
    Liang (1987). Checked: tests/reference/recurrent.R (R's default leaves out second derivatives
    between patients; ours are as with sparse = FALSE).
    """
    names, code = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        raise DataError("a frailty needs rows of at least 2 patients")
    plain = cox(x, stop, event, start=start, strata=strata, clusters=clusters, ties=ties)
    model = _Model(np.asarray(x, float), plain, code.reshape(-1), len(names))
    if theta is not None:
        if not (np.isfinite(theta) and theta >= 0):
            raise DataError("theta is a variance: 0 or more")
        best = theta if theta >= SMALLEST else 0.0
        low, high = np.nan, np.nan
    else:
        best, low, high = _best_variance(model, plain.loglik, level)
    if best == 0.0:
        return _without_frailty(plain, len(names), level, low, high)
    state = model.fit(best)
    kept = ~plain.aliased
    params, cov = np.full(len(kept), np.nan), np.full((len(kept),) * 2, np.nan)
    params[kept] = state.beta / model.scale
    cov[np.ix_(kept, kept)] = model.covariance(state) / np.outer(model.scale, model.scale)
    infinite = np.zeros(len(kept), bool)
    infinite[kept] = state.infinite
    loglik = model.integrated(state)
    return FrailtyFit(
        params=params,
        cov=cov,
        theta=best,
        theta_low=low,
        theta_high=high,
        loglik=loglik,
        loglik_cox=plain.loglik,
        p_value=boundary_p_value(2 * (loglik - plain.loglik)),
        frailty=np.exp(state.omega),
        aliased=plain.aliased,
        infinite=infinite,
        converged=not infinite.any(),
        level=level,
        n=plain.n,
        n_events=plain.n_events,
        n_clusters=len(names),
    )


def boundary_p_value(statistic: float) -> float:
    """p of a likelihood ratio whose null value is at the end of its range: half of chi-squared(1)."""
    return 1.0 if statistic <= 0 else float(0.5 * chdtrc(1, statistic))


@dataclass(frozen=True)
class _State:
    """The penalised maximum at one theta, in standardised columns."""

    theta: float
    beta: Array
    omega: Array
    moments: Moments
    infinite: NDArray[np.bool_]


class _Model:
    """The data in standardised columns, and the last fit from which the next one starts."""

    def __init__(self, x: Array, plain: CoxFit, code: NDArray[np.intp], n_clusters: int):
        kept = ~plain.aliased
        moved = x[:, kept] - plain.centre[kept]
        self.scale = np.sqrt(np.mean(moved**2, axis=0))
        self.x = moved / self.scale
        self.sets: RiskSets = plain.sets
        self.code, self.n_clusters = code, n_clusters
        self.deaths = self.by_cluster(self.sets.event.astype(float))
        self._last: _State | None = None

    def by_cluster(self, values: Array) -> Array:
        """Sums over the rows of each cluster: (n,) -> (g,), (n, k) -> (g, k)."""
        if values.ndim == 1:
            return np.bincount(self.code, values, self.n_clusters)
        return np.column_stack([np.bincount(self.code, column, self.n_clusters) for column in values.T])

    def fit(self, theta: float) -> _State:
        """Coefficients and log frailties that maximise the penalised partial likelihood."""
        nu = 1.0 / theta
        if self._last is None:
            beta, omega = np.zeros(self.x.shape[1]), np.zeros(self.n_clusters)
        else:
            beta, omega = self._last.beta, self._last.omega
        moments = self.sets.moments(self.x @ beta + omega[self.code])
        value = moments.loglik + nu * (omega - np.exp(omega)).sum()
        for _ in range(MOST_STEPS):
            martingale = self.sets.event - moments.expected
            score_beta = self.x.T @ martingale
            score_omega = self.by_cluster(martingale) + nu * (1.0 - np.exp(omega))
            step_beta, step_omega = self._step(moments, omega, nu, score_beta, score_omega)
            gain = score_beta @ step_beta + score_omega @ step_omega
            change = self.x @ step_beta + step_omega[self.code]
            if gain <= ENOUGH:
                infinite = np.abs(step_beta) * np.ptp(self.x, axis=0) > STILL_MOVING
                if not infinite.any():
                    beta, omega = beta + step_beta, omega + step_omega
                    moments = self.sets.moments(self.x @ beta + omega[self.code])
                self._last = _State(theta, beta, omega, moments, infinite)
                return self._last
            share = min(1.0, LONGEST_STEP / max(np.abs(change).max(), 1e-300))
            least = value - ROUNDING * abs(value)
            for _ in range(MOST_HALVINGS):
                trial_beta, trial_omega = beta + share * step_beta, omega + share * step_omega
                trial = self.sets.moments(self.x @ trial_beta + trial_omega[self.code])
                trial_value = trial.loglik + nu * (trial_omega - np.exp(trial_omega)).sum()
                if np.isfinite(trial_value) and trial_value >= least:
                    break
                share /= 2
            else:
                raise ConvergenceError("the frailty model's likelihood could not be raised to its maximum")
            beta, omega, moments, value = trial_beta, trial_omega, trial, trial_value
        raise ConvergenceError(f"the frailty model's likelihood was not maximal after {MOST_STEPS} steps")

    def integrated(self, state: _State) -> float:
        """Log-likelihood without the frailties, on the scale of the log partial likelihood."""
        nu, deaths = 1.0 / state.theta, self.deaths
        gamma = gammaln(deaths + nu) - gammaln(nu) + nu * np.log(nu) - (deaths + nu) * np.log(deaths + nu)
        # The penalised form is stationary at the maximum, so that what is left to climb hardly counts.
        penalty = nu * (state.omega - np.exp(state.omega) + 1.0)
        return float(state.moments.loglik + (penalty + gamma).sum() + deaths.sum())

    def slope(self, log_theta: float) -> float:
        """Derivative of the integrated log-likelihood by log theta, at the penalised maximum."""
        state = self.fit(float(np.exp(log_theta)))
        nu, deaths = 1.0 / state.theta, self.deaths
        terms = state.omega - np.exp(state.omega) + 1.0
        terms += digamma(deaths + nu) - digamma(nu) + np.log(nu) - np.log(deaths + nu)
        return float(-nu * terms.sum())

    def covariance(self, state: _State) -> Array:
        """Coefficients' block of the inverse penalised information; log frailties are eliminated."""
        if not self.x.shape[1]:
            return np.empty((0, 0))
        moments, penalty = state.moments, np.exp(state.omega) / state.theta
        pushed = np.column_stack([self._times(moments, column) for column in self.x.T])
        between = self.by_cluster(pushed)
        diagonal = self.by_cluster(moments.expected) + penalty

        def times(omega: Array) -> Array:
            return self.by_cluster(self._times(moments, omega[self.code])) + penalty * omega

        solved = [
            conjugate_gradients(times, column, lambda rest: rest / diagonal, 1e-13) for column in between.T
        ]
        return np.linalg.inv(self.x.T @ pushed - between.T @ np.column_stack(solved))

    def _times(self, moments: Moments, values: Array) -> Array:
        """Information about the linear predictor times a vector, (n,) -> (n,)."""
        means = self.sets.at_draws(moments.risk * values) / moments.total
        return moments.expected * values - moments.risk * self.sets.exposed(moments.hazard * means)

    def _step(self, moments, omega, nu, score_beta, score_omega) -> tuple[Array, Array]:
        """Newton's step for coefficients and log frailties; their information is never formed."""
        p = len(score_beta)
        penalty = nu * np.exp(omega)
        diagonal = self.by_cluster(moments.expected) + penalty
        spread = self.x.T @ (moments.expected[:, None] * self.x)

        def times(both: Array) -> Array:
            pushed = self._times(moments, self.x @ both[:p] + both[p:][self.code])
            return np.concatenate([self.x.T @ pushed, self.by_cluster(pushed) + penalty * both[p:]])

        def ready(rest: Array) -> Array:
            return np.concatenate([np.linalg.solve(spread, rest[:p]), rest[p:] / diagonal])

        both = conjugate_gradients(times, np.concatenate([score_beta, score_omega]), ready, NEWTON_RESIDUAL)
        return both[:p], both[p:]


def conjugate_gradients(times, right: Array, ready, tolerance: float) -> Array:
    """Solution of a positive definite system of which only products with vectors are known.

    Parameters
    ----------
    times : callable
        The matrix times a vector.
    right : (k,) float
    ready : callable
        An approximate inverse times a vector.
    tolerance : float
        Length of what is left, in the approximate inverse's norm, as a share of the beginning.
    """
    answer, rest = np.zeros_like(right), right.copy()
    direction = ready(rest)
    size = rest @ direction
    enough = tolerance**2 * size
    for _ in range(MOST_CYCLES):
        if size <= enough:
            break
        image = times(direction)
        curve = direction @ image
        if curve <= 0:
            break
        answer += size / curve * direction
        rest -= size / curve * image
        better = ready(rest)
        before, size = size, rest @ better
        direction = better + size / before * direction
    return answer


def _best_variance(model: _Model, loglik_cox: float, level: float) -> tuple[float, float, float]:
    """Variance of largest integrated likelihood, 0 if there is none, and its profile limits."""
    best, top = 0.0, loglik_cox
    found = _turning_point(model)
    if found is not None:
        height = model.integrated(model.fit(float(np.exp(found))))
        if height > top:
            best, top = float(np.exp(found)), height
    least = top - 0.5 * float(ndtri(0.5 + level / 2)) ** 2

    def above(point: float) -> float:
        return model.integrated(model.fit(float(np.exp(point)))) - least

    ends = np.log(SMALLEST), np.log(LARGEST)
    peak = np.log(best) if best > 0 else ends[0]
    low, high = 0.0, np.inf
    if loglik_cox < least:
        low = float(np.exp(brentq(above, ends[0], peak, xtol=LIMITS_GOOD_TO)))
    if above(ends[1]) < 0 < above(peak):
        high = float(np.exp(brentq(above, peak, ends[1], xtol=LIMITS_GOOD_TO)))
    return best, low, high


def _turning_point(model: _Model) -> float | None:
    """Log of the variance at which the integrated likelihood stops rising; None if it only falls."""
    ends = np.log(SMALLEST), np.log(LARGEST)
    here = np.log(FIRST_TRIED)
    slope = model.slope(here)
    towards = 1.0 if slope > 0 else -1.0
    while True:
        there = float(np.clip(here + towards * WIDTH_OF_A_STRIDE, *ends))
        after = model.slope(there)
        if (after > 0) != (slope > 0):
            low, high = sorted((here, there))
            return brentq(model.slope, low, high, xtol=VARIANCE_GOOD_TO)
        if there == ends[0]:
            return None
        if there == ends[1]:
            raise ConvergenceError(
                f"the variance of the frailty exceeds {LARGEST:g}: a few patients have nearly all events, "
                "and a gamma frailty does not describe them"
            )
        here, slope = there, after


def _without_frailty(plain: CoxFit, n_clusters: int, level: float, low: float, high: float) -> FrailtyFit:
    """The Cox model, where the likelihood is largest without frailty."""
    return FrailtyFit(
        params=plain.params,
        cov=plain.cov,
        theta=0.0,
        theta_low=low,
        theta_high=high,
        loglik=plain.loglik,
        loglik_cox=plain.loglik,
        p_value=1.0,
        frailty=np.ones(n_clusters),
        aliased=plain.aliased,
        infinite=plain.infinite,
        converged=plain.converged,
        level=level,
        n=plain.n,
        n_events=plain.n_events,
        n_clusters=n_clusters,
    )
