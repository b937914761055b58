"""Maximum likelihood of masses whose sums over ranges are observed, to a certificate.

The log-likelihood is sum_i w_i log(F[stop_i] - F[first_i]) over rising
F with F[0] = 0 and F[m] = 1; mass p_j = F[j + 1] - F[j]. In F the Hessian is the
Laplacian of the graph whose edges are the ranges, which is what the Newton step uses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from ketaoutcomes.engine.laplacian import newton_target

__all__ = ["Maximum", "Ranges", "gradient", "log_likelihood", "maximise"]

# A step may take away this part of a range's probability at most: its logarithm stays finite.
LARGEST_LOSS = -0.999
# Rounding alone makes the certificate about this large per patient.
ROUNDING = 2e-14
# First steps that were fastest over all, by sum of the weights.
WARM_SIZES = np.array([5_000.0, 50_000.0, 500_000.0])
# With few columns EM steps alone, which cost next to nothing then, are faster over all.
FEW_COLUMNS, FEW_STEPS = 75, 25
WARM_STEPS = np.array([3, 6, 10, 30])


@dataclass(frozen=True)
class Ranges:
    """Distinct ranges of columns with weights: row i sums the masses first_i .. stop_i - 1.

    Parameters
    ----------
    first, stop : (u,) int
    weights : (u,) float, above 0
    n_columns : int
        m, the number of masses.
    """

    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    weights: NDArray[np.float64]
    n_columns: int

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(self.weights.sum())


@dataclass(frozen=True)
class Maximum:
    """Masses with the bound on what is missing to the maximum.

    Parameters
    ----------
    mass : (m,) float
    log_likelihood : float
    gap : float
        Upper bound of (maximum - log_likelihood).
    n_iterations : int
    converged : bool
    """

    mass: NDArray[np.float64]
    log_likelihood: float
    gap: float
    n_iterations: int
    converged: bool


def gradient(mass: NDArray[np.float64], ranges: Ranges):
    """Returns g_j = (1/N) sum_i w_i a_ij / d_i, and d_i.

    Parameters
    ----------
    mass : (m,) float
    ranges : Ranges

    Returns
    -------
    g : (m,) float
        At the maximum at most 1 everywhere, and 1 wherever there is mass.
        N (max g - 1) bounds the missing log-likelihood from above.
    d : (u,) float
        Probability of each range.
    """
    m = ranges.n_columns
    d = probability(mass, ranges)
    pull = ranges.weights / d
    net = np.bincount(ranges.first, pull, m + 1) - np.bincount(ranges.stop, pull, m + 1)
    return np.cumsum(net)[:m] / ranges.total, d


def probability(mass: NDArray[np.float64], ranges: Ranges) -> NDArray[np.float64]:
    """Returns d_i, the mass in each range, to full relative precision.

    The difference of two cumulative sums loses the digits of a narrow range;
    what each addition rounded away is summed beside it and given back.
    """
    level = np.concatenate(([0.0], np.cumsum(mass)))
    added = level[1:] - level[:-1]
    lost = (level[:-1] - (level[1:] - added)) + (mass - added)
    lost = np.concatenate(([0.0], np.cumsum(lost)))
    first, stop = ranges.first, ranges.stop
    return (level[stop] - level[first]) + (lost[stop] - lost[first])


def log_likelihood(d: NDArray[np.float64], ranges: Ranges) -> float:
    """Returns sum_i w_i log d_i."""
    return float(ranges.weights @ np.log(d))


def maximise(
    ranges: Ranges,
    *,
    start: NDArray[np.float64] | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 200,
) -> Maximum:
    """Masses of largest likelihood, with a certificate.

    A few EM and ICM steps find roughly where the mass is; Newton steps on the
    columns with mass, enlarged each time by the columns that ask for mass, do the rest.

    Parameters
    ----------
    ranges : Ranges
    start : (m,) float, optional
        Masses to begin from; every range must have some.
    tolerance : float
        Stop when the certificate is below it.
    max_iterations : int
        Newton steps at most.

    Returns
    -------
    Maximum
        `converged` is False if the certificate was not reached; the masses are
        then the best found.

    Source
    ------
    EM + ICM: Wellner and Zhan (1997), J. Am. Stat. Assoc. 92, 945; certificate and
    support enlargement: Wang (2007), J. R. Stat. Soc. B 69, 185.
    """
    if ranges.n_columns == 1:
        return Maximum(np.ones(1), 0.0, 0.0, 0, True)
    tolerance = max(tolerance, ROUNDING * ranges.total)
    mass = _warm_start(ranges) if start is None else start / start.sum()
    best = Maximum(mass, -np.inf, np.inf, 0, False)
    for iteration in range(max_iterations + 1):
        g, d = gradient(mass, ranges)
        gap = ranges.total * (g.max() - 1)
        if gap < best.gap:
            best = Maximum(mass, log_likelihood(d, ranges), max(gap, 0.0), iteration, gap < tolerance)
        if gap < tolerance:
            break
        step = _newton_step(mass, g, d, ranges)
        if step is None:
            break
        mass = step
    return best


def _warm_start(ranges: Ranges) -> NDArray[np.float64]:
    """EM and ICM steps from equal masses; more of them for more patients."""
    m = ranges.n_columns
    mass = np.full(m, 1 / m)
    is_few = m <= FEW_COLUMNS
    n_steps = FEW_STEPS if is_few else int(WARM_STEPS[np.searchsorted(WARM_SIZES, ranges.total)])
    for _ in range(n_steps):
        pull = ranges.weights / _roughly(mass, ranges)
        net = np.bincount(ranges.first, pull, m + 1) - np.bincount(ranges.stop, pull, m + 1)
        mass = mass * (np.cumsum(net)[:m] / ranges.total)
        if not is_few:
            mass = _icm_step(mass, ranges)
    return mass


def _roughly(mass, ranges: Ranges):
    """The mass in each range without the digits that only the last steps need."""
    level = np.concatenate(([0.0], np.cumsum(mass)))
    return np.maximum(level[ranges.stop] - level[ranges.first], 1e-300)


def _icm_step(mass, ranges: Ranges):
    """One iterative convex minorant step: diagonal Hessian, projected on rising F."""
    m = ranges.n_columns
    level = np.concatenate(([0.0], np.cumsum(mass)))
    d = _roughly(mass, ranges)
    pull = ranges.weights / d
    curve = pull / d
    slope = (np.bincount(ranges.stop, pull, m + 1) - np.bincount(ranges.first, pull, m + 1))[1:m]
    curvature = (np.bincount(ranges.stop, curve, m + 1) + np.bincount(ranges.first, curve, m + 1))[1:m]
    curvature = np.maximum(curvature, 1e-8 * curvature.max(initial=0.0))
    aim = isotonic_regression(level[1:m] + slope / curvature, weights=curvature).x.clip(0.0, 1.0)
    move = np.concatenate(([0.0], aim - level[1:m], [0.0]))
    length = _step_length(move, d, slope @ move[1:m], ranges, share=0.1)
    if length == 0:
        return mass
    moved = np.maximum(np.diff(level + length * move), 0.0)
    if length == 1:
        moved[np.diff(np.concatenate(([0.0], aim, [1.0]))) <= 0] = 0.0
    return moved / moved.sum()


def _newton_step(mass, g, d, ranges: Ranges):
    """Masses after one Newton step on the columns in use; None if nothing improves."""
    m = ranges.n_columns
    columns = _columns_in_use(mass, g)
    # Node k of the smaller problem lies before its column k; unused columns vanish.
    a, b = np.searchsorted(columns, ranges.first), np.searchsorted(columns, ranges.stop)
    old = mass[columns]
    try:
        new = newton_target(a, b, ranges.weights, d, old)
    except np.linalg.LinAlgError:
        # Weights so unequal that the Hessian is singular in floating point: the certificate will say so.
        return None
    change = np.zeros(m)
    change[columns] = new - old
    move = np.concatenate(([0.0], np.cumsum(change)))
    length = _step_length(move, d, ranges.total * float(g @ change), ranges, share=1 / 3)
    if length == 0:
        return None
    moved = np.maximum(mass + length * change, 0.0)
    if length == 1:
        moved[columns[new <= 0]] = 0.0
    return moved / moved.sum()


def _columns_in_use(mass, g):
    """Columns with mass, and between each two of them the column with the largest g above 1."""
    used = mass > 0
    opens = used.copy()
    opens[0] = True
    segment = np.cumsum(opens) - 1
    largest = np.maximum.reduceat(g, np.flatnonzero(opens))
    asking = np.flatnonzero((g > 1) & (g == largest[segment]))
    if asking.size:
        own = segment[asking]
        used[asking[np.concatenate(([True], own[1:] != own[:-1]))]] = True
    return np.flatnonzero(used)


def _step_length(move, d, ascent, ranges: Ranges, *, share):
    """Largest of 1, 1/2, 1/4, ... with a fair part of the promised gain; 0 if none."""
    relative = (move[ranges.stop] - move[ranges.first]) / d
    # Gains below the rounding of the log-likelihood cannot be told from losses.
    rounding = 1e-13 * ranges.total
    length = 1.0
    while length > 1e-10:
        scaled = length * relative
        if (
            scaled.min() > LARGEST_LOSS
            and ranges.weights @ np.log1p(scaled) >= share * length * ascent - rounding
        ):
            return length
        length /= 2
    return 0.0
