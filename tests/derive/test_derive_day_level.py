"""Times known only to the day, and scores that share a time with a session."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.derive import events as coding
from ketaoutcomes.derive.baseline import baseline
from ketaoutcomes.derive.change import change_from_baseline
from ketaoutcomes.derive.events import event_set, response_events
from ketaoutcomes.derive.groups import groups
from ketaoutcomes.derive.quality import missing_cells
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.derive.windows import DAY_ONLY, SCORED, windowed
from ketaoutcomes.errors import DataError

INF = np.inf
LIMITED = {"deidentification": "limited-data-set", "timezone": "America/New_York"}


def ends(frame):
    return list(zip(frame["left"], frame["right"], strict=True))


def with_columns(cohort, table, **columns):
    """The cohort with columns of a table set."""
    return replace(cohort, tables={**cohort.tables, table: getattr(cohort, table).assign(**columns)})


def dated(sessions, scores, **settings):
    """A cohort from (patient, start) and (patient, taken, score[, timing]) with dates."""
    sessions = pd.DataFrame(sessions, columns=["patient_id", "start"]).assign(route="IV")
    rows = pd.DataFrame(
        [row if len(row) == 4 else (*row, None) for row in scores],
        columns=["patient_id", "taken", "score", "timing"],
    )
    frames = {
        "patients": sessions[["patient_id"]].drop_duplicates(),
        "sessions": sessions,
        "scores": rows.assign(instrument="Mood-NRS"),
    }
    return assemble(frames, LIMITED | settings)


def test_an_assessment_known_only_to_the_day_enters_at_one_time(make):
    # Day 7 is hour 168 for both ends; before, it was hours 168 to 192 and overlapped itself.
    rows = [
        ("A", -1, 20),
        ("A", 7, 15),
        ("A", 14, 8),
        ("B", -1, 20),
        ("B", 7, 18),
        ("C", -1, 20),
        ("C", 7, 5),
    ]
    sessions = [(name, 0) for name in "ABC"]
    found = event_set(make(sessions, rows, time="day"), "PHQ-9")
    assert ends(found.frame) == [(168, 336), (168, INF), (0, 168)]
    exact = make(sessions, [(name, 24 * day, score) for name, day, score in rows])
    assert ends(response_events(exact, "PHQ-9")) == ends(found.frame)


def test_assessments_known_only_to_the_day_are_counted(make):
    # Whole days 7 and 14 are days, day 14.5 is a time; the baseline is no assessment.
    rows = [("A", -1, 20), ("A", 7, 15), ("A", 14, 14), ("A", 14.5, 8)]
    found = event_set(make([("A", 0)], rows, time="day"), "PHQ-9")
    assert (found.n_day_only, found.n_assessments) == (2, 3)


def test_a_date_without_a_clock_time_enters_at_local_noon():
    # Session at 09:00 on 2 March; 4 March noon is 51 h later, 5 March 10:00 is 73 h later.
    cohort = dated(
        [("A", "2026-03-02 09:00")],
        [("A", "2026-03-01 09:00", 8), ("A", "2026-03-04", 7), ("A", "2026-03-05 10:00", 3)],
    )
    found = event_set(cohort, "Mood-NRS")
    assert ends(found.frame) == [(51, 73)]
    assert found.n_day_only == 1


def test_with_clock_times_needed_assessments_and_origins_known_only_to_the_day_are_left_out():
    cohort = dated(
        [("A", "2026-03-02 09:00"), ("B", "2026-03-02"), ("C", "2026-03-02 09:00")],
        [
            ("A", "2026-03-01 09:00", 8), ("A", "2026-03-03", 3), ("A", "2026-03-05 10:00", 3),
            ("B", "2026-03-01 09:00", 8), ("B", "2026-03-02 16:00", 3, "post"),
            ("C", "2026-03-01 09:00", 8), ("C", "2026-03-03", 3),
        ],
    )  # fmt: skip
    cohort = with_columns(cohort, "sessions", clock_known=np.array([True, False, True]))
    found = event_set(cohort, "Mood-NRS", clock_needed=True)
    # A: 5 March 10:00 is 73 h after the session. B has no origin, C no later score with a clock time.
    assert ends(found.frame) == [(0, 73)]
    assert found.n_day_only_dropped == 2
    assert dict(zip(found.dropped["reason"], found.dropped["n_patients"], strict=True)) == {
        coding.NO_CLOCK_ORIGIN: 1,
        coding.NO_CLOCK_SCORE: 1,
    }


def test_nothing_with_a_clock_time_is_an_error_with_advice(make):
    cohort = make([("A", 0)], [("A", -1, 8), ("A", 7, 3)], instrument="Mood-NRS", time="day")
    with pytest.raises(DataError, match=r"clock time.*unit=\"days\""):
        event_set(cohort, "Mood-NRS", clock_needed=True)


def test_an_uncertain_origin_is_counted():
    cohort = dated([("A", "2026-03-02")], [("A", "2026-03-01 09:00", 8), ("A", "2026-03-09 12:00", 3)])
    for known in (True, False):
        stated = with_columns(cohort, "sessions", clock_known=np.array([known]))
        assert event_set(stated, "Mood-NRS").n_origin_uncertain == int(not known)


def test_a_score_on_the_date_of_session_1_without_a_time_is_before_it_unless_its_timing_says_otherwise():
    # Noon stands for session 1: 13:00 is 1 h later in name, but the session may have been at 15:00.
    cohort = dated(
        [("A", "2026-03-02"), ("B", "2026-03-02")],
        [
            ("A", "2026-03-02 13:00", 8), ("A", "2026-03-03 13:00", 3),
            ("B", "2026-03-02 11:00", 8, "pre"), ("B", "2026-03-02 11:30", 3, "post"),
        ],
    )  # fmt: skip
    cohort = with_columns(cohort, "sessions", clock_known=np.array([False, False]))
    assert scores(cohort, "Mood-NRS")["session"].tolist() == [0, 1, 0, 1]
    assert baseline(cohort, "Mood-NRS")["baseline"].tolist() == [8, 8]


def test_day_level_scores_fall_into_the_windows_of_their_days(make):
    # day_7 is days 6 to 8, day_14 days 12 to 16, day_28 days 25 to 31.
    rows = [("A", -1, 20), ("A", 6, 15), ("A", 11, 14), ("A", 17, 13), ("A", 31, 12)]
    sessions = [("A", 0)]
    for window, expected in (("day_7", 15), ("day_14", np.nan), ("day_28", 12), ("week_4", 12)):
        by_day = windowed(make(sessions, rows, time="day"), "PHQ-9", window)["score"]
        by_hour = windowed(make(sessions, [(n, 24 * d, s) for n, d, s in rows]), "PHQ-9", window)["score"]
        np.testing.assert_array_equal(by_day, [expected])
        np.testing.assert_array_equal(by_hour, [expected])


def test_windows_narrower_than_a_day_need_clock_times():
    # Session at 09:00; a score of that date without a time stands at noon, 3 h later; it may be of 10:00.
    cohort = dated(
        [("A", "2026-03-02 09:00"), ("B", "2026-03-02 09:00"), ("C", "2026-03-02")],
        [
            ("A", "2026-03-01 09:00", 8), ("A", "2026-03-02", 3, "post"),
            ("B", "2026-03-01 09:00", 8), ("B", "2026-03-02", 3, "post"),
            ("B", "2026-03-02 13:30", 4, "post"),
            ("C", "2026-03-01 09:00", 8), ("C", "2026-03-02 16:00", 3, "post"),
        ],
    )  # fmt: skip
    cohort = with_columns(cohort, "sessions", clock_known=np.array([True, True, False]))
    found = windowed(cohort, "Mood-NRS", "4_hours")
    assert found["status"].tolist() == [DAY_ONLY, SCORED, DAY_ONLY]
    np.testing.assert_array_equal(found["score"], [np.nan, 4, np.nan])


def test_windows_of_a_day_or_more_take_scores_known_only_to_the_day(make):
    cohort = make([("A", 0)], [("A", -1, 9), ("A", 2, 4)], instrument="Mood-NRS", time="day")
    assert windowed(cohort, "Mood-NRS", "day_2")["status"].tolist() == [SCORED]


def test_a_score_that_says_it_was_taken_before_wins_over_one_that_does_not_say(make):
    # Both at the time of session 1: 18 "pre" and 8 without a word. 8 at day 31 is a response to 18, not to 8.
    names = [f"P{k}" for k in range(6)]
    rows = [(name, *row) for name in names for row in ((0, 18, "pre"), (0, 8, None), (31 * 24, 8, None))]
    cohort = make([(name, 0) for name in names], rows)
    assert baseline(cohort, "PHQ-9")["baseline"].tolist() == [18] * 6
    assert response_events(cohort, "PHQ-9")["event"].sum() == 6


def test_of_two_scores_at_a_later_session_the_one_that_says_pre_is_the_assessment(make):
    # At hour 168: "pre" 15 does not respond, 5 without a word is set aside; at 336 the response is seen.
    rows = [("A", -1, 20), ("A", 168, 15, "pre"), ("A", 168, 5), ("A", 336, 5)]
    cohort = make([("A", 0), ("A", 168)], rows)
    assert ends(response_events(cohort, "PHQ-9")) == [(168, 336)]
    assert windowed(cohort, "PHQ-9", "day_7")["score"].tolist() == [15]


def test_a_score_after_the_session_is_not_set_aside_by_one_before_it(make):
    rows = [("A", -1, 20), ("A", 168, 15, "pre"), ("A", 168, 5)]
    cohort = make([("A", 0), ("A", 168)], rows, settings={"same_time": "after"})
    # Without a timing it is after the session here: another assessment, at the same hour.
    assert ends(response_events(cohort, "PHQ-9")) == [(168, 168)]


def test_clock_columns_are_neither_covariates_nor_groups_nor_cells_that_may_be_missing(make):
    cohort = make([("A", 0)], [("A", -1, 20), ("A", 24, 5)])
    cohort = with_columns(cohort, "sessions", clock_known=np.array([True]))
    cohort = with_columns(cohort, "patients", hours_to_data_cut=np.array([np.nan]))
    for frame in (change_from_baseline(cohort, "PHQ-9"), response_events(cohort, "PHQ-9")):
        assert not {"clock_known", "hours_to_data_cut"} & set(frame.columns)
    for by in ("clock_known", "hours_to_data_cut"):
        with pytest.raises(DataError, match="is no column of patients or sessions"):
            groups(cohort, by)
    assert not {"clock_known", "hours_to_data_cut"} & set(missing_cells(cohort)["column"])
