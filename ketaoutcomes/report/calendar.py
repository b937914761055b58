"""Which months a report is about: the month itself, the one whose outcomes are due, the year before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from ketaoutcomes.catalog.definitions import window as window_named
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.errors import ConfigError

__all__ = ["Calendar", "calendar_of", "month_after", "months_before"]

HOURS_PER_DAY = 24.0
YEAR = 12


@dataclass(frozen=True)
class Calendar:
    """The months of a report.

    Attributes
    ----------
    month : str
        Month of the report, "YYYY-MM".
    outcome_month : str or None
        Latest month up to `month` whose inductions' follow-up window had closed at the data cut.
    cut : str or None
        Last day of the data, as the clinic stated it.
    """

    month: str
    outcome_month: str | None
    cut: str | None

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
            raise ConfigError(
                "this cohort keeps no months, so no month can be chosen; set "
                'deidentification = "limited-data-set" in cohort.toml if the clinic may keep them'
            )
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
    closes = timedelta(hours=window_named(window).high_hours)
    due = [name for name in known if name <= month and _first_day(month_after(name)) + closes <= end]
    return Calendar(month, due[-1] if due else None, cut)


def month_after(month: str) -> str:
    """``"2026-12"`` gives ``"2027-01"``."""
    return _named(_number(month) + 1)


def months_before(month: str, n_months: int) -> tuple[str, ...]:
    """The `n_months` months before `month`, oldest first."""
    last = _number(month)
    return tuple(_named(number) for number in range(last - n_months, last))


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
