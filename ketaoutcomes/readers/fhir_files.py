"""Files of FHIR resources, one resource at a time: a Bundle, lines of NDJSON, or a folder of those.

A file is opened once, without following a link, and never unpacked. A line or
an entry that cannot be used is named by its number and a rule; a file that
cannot be told apart at all is refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.fhir_bundle import Broken, Entry, bundle_entries, entry_of
from ketaoutcomes.readers.fhir_json import Flaw, Parser, items, obj, too_deep
from ketaoutcomes.readers.rules import RULES

__all__ = ["LINES", "Files", "open_files"]

MOST_LINES_BYTES, MOST_BUNDLE_BYTES = 2 << 30, 1 << 30
LONGEST_LINE = 64 << 20
FIRST_LOOK = 1 << 20
LINES = (".ndjson", ".jsonl")
BOM = b"\xef\xbb\xbf"
# How gzip, zip, bzip2 and zstd begin.
PACKED = (b"\x1f\x8b", b"PK", b"BZh", b"\x28\xb5\x2f\xfd")
WHAT = "FHIR"


@dataclass
class Files:
    """The entries of an export, which can be gone through once.

    Parameters
    ----------
    entries : iterator of Entry
    unit : {"lines", "entries"}
    several : bool
        From a folder, so that numbers of lines do not say which file.
    notes : list of str
        What else was found; complete when the entries have been gone through.
    """

    entries: Iterator[Entry]
    unit: str
    several: bool
    notes: list[str]


def open_files(source: str | Path) -> Files:
    """Return the entries of a file or folder.

    Raises
    ------
    DataError
        Here or while the entries are read: if a file is no regular file, is packed, too large, no JSON,
        nested too deep, or no Bundle.
    """
    if not isinstance(source, str | os.PathLike):
        raise DataError(f"source must be a path, as text or Path, and not of type {type(source).__name__}")
    path, notes = Path(source), []
    if path.is_dir():
        return Files(_folder(path, notes), "lines", True, notes)
    file = _opened(path)
    lines = path.suffix.lower() in LINES or _looks_like_lines(file)
    file.seek(0)
    entries = _lines(file) if lines else _bundle(file, notes)
    return Files(entries, "lines" if lines else "entries", False, notes)


def _folder(path: Path, notes: list[str]) -> Iterator[Entry]:
    try:
        entries = sorted(path.iterdir(), key=lambda one: one.name)
    except OSError:
        entries = None
    if entries is None:
        raise _refused("unreadable")
    if any(one.suffix.lower() in (".gz", ".zip", ".bz2", ".zst") for one in entries):
        raise _refused("packed_file")
    chosen = [one for one in entries if one.suffix.lower() in LINES]
    if not chosen:
        raise _refused("no_ndjson")
    others = sum(1 for one in entries if one not in chosen and not one.name.startswith("."))
    if others:
        notes.append(f"{others} other files or folders beside the .ndjson files were not read")
    for one in chosen:
        yield from _lines(_opened(one))


def _opened(path: Path) -> BinaryIO:
    """Open a regular file that is neither empty nor packed."""
    # The system's own error holds the path, which may name a person: nothing is raised while it is handled.
    try:
        rule = None if stat.S_ISREG(os.lstat(path).st_mode) else "not_regular_file"
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        descriptor = None if rule else os.open(path, flags)
    except (OSError, ValueError):
        rule = "unreadable"
    if rule:
        raise _refused(rule)
    file = os.fdopen(descriptor, "rb")
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        rule = "not_regular_file"
    elif found.st_size == 0:
        rule = "empty_file"
    elif found.st_size > MOST_LINES_BYTES:
        rule = "fhir_too_large"
    else:
        head = file.read(16)
        file.seek(0)
        bare = head.removeprefix(BOM).lstrip()
        if head.startswith(PACKED):
            rule = "packed_file"
        elif head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head:
            rule = "not_text"
        elif bare.startswith(b"<"):
            rule = "fhir_xml"
    if rule:
        file.close()
        raise _refused(rule)
    return file


def _looks_like_lines(file: BinaryIO) -> bool:
    """Whether the first line is a whole resource other than a Bundle."""
    first = file.readline(FIRST_LOOK).removeprefix(BOM)
    entry = _entry_of_line(1, first, Parser())
    return entry.resource is not None and entry.resource.get("resourceType") != "Bundle"


def _lines(file: BinaryIO) -> Iterator[Entry]:
    """Yield the resources of an NDJSON file; blank lines are passed over."""
    parser, number = Parser(), 0
    with file:
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(BOM)
            if len(line) > LONGEST_LINE:
                while line and not line.endswith(b"\n"):
                    line = file.readline(LONGEST_LINE)
                yield Entry(number, None, rule="line_too_long")
            elif line.strip():
                yield _entry_of_line(number, line, parser)


def _entry_of_line(number: int, line: bytes, parser: Parser) -> Entry:
    if too_deep(line):
        return Entry(number, None, rule="too_deep")
    try:
        return entry_of(number, parser.whole(line.decode("utf-8")), None)
    except UnicodeDecodeError:
        return Entry(number, None, rule="not_utf8")
    except Flaw as flaw:
        return Entry(number, None, rule=flaw.rule)


def _bundle(file: BinaryIO, notes: list[str]) -> Iterator[Entry]:
    """Yield the resources of a Bundle, one entry after the other."""
    with file:
        if os.fstat(file.fileno()).st_size > MOST_BUNDLE_BYTES:
            raise _refused("fhir_too_large")
        data = file.read(MOST_BUNDLE_BYTES)
    if too_deep(data):
        raise _refused("too_deep")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        text = None
    if text is None:
        raise _refused("not_utf8", f"line {line}")
    del data
    rule, place = None, 0
    parser = Parser()
    try:
        head = yield from bundle_entries(text, parser)
    except Broken as broken:
        rule, place = broken.rule, broken.place
    if rule:
        raise _refused(rule, f"line {text.count(chr(10), 0, place) + 1}")
    if head.get("resourceType") != "Bundle":
        raise _refused("not_a_bundle")
    if head.get("type") == "history":
        raise _refused("history_bundle")
    if any(obj(link).get("relation") == "next" for link in items(head.get("link"))):
        notes.append("the Bundle says that there are further pages, which are not in this file")


def _refused(rule: str, where: str | None = None) -> DataError:
    """Return the error for a file that cannot be read; its name is not told, since it may name a person."""
    reason = RULES[rule].reason
    return DataError(Problem(f"{reason} ({where})" if where else reason, WHAT, rule=rule))
