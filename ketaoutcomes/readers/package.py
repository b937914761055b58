"""A workbook's ZIP package, held to what is safe before anything of it is parsed.

Everything is unpacked once and counted while it streams: what a header says of
an entry's size is not believed. XML with a document type is refused, since only
a document type can hold entities.
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from xml.parsers import expat

from defusedxml.common import DTDForbidden

from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.opening import OLE, SAVE_AS, ZIP

__all__ = ["DAMAGED", "MOST_ENTRIES", "MOST_EXPANDED", "MOST_RATIO", "open_package"]

MOST_ENTRIES = 1_024
MOST_EXPANDED = 100_000_000  # bytes
MOST_RATIO = 100
# Signs "<" in a part that is read as a whole, as all but sheets are: each element takes a hundred bytes.
MOST_TAGS = 5_000_000
SHEETS = "xl/worksheets/"
# Below this a high ratio is harmless, and short repetitive parts of honest workbooks reach it.
RATIO_FROM = 1_000_000  # bytes
MOST_DIRECTORY = 1_000_000  # bytes of the list of entries
CHUNK = 65_536
LOCAL_HEADER = 30  # bytes before an entry's name
END_RECORD = struct.Struct("<4s4H2LH")
STORED_OR_DEFLATED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BAD_ZIP = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
    MemoryError,
)
DAMAGED = (
    "the workbook is truncated or damaged, or written in a way that is not usual; open it in a spreadsheet "
    "program and save it again as 'Excel Workbook (.xlsx)', or as 'CSV UTF-8'"
)
OF_OTHER_KINDS = {
    "xl/workbook.bin": "this is a binary workbook (.xlsb)",
    "content.xml": "this is an OpenDocument file (.ods)",
    "word/document.xml": "this is a text document and no workbook",
    "ppt/presentation.xml": "this is a presentation and no workbook",
}


def open_package(data: bytes, shown: str) -> zipfile.ZipFile:
    """Return the open ZIP package of a workbook, every entry of which has been unpacked once and looked at.

    Parameters
    ----------
    data : bytes
    shown : str
        What messages call the file.

    Raises
    ------
    DataError
        If it is no workbook, is password-protected, damaged, or unsafe to open.
    """
    if data.startswith(OLE):
        raise _refused(_about_ole(data), shown, "not_workbook")
    if not data.startswith(ZIP):
        raise _refused(f"this is no workbook, whatever its name says; {SAVE_AS}", shown, "not_workbook")
    _hold_to_directory(data, shown)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
        _hold_to_entries(entries, len(data), shown)
        _unpack_once(archive, entries, len(data), shown)
    except BAD_ZIP:
        raise _refused(DAMAGED, shown, "bad_workbook") from None
    names = {entry.filename for entry in entries}
    for part, what in OF_OTHER_KINDS.items():
        if part in names:
            raise _refused(f"{what}; {SAVE_AS}", shown, "not_workbook")
    if "[Content_Types].xml" not in names:
        raise _refused(f"this is a ZIP file and no workbook; unpack it or {SAVE_AS}", shown, "not_workbook")
    return archive


def _about_ole(data: bytes) -> str:
    """Say what an OLE container is: a locked workbook or one of the old kind."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        return (
            "the workbook is protected by a password, so that it cannot be read; open it, take the password "
            "away (File, Info, Protect Workbook, Encrypt with Password) and save it again, or save the sheet "
            "as 'CSV UTF-8'"
        )
    return f"this is a workbook of the old kind (.xls); open it in a spreadsheet program and {SAVE_AS}"


def _hold_to_directory(data: bytes, shown: str) -> None:
    """Refuse a list of entries that is too long, before it is read into memory."""
    place = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if place < 0 or place + END_RECORD.size > len(data):
        raise _refused(DAMAGED, shown, "bad_workbook")
    _, _, _, here, total, size, _, _ = END_RECORD.unpack_from(data, place)
    if max(here, total) > MOST_ENTRIES or size > MOST_DIRECTORY:
        raise _unsafe(f"it has more than {MOST_ENTRIES:,} entries", shown)


def _hold_to_entries(entries: list[zipfile.ZipInfo], n_bytes: int, shown: str) -> None:
    """Refuse entries that a spreadsheet program would not write."""
    if len(entries) > MOST_ENTRIES:
        raise _unsafe(f"it has more than {MOST_ENTRIES:,} entries", shown)
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise _unsafe("it has two entries of one name", shown)
    for entry in entries:
        name = entry.orig_filename.replace("\\", "/")
        if posixpath.isabs(name) or ".." in name.split("/") or re.match("[A-Za-z]:", name) or "\0" in name:
            raise _unsafe("an entry's name points outside the file", shown)
        if entry.flag_bits & 0x2041:
            raise _unsafe("an entry is encrypted", shown)
        if entry.compress_type not in STORED_OR_DEFLATED:
            raise _unsafe("an entry is compressed in a way that workbooks are not", shown)
    ends = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < ends:
            raise _unsafe("its entries overlap", shown)
        ends = entry.header_offset + LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size
    if ends > n_bytes:
        raise _refused(DAMAGED, shown, "bad_workbook")


def _unpack_once(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], n_bytes: int, shown: str) -> None:
    """Stream every entry: its true size, its checksum, and that no XML has a document type."""
    total = 0
    for entry in entries:
        prolog, size, n_tags = _Prolog(), 0, 0
        whole = entry.filename.lower().endswith((".xml", ".rels")) and not entry.filename.startswith(SHEETS)
        with archive.open(entry) as stream:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                total += len(chunk)
                if total > MOST_EXPANDED:
                    raise _unsafe(f"it unpacks to more than {MOST_EXPANDED // 1_000_000} MB", shown)
                n_tags += chunk.count(b"<") if whole else 0
                if n_tags > MOST_TAGS:
                    raise _unsafe(f"a part beside its sheets has more than {MOST_TAGS:,} tags", shown)
                packed = max(entry.compress_size, 1)
                if (size > RATIO_FROM and size > MOST_RATIO * packed) or (
                    total > RATIO_FROM and total > MOST_RATIO * n_bytes
                ):
                    raise _unsafe(f"it unpacks to more than {MOST_RATIO} times its size", shown)
                try:
                    prolog.feed(chunk)
                except DTDForbidden:
                    message = "an XML part declares a document type, by which entities can be smuggled in"
                    raise _unsafe(message, shown) from None


class _Prolog:
    """What stands before the first element of an XML part; parts that are not XML end it at once."""

    def __init__(self) -> None:
        self.done = False
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._element

    def feed(self, chunk: bytes) -> None:
        """Read on until the first element begins."""
        if self.done:
            return
        try:
            self.parser.Parse(chunk, False)
        except expat.ExpatError:
            # Whoever parses the part meets the same error; nothing before it was a document type.
            self.done = True

    def _doctype(self, name, system_id, public_id, has_internal_subset) -> None:
        raise DTDForbidden(name, system_id, public_id)

    def _element(self, name, attributes) -> None:
        self.done = True


def _unsafe(what: str, shown: str) -> DataError:
    message = (
        f"the workbook is refused because {what}, which no honest export needs; open it in a spreadsheet "
        "program that you trust and save the sheet as 'CSV UTF-8'"
    )
    return _refused(message, shown, "unsafe_workbook")


def _refused(message: str, shown: str, rule: str) -> DataError:
    return DataError(Problem(message, shown, None, rule))
