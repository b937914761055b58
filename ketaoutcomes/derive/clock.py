"""How well times are known, and days counted from hours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes

__all__ = ["CLOCK_COLUMNS", "HOURS_PER_DAY", "clock_known", "day_only", "session_bounds", "whole_days"]

HOURS_PER_DAY = 24.0
# Columns of patients and sessions that describe the clock: neither covariates nor groups.
CLOCK_COLUMNS = frozenset({"hour", "hour_low", "hour_high", "clock_known", "hours_to_data_cut"})


def whole_days(hours: np.ndarray) -> np.ndarray:
    """Hours as days counted to the nearest whole day; half a day counts up.

    Definitions are in days, and a session of day 7 is seldom at the very hour of
    session 1: 167.5 hours are 7 days, as 168.5 hours are.
    """
    return np.floor(np.asarray(hours, float) / HOURS_PER_DAY + 0.5)


def day_only(rows: pd.DataFrame) -> np.ndarray:
    """Marks rows whose time is known only to the day; (n,) bool."""
    return rows["hour_high"].to_numpy(float) > rows["hour_low"].to_numpy(float)


def clock_known(cohort: Cohort) -> np.ndarray:
    """Whether the clock time of each patient's session 1 is known, in the order of `cohort.patients`; bool.

    Session 1 is at hour 0 by definition, so its own hours cannot tell; the
    column `clock_known` does. Without that column every clock time counts as known.
    """
    sessions = cohort.sessions
    known = np.ones(len(cohort.patients), dtype=bool)
    unknown = (sessions["session"].to_numpy() == 1) & ~_stated(sessions)
    known[patient_codes(sessions)[unknown]] = False
    return known


def session_bounds(sessions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """First and last possible hour of each session, equal where its time is known; (n,) float each.

    For a first session that has a date without a clock time noon stands for hour
    0, so it may have been up to half a day earlier or later.
    """
    low, high = sessions["hour_low"].to_numpy(float), sessions["hour_high"].to_numpy(float)
    # A date stands for its noon, within its day; where days are counted from the first session, hour 0 is the
    # session itself, whatever the clock showed, and a day's hour is its beginning.
    within = (low < sessions["hour"].to_numpy(float)) & (high > sessions["hour"].to_numpy(float))
    if "month" not in sessions.columns and not within.any():
        return low, high
    vague = ~_stated(sessions) & (high <= low)
    half = np.where(vague, HOURS_PER_DAY / 2, 0.0)
    return low - half, high + half


def _stated(sessions: pd.DataFrame) -> np.ndarray:
    if "clock_known" in sessions.columns:
        return sessions["clock_known"].fillna(True).to_numpy(dtype=bool)
    return ~day_only(sessions)
