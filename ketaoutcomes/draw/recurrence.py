"""How many losses of response a patient has had on average by a time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, number, shorten, text_width
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of, split
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, TABLE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import y_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis

__all__ = ["mean_losses"]

LEFT, RIGHT, TOP, PLOT, BELOW = 104.0, 34.0, 34.0, 192.0, 42.0
SMALL_PLOT, SMALL_GAP = 104.0, 46.0
LEADER = 30.0
# A curve is drawn while this share of its patients is under observation: beyond, steps are large.
STILL_WATCHED = 0.1
NO_BAND = "no band: fewer than 5 patients watched, or all alike"


def mean_losses(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    level: float = 0.95,
    unit_line: str = "Losses of response per patient, mean",
    origin: str = "the first response",
    horizon: float | None = None,
    title: str | None = None,
) -> Axes:
    """Mean cumulative count against days as steps with a band, patients still watched below.

    Up to three groups share a panel; more become small pictures. A curve ends where fewer than a
    tenth of its patients are under observation.

    Parameters
    ----------
    table : DataFrame
        time (days), estimate, conf_low, conf_high, n_events, n_at_risk; a row holds until the next.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups.
    level : float
        Confidence level of the band, for its note.
    unit_line : str
        Written above the axis.
    origin : str
        What day 0 is, in words.
    horizon : float, optional
        Right end; where the curves end, if left out.
    title : str, optional

    Returns
    -------
    Axes
    """
    groups = levels(table, by)
    shown = [_watched(rows_of(table, by, group), horizon) for group in groups]
    end = horizon or max([float(rows["time"].max()) for rows in shown if len(rows)] + [1.0])
    top = _top(shown)
    if any(_bandless(rows) for rows in shown):
        unit_line += f"; {NO_BAND}"
    with theme.context():
        if len(groups) > MOST_PER_PANEL:
            return _small_multiples(ax, groups, shown, end, top, unit_line, title, origin)
        alone = len(groups) <= 1
        names_px = 0.0 if alone else min(max(text_width(clean(g), TABLE, bold=True) for g in groups), 90) + 8
        marks = _marks(end)
        lines = _number_lines(shown, groups, marks)
        below = BELOW + table_height(len(lines))
        layout = Layout(TOP + PLOT + below, left=LEFT, right=RIGHT + names_px, top=TOP, bottom=below)
        head = head_of(ax, layout, unit_line, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        _axes(sheet, end, top)
        room = Room(*sheet.size)
        for place, rows in enumerate(shown):
            _draw(sheet, room, rows, GROUPS[place], alone=alone)
        if alone:
            _say(sheet, room, shown[0], level)
        _name_ends(sheet, shown, groups, alone=alone)
        head.write(sheet, 20.0)
        _time_words(sheet, origin)
        if lines:
            write_numbers(sheet, marks, lines, left=LEFT, top=BELOW)
        return ax


def _watched(rows: pd.DataFrame, horizon: float | None) -> pd.DataFrame:
    """The rows up to the time at which too few are under observation, or to the horizon."""
    rows = rows[np.isfinite(floats(rows, "time"))].sort_values("time", kind="stable")
    n = floats(rows, "n_at_risk")
    if not n.size:
        return rows
    keep = n >= max(STILL_WATCHED * n[0], 1)
    if horizon is not None:
        keep = floats(rows, "time") <= horizon
    return rows[keep]


def _bandless(rows: pd.DataFrame) -> bool:
    """Whether a curve above 0 is drawn without its band."""
    drawn = rows.iloc[:-1]
    return bool((np.isnan(floats(drawn, "conf_high")) & (floats(drawn, "estimate") > 0)).any())


def _top(shown: Sequence[pd.DataFrame]) -> float:
    """Upper end of the axis: the bands, but no more than twice the curves."""
    highest = [np.nanmax(floats(rows, "estimate"), initial=0.0) for rows in shown]
    bands = [np.nanmax(floats(rows, "conf_high"), initial=0.0) for rows in shown]
    return max(min(max(bands, default=0.0), 2 * max(highest, default=0.0)), max(highest, default=0.0), 0.5)


def _ticks(top: float, most: int) -> list[float]:
    """Round numbers from 0 to above `top`, about `most` of them."""
    for step in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0):
        if top / step <= most:
            break
    return [float(tick) for tick in np.arange(0.0, top + step * 0.999, step)]


def _marks(end: float) -> list[float]:
    """Times at which patients are counted below: about six."""
    for step in (7, 14, 28, 56, 91, 182, 364):
        if end / step <= 7:
            break
    return [float(mark) for mark in np.arange(0, end + 1e-9, step)]


def _axes(sheet: Sheet, end: float, top: float, *, small: bool = False) -> None:
    ticks = _ticks(top, 3 if small else 5)
    sheet.ax.set_ylim(0.0, ticks[-1])
    decimals = 0 if all(tick == round(tick) for tick in ticks) else 2 if (ticks[1] * 10) % 1 else 1
    y_ticks(sheet, ticks, [number(tick, decimals) for tick in ticks])
    set_time_axis(sheet, unit="days", horizon=end)


def _stairs(rows: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    time, values = floats(rows, "time"), floats(rows, column)
    return np.repeat(time, 2)[1:], np.repeat(values, 2)[:-1]


def _draw(sheet: Sheet, room: Room, rows: pd.DataFrame, style: GroupStyle, *, alone: bool) -> None:
    """The band and the steps of one group."""
    if not len(rows):
        return
    x, low = _stairs(rows, "conf_low")
    high = _stairs(rows, "conf_high")[1]
    sheet.ax.fill_between(
        x, low, high, where=np.isfinite(low) & np.isfinite(high),
        color=PALETTE["box"] if alone else style.light, alpha=None if alone else 0.5, linewidth=0, zorder=2,
        gid="band",
    )  # fmt: skip
    for edge in () if alone else (low, high):
        sheet.ax.plot(x, edge, color=style.color, linewidth=0.5, linestyle=style.line, zorder=2.4, gid="edge")
    x, y = _stairs(rows, "estimate")
    sheet.ax.plot(x, y, color=style.color, linewidth=1.8, linestyle=style.line, zorder=4, gid="curve")
    room.take_line(sheet.pixels(x, y), margin=5)


def _say(sheet: Sheet, room: Room, rows: pd.DataFrame, level: float) -> None:
    """What the band is."""
    banded = rows[np.isfinite(floats(rows, "conf_high"))]
    if len(banded):
        at = banded.iloc[2 * len(banded) // 3]
        target = sheet.pixels(at["time"], (at["estimate"] + at["conf_low"]) / 2)[0]
        words = (f"{100 * level:g}% CI, robust", "by patient")
        place_note(sheet, room, words, tuple(target), color=PALETTE["main"])


def _name_ends(sheet: Sheet, shown, groups: Sequence[Hashable], *, alone: bool) -> None:
    """The last count of each curve with the group's name, moved apart where they touch.

    A single curve has its count at its end; several have theirs at the right, a short one with a thin
    line to it.
    """
    width, height = sheet.size
    ends = []
    for place, rows in enumerate(shown):
        if len(rows):
            at = rows.iloc[-1]
            across, up = sheet.pixels(at["time"], at["estimate"])[0]
            ends.append([up, place, at["estimate"], across])
    ends.sort()
    lowest = -np.inf
    for end in ends:
        end[0] = lowest = max(end[0] - 4.0, lowest)
        lowest += 14.0
    over = max((end[0] for end in ends), default=0.0) - (height - 4.0)
    for up, place, value, across in ends:
        up = up - max(over, 0.0)
        text = number(value, 2)
        if not alone and width - across > LEADER:
            sheet.rule(
                (("left", across + 3.0), ("left", width + 3.0)), (("bottom", up + 4.0), ("bottom", up + 4.0)),
                color=GROUPS[place].color, width=0.5, style=(0, (1, 3)), gid="leader",
            )  # fmt: skip
        sheet.write(
            text,
            ("left", (across if alone else width) + 6),
            ("bottom", up),
            size=BASE,
            bold=True,
            color=GROUPS[place].color,
            gid="end",
        )
        if not alone:
            beside = width + 10 + text_width(text, BASE, bold=True)
            sheet.write(
                shorten(groups[place], 90.0, TABLE, bold=True), ("left", beside), ("bottom", up), size=TABLE,
                bold=True, color=GROUPS[place].color, gid="group",
            )  # fmt: skip


def _number_lines(shown, groups: Sequence[Hashable], marks: Sequence[float]) -> list[Line]:
    """Patients still watched and losses so far at each mark, per group under its name."""
    lines = []
    for rows, group in zip(shown, groups, strict=True):
        if not len(rows):
            continue
        if len(groups) > 1:
            lines.append(Line(clean(group)))
        time = floats(rows, "time")
        inside = [mark for mark in marks if mark <= time[-1]]
        # Just after a step those who were at risk at the next one are still watched.
        ahead = np.minimum(np.searchsorted(time, inside, side="left"), len(time) - 1)
        sofar = np.searchsorted(time, inside, side="right") - 1
        blank = [""] * (len(marks) - len(inside))
        watched = [count(rows["n_at_risk"].iloc[place]) for place in ahead]
        losses = [count(rows["n_events"].iloc[place]) for place in sofar]
        lines.append(Line("Patients watched", (*watched, *blank)))
        lines.append(Line("Losses so far", (*losses, *blank)))
    return lines


def _time_words(sheet: Sheet, origin: str) -> None:
    sheet.write(
        f"Days after {clean(origin)}", ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"],
        gid="time",
    )  # fmt: skip


def _small_multiples(ax, groups, shown, end, top, unit_line, title, origin) -> Axes:
    """A small panel for each group."""
    n_rows = -(-len(groups) // 2)
    height = 50.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + 40.0
    layout = Layout(height, left=36.0, right=34.0, top=50.0, bottom=40.0)
    head = head_of(ax, layout, unit_line, title=title)
    ax = theme.prepare(ax, head.raised(layout))
    outer = Sheet(ax)
    head.write(outer, 36.0)
    for place, panel in enumerate(split(ax, len(groups), across=58.0, up=SMALL_GAP)):
        theme.plain(panel)
        sheet = Sheet(panel)
        _axes(sheet, end, top, small=True)
        _draw(sheet, Room(*sheet.size), shown[place], GROUPS[0], alone=True)
        _name_ends(sheet, [shown[place]], [None], alone=True)
        name = shorten(groups[place], sheet.size[0], BASE, bold=True)
        sheet.write(name, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
    _time_words(outer, origin)
    return ax
