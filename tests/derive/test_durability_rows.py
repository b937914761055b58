"""Episodes in whole days: what rounding may and may not do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.derive.durability_rows import LOSS, NEXT, STOP, durability_rows

INF = np.inf


def episode(left, right, *, entry=0.0, end=np.nan, reason="no longer assessed", known=False, patient="A"):
    return {
        "patient_id": patient, "left": left, "right": right, "entry": entry, "end": end, "end_reason": reason,
        "state_known_at_end": known,
    }  # fmt: skip


def rows_of(*episodes):
    frame = pd.DataFrame(list(episodes))
    frame["patient_id"] = pd.Categorical(frame["patient_id"])
    return durability_rows(frame)


def test_a_session_of_day_7_and_the_score_before_it_are_of_one_day():
    rows = rows_of(
        episode(6.97 * 24, INF, end=7.02 * 24, reason="next session", known=True),
        episode(3 * 24, 6.97 * 24, end=6.97 * 24, reason="loss"),
    )
    assert list(rows.end) == [7, INF]
    assert list(rows.left) == [7, 3]
    assert list(rows.right) == [INF, 7]
    assert list(rows.cause) == [NEXT, LOSS]
    assert rows.known.all()


def test_a_session_after_the_last_score_leaves_the_state_at_it_unknown():
    rows = rows_of(episode(5 * 24, INF, end=12 * 24, reason="next session"))
    assert not rows.known[0]
    assert [part[0] for part in rows.competing("kept")] == [12, 12, NEXT]
    assert [part[0] for part in rows.competing("lost")] == [5, 6, LOSS]
    left, _, cause = rows.competing()
    assert (left[0], cause[0]) == (5, -1)
    assert rows.cause_specific()[0][0] == 5


def test_a_loss_of_the_day_on_which_response_was_seen_is_still_a_loss_after_entry():
    rows = rows_of(
        episode(49.0, 55.0, entry=49.0, end=55.0, reason="loss"), episode(0.0, 4.0, end=4.0, reason="loss")
    )
    left, right, entry = rows.cause_specific()
    assert (entry < right).all()
    assert (entry <= left).all()
    assert (left <= right).all()
    assert right[1] == 1  # lost within hours: on the first day


def test_a_stop_is_a_cause_and_the_end_of_the_records_is_none():
    rows = rows_of(
        episode(10 * 24, INF, end=20 * 24, reason="stopped"),
        episode(10 * 24, INF, end=20 * 24, reason="completed"),
        episode(10 * 24, INF, end=20 * 24),
    )
    assert list(rows.cause) == [STOP, -1, -1]
    assert list(rows.end) == [20, INF, INF]


def test_rows_keep_the_patient():
    rows = rows_of(
        episode(24, INF, patient="B"), episode(24, INF, patient="A"), episode(48, INF, patient="B")
    )
    assert rows.n_patients == 2
    assert list(rows.take(np.array([0, 2])).patient) == [1, 1]
