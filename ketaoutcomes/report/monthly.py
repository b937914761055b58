"""The monthly outcome report of a cohort."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.disclosure import Gate, choose_small_cells
from ketaoutcomes.report.first_page import first_page
from ketaoutcomes.report.html import render
from ketaoutcomes.report.record import record_of
from ketaoutcomes.report.report import Report, finished
from ketaoutcomes.report.scope import Scope, make_scope
from ketaoutcomes.report.sections.completeness import completeness
from ketaoutcomes.report.sections.course import course
from ketaoutcomes.report.sections.durability import durability
from ketaoutcomes.report.sections.during import during_sessions
from ketaoutcomes.report.sections.headline import Headline, headline
from ketaoutcomes.report.sections.methods import methods
from ketaoutcomes.report.sections.mixed import mixed
from ketaoutcomes.report.sections.part import Part
from ketaoutcomes.report.sections.responders import responders
from ketaoutcomes.report.sections.side_effects import side_effects
from ketaoutcomes.report.sections.timing import timing

__all__ = ["monthly_report"]

SECTIONS: dict[str, Callable[[Scope], Part]] = {
    "how fast": timing,
    "how long": durability,
    "who responded": responders,
    "symptom course": course,
    "mixed models": mixed,
    "side effects": side_effects,
    "during sessions": during_sessions,
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
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    Report
        `.save(folder)`, `.tables`, `.html`, `.manifest`.

    Raises
    ------
    ConfigError
        If the month is not one of the data, or `level` is outside 0 to 1.
    DataError
        If the cohort has no session, or the instrument is not known.
    """
    if not 0 < level < 1:
        raise ConfigError("level must lie between 0 and 1, e.g. 0.95")
    say = progress or (lambda step: None)
    gate = Gate(choose_small_cells(small_cells, synthetic=cohort.settings.synthetic))
    scope = make_scope(cohort, month=month, instrument=instrument, gate=gate, level=level)
    say("first page")
    top = headline(scope)
    parts = []
    for name, make in SECTIONS.items():
        say(name)
        parts.append(make(scope))
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
    page = first_page(scope, top, tables, sections, record)
    say("page")
    chosen = None if scope.calendar is None else scope.calendar.month
    title = f"{page.masthead.kicker}, {page.masthead.title if chosen else 'all patients'}"
    return finished(
        title=title, month=chosen, sections=sections, tables=tables, record=record, html=render(page)
    )


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
