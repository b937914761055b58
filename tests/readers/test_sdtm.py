"""Hand-made SDTM folders: demographics, exposures and files, and how the reader is called."""

from __future__ import annotations

import builtins

import pytest
from bad_input.folders import write
from readers.sdtm_cases import RECORD_CASES, TREATMENT_CASES, days_only
from readers.sdtm_outcome import ZONE, accounted, discreet, expected, outcome_of
from readers.sdtm_trial import good

from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.readers.sdtm import read_sdtm


@pytest.fixture(scope="module", params=TREATMENT_CASES, ids=lambda case: case.name.replace(" ", "_"))
def outcome(request, tmp_path_factory):
    """Each case, written and read once."""
    return outcome_of(request.param, tmp_path_factory.mktemp("case"))


def test_a_folder_gives_the_outcome_that_it_should(outcome):
    expected(outcome)


def test_every_row_of_every_file_is_accounted_for(outcome):
    accounted(outcome)


def test_nothing_is_printed_and_no_message_repeats_a_cell(outcome):
    discreet(outcome)


def test_the_corpus_is_large_and_its_names_are_distinct():
    cases = (*TREATMENT_CASES, *RECORD_CASES)
    assert len(cases) >= 90
    assert len({case.name for case in cases}) == len(cases)


def test_clock_times_without_a_zone_are_refused(tmp_path):
    folder = write(good(), tmp_path / "trial")
    with pytest.raises(DataError) as raised:
        read_sdtm(folder)
    assert {problem.rule for problem in raised.value.problems} == {"no_timezone"}


def test_days_alone_are_read_without_a_zone(tmp_path):
    made = good()
    days_only(made)
    assert read_sdtm(write(made, tmp_path / "trial")).n_patients == 3


def test_sessions_are_open_when_events_were_not_asked_for(tmp_path):
    cohort = read_sdtm(write(good(), tmp_path / "trial"), timezone=ZONE, events_recorded=False)
    # Nausea in the first session of one subject, dizziness in the second of another.
    assert cohort.sessions["side_effects_recorded"].tolist() == [True, False, False, True, False]


def test_settings_are_taken_and_a_format_of_dates_is_refused(tmp_path):
    folder = write(good(), tmp_path / "trial")
    cohort = read_sdtm(folder, settings={"timezone": ZONE, "data_cut": "2024-03-10"})
    assert cohort.settings.data_cut == "2024-03-10"
    assert len(cohort.sessions) == 4
    with pytest.raises(ConfigError):
        read_sdtm(folder, timezone=ZONE, settings={"date_format": "%d/%m/%Y"})
    with pytest.raises(ConfigError):
        read_sdtm(folder, timezone="Nowhere/Land")


@pytest.mark.parametrize("place", ["nowhere", "trial/dm.csv"])
def test_what_is_no_folder_is_told(tmp_path, place):
    write(good(), tmp_path / "trial")
    with pytest.raises(DataError):
        read_sdtm(tmp_path / place)


def test_version_8_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    case = next(case for case in TREATMENT_CASES if case.name == "transport file of version 8")
    made = good()
    for change in case.changes:
        change(made)
    folder = write(made, tmp_path / "trial")
    real = builtins.__import__

    def without_it(name, *rest, **more):
        if name == "pyreadstat":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_it)
    with pytest.raises(DataError, match="pip install pyreadstat"):
        read_sdtm(folder, timezone=ZONE)
