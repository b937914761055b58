"""The first page's table: outcomes of the latest month whose window has closed, safety of the month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import WINDOWS
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.report import by_month
from ketaoutcomes.report.calendar import months_before
from ketaoutcomes.report.disclosure import Hidden, Released
from ketaoutcomes.report.nobody import is_empty, unscored
from ketaoutcomes.report.parts import HeadlineGroup, HeadlineRow
from ketaoutcomes.report.scope import WINDOW, Scope
from ketaoutcomes.report.sections.charted import Charted, charted
from ketaoutcomes.report.sections.headline_charts import kind_of, with_chart
from ketaoutcomes.report.sections.headline_months import Frame, frame_of, ordered, with_total, with_total_mean
from ketaoutcomes.report.sections.headline_rows import (
    follow_up_row,
    mean_row,
    outcome_row,
    session_row,
    side_effect_row,
)
from ketaoutcomes.report.small_counts import SmallCounts, blank
from ketaoutcomes.report.wording import defined, outcome_words, window_days
from ketaoutcomes.report.words import ci, joined, month_name

__all__ = ["Headline", "headline"]

SESSION_MEASURES = {
    "blood_pressure": ("BP ≥165/100", "a reading from the start of the session on", "no readings"),
    "stopped_early": ("Stopped early", "any reason", "not stated"),
    "serious": ("Serious side effect", "stated by the clinic; else counted as no", "no record"),
}
# Measures of which section 6 prints the sum of the twelve months.
TOTALS_OF_SECTION_6 = ("stopped_early", "serious")


@dataclass(frozen=True)
class Headline:
    """The table's groups, and the released tables that they print, by name.

    `charts` are the months of each measure with a row, in the order of the rows. `nobody` says that no
    patient was scored, in the month and the twelve before; "" where somebody was.
    """

    groups: tuple[HeadlineGroup, ...]
    tables: Mapping[str, pd.DataFrame]
    hidden: tuple[Hidden, ...]
    absent: tuple[str, ...]
    nobody: str = ""
    charts: tuple[Charted, ...] = ()

    def row(self, name: str, month: str) -> pd.Series | None:
        """The released row of one measure and month, or None."""
        table = self.tables.get(name)
        if table is None:
            return None
        rows = table[table["month"] == month]
        return rows.iloc[0] if len(rows) else None


def headline(scope: Scope) -> Headline:
    """Both groups of the first page, and what could not be reported."""
    outcomes, safety = _outcomes(scope), _safety(scope)
    groups = tuple(group for group in (outcomes.groups + safety.groups) if group is not None)
    return Headline(
        groups,
        {**outcomes.tables, **safety.tables},
        outcomes.hidden + safety.hidden,
        outcomes.absent + safety.absent,
        outcomes.nobody,
        outcomes.charts + safety.charts,
    )


def _outcomes(scope: Scope) -> Headline:
    instrument, calendar = scope.instrument, scope.calendar
    if instrument is None:
        why = scope.why_no_instrument if scope.cohort.instruments else "no scores are recorded"
        return Headline((), {}, (), (f"{why[:1].upper()}{why[1:]}, so no outcome is reported.",))
    if calendar is not None and calendar.outcome_month is None:
        reason = (
            f"No month's follow-up window ({WINDOWS[WINDOW].label}) had closed at the data cut, so no "
            "month's outcome is reported."
        )
        return Headline((), {}, (), (reason,))
    frame = frame_of(calendar and calendar.outcome_month, calendar)
    cohort = by_month.with_months(scope.cohort, None if calendar is None else frame.months)
    rows, tables, hidden, absent, charts = [], {}, (), [], []

    response, remission = defined(instrument, "response"), defined(instrument, "remission")
    kinds = [("response", "Response", response), ("remission", "Remission", remission)]
    beside, without = (), ()
    for name, measure, definition in kinds:
        if definition is None:
            absent.append(
                f"{measure} has no default definition for {instrument.name}, so it is not reported."
            )
            continue
        table = by_month.outcome_by_month(cohort, instrument.name, definition.name, level=scope.level)
        table = ordered(with_total(table, frame, suppresses=scope.gate.suppresses), frame)
        released = _rate(scope, name, table, frame, beside=beside, without=without)
        if not beside:
            beside, without = (_sizes(released.frame),), _hidden_months(released.frame)
        row = outcome_row(scope, measure, outcome_words(definition, instrument), released, frame)
        rows.append(_charted_row(scope, name, row, released, frame, charts))
        tables[name], hidden = released.frame, hidden + released.hidden
    change = by_month.mean_change_by_month(cohort, instrument.name, level=scope.level)
    n_ended = int(change.loc[change["month"].isin([frame.at, *frame.before]), ["n", "n_missing"]].sum().sum())
    change = ordered(with_total_mean(change, frame, suppresses=scope.gate.suppresses), frame)
    hidden_too = change["month"].isin(without)
    released = scope.gate.means(
        "mean_change", change, place="Page 1, mean change", without=hidden_too,
        total=change["month"].isin(frame.before), then_total=_then_total(scope, "outcome_month"),
    )  # fmt: skip
    row = mean_row(scope, released, frame)
    rows.append(_charted_row(scope, "mean_change", row, released, frame, charts))
    tables["mean_change"], hidden = released.frame, hidden + released.hidden

    follow_up = by_month.follow_up_by_month(cohort, instrument.name, level=scope.level)
    follow_up = ordered(with_total(follow_up, frame, suppresses=scope.gate.suppresses), frame)
    released = _rate(
        scope, "follow_up", follow_up, frame, beside=beside, without=without, apart=("n_no_baseline",)
    )
    detail = (
        f"{instrument.name}, {window_days(WINDOWS[WINDOW])} after induction, of those with a valid baseline"
    )
    row = follow_up_row(scope, released, frame, detail=detail)
    rows.append(_charted_row(scope, "follow_up", row, released, frame, charts))
    tables["follow_up"], hidden = released.frame, hidden + released.hidden
    names = [name for name in tables if name != "follow_up" and _is_empty_row(tables[name], frame)]
    nobody = _nobody(cohort, instrument.name, frame) if {"response", "mean_change"} & set(names) else ""
    rows = [row for row in rows if row is not None]
    if not rows:
        who = f"No patient with {instrument.name} scores completed an induction in these months"
        if n_ended:
            who = "No patient who completed an induction in these months has a valid baseline"
        return Headline((), {}, (), (*absent, f"{who}, so no outcome is reported."), nobody)
    if names:
        are = "is" if len(names) == 1 else "are"
        listed = joined(name.replace("_", " ") for name in names)
        why = nobody or "no patient with a valid baseline was scored after induction"
        absent.append(f"{listed[:1].upper()}{listed[1:]}: {why}, so {are} not given.")
    caption = ("Outcomes: all patients with a complete induction", "", "")
    if calendar is not None:
        caption = (
            "Outcomes: induction ended in",
            month_name(frame.at),
            ", the latest month whose window has closed",
        )
    groups = (_group(scope, caption, rows),)
    return Headline(groups, tables, hidden, tuple(absent), nobody, tuple(charts))


def _charted_row(
    scope: Scope,
    name: str,
    row: HeadlineRow | None,
    released: Released,
    frame: Frame,
    charts: list[Charted],
) -> HeadlineRow | None:
    """`row` with its chart, which is added to `charts`."""
    if row is None or scope.calendar is None:
        return row
    charts.append(charted(scope, name, released.frame, frame, kind_of(name)))
    return with_chart(scope, row, charts[-1], frame)


def _is_empty_row(table: pd.DataFrame, frame: Frame) -> bool:
    """Whether a measure has nobody, in the month and in the twelve before."""
    return all(is_empty(n) for n in table.loc[table["month"].isin([frame.at, by_month.PREVIOUS]), "n"])


def _nobody(cohort: Cohort, instrument: str, frame: Frame) -> str:
    """That nobody was scored, of those whose induction ended in the month or in the twelve before."""
    ended = cohort.patients[by_month.KEY].isin([frame.at, *frame.before]).to_numpy(bool)
    return unscored(cohort, instrument, ended)


def _safety(scope: Scope) -> Headline:
    calendar = scope.calendar
    frame = frame_of(calendar and calendar.month, calendar)
    cohort = by_month.with_months(scope.cohort, None if calendar is None else frame.months)
    rows, tables, hidden, absent, charts = [], {}, (), [], []
    measures = by_month.session_measures(cohort, level=scope.level, before=frame.before)
    ways = [name for name in measures if name.startswith(by_month.ANY_SIDE_EFFECT)]
    if scope.gate.suppresses:
        measures = _without_other_ways(measures, ways, scope.gate.few)
    few_sessions = _few_sessions(scope, measures, frame)
    if not ways:
        absent.append("Side effects: not recorded. No session says whether there were any; this is not zero.")
    for name in (*ways, *SESSION_MEASURES):
        if name not in measures:
            absent.append(f"{SESSION_MEASURES[name][0]}: not recorded.")
            continue
        is_any = name in ways
        # The twelve months of section 6 have these measures too.
        is_total = is_any or name in TOTALS_OF_SECTION_6
        exchange = (*frame.before[:1], frame.at) if is_total and frame.before else ()
        also = ("n_patients_with_event",)
        table = ordered(measures[name], frame)
        # Whether an effect was serious is known of nearly all who were asked in any way.
        beside = [_sizes(tables[way]) for way in ways] if name == "serious" else []
        # All sessions of a month are printed, so that those without this record would follow.
        beside.append(table.set_index("month")["n_sessions"])
        released = _rate(
            scope, name, table, frame, beside=beside, without=few_sessions, exchange=exchange, also=also
        )
        if scope.gate.suppresses:
            seen = _without_sessions(released.frame, few_sessions, scope.gate.few)
            released = replace(released, frame=seen)
        if is_any:
            row = side_effect_row(scope, name.removeprefix(by_month.ANY_SIDE_EFFECT), released, frame)
        else:
            row = session_row(scope, released, frame, *SESSION_MEASURES[name])
        rows.append(_charted_row(scope, name, row, released, frame, charts))
        tables[name], hidden = released.frame, hidden + released.hidden
    caption = ("Safety: all sessions", "", "")
    if calendar is not None:
        caption = ("Safety: sessions in", calendar.month_words, "")
    rows = [row for row in rows if row is not None]
    this = "This month" if calendar is None or calendar.is_complete else "Month so far"
    groups = (_group(scope, caption, rows, this),) if rows else ()
    return Headline(groups, tables, hidden, tuple(absent), charts=tuple(charts))


def _few_sessions(scope: Scope, measures: Mapping[str, pd.DataFrame], frame: Frame) -> tuple[str, ...]:
    """Months whose number of sessions is small, and those that would give it away by the total."""
    if not measures or not scope.gate.suppresses:
        return ()
    table = ordered(next(iter(measures.values())), frame)
    # All sessions as events of themselves: only the sizes decide.
    counted = table[["month"]].assign(n=table["n_sessions"], n_events=table["n_sessions"])
    released = _rate(scope, "sessions", counted, frame, place="Page 1, sessions")
    return tuple(counted["month"][released.frame["n"].isna()])


def _without_sessions(frame: pd.DataFrame, months: Sequence[str], few: SmallCounts) -> pd.DataFrame:
    """`frame` without the number of sessions of some months, and without few that have no record.

    The months' numbers without a record add up to that of the twelve months, which goes with any of them.
    """
    hidden = frame["month"].isin(months).to_numpy(bool)
    frame = blank(frame.copy(), hidden, ["n_sessions"])
    silent = hidden | few.small(frame["n_no_record"])
    is_sum = (frame["month"] == by_month.PREVIOUS).to_numpy(bool)
    return blank(frame, silent | (is_sum & silent[~is_sum].any()), ["n_no_record"])


def _without_other_ways(
    measures: Mapping[str, pd.DataFrame], ways: Sequence[str], small_counts: SmallCounts
) -> dict[str, pd.DataFrame]:
    """`measures` without the sessions that have no record where few were asked in another way.

    A month's sessions minus those without a record and those asked in one way are those asked in
    the others. Where one month is hidden the sum of the months is as well.
    """
    few: set[str] = set()
    for name in ways:
        table = measures[name]
        others = table["n_sessions"] - table["n_no_record"] - table["n"]
        few |= set(table["month"][small_counts.small(others)])
    if few:
        few.add(by_month.PREVIOUS)
    return {
        name: table.assign(n_no_record=table["n_no_record"].astype("Int64").mask(table["month"].isin(few)))
        for name, table in measures.items()
    }


def _rate(
    scope: Scope,
    name: str,
    table: pd.DataFrame,
    frame: Frame,
    *,
    beside=(),
    without=(),
    apart=(),
    exchange=(),
    also=(),
    place="",
) -> Released:
    """A measure's months and their total, through the gate.

    `beside` are the sizes of other tables by month, `without` the months whose size they hide.
    `exchange` are the two months in which the twelve months of a section differ from the twelve
    months before: the first of these and the report's month.
    """
    months = table["month"]
    swapped = (
        tuple(np.flatnonzero(months.isin(exchange)))
        if months.isin(exchange).sum() == len(exchange) == 2
        else None
    )
    is_sum = (months == by_month.PREVIOUS).to_numpy(bool)
    of_outcomes = "n_patients" not in table and "n_sessions" not in table and not place
    sums = [months.isin([*frame.before[1:], frame.at])] if exchange else []
    return scope.gate.parts(
        name,
        table,
        place=place or f"Page 1, {name.replace('_', ' ')}",
        total=months.isin(frame.before),
        sum_row=int(np.flatnonzero(is_sum)[0]) if is_sum.any() else None,
        sums=sums,
        then_total=_then_total(scope, "outcome_month" if of_outcomes else "month"),
        beside=[[sizes.get(month, np.nan) for month in months] for sizes in beside],
        without=months.isin(without),
        apart=apart,
        swapped=swapped,
        also=also,
    )


def _then_total(scope: Scope, which: str) -> tuple[str, ...]:
    """The twelve months that the total of the last release summed."""
    release = scope.gate.previous
    at = None if release is None else release.settings.get(which)
    return months_before(at, len(scope.calendar.year)) if at and scope.calendar is not None else ()


def _hidden_months(frame: pd.DataFrame) -> tuple[str, ...]:
    """Months whose size is hidden."""
    return tuple(frame["month"][frame["n"].isna()])


def _sizes(frame: pd.DataFrame) -> dict[str, float]:
    return dict(
        zip(frame["month"], frame["n"].astype("Float64").to_numpy(dtype=float, na_value=np.nan), strict=True)
    )


def _group(
    scope: Scope, caption: tuple[str, str, str], rows: list[HeadlineRow], this: str = "This month"
) -> HeadlineGroup:
    """A block of rows under its caption; `this` heads the column of the month."""
    columns = ("Measure", "All", ci(scope.level), "Not known")
    if scope.calendar is not None:
        columns = (
            "Measure", this, ci(scope.level), "Not known", "Previous 12 months", "Month by month", "Signal",
        )  # fmt: skip
    return HeadlineGroup(*caption, tuple(rows), columns)
