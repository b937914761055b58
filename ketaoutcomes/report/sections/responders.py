"""Section 3: who responded after induction, over three denominators, and by which rules."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.catalog.definitions import WINDOWS, Outcome, baseline_rule
from ketaoutcomes.draw.labels import count, missing, percent
from ketaoutcomes.draw.rates import rates
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.nobody import is_empty, unscored
from ketaoutcomes.report.numbering import RESPONDERS
from ketaoutcomes.report.parts import Figure, Section
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.change_parts import change_parts
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.wording import baseline_words, defined, outcome_words, window_words
from ketaoutcomes.report.words import ci, plural, rate_words
from ketaoutcomes.results.rates import RateResult

__all__ = ["responders"]

BASELINE = "last_14_days"
VERBS = {"response": "responded", "remission": "were in remission"}
OF = {
    "starters": "all who started",
    "baseline_eligible": "those with a valid baseline",
    "scored": "those scored in the window",
}
WHO = {"starters": "who started", "baseline_eligible": "with a valid baseline"}


def responders(scope: Scope) -> Part:
    """Response and remission in the window after induction."""
    instrument = scope.instrument
    if instrument is None:
        return Part(_section(scope, notes=(f"Not recorded: {scope.why_no_instrument}.",)), {})
    figures, released, results, notes = [], [], [], []
    sizes = list(scope.sizes)
    for kind in VERBS:
        definition = defined(instrument, kind)
        if definition is None:
            notes.append(
                f"{kind.capitalize()} has no default definition for {instrument.name}, so it is not given."
            )
            continue
        result = _rates(scope, definition)
        given = scope.gate.denominators(
            f"{kind}_rates", result.table, place=f"Section 3, {kind}", beside=sizes
        )
        sizes += given.frame["n"].dropna().tolist()
        if not (given.frame["n"].fillna(1) > 0).any():
            notes.append(f"{kind.capitalize()}: no patient's window after induction had closed.")
            continue
        released.append(given)
        results.append(result)
        if is_empty(given.frame.set_index("denominator").at["scored", "n"]):
            notes.append(
                f"{kind.capitalize()}: {unscored(scope.recent, instrument.name)}, so no share is given."
            )
        elif (given.frame["suppressed"] == "").any():
            figures.append(_figure(scope, kind, definition, given, "ab"[len(figures)]))
        else:
            notes.append(f"{kind.capitalize()} cannot be shown{too_small(scope)}.")
    changed = change_parts(scope, **_printed(released, results))
    found, hidden = gathered([*released, *changed.released])
    section = _section(
        scope,
        figures=tuple(figures),
        tables=changed.tables,
        notes=(*notes, *changed.notes),
    )
    return Part(section, found, hidden, (*results, *changed.results))


def _printed(released: list[Released], results: list[RateResult]) -> dict[str, list]:
    """What the figures print of those scored: responders, whom the table of rules has too, and others."""
    known, fixed = [], []
    for given, result in zip(released, results, strict=True):
        if "denominator" not in given.frame:
            continue
        events = given.frame.set_index("denominator").at["scored", "n_events"]
        if missing(events):
            continue
        name = str(result.provenance["arguments"]["outcome"])
        if given.name == "response_rates":
            fixed.append(name)
        else:
            known.append(float(events))
    return {"known": known, "fixed": fixed}


def _section(scope: Scope, *, figures=(), tables=(), notes=()) -> Section:
    terms = []
    if scope.instrument is not None:
        for kind in VERBS:
            definition = defined(scope.instrument, kind)
            if definition is not None:
                terms.append((f"{kind.capitalize()}:", f"{outcome_words(definition, scope.instrument)}."))
        terms.append(("Baseline:", f"{baseline_words(baseline_rule(BASELINE), scope.instrument)}."))
        terms.append(("Window:", f"{window_words(WINDOWS[WINDOW])}."))
    return Section(
        number=RESPONDERS,
        question="Who responded?",
        reading=(
            "The same patients over three denominators, all of them patients whose window has closed. Over "
            "those scored nothing is assumed; over the other two a patient without a score counts as not "
            "responding, so these are lower bounds.",
        ),
        terms=tuple(terms),
        figures=figures,
        tables=tables,
        notes=notes,
    )


def _rates(scope: Scope, definition: Outcome) -> RateResult:
    return response_rates(
        scope.recent,
        scope.instrument.name,
        at=WINDOW,
        outcome=definition.name,
        baseline=BASELINE,
        level=scope.level,
    )


def _figure(scope: Scope, kind: str, definition: Outcome, given: Released, letter: str) -> Figure:
    frame = given.frame
    scored = frame[frame["denominator"] == "scored"].iloc[0]
    title = f"{kind.capitalize()} after induction"
    if not scored["suppressed"] and scored["n"] > 0:
        title = f"{percent(scored['estimate'])} of those scored {VERBS[kind]}"
    told = []
    for row in frame.to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        told.append(f"Of {OF[row['denominator']]}: {estimate} ({of_total}, {ci(scope.level)} {interval}).")
    svg = drawn(
        rates, frame, prefix=f"figure-3{letter}", title=title, description=" ".join(told), level=scope.level
    )
    started = frame[frame["denominator"] == "starters"].iloc[0]
    who = f"{scope.of_starters(started['n'])} whose window has closed"
    population = f"{outcome_words(definition, scope.instrument)}; {who}{scope.during}"
    notes = [f"Wilson intervals. Not known: {_not_known(frame, scope.gate.few.words)}."]
    if not missing(started["n_not_due"]) and started["n_not_due"]:
        notes.append(f"Not due yet and in no denominator: {plural(started['n_not_due'], 'starter')}.")
    return Figure(f"Fig. 3{letter}", title, population, svg, (" ".join(notes),))


def _not_known(frame: pd.DataFrame, few: str) -> str:
    """Patients without a score in the window, of the two wider denominators."""
    words = []
    for row in frame.to_dict("records"):
        if row["denominator"] != "scored":
            if missing(row["n_missing"]) or missing(row["n"]):
                return f"not shown, since it would reveal {few} patients"
            words.append(f"{count(row['n_missing'])} of {count(row['n'])} {WHO[row['denominator']]}")
    return "; ".join(words)
