"""Parts of section 6: rare events with what their absence allows, and how long side effects last."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.safety_events import safety_events
from ketaoutcomes.analysis.side_effect_timing import side_effect_timing
from ketaoutcomes.derive.side_effects import recorded_side_effects
from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent, percent_range
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.parts import Column, Table
from ketaoutcomes.report.scope import PERIOD, Scope
from ketaoutcomes.report.words import bounds, ci, rate_words, way_name
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.safety_events import SafetyEvents

__all__ = ["Extra", "how_long", "rare_events"]

REPLICATES = 100
RARE_COLUMNS = (
    "event", "ascertainment", "per", "n_events", "n", "n_patients", "n_patients_with", "n_unknown",
    "estimate", "estimate_low", "estimate_high", "conf_low", "conf_high", "conf_high_sessions", "method",
)  # fmt: skip
BY_TWO_HOURS = 120.0


@dataclass(frozen=True)
class Extra:
    """Tables, notes, released tables and results of a part."""

    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    released: list[Released] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


def rare_events(scope: Scope) -> Extra:
    """Serious and severe effects, early stops, rescue medication: of sessions, and of patients."""
    result = _events(scope)
    table = result.table.drop(columns=PERIOD, errors="ignore")
    table = table[table["n"].fillna(0) > 0].reset_index(drop=True)
    if table.empty:
        return Extra(notes=["Serious events, early stops and rescue medication are not recorded."])
    kept = [name for name in RARE_COLUMNS if name in table.columns]
    place, sizes = "Section 6, rare events", (scope.n_starters, scope.cohort.n_patients)
    given = scope.gate.rare_events("safety_events", table[kept], place=place, sizes=sizes)
    of_sessions = given.frame[given.frame["per"] == "session"]
    of_patients = given.frame[
        (given.frame["per"] == "patient") & ~given.frame["event"].isin(of_sessions["event"])
    ]
    rows = [_rare_row(row) for row in pd.concat([of_sessions, of_patients]).to_dict("records")]
    columns = (
        Column("Recorded", True), Column("%"), Column("n/N"), Column(ci(scope.level)),
        Column("At most, if none"),
    )  # fmt: skip
    notes = (
        "Of sessions, or patients, of which a record tells; two numbers are bounds, without and with those "
        "of which nobody says so, and the interval spans both. If none was recorded: the exact upper limit "
        "with patients as n; then, if sessions were independent, with sessions as n.",
    )
    title = "Serious events, early stops, rescue medication"
    made = Table(title, columns, tuple(rows), notes, is_wide=True)
    return Extra(tables=[made], released=[given], results=[result])


def _events(scope: Scope) -> SafetyEvents:
    """Of the sessions of the twelve months; of those who started in them where nobody's first is in them."""
    if scope.calendar is None:
        return safety_events(scope.cohort, level=scope.level)
    first = scope.cohort.sessions["session"] == 1
    if not scope.cohort.sessions.loc[first, PERIOD].notna().any():
        return safety_events(scope.recent, level=scope.level)
    return safety_events(scope.cohort, by=PERIOD, level=scope.level)


def _rare_row(row: dict) -> tuple[str, ...]:
    name = str(row["event"])
    name = name[:1].upper() + name[1:]
    if row["ascertainment"]:
        name += f", {way_name(row['ascertainment'])}"
    unit = "sessions" if row["per"] == "session" else "patients"
    estimate, of_total, interval = rate_words(row)
    if not row["suppressed"] and not missing(row.get("estimate_high")):
        estimate = bounds(row["estimate_low"], row["estimate_high"])
    upper = DASH
    is_known = missing(row.get("estimate_high")) or row["estimate_high"] == row["estimate"]
    if not row["suppressed"] and is_known and not missing(row["n_events"]) and row["n_events"] == 0:
        upper = percent(row["conf_high"])
        if not missing(row["conf_high_sessions"]):
            upper += f"; {percent(row['conf_high_sessions'])}"
    return f"{name} (of {unit})", estimate, of_total, interval, upper


def how_long(scope: Scope, effects: list[str]) -> Extra:
    """Share gone by discharge and by two hours after the onset, and the median, of the commonest effects."""
    if not effects or "side_effects" not in scope.recent.present:
        return Extra()
    known = set(scope.recent.side_effects.columns) & {"duration_minutes", "resolved"}
    if not known:
        return Extra(notes=["How long side effects last is not recorded."])
    found = set(recorded_side_effects(scope.recent).effects)
    effects = [name for name in effects if name in found]
    if not effects:
        return Extra()
    result = side_effect_timing(scope.recent, effects, level=scope.level, n_replicates=REPLICATES)
    table = result.table
    at_discharge = table[table["quantity"] == "gone_by_discharge"]
    within = table[(table["quantity"] == "gone_by") & (table["time"] == BY_TWO_HOURS)]
    # Of an effect with a known time some were gone and some were not; either number may be small.
    gone = _as_rates(at_discharge)
    quantities = {
        "gone_by_discharge": (gone, 2),
        "gone_within_120_minutes": (_sized(within), 2),
        "median_minutes": (_sized(table[table["quantity"] == "median_resolution"]), 0),
    }
    released = [
        scope.gate.shares(name, rows, place=f"Section 6, {name.replace('_', ' ')}", decimals=decimals)
        for name, (rows, decimals) in quantities.items()
    ]
    rows = _lasting_rows(*(item.frame for item in released))
    if not rows:
        return Extra(released=released, results=[result])
    columns = (
        Column("Effect (number with a known time)", True),
        Column("Gone by discharge"), Column(ci(scope.level)),
        Column("Gone within 2 h"),
        Column(ci(scope.level)), Column("Median, minutes"), Column(ci(scope.level)),
    )  # fmt: skip
    note = (
        "From the onset, of effects with a known time; times lie between two checks, and an effect that was "
        "still there when last seen is not counted as gone."
    )
    made = Table("How long they last", columns, tuple(rows), (note,), is_wide=True)
    return Extra(tables=[made], released=released, results=[result])


def _as_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Counts gone of known: what stays hidden is what both numbers would tell."""
    out = table[["effect", "ascertainment", "estimate", "conf_low", "conf_high", "n_patients"]].copy()
    out["n"] = table["n_events"]
    out["n_events"] = (table["estimate"] * table["n_events"]).round().astype("Int64")
    return out.reset_index(drop=True)


def _sized(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a quantity of a curve may be released with."""
    names = ["effect", "ascertainment", "time", "estimate", "conf_low", "conf_high", "n", "n_patients"]
    return table[names].reset_index(drop=True)


def _lasting_rows(gone: pd.DataFrame, within: pd.DataFrame, median: pd.DataFrame) -> list[tuple[str, ...]]:
    rows = []
    for place, row in enumerate(gone.to_dict("records")):
        name = row["effect"][:1].upper() + row["effect"][1:]
        estimate, _, interval = rate_words(row)
        if row["suppressed"]:
            continue
        two, half = within.iloc[place], median.iloc[place]
        cells = (
            "not known" if missing(two["estimate"]) else percent(two["estimate"]),
            percent_range(two["conf_low"], two["conf_high"], like=two["estimate"]),
        )
        limits = _minutes_range(half["conf_low"], half["conf_high"])
        size = f" ({count(row['n'])})" if not missing(row["n"]) else ""
        rows.append(
            (
                f"{name}, {way_name(row['ascertainment'])}{size}",
                estimate,
                interval,
                *cells,
                _minutes(half["estimate"]),
                limits,
            )
        )
    return rows


def _minutes(value: float) -> str:
    if missing(value):
        return "not known"
    return "not reached" if np.isinf(value) else number(value, 0)


def _minutes_range(low: float, high: float) -> str:
    """Limits in minutes; the upper one may not be reached."""
    if missing(low) or missing(high):
        return DASH
    if np.isinf(low):
        return "not reached"
    return f"{number(low, 0)} to not reached" if np.isinf(high) else number_range(low, high, 0)
