"""Tables and readers of artists for the tests of pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


class Artists:
    """Reads what was drawn back from axes, by the name (gid) that the drawing gave it."""

    def __init__(self, ax):
        self.ax = ax

    def named(self, gid):
        """All artists of that name, in the order in which they were drawn."""
        return [artist for artist in self.ax.get_children() if artist.get_gid() == gid]

    def texts(self, gid):
        """The words of that name."""
        return [artist.get_text() for artist in self.named(gid)]

    def points(self, gid):
        """(n, 2) places of the markers or corners of that name."""
        return np.vstack([artist.get_xydata() for artist in self.named(gid)] or [np.empty((0, 2))])

    def segments(self, gid):
        """(n, 2, 2) ends of the lines of that name."""
        found = [np.asarray(s) for artist in self.named(gid) for s in artist.get_segments()]
        return np.array(found) if found else np.empty((0, 2, 2))

    def rectangles(self, gid):
        """Extents (x0, x1, y0, y1) of the patches of that name."""
        paths = [path for artist in self.named(gid) for path in artist.get_paths()]
        boxes = [path.get_extents() for path in paths]
        return [(box.x0, box.x1, box.y0, box.y1) for box in boxes]


@pytest.fixture
def artists():
    return Artists


@pytest.fixture
def curve():
    """Half of the patients between day 2 and 7, a quarter at day 14, the rest after day 28."""
    return {
        "table": pd.DataFrame(
            {
                "time": [0.0, 2.0, 7.0, 14.0, 28.0],
                "estimate": [0.0, 0.0, 0.5, 0.75, 0.75],
                "estimate_high": [0.0, 0.5, 0.5, 0.75, 1.0],
                "determined": [True, False, True, True, False],
            }
        ),
        "masses": pd.DataFrame(
            {"left": [2.0, 14.0, 28.0], "right": [7.0, 14.0, np.inf], "mass": [0.5, 0.25, 0.25]}
        ),
        "landmarks": pd.DataFrame(
            {
                "time": [7.0, 14.0, 28.0],
                "estimate": [0.5, 0.75, 0.75],
                "estimate_high": [0.5, 0.75, 0.75],
                "conf_low": [0.41, 0.66, 0.66],
                "conf_high": [0.59, 0.82, 0.83],
                "n": [120, 120, 120],
                "n_responded": [60, 90, 1090],
                "n_unknown": [0, 0, 0],
                "n_not_yet": [60, 30, 30],
            }
        ),
        "naive": pd.DataFrame({"time": [7.0, 14.0], "estimate": [0.45, 0.7], "n_at_risk": [120, 60]}),
    }


@pytest.fixture
def effects():
    """Three side effects asked in two ways."""
    return pd.DataFrame(
        {
            "effect": ["any side effect", "nausea", "headache"] * 2,
            "ascertainment": ["checklist"] * 3 + ["spontaneous"] * 3,
            "n_events": [520, 110, 66, 155, 30, 11],
            "n": [1000] * 3 + [500] * 3,
            "n_patients": [80] * 6,
            "estimate": [0.52, 0.11, 0.066, 0.31, 0.06, 0.022],
            "conf_low": [0.50, 0.10, 0.057, 0.28, 0.04, 0.012],
            "conf_high": [0.54, 0.12, 0.076, 0.34, 0.08, 0.036],
        }
    )


def _texts(ax):
    panels = [ax, *ax.child_axes]
    return [text for panel in panels for text in panel.texts if text.get_text()]


@pytest.fixture
def collisions():
    """A function: pairs of words that overlap by more than a pixel, and words cut by the edge."""

    def found(ax):
        figure = ax.figure
        renderer = figure.canvas.get_renderer()
        boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in _texts(ax)]
        pairs = [
            (first, second)
            for number, (first, a) in enumerate(boxes)
            for second, b in boxes[number + 1 :]
            if min(a.x1, b.x1) - max(a.x0, b.x0) > 1.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 3
        ]
        edge = figure.bbox
        cut = [
            name
            for name, box in boxes
            if box.x0 < edge.x0 - 2 or box.x1 > edge.x1 + 2 or box.y0 < edge.y0 - 2 or box.y1 > edge.y1 + 2
        ]
        return pairs, cut

    return found
