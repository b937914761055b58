"""Patients by a score before and after: a bar for each score before, divided by the score after."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.patches import Rectangle

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import set_rows, set_share_axis
from ketaoutcomes.draw.labels import clean, count, percent, shorten, text_width
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, TABLE, Layout

__all__ = ["transitions"]

LEFT, RIGHT, TOP, BOTTOM = 84.0, 92.0, 30.0, 42.0
PITCH, BAR = 36.0, 0.68
UNIT = "% of patients with that score before"
UNDIVIDED = "scores after not shown"


def transitions(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    before: str = "Before",
    after: str = "After (score: patients, % of row)",
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """A bar per score before, its parts the scores after in the order of the table.

    Parameters
    ----------
    table : DataFrame
        before, after (words), n (patients). With `after` empty the bar is not divided, and says so.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    before, after : str
        Heads of the names of the bars and of the bars.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
        x is the share of the patients of a bar; y counts the bars from the top.
    """
    names = list(dict.fromkeys(table["before"]))
    if not names:
        return nothing(ax, heading, title=title)
    with theme.context():
        layout = Layout(TOP + PITCH * len(names) + BOTTOM, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        ax, head = placed(ax, layout, heading, title=title, line=16.0)
        sheet = Sheet(ax)
        set_rows(sheet, len(names))
        set_share_axis(sheet, 1.0)
        for words, place in ((before, ("left", -LEFT)), (after, ("left", 0.0))):
            sheet.write(words, place, ("top", 10), size=NOTE, color=PALETTE["secondary"], gid="head")
        colors = _colors(table)
        for number, name in enumerate(names):
            _draw_bar(sheet, number, name, table[table["before"] == name], colors)
        head.write(sheet, TOP + 2.0)
        sheet.write(UNIT, ("left", 0), ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="unit")
        return ax


def _colors(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Fill and ink of each score after, lighter for lower scores."""
    starts = sorted({str(name) for name in table["after"] if name}, key=_start)
    shades = LinearSegmentedColormap.from_list("after", [PALETTE[n] for n in ("box", "band", "main")])
    places = {name: _start(name) for name in starts}
    top = max(2.0, *places.values()) if places else 2.0
    return {
        name: (to_hex(shades(place / top)), PALETTE["paper" if place / top > 0.75 else "text"])
        for name, place in places.items()
    }


def _start(name: str) -> float:
    """The lowest score that a name such as "2–3" stands for."""
    digits = name.partition("–")[0]
    return float(digits) if digits.replace(".", "", 1).isdigit() else 0.0


def _draw_bar(sheet: Sheet, number: int, name: str, rows: pd.DataFrame, colors) -> None:
    """One bar with its name, its number of patients and its parts."""
    at = ("data", number)
    n = floats(rows, "n")
    sheet.write(clean(name), ("left", -LEFT), at, bold=True, shift=(0, -3.5), gid="row")
    total = n.sum()
    if not np.isfinite(total) or not total:
        words = "not shown" if not np.isfinite(total) else "no patient"
        sheet.write(
            words, ("left", 4), at, size=TABLE, color=PALETTE["secondary"], shift=(0, -3.5), gid="none"
        )
        return
    sheet.write(
        f"n={count(total)}", ("left", -LEFT + 34), at, color=PALETTE["secondary"], shift=(0, -3.5), gid="size"
    )
    start, beside = 0.0, []
    for words, size in zip(rows["after"].astype(str), n, strict=True):
        share = size / total
        fill, ink = colors[words] if words else (PALETTE["competing"], PALETTE["secondary"])
        part = Rectangle(
            (start, number - BAR / 2), share, BAR, facecolor=fill, edgecolor=PALETTE["paper"], linewidth=1.0,
            gid="part",
        )  # fmt: skip
        sheet.ax.add_patch(part)
        told = f"{words}: {count(size)} ({percent(share)})" if words else UNDIVIDED
        room = share * sheet.size[0] - 8.0
        if size and text_width(told, NOTE) <= room:
            sheet.write(told, ("data", start + share / 2), at, size=NOTE, color=ink, align="center",
                        shift=(0, -3.3), gid="number")  # fmt: skip
        elif size:
            beside.append(told)
        start += share
    for line, told in enumerate(beside):
        up = -3.3 + 6.0 * (len(beside) - 1) - 12.0 * line
        words = shorten(told, RIGHT - 8.0, NOTE)
        sheet.write(words, ("right", 8), at, size=NOTE, bold=False, shift=(0, up), gid="number")
