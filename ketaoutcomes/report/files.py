"""Writing a report: the manifest, and a folder that is replaced whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from ketaoutcomes.cohort.csv_write import csv_text
from ketaoutcomes.cohort.folder_write import replace_folder

__all__ = ["csv_text", "manifest_text", "save_folder", "sha256"]

MANIFEST = "manifest.json"
KIND = "ketaoutcomes report"


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
    return replace_folder(folder, files, is_own=_is_report, what="report")


def _is_report(folder: Path) -> bool:
    """Whether a folder holds an earlier report."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == KIND
