"""Dates moved by each patient's own weeks: gaps are true to the second, and no month is kept."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cohort.mapped import assert_same_tables, read_key_file, under_codes

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
        before, after = [], []
        for row in _rows(source / f"{table}.csv"):
            local = datetime.fromisoformat(row[column])
            moment = local.replace(tzinfo=ZoneInfo(NEW_YORK)).astimezone(ZoneInfo("UTC"))
            days = timedelta(days=key.shifts[row["patient_id"]])
            dated = len(row[column]) == 10
            moved = (
                f"{local.date() + days}" if dated else (moment + days).replace(tzinfo=None).isoformat() + "Z"
            )
            before.append((row["patient_id"], moved))
        after = [(original[row["patient_id"]], row[column]) for row in _rows(result.folder / f"{table}.csv")]
        assert sorted(after) == sorted(before)


def test_a_shift_is_1_to_52_whole_weeks_either_way_and_each_patients_own(sample, tmp_path):
    result = deidentify(sample, tmp_path / "out", level="limited-data-set", dates="shift")
    shifts = read_key_file(result.key).shifts
    assert {abs(days) for days in shifts.values()} <= set(range(7, 365, 7))
    # Of 241 draws among 104, far fewer than 60 different ones, or all on one side, are no chance.
    assert len(set(shifts.values())) > 60
    assert 60 < sum(days > 0 for days in shifts.values()) < 180


def test_clock_times_keep_their_gaps_to_the_second_over_a_change_of_clocks(shifted):
    source, result = shifted
    before, after = load_cohort(source), load_cohort(result.folder)
    key = read_key_file(result.key)
    for name in ("sessions", "scores"):
        frame = before.tables[name]
        exact = (frame["hour_high"] == frame["hour_low"]).to_numpy()
        expected = {(key.patients[str(row.patient_id)], row.hour) for row in frame[exact].itertuples()}
        found = after.tables[name]
        found = found[found["hour_high"] == found["hour_low"]]
        assert {(str(row.patient_id), row.hour) for row in found.itertuples()} == expected
    # From 6 March 09:30:15 to 9 March 09:30:16 are 71 hours and a second: clocks went forward.
    second = after.sessions[
        (after.sessions["patient_id"] == key.patients["A1"]) & after.sessions["session"].eq(2)
    ]
    assert second["hour"].tolist() == [(71 * 3600 + 1) / 3600]


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


def test_the_samples_clock_times_are_the_same_and_its_days_differ_by_an_hour_at_most(sample, tmp_path):
    result = deidentify(sample, tmp_path / "out", level="limited-data-set", dates="shift")
    before, after, key = load_cohort(sample), load_cohort(result.folder), read_key_file(result.key)
    # Every session has a clock time; some scores, and every status, have none.
    assert_same_tables(before, after, key, skip=["scores", "disposition"])
    for name, who in (("scores", ["patient_id", "instrument"]), ("disposition", ["patient_id"])):
        expected = under_codes(before.tables[name], key)
        found = after.tables[name].assign(patient_id=after.tables[name]["patient_id"].astype("str"))
        days = [(frame["hour_high"] > frame["hour_low"]).to_numpy() for frame in (expected, found)]
        assert days[0].sum() == days[1].sum() > 200
        columns = [*who, "hour", *(["score"] if name == "scores" else [])]
        exact = [
            frame[~day][columns].reset_index(drop=True)
            for frame, day in ((expected, days[0]), (found, days[1]))
        ]
        assert exact[0].astype({"patient_id": "str"}).equals(exact[1])
        order = [
            frame[day].sort_values([*who, "hour"], kind="stable").reset_index(drop=True)
            for frame, day in ((expected, days[0]), (found, days[1]))
        ]
        for column in ("hour", "hour_low", "hour_high"):
            assert (order[0][column] - order[1][column]).abs().max() <= 1.0 + 1e-9


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
