"""The tables and figures of a paper on a cohort."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.groups import groups
from ketaoutcomes.draw.labels import count, missing, number, number_range, percent
from ketaoutcomes.report.asked import check_asked
from ketaoutcomes.report.checklist import Known, filled_checklist
from ketaoutcomes.report.disclosure import choose_small_cells
from ketaoutcomes.report.first_page import USES
from ketaoutcomes.report.gate_paper import PaperGate
from ketaoutcomes.report.html import render
from ketaoutcomes.report.paper.added import with_tables
from ketaoutcomes.report.paper.by_session import by_session
from ketaoutcomes.report.paper.companions import companions
from ketaoutcomes.report.paper.flow import flow
from ketaoutcomes.report.paper.groups import by_severity
from ketaoutcomes.report.paper.missing_data import missing_data
from ketaoutcomes.report.paper.outcomes import outcomes
from ketaoutcomes.report.paper.predictors import predictors
from ketaoutcomes.report.paper.reused import reused
from ketaoutcomes.report.paper.scope import PaperPart, PaperScope, paper_scope
from ketaoutcomes.report.paper.table_one import table_one
from ketaoutcomes.report.paper.text import definitions_part, limits_section, methods_section
from ketaoutcomes.report.paper.treatment import treatment
from ketaoutcomes.report.parts import Column, Masthead, Page, Section, Table
from ketaoutcomes.report.record import record_of
from ketaoutcomes.report.report import Report, finished
from ketaoutcomes.report.sections.course import course
from ketaoutcomes.report.sections.durability import durability
from ketaoutcomes.report.sections.during import during_sessions
from ketaoutcomes.report.sections.published import published
from ketaoutcomes.report.sections.safety_item import safety_item
from ketaoutcomes.report.sections.side_effects import side_effects
from ketaoutcomes.report.sections.timing import timing
from ketaoutcomes.report.settings import ReportSettings
from ketaoutcomes.report.versions import versions
from ketaoutcomes.report.words import UNCONTROLLED, ci, plural

__all__ = ["cohort_report"]

METHODS = 1
# Results in the order of a paper: code, name of the step, and how it is made; or the section that the
# monthly report has too, with its question here.
OWN: Mapping[str, tuple[str, Callable[[PaperScope, int], PaperPart]]] = {
    "R1": ("participants", flow),
    "R2": ("table one", table_one),
    "R3": ("treatment", treatment),
    "R4": ("outcome", outcomes),
    "R5": ("severity", by_severity),
    "R7": ("by session", by_session),
    "R12": ("other instruments", companions),
    "R16": ("predictors", predictors),
    "R17": ("missing data", missing_data),
}
REUSED: Mapping[str, tuple[str, Callable, str]] = {
    "R6": ("course", course, "Course of scores"),
    "R8": ("time to response", timing, "Time to response"),
    "R9, R10": ("durability", durability, "Durability and days between sessions"),
    "R11": ("safety item", safety_item, "The safety item"),
    "R13": ("side effects", side_effects, "Side effects"),
    "R14, R15": ("during sessions", during_sessions, "Vital signs and dissociation"),
    "R18": ("published", published, "Published results"),
}
ORDER = (
    "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9, R10", "R11", "R12", "R13", "R14, R15", "R16", "R17",
    "R18",
)  # fmt: skip


def cohort_report(
    cohort: Cohort,
    *,
    instrument: str | None = None,
    at: str | float = "end_of_induction",
    by: str | None = None,
    small_cells: str | None = None,
    level: float = 0.95,
    settings: ReportSettings | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """The tables and figures of a paper on a cohort, with methods, limits and a checklist.

    All patients of the cohort are described; narrow it with `Cohort.select` before, which the methods then
    say. Everything is uncontrolled. What only the authors know is left to them in the checklist.

    Parameters
    ----------
    cohort : Cohort
    instrument : str, optional
        The primary instrument; by default the one that `monthly_report` would take.
    at : str or float
        The window in which the outcome is read, or a number of days that a window is named for.
    by : str, optional
        A column of `patients`, or of `sessions` (the value at session 1), by which response and remission
        are also set out.
    small_cells : {"suppress", "round", "show"}, optional
        Whether counts of 1 to 10 are hidden. "suppress" by default, "show" for a synthetic cohort.
    level : float
        Confidence level of every interval.
    settings : ReportSettings, optional
        What a report is told; a cohort report makes no use of the charts' settings.
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    Report
        `.save(folder)`, `.tables`, `.html`. `manuscript_files(report.sections, title=report.title)` of
        `ketaoutcomes.report.manuscript` gives the printed tables as HTML and DOCX for a manuscript.

    Raises
    ------
    ConfigError
        If `level` is outside 0 to 1, or `small_cells` is not known.
    DataError
        If the cohort has no session, or the instrument, the window or `by` is not known.
    """
    check_asked(cohort, level=level, settings=settings, by=() if by is None else (by,))
    say = progress or (lambda step: None)
    groups(cohort, by)
    gate = PaperGate(choose_small_cells(small_cells, synthetic=cohort.settings.synthetic), level=level)
    scope = paper_scope(
        cohort, instrument=instrument, at=at, by=by, gate=gate, level=level,
        settings=settings or ReportSettings(),
    )  # fmt: skip
    parts: dict[str, PaperPart] = {}
    for place, code in enumerate(ORDER, start=METHODS + 1):
        parts[code] = _made(scope, code, place, say)
        scope = replace(scope, printed=(*scope.printed, *parts[code].sizes))
    results = [result for part in parts.values() for result in part.results]
    hidden = [entry for part in parts.values() for entry in part.hidden]
    last = METHODS + len(ORDER)
    definitions, small_counts = definitions_part(scope, results, hidden)
    tables = {name: table for part in (*parts.values(), definitions) for name, table in part.tables.items()}
    methods = methods_section(scope, results, METHODS)
    checklist = _checklist(scope, parts, len(definitions.tables["definitions"]), last + 2)
    tables["checklist"] = scope.gate.plain("checklist", checklist[1]).frame
    sections = (
        methods,
        *(part.section for part in parts.values()),
        limits_section(scope, last + 1, small_counts),
        checklist[0],
        _definitions(definitions.section.tables, last + 3),
    )
    say("page")
    record = record_of(scope, results)
    record["settings"] = {**record["settings"], "report": "cohort", "window": scope.window.name, "by": by}
    page = _page(scope, tables, sections, record)
    title = f"{page.masthead.kicker}, {page.masthead.title}"
    return finished(
        title=title,
        month=None,
        sections=sections,
        tables=tables,
        record=record,
        html=render(page),
        page=page,
        further=_manuscript,
    )


def _manuscript(report: Report) -> dict[str, bytes]:
    # Only here: a report that is looked at and not saved need not load the writer of documents.
    from ketaoutcomes.report.manuscript import manuscript_files

    return manuscript_files(report.sections, title=report.title, notes=report.page.masthead.banners)


def _made(scope: PaperScope, code: str, place: int, say: Callable[[str], None]) -> PaperPart:
    if code in OWN:
        name, make = OWN[code]
        say(name)
        return make(scope, place)
    name, make, question = REUSED[code]
    say(name)
    return with_tables(reused(scope, place, make, code=code, question=question), code, scope)


def _checklist(
    scope: PaperScope, parts: Mapping[str, PaperPart], n_definitions: int, number_of: int
) -> tuple[Section, pd.DataFrame]:
    """R19: the checklist as a section, and as a table."""
    where = {one: str(part.section.number) for code, part in parts.items() for one in code.split(", ")}
    where |= {"limits": str(number_of - 1), "definitions": str(number_of + 1)}
    known = Known(
        cohort=scope.cohort,
        window=scope.window.label[:1].lower() + scope.window.label[1:],
        starters=plural(scope.n_starters, "patient"),
        sections=where,
        definitions=n_definitions,
    )
    frame = filled_checklist(known)
    rows = tuple(zip(frame["number"], frame["label"], frame["filled"], strict=True))
    columns = (Column("Item", True), Column("Asks for", True), Column("What is known here", True))
    notes = (
        "Labels are ours: read the statements (STROBE: von Elm 2007, Lancet 370, 1453; RECORD: Benchimol "
        "2015, PLoS Med 12, e1001885) before a checklist is handed in.",
    )
    table = Table("Table R19. STROBE, and what RECORD adds", columns, rows, notes, is_wide=True)
    section = Section(
        number=number_of,
        question="R19 Checklist",
        reading=(
            "Filled from what is known; an item that is filled in part is still the authors’ to finish.",
        ),
        tables=(table,),
    )
    return section, frame


def _definitions(tables: Sequence[Table], number_of: int) -> Section:
    return Section(
        number=number_of,
        question="Definitions",
        reading=("Every definition behind the numbers, with its source.",),
        tables=tuple(tables),
    )


def _page(
    scope: PaperScope, tables: Mapping[str, pd.DataFrame], sections: tuple[Section, ...], record: Mapping
) -> Page:
    lead, text = _lead(scope, tables)
    found = record["versions"]
    facts = (
        ("Software", f"ketaoutcomes {versions()['ketaoutcomes']}; Python {found['python']}"),
        ("Input", f"SHA-256 {record['cohort']['fingerprint']}"),
        ("Tables", "every number on these pages is in tables/*.csv, listed in manifest.json"),
    )
    return Page(
        masthead=_masthead(scope),
        lead=lead,
        lead_text=text,
        questions=(),
        headline=(),
        reading=("Numbers come in the order of a paper: methods, results R1 to R18, limits, checklist.",),
        footnotes=(),
        sections=sections,
        facts=facts,
    )


def _masthead(scope: PaperScope) -> Masthead:
    settings, few = scope.cohort.settings, scope.gate.few
    n = scope.cohort.n_patients
    hidden = scope.gate.suppresses and few.is_small(n)
    facts = [("Patients", few.words if hidden else count(n))]
    if scope.instrument is not None:
        facts.append(("Primary", scope.instrument.name))
    facts += [("Window", scope.window.label), ("Use", USES[settings.deidentification])]
    banners = []
    if settings.synthetic:
        banners.append("Synthetic data: no patient is described")
    elif not scope.gate.suppresses:
        banners.append("Internal use: small counts are shown")
    elif settings.dates_allowed:
        banners.append("Internal use: made from a limited data set")
    return Masthead("Cohort report", settings.name or scope.cohort.source, tuple(facts), tuple(banners))


def _lead(scope: PaperScope, tables: Mapping[str, pd.DataFrame]) -> tuple[str, str]:
    """The primary outcome in a sentence, and with n and interval below."""
    heads, said = [], []
    row = tables["pre_post"].iloc[0] if "pre_post" in tables else None
    name = "" if scope.instrument is None else scope.instrument.name
    if row is not None and not row["suppressed"] and not missing(row["estimate"]):
        heads.append(f"{name} was {number(row['mean_before'])} before and {number(row['mean_after'])} after")
        n = "" if missing(row["n"]) else f" in {plural(row['n'], 'patient')} with both scores"
        limits = number_range(row["conf_low"], row["conf_high"])
        interval = "" if missing(row["conf_low"]) else f" ({ci(scope.level)} {limits})"
        said.append(f"Mean change {number(row['estimate'])} points{interval}{n}.")
    rates = tables.get("response_rates")
    if rates is not None:
        scored = rates[rates["denominator"] == "scored"].iloc[0]
        if not scored["suppressed"] and scored["n"]:
            share = percent(scored["estimate"])
            heads.append(f"{share} of those scored had responded")
            of = f"{count(scored['n_events'])} of {count(scored['n'])} scored had responded"
            said.append(f"{of} ({share}).")
    head = "; ".join(heads) or "Not enough can be shown for a summary"
    return head[:1].upper() + head[1:], " ".join([*said, UNCONTROLLED])
