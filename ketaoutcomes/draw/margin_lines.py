"""Means of a model along a number: a line with the band of its intervals."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, shorten, text_width
from ketaoutcomes.draw.own_axes import make_room, place_of
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of, split
from ketaoutcomes.draw.scale import set_x_axis, set_y_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, TABLE, GroupStyle, Layout

__all__ = ["margin_lines"]

LEFT, RIGHT, TOP, PLOT, BOTTOM = 44.0, 20.0, 34.0, 168.0, 42.0
SMALL_PLOT, SMALL_GAP = 96.0, 46.0


def margin_lines(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    x: str,
    by: str | None = None,
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Means along a number as a line with the band of its intervals.

    Parameters
    ----------
    table : DataFrame
        The column `x`, estimate, conf_low, conf_high.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    x : str
        Column of the number, written below the axis.
    by : str, optional
        Column of the groups: up to three share the axes, more are small panels.
    level : float
        Confidence level of the band, said above.
    heading : str
        What is drawn, written above.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    table = table[np.isfinite(floats(table, x))].sort_values(x, kind="stable")
    groups = levels(table, by)
    words = f"{heading}; band: {100 * level:g}% CI" if heading else f"Band: {100 * level:g}% CI"
    small = len(groups) > MOST_PER_PANEL
    names_px = 0.0
    if by is not None and not small:
        names_px = min(max((text_width(clean(g), TABLE, bold=True) for g in groups), default=0.0), 90.0) + 8
    with theme.context():
        n_rows = -(-len(groups) // 2)
        plot = n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP if small else PLOT
        top = TOP + (16.0 if small else 0.0)
        layout = Layout(top + plot + BOTTOM, left=LEFT, right=RIGHT + names_px, top=top, bottom=BOTTOM)
        place = place_of(ax)
        if place:
            make_room(ax, place, layout)
        head = head_of(ax, layout, words, title=title)
        if place:
            make_room(ax, place, head.raised(layout))
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        panels = split(ax, len(groups), across=44.0, up=SMALL_GAP) if small else [ax] * max(len(groups), 1)
        span = _span(table)
        for number_of, (group, panel_ax) in enumerate(zip(groups, panels, strict=False)):
            if small or number_of == 0:
                theme.plain(panel_ax)
                panel = Sheet(panel_ax) if small else sheet
                set_y_axis(panel, *span)
                _number_axis(panel, floats(table, x))
            if small:
                name = shorten(clean(group), panel.size[0], BASE, bold=True)
                panel.write(name, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
            style = GROUPS[0] if small else GROUPS[number_of]
            _draw_line(panel, rows_of(table, by, group), x, style, alone=small or len(groups) <= 1)
        if names_px:
            _name_lines(sheet, table, x, by, groups, names_px)
        head.write(sheet, 18.0 + (16.0 if small else 0.0))
        sheet.write(x, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="unit")
        return ax


def _span(table: pd.DataFrame) -> tuple[float, float]:
    """Ends of the y axis: what lines and bands span, with a little room."""
    values = np.concatenate([floats(table, c) for c in ("estimate", "conf_low", "conf_high")])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    room = 0.04 * (values.max() - values.min()) or 1.0
    return values.min() - room, values.max() + room


def _number_axis(sheet: Sheet, values: np.ndarray) -> None:
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    set_x_axis(sheet, low, high if high > low else low + 1.0, margin_px=6.0)


def _draw_line(sheet: Sheet, rows: pd.DataFrame, x: str, style: GroupStyle, *, alone: bool) -> None:
    """Band, line and the points that were computed."""
    at, mean = floats(rows, x), floats(rows, "estimate")
    low, high = floats(rows, "conf_low"), floats(rows, "conf_high")
    where = np.isfinite(low) & np.isfinite(high)
    sheet.ax.fill_between(
        at, low, high, where=where, color=PALETTE["band"] if alone else style.light,
        alpha=None if alone else 0.6, linewidth=0, zorder=2, gid="band",
    )  # fmt: skip
    # Edges tell bands that overlap apart.
    for edge in () if alone else (low, high):
        sheet.ax.plot(
            at, np.where(where, edge, np.nan), color=style.color, linestyle=style.line, linewidth=0.6,
            zorder=2.5, gid="band-edge",
        )  # fmt: skip
    many = len(rows) > 12
    sheet.ax.plot(
        at, mean, color=style.color, linestyle=style.line, linewidth=1.8, marker="" if many else style.marker,
        markersize=3.8, markerfacecolor=style.fill, markeredgecolor=style.color, zorder=4, clip_on=False,
        gid="estimate",
    )  # fmt: skip


def _name_lines(
    sheet: Sheet, table: pd.DataFrame, x: str, by: str, groups: list[Hashable], names_px: float
) -> None:
    """The name of each group right of its line's end, clear of each other."""
    wanted = []
    for number_of, group in enumerate(groups):
        rows = rows_of(table, by, group)
        rows = rows[np.isfinite(floats(rows, "estimate"))]
        if len(rows):
            up = sheet.pixels(float(rows[x].iloc[-1]), float(rows["estimate"].iloc[-1]))[0, 1]
            wanted.append([up, number_of, shorten(clean(group), names_px, TABLE, bold=True)])
    wanted.sort(key=lambda item: item[0])
    floor = -np.inf
    for item in wanted:
        item[0] = max(item[0], floor)
        floor = item[0] + 13.0
    too_high = max(floor - 13.0 - sheet.size[1], 0.0)
    for up, number_of, name in wanted:
        sheet.write(
            name, ("right", 8), ("bottom", up - too_high - 3.5), bold=True, color=GROUPS[number_of].color,
            gid="group",
        )  # fmt: skip
