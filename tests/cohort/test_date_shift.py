"""Dates moved by each patient's own weeks: gaps by the wall clock are kept, and no month."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta

import pytest
from cohort.mapped import assert_same_tables, by_the_clock_on_the_wall, read_key_file

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.deidentify import deidentify
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.cohort.settings import make_settings
from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.calendar import calendar_of
from ketaoutcomes.report.monthly import monthly_report

NEW_YORK = "America/New_York"
DATED = f'deidentification = "limited-data-set"\ntimezone = "{NEW_YORK}"\n'
SHIFTED = DATED + "dates_shifted = true\n"
PATIENTS = "patient_id\nA1\nA2\n"
# Clocks go forward in New York on 8 March 2026 and back on 1 November 2026.
SESSIONS = """patient_id,start,session,route
A1,2026-03-06 09:30:15,1,IV
A1,2026-03-09 09:30:16,2,IV
A1,2026-11-02,3,IV
A2,2026-10-30 16:00,1,IM
A2,2026-11-06 16:00,2,IM
"""
SCORES = """patient_id,instrument,taken,score
A1,PHQ-9,2026-03-05,20
A1,PHQ-9,2026-03-12 10:00,9
A2,PHQ-9,2026-10-30 15:00,18
"""


@pytest.fixture
def shifted(clinic, tmp_path):
    source = clinic(DATED + 'data_cut = "2026-12-01"\n', patients=PATIENTS, sessions=SESSIONS, scores=SCORES)
    return source, deidentify(source, tmp_path / "out", level="limited-data-set", dates="shift")


def _rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_date_of_a_patient_moves_by_the_weeks_in_the_key(shifted):
    source, result = shifted
    key = read_key_file(result.key)
    original = {code: one for one, code in key.patients.items()}
    assert set(key.shifts) == {"A1", "A2"}
    for table, column in (("sessions", "start"), ("scores", "taken")):
        before = []
        for row in _rows(source / f"{table}.csv"):
            moved = datetime.fromisoformat(row[column]) + timedelta(days=key.shifts[row["patient_id"]])
            dated = len(row[column]) == 10
            before.append((row["patient_id"], f"{moved.date()}" if dated else moved.isoformat()))
        after = [(original[row["patient_id"]], row[column]) for row in _rows(result.folder / f"{table}.csv")]
        assert sorted(after) == sorted(before)


def test_a_shift_is_1_to_52_whole_weeks_either_way_and_each_patients_own(sample, tmp_path):
    result = deidentify(sample, tmp_path / "out", level="limited-data-set", dates="shift")
    shifts = read_key_file(result.key).shifts
    assert {abs(days) for days in shifts.values()} <= set(range(7, 365, 7))
    # Of 241 draws among 104, far fewer than 60 different ones, or all on one side, are no chance.
    assert len(set(shifts.values())) > 60
    assert 60 < sum(days > 0 for days in shifts.values()) < 180


@pytest.mark.parametrize("dates", ["hours", "shift"])
def test_a_gap_over_a_change_of_clocks_is_that_of_the_wall_clock(shifted, tmp_path, dates):
    source, result = shifted
    if dates == "hours":
        result = deidentify(source, tmp_path / "hours")
    key = read_key_file(result.key)
    expected = by_the_clock_on_the_wall(source, tmp_path / "wall", NEW_YORK)
    after = load_cohort(result.folder)
    assert_same_tables(expected, after, key)
    # By the clock on the wall, from 6 March 09:30:15 to 9 March 09:30:16 are 72 hours and a second, and
    # to the middle of 2 November 241 days, 2 hours, 29 minutes and 45 seconds.
    of_a1 = after.sessions[after.sessions["patient_id"] == key.patients["A1"]]
    seconds = (of_a1["hour"] * 3600).round().tolist()
    assert seconds == [0, 72 * 3600 + 1, 241 * 86400 + 2 * 3600 + 29 * 60 + 45]


@pytest.mark.parametrize("options", [{}, {"level": "limited-data-set", "dates": "shift"}])
def test_no_day_is_longer_or_shorter_and_no_weekly_hour_moves_when_clocks_change(clinic, tmp_path, options):
    monday = datetime(2025, 10, 6, 9)
    starts = [monday + timedelta(weeks=week) for week in range(30)]
    # A score of a session's own day ends where the session begins.
    days = [f"{monday.date() + timedelta(days=day)}" for day in range(200) if day % 7]
    source = clinic(
        DATED,
        patients="patient_id\nA1\n",
        sessions="patient_id,start,route\n" + "".join(f"A1,{one},IV\n" for one in starts),
        scores="patient_id,instrument,taken,score\n" + "".join(f"A1,PHQ-9,{one},9\n" for one in days),
    )
    result = deidentify(source, tmp_path / "out", **options)
    after = load_cohort(result.folder)
    assert set(after.sessions["hour"] % 168) == {0.0}
    scores = after.scores
    assert set(scores["hour_high"] - scores["hour_low"]) == {24.0}
    # Midnight is 15 hours after nine.
    assert set(scores["hour_low"] % 24) == {15.0}
    assert set(scores["hour"] - scores["hour_low"]) == {12.0}
    if options:
        assert after.settings.timezone == "UTC"
        assert {row["start"][11:] for row in _rows(result.folder / "sessions.csv")} == {"09:00:00"}
    else:
        assert after.settings.timezone is None


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Atlantic/Azores", "Europe/London", "Asia/Beirut"])
def test_days_have_24_hours_where_clocks_skip_or_repeat_midnight(clinic, tmp_path, zone):
    days = [f"{datetime(2018, 2, 1) + timedelta(days=day):%Y-%m-%d}" for day in range(330)]
    source = clinic(
        DATED.replace(NEW_YORK, zone),
        patients="patient_id\nA1\n",
        sessions=f"patient_id,start,route\nA1,{days[0]} 12:00,IV\nA1,{days[200]},IV\n",
        scores="patient_id,instrument,taken,score\n" + "".join(f"A1,PHQ-9,{one},9\n" for one in days[1:]),
    )
    scores = load_cohort(deidentify(source, tmp_path / "out").folder).scores
    assert scores["hour_low"].tolist() == [24 * day - 12 for day in range(1, 330)]
    assert scores["hour_high"].tolist() == [24 * day + 12 for day in range(1, 330)]
    assert scores["hour"].tolist() == [24 * day for day in range(1, 330)]


def test_no_month_and_no_time_to_the_data_cut_is_kept(shifted):
    source, result = shifted
    assert "month" in load_cohort(source).sessions
    after = load_cohort(result.folder)
    assert after.settings.dates_shifted
    assert after.settings.data_cut is None
    for name in after.present:
        assert not {"month", "hours_to_data_cut"} & set(after.tables[name].columns)
    found = check(result.folder)
    assert found.ok
    assert (found.counts["n_quarantined"] == 0).all()


def test_the_sample_is_the_same_by_the_clock_on_the_wall(sample, tmp_path):
    result = deidentify(sample, tmp_path / "out", level="limited-data-set", dates="shift")
    expected = by_the_clock_on_the_wall(sample, tmp_path / "wall", NEW_YORK)
    assert_same_tables(expected, load_cohort(result.folder), read_key_file(result.key))


def test_a_report_of_shifted_dates_is_of_no_month_and_says_so_when_asked_for_one(shifted):
    cohort = load_cohort(shifted[1].folder)
    assert calendar_of(cohort, None, window="any") is None
    with pytest.raises(ConfigError, match="keeps no months"):
        monthly_report(cohort, month="2026-09")


def test_dates_are_not_shifted_under_safe_harbor_and_not_where_there_are_none(clinic, tmp_path):
    with pytest.raises(ConfigError, match="Safe Harbor allows no part of a date but the year"):
        deidentify(clinic(), tmp_path / "out", dates="shift")
    with pytest.raises(ConfigError, match="sessions are dated"):
        deidentify(clinic(), tmp_path / "out", level="limited-data-set", dates="shift")
    assert not (tmp_path / "out").exists()


def test_shifted_dates_need_a_limited_data_set_and_no_data_cut():
    with pytest.raises(ConfigError, match="'dates_shifted' is about dates"):
        make_settings({"dates_shifted": True})
    with pytest.raises(ConfigError, match="'data_cut' says nothing of them"):
        make_settings(
            {"dates_shifted": True, "deidentification": "limited-data-set", "data_cut": date(2026, 1, 1)}
        )
    with pytest.raises(ConfigError, match="true or false"):
        make_settings({"dates_shifted": "yes"})


def test_a_month_beside_shifted_dates_is_not_read_and_this_is_told(clinic):
    sessions = "patient_id,start,route,month\nA1,2026-06-01,IV,2026-06\n"
    folder = clinic(SHIFTED, patients="patient_id\nA1\n", sessions=sessions, scores=None)
    assert "month" not in load_cohort(folder).sessions
    told = check(folder).problems.query("rule == 'reserved_column'")
    assert told[["table", "column"]].values.tolist() == [["sessions", "month"]]
