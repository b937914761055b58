"""Cumulative incidence of competing causes whose times are known only to lie in intervals (L, R]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.competing_rows import Layout, checked_causes, lay_out
from ketaoutcomes.engine.unions import maximise_unions
from ketaoutcomes.errors import DataError

__all__ = ["IntervalIncidence", "incidence_at", "interval_incidence"]


@dataclass(frozen=True)
class IntervalIncidence:
    """Nonparametric maximum likelihood incidence of several causes.

    The mass of an innermost interval may lie anywhere inside it: the curve of its
    cause is known at the interval's ends and not in between.

    Parameters
    ----------
    cause : (m,) int
        Cause of each mass, rising.
    left, right : (m,) float
        Innermost intervals (left, right] of that cause, rising within a cause; equal for a point.
    left_closed : (m,) bool
        True for a single point.
    mass : (m,) float
        Probability of each; with `beyond` they sum to 1.
    beyond : float
        Probability of no event by the last time known.
    log_likelihood, gap : float
        `gap` bounds what the log-likelihood is below its maximum.
    converged, unique : bool
        `unique` says whether these are the only masses with this likelihood.
    n : float
        Sum of the weights.
    n_causes : int
    """

    cause: NDArray[np.int64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    left_closed: NDArray[np.bool_]
    mass: NDArray[np.float64]
    beyond: float
    log_likelihood: float
    gap: float
    converged: bool
    unique: bool
    n: float
    n_causes: int


def interval_incidence(
    left: ArrayLike,
    right: ArrayLike,
    cause: ArrayLike,
    *,
    n_causes: int,
    weights: ArrayLike | None = None,
    tolerance: float = 1e-8,
) -> IntervalIncidence:
    """Incidence curves of largest likelihood for competing causes.

    Parameters
    ----------
    left, right : (n,) array_like of float
        An event of the row's cause came after `left` and not after `right`; equal ends are an
        exactly known time. Without an event it had not come by `left`, and `right` is not used.
    cause : (n,) array_like of int
        0 .. n_causes - 1; -1 where no event is known.
    n_causes : int
    weights : (n,) array_like of float, optional
        How many patients each row stands for.
    tolerance : float
        Largest `gap` that counts as converged.

    Returns
    -------
    IntervalIncidence
        With one cause the masses are those of `engine.interval.npmle`.

    Raises
    ------
    DataError
        If there is nothing, an end is missing, negative or out of order, or a cause is none.

    Source
    ------
    Hudgens, Satten and Longini (2001), Biometrics 57, 74; Jewell, van der Laan and Henneman (2003),
    Biometrika 90, 183. Checked: tests/engine/test_competing_interval.py.
    """
    rows = checked_causes(left, right, cause, n_causes, weights)
    layout = lay_out(rows, n_causes)
    fit = maximise_unions(layout.unions(rows.weights), tolerance=tolerance)
    mass = layout.spread(fit.mass[None, :], rows.weights[None, :])[0]
    inside = layout.cause >= 0
    return IntervalIncidence(
        cause=layout.cause[inside],
        left=layout.left[inside],
        right=layout.right[inside],
        left_closed=layout.left_closed[inside],
        mass=mass[inside],
        beyond=float(mass[~inside].sum()),
        log_likelihood=fit.log_likelihood + layout.within(rows.weights),
        gap=fit.gap,
        converged=fit.converged,
        unique=_is_unique(fit.mass, layout, rows.weights),
        n=float(rows.weights.sum()),
        n_causes=n_causes,
    )


def incidence_at(fit: IntervalIncidence, cause: int, times: ArrayLike):
    """Bounds of P(event of the cause by t): surely by then, and possibly by then.

    Parameters
    ----------
    fit : IntervalIncidence
    cause : int
    times : array_like of float

    Returns
    -------
    low, high : ndarray of float, shape of `times`
        They differ inside an innermost interval with mass. What comes after the last time known
        (`beyond`) is in neither: beyond it the curves are not known.

    Raises
    ------
    DataError
        If there is no such cause.
    """
    if not 0 <= cause < fit.n_causes:
        raise DataError(f"there is no cause {cause!r}; the causes are 0 to {fit.n_causes - 1}")
    own = fit.cause == cause
    return bounds_at(fit.left[own], fit.right[own], fit.left_closed[own], fit.mass[None, own], times, axis=0)


def bounds_at(left, right, left_closed, mass, times, *, axis=None):
    """Mass surely by each time and mass possibly by it, per row of masses (B, m)."""
    times = np.asarray(times, float)
    total = np.concatenate([np.zeros((len(mass), 1)), np.cumsum(mass, axis=1)], axis=1)
    total = np.minimum(total, 1.0)
    closed = np.searchsorted(right, times, side="right")
    opened = np.searchsorted(left, times, side="left")
    if left.size:
        # A single point at t itself has happened by t; an interval that opens at t has not begun.
        at = np.minimum(opened, left.size - 1)
        opened = opened + ((left[at] == times) & left_closed[at])
    low, high = total[:, closed], np.maximum(total[:, opened], total[:, closed])
    return (low[0], high[0]) if axis == 0 else (low, high)


def _is_unique(mass, layout: Layout, weights) -> bool:
    """Whether the columns with mass are linearly independent over the rows."""
    used = np.flatnonzero(mass > 1e-12)
    rows = layout.unions(weights)
    holds = np.zeros((len(rows.weights), used.size))
    for a, b in zip(rows.first.T, rows.stop.T, strict=True):
        holds += (used >= a[:, None]) & (used < b[:, None])
    return bool(np.linalg.matrix_rank(holds) == used.size)
