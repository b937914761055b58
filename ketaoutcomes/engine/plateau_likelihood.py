"""Log-likelihood of S(t) = 1 - pi + pi S0(t), its starts, its maximum and its profile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, solve_triangular
from scipy.special import expit, log_expit, logit

from ketaoutcomes.engine.aft_families import FAMILIES, row_terms
from ketaoutcomes.engine.aft_rows import AftRows, first_guess, orthogonal, scores_and_hessian
from ketaoutcomes.engine.clustered import sandwich
from ketaoutcomes.engine.damped import Climb, climb
from ketaoutcomes.engine.parametric import scale_is_inside

__all__ = ["Mixture"]

Array = NDArray[np.float64]

STARTS = (0.05, 0.3, 0.8)  # how much of the rows without the event would still have it
EM_TURNS = 2


class Mixture:
    """The log-likelihood of (beta, tau, gamma) in orthogonal columns.

    Parameters
    ----------
    rows : AftRows
    z : (n, q) float
        Columns of logit pi.
    family : str
    """

    def __init__(self, rows: AftRows, z: Array, family: str):
        self.rows, self.family = rows, FAMILIES[family]
        self.x, self.root = orthogonal(rows.x)
        self.z, self.z_root = orthogonal(z)
        self.p, self.q = self.x.shape[1], self.z.shape[1]
        self.is_constant = self.q == 1 and bool(np.ptp(z) == 0)
        self.events = ~rows.times.is_censored

    def parts(self, params: Array, eta: Array):
        """Each row's value, scores by (mu, tau, eta), and second derivatives in the order of `hessian`."""
        terms = row_terms(self.rows.times, self.x @ params[: self.p], float(params[self.p]), self.family)
        has_it = np.where(self.events, 1.0, expit(eta + terms.value))
        either = np.where(self.events, 0.0, has_it * (1.0 - has_it))
        value = np.where(
            self.events,
            log_expit(eta) + terms.value,
            np.logaddexp(log_expit(-eta), log_expit(eta) + np.where(self.events, 0.0, terms.value)),
        )
        pi = expit(eta)

        def held(factor: Array, of: Array) -> Array:
            # Where nobody can still have it, the derivative may be beyond what a number holds.
            return np.where(factor > 0, factor * np.where(factor > 0, of, 0.0), 0.0)

        scores = held(has_it, terms.mu), held(has_it, terms.tau), has_it - pi
        seconds = (
            held(has_it, terms.mu_mu) + held(either, terms.mu**2),
            held(has_it, terms.mu_tau) + held(either, terms.mu * terms.tau),
            held(has_it, terms.tau_tau) + held(either, terms.tau**2),
            held(either, terms.mu),
            held(either, terms.tau),
            either - pi * (1.0 - pi),
        )
        return value, scores, seconds

    def evaluate(self, params: Array):
        """Value, gradient and Hessian by all parameters."""
        with np.errstate(over="ignore", invalid="ignore"):
            value, scores, seconds = self.parts(params, self.z @ params[self.p + 1 :])
            w = self.rows.weights
            gradient = np.concatenate(
                [self.x.T @ (w * scores[0]), [w @ scores[1]], self.z.T @ (w * scores[2])]
            )
            hessian = np.empty((len(params), len(params)))
            b, t, g = slice(0, self.p), self.p, slice(self.p + 1, None)
            hessian[b, b] = self.x.T @ (self.x * (w * seconds[0])[:, None])
            hessian[b, t] = hessian[t, b] = self.x.T @ (w * seconds[1])
            hessian[t, t] = w @ seconds[2]
            hessian[b, g] = self.x.T @ (self.z * (w * seconds[3])[:, None])
            hessian[g, b] = hessian[b, g].T
            hessian[t, g] = hessian[g, t] = self.z.T @ (w * seconds[4])
            hessian[g, g] = self.z.T @ (self.z * (w * seconds[5])[:, None])
        return float(w @ value), gradient, hessian

    def inside(self, params: Array) -> bool:
        """Whether log s is within its limits and the plateau is one that data can tell."""
        return scale_is_inside(params[: self.p + 1]) and bool(np.abs(params[self.p + 1 :]).max() < 50.0)

    def best(self, near: Array) -> Climb:
        """The highest of the maxima that are found from several shares.

        Parameters
        ----------
        near : (p + 1,) float
            Parameters of the model without plateau, in orthogonal columns.
        """
        seen = float(np.average(self.events, weights=self.rows.weights))
        found = []
        for share in STARTS:
            pi = float(np.clip(seen + (1.0 - seen) * share, 0.01, 0.99))
            start = self.warmed(near if share > 0.5 else first_guess(self.rows, self.x, self.family.name), pi)
            found.append(climb(self.evaluate, start, is_inside=self.inside))
        return max(found, key=lambda one: (np.isfinite(one.value), one.value))

    def warmed(self, inner: Array, pi: float) -> Array:
        """A start after a few turns of EM."""
        constant, *_ = np.linalg.lstsq(self.z, np.ones(len(self.z)), rcond=None)
        for _ in range(EM_TURNS):
            with np.errstate(over="ignore", invalid="ignore"):
                terms = row_terms(self.rows.times, self.x @ inner[:-1], float(inner[-1]), self.family)
                still = np.where(self.events, 1.0, expit(logit(pi) + np.where(self.events, 0.0, terms.value)))
            weights = self.rows.weights * still
            pi = float(np.clip(np.average(still, weights=self.rows.weights), 0.01, 0.99))
            moved = climb(lambda at, w=weights: self.inner(at, w), inner, is_inside=scale_is_inside)
            if scale_is_inside(moved.params) and np.isfinite(moved.value):
                inner = moved.params
        return np.concatenate([inner, logit(pi) * constant])

    def inner(self, params: Array, weights: Array):
        """The model of those who have the event, each row with its weight."""
        terms = row_terms(self.rows.times, self.x @ params[:-1], float(params[-1]), self.family)
        known = weights > 0
        scores, hessian = scores_and_hessian(self.x, terms, weights)
        return float(weights[known] @ terms.value[known]), scores.sum(axis=0), hessian

    def profiled(self, eta: float, start: Array) -> Climb:
        """The maximum over all but a constant logit pi."""
        tail = eta * np.linalg.lstsq(self.z, np.ones(len(self.z)), rcond=None)[0]

        def evaluate(params: Array):
            value, gradient, hessian = self.evaluate(np.concatenate([params, tail]))
            return value, gradient[: self.p + 1], hessian[: self.p + 1, : self.p + 1]

        return climb(evaluate, start, is_inside=scale_is_inside)

    @property
    def back(self) -> Array:
        """Takes parameters from the orthogonal columns to the columns given."""
        back = np.eye(self.p + 1 + self.q)
        back[: self.p, : self.p] = solve_triangular(self.root, np.eye(self.p))
        back[self.p + 1 :, self.p + 1 :] = solve_triangular(self.z_root, np.eye(self.q))
        return back

    def covariances(self, found: Climb, *, ok: bool) -> tuple[Array, Array | None]:
        """By the observed information, and robust to clusters; NaN where there is no maximum."""
        size = len(found.params)
        cov = np.full((size, size), np.nan)
        robust = None if self.rows.codes is None else cov.copy()
        if not ok:
            return cov, robust
        try:
            cov = self.back @ np.linalg.inv(-found.hessian) @ self.back.T
        except LinAlgError:
            return cov, robust
        if robust is not None and self.rows.n_clusters > 1:
            _, (mu, tau, eta), _ = self.parts(found.params, self.z @ found.params[self.p + 1 :])
            scores = np.column_stack([mu[:, None] * self.x, tau, eta[:, None] * self.z])
            scores *= self.rows.weights[:, None]
            inner = sandwich(scores, -found.hessian, self.rows.codes, correction="CR1")
            robust = self.back @ inner @ self.back.T
        return cov, robust
