"""What is written on a control chart: limits, signals, gaps, changes and the latest value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ketaoutcomes.draw.control_marks import Points, long_runs
from ketaoutcomes.draw.labels import HIDDEN_ESTIMATE, month, number, percent, shorten, text_width
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE

__all__ = ["write_changes", "write_gaps", "write_limits", "write_signals", "write_value"]

HALF_CAPITAL = 3.5
LINE = 11.0
MOST_NAMED = 3
LONGEST_CHANGE = 150.0


def write_limits(
    sheet: Sheet, room: Room | None, points: Points, text: Callable[[float], str], *, size: float
) -> None:
    """Centre and limits at the right, those of the last point that has them; clear of each other."""
    rows = np.flatnonzero(np.isfinite(points.centre))
    if not rows.size:
        return
    last = rows[-1]
    with_limits = np.flatnonzero(np.isfinite(points.low) & ~points.is_provisional)
    wanted = [("centre-label", float(points.centre[last]), PALETTE["text"])]
    if with_limits.size and points.part[with_limits[-1]] == points.part[last]:
        row = with_limits[-1]
        wanted += [
            ("limit-label", float(points.high[row]), PALETTE["secondary"]),
            ("limit-label", float(points.low[row]), PALETTE["secondary"]),
        ]
    middle = sheet.pixels(0.0, wanted[0][1])[0, 1]
    for gid, value, color in wanted:
        up = sheet.pixels(0.0, value)[0, 1]
        if gid == "limit-label":
            # A limit close to the centre is written clear of it.
            up = max(up, middle + LINE) if value >= wanted[0][1] else min(up, middle - LINE)
        words = text(value)
        sheet.write(words, ("right", 6), ("bottom", up - HALF_CAPITAL), size=size, color=color, gid=gid)
        if room is not None:
            left = sheet.size[0] + 4.0
            room.take(left, left + text_width(words, size) + 4.0, up - 5.0, up + 5.0, words=True)


def write_signals(sheet: Sheet, room: Room, points: Points, as_percent: bool) -> None:
    """A bracket with its words over each shift; name and value of points outside."""
    runs = long_runs(points)
    for run in runs:
        _bracket(sheet, room, points, run)
    in_run = np.concatenate(runs) if runs else np.array([], dtype=int)
    rows = np.setdiff1d(np.flatnonzero(points.is_outside & np.isfinite(points.estimate)), in_run)
    # Of points that follow each other the last one is named, the latest of them first.
    rows = rows[np.diff(rows, append=-1) != 1][::-1]
    for row in rows[:MOST_NAMED]:
        value = float(points.estimate[row])
        text = f"{month(points.names[row])}: {_value(value, as_percent)}"
        length = text_width(text, NOTE, bold=True) + 2.0
        x, y = sheet.pixels(points.place[row], value)[0]
        left = float(np.clip(x - length / 2, 0.0, max(sheet.size[0] - length, 0.0)))
        up = y + 8.0 if value > points.centre[row] else y - 15.0
        if room.is_free(left, left + length, up, up + 7.0):
            sheet.write(text, ("left", left), ("bottom", up), size=NOTE, bold=True, color=PALETTE["signal"],
                        gid="outside-text")  # fmt: skip
            room.take(left, left + length, up - 1.0, up + 9.0, words=True)


def _bracket(sheet: Sheet, room: Room, points: Points, run: np.ndarray) -> None:
    """A bracket beyond points and limits, with how many points there are on which side of the line."""
    is_above = points.estimate[run[0]] > points.centre[run[0]]
    sign = 1.0 if is_above else -1.0
    span = np.arange(run[0], run[-1] + 1)
    far = np.r_[points.estimate[span], points.high[span] if is_above else points.low[span]]
    far = far[np.isfinite(far)]
    edge = sheet.pixels(0.0, far.max() if is_above else far.min())[0, 1] + sign * 5.0
    x0, x1 = sheet.pixels(points.place[run[[0, -1]]], np.zeros(2))[:, 0]
    for ends, ups in (((x0, x1), (edge, edge)), ((x0, x0), (edge - sign * 3.0, edge)),
                      ((x1, x1), (edge - sign * 3.0, edge))):  # fmt: skip
        sheet.rule(
            (("left", ends[0]), ("left", ends[1])), (("bottom", ups[0]), ("bottom", ups[1])),
            color=PALETTE["signal"], width=1.1, gid="bracket", zorder=5.0,
        )  # fmt: skip
    noun = "months" if points.is_monthly else "points"
    text = f"{run.size} {noun} {'above' if is_above else 'below'} the line"
    length = text_width(text, NOTE, bold=True) + 2.0
    left = float(np.clip((x0 + x1 - length) / 2, 0.0, max(sheet.size[0] - length, 0.0)))
    up = edge + 3.5 if is_above else edge - 11.0
    sheet.write(text, ("left", left), ("bottom", up), size=NOTE, bold=True, color=PALETTE["signal"],
                gid="shift-text")  # fmt: skip
    room.take(min(left, x0), max(left + length, x1), min(edge, up) - 1.0, max(edge, up + 9.0), words=True)


def write_gaps(sheet: Sheet, room: Room, points: Points) -> None:
    """Why points are not shown, once for neighbours with the same reason."""
    row = 0
    while row < len(points.hidden):
        end = row
        while end + 1 < len(points.hidden) and points.hidden[end + 1] == points.hidden[row]:
            end += 1
        if points.hidden[row]:
            text = points.hidden[row] if points.hidden[row][0].isdigit() else HIDDEN_ESTIMATE
            middle = sheet.pixels((points.place[row] + points.place[end]) / 2, 0.0)[0, 0]
            length = text_width(text, NOTE)
            sheet.write(text, ("left", middle - length / 2), ("bottom", 4.0), size=NOTE,
                        color=PALETTE["secondary"], gid="gap", on_white=True)  # fmt: skip
            room.take(middle - length / 2, middle + length / 2, 2.0, 13.0, words=True)
        row = end + 1


def write_value(sheet: Sheet, room: Room, points: Points, highlight: str | None, as_percent: bool) -> None:
    """The value of the point that the page is about, or of the last that is not provisional."""
    rows = [row for row in points.shown if not points.is_provisional[row]]
    named = [row for row in rows if points.names[row] == highlight]
    if not rows:
        return
    row = (named or rows)[-1]
    value = float(points.estimate[row])
    target = sheet.pixels(points.place[row], value)[0]
    _write_near(sheet, room, _value(value, as_percent), tuple(target), size=BASE, bold=True, gid="value")


def write_changes(sheet: Sheet, room: Room, points: Points) -> None:
    """A dotted line where the clinic says that something changed, with its words near the top."""
    _, height = sheet.size
    rows = [row for row, words in enumerate(points.change) if words]
    for row in rows:
        x = sheet.pixels(points.place[row], 0.0)[0, 0]
        sheet.rule(
            (("left", x), ("left", x)), (("bottom", 0.0), ("bottom", height)), color=PALETTE["secondary"],
            width=0.8, style=(0, (1.0, 2.0)), gid="change", zorder=2.5,
        )  # fmt: skip
        room.take(x, x, 0.0, height, margin=1.0)
    for row in rows:
        text = shorten(points.change[row], LONGEST_CHANGE, NOTE)
        x = sheet.pixels(points.place[row], 0.0)[0, 0]
        ends = (x, height - LINE / 2), (x, LINE)
        _write_near(sheet, room, text, *ends, size=NOTE, color=PALETTE["secondary"], gid="change-text")
    _name_baseline(sheet, room, points)


def _name_baseline(sheet: Sheet, room: Room, points: Points) -> None:
    """Which part of the region is the frozen baseline."""
    is_first = points.part == points.part[:1]
    base = np.flatnonzero(points.is_baseline & is_first)
    later = is_first & ~points.is_baseline & ~points.is_provisional & np.isfinite(points.estimate)
    if not base.size or not later.any() or not np.isfinite(points.low[base]).any():
        return
    x0, x1 = sheet.pixels(points.place[base[[0, -1]]] + (-0.5, 0.5), np.zeros(2))[:, 0]
    bottom = sheet.pixels(0.0, float(np.nanmin(points.low[base])))[0, 1]
    _write_near(
        sheet, room, "baseline", ((x0 + x1) / 2, bottom + 7.0), size=NOTE, color=PALETTE["secondary"],
        gid="baseline-text",
    )  # fmt: skip


def _write_near(
    sheet: Sheet,
    room: Room,
    text: str,
    *targets: tuple[float, float],
    size: float,
    color: str = PALETTE["text"],
    bold: bool = False,
    gid: str,
) -> None:
    """Words at the free place nearest to the first target that has one; else on white beside the first."""
    length = text_width(text, size, bold=bold) + 4.0
    found = (room.nearest(length, LINE, target) for target in targets)
    corner = next((place[0] for place in found if place is not None), None)
    is_free = corner is not None
    if corner is None:
        across, up = targets[0]
        left = float(np.clip(across + 4.0, 0.0, max(sheet.size[0] - length, 0.0)))
        corner = (left, float(np.clip(up + 4.0, 0.0, sheet.size[1] - LINE)))
    sheet.write(
        text, ("left", corner[0] + 2.0), ("bottom", corner[1] + 2.0), size=size, color=color, bold=bold,
        gid=gid, on_white=not is_free,
    )  # fmt: skip
    room.take(corner[0], corner[0] + length, corner[1], corner[1] + LINE, words=True)


def _value(value: float, as_percent: bool) -> str:
    if as_percent:
        return percent(value)
    return number(value, 0 if float(value).is_integer() else 1)
