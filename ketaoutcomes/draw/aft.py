"""A fitted curve over the nonparametric estimate: where it leaves the boxes, the model does not fit."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import percent, shorten
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.onset_marks import draw_steps
from ketaoutcomes.draw.panels import floats, levels, rows_of, split
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.steps import steps_from_masses
from ketaoutcomes.draw.theme import BASE, PALETTE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import y_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis

__all__ = ["model_over_steps"]

TOP, PLOT, BELOW, LEFT = 34.0, 210.0, 46.0, 44.0
SMALL_PLOT, SMALL_GAP = 120.0, 46.0
# The steps are the data and stay in greys: blue is the model's.
STEPS = GroupStyle(PALETTE["axis"], PALETTE["competing"], "solid", "o", PALETTE["axis"])
STEP_NOTE = ("box: Turnbull estimate,", "somewhere inside")


def model_over_steps(
    fitted: pd.DataFrame,
    masses: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    unit: str = "days",
    model: str = "model",
    level: float = 0.95,
    event: str = "Had the event",
    origin: str | None = None,
    title: str | None = None,
) -> Axes:
    """The share of a model against time, over the boxes and steps of the nonparametric estimate.

    Groups become small pictures side by side: boxes of two groups would cover each other.

    Parameters
    ----------
    fitted : DataFrame
        time, estimate, conf_low, conf_high, on a dense grid of times.
    masses : DataFrame
        left, right, mass: innermost intervals of the nonparametric estimate.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups, in both tables.
    unit : {"days", "hours"}
        Of all times.
    model : str
        Named beside the line.
    level : float
        Confidence level of the band, for its note.
    event : str
        What the share has done.
    origin : str, optional
        What time 0 is, in words.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    end = float(np.nanmax(floats(fitted, "time")))
    groups = levels(fitted, by)
    note = (f"{model},", f"{100 * level:g}% CI")
    words = f"{event}, % of patients"
    time_words = f"{unit.capitalize()} after {origin}" if origin else f"Time in {unit}"
    with theme.context():
        if len(groups) > 1:
            return _panels(fitted, masses, ax, groups, by, unit, end, words, time_words, note, title)
        layout = Layout(TOP + PLOT + BELOW, left=LEFT, right=20.0, top=TOP, bottom=BELOW)
        head = head_of(ax, layout, words, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        _set_axes(sheet, unit, end)
        room = Room(*sheet.size)
        boxes = _draw(sheet, room, fitted, masses, end)
        _notes(sheet, room, fitted, boxes, note)
        head.write(sheet, 20.0)
        _time_words(sheet, time_words)
        return ax


def _panels(
    fitted: pd.DataFrame,
    masses: pd.DataFrame,
    ax: Axes | None,
    groups: list[Hashable],
    by: str | None,
    unit: str,
    end: float,
    words: str,
    time_words: str,
    note: tuple[str, str],
    title: str | None,
) -> Axes:
    """A small panel for each group, on the same axes."""
    n_rows = -(-len(groups) // 2)
    height = 62.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + BELOW
    layout = Layout(height, left=LEFT, right=20.0, top=62.0, bottom=BELOW)
    told = f"{words}; line and band: {' '.join(note)}; boxes and steps: Turnbull estimate"
    head = head_of(ax, layout, told, title=title)
    ax = theme.prepare(ax, head.raised(layout))
    outer = Sheet(ax)
    head.write(outer, 34.0)
    for level, panel in zip(groups, split(ax, len(groups), across=46.0, up=SMALL_GAP), strict=True):
        theme.plain(panel)
        sheet = Sheet(panel)
        _set_axes(sheet, unit, end, small=True)
        _draw(sheet, Room(*sheet.size), rows_of(fitted, by, level), rows_of(masses, by, level), end)
        name = shorten(str(level), sheet.size[0], BASE, bold=True)
        sheet.write(name, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
    _time_words(outer, time_words)
    return ax


def _set_axes(sheet: Sheet, unit: str, end: float, *, small: bool = False) -> None:
    sheet.ax.set_ylim(0.0, 1.0)
    ticks = (0.0, 0.5, 1.0) if small else (0.0, 0.25, 0.5, 0.75, 1.0)
    y_ticks(sheet, ticks, [percent(tick, decimals=0, sign=tick == 1.0) for tick in ticks])
    set_time_axis(sheet, unit=unit, horizon=end)


def _draw(sheet: Sheet, room: Room, fitted: pd.DataFrame, masses: pd.DataFrame, end: float) -> np.ndarray:
    """Band, steps and curve of one group; returns the boxes."""
    time, share = floats(fitted, "time"), floats(fitted, "estimate")
    low, high = floats(fitted, "conf_low"), floats(fitted, "conf_high")
    known = np.isfinite(low) & np.isfinite(high)
    parts = steps_from_masses(masses, end)
    draw_steps(sheet, room, parts, STEPS, alone=True)
    sheet.ax.fill_between(
        time, low, high, where=known, color=PALETTE["band"], alpha=0.45, linewidth=0, zorder=3.2, gid="band"
    )
    sheet.ax.plot(time, share, color=PALETTE["main"], linewidth=2.0, zorder=4, gid="model")
    shown = np.isfinite(share)
    room.take_line(sheet.pixels(time[shown], share[shown]), margin=5)
    for edge in (low, high):
        room.take_line(sheet.pixels(time[known], edge[known]), margin=1)
    return parts.boxes


def _notes(sheet: Sheet, room: Room, fitted: pd.DataFrame, boxes: np.ndarray, note: tuple[str, str]) -> None:
    """What the line and the boxes are, each said once."""
    time, share = floats(fitted, "time"), floats(fitted, "estimate")
    at = int(0.6 * (len(time) - 1))
    target = tuple(sheet.pixels(time[at], share[at])[0])
    place_note(sheet, room, note, target, color=PALETTE["main"])
    if len(boxes):
        low = sheet.pixels(boxes[:, 0], boxes[:, 2])
        high = sheet.pixels(boxes[:, 1], boxes[:, 3])
        largest = int(np.argmax(np.prod(high - low, axis=1)))
        target = tuple(low[largest] + (0.6, 0.3) * (high[largest] - low[largest]))
        place_note(sheet, room, STEP_NOTE, target)


def _time_words(sheet: Sheet, words: str) -> None:
    sheet.write(words, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="time")
