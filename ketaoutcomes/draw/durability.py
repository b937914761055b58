"""How long response lasts: the share still responding, as far as it can be told, between its bounds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, number, percent, shorten, text_width
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of, split
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import y_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis

__all__ = ["held_response"]

LEFT, RIGHT, TOP, PLOT, BELOW = 104.0, 16.0, 34.0, 192.0, 42.0
LONGEST_BOUNDS = 84.0
SMALL_PLOT, SMALL_GAP = 104.0, 46.0
MARK_DAYS = (7.0, 14.0, 21.0, 28.0, 42.0, 56.0, 84.0, 112.0, 168.0)
COUNTS = {"n_at_risk": "Episodes watched", "n_patients": "Patients watched"}
BOUNDS_NOTE = ("grey: all that is possible, whatever", "those treated again would have done")
NAIVE_NOTE = ("dotted: Kaplan–Meier at detection,", "for comparison only")
BAND_NOTE = "{:g}% CI"


def held_response(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    bounds: pd.DataFrame | None = None,
    naive: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
    by: str | None = None,
    unit_line: str = "Still responding, % of episodes",
    title: str | None = None,
    level: float = 0.95,
    origin: str = "the session",
    horizon: float | None = None,
    only_bounds: bool = False,
) -> Axes:
    """Share still responding against days, with its band, between the worst and the best that may be true.

    Where the share is not identified nothing is drawn but the bounds, and a rule says from where on.
    Up to three groups share a panel, without bounds; more become small pictures.

    Parameters
    ----------
    table : DataFrame
        time, estimate, estimate_high, conf_low, conf_high, identified, and n_at_risk, n_patients,
        which are written below. A row holds until the next one's time.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    bounds : DataFrame, optional
        time, worst, best; drawn for a single group.
    naive : DataFrame, optional
        time, estimate: Kaplan-Meier at detection, dashed; drawn for a single group.
    published : DataFrame, optional
        time, estimate, label: published shares, as diamonds with their names; for a single group.
    by : str, optional
        Column of the groups, in every table.
    unit_line : str
        Written above the axis.
    title : str, optional
    level : float
        Confidence level of the band, for its note.
    origin : str
        What day 0 is, in words.
    horizon : float, optional
        Right end; by default what is identified and a little more.
    only_bounds : bool
        Draw the bounds alone; each group has a panel of its own then.

    Returns
    -------
    Axes
    """
    groups = levels(table, by)
    end = horizon or (LONGEST_BOUNDS if only_bounds else _end(table, bounds, published))
    with theme.context():
        if len(groups) > (1 if only_bounds else MOST_PER_PANEL):
            shown = bounds if only_bounds else None
            return _small_multiples(table, ax, groups, by, end, unit_line, title, origin, shown)
        alone = len(groups) <= 1
        names_px = 0.0 if alone else min(max(text_width(clean(g), TABLE, bold=True) for g in groups), 90) + 8
        marks = [day for day in MARK_DAYS if day <= end]
        lines = _number_lines(table, by, groups, marks)
        layout = Layout(
            TOP + PLOT + BELOW + table_height(len(lines)), left=LEFT, right=RIGHT + names_px, top=TOP,
            bottom=BELOW + table_height(len(lines)),
        )  # fmt: skip
        head = head_of(ax, layout, unit_line, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        _axes(sheet, end, marks)
        room = Room(*sheet.size)
        if bounds is not None and not np.isfinite(floats(bounds, "worst")).any():
            bounds = None
        if alone and bounds is not None:
            _draw_bounds(sheet, room, bounds, end)
        if alone and naive is not None and len(naive):
            _draw_naive(sheet, room, naive, min(end, _identified_to(table)))
        for place, name in enumerate(groups):
            _draw_curve(sheet, room, rows_of(table, by, name), GROUPS[place], end, alone=alone)
        if alone:
            _mark_published(sheet, room, published, end)
            if not only_bounds:
                _say(sheet, room, table, bounds, naive, end, level)
        else:
            _name_groups(sheet, table, by, groups, names_px, end)
        head.write(sheet, 20.0)
        sheet.write(
            f"Days after {clean(origin)}", ("left", 0), ("bottom", -33), size=BASE,
            color=PALETTE["secondary"], gid="time",
        )  # fmt: skip
        if lines:
            write_numbers(sheet, marks, lines, left=LEFT, top=BELOW)
        return ax


def _end(table: pd.DataFrame, bounds, published) -> float:
    """Right end: a third beyond what is identified, as far as the bounds go."""
    end = max(_identified_to(table) * 4 / 3, 14.0)
    if published is not None and len(published):
        end = max(end, float(published["time"].max()) + 2)
    known_to = floats(table, "time").max(initial=14.0) if bounds is None else floats(bounds, "time").max()
    return float(np.ceil(min(end, max(known_to, 14.0)) / 7) * 7)


def _identified_to(table: pd.DataFrame) -> float:
    """Last time at which the share is identified; 0 if it never is."""
    return float(floats(table, "time")[table["identified"].to_numpy(bool)].max(initial=0.0))


def _axes(sheet: Sheet, end: float, marks: Sequence[float], *, small: bool = False) -> None:
    sheet.ax.set_ylim(0.0, 1.0)
    ticks = (0.0, 0.5, 1.0) if small else (0.0, 0.25, 0.5, 0.75, 1.0)
    y_ticks(sheet, ticks, [percent(tick, decimals=0, sign=tick == 1.0) for tick in ticks])
    set_time_axis(sheet, unit="days", horizon=end, marks=marks)


def _stairs(table: pd.DataFrame, columns: Sequence[str], end: float) -> tuple[np.ndarray, ...]:
    """Times and values of columns as stairs up to `end`, missing where any of them is."""
    shown = table[floats(table, "time") <= end].sort_values("time", kind="stable")
    time = floats(shown, "time")
    known = np.isfinite(np.column_stack([floats(shown, column) for column in columns])).all(axis=1)
    until = np.append(time[1:], min(end, time[-1] + 1) if time.size else end)
    # The last known value holds at its own time only: nothing is said beyond it.
    until = np.where(known & ~np.append(known[1:], False), time, until)
    x = np.column_stack([time, until]).ravel()
    out = [x]
    for column in columns:
        out.append(np.repeat(np.where(known, floats(shown, column), np.nan), 2))
    return tuple(out)


def _draw_curve(sheet: Sheet, room: Room, table: pd.DataFrame, style: GroupStyle, end, *, alone) -> None:
    """The band, what is undetermined between assessments, and the curve."""
    if floats(table, "conf_low").size and np.isfinite(floats(table, "conf_low")).any():
        x, low, high = _stairs(table, ("conf_low", "conf_high"), end)
        sheet.ax.fill_between(
            x, low, high, color=PALETTE["box"] if alone else style.light, alpha=None if alone else 0.55,
            linewidth=0, zorder=2, gid="band",
        )  # fmt: skip
        for edge in (low, high):
            sheet.ax.plot(
                x, edge, color=style.color, linewidth=0.5, linestyle=style.line, zorder=2.4, gid="edge"
            )
            seen = np.isfinite(edge)
            room.take_line(sheet.pixels(x[seen], edge[seen]), margin=2)
    x, low, high = _stairs(table, ("estimate", "estimate_high"), end)
    sheet.ax.fill_between(
        x, low, high, where=high - low > 1e-9, color=PALETTE["band"] if alone else style.color,
        alpha=None if alone else 0.4, linewidth=0, zorder=3, gid="box",
    )  # fmt: skip
    for edge in (low, high):
        sheet.ax.plot(x, edge, color=style.color, linewidth=1.8, linestyle=style.line, zorder=4, gid="curve")
    known = np.isfinite(low)
    room.take_line(sheet.pixels(x[known], low[known]), margin=5)
    room.take_line(sheet.pixels(x[known], high[known]), margin=5)


def _draw_bounds(sheet: Sheet, room: Room, bounds: pd.DataFrame, end: float) -> None:
    x, worst, best = _stairs(bounds, ("worst", "best"), end)
    sheet.ax.fill_between(x, worst, best, color=PALETTE["competing"], linewidth=0, zorder=1, gid="bounds")
    for edge in (worst, best):
        sheet.ax.plot(x, edge, color=PALETTE["axis"], linewidth=0.7, zorder=1.5, gid="bound")
        room.take_line(sheet.pixels(x[np.isfinite(edge)], edge[np.isfinite(edge)]), margin=3)


def _draw_naive(sheet: Sheet, room: Room, naive: pd.DataFrame, end: float) -> None:
    shown = naive[floats(naive, "time") <= end]
    x = np.concatenate([[0.0], floats(shown, "time"), [end]])
    y = np.concatenate([[1.0], floats(shown, "estimate")])
    sheet.ax.plot(
        np.repeat(x, 2)[1:-1], np.repeat(y, 2), color=PALETTE["secondary"], linewidth=1.0,
        linestyle=(0, (1.5, 1.8)), zorder=3.5, gid="naive",
    )  # fmt: skip
    room.take_line(sheet.pixels(np.repeat(x, 2)[1:-1], np.repeat(y, 2)), margin=3)


def _mark_published(sheet: Sheet, room: Room, published: pd.DataFrame | None, end: float) -> None:
    """Published shares as hollow diamonds, with their names beside them where there is room."""
    if published is None:
        return
    for row in published[floats(published, "time") <= end].itertuples():
        sheet.ax.plot(
            [row.time], [row.estimate], marker="D", markersize=5, markerfacecolor=PALETTE["paper"],
            markeredgecolor=PALETTE["secondary"], linestyle="none", zorder=6, gid="published",
        )  # fmt: skip
        target = tuple(sheet.pixels(row.time, row.estimate)[0])
        room.take(target[0] - 5, target[0] + 5, target[1] - 5, target[1] + 5)
        place_note(sheet, room, (clean(row.label),), target)


def _say(sheet: Sheet, room: Room, table, bounds, naive, end: float, level: float) -> None:
    """Notes: where the curve ends and why, what the band, the grey area and the lines are."""
    known = table[table["identified"].to_numpy(bool)]
    until = float(known["time"].max()) if len(known) else 0.0
    if until < end:
        width, height = sheet.size
        sheet.rule(
            (("data", until), ("data", until)), (("bottom", 0), ("top", 0)), color=PALETTE["axis"],
            style=(0, (2, 2)), gid="identified",
        )  # fmt: skip
        across = sheet.pixels(until, 0.0)[0, 0]
        words = ("not identified", f"after day {number(until, 0)}")
        if width - across > max(text_width(line, NOTE) for line in words) + 8:
            for place, line in enumerate(words):
                sheet.write(
                    line, ("left", across + 5), ("top", -12 - 12 * place), size=NOTE,
                    color=PALETTE["secondary"], gid="note", on_white=True,
                )  # fmt: skip
            room.take(across, width, height - 28, height, words=True)
    if bounds is not None and len(known):
        middle = known.iloc[len(known) // 3]
        ends = bounds[bounds["time"] == middle["time"]].iloc[0]
        # Into the grey between the band and the worst, where it shows.
        floor = float(np.nanmin([middle["conf_low"], middle["estimate"]]))
        target = sheet.pixels(middle["time"], (ends["worst"] + floor) / 2)[0]
        place_note(sheet, room, BOUNDS_NOTE, tuple(target))
    if len(known) and np.isfinite(known["conf_high"]).any():
        at = known.iloc[2 * len(known) // 3]
        target = sheet.pixels(at["time"], (at["estimate_high"] + at["conf_high"]) / 2)[0]
        place_note(sheet, room, (BAND_NOTE.format(100 * level),), tuple(target), color=PALETTE["main"])
    if naive is not None and len(naive):
        shown = naive[naive["time"] <= min(end, until)]
        if len(shown):
            at = shown.iloc[len(shown) // 2]
            target = sheet.pixels(at["time"], at["estimate"])[0]
            if not place_note(sheet, room, NAIVE_NOTE, tuple(target)):
                # No room inside: the note goes above the picture rather than over the curve.
                sheet.write(
                    " ".join(NAIVE_NOTE), ("right", RIGHT), ("top", 6), size=NOTE, color=PALETTE["secondary"],
                    align="right", gid="note",
                )  # fmt: skip


def _name_groups(sheet: Sheet, table, by: str, groups: Sequence[Hashable], room_px: float, end) -> None:
    """Name of each group right of the axes, at the height of its last value and clear of the others."""
    _, height = sheet.size
    wanted = []
    for place, name in enumerate(groups):
        rows = rows_of(table, by, name)
        rows = rows[np.isfinite(floats(rows, "estimate")) & (floats(rows, "time") <= end)]
        if len(rows):
            last = rows.iloc[-1]
            wanted.append([float(last["estimate"]) * height, place, clean(name), percent(last["estimate"])])
    wanted.sort(key=lambda item: item[0])
    floor = -2.0
    for item in wanted:
        item[0] = max(item[0], floor)
        floor = item[0] + 27.0
    too_high = max(floor - 27.0 - (height - 8), 0.0)
    for up, place, name, text in wanted:
        name = shorten(name, room_px, TABLE, bold=True)
        at = ("right", 8)
        sheet.write(
            name, at, ("bottom", up - too_high + 4), bold=True, color=GROUPS[place].color, gid="group"
        )
        sheet.write(text, at, ("bottom", up - too_high - 8), gid="percent")


def _number_lines(table: pd.DataFrame, by, groups, marks: Sequence[float]) -> list[Line]:
    """Episodes and patients under observation at the marks, per group."""
    lines = []
    for name in groups:
        rows = rows_of(table, by, name).set_index("time")
        if len(groups) > 1:
            lines.append(Line(clean(name)))
        for column, label in COUNTS.items():
            if column in rows.columns:
                texts = [
                    count(rows[column].get(mark, np.nan)) if mark in rows.index else "" for mark in marks
                ]
                lines.append(Line(label, tuple(texts)))
    return lines


def _small_multiples(table, ax, groups, by, end, unit_line, title, origin, bounds=None) -> Axes:
    """A small panel for each group, without numbers below."""
    n_rows = -(-len(groups) // 2)
    height = 50.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + 40.0
    layout = Layout(height, left=36.0, right=20.0, top=50.0, bottom=40.0)
    head = head_of(ax, layout, unit_line, title=title)
    ax = theme.prepare(ax, head.raised(layout))
    outer = Sheet(ax)
    head.write(outer, 36.0)
    for name, panel in zip(groups, split(ax, len(groups), across=46.0, up=SMALL_GAP), strict=True):
        theme.plain(panel)
        sheet = Sheet(panel)
        _axes(sheet, end, (), small=True)
        rows = rows_of(table, by, name)
        _draw_curve(sheet, Room(*sheet.size), rows, GROUPS[0], end, alone=True)
        if bounds is not None:
            _draw_bounds(sheet, Room(*sheet.size), rows_of(bounds, by, name), end)
        elif not rows["identified"].iloc[1:].any():
            sheet.write(
                "no curve can be given", ("left", 6), ("bottom", sheet.size[1] / 2 + 6), size=NOTE,
                color=PALETTE["secondary"], gid="note",
            )  # fmt: skip
        patients = floats(rows, "n_patients").max(initial=0.0)
        words = f"{shorten(name, sheet.size[0] - 70, BASE, bold=True)}"
        sheet.write(words, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
        sheet.write(
            f"{count(patients)} patients", ("right", 0), ("top", 9), size=NOTE, color=PALETTE["secondary"],
            align="right", gid="size",
        )  # fmt: skip
    outer.write(
        f"Days after {clean(origin)}", ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"],
        gid="time",
    )  # fmt: skip
    return ax
