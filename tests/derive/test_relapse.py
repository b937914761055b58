"""Relapse while treatment goes on, worked by hand: twice 22 or more on the MADRS, 5 to 15 days apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.derive.relapse import NEVER_AGAIN, NOT_IN_STATE, TOO_FAR_APART, relapse_rows
from ketaoutcomes.errors import DataError

DAY = 24.0
INDUCTION = (0, 3, 7, 10)
# The state is looked for 21 days after the last induction session.
STATE = 31
INF = np.inf


@pytest.fixture
def cohort(make):
    """Patients from {name: (baseline, score at the end of induction, {days after that: score})}."""

    def cohort(people, extra_sessions=(), **tables):
        sessions = [(name, day * DAY) for name in people for day in INDUCTION]
        sessions += [(name, (STATE + day) * DAY) for name, day in extra_sessions]
        scores = []
        for name, (baseline, state, later) in people.items():
            scores += [(name, -1, baseline), (name, STATE * DAY, state)]
            scores += [(name, (STATE + day) * DAY, score) for day, score in later.items()]
        return make(sessions, scores, instrument="MADRS", **tables)

    return cohort


def rows(found):
    frame = found.frame
    return list(zip(frame["left"] / DAY, frame["right"] / DAY, frame["end_reason"], strict=True))


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ({7: 8, 14: 25, 21: 24}, (7, 14, "relapse")),
        ({7: 22, 12: 22}, (0, 7, "relapse")),
        ({7: 22, 22: 30}, (0, 7, "relapse")),
        ({7: 21, 14: 30, 21: 21, 28: 30}, (21, INF, "no longer assessed")),
        ({7: 30, 11: 30, 18: 5}, (18, INF, "no longer assessed")),
        ({7: 30, 23: 30, 30: 5}, (30, INF, "no longer assessed")),
        ({7: 30, 14: 5, 21: 30, 28: 31, 35: 5}, (14, 21, "relapse")),
        ({7: 5, 14: 30}, (7, INF, "no longer assessed")),
    ],
    ids=["a pair", "5 days", "15 days", "never two in a row", "4 days", "16 days", "second time", "open"],
)
def test_relapse_is_two_scores_in_a_row_five_to_fifteen_days_apart(cohort, later, expected):
    found = relapse_rows(cohort({"A": (40, 10, later)}), "MADRS", state="remission_madrs_le12")
    assert rows(found) == [expected]
    assert found.loss.definition.name == "relapse_sustain1"
    assert found.n_unconfirmed == int(later in ({7: 21, 14: 30, 21: 21, 28: 30}, {7: 5, 14: 30}))


def test_later_sessions_end_nothing_and_are_counted(cohort):
    people = {"A": (40, 10, {7: 8, 14: 25, 21: 24, 60: 3}), "B": (40, 10, {7: 8, 14: 9, 60: 3})}
    plain = relapse_rows(cohort(people), "MADRS")
    sessions = [("A", 1), ("A", 13), ("A", 30), ("B", 40), ("B", 70)]
    treated = relapse_rows(cohort(people, sessions), "MADRS")
    assert rows(plain) == rows(treated) == [(7, 14, "relapse"), (14 + 46, INF, "no longer assessed")]
    # Of A until the relapse was seen, of B until the last score.
    assert treated.frame["n_sessions"].tolist() == [2, 1]
    assert treated.frame["n_assessments"].tolist() == [2, 3]


def test_a_stop_censors_at_the_last_score_by_its_day(cohort):
    people = {"A": (40, 10, {7: 8, 14: 9, 21: 30, 28: 30})}
    stop = pd.DataFrame({"patient_id": ["A"], "hour": [(STATE + 15) * DAY], "status": ["stopped"]})
    found = relapse_rows(cohort(people, disposition=stop), "MADRS")
    assert rows(found) == [(14, INF, "stopped")]
    finished = stop.assign(status="completed")
    assert rows(relapse_rows(cohort(people, disposition=finished), "MADRS")) == [(14, 21, "relapse")]


def test_everybody_left_out_is_counted_with_the_reason(cohort):
    people = {
        "A": (40, 10, {7: 8, 14: 8}),
        "B": (40, 10, {}),
        "C": (40, 10, {28: 8, 56: 8, 84: 30}),
        "D": (40, 30, {7: 8, 14: 8}),
        "E": (40, 13, {7: 8, 14: 8}),
    }
    found = relapse_rows(cohort(people), "MADRS", state="remission_madrs_le12")
    assert found.frame["patient_id"].tolist() == ["A"]
    assert dict(zip(found.dropped["reason"], found.dropped["n_patients"], strict=True)) == {
        NOT_IN_STATE: 2, NEVER_AGAIN: 1, TOO_FAR_APART: 1,
    }  # fmt: skip
    assert (found.n_starters, found.n_in_state) == (5, 3)


def test_responders_who_remit_can_be_left_out(cohort):
    people = {"A": (40, 10, {7: 8, 14: 8}), "E": (40, 13, {7: 8, 14: 8}), "F": (40, 20, {7: 22, 14: 23})}
    found = relapse_rows(cohort(people), "MADRS", state="response", but_not="remission_madrs_le12")
    assert found.frame["patient_id"].tolist() == ["E", "F"]
    assert rows(found)[1] == (0, 7, "relapse")
    assert found.frame["score"].tolist() == [13, 20]
    assert found.but_not.name == "remission_madrs_le12"


def test_the_score_that_shows_the_state_is_never_part_of_a_relapse(cohort):
    # 24 of 50 is a response and 22 or more: it begins the clock, and the next pair is the relapse.
    found = relapse_rows(cohort({"A": (50, 24, {7: 24, 14: 5, 21: 5})}), "MADRS", state="response")
    assert rows(found) == [(21, INF, "no longer assessed")]


def test_a_rule_of_one_score_needs_no_pair(cohort):
    found = relapse_rows(cohort({"A": (40, 10, {60: 30})}), "MADRS", state="response", loss=None)
    assert rows(found) == [(0, 60, "relapse")]


def test_nobody_in_the_state_gives_an_empty_frame(cohort):
    found = relapse_rows(cohort({"A": (40, 39, {7: 30})}), "MADRS")
    assert found.frame.empty
    assert {"patient_id", "left", "right", "end_reason"} <= set(found.frame.columns)


def test_a_definition_that_does_not_suit_is_refused(cohort):
    with pytest.raises(DataError, match="relapse_sustain1"):
        relapse_rows(cohort({"A": (40, 10, {7: 30})}), "MADRS", loss="relapse_hamd_18")
    with pytest.raises(DataError, match='no score of "PHQ-9"'):
        relapse_rows(cohort({"A": (40, 10, {7: 30})}), "PHQ-9", state="response", loss=None)
