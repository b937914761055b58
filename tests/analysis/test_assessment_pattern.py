"""How often patients are assessed, after which scores, and the mean course with that undone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes import load_cohort
from ketaoutcomes.analysis.assessment_pattern import assessment_pattern
from ketaoutcomes.derive.assessments import assessment_set
from ketaoutcomes.errors import DataError

DAY = 24.0


@pytest.fixture(scope="module")
def clinic(sample):
    return load_cohort(sample)


@pytest.fixture(scope="module")
def pattern(clinic):
    return assessment_pattern(clinic, "PHQ-9", n_replicates=20)


def clinic_of(make, n_patients, gap_days, *, n_scores=12, score=None, patients=None):
    """Patients with a session on day 0 and a score each `gap_days(score)` days."""
    sessions, scores = [], []
    for number in range(n_patients):
        day, points = 0.0, float(4 + number % 18)
        scores.append((f"P{number:03d}", -1.0, points))
        sessions.append((f"P{number:03d}", 0.0))
        for step in range(n_scores):
            day += gap_days(points)
            points = points if score is None else score(number, step)
            scores.append((f"P{number:03d}", day * DAY, points))
    return make(sessions, scores, patients=patients)


def test_rows_are_cut_at_sessions_and_bands_and_lose_no_time(make):
    cohort = make(
        [("P1", 0.0), ("P1", 10 * DAY)],
        [("P1", -1.0, 20.0), ("P1", 9 * DAY, 12.0, "remote"), ("P1", 12 * DAY, 8.0, "remote")],
    )
    found = assessment_set(cohort, "PHQ-9")
    rows = found.rows
    # Session 1 at 0: bands end on days 1 and 7; session 2 on day 10: its first band ends on day 11.
    assert (rows["start"] / DAY).tolist() == [0, 1, 7, 9, 10, 11]
    assert (rows["stop"] / DAY).tolist() == [1, 7, 9, 10, 11, 12]
    assert rows["band"].tolist() == [0, 1, 2, 2, 0, 1]
    assert rows["assessed"].tolist() == [False, False, True, False, False, True]
    assert rows["last_score"].tolist() == [20, 20, 20, 12, 12, 12]
    assert rows["last_change"].tolist() == [0, 0, 0, -8, -8, -8]
    assert found.assessments["gap_days"].tolist() == [9, 3]


def test_a_score_at_a_session_ends_the_gap_before_it(make):
    cohort = make([("P1", 0.0), ("P1", 7 * DAY)], [("P1", -1.0, 20.0), ("P1", 7 * DAY, 9.0, "pre")])
    rows = assessment_set(cohort, "PHQ-9").rows
    assert rows["assessed"].tolist() == [False, True]
    assert (rows["stop"] / DAY).tolist() == [1, 7]


def test_time_after_the_horizon_is_not_looked_at(clinic):
    found = assessment_set(clinic, "PHQ-9", horizon_hours=28 * DAY)
    assert found.rows["stop"].max() <= 28 * DAY
    assert found.assessments["hour"].max() <= 28 * DAY


def test_the_rate_is_assessments_over_patient_weeks(clinic, pattern):
    found = assessment_set(clinic, "PHQ-9", horizon_hours=26 * 7 * DAY)
    row = pattern.rates.iloc[0]
    assert row["n_events"] == len(found.assessments)
    assert row["estimate"] == pytest.approx(len(found.assessments) / found.patient_weeks.sum())
    assert pattern.by_score["n_events"].sum() == row["n_events"]
    assert pattern.by_score["patient_weeks"].sum() == pytest.approx(row["patient_weeks"])


def test_kinds_and_gaps_count_every_assessment(pattern):
    n = pattern.rates["n_events"].iloc[0]
    assert pattern.kinds["n"].sum() == n == pattern.gaps["n"].iloc[0]
    assert pattern.kinds["estimate"].sum() == pytest.approx(1)


def test_the_unweighted_course_is_the_plain_mean(clinic, pattern):
    seen = assessment_set(clinic, "PHQ-9", horizon_hours=26 * 7 * DAY).assessments
    week = seen["hour"] / (7 * DAY)
    inside = seen["score"][(week > 2) & (week <= 4)]
    rows = pattern.course[(pattern.course["method"] == "unweighted") & (pattern.course["week_from"] == 2)]
    assert rows["estimate"].iloc[0] == pytest.approx(inside.mean())
    assert rows["n"].iloc[0] == len(inside)


def test_patients_assessed_more_often_when_worse_are_flagged(make):
    # A score of 18 or more is followed after 2 days, a lower one after 8.
    stream = np.random.default_rng(1)
    drawn = stream.integers(2, 26, (40, 12)).astype(float)
    cohort = clinic_of(
        make, 40, lambda points: 2.0 + 6.0 * (points < 18), score=lambda number, step: drawn[number, step]
    )
    found = assessment_pattern(cohort, "PHQ-9", weeks=(0, 2, 6, 10), n_replicates=0, mixed=False)
    alone = found.table[found.table["model"] == "last score alone"].iloc[0]
    assert alone["conf_low"] > 1.2
    assert any(note.startswith("Look here") for note in found.notes)


def test_patients_assessed_at_random_are_not_flagged(make):
    stream = np.random.default_rng(2)
    gaps = iter(stream.exponential(5.0, 40 * 12) + 0.1)
    cohort = clinic_of(make, 40, lambda points: next(gaps))
    found = assessment_pattern(cohort, "PHQ-9", weeks=(0, 2, 6, 10), n_replicates=0, mixed=False)
    assert not any(note.startswith("Look here") for note in found.notes)


def test_where_nothing_on_record_matters_weights_hardly_change_the_mean(make):
    stream = np.random.default_rng(4)
    gaps = iter(stream.exponential(5.0, 60 * 12) + 0.1)
    drawn = stream.integers(2, 26, (60, 12)).astype(float)
    cohort = clinic_of(make, 60, lambda points: next(gaps), score=lambda number, step: drawn[number, step])
    found = assessment_pattern(cohort, "PHQ-9", weeks=(0, 4, 8), n_replicates=50, mixed=False)
    # The standard deviation of a score is 7 points; 0 lies within the limits of what weights change.
    assert (found.differences["conf_low"] <= 0).all()
    assert (found.differences["conf_high"] >= 0).all()


def test_the_same_seed_gives_the_same_limits_whatever_the_order(make):
    stream = np.random.default_rng(3)
    gap = stream.exponential(5.0, (30, 12)) + 0.1
    rows = []
    for number in range(30):
        hours = np.cumsum(gap[number]) * DAY
        rows.append([(f"P{number:02d}", hour, float(5 + (number + k) % 15)) for k, hour in enumerate(hours)])
    first = [row for part in rows for row in part]
    again = [row for part in rows[::-1] for row in part]
    start = [(f"P{number:02d}", -1.0, 15.0) for number in range(30)]
    sessions = [(f"P{number:02d}", 0.0) for number in range(30)]
    how = {"weeks": (0, 4, 8), "n_replicates": 20, "mixed": False}
    one = assessment_pattern(make(sessions, start + first), "PHQ-9", **how)
    two = assessment_pattern(make(sessions[::-1], again + start), "PHQ-9", **how)
    pd.testing.assert_frame_equal(one.course, two.course)


def test_names_of_patients_do_not_move_the_limits(make):
    stream = np.random.default_rng(8)
    gaps, points = stream.exponential(5.0, (30, 12)) + 0.1, stream.integers(2, 26, (30, 13)).astype(float)
    tables = []
    for place in (range(30), range(29, -1, -1)):
        names = [f"P{number:02d}" for number in place]
        scores = [(name, -1.0, own[0]) for name, own in zip(names, points, strict=True)]
        for name, days, own in zip(names, np.cumsum(gaps, axis=1), points, strict=True):
            scores += [(name, day * DAY, score) for day, score in zip(days, own[1:], strict=True)]
        cohort = make([(name, 0.0) for name in names], scores)
        found = assessment_pattern(cohort, "PHQ-9", weeks=(0, 4, 8), n_replicates=20, mixed=False)
        tables.append((found.course, found.differences))
    for one, two in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(one, two, rtol=1e-7)


@pytest.mark.parametrize("value", ["no", 1, None])
def test_mixed_is_true_or_false(make, value):
    with pytest.raises(DataError, match="mixed is True or False"):
        assessment_pattern(clinic_of(make, 4, lambda points: 5.0), "PHQ-9", mixed=value)


def test_fewer_than_fifty_assessments_are_refused(make):
    cohort = clinic_of(make, 4, lambda points: 5.0, n_scores=5)
    with pytest.raises(DataError, match="fewer than 50 assessments"):
        assessment_pattern(cohort, "PHQ-9")


def test_a_small_group_is_left_out_and_named(clinic):
    found = assessment_pattern(clinic, "PHQ-9", by="diagnosis", n_replicates=0, weeks=(0, 2, 4))
    left_out = [note for note in found.notes if note.startswith("Fewer than 50")]
    counts = found.table.groupby("diagnosis", observed=True)["n_events"].first()
    assert (counts >= 50).all()
    assert left_out or set(counts.index) == set(clinic.patients["diagnosis"].dropna())


def test_under_twenty_patients_there_are_no_p_values(make):
    stream = np.random.default_rng(5)
    gaps = iter(stream.exponential(5.0, 12 * 12) + 0.1)
    found = assessment_pattern(clinic_of(make, 12, lambda points: next(gaps)), "PHQ-9", n_replicates=0)
    assert found.table["p_value"].isna().all()
    assert any("Only 12 patients" in note for note in found.notes)


def test_planned_assessments_stand_beside_the_others(clinic):
    found = assessment_pattern(clinic, "PHQ-9", planned="between sessions", n_replicates=0, mixed=False)
    assert set(found.course["method"]) == {"unweighted", "weighted", "only between sessions"}
    with pytest.raises(DataError, match="planned"):
        assessment_pattern(clinic, "PHQ-9", planned="weekly")
