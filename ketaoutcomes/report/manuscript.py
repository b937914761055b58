"""The printed tables as a manuscript takes them: plain HTML, and a DOCX of the same bytes each time."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.shared import Pt
from docx.table import Table as DocxTable
from docx.text.paragraph import Paragraph
from markupsafe import Markup, escape

from ketaoutcomes.draw.labels import clean
from ketaoutcomes.report.parts import Section, Table
from ketaoutcomes.report.words import UNCONTROLLED

__all__ = ["manuscript_docx", "manuscript_files", "manuscript_html", "manuscript_tables"]

CODE = re.compile(r"Table (R\d+[a-z]?)\. ")
# Of every part of the document, so that equal tables give equal bytes; the earliest date that a zip can hold.
WHEN = datetime(1980, 1, 1)
ZIP_WHEN = (1980, 1, 1, 0, 0, 0)
CELL_PT, NOTE_PT, CAPTION_PT = 8.5, 8.0, 10.0


def manuscript_files(
    sections: Sequence[Section], *, title: str, notes: Sequence[str] = ()
) -> dict[str, bytes]:
    """Every table of a report as ``manuscript.html`` and ``manuscript.docx``.

    Parameters
    ----------
    sections : sequence of Section
    title : str
    notes : sequence of str
        Sentences above the tables, such as the report's banners; that nothing is controlled always follows.
    """
    tables, said = manuscript_tables(sections), (*notes, UNCONTROLLED)
    return {
        "manuscript.html": manuscript_html(tables, title=title, notes=said).encode(),
        "manuscript.docx": manuscript_docx(tables, title=title, notes=said),
    }


def manuscript_tables(sections: Sequence[Section]) -> tuple[Table, ...]:
    """The tables of all sections in order, numbered from 1 with their code: ``"Table 4 (R4a). …"``."""
    tables = [table for section in sections for table in section.tables]
    numbered = []
    for number, table in enumerate(tables, start=1):
        code = CODE.match(table.caption)
        name = f"Table {number} ({code[1]})" if code else f"Table {number}"
        caption = table.caption[code.end() :] if code else table.caption
        numbered.append(replace(table, caption=f"{name}. {caption}"))
    return tuple(numbered)


def manuscript_html(tables: Sequence[Table], *, title: str, notes: Sequence[str] = ()) -> str:
    """A page of tables without styles of their own, to be pasted into a manuscript.

    Parameters
    ----------
    tables : sequence of Table
    title : str
    notes : sequence of str
        Sentences above the tables.

    Returns
    -------
    str
        Every value is escaped: text stays text.
    """
    parts = [Markup("<h1>{}</h1>").format(clean(title))]
    parts += [Markup("<p>{}</p>").format(clean(note)) for note in notes]
    for table in tables:
        head = Markup("").join(
            Markup('<th scope="col">{}</th>').format(clean(column.label)) for column in table.columns
        )
        body = Markup("\n").join(_html_row(row) for row in table.rows)
        parts.append(
            Markup(
                "<table>\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table>"
            ).format(clean(table.caption), head, body)
        )
        parts += [Markup("<p>{}</p>").format(clean(note)) for note in table.notes]
    name = escape(clean(title))
    head = f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{name}</title></head>'
    return f"{head}\n<body>\n{Markup(chr(10)).join(parts)}\n</body>\n</html>\n"


def manuscript_docx(tables: Sequence[Table], *, title: str, notes: Sequence[str] = ()) -> bytes:
    """The same tables as a Word document: caption, header row that repeats, footnotes.

    Parameters
    ----------
    tables, title, notes
        As in `manuscript_html`.

    Returns
    -------
    bytes
        Without a clock or a name in it: the same tables give the same bytes.
    """
    document = Document()
    _landscape(document)
    document.add_heading(clean(title), level=1)
    for note in notes:
        _sized(document.add_paragraph(clean(note)), NOTE_PT)
    for table in tables:
        caption = document.add_paragraph(clean(table.caption))
        caption.paragraph_format.keep_with_next = True
        caption.paragraph_format.space_before = Pt(12)
        _sized(caption, CAPTION_PT, bold=True)
        _add_table(document, table)
        for note in table.notes:
            _sized(document.add_paragraph(clean(note)), NOTE_PT)
    properties = document.core_properties
    properties.author = properties.last_modified_by = properties.comments = properties.keywords = ""
    properties.title = clean(title)[:255]
    properties.created = properties.modified = properties.last_printed = WHEN
    properties.revision = 1
    made = io.BytesIO()
    document.save(made)
    return _repacked(made.getvalue())


def _html_row(row: Sequence[str]) -> Markup:
    cells = [
        Markup('<th scope="row">{}</th>' if not place else "<td>{}</td>").format(clean(cell))
        for place, cell in enumerate(row)
    ]
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def _landscape(document) -> None:
    """The widest tables have eight columns."""
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = section.page_height, section.page_width


def _add_table(document, table: Table) -> None:
    made = document.add_table(rows=1 + len(table.rows), cols=len(table.columns))
    made.style = "Light List"
    made.autofit = True
    # One look at the grid: each `cell(row, column)` would walk the whole table.
    cells = made._cells
    width = len(table.columns)
    for place, column in enumerate(table.columns):
        _fill(cells[place], column.label, is_text=column.is_text or not place, bold=True)
    for number, row in enumerate(table.rows, start=1):
        for place, value in enumerate(row):
            is_text = table.columns[place].is_text or not place
            _fill(cells[number * width + place], value, is_text=is_text, bold=False)
    _repeat_header(made)


def _fill(cell, value: str, *, is_text: bool, bold: bool) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.text = clean(value)
    paragraph.paragraph_format.space_after = Pt(0)
    if not is_text:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    _sized(paragraph, CELL_PT, bold=bold)


def _sized(paragraph: Paragraph, points: float, *, bold: bool = False) -> None:
    for run in paragraph.runs:
        run.font.size = Pt(points)
        run.font.bold = bold


def _repeat_header(table: DocxTable) -> None:
    properties = table.rows[0]._tr.get_or_add_trPr()
    properties.append(OxmlElement("w:tblHeader"))


def _repacked(content: bytes) -> bytes:
    """The same files in a zip without the time at which it was written."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as found, zipfile.ZipFile(out, "w") as made:
        for name in sorted(found.namelist(), key=lambda one: (one != "[Content_Types].xml", one)):
            entry = zipfile.ZipInfo(name, date_time=ZIP_WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            made.writestr(entry, found.read(name))
    return out.getvalue()
