"""Charts case by case: a CUSUM with its limit, and expected less observed events."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.funnel import round_steps, tick_decimals
from ketaoutcomes.draw.labels import count, month, number, text_width
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.placed import placed
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks

__all__ = ["cusum", "vlad"]

LAYOUT = Layout(200.0, left=38.0, right=68.0, top=26.0, bottom=44.0)
ABOVE = 12.0
MOST_MARKS = 8
VLAD = "Expected less observed events so far (falls where there are more than expected)"


def cusum(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    limit: float,
    order: str | None = None,
    unit_line: str = "CUSUM",
    title: str | None = None,
) -> Axes:
    """The CUSUM after each case, its limit as a line, signals ringed with their case.

    Parameters
    ----------
    table : DataFrame
        case, cusum, signal, and the column `order`.
    ax : Axes, optional
    limit : float
    order : str, optional
        Column whose first and last value stand below the axis.

    Returns
    -------
    Axes
    """
    with theme.context():
        ax, head = placed(ax, LAYOUT, unit_line, title=title)
        sheet = Sheet(ax)
        values = floats(table, "cusum")
        ticks = round_steps(0.0, 1.12 * max(float(values.max(initial=0.0)), limit), 4)
        _axes(sheet, table, ticks, order)
        at, width = ("data", limit), sheet.size[0]
        sheet.rule(
            (("left", 0.0), ("left", width)), (at, at), color=PALETTE["secondary"], width=1.0, gid="limit"
        )
        sheet.write(
            f"limit {number(limit, 1)}", ("left", width + 4), at, size=NOTE, color=PALETTE["secondary"],
            shift=(0.0, -3.4), gid="limit-label",
        )  # fmt: skip
        _path(sheet, table, "cusum")
        head.write(sheet, ABOVE)
        return ax


def vlad(
    table: pd.DataFrame, ax: Axes | None = None, *, order: str | None = None, title: str | None = None
) -> Axes:
    """Cumulative expected less observed events; where the CUSUM gave a signal there is a ring.

    Parameters
    ----------
    table : DataFrame
        case, vlad, signal, and the column `order`.

    Returns
    -------
    Axes
    """
    with theme.context():
        ax, head = placed(ax, LAYOUT, VLAD, title=title)
        sheet = Sheet(ax)
        values = np.r_[floats(table, "vlad"), 0.0]
        _axes(sheet, table, round_steps(float(values.min()), float(values.max()), 4), order)
        at, width = ("data", 0.0), sheet.size[0]
        sheet.rule((("left", 0.0), ("left", width)), (at, at), color=PALETTE["axis"], width=0.9, gid="zero")
        sheet.write(
            "as expected", ("left", width + 2), at, size=NOTE, color=PALETTE["secondary"], shift=(0.0, -3.4),
            gid="zero-label",
        )  # fmt: skip
        _path(sheet, table, "vlad")
        head.write(sheet, ABOVE)
        return ax


def _axes(sheet: Sheet, table: pd.DataFrame, ticks: np.ndarray, order: str | None) -> None:
    """Cases from 0 to the last, with the ends of their order in words; values over `ticks`."""
    n = max(len(table), 1)
    sheet.ax.set_xlim(0.0, float(n))
    places = round_steps(0.0, float(n), 5)
    places = places[places <= n]
    x_ticks(sheet, places, [count(place) if place == int(place) else "" for place in places])
    sheet.ax.set_ylim(ticks[0], ticks[-1])
    y_ticks(sheet, ticks, [number(tick, tick_decimals(ticks)) for tick in ticks])
    words = "Cases monitored"
    if order is not None and len(table):
        first, last = (month(str(table[order].iloc[place])) for place in (0, -1))
        words += f", {first} to {last}"
    sheet.write(words, ("left", 0.0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="case-line")


def _path(sheet: Sheet, table: pd.DataFrame, column: str) -> None:
    """The line after each case, begun at 0, and anew from 0 after a signal of the CUSUM."""
    case, value = floats(table, "case"), floats(table, column)
    signal = table["signal"].to_numpy(bool)
    breaks = np.flatnonzero(signal[:-1]) + 1 if column == "cusum" else np.array([], dtype=int)
    for rows in np.split(np.arange(len(table)), breaks):
        if rows.size:
            start = 0.0 if column == "cusum" or rows[0] == 0 else value[rows[0] - 1]
            sheet.ax.plot(
                np.r_[case[rows[0]] - 1.0, case[rows]], np.r_[start, value[rows]], color=PALETTE["main"],
                linewidth=1.2, zorder=3, clip_on=False, gid="path",
            )  # fmt: skip
    if not signal.any():
        return
    sheet.ax.plot(
        case[signal], value[signal], linestyle="none", marker="o", markersize=8.0, markerfacecolor="none",
        markeredgecolor=PALETTE["signal"], markeredgewidth=1.5, zorder=4, clip_on=False, gid="signal",
    )  # fmt: skip
    end = -np.inf
    places = sheet.pixels(case[signal], value[signal])
    for number_of_case, (x, y) in list(zip(case[signal], places, strict=True))[:MOST_MARKS]:
        word = count(number_of_case)
        half = text_width(word, NOTE) / 2
        if x - half > end + 4:
            end = x + half
            sheet.write(word, ("left", x), ("bottom", y + 9), size=NOTE, align="center", gid="signal-case")
