"""Units as dots beside the limits that chance allows for their size: a funnel plot."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.labels import number, percent, text_width
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.placed import placed
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks

__all__ = ["funnel", "round_steps", "tick_decimals"]

LAYOUT = Layout(232.0, left=38.0, right=44.0, top=26.0, bottom=44.0)
ABOVE = 12.0
LETTER = 11.5
# With more units only those outside the outer limits are named.
MOST_LETTERS = 30
CAPITAL = 9.0
RING, DOT = 8.0, 4.6
DASHED = (0, (4.0, 2.4))
LINES = ("inner_low", "inner_high", "outer_low", "outer_high")
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def funnel(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    curves: pd.DataFrame | None,
    target: float,
    levels: tuple[float, float] = (0.95, 0.998),
    as_percent: bool = True,
    unit_line: str = "% of patients",
    size_line: str = "Patients",
    title: str | None = None,
) -> Axes:
    """A dot per unit with its letter; inner limits dashed, outer ones solid, a ring only outside these.

    Parameters
    ----------
    table : DataFrame
        letter, size (x), estimate, is_outside (bool), and without curves inner_low, inner_high,
        outer_low, outer_high of each unit. Rows without an estimate are not drawn.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    curves : DataFrame or None
        size and the four limits; None where limits are each unit's own, drawn as short lines.
    target : float
        The line in the middle.
    levels : (float, float)
        Of the inner and the outer limits, for their names at the right.
    as_percent : bool
        Shares, printed as per cent; otherwise plain numbers.
    unit_line, size_line : str
        Words above the y axis and below the x axis.

    Returns
    -------
    Axes
    """
    table = table[np.isfinite(floats(table, "estimate")) & np.isfinite(floats(table, "size"))]
    with theme.context():
        ax, head = placed(ax, LAYOUT, unit_line, title=title)
        sheet = Sheet(ax)
        _size_axis(sheet, table, size_line)
        _value_axis(sheet, table, curves, target, as_percent)
        width, _ = sheet.size
        at = ("data", target)
        sheet.rule((("left", 0.0), ("left", width)), (at, at), color=PALETTE["axis"], width=0.9, gid="target")
        if curves is None:
            _own_limits(sheet, table)
        else:
            _curves(sheet, curves)
        _dots(sheet, table)
        _letters(sheet, table, curves, target)
        _names(sheet, table, curves, target, levels, as_percent)
        head.write(sheet, ABOVE)
        return ax


def _size_axis(sheet: Sheet, table: pd.DataFrame, words: str) -> None:
    """Sizes from 0 to a little beyond the largest."""
    most = float(np.max(floats(table, "size"), initial=0.0)) or 1.0
    sheet.ax.set_xlim(0.0, 1.12 * most)
    ticks = round_steps(0.0, 1.12 * most, 6)
    ticks = ticks[ticks <= 1.12 * most]
    decimals = tick_decimals(ticks)
    x_ticks(sheet, ticks, [number(tick, decimals) for tick in ticks])
    sheet.write(words, ("left", 0.0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="size-line")


def _value_axis(sheet: Sheet, table: pd.DataFrame, curves, target: float, as_percent: bool) -> None:
    """From a round number below the dots and the limits of the smaller units to one above."""
    sizes, values = floats(table, "size"), floats(table, "estimate")
    if curves is None:
        limits = np.concatenate([floats(table, name) for name in LINES])
    else:
        # Those of the smallest unit; of many units limits of the smallest run off the picture.
        smallest = np.quantile(sizes, 0.25 if sizes.size > MOST_LETTERS else 0.0) if sizes.size else 1.0
        place = np.clip(np.searchsorted(floats(curves, "size"), smallest), 0, len(curves) - 1)
        limits = curves.iloc[place][list(LINES)].to_numpy(float)
    spanned = np.r_[values, limits, target]
    spanned = spanned[np.isfinite(spanned)]
    low, high = float(spanned.min()), float(spanned.max())
    room = 0.06 * max(high - low, 1e-9)
    scale = 100.0 if as_percent else 1.0
    ticks = round_steps(scale * (low - room), scale * (high + room), 5) / scale
    if as_percent:
        ticks = np.unique(np.clip(ticks, 0.0, 1.0))
    elif low >= 0:
        ticks = ticks[ticks >= -1e-12]
    sheet.ax.set_ylim(ticks[0], ticks[-1])
    if as_percent:
        decimals = tick_decimals(100.0 * ticks)
        labels = [
            percent(tick, decimals=decimals, sign=place == len(ticks) - 1) for place, tick in enumerate(ticks)
        ]
    else:
        labels = [number(tick, tick_decimals(ticks)) for tick in ticks]
    y_ticks(sheet, ticks, labels)


def round_steps(low: float, high: float, most: int) -> np.ndarray:
    """At most `most` round steps that enclose the span."""
    length = max(high - low, 1e-9)
    power = 10.0 ** np.floor(np.log10(length / most))
    step = next(power * factor for factor in STEPS if length / (power * factor) <= most)
    return np.arange(np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9) + 0.5) * step


def tick_decimals(ticks: np.ndarray) -> int:
    """How many decimals tell the ticks apart."""
    return next((d for d in range(4) if np.allclose(ticks, np.round(ticks, d), rtol=0, atol=1e-9)), 4)


def _curves(sheet: Sheet, curves: pd.DataFrame) -> None:
    across = floats(curves, "size")
    for name in LINES:
        is_inner = name.startswith("inner")
        sheet.ax.plot(
            across, floats(curves, name), color=PALETTE["axis" if is_inner else "secondary"],
            linewidth=1.0, linestyle=DASHED if is_inner else "solid", zorder=2.2, gid=name,
        )  # fmt: skip


def _own_limits(sheet: Sheet, table: pd.DataFrame) -> None:
    """Limits of each unit as short lines across its place, dashed inside and solid outside."""
    middle = sheet.pixels(floats(table, "size"), floats(table, "estimate"))[:, 0]
    for name in LINES:
        is_inner = name.startswith("inner")
        half = 5.0 if is_inner else 7.0
        for x, value in zip(middle, floats(table, name), strict=True):
            sheet.rule(
                (("left", x - half), ("left", x + half)), (("data", value), ("data", value)),
                color=PALETTE["axis" if is_inner else "secondary"], width=1.1,
                style=(0, (2.0, 1.4)) if is_inner else "solid", gid=name, zorder=2.2,
            )  # fmt: skip


def _dots(sheet: Sheet, table: pd.DataFrame) -> None:
    x, y = floats(table, "size"), floats(table, "estimate")
    sheet.ax.plot(
        x, y, linestyle="none", marker="o", markersize=DOT, color=PALETTE["main"], zorder=4, clip_on=False,
        markeredgecolor=PALETTE["paper"], markeredgewidth=0.6, gid="dot",
    )  # fmt: skip
    outside = table["is_outside"].to_numpy(bool)
    if outside.any():
        sheet.ax.plot(
            x[outside], y[outside], linestyle="none", marker="o", markersize=RING + 1.6,
            markerfacecolor="none", markeredgecolor=PALETTE["signal"], markeredgewidth=1.5, zorder=3.8,
            clip_on=False, gid="signal",
        )  # fmt: skip


def _letters(sheet: Sheet, table: pd.DataFrame, curves, target: float) -> None:
    """Each unit's letter beside its dot: off the lines if there is room, never on dots or letters."""
    width, height = sheet.size
    places = sheet.pixels(floats(table, "size"), floats(table, "estimate"))
    outside = table["is_outside"].to_numpy(bool)
    lines, marks = Room(width, height), Room(width, height)
    for (x, y), is_outside in zip(places, outside, strict=True):
        # A ring leaves the corners of its square free.
        reach = 0.7 * RING if is_outside else 3.0
        marks.take(x - reach, x + reach, y - reach, y + reach)
    up = float(sheet.pixels(0.0, target)[0, 1])
    lines.take(0.0, width, up - 1.0, up + 1.0)
    if curves is not None:
        for name in LINES:
            line = sheet.pixels(floats(curves, "size"), floats(curves, name))
            lines.take_line(line[(line[:, 1] > 0) & (line[:, 1] < height)])
    named = outside if len(table) > MOST_LETTERS else np.ones(len(table), bool)
    for place in np.flatnonzero(named):
        word = str(table["letter"].iloc[place])
        wide = text_width(word, LETTER, bold=True)
        gap = RING + 2.0 if outside[place] else 5.5
        corner = _corner((lines, marks), (width, height), places, place, wide, gap)
        if corner is None:
            continue
        left, bottom = corner
        marks.take(left, left + wide, bottom, bottom + CAPITAL)
        sheet.write(word, ("left", left), ("bottom", bottom), size=LETTER, bold=True, gid="letter")


def _corner(
    rooms: tuple[Room, Room], size: tuple[float, float], dots: np.ndarray, own: int, wide: float, gap: float
) -> tuple[float, float] | None:
    """Lower left corner of a letter near its dot, within the axes; None where all places are taken.

    Beside the dot and off the lines at first, then across a line, then a little farther away, and never
    nearer to another dot.
    """
    lines, marks = rooms
    for distance, crossing in (
        (gap, False),
        (gap, True),
        (gap + 5, False),
        (gap + 5, True),
        (gap + 12, True),
    ):
        for left, bottom in _around(*dots[own], wide, distance):
            box = (left + 0.5, left + wide - 0.5, bottom + 0.5, bottom + CAPITAL - 1.5)
            is_inside = 0.0 <= left <= size[0] - wide and -1.0 <= bottom <= size[1] - 2.0
            apart = np.hypot(*(dots - (left + wide / 2, bottom + CAPITAL / 2)).T)
            is_inside &= bool(apart[own] <= apart.min() + 1.0)
            if is_inside and marks.is_free(*box) and (crossing or lines.is_free(*box)):
                return left, bottom
    return None


def _around(x: float, y: float, wide: float, gap: float) -> list[tuple[float, float]]:
    """Lower left corners of a letter at eight places around a dot."""
    near = 0.75 * gap
    return [
        (x + near, y + near), (x + gap, y - CAPITAL / 2), (x + near, y - near - CAPITAL),
        (x - near - wide, y + near), (x - gap - wide, y - CAPITAL / 2), (x - near - wide, y - near - CAPITAL),
        (x - wide / 2, y + gap), (x - wide / 2, y - gap - CAPITAL),
    ]  # fmt: skip


def _names(sheet: Sheet, table, curves, target: float, levels, as_percent: bool) -> None:
    """What the lines are, at their right ends, moved apart where they would touch."""
    width, height = sheet.size
    words = {name: f"{100 * levels[name.startswith('outer')]:g}%" for name in LINES}
    wanted = [(float(sheet.pixels(0.0, target)[0, 1]), percent(target) if as_percent else number(target, 2))]
    ends = table.nlargest(1, "size") if curves is None else curves
    if len(ends):
        most = sheet.ax.get_xlim()[1]
        for name in LINES:
            end = np.interp(most, floats(ends, "size"), floats(ends, name))
            wanted.append((float(sheet.pixels(0.0, end)[0, 1]), words[name]))
    for up, text in _spaced(sorted(wanted), 10.5):
        if -2.0 <= up <= height + 12.0:
            is_target = text == wanted[0][1]
            color = PALETTE["text" if is_target else "secondary"]
            sheet.write(
                text, ("left", width + 4.0), ("bottom", up - 3.4), size=NOTE, color=color,
                gid="target-label" if is_target else "limit-label",
            )  # fmt: skip


def _spaced(wanted: list[tuple[float, str]], pitch: float) -> list[tuple[float, str]]:
    """Heights in rising order at least `pitch` px apart, moved as little as possible from the middle out."""
    ups = [up for up, _ in wanted]
    middle = len(ups) // 2
    for place in range(middle + 1, len(ups)):
        ups[place] = max(ups[place], ups[place - 1] + pitch)
    for place in range(middle - 1, -1, -1):
        ups[place] = min(ups[place], ups[place + 1] - pitch)
    return [(up, text) for up, (_, text) in zip(ups, wanted, strict=True)]
