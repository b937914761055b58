"""The months that a group of the first page's table shows, with the sum of the twelve before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.report.by_month import ALL, PREVIOUS
from ketaoutcomes.report.calendar import Calendar, months_before
from ketaoutcomes.report.small_counts import UNKNOWN

__all__ = ["Frame", "frame_of", "ordered", "with_total", "with_total_mean"]

YEAR = 12


@dataclass(frozen=True)
class Frame:
    """Which months a group of measures shows; `at` is the month in the row.

    `open` are months that are provisional: not over, or with windows that have not closed. `earlier`
    are months before the twelve `before`, which only the control charts show.
    """

    at: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    open: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def months(self) -> tuple[str, ...]:
        return (*self.earlier, *self.before, self.at, *self.after)

    @property
    def recent(self) -> tuple[str, ...]:
        """The months that a spark on page 1 shows."""
        return (*self.before, self.at, *self.after)


def frame_of(at: str | None, calendar: Calendar | None) -> Frame:
    """The months around `at`, up to the report's month; without months everything is one row."""
    if at is None or calendar is None:
        return Frame(ALL, (), ())
    after = tuple(month for month in (*months_before(calendar.month, YEAR), calendar.month) if month > at)
    before = months_before(at, YEAR)
    earlier = tuple(month for month in calendar.known if month < before[0])
    return Frame(at, before, after, (*after, *calendar.incomplete), earlier)


def with_total(table: pd.DataFrame, frame: Frame, *, suppresses: bool) -> pd.DataFrame:
    """`table` with a row that sums the twelve months before; its estimate has no interval.

    With `suppresses` it has no numbers of patients not known: beside those of the months it would
    show what the hidden ones add up to.
    """
    before = table[table["month"].isin(frame.before)]
    if before.empty:
        return table
    counts = _summed(table, suppresses)
    total = before[counts].sum()
    # Of nobody there is no share.
    share = total["n_events"] / total["n"] if total["n"] else np.nan
    row = {"month": PREVIOUS, **total.to_dict(), "estimate": share}
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def with_total_mean(table: pd.DataFrame, frame: Frame, *, suppresses: bool) -> pd.DataFrame:
    """As `with_total`, for means: the mean of all patients of the twelve months before."""
    before = table[table["month"].isin(frame.before) & (table["n"] > 0)]
    if before.empty:
        return table
    n = int(before["n"].sum())
    mean = float((before["estimate"] * before["n"]).sum() / n)
    row = {"month": PREVIOUS, **before[_summed(table, suppresses)].sum().to_dict(), "estimate": mean}
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def _summed(table: pd.DataFrame, suppresses: bool) -> list[str]:
    counts = [column for column in table.columns if column == "n" or column.startswith("n_")]
    return [column for column in counts if not (suppresses and column in UNKNOWN)]


def ordered(table: pd.DataFrame, frame: Frame) -> pd.DataFrame:
    """Rows in the order of time, the total last; months still open are marked."""
    order = {month: number for number, month in enumerate((*frame.months, PREVIOUS))}
    table = table.sort_values("month", key=lambda month: month.map(order)).reset_index(drop=True)
    return table.assign(provisional=table["month"].isin(frame.open))
