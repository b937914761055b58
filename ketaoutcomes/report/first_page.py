"""The first page: masthead, lead, three answers; everything from released tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ketaoutcomes.catalog.definitions import PHASE_RULES, WINDOWS, baseline_rule
from ketaoutcomes.derive.sessions import DEFAULT_PHASE_RULE
from ketaoutcomes.draw.labels import count, missing, percent
from ketaoutcomes.report.by_month import ALL, PREVIOUS
from ketaoutcomes.report.calendar import Calendar
from ketaoutcomes.report.key_questions import key_questions
from ketaoutcomes.report.nobody import is_empty
from ketaoutcomes.report.parts import Masthead, Page, Section
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.headline import Headline
from ketaoutcomes.report.sections.responders import BASELINE
from ketaoutcomes.report.wording import baseline_words, induction_words, window_words
from ketaoutcomes.report.words import (
    UNCONTROLLED,
    asked,
    ci,
    day_name,
    month_name,
    plural,
    rate_words,
)

__all__ = ["first_page"]

# Below this many patients a month's percentage is not put into the lead alone.
FEW = 25
NO_BASELINE = (
    "No valid baseline: none in these days, one that leaves no room to fall or, for remission, one that is "
    "in remission already."
)
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
        questions=key_questions(scope, tables),
        headline=top.groups,
        reading=_reading(scope, top),
        footnotes=_footnotes(scope, top),
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
        facts.append(("Data cut", _cut(calendar)))
    facts.append(("Use", USES[settings.deidentification]))
    return Masthead(
        kicker="Monthly outcome report" if calendar is not None else "Outcome report",
        title=_title(calendar) if calendar is not None else "All patients",
        facts=tuple(facts),
        banners=_banners(scope),
    )


def _banners(scope: Scope) -> tuple[str, ...]:
    banners = []
    if scope.cohort.settings.synthetic:
        banners.append("Synthetic data: no patient is described")
    elif not scope.gate.suppresses:
        banners.append("Internal use: small counts are shown")
    elif scope.cohort.settings.dates_allowed:
        banners.append("Internal use: made from a limited data set")
    if scope.calendar is not None and not scope.calendar.is_complete:
        banners.append(f"{scope.calendar.month_words}: provisional")
    return tuple(banners)


def _title(calendar: Calendar) -> str:
    return month_name(calendar.month) + ("" if calendar.is_complete else " so far")


def _cut(calendar: Calendar) -> str:
    """The last day of the data, or which month counts as incomplete because it is not known."""
    if calendar.cut:
        return day_name(calendar.cut)
    return "not stated" + "".join(
        f"; {month_name(month)} counts as incomplete" for month in calendar.incomplete
    )


def _lead(scope: Scope, top: Headline) -> tuple[str, str]:
    """A sentence with the main numbers, and a paragraph with their denominators."""
    heads, sentences = _lead_outcome(scope, top)
    more_heads, more_sentences = _lead_safety(scope, top)
    head = "; ".join([*heads, *more_heads]) or "Not enough can be shown for a summary"
    return head[0].upper() + head[1:], " ".join([*sentences, *more_sentences, UNCONTROLLED])


def _lead_outcome(scope: Scope, top: Headline) -> tuple[list[str], list[str]]:
    """Response of the month and of the year before; a month with few patients does not stand alone."""
    at = scope.calendar.outcome_month if scope.calendar is not None else ALL
    row, year = (_shown(top, "response", month) for month in (at, PREVIOUS))
    heads, sentences = [], []
    when = "" if at in (ALL, None) else f" that ended in {month_name(at)}"
    if top.nobody:
        heads.append(top.nobody)
        before = " or in the 12 months before" if at != ALL else ""
        said = top.nobody.replace("after induction", f"after an induction{when}{before}")
        sentences.append(f"{said[:1].upper()}{said[1:]}, so no share of responders is given.")
    elif year is not None and _has_nobody(top, "response", at):
        sentences.append(f"No patient was scored after an induction{when}.")
    if row is not None:
        estimate, of_total, interval = rate_words(row)
        number = of_total.replace("/", " of ") if row["n"] < FEW and year is not None else f"{estimate} of"
        heads.append(f"{number} patients scored after induction had responded")
        sentences.append(
            f"Of {plural(row['n'], 'patient')} scored after an induction{when}, {count(row['n_events'])} "
            f"had responded ({estimate}, {ci(scope.level)} {interval})."
        )
        if not missing(row["n_missing"]) and row["n_missing"]:
            total = count(row["n"] + row["n_missing"])
            sentences.append(f"The outcome of {count(row['n_missing'])} of {total} is not known.")
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
        ("checklist", asked("checklist")),
        ("spontaneous", "with effects noted if mentioned"),
        ("scale", asked("scale")),
        ("not_stated", asked("not stated")),
    ):
        row = _shown(top, f"any_side_effect_{way}", month)
        if row is not None:
            estimate, of_total, interval = rate_words(row)
            when = "in all" if month == ALL else f"in {scope.calendar.month_words}"
            told = f"{estimate} of sessions {words} had a side effect"
            is_complete = month == ALL or scope.calendar.is_complete
            head = told if is_complete else f"{when}, {told}"
            return [head], [f"I{when[1:]}, {told} ({of_total}, {ci(scope.level)} {interval})."]
    return [], []


def _shown(top: Headline, name: str, month: str | None) -> pd.Series | None:
    """A released row with a number in it."""
    row = None if month is None else top.row(name, month)
    return None if row is None or row["suppressed"] or missing(row["estimate"]) else row


def _has_nobody(top: Headline, name: str, month: str | None) -> bool:
    """Whether a measure's row of the month is of nobody."""
    row = None if month is None else top.row(name, month)
    return row is not None and is_empty(row["n"])


def _reading(scope: Scope, top: Headline) -> tuple[str, ...]:
    words = []
    if scope.calendar is None:
        words.append(
            "No months are kept under Safe Harbor, so every number covers the whole cohort and nothing is "
            "shown month by month."
        )
    elif any(row.spark for group in top.groups for row in group.rows):
        words.append(
            "Charts: filled dots are complete months, black is the month in the row; hollow is provisional: "
            "the month is not over or its window is still open. The grey line is the value of the 12 "
            "months before."
        )
    return (*words, *top.absent)


def _footnotes(scope: Scope, top: Headline) -> tuple[tuple[str, str], ...]:
    """The notes whose letters the table uses."""
    rows = [row for group in top.groups for row in group.rows]
    notes = []
    if any(row.letter == "a" for row in rows):
        induction = induction_words(PHASE_RULES[DEFAULT_PHASE_RULE])
        baseline = baseline_words(baseline_rule(BASELINE), scope.instrument)
        follow_up = window_words(WINDOWS[WINDOW])
        notes.append(
            ("a", f"Baseline: {baseline}. Follow-up: {follow_up}. Induction: {induction}. {NO_BASELINE}")
        )
    if any(row.letter == "b" for row in rows):
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
