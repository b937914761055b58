"""A cohort's folder: which tables are in it, and their cells as they stand in the files."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ketaoutcomes.cohort.csv_text import RawTable, read_csv
from ketaoutcomes.cohort.import_record import RECORD
from ketaoutcomes.cohort.parquet_cells import OF_COHORT, OF_EXPORT, read_parquet
from ketaoutcomes.cohort.privacy import scan_name
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import FILE_NAME, Settings
from ketaoutcomes.errors import DataError, Problem, printable

__all__ = ["Contents", "find_tables", "folder_path", "read_table"]

ENDINGS = (".csv", ".tsv", ".parquet")
UNSAFE = (".pkl", ".pickle", ".joblib", ".npy", ".npz", ".rds", ".rdata")
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
# Files that may stand beside the tables and are nothing to wonder about.
BESIDE = (
    *(FILE_NAME, RECORD, "deidentification.json", "uniqueness.csv", "truth.json"),
    *("readme", "readme.md", "readme.txt", "licence", "license"),
)


@dataclass(frozen=True)
class Contents:
    """What a folder holds.

    Parameters
    ----------
    paths : mapping of str to Path
        The file of each table.
    problems, notes : tuple of Problem
    """

    paths: Mapping[str, Path]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def folder_path(folder: str | Path) -> Path:
    """Return the path of a folder, which need not exist.

    Raises
    ------
    DataError
        If it is no path at all.
    """
    if not isinstance(folder, str | os.PathLike):
        raise DataError(f"folder must be a path, as text or Path, and not of type {type(folder).__name__}")
    return Path(folder)


def find_tables(folder: Path) -> Contents:
    """Return the files of the tables in a folder. Names come from the fixed list of tables only."""
    if not folder.is_dir():
        return Contents({}, (_no_folder(folder),), ())
    paths: dict[str, Path] = {}
    problems, others = [], []
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError:
        return Contents({}, (_problem("unreadable"),), ())
    for path in entries:
        name, ending = path.stem.lower(), path.suffix.lower()
        if name in TABLES and ending in UNSAFE:
            problems.append(_problem("unsafe_file", name))
        elif name in TABLES and ending in SPREADSHEETS:
            problems.append(_problem("spreadsheet_file", name))
        elif name in TABLES and ending in ENDINGS:
            if not stat.S_ISREG(path.lstat().st_mode):
                problems.append(_problem("not_regular_file", name))
            elif name in paths:
                problems.append(_problem("two_files", name))
            else:
                paths[name] = path
        elif path.name.lower() not in BESIDE and not path.name.startswith("."):
            others.append(path)
    told = {problem.table for problem in problems}
    for table in TABLES.values():
        if table.required and table.name not in paths and table.name not in told:
            problems.append(
                _problem(
                    "missing_table",
                    table.name,
                    f"the table '{table.name}' is needed: "
                    f"no {table.name}.csv and no {table.name}.parquet in the folder",
                )
            )
    return Contents(paths, tuple(problems), _about_others(others))


def read_table(path: Path, table: str, settings: Settings, *, columns=None) -> RawTable:
    """Return a file's cells: CSV as text, Parquet as stored.

    Parameters
    ----------
    columns : callable, optional
        Told a column's name, says whether to read it; for Parquet only.

    Raises
    ------
    DataError
        If the file cannot be read as what its name says. No cell is told.
    """
    try:
        # Opened once, without following a link, and looked at through the descriptor.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        raise DataError(_problem("unreadable", table)) from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError(_problem("not_regular_file", table))
        try:
            if path.suffix.lower() == ".parquet":
                # The table of a cohort has its file's name; anything else is an export.
                limits = OF_COHORT if path.stem.lower() == table else OF_EXPORT
                return read_parquet(file, table, columns, limits=limits)
            data = file.read()
        except MemoryError:
            raise DataError(_problem("too_large", table)) from None
        except OSError:
            raise DataError(_problem("unreadable", table)) from None
    if not data.strip():
        raise DataError(_problem("empty_file", table))
    return read_csv(data, settings, table=table)


def _about_others(others: list[Path]) -> tuple[Problem, ...]:
    """Tell of files that are no table; by name only if nearly a table's, since it may name a person."""
    notes, rest = [], 0
    for path in others:
        near = difflib.get_close_matches(path.stem.lower(), list(TABLES), n=1, cutoff=0.75)
        if near and path.suffix.lower() in ENDINGS + SPREADSHEETS and not scan_name("file", path.name):
            meant = f"{near[0]}{path.suffix.lower()}"
            message = f"a file whose name is like '{near[0]}' was not read; did you mean '{meant}'?"
            notes.append(Problem(message, near[0], rule="unknown_file"))
        else:
            rest += 1
    if rest:
        files = "file or folder that is" if rest == 1 else "files or folders that are"
        notes.append(
            Problem(
                f"{rest} {files} not one of the tables ({', '.join(TABLES)}) and not read",
                rule="unknown_file",
            )
        )
    return tuple(notes)


def _no_folder(folder: Path) -> Problem:
    """Return what is wrong with a path that is not a folder's; the name of a file may name a person."""
    if not folder.exists():
        return _problem("no_folder")
    named = "this" if scan_name("file", folder.name) else f"'{printable(folder.name)}'"
    return _problem("not_folder", message=f"{named} is a file; give the folder that holds the tables")


def _problem(
    rule: str, table: str | None = None, message: str | None = None, *, column: str | None = None
) -> Problem:
    return Problem(message or RULES[rule].reason, table, column, rule)
