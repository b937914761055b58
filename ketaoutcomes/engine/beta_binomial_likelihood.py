"""Log-likelihood of beta-binomial counts and its profiles, with exact derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, expit, gammaln

from ketaoutcomes.engine.damped import climb
from ketaoutcomes.engine.rising import log_rising
from ketaoutcomes.engine.shape_climb import LARGEST, SMALLEST, best_start, shape_climb

__all__ = ["ClusterCounts", "Evaluator", "rate_limits", "rho_limits"]

Array = NDArray[np.float64]

LIMIT_GOOD_TO = 1e-10
FARTHEST = 700.0  # a log odds whose odds are still a number


@dataclass(frozen=True)
class ClusterCounts:
    """Clusters with the same numbers stand once.

    Parameters
    ----------
    events, trials : (u,) float
    times : (u,) float
        Clusters with these numbers.
    basis : (u, k) float
        Columns of log odds.
    """

    events: Array
    trials: Array
    times: Array
    basis: Array

    @property
    def constant(self) -> float:
        """What the log-likelihood holds besides the parameters: ways to choose events among trials."""
        x, n = self.events, self.trials
        return float(self.times @ (gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)))

    @property
    def is_complete(self) -> bool:
        """Whether each cluster has all events or none and some cluster has several trials."""
        x, n = self.events, self.trials
        return bool(((x == 0) | (x == n)).all() and (n > 1).any())


class Evaluator:
    """Log-likelihood, gradient and Hessian by (coefficients of log odds, log phi)."""

    def __init__(self, counts: ClusterCounts):
        self.counts, self.constant = counts, counts.constant
        # Terms in phi alone are the same for equal trials.
        self.sizes, place = np.unique(counts.trials, return_inverse=True)
        self.times_of_size = np.bincount(place, counts.times)
        self.lengths = np.concatenate([counts.events, counts.trials - counts.events, self.sizes])

    def terms(self, eta: Array, tau: float):
        """Sum of the log-likelihood, derivatives of each row by eta and tau, and of the sum by tau."""
        c = self.counts
        # A step too far gives no number; the climb then takes a shorter one.
        with np.errstate(all="ignore"):
            phi, share, rest = float(np.exp(tau)), expit(eta), expit(-eta)
            a, b, v = share * phi, rest * phi, share * rest * phi
            start = np.concatenate([a, b, np.full(len(self.sizes), phi)])
            whole = np.array(log_rising(start, self.lengths))
            a0, a1, a2 = whole[:, : len(a)]
            b0, b1, b2 = whole[:, len(a) : 2 * len(a)]
            p0, p1, p2 = (whole[:, 2 * len(a) :] @ self.times_of_size).tolist()
            w = c.times
            value = self.constant + float(w @ (a0 + b0)) - p0
            by_eta = w * v * (a1 - b1)
            eta_eta = by_eta * (rest - share) + w * v**2 * (a2 + b2)
            eta_tau = by_eta + w * v * (a * a2 - b * b2)
            by_tau = float(w @ (a * a1 + b * b1)) - phi * p1
            tau_tau = by_tau + float(w @ (a**2 * a2 + b**2 * b2)) - phi**2 * p2
        return value, by_eta, eta_eta, eta_tau, by_tau, tau_tau

    def __call__(self, params: Array) -> tuple[float, Array, Array]:
        basis, size = self.counts.basis, len(params)
        gradient, hessian = np.empty(size), np.empty((size, size))
        with np.errstate(all="ignore"):
            value, by_eta, eta_eta, eta_tau, by_tau, tau_tau = self.terms(basis @ params[:-1], params[-1])
            gradient[:-1], gradient[-1] = basis.T @ by_eta, by_tau
            hessian[:-1, :-1] = (basis * eta_eta[:, None]).T @ basis
            hessian[-1, :-1] = hessian[:-1, -1] = basis.T @ eta_tau
            hessian[-1, -1] = tau_tau
        return value, gradient, hessian

    def binomial(self, eta: Array) -> float:
        """The log-likelihood as phi goes to infinity."""
        c = self.counts
        return self.constant + float(c.times @ (c.events * eta - c.trials * np.logaddexp(0.0, eta)))

    def complete(self, eta: Array) -> float:
        """The log-likelihood as phi goes to 0, for clusters that have all events or none."""
        c = self.counts
        return float(-(c.times @ np.logaddexp(0.0, np.where(c.events > 0, -eta, eta))))


def rate_limits(
    evaluator: Evaluator, eta: float, tau: float, highest: float, level: float
) -> tuple[float, float]:
    """Profile-likelihood limits of the share, where the constant is the only column.

    Parameters
    ----------
    evaluator : Evaluator
    eta, tau : float
        Log odds and log phi at the maximum; infinite log phi at an end of its range, NaN if not identified.
    highest : float
        The log-likelihood there.
    level : float
    """
    allowed = float(chdtri(1, 1.0 - level))
    near = tau

    def drop(value: float) -> float:
        nonlocal near
        reached, near = _over_tau(evaluator, value, near)
        return 2.0 * (highest - reached) - allowed

    ends = []
    for sign in (-1.0, 1.0):
        inner, width, near = eta, 0.125, tau
        while drop(eta + sign * width) < 0.0 and width < FARTHEST:
            inner, width = eta + sign * width, 2.0 * width
        outer = eta + sign * width
        ends.append(brentq(drop, inner, outer, xtol=LIMIT_GOOD_TO) if width < FARTHEST else outer)
    return float(expit(ends[0])), float(expit(ends[1]))


def rho_limits(
    evaluator: Evaluator, eta: float, tau: float, highest: float, level: float
) -> tuple[float, float]:
    """Profile-likelihood limits of rho = 1 / (1 + phi), where the constant is the only column.

    Parameters
    ----------
    evaluator : Evaluator
    eta, tau : float
        Log odds and log phi at the maximum; infinite log phi at an end of its range.
    highest : float
        The log-likelihood there.
    level : float
    """
    allowed = float(chdtri(1, 1.0 - level))
    middle = float(np.clip(tau, SMALLEST, LARGEST))

    def drop(value: float) -> float:
        return 2.0 * (highest - _over_eta(evaluator, eta, value)) - allowed

    low, high = 0.0, 1.0
    if middle < LARGEST and drop(LARGEST) > 0.0:
        low = float(expit(-brentq(drop, middle, LARGEST, xtol=LIMIT_GOOD_TO)))
    if middle > SMALLEST and drop(SMALLEST) > 0.0:
        high = float(expit(-brentq(drop, SMALLEST, middle, xtol=LIMIT_GOOD_TO)))
    return low, high


def _over_tau(evaluator: Evaluator, eta: float, near: float) -> tuple[float, float]:
    """The log-likelihood at a log odds with the phi that fits it, and the log of that phi.

    Both ends of its range are looked at; the climb starts from `near` if that is inside.
    """
    etas = np.full(len(evaluator.counts.events), eta)
    ends = [(evaluator.binomial(etas), np.inf)]
    if evaluator.counts.is_complete:
        ends.append((evaluator.complete(etas), -np.inf))

    def one(params: Array):
        value, _, _, _, slope, bend = evaluator.terms(etas, float(params[0]))
        return value, np.array([slope]), np.array([[bend]])

    start = near if np.isfinite(near) else best_start(one, np.zeros(0))
    found = shape_climb(one, np.array([start]))
    inside = (found.value, float(found.params[0]) if found.converged else np.inf)
    return max(*ends, inside)


def _over_eta(evaluator: Evaluator, eta: float, tau: float) -> float:
    """The log-likelihood at a log phi with the log odds that fit it."""
    n = len(evaluator.counts.events)

    def one(params: Array):
        value, by_eta, eta_eta, _, _, _ = evaluator.terms(np.full(n, params[0]), tau)
        return value, np.array([by_eta.sum()]), np.array([[eta_eta.sum()]])

    return climb(one, np.array([eta])).value
