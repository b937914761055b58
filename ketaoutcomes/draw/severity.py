"""Severity of side effects as stacked bars, one effect below the other."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import set_rows
from ketaoutcomes.draw.labels import clean, count, percent, shorten, text_width
from ketaoutcomes.draw.panels import floats, levels, split
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import NOTE, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import x_ticks

__all__ = ["severity"]

ANY = "any side effect"
# Darker is more severe; what is not stated is hatched, no shade of its own.
FILLS = {
    "mild": PALETTE["box"],
    "moderate": PALETTE["band"],
    "severe": PALETTE["main"],
    "not stated": PALETTE["paper"],
}
INKS = {"severe": PALETTE["paper"]}
LEFT, WIDEST_NAMES, RIGHT, TOP, BOTTOM = 126.0, 172.0, 44.0, 34.0, 24.0
PITCH, NARROW_PITCH, MANY_ROWS = 22.0, 17.0, 14
BAR = 0.72
KEY, INDENT = 10.0, 10.0
# More panels than this would be too narrow to read: their groups become rows.
MOST_PANELS = 2
MOST_LINES = 60


@dataclass(frozen=True)
class _Line:
    """One line of the picture: its name, and the bar's row of each panel, or none for a heading."""

    name: str
    row: Hashable | None
    is_bold: bool = False
    indent: float = 0.0


def severity(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Shares of mild, moderate, severe and not stated, stacked to the whole, with the number of sessions.

    Ways of asking are never pooled. Two ways, or two groups, have a panel each; of more, each has a row
    below its effect. Groups are drawn for the way of asking with the most effects.

    Parameters
    ----------
    table : DataFrame
        effect, ascertainment, severity, estimate (share), n (sessions with the effect), n_events; effects
        keep the order of the table.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    table, column, more = _chosen(table, by)
    groups = levels(table, column)
    several = len(groups) == MOST_PANELS
    table, lines, more = _lines(table, column, groups, more)
    heading = "; ".join(part for part in (heading, *more) if part)
    if not lines:
        return nothing(ax, heading, title=title, reason="No severity is recorded")
    pitch = PITCH if len(lines) <= MANY_ROWS else NARROW_PITCH
    top = TOP + (14.0 if several else 0.0)
    with theme.context():
        height = top + pitch * max(len(lines), 1) + BOTTOM
        left = _names_px(lines)
        layout = Layout(height, left=left, right=RIGHT, top=top, bottom=BOTTOM)
        ax, head = placed(ax, layout, heading, title=title, line=14.0)
        sheet = Sheet(ax)
        set_rows(sheet, len(lines))
        head.write(sheet, top - 8.0)
        _name_rows(sheet, lines, left)
        axes = split(ax, len(groups), columns=len(groups), across=46.0, up=0.0) if several else [ax]
        place = {line.row: number for number, line in enumerate(lines) if line.row is not None}
        for group, panel_ax in zip(groups if several else [None], axes, strict=True):
            panel, rows = sheet, table
            if several:
                theme.plain(panel_ax)
                panel, rows = Sheet(panel_ax), table[table[column] == group]
                set_rows(panel, len(lines))
                words = shorten(group, panel.size[0] + 24, TABLE, bold=True)
                panel.write(words, ("left", 0), ("top", 8), bold=True, gid="panel")
            _draw_bars(panel, rows, place)
        _write_key(sheet, table, left, 8.0 + (16.0 if several else 0.0))
        return ax


def _chosen(table: pd.DataFrame, by: str | None) -> tuple[pd.DataFrame, str, list[str]]:
    """The rows to draw, the column of their groups, and what was chosen of more."""
    if by is None or not len(table):
        return table, "ascertainment", []
    if table["ascertainment"].nunique() <= 1:
        return table, by, []
    sizes = table.assign(size=floats(table, "n_events")).groupby("ascertainment", sort=False)["size"]
    way = sizes.sum().idxmax()
    return table[table["ascertainment"] == way], by, [f"asked by {clean(way)}"]


def _lines(table: pd.DataFrame, column: str, groups: list, more: list[str]):
    """The table with the line of each row in `row`, the lines in order, and what was chosen of more."""
    effects = levels(table, "effect")
    if len(groups) <= MOST_PANELS:
        lines = [_Line(_capital(name), name, clean(name).lower() == ANY) for name in effects]
        return table.assign(row=table["effect"]), lines, more
    most = max(MOST_LINES // (len(groups) + 1), 1)
    if len(effects) > most:
        more = [*more, f"the {most} most frequent of {len(effects)}"]
        effects = effects[:most]
        table = table[table["effect"].isin(effects)]
    pairs = list(zip(table["effect"], table[column], strict=True))
    lines = []
    for effect in effects:
        lines.append(_Line(_capital(effect), None, True))
        lines += [_Line(clean(g), (effect, g), False, INDENT) for g in groups if (effect, g) in set(pairs)]
    return table.assign(row=pd.Series(pairs, index=table.index, dtype=object)), lines, more


def _capital(name: str) -> str:
    words = clean(name)
    return words[:1].upper() + words[1:]


def _names_px(lines: list[_Line]) -> float:
    """Room in px for the names of the rows; headings may run on over the bars' place."""
    own = [line for line in lines if line.row is not None]
    widest = max((text_width(one.name, TABLE, bold=one.is_bold) + one.indent for one in own), default=0.0)
    return min(max(1.05 * widest + 10.0, LEFT), WIDEST_NAMES)


def _name_rows(sheet: Sheet, lines: list[_Line], left: float) -> None:
    for place, line in enumerate(lines):
        room = left - 8 - line.indent + (0.0 if line.row is not None else sheet.size[0])
        words = shorten(line.name, room, TABLE, bold=line.is_bold)
        at = ("left", line.indent - left)
        sheet.write(words, at, ("data", place), bold=line.is_bold, shift=(0, -3.5), gid="row")


def _draw_bars(sheet: Sheet, rows: pd.DataFrame, place: dict) -> None:
    """The bars of one panel, shares in figures where there is room, sessions at the right."""
    sheet.ax.set_xlim(0.0, 1.0)
    width, _ = sheet.size
    is_narrow = width < 150
    ticks = (0.0, 1.0) if is_narrow else (0.0, 0.25, 0.5, 0.75, 1.0)
    names = [percent(tick, decimals=0, sign=tick == 1.0) for tick in ticks]
    x_ticks(sheet, ticks, names, ends_inwards=is_narrow)
    start = dict.fromkeys(place, 0.0)
    for name, fill in FILLS.items():
        own = rows[rows["severity"] == name]
        share = np.nan_to_num(floats(own, "estimate"))
        left = np.array([start[row] for row in own["row"]])
        at = np.array([place[row] for row in own["row"]], dtype=float)
        shown = share > 0
        sheet.ax.barh(
            at[shown], share[shown], BAR, left[shown], color=fill, edgecolor=PALETTE["axis"], linewidth=0.5,
            hatch="////" if name == "not stated" else None, zorder=2, gid=f"bar-{name}",
        )  # fmt: skip
        start |= dict(zip(own["row"], left + share, strict=True))
        if name == "not stated":
            continue
        for y, x, part in zip(at[shown], left[shown], share[shown], strict=True):
            words = percent(part, decimals=0, sign=False)
            if part * width > text_width(words, NOTE) + 6:
                sheet.write(
                    words, ("data", x + part / 2), ("data", y), size=NOTE, align="center", shift=(0, -3.3),
                    color=INKS.get(name, PALETTE["text"]), gid="share",
                )  # fmt: skip
    _write_sizes(sheet, rows, place)


def _write_sizes(sheet: Sheet, rows: pd.DataFrame, place: dict) -> None:
    """How many sessions each bar is of."""
    edge = 28.0
    sheet.write(
        "n", ("right", edge), ("top", 8), size=NOTE, color=PALETTE["secondary"], align="right", gid="head"
    )
    first = rows.drop_duplicates("row").set_index("row")["n"].to_dict()
    for row in place:
        n = first.get(row, float("nan"))
        sheet.write(
            count(n), ("right", edge), ("data", place[row]), size=NOTE, align="right", shift=(0, -3.3),
            gid="number",
        )  # fmt: skip


def _write_key(sheet: Sheet, table: pd.DataFrame, left: float, up: float) -> None:
    """Which fill is which severity, for those that occur."""
    across = -left
    for name, fill in FILLS.items():
        if not (floats(table[table["severity"] == name], "estimate") > 0).any():
            continue
        box = sheet.ax.add_patch(
            _square(sheet, across, up, fill, "////" if name == "not stated" else None),
        )
        box.set_clip_on(False)
        sheet.write(name, ("left", across + KEY + 4), ("top", up), size=NOTE, gid="key")
        across += KEY + 4 + text_width(name, NOTE) + 12


def _square(sheet: Sheet, across: float, up: float, fill: str, hatch: str | None):
    return Rectangle(
        (across, up - 1.5), KEY, KEY, transform=sheet.blend("left", "top"), facecolor=fill, hatch=hatch,
        edgecolor=PALETTE["axis"], linewidth=0.5, gid="key-box",
    )  # fmt: skip
