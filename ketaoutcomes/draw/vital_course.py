"""Vital signs: the mean change from baseline over minutes, and the change to the peak by readings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.labels import clean, count, number
from ketaoutcomes.draw.means import (
    close_panel,
    name_groups,
    number_lines,
    open_panel,
    small_panels,
)
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of
from ketaoutcomes.draw.placed import nothing
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.scale import set_y_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, GroupStyle
from ketaoutcomes.draw.ticks import x_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis, spaced

__all__ = ["vital_course", "vital_peaks"]

DODGE = 6.0
MARGIN = 12.0


def vital_course(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    name: str = "Vital sign",
    unit: str = "",
    level: float = 0.95,
    title: str | None = None,
) -> Axes:
    """Mean change from baseline against minutes, with bands; n below each minute.

    Up to three groups share a panel; more become small pictures.

    Parameters
    ----------
    table : DataFrame
        minute, estimate, conf_low, conf_high, n.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups.
    name, unit : str
        The vital sign and its unit, named above the axis.
    level : float
        Confidence level of the bands.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    words = f"{clean(name)}, mean change from baseline{_in(unit)}, with {100 * level:g}% CI of the model"
    return _picture(
        table, ax, x="minute", by=by, words=words, line="Minutes from the start of the session", title=title,
        bands=True,
    )  # fmt: skip


def vital_peaks(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    name: str = "Vital sign",
    unit: str = "",
    level: float = 0.95,
    extreme: str = "highest",
    title: str | None = None,
) -> Axes:
    """Mean change to the peak by the number of readings of the session, with intervals; n below.

    Parameters
    ----------
    table : DataFrame
        readings, estimate, conf_low, conf_high, n.
    ax, by, name, unit, level, title
        As in `vital_course`.
    extreme : {"highest", "lowest"}
        What a peak of this vital sign is.

    Returns
    -------
    Axes
    """
    farthest = "the peak" if extreme == "highest" else "the lowest reading"
    words = f"{clean(name)}, mean change from baseline to {farthest}{_in(unit)}, {100 * level:g}% CI"
    return _picture(
        table, ax, x="readings", by=by, words=words, line="Readings after baseline in the session",
        title=title, bands=False,
    )  # fmt: skip


def _in(unit: str) -> str:
    return f" ({clean(unit)})" if unit else ""


def _picture(
    table: pd.DataFrame, ax: Axes | None, *, x: str, by: str | None, words: str, line: str, title: str | None,
    bands: bool,
) -> Axes:  # fmt: skip
    table = table[np.isfinite(floats(table, "estimate"))]
    if not len(table):
        return nothing(ax, words, title=title)
    groups = levels(table, by)
    places = sorted(set(floats(table, x)))
    span = _span(table, small=len(groups) > MOST_PER_PANEL)
    with theme.context():
        if len(groups) > MOST_PER_PANEL:
            ax, sheets = small_panels(ax, groups, words=words, title=title, time_line=line)
            for group, sheet in zip(groups, sheets, strict=True):
                rows = rows_of(table, by, group).sort_values(x, kind="stable")
                room = _axes(sheet, span, places, bands)
                _draw(sheet, room, rows, x, GROUPS[0], 0.0, alone=True, bands=bands)
                _label_farthest(sheet, rows, x)
                _write_size(sheet, rows, bands=bands)
            return ax
        alone = len(groups) <= 1
        by = None if alone else by
        groups = [None] if alone else groups
        lines = number_lines(table, by, groups, places, x)
        panel = open_panel(ax, groups, n_lines=len(lines), words=words, title=title)
        sheet = panel.sheet
        room = _axes(sheet, span, places, bands)
        for place, group in enumerate(groups):
            rows = rows_of(table, by, group).sort_values(x, kind="stable")
            dodge = 0.0 if alone or bands else DODGE * (place - (len(groups) - 1) / 2)
            _draw(sheet, room, rows, x, GROUPS[place], dodge, alone=alone, bands=bands)
        if alone:
            rows = table.sort_values(x, kind="stable")
            _label_farthest(sheet, rows, x)
            _note_zero(sheet, room)
        else:
            name_groups(sheet, table, by, groups, x, panel.names_px)
        close_panel(panel, time_line=line, times=places, lines=lines)
        return sheet.ax


def _span(table: pd.DataFrame, *, small: bool) -> tuple[float, float]:
    """Ends of the y axis: all limits and 0, with some room."""
    values = np.concatenate([floats(table, name) for name in ("estimate", "conf_low", "conf_high")])
    values = values[np.isfinite(values)]
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if high == low:
        high = low + 1.0
    room = (0.22 if small else 0.12) * (high - low)  # for the figure beyond the farthest interval
    return low - (room if low < 0 else 0.0), high + (room if high > 0 else 0.0)


def _axes(sheet: Sheet, span: tuple[float, float], places: Sequence[float], bands: bool) -> Room:
    """Limits and ticks of both axes and the line of the baseline."""
    set_y_axis(sheet, *span)
    if bands:
        set_time_axis(sheet, unit="minutes", horizon=max([*places, 10.0]), margin_px=MARGIN)
    else:
        _count_axis(sheet, places)
    sheet.rule(
        (("left", 0.0), ("left", sheet.size[0])), (("data", 0.0), ("data", 0.0)), color=PALETTE["axis"],
        width=0.9, gid="zero",
    )  # fmt: skip
    return Room(*sheet.size)


def _count_axis(sheet: Sheet, places: Sequence[float]) -> None:
    """Whole numbers with half a step of room at both ends."""
    first, last = (min(places), max(places)) if places else (1.0, 2.0)
    sheet.ax.set_xlim(first - 0.5, last + 0.5)
    ticks = np.arange(first, last + 1)
    at = sheet.pixels(ticks, np.zeros(ticks.size))[:, 0]
    kept = spaced(at, [22.0] * ticks.size)
    x_ticks(sheet, ticks[kept], [f"{tick:g}" for tick in ticks[kept]])


def _draw(
    sheet: Sheet, room: Room, rows: pd.DataFrame, x: str, style: GroupStyle, dodge: float, *, alone: bool,
    bands: bool,
) -> None:  # fmt: skip
    """Band and line of the means, or dots with the lines of their intervals, of one group."""
    at, mean = floats(rows, x), floats(rows, "estimate")
    low, high = floats(rows, "conf_low"), floats(rows, "conf_high")
    limited = np.isfinite(low) & np.isfinite(high)
    shift = sheet.shifted(dodge)
    if bands:
        sheet.ax.fill_between(
            at, low, high, where=limited, color=PALETTE["band"] if alone else style.light, linewidth=0,
            alpha=None if alone else 0.6, zorder=2, gid="band",
        )  # fmt: skip
    else:
        ends = np.stack([np.column_stack([at, low]), np.column_stack([at, high])], axis=1)[limited]
        sheet.ax.add_artist(
            LineCollection(ends, colors=style.color, linewidths=1.2, transform=shift, zorder=3,
                           clip_on=False, gid="interval")
        )  # fmt: skip
    sheet.ax.plot(
        at, mean, color=style.color, linestyle=style.line if bands else "none", linewidth=1.8,
        marker=style.marker, markersize=4.2, markerfacecolor=style.fill, markeredgecolor=style.color,
        markeredgewidth=1.0, transform=shift, zorder=4, clip_on=False, gid="mean",
    )  # fmt: skip
    for edge in (mean, low, high):
        known = np.isfinite(edge)
        room.take_line(sheet.pixels(at[known], edge[known]), margin=5)


def _label_farthest(sheet: Sheet, rows: pd.DataFrame, x: str) -> None:
    """The mean farthest from baseline in figures, beyond its interval."""
    limited = np.isfinite(floats(rows, "conf_low"))
    # A mean that is known with an interval is worth its figures more than one without.
    rows = rows[limited] if limited.any() else rows
    if not len(rows):
        return
    row = rows.iloc[int(np.argmax(np.abs(floats(rows, "estimate"))))]
    is_above = row["estimate"] >= 0
    edge = row["conf_high"] if is_above else row["conf_low"]
    edge = edge if np.isfinite(edge) else row["estimate"]
    sheet.write(
        number(row["estimate"]), ("data", float(row[x])), ("data", float(edge)), size=BASE, bold=True,
        align="center", shift=(0.0, 5.0 if is_above else -13.0), gid="mean-text",
    )  # fmt: skip


def _note_zero(sheet: Sheet, room: Room) -> None:
    """What the line at 0 is."""
    across = 0.25 * sheet.size[0]
    up = float(sheet.pixels(sheet.ax.get_xlim()[0], 0.0)[0, 1])
    room.take_line(np.array([[0.0, up], [sheet.size[0], up]]), margin=3)
    place_note(sheet, room, ("baseline",), (across, up))


def _write_size(sheet: Sheet, rows: pd.DataFrame, *, bands: bool) -> None:
    """Sessions of a small picture, in the corner that its curve leaves free."""
    n, mean = floats(rows, "n"), floats(rows, "estimate")
    n = n[np.isfinite(n)]
    if not n.size:
        return
    low, high = count(n.min()), count(n.max())
    words = f"n {low}" if low == high else f"n {low}–{high}"
    rises = mean[np.argmax(np.abs(mean))] >= 0
    # A course comes back to baseline at the right end; a peak stays away from it.
    up = ("top", -11.0) if rises == bands else ("bottom", 4.0)
    sheet.write(words, ("right", 0), up, size=NOTE, color=PALETTE["secondary"], align="right", gid="size")
