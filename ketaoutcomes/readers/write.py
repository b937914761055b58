"""An export as a cohort's folder: CSV tables, `cohort.toml`, and what became of every row."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.csv_write import csv_text
from ketaoutcomes.cohort.folder_write import replace_folder
from ketaoutcomes.cohort.import_record import RECORD, record_text
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import FILE_NAME, Settings
from ketaoutcomes.cohort.settings_text import settings_text
from ketaoutcomes.readers.export import Accounts, Export

__all__ = ["write_export"]

HEAD = "Written by `ketaoutcomes import`. docs/data.md says what may stand here."


def write_export(export: Export, accounts: Accounts, folder: str | Path) -> Path:
    """Write the tables of an export as the folder of a cohort, whole or not at all.

    Rows that the cohort's rules set aside are written too: `check` lists them.

    Parameters
    ----------
    accounts : Accounts
        What became of the rows, from `account`.
    folder : path
        New, empty, or written by this function before.

    Raises
    ------
    FileExistsError
        If the folder holds something else.
    OSError
        If it cannot be written.
    """
    files = {
        f"{name}.csv": csv_text(_ordered(export.tables[name], name)).encode()
        for name in TABLES
        if name in export.tables
    }
    files[FILE_NAME] = _settings(export.settings).encode()
    files[RECORD] = record_text(accounts.sources, accounts.unmapped).encode()
    return replace_folder(folder, files, is_own=_is_import, what="cohort")


def _settings(settings: Settings) -> str:
    """Return the settings that differ from their defaults as the text of a `cohort.toml`."""
    default = Settings()
    # The tables are written anew, as UTF-8 with commas, whatever the export was.
    chosen = {
        one.name: getattr(settings, one.name)
        for one in fields(Settings)
        if getattr(settings, one.name) != getattr(default, one.name)
        and one.name not in ("encoding", "separator", "side_effect_names")
    }
    return settings_text(
        {"deidentification": settings.deidentification, **chosen, "side_effect_names": settings.effect_words},
        head=HEAD,
    )


def _ordered(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the table with the columns of the data dictionary first, in its order."""
    known = [column for column in TABLES[name].names if column in frame.columns]
    return frame[[*known, *(column for column in frame.columns if column not in known)]]


def _is_import(folder: Path) -> bool:
    """Whether a folder was written by an import, and holds nothing else."""
    own = {RECORD, FILE_NAME, *(f"{name}.csv" for name in TABLES)}
    names = {path.name for path in folder.iterdir()}
    return RECORD in names and names <= own
