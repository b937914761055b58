"""Whether a hidden count follows from what is printed: exact, over whole numbers.

What a reader knows is a system: whole numbers between bounds, some sums of which are printed. A hidden
number follows where it has one value in all solutions.

A row is a point (events, rest) between bounds of events, of rest and of their sum. Such sets are integral
generalised polymatroids: sets of this kind add up, and cut each other, to one of this kind, without losing
a whole number (Frank and Tardos, Mathematical Programming 42, 489, 1988). So what remains possible of each
row follows from sums of bounds, for one total or two that share rows. With three totals it is mostly shown
by one other solution that a number does not follow, a step away from the true one: one event moved from
one row to another. Where no such step exists, the smallest and the largest value are found by integer
programming (HiGHS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

__all__ = ["System", "Total", "follows", "interval", "remaining", "sum_intervals"]

PASSES = 4
# Beyond this many branches a number is taken to follow; a limit in seconds would depend on the computer.
MOST_BRANCHES = 200


@dataclass(frozen=True)
class System:
    """Whole numbers of which a reader knows bounds and sums.

    Parameters
    ----------
    truth : (v,) int array
        The true values; they meet the bounds.
    low, high : (v,) int array
        What the reader knows of each; equal where the number is printed. Knowing more than a reader
        does is on the safe side.
    sums : (k, v) int array
        The coefficients of printed sums; their values are those of `truth`.
    """

    truth: NDArray
    low: NDArray
    high: NDArray
    sums: NDArray


def follows(system: System, secrets: NDArray, units: NDArray, swaps: NDArray) -> NDArray:
    """Marks the secrets that have one value only in all solutions.

    Parameters
    ----------
    system : System
    secrets : (s, v) int array
        Coefficients of the numbers that must not follow.
    units : (u, v) int array
        Changes of one with all that changes by definition, e.g. an event with its row's size.
    swaps : (p, v) int array
        Changes within a row that leave its size, e.g. an event more and one less of the rest.

    Returns
    -------
    (s,) bool array
    """
    if not len(secrets):
        return np.zeros(0, bool)
    steps = _steps(system, units, swaps)
    found = ~(secrets @ steps.T != 0).any(axis=1)
    if not found.any():
        return found
    low, high = _narrowed(system)
    for number in np.flatnonzero(found):
        of = np.flatnonzero(secrets[number])
        if of.size == 1 and low[of[0]] == high[of[0]]:
            continue
        least, most = interval(system, secrets[number])
        found[number] = least == most
    return found


@dataclass(frozen=True)
class Total:
    """Rows that add up.

    Parameters
    ----------
    rows : (m,) bool array
    low, high : (3,) int array
        What a reader knows of the sums of events, rest and size.
    """

    rows: NDArray
    low: NDArray
    high: NDArray


def remaining(
    low: NDArray, high: NDArray, totals: Sequence[Total]
) -> tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray]]:
    """What remains possible of each row and of each total, given at most two totals.

    Parameters
    ----------
    low, high : (m, 3) int array
        Bounds of events, rest and size of each row.
    totals : sequence of Total

    Returns
    -------
    rows, totals : (low, high)
        (m, 3) and (t, 3) int arrays; each of these bounds is reached by a solution.
    """
    low, high = _tight(low, high)
    rows, sums = (low.copy(), high.copy()), ([], [])
    for number, total in enumerate(totals):
        shared, own = np.zeros(len(low), bool), total.rows
        least, most = _tight(total.low, total.high)
        within = None
        for other in totals[:number] + totals[number + 1 :]:
            shared, own = total.rows & other.rows, total.rows & ~other.rows
            apart = _sum(low, high, other.rows & ~total.rows)
            ends = _tight(other.low, other.high)
            # The shared rows are what the other total leaves them; they enter this one as one row.
            within = _cut(*_sum(low, high, shared), ends[0] - apart[1], ends[1] - apart[0])
        every = _sum(low, high, own)
        if within is not None:
            inside = least - every[1], most - every[0]
            _narrow(rows, low, high, shared, *_cut(*within, *inside))
            every = every[0] + within[0], every[1] + within[1]
            _narrow(rows, low, high, own, least - within[1], most - within[0])
        else:
            _narrow(rows, low, high, own, least, most)
        for ends, found in zip(sums, _cut(*every, least, most), strict=True):
            ends.append(found)
    return rows, (np.array(sums[0]).reshape(-1, 3), np.array(sums[1]).reshape(-1, 3))


def _narrow(rows, low: NDArray, high: NDArray, chosen: NDArray, least: NDArray, most: NDArray) -> None:
    """Bounds of the chosen rows from those of their sum."""
    all_low, all_high = _sum(low, high, chosen)
    ends = least - (all_high - high[chosen]), most - (all_low - low[chosen])
    rows[0][chosen], rows[1][chosen] = _cut(rows[0][chosen], rows[1][chosen], *ends)


def _sum(low: NDArray, high: NDArray, rows: NDArray) -> tuple[NDArray, NDArray]:
    return low[rows].sum(axis=0), high[rows].sum(axis=0)


def _cut(low: NDArray, high: NDArray, least: NDArray, most: NDArray) -> tuple[NDArray, NDArray]:
    return _tight(np.maximum(low, least), np.minimum(high, most))


def _tight(low: NDArray, high: NDArray) -> tuple[NDArray, NDArray]:
    """Bounds of events, rest and size (last axis) that are all reached, since events and rest make size."""
    (e, r, s), (e_top, r_top, s_top) = np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0)
    least = np.maximum(e, s - r_top), np.maximum(r, s - e_top), np.maximum(s, e + r)
    most = np.minimum(e_top, s_top - r), np.minimum(r_top, s_top - e), np.minimum(s_top, e_top + r_top)
    return np.stack(least, axis=-1), np.stack(most, axis=-1)


def interval(system: System, secret: NDArray) -> tuple[int, int]:
    """Smallest and largest value of a sum of the system's numbers over all its solutions."""
    known = system.sums @ system.truth
    constraints = [LinearConstraint(system.sums, known, known)] if len(system.sums) else []
    ends = []
    for sign in (1.0, -1.0):
        found = milp(
            sign * secret.astype(float),
            constraints=constraints,
            bounds=Bounds(system.low, system.high),
            integrality=np.ones(system.truth.size),
            options={"node_limit": MOST_BRANCHES},
        )
        # The true values are a solution, so one exists; where the solver gives up, it is taken to follow.
        ends.append(round(sign * found.fun) if found.success else int(secret @ system.truth))
    return ends[0], ends[1]


def sum_intervals(low: NDArray, high: NDArray, total: int) -> tuple[NDArray, NDArray]:
    """Smallest and largest value of each of several whole numbers between bounds that add up to `total`."""
    least = np.maximum(low, total - (high.sum() - high))
    most = np.minimum(high, total - (low.sum() - low))
    return least, most


def _narrowed(system: System) -> tuple[NDArray, NDArray]:
    """Bounds that follow from one sum after another; cheaper than a program where one number is left."""
    low, high, known = system.low.copy(), system.high.copy(), (system.sums @ system.truth)[:, None]
    for _ in range(PASSES):
        up, down = system.sums > 0, system.sums < 0
        least = np.where(up, low, 0) - np.where(down, high, 0)
        most = np.where(up, high, 0) - np.where(down, low, 0)
        room = known - (least.sum(axis=1, keepdims=True) - least)
        floor = known - (most.sum(axis=1, keepdims=True) - most)
        top = np.where(up, room, np.where(down, -floor, high)).min(axis=0, initial=2**40)
        bottom = np.where(up, floor, np.where(down, -room, low)).max(axis=0, initial=-(2**40))
        low, high = np.maximum(low, bottom), np.minimum(high, top)
    return low, high


def _steps(system: System, units: NDArray, swaps: NDArray) -> NDArray:
    """Changes that lead from the true values to another solution; (m, v)."""
    fixed = system.low == system.high
    units = units[~(units[:, fixed] != 0).all(axis=1)] if len(units) else units
    found = np.vstack([units, _differences(units), swaps, _differences(swaps)])
    found = np.vstack([found, -found])
    found = found[~(found[:, fixed] != 0).any(axis=1)]
    found = found[~(found @ system.sums.T != 0).any(axis=1)]
    reached = system.truth + found
    return found[((reached >= system.low) & (reached <= system.high)).all(axis=1)]


def _differences(rows: NDArray) -> NDArray:
    first, second = np.triu_indices(len(rows), k=1)
    return rows[first] - rows[second]
