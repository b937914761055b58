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
from ketaoutcomes.report.sections.charted import baseline_words as charted_on
from ketaoutcomes.report.sections.headline import Headline
from ketaoutcomes.report.sections.months import look_into
from ketaoutcomes.report.sections.responders import BASELINE
from ketaoutcomes.report.wording import baseline_words, induction_words, window_words
from ketaoutcomes.report.words import (
    UNCONTROLLED,
    asked,
    ci,
    day_name,
    joined,
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
        masthead=_masthead(scope, record),
        lead=lead,
        lead_text=text,
        questions=key_questions(scope, tables),
        headline=top.groups,
        reading=_reading(scope, top),
        footnotes=_footnotes(scope, top),
        sections=sections,
        facts=_facts(scope, record),
        look_into=look_into(top.charts),
    )


def _masthead(scope: Scope, record: Mapping[str, Any]) -> Masthead:
    settings, calendar = scope.cohort.settings, scope.calendar
    facts = [("Cohort", settings.name or scope.cohort.source)]
    facts.append(
        (
            "Patients",
            _patients(scope),
        )
    )
    if calendar is not None:
        facts.append(("Data cut", _cut(calendar)))
    facts.append(("Use", USES[settings.deidentification]))
    return Masthead(
        kicker="Monthly outcome report" if calendar is not None else "Outcome report",
        title=_title(calendar) if calendar is not None else "All patients",
        facts=tuple(facts),
        banners=(*_banners(scope), *(f"Data quality. {words}" for words in record["thresholds_not_met"])),
    )


def _patients(scope: Scope) -> str:
    """All patients of the cohort, as far as the gate lets the number stand."""
    n = scope.cohort.n_patients
    shown = scope.gate.printable("patients", n)
    if shown is not None:
        return count(shown)
    few = scope.gate.few
    return few.words if few.is_small(n) else "not shown: close to the last report’s"


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
    words = [*sentences, *more_sentences, *_lead_signals(top), UNCONTROLLED]
    return head[0].upper() + head[1:], " ".join(words)


def _lead_signals(top: Headline) -> list[str]:
    """Which measures' months have a signal, and of how many there is none."""
    tested = [chart for chart in top.charts if chart.is_tested]
    if not tested:
        return []
    seen = [chart for chart in tested if chart.is_signal]
    if not seen:
        return [f"Month by month there is no signal in {plural(len(tested), 'measure')}."]
    named = joined(
        f"{chart.kind.measure[:1].lower()}{chart.kind.measure[1:]}"
        if not chart.kind.measure.startswith("BP")
        else chart.kind.measure
        for chart in seen
    )
    others = len(tested) - len(seen)
    rest = f"; none in the other {plural(others, 'measure')}" if others else ""
    return [f"Month by month there are signals in {named}{rest}: see “To look into”."]


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
            "the month is not over or its window is still open. Grey: the mean and the three-sigma limits of "
            f"{charted_on(scope)}. A ring marks a month outside the limits, orange a shift. “No "
            "signal” does not mean “good” or “unchanged”."
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
        rounds = " All other counts are rounded to the nearest 5." if scope.gate.rounds else ""
        said = f"Counts of {scope.gate.few.words}, and whatever would reveal them, are not shown; 0 is."
        notes.append(("c", said + rounds))
    return tuple(notes)


def _facts(scope: Scope, record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
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
                if isinstance(value, str | float)
            ),
        ),
        ("Compared with", scope.gate.compared_with),
        (
            "Tables",
            "every number on these pages is in tables/*.csv, listed with its SHA-256 in manifest.json",
        ),
    ]
    return tuple(facts)
