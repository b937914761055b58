"""Published numbers beside the clinic's: markers, intervals and words are those of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.published import HERE, THERE, beside
from ketaoutcomes.draw.published_sessions import response_by_session

BLANK = {
    "study": "Study 2020",
    "quantity": "Responding after session 6",
    "definition": "MADRS at least 50 % below baseline",
    "window": "after six infusions",
    "denominator": "all patients",
    "here": "MADRS at least 50 % below baseline at the first score after session 6",
    "unit": "share",
    "published": 0.6,
    "published_low": 0.5,
    "published_high": 0.7,
    "published_n_events": 60,
    "published_n": 100,
    "estimate": 0.4,
    "estimate_high": 0.4,
    "conf_low": 0.3,
    "conf_high": 0.5,
    "n": 50,
    "n_events": 20,
    "words": "no difference can be claimed: the intervals overlap",
    "verified": True,
}


@pytest.fixture
def table():
    rows = [
        BLANK,
        BLANK | {"estimate": 0.35, "estimate_high": 0.55, "published_low": np.nan, "published_high": np.nan},
        BLANK | {"unit": "days", "published": 18.0, "published_low": np.nan, "published_high": np.nan,
                 "estimate": 30.0, "estimate_high": np.inf, "conf_low": 20.0, "conf_high": np.inf,
                 "verified": False},
        BLANK | {"here": "", "estimate": np.nan, "words": "not recorded here: QIDS-SR16"},
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def sessions():
    return pd.DataFrame(
        {
            "session": [1, 2, 3],
            "n_events": [3, 0, 6],
            "n": [10, 0, 9],
            "n_reached": [12, 11, 10],
            "estimate": [0.3, np.nan, 6 / 9],
            "conf_low": [0.1, np.nan, 0.35],
            "conf_high": [0.6, np.nan, 0.88],
        }
    )


def panels(ax):
    return list(ax.child_axes)


def drawn(ax, artists):
    return [artists(panel) for panel in panels(ax)]


def clipped(figure):
    """Words that reach over the figure's edge."""
    figure.canvas.draw()
    page = Bbox([[0, 0], figure.canvas.get_width_height()])
    holders = [holder for ax in figure.axes for holder in (ax, *ax.child_axes)]
    texts = [one for holder in holders for one in holder.get_children() if isinstance(one, Text)]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    assert len(boxes) > 10
    # A pixel for the rounding of glyphs.
    return [
        words
        for words, box in boxes
        if box.x0 < page.x0 - 1 or box.x1 > page.x1 + 1 or box.y0 < page.y0 - 1 or box.y1 > page.y1 + 1
    ]


def test_each_pair_has_a_hollow_and_a_filled_marker_at_its_numbers(table, artists):
    _, ax = theme.new_figure()
    beside(table, ax)
    shares, days = drawn(ax, artists)
    hollow = shares.named("estimate")[0]
    assert hollow.get_xdata().tolist() == [0.6, 0.6]
    assert hollow.get_marker() == THERE.marker
    assert hollow.get_markerfacecolor() == theme.PALETTE["paper"]
    filled = [line for line in shares.named("estimate") if line.get_color() == HERE.color]
    # The second pair's number lies between two bounds: it is a bar, not a dot.
    assert [x for line in filled for x in line.get_xdata() if line.get_marker() != "None"] == [0.4]
    assert [line.get_xdata().tolist() for line in shares.named("range")] == [[0.35, 0.55]]
    assert days.named("estimate")[0].get_xdata().tolist() == [18.0]


def test_intervals_are_those_of_the_table_and_none_where_there_is_none(table, artists):
    _, ax = theme.new_figure()
    beside(table, ax)
    shares, _ = drawn(ax, artists)
    ends = shares.segments("interval")[:, :, 0]
    assert sorted(map(tuple, ends.tolist())) == [(0.3, 0.5), (0.3, 0.5), (0.5, 0.7)]
    assert "no CI" in shares.texts("interval-text")


def test_a_limit_that_is_not_reached_ends_in_an_arrow(table, artists):
    _, ax = theme.new_figure()
    beside(table, ax)
    shares, days = drawn(ax, artists)
    assert sum(len(line.get_xdata()) for line in shares.named("open-end")) == 0
    assert sum(len(line.get_xdata()) for line in days.named("open-end")) == 1
    assert days.texts("interval-text") == ["no CI", "≥20"]
    assert days.texts("number") == ["18", "≥30"]


def test_definitions_words_and_counts_stand_beside_each_pair(table, artists):
    _, ax = theme.new_figure()
    beside(table, ax)
    shares, days = drawn(ax, artists)
    lines = " ".join(shares.texts("lines"))
    assert "at the first score after session 6" in lines
    assert lines.count("There: MADRS at least 50 % below baseline; after six infusions") == 2
    assert lines.count("Here: MADRS at least 50 % below baseline at the first score") == 2
    assert " ".join(shares.texts("says")).count("no difference can be claimed") == 2
    assert shares.texts("ratio") == ["60/100", "60/100", "20/50", "20/50"]
    assert "(not checked against its source)" in " ".join(days.texts("heads"))
    assert "not checked" not in " ".join(shares.texts("heads"))


def test_a_number_that_is_not_recorded_stands_at_the_foot_only(table, artists):
    _, ax = theme.new_figure()
    beside(table, ax)
    assert artists(ax).texts("footer") == ["Study 2020: not recorded here: QIDS-SR16."]
    _, ax = theme.new_figure()
    beside(table.iloc[3:], ax)
    assert panels(ax) == []


@pytest.mark.parametrize(
    "title", [None, "A long title that says what is drawn here, and of which clinic it is"]
)
def test_no_word_of_the_list_is_cut_off(table, title):
    figure, ax = theme.new_figure()
    beside(table, ax, title=title)
    assert clipped(figure) == []
    texts = [one.get_text() for panel in panels(ax) for one in panel.get_children() if isinstance(one, Text)]
    assert not any(text.endswith("…") for text in texts)


def test_sessions_have_a_dot_where_anybody_was_scored(sessions, artists):
    _, ax = theme.new_figure()
    response_by_session(sessions, ax)
    seen = artists(ax)
    assert seen.points("estimate").tolist() == [[1, 0.3], [3, 6 / 9]]
    assert seen.segments("interval")[:, :, 1].tolist() == [[0.1, 0.6], [0.35, 0.88]]
    assert seen.texts("numbers") == ["3", "–", "6", "10", "0", "9", "12", "11", "10"]


def test_published_shares_of_one_session_stand_apart(sessions, artists):
    published = pd.DataFrame(
        {
            "time": [1.0, 3.0, 3.0],
            "published": [0.13, 0.675, 0.59],
            "published_low": [0.07, 0.56, np.nan],
            "published_high": [0.22, 0.77, np.nan],
            "study": ["Zheng (major depression)", "Zheng (major depression)", "Phillips 2019"],
        }
    )
    figure, ax = theme.new_figure()
    response_by_session(sessions, ax, published=published)
    seen = artists(ax)
    assert seen.points("published").tolist() == [[1, 0.13], [3, 0.675], [3, 0.59]]
    assert seen.segments("published-interval")[:, :, 1].tolist() == [[0.07, 0.22], [0.56, 0.77]]
    places = [line.get_transform().transform(line.get_xydata())[0, 0] for line in seen.named("published")]
    # Markers are 5 points wide: 6.7 px.
    assert places[2] - places[1] > 6.7 * figure.dpi / 96
    notes = seen.texts("note")
    assert "Zheng, 13%" in notes
    assert "Phillips 2019, 59%" in notes
    assert clipped(figure) == []


def test_steps_behind_are_those_of_their_table(sessions, artists):
    ever = pd.DataFrame({"time": [0.0, 1, 2], "estimate": [0, 0.3, 0.5], "estimate_high": [0, 0.3, 0.7]})
    _, ax = theme.new_figure()
    response_by_session(sessions, ax, ever=ever)
    edges = [line.get_ydata().tolist() for line in artists(ax).named("ever-edge")]
    assert edges == [[0, 0, 0.3, 0.3, 0.5, 0.5], [0, 0, 0.3, 0.3, 0.7, 0.7]]
