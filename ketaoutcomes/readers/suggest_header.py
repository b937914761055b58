"""Which of a sheet's first rows is its header, where groups of columns have a row of their own above it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ketaoutcomes.readers.suggest_cells import CLOCK_TIME, DATED, NUMBER, PRESSURES
from ketaoutcomes.readers.suggest_patient import is_name_of_code
from ketaoutcomes.readers.workbook import Sheet

__all__ = ["fullest_row"]

FIRST_ROWS = 10
NO_WORDS = tuple(re.compile(one) for one in (NUMBER, DATED, CLOCK_TIME, PRESSURES))


def fullest_row(sheet: Sheet) -> int | None:
    """Return the row that has more words than the one taken as the header, or None.

    It is one of the first ten, all its filled cells are words, none stands twice in
    it, and none comes again below in its column, as cells of patients' rows do. A
    row that names the patient's code stays the header: no cell of a patient's row
    may become a column's name, which messages tell.
    """
    frame, rows = sheet.frame, sheet.row_numbers
    names = [str(name) for name in frame.columns if str(name).strip()]
    if sheet.header_row is None or any(is_name_of_code(name) for name in names):
        return None
    # A header that has a word twice is none to prefer to one without.
    most, best = len(names) if len(set(names)) == len(names) else 0, None
    for place in range(int(np.searchsorted(rows, FIRST_ROWS, side="right"))):
        cells = frame.iloc[place].dropna().astype("str").str.strip()
        cells = cells[cells != ""]
        if len(cells) <= max(most, 1) or cells.duplicated().any():
            continue
        if any(one.fullmatch(cell) for cell in cells for one in NO_WORDS) or _comes_again(frame, place):
            continue
        most, best = len(cells), int(rows[place])
    return best


def _comes_again(frame: pd.DataFrame, place: int) -> bool:
    below = frame.iloc[place + 1 :]
    return any(
        bool((below.iloc[:, column] == frame.iloc[place, column]).any())
        for column in range(frame.shape[1])
        if pd.notna(frame.iloc[place, column])
    )
