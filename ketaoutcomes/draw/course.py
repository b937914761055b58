"""The symptom course: the mean of those assessed, over the spread of their scores."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, number, number_range, shorten, text_width
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of, split
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, TABLE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import y_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis

__all__ = ["course"]

LEFT, RIGHT, TOP, PLOT, BELOW = 44.0, 34.0, 34.0, 168.0, 42.0
SMALL_PLOT, SMALL_GAP = 96.0, 46.0
HIGHER = {"worse": "higher is worse", "better": "higher is better"}
SPREAD_NOTE = ("10th–90th percentile", "of observed scores")


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
    span = _span(table, minimum, maximum)
    groups = levels(table, by)
    times = sorted(set(floats(table, time)))
    words = _unit_words(instrument, span, higher_is)
    time_line = time_line or f"{unit.capitalize()} after session 1"
    with theme.context():
        if len(groups) > MOST_PER_PANEL:
            return _small_multiples(
                table, ax, by, groups, span, times, time, unit, words=words, title=title, time_line=time_line
            )
        alone = len(groups) <= 1
        names_px = 0.0 if alone else min(max(text_width(clean(g), TABLE, bold=True) for g in groups), 90.0)
        lines = _number_lines(table, by, groups, times, time)
        below = BELOW + table_height(len(lines))
        left = LEFT if alone else max(LEFT, names_px + 24)
        right = max(RIGHT, names_px + 18)
        layout = Layout(TOP + PLOT + below, left=left, right=right, top=TOP, bottom=below)
        head = head_of(ax, layout, words, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        room = _axes(sheet, span, times, unit)
        for number_of, level_of in enumerate(groups):
            rows = rows_of(table, by, level_of).sort_values(time, kind="stable")
            dodge = 0.0 if alone else 5.0 * (number_of - (len(groups) - 1) / 2)
            _draw_group(sheet, room, rows, time, GROUPS[number_of], dodge, alone=alone)
        if alone:
            _label_ends(sheet, room, table.sort_values(time, kind="stable"), time)
            _notes(sheet, room, table.sort_values(time, kind="stable"), time, level)
        else:
            _name_groups(sheet, table, by, groups, time, names_px)
        head.write(sheet, 18.0)
        sheet.write(
            time_line, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="time"
        )
        if lines:
            write_numbers(sheet, times, lines, left=left, top=BELOW)
        return ax


def _span(table: pd.DataFrame, minimum: float | None, maximum: float | None) -> tuple[float, float]:
    """Ends of the y axis."""
    columns = [floats(table, column) for column in ("estimate", "conf_low", "conf_high", "p10", "p90")]
    values = np.concatenate(columns) if len(table) else np.empty(0)
    values = values[np.isfinite(values)]
    low = min(0.0, values.min(initial=0.0)) if minimum is None else float(minimum)
    high = values.max(initial=low + 1.0) if maximum is None else float(maximum)
    return low, high if high > low else low + 1.0


def _unit_words(instrument: str, span: tuple[float, float], higher_is: str | None) -> str:
    words = f"{clean(instrument)} score" if instrument != "Score" else "Score"
    words += f", {number_range(*span, decimals=0)}"
    return f"{words} ({HIGHER[higher_is]})" if higher_is in HIGHER else words


def _axes(
    sheet: Sheet, span: tuple[float, float], times: list[float], unit: str, *, small: bool = False
) -> Room:
    sheet.ax.set_ylim(*span)
    ticks = _ticks(*span, most=3 if small else 6)
    y_ticks(sheet, ticks, [number(tick, 0 if abs(tick - round(tick)) < 1e-9 else 1) for tick in ticks])
    start, end = (times[0], times[-1]) if times else (0.0, 1.0)
    # A margin for the first and the last bar.
    end = end if end > start else start + 1.0
    set_time_axis(sheet, unit=unit, start=min(start, 0.0), horizon=end, margin_px=10.0)
    return Room(*sheet.size)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round values from end to end; those that would touch the upper end are left out."""
    length = high - low
    power = 10.0 ** np.floor(np.log10(length / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if length / (power * factor) <= most)
    inner = np.arange(np.ceil(low / step - 1e-9) * step, high - step / 2, step)
    return sorted({float(low), *(float(t) for t in inner if t - low > step / 2 or t == low), float(high)})


def _draw_group(
    sheet: Sheet, room: Room, rows: pd.DataFrame, time: str, style: GroupStyle, dodge: float, *, alone: bool
) -> None:
    """Bars of the spread, band and line of the mean, for one group."""
    ax = sheet.ax
    x, mean = floats(rows, time), floats(rows, "estimate")
    low, high = floats(rows, "conf_low"), floats(rows, "conf_high")
    p10, p90 = floats(rows, "p10"), floats(rows, "p90")
    shift = sheet.shifted(dodge)
    has_bar = np.isfinite(p10) & np.isfinite(p90)
    bars = np.stack([np.column_stack([x, p10]), np.column_stack([x, p90])], axis=1)[has_bar]
    ax.add_artist(
        LineCollection(
            bars, colors=PALETTE["spread"] if alone else style.light, linewidths=4.8 if alone else 3.0,
            transform=shift, zorder=1.5, capstyle="butt", clip_on=False, gid="spread",
        )
    )  # fmt: skip
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
    for at, bottom, top in zip(x[has_bar], p10[has_bar], p90[has_bar], strict=True):
        (across, y0), (_, y1) = sheet.pixels((at, at), (bottom, top))
        room.take(across - 4, across + 4, y0 - 3, y1 + 3)
    line = np.isfinite(mean)
    room.take_line(sheet.pixels(x[line], mean[line]), margin=6)


def _label_ends(sheet: Sheet, room: Room, rows: pd.DataFrame, time: str) -> None:
    """The first and the last mean in figures."""
    shown = rows[np.isfinite(floats(rows, "estimate"))]
    if not len(shown):
        return
    _, height = sheet.size
    ends = [(shown.iloc[-1], "left", 9.0)] + ([(shown.iloc[0], "left", 9.0)] if len(shown) > 1 else [])
    for row, align, across in ends:
        x, y = sheet.pixels(float(row[time]), float(row["estimate"]))[0]
        text = number(row["estimate"])
        up = min(y + 5, height - 10)
        sheet.write(
            text, ("left", x + across), ("bottom", up), size=BASE, bold=True, align=align, gid="mean-text"
        )
        room.take(x + across, x + across + text_width(text, BASE, bold=True), up - 2, up + 10, words=True)


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


def _name_groups(sheet: Sheet, table, by: str, groups: list[Hashable], time: str, names_px: float) -> None:
    """Name and last mean of each group, right of the axes and clear of each other."""
    _, height = sheet.size
    wanted = []
    for number_of, level_of in enumerate(groups):
        rows = rows_of(table, by, level_of).sort_values(time, kind="stable")
        rows = rows[np.isfinite(floats(rows, "estimate"))]
        if len(rows):
            last = rows.iloc[-1]
            up = sheet.pixels(float(last[time]), float(last["estimate"]))[0, 1]
            wanted.append([up, number_of, clean(level_of), number(last["estimate"])])
    wanted.sort(key=lambda item: item[0])
    floor = 0.0
    for item in wanted:
        item[0] = max(item[0], floor)
        floor = item[0] + 27.0
    too_high = max(floor - 27.0 - (height - 8), 0.0)
    for up, number_of, name, text in wanted:
        at = ("right", 10)
        name = shorten(name, names_px + 4, TABLE, bold=True)
        sheet.write(
            name, at, ("bottom", up - too_high + 4), bold=True, color=GROUPS[number_of].color, gid="group"
        )
        sheet.write(text, at, ("bottom", up - too_high - 8), gid="mean-text")


def _number_lines(table: pd.DataFrame, by: str | None, groups, times: list[float], time: str) -> list[Line]:
    """n at each time, one line per group."""
    if not len(table) or "n" not in table.columns:
        return []
    lines = []
    for level_of in groups:
        rows = rows_of(table, by, level_of)
        texts = {at: count(cell) for at, cell in zip(floats(rows, time), rows["n"], strict=True)}
        name = "n" if level_of is None or by is None else f"n {clean(level_of)}"
        lines.append(Line(name, tuple(texts.get(at, "") for at in times)))
    return lines


def _small_multiples(table, ax, by, groups, span, times, time, unit, *, words, title, time_line) -> Axes:
    """A small panel for each group."""
    n_rows = -(-len(groups) // 2)
    height = 50.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + 40.0
    layout = Layout(height, left=30.0, right=32.0, top=50.0, bottom=40.0)
    head = head_of(ax, layout, words, title=title)
    ax = theme.prepare(ax, head.raised(layout))
    outer = Sheet(ax)
    head.write(outer, 36.0)
    for level_of, panel in zip(groups, split(ax, len(groups), across=60.0, up=SMALL_GAP), strict=True):
        theme.plain(panel)
        sheet = Sheet(panel)
        room = _axes(sheet, span, times, unit, small=True)
        rows = rows_of(table, by, level_of).sort_values(time, kind="stable")
        _draw_group(sheet, room, rows, time, GROUPS[0], 0.0, alone=True)
        _label_ends(sheet, room, rows, time)
        name = shorten(level_of, sheet.size[0], BASE, bold=True)
        sheet.write(name, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
    outer.write(time_line, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="time")
    return ax
