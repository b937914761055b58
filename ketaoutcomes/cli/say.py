"""What every command does alike: progress on a terminal, results as JSON, a missing path named."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

from ketaoutcomes.errors import printable

__all__ = [
    "PlainOutput",
    "clear_line",
    "need_folder",
    "need_path",
    "note",
    "print_json",
    "progress",
    "records",
]


def need_folder(folder: str) -> None:
    """Name a missing folder as the user typed it, before anything slow is loaded."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(2, "is not a folder", printable(folder))


def need_path(path: str) -> None:
    """Name a missing file or folder as the user typed it."""
    if not Path(path).exists() and not Path(path).is_symlink():
        raise FileNotFoundError(2, "is not a file or folder", printable(path))


class PlainOutput(io.TextIOBase):
    """Standard output through which no sign passes that a terminal acts upon: they are written as numbers.

    Names out of a file come by many ways; this is the last place that all of them pass.

    Parameters
    ----------
    stream : text file
    """

    def __init__(self, stream):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text; only ends of lines and tabs stay as they are."""
        self.stream.write(printable(text, keep="\n\t"))
        return len(text)

    def flush(self) -> None:
        """Pass on what is held back."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether a person reads."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor beneath."""
        return self.stream.fileno()


def progress(options: argparse.Namespace) -> Callable[[str | None], None]:
    """A function that shows one step at a time on a terminal; None clears the line."""
    if options.quiet or not sys.stderr.isatty():
        return lambda step: None

    def say(step: str | None) -> None:
        sys.stderr.write(f"\r\033[K{step} …" if step else "\r\033[K")
        sys.stderr.flush()

    return say


def records(frame) -> list[dict]:
    """A table as a list of rows for JSON."""
    return json.loads(frame.to_json(orient="records"))


def print_json(content: dict) -> None:
    """Print a result as JSON."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    # JSON has no short form for the number of a sign that is not seen and has more than four digits.
    if any(ord(sign) > 0xFFFF and not sign.isprintable() for sign in text):
        text = json.dumps(content, indent=2, sort_keys=True)
    print(text)


def note(text: str) -> None:
    """Say on standard error what somebody must know, also of a quiet run, whose log is mailed."""
    clear_line()
    print(f"ketaoutcomes: {printable(text)}", file=sys.stderr)


def clear_line() -> None:
    """Take away what `progress` left on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
