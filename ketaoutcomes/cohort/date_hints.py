"""How a column's dates seem to be written, as a hint for `date_format`; nothing is read by it."""

from __future__ import annotations

import re

import pandas as pd

__all__ = ["AM_PM", "HAS_CLOCK", "written_dates", "written_with_am_pm"]

AM_PM = r"(?i).*[0-9] ?[ap]\.?m\.?"
HAS_CLOCK = r".*[0-9]:[0-9]{2}.*"
NUMBERS = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})(?![0-9])")
OTHERS = (
    (r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}", "%Y/%m/%d"),
    (r"[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}", "%Y.%m.%d"),
    (r"[0-9]{8}", "%Y%m%d"),
    (r"[0-9]{1,2}-[A-Za-z]{3}-[0-9]{4}", "%d-%b-%Y"),
    (r"[0-9]{1,2} [A-Za-z]{3} [0-9]{4}", "%d %b %Y"),
    (r"[0-9]{1,2} [A-Za-z]{4,9} [0-9]{4}", "%d %B %Y"),
    (r"[A-Za-z]{3,9} [0-9]{1,2}, [0-9]{4}", "%B %d, %Y"),
)
MOST_MONTHS = 12
TWELVE_HOURS = " %I:%M %p"


def written_with_am_pm(cells: pd.Series) -> pd.Series:
    """Return which cells hold a clock time with AM or PM; bool."""
    return cells.str.fullmatch(AM_PM).fillna(False).astype(bool)


def written_dates(cells: pd.Series) -> str:
    """Return what to write for `date_format`, in words, for dates that are not YYYY-MM-DD.

    Parameters
    ----------
    cells : Series of str
        The dates as written; only their shape is told.
    """
    levels = cells.dropna().drop_duplicates()
    clock = TWELVE_HOURS if written_with_am_pm(levels).any() else ""
    why = "; clock times with AM or PM need %I:%M %p" if clock else ""
    parts = levels.str.extract(NUMBERS)
    parts = parts[parts[0].notna() & levels.str.match(NUMBERS)]
    if parts.empty:
        for pattern, form in OTHERS:
            if levels.str.match(pattern).any():
                return f'set date_format = "{form}{clock}" in cohort.toml{why}'
        return f"set 'date_format' in cohort.toml, e.g. \"%m/%d/%Y{clock}\"{why}"
    mark = parts[1].mode().iloc[0]
    year = "%Y" if (parts[3].str.len() == 4).all() else "%y"
    us, day_first = (mark.join(order) + clock for order in (("%m", "%d", year), ("%d", "%m", year)))
    second = bool((parts[2].astype(int) > MOST_MONTHS).any())
    first = bool((parts[0].astype(int) > MOST_MONTHS).any())
    if second and first:
        return (
            "some have the month first and some the day, so that no one format fits; "
            f"write all in one way, and declare it in cohort.toml as date_format{why}"
        )
    if second:
        return f'the month seems to come first: set date_format = "{us}" in cohort.toml{why}'
    if first:
        return f'the day seems to come first: set date_format = "{day_first}" in cohort.toml{why}'
    return (
        f'set date_format in cohort.toml: "{us}" if the month comes first, "{day_first}" if the day does{why}'
    )
