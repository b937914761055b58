"""The monthly outcome report of a cohort."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.report.asked import check_asked
from ketaoutcomes.report.disclosure import Gate, choose_small_cells
from ketaoutcomes.report.first_page import first_page
from ketaoutcomes.report.html import render
from ketaoutcomes.report.record import record_of
from ketaoutcomes.report.releases import Release, read_release, rolls
from ketaoutcomes.report.report import Report, finished
from ketaoutcomes.report.scope import Scope, make_scope
from ketaoutcomes.report.sections.clinics import clinics
from ketaoutcomes.report.sections.completeness import completeness
from ketaoutcomes.report.sections.course import course
from ketaoutcomes.report.sections.durability import durability
from ketaoutcomes.report.sections.during import during_sessions
from ketaoutcomes.report.sections.headline import Headline, headline
from ketaoutcomes.report.sections.indications import indications
from ketaoutcomes.report.sections.methods import methods
from ketaoutcomes.report.sections.mixed import mixed
from ketaoutcomes.report.sections.months import months
from ketaoutcomes.report.sections.part import Part
from ketaoutcomes.report.sections.published import published
from ketaoutcomes.report.sections.responders import responders
from ketaoutcomes.report.sections.safety_item import safety_item
from ketaoutcomes.report.sections.side_effects import side_effects
from ketaoutcomes.report.sections.strata import strata
from ketaoutcomes.report.sections.timing import timing
from ketaoutcomes.report.settings import ReportSettings
from ketaoutcomes.report.thresholds import check_thresholds

__all__ = ["monthly_report"]

SECTIONS: dict[str, Callable[[Scope], Part]] = {
    "how fast": timing,
    "how long": durability,
    "who responded": responders,
    "symptom course": course,
    "mixed models": mixed,
    "side effects": side_effects,
    "during sessions": during_sessions,
    "safety item": safety_item,
    "indications": indications,
    "groups": strata,
    "clinics": clinics,
}
# Tables whose sizes are groups of the patients of the attrition.
GROUPS = {"onset_days_medians": "n_patients", "response_rates": "n", "remission_rates": "n"}


def monthly_report(
    cohort: Cohort,
    *,
    month: str | None = None,
    instrument: str | None = None,
    small_cells: str | None = None,
    level: float = 0.95,
    settings: ReportSettings | None = None,
    previous: Release | str | os.PathLike | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """The outcome report of a month: a page, its tables and how they were made.

    Outcomes are those of the latest month whose follow-up window had closed at the data cut, safety
    that of the month itself; the sections describe the twelve months that end with it. A cohort
    that keeps no months (Safe Harbor) is reported as a whole.

    Parameters
    ----------
    cohort : Cohort
    month : str, optional
        "YYYY-MM"; the last complete month by default.
    instrument : str, optional
        The main instrument; by default the first in the catalogue's order of those that are scored
        in nearly as many patients as the most used one.
    small_cells : {"suppress", "show"}, optional
        Whether counts of 1 to 10 are hidden. "suppress" by default, "show" for a synthetic cohort;
        when shown, the page says so.
    level : float
        Confidence level of every interval.
    settings : ReportSettings, optional
        The charts' baseline, changes, groups and thresholds, e.g. of `read_report_settings`.
    previous : path or Release, optional
        The last report that left, as its folder or `read_release(folder)`: what the two would show
        together is hidden. Without it the report says that it was compared with none.
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    Report
        `.save(folder)`, `.tables`, `.html`, `.manifest`.

    Raises
    ------
    ConfigError
        If the month or the charts' baseline is not of the data, `level` is outside 0 to 1, or `previous` is
        no report, or one about something else.
    DataError
        If there is no cohort, it has no session, or the instrument is not known.
    """
    check_asked(cohort, level=level, settings=settings, month=month, previous=previous)
    say = progress or (lambda step: None)
    mode = choose_small_cells(small_cells, synthetic=cohort.settings.synthetic)
    release = previous if previous is None or isinstance(previous, Release) else read_release(previous)
    gate = Gate(mode, previous=release, level=level)
    told = settings or ReportSettings()
    scope = make_scope(cohort, month=month, instrument=instrument, gate=gate, level=level, settings=told)
    if release is not None:
        scope = _compared(scope, release)
    say("first page")
    top = headline(scope)
    parts = []
    for name, make in SECTIONS.items():
        say(name)
        parts.append(make(scope))
    say("months")
    parts.append(months(scope, top.charts))
    say("published results")
    parts.append(published(scope))
    say("completeness")
    sizes = _group_sizes(parts) + ([] if scope.has_recent else _ended(top))
    parts.append(completeness(scope, sizes))
    results = [result for part in parts for result in part.results]
    hidden = [*top.hidden, *(entry for part in parts for entry in part.hidden)]
    parts.append(methods(scope, results, hidden, (*top.absent, *_outside_catalogue(cohort))))
    tables = dict(top.tables)
    for part in parts:
        tables |= part.tables
    record = record_of(scope, results)
    sections = tuple(part.section for part in parts)
    breaches = check_thresholds(tables, told.thresholds)
    record |= {"thresholds_not_met": [breach.words for breach in breaches]}
    page = first_page(scope, top, tables, sections, record)
    say("page")
    chosen = None if scope.calendar is None else scope.calendar.month
    title = f"{page.masthead.kicker}, {page.masthead.title if chosen else 'all patients'}"
    return finished(
        title=title,
        month=chosen,
        sections=sections,
        tables=tables,
        record=record,
        html=render(page),
        page=page,
    )


def _compared(scope: Scope, release: Release) -> Scope:
    """`scope` with a gate that knows whether the twelve months have rolled on since the last release."""
    name = scope.cohort.settings.name or scope.cohort.source
    release.check(cohort=name, instrument=scope.instrument and scope.instrument.name)
    rolling = rolls(release, scope.cohort, scope.calendar, scope.gate.few)
    return replace(scope, gate=replace(scope.gate, rolling=rolling))


def _group_sizes(parts: Sequence[Part]) -> list[float]:
    """Sizes, as printed, of groups of the patients that the attrition counts."""
    tables = {name: table for part in parts for name, table in part.tables.items()}
    return [
        float(size)
        for name, column in GROUPS.items()
        if name in tables
        for size in tables[name][column].dropna()
    ]


def _ended(top: Headline) -> list[float]:
    """How many completed an induction, where page 1 is about the same patients as the attrition."""
    table = top.tables.get("response")
    return [] if table is None else (table["n"] + table["n_missing"]).dropna().astype(float).tolist()


def _outside_catalogue(cohort: Cohort) -> tuple[str, ...]:
    """Says how many instruments have scores but are in no analysis, since nothing is known of them."""
    unknown = sum(name not in INSTRUMENTS for name in cohort.instruments)
    if not unknown:
        return ()
    what = "1 instrument that is" if unknown == 1 else f"{unknown} instruments that are"
    return (f"Scores of {what} not in the catalogue: kept, but no range or direction is known.",)
