"""Which sessions have a reading that meets a rule, and for how many minutes; whole arrays throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.catalog.vital_rules import Condition, VitalRule
from ketaoutcomes.derive.vitals import Baselines, Readings

__all__ = ["excursions", "is_recorded"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class _Compared:
    """One condition on every reading: how far beyond the threshold, and whether it holds."""

    excess: Array
    holds: Flags


def is_recorded(rule: VitalRule, found: Readings) -> bool:
    """Whether all vital signs of a rule have readings."""
    return all(sign in found.values for sign in rule.signs)


def excursions(
    found: Readings,
    rule: VitalRule,
    base: Mapping[str, Baselines],
    window: tuple[float, float],
    *,
    confirmed: bool = False,
) -> pd.DataFrame:
    """Whether each session has a reading that meets a rule, a row per session of which that is known.

    A reading tells if a condition of the rule holds, or if all its signs were read. Rules on readings as such
    look at all readings in the window; rules on changes at those after the baseline. A session
    counts from one telling reading after minute 0 on, or from two if these must confirm each other.

    Parameters
    ----------
    found : Readings
    rule : VitalRule
        With signs that all have readings.
    base : mapping of str to Baselines
        By sign.
    window : (float, float)
        First and last minute.
    confirmed : bool
        Only two telling readings in a row that both meet the rule are an excursion.

    Returns
    -------
    DataFrame
        `session` (row), `n_readings` (telling ones), `event`, `already` (the baseline meets the rule; never
        for a change), `minutes_above` and `minutes_observed` (straight lines between neighbours of
        which all signs were read, none beyond the last; NaN with fewer than two).
    """
    end = window[1] if rule.within is None else min(window[1], rule.within)
    inside = (found.minute >= window[0]) & (found.minute <= end)
    compared = [_compare(condition, found, base[condition.sign]) for condition in rule.any]
    complete = np.logical_and.reduce([np.isfinite(one.excess) for one in compared])
    holds = np.logical_or.reduce([one.holds for one in compared])
    tells = np.flatnonzero(inside & (complete | holds) & _after_baseline(rule, found, base))
    session, hit = found.session[tells], holds[tells]
    if confirmed:
        again = np.zeros(hit.size, dtype=bool)
        again[1:] = (session[1:] == session[:-1]) & hit[1:] & hit[:-1]
        hit = again
    n = np.bincount(session, minlength=found.n_sessions)
    after_start = np.bincount(session[found.minute[tells] > 0], minlength=found.n_sessions)
    counted = (after_start > 0) & (n > 1 if confirmed else n > 0)
    event = np.zeros(found.n_sessions, dtype=bool)
    event[session[hit]] = True
    above, observed = _minutes(found, compared, complete & _time_rows(rule, found, base, inside))
    rows = np.flatnonzero(counted)
    return pd.DataFrame(
        {
            "session": rows,
            "n_readings": n[rows],
            "event": event[rows],
            "already": _already(rule, base)[rows],
            "minutes_above": above[rows],
            "minutes_observed": observed[rows],
        }
    )


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
    # Thirds (mean pressure) are no exact binary numbers.
    excess = np.where(np.abs(excess) < 1e-9, 0.0, excess)
    with np.errstate(invalid="ignore"):
        holds = excess >= 0 if condition.comparison in ("at_least", "at_most") else excess > 0
    return _Compared(excess, holds)


def _after_baseline(rule: VitalRule, found: Readings, base: Mapping[str, Baselines]) -> Flags:
    """Readings that come after the baseline of all signs that are compared with one."""
    after = np.ones(found.minute.size, dtype=bool)
    for condition in rule.any:
        if condition.of != "value":
            after &= found.minute > base[condition.sign].minute[found.session]
    return after


def _time_rows(rule: VitalRule, found: Readings, base: Mapping[str, Baselines], inside: Flags) -> Flags:
    """Readings between which time is counted: those inside, and for changes from the baseline on."""
    if not rule.is_change:
        return inside
    start = np.full(found.n_sessions, -np.inf)
    for condition in rule.any:
        if condition.of != "value":
            start = np.maximum(start, base[condition.sign].minute)
    at = start[found.session]
    return (inside & (found.minute >= at)) | (found.minute == at)


def _already(rule: VitalRule, base: Mapping[str, Baselines]) -> Flags:
    """Sessions whose baseline itself meets a rule on readings as such."""
    met = np.zeros(next(iter(base.values())).value.size, dtype=bool)
    for condition in rule.any:
        if condition.of == "value":
            met |= _beyond(condition, base[condition.sign].value, condition.value).holds
    return met


def _minutes(found: Readings, compared: list[_Compared], rows: Flags) -> tuple[Array, Array]:
    """Minutes beyond any of the thresholds, and minutes observed, of each session; (n_sessions,) each."""
    kept = np.flatnonzero(rows)
    session, minute = found.session[kept], found.minute[kept]
    joined = np.flatnonzero(session[1:] == session[:-1])
    length = minute[joined + 1] - minute[joined]
    # Of a straight line the part beyond a threshold is all, none, or touches one end of the segment.
    until, since = np.zeros(joined.size), np.ones(joined.size)
    for one in compared:
        excess, holds = one.excess[kept], one.holds[kept]
        first, last = excess[joined], excess[joined + 1]
        holds_first, holds_last = holds[joined], holds[joined + 1]
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
