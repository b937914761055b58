"""Shares and rates of which only two bounds are known: a hollow bar from the one to the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import PALETTE, GroupStyle

__all__ = ["BOUNDS_KEY", "draw_bounds", "has_bounds", "is_bar", "upper_bound"]

BOUNDS_KEY = "Hollow bar: bounds, if none or all of those not known had it"
THICK_PX = 5.6
LEAST_PX = 4.0  # a shorter bar could not be told from a tick: a dot stands for it


def upper_bound(table: pd.DataFrame) -> np.ndarray:
    """The upper bound of each row; the estimate where there is but one."""
    low, high = floats(table, "estimate"), floats(table, "estimate_high")
    return np.where(np.isfinite(high), high, low)


def has_bounds(table: pd.DataFrame) -> np.ndarray:
    """Whether each row is known between two bounds only."""
    return upper_bound(table) > floats(table, "estimate")


def is_bar(sheet: Sheet, table: pd.DataFrame, *, upright: bool = False) -> np.ndarray:
    """Whether each row's bounds are so far apart, on the axes as they are, that a bar shows them."""
    low, high = floats(table, "estimate"), upper_bound(table)
    ends = [sheet.pixels(*((low * 0, end) if upright else (end, end * 0))) for end in (low, high)]
    return np.abs(ends[1] - ends[0])[:, int(upright)] >= LEAST_PX if len(table) else np.zeros(0, dtype=bool)


def draw_bounds(
    sheet: Sheet,
    at: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    limits: tuple[np.ndarray, np.ndarray],
    style: GroupStyle,
    *,
    shift: float = 0.0,
    upright: bool = False,
) -> None:
    """A bar of fixed thickness per row, with the line of the interval that spans both bounds behind it.

    Parameters
    ----------
    at : (m,) float
        Place of each row on the other axis.
    ends, limits : two arrays (m,)
        Lower and upper bound, and the limits of the interval; NaN for no interval.
    shift : float
        Shift in px along the other axis, to set apart the series of one row.
    upright : bool
        Whether the values run upwards.
    """
    transform = sheet.shifted(shift) if upright else sheet.shifted(0.0, shift)
    unit = np.abs(np.diff(sheet.pixels([0.0, 1.0], [0.0, 1.0]), axis=0))[0][0 if upright else 1]
    thick = THICK_PX / max(unit, 1e-9)
    low, high = limits
    known = np.isfinite(low) & np.isfinite(high)
    points = [np.column_stack([at, end] if upright else [end, at]) for end in limits]
    sheet.ax.add_artist(
        LineCollection(
            np.stack(points, axis=1)[known], colors=style.color, linewidths=1.2, transform=transform,
            clip_on=False, zorder=3, gid="interval",
        )
    )  # fmt: skip
    for place, first, last in zip(at, *ends, strict=True):
        corner, size = (first, place - thick / 2), (last - first, thick)
        if upright:
            corner, size = corner[::-1], size[::-1]
        box = Rectangle(
            corner, *size, facecolor=PALETTE["paper"], edgecolor=style.color, linewidth=1.0, clip_on=False,
            transform=transform, zorder=3.6, gid="bounds",
        )  # fmt: skip
        sheet.ax.add_artist(box)
