"""Difference of two independent proportions with Newcombe's hybrid score interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ketaoutcomes.engine.rates import wilson

__all__ = ["newcombe"]


def newcombe(
    n_events: ArrayLike, n: ArrayLike, other_events: ArrayLike, other_n: ArrayLike, *, level: float = 0.95
):
    """Difference of two proportions, the first minus the other, with its limits.

    The limits join the Wilson limits l, u of each proportion p: the lower one is
    d - sqrt((p - l)^2 + (u' - p')^2), the upper one d + sqrt((u - p)^2 + (p' - l')^2).

    Parameters
    ----------
    n_events, n : array_like of float
        Events and trials of the first proportion.
    other_events, other_n : array_like of float
        Events and trials of the proportion that is taken away.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    difference, low, high : ndarray of float
        Between -1 and 1; NaN where there are no trials.

    Raises
    ------
    DataError
        If a count is negative or missing, or events exceed trials.

    Source
    ------
    Newcombe (1998), Stat. Med. 17, 873, method 10. Checked: tests/engine/test_newcombe.py.
    """
    low, high = wilson(n_events, n, level=level)
    other_low, other_high = wilson(other_events, other_n, level=level)
    share, other = _share(n_events, n), _share(other_events, other_n)
    difference = share - other
    return (
        difference,
        difference - np.hypot(share - low, other_high - other),
        difference + np.hypot(high - share, other - other_low),
    )


def _share(n_events: ArrayLike, n: ArrayLike) -> np.ndarray:
    x, n = np.broadcast_arrays(np.asarray(n_events, float), np.asarray(n, float))
    return np.divide(x, n, out=np.full(n.shape, np.nan), where=n > 0)
