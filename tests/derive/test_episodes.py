"""Episodes between sessions, worked by hand: (t_k, t_k+1], delayed entry, loss in (L, R]."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.derive import episodes as made
from ketaoutcomes.derive.episodes import episode_set, episodes

INF = np.inf
DAY = 24.0


def ends(frame):
    return list(zip(frame["left"], frame["right"], strict=True))


def status(**rows):
    """A disposition table: patient=(hour, status)."""
    records = [{"patient_id": name, "hour": hour, "status": word} for name, (hour, word) in rows.items()]
    return pd.DataFrame(records)


# ---------------------------------------------------------------- entry


def test_an_episode_is_at_risk_from_its_first_responding_assessment(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 4, 15), ("A", 24, 9), ("A", 48, 8), ("A", 200, 14)])
    frame = episodes(cohort, "PHQ-9")
    # Not yet at 4 h, responding at 24 h, kept at 48 h, lost at 200 h (10 is half of 20).
    assert frame["entry"].tolist() == [24]
    assert ends(frame) == [(48, 200)]
    assert frame["n_assessments"].tolist() == [3]
    assert not frame["carried"].any()
    assert frame["end_reason"].tolist() == [made.LOSS]
    assert frame["end"].tolist() == [200]


def test_a_whole_number_of_days_takes_in_that_day_at_any_time(make):
    names = "ABC"
    cohort = make(
        [(name, 0) for name in names],
        [(name, 0, 20) for name in names] + [("A", 72, 9), ("B", 83.9, 9), ("C", 84, 9)],
    )
    found = episode_set(cohort, "PHQ-9")
    # 83.9 hours are day 3 to the nearest day, 84 hours are day 4.
    assert found.frame["entry"].tolist() == [72, 83.9]
    assert found.dropped.to_dict("records") == [{"reason": made.UNKNOWN, "n_episodes": 1, "n_patients": 1}]


def test_a_window_of_hours_is_counted_to_the_hour(make):
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20), ("A", 4, 9), ("B", 0, 20), ("B", 4.1, 9)])
    assert episodes(cohort, "PHQ-9", onset_hours=4)["entry"].tolist() == [4]


def test_a_response_after_the_window_begins_no_episode(make):
    scores = [("A", 0, 20), ("A", 24, 15), ("A", 200, 5), ("B", 0, 20), ("B", 24, 9)]
    found = episode_set(make([("A", 0), ("B", 0)], scores), "PHQ-9")
    assert len(found.frame) == 1
    assert found.dropped["reason"].tolist() == [made.NOT_RESPONDING]


def test_a_response_before_the_session_is_carried_into_it(make):
    cohort = make(
        [("A", 0), ("A", 168)], [("A", 0, 20), ("A", 24, 9), ("A", 167, 9), ("A", 300, 8), ("A", 400, 12)]
    )
    frame = episodes(cohort, "PHQ-9", sessions="all")
    assert frame["carried"].tolist() == [False, True]
    assert frame["entry"].tolist() == [24, 0]
    assert ends(frame) == [(167, INF), (132, 232)]
    assert frame["session_hour"].tolist() == [0, 168]
    assert frame["number"].tolist() == [1, 2]
    assert frame["score_before"].tolist()[1] == 9
    assert np.isnan(frame["score_before"].iloc[0])


def test_a_carried_response_may_be_lost_by_the_first_assessment(make):
    scores = [("A", 0, 20), ("A", 167, 9), ("A", 200, 15), ("A", 210, 3)]
    found = episode_set(make([("A", 0), ("A", 168)], scores), "PHQ-9", sessions="all")
    assert ends(found.frame) == [(0, 32)]
    assert found.frame["n_assessments"].tolist() == [1]
    # Session 1: the first score is not within 3 days, and none was before.
    assert found.dropped["reason"].tolist() == [made.UNKNOWN]


@pytest.mark.parametrize(
    ("hour", "is_carried"), [(1000 - 14 * DAY - 11.9, True), (1000 - 14 * DAY - 12.1, False)]
)
def test_a_response_is_carried_from_at_most_14_days_before(make, hour, is_carried):
    cohort = make([("A", 0), ("A", 1000)], [("A", 0, 20), ("A", 24, 9), ("A", hour, 9), ("A", 1100, 9)])
    frame = episodes(cohort, "PHQ-9", sessions="all")
    assert (frame["session"] == 2).sum() == int(is_carried)


def test_the_last_score_before_the_session_decides_what_is_carried(make):
    cohort = make([("A", 0), ("A", 168)], [("A", 0, 20), ("A", 24, 9), ("A", 150, 12), ("A", 300, 5)])
    found = episode_set(cohort, "PHQ-9", sessions="all")
    assert found.frame["session"].tolist() == [1]
    assert found.dropped["reason"].tolist() == [made.NOT_BEFORE]


def test_the_baseline_is_never_carried_into_session_1(make):
    # CGI-I has no baseline score: "much improved" before session 1 is no response to it.
    cohort = make([("A", 0), ("B", 0)], [("A", -5, 4), ("A", 24, 2), ("B", 24, 2)], instrument="CGI-I")
    frame = episodes(cohort, "CGI-I")
    assert not frame["carried"].any()


def test_a_carried_response_without_a_later_score_says_nothing_of_its_loss(make):
    cohort = make([("A", 0), ("A", 168)], [("A", 0, 20), ("A", 24, 9), ("A", 167, 9)])
    last = episodes(cohort, "PHQ-9", sessions="all").iloc[1]
    assert (last["left"], last["right"], last["n_assessments"]) == (0, INF, 0)


# ---------------------------------------------------------------- loss


def test_with_hysteresis_a_response_is_kept_down_to_the_lower_share(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 24, 9), ("A", 100, 14), ("A", 200, 16)])
    assert ends(episodes(cohort, "PHQ-9")) == [(24, 100)]
    # From 20, a quarter of improvement is 15.
    assert ends(episodes(cohort, "PHQ-9", keep=0.25)) == [(100, 200)]


def test_a_confirmed_loss_is_dated_at_the_first_of_its_two_assessments(make):
    cohort = make(
        [("A", 0)], [("A", 0, 20), ("A", 24, 9), ("A", 50, 14), ("A", 80, 9), ("A", 90, 14), ("A", 99, 13)]
    )
    assert ends(episodes(cohort, "PHQ-9")) == [(24, 50)]
    assert ends(episodes(cohort, "PHQ-9", confirmed=True)) == [(80, 90)]


def test_a_loss_that_nothing_confirms_is_censored_where_the_response_was_last_kept(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 24, 9), ("A", 50, 8), ("A", 90, 14)])
    found = episode_set(cohort, "PHQ-9", confirmed=True)
    assert ends(found.frame) == [(50, INF)]
    assert found.frame["end_reason"].tolist() == ["no longer assessed"]
    assert found.n_unconfirmed == 1
    assert not found.frame["state_known_at_end"].any()


def test_a_loss_is_not_confirmed_across_the_next_session(make):
    scores = [("A", 0, 20), ("A", 24, 9), ("A", 167, 14), ("A", 200, 14)]
    found = episode_set(make([("A", 0), ("A", 168)], scores), "PHQ-9", confirmed=True, sessions="all")
    assert ends(found.frame) == [(24, INF)]
    assert found.frame["end_reason"].tolist() == ["next session"]
    assert found.n_unconfirmed == 1


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        # 22 points or more twice, 5 to 15 days apart, to the nearest day (5 days: at least 108 hours).
        ([(240, 22), (240 + 5 * DAY, 25)], (24, 240)),
        ([(240, 22), (240 + 4 * DAY, 25)], (24, INF)),
        ([(240, 22), (240 + 15 * DAY, 25)], (24, 240)),
        ([(240, 22), (240 + 16 * DAY, 25)], (24, INF)),
        # A score between them that is below 22 breaks the run; the pair after it counts.
        ([(240, 22), (300, 21), (360, 22), (600, 22)], (300, 360)),
        ([(240, 21), (600, 21)], (600, INF)),
    ],
)
def test_relapse_as_in_sustain_1_needs_two_scores_days_apart(make, later, expected):
    scores = [("A", 0, 40), ("A", 24, 12)] + [("A", hour, score) for hour, score in later]
    cohort = make([("A", 0)], scores, instrument="MADRS")
    assert ends(episodes(cohort, "MADRS", loss="relapse_sustain1")) == [expected]


def test_the_assessment_that_begins_an_episode_counts_as_kept(make):
    # 24 is a response from 50 and a relapse by its points.
    cohort = make([("A", 0)], [("A", 0, 50), ("A", 24, 24), ("A", 200, 26)], instrument="MADRS")
    found = episode_set(cohort, "MADRS", loss="relapse_sustain1")
    assert ends(found.frame) == [(24, INF)]
    assert found.assessments["lost"].tolist() == [False, True]
