"""Sustained and confirmed response, worked by hand from their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.derive import event_rows as coding
from ketaoutcomes.derive import events
from ketaoutcomes.derive.events import event_set, response_events
from ketaoutcomes.errors import DataError

INF = np.inf
DAY = 24


def ends(frame):
    return list(zip(frame["left"], frame["right"], strict=True))


def days(name, *pairs):
    """Scores of one patient on days after a baseline of 20; a response is 10 or less."""
    return [(name, -1, 20), *((name, DAY * day, score) for day, score in pairs)]


def coded(make, rows, **options):
    names = sorted({row[0] for row in rows})
    return event_set(make([(name, 0) for name in names], rows), "PHQ-9", **options)


def test_a_sustained_response_is_met_at_every_assessment_of_the_week_after_it(make):
    rows = [
        # A responds on day 4, not on day 7, and from day 14 on.
        *days("A", (2, 18), (4, 9), (7, 15), (14, 8), (18, 7), (21, 9)),
        # B responds from day 3 on.
        *days("B", (3, 9), (10, 8), (20, 15)),
    ]
    frame = coded(make, rows, kind="sustained").frame
    # B: day 10 lies within 7 days of day 3; what comes after that does not matter.
    assert ends(frame) == [(7 * DAY, 14 * DAY), (0, 3 * DAY)]
    assert frame["reason"].tolist() == [coding.BETWEEN, coding.FIRST]


def test_the_window_is_taken_as_given(make):
    # Of A no two assessments lie within 2 days of each other; B's of days 4 and 5 do.
    rows = days("A", (2, 18), (4, 9), (7, 15), (14, 8), (18, 7), (21, 9))
    found = coded(make, [*rows, *days("B", (2, 18), (4, 9), (5, 9))], kind="sustained", window_days=2)
    assert ends(found.frame) == [(7 * DAY, INF), (2 * DAY, 4 * DAY)]


def test_what_cannot_be_confirmed_is_censored_at_the_last_assessment_without_response(make):
    rows = [*days("A", (2, 18), (4, 15), (20, 9)), *days("B", (2, 18), (9, 16))]
    found = coded(make, rows, kind="sustained")
    assert ends(found.frame) == [(4 * DAY, INF), (9 * DAY, INF)]
    assert found.frame["reason"].tolist() == [coding.UNCONFIRMED, coding.CENSORED]
    assert found.n_unconfirmed == 1


def test_responding_at_every_assessment_without_confirmation_tells_nothing_and_is_counted(make):
    rows = [*days("A", (20, 9)), *days("B", (2, 18), (9, 16))]
    found = coded(make, rows, kind="confirmed")
    assert ends(found.frame) == [(9 * DAY, INF)]
    assert found.dropped.to_numpy().tolist() == [[events.NEVER_CONFIRMED, 1]]
    with pytest.raises(DataError, match='use kind="first"'):
        coded(make, days("A", (20, 9)), kind="confirmed")


def test_a_confirmed_response_is_dated_at_the_first_of_the_pair(make):
    rows = days("A", (1, 18), (3, 9), (4, 15), (6, 9), (7, 8))
    assert ends(coded(make, rows).frame) == [(DAY, 3 * DAY)]
    assert ends(coded(make, rows, kind="confirmed").frame) == [(4 * DAY, 6 * DAY)]


@pytest.mark.parametrize(
    ("apart", "confirmed"),
    [
        # 11 h and 11.5 h are exact.
        (11, ["A", "B", "C"]),
        (11.5, ["B", "C"]),
        # 12 h and 24 h are a whole day, to the nearest: 12 h later is one.
        (12, ["C"]),
        (24, ["C"]),
        # 48 h are two days: 36 h later at the least.
        (48, []),
    ],
)
def test_hours_apart_are_exact_below_half_a_day_and_whole_days_from_there(make, apart, confirmed):
    # All respond at 1 h; again 11 h, 11.75 h and 12 h later.
    rows = [("D", -1, 8), ("D", 1, 7)]
    for name, hour in (("A", 12.0), ("B", 12.75), ("C", 13.0)):
        rows += [(name, -1, 8), (name, 1, 3), (name, hour, 3)]
    cohort = make([(name, 0) for name in "ABCD"], rows, instrument="Mood-NRS")
    frame = event_set(cohort, "Mood-NRS", kind="confirmed", apart_hours=apart).frame
    assert frame.loc[frame["event"], "patient_id"].tolist() == confirmed
    assert ends(frame[frame["event"]]) == [(0, 1)] * len(confirmed)


def test_a_response_before_the_horizon_may_be_confirmed_after_it(make):
    rows = [*days("A", (7, 18), (14, 9), (28, 8)), *days("B", (7, 18), (14, 16), (28, 8), (35, 8))]
    found = coded(make, rows, kind="confirmed", horizon_hours=20 * DAY)
    # B's response is first seen on day 28, the first assessment after the horizon, and confirmed on day 35.
    assert ends(found.frame) == [(7 * DAY, 14 * DAY), (14 * DAY, 28 * DAY)]
    beyond = coded(make, rows, kind="confirmed", horizon_hours=10 * DAY)
    # Now day 14 is the first assessment after it, and the last one that is looked at.
    assert ends(beyond.frame) == [(7 * DAY, 14 * DAY), (14 * DAY, INF)]
    assert beyond.frame["reason"].tolist() == [coding.BETWEEN, coding.CENSORED_HORIZON]


def test_first_of_each_kind_comes_no_earlier_than_the_first_response(make):
    rng = np.random.default_rng(3)
    names = [f"P{k:02d}" for k in range(60)]
    rows = [
        row for name in names for row in days(name, *((d, int(rng.integers(4, 18))) for d in range(1, 30, 3)))
    ]
    cohort = make([(name, 0) for name in names], rows)
    first = response_events(cohort, "PHQ-9").set_index("patient_id")["right"]
    for kind in ("sustained", "confirmed"):
        later = response_events(cohort, "PHQ-9", kind=kind).set_index("patient_id")["right"]
        assert (later >= first.loc[later.index]).all()


@pytest.mark.parametrize("options", [{"window_days": 0}, {"apart_hours": "24"}, {"kind": "lasting"}])
def test_arguments_that_cannot_be_used_are_refused(make, options):
    with pytest.raises(DataError, match=r"above 0|choose \"first\" or"):
        coded(make, days("A", (2, 18)), **options)


def test_gaps_are_counted_from_session_1_and_from_one_assessment_to_the_next(make):
    found = coded(make, [*days("A", (2, 18), (5, 15)), *days("B", (7, 9))])
    assert found.gaps.tolist() == [2 * DAY, 3 * DAY, 7 * DAY]
    assert found.gap_row.tolist() == [0, 0, 1]
