"""R16: one model of response, fixed beforehand and marked exploratory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from ketaoutcomes.analysis.window_change import window_change
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.derive.outcomes import ineligible_reason, met
from ketaoutcomes.draw.labels import count, missing, number, number_range
from ketaoutcomes.draw.odds import odds
from ketaoutcomes.engine.logistic import LogisticFit, logistic
from ketaoutcomes.engine.multiplicity import adjust_p_values
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.paper.cells import NOT_SHOWN
from ketaoutcomes.report.paper.characteristics import Characteristics, characteristics
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.sections.part import drawn, gathered
from ketaoutcomes.report.wording import defined, outcome_words
from ketaoutcomes.report.words import ci, joined, plural
from ketaoutcomes.results.mixed_words import p_text

__all__ = ["EVENTS_PER_COEFFICIENT", "predictors"]

PLACE = "R16"
EVENTS_PER_COEFFICIENT = 10
LEAST_IN_LEVEL = 11
OTHER = "other"
# Fixed before any result: what is used as far as it is recorded, in this order.
LEVELS = ("Age band", "Sex", "Main diagnosis", "Route of session 1")
TRIALS = "Earlier antidepressant trials, number"
BASELINE_POINTS, AGE_YEARS = 5.0, 10.0


@dataclass(frozen=True)
class _Design:
    """Columns of the model with a name each, the patients in it, and how many are left out and why."""

    x: np.ndarray
    terms: list[str]
    sizes: list[float]
    references: list[str]
    used: np.ndarray
    without: list[tuple[str, int]]


def predictors(scope: PaperScope, section_number: int) -> PaperPart:
    """Odds ratios of response, or why there is no model."""
    definition = None if scope.instrument is None else defined(scope.instrument, "response")
    if definition is None:
        why = scope.why_no_instrument if scope.instrument is None else "no default definition of response"
        return PaperPart(_section(section_number, notes=(f"No model: {why}.",)), {})
    seen = window_change(scope.cohort, scope.instrument, scope.window, baseline_rule(BASELINE))
    eligible = ineligible_reason(definition, scope.instrument, seen.baseline, seen.reason) == ""
    judged = seen.scored & eligible
    responds = met(definition, scope.instrument, seen.score, seen.baseline)
    design = _design(scope, characteristics(scope), seen.baseline, judged)
    y = responds[design.used]
    why = _refused(scope, design, y)
    rule = f"{outcome_words(definition, scope.instrument)}"
    if why:
        return PaperPart(_section(section_number, rule, notes=(why,)), {})
    fit = logistic(design.x, y)
    if not fit.converged or fit.separated or fit.dropped.any():
        why = "No model: the data cannot tell its coefficients apart, and none is left out to make it fit."
        return PaperPart(_section(section_number, rule, notes=(why,)), {})
    table = _table(fit, design, y, scope.level)
    n = int(design.used.sum())
    given = scope.gate.model("predictors", table, place=PLACE, n_patients=n, beside=scope.sizes)
    frame = _with_adjusted(given.frame, table, scope.gate.suppresses)
    given = Released(given.name, frame, given.hidden)
    printed, hidden = gathered([given])
    section = _section(
        section_number, rule,
        figures=(_figure(scope, frame),) if (frame["suppressed"] == "").any() else (),
        tables=(_printed(scope, design, frame, y),),
    )  # fmt: skip
    return PaperPart(section, printed, hidden)


def _section(section_number: int, rule: str = "", *, figures=(), tables=(), notes=()) -> Section:
    terms = [
        ("Fixed beforehand:", "baseline, age, sex, diagnosis, route of session 1 and earlier trials, as "
         "far as recorded. One model; no selection of terms, no interactions."),
        ("Rule:", f"at least {EVENTS_PER_COEFFICIENT} patients with the rarer outcome for each coefficient; "
         "otherwise no model is made."),
    ]  # fmt: skip
    if rule:
        terms.insert(0, ("Outcome:", f"response in the window, {rule}, of those scored."))
    return Section(
        number=section_number,
        question="R16 Predictors (exploratory)",
        reading=(
            "Exploratory: made to raise questions and not to answer them. Doses, routes and who was scored "
            "follow how patients were; the odds are associated with a column and not its effect.",
        ),
        terms=tuple(terms),
        figures=figures,
        tables=tables,
        notes=notes,
    )


def _design(scope: PaperScope, found: Characteristics, baseline: np.ndarray, judged: np.ndarray) -> _Design:
    """Columns of the model, of the patients of whom everything is known."""
    numbers = {f"Baseline, per {BASELINE_POINTS:g} points": baseline / BASELINE_POINTS}
    if "Age, years" in found.numbers:
        numbers[f"Age, per {AGE_YEARS:g} years"] = found.numbers["Age, years"] / AGE_YEARS
    if TRIALS in found.numbers:
        numbers["Earlier trials, per trial"] = found.numbers[TRIALS]
    levels = {
        name: found.levels[name]
        for name in LEVELS
        if name in found.levels and not (name == "Age band" and "Age, years" in found.numbers)
    }
    used, without = judged.copy(), []
    for name, known in (
        *((name, np.isfinite(values)) for name, values in numbers.items()),
        *((name, values.notna().to_numpy()) for name, values in levels.items()),
    ):
        lost = int((used & ~known).sum())
        if lost:
            without.append((name.partition(",")[0], lost))
        used &= known
    columns, terms, sizes, references = [np.ones(int(used.sum()))], ["(Intercept)"], [np.nan], []
    for name, values in numbers.items():
        mine = values[used]
        if mine.size and np.ptp(mine) > 0:
            columns.append(mine - mine.mean())
            terms.append(name)
            sizes.append(np.nan)
    for name, values in levels.items():
        words = _merged(values[used].astype("str").to_numpy(dtype=object))
        counts = pd.Series(words).value_counts()
        if len(counts) < 2:
            continue
        references.append(f"{name.lower()} {counts.index[0]}")
        for level in counts.index[1:]:
            columns.append((words == level).astype(float))
            terms.append(f"{name}: {level}")
            sizes.append(float(counts[level]))
    return _Design(np.column_stack(columns), terms, sizes, references, used, without)


def _merged(words: np.ndarray) -> np.ndarray:
    """Levels of a few patients as one level; with few in that too, it joins the smallest of the others."""
    counts = pd.Series(words).value_counts()
    rare = counts.index[counts < LEAST_IN_LEVEL]
    if not len(rare):
        return words
    merged = np.where(np.isin(words, rare), OTHER, words)
    counts = pd.Series(merged).value_counts()
    if counts.get(OTHER, 0) < LEAST_IN_LEVEL and len(counts) > 1:
        smallest = counts.drop(OTHER).index[-1]
        merged = np.where(merged == OTHER, smallest, merged)
        merged = np.where(merged == smallest, f"{smallest} or {OTHER}", merged)
    return merged.astype(object)


def _refused(scope: PaperScope, design: _Design, y: np.ndarray) -> str:
    """Why there is no model; "" where there may be one."""
    n_terms = len(design.terms) - 1
    rarer = int(min(y.sum(), (~y).sum()))
    needed = EVENTS_PER_COEFFICIENT * n_terms
    if n_terms and rarer >= needed:
        return ""
    if not n_terms:
        return "No model: nothing that it is fixed to use is recorded and differs between patients."
    size = count(rarer) if not scope.gate.suppresses else f"fewer than {needed}"
    return (
        f"No model: the one that is fixed beforehand has {plural(n_terms, 'coefficient')} and needs "
        f"{count(needed)} patients with the rarer outcome; there are {size}. Terms are not left out to make "
        "it fit."
    )


def _table(fit: LogisticFit, design: _Design, y: np.ndarray, level: float) -> pd.DataFrame:
    """Odds ratios with Wald limits; the intercept is no result and is left out."""
    std_error = np.sqrt(np.diag(fit.cov))[1:]
    log_odds = fit.params[1:]
    half = -ndtri((1 - level) / 2) * std_error
    p = 2.0 * ndtr(-np.abs(log_odds / std_error))
    events = [
        float(y.sum()) if np.isnan(size) else float(y[column > 0].sum())
        for size, column in zip(design.sizes[1:], design.x.T[1:], strict=True)
    ]
    return pd.DataFrame(
        {
            "term": design.terms[1:],
            "estimate": np.exp(log_odds),
            "conf_low": np.exp(log_odds - half),
            "conf_high": np.exp(log_odds + half),
            "std_error": std_error,
            "statistic": log_odds / std_error,
            "df": np.nan,
            "p_value": p,
            "n": pd.array([pd.NA if np.isnan(size) else int(size) for size in design.sizes[1:]], "Int64"),
            "n_events": events,
        }
    )


def _with_adjusted(frame: pd.DataFrame, table: pd.DataFrame, suppresses: bool) -> pd.DataFrame:
    """The released table with p adjusted for the number of terms; without counts of events if hidden."""
    adjusted = adjust_p_values(table["p_value"], "bh")
    frame = frame.copy()
    if suppresses:
        frame["n_events"] = pd.NA
        adjusted = np.array([max(0.001, float(f"{p:.2g}")) for p in adjusted])
    frame["p_adjusted"] = np.where(frame["p_value"].isna(), np.nan, adjusted)
    return frame


def _figure(scope: PaperScope, frame: pd.DataFrame) -> Figure:
    title = "Response: odds ratios of one model, exploratory"
    told = " ".join(
        f"{row['term']}: {number(row['estimate'], 2)} ({ci(scope.level)} "
        f"{number_range(row['conf_low'], row['conf_high'], 2)})."
        for row in frame.to_dict("records")
        if not row["suppressed"]
    )
    svg = drawn(
        odds, frame.assign(label=frame["term"]), prefix="figure-r16", title=title, description=told,
        level=scope.level,
    )  # fmt: skip
    note = "Associated with, not caused by. Wald intervals, not adjusted for their number."
    return Figure(
        "Fig. R16", title, "Patients scored in the window of whom every term is known", svg, (note,)
    )


def _printed(scope: PaperScope, design: _Design, frame: pd.DataFrame, y: np.ndarray) -> Table:
    rows = []
    for row in frame.to_dict("records"):
        if row["suppressed"]:
            rows.append((row["term"], *(NOT_SHOWN,) * 5))
            continue
        group = "all" if missing(row["n"]) and not scope.gate.suppresses else _size(row["n"])
        rows.append(
            (
                row["term"], group, number(row["estimate"], 2),
                number_range(row["conf_low"], row["conf_high"], 2), p_text(row["p_value"]),
                p_text(row["p_adjusted"]),
            )
        )  # fmt: skip
    columns = (
        Column("Term", True), Column("Patients"), Column("Odds ratio"), Column(ci(scope.level)),
        Column("p"), Column("p, adjusted"),
    )  # fmt: skip
    notes = [
        f"Logistic regression with all terms at once; against {joined(design.references)}."
        if design.references
        else "Logistic regression with all terms at once.",
        "A level of fewer than 11 patients is joined with others. p adjusted by Benjamini and Hochberg over "
        "the terms. The baseline is in the definition of response, so its odds ratio is in part arithmetic "
        "and regression to the mean.",
    ]
    if not scope.gate.suppresses:
        lost = joined(f"{name.lower()} ({count(n)})" for name, n in design.without)
        more = (
            f" Left out for a missing value: {lost}." if lost else " Nobody is left out for a missing value."
        )
        notes.append(f"{plural(y.size, 'patient')}, {count(y.sum())} responding.{more}")
    n = count(y.size) if not scope.gate.suppresses else NOT_SHOWN
    caption = f"Table R16. Response in one prespecified model, exploratory; n = {n}"
    return Table(caption, columns, tuple(rows), tuple(notes), is_wide=True)


def _size(value) -> str:
    return "–" if missing(value) else count(value)
