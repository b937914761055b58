"""Response at the first score after session 1, 2, …, counted by hand."""

from __future__ import annotations

import pytest

from ketaoutcomes.derive.after_session import response_after_sessions
from ketaoutcomes.errors import DataError

DAY = 24.0


def test_each_session_counts_the_first_score_between_it_and_the_next(make):
    sessions = [("A", 0), ("A", 3 * DAY), ("B", 0), ("B", 3 * DAY), ("C", 0)]
    scores = [
        ("A", -1, 40), ("A", 24, 20), ("A", 48, 39),
        ("A", 4 * DAY, 30), ("A", 5 * DAY, 10),
        ("B", -1, 40), ("B", 24, 21), ("B", 4 * DAY, 20),
        ("C", -1, 40), ("C", 24, 5),
    ]  # fmt: skip
    table = response_after_sessions(make(sessions, scores, instrument="MADRS"), "MADRS", most=3)
    # After session 1: A 20 of 40 and C respond, B (21) does not. After session 2: B (20), not A (30).
    assert table.to_dict("list") == {
        "session": [1, 2, 3],
        "n_events": [2, 1, 0],
        "n": [3, 2, 0],
        "n_reached": [3, 2, 0],
        "n_eligible": [3, 3, 3],
    }


def test_a_score_later_than_the_window_or_without_a_baseline_does_not_count(make):
    sessions = [(name, 0) for name in "ABC"]
    scores = [
        ("A", -1, 40), ("A", 7.4 * DAY, 10), ("B", -1, 40), ("B", 7.6 * DAY, 10), ("C", 24, 10),
    ]  # fmt: skip
    cohort = make(sessions, scores, instrument="MADRS")
    first = response_after_sessions(cohort, "MADRS", most=1).iloc[0]
    # 7.4 days are day 7 to the nearest day, 7.6 are day 8; C has no baseline.
    assert (first["n"], first["n_events"], first["n_reached"], first["n_eligible"]) == (1, 1, 2, 2)
    assert response_after_sessions(cohort, "MADRS", most=1, within_days=8).iloc[0]["n"] == 2


@pytest.mark.parametrize("wrong", [{"most": 0}, {"most": 2.5}, {"within_days": 0}, {"within_days": "7"}])
def test_malformed_arguments_are_refused(make, wrong):
    cohort = make([("A", 0)], [("A", -1, 40), ("A", 24, 5)], instrument="MADRS")
    with pytest.raises(DataError, match=next(iter(wrong))):
        response_after_sessions(cohort, "MADRS", **wrong)
