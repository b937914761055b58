"""Maximum likelihood of hazards whose sums over ranges are observed, to a certificate.

With hazards h_j >= 0, sums x_i over ranges and costs c_j the log-likelihood is
sum_i w_i log(1 - exp(-x_i)) - sum_j c_j h_j, which is concave. Any u >= 0 with
sum_{i covers j} w_i u_i <= c_j bounds it from above by
sum_i w_i [u_i log u_i - (1 + u_i) log(1 + u_i)]; u_i = 1 / (exp(x_i) - 1) is the best one at
the maximum. Many weightings of the same ranges take each step together, as whole arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

__all__ = ["maximise_hazards", "maximise_many", "over_columns"]

Array = NDArray[np.float64]

# The path to the solution: EM steps before it, how fast the barrier shrinks, how close to the wall a
# step may go. Chosen by trial on 30 to 20,000 rows and 5 to 700 columns.
EM_STEPS = 4
EM_STEPS_LARGE = 20
FIRST_BARRIER = 0.03
BARRIER_SHRINKS_TO = 0.05
WALL = 0.995
# Newton steps on the columns with hazard alone, after the certificate: each doubles the digits.
POLISHING_STEPS = 3
PROXIMAL = 1e-8
# Above this many columns only those with hazard, and those that ask for some, are worked on.
LARGEST_WHOLE = 400
MOST_ROUNDS = 60
SMALLEST_SUM = 1e-300
# A column whose pulls come this near to its cost may have hazard.
NEARLY_TIGHT = 1e-7


def maximise_hazards(
    first: NDArray[np.int64],
    stop: NDArray[np.int64],
    weights: Array,
    cost: Array,
    *,
    tolerance: float = 1e-8,
):
    """Hazards of largest likelihood, with a certificate.

    Parameters
    ----------
    first, stop : (u,) int
        Range i covers the columns first_i .. stop_i - 1; first_i < stop_i.
    weights : (u,) float, above 0
    cost : (m,) float, above 0
        Weight of what is known to have passed each column without the event.
    tolerance : float
        Stop when the certificate is below it.

    Returns
    -------
    hazard : (m,) float
    gap : float
        Upper bound of what the log-likelihood is below its maximum.
    tight : (m,) bool
        Columns that may have hazard in some maximum.
    sums : (u,) float
        x_i, the hazard in each range.

    Source
    ------
    Wright (1997), Primal-Dual Interior-Point Methods, ch. 5; the bound is the Lagrange dual.
    """
    m = len(cost)
    weights, cost = weights[None], cost[None]
    if len(first) == 0:
        return np.zeros(m), 0.0, np.zeros(m, bool), np.zeros(0)
    if m <= LARGEST_WHOLE:
        hazard, gap = maximise_many(first, stop, weights, cost, tolerance=tolerance)
    else:
        hazard, gap = _on_working_columns(first, stop, weights, cost, tolerance)
    hazard, gap = _polished(first, stop, weights, cost, hazard, gap)
    _, _, asks = _certificate(first, stop, weights, cost, hazard)
    tight = asks[0] > cost[0] * (1 - NEARLY_TIGHT)
    return hazard[0], float(gap[0]), tight, _sums_of_ranges(first, stop, hazard)[0]


def maximise_many(
    first: NDArray[np.int64],
    stop: NDArray[np.int64],
    weights: Array,
    cost: Array,
    *,
    tolerance: Array | float = 1e-6,
    max_iterations: int = 120,
):
    """Hazards of largest likelihood for each row of weights and costs.

    Parameters
    ----------
    first, stop : (u,) int
        As for `maximise_hazards`.
    weights : (B, u) float
        One row per weighting; 0 leaves a range out.
    cost : (B, m) float, above 0
    tolerance : float or (B,) float
    max_iterations : int

    Returns
    -------
    hazard : (B, m) float
        Hazard on columns that no weighted range tells apart is split between them at will.
    gap : (B,) float
    """
    n_problems, m = cost.shape
    tolerance = np.broadcast_to(np.asarray(tolerance, float), (n_problems,))
    best, best_gap = np.zeros((n_problems, m)), np.full(n_problems, np.inf)
    todo = np.flatnonzero(weights.any(axis=1))
    best_gap[~weights.any(axis=1)] = 0.0
    weights, cost = weights[todo], cost[todo]
    hazard = _em(first, stop, weights, cost, EM_STEPS)
    slack = FIRST_BARRIER * weights.sum(axis=1)[:, None] / m / hazard
    for _ in range(max_iterations):
        if len(todo) == 0:
            break
        gap, edge, asks = _certificate(first, stop, weights, cost, hazard)
        better = gap < best_gap[todo]
        best[todo[better]], best_gap[todo[better]] = hazard[better], gap[better]
        open_ = ~(gap <= tolerance[todo])
        if not open_.all():
            todo, weights, cost = todo[open_], weights[open_], cost[open_]
            hazard, slack, edge, asks = hazard[open_], slack[open_], edge[open_], asks[open_]
            if len(todo) == 0:
                break
        try:
            hazard, slack = _step(first, stop, edge, asks - cost, hazard, slack)
        except np.linalg.LinAlgError:
            # The certificates tell which weightings had already arrived.
            break
    return best, np.maximum(best_gap, 0.0)


def _on_working_columns(first, stop, weights, cost, tolerance):
    """Solves on few columns, adds those that ask for more than they cost, and so on."""
    m = cost.shape[1]
    hazard = _em(first, stop, weights, cost, EM_STEPS_LARGE)
    columns = _one_in_each_range(first, stop, hazard[0])
    best, best_gap = hazard, np.full(1, np.inf)
    for _ in range(MOST_ROUNDS):
        a, b = np.searchsorted(columns, first), np.searchsorted(columns, stop)
        part, _ = maximise_many(a, b, weights, cost[:, columns], tolerance=tolerance / 4)
        hazard = np.zeros((1, m))
        hazard[:, columns] = part
        gap, _, asks = _certificate(first, stop, weights, cost, hazard)
        if gap < best_gap:
            best, best_gap = hazard, gap
        if gap[0] <= tolerance:
            break
        held = columns[part[0] * cost[0, columns] > np.abs(cost - asks)[0, columns]]
        grown = _with_asking(held, columns, asks[0] / cost[0])
        if len(grown) == len(columns) and np.array_equal(grown, columns):
            break
        columns = grown
    return best, best_gap


def _one_in_each_range(first, stop, hazard):
    """Columns of the largest hazard of each range: a first working set that every range meets."""
    order = np.argsort(-hazard, kind="stable")
    rank = np.empty(len(hazard))
    rank[order] = np.arange(len(hazard))
    return np.unique(order[_smallest_in_range(first, stop, rank[None])[0].astype(np.int64)])


def _with_asking(held, columns, ratio):
    """Columns held, and between each two of them the one that asks most, if for more than it costs."""
    starts = np.unique(np.concatenate(([0], held)))
    largest = np.maximum.reduceat(ratio, starts)
    segment = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(ratio))))
    asking = np.flatnonzero((ratio > 1.0) & (ratio == largest[segment]))
    return np.union1d(held, asking)


def _polished(first, stop, weights, cost, hazard, gap):
    """Newton steps to rounding on the columns with hazard; the others become exactly 0."""
    best, best_gap = hazard, gap
    for _ in range(POLISHING_STEPS):
        _, edge, asks = _certificate(first, stop, weights, cost, hazard)
        slack = np.abs(cost - asks)
        columns = np.flatnonzero((hazard * cost > slack)[0])
        a, b = np.searchsorted(columns, first), np.searchsorted(columns, stop)
        held = hazard[:, columns]
        # Keeps the matrix regular where the maximum is not unique.
        beside = PROXIMAL * cost[:, columns] / held
        try:
            change = _newton(a, b, edge, beside, (asks - cost)[:, columns])
        except (np.linalg.LinAlgError, ValueError):
            break
        hazard = np.zeros_like(hazard)
        hazard[:, columns] = np.maximum(held + change, 0.0)
        gap, _, _ = _certificate(first, stop, weights, cost, hazard)
        if np.abs(gap) < best_gap:
            best, best_gap = hazard, np.maximum(gap, 0.0)
    return best, best_gap


def _sums_of_ranges(first, stop, values: Array) -> Array:
    """Sums of values[:, first_i .. stop_i - 1], (B, u), to full relative precision.

    The difference of two cumulative sums loses the digits of a narrow range; what each
    addition rounded away is summed beside it and given back.
    """
    level = np.zeros((len(values), values.shape[1] + 1))
    lost = level.copy()
    np.cumsum(values, axis=1, out=level[:, 1:])
    added = level[:, 1:] - level[:, :-1]
    np.cumsum((level[:, :-1] - (level[:, 1:] - added)) + (values - added), axis=1, out=lost[:, 1:])
    return (level[:, stop] - level[:, first]) + (lost[:, stop] - lost[:, first])


def _em(first, stop, weights, cost, n_steps):
    """EM steps from every range's weight spread evenly over its columns, which is exact for one column."""
    m = cost.shape[1]
    covered = over_columns(first, stop, weights, m)
    share = 1.0 / (covered + cost)
    spread = over_columns(first, stop, weights / (stop - first), m)
    hazard = np.log1p(np.maximum(spread, 1e-6 * spread.mean(axis=1)[:, None]) / cost)
    for _ in range(n_steps):
        pull = weights / np.expm1(np.maximum(_sums_of_ranges(first, stop, hazard), SMALLEST_SUM))
        hazard = hazard * np.maximum((covered + over_columns(first, stop, pull, m)) * share, 0.1)
    return hazard


def _certificate(first, stop, weights, cost, hazard):
    """Bound of the missing log-likelihood, curvature w u (1 + u) of each range, and pulls on each column."""
    x = np.maximum(_sums_of_ranges(first, stop, hazard), SMALLEST_SUM)
    # Far from the maximum a bound may be infinite, or none.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        u = 1.0 / np.expm1(x)
        pull = weights * u
        asks = np.maximum(over_columns(first, stop, pull, hazard.shape[1]), 0.0)
        # With u as it is the bound misses by (c - A'wu)'h exactly; where u asks for more than a column
        # costs, the ranges that cover the column are held back, which makes the bound a little worse.
        gap = ((cost - asks) * hazard).sum(axis=1)
        part = np.minimum(1.0, cost / np.maximum(asks, SMALLEST_SUM))
        if (part < 1.0).any():
            held = u * _smallest_in_range(first, stop, part)
            worse = -np.log1p((held - u) / (1.0 + u)) - (_entropy(held) - _entropy(u))
            gap += (weights * worse).sum(axis=1)
        return gap, pull * (1.0 + u), asks


def _entropy(u):
    """u log(1 + 1 / u), 0 at 0."""
    return u * np.log1p(1.0 / np.maximum(u, SMALLEST_SUM))


def _smallest_in_range(first, stop, values):
    """Minimum of values[:, first_i .. stop_i - 1], (B, u), from minima over runs of 1, 2, 4, ..."""
    runs = [values]
    while 2 ** len(runs) <= values.shape[1]:
        half = 2 ** (len(runs) - 1)
        shorter = runs[-1]
        longer = shorter.copy()
        np.minimum(shorter[:, :-half], shorter[:, half:], out=longer[:, :-half])
        runs.append(longer)
    length = stop - first
    power = np.frexp(length)[1] - 1
    out = np.empty((len(values), len(first)))
    for size in np.unique(power):
        some = power == size
        low, high = runs[size][:, first[some]], runs[size][:, stop[some] - 2**size]
        out[:, some] = np.minimum(low, high)
    return out


def over_columns(first, stop, values, m):
    """Sum of the values of the ranges that cover each column, (B, m)."""
    net = _at_nodes(first, values, m) - _at_nodes(stop, values, m)
    return np.cumsum(net, axis=1)[:, :m]


def _at_nodes(node, values, m):
    """Sums of the values at each node 0..m, (B, m + 1)."""
    n_problems = len(values)
    if n_problems == 1:
        return np.bincount(node, values[0], m + 1)[None]
    place = np.arange(n_problems)[:, None] * (m + 1) + node
    return np.bincount(place.ravel(), values.ravel(), n_problems * (m + 1)).reshape(n_problems, m + 1)


def _step(first, stop, edge, uphill, hazard, slack):
    """One step towards hazard * slack = barrier, as far as both stay above 0."""
    barrier = BARRIER_SHRINKS_TO * (hazard * slack).mean(axis=1)[:, None]
    aim = barrier / hazard
    beside = slack / hazard
    change = _newton(first, stop, edge, beside, uphill + aim)
    slack_change = aim - slack - beside * change
    return hazard + _share(change, hazard) * change, slack + _share(slack_change, slack) * slack_change


def _newton(first, stop, edge, beside, load):
    """Solves (A' diag(edge) A + diag(beside)) change = load, (B, m)."""
    n_problems, m = load.shape
    # Entry (j, k) sums the edges of the ranges that cover both: those that start up to j and stop beyond k.
    joint = _at_nodes(first * (m + 1) + stop, edge, (m + 1) ** 2 - 1).reshape(n_problems, m + 1, m + 1)
    np.cumsum(joint, axis=1, out=joint)
    matrix = np.cumsum(joint[:, :m, :0:-1], axis=2)[:, :, ::-1]
    # Scaled so that the smallest eigenvalue is 1, however near to 0 a hazard is.
    scale = 1.0 / np.sqrt(beside)
    matrix = matrix * scale[:, :, None] * scale[:, None, :]
    column = np.arange(m)
    matrix[:, column, column] += 1.0
    if n_problems == 1:
        factor = cho_factor(matrix[0], lower=False, overwrite_a=True, check_finite=False)
        return cho_solve(factor, load[0] * scale[0], check_finite=False)[None] * scale
    upper = np.triu(matrix, 1)
    matrix = upper + upper.transpose(0, 2, 1) + np.eye(m) * matrix[:, column, column][:, :, None]
    return np.linalg.solve(matrix, (load * scale)[:, :, None])[:, :, 0] * scale


def _share(change, value):
    """Largest part of the step, up to 1, that keeps `value` above 0, per weighting."""
    worst = np.maximum((-change / value).max(axis=1), WALL)
    return (WALL / worst)[:, None]
