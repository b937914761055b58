"""Reports that stand in folders already: is one the same as a new one, and which is the last release."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ketaoutcomes.report.files import KIND, MANIFEST, csv_text, manifest_text, sha256
from ketaoutcomes.report.report import Report

__all__ = ["differs", "last_release", "read_manifest"]

MOST_BYTES = 20_000_000
PAGE = "report.html"
# What the manifest says of the formats that are written, and not of the report.
FORMATS_OF = ("files", "formats")


def read_manifest(folder: str | os.PathLike) -> dict | None:
    """The manifest of a report's folder; None where there is no report."""
    path = Path(folder) / MANIFEST
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
            return None
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("kind") == KIND else None


def differs(report: Report, earlier: Mapping) -> bool:
    """Whether a report differs from one that is written in more than its formats.

    Parameters
    ----------
    report : Report
    earlier : mapping
        Manifest of the one that is written.
    """
    new, old = (
        {name: part for name, part in manifest.items() if name not in FORMATS_OF}
        for manifest in (json.loads(manifest_text(dict(report.manifest))), earlier)
    )
    if new != old:
        return True
    files = earlier.get("files", {})
    if PAGE in files:
        return files[PAGE] != sha256(report.html.encode())
    tables = {f"tables/{name}.csv": table for name, table in report.tables.items()}
    shared = tables.keys() & files.keys()
    return any(files[name] != sha256(csv_text(tables[name]).encode()) for name in shared)


def last_release(
    folder: str | os.PathLike, *, month: str | None, name: str | None, out: str | os.PathLike
) -> Path | None:
    """The folder of the newest report of the same cohort and an earlier month; one with small counts is none.

    Parameters
    ----------
    folder : path
        Holds the folders of releases.
    month : str or None
        Month of the new report, "YYYY-MM"; where no months are kept there is no earlier one.
    name : str or None
        The cohort's, as in the manifest.
    out : path
        Where the new report goes; what stands there is not an earlier one.
    """
    if month is None or not Path(folder).is_dir():
        return None
    found = []
    for path in sorted(Path(folder).iterdir()):
        # Names that begin with a dot are what a killed run has left.
        if path.name.startswith(".") or not path.is_dir() or os.path.realpath(path) == os.path.realpath(out):
            continue
        manifest = read_manifest(path) or {}
        settings, cohort = manifest.get("settings"), manifest.get("cohort")
        if not isinstance(settings, dict) or not isinstance(cohort, dict):
            continue
        before = settings.get("month")
        is_shown = settings.get("small_cells") == "show"
        if isinstance(before, str) and before < month and cohort.get("name") == name and not is_shown:
            found.append((before, path))
    # Of two of one month the first by name, so that the choice does not depend on the file system.
    return max(found, key=lambda one: one[0])[1] if found else None
