"""An export's file, opened with care: no link, no pipe, nothing that can run code."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from ketaoutcomes.cohort.files import UNSAFE
from ketaoutcomes.cohort.privacy import scan_name
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.errors import DataError, Problem

__all__ = ["MOST_BYTES", "export_path", "hold_to_plain", "read_plain_file", "shown_name"]

MOST_BYTES = 1_000_000_000
SAVE_AS = "save it as .xlsx or as 'CSV UTF-8'"
# First bytes of formats that run code when they are loaded, or hide what they hold.
PICKLE = re.compile(rb"\x80[\x02-\x05]|\x93NUMPY|RD[AX][23]\n|\x89HDF")
PACKED = re.compile(
    rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|Rar!|7z\xbc\xaf|\x78[\x01\x5e\x9c\xda]|\x5d\x00\x00"
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = b"PK\x03\x04"


def export_path(file: str | Path) -> Path:
    """Return the path of an export.

    Raises
    ------
    DataError
        If it is no path, or there is nothing.
    """
    if not isinstance(file, str | os.PathLike):
        raise DataError(f"file must be a path, as text or Path, and not of type {type(file).__name__}")
    path = Path(file)
    try:
        path.lstat()
    except (OSError, ValueError):
        raise DataError(
            Problem("there is no such file or folder", shown_name(path), None, "unreadable")
        ) from None
    return path


def shown_name(path: Path, what: str = "the file") -> str:
    """Return what to call a file in messages: its name, or `what` if the name may name a person."""
    return what if scan_name("file", path.name) or not path.name.isprintable() else path.name


def read_plain_file(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """Return a file's bytes. It is opened once, without following a link.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that it may have.

    Raises
    ------
    DataError
        If it is a link, a folder or a device, cannot be opened, is larger than `most`,
        or is a pickled or packed file by its name or its first bytes.
    """
    shown = shown_name(path)
    if path.suffix.lower() in UNSAFE:
        raise DataError(_problem("unsafe_file", shown))
    try:
        # Looked at before it is opened: opening a pipe would wait for ever.
        regular = stat.S_ISREG(path.lstat().st_mode)
        if not regular:
            raise DataError(_problem("not_regular_file", shown))
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as opened:
            about = os.fstat(opened.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise DataError(_problem("not_regular_file", shown))
            data = opened.read(most + 1) if about.st_size <= most else None
    except (OSError, ValueError):
        raise DataError(_problem("unreadable", shown)) from None
    if data is None or len(data) > most:
        message = f"the file is larger than the {most // 1_000_000:,} MB that can be read safely; split it"
        raise DataError(Problem(message, shown, None, "too_large"))
    if not data.strip():
        raise DataError(_problem("empty_file", shown))
    hold_to_plain(data, shown)
    return data


def hold_to_plain(data: bytes, shown: str) -> None:
    """Refuse bytes that are a pickled or packed file, whatever their name says.

    Raises
    ------
    DataError
    """
    if PICKLE.match(data):
        raise DataError(_problem("unsafe_file", shown))
    if PACKED.match(data):
        message = (
            "the file is compressed or pickled, whatever its name says, and is refused; unpack it, or save "
            "the table as CSV or Parquet"
        )
        raise DataError(Problem(message, shown, None, "unsafe_file"))


def _problem(rule: str, shown: str) -> Problem:
    return Problem(RULES[rule].reason, shown, None, rule)
