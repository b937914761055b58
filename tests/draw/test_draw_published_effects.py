"""The forest of published side effects: rows, ways of asking and numbers are those of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.published import HERE, THERE
from ketaoutcomes.draw.published_effects import published_effects

BLANK = {
    "name": "study_nausea", "study": "Study 2020", "arm": "", "verified": True, "effect": "nausea",
    "counting": "first 4 weeks", "asked_there": "spontaneous", "asked_here": "checklist", "published": 0.28,
    "published_to": 0.28, "published_low": 0.24, "published_high": 0.33, "published_n_events": 98,
    "published_n": 346, "estimate": 0.21, "conf_low": 0.15, "conf_high": 0.29, "n_events": 26, "n": 122,
}  # fmt: skip
NO_LIMITS = {
    "published_low": np.nan,
    "published_high": np.nan,
    "published_n_events": pd.NA,
    "published_n": pd.NA,
}


@pytest.fixture
def table():
    here = {"asked_here": "spontaneous", "estimate": 0.07, "conf_low": 0.04, "conf_high": 0.13, "n_events": 8}
    other = {
        "name": "other",
        "study": "Other 2024",
        "published": 0.03,
        "published_to": 0.048,
        "verified": False,
    }
    placebo = {"name": "study_placebo", "arm": "placebo", "published": 0.09, "published_to": 0.09}
    later = {"effect": "vertigo", "counting": "all sessions", "name": "study_vertigo"}
    return pd.DataFrame(
        [BLANK, BLANK | here, BLANK | placebo, BLANK | other | NO_LIMITS, BLANK | later | NO_LIMITS]
    )  # fmt: skip


def test_each_group_has_the_clinic_s_ways_first_and_then_each_study_once(table, artists):
    _, ax = theme.new_figure()
    published_effects(table, ax)
    drawn = artists(ax)
    assert drawn.texts("group") == ["Nausea, first 4 weeks", "Vertigo, all sessions"]
    assert drawn.texts("row") == [
        "Here", "Here", "Study 2020", "Placebo: Study 2020", "Other 2024 *", "Here", "Study 2020",
    ]  # fmt: skip
    assert drawn.texts("asked") == [
        "checklist", "spontaneous", "spontaneous", "spontaneous", "spontaneous", "checklist", "spontaneous",
    ]  # fmt: skip
    assert "* not checked against its source" in drawn.texts("unverified")


def test_the_clinic_is_filled_and_the_published_hollow(table, artists):
    _, ax = theme.new_figure()
    published_effects(table, ax)
    drawn = artists(ax)
    there, here = drawn.named("estimate")[:2]
    assert there.get_markerfacecolor() == THERE.fill == theme.PALETTE["paper"]
    assert here.get_markerfacecolor() == HERE.fill == HERE.color
    np.testing.assert_allclose(here.get_xdata(), [0.21, 0.07])
    # The range is a bar and no point.
    np.testing.assert_allclose(there.get_xdata(), [0.28, 0.09])
    assert [line.get_xdata().tolist() for line in drawn.named("range")] == [[0.03, 0.048]]


def test_numbers_intervals_and_counts_stand_at_the_right(table, artists):
    _, ax = theme.new_figure()
    published_effects(table, ax)
    drawn = artists(ax)
    # Theirs as printed, without a decimal that they do not have.
    assert drawn.texts("number") == ["21%", "7.0%", "28%", "9%", "3.0–4.8%", "21%", "28%"]
    assert drawn.texts("interval-text")[-1] == "no CI"
    assert drawn.texts("ratio")[:3] == ["26/122", "8/122", "98/346"]


@pytest.mark.parametrize("width", [None, 400])
@pytest.mark.parametrize("n_effects", [1, 25])
def test_nothing_touches_or_is_cut(collisions, width, n_effects):
    rows = [
        BLANK
        | {"effect": f"effect {number}, with a long name", "study": "A study with a very long name, 2020"}
        for number in range(n_effects)
    ]
    _, ax = theme.new_figure(width_px=width)
    published_effects(pd.DataFrame(rows), ax, title="Published and here")
    assert collisions(ax) == ([], [])


def test_nothing_recorded_is_said(table, artists):
    _, ax = theme.new_figure()
    published_effects(table.iloc[:0], ax)
    assert artists(ax).texts("empty") == ["not recorded"]
