from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.monthly import monthly, spark


@pytest.fixture
def months():
    names = [f"2025-{m:02d}" for m in range(8, 13)] + [f"2026-{m:02d}" for m in range(1, 10)]
    share = np.array([0.42, 0.5, 0.56, 0.47, 0.53, 0.41, 0.55, 0.62, 0.55, 0.51, 0.5, 0.41, 0.53, 0.49])
    return pd.DataFrame(
        {
            "month": names, "estimate": share, "conf_low": share - 0.1, "conf_high": share + 0.1,
            "provisional": [False] * 13 + [True], "suppressed": "",
        }
    )  # fmt: skip


def drawn(function, table, **options):
    _, ax = theme.new_figure()
    return function(table, ax, **options)


def test_dots_and_bars_stand_at_their_months(months, artists):
    read = artists(drawn(monthly, months))
    assert read.points("month").tolist() == [[n, v] for n, v in enumerate(months["estimate"][:13])]
    assert (
        read.segments("interval")[:, :, 1].tolist() == months[["conf_low", "conf_high"]].to_numpy().tolist()
    )


def test_a_provisional_month_is_hollow_with_a_dashed_join(months, artists):
    read = artists(drawn(monthly, months))
    assert read.points("month-provisional").tolist() == [[13, 0.49]]
    assert read.segments("join-provisional").tolist() == [[[12, 0.53], [13, 0.49]]]
    assert len(read.segments("join")) == 12


def test_a_hidden_month_is_a_gap_with_a_dotted_join_and_its_reason(months, artists):
    months.loc[[4, 5], ["estimate", "conf_low", "conf_high"]] = np.nan
    months.loc[[4, 5], "suppressed"] = "count 1-10"
    read = artists(drawn(monthly, months))
    assert read.segments("join-gap").tolist() == [[[3, 0.47], [6, 0.55]]]
    assert [(t.get_text(), t.get_position()[0]) for t in read.named("gap")] == [("1–10", 4.5)]


def test_a_month_that_is_not_in_the_table_leaves_its_place(months, artists):
    read = artists(drawn(monthly, months.drop(index=2)))
    assert read.points("month")[:3, 0].tolist() == [0, 1, 3]
    assert read.segments("join-gap").tolist() == [[[1, 0.5], [3, 0.47]]]


def test_the_month_of_the_page_is_black_and_the_centre_is_labelled(months, artists):
    read = artists(drawn(monthly, months, emphasis="2026-08", centre=0.515))
    assert read.points("month-emphasis").tolist() == [[12, 0.53]]
    assert read.texts("centre-label") == ["52%"]


def test_the_year_is_written_where_it_changes(months, artists):
    labels = artists(drawn(monthly, months)).texts("x-label")
    assert len(labels) == len(set(labels))
    assert sum(label.endswith("25") for label in labels) == 1
    assert sum(label.endswith("26") for label in labels) == 1


def test_plain_numbers_have_an_axis_that_spans_them(months):
    table = months.assign(estimate=-8.0, conf_low=-9.5, conf_high=-6.4)
    low, high = drawn(monthly, table, as_percent=False).get_ylim()
    assert low <= -9.5
    assert -6.4 <= high < 0


def test_a_spark_is_small_and_labels_the_ends_of_its_axis(months, artists):
    ax = drawn(spark, months, centre=0.515, emphasis="2026-08")
    assert ax.figure.get_size_inches() * 96 == pytest.approx([206, 60])
    low, high = ax.get_ylim()
    assert artists(ax).texts("limit") == [f"{100 * low:.0f}%", f"{100 * high:.0f}%", "52%"]
    assert artists(ax).texts("month-text") == ["Aug 25", "Sep 26", "Aug"]


def test_a_spark_with_control_limits_labels_these(months, artists):
    ax = drawn(spark, months.assign(limit_low=0.32, limit_high=0.72), centre=0.52)
    assert artists(ax).texts("limit") == ["32%", "72%", "52%"]
    assert ax.get_ylim()[0] <= 0.32


@pytest.mark.parametrize("n_rows", [0, 1, 2])
@pytest.mark.parametrize("function", [monthly, spark])
def test_few_months_are_drawn(months, artists, function, n_rows):
    ax = drawn(function, months.iloc[:n_rows])
    assert len(artists(ax).points("month")) == n_rows


@pytest.mark.parametrize("n_months", [3, 14, 26, 40])
def test_no_words_overlap_or_are_cut(collisions, n_months):
    names = [f"{2023 + n // 12}-{n % 12 + 1:02d}" for n in range(n_months)]
    table = pd.DataFrame({"month": names, "estimate": 0.5, "conf_low": 0.4, "conf_high": 0.6})
    assert collisions(drawn(monthly, table, centre=0.5)) == ([], [])
    assert collisions(drawn(spark, table.tail(14), centre=0.5, emphasis=names[-2])) == ([], [])
