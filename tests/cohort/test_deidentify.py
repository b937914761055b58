"""A de-identified folder holds the cohort's own tables under random codes, and nothing of the calendar."""

from __future__ import annotations

import json
import os
import shutil
import stat

import numpy as np
import pandas as pd
import pytest
from cohort.mapped import assert_same_tables, by_the_clock_on_the_wall, read_key_file

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.deidentify import deidentify
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import ConfigError

KINDS = ("safe-harbor", "limited-data-set", "parquet")


@pytest.fixture(scope="module")
def before(sample, tmp_path_factory):
    """The sample as if clocks never changed in New York."""
    return by_the_clock_on_the_wall(sample, tmp_path_factory.mktemp("wall") / "sample", "America/New_York")


@pytest.fixture(scope="module", params=KINDS)
def done(request, sample, tmp_path_factory):
    """The sample, de-identified; from Parquet tables too."""
    folder, source = tmp_path_factory.mktemp("done"), sample
    if request.param == "parquet":
        source = folder / "source"
        source.mkdir()
        shutil.copy(sample / "cohort.toml", source)
        for path in sample.glob("*.csv"):
            pd.read_csv(path, dtype=str, keep_default_na=False).to_parquet(source / f"{path.stem}.parquet")
    level = "limited-data-set" if request.param == "limited-data-set" else "safe-harbor"
    return request.param, deidentify(source, folder / "out", level=level)


@pytest.fixture(scope="module")
def written(sample, tmp_path_factory):
    return deidentify(sample, tmp_path_factory.mktemp("written") / "out")


def test_the_tables_are_those_of_the_source_under_the_codes(done, before):
    kind, result = done
    leave = ["hours_to_data_cut"] if kind == "limited-data-set" else ["month", "hours_to_data_cut"]
    after = load_cohort(result.folder)
    assert_same_tables(before, after, read_key_file(result.key), leave=leave)
    has_month = "month" in after.sessions.columns
    assert has_month == (kind == "limited-data-set")
    assert after.settings.deidentification == result.level
    assert after.settings.timezone is None


def test_what_is_written_passes_the_check_with_nothing_set_aside(done):
    found = check(done[1].folder)
    assert found.ok
    assert (found.counts["n_quarantined"] == 0).all()
    assert set(found.problems["severity"]) <= {"note"}


def test_rows_read_are_rows_written_and_rows_set_aside_by_rule(done, sample):
    counts = done[1].counts.set_index("table")
    for name, row in counts.iterrows():
        with open(sample / f"{name}.csv", encoding="utf-8") as file:
            assert row["n_read"] == sum(1 for _ in file) - 1
        assert row["n_read"] == row["n_kept"] + row["n_quarantined"]
        aside = done[1].quarantine
        assert aside.loc[aside["table"] == name, "n_rows"].sum() == row["n_quarantined"]
    written = check(done[1].folder).counts.set_index("table")
    assert written["n_read"].to_dict() == counts["n_kept"].to_dict()


def test_the_files_are_of_the_sources_kind_and_the_audit_holds_counts(done):
    kind, result = done
    endings = {path.suffix for path in result.folder.iterdir() if path.stem in ("patients", "scores")}
    assert endings == {".parquet" if kind == "parquet" else ".csv"}
    audit = json.loads((result.folder / "deidentification.json").read_text(encoding="utf-8"))
    assert (audit["level"], audit["patients"], audit["key"]) == (result.level, 240, "made")
    assert audit["tables"][0]["rows_read"] == 241
    unique = pd.read_csv(result.folder / "uniqueness.csv")
    assert unique["n_unique"].tolist() == result.uniqueness["n_unique"].tolist()


def test_no_original_id_and_no_date_is_in_any_file(done, before):
    blob = b"".join(path.read_bytes() for path in done[1].folder.iterdir())
    ids = before.patients["patient_id"].astype("str").tolist()
    assert not [one for one in ids if one.encode() in blob]
    assert b"clinic-1" not in blob
    if done[0] == "safe-harbor":
        assert not [year for year in (b"2025-", b"2026-") if year in blob]


def test_only_its_owner_reads_the_key_and_the_folder(done):
    result = done[1]
    assert stat.S_IMODE(result.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(result.folder.stat().st_mode) == 0o700
    assert result.key.parent == result.folder.parent
    assert sorted(os.listdir(result.folder.parent)) == sorted(
        ["out", "out-key.csv", *(["source"] if done[0] == "parquet" else [])]
    )


def test_codes_are_random_and_say_nothing_of_the_ids_or_their_order(written, sample, tmp_path):
    first = read_key_file(written.key).patients
    again = read_key_file(deidentify(sample, tmp_path / "out").key).patients
    files = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in sample.glob("*.csv")]
    # Patients, and whoever stands in another table alone.
    assert set(first) == set(again) == {one for file in files for one in file["patient_id"]}
    # Two draws of 241 out of ten million share 0.006 codes on average.
    assert len(set(first.values()) & set(again.values())) < 3
    for codes in (first, again):
        ids = sorted(codes)
        rank = np.argsort(np.argsort([codes[one] for one in ids]))
        # A correlation of ranks beyond 5 standard errors is no chance.
        assert abs(np.corrcoef(np.arange(len(ids)), rank)[0, 1]) < 5 / np.sqrt(len(ids))
        assert len(set(codes.values())) == len(codes)
        assert all(code.startswith("K") and code[1:].isdigit() for code in codes.values())
        assert not [1 for one, code in codes.items() if one in code]


def test_a_cohort_is_a_source_as_its_folder_is_and_clinics_may_go(before, tmp_path):
    result = deidentify(before, tmp_path / "out", clinics="drop")
    after = load_cohort(result.folder)
    key = read_key_file(result.key)
    assert_same_tables(before, after, key, leave=["month", "hours_to_data_cut", "clinic_id"])
    assert "clinic_id" not in after.patients
    assert key.clinics == {}


def test_a_cohort_whose_hours_tell_of_clock_changes_is_no_source(sample, tmp_path):
    with pytest.raises(ConfigError, match="give the folder"):
        deidentify(load_cohort(sample), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_was_set_aside_is_told_by_the_new_folder(done, sample):
    result = done[1]
    record = json.loads((result.folder / "import.json").read_text(encoding="utf-8"))
    assert record["unmapped"] == []
    aside = 0
    for one in record["sources"]:
        with open(sample / f"{one['source']}.csv", encoding="utf-8") as file:
            assert one["n_read"] == sum(1 for _ in file) - 1
        assert one["n_read"] == one["n_kept"] + one["n_quarantined"]
        assert one["n_unmapped"] == 0
        aside += one["n_quarantined"]
    assert aside > 0
    assert load_cohort(result.folder).sources["n_quarantined"].sum() == aside


def test_the_summary_says_what_was_done_and_no_value(written):
    result = written
    text = result.summary()
    assert text == repr(result)
    assert "quasi-identifier" in text
    assert f"Key made: {result.key}." in text
    key = read_key_file(result.key)
    assert not [one for one in (*key.patients, *key.patients.values(), *key.clinics) if one in text]
