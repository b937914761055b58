from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.margin_lines import margin_lines
from ketaoutcomes.draw.margins import margins


def drawn(function, table, *, size=None, **options):
    _, ax = theme.new_figure(**(size or {}))
    return function(table, ax, **options)


@pytest.fixture
def means():
    return pd.DataFrame(
        {
            "label": ["IM", "IV", "oral"], "estimate": [12.04, 9.6, 14.0], "std_error": [0.5, 0.6, 0.8],
            "conf_low": [11.0, 8.4, 12.4], "conf_high": [13.0, 10.8, 15.6], "p_value": [0.2, 0.00004, 1.0],
        }
    )  # fmt: skip


def in_groups(table, n_groups):
    return pd.concat([table.assign(visit=f"visit {n}") for n in range(n_groups)], ignore_index=True)


def test_each_dot_and_line_is_the_tables_estimate_and_interval(means, artists):
    read = artists(drawn(margins, means))
    assert read.points("estimate")[:, 0].tolist() == [12.04, 9.6, 14.0]
    assert read.segments("interval")[:, :, 0].tolist() == means[["conf_low", "conf_high"]].to_numpy().tolist()
    assert read.points("estimate")[:, 1].tolist() == read.segments("interval")[:, 0, 1].tolist()


def test_numbers_have_the_decimals_that_the_standard_errors_warrant(means, artists):
    read = artists(drawn(margins, means, level=0.9))
    # The middle standard error, 0.6, has its second digit at the second decimal.
    assert read.texts("number") == ["12.04", "9.60", "14.00"]
    assert read.texts("interval-text") == ["11.00 to 13.00", "8.40 to 10.80", "12.40 to 15.60"]
    assert read.texts("head") == ["90% CI"]
    assert read.texts("test") == []


def test_differences_have_a_line_at_nought_and_their_p(means, artists):
    ax = drawn(margins, means.assign(estimate=means["estimate"]), zero=True, tests=True)
    read = artists(ax)
    assert read.named("zero")[0].get_xdata() == [0.0, 0.0]
    assert ax.get_xlim()[0] < 0.0
    assert read.texts("test") == ["p = 0.200", "p <0.001", "p = 1.000"]


def test_a_level_that_was_not_estimated_keeps_its_place(means, artists):
    means.loc[1, ["estimate", "std_error", "conf_low", "conf_high", "p_value"]] = np.nan
    read = artists(drawn(margins, means, tests=True))
    assert read.texts("row") == ["IM", "IV", "oral"]
    assert read.points("estimate")[:, 0].tolist() == [12.04, 14.0]
    assert read.texts("interval-text")[1] == "not estimable"


@pytest.mark.parametrize("n_groups", [2, 3])
def test_up_to_three_groups_share_the_rows_and_stand_apart(means, artists, n_groups):
    read = artists(drawn(margins, in_groups(means, n_groups), by="visit"))
    assert read.texts("row") == ["IM", "IV", "oral"]
    assert read.texts("series") == [f"visit {n}" for n in range(n_groups)]
    first, second = read.named("estimate")[:2]
    assert first.get_xdata().tolist() == [12.04, 9.6, 14.0]
    assert (second.get_ydata() - first.get_ydata()).tolist() == [13.0, 13.0, 13.0]
    assert first.get_markerfacecolor() != second.get_markerfacecolor()


def test_more_groups_are_blocks_of_rows_under_their_names(means, artists):
    read = artists(drawn(margins, in_groups(means, 5), by="visit"))
    rows = read.named("row")
    assert [row.get_fontweight() for row in rows].count("bold") == 5
    assert len(rows) == 20
    assert len(read.points("estimate")) == 15


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("tests", [False, True])
def test_no_words_overlap_or_are_cut(means, collisions, n_groups, tests):
    table = in_groups(means, n_groups)
    table["label"] = table["label"].replace({"oral": "oral, with a name longer than its column has room"})
    options = {"by": "visit", "tests": tests, "zero": tests, "unit": "PHQ-9", "heading": "Means of PHQ-9"}
    assert collisions(drawn(margins, table, title="A title in bold", **options)) == ([], [])


def test_a_small_axis_of_ones_own_is_drawn_into(means, artists):
    _, ax = theme.new_figure(150, 300)
    assert margins(means, ax) is ax
    assert artists(ax).points("estimate").shape == (3, 2)


@pytest.mark.parametrize("size", [(4, 3), (5, 2.5), (8, 6)])
def test_words_stay_within_a_figure_of_ones_own(means, course, collisions, size):
    means["label"] = [f"oral, a name that shares its beginning {end}" for end in ("A", "B", "C")]
    draw = [
        lambda ax: margins(means, ax, zero=True, tests=True, unit="PHQ-9", heading="Means of PHQ-9"),
        lambda ax: margin_lines(course, ax, x="day", heading="Mean of PHQ-9", title="Course"),
    ]
    for each in draw:
        figure, ax = plt.subplots(figsize=size)
        each(ax)
        assert collisions(ax) == ([], [])
        plt.close(figure)


def test_names_that_share_their_beginning_stay_different(means, artists):
    means["label"] = [f"side effect recorded with the route {end}" for end in ("IM", "IV", "oral")]
    names = artists(drawn(margins, means)).texts("row")
    assert [name[-2:] for name in names] == ["IM", "IV", "al"]


def test_an_empty_table_gives_an_empty_picture(means, artists):
    assert artists(drawn(margins, means.iloc[:0])).points("estimate").size == 0


@pytest.fixture
def course():
    day = np.array([0.0, 7.0, 14.0, 28.0])
    return pd.DataFrame(
        {"day": day, "estimate": 30 - 0.3 * day, "conf_low": 28 - 0.3 * day, "conf_high": 32 - 0.3 * day}
    )


def test_a_line_and_its_band_are_the_tables(course, artists):
    read = artists(drawn(margin_lines, course.iloc[::-1], x="day", heading="Mean of PHQ-9"))
    assert read.points("estimate").tolist() == course[["day", "estimate"]].to_numpy().tolist()
    (band,) = read.rectangles("band")
    assert band == pytest.approx((0.0, 28.0, course["conf_low"].min(), 32.0))
    assert read.texts("unit") == ["Mean of PHQ-9; band: 95% CI", "day"]


def test_groups_of_lines_are_told_by_name_colour_and_dash(course, artists):
    table = pd.concat([course.assign(route=r, estimate=course.estimate + n) for n, r in enumerate("ABC")])
    read = artists(drawn(margin_lines, table, x="day", by="route"))
    assert sorted(read.texts("group")) == ["A", "B", "C"]
    looks = [(line.get_color(), line.get_markerfacecolor()) for line in read.named("estimate")]
    assert len(set(looks)) == 3
    assert read.named("estimate")[0].get_linestyle() != read.named("estimate")[1].get_linestyle()


def test_many_groups_are_small_panels_with_the_same_axis(course, artists, collisions):
    table = pd.concat([course.assign(route=f"route {n}", estimate=course.estimate + n) for n in range(5)])
    ax = drawn(margin_lines, table, x="day", by="route", heading="Mean of PHQ-9", title="Course")
    assert [artists(panel).texts("group") for panel in ax.child_axes] == [[f"route {n}"] for n in range(5)]
    assert len({panel.get_ylim() for panel in ax.child_axes}) == 1
    assert collisions(ax) == ([], [])


@pytest.mark.parametrize("n_groups", [1, 2, 3])
def test_no_words_of_lines_overlap_even_where_lines_end_together(course, collisions, n_groups):
    table = pd.concat([course.assign(route=f"route number {n}") for n in range(n_groups)])
    ax = drawn(margin_lines, table, x="day", by="route", heading="Mean of PHQ-9", title="Course")
    assert collisions(ax) == ([], [])


def test_a_gap_in_a_line_is_left_open(course, artists):
    course.loc[1, ["estimate", "conf_low", "conf_high"]] = np.nan
    (line,) = artists(drawn(margin_lines, course, x="day")).named("estimate")
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False, False]
