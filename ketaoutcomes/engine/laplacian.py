"""The quadratic subproblem of the mixture's Newton step.

A weighted graph with nodes 0..K has one edge (a, b) per observed range, with weight
q = w / d^2. Newton's quadratic model of the log-likelihood in F is then
(F - aim)' L (F - aim) / 2 with L the graph's Laplacian, F[0] = 0 and F[K] = 1.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dpttrf, dpttrs

__all__ = ["newton_target"]

# Up to this many unknowns a dense Cholesky factor is faster than conjugate gradients.
LARGEST_DENSE = 800
# Conjugate gradients stop at this share of the first residual, or after this many steps; a direction
# that is not quite Newton's costs another outer step, never the result.
RELATIVE_RESIDUAL = 1e-9
MOST_CONJUGATE = 500


def newton_target(a, b, weights, d, mass):
    """Non-negative masses at the maximum of the quadratic model around `mass`.

    Solved by block principal pivoting: guess which masses are 0, solve for the
    others, exchange those that contradict the guess.

    Parameters
    ----------
    a, b : (u,) int
        Row i sums the masses a_i .. b_i - 1.
    weights, d : (u,) float
        Weight and present probability of each row.
    mass : (K,) float
        Present masses, summing to 1.

    Returns
    -------
    (K,) float
        New masses, summing to 1; 0 where the constraint holds.

    Source
    ------
    Judice and Pires (1994), Comput. Oper. Res. 21, 587.
    """
    size = len(mass)
    pull, edge = weights / d, weights / d**2
    slope = np.bincount(b, pull, size + 1) - np.bincount(a, pull, size + 1)
    rounding = max(1e-9, 1e-14 * pull.sum())
    free = np.ones(size, bool)
    fewest, patience = size + 1, 3
    for _ in range(10 * size + 20):
        # Solving for the change, not for F, keeps the digits of a change that is nearly 0.
        base = np.where(free, mass, 0.0)
        base = base / base.sum()
        away = np.concatenate(([0.0], np.cumsum(base - mass)))
        load = slope - _laplacian_times(a, b, edge, away)
        change = _solve_grouped(a, b, edge, load, free)
        new = base + np.diff(change)
        residual = _laplacian_times(a, b, edge, change) - load
        wrong = np.where(free, new < 0, _wants_mass(residual, free, rounding))
        n_wrong = int(wrong.sum())
        if n_wrong == 0:
            break
        if n_wrong < fewest:
            fewest, patience = n_wrong, 3
        else:
            patience -= 1
        if patience < 0:
            # Exchanging only the last one cannot cycle.
            wrong[: np.flatnonzero(wrong)[-1]] = False
        free = free ^ wrong
    new = np.maximum(np.where(free, new, 0.0), 0.0)
    return new / new.sum()


def _laplacian_times(a, b, edge, level):
    flow = edge * (level[b] - level[a])
    return np.bincount(b, flow, len(level)) - np.bincount(a, flow, len(level))


def _wants_mass(residual, free, rounding):
    """Whether a mass held at 0 would rise: the residual behind it, up to its group's end, is negative."""
    size = len(free)
    # A group is the nodes between two free columns. Residuals of a group sum to 0 at the solution;
    # the last node is held at 1, so its residual is whatever makes the last group's sum 0.
    last = np.flatnonzero(free)[-1] + 1
    residual = np.append(residual[:-1], -residual[last:-1].sum())
    behind = np.append(np.cumsum(residual[::-1])[::-1], 0.0)
    ends = np.where(free, np.arange(size), size)
    group_end = np.minimum.accumulate(ends[::-1])[::-1] + 1
    return ~free & (behind[1 : size + 1] - behind[group_end] < -rounding)


def _solve_grouped(a, b, edge, load, free):
    """Change of F at the nodes, equal within a group, 0 in the first and the last group."""
    group = np.concatenate(([0], np.cumsum(free)))
    last = group[-1]
    change = np.zeros(last + 1)
    if last > 1:
        ga, gb = group[a], group[b]
        crosses = ga < gb
        solve = _solve_dense if last <= LARGEST_DENSE else _solve_conjugate
        loads = np.bincount(group, load, last + 1)[1:last]
        change[1:last] = solve(ga[crosses], gb[crosses], edge[crosses], loads)
    return change[group]


def _solve_dense(a, b, edge, load):
    size = len(load) + 2
    joint = np.bincount(a * size + b, edge, size * size).reshape(size, size)
    joint = joint + joint.T
    matrix = -joint
    place = np.arange(size)
    matrix[place, place] += joint.sum(axis=1)
    factor, info = dpotrf(matrix[1:-1, 1:-1])
    if info:
        raise np.linalg.LinAlgError("the Hessian is not positive definite")
    return dpotrs(factor, load)[0]


def _solve_conjugate(a, b, edge, load):
    """Conjugate gradients; the edges between neighbours are solved directly as the preconditioner."""
    size = len(load) + 2
    degree = np.bincount(a, edge, size) + np.bincount(b, edge, size)
    near = b == a + 1
    neighbours = np.bincount(a[near], edge[near], size)
    diagonal, off, _ = dpttrf(degree[1:-1], -neighbours[1:-2])
    padded = np.zeros(size)
    x, r = np.zeros(len(load)), load.copy()
    z, _ = dpttrs(diagonal, off, r)
    p, rz = z, r @ z
    goal = RELATIVE_RESIDUAL**2 * rz
    for _ in range(MOST_CONJUGATE):
        if rz <= goal:
            break
        padded[1:-1] = p
        ap = _laplacian_times(a, b, edge, padded)[1:-1]
        share = rz / (p @ ap)
        x, r = x + share * p, r - share * ap
        z, _ = dpttrs(diagonal, off, r)
        rz, before = r @ z, rz
        p = z + (rz / before) * p
    return x
