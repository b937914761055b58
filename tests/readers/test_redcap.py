"""The sample clinic laid out as a REDCap project and read back is the sample clinic."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest
from readers.redcap_round_trip import mapping, rows, write_labelled

from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.readers.export import to_cohort
from ketaoutcomes.readers.layout_redcap import write_redcap
from ketaoutcomes.readers.redcap import read_redcap, redcap_export, redcap_table
from ketaoutcomes.readers.suggest import suggest


@pytest.fixture(scope="module")
def project(sample, tmp_path_factory):
    """The sample clinic as a REDCap export and its data dictionary."""
    return write_redcap(sample, tmp_path_factory.mktemp("redcap") / "project")


@pytest.fixture(scope="module")
def folder(sample):
    """The sample clinic, read from its folder."""
    return load_cohort(sample)


@pytest.fixture(scope="module")
def settings(sample) -> dict:
    """How the sample clinic's files are to be read."""
    return tomllib.loads((sample / "cohort.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def chosen(project, settings) -> dict:
    """The mapping, with the sample clinic's own settings."""
    return mapping(project / "dictionary.csv") | {"cohort": settings}


@pytest.fixture(scope="module")
def back(project, chosen):
    """The sample clinic, read back from the export."""
    return to_cohort(redcap_export(project / "export.csv", project / "dictionary.csv", chosen))


def test_every_table_comes_back_as_it_was(folder, back):
    assert set(back.tables) == set(folder.tables)
    for name, table in folder.tables.items():
        pd.testing.assert_frame_equal(back.tables[name], table)


def test_the_same_rows_are_set_aside_for_what_is_in_their_cells(folder, back):
    found = back.quarantine.set_index(["table", "rule"])["n_rows"].to_dict()
    expected = folder.quarantine.set_index(["table", "rule"])["n_rows"].to_dict()
    # The sample holds one patient's row twice; a reader unites the rows of a patient and sets none aside.
    assert expected.pop(("patients", "duplicate_copy")) == 1
    assert found == expected


def test_the_same_cells_are_set_to_missing(folder, back):
    keys = ["table", "column", "rule"]
    cells = [made.blanked.set_index(keys)["n_cells"].to_dict() for made in (back, folder)]
    assert cells[0] == cells[1]


def test_every_row_of_the_export_is_accounted_for(project, back):
    source = back.sources.iloc[0]
    assert source["n_read"] == len(rows(project / "export.csv"))
    assert source["n_read"] == source["n_kept"] + source["n_quarantined"] + source["n_unmapped"]
    assert source["n_unmapped"] == 0


def test_an_export_with_labels_reads_as_the_raw_one(project, chosen, back, tmp_path):
    labelled = write_labelled(project / "export.csv", project / "dictionary.csv", tmp_path / "labels.csv")
    found = redcap_export(labelled, project / "dictionary.csv", chosen)
    cohort = to_cohort(found)
    assert cohort.fingerprint == back.fingerprint
    # "Date" stands on 12 forms and "Complete?" on 15: all of them are told apart by the dictionary's order.
    assert not [note for note in found.notes if note.rule in ("label_unsure", "columns_united")]


def test_an_export_read_without_its_dictionary_is_the_same(project, chosen, back):
    assert read_redcap(project / "export.csv", None, chosen).fingerprint == back.fingerprint


def test_what_a_mapping_does_not_name_stays_outside_and_is_counted(project, chosen):
    fewer = chosen | {
        "rows": [block for block in chosen["rows"] if block["table"] in ("patients", "sessions")]
    }
    cohort = read_redcap(project / "export.csv", None, fewer)
    source = cohort.sources.iloc[0]
    lines = rows(project / "export.csv")
    base = sum(row["redcap_repeat_instrument"] == "" for row in lines)
    sessions = sum(row["redcap_repeat_instrument"] == "session" for row in lines)
    # One patient has a disposition and no demographics, so that nothing is made of that row.
    empty = sum(row["redcap_repeat_instrument"] == row["demographics_complete"] == "" for row in lines)
    assert source["n_unmapped"] == len(lines) - base - sessions + empty
    assert len(cohort.tables["scores"]) == 0
    unmapped = cohort.unmapped.set_index("column")["n_filled"]
    assert unmapped["vitals_sbp"] == sum(row["vitals_sbp"] != "" for row in lines)


@pytest.fixture(scope="module")
def suggested(project):
    """The mapping that headers and dictionary suggest."""
    table = redcap_table(project / "export.csv", project / "dictionary.csv")
    return suggest(
        table.frame, kind="redcap", dictionary=table.dictionary, timezone="America/New_York"
    ).mapping


def test_the_suggested_mapping_gives_every_table_as_it_was(project, suggested, settings, folder):
    # The suggestion cannot know that the clinic lists its patients, nor the day of the export.
    known = suggested | {"cohort": settings, "patient": suggested["patient"] | {"only_listed": True}}
    cohort = read_redcap(project / "export.csv", project / "dictionary.csv", known)
    for name, table in folder.tables.items():
        pd.testing.assert_frame_equal(cohort.tables[name], table)
    found = cohort.quarantine.set_index(["table", "rule"])["n_rows"].to_dict()
    expected = folder.quarantine.set_index(["table", "rule"])["n_rows"].to_dict()
    # One patient's row stands twice and is united; the assessment without an instrument stays unmapped.
    assert expected.pop(("patients", "duplicate_copy")) == 1
    assert expected.pop(("scores", "missing_required")) == 1
    assert found == expected
    assert cohort.sources["n_unmapped"].tolist() == [1]


def test_without_a_mapping_the_suggested_one_is_used_and_told(project, suggested):
    files = project / "export.csv", project / "dictionary.csv"
    found, named = redcap_export(*files, timezone="America/New_York"), redcap_export(*files, suggested)
    assert set(found.tables) == set(named.tables)
    for name, table in named.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table)
    assert [note.rule for note in found.notes if note.rule == "suggested_mapping"] == ["suggested_mapping"]
    assert not [note for note in named.notes if note.rule == "suggested_mapping"]


def test_the_layout_writes_frames_as_it_writes_a_folder(sample, project, tmp_path):
    frames = {}
    for path in sample.glob("*.csv"):
        frames[path.stem] = pd.read_csv(path, dtype="str", keep_default_na=False)
    again = write_redcap(frames, tmp_path / "again")
    for name in ("export.csv", "dictionary.csv"):
        assert (again / name).read_bytes() == (project / name).read_bytes()


def test_the_layout_is_not_written_over_other_files(sample, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="holds other files"):
        write_redcap(sample, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_every_patients_table_row_is_one_row_of_the_export(sample, project):
    lines = rows(project / "export.csv")
    forms = {"session": "sessions", "side_effect": "side_effects", "vitals": "vitals"}
    for form, table in forms.items():
        n = sum(row["redcap_repeat_instrument"] == form for row in lines)
        assert n == len(rows(sample / f"{table}.csv"))
    named = sum(row["demographics_complete"] == "2" for row in lines)
    assert named == len(rows(sample / "patients.csv"))
    others = {"", "session", "side_effect", "vitals"}
    scores = sum(row["redcap_repeat_instrument"] not in others for row in lines)
    assert scores == len(rows(sample / "scores.csv"))
