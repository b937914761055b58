"""The maximum of a smooth function by Newton steps that are shortened where the function bends up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

__all__ = ["Climb", "climb"]

Array = NDArray[np.float64]
Evaluation = tuple[float, Array, Array]

CLOSE_ENOUGH = 1e-10  # what one more step would add, after which one last step is taken
MOST_STEPS = 200
MOST_DAMPING = 1e12
ROUNDING = 1e-12  # of the value


@dataclass(frozen=True)
class Climb:
    """Where the steps ended.

    Parameters
    ----------
    params : (p,) float
    value : float
    gradient : (p,) float
    hessian : (p, p) float
    converged : bool
        The gradient is zero to rounding and the function bends down in every direction.
    """

    params: Array
    value: float
    gradient: Array
    hessian: Array
    converged: bool


def climb(
    evaluate: Callable[[Array], Evaluation],
    start: Array,
    *,
    is_inside: Callable[[Array], bool] | None = None,
) -> Climb:
    """Newton's method with Levenberg-Marquardt damping.

    The damping is a multiple of the identity, so parameters should have steps of a like size.

    Parameters
    ----------
    evaluate : callable
        Parameters -> value, gradient, Hessian of the function that is to be largest.
    start : (p,) float
    is_inside : callable, optional
        Whether parameters are worth going on from; the climb ends where they are not.
    """
    params, here, damping = np.asarray(start, float), evaluate(start), 0.0
    for _ in range(MOST_STEPS):
        step, bends_down = _step(here, damping)
        gain = float(here[1] @ step)
        if damping == 0.0 and bends_down and gain < CLOSE_ENOUGH:
            params, here = _polished(evaluate, params, here, step)
            return Climb(params, *here, True)
        there = evaluate(params + step)
        if _is_finite(there) and there[0] >= here[0] - ROUNDING * abs(here[0]):
            params, here = params + step, there
            damping = 0.0 if damping < 1e-6 * _size(here[2]) else damping / 10.0
        else:
            damping = max(10.0 * damping, 1e-3 * _size(here[2]))
            if damping > MOST_DAMPING * _size(here[2]):
                break
        if is_inside is not None and not is_inside(params):
            break
    return Climb(params, *here, False)


def _step(here: Evaluation, damping: float) -> tuple[Array, bool]:
    """The step, and whether no damping but the one asked for was needed."""
    _, gradient, hessian = here
    size = _size(hessian)
    added = damping
    for _ in range(60):
        try:
            factor = cho_factor(added * np.eye(len(gradient)) - hessian, check_finite=False)
            return cho_solve(factor, gradient, check_finite=False), added == damping
        except LinAlgError:
            added = max(10.0 * added, 1e-6 * size)
    return np.zeros_like(gradient), False


def _polished(evaluate, params: Array, here: Evaluation, step: Array) -> tuple[Array, Evaluation]:
    """One last step, kept if the gradient becomes smaller: the value's digits are used up before its."""
    there = evaluate(params + step)
    smaller = _is_finite(there) and np.abs(there[1]).max() <= np.abs(here[1]).max()
    return (params + step, there) if smaller else (params, here)


def _size(hessian: Array) -> float:
    return max(float(np.abs(np.diag(hessian)).max()), 1e-300)


def _is_finite(here: Evaluation) -> bool:
    return bool(np.isfinite(here[0]) and np.isfinite(here[1]).all() and np.isfinite(here[2]).all())
