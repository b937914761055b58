"""Dates moved by each patient's own number of days: gaps stay, the calendar goes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import SECONDS_PER_HOUR

__all__ = ["shifted_dates"]

SECONDS_PER_DAY = 86_400


def shifted_dates(
    frame: pd.DataFrame, origin: np.ndarray, shift_days: np.ndarray, timezone: str | None
) -> pd.Series:
    """Return a table's times as dates, moved.

    A clock time is written in UTC, so that the time between two of them is the
    same to the second, also where clocks change in between. A time known only
    to the day is written as its local date; a day that clocks make an hour longer
    or shorter may lie elsewhere in the year afterwards, so that its bounds may
    move by that hour against clock times.

    Parameters
    ----------
    frame : DataFrame
        A cohort's table with hour, hour_low, hour_high (hours since the patient's
        first session), patient_id as a categorical, and perhaps clock_known.
    origin : (n_patients,) float array
        When each first session started, in hours since 1970 (UTC).
    shift_days : (n_patients,) int array
    timezone : str or None
        IANA zone of the local dates; UTC when None.

    Returns
    -------
    Series of str
        "2026-03-09T14:05:00Z", "2026-03-09", or missing.
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
    clock = timed & ~day_only
    moved = started[clock] + _seconds(hour[clock]) + days[clock] * SECONDS_PER_DAY
    out[clock] = [f"{one}Z" for one in moved.astype("datetime64[s]").astype(str)]
    day = timed & day_only
    local = pd.to_datetime(started[day] + _seconds(low[day]), unit="s", utc=True).tz_convert(
        timezone or "UTC"
    )
    out[day] = (local.tz_localize(None).normalize() + pd.to_timedelta(days[day], unit="D")).strftime(
        "%Y-%m-%d"
    )
    return pd.Series(pd.array(out, dtype="str"), index=frame.index)


def _seconds(hours: np.ndarray) -> np.ndarray:
    return np.rint(hours * SECONDS_PER_HOUR).astype(np.int64)
