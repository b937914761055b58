"""The maximum over coefficients and the logarithm of one shape, which overdispersed counts have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ketaoutcomes.engine.damped import Climb, Evaluation, climb

__all__ = ["LARGEST", "SMALLEST", "best_start", "shape_climb"]

Array = NDArray[np.float64]

# Of the log shape. At the last the law is binomial or Poisson's to six digits; the first is never reached by
# counts that a clinic can have, and only keeps the climb from running on.
SMALLEST, LARGEST = -25.0, 15.0
GRID = np.arange(-6.0, 13.0, 3.0)
CLOSE_ENOUGH = 1e-10  # what a Newton step promises to add


def is_inside(params: Array) -> bool:
    """Whether the log shape, the last parameter, is within its range."""
    return bool(SMALLEST < params[-1] < LARGEST)


def best_start(evaluate: Callable[[Array], Evaluation], own: Array) -> float:
    """The log shape of a coarse grid at which given coefficients are most likely."""
    return float(max(GRID, key=lambda tau: evaluate(np.append(own, tau))[0]))


def shape_climb(evaluate: Callable[[Array], Evaluation], start: Array) -> Climb:
    """Climb until the gradient is 0 to rounding; the log shape is the last parameter.

    A climb also counts as converged where a Newton step promises next to nothing but the log-likelihood's
    own rounding keeps it from rising: with thousands of trials in a cluster it has few digits.

    Parameters
    ----------
    evaluate : callable
        Parameters -> value, gradient, Hessian.
    start : (k + 1,) float
    """
    found = climb(evaluate, start, is_inside=is_inside)
    if found.converged or not is_inside(found.params):
        return found
    try:
        step = cho_solve(cho_factor(-found.hessian), found.gradient)
    except (LinAlgError, ValueError):
        return found
    if found.gradient @ step > CLOSE_ENOUGH:
        return found
    there = evaluate(found.params + step)
    if np.abs(there[1]).max() < np.abs(found.gradient).max():
        found = Climb(found.params + step, *there, True)
    return replace(found, converged=True)
