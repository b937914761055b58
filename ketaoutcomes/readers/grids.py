"""A spreadsheet file's tables of text: CSV, workbooks, folders of CSV, statistical files, Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.csv_text import RawTable, read_csv
from ketaoutcomes.cohort.files import read_table
from ketaoutcomes.cohort.privacy import scan_values
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.cell_text import CellWriter, column_text
from ketaoutcomes.readers.decimals import decimal_points
from ketaoutcomes.readers.opening import SAVE_AS, ZIP, export_path, read_plain_file, shown_name
from ketaoutcomes.readers.package import OLE
from ketaoutcomes.readers.statistical_files import ENDINGS as STATISTICAL
from ketaoutcomes.readers.statistical_files import read_statistical_file
from ketaoutcomes.readers.suggest_header import fullest_row
from ketaoutcomes.readers.workbook import Sheet, Workbook, open_workbook

__all__ = ["ABOVE", "Grid", "read_grids"]

TEXT = (".csv", ".tsv", ".txt")
WORKBOOKS = (".xlsx", ".xlsm")
IN_FOLDERS = (".csv", ".tsv", ".parquet")
ABOVE = "above_header"
OLD = (".xls", ".xlsb", ".ods", ".fods", ".numbers", ".gsheet")
CHOICES = f"{', '.join((*TEXT, *WORKBOOKS, *STATISTICAL, '.parquet'))} or a folder of CSV files"


@dataclass(frozen=True, eq=False)
class Grid:
    """One table of text, as it stands in a file.

    Parameters
    ----------
    name : str or None
        The sheet's name, by which a mapping calls it; None where the export is one table.
    label : str
        What messages call it.
    frame : (n, k) DataFrame
        Text under the header's words, which may repeat or be empty.
    row_numbers : (n,) int array
    unplaced : tuple of (str, (m,) int array)
        Rows that could not be put into columns: rule and row numbers.
    hidden, headless : bool
        The sheet is hidden; no row of it looks like a header.
    notes : tuple of Problem
        What a user should know of the table.
    of_columns : tuple of (int, Problem)
        What a user should know of a column of `frame`, if it is used.
    """

    name: str | None
    label: str
    frame: pd.DataFrame
    row_numbers: np.ndarray
    unplaced: tuple[tuple[str, np.ndarray], ...] = ()
    hidden: bool = False
    headless: bool = False
    notes: tuple[Problem, ...] = ()
    of_columns: tuple[tuple[int, Problem], ...] = field(default=())


def read_grids(
    file: str | Path, settings: Settings, *, header: int | Mapping[str, int] | None = None
) -> tuple[tuple[Grid, ...], tuple[Problem, ...]]:
    """Return the tables of a file or folder, and notes on the whole.

    Raises
    ------
    DataError
        If it cannot be read as what its name says, or is of a kind that is not read.
    """
    path = export_path(file)
    if path.is_dir() and not path.is_symlink() and path.suffix.lower() not in (*WORKBOOKS, *STATISTICAL):
        return _folder(path, settings)
    ending = path.suffix.lower()
    if ending in WORKBOOKS:
        book = _workbook(path, settings, header)
        return tuple(_of_sheet(sheet) for sheet in book.sheets), _about_book(book, shown_name(path))
    if ending in STATISTICAL:
        return (_statistical(path, settings),), ()
    if ending in (*TEXT, ".parquet"):
        return (_plain(path, settings, None),), ()
    # A pickled or packed file is told as such whatever it is called.
    read_plain_file(path)
    message = f"files of this kind ({ending}) are not read; {SAVE_AS}" if ending in OLD else None
    message = message or f"the file's ending says no kind that is read: {CHOICES}"
    raise DataError(Problem(message, shown_name(path), None, "unknown_kind"))


def _folder(path: Path, settings: Settings) -> tuple[tuple[Grid, ...], tuple[Problem, ...]]:
    """Return the CSV and Parquet files of a folder, each under its stem."""
    try:
        entries = sorted(path.iterdir(), key=lambda entry: entry.name)
    except OSError:
        raise DataError(Problem(RULES["unreadable"].reason, shown_name(path), None, "unreadable")) from None
    grids, problems, n_others = [], [], 0
    for entry in entries:
        if entry.suffix.lower() not in IN_FOLDERS or entry.name.startswith("."):
            n_others += not entry.name.startswith(".")
            continue
        if entry.stem in [grid.name for grid in grids]:
            problems.append(Problem(RULES["two_files"].reason, shown_name(entry), None, "two_files"))
            continue
        try:
            grids.append(_plain(entry, settings, entry.stem))
        except DataError as error:
            problems += error.problems
    if not grids and not problems:
        message = "the folder holds no CSV and no Parquet file"
        problems.append(Problem(message, shown_name(path), None, "unknown_kind"))
    if problems:
        raise DataError(problems)
    others = f"files or folders in the folder that are neither CSV nor Parquet, and not read: {n_others}"
    return tuple(grids), (Problem(others, rule="unknown_file"),) if n_others else ()


def _plain(path: Path, settings: Settings, name: str | None) -> Grid:
    """Return a CSV or Parquet file."""
    shown = shown_name(path)
    if path.suffix.lower() == ".parquet":
        return _of_raw(_parquet(path, settings, shown), shown, name, ())
    data = read_plain_file(path)
    if data.startswith((ZIP, OLE)):
        message = f"this is a workbook or another packed file, whatever its name says; {SAVE_AS}"
        raise DataError(Problem(message, shown, None, "not_text"))
    if (
        data.lstrip(b"\xef\xbb\xbf \t\r\n")[:64]
        .lower()
        .startswith((b"<html", b"<!doctype", b"<table", b"<?xml"))
    ):
        message = f"this is a web page or XML and no table, whatever its name says; open it and {SAVE_AS}"
        raise DataError(Problem(message, shown, None, "not_text"))
    raw = read_csv(data, settings, table=shown)
    notes = []
    if raw.n_blank:
        message = f"{RULES['blank_lines'].reason}: {raw.n_blank}"
        notes.append(Problem(message, shown, None, "blank_lines"))
    raw, commas = decimal_points(raw, settings, shown)
    notes += commas
    return _of_raw(raw, shown, name, tuple(notes))


def _parquet(path: Path, settings: Settings, shown: str) -> RawTable:
    """Return a Parquet file's cells as text."""
    try:
        # Read as one of the cohort's tables, whose name says only which columns may be kept as codes.
        raw = read_table(path, "scores", settings)
    except DataError as error:
        raise DataError([replace(problem, table=shown) for problem in error.problems]) from None
    writer = CellWriter.of(settings)
    texts = {place: column_text(raw.frame.iloc[:, place], writer) for place in range(raw.frame.shape[1])}
    frame = pd.DataFrame(texts, index=range(len(raw.frame)), copy=False)
    return RawTable(frame.set_axis(raw.frame.columns, axis=1))


def _of_raw(raw: RawTable, shown: str, name: str | None, notes: tuple[Problem, ...]) -> Grid:
    headers = [" ".join(str(header).split()) for header in raw.frame.columns]
    rows = np.arange(2, len(raw.frame) + 2) if raw.row_numbers is None else np.asarray(raw.row_numbers)
    frame = raw.frame.set_axis(headers, axis=1)
    return Grid(name, shown, frame, rows, tuple(raw.unplaced), notes=notes)


def _statistical(path: Path, settings: Settings) -> Grid:
    """Return an SPSS, SAS or Stata file; its rows are numbered as if a header were row 1."""
    shown = shown_name(path)
    found = read_statistical_file(path, settings=settings)
    told = []
    for place, name in enumerate(found.frame.columns):
        n = found.n_user_missing.get(name)
        if n:
            message = "has cells that hold a value which the file declares as missing; they are missing"
            told.append((place, Problem(message, shown, name, "user_missing", n)))
        if name in found.labelled:
            message = "has codes with labels; the codes are read; name them by `values` in the mapping"
            told.append((place, Problem(message, shown, name, "value_labels")))
    rows = np.arange(2, len(found.frame) + 2)
    return Grid(None, shown, found.frame, rows, of_columns=tuple(told))


def _workbook(path: Path, settings: Settings, header: int | Mapping[str, int] | None) -> Workbook:
    """Return a workbook, each sheet under the fullest row of words of the first rows."""
    book = open_workbook(path, header=header, settings=settings)
    if isinstance(header, int):
        return book
    given = dict(header or {})
    rows = {sheet.name: fullest_row(sheet) for sheet in book.sheets if sheet.name not in given}
    # Read again under them, so that kinds of cells are told of what stands below the header alone.
    better = {name: row for name, row in rows.items() if row is not None}
    return open_workbook(path, header=given | better, settings=settings) if better else book


def _of_sheet(sheet: Sheet) -> Grid:
    """Return a sheet, with all that it holds and a table does not."""
    rows = sheet.row_numbers
    return Grid(
        sheet.name,
        sheet.label,
        sheet.frame,
        rows,
        hidden=sheet.hidden,
        headless=sheet.header_row is None and sheet.frame.shape[0] > 0,
        notes=tuple(_about_sheet(sheet)),
        of_columns=tuple(_about_columns(sheet)),
    )


def _about_sheet(sheet: Sheet) -> list[Problem]:
    """Return what a user should know of a sheet; nothing of its cells."""
    found = []

    def tell(rule: str, n: int, message: str) -> None:
        if n:
            found.append(Problem(message.format(n=f"{n:,}"), sheet.label, None, rule))

    named = sheet.label != sheet.name
    tell("sheet_name", int(named), "the sheet's name looks like an identifier and is not repeated; rename it")
    tell(
        "no_header",
        int(sheet.header_row is None and len(sheet.frame) > 0),
        "no row has two or more cells that are all text, so none is the header and nothing of it is used; "
        "give the row of the header (header=)",
    )
    above = f"row {sheet.header_row} is taken as the header; filled rows above it, passed over: {{n}}"
    tell(ABOVE, sheet.n_above, above)
    tell(
        "formula_without_value",
        sheet.n_without_value,
        "formulas without a stored value, read as empty: {n} of "
        f"{sheet.n_formulas:,}; open the workbook in a spreadsheet program, save it, and import it again",
    )
    tell("error_cells", sheet.n_errors, "cells that hold an error such as #N/A, read as missing: {n}")
    tell("comments", sheet.n_comments, "comments on cells, not read: {n}" + _about_comments(sheet))
    tell("merged_cells", sheet.n_merged, "merged areas, of which only the first cell has a value: {n}")
    tell("hidden_columns", len(sheet.hidden_columns), "hidden columns, read like the others: {n}")
    tell("hidden_rows", len(sheet.hidden_rows), "hidden rows, read like the others: {n}")
    return found


def _about_comments(sheet: Sheet) -> str:
    frame = pd.DataFrame({"comment": pd.Series(list(sheet.comments), dtype="str")})
    if not scan_values(sheet.label, frame):
        return ""
    return "; some look as if they identified people: take them out before the workbook is passed on"


def _about_columns(sheet: Sheet) -> list[tuple[int, Problem]]:
    """Return what a user should know of a column that is used."""
    names = [str(name) or f"column number {n}" for n, name in enumerate(sheet.frame.columns, 1)]

    def told(place: int, rule: str, message: str, n: int | None = None) -> tuple[int, Problem]:
        return place, Problem(message, sheet.label, names[place], rule, n)

    merged = "has cells below the header that are merged with others and so are empty; unmerge and fill them"
    percent = (
        "has numbers shown as per cent and stored as fractions (0.98 for 98 %); use `multiply` if need be"
    )
    mixed = (
        "has dates stored as dates beside words: where a spreadsheet program has turned some dates into its "
        "own and left others, day and month of those it turned may be swapped; make all of one kind"
    )
    return [
        *(told(place, "merged_column", merged, n) for place, n in sheet.merged_columns),
        *(told(place, "percent", percent) for place in sheet.percent_columns),
        *(told(place, "mixed_column", mixed) for place in sheet.mixed_columns),
    ]


def _about_book(book: Workbook, shown: str) -> tuple[Problem, ...]:
    found = []
    if book.has_macros:
        found.append(Problem("the workbook holds macros; none was run", shown, None, "macros"))
    if book.n_links:
        message = f"other workbooks that this one refers to, not opened: {book.n_links}"
        found.append(Problem(message, shown, None, "external_links"))
    if book.n_without_cells:
        message = f"sheets without cells (charts, dialogs, macros), not read: {book.n_without_cells}"
        found.append(Problem(message, shown, None, "sheets_without_cells"))
    return tuple(found)
