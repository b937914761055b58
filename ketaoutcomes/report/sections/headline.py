"""The first page's table: outcomes of the latest month whose window has closed, safety of the month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from markupsafe import Markup

from ketaoutcomes.catalog.definitions import WINDOWS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.draw.labels import count, missing, number, number_range, percent
from ketaoutcomes.draw.monthly import spark
from ketaoutcomes.report import by_month
from ketaoutcomes.report.calendar import months_before
from ketaoutcomes.report.disclosure import Hidden, Released
from ketaoutcomes.report.parts import HeadlineGroup, HeadlineRow
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.part import drawn
from ketaoutcomes.report.words import ci, month_name, plural, rate_words
from ketaoutcomes.report.wording import defined, outcome_words

__all__ = ["PREVIOUS", "Headline", "headline"]

PREVIOUS = "previous 12 months"
YEAR = 12
BLOOD_PRESSURE = "BP ≥165/100"
NOT_CHARTED = {
    "hidden": "Not charted: more than a third of the months are not shown.",
    "months": "Not charted: fewer than three months have a value.",
    "events": "Not charted: fewer than one event a month.",
}
FEWEST_MONTHS = 3


@dataclass(frozen=True)
class Headline:
    """The table's groups, and the released tables that they print, by name."""

    groups: tuple[HeadlineGroup, ...]
    tables: Mapping[str, pd.DataFrame]
    hidden: tuple[Hidden, ...]
    absent: tuple[str, ...]

    def row(self, name: str, month: str) -> pd.Series | None:
        """The released row of one measure and month, or None."""
        table = self.tables.get(name)
        if table is None:
            return None
        rows = table[table["month"] == month]
        return rows.iloc[0] if len(rows) else None


@dataclass(frozen=True)
class _Frame:
    """Which months a group of measures shows; `at` is the month in the row."""

    at: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def months(self) -> tuple[str, ...]:
        return (*self.before, self.at, *self.after)


def headline(scope: Scope) -> Headline:
    """Both groups of the first page, and what could not be reported."""
    outcomes, safety = _outcomes(scope), _safety(scope)
    groups = tuple(group for group in (outcomes.groups + safety.groups) if group is not None)
    return Headline(
        groups,
        {**outcomes.tables, **safety.tables},
        outcomes.hidden + safety.hidden,
        outcomes.absent + safety.absent,
    )


def _outcomes(scope: Scope) -> Headline:
    instrument, calendar = scope.instrument, scope.calendar
    if instrument is None:
        return Headline((), {}, (), ("No scores are recorded, so no outcome is reported.",))
    if calendar is not None and calendar.outcome_month is None:
        reason = f"No month's follow-up window ({WINDOWS[WINDOW].label}) had closed at the data cut, so no month's outcome is reported."
        return Headline((), {}, (), (reason,))
    frame = _frame(calendar and calendar.outcome_month, calendar and calendar.month)
    cohort = by_month.with_months(scope.cohort, None if calendar is None else frame.months)
    rows, tables, hidden, absent = [], {}, (), []

    response, remission = defined(instrument, "response"), defined(instrument, "remission")
    kinds = [("response", "Response", response), ("remission", "Remission", remission)]
    beside = without = None
    for name, measure, definition in kinds:
        if definition is None:
            absent.append(f"{measure} has no default definition for {instrument.name}, so it is not reported.")
            continue
        table = by_month.outcome_by_month(cohort, instrument.name, definition.name, level=scope.level)
        released = _rate(scope, name, table, frame, beside=beside, without=without)
        if beside is None:
            beside, without = _sizes(released.frame), _hidden_months(released.frame)
        rows.append((_outcome_row(scope, measure, outcome_words(definition, instrument), released, frame)))
        tables[name], hidden = released.frame, hidden + released.hidden
    change = _with_total_mean(by_month.mean_change_by_month(cohort, instrument.name, level=scope.level), frame)
    change = _ordered(change, frame)
    hidden_too = change["month"].isin(without or ())
    released = scope.gate.means("mean_change", change, place="Page 1, mean change", without=hidden_too)
    rows.append(_mean_row(scope, released, frame))
    tables["mean_change"], hidden = released.frame, hidden + released.hidden

    follow_up = by_month.follow_up_by_month(cohort, instrument.name, level=scope.level)
    released = _rate(scope, "follow_up", follow_up, frame, beside=beside, without=without)
    rows.append(_rate_row(scope, released, frame, measure="Follow-up scored", detail=f"{instrument.name}, {_window_words()}", letter="a"))
    tables["follow_up"], hidden = released.frame, hidden + released.hidden
    rows = [row for row in rows if row is not None]
    if not rows:
        absent.append(f"No patient with an {instrument.name} has completed an induction, so no outcome after induction is reported.")
        return Headline((), {}, (), tuple(absent))
    caption = ("Outcomes: all patients with a complete induction", "", "")
    if calendar is not None:
        caption = ("Outcomes: induction ended in", month_name(frame.at), ", the latest month whose window has closed")
    return Headline((_group(scope, caption, rows),), tables, hidden, tuple(absent))


def _safety(scope: Scope) -> Headline:
    calendar = scope.calendar
    frame = _frame(calendar and calendar.month, calendar and calendar.month)
    cohort = by_month.with_months(scope.cohort, None if calendar is None else frame.months)
    rows, tables, hidden, absent = [], {}, (), []
    for way, table in _by_way(cohort, scope.level):
        name = f"any_side_effect_{way.replace(' ', '_')}"
        released = _rate(scope, name, table, frame, exchange=(frame.before[:1] + (frame.at,)) if frame.before else ())
        rows.append(_side_effect_row(scope, way, released, frame))
        tables[name], hidden = released.frame, hidden + released.hidden
    if not tables:
        absent.append("Side effects: not recorded. No session says whether there were any; this is not zero.")
    measures = by_month.session_measures(cohort, level=scope.level)
    for name, (measure, detail, unknown) in SESSION_MEASURES.items():
        if name not in measures:
            absent.append(f"{measure}: not recorded.")
            continue
        table = measures[name]
        released = _rate(scope, name, table, frame, also=("n_patients_with_event",))
        row = _rate_row(scope, released, frame, measure=measure, detail=detail, letter="b")
        if row is not None:
            rows.append(_with_unknown(row, released.frame, frame, unknown))
        tables[name], hidden = released.frame, hidden + released.hidden
    caption = ("Safety: all sessions", "", "")
    if calendar is not None:
        caption = ("Safety: sessions in", month_name(frame.at), "")
    rows = [row for row in rows if row is not None]
    groups = (_group(scope, caption, rows),) if rows else ()
    return Headline(groups, tables, hidden, tuple(absent))


SESSION_MEASURES = {
    "blood_pressure": (BLOOD_PRESSURE, "at least one reading in the session", "no readings"),
    "stopped_early": ("Stopped early", "any reason", "not stated"),
    "serious": ("Serious side effect", "as recorded by the clinic", "no record"),
}


def _frame(at: str | None, last: str | None) -> _Frame:
    if at is None:
        return _Frame(by_month.ALL, (), ())
    after = tuple(month for month in (*months_before(last, YEAR), last) if month > at)
    return _Frame(at, months_before(at, YEAR), after)


def _by_way(cohort: Cohort, level: float) -> list[tuple[str, pd.DataFrame]]:
    """Any side effect, one table per way of asking."""
    table = by_month.side_effects_by_month(cohort, level=level)
    ways = list(dict.fromkeys(table["ascertainment"]))
    return [(str(way), table[table["ascertainment"] == way].drop(columns="ascertainment")) for way in ways]


def _rate(
    scope: Scope, name: str, table: pd.DataFrame, frame: _Frame, *, beside=None, without=None, exchange=(), also=()
) -> Released:
    """A measure's months and their total, through the gate.

    `exchange` are the two months in which the twelve months of a section differ from the twelve
    months before: the first of these and the report's month.
    """
    table = _ordered(_with_total(table, frame), frame)
    months = table["month"]
    swapped = tuple(np.flatnonzero(months.isin(exchange))) if months.isin(exchange).sum() == len(exchange) == 2 else None
    return scope.gate.parts(
        name,
        table,
        place=f"Page 1, {name.replace('_', ' ')}",
        total=months.isin(frame.before),
        beside=None if beside is None else [beside.get(month, np.nan) for month in months],
        without=months.isin(without or ()),
        swapped=swapped,
        also=also,
    )


def _hidden_months(frame: pd.DataFrame) -> tuple[str, ...]:
    """Months whose size is hidden."""
    return tuple(frame["month"][frame["n"].isna()])


def _sizes(frame: pd.DataFrame) -> dict[str, float]:
    return dict(zip(frame["month"], frame["n"].astype("Float64").to_numpy(dtype=float, na_value=np.nan), strict=True))


def _with_total(table: pd.DataFrame, frame: _Frame) -> pd.DataFrame:
    """`table` with a row that sums the twelve months before; its estimate has no interval."""
    before = table[table["month"].isin(frame.before)]
    if before.empty:
        return table
    counts = [column for column in table.columns if column == "n" or column.startswith("n_")]
    total = before[counts].sum()
    # A patient may have sessions in several months, so the sum is not a number of patients.
    total = total.drop([name for name in ("n_patients", "n_patients_with_event") if name in counts])
    row = {"month": PREVIOUS, **total.to_dict(), "estimate": total["n_events"] / max(total["n"], 1)}
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def _with_total_mean(table: pd.DataFrame, frame: _Frame) -> pd.DataFrame:
    before = table[table["month"].isin(frame.before) & (table["n"] > 0)]
    if before.empty:
        return table
    n = int(before["n"].sum())
    mean = float((before["estimate"] * before["n"]).sum() / n)
    row = {"month": PREVIOUS, "n": n, "n_missing": int(before["n_missing"].sum()), "estimate": mean}
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def _ordered(table: pd.DataFrame, frame: _Frame) -> pd.DataFrame:
    """Rows in the order of time, the total last; months still open are marked."""
    order = {month: number for number, month in enumerate((*frame.months, PREVIOUS))}
    table = table.sort_values("month", key=lambda month: month.map(order)).reset_index(drop=True)
    return table.assign(provisional=table["month"].isin(frame.after))


def _group(scope: Scope, caption: tuple[str, str, str], rows: list[HeadlineRow]) -> HeadlineGroup:
    columns = ("Measure", "All", ci(scope.level), "Not known")
    if scope.calendar is not None:
        columns = ("Measure", "This month", ci(scope.level), "Not known", "Previous 12 months", "Month by month")
    return HeadlineGroup(*caption, tuple(rows), columns)


def _outcome_row(scope: Scope, measure: str, detail: str, released: Released, frame: _Frame) -> HeadlineRow | None:
    row = _rate_row(scope, released, frame, measure=measure, detail=detail, letter="a")
    if row is None:
        return None
    counts = _at(released.frame, frame.at)
    if missing(counts["n_missing"]):
        return replace(row, not_known="1–10 not scored")
    n_missing = int(counts["n_missing"])
    if missing(counts["n"]):
        return replace(row, not_known=f"{count(n_missing)} not scored")
    total = int(counts["n"]) + n_missing
    row = replace(row, not_known=f"{count(n_missing)} of {count(total)} not scored")
    if missing(counts["n_events"]) or not n_missing:
        return row
    return replace(row, not_known_detail=f"if none of them {PAST[measure]}: {percent(int(counts['n_events']) / total)}")


PAST = {"Response": "responded", "Remission": "remitted"}


def _mean_row(scope: Scope, released: Released, frame: _Frame) -> HeadlineRow | None:
    counts = _at(released.frame, frame.at)
    if counts is None:
        return None
    shown = counts["suppressed"] == ""
    before = _at(released.frame, PREVIOUS)
    chart, why = _chart(scope, released, frame, "Mean change", kind="number")
    not_known = "1–10 not scored"
    if not missing(counts["n_missing"]):
        not_known = f"{count(counts['n_missing'])} not scored"
        if shown:
            not_known = f"{count(counts['n_missing'])} of {count(counts['n'] + counts['n_missing'])} not scored"
    return HeadlineRow(
        measure="Mean change",
        detail=f"{scope.instrument.name} points from baseline; minus is a fall",
        letter="a",
        value=number(counts["estimate"]) if shown else "not shown",
        value_detail=f"n={count(counts['n'])}" if shown else "n 1–10",
        interval=number_range(counts["conf_low"], counts["conf_high"]) if shown else "not shown",
        not_known=not_known,
        previous="–" if before is None else number(before["estimate"]),
        previous_detail="" if before is None else f"n={count(before['n'])}",
        spark=chart,
        spark_note=why,
        is_hidden=not shown,
    )


def _rate_row(scope: Scope, released: Released, frame: _Frame, *, measure: str, detail: str, letter: str) -> HeadlineRow | None:
    """One measure's row; None where the month has nobody."""
    counts = _at(released.frame, frame.at)
    if counts is None:
        return None
    value, of_total, interval = rate_words(counts)
    chart, why = _chart(scope, released, frame, measure)
    row = HeadlineRow(
        measure=measure, detail=detail, letter=letter, value=value, value_detail=of_total, interval=interval,
        spark=chart, spark_note=why, is_hidden=bool(counts["suppressed"]), not_known="–",
    )  # fmt: skip
    before = _at(released.frame, PREVIOUS)
    if before is None:
        return replace(row, previous="–")
    estimate, of_year, _ = rate_words(before)
    return replace(row, previous=estimate, previous_detail=of_year)


def _side_effect_row(scope: Scope, way: str, released: Released, frame: _Frame) -> HeadlineRow | None:
    detail = {"checklist": "per session, asked by checklist", "spontaneous": "per session, noted if mentioned"}
    row = _rate_row(
        scope, released, frame, measure="Any side effect", detail=detail.get(way, f"per session, asked by: {way}"), letter="b"
    )
    if row is None:
        return None
    counts = _at(released.frame, frame.at)
    if missing(counts["n"]):
        return row
    silent, total = int(counts["n_no_record"]), int(counts["n_sessions"])
    other = total - silent - int(counts["n"])
    return replace(
        row,
        not_known=f"{count(silent)} of {count(total)} no record",
        not_known_detail=f"{count(other)} asked in another way" if other > 0 else "",
    )


def _with_unknown(row: HeadlineRow, table: pd.DataFrame, frame: _Frame, words: str) -> HeadlineRow:
    counts = _at(table, frame.at)
    if missing(counts["n"]):
        return row
    unknown = int(counts["n_sessions"]) - int(counts["n"])
    return replace(row, not_known=f"{count(unknown)} of {count(counts['n_sessions'])} {words}")


def _at(table: pd.DataFrame, month: str) -> pd.Series | None:
    rows = table[table["month"] == month]
    if rows.empty or rows.iloc[0]["n"] is not pd.NA and rows.iloc[0]["n"] == 0:
        return None
    return rows.iloc[0]


def _chart(scope: Scope, released: Released, frame: _Frame, measure: str, *, kind: str = "percent") -> tuple[Markup | None, str]:
    """The measure month by month, or why there is no chart."""
    if scope.calendar is None:
        return None, ""
    months = released.frame[released.frame["month"] != PREVIOUS].reset_index(drop=True)
    shown = months[(months["suppressed"] == "") & months["estimate"].notna()]
    why = _why_no_chart(months, shown)
    if why:
        return None, NOT_CHARTED[why]
    print_value = percent if kind == "percent" else number
    told = "; ".join(f"{month_name(row.month)} {print_value(row.estimate)}" for row in shown.itertuples())
    open_months = int(months["provisional"].sum())
    note = f" {plural(open_months, 'month')} provisional, window still open." if open_months else ""
    title = f"{measure} by month"
    description = f"{told}.{note}"
    picture = drawn(
        spark, months, prefix=f"spark-{released.name.replace('_', '-')}", title=title, description=description,
        size={"height_px": 60.0, "width_px": 206.0}, as_percent=kind == "percent", centre=_centre(released.frame),
        emphasis=frame.at,
    )  # fmt: skip
    return picture, ""


def _why_no_chart(months: pd.DataFrame, shown: pd.DataFrame) -> str:
    """A key of `NOT_CHARTED`, or "" where a chart says something."""
    if 3 * (months["suppressed"] != "").sum() > len(months):
        return "hidden"
    if len(shown) < FEWEST_MONTHS:
        return "months"
    if "n_events" in shown and shown["n_events"].sum() < len(shown):
        return "events"
    return ""


def _centre(table: pd.DataFrame) -> float | None:
    """The value of the twelve months before, for the line to compare with."""
    before = _at(table, PREVIOUS)
    return None if before is None or before["suppressed"] or missing(before["estimate"]) else float(before["estimate"])


def _window_words() -> str:
    window = WINDOWS[WINDOW]
    return f"{window.low_hours / 24:g}–{window.high_hours / 24 - 1:g} days after induction"
