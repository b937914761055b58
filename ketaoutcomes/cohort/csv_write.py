"""CSV text that a spreadsheet program shows and does not run, and from which no row is lost."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["FORMULA_STARTS", "csv_text", "neutral"]

# A spreadsheet program runs a cell that begins with one of these (CWE-1236), the wide and the small
# forms included, which East Asian settings take for the plain signs.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫")
# Signs that are not seen; a mark of byte order at the head of a file is dropped when it is read.
INVISIBLE = "Cf"
# A cell with one of these stands in quotes: some programs and settings part columns at them.
IN_QUOTES = "\n;\t"
NUMBER = re.compile(r"[+-](?:(?:[0-9]+(?:[.,][0-9]+)*[.,]?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?|inf|nan)")
# Only such cells need a look one by one; RE2 writes its signs by their code points.
SUSPECT = (
    r"\x{0d}|\x{00}|^\p{Cf}*"
    r"[=+\-@\t\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}\x{fe66}\x{fe62}\x{fe63}\x{fe6b}]"
)


def csv_text(frame: pd.DataFrame, *, digits: int | None = 10) -> str:
    """Return a table as CSV: comma, line feeds, few quotes, no live formula.

    Missing is an empty cell, truth is true or false. Text that a spreadsheet
    program would run gets an apostrophe in front, unless it is a number; so do
    the names of columns. A carriage return becomes a line feed, which stands in
    quotes, and a zero byte goes, so that what is read back has as many rows.

    Parameters
    ----------
    frame : DataFrame
        Any number of rows and columns; the index is not written.
    digits : int or None
        Significant digits of real numbers; as many as give back the same
        number when None.

    Returns
    -------
    str
        To be written as UTF-8 without translation of newlines.
    """
    buffer = io.StringIO()
    # The writer sets a cell in quotes that holds a sign of what it ends its rows with.
    writer = csv.writer(_Rows(buffer), lineterminator=IN_QUOTES)
    writer.writerow([neutral(str(name)) for name in frame.columns])
    columns = [_cells(frame.iloc[:, place], digits) for place in range(frame.shape[1])]
    writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue()


def neutral(text: str) -> str:
    """Return text as a cell that is shown and not run; a bare carriage return would end the row."""
    live = _seen(text).startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text)
    if "\r" in text or "\0" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        # What stood behind a zero byte now stands first.
        live = live or _seen(text).startswith(FORMULA_STARTS)
    return f"'{text}" if live else text


class _Rows:
    """Where the writer's rows go, each ended by one line feed."""

    def __init__(self, buffer: io.StringIO):
        self.buffer = buffer

    def write(self, row: str) -> None:
        """Take one row."""
        self.buffer.write(row.removesuffix(IN_QUOTES) + "\n")


def _seen(text: str) -> str:
    """Return text from its first sign that is seen."""
    place = 0
    while place < len(text) and unicodedata.category(text[place]) == INVISIBLE:
        place += 1
    return text[place:]


def _cells(column: pd.Series, digits: int | None) -> Sequence[str]:
    """Return one column's cells as text."""
    if isinstance(column.dtype, pd.StringDtype):
        return _texts(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [_cell(level, digits) for level in column.cat.categories.tolist()]
        return np.array([*levels, ""], dtype=object)[column.cat.codes.to_numpy()].tolist()
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return column.tolist()
    return [_cell(value, digits) for value in column.tolist()]


def _texts(column: pd.Series) -> list[str]:
    """Return the cells of a column of text; few need a look of their own."""
    texts = pc.fill_null(pa.array(column, type=pa.large_string(), from_pandas=True), "")
    cells = texts.to_pylist()
    suspect = pc.match_substring_regex(texts, SUSPECT).to_numpy(zero_copy_only=False)
    for place in np.flatnonzero(suspect):
        cells[place] = neutral(cells[place])
    return cells


def _cell(value: object, digits: int | None) -> str:
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return repr(value) if digits is None else f"{value:.{digits}g}"
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else neutral(str(value))
