"""Dates of SDTM (--DTC): ISO 8601 with parts that may be missing, as what they leave possible.

"2014-07-02T11:45" is an instant and "2014-07-02" a day; "2014-07", "2014---15" (the
month is unknown) and "2014-07-01/2014-07-05" (between the two) leave several days possible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import read_dates
from ketaoutcomes.cohort.settings import Settings

__all__ = ["UNREADABLE", "Moments", "minutes_of", "read_date_text", "read_moments"]

# What stands in place of a cell that is no date: the cohort sets the row aside, and not the whole export.
UNREADABLE = "?"
PART = r"(?:[0-9]{2}|-|UNK|UN|XX|)"
FORM = re.compile(
    rf"(?P<year>[0-9]{{4}}|-)(?:-(?P<month>{PART})(?:-(?P<day>{PART})(?:[T ](?P<clock>.*))?)?)?"
)
CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2}|-)(?::(?P<minute>[0-9]{2}|-)(?::(?P<second>[0-9]{2}(?:[.,][0-9]+)?|-))?)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<weeks>[0-9]+(?:[.,][0-9]+)?)W|(?:(?P<days>[0-9]+(?:[.,][0-9]+)?)D)?"
    r"(?:T(?:(?P<hours>[0-9]+(?:[.,][0-9]+)?)H)?(?:(?P<minutes>[0-9]+(?:[.,][0-9]+)?)M)?"
    r"(?:(?P<seconds>[0-9]+(?:[.,][0-9]+)?)S)?)?)"
)
MINUTES = {"weeks": 10_080.0, "days": 1_440.0, "hours": 60.0, "minutes": 1.0, "seconds": 1 / 60}
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Moments:
    """A column of dates, read.

    Parameters
    ----------
    text : (n,) Series of str
        As the cohort reads dates: to the minute, to the day, or partial; `UNREADABLE`
        for what is no date, "" where there is none.
    hour : (n,) float array
        Hours since 1970 (UTC) of what is known to the clock time, else missing.
    first_day, last_day : (n,) float arrays
        Days since 1970 between which the date lies, both included, in local time;
        infinite where the year is not known, missing where there is no date.
    whole : (n,) bool array
        The day is known.
    """

    text: pd.Series
    hour: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray
    whole: np.ndarray

    @property
    def missing(self) -> np.ndarray:
        """Mark the empty cells; bool."""
        return (self.text == "").to_numpy(bool)

    @property
    def unreadable(self) -> np.ndarray:
        """Mark the cells that are no date; bool."""
        return (self.text == UNREADABLE).to_numpy(bool)

    @property
    def partial(self) -> np.ndarray:
        """Mark the dates of which not even the day is known; bool."""
        return ~self.whole & ~self.missing & ~self.unreadable

    @property
    def clocked(self) -> np.ndarray:
        """Mark the dates known to the clock time; bool."""
        return ~np.isnan(self.hour)


def read_moments(column: pd.Series, settings: Settings) -> Moments:
    """Return a column of --DTC, cells without surrounding blanks, as `Moments`.

    Clock times of which the minute is unknown count as days. Without a time zone in
    the settings, clock times are compared as if in UTC.
    """
    codes, text, first, last = _parsed(column)
    whole = first == last
    hour = _hours(text.where(pd.Series(whole & text.str.contains(":").to_numpy(bool))), settings)
    return Moments(_taken(text, codes), hour[codes], first[codes], last[codes], whole[codes])


def read_date_text(column: pd.Series) -> pd.Series:
    """Return a column of --DTC as the cohort reads dates; as `Moments.text`."""
    codes, text, _, _ = _parsed(column)
    return _taken(text, codes)


def _taken(text: pd.Series, codes: np.ndarray) -> pd.Series:
    return pd.Series(text.array.take(codes) if len(text) else pd.array([], dtype="str"))


def _parsed(column: pd.Series) -> tuple[np.ndarray, pd.Series, np.ndarray, np.ndarray]:
    """Return each cell's place among the distinct ones, and of those the text and the first and last day."""
    codes, levels = pd.factorize(column.fillna(""))
    read = [_read(str(level)) for level in levels]
    text = pd.Series(pd.array([one[0] for one in read], dtype="str"))
    first = _days([one[1] for one in read], -np.inf)
    last = _days([one[2] for one in read], np.inf)
    wrong = ((np.isnan(first) | np.isnan(last) | (first > last)) & (text != "")).to_numpy(bool)
    text = text.mask(pd.Series(wrong), UNREADABLE)
    first[wrong] = last[wrong] = np.nan
    return codes, text, first, last


def minutes_of(column: pd.Series) -> np.ndarray:
    """Return ISO 8601 durations (PT40M, -PT15M, P1DT2H) as minutes; missing for anything else."""
    codes, levels = pd.factorize(column.fillna(""))
    minutes = np.array([_minutes(str(level)) for level in levels], dtype=float)
    return minutes[codes] if len(levels) else np.zeros(0)


def _minutes(text: str) -> float:
    found = DURATION.fullmatch(text.upper())
    parts = {} if found is None else {name: found[name] for name in MINUTES if found[name]}
    if not parts:
        return float("nan")
    total = sum(float(value.replace(",", ".")) * MINUTES[name] for name, value in parts.items())
    return -total if found["sign"] == "-" else total


def _read(text: str) -> tuple[str, str, str]:
    """Return a date as the cohort reads it, and the first and last day it may be ("-" for any)."""
    if not text:
        return "", "", ""
    if text.count("/") == 1:
        (_, first, day), (_, after, last) = (_read(part) for part in text.split("/"))
        same = first and first == day == after == last
        return (first if same else _as_partial(first)), first, last
    found = FORM.fullmatch(text)
    if found is None:
        return UNREADABLE, "", ""
    year, month, day = (_digits(found[name]) for name in ("year", "month", "day"))
    clock = found["clock"]
    timed = CLOCK.fullmatch(clock) if clock else None
    if clock is not None and timed is None:
        return UNREADABLE, "", ""
    if not year:
        # The cohort knows no date without a year; any partial form will do for its rule.
        return "0000", "-", "-"
    first = f"{year}-{month or '01'}-{day or '01'}"
    last = f"{year}-{month or '12'}-{day or _last_day(year, month or '12')}"
    if not (month and day):
        return (f"{year}-{month}" if month else year), first, last
    return first + _clock(timed), first, last


def _as_partial(first: str) -> str:
    return "0000" if first in ("", "-") else first[:7]


def _digits(part: str | None) -> str:
    return part if part and part.isdecimal() else ""


def _clock(found: re.Match | None) -> str:
    """Return a clock time that is known to the minute, "" for any other."""
    if found is None or not (_digits(found["hour"]) and _digits(found["minute"])):
        return ""
    second = found["second"]
    second = f":{second}" if second and second != "-" else ""
    return f"T{found['hour']:0>2}:{found['minute']}{second}{found['offset'] or ''}"


def _last_day(year: str, month: str) -> str:
    try:
        following = np.datetime64(f"{year}-{month}", "M") + 1
    except ValueError:
        return "99"
    return str(following.astype("datetime64[D]") - DAY)[8:]


def _days(texts: list[str], unknown: float) -> np.ndarray:
    """Return days since 1970, `unknown` for "-"; missing for what is no day."""
    given = pd.Series(texts, dtype="str")
    read = pd.to_datetime(given.where(given.str.len() == 10), format="%Y-%m-%d", errors="coerce")
    days = np.array((read - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1), dtype=float)
    days[(given == "-").to_numpy(bool)] = unknown
    return days


def _hours(clocked: pd.Series, settings: Settings) -> np.ndarray:
    """Return the instants of clock times in hours since 1970 (UTC); missing where there is none."""
    if clocked.isna().all():
        return np.full(len(clocked), np.nan)
    zone = Settings(deidentification="limited-data-set", timezone=settings.timezone or "UTC")
    times = read_dates(clocked, zone)
    # Where all clock times are midnight, they are days to the cohort too.
    return np.where(times.high <= times.low, times.hour, np.nan)
