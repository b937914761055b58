"""Where the folder and its key may stand, and that a run that fails leaves everything as it was."""

from __future__ import annotations

import os
import stat

import pytest
from cohort.mapped import read_key_file

from ketaoutcomes.cohort import deidentify_files
from ketaoutcomes.cohort.deidentify import deidentify
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.errors import ConfigError, DataError

HEADER = '"kind","original","code","shift_days"\n'


@pytest.fixture
def source(clinic):
    return clinic()


def _listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_source_that_cannot_be_read_is_one_error_and_nothing_is_written(clinic, tmp_path):
    folder = clinic(sessions=None, scores=b"\xff\xfe\x00")
    with pytest.raises(DataError) as error:
        deidentify(folder, tmp_path / "out")
    assert {problem.rule for problem in error.value.problems} == {"missing_table", "not_text"}
    with pytest.raises(DataError, match="no such folder"):
        deidentify(tmp_path / "nowhere", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("clinic/out", "lie in one another"),
        ("clinic", "exists and is not an earlier output"),
        ("", "exists and is not an earlier output"),
        ("missing/out", "does not exist; make it first"),
    ],
)
def test_a_place_in_or_around_the_source_or_nowhere_is_refused(source, tmp_path, place, words):
    before = _listing(tmp_path)
    with pytest.raises(DataError, match=words):
        deidentify(source, tmp_path / place)
    assert _listing(tmp_path) == before


def test_a_folder_of_other_things_is_never_replaced(source, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(DataError, match="not an earlier output"):
        deidentify(source, out)
    out.rmdir()
    deidentify(source, out)
    (out / "thesis.txt").write_text("mine")
    before = _contents(out)
    with pytest.raises(DataError, match="not an earlier output"):
        deidentify(source, out)
    assert _contents(out) == before
    (out / "thesis.txt").unlink()
    deidentify(source, out)


def test_links_are_refused(source, tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "out")
    with pytest.raises(DataError, match="out is a link"):
        deidentify(source, tmp_path / "out")
    os.symlink(source, tmp_path / "source")
    with pytest.raises(DataError, match="the source is a link"):
        deidentify(tmp_path / "source", tmp_path / "other")
    (tmp_path / "key.csv").write_text(HEADER)
    os.chmod(tmp_path / "key.csv", 0o600)
    os.symlink(tmp_path / "key.csv", tmp_path / "link.csv")
    with pytest.raises(DataError, match="the key is a link"):
        deidentify(source, tmp_path / "other", key=tmp_path / "link.csv")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("place", ["clinic/key.csv", "out/key.csv", "out", "nowhere/key.csv"])
def test_a_key_inside_what_is_passed_on_is_refused(source, tmp_path, place):
    before = _listing(tmp_path)
    with pytest.raises(DataError, match="key"):
        deidentify(source, tmp_path / "out", key=tmp_path / place)
    assert _listing(tmp_path) == before


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666, 0o700])
def test_a_key_that_others_can_read_is_refused(source, tmp_path, mode):
    key = deidentify(source, tmp_path / "out").key
    os.chmod(key, mode)
    before = key.read_bytes()
    with pytest.raises(DataError, match="chmod 600"):
        deidentify(source, tmp_path / "next", key=key)
    assert key.read_bytes() == before
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "patient_id,code\nA1,K0000001\n",
        HEADER + '"patient","A1","A1",""\n',
        HEADER + '"patient","A1","K1234567",""\n"patient","A2","K1234567",""\n',
        HEADER + '"patient","A1","K1234567",""\n"patient","A1","K1234568",""\n',
        HEADER + '"patient","A1","K1234567","8"\n',
        HEADER + '"patient","A1","K1234567","371"\n',
        HEADER + '"clinic","north","K1234567",""\n',
        HEADER + '"patient","A1","K1234567\n',
        "\xff",
    ],
)
def test_a_file_that_is_no_key_is_refused_and_stays(source, tmp_path, content):
    key = tmp_path / "key.csv"
    key.write_bytes(content.encode("latin-1"))
    os.chmod(key, 0o600)
    with pytest.raises(DataError, match="key file") as error:
        deidentify(source, tmp_path / "out", key=key)
    assert "A1" not in str(error.value)
    assert "K1234567" not in str(error.value)
    assert key.read_bytes() == content.encode("latin-1")
    assert not (tmp_path / "out").exists()


def test_a_key_is_used_again_extended_and_left_alone_where_nobody_is_new(clinic, tmp_path):
    patients = "patient_id,clinic_id\nA1,North\nA2,south\n"
    first = deidentify(clinic(patients=patients), tmp_path / "may")
    codes = read_key_file(first.key)
    assert set(codes.patients) == {"A1", "A2"}
    sessions = "patient_id,hour,route\nA1,0,IV\nA2,0,IV\nB3,0,IV\nX9,0,IV\n"
    patients += "B3,north\n"
    source = clinic(patients=patients, sessions=sessions)
    second = deidentify(source, tmp_path / "june", key=first.key)
    extended = read_key_file(first.key)
    assert second.key_state == "extended"
    assert {one: extended.patients[one] for one in codes.patients} == codes.patients
    # X9 is no patient and has a code all the same, so that it keeps it when the table of patients has it.
    assert set(extended.patients) == {"A1", "A2", "B3", "X9"}
    # Clinics that differ in case alone are one when tables are read.
    assert extended.clinics == codes.clinics
    of = load_cohort(second.folder).patients.set_index("patient_id")["clinic_id"].to_dict()
    assert of[extended.patients["B3"]] == of[extended.patients["A1"]] == codes.clinics["North"]
    content = first.key.read_bytes()
    assert deidentify(source, tmp_path / "june", key=first.key).key_state == "used"
    assert first.key.read_bytes() == content
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["rename", "fsync"])
def test_an_interrupted_run_leaves_nothing_behind(source, tmp_path, monkeypatch, call, error):
    before = _listing(tmp_path)

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises((DataError, KeyboardInterrupt)):
        deidentify(source, tmp_path / "out")
    assert _listing(tmp_path) == before


def test_an_interrupted_run_leaves_an_earlier_folder_and_key_as_they_were(clinic, tmp_path, monkeypatch):
    result = deidentify(clinic(), tmp_path / "out")
    before, key = _contents(result.folder), result.key.read_bytes()
    patients = "patient_id\nA1\nA2\nA3\n"

    def fail(*args, **kwargs):
        raise DataError("the disk is full")

    source = clinic(patients=patients)
    monkeypatch.setattr("ketaoutcomes.cohort.deidentify.place", fail)
    with pytest.raises(DataError, match="disk is full"):
        deidentify(source, tmp_path / "out")
    assert (_contents(result.folder), result.key.read_bytes()) == (before, key)
    assert stat.S_IMODE(result.key.stat().st_mode) == 0o600
    monkeypatch.undo()
    assert "A3" in read_key_file(deidentify(source, tmp_path / "out").key).patients


def test_what_does_not_pass_its_own_check_is_removed(source, tmp_path, monkeypatch):
    before = _listing(tmp_path)
    real = deidentify_files.settings_text
    monkeypatch.setattr(
        deidentify_files, "settings_text", lambda values, **head: real({**values, "decimal": ","}, **head)
    )
    with pytest.raises(DataError, match="do not pass their own check, so nothing was written"):
        deidentify(source, tmp_path / "out")
    assert _listing(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": "none"}, "level must be one of"),
        ({"dates": "years"}, "dates must be one of"),
        ({"clinics": "keep"}, "clinics must be one of"),
        ({"min_group": 0}, "min_group must be"),
        ({"day_step": 0.5}, "day_step must be"),
    ],
)
def test_options_that_are_none_are_refused(source, tmp_path, options, words):
    before = _listing(tmp_path)
    with pytest.raises(ConfigError, match=words):
        deidentify(source, tmp_path / "out", **options)
    assert _listing(tmp_path) == before
