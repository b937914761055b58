"""The committed sample: same bytes, small, and loadable."""

from pathlib import Path

import pytest

from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.cohort.simulate import write_sample

FILES = {
    "cohort.toml",
    "patients.csv",
    "sessions.csv",
    "scores.csv",
    "side_effects.csv",
    "vitals.csv",
    "disposition.csv",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_sample_is_written_with_the_committed_bytes(sample, written, name):
    assert (written / name).read_bytes() == (sample / name).read_bytes()


def test_the_sample_holds_the_tables_and_the_settings_only(sample):
    assert {path.name for path in sample.iterdir()} == FILES
    assert sum(path.stat().st_size for path in sample.iterdir()) < 4_000_000


def test_the_sample_is_240_patients_in_4_clinics_over_18_months(sample):
    cohort = load_cohort(sample)
    assert cohort.n_patients == 240
    assert cohort.patients["clinic_id"].nunique() == 4
    assert cohort.patients["diagnosis"].nunique() == 5
    starts = cohort.sessions.loc[cohort.sessions["session"] == 1, "month"]
    assert (starts.min(), starts.max(), starts.nunique()) == ("2025-04", "2026-09", 18)
    assert cohort.settings.synthetic
    assert cohort.present == {"patients", "sessions", "scores", "side_effects", "vitals", "disposition"}


def test_the_sample_has_an_instrument_with_a_recall_of_hours(sample):
    cohort = load_cohort(sample)
    mood = cohort.scores[cohort.scores["instrument"] == "Mood-NRS"]
    assert mood["hour"].between(0.5, 30.0).sum() > 300
