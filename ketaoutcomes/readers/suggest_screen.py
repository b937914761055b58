"""Columns that identify people: by their names, by the data dictionary, and by their cells."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from ketaoutcomes.cohort.privacy import scan_columns, scan_values
from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.readers.suggest_columns import Column
from ketaoutcomes.readers.suggest_patient import usual_codes
from ketaoutcomes.readers.suggest_plan import Draft, Plan

__all__ = ["hold_to_cells", "id_problem", "screen_names"]

LEVEL = "limited-data-set"
WHAT = "the export"
# Text fields that REDCap itself holds to such a form, whether or not they are marked.
PERSONAL = re.compile(r"email|phone|ssn|zipcode|postalcode|mrn|vmrn")
# In a limited data set a date may be the time of a session or score, marked or not.
DATES = ("date_", "datetime_")
FREE_TEXT = ("notes", "textarea", "file", "signature")
# What the reader of spreadsheets calls columns without a name, and the second of a name.
REPEATED = re.compile(r"(?:(.*) \()?column number [0-9]+\)?")
OLDEST = 125


def screen_names(
    columns: Iterable[Column], plan: Plan, patient: Column | None, *, reserved: Iterable[str] = ()
) -> None:
    """Leave out columns that identify people by their names or by what the data dictionary says.

    Parameters
    ----------
    patient : Column or None
        The column of the patient's code, which is not judged here.
    reserved : iterable of str
        REDCap's own columns, which are not judged by their names.
    """
    free_text = _reason("free_text")
    columns = list(columns)
    again = {(one.sheet, found[1]) for one in columns if (found := REPEATED.fullmatch(one.name)) is not None}
    for column in columns:
        if column.key in plan.reasons or column.name in reserved:
            continue
        if patient is not None and column.name == patient.name:
            continue
        if not column.nameable:
            plan.refuse([column], "its name is none that a mapping may hold; give the column another")
        elif column.key in again or REPEATED.fullmatch(column.name):
            plan.refuse([column], "another column has the same name, or it has none; name each once")
        elif column.kind in FREE_TEXT:
            _leave(plan, column, free_text)
        elif column.marked and not column.validation.startswith(DATES):
            reason = "marked as an identifier in the data dictionary; unmark it there if it is none"
            _leave(plan, column, reason)
        elif PERSONAL.match(column.validation):
            _leave(
                plan,
                column,
                "a field for e-mail addresses, telephone, record or identity numbers or ZIP codes",
            )
        else:
            problems = scan_columns(WHAT, [column.name], level=LEVEL, allowed=())
            if problems:
                _leave(plan, column, _reason(_letter(problems[0].rule)))


def id_problem(column: Column, frame: pd.DataFrame) -> str | None:
    """Return why a column cannot be the patient's code, or None."""
    # A limited data set may hold dates, but not in codes: the level changes nothing here.
    found = frame[column.name].astype("str")
    codes = usual_codes(column)
    if codes is not None:
        # A footer among many codes does not make them names.
        found = found[found.str.strip().isin(codes)]
    cells = pd.DataFrame({"patient_id": found})
    for one in scan_values("patients", cells, level=LEVEL):
        return _reason(_letter(one.rule))
    return None


def hold_to_cells(plan: Plan, frames: dict[str | None, pd.DataFrame], patient: Column | None) -> None:
    """Take columns out of the blocks whose cells would have the cohort refused."""
    for draft in plan.live:
        table = TABLES[draft.table]
        frame = frames[draft.group.sheet]
        for target, columns in list(draft.columns.items()):
            known = target in table.names
            if len(columns) > 1 or "/" in target or target in ("start", "taken", "when", "moment"):
                continue
            numeric = known and table[target].kind in ("number", "integer", "hour", "day", "flag")
            if (numeric and target != "age") or (draft.table == "scores" and ITEM.fullmatch(target)):
                continue
            reason = _of_cells(draft, target, columns[0], frame, patient, known=known)
            if reason is not None:
                del draft.columns[target]
                draft.values.pop(target, None)
                draft.needs = tuple(name for name in draft.needs if name != target)
                _leave(plan, columns[0], reason)
        if not draft.columns and not draft.boxes:
            draft.lacking = "a column that can be used"
    plan.drafts = [draft for draft in plan.drafts if draft.columns or draft.boxes]


def _of_cells(
    draft: Draft, target: str, column: Column, frame: pd.DataFrame, patient: Column | None, *, known: bool
) -> str | None:
    """Return why a column's cells may not enter, or None."""
    cells = frame[column.name].astype("str")
    if target == "age":
        number = pd.to_numeric(cells, errors="coerce")
        # Codes for "missing" such as 999 are no ages, and nobody's.
        cells = cells.mask((number < 0) | (number > OLDEST))
    looked = {target: cells}
    if patient is not None and patient.name in frame.columns and target != "patient_id":
        looked["patient_id"] = frame[patient.name].astype("str")
    # A date has no place in a further column, whatever the level.
    levels = (LEVEL,) if known else (LEVEL, "safe-harbor")
    for level in levels:
        problems = scan_values(draft.table, pd.DataFrame(looked), level=level)
        if not known:
            problems += scan_columns(draft.table, [target], level=level)
        for one in problems:
            if one.column == target:
                if target == "age" or level == "safe-harbor":
                    # A date is no identifier in a limited data set, but no further column holds one.
                    return (
                        one.message
                        if target == "age"
                        else "a date or part of one, which no further column may hold"
                    )
                return _reason(_letter(one.rule))
    return None


def _leave(plan: Plan, column: Column, reason: str) -> None:
    """Leave a column out as one that identifies people."""
    plan.identifiers[column.key] = reason
    plan.reasons[column.key] = reason


def _letter(rule: str | None) -> str:
    return (rule or "").partition(":")[2]


def _reason(letter: str) -> str:
    rules = load_rules()
    if letter == "free_text":
        return "looks like free text"
    if letter == "C":
        return f"looks like dates of birth or dates in codes; {rules.birth_advice}"
    return f"looks like {rules.by_letter[letter].words}"
