"""When side effects began and went, as far as the checks tell; what is still open is not ended."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import session_rows
from ketaoutcomes.derive.effect_checks import Checks
from ketaoutcomes.derive.side_effects import NONE, NOT_STATED, Recorded, effect_rows

__all__ = ["ENDED", "OPEN", "STILL_THERE", "EffectTimes", "Told", "effect_times", "gone_by_discharge"]

# What is known of the end: its time; that it had not come when last seen; nothing.
ENDED, STILL_THERE, OPEN = 0, 1, 2


@dataclass(frozen=True)
class EffectTimes:
    """Times of effects, each known to lie in (low, high]; equal ends are an exact time.

    Attributes
    ----------
    onset_low, onset_high : (e,) float arrays
        Onset in minutes after the start of the session; NaN where it is missing.
    end_low, end_high : (e,) float arrays
        End in minutes after the start of the session; `end_high` is inf where the effect was still
        there when last seen, at `end_low`. NaN where it is not known.
    length_low, length_high : (e,) float arrays
        Minutes from the onset to the end, in the same way. From an onset between two checks to an end
        between two checks it is counted from the middle of the onset's interval, which is an
        approximation: from the onset's own ends, the intervals would overlap in a way that depends on
        the length, and the curve of them would be biased (see
        tests/simulation/test_effect_times_truth.py). To an exact end it lies between the lengths from
        both ends of the onset's interval. A recorded length outside its interval widens it.
    span_low, span_high : (e,) float arrays
        The shortest and the longest length that onset and end allow, in the same way: bounds, where
        `length_low` and `length_high` are what the curve is made of.
    seen : (e,) float array
        Minute at which an effect still there when last seen was last seen; NaN for the others, and where
        that is not known. `end_low` may be later: that of any side effect, where another ended later.
    state : (e,) int8 array
        ENDED, STILL_THERE or OPEN.
    """

    onset_low: np.ndarray
    onset_high: np.ndarray
    end_low: np.ndarray
    end_high: np.ndarray
    length_low: np.ndarray
    length_high: np.ndarray
    span_low: np.ndarray
    span_high: np.ndarray
    seen: np.ndarray
    state: np.ndarray

    def rows(self, which: np.ndarray) -> EffectTimes:
        """Some of the effects."""
        return EffectTimes(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True)
class Told:
    """The times of a cohort's effects, and how they were come by.

    Attributes
    ----------
    of_effect : EffectTimes
        One per pair of a record and an effect, in the order of `Recorded.record`.
    of_any : EffectTimes
        One per record with an effect: from the first onset to the last end.
    record : (a,) int array
        Record of each of `of_any`.
    counts : dict of str to (e,) int arrays
        Rows of the table of side effects, of each of `of_effect`: `onset_missing` (length known, onset
        not), `resolved_when` (had gone, but not when), `at_last` (end equal to the last check or the
        discharge, not stated whether it had gone), `times` (onsets and ends recorded before the last
        check), `at_check` (of these, on the minute of a check), `no_checks` (in sessions without
        checks), `exact_end` (onset between checks, end exact), `widened` (recorded length outside the
        interval from the middle of the onset's).
    """

    of_effect: EffectTimes
    of_any: EffectTimes
    record: np.ndarray
    counts: dict[str, np.ndarray]


def effect_times(
    cohort: Cohort, found: Recorded, checks: Checks, *, terms: EffectTerms | None = None
) -> Told:
    """Onset and end of every effect found, and of any effect of each record.

    A time lies after the check before it and not after the first check at or after it; behind the
    last check it was told from home and is taken as it is. An effect that was still there when last
    seen ended later than that. Without a duration, and without word that it was still there, nothing
    is known of the end; least of all that it came at discharge.

    Parameters
    ----------
    found : Recorded
        From `recorded_side_effects`, with the same `terms`.
    """
    row, names = effect_rows(cohort, terms)
    table = cohort.side_effects.iloc[row]
    kept = names != NONE
    session = session_rows(cohort.sessions, table, len(cohort.patients))[kept]
    pair = _pairs(found, session, _ways(table)[kept], names[kept])
    onset, length, resolved = _columns(table[kept])
    rows = _rows(session, onset, length, resolved, checks)
    counted = _counts(session, onset, length, resolved, checks, rows)
    widened = (rows.state == ENDED) & _outside(rows, length)
    rows.length_low[widened] = np.minimum(rows.length_low, length)[widened]
    rows.length_high[widened] = np.maximum(rows.length_high, length)[widened]
    of_effect = _merged(rows, pair, found.record.size)
    record, place = np.unique(found.record, return_inverse=True)
    counts = {
        name: np.bincount(pair, values, minlength=found.record.size).astype(np.int64)
        for name, values in (counted | {"widened": widened}).items()
    }
    return Told(of_effect, _merged(of_effect, place, record.size), record, counts)


def _pairs(found: Recorded, session: np.ndarray, ways: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Pair of a record and an effect that each row belongs to."""
    width = len(found.ways)
    number = {word: place for place, word in enumerate(found.ways)}
    way = np.array([number[word] for word in ways], dtype=np.int64)
    record = np.searchsorted(found.session_row * width + found.way, session * width + way)
    effect = np.searchsorted(np.array(found.effects, dtype=str), names.astype(str))
    n_effects = max(len(found.effects), 1)
    return np.searchsorted(found.record * n_effects + found.effect, record * n_effects + effect)


def _ways(table: pd.DataFrame) -> np.ndarray:
    """How each row was asked for, as in `Recorded.ways`."""
    if "ascertainment" not in table.columns:
        return np.full(len(table), NOT_STATED, dtype=object)
    words = table["ascertainment"].astype("object")
    words = words.where(words.notna(), NOT_STATED)
    return words.astype("str").str.strip().str.lower().to_numpy(dtype=object)


def _columns(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Onset and length in minutes, and whether the effect had gone: 1, 0, or -1 where not stated."""
    times = [
        table[name].to_numpy(dtype=float, na_value=np.nan)
        if name in table.columns
        else np.full(len(table), np.nan)
        for name in ("onset_minutes", "duration_minutes")
    ]
    resolved = np.full(len(table), -1, dtype=np.int8)
    if "resolved" in table.columns:
        stated = table["resolved"].notna().to_numpy(dtype=bool)
        resolved[stated] = table["resolved"][stated].to_numpy(dtype=bool).astype(np.int8)
    return times[0], times[1], resolved


def _rows(session, onset, length, resolved, checks: Checks) -> EffectTimes:
    """What each row of the table tells."""
    still, timed = resolved == 0, np.isfinite(length)
    state = np.where(still, STILL_THERE, np.where(timed, ENDED, OPEN)).astype(np.int8)
    onset_low, onset_high = checks.around(session, onset)
    end_low, end_high = checks.around(session, onset + length)
    # Last seen with the effect: as long as it is known to have lasted; without a length, at discharge.
    seen = np.where(timed, onset + length, np.fmax(checks.discharge[session], onset))
    end_low = np.where(still, seen, np.where(state == OPEN, onset_low, end_low))
    end_high = np.where(still, np.inf, np.where(state == OPEN, np.nan, end_high))
    exact = (onset_low == onset_high) & (end_low == end_high)
    # Without an onset the length is all there is; it cannot be set between checks.
    alone = timed & (np.isnan(onset) | exact)

    def filled(low, high):
        low = np.where(alone, length, np.where(np.isnan(low) & still, 0.0, low))
        high = np.where(alone & ~still, length, high)
        return np.where(state == OPEN, np.nan, low), np.where(still, np.inf, high)

    ends = (onset_low, onset_high, end_low, end_high)
    lengths, spans = filled(*_length(*ends)), filled(*_span(*ends))
    return EffectTimes(*ends, *lengths, *spans, np.where(still, seen, np.nan), state)


def _length(onset_low, onset_high, end_low, end_high) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the length: to an exact end from the onset's ends, else from the onset's middle."""
    middle = (onset_low + onset_high) / 2
    exact = end_low == end_high
    first, last = np.where(exact, onset_low, middle), np.where(exact, onset_high, middle)
    return np.maximum(end_low - last, 0.0), end_high - first


def _span(onset_low, onset_high, end_low, end_high) -> tuple[np.ndarray, np.ndarray]:
    """Shortest and longest length that the ends of onset and end allow."""
    low = np.maximum(end_low - onset_high, 0.0)
    # The onset may lie on its last minute: to an exact end, this is a length that it may have.
    reached = (end_low == end_high) & (onset_low < onset_high)
    return np.where(reached, low - _rounding(end_low), low), end_high - onset_low


def _rounding(minutes: np.ndarray) -> np.ndarray:
    """As much as the sum of an onset and a length may be rounded, and more."""
    return 1e-9 * (1 + np.abs(minutes))


def _outside(rows: EffectTimes, length: np.ndarray) -> np.ndarray:
    """Whether a recorded length is not in the interval of the length; bool."""
    near = _rounding(length)
    return (length < rows.length_low - near) | (length > rows.length_high + near)


def _merged(rows: EffectTimes, group: np.ndarray, n_groups: int) -> EffectTimes:
    """From the first onset of each group of rows to its last end.

    A group with a row still there when last seen is still there, and was seen when the last such row was;
    else one with a row of which the end is not known is not known.
    """
    size = np.bincount(group, minlength=n_groups)
    several = np.flatnonzero(size > 1)
    only = np.zeros(n_groups, dtype=np.int64)
    only[group] = np.arange(group.size)
    out = rows.rows(only)
    if not several.size:
        return out
    place = np.full(n_groups, -1, dtype=np.int64)
    place[several] = np.arange(several.size)
    inside = np.flatnonzero(place[group] >= 0)
    whole = _united(rows.rows(inside), place[group[inside]], several.size)
    for field in fields(out):
        getattr(out, field.name)[several] = getattr(whole, field.name)
    return out


def _united(rows: EffectTimes, group: np.ndarray, n_groups: int) -> EffectTimes:
    """One row for each group, none of them empty."""

    def each(function, values, start):
        found = np.full(n_groups, start)
        # A missing value makes a minimum or a maximum missing, and is meant to.
        with np.errstate(invalid="ignore"):
            function.at(found, group, values)
        return found

    still = each(np.maximum, (rows.state == STILL_THERE).astype(float), 0.0) > 0
    # The end of a row without an onset has no place on the clock of the session.
    lost = (rows.state == OPEN) | ((rows.state == ENDED) & np.isnan(rows.end_high))
    is_open = (each(np.maximum, lost.astype(float), 0.0) > 0) & ~still
    state = np.where(still, STILL_THERE, np.where(is_open, OPEN, ENDED)).astype(np.int8)
    onset_low = each(np.minimum, rows.onset_low, np.inf)
    onset_high = each(np.minimum, rows.onset_high, np.inf)
    # Where one onset is missing the first may lie before the others: the length is at least this.
    first_low, first_high = (each(np.fmin, ends, np.nan) for ends in (rows.onset_low, rows.onset_high))
    end_low = each(np.fmax, rows.end_low, np.nan)
    end_high = np.where(still, np.inf, each(np.maximum, rows.end_high, -np.inf))
    end_high = np.where(is_open, np.nan, end_high)

    def filled(low, high, lows):
        low = np.fmax(low, np.where(still, each(np.fmax, lows, np.nan), np.nan))
        return np.where(is_open, np.nan, low), np.where(still, np.inf, high)

    ends = (first_low, first_high, end_low, end_high)
    lengths, spans = filled(*_length(*ends), rows.length_low), filled(*_span(*ends), rows.span_low)
    seen = each(np.fmax, rows.seen, np.nan)
    return EffectTimes(onset_low, onset_high, end_low, end_high, *lengths, *spans, seen, state)


def _counts(session, onset, length, resolved, checks: Checks, rows: EffectTimes) -> dict[str, np.ndarray]:
    """How many times, or whether, each row was treated in which way."""
    end = onset + length
    between = [low < high for low, high in (checks.around(session, onset), checks.around(session, end))]
    on_check = [
        inside & (checks.around(session, times)[1] == times)
        for inside, times in zip(between, (onset, end), strict=True)
    ]
    return {
        "onset_missing": np.isnan(onset) & np.isfinite(length),
        "resolved_when": np.isnan(length) & (resolved == 1),
        "at_last": (end == checks.discharge[session]) & (resolved == -1),
        "times": between[0].astype(np.int64) + between[1],
        "at_check": on_check[0].astype(np.int64) + on_check[1],
        "no_checks": ~checks.has_checks[session] & np.isfinite(onset),
        "exact_end": (rows.onset_low < rows.onset_high) & (rows.end_low == rows.end_high),
    }


def gone_by_discharge(
    times: EffectTimes,
    discharge: np.ndarray,
    *,
    last_check: np.ndarray | None = None,
    is_stated: np.ndarray | bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each effect had gone when the patient was last watched; (e,) arrays.

    An effect that was still there when last seen had not gone, if that was at or after the discharge or
    the last check before it; if it was earlier, nothing is known. Nor is anything where the discharge is
    not, where the end is not, and where the discharge lies between the ends of its interval. Where the
    discharge is not stated but taken from the last reading, it may have been later: of what began or ended
    after that reading nothing is known.

    Parameters
    ----------
    discharge : (e,) float array
        Minute after the start of the effect's session; NaN where it is not known.
    last_check : (e,) float array, optional
        Last check before the discharge; NaN, as by default, where there is none.
    is_stated : (e,) bool array, or bool
        Whether the discharge is stated, and not the last reading.

    Returns
    -------
    gone : (e,) float array
        1, 0, or NaN where it is not known.
    later : (e,) bool array
        The effect began after the discharge: the question does not arise.
    """
    gone = np.full(times.state.size, np.nan)
    ended = times.state == ENDED
    gone[ended & (times.end_high <= discharge)] = 1.0
    # An exact end at the discharge itself is not after it.
    gone[ended & (times.end_low >= discharge) & (times.end_high > discharge) & is_stated] = 0.0
    looked = discharge if last_check is None else np.fmin(discharge, last_check)
    last_seen = (times.seen >= looked) | ((times.end_low >= discharge) & is_stated)
    gone[(times.state == STILL_THERE) & np.isfinite(discharge) & last_seen] = 0.0
    began_later = (times.onset_low >= discharge) & (times.onset_high > discharge)
    gone[began_later] = np.nan
    return gone, began_later & is_stated
