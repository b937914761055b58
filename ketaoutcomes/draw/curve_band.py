"""The symptom course of a model: its mean as a smooth curve, beside the means that were observed."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.labels import number, text_width
from ketaoutcomes.draw.means import (
    SPREAD_NOTE,
    close_panel,
    draw_spread,
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
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, GroupStyle

__all__ = ["model_course"]

# Observed means are hollow in every group, so shapes tell the groups apart.
MARKERS = ("o", "^", "s")


def model_course(
    curve: pd.DataFrame,
    observed: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    instrument: str = "Score",
    higher_is: str | None = None,
    level: float = 0.95,
    title: str | None = None,
    time: str = "day",
    unit: str = "days",
    time_line: str | None = None,
) -> Axes:
    """Model mean against time with its band, the observed means as hollow points, n below.

    The bars from the 10th to the 90th percentile are drawn where a panel has one group. Up to
    three groups share a panel; more become small pictures. The curve is not drawn where it is
    missing, and a group or a time without an observed mean has no point.

    Parameters
    ----------
    curve : DataFrame
        The column `time` (or "time"), estimate, conf_low, conf_high, on a dense grid of times.
    observed : DataFrame
        The column `time` (or "time"), n, estimate and perhaps p10, p90.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups, in both tables; their order is the curve's.
    minimum, maximum : float, optional
        Ends of the y axis: the instrument's range. What the tables span, from 0, if left out.
    instrument : str
        Named above the axis.
    higher_is : {"worse", "better"}, optional
        Said above the axis.
    level : float
        Confidence level of the band, for its note.
    title : str, optional
        Written in bold above all else; room for it is made.
    time, unit : str
        Column of the times, and their unit.
    time_line : str, optional
        Written below the axis; "Days after session 1" by default.

    Returns
    -------
    Axes
    """
    curve, observed = _timed(curve, time, by), _timed(observed, time, by)
    span = value_span([curve, observed], minimum, maximum)
    groups = list(dict.fromkeys([*levels(curve, by), *levels(observed, by)]))
    times = sorted(set(floats(observed, time)))
    drawn = floats(curve, time)[np.isfinite(floats(curve, "estimate"))]
    axis_times = sorted({*times, *drawn})
    words = unit_words(instrument, span, higher_is)
    time_line = time_line or f"{unit.capitalize()} after session 1"
    band_note = f"model mean, {100 * level:g}% CI"
    with theme.context():
        if len(groups) > MOST_PER_PANEL:
            words += f"; line and band: {band_note}; hollow: observed mean"
            ax, sheets = small_panels(ax, groups, words=words, title=title, time_line=time_line)
            for level_of, sheet in zip(groups, sheets, strict=True):
                room = set_axes(sheet, span, axis_times, unit, small=True)
                tables = rows_of(curve, by, level_of), rows_of(observed, by, level_of)
                _draw_group(sheet, room, *tables, time, 0, alone=True)
                _label_ends(sheet, room, *tables, time)
            return ax
        alone = len(groups) <= 1
        lines = number_lines(observed, by, groups, times, time)
        panel = open_panel(ax, groups, n_lines=len(lines), words=words, title=title)
        sheet = panel.sheet
        room = set_axes(sheet, span, axis_times, unit)
        for place, level_of in enumerate(groups):
            tables = rows_of(curve, by, level_of), rows_of(observed, by, level_of)
            dodge = 0.0 if alone else 4.0 * (place - (len(groups) - 1) / 2)
            _draw_group(sheet, room, *tables, time, place, dodge=dodge, alone=alone)
        if alone:
            _label_ends(sheet, room, curve, observed, time)
        else:
            name_groups(sheet, curve, by, groups, time, panel.names_px)
        _notes(sheet, room, curve, observed, by, groups, time, band_note)
        close_panel(panel, time_line=time_line, times=times, lines=lines)
        return sheet.ax


def _timed(table: pd.DataFrame, time: str, by: str | None) -> pd.DataFrame:
    """The rows that have a time and, where asked for, a group, in order of time."""
    if time not in table.columns and "time" in table.columns:
        table = table.rename(columns={"time": time})
    kept = np.isfinite(floats(table, time))
    if by is not None:
        kept &= table[by].notna().to_numpy(dtype=bool)
    return table[kept].sort_values(time, kind="stable")


def _draw_group(
    sheet: Sheet,
    room: Room,
    curve: pd.DataFrame,
    observed: pd.DataFrame,
    time: str,
    place: int,
    *,
    alone: bool,
    dodge: float = 0.0,
) -> None:
    """Bars of the spread, the band and line of the model, the points of what was observed."""
    style = GROUPS[place]
    if alone:
        draw_spread(sheet, room, observed, time, style, dodge, alone=True)
    _draw_curve(sheet, room, curve, time, style, alone=alone)
    x, mean = floats(observed, time), floats(observed, "estimate")
    shown = np.isfinite(mean)
    sheet.ax.plot(
        x[shown], mean[shown], linestyle="none", marker=MARKERS[place], markersize=4.4,
        markerfacecolor=PALETTE["paper"], markeredgecolor=PALETTE["text"] if alone else style.color,
        markeredgewidth=1.0, transform=sheet.shifted(dodge), zorder=5, clip_on=False, gid="observed",
    )  # fmt: skip
    for across, up in sheet.pixels(x[shown], mean[shown]):
        room.take(across - 5, across + 5, up - 5, up + 5)


def _draw_curve(
    sheet: Sheet, room: Room, curve: pd.DataFrame, time: str, style: GroupStyle, *, alone: bool
) -> None:
    """The model's mean and its band, with gaps where they are missing."""
    x, mean = floats(curve, time), floats(curve, "estimate")
    low, high = floats(curve, "conf_low"), floats(curve, "conf_high")
    band = np.isfinite(mean) & np.isfinite(low) & np.isfinite(high)
    sheet.ax.fill_between(
        x, low, high, where=band, color=PALETTE["band"] if alone else style.light, linewidth=0,
        alpha=None if alone else 0.6, zorder=2, gid="band",
    )  # fmt: skip
    heights = sheet.pixels(x, high)[:, 1] - sheet.pixels(x, low)[:, 1]
    # Edges tell bands that overlap apart; those of a band no wider than its line would only blur it.
    edged = band & (heights > 8.0)
    for edge in () if alone else (low, high):
        sheet.ax.plot(
            x, np.where(edged, edge, np.nan), color=style.color, linestyle=style.line, linewidth=0.6,
            zorder=2.5, gid="band-edge",
        )  # fmt: skip
    sheet.ax.plot(
        x, mean, color=style.color, linestyle=style.line, linewidth=1.8, zorder=4, gid="model",
    )  # fmt: skip
    for edge, margin in ((mean, 6), (low, 1), (high, 1)):
        room.take_line(sheet.pixels(x[band], edge[band]), margin=margin)


def _label_ends(sheet: Sheet, room: Room, curve: pd.DataFrame, observed: pd.DataFrame, time: str) -> None:
    """The first and the last mean of the model in figures, clear of the points and of the line."""
    shown = curve[np.isfinite(floats(curve, "estimate"))]
    if not len(shown):
        return
    x, mean = floats(shown, time), floats(shown, "estimate")
    line = sheet.pixels(x, mean)
    points = sheet.pixels(floats(observed, time), floats(observed, "estimate"))
    marks = Room(*sheet.size)
    marks.take_line(line, margin=1)
    for across, up in points[np.isfinite(points).all(axis=1)]:
        marks.take(across - 4, across + 4, up - 4, up + 4)
    ends = [-1] if len(shown) == 1 else [-1, 0]
    for end in ends:
        text = number(mean[end])
        width = text_width(text, BASE, bold=True)
        across = line[end, 0] + 9
        free = [
            up
            for up in line[end, 1] + np.array([5.0, -4.0, 12.0, 20.0, -15.0, -24.0])
            if 0 <= up <= sheet.size[1] - 8 and marks.is_free(across, across + width, up - 1, up + 9)
        ]
        up = free[0] if free else min(line[end, 1] + 5, sheet.size[1] - 10)
        sheet.write(text, ("left", across), ("bottom", up), size=BASE, bold=True, gid="mean-text")
        room.take(across, across + width, up - 2, up + 10, words=True)


def _notes(
    sheet: Sheet,
    room: Room,
    curve: pd.DataFrame,
    observed: pd.DataFrame,
    by: str | None,
    groups: list[Hashable],
    time: str,
    band_note: str,
) -> None:
    """What the bars, the points and the line are, each said once."""
    color = PALETTE["main"] if len(groups) <= 1 else PALETTE["secondary"]
    notes = (
        (
            observed if len(groups) <= 1 else observed.iloc[:0],
            "p90",
            1 / 3,
            SPREAD_NOTE,
            PALETTE["secondary"],
        ),
        (observed, "estimate", 1 / 2, ("observed mean",), PALETTE["secondary"]),
        (curve, "estimate", 2 / 3, (band_note,), color),
    )
    for table, column, part, words, ink in notes:
        rows = rows_of(table, by, groups[0]) if groups else table
        rows = rows[np.isfinite(floats(rows, column))]
        if len(rows):
            at = rows.iloc[int(part * (len(rows) - 1))]
            target = sheet.pixels(float(at[time]), float(at[column]))[0]
            place_note(sheet, room, words, tuple(target), color=ink)
