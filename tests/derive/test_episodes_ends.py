"""What ends an episode, what its hours count from, and which sessions begin one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.derive import episodes as made
from ketaoutcomes.derive.episodes import episode_assessments, episode_set, episodes
from ketaoutcomes.errors import DataError

INF = np.inf
DAY = 24.0


def ends(frame):
    return list(zip(frame["left"], frame["right"], strict=True))


def status(**rows):
    """A disposition table: patient=(hour, status)."""
    records = [{"patient_id": name, "hour": hour, "status": word} for name, (hour, word) in rows.items()]
    return pd.DataFrame(records)


def test_a_score_before_the_next_session_on_its_day_belongs_to_the_episode_it_ends(make):
    cohort = make(
        [("A", 0), ("A", 168), ("B", 0), ("B", 168), ("C", 0), ("C", 168)],
        [
            ("A", 0, 20), ("A", 24, 9), ("A", 168, 9),
            ("B", 0, 20), ("B", 24, 9), ("B", 168, 14),
            ("C", 0, 20), ("C", 24, 9), ("C", 143, 9),
        ],
    )  # fmt: skip
    first = episodes(cohort, "PHQ-9", sessions="all").query("session == 1")
    assert ends(first) == [(168, INF), (24, 168), (143, INF)]
    assert first["end_reason"].tolist() == ["next session", "loss", "next session"]
    # C was seen 25 hours before the next session.
    assert first["state_known_at_end"].tolist() == [True, False, False]
    assert first["end"].tolist() == [168, 168, 168]
    assert first["next_session_hour"].tolist() == [168, 168, 168]


def test_a_stop_ends_the_episode_and_later_scores_are_left_out(make):
    scores = [("A", 0, 20), ("A", 24, 9), ("A", 120, 8), ("A", 400, 15)]
    frame = episodes(make([("A", 0)], scores, disposition=status(A=(240, "stopped"))), "PHQ-9")
    assert ends(frame) == [(120, INF)]
    assert frame["end_reason"].tolist() == ["stopped"]
    assert frame["end"].tolist() == [240]


def test_a_loss_on_the_day_of_the_stop_is_a_loss(make):
    scores = [("A", 0, 20), ("A", 24, 9), ("A", 245, 15)]
    frame = episodes(make([("A", 0)], scores, disposition=status(A=(240, "stopped"))), "PHQ-9")
    assert ends(frame) == [(24, 245)]


def test_a_planned_end_does_not_end_what_is_followed(make):
    scores = [("A", 0, 20), ("A", 24, 9), ("A", 400, 15), ("B", 0, 20), ("B", 24, 9), ("B", 300, 9)]
    scores += [("C", 0, 20), ("C", 24, 9)]
    cohort = make(
        [(name, 0) for name in "ABC"],
        scores,
        disposition=status(A=(240, "completed"), B=(240, "completed"), C=(240, "completed")),
    )
    frame = episodes(cohort, "PHQ-9")
    assert frame["end_reason"].tolist() == ["loss", "completed", "completed"]
    assert frame["end"].tolist() == [400, 300, 240]


def test_loss_of_contact_is_a_stop_as_in_time_to_response(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 24, 9)], disposition=status(A=(240, "lost to follow-up")))
    frame = episodes(cohort, "PHQ-9")
    assert frame["end_reason"].tolist() == ["stopped"]
    assert frame["end"].tolist() == [240]


def test_whoever_is_still_with_the_clinic_is_followed_to_the_data_cut(make):
    sessions = [("A", {"start": "2025-03-01 10:00"})]
    scores = [("A", "2025-03-01 09:00", 20), ("A", "2025-03-02 10:00", 9)]
    cohort = make(
        sessions,
        scores,
        time="taken",
        settings={"deidentification": "limited-data-set", "data_cut": "2025-03-10", "timezone": "UTC"},
    )
    frame = episodes(cohort, "PHQ-9")
    # From 1 March 10:00 to the end of 10 March: 9 days and 14 hours.
    assert frame["end"].tolist() == [9 * DAY + 14]
    assert frame["left"].tolist() == [24]
    assert frame["end_reason"].tolist() == ["no longer assessed"]


def test_without_a_data_cut_the_last_record_is_the_end(make):
    frame = episodes(make([("A", 0)], [("A", 0, 20), ("A", 24, 9), ("A", 100, 8)]), "PHQ-9")
    assert frame["end"].tolist() == [100]


# ---------------------------------------------------------------- days, clocks, sessions


def test_whole_days_stand_at_24_hours_each(make):
    sessions = [("A", 0), ("A", 7)]
    scores = [("A", 0, 20), ("A", 2, 9), ("A", 7, 9), ("A", 8, 8), ("A", 14, 15)]
    found = episode_set(make(sessions, scores, time="day"), "PHQ-9", sessions="all")
    # The score of day 7 is before the session of day 7.
    assert ends(found.frame) == [(168, INF), (24, 168)]
    assert found.frame["entry"].tolist() == [48, 0]
    assert found.frame["state_known_at_end"].tolist() == [True, False]
    assert found.n_day_only == found.n_assessments == 4
    # Without dates session 1 is hour 0 itself, whatever the clock showed.
    assert found.n_sessions_day_only == 1


def test_day_three_is_within_72_hours(make):
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20), ("A", 3, 9), ("B", 0, 20), ("B", 4, 9)], time="day")
    assert episodes(cohort, "PHQ-9")["entry"].tolist() == [72]


def test_a_loss_at_the_very_time_of_what_it_follows_is_dated_half_a_day_later(make):
    sessions = [("A", 0), ("A", 7)]
    scores = [("A", 0, 20), ("A", 2, 9), ("A", 7, 9, "pre"), ("A", 7, 15, "post")]
    frame = episodes(make(sessions, scores, time="day"), "PHQ-9", sessions="all")
    assert ends(frame) == [(168, INF), (0, 12)]


def test_the_response_clock_starts_at_the_assessment_that_begins_the_episode(make):
    cohort = make(
        [("A", 0), ("A", 168)], [("A", 0, 20), ("A", 24, 9), ("A", 100, 9), ("A", 168, 9), ("A", 300, 15)]
    )
    found = episode_set(cohort, "PHQ-9", sessions="all", clock="response")
    # The second is carried, so it counts from its session.
    assert found.frame["entry"].tolist() == [0, 0]
    assert ends(found.frame) == [(144, INF), (0, 132)]
    assert found.frame["end"].tolist() == [144, 132]
    assert found.frame["session_hour"].tolist() == [0, 168]
    assert found.assessments["hour"].tolist() == [0, 76, 144, 132]


def test_episodes_begin_with_the_sessions_that_are_chosen(make):
    phases = ["induction", "induction", "maintenance", "maintenance"]
    sessions = [("A", {"hour": 168 * k, "phase": phase}) for k, phase in enumerate(phases)]
    scores = [("A", 0, 20)] + [("A", 168 * k + 24, 5) for k in range(4)]
    cohort = make(sessions, scores)
    assert episodes(cohort, "PHQ-9", sessions="all")["session"].tolist() == [1, 2, 3, 4]
    chosen = episodes(cohort, "PHQ-9")
    assert chosen["session"].tolist() == [2, 3, 4]
    assert chosen["number"].tolist() == [1, 2, 3]
    assert chosen["phase"].tolist() == ["induction", "maintenance", "maintenance"]
    assert episodes(cohort, "PHQ-9", sessions="last_induction")["session"].tolist() == [2]


def test_the_last_induction_session_of_a_single_session_is_session_1(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 24, 5)])
    assert episodes(cohort, "PHQ-9", sessions="last_induction")["session"].tolist() == [1]


def test_a_patient_who_came_for_maintenance_has_only_sessions_after_induction(make):
    sessions = [("A", {"hour": 168 * k, "phase": "maintenance"}) for k in range(2)]
    sessions.append(("B", {"hour": 0, "phase": "induction"}))
    scores = [("A", 0, 20), ("A", 24, 5), ("A", 192, 5), ("B", 0, 20), ("B", 24, 5)]
    cohort = make(sessions, scores)
    assert episodes(cohort, "PHQ-9")["session"].tolist() == [1, 2, 1]


# ---------------------------------------------------------------- what is left out, what is handed on


def test_sessions_without_an_episode_are_counted_by_reason(make):
    cohort = make(
        [("A", 0), ("A", 400), ("B", 0), ("C", 0), ("C", 100), ("D", 0)],
        [
            ("A", 0, 20), ("A", 24, 5), ("A", 390, 12), ("B", 24, 5),
            ("C", 0, 20), ("C", 24, 15), ("C", 124, 15), ("D", 0, 20),
        ],
    )  # fmt: skip
    found = episode_set(cohort, "PHQ-9", sessions="all")
    assert len(found.frame) == 1
    assert (found.n_sessions, found.n_patients) == (6, 4)
    counts = {row.reason: (row.n_episodes, row.n_patients) for row in found.dropped.itertuples()}
    assert counts == {
        made.NOT_RESPONDING: (2, 1),
        "no score before session 1": (1, 1),
        made.UNKNOWN: (1, 1),
        made.NOT_BEFORE: (1, 1),
    }
    assert found.dropped["reason"].iloc[0] == made.NOT_RESPONDING


def test_assessments_are_those_that_the_episodes_were_read_from(make):
    cohort = make(
        [("A", 0), ("A", 168)],
        [("A", 0, 20), ("A", 4, 15), ("A", 24, 9), ("A", 100, 15), ("A", 150, 9), ("A", 190, 8)],
    )
    found = episode_set(cohort, "PHQ-9", sessions="all")
    rows = episode_assessments(cohort, found)
    assert rows["episode"].tolist() == [0, 0, 1]
    assert rows["hour"].tolist() == [24, 100, 22]
    assert rows["score"].tolist() == [9, 15, 8]
    np.testing.assert_allclose(rows["improvement"], [0.55, 0.25, 0.6])
    assert rows["lost"].tolist() == [False, True, False]
    assert found.n_assessments == len(rows) == found.frame["n_assessments"].sum()


def test_assessments_of_another_cohort_are_refused(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 24, 9)])
    other = make([("B", 0)], [("B", 0, 20), ("B", 24, 9)])
    with pytest.raises(DataError, match="another cohort"):
        episode_assessments(other, episode_set(cohort, "PHQ-9"))


def test_columns_of_the_patient_and_of_the_session_are_kept(make):
    people = pd.DataFrame({"patient_id": ["A"], "sex": ["female"]})
    sessions = [("A", {"hour": 0, "dose_mg_per_kg": 0.5}), ("A", {"hour": 168, "dose_mg_per_kg": 0.75})]
    scores = [("A", 0, 20), ("A", 24, 9), ("A", 190, 9)]
    frame = episodes(make(sessions, scores, patients=people), "PHQ-9", sessions="all")
    assert frame["sex"].tolist() == ["female", "female"]
    assert frame["dose_mg_per_kg"].tolist() == [0.5, 0.75]


def test_nobody_who_responds_is_an_error_that_says_why(make):
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20), ("A", 24, 15), ("B", 0, 20)])
    with pytest.raises(DataError, match="no patient is seen to respond by PHQ-9") as caught:
        episodes(cohort, "PHQ-9")
    assert f"{made.NOT_RESPONDING} (1)" in str(caught.value)
    assert f"{made.UNKNOWN} (1)" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sessions": "maintenance"}, "sessions="),
        ({"clock": "entry"}, "clock="),
        ({"onset_hours": 0}, "onset_hours"),
        ({"onset_hours": "72"}, "onset_hours"),
        ({"onset_hours": INF}, "onset_hours"),
        ({"response": "relapse_sustain1"}, "not decided by one score"),
        ({"baseline": "first"}, "no baseline rule"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(make, options, words):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 24, 9)])
    with pytest.raises(DataError, match=words):
        episodes(cohort, "PHQ-9", **options)


def test_only_a_cohort_has_episodes():
    with pytest.raises(DataError, match="no Cohort"):
        episodes(pd.DataFrame(), "PHQ-9")
