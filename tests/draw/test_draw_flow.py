from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.flow import flow
from ketaoutcomes.draw.missing import missing


@pytest.fixture
def steps():
    return pd.DataFrame(
        {
            "step": ["started induction", "valid baseline", "scored"],
            "n": [948, 912, 652],
            "n_lost": [0, 36, 260],
            "reason": ["", "no score in the 14 days before", "no score in the window"],
        }
    )


def drawn(function, table, **options):
    _, ax = theme.new_figure()
    return function(table, ax, **options)


def widths(ax, artists, gid):
    return [(patch.get_x(), patch.get_width()) for patch in artists(ax).named(gid)]


def test_bars_are_to_scale_and_the_loss_is_hatched(steps, artists):
    ax = drawn(flow, steps)
    assert widths(ax, artists, "bar") == [(0, 948), (0, 912), (0, 652)]
    assert widths(ax, artists, "lost") == [(912, 36), (652, 260)]
    assert all(patch.get_hatch() for patch in artists(ax).named("lost"))
    assert ax.get_xlim() == (0, 948)


def test_numbers_and_reasons_stand_with_their_steps(steps, artists):
    read = artists(drawn(flow, steps))
    assert read.texts("step") == ["Started induction", "Valid baseline", "Scored"]
    assert read.texts("size") == ["948", "912 (96%)", "652 (69%)"]
    assert read.texts("reason") == ["− 36 no score in the 14 days before", "− 260 no score in the window"]


def test_reasons_that_bring_their_own_counts_are_not_counted_twice(steps, artists):
    steps.loc[1, "reason"] = "no score before session 1 20; no score in the 14 days before 16"
    words = artists(drawn(flow, steps)).texts("reason")[0]
    assert words == "− 20 no score before session 1; 16 no score in the 14 days before"


def test_a_number_that_is_not_the_count_stays_where_it_is(steps, artists):
    steps.loc[1, "reason"] = "no score before session 1"
    assert artists(drawn(flow, steps)).texts("reason")[0] == "− 36 no score before session 1"


def test_a_hidden_step_has_no_bar_and_no_number(steps, artists):
    table = steps.astype({"n": "Int64", "n_lost": "Int64"}).assign(
        suppressed=["", "would reveal another count", ""]
    )
    table.loc[1, ["n", "n_lost"]] = pd.NA
    table.loc[2, "n_lost"] = pd.NA
    ax = drawn(flow, table)
    assert widths(ax, artists, "bar") == [(0, 948), (0, 652)]
    assert artists(ax).texts("size") == ["948", "not shown", "652 (69%)"]
    assert artists(ax).texts("reason")[0] == "− no score in the 14 days before"


def test_a_short_bar_has_its_words_beside_it(steps, artists, collisions):
    table = steps.assign(n=[948, 912, 3])
    ax = drawn(flow, table)
    assert artists(ax).texts("size")[2] == "3 (0.3%)"
    assert collisions(ax) == ([], [])


@pytest.mark.parametrize("sizes", [[0, 0, 0], [5, 5, 0], [5, 0, 0]])
def test_steps_without_anybody_are_drawn(steps, artists, sizes):
    assert len(artists(drawn(flow, steps.assign(n=sizes))).named("bar")) == 3


def test_an_empty_table_gives_an_empty_picture(steps, artists):
    assert artists(drawn(flow, steps.iloc[:0])).named("bar") == []


def test_long_words_are_wrapped_and_cut(steps, collisions):
    table = steps.assign(step="a name of a step that is a good deal longer than the module is wide, " * 2)
    table["reason"] = "a reason that needs more than the two lines which it is given, and more again, " * 4
    assert collisions(drawn(flow, table)) == ([], [])


@pytest.fixture
def gaps():
    return pd.DataFrame(
        {
            "table": ["patients", "patients", "scores", "vitals"],
            "column": ["age", "sex", "mode", "spo2"],
            "n_rows": [240, 240, 16204, 0],
            "n_missing": [6, 0, 8102, 0],
        }
    )


def test_each_bar_is_the_share_of_its_column(gaps, artists, collisions):
    ax = drawn(missing, gaps)
    found = [x1 - x0 for x0, x1, _, _ in artists(ax).rectangles("share")]
    assert found == pytest.approx([0.025, 0, 0.5])
    assert artists(ax).texts("number") == ["2.5%", "0%", "50%", "–"]
    assert artists(ax).texts("ratio") == ["6/240", "0/240", "8,102/16,204", "0/0"]
    assert artists(ax).texts("row") == ["patients", "age", "sex", "scores", "mode", "vitals", "spo2"]
    assert collisions(ax) == ([], [])


def test_a_share_that_is_given_is_used(gaps, artists):
    found = artists(drawn(missing, gaps.assign(share=[0.1, np.nan, 0.2, 1.0]))).rectangles("share")
    assert [round(x1 - x0, 6) for x0, x1, _, _ in found] == [0.1, 0.2, 1.0]


def test_no_columns_are_drawn_as_nothing(gaps, artists):
    assert artists(drawn(missing, gaps.iloc[:0])).texts("number") == []
