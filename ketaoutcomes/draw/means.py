"""What pictures of mean scores against time have in common: frame, axes, spread, ends, names, n."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import Head, head_of
from ketaoutcomes.draw.labels import clean, count, number, number_range, shorten, text_width
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.panels import floats, rows_of, split
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, TABLE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import y_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis

__all__ = [
    "SPREAD_NOTE",
    "Panel",
    "close_panel",
    "draw_spread",
    "label_ends",
    "name_groups",
    "number_lines",
    "open_panel",
    "set_axes",
    "small_panels",
    "unit_words",
    "value_span",
]

LEFT, RIGHT, TOP, PLOT, BELOW = 44.0, 34.0, 34.0, 168.0, 42.0
SMALL_PLOT, SMALL_GAP = 96.0, 46.0
HIGHER = {"worse": "higher is worse", "better": "higher is better"}
SPREAD_NOTE = ("10th–90th percentile", "of observed scores")


@dataclass(frozen=True)
class Panel:
    """One panel for up to three groups, before and while it is drawn into.

    Parameters
    ----------
    sheet : Sheet
    head : Head
        The lines above, not yet written.
    left : float
        Distance in px of the axes from the left edge.
    names_px : float
        Room in px for the names of the groups; 0 for a single nameless group.
    """

    sheet: Sheet
    head: Head
    left: float
    names_px: float


def open_panel(
    ax: Axes | None, groups: Sequence[Hashable], *, n_lines: int, words: str, title: str | None
) -> Panel:
    """Axes with room for the head, `n_lines` of numbers below and the names of `groups` at the sides."""
    alone = len(groups) <= 1
    names_px = 0.0 if alone else min(max(text_width(clean(g), TABLE, bold=True) for g in groups), 90.0)
    below = BELOW + table_height(n_lines)
    left = LEFT if alone else max(LEFT, names_px + 24)
    right = max(RIGHT, names_px + 18)
    layout = Layout(TOP + PLOT + below, left=left, right=right, top=TOP, bottom=below)
    head = head_of(ax, layout, words, title=title)
    return Panel(Sheet(theme.prepare(ax, head.raised(layout))), head, left, names_px)


def close_panel(panel: Panel, *, time_line: str, times: Sequence[float], lines: Sequence[Line]) -> None:
    """Write the head, the unit of the time axis and the numbers below."""
    panel.head.write(panel.sheet, 18.0)
    _write_time(panel.sheet, time_line)
    if lines:
        write_numbers(panel.sheet, times, lines, left=panel.left, top=BELOW)


def small_panels(
    ax: Axes | None, groups: Sequence[Hashable], *, words: str, title: str | None, time_line: str
) -> tuple[Axes, list[Sheet]]:
    """Axes split into a small named panel for each group, two to a row."""
    n_rows = -(-len(groups) // 2)
    height = 50.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + 40.0
    layout = Layout(height, left=30.0, right=32.0, top=50.0, bottom=40.0)
    head = head_of(ax, layout, words, title=title)
    ax = theme.prepare(ax, head.raised(layout))
    outer = Sheet(ax)
    head.write(outer, 36.0)
    sheets = []
    for level_of, panel in zip(groups, split(ax, len(groups), across=60.0, up=SMALL_GAP), strict=True):
        theme.plain(panel)
        sheet = Sheet(panel)
        name = shorten(level_of, sheet.size[0], BASE, bold=True)
        sheet.write(name, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
        sheets.append(sheet)
    _write_time(outer, time_line)
    return ax, sheets


def _write_time(sheet: Sheet, time_line: str) -> None:
    sheet.write(time_line, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="time")


def value_span(
    tables: Sequence[pd.DataFrame], minimum: float | None, maximum: float | None
) -> tuple[float, float]:
    """Ends of the y axis: those given, else what the tables span, from 0."""
    columns = ("estimate", "conf_low", "conf_high", "p10", "p90")
    values = np.concatenate([floats(table, column) for table in tables for column in columns])
    values = values[np.isfinite(values)]
    low = min(0.0, values.min(initial=0.0)) if minimum is None else float(minimum)
    high = values.max(initial=low + 1.0) if maximum is None else float(maximum)
    return low, high if high > low else low + 1.0


def unit_words(instrument: str, span: tuple[float, float], higher_is: str | None) -> str:
    """What the y axis shows, e.g. "PHQ-9 score, 0–27 (higher is worse)"."""
    words = f"{clean(instrument)} score" if instrument != "Score" else "Score"
    words += f", {number_range(*span, decimals=0)}"
    return f"{words} ({HIGHER[higher_is]})" if higher_is in HIGHER else words


def set_axes(
    sheet: Sheet, span: tuple[float, float], times: Sequence[float], unit: str, *, small: bool = False
) -> Room:
    """Limits and ticks of both axes; returns the area, in which nothing is taken yet."""
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


def draw_spread(
    sheet: Sheet, room: Room, rows: pd.DataFrame, time: str, style: GroupStyle, dodge: float, *, alone: bool
) -> None:
    """A bar from the 10th to the 90th percentile at each time that has both."""
    x, p10, p90 = floats(rows, time), floats(rows, "p10"), floats(rows, "p90")
    has_bar = np.isfinite(p10) & np.isfinite(p90)
    bars = np.stack([np.column_stack([x, p10]), np.column_stack([x, p90])], axis=1)[has_bar]
    sheet.ax.add_artist(
        LineCollection(
            bars, colors=PALETTE["spread"] if alone else style.light, linewidths=4.8 if alone else 3.0,
            transform=sheet.shifted(dodge), zorder=1.5, capstyle="butt", clip_on=False, gid="spread",
        )
    )  # fmt: skip
    for at, bottom, top in zip(x[has_bar], p10[has_bar], p90[has_bar], strict=True):
        (across, y0), (_, y1) = sheet.pixels((at, at), (bottom, top))
        room.take(across - 4, across + 4, y0 - 3, y1 + 3)


def label_ends(sheet: Sheet, room: Room, rows: pd.DataFrame, time: str) -> None:
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


def name_groups(
    sheet: Sheet, table: pd.DataFrame, by: str, groups: Sequence[Hashable], time: str, names_px: float
) -> None:
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


def number_lines(
    table: pd.DataFrame, by: str | None, groups: Sequence[Hashable], times: Sequence[float], time: str
) -> list[Line]:
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
