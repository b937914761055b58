"""The picture of how long response lasts: what it draws and what it leaves out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.durability import held_response

DAYS = np.arange(0.0, 61.0)


def curve(until=42, fall=0.01, **columns):
    known = until >= DAYS
    table = pd.DataFrame({"time": DAYS, "estimate": np.where(known, 1 - fall * DAYS, np.nan)})
    table["estimate_high"] = table["estimate"] + np.where(table["time"].between(10, 14), 0.05, 0.0)
    table["conf_low"], table["conf_high"] = table["estimate"] - 0.1, table["estimate_high"] + 0.05
    table["identified"] = known
    table["n_at_risk"] = (120 - DAYS).astype(int)
    table["n_patients"] = (60 - DAYS / 2).astype(int)
    return table.assign(**columns)


BOUNDS = pd.DataFrame({"time": DAYS, "worst": 1 - 0.015 * DAYS, "best": 1 - 0.005 * DAYS})
NAIVE = pd.DataFrame({"time": [5.0, 20.0, 50.0], "estimate": [0.95, 0.8, 0.4]})


def drawn(table, **options):
    _, axes = theme.new_figure()
    held_response(table, axes, **options)
    return axes


def parts(axes, gid):
    return [artist for artist in axes.get_children() if artist.get_gid() == gid]


def words(axes):
    return [text.get_text() for text in axes.texts] + [
        artist.get_text()
        for artist in axes.get_children()
        if hasattr(artist, "get_text") and artist.get_text()
    ]


def test_nothing_but_the_bounds_is_drawn_where_the_share_is_not_identified():
    axes = drawn(curve(), bounds=BOUNDS, naive=NAIVE, horizon=56)
    for line in parts(axes, "curve"):
        x, y = line.get_data()
        assert np.nanmax(x[np.isfinite(y)]) == 42
    naive = parts(axes, "naive")[0]
    assert naive.get_xdata().max() == 42
    bound = parts(axes, "bound")[0]
    assert bound.get_xdata()[np.isfinite(bound.get_ydata())].max() > 42
    assert any("not identified" in text for text in words(axes))
    assert "after day 42" in words(axes)


def test_the_numbers_below_are_those_of_the_table():
    axes = drawn(curve(), bounds=BOUNDS, horizon=56)
    found = words(axes)
    for day in (14, 28, 42):
        assert str(120 - day) in found
        assert str(int(60 - day / 2)) in found


def test_what_two_assessments_leave_open_is_a_box_between_two_lines():
    axes = drawn(curve(), horizon=56)
    low, high = parts(axes, "curve")
    x, a = low.get_data()
    b = high.get_data()[1]
    at = (x >= 10) & (x <= 15)
    assert np.nanmax((b - a)[at]) == pytest.approx(0.05)
    assert np.nanmax((b - a)[~at & np.isfinite(a)]) == pytest.approx(0.0)


def test_groups_are_told_apart_by_dash_and_name():
    table = pd.concat([curve(route="IV"), curve(fall=0.005, route="IM")], ignore_index=True)
    axes = drawn(table, by="route", bounds=BOUNDS.assign(route="IV"), horizon=56)
    assert {"IV", "IM"} <= set(words(axes))
    assert len({str(line.get_linestyle()) for line in parts(axes, "curve")}) > 1
    assert not parts(axes, "bounds")


def test_more_than_three_groups_get_panels_and_one_without_a_curve_says_so():
    names = ["a", "b", "c", "d", "e"]
    table = pd.concat([curve(until=0 if n == "e" else 30, clinic=n) for n in names], ignore_index=True)
    axes = drawn(table, by="clinic")
    panels = axes.child_axes
    assert len(panels) == 5
    assert any("no curve can be given" in artist.get_text() for artist in parts(panels[-1], "note"))


def test_published_shares_are_hollow_diamonds_with_their_names():
    shares = pd.DataFrame({"time": [28.0], "estimate": [0.8], "label": ["McInnes 2022: 80%"]})
    axes = drawn(curve(), published=shares, horizon=56)
    mark = parts(axes, "published")[0]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (28, 0.8)
    assert "McInnes 2022: 80%" in words(axes)


def test_bounds_that_are_missing_are_not_drawn():
    axes = drawn(curve(), bounds=BOUNDS.assign(worst=np.nan, best=np.nan), horizon=56)
    assert not parts(axes, "bounds")


def test_no_note_stands_on_an_edge_of_the_band():
    table = curve(fall=0.012)
    table["conf_low"] = table["estimate"] - 0.25
    table["conf_high"] = np.minimum(table["estimate_high"] + 0.25, 1.0)
    axes = drawn(table, bounds=BOUNDS, naive=NAIVE)
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in parts(axes, "note")]
    assert len(boxes) > 3
    for edge in parts(axes, "edge"):
        corners = axes.transData.transform(np.column_stack(edge.get_data()))
        x, y = corners[np.isfinite(corners).all(axis=1)].T
        for box in boxes:
            inside = (x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)
            assert not inside.any()
