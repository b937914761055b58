"""Pictures of cumulative incidence: areas and lines that are those of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.incidence import stacked
from ketaoutcomes.draw.incidence_lines import incidence_lines

CAUSES = ("Response lost", "Next session first")


@pytest.fixture
def frames():
    """Two events, exact: 10 and 20% by day 14, 30 and 40% by day 28."""
    times = [0.0, 14.0, 28.0, 42.0]
    shares = {CAUSES[0]: [0, 0.1, 0.3, 0.3], CAUSES[1]: [0, 0.2, 0.4, 0.45]}
    table = pd.concat(
        [
            pd.DataFrame({"event": name, "time": times, "estimate": values}).assign(
                conf_low=lambda rows: rows["estimate"] * 0.8, conf_high=lambda rows: rows["estimate"] * 1.2
            )
            for name, values in shares.items()
        ],
        ignore_index=True,
    )
    landmarks = table[table["time"].isin([14, 42])].assign(
        n_at_risk=[900, 31, 900, 31], n_events=[120, 360, 240, 1540]
    )
    return {"table": table, "landmarks": landmarks}


def drawn(table, *, plot=stacked, size=None, **options):
    _, ax = theme.new_figure(**(size or {}))
    return plot(table, ax, **({"causes": CAUSES} | options))


def in_groups(frames, n_groups):
    names = [f"group {number}" for number in range(n_groups)]
    return {
        part: pd.concat([frame.assign(route=name) for name in names], ignore_index=True)
        for part, frame in frames.items()
    }


def heights(ax, gid, at):
    """Lower and upper end of an area just after a time."""
    area = next(child for child in ax.get_children() if child.get_gid() == gid)
    corners = area.get_paths()[0].vertices
    y = corners[np.isclose(corners[:, 0], at)][:, 1]
    return float(y.min()), float(y.max())


def test_areas_stand_on_each_other_as_the_table_says(frames):
    ax = drawn(**frames, horizon=50)
    # From day 42 on: 30%, then 45% on it, then what is left up to 100%.
    assert heights(ax, "area-0", 50) == pytest.approx((0, 0.3))
    assert heights(ax, "area-1", 50) == pytest.approx((0.3, 0.75))
    assert heights(ax, "area-2", 50) == pytest.approx((0.75, 1))


def test_a_row_holds_until_the_next_ones_time(frames, artists):
    ax = drawn(**frames)
    edge = artists(ax).points("edge-1")
    assert edge[:6].tolist() == [[0, 0], [14, 0], [14, 0.1], [28, 0.1], [28, 0.3], [42, 0.3]]


def test_events_whose_rows_have_other_times_share_one_time_axis(artists):
    table = pd.DataFrame({"event": ["a", "a", "b"], "time": [5.0, 10, 7], "estimate": [0.1, 0.2, 0.5]})
    ax = drawn(table, causes=("a", "b"), horizon=20)
    top = artists(ax).points("edge-2")
    assert top.tolist() == [[0, 0], [5, 0], [5, 0.1], [7, 0.1], [7, 0.6], [10, 0.6], [10, 0.7], [20, 0.7]]


def test_names_stand_in_the_areas_and_shares_at_their_ends(frames, artists):
    read = artists(drawn(**frames, horizon=90))
    assert set(read.texts("area-name")) == {*CAUSES, "No event yet"}
    assert read.texts("percent") == ["30%", "45%", "25%"]


def test_a_thin_area_is_named_beside_it_with_a_line(frames, artists):
    table = frames["table"].copy()
    table.loc[table["event"] == CAUSES[0], "estimate"] *= 0.1
    read = artists(drawn(table))
    assert CAUSES[0] in read.texts("note")
    assert len(read.named("leader")) == 1


def test_several_thin_areas_are_named_above(artists):
    names = [f"event {number}" for number in range(4)]
    table = pd.concat(
        pd.DataFrame({"event": name, "time": [0.0, 7], "estimate": [0, 0.03]}) for name in names
    )
    read = artists(drawn(table, causes=names, horizon=14))
    words = "from below: event 0, event 1, event 2, event 3, No event yet"
    assert " ".join(read.texts("unit")) == f"% of patients; {words}"
    assert read.texts("area-name") == ["No event yet"]


def test_what_is_not_determined_is_hatched_between_the_event_and_those_without(frames, artists):
    table = frames["table"].assign(estimate_high=frames["table"]["estimate"])
    table.loc[1, "estimate_high"] = 0.25
    ax = drawn(**{**frames, "table": table})
    read = artists(ax)
    # Day 14 to 28: 10% surely lost, 25% at most; the hatching lies between, and the rest moves up.
    assert heights(ax, "undetermined-1", 28) == pytest.approx((0.1, 0.3))
    assert heights(ax, "undetermined-1", 14)[1] == pytest.approx(0.25)
    assert "//////" in read.named("undetermined-1")[0].get_hatch()
    assert read.texts("note") == ["hatched: somewhere between", "two assessments"]


def test_bounds_at_the_end_are_written_as_bounds(frames, artists):
    table = frames["table"].assign(estimate_high=frames["table"]["estimate"])
    table.loc[3, "estimate_high"] = 0.4
    read = artists(drawn(**{**frames, "table": table}))
    assert read.texts("percent") == ["30–40%", "45%", "15–25%"]


def test_the_event_free_share_can_lie_at_the_bottom(frames, artists):
    ax = drawn(**frames, free_at="bottom", event_free="Still responding", horizon=50)
    assert heights(ax, "area-0", 50) == pytest.approx((0, 0.25))
    assert heights(ax, "area-1", 50) == pytest.approx((0.25, 0.55))
    assert artists(ax).texts("percent") == ["25%", "30%", "45%"]


def test_at_the_bottom_the_hatching_lies_on_the_event_free_share(frames):
    table = frames["table"].assign(estimate_high=frames["table"]["estimate"])
    table.loc[3, "estimate_high"] = 0.4
    ax = drawn(**{**frames, "table": table}, free_at="bottom", horizon=50)
    assert heights(ax, "area-0", 50) == pytest.approx((0, 0.15))
    assert heights(ax, "undetermined-1", 50) == pytest.approx((0.15, 0.25))


def test_numbers_below_are_those_of_the_landmarks(frames, artists):
    ax = drawn(**frames)
    cells = artists(ax).named("numbers")
    assert [cell.get_text() for cell in cells] == ["900", "31", "120", "360", "240", "1,540"]
    assert [cell.get_position()[0] for cell in cells[:2]] == [14, 42]
    assert artists(ax).texts("numbers-label") == ["At risk", *CAUSES]


def test_columns_that_landmarks_do_not_have_are_no_lines(frames, artists):
    landmarks = frames["landmarks"].drop(columns="n_at_risk").assign(n_unknown=[5, 6, 5, 6])
    read = artists(drawn(frames["table"], landmarks=landmarks))
    assert read.texts("numbers-label") == ["Not yet known", *CAUSES]


def test_the_axis_ends_with_the_last_landmark_or_where_it_is_told(frames):
    assert drawn(**frames).get_xlim() == (0, 42)
    assert drawn(**frames, horizon=35).get_xlim() == (0, 35)
    assert drawn(frames["table"]).get_xlim() == (0, 42)


def test_a_share_that_is_not_known_is_not_drawn(frames):
    table = frames["table"].copy()
    table.loc[table["time"] == 28, "estimate"] = np.nan
    ax = drawn(table, horizon=42)
    area = next(child for child in ax.get_children() if child.get_gid() == "area-0")
    # Nothing is drawn from day 28 on, until the share is known again.
    assert area.get_paths()[0].vertices[:, 0].max() == 28


@pytest.mark.parametrize("n_groups", [2, 3])
def test_few_groups_have_a_panel_each_with_their_numbers(frames, artists, n_groups):
    ax = drawn(**in_groups(frames, n_groups), by="route")
    assert len(ax.child_axes) == n_groups
    for number, panel in enumerate(ax.child_axes):
        assert artists(panel).texts("group") == [f"group {number}"]
        assert artists(panel).texts("numbers")[:2] == ["900", "31"]


def test_many_groups_are_small_and_their_areas_are_named_above(frames, artists):
    ax = drawn(**in_groups(frames, 5), by="route")
    assert len(ax.child_axes) == 5
    assert "from below: Response lost, Next session first, No event yet" in " ".join(
        artists(ax).texts("unit")
    )


def test_hours_change_their_scale_and_say_so(frames, artists):
    hourly = {part: frame.assign(time=frame["time"] / 7) for part, frame in frames.items()}
    hourly["landmarks"]["time"] = [2.0, 48.0, 2.0, 48.0]
    hourly["table"].loc[hourly["table"]["time"] == 6, "time"] = 48.0
    ax = drawn(**hourly, unit="hours")
    assert ax.get_xticks().tolist() == [0, 2, 4, 24, 48]
    assert artists(ax).texts("time") == ["Hours after session 1 (scale changes at 4 h and 24 h)"]


@pytest.mark.parametrize("plot", [stacked, incidence_lines])
@pytest.mark.parametrize("n_groups", [1, 2, 3, 4, 5])
def test_no_words_overlap_or_are_cut(frames, collisions, plot, n_groups):
    parts = in_groups(frames, n_groups)
    for frame in parts.values():
        frame["route"] = frame["route"].replace({"group 1": "an unusually long name of a group"})
    ax = drawn(**parts, plot=plot, by=None if n_groups == 1 else "route", title="A title")
    assert collisions(ax) == ([], [])


@pytest.mark.parametrize("plot", [stacked, incidence_lines])
def test_many_events_and_long_names_do_not_collide(collisions, plot):
    names = [f"a rather long name of event number {number}" for number in range(5)]
    table = pd.concat(
        pd.DataFrame({"event": name, "time": [0.0, 7, 28], "estimate": [0, 0.02, 0.05 + 0.01 * number]})
        for number, name in enumerate(names)
    )
    assert collisions(drawn(table, plot=plot, causes=names)) == ([], [])


@pytest.mark.parametrize("plot", [stacked, incidence_lines])
@pytest.mark.parametrize("width", [260, 800])
def test_other_widths_are_drawn(frames, plot, width):
    ax = drawn(**frames, plot=plot, size={"width_px": width})
    assert ax.figure.get_size_inches()[0] * 96 == pytest.approx(width)


@pytest.mark.parametrize("plot", [stacked, incidence_lines])
def test_an_empty_table_gives_an_empty_picture(plot):
    table = pd.DataFrame({"event": pd.Series(dtype=str), "time": [], "estimate": []})
    assert drawn(table, plot=plot) is not None


@pytest.mark.parametrize("plot", [stacked, incidence_lines])
def test_without_axes_pyplot_makes_a_figure(frames, plot):
    from matplotlib import pyplot

    ax = plot(**frames, causes=CAUSES)
    assert ax.figure in [pyplot.figure(number) for number in pyplot.get_fignums()]
    pyplot.close(ax.figure)


def test_axes_of_ones_own_are_drawn_into(frames):
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2)
    assert stacked(**frames, ax=axes[0], causes=CAUSES) is axes[0]
    assert incidence_lines(**frames, ax=axes[1], causes=CAUSES) is axes[1]
    pyplot.close(figure)


def test_lines_are_the_table_and_bands_its_limits(frames, artists):
    ax = drawn(**frames, plot=incidence_lines)
    panel = ax.child_axes[0]
    first = artists(panel).named("line")[0].get_xydata()
    assert first[:6].tolist() == [[0, 0], [14, 0], [14, 0.1], [28, 0.1], [28, 0.3], [42, 0.3]]
    edges = [line.get_ydata()[-1] for line in artists(panel).named("band-edge")[:2]]
    assert edges == pytest.approx([0.24, 0.36])
    assert sorted(artists(panel).texts("line-name")) == sorted(CAUSES)


def test_groups_share_the_panel_of_an_event(frames, artists):
    ax = drawn(**in_groups(frames, 2), plot=incidence_lines, by="route")
    assert [artists(panel).texts("panel") for panel in ax.child_axes] == [[name] for name in CAUSES]
    for panel in ax.child_axes:
        assert sorted(artists(panel).texts("line-name")) == ["group 0", "group 1"]
        looks = {str(line.get_linestyle()) + line.get_color() for line in artists(panel).named("line")}
        assert len(looks) == 2


def test_small_shares_have_an_axis_on_which_they_are_seen(frames):
    small = {part: frame.copy() for part, frame in frames.items()}
    for frame in small.values():
        frame[["estimate", "conf_low", "conf_high"]] *= 0.1
    ax = drawn(**small, plot=incidence_lines)
    assert ax.child_axes[0].get_ylim() == (0, 0.1)


def test_a_limit_that_is_missing_at_the_start_leaves_the_band_open_there(frames, artists):
    table = frames["table"].copy()
    table.loc[table["time"] == 0, "conf_high"] = np.nan
    panel = drawn(table, plot=incidence_lines).child_axes[0]
    for line in artists(panel).named("band-edge"):
        y = line.get_ydata()
        assert np.nanmax(y) < 0.6


def test_bounds_of_a_line_are_shaded_and_said(frames, artists):
    table = frames["table"].assign(estimate_high=frames["table"]["estimate"] + 0.1)
    panel = drawn(table, plot=incidence_lines).child_axes[0]
    assert len(artists(panel).named("undetermined")) == 2
    assert artists(panel).texts("note") == ["shaded: somewhere between", "two assessments"]


def test_long_names_stand_above_and_in_no_other_area(frames):
    long = ["Relapse into a full depressive episode", "Stopped because of side effects or cost"]
    names = dict(zip(CAUSES, long, strict=True))
    renamed = {part: frame.assign(event=frame["event"].map(names)) for part, frame in frames.items()}
    ax = drawn(**renamed, causes=long, horizon=50)
    head = "from below: Relapse into a full depressive episode, Stopped"
    assert any(head in text.get_text().replace("\n", " ") for text in ax.texts)
    named = {text.get_text().rstrip("…"): text for text in ax.texts if text.get_gid() == "area-name"}
    for number, name in enumerate(long):
        (text,) = (text for word, text in named.items() if name.startswith(word))
        box = text.get_window_extent().transformed(ax.transData.inverted())
        low, high = heights(ax, f"area-{number}", 50)
        assert low < (box.y0 + box.y1) / 2 < high


def test_shares_that_add_up_to_1_leave_nobody():
    # In floating point 1 - (0.7 + 0.2 + 0.1) is 1.1e-16.
    table = pd.DataFrame({"event": list("abc"), "time": 1.0, "estimate": [0.7, 0.2, 0.1]})
    ax = drawn(table, causes=list("abc"), horizon=5)
    shares = {text.get_text() for text in ax.texts if text.get_gid() == "percent"}
    assert "<0.1%" not in shares
    assert "0%" in shares
