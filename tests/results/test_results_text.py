"""Numbers and tables in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.results.text import (
    bounds,
    html_table,
    of_total,
    patients,
    plain_table,
    time_point,
    time_range,
)

INF = np.inf


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.36, 0.36, "36%"),
        (0.36, 0.42, "36–42%"),
        (0.062, 0.062, "6.2%"),
        (0.361, 0.364, "36%"),
        (np.nan, 1, "–"),
    ],
)
def test_bounds_are_one_share_or_a_range(low, high, text):
    assert bounds(low, high) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (29, "days", "day 29"),
        (29.5, "days", "day 29.5"),
        (2.52, "hours", "2.5 h"),
        (INF, "days", "not reached"),
    ],
)
def test_times_have_their_unit(value, unit, text):
    assert time_point(value, unit) == text


def test_an_open_interval_says_not_reached():
    assert time_range(21, INF, "days") == "21–not reached"
    assert time_range(INF, INF, "days") == "not reached"
    assert time_range(21, 28.25, "days") == "21–28.2"


def test_counts_are_grouped_in_thousands():
    assert patients(1) == "1 patient"
    assert patients(3033) == "3,033 patients"
    assert of_total(31, 1058) == "31/1,058"


def test_plain_table_is_aligned():
    frame = pd.DataFrame({"route": ["IV", "IM"], "n": ["1,024", "7"]})
    assert plain_table(frame, words=("route",)) == ["  route      n", "  IV     1,024", "  IM         7"]


def test_html_is_escaped():
    html = html_table(pd.DataFrame({"<b>": ["<script>alert(1)</script>"]}))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;" in html
