"""Fisher's exact test of two proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from ketaoutcomes.errors import DataError, Problem

__all__ = ["fisher_exact"]

Array = NDArray[np.float64]

# Probabilities that differ by less than this share count as equal, as in R.
EQUAL = 1e-7
TOGETHER = 2_000_000  # terms worked on at once


def fisher_exact(a: ArrayLike, n_a: ArrayLike, b: ArrayLike, n_b: ArrayLike) -> Array:
    """Two-sided p of the difference of a / n_a and b / n_b, given the total of events.

    The sum over all tables with the same margins that are as probable as the observed one or less.

    Parameters
    ----------
    a, n_a, b, n_b : array_like
        Events and patients of two independent groups; broadcast against each other.

    Returns
    -------
    ndarray of float
        1 where nobody or everybody has an event; NaN where a group is empty.

    Raises
    ------
    DataError
        If a count is not a whole number of 0 or more, or events exceed patients.

    Source
    ------
    Fisher (1935), J. R. Stat. Soc. 98, 39; two sides and ties as R's fisher.test.
    Checked: tests/reference/count_models.R and a published table of the CDISC pilot study.
    """
    a, n_a, b, n_b = np.broadcast_arrays(*(np.asarray(value, float) for value in (a, n_a, b, n_b)))
    for value in (a, n_a, b, n_b):
        _refuse(
            ~(np.isfinite(value) & (value >= 0) & (value == np.rint(value))), "a count is not a whole number"
        )
    _refuse((a > n_a) | (b > n_b), "there are more events than patients")
    # Equal tables are worked out once.
    tables, place = np.unique(
        np.column_stack([value.ravel() for value in (a, n_a, b, n_b)]), axis=0, return_inverse=True
    )
    first, rest = np.maximum(0.0, tables[:, 0] + tables[:, 2] - tables[:, 3]), tables[:, 0] + tables[:, 2]
    sizes = (np.minimum(tables[:, 1], rest) - first).astype(np.int64) + 1
    out = np.empty(len(tables))
    low = 0
    while low < len(tables):
        many = int(np.searchsorted(np.cumsum(sizes[low:]), TOGETHER, side="right"))
        high = low + max(many, 1)
        out[low:high] = _p_values(tables[low:high], first[low:high], sizes[low:high])
        low = high
    out[(tables[:, 1] == 0) | (tables[:, 3] == 0)] = np.nan
    return out[place.ravel()].reshape(a.shape)


def _p_values(tables: Array, first: Array, sizes: NDArray[np.int64]) -> Array:
    """p of each table; `first` is the fewest events that its first group can have, of `sizes` numbers."""
    a, n_a, b, n_b = tables.T
    owner, starts = np.repeat(np.arange(len(a)), sizes), np.cumsum(sizes) - sizes
    held = first[owner] + np.arange(len(owner)) - starts[owner]
    total = a + b
    log_size = -sum(
        gammaln(part + 1)
        for part in (held, n_a[owner] - held, total[owner] - held, n_b[owner] - total[owner] + held)
    )
    size = np.exp(log_size - np.maximum.reduceat(log_size, starts)[owner])
    seen = size[starts + (a - first).astype(np.int64)]
    counted = np.where(size <= seen[owner] * (1.0 + EQUAL), size, 0.0)
    return np.minimum(np.add.reduceat(counted, starts) / np.add.reduceat(size, starts), 1.0)


def _refuse(bad: NDArray[np.bool_], message: str) -> None:
    if np.any(bad):
        raise DataError(Problem(message, n_rows=int(np.sum(bad))))
