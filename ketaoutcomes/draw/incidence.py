"""Cumulative incidence as areas on each other: every patient is in one of them at every time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.incidence_marks import (
    Area,
    end_width,
    label_areas,
    label_ends,
    last_time,
    number_lines,
    share_axis,
    stairs,
    time_words,
    too_thin,
)
from ketaoutcomes.draw.labels import count, shorten
from ketaoutcomes.draw.numbers import table_height, write_numbers
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of, split
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, Layout

__all__ = ["stacked"]

LEFT, TOP, PLOT, BELOW = 104.0, 34.0, 192.0, 42.0
GROUP_PLOT, GROUP_TITLE, GROUP_GAP = 128.0, 22.0, 8.0
SMALL_PLOT, SMALL_GAP = 104.0, 46.0
# Fills and inks of the words on them; neighbours differ in lightness, so colour never works alone.
DARK = (PALETTE["main"], PALETTE["paper"])
LIGHT = (PALETTE["limits"], PALETTE["text"])
FILLS = (
    (PALETTE["lost"], PALETTE["text"]),
    (PALETTE["competing"], PALETTE["text"]),
    (PALETTE["band"], PALETTE["text"]),
    (PALETTE["secondary"], PALETTE["paper"]),
    (PALETTE["spread"], PALETTE["text"]),
)
HATCH = "//////"
EVERYONE = 1e-9


@dataclass(frozen=True)
class _Look:
    """What all panels of a figure share."""

    causes: tuple[str, ...]
    event_free: str
    free_at: str
    unit: str
    end: float
    marks: list[float]


def stacked(
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
    event_free: str = "No event yet",
    free_at: str = "top",
    at_risk: str = "At risk",
) -> Axes:
    """Shares of patients with each event as areas, and the share without any, against time.

    What is not determined, because an event lies somewhere between two assessments, is hatched: those
    patients are without an event still, or have had the event beside which the hatching lies.

    Parameters
    ----------
    table : DataFrame
        event, time, estimate and perhaps estimate_high (upper bound of the share); a row holds until
        the next one's time of that event, the last one up to the end.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    causes : sequence of str
        Events of the table from below upwards.
    landmarks : DataFrame, optional
        event, time and counts: n_at_risk (the same for all events), n_unknown (the same), n_events (of
        the event by then). They are the numbers below.
    unit : {"days", "hours"}
    by : str, optional
        Column of the groups, in both tables: a panel for each.
    horizon : float, optional
        Right end; the last landmark that has a row at or after it, or the last time, if left out.
    origin : str
        What time 0 is, in words.
    title : str, optional
        Written in bold above all else; room for it is made.
    unit_line : str, optional
        Written above the axis; "% of patients" if left out.
    event_free : str
        Name of the area without any event.
    free_at : {"top", "bottom"}
        Where that area lies. At the bottom it is the dark one: what lasts.
    at_risk : str
        What the numbers n_at_risk below are called.

    Returns
    -------
    Axes
    """
    end = horizon or last_time(table, landmarks)
    landmarks = _shown(landmarks, end)
    marks = [] if landmarks is None else sorted(set(floats(landmarks, "time")))
    look = _Look(tuple(causes), event_free, free_at, unit, end, marks)
    groups = levels(table, by)
    unit_line = unit_line or "% of patients"
    with theme.context():
        if len(groups) > MOST_PER_PANEL:
            return _small(table, ax, look, by, groups, unit_line=unit_line, title=title, origin=origin)
        if len(groups) > 1:
            return _panels(table, landmarks, ax, look, by, groups, unit_line, title, origin, at_risk)
        lines = number_lines(landmarks, look.causes, marks, at_risk=at_risk)
        parts = _areas(table, look)
        keyed = too_thin(parts, PLOT)
        unit_line += _key(look) if keyed else ""
        layout = Layout(
            TOP + PLOT + BELOW + table_height(len(lines)), left=LEFT, right=end_width(parts), top=TOP,
            bottom=BELOW + table_height(len(lines)),
        )  # fmt: skip
        head = head_of(ax, layout, unit_line, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        _draw(sheet, parts, look, keyed=keyed)
        head.write(sheet, 20.0)
        time_words(sheet, unit, _axis(sheet, look), origin)
        if lines:
            write_numbers(sheet, marks, lines, left=LEFT, top=BELOW)
        return ax


def _shown(landmarks: pd.DataFrame | None, end: float) -> pd.DataFrame | None:
    return None if landmarks is None else landmarks[floats(landmarks, "time") <= end]


def _axis(sheet: Sheet, look: _Look, *, small: bool = False) -> tuple[float, ...]:
    """Axes from 0 to 100% and to the end; returns the places where the time scale changes."""
    return share_axis(sheet, look.unit, look.end, look.marks, small=small, grid=False)


def _areas(table: pd.DataFrame, look: _Look) -> list[Area]:
    """The areas from below upwards on the stairs of all times."""
    curves = []
    for name in look.causes:
        rows = table[table["event"] == name]
        low = floats(rows, "estimate")
        high = floats(rows, "estimate_high") if "estimate_high" in rows else low
        curves.append((floats(rows, "time"), low, np.where(np.isfinite(high), np.fmax(high, low), low)))
    x, values = stairs(curves, look.end)
    n_causes = len(look.causes)
    dark, free = (FILLS, DARK) if look.free_at == "bottom" else ((DARK, *FILLS), LIGHT)
    pieces: list[tuple] = []
    for number, name in enumerate(look.causes):
        low, high = values[2 * number], values[2 * number + 1]
        fill = dark[number % len(dark)]
        pieces.append((name, low, fill, False))
        # The undetermined part lies between the event and those without one.
        pieces.append((name, high - low, fill, True))
    rest = 1.0 - sum(values[1::2][:n_causes])
    # Shares that add up to 1 but for rounding leave nobody.
    without = (look.event_free, np.where(np.abs(rest) <= EVERYONE, 0.0, rest), free, False)
    if look.free_at == "bottom":
        swapped = [pieces[place + step] for place in range(0, len(pieces), 2) for step in (1, 0)]
        pieces = [without, *swapped]
    else:
        pieces = [*pieces, without]
    found, floor = [], np.zeros(len(x))
    for name, height, (fill, ink), is_open in pieces:
        top = floor + np.maximum(height, 0.0)
        if not is_open or np.nanmax(height, initial=0.0) > EVERYONE:
            is_light = not is_open and fill in (PALETTE["limits"], PALETTE["competing"])
            found.append(Area(name, x, floor, top, fill, ink, is_open, is_light))
        floor = top
    return found


def _key(look: _Look) -> str:
    """The areas in words, for the line above the picture."""
    order = (look.event_free, *look.causes) if look.free_at == "bottom" else (*look.causes, look.event_free)
    return f"; from below: {', '.join(order)}"


def _draw(sheet: Sheet, parts: list[Area], look: _Look, *, small: bool = False, keyed: bool = False) -> None:
    """Fill the areas, with a white line between them, and name them."""
    sheet.ax.set_ylim(0.0, 1.0)
    sheet.ax.set_xlim(0.0, look.end)
    _axis_scale(sheet, look)
    for number, area in enumerate(parts):
        where = np.isfinite(area.low) & np.isfinite(area.high)
        if area.is_open:
            sheet.ax.fill_between(
                area.x, area.low, area.high, where=where, facecolor=PALETTE["paper"], edgecolor=area.fill,
                hatch=HATCH, linewidth=0.0, zorder=2, gid=f"undetermined-{number}",
            )  # fmt: skip
        else:
            sheet.ax.fill_between(
                area.x, area.low, area.high, where=where, color=area.fill, linewidth=0.0, zorder=2,
                gid=f"area-{number}",
            )  # fmt: skip
        if number:
            sheet.ax.plot(
                area.x, area.low, color=PALETTE["paper"], linewidth=1.0, zorder=2.5, gid=f"edge-{number}"
            )
    label_areas(sheet, parts, small=small, keyed=keyed)
    if not small:
        label_ends(sheet, parts)


def _axis_scale(sheet: Sheet, look: _Look) -> None:
    """The time scale must be set before labels look for room on it."""
    share_axis(sheet, look.unit, look.end, look.marks, draw=False)


def _panels(table, landmarks, ax, look: _Look, by, groups, unit_line, title, origin, at_risk) -> Axes:
    """A panel of full width for each group, one below the other, each with its numbers."""
    parts = [_areas(rows_of(table, by, level), look) for level in groups]
    lines = [
        number_lines(rows_of(landmarks, by, level), look.causes, look.marks, at_risk=at_risk)
        for level in groups
    ]
    keyed = any(too_thin(part, GROUP_PLOT) for part in parts)
    unit_line += _key(look) if keyed else ""
    tails = [BELOW + table_height(len(one)) for one in lines]
    each = [GROUP_TITLE + GROUP_PLOT + tail for tail in tails]
    right = max(end_width(part) for part in parts)
    height = 30.0 + sum(each) + GROUP_GAP * (len(groups) - 1)
    layout = Layout(height, left=LEFT, right=right, top=30.0, bottom=0.0)
    head = head_of(ax, layout, unit_line, title=title)
    ax = theme.prepare(ax, head.raised(layout))
    outer = Sheet(ax)
    head.write(outer, 10.0)
    ax.set_axis_off()
    width, whole = outer.size
    # Axes of one's own may be lower than what is asked for: panels shrink, their words do not.
    scale = max(
        whole - (sum(each) - GROUP_PLOT * len(groups)) - GROUP_GAP * (len(groups) - 1), 30.0 * len(groups)
    )
    plot = scale / len(groups)
    top = whole
    for level, part, one, tail in zip(groups, parts, lines, tails, strict=True):
        top -= GROUP_TITLE + plot
        panel = ax.inset_axes((0.0, top / whole, 1.0, plot / whole))
        theme.plain(panel)
        sheet = Sheet(panel)
        _draw(sheet, part, look, keyed=keyed)
        breaks = _axis(sheet, look)
        name = shorten(level, width, BASE, bold=True)
        sheet.write(name, ("left", 0), ("top", 8), size=BASE, bold=True, gid="group")
        time_words(sheet, look.unit, breaks, origin)
        if one:
            write_numbers(sheet, look.marks, one, left=LEFT, top=BELOW)
        top -= tail + GROUP_GAP
    return ax


def _small(table, ax, look: _Look, by, groups: Sequence[Hashable], *, unit_line, title, origin) -> Axes:
    """A small panel for each group, without numbers below; areas are named where there is room."""
    unit_line += _key(look)
    n_rows = -(-len(groups) // 2)
    height = 50.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + 40.0
    layout = Layout(height, left=36.0, right=20.0, top=50.0, bottom=40.0)
    head = head_of(ax, layout, unit_line, title=title)
    ax = theme.prepare(ax, head.raised(layout))
    outer = Sheet(ax)
    head.write(outer, 36.0)
    breaks: tuple[float, ...] = ()
    for level, panel in zip(groups, split(ax, len(groups), across=46.0, up=SMALL_GAP), strict=True):
        theme.plain(panel)
        sheet = Sheet(panel)
        rows = rows_of(table, by, level)
        _draw(sheet, _areas(rows, look), look, small=True)
        breaks = _axis(sheet, look, small=True)
        n = floats(rows, "n_at_risk").max(initial=0.0)
        size = f"n = {count(n)}" if n else ""
        name = shorten(level, sheet.size[0] - 60, BASE, bold=True)
        sheet.write(name, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
        sheet.write(
            size, ("right", 0), ("top", 9), size=NOTE, color=PALETTE["secondary"], align="right", gid="size"
        )
    time_words(outer, look.unit, breaks, origin)
    return ax
