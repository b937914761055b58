"""A small good spreadsheet, and the ways in which files like it go wrong."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl

CANARY = "zqxcanary"  # stands in every cell that no message may repeat
NUMBER = "987654"  # and this where a cell can hold a number only
IDS = ("QX7701", "QX7702")

# Six rows: for each of two patients one session at hour 0, a PHQ-9 before it and one after a week.
HEADER = ["record_id", "hour", "route", "phq9_total", "remark"]
ROWS = [
    ["QX7701", 0, "IV", None, CANARY],
    ["QX7701", -24, None, 20, None],
    ["QX7701", 168, None, 9, None],
    ["QX7702", 0, "IM", None, None],
    ["QX7702", -24, None, 18, None],
    ["QX7702", 168, None, 12, None],
]
SESSIONS = {"table": "sessions", "columns": {"hour": "hour", "route": "route"}, "needs": ["route"]}
SCORES = {
    "table": "scores",
    "columns": {"hour": "hour", "score": "phq9_total"},
    "constants": {"instrument": "PHQ-9"},
}
MAPPING = {"patient": {"id": "record_id"}, "rows": [SESSIONS, SCORES]}

Write = Callable[[Path], Path]


def with_settings(**settings) -> dict:
    """The usual mapping with a `[cohort]`."""
    return {**MAPPING, "cohort": settings}


def of_sheets(sessions: str, scores: str) -> dict:
    """The usual mapping with a sheet for each block."""
    return {**MAPPING, "rows": [SESSIONS | {"sheet": sessions}, SCORES | {"sheet": scores}]}


def rows_with(row: int, column: str, value, *, rows: Sequence[Sequence] = ROWS) -> list[list]:
    """The usual rows with one cell changed; rows count from 2, as in the file."""
    out = [list(one) for one in rows]
    out[row - 2][HEADER.index(column)] = value
    return out


def fill(sheet, rows: Sequence[Sequence], *, top: int = 1, left: int = 1) -> None:
    """Write cells into a sheet."""
    for down, row in enumerate(rows):
        for right, value in enumerate(row):
            if value is not None:
                sheet.cell(top + down, left + right, value)


def saved(workbook: openpyxl.Workbook) -> bytes:
    """A workbook's bytes."""
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def good_book(rows: Sequence[Sequence] = ROWS, header: Sequence = HEADER, title: str = "Data") -> bytes:
    """The small good workbook: one sheet."""
    workbook = openpyxl.Workbook()
    workbook.active.title = title
    fill(workbook.active, [header, *rows])
    return saved(workbook)


def book(
    change: Callable[[openpyxl.Workbook], None] | None = None,
    *,
    rows: Sequence[Sequence] = ROWS,
    header: Sequence = HEADER,
    title: str = "Data",
    then: Callable[[bytes], bytes] | None = None,
    name: str = "clinic.xlsx",
) -> Write:
    """A writer of a workbook that differs from the good one by a change, and by one of its bytes."""

    def write(folder: Path) -> Path:
        data = good_book(rows, header, title)
        if change is not None:
            workbook = openpyxl.load_workbook(io.BytesIO(data))
            change(workbook)
            data = saved(workbook)
        path = folder / name
        path.write_bytes(data if then is None else then(data))
        return path

    return write


def raw(name: str, data: bytes | Callable[[], bytes]) -> Write:
    """A writer of bytes."""

    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data() if callable(data) else data)
        return path

    return write


def csv_text(
    rows: Sequence[Sequence] = ROWS, header: Sequence = HEADER, *, separator: str = ",", end: str = "\n"
) -> str:
    """The rows as CSV without any quoting."""
    lines = [separator.join("" if cell is None else str(cell) for cell in row) for row in (header, *rows)]
    return end.join(lines) + end


def csv_file(text: str, *, name: str = "clinic.csv", encoding: str = "utf-8") -> Write:
    """A writer of a CSV file."""
    return raw(name, text.encode(encoding))


def parts_of(data: bytes) -> dict[str, bytes]:
    """A ZIP file's entries."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes], *, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Entries as a ZIP file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def part(name: str, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A change of one part of a workbook."""

    def apply(data: bytes) -> bytes:
        parts = parts_of(data)
        changed = change(parts[name])
        assert changed != parts[name], f"nothing of {name} was changed"
        return zipped(parts | {name: changed})

    return apply


def sheet_xml(old: str, new: str) -> Callable[[bytes], bytes]:
    """A replacement in the first sheet's XML."""
    return part("xl/worksheets/sheet1.xml", lambda xml: xml.replace(old.encode(), new.encode()))


def with_part(name: str, content: bytes) -> Callable[[bytes], bytes]:
    """A further part in a workbook."""
    return lambda data: zipped(parts_of(data) | {name: content})


def doctype(name: str, declared: str) -> Callable[[bytes], bytes]:
    """A document type at the head of a part of XML."""

    def change(xml: bytes) -> bytes:
        start = xml.index(b"?>") + 2 if xml.startswith(b"<?xml") else 0
        return xml[:start] + f"<!DOCTYPE x [{declared}]>".encode() + xml[start:]

    return part(name, change)


def overlapping(data: bytes) -> bytes:
    """A ZIP file whose last entry in the directory points at the first entry's place."""
    out = bytearray(data)
    place = out.rfind(b"PK\x01\x02")
    out[place + 42 : place + 46] = struct.pack("<I", 0)
    return bytes(out)


def encrypted_flag(data: bytes) -> bytes:
    """A ZIP file whose first entry says that it is encrypted."""
    out = bytearray(data)
    place = out.find(b"PK\x01\x02")
    out[place + 8] |= 1
    out[6] |= 1
    return bytes(out)


def lying_size(data: bytes) -> bytes:
    """A ZIP file whose directory gives every entry a size of ten bytes."""
    out = bytearray(data)
    place = out.find(b"PK\x01\x02")
    while place >= 0:
        out[place + 24 : place + 28] = struct.pack("<I", 10)
        place = out.find(b"PK\x01\x02", place + 4)
    return bytes(out)


def bomb(n_bytes: int, pattern: bytes) -> bytes:
    """A workbook with a part that unpacks to many times its size."""
    content = (pattern * (n_bytes // len(pattern) + 1))[:n_bytes]
    return zipped(parts_of(good_book()) | {"xl/media/picture.bin": content})


def ole(*streams: str) -> bytes:
    """The beginning of an OLE container that names streams, as Excel 97 files and locked workbooks do."""
    names = b"".join(stream.encode("utf-16-le").ljust(128, b"\0") for stream in streams)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + names.ljust(1024, b"\0")


def shared_strings(data: bytes) -> bytes:
    """The workbook as spreadsheet programs write it, and openpyxl does not: each text once, apart."""
    parts = parts_of(data)
    texts: list[bytes] = []

    def placed(found: re.Match) -> bytes:
        if found[2] not in texts:
            texts.append(found[2])
        return b'<c r="%s" t="s"><v>%d</v></c>' % (found[1], texts.index(found[2]))

    inline = re.compile(rb'<c r="([A-Z]+[0-9]+)"[^>]*t="inlineStr"[^>]*><is>(<t[^>]*>[^<]*</t>)</is></c>')
    sheet = inline.sub(placed, parts["xl/worksheets/sheet1.xml"])
    assert texts, "no text was found"
    strings = b"".join(b"<si>%s</si>" % text for text in texts)
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    types = parts["[Content_Types].xml"].replace(
        b"</Types>", b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % kind
    )
    return zipped(
        parts
        | {
            "xl/worksheets/sheet1.xml": sheet,
            "xl/sharedStrings.xml": b"<?xml version='1.0'?><sst %s>%s</sst>" % (space, strings),
            "[Content_Types].xml": types,
        }
    )


def chain(*acts: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Acts one after the other."""

    def apply(data: bytes) -> bytes:
        for act in acts:
            data = act(data)
        return data

    return apply
