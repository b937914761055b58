"""R4: the primary outcome before and after, and response, remission and worsening."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ketaoutcomes.analysis.pre_post import pre_post
from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.draw.labels import missing, number, percent
from ketaoutcomes.draw.rates import rates as draw_rates
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.nobody import is_empty
from ketaoutcomes.report.paper.cells import capital, limits, mean_sd, shown_sizes, size
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.sections.part import drawn, gathered, too_small
from ketaoutcomes.report.wording import defined, outcome_words, window_words
from ketaoutcomes.report.words import ci, plural, rate_words
from ketaoutcomes.results.pre_post import PrePostResult
from ketaoutcomes.results.rates import RateResult

__all__ = ["KINDS", "change_rows", "outcomes", "rate_result"]

PLACE = "R4"
KINDS = {"response": "Response", "remission": "Remission", "deterioration": "Worsening"}
OF = {
    "starters": "all who started",
    "baseline_eligible": "with a valid baseline",
    "scored": "scored in the window",
}


def outcomes(scope: PaperScope, section_number: int) -> PaperPart:
    """Change with effect sizes; rates over three denominators."""
    if scope.instrument is None:
        section = _section(scope, section_number, notes=(f"Not recorded: {scope.why_no_instrument}.",))
        return PaperPart(section, {})
    result = pre_post(
        scope.cohort, scope.instrument.name, at=scope.window.name, baseline=BASELINE, level=scope.level
    )
    gate = scope.gate
    change = gate.spread("pre_post", result.table, place=PLACE, beside=scope.sizes)
    effects = gate.spread("effect_sizes", result.effect_sizes, place=PLACE, beside=scope.sizes)
    sizes = [*scope.sizes, *shown_sizes([change.frame])]
    released, results, notes = [change, effects], [result], []
    rates: dict[str, Released] = {}
    for kind in KINDS:
        found = rate_result(scope, kind)
        if found is None:
            notes.append(f"{KINDS[kind]} has no default definition for {scope.instrument.name}: not given.")
            continue
        given = gate.denominators(f"{kind}_rates", found.table, place=PLACE, beside=sizes)
        sizes += given.frame["n"].dropna().tolist()
        rates[kind] = given
        released.append(given)
        results.append(found)
    tables = [_change_table(scope, change.frame), _effects_table(scope, result, effects.frame)]
    tables += [_rates_table(scope, rates)] if rates else []
    figures = [
        _figure(scope, kind, given.frame, letter)
        for (kind, given), letter in zip(rates.items(), "abc", strict=False)
        if (given.frame["suppressed"] == "").any() and not is_empty(given.frame.iloc[-1]["n"])
    ]
    if not figures:
        notes.append(f"No rate can be drawn{too_small(scope)}.")
    printed, hidden = gathered(released)
    section = _section(
        scope, section_number, figures=tuple(figures), tables=tuple(tables), notes=tuple(notes)
    )
    new = tuple(value for value in dict.fromkeys(sizes) if value not in scope.sizes)
    return PaperPart(section, printed, hidden, tuple(results), sizes=new)


def rate_result(scope: PaperScope, kind: str, by: str | None = None, cohort=None) -> RateResult | None:
    """Rates of the instrument's default definition of a kind; None where the catalogue has none."""
    definition = defined(scope.instrument, kind)
    if definition is None:
        return None
    try:
        return response_rates(
            scope.cohort if cohort is None else cohort,
            scope.instrument.name,
            at=scope.window.name,
            outcome=definition.name,
            baseline=BASELINE,
            by=by,
            level=scope.level,
        )
    except DataError:
        return None


def change_rows(frame: pd.DataFrame, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Rows of means before and after with the change, a row per name."""
    return tuple(
        (
            name, size(row["n"]), mean_sd(row, "mean_before", "sd_before"),
            mean_sd(row, "mean_after", "sd_after"), mean_sd(row, "estimate", "sd"), limits(row),
            size(row["n_missing"]),
        )
        for name, row in zip(names, frame.to_dict("records"), strict=True)
    )  # fmt: skip


def _section(scope: PaperScope, section_number: int, *, figures=(), tables=(), notes=()) -> Section:
    terms = []
    if scope.instrument is not None:
        for kind, label in KINDS.items():
            definition = defined(scope.instrument, kind)
            if definition is not None and kind != "deterioration":
                terms.append((f"{label}:", f"{outcome_words(definition, scope.instrument)}."))
        terms.append(("Worsening:", f"{_worsening(scope)}."))
        terms.append(("Baseline:", baseline_rule(BASELINE).text))
        terms.append(("Window:", f"{window_words(scope.window)}."))
    return Section(
        number=section_number,
        question="R4 Outcome before and after",
        reading=(
            "The score nearest to the window’s target, never the lowest. No comparison group: the change "
            "followed treatment and includes natural recovery, expectation and regression to the mean.",
        ),
        terms=tuple(terms),
        figures=figures,
        tables=tables,
        notes=notes,
    )


def _change_table(scope: PaperScope, frame: pd.DataFrame) -> Table:
    columns = (
        Column("Instrument", True), Column("n"), Column("Before, mean (SD)"), Column("After, mean (SD)"),
        Column("Change, mean (SD)"), Column(ci(scope.level)), Column("Not scored, n"),
    )  # fmt: skip
    notes = [
        "Patients with both scores whose window had closed. Change: after minus before, so a negative one is "
        "a lower score after; interval by Student’s t. Not scored: valid baseline and window closed, without "
        "a score in it; nothing is filled in.",
    ]
    row = frame.iloc[0]
    if not row["suppressed"] and not missing(row["n_not_due"]) and row["n_not_due"]:
        notes.append(f"Not due yet, with a valid baseline and not counted: {size(row['n_not_due'])}.")
    if not row["suppressed"] and not missing(row["correlation"]):
        notes.append(f"Correlation of the two scores over patients: {number(row['correlation'], 2)}.")
    name = scope.instrument.name
    caption = f"Table R4a. {name} before and after, {scope.window.label[:1].lower()}{scope.window.label[1:]}"
    return Table(caption, columns, change_rows(frame, [name]), tuple(notes), is_wide=True)


def _effects_table(scope: PaperScope, result: PrePostResult, frame: pd.DataFrame) -> Table:
    rows = tuple(
        (
            row["effect_size"],
            capital(row["formula"]),
            "not shown" if row["suppressed"] else number(row["estimate"], 2),
            limits(row, 2),
            "not shown" if row["suppressed"] else number(row["corrected"], 2),
            capital(row["method"]),
        )
        for row in frame.to_dict("records")
    )
    columns = (
        Column("Effect size", True), Column("Formula", True), Column("Estimate"), Column(ci(scope.level)),
        Column("Hedges’ g"), Column("Limits by", True),
    )  # fmt: skip
    n = size(frame["n"].iloc[0]) if len(frame) else "0"
    notes = (
        "Within patients and uncontrolled: not comparable with an effect size between two groups. The three "
        "differ only in the divisor, so none stands for another. Hedges’ g: the estimate times his factor "
        "with n − 1 degrees of freedom; the limits are those of the estimate. Where patients are chosen for "
        "a high score the SD before is cut short, which makes d_baseline and d_av larger.",
    )
    caption = f"Table R4b. Effect sizes of the change, n = {n}"
    return Table(caption, columns, rows, notes, is_wide=True)


def _rates_table(scope: PaperScope, rates: dict[str, Released]) -> Table:
    rows = []
    for kind, given in rates.items():
        for place, row in enumerate(given.frame.to_dict("records")):
            estimate, of_total, interval = rate_words(row)
            name = "" if place else KINDS[kind]
            rows.append(
                (name, capital(OF[row["denominator"]]), estimate, of_total, interval, size(row["n_missing"]))
            )
    columns = (
        Column("Outcome", True), Column("Of", True), Column("Patients"), Column("n/N"),
        Column(ci(scope.level)), Column("Not known, n"),
    )  # fmt: skip
    notes = (
        "All denominators: patients whose window had closed. Over the wider two a patient without a score "
        "counts as not meeting the definition: for response and remission a lower bound; for worsening too, "
        "which may then be understated. Wilson intervals. Worsening: "
        f"{_worsening(scope)}.",
    )
    return Table("Table R4c. Response, remission and worsening", columns, tuple(rows), notes, is_wide=True)


def _worsening(scope: PaperScope) -> str:
    definition = defined(scope.instrument, "deterioration")
    return "not defined here" if definition is None else definition.text.rstrip(".")


def _figure(scope: PaperScope, kind: str, frame: pd.DataFrame, letter: str) -> Figure:
    scored = frame[frame["denominator"] == "scored"].iloc[0]
    title = f"{KINDS[kind]}, over three denominators"
    if not scored["suppressed"] and scored["n"]:
        title = f"{KINDS[kind]}: {percent(scored['estimate'])} of those scored"
    told = []
    for row in frame.to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        told.append(
            f"{capital(OF[row['denominator']])}: {estimate} ({of_total}, {ci(scope.level)} {interval})."
        )
    svg = drawn(
        draw_rates, frame, prefix=f"figure-r4{letter}", title=title, description=" ".join(told),
        level=scope.level,
    )  # fmt: skip
    started = frame[frame["denominator"] == "starters"].iloc[0]["n"]
    who = "Patients" if missing(started) else plural(started, "patient")
    population = f"{scope.instrument.name}. {who} whose window had closed"
    return Figure(f"Fig. R4{letter}", title, population, svg, ("Wilson intervals.",))
