"""The one door: files or frames in, a checked cohort out, or one error that lists every problem."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.build import Build, build
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.columns import wants
from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.files import find_tables, folder_path, read_table
from ketaoutcomes.cohort.import_record import read_record
from ketaoutcomes.cohort.privacy import scan_name, scan_settings
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import Settings, make_settings, read_settings
from ketaoutcomes.errors import DataError, PrivacyError, Problem

__all__ = ["assemble", "examine", "load_cohort"]


def load_cohort(folder: str | Path, columns: Collection[str] | None = None) -> Cohort:
    """Return the cohort in a folder of CSV or Parquet tables and an optional `cohort.toml`.

    Everything is checked before anything is returned: rows that break a rule are
    set aside and counted (`cohort.quarantine`), implausible cells are set to
    missing and counted (`cohort.blanked`), and what cannot be used at all is told
    in one error. `check(folder)` tells the same without raising.

    Parameters
    ----------
    folder : str or Path
    columns : collection of str, optional
        Names of the further columns to keep as covariates; all when absent. The
        others are dropped unread: only their names are looked at for identifiers.

    Raises
    ------
    PrivacyError
        If a column's name or cells look as if they identify people, or dates
        stand in a cohort that is not declared a limited data set. It lists the
        other problems too.
    DataError
        If a table or column is missing or cannot be read.
    ConfigError
        If `cohort.toml` holds an unknown key or value.
    """
    made = examine(folder_path(folder), columns)
    raise_problems(made)
    return made.cohort


def assemble(
    frames: Mapping[str, pd.DataFrame],
    settings: Mapping[str, object] | Settings | None = None,
    *,
    source: str = "frames",
    columns: Collection[str] | None = None,
) -> Cohort:
    """Return the cohort made of frames, under the same checks as a folder's files.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        Tables by name, of text or typed. They are not changed.
    settings : mapping or Settings, optional
        What `cohort.toml` would say.
    source : str
        Name of the cohort's source, for its printed form.
    columns : collection of str, optional
        As in `load_cohort`.

    Raises
    ------
    PrivacyError, DataError, ConfigError
        As in `load_cohort`.
    """
    settings = make_settings(settings or {})
    unknown = [name for name in frames if name not in TABLES]
    if unknown:
        raise DataError(f"{len(unknown)} unknown tables; the tables are {', '.join(TABLES)}")
    raws = {name: RawTable(frame) for name, frame in frames.items()}
    missing = [
        Problem(f"the table '{table.name}' is needed", table.name, rule="missing_table")
        for table in TABLES.values()
        if table.required and table.name not in frames
    ]
    made = build(
        raws,
        settings,
        source=source,
        covariates=_covariates(columns, settings),
        problems=[*scan_settings(settings), *missing],
    )
    raise_problems(made)
    return made.cohort


def examine(folder: Path, columns: Collection[str] | None = None) -> Build:
    """Return all that is found in a folder, the cohort among it if there is one.

    Raises nothing but ConfigError.
    """
    contents = find_tables(folder)
    settings = read_settings(folder) if folder.is_dir() else Settings()
    covariates = _covariates(columns, settings)
    problems, raws = [*contents.problems, *scan_settings(settings)], {}
    for name, path in contents.paths.items():
        try:
            raws[name] = read_table(
                path, name, settings, columns=partial(wants, table=TABLES[name], covariates=covariates)
            )
        except DataError as error:
            problems += error.problems
    found = frozenset(contents.paths)
    source = folder.resolve().name
    source = "folder" if scan_name("folder", source) else source
    made = build(
        raws,
        settings,
        source=source,
        covariates=covariates,
        problems=problems,
        notes=contents.notes,
        present=found,
    )
    if made.cohort is None:
        return made
    sources, unmapped = read_record(folder)
    return replace(made, cohort=replace(made.cohort, sources=sources, unmapped=unmapped))


def raise_problems(made: Build) -> None:
    """Raise all problems for which a cohort is refused as one error; what concerns privacy comes first."""
    if not made.problems:
        return
    private = [problem for problem in made.problems if (problem.rule or "").startswith("identifier")]
    if private:
        raise PrivacyError([*private, *(problem for problem in made.problems if problem not in private)])
    raise DataError(made.problems)


def _covariates(columns: Collection[str] | None, settings: Settings) -> Collection[str] | None:
    if isinstance(columns, str):
        columns = [columns]
    return settings.covariates if columns is None else tuple(columns)
