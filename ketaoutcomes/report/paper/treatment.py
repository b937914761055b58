"""R3: sessions, doses, days between sessions, and how far the phases went."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.exposure import exposure
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import HOURS_PER_DAY
from ketaoutcomes.derive.exposure import session_doses
from ketaoutcomes.derive.sessions import induction, session_table
from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.report.paper.cells import (
    capital,
    decimals_of,
    quartiles,
    size,
)
from ketaoutcomes.report.paper.scope import PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Section, Table
from ketaoutcomes.report.released import Released
from ketaoutcomes.report.sections.part import gathered
from ketaoutcomes.report.words import ci, rate_words
from ketaoutcomes.results.exposure import ExposureResult

__all__ = ["exposure_by_session", "treatment"]

PLACE = "R3"
MOST_SESSIONS = 10
MEASURES = {
    "dose": ("Dose, mg/kg", 2),
    "gap": ("Days since the session before", 1),
}


def treatment(scope: PaperScope, number: int) -> PaperPart:
    """Exposure per patient, dose and spacing by session number, completion of the phases."""
    result = exposure(scope.cohort, level=scope.level)
    gate = scope.gate
    totals = result.table.drop(columns=["total", "p90", "n_patients"])
    totals = totals.rename(columns={"n_unknown": "n_missing"})
    whole = gate.spread("exposure", totals, place=PLACE, beside=scope.sizes)
    by_session = exposure_by_session(scope)
    phases = gate.apart("phases", _phases(scope), place=PLACE, sizes=("n_events",), beside=scope.sizes)
    tables = [_totals_table(scope, whole.frame), _phases_table(scope, phases.frame)]
    tables += [_session_table(by_session.frame, measure) for measure in MEASURES]
    printed, hidden = gathered([whole, by_session, phases])
    section = Section(
        number=number,
        question="R3 Treatment given",
        reading=(
            "Later sessions are those of patients who went on, so rows by session number are not the same "
            "patients.",
        ),
        terms=_terms(scope, result),
        tables=tuple(tables),
        notes=_notes(result),
    )
    return PaperPart(section, printed, hidden, (result,))


def _terms(scope: PaperScope, result: ExposureResult) -> tuple[tuple[str, str], ...]:
    ended = induction(scope.cohort)
    where = "derived by this rule" if ended.derived else "as the clinic gave it; complete by this rule"
    wanted = ("Time on treatment", "Cumulative dose")
    terms = [(f"{name}:", f"{text}.") for name, text, _ in result.definitions if name in wanted]
    return (("Induction:", f"{ended.rule.text.rstrip('.')} (phase {where})."), *terms)


def _notes(result: ExposureResult) -> tuple[str, ...]:
    return tuple(note for note in result.notes if note.startswith("Doses by different routes"))


def exposure_by_session(scope: PaperScope) -> Released:
    """Dose and gap by session number, as it may be printed."""
    return scope.gate.spread("exposure_by_session", _by_session(scope), place=PLACE, nested=True)


def _by_session(scope: PaperScope) -> pd.DataFrame:
    """Dose and days since the session before, by session number."""
    sessions = session_table(scope.cohort)
    _, dose = session_doses(scope.cohort)
    values = {"dose": dose, "gap": sessions["hours_since_previous"].to_numpy(float) / HOURS_PER_DAY}
    place = sessions["session"].to_numpy()
    rows = []
    for measure, of_session in values.items():
        for number in range(1, min(MOST_SESSIONS, int(place.max(initial=0))) + 1):
            if measure == "gap" and number == 1:
                continue
            had = of_session[place == number]
            known = had[np.isfinite(had)]
            spread = np.quantile(known, (0.25, 0.5, 0.75)) if known.size else (np.nan,) * 3
            mean = known.mean() if known.size else np.nan
            sd = known.std(ddof=1) if known.size > 1 else np.nan
            rows.append((measure, number, known.size, had.size - known.size, mean, sd, *spread))
    columns = ["measure", "session", "n", "n_missing", "mean", "sd", "q1", "median", "q3"]
    return pd.DataFrame(rows, columns=columns)


def _phases(scope: PaperScope) -> pd.DataFrame:
    """Who completed the induction and who went on, of all who started."""
    cohort = scope.cohort
    sessions = session_table(cohort)
    codes = patient_codes(sessions)
    n = scope.n_starters
    complete = induction(cohort).complete[np.unique(codes)]
    went_on = np.unique(codes[(sessions["phase"] == "maintenance").to_numpy()])
    rows = [
        ("Induction complete", int(complete.sum())),
        ("A maintenance session", went_on.size),
    ]
    if "stopped_early" in sessions.columns and sessions["stopped_early"].notna().any():
        stopped = sessions["stopped_early"].fillna(False).to_numpy(dtype=bool)
        rows.append(("A session recorded as ended before its dose was given", np.unique(codes[stopped]).size))
    frame = pd.DataFrame(rows, columns=["phase", "n_events"]).assign(n=n)
    low, high = wilson(frame["n_events"].to_numpy(), frame["n"].to_numpy(), level=scope.level)
    share = frame["n_events"] / n if n else np.nan
    return frame.assign(estimate=share, conf_low=low, conf_high=high)


def _totals_table(scope: PaperScope, frame: pd.DataFrame) -> Table:
    rows = []
    for row in frame.to_dict("records"):
        unit = row["unit"]
        name = row["quantity"] if unit == row["quantity"] else f"{row['quantity']}, {unit}"
        rows.append(
            (capital(name), size(row["n"]), quartiles(row, decimals_of(unit)), size(row["n_missing"]))
        )
    columns = (
        Column("Per patient", True), Column("n"), Column("Median (quartiles)"), Column("Not known, n"),
    )  # fmt: skip
    caption = f"Table R3a. Exposure per patient up to the data cut, {scope.starters_counted('patient')}"
    note = "A cumulative dose is given only where every dose is known; nothing is filled in."
    return Table(caption, columns, tuple(rows), (note,), is_wide=True)


def _phases_table(scope: PaperScope, frame: pd.DataFrame) -> Table:
    rows = []
    for row in frame.to_dict("records"):
        estimate, of_total, interval = rate_words(row)
        rows.append((row["phase"], estimate, of_total, interval))
    columns = (Column("Phase", True), Column("Patients"), Column("n/N"), Column(ci(scope.level)))
    note = (
        "Of all who started, those still in treatment at the data cut included; Wilson intervals. A record "
        "that is missing counts as no, so these are lower bounds."
    )
    return Table("Table R3b. How far the phases went", columns, tuple(rows), (note,), is_wide=True)


def _session_table(frame: pd.DataFrame, measure: str) -> Table:
    label, decimals = MEASURES[measure]
    letter = "cd"[list(MEASURES).index(measure)]
    rows = tuple(
        (f"{row['session']}", size(row["n"]), quartiles(row, decimals), size(row["n_missing"]))
        for row in frame[frame["measure"] == measure].to_dict("records")
    )
    columns = (
        Column("Session", True), Column("n"), Column("Median (quartiles)"), Column("Not known, n"),
    )  # fmt: skip
    return Table(f"Table R3{letter}. {label}, by session number", columns, rows, is_wide=True)
