"""Times to hours.

In New York, clocks go forward on 8 March 2026 at 2:00 and back on 1 November 2026 at 2:00.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.errors import DataError, PrivacyError

DATED = 'deidentification = "limited-data-set"\ntimezone = "America/New_York"\n'
TWO = "patient_id\nA1\nA2\n"


def aside(cohort, table) -> dict[str, int]:
    found = cohort.quarantine[cohort.quarantine["table"] == table]
    return dict(zip(found["rule"], found["n_rows"], strict=True))


def test_noon_to_noon_over_the_change_of_clocks_is_23_hours_in_spring_and_25_in_autumn(clinic):
    sessions = (
        "patient_id,start,route\nA1,2026-03-07 12:00,IV\nA1,2026-03-08 12:00,IV\n"
        "A2,2026-10-31 12:00,IV\nA2,2026-11-01 12:00,IV\n"
    )
    cohort = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=None))
    assert cohort.sessions["hour"].tolist() == [0.0, 23.0, 0.0, 25.0]
    assert cohort.sessions["month"].tolist() == ["2026-03", "2026-03", "2026-10", "2026-11"]
    assert "start" not in cohort.sessions.columns


def test_times_that_clocks_skip_or_repeat_are_set_aside(clinic):
    sessions = "patient_id,start,route\nA1,2026-03-01 12:00,IV\nA2,2026-10-31 12:00,IV\n"
    scores = (
        "patient_id,instrument,taken,score\nA1,PHQ-9,2026-03-08 02:30,9\nA2,PHQ-9,2026-11-01 01:30,9\n"
        "A2,PHQ-9,2026-11-01T01:30-04:00,8\nA2,PHQ-9,2026-11-01T01:30-05:00,7\n"
    )
    cohort = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=scores))
    assert aside(cohort, "scores") == {"time_skipped": 1, "time_twice": 1}
    # With the offset given the two are known, an hour apart: 13.5 h and 14.5 h after noon the day before.
    assert cohort.scores["hour"].tolist() == [13.5, 14.5]


def test_a_date_without_a_clock_time_is_the_local_day_and_not_noon(clinic):
    sessions = "patient_id,start,route\nA1,2026-03-06 10:00,IV\nA2,2026-06-01 10:00,IV\n"
    scores = (
        "patient_id,instrument,taken,score\nA1,PHQ-9,2026-03-08,9\n"
        "A2,PHQ-9,2026-06-03,9\nA2,GAD-7,2026-06-03 08:00,9\n"
    )
    frame = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=scores)).scores
    days = frame[frame["instrument"] == "PHQ-9"]
    # 8 March begins 38 h after 6 March 10:00 and has 23 hours; 3 June begins 38 h after and has 24.
    assert days[["hour_low", "hour", "hour_high"]].values.tolist() == [[38.0, 49.5, 61.0], [38.0, 50.0, 62.0]]
    exact = frame[frame["instrument"] == "GAD-7"]
    assert exact[["hour_low", "hour", "hour_high"]].values.tolist() == [[46.0, 46.0, 46.0]]


def test_a_column_in_which_every_time_is_midnight_holds_days(clinic):
    sessions = "patient_id,start,route\nA1,2026-06-01 10:00,IV\nA2,2026-06-01 10:00,IV\n"
    scores = (
        "patient_id,instrument,taken,score\nA1,PHQ-9,2026-06-02 00:00:00,9\nA2,PHQ-9,2026-06-03 00:00:00,9\n"
    )
    frame = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=scores)).scores
    assert (frame["hour_high"] - frame["hour_low"]).tolist() == [24.0, 24.0]


def test_parquet_timestamps_give_hours_whatever_their_unit(clinic):
    for unit in ("s", "ms", "us", "ns"):
        start = pd.Series(pd.to_datetime(["2026-06-01 10:00", "2026-06-03 10:30"])).astype(
            f"datetime64[{unit}]"
        )
        frames = {
            "patients": pd.DataFrame({"patient_id": ["A1"]}),
            "sessions": pd.DataFrame({"patient_id": ["A1", "A1"], "start": start, "route": "IV"}),
        }
        settings = {"deidentification": "limited-data-set", "timezone": "America/New_York"}
        assert assemble(frames, settings).sessions["hour"].tolist() == [0.0, 48.5]


def test_a_score_on_the_day_of_a_session_counts_as_before_it(clinic):
    sessions = "patient_id,start,route\nA1,2026-06-01 10:00,IV\nA1,2026-06-03 10:00,IV\n"
    scores = (
        "patient_id,instrument,taken,score,timing\nA1,PHQ-9,2026-06-01,20,\nA1,PHQ-9,2026-06-03,12,\n"
        "A1,GAD-7,2026-06-03,9,post\nA1,MADRS,2026-06-03,9,remote\n"
    )
    frame = load_cohort(clinic(DATED, patients="patient_id\nA1\n", sessions=sessions, scores=scores)).scores
    clock = frame.set_index(["instrument", "score"])[["hour_low", "hour", "hour_high"]]
    # Sessions at 0 h and 48 h; the first day is -10 to 14 h, the third 38 to 62 h.
    assert clock.loc[("PHQ-9", 20.0)].tolist() == [-10.0, 0.0, 0.0]
    assert clock.loc[("PHQ-9", 12.0)].tolist() == [38.0, 48.0, 48.0]
    assert clock.loc[("GAD-7", 9.0)].tolist() == [48.0, 50.0, 62.0]
    assert clock.loc[("MADRS", 9.0)].tolist() == [38.0, 50.0, 62.0]


def test_same_time_after_puts_the_score_after_the_session_of_its_day(clinic):
    sessions = "patient_id,start,route\nA1,2026-06-01 10:00,IV\n"
    scores = "patient_id,instrument,taken,score\nA1,PHQ-9,2026-06-01,20\n"
    folder = clinic(
        DATED + 'same_time = "after"\n', patients="patient_id\nA1\n", sessions=sessions, scores=scores
    )
    assert load_cohort(folder).scores[["hour_low", "hour", "hour_high"]].values.tolist() == [[0.0, 2.0, 14.0]]


def test_a_whole_day_number_is_24_hours_and_a_fraction_is_exact(clinic):
    folder = clinic(
        sessions="patient_id,day,route\nA1,0,IV\nA1,2,IV\nA2,0,IM\n",
        scores="patient_id,instrument,day,score\nA1,PHQ-9,-3,20\nA1,PHQ-9,0,19\nA1,PHQ-9,2,12\nA1,PHQ-9,2.5,11\n",
    )
    cohort = load_cohort(folder)
    assert cohort.sessions[["hour_low", "hour", "hour_high"]].values.tolist() == [
        [0, 0, 0],
        [48, 48, 72],
        [0, 0, 0],
    ]
    expected = [[-72, -72, -48], [0, 0, 0], [48, 48, 72], [60, 60, 60]]
    assert cohort.scores[["hour_low", "hour", "hour_high"]].values.tolist() == expected


def test_dates_are_refused_without_a_limited_data_set(clinic):
    with pytest.raises(PrivacyError) as error:
        load_cohort(clinic(sessions="patient_id,start,route\nA1,2026-06-01 10:00,IV\n", scores=None))
    assert {problem.rule for problem in error.value.problems} == {"identifier:C"}


def test_months_are_refused_without_a_limited_data_set_and_kept_with_one(clinic):
    sessions = "patient_id,hour,route,month\nA1,0,IV,2026-06\nA2,0,IV,June\n"
    with pytest.raises(PrivacyError):
        load_cohort(clinic(sessions=sessions))
    cohort = load_cohort(clinic('deidentification = "limited-data-set"', sessions=sessions))
    assert cohort.sessions["month"].fillna("").tolist() == ["2026-06", ""]
    assert cohort.blanked["rule"].tolist() == ["month_form"]


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        ("01/02/2026", "13/02/2026", "ambiguous_date"),
        ("2026-02-01", "13/02/2026", "mixed_dates"),
        ("46054", "46055.4375", "excel_date"),
        ("1 Feb 2026", "3 Feb 2026", "ambiguous_date"),
    ],
)
def test_dates_that_can_be_misread_are_refused(clinic, first, second, rule):
    sessions = f"patient_id,start,route\nA1,{first},IV\nA2,{second},IV\n"
    with pytest.raises(DataError) as error:
        load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=None))
    assert {problem.rule for problem in error.value.problems} == {rule}
    assert first not in str(error.value)


@pytest.mark.parametrize(
    ("form", "first", "second"),
    [
        ("%d/%m/%Y", "01/02/2026 10:00", "03/02/2026 10:00:00"),
        ("%m/%d/%Y %H:%M", "02/01/2026 10:00", "02/03/2026 10:00"),
        ("%m/%d/%Y %I:%M %p", "02/01/2026 10:00 AM", "02/03/2026 10:00 AM"),
    ],
)
def test_a_declared_format_is_used_throughout(clinic, form, first, second):
    sessions = f"patient_id,start,route\nA1,{first},IV\nA1,{second},IV\n"
    folder = clinic(
        DATED + f'date_format = "{form}"\n', patients="patient_id\nA1\n", sessions=sessions, scores=None
    )
    cohort = load_cohort(folder)
    assert cohort.sessions["hour"].tolist() == [0.0, 48.0]
    assert cohort.sessions["month"].tolist() == ["2026-02", "2026-02"]


def test_clock_times_need_a_zone_or_an_offset(clinic):
    settings = 'deidentification = "limited-data-set"\n'
    sessions = "patient_id,start,route\nA1,2026-06-01 10:00,IV\n"
    with pytest.raises(DataError, match=r"set 'timezone' in cohort\.toml"):
        load_cohort(clinic(settings, patients="patient_id\nA1\n", sessions=sessions, scores=None))
    sessions = "patient_id,start,route\nA1,2026-05-31T22:00-04:00,IV\nA1,2026-06-01T04:00:00Z,IV\n"
    cohort = load_cohort(clinic(settings, patients="patient_id\nA1\n", sessions=sessions, scores=None))
    assert cohort.sessions["hour"].tolist() == [0.0, 2.0]
    # The month is the one the time is written in, although it is June in UTC.
    assert cohort.sessions["month"].tolist() == ["2026-05", "2026-06"]


def test_dates_that_do_not_exist_or_lack_a_day_are_set_aside(clinic):
    sessions = "patient_id,start,route\nA1,2026-06-01 10:00,IV\n"
    scores = (
        "patient_id,instrument,taken,score\nA1,PHQ-9,2026-02-30,9\nA1,PHQ-9,2026-06,9\n"
        "A1,PHQ-9,soon,9\nA1,PHQ-9,2026-06-05,9\nA1,PHQ-9,,4\n"
    )
    cohort = load_cohort(clinic(DATED, patients="patient_id\nA1\n", sessions=sessions, scores=scores))
    assert aside(cohort, "scores") == {"not_a_time": 2, "partial_date": 1, "missing_required": 1}


def test_rows_after_the_data_cut_are_set_aside(clinic):
    sessions = "patient_id,start,route\nA1,2026-06-01 10:00,IV\nA1,2026-07-01 10:00,IV\n"
    folder = clinic(
        DATED + 'data_cut = "2026-06-30"\n', patients="patient_id\nA1\n", sessions=sessions, scores=None
    )
    cohort = load_cohort(folder)
    assert aside(cohort, "sessions") == {"after_data_cut": 1}
    assert len(cohort.sessions) == 1


def test_the_clock_is_not_restarted_when_the_first_session_is_set_aside(clinic):
    sessions = "patient_id,start,route\nA1,soon,IV\nA1,2026-06-03 10:00,IV\nA2,2026-06-03 10:00,IV\n"
    scores = "patient_id,instrument,taken,score\nA1,PHQ-9,2026-06-04,9\n"
    cohort = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=scores))
    assert aside(cohort, "sessions") == {"not_a_time": 1, "origin_unknown": 1}
    assert aside(cohort, "scores") == {"origin_unknown": 1}


def test_the_clock_is_not_restarted_when_the_first_session_is_a_ragged_row(clinic):
    sessions = (
        "patient_id,start,route\nA1,2026-06-01 10:00,IV,x\nA1,2026-06-03 10:00,IV\nA2,2026-06-03 10:00,IV\n"
    )
    cohort = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=None))
    assert aside(cohort, "sessions") == {"too_many_cells": 1, "origin_unknown": 1}


def test_a_session_numbered_1_starts_the_clock_even_if_another_is_set_aside(clinic):
    sessions = (
        "patient_id,start,session,route\nA1,2026-06-01 10:00,1,IV\nA1,soon,2,IV\nA2,2026-06-03 10:00,1,IV\n"
    )
    cohort = load_cohort(clinic(DATED, patients=TWO, sessions=sessions, scores=None))
    assert aside(cohort, "sessions") == {"not_a_time": 1}
    assert cohort.sessions["hour"].tolist() == [0.0, 0.0]


def test_dated_scores_cannot_be_aligned_with_sessions_in_hours(clinic):
    scores = "patient_id,instrument,taken,score\nA1,PHQ-9,2026-06-04,9\n"
    with pytest.raises(DataError, match="cannot be aligned"):
        load_cohort(clinic(DATED, scores=scores))


def test_days_only_throughout_are_24_hours_apart(clinic):
    sessions = "patient_id,start,route\nA1,2026-06-01,IV\nA1,2026-06-03,IV\n"
    scores = "patient_id,instrument,taken,score\nA1,PHQ-9,2026-06-01,20\nA1,PHQ-9,2026-06-02,15\n"
    cohort = load_cohort(clinic(DATED, patients="patient_id\nA1\n", sessions=sessions, scores=scores))
    assert cohort.sessions[["hour_low", "hour", "hour_high"]].values.tolist() == [[0, 0, 0], [36, 48, 60]]
    # The score of the first day is before the session of that day.
    assert cohort.scores[["hour_low", "hour", "hour_high"]].values.tolist() == [[-12, 0, 0], [12, 24, 36]]


def test_moving_all_dates_by_whole_weeks_moves_no_hour(clinic):
    rng = np.random.default_rng(7)
    start = pd.Timestamp("2026-05-04 09:00") + pd.to_timedelta(
        np.sort(rng.integers(0, 40_000, 12)), unit="min"
    )
    hours = []
    for weeks in (0, 3):
        frames = {
            "patients": pd.DataFrame({"patient_id": ["A1"]}),
            "sessions": pd.DataFrame(
                {"patient_id": "A1", "start": start + pd.Timedelta(weeks=weeks), "route": "IV"}
            ),
        }
        settings = {"deidentification": "limited-data-set", "timezone": "America/New_York"}
        hours.append(assemble(frames, settings).sessions["hour"].to_numpy())
    np.testing.assert_allclose(hours[0], hours[1], atol=1e-9)


def test_check_tells_the_same_without_raising(clinic):
    result = check(clinic(sessions="patient_id,start,route\nA1,2026-06-01 10:00,IV\n", scores=None))
    assert not result.ok
    assert result.exit_code == 11
    assert result.problems["severity"].tolist()[0] == "privacy"
