"""A finished report: one page, its tables, and the record of how they were made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pandas as pd
from markupsafe import escape

from ketaoutcomes.report.files import MANIFEST, csv_text, manifest_text, save_folder, sha256
from ketaoutcomes.report.parts import Section

__all__ = ["Report", "finished"]

PAGE_NAME = "report.html"


@dataclass(frozen=True)
class Report:
    """What a report holds; everything in it has passed the disclosure gate.

    Parameters
    ----------
    title : str
    month : str or None
        "YYYY-MM", or None when the cohort keeps no months.
    sections : tuple of Section
        The questions, in the order of the page.
    tables : mapping of str to DataFrame
        Every table behind the page, masked as printed: column `suppressed` is empty where a row is
        shown and holds the reason where it is not.
    manifest : mapping
        Versions, fingerprint, definitions, settings, and the SHA-256 of each file.
    html : str
        The page, self-contained.
    """

    title: str
    month: str | None
    sections: tuple[Section, ...]
    tables: Mapping[str, pd.DataFrame]
    manifest: Mapping
    html: str

    def save(self, folder: str | os.PathLike) -> Path:
        """Write the page, the tables and the manifest to `folder`, which is replaced whole.

        Raises
        ------
        FileExistsError
            If `folder` holds something that is not a report, or another run is writing it.
        OSError
            If it cannot be written; an earlier report is then still whole.
        """
        files = _files(self.html, self.tables)
        files[MANIFEST] = manifest_text(dict(self.manifest)).encode()
        return save_folder(folder, files)

    def __repr__(self) -> str:
        return f"<Report: {self.title}; {len(self.sections)} sections, {len(self.tables)} tables>"

    def _repr_html_(self) -> str:
        # A frame of its own keeps the page's styles from the notebook's; sandboxed, nothing can run.
        return (
            f'<iframe sandbox title="{escape(self.title)}" srcdoc="{escape(self.html)}" '
            'style="width:100%;height:900px;border:1px solid #C3CBD2"></iframe>'
        )


def finished(
    *,
    title: str,
    month: str | None,
    sections: tuple[Section, ...],
    tables: Mapping[str, pd.DataFrame],
    record: Mapping,
    html: str,
) -> Report:
    """The report, with the SHA-256 of each of its files in the manifest."""
    hashes = {name: sha256(content) for name, content in _files(html, tables).items()}
    manifest = {"kind": "ketaoutcomes report", **record, "files": hashes}
    return Report(title, month, sections, MappingProxyType(dict(tables)), MappingProxyType(manifest), html)


def _files(html: str, tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    files = {PAGE_NAME: html.encode()}
    for name in sorted(tables):
        files[f"tables/{name}.csv"] = csv_text(tables[name]).encode()
    return files
