"""Shares and times that follow from a fitted accelerated failure time model, with their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, logit

from ketaoutcomes.engine.aft_families import FAMILIES
from ketaoutcomes.engine.parametric import AftFit
from ketaoutcomes.engine.plateau import PlateauFit
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError

__all__ = ["Limits", "mean_survival", "quantile", "survival"]

Array = NDArray[np.float64]

GRID = 400


@dataclass(frozen=True)
class Limits:
    """Estimates with their limits, arrays of one shape.

    Parameters
    ----------
    estimate, conf_low, conf_high : ndarray of float
    """

    estimate: Array
    conf_low: Array
    conf_high: Array


def survival(
    fit: AftFit | PlateauFit,
    x: ArrayLike,
    times: ArrayLike,
    *,
    z: ArrayLike | None = None,
    level: float = 0.95,
) -> Limits:
    """P(T > t) of each row at each time.

    Limits are symmetric on the scale on which the model is linear in the standardised log time:
    log(-log S) for Weibull, logit for log-logistic, probit for log-normal; with a plateau, the logit.

    Parameters
    ----------
    fit : AftFit or PlateauFit
    x : (n, p) array_like of float
        Columns as in the fit.
    times : (t,) array_like of float
        In the unit of the fit; 0 gives 1.
    z : (n, q) array_like of float, optional
        Columns of the plateau; the constant by default.
    level : float

    Returns
    -------
    Limits
        Arrays (n, t).

    Raises
    ------
    DataError
        If a time is negative or missing.
    """
    rows = _Rows(fit, x, z)
    log_times = _log_times(times)
    half = float(t_limit(fit.df, level))
    w = (log_times - rows.mu[:, None]) / rows.s
    family = FAMILIES[fit.family]
    started = np.isfinite(w)
    safe = np.where(started, w, 0.0)
    if not rows.has_plateau:
        error = half * np.sqrt(rows.variance(np.stack([np.full_like(w, -1.0 / rows.s), -safe], axis=-1)))
        bounds = [family.survival(np.where(started, safe + shift * error, -np.inf)) for shift in (0, 1, -1)]
        return Limits(*(np.where(started, bound, 1.0) for bound in bounds))
    share, slope = _logit_share(rows, safe, family)
    error = half * np.sqrt(rows.variance(slope))
    bounds = (expit(-(share + shift * error)) for shift in (0, 1, -1))
    return Limits(*(np.where(started, bound, 1.0) for bound in bounds))


def quantile(
    fit: AftFit | PlateauFit, x: ArrayLike, p: ArrayLike, *, z: ArrayLike | None = None, level: float = 0.95
) -> Limits:
    """Time by which a share p of each row's kind have had the event.

    Without a plateau limits are symmetric in log time. With one they are the times at which the limits of
    the share reach p, and inf where they never do.

    Parameters
    ----------
    fit : AftFit or PlateauFit
    x : (n, p) array_like of float
    p : (k,) array_like of float
        Between 0 and 1; 0.5 for the median.
    z : (n, q) array_like of float, optional
    level : float

    Returns
    -------
    Limits
        Arrays (n, k), in the unit of the fit.

    Raises
    ------
    DataError
        If p is not between 0 and 1.
    """
    p = np.atleast_1d(np.asarray(p, float))
    if not ((p > 0) & (p < 1)).all():
        raise DataError("a quantile's probability must lie between 0 and 1; 0.5 is the median")
    rows = _Rows(fit, x, z)
    family = FAMILIES[fit.family]
    half = float(t_limit(fit.df, level))
    if not rows.has_plateau:
        w = np.broadcast_to(family.quantile(p), (len(rows.mu), len(p)))
        center = rows.mu[:, None] + rows.s * w
        error = half * np.sqrt(rows.variance(np.stack([np.ones_like(w), rows.s * w], axis=-1)))
        return Limits(np.exp(center), np.exp(center - error), np.exp(center + error))
    inner = p / expit(rows.eta)[:, None]
    reached = inner < 1
    w = family.quantile(np.where(reached, inner, 0.5))
    estimate = np.where(reached, np.exp(rows.mu[:, None] + rows.s * w), np.inf)
    low = _first_reaching(rows, family, logit(p), half)
    high = _first_reaching(rows, family, logit(p), -half)
    return Limits(estimate, low, high)


def mean_survival(
    fit: AftFit | PlateauFit,
    x: ArrayLike,
    times: ArrayLike,
    *,
    z: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> Limits:
    """P(T > t) averaged over rows, with limits on the logit scale.

    Parameters
    ----------
    fit : AftFit or PlateauFit
    x : (n, p) array_like of float
    times : (t,) array_like of float
    z : (n, q) array_like of float, optional
    weights : (n,) array_like of float, optional
    level : float

    Returns
    -------
    Limits
        Arrays (t,).
    """
    rows = _Rows(fit, x, z)
    log_times = _log_times(times)
    family = FAMILIES[fit.family]
    weights = np.ones(len(rows.mu)) if weights is None else np.asarray(weights, float)
    weights = weights / weights.sum()
    w = (log_times - rows.mu[:, None]) / rows.s
    started = np.isfinite(w)
    safe = np.where(started, w, 0.0)
    inner, density = 1.0 - family.survival(safe), np.exp(family.log_density(safe))
    pi = expit(rows.eta)[:, None] if rows.has_plateau else 1.0
    share = weights @ np.where(started, pi * inner, 0.0)
    pieces = [
        rows.x.T @ (weights[:, None] * -pi * density / rows.s),
        (weights @ (-pi * density * safe))[None, :],
    ]
    if rows.has_plateau:
        pieces.append(rows.z.T @ (weights[:, None] * pi * (1.0 - pi) * inner))
    slope = np.concatenate(pieces)
    variance = np.einsum("it,ij,jt->t", slope, fit.best_cov, slope)
    inside = (share > 0) & (share < 1)
    held = np.where(inside, share, 0.5)
    error = float(t_limit(fit.df, level)) * np.sqrt(variance) / (held * (1.0 - held))
    bounds = (expit(-(logit(held) + shift * error)) for shift in (0, 1, -1))
    return Limits(*(np.where(inside, bound, 1.0 - share) for bound in bounds))


class _Rows:
    """Centre, logit of the plateau and the covariance of both with log s, for each row."""

    def __init__(self, fit: AftFit | PlateauFit, x: ArrayLike, z: ArrayLike | None):
        self.x = np.atleast_2d(np.asarray(x, float))
        p = len(fit.params)
        if self.x.shape[1] != p:
            raise DataError(f"x has {self.x.shape[1]} columns; the fit has {p}")
        self.mu, self.s = self.x @ fit.params, float(np.exp(fit.log_scale))
        self.has_plateau = isinstance(fit, PlateauFit) and not fit.at_one
        columns = [self.x, np.ones((len(self.x), 1))]
        if self.has_plateau:
            self.z = np.ones((len(self.x), 1)) if z is None else np.atleast_2d(np.asarray(z, float))
            if self.z.shape != (len(self.x), len(fit.logit)):
                raise DataError(f"z must have a row for each of x and {len(fit.logit)} columns")
            self.eta = self.z @ fit.logit
            columns.append(self.z)
        size = p + 1 + (len(fit.logit) if self.has_plateau else 0)
        cov = fit.best_cov[:size, :size]
        ends = np.cumsum([0, *(part.shape[1] for part in columns)])
        self.cov = np.empty((len(self.x), len(columns), len(columns)))
        for i, first in enumerate(columns):
            for j, second in enumerate(columns):
                block = cov[ends[i] : ends[i + 1], ends[j] : ends[j + 1]]
                self.cov[:, i, j] = np.einsum("na,ab,nb->n", first, block, second)

    def variance(self, slope: Array) -> Array:
        """Variance of what has these derivatives by (mu, log s, eta): (n, t, k) -> (n, t)."""
        return np.maximum(np.einsum("nti,nij,ntj->nt", slope, self.cov, slope), 0.0)


def _log_times(times: ArrayLike) -> Array:
    times = np.atleast_1d(np.asarray(times, float))
    if times.ndim != 1 or not (times >= 0).all():
        raise DataError("times must be numbers of 0 or more")
    with np.errstate(divide="ignore"):
        return np.log(times)


def _logit_share(rows: _Rows, w: Array, family) -> tuple[Array, Array]:
    """Logit of the share with the event, and its derivatives by (mu, log s, eta)."""
    log_inner, _, at_end = family.mass(np.full_like(w, -np.inf), w, np.full_like(w, np.inf))
    hazard = np.exp(at_end)
    eta = np.broadcast_to(rows.eta[:, None], w.shape)
    log_share = log_expit(eta) + log_inner
    log_rest = np.log(expit(-eta) + expit(eta) * family.survival(w))
    up = np.exp(-log_rest)
    slope = np.stack([-hazard / rows.s, -hazard * w, expit(-eta)], axis=-1) * up[..., None]
    return log_share - log_rest, slope


def _first_reaching(rows: _Rows, family, wanted: Array, half: float) -> Array:
    """Time at which the limit of the share, `half` standard errors up, first reaches p; else inf."""
    low = np.full((len(rows.mu), len(wanted)), family.quantile(1e-6))
    high = np.full_like(low, family.quantile(1.0 - 1e-9))
    n, k = low.shape
    never = np.zeros((n, k), bool)
    for _ in range(3):
        w = np.linspace(low, high, GRID, axis=-1).reshape(n, -1)
        share, slope = _logit_share(rows, w, family)
        limit = (share + half * np.sqrt(rows.variance(slope))).reshape(n, k, GRID)
        over = limit >= wanted[None, :, None]
        first = over.argmax(axis=-1)
        never |= ~over.any(axis=-1)
        grid = w.reshape(n, k, GRID)
        high = np.take_along_axis(grid, first[..., None], axis=-1)[..., 0]
        low = np.take_along_axis(grid, np.maximum(first - 1, 0)[..., None], axis=-1)[..., 0]
    return np.where(never, np.inf, np.exp(rows.mu[:, None] + rows.s * (low + high) / 2.0))
