"""A mapping suggested from an export's headers, and from what kind its cells are.

The rules, in the order in which they decide:

1. What identifies people stays outside: by the name of the column, by what REDCap's
   data dictionary says of it, and at last by the cells of what was placed.
2. The patient's code is the column of that name (patient_id, record_id and the other
   names), the same in all sheets; else a first column of codes that come back in
   several rows; else none, which the text says. In REDCap it is the first column.
3. A form of REDCap takes the rows in which one of its fields has a cell.
4. A name that begins with an instrument is its score, item, date, timing or mode, at
   the time that the name tells (d14, week4, 24h). A time of which the name tells no day
   (baseline, visit 3) is not guessed: its block is written out and commented out.
   A time in a name counts from the first session only where a patient has one row.
   Where phq9_1, phq9_2 and so on to most of the items stand together, the numbers are
   items; a number that stands alone is not placed, for it may be a week or a minute.
5. Other names mean the columns of the cohort's tables that have them or one of their
   other names. A row is one of a session, a score, a side effect, a reading, a patient
   or a disposition by what else stands beside it. A quantity without its unit is not
   placed, nor a name that may mean several columns or that several columns have.
6. Columns of yes and no, and ticked boxes, that are called as a known side effect are
   one.
   A vital sign with a number in its name is a reading at that minute, unless the
   numbers are 1, 2, 3, which count readings.
7. Further columns of a table of patients or sessions stay under their own names.
8. Dates that are not YYYY-MM-DD get a `date_format` only where the cells leave one.
   With any date the cohort is a limited data set.

Cells are looked at to tell kinds apart. None is written down, save words of the
library's own lists of routes, timings, severities, yes and no, where they are keys
of recodes; codes and labels of choices come from the data dictionary.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.errors import DataError
from ketaoutcomes.readers.redcap_dictionary import Dictionary
from ketaoutcomes.readers.redcap_headers import SPECIAL
from ketaoutcomes.readers.suggest_cells import MOSTLY, Cells
from ketaoutcomes.readers.suggest_columns import Column, Group, shown_name
from ketaoutcomes.readers.suggest_facts import facts_of
from ketaoutcomes.readers.suggest_patient import SAME, patient_column, same_in_all_rows, told_of_patient
from ketaoutcomes.readers.suggest_plan import Draft, Plan
from ketaoutcomes.readers.suggest_reading import read_group
from ketaoutcomes.readers.suggest_redcap import dictionary_of, redcap_columns, redcap_groups
from ketaoutcomes.readers.suggest_scores import agree_on_clock, place_scores
from ketaoutcomes.readers.suggest_screen import hold_to_cells, id_problem, screen_names
from ketaoutcomes.readers.suggest_tables import place_tables, start_of
from ketaoutcomes.readers.suggest_times import Found
from ketaoutcomes.readers.suggest_toml import write_toml

__all__ = ["Suggestion", "suggest"]

MOST_TOLD = 12
NEEDED = "# needed: "
NOTE = "# Note: "
KINDS = ("spreadsheet", "redcap")


@dataclass(frozen=True)
class Suggestion:
    """A suggested mapping, to be read and corrected.

    Parameters
    ----------
    toml : str
        Text of a mapping file, with comments.
    mapping : dict
        The same as `tomllib` reads it.
    placed : DataFrame
        sheet, column, target; the sheet is "" where there is one table only.
    not_placed : DataFrame
        sheet, column, n_filled (filled cells), reason. Every column is in one of the two.
    """

    toml: str
    mapping: dict
    placed: pd.DataFrame
    not_placed: pd.DataFrame

    def summary(self) -> str:
        """Return what was placed, what was not, and what to do next."""
        blocks: dict[str, int] = {}
        for block in self.mapping.get("rows", []):
            blocks[block["table"]] = blocks.get(block["table"], 0) + 1
        tables = ", ".join(f"{name} ({n} {'block' if n == 1 else 'blocks'})" for name, n in blocks.items())
        n_columns = len(self.placed) + len(self.not_placed)
        lines = [f"{len(self.placed)} of {n_columns} columns are placed: {tables or 'none'}."]
        if "id" not in self.mapping.get("patient", {}):
            lines.append("No column is known to be the patient's code: write its name as id under [patient].")
        told = self.toml.splitlines()
        lines += [line.removeprefix("# ") for line in told if line.startswith(NOTE)]
        if len(self.not_placed):
            lines.append("Not placed:")
        for row in self.not_placed.head(MOST_TOLD).itertuples(index=False):
            lines.append(f"  {row.sheet + ': ' if row.sheet else ''}{row.column}: {row.reason}")
        if len(self.not_placed) > MOST_TOLD:
            lines.append(f"  and {len(self.not_placed) - MOST_TOLD} more, listed at the end of the mapping")
        wanted = [line for line in told if line.startswith("# ") and "  # needed" in line]
        lines += [f"To be completed: {line[2:].partition('  # ')[0]}" for line in wanted]
        asked = [line for line in told if line.startswith(NEEDED)]
        lines += [f"To be completed: {line.removeprefix(NEEDED)}" for line in asked]
        lines.append("Next: save the mapping, read it, correct it, and import with --mapping.")
        return "\n".join(lines)


def suggest(
    sheets: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    kind: str = "spreadsheet",
    dictionary: pd.DataFrame | Dictionary | None = None,
    timezone: str | None = None,
    notes: Iterable[str] = (),
) -> Suggestion:
    """Return a mapping suggested from headers and from what kind the cells are.

    Parameters
    ----------
    sheets : DataFrame or mapping of str to DataFrame
        Text under unique names: one table, or several by name of the sheet.
    kind : {"spreadsheet", "redcap"}
    dictionary : DataFrame or Dictionary, optional
        REDCap's data dictionary: field_name, form_name, field_type, field_label, choices,
        validation, identifier.
    timezone : str, optional
        IANA zone of the clock times.
    notes : iterable of str
        What the reader of the mapping should know of the file.

    Returns
    -------
    Suggestion

    Raises
    ------
    DataError
        If a REDCap export is given as several tables.
    """
    frames = _frames(sheets, kind)
    known = dictionary_of(dictionary)
    redcap = kind == "redcap"
    columns = [
        column
        for name, frame in frames.items()
        for column in (redcap_columns(frame, known) if redcap else _columns(name, frame))
    ]
    plan = Plan(columns)
    if not redcap:
        plan.refuse(same_in_all_rows(columns), SAME)
    patient = _redcap_patient(columns, known) if redcap else patient_column(frames, columns)
    patient, of_patient = _without_people(patient, frames, plan)
    screen_names(columns, plan, patient, reserved=SPECIAL if redcap else ())
    if redcap:
        groups = redcap_groups(frames[None], columns, patient or columns[0]) if columns else []
    else:
        groups = _sheets(frames, columns, plan, patient)
    _place(groups, plan)
    hold_to_cells(plan, frames, patient)
    sessions = [draft for draft in plan.live if draft.table == "sessions"]
    agree_on_clock(plan, dated_sessions=any("start" in draft.columns for draft in sessions))
    if redcap:
        plan.refuse([one for one in columns if one.name in SPECIAL], "REDCap's own column")
        plan.refuse([one for one in columns if one.name.endswith("_complete")], "the status of a form")
    if patient is None:
        plan.refuse(columns, "no column is known to be the patient's code")
        for draft in plan.live:
            draft.lacking = "the patient's code"
    placed, left = plan.tables(patient)
    facts = facts_of(plan, frames, timezone) | {"notes": list(notes), "patient_note": of_patient}
    text = write_toml(plan, None if patient is None else patient.name, facts, left)
    return Suggestion(text, tomllib.loads(text), placed, left)


def _frames(sheets: pd.DataFrame | Mapping[str, pd.DataFrame], kind: str) -> dict[str | None, pd.DataFrame]:
    """Return the tables by sheet, None where there is one table only."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    frames = {None: sheets} if isinstance(sheets, pd.DataFrame) else dict(sheets)
    if kind == "redcap" and None not in frames:
        if len(frames) != 1:
            raise DataError("a REDCap export is one table, and these are several; give that one")
        frames = {None: next(iter(frames.values()))}
    return {name: frame.set_axis(list(map(str, frame.columns)), axis=1) for name, frame in frames.items()}


def _without_people(
    patient: Column | None, frames: Mapping[str | None, pd.DataFrame], plan: Plan
) -> tuple[Column | None, list[str]]:
    """Return the column of the patient's code, unless its cells identify people, and what to tell of it."""
    problem = None if patient is None else id_problem(patient, frames[patient.sheet])
    if patient is None or problem is None:
        return patient, [] if patient is None else told_of_patient(patient)
    reason = f"the patient's code, which {problem}; use codes of your own that say nothing of the person"
    plan.refuse([patient], reason)
    plan.identifiers[patient.key] = reason
    return None, ["the column of the patient's code identifies people; see below"]


def _columns(sheet: str | None, frame: pd.DataFrame) -> list[Column]:
    return [
        Column(sheet, name, number, Cells.of(frame.iloc[:, number - 1]))
        for number, name in enumerate(frame.columns, 1)
    ]


def _redcap_patient(columns: list[Column], dictionary: Dictionary | None) -> Column | None:
    own = "" if dictionary is None else dictionary.record_id
    found = [column for column in columns if column.name == own] or columns[:1]
    return found[0] if found and found[0].nameable and found[0].name not in SPECIAL else None


def _sheets(
    frames: Mapping[str | None, pd.DataFrame], columns: list[Column], plan: Plan, patient: Column | None
) -> list[Group]:
    """Return the sheets that hold the patient's code, and tell of the others."""
    out = []
    for number, (name, frame) in enumerate(frames.items(), 1):
        own = [column for column in columns if column.sheet == name]
        if name is not None and shown_name(name, number, "sheet") != name:
            plan.refuse(own, "the name of the sheet is none that a mapping may hold; rename the sheet")
        elif patient is not None and patient.name not in frame.columns:
            plan.refuse(
                own,
                f"its sheet has no column {patient.name}; call the patient's code alike in all sheets",
            )
        else:
            rest = tuple(column for column in own if patient is None or column.name != patient.name)
            out.append(Group(name or "", name, rest, frame, None if patient is None else patient.name))
    return out


def _place(groups: list[Group], plan: Plan) -> None:
    """Add the blocks of all groups, those of sessions first: other forms may stand in their rows."""
    readings = [read_group(group, plan) for group in groups]
    readings.sort(key=lambda reading: reading.main != "sessions")
    start, shared = Found.of(), None
    for reading in readings:
        own = start_of(reading, plan)
        beside = shared is not None and not own and _same_rows(reading.group, shared)
        draft = place_tables(reading, plan, own, shared if beside else None)
        place_scores(reading, plan, own or (start if beside else Found.of()))
        if draft is not None and not draft.lacking and shared is None:
            start, shared = own, draft
        plan.refuse(
            [column for column in reading.dates if plan.is_open(column)],
            "a date or time that no table has a place for",
        )


def _same_rows(group: Group, sessions: Draft) -> bool:
    """Whether the rows of a form are those of the sessions' form, as where each session is an event."""
    columns = sessions.columns.get("start", ())
    if not columns or group.alone or not group.special or group.frame.empty:
        return False
    return float(group.filled(columns).mean()) >= MOSTLY
