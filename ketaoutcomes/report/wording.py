"""Definitions in a few words, made from the catalogue's own fields."""

from __future__ import annotations

import math

from ketaoutcomes.catalog.definitions import BaselineRule, Outcome, PhaseRule, Window, default_outcome
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.errors import DataError

__all__ = [
    "baseline_words",
    "defined",
    "induction_words",
    "instrument_words",
    "outcome_words",
    "window_days",
    "window_words",
]

HOURS_PER_DAY = 24.0


def defined(instrument: Instrument, kind: str) -> Outcome | None:
    """The default outcome of that kind, or None where the catalogue has none."""
    try:
        return default_outcome(instrument.name, kind)
    except DataError:
        return None


def outcome_words(outcome: Outcome, instrument: Instrument) -> str:
    """``"PHQ-9 at least 50% below baseline"``, ``"PHQ-9 < 5"``."""
    words = []
    if outcome.min_fraction is not None:
        words.append(f"at least {100 * outcome.min_fraction:g}% below baseline")
    if outcome.min_points is not None:
        words.append(f"at least {outcome.min_points:g} points below baseline")
    if outcome.threshold:
        words.append(
            outcome.threshold.replace("< ", "below ").replace("≤ ", "at most ").replace("≥ ", "at least ")
        )
    return f"{instrument.name} {' and '.join(words)}" if words else f"{instrument.name}: {outcome.text}"


def instrument_words(instrument: Instrument) -> str:
    """``"PHQ-9, 0–27, asks about: past 2 weeks"``, in the catalogue's words."""
    span = f"{instrument.minimum:g}–{instrument.maximum:g}"
    return f"{instrument.name}, {span}, asks about: {instrument.recall_label}"


def window_words(window: Window) -> str:
    """``"the score nearest to day 21, 14–31 days after the last induction session"``."""
    start = "the last induction session" if window.anchor == "last_induction_session" else "session 1"
    target = window.target_hours / HOURS_PER_DAY
    return f"the score nearest to day {target:g}, {window_days(window)} after {start}"


def window_days(window: Window) -> str:
    """``"14–31 days"``: the whole days in a window, which ends before its upper limit."""
    low = math.ceil(window.low_hours / HOURS_PER_DAY)
    high = math.ceil(window.high_hours / HOURS_PER_DAY) - 1
    return f"{low}–{high} days"


def baseline_words(rule: BaselineRule, instrument: Instrument) -> str:
    """``"last PHQ-9 in the 14 days before session 1"``."""
    return f"last {instrument.name} in the {-rule.low_hours / HOURS_PER_DAY:g} days before session 1"


def induction_words(rule: PhaseRule) -> str:
    """``"4–8 sessions in 7–28 days"``."""
    most = f"–{rule.max_sessions}" if rule.max_sessions else " or more"
    words = f"{rule.min_sessions}{most} sessions"
    if rule.max_days:
        least = f"{rule.min_days:g}–" if rule.min_days else "at most "
        words += f" in {least}{rule.max_days:g} days"
    return words
