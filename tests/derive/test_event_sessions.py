"""Sessions as clock and as origin, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.derive import each_session
from ketaoutcomes.derive.events import event_set, response_events
from ketaoutcomes.errors import DataError

INF = np.inf
DAY = 24


def ends(frame):
    return list(zip(frame["left"], frame["right"], strict=True))


def three_sessions(make, rows, names="A"):
    """Sessions on days 0, 3 and 7; a baseline of 20, so that 10 or less is a response."""
    sessions = [(name, DAY * day) for name in names for day in (0, 3, 7)]
    baselines = [(name, -1, 20) for name in names]
    return make(sessions, [*baselines, *((n, DAY * day, score) for n, day, score in rows)])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Seen before session 2: it took one session.
        ([(2, 9)], (1, 1)),
        # Not yet after session 1, seen after session 2: two.
        ([(2, 18), (5, 9)], (2, 2)),
        # Both after session 2: the last of its scores decides, it took two.
        ([(2, 18), (4, 15), (6, 9)], (2, 2)),
        # No score between sessions 2 and 3: two or three.
        ([(2, 18), (9, 9)], (1, 3)),
        # No score before the one that shows it after session 3: one to three.
        ([(9, 9)], (0, 3)),
        # Not met at the last score after session 2: more than two.
        ([(2, 18), (5, 15)], (2, INF)),
    ],
)
def test_the_number_of_sessions_is_read_from_the_scores_between_them(make, rows, expected):
    cohort = three_sessions(make, [("A", *row) for row in rows])
    assert ends(event_set(cohort, "PHQ-9", clock="sessions").frame) == [expected]


def test_a_score_right_before_the_next_session_belongs_to_the_one_before(make):
    cohort = three_sessions(make, [("A", 2, 18), ("A", 7, 9)])
    # The score at the time of session 3 counts as before it: two sessions.
    assert ends(event_set(cohort, "PHQ-9", clock="sessions").frame) == [(2, 2)]


def test_of_the_scores_after_the_last_session_looked_at_only_the_first_counts(make):
    cohort = three_sessions(make, [("A", 2, 18), ("A", 8, 16), ("A", 9, 9)])
    found = event_set(cohort, "PHQ-9", clock="sessions", horizon_hours=1)
    assert ends(found.frame) == [(3, INF)]


def test_each_session_is_followed_until_the_next(make):
    rows = [
        ("A", 2, 18), ("A", 4, 15), ("A", 5, 9), ("A", 8, 8),
        ("B", 1, 8), ("B", 6, 16), ("B", 9, 15), ("B", 12, 9),
    ]  # fmt: skip
    frame = event_set(three_sessions(make, rows, "AB"), "PHQ-9", origin="each_session").frame
    found = list(zip(frame["patient_id"], frame["session"], *zip(*ends(frame), strict=True), strict=True))
    # A: not within session 1's days, responding 1 to 2 days after session 2, and so not asked at session 3.
    # B: within a day of session 1; responding at session 2, not at session 3, then 2 to 5 days after it.
    assert found == [
        ("A", 1, 2 * DAY, INF),
        ("A", 2, DAY, 2 * DAY),
        ("B", 1, 0, DAY),
        ("B", 3, 2 * DAY, 5 * DAY),
    ]


def test_sessions_left_out_are_counted_by_reason(make):
    # Session 2 on day 3: responding. Session 3 on day 7: the last score, of day 2, still says responding.
    # Session 4 on day 40: no score since day 8. Session 5 on day 41: no score of it.
    sessions = [("A", DAY * day) for day in (0, 3, 7, 40, 41)]
    rows = [("A", -1, 20), ("A", DAY * 2, 9), ("A", DAY * 8, 15), ("A", DAY * 40.5, 15)]
    found = event_set(make(sessions, rows), "PHQ-9", origin="each_session")
    assert found.frame["session"].tolist() == [1]
    assert dict(found.sessions_dropped.itertuples(index=False)) == {
        each_session.ALREADY: 2,
        each_session.NO_STATE: 1,
        each_session.NO_SCORE_AFTER: 1,
    }


def test_a_patient_without_a_session_that_can_be_followed_is_counted(make):
    cohort = three_sessions(make, [("A", 2, 18)], "AB")
    found = event_set(cohort, "PHQ-9", origin="each_session")
    assert found.dropped.to_numpy().tolist() == [[each_session.NO_SESSION_LEFT, 1]]
    with pytest.raises(DataError, match='use origin="first_session"'):
        event_set(three_sessions(make, []), "PHQ-9", origin="each_session")


def test_horizon_and_kinds_hold_within_a_session(make):
    rows = [("A", 0.5, 18), ("A", 1, 9), ("A", 2, 9), ("A", 2.5, 15)]
    cohort = three_sessions(make, rows)
    # Confirmed a day later before session 2.
    assert ends(event_set(cohort, "PHQ-9", origin="each_session", kind="confirmed").frame)[0] == (12, 24)
    # After a horizon of 6 h the first score is that at 12 h, which does not respond.
    near = event_set(cohort, "PHQ-9", origin="each_session", horizon_hours=6)
    assert ends(near.frame)[0] == (12, INF)


def test_rows_are_those_of_a_plain_loop(make):
    rng = np.random.default_rng(11)
    names = [f"P{k:02d}" for k in range(30)]
    sessions, rows = [], []
    for name in names:
        at = np.concatenate([[0], np.cumsum(rng.integers(24, 300, 6))])
        sessions += [(name, float(hour)) for hour in at]
        rows += [(name, -2.0, 20)]
        for hour in np.sort(rng.choice(np.arange(1, 1500), 14, replace=False)):
            rows.append((name, float(hour) + 0.5, int(rng.integers(5, 18))))
    frame = response_events(make(sessions, rows), "PHQ-9", origin="each_session")
    expected = []
    for name in names:
        own = [hour for who, hour in sessions if who == name]
        scored = [(hour, score) for who, hour, score in rows if who == name]
        for number, start in enumerate(own, start=1):
            stop = own[number] if number < len(own) else np.inf
            before = [(hour, score) for hour, score in scored if hour < start]
            if start - before[-1][0] > 14 * DAY or before[-1][1] <= 10:
                continue
            inside = [(hour - start, score) for hour, score in scored if start < hour < stop]
            if not inside:
                continue
            left, right = 0.0, INF
            for hour, score in inside:
                if score <= 10:
                    right = hour
                    break
                left = hour
            expected.append((name, number, left, right))
    found = list(zip(frame["patient_id"], frame["session"], frame["left"], frame["right"], strict=True))
    assert found == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"origin": "each_session", "clock": "sessions"}, "sessions are counted from session 1"),
        ({"origin": "each_session", "landmark_hours": 24}, "a landmark needs"),
        ({"clock": "sessions", "landmark_hours": 24}, "a landmark is a time"),
    ],
)
def test_what_does_not_go_together_is_refused(make, options, words):
    with pytest.raises(DataError, match=words):
        event_set(three_sessions(make, [("A", 2, 18)]), "PHQ-9", **options)
