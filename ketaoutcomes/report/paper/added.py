"""Tables that a paper prints where the monthly report has a figure; made from the same released frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from ketaoutcomes.derive.side_effects import ANY
from ketaoutcomes.draw.labels import missing, percent_range
from ketaoutcomes.report.paper.cells import NOT_SHOWN, capital, size
from ketaoutcomes.report.paper.scope import PaperPart, PaperScope
from ketaoutcomes.report.parts import Column, Table
from ketaoutcomes.report.words import asked, bounds, ci, rate_words, time_words

__all__ = ["with_tables"]

MOST_EFFECTS = 20


def with_tables(part: PaperPart, code: str, scope: PaperScope) -> PaperPart:
    """`part` with the tables of its result, after those that it has."""
    made = [table for make in MAKERS.get(code, ()) for table in [make(part.tables, scope)] if table.rows]
    if not made:
        return part
    tables = (*(replace(table, caption=_own(table.caption, code)) for table in part.section.tables), *made)
    return replace(part, section=replace(part.section, tables=tables))


def _own(caption: str, code: str) -> str:
    """The code of dissociation is the second of its section's two."""
    first, _, second = code.partition(", ")
    return caption.replace(f"Table {first}", f"Table {second}", 1) if second else caption


def _effects(tables: Mapping[str, pd.DataFrame], scope: PaperScope) -> Table:
    """Side effects per patient, with intervals, by way of asking."""
    return _effect_table(tables, scope, "patient", "e", "Exact intervals.")


def _effects_per_session(tables: Mapping[str, pd.DataFrame], scope: PaperScope) -> Table:
    """Side effects per session, with intervals that allow for several sessions of a patient."""
    note = "Intervals allow for several sessions of a patient."
    return _effect_table(tables, scope, "session", "d", note)


def _effect_table(
    tables: Mapping[str, pd.DataFrame], scope: PaperScope, per: str, letter: str, note: str
) -> Table:
    frame = tables.get(f"side_effects_per_{per}")
    rows = []
    if frame is not None:
        names = list(dict.fromkeys(frame["effect"]))[:MOST_EFFECTS]
        for row in frame[frame["effect"].isin(names)].to_dict("records"):
            estimate, of_total, interval = rate_words(row)
            name = capital(str(row["effect"]))
            rows.append((name, asked(row["ascertainment"]), estimate, of_total, interval))
    columns = (
        Column("Effect", True), Column("How", True), Column(f"% of {per}s"), Column("n/N"),
        Column(ci(scope.level)),
    )  # fmt: skip
    notes = (
        f"{note} N: {per}s with a record made in that way; those without one are left out and not counted as "
        f"none. “{capital(ANY)}” is at least one.",
    )
    return Table(f"Table R13{letter}. Side effects per {per}, with intervals", columns, tuple(rows), notes,
                 is_wide=True)  # fmt: skip


def _excursions(tables: Mapping[str, pd.DataFrame], scope: PaperScope) -> Table:
    """Sessions beyond each threshold of vital signs."""
    frame = tables.get("excursions")
    rows = []
    if frame is not None:
        for row in frame.to_dict("records"):
            estimate, of_total, interval = rate_words(row)
            rows.append((str(row["text"]), estimate, of_total, interval))
    columns = (
        Column("At least once in the session", True), Column("% of sessions"), Column("n/N"),
        Column(ci(scope.level)),
    )  # fmt: skip
    note = (
        "N: sessions with the readings that the rule needs. More readings find more. Intervals allow for "
        "several sessions of a patient. Thresholds describe and recommend nothing."
    )
    return Table("Table R14. Vital signs beyond thresholds", columns, tuple(rows), (note,), is_wide=True)


def _onset(unit: str, letter: str) -> Callable[[Mapping[str, pd.DataFrame], PaperScope], Table]:
    def make(tables: Mapping[str, pd.DataFrame], scope: PaperScope) -> Table:
        frame = tables.get(f"onset_{unit}_landmarks")
        rows = [] if frame is None else [_landmark(row, unit) for row in frame.to_dict("records")]
        columns = (
            Column("By", True), Column("Responded"), Column(ci(scope.level)), Column("n"),
            Column("Responded, n"), Column("Not yet known, n"), Column("Known: not yet, n"),
        )  # fmt: skip
        instrument = scope.momentary if unit == "hours" else scope.instrument
        name = "" if instrument is None else f", {instrument.name}"
        note = (
            "Nonparametric maximum likelihood for interval-censored times; two numbers are bounds between "
            "which the assessments leave the share. Not yet known: between the last assessment before a "
            "response and the first with it, or not followed so far."
        )
        return Table(f"Table R8{letter}. Time to response in {unit}{name}", columns, tuple(rows), (note,),
                     is_wide=True)  # fmt: skip

    return make


def _landmark(row: dict, unit: str) -> tuple[str, ...]:
    when = capital(time_words(row["time"], unit))
    if row["suppressed"]:
        return (when, *(NOT_SHOWN,) * 6)
    span = percent_range(row["conf_low"], row["conf_high"], like=row["estimate"])
    limits = NOT_SHOWN if missing(row["conf_low"]) else span
    sizes = (size(row[name]) for name in ("n", "n_responded", "n_unknown", "n_not_yet"))
    return (when, bounds(row["estimate"], row["estimate_high"]), limits, *sizes)


MAKERS: Mapping[str, tuple[Callable[[Mapping[str, pd.DataFrame], PaperScope], Table], ...]] = {
    "R8": (_onset("hours", "a"), _onset("days", "b")),
    "R13": (_effects_per_session, _effects),
    "R14, R15": (_excursions,),
}
