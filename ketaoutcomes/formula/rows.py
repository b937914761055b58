"""Which rows of the data can be used, and how much each weighs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.columns import Column, read_columns
from ketaoutcomes.formula.looks import rows_text

__all__ = ["check_weights", "complete_rows", "read_weights"]


def complete_rows(
    columns: Mapping[str, Column], n_rows: int
) -> tuple[NDArray[np.intp] | None, dict[str, int]]:
    """Positions of the rows without a missing value (None: all), and the gaps of each column."""
    dropped = {column.name: column.n_missing for column in columns.values() if column.missing is not None}
    if not dropped:
        return None, {}
    missing = np.zeros(n_rows, dtype=bool)
    for column in columns.values():
        if column.missing is not None:
            missing |= column.missing
    if missing.all():
        gaps = ", ".join(f"{name} in {count}" for name, count in dropped.items())
        raise FormulaError(
            f"no row has all that the formula needs; of {rows_text(n_rows)} these lack: {gaps}"
        )
    return np.flatnonzero(~missing), dropped


def read_weights(weights, data: pd.DataFrame, columns: Mapping[str, Column]) -> Column | None:
    """The weights as a column."""
    if weights is None:
        return None
    if isinstance(weights, str):
        column = columns.get(weights) or read_columns(data, [weights])[weights]
    else:
        if isinstance(weights, pd.Series) and not weights.index.equals(data.index):
            raise FormulaError("the weights have another index than the data")
        if np.shape(weights) != (len(data),):
            raise FormulaError(
                f"the weights have shape {np.shape(weights)}; the data have {rows_text(len(data))}"
            )
        name = "weights" if "weights" not in columns else "weights (argument)"
        column = read_columns(pd.DataFrame({name: weights}), [name])[name]
    if not column.is_number:
        raise FormulaError(f"the weights '{column.name}' are not numbers")
    return column


def check_weights(column: Column | None) -> NDArray[np.float64] | None:
    """Weights of the rows used."""
    if column is None:
        return None
    wrong = int((column.values <= 0).sum())
    if wrong:
        raise FormulaError(
            f"the weights '{column.name}' are zero or less in {rows_text(wrong)}; they must be above 0"
        )
    return np.array(column.values, dtype=np.float64)
