"""Ticks as a few lines and words: matplotlib's own tick objects cost more than all the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.ticker import FixedFormatter, FixedLocator

from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, PALETTE

__all__ = ["x_ticks", "y_ticks"]

LENGTH = 4.0
X_BASELINE, Y_GAP, HALF_CAPITAL = 16.0, 8.0, 3.9


def x_ticks(
    sheet: Sheet,
    places: Sequence[float],
    labels: Sequence[str],
    *,
    grid: bool = False,
    ends_inwards: bool = False,
) -> None:
    """Ticks below the axes at `places`; `Axes.get_xticks` gives them back.

    Parameters
    ----------
    grid : bool
        Also a thin line upwards from each.
    ends_inwards : bool
        Labels of the first and the last stay within the axes.
    """
    places = np.asarray(places, dtype=float)
    _remember(sheet.ax.xaxis, places, labels)
    ends = np.stack(
        [np.column_stack([places, 0 * places]), np.column_stack([places, 0 * places - LENGTH])], axis=1
    )
    _draw_lines(sheet, ends, ("data", "bottom"), PALETTE["axis"], "x-tick", 1.0)
    if grid:
        ends = np.stack(
            [np.column_stack([places, 0 * places]), np.column_stack([places, 0 * places + 1])], axis=1
        )
        _draw_lines(sheet, ends, None, PALETTE["grid"], "x-grid", 0.5)
    aligns = ["center"] * len(labels)
    if ends_inwards and aligns:
        aligns[0], aligns[-1] = "left", "right"
    for place, label, align in zip(places, labels, aligns, strict=True):
        sheet.write(
            label, ("data", place), ("bottom", -X_BASELINE), size=BASE, color=PALETTE["secondary"],
            align=align, gid="x-label",
        )  # fmt: skip


def y_ticks(sheet: Sheet, places: Sequence[float], labels: Sequence[str]) -> None:
    """Lines across the axes at `places` with labels at the left; `Axes.get_yticks` gives them back."""
    places = np.asarray(places, dtype=float)
    _remember(sheet.ax.yaxis, places, labels)
    width, _ = sheet.size
    ends = np.stack(
        [np.column_stack([0 * places, places]), np.column_stack([0 * places + width, places])], axis=1
    )
    _draw_lines(sheet, ends, ("left", "data"), PALETTE["grid"], "y-grid", 0.5)
    for place, label in zip(places, labels, strict=True):
        sheet.write(
            label, ("left", -Y_GAP), ("data", place), size=BASE, color=PALETTE["secondary"], align="right",
            shift=(0.0, -HALF_CAPITAL), gid="y-label",
        )  # fmt: skip


def _remember(axis, places: np.ndarray, labels: Sequence[str]) -> None:
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FixedFormatter(list(labels)))
    axis.set_visible(False)


def _draw_lines(
    sheet: Sheet, ends: np.ndarray, kinds: tuple[str, str] | None, color: str, gid: str, zorder: float
):
    transform = sheet.ax.get_xaxis_transform() if kinds is None else sheet.blend(*kinds)
    lines = LineCollection(
        ends, colors=color, linewidths=0.6 if gid == "x-tick" else 0.5, transform=transform, zorder=zorder,
        clip_on=False, gid=gid,
    )  # fmt: skip
    sheet.ax.add_artist(lines)
