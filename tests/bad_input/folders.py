"""A small good folder, and the changes that make bad ones of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

Change = Callable[["Folder"], None]

# Ids that no message may repeat: nothing else in the package is spelled so.
PATIENTS = """\
patient_id,sex,age,diagnosis,clinic_id,cardiac_condition
QX7701,female,34,MDD,clinic-1,no
QX7702,male,45,MDD,clinic-1,no
QX7703,female,52,PTSD,clinic-2,yes
QX7704,male,61,MDD,clinic-2,no"""

SESSIONS = """\
patient_id,hour,session,route,dose_mg_per_kg,duration_minutes,stopped_early
QX7701,0,1,IV,0.5,40,no
QX7701,72,2,IV,0.5,40,no
QX7702,0,1,IV,0.5,40,no
QX7702,96,2,IV,0.6,45,no
QX7703,0,1,IM,0.8,60,no
QX7704,0,1,IM,0.8,60,yes"""

SCORES = """\
patient_id,instrument,hour,score,timing
QX7701,PHQ-9,-24,20,pre
QX7701,PHQ-9,168,9,remote
QX7701,GAD-7,-24,15,pre
QX7702,PHQ-9,-24,18,pre
QX7702,PHQ-9,168,12,remote
QX7703,PHQ-9,-24,22,pre
QX7704,MADRS,-24,30,pre
QX7704,MADRS,168,14,remote"""

SIDE_EFFECTS = """\
patient_id,session,effect,severity,serious,onset_minutes,duration_minutes,ascertainment
QX7701,1,nausea,mild,no,20,30,checklist
QX7701,2,none,,no,,,checklist
QX7702,1,dizziness,moderate,no,10,60,checklist
QX7703,1,nausea,mild,no,15,20,checklist"""

VITALS = """\
patient_id,session,minute,sbp,dbp,heart_rate,spo2
QX7701,1,0,120,80,70,98
QX7701,1,40,138,88,82,97
QX7702,1,0,125,82,74,99
QX7703,1,0,118,76,68,98"""

DISPOSITION = """\
patient_id,day,status,reason
QX7701,30,completed,
QX7702,20,stopped,cost
QX7703,5,lost to follow-up,moved away"""

GOOD = {
    "patients": PATIENTS,
    "sessions": SESSIONS,
    "scores": SCORES,
    "side_effects": SIDE_EFFECTS,
    "vitals": VITALS,
    "disposition": DISPOSITION,
}
IDS = ("QX7701", "QX7702", "QX7703", "QX7704")


@dataclass
class Folder:
    """What will be written: tables as rows of cells, other files as bytes, and what is done at the end."""

    tables: dict[str, list[list[str]]]
    newline: str = "\n"
    separator: str = ","
    files: dict[str, bytes] = field(default_factory=dict)
    afterwards: list[Callable[[Path], None]] = field(default_factory=list)

    def text(self, table: str) -> str:
        """The table as it will stand in its file."""
        return self.newline.join(self.separator.join(row) for row in self.tables[table]) + self.newline


def good() -> Folder:
    """The good folder."""
    return Folder(
        {name: [line.split(",") for line in text.split("\n")] for name, text in deepcopy(GOOD).items()}
    )


def write(folder: Folder, path: Path) -> Path:
    """Write the folder to disk and return where it is."""
    path.mkdir()
    for table in folder.tables:
        (path / f"{table}.csv").write_bytes(folder.text(table).encode("utf-8"))
    for name, content in folder.files.items():
        (path / name).write_bytes(content)
    for act in folder.afterwards:
        act(path)
    return path


def cell(table: str, row: int, column: str, value: str) -> Change:
    """One cell; rows are numbered as in the file, the header being row 1."""

    def change(folder: Folder) -> None:
        folder.tables[table][row - 1][folder.tables[table][0].index(column)] = value

    return change


def column(table: str, name: str, values: list[str]) -> Change:
    """A column replaced or added; the values are repeated to fill it."""

    def change(folder: Folder) -> None:
        header, *rows = folder.tables[table]
        filled = [values[number % len(values)] for number in range(len(rows))]
        if name in header:
            for row, value in zip(rows, filled, strict=True):
                row[header.index(name)] = value
        else:
            header.append(name)
            for row, value in zip(rows, filled, strict=True):
                row.append(value)

    return change


def without_column(table: str, name: str) -> Change:
    """A column removed."""

    def change(folder: Folder) -> None:
        place = folder.tables[table][0].index(name)
        for row in folder.tables[table]:
            del row[place]

    return change


def header(table: str, old: str, new: str) -> Change:
    """A column renamed."""

    def change(folder: Folder) -> None:
        first = folder.tables[table][0]
        first[first.index(old)] = new

    return change


def row(table: str, line: str, at: int | None = None) -> Change:
    """A row put in, at the end or as the given row of the file."""

    def change(folder: Folder) -> None:
        folder.tables[table].insert(len(folder.tables[table]) if at is None else at - 1, line.split(","))

    return change


def without_rows(table: str, *numbers: int) -> Change:
    """Rows removed; all but the header when none is given."""

    def change(folder: Folder) -> None:
        rows = folder.tables[table]
        drop = set(numbers) or set(range(2, len(rows) + 1))
        folder.tables[table] = [cells for number, cells in enumerate(rows, 1) if number not in drop]

    return change


def without(*tables: str) -> Change:
    """Tables removed."""

    def change(folder: Folder) -> None:
        for table in tables:
            del folder.tables[table]

    return change


def file(name: str, content: bytes) -> Change:
    """A file of any name; one that is named as a table's file takes its place."""

    def change(folder: Folder) -> None:
        folder.files[name] = content

    return change


def recoded(table: str, change_bytes: Callable[[str], bytes]) -> Change:
    """A table's file written by a function of its text."""

    def change(folder: Folder) -> None:
        folder.files[f"{table}.csv"] = change_bytes(folder.text(table))

    return change


def toml(text: str) -> Change:
    """The folder's cohort.toml."""
    return file("cohort.toml", text.encode("utf-8"))


def style(separator: str = ",", newline: str = "\n") -> Change:
    """Another separator or line end throughout."""

    def change(folder: Folder) -> None:
        folder.separator, folder.newline = separator, newline

    return change


def act(function: Callable[[Path], None]) -> Change:
    """Something done to the folder once it is written."""
    return lambda folder: folder.afterwards.append(function)
