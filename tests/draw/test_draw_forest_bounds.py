"""Forests: bounds as bars, how many are counted, long names, many panels, axes of one's own, no data."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.bounds import LEAST_PX
from ketaoutcomes.draw.forest import forest

LONGEST = "depersonalisation/derealisation"


def drawn(table, **options):
    return forest(table, theme.new_figure()[1], **options)


def by_month(effects, n_groups):
    return pd.concat([effects.assign(month=f"2026-{number:02d}") for number in range(1, n_groups + 1)])


def test_bounds_are_a_hollow_bar_between_both_ends_with_both_numbers(effects, artists):
    table = effects.iloc[:3].assign(estimate_high=[0.6, 0.11, 0.1])
    read = artists(drawn(table, heading="Severe side effects, % of sessions"))
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in read.named("bounds")]
    np.testing.assert_allclose(bars, [(0.52, 0.6), (0.066, 0.1)])
    assert [bar.get_facecolor()[:3] for bar in read.named("bounds")] == [(1.0, 1.0, 1.0)] * 2
    # The row whose bounds are one keeps its dot; bars have none. All three intervals are drawn.
    shown = read.points("estimate")
    assert shown[np.isfinite(shown[:, 0])].tolist() == [[0.11, 1.0]]
    assert len(read.segments("interval")) == 3
    assert read.texts("number") == ["52–60%", "11%", "6.6–10.0%"]
    assert read.texts("sizes")[-1].startswith("Hollow bar: bounds")


def test_bounds_too_close_for_a_bar_have_a_dot_and_both_numbers(effects, artists):
    table = effects.iloc[:1].assign(estimate=0.02, estimate_high=0.025)
    ax = drawn(table.assign(conf_high=0.9))
    assert (ax.transData.transform([(0.025, 0), (0.02, 0)])[:, 0] @ [1, -1]) * 96 / ax.figure.dpi < LEAST_PX
    assert artists(ax).named("bounds") == []
    assert artists(ax).points("estimate").tolist() == [[0.02, 0.0]]
    assert artists(ax).texts("number") == ["2.0–2.5%"]


def test_with_a_heading_it_says_how_many_are_counted(effects, artists):
    read = artists(drawn(effects, heading="Side effects"))
    assert read.texts("sizes") == ["n: checklist 1,000 sessions of 80 patients, spontaneous 500 of 80"]
    assert artists(drawn(effects)).texts("sizes") == []  # a caption says it


def test_each_panel_says_how_many_are_counted(effects, artists):
    ax = drawn(by_month(effects, 4), by="month", heading="Side effects")
    assert [artists(panel).texts("size") for panel in ax.child_axes] == [["1,000", "500"]] * 4


def test_long_names_are_not_cut_where_there_is_room(effects, artists, collisions):
    table = effects.replace({"effect": {"nausea": LONGEST}})
    ax = drawn(table, heading="Side effects")
    assert LONGEST.capitalize() in artists(ax).texts("row")
    assert collisions(ax) == ([], [])


@pytest.mark.parametrize("n_groups", [6, 19])
def test_many_groups_stand_in_several_rows_each_with_its_names(effects, artists, collisions, n_groups):
    ax = drawn(by_month(effects, n_groups), by="month", heading="Side effects, by month")
    assert len(ax.child_axes) == n_groups
    assert min(panel.bbox.width for panel in ax.child_axes) * 96 / ax.figure.dpi > 60
    named = [panel for panel in ax.child_axes if artists(panel).texts("row")]
    assert len({panel.bbox.y0 for panel in ax.child_axes}) == len(named) > 1
    assert collisions(ax) == ([], [])


def test_one_group_keeps_its_ways_of_asking_as_series(effects, artists):
    ax = drawn(by_month(effects, 1), by="month", heading="Side effects")
    assert ax.child_axes == []
    assert artists(ax).texts("sizes")[0].startswith("n, 2026-01: checklist")


def test_numbers_of_ones_own_axes_stay_off_the_neighbour(effects, artists):
    figure, (ax, neighbour) = plt.subplots(1, 2, figsize=(12, 5))
    right = ax.bbox.x1
    forest(effects, ax, heading="Side effects, % of sessions with a record, by the way they were asked for")
    renderer = figure.canvas.get_renderer()
    assert max(text.get_window_extent(renderer).x1 for text in ax.texts) < neighbour.bbox.x0
    assert ax.bbox.x1 < right
    plt.close(figure)


def test_without_effects_there_is_no_scale(effects, artists):
    ax = drawn(effects.iloc[:0], heading="Side effects")
    assert artists(ax).texts("empty") == ["not recorded"]
    assert not ax.axison
