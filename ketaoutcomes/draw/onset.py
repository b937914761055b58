"""How fast patients respond: steps where the curve is known, boxes where it is not."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.footer import footer_lines, with_footer, write_footer
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, percent, shorten, text_width
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.onset_marks import (
    RIGHT,
    draw_landmarks,
    draw_naive,
    draw_notes,
    draw_recall,
    draw_steps,
    draw_stopped,
    label_ends,
    label_landmarks,
)
from ketaoutcomes.draw.panels import MOST_PER_PANEL, levels, rows_of, split
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.steps import Steps, steps_from_bounds, steps_from_masses
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import y_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis

__all__ = ["onset"]

COUNTS = {
    "n_responded": "{} by then",
    "n_stopped": "Stopped before",
    "n_unknown": "Not yet known",
    "n_not_yet": "Known: not yet",
}
LEFT, TOP, PLOT, BELOW = 104.0, 34.0, 192.0, 42.0
SMALL_PLOT, SMALL_GAP = 104.0, 46.0
HOURS_PER_DAY = 24.0


@dataclass(frozen=True)
class _Frames:
    """The tables of one figure, or of one of its groups."""

    table: pd.DataFrame
    landmarks: pd.DataFrame
    masses: pd.DataFrame | None
    naive: pd.DataFrame
    stopped: pd.DataFrame | None = None

    def group(self, by: str | None, level: Hashable) -> _Frames:
        return _Frames(*(rows_of(frame, by, level) for frame in vars(self).values()))

    def pieces(self, end: float) -> Steps:
        if self.masses is not None:
            return steps_from_masses(self.masses, end)
        return steps_from_bounds(self.table, end)


def onset(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    landmarks: pd.DataFrame | None = None,
    masses: pd.DataFrame | None = None,
    naive: pd.DataFrame | None = None,
    by: str | None = None,
    unit: str = "days",
    horizon: float | None = None,
    recall_days: float | None = None,
    steps: bool = True,
    unit_line: str = "Responded, % of patients",
    origin: str = "session 1",
    title: str | None = None,
    verb: str = "Responded",
    footer: tuple[str, ...] = (),
    stopped: pd.DataFrame | None = None,
    naive_name: str = "Kaplan–Meier",
) -> Axes:
    """Share of patients who have responded, against time.

    Up to three groups share a panel; more become small pictures side by side.

    Parameters
    ----------
    table : DataFrame
        time, estimate (lower bound of the share), estimate_high; a row holds until the next one's
        time. Not used where `masses` is given.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    landmarks : DataFrame, optional
        time, estimate, estimate_high, conf_low, conf_high, n_responded, n_unknown, n_not_yet and
        perhaps `suppressed`: dots, bars and the numbers below.
    masses : DataFrame, optional
        left, right, mass of the interval-censored estimate: the exact pieces of the curve.
    naive : DataFrame, optional
        time, estimate: Kaplan-Meier at detection, dashed; drawn for a single group only.
    by : str, optional
        Column of the groups, in every table.
    unit : {"days", "hours", "sessions"}
        Of all times. Hours change their scale at 4 h and at 24 h.
    horizon : float, optional
        Right end; the last landmark, or the last time, if left out.
    recall_days : float, optional
        How far back the instrument asks; drawn as a bracket at the top.
    steps : bool
        False draws landmarks only: steps would give away counts that a page hides.
    unit_line : str
        Written above the axis, in more than one line where it is long.
    origin : str
        What time 0 is, in words.
    title : str, optional
        Written in bold above all else; room for it is made.
    verb : str
        What patients have done once they are counted, for the numbers below.
    footer : tuple of str
        Lines below all else, such as the test of the groups.
    stopped : DataFrame, optional
        time, estimate: share that left before the event, from the top down in grey; drawn for a single
        group, or in its panel where there are more than three.
    naive_name : str
        Whose estimate `naive` is.

    Returns
    -------
    Axes
    """
    end = horizon or _last_time(table, landmarks)
    if unit == "sessions":
        # Half a session more shows the last step; nothing can happen before the next session.
        masses = _until_last_session(masses, end)
        end += 0.5
    if landmarks is None:
        landmarks = pd.DataFrame({"time": pd.Series(dtype=float), "estimate": pd.Series(dtype=float)})
    if naive is None:
        naive = pd.DataFrame({"time": pd.Series(dtype=float), "estimate": pd.Series(dtype=float)})
    landmarks = landmarks[landmarks["time"].astype(float) <= end]
    frames = _Frames(table, landmarks, masses, naive, stopped)
    groups = levels(landmarks if len(landmarks) else table, by)
    with theme.context():
        if len(groups) > MOST_PER_PANEL:
            return _small_multiples(
                frames, ax, groups, by, unit, end, steps, unit_line=unit_line, title=title, origin=origin,
                footer=footer,
            )  # fmt: skip
        marks = _marks(frames)
        alone = len(groups) <= 1
        names_px = (
            0.0 if alone else min(max(text_width(clean(g), TABLE, bold=True) for g in groups), 90.0) + 4
        )
        lines = _number_lines(landmarks, by, groups, marks, verb)
        layout = _layout(lines, names_px)
        head = head_of(ax, layout, unit_line, title=title)
        foot = footer_lines(ax, layout, footer)
        ax = theme.prepare(ax, head.raised(with_footer(layout, foot)))
        sheet = Sheet(ax)
        breaks = _axes(sheet, unit, end, marks)
        recall = None
        # Below the grey area there is no room for the bracket; the notes of the result say the same.
        if recall_days and stopped is None:
            recall = recall_days * (HOURS_PER_DAY if unit == "hours" else 1.0)
        _panel(sheet, frames, end, by, groups, names_px, steps, recall, unit, origin, naive_name)
        head.write(sheet, 20.0)
        _time_words(sheet, unit, breaks, origin)
        if lines:
            write_numbers(sheet, marks, lines, left=LEFT, top=BELOW)
        write_footer(sheet, foot, layout)
        return ax


def _panel(
    sheet: Sheet, frames: _Frames, end, by, groups, names_px, steps, recall, unit, origin, naive_name
) -> None:
    """Curves, landmarks, their labels and the notes of up to three groups."""
    room = Room(*sheet.size)
    alone = len(groups) <= 1
    area = None
    if alone and steps and frames.stopped is not None:
        area = draw_stopped(sheet, frames.stopped, end, room)
    parts = [
        _draw_group(sheet, room, frames, end, by, groups, number, steps) for number in range(len(groups))
    ]
    has_curve = alone and steps and len(parts) == 1
    if has_curve and len(frames.naive):
        draw_naive(sheet, room, frames.naive, end)
    if recall is not None:
        draw_recall(sheet, room, min(recall, end), f"{recall:g} {unit}", origin)
    if alone:
        label_landmarks(sheet, room, frames.landmarks)
    else:
        label_ends(sheet, frames.landmarks, by, groups, names_px)
    if has_curve:
        draw_notes(sheet, room, parts[0], frames.naive, end, stopped=area, naive_name=naive_name)


def _last_time(table: pd.DataFrame, landmarks: pd.DataFrame | None) -> float:
    """Right end of the axis when none is asked for; 1 when there is nothing at all."""
    frame = landmarks if landmarks is not None and len(landmarks) else table
    times = frame["time"].to_numpy(float) if len(frame) else np.empty(0)
    times = times[np.isfinite(times)]
    return float(times.max()) if times.size and times.max() > 0 else 1.0


def _until_last_session(masses: pd.DataFrame | None, last: float) -> pd.DataFrame | None:
    """Without what is only known to take more sessions than are shown."""
    if masses is None:
        return None
    return masses[(masses["left"] < last) | (masses["left"] == masses["right"])]


def _marks(frames: _Frames) -> list[float]:
    """Times of the landmarks."""
    return sorted(set(frames.landmarks["time"].astype(float)))


def _layout(lines: list[Line], names_px: float) -> Layout:
    below = BELOW + table_height(len(lines))
    return Layout(TOP + PLOT + below, left=LEFT, right=RIGHT + names_px, top=TOP, bottom=below)


def _draw_group(sheet, room, frames: _Frames, end, by, groups, number: int, steps: bool) -> Steps | None:
    """Steps and landmarks of one group; returns the pieces that were drawn."""
    rows = frames.group(by, groups[number])
    alone = len(groups) == 1
    parts = rows.pieces(end) if steps else None
    if parts is not None:
        draw_steps(sheet, room, parts, GROUPS[number], alone=alone)
    # Groups stand side by side at a landmark, or their bars would cover each other.
    dodge = 5.0 * (number - (len(groups) - 1) / 2)
    draw_landmarks(sheet, room, rows.landmarks, GROUPS[number], dodge=dodge, alone=alone)
    return parts


def _axes(
    sheet: Sheet, unit: str, end: float, marks: list[float], *, small: bool = False
) -> tuple[float, ...]:
    """Limits, ticks and grid; the places where the scale changes are dotted and returned."""
    sheet.ax.set_ylim(0.0, 1.0)
    ticks = (0.0, 0.5, 1.0) if small else (0.0, 0.25, 0.5, 0.75, 1.0)
    y_ticks(sheet, ticks, [percent(tick, decimals=0, sign=tick == 1.0) for tick in ticks])
    breaks = set_time_axis(sheet, unit=unit, horizon=end, marks=marks)
    for time in breaks:
        sheet.rule(
            (("data", time), ("data", time)), (("bottom", 0), ("top", 0)),
            color=PALETTE["axis"], width=0.6, style=(0, (1, 2)), gid="scale-change", zorder=1.0,
        )  # fmt: skip
    return breaks


def _time_words(sheet: Sheet, unit: str, breaks: tuple[float, ...], origin: str) -> None:
    words = "Number of sessions" if unit == "sessions" else f"{unit.capitalize()} after {clean(origin)}"
    if breaks:
        words += f" (scale changes at {' and '.join(f'{time:g} h' for time in breaks)})"
    sheet.write(words, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="time")


def _number_lines(landmarks: pd.DataFrame, by, groups, marks: list[float], verb: str) -> list[Line]:
    """The counts at each landmark, per group under its name."""
    lines = []
    for level in groups if len(landmarks) else ():
        rows = rows_of(landmarks, by, level)
        times = rows["time"].astype(float)
        if len(groups) > 1:
            lines.append(Line(clean(level)))
        for column, label in COUNTS.items():
            if column in rows.columns:
                # A hidden count stays a dash: which of the three was small is not said.
                texts = {time: count(cell) for time, cell in zip(times, rows[column], strict=True)}
                lines.append(Line(label.format(clean(verb)), tuple(texts.get(mark, "") for mark in marks)))
    return lines


def _small_multiples(
    frames: _Frames, ax, groups, by, unit, end, steps, *, unit_line, title, origin, footer
) -> Axes:
    """A small panel for each group, without numbers below."""
    n_rows = -(-len(groups) // 2)
    height = 50.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + 40.0
    layout = Layout(height, left=36.0, right=20.0, top=50.0, bottom=40.0)
    head = head_of(ax, layout, unit_line, title=title)
    foot = footer_lines(ax, layout, footer)
    ax = theme.prepare(ax, head.raised(with_footer(layout, foot)))
    outer = Sheet(ax)
    head.write(outer, 36.0)
    breaks: tuple[float, ...] = ()
    for level, panel in zip(groups, split(ax, len(groups), across=46.0, up=SMALL_GAP), strict=True):
        theme.plain(panel)
        sheet = Sheet(panel)
        breaks = _axes(sheet, unit, end, _marks(frames), small=True)
        room = Room(*sheet.size)
        group = frames.group(by, level)
        if steps and group.stopped is not None:
            draw_stopped(sheet, group.stopped, end)
        _draw_group(sheet, room, group, end, None, [None], 0, steps)
        label_landmarks(sheet, room, group.landmarks.sort_values("time", kind="stable").tail(1))
        name = shorten(level, sheet.size[0], BASE, bold=True)
        sheet.write(name, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
    _time_words(outer, unit, breaks, origin)
    write_footer(outer, foot, layout)
    return ax
