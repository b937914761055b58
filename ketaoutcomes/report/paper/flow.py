"""R1: who started, and who has a score in the window."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.draw.flow import flow as draw_flow
from ketaoutcomes.draw.labels import count, missing, percent
from ketaoutcomes.report.paper.cells import capital, shown_sizes, size
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.sections.part import drawn, gathered, too_small
from ketaoutcomes.report.words import joined, plural

__all__ = ["flow"]

PLACE = "R1"


def flow(scope: PaperScope, number: int) -> PaperPart:
    """Steps from the first session to a score, with the reasons for leaving."""
    setting = _setting(scope)
    if scope.instrument is None:
        notes = (*setting, f"Flow to a score: not recorded: {scope.why_no_instrument}.")
        return PaperPart(_section(scope, number, notes=notes), {})
    result = data_quality(scope.cohort, scope.instrument.name, at=scope.window.name, baseline=BASELINE)
    steps = _reasons(result.flow, result.losses, scope.gate.suppresses)
    given = scope.gate.flow("flow", steps, place=PLACE, beside=(scope.cohort.n_patients,))
    frame = given.frame
    figures, tables, notes = (), (), setting
    if frame["n"].notna().any():
        words = _listed(result.losses, scope.gate.suppresses)
        figures, tables = (_figure(scope, frame),), (_table(scope, frame, words),)
    else:
        notes = (*setting, f"The flow cannot be shown{too_small(scope)}.")
    found, hidden = gathered([given])
    section = _section(scope, number, figures=figures, tables=tables, notes=notes)
    return PaperPart(section, found, hidden, (result,), sizes=shown_sizes([frame]))


def _section(scope: PaperScope, number: int, *, figures=(), tables=(), notes=()) -> Section:
    return Section(
        number=number,
        question="R1 Participants",
        reading=("Each patient leaves at the first step that fails; the reason is that step's.",),
        terms=(
            ("Started:", "had a first session."),
            ("Window:", f"{scope.window.label[:1].lower()}{scope.window.label[1:]}."),
        ),
        figures=figures,
        tables=tables,
        notes=notes,
    )


def _reasons(steps: pd.DataFrame, losses: pd.DataFrame, suppresses: bool) -> pd.DataFrame:
    """Steps with their reasons; without the counts of each where small ones are hidden."""
    if not suppresses:
        return steps
    words = losses.groupby("step", sort=False)["reason"].agg("; ".join)
    return steps.assign(reason=[words.get(step, "") for step in steps["step"]])


def _listed(losses: pd.DataFrame, suppresses: bool) -> dict[str, str]:
    """Reasons by step as a table prints them: ``"No score before session 1 (2)"``."""
    words = losses["reason"].astype(str)
    if not suppresses:
        words = words + " (" + losses["n_patients"].map(count).astype(str) + ")"
    return {str(step): "; ".join(own) for step, own in words.groupby(losses["step"], sort=False)}


def _figure(scope: PaperScope, frame: pd.DataFrame) -> Figure:
    first, last = frame.iloc[0], frame.iloc[-1]
    title = "From session 1 to a score in the window"
    if not missing(first["n"]) and not missing(last["n"]) and first["n"]:
        title = f"{percent(last['n'] / first['n'])} of those who started have a score in the window"
    told = " ".join(f"{capital(str(row['step']))}: {size(row['n'])}." for row in frame.to_dict("records"))
    svg = drawn(draw_flow, frame, prefix="figure-r1", title=title, description=told)
    who = f"{scope.instrument.name}, {scope.starters_counted('patient')} who started"
    return Figure("Fig. R1", title, who, svg, ("% of those who started. Hatched: left at that step.",))


def _table(scope: PaperScope, frame: pd.DataFrame, words: dict[str, str]) -> Table:
    rows, first = [], frame.iloc[0]["n"]
    for row in frame.to_dict("records"):
        share = "" if missing(row["n"]) or missing(first) or not first else percent(row["n"] / first)
        lost = "" if row["step"] == frame.iloc[0]["step"] else size(row["n_lost"])
        rows.append(
            (capital(str(row["step"])), size(row["n"]), share, lost, capital(words.get(row["step"], "–")))
        )
    columns = (
        Column("Step", True), Column("Patients"), Column("% of started"), Column("Left at this step"),
        Column("Reasons (patients)", True),
    )  # fmt: skip
    notes = [f"Definition of the window: {scope.window.text}"]
    if (frame["step"] == "window closed at the data cut").any():
        notes.append(
            "Patients whose window had not closed at the data cut are not yet due. They are in no "
            "denominator of the outcomes, and not counted as lost."
        )
    caption = f"Table R1. Flow of {scope.starters_counted('patient')} who started, {scope.instrument.name}"
    return Table(caption, columns, tuple(rows), tuple(notes), is_wide=True)


def _setting(scope: PaperScope) -> tuple[str, ...]:
    """Clinics, patients without a session, and the months of the first sessions, as far as recorded."""
    cohort, sessions = scope.cohort, scope.cohort.sessions
    said = [f"{plural(len(sessions), 'session')} of {scope.starters_counted('patient')}"]
    for frame in (cohort.patients, sessions):
        if "clinic_id" in frame.columns and frame["clinic_id"].notna().any():
            said.append(plural(int(frame["clinic_id"].nunique()), "clinic"))
            break
    words = [f"{joined(said, 'in') if len(said) == 2 else said[0]}."]
    without = cohort.n_patients - scope.n_starters
    if without:
        shown = scope.gate.may_stand_beside(scope.n_starters, cohort.n_patients)
        number = count(without) if shown else "Some"
        words.append(f"{number} of the patients in the files have no session and are in no table.")
    if "month" in sessions.columns and sessions["month"].notna().any():
        firsts = sessions.loc[sessions["session"] == 1, "month"].dropna()
        if len(firsts):
            words.append(f"First sessions from {firsts.min()} to {firsts.max()}.")
    cut = cohort.settings.data_cut
    words.append(f"Data cut {cut}." if cut and cohort.settings.months_kept else "Data cut: not stated.")
    return (" ".join(words),)
