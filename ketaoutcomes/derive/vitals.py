"""Vital signs of each session: baseline, peak, time away from baseline, return; whole arrays throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.catalog.vital_rules import MEAN_PRESSURE, VITAL_SIGNS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import first_of_segment, session_rows

__all__ = [
    "NEAR_MINUTES",
    "Baselines",
    "Readings",
    "at_nominal",
    "baselines",
    "common_minutes",
    "peaks",
    "readings",
    "readings_of",
    "returns",
]

Array = NDArray[np.float64]
NEAR_MINUTES = 5.0
LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Readings:
    """Readings sorted by session and minute, one of each session and minute.

    Attributes
    ----------
    session : (n,) int
        Row of `cohort.sessions`.
    minute : (n,) float
        Minutes from the start of the session.
    values : dict of str to (n,) float
        Each vital sign that has a value anywhere, NaN where it was not read; "map" where both pressures were.
    n_sessions : int
        Rows of `cohort.sessions`.
    n_without_minute : int
        Readings left out because they have no minute.
    """

    session: NDArray[np.int64]
    minute: Array
    values: dict[str, Array]
    n_sessions: int
    n_without_minute: int = 0

    def of(self, sign: str) -> tuple[NDArray[np.int64], Array, Array]:
        """Session, minute and value of the readings of one sign."""
        value = self.values[sign]
        known = np.isfinite(value)
        return self.session[known], self.minute[known], value[known]


@dataclass(frozen=True)
class Baselines:
    """Baseline of one sign in each session; (n_sessions,) arrays.

    Attributes
    ----------
    value, minute : float
        NaN without a baseline.
    after_start : bool
        Whether it was read after the start, for want of one before.
    """

    value: Array
    minute: Array
    after_start: NDArray[np.bool_]


def readings(cohort: Cohort) -> Readings:
    """All readings of vital signs that have a minute and at least one value."""
    table = cohort.vitals
    values = {
        sign: table[sign].to_numpy(dtype=float, na_value=np.nan)
        for sign in VITAL_SIGNS
        if sign in table.columns
    }
    values = {sign: value for sign, value in values.items() if np.isfinite(value).any()}
    if not values:
        nothing = np.zeros(0)
        return Readings(nothing.astype(np.int64), nothing, {}, len(cohort.sessions))
    minute = table["minute"].to_numpy(dtype=float, na_value=np.nan)
    session = session_rows(cohort.sessions, table, len(cohort.patients))
    with_value = np.isfinite(np.column_stack(list(values.values()))).any(axis=1)
    timed = np.isfinite(minute)
    kept = np.flatnonzero(with_value & timed)
    return readings_of(
        session[kept],
        minute[kept],
        {sign: value[kept] for sign, value in values.items()},
        len(cohort.sessions),
        n_without_minute=int((with_value & ~timed).sum()),
    )


def readings_of(
    session: NDArray[np.int64],
    minute: Array,
    values: Mapping[str, Array],
    n_sessions: int,
    *,
    n_without_minute: int = 0,
) -> Readings:
    """Readings from rows in any order; rows of one session and minute are one reading.

    A sign that was read several times in a minute counts by its mean, and pressures that stand in rows of
    their own are one reading with a mean pressure.

    Parameters
    ----------
    session : (r,) int
    minute : (r,) float
    values : mapping of str to (r,) float
        By vital sign, NaN where it was not read.
    n_sessions, n_without_minute : int
    """
    order = np.lexsort((minute, session))
    session, minute = session[order], minute[order]
    first = first_of_segment(session)
    first[1:] |= minute[1:] != minute[:-1]
    group = np.cumsum(first) - 1
    joined = {sign: _mean_of(value[order], group, int(first.sum())) for sign, value in values.items()}
    if "sbp" in joined and "dbp" in joined:
        joined[MEAN_PRESSURE] = (joined["sbp"] + 2.0 * joined["dbp"]) / 3.0
    return Readings(session[first], minute[first], joined, n_sessions, n_without_minute)


def _mean_of(value: Array, group: NDArray[np.int64], n_groups: int) -> Array:
    """Mean of the known values of each group, NaN of none; (n_groups,)."""
    known = np.isfinite(value)
    n = np.bincount(group[known], minlength=n_groups)
    total = np.bincount(group[known], weights=value[known], minlength=n_groups)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def baselines(found: Readings, sign: str, window: tuple[float, float]) -> Baselines:
    """Baseline of each session: the last reading up to minute 0, else the first one after it.

    Parameters
    ----------
    found : Readings
    sign : str
    window : (float, float)
        First and last minute of a baseline.
    """
    session, minute, value = found.of(sign)
    at = np.full(found.n_sessions, np.nan)
    early = np.flatnonzero((minute > 0) & (minute <= window[1]))[::-1]
    # Rows rise in minute within a session: the last assignment wins.
    at[session[early]] = minute[early]
    after_start = np.isfinite(at)
    before = np.flatnonzero((minute >= window[0]) & (minute <= min(0.0, window[1])))
    at[session[before]] = minute[before]
    after_start[session[before]] = False
    own = minute == at[session]
    usual = np.full(found.n_sessions, np.nan)
    usual[session[own]] = value[own]
    return Baselines(usual, at, after_start)


def at_nominal(found: Readings, nominal: Array, *, tolerance: float = NEAR_MINUTES) -> tuple[Readings, Array]:
    """Of each sign one reading per session and nominal minute: the nearest one, if it is near enough.

    Signs are taken one by one, so that a sign that is read every minute does not hide one that is read
    seldom. A reading belongs to the nearest nominal minute only, and half-way between two to neither. Of two
    that are equally near the earlier one is taken. Readings keep the minute at which they were read.

    Parameters
    ----------
    nominal : (k,) float
        Rising.
    tolerance : float
        Largest distance in minutes.

    Returns
    -------
    (Readings, (n,) float)
        The readings, NaN where a sign was not taken, and the nominal minute of each.
    """
    edges = (nominal[1:] + nominal[:-1]) / 2
    place = np.searchsorted(edges, found.minute, side="left")
    distance = np.abs(found.minute - nominal[place])
    usable = (distance <= tolerance) & ~np.isin(found.minute, edges)
    key = found.session * nominal.size + place
    values, any_taken = {}, np.zeros(found.minute.size, dtype=bool)
    for sign, value in found.values.items():
        rows = np.flatnonzero(usable & np.isfinite(value))
        # Rows rise in minute within a key: of equal distances the earlier comes first.
        rows = rows[np.lexsort((distance[rows], key[rows]))]
        rows = rows[first_of_segment(key[rows])]
        values[sign] = np.full(value.size, np.nan)
        values[sign][rows] = value[rows]
        any_taken[rows] = True
    picked = Readings(
        session=found.session[any_taken],
        minute=found.minute[any_taken],
        values={sign: value[any_taken] for sign, value in values.items()},
        n_sessions=found.n_sessions,
        n_without_minute=found.n_without_minute,
    )
    return picked, nominal[place[any_taken]]


def common_minutes(found: Readings, sign: str, window: tuple[float, float]) -> Array:
    """Minutes after the start at which the clinic commonly reads a sign; (k,) float, rising.

    The commonest whole minute first, each reading counting less the farther it is (none at 5 minutes), then
    the commonest that is 10 minutes or more away from those taken, down to a tenth of the sessions. A
    minute between them that is 5 or more away gets a place of its own if a tenth of the sessions are read at
    it, more than twice as many as at any minute within 2 of it: 15 beside 10 and 20 is a habit,
    scattered minutes are none.
    """
    session, minute, _ = found.of(sign)
    inside = (minute > 0) & (minute >= window[0]) & (minute <= window[1])
    if not inside.any():
        return np.zeros(0)
    least = LEAST_SHARE * np.unique(session).size
    whole = np.rint(minute[inside]).astype(np.int64)
    counts = np.bincount(whole, minlength=int(np.ceil(window[1])) + 1).astype(float)
    reach = int(NEAR_MINUTES)
    weight = 1.0 - np.abs(np.arange(-reach, reach + 1)) / NEAR_MINUTES
    smooth = np.convolve(counts, weight, mode="same") if counts.size > weight.size else counts.copy()
    # Readings at 9, 10 and 11 are one habit: 10 stands for it.
    taken = _commonest(smooth, least, 2 * reach, [])
    beside = np.pad(counts, 2)
    beside = np.max([beside[shift : shift + counts.size] for shift in (0, 1, 3, 4)], axis=0)
    habit = np.where(counts > 2 * beside, counts, 0.0)
    return np.sort(np.array(_commonest(habit, least, reach, taken), dtype=float))


def _commonest(counts: Array, least: float, apart: int, taken: list[int]) -> list[int]:
    """Minutes taken, and the commonest of the others that are `apart` or more from these and each other."""
    taken = list(taken)
    open_ = np.ones(counts.size, dtype=bool)
    open_[0] = False
    for minute in taken:
        open_[max(minute - apart + 1, 0) : minute + apart] = False
    while open_.any():
        commonest = int(np.argmax(np.where(open_, counts, -1.0)))
        if counts[commonest] < least:
            break
        taken.append(commonest)
        open_[max(commonest - apart + 1, 0) : commonest + apart] = False
    return taken


def peaks(
    found: Readings, sign: str, base: Baselines, window: tuple[float, float], *, lowest: bool = False
) -> pd.DataFrame:
    """Peak of one sign and its change from baseline, a row per session with a reading after its baseline.

    Parameters
    ----------
    found : Readings
    sign : str
    base : Baselines
        Of the same sign; not necessarily from the same readings.
    window : (float, float)
        Minutes in which the peak is looked for. The baseline reading itself is never the peak.
    lowest : bool
        The peak is the lowest reading.

    Returns
    -------
    DataFrame
        `session` (row), `baseline`, `n_readings` (after baseline), `peak`, `peak_minute` (the first one),
        `change`, `longest_gap` (minutes between neighbours, baseline included), `mean_change` (area between
        the readings and the baseline over the time from the baseline to the last reading, trapezoids).
    """
    session, minute, value = found.of(sign)
    later = (minute > base.minute[session]) & (minute >= window[0]) & (minute <= window[1])
    session, minute, value = session[later], minute[later], value[later]
    first = first_of_segment(session)
    starts = np.flatnonzero(first)
    rows = session[starts]
    if not starts.size:
        names = ("baseline", "peak", "peak_minute", "change", "longest_gap", "mean_change")
        return pd.DataFrame({"session": rows, "n_readings": rows} | {name: np.zeros(0) for name in names})
    segment = np.cumsum(first) - 1
    size = np.bincount(segment)
    change = value - base.value[session]
    sign_of = -1.0 if lowest else 1.0
    peak = sign_of * np.maximum.reduceat(sign_of * value, starts)
    is_peak = np.flatnonzero(value == peak[segment])[::-1]
    peak_minute = np.empty(starts.size)
    peak_minute[segment[is_peak]] = minute[is_peak]
    previous = np.where(first, base.minute[session], np.roll(minute, 1))
    step = minute - previous
    area = step * (change + np.where(first, 0.0, np.roll(change, 1))) / 2
    last = minute[np.append(starts[1:], session.size) - 1]
    return pd.DataFrame(
        {
            "session": rows,
            "baseline": base.value[rows],
            "n_readings": size,
            "peak": peak,
            "peak_minute": peak_minute,
            "change": peak - base.value[rows],
            "longest_gap": np.maximum.reduceat(step, starts),
            "mean_change": np.bincount(segment, weights=area) / (last - base.minute[rows]),
        }
    )


def returns(
    found: Readings, sign: str, base: Baselines, peak: pd.DataFrame, within: Array, *, lowest: bool = False
) -> pd.DataFrame:
    """When sessions whose peak was away from baseline came back near it, interval-censored.

    Back is the first reading after the peak that is no farther than `within` from baseline on the peak's
    side; it happened after the session's reading before it, or after the peak. A session not seen to come
    back is open from its last reading on.

    Parameters
    ----------
    found : Readings
        All of them: those after the peak's window count as well.
    peak : DataFrame
        From `peaks`.
    within : (n_sessions,) float
        In the sign's unit.

    Returns
    -------
    DataFrame
        `session`, `left`, `right` (minutes from the start; inf if not seen to come back).
    """
    sign_of = -1.0 if lowest else 1.0
    rows = peak["session"].to_numpy()
    away = sign_of * peak["change"].to_numpy() > within[rows]
    peak_minute = np.full(found.n_sessions, np.nan)
    peak_minute[rows[away]] = peak["peak_minute"].to_numpy()[away]
    session, minute, value = found.of(sign)
    from_peak = np.flatnonzero(minute >= peak_minute[session])
    session, minute, value = session[from_peak], minute[from_peak], value[from_peak]
    back = (sign_of * (value - base.value[session]) <= within[session]) & (minute > peak_minute[session])
    left, right = peak_minute.copy(), np.full(found.n_sessions, np.inf)
    left[session] = minute
    # Before a session's first row from the peak on there is only the peak.
    before = np.where(first_of_segment(session), peak_minute[session], np.roll(minute, 1))
    found_back = np.flatnonzero(back)[::-1]
    right[session[found_back]] = minute[found_back]
    left[session[found_back]] = before[found_back]
    rows = rows[away]
    return pd.DataFrame({"session": rows, "left": np.maximum(left[rows], 0.0), "right": right[rows]})
