"""Phrases as people read them; expected texts are from the mock-up's rules."""

import pandas as pd
import pytest

from ketaoutcomes.catalog.definitions import PHASE_RULES, WINDOWS, default_outcome
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.report import words
from ketaoutcomes.report.wording import induction_words, outcome_words, window_days, window_words


def test_months_are_named_in_english_whatever_the_locale():
    assert words.month_name("2026-09") == "September 2026"


def test_lists_and_plurals_read_as_english():
    assert words.joined(["a", "b", "c"]) == "a, b and c"
    assert words.joined(["a"]) == "a"
    assert words.plural(1, "patient") == "1 patient"
    assert words.plural(1024, "patient") == "1,024 patients"


def test_bounds_that_print_alike_are_one_number():
    assert words.bounds(0.36, 0.42) == "36–42%"
    assert words.bounds(0.361, 0.3612) == "36%"
    assert words.bounds(float("nan"), 0.4) == "–"


def row(n_events, n, suppressed):
    shown = suppressed == ""
    values = {"estimate": 0.53, "conf_low": 0.41, "conf_high": 0.66} if shown else {}
    blank = {"estimate": None, "conf_low": None, "conf_high": None}
    return pd.Series(
        {"n_events": n_events, "n": n, "suppressed": suppressed, **blank, **values}, dtype=object
    )


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        (row(31, 58, ""), ("53%", "31/58", "41–66")),
        (row(pd.NA, 735, "count 1-10"), ("1–10", "of 735", "not shown")),
        (row(pd.NA, 735, "all but 1-10"), ("all but 1–10", "of 735", "not shown")),
        (row(pd.NA, pd.NA, "total 1-10"), ("not shown", "of 1–10", "not shown")),
        (row(pd.NA, 735, "would reveal another count"), ("not shown", "of 735", "not shown")),
        (row(pd.NA, pd.NA, "would reveal another count"), ("not shown", "", "not shown")),
    ],
)
def test_a_hidden_rate_says_what_it_may_say(given, printed):
    assert words.rate_words(given) == printed


def test_times_are_named_with_their_unit():
    assert words.time_words(29.0, "days") == "day 29"
    assert words.time_words(1.0, "hours") == "1 hour"
    assert words.time_words(2.5, "hours") == "2.5 hours"


def test_a_window_is_named_by_its_whole_days():
    # 13.5 to 31.5 days, times counted to the nearest day: days 14 to 31 (McInnes 2022).
    end = WINDOWS["end_of_induction"]
    assert window_days(end) == "14–31 days"
    assert window_words(end) == "the score nearest to day 21, 14–31 days after the last induction session"


def test_definitions_are_named_in_few_words():
    phq9 = INSTRUMENTS["PHQ-9"]
    assert outcome_words(default_outcome("PHQ-9"), phq9) == "PHQ-9 at least 50% below baseline"
    assert outcome_words(default_outcome("PHQ-9", "remission"), phq9) == "PHQ-9 below 5"
    assert outcome_words(default_outcome("PCL-5"), INSTRUMENTS["PCL-5"]).startswith("PCL-5 at least ")
    assert induction_words(PHASE_RULES["induction_mcinnes"]) == "4–8 sessions in 7–28 days"
