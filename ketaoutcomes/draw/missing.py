"""How much of each column is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import set_rows, set_share_axis
from ketaoutcomes.draw.labels import count, hidden, is_hidden, percent, shorten
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, PALETTE, TABLE, Layout

__all__ = ["missing"]

LEFT, RIGHT, TOP, BOTTOM, PITCH = 150.0, 120.0, 8.0, 42.0, 17.0


def missing(
    table: pd.DataFrame, ax: Axes | None = None, *, unit_line: str = "% of rows without a value"
) -> Axes:
    """A bar per column with the share of its cells that are missing, under each table's name.

    Parameters
    ----------
    table : DataFrame
        table, column, n_rows, n_missing, and perhaps share and suppressed.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    unit_line : str
        Written below the axis.

    Returns
    -------
    Axes
    """
    records = table.to_dict("records")
    shares = _shares(table)
    rows: list[tuple[str, int | None]] = []
    for name in dict.fromkeys(table["table"]):
        rows.append((str(name), None))
        rows += [
            (str(cells["column"]), number) for number, cells in enumerate(records) if cells["table"] == name
        ]
    with theme.context():
        height = TOP + PITCH * max(len(rows), 1) + BOTTOM
        ax = theme.prepare(ax, Layout(height, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM))
        sheet = Sheet(ax)
        set_rows(sheet, len(rows))
        set_share_axis(sheet, 1.0)
        bars = [
            Rectangle((0.0, place - 0.3), shares[number], 0.6)
            for place, (_, number) in enumerate(rows)
            if number is not None and np.isfinite(shares[number])
        ]
        ax.add_collection(
            PatchCollection(bars, facecolor=PALETTE["band"], edgecolor="none", gid="share"), autolim=False
        )
        for place, (name, number) in enumerate(rows):
            _write_row(sheet, place, name, None if number is None else records[number], number, shares)
        sheet.write(
            unit_line, ("left", 0), ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="unit"
        )
        return ax


def _shares(table: pd.DataFrame) -> np.ndarray:
    """Share of cells missing; NaN where there are no rows or the count is hidden."""
    if "share" in table.columns:
        return floats(table, "share")
    n_rows = floats(table, "n_rows")
    return floats(table, "n_missing") / np.where(n_rows > 0, n_rows, np.nan)


def _write_row(sheet: Sheet, place: int, name: str, cells: dict | None, number: int | None, shares) -> None:
    heading = cells is None
    words = shorten(name, LEFT - (12 if heading else 22), TABLE, bold=heading)
    at, down = ("data", place), (0, -3.5)
    sheet.write(words, ("left", -LEFT if heading else -LEFT + 10), at, bold=heading, shift=down, gid="row")
    if heading:
        return
    share, ratio = percent(shares[number]), f"{count(cells['n_missing'])}/{count(cells['n_rows'])}"
    if is_hidden(cells):
        share, ratio = hidden(cells.get("suppressed", True))
    sheet.write(share, ("right", 46), at, bold=True, align="right", shift=down, gid="number")
    sheet.write(
        ratio, ("right", RIGHT), at, color=PALETTE["secondary"], align="right", shift=down, gid="ratio"
    )
