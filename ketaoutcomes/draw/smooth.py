"""A smooth line through many points: LOWESS for up to a few thousand, else means of equal parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["bin_means", "lowess"]


def lowess(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    share: float = 2.0 / 3.0,
    n_grid: int = 40,
    n_robust: int = 3,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Robust local straight lines, at up to `n_grid` quantiles of `x`.

    Between the grid's points the curve is straight, also where residuals are taken for the robust
    weights. Memory is n_grid * n numbers.

    Parameters
    ----------
    x, y : (n,) float
        Finite, n at least 1.
    share : float
        Part of the points that each local line uses.
    n_grid : int
    n_robust : int
        Rounds of weighting outlying points down.

    Returns
    -------
    (grid, values) : (k,) float each, grid ascending

    Source
    ------
    Cleveland (1979), J. Am. Stat. Assoc. 74, 829.
    """
    grid = np.unique(np.quantile(x, np.linspace(0.0, 1.0, n_grid), method="nearest"))
    distance = np.abs(x[None, :] - grid[:, None])
    n_near = int(np.clip(np.ceil(share * x.size), min(3, x.size), x.size))
    reach = np.partition(distance, n_near - 1, axis=1)[:, n_near - 1]
    spacing = np.diff(grid).min(initial=np.inf)
    # The farthest of the near points would get no weight, and ties would leave no reach at all.
    reach = np.maximum(reach * 1.001, 1e-6 * spacing if np.isfinite(spacing) else 1.0)
    near = np.clip(1.0 - (distance / reach[:, None]) ** 3, 0.0, None) ** 3
    robust = np.ones(x.size)
    for round_of in range(n_robust + 1):
        values = _local_lines(x, y, grid, near * robust, near)
        residual = np.abs(y - np.interp(x, grid, values))
        middle = np.median(residual)
        if round_of == n_robust or middle <= 1e-12 * max(np.abs(y).max(), 1e-300):
            break
        robust = np.clip(1.0 - (residual / (6.0 * middle)) ** 2, 0.0, None) ** 2
    return grid, values


def _local_lines(x, y, grid, weights: NDArray, fallback: NDArray) -> NDArray[np.float64]:
    """Value at each grid point of the weighted straight line through the points."""
    total = weights.sum(axis=1)
    weights = np.where((total > 1e-9)[:, None], weights, fallback)
    weights = weights / weights.sum(axis=1, keepdims=True)
    mean_x, mean_y = weights @ x, weights @ y
    across = x[None, :] - mean_x[:, None]
    square = (weights * across**2).sum(axis=1)
    product = (weights * across) @ y
    has_slope = square > 1e-12 * max(float(np.ptp(x)) ** 2, 1e-300)
    slope = np.divide(product, square, out=np.zeros_like(product), where=has_slope)
    return mean_y + slope * (grid - mean_x)


def bin_means(
    x: NDArray[np.float64], y: NDArray[np.float64], *, n_bins: int = 20
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean x and mean y of up to `n_bins` parts with about as many points each; equal x stay together."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    cuts = np.linspace(0, x.size, n_bins + 1).astype(int)[:-1]
    starts = np.unique(np.searchsorted(x, x[cuts], side="left"))
    sizes = np.diff(np.append(starts, x.size))
    return np.add.reduceat(x, starts) / sizes, np.add.reduceat(y, starts) / sizes
