from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.timeaxis import changes_of_scale, spaced


def test_a_taken_place_is_not_free_and_its_neighbour_is():
    room = Room(300, 150)
    room.take(30, 60, 30, 60)
    assert not room.is_free(50, 90, 50, 90)
    assert room.is_free(60, 90, 30, 60)


def test_a_label_goes_to_the_nearest_free_place():
    room = Room(300, 150)
    room.take(0, 300, 0, 75)
    (left, bottom), _ = room.nearest(60, 30, (150.0, 40.0))
    assert bottom >= 75
    assert bottom < 85
    assert left == pytest.approx(120, abs=6)


def test_the_line_from_a_label_does_not_cross_words():
    room = Room(300, 150)
    room.take(0, 300, 0, 40)
    room.take(100, 200, 45, 60, words=True)
    (left, _), start = room.nearest(60, 30, (150.0, 30.0))
    across = np.linspace(start[0], 150.0, 50)
    up = np.linspace(start[1], 30.0, 50)
    assert not ((across > 103) & (across < 197) & (up > 48) & (up < 57)).any()
    assert left + 60 <= 300


def test_no_place_at_all_is_said():
    room = Room(300, 150)
    room.take(0, 300, 0, 150)
    assert room.nearest(60, 30, (150.0, 40.0)) is None
    assert Room(10, 10).nearest(60, 30, (5.0, 5.0)) is None


def test_labels_that_touch_are_left_out_from_the_right():
    assert spaced([0, 10, 40, 45], [20, 20, 20, 20]) == [1, 3]
    assert spaced([], []) == []


@pytest.mark.parametrize(
    "unit, horizon, marks, breaks",
    [
        ("days", 42, [1, 2], ()),
        ("hours", 4, [1, 2, 4], ()),
        ("hours", 24, [1, 2, 4, 24], (4.0,)),
        ("hours", 72, [1, 24, 72], (4.0, 24.0)),
        ("hours", 72, [24, 72], (24.0,)),
        ("hours", 24, [], ()),
    ],
)
def test_the_scale_changes_only_where_something_is_shown(unit, horizon, marks, breaks):
    assert changes_of_scale(unit, horizon, marks) == breaks
