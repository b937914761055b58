"""Writing a report: CSV text, the manifest, and a folder that is replaced whole or not at all.

A report is written beside its target under a temporary name, forced to the disk, and then put in
place. Where the system can exchange two names in one step (Linux, `renameat2`), a reader and a
power cut see either the earlier report or the new one, whole. Elsewhere the earlier report is moved
aside, the new one moved in, and the earlier one deleted; a run that is killed between the first two
leaves the earlier report under its aside name, and the next run puts it back.
"""

from __future__ import annotations

import csv
import ctypes
import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

try:
    import fcntl
except ImportError:  # no such lock on this system; two runs at once are then the caller's care
    fcntl = None

__all__ = ["csv_text", "manifest_text", "save_folder", "sha256"]

MANIFEST = "manifest.json"
KIND = "ketaoutcomes report"
# A spreadsheet program runs a cell that begins with one of these (CWE-1236), the wide forms included.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
AT_FDCWD = -100
RENAME_EXCHANGE = 2


def csv_text(frame: pd.DataFrame) -> str:
    """The table as CSV: comma, UTF-8, line feeds, ten significant digits, no live formula.

    Missing is an empty cell. Text that a spreadsheet would run gets an apostrophe in front, unless
    it is a number.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_text(str(column)) for column in frame.columns])
    columns = [_cells(frame[column]) for column in frame.columns]
    writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue()


def _cells(column: pd.Series) -> list[str]:
    """One column's cells as text."""
    return ["" if pd.isna(value) else _cell(value) for value in column.tolist()]


def _cell(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    return _text(str(value))


def _text(value: str) -> str:
    """Text that a spreadsheet program shows and does not run; a bare carriage return would end the row."""
    value = value.replace("\r\n", "\n")
    if not value.startswith(FORMULA_STARTS):
        return value
    try:
        float(value)
    except ValueError:
        value = "'" + value
    return value.replace("\r", "\n").replace("\0", "")


def sha256(content: bytes) -> str:
    """SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def manifest_text(manifest: Mapping) -> str:
    """The manifest as JSON with sorted keys, so that equal content is equal text."""
    return json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def save_folder(folder: str | os.PathLike, files: Mapping[str, bytes]) -> Path:
    """Write `files` (name within the folder -> content) as the whole content of `folder`.

    Parameters
    ----------
    folder : path
        A new folder, an empty one, or one that holds an earlier report.
    files : mapping
        Must contain ``manifest.json``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileExistsError
        If `folder` holds something that is not a report, or another run is writing it.
    OSError
        If the files cannot be written; an earlier report is then still whole.
    """
    target = Path(os.path.realpath(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_writer(target):
        _recover(target)
        _refuse_foreign(target)
        staged = target.parent / f".{target.name}.new"
        try:
            _write_all(staged, files)
            _put_in_place(staged, target)
        finally:
            # After an exchange the staged name holds the earlier report; after an error, half a one.
            shutil.rmtree(staged, ignore_errors=True)
    return target


@contextmanager
def _only_writer(target: Path) -> Iterator[None]:
    """Hold the target's lock; the system lets go of it when the process dies."""
    if fcntl is None:
        yield
        return
    path = target.parent / f".{target.name}.lock"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            message = "another run is writing this report; wait for it to end"
            raise FileExistsError(errno.EEXIST, message, target.name) from None
        # The holder before us removes the file when it ends: then this lock is on no name, so again.
        if _is_same_file(descriptor, path):
            break
        os.close(descriptor)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _recover(target: Path) -> None:
    """Undo what a killed run left: put the earlier report back if it stands aside, clear the rest."""
    aside = target.parent / f".{target.name}.old"
    if aside.is_dir() and not target.exists():
        os.rename(aside, target)
        _sync(target.parent)
    for leftover in (aside, target.parent / f".{target.name}.new"):
        if leftover.is_dir():
            shutil.rmtree(leftover)


def _refuse_foreign(target: Path) -> None:
    """Raise unless `target` is absent, empty, or an earlier report."""
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError(errno.EEXIST, "is a file; name a folder for the report", target.name)
    if not any(target.iterdir()):
        return
    message = "holds other files and is not a report of ketaoutcomes; name a new or empty folder"
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise FileExistsError(errno.EEXIST, message, target.name) from None
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise FileExistsError(errno.EEXIST, message, target.name)


def _write_all(staged: Path, files: Mapping[str, bytes]) -> None:
    """Write every file and force it, and the names, to the disk."""
    staged.mkdir()
    folders = {staged}
    for name, content in files.items():
        path = staged / name
        path.parent.mkdir(parents=True, exist_ok=True)
        folders.add(path.parent)
        with open(path, "xb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
    for folder in sorted(folders, reverse=True):
        _sync(folder)


def _put_in_place(staged: Path, target: Path) -> None:
    """Give `staged` the target's name; afterwards the earlier content, if any, may be deleted."""
    if not target.exists():
        os.rename(staged, target)
    elif not _exchange(staged, target):
        aside = target.parent / f".{target.name}.old"
        os.rename(target, aside)
        os.rename(staged, target)
        _sync(target.parent)
        shutil.rmtree(aside)
    _sync(target.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two names in one step; False where the system or the file system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    done = rename(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE)
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), second.name)


def _sync(folder: Path) -> None:
    """Force a folder's names to the disk, where folders can be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
