"""Completeness: what was read, kept, set aside and missing, and who is not scored."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ketaoutcomes.analysis.quality import data_quality
from ketaoutcomes.draw.flow import flow
from ketaoutcomes.draw.labels import count, missing, percent
from ketaoutcomes.draw.missing import missing as draw_missing
from ketaoutcomes.report.disclosure import Gate, Released
from ketaoutcomes.report.nobody import first_empty_step
from ketaoutcomes.report.numbering import COMPLETENESS
from ketaoutcomes.report.parts import Column, Figure, Section, Table
from ketaoutcomes.report.scope import WINDOW, Scope, without_period
from ketaoutcomes.report.sections.part import Part, drawn, gathered, too_small
from ketaoutcomes.report.words import plural

__all__ = ["completeness"]

PLACE = f"Section {COMPLETENESS}"
MOST_COLUMNS = 12
# Items stand beside a total and the parts of a dose beside the dose, so their gaps say nothing.
ALTERNATIVES = r"i\d+|n_missing_items|dose_mg|weight_kg"


def completeness(scope: Scope, beside: Sequence[float] = ()) -> Part:
    """Attrition of the period's patients, missing cells, rows by table and rule.

    `beside` are sizes of groups of these patients that other sections print.
    """
    name = None if scope.instrument is None else scope.instrument.name
    followed = data_quality(scope.recent, name, at=WINDOW)
    whole = data_quality(without_period(scope.cohort), name, at=WINDOW)
    gate = scope.gate
    released = {
        "rows": gate.files("rows_by_table", whole.rows, size="n_kept", place=f"{PLACE}, rows"),
        "rules": gate.files("rows_set_aside", whole.rules, size="n_rows", place=f"{PLACE}, rows set aside"),
        "blanked": gate.files(
            "cells_set_to_missing",
            whole.blanked,
            size="n_cells",
            place=f"{PLACE}, cells set to missing",
        ),
        "missing": gate.files("missing_cells", whole.missing, size="n_rows", place=f"{PLACE}, missing cells"),
        "recording": gate.rates("recording", followed.recording, place=f"{PLACE}, sessions with a record"),
    }
    figures, notes = [], []
    if len(whole.sources):
        notes.append(_export_note(whole.sources, gate))
    if name is not None and len(followed.flow):
        steps = _reasons(followed.flow, followed.losses, gate.suppresses)
        sizes = (scope.cohort.n_patients, *beside)
        released["flow"] = gate.flow("attrition", steps, place=f"{PLACE}, attrition", beside=sizes)
        if released["flow"].frame["n"].notna().any():
            figures.append(_flow_figure(scope, released["flow"], "a"))
        else:
            notes.append(f"Attrition cannot be shown{too_small(scope)}.")
    else:
        notes.append(f"Attrition: not recorded: {scope.why_no_instrument}.")
    gaps = released["missing"].frame
    if ((gaps["n_missing"] > 0) & ~gaps["column"].str.fullmatch(ALTERNATIVES)).any():
        figures.append(_missing_figure(gaps, "ab"[len(figures)]))
    else:
        notes.append("No cell of the columns supplied is missing.")
    found, hidden = gathered(list(released.values()))
    section = Section(
        number=COMPLETENESS,
        question="How complete are the data?",
        reading=("The share of starters with a known result bounds everything above.",),
        terms=(
            (
                "Set aside:",
                "a row that breaks a rule is kept apart and counted; read = kept + set aside, always.",
            ),
        ),
        figures=tuple(figures),
        tables=tuple(
            table for table in (_rows_table(found), _recording_table(scope, found["recording"])) if table.rows
        ),
        notes=tuple(notes),
    )
    return Part(section, found, hidden, (followed,))


def _reasons(steps: pd.DataFrame, losses: pd.DataFrame, suppresses: bool) -> pd.DataFrame:
    """Steps with their reasons in words; counts are given where there are several and they may be shown."""
    words = {}
    for step, rows in losses.groupby("step", sort=False):
        several = len(rows) > 1 and not suppresses
        parts = [
            f"{row.reason} ({count(row.n_patients)})" if several else str(row.reason)
            for row in rows.itertuples()
        ]
        words[step] = "; ".join(parts)
    return steps.assign(reason=[words.get(step, "") for step in steps["step"]])


def _flow_figure(scope: Scope, given: Released, letter: str) -> Figure:
    frame = given.frame
    first, last = frame.iloc[0], frame.iloc[-1]
    title = "From session 1 to a score after induction"
    if not missing(first["n"]) and not missing(last["n"]) and first["n"] > 0:
        title = f"{percent(last['n'] / first['n'])} of those who started have a score after induction"
        nobody = first_empty_step(scope, frame)
        title = f"{nobody[:1].upper()}{nobody[1:]}" if nobody else title
    told = []
    for row in frame.to_dict("records"):
        size = "not shown" if missing(row["n"]) else count(row["n"])
        told.append(f"{str(row['step']).capitalize()}: {size}.")
    svg = drawn(flow, frame, prefix=f"figure-{COMPLETENESS}{letter}", title=title, description=" ".join(told))
    population = f"{scope.instrument.name}, patients who started{scope.during}"
    note = "% of starters. Hatched: lost at that step."
    return Figure(f"Fig. {COMPLETENESS}{letter}", title, population, svg, (note,))


def _missing_figure(gaps: pd.DataFrame, letter: str) -> Figure:
    counted = (gaps["n_missing"] > 0) & ~gaps["column"].str.fullmatch(ALTERNATIVES)
    worst = gaps[counted].sort_values(["share", "table", "column"], ascending=[False, True, True])
    shown = worst.head(MOST_COLUMNS).reset_index(drop=True)
    top = shown.iloc[0]
    title = f"Most often missing: {top['column']} of {top['table']}, {percent(top['share'])}"
    told = " ".join(
        f"{row['table']}, {row['column']}: {percent(row['share'])} ({count(row['n_missing'])} of "
        f"{count(row['n_rows'])})."
        for row in shown.to_dict("records")
    )
    svg = drawn(draw_missing, shown, prefix=f"figure-{COMPLETENESS}{letter}", title=title, description=told)
    rest = len(worst) - len(shown)
    are = "is" if rest == 1 else "are"
    more = f", and so {are} {plural(rest, 'further column')} with missing cells" if rest else ""
    notes = (f"Single items and the parts of a dose are in the table file only{more}.",)
    return Figure(
        f"Fig. {COMPLETENESS}{letter}",
        title,
        "Share of rows without a value, by table and column; whole data set",
        svg,
        notes,
    )


def _export_note(sources: pd.DataFrame, gate: Gate) -> str:
    """Rows of the export from which the tables were made; in some exports a row is a patient."""
    read, *parts = (int(sources[name].sum()) for name in ("n_read", "n_kept", "n_quarantined", "n_unmapped"))
    if gate.suppresses and gate.few.small([read, *parts]).any():
        return (
            "The tables were made from an export; how many of its rows were kept, set aside or not mapped is "
            "not shown, since a number is small."
        )
    told = f"The tables were made from an export of {plural(read, 'row')}"
    kept, aside, unmapped = map(count, parts)
    return f"{told}: {kept} kept in part or whole, {aside} set aside by a rule, {unmapped} not mapped."


def _rows_table(found: dict[str, pd.DataFrame]) -> Table:
    """Rows read, kept and set aside, with the commonest reason."""
    rules = found["rows_set_aside"]
    rows = []
    for row in found["rows_by_table"].to_dict("records"):
        here = rules[(rules["table"] == row["table"]) & rules["n_rows"].notna()] if len(rules) else rules
        reason = "–"
        if len(here):
            largest = here.sort_values("n_rows", ascending=False, kind="stable").iloc[0]
            reason = f"{largest['reason']} ({count(largest['n_rows'])})"
        numbers = tuple(count(row[name]) for name in ("n_read", "n_kept", "n_quarantined"))
        if row["suppressed"]:
            numbers, reason = ("not shown",) * 3, "–"
        rows.append((str(row["table"]), *numbers, reason))
    columns = (
        Column("Table", True),
        Column("Read"),
        Column("Kept"),
        Column("Set aside"),
        Column("Commonest reason", True),
    )
    blanked = found["cells_set_to_missing"]
    cells = int(blanked["n_cells"].sum()) if len(blanked) else 0
    notes = (f"{count(cells)} implausible cells were set to missing; their rows are kept.",) if cells else ()
    return Table("Rows read, kept and set aside, whole data set", columns, tuple(rows), notes, is_wide=True)


def _recording_table(scope: Scope, recording: pd.DataFrame) -> Table:
    rows = tuple(
        (str(row["measure"]), "not shown", "not shown")
        if row["suppressed"]
        else (str(row["measure"]), percent(row["estimate"]), f"{count(row['n_events'])}/{count(row['n'])}")
        for row in recording.to_dict("records")
    )
    return Table(
        f"Sessions with a record, of {scope.starters}",
        (Column("Record", True), Column("Share"), Column("n/N")),
        rows,
    )
