"""The optimum of the mixed-model criterion, by Newton steps that need no step length to be tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.criterion import Point, at_theta
from ketaoutcomes.engine.factors import BlockFactor, full_rank, packed, reduced, unpacked
from ketaoutcomes.engine.information import scoring_step
from ketaoutcomes.engine.sums import Sums
from ketaoutcomes.errors import ConvergenceError

__all__ = ["Optimum", "newton_step", "optimum"]

Array = NDArray[np.float64]

CLOSE_ENOUGH = 1e-12  # what one more Newton step would still take off the criterion
MOST_STEPS = 100
NEARLY_SINGULAR = 1e-4  # smallest share of a direction's variance below which an exact boundary is tried
SPARSE_ROWS = 4  # rows per group below which a criterion of several effects is often uneven
SEED = 20150107
FEW_GROUPS = 100  # up to here a few evaluations cost nothing, and other starts are tried


@dataclass(frozen=True)
class Optimum:
    """Where the criterion is smallest.

    Parameters
    ----------
    point : Point
    factors : tuple of BlockFactor
        With the vanished columns left out.
    decrement : float
        What one more Newton step would take off the criterion, at most.
    converged : bool
    n_evaluations : int
    """

    point: Point
    factors: tuple[BlockFactor, ...]
    decrement: float
    converged: bool
    n_evaluations: int


def optimum(sums: Sums, *, reml: bool, start: Array | None = None) -> Optimum:
    """Minimise the criterion.

    Parameters
    ----------
    sums : Sums
    reml : bool
    start : (T,) float, optional
        Entries of all lower triangles to start from, in scaled columns.
    """
    factors = tuple(full_rank(piece.q) for piece in sums.pieces)
    search = _Search(sums, reml)
    if start is not None:
        return search.bounded(search.descend(factors, start), factors)
    best = search.bounded(search.descend(factors, _start(factors, 1.0), scoring=True), factors)
    finest = max(level.rows.shape[2] for level in sums.levels)
    boundary = any(made.rank < whole.q for made, whole in zip(best.factors, factors, strict=True))
    if boundary or finest <= FEW_GROUPS:
        # A small or flat criterion can have more than one minimum.
        sparse = sums.n < SPARSE_ROWS * finest and finest <= FEW_GROUPS
        for theta in _other_starts(factors, sparse=sparse):
            other = search.bounded(search.descend(factors, theta), factors)
            if other.converged >= best.converged and other.point.value < best.point.value - 1e-9:
                best = other
    return Optimum(best.point, best.factors, best.decrement, best.converged, search.n_evaluations)


def _start(factors: Sequence[BlockFactor], size: float) -> Array:
    """In scaled columns, 1 means that half of what a group shows of its effect is noise."""
    return packed(factors, [size * np.eye(factor.q) for factor in factors])


def _other_starts(factors: Sequence[BlockFactor], *, sparse: bool) -> list[Array]:
    """Smaller and larger than the first; with few rows per group also uneven ones, of a fixed seed."""
    starts = [_start(factors, size) for size in (0.1, 5.0)]
    if sparse and any(factor.q > 1 for factor in factors):
        random = np.random.default_rng(SEED)
        for size in (0.01, 0.3, 1.0, 3.0, 10.0, 30.0):
            starts.append(_start(factors, size))
            starts.append(packed(factors, [size * random.normal(size=(f.q, f.q)) for f in factors]))
    return starts


class _Search:
    """Newton's method on the entries of L; counts its evaluations."""

    def __init__(self, sums: Sums, reml: bool):
        self.sums, self.reml, self.n_evaluations = sums, reml, 0

    def at(self, factors: Sequence[BlockFactor], theta: Array) -> Point | None:
        self.n_evaluations += 1
        return at_theta(self.sums, factors, theta, reml=self.reml)

    def scored(self, factors: tuple[BlockFactor, ...], point: Point) -> Point:
        """One step of Fisher scoring in the covariances, kept if it helps."""
        matrices = unpacked(factors, point.theta)
        g = np.concatenate([(m @ m.T)[list(f.rows), list(f.columns)] for f, m in zip(factors, matrices)])
        after = scoring_step(point.parts, g, point.beta, point.inverse, point.variance, self.sums.n)
        if after is None:
            return point
        theta, at = [], 0
        for factor in factors:
            size = len(factor.rows)
            theta.append(_root(factor, after[at : at + size]))
            at += size
        moved = self.at(factors, np.concatenate(theta))
        return point if moved is None or moved.value > point.value else moved

    def descend(self, factors: tuple[BlockFactor, ...], theta: Array, *, scoring: bool = False) -> Optimum:
        """Newton steps with the signs of negative curvature turned, and halving."""
        point = self.at(factors, theta)
        if point is None:
            raise ConvergenceError(
                "the likelihood cannot be evaluated: the columns are too nearly combinations of each other"
            )
        if scoring:
            point = self.scored(factors, point)
        decrement, converged = np.inf, False
        for _ in range(MOST_STEPS):
            step, decrement, curved = newton_step(point)
            if decrement < CLOSE_ENOUGH and curved:
                converged = True
                break
            after = self.shorter(factors, point, step, decrement)
            if after is None:
                # Rounding stops the descent: good if no step could matter.
                converged = bool(decrement < 1e-7 and curved)
                break
            point = after
        return Optimum(point, tuple(factors), decrement, converged, self.n_evaluations)

    def shorter(self, factors, point: Point, step: Array, decrement: float) -> Point | None:
        """The point after the step, halved until the criterion falls."""
        rounding = 1e-13 * abs(point.value)
        for halving in range(40):
            share = 0.5**halving
            after = self.at(factors, point.theta + share * step)
            if after is None:
                continue
            if after.value <= point.value - 1e-4 * share * decrement:
                return after
            if decrement < 1e-6 and after.value <= point.value + rounding:
                # Too near for the criterion's digits: the gradient decides.
                return after if np.abs(after.gradient).max() < np.abs(point.gradient).max() else None
        return None

    def bounded(self, found: Optimum, whole: tuple[BlockFactor, ...]) -> Optimum:
        """The same with vanishing directions put at exactly zero, where that is the optimum."""
        for _ in range(4):
            flat = self.flattened(found)
            if flat is None:
                return found
            lower = self.descend(*flat)
            escape = self.escape(lower, whole)
            if escape is None:
                close = lower.point.value <= found.point.value + 1e-8 * max(
                    1.0, abs(found.point.value) * 1e-5
                )
                return lower if lower.converged and close else found
            again = self.descend(whole, escape)
            if again.point.value > found.point.value - 1e-10:
                return found
            found = again
        return found

    def flattened(self, found: Optimum) -> tuple[tuple[BlockFactor, ...], Array] | None:
        """Factors without the directions that have nearly vanished, and where to start them."""
        factors, thetas, any_flat = [], [], False
        for factor, matrix in zip(found.factors, unpacked(found.factors, found.point.theta), strict=True):
            sizes = np.linalg.svd(matrix, compute_uv=False)
            # The columns are scaled so that 1 is the noise of one group's own effect.
            rank = int((sizes**2 > NEARLY_SINGULAR * max(1.0, sizes[0] ** 2)).sum())
            if rank >= factor.rank:
                factors.append(factor)
                thetas.append(matrix[list(factor.rows), list(factor.columns)])
                continue
            any_flat = True
            smaller, theta = reduced(matrix @ matrix.T, rank)
            factors.append(smaller)
            thetas.append(theta)
        return (tuple(factors), np.concatenate(thetas)) if any_flat else None

    def escape(self, found: Optimum, whole: tuple[BlockFactor, ...]) -> Array | None:
        """Where to go on if some variance that was put at zero wants to grow; None at a real boundary."""
        gradient, at, moved, out = found.point.gradient_g, 0, False, []
        for factor, matrix in zip(found.factors, unpacked(found.factors, found.point.theta), strict=True):
            q = factor.q
            slope = np.zeros((q, q))
            places = [(a, b) for b in range(q) for a in range(b, q)]
            for a, b in places:
                slope[a, b] += gradient[at] / 2
                slope[b, a] += gradient[at] / 2
                at += 1
            g = matrix @ matrix.T
            if factor.rank < q:
                null = np.linalg.svd(matrix)[0][:, factor.rank :]
                values, vectors = np.linalg.eigh(null.T @ slope @ null)
                if values[0] < -1e-6:
                    direction = null @ vectors[:, 0]
                    g = g + 1e-2 * np.outer(direction, direction)
                    moved = True
            # A root of G that a lower triangle can hold, also where G is singular.
            out.append(np.linalg.cholesky(g + 1e-12 * (1.0 + np.trace(g)) * np.eye(q)))
        return packed(whole, out) if moved else None


def _root(factor: BlockFactor, entries: Array) -> Array:
    """Free entries of a lower-triangular root of the nearest covariance that is well inside."""
    g = np.zeros((factor.q, factor.q))
    g[list(factor.rows), list(factor.columns)] = entries
    g = g + np.tril(g, -1).T
    values, vectors = np.linalg.eigh(g)
    values = np.maximum(values, 0.02)
    root = np.linalg.cholesky((vectors * values) @ vectors.T)
    return root[list(factor.rows), list(factor.columns)]


def newton_step(point: Point) -> tuple[Array, float, bool]:
    """Step, what it promises to take off the criterion, and whether the surface curves upwards."""
    if not len(point.theta):
        return np.zeros(0), 0.0, True
    values, vectors = np.linalg.eigh(point.hessian)
    along = vectors.T @ point.gradient
    floor = 1e-8 * max(1.0, float(np.abs(values).max()))
    # Flat directions (a rotation of a singular L) carry no gradient and need no step.
    curved = bool((values > -1e-6 * max(1.0, float(np.abs(values).max()))).all())
    used = np.maximum(np.abs(values), floor)
    step = -along / used
    size = float(np.sqrt(step @ step))
    limit = 2.0 + 2.0 * float(np.sqrt(point.theta @ point.theta))
    if size > limit:
        step *= limit / size
    decrement = float(np.abs(along * step).sum()) / 2.0
    return vectors @ step, decrement, curved
