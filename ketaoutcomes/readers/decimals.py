"""Numbers with decimal commas in files that separate their cells by semicolons."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.values import numbers
from ketaoutcomes.errors import Problem

__all__ = ["decimal_points"]


def decimal_points(raw: RawTable, settings: Settings, shown: str) -> tuple[RawTable, list[Problem]]:
    """Return a table with decimal points, where every cell of a column fits, and a note if any did.

    A file whose settings name the decimal mark, or whose cells are separated
    otherwise, stays as it is.
    """
    if raw.separator != ";" or settings.decimal is not None:
        return raw, []
    columns, n_changed = {}, 0
    for place in range(raw.frame.shape[1]):
        column = raw.frame.iloc[:, place]
        has_commas = column.str.contains(",", regex=False).any()
        if has_commas and not numbers(column, decimal=None, separator=raw.separator).bad.any():
            column, n_changed = column.str.replace(",", ".", regex=False), n_changed + 1
        columns[place] = column
    if not n_changed:
        return raw, []
    frame = pd.DataFrame(columns, copy=False).set_axis(raw.frame.columns, axis=1)
    message = f"columns of numbers written with decimal commas, beside semicolons: {n_changed}"
    return replace(raw, frame=frame), [Problem(message, shown, None, "decimal_comma_read")]
