"""When treatment stopped, and what is looked at until then."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.derive.events import event_set
from ketaoutcomes.derive.stops import treatment_stops
from ketaoutcomes.errors import DataError

INF = np.inf
DAY = 24


def cohort_with(make, rows, scores, *, sessions=None, time="hour"):
    """rows: patient, hour (or day), status."""
    names = sorted({row[0] for row in scores})
    table = pd.DataFrame(rows, columns=["patient_id", time, "status"])
    return make(sessions or [(name, 0) for name in names], scores, disposition=table, time=time)


def baselines(names):
    return [(name, -1, 20) for name in names]


def test_a_stop_is_any_status_but_still_here_or_ended_as_planned(make):
    rows = [
        ("A", 100, "stopped"), ("B", 200, "Lost to follow-up"), ("C", 300, "ongoing"),
        ("D", 400, "Completed"), ("E", 500, "died"), ("F", 600, None),
    ]  # fmt: skip
    found = treatment_stops(cohort_with(make, rows, baselines("ABCDEFG")))
    assert found.hour.tolist() == [100, 200, INF, INF, 500, INF, INF]
    assert (found.n_stopped, found.n_planned, found.n_silent) == (3, 1, 2)


def test_a_stop_without_a_time_or_before_a_session_is_counted(make):
    sessions = [("A", 0), ("B", 0), ("B", 240)]
    found = treatment_stops(
        cohort_with(make, [("A", None, "stopped"), ("B", 100, "stopped")], baselines("AB"), sessions=sessions)
    )
    assert found.hour.tolist() == [INF, 240]
    assert found.session.tolist() == [INF, 2]
    assert (found.n_undated, found.n_moved) == (1, 1)


def test_a_stop_on_the_day_of_the_last_session_is_no_contradiction(make):
    sessions = [("A", 0), ("A", 2.5)]
    found = treatment_stops(
        cohort_with(make, [("A", 2, "stopped")], baselines("A"), sessions=sessions, time="day")
    )
    assert found.hour.tolist() == [2.5 * DAY]
    assert (found.n_moved, found.n_day_only) == (0, 1)


def test_without_a_disposition_it_is_said_what_is_needed(make):
    with pytest.raises(DataError, match=r"disposition: is needed .*patient_id, one of hour, day.*status"):
        treatment_stops(make([("A", 0)], baselines("A")))


def test_nothing_after_the_stop_is_looked_at_and_a_stop_without_a_later_score_counts(make):
    scores = [
        *baselines("ABCD"),
        # A responds before the stop, B only after it, C has no score, D goes on.
        ("A", 48, 18), ("A", 96, 9), ("B", 48, 18), ("B", 200, 9), ("D", 48, 18), ("D", 200, 9),
    ]  # fmt: skip
    cohort = cohort_with(make, [("A", 120, "stopped"), ("B", 120, "lost"), ("C", 60, "stopped")], scores)
    found = event_set(cohort, "PHQ-9", stops=treatment_stops(cohort))
    frame = found.frame
    assert frame["patient_id"].tolist() == ["A", "B", "C", "D"]
    assert list(zip(frame["left"], frame["right"], frame["stop"], strict=True)) == [
        (48, 96, 120), (48, INF, 120), (0, INF, 60), (48, 200, INF),
    ]  # fmt: skip
    by_session = event_set(cohort, "PHQ-9", clock="sessions", stops=treatment_stops(cohort)).frame
    assert by_session["stop"].tolist() == [1, 1, 1, INF]
