"""The chart and the signal that stand in a row of page 1."""

from __future__ import annotations

from dataclasses import replace

from ketaoutcomes.draw.control_chart import spark
from ketaoutcomes.report.by_month import ANY_SIDE_EFFECT
from ketaoutcomes.report.parts import HeadlineRow
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.charted import Charted, Kind
from ketaoutcomes.report.sections.headline_months import Frame
from ketaoutcomes.report.sections.part import drawn
from ketaoutcomes.report.words import asked, month_name, plural

__all__ = ["kind_of", "with_chart"]

# Sessions of one patient are alike, so that shares of sessions vary more than binomial limits allow: p'.
KINDS = {
    "response": Kind("Response", "Responded, % of patients scored", "p"),
    "remission": Kind("Remission", "Remitted, % of patients scored", "p"),
    "mean_change": Kind("Mean change", "Points from baseline; minus is a fall", "xmr", as_percent=False),
    "follow_up": Kind("Follow-up scored", "Scored, % of those with a valid baseline", "p"),
    "blood_pressure": Kind("BP ≥165/100", "Reached, % of sessions with readings", "p_prime"),
    "stopped_early": Kind("Stopped early", "Stopped early, % of sessions", "p_prime"),
    "serious": Kind("Serious side effect", "Recorded, % of sessions with a record", "p_prime"),
}
SIZE = {"height_px": 60.0, "width_px": 206.0}


def kind_of(name: str) -> Kind:
    """How a measure of page 1 is charted."""
    if name.startswith(ANY_SIDE_EFFECT):
        way = asked(name.removeprefix(ANY_SIDE_EFFECT).replace("_", " "))
        return Kind(f"Any side effect, {way}", f"Any side effect, % of sessions {way}", "p_prime")
    return KINDS[name]


def with_chart(scope: Scope, row: HeadlineRow | None, chart: Charted, frame: Frame) -> HeadlineRow | None:
    """`row` with its months and what the rules say of them; without months (Safe Harbor) as it is."""
    if row is None or scope.calendar is None:
        return row
    if chart.result is None:
        return replace(row, spark_note=chart.why, signal=chart.signal)
    months = chart.table[chart.table["month"].isin(frame.recent)].reset_index(drop=True)
    shown = months[months["estimate"].notna()]
    told = "; ".join(
        f"{month_name(one.month)} {chart.value_words(one.estimate)}" for one in shown.itertuples()
    )
    open_months = int(shown["is_provisional"].sum())
    note = f" {plural(open_months, 'month')} provisional." if open_months else ""
    picture = drawn(
        spark,
        months,
        prefix=f"spark-{chart.name.replace('_', '-')}",
        title=f"{chart.kind.measure} by month",
        description=f"{told}.{note} {chart.signal}.",
        size=SIZE,
        as_percent=chart.kind.as_percent,
        highlight=frame.at,
    )
    return replace(row, spark=picture, signal=chart.signal, is_signal=chart.is_signal)
