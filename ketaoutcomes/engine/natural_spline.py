"""Natural cubic splines: columns that are cubic between knots and straight beyond the outer ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import DataError

__all__ = ["natural_spline"]


def natural_spline(values: ArrayLike, knots: ArrayLike) -> NDArray[np.float64]:
    """Columns of a natural cubic spline without its constant, (n, k - 1) of k knots.

    The first column is `values`; the others are d_j - d_(k-1) with d_j = ((v - t_j)+^3 - (v - t_k)+^3) /
    (t_k - t_j), over the square of the knots' span, so that all have the size of `values`.

    Parameters
    ----------
    values : (n,) array_like of float
    knots : (k,) array_like of float
        Rising, at least two; the outer ones are the boundaries.

    Raises
    ------
    DataError
        If there are fewer than two knots or they do not rise.

    Source
    ------
    Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, eq. 5.4.
    """
    values, knots = np.asarray(values, float), np.asarray(knots, float)
    if knots.ndim != 1 or knots.size < 2 or not (np.diff(knots) > 0).all():
        raise DataError("a natural spline needs at least two knots that rise")
    above = np.maximum(values[:, None] - knots, 0.0) ** 3
    cubes = (above[:, :-1] - above[:, -1:]) / (knots[-1] - knots[:-1])
    bends = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[0]) ** 2
    return np.column_stack([values, bends])
