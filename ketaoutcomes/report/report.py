"""A finished report: one page, its tables, and the record of how they were made."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import pandas as pd
from markupsafe import escape

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.files import MANIFEST, csv_text, manifest_text, save_folder, sha256
from ketaoutcomes.report.machine import document, json_text
from ketaoutcomes.report.parts import Page, Section

__all__ = ["FORMATS", "Report", "finished"]


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
        Versions, fingerprint, definitions, settings; saved, also the SHA-256 of each file.
    html : str
        The page, self-contained.
    page : Page
        The parts that every format is made of.
    further : callable, optional
        From the report to further files of its kind by name, e.g. tables for a manuscript.

    Attributes
    ----------
    pdf : bytes
        The page on A4 sheets; made when first asked for, and once.
    json : str
        The report for programs; docs/report_json.md says what stands where.
    xlsx : bytes
        The tables as a workbook.
    """

    title: str
    month: str | None
    sections: tuple[Section, ...]
    tables: Mapping[str, pd.DataFrame]
    manifest: Mapping
    html: str
    page: Page
    further: Callable[[Report], Mapping[str, bytes]] | None = None

    @cached_property
    def pdf(self) -> bytes:
        # Only here: a report that is never printed loads no typesetter.
        from ketaoutcomes.report.pdf import render_pdf

        return render_pdf(self.page)

    @cached_property
    def json(self) -> str:
        return json_text(
            document(
                title=self.title,
                month=self.month,
                page=self.page,
                tables=self.tables,
                manifest=self.manifest,
            )
        )

    @cached_property
    def xlsx(self) -> bytes:
        # Only here: a report whose tables nobody opens in a spreadsheet need not load its writer.
        from ketaoutcomes.report.workbook import workbook_bytes

        about = [("title", self.title), ("month", self.month or "all months")]
        about += [("note", banner) for banner in self.page.masthead.banners]
        about.append(("input, SHA-256", str(self.manifest["cohort"]["fingerprint"])))
        about.append(("software", f"ketaoutcomes {self.manifest['versions']['ketaoutcomes']}"))
        return workbook_bytes(self.tables, about=about)

    def save(self, folder: str | os.PathLike, formats: Sequence[str] | None = None) -> Path:
        """Write the report to `folder`, which is replaced whole.

        Parameters
        ----------
        folder : path
            A new folder, an empty one, or one that holds an earlier report.
        formats : sequence of {"html", "pdf", "csv", "json", "xlsx"}, optional
            All by default: report.html, report.pdf, tables/*.csv, report.json, tables.xlsx. The
            manifest, with the SHA-256 of every other file, is always written, and so are a cohort
            report's manuscript.html and manuscript.docx.

        Raises
        ------
        ConfigError
            If a format is not known or none is named.
        FileExistsError
            If `folder` holds something that is not a report, or another run is writing it.
        OSError
            If it cannot be written; an earlier report is then still whole.
        """
        chosen = _chosen(formats)
        files = {name: body for format_name in chosen for name, body in _WRITERS[format_name](self).items()}
        if self.further is not None:
            files |= self.further(self)
        hashes = {name: sha256(body) for name, body in files.items()}
        files[MANIFEST] = manifest_text({**self.manifest, "files": hashes}).encode()
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
    page: Page,
    further: Callable[[Report], Mapping[str, bytes]] | None = None,
) -> Report:
    """The report, with what kind of thing it is in its manifest."""
    manifest = MappingProxyType({"kind": "ketaoutcomes report", **record})
    return Report(title, month, sections, MappingProxyType(dict(tables)), manifest, html, page, further)


def _tables_as_csv(report: Report) -> dict[str, bytes]:
    return {f"tables/{name}.csv": csv_text(report.tables[name]).encode() for name in sorted(report.tables)}


_WRITERS: Mapping[str, Callable[[Report], dict[str, bytes]]] = MappingProxyType(
    {
        "html": lambda report: {"report.html": report.html.encode()},
        "pdf": lambda report: {"report.pdf": report.pdf},
        "csv": _tables_as_csv,
        "json": lambda report: {"report.json": report.json.encode()},
        "xlsx": lambda report: {"tables.xlsx": report.xlsx},
    }
)
FORMATS = tuple(_WRITERS)


def _chosen(formats: Sequence[str] | None) -> list[str]:
    """The formats asked for, each once and in our order."""
    if formats is None:
        return list(FORMATS)
    asked = [formats] if isinstance(formats, str) else list(formats)
    known = ", ".join(FORMATS)
    for name in asked:
        if name not in FORMATS:
            raise ConfigError(f"unknown format {str(name)[:20]!r}; a report can be written as {known}")
    if not asked:
        raise ConfigError(f"no format is named; a report can be written as {known}")
    return [name for name in FORMATS if name in asked]
