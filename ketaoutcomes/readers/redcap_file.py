"""A CSV file of REDCap's, opened with care: the export or the data dictionary as cells of text."""

from __future__ import annotations

import os
from pathlib import Path

from ketaoutcomes.cohort.csv_text import RawTable, read_csv
from ketaoutcomes.cohort.files import SPREADSHEETS
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.opening import OLE, ZIP, read_plain_file, shown_name

__all__ = ["read_csv_file"]


def read_csv_file(file: str | Path, what: str, settings: Settings) -> RawTable:
    """Return the cells of a CSV file as text, and which rows were ragged.

    Parameters
    ----------
    file : str or Path
        Links, pipes, folders, pickled files and spreadsheets are refused.
    what : str
        What the file is, in words, for messages.
    settings : Settings
        Of which `encoding` and `separator` count.

    Raises
    ------
    DataError
        If the file cannot be read as a CSV file.
    """
    if not isinstance(file, str | os.PathLike):
        raise DataError(f"{what} must be a path, as text or Path, and not of type {type(file).__name__}")
    path = Path(file)
    data = read_plain_file(path)
    shown = shown_name(path, what)
    if path.suffix.lower() in SPREADSHEETS or data.startswith((OLE, ZIP)):
        message = (
            "this is a workbook; export from REDCap as 'CSV', and do not open it in a spreadsheet before"
        )
        raise DataError(Problem(message, shown, None, "spreadsheet_file"))
    if path.suffix.lower() == ".parquet" or data.startswith(b"PAR1"):
        raise DataError(Problem(RULES["not_text"].reason, shown, None, "not_text"))
    return read_csv(data, settings, table=shown)
