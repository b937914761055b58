"""The parts of a workbook that can hold an identifier: sheets, comments, and what lies beside the cells."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import pandas as pd
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ketaoutcomes.cohort.notebook_scan import PATH_MESSAGE, user_paths
from ketaoutcomes.cohort.privacy import scan_name
from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.errors import Problem
from ketaoutcomes.readers.opening import read_plain_file
from ketaoutcomes.readers.package import MOST_EXPANDED
from ketaoutcomes.readers.workbook import Sheet, Workbook, open_workbook

__all__ = ["Part", "workbook_parts"]

# What programs write as author when nobody has given a name.
PROGRAMS = re.compile(
    r"(?i)\s*(?:openpyxl|xlsxwriter|microsoft.*|excel.*|libreoffice.*|apache poi|sas.*|r|python|pandas"
    r"|redcap|user|windows user|unknown|administrator|admin)?\s*"
)
PERSONS = ("creator", "lastModifiedBy", "Manager", "author", "displayName", "userId")
# Text in a sheet's XML: cells that hold it themselves (titles above a header are no cell of a table), what
# is printed above and below a page, and lists of allowed words.
INLINE = re.compile(rb"<(?:\w+:)?(?:t|(?:odd|even|first)(?:Header|Footer)|formula[12])(?:\s[^>]*)?>([^<]*)<")
# &L, &"Arial,Bold" and the like set the place and the letters of what is printed above a page.
CODES = re.compile(r'&(?:"[^"]*"|[0-9]+|[A-Za-z])')
PICTURES = re.compile(r"(?i)\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|heic|webp)$")
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
        parts += _beside(archive, book, shown)
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


def _beside(archive: zipfile.ZipFile, book: Workbook, shown: str) -> Iterator[Part]:
    """Yield what the package holds beside the cells of its sheets."""
    persons, texts, pictures, copies = 0, [], 0, 0
    cells = _cells(book)
    for name in archive.namelist():
        pictures += PICTURES.search(name) is not None
        if posixpath.dirname(name).lower() == "xl/worksheets":
            found = INLINE.findall(archive.read(name))
            texts += [CODES.sub(" ", unescape(one.decode("utf-8", "replace"))) for one in found]
        elif name.lower().endswith((".xml", ".rels")) and (root := _xml(archive.read(name))) is not None:
            persons += _persons(root)
            copies += "pivotcache" in name.lower()
            texts += _texts_of(name.lower(), root)
    told = []
    if persons:
        message = f"the document's properties or comments name persons; {INSPECT}"
        told.append(("privacy", Problem(message, shown, None, "identifier:A", persons)))
    if user_paths(texts):
        told.append(("privacy", Problem(PATH_MESSAGE, shown, None, "identifier:A", user_paths(texts))))
    if copies:
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


def _texts_of(name: str, root: Element) -> list[str]:
    """Return the texts of one part of the package, by the part's name in small letters."""
    folder = posixpath.dirname(name)
    if name.endswith("sharedstrings.xml"):
        return ["".join(one.itertext()) for one in root]
    if "pivotcache" in name:
        return [one.get("v", "") for one in root.iter()]
    if name.endswith("workbook.xml"):
        named = [one for one in root.iter() if _tag(one) == "definedName"]
        return [text for one in named for text in (one.get("name", "").replace("_", " "), one.text or "")]
    if name.startswith("docprops/") or folder.endswith(("drawings", "charts")):
        texts = [one.text for one in root.iter() if one.text and not _is_about(one)]
        return texts + [one.get("name", "") for one in root.iter() if _tag(one) == "property"]
    if name.endswith(".rels"):
        return [one.get("Target", "") for one in root.iter() if one.get("TargetMode") == "External"]
    if name.endswith("connections.xml"):
        return [value for one in root.iter() for value in one.attrib.values()]
    return []


def _cells(book: Workbook) -> set[str]:
    """Return every distinct text that is looked at elsewhere: cells, headers and names of sheets."""
    found = {sheet.name for sheet in book.sheets}
    found |= {str(name).strip() for sheet in book.sheets for name in sheet.frame.columns}
    for sheet in book.sheets:
        for place in range(sheet.frame.shape[1]):
            found |= {text.strip() for text in sheet.frame.iloc[:, place].dropna().unique().tolist()}
    return found


def _xml(data: bytes) -> Element | None:
    try:
        return fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _persons(root: Element) -> int:
    """Return how many entries name a person, as author or as the last to save the file."""
    of_text = [one.text for one in root.iter() if _tag(one) in PERSONS and one.text]
    of_attributes = [one.get("displayName") for one in root.iter() if _tag(one) == "person"]
    return sum(bool(text) and not PROGRAMS.fullmatch(text) for text in (*of_text, *of_attributes))


def _is_about(element: Element) -> bool:
    """Whether an entry of the properties is no text: who made it is told apart, and when says nothing."""
    return _tag(element) in (*PERSONS, "created", "modified", "lastPrinted", "AppVersion")


def _note(message: str, label: str, n: int | None = None, rule: str | None = None) -> tuple[str, Problem]:
    return "note", Problem(message, label, None, rule, n)
