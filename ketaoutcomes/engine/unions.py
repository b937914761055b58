"""Maximum likelihood of masses whose sums over unions of ranges are observed, to a certificate.

Competing causes lay their columns side by side: a patient who was still without any event when last
seen may have had each of them later, so the patient's row is one range in the columns of each cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.interior import maximise_replicates
from ketaoutcomes.engine.mixture import ROUNDING, Maximum

__all__ = ["Unions", "maximise_unions", "union_gradient"]

# First steps of expectation and maximisation, which find roughly where the mass is.
WARM_STEPS = 30
# Up to this many columns all are used at once.
FEW_COLUMNS = 60
# After the first steps a column with less than this share of an equal part starts unused.
SMALL_SHARE = 0.05
MOST_ROUNDS = 60


@dataclass(frozen=True)
class Unions:
    """Distinct unions of ranges of columns, with weights.

    Parameters
    ----------
    first, stop : (u, r) int
        Row i sums the masses of the columns first_ik .. stop_ik - 1 of its r ranges, which do not
        overlap; a range with equal ends is empty.
    weights : (u,) float, above 0
    n_columns : int
    """

    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    weights: NDArray[np.float64]
    n_columns: int

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(self.weights.sum())


def union_gradient(mass: NDArray[np.float64], rows: Unions):
    """Returns g_j = (1/N) sum_i w_i a_ij / d_i, and the probability d_i of each row.

    At the maximum g is at most 1 everywhere and 1 wherever there is mass; N (max g - 1) bounds the
    missing log-likelihood from above.
    """
    m = rows.n_columns
    level = np.concatenate(([0.0], np.cumsum(mass)))
    # What each addition rounded away is summed beside it and given back to narrow ranges.
    added = level[1:] - level[:-1]
    lost = np.concatenate(([0.0], np.cumsum((level[:-1] - (level[1:] - added)) + (mass - added))))
    d = ((level[rows.stop] - level[rows.first]) + (lost[rows.stop] - lost[rows.first])).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = np.repeat(rows.weights / d, rows.first.shape[1])
        net = np.bincount(rows.first.ravel(), pull, m + 1) - np.bincount(rows.stop.ravel(), pull, m + 1)
        return np.cumsum(net)[:m] / rows.total, d


def maximise_unions(rows: Unions, *, tolerance: float = 1e-8) -> Maximum:
    """Masses of largest likelihood, with a certificate.

    Steps of expectation and maximisation choose columns to begin with; an interior-point method
    solves for the masses of those in use, the columns that ask for mass join, and so on until none
    asks for any.

    Parameters
    ----------
    rows : Unions
    tolerance : float
        Stop when the certificate is below it; rounding sets a floor of 2e-14 times the sum of weights.

    Returns
    -------
    Maximum

    Source
    ------
    Wang (2007), J. R. Stat. Soc. B 69, 185, with the inner problem as in `engine.interior`.
    """
    m = rows.n_columns
    if m == 1:
        return Maximum(np.ones(1), 0.0, 0.0, 0, True)
    tolerance = max(tolerance, ROUNDING * rows.total)
    mass = np.full(m, 1 / m)
    for _ in range(WARM_STEPS):
        g, _ = union_gradient(mass, rows)
        mass = mass * g
    columns = np.arange(m) if m <= FEW_COLUMNS else _to_begin_with(mass, rows)
    best = Maximum(mass, -np.inf, np.inf, 0, False)
    for iteration in range(1, MOST_ROUNDS + 1):
        mass = _solve(columns, mass, rows, tolerance / 4)
        g, d = union_gradient(mass, rows)
        gap = rows.total * (g.max() - 1)
        if gap < best.gap:
            value = float(rows.weights @ np.log(d))
            best = Maximum(mass, value, max(gap, 0.0), iteration, gap < tolerance)
        if gap < tolerance:
            break
        asking = np.setdiff1d(_largest_between(columns, g), columns)
        if not asking.size:
            break
        columns = np.union1d(columns[mass[columns] > 1e-12], asking)
    return best


def _to_begin_with(mass, rows: Unions):
    """Columns with mass worth having, and for each row its heaviest one, so that none is left without."""
    m = rows.n_columns
    held = mass > SMALL_SHARE / m
    count = np.concatenate(([0], np.cumsum(held)))
    bare = np.flatnonzero((count[rows.stop] - count[rows.first]).sum(axis=1) == 0)
    for row in bare:
        inside = np.concatenate(
            [np.arange(a, b) for a, b in zip(rows.first[row], rows.stop[row], strict=True)]
        )
        held[inside[np.argmax(mass[inside])]] = True
    return np.flatnonzero(held)


def _solve(columns, mass, rows: Unions, tolerance):
    """Masses of largest likelihood when only `columns` may have any, (m,)."""
    first, stop = np.searchsorted(columns, rows.first), np.searchsorted(columns, rows.stop)
    start = np.maximum(mass[columns], 1e-3 / rows.n_columns)
    found, _ = maximise_replicates(
        first, stop, rows.weights[None, :], start / start.sum(), tolerance=tolerance, max_iterations=100
    )
    out = np.zeros(rows.n_columns)
    out[columns] = found[0] / found[0].sum()
    return out


def _largest_between(columns, g):
    """Between each two columns in use the one with the largest g, if it is above 1."""
    starts = np.unique(np.concatenate(([0], columns)))
    largest = np.maximum.reduceat(g, starts)
    segment = np.repeat(np.arange(starts.size), np.diff(np.append(starts, g.size)))
    asking = np.flatnonzero((g > 1) & (g == largest[segment]))
    _, one_each = np.unique(segment[asking], return_index=True)
    return asking[one_each]
