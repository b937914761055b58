"""The parts of a workbook that can hold an identifier: sheets, comments, and what lies beside the cells."""

from __future__ import annotations

import io
import posixpath
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import openpyxl
import pandas as pd

from ketaoutcomes.cohort.notebook_scan import PATH_MESSAGE, user_paths
from ketaoutcomes.cohort.privacy import scan_name
from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.errors import Problem
from ketaoutcomes.readers.opening import read_plain_file
from ketaoutcomes.readers.package import MOST_EXPANDED
from ketaoutcomes.readers.scan_package import package_texts
from ketaoutcomes.readers.workbook import Sheet, Workbook, open_workbook

__all__ = ["Part", "workbook_parts"]

PICTURES = re.compile(r"(?i)\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|heic|webp)$")
MOST_ABOVE = 1_000  # rows above a header
INSPECT = "use File, Info, Inspect Document, or save the sheet as 'CSV UTF-8'"


@dataclass(frozen=True)
class Part:
    """One table of a file, or what is beside the tables.

    Parameters
    ----------
    label : str
        What messages call it; never an identifier.
    frame : DataFrame, optional
    row_numbers : (n,) int array, optional
    told : list of (str, Problem)
        What is already known, with its severity.
    texts : list of str
        Texts outside the table, to be looked at.
    what : str
        What the texts are.
    labels : tuple of str
        Labels of the columns.
    """

    label: str
    frame: pd.DataFrame | None = None
    row_numbers: object = None
    told: list[tuple[str, Problem]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    what: str = "texts"
    labels: tuple[str, ...] = ()

    def labelled(self, labels: list[str]) -> Part:
        """Return the part with labels of its columns."""
        return replace(self, labels=tuple(labels))


def workbook_parts(path: Path, shown: str) -> list[Part]:
    """Return the sheets of a workbook, their comments, and the parts beside them.

    Raises
    ------
    DataError
        If it is not a workbook, or unsafe to open.
    """
    book = open_workbook(path)
    parts = [part for sheet in book.sheets for part in _sheet_parts(sheet)]
    # Opening it has made sure that the package is safe to unpack.
    with zipfile.ZipFile(io.BytesIO(read_plain_file(path, most=MOST_EXPANDED))) as archive:
        parts += _beside(archive, book, path, shown)
    return parts


def _sheet_parts(sheet: Sheet) -> Iterator[Part]:
    told = [("privacy", replace(one, table=sheet.label)) for one in scan_name("sheet", sheet.name)]
    if sheet.hidden:
        told.append(_note("is a hidden sheet; delete it if nobody needs it", sheet.label))
    if sheet.hidden_columns:
        names = [str(sheet.frame.columns[place]) for place in sheet.hidden_columns]
        plain = [f"'{name}'" for name in names if name.strip() and not class_of_name(name, "safe-harbor")]
        told.append(
            _note(f"has hidden columns: {', '.join(plain) or 'without names'}", sheet.label, len(names))
        )
    if sheet.hidden_rows:
        told.append(_note("has hidden rows", sheet.label, len(sheet.hidden_rows)))
    yield Part(sheet.label, sheet.frame, sheet.row_numbers, told)
    if sheet.n_comments:
        message = "has comments, which are free text; delete them"
        problem = Problem(message, sheet.label, None, "identifier:free_text", sheet.n_comments)
        yield Part(sheet.label, told=[("privacy", problem)], texts=list(sheet.comments), what="comments")


def _beside(archive: zipfile.ZipFile, book: Workbook, path: Path, shown: str) -> Iterator[Part]:
    """Yield what the package holds beside the cells of its sheets."""
    cells = _cells(book)
    comments = {text for sheet in book.sheets for text in sheet.comments}
    found = package_texts(archive, cells | comments)
    names = archive.namelist()
    pictures = sum(PICTURES.search(name) is not None for name in names)
    stems = [posixpath.basename(name).rpartition(".")[0] for name in names]
    texts = [*found.texts, *_above(path, book), *stems]
    told = []
    if found.persons:
        message = f"the document's properties or comments name persons; {INSPECT}"
        told.append(("privacy", Problem(message, shown, None, "identifier:A", found.persons)))
    if user_paths(texts):
        told.append(("privacy", Problem(PATH_MESSAGE, shown, None, "identifier:A", user_paths(texts))))
    if found.n_comments > len(comments):
        message = f"holds comments that no sheet shows, which are free text; {INSPECT}"
        n_more = found.n_comments - len(comments)
        told.append(("privacy", Problem(message, shown, None, "identifier:free_text", n_more)))
    if found.unread:
        message = "has parts with more in them than is looked at; save the sheets as 'CSV UTF-8'"
        told.append(("error", Problem(message, shown, None, "too_large", found.unread)))
    if any("pivotcache" in name.lower() for name in names):
        told.append(_note(f"holds a copy of its data for a pivot table; {INSPECT}", shown))
    if pictures:
        told.append(_note("holds pictures, which are not looked at", shown, pictures, "identifier:Q"))
    if book.has_macros:
        told.append(_note("holds macros, which are not looked at", shown))
    if book.n_links:
        told.append(_note("refers to other workbooks, whose values it may hold", shown, book.n_links))
    kept = [text for text in dict.fromkeys(texts) if text.strip() and text.strip() not in cells]
    yield Part(
        shown, told=told, texts=kept, what="titles, properties, defined names and texts beside the tables"
    )


def _above(path: Path, book: Workbook) -> list[str]:
    """Return the rows above the headers, each cell for itself and all of a row together."""
    if not any(sheet.n_above for sheet in book.sheets):
        return []
    data = io.BytesIO(read_plain_file(path, most=MOST_EXPANDED))
    texts = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = openpyxl.load_workbook(data, read_only=True, data_only=True, keep_links=False)
        for sheet in book.sheets:
            if sheet.n_above and sheet.header_row is not None:
                above = plain[sheet.name].iter_rows(max_row=sheet.header_row - 1, values_only=True)
                for row in islice(above, MOST_ABOVE):
                    filled = [_text(value) for value in row if value is not None]
                    texts += [*filled, " ".join(filled)]
    return texts


def _text(value: object) -> str:
    """Return a cell as text: whole numbers with all their digits, dates as YYYY-MM-DD."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e19:
        return f"{value:.0f}"
    return str(value)


def _cells(book: Workbook) -> set[str]:
    """Return every distinct text that is looked at elsewhere: cells, headers and names of sheets."""
    found = {sheet.name for sheet in book.sheets}
    found |= {str(name).strip() for sheet in book.sheets for name in sheet.frame.columns}
    for sheet in book.sheets:
        for place in range(sheet.frame.shape[1]):
            found |= {text.strip() for text in sheet.frame.iloc[:, place].dropna().unique().tolist()}
    return found


def _note(message: str, label: str, n: int | None = None, rule: str | None = None) -> tuple[str, Problem]:
    return "note", Problem(message, label, None, rule, n)
