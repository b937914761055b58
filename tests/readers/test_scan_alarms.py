"""What the scan says of files without identifiers: every alarm is listed here with its argument."""

from __future__ import annotations

import pytest

from ketaoutcomes.cohort.notebook_scan import scan_notebook
from ketaoutcomes.readers.scan import scan_file

DATE = "a date of the trial or of a patient's course: right, safe-harbor allows none"
CODE = "the code of a patient or of a stay: right, an import maps it to patient_id or leaves it out"
# (column, class): argument. Right unless it says "accepted".
ALARMS = {
    "adam_adae.csv": {
        ("USUBJID", "R"): CODE,
        **dict.fromkeys([("TRTSDT", "C"), ("TRTEDT", "C"), ("ASTDT", "C"), ("AENDT", "C")], DATE),
    },
    "adam_adsl.csv": {
        ("SUBJID", "R"): CODE,
        ("USUBJID", "R"): CODE,
        **dict.fromkeys(
            [
                (name, "C")
                for name in ("TRTSDT", "TRTEDT", "DISONSDT", "VISIT1DT", "RFSTDTC", "RFENDTC", "RFENDT")
            ],
            DATE,
        ),
    },
    "adam_adtte.csv": {
        ("USUBJID", "R"): CODE,
        **dict.fromkeys([("TRTSDT", "C"), ("TRTEDT", "C"), ("STARTDT", "C"), ("ADT", "C")], DATE),
    },
    "sdtm_ae.csv": {
        ("USUBJID", "R"): CODE,
        **dict.fromkeys([("AEDTC", "C"), ("AESTDTC", "C"), ("AEENDTC", "C")], DATE),
    },
    "sdtm_dm.csv": {
        ("SUBJID", "R"): CODE,
        ("USUBJID", "R"): CODE,
        ("RFICDTC", "C"): "an empty column named as a date: right by its name",
        **dict.fromkeys(
            [
                (name, "C")
                for name in ("RFSTDTC", "RFENDTC", "RFXSTDTC", "RFXENDTC", "RFPENDTC", "DTHDTC", "DMDTC")
            ],
            DATE,
        ),
    },
    "sdtm_ds.csv": {
        ("USUBJID", "R"): CODE,
        ("DSTERM", "free_text"): "reported terms as written, some of them sentences: right",
        **dict.fromkeys([("DSDTC", "C"), ("DSSTDTC", "C")], DATE),
    },
    "sdtm_ex.csv": {
        ("USUBJID", "R"): CODE,
        **dict.fromkeys([("EXSTDTC", "C"), ("EXENDTC", "C")], DATE),
    },
    "sdtm_qs_adas_cibic_nptot.csv": {("USUBJID", "R"): CODE, ("QSDTC", "C"): DATE},
    "sdtm_vs.csv": {("USUBJID", "R"): CODE, ("VSDTC", "C"): DATE},
    "participants.tsv": {("participant_id", "R"): CODE},
    "phenotype.tsv": {("participant_id", "R"): CODE},
    "cabg.csv": {
        ("date", "C"): DATE,
        ("age", "C"): "two ages over 90: right, they are written 90",
    },
    "cdi.csv": {
        ("month", "C"): "months of counts, written as dates: accepted, no cell tells a count from a person",
        ("notes", "free_text"): "a column of notes: right by its name",
    },
    "gtt.csv": {
        ("admission_id", "R"): CODE,
        ("admission_dte", "C"): DATE,
        ("discharge_dte", "C"): DATE,
        ("month", "C"): "month of a stay, written as a date: right",
    },
    "hospital_infections.csv": {
        ("month", "C"): "months of counts, written as dates: accepted, as above",
    },
}
# Columns of the sample that hold dates: it is a limited data set.
SAMPLE_DATES = {"disposition": "when", "scores": "taken", "sessions": "start"}


def _alarms(result) -> set[tuple]:
    found = result.problems[result.problems["severity"] != "note"]
    return {
        (column if isinstance(column, str) else None, rule.removeprefix("identifier:"))
        for column, rule in zip(found["column"], found["rule"], strict=True)
    }


def test_every_alarm_on_the_open_data_sets_is_listed_with_its_argument(shared):
    files = [path for path in (shared / "data").rglob("*") if path.suffix.lower() in (".csv", ".tsv")]
    assert len(files) >= 28
    found = {path.name: _alarms(scan_file(path)) for path in files}
    assert {name: alarms for name, alarms in found.items() if alarms} == {
        name: set(listed) for name, listed in ALARMS.items()
    }


def test_in_a_limited_data_set_only_codes_ages_and_notes_are_left(shared):
    files = [path for path in (shared / "data").rglob("*") if path.name in ALARMS]
    for path in files:
        expected = {key for key in ALARMS[path.name] if key[1] != "C" or key == ("age", "C")}
        assert _alarms(scan_file(path, level="limited-data-set")) == expected, path.name


@pytest.mark.parametrize("table", ["patients", "sessions", "scores", "side_effects", "vitals", "disposition"])
def test_the_sample_has_no_alarm_at_its_own_level_and_its_dates_alone_at_safe_harbor(sample, table):
    path = sample / f"{table}.csv"
    assert scan_file(path, level="limited-data-set").ok
    expected = {(SAMPLE_DATES[table], "C")} if table in SAMPLE_DATES else set()
    assert _alarms(scan_file(path)) == expected


def test_the_notebooks_of_the_project_raise_no_alarm_and_no_note(root):
    paths = sorted((root / "notebooks").glob("*.ipynb"))
    assert len(paths) >= 6
    for path in paths:
        result = scan_notebook(path)
        assert result.problems.empty, result.summary()
        assert result.exit_code == 0
