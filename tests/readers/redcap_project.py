# ruff: noqa: E501
"""A small REDCap project, its export and data dictionary, and the changes that make tricky ones of it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

Change = Callable[["Project"], None]

IDS = ("QX7701", "QX7702")
# Five rows of each of two patients: who they are, two sessions, two assessments.
EXPORT = """\
record_id,redcap_repeat_instrument,redcap_repeat_instance,sex,age,demographics_complete,inf_date,inf_route,inf_mgkg,se___1,se___2,se____1,session_complete,phq9_date,phq9_total,phq9_note,phq9_complete
QX7701,,,2,34,2,,,,,,,,,,,
QX7701,session,1,,,,2026-02-02 09:00,1,0.5,1,0,0,2,,,,
QX7701,session,2,,,,2026-02-05 09:00,1,0.5,0,0,1,2,,,,
QX7701,phq9,1,,,,,,,,,,,2026-02-01 10:00,20,,2
QX7701,phq9,2,,,,,,,,,,,2026-02-09 10:00,9,,2
QX7702,,,1,45,2,,,,,,,,,,,
QX7702,session,1,,,,2026-02-03 09:00,1,0.5,1,1,0,2,,,,
QX7702,session,2,,,,2026-02-06 09:00,2,0.6,0,0,0,2,,,,
QX7702,phq9,1,,,,,,,,,,,2026-02-02 10:00,18,,2
QX7702,phq9,2,,,,,,,,,,,2026-02-10 10:00,12,,2"""

DICTIONARY = """\
Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"Choices, Calculations, OR Slider Labels",Field Note,Text Validation Type OR Show Slider Number,Text Validation Min,Text Validation Max,Identifier?
record_id,demographics,,text,Record ID,,,,,,
sex,demographics,,radio,Sex,"1, Male | 2, Female",,,,,
age,demographics,,text,Age,,,integer,,,
inf_date,session,,text,Date,,,datetime_mdy,,,
inf_route,session,,radio,<b>Route</b>,"1, IV | 2, IM",,,,,
inf_mgkg,session,,text,Dose (mg/kg),,,number,,,
se,session,,checkbox,Side effects,"1, Nausea | 2, Headache, mild | -1, None",,,,,
phq9_date,phq9,,text,Date,,,datetime_mdy,,,
phq9_total,phq9,,text,Total,,,integer,,,
phq9_note,phq9,,notes,Notes,,,,,,"""

MAPPING = {
    "cohort": {"deidentification": "limited-data-set", "timezone": "America/New_York"},
    "patient": {"id": "record_id"},
    "rows": [
        {
            "table": "patients",
            "when": {"redcap_repeat_instrument": ""},
            "columns": {"sex": "sex", "age": "age"},
            "values": {"sex": {"1": "male", "2": "female"}},
        },
        {
            "table": "sessions",
            "when": {"redcap_repeat_instrument": "session"},
            "columns": {
                "start": "inf_date",
                "session": "redcap_repeat_instance",
                "route": "inf_route",
                "dose_mg_per_kg": "inf_mgkg",
            },
            "values": {"route": {"1": "IV", "2": "IM"}},
        },
        {
            "table": "side_effects",
            "when": {"redcap_repeat_instrument": "session"},
            "columns": {"session": "redcap_repeat_instance"},
            "checkboxes": {"se___1": "nausea", "se___2": "headache", "se____1": "none"},
        },
        {
            "table": "scores",
            "when": {"redcap_repeat_instrument": "phq9"},
            "columns": {"taken": "phq9_date", "score": "phq9_total"},
            "constants": {"instrument": "PHQ-9"},
        },
    ],
}
SPECIAL = {
    "redcap_event_name": "Event Name",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
}
LABELS = {
    "record_id": "Record ID",
    "sex": "Sex",
    "age": "Age",
    "inf_date": "Date",
    "inf_route": "Route",
    "inf_mgkg": "Dose (mg/kg)",
    "se___1": "Side effects (choice=Nausea)",
    "se___2": "Side effects (choice=Headache, mild)",
    "se____1": "Side effects (choice=None)",
    "phq9_date": "Date",
    "phq9_total": "Total",
    "phq9_note": "Notes",
    **SPECIAL,
}
WORDS = {
    "sex": {"1": "Male", "2": "Female"},
    "inf_route": {"1": "IV", "2": "IM"},
    "redcap_repeat_instrument": {"session": "Session", "phq9": "PHQ-9"},
    **{name: {"1": "Checked", "0": "Unchecked"} for name in ("se___1", "se___2", "se____1")},
    **{name: {"2": "Complete"} for name in ("demographics_complete", "session_complete", "phq9_complete")},
}


@dataclass
class Project:
    """What will be written: cells, bytes that take their place, and how they are written."""

    cells: list[list[str]]
    dictionary: list[list[str]] | None
    mapping: object
    timezone: str | None = None
    encoding: str = "utf-8"
    separator: str = ","
    newline: str = "\n"
    name: str = "export.csv"
    raw: bytes | None = None
    raw_dictionary: bytes | None = None
    afterwards: list[Callable[[Path], None]] = field(default_factory=list)

    def place(self, column: str) -> int:
        """Where a column stands."""
        return self.cells[0].index(column)


def good() -> Project:
    """The good project, read without its dictionary."""
    return Project(_split(EXPORT), None, deepcopy(MAPPING))


def _split(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def write(project: Project, folder: Path) -> tuple[Path, Path | None, object]:
    """Write a project; returns its export, its dictionary and its mapping."""
    folder.mkdir(parents=True)
    export, dictionary = folder / project.name, None
    data = project.raw
    if data is None:
        data = _text(project.cells, project.separator, project.newline).encode(project.encoding)
    export.write_bytes(data)
    if project.dictionary is not None or project.raw_dictionary is not None:
        dictionary = folder / "dictionary.csv"
        text = "" if project.dictionary is None else _text(project.dictionary, ",", "\n")
        dictionary.write_bytes(project.raw_dictionary or text.encode())
    for act in project.afterwards:
        act(folder)
    mapping = project.mapping
    return export, dictionary, folder / mapping if isinstance(mapping, str) else mapping


def _text(rows: list[list[str]], separator: str, newline: str) -> str:
    def quoted(cell: str) -> str:
        plain = not any(sign in cell for sign in (separator, '"', "\n", "\r"))
        return cell if plain else '"' + cell.replace('"', '""') + '"'

    return newline.join(separator.join(map(quoted, row)) for row in rows) + newline


def style(**values: object) -> Change:
    """How the export is written: encoding, separator, newline, name, raw bytes."""

    def change(project: Project) -> None:
        for name, value in values.items():
            setattr(project, name, value)

    return change


def cell(row: int, column: str, value: str) -> Change:
    """One cell; rows are counted as in the file, the header being row 1."""

    def change(project: Project) -> None:
        project.cells[row - 1][project.place(column)] = value

    return change


def header(old: str, new: str) -> Change:
    """A column's name."""

    def change(project: Project) -> None:
        project.cells[0][project.place(old)] = new

    return change


def column(name: str, cells: str | list[str] = "", at: int | None = None) -> Change:
    """A further column; one cell for all rows, or one each."""

    def change(project: Project) -> None:
        filled = [cells] * (len(project.cells) - 1) if isinstance(cells, str) else cells
        place = len(project.cells[0]) if at is None else at
        for row, one in zip(project.cells, [name, *filled], strict=True):
            row.insert(place, one)

    return change


def without(*names: str) -> Change:
    """Without some columns."""

    def change(project: Project) -> None:
        places = [project.place(name) for name in names]
        project.cells = [
            [one for place, one in enumerate(row) if place not in places] for row in project.cells
        ]

    return change


def row(text: str, at: int | None = None) -> Change:
    """A further row, written as in the file."""

    def change(project: Project) -> None:
        project.cells.insert(len(project.cells) if at is None else at - 1, text.split(","))

    return change


def dictionary(text: str = DICTIONARY) -> Change:
    """The project's data dictionary."""

    def change(project: Project) -> None:
        project.dictionary = _split(text)

    return change


def entry(name: str, place: int, value: str) -> Change:
    """One cell of the dictionary, by field and place of the column."""

    def change(project: Project) -> None:
        next(row for row in project.dictionary if row[0] == name)[place] = value

    return change


def labels(*, headers: bool = True, cells: bool = True) -> Change:
    """The export with labels in place of names and codes."""

    def change(project: Project) -> None:
        names = list(project.cells[0])
        if headers:
            project.cells[0] = [
                LABELS.get(name, "Complete?" if name.endswith("_complete") else name) for name in names
            ]
        if cells:
            for row in project.cells[1:]:
                row[:] = [WORDS.get(name, {}).get(one, one) for name, one in zip(names, row, strict=True)]

    return change


def block(number: int, **changes: object) -> Change:
    """Other keys of one block of the mapping; a dict is added to the one that is there."""

    def change(project: Project) -> None:
        for key, value in changes.items():
            old = project.mapping["rows"][number].get(key)
            both = isinstance(old, dict) and isinstance(value, dict)
            project.mapping["rows"][number][key] = old | value if both else value

    return change


def top(**changes: object) -> Change:
    """Other top keys of the mapping; a dict is added to the one that is there."""

    def change(project: Project) -> None:
        for key, value in changes.items():
            old = project.mapping.get(key)
            project.mapping[key] = old | value if isinstance(old, dict) else value

    return change


def act(action: Callable[[Path], None]) -> Change:
    """Something that is done in the folder at the end."""

    def change(project: Project) -> None:
        project.afterwards.append(action)

    return change
