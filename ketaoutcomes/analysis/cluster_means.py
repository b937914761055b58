"""The mean over sessions within patients, with limits that hold for few patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ketaoutcomes.engine.cluster_regression import cluster_regression

__all__ = ["CLUSTER_METHOD", "cluster_mean"]

CLUSTER_METHOD = "cluster-robust mean (CR2, Bell-McCaffrey)"
ONE_CLUSTER_METHOD = "one patient"
_NUMBERS = ("estimate", "std_error", "df", "conf_low", "conf_high")


def cluster_mean(values: ArrayLike, clusters: ArrayLike, *, level: float = 0.95) -> dict[str, float | str]:
    """Mean of all rows with a cluster-robust interval: `cluster_regression` on a constant.

    Parameters
    ----------
    values : (n,) array_like of float
    clusters : (n,) array_like
    level : float

    Returns
    -------
    dict
        `estimate`, `std_error`, `df`, `conf_low`, `conf_high`, `method`; the limits are NaN with one cluster,
        and where all values are the same. Everything is NaN without values.
    """
    values = np.asarray(values, float)
    if not values.size:
        return dict.fromkeys(_NUMBERS, np.nan) | {"method": ""}
    clusters = np.asarray(clusters)
    nothing = dict.fromkeys(_NUMBERS, np.nan) | {"estimate": float(values.mean())}
    if np.unique(clusters).size < 2:
        return nothing | {"method": ONE_CLUSTER_METHOD}
    if np.ptp(values) == 0:
        return nothing | {"method": CLUSTER_METHOD}
    fit = cluster_regression(np.ones((values.size, 1)), values, clusters, level=level)
    numbers = (fit.params, fit.std_error, fit.df, fit.conf_low, fit.conf_high)
    found = {name: float(value[0]) for name, value in zip(_NUMBERS, numbers, strict=True)}
    return found | {"method": CLUSTER_METHOD}
