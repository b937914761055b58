"""Phrases of the report; numbers are printed by `draw.labels`, so that page and figures agree."""

from __future__ import annotations

from collections.abc import Iterable

from ketaoutcomes.draw.labels import DASH, count, few_words, hidden, missing, percent, percent_range

__all__ = [
    "UNCONTROLLED",
    "asked",
    "bounds",
    "ci",
    "day_name",
    "joined",
    "month_name",
    "plural",
    "rate_words",
    "time_words",
    "way_name",
]

UNCONTROLLED = "Uncontrolled: it describes what followed treatment, not what treatment caused."
ASKED = {"checklist": "asked by checklist", "spontaneous": "noted if mentioned", "scale": "asked by a scale"}
NOT_STATED = "asked in a way that is not stated"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def month_name(month: str) -> str:
    """``"2026-09"`` in words, ``"September 2026"``."""
    year, number = month.split("-")
    return f"{MONTHS[int(number) - 1]} {int(year)}"


def day_name(day: str) -> str:
    """``"2026-10-08"`` in words, ``"8 October 2026"``."""
    return f"{int(day[8:])} {month_name(day[:7])}"


def plural(value, singular: str, plural_form: str | None = None) -> str:
    """Count and noun, e.g. ``"1 patient"``, ``"1,024 patients"``."""
    noun = singular if not missing(value) and int(value) == 1 else plural_form or f"{singular}s"
    return f"{count(value)} {noun}"


def asked(way: str) -> str:
    """``"asked by checklist"``: how side effects were asked for; any other way is one that is not stated."""
    return ASKED.get(way, NOT_STATED)


def way_name(way: str) -> str:
    """A way of asking in a list or the head of a column: ``"checklist"``, ``"way of asking not stated"``."""
    return way if way in ASKED else "way of asking not stated"


def joined(words: Iterable[str], last: str = "and") -> str:
    """``"a, b and c"``."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def bounds(low, high) -> str:
    """A share, or the two bounds between which it lies: ``"36%"``, ``"36–42%"``."""
    if missing(low) or missing(high):
        return DASH
    return percent(low) if percent(low) == percent(high) else f"{percent_range(low, high)}%"


def ci(level: float) -> str:
    """``"95% CI"``."""
    return f"{100 * level:g}% CI"


def rate_words(row) -> tuple[str, str, str]:
    """A released row with `n_events` of `n` as estimate, n/N and interval, whatever is hidden in it."""
    if not row["suppressed"]:
        if row["n"] == 0:
            return DASH, "none", DASH
        span = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
        return percent(row["estimate"]), f"{count(row['n_events'])}/{count(row['n'])}", span
    events, estimate = hidden(row["suppressed"])
    if missing(row["n"]):
        of_few = f"of {few_words(row['suppressed'])}" if row["suppressed"].startswith("total") else ""
        return estimate, of_few, estimate
    if row["suppressed"].startswith("all but"):
        events = f"all but {few_words(row['suppressed'])}"
    return events if events != DASH else estimate, f"of {count(row['n'])}", estimate


def time_words(value: float, unit: str) -> str:
    """``"day 29"`` or ``"24 hours"``."""
    amount = f"{value:.1f}".removesuffix(".0")
    if unit == "days":
        return f"day {amount}"
    return "1 hour" if amount == "1" else f"{amount} hours"
