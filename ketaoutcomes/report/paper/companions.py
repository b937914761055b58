"""R12: the other instruments before and after: anxiety, post-traumatic stress, pain."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.analysis.pre_post import pre_post
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.draw.labels import number
from ketaoutcomes.errors import DataError
from ketaoutcomes.report.paper.cells import capital, limits
from ketaoutcomes.report.paper.outcomes import change_rows
from ketaoutcomes.report.paper.scope import BASELINE, PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Section, Table
from ketaoutcomes.report.sections.part import gathered
from ketaoutcomes.report.words import ci, joined
from ketaoutcomes.results.pre_post import PrePostResult

__all__ = ["companions"]

PLACE = "R12"
# Instruments of a session's hours, and screens for harm, are no outcomes of treatment.
NOT_OUTCOMES = frozenset({"CADSS", "CADSS-6", "BPIC-SS", "MoCA", "MOAA/S"})


def companions(scope: PaperScope, section_number: int) -> PaperPart:
    """Means before and after on every other instrument, each in its own points and never pooled."""
    found, empty = _results(scope)
    notes = []
    if empty:
        notes.append(f"Nobody with both scores: {joined(empty)}.")
    if not found:
        notes.append("No other instrument of symptoms has scores before and after: not recorded.")
        return PaperPart(_section(section_number, notes=tuple(notes)), {})
    table = pd.concat(
        [result.table.assign(instrument=name) for name, result in found.items()], ignore_index=True
    )
    effects = [result.effect_sizes.assign(instrument=name) for name, result in found.items()]
    effects = pd.concat(effects, ignore_index=True)
    effects = effects[effects["effect_size"] == "d_z"].reset_index(drop=True)
    gate = scope.gate
    change = gate.spread("companions", table, place=PLACE, beside=scope.sizes, nested=True)
    sizes = gate.spread("companions_effect_sizes", effects, place=PLACE, beside=scope.sizes, nested=True)
    printed, hidden = gathered([change, sizes])
    tables = (_table(scope, change.frame), _effects(scope, sizes.frame))
    section = _section(section_number, tables=tables, notes=tuple(notes))
    return PaperPart(section, printed, hidden, tuple(found.values()))


def _results(scope: PaperScope) -> tuple[dict[str, PrePostResult], list[str]]:
    """Results by instrument, and the instruments on which nobody has both scores."""
    main = None if scope.instrument is None else scope.instrument.name
    names = [
        name
        for name in INSTRUMENTS
        if name in scope.cohort.instruments and name != main and name not in NOT_OUTCOMES
    ]
    found, empty = {}, []
    for name in names:
        try:
            result = pre_post(scope.cohort, name, at=scope.window.name, baseline=BASELINE, level=scope.level)
        except DataError:
            empty.append(name)
            continue
        if result.table["n"].iloc[0] > 0:
            found[name] = result
        else:
            empty.append(name)
    return found, empty


def _section(section_number: int, *, tables=(), notes=()) -> Section:
    return Section(
        number=section_number,
        question="R12 Other instruments",
        reading=(
            "Secondary outcomes, in the points of each instrument: not added up, not compared with each "
            "other, and not adjusted for their number.",
        ),
        tables=tables,
        notes=notes,
    )


def _table(scope: PaperScope, frame: pd.DataFrame) -> Table:
    names = []
    for name in frame["instrument"]:
        known = INSTRUMENTS[name]
        turned = "; higher is better" if known.higher_is == "better" else ""
        names.append(f"{name} ({known.minimum:g}–{known.maximum:g}{turned})")
    columns = (
        Column("Instrument", True), Column("n"), Column("Before, mean (SD)"), Column("After, mean (SD)"),
        Column("Change, mean (SD)"), Column(ci(scope.level)), Column("Not scored, n"),
    )  # fmt: skip
    note = (
        "Patients with both scores of that instrument whose window had closed, so not the same patients in "
        "each row. Change: after minus before; interval by Student’s t. Not scored: valid baseline on that "
        "instrument and window closed, without a score in it."
    )
    when = f"{scope.window.label[:1].lower()}{scope.window.label[1:]}"
    return Table(f"Table R12a. Other instruments before and after, {when}", columns,
                 change_rows(frame, names), (note,), is_wide=True)  # fmt: skip


def _effects(scope: PaperScope, frame: pd.DataFrame) -> Table:
    rows = tuple(
        (
            row["instrument"],
            "not shown" if row["suppressed"] else number(row["estimate"], 2),
            limits(row, 2),
            "not shown" if row["suppressed"] else number(row["corrected"], 2),
        )
        for row in frame.to_dict("records")
    )
    columns = (Column("Instrument", True), Column("d_z"), Column(ci(scope.level)), Column("Hedges’ g"))
    formula = capital(str(frame["formula"].iloc[0])) if len(frame) else "Mean change / SD of the change"
    note = f"d_z: {formula[:1].lower()}{formula[1:]}; limits by the noncentral t distribution."
    return Table("Table R12b. Effect sizes of the change", columns, rows, (note,), is_wide=True)
