"""Moments, delays and tests in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.results.curve_words import comparison_words, late_words, moment, origin_words


@pytest.mark.parametrize(
    ("low", "high", "unit", "words"),
    [
        (3, 7, "days", "3 to 7 days later"),
        (0, 7, "days", "0 to 7 days later"),
        (2, 2, "days", "2 days later"),
        (1, 1, "sessions", "1 session later"),
        (0.2, 1.04, "hours", "0.2 to 1 hours later"),
        (0, 0, "days", "at the same time"),
        (0.01, 0.04, "days", "at the same time"),
        (-6.4, -3.4, "days", "3.4 to 6.4 days earlier"),
        (-2, 5, "days", "between 2 days earlier and 5 days later"),
        (3, np.inf, "days", "later by an amount not known"),
        (np.nan, np.nan, "days", "–"),
    ],
)
def test_a_delay_is_said_in_words(low, high, unit, words):
    assert late_words(low, high, unit) == words


def test_moments_have_the_unit_s_word():
    assert [moment(3, unit) for unit in ("days", "hours", "sessions")] == ["day 3", "3 h", "session 3"]
    assert moment(np.inf, "sessions") == "not reached"


def test_time_0_is_session_1_the_session_or_the_landmark():
    assert origin_words("first_session", None, "days") == "session 1"
    assert origin_words("each_session", None, "days") == "the session"
    assert origin_words("first_session", 28, "days") == "the landmark, day 28"


def test_tests_are_said_with_their_numbers():
    table = pd.DataFrame(
        {
            "score": ["sun", "sun"], "statistic": [3.674, np.nan], "df": [1, 1], "p_value": [0.00003, np.nan],
            "method": ["exact", "schedule-free"], "n": [866, 866], "n_patients": [224, 224],
        }
    )  # fmt: skip
    (line,) = comparison_words(table)
    assert line == (
        "Log-rank test for intervals (Sun): exact, χ² = 3.67, df 1, p <0.001; 866 sessions of 224 patients"
    )
    assert comparison_words(None) == []
