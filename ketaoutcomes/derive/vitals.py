"""Vital signs of each session: baseline, peak, time away from baseline, return; whole arrays throughout."""

from __future__ import annotations

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
    "returns",
]

Array = NDArray[np.float64]
NEAR_MINUTES = 5.0
LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Readings:
    """Readings sorted by session and minute.

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
    if "sbp" in values and "dbp" in values:
        values[MEAN_PRESSURE] = (values["sbp"] + 2.0 * values["dbp"]) / 3.0
    minute = table["minute"].to_numpy(dtype=float, na_value=np.nan)
    session = session_rows(cohort.sessions, table, len(cohort.patients))
    with_value = np.isfinite(np.column_stack(list(values.values()))).any(axis=1)
    timed = np.isfinite(minute)
    kept = np.flatnonzero(with_value & timed)
    kept = kept[np.lexsort((minute[kept], session[kept]))]
    return Readings(
        session=session[kept],
        minute=minute[kept],
        values={sign: value[kept] for sign, value in values.items()},
        n_sessions=len(cohort.sessions),
        n_without_minute=int((with_value & ~timed).sum()),
    )


def baselines(found: Readings, sign: str, window: tuple[float, float]) -> Baselines:
    """Baseline of each session: the last reading up to minute 0, else the first one after it.

    Several readings of that minute count by their mean.

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
    n = np.bincount(session[own], minlength=found.n_sessions)
    total = np.bincount(session[own], weights=value[own], minlength=found.n_sessions)
    with np.errstate(invalid="ignore"):
        return Baselines(np.where(n > 0, total / n, np.nan), at, after_start)


def at_nominal(found: Readings, nominal: Array, *, tolerance: float = NEAR_MINUTES) -> tuple[Readings, Array]:
    """One reading per session and nominal minute: the nearest one, if it is near enough.

    Of several that are equally near the mean is taken. A reading belongs to the nearest nominal minute only.

    Parameters
    ----------
    nominal : (k,) float
        Rising.
    tolerance : float
        Largest distance in minutes.

    Returns
    -------
    (Readings, (n,) float)
        The readings, and the nominal minute of each.
    """
    edges = (nominal[1:] + nominal[:-1]) / 2
    # A reading half-way between two goes to the earlier one.
    place = np.searchsorted(edges, found.minute, side="left")
    distance = np.abs(found.minute - nominal[place])
    near = np.flatnonzero(distance <= tolerance)
    key = found.session[near] * nominal.size + place[near]
    keys, group = np.unique(key, return_inverse=True)
    closest = np.full(keys.size, np.inf)
    np.minimum.at(closest, group, distance[near])
    kept = distance[near] == closest[group]
    near, group = near[kept], group[kept]

    def mean(values: Array) -> Array:
        known = np.isfinite(values)
        n = np.bincount(group[known], minlength=keys.size)
        total = np.bincount(group[known], weights=values[known], minlength=keys.size)
        return np.where(n > 0, total / np.maximum(n, 1), np.nan)

    values = {sign: mean(value[near]) for sign, value in found.values.items()}
    session, minute = keys // nominal.size, mean(found.minute[near])
    picked = Readings(session, minute, values, found.n_sessions, found.n_without_minute)
    return picked, nominal[keys % nominal.size]


def common_minutes(found: Readings, sign: str, window: tuple[float, float]) -> Array:
    """Minutes after the start at which the clinic commonly reads a sign; (k,) float, rising.

    The commonest whole minute first, each reading counting less the farther it is (none at 5 minutes), then
    the commonest that is 10 minutes or more away from those taken, down to a tenth of the sessions.
    """
    session, minute, _ = found.of(sign)
    inside = (minute > 0) & (minute >= window[0]) & (minute <= window[1])
    if not inside.any():
        return np.zeros(0)
    n_sessions = np.unique(session).size
    whole = np.rint(minute[inside]).astype(np.int64)
    counts = np.bincount(whole, minlength=int(np.ceil(window[1])) + 1).astype(float)
    reach = int(NEAR_MINUTES)
    weight = 1.0 - np.abs(np.arange(-reach, reach + 1)) / NEAR_MINUTES
    smooth = np.convolve(counts, weight, mode="same") if counts.size > weight.size else counts.copy()
    # Readings at 9, 10 and 11 are one habit: 10 stands for it.
    taken = []
    open_ = np.ones(counts.size, dtype=bool)
    open_[0] = False
    while open_.any():
        commonest = int(np.argmax(np.where(open_, smooth, -1.0)))
        if smooth[commonest] < LEAST_SHARE * n_sessions:
            break
        taken.append(float(commonest))
        open_[max(commonest - 2 * reach + 1, 0) : commonest + 2 * reach] = False
    return np.sort(np.array(taken))


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
    side; it happened after the reading before it. A session not seen to come back is open from its
    last reading on.

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
    left, right = (np.full(found.n_sessions, fill) for fill in (np.nan, np.inf))
    left[session] = minute
    found_back = np.flatnonzero(back)[::-1]
    right[session[found_back]] = minute[found_back]
    # The peak's own row stands before each of these, so that there is always a row before.
    left[session[found_back]] = minute[found_back - 1]
    rows = rows[away]
    return pd.DataFrame({"session": rows, "left": np.maximum(left[rows], 0.0), "right": right[rows]})
