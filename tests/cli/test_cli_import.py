"""`import`, `deidentify` and `check FILE`: what a person types, reads and gets."""

from __future__ import annotations

import json

import pytest

from ketaoutcomes.cli import main
from ketaoutcomes.cohort.read import load_cohort

EXPORT = """\
pid,date,route,phq9_total,nausea,name
A1,2026-01-05,IV,20,Y,Zqxcanary One
A1,2026-01-08,IV,11,N,Zqxcanary One
B2,2026-01-06,IM,28,N,Zqxcanary Two
"""
MAPPING = """\
[cohort]
deidentification = "limited-data-set"
[patient]
id = "pid"
[[rows]]
table = "sessions"
columns = { start = "date", route = "route" }
[[rows]]
table = "scores"
columns = { taken = "date", score = "phq9_total" }
constants = { instrument = "PHQ-9" }
[[rows]]
table = "side_effects"
checkboxes = { nausea = "nausea" }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "export.csv").write_text(EXPORT)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out = capsys.readouterr()
    return code, out.out, out.err


def test_an_import_says_what_became_of_every_row_and_writes_a_folder(folder, capsys):
    code, out, _ = ran(capsys, "import", "export.csv", "--mapping", "mapping.toml", "--out", "clinic")
    assert code == 0
    assert "export.csv: 3 rows read = 3 kept + 0 set aside + 0 not mapped" in out
    assert "columns left out: name" in out
    assert "rows set aside: 1 of scores" in out
    assert "Zqxcanary" not in out
    cohort = load_cohort(folder / "clinic")
    assert (cohort.n_patients, len(cohort.sessions), len(cohort.scores)) == (2, 3, 2)
    assert cohort.sources.iloc[0].tolist() == ["export.csv", 3, 3, 0, 0]
    assert b"Zqxcanary" not in b"".join(path.read_bytes() for path in (folder / "clinic").iterdir())


def test_a_second_import_says_what_it_replaces_and_which_settings_go(folder, capsys):
    words = ("import", "export.csv", "--mapping", "mapping.toml", "--out", "clinic")
    ran(capsys, *words)
    settings = folder / "clinic" / "cohort.toml"
    settings.write_text(settings.read_text() + 'name = "North"\n')
    code, out, _ = ran(capsys, *words)
    assert code == 0
    assert "replaces an earlier import there, of 3 rows" in out
    assert "said otherwise of name" in out


def test_nothing_is_written_of_an_export_that_cannot_be_loaded(folder, capsys):
    words = ("import", "export.csv", "--mapping", "mapping.toml", "--out", "clinic")
    ran(capsys, *words)
    before = {path.name: path.read_bytes() for path in (folder / "clinic").iterdir()}
    (folder / "mapping.toml").write_text(MAPPING.replace("limited-data-set", "safe-harbor"))
    code, out, _ = ran(capsys, *words)
    assert code == 11
    assert "Nothing was written:" in out
    assert "placed" in out
    assert {path.name: path.read_bytes() for path in (folder / "clinic").iterdir()} == before


def test_a_folder_of_other_files_is_left_alone(folder, capsys):
    (folder / "clinic").mkdir()
    (folder / "clinic" / "thesis.txt").write_text("mine")
    code, _, err = ran(capsys, "import", "export.csv", "--mapping", "mapping.toml", "--out", "clinic")
    assert code == 5
    assert "holds other files" in err
    assert [path.name for path in (folder / "clinic").iterdir()] == ["thesis.txt"]


def test_a_suggested_mapping_is_printed_or_written_and_never_over_another(folder, capsys):
    code, out, err = ran(capsys, "import", "--suggest", "export.csv")
    assert code == 0
    assert out.startswith("#")
    assert "[patient]" in out
    assert "placed" in err
    code, _, err = ran(capsys, "import", "--suggest", "export.csv", "--out", "mapping.toml")
    assert code == 2
    assert "is there already" in err
    assert (folder / "mapping.toml").read_text() == MAPPING
    code, out, _ = ran(capsys, "import", "--suggest", "export.csv", "--out", "new.toml")
    assert code == 0
    assert "Next: ketaoutcomes import export.csv --mapping new.toml --out clinic" in out
    assert "Zqxcanary" not in (folder / "new.toml").read_text() + out


def test_options_of_another_format_are_refused(folder, capsys):
    (folder / "bundle.json").write_text("{}")
    code, _, err = ran(capsys, "import", "bundle.json", "--mapping", "mapping.toml")
    assert code == 2
    assert "--mapping is not for fhir" in err
    code, _, err = ran(capsys, "import", "export.csv", "--mapping", "nowhere.toml")
    assert code == 5


def test_json_of_an_import_holds_the_counts(folder, capsys):
    code, out, _ = ran(
        capsys, "import", "export.csv", "--mapping", "mapping.toml", "--out", "clinic", "--json"
    )
    content = json.loads(out)
    assert code == 0
    assert content["sources"][0]["n_read"] == 3
    assert content["tables"]["sessions"] == 3
    assert content["problems"] == []


def test_deidentify_writes_a_folder_that_can_be_loaded_and_a_key_beside_it(folder, capsys):
    ran(capsys, "import", "export.csv", "--mapping", "mapping.toml", "--out", "clinic")
    code, out, _ = ran(capsys, "deidentify", "clinic", "--out", "shared")
    assert code == 0
    assert "shared-key.csv" in out
    shared = load_cohort(folder / "shared")
    assert shared.settings.deidentification == "safe-harbor"
    assert not set(shared.patients["patient_id"]) & {"A1", "B2"}
    code, _, err = ran(capsys, "deidentify", "clinic", "--out", "clinic/inside")
    assert code == 10
    assert "lie in one another" in err


def test_check_of_a_file_tells_what_identifies_people_and_of_a_clean_notebook_nothing(folder, capsys):
    code, out, _ = ran(capsys, "check", "export.csv")
    assert code == 11
    assert "name" in out
    assert "Zqxcanary" not in out
    cell = {"cell_type": "code", "source": ["import ketaoutcomes as ko\n"], "metadata": {}, "outputs": []}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "clean.ipynb").write_text(json.dumps(notebook))
    code, out, _ = ran(capsys, "check", "clean.ipynb")
    assert code == 0
    cell["source"] = ["frame[frame.email == 'jane@clinic.example.org']\n"]
    (folder / "named.ipynb").write_text(json.dumps(notebook))
    code, out, _ = ran(capsys, "check", "named.ipynb", "--json")
    assert code == 11
    assert "jane@" not in out
    assert json.loads(out)["ok"] is False


@pytest.mark.parametrize("layout", ["redcap", "fhir"])
def test_a_simulated_export_never_overwrites_a_file(folder, capsys, layout):
    (folder / "mine").mkdir()
    name = {"redcap": "export.csv", "fhir": "bundle.json"}[layout]
    (folder / "mine" / name).write_text("mine")
    code, _, _ = ran(capsys, "simulate", "mine", "--layout", layout, "--patients", "4")
    assert code in (5, 10)
    assert (folder / "mine" / name).read_text() == "mine"
