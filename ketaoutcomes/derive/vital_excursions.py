"""Which sessions have a reading that meets a rule, and for how many minutes; whole arrays throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.catalog.vital_rules import Condition, VitalRule
from ketaoutcomes.derive.vitals import Baselines, Readings

__all__ = ["CONFIRM_MINUTES", "excursions", "is_recorded"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
# Two readings confirm each other if they are so many minutes apart.
CONFIRM_MINUTES = (1.0, 30.0)


@dataclass(frozen=True)
class _Compared:
    """One condition on every reading: how far beyond the threshold (NaN if not known), whether that holds."""

    excess: Array
    strict: bool

    @property
    def known(self) -> Flags:
        return np.isfinite(self.excess)

    @property
    def holds(self) -> Flags:
        return _holds(self.excess, self.strict)


def is_recorded(rule: VitalRule, found: Readings) -> bool:
    """Whether a vital sign of a rule has readings: what one sign shows meets the rule."""
    return any(sign in found.values for sign in rule.signs)


def excursions(
    found: Readings,
    rule: VitalRule,
    base: Mapping[str, Baselines],
    window: tuple[float, float],
    *,
    confirmed: bool = False,
) -> pd.DataFrame:
    """Whether each session has a reading that meets a rule, a row per session with a reading to look at.

    Rules on readings as such look at the readings after minute 0, rules on changes at those after the
    baseline of the sign as well. A rule that is met by one of its signs is met, whether or not the others
    were read. That it was not met is known only if every sign of the rule has such a reading, or two that
    could confirm each other.

    Parameters
    ----------
    found : Readings
    rule : VitalRule
        With a sign that has readings.
    base : mapping of str to Baselines
        By sign.
    window : (float, float)
        First and last minute.
    confirmed : bool
        Only two readings in a row that both meet the rule, 1 to 30 minutes apart, are an excursion. A
        reading in which the sign was not read neither confirms nor contradicts.

    Returns
    -------
    DataFrame
        A row per session with such a reading of any sign: `session` (row), `event` (met by what was read),
        `unknown` (not met by it, and not every sign was read), `complete` (every sign was read),
        `n_readings` (of the sign that was read most), `already` (the baseline meets the rule; never for a
        change), `minutes_above` and `minutes_observed` (straight lines between neighbours of which all
        signs were read, cut at both ends of the window, none beyond the last; NaN with fewer than two, and
        where the session is not complete).
    """
    found, base = _with_all_signs(found, rule, base)
    end = window[1] if rule.within is None else min(window[1], rule.within)
    compared = [_compare(condition, found, base[condition.sign]) for condition in rule.any]
    inside = (found.minute > 0) & (found.minute >= window[0]) & (found.minute <= end)
    read = [
        one.known & inside & _after_baseline(condition, found, base)
        for condition, one in zip(rule.any, compared, strict=True)
    ]
    hit = [one.holds & rows for one, rows in zip(compared, read, strict=True)]
    n = np.array([_count(found, rows) for rows in read])
    if confirmed:
        complete = np.logical_and.reduce([_any(found, _pairs(found, rows, rows)) for rows in read])
        event = _any(found, _confirmed(found, read, hit))
    else:
        complete, event = (n > 0).all(axis=0), _any(found, np.logical_or.reduce(hit))
    span = (max(window[0], 0.0), end)
    above, observed = _minutes(found, compared, _time_rows(rule, found, base, compared), span)
    rows = np.flatnonzero((n > 0).any(axis=0))
    return pd.DataFrame(
        {
            "session": rows,
            "event": event[rows],
            "unknown": (~event & ~complete)[rows],
            "complete": complete[rows],
            "n_readings": n.max(axis=0)[rows],
            "already": _already(rule, base)[rows],
            "minutes_above": np.where(complete, above, np.nan)[rows],
            "minutes_observed": np.where(complete, observed, np.nan)[rows],
        }
    )


def _with_all_signs(
    found: Readings, rule: VitalRule, base: Mapping[str, Baselines]
) -> tuple[Readings, dict[str, Baselines]]:
    """Readings and baselines with all signs of a rule; nothing was read of those that were not there."""
    absent = [sign for sign in rule.signs if sign not in found.values]
    nothing = np.full(found.n_sessions, np.nan)
    no_base = Baselines(nothing, nothing, np.zeros(found.n_sessions, dtype=bool))
    values = found.values | {sign: np.full(found.minute.size, np.nan) for sign in absent}
    return replace(found, values=values), {**dict.fromkeys(absent, no_base), **base}


# ---- comparing


def _compare(condition: Condition, found: Readings, base: Baselines) -> _Compared:
    value = found.values[condition.sign]
    if condition.of != "value":
        usual = base.value[found.session]
        value = value - usual
        if condition.of == "percent":
            # 20 % above 120 is 144 exactly; dividing first would miss it by rounding.
            return _beyond(condition, 100.0 * value, condition.value * usual)
    return _beyond(condition, value, condition.value)


def _beyond(condition: Condition, value: Array, limit: Array | float) -> _Compared:
    excess = value - limit
    if condition.comparison in ("below", "at_most"):
        excess = -excess
    return _Compared(_rounded(excess), condition.comparison in ("above", "below"))


def _rounded(excess: Array) -> Array:
    # Thirds (mean pressure) are no exact binary numbers.
    return np.where(np.abs(excess) < 1e-9, 0.0, excess)


def _holds(excess: Array, strict: bool) -> Flags:
    with np.errstate(invalid="ignore"):
        return excess > 0 if strict else excess >= 0


def _after_baseline(condition: Condition, found: Readings, base: Mapping[str, Baselines]) -> Flags:
    """Readings that come after the baseline, for a condition on a change."""
    if condition.of == "value":
        return np.ones(found.minute.size, dtype=bool)
    return found.minute > base[condition.sign].minute[found.session]


def _already(rule: VitalRule, base: Mapping[str, Baselines]) -> Flags:
    """Sessions whose baseline itself meets a rule on readings as such."""
    met = np.zeros(next(iter(base.values())).value.size, dtype=bool)
    for condition in rule.any:
        if condition.of == "value":
            met |= _beyond(condition, base[condition.sign].value, condition.value).holds
    return met


# ---- counting


def _count(found: Readings, rows: Flags) -> NDArray[np.int64]:
    """Marked readings of each session; (n_sessions,)."""
    return np.bincount(found.session[rows], minlength=found.n_sessions)


def _any(found: Readings, rows: Flags) -> Flags:
    return _count(found, rows) > 0


def _pairs(found: Readings, rows: Flags, hit: Flags) -> Flags:
    """Of the readings `rows`, those that are a hit right after a hit near enough to confirm it."""
    kept = np.flatnonzero(rows)
    apart = np.diff(found.minute[kept])
    near = (apart >= CONFIRM_MINUTES[0]) & (apart <= CONFIRM_MINUTES[1])
    near &= found.session[kept][1:] == found.session[kept][:-1]
    marks = np.zeros(rows.size, dtype=bool)
    marks[kept[1:]] = near & hit[kept][1:] & hit[kept][:-1]
    return marks


def _confirmed(found: Readings, read: list[Flags], hit: list[Flags]) -> Flags:
    """Readings that confirm the one before: of the same sign, or of all signs together."""
    pairs = [_pairs(found, rows, met) for rows, met in zip(read, hit, strict=True)]
    together = _pairs(found, np.logical_or.reduce(read), np.logical_or.reduce(hit))
    return np.logical_or.reduce([*pairs, together])


# ---- minutes


def _time_rows(
    rule: VitalRule, found: Readings, base: Mapping[str, Baselines], compared: list[_Compared]
) -> Flags:
    """Readings between which time is counted: complete ones, from the baseline on."""
    start = np.full(found.n_sessions, -np.inf)
    for condition in rule.any:
        minute = base[condition.sign].minute
        # A reading as such needs no baseline, a change does.
        start = np.maximum(
            start, np.where(np.isnan(minute), -np.inf if condition.of == "value" else np.inf, minute)
        )
    complete = np.logical_and.reduce([one.known for one in compared])
    return complete & (found.minute >= start[found.session])


def _minutes(
    found: Readings, compared: list[_Compared], rows: Flags, span: tuple[float, float]
) -> tuple[Array, Array]:
    """Minutes beyond any of the thresholds, and minutes observed, of each session; (n_sessions,) each."""
    kept = np.flatnonzero(rows)
    session, minute = found.session[kept], found.minute[kept]
    joined = np.flatnonzero((session[1:] == session[:-1]) & (minute[:-1] < span[1]) & (minute[1:] > span[0]))
    step = minute[joined + 1] - minute[joined]  # above 0: minutes of a session differ
    # Lines that cross an end of the window are cut there.
    cut = (np.clip(span[0] - minute[joined], 0.0, None) / step,
           np.clip(span[1] - minute[joined], None, step) / step)  # fmt: skip
    length = (cut[1] - cut[0]) * step
    # Of a straight line the part beyond a threshold is all, none, or touches one end of the segment.
    until, since = np.zeros(joined.size), np.ones(joined.size)
    for one in compared:
        excess = one.excess[kept]
        change = excess[joined + 1] - excess[joined]
        first, last = (_rounded(excess[joined] + at * change) for at in cut)
        holds_first, holds_last = _holds(first, one.strict), _holds(last, one.strict)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = first / (first - last)
        until = np.maximum(until, np.where(holds_first, np.where(holds_last, 1.0, crossing), 0.0))
        since = np.minimum(since, np.where(holds_last, np.where(holds_first, 0.0, crossing), 1.0))
    part = np.where(until >= since, 1.0, until + 1.0 - since)
    owner = session[joined]
    above = np.bincount(owner, weights=part * length, minlength=found.n_sessions)
    observed = np.bincount(owner, weights=length, minlength=found.n_sessions)
    seen = observed > 0
    return np.where(seen, above, np.nan), np.where(seen, observed, np.nan)
