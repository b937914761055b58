"""Section 1: how fast patients respond, in hours and in days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.timing import time_to_response
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.draw.labels import count, missing, percent_range
from ketaoutcomes.draw.onset import onset
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.disclosure import Hidden, Released
from ketaoutcomes.report.numbering import TIMING
from ketaoutcomes.report.parts import Figure, Section
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.wording import defined, instrument_words, outcome_words
from ketaoutcomes.report.words import bounds, ci, time_words
from ketaoutcomes.results.curve import CurveResult

__all__ = ["CURVES", "timing"]

# Table name, unit, last time shown, and the time that the figure's title speaks of.
CURVES = {"hours": ("onset_hours", 24.0, 24.0), "days": ("onset_days", 42.0, 28.0)}
HORIZONS = {"hours": 36.0, "days": 56.0}
MARKS = {"hours": (1.0, 2.0, 4.0, 24.0), "days": (7.0, 14.0, 21.0, 28.0, 35.0, 42.0)}


def timing(scope: Scope) -> Part:
    """First response after session 1: a panel in hours, a panel in days."""
    figures, released, results, notes = [], [], [], []
    panels = (("hours", scope.momentary), ("days", scope.instrument))
    for unit, instrument in panels:
        if instrument is None:
            notes.append(_not_recorded(scope, unit))
            continue
        result = _curve(scope, unit, instrument)
        if result is None:
            notes.append(
                f"{instrument.name}: no patient has a valid baseline and a later score, so no curve in "
                f"{unit} is given."
            )
            continue
        tables = _released(scope, unit, result)
        released += tables.values()
        if last_shown(tables["landmarks"].frame) is None:
            notes.append(f"{instrument.name}: no planned time can be shown{too_small(scope)}.")
        else:
            figures.append(_figure(scope, unit, instrument, result, tables, "ab"[len(figures)]))
        results.append(result)
    tables, hidden = gathered(released)
    if scope.gate.suppresses and results:
        steps = Hidden(
            "Section 1", "steps of the curves; dots at planned times are shown", "a step can be one patient"
        )
        hidden = (steps, *hidden)
    section = Section(
        number=TIMING,
        question="How fast do patients respond?",
        reading=(
            "First response after session 1. A score shows only that the change came between two "
            "assessments, so the curve is known at assessments and undetermined in between.",
        ),
        terms=_terms(scope),
        figures=tuple(figures),
        notes=tuple(notes),
    )
    return Part(section, tables, hidden, tuple(results))


NOT_RECORDED = {
    "hours": "Response in hours: not recorded. It needs scores from an instrument that asks about now, "
    "such as a mood rating; an instrument that asks about the past days cannot show a change within hours.",
    "days": "Response in days: not recorded. No score of a symptom instrument is in the data.",
}


def _not_recorded(scope: Scope, unit: str) -> str:
    """Why there is no panel; where all scores are of unknown instruments that is the reason."""
    if scope.instrument is None and scope.is_uncatalogued:
        return f"Response in {unit}: {scope.why_no_instrument}."
    return NOT_RECORDED[unit]


def _curve(scope: Scope, unit: str, instrument: Instrument) -> CurveResult | None:
    try:
        return time_to_response(
            scope.recent,
            instrument.name,
            unit=unit,
            level=scope.level,
            horizon=HORIZONS[unit],
            at=MARKS[unit],
        )
    except DataError:
        return None


def _released(scope: Scope, unit: str, result: CurveResult) -> dict[str, Released]:
    """The curve's tables through the gate; its steps only where small counts may be shown."""
    name = CURVES[unit][0]
    gate, place = scope.gate, f"Section 1, {unit}"
    landmarks = result.landmarks.drop(columns="suppressed", errors="ignore")
    released = {
        "landmarks": gate.landmarks(f"{name}_landmarks", landmarks, place=place, beside=scope.sizes),
        "medians": gate.medians(f"{name}_medians", result.medians, place=place, beside=scope.sizes),
    }
    if not gate.suppresses:
        released["table"] = gate.plain(f"{name}_curve", result.table)
        released["masses"] = gate.plain(f"{name}_masses", result.masses)
        released["naive"] = gate.plain(f"{name}_kaplan_meier", result.naive)
    return released


def _figure(scope, unit, instrument, result, tables: dict[str, Released], letter: str) -> Figure:
    landmarks, medians = tables["landmarks"].frame, tables["medians"].frame
    outcome = defined(instrument, "response")
    rule = instrument.name if outcome is None else outcome_words(outcome, instrument)
    title = _title(unit, landmarks, medians)
    curve = tables["table"].frame if "table" in tables else landmarks
    options = {name: tables[name].frame for name in ("masses", "naive") if name in tables}
    svg = drawn(
        onset, curve, prefix=f"figure-1{letter}", title=title,
        description=_told(landmarks, unit, scope.level),
        landmarks=landmarks, unit=unit, horizon=CURVES[unit][1], steps=not scope.gate.suppresses,
        recall_days=instrument.recall_days if unit == "days" else None,
        unit_line=f"Responded, % of patients ({rule})", **options,
    )  # fmt: skip
    n = medians["n_patients"].iloc[0]
    who = "a valid baseline and a later score"
    if unit == "hours":
        who += " at a known clock time"
    samples = result.provenance["arguments"]["n_replicates"]
    notes = [
        f"Dots and bars: estimate and {ci(scope.level)} ({samples} bootstrap samples of patients).",
    ]
    if scope.gate.suppresses:
        notes.append("The steps between the dots are not shown: a step can be one patient.")
    else:
        notes.append(
            "Turnbull estimate. Kaplan–Meier at the date of detection is dashed, for comparison only."
        )
    if missing(n):
        few = scope.gate.few.words
        notes.append(f"Numbers of patients are not shown: beside others they would show {few} patients.")
    population = f"{instrument.name}, {scope.of_starters(n)} with {who}{scope.during}"
    return Figure(f"Fig. 1{letter}", title, population, svg, (" ".join(notes),))


def _title(unit: str, landmarks: pd.DataFrame, medians: pd.DataFrame) -> str:
    """What the panel found, or a neutral title where that is not shown."""
    median = medians.iloc[0]
    if unit == "days" and not median["suppressed"] and np.isfinite(median["low"]):
        if np.isinf(median["high"]):
            return f"Half had responded at some time after {time_words(median['low'], unit)}"
        first, last = time_words(median["low"], unit), time_words(median["high"], unit)
        return (
            f"Half had responded by {last}"
            if first == last
            else f"Half had responded between {first} and {last}"
        )
    row = at_time(landmarks, CURVES[unit][2])
    if row is None:
        row = last_shown(landmarks)
    if row is None:
        return f"Response in {unit}"
    return f"{bounds(row['estimate'], row['estimate_high'])} had responded by {time_words(row['time'], unit)}"


def at_time(landmarks: pd.DataFrame, time: float) -> pd.Series | None:
    """The landmark at `time`, if it is there and shown."""
    rows = landmarks[(landmarks["time"] == time) & (landmarks["suppressed"] == "")]
    return rows.iloc[0] if len(rows) else None


def last_shown(landmarks: pd.DataFrame) -> pd.Series | None:
    """The last landmark that is shown."""
    rows = landmarks[landmarks["suppressed"] == ""]
    return rows.iloc[-1] if len(rows) else None


def _told(landmarks: pd.DataFrame, unit: str, level: float) -> str:
    """The figure's numbers in words."""
    sentences = []
    for row in landmarks.to_dict("records"):
        when = f"By {time_words(row['time'], unit)}"
        if row["suppressed"]:
            sentences.append(f"{when}: not shown.")
            continue
        share = bounds(row["estimate"], row["estimate_high"])
        span = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
        sentences.append(
            f"{when} {share} had responded ({ci(level)} {span}): {count(row['n_responded'])} responded, "
            f"{count(row['n_unknown'])} not yet known, {count(row['n_not_yet'])} known not yet."
        )
    return " ".join(sentences) or "No planned time lies within the follow-up."


def _terms(scope: Scope) -> tuple[tuple[str, str], ...]:
    terms = []
    if scope.momentary is not None:
        terms.append(("Hours:", f"{instrument_words(scope.momentary)}."))
    if scope.instrument is not None:
        terms.append(("Days:", f"{instrument_words(scope.instrument)}; no result in hours is given from it."))
    return tuple(terms)
