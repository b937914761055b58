"""A cohort's folder written as FHIR reads back to the same tables, row by row."""

from __future__ import annotations

import csv
import json
import re
import tomllib

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.errors import DataError
from ketaoutcomes.readers.export import account
from ketaoutcomes.readers.fhir import fhir_export, read_fhir
from ketaoutcomes.readers.layout_fhir import write_fhir

TABLES = ("patients", "sessions", "scores", "side_effects", "vitals", "disposition")


@pytest.fixture(scope="module")
def settings(sample) -> dict:
    return tomllib.loads((sample / "cohort.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def loaded(sample):
    return load_cohort(sample)


@pytest.fixture(scope="module", params=["sample.json", "sample.ndjson"])
def written(request, sample, settings, tmp_path_factory):
    """The sample as a Bundle and as lines: the file, and what became of it."""
    path = write_fhir(sample, tmp_path_factory.mktemp("fhir") / request.param)
    return path, account(fhir_export(path, settings=settings))


def resources(path) -> list[dict]:
    if path.suffix == ".json":
        return [entry["resource"] for entry in json.loads(path.read_text("utf-8"))["entry"]]
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("table", TABLES)
def test_the_sample_comes_back_table_by_table(table, written, loaded):
    assert_frame_equal(written[1].cohort.tables[table], loaded.tables[table])


def test_rows_that_the_cohort_sets_aside_come_back_too(written, loaded):
    def rules(cohort) -> set:
        return {(row.table, row.rule, row.n_rows) for row in cohort.quarantine.itertuples()}

    # The patient who stands twice in the file is one patient in FHIR, and no second row.
    assert rules(loaded) - rules(written[1].cohort) == {("patients", "duplicate_copy", 1)}
    assert rules(written[1].cohort) <= rules(loaded)
    columns = ["table", "column", "rule", "n_cells"]
    assert_frame_equal(written[1].cohort.blanked[columns], loaded.blanked[columns])


def test_every_row_of_the_folder_is_a_resource_and_every_resource_is_accounted_for(written, sample):
    path, accounts = written
    found = resources(path)
    n_rows = 0
    for table in TABLES:
        with (sample / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        n_rows += len(rows) + sum(1 for row in rows if row.get("diagnosis"))
    assert len(found) == n_rows
    sources = accounts.sources
    assert sources["n_read"].sum() == n_rows
    assert (sources["n_read"] == sources["n_kept"] + sources["n_quarantined"] + sources["n_unmapped"]).all()


def test_ids_of_resources_are_unique_and_clock_times_have_their_offset(written):
    found = resources(written[0])
    assert len({(one["resourceType"], one["id"]) for one in found}) == len(found)
    clocked = [
        text
        for one in found
        for text in (
            one.get("authored"),
            one.get("effectiveDateTime"),
            *(one.get("effectivePeriod") or {}).values(),
        )
        if text and "T" in text
    ]
    assert len(clocked) > 10_000
    assert all(re.search(r"[+-]\d\d:\d\d$", text) for text in clocked)


def test_offsets_are_those_of_the_clinics_time_zone_and_day(written):
    found = [one for one in resources(written[0]) if one["resourceType"] == "MedicationAdministration"]
    assert found[0]["effectiveDateTime"] == "2025-05-21T15:37:00-04:00"  # summer: four hours behind UTC
    # The second session: 30 May 2025, 13:03 in New York, for 50 minutes.
    assert found[1]["effectivePeriod"] == {
        "start": "2025-05-30T13:03:00-04:00",
        "end": "2025-05-30T13:53:00-04:00",
    }


def small(**tables) -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame(rows, dtype="str") for name, rows in tables.items()}


NEW_YORK = {"deidentification": "limited-data-set", "timezone": "America/New_York"}


def both(tables: dict[str, pd.DataFrame], settings: dict, folder):
    """The cohort of tables, and of the same tables after a way through FHIR."""
    path = write_fhir(tables, folder / "out.json", settings=settings)
    return assemble(tables, settings), read_fhir(path, settings=settings), path


def test_times_that_clocks_skipped_or_repeated_keep_their_text(tmp_path):
    start = ["2026-03-08 02:30", "2026-11-01 01:30", "2026-11-02 09:00", "2026-01-05", "2026-02"]
    tables = small(
        patients={"patient_id": [f"P{number}" for number in range(5)]},
        sessions={"patient_id": [f"P{number}" for number in range(5)], "start": start, "route": ["IV"] * 5},
    )
    direct, back, path = both(tables, NEW_YORK, tmp_path)
    assert_frame_equal(back.sessions, direct.sessions)
    rules = dict(zip(back.quarantine["rule"], back.quarantine["n_rows"], strict=True))
    assert rules["time_skipped"] == rules["time_twice"] == rules["partial_date"] == 1
    texts = [one.get("effectiveDateTime") for one in resources(path) if "P" not in one["id"]]
    assert texts == [None, None, "2026-11-02T09:00:00-05:00", "2026-01-05", "2026-02"]


def test_odd_codes_words_and_copies_come_back(tmp_path):
    tables = small(
        patients={
            "patient_id": ["007", "A_1", "007"],
            "sex": ["Female", "other", "Female"],
            "diagnosis": ["NA", "<b>&\"'", "NA"],
            "height": ["1.80", "0050", "1.80"],
        },
        sessions={
            "patient_id": ["007", "A_1", "A_1"],
            "start": ["2026-01-05 09:00", "2026-01-05 9:00", "2026-01-05 9:00"],
            "route": ["Ketalar", "IV", "IV"],
            "dose_mg": ["50.0", "5e1", "5e1"],
            "duration_minutes": ["40.5", "-3", "-3"],
        },
        scores={
            "patient_id": ["007", "A_1", "007"],
            "instrument": ["phq 9", "My own", "MADRS"],
            "taken": ["2026-01-04", "2026-01-04 08:00:30", "2026-01-04"],
            "score": ["ten", "07", "30"],
            "i1": [None, None, "3"],
        },
    )
    direct, back, _ = both(tables, NEW_YORK, tmp_path)
    for table in ("sessions", "scores"):
        assert_frame_equal(back.tables[table], direct.tables[table])
    assert_frame_equal(back.patients, direct.patients, check_categorical=False)


def test_hours_in_place_of_dates_come_back(tmp_path):
    tables = small(
        patients={"patient_id": ["P1"]},
        sessions={"patient_id": ["P1", "P1"], "hour": ["0", "72.5"], "route": ["IM", "IM"]},
        scores={"patient_id": ["P1"], "instrument": ["GAD-7"], "hour": ["-24"], "score": ["11"]},
    )
    direct, back, _ = both(tables, {"deidentification": "safe-harbor"}, tmp_path)
    assert back.scores["hour"].tolist() == direct.scores["hour"].tolist() == [-24.0]
    assert_frame_equal(back.sessions, direct.sessions)


def test_days_that_are_written_as_midnights_stay_days(tmp_path):
    tables = small(
        patients={"patient_id": ["P1"]},
        sessions={
            "patient_id": ["P1"] * 2,
            "start": ["2026-01-05 00:00", "2026-01-08 00:00"],
            "route": ["IV"] * 2,
        },
    )
    direct, back, _ = both(tables, NEW_YORK, tmp_path)
    assert not back.sessions["clock_known"].any()
    assert_frame_equal(back.sessions, direct.sessions)


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "out.json").write_text("mine")
    with pytest.raises(DataError, match="there already"):
        write_fhir(small(patients={"patient_id": ["P1"]}), tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == "mine"


def test_rows_that_do_not_fit_their_header_are_not_lost_in_writing(tmp_path):
    (tmp_path / "patients.csv").write_text("patient_id,sex\nP1,female\nP2,male,extra\n")
    (tmp_path / "sessions.csv").write_text("patient_id,hour,route\nP1,0,IV\n")
    with pytest.raises(DataError, match="1 row"):
        write_fhir(tmp_path, tmp_path / "out.json")
