"""What every command does alike: progress on a terminal, results as JSON, a missing path named."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["clear_line", "need_folder", "need_path", "print_json", "progress", "records"]


def need_folder(folder: str) -> None:
    """Name a missing folder as the user typed it, before anything slow is loaded."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(2, "is not a folder", folder)


def need_path(path: str) -> None:
    """Name a missing file or folder as the user typed it."""
    if not Path(path).exists() and not Path(path).is_symlink():
        raise FileNotFoundError(2, "is not a file or folder", path)


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
    print(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False))


def clear_line() -> None:
    """Take away what `progress` left on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
