"""A cohort's folder as FHIR R4: a Bundle, or lines of NDJSON, that reads back to the same rows.

Standard elements hold what they can; what FHIR has no place for, and cells that
no element may hold (a score of "ten", a time that did not exist), stand in
extensions `urn:ketaoutcomes:column:<name>` with the cell's own text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.files import find_tables, folder_path, read_table
from ketaoutcomes.cohort.header_hints import normal_name
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import Settings, make_settings, read_settings
from ketaoutcomes.cohort.values import text
from ketaoutcomes.errors import DataError
from ketaoutcomes.readers.fhir_files import LINES
from ketaoutcomes.readers.layout_fhir_parts import Written
from ketaoutcomes.readers.layout_fhir_rows import rows_of_table

__all__ = ["write_fhir"]

SERVER = "https://example.invalid/fhir"


def write_fhir(
    source: str | Path | Mapping[str, pd.DataFrame],
    out: str | Path,
    *,
    settings: Mapping[str, object] | Settings | None = None,
) -> Path:
    """Write the tables of a cohort's folder as FHIR resources, row by row and unchecked; return the path.

    Local clock times are written with their offset from UTC, by the time zone of
    the folder; those that a change of clocks skipped or repeated keep their text.

    Parameters
    ----------
    source : str, Path or mapping of str to DataFrame
        A cohort's folder, or its tables by name with cells of text.
    out : str or Path
        A new file: `.json` for a Bundle (type collection), `.ndjson` for one resource per line.
    settings : mapping or Settings, optional
        What `cohort.toml` says, for tables that come without a folder.

    Raises
    ------
    DataError
        If the folder cannot be read, holds rows that do not fit their header, or `out` exists.
    """
    if isinstance(source, Mapping):
        tables, known = dict(source), make_settings(settings or {})
    else:
        tables, known = _tables(folder_path(source))
    path = Path(out)
    lines = path.suffix.lower() in LINES
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            for part in _parts(_resources(tables, known), lines):
                file.write(part)
    except FileExistsError:
        message = "the file to be written is there already; name another or remove it"
    except OSError:
        message = "the file cannot be written; does its folder exist?"
    else:
        return path
    raise DataError(message)


def _tables(folder: Path) -> tuple[dict[str, pd.DataFrame], Settings]:
    contents = find_tables(folder)
    if contents.problems:
        raise DataError(contents.problems)
    settings, tables, torn = read_settings(folder), {}, 0
    for name, path in contents.paths.items():
        raw = read_table(path, name, settings)
        torn += sum(len(rows) for _, rows in raw.unplaced)
        tables[name] = raw.frame
    if torn:
        raise DataError(f"{torn} rows have more or fewer cells than their header, and cannot be written")
    return tables, settings


def _resources(tables: dict[str, pd.DataFrame], settings: Settings) -> Iterator[dict]:
    written = Written(settings)
    for name in TABLES:
        if name in tables:
            frame = tables[name]
            columns = {normal_name(str(column)): text(frame[column]) for column in frame.columns}
            yield from rows_of_table(name, pd.DataFrame(columns), written)


def _parts(resources: Iterator[dict], lines: bool) -> Iterator[str]:
    """Yield the text of the file in parts."""
    if lines:
        for resource in resources:
            yield json.dumps(resource, ensure_ascii=False, separators=(",", ":")) + "\n"
        return
    yield '{"resourceType":"Bundle","type":"collection","entry":['
    for number, resource in enumerate(resources):
        entry = {"fullUrl": f"{SERVER}/{resource['resourceType']}/{resource['id']}", "resource": resource}
        yield (",\n" if number else "\n") + json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    yield "\n]}\n"
