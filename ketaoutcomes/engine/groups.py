"""What the mixed-model engine is given: rows that belong to groups, with the columns that vary by group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Grouping", "group_sizes"]


@dataclass(frozen=True)
class Block:
    """Random effects of one grouping factor that are correlated with each other.

    Parameters
    ----------
    names : tuple of str
        ``("(Intercept)", "day")``.
    columns : tuple of (n,) float arrays
        Multiplier of each effect on each row; None is the constant 1.
    """

    names: tuple[str, ...]
    columns: tuple[NDArray[np.float64] | None, ...]


@dataclass(frozen=True)
class Grouping:
    """One grouping factor, e.g. patients.

    Parameters
    ----------
    name : str
        ``"patient_id"``, or ``"clinic_id:patient_id"`` for the pairs that occur.
    codes : (n,) int32
        Group of each row, 0 to `n_groups` - 1; every group occurs.
    n_groups : int
    blocks : tuple of Block
        Independent of each other.
    """

    name: str
    codes: NDArray[np.int32]
    n_groups: int
    blocks: tuple[Block, ...]

    def sizes(self) -> NDArray[np.int64]:
        """(k,) rows of each group."""
        return group_sizes(self.codes, self.n_groups)


def group_sizes(codes: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    """Rows of each of k groups; counted in blocks, because counting makes a wide copy of the codes."""
    sizes = np.zeros(k, np.int64)
    for low in range(0, len(codes), 65536):
        part = np.bincount(codes[low : low + 65536])
        sizes[: len(part)] += part
    return sizes
