"""Relabelings of units among groups: all of them, or a random part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["MOST_RELABELINGS", "all_group_sums", "log_n_relabelings", "random_group_sums", "shuffled"]

MOST_RELABELINGS = 200_000
# Numbers in one block of random relabelings.
BLOCK_SIZE = 2_000_000


def log_n_relabelings(group: NDArray[np.int64], stratum: NDArray[np.int64], k: int) -> float:
    """Logarithm of the number of ways to hand out the groups anew within the strata.

    Parameters
    ----------
    group, stratum : (n,) int
    k : int
        Groups.
    """
    sizes = np.zeros((int(stratum.max(initial=0)) + 1, k))
    np.add.at(sizes, (stratum, group), 1)
    return float((gammaln(sizes.sum(axis=1) + 1) - gammaln(sizes + 1).sum(axis=1)).sum())


def all_group_sums(values, group, stratum, k: int) -> NDArray[np.float64]:
    """Sums of the values per group under every relabeling within strata.

    Parameters
    ----------
    values : (n,) float
    group, stratum : (n,) int
    k : int
        Groups.

    Returns
    -------
    (p, k) ndarray of float
        One row per relabeling; there should be no more than `MOST_RELABELINGS`.
    """
    sums = np.zeros((1, k))
    for code in np.unique(stratum):
        rows = stratum == code
        own = _sums_in_one_stratum(values[rows], np.bincount(group[rows], minlength=k))
        sums = (sums[:, None, :] + own[None, :, :]).reshape(-1, k)
    return sums


def _sums_in_one_stratum(values, sizes):
    """Sums per group over all ways to fill groups of these sizes; units are placed one after the other."""
    k = len(sizes)
    room, sums = sizes[None, :].astype(np.int64), np.zeros((1, k))
    for value in values:
        rooms, totals = [], []
        for group in range(k):
            fits = room[:, group] > 0
            rooms.append(room[fits])
            totals.append(sums[fits])
            rooms[-1][:, group] -= 1
            totals[-1][:, group] += value
        room, sums = np.concatenate(rooms), np.concatenate(totals)
    return sums


def random_group_sums(values, group, stratum, k: int, n_permutations: int, seed: int):
    """Sums of the values per group under random relabelings within strata.

    Parameters
    ----------
    values : (n,) float
    group, stratum : (n,) int
    k : int
    n_permutations, seed : int
        The result does not depend on the order of the units.

    Returns
    -------
    (n_permutations, k) ndarray of float
    """
    order = np.lexsort((values, group, stratum))
    values, group, stratum = values[order], group[order], stratum[order]
    cell = stratum * k + group
    starts = np.flatnonzero(np.concatenate(([True], cell[1:] != cell[:-1])))
    owner = group[starts]
    member = (owner[:, None] == np.arange(k)).astype(float)
    parts = [
        np.add.reduceat(block, starts, axis=1) @ member
        for block in shuffled(values, stratum, n_permutations, seed)
    ]
    return np.concatenate(parts)


def shuffled(values, stratum, n_rows: int, seed: int) -> Iterator[NDArray]:
    """Blocks of rows, each of them the values in a random order within their strata.

    Parameters
    ----------
    values : (n,)
    stratum : (n,) int
        Rising.
    n_rows, seed : int

    Yields
    ------
    (b, n) ndarray
        `n_rows` rows over all blocks.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed))
    ends = np.append(np.flatnonzero(stratum[1:] != stratum[:-1]) + 1, len(values))
    size = max(1, BLOCK_SIZE // max(len(values), 1))
    for first in range(0, n_rows, size):
        block = np.tile(values, (min(size, n_rows - first), 1))
        start = 0
        for end in ends:
            block[:, start:end] = random.permuted(block[:, start:end], axis=1)
            start = end
        yield block
