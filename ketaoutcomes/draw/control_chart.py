"""A control chart: points in time order about a line, with their limits and the signals of the rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.control_marks import Points, draw_centre, draw_limits, draw_points, read_points
from ketaoutcomes.draw.control_words import (
    write_changes,
    write_gaps,
    write_limits,
    write_signals,
    write_value,
)
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import month, number, percent, text_width
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.scale import round_ticks, tick_names
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks
from ketaoutcomes.draw.timeaxis import spaced

__all__ = ["control_chart", "spark", "value_text"]

LEFT, RIGHT, TOP, BOTTOM = 40.0, 44.0, 28.0, 24.0
HEIGHT = 158.0
SPARK = Layout(60.0, width=206.0, left=6.0, right=44.0, top=6.0, bottom=16.0)
MOST_TICKS = 4
# Room in px beyond the values for a bracket or the name of a point.
ABOVE_SIGNAL, PLAIN_MARGIN = 20.0, 5.0


def control_chart(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    unit_line: str,
    as_percent: bool,
    highlight: str | None = None,
    height: float | str = "module",
    title: str | None = None,
) -> Axes:
    """Points in time order with centre, stepped limits and signals.

    A ring is a point outside the limits, an orange run with a bracket a shift; a hollow point with a dashed
    join is provisional; a gap has a dotted join and, where it is hidden, its reason at the foot.

    Parameters
    ----------
    table : DataFrame
        time (or month), estimate, centre, limit_low, limit_high, and perhaps part, is_baseline,
        is_provisional, outside, in_shift, change (words), suppressed. Months ("YYYY-MM") stand at their
        places in the calendar.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    unit_line : str
        Written above the axis.
    as_percent : bool
        Shares, written as per cents; otherwise plain numbers.
    highlight : str, optional
        The point that the page is about; its dot is black and its value labelled, else the last one's.
    height : float or "module"
        Height of the figure in px without the title; "module" is 158.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    points = read_points(table)
    with theme.context():
        layout = Layout(HEIGHT if height == "module" else float(height), left=LEFT, right=RIGHT, top=TOP,
                        bottom=BOTTOM)  # fmt: skip
        head = head_of(ax, layout, unit_line, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        ax.set_xlim(-0.6, points.width + 0.6)
        _value_axis(sheet, points, as_percent)
        _time_axis(sheet, points)
        draw_limits(sheet, points, width=0.7)
        draw_centre(sheet, points, width=0.8)
        draw_points(sheet, points, highlight, size=2.9, line=1.1)
        room = _taken_by_points(sheet, points, margin=RIGHT)
        write_limits(sheet, room, points, lambda value: value_text(value, as_percent, points), size=NOTE)
        write_signals(sheet, room, points, as_percent)
        _take_lines(sheet, room, points)
        write_gaps(sheet, room, points)
        write_value(sheet, room, points, highlight, as_percent)
        write_changes(sheet, room, points)
        head.write(sheet, 12.0)
        return ax


def spark(
    table: pd.DataFrame, ax: Axes | None = None, *, as_percent: bool, highlight: str | None = None
) -> Axes:
    """A control chart of 206 by 60 px, to stand in a table; limits and centre are labelled at the right.

    Parameters
    ----------
    table : DataFrame
        As for `control_chart`; all its rows are drawn.
    highlight : str, optional
        The point of the row; its dot is black.

    Returns
    -------
    Axes
    """
    points = read_points(table)
    with theme.context():
        ax = theme.prepare(ax, SPARK)
        sheet = Sheet(ax)
        ax.set_xlim(-0.6, points.width + 0.6)
        ax.set_ylim(*_padded(*_span(points), sheet.size[1], 3.0, 3.0))
        ax.xaxis.set_visible(False)
        ax.yaxis.set_visible(False)
        ax.spines["bottom"].set_edgecolor(PALETTE["grid"])
        draw_limits(sheet, points, width=0.6)
        draw_centre(sheet, points, width=0.75)
        draw_points(sheet, points, highlight, size=2.3, line=1.0)
        write_limits(sheet, None, points, lambda value: value_text(value, as_percent, points), size=NOTE)
        _spark_names(sheet, points, highlight)
        return ax


def value_text(value: float, as_percent: bool, points: Points) -> str:
    """A value, a centre or a limit as it is printed beside the chart."""
    if as_percent:
        return percent(value)
    if value == 0:
        return "0"
    low, high = _span(points)
    return number(value, 0 if high - low >= 50 else 1 if high - low >= 2 else 2)


def _span(points: Points) -> tuple[float, float]:
    """Smallest and largest of points, centre and limits."""
    is_limit = ~points.is_provisional
    values = np.r_[points.estimate, points.centre, points.low[is_limit], points.high[is_limit]]
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if high - low > 1e-9 * max(abs(low), abs(high), 1e-9):
        return low, high
    return low - (abs(low) or 1.0) * 0.1, high + (abs(high) or 1.0) * 0.1


def _padded(low: float, high: float, height: float, below: float, above: float) -> tuple[float, float]:
    """Ends of an axis `height` px high that leave `below` and `above` px beyond the values."""
    per_px = (high - low) / max(height - below - above, 1.0)
    return low - below * per_px, high + above * per_px


def _value_axis(sheet: Sheet, points: Points, as_percent: bool) -> None:
    """Round ticks over what is drawn, with room for what is written about signals."""
    low, high = _span(points)
    middle = points.centre
    is_signal = (points.is_outside | points.in_shift) & np.isfinite(points.estimate)
    above = ABOVE_SIGNAL if (is_signal & (points.estimate > middle)).any() else PLAIN_MARGIN
    below = ABOVE_SIGNAL if (is_signal & (points.estimate < middle)).any() else PLAIN_MARGIN
    ends = _padded(low, high, sheet.size[1], below, above)
    sheet.ax.set_ylim(*ends)
    # The room for words may reach below 0 and beyond 100%, where no tick belongs.
    inside = (max(ends[0], 0.0) if low >= 0.0 else ends[0], min(ends[1], 1.0) if as_percent else ends[1])
    if inside[0] >= inside[1]:
        inside = ends
    ticks = round_ticks(*inside, most=MOST_TICKS)
    if as_percent:
        decimals = 0 if ticks.size < 2 or ticks[1] - ticks[0] >= 0.01 - 1e-9 else 1
        last = ticks.size - 1
        labels = [percent(tick, decimals=decimals, sign=row == last) for row, tick in enumerate(ticks)]
    else:
        labels = tick_names(ticks)
    y_ticks(sheet, ticks, labels)


def _time_axis(sheet: Sheet, points: Points) -> None:
    """Names that stand clear of each other; of months, the year where it changes."""
    if not points.names:
        return
    width, _ = sheet.size
    every = 40.0 * (points.width + 1) / width
    n_every = next((step for step in (1, 2, 3, 6, 12, 24, 60) if step >= every), int(np.ceil(every)))
    last = len(points.names) - 1
    kept = [row for row in range(last + 1) if (points.place[-1] - points.place[row]) % n_every == 0]
    if points.is_monthly:
        labels, year = [], ""
        for row in kept:
            name = points.names[row]
            labels.append(month(name, year=name[:4] != year))
            year = name[:4]
    else:
        labels = [month(points.names[row]) for row in kept]
    at = sheet.pixels(points.place[kept], np.zeros(len(kept)))[:, 0]
    clear = spaced(at, [text_width(label, BASE) + 8.0 for label in labels])
    x_ticks(sheet, points.place[[kept[row] for row in clear]], [labels[row] for row in clear])


def _taken_by_points(sheet: Sheet, points: Points, *, margin: float) -> Room:
    """Where words would lie on points or joins; `margin` px at the right are room too."""
    width, height = sheet.size
    room = Room(width + margin, height)
    shown = points.shown
    at = sheet.pixels(points.place[shown], points.estimate[shown])
    room.take_line(at, margin=2.0)
    for x, y in at:
        room.take(x, x, y, y, margin=4.0)
    return room


def _take_lines(sheet: Sheet, room: Room, points: Points) -> None:
    """Centre and limits are taken too, but for the words about signals, which may cross them."""
    for values in (points.centre, points.low, points.high):
        rows = np.flatnonzero(np.isfinite(values))
        if rows.size:
            room.take_line(sheet.pixels(points.place[rows], values[rows]), margin=1.0)


def _spark_names(sheet: Sheet, points: Points, highlight: str | None) -> None:
    """The first point, the row's and the last, where they stand clear of each other."""
    if not points.names:
        return
    last = len(points.names) - 1
    named = points.names.index(highlight) if highlight in points.names[1:last] else None
    wanted = [0, *([last] if last else []), *([] if named is None else [named])]
    taken: list[tuple[float, float]] = []
    for row in wanted:
        text = month(points.names[row], year=row != named)
        length = text_width(text, NOTE)
        x = sheet.pixels(points.place[row], 0.0)[0, 0]
        left = max(x - 4.0, -4.0) if row == 0 else x + 3.0 - length
        if row == last and named is not None:
            left = x - 1.0
        if all(left > end + 2.0 or left + length < start - 2.0 for start, end in taken):
            taken.append((left, left + length))
            sheet.write(text, ("left", left), ("bottom", -12), size=NOTE, color=PALETTE["secondary"],
                        gid="name")  # fmt: skip
