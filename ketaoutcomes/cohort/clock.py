"""Times to hours: one clock per patient, which starts with the first session.

Inside, a time is hours since 1970 (UTC) if it was given as a date, and hours
since the first session otherwise; `Times` keeps both kinds alike. A time known
only to the day is an interval [low, high) and never a made-up clock time. Hours
are differences of instants: a day on which clocks change has 23 or 25.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.date_hints import HAS_CLOCK, written_dates, written_with_am_pm
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.values import MISSING, Numbers, Words, text

__all__ = [
    "Times",
    "day_starts",
    "each_once",
    "holds_dates",
    "read_dates",
    "read_days",
    "read_hours",
    "to_seconds",
]

HOURS_PER_DAY = 24.0
SECONDS_PER_HOUR = 3600.0
MOST_HOURS = 438_300.0  # 50 years: beyond it a number is no time since a first session
EPOCH = pd.Timestamp("1970-01-01")
HOUR = pd.Timedelta(hours=1)

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = r"[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
OFFSET = r"( ?[Zz]|[+-][0-9]{2}:?[0-9]{2})"
PARTIAL = r"[0-9]{4}(-[0-9]{2})?(-(-|UNK|UN|XX)?)*"
LOOKS_DATED = (
    r"([0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}|[0-9]{1,2}[ -]?[A-Za-z]{3,9}[ ,-]*[0-9]{2,4}"
    r"|[A-Za-z]{3,9} [0-9]{1,2},? [0-9]{4}|[0-9]{8})([T ,].*)?"
)
# Certainly a date, with four digits or a small year at its end.
DATED = (
    r"([0-9]{4}[/.-][0-9]{1,2}[/.-][0-9]{1,2}|[0-9]{1,2}[/.-][0-9]{1,2}[/.-]([0-9]{4}|[0-9]{2}))([T ,].*)?"
)
# Clock times that may follow a declared date.
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FIRST_YEAR, LAST_YEAR = 1900, 2199
# Spreadsheets count days from 1900 or 1904: these are the years 1954 to 2064.
SERIAL_LOW, SERIAL_HIGH = 20_000.0, 60_000.0


@dataclass(frozen=True)
class Times:
    """A column of times, read.

    Parameters
    ----------
    hour, low, high : (n,) float arrays
        Hours; `low` and `high` bound a time that is known only to the day, and
        equal `hour` otherwise. Missing where there is no time.
    dated : bool
        Hours since 1970 (UTC), not since the first session.
    month : Words, optional
        Calendar month of each time, YYYY-MM, for dates only.
    bad : dict of str to (n,) bool array
        Rows to be set aside, by rule.
    failures : dict of str to (n,) bool array
        Rules for which the file is refused, with the rows that break them.
    hints : dict of str to str
        What to do about a failure, as far as the column itself tells.
    days : (n,) bool array, optional
        Which dates are without a clock time.
    offset : bool
        Some clock times are given with their offset from UTC.
    """

    hour: np.ndarray
    low: np.ndarray
    high: np.ndarray
    dated: bool = False
    month: Words | None = None
    bad: dict[str, np.ndarray] = field(default_factory=dict)
    failures: dict[str, np.ndarray] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    days: np.ndarray | None = None
    offset: bool = False


def to_seconds(hour: np.ndarray) -> np.ndarray:
    """Return hours rounded to the nearest second, so that 4.3 days and 103.2 hours are one time."""
    return np.round(hour * SECONDS_PER_HOUR) / SECONDS_PER_HOUR + 0.0


def each_once(function: Callable, *columns: np.ndarray) -> list:
    """Return the function's value for each column; columns that are one array have one value."""
    made = {id(column): column for column in columns}
    made = {key: function(column) for key, column in made.items()}
    return [made[id(column)] for column in columns]


def read_hours(found: Numbers) -> Times:
    """Return exact times from hours since the first session."""
    hour = to_seconds(found.values)
    return Times(hour, hour, hour, bad=_number_rules(found, MOST_HOURS))


def read_days(found: Numbers) -> Times:
    """Return times from days since the first session.

    A day with a fraction is exact. A whole number says no more than "some time
    in the 24 hours from then".
    """
    hour = to_seconds(found.values * HOURS_PER_DAY)
    whole = found.values == np.floor(found.values)
    high = np.where(whole, hour + HOURS_PER_DAY, hour)
    return Times(hour, hour, high, bad=_number_rules(found, MOST_HOURS / HOURS_PER_DAY))


def _number_rules(found: Numbers, most: float) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore"):
        far = np.abs(found.values) > most
    return {
        "decimal_comma": found.comma,
        "not_a_time": found.bad & ~found.comma,
        "time_range": far,
        "missing_required": np.isnan(found.values) & ~found.bad,
    }


def read_dates(column: pd.Series, settings: Settings) -> Times:
    """Return times from dates, with or without clock times.

    Accepted are YYYY-MM-DD, with a clock time after a blank or a T and perhaps
    an offset from UTC, or the one format that `date_format` declares. If every
    clock time of the column is midnight, the times are taken to be days. Days
    need no time zone; without one they are days in UTC, of 24 hours each.
    """
    n = len(column)
    no_days = np.zeros(n, dtype=bool)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        moment = column.reset_index(drop=True)
        read = _Read(
            moment.dt.tz_localize(None).where(False),
            moment.dt.tz_convert("UTC"),
            moment.dt.tz_localize(None),
            no_days,
        )
        return _combine(read, settings, {"missing_required": moment.isna().to_numpy()})
    if pd.api.types.is_datetime64_dtype(column.dtype):
        naive = column.reset_index(drop=True)
        read = _Read(naive, _no_times(n, "UTC"), _no_times(n), no_days)
        return _combine(read, settings, {"missing_required": naive.isna().to_numpy()})
    cells = text(column)
    missing = (cells.isna() | cells.str.lower().isin(MISSING)).to_numpy(bool)
    bad: dict[str, np.ndarray] = {"missing_required": missing}
    failures, hints = _refusals(cells, missing, settings)
    if failures:
        gone = np.full(n, np.nan)
        return Times(gone, gone, gone, True, None, bad, failures, hints)
    read = _declared(cells, settings.date_format) if settings.date_format else _iso(cells)
    unread = (read.naive.isna() & read.zoned.isna()).to_numpy() & ~missing
    partial = cells.str.fullmatch(PARTIAL).fillna(False).to_numpy(bool)
    bad["partial_date"] = unread & partial
    bad["not_a_time"] = unread & ~partial
    return _combine(read, settings, bad)


@dataclass(frozen=True)
class _Read:
    """Dates as they were written: local times, times with an offset (in UTC, and as written), days only."""

    naive: pd.Series
    zoned: pd.Series
    written: pd.Series
    day_only: np.ndarray


def _no_times(n: int, zone: str | None = None) -> pd.Series:
    return pd.Series(pd.NaT, index=range(n), dtype=f"datetime64[us, {zone}]" if zone else "datetime64[us]")


def holds_dates(column: pd.Series) -> bool:
    """Whether any cell of a further column is a date."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    levels = text(pd.Series(text(column).dropna().unique(), dtype="str"))
    return bool(levels.str.fullmatch(DATED).any())


def _refusals(
    cells: pd.Series, missing: np.ndarray, settings: Settings
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the rules for which a column of dates is refused as a whole, and what to do about them."""
    as_number = pd.to_numeric(cells, errors="coerce").to_numpy(float)
    with np.errstate(invalid="ignore"):
        serial = (as_number >= SERIAL_LOW) & (as_number <= SERIAL_HIGH)
    failures: dict[str, np.ndarray] = {}
    hints: dict[str, str] = {}
    if serial.any():
        failures["excel_date"] = serial
    elif settings.date_format:
        if "%p" not in settings.date_format and _has_clock(settings.date_format):
            failures["am_pm"] = written_with_am_pm(cells).to_numpy(bool)
    else:
        iso = cells.str.match(DATE).fillna(False).to_numpy(bool)
        other = cells.str.fullmatch(LOOKS_DATED).fillna(False).to_numpy(bool) & ~iso & ~missing
        other &= ~cells.str.fullmatch(PARTIAL).fillna(False).to_numpy(bool)
        if other.any():
            rule = "mixed_dates" if iso.any() else "ambiguous_date"
            failures[rule] = other
            # Beside other dates, one format would not fit all.
            hints |= {} if iso.any() else {rule: written_dates(cells[other])}
        else:
            failures["am_pm"] = written_with_am_pm(cells).to_numpy(bool) & iso
    failures = {rule: rows for rule, rows in failures.items() if rows.any()}
    if failures and settings.timezone is None:
        # The other thing that has to be set is told at once, and not only when this is mended.
        clocked = cells.str.fullmatch(HAS_CLOCK).fillna(False).to_numpy(bool)
        clocked = clocked & ~cells.str.fullmatch(f".*:[0-9.,]+{OFFSET}").fillna(False).to_numpy(bool)
        with np.errstate(invalid="ignore"):
            clocked |= serial & (as_number != np.floor(as_number))
        if clocked.any():
            failures["no_timezone"] = clocked
    return failures, hints


def _within_centuries(read: _Read) -> tuple[_Read, np.ndarray]:
    """Return the dates without those of centuries in which nobody was treated, such as 9999-12-31, and those.

    The tables of time zones end within a day of the last year of the calendar.
    """
    far = np.zeros(len(read.naive), dtype=bool)
    for moment in (read.naive, read.zoned):
        far |= (moment.notna() & ~moment.dt.year.between(FIRST_YEAR, LAST_YEAR)).to_numpy(bool)
    if far.any():
        naive, zoned, written = (moment.mask(far) for moment in (read.naive, read.zoned, read.written))
        read = _Read(naive, zoned, written, read.day_only & ~far)
    return read, far


def _has_clock(date_format: str) -> bool:
    return any(code in date_format for code in ("%H", "%I", "%X", "%c"))


def _iso(cells: pd.Series) -> _Read:
    """Read YYYY-MM-DD, with or without a clock time and an offset from UTC."""
    day_only = cells.str.fullmatch(DATE).fillna(False).to_numpy(bool)
    local = day_only | cells.str.fullmatch(DATE + CLOCK).fillna(False).to_numpy(bool)
    offset = cells.str.fullmatch(DATE + CLOCK + OFFSET).fillna(False).to_numpy(bool)
    naive, written, zoned = _no_times(len(cells)), _no_times(len(cells)), _no_times(len(cells), "UTC")
    if local.any():
        naive[local] = pd.to_datetime(cells[local], format="ISO8601", errors="coerce").astype(
            "datetime64[us]"
        )
    if offset.any():
        read = pd.to_datetime(cells[offset].str.upper(), format="ISO8601", errors="coerce", utc=True)
        zoned[offset] = read.astype("datetime64[us, UTC]")
        # The calendar that counts for the month is the one the time is written in.
        days = pd.to_datetime(cells[offset].str.slice(0, 10), format="ISO8601", errors="coerce")
        written[offset] = days.astype("datetime64[us]")
    return _Read(naive, zoned, written, day_only & naive.notna().to_numpy())


def _declared(cells: pd.Series, date_format: str) -> _Read:
    """As `_iso`, for the declared format, which may stand with or without a clock time."""
    naive, written, zoned = _no_times(len(cells)), _no_times(len(cells)), _no_times(len(cells), "UTC")
    if "%z" in date_format:
        read = pd.to_datetime(cells, format=date_format, errors="coerce", utc=True)
        zoned = read.astype("datetime64[us, UTC]")
        return _Read(naive, zoned, zoned.dt.tz_localize(None), np.zeros(len(cells), dtype=bool))
    has_clock = _has_clock(date_format)
    formats = [date_format] if has_clock else [f"{date_format}{clock}" for clock in CLOCKS]
    day_only = np.zeros(len(cells), dtype=bool)
    for form in formats:
        unread = naive.isna()
        naive[unread] = pd.to_datetime(cells[unread], format=form, errors="coerce").astype("datetime64[us]")
        if form == date_format and not has_clock:
            day_only = naive.notna().to_numpy()
    return _Read(naive, zoned, written, day_only)


def _combine(read: _Read, settings: Settings, bad: dict[str, np.ndarray]) -> Times:
    """Put local times and times with offsets together as hours since 1970, UTC."""
    read, far = _within_centuries(read)
    bad["not_a_time"] = bad.get("not_a_time", np.zeros_like(far)) | far
    naive = read.naive
    has_local = naive.notna().to_numpy()
    day_only = read.day_only
    if has_local.any() and bool((naive == naive.dt.normalize()).to_numpy()[has_local].all()):
        day_only = has_local
    if settings.timezone is None and (has_local & ~day_only).any():
        gone = np.full(len(naive), np.nan)
        return Times(gone, gone, gone, True, None, bad, {"no_timezone": has_local & ~day_only})
    timezone = settings.timezone or "UTC"
    hour = _hours(read.zoned.dt.tz_localize(None))
    low, high = hour.copy(), hour.copy()
    clock = has_local & ~day_only
    if clock.any():
        hour[clock], skipped, twice = _local_hours(naive[clock], timezone)
        low[clock] = high[clock] = hour[clock]
        bad["time_skipped"], bad["time_twice"] = np.zeros_like(clock), np.zeros_like(clock)
        bad["time_skipped"][clock], bad["time_twice"][clock] = skipped, twice
    if day_only.any():
        low[day_only] = day_starts(naive[day_only], timezone)
        high[day_only] = day_starts(naive[day_only] + pd.Timedelta(days=1), timezone)
        hour[day_only] = (low[day_only] + high[day_only]) / 2.0
    written = read.written
    if settings.timezone is not None:
        written = read.zoned.dt.tz_convert(settings.timezone).dt.tz_localize(None)
    local = naive.where(has_local, written)
    if settings.data_cut:
        bad["after_data_cut"] = (local.dt.normalize() > pd.Timestamp(settings.data_cut)).to_numpy()
    offset = bool(read.zoned.notna().any())
    if not day_only.any():
        low = high = hour
    return Times(hour, low, high, True, _months(local), bad, days=day_only, offset=offset)


def _hours(moment: pd.Series) -> np.ndarray:
    """Return hours since 1970 of naive times, as differences and not by their stored unit."""
    return np.array((moment - EPOCH) / HOUR, dtype=float)


def _local_hours(naive: pd.Series, timezone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return UTC hours of local times, and which were skipped or happened twice when clocks changed."""
    zoned = naive.dt.tz_localize(timezone, nonexistent="NaT", ambiguous="NaT")
    lost = zoned.isna()
    skipped = (
        lost
        & naive.dt.tz_localize(timezone, nonexistent="NaT", ambiguous=np.ones(len(naive), dtype=bool)).isna()
    )
    hours = _hours(zoned.dt.tz_convert("UTC").dt.tz_localize(None))
    return hours, skipped.to_numpy(), (lost & ~skipped).to_numpy()


def day_starts(naive: pd.Series, timezone: str) -> np.ndarray:
    """Return UTC hours at which local days begin; without a midnight they begin when clocks resume."""
    start = naive.dt.normalize().dt.tz_localize(
        timezone, nonexistent="shift_forward", ambiguous=np.ones(len(naive), dtype=bool)
    )
    return _hours(start.dt.tz_convert("UTC").dt.tz_localize(None))


def _months(local: pd.Series) -> Words:
    """Return the calendar month of local times as words YYYY-MM."""
    month = local.dt.year.to_numpy(float) * 12 + local.dt.month.to_numpy(float) - 1
    known = np.isfinite(month)
    levels, codes = np.unique(month[known].astype(np.int64), return_inverse=True)
    out = np.full(len(local), -1, dtype=np.min_scalar_type(-1 - levels.size))
    out[known] = codes
    return Words(out, tuple(f"{level // 12:04d}-{level % 12 + 1:02d}" for level in levels.tolist()))
