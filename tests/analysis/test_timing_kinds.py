"""Time to response beyond the first one from session 1: other kinds, origins, clocks, stops, groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.timing import time_to_remission, time_to_response
from ketaoutcomes.analysis.turnbull import numbered_by_content
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.events import event_set
from ketaoutcomes.engine.logrank import interval_logrank
from ketaoutcomes.engine.schedules import schedule_difference
from ketaoutcomes.errors import DataError

INF = np.inf
DAY = 24.0


@pytest.fixture(scope="module")
def clinic(root):
    return load_cohort(root / "data" / "sample")


def weekly(make, first_week, *, patients=None, **tables):
    """Scored 20 before session 1 and weekly to week 4: 18 before the week of response and 8 from it on."""
    names = [f"P{k:02d}" for k in range(len(first_week))]
    rows = [(name, -1, 20) for name in names]
    rows += [
        (name, 7 * DAY * k, 8 if k >= week else 18)
        for name, week in zip(names, first_week, strict=True)
        for k in (1, 2, 3, 4)
    ]
    return make([(name, 0) for name in names], rows, patients=patients, **tables)


def test_by_how_much_kaplan_meier_is_late_is_the_distance_to_the_median_s_ends(make):
    # Half respond between day 7 and day 14; Kaplan-Meier says day 14.
    result = time_to_response(weekly(make, [1, 1, 2, 2, 2, 9, 9, 9]), "PHQ-9", n_replicates=0)
    assert result.medians[["naive", "late_low", "late_high"]].to_numpy().tolist() == [[14, 0, 7]]
    assert "says day 14, 0 to 7 days later" in result.summary()
    never = time_to_response(weekly(make, [1, 9, 9, 9]), "PHQ-9", n_replicates=0)
    assert never.medians[["late_low", "late_high"]].isna().all(axis=None)


def test_median_number_of_sessions_is_a_whole_number_with_a_point_mass(make):
    # Sessions every 3 days, scores a day after each. 2 of 10 respond after one session, 4 after two,
    # 1 after three, the others not after four.
    took = [1, 1, 2, 2, 2, 2, 3, 9, 9, 9]
    names = [f"P{k}" for k in range(10)]
    sessions = [(name, 72.0 * k) for name in names for k in range(4)]
    rows = [(name, -1, 20) for name in names]
    rows += [
        (name, 72.0 * k + 24, 8 if k + 1 >= n else 18)
        for name, n in zip(names, took, strict=True)
        for k in range(4)
    ]
    result = time_to_response(make(sessions, rows), "PHQ-9", unit="sessions", n_replicates=50)
    assert result.landmarks["time"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(result.landmarks["estimate"], [0.2, 0.6, 0.7, 0.7], atol=1e-9)
    np.testing.assert_allclose(result.landmarks["estimate_high"], [0.2, 0.6, 0.7, 0.7], atol=1e-9)
    assert result.landmarks["n_responded"].tolist() == [2, 6, 7, 7]
    assert result.landmarks["n_not_yet"].tolist() == [8, 4, 3, 3]
    assert result.masses[["left", "right"]].to_numpy().tolist() == [[1, 1], [2, 2], [3, 3], [4, INF]]
    assert result.medians[["low", "high", "late_low"]].to_numpy().tolist() == [[2, 2, 0]]
    assert "Half had responded by session 2" in result.summary()
    assert result.title.startswith("Number of sessions to first response")
    with pytest.raises(DataError, match="numbers of sessions, whole"):
        time_to_response(make(sessions, rows), "PHQ-9", unit="sessions", at=(1.5,))


def test_without_censoring_incidence_is_the_share_seen(make):
    # Ten patients: two respond in week 1, three in week 2, two stop on day 10 and one on day 3, two neither.
    stops = pd.DataFrame(
        {
            "patient_id": ["P05", "P06", "P07", "P08", "P09"],
            "hour": [240.0, 240.0, 72.0, 700.0, 700.0],
            "status": ["stopped", "lost to follow-up", "stopped", "completed", "ongoing"],
        }
    )
    cohort = weekly(make, [1, 1, 2, 2, 2, 9, 9, 9, 9, 9], disposition=stops)
    result = time_to_response(
        cohort, "PHQ-9", competing="stop", at=(7, 14, 28), n_replicates=100, resample="patients"
    )
    np.testing.assert_allclose(result.landmarks["estimate"], [0.2, 0.5, 0.5], atol=1e-9)
    np.testing.assert_allclose(result.landmarks["estimate_high"], [0.2, 0.5, 0.5], atol=1e-9)
    assert result.landmarks["n_stopped"].tolist() == [1, 3, 3]
    counts = result.landmarks[["n_responded", "n_stopped", "n_unknown", "n_not_yet"]]
    assert counts.sum(axis=1).tolist() == result.landmarks["n"].tolist() == [10, 10, 10]
    assert result.landmarks["n_not_yet"].tolist() == [7, 2, 2]
    stopping = result.competing.set_index("time")["estimate"]
    np.testing.assert_allclose(stopping.loc[[3, 10]], [0.1, 0.3], atol=1e-9)
    assert (result.competing["conf_low"] <= result.competing["estimate"] + 1e-9).all()
    assert result.medians[["low", "high"]].to_numpy().tolist() == [[7, 14]]
    # Aalen-Johansen at detection: 5 of 10 whose course is known; Kaplan-Meier with the stops censored would
    # say 1 - .8 * 4/7 > .5.
    assert result.naive["estimate"].iloc[-1] == pytest.approx(0.5, abs=1e-12)
    assert "Aalen–Johansen" in result.sentences()[1]
    assert not any("Kaplan" in note or "Turnbull" in note for note in result.notes)
    assert any("3 patients stopped before response" in note for note in result.notes)


def test_a_response_that_may_have_come_before_the_stop_is_bounded_from_above(make):
    stops = pd.DataFrame({"patient_id": ["P03", "P04"], "hour": [240.0, 240.0], "status": ["stopped"] * 2})
    cohort = weekly(make, [1, 2, 2, 9, 9], disposition=stops)
    options = {"competing": "stop", "at": (14,), "n_replicates": 0}
    surely = time_to_response(cohort, "PHQ-9", **options).landmarks.iloc[0]
    at_most = time_to_response(cohort, "PHQ-9", stop_state="response", **options).landmarks.iloc[0]
    assert surely["estimate"] == pytest.approx(0.6, abs=1e-9)
    # Both were last assessed some days before they stopped on day 10, and not at the stop.
    assert at_most["estimate"] == pytest.approx(1.0, abs=1e-9)
    assert surely["n_stopped"] == 2


def test_a_competing_event_does_without_what_it_has_no_method_for(make, clinic):
    with pytest.raises(DataError, match="disposition"):
        time_to_response(weekly(make, [1, 2]), "PHQ-9", competing="stop")
    with pytest.raises(DataError, match='resample="patients" alone'):
        time_to_response(clinic, "PHQ-9", competing="stop", resample="m-out-of-n")
    found = time_to_response(clinic, "PHQ-9", competing="stop", by="sex", n_replicates=0)
    assert found.comparison is None
    assert any("No test of the groups" in note for note in found.notes)


def test_each_session_counts_sessions_and_patients(clinic):
    result = time_to_response(
        clinic, "Mood-NRS", origin="each_session", unit="hours", horizon=72, n_replicates=20
    )
    frame = event_set(clinic, "Mood-NRS", origin="each_session", clock_needed=True, horizon_hours=72).frame
    sizes = result.medians[["n_sessions", "n_patients"]].to_numpy().tolist()
    assert sizes == [[len(frame), frame["patient_id"].nunique()]]
    assert (result.landmarks["n"] == len(frame)).all()
    assert (result.landmarks["n_patients"] == frame["patient_id"].nunique()).all()
    assert any("which ends observation. That is informative" in note for note in result.notes)
    assert result.origin == "the session"
    assert result.table["estimate"].is_monotonic_increasing


def test_patients_not_sessions_are_drawn_for_the_band_of_each_session(clinic):
    narrow = time_to_response(clinic, "PHQ-9", origin="each_session", at=(7,), n_replicates=100)
    frame = event_set(clinic, "PHQ-9", origin="each_session").frame
    code = numbered_by_content(patient_codes(frame), frame["left"].to_numpy(), frame["right"].to_numpy())
    # As many numbers as patients, each patient one number.
    pairs = np.unique(np.column_stack([code, patient_codes(frame)]), axis=0)
    assert len(pairs) == frame["patient_id"].nunique() == narrow.landmarks["n_patients"].iloc[0]


def test_the_order_of_patients_does_not_depend_on_their_names():
    left, right = np.array([0.0, 3, 0, 0, 1]), np.array([7.0, 9, 7, INF, 2])
    code = numbered_by_content(np.array([4, 4, 1, 2, 2]), left, right)
    renamed = numbered_by_content(np.array([1, 1, 9, 5, 5]), left, right)
    assert code.tolist() == renamed.tolist()
    assert len(set(code)) == 3


def test_remission_is_the_same_analysis_with_the_default_definition_of_remission(clinic):
    found = time_to_remission(clinic, "PHQ-9", n_replicates=0, horizon=42)
    same = time_to_response(clinic, "PHQ-9", definition="remission", n_replicates=0, horizon=42)
    pd.testing.assert_frame_equal(found.table, same.table)
    assert found.provenance["function"] == "time_to_remission"
    assert found.kind == "remission"
    with pytest.raises(DataError, match="remission"):
        time_to_remission(clinic, "PHQ-9", definition="response_50")


def test_groups_are_compared_by_the_log_rank_test_of_their_intervals(clinic):
    result = time_to_response(clinic, "PHQ-9", by="sex", n_replicates=0, test="wilcoxon")
    events = event_set(clinic, "PHQ-9")
    frame = events.frame.assign(row=np.arange(len(events.frame)))
    known = frame.dropna(subset="sex")
    group = (known["sex"] == "male").to_numpy(int)
    left, right = known["left"].to_numpy(), known["right"].to_numpy()
    expected = interval_logrank(left, right, group, score="wilcoxon")
    row = result.comparison.iloc[0]
    assert row["statistic"] == pytest.approx(expected.statistic, rel=1e-9)
    assert row["p_value"] == pytest.approx(expected.p_value, rel=1e-9)
    assert row[["score", "df", "n", "n_patients"]].tolist() == ["wilcoxon", 1, len(known), len(known)]
    inside = np.isin(events.gap_row, known["row"])
    sex = (frame["sex"] == "male").to_numpy(int)[events.gap_row]
    schedule = schedule_difference(events.gaps[inside], sex[inside], clusters=events.gap_row[inside])
    assert row["schedule_p_value"] == schedule.p_value
    assert "Log-rank test for intervals (Wilcoxon)" in result.summary()


def test_different_schedules_are_warned_of_and_a_test_without_that_assumption_is_added(make):
    # The same weeks of response in both groups; group b is assessed every other week.
    weeks = [1, 2, 3, 4, 9, 2] * 10
    names = [f"P{k:02d}" for k in range(60)]
    group = ["a", "b"] * 30
    rows = [(name, -1, 20) for name in names]
    for name, week, which in zip(names, weeks, group, strict=True):
        rows += [
            (name, 7 * DAY * k, 8 if k >= week else 18) for k in ((1, 2, 3, 4) if which == "a" else (2, 4))
        ]
    patients = pd.DataFrame({"patient_id": names, "plan": group})
    result = time_to_response(
        make([(name, 0) for name in names], rows, patients=patients), "PHQ-9", by="plan", n_replicates=0
    )
    assert result.comparison["method"].tolist() == ["asymptotic", "schedule-free"]
    assert (result.comparison["schedule_p_value"] < 0.05).all()
    assert any("Assessment schedules differ between groups" in note for note in result.notes)
    assert "without equal schedules" in result.summary()


def test_below_twenty_patients_there_is_no_test_and_a_note(make):
    for n in (19, 20):
        names = [f"P{k:02d}" for k in range(n)]
        patients = pd.DataFrame({"patient_id": names, "plan": ["a", "b"] * (n // 2) + ["a"] * (n % 2)})
        cohort = weekly(make, ([1, 2, 9, 3] * 5)[:n], patients=patients)
        result = time_to_response(cohort, "PHQ-9", by="plan", n_replicates=0)
        assert (result.comparison is None) == (n == 19)
        assert any("fewer than 20 patients" in note for note in result.notes) == (n == 19)
        assert time_to_response(cohort, "PHQ-9", by="plan", test=None, n_replicates=0).comparison is None


def test_patients_in_several_groups_are_not_compared(clinic):
    result = time_to_response(
        clinic, "PHQ-9", origin="each_session", by="psychotherapy", n_replicates=0, horizon=14
    )
    assert result.comparison is None
    assert any("sessions in more than one of them" in note for note in result.notes)
    assert any("Groups: 'psychotherapy' of that session." in note for note in result.notes)


def test_groups_known_only_later_are_refused_and_possible_at_a_landmark(clinic):
    with pytest.raises(DataError, match="Give landmark="):
        time_to_response(clinic, "PHQ-9", by="stopped_early")
    found = time_to_response(
        clinic, "PHQ-9", by="sessions_by_landmark", landmark=14, n_replicates=0, horizon=42, at=(7, 28)
    )
    assert "days since the landmark, day 14" in found.title
    assert any("Landmark day 14: only patients who were still assessed" in note for note in found.notes)
    assert found.provenance["arguments"]["landmark"] == 14
    for options in ({"unit": "sessions"}, {"origin": "each_session"}):
        with pytest.raises(DataError, match="landmark"):
            time_to_response(clinic, "PHQ-9", landmark=14, **options)
    with pytest.raises(DataError, match="the landmark must be one number above 0"):
        time_to_response(clinic, "PHQ-9", landmark=-1)


def test_the_band_of_m_out_of_n_is_another_one_and_is_named(clinic):
    options = {"at": (14,), "horizon": 28, "n_replicates": 60}
    usual = time_to_response(clinic, "PHQ-9", **options)
    other = time_to_response(clinic, "PHQ-9", resample="m-out-of-n", **options)
    assert other.landmarks["estimate"].equals(usual.landmarks["estimate"])
    assert not other.landmarks["conf_low"].equals(usual.landmarks["conf_low"])
    assert any("m of n patients" in note for note in other.notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "lasting"}, 'choose "first" or "sustained" or "confirmed"'),
        ({"origin": "last_session"}, 'choose "first_session" or "each_session"'),
        ({"test": "cox"}, 'choose "sun"'),
        ({"competing": "death"}, 'choose "stop"'),
        ({"stop_state": "no"}, 'choose "nonresponse" or "response"'),
        ({"resample": "sessions"}, 'choose "patients" or "m-out-of-n"'),
    ],
)
def test_a_word_that_is_no_choice_is_refused_with_the_choices(clinic, options, words):
    with pytest.raises(DataError, match=words):
        time_to_response(clinic, "PHQ-9", **options)
