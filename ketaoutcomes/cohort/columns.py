"""One file's raw cells to a draft: normal names, typed columns, and what breaks a rule by itself."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import Times, holds_dates, read_dates, read_days, read_hours
from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.header_hints import meant, normal_name
from ketaoutcomes.cohort.needed import hold_to_needed
from ketaoutcomes.cohort.privacy import scan_columns, scan_values
from ketaoutcomes.cohort.reviewed_text import reviewed_problems
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.schema import ITEM, Column, Table
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.spellings import tell_spellings
from ketaoutcomes.cohort.time_bounds import BOUNDS, hold_to_bounds
from ketaoutcomes.cohort.values import Numbers, flags, numbers, typed, words
from ketaoutcomes.errors import Problem

__all__ = ["lost_ids", "prepare", "scanned", "wants"]

NUMERIC = frozenset({"number", "integer", "hour", "day"})
# Words that get their usual names when all tables are there.
TOLD_LATER = frozenset({"route", "instrument"})
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
# Above this, a dose in mg/kg is a dose in mg that stands in the wrong column.
MOST_MG_PER_KG = 10.0
# Nobody is older, so a larger number is not an age.
MOST_YEARS = 125


def wants(name: str, table: Table, covariates: Collection[str] | None) -> bool:
    """Whether a column is read: those of the data dictionary, items, and the covariates asked for."""
    normal = normal_name(name)
    if normal in _derived(table):
        return False
    known = normal in table.names or (table.name == "scores" and ITEM.fullmatch(normal) is not None)
    return known or covariates is None or normal in covariates


def _derived(table: Table) -> frozenset[str]:
    return frozenset(column.name for column in table.columns if column.derived)


def prepare(table: Table, raw: RawTable, settings: Settings, covariates: Collection[str] | None) -> Draft:
    """Return a draft of a table with everything decided that needs no other table.

    Problems for which the cohort is refused are in `draft.problems`.
    """
    headers = [str(name) for name in raw.frame.columns]
    frame, problems, notes = _named(table, raw, headers, covariates)
    draft = Draft(table, frame, raw.row_numbers, raw.unplaced)
    draft.lost_ids = lost_ids(raw, headers)
    draft.problems += problems
    draft.notes += notes
    told = _header_problems(table, [*headers, *raw.unread], settings)
    draft.problems += told
    hold_to_needed(draft, [*headers, *raw.unread])
    for column in table.columns:
        if column.name in frame.columns:
            _read(draft, column, settings, raw.separator)
            draft.set_down(column.name)
    hold_to_bounds(draft, settings, raw.separator)
    for name in frame.columns:
        if name not in table.names:
            _read_further(draft, name, settings, raw.separator)
            draft.set_down(name)
    # A column that has to go for its name is told once, and nothing else of it matters.
    named = {problem.column for problem in told if problem.column}
    draft.problems += [one for one in _value_problems(draft, settings) if one.column not in named]
    private = {one.column for one in draft.problems if (one.rule or "").startswith("identifier")} - {None}
    draft.notes = [note for note in draft.notes if note.column not in private]
    _tell_further(draft)
    for name in sorted(_derived(table) & {normal_name(header) for header in (*headers, *raw.unread)}):
        draft.note("reserved_column", name)
    if raw.n_blank:
        draft.note("blank_lines", message=f"{RULES['blank_lines'].reason}: {raw.n_blank}")
    return draft


def _named(table: Table, raw: RawTable, headers: list[str], covariates):
    """Return the frame under normal names, without the columns that are not wanted."""
    names = [normal_name(name) for name in headers]
    problems, notes, keep = [], [], []
    for place, name in enumerate(names):
        if name == "":
            cells = raw.frame.iloc[:, place]
            empty = bool((cells.isna() | (cells.astype("str").str.strip() == "")).all())
            rule = RULES["unnamed_column"]
            if empty:
                notes.append(
                    Problem(
                        f"column number {place + 1} has no name and no cells, and was passed over",
                        table.name,
                        None,
                        rule.name,
                    )
                )
            else:
                problems.append(
                    Problem(
                        f"column number {place + 1} has cells and no name; name it or remove it",
                        table.name,
                        None,
                        rule.name,
                    )
                )
        elif name in names[:place]:
            shown = name if name in table.names else None
            where = "" if shown else f" (column number {place + 1})"
            problems.append(
                Problem(f"{RULES['duplicate_header'].reason}{where}", table.name, shown, "duplicate_header")
            )
        elif wants(name, table, covariates):
            keep.append(place)
    frame = raw.frame.iloc[:, keep].set_axis([names[place] for place in keep], axis=1)
    return frame.reset_index(drop=True), problems, notes


def _header_problems(table: Table, headers: list[str], settings: Settings) -> list[Problem]:
    """Return what the names of all columns, wanted or not, say about people."""
    known = [
        *table.names,
        *(name for name in map(normal_name, headers) if table.name == "scores" and ITEM.fullmatch(name)),
    ]
    shown = [normal_name(name) if normal_name(name) in known else name for name in headers if name.strip()]
    problems = [
        replace(one, column=normal_name(one.column)) if one.column else one
        for one in scan_columns(table.name, shown, level=settings.deidentification, allowed=known)
    ]
    reviewed = settings.reviewed_columns(table.name)
    problems = [one for one in problems if one.rule != "identifier:free_text" or one.column not in reviewed]
    if not settings.dates_allowed and "month" in shown and "month" in table.names:
        message = (
            "is a part of a date, which safe-harbor does not allow; remove it, "
            'or declare deidentification = "limited-data-set"'
        )
        problems.append(Problem(message, table.name, "month", "identifier:C"))
    return problems


def lost_ids(raw: RawTable, headers: list[str]) -> list[str]:
    """Return whose rows could not be put into columns, as far as the cell in the place of the id tells."""
    names = [normal_name(name) for name in headers]
    if "patient_id" not in names or not raw.lost:
        return []
    place = names.index("patient_id")
    rows = [line.split(raw.separator) for line in raw.lost]
    return [row[place].strip().strip('"') for row in rows if len(row) > place]


def _read(draft: Draft, column: Column, settings: Settings, separator: str | None) -> None:
    """Type one column of the data dictionary and hold its cells against their own rules."""
    cells = draft.frame[column.name]
    if column.name == "patient_id" or column.name in BOUNDS:
        return
    if column.kind == "date":
        if settings.dates_allowed:
            times = read_dates(cells, settings)
            _place(draft, column, times if settings.months_kept else replace(times, month=None))
    elif column.kind in NUMERIC:
        found = _numbers(draft, column.name, settings, separator)
        if column.kind == "hour":
            _place(draft, column, read_hours(found))
        elif column.kind == "day":
            _place(draft, column, read_days(found))
        else:
            draft.numbers[column.name] = found.values
            _set_aside(draft, column, found.comma, "decimal_comma")
            _set_aside(draft, column, found.bad & ~found.comma, "not_a_number")
            _hold_to_range(draft, column)
    elif column.kind == "flag":
        codes, neither = flags(cells)
        draft.flags[column.name] = codes
        draft.blank(column.name, neither, "not_yes_or_no")
        if neither.any():
            draft.unread.add(column.name)
    elif column.kind == "month":
        # A month that comes with a date is the date's own.
        if settings.months_kept and "month" not in draft.words:
            _read_month(draft, column)
        elif settings.dates_shifted:
            why = "dates are shifted, so that no month is the true one; the column is not read"
            draft.note("reserved_column", column.name, message=why)
    elif column.kind == "any":
        draft.further[column.name] = _typed(draft, column.name)
    else:
        _read_words(draft, column)


def _numbers(draft: Draft, name: str, settings: Settings, separator: str | None) -> Numbers:
    """Return a column as numbers, and remember if some cells are none."""
    found = numbers(draft.frame[name], decimal=settings.decimal, separator=separator)
    if found.bad.any():
        draft.unread.add(name)
    return found


def _read_words(draft: Draft, column: Column) -> None:
    found = words(draft.frame[column.name], keep_missing_words=column.name == "effect")
    draft.words[column.name] = found
    if column.name not in TOLD_LATER and not column.words:
        tell_spellings(draft, column.name, found)
    if column.words:
        unknown = found.where(lambda level: level.lower() not in column.words)
        draft.words[column.name] = found.map(
            lambda level: level.lower() if level.lower() in column.words else None
        )
        draft.blank(column.name, unknown, "unknown_word")
        if unknown.any():
            draft.unread.add(column.name)
    if column.required:
        draft.quarantine(found.codes < 0, "missing_required")


def _read_month(draft: Draft, column: Column) -> None:
    found = words(draft.frame[column.name])
    draft.words[column.name] = found.map(lambda level: level if MONTH.fullmatch(level) else None)
    wrong = found.where(lambda level: not MONTH.fullmatch(level))
    draft.blank(column.name, wrong, "month_form")
    if wrong.any():
        draft.unread.add(column.name)


def _place(draft: Draft, column: Column, times: Times) -> None:
    """Keep the times of a column and set aside rows without one."""
    for rule, rows in times.failures.items():
        message = RULES[rule].reason
        if rule in times.hints:
            message = f"{message.partition(';')[0]}; {times.hints[rule]}"
        draft.fail(rule, column.name, rows=rows, message=message)
    for rule, rows in times.bad.items():
        if rule != "missing_required" or draft.name != "disposition":
            draft.quarantine(rows, rule)
    # What the rows break is noted; only the times themselves are needed from here on.
    draft.times = replace(times, bad={}, failures={}, month=None)
    if times.month is not None:
        draft.words["month"] = times.month


def _set_aside(draft: Draft, column: Column, rows: np.ndarray, rule: str) -> None:
    """Set aside the rows if the column is needed, the cells otherwise."""
    if column.required or column.name in ("score", "minute"):
        draft.quarantine(rows, rule)
    else:
        draft.blank(column.name, rows, rule)


def _hold_to_range(draft: Draft, column: Column) -> None:
    values = draft.numbers[column.name]
    with np.errstate(invalid="ignore"):
        if column.kind == "integer":
            broken = values != np.floor(values)
            _set_aside(draft, column, broken & ~np.isnan(values), "not_a_whole_number")
        outside = np.zeros(len(values), dtype=bool)
        if column.low is not None:
            outside |= values < column.low
        if column.high is not None:
            # An age above 90 is refused as identifying, and not set to missing.
            outside |= values > (MOST_YEARS if column.name == "age" else column.high)
        if column.rule == "duration":
            outside |= values == 0
        if column.name == "dose_mg_per_kg":
            unit = values > MOST_MG_PER_KG
            draft.blank(column.name, unit, "dose_unit")
            outside &= ~unit
    _set_aside(draft, column, outside, column.rule)
    if column.required:
        draft.quarantine(np.isnan(values), "missing_required")


def _read_further(draft: Draft, name: str, settings: Settings, separator: str | None) -> None:
    """Type a column that is not in the data dictionary: an item, or a covariate."""
    if draft.name == "scores" and ITEM.fullmatch(name):
        found = _numbers(draft, name, settings, separator)
        draft.numbers[name] = found.values
        draft.blank(name, found.bad, "not_a_number")
        return
    if settings.dates_allowed and holds_dates(draft.frame[name]):
        draft.note("date_column", name)
        return
    draft.further[name] = _typed(draft, name)


def _typed(draft: Draft, name: str) -> pd.Series:
    """Return a column as what its cells say it is, and tell of words that look alike."""
    cells = draft.frame[name]
    if pd.api.types.is_bool_dtype(cells.dtype) or pd.api.types.is_numeric_dtype(cells.dtype):
        return typed(cells)
    found = words(cells)
    column = typed(cells, found)
    if isinstance(column.dtype, pd.StringDtype):
        tell_spellings(draft, name, found)
    return column


def _tell_further(draft: Draft) -> None:
    """Tell which columns are kept as covariates: by name only where the header is sure to be one."""
    if not draft.problems:
        for name in draft.further:
            if name not in draft.table.names:
                near = [one for one in meant(name, draft.table) if one not in draft.frame.columns]
                hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
                draft.note("unknown_column", name, message=RULES["unknown_column"].reason + hint)


def _value_problems(draft: Draft, settings: Settings) -> list[Problem]:
    """Return what the cells say about people.

    Cells that were read as plain numbers, yes or no, or one of a few fixed words
    say nothing. Ids of other tables than `patients` are looked at only when some
    are not among the patients.
    """
    table = draft.table
    chosen = []
    for name in draft.frame.columns:
        known = name in table.names
        column = table[name] if known else None
        plain = known and name != "age" and (column.kind in NUMERIC | {"flag", "month"} or bool(column.words))
        plain = plain or (table.name == "scores" and ITEM.fullmatch(name) is not None)
        if plain and name not in draft.unread:
            continue
        if known and (column.kind == "date" or (name == "patient_id" and table.name != "patients")):
            continue
        chosen.append(name)
    if (
        any(name not in table.names for name in chosen)
        and "patient_id" in draft.frame.columns
        and "patient_id" not in chosen
    ):
        chosen.insert(0, "patient_id")
    return scanned(draft, chosen, settings)


def scanned(draft: Draft, names: list[str], settings: Settings) -> list[Problem]:
    """Return the privacy problems of some columns, with row numbers of the file."""
    known = [*draft.table.names, *(name for name in names if ITEM.fullmatch(name))]
    # Words were told apart already; their levels are all there is to look at.
    cells = {
        name: _levels(draft, name) if name in draft.words and name not in draft.unread else draft.frame[name]
        for name in names
    }
    if "age" in cells and "age" in draft.numbers:
        # Codes for "missing" such as 999 or -99 are no ages, and nobody's.
        age = numbers(draft.frame["age"], decimal=settings.decimal).values
        cells["age"] = draft.frame["age"].mask((age < 0) | (age > MOST_YEARS))
    frame = pd.DataFrame(cells, index=draft.frame.index, copy=False)
    level, reviewed = settings.deidentification, settings.reviewed_columns(draft.name)
    text = [name for name in names if name in reviewed]
    return [
        *scan_values(
            draft.name,
            frame.drop(columns=text),
            level=level,
            allowed=known,
            row_numbers=draft.row_numbers,
        ),
        *reviewed_problems(draft.name, frame, text, level, draft.row_numbers),
    ]


def _levels(draft: Draft, name: str) -> pd.Series:
    found = draft.words[name]
    return pd.Series(pd.Categorical.from_codes(found.codes, categories=pd.Index(found.levels, dtype="str")))
