"""SPSS, SAS and Stata files as text: codes as stored, dates in ISO form, user-missing values missing."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.readers.cell_text import CellWriter, column_text
from ketaoutcomes.readers.opening import export_path, read_plain_file, shown_name

__all__ = ["ENDINGS", "StatisticalFile", "read_statistical_file"]

MOST_CELLS = 50_000_000
NEEDED = 'reading SPSS, SAS and Stata files needs pyreadstat: pip install "ketaoutcomes[readers]"'
DAMAGED = (
    "the file cannot be read as what its name says: it is truncated or damaged, of another kind, or holds "
    "dates beyond the year 9999; export it again, or save it as 'CSV UTF-8'"
)


@dataclass(frozen=True)
class _Format:
    """One format: pyreadstat's function, how such a file begins, and whether it has user-missing values."""

    function: str
    begins: re.Pattern[bytes]
    user_missing: bool


_SPSS = _Format("read_sav", re.compile(rb"\$FL[23]"), True)
_FORMATS = {
    ".sav": _SPSS,
    ".zsav": _SPSS,
    ".por": _Format("read_por", re.compile(rb"[\s\S]{0,600}SPSS ?PORT ?FILE", re.IGNORECASE), False),
    ".sas7bdat": _Format("read_sas7bdat", re.compile(rb"\0{12}\xc2\xea\x81\x60"), True),
    ".xpt": _Format("read_xport", re.compile(rb"HEADER RECORD\*{7}LIB"), False),
    ".dta": _Format("read_dta", re.compile(rb"<stata_dta>|[\x68-\x73][\x01\x02]"), True),
}
ENDINGS = tuple(_FORMATS)


@dataclass(frozen=True)
class StatisticalFile:
    """A statistical file's cells.

    Parameters
    ----------
    frame : (n, k) DataFrame
        Cells as text or missing: numbers and codes with all their digits, whole ones
        without ".0"; dates as YYYY-MM-DD, with a clock time where they have one.
    n_user_missing : dict of str to int
        Cells by column that the file declares as missing although they hold a value.
    labelled : tuple of str
        Columns whose codes have labels in the file; the codes are what is read.
    """

    frame: pd.DataFrame
    n_user_missing: dict[str, int]
    labelled: tuple[str, ...]

    def __repr__(self) -> str:
        return f"StatisticalFile({len(self.frame):,} rows, {self.frame.shape[1]:,} columns)"


def read_statistical_file(path: str | Path, *, settings: Settings | None = None) -> StatisticalFile:
    """Return the cells of an SPSS (.sav, .zsav, .por), SAS (.sas7bdat, .xpt) or Stata (.dta) file as text.

    Parameters
    ----------
    path : str or Path
    settings : Settings, optional
        Of which `decimal` and `date_format` count, as in `read_workbook`.

    Raises
    ------
    DataError
        If pyreadstat is not installed, or the file is damaged or of another kind.
    """
    path = export_path(path)
    shown = shown_name(path)
    kind = _FORMATS[path.suffix.lower()]
    data = read_plain_file(path)
    try:
        import pyreadstat
    except ImportError:
        raise DataError(Problem(NEEDED, shown, None, "no_pyreadstat")) from None
    if not kind.begins.match(data):
        raise DataError(Problem(DAMAGED, shown, None, "bad_statistical_file"))
    read = getattr(pyreadstat, kind.function)
    found, about = _read(read, data, shown, {})
    declared: dict[str, int] = {}
    if kind.user_missing:
        # Read once more with the values that the file declares as missing: what is there now was one of them.
        whole, _ = _read(read, data, shown, {"user_missing": True})
        declared = _declared_missing(found, whole)
    writer = CellWriter.of(settings or Settings())
    texts = {place: column_text(found.iloc[:, place], writer) for place in range(found.shape[1])}
    frame = pd.DataFrame(texts, index=range(len(found)), copy=False)
    frame = frame.set_axis([str(name) for name in found.columns], axis=1)
    labelled = tuple(name for name in frame.columns if (about.variable_value_labels or {}).get(name))
    return StatisticalFile(frame, declared, labelled)


def _read(read, data: bytes, shown: str, options: dict) -> tuple[pd.DataFrame, object]:
    """Return what pyreadstat reads; nothing that it says passes, as its messages may hold cells or paths."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _, about = read(io.BytesIO(data), metadataonly=True)
            most = MOST_CELLS // max(int(about.number_columns or 0), 1)
            frame, about = read(io.BytesIO(data), row_limit=most + 1, **options)
        except Exception:
            raise DataError(Problem(DAMAGED, shown, None, "bad_statistical_file")) from None
    if len(frame) > most:
        raise DataError(Problem(RULES["too_large"].reason, shown, None, "too_large"))
    return frame, about


def _declared_missing(found: pd.DataFrame, whole: pd.DataFrame) -> dict[str, int]:
    """Return by column how many cells are missing only because the file declares them so."""
    out = {}
    for place, name in enumerate(found.columns):
        n = int((_filled(whole.iloc[:, place]) & ~_filled(found.iloc[:, place])).sum())
        if n:
            out[str(name)] = n
    return out


def _filled(column: pd.Series) -> np.ndarray:
    filled = column.notna().to_numpy(bool)
    if not pd.api.types.is_numeric_dtype(column.dtype):
        filled = filled & (column != "").to_numpy(bool, na_value=False)
    return filled
