"""Rows of the first page's table, printed from released tables."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from markupsafe import Markup

from ketaoutcomes.draw.labels import count, missing, number, number_range, percent
from ketaoutcomes.draw.monthly import spark
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.parts import HeadlineRow
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.headline_months import PREVIOUS, Frame
from ketaoutcomes.report.sections.part import drawn
from ketaoutcomes.report.words import month_name, plural, rate_words

__all__ = ["mean_row", "outcome_row", "rate_row", "side_effect_row", "with_unknown"]

NOT_CHARTED = {
    "hidden": "Not charted: more than a third of the months are not shown.",
    "months": "Not charted: fewer than three months have a value.",
    "events": "Not charted: fewer than one event a month.",
}
FEWEST_MONTHS = 3
PAST = {"Response": "responded", "Remission": "remitted"}


def outcome_row(
    scope: Scope, measure: str, detail: str, released: Released, frame: Frame
) -> HeadlineRow | None:
    row = rate_row(scope, released, frame, measure=measure, detail=detail, letter="a")
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
    return replace(
        row, not_known_detail=f"if none of them {PAST[measure]}: {percent(int(counts['n_events']) / total)}"
    )


def mean_row(scope: Scope, released: Released, frame: Frame) -> HeadlineRow | None:
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
            not_known = (
                f"{count(counts['n_missing'])} of {count(counts['n'] + counts['n_missing'])} not scored"
            )
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


def rate_row(
    scope: Scope, released: Released, frame: Frame, *, measure: str, detail: str, letter: str
) -> HeadlineRow | None:
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


def side_effect_row(scope: Scope, way: str, released: Released, frame: Frame) -> HeadlineRow | None:
    """Any side effect per session, for one way of asking; with the sessions that have no such record."""
    words = {
        "checklist": "asked by checklist",
        "spontaneous": "noted if mentioned",
        "scale": "asked by a scale",
    }
    detail = f"per session, {words.get(way, 'way of asking not stated')}"
    row = rate_row(scope, released, frame, measure="Any side effect", detail=detail, letter="b")
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


def with_unknown(row: HeadlineRow, table: pd.DataFrame, frame: Frame, words: str) -> HeadlineRow:
    counts = _at(table, frame.at)
    if missing(counts["n"]):
        return row
    unknown = int(counts["n_sessions"]) - int(counts["n"])
    return replace(row, not_known=f"{count(unknown)} of {count(counts['n_sessions'])} {words}")


def _at(table: pd.DataFrame, month: str) -> pd.Series | None:
    rows = table[table["month"] == month]
    if rows.empty or (rows.iloc[0]["n"] is not pd.NA and rows.iloc[0]["n"] == 0):
        return None
    return rows.iloc[0]


def _chart(
    scope: Scope, released: Released, frame: Frame, measure: str, *, kind: str = "percent"
) -> tuple[Markup | None, str]:
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
    return (
        None
        if before is None or before["suppressed"] or missing(before["estimate"])
        else float(before["estimate"])
    )
