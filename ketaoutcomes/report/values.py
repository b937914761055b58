"""One cell of a released table as a number, a truth, a text or nothing: the same in every format."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["cell_value", "records", "rows_of"]

DIGITS = 10


def cell_value(value: Any) -> bool | int | float | str | None:
    """Return a cell as a plain value; missing is None.

    Real numbers have ten significant digits, as in the CSV files. What is beyond every number is the text
    "inf" or "-inf": neither JSON nor a spreadsheet has a number for it.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return float(f"{float(value):.{DIGITS}g}")
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    return str(value)


def rows_of(table: pd.DataFrame) -> Iterator[tuple[bool | int | float | str | None, ...]]:
    """Rows of plain values, in the order of the columns."""
    columns = [
        [cell_value(value) for value in table.iloc[:, place].tolist()] for place in range(table.shape[1])
    ]
    return zip(*columns, strict=True) if columns else iter(())


def records(table: pd.DataFrame) -> list[dict[str, bool | int | float | str | None]]:
    """Rows of plain values by column name."""
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in rows_of(table)]
