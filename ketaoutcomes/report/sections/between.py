"""Parts of section 2: how the benefit wears off after a session, and how many days lie between sessions."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from ketaoutcomes.analysis.maintenance import maintenance_intervals
from ketaoutcomes.analysis.wearing_off import wearing_off
from ketaoutcomes.draw.gaps import gaps
from ketaoutcomes.draw.labels import count, missing, number, number_range
from ketaoutcomes.draw.wearing_off import wearing_off as draw_wearing_off
from ketaoutcomes.errors import ConvergenceError, DataError
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.parts import Column, Figure, Table
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.part import drawn
from ketaoutcomes.report.words import ci
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.maintenance import MaintenanceResult
from ketaoutcomes.results.wearing_off import WearingOff

__all__ = ["Between", "between_sessions"]

PLACE = "Section 2"
# The first day by which most patients of a weekly schedule have been assessed.
PEAK_DAY = 7.0
AT = (14.0, 28.0)
REPLICATES = 200


@dataclass(frozen=True)
class Between:
    """Figures, tables, notes, released tables and results of these parts."""

    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    released: list[Released] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


def between_sessions(scope: Scope, *, first: str) -> Between:
    """Both parts; `first` is the letter of the first figure."""
    out = Between()
    letters = iter("abcdefgh"["abcdefgh".index(first) :])
    worn = _worn(scope)
    if worn is not None:
        _add_worn(scope, worn, out, letters)
    found = _gaps(scope)
    if found is not None:
        _add_gaps(scope, found, out, letters)
    return out


def _worn(scope: Scope) -> WearingOff | None:
    if scope.instrument is None:
        return None
    try:
        return wearing_off(scope.recent, scope.instrument.name, peak_day=PEAK_DAY, at=AT, level=scope.level)
    except (DataError, ConvergenceError):
        return None


def _gaps(scope: Scope) -> MaintenanceResult | None:
    try:
        return maintenance_intervals(scope.recent, level=scope.level, n_replicates=REPLICATES)
    except DataError:
        return None


def _add_worn(scope: Scope, worn: WearingOff, out: Between, letters) -> None:
    n_patients = int(worn.table["n_patients"].max())
    table = worn.table[~worn.table["quantity"].isin(["half_life"])].reset_index(drop=True)
    given = scope.gate.quantities("wearing_off", table, place=PLACE)
    out.released.append(given)
    out.results.append(worn)
    if given.frame["estimate"].isna().all():
        out.notes.append("How the benefit wears off is not given: too few are assessed at each day.")
        return
    out.tables.append(_worn_table(scope, worn, given.frame))
    if scope.gate.suppresses:
        return
    letter = next(letters)
    title = "How the benefit wears off after a session"
    shown, curve = given.frame, worn.curve
    if shown["group"].nunique() > 1:
        shown, curve = (rows[rows["group"] != "all"] for rows in (shown, curve))
    observed = scope.gate.plain("wearing_off_observed", worn.observed)
    points = scope.gate.plain("wearing_off_curve", curve)
    out.released.extend([observed, points])
    svg = drawn(
        _draw_worn, points.frame, prefix=f"figure-2{letter}", title=title,
        description=_worn_told(worn, given.frame), observed=observed.frame,
        retained=shown[shown["quantity"] == "retained"], by="group", instrument=worn.instrument,
        better=worn.better, peak_day=worn.peak_day, level=scope.level,
    )  # fmt: skip
    population = f"Mixed model, {scope.of_starters(n_patients)}{scope.during}"
    note = (
        "Late assessments come from those whose benefit lasts: what is felt and not recorded makes it wear "
        "off faster than shown."
    )
    out.figures.append(Figure(f"Fig. 2{letter}", title, population, svg, (note,)))


def _draw_worn(curve: pd.DataFrame, ax, *, observed: pd.DataFrame, retained: pd.DataFrame, **options):
    return draw_wearing_off(curve, observed, retained, ax, **options)


def _worn_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["quantity"].isin(["retained", "loss_per_week"]) & frame["estimate"].notna()]


def _worn_told(worn: WearingOff, frame: pd.DataFrame) -> str:
    told = []
    for row in _worn_rows(frame).to_dict("records"):
        if row["quantity"] == "retained":
            told.append(
                f"{row['group']}: {100 * row['estimate']:.0f}% of the benefit at day {row['from_day']:g} is "
                f"left at day {row['day']:g}."
            )
    return " ".join(told) or f"Mean {worn.instrument} points by days since the last session."


def _worn_table(scope: Scope, worn: WearingOff, frame: pd.DataFrame) -> Table:
    rows = []
    for row in _worn_rows(frame).to_dict("records"):
        if row["quantity"] == "retained":
            what = f"% kept at day {row['day']:g} of the benefit at day {row['from_day']:g}"
            values = [100 * row[name] for name in ("estimate", "conf_low", "conf_high")]
            decimals = 0
        else:
            what = f"points lost a week, day {row['from_day']:g} to {row['day']:g}"
            values, decimals = [row[name] for name in ("estimate", "conf_low", "conf_high")], 2
        limits = "not limited" if missing(values[1]) else number_range(values[1], values[2], decimals)
        patients = () if scope.gate.suppresses else (count(row["n_patients"]),)
        rows.append((f"{row['group']}: {what}", number(values[0], decimals), limits, *patients))
    columns = [Column("Sessions", True), Column("Estimate"), Column(ci(scope.level))]
    if not scope.gate.suppresses:
        columns.append(Column("Patients"))
    note = (
        f"{worn.instrument}, mixed model of the benefit on days since the session; limits of ratios by "
        "Fieller."
    )
    return Table("How the benefit wears off between sessions", tuple(columns), tuple(rows), (note,))


def _add_gaps(scope: Scope, found: MaintenanceResult, out: Between, letters) -> None:
    given = scope.gate.gaps("days_between_sessions", found.table, place=PLACE)
    trend = scope.gate.gaps("days_between_sessions_trend", found.trend, place=PLACE)
    out.released.extend([given, trend])
    out.results.append(found)
    if not scope.gate.suppresses:
        steps = scope.gate.plain("days_between_sessions_by_place", found.gaps_by_session)
        out.released.append(steps)
        if len(steps.frame):
            letter = next(letters)
            title = _gaps_title(given.frame)
            svg = drawn(
                gaps, steps.frame, prefix=f"figure-2{letter}", title=title,
                description=f"{title}. {_trend_said(scope, trend.frame)}",
                overall=given.frame[given.frame["measure"] != "spread within a patient"],
                unit_line=found.shows, order=found.order,
            )  # fmt: skip
            size = given.frame["n_patients"].iloc[0]
            population = f"Gaps after induction of {scope.of_starters(size)}{scope.during}"
            out.figures.append(
                Figure(f"Fig. 2{letter}", title, population, svg, (_trend_said(scope, trend.frame),))
            )
            return
    said = [_gaps_title(given.frame) + "."] if not given.frame["estimate"].isna().all() else []
    out.notes.append(" ".join([*said, _trend_said(scope, trend.frame)]))


def _gaps_title(frame: pd.DataFrame) -> str:
    rows = frame[frame["measure"] == "open gaps counted"]
    if rows.empty or missing(rows["estimate"].iloc[0]) or rows["estimate"].iloc[0] == float("inf"):
        return "Days between sessions"
    return f"Half come again within {rows['estimate'].iloc[0]:.0f} days, open gaps counted"


def _trend_said(scope: Scope, frame: pd.DataFrame) -> str:
    if frame.empty or missing(frame["estimate"].iloc[0]):
        return "How gaps change from one to the next is not given."
    row = frame.iloc[0]
    more = "longer" if row["estimate"] >= 0 else "shorter"
    limits = number_range(100 * row["conf_low"], 100 * row["conf_high"], 1)
    return (
        f"Each further gap is {number(abs(100 * row['estimate']), 1)}% {more} than the one before, within "
        f"patients ({ci(scope.level)} {limits}%)."
    )
