"""Interval coding, worked by hand (methods: first j with response gives (s_(j-1), s_j])."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.derive import events as coding
from ketaoutcomes.derive.events import event_set, response_events
from ketaoutcomes.errors import DataError

INF = np.inf


def ends(frame):
    return list(zip(frame["left"], frame["right"], strict=True))


def test_response_lies_between_the_last_assessment_without_and_the_first_with_it(make):
    cohort = make(
        [("A", 0), ("B", 0), ("C", 0), ("D", 0)],
        [
            ("A", 0, 20), ("A", 24, 15), ("A", 72, 12), ("A", 96, 10), ("A", 120, 3),
            ("B", 0, 20), ("B", 24, 9),
            ("C", 0, 20), ("C", 24, 19), ("C", 200, 11),
            ("D", 0, 20), ("D", 48, 10), ("D", 72, 20),
        ],
    )  # fmt: skip
    frame = response_events(cohort, "PHQ-9")
    # A: 10 is half of 20, seen at 96, not yet at 72. B: at the first assessment. C: never. D: later loss
    # does not matter.
    assert ends(frame) == [(72, 96), (0, 24), (200, INF), (0, 48)]
    assert frame["event"].tolist() == [True, True, False, True]
    assert frame["reason"].tolist() == [coding.BETWEEN, coding.FIRST, coding.CENSORED, coding.FIRST]
    assert frame["n_assessments"].tolist() == [4, 1, 2, 2]


def test_whole_days_are_24_hours_each_for_both_ends(make):
    # Days 7 and 14 are hours 168 and 336.
    cohort = make(
        [("A", 0), ("B", 0)],
        [("A", 0, 20), ("A", 7, 15), ("A", 14, 8), ("B", 0, 20), ("B", 7, 18)],
        time="day",
    )
    assert ends(response_events(cohort, "PHQ-9")) == [(168, 336), (168, INF)]


def test_left_end_is_never_negative(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 0, 15, "post"), ("A", 1, 9)], time="day")
    # The score after the session of day 0 stands at hour 0, the response at hour 24.
    assert ends(response_events(cohort, "PHQ-9")) == [(0, 24)]


def test_score_after_the_session_on_its_day_is_an_assessment(make):
    cohort = make([("A", 0)], [("A", 0, 20, "pre"), ("A", 0.5, 15, "during"), ("A", 2, 9, "post")])
    assert ends(response_events(cohort, "PHQ-9")) == [(0.5, 2)]


def test_patients_left_out_are_counted_by_reason(make):
    cohort = make(
        [(name, 0) for name in "ABCDE"],
        [
            ("A", 0, 20), ("A", 24, 9),
            ("B", 0, 20),
            ("C", 24, 9),
            ("D", 0, 0), ("D", 24, 0),
            ("E", -400, 20), ("E", 24, 9),
        ],
    )  # fmt: skip
    found = event_set(cohort, "PHQ-9")
    assert len(found.frame) == 1
    assert found.n_starters == 5
    assert dict(zip(found.dropped["reason"], found.dropped["n_patients"], strict=True)) == {
        coding.NO_FOLLOW_UP: 1,
        "no score before session 1": 1,
        "no score in the 14 days before session 1": 1,
        "baseline at the end of the range that leaves no room to improve": 1,
    }


def test_of_the_assessments_after_the_horizon_only_the_first_is_looked_at(make):
    scores = [("A", 0, 20), ("A", 24, 15), ("A", 200, 5), ("B", 0, 20), ("B", 200, 5)]
    scores += [("C", 0, 20), ("C", 24, 18), ("C", 150, 16), ("C", 300, 4)]
    cohort = make([("A", 0), ("B", 0), ("C", 0)], scores)
    found = event_set(cohort, "PHQ-9", horizon_hours=100)
    # At the horizon C is known not to have responded; its response at hour 300 is not looked at.
    assert ends(found.frame) == [(24, 200), (0, 200), (150, INF)]
    assert found.frame["reason"].tolist()[2] == coding.CENSORED_HORIZON


def test_scores_after_the_horizon_alone_say_nothing_by_then(make):
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20), ("A", 200, 5), ("B", 0, 20), ("B", 200, 18)])
    with pytest.raises(DataError, match=r"no patient .* between session 1 and the horizon"):
        event_set(cohort, "PHQ-9", horizon_hours=100)


def test_change_is_counted_from_the_instrument_s_minimum(make):
    cohort = make([("A", 0)], [("A", 0, 50), ("A", 24, 38), ("A", 48, 37), ("A", 72, 34)], instrument="BPRS")
    # BPRS runs from 18: from 50, half of the way is 34, although 34 is 68 % of 50.
    assert ends(response_events(cohort, "BPRS", definition="response_50")) == [(48, 72)]


def test_remission_needs_a_baseline_that_is_not_in_remission(make):
    cohort = make([("A", 0), ("B", 0)], [("A", 0, 20), ("A", 24, 5), ("A", 48, 4), ("B", 0, 4), ("B", 24, 3)])
    found = event_set(cohort, "PHQ-9", definition="remission")
    assert found.definition.name == "remission_phq9_lt5"
    assert ends(found.frame) == [(24, 48)]
    assert found.dropped["reason"].tolist() == ["already in remission at baseline"]


def test_a_fall_is_no_response_where_higher_is_better(make):
    cohort = make([("A", 0)], [("A", 0, 40), ("A", 24, 10)], instrument="WHO-5")
    with pytest.raises(DataError, match="higher scores are better"):
        response_events(cohort, "WHO-5", definition="response_50")


def test_definition_of_another_instrument_is_refused(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 24, 5)])
    with pytest.raises(DataError, match=r"not for PHQ-9; choose one of: .*remission_phq9_lt5"):
        response_events(cohort, "PHQ-9", definition="remission_madrs_le10")


def test_definition_that_needs_a_history_is_refused(make):
    cohort = make([("A", 0)], [("A", 0, 20), ("A", 24, 5)], instrument="MADRS")
    with pytest.raises(DataError, match="not decided by one score"):
        response_events(cohort, "MADRS", definition="relapse_sustain1")


def test_nobody_to_analyse_is_an_error_that_says_why(make):
    cohort = make([("A", 0)], [("A", 24, 20)])
    with pytest.raises(DataError, match="no patient has both"):
        response_events(cohort, "PHQ-9")


def test_order_of_rows_does_not_matter(make):
    rng = np.random.default_rng(1)
    names = [f"P{k:03d}" for k in range(40)]
    sessions = [(name, hour) for name in names for hour in (0, 72, 168)]
    scores = [(name, float(hour), int(rng.integers(2, 27))) for name in names for hour in (-5, 30, 100, 300)]
    once = response_events(make(sessions, scores), "PHQ-9")
    shuffled = make(
        [sessions[k] for k in rng.permutation(len(sessions))],
        [scores[k] for k in rng.permutation(len(scores))],
    )
    pd.testing.assert_frame_equal(response_events(shuffled, "PHQ-9"), once)
