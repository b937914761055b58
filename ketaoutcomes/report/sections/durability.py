"""Section 2: how long response lasts between sessions, and what the next session comes of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.durability import durability as durability_of
from ketaoutcomes.draw.durability import held_response
from ketaoutcomes.draw.incidence import stacked
from ketaoutcomes.draw.labels import count, missing, percent, percent_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.disclosure import Hidden, Released
from ketaoutcomes.report.numbering import DURABILITY
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.between import between_sessions
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.words import bounds, ci, plural
from ketaoutcomes.results.durability import STACKED, DurabilityResult, counts_by_event

__all__ = ["durability"]

NUMBER = DURABILITY
PLACE = f"Section {NUMBER}"
MARKS = (7.0, 14.0, 28.0, 42.0, 56.0)
REPLICATES = 200
NOBODY = "No episode of response after induction can be followed, so nothing is said of how long it lasts."


def durability(scope: Scope) -> Part:
    """What became of responses after induction, how long they last, and the days between sessions."""
    result = _result(scope)
    released: list[Released] = []
    figures: list[Figure] = []
    tables: list[Table] = []
    notes: list[str] = []
    results = []
    if result is None:
        notes.append(f"Not recorded: {scope.why_no_instrument}." if scope.is_uncatalogued else NOBODY)
    else:
        own = _released(scope, result)
        released += own.values()
        results.append(result)
        tables.append(_table(scope, own["landmarks"].frame))
        if scope.gate.suppresses:
            notes.append("The curves are not drawn: a step can be one patient.")
        else:
            figures += _figures(scope, result, own)
    more = between_sessions(scope, first="abcdef"[len(figures)])
    released += more.released
    results += more.results
    figures += more.figures
    tables += more.tables
    notes += more.notes
    printed, hidden = gathered(released)
    if scope.gate.suppresses and results:
        steps = Hidden(PLACE, "curves; shares at planned days are shown", "a step can be one patient")
        hidden = (steps, *hidden)
    section = Section(
        number=NUMBER,
        question="How long does it last between sessions?",
        reading=(
            "From response to its loss, or to the next session if that came first. Coming back is neither a "
            "loss nor a censoring: people often return because they feel worse.",
            "Episodes begin with the last session of the induction and every later one, where the patient is "
            "seen to respond.",
        ),
        terms=_terms(result),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=tuple(notes),
    )
    return Part(section, printed, hidden, tuple(results))


def _result(scope: Scope) -> DurabilityResult | None:
    if scope.instrument is None:
        return None
    try:
        return durability_of(
            scope.recent, scope.instrument.name, at=MARKS, level=scope.level, n_replicates=REPLICATES
        )
    except DataError:
        return None


def _released(scope: Scope, result: DurabilityResult) -> dict[str, Released]:
    gate, beside = scope.gate, scope.sizes
    out = {"landmarks": gate.episodes("durability_days", result.landmarks, place=PLACE, beside=beside)}
    shown = out["landmarks"].frame
    marks = shown.loc[shown["suppressed"] == "", "time"]
    own = gate.watched("durability_without_sessions", result.cause_specific, place=PLACE, marks=marks)
    out["own"] = own
    if not gate.suppresses:
        out["incidence"] = gate.plain("durability_curve", result.incidence)
        out["bounds"] = gate.plain("durability_bounds", result.bounds)
        out["naive"] = gate.plain("durability_kaplan_meier", result.naive)
    return out


def _figures(scope: Scope, result: DurabilityResult, own: dict[str, Released]) -> list[Figure]:
    landmarks = own["landmarks"].frame
    n = plural(int(result.medians["n"].iloc[0]), "episode")
    who = f"{n} of {scope.of_starters(int(result.medians['n_patients'].iloc[0]))}{scope.during}"
    told = " ".join(_said(row, scope) for row in landmarks.to_dict("records"))
    table = own["incidence"].frame.assign(n_at_risk=result.medians["n"].iloc[0])
    title = _title(landmarks)
    first = drawn(
        stacked, table, prefix=f"figure-{NUMBER}a", title=title, description=told, causes=STACKED,
        landmarks=counts_by_event(landmarks, None), unit="days", origin=result.origin,
        event_free="still responding", free_at="bottom",
                at_risk="Known to respond", unit_line=f"Episodes, % ({result.rule})",
        horizon=max(MARKS),
    )  # fmt: skip
    level = scope.level
    other = _title_without(own["own"].frame)
    second = drawn(
        held_response, own["own"].frame, prefix=f"figure-{NUMBER}b", title=other,
        description=f"{other}. {ASSUMED}", bounds=own["bounds"].frame, naive=own["naive"].frame,
        origin=result.origin, level=level, unit_line=f"Still responding without a session, % ({result.rule})",
    )  # fmt: skip
    return [
        Figure(
            f"Fig. {NUMBER}a", title, who, first,
            (_hatched(own["incidence"].frame),),
        ),
        Figure(f"Fig. {NUMBER}b", other, who, second, (ASSUMED,)),
    ]  # fmt: skip


def _hatched(curve: pd.DataFrame) -> str:
    wide = (curve["estimate_high"] - curve["estimate"]).max() > 0.005
    return "Cumulative incidence" + (
        "; hatched: lost or not, somewhere between two assessments." if wide else "."
    )


ASSUMED = (
    "Had no further session been given, if whoever was treated again was no nearer to loss than who was not; "
    "grey is what is possible without that assumption."
)


def _title(landmarks: pd.DataFrame) -> str:
    """What became of the episodes at day 28, or at the last day that is shown."""
    shown = landmarks[landmarks["suppressed"] == ""]
    if shown.empty:
        return "What became of the episodes"
    at = shown[shown["time"] == 28]
    row = (at if len(at) else shown).iloc[-1]
    still = bounds(row["still_responding"], row["still_responding_high"])
    lost = bounds(row["estimate"], row["estimate_high"])
    return f"{lost} had lost the response by day {row['time']:g}, {still} kept it without a session"


def _title_without(own: pd.DataFrame) -> str:
    known = own[own["identified"].astype(bool) & own["estimate"].notna()]
    low = known[known["estimate_high"] <= 0.5]
    if len(low):
        return f"Half would have lost it by day {low['time'].iloc[0]:g} without a further session"
    until = known["time"].max() if len(known) else np.nan
    if np.isnan(until):
        return "Without a further session: not identified"
    return f"Without a further session half is not reached by day {until:g}"


def _said(row: dict, scope: Scope) -> str:
    if row["suppressed"]:
        return f"Day {row['time']:g}: not shown."
    lost = bounds(row["estimate"], row["estimate_high"])
    span = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
    still = bounds(row["still_responding"], row["still_responding_high"])
    again = percent(row["next_session"])
    return (
        f"Day {row['time']:g}: {lost} lost ({ci(scope.level)} {span}), {again} treated again first, {still} "
        f"still responding; {count(row['n_unknown'])} not known."
    )


def _table(scope: Scope, frame: pd.DataFrame) -> Table:
    rows = []
    for row in frame.to_dict("records"):
        if row["suppressed"]:
            cells = ["not shown"] * 6
        else:
            cells = [
                bounds(row["estimate"], row["estimate_high"]),
                percent_range(row["conf_low"], row["conf_high"], like=row["estimate"]),
                bounds(row["next_session"], row["next_session_high"]),
                bounds(row["stopped"], row["stopped_high"]),
                bounds(row["still_responding"], row["still_responding_high"]),
                f"{count(row['n_unknown'])} of {count(row['n'])}" if not missing(row["n"]) else "not shown",
            ]
        rows.append((f"{row['time']:g}", *cells))
    columns = (
        Column("Day", True), Column("Response lost"), Column(ci(scope.level)), Column("Next session first"),
        Column("Stopped first"), Column("Still responding"), Column("State not known"),
    )  # fmt: skip
    note = "Shares of episodes; intervals allow for several episodes of a patient."
    if frame.empty or (frame["suppressed"] != "").all():
        note += f" No day can be shown{too_small(scope)}."
    return Table(
        "What became of the episodes, by day since the response was seen", columns, tuple(rows), (note,)
    )


def _terms(result: DurabilityResult | None) -> tuple[tuple[str, str], ...]:
    if result is None:
        return ()
    return (
        ("Loss:", f"{result.rule}."),
        (
            "Day 0:",
            "when the response was seen after the session; the session itself if it was there before.",
        ),
    )
