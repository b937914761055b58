"""`ketaoutcomes notebook`: a notebook run on a clinic's own folder, as a page."""

from __future__ import annotations

import argparse
import errno
import os
import secrets
from pathlib import Path

from ketaoutcomes.cli.say import need_folder, print_json, progress

__all__ = ["run_notebook"]

# Enough to hold the line that says what made a page.
HEAD_BYTES = 2_000


def run_notebook(options: argparse.Namespace) -> int:
    """Write the page, or say which notebooks there are."""
    from ketaoutcomes.report import notebook as runner

    if options.list:
        return _list(options, runner)
    if options.name is None or options.data is None:
        options.usage_error("name a notebook and the --data FOLDER, or ask for the --list")
    path = runner.find_notebook(options.name)
    need_folder(options.data)
    out = Path(options.out) if options.out else Path(f"{path.stem}.html")
    _refuse_place(out, Path(options.data))
    say = progress(options)
    say("loading the library")
    from ketaoutcomes.cohort.read import load_cohort

    say("reading the tables")
    cohort = load_cohort(options.data)
    page = runner.run_notebook(path, options.data, progress=say)
    say("writing")
    _write(out, page.encode())
    say(None)
    if options.json:
        print_json({"page": str(out), "notebook": path.stem, "fingerprint": cohort.fingerprint})
    elif not options.quiet:
        print(f"Ran {path.stem} on {cohort.n_patients:,} patients. For use inside the clinic.")
        print(f"Open {out}")
    return 0


def _list(options: argparse.Namespace, runner) -> int:
    found = {name: runner.title_of(path) for name, path in runner.notebooks().items()}
    if options.json:
        print_json(found)
    else:
        width = max(map(len, found), default=0)
        print("\n".join(f"{name:<{width}}  {title}" for name, title in found.items()))
    return 0


def _refuse_place(out: Path, data: Path) -> None:
    """Refuse a place where something of somebody else's would be lost."""
    if out.is_symlink():
        raise FileExistsError(errno.EEXIST, "is a link; name the file itself", out.name)
    if Path(os.path.realpath(data)) in Path(os.path.realpath(out)).parents:
        message = "lies in the folder of the data, into which nothing is written; name another place"
        raise PermissionError(errno.EPERM, message, out.name)
    if out.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file for the page", out.name)
    if out.exists() and b'content="ketaoutcomes notebook"' not in out.read_bytes()[:HEAD_BYTES]:
        message = "is there already and is no page of a notebook; name another file, or remove it"
        raise FileExistsError(errno.EEXIST, message, out.name)


def _write(out: Path, content: bytes) -> None:
    """Write a file whole or not at all; its owner alone can read it, since it may describe patients."""
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = out.parent / f".{out.name}.ketaoutcomes-{secrets.token_hex(8)}.new"
    try:
        with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, out)
    finally:
        staged.unlink(missing_ok=True)
