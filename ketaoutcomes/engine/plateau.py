"""Interval-censored times of which a share never comes: S(t) = 1 - pi + pi S0(t)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit

from ketaoutcomes.engine.aft_rows import AftRows, checked_rows
from ketaoutcomes.engine.damped import Climb
from ketaoutcomes.engine.parametric import AftFit, aft, scale_is_inside
from ketaoutcomes.engine.plateau_likelihood import Mixture
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.errors import DataError

__all__ = ["PLATEAU_UNIDENTIFIED", "PlateauFit", "plateau"]

Array = NDArray[np.float64]

PLATEAU_UNIDENTIFIED = "PLATEAU_UNIDENTIFIED"
DROP = 1.92  # half the 95 % point of chi-squared(1), to two digits as usual
NEARLY_ONE = 12.0  # logit of a share that no data tell from 1
STEP = 0.5


@dataclass(frozen=True)
class PlateauFit:
    """A share pi has the event at log T = x'params + exp(log_scale) W; the others never have it.

    Parameters
    ----------
    params : (p,) float
    log_scale : float
    logit : (q,) float
        Of pi = 1 / (1 + exp(-z'logit)); inf (one column) or NaN where `at_one`.
    cov : (p + 1 + q, p + 1 + q) float
        Of `params`, `log_scale`, `logit`, by the observed information.
    robust_cov : like `cov`, or None
        Sandwich over clusters times m / (m - 1).
    log_likelihood : float
    pi, pi_low, pi_high : float
        Share that has the event in the end, with its profile-likelihood limits where z is the constant;
        NaN limits for other z. `pi` is then the mean of the rows'.
    everyone : AftFit
        The model without plateau, pi = 1.
    drop : float
        What the log-likelihood falls by towards pi = 1; with clusters divided by the ratio of the robust to
        the plain variance of logit pi.
    code : str
        "PLATEAU_UNIDENTIFIED" where `drop` is below 1.92: that everybody has the event in the end is as
        compatible with these rows. Otherwise "", or the reason of no estimate, as in `AftFit`.
    at_one : bool
        The likelihood is largest at pi = 1.
    converged : bool
    gradient_norm : float
    n, n_events, n_clusters, family
        As in `AftFit`.
    """

    params: Array
    log_scale: float
    logit: Array
    cov: Array
    robust_cov: Array | None
    log_likelihood: float
    pi: float
    pi_low: float
    pi_high: float
    everyone: AftFit
    drop: float
    code: str
    at_one: bool
    converged: bool
    gradient_norm: float
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


def plateau(
    x: ArrayLike,
    left: ArrayLike,
    right: ArrayLike,
    *,
    z: ArrayLike | None = None,
    family: str = "weibull",
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> PlateauFit:
    """Fit the mixture of those who have the event at some time and those who never have it.

    Newton's method from several starts, each after a few turns of EM. Limits of pi are those of the
    profile likelihood; with clusters its fall is divided by the ratio of the robust to the plain variance.

    Parameters
    ----------
    x : (n, p) array_like of float
        Columns of log time.
    left, right : (n,) array_like of float
        As for `aft`.
    z : (n, q) array_like of float, optional
        Columns of logit pi; the constant by default.
    family, weights, clusters
        As for `aft`.
    level : float
        Of the limits of pi.

    Returns
    -------
    PlateauFit
        Look at `code` first.

    Raises
    ------
    DataError
        As `aft`.

    Source
    ------
    Farewell (1982), Biometrics 38, 1041; Maller and Zhou (1996), Survival Analysis with Long-Term
    Survivors; Chandler and Bate (2007), Biometrika 94, 167 (profile with clusters). Checked:
    tests/engine/test_plateau.py.
    """
    rows = checked_rows(x, left, right, family=family, weights=weights, clusters=clusters)
    everyone = aft(x, left, right, family=family, weights=weights, clusters=clusters)
    model = Mixture(rows, _plateau_columns(z, len(np.asarray(x)), weights), family)
    found = model.best(np.append(model.root @ everyone.params, everyone.log_scale))
    place = model.p + 1
    eta = model.z @ found.params[place:]
    if found.value <= everyone.log_likelihood + 1e-8 or eta.min() > NEARLY_ONE:
        return _at_one(model, everyone, level)
    code = "" if found.converged else "NOT_CONVERGED"
    code = code if scale_is_inside(found.params[:place]) else "SCALE_AT_LIMIT"
    cov, robust = model.covariances(found, ok=not code)
    ratio = 1.0
    if robust is not None and rows.n_clusters > 1 and not code:
        ratio = float(np.mean(np.diag(robust)[place:] / np.diag(cov)[place:]))
    drop = (found.value - everyone.log_likelihood) / ratio
    low, high = np.nan, np.nan
    if not code and model.is_constant:
        low, high = _profile_limits(model, found, everyone, ratio * _allowed(level, rows))
    if not code and drop < DROP:
        code, high = PLATEAU_UNIDENTIFIED, 1.0 if model.is_constant else np.nan
    own = model.back @ found.params
    return PlateauFit(
        params=own[: model.p],
        log_scale=float(own[model.p]),
        logit=own[place:],
        cov=cov,
        robust_cov=robust,
        log_likelihood=found.value,
        pi=float(np.average(expit(eta), weights=rows.weights)),
        pi_low=low,
        pi_high=high,
        everyone=everyone,
        drop=float(drop),
        code=code,
        at_one=False,
        converged=found.converged,
        gradient_norm=float(np.abs(found.gradient).max()),
        n=len(rows.x),
        n_events=rows.n_events,
        n_clusters=rows.n_clusters,
        family=family,
    )


def _at_one(model: Mixture, everyone: AftFit, level: float) -> PlateauFit:
    """The fit without plateau, as the limit that the mixture goes to."""
    size, q = model.p + 1, model.q
    cov = np.full((size + q, size + q), np.nan)
    cov[:size, :size] = everyone.cov
    robust = None
    if everyone.robust_cov is not None:
        robust = cov.copy()
        robust[:size, :size] = everyone.robust_cov
    low, high, rows = np.nan, np.nan, model.rows
    if model.is_constant and everyone.converged:
        # As if the rows of a cluster told the same: there is no variance of logit pi to compare.
        ratio = 1.0 if rows.codes is None else len(rows.x) / rows.n_clusters
        start = np.append(model.root @ everyone.params, everyone.log_scale)
        floor = everyone.log_likelihood - ratio * _allowed(level, rows)
        low, high = float(expit(_lower(model, NEARLY_ONE, start, floor))), 1.0
    return PlateauFit(
        params=everyone.params,
        log_scale=everyone.log_scale,
        logit=np.full(q, np.inf if model.is_constant else np.nan),
        cov=cov,
        robust_cov=robust,
        log_likelihood=everyone.log_likelihood,
        pi=1.0,
        pi_low=low,
        pi_high=high,
        everyone=everyone,
        drop=0.0,
        code=PLATEAU_UNIDENTIFIED if everyone.converged else everyone.code,
        at_one=True,
        converged=everyone.converged,
        gradient_norm=everyone.gradient_norm,
        n=everyone.n,
        n_events=everyone.n_events,
        n_clusters=everyone.n_clusters,
        family=everyone.family,
    )


def _allowed(level: float, rows: AftRows) -> float:
    """What the profile may fall by inside the limits."""
    df = np.inf if rows.codes is None else max(rows.n_clusters - rows.x.shape[1], 1)
    return 0.5 * float(t_limit(df, level)) ** 2


def _profile_limits(model: Mixture, found: Climb, everyone: AftFit, allowed: float) -> tuple[float, float]:
    """Where the profile of pi has fallen by what is allowed; 1 if it does not on that side."""
    floor = found.value - allowed
    center = float((model.z @ found.params[model.p + 1 :])[0])
    inner = found.params[: model.p + 1]
    low = _lower(model, center, inner, floor)
    high = np.inf
    if everyone.log_likelihood < floor:
        top = center
        while top < NEARLY_ONE and model.profiled(top + STEP, inner).value > floor:
            top += STEP
        high = _crossing(model, inner, floor, top, top + STEP)
    return float(expit(low)), float(expit(high))


def _lower(model: Mixture, center: float, inner: Array, floor: float) -> float:
    """The smallest logit of pi with a profile above `floor`; -inf if there is none."""
    bottom, start = center, inner
    while bottom > -NEARLY_ONE:
        lower = model.profiled(bottom - STEP, start)
        if lower.value <= floor:
            return _crossing(model, start, floor, bottom - STEP, bottom)
        bottom, start = bottom - STEP, lower.params
    return -np.inf


def _crossing(model: Mixture, inner: Array, floor: float, low: float, high: float) -> float:
    """Where between two logits the profile is at `floor`."""
    return float(brentq(lambda eta: model.profiled(eta, inner).value - floor, low, high, xtol=1e-9))


def _plateau_columns(z: ArrayLike | None, n: int, weights: ArrayLike | None) -> Array:
    """Columns of the plateau for the rows that are used."""
    z = np.ones((n, 1)) if z is None else np.asarray(z, float)
    if z.ndim != 2 or len(z) != n or not np.isfinite(z).all():
        raise DataError("z must have one finite row per interval and at least one column")
    return z if weights is None else z[np.asarray(weights, float) > 0]
