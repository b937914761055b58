from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.onset import onset


def drawn(table, *, size=None, **options):
    _, ax = theme.new_figure(**(size or {}))
    return onset(table, ax, **options)


def in_groups(curve, n_groups):
    """The same curve for each of several groups."""
    names = [f"group {number}" for number in range(n_groups)]
    return {
        part: pd.concat([frame.assign(route=name) for name in names], ignore_index=True)
        for part, frame in curve.items()
    }


def test_a_box_stands_where_the_curve_is_not_determined(curve, artists):
    found = artists(drawn(**curve)).rectangles("box")
    assert found == [(2.0, 7.0, 0.0, 0.5)]


def test_lines_stand_where_it_is_and_a_jump_where_it_rises_at_a_known_time(curve, artists):
    read = artists(drawn(**curve))
    levels = [[[0, 0], [2, 0]], [[7, 0.5], [14, 0.5]], [[14, 0.75], [28, 0.75]]]
    assert read.segments("level").tolist() == levels
    assert read.segments("jump").tolist() == [[[14, 0.5], [14, 0.75]]]


def test_bounds_without_masses_give_the_same_picture(curve, artists):
    with_masses, without = artists(drawn(**curve)), artists(drawn(**{**curve, "masses": None}))
    assert without.rectangles("box") == with_masses.rectangles("box")
    assert without.segments("level").tolist() == with_masses.segments("level").tolist()
    assert without.segments("jump").tolist() == with_masses.segments("jump").tolist()


def test_a_mass_without_a_right_end_leaves_the_curve_open_up_to_one(curve, artists):
    found = artists(drawn(**curve, horizon=42)).rectangles("box")
    assert found == [(2.0, 7.0, 0.0, 0.5), (28.0, 42.0, 0.75, 1.0)]


def test_landmarks_have_their_dot_their_interval_and_their_per_cent(curve, artists):
    read = artists(drawn(**curve))
    assert read.points("landmark").tolist() == [[7, 0.5], [14, 0.75], [28, 0.75]]
    assert read.segments("landmark-interval")[0].tolist() == [[7, 0.41], [7, 0.59]]
    assert sorted(read.texts("percent")) == ["50%", "75%", "75%"]


def test_bounds_at_a_landmark_are_a_bar_and_are_written_as_bounds(curve, artists):
    curve["landmarks"].loc[1, "estimate"] = 0.6
    read = artists(drawn(**curve))
    assert read.segments("landmark-bounds").tolist() == [[[14, 0.6], [14, 0.75]]]
    assert "60–75%" in read.texts("percent")
    assert [14, 0.6] not in read.points("landmark").tolist()


def test_bounds_too_close_for_a_bar_get_a_hollow_dot(curve, artists):
    curve["landmarks"].loc[1, "estimate"] = 0.74
    read = artists(drawn(**curve))
    assert read.points("landmark-narrow").tolist() == [[14, pytest.approx(0.745)]]
    assert "74–75%" in read.texts("percent")


def test_the_naive_curve_is_dashed_and_said_to_be_for_comparison_only(curve, artists):
    read = artists(drawn(**curve))
    path = [[0, 0], [7, 0], [7, 0.45], [14, 0.45], [14, 0.7], [28, 0.7]]
    assert read.points("naive").tolist() == path
    assert read.named("naive")[0].is_dashed()
    words = " ".join(read.texts("note"))
    assert "for comparison only" in words
    assert "the curve passes somewhere inside, unknown where" in words


def test_numbers_stand_below_their_landmarks(curve, artists):
    ax = drawn(**curve)
    cells = artists(ax).named("numbers")
    assert [cell.get_text() for cell in cells] == ["60", "90", "1,090", "0", "0", "0", "60", "30", "30"]
    assert [cell.get_position()[0] for cell in cells[:3]] == [7, 14, 28]
    assert artists(ax).texts("numbers-label") == ["Responded by then", "Not yet known", "Known: not yet"]


def test_the_axis_is_always_from_nought_to_a_hundred(curve):
    ax = drawn(**curve)
    assert ax.get_ylim() == (0, 1)
    assert ax.get_xlim() == (0, 28)
    assert ax.get_xticks().tolist() == [0, 7, 14, 21, 28]


def test_without_steps_only_the_landmarks_are_drawn(curve, artists):
    read = artists(drawn(**curve, steps=False))
    assert read.points("landmark").shape == (3, 2)
    for hidden in ("box", "level", "jump", "naive", "note"):
        assert read.named(hidden) == []


def test_a_hidden_landmark_has_no_dot_and_its_counts_are_dashes(curve, artists):
    landmarks = curve["landmarks"].assign(suppressed=["count 1-10", "", ""])
    landmarks.loc[0, ["estimate", "estimate_high", "conf_low", "conf_high"]] = np.nan
    for column in ("n_responded", "n_unknown", "n_not_yet"):
        landmarks[column] = landmarks[column].astype("Int64")
        landmarks.loc[0, column] = pd.NA
    read = artists(drawn(**{**curve, "landmarks": landmarks}, steps=False))
    assert read.points("landmark")[:, 0].tolist() == [14, 28]
    assert read.texts("numbers")[0] == "–"
    assert "not shown" in read.texts("percent")


def test_hours_change_their_scale_at_four_and_say_so(curve, artists):
    hourly = {part: frame.copy() for part, frame in curve.items()}
    hourly["landmarks"]["time"] = [1.0, 4.0, 24.0]
    ax = drawn(**hourly, unit="hours", origin="the start of session 1")
    assert ax.get_xticks().tolist() == [0, 1, 4, 24]
    assert artists(ax).texts("time") == ["Hours after the start of session 1 (scale changes at 4 h)"]
    across = ax.transAxes.inverted().transform(ax.transData.transform([[t, 0] for t in (0, 2, 4, 14, 24)]))[
        :, 0
    ]
    # Straight on both sides of 4 h: halfway in time is halfway on the axis.
    assert across == pytest.approx([0, 0.35, 0.70, 0.85, 1.0])
    assert artists(ax).texts("x-label") == ["0", "1", "4", "24 h"]


def test_a_day_and_later_changes_the_scale_twice(curve, artists):
    hourly = {part: frame.copy() for part, frame in curve.items()}
    hourly["landmarks"]["time"] = [2.0, 24.0, 72.0]
    words = artists(drawn(**hourly, unit="hours")).texts("time")
    assert words == ["Hours after session 1 (scale changes at 4 h and 24 h)"]


def test_the_recall_of_the_question_is_a_bracket(curve, artists):
    read = artists(drawn(**curve, recall_days=14))
    assert read.named("recall")[0].get_xdata() == [0, 14]
    assert (
        " ".join(read.texts("recall-note"))
        == "first 14 days: the question still looks back to before session 1"
    )


def test_a_recall_longer_than_the_axis_ends_with_it(curve, artists):
    read = artists(drawn(**curve, recall_days=30))
    assert read.named("recall")[0].get_xdata() == [0, 28]


@pytest.mark.parametrize("n_groups", [1, 2, 3])
def test_up_to_three_groups_share_a_panel_and_are_named(curve, artists, n_groups):
    ax = drawn(**in_groups(curve, n_groups), by="route")
    read = artists(ax)
    assert ax.child_axes == []
    assert len(read.named("landmark")) == n_groups
    if n_groups > 1:
        assert sorted(read.texts("group")) == [f"group {number}" for number in range(n_groups)]
        assert read.named("naive") == []
        looks = {(line.get_marker(), str(line.get_markerfacecolor())) for line in read.named("landmark")}
        assert len(looks) == n_groups


@pytest.mark.parametrize("n_groups", [4, 5])
def test_more_groups_get_a_panel_each(curve, artists, n_groups):
    ax = drawn(**in_groups(curve, n_groups), by="route")
    assert len(ax.child_axes) == n_groups
    for number, panel in enumerate(ax.child_axes):
        read = artists(panel)
        assert read.texts("group") == [f"group {number}"]
        assert read.points("landmark")[:, 1].tolist() == [0.5, 0.75, 0.75]


def test_an_empty_table_gives_an_empty_picture():
    ax = drawn(pd.DataFrame({"time": [], "estimate": [], "estimate_high": []}, dtype=float))
    assert ax.get_xlim() == (0, 1)


def test_one_landmark_with_share_one_and_no_interval_is_drawn(artists):
    landmarks = pd.DataFrame(
        {
            "time": [7.0],
            "estimate": [1.0],
            "estimate_high": [1.0],
            "conf_low": [np.nan],
            "conf_high": [np.nan],
        }
    )
    table = pd.DataFrame({"time": [0.0, 7.0], "estimate": [0.0, 1.0], "estimate_high": [1.0, 1.0]})
    read = artists(drawn(table, landmarks=landmarks))
    assert read.points("landmark").tolist() == [[7, 1]]
    assert read.texts("percent") == ["100%"]
    assert read.rectangles("box") == [(0, 7, 0, 1)]


def test_nobody_responded_is_a_line_at_nought(artists):
    masses = pd.DataFrame({"left": [28.0], "right": [np.inf], "mass": [1.0]})
    table = pd.DataFrame({"time": [0.0, 28.0], "estimate": [0.0, 0.0], "estimate_high": [0.0, 1.0]})
    read = artists(drawn(table, masses=masses, horizon=28))
    assert read.segments("level").tolist() == [[[0, 0], [28, 0]]]
    assert read.rectangles("box") == []


@pytest.mark.parametrize(
    "options", [{}, {"recall_days": 14}, {"recall_days": 14, "horizon": 42}, {"steps": False}]
)
def test_no_words_overlap_or_are_cut(curve, collisions, options):
    assert collisions(drawn(**curve, **options)) == ([], [])


@pytest.mark.parametrize("n_groups", [2, 3, 4, 5])
def test_no_words_of_groups_overlap_or_are_cut(curve, collisions, n_groups):
    frames = in_groups(curve, n_groups)
    for frame in frames.values():
        frame["route"] = frame["route"].replace({"group 1": "an unusually long name of a group"})
    pairs, cut = collisions(drawn(**frames, by="route", recall_days=14))
    assert (pairs, cut) == ([], [])


def test_crowded_landmarks_leave_out_labels_rather_than_print_over_each_other(curve, collisions, artists):
    times = [1.0, 2.0, 3.0, 4.0, 7.0, 10.0, 14.0, 28.0]
    landmarks = pd.DataFrame({"time": times, "estimate": np.linspace(0.05, 0.4, 8)})
    landmarks = landmarks.assign(
        estimate_high=landmarks["estimate"], conf_low=landmarks["estimate"] - 0.04,
        conf_high=landmarks["estimate"] + 0.04, n_responded=1200, n_unknown=3, n_not_yet=900,
    )  # fmt: skip
    ax = drawn(**{**curve, "landmarks": landmarks})
    assert collisions(ax) == ([], [])
    assert "40%" in artists(ax).texts("percent")
    assert artists(ax).points("landmark")[:, 0].tolist() == times


@pytest.mark.parametrize("width", [206, 260, 800])
def test_other_widths_are_drawn(curve, width, artists):
    ax = drawn(**curve, size={"width_px": width}, recall_days=14)
    assert artists(ax).points("landmark").shape == (3, 2)


def test_with_few_patients_no_note_covers_another_or_leaves_the_picture():
    """Wide intervals fill the picture: the notes find room inside, or stand on white over lines."""
    time = [7.0, 14.0, 21.0, 28.0]
    landmarks = pd.DataFrame({"time": time, "estimate": 5 / 6, "estimate_high": 5 / 6})
    landmarks = landmarks.assign(conf_low=[0, 0.5, 0.5, 0.5], conf_high=1.0, n_responded=5, n_unknown=0)
    masses = pd.DataFrame({"left": [0, 3.0, 3.9], "right": [2.1, 3.9, 6.1], "mass": [0.28, 0.13, 0.42]})
    naive = pd.DataFrame({"time": [2.1, 3.9, 6.1, 7.9], "estimate": [1 / 6, 1 / 3, 1 / 2, 5 / 6]})
    ax = onset(
        pd.DataFrame({"time": [0.0], "estimate": [0.0], "estimate_high": [0.0]}),
        landmarks=landmarks, masses=masses, naive=naive, recall_days=14.0,
    )  # fmt: skip
    ax.figure.canvas.draw()
    named = ("note", "percent", "recall-note")
    texts = [text for text in ax.texts + list(ax.artists) if text.get_gid() in named]
    texts = list({id(text): text for text in texts}.values())
    assert sum(text.get_gid() == "note" for text in texts) == 4
    boxes = [text.get_window_extent() for text in texts]
    assert all(box.x1 <= ax.figure.bbox.x1 + 1 and box.x0 >= 0 for box in boxes)
    for number, box in enumerate(boxes):
        for other in boxes[number + 1 :]:
            assert not (
                box.x0 < other.x1 - 1 and other.x0 < box.x1 - 1
                and box.y0 < other.y1 - 2 and other.y0 < box.y1 - 2
            )  # fmt: skip
