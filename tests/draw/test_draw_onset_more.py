"""The onset figure with what came later: sessions on the axis, a test below, the share that stopped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.onset import onset

TEST = "Log-rank test for intervals (Sun): χ² = 3.67, df 1, p = 0.055; 219 patients"


def drawn(table, *, size=None, **options):
    _, ax = theme.new_figure(**(size or {}))
    return onset(table, ax, **options)


@pytest.fixture
def by_session():
    """A fifth responds after each of four sessions."""
    number = np.arange(1.0, 5.0)
    landmarks = pd.DataFrame({"time": number, "estimate": number / 5, "estimate_high": number / 5})
    landmarks = landmarks.assign(
        conf_low=landmarks["estimate"] - 0.1, conf_high=landmarks["estimate"] + 0.1,
        n_responded=[20, 40, 60, 80], n_unknown=0, n_not_yet=[80, 60, 40, 20],
    )  # fmt: skip
    masses = pd.DataFrame({"left": [*number, 4.0], "right": [*number, np.inf], "mass": 0.2})
    table = pd.DataFrame({"time": [0.0, *number], "estimate": np.arange(5) / 5})
    return {"table": table.assign(estimate_high=table["estimate"]), "landmarks": landmarks, "masses": masses}


def test_the_axis_counts_whole_sessions(by_session, artists):
    ax = drawn(**by_session, unit="sessions")
    assert ax.get_xticks().tolist() == [0, 1, 2, 3, 4]
    assert artists(ax).texts("time") == ["Number of sessions"]
    # The curve jumps at whole sessions and is known in between.
    assert artists(ax).rectangles("box") == []
    np.testing.assert_allclose(artists(ax).segments("jump")[:, 0, 0], [1, 2, 3, 4])
    np.testing.assert_allclose(artists(ax).segments("level")[-1], [[4, 0.8], [4.5, 0.8]])
    assert "80" in artists(ax).texts("numbers")


def test_what_time_0_is_stands_below_the_axis_and_beside_the_recall(curve, artists):
    read = artists(drawn(**curve, origin="the session", recall_days=7))
    assert read.texts("time") == ["Days after the session"]
    assert "before the session" in " ".join(read.texts("recall-note"))


def test_a_test_stands_below_the_numbers(curve, artists, collisions):
    both = {
        name: pd.concat([frame.assign(sex="female"), frame.assign(sex="male")], ignore_index=True)
        for name, frame in curve.items()
    }
    ax = drawn(**both, by="sex", footer=(TEST,))
    assert artists(ax).texts("footer") == [TEST]
    assert collisions(ax) == ([], [])
    plain = drawn(**both, by="sex")
    assert artists(plain).named("footer") == []
    # Only the line's own height is added.
    assert 10 < ax.figure.get_figheight() * 96 - plain.figure.get_figheight() * 96 < 20


def test_a_long_test_is_broken_to_the_width_of_small_pictures(curve, artists, collisions):
    many = {
        name: pd.concat([frame.assign(route=r) for r in ("IM", "IN", "IV", "SL")], ignore_index=True)
        for name, frame in curve.items()
    }
    ax = drawn(**many, by="route", footer=(TEST, TEST + " of a longer name than the others"))
    assert len(artists(ax).texts("footer")) >= 2
    assert collisions(ax) == ([], [])


def test_the_share_that_stopped_comes_down_from_the_top(curve, artists, collisions):
    stopped = pd.DataFrame({"time": [0.0, 10.0, 20.0], "estimate": [0.0, 0.05, 0.1]})
    landmarks = curve["landmarks"].assign(n_stopped=[0, 5, 10])
    ax = drawn(**{**curve, "landmarks": landmarks}, stopped=stopped, recall_days=14)
    read = artists(ax)
    assert read.points("stopped-edge")[-1].tolist() == [28, 0.9]
    (box,) = read.rectangles("stopped")
    assert box == pytest.approx((0, 28, 0.9, 1))
    assert "treatment stopped before" in " ".join(read.texts("note"))
    assert "Stopped before" in read.texts("numbers-label")
    assert {"5", "10"} <= set(read.texts("numbers"))
    # The bracket of the recall would stand in the grey area.
    assert read.named("recall") == []
    assert collisions(ax) == ([], [])
