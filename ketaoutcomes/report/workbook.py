"""The report's tables as one workbook: numbers are numbers, no text is a formula, equal bytes each time."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from ketaoutcomes.cohort.csv_write import neutral
from ketaoutcomes.report.values import rows_of

__all__ = ["CONTENTS", "sheet_names", "workbook_bytes"]

CONTENTS = "contents"
LONGEST_NAME = 31
LONGEST_TEXT = 32767
NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\']")
# The earliest moment that a zip file can hold; a workbook says nothing of when it was made.
MOMENT = (1980, 1, 1, 0, 0, 0)
PROPERTIES = "docProps/core.xml"
STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")
FIXED = rb"\g<1>1980-01-01T00:00:00Z\g<2>"
FIRST_ENTRY = "[Content_Types].xml"
WIDEST, NARROWEST = 60, 9


def workbook_bytes(tables: Mapping[str, pd.DataFrame], *, about: Sequence[tuple[str, str]]) -> bytes:
    """Return an XLSX workbook with a sheet per table after a sheet of contents.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Released tables by name.
    about : sequence of (str, str)
        What the sheet of contents says above its list: title, banners, month, fingerprint.
    """
    book = Workbook(write_only=True)
    names = sheet_names(sorted(tables))
    _contents(book.create_sheet(CONTENTS), tables, names, about)
    for name in sorted(tables):
        _table(book.create_sheet(names[name]), tables[name])
    written = io.BytesIO()
    book.save(written)
    return _without_moments(written.getvalue())


def sheet_names(names: Sequence[str]) -> dict[str, str]:
    """A sheet's name for each table: at most 31 characters, different whatever the case, none "contents"."""
    taken, found = {CONTENTS}, {}
    for name in names:
        base = NOT_IN_NAMES.sub("_", name)[:LONGEST_NAME] or "table"
        sheet, number = base, 1
        while sheet.casefold() in taken:
            number += 1
            sheet = f"{base[: LONGEST_NAME - len(str(number)) - 1]}~{number}"
        taken.add(sheet.casefold())
        found[name] = sheet
    return found


def _contents(
    sheet: Worksheet,
    tables: Mapping[str, pd.DataFrame],
    names: Mapping[str, str],
    about: Sequence[tuple[str, str]],
) -> None:
    sheet.column_dimensions["A"].width = LONGEST_NAME + 2
    sheet.column_dimensions["B"].width = WIDEST
    for label, words in about:
        sheet.append([_cell(sheet, label, bold=True), _cell(sheet, words)])
    sheet.append([])
    sheet.append([_cell(sheet, name, bold=True) for name in ("sheet", "table", "rows", "columns")])
    for name in sorted(tables):
        table = tables[name]
        sheet.append([_cell(sheet, names[name]), _cell(sheet, name), len(table), table.shape[1]])


def _table(sheet: Worksheet, table: pd.DataFrame) -> None:
    """One table with its header frozen; sizes have to stand before the first row."""
    rows = [list(row) for row in rows_of(table)]
    sheet.freeze_panes = "A2"
    for place, name in enumerate(table.columns):
        longest = max([len(str(name)), *(len(row[place]) for row in rows if isinstance(row[place], str))])
        width = min(max(longest + 2, NARROWEST), WIDEST)
        sheet.column_dimensions[get_column_letter(place + 1)].width = width
    sheet.append([_cell(sheet, str(name), bold=True) for name in table.columns])
    for row in rows:
        sheet.append([_cell(sheet, value) if isinstance(value, str) else value for value in row])


def _cell(sheet: Worksheet, text: str, *, bold: bool = False) -> WriteOnlyCell:
    """A cell that holds text and stays text, also when somebody edits it."""
    text = ILLEGAL_CHARACTERS_RE.sub("", text)[:LONGEST_TEXT]
    cell = WriteOnlyCell(sheet, value=text)
    # openpyxl takes a leading "=" for a formula and "#N/A" for an error.
    cell.data_type = "s"
    if neutral(text) != text:
        cell.quotePrefix = True
    if bold:
        cell.font = Font(bold=True)
        cell.alignment = Alignment(vertical="top")
    return cell


def _without_moments(content: bytes) -> bytes:
    """The same workbook with fixed times and a fixed order of its entries."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in sorted(source.namelist(), key=lambda entry: (entry != FIRST_ENTRY, entry)):
            body = source.read(name)
            if name == PROPERTIES:
                body = STAMP.sub(FIXED, body)
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Which system packed it is written into each entry as well.
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            target.writestr(entry, body)
    return packed.getvalue()
