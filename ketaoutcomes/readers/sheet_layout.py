"""What a sheet's XML says beside its values: formulas, merged and hidden cells, and that cells are in order.

The values are openpyxl's. It trusts that rows and cells ascend and would pass
over those that do not, so that is made sure of here first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from defusedxml.common import DTDForbidden

from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.errors import DataError, Problem

__all__ = ["MOST_CELLS", "MOST_COLUMNS", "MOST_ROWS", "SheetLayout", "read_layout"]

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
# A row is read up to its last cell, and a frame is dense: one cell far to the right in each of many
# rows would take hours, and one in each of many columns the memory.
MOST_CELLS = 50_000_000
CHUNK = 1 << 20
LETTERS = {letter: place for place, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1)}
RANGE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})(?::\$?([A-Z]{1,3})\$?([0-9]{1,7}))?")


@dataclass
class SheetLayout:
    """A sheet without its values.

    Parameters
    ----------
    n_formulas : int
    without_value : list of int
        Row number of each formula whose value the file does not hold.
    merged : list of (int, int, int, int)
        First row, first column, last row and last column of merged cells, from 1.
    hidden_columns : list of (int, int)
        First and last column, from 1.
    hidden_rows : list of int
        Row numbers.
    """

    n_formulas: int = 0
    without_value: list[int] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)


def read_layout(stream: BinaryIO, *, where: str = "the sheet") -> SheetLayout:
    """Return what a sheet's XML holds beside its values.

    Parameters
    ----------
    stream : binary file
    where : str
        The file and the sheet, for messages.

    Raises
    ------
    DataError
        If its rows, each up to its last cell, have more cells than can be read safely.
    ValueError
        If rows or cells are not in order, or outside what a sheet has. Its message holds no cell.
    xml.parsers.expat.ExpatError
        If it is not well-formed.
    """
    reader = _Reader(where)
    while chunk := stream.read(CHUNK):
        reader.parser.Parse(chunk, False)
    reader.parser.Parse(b"", True)
    reader.end_cell()
    return reader.layout


def column_number(letters: str) -> int:
    """Return a column's number from its letters: A is 1.

    Raises
    ------
    ValueError
        If they are no column.
    """
    number = 0
    for letter in letters:
        number = 26 * number + LETTERS.get(letter, MOST_COLUMNS)
    if not 1 <= number <= MOST_COLUMNS:
        raise ValueError("a cell stands outside the sheet")
    return number


class _Reader:
    """The state while a sheet's XML streams by."""

    def __init__(self, where: str) -> None:
        self.layout = SheetLayout()
        self.where, self.n_cells = where, 0
        self.row, self.row_text, self.column = 0, "0", 0
        self.kind: str | None = None
        self.has_formula = self.has_value = False
        self.numbers: dict[str, int] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.StartDoctypeDeclHandler = _no_doctype

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if ":" in name:
            name = name.rpartition(":")[2]
        if name == "c":
            self._cell(attributes)
        elif name == "v":
            if self.has_formula:
                # A formula whose result is the empty text has a value, which is empty.
                self.has_value = self.kind == "str"
                self.parser.CharacterDataHandler = self._value
        elif name == "f":
            self.has_formula = True
        elif name == "row":
            self._begin_row(attributes)
        elif name == "mergeCell":
            self.layout.merged.append(_area(attributes.get("ref", "")))
        elif name == "col":
            self._column(attributes)

    def _begin_row(self, attributes: Mapping[str, str]) -> None:
        self.end_cell()
        text = attributes.get("r")
        number = self.row + 1 if text is None else int(text)
        if not self.row < number <= MOST_ROWS:
            raise ValueError("rows are not in order, or outside the sheet")
        self.row, self.row_text, self.column = number, str(number), 0
        if attributes.get("hidden") in ("1", "true") or attributes.get("ht") == "0":
            self.layout.hidden_rows.append(number)

    def _cell(self, attributes: Mapping[str, str]) -> None:
        self.end_cell()
        self.kind = attributes.get("t")
        place = attributes.get("r")
        if place is None:
            number = self.column + 1
        else:
            letters = place.rstrip("0123456789")
            if place[len(letters) :] != self.row_text:
                raise ValueError("a cell stands in another row than it says")
            number = self.numbers.get(letters)
            if number is None:
                number = self.numbers[letters] = column_number(letters)
        if not self.column < number <= MOST_COLUMNS:
            raise ValueError("cells of a row are not in order, or outside the sheet")
        self.n_cells += number - self.column
        if self.n_cells > MOST_CELLS:
            raise DataError(Problem(RULES["too_large"].reason, self.where, None, "too_large"))
        self.column = number

    def _value(self, text: str) -> None:
        # Blanks between elements are no value.
        if text.strip():
            self.has_value = True
            self.parser.CharacterDataHandler = None

    def end_cell(self) -> None:
        """Take account of the cell that has gone by."""
        if self.has_formula:
            self.layout.n_formulas += 1
            if not self.has_value:
                self.layout.without_value.append(self.row)
            self.has_formula = self.has_value = False
            self.parser.CharacterDataHandler = None

    def _column(self, attributes: Mapping[str, str]) -> None:
        if attributes.get("hidden") in ("1", "true") or attributes.get("width") == "0":
            first, last = int(attributes["min"]), min(int(attributes["max"]), MOST_COLUMNS)
            if 1 <= first <= last:
                self.layout.hidden_columns.append((first, last))


def _area(reference: str) -> tuple[int, int, int, int]:
    found = RANGE.fullmatch(reference)
    if not found:
        raise ValueError("a merged area is not written as one")
    first, top, last, bottom = found.groups()
    rows = int(top), int(bottom or top)
    columns = column_number(first), column_number(last or first)
    return min(rows), min(columns), max(rows), max(columns)


def _no_doctype(name, system_id, public_id, has_internal_subset) -> None:
    raise DTDForbidden(name, system_id, public_id)
