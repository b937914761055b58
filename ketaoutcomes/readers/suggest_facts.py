"""What holds for a whole export: settings, what they lack, and codes for "missing"."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from ketaoutcomes.cohort.clock import DATE, LOOKS_DATED, PARTIAL
from ketaoutcomes.cohort.date_hints import HAS_CLOCK, written_dates, written_with_am_pm
from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.cohort.values import MISSING
from ketaoutcomes.readers.suggest_cells import WITH_OFFSET
from ketaoutcomes.readers.suggest_plan import Plan
from ketaoutcomes.readers.suggest_values import missing_codes

__all__ = ["facts_of"]

DATES = ("start", "taken", "when", "moment")
FORMAT = re.compile(r'"([^"]*%[^"]*)"')
TIMEZONE = (
    'timezone = "America/New_York"  # needed: clock times are written without a zone; put your own here'
)
NUMBERS = ("number", "integer", "hour", "day")


def facts_of(
    plan: Plan, frames: Mapping[str | None, pd.DataFrame], timezone: str | None
) -> dict[str, object]:
    """Return settings, lines to be completed and codes for "missing"."""
    cells = _dates(plan, frames)
    dated = any(target in DATES for draft in plan.live for target in draft.columns)
    settings = {"deidentification": "limited-data-set" if dated else "safe-harbor"}
    wanted: list[str] = []
    if timezone is not None:
        settings["timezone"] = timezone
    elif dated and (cells.str.fullmatch(HAS_CLOCK) & ~cells.str.fullmatch(WITH_OFFSET)).any():
        wanted.append(TIMEZONE)
    iso = cells.str.match(DATE).to_numpy(bool)
    other = (
        cells.str.fullmatch(LOOKS_DATED).to_numpy(bool) & ~cells.str.fullmatch(PARTIAL).to_numpy(bool) & ~iso
    )
    if dated and other.any():
        wanted += _format(cells[other], settings, mixed=bool(iso.any()))
    elif dated and written_with_am_pm(cells).any():
        settings["date_format"] = "%Y-%m-%d %I:%M %p"
    wanted += _decimal(plan, settings)
    placed = {column.key for draft in plan.live for column, _ in draft.named()}
    codes = [code for column in plan.columns if column.key in placed for code in missing_codes(column)]
    return {"settings": settings, "wanted": wanted, "missing": list(dict.fromkeys(codes))}


def _format(cells: pd.Series, settings: dict[str, str], *, mixed: bool) -> list[str]:
    """Set the format of dates where the cells leave one, else return a line with the choices."""
    if mixed:
        return ["date_format: some dates are YYYY-MM-DD and some are not; write all in one way"]
    told = written_dates(cells)
    found = FORMAT.findall(told)
    if len(found) == 1 and "e.g." not in told:
        settings["date_format"] = found[0]
        return []
    if len(found) == 2:
        return [
            f'date_format = "{found[0]}"  # needed: this if the month is first, "{found[1]}" if the day is'
        ]
    return ['date_format = "%m/%d/%Y"  # needed: the dates are not YYYY-MM-DD; say how they are written']


def _dates(plan: Plan, frames: Mapping[str | None, pd.DataFrame]) -> pd.Series:
    """Return the distinct dates of all placed columns, clock times beside them joined on."""
    parts = [pd.Series([], dtype="str")]
    done = set()
    for draft in plan.live:
        for target in set(DATES) & set(draft.columns):
            columns = draft.columns[target]
            key = tuple(column.key for column in columns)
            if key in done:
                continue
            done.add(key)
            frame = frames[draft.group.sheet]
            cells = frame[columns[0].name].astype("str").fillna("").str.strip()
            gone = cells.str.lower().isin(MISSING)
            for column in columns[1:]:
                other = frame[column.name].astype("str").fillna("").str.strip()
                cells = cells.where(other == "", cells + " " + other)
            parts.append(cells[~gone].drop_duplicates())
    return pd.concat(parts, ignore_index=True).astype("str")


def _decimal(plan: Plan, settings: dict[str, str]) -> list[str]:
    """Set the comma as decimal mark where numbers are written so, and it cannot mark thousands."""
    point, comma, thousand = 0.0, 0.0, 0.0
    for draft in plan.live:
        for target, columns in draft.columns.items():
            known = target in TABLES[draft.table].names and TABLES[draft.table][target].kind in NUMBERS
            if known or (draft.table == "scores" and ITEM.fullmatch(target)):
                point += columns[0].cells.share(r"[-+]?[0-9]*[.][0-9]+")
                comma += columns[0].cells.share(r"[-+]?[0-9]+,[0-9]+")
                thousand += columns[0].cells.share(r"[-+]?[0-9]{1,3},[0-9]{3}")
    if not comma:
        return []
    if comma > thousand and not point:
        settings["decimal"] = ","
        return []
    return ['decimal = ","  # needed if the comma in numbers is a decimal mark; else write them without it']
