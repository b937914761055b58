"""A cohort's tables in the form in which they are written and read again to the same values."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.date_shift import shifted_dates
from ketaoutcomes.cohort.schema import ITEM, TABLES

__all__ = ["hour_columns", "tables_to_write"]

CLOCK = ("hour", "hour_low", "hour_high")
HALF_A_DAY = 12.0
# Hours are whole seconds, and are read as such again from so many decimals.
DECIMALS = 6
# Whole numbers up to here are the same as floats and as integers.
MOST_WHOLE = 2.0**53


def hour_columns(table: str, frame: pd.DataFrame, *, dated: bool) -> pd.DataFrame:
    """Return a cohort's table with hours, and bounds where they are not exact, as they are read from a file.

    Parameters
    ----------
    table : str
    frame : DataFrame
    dated : bool
        Noon of its day stands for a first session without a clock time, which then
        lies half a day to either side; else its day begins with hour 0.
    """
    out = _without_derived(table, frame)
    if "hour" not in out.columns:
        return out
    low, high = out["hour_low"].to_numpy(float), out["hour_high"].to_numpy(float)
    exact = ~(high > low)
    low, high = np.where(exact, np.nan, low), np.where(exact, np.nan, high)
    if "clock_known" in frame.columns:
        vague = exact & ~frame["clock_known"].fillna(True).to_numpy(bool)
        low[vague], high[vague] = (-HALF_A_DAY, HALF_A_DAY) if dated else (0.0, 2 * HALF_A_DAY)
    clock = {"hour": out["hour"].to_numpy(float), "hour_low": low, "hour_high": high}
    out = out.assign(**{name: np.round(hours, DECIMALS) for name, hours in clock.items()})
    return out.drop(columns=["hour_low", "hour_high"]) if np.isnan(low).all() else out


def tables_to_write(
    tables: Mapping[str, pd.DataFrame],
    *,
    months: bool,
    dated: Collection[str] = (),
    origin: np.ndarray | None = None,
    shift_days: np.ndarray | None = None,
) -> dict[str, pd.DataFrame]:
    """Return tables as they are written: hours, or shifted dates, and every other column as it is.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Of a cohort.
    months : bool
        Keep the calendar month.
    dated : collection of str
        Tables that hold dates.
    origin, shift_days : (n_patients,) arrays, optional
        As in `shifted_dates`; hours are written without a shift.
    """
    out = {}
    for name, frame in tables.items():
        if shift_days is not None and name in dated:
            moved = shifted_dates(frame, origin, shift_days)
            made = _without_derived(name, frame)
            made.insert(list(made.columns).index("hour"), TABLES[name].date, moved)
            made = made.drop(columns=list(CLOCK))
        else:
            made = hour_columns(name, frame, dated=name in dated or "month" in frame.columns)
        if not months:
            made = made.drop(columns="month", errors="ignore")
        out[name] = pd.DataFrame({column: _plain(made[column]) for column in made.columns}, copy=False)
    return out


def _without_derived(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    gone = [column.name for column in TABLES[table].columns if column.derived]
    if any(map(ITEM.fullmatch, frame.columns)):
        # Counted anew from the items.
        gone.append("n_missing_items")
    return frame.drop(columns=gone, errors="ignore")


def _plain(column: pd.Series) -> pd.Series:
    """Return categories as text and whole numbers as integers."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype("str")
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy(float, na_value=np.nan)
        known = values[~np.isnan(values)]
        if (known == np.floor(known)).all() and (np.abs(known) < MOST_WHOLE).all():
            return column.astype("Int64")
    return column
