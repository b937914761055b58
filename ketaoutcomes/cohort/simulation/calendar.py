"""When the simulated clinics work: weekdays, daytime, one export date.

Hours are counted from the first midnight of the simulated period in standard
time, without daylight saving; the wall clock appears only when dates are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ketaoutcomes.errors import DataError

__all__ = ["Calendar", "draw_calendar", "to_minute", "to_workday"]

# The export is made some days after the period, when the last forms are in.
_DAYS_TO_EXPORT = 8
_CLOSING_HOUR = 17.0


@dataclass(frozen=True)
class Calendar:
    """The period and each patient's place in it.

    Parameters
    ----------
    first_day : numpy.datetime64
        First day of the period.
    start : (n,) float
        Hours from `first_day` to the patient's first session.
    slot : (n,) float
        Time of day at which the patient usually comes, hours.
    cut_hour : (n,) float
        Hours from the first session to the export.
    data_cut : numpy.datetime64
        Last day that the export holds.
    """

    first_day: np.datetime64
    start: np.ndarray
    slot: np.ndarray
    cut_hour: np.ndarray
    data_cut: np.datetime64


def to_minute(hours: np.ndarray) -> np.ndarray:
    """Hours rounded to whole minutes."""
    return np.round(hours * 60.0) / 60.0


def _weekday(first_day: np.datetime64, days: np.ndarray) -> np.ndarray:
    """0 for Monday to 6 for Sunday, `days` after the first day of the period."""
    # 1970-01-01, day 0 of numpy's calendar, was a Thursday.
    return (first_day.astype("datetime64[D]").astype(int) + days.astype(int) + 3) % 7


def draw_calendar(
    n: int, random: Mapping[str, np.random.Generator], *, months: int, last_month: str
) -> Calendar:
    """Spread first sessions evenly over the Mondays and Wednesdays of the period.

    Parameters
    ----------
    n : int
    random : mapping
        Stream "calendar" is used.
    months : int
        Length of the period.
    last_month : str
        "YYYY-MM", the last month of the period.

    Raises
    ------
    DataError
        If `months` is below 2 or `last_month` is not a month.
    """
    if months < 2:
        raise DataError("simulate: months is below 2; a course of induction would not fit")
    try:
        end = np.datetime64(last_month, "M") + 1
    except ValueError as error:
        raise DataError('simulate: last_month is not of the form "YYYY-MM"') from error
    first_day = (end - months).astype("datetime64[D]")
    n_days = int((end.astype("datetime64[D]") - first_day).astype(int))
    rng = random["calendar"]
    all_days = np.arange(n_days)
    weekday = _weekday(first_day, all_days)
    weight = np.where(weekday == 0, 0.65, np.where(weekday == 2, 0.35, 0.0))
    day = rng.choice(all_days, n, p=weight / weight.sum())
    slot = rng.uniform(7.5, 15.5, n)
    start = to_minute(24.0 * day + slot)
    cut = 24.0 * (n_days + _DAYS_TO_EXPORT - 1) + _CLOSING_HOUR - start
    return Calendar(first_day, start, slot, cut, end.astype("datetime64[D]") + _DAYS_TO_EXPORT - 1)


def to_workday(calendar: Calendar, rows: np.ndarray, hours: np.ndarray, jitter: np.ndarray) -> np.ndarray:
    """The appointment for a wish: the next weekday, near the patient's usual time.

    Parameters
    ----------
    rows : (r,) int
        Patients.
    hours : (r,) float
        Wished hours since the first session.
    jitter : (r,) float
        Hours by which the appointment misses the usual time of day.

    Returns
    -------
    (r,) float
        Hours since the first session, on a weekday in the daytime.
    """
    day = np.floor((calendar.start[rows] + hours) / 24.0)
    weekday = _weekday(calendar.first_day, day)
    day = day + np.select([weekday == 5, weekday == 6], [2.0, 1.0], 0.0)
    clock = np.clip(calendar.slot[rows] + jitter, 7.2, 17.2)
    return to_minute(24.0 * day + clock - calendar.start[rows])
