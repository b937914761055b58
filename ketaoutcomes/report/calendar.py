"""Which months a report is about: the month itself, the one whose outcomes are due, the year before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ketaoutcomes.catalog.definitions import window as window_named
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.derive.sessions import induction, session_table
from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.words import day_name, month_name

__all__ = ["Calendar", "calendar_of", "month_after", "months_before"]

YEAR = 12


@dataclass(frozen=True)
class Calendar:
    """The months of a report.

    Attributes
    ----------
    month : str
        Month of the report, "YYYY-MM".
    outcome_month : str or None
        Latest complete month up to `month` in which inductions ended, and after all of which the
        follow-up window had closed at the end of the data.
    cut : str or None
        Last day of the data, as the clinic stated it.
    incomplete : tuple of str
        Months of the data that may not be over at the end of the data.
    known : tuple of str
        Every month from the first with a session to the last with one, oldest first.
    """

    month: str
    outcome_month: str | None
    cut: str | None
    incomplete: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the report's month was over at the end of the data."""
        return self.month not in self.incomplete

    @property
    def month_words(self) -> str:
        """The report's month; one that is not over says so: "October 2026 so far (data to 8 October)"."""
        name = month_name(self.month)
        return name if self.is_complete else f"{name} so far ({self.end_words})"

    @property
    def end_words(self) -> str:
        """``"data to 8 October"``."""
        if self.cut is None:
            return "no data cut stated"
        day = day_name(self.cut)
        return f"data to {day.rsplit(' ', 1)[0] if self.cut[:4] == self.month[:4] else day}"

    @property
    def year(self) -> tuple[str, ...]:
        """The twelve months that end with the report's month."""
        return (*months_before(self.month, YEAR - 1), self.month)


def calendar_of(cohort: Cohort, month: str | None, *, window: str) -> Calendar | None:
    """The months of a report on `cohort`, or None when the cohort keeps no months.

    Without `month` the latest complete one is taken. Where the clinic states no data cut, the last
    month may be incomplete, so the data are taken to end before it.

    Parameters
    ----------
    window : str
        Name of the window that outcomes are measured in.

    Raises
    ------
    ConfigError
        If `month` is not a month of the data, or is asked for where no months are kept.
    """
    known = _months_of_sessions(cohort)
    if not known:
        if month is not None:
            why = "its dates are shifted, patient by patient, so that none of its months is a real one"
            if not cohort.settings.dates_shifted:
                why = 'set deidentification = "limited-data-set" in cohort.toml if the clinic may keep them'
            raise ConfigError(f"this cohort keeps no months, so no month can be chosen; {why}")
        return None
    cut = cohort.settings.data_cut
    end = date.fromisoformat(cut) + timedelta(days=1) if cut else _first_day(known[-1])
    complete = [name for name in known if _first_day(month_after(name)) <= end]
    if month is None:
        month = complete[-1] if complete else known[-1]
    elif not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise ConfigError("the month must be written YYYY-MM, e.g. 2026-09")
    elif not known[0] <= month <= known[-1]:
        raise ConfigError(f"no session in that month; the data hold sessions from {known[0]} to {known[-1]}")
    closed = _closed_months(cohort, window)
    due = [name for name in complete if name <= month and name in closed]
    incomplete = tuple(name for name in known if name not in complete)
    return Calendar(month, due[-1] if due else None, cut, incomplete, _without_gaps(known))


def month_after(month: str) -> str:
    """``"2026-12"`` gives ``"2027-01"``."""
    return _named(_number(month) + 1)


def months_before(month: str, n_months: int) -> tuple[str, ...]:
    """The `n_months` months before `month`, oldest first."""
    last = _number(month)
    return tuple(_named(number) for number in range(last - n_months, last))


def _closed_months(cohort: Cohort, window: str) -> set[str]:
    """Months in which inductions ended, and the window after each of them had closed."""
    sessions, ended = session_table(cohort), induction(cohort)
    last = sessions[(sessions["last_induction"] & sessions["induction_complete"]).to_numpy(bool)]
    closes = np.where(ended.complete, ended.last_hour, np.nan) + window_named(window).high_hours
    is_open = follow_up(cohort).still_open(closes)[patient_codes(last)]
    months = last["month"].astype("object").to_numpy()
    return {str(name) for name in months[last["month"].notna().to_numpy()]} - set(months[is_open])


def _without_gaps(known: list[str]) -> tuple[str, ...]:
    """The months from the first to the last; a month without a session is one of nobody, not none."""
    return tuple(_named(number) for number in range(_number(known[0]), _number(known[-1]) + 1))


def _months_of_sessions(cohort: Cohort) -> list[str]:
    if "month" not in cohort.sessions.columns:
        return []
    return sorted(str(name) for name in cohort.sessions["month"].dropna().unique())


def _first_day(month: str) -> date:
    year, number = month.split("-")
    return date(int(year), int(number), 1)


def _number(month: str) -> int:
    year, number = month.split("-")
    return 12 * int(year) + int(number) - 1


def _named(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
