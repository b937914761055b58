"""Assessments between sessions: which session they follow, how long after, how far from baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.derive.wearing import wearing_rows
from ketaoutcomes.errors import DataError

DAY = 24.0
# Six sessions of induction, then maintenance on days 40 and 68.
COURSE = (0, 2, 4, 7, 9, 11, 40, 68)


def sessions_of(patient, days=COURSE, **columns):
    return [(patient, {"hour": day * DAY} | columns) for day in days]


def rows_of(found):
    return found.frame[["patient_id", "session", "day", "benefit"]].to_numpy().tolist()


def test_benefit_counts_from_baseline_and_time_from_the_last_session(make):
    scores = [("A", 0, 20, "pre")]
    scores += [("A", day * DAY, score) for day, score in ((12, 8), (18, 10), (43, 7), (96, 15))]
    found = wearing_rows(make(sessions_of("A"), scores), "PHQ-9")
    assert rows_of(found) == [[0, 6, 1.0, 12.0], [0, 6, 7.0, 10.0], [0, 7, 3.0, 13.0], [0, 8, 28.0, 5.0]]
    assert list(found.frame["group"]) == ["end of induction"] * 2 + ["maintenance ≤12"] * 2
    assert found.frame["next_day"].tolist() == [29.0, 29.0, 28.0, np.inf]


def test_on_an_instrument_whose_higher_scores_are_better_benefit_is_a_rise(make):
    scores = [("A", 0, 40, "pre"), ("A", 12 * DAY, 64)]
    found = wearing_rows(make(sessions_of("A"), scores, instrument="WHO-5"), "WHO-5")
    assert found.frame["benefit"].tolist() == [24.0]


def test_a_score_on_the_day_of_the_next_session_before_it_ends_the_time_after_the_last_one(make):
    scores = [("A", 0, 20, "pre"), ("A", 40 * DAY, 12, "pre"), ("A", 68 * DAY, 14, "pre")]
    found = wearing_rows(make(sessions_of("A"), scores), "PHQ-9")
    assert found.frame[["session", "day"]].to_numpy().tolist() == [[6, 29.0], [7, 28.0]]


def test_sessions_within_induction_are_a_group_of_their_own_and_left_out_by_default(make):
    scores = [("A", 0, 20, "pre"), ("A", 1 * DAY, 12), ("A", 8 * DAY, 9), ("A", 14 * DAY, 8)]
    cohort = make(sessions_of("A"), scores)
    assert wearing_rows(cohort, "PHQ-9").frame["session"].tolist() == [6]
    every = wearing_rows(cohort, "PHQ-9", sessions="all")
    assert list(every.frame["group"]) == ["in induction", "in induction", "end of induction"]
    left = wearing_rows(cohort, "PHQ-9").left_out
    assert left.to_numpy().tolist() == [["after a session of induction other than its last", 2]]


def test_days_count_whole_at_both_ends(make):
    # 11.9 hours are no day, 12.1 are one; 56.4 days are 56, 56.6 are 57.
    late = [(11 + 56.4) * DAY, (11 + 56.6) * DAY]
    soon = [11 * DAY + 11.9, 11 * DAY + 12.1]
    scores = [("A", 0, 20, "pre")] + [("A", hour, 9) for hour in soon + late]
    cohort = make(sessions_of("A", COURSE[:6]), scores)
    found = wearing_rows(cohort, "PHQ-9", horizon=56.0)
    assert found.frame["day"].tolist() == pytest.approx([12.1 / 24, 56.4])
    assert dict(found.left_out.to_numpy().tolist()) == {
        "sooner after the session than the first day looked at": 1,
        "later after the session than the horizon": 1,
    }


def test_maintenance_is_split_by_the_number_of_the_session(make):
    days = [*COURSE[:6], *range(40, 40 + 14 * 9, 14)]
    scores = [("A", 0, 20, "pre")] + [("A", (day + 5) * DAY, 9) for day in days[5:]]
    cohort = make(sessions_of("A", days), scores)
    split = wearing_rows(cohort, "PHQ-9", split=8).frame
    assert split.groupby("group", observed=True)["session"].agg(["min", "max"]).to_numpy().tolist() == [
        [6, 6], [7, 8], [9, 15],
    ]  # fmt: skip
    assert list(split["group"].cat.categories) == ["end of induction", "maintenance ≤8", "maintenance 9+"]
    assert set(wearing_rows(cohort, "PHQ-9", split=None).frame["group"]) == {
        "end of induction",
        "maintenance",
    }


def test_patients_and_assessments_that_are_left_out_are_counted_by_reason(make):
    sessions = [row for name in "ABCD" for row in sessions_of(name, COURSE[:6])]
    scores = [
        ("A", 0, 20, "pre"), ("A", 20 * DAY, 9),
        ("B", 0, 20, "pre"),
        ("C", 20 * DAY, 9),
        ("D", 0, 20, "pre"), ("D", 3 * DAY, 9),
    ]  # fmt: skip
    found = wearing_rows(make(sessions, scores), "PHQ-9")
    assert dict(found.dropped.to_numpy().tolist()) == {
        "no assessment after session 1": 1,
        "no assessment that is used": 1,
        "no score before session 1": 1,
    }
    assert found.n_starters == 4
    assert len(found.frame) + found.dropped["n_patients"].sum() == 4


def test_every_session_that_is_looked_at_is_a_gap_whether_assessed_or_not(make):
    scores = [("A", 0, 20, "pre"), ("A", 20 * DAY, 9), ("A", 60 * DAY, 9)]
    found = wearing_rows(make(sessions_of("A"), scores), "PHQ-9")
    assert found.gaps["next_day"].tolist() == [29.0, 28.0, np.inf]


def test_only_chosen_sessions_are_kept(make):
    scores = [("A", 0, 20, "pre"), ("A", 14 * DAY, 9), ("A", 44 * DAY, 19), ("A", 74 * DAY, 9)]
    cohort = make(sessions_of("A"), scores)
    ids = cohort.patients["patient_id"].iloc[[0, 0]].reset_index(drop=True)
    only = pd.DataFrame({"patient_id": pd.Categorical(ids, categories=["A"]), "session": [6, 8]})
    found = wearing_rows(cohort, "PHQ-9", only=only)
    assert found.frame["session"].tolist() == [6, 8]
    assert found.left_out.to_numpy().tolist() == [["after a session without a response", 1]]
    assert len(found.gaps) == 2


def test_without_any_usable_assessment_the_reasons_are_said(make):
    scores = [("A", 0, 20, "pre"), ("A", 3 * DAY, 9)]
    with pytest.raises(DataError, match="other than its last: 1"):
        wearing_rows(make(sessions_of("A"), scores), "PHQ-9")
    with pytest.raises(DataError, match="no assessment after session 1"):
        wearing_rows(make(sessions_of("A"), scores[:1]), "PHQ-9")


def test_an_unknown_choice_of_sessions_is_refused_with_the_known_ones(make):
    cohort = make(sessions_of("A"), [("A", 0, 20, "pre"), ("A", 14 * DAY, 9)])
    with pytest.raises(DataError, match='"after_induction" or "all"'):
        wearing_rows(cohort, "PHQ-9", sessions="maintenance")
