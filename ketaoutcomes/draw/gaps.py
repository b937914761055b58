"""How far apart sessions are: boxes by their place in the order, or a row per group."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import set_rows
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import DASH, clean, count, is_hidden, number, shorten, text_width
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.panels import floats, levels, rows_of
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks

__all__ = ["CLOSED", "OPEN_COUNTED", "gaps"]

CLOSED, OPEN_COUNTED = "closed gaps", "open gaps counted"
STEPS = (1.0, 2.0, 7.0, 14.0, 28.0, 56.0, 91.0, 182.0, 364.0, 728.0)
LEFT, RIGHT, TOP, PLOT, BELOW = 76.0, 72.0, 34.0, 180.0, 42.0
NAMES, PITCH, BOTTOM = 96.0, 24.0, 58.0
ROWS_RIGHT, MEDIAN, N_GAPS = 112.0, 58.0, 106.0
BOX_PX, WIDEST = 12.0, 0.6
# Places in the order whose numbers of gaps have room side by side.
MOST_PLACES = 10
SPREAD = "median, middle half"


def gaps(
    by_session: pd.DataFrame,
    ax: Axes | None = None,
    *,
    overall: pd.DataFrame,
    by: str | None = None,
    unit_line: str = "Days to the next session",
    order: str = "after induction",
    title: str | None = None,
) -> Axes:
    """Distribution of the days between sessions.

    Without groups, a box for each place in the order of a patient's gaps, with the number of gaps
    below; with groups, a row for each.

    Parameters
    ----------
    by_session : DataFrame
        number, n, n_open, estimate (median), p25, p75, p10, p90. Not used with `by`.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    overall : DataFrame
        measure ("closed gaps", "open gaps counted"), estimate (median), p25, p75, n, and the column `by`.
    by : str, optional
        Column of the groups in `overall`.
    unit_line : str
        Written above the axis.
    order : str
        Where the order starts, in words.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    with theme.context():
        if by is not None:
            return _rows(overall, ax, by, unit_line, title)
        return _boxes(by_session, ax, overall, unit_line, order, title)


def _boxes(table: pd.DataFrame, ax, overall: pd.DataFrame, unit_line: str, order: str, title) -> Axes:
    """A box per place in the order, and the medians of all gaps at the right."""
    n_places, table = len(table), table.iloc[:MOST_PLACES]
    lines = [Line("Closed gaps", tuple(count(cell) for cell in table["n"]))]
    lines.append(Line("Open gaps", tuple(count(cell) for cell in table["n_open"])))
    lines = lines if len(table) else []
    below = BELOW + table_height(len(lines))
    layout = Layout(TOP + PLOT + below, left=LEFT, right=RIGHT, top=TOP, bottom=below)
    spread = f"{unit_line}: {SPREAD}, 10th to 90th percentile" if len(table) else unit_line
    head = head_of(ax, layout, spread, title=title)
    ax = theme.prepare(ax, head.raised(layout))
    sheet = Sheet(ax)
    places = floats(table, "number")
    medians = {row["measure"]: row["estimate"] for row in overall.to_dict("records")}
    finite = [value for value in medians.values() if not isinstance(value, str) and np.isfinite(value)]
    top = max(np.nanmax(floats(table, "p90"), initial=1.0), *finite, 1.0) * 1.06
    ax.set_xlim(0.4, (places.max(initial=1.0)) + 0.6)
    ax.set_ylim(0.0, top)
    ticks = _ticks(top)
    y_ticks(sheet, ticks, [f"{tick:g}" for tick in ticks])
    x_ticks(sheet, places, [f"{place:g}" for place in places])
    half = min(WIDEST, BOX_PX * (ax.get_xlim()[1] - 0.4) / sheet.size[0]) / 2
    _draw_boxes(sheet, table, places, half)
    _label_medians(sheet, medians, top)
    head.write(sheet, 20.0)
    cut = f" (first {MOST_PLACES} of {n_places})" if n_places > MOST_PLACES else ""
    words = f"Gap, counted {clean(order)}{cut}"
    sheet.write(words, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="order")
    if lines:
        write_numbers(sheet, places, lines, left=LEFT, top=BELOW)
    else:
        sheet.write("Too few gaps for a box", ("left", 8), ("bottom", 80), size=BASE, gid="empty")
    return ax


def _draw_boxes(sheet: Sheet, table: pd.DataFrame, places: np.ndarray, half: float) -> None:
    style = GROUPS[0]
    low, high, middle = (floats(table, name) for name in ("p25", "p75", "estimate"))
    outer = [np.column_stack([places, floats(table, name)]) for name in ("p10", "p90")]
    sheet.ax.add_collection(
        LineCollection(np.stack(outer, axis=1), colors=style.color, linewidths=1.0, zorder=2, gid="spread"),
        autolim=False,
    )
    corners = [(-half, low), (-half, high), (half, high), (half, low)]
    boxes = np.stack([np.column_stack([places + side, edge]) for side, edge in corners], axis=1)
    sheet.ax.add_collection(
        PolyCollection(
            boxes, facecolors=style.light, edgecolors=style.color, linewidths=0.8, zorder=3, gid="box"
        ),
        autolim=False,
    )
    across = np.stack([np.column_stack([places + side, middle]) for side in (-half, half)], axis=1)
    sheet.ax.add_collection(
        LineCollection(across, colors=style.color, linewidths=2.2, zorder=4, gid="median"), autolim=False
    )


def _label_medians(sheet: Sheet, medians: dict, top: float) -> None:
    """Short rules at the right edge for the medians of all gaps, with their words beside them."""
    height = sheet.size[1]
    words = {CLOSED: "closed gaps", OPEN_COUNTED: "open counted"}
    styles = {CLOSED: "solid", OPEN_COUNTED: (0, (3.0, 2.0))}
    known = [(name, value) for name, value in medians.items() if name in words]
    wanted = [height * min(float(value), top) / top if _is_number(value) else height for _, value in known]
    ups = _apart(wanted, 26.0, height)
    for (name, value), up in zip(known, ups, strict=True):
        if _is_number(value):
            sheet.rule(
                (("left", 0), ("left", sheet.size[0] + 4)), (("data", float(value)), ("data", float(value))),
                color=PALETTE["secondary"], width=0.8, style=styles[name], gid="overall", zorder=1.5,
            )  # fmt: skip
        secondary = PALETTE["secondary"]
        text = f"median {_days(value)}" if _is_number(value) else "not reached"
        sheet.write(
            words[name], ("right", 7), ("bottom", up + 1), size=NOTE, color=secondary, gid="overall-name"
        )
        sheet.write(text, ("right", 7), ("bottom", up - 11), size=NOTE, color=secondary, gid="overall-name")


def _rows(overall: pd.DataFrame, ax, by: str, unit_line: str, title) -> Axes:
    """A row per group: the middle half of its closed gaps, their median, and the one with open gaps."""
    names = levels(overall, by)
    layout = Layout(
        TOP + PITCH * max(len(names), 1) + BOTTOM, left=NAMES, right=ROWS_RIGHT, top=TOP, bottom=BOTTOM
    )
    head = head_of(ax, layout, f"{unit_line}: {SPREAD}", title=title)
    ax = theme.prepare(ax, head.raised(layout, line=16.0))
    sheet = Sheet(ax)
    set_rows(sheet, len(names))
    parts = {name: overall[overall["measure"] == name] for name in (CLOSED, OPEN_COUNTED)}
    ends = [floats(part, "estimate") for part in parts.values()] + [floats(parts[CLOSED], "p75")]
    known = np.concatenate([values[np.isfinite(values)] for values in ends])
    right = max(known.max(initial=1.0), 1.0) * 1.06
    ax.set_xlim(0.0, right)
    ticks = _ticks(right, most=max(sheet.size[0] // 34, 2))
    x_ticks(sheet, ticks, [f"{tick:g}" for tick in ticks], grid=True)
    secondary = PALETTE["secondary"]
    for words, across in (("median", MEDIAN), ("closed", N_GAPS)):
        sheet.write(
            words, ("right", across), ("top", 12), size=NOTE, color=secondary, align="right", gid="head"
        )
    for place, level in enumerate(names):
        closed, counted = (rows_of(part, by, level) for part in parts.values())
        _draw_row(sheet, place, level, closed, counted)
    head.write(sheet, 32.0)
    sheet.write("Days", ("left", 0), ("bottom", -33), size=BASE, color=secondary, gid="days")
    _key(sheet)
    return ax


def _draw_row(sheet: Sheet, place: int, level, closed: pd.DataFrame, counted: pd.DataFrame) -> None:
    style = GROUPS[0]
    sheet.write(
        shorten(level, NAMES - 10, BASE), ("left", -NAMES + 2), ("data", place), size=BASE, gid="group",
        shift=(0.0, -4.0),
    )  # fmt: skip
    if not len(closed):
        return
    cells = closed.iloc[0].to_dict()
    low, high, middle = (floats(closed, name)[0] for name in ("p25", "p75", "estimate"))
    if np.isfinite([low, high]).all():
        corners = [(low, place - 0.26), (low, place + 0.26), (high, place + 0.26), (high, place - 0.26)]
        box = PolyCollection(
            [corners], facecolors=style.light, edgecolors=style.color, linewidths=0.8, zorder=3, gid="box"
        )
        sheet.ax.add_collection(box, autolim=False)
    for part, fill, gid in ((closed, style.color, "median"), (counted, PALETTE["paper"], "median-open")):
        value = floats(part, "estimate")
        value = value[np.isfinite(value)]
        sheet.ax.plot(
            value, np.full(value.size, place), linestyle="none", marker="o", markersize=4.6,
            color=style.color, markerfacecolor=fill, markeredgewidth=1.1, clip_on=False,
            zorder=5 if gid == "median" else 4, gid=gid,
        )  # fmt: skip
    hidden = is_hidden(cells)
    texts = ((DASH if hidden else _days(middle), MEDIAN), (count(cells["n"]), N_GAPS))
    for text, across in texts:
        sheet.write(
            text, ("right", across), ("data", place), size=TABLE, align="right", shift=(0.0, -3.6), gid="cell"
        )


def _key(sheet: Sheet) -> None:
    """What a full and a hollow dot are, below the axis."""
    style, at = GROUPS[0], -NAMES + 6
    for words, fill in (("closed gaps", style.color), ("open gaps counted", PALETTE["paper"])):
        mark = theme.GroupStyle(style.color, style.light, style.line, "o", fill)
        sheet.mark(mark, ("left", at), ("bottom", -47))
        sheet.write(
            words, ("left", at + 8), ("bottom", -50), size=NOTE, color=PALETTE["secondary"], gid="key"
        )
        at += 8 + text_width(words, NOTE) + 18


def _ticks(top: float, *, most: float = 6.0) -> np.ndarray:
    """Days from 0 up to `top`, in steps of days or weeks."""
    step = next((step for step in STEPS if top / step <= most), STEPS[-1])
    return np.arange(0.0, top, step)


def _apart(wanted: list[float], least: float, top: float) -> list[float]:
    """Places at least so far apart, each as near as may be to where it is wanted."""
    order = np.argsort(wanted, kind="stable")
    places = np.array(wanted, dtype=float)
    for low, high in pairwise(order):
        lack = least - (places[high] - places[low])
        if lack > 0:
            places[high] += lack / 2
            places[low] -= lack / 2
    return (places - max(places.max(initial=0.0) - top, 0.0)).tolist()


def _days(value) -> str:
    if not _is_number(value):
        return DASH
    return number(value, 0 if float(value).is_integer() else 1)


def _is_number(value) -> bool:
    return not isinstance(value, str) and value is not None and bool(np.isfinite(value))
