"""The title of a time-to-response result, and the words above its picture."""

from __future__ import annotations

from ketaoutcomes.analysis.notes import split_words
from ketaoutcomes.analysis.timing_ask import Ask
from ketaoutcomes.results.curve_words import moment

__all__ = ["shows", "title"]


def title(ask: Ask, what: str, rule: str, since: str) -> str:
    """What is estimated, in one line."""
    if ask.unit == "sessions":
        head = f"Number of sessions to {ask.kind} {what}, {rule}"
    else:
        head = f"Time to {ask.kind} {what}, {rule} ({ask.unit} since {since})"
    return f"{head}, with treatment stop as a competing event" if ask.competing else head


def shows(ask: Ask, verb: str, rule: str) -> str:
    """What the picture shows, with its unit."""
    done = {
        "first": verb,
        "sustained": f"{verb} for {ask.window_days:g} days",
        "confirmed": f"{verb}, confirmed {ask.apart_hours:g} h later",
    }[ask.kind]
    of = "patients" if ask.origin == "first_session" else "sessions"
    if ask.landmark is not None:
        of = f"patients at risk at {moment(ask.landmark, ask.unit)}"
    return f"{done}, % of {of} ({rule}){split_words(ask.by)}"
