"""Expected information about the variances, in the form in which the covariance matrix is linear.

The parameters are gamma = (sigma^2, entries of sigma^2 G). V = sigma^2 I + sum of gamma_r V_r has no
second derivatives. All that is needed is X'V^-1 V_r V^-1 X, X'V^-1 V_r V^-1 V_t V^-1 X and traces: the
derivatives of the eliminated cross-products hold them for r >= 1, and r = 0 follows because V is
homogeneous, I = V0 - sum of g_r V_r. Everything is in units of sigma^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.eliminate import Eliminated

__all__ = ["Information", "expected_information", "scoring_step"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Information:
    """Index 0 is sigma^2; 1 to R are the entries of G, block by block.

    Parameters
    ----------
    first : (R + 1, p, p)
        Derivatives of A = X'V0^-1 X: -X'V0^-1 V_r V0^-1 X. (P of Kenward and Roger.)
    second : (R + 1, R + 1, p, p)
        X'V0^-1 (V_r V0^-1 V_t + V_t V0^-1 V_r) V0^-1 X. (Q plus its transpose.)
    matrix : (R + 1, R + 1)
        Expected second derivatives of minus twice the restricted log-likelihood.
    """

    first: Array
    second: Array
    matrix: Array


def _with_residual(first: Array, second: Array, g: Array, own: Array | float) -> tuple[Array, Array]:
    """Put index 0 before first and second derivatives of something whose own value is `own`."""
    n = len(g)
    summed = np.tensordot(g, first, 1)
    twice = np.tensordot(g, second, 1)
    out1 = np.concatenate([-(own + summed)[None], first])
    out2 = np.empty((n + 1, n + 1, *first.shape[1:]))
    out2[1:, 1:] = second
    out2[0, 1:] = out2[1:, 0] = -2.0 * first - twice
    out2[0, 0] = 2.0 * own + 4.0 * summed + np.tensordot(g, twice, 1)
    return out1, out2


def _symmetric(second: Array) -> Array:
    """Fill r > t of an array of which only r <= t was made."""
    out = second.copy()
    low = np.tril_indices(len(out), -1)
    out[low] = out[low[1], low[0]]
    return out


def expected_information(parts: Eliminated, g: Array, inverse: Array, n: int) -> Information:
    """The information at one point.

    Parameters
    ----------
    parts : Eliminated
        Of order 2.
    g : (R,) float
        Entries of G, the lower triangle of each block column by column.
    inverse : (p, p)
        A^-1.
    n : int
        Rows.
    """
    cross = parts.cross
    first, second = _with_residual(
        cross.first[:, :-1, :-1], _symmetric(cross.second)[:, :, :-1, :-1], g, cross.value[:-1, :-1]
    )
    traces = _traces(parts, g, n)
    turned = inverse @ first
    r, p = len(first), len(inverse)
    crossed = turned.reshape(r, p * p) @ np.swapaxes(turned, 1, 2).reshape(r, p * p).T
    matrix = traces - np.einsum("rtij,ji->rt", second, inverse) + crossed
    return Information(first, second, (matrix + matrix.T) / 2)


def _traces(parts: Eliminated, g: Array, n: int) -> Array:
    """tr(V0^-1 V_r V0^-1 V_t)."""
    single = parts.log_determinant.first
    double = -_symmetric(parts.log_determinant.second)
    out = np.empty((len(g) + 1, len(g) + 1))
    out[1:, 1:] = double
    out[0, 1:] = out[1:, 0] = single - double @ g
    out[0, 0] = n - 2.0 * single @ g + g @ double @ g
    return out


def scoring_step(
    parts: Eliminated, g: Array, beta: Array, inverse: Array, variance: float, n: int
) -> Array | None:
    """Entries of G after one step of Fisher scoring; the first step from anywhere is near the optimum.

    Returns None where the step leaves no residual variance or the information is singular.
    """
    information = expected_information(parts, g, inverse, n)
    v = np.append(-beta, 1.0)
    quadratic = parts.cross.first @ v @ v
    own = v @ parts.cross.value @ v
    quadratic = np.concatenate([[-(own + g @ quadratic)], quadratic])
    single = parts.log_determinant.first
    traces = np.concatenate([[n - g @ single], single])
    slope = (traces + np.einsum("rij,ji->r", information.first, inverse)) / variance + quadratic / variance**2
    try:
        step = -np.linalg.solve(information.matrix, slope) * variance**2
    except np.linalg.LinAlgError:
        return None
    gamma = variance * np.concatenate([[1.0], g]) + step
    if not (np.isfinite(gamma).all() and gamma[0] > 0.01 * variance):
        return None
    return gamma[1:] / gamma[0]
