"""A mixed model in plain words, made from released rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import missing, number
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.words import ci, joined
from ketaoutcomes.results.course_lines import LinesResult

__all__ = ["change_words", "estimate_words", "reading", "spread_names", "variance_cells"]

CLINIC, PATIENT = "clinic_id", "patient_id"


def estimate_words(row, level: float, *, split: bool = False):
    """``"−9.2 (95% CI −10.1 to −8.3)"``, or estimate and interval apart."""
    decimals = decimals_of(row)
    estimate = number(row["estimate"], decimals)
    interval = f"{number(row['conf_low'], decimals)} to {number(row['conf_high'], decimals)}"
    return (estimate, interval) if split else f"{estimate} ({ci(level)} {interval})"


def decimals_of(row) -> int:
    """Decimals that show the first digit of a quarter of the interval, about the standard error; 1 to 3."""
    width = (row["conf_high"] - row["conf_low"]) / 4.0
    if missing(width) or not width > 0:
        return 1
    return int(np.clip(-np.floor(np.log10(width)), 1, 3))


def change_words(row, level: float, *, per: str = "", interval: bool = True) -> str:
    """``"fell by 9.2 points (95% CI 8.3 to 10.1)"``; a range over 0 stays a range."""
    decimals = decimals_of(row)
    estimate, low, high = row["estimate"], row["conf_low"], row["conf_high"]
    unit = f"points{per}"
    if low <= 0.0 <= high:
        words = f"changed by {number(estimate, decimals)} {unit}"
        span = f"{number(low, decimals)} to {number(high, decimals)}"
        return f"{words} ({ci(level)} {span}, so from a fall to a rise)" if interval else words
    verb = "fell" if estimate < 0 else "rose"
    ends = sorted((abs(low), abs(high)))
    words = f"{verb} by {number(abs(estimate), decimals)} {unit}"
    span = f"{number(ends[0], decimals)} to {number(ends[1], decimals)}"
    return f"{words} ({ci(level)} {span})" if interval else words


def reading(result: LinesResult, frame: pd.DataFrame, scope: Scope) -> tuple[str, ...]:
    """What the model says, a paragraph each: course, patients, routes, limits."""
    baseline, early, later = (frame.iloc[place] for place in range(3))
    told = []
    whose = f" of those who began with {result.routes[0][0]}" if result.routes else ""
    if not early["suppressed"]:
        told.append(
            f"Mean {result.instrument} scores{whose} {change_words(early, scope.level)} from the baseline "
            f"({number(baseline['estimate'])}) to day {result.turn:g}."
        )
    if not later["suppressed"]:
        told.append(
            f"From then to day {result.until:g} they {change_words(later, scope.level, per=' per week')}."
        )
    routes = _route_words(result, frame, scope)
    last = (
        "What followed treatment, not what it caused. For research and review; a single patient’s course "
        "is not told by it."
    )
    return tuple(words for words in (" ".join(told), _patient_words(result), routes, last) if words)


def _patient_words(result: LinesResult) -> str:
    """How patients differ, from the variance components."""
    table = result.fit.variance_components
    sd = {
        (row["group"], row["term_1"]): row["sd_or_corr"]
        for row in table.to_dict("records")
        if pd.isna(row["term_2"])
    }
    parts = []
    for name, words in (
        ("(Intercept)", "{} points at the baseline"),
        ("early", "{} points in the change to day " + f"{result.turn:g}"),
        ("later", "{} points per week after it"),
    ):
        if (PATIENT, name) in sd:
            parts.append(words.format(_sd(sd[PATIENT, name])))
    for (group, name), value in sd.items():
        if group not in (PATIENT, "Residual") and name == "(Intercept)":
            parts.append(f"{_sd(value)} points between clinics")
    around = result.fit.sigma
    return (
        f"Patients differ, with a standard deviation of {joined(parts)}. Their scores scatter around their "
        f"own lines with one of {_sd(around)} points."
    )


def _sd(value: float) -> str:
    return number(value, 1 if value >= 1.0 else 2)


def _route_words(result: LinesResult, frame: pd.DataFrame, scope: Scope) -> str:
    """How the early change differs between routes, where that is shown."""
    if not result.routes:
        return ""
    told = []
    terms = list(result.fit.params.index)
    for name, _ in result.routes[1:]:
        row = frame.iloc[terms.index(f"early:route{name}")] if f"early:route{name}" in terms else None
        if row is not None and not row["suppressed"]:
            decimals = decimals_of(row)
            told.append(
                f"{name} {number(row['estimate'], decimals)} ({number(row['conf_low'], decimals)} to "
                f"{number(row['conf_high'], decimals)})"
            )
    if not told:
        return ""
    return (
        f"Change to day {result.turn:g} by route of session 1, less that of {result.routes[0][0]}, in points "
        f"({ci(scope.level)}): {'; '.join(told)}. Associated with the route, not caused by it."
    )


def variance_cells(result: LinesResult) -> list[tuple[str, str, float]]:
    """Component, kind ("SD" or "correlation") and value of each row of the variances."""
    words = {
        "(Intercept)": "level at the baseline",
        "early": f"change to day {result.turn:g}",
        "later": f"change per week after day {result.turn:g}",
    }
    cells = []
    for row in result.fit.variance_components.to_dict("records"):
        who = {PATIENT: "Patients", "Residual": "Residual"}.get(row["group"])
        who = who or ("Clinics" if row["group"] == CLINIC else "Patients")
        if row["group"] == "Residual":
            cells.append(("Residual, around a patient’s own lines", "SD", row["sd_or_corr"]))
        elif pd.isna(row["term_2"]):
            cells.append((f"{who}, {words[row['term_1']]}", "SD", row["sd_or_corr"]))
        else:
            pair = f"{words[row['term_1']]} and {words[row['term_2']]}"
            cells.append((f"{who}, {pair}", "correlation", row["sd_or_corr"]))
    return cells


def spread_names(result: LinesResult, cells: list[dict]) -> tuple[str, ...]:
    """What is said below the variances: their unit, correlations, and whether one is at its limit."""
    notes = ["SD in points, or points per week."]
    together = [
        f"{row['component'].partition(', ')[2]} {number(row['value'], 2)}"
        for row in cells
        if row["kind"] == "correlation" and not missing(row["value"])
    ]
    if together:
        words = "; ".join(together).replace("level at the baseline", "baseline")
        words = words.replace(f"change per week after day {result.turn:g}", "weekly change")
        notes.append(f"Correlations: {words.replace(f'change to day {result.turn:g}', 'early change')}.")
    if result.fit.singular:
        notes.append(
            "Boundary fit: a variance is estimated as 0 or a correlation as ±1. The data cannot tell that "
            "part of how patients differ; df do not allow for it."
        )
    return (" ".join(notes),)
