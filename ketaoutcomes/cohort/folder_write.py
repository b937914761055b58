"""A folder that is written whole or not at all.

It is written beside its target under a temporary name, forced to the disk, and then put in place.
Where the system can exchange two names in one step (Linux, `renameat2`), a reader and a power cut
see either the earlier folder or the new one, whole. Elsewhere the earlier one is moved aside, the
new one moved in, and the earlier one deleted; a run that is killed between the first two leaves the
earlier folder under its aside name, and the next run puts it back.

What is there already, to the byte, is left as it is: the same input twice changes no file.

Names beside the target hold a word of ours and sixteen random digits, so that no folder of anybody
else is ever taken for one of these.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such lock on this system; two runs at once are then the caller's care
    fcntl = None

from ketaoutcomes.errors import BusyError

__all__ = ["content_digest", "only_run", "replace_folder"]

AT_FDCWD = -100
RENAME_EXCHANGE = 2
MARK = "ketaoutcomes"


def replace_folder(
    folder: str | os.PathLike,
    files: Mapping[str, bytes],
    *,
    is_own: Callable[[Path], bool],
    what: str,
    mode: int = 0o777,
) -> Path:
    """Write `files` (name within the folder -> content) as the whole content of `folder`.

    Parameters
    ----------
    folder : path
        A new folder, an empty one, or an earlier one of the same kind.
    files : mapping of str to bytes
    is_own : callable
        Told a folder that is not empty, says whether it is of the same kind and may be replaced.
    what : str
        What is written, for messages, e.g. "report".
    mode : int
        Permissions of a new folder, before the process's mask.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BusyError
        If another run is writing `folder`.
    FileExistsError
        If `folder` holds something else.
    OSError
        If the files cannot be written; an earlier folder is then still whole.
    """
    target = Path(os.path.realpath(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_writer(target, what):
        _recover(target, is_own)
        _refuse_foreign(target, is_own, what)
        if _holds(target, files, mode):
            return target
        staged = _beside(target, "new")
        try:
            _write_all(staged, files, mode)
            _put_in_place(staged, target)
        finally:
            # After an exchange the staged name holds the earlier folder; after an error, half a one.
            shutil.rmtree(staged, ignore_errors=True)
    return target


def content_digest(folder: str | os.PathLike) -> str | None:
    """SHA-256 of a folder's file names and contents; None where there is no folder or no file in it."""
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not files:
        return None
    whole = hashlib.sha256()
    for path in files:
        whole.update(os.fsencode(path.relative_to(folder).as_posix()) + b"\0")
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


@contextmanager
def only_run(place: str | os.PathLike, what: str) -> Iterator[None]:
    """Be the only run that makes what is to stand at `place`, from before it is made until it is written.

    The lock is the system's own, on a file beside `place`: it ends with the process, however that ends,
    so that no run is kept out by one that is dead. Folders that had to be made for the file go again where
    nothing was written into them.

    Parameters
    ----------
    place : path
        The folder to be written; where its name is not known yet, any name that such runs share.
    what : str
        What is made, for the message, e.g. "report".

    Raises
    ------
    BusyError
        If another run has it.
    OSError
        If the folder of `place` cannot be made or written.
    """
    place = Path(os.path.realpath(place))
    made = [folder for folder in place.parents if not folder.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _held(place, f"{MARK}-run", f"another run is making this {what}; it is left to it"):
            yield
    finally:
        for folder in made:
            try:
                folder.rmdir()
            except OSError:
                break


@contextmanager
def _only_writer(target: Path, what: str) -> Iterator[None]:
    """Hold the target's lock while it is replaced."""
    with _held(target, MARK, f"another run is writing this {what}; wait for it to end"):
        yield


@contextmanager
def _held(target: Path, mark: str, message: str) -> Iterator[None]:
    """Hold a lock of the target's; the system lets go of it when the process dies."""
    if fcntl is None:
        yield
        return
    path = target.parent / f".{target.name}.{mark}.lock"
    while True:
        # Whoever made the folder may have taken it away again, empty.
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BusyError(errno.EEXIST, message, target.name) from None
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


def _beside(target: Path, ending: str) -> Path:
    """Return a name beside the target that nobody has."""
    return target.parent / f".{target.name}.{MARK}-{secrets.token_hex(8)}.{ending}"


def _recover(target: Path, is_own: Callable[[Path], bool] | None = None) -> None:
    """Undo what a killed run left: put the earlier folder back if it stands aside, clear the rest.

    Parameters
    ----------
    target : Path
    is_own : callable, optional
        Whether a folder under the names of before there were marks is ours; all are when absent.
    """
    marked = re.compile(rf"\.{re.escape(target.name)}\.{MARK}-[0-9a-f]{{16}}\.(new|old)")
    plain = {f".{target.name}.new", f".{target.name}.old"}
    leftovers = [
        path
        for path in sorted(target.parent.iterdir())
        if (marked.fullmatch(path.name) or path.name in plain) and path.is_dir() and not path.is_symlink()
    ]
    leftovers = [path for path in leftovers if path.name not in plain or is_own is None or is_own(path)]
    for path in leftovers:
        if path.name.endswith(".old") and not target.exists():
            os.rename(path, target)
            _sync(target.parent)
        else:
            shutil.rmtree(path)


def _refuse_foreign(target: Path, is_own: Callable[[Path], bool], what: str) -> None:
    """Raise unless `target` is absent, empty, or an earlier one of its kind."""
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError(errno.EEXIST, f"is a file; name a folder for the {what}", target.name)
    if any(target.iterdir()) and not is_own(target):
        message = f"holds other files and is not a {what} of ketaoutcomes; name a new or empty folder"
        raise FileExistsError(errno.EEXIST, message, target.name)


def _holds(target: Path, files: Mapping[str, bytes], mode: int) -> bool:
    """Whether `target` holds these files with this content, nothing else, and is open to no more people."""
    if not target.exists() or stat.S_IMODE(target.stat().st_mode) & 0o777 & ~mode:
        return False
    found = {path.relative_to(target).as_posix(): path for path in target.rglob("*")}
    folders = {folder.as_posix() for name in files for folder in Path(name).parents} - {"."}
    if set(found) != {*files, *folders} or any(path.is_symlink() for path in found.values()):
        return False
    if not all(found[name].is_file() and found[name].stat().st_size == len(files[name]) for name in files):
        return False
    return all(found[name].read_bytes() == content for name, content in files.items())


def _write_all(staged: Path, files: Mapping[str, bytes], mode: int) -> None:
    """Write every file and force it, and the names, to the disk."""
    staged.mkdir(mode=mode)
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
        aside = _beside(target, "old")
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
