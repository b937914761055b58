"""Groups of random terms: a column, or the combinations of columns that occur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.coding import codes_of_array, match_codes
from ketaoutcomes.formula.columns import Column

__all__ = ["GroupKey", "learn_groups"]


@dataclass(frozen=True, repr=False)
class GroupKey:
    """Knows the groups of the rows fitted, so that new rows find theirs.

    Parameters
    ----------
    factors : tuple of str
        Columns whose combinations are the groups.
    known : tuple of arrays
        Values of each column, by code.
    pairs : tuple of (n,) int arrays
        For each column after the first, the combinations with those before it that occur:
        code before x number of values + code.
    """

    factors: tuple[str, ...]
    known: tuple[NDArray, ...]
    pairs: tuple[NDArray[np.int64], ...]

    @property
    def name(self) -> str:
        """``"clinic_id:patient_id"``."""
        return ":".join(self.factors)

    def __repr__(self) -> str:
        count = len(self.pairs[-1]) if self.pairs else len(self.known[0])
        return f"GroupKey({self.name}: {count} groups)"

    def codes(self, columns: Mapping[str, Column]) -> NDArray[np.intp]:
        """Group of each new row; -1 where the group was not fitted or a value is missing."""
        found = self.one(columns[self.factors[0]], self.known[0])
        for factor, known, pairs in zip(self.factors[1:], self.known[1:], self.pairs, strict=True):
            code = self.one(columns[factor], known)
            key = found.astype(np.int64) * len(known) + code
            key[(found < 0) | (code < 0)] = -1
            found = pd.Index(pairs).get_indexer(pd.Index(key))
        return found

    @staticmethod
    def one(column: Column, known: NDArray) -> NDArray[np.intp]:
        """Code of each row of one column."""
        codes, labels = column.dense()
        places = match_codes(labels, known)
        if len(labels) and (places < 0).all() and isinstance(labels[0], str) != isinstance(known[0], str):
            raise FormulaError(
                f"'{column.name}' is text in the rows fitted or in the new data, and a number in the other"
            )
        return np.append(places, -1)[codes]

    def labels(self) -> NDArray:
        """Label of each group: the value, or a tuple of values."""
        if not self.pairs:
            return self.known[0]
        rows = [(value,) for value in self.known[0].tolist()]
        for known, pairs in zip(self.known[1:], self.pairs, strict=True):
            values = known.tolist()
            before, code = np.divmod(pairs, len(values))
            rows = [(*rows[i], values[j]) for i, j in zip(before.tolist(), code.tolist(), strict=True)]
        found = np.empty(len(rows), dtype=object)
        found[:] = rows
        return found


def learn_groups(
    factors: tuple[str, ...], columns: Mapping[str, Column]
) -> tuple[NDArray[np.int32], GroupKey]:
    """Codes of complete rows, 0 to m - 1, and the key to them.

    Groups are numbered in order of first appearance, those of a categorical in the order of its categories.
    """
    dense = [columns[factor].dense() for factor in factors]
    codes = dense[0][0].astype(np.int32, copy=False)
    pairs = []
    for code, known in dense[1:]:
        codes, pair = codes_of_array(codes.astype(np.int64) * len(known) + code)
        pairs.append(pair)
    if not pairs and codes is columns[factors[0]].values:
        codes = codes.copy()  # a categorical's own codes belong to the frame
    key = GroupKey(factors, tuple(known for _, known in dense), tuple(pairs))
    return codes.astype(np.int32, copy=False), key
