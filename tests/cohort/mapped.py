"""A cohort's tables under the codes of a key file, to hold what was written against what was read."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

PAIR = ("patient", "clinic")
# Columns that say where in the calendar a patient was.
CALENDAR = ["month", "hours_to_data_cut"]


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
