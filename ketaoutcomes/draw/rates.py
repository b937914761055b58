"""One outcome over its denominators: who is counted decides the rate."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, set_rows, set_share_axis
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import (
    DASH,
    clean,
    count,
    hidden,
    is_hidden,
    missing,
    percent,
    percent_range,
    shorten,
)
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout

__all__ = ["DENOMINATORS", "rates"]

DENOMINATORS = {
    "starters": ("All who started", "not known counts as no"),
    "baseline_eligible": ("With a valid baseline", "not known counts as no"),
    "scored": ("Scored in the window", ""),
}
LEFT, RIGHT, TOP, BOTTOM = 132.0, 140.0, 30.0, 42.0
PITCH, GROUP_PITCH = 36.0, 20.0
ESTIMATE, INTERVAL, RATIO = 10.0, 76.0, 140.0


def rates(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    unit_line: str = "% of the patients counted",
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Dots with intervals and n/N for each denominator, and for each group within it.

    Parameters
    ----------
    table : DataFrame
        denominator, n_events, n, estimate, conf_low, conf_high (shares) and perhaps suppressed.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups; they are rows below the name of the denominator.
    unit_line : str
        Written below the axis.
    level : float
        Confidence level of the intervals, for the head of their column.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    rows = _rows(table, by)
    pitch = PITCH if by is None else GROUP_PITCH
    with theme.context():
        height = TOP + pitch * max(len(rows), 1) + BOTTOM
        layout = Layout(height, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        head = head_of(ax, layout, heading, title=title)
        ax = theme.prepare(ax, head.raised(layout, line=16.0))
        sheet = Sheet(ax)
        set_rows(sheet, len(rows))
        set_share_axis(sheet, 1.0)
        index = [cells["row"] for _, _, cells in rows if cells is not None]
        shown = table.iloc[index]
        places = np.array(
            [place for place, (_, _, cells) in enumerate(rows) if cells is not None], dtype=float
        )
        draw_dots(
            sheet, places, *(floats(shown, c) for c in ("estimate", "conf_low", "conf_high")), GROUPS[0]
        )
        secondary = PALETTE["secondary"]
        sheet.write(f"{100 * level:g}% CI", ("right", INTERVAL), ("top", 12), size=NOTE, color=secondary,
                    align="right", gid="head")  # fmt: skip
        sheet.write(
            "n/N", ("right", RATIO), ("top", 12), size=NOTE, color=secondary, align="right", gid="head"
        )
        for place, (name, detail, cells) in enumerate(rows):
            _write_row(sheet, place, name, detail, cells, indented=by is not None)
        head.write(sheet, 32.0)
        sheet.write(unit_line, ("left", 0), ("bottom", -34), size=BASE, color=secondary, gid="unit")
        return ax


def _rows(table: pd.DataFrame, by: str | None) -> list[tuple[str, str, dict | None]]:
    """Name, detail and cells of each row from the top; a heading has no cells."""
    records = [{**cells, "row": number} for number, cells in enumerate(table.to_dict("records"))]
    rows: list[tuple[str, str, dict | None]] = []
    for denominator in dict.fromkeys(table["denominator"]):
        name, detail = DENOMINATORS.get(denominator, (str(denominator), ""))
        members = [cells for cells in records if cells["denominator"] == denominator]
        if by is None:
            rows += [(name, detail, cells) for cells in members]
        else:
            rows.append((f"{name} ({detail})" if detail else name, "", None))
            rows += [(str(cells[by]), "", cells) for cells in members]
    return rows


def _write_row(
    sheet: Sheet, place: int, name: str, detail: str, cells: dict | None, *, indented: bool
) -> None:
    """Name at the left; estimate, interval and n/N at the right."""
    at = ("data", place)
    heading = cells is None
    room = sheet.size[0] + LEFT if heading else LEFT - 12
    indent = 10.0 if indented and not heading else 0.0
    up = 2.0 if detail else -3.5
    words = shorten(name, room - indent, TABLE, bold=heading)
    sheet.write(words, ("left", -LEFT + indent), at, bold=heading, shift=(0, up), gid="row")
    if detail:
        words = shorten(detail, room, NOTE)
        sheet.write(
            words, ("left", -LEFT), at, size=NOTE, color=PALETTE["secondary"], shift=(0, -10.5), gid="detail"
        )
    if heading:
        return
    estimate, interval, ratio = _texts(cells)
    down = (0, -3.5)
    secondary = PALETTE["secondary"]
    sheet.write(estimate, ("right", ESTIMATE), at, bold=True, shift=down, gid="number")
    sheet.write(
        interval, ("right", INTERVAL), at, color=secondary, align="right", shift=down, gid="interval-text"
    )
    sheet.write(ratio, ("right", RATIO), at, color=secondary, align="right", shift=down, gid="ratio")


def _texts(cells: dict) -> tuple[str, str, str]:
    """Estimate, interval and n/N in words."""
    estimate, size = cells["estimate"], count(cells["n"])
    if is_hidden(cells):
        number, interval = hidden(cells.get("suppressed", True))
        return number, interval, f"of {size}" if size != DASH else DASH
    if missing(estimate):
        return DASH, DASH, clean(f"{count(cells['n_events'])}/{size}")
    interval = percent_range(cells["conf_low"], cells["conf_high"], like=estimate)
    return percent(estimate), interval, f"{count(cells['n_events'])}/{size}"
