"""Cumulative incidence as lines with their bands: one per event, or one per group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.incidence_marks import (
    apart,
    last_time,
    number_lines,
    share_axis,
    stairs,
    time_words,
)
from ketaoutcomes.draw.labels import clean, percent, percent_range, shorten, text_width
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, TABLE, GroupStyle, Layout

__all__ = ["incidence_lines"]

LEFT, BELOW, HEAD = 104.0, 42.0, 30.0
PLOT, SMALL_PLOT, PANEL_TITLE, PANEL_GAP, TICKS = 150.0, 110.0, 22.0, 16.0, 24.0
NAME_ROOM = 90.0
SHADED_NOTE = ("shaded: somewhere between", "two assessments")
TOPS = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class _Panel:
    """One panel: its name, and the rows of each of its lines with their names."""

    name: str
    lines: tuple[tuple[str, pd.DataFrame], ...]


def incidence_lines(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    causes: Sequence[str],
    landmarks: pd.DataFrame | None = None,
    unit: str = "days",
    by: str | None = None,
    horizon: float | None = None,
    origin: str = "session 1",
    title: str | None = None,
    unit_line: str | None = None,
) -> Axes:
    """Share of patients with each event against time, with bands.

    With up to three groups a panel for each event, the groups in it; otherwise a panel for each group,
    or the only one, with a line for each event (a panel for each event if there are more than three).

    Parameters
    ----------
    table : DataFrame
        event, time, estimate, conf_low, conf_high and perhaps estimate_high; a row holds until the next
        one's time.
    ax, causes, landmarks, unit, by, horizon, origin, title, unit_line
        As in `incidence.stacked`.

    Returns
    -------
    Axes
    """
    end = horizon or last_time(table, landmarks)
    groups = levels(table, by)
    panels = _panels(table, tuple(causes), by, groups)
    numbers, marks = _numbers(landmarks, tuple(causes), by, groups, end)
    names = [name for panel in panels for name, _ in panel.lines]
    ends = [_end_text(rows, end)[1] for panel in panels for _, rows in panel.lines]
    right = 14.0 + max(
        min(max((text_width(clean(name), TABLE, bold=True) for name in names), default=0.0), NAME_ROOM),
        max((text_width(text, TABLE) for text in ends), default=0.0),
    )
    top = _top(table, end)
    titled = len(panels) > 1
    each = (PLOT if len(panels) <= MOST_PER_PANEL else SMALL_PLOT) + (PANEL_TITLE if titled else 0.0)
    tail = BELOW + table_height(len(numbers))
    height = HEAD + each * len(panels) + (TICKS + PANEL_GAP) * (len(panels) - 1) + tail
    with theme.context():
        layout = Layout(height, left=LEFT, right=right, top=HEAD, bottom=tail)
        head = head_of(ax, layout, unit_line or "% of patients", title=title)
        ax = theme.prepare(ax, head.raised(layout))
        outer = Sheet(ax)
        head.write(outer, 16.0)
        ax.set_axis_off()
        width, whole = outer.size
        between = (TICKS + PANEL_GAP) * (len(panels) - 1) + (PANEL_TITLE * len(panels) if titled else 0.0)
        plot = max((whole - between) / len(panels), 30.0)
        up = whole
        for number, panel in enumerate(panels):
            up -= plot + (PANEL_TITLE if titled else 0.0)
            inner = ax.inset_axes((0.0, up / whole, 1.0, plot / whole))
            theme.plain(inner)
            sheet = Sheet(inner)
            breaks = share_axis(sheet, unit, end, marks, top=top)
            _draw(sheet, panel, end, right - 10.0)
            if titled:
                name = shorten(panel.name, width, BASE, bold=True)
                sheet.write(name, ("left", 0), ("top", 8), size=BASE, bold=True, gid="panel")
            if number == len(panels) - 1:
                time_words(sheet, unit, breaks, origin)
                if numbers:
                    write_numbers(sheet, marks, numbers, left=LEFT, top=BELOW)
            up -= TICKS + PANEL_GAP
        return ax


def _panels(table: pd.DataFrame, causes: tuple[str, ...], by, groups) -> list[_Panel]:
    def rows(level, name):
        of_group = rows_of(table, by, level)
        return of_group[of_group["event"] == name]

    if by is not None and len(groups) <= MOST_PER_PANEL:
        return [
            _Panel(clean(name), tuple((clean(level), rows(level, name)) for level in groups))
            for name in causes
        ]
    if len(causes) <= MOST_PER_PANEL:
        return [
            _Panel(
                "" if level is None else clean(level),
                tuple((clean(name), rows(level, name)) for name in causes),
            )
            for level in groups
        ]
    return [
        _Panel(
            clean(name) if level is None else f"{clean(level)}: {clean(name)}",
            ((clean(name), rows(level, name)),),
        )
        for level in groups
        for name in causes
    ]


def _numbers(landmarks, causes, by, groups, end) -> tuple[list[Line], list[float]]:
    """The numbers below the last panel, and the times they stand at."""
    if landmarks is None or len(groups) > MOST_PER_PANEL:
        return [], []
    shown = landmarks[floats(landmarks, "time") <= end]
    marks = sorted(set(floats(shown, "time")))
    if by is None:
        return number_lines(shown, causes, marks), marks
    return [
        line
        for level in groups
        for line in number_lines(rows_of(shown, by, level), causes, marks, heading=str(level))
    ], marks


def _top(table: pd.DataFrame, end: float) -> float:
    """Upper end of the axes: the smallest round share above all that is drawn."""
    shown = table[floats(table, "time") <= end]
    highest = np.fmax(floats(shown, "estimate"), floats(shown, "conf_high"))
    # The exact limit at the first times, when nobody has had the event yet, is cut rather than followed.
    started = floats(shown, "estimate") > 0
    highest = np.nanmax(highest[started], initial=0.0)
    return next((top for top in TOPS if highest <= top), 1.0)


def _draw(sheet: Sheet, panel: _Panel, end: float, name_px: float) -> None:
    """Bands, then lines, then the names at their ends."""
    alone = len(panel.lines) == 1
    labels = []
    room = Room(*sheet.size)
    for place, (name, rows) in enumerate(panel.lines):
        style = GROUPS[place]
        _draw_band(sheet, rows, end, style, alone=alone)
        middle, text = _draw_line(sheet, room, rows, end, style)
        labels.append((middle, name, text, style))
    for _, rows in panel.lines:
        target = _widest(sheet, rows, end)
        if target is not None:
            place_note(sheet, room, SHADED_NOTE, target)
            break
    _, height = sheet.size
    labels = sorted((label for label in labels if np.isfinite(label[0])), key=lambda label: label[0])
    top = sheet.ax.get_ylim()[1]
    places = apart([middle / top * height - 8.0 for middle, *_ in labels], 26.0, height - 18.0)
    for up, (_, name, text, style) in zip(places, labels, strict=True):
        at = ("right", 8)
        short = shorten(name, name_px, TABLE, bold=True)
        sheet.write(short, at, ("bottom", up + 12), bold=True, color=style.color, gid="line-name")
        sheet.write(text, at, ("bottom", up), gid="percent")


def _draw_band(sheet: Sheet, rows: pd.DataFrame, end: float, style: GroupStyle, *, alone: bool) -> None:
    low, high = floats(rows, "conf_low"), floats(rows, "conf_high")
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return
    x, (low, high) = stairs([(floats(rows, "time"), low, high)], end)
    high = np.minimum(high, sheet.ax.get_ylim()[1])
    sheet.ax.fill_between(
        x, low, high, where=np.isfinite(low) & np.isfinite(high), linewidth=0, zorder=2, gid="band",
        color=PALETTE["box"] if alone else style.light, alpha=None if alone else 0.55,
    )  # fmt: skip
    for edge in (low, high):
        sheet.ax.plot(
            x, edge, color=style.color, linewidth=0.5, linestyle=style.line, zorder=2.4, gid="band-edge"
        )


def _draw_line(
    sheet: Sheet, room: Room, rows: pd.DataFrame, end: float, style: GroupStyle
) -> tuple[float, str]:
    """The curve, or both bounds with the ground between them shaded; its last height and share."""
    time, low = floats(rows, "time"), floats(rows, "estimate")
    high = floats(rows, "estimate_high") if "estimate_high" in rows.columns else low
    x, (lower, upper) = stairs([(time, low, high)], end)
    if (upper - lower > 1e-9).any():
        sheet.ax.fill_between(
            x, lower, upper, color=style.color, alpha=0.35, linewidth=0, zorder=3, gid="undetermined"
        )
        sheet.ax.plot(x, upper, color=style.color, linewidth=1.0, linestyle=style.line, zorder=4, gid="upper")
    sheet.ax.plot(x, lower, color=style.color, linewidth=1.8, linestyle=style.line, zorder=4, gid="line")
    for edge in (lower, upper):
        known = np.isfinite(edge)
        room.take_line(sheet.pixels(x[known], edge[known]), margin=4)
    return _end_text(rows, end)


def _widest(sheet: Sheet, rows: pd.DataFrame, end: float) -> tuple[float, float] | None:
    """A place between the bounds, where they are furthest apart; None where they are one."""
    if "estimate_high" not in rows.columns:
        return None
    x, (low, high) = stairs(
        [(floats(rows, "time"), floats(rows, "estimate"), floats(rows, "estimate_high"))], end
    )
    apart_by = np.nan_to_num((high - low)[:-1])
    if not apart_by.size or apart_by.max() <= 1e-9:
        return None
    at = int(np.argmax(apart_by))
    return tuple(sheet.pixels((x[at] + x[at + 1]) / 2, (low[at] + high[at]) / 2)[0])


def _end_text(rows: pd.DataFrame, end: float) -> tuple[float, str]:
    """Height and words of a curve's last value."""
    shown = rows[(floats(rows, "time") <= end) & np.isfinite(floats(rows, "estimate"))]
    if not len(shown):
        return np.nan, ""
    last = shown.sort_values("time", kind="stable").iloc[-1]
    low = float(last["estimate"])
    high = float(last["estimate_high"]) if "estimate_high" in shown.columns else low
    text = percent(low) if percent(high) == percent(low) else f"{percent_range(low, high)}%"
    return (low + high) / 2, text
