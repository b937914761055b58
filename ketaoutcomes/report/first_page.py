"""The first page: masthead, lead, three answers; everything from released tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ketaoutcomes.catalog.definitions import PHASE_RULES, WINDOWS, baseline_rule
from ketaoutcomes.derive.sessions import DEFAULT_PHASE_RULE
from ketaoutcomes.derive.side_effects import ANY
from ketaoutcomes.draw.labels import count, missing, percent, percent_range
from ketaoutcomes.report.by_month import ALL
from ketaoutcomes.report.parts import KeyQuestion, Masthead, Page, Section
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.headline import Headline
from ketaoutcomes.report.sections.headline_months import PREVIOUS
from ketaoutcomes.report.sections.responders import BASELINE
from ketaoutcomes.report.sections.timing import at_time, last_shown
from ketaoutcomes.report.wording import baseline_words, induction_words, window_words
from ketaoutcomes.report.words import (
    UNCONTROLLED,
    bounds,
    ci,
    joined,
    month_name,
    plural,
    rate_words,
    time_words,
)

__all__ = ["first_page"]

# Below this many patients a month's percentage is not put into the lead alone.
FEW = 25
USES = {
    "limited-data-set": "Internal: limited data set, months kept",
    "safe-harbor": "Safe Harbor: no dates, no months",
}


def first_page(
    scope: Scope,
    top: Headline,
    tables: Mapping[str, pd.DataFrame],
    sections: tuple[Section, ...],
    record: Mapping[str, Any],
) -> Page:
    """Everything that the page template prints."""
    lead, text = _lead(scope, top)
    return Page(
        masthead=_masthead(scope),
        lead=lead,
        lead_text=text,
        questions=(
            _how_fast(scope, tables),
            _which_side_effects(scope, tables),
            _how_complete(scope, tables),
        ),
        headline=top.groups,
        reading=_reading(scope, top),
        footnotes=_footnotes(scope),
        sections=sections,
        facts=_facts(record),
    )


def _masthead(scope: Scope) -> Masthead:
    settings, calendar = scope.cohort.settings, scope.calendar
    facts = [("Cohort", settings.name or scope.cohort.source)]
    facts.append(
        (
            "Patients",
            count(scope.cohort.n_patients)
            if scope.cohort.n_patients > 10 or not scope.gate.suppresses
            else "1–10",
        )
    )
    if calendar is not None:
        facts.append(("Data cut", _day(calendar.cut) if calendar.cut else "not stated"))
    facts.append(("Use", USES[settings.deidentification]))
    return Masthead(
        kicker="Monthly outcome report" if calendar is not None else "Outcome report",
        title=month_name(calendar.month) if calendar is not None else "All patients",
        facts=tuple(facts),
        banners=_banners(scope),
    )


def _banners(scope: Scope) -> tuple[str, ...]:
    if scope.cohort.settings.synthetic:
        return ("Synthetic data: no patient is described",)
    if not scope.gate.suppresses:
        return ("Internal use: small counts are shown",)
    if scope.cohort.settings.dates_allowed:
        return ("Internal use: made from a limited data set",)
    return ()


def _day(iso: str) -> str:
    year, month, day = iso.split("-")
    return f"{int(day)} {month_name(f'{year}-{month}')}"


def _lead(scope: Scope, top: Headline) -> tuple[str, str]:
    """A sentence with the main numbers, and a paragraph with their denominators."""
    heads, sentences = _lead_outcome(scope, top)
    more_heads, more_sentences = _lead_safety(scope, top)
    head = (
        "; ".join([*heads, *more_heads]) or "The counts of this report are too small to be put in a sentence"
    )
    return head[0].upper() + head[1:], " ".join([*sentences, *more_sentences, UNCONTROLLED])


def _lead_outcome(scope: Scope, top: Headline) -> tuple[list[str], list[str]]:
    """Response of the month and of the year before; a month with few patients does not stand alone."""
    at = scope.calendar.outcome_month if scope.calendar is not None else ALL
    row, year = (_shown(top, "response", month) for month in (at, PREVIOUS))
    heads, sentences = [], []
    if row is not None:
        when = "" if at == ALL else f" that ended in {month_name(at)}"
        estimate, of_total, interval = rate_words(row)
        number = of_total.replace("/", " of ") if row["n"] < FEW and year is not None else f"{estimate} of"
        heads.append(f"{number} patients scored after induction had responded")
        sentences.append(
            f"Of {plural(row['n'], 'patient')} scored after an induction{when}, {count(row['n_events'])} had responded "
            f"({estimate}, {ci(scope.level)} {interval})."
        )
    if year is not None:
        share, before = percent(year["estimate"]), "in the 12 months before"
        if row is None:
            before += f" {month_name(at)}"
            heads.append(f"{share} of patients scored after induction had responded {before}")
        elif row["n"] < FEW:
            heads.append(f"{share} {before}")
        sentences.append(
            f"I{before[1:]}, {count(year['n_events'])} of {count(year['n'])} had responded ({share})."
        )
    return heads, sentences


def _lead_safety(scope: Scope, top: Headline) -> tuple[list[str], list[str]]:
    """Any side effect of the month, by checklist where there is one."""
    month = scope.calendar.month if scope.calendar is not None else ALL
    for way, words in (
        ("checklist", "asked by checklist"),
        ("spontaneous", "with effects noted if mentioned"),
    ):
        row = _shown(top, f"any_side_effect_{way}", month)
        if row is not None:
            estimate, of_total, interval = rate_words(row)
            when = "In all" if month == ALL else f"In {month_name(month)}"
            head = f"{estimate} of sessions {words} had a side effect"
            return [head], [f"{when}, {head} ({of_total}, {ci(scope.level)} {interval})."]
    return [], []


def _shown(top: Headline, name: str, month: str | None) -> pd.Series | None:
    """A released row with a number in it."""
    row = None if month is None else top.row(name, month)
    return None if row is None or row["suppressed"] or missing(row["estimate"]) else row


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
        told.append(
            f"{instrument.name} response by {when}: {share} ({ci(scope.level)} {span}, n={count(row['n'])})."
        )
        first = first or (share, f"had responded by {when}")
    if hours is None:
        told.insert(0, "Response in hours: not recorded.")
    value, unit = first or ("–", "not shown" if told else "not recorded")
    return KeyQuestion("How fast?", value, unit, " ".join([*told, "First response after session 1."]), 1)


def _which_side_effects(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> KeyQuestion:
    table = tables.get("side_effects_per_session")
    if table is None or table.empty:
        return KeyQuestion(
            "Which side effects?",
            "–",
            "not recorded",
            "No session says whether there were side effects; this is not zero.",
            4,
        )
    told, first = [], None
    for row in table[table["effect"] == ANY].to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        way = {"checklist": "by checklist", "spontaneous": "if mentioned"}.get(
            row["ascertainment"], f"by {row['ascertainment']}"
        )
        told.append(f"Any, {way}: {estimate} ({of_total}; {ci(scope.level)} {interval}).")
        if first is None and not row["suppressed"]:
            first = (estimate, f"of sessions, {way}")
    shown = table[(table["effect"] != ANY) & (table["suppressed"] == "")]
    names = list(dict.fromkeys(shown["effect"]))[:3]
    if names:
        told.append(f"Most often: {joined(names)}.")
    if table["ascertainment"].nunique() > 1:
        told.append("How one asks decides the rate, so the ways are never pooled.")
    value, unit = first or ("–", "not shown: counts are too small")
    return KeyQuestion("Which side effects?", value, unit, " ".join(told), 4)


def _how_complete(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> KeyQuestion:
    rows = tables["rows_by_table"]
    read, aside = int(rows["n_read"].sum()), int(rows["n_quarantined"].sum())
    kept = f"{count(read - aside)} of {count(read)} rows kept; {count(aside)} set aside by a rule."
    steps = tables.get("attrition")
    if steps is None or steps.empty:
        return KeyQuestion("How complete are the data?", "–", "no score recorded", kept, 5)
    first, last = steps.iloc[0], steps.iloc[-1]
    if missing(first["n"]) or missing(last["n"]) or not first["n"]:
        return KeyQuestion("How complete are the data?", "–", "not shown: counts are too small", kept, 5)
    text = f"{count(last['n'])} of {count(first['n'])} who started have a valid baseline, a complete induction and a score after it. {kept}"
    return KeyQuestion(
        "How complete are the data?", percent(last["n"] / first["n"]), "of starters scored", text, 5
    )


def _reading(scope: Scope, top: Headline) -> tuple[str, ...]:
    words = []
    if scope.calendar is None:
        words.append(
            "No months are kept under Safe Harbor, so every number covers the whole cohort and nothing is shown month by month."
        )
    else:
        words.append(
            "Charts: blue dots are complete months, black is the month in the row, hollow is provisional: its window is "
            "still open. The grey line is the value of the 12 months before."
        )
    return (*words, *top.absent)


def _footnotes(scope: Scope) -> tuple[tuple[str, str], ...]:
    notes = []
    if scope.instrument is not None:
        notes.append(
            (
                "a",
                f"Baseline: {baseline_words(baseline_rule(BASELINE), scope.instrument)}. Follow-up: {window_words(WINDOWS[WINDOW])}. "
                f"Induction: {induction_words(PHASE_RULES[DEFAULT_PHASE_RULE])}.",
            )
        )
    notes.append(("b", "The interval allows for several sessions per patient."))
    if scope.gate.suppresses:
        notes.append(("c", "Counts of 1–10, and whatever would reveal them, are not shown; 0 is."))
    return tuple(notes)


def _facts(record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = record["versions"]
    others = ", ".join(f"{name} {version}" for name, version in found.items() if name != "ketaoutcomes")
    facts = [
        ("Software", f"ketaoutcomes {found['ketaoutcomes']}; {others}"),
        ("Input", f"SHA-256 {record['cohort']['fingerprint']}"),
        ("Seed", ", ".join(str(seed) for seed in record["seed"]) or "none used"),
        (
            "Settings",
            ", ".join(
                f"{name.replace('_', ' ')} {value}"
                for name, value in record["settings"].items()
                if value is not None
            ),
        ),
        (
            "Tables",
            "every number on these pages is in tables/*.csv, listed with its SHA-256 in manifest.json",
        ),
    ]
    return tuple(facts)
