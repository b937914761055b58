"""The guard against groups that form only later, and the landmark that makes them possible."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.settings import make_settings
from ketaoutcomes.derive import events
from ketaoutcomes.derive.events import event_set
from ketaoutcomes.derive.landmark import (
    SESSION_COLUMNS_AFTER,
    check_known_at_start,
    known_only_after,
    landmark_groups,
)
from ketaoutcomes.errors import ConfigError, DataError

INF = np.inf
DAY = 24


def with_column(make, name, settings=None):
    patients = pd.DataFrame({"patient_id": ["A", "B"], name: ["x", "y"]})
    return make([("A", 0), ("B", 0)], [("A", -1, 20), ("B", -1, 20)], patients=patients, settings=settings)


@pytest.mark.parametrize(
    "name",
    [
        "response", "responder", "phq9_response", "remission_week_4", "remitter", "relapse", "maintenance",
        "completer", "dropout", "drop_out", "stopped", "n_sessions", "number_of_sessions", "total_dose",
        "outcome", "status", "treatment_status", "improved", "final_score",
    ],
)  # fmt: skip
def test_columns_that_speak_of_what_came_later_are_refused(make, name):
    cohort = with_column(make, name)
    for landmark in (None, 28 * DAY):
        with pytest.raises(
            DataError, match=rf"patients: column '{name}' is known only after .*known_at_start"
        ):
            check_known_at_start(cohort, name, landmark)


@pytest.mark.parametrize(
    "name",
    [
        "sex", "clinic_id", "diagnosis", "prior_response", "history_of_relapse", "marital_status",
        "employment_status", "baseline_status", "planned_sessions", "responsibility", "session_room",
        "ect_history", "planned_maintenance", "improvement_expected",
    ],
)  # fmt: skip
def test_columns_that_speak_of_what_was_before_or_of_circumstances_are_not(make, name):
    check_known_at_start(with_column(make, name), name)


def test_the_clinic_s_word_goes_before_the_guess(make):
    cohort = with_column(make, "response", {"known_at_start": ["Response"]})
    check_known_at_start(cohort, "response")
    cohort = with_column(make, "room", {"known_after_start": ["room"]})
    with pytest.raises(DataError, match=r"known only after the first session \(cohort.toml says so"):
        check_known_at_start(cohort, "room")


def test_a_column_cannot_be_known_before_and_only_after():
    with pytest.raises(ConfigError, match="'room' is in 'known_at_start' and in 'known_after_start'"):
        make_settings({"known_at_start": ["room"], "known_after_start": ["room"]})
    with pytest.raises(ConfigError, match="'known_at_start' must be a list of column names"):
        make_settings({"known_at_start": "room"})


def sessions(*rows):
    """Sessions of patients: name, hour, and further columns."""
    return [(name, {"hour": hour, **more}) for name, hour, more in rows]


def test_what_a_session_produces_is_refused_at_its_start_and_taken_from_the_last_one_by_a_landmark(make):
    rows = sessions(
        ("A", 0, {"stopped_early": "yes"}), ("A", 72, {"stopped_early": "no"}),
        ("A", 400, {"stopped_early": "yes"}), ("B", 0, {"stopped_early": "yes"}),
    )  # fmt: skip
    cohort = make(rows, [("A", -1, 20), ("B", -1, 20)])
    assert "stopped_early" in SESSION_COLUMNS_AFTER
    with pytest.raises(DataError, match=r"sessions: column 'stopped_early'.*Give landmark="):
        check_known_at_start(cohort, "stopped_early")
    check_known_at_start(cohort, "stopped_early", 100)
    grouped = landmark_groups(cohort, "stopped_early", 100, "PHQ-9")
    assert [grouped.levels[code] for code in grouped.code] == [False, True]
    # A route is known when the session begins: it stays that of session 1.
    check_known_at_start(cohort, "route")
    assert landmark_groups(cohort, "route", 100, "PHQ-9").levels == ("IV",)


def test_how_treatment_ended_is_refused_with_the_reason(make):
    table = pd.DataFrame({"patient_id": ["A"], "hour": [100], "status": ["stopped"]})
    cohort = make([("A", 0)], [("A", -1, 20)], disposition=table)
    with pytest.raises(DataError, match=r"known only when treatment has ended.*competing=\"stop\""):
        check_known_at_start(cohort, "status")
    assert known_only_after(cohort, "nothing") == ""


def test_derived_groups_need_a_landmark(make):
    cohort = with_column(make, "sex")
    with pytest.raises(DataError, match=r"known only at a landmark; give one, e\.g\. landmark=28"):
        check_known_at_start(cohort, "sessions_by_landmark")
    check_known_at_start(cohort, "sessions_by_landmark", 28 * DAY)


def course(make):
    """A: six sessions in two weeks, one more on day 30. B: three. C: nine by day 40. All scored weekly."""
    days = {"A": [0, 3, 6, 9, 12, 14, 30], "B": [0, 3, 6], "C": [0, 2, 4, 6, 8, 10, 20, 30, 40]}
    rows = []
    for name, when in days.items():
        for number, day in enumerate(when):
            phase = "induction" if number < 6 else "maintenance"
            rows.append((name, DAY * day, {"phase": phase}))
    first = {"A": 21, "B": 99, "C": 35}
    scores = [(name, -1, 20) for name in days]
    scores += [(n, DAY * d + 1, 8 if d >= first[n] else 15) for n in days for d in (7, 14, 21, 28, 35, 42)]
    return make(sessions(*rows), scores)


@pytest.mark.parametrize(
    ("by", "day", "expected"),
    [
        ("maintenance_by_landmark", 28, ["no maintenance", "no maintenance", "maintenance"]),
        ("maintenance_by_landmark", 30, ["maintenance", "no maintenance", "maintenance"]),
        ("sessions_by_landmark", 10, ["4–6 sessions", "1–3 sessions", "4–6 sessions"]),
        ("sessions_by_landmark", 30, ["7 or more sessions", "1–3 sessions", "7 or more sessions"]),
        ("responded_by_landmark", 20, ["no response"] * 3),
        ("responded_by_landmark", 28, ["response", "no response", "no response"]),
    ],
)
def test_groups_are_as_known_at_the_landmark(make, by, day, expected):
    grouped = landmark_groups(course(make), by, DAY * day, "PHQ-9")
    assert [grouped.levels[code] for code in grouped.code] == expected


def test_from_the_landmark_times_count_for_those_still_at_risk(make):
    found = event_set(course(make), "PHQ-9", landmark_hours=30 * DAY)
    frame = found.frame
    # A responded by day 21. B does not by day 42. C: not on day 28, seen on day 35, 5 days and 1 h later.
    assert frame["patient_id"].tolist() == ["B", "C"]
    assert list(zip(frame["left"], frame["right"], strict=True)) == [(12 * DAY + 1, INF), (0, 5 * DAY + 1)]
    assert found.n_spanning == 1
    assert found.dropped.to_numpy().tolist() == [[events.BY_LANDMARK, 1]]
    # Gaps after the landmark: to days 35 and 42.
    assert found.gaps.tolist() == [5 * DAY + 1, 7 * DAY] * 2


def test_those_no_longer_assessed_at_the_landmark_are_counted(make):
    scores = [("A", -1, 20), ("B", -1, 20), ("A", DAY * 5, 15), ("B", DAY * 5, 15), ("B", DAY * 20, 15)]
    cohort = make([("A", 0), ("B", 0)], scores)
    found = event_set(cohort, "PHQ-9", landmark_hours=10 * DAY)
    assert found.frame["patient_id"].tolist() == ["B"]
    assert found.dropped.to_numpy().tolist() == [[events.NO_LATER, 1]]
    with pytest.raises(DataError, match="choose an earlier one"):
        event_set(cohort, "PHQ-9", landmark_hours=30 * DAY)
