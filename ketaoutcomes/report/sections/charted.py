"""A measure's released months as a control chart, and what its rules say in words.

Nothing but what the gate released goes in: a month that is hidden is a gap, and takes no part in the
centre, the limits or the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.control_chart import control_chart
from ketaoutcomes.draw.labels import count, number, percent
from ketaoutcomes.report.by_month import PREVIOUS
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.headline_months import Frame
from ketaoutcomes.report.words import month_name, plural
from ketaoutcomes.results.control_chart import ControlChartResult

__all__ = [
    "FEWEST_POINTS",
    "Charted",
    "Kind",
    "baseline_is_shown",
    "baseline_is_whole",
    "baseline_words",
    "charted",
    "signal_rows",
]

FEWEST_POINTS = 8
BASELINE_MONTHS = 12
NOT_CHARTED = {
    "hidden": "Not charted: more than a third of the months are not shown.",
    "months": f"Not charted: fewer than {FEWEST_POINTS} months have a value.",
    "events": "Not charted: fewer than one event a month.",
    "baseline": "Not charted: no month of the baseline has a value.",
}
NOT_TESTED = "Not tested"
NO_SIGNAL = "No signal"


@dataclass(frozen=True)
class Kind:
    """How a measure is charted: its name in words, the line above its axis, the chart's kind."""

    measure: str
    unit_line: str
    chart: str
    as_percent: bool = True


@dataclass(frozen=True)
class Charted:
    """One measure's chart.

    Attributes
    ----------
    name : str
        Of the released table.
    kind : Kind
    at : str
        The month in the row of page 1.
    result : ControlChartResult or None
    table : DataFrame
        month, estimate, centre, limit_low, limit_high, is_baseline, is_provisional, outside, in_shift,
        change, suppressed; without a chart only the months as released.
    why : str
        Why there is no chart; "" where there is one.
    """

    name: str
    kind: Kind
    at: str
    result: ControlChartResult | None
    table: pd.DataFrame
    why: str = ""

    @property
    def is_tested(self) -> bool:
        """Whether any rule could be applied: a baseline of few months, or without spread, allows none."""
        return self.result is not None and self.result.is_tested

    @property
    def signal(self) -> str:
        """What the rules say, in a few words."""
        if not self.is_tested:
            return NOT_TESTED
        rows = signal_rows(self)
        return "; ".join(row["words"] for row in rows) or NO_SIGNAL

    @property
    def is_signal(self) -> bool:
        return self.signal not in (NO_SIGNAL, NOT_TESTED)

    def value_words(self, value) -> str:
        return percent(value) if self.kind.as_percent else number(value)


def charted(scope: Scope, name: str, released: pd.DataFrame, frame: Frame, kind: Kind) -> Charted:
    """The control chart of the months that `released` shows, or why there is none.

    Limits are frozen on the declared baseline; where none is declared, on the first 12 months of the
    data, which do not move from one report to the next.
    """
    months = _months(scope, released, frame)
    why = _why_not(months)
    if why:
        return Charted(name, kind, frame.at, None, months, NOT_CHARTED[why])
    last = _span(scope)[1]
    inside = months["month"] <= last
    if not (months["estimate"].notna() & inside).any():
        return Charted(name, kind, frame.at, None, months, NOT_CHARTED["baseline"])
    is_mean = kind.chart == "xmr"
    result = control_chart(
        months,
        value="estimate" if is_mean else "n_events",
        size=None if is_mean else "n",
        by_time="month",
        kind=kind.chart,
        # A baseline that is not over ends, for now, with the chart.
        freeze=min(last, months["month"].iloc[-1]),
        changes=dict(scope.settings.changes),
        provisional=tuple(months["month"][months["provisional"]]),
        title=f"{kind.measure} by month",
    )
    table = result.table.rename(columns={"time": "month"})
    table = table.assign(suppressed=months["suppressed"].to_numpy())
    return Charted(name, kind, frame.at, result, table)


def signal_rows(chart: Charted) -> list[dict[str, str]]:
    """One row per signal of a chart: measure, kind, first, last, words; in the order of the rules."""
    table = chart.table[~chart.table["is_provisional"].to_numpy(bool)].reset_index(drop=True)
    rows = [*_outside(table), *_shifts(table)]
    rules = chart.result.rules.iloc[-1]
    if rules["few_crossings"] and not any(row["kind"] == "shift" for row in rows):
        words = (
            f"Few crossings: the line is crossed {plural(rules['crossings'], 'time')}, "
            f"{count(rules['fewest_crossings'])} or more are expected"
        )
        rows.append(_row("few crossings", table["month"].iloc[0], table["month"].iloc[-1], words))
    return [{"measure": chart.kind.measure, "table": chart.name, **row} for row in rows]


def baseline_words(scope: Scope) -> str:
    """Which months the limits of the charts were frozen on."""
    first, last = _span(scope)
    span = f"{month_name(first)} to {month_name(last)}" if first < last else month_name(first)
    if scope.settings.baseline is not None:
        return f"the declared baseline, {span}"
    return (
        f"the first {plural(_n_months(first, last), 'month')} of the data, {span}, as no baseline is declared"
    )


def baseline_is_whole(scope: Scope, charts: Sequence[Charted]) -> bool:
    """Whether every month of the baseline is over and in every chart, so that none can still move limits."""
    first, last = _span(scope)
    if scope.settings.baseline is None and _n_months(first, last) < BASELINE_MONTHS:
        return False
    closed = [chart.table["month"][~chart.table["is_provisional"].to_numpy(bool)] for chart in charts]
    return all(len(months) and months.iloc[-1] >= last for months in closed)


def baseline_is_shown(scope: Scope, charts: Sequence[Charted]) -> bool:
    """Whether no chart's baseline has a hidden month, which another report may show."""
    last = _span(scope)[1]
    tables = [chart.table for chart in charts]
    return not any(((table["suppressed"] != "") & (table["month"] <= last)).any() for table in tables)


def _n_months(first: str, last: str) -> int:
    return 12 * (int(last[:4]) - int(first[:4])) + int(last[5:]) - int(first[5:]) + 1


def _span(scope: Scope) -> tuple[str, str]:
    if scope.settings.baseline is not None:
        return scope.settings.baseline
    known = [month for month in scope.calendar.known if month not in scope.calendar.incomplete]
    known = known or list(scope.calendar.known)
    return known[0], known[:BASELINE_MONTHS][-1]


def _months(scope: Scope, released: pd.DataFrame, frame: Frame) -> pd.DataFrame:
    """A row for every month from the first of the chart to the last; a month of nobody is a gap."""
    first = _span(scope)[0]
    names = [month for month in frame.months if first <= month and month in scope.calendar.known]
    rows = released[released["month"] != PREVIOUS].set_index("month").reindex(names)
    rows = rows.assign(
        suppressed=rows["suppressed"].fillna(""), provisional=[name in frame.open for name in names]
    )
    return rows.rename_axis("month").reset_index()


def _why_not(months: pd.DataFrame) -> str:
    """A key of `NOT_CHARTED`, or "" where a chart says something."""
    shown = months[months["estimate"].notna() & (months["suppressed"] == "")]
    if 3 * (months["suppressed"] != "").sum() > len(months):
        return "hidden"
    if (~shown["provisional"]).sum() < FEWEST_POINTS:
        return "months"
    if "n_events" in shown and shown["n_events"].sum() < len(shown):
        return "events"
    return ""


def _outside(table: pd.DataFrame) -> list[dict[str, str]]:
    """Months beyond the limits, those of a side together, with whether the last months are inside again."""
    rows = []
    outside = table["outside"].to_numpy(bool)
    above = (table["estimate"] > table["centre"]).to_numpy(bool)
    for is_above, side in ((True, "above"), (False, "below")):
        at = np.flatnonzero(outside & (above == is_above))
        if not at.size:
            continue
        names = table["month"].to_numpy()[at]
        which = month_name(names[-1])
        if at.size > 1:
            which = f"{count(at.size)} months, last {which}"
        later = table["estimate"].notna().to_numpy() & (np.arange(len(table)) > at[-1])
        back = "; inside since" if later.any() and not outside[later].any() else ""
        rows.append(_row("outside the limits", names[0], names[-1], f"{which}: {side} the limits{back}"))
    return rows


def _shifts(table: pd.DataFrame) -> list[dict[str, str]]:
    """Runs on one side of the line that are longer than chance makes them."""
    inside = table["in_shift"].to_numpy(bool)
    side = np.sign(table["estimate"].to_numpy(float) - table["centre"].to_numpy(float))
    # A month on the line or without a value belongs to the run around it, but is not counted.
    at = np.flatnonzero((side != 0) & np.isfinite(side))
    rows = []
    for run in np.split(at, np.flatnonzero(np.diff(side[at]) != 0) + 1):
        if run.size and inside[run].all():
            first, last = table["month"].iloc[run[0]], table["month"].iloc[run[-1]]
            where = "above" if side[run[0]] > 0 else "below"
            ended = "" if run[-1] == _last_known(table) else f" to {month_name(last)}"
            since = f"from {month_name(first)}{ended}" if ended else f"since {month_name(first)}"
            words = f"Shift: {plural(run.size, 'month')} {where} the line {since}"
            rows.append(_row("shift", first, last, words))
    return rows


def _last_known(table: pd.DataFrame) -> int:
    known = np.flatnonzero(table["estimate"].notna().to_numpy())
    return int(known[-1]) if known.size else -1


def _row(kind: str, first: str, last: str, words: str) -> dict[str, str]:
    return {"kind": kind, "first": str(first), "last": str(last), "words": words}
