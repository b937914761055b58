"""The picture of exposure: patients by bands of sessions, and screens or that there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.exposure import exposure

BANDS = pd.DataFrame(
    {
        "band": ["1–6", "7–12", "13–24", "25+"], "n_events": [50, 30, 20, 0], "n": 100,
        "estimate": [0.5, 0.3, 0.2, 0.0], "conf_low": [0.4, 0.21, 0.13, 0.0],
        "conf_high": [0.6, 0.4, 0.29, 0.036],
    }
)  # fmt: skip
SCREENS = pd.DataFrame(
    {
        "screen": "bladder symptoms", "instrument": "BPIC-SS", "band": ["before session 1", "1–6", "7–12"],
        "n": [30, 8, 0], "n_patients": [30, 3, 0], "estimate": [3.0, 4.0, np.nan],
        "conf_low": [2.0, np.nan, np.nan], "conf_high": [4.0, np.nan, np.nan], "cutoff": "19 or more",
        "n_events": [1, 0, 0],
    }
)  # fmt: skip


def drawn(bands=BANDS, screens=SCREENS, **options):
    return exposure(bands, screens, theme.new_figure()[1], **options)


def test_bands_and_screens_are_drawn_with_their_numbers(artists):
    ax = drawn(heading="Patients by sessions had in all", title="Exposure")
    bands, screen = (artists(child) for child in ax.child_axes)
    assert bands.points("estimate")[:, 0].tolist() == BANDS["estimate"].tolist()
    assert bands.texts("row") == ["1–6 sessions", "7–12 sessions", "13–24 sessions", "25+ sessions"]
    assert bands.texts("number")[:3] == ["", "50 of 100", "50% (40–60)"]
    # The band in which nobody was screened has no row.
    assert screen.texts("row") == ["Before session 1", "1–6 sessions"]
    assert screen.points("estimate")[:, 0].tolist() == [3.0, 4.0]
    assert len(screen.segments("interval")) == 1
    assert screen.texts("number") == ["30", "3.0 (2.0–4.0)", "1 of 30", "3", "4.0", "0 of 3"]
    assert screen.texts("panel") == [
        "Bladder symptoms (BPIC-SS) by sessions had by then; positive: 19 or more"
    ]
    assert artists(ax).texts("absent") == []


def test_without_a_screen_the_picture_says_that_there_is_no_record(artists):
    ax = drawn(screens=SCREENS.iloc[:0])
    assert len(ax.child_axes) == 1
    words = " ".join(artists(ax).texts("absent"))
    assert "not recorded" in words
    assert "no evidence of absence" in words


def test_groups_stand_below_their_band(artists):
    bands = pd.concat([BANDS.assign(clinic=name) for name in ("a", "b")], ignore_index=True)
    screens = pd.concat([SCREENS.assign(clinic=name) for name in ("a", "b")], ignore_index=True)
    ax = drawn(bands, screens, by="clinic")
    first, second = (artists(child) for child in ax.child_axes)
    assert first.texts("row")[:4] == ["1–6 sessions", "a", "b", "7–12 sessions"]
    assert second.texts("row") == ["Before session 1", "a", "b", "1–6 sessions", "a", "b"]
    heights = [child.get_position().height for child in ax.child_axes]
    assert ax.figure.get_size_inches()[1] * theme.PX_PER_INCH > 19 * (12 + 6)
    assert min(heights) > 0
