"""Minus twice the (restricted) log-likelihood, profiled over coefficients and residual variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from ketaoutcomes.engine.eliminate import Eliminated, eliminated
from ketaoutcomes.engine.factors import BlockFactor, level_factors, to_theta, unpacked
from ketaoutcomes.engine.sums import Sums

__all__ = ["Point", "at_theta"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """The criterion at one theta, in scaled columns.

    Parameters
    ----------
    theta : (T,) float
    value : float
        Without the constants that scaling adds.
    beta : (p,) float
    inverse : (p, p) float
        A^-1, the covariance of `beta` relative to the residual variance.
    variance : float
        Residual variance.
    gradient, hessian : (T,), (T, T), or None
        By theta.
    gradient_g, hessian_g : (R,), (R, R), or None
        By the entries of each G.
    jacobian : (R, T), or None
        Of G's entries by theta.
    parts : Eliminated
    """

    theta: Array
    value: float
    beta: Array
    inverse: Array
    variance: float
    gradient: Array | None
    hessian: Array | None
    gradient_g: Array | None
    hessian_g: Array | None
    jacobian: Array | None
    parts: Eliminated


def at_theta(
    sums: Sums, factors: Sequence[BlockFactor], theta: Array, *, reml: bool, order: int = 2
) -> Point | None:
    """Evaluate; None where rounding makes the cross-products indefinite."""
    matrices = unpacked(factors, theta)
    try:
        parts = eliminated(sums.levels, sums.n_dense, sums.cross, level_factors(sums, matrices), order)
        g = parts.cross.value
        lower = np.linalg.cholesky(g[:-1, :-1])
    except np.linalg.LinAlgError:
        return None
    beta = cho_solve((lower, True), g[:-1, -1], check_finite=False)
    rest = float(g[-1, -1] - g[:-1, -1] @ beta)
    df = sums.n - sums.p if reml else sums.n
    if not rest > 0:
        return None
    value = df * (1.0 + np.log(2.0 * np.pi * rest / df)) + float(parts.log_determinant.value)
    value -= sums.sum_log_weights
    if reml:
        value += 2.0 * float(np.log(np.diag(lower)).sum())
    inverse = cho_solve((lower, True), np.eye(sums.p), check_finite=False)
    gradient_g = hessian_g = gradient = hessian = jacobian = None
    if order >= 1:
        gradient_g, hessian_g = _by_covariance(parts, beta, inverse, rest, df, reml, order)
        gradient, hessian, jacobian = to_theta(factors, matrices, gradient_g, hessian_g)
    return Point(
        theta, value, beta, inverse, rest / df, gradient, hessian, gradient_g, hessian_g, jacobian, parts
    )


def _by_covariance(
    parts: Eliminated, beta: Array, inverse: Array, rest: float, df: int, reml: bool, order: int
) -> tuple[Array, Array | None]:
    """Gradient and Hessian by the entries of G."""
    v = np.append(-beta, 1.0)
    first = parts.cross.first @ v  # (R, p + 1)
    d_rest = first @ v
    gradient = df * d_rest / rest + parts.log_determinant.first
    d_a = parts.cross.first[:, :-1, :-1]
    n_params, p = len(d_rest), len(beta)
    turned = (inverse @ d_a) if reml else None
    if reml:
        gradient = gradient + np.trace(turned, axis1=1, axis2=2)
    if order < 2:
        return gradient, None
    z = first[:, :-1]
    d2_rest = np.einsum("i,rtij,j->rt", v, parts.cross.second, v)
    hessian = df * (d2_rest - 2.0 * np.triu(z @ inverse @ z.T)) / rest
    hessian += parts.log_determinant.second - df * np.triu(np.outer(d_rest, d_rest)) / rest**2
    if reml:
        flat = turned.reshape(n_params, p * p)
        crossed = flat @ np.swapaxes(turned, 1, 2).reshape(n_params, p * p).T
        second = np.einsum("rtij,ij->rt", parts.cross.second[:, :, :-1, :-1], inverse)
        hessian += second - np.triu(crossed)
    # Only r <= t was made.
    return gradient, hessian + np.triu(hessian, 1).T
