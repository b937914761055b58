"""What the mixed-model engine is given: rows that belong to groups, with the columns that vary by group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Grouping"]


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
    codes : (n,) intp
        Group of each row, 0 to `n_groups` - 1; every group occurs.
    n_groups : int
    blocks : tuple of Block
        Independent of each other.
    """

    name: str
    codes: NDArray[np.intp]
    n_groups: int
    blocks: tuple[Block, ...]
