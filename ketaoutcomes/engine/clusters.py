"""Numbers for clusters that depend on what is in them and not on their names."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.errors import DataError

__all__ = ["numbered_clusters"]


def numbered_clusters(row: NDArray[np.int64], clusters: ArrayLike | None) -> NDArray[np.int64]:
    """Number of each row's cluster, the same whatever the order of rows and the names of clusters.

    Clusters are sorted by the rows that they hold; clusters with the same rows are interchangeable.

    Parameters
    ----------
    row : (n,) int
        Rank of each row's content: equal for rows that are alike.
    clusters : (n,) array_like, optional
        Name of each row's cluster; each row is one of its own if left out.

    Returns
    -------
    (n,) ndarray of int
        0 to the number of clusters - 1.

    Raises
    ------
    DataError
        If there is not one cluster per row.
    """
    n = len(row)
    if clusters is None:
        code = np.arange(n)
    else:
        names = np.asarray(clusters)
        if names.shape != (n,):
            raise DataError("clusters must be one value per row")
        _, code = np.unique(names, return_inverse=True)
    order = np.lexsort((row, code))
    size = np.bincount(code)
    starts = np.concatenate(([0], np.cumsum(size)[:-1]))
    place = np.arange(n) - starts[code[order]]
    held = np.full((size.size, size.max()), -1, np.int64)
    held[code[order], place] = row[order]
    rank = np.empty(size.size, np.int64)
    rank[np.lexsort(held.T[::-1])] = np.arange(size.size)
    return rank[code]
