"""What somebody who wants to know the patients looks for in a de-identified folder, and does not find."""

from __future__ import annotations

import csv
import json
import os
import time

import pandas as pd
import pytest

from ketaoutcomes.cohort.deidentify import deidentify
from ketaoutcomes.cohort.deidentify_recode import recode_ages
from ketaoutcomes.cohort.folder_write import replace_folder
from ketaoutcomes.errors import DataError

IDS = ["Jane Smith", "AB/1234", "MRN 55.201", "77-0045", "Li Wu", "P1005", "P1006", "P1007"]


def _csv(rows: dict[str, list[object]]) -> str:
    return pd.DataFrame(rows).to_csv(index=False)


def _source(clinic, settings="", ids=IDS, scores=None, sessions=None, **columns):
    patients = _csv({"patient_id": ids, **columns})
    sessions = _csv({"patient_id": ids, "hour": 0, "route": "IV", **(sessions or {})})
    return clinic(settings, patients=patients, sessions=sessions, scores=scores)


def _text(folder) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()))


def _column(folder, table, column):
    with open(folder / f"{table}.csv", encoding="utf-8", newline="") as file:
        return sorted(row[column] for row in csv.DictReader(file))


def test_an_id_of_several_words_is_found_in_other_cells_whatever_signs_are_between_them(clinic, tmp_path):
    cells = [
        "MDD",
        "MDD (AB/1234)",
        "as jane  SMITH",
        "mrn 55-201",
        "PTSD 77.0045",
        "MDD, Li Wu",
        "OCD",
        "Li",
    ]
    result = deidentify(_source(clinic, diagnosis=cells), tmp_path / "out")
    assert _column(result.folder, "patients", "diagnosis") == ["", "", "", "", "", "Li", "MDD", "OCD"]
    told = result.columns.query("column == 'diagnosis' and action == 'blanked'")
    assert told["n_cells"].sum() == 5


def test_a_clinics_name_is_in_no_other_cell_and_not_in_the_settings(clinic, tmp_path):
    source = _source(
        clinic,
        'name = "Riverside"\n',
        clinic_id=["Riverside", "clinic-1"] * 4,
        wing=["Riverside East", "", "", "other"] * 2,
        sessions={"setting": ["Riverside clinic room 2", "clinic-1", "room 2", "RIVERSIDE"] * 2},
    )
    result = deidentify(source, tmp_path / "out")
    assert "riverside" not in _text(result.folder).lower()
    # A plain code is no name.
    assert _column(result.folder, "sessions", "setting") == [""] * 4 + ["clinic-1"] * 2 + ["room 2"] * 2
    assert "name =" not in (result.folder / "cohort.toml").read_text(encoding="utf-8")


def test_words_for_side_effects_that_are_text_or_identify_are_dropped_and_counted(clinic, tmp_path):
    words = '"spacey", "the patient said she felt as if he was gone", "as Jane Smith", "a@b.example.org"'
    source = _source(clinic, f'[side_effect_names]\n"dissociation" = [{words}]\n')
    folder = deidentify(source, tmp_path / "out").folder
    settings = (folder / "cohort.toml").read_text(encoding="utf-8")
    assert '"dissociation" = ["spacey"]' in settings
    assert json.loads((folder / "deidentification.json").read_text())["side_effect_names_dropped"] == 3


def test_numbers_too_long_for_a_score_are_blanked_and_counted(clinic, tmp_path):
    numbers = [2125550187 + place for place in range(7)] + [12]
    scores = {"patient_id": IDS, "instrument": "chart", "hour": 1, "score": 12, "i1": numbers}
    result = deidentify(_source(clinic, scores=_csv(scores)), tmp_path / "out")
    assert "21255501" not in _text(result.folder)
    told = result.columns.query("table == 'scores' and action == 'blanked'")
    assert told[["column", "n_cells"]].values.tolist() == [["i1", 7]]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("(89, 95]", "90+"),
        ("[85,95)", "85+"),
        ("[80,90)", "[80,90)"),
        ("(79, 89]", "(79, 89]"),
        ("[90, inf)", "90+"),
        ("(84,90]", "85+"),
    ],
)
def test_intervals_of_ages_end_at_90(cell, expected):
    assert recode_ages(pd.Series([cell], dtype="str"), numeric=False)[0].tolist() == [expected]


@pytest.mark.parametrize("name", ["idade", "alder", "ålder", "eta_anni", "Alter"])
def test_ages_are_known_in_other_languages(clinic, tmp_path, name):
    result = deidentify(_source(clinic, **{name: [93, 91, *[50] * 6]}), tmp_path / "out")
    told = result.columns.query("reason == 'ages above 89'")
    assert told["n_cells"].tolist() == [2]


@pytest.mark.parametrize(
    "cells",
    [
        [54321 + 37 * place for place in range(8)],
        [f"X{543 + 7 * place}0" for place in range(8)],
        ["10245", "", "", "", "", "", "", "10246"],
    ],
)
def test_a_column_of_everybodys_own_numbers_or_codes_is_dropped_however_few_they_are(clinic, tmp_path, cells):
    result = deidentify(_source(clinic, thing=cells), tmp_path / "out")
    assert result.columns.query("column == 'thing'")["action"].tolist() == ["dropped"]
    shared = _source(clinic, thing=[12345, 12345, 54321, 54321] * 2, dose=["a1", "b2", "c3", "d4"] * 2)
    kept = deidentify(shared, tmp_path / "next").columns
    assert kept.query("column in ('thing', 'dose')")["action"].tolist() == ["kept", "kept"]


@pytest.mark.parametrize("sign", ["-", "85 ", "1", "a ", "(", "1,"])
def test_a_very_long_cell_takes_no_longer_than_a_short_one(sign):
    start = time.perf_counter()
    recode_ages(pd.Series(["85" + sign * 60_000, sign * 60_000], dtype="str"), numeric=False)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("names", [["sessions.csv"], ["sessions.parquet"], ["deidentification.json"]])
def test_the_key_is_not_put_into_a_folder_that_holds_a_cohort_or_an_output(clinic, tmp_path, names):
    other = tmp_path / "other"
    other.mkdir()
    for name in names:
        (other / name).write_text("x")
    with pytest.raises(DataError, match="holds a cohort or an output"):
        deidentify(_source(clinic), tmp_path / "out", key=other / "key.csv")
    assert sorted(os.listdir(other)) == names
    with pytest.raises(DataError, match="holds a cohort or an output"):
        deidentify(_source(clinic), other / "out")


def test_the_summary_tells_the_keys_path_as_it_was_given(clinic, tmp_path, monkeypatch):
    source = _source(clinic)
    monkeypatch.chdir(tmp_path)
    assert "Key made: out-key.csv." in deidentify(source, "out").summary()
    os.mkdir("keys")
    assert "Key made: keys/k.csv." in deidentify(source, "two", key="keys/k.csv").summary()


def test_folders_of_others_with_names_like_ours_are_left_alone(tmp_path):
    theirs = [".out.new", ".out.old", ".out.ketaoutcomes-1.old", ".out.lock"]
    for name in theirs[:3]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("mine")
    (tmp_path / theirs[3]).write_text("mine")
    for content in (b"first", b"second"):
        replace_folder(
            tmp_path / "out", {"a": content}, is_own=lambda folder: (folder / "a").exists(), what="x"
        )
    assert (tmp_path / "out" / "a").read_bytes() == b"second"
    assert sorted(os.listdir(tmp_path)) == sorted([*theirs, "out"])
    assert {(tmp_path / name / "thesis.txt").read_text() for name in theirs[:3]} == {"mine"}


def test_what_a_killed_run_left_beside_is_put_back_or_cleared(tmp_path):
    (tmp_path / ".out.ketaoutcomes-0123456789abcdef.old").mkdir()
    (tmp_path / ".out.ketaoutcomes-0123456789abcdef.old" / "a").write_bytes(b"first")
    (tmp_path / ".out.ketaoutcomes-fedcba9876543210.new").mkdir()
    with pytest.raises(FileExistsError, match="holds other files"):
        replace_folder(tmp_path / "out", {"b": b""}, is_own=lambda folder: False, what="x")
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out" / "a").read_bytes() == b"first"
