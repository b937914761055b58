"""Minus twice the log-likelihood with one quantity held fixed, minimised over all others.

What is held is a coordinate, so that no constraint is left. The parameters are tau = log sigma^2 and the
free entries of a root N of each block's covariance, in coordinates whose first rows are the effects that
the quantity is about:

    G sigma^2 = K N N' K',    N = offset + sum of phi_k D_k

With a standard deviation held, N_11 is a number; with a correlation r held, the second row of N is
phi (r, sqrt(1 - r^2)). The other coordinates are orthonormal combinations of the scaled columns, so that
neither a unit nor an origin of time matters. A coefficient is held by a change of columns,
[X, y] -> [X, y] W, made on the cross-products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from ketaoutcomes.engine.eliminate import Eliminated, eliminated
from ketaoutcomes.engine.factors import level_factors
from ketaoutcomes.engine.optimum import newton_step
from ketaoutcomes.engine.sums import Sums

__all__ = [
    "Constrained",
    "Root",
    "State",
    "columns_with",
    "free_root",
    "root_with_correlation",
    "root_with_sd",
]

Array = NDArray[np.float64]

CLOSE_ENOUGH = 1e-11  # what one more Newton step would still take off the deviance
MOST_STEPS = 100
VANISHED = 1e-3  # share of its noise below which an effect is started afresh: at 0 no slope shows the way
AFRESH = 0.05
INSIDE = 0.9  # share of the way to 0 that a length may go in one step
AT_EDGE = 1e-6  # share of its noise below which a length is taken to fall to 0


@dataclass(frozen=True)
class Root:
    """A root of one block's covariance: K (offset + sum of phi_k D_k).

    Parameters
    ----------
    forward, back : (q, q)
        Coordinates of the root from those of the scaled columns, and back (K).
    offset : (q, q)
    basis : (F, q, q)
        D_k.
    lengths : tuple of (int, int)
        Free entries that are the length of a row of N and must not change their sign, and the row.
    """

    forward: Array
    back: Array
    offset: Array
    basis: Array
    lengths: tuple[tuple[int, int], ...] = ()

    def start(self, covariance: Array, noise: float) -> Array:
        """Free entries near a covariance in scaled columns; effects that have vanished are revived."""
        q = len(covariance)
        turned = self.forward @ covariance @ self.forward.T
        values, vectors = np.linalg.eigh((turned + turned.T) / 2.0)
        half = vectors * np.sqrt(np.maximum(values, 0.0))
        lower = np.linalg.qr(half.T, mode="r").T
        lower *= np.where(np.diag(lower) < 0.0, -1.0, 1.0)
        lower[np.diag_indices(q)] += np.where(np.diag(lower) < VANISHED * noise, AFRESH * noise, 0.0)
        size = np.einsum("kab,kab->k", self.basis, self.basis)
        free = np.einsum("kab,ab->k", self.basis, lower) / size
        for entry, row in self.lengths:
            free[entry] = np.linalg.norm(lower[row])
        return free


def _units(places: Sequence[tuple[int, int]], q: int) -> Array:
    basis = np.zeros((len(places), q, q))
    for k, (i, j) in enumerate(places):
        basis[k, i, j] = 1.0
    return basis


def free_root(q: int) -> Root:
    """Nothing held."""
    places = [(i, j) for j in range(q) for i in range(j, q)]
    return Root(np.eye(q), np.eye(q), np.zeros((q, q)), _units(places, q))


def _led_by(rows: Array) -> tuple[Array, Array]:
    """Coordinates that begin with the given combinations, brought to length 1, and the way back."""
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    others = np.linalg.svd(unit)[2][len(unit) :]
    forward = np.concatenate([unit, others])
    return forward, np.linalg.inv(forward)


def root_with_sd(row: Array, sd: float) -> Root:
    """The standard deviation of row @ u is held.

    Parameters
    ----------
    row : (q,)
        The effect as a combination of those of the scaled columns.
    sd : float
        Not relative to the residual.
    """
    q = len(row)
    forward, back = _led_by(row[None])
    offset = np.zeros((q, q))
    offset[0, 0] = sd / np.linalg.norm(row)
    places = [(i, j) for j in range(q) for i in range(j, q) if (i, j) != (0, 0)]
    return Root(forward, back, offset, _units(places, q))


def root_with_correlation(rows: Array, correlation: float) -> Root:
    """The correlation of two effects is held; `rows` is (2, q).

    A length that changed its sign would turn the correlation's; where one falls to 0 there is no minimum
    inside, and the best covariance is one without that effect.
    """
    q = rows.shape[1]
    forward, back = _led_by(rows)
    places = [(i, j) for j in range(q) for i in range(j, q) if i != 1]
    basis = np.concatenate([_units(places, q), np.zeros((1, q, q))])
    basis[-1, 1, :2] = correlation, np.sqrt(max(0.0, 1.0 - correlation**2))
    return Root(forward, back, np.zeros((q, q)), basis, ((0, 0), (len(places), 1)))


def columns_with(row: Array, value: float) -> Array:
    """W such that [X, y] W holds row @ b at a value, (p + 1, p)."""
    p = len(row)
    columns = np.zeros((p + 1, p))
    columns[:-1, :-1] = np.linalg.svd(row[None])[2][1:].T
    columns[:-1, -1] = -row * value / (row @ row)
    columns[-1, -1] = 1.0
    return columns


@dataclass(frozen=True)
class State:
    """A minimum, from which another is found.

    Parameters
    ----------
    covariances : list of (q, q)
        sigma^2 G of each block, in scaled columns.
    tau : float
        log sigma^2, for a scaled response.
    """

    covariances: list[Array]
    tau: float


@dataclass(frozen=True)
class _Point:
    theta: Array
    value: float
    gradient: Array
    hessian: Array
    state: State


class Constrained:
    """The deviance as a function of what is not held.

    Parameters
    ----------
    sums : Sums
    roots : sequence of Root
        One for each block.
    tau : float, optional
        Held log residual variance.
    columns : (p + 1, p'), optional
        W.
    """

    def __init__(
        self, sums: Sums, roots: Sequence[Root], *, tau: float | None = None, columns: Array | None = None
    ):
        self.sums, self.roots, self.tau, self.columns = sums, tuple(roots), tau, columns
        starts = np.cumsum([0, *(len(root.basis) for root in self.roots)])
        self.lengths = [start + entry for start, root in zip(starts, self.roots) for entry, _ in root.lengths]

    def minimum(self, start: State) -> tuple[float, State] | None:
        """Least deviance, without the constants of scaling, and where it is; None if it is not found."""
        point = self._at(self._packed(start))
        for _ in range(MOST_STEPS):
            if (
                point is None
                or (np.abs(point.theta[self.lengths]) < AT_EDGE * np.exp(point.state.tau / 2.0)).any()
            ):
                return None
            step, decrement, curved = newton_step(point)
            if decrement < CLOSE_ENOUGH and curved:
                return point.value, point.state
            after = (
                self._shorter(point, step, decrement) if decrement >= CLOSE_ENOUGH else self._escape(point)
            )
            if after is None:
                return (point.value, point.state) if decrement < 1e-8 else None
            point = after
        return None

    def _packed(self, state: State) -> Array:
        tau = state.tau if self.tau is None else self.tau
        noise = float(np.exp(tau / 2.0))
        parts = [root.start(own, noise) for root, own in zip(self.roots, state.covariances, strict=True)]
        return np.concatenate([*parts, [] if self.tau is not None else [tau]])

    def _shorter(self, point: _Point, step: Array, decrement: float) -> _Point | None:
        """The point after the step, halved until the deviance falls; lengths stay positive."""
        longest = 1.0
        for entry in self.lengths:
            if step[entry] < -INSIDE * point.theta[entry]:
                longest = min(longest, -INSIDE * point.theta[entry] / step[entry])
        for halving in range(40):
            share = longest * 0.5**halving
            after = self._at(point.theta + share * step)
            if after is not None and after.value <= point.value - 1e-4 * share * decrement:
                return after
        return None

    def _escape(self, point: _Point) -> _Point | None:
        """Off a saddle, along the direction that curves down most."""
        direction = np.linalg.eigh(point.hessian)[1][:, 0]
        for size in (0.3, 0.1, 0.03):
            for way in (size, -size):
                theta = point.theta + way * direction
                after = self._at(theta) if (theta[self.lengths] > 0.0).all() else None
                if after is not None and after.value < point.value - 1e-10:
                    return after
        return None

    def _at(self, theta: Array) -> _Point | None:
        """Value, gradient and Hessian; None where rounding makes the cross-products indefinite."""
        sums = self.sums
        tau = self.tau if self.tau is not None else float(theta[-1])
        if not abs(tau) < 300.0:
            return None
        halves, at = [], 0
        for root in self.roots:
            free = theta[at : at + len(root.basis)]
            halves.append(root.back @ (root.offset + np.tensordot(free, root.basis, 1)))
            at += len(free)
        relative = np.exp(-tau / 2.0)
        try:
            factors = level_factors(sums, [relative * half for half in halves])
            parts = eliminated(sums.levels, sums.n_dense, sums.cross, factors, 2)
            rest, first, second = self._residual(parts)
        except np.linalg.LinAlgError:
            return None
        inverse_variance = np.exp(-tau)
        value = (
            sums.n * (np.log(2.0 * np.pi) + tau)
            + float(parts.log_determinant.value)
            + rest * inverse_variance
        )
        if not (np.isfinite(value) and rest > 0):
            return None
        n_g = len(first)
        by = np.append(
            parts.log_determinant.first + first * inverse_variance, sums.n - rest * inverse_variance
        )
        twice = np.empty((n_g + 1, n_g + 1))
        twice[:-1, :-1] = _symmetric(parts.log_determinant.second + second * inverse_variance)
        twice[:-1, -1] = twice[-1, :-1] = -first * inverse_variance
        twice[-1, -1] = rest * inverse_variance
        jacobian, curvature = self._chain(halves, by[:-1], inverse_variance)
        gradient = jacobian.T @ by
        hessian = jacobian.T @ twice @ jacobian + curvature
        return _Point(theta, float(value), gradient, hessian, State([half @ half.T for half in halves], tau))

    def _residual(self, parts: Eliminated) -> tuple[float, Array, Array]:
        """Weighted residual sum of squares with its derivatives by the entries of all G."""
        value, first, second = parts.cross.value, parts.cross.first, parts.cross.second
        if self.columns is not None:
            w = self.columns
            value, first, second = w.T @ value @ w, w.T @ first @ w, w.T @ second @ w
        if len(value) == 1:
            return float(value[0, 0]), first[:, 0, 0], second[:, :, 0, 0]
        lower = np.linalg.cholesky(value[:-1, :-1])
        v = np.append(-cho_solve((lower, True), value[:-1, -1], check_finite=False), 1.0)
        slopes = first @ v
        z = slopes[:, :-1]
        crossed = z @ cho_solve((lower, True), z.T, check_finite=False)
        return (
            float(value[-1] @ v), slopes @ v,
            np.einsum("i,rtij,j->rt", v, second, v) - 2.0 * np.triu(crossed),
        )  # fmt: skip

    def _chain(self, halves: list[Array], by: Array, relative: float) -> tuple[Array, Array]:
        """Derivatives of (entries of all G, tau) by what is free, and the part that their curvature adds.

        G = exp(-tau) H H', with H = K N linear in what is free.
        """
        n_free = sum(len(root.basis) for root in self.roots)
        width = n_free + (self.tau is None)
        jacobian = np.zeros((len(by) + 1, width))
        curvature = np.zeros((width, width))
        row = column = 0
        g = np.zeros(len(by))
        for root, half in zip(self.roots, halves, strict=True):
            q = len(half)
            places = [(a, b) for b in range(q) for a in range(b, q)]
            rows, columns = ([place[i] for place in places] for i in (0, 1))
            own = slice(row, row + len(places))
            free = slice(column, column + len(root.basis))
            moved = root.back @ root.basis
            change = moved @ half.T
            jacobian[own, free] = relative * (change + np.swapaxes(change, 1, 2))[:, rows, columns].T
            g[own] = relative * (half @ half.T)[rows, columns]
            weight = np.zeros((q, q))
            weight[rows, columns] = by[own] / 2.0
            weight += weight.T
            curvature[free, free] = 2.0 * relative * np.einsum("kab,ac,hcb->kh", moved, weight, moved)
            row, column = own.stop, free.stop
        if self.tau is None:
            jacobian[:-1, -1] = -g
            jacobian[-1, -1] = 1.0
            curvature[-1, :-1] = curvature[:-1, -1] = -by @ jacobian[:-1, :-1]
            curvature[-1, -1] = by @ g
        return jacobian, curvature


def _symmetric(upper: Array) -> Array:
    """Fill r > t of an array of which only r <= t was made."""
    return np.triu(upper) + np.triu(upper, 1).T
