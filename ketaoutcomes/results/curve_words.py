"""A time-to-event curve in words: moments, medians, and the test of groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, number
from ketaoutcomes.results.mixed_words import p_text
from ketaoutcomes.results.text import confidence, patients, time_point, time_range

__all__ = [
    "NEGLIGIBLE",
    "PAST_TENSE",
    "comparison_words",
    "late_words",
    "median_words",
    "moment",
    "naive_name",
    "origin_words",
]

# What patients have done once an outcome of that kind is reached.
PAST_TENSE = {"response": "Responded", "remission": "Remitted"}
SEEN = {"response": "seen to respond", "remission": "seen in remission"}
# Differences that are not seen in one decimal.
NEGLIGIBLE = 0.05
SCORE_NAMES = {"sun": "Sun", "finkelstein": "Finkelstein", "wilcoxon": "Wilcoxon"}
METHOD_NAMES = {
    "asymptotic": "",
    "exact": "exact, ",
    "monte-carlo": "by permutation, ",
    "schedule-free": "without equal schedules, ",
}


def moment(value: float, unit: str) -> str:
    """``"day 29"``, ``"2.5 h"``, ``"session 3"``; ``"not reached"`` for infinity."""
    if unit != "sessions" or not np.isfinite(value):
        return time_point(value, unit)
    return f"session {value:g}"


def late_words(low: float, high: float, unit: str) -> str:
    """By how much a time is late: ``"3 to 7 days later"``, ``"at the same time"``."""
    if pd.isna(low) or pd.isna(high):
        return DASH
    if np.isinf(high):
        return "later by an amount not known"
    if low < -NEGLIGIBLE and high > NEGLIGIBLE:
        return f"between {_amount(-low)} {unit} earlier and {_amount(high)} {unit} later"
    near, far = sorted((abs(low), abs(high)))
    if far <= NEGLIGIBLE:
        return "at the same time"
    side = "earlier" if low < -NEGLIGIBLE else "later"
    first, last = _amount(near), _amount(far)
    span = last if first == last else f"{first} to {last}"
    return f"{span} {unit.removesuffix('s') if span == '1' else unit} {side}"


def _clear_of(value: float, unit: str, marks: Iterable[float]) -> str:
    """A moment as it is printed, but never as one of the marks that come just before it."""
    text = moment(value, unit)
    near = [mark for mark in marks if mark < value and moment(mark, unit) == text]
    if not near or unit == "sessions":
        return text
    if number(value, 2) == number(max(near), 2):
        return f"just after {text}"
    return f"day {number(value, 2)}" if unit == "days" else f"{number(value, 2)} h"


def _amount(value: float) -> str:
    return number(value, 0 if abs(value - round(value)) < NEGLIGIBLE else 1)


def origin_words(origin: str, landmark: float | None, unit: str) -> str:
    """What time 0 is: ``"session 1"``, ``"the session"``, ``"the landmark, day 28"``."""
    if origin == "each_session":
        return "the session"
    return "session 1" if landmark is None else f"the landmark, {moment(landmark, unit)}"


def naive_name(competing: bool) -> str:
    """Whose estimate the curve at detection is."""
    return "Aalen–Johansen" if competing else "Kaplan–Meier"


def median_words(
    row: Mapping[str, Any], unit: str, level: float, kind: str, *, marks: Iterable[float] = ()
) -> str:
    """One curve's median with its interval and by how much the naive one is later.

    `marks` are the times at which the curve is printed: a median just after one of them is not
    printed as that time, at which half may not have been reached.
    """
    done = PAST_TENSE[kind].lower()
    per_session = "n_sessions" in row
    n = f"{count(row['n_sessions'])} sessions of " if per_session else ""
    seen = f"{count(row['n_events'])} of {n}{patients(int(row['n_patients']))} {SEEN[kind]}"
    half = "After half of the sessions the patient" if per_session else "Half"
    if row["high"] == float("inf"):
        where = "" if row["low"] == float("inf") else f"; the median lies after {moment(row['low'], unit)}"
        who = "after fewer than half of the sessions patients" if per_session else "fewer than half"
        stopped = f", {count(row['n_stopped'])} stopped before" if "n_stopped" in row else ""
        return f"Half is not reached: {who} are known to have {done}{where} ({seen}{stopped})."
    interval = f"{time_range(row['conf_low'], row['conf_high'], unit)} {unit}"
    if row["conf_high"] == float("inf"):
        interval = f"from {moment(row['conf_low'], unit)}, upper limit not reached"
    low, high = (_clear_of(row[end], unit, marks) for end in ("low", "high"))
    where = f"{half} had {done} by {high}" if low == high else f"{half} had {done} between {low} and {high}"
    naive = moment(row["naive"], unit)
    is_apart = np.isinf(row["naive"]) or pd.isna(row["late_low"])
    late = "" if is_apart else f", {late_words(row['late_low'], row['late_high'], unit)}"
    return (
        f"{where} ({confidence(level)} {interval}; {seen}). "
        f"{naive_name('n_stopped' in row)} at detection, for comparison only, says {naive}{late}."
    )


def comparison_words(table: pd.DataFrame | None) -> list[str]:
    """The tests of equal curves, a line each."""
    lines = []
    for row in () if table is None else table.dropna(subset="p_value").to_dict("records"):
        p = p_text(row["p_value"])
        who = patients(int(row["n_patients"]))
        if row["n"] != row["n_patients"]:
            who = f"{count(row['n'])} sessions of {who}"
        name = f"Log-rank test for intervals ({SCORE_NAMES[row['score']]})"
        chi = "" if pd.isna(row["statistic"]) else f"χ² = {row['statistic']:.2f}, df {row['df']:g}, "
        lines.append(
            f"{name}: {METHOD_NAMES[row['method']]}{chi}p {p if p.startswith('<') else f'= {p}'}; {who}"
        )
    return lines
