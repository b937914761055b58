"""Section 5: a mixed model of the main instrument in terms that can be read out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.course_lines import course_lines
from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.draw.effects import effects
from ketaoutcomes.draw.labels import count, missing, number
from ketaoutcomes.errors import ConvergenceError, DataError, FormulaError
from ketaoutcomes.report.disclosure import Hidden, Released
from ketaoutcomes.report.numbering import MIXED
from ketaoutcomes.report.parts import Column, Figure, Section, Table, Text
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.course import DAYS, draw_model, observed_of, released_means, slug_of
from ketaoutcomes.report.sections.mixed_fit import diagnostics_svg, fit_table, fit_words
from ketaoutcomes.report.sections.mixed_words import (
    change_words,
    estimate_words,
    reading,
    spread_names,
    variance_cells,
)
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.words import ci
from ketaoutcomes.results.course_lines import LinesResult
from ketaoutcomes.results.mixed_words import df_text, p_text

__all__ = ["mixed"]

PLACE = "Section 5"
QUESTION = "What do the mixed models say?"


def mixed(scope: Scope) -> Part:
    """Fixed effects, variances and fit of a mixed model, with what they say in words."""
    if scope.instrument is None:
        return Part(_section(notes=(f"Not recorded: {scope.why_no_instrument}.",)), {})
    name = scope.instrument.name
    try:
        result = course_lines(scope.recent, name, at=DAYS, level=scope.level)
    except (DataError, FormulaError, ConvergenceError):
        note = (
            f"{name}: no model. It takes 10 patients or more with a baseline and 10 or more with scores at "
            "two times, and scores that differ."
        )
        return Part(_section(notes=(note,)), {})
    slug = slug_of(scope.instrument)
    effects_given = scope.gate.model(
        f"model_{slug}_effects", result.table, place=PLACE, n_patients=result.n_patients, beside=scope.sizes
    )
    if (effects_given.frame["suppressed"] != "").all():
        section = _section(notes=(f"{name}: the model cannot be shown{too_small(scope)}.",))
        return Part(section, *gathered([effects_given]), (result,))
    variances = scope.gate.plain(f"model_{slug}_variances", _variances(result))
    fit = fit_table(scope, result, f"model_{slug}_fit", PLACE)
    released = [effects_given, variances, fit]
    figures = [_forest(scope, result, effects_given)]
    means = _means(scope)
    if means is not None:
        lines = _supported(result.lines(), means.frame)
        lines = scope.gate.curve(f"model_{slug}_lines", lines, place=PLACE, means=means.frame)
        released.append(lines)
        figures.append(_lines(scope, result, lines, means))
    tables, hidden = gathered(released)
    if scope.gate.suppresses:
        why = "a point is a patient or a score of one"
        hidden = (Hidden(PLACE, "pictures of residuals and influence", why), *hidden)
    else:
        figures.append(_diagnostics(scope, result))
    section = _section(
        reading=(
            f"One model of all {name} scores: two straight lines that meet at day {result.turn:g}, from "
            "which each patient deviates (random effects).",
        ),
        terms=_terms(result),
        figures=tuple(figures),
        texts=(
            (Text("In words", reading(result, effects_given.frame, scope)),),
            (Text("Does the model fit?", points=fit_words(result, fit.frame, scope)),),
        ),
        tables=(_effects_table(scope, result, effects_given), _variance_table(result, variances)),
    )
    return Part(section, tables, hidden, (result,))


def _section(*, reading=(), terms=(), figures=(), texts=(), tables=(), notes=()) -> Section:
    return Section(
        number=MIXED,
        question=QUESTION,
        reading=reading,
        terms=terms,
        figures=figures,
        texts=texts,
        tables=tables,
        notes=notes,
    )


def _terms(result: LinesResult) -> tuple[tuple[str, str], ...]:
    method = "Kenward–Roger" if result.fit.df_method == "kenward-roger" else "Satterthwaite"
    terms = [
        (
            "Lines:",
            f"from the baseline to day {result.turn:g} (of days 3, 7 and 14 the one with the largest "
            f"likelihood), then to day {result.until:g}.",
        ),
        ("Random effects:", f"{result.random} (of those that can be told, by AIC)."),
        ("df:", f"{method}; REML."),
    ]
    if result.routes:
        route = "of session 1. It was chosen for the patient: associated with, not an effect."
        terms.append(("Route:", route))
    return tuple(terms)


def _variances(result: LinesResult) -> pd.DataFrame:
    """Variance components with what they are in words."""
    return pd.DataFrame(variance_cells(result), columns=["component", "kind", "value"])


def _means(scope: Scope) -> Released | None:
    """The observed means of section 4, masked in the same way."""
    try:
        course = trajectory(scope.recent, scope.instrument.name, at=DAYS, level=scope.level)
    except DataError:
        return None
    return released_means(scope, course, place=PLACE) if len(course.table) else None


def _supported(lines: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """The lines as far as they are drawn in section 4; they are of the same scores."""
    days = means.loc[(means["suppressed"] == "") & means["estimate"].notna(), "day"]
    return lines[lines["day"] <= (days.max() if len(days) else 0.0)].reset_index(drop=True)


def _forest(scope: Scope, result: LinesResult, given: Released) -> Figure:
    frame = given.frame[given.frame["suppressed"] == ""]
    rows = frame[frame["term"] != result.table["term"].iloc[0]]
    early = given.frame.iloc[1]
    title = f"{result.instrument}, fixed effects"
    if not early["suppressed"]:
        change = change_words(early, scope.level, interval=False)
        title = f"{result.instrument} {change} by day {result.turn:g}"
    told = " ".join(f"{row['term']}: {estimate_words(row, scope.level)}." for row in rows.to_dict("records"))
    svg = drawn(
        effects, rows, prefix="figure-5a", title=title, description=told, unit="points", level=scope.level
    )
    return Figure("Fig. 5a", title, f"Fixed effects{scope.during}; {_who(scope, result)}", svg)


def _who(scope: Scope, result: LinesResult) -> str:
    return f"{count(result.fit.n_obs)} scores of {scope.of_starters(result.n_patients)}"


def _lines(scope: Scope, result: LinesResult, lines: Released, means: Released) -> Figure:
    title = "The two lines and the means that were observed"
    told = ""
    last = lines.frame["day"].max()
    shown = means.frame[(means.frame["suppressed"] == "") & (means.frame["day"] <= last)]
    if len(shown):
        line = np.interp(shown["day"], lines.frame["day"], lines.frame["estimate"])
        apart = shown["observed"].to_numpy() - line
        far = int(np.abs(apart).argmax())
        side = "above" if apart[far] > 0 else "below"
        title = f"Observed means lie within {number(abs(apart[far]))} points of the lines"
        told = f"The farthest, on day {shown['day'].iloc[far]:g}, lies {side} them."
    svg = drawn(
        draw_model, lines.frame, prefix="figure-5b", title=title, description=told,
        observed=observed_of(means.frame),
        minimum=result.minimum, maximum=result.maximum, instrument=result.instrument,
        higher_is=result.higher_is, level=scope.level,
    )  # fmt: skip
    population = f"Lines: all in the model; hollow: those still scored{scope.during}"
    return Figure("Fig. 5b", title, population, svg)


def _diagnostics(scope: Scope, result: LinesResult) -> Figure:
    title = "Residuals, random effects and influence"
    note = "A point is a score or a patient, so this picture is drawn only where small counts may be shown."
    svg = diagnostics_svg(result, prefix="figure-5c", title=title)
    return Figure("Fig. 5c", title, _who(scope, result), svg, (note,))


def _effects_table(scope: Scope, result: LinesResult, given: Released) -> Table:
    rows = []
    for row in given.frame.to_dict("records"):
        if row["suppressed"]:
            rows.append((row["term"], *["not shown"] * 4))
            continue
        estimate, interval = estimate_words(row, scope.level, split=True)
        df = "not shown" if missing(row["df"]) else df_text(row["df"])
        p = "≤0.001" if missing(row["df"]) and row["p_value"] <= 0.001 else p_text(row["p_value"])
        rows.append((row["term"], estimate, interval, df, p))
    columns = (
        Column("Fixed effect", True),
        Column("Points"),
        Column(ci(scope.level)),
        Column("df"),
        Column("p"),
    )
    notes = ["Points of the instrument; p is for a difference from 0. Nothing is adjusted for several tests."]
    if given.frame["df"].isna().any():
        few = scope.gate.few.words
        notes.append(f"df are not shown where they would come close to a number of {few} patients.")
    return Table(f"{result.instrument}, fixed effects", columns, tuple(rows), (" ".join(notes),))


def _variance_table(result: LinesResult, given: Released) -> Table:
    cells = given.frame.to_dict("records")
    rows = tuple((row["component"], number(row["value"], 2)) for row in cells if row["kind"] == "SD")
    columns = (Column("Random effect", True), Column("SD"))
    return Table(f"{result.instrument}, variance components", columns, rows, spread_names(result, cells))
