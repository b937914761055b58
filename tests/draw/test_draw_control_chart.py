"""Pictures of control charts: what is drawn stands in the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.control_chart import control_chart as chart_of
from ketaoutcomes.draw import theme
from ketaoutcomes.draw.control_chart import control_chart, spark

MONTHS = [f"{2024 + m // 12}-{m % 12 + 1:02d}" for m in range(24)]
EVENTS = [31, 28, 33, 27, 31, 29, 34, 26, 32, 29, 32, 28, 36, 35, 37, 34, 36, 38, 33, 35, 36, 50, 36, 35]


@pytest.fixture
def table():
    """A shift from month 13 on with a point outside in it, the last month provisional."""
    data = pd.DataFrame({"month": MONTHS, "events": EVENTS, "n": [60, 64] * 12})
    return chart_of(
        data, value="events", size="n", by_time="month", kind="p", freeze=12, provisional=["2025-12"],
        changes={"2025-01": "reminders began"},
    ).table  # fmt: skip


@pytest.fixture
def quiet():
    data = pd.DataFrame({"month": MONTHS, "events": [28, 32] * 12, "n": 60})
    return chart_of(data, value="events", size="n", by_time="month", kind="p", freeze=12).table


def drawn(table, **options):
    _, ax = theme.new_figure()
    return control_chart(table, ax, **({"unit_line": "% of patients", "as_percent": True} | options))


def test_the_module_is_400_by_158_px(table):
    figure = drawn(table).figure
    assert (figure.get_size_inches() * 96).tolist() == pytest.approx([400, 158])


def test_points_stand_at_their_months_with_the_shift_apart(table, artists):
    read = artists(drawn(table, highlight="2025-11"))
    estimate = table["estimate"].tolist()
    assert read.points("point").tolist() == [[n, estimate[n]] for n in range(12)]
    assert read.points("point-shift").tolist() == [[n, estimate[n]] for n in range(12, 22)]
    assert read.points("point-highlight").tolist() == [[22, estimate[22]]]
    assert read.points("point-provisional").tolist() == [[23, estimate[23]]]


def test_joins_are_orange_in_a_shift_and_dashed_to_a_provisional_point(table, artists):
    read = artists(drawn(table))
    assert len(read.segments("join")) == 12
    assert len(read.segments("join-shift")) == 10
    assert read.segments("join-provisional")[0][:, 0].tolist() == [22, 23]


def test_limits_are_steps_of_the_table_without_the_provisional_point(table, artists):
    x, high = artists(drawn(table)).points("limit-high").T
    assert x.tolist() == [edge for place in range(23) for edge in (place - 0.5, place + 0.5)]
    assert high.tolist() == np.repeat(table["limit_high"].to_numpy()[:23], 2).tolist()


def test_the_frozen_baseline_is_a_darker_region_with_its_name(table, artists):
    read = artists(drawn(table))
    ((x0, x1, _, _),) = read.rectangles("baseline")
    assert (x0, x1) == (-0.5, 11.5)
    assert read.texts("baseline-text") == ["baseline"]


def test_a_ring_marks_a_point_outside_and_a_bracket_counts_the_run(table, artists):
    read = artists(drawn(table))
    assert read.points("ring").tolist() == [[21, table["estimate"].iloc[21]]]
    assert read.texts("shift-text") == ["11 months above the line"]
    assert len(read.named("bracket")) == 3


def test_a_point_outside_a_run_is_named_with_its_value(quiet, artists):
    quiet.loc[20, ["estimate", "outside"]] = [0.75, True]
    read = artists(drawn(quiet))
    assert read.texts("outside-text") == ["Sep 25: 75%"]
    assert read.texts("shift-text") == []


def test_a_chart_without_a_signal_has_no_orange(quiet):
    ax = drawn(quiet)
    colors = [line.get_color() for line in ax.lines] + [text.get_color() for text in ax.texts]
    assert theme.PALETTE["signal"] not in colors


def test_a_run_below_the_line_has_its_bracket_below(quiet, artists):
    quiet.loc[12:22, "estimate"] = 0.45
    quiet.loc[12:22, "in_shift"] = True
    ax = drawn(quiet)
    assert artists(ax).texts("shift-text") == ["11 months below the line"]
    assert artists(ax).named("shift-text")[0].get_position()[1] < 30


def test_a_hidden_point_is_a_gap_with_a_dotted_join_and_its_reason(table, artists):
    table["suppressed"] = ""
    table.loc[[4, 5], "suppressed"] = "count 1-10"
    table.loc[[4, 5], "estimate"] = np.nan
    read = artists(drawn(table))
    assert read.segments("join-gap")[0][:, 0].tolist() == [3, 6]
    assert read.texts("gap") == ["1–10"]


def test_centre_and_limits_are_labelled_at_the_right_and_the_last_value_at_its_point(table, artists):
    read = artists(drawn(table))
    assert read.texts("centre-label") == ["48%"]
    # The limits of November 2025, the last month that is not provisional, with 60 patients.
    last = table.iloc[22]
    assert read.texts("limit-label") == [f"{100 * last[name]:.0f}%" for name in ("limit_high", "limit_low")]
    assert read.texts("value") == ["60%"]
    assert read.texts("unit") == ["% of patients"]


def test_a_change_is_a_dotted_line_with_its_words(table, artists):
    read = artists(drawn(table))
    assert read.texts("change-text") == ["reminders began"]
    assert len(read.named("change")) == 1


def test_each_part_has_its_own_line(artists):
    data = pd.DataFrame({"x": [5, 7] * 6 + [15, 17] * 6})
    table = chart_of(data, value="x", kind="xmr", parts=[12]).table
    read = artists(drawn(table, as_percent=False))
    assert read.segments("centre")[:, 0].tolist() == [[-0.5, 6.0], [11.5, 16.0]]
    assert read.texts("centre-label") == ["16.0"]


def test_a_month_without_a_row_keeps_its_place(quiet, artists):
    read = artists(drawn(quiet.drop(index=3)))
    assert read.points("point")[:4, 0].tolist() == [0, 1, 2, 4]
    assert len(read.segments("join-gap")) == 1


@pytest.mark.parametrize("highlight", [None, "2025-11"])
def test_words_are_clear_of_each_other_and_of_the_edge(table, quiet, collisions, highlight):
    for rows in (table, quiet):
        ax = drawn(rows, highlight=highlight, title="A control chart")
        ax.figure.canvas.draw()
        assert collisions(ax) == ([], [])


def test_a_spark_has_limits_centre_and_the_ends_of_its_time(table, artists, collisions):
    _, ax = theme.new_figure(60.0, 206.0)
    spark(table.iloc[-14:].rename(columns={"time": "month"}), ax, as_percent=True, highlight="2025-11")
    read = artists(ax)
    assert read.texts("name") == ["Nov 24", "Dec 25", "Nov"]
    assert read.texts("centre-label") == ["48%"]
    assert len(read.texts("limit-label")) == 2
    assert len(read.points("ring")) == 1
    ax.figure.canvas.draw()
    assert collisions(ax) == ([], [])


def test_a_table_that_shows_nothing_is_drawn_without_points(table, artists):
    nothing = table.assign(estimate=np.nan, centre=np.nan, limit_low=np.nan, limit_high=np.nan)
    assert artists(drawn(nothing)).texts("value") == []
    _, ax = theme.new_figure(60.0, 206.0)
    spark(nothing, ax, as_percent=True)


def test_the_result_draws_itself_with_its_title(table, artists):
    data = pd.DataFrame({"month": MONTHS, "score": np.tile([-8.1, -7.4, -8.6], 8)})
    result = chart_of(data, value="score", by_time="month", kind="xmr", title="Mean change", unit="Points")
    ax = result.plot()
    assert artists(ax).texts("title") == ["Mean change"]
    assert artists(ax).texts("unit") == ["Points"]
