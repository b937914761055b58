"""Attrition: bars to scale from those who started to those with a result."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import (
    HIDDEN_ESTIMATE,
    clean,
    count,
    missing,
    percent,
    shorten,
    text_width,
    wrap,
)
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, Layout

__all__ = ["flow"]

BAR, LINE, GAP = 26.0, 13.0, 8.0
COUNTED = re.compile(r"(.*\S) ([\d,]*\d)")


def flow(table: pd.DataFrame, ax: Axes | None = None, *, heading: str = "", title: str | None = None) -> Axes:
    """A bar per step, hatched where it lost since the step before, with the reason between.

    Parameters
    ----------
    table : DataFrame
        step, n, and perhaps n_lost, reason (why fewer than in the step before) and suppressed. A
        step without n prints "not shown" and has no bar.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
        x counts patients; each bar is 1 high, its middle at the step's place in px / 26.
    """
    sizes = floats(table, "n")
    with theme.context():
        reasons = [_reason_lines(cells) for cells in table.to_dict("records")]
        # The first step has lost nobody yet.
        tops = np.cumsum([0.0] + [BAR + 2 * GAP - 4 + LINE * len(lines) for lines in reasons[1:]])[
            : len(table)
        ]
        height = float(tops[-1] + BAR) if len(table) else BAR
        layout = Layout(height + 12, left=1.0, right=1.0, top=6.0, bottom=6.0)
        head = head_of(ax, layout, heading, title=title)
        ax = theme.prepare(ax, head.raised(layout, line=18.0))
        sheet = Sheet(ax)
        largest = np.nanmax(sizes) if np.isfinite(sizes).any() else 1.0
        ax.set_xlim(0.0, max(largest, 1.0))
        ax.set_ylim(height / BAR, 0.0)
        ax.set_axis_off()
        before = np.nan
        for number, cells in enumerate(table.to_dict("records")):
            is_last = number == len(table) - 1 and number > 0
            _draw_step(sheet, cells, sizes[number], before, sizes[0], tops[number], is_last=is_last)
            if number:
                first = tops[number] - GAP - LINE * (len(reasons[number]) - 1)
                for line_number, line in enumerate(reasons[number]):
                    sheet.write(
                        line, ("left", 6), ("top", -(first + LINE * line_number)), size=NOTE,
                        color=PALETTE["secondary"], gid="reason",
                    )  # fmt: skip
            before = sizes[number] if np.isfinite(sizes[number]) else before
        head.write(sheet, 10.0)
        return ax


def _reason_lines(cells: dict) -> list[str]:
    """Why the step has fewer than the one before, in at most two lines."""
    reason = cells.get("reason")
    reason = "" if not isinstance(reason, str) else clean(reason)
    n_lost = cells.get("n_lost")
    if not missing(n_lost) and float(n_lost):
        parts = [COUNTED.fullmatch(part) for part in reason.split("; ")]
        if all(parts) and sum(int(part[2].replace(",", "")) for part in parts) == int(n_lost):
            # Reasons that bring their own counts are read number first, as the single one is.
            reason = "; ".join(f"{part[2]} {part[1]}" for part in parts)
        else:
            reason = f"{count(n_lost)} {reason}".strip()
    return wrap(f"− {reason}", 386, NOTE) if reason else []


def _draw_step(
    sheet: Sheet, cells: dict, size: float, before: float, first: float, top: float, *, is_last: bool
):
    """One bar with its name and number, and what was lost beside it."""
    ax = sheet.ax
    name = clean(cells["step"])
    name = name[:1].upper() + name[1:]
    up = ("top", -(top + BAR / 2 + 3.8))
    width, _ = sheet.size
    if not np.isfinite(size):
        sheet.write(
            shorten(name, width - 80, BASE, bold=True), ("left", 6), up, size=BASE, bold=True, gid="step"
        )
        text = HIDDEN_ESTIMATE if missing(cells["n"]) else clean(cells["n"])
        sheet.write(text, ("right", -6), up, size=BASE, color=PALETTE["secondary"], align="right", gid="size")
        return
    y = top / BAR
    color = PALETTE["main" if is_last else "box"]
    ax.add_patch(Rectangle((0.0, y), size, 1.0, facecolor=color, edgecolor="none", gid="bar"))
    if np.isfinite(before) and before > size:
        ax.add_patch(
            Rectangle(
                (size, y), before - size, 1.0, facecolor="none", edgecolor=PALETTE["axis"], hatch="////",
                linewidth=0.5, gid="lost",
            )
        )  # fmt: skip
    text = count(size)
    if first > 0 and np.isfinite(first) and size != first:
        text += f" ({percent(size / first)})"
    name = shorten(name, width - text_width(text, BASE) - 40, BASE, bold=True)
    end = sheet.pixels(size, y)[0, 0]
    if end >= text_width(text, BASE) + text_width(name, BASE, bold=True) + 26:
        ink = PALETTE["paper"] if is_last else PALETTE["text"]
        sheet.write(name, ("left", 6), up, size=BASE, bold=True, color=ink, gid="step")
        sheet.write(text, ("left", end - 6), up, size=BASE, color=ink, align="right", gid="size")
    else:
        _write_beside(sheet, name, text, end, y, up)


def _write_beside(sheet: Sheet, name: str, text: str, end: float, y: float, up: tuple[str, float]) -> None:
    """The words of a bar too short for them: right of it, on a ground of paper where it is hatched."""
    width, _ = sheet.size
    offset = text_width(name, BASE, bold=True) + 10
    needed = offset + text_width(text, BASE)
    left = min(end + 9, width - needed - 6)
    x0, x1 = (place / width * sheet.ax.get_xlim()[1] for place in (left - 4, left + needed + 4))
    ground = Rectangle(
        (x0, y + 0.1), x1 - x0, 0.8, facecolor=PALETTE["paper"], edgecolor="none", gid="ground"
    )
    sheet.ax.add_patch(ground)
    sheet.write(name, ("left", left), up, size=BASE, bold=True, gid="step")
    sheet.write(text, ("left", left + offset), up, size=BASE, gid="size")
