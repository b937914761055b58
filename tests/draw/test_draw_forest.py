from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.forest import forest
from ketaoutcomes.draw.rates import rates


def drawn(function, table, *, size=None, **options):
    _, ax = theme.new_figure(**(size or {}))
    return function(table, ax, **options)


def test_each_dot_and_line_is_the_tables_estimate_and_interval(effects, artists):
    read = artists(drawn(forest, effects))
    assert read.points("estimate")[:3].tolist() == [[0.52, 0], [0.11, 1], [0.066, 2]]
    assert (
        read.segments("interval")[:, :, 0].tolist() == effects[["conf_low", "conf_high"]].to_numpy().tolist()
    )


def test_filled_is_the_checklist_and_open_is_what_was_mentioned(effects, artists):
    checklist, spontaneous = artists(drawn(forest, effects)).named("estimate")
    assert to_hex(checklist.get_markerfacecolor()) == theme.PALETTE["main"].lower()
    assert to_hex(spontaneous.get_markerfacecolor()) == theme.PALETTE["paper"].lower()
    assert spontaneous.get_xdata().tolist() == [0.31, 0.06, 0.022]


def test_the_numbers_at_the_right_are_those_of_the_checklist(effects, artists):
    read = artists(drawn(forest, effects))
    assert read.texts("head") == ["Checklist, 95% CI"]
    assert read.texts("number") == ["52%", "11%", "6.6%"]
    assert read.texts("interval-text") == ["50–54", "10–12", "5.7–7.6"]


def test_one_way_of_asking_needs_no_key(effects, artists):
    read = artists(drawn(forest, effects.iloc[3:], level=0.9))
    assert read.texts("head") == ["90% CI"]
    assert read.texts("series") == []


def test_rows_of_one_series_leave_no_room_for_names_of_series(effects):
    heights = [drawn(forest, rows).figure.get_figheight() for rows in (effects, effects.iloc[:3])]
    # 16 px of 96 to the inch; the rows are the same three.
    assert heights[0] - heights[1] == pytest.approx(16 / 96)


def test_any_side_effect_is_bold_and_set_off(effects, artists):
    read = artists(drawn(forest, effects))
    assert [row.get_text() for row in read.named("row")] == ["Any side effect", "Nausea", "Headache"]
    assert [row.get_fontweight() for row in read.named("row")] == ["bold", "normal", "normal"]
    assert read.named("any-rule")[0].get_ydata() == [0.5, 0.5]


def test_a_hidden_row_keeps_its_place_and_has_no_dot(effects, artists):
    table = (
        effects.iloc[:3].astype({"n_events": "Int64"}).assign(suppressed=["", "count 1-10", "all but 1-10"])
    )
    table.loc[1:2, ["estimate", "conf_low", "conf_high"]] = np.nan
    table.loc[1:2, "n_events"] = pd.NA
    read = artists(drawn(forest, table))
    assert read.points("estimate").tolist() == [[0.52, 0]]
    assert read.texts("number") == ["52%", "1–10", "–"]
    assert read.texts("interval-text") == ["50–54", "not shown", "not shown"]


def test_an_estimate_without_an_interval_has_a_dot_and_no_line(effects, artists):
    table = effects.iloc[:3].copy()
    table.loc[1, ["conf_low", "conf_high"]] = np.nan
    read = artists(drawn(forest, table))
    assert read.points("estimate").shape == (3, 2)
    assert read.segments("interval").shape == (2, 2, 2)
    assert read.texts("interval-text")[1] == "–"


def test_nought_and_all_lie_on_the_ends_of_the_axis(artists):
    table = pd.DataFrame(
        {
            "effect": ["a", "b"], "ascertainment": "checklist", "estimate": [0.0, 1.0],
            "conf_low": [0.0, 0.96], "conf_high": [0.04, 1.0],
        }
    )  # fmt: skip
    ax = drawn(forest, table)
    assert ax.get_xlim() == (0, 1)
    assert artists(ax).texts("number") == ["0%", "100%"]


def with_groups(effects, n_groups, ways=2):
    names = [f"route {number}" for number in range(n_groups)]
    return pd.concat([effects.iloc[: 3 * ways].assign(route=name) for name in names], ignore_index=True)


@pytest.mark.parametrize("n_groups", [2, 3])
def test_groups_of_one_way_of_asking_are_series_with_their_numbers(effects, artists, n_groups):
    ax = drawn(forest, with_groups(effects, n_groups, ways=1), by="route")
    read = artists(ax)
    assert ax.child_axes == []
    assert len(read.named("estimate")) == n_groups
    assert read.texts("number") == ["52%", "11%", "6.6%"] * n_groups
    assert read.texts("series") == [f"route {number}" for number in range(n_groups)]


def test_groups_never_pool_the_ways_of_asking(effects, artists):
    ax = drawn(forest, with_groups(effects, 2), by="route")
    assert [artists(panel).texts("panel") for panel in ax.child_axes] == [["checklist"], ["spontaneous"]]
    assert [line.get_xdata()[0] for line in artists(ax.child_axes[1]).named("estimate")] == [0.31, 0.31]


@pytest.mark.parametrize("n_groups", [4, 5])
def test_many_groups_get_a_panel_each(effects, artists, n_groups):
    ax = drawn(forest, with_groups(effects, n_groups), by="route")
    assert [artists(panel).texts("panel") for panel in ax.child_axes] == [
        [f"route {n}"] for n in range(n_groups)
    ]
    assert all(len(artists(panel).named("estimate")) == 2 for panel in ax.child_axes)


def many_effects(n_effects):
    share = np.linspace(0.6, 0.004, n_effects)
    names = ["any side effect"] + [
        f"effect {n} with a name longer than its column" for n in range(1, n_effects)
    ]
    return pd.DataFrame(
        {
            "effect": names * 2,
            "ascertainment": ["checklist"] * n_effects + ["spontaneous"] * n_effects,
            "estimate": np.r_[share, share / 2],
            "conf_low": np.r_[share, share / 2] * 0.9,
            "conf_high": np.r_[share, share / 2] * 1.1,
        }
    )


@pytest.mark.parametrize("n_effects", [1, 2, 10, 25])
def test_any_number_of_effects_stays_readable(n_effects, collisions, artists):
    ax = drawn(forest, many_effects(n_effects))
    assert collisions(ax) == ([], [])
    assert len(artists(ax).named("row")) == n_effects


@pytest.mark.parametrize("n_groups", [2, 3, 4, 5])
def test_no_words_of_groups_overlap_or_are_cut(effects, collisions, n_groups):
    assert collisions(drawn(forest, with_groups(effects, n_groups), by="route")) == ([], [])
    assert collisions(drawn(forest, with_groups(effects, n_groups, ways=1), by="route")) == ([], [])


def test_an_empty_table_gives_an_empty_picture(effects, artists):
    assert artists(drawn(forest, effects.iloc[:0])).points("estimate").size == 0


def test_a_small_width_is_drawn(effects, artists):
    assert artists(drawn(forest, effects, size={"width_px": 260})).points("estimate").shape == (6, 2)


@pytest.fixture
def response():
    return pd.DataFrame(
        {
            "denominator": ["starters", "baseline_eligible", "scored"],
            "n_events": [334, 334, 334],
            "n": [948, 912, 652],
            "estimate": [0.352, 0.366, 0.512],
            "conf_low": [0.323, 0.336, 0.474],
            "conf_high": [0.383, 0.398, 0.550],
        }
    )


def test_a_rate_stands_over_each_of_its_denominators(response, artists):
    read = artists(drawn(rates, response))
    assert read.texts("row") == ["All who started", "With a valid baseline", "Scored in the window"]
    assert read.points("estimate").tolist() == [[0.352, 0], [0.366, 1], [0.512, 2]]
    assert read.texts("number") == ["35%", "37%", "51%"]
    assert read.texts("ratio") == ["334/948", "334/912", "334/652"]


def test_a_hidden_rate_tells_no_more_than_its_denominator(response, artists):
    table = response.astype({"n_events": "Int64"}).assign(suppressed=["", "", "count 1-10"])
    table.loc[2, ["estimate", "conf_low", "conf_high"]] = np.nan
    table.loc[2, "n_events"] = pd.NA
    read = artists(drawn(rates, table))
    assert read.texts("number")[2] == "1–10"
    assert read.texts("ratio")[2] == "of 652"
    assert read.points("estimate").shape == (2, 2)


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4, 5])
def test_groups_are_rows_below_their_denominator(response, artists, collisions, n_groups):
    table = pd.concat([response.assign(route=f"route {n}") for n in range(n_groups)], ignore_index=True)
    ax = drawn(rates, table, by="route")
    rows = artists(ax).named("row")
    assert [row.get_fontweight() for row in rows].count("bold") == 3
    assert len(rows) == 3 * (n_groups + 1)
    assert artists(ax).points("estimate")[0].tolist() == [0.352, 1]
    assert collisions(ax) == ([], [])


def test_a_rate_of_nobody_prints_nought_of_nought(response, artists):
    table = response.iloc[:1].assign(n_events=0, n=0, estimate=np.nan, conf_low=np.nan, conf_high=np.nan)
    assert artists(drawn(rates, table)).texts("ratio") == ["0/0"]
