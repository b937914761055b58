"""Rows of estimates with intervals, lying on their side: the common part of forests and rates."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection

from ketaoutcomes.draw.labels import percent
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import GroupStyle
from ketaoutcomes.draw.ticks import x_ticks

__all__ = ["draw_dots", "set_rows", "set_share_axis", "share_ticks"]

STEPS = (0.01, 0.02, 0.05, 0.10, 0.20, 0.25, 0.50)
PX_PER_TICK = 38.0


def draw_dots(
    sheet: Sheet,
    rows: np.ndarray,
    estimate: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    style: GroupStyle,
    *,
    up: float = 0.0,
) -> None:
    """A dot per row with the line of its interval; rows without an estimate stay empty.

    Parameters
    ----------
    rows : (m,) float
        Place of each row on the y axis.
    up : float
        Shift in px, to set apart the series of one row.
    """
    transform = sheet.shifted(0.0, up)
    has_line = np.isfinite(estimate) & np.isfinite(low) & np.isfinite(high)
    ends = np.stack([np.column_stack([low, rows]), np.column_stack([high, rows])], axis=1)
    sheet.ax.add_artist(
        LineCollection(
            ends[has_line], colors=style.color, linewidths=1.2, transform=transform, clip_on=False,
            zorder=3, gid="interval",
        )
    )  # fmt: skip
    shown = np.isfinite(estimate)
    sheet.ax.plot(
        estimate[shown], rows[shown], linestyle="none", marker=style.marker, markersize=4.6,
        color=style.color, markerfacecolor=style.fill, markeredgewidth=1.1, transform=transform,
        clip_on=False, zorder=4, gid="estimate",
    )  # fmt: skip


def set_rows(sheet: Sheet, n_rows: int) -> None:
    """Rows 0, 1, … from the top, without ticks."""
    sheet.ax.set_ylim(max(n_rows, 1) - 0.5, -0.5)
    sheet.ax.yaxis.set_visible(False)


def set_share_axis(sheet: Sheet, largest: float) -> None:
    """Per cent along the x axis from 0 to a round number not below `largest`.

    Narrow axes have labels at both ends only, turned inwards, so that neighbours do not touch.
    """
    width, _ = sheet.size
    ticks = share_ticks(largest, most=int(np.clip(width // PX_PER_TICK, 2, 5)))
    is_narrow = width < 3 * PX_PER_TICK
    if is_narrow:
        ticks = ticks[[0, -1]]
    labels = [percent(tick, decimals=0, sign=number == len(ticks) - 1) for number, tick in enumerate(ticks)]
    sheet.ax.set_xlim(0.0, ticks[-1])
    x_ticks(sheet, ticks, labels, grid=True, ends_inwards=is_narrow)


def share_ticks(largest: float, *, most: int = 5) -> np.ndarray:
    """Round shares from 0 to at least `largest`, in at most `most` steps and never beyond 1."""
    largest = float(np.clip(largest, 0.01, 1.0)) if np.isfinite(largest) else 1.0
    for step in STEPS:
        n_steps = int(np.ceil(largest / step - 1e-9))
        if n_steps <= most:
            break
    return np.minimum(np.arange(n_steps + 1) * step, 1.0)
