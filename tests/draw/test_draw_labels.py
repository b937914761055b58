"""Expected texts follow the house's rules for numbers: whole per cent, one decimal below 10%."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import labels


@pytest.mark.parametrize(
    "share, text",
    [
        (0.52, "52%"),
        (0.066, "6.6%"),
        (0.0994, "9.9%"),
        (0.0996, "10%"),
        (0.0, "0%"),
        (1.0, "100%"),
        (0.0004, "<0.1%"),
        (0.997, ">99%"),
        ("1–10", "1–10"),
        (np.nan, "–"),
        (pd.NA, "–"),
    ],
)
def test_a_share_is_whole_and_has_one_decimal_below_ten_per_cent(share, text):
    assert labels.percent(share) == text


def test_an_interval_has_the_decimals_of_its_estimate_and_no_repeated_sign():
    assert labels.percent_range(0.50, 0.54) == "50–54"
    assert labels.percent_range(0.066, 0.108, like=0.085) == "6.6–10.8"
    assert labels.percent_range(0.0, 0.005, like=0.0) == "0–0.5"
    assert labels.percent_range(np.nan, 0.2) == "–"


def test_a_minus_sign_is_a_minus_sign_and_turns_the_dash_into_words():
    assert labels.number(-8.06) == "−8.1"
    assert labels.number(-0.04) == "0.0"
    assert labels.number_range(-9.7, -6.5) == "−9.7 to −6.5"
    assert labels.number_range(4.1, 6.0) == "4.1–6.0"


def test_counts_have_thousands_separated_and_a_hidden_one_stays_as_it_is():
    assert labels.count(3033) == "3,033"
    assert labels.count("1–10") == "1–10"
    assert labels.count(pd.NA) == "–"


def test_a_month_is_named_with_or_without_its_year():
    assert labels.month("2025-08") == "Aug 25"
    assert labels.month("2025-08", year=False) == "Aug"
    assert labels.month("2025-13") == "2025-13"


def test_only_a_reason_that_speaks_of_the_count_prints_one_to_ten():
    assert labels.hidden("count 1-10") == ("1–10", "not shown")
    assert labels.hidden("would reveal another count") == ("–", "not shown")
    assert labels.is_hidden({"suppressed": "count 1-10"})
    assert not labels.is_hidden({"suppressed": "", "n_events": 12})


def test_control_characters_and_line_breaks_do_not_reach_a_picture():
    assert labels.clean("a\x00b\nc\x1b[31m") == "ab c[31m"


def test_a_long_name_is_cut_to_its_width_and_wrapped_to_its_lines():
    short = labels.shorten("dissociation and derealisation", 80, 10)
    assert short.endswith("…")
    assert labels.text_width(short, 10) <= 80
    assert labels.wrap("one two three four five six", 50, 10)[0] == "one two"
    assert len(labels.wrap("one two three four five six", 50, 10)) == 2


def test_widths_are_those_of_the_font_that_is_measured():
    # Helvetica.afm: "I" 278, "V" 667 thousandths.
    assert labels.text_width("IV", 10) == pytest.approx(9.45)
