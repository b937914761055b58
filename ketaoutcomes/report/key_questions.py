"""The three answers at the head of a report, each from released tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ketaoutcomes.derive.side_effects import ANY
from ketaoutcomes.draw.labels import count, missing, percent, percent_range
from ketaoutcomes.report.nobody import first_empty_step
from ketaoutcomes.report.numbering import COMPLETENESS, DURABILITY, SIDE_EFFECTS, TIMING
from ketaoutcomes.report.parts import KeyQuestion
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.timing import at_time, last_shown
from ketaoutcomes.report.words import asked, bounds, ci, joined, rate_words, time_words

__all__ = ["key_questions"]

# Shorter than in the sections, for a box.
WAYS = {"checklist": "by checklist", "spontaneous": "if mentioned", "scale": "by a scale"}


def key_questions(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> tuple[KeyQuestion, ...]:
    """How fast, how long, which side effects, how complete."""
    return (
        _how_fast(scope, tables),
        _how_long(scope, tables),
        _which_side_effects(scope, tables),
        _how_complete(scope, tables),
    )


def _how_fast(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> KeyQuestion:
    hours, days = tables.get("onset_hours_landmarks"), tables.get("onset_days_landmarks")
    told = []
    first = None
    for landmarks, unit, wanted, instrument in (
        (hours, "hours", 24.0, scope.momentary),
        (days, "days", 28.0, scope.instrument),
    ):
        if landmarks is None:
            continue
        row = at_time(landmarks, wanted)
        row = last_shown(landmarks) if row is None else row
        if row is None:
            told.append(f"{instrument.name}: not shown, counts are too small.")
            continue
        when = time_words(row["time"], unit)
        share = bounds(row["estimate"], row["estimate_high"])
        span = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
        size = "" if missing(row["n"]) else f", n={count(row['n'])}"
        told.append(f"{instrument.name} response by {when}: {share} ({ci(scope.level)} {span}{size}).")
        first = first or (share, f"had responded by {when}")
    if hours is None:
        told.insert(0, f"Response in hours: not recorded{_for_want_of_scores(scope)}.")
    recorded = hours is not None or days is not None
    value, unit = first or ("", "not shown: counts are too small" if recorded else "not recorded")
    return KeyQuestion("How fast?", value, unit, " ".join([*told, _first_response(scope)]), TIMING)


def _how_long(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> KeyQuestion:
    """What became of the episodes of response by day 28, or by the last day shown."""
    table = tables.get("durability_days")
    if table is None or table.empty:
        why = f"No episode of response can be followed{_for_want_of_scores(scope)}."
        return KeyQuestion("How long?", "", "not recorded", why, DURABILITY)
    shown = table[table["suppressed"] == ""]
    if shown.empty:
        return KeyQuestion("How long?", "", "not shown: counts are too small", "", DURABILITY)
    at = shown[shown["time"] == 28]
    row = (at if len(at) else shown).iloc[-1]
    span = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
    size = "" if missing(row["n"]) else f"; {count(row['n'])} episodes"
    told = (
        f"{bounds(row['estimate'], row['estimate_high'])} had lost the response ({ci(scope.level)} {span}"
        f"{size}); {bounds(row['next_session'], row['next_session_high'])} had their next session first."
    )
    still = bounds(row["still_responding"], row["still_responding_high"])
    unit = f"responding at day {row['time']:g} without a further session"
    return KeyQuestion("How long?", still, unit, told, DURABILITY)


def _which_side_effects(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> KeyQuestion:
    table = tables.get("side_effects_per_session")
    if table is None or table.empty:
        return KeyQuestion(
            "Which side effects?",
            "",
            "not recorded",
            "No session says whether there were side effects; this is not zero.",
            6,
        )
    told, first = [], None
    for row in table[table["effect"] == ANY].to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        way = WAYS.get(row["ascertainment"], asked(row["ascertainment"]))
        told.append(f"Any, {way}: {estimate} ({of_total}; {ci(scope.level)} {interval}).")
        if first is None and not row["suppressed"]:
            first = (estimate, f"of sessions, {way}")
    shown = table[(table["effect"] != ANY) & (table["suppressed"] == "")]
    names = list(dict.fromkeys(shown["effect"]))[:3]
    if names:
        told.append(f"Most often: {joined(names)}.")
    if table["ascertainment"].nunique() > 1:
        told.append("How one asks decides the rate, so the ways are never pooled.")
    if scope.has_recent:
        told.insert(0, f"Sessions in the {scope.period}.")
    value, unit = first or ("", "not shown: counts are too small")
    return KeyQuestion("Which side effects?", value, unit, " ".join(told), SIDE_EFFECTS)


def _first_response(scope: Scope) -> str:
    started = f", of those who started{_among(scope)}" if scope.has_recent else ""
    return f"First response after session 1{started}."


def _among(scope: Scope) -> str:
    """``" in the 12 months to September 2026"``, for those who started."""
    return f" in the {scope.period}" if scope.has_recent else ""


def _not_due(steps: pd.DataFrame) -> str:
    """How many of those who are not scored are not due yet, in a sentence."""
    rows = steps[steps["step"] == "window closed at the data cut"]
    if rows.empty or missing(rows.iloc[0]["n_lost"]) or not rows.iloc[0]["n_lost"]:
        return ""
    return f"Of the others {count(rows.iloc[0]['n_lost'])} are not due yet. "


def _how_complete(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> KeyQuestion:
    rows = tables["rows_by_table"]
    kept = f"Rows are counted in section {COMPLETENESS}."
    if (rows["suppressed"] == "").all():
        read, aside = int(rows["n_read"].sum()), int(rows["n_quarantined"].sum())
        kept = f"{count(read - aside)} of {count(read)} rows kept; {count(aside)} set aside by a rule."
    steps = tables.get("attrition")
    if steps is None or steps.empty:
        return KeyQuestion("How complete are the data?", "", _no_scores(scope), kept, COMPLETENESS)
    first, last = steps.iloc[0], steps.iloc[-1]
    if missing(first["n"]) or missing(last["n"]) or not first["n"]:
        return KeyQuestion(
            "How complete are the data?", "", "not shown: counts are too small", kept, COMPLETENESS
        )
    who, nobody = f"who started{_among(scope)}", first_empty_step(scope, steps)
    some = f"Of the {count(first['n'])} {who} nobody has"
    if not nobody:
        some = f"{count(last['n'])} of {count(first['n'])} {who} have"
    text = f"{some} a valid baseline, a complete induction and a score after it. {_not_due(steps)}{kept}"
    value, unit = percent(last["n"] / first["n"]), "of starters scored"
    if nobody:
        value, unit = "", nobody
    return KeyQuestion("How complete are the data?", value, unit, text, COMPLETENESS)


def _for_want_of_scores(scope: Scope) -> str:
    """The reason to end a sentence with, where no score can be used at all."""
    return f": {scope.why_no_instrument}" if scope.is_uncatalogued else ""


def _no_scores(scope: Scope) -> str:
    """Why nobody is followed from session to score, for the box."""
    return scope.why_no_instrument if scope.cohort.instruments else "no score recorded"
