"""What changed over time: the months of page 1 as control charts, with the rules in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from ketaoutcomes.draw.control_chart import control_chart as draw_chart
from ketaoutcomes.draw.labels import count, missing, percent
from ketaoutcomes.engine.run_signals import chance_of_signal
from ketaoutcomes.report.numbering import MONTHS
from ketaoutcomes.report.parts import Column, Figure, LookInto, Section, Table
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.charted import (
    FEWEST_POINTS,
    Charted,
    baseline_is_shown,
    baseline_is_whole,
    baseline_words,
    signal_rows,
)
from ketaoutcomes.report.sections.part import Part, drawn
from ketaoutcomes.report.words import month_name, plural

__all__ = ["look_into", "months"]

QUESTION = "What changed over time?"
CHART_HEIGHT = 158.0
ENOUGH_MONTHS = 20
NO_MONTHS = (
    "No months are kept under Safe Harbor, so nothing can be shown month by month. A limited data set "
    "keeps them."
)
NO_CHART = "No measure has enough months that can be shown, so there is no chart and no rule is applied."
FROZEN = "Limits are never moved by the software."
# Which months are hidden beside a sum of twelve depends on the twelve, and so on the report.
PARTLY_HIDDEN = (
    "Months of the baseline that are not shown are in no limit; where another report shows one of them, its "
    "limits are others."
)
GROWING = (
    "Not all months of the baseline are there yet: until they are, each that is added moves the line and the "
    "limits, so a signal of this report can be gone in the next."
)
RULES = (
    (
        "Outside",
        "a month beyond the three-sigma limits. Those of shares are wider where the month has fewer "
        "patients or sessions; those of a mean take all months alike.",
    ),
    (
        "Shift",
        "more months in a row on one side of the line than round(log2 n) + 3, for n months off the line.",
    ),
    ("Few crossings", "the line is crossed less often than in 95 of 100 series of chance alone."),
)
QUESTIONS = {
    "response": "Which patients, routes and doses came in then? Did the share that is followed change?",
    "remission": "Did baseline scores or the share followed change at the same time?",
    "mean_change": "Did baseline scores or the share followed change at the same time?",
    "follow_up": "What changed in asking for scores? Outcomes before and after are of different shares.",
    "blood_pressure": "Which sessions, routes and doses? Were cuffs or the reading schedule changed?",
    "stopped_early": "Which sessions, and for what reason?",
    "serious": "Each is reviewed by name inside the clinic, outside this report.",
}
ANY = "Did the way of asking change, or routes and doses?"


def months(scope: Scope, charts: Sequence[Charted]) -> Part:
    """A control chart of each measure of page 1, and a table of signals."""
    if scope.calendar is None:
        return Part(Section(number=MONTHS, question=QUESTION, reading=(NO_MONTHS,)), {})
    made = [chart for chart in charts if chart.result is not None]
    if not made:
        notes = tuple(f"{chart.kind.measure}: {chart.why}" for chart in charts)
        return Part(Section(number=MONTHS, question=QUESTION, reading=(NO_CHART,), notes=notes), {})
    figures = [_figure(scope, chart, "abcdefghijkl"[place]) for place, chart in enumerate(made)]
    rows = [row for chart in made for row in signal_rows(chart)]
    signals = pd.DataFrame(rows, columns=["measure", "table", "kind", "first", "last", "words"])
    limits = pd.concat([chart.table.assign(measure=chart.name) for chart in made], ignore_index=True)
    tables = {
        "signals": scope.gate.plain("signals", signals).frame,
        "control_charts": _limits_table(limits),
    }
    section = Section(
        number=MONTHS,
        question=QUESTION,
        reading=_reading(scope, made),
        terms=RULES,
        figures=tuple(figures),
        tables=(_table(made),),
        notes=tuple(f"{chart.kind.measure}: {chart.why}" for chart in charts if chart.result is None),
    )
    return Part(section, tables, results=tuple(chart.result for chart in made))


def look_into(charts: Sequence[Charted]) -> tuple[LookInto, ...]:
    """A question for each measure with a signal; never a cause."""
    found = []
    for chart in charts:
        if chart.is_signal:
            text = f"{chart.signal}. {QUESTIONS.get(chart.name, ANY)}"
            found.append(LookInto(chart.kind.measure, text, MONTHS))
    return tuple(found)


def _reading(scope: Scope, made: Sequence[Charted]) -> tuple[str, ...]:
    tested = [chart for chart in made if chart.is_tested]
    by_chance = 1.0 - math.prod(1.0 - _chance(chart) for chart in tested)
    told = "No rule is applied: too few months of the baseline have a value, or they do not vary."
    if tested:
        told = (
            f"Three rules on {plural(len(tested), 'chart')}: without any change at least one shows a signal "
            f"in {percent(by_chance)} of such reports if charts are independent, in more where limits come "
            "from few months. “No signal” does not mean “good” or “unchanged”."
        )
    moved = GROWING
    if baseline_is_whole(scope, made):
        moved = FROZEN if baseline_is_shown(scope, made) else PARTLY_HIDDEN
    return (
        f"Months against limits frozen on {baseline_words(scope)}. {moved}",
        told,
        *_preliminary(made),
        *(("Changes named on the charts were entered by the clinic.",) if scope.settings.changes else ()),
    )


def _chance(chart: Charted) -> float:
    """The chance of a signal of a chart of independent months about known limits."""
    closed = chart.table[~chart.table["is_provisional"].to_numpy(bool)]
    has_limits = bool(chart.table["limit_high"].notna().any())
    return chance_of_signal(int(closed["estimate"].notna().sum()), has_limits=has_limits)


def _preliminary(made: Sequence[Charted]) -> tuple[str, ...]:
    """That limits of few months may move, where the baseline has few."""
    sizes = [_n_baseline(chart) for chart in made if chart.table["limit_high"].notna().any()]
    few = min(sizes, default=ENOUGH_MONTHS)
    if few >= ENOUGH_MONTHS:
        return ()
    return (f"Limits of {count(few)} months are preliminary; {ENOUGH_MONTHS} or more are usual.",)


def _n_baseline(chart: Charted) -> int:
    return int((chart.table["is_baseline"] & chart.table["estimate"].notna()).sum())


def _figure(scope: Scope, chart: Charted, letter: str) -> Figure:
    shown = chart.table[chart.table["estimate"].notna()]
    told = "; ".join(
        f"{month_name(row.month)} {chart.value_words(row.estimate)}" for row in shown.itertuples()
    )
    said = chart.signal if chart.is_signal else chart.signal.lower()
    title = f"{chart.kind.measure}: {said}"
    svg = drawn(
        draw_chart,
        chart.table.rename(columns={"month": "time"}),
        prefix=f"chart-{chart.name.replace('_', '-')}",
        title=title,
        description=f"{told}. {chart.signal}.",
        size={"height_px": CHART_HEIGHT},
        unit_line=chart.kind.unit_line,
        as_percent=chart.kind.as_percent,
        highlight=chart.at,
    )
    return Figure(f"Fig. {MONTHS}{letter}", title, _population(chart), svg, _figure_notes(chart))


def _population(chart: Charted) -> str:
    """The month of the row with its n, and what the run rules counted."""
    row = chart.table[chart.table["month"] == chart.at]
    words = []
    if len(row) and not missing(row.iloc[0]["estimate"]):
        one = row.iloc[0]
        size = one.get("size")
        of = "" if missing(size) or not chart.kind.as_percent else f" of {count(size)}"
        words.append(f"{chart.value_words(one['estimate'])}{of} in {month_name(chart.at)}")
    rules = chart.result.rules.iloc[-1]
    if not missing(rules["longest_run"]):
        words.append(
            f"longest run {count(rules['longest_run'])} (at most {count(rules['longest_allowed'])}), "
            f"crossings {count(rules['crossings'])} (at least {count(rules['fewest_crossings'])})"
        )
    return "; ".join(words)


def _figure_notes(chart: Charted) -> tuple[str, ...]:
    notes = []
    n_hidden = int((chart.table["suppressed"] != "").sum())
    if n_hidden:
        notes.append(f"{plural(n_hidden, 'month')} not shown; in no rule.")
    n_base = _n_baseline(chart)
    if n_base < FEWEST_POINTS:
        notes.append(
            f"No limits and no rules: they need {FEWEST_POINTS} months in the baseline; {count(n_base)} have "
            "a value."
        )
    elif not chart.table["limit_high"].notna().any():
        notes.append("No limits: the months of the baseline do not vary.")
    return tuple(notes)


def _table(made: Sequence[Charted]) -> Table:
    columns = (
        Column("Measure", True), Column("Chart", True), Column("Centre"), Column("Months"),
        Column("Longest run (at most)"), Column("Crossings (at least)"), Column("Outside"),
        Column("Signal", True),
    )  # fmt: skip
    names = {"p": "p", "p_prime": "p′", "xmr": "individuals"}
    rows = []
    for chart in made:
        rules, table = chart.result.rules.iloc[-1], chart.table
        centre = table["centre"].dropna()
        rows.append(
            (
                chart.kind.measure,
                names[chart.kind.chart],
                chart.value_words(centre.iloc[-1]) if len(centre) else "–",
                count((table["estimate"].notna() & ~table["is_provisional"]).sum()),
                f"{count(rules['longest_run'])} ({count(rules['longest_allowed'])})",
                f"{count(rules['crossings'])} ({count(rules['fewest_crossings'])})",
                count(rules["n_outside"]),
                chart.signal,
            )
        )
    return Table("Rules of each chart", columns, tuple(rows), is_wide=True)


def _limits_table(limits: pd.DataFrame) -> pd.DataFrame:
    """Every chart's months with centre and limits, under the name of its measure."""
    names = [
        "measure", "month", "estimate", "centre", "limit_low", "limit_high", "is_baseline", "is_provisional",
        "outside", "in_shift", "change", "suppressed",
    ]  # fmt: skip
    return limits[names].reset_index(drop=True)
