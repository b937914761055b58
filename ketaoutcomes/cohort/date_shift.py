"""Wall-clock hours, in which every day has 24, and dates moved by each patient's own number of days."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import SECONDS_PER_HOUR, day_starts

__all__ = ["changes_clocks", "shifted_dates", "wall_clock"]

SECONDS_PER_DAY = 86_400
HALF_A_DAY = SECONDS_PER_DAY // 2
# Whether clocks are changed where a cohort was treated is looked up for these years.
YEARS = range(1990, 2041)


def changes_clocks(timezone: str | None) -> bool:
    """Whether clocks in a zone have been changed, in these decades."""
    zone = ZoneInfo(timezone or "UTC")
    moments = (datetime(year, month, 1, tzinfo=zone) for year in YEARS for month in range(1, 13))
    return len({moment.utcoffset() for moment in moments}) > 1


def wall_clock(
    tables: Mapping[str, pd.DataFrame],
    origin: np.ndarray,
    *,
    dated: Collection[str],
    timezone: str | None,
) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    """Return tables whose hours are differences of local wall-clock time, and when each clock starts.

    In hours that really went by, a day on which clocks change has 23 or 25, and
    sessions at nine each week are 167 or 169 apart: whoever reads that knows the
    date. By the clock on the wall every day has 24 hours, and a gap over a change
    of clocks differs by an hour from the time that went by.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Of a cohort.
    origin : (n_patients,) float array
        When each first session started, in hours since 1970 (UTC).
    dated : collection of str
        Tables that hold dates; others are returned as they are.
    timezone : str or None
        IANA zone of the local dates; UTC when None.

    Returns
    -------
    dict of str to DataFrame
    (n_patients,) float array
        When each first session started, in hours since 1970 by the clock on the wall; noon of
        its day where only the day is known.
    """
    start = np.rint(np.nan_to_num(origin) * SECONDS_PER_HOUR).astype(np.int64)
    local = _on_the_wall(start, timezone)
    sessions = tables["sessions"]
    vague = np.zeros(len(start), dtype=bool)
    first = (sessions["hour"] == 0.0).to_numpy() & ~sessions["clock_known"].fillna(True).to_numpy(bool)
    vague[sessions["patient_id"].cat.codes.to_numpy()[first]] = True
    local[vague] = local[vague] // SECONDS_PER_DAY * SECONDS_PER_DAY + HALF_A_DAY
    out = dict(tables)
    for name in dated:
        if name in tables and "hour" in tables[name].columns:
            out[name] = _moved(tables[name], start, local, timezone)
    return out, np.where(np.isnan(origin), np.nan, local / SECONDS_PER_HOUR)


def _moved(frame: pd.DataFrame, start: np.ndarray, local: np.ndarray, timezone: str | None) -> pd.DataFrame:
    """Return a table with its times, and their bounds, by the clock on the wall."""
    patient = frame["patient_id"].cat.codes.to_numpy()
    hour, low, high = (frame[name].to_numpy(float) for name in ("hour", "hour_low", "hour_high"))
    timed = ~np.isnan(hour)

    def wall(hours: np.ndarray) -> np.ndarray:
        seconds = _on_the_wall(start[patient] + _seconds(np.nan_to_num(hours)), timezone) - local[patient]
        return np.where(timed, seconds / SECONDS_PER_HOUR, np.nan)

    new_low, new_high, new = wall(low), wall(high), wall(hour)
    between = np.flatnonzero(timed & (high > low) & (hour > low) & (hour < high))
    moment = start[patient[between]] + _seconds(hour[between])
    noon, is_middle = _noons(moment, timezone)
    new[between[is_middle]] = (noon - local[patient[between]])[is_middle] / SECONDS_PER_HOUR
    if "clock_known" in frame.columns:
        # A first session of which only the day is known is hour 0 by definition.
        zero = timed & (hour == 0.0) & ~(high > low)
        new[zero] = new_low[zero] = new_high[zero] = 0.0
    return frame.assign(hour=new, hour_low=new_low, hour_high=new_high)


def _on_the_wall(seconds: np.ndarray, timezone: str | None) -> np.ndarray:
    """Return moments, in seconds since 1970 (UTC), as those of local time read as if it were UTC.

    Where clocks skip midnight, a day begins at midnight all the same.
    """
    if timezone is None:
        return seconds
    moment = pd.Series(pd.to_datetime(seconds, unit="s", utc=True)).dt.tz_convert(timezone)
    naive = moment.dt.tz_localize(None)
    begins = _seconds(day_starts(naive, timezone)) == seconds
    naive = naive.where(~begins, naive.dt.normalize())
    return naive.to_numpy("datetime64[s]").astype(np.int64)


def _noons(seconds: np.ndarray, timezone: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return noon of each moment's local day, on the wall, and which moments are the middle of their day.

    The middle of a day of 23 or 25 hours is no noon, but stands for the day all the same.
    """
    zone = timezone or "UTC"
    day = pd.Series(pd.to_datetime(seconds, unit="s", utc=True)).dt.tz_convert(zone).dt.tz_localize(None)
    day = day.dt.normalize()
    ends = day_starts(day, zone) + day_starts(day + pd.Timedelta(days=1), zone)
    noon = day.to_numpy("datetime64[s]").astype(np.int64) + HALF_A_DAY
    return noon, np.abs(2 * seconds - _seconds(ends)) <= 1


def shifted_dates(frame: pd.DataFrame, origin: np.ndarray, shift_days: np.ndarray) -> pd.Series:
    """Return a table's times as dates, moved: local clock times without a zone, and days.

    Parameters
    ----------
    frame : DataFrame
        A table of `wall_clock`, with hour, hour_low, hour_high, patient_id as a
        categorical, and perhaps clock_known.
    origin : (n_patients,) float array
        When each first session started, as from `wall_clock`.
    shift_days : (n_patients,) int array

    Returns
    -------
    Series of str
        "2026-03-09T14:05:00", "2026-03-09", or missing.
    """
    patient = frame["patient_id"].cat.codes.to_numpy()
    started = np.rint(np.nan_to_num(origin) * SECONDS_PER_HOUR).astype(np.int64)[patient]
    days = np.asarray(shift_days, dtype=np.int64)[patient]
    hour, low, high = (frame[name].to_numpy(float) for name in ("hour", "hour_low", "hour_high"))
    timed = ~np.isnan(hour) & ~np.isnan(origin[patient])
    day_only = high > low
    if "clock_known" in frame.columns:
        # Only a first session, which is hour 0 by definition, has no bounds of its own.
        day_only |= ~frame["clock_known"].fillna(True).to_numpy(bool)
    out = np.full(len(frame), None, dtype=object)
    for rows, from_hour, unit in ((timed & ~day_only, hour, "s"), (timed & day_only, low, "D")):
        moved = started[rows] + _seconds(from_hour[rows]) + days[rows] * SECONDS_PER_DAY
        out[rows] = moved.astype("datetime64[s]").astype(f"datetime64[{unit}]").astype(str)
    return pd.Series(pd.array(out, dtype="str"), index=frame.index)


def _seconds(hours: np.ndarray) -> np.ndarray:
    return np.rint(hours * SECONDS_PER_HOUR).astype(np.int64)
