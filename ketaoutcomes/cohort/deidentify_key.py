"""The key: which code stands for which patient and clinic, in a file of its own that only its owner reads."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ketaoutcomes.errors import DataError

__all__ = ["Key", "extend", "kept_key", "read_key"]

HEADER = ["kind", "original", "code", "shift_days"]
N_DIGITS = 7
PREFIX = {"patient": "K", "clinic": "C"}
CODE = {kind: re.compile(f"{prefix}[0-9]{{{N_DIGITS}}}") for kind, prefix in PREFIX.items()}
WEEKS = 52
PRIVATE = 0o600


@dataclass(frozen=True, repr=False)
class Key:
    """Codes by what they stand for. Its printed form holds none of them.

    Parameters
    ----------
    patients : dict of str to str
        Code of each patient id.
    clinics : dict of str to str
        Code of each clinic as first spelled.
    shifts : dict of str to int
        Days by which the dates of the patients (by their own ids) are moved, a multiple of 7.
    content : bytes or None
        The file as it was read; None for a key that is new.
    """

    patients: dict[str, str] = field(default_factory=dict)
    clinics: dict[str, str] = field(default_factory=dict)
    shifts: dict[str, int] = field(default_factory=dict)
    content: bytes | None = None

    def __repr__(self) -> str:
        return f"Key({len(self.patients)} patients, {len(self.clinics)} clinics)"


def read_key(path: Path) -> Key:
    """Return the key in a file, or an empty one if there is no such file.

    Raises
    ------
    DataError
        If it is a link or no plain file, belongs to somebody else, can be read by others, or is not a key.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return Key()
    except OSError:
        raise DataError("the key file cannot be opened, or is a link; name the file itself") from None
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise DataError("the key is not a plain file; name another")
        if os.name == "posix":
            if state.st_uid != os.geteuid():
                raise DataError("the key file belongs to another user; copy it to a file of your own")
            if stat.S_IMODE(state.st_mode) & 0o177:
                raise DataError(
                    "the key file can be read by others than its owner; run chmod 600 on it first"
                )
        content = file.read()
    return _parsed(content)


def extend(key: Key, patients: Iterable[str], clinics: Iterable[str], *, shift: bool) -> Key:
    """Return the key with a random code for everybody who has none, and a shift if asked for.

    A code is made from nothing and is nobody's id. Clinics that differ in case or blanks are one.
    """
    patients, clinics = list(dict.fromkeys(patients)), list(dict.fromkeys(clinics))
    taken = {*key.patients, *key.patients.values(), *key.clinics.values(), *patients, *clinics}
    codes, sites, shifts = dict(key.patients), dict(key.clinics), dict(key.shifts)
    known = {spelled_alike(name) for name in sites}
    for original in patients:
        if original not in codes:
            codes[original] = _new_code("patient", taken)
        if shift and original not in shifts:
            days = 7 * (1 + secrets.randbelow(WEEKS))
            shifts[original] = days if secrets.randbelow(2) else -days
    for original in clinics:
        if spelled_alike(original) not in known:
            known.add(spelled_alike(original))
            sites[original] = _new_code("clinic", taken)
    return Key(codes, sites, shifts, key.content)


def spelled_alike(name: str) -> str:
    """Return what clinics are told apart by: their names without case and repeated blanks."""
    return " ".join(name.split()).lower()


@contextmanager
def kept_key(path: Path, key: Key):
    """Write the key, whole or not at all; if what follows fails, the file is as it was before.

    Raises
    ------
    DataError
        If the file cannot be written, or came to be in the meantime.
    """
    content = _text(key).encode("utf-8")
    if content == key.content:
        yield
        return
    if key.content is not None and read_key(path).content != key.content:
        raise DataError("the key file was changed while this ran; run again, and it is extended")
    _put(path, content, exclusive=key.content is None)
    try:
        yield
    except BaseException:
        if key.content is None:
            path.unlink(missing_ok=True)
        else:
            _put(path, key.content, exclusive=False)
        raise


def _new_code(kind: str, taken: set[str]) -> str:
    while True:
        code = f"{PREFIX[kind]}{secrets.randbelow(10**N_DIGITS):0{N_DIGITS}d}"
        if code not in taken:
            taken.add(code)
            return code


def _text(key: Key) -> str:
    """Return the file's text; ids stand as they are, for they must be found again."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(HEADER)
    for original, code in key.patients.items():
        writer.writerow(["patient", original, code, key.shifts.get(original, "")])
    for original, code in key.clinics.items():
        writer.writerow(["clinic", original, code, ""])
    return buffer.getvalue()


def _put(path: Path, content: bytes, *, exclusive: bool) -> None:
    """Write a file of mode 600 under a temporary name, and give it its own in one step."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not exclusive or not _linked(staged, path):
            os.replace(staged, path)
    except FileExistsError:
        raise DataError("the key file came to be while this ran; run again, and it is extended") from None
    except OSError:
        raise DataError("the key file cannot be written; give key= a folder that can be written to") from None
    finally:
        with suppress(OSError):
            os.unlink(staged)


def _linked(staged: Path, path: Path) -> bool:
    """Give a file a name that must not be taken; where there are no links, only claim the name."""
    try:
        os.link(staged, path)
    except FileExistsError:
        raise
    except OSError:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        return False
    return True


def _parsed(content: bytes) -> Key:
    """Return the key that a file's content says, or refuse it; no cell is told."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise DataError("the key file is not the CSV that deidentify wrote") from None
    if not rows or rows[0] != HEADER:
        raise DataError(
            f"the key file is not one that deidentify wrote: its columns must be {', '.join(HEADER)}"
        )
    found: Mapping[str, dict[str, str]] = {kind: {} for kind in PREFIX}
    shifts: dict[str, int] = {}
    for number, row in enumerate(rows[1:], 2):
        kind, original, code, shift = row if len(row) == len(HEADER) else ("", "", "", "")
        good = kind in PREFIX and original != "" and CODE[kind].fullmatch(code)
        good = good and original not in found[kind] and (shift == "" or _is_shift(shift))
        if not good:
            raise DataError(f"the key file is damaged: row {number} is not a new code of a patient or clinic")
        found[kind][original] = code
        if shift and kind == "patient":
            shifts[original] = int(shift)
    codes = [*found["patient"].values(), *found["clinic"].values()]
    if len(set(codes)) < len(codes):
        raise DataError("the key file is damaged: a code stands for more than one patient or clinic")
    return Key(found["patient"], found["clinic"], shifts, content)


def _is_shift(text: str) -> bool:
    if not re.fullmatch(r"-?[0-9]{1,3}", text):
        return False
    return int(text) % 7 == 0 and 7 <= abs(int(text)) <= 7 * WEEKS
