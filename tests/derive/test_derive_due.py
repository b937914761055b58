"""Whose window had closed at the data cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.windows import NO_SCORE_IN_WINDOW, NOT_DUE, SCORED, windowed

DAY = 24.0
INDUCTION = (0, 3, 6, 8)


def clinic(start, cut, scored, n_sessions, *, exact=True, disposition=None):
    """Twenty patients who start at once, `n_sessions[k]` sessions each, scored 5 on day `scored[k]` or not.

    `exact`: the hours from the first session to the end of the day of the data cut are known.
    """
    begin = datetime.fromisoformat(start)
    names = [f"P{k:02d}" for k in range(20)]
    sessions = [
        (name, begin + timedelta(days=INDUCTION[j])) for name, n in zip(names, n_sessions) for j in range(n)
    ]
    rows = [(name, begin - timedelta(days=1), 18) for name in names]
    rows += [(name, begin + timedelta(days=day), 5) for name, day in zip(names, scored) if day is not None]
    frames = {
        "patients": pd.DataFrame({"patient_id": names}),
        "sessions": pd.DataFrame(sessions, columns=["patient_id", "start"]).assign(route="IV"),
        "scores": pd.DataFrame(rows, columns=["patient_id", "taken", "score"]).assign(instrument="PHQ-9"),
    }
    for table, column in (("sessions", "start"), ("scores", "taken")):
        frames[table][column] = frames[table][column].dt.strftime("%Y-%m-%d %H:%M")
    if disposition is not None:
        frames["disposition"] = disposition
    settings = {"deidentification": "limited-data-set", "timezone": "UTC", "data_cut": cut}
    cohort = assemble(frames, settings)
    hours = (datetime.fromisoformat(cut) + timedelta(days=1) - begin) / timedelta(hours=1)
    patients = cohort.patients.drop(columns="hours_to_data_cut", errors="ignore")
    if exact:
        patients = patients.assign(hours_to_data_cut=hours)
    return replace(cohort, tables={**cohort.tables, "patients": patients})


@pytest.mark.parametrize("exact", [True, False])
def test_a_score_in_a_window_that_is_still_open_does_not_make_its_patient_due(exact):
    # Last induction session on day 8, so the window closes on day 39.5; the data end 30 days after the
    # start. Three of twenty came early, on day 23: they are no 3/3.
    cohort = clinic("2026-06-01 10:00", "2026-06-30", [23] * 3 + [None] * 17, [4] * 20, exact=exact)
    found = windowed(cohort, "PHQ-9", "end_of_induction")
    assert set(found["status"]) == {NOT_DUE}
    assert found["score"].isna().all()
    table = response_rates(cohort, "PHQ-9").table
    assert table["n_events"].tolist() == [0, 0, 0]
    assert table["n"].tolist() == [0, 0, 0]
    assert table["n_not_due"].tolist() == [20, 20, 20]


def test_someone_lost_after_session_1_is_due_once_the_window_would_have_closed():
    # Ten are lost after session 1. An induction may last 28.5 days and the window 31.5 more: 60 days, and
    # the data end 79.6 days after the start, 19 days later. All twenty are due; ten responded.
    n_sessions, scored = [1] * 10 + [4] * 10, [None] * 10 + [30] * 10
    cohort = clinic("2026-05-02 10:00", "2026-07-20", scored, n_sessions)
    table = response_rates(cohort, "PHQ-9").table.set_index("denominator")
    assert table.loc["starters", ["n_events", "n", "n_missing", "n_not_due"]].tolist() == [10, 20, 10, 0]
    assert table.loc["scored", ["n_events", "n"]].tolist() == [10, 10]


@pytest.mark.parametrize("status", ["lost to follow-up", "completed", "ongoing"])
def test_with_a_data_cut_the_calendar_decides_and_not_the_disposition(status):
    names = [f"P{k:02d}" for k in range(20)]
    left = pd.DataFrame({"patient_id": names, "status": status, "when": "2026-06-05"})
    # day_28 ends at 31.5 days. First cut: 31.6 days after the start (due), second: 30.6 (not yet).
    for cut, due in (("2026-07-02", True), ("2026-07-01", False)):
        cohort = clinic("2026-06-01 10:00", cut, [28] * 5 + [None] * 15, [1] * 20, disposition=left)
        expected = [SCORED] * 5 + [NO_SCORE_IN_WINDOW] * 15 if due else [NOT_DUE] * 20
        assert windowed(cohort, "PHQ-9", "day_28")["status"].tolist() == expected


def test_a_patient_whose_hours_to_the_data_cut_are_missing_counts_by_what_else_is_known():
    cohort = clinic("2026-06-01 10:00", "2026-12-31", [28] * 20, [1] * 20)
    patients = cohort.patients.assign(hours_to_data_cut=np.r_[np.nan, np.full(19, 5000.0)])
    cohort = replace(cohort, tables={**cohort.tables, "patients": patients})
    assert windowed(cohort, "PHQ-9", "day_28")["status"].tolist() == [SCORED] * 20


def test_without_a_data_cut_a_score_does_not_close_the_window_of_an_ongoing_patient(make):
    # day_28 runs from hour 588 to 756. A and B are still treated and last heard of on day 26; A came already.
    disposition = pd.DataFrame({"patient_id": ["A", "B"], "hour": [26 * DAY] * 2, "status": "ongoing"})
    rows = [("A", 0, 20), ("A", 26 * DAY, 5), ("B", 0, 20)]
    cohort = make([("A", 0), ("B", 0)], rows, disposition=disposition)
    assert windowed(cohort, "PHQ-9", "day_28")["status"].tolist() == [NOT_DUE, NOT_DUE]
