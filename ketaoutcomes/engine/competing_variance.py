"""Variance of cumulative incidences: each row's influence, squared and summed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows", "squared_influence"]

Array = NDArray[np.float64]
# Numbers in the arrays of one block of times, where clusters make influences dense.
BLOCK_SIZE = 2_000_000


@dataclass(frozen=True)
class Rows:
    """Rows as places on the k distinct times.

    Parameters
    ----------
    exit_at : (n,) int
        Place of the row's time.
    entry_at : (n,) int
        First place at which the row is at risk.
    cause : (n,) int
        0 for a censoring.
    weight : (n,) float
    cluster : (n,) int or None
        From 0; None where every row is a cluster.
    """

    exit_at: NDArray[np.int64]
    entry_at: NDArray[np.int64]
    cause: NDArray[np.int64]
    weight: Array
    cluster: NDArray[np.int64] | None


@dataclass(frozen=True)
class _Influence:
    """Influence of every row on one F_k, as a(t) + F_k(t) b(t) less what it was at entry.

    With h = sum of the hazards h_j, g(u) = (dN(u) - h(u)) / (n(u) (1 - h(u))) for a row at risk at u,
    and the rest of a sum over the row's times at risk u <= t:

        dF_k(t) = sum [S(u-) (dN_k(u) - h_k(u)) / n(u) + F_k(u) g(u)] - F_k(t) sum g(u)
    """

    a: Array  # (k,) drift of a row at risk since the first time
    b: Array
    a_entry: Array  # (n,) that drift when the row entered
    b_entry: Array
    a_exit: Array  # (n,) what the row keeps after its exit
    b_exit: Array


def squared_influence(
    rows: Rows, n_at_risk: Array, hazard: Array, staying: Array, before: Array, incidence: Array
) -> Array:
    """Sum of squared influences of the rows, or clusters, on each F_k(t).

    Parameters
    ----------
    rows : Rows
    n_at_risk : (k,)
        Sum of weights at risk.
    hazard : (K, k)
        d_k / n.
    staying : (k,)
        1 - the sum of the hazards; exactly 0 where all have an event.
    before : (k,)
        S just before each time.
    incidence : (K, k)
        F_k just after each time.

    Returns
    -------
    (K, k) array

    Source
    ------
    The infinitesimal jackknife; R survival's survfit for several causes gives the same.
    """
    variance = np.empty_like(incidence)
    for number, curve in enumerate(incidence):
        parts = _influence(rows, number + 1, n_at_risk, hazard, staying, before, curve)
        summed = _over_rows if rows.cluster is None else _over_clusters
        variance[number] = summed(rows, parts, curve)
    return variance


def _influence(rows, cause, n_at_risk, hazard, staying, before, curve) -> _Influence:
    """The parts of every row's influence on one F_k."""
    # Where all at risk have an event their influence is nought: nobody is left to be influenced.
    per_event = np.where(staying > 0, 1.0 / (n_at_risk * np.where(staying > 0, staying, 1.0)), 0.0)
    own = before / n_at_risk
    total = hazard.sum(axis=0) * per_event
    b = np.cumsum(total)
    a = -np.cumsum(own * hazard[cause - 1] + curve * total)
    a_before, b_before = np.append(0.0, a), np.append(0.0, b)
    a_entry, b_entry = a_before[rows.entry_at], b_before[rows.entry_at]
    at = rows.exit_at
    has_event, is_own = rows.cause > 0, rows.cause == cause
    jump_a = is_own * own[at] + has_event * curve[at] * per_event[at]
    jump_b = np.where(has_event, -per_event[at], 0.0)
    return _Influence(a, b, a_entry, b_entry, a[at] - a_entry + jump_a, b[at] - b_entry + jump_b)


def _over_rows(rows: Rows, parts: _Influence, curve: Array) -> Array:
    """Sum of squares, each row on its own: running sums, never a row by time array."""
    k, square = len(curve), rows.weight**2

    def left(values):
        return np.cumsum(np.bincount(rows.exit_at, square * values, minlength=k))

    def at_risk(values):
        entered = np.bincount(rows.entry_at, square * values, minlength=k)
        return np.cumsum(entered) - left(values)

    a, b = parts.a_entry, parts.b_entry
    x, y = parts.a_exit, parts.b_exit
    drift = parts.a + curve * parts.b
    gone = left(x * x) + 2 * curve * left(x * y) + curve**2 * left(y * y)
    here = at_risk(a * a) + 2 * curve * at_risk(a * b) + curve**2 * at_risk(b * b)
    here += drift**2 * at_risk(np.ones(len(a))) - 2 * drift * (at_risk(a) + curve * at_risk(b))
    return gone + here


def _over_clusters(rows: Rows, parts: _Influence, curve: Array) -> Array:
    """Sum of squares of the clusters' sums, a block of times after the other."""
    n_clusters, k = int(rows.cluster.max()) + 1, len(curve)
    width = max(BLOCK_SIZE // n_clusters, 1)
    drift = parts.a + curve * parts.b
    # What happens to a cluster's sums of a, b and weight at risk, when its rows enter and leave.
    at = np.concatenate([rows.entry_at, rows.exit_at])
    who = np.concatenate([rows.cluster, rows.cluster])
    weight = np.concatenate([rows.weight, rows.weight])
    changes = weight * np.stack(
        [
            np.concatenate([-parts.a_entry, parts.a_entry + parts.a_exit]),
            np.concatenate([-parts.b_entry, parts.b_entry + parts.b_exit]),
            np.concatenate([np.ones(len(rows.cause)), -np.ones(len(rows.cause))]),
        ]
    )
    carried = np.zeros((3, n_clusters))
    total = np.empty(k)
    for first in range(0, k, width):
        size = min(width, k - first)
        here = (at >= first) & (at < first + size)
        sums = np.empty((3, n_clusters, size))
        place = who[here] * size + (at[here] - first)
        for number in range(3):
            flat = np.bincount(place, changes[number, here], minlength=n_clusters * size)
            sums[number] = np.cumsum(flat.reshape(n_clusters, size), axis=1) + carried[number, :, None]
        carried = sums[:, :, -1].copy()
        block = slice(first, first + size)
        influence = sums[0] + curve[block] * sums[1] + drift[block] * sums[2]
        total[block] = np.square(influence).sum(axis=0)
    return total
