"""What is known of each start's clock time, hours to the second, and how long each patient was followed."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.cohort.schema import data_dictionary
from ketaoutcomes.errors import DataError

DATED = 'deidentification = "limited-data-set"\ntimezone = "America/New_York"\n'
TWO = "patient_id\nA1\nA2\n"


@pytest.mark.parametrize(
    ("settings", "column", "first", "second", "known"),
    [
        ("", "hour", "0", "48", [True, True]),
        ("", "day", "0", "2", [False, False]),
        ("", "day", "0", "2.5", [False, True]),
        (DATED, "start", "2026-06-01", "2026-06-03 10:00", [False, True]),
        (DATED, "start", "2026-06-01 10:00", "2026-06-03", [True, False]),
    ],
)
def test_each_session_says_whether_its_clock_time_is_known(clinic, settings, column, first, second, known):
    sessions = f"patient_id,{column},route\nA1,{first},IV\nA1,{second},IV\n"
    cohort = load_cohort(clinic(settings, patients="patient_id\nA1\n", sessions=sessions, scores=None))
    assert cohort.sessions["clock_known"].tolist() == known
    assert cohort.sessions[["hour_low", "hour", "hour_high"]].iloc[0].tolist() == [0, 0, 0]


def test_hours_and_fractions_of_days_give_the_same_time(clinic):
    # In floating point 4.3 * 24 is 103.19999999999999.
    assert 4.3 * 24 != 103.2
    days = load_cohort(clinic(scores="patient_id,instrument,day,score\nA1,PHQ-9,4.3,9\nA1,PHQ-9,-0.1,9\n"))
    hours = load_cohort(
        clinic(scores="patient_id,instrument,hour,score\nA1,PHQ-9,103.2,9\nA1,PHQ-9,-2.4,9\n")
    )
    assert days.scores["hour"].tolist() == hours.scores["hour"].tolist() == [-2.4, 103.2]
    sessions = "patient_id,start,route\nA1,2026-06-01 10:10,IV\nA1,2026-06-05 17:22,IV\n"
    dated = load_cohort(clinic(DATED, patients="patient_id\nA1\n", sessions=sessions, scores=None))
    assert dated.sessions["hour"].tolist() == [0.0, 103.2]


def test_hours_are_whole_seconds(clinic):
    cohort = load_cohort(
        clinic(scores="patient_id,instrument,hour,score\nA1,PHQ-9,0.3333,9\nA1,PHQ-9,0.33333333,8\n")
    )
    # 0.3333 h is 1199.88 s and 0.33333333 h is 1199.999988 s: both are 1200 s, a third of an hour.
    assert cohort.quarantine["rule"].tolist() == ["duplicate_conflict"]


def test_hours_to_the_end_of_the_data_cuts_day(clinic):
    sessions = "patient_id,start,route\nA1,2026-03-07 12:00,IV\nA2,2026-03-09 00:00,IV\n"
    folder = clinic(
        DATED + 'data_cut = "2026-03-09"\n', patients=TWO + "A3\n", sessions=sessions, scores=None
    )
    cohort = load_cohort(folder)
    # From 7 March noon to midnight after 9 March: 12 + 23 (clocks go forward on the 8th) + 24 hours.
    np.testing.assert_array_equal(cohort.patients["hours_to_data_cut"], [59.0, 24.0, np.nan])


def test_without_a_data_cut_the_last_moment_of_the_cohort_counts(clinic):
    sessions = "patient_id,start,route\nA1,2026-06-01 10:00,IV\nA2,2026-06-02 10:00,IV\n"
    scores = "patient_id,instrument,taken,score\nA1,PHQ-9,2026-06-11 22:00,9\nA9,PHQ-9,2026-12-01 10:00,9\n"
    cohort = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=scores))
    # 11 June 22:00 is 10 days and 12 hours after A1's first session; unknown patients do not count.
    assert cohort.patients["hours_to_data_cut"].tolist() == [252.0, 228.0]
    # A day counts to its end.
    disposition = "patient_id,when,status\nA2,2026-06-12,completed\n"
    cohort = load_cohort(
        clinic(DATED, patients=TWO, sessions=sessions, scores=scores, disposition=disposition)
    )
    assert cohort.patients["hours_to_data_cut"].tolist() == [278.0, 254.0]


def test_without_dates_there_is_no_way_to_the_data_cut(clinic):
    assert "hours_to_data_cut" not in load_cohort(clinic()).patients
    assert "hours_to_data_cut" not in load_cohort(clinic('deidentification = "limited-data-set"\n')).patients


def test_derived_columns_are_not_read_from_files_and_this_is_told(clinic):
    folder = clinic(
        patients="patient_id,hours_to_data_cut\nA1,5\nA2,6\n",
        sessions="patient_id,hour,route,Clock Known\nA1,0,IV,no\nA2,0,IV,no\n",
    )
    cohort = load_cohort(folder)
    assert "hours_to_data_cut" not in cohort.patients
    assert cohort.sessions["clock_known"].tolist() == [True, True]
    found = check(folder).problems
    told = found[found["rule"] == "reserved_column"]
    assert told[["table", "column"]].values.tolist() == [
        ["patients", "hours_to_data_cut"],
        ["sessions", "clock_known"],
    ]


def test_the_hours_to_the_data_cut_select_nobody_and_survive_a_selection(clinic):
    sessions = "patient_id,start,route\nA1,2026-06-01 10:00,IV\nA2,2026-06-02 10:00,IM\n"
    cohort = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=None))
    with pytest.raises(DataError, match="no column 'hours_to_data_cut'") as error:
        cohort.select(hours_to_data_cut=24.0)
    assert "hours_to_data_cut," not in str(error.value)
    assert cohort.select(route="IM").patients["hours_to_data_cut"].tolist() == [0.0]


def test_derived_columns_are_in_the_data_dictionary_as_derived():
    lines = {line.split("`")[1]: line for line in data_dictionary().splitlines() if line.startswith("| `")}
    assert "| derived |" in lines["hours_to_data_cut"]
    assert "| derived |" in lines["clock_known"]


def test_a_folder_that_is_none_or_holds_nothing_is_one_error(tmp_path):
    file = tmp_path / "patients.csv"
    file.write_text("patient_id\nA1\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, words in (
        (tmp_path / "nowhere", "there is no such folder"),
        (file, "is a file; give the folder"),
        (empty, "the table 'patients' is needed"),
    ):
        with pytest.raises(DataError, match=words):
            load_cohort(path)
        assert check(path).exit_code == 10
