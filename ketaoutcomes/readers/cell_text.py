"""Typed cells of workbooks, statistical files and Parquet as the text that a person would have typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pandas as pd

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.values import text as plain_text

__all__ = ["MOST_SIGNS", "CellWriter", "column_text", "has_clock"]

MOST_SIGNS = 32_767
WHOLE = 1e16  # from here on, numbers are written with an exponent
# What a number format writes as it stands: quoted or escaped text, padding, colours and locales.
LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
CLOCK = re.compile(r"[hs]|am/pm|a/p", re.IGNORECASE)
CLOCK_CODES = ("%H", "%I", "%M", "%S", "%p", "%T", "%R")


def has_clock(number_format: str | None) -> bool:
    """Whether a number format shows a clock time: yyyy-mm-dd hh:mm does, d mmmm yyyy does not."""
    return bool(number_format) and CLOCK.search(LITERAL.sub("", number_format.split(";")[0])) is not None


@dataclass(frozen=True)
class CellWriter:
    """How typed cells are written.

    Parameters
    ----------
    decimal : {".", ","}
        The decimal mark that the cohort declares, so that numbers stored as numbers
        and numbers stored as text are read in one way.
    date_format : str, optional
        The format that the cohort declares for dates, for the same reason; ISO when absent.
    """

    decimal: str = "."
    date_format: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> CellWriter:
        """Return the writer for a cohort's settings."""
        return cls(settings.decimal or ".", settings.date_format)

    def number(self, value: int | float) -> str | None:
        """Return a number as text, whole ones without ".0"; None if it is not finite."""
        if isinstance(value, int):
            return str(value)
        if value != value or value in (float("inf"), float("-inf")):
            return None
        if value.is_integer() and abs(value) < WHOLE:
            return str(int(value))
        text = repr(value)
        return text if self.decimal == "." else text.replace(".", self.decimal)

    def moment(self, value: date | datetime, *, clock: bool) -> str:
        """Return a date, with its clock time if it has one or `clock` says that midnight is meant."""
        timed = isinstance(value, datetime)
        clock = timed and (clock or value.time() != time(0))
        if self.date_format is None:
            if not clock:
                return value.date().isoformat() if timed else value.isoformat()
            return value.isoformat(sep=" ")
        if any(code in self.date_format for code in CLOCK_CODES):
            return value.strftime(self.date_format)
        text = value.strftime(self.date_format)
        return f"{text} {value.strftime('%H:%M:%S')}" if clock else text

    def clock(self, value: time | timedelta) -> str:
        """Return a time of day as HH:MM:SS; a length of time as hours, minutes and seconds."""
        if isinstance(value, time):
            return value.isoformat()
        seconds = round(value.total_seconds())
        sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
        return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def column_text(column: pd.Series, writer: CellWriter) -> pd.Series:
    """Return a typed column as text; blank cells are missing."""
    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = column_text(pd.Series(column.cat.categories), writer)
        return pd.Series(levels.array.take(column.cat.codes.to_numpy(), allow_fill=True))
    if pd.api.types.is_bool_dtype(column.dtype):
        return plain_text(column)
    if pd.api.types.is_numeric_dtype(column.dtype):
        if column.dtype == "float32":
            # The digits that it was written with, and not those of its nearest float of 64 bits.
            column = column.astype("str").astype("float64")
        out = plain_text(column)
        return out if writer.decimal == "." else out.str.replace(".", writer.decimal, regex=False)
    if column.dtype == "str":
        return column.where(column.str.strip() != "")
    cells = [_cell(value, writer) for value in column.astype(object)]
    return pd.Series(pd.array(cells, dtype="str"))


def _cell(value: object, writer: CellWriter) -> str | None:
    """Return one cell of a column of dates, times or mixed values."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        return writer.moment(value, clock=True)
    if isinstance(value, date):
        return writer.moment(value, clock=False)
    if isinstance(value, time | timedelta):
        return writer.clock(value)
    if isinstance(value, int | float):
        return writer.number(value)
    return str(value) if str(value).strip() else None
