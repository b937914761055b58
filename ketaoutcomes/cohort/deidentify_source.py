"""What is to be de-identified: a folder's or a cohort's tables, under normal names and before any check."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.columns import lost_ids
from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.deidentify_tables import hour_columns
from ketaoutcomes.cohort.files import find_tables, folder_path, read_table
from ketaoutcomes.cohort.header_hints import normal_name
from ketaoutcomes.cohort.ids import id_text
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import Settings, read_settings
from ketaoutcomes.errors import DataError, Problem

__all__ = ["Source", "TableAsRead", "all_ids", "open_source"]


@dataclass(frozen=True, repr=False)
class TableAsRead:
    """One table of the source.

    Parameters
    ----------
    raw : RawTable
        Its cells, under normal column names.
    headers : dict of str to (str, int)
        Each column's header as written, and its position in the file, from 1.
    lost_ids : list of str
        Whose rows could not be put into columns.
    n_unnamed : int
        Columns without a name that had cells, and were dropped.
    """

    raw: RawTable
    headers: dict[str, tuple[str, int]]
    lost_ids: tuple[str, ...]
    n_unnamed: int = 0


@dataclass(frozen=True, repr=False)
class Source:
    """Tables and settings as they came.

    Parameters
    ----------
    tables : mapping of str to TableAsRead
    settings : Settings
    parquet : bool
        All tables are Parquet files.
    folder : Path or None
    from_dates : bool
        Hours of a cohort that were made from dates.
    """

    tables: Mapping[str, TableAsRead]
    settings: Settings
    parquet: bool = False
    folder: Path | None = None
    from_dates: bool = False


def open_source(source: str | Path | Cohort) -> Source:
    """Return the tables of a folder, or of a cohort.

    Raises
    ------
    DataError
        Everything for which the source cannot be read, at once.
    ConfigError
        If its `cohort.toml` cannot be used.
    """
    if isinstance(source, Cohort):
        return _of_cohort(source)
    folder = folder_path(source)
    if os.path.islink(folder):
        raise DataError("the source is a link; name the folder itself")
    contents = find_tables(folder)
    settings = read_settings(folder) if folder.is_dir() else Settings()
    problems, tables = list(contents.problems), {}
    for name, path in contents.paths.items():
        try:
            tables[name] = _named(name, read_table(path, name, settings))
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    parquet = all(path.suffix.lower() == ".parquet" for path in contents.paths.values())
    return Source(tables, settings, parquet, folder)


def _of_cohort(cohort: Cohort) -> Source:
    tables = {}
    for name, frame in cohort.tables.items():
        if name in cohort.present:
            frame = hour_columns(name, frame, dated="month" in frame.columns)
            headers = {column: (column, place) for place, column in enumerate(frame.columns, 1)}
            tables[name] = TableAsRead(RawTable(frame), headers, ())
    from_dates = any("month" in frame.columns for frame in cohort.tables.values())
    # Of shifted dates no month is kept; where clocks never change, nothing is told.
    return Source(tables, cohort.settings, from_dates=from_dates or cohort.settings.dates_shifted)


def _named(table: str, raw: RawTable) -> TableAsRead:
    """Return a table under normal names, without columns that have none."""
    written = [str(header) for header in raw.frame.columns]
    names = [normal_name(header) for header in written]
    headers, keep, problems, n_unnamed = {}, [], [], 0
    for place, name in enumerate(names):
        if name == "":
            n_unnamed += bool((id_text(raw.frame.iloc[:, place]).fillna("").str.strip() != "").any())
        elif name in headers:
            message = f"{RULES['duplicate_header'].reason} (column number {place + 1})"
            problems.append(Problem(message, table, rule="duplicate_header"))
        else:
            headers[name] = (written[place], place + 1)
            keep.append(place)
    if problems:
        raise DataError(problems)
    frame = raw.frame.iloc[:, keep].set_axis(list(headers), axis=1)
    lost = tuple(lost_ids(raw, written))
    return TableAsRead(replace(raw, frame=frame.reset_index(drop=True), lost=()), headers, lost, n_unnamed)


def all_ids(source: Source, column: str) -> pd.Series:
    """Return all distinct cells of an id column of any table, without blanks around them."""
    parts = [
        id_text(table.raw.frame[column]).str.strip().drop_duplicates()
        for name, table in source.tables.items()
        if column in table.raw.frame.columns and column in TABLES[name].names
    ]
    every = pd.concat(parts, ignore_index=True) if parts else pd.Series([], dtype="str")
    return every[every.notna() & (every != "")].drop_duplicates()
