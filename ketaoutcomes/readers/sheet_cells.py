"""The cells of one sheet as text: where its header is, and a frame of what stands below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.cell_text import LITERAL, MOST_SIGNS, CellWriter, has_clock
from ketaoutcomes.readers.sheet_layout import MOST_CELLS, SheetLayout

__all__ = ["SheetCells", "read_cells", "text_column"]

FEWEST_HEADERS = 2
RETURN = "_x000D_"  # how a workbook writes a carriage return
Cell = tuple[int, str, str]  # column from 1, text, kind


@dataclass(frozen=True)
class SheetCells:
    """The cells of a sheet.

    Parameters
    ----------
    frame : (n, k) DataFrame
        Text below the header, under the header's own words.
    columns : (k,) int array
        Column of the sheet, from 1.
    row_numbers : (n,) int array
    header_row : int or None
    n_above, n_errors : int
    percent_columns, mixed_columns : tuple of int
        Places in `frame`.
    """

    frame: pd.DataFrame
    columns: np.ndarray
    row_numbers: np.ndarray
    header_row: int | None
    n_above: int
    n_errors: int
    percent_columns: tuple[int, ...]
    mixed_columns: tuple[int, ...]


@dataclass
class _Column:
    """The filled cells of one column below the header."""

    rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)


def read_cells(
    sheet, writer: CellWriter, *, header: int | None, where: str, layout: SheetLayout
) -> SheetCells:
    """Return the cells of an openpyxl sheet that was opened read-only.

    Parameters
    ----------
    header : int, optional
        Row of the header, from 1.
    where : str
        The file and the sheet, for messages.

    Raises
    ------
    DataError
        If a cell is longer than a cell can be, the sheet too large, or `header` no row of it.
    """
    gathered = _Gathered(writer, header, where, frozenset(layout.without_value))
    # The size that a sheet says it has may be wrong; rows then end where they end.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(), 1):
        gathered.add(number, row)
    return gathered.finish()


def text_column(rows: Sequence[int], texts: Sequence[str], n: int) -> pd.Series:
    """Return a column of n cells with the given texts at the given rows, and missing elsewhere."""
    cells = np.full(n, None, dtype=object)
    cells[np.asarray(rows, dtype=np.int64)] = texts
    return pd.Series(pd.array(cells, dtype="str"))


class _Gathered:
    """A sheet while its rows come by."""

    def __init__(self, writer: CellWriter, header: int | None, where: str, without_value: frozenset[int]):
        self.writer, self.wanted, self.where = writer, header, where
        self.without_value = without_value
        self.header: list[Cell] = []
        self.header_row: int | None = None
        self.above: list[tuple[int, list[Cell]]] = []
        self.row_numbers: list[int] = []
        self.columns: dict[int, _Column] = {}
        self.n_errors = 0

    def add(self, number: int, row: Sequence) -> None:
        """Take the next row of the sheet."""
        n_errors = self.n_errors
        cells = self._texts(number, row)
        if self.header_row is None and self._is_header(number, cells, self.n_errors > n_errors):
            self.header, self.header_row = cells, number
        elif cells or self.n_errors > n_errors or number in self.without_value:
            if self.header_row is None:
                self.above.append((number, cells))
            else:
                self._keep(number, cells)

    def finish(self) -> SheetCells:
        """Return what was gathered. A sheet without a header has columns without names."""
        n_above = len(self.above)
        if self.header_row is None:
            if self.wanted is not None:
                message = f"header says that row {self.wanted} is the header, and that row has no cells"
                raise DataError(Problem(message, self.where, None, "header_row"))
            n_above = 0
            for number, cells in self.above:
                self._keep(number, cells)
        names = {column: " ".join(text.split()) for column, text, _ in self.header}
        columns = sorted({*names, *self.columns})
        n = len(self.row_numbers)
        if n * len(columns) > MOST_CELLS:
            raise DataError(Problem(RULES["too_large"].reason, self.where, None, "too_large"))
        found = [self.columns.get(column, _Column()) for column in columns]
        frame = pd.DataFrame(
            {place: text_column(one.rows, one.texts, n) for place, one in enumerate(found)},
            index=range(n),
            copy=False,
        ).set_axis([names.get(column, "") for column in columns], axis=1)
        return SheetCells(
            frame,
            np.array(columns, dtype=np.int64),
            np.array(self.row_numbers, dtype=np.int64),
            self.header_row,
            n_above,
            self.n_errors,
            tuple(place for place, one in enumerate(found) if "percent" in one.kinds),
            tuple(place for place, one in enumerate(found) if {"date", "text"} <= one.kinds),
        )

    def _is_header(self, number: int, cells: list[Cell], has_error: bool) -> bool:
        if self.wanted is not None:
            return number == self.wanted and bool(cells)
        return len(cells) >= FEWEST_HEADERS and not has_error and all(kind == "text" for _, _, kind in cells)

    def _keep(self, number: int, cells: list[Cell]) -> None:
        place = len(self.row_numbers)
        self.row_numbers.append(number)
        for column, text, kind in cells:
            kept = self.columns.get(column)
            if kept is None:
                kept = self.columns[column] = _Column()
            kept.rows.append(place)
            kept.texts.append(text)
            kept.kinds.add(kind)

    def _texts(self, number: int, row: Sequence) -> list[Cell]:
        """Return the filled cells of a row as text."""
        out: list[Cell] = []
        for column, cell in enumerate(row, 1):
            value = cell.value
            if value is None:
                continue
            if cell.data_type == "e":
                self.n_errors += 1
            elif isinstance(value, str):
                if len(value) > MOST_SIGNS:
                    raise DataError(self._too_long(number, column))
                text = value.replace(RETURN, "") if RETURN in value else value
                if text and not text.isspace():
                    out.append((column, text, "text"))
            elif isinstance(value, bool):
                out.append((column, "yes" if value else "no", "flag"))
            elif isinstance(value, int | float):
                text = self.writer.number(value)
                if text is None:
                    self.n_errors += 1
                else:
                    out.append((column, text, "percent" if _is_percent(cell) else "number"))
            else:
                out.append((column, *self._moment(value, cell)))
        return out

    def _moment(self, value: date | datetime | time | timedelta, cell) -> tuple[str, str]:
        if isinstance(value, time | timedelta):
            return self.writer.clock(value), "clock"
        return self.writer.moment(value, clock=has_clock(cell.number_format)), "date"

    def _too_long(self, number: int, column: int) -> Problem:
        message = (
            f"the cell in column number {column} holds more than {MOST_SIGNS:,} signs, which no cell of a "
            "spreadsheet can; take it out, or save the sheet as 'CSV UTF-8'"
        )
        return Problem(message, self.where, None, "cell_too_long", 1, number)


def _is_percent(cell) -> bool:
    """Whether a number is shown as per cent: 0.5 as 50 %."""
    return cell.has_style and "%" in LITERAL.sub("", cell.number_format or "")
