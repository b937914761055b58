"""Sheets of an .xlsx or .xlsm workbook as text, and what a sheet holds that no table does.

No macro runs, no link is followed, nothing is computed: a formula is the value
that the spreadsheet program stored with it.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

import numpy as np
import openpyxl
import pandas as pd
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from openpyxl.packaging.relationship import get_dependents, get_rels_path
from openpyxl.reader.workbook import WorkbookParser

from ketaoutcomes.cohort.privacy import scan_name
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.cell_text import CellWriter
from ketaoutcomes.readers.opening import export_path, read_plain_file, shown_name
from ketaoutcomes.readers.package import DAMAGED, MOST_EXPANDED, open_package
from ketaoutcomes.readers.sheet_cells import SheetCells, read_cells
from ketaoutcomes.readers.sheet_layout import MOST_COLUMNS, SheetLayout, read_layout

__all__ = ["Sheet", "Workbook", "open_workbook", "read_workbook"]

# What openpyxl and expat raise for parts that are not what they should be; none of it is told.
BAD_PARTS = (
    ParseError,
    ExpatError,
    DefusedXmlException,
    zipfile.BadZipFile,
    AttributeError,
    LookupError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    AssertionError,
    NotImplementedError,
)
NO_CELLS = ("chartsheet", "dialogsheet", "macrosheet")


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook.

    Parameters
    ----------
    name : str
        As in the file. It may identify somebody; messages use `label`.
    label : str
        The name, or "sheet number 2" if the name looks like an identifier.
    number : int
        Its place among the sheets, from 1.
    hidden : bool
    frame : (n, k) DataFrame
        All cells as text or missing; the header's cells are the columns, which may
        repeat or be empty. Rows without any cell are left out.
    row_numbers : (n,) int array
        Row of the sheet in which each row stands.
    header_row : int or None
        Row of the sheet that is the header; None if none looks like one.
    n_above : int
        Filled rows above the header, such as titles.
    n_formulas, n_without_value : int
        Formulas, and those whose value the file does not hold.
    n_errors : int
        Cells that hold an error such as #N/A; they are missing.
    n_comments : int
    comments : tuple of str
        Texts of the comments, which no table takes.
    n_merged : int
        Merged areas. Of each only the first cell has a value.
    merged_columns : tuple of (int, int)
        Column of `frame` and number of its cells below the header that are empty for being merged.
    hidden_columns : tuple of int
        Columns of `frame`, from 0, that the sheet does not show.
    hidden_rows : tuple of int
        Row numbers of filled rows below the header that the sheet does not show.
    percent_columns, mixed_columns : tuple of int
        Columns of `frame` with numbers shown as per cent (0.5 for 50 %), and with dates stored as
        dates beside words.
    """

    name: str
    label: str
    number: int
    hidden: bool
    frame: pd.DataFrame
    row_numbers: np.ndarray
    header_row: int | None
    n_above: int
    n_formulas: int
    n_without_value: int
    n_errors: int
    n_comments: int
    comments: tuple[str, ...]
    n_merged: int
    merged_columns: tuple[tuple[int, int], ...]
    hidden_columns: tuple[int, ...]
    hidden_rows: tuple[int, ...]
    percent_columns: tuple[int, ...]
    mixed_columns: tuple[int, ...]

    def __repr__(self) -> str:
        rows, columns = self.frame.shape
        return f"Sheet({self.label}: {rows:,} rows, {columns:,} columns{', hidden' if self.hidden else ''})"


@dataclass(frozen=True)
class Workbook:
    """A workbook's sheets, and what it holds beside them that was not touched.

    Parameters
    ----------
    sheets : tuple of Sheet
    has_macros : bool
    n_links : int
        Other workbooks that it refers to.
    n_without_cells : int
        Charts, dialogs and macros that have a sheet of their own.
    """

    sheets: tuple[Sheet, ...]
    has_macros: bool
    n_links: int
    n_without_cells: int


def read_workbook(
    path: str | Path,
    *,
    header: int | Mapping[str, int] | None = None,
    settings: Settings | None = None,
) -> tuple[Sheet, ...]:
    """Return the sheets of a workbook as text.

    Numbers are written with all their digits and whole ones without ".0", dates
    as YYYY-MM-DD with a clock time where they have one, yes and no for TRUE and
    FALSE. Formulas are the values stored with them. Error cells are missing.

    Parameters
    ----------
    path : str or Path
        An .xlsx or .xlsm file of at most 100 MB unpacked.
    header : int or mapping of str to int, optional
        Row of the header, from 1, in all sheets or by name of the sheet. Where it
        is not given, the first row with at least two filled cells, all of them text.
    settings : Settings, optional
        Of which `decimal` and `date_format` count: numbers and dates are written
        so that the cohort reads them and those stored as text in one way.

    Raises
    ------
    DataError
        If it is not a workbook of this kind, is password-protected, damaged, or
        unsafe to open.
    """
    return open_workbook(path, header=header, settings=settings).sheets


def open_workbook(
    path: str | Path,
    *,
    header: int | Mapping[str, int] | None = None,
    settings: Settings | None = None,
) -> Workbook:
    """Return a workbook's sheets and what else it holds; arguments and errors as in `read_workbook`."""
    path = export_path(path)
    shown = shown_name(path)
    writer = CellWriter.of(settings or Settings())
    archive = open_package(read_plain_file(path, most=MOST_EXPANDED), shown)
    too_large = Problem(RULES["too_large"].reason, shown, None, "too_large")
    with archive, warnings.catch_warnings():
        # openpyxl warns of parts that it leaves out, and its warnings may hold a cell's place or a name.
        warnings.simplefilter("ignore")
        try:
            return _read(archive, writer, header, shown)
        except MemoryError:
            raise DataError(too_large) from None
        except BAD_PARTS:
            raise DataError(Problem(DAMAGED, shown, None, "bad_workbook")) from None


def _read(archive: zipfile.ZipFile, writer: CellWriter, header, shown: str) -> Workbook:
    """Return all sheets with cells."""
    book = openpyxl.load_workbook(archive.fp, read_only=True, data_only=True, keep_links=False)
    parts = _parts(archive)
    if len(parts) != len(book.worksheets) + len(book.chartsheets):
        raise ValueError("sheets and their parts do not match")
    sheets = []
    with_cells = iter(book.worksheets)
    for number, (name, state, path, kind) in enumerate(parts, 1):
        if "chartsheet" in kind:
            continue
        cells_of = next(with_cells)
        if any(one in kind.lower() for one in NO_CELLS):
            continue
        label = f"sheet number {number}" if scan_name("sheet", name) or not name.isprintable() else name
        where = f"{shown}, {label}"
        with archive.open(path) as stream:
            layout = read_layout(stream, where=where)
        row = header.get(name) if isinstance(header, Mapping) else header
        cells = read_cells(cells_of, writer, header=row, where=where, layout=layout)
        comments = _comments(archive, path)
        sheets.append(_sheet(name, label, number, state != "visible", cells, layout, comments))
    names = archive.namelist()
    macros = any(name.lower().endswith("vbaproject.bin") or "/macrosheets/" in name for name in names)
    links = sum(name.startswith("xl/externalLinks/") and name.endswith(".xml") for name in names)
    return Workbook(tuple(sheets), macros, links, len(parts) - len(sheets))


def _parts(archive: zipfile.ZipFile) -> list[tuple[str, str, str, str]]:
    """Return name, state, path and kind of each sheet, in the order in which openpyxl has them."""
    names = set(archive.namelist())
    office = next(
        one.target
        for one in get_dependents(archive, "_rels/.rels")
        if one.Type.lower().endswith("/officedocument")
    )
    parser = WorkbookParser(archive, office, keep_links=False)
    parser.parse()
    return [
        (sheet.name, sheet.state, relation.target, relation.Type)
        for sheet, relation in parser.find_sheets()
        if relation.target in names
    ]


def _comments(archive: zipfile.ZipFile, path: str) -> list[tuple[bool, str]]:
    """Return the comments of a sheet: whether each is of the threaded kind, and its text."""
    relations = get_rels_path(path)
    if relations not in archive.namelist():
        return []
    found = []
    for relation in get_dependents(archive, relations):
        kind = relation.Type.lower().rpartition("/")[2]
        if kind not in ("comments", "threadedcomment") or relation.target not in archive.namelist():
            continue
        with archive.open(relation.target) as stream:
            for _, element in iterparse(stream, events=("end",), forbid_dtd=True):
                if element.tag.rpartition("}")[2] in ("comment", "threadedComment"):
                    found.append((kind != "comments", " ".join("".join(element.itertext()).split())))
                    element.clear()
    return found


def _sheet(
    name: str,
    label: str,
    number: int,
    hidden: bool,
    cells: SheetCells,
    layout: SheetLayout,
    comments: list[tuple[bool, str]],
) -> Sheet:
    """Return a sheet, its layout told in places of its frame."""
    n_plain = sum(not threaded for threaded, _ in comments)
    shown = np.isin(np.array(layout.hidden_rows, dtype=np.int64), cells.row_numbers)
    return Sheet(
        name=name,
        label=label,
        number=number,
        hidden=hidden,
        frame=cells.frame,
        row_numbers=cells.row_numbers,
        header_row=cells.header_row,
        n_above=cells.n_above,
        n_formulas=layout.n_formulas,
        n_without_value=len(layout.without_value),
        n_errors=cells.n_errors,
        # A threaded comment has a plain copy for older programs.
        n_comments=n_plain or len(comments),
        comments=tuple(text for _, text in comments if text),
        n_merged=len(layout.merged),
        merged_columns=_merged(cells, layout),
        hidden_columns=tuple(np.flatnonzero(_hidden(layout)[cells.columns]).tolist()),
        hidden_rows=tuple(np.array(layout.hidden_rows, dtype=np.int64)[shown].tolist()),
        percent_columns=cells.percent_columns,
        mixed_columns=cells.mixed_columns,
    )


def _hidden(layout: SheetLayout) -> np.ndarray:
    """Mark the columns that the sheet does not show; bool, by column number."""
    first, last = np.array(layout.hidden_columns, dtype=np.int64).reshape(-1, 2).T
    return _spread(first, last, np.ones(first.size, dtype=np.int64)) > 0


def _merged(cells: SheetCells, layout: SheetLayout) -> tuple[tuple[int, int], ...]:
    """Return how many cells of each column are empty below the header for being merged with another."""
    top, first, bottom, last = np.array(layout.merged, dtype=np.int64).reshape(-1, 4).T
    rows = cells.row_numbers
    n_rows = np.searchsorted(rows, bottom, side="right") - np.searchsorted(rows, top, side="left")
    count = _spread(first, last, n_rows)
    np.subtract.at(count, first, np.isin(top, rows).astype(np.int64))
    n_cells = count[cells.columns]
    return tuple((int(place), int(n_cells[place])) for place in np.flatnonzero(n_cells > 0))


def _spread(first: np.ndarray, last: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Return the sum of amounts over ranges of columns, by column number."""
    steps = np.zeros(MOST_COLUMNS + 2, dtype=np.int64)
    np.add.at(steps, first, amount)
    np.subtract.at(steps, last + 1, amount)
    return np.cumsum(steps)
