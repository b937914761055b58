"""Random codes in place of an export's own ids, kept in a key that only its owner reads."""

from __future__ import annotations

import csv
import stat

import pytest

from ketaoutcomes.cli import main
from ketaoutcomes.errors import DataError, PrivacyError
from ketaoutcomes.readers.spreadsheet import read_spreadsheet

NUMBERS = [f"00{number}" for number in range(8842130, 8842142)]
MAPPING = {
    "cohort": {"deidentification": "limited-data-set"},
    "patient": {"id": "mrn"},
    "rows": [{"table": "sessions", "columns": {"start": "date", "route": "route"}}],
}
TOML = """\
[cohort]
deidentification = "limited-data-set"
[patient]
id = "mrn"
[[rows]]
table = "sessions"
columns = { start = "date", route = "route" }
"""


@pytest.fixture
def export(tmp_path):
    """Twelve patients under their record numbers, two sessions each."""
    lines = [f"{number},2024-01-{day:02d},IV" for number in NUMBERS for day in (3, 10)]
    path = tmp_path / "export.csv"
    path.write_text("\n".join(["mrn,date,route", *lines]) + "\n")
    return path


def codes_of(key) -> dict[str, str]:
    with open(key, newline="") as file:
        return {row["original"]: row["code"] for row in csv.DictReader(file)}


def test_record_numbers_are_refused_as_ids_unless_new_codes_are_made(export, tmp_path):
    with pytest.raises(PrivacyError, match="--key"):
        read_spreadsheet(export, MAPPING)
    key = tmp_path / "key.csv"
    cohort = read_spreadsheet(export, MAPPING, key=key)
    codes = codes_of(key)
    assert sorted(codes) == NUMBERS
    assert sorted(codes.values()) == cohort.patients["patient_id"].astype(str).tolist()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert (cohort.sessions.groupby("patient_id", observed=True).size() == 2).all()


def test_the_same_patient_has_the_same_code_next_month_and_a_new_one_a_new_code(export, tmp_path):
    key = tmp_path / "key.csv"
    read_spreadsheet(export, MAPPING, key=key)
    before = codes_of(key)
    export.write_text(export.read_text() + "009999991,2024-02-01,IM\n")
    assert read_spreadsheet(export, MAPPING, key=key).n_patients == 13
    after = codes_of(key)
    assert {one: after[one] for one in before} == before
    assert len(set(after.values())) == 13


def test_nothing_is_kept_of_an_import_that_is_refused(export, tmp_path):
    export.write_text("mrn,date,route\n1,03/04/2024,IV\n")
    with pytest.raises(DataError):
        read_spreadsheet(export, MAPPING, key=tmp_path / "key.csv")
    assert not (tmp_path / "key.csv").exists()


def test_the_command_writes_tables_without_a_record_number_and_refuses_an_open_key(export, tmp_path, capsys):
    (tmp_path / "m.toml").write_text(TOML)
    key, out = tmp_path / "key.csv", tmp_path / "clinic"
    command = ["import", str(export), "--mapping", str(tmp_path / "m.toml"), "--out", str(out)]
    assert main(command) == 11
    assert not out.exists()
    assert main([*command, "--key", str(key)]) == 0
    written = b"".join(path.read_bytes() for path in out.iterdir()).decode()
    assert not [number for number in NUMBERS if number in written + capsys.readouterr().out]
    key.chmod(0o644)
    assert main([*command, "--key", str(key)]) == 10
    assert "chmod 600" in capsys.readouterr().err
