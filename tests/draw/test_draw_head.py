"""The lines above a picture."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from ketaoutcomes.draw.flow import flow
from ketaoutcomes.draw.forest import forest
from ketaoutcomes.draw.onset import onset
from ketaoutcomes.draw.rates import rates

TITLE = "How fast they respond"
LONG = "Responded, % of patients (PHQ-9 at least 50% below a baseline of 10 or more), by the clinic"


def tops(ax):
    """Height of the figure, and the highest px that any word in it reaches, both from the bottom."""
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in ax.figure.findobj(plt.Text) if text.get_text()]
    return ax.figure.bbox.height, max(box.y1 for box in boxes), max(box.x1 for box in boxes)


@pytest.fixture
def shares():
    return pd.DataFrame(
        {"denominator": ["starters", "scored"], "effect": ["any side effect", "nausea"], "n_events": [3, 2],
         "n": [9, 8], "estimate": [0.33, 0.25], "conf_low": [0.1, 0.1], "conf_high": [0.6, 0.6]}
    )  # fmt: skip


@pytest.mark.parametrize("function", [forest, rates])
def test_heading_and_title_stand_above_the_rows_with_room_made(function, shares, artists):
    bare = function(shares)
    ax = function(shares, heading="Response at day 28 (PHQ-9)", title=TITLE)
    assert artists(ax).texts("unit")[0] == "Response at day 28 (PHQ-9)"
    assert artists(ax).texts("title") == [TITLE]
    height, highest, _ = tops(ax)
    assert highest <= height
    assert ax.figure.get_size_inches()[1] > bare.figure.get_size_inches()[1]
    # The picture itself keeps its size: 96 px to the inch of the figure.
    assert ax.get_position().height * ax.figure.get_size_inches()[1] == pytest.approx(
        bare.get_position().height * bare.figure.get_size_inches()[1]
    )
    plt.close("all")


def test_a_long_unit_line_takes_two_lines_and_none_is_cut(curve, artists):
    ax = onset(**curve, unit_line=LONG, title=TITLE)
    assert " ".join(reversed(artists(ax).texts("unit"))) == LONG
    height, highest, rightmost = tops(ax)
    assert highest <= height
    assert rightmost <= ax.figure.bbox.width
    plt.close("all")


def test_numbers_below_the_curve_say_what_patients_did(curve, artists):
    ax = onset(**curve, verb="Remitted")
    assert artists(ax).texts("numbers-label")[0] == "Remitted by then"
    plt.close("all")


def test_flow_has_a_heading_and_a_title(artists):
    ax = flow(pd.DataFrame({"step": ["started"], "n": [9]}), heading="Patients", title=TITLE)
    assert artists(ax).texts("unit") == ["Patients"]
    assert artists(ax).texts("title") == [TITLE]
    height, highest, _ = tops(ax)
    assert highest <= height
    plt.close("all")


def test_lines_end_before_the_axes_at_their_right():
    figure, (ax, neighbour) = plt.subplots(1, 2, figsize=(12, 5))
    rates(
        pd.DataFrame(
            {"denominator": ["starters"], "n_events": [3], "n": [9], "estimate": [0.3], "conf_low": [0.1],
             "conf_high": [0.6]}
        ), ax, heading=LONG, title=f"{TITLE}, and how slowly the others, of whom there were more",
    )  # fmt: skip
    renderer = figure.canvas.get_renderer()
    heads = [text for text in ax.texts if text.get_gid() in ("unit", "title")]
    assert max(text.get_window_extent(renderer).x1 for text in heads) < neighbour.bbox.x0
    plt.close(figure)
