"""Scores of a dissociation scale at their sessions: which one, before or after, the highest, the return."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive.dissociation import (
    NO_DAY,
    OUTSIDE,
    REMOTE,
    SECOND,
    returns,
    session_group,
    session_peaks,
    threshold_of,
)
from ketaoutcomes.errors import DataError

WINDOW = (-60.0, 180.0)
CADSS = find_instrument("CADSS")
FOUR = threshold_of(CADSS, None)


def placed(make, sessions, scores, *, window=WINDOW, **options):
    return session_peaks(make(sessions, scores, instrument="CADSS", **options), "CADSS", window=window)


def rows(found):
    return found.assessments[["row", "before", "minute", "score"]].to_numpy(object).tolist()


def test_minutes_are_counted_from_the_start_of_the_session_before_the_score(make):
    found = placed(make, [("A", 0.0), ("A", 48.0)], [("A", 40 / 60, 7, "during"), ("A", 48 + 1.5, 2)])
    assert rows(found) == [[0, False, 40.0, 7.0], [1, False, 90.0, 2.0]]
    assert found.peak.tolist() == [7.0, 2.0]
    assert found.peak_minute.tolist() == [40.0, 90.0]


def test_the_highest_score_is_of_those_during_and_after_the_session_and_the_last_before_is_kept(make):
    scores = [("A", -0.75, 1, "pre"), ("A", -0.25, 3, "pre"), ("A", 0.5, 6), ("A", 0.75, 9), ("A", 1.5, 9)]
    found = placed(make, [("A", 0.0)], scores)
    assert found.before.tolist() == [3.0]
    assert found.peak.tolist() == [9.0]
    assert found.peak_minute.tolist() == [45.0]
    assert found.n_after.tolist() == [3]


def test_a_session_without_a_score_has_no_peak_and_not_0(make):
    found = placed(make, [("A", 0.0), ("A", 48.0), ("B", 0.0)], [("A", 0.5, 0)])
    np.testing.assert_array_equal(found.peak, [0.0, np.nan, np.nan])
    assert found.n_after.tolist() == [1, 0, 0]


def test_both_ends_of_the_window_belong_to_the_session(make):
    # 0.1 + 0.2 hours and such must not push a score over a limit: 180 and 60 minutes are inside.
    scores = [("A", 24 - 1.0, 2), ("A", 3.0, 5), ("A", 24 + 181 / 60, 8), ("A", 24 - 61 / 60, 9)]
    found = placed(make, [("A", 0.0), ("A", 24.0)], scores)
    assert rows(found) == [[0, False, 180.0, 5.0], [1, True, -60.0, 2.0]]
    assert found.left_out.to_numpy(object).tolist() == [[OUTSIDE, 2]]


def test_a_score_between_two_sessions_is_of_the_one_before_it_unless_it_says_pre(make):
    sessions = [("A", 0.0), ("A", 3.0)]
    found = placed(make, sessions, [("A", 2.5, 4), ("A", 2.6, 5, "pre"), ("A", 2.7, 6, "post")])
    assert rows(found) == [[0, False, 150.0, 4.0], [0, False, 162.0, 6.0], [1, True, -24.0, 5.0]]


@pytest.mark.parametrize("same_time", ["before", "after"])
def test_a_score_at_the_sessions_own_time_is_during_it_at_no_minute_unless_it_says_pre(make, same_time):
    scores = [("A", 0.0, 9), ("A", 0.0, 1, "pre"), ("B", 3.0, 6, "during"), ("C", 3.0, 7)]
    sessions = [("A", 0.0), ("B", 0.0), ("B", 3.0), ("C", 0.0), ("C", 3.0)]
    found = placed(make, sessions, scores, settings={"same_time": same_time})
    # C's second session starts at the score's time; that the first one was 180 minutes ago does not count.
    assert found.assessments["row"].tolist() == [0, 0, 2, 4]
    np.testing.assert_array_equal(found.before, [1.0, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(found.peak, [9.0, np.nan, 6.0, np.nan, 7.0])
    np.testing.assert_array_equal(found.after["minute"], [np.nan] * 3)
    assert found.after["by_rule"].tolist() == [True, False, True]
    assert len(found.left_out) == 0


def by_day(scores, *, days=(0, 3, 7), **columns):
    """Scores (patient, hour or day, score, timing) of patients with sessions on days without a clock time."""
    patients = sorted({row[0] for row in scores})
    sessions = pd.DataFrame([(p, d) for p in patients for d in days], columns=["patient_id", "day"])
    time = columns.get("time", "hour")
    table = pd.DataFrame(scores, columns=["patient_id", time, "score", "timing"]).assign(instrument="CADSS")
    frames = {"patients": pd.DataFrame({"patient_id": patients}), "sessions": sessions.assign(route="IV")}
    return session_peaks(assemble(frames | {"scores": table}), "CADSS", window=WINDOW)


def test_scores_by_the_clock_on_the_day_of_a_session_without_one_are_during_it_at_no_minute():
    scores = [("A", 24 * day + 0.67, score, None) for day, score in ((0, 12), (3, 8), (7, 5))]
    found = by_day([*scores, ("A", 3 * 24 + 0.2, 40, "pre"), ("A", 5 * 24.0, 50, None)])
    assert found.peak.tolist() == [12.0, 8.0, 5.0]
    np.testing.assert_array_equal(found.before, [np.nan, 40.0, np.nan])
    # Hours are counted from session 1, so its minute is known: 0.67 hours, to the second.
    np.testing.assert_allclose(found.peak_minute, [40.2, np.nan, np.nan])
    assert found.after["by_rule"].tolist() == [False, True, True]
    assert found.left_out.to_numpy(object).tolist() == [[OUTSIDE, 1]]


def test_hours_of_the_clock_on_day_0_are_of_session_1_as_those_of_other_days_are_of_theirs():
    found = by_day([("A", 10.67, 12, None), ("A", 3 * 24 + 10.67, 8, None), ("A", 25.0, 3, None)])
    np.testing.assert_array_equal(found.peak, [12.0, 8.0, np.nan])
    assert np.isnan(found.peak_minute).all()
    assert found.left_out.to_numpy(object).tolist() == [[OUTSIDE, 1]]


def test_days_of_scores_on_days_of_sessions_are_during_them_unless_they_say_pre():
    scores = [
        ("A", 0, 12, None),
        ("A", 0, 1, "pre"),
        ("A", 3, 8, None),
        ("A", 3, 2, "pre"),
        ("A", 4, 9, None),
    ]
    found = by_day(scores, time="day")
    np.testing.assert_array_equal(found.peak, [12.0, 8.0, np.nan])
    np.testing.assert_array_equal(found.before, [1.0, 2.0, np.nan])
    assert np.isnan(found.after["minute"]).all()
    assert found.left_out.to_numpy(object).tolist() == [[NO_DAY, 1]]


def test_a_day_of_a_score_belongs_to_the_session_of_that_day_whose_clock_time_is_known():
    starts = ["2025-03-03 10:00", "2025-03-06 10:00"]
    scores = [
        ("2025-03-03", 8, None),
        ("2025-03-06", 1, "pre"),
        ("2025-03-06", 9, None),
        ("2025-03-05", 7, None),
    ]
    frames = {
        "patients": pd.DataFrame({"patient_id": ["A"]}),
        "sessions": pd.DataFrame({"patient_id": "A", "route": "IV", "start": starts}),
        "scores": pd.DataFrame(scores, columns=["taken", "score", "timing"]).assign(
            patient_id="A", instrument="CADSS"
        ),
    }
    settings = {"deidentification": "limited-data-set", "timezone": "UTC"}
    found = session_peaks(assemble(frames, settings), "CADSS", window=WINDOW)
    assert found.peak.tolist() == [8.0, 9.0]
    np.testing.assert_array_equal(found.before, [np.nan, 1.0])
    assert np.isnan(found.after["minute"]).all()
    assert found.left_out.to_numpy(object).tolist() == [[NO_DAY, 1]]


def test_the_word_pre_stands_where_the_start_on_record_is_a_little_too_early(make):
    found = placed(make, [("A", 0.0)], [("A", 2 / 60, 1, "pre"), ("A", 0.5, 8)])
    assert found.before.tolist() == [1.0]
    assert found.peak.tolist() == [8.0]


def test_during_is_never_before_a_session_and_remote_belongs_to_none(make):
    scores = [("A", 23.7, 8, "during"), ("A", 0.5, 9, "remote"), ("A", 0.6, 5, "during")]
    found = placed(make, [("A", 0.0), ("A", 24.0)], scores)
    assert rows(found) == [[0, False, 36.0, 5.0]]
    assert dict(found.left_out.to_numpy(object).tolist()) == {OUTSIDE: 1, REMOTE: 1}


@pytest.mark.parametrize(("before", "row"), [(2, 1), (15, 1), (16, 0)])
def test_during_a_few_minutes_before_the_start_on_record_is_of_the_session_that_starts(before, row):
    # Two sessions of one day, two hours apart: the window of the first one covers the start of the second.
    make = {"patient_id": ["A", "A"], "hour": [0.0, 2.0], "route": "IV"}
    scores = {"patient_id": ["A"], "hour": 2.0 - before / 60, "instrument": "CADSS", "score": 30.0}
    frames = {"patients": pd.DataFrame({"patient_id": ["A"]}), "sessions": pd.DataFrame(make)}
    frames["scores"] = pd.DataFrame(scores).assign(timing="during")
    found = session_peaks(assemble(frames), "CADSS", window=WINDOW)
    assert rows(found) == [[row, False, 0.0 if row else 120.0 - before, 30.0]]


def test_during_just_before_the_only_session_is_not_left_out_and_nearer_to_the_one_before_stays_there(make):
    found = placed(make, [("A", 0.0)], [("A", -3 / 60, 20, "during"), ("A", 0.5, 4, "during")])
    assert rows(found) == [[0, False, 0.0, 20.0], [0, False, 30.0, 4.0]]
    assert found.peak_minute.tolist() == [0.0]
    assert len(found.left_out) == 0
    # "post" and a score without a word keep to the clock.
    clock = placed(make, [("A", 0.0)], [("A", -3 / 60, 20), ("A", -2 / 60, 9, "post")])
    assert rows(clock) == [[0, True, -3.0, 20.0]]
    near = placed(make, [("A", 0.0), ("A", 0.3)], [("A", 5 / 60, 7, "during")])
    assert rows(near) == [[0, False, 5.0, 7.0]]


def test_of_two_scores_at_one_time_the_one_that_says_pre_is_the_one_before(make):
    found = placed(make, [("A", 0.0)], [("A", -0.2, 5), ("A", -0.2, 1, "pre")])
    assert found.before.tolist() == [1.0]
    assert found.left_out.to_numpy(object).tolist() == [[SECOND, 1]]


def test_a_score_known_to_the_day_counts_for_the_highest_but_has_no_minute(make):
    starts = ["2025-03-03 10:00", "2025-03-06"]
    scores = [
        ("A", "2025-03-03", 8, "during"),
        ("A", "2025-03-06 11:00", 3, "post"),
        ("A", "2025-03-07", 50, "post"),
        ("A", "2025-03-06", 1, "pre"),
    ]
    settings = {"deidentification": "limited-data-set", "timezone": "UTC"}
    frames = {
        "patients": pd.DataFrame({"patient_id": ["A"]}),
        "sessions": pd.DataFrame({"patient_id": "A", "route": "IV", "start": starts}),
        "scores": pd.DataFrame(scores, columns=["patient_id", "taken", "score", "timing"]).assign(
            instrument="CADSS"
        ),
    }
    found = session_peaks(assemble(frames, settings), "CADSS", window=WINDOW)
    assert found.peak.tolist() == [8.0, 3.0]
    assert np.isnan(found.peak_minute).all()
    assert np.isnan(found.assessments["minute"]).all()
    assert found.before.tolist()[1] == 1.0
    assert found.left_out.to_numpy(object).tolist() == [[NO_DAY, 1]]


def test_a_return_lies_between_the_last_score_above_and_the_first_one_that_is_not(make):
    scores = [("A", m / 60, s) for m, s in ((20, 2), (40, 10), (60, 6), (90, 4), (120, 0))]
    scores += [("B", m / 60, s) for m, s in ((40, 10), (80, 5))]
    scores += [("C", m / 60, s) for m, s in ((40, 4), (80, 4))]
    scores += [("D", m / 60, s) for m, s in ((40, 9), (60, 1), (80, 7))]
    scores += [("E", 40 / 60, 9)]
    back = returns(placed(make, [(name, 0.0) for name in "ABCDE"], scores), FOUR)
    # C is never above 4; B and E are not seen back, and E is not even looked at again.
    assert back.row.tolist() == [0, 1, 3, 4]
    assert back.left.tolist() == [60.0, 80.0, 40.0, 40.0]
    assert back.right.tolist() == [90.0, np.inf, 60.0, np.inf]
    assert back.seen.tolist() == [True, True, True, False]
    assert back.n_again == 1


def test_nobody_above_the_threshold_gives_no_return(make):
    back = returns(placed(make, [("A", 0.0)], [("A", 0.5, 4)]), FOUR)
    assert back.row.size == 0
    assert back.n_again == 0


def test_the_catalogues_cutoff_is_above_4_and_the_short_scale_has_none():
    assert (FOUR.value, FOUR.words) == (4.0, "above 4")
    assert "convention" in FOUR.meaning
    assert FOUR.exceeded(np.array([4.0, 5.0, np.nan])).tolist() == [False, True, False]
    assert threshold_of(CADSS, "esketamine_programme_4") == FOUR
    short = find_instrument("CADSS-6")
    with pytest.raises(DataError, match="no cut-off of CADSS-6 to go by; give a number"):
        threshold_of(short, None)
    assert threshold_of(short, 2).words == "above 2"


@pytest.mark.parametrize("wrong", [92, -1, "five", True, (4,)])
def test_a_threshold_that_cannot_be_one_is_refused(wrong):
    with pytest.raises(DataError, match="threshold"):
        threshold_of(CADSS, wrong)


def test_groups_of_session_numbers():
    assert session_group(np.array([1, 2, 3, 4, 6, 7, 40])).tolist() == [0, 1, 2, 3, 3, 4, 4]


def test_the_order_of_rows_does_not_matter(make):
    sessions = [("A", 0.0), ("A", 48.0), ("B", 0.0)]
    scores = [("A", 0.5, 7), ("A", 1.0, 3), ("A", 48.5, 9, "post"), ("B", 0.7, 2), ("B", -0.5, 0, "pre")]
    first = placed(make, sessions, scores)
    second = placed(make, sessions[::-1], scores[::-1])
    assert rows(first) == rows(second)
