"""The symptom course: the mean of those assessed, over the spread of their scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.means import (
    SPREAD_NOTE,
    close_panel,
    draw_spread,
    label_ends,
    name_groups,
    number_lines,
    open_panel,
    set_axes,
    small_panels,
    unit_words,
    value_span,
)
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import GROUPS, PALETTE, GroupStyle

__all__ = ["course"]


def course(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    instrument: str = "Score",
    higher_is: str | None = None,
    time: str = "day",
    unit: str = "days",
    time_line: str | None = None,
    level: float = 0.95,
    title: str | None = None,
) -> Axes:
    """Mean score against time with its interval, over bars of the 10th to 90th percentile.

    Up to three groups share a panel; more become small pictures. n stands below each time.

    Parameters
    ----------
    table : DataFrame
        The column `time`, estimate, conf_low, conf_high, p10, p90, n.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups.
    minimum, maximum : float, optional
        Ends of the y axis: the instrument's range. What the table spans, from 0, if left out.
    instrument : str
        Named above the axis.
    higher_is : {"worse", "better"}, optional
        Said above the axis.
    time, unit : str
        Column of the times, and their unit.
    time_line : str, optional
        Written below the axis; "Days after session 1" by default.
    level : float
        Confidence level of the band, for its note.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    table = table[np.isfinite(floats(table, time))]
    span = value_span([table], minimum, maximum)
    groups = levels(table, by)
    times = sorted(set(floats(table, time)))
    words = unit_words(instrument, span, higher_is)
    time_line = time_line or f"{unit.capitalize()} after session 1"
    with theme.context():
        if len(groups) > MOST_PER_PANEL:
            ax, sheets = small_panels(ax, groups, words=words, title=title, time_line=time_line)
            for level_of, sheet in zip(groups, sheets, strict=True):
                room = set_axes(sheet, span, times, unit, small=True)
                rows = rows_of(table, by, level_of).sort_values(time, kind="stable")
                _draw_group(sheet, room, rows, time, GROUPS[0], 0.0, alone=True)
                label_ends(sheet, room, rows, time)
            return ax
        alone = len(groups) <= 1
        lines = number_lines(table, by, groups, times, time)
        panel = open_panel(ax, groups, n_lines=len(lines), words=words, title=title)
        sheet = panel.sheet
        room = set_axes(sheet, span, times, unit)
        for number_of, level_of in enumerate(groups):
            rows = rows_of(table, by, level_of).sort_values(time, kind="stable")
            dodge = 0.0 if alone else 5.0 * (number_of - (len(groups) - 1) / 2)
            _draw_group(sheet, room, rows, time, GROUPS[number_of], dodge, alone=alone)
        if alone:
            label_ends(sheet, room, table.sort_values(time, kind="stable"), time)
            _notes(sheet, room, table.sort_values(time, kind="stable"), time, level)
        else:
            name_groups(sheet, table, by, groups, time, panel.names_px)
        close_panel(panel, time_line=time_line, times=times, lines=lines)
        return sheet.ax


def _draw_group(
    sheet: Sheet, room: Room, rows: pd.DataFrame, time: str, style: GroupStyle, dodge: float, *, alone: bool
) -> None:
    """Bars of the spread, band and line of the mean, for one group."""
    ax = sheet.ax
    x, mean = floats(rows, time), floats(rows, "estimate")
    low, high = floats(rows, "conf_low"), floats(rows, "conf_high")
    shift = sheet.shifted(dodge)
    draw_spread(sheet, room, rows, time, style, dodge, alone=alone)
    band = np.isfinite(low) & np.isfinite(high)
    if alone:
        ax.fill_between(
            x, low, high, where=band, color=PALETTE["band"], linewidth=0, zorder=2, clip_on=False, gid="band"
        )
    else:
        ends = np.stack([np.column_stack([x, low]), np.column_stack([x, high])], axis=1)[band]
        ax.add_artist(
            LineCollection(ends, colors=style.color, linewidths=1.2, transform=shift, zorder=3, clip_on=False,
                           gid="interval")
        )  # fmt: skip
    ax.plot(
        x, mean, color=style.color, linestyle=style.line, linewidth=1.8, marker=style.marker, markersize=3.8,
        markerfacecolor=style.fill, markeredgecolor=PALETTE["paper"] if alone else style.color,
        markeredgewidth=0.6 if alone else 1.0, transform=shift, zorder=4, clip_on=False, gid="mean",
    )  # fmt: skip
    line = np.isfinite(mean)
    room.take_line(sheet.pixels(x[line], mean[line]), margin=6)


def _notes(sheet: Sheet, room: Room, rows: pd.DataFrame, time: str, level: float) -> None:
    """What the bars and the band are."""
    x, mean, p90 = floats(rows, time), floats(rows, "estimate"), floats(rows, "p90")
    bars, means = np.flatnonzero(np.isfinite(p90)), np.flatnonzero(np.isfinite(mean))
    if bars.size:
        target = sheet.pixels(x[bars[bars.size // 3]], p90[bars[bars.size // 3]])[0]
        place_note(sheet, room, SPREAD_NOTE, tuple(target))
    if means.size:
        middle = means[means.size // 2]
        target = sheet.pixels(x[middle], mean[middle])[0]
        place_note(sheet, room, (f"mean, {100 * level:g}% CI",), tuple(target), color=PALETTE["main"])
