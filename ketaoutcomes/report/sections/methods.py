"""The last section: definitions, methods and limits, written from the settings of this run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ketaoutcomes.analysis.notes import same_time_note
from ketaoutcomes.catalog.definitions import BASELINE_RULES, OUTCOMES, PHASE_RULES, WINDOWS
from ketaoutcomes.report.disclosure import Gate, Hidden
from ketaoutcomes.report.numbering import (
    CLINICS,
    COURSE,
    METHODS,
    MONTHS,
    PUBLISHED,
    SAFETY_ITEM,
    SIDE_EFFECTS,
    TIMING,
)
from ketaoutcomes.report.parts import Column, Section, Table, Text
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.change_parts import regression_sentence
from ketaoutcomes.report.sections.charted import baseline_words
from ketaoutcomes.report.sections.part import Part
from ketaoutcomes.report.words import UNCONTROLLED, ci, day_name, joined
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.control_chart import ControlChartResult
from ketaoutcomes.results.course import CourseResult
from ketaoutcomes.results.course_lines import LinesResult
from ketaoutcomes.results.curve import CurveResult
from ketaoutcomes.results.funnel import FunnelResult

__all__ = ["definitions_used", "methods"]

DF_NAMES = {"kenward-roger": "Kenward–Roger (fewer than 50 patients)", "satterthwaite": "Satterthwaite"}
LIMITS = (
    "No comparison group: natural recovery, expectation, regression to the mean and other treatment are in "
    "every number. "
    "Patients start when they feel at their worst, so a later score tends to be lower whatever is done.",
    "Those without a score may differ from those with one; the lower bounds of section 3 count each of "
    "them as not responding.",
    "Doses, intervals and routes follow how patients did; differences between groups are associated with "
    "them and are not their effect.",
    "Not for decisions about an individual patient.",
)
WORDS = (
    ("Session", "one administration."),
    ("Not known", "in the group but without the score or the record."),
    (
        "Provisional",
        "of outcomes, the follow-up window is still open for some; of safety, the month is not over. Drawn "
        "hollow.",
    ),
    ("Starter", "a patient with a first session, here in the period named."),
    ("Bounds", "the lowest and the highest share that fit the assessments."),
)


def methods(scope: Scope, results: Sequence[Result], hidden: Sequence[Hidden], absent: Sequence[str]) -> Part:
    """What was done, what it cannot say, and what is not shown."""
    definitions = definitions_used(results)
    tables = {"definitions": scope.gate.plain("definitions", definitions).frame}
    left = [Text("Methods", paragraphs=_methods(scope, results)), _limits(scope)]
    if absent:
        left.append(Text("Not recorded or not reported", points=tuple(absent)))
    right = [Text("Small counts", paragraphs=_small_counts(scope)), Text("Words", terms=WORDS)]
    section = Section(
        number=METHODS,
        question="Definitions, methods and limits",
        reading=("Written from the settings of this run.",),
        texts=(tuple(left), tuple(right)),
        tables=(_definitions_table(definitions), *_hidden_table(hidden)),
    )
    if hidden:
        rows = [(entry.place, entry.what, entry.why) for entry in hidden]
        tables["not_shown"] = scope.gate.plain(
            "not_shown", pd.DataFrame(rows, columns=["place", "what", "why"])
        ).frame
    return Part(section, tables)


def definitions_used(results: Sequence[Result]) -> pd.DataFrame:
    """Name, text and source of every definition behind the report, each once."""
    found: dict[str, tuple[str, str, str]] = {}
    for name, text, source in (definition for result in results for definition in result.definitions):
        # The same rule may come with a remark on how it was applied; that one says more.
        if name not in found or len(text) > len(found[name][1]):
            found[name] = (name, text, source)
    return pd.DataFrame(list(found.values()), columns=["name", "text", "source"])


def _methods(scope: Scope, results: Sequence[Result]) -> tuple[str, ...]:
    level = ci(scope.level)
    curves = [result for result in results if isinstance(result, CurveResult)]
    words = []
    if curves:
        gap = max(result.gap for result in curves)
        arguments = curves[0].provenance["arguments"]
        words.append(
            "Time to response: nonparametric maximum likelihood for interval-censored times (Turnbull); "
            "intervals by "
            f"bootstrap over patients ({arguments['n_replicates']} samples, seed {arguments['seed']}). "
            f"The duality gap, a bound on what the log-likelihood lacks, is at most {gap:.0e}."
        )
    words.append(
        f"Response and remission: {level} by Wilson. Mean change: {level} by Student’s t. Side effects, "
        "blood "
        "pressure and early stops per session: ratio estimator on the logit scale with patients as "
        "clusters; per patient: exact."
    )
    words += _models(results)
    words += _charts(scope, results)
    words.append(same_time_note(scope.cohort))
    if scope.calendar is None:
        words.append(
            "No months are kept under Safe Harbor, so the report covers the whole cohort and nothing is "
            "shown month by month."
        )
    else:
        cut = (
            "The clinic states no data cut: windows are counted to the last record, and the last month "
            "counts as incomplete."
        )
        if scope.calendar.cut:
            cut = f"The data end on {day_name(scope.calendar.cut)}."
        words.append(
            f"{cut} Sections {TIMING} to {COURSE}, {SAFETY_ITEM} to {CLINICS} and {PUBLISHED} and the "
            f"attrition describe {scope.starters}, followed to the end of the data; section "
            f"{SIDE_EFFECTS} per session describes the sessions of the {scope.period}."
            if scope.has_recent
            else cut
        )
    return tuple(words)


def _limits(scope: Scope) -> Text:
    """What the numbers cannot say, with how much regression to the mean alone would give."""
    regression = regression_sentence(scope)
    return Text("Limits", (UNCONTROLLED,), (*LIMITS, *((regression,) if regression else ())))


def _charts(scope: Scope, results: Sequence[Result]) -> list[str]:
    """How months and clinics were held against chance."""
    words = []
    if any(isinstance(result, ControlChartResult) for result in results):
        words.append(
            f"Section {MONTHS}: control charts (p for shares of patients, p′ for shares of sessions, "
            f"individuals for means), limits of three sigma frozen on {baseline_words(scope)}; provisional "
            "and hidden months are in no limit and no rule."
        )
    if any(isinstance(result, FunnelResult) for result in results):
        words.append(
            f"Section {CLINICS}: exact binomial limits around the value of all clinics; adjusted by indirect "
            "standardisation on the baseline score."
        )
    return words


def _models(results: Sequence[Result]) -> list[str]:
    """How the mixed models of sections 4 and 5 were fitted."""
    fits = [result.model for result in results if isinstance(result, CourseResult) and result.model]
    fits += [result.fit for result in results if isinstance(result, LinesResult)]
    if not fits:
        return []
    methods_used = {fit.df_method for fit in fits}
    names = [name for key, name in DF_NAMES.items() if key in methods_used]
    return [
        f"Sections 4 and 5: linear mixed models by REML, degrees of freedom by {joined(names)}; which random "
        "effects patients have is decided by AIC. Valid where missing scores depend only on what was "
        "recorded (missing at random)."
    ]


def _small_counts(scope: Scope) -> tuple[str, ...]:
    if not scope.gate.suppresses:
        if scope.cohort.settings.synthetic:
            return ("Small counts are shown, since the data are synthetic.",)
        return ("Small counts are shown in this report. It must not leave the clinic.",)
    gate = scope.gate
    few = gate.few.words.replace("–", " to ")
    rounds = ""
    if gate.rounds:
        rounds = (
            " All other counts are rounded to the nearest 5; shares and their intervals are computed from "
            "the rounded counts, means are given to one decimal."
        )
    return (
        f"Counts of {few} patients or sessions, and all but {few}, are not shown, nor are their "
        f"percentages and intervals; 0 is.{rounds} A count that subtraction would give away is not shown "
        "either: a month of a printed total, a group of patients, a denominator, a step of the attrition, a "
        "neighbouring time of a curve, a group that lacks a few of the patients of another. Whether a hidden "
        "number of rows that add up follows from the rest is decided exactly. Where a size is hidden, the "
        "estimate is rounded until many sizes fit it. Of curves only planned times are shown; percentiles "
        f"need 20 patients. Of mixed models a term of a group of {few} patients is not shown, nor is a "
        "picture of residuals, in which a point is a patient or a score.",
        "Counts of rows, cells and sessions without a record describe the files and are shown, unless a row "
        "is a patient.",
        _last_release(gate),
    )


def _last_release(gate: Gate) -> str:
    """Which earlier report this one was compared with, and what a reader must know of it."""
    told = gate.compared_with
    if gate.previous is None:
        return (
            f"{told[:1].upper()}{told[1:]}. Two reports that differ by a few patients may show a small "
            "count, so what leaves the clinic after an earlier one needs that comparison."
        )
    return (
        f"{told[:1].upper()}{told[1:]}: what the two together would tell is not shown. Earlier ones than "
        "that were not compared with."
    )


def _definitions_table(definitions: pd.DataFrame) -> Table:
    labels = [_label(name) for name in definitions["name"]]
    rows = tuple(
        (
            label if labels.count(label) == 1 else f"{label}, {row['name']}",
            row["text"],
            row["source"] or "–",
        )
        for label, row in zip(labels, definitions.to_dict("records"), strict=True)
    )
    columns = (Column("Definition", True), Column("In words", True), Column("Source", True))
    return Table("Definitions used", columns, rows, is_wide=True)


def _label(name: str) -> str:
    """The catalogue's label of a definition; others are named in words already."""
    for catalog in (OUTCOMES, WINDOWS, PHASE_RULES, BASELINE_RULES):
        if name in catalog:
            return catalog[name].label
    return name


def _hidden_table(hidden: Sequence[Hidden]) -> tuple[Table, ...]:
    if not hidden:
        return ()
    columns = (Column("Place", True), Column("What", True), Column("Why", True))
    rows = tuple((entry.place, entry.what, entry.why) for entry in hidden)
    return (Table("Not shown, and why", columns, rows, is_wide=True),)
