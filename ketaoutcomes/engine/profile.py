"""Profile-likelihood intervals: for each parameter the values that raise the deviance by less than z^2.

Zeta is the square root of that rise, with the sign of the distance from the estimate. Each value is an exact
minimum over all other parameters; the limits are roots and not read off an interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from ketaoutcomes.engine.constrained import (
    Constrained,
    State,
    columns_with,
    free_root,
    root_with_correlation,
    root_with_sd,
)
from ketaoutcomes.engine.factors import unpacked
from ketaoutcomes.engine.lmm import Estimate, refit
from ketaoutcomes.errors import ConvergenceError

__all__ = ["Profiled", "Quantity", "profile", "quantities_of", "value_of"]

Array = NDArray[np.float64]

FEW_GROUPS = 100  # up to here a second start for each value costs nothing
TOLERANCE = 1e-6  # of the deviance, beyond which a profile lies below the optimum or turns back
WITHIN = (0.25, 0.5, 0.75)  # shares of the way to a limit at which the curve is drawn
BEYOND = 1.15
FARTHEST = 1.5  # times z: an edge that lies farther away would squeeze the curve
MOST_STRIDES = 40


@dataclass(frozen=True)
class Quantity:
    """What is profiled.

    Parameters
    ----------
    kind : {"sd", "correlation", "sigma", "fixed"}
    block : int
        Number of the block in `sums.pieces`; -1 for sigma and coefficients.
    first, second : int
        Effect(s) within the block, or number of the coefficient.
    """

    kind: str
    block: int = -1
    first: int = -1
    second: int = -1


@dataclass(frozen=True)
class Profiled:
    """The profile of one quantity, in the columns' own units.

    Parameters
    ----------
    quantity : Quantity
    estimate : float
        By maximum likelihood. NaN for a correlation with an effect that has no variance.
    low, high : float
        Limits; a limit is the parameter's edge (0, -1, 1) where the edge is within the interval,
        and NaN where `failure` says why there is none.
    values, zeta : (k,) float
        Points of the curve, ascending.
    failure : str
    """

    quantity: Quantity
    estimate: float
    low: float
    high: float
    values: Array
    zeta: Array
    failure: str = ""


def quantities_of(estimate: Estimate) -> tuple[Quantity, ...]:
    """All parameters in lme4's order: blocks, the lower triangle column by column; sigma; coefficients."""
    out = []
    for number, piece in enumerate(estimate.sums.pieces):
        for j in range(piece.q):
            out.append(Quantity("sd", number, j))
            out += [Quantity("correlation", number, i, j) for i in range(j + 1, piece.q)]
    out.append(Quantity("sigma"))
    out += [Quantity("fixed", first=j) for j in range(len(estimate.beta))]
    return tuple(out)


def value_of(estimate: Estimate, quantity: Quantity) -> float:
    """The estimate of a quantity."""
    if quantity.kind == "sigma":
        return estimate.sigma
    if quantity.kind == "fixed":
        return float(estimate.beta[quantity.first])
    block = estimate.blocks[quantity.block]
    first = np.sqrt(block[quantity.first, quantity.first])
    if quantity.kind == "sd":
        return float(first)
    both = first * np.sqrt(block[quantity.second, quantity.second])
    return float(np.clip(block[quantity.first, quantity.second] / both, -1.0, 1.0)) if both > 0 else np.nan


def profile(
    estimate: Estimate, *, level: float = 0.95, quantities: tuple[Quantity, ...] | None = None
) -> tuple[Profiled, ...]:
    """Profiles of the parameters by maximum likelihood.

    Parameters
    ----------
    estimate : Estimate
        A REML fit is fitted again by maximum likelihood first.
    level : float
    quantities : tuple of Quantity, optional
        All, if not given.

    Raises
    ------
    ConvergenceError
        If the fit by maximum likelihood is not reached.

    Notes
    -----
    Source: Bates, Maechler, Bolker, Walker 2015, J. Stat. Softw. 67(1), section 5.1. Limits agree with
    root finding on lme4's deviance (tests/reference/lmm_profile.R).
    """
    if estimate.reml:
        estimate = refit(estimate.sums, reml=False)
    chosen = quantities_of(estimate) if quantities is None else quantities
    whole = _Whole(estimate)
    return tuple(_profiled(whole, quantity, float(ndtri(0.5 + level / 2.0))) for quantity in chosen)


class _Whole:
    """The unconstrained optimum, in scaled columns, with the deviance as the constrained ones count it."""

    def __init__(self, estimate: Estimate):
        self.estimate, self.sums = estimate, estimate.sums
        point = estimate.optimum.point
        variance = point.variance
        halves = unpacked(estimate.optimum.factors, point.theta)
        self.state = State([variance * half @ half.T for half in halves], float(np.log(variance)))
        self.deviance = point.value + self.sums.sum_log_weights
        finest = max(level.rows.shape[2] for level in self.sums.levels)
        self.starts_again = finest <= FEW_GROUPS

    def held(self, quantity: Quantity, value: float) -> Constrained:
        """The deviance with the quantity held at a value in its own units."""
        sums, unit = self.sums, self.sums.scale.y_scale
        roots = [free_root(piece.q) for piece in sums.pieces]
        if quantity.kind == "sigma":
            return Constrained(sums, roots, tau=2.0 * np.log(value / unit))
        if quantity.kind == "fixed":
            turn, shift = sums.scale.back()
            held = columns_with(turn[quantity.first], value - shift[quantity.first])
            return Constrained(sums, roots, columns=held)
        turn = sums.pieces[quantity.block].turn
        if quantity.kind == "sd":
            roots[quantity.block] = root_with_sd(turn[quantity.first], value / unit)
        else:
            roots[quantity.block] = root_with_correlation(turn[[quantity.second, quantity.first]], value)
        return Constrained(sums, roots)

    def stride(self, quantity: Quantity) -> float:
        """A first guess of a standard error."""
        estimate = self.estimate
        if quantity.kind == "fixed":
            return float(np.sqrt(estimate.covariance[quantity.first, quantity.first]))
        if quantity.kind == "sigma":
            return estimate.sigma / np.sqrt(2.0 * self.sums.n)
        piece = self.sums.pieces[quantity.block]
        noise = estimate.sigma * float(np.linalg.norm(piece.turn[quantity.first]))
        k = piece.repeat if piece.repeat > 1 else self.sums.levels[piece.level].rows.shape[2]
        return float(np.hypot(value_of(estimate, quantity), noise)) / np.sqrt(2.0 * k)


class _Lost(Exception):
    """A profile could not be followed."""


class _Trace:
    """Zeta at values of one quantity; remembers them, and starts from the nearest."""

    def __init__(self, whole: _Whole, quantity: Quantity, estimate: float):
        self.whole, self.quantity, self.estimate = whole, quantity, estimate
        self.states = {estimate: whole.state}
        self.zetas = {estimate: 0.0}
        self.without: list[tuple[float, State]] | None = None

    def __call__(self, value: float) -> float:
        value = float(value)
        if value not in self.zetas:
            rise, self.states[value] = self._rise(value)
            if rise < -TOLERANCE:
                raise _Lost("the profile falls below the fitted optimum")
            self.zetas[value] = float(np.copysign(np.sqrt(max(rise, 0.0)), value - self.estimate))
        return self.zetas[value]

    def _rise(self, value: float) -> tuple[float, State]:
        nearest = min(self.states, key=lambda other: abs(other - value))
        starts = [self.states[nearest]]
        if self.whole.starts_again and nearest != self.estimate:
            starts.append(self.whole.state)
        held = self.whole.held(self.quantity, value)
        found = [*self.edge_minima(), *(end for end in map(held.minimum, starts) if end is not None)]
        if not found:
            raise _Lost("no minimum was found at some value")
        deviance, state = min(found, key=lambda end: end[0])
        return deviance - self.whole.deviance, state

    def edge_minima(self) -> list[tuple[float, State]]:
        """Minima without one of the two effects of a correlation, which hold for any correlation."""
        quantity = self.quantity
        if quantity.kind != "correlation":
            return []
        if self.without is None:
            ends = (
                self.whole.held(Quantity("sd", quantity.block, effect), 0.0).minimum(self.whole.state)
                for effect in (quantity.first, quantity.second)
            )
            self.without = [end for end in ends if end is not None]
        return self.without

    def limit(self, way: int, z: float, edge: float, stride: float) -> float:
        """Where zeta is `way` * z: the edge if it is not reached before."""
        if np.isfinite(edge):
            # sigma cannot be 0, where the deviance is infinite.
            if self.quantity.kind == "sigma":
                return self._stride_out(way, z, stride, floor=edge)
            if abs(edge - self.estimate) <= 1e-12 or abs(self(edge)) <= z:
                return edge
            return self._root(self.estimate, edge, way * z)
        return self._stride_out(way, z, stride, floor=None)

    def _stride_out(self, way: int, z: float, stride: float, floor: float | None) -> float:
        """Bracket by strides that a straight zeta would need, then solve."""
        inner, reach = self.estimate, 1.1 * z * stride
        for _ in range(MOST_STRIDES):
            outer = inner + way * reach
            if floor is not None and outer <= floor:
                outer = (inner + floor) / 2.0
            zeta = abs(self(outer))
            if zeta >= z:
                return self._root(inner, outer, way * z)
            gone = abs(outer - self.estimate)
            needed = gone * (z / max(zeta, 1e-3) - 1.0) * 1.1
            reach = float(np.clip(needed, 0.05 * gone, 3.0 * gone))
            inner = outer
        raise _Lost("the rise in deviance stays below what the level needs")

    def _root(self, inner: float, outer: float, target: float) -> float:
        size = abs(outer - inner)
        return float(brentq(lambda value: self(value) - target, inner, outer, xtol=1e-8 * size, rtol=1e-10))

    def curve(self, low: float, high: float, edges: tuple[float, float], z: float) -> tuple[Array, Array]:
        """Points of zeta between the limits and a little beyond; they must rise."""
        for end, edge in zip((low, high), edges, strict=True):
            for share in (*WITHIN, *(() if end == edge else (BEYOND,))):
                value = self.estimate + share * (end - self.estimate)
                if end != self.estimate and edges[0] <= value <= edges[1]:
                    self(value)
        values = np.array(sorted(self.zetas))
        zeta = np.array([self.zetas[value] for value in values])
        # Zeta is a root: near 0 the digits of the deviance are few.
        if (np.sign(zeta) * zeta**2 - np.maximum.accumulate(np.sign(zeta) * zeta**2) < -TOLERANCE).any():
            raise _Lost("the deviance does not rise steadily away from the estimate")
        near = np.abs(zeta) <= FARTHEST * z
        return values[near], zeta[near]


def _edges(kind: str) -> tuple[float, float]:
    return {"sd": (0.0, np.inf), "sigma": (0.0, np.inf), "correlation": (-1.0, 1.0)}.get(
        kind, (-np.inf, np.inf)
    )


def _profiled(whole: _Whole, quantity: Quantity, z: float) -> Profiled:
    """Limits and curve of one quantity."""
    estimate = value_of(whole.estimate, quantity)
    if np.isnan(estimate):
        # An effect without variance has any correlation: the deviance is the same everywhere.
        return Profiled(quantity, estimate, -1.0, 1.0, np.empty(0), np.empty(0))
    edges, stride = _edges(quantity.kind), whole.stride(quantity)
    trace = _Trace(whole, quantity, estimate)
    try:
        low, high = (trace.limit(way, z, edge, stride) for way, edge in zip((-1, 1), edges, strict=True))
        values, zeta = trace.curve(low, high, edges, z)
    except (_Lost, ConvergenceError, np.linalg.LinAlgError) as reason:
        values = np.array(sorted(trace.zetas))
        zeta = np.array([trace.zetas[value] for value in values])
        return Profiled(quantity, estimate, np.nan, np.nan, values, zeta, str(reason))
    return Profiled(quantity, estimate, low, high, values, zeta)
