"""Pictures of how long side effects last and how severe they are: what is drawn is what the tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.effect_times import effect_times
from ketaoutcomes.draw.severity import severity

SEVERITIES = ("mild", "moderate", "severe", "not stated")


def timed(effects, ways=("checklist",), *, groups=None, last=1.0):
    """Half gone somewhere in (30, 60], three quarters at 90, all (or `last`) at 200 minutes."""
    curves, counts = [], []
    for number, effect in enumerate(effects):
        for way in ways:
            for group in groups or (None,):
                keys = {"effect": effect, "ascertainment": way}
                keys |= {} if group is None else {"arm": group}
                counts.append(keys | {"n_events": 100 - number, "n_unresolved": 12})
                for time, low, high in (
                    (0, 0, 0),
                    (30, 0, 0.5),
                    (60, 0.5, 0.5),
                    (90, 0.75, 0.75),
                    (200, last, 1),
                ):
                    limits = {"conf_low": max(low - 0.1, 0), "conf_high": min(high + 0.1, 1)}
                    row = {"time": float(time), "estimate": float(low), "estimate_high": float(high)}
                    curves.append(keys | row | limits)
    return pd.DataFrame(curves), pd.DataFrame(counts)


def graded(effects, ways=("checklist",), *, groups=None):
    shares = (0.5, 0.25, 0.2, 0.05)
    rows = [
        {
            "effect": effect,
            "ascertainment": way,
            "severity": name,
            "estimate": share,
            "n": 40,
            "n_events": 40 * share,
        }
        | ({} if group is None else {"arm": group})
        for effect in effects
        for way in ways
        for group in groups or (None,)
        for name, share in zip(SEVERITIES, shares, strict=True)
    ]
    return pd.DataFrame(rows)


def new(draw, *tables, **options):
    _, ax = theme.new_figure()
    return draw(*tables, ax, **options)


def test_what_is_still_there_is_what_is_not_gone(artists):
    ax = new(effect_times, *timed(["nausea"]))
    assert len(ax.child_axes) == 1
    panel = artists(ax.child_axes[0])
    assert panel.rectangles("box") == [(30.0, 60.0, 0.5, 1.0)]
    levels = panel.segments("level")
    assert levels[:, :, 0].tolist() == [[0, 30], [60, 90], [90, 200], [200, 240]]
    assert levels[:, 0, 1].tolist() == [1.0, 0.5, 0.25, 0.0]
    assert panel.segments("jump")[:, :, 1].tolist() == [[0.25, 0.5], [0.0, 0.25]]
    band = panel.named("band")[0].get_paths()[0].vertices
    assert {0.4, 1.0} <= set(band[:, 1].round(9))
    assert panel.texts("counts") == ["100 (12 still there)"]
    assert panel.ax.get_xlim() == (0, 240)


def test_lines_at_two_and_four_hours_span_the_panel(artists):
    panel = artists(new(effect_times, *timed(["nausea"])).child_axes[0])
    lines = panel.named("horizon")
    assert [line.get_xdata()[0] for line in lines] == [120, 240]
    assert [list(line.get_ydata()) for line in lines] == [[0, 1], [0, 1]]


def test_what_may_last_longer_than_four_hours_gives_an_axis_of_a_day(artists):
    ax = new(effect_times, *timed(["nausea"], last=0.9))
    assert ax.child_axes[0].get_xlim() == (0, 1440)
    assert artists(ax).texts("time") == ["Minutes after onset (scale changes at 240 min)"]
    places = ax.child_axes[0].transData.transform([(0, 0), (120, 0), (240, 0), (1440, 0)])[:, 0]
    width = places[-1] - places[0]
    assert (places - places[0]) / width == pytest.approx([0, 0.4, 0.8, 1.0])


def test_a_curve_stops_where_too_few_were_followed_and_the_heading_says_so(artists):
    curves, counts = timed(["nausea", "dizziness"], last=0.9)
    stop = {"effect": "nausea", "ascertainment": "checklist", "time": 100.0}
    curves = pd.concat(
        [curves[(curves["effect"] != "nausea") | (curves["time"] < 100)], pd.DataFrame([stop])]
    )
    ax = new(effect_times, curves, counts, heading="Still there")
    panel, other = (artists(child) for child in ax.child_axes)
    assert panel.segments("level")[:, :, 0].tolist() == [[0, 30], [60, 90], [90, 100]]
    assert panel.named("band")[0].get_paths()[0].vertices[:, 0].max() == 100
    assert other.segments("level")[:, :, 0].max() == 200
    assert "fewer than 5 were followed" in " ".join(reversed(artists(ax).texts("unit")))
    whole = new(effect_times, *timed(["nausea"]), heading="Still there")
    assert "followed" not in " ".join(artists(whole).texts("unit"))


def test_ways_of_asking_share_a_panel_without_bands_and_are_named_with_their_counts(artists):
    ax = new(effect_times, *timed(["nausea", "dizziness"], ("checklist", "spontaneous")))
    panel = artists(ax.child_axes[1])
    assert panel.texts("panel") == ["Dizziness"]
    assert panel.texts("counts") == ["checklist: 99 (12 still there)", "spontaneous: 99 (12 still there)"]
    assert not panel.named("band")


def test_six_effects_are_drawn_and_the_heading_says_of_how_many(artists):
    names = [f"effect number {k} of many with a name" for k in range(25)]
    ax = new(effect_times, *timed(names), heading="Still there")
    assert len(ax.child_axes) == 6
    assert "the 6 most frequent of 25" in " ".join(reversed(artists(ax).texts("unit")))


def test_more_than_three_groups_have_a_panel_each_of_the_first_effect(artists):
    groups = [f"g{k}" for k in range(8)]
    ax = new(effect_times, *timed(["any side effect", "nausea"], ("checklist",), groups=groups), by="arm")
    assert [artists(child).texts("panel") for child in ax.child_axes] == [[name] for name in groups]


def test_groups_of_several_ways_are_those_of_the_way_with_the_most_effects(artists):
    curves, counts = timed(["nausea"], ("checklist", "spontaneous"), groups=("a", "b"))
    counts.loc[counts["ascertainment"] == "spontaneous", "n_events"] = 500
    ax = new(effect_times, curves, counts, by="arm", heading="Still there")
    assert artists(ax.child_axes[0]).texts("counts") == ["a: 500 (12 still there)", "b: 500 (12 still there)"]
    assert "asked by spontaneous" in artists(ax).texts("unit")[0]


def test_without_any_time_the_picture_says_so(artists):
    curves, counts = timed(["nausea"])
    ax = new(effect_times, curves.iloc[:0], counts.iloc[:0])
    assert artists(ax).texts("empty") == ["No times are recorded"]
    missing = curves.assign(conf_low=np.nan, conf_high=np.nan)
    assert not artists(new(effect_times, missing, counts).child_axes[0]).named("band")


@pytest.mark.parametrize(
    "tables",
    [
        timed(["any side effect"]),
        timed([f"effect number {k} of many with a name" for k in range(25)], ("checklist", "spontaneous")),
        timed(["nausea", "dizziness"], groups=[f"group number {k}" for k in range(8)]),
        timed(["nausea", "dizziness"], groups=[f"a group of patients {k}" for k in range(3)], last=0.5),
    ],
    ids=["one", "many", "eight groups", "three groups"],
)
def test_words_of_times_neither_touch_nor_are_cut(tables, collisions):
    by = "arm" if "arm" in tables[0].columns else None
    ax = new(effect_times, *tables, by=by, heading="Side effects still there, %", title="How long they last")
    assert collisions(ax) == ([], [])


def bars(ax):
    """Left end, width and row of each bar, in the order drawn."""
    found = [patch for patch in ax.patches if str(patch.get_gid()).startswith("bar-")]
    return [(patch.get_gid()[4:], patch.get_x(), patch.get_width(), patch.get_y()) for patch in found]


def test_bars_are_stacked_to_the_whole_in_the_order_of_severity():
    ax = new(severity, graded(["nausea"]))
    drawn = bars(ax)
    assert [name for name, *_ in drawn] == list(SEVERITIES)
    assert [x for _, x, _, _ in drawn] == pytest.approx([0, 0.5, 0.75, 0.95])
    assert [width for _, _, width, _ in drawn] == pytest.approx([0.5, 0.25, 0.2, 0.05])


def test_shares_stand_in_bars_that_have_room_and_sessions_at_the_right(artists):
    ax = new(severity, graded(["nausea", "dizziness"]))
    assert artists(ax).texts("share") == ["50", "50", "25", "25", "20", "20"]
    assert artists(ax).texts("number") == ["40", "40"]
    assert artists(ax).texts("row") == ["Nausea", "Dizziness"]


def test_two_ways_of_asking_have_a_panel_each_and_three_groups_a_row_each(artists):
    ax = new(severity, graded(["nausea"], ("checklist", "spontaneous")))
    assert [artists(child).texts("panel") for child in ax.child_axes] == [["checklist"], ["spontaneous"]]
    assert [len(bars(child)) for child in ax.child_axes] == [4, 4]
    ax = new(severity, graded(["nausea", "dizziness"], groups=("a", "b", "c")), by="arm")
    assert artists(ax).texts("row") == ["Nausea", "a", "b", "c", "Dizziness", "a", "b", "c"]
    assert len(bars(ax)) == 24


def test_a_severity_that_does_not_occur_has_no_key_and_missing_shares_no_bar(artists):
    table = graded(["nausea"])
    table.loc[table["severity"] == "severe", "estimate"] = 0.0
    table.loc[table["severity"] == "not stated", "estimate"] = np.nan
    ax = new(severity, table)
    assert artists(ax).texts("key") == ["mild", "moderate"]
    assert len(bars(ax)) == 2
    assert artists(new(severity, table.iloc[:0])).texts("empty") == ["No severity is recorded"]


@pytest.mark.parametrize(
    "table",
    [
        graded([f"effect number {k} of many with a name" for k in range(25)]),
        graded(["any side effect", "nausea"], ("checklist", "spontaneous")),
        graded(["any side effect", "nausea", "dizziness"], groups=[f"group number {k}" for k in range(8)]),
    ],
    ids=["many", "two ways", "eight groups"],
)
def test_words_of_severities_neither_touch_nor_are_cut(table, collisions):
    by = "arm" if "arm" in table.columns else None
    ax = new(severity, table, by=by, heading="Severity of side effects, % of sessions", title="How severe")
    assert collisions(ax) == ([], [])
