"""How sharply the data determine each parameter of a model: signed root deviance along its profile."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, missing, number, shorten
from ketaoutcomes.draw.names import shorten_middle
from ketaoutcomes.draw.own_axes import make_room, place_of
from ketaoutcomes.draw.panels import floats, split
from ketaoutcomes.draw.scale import set_x_axis, set_y_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, Layout

__all__ = ["profile"]

TOP, PLOT, BETWEEN, BOTTOM = 46.0, 88.0, 84.0, 42.0
LEFT, ACROSS, Y_LABELS = 4.0, 18.0, 30.0
OPEN = {"low": "no lower limit", "high": "no upper limit"}


def profile(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    term: str = "term",
    title: str | None = None,
    heading: str = "",
    limits: pd.DataFrame | None = None,
    level: float = 0.95,
) -> Axes:
    """A small panel for each parameter: zeta against its value, with the interval that it gives.

    Zeta is the square root of the rise in deviance, signed: a straight line through 0 at the
    estimate where the normal interval is right, bent where it is not.

    Parameters
    ----------
    table : DataFrame
        The column `term`, value and zeta; rows in any order, missing ones are left out.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure. It is split.
    term : str
        Column that names the parameters.
    title : str, optional
        Written in bold above all else; room for it is made.
    heading : str
        What is drawn, written above what zeta is; nothing if empty.
    limits : DataFrame, optional
        The column `term`, conf_low, conf_high; `interval`, the two in words; and `what`, written below the
        axis of the parameter. Without it limits are read off the curve.
    level : float
        Level of the intervals; zeta is marked at plus and minus its normal quantile.

    Returns
    -------
    Axes
        The given axes; the panels are its `child_axes`.

    Source
    ------
    Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1), section 5.1.
    """
    table = table[np.isfinite(floats(table, "value")) & np.isfinite(floats(table, "zeta"))]
    names = list(dict.fromkeys(table[term]))
    cut = NormalDist().inv_cdf((1.0 + level) / 2.0)
    words = (
        f"{heading + '. ' if heading else ''}Upwards: ζ, the signed square root of the rise in deviance; "
        f"dashed: {100 * level:g}% interval"
    )
    known = {} if limits is None else {row[term]: row for row in limits.to_dict("records")}
    n_rows = max(-(-len(names) // 2), 1)
    with theme.context():
        height = TOP + n_rows * (PLOT + BETWEEN) - BETWEEN + BOTTOM
        layout = Layout(height, left=LEFT, right=14.0, top=TOP, bottom=BOTTOM)
        place = place_of(ax)
        if place:
            make_room(ax, place, layout)
        head = head_of(ax, layout, words, title=title)
        if place:
            make_room(ax, place, head.raised(layout, line=16.0))
        ax = theme.prepare(ax, head.raised(layout, line=16.0))
        head.write(Sheet(ax), 46.0)
        panels = split(ax, len(names), across=ACROSS, up=BETWEEN, left=Y_LABELS) if names else []
        if not names:
            ax.set_axis_off()
        for name, panel in zip(names, panels, strict=True):
            theme.plain(panel)
            rows = table[table[term] == name].sort_values("value", kind="stable")
            _draw(
                Sheet(panel), clean(name), floats(rows, "value"), floats(rows, "zeta"), cut, known.get(name)
            )
        return ax


def _draw(sheet: Sheet, name: str, value: NDArray, zeta: NDArray, cut: float, known: Mapping | None) -> None:
    """One parameter: its curve, the marked levels and the interval in words."""
    low, high = float(value.min()), float(value.max())
    if high <= low:
        low, high = low - 1.0, high + 1.0
    top = 1.06 * max(cut, float(np.abs(zeta).max()))
    set_y_axis(sheet, -top, top)
    set_x_axis(sheet, low, high, margin_px=4.0)
    for at in (-cut, cut):
        sheet.rule(
            (("left", 0.0), ("left", sheet.size[0])), (("data", at), ("data", at)),
            color=PALETTE["secondary"], style=(0, (4.0, 2.0)), width=0.8, gid="level",
        )  # fmt: skip
    sheet.ax.plot(
        value, zeta, color=PALETTE["main"], linewidth=1.8, marker="o" if value.size < 3 else None,
        markersize=3.0, zorder=3, clip_on=False, gid="zeta",
    )  # fmt: skip
    if known is None:
        ends = {"low": _crossing(value, zeta, -cut), "high": _crossing(value, zeta, cut)}
        interval = _interval(ends, high - low)
    else:
        ends, interval = {end: known[f"conf_{end}"] for end in OPEN}, known["interval"]
        what = shorten(known["what"], sheet.size[0] + 8, NOTE)
        sheet.write(what, ("left", 0), ("bottom", -30), size=NOTE, color=PALETTE["secondary"], gid="what")
    for end in ends.values():
        if not missing(end) and low <= end <= high:
            sheet.rule(
                (("data", end), ("data", end)), (("bottom", 0.0), ("bottom", sheet.size[1])),
                color=PALETTE["axis"], width=0.6, gid="end",
            )  # fmt: skip
    width = sheet.size[0] + Y_LABELS
    title = shorten_middle(name, width / 1.1, BASE)
    sheet.write(title, ("left", -Y_LABELS), ("top", 22), size=BASE, bold=True, gid="panel")
    text = shorten(interval, width + 8, NOTE)
    sheet.write(
        text, ("left", -Y_LABELS), ("top", 9), size=NOTE, color=PALETTE["secondary"], gid="interval-text"
    )


def _crossing(value: NDArray, zeta: NDArray, level: float) -> float | None:
    """The value at which zeta passes `level`; None if it does not, or does so more than once."""
    above = zeta >= level
    steps = np.flatnonzero(above[1:] != above[:-1])
    if steps.size != 1:
        return None
    i = int(steps[0])
    return float(
        np.interp(level, *zip(*sorted([(zeta[i], value[i]), (zeta[i + 1], value[i + 1])]), strict=True))
    )


def _interval(ends: dict[str, float | None], length: float) -> str:
    """The interval in words, with three digits of the axis' length."""
    decimals = int(np.clip(2 - np.floor(np.log10(length)), 0, 6))
    first, last = (OPEN[side] if end is None else number(end, decimals) for side, end in ends.items())
    return f"{first} to {last}" if None not in ends.values() else f"{first}, {last}"
