"""Scores before and after sessions; baseline; change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.derive.baseline import AT_END, NEVER, NO_SCORE, VALID, baseline, no_room
from ketaoutcomes.derive.change import change_from_baseline
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.errors import DataError


def test_score_at_the_session_s_own_time_is_before_it(make):
    cohort = make([("A", 0), ("A", 72)], [("A", 0, 20), ("A", 72, 15), ("A", 73, 14)])
    placed = scores(cohort, "PHQ-9")
    assert placed["session"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(placed["hours_since_session"], [np.nan, 72, 1])
    np.testing.assert_allclose(placed["day"], [0, 3, 73 / 24])


@pytest.mark.parametrize("timing", ["during", "post", "remote"])
def test_timing_puts_a_score_at_the_session_s_time_after_it(make, timing):
    cohort = make([("A", 0), ("A", 72)], [("A", 0, 20, "pre"), ("A", 0, 12, timing), ("A", 72, 15, timing)])
    assert scores(cohort, "PHQ-9")["session"].tolist() == [0, 1, 2]


def test_setting_same_time_after_moves_scores_without_a_timing(make):
    rows = [("A", -1, 20), ("A", 0, 18), ("A", 72, 15, "pre")]
    cohort = make([("A", 0), ("A", 72)], rows, settings={"same_time": "after"})
    assert scores(cohort, "PHQ-9")["session"].tolist() == [0, 1, 1]


def test_score_on_a_whole_day_that_is_a_session_s_day_is_before_it(make):
    # Session on days 0 and 3; the clock times of that day are not known.
    cohort = make(
        [("A", 0), ("A", 3)],
        [("A", 0, 20), ("A", 2, 19), ("A", 3, 18), ("A", 3, 11, "post"), ("A", 4, 10)],
        time="day",
    )
    assert scores(cohort, "PHQ-9")["session"].tolist() == [0, 1, 1, 2, 2]


def test_each_patient_s_sessions_are_counted_apart(make):
    cohort = make(
        [("A", 0), ("A", 48), ("B", 0), ("C", 0), ("C", 24)],
        [("A", 50, 9), ("B", 50, 9), ("C", -3, 9), ("C", 23, 9), ("C", 25, 9)],
    )
    assert scores(cohort, "PHQ-9")["session"].tolist() == [2, 1, 0, 1, 2]


def test_unknown_and_absent_instruments_are_told_apart(make):
    cohort = make([("A", 0)], [("A", 0, 20)])
    with pytest.raises(DataError, match="instruments with scores: PHQ-9"):
        scores(cohort, "GAD-7")
    with pytest.raises(DataError, match="no instrument of that name"):
        scores(cohort, "PHQ-99")


def test_baseline_is_the_last_score_in_the_14_days_and_not_the_best(make):
    cohort = make(
        [("A", 0), ("B", 0), ("C", 0), ("D", 0), ("E", 0)],
        [
            ("A", -337, 10), ("A", -300, 12), ("A", -24, 20), ("A", 0, 18), ("A", 1, 5),
            ("B", -336, 17),  # exactly 14 days before is inside
            ("C", -336.5, 17),
            ("D", 5, 17),
            ("E", 0, 9, "post"), ("E", -30, 0),
        ],
    )  # fmt: skip
    found = baseline(cohort, "PHQ-9").set_index("patient_id")
    np.testing.assert_allclose(found["baseline"], [18, 17, np.nan, np.nan, 0])
    assert found["reason"].tolist() == [
        VALID,
        VALID,
        "no score in the 14 days before session 1",
        NO_SCORE,
        AT_END,
    ]
    np.testing.assert_allclose(found["baseline_hour"], [0, -336, np.nan, np.nan, -30])


def test_a_wider_rule_can_be_named(make):
    cohort = make([("A", 0)], [("A", -500, 17)])
    assert baseline(cohort, "PHQ-9", rule="last_30_days")["reason"].tolist() == [VALID]
    with pytest.raises(DataError, match="last_14_days"):
        baseline(cohort, "PHQ-9", rule="best_ever")


def test_patients_who_never_had_the_instrument_are_told_apart(make):
    cohort = make([("A", 0), ("B", 0), ("C", 0)], [("A", 0, 20), ("B", 24, 20)])
    assert baseline(cohort, "PHQ-9")["reason"].tolist() == [VALID, NO_SCORE, NEVER]


def test_patients_without_a_session_are_not_starters(make):
    patients = pd.DataFrame({"patient_id": ["A", "B"]})
    cohort = make([("A", 0)], [("A", 0, 20)], patients=patients)
    assert baseline(cohort, "PHQ-9")["patient_id"].tolist() == ["A"]


def test_no_room_depends_on_the_instrument_s_direction():
    # WHO-5 runs from 0 to 100 and higher is better: 100 leaves no room, 0 does.
    assert no_room(np.array([0.0, 100.0]), find_instrument("WHO-5")).tolist() == [False, True]
    # CGI-S runs from 1 to 7: its minimum is 1.
    assert no_room(np.array([1.0, 2.0]), find_instrument("CGI-S")).tolist() == [True, False]


def test_change_keeps_later_scores_with_covariates_of_patient_and_session(make):
    patients = pd.DataFrame({"patient_id": ["A", "B"], "sex": ["F", "M"]})
    sessions = [
        ("A", {"hour": 0, "dose_mg_per_kg": 0.5}),
        ("A", {"hour": 48, "dose_mg_per_kg": 0.8}),
        ("B", {"hour": 0}),
    ]
    cohort = make(sessions, [("A", -2, 20), ("A", 24, 15), ("A", 72, 8), ("B", 24, 3)], patients=patients)
    frame = change_from_baseline(cohort, "PHQ-9")
    assert frame["patient_id"].tolist() == ["A", "A"]
    assert frame["change"].tolist() == [-5, -12]
    np.testing.assert_allclose(frame["fraction"], [0.25, 0.6])
    assert frame["dose_mg_per_kg"].tolist() == [0.5, 0.8]
    assert frame["sex"].tolist() == ["F", "F"]
    assert frame["session"].tolist() == [1, 2]
