"""SAS transport files to cells of text: version 5 by pandas, version 8 by pyreadstat."""

from __future__ import annotations

import io
import os
import stat
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.values import text
from ketaoutcomes.errors import DataError, Problem

__all__ = ["read_xpt"]

VERSION_5, VERSION_8 = b"HEADER RECORD*******LIBRARY HEADER RECORD", b"HEADER RECORD*******LIBV8"
MEMBERS = (
    b"HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!",
    b"HEADER RECORD*******MEMBV8  HEADER RECORD!!!!!!!",
)
RECORD = 80
DAMAGED = "is no SAS transport file, or a damaged one (truncated or changed); export it again"
SEVERAL = "holds several data sets; write each into a file of its own"
NEEDS = (
    "is a SAS transport file of version 8, for which pyreadstat is needed: pip install pyreadstat "
    "(or export it as version 5 or as CSV)"
)


def read_xpt(path: Path, label: str, settings: Settings) -> RawTable:
    """Return the cells of a SAS transport file as text.

    Parameters
    ----------
    label : str
        By which the file is told.

    Raises
    ------
    DataError
        If it is none, is damaged, holds several data sets, or needs a library that is not there.
    """
    data = _bytes(path, label)
    if not data.strip():
        raise _error(RULES["empty_file"].reason, label, "empty_file")
    if len(data) % RECORD or not data.startswith((VERSION_5, VERSION_8)):
        raise _error(DAMAGED, label)
    if sum(data.count(header) for header in MEMBERS) > 1:
        raise _error(SEVERAL, label)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = _version_5(data) if data.startswith(VERSION_5) else _version_8(path, settings)
    except ImportError:
        raise _error(NEEDS, label, "no_library") from None
    except Exception:
        # A parser that meets damaged bytes may fail in any way, and its words may repeat a cell.
        raise _error(DAMAGED, label) from None
    try:
        columns = {place: _cells(frame.iloc[:, place], settings) for place in range(frame.shape[1])}
    except UnicodeDecodeError:
        raise _error(RULES["encoding"].reason, label, "encoding") from None
    return RawTable(
        pd.DataFrame(columns, index=range(len(frame))).set_axis(frame.columns.astype("str"), axis=1)
    )


def _bytes(path: Path, label: str) -> bytes:
    """Return a file's bytes, opened once and without following a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _error(RULES["not_regular_file"].reason, label, "not_regular_file")
            return file.read()
    except OSError:
        raise _error(RULES["unreadable"].reason, label, "unreadable") from None


def _version_5(data: bytes) -> pd.DataFrame:
    """Return the data set, text as bytes and the rest as floats."""
    reader = pd.read_sas(io.BytesIO(data), format="xport", iterator=True)
    n_left = (len(data) - reader.record_start) % reader.record_length
    if data[len(data) - n_left :].strip():
        # What is left after the last whole row is blanks that fill the record; anything else was cut off.
        raise ValueError("cut off")
    if reader.nobs == 0:
        return pd.DataFrame({name: pd.Series([], dtype="str") for name in reader.columns})
    return reader.read()


def _version_8(path: Path, settings: Settings) -> pd.DataFrame:
    import pyreadstat

    encoding = {"encoding": settings.encoding} if settings.encoding else {}
    return pyreadstat.read_xport(str(path), disable_datetime_conversion=True, **encoding)[0]


def _cells(column: pd.Series, settings: Settings) -> pd.Series:
    """Return cells as text; bytes in the declared encoding."""
    if column.dtype != object:
        return text(column)
    codes, levels = pd.factorize(column, use_na_sentinel=True)
    read = [
        level.decode(settings.encoding or "utf-8") if isinstance(level, bytes) else str(level)
        for level in levels
    ]
    return pd.Series(pd.array([*read, None], dtype="str").take(np.asarray(codes)))


def _error(message: str, label: str, rule: str = "bad_xpt") -> DataError:
    return DataError(Problem(message, label, rule=rule))
