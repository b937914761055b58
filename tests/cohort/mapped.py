"""A cohort's tables under the codes of a key file, to hold what was written against what was read."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from ketaoutcomes.cohort.read import load_cohort

PAIR = ("patient", "clinic")
# Columns that say where in the calendar a patient was.
CALENDAR = ["month", "hours_to_data_cut"]
DATES = {"sessions": "start", "scores": "taken", "disposition": "when"}


@dataclass(frozen=True)
class KeyFile:
    """The rows of a key file, read by the standard library alone."""

    patients: dict[str, str]
    clinics: dict[str, str]
    shifts: dict[str, int]


def read_key_file(path: Path) -> KeyFile:
    """Return the codes by original."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["kind", "original", "code", "shift_days"]
    of = {kind: {row["original"]: row["code"] for row in rows if row["kind"] == kind} for kind in PAIR}
    shifts = {row["original"]: int(row["shift_days"]) for row in rows if row["shift_days"]}
    return KeyFile(of["patient"], of["clinic"], shifts)


def under_codes(frame: pd.DataFrame, key: KeyFile) -> pd.DataFrame:
    """Return a cohort's table with codes for ids, by code, patients' own order kept."""
    out = frame.copy()
    out["patient_id"] = out["patient_id"].astype("str").map(key.patients).astype("str")
    if "clinic_id" in out:
        out["clinic_id"] = out["clinic_id"].map(key.clinics).astype("str")
    return out.sort_values("patient_id", kind="stable").reset_index(drop=True)


def by_the_clock_on_the_wall(source: Path, copy: Path, zone: str):
    """Return the cohort of a folder whose local times are read as if clocks never changed.

    A copy of the folder says UTC, and lacks the times that a change of clocks skips or repeats.
    """
    shutil.copytree(source, copy)
    settings = copy / "cohort.toml"
    text = settings.read_text(encoding="utf-8")
    assert f'timezone = "{zone}"' in text
    settings.write_text(text.replace(zone, "UTC"), encoding="utf-8")
    for name, column in DATES.items():
        path = copy / f"{name}.csv"
        if path.exists():
            with open(path, encoding="utf-8", newline="") as file:
                header, *rows = list(csv.reader(file))
            place = header.index(column)
            rows = [row for row in rows if not _is_odd(row[place], ZoneInfo(zone))]
            with open(path, "w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return load_cohort(copy)


def _is_odd(cell: str, zone: ZoneInfo) -> bool:
    """A clock time that is on no clock, or on one twice: its two readings differ in their offset."""
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return False
    readings = {moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    return len(cell) > 10 and len(readings) > 1


def assert_same_tables(before, after, key: KeyFile, *, leave=CALENDAR, skip=()) -> None:
    """Every table of `after` is that of `before` under the key, to the last column and cell."""
    assert before.present == after.present
    for name in before.tables:
        if name in skip:
            continue
        expected = under_codes(before.tables[name], key).drop(columns=list(leave), errors="ignore")
        found = after.tables[name].drop(columns=list(leave), errors="ignore")
        pd.testing.assert_frame_equal(
            _in_words(found), _in_words(expected), check_exact=True, check_like=True
        )


def _in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as text: rows that were set aside may have left some without a row."""
    kinds = {name: "str" for name in frame.columns if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    return frame.astype(kinds)
