from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.course import course


@pytest.fixture
def means():
    return pd.DataFrame(
        {
            "day": [0.0, 7.0, 14.0, 28.0],
            "n": [779, 671, 631, 1652],
            "estimate": [18.2, 14.3, 12.1, 10.1],
            "conf_low": [17.9, 14.0, 11.7, 9.7],
            "conf_high": [18.5, 14.6, 12.5, 10.5],
            "sd": [4.0, 5.0, 5.0, 6.0],
            "p10": [12.7, 7.3, 4.5, 2.5],
            "p90": [23.8, 20.9, 19.3, 18.0],
        }
    )


def drawn(table, *, size=None, **options):
    _, ax = theme.new_figure(**(size or {}))
    return course(table, ax, **options)


def test_line_band_and_bars_are_those_of_the_table(means, artists):
    read = artists(drawn(means, minimum=0, maximum=27))
    assert read.points("mean").tolist() == means[["day", "estimate"]].to_numpy().tolist()
    assert read.segments("spread")[:, :, 1].tolist() == means[["p10", "p90"]].to_numpy().tolist()
    band = read.named("band")[0].get_paths()[0].vertices
    assert {17.9, 18.5, 9.7, 10.5} <= set(band[:, 1])


def test_the_axis_is_the_instruments_range_and_says_which_end_is_worse(means, artists):
    ax = drawn(means, minimum=0, maximum=27, instrument="PHQ-9", higher_is="worse")
    assert ax.get_ylim() == (0, 27)
    assert ax.get_yticks().tolist() == [0, 5, 10, 15, 20, 27]
    assert artists(ax).texts("unit") == ["PHQ-9 score, 0–27 (higher is worse)"]


def test_without_a_range_the_axis_starts_at_nought_and_holds_all(means):
    low, high = drawn(means).get_ylim()
    assert low == 0
    assert high == 23.8


def test_n_stands_below_each_time(means, artists):
    cells = artists(drawn(means, minimum=0, maximum=27)).named("numbers")
    assert [(cell.get_position()[0], cell.get_text()) for cell in cells] == [
        (0, "779"), (7, "671"), (14, "631"), (28, "1,652"),
    ]  # fmt: skip


def test_the_first_and_the_last_mean_are_written(means, artists):
    assert sorted(artists(drawn(means, minimum=0, maximum=27)).texts("mean-text")) == ["10.1", "18.2"]


def test_a_hidden_day_breaks_the_line_and_leaves_its_place(means, artists):
    means.loc[1, ["estimate", "conf_low", "conf_high", "p10", "p90"]] = np.nan
    means["n"] = means["n"].astype("Int64")
    means.loc[1, "n"] = pd.NA
    read = artists(drawn(means, minimum=0, maximum=27))
    assert np.isnan(read.points("mean")[1, 1])
    assert read.segments("spread").shape == (3, 2, 2)
    assert read.texts("numbers")[1] == "–"


@pytest.mark.parametrize("n_groups", [2, 3])
def test_groups_share_a_panel_up_to_three(means, artists, collisions, n_groups):
    table = pd.concat([means.assign(route=f"route {n}") for n in range(n_groups)], ignore_index=True)
    ax = drawn(table, by="route", minimum=0, maximum=27)
    read = artists(ax)
    assert (
        len({(line.get_marker(), str(line.get_markerfacecolor())) for line in read.named("mean")}) == n_groups
    )
    assert sorted(read.texts("group")) == [f"route {n}" for n in range(n_groups)]
    assert collisions(ax) == ([], [])


@pytest.mark.parametrize("n_groups", [4, 5])
def test_more_groups_get_a_panel_each_on_the_same_axis(means, artists, collisions, n_groups):
    table = pd.concat([means.assign(route=f"route {n}") for n in range(n_groups)], ignore_index=True)
    ax = drawn(table, by="route", minimum=0, maximum=27)
    assert [artists(panel).texts("group") for panel in ax.child_axes] == [
        [f"route {n}"] for n in range(n_groups)
    ]
    assert {panel.get_ylim() for panel in ax.child_axes} == {(0, 27)}
    assert collisions(ax) == ([], [])


def test_no_words_overlap_or_are_cut(means, collisions):
    ax = drawn(means, minimum=0, maximum=27, instrument="PHQ-9", higher_is="worse")
    assert collisions(ax) == ([], [])


@pytest.mark.parametrize("n_rows", [0, 1])
def test_no_day_and_one_day_are_drawn(means, artists, n_rows):
    read = artists(drawn(means.iloc[:n_rows], minimum=0, maximum=27))
    assert len(read.points("mean")) == n_rows


def test_days_that_would_touch_leave_out_numbers_not_dots(means, artists, collisions):
    days = np.arange(0.0, 29.0)
    table = pd.DataFrame({"day": days, "n": 1200, "estimate": 10.0, "conf_low": 9.0, "conf_high": 11.0})
    ax = drawn(table, minimum=0, maximum=27)
    assert artists(ax).points("mean").shape == (29, 2)
    assert 3 < len(artists(ax).named("numbers")) < 29
    assert collisions(ax) == ([], [])
