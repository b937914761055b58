"""Rare events: shares with intervals on a square-root axis, and upper limits where none is recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.bounds import draw_bounds
from ketaoutcomes.draw.dots import draw_dots, set_rows
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
    text_width,
)
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import x_ticks

__all__ = ["safety_events"]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 520.0, 178.0, 158.0, 22.0, 62.0
PITCH, COUNT_PX, TEXT_PX, TEXT_GAP = 19.0, 62.0, 150.0, 12.0
TICKS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.10, 0.20, 0.30, 0.50, 0.75, 1.0)
PX_PER_TICK = 30.0
LIMIT_PX = 4.0
LINE_PX = 14.0
NAMES = {"session": "Per session", "patient": "Per patient"}


@dataclass(frozen=True)
class _Row:
    """One line of the picture: a heading, or the cells of one share."""

    words: str
    cells: dict | None = None
    is_head: bool = False
    indent: float = 0.0


def safety_events(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Shares of sessions and of patients, one row per event, with n of N and the numbers at the right.

    With no event a line runs from 0 to the upper limit, that of sessions with patients as n; the tick on
    it is the limit if sessions were independent. Where records do not tell, a hollow bar runs from the
    lower to the upper bound. What is not recorded says so. Groups are rows below their event.

    Parameters
    ----------
    table : DataFrame
        event, ascertainment, per, n_events, n, estimate, conf_low, conf_high, conf_high_sessions (shares),
        and estimate_low, estimate_high if there are bounds. A hidden row prints "1–10" or a dash, and
        "not shown".
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups.
    level : float
        Confidence level, for the head of the numbers.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    rows = _rows(table, by)
    if not rows:
        return nothing(ax, heading, title=title, width=WIDTH)
    shares = [(place, row.cells) for place, row in enumerate(rows) if row.cells is not None]
    key = _key(shares, level)
    with theme.context():
        bottom = BOTTOM + LINE_PX * max(len(key) - 2, 0)
        height = TOP + PITCH * max(len(rows), 1) + bottom
        texts = max([TEXT_PX, *(COUNT_PX + TEXT_GAP + _text_px(cells) for _, cells in shares)])
        right = texts + RIGHT - TEXT_PX
        layout = Layout(height, width=WIDTH, left=LEFT, right=right, top=TOP, bottom=bottom)
        ax, head = placed(ax, layout, heading, title=title, line=16.0)
        sheet = Sheet(ax)
        set_rows(sheet, len(rows))
        shown = table[floats(table, "n") > 0] if len(table) else table
        _set_axis(sheet, np.nanmax(np.r_[floats(shown, "estimate"), floats(shown, "conf_high"), 0.01]))
        for place, row in enumerate(rows):
            _name(sheet, place, row, texts)
            if row.cells is not None:
                _write_numbers(sheet, place, row.cells, texts)
        _draw(sheet, shares)
        words = f"n of N; % ({100 * level:g}% CI)"
        sheet.write(
            words, ("right", texts), ("top", 8), size=NOTE, color=PALETTE["secondary"], align="right",
            gid="head",
        )  # fmt: skip
        head.write(sheet, 24.0)
        _write_key(sheet, key)
        return ax


def _rows(table: pd.DataFrame, by: str | None) -> list[_Row]:
    """Headings "Per session" and "Per patient", events below them, and groups below their event."""
    rows = []
    for per, words in NAMES.items():
        part = table[table["per"] == per]
        if not len(part):
            continue
        rows.append(_Row(words, is_head=True))
        for _, cells in part.groupby(["event", "ascertainment"], sort=False):
            event, way = cells.iloc[0][["event", "ascertainment"]]
            name = clean(event)[:1].upper() + clean(event)[1:] + (f", {clean(way)}" if way else "")
            records = cells.to_dict("records")
            asked = [one for one in records if not (way and _is_absent(one))]
            # A group that does not ask in this way has no row, where another group does.
            records = asked or records
            if by is None:
                rows.append(_Row(name, records[0]))
                continue
            rows.append(_Row(name))
            rows += [_Row(clean(one[by]), one, indent=10.0) for one in records]
    return rows


def _set_axis(sheet: Sheet, largest: float) -> None:
    """Per cent along the x axis, whose lengths are the square roots of shares."""
    last = float(np.sqrt(min(tick for tick in TICKS if tick >= min(largest, 1.0))))
    sheet.ax.set_xlim(0.0, last)
    width, _ = sheet.size
    kept: list[float] = []
    # From the right, so that the ticks that crowd near zero give way.
    for tick in reversed([tick for tick in TICKS if np.sqrt(tick) <= last]):
        at = np.sqrt(tick) / last * width
        if not kept or np.sqrt(kept[-1]) / last * width - at >= PX_PER_TICK:
            kept.append(tick)
    ticks = np.array(sorted({0.0, *(tick for tick in kept if np.sqrt(tick) / last * width >= PX_PER_TICK)}))
    names = [
        percent(tick, decimals=1 if 0 < tick < 0.01 else 0, sign=number == len(ticks) - 1)
        for number, tick in enumerate(ticks)
    ]
    x_ticks(sheet, np.sqrt(ticks), names, grid=True)


def _name(sheet: Sheet, place: int, row: _Row, texts: float) -> None:
    at = ("data", place)
    words = shorten(row.words, LEFT - 10 - row.indent, TABLE, bold=row.is_head)
    sheet.write(words, ("left", -LEFT + row.indent), at, bold=row.is_head, shift=(0, -3.5), gid="row")
    if row.is_head and place:
        above = ("data", place - 0.5)
        sheet.rule((("left", -LEFT), ("left", sheet.size[0] + texts)), (above, above), gid="section")


def _write_numbers(sheet: Sheet, place: int, cells: dict, texts: float) -> None:
    """n of N, and the share with its interval."""
    at, shift = ("data", place), (0, -3.5)
    counted, words = _texts(cells)
    sheet.write(counted, ("right", COUNT_PX), at, align="right", shift=shift, gid="count")
    sheet.write(
        words, ("right", texts), at, color=PALETTE["secondary"], align="right", shift=shift,
        gid="interval-text",
    )  # fmt: skip


def _text_px(cells: dict) -> float:
    return 1.05 * text_width(_texts(cells)[1], TABLE)


def _texts(cells: dict) -> tuple[str, str]:
    """n of N, and the share with its interval; with no event what it is at most."""
    if is_hidden(cells):
        return hidden(cells.get("suppressed", True))
    if _is_absent(cells):
        return "", "not recorded"
    if _is_zero(cells):
        return f"0 of {count(cells['n'])}", _at_most(cells)
    counted = f"{count(cells['n_events'])} of {count(cells['n'])}"
    low, high = _bounds(cells)
    interval = percent_range(cells["conf_low"], cells["conf_high"], like=low)
    share = percent(low) if low == high else f"{percent_range(low, high)}%"
    return counted, share + ("" if interval == DASH else f" ({interval})")


def _at_most(cells: dict) -> str:
    """``"at most 0.5–5.4%"``: if sessions were independent, and with patients as n."""
    high, other = cells["conf_high"], cells.get("conf_high_sessions")
    if missing(high):
        return DASH
    if missing(other):
        return f"at most {percent(high)}"
    return f"at most {percent_range(other, high)}%"


def _bounds(cells: dict) -> tuple[float, float]:
    """Lower and upper bound of a share; the share twice where there is but one."""
    low, high = cells.get("estimate_low"), cells.get("estimate_high")
    if missing(low) or missing(high):
        return cells["estimate"], cells["estimate"]
    return low, high


def _has_bounds(cells: dict) -> bool:
    return not is_hidden(cells) and not _is_absent(cells) and _bounds(cells)[0] < _bounds(cells)[1]


def _is_absent(cells: dict) -> bool:
    return not is_hidden(cells) and (missing(cells["n"]) or not cells["n"])


def _is_zero(cells: dict) -> bool:
    if is_hidden(cells) or missing(cells["n"]) or missing(cells["n_events"]):
        return False
    return bool(cells["n"] > 0 and cells["n_events"] == 0)


def _draw(sheet: Sheet, shares: list[tuple[int, dict]]) -> None:
    """Dots with intervals; open dots at 0 with the line to the limit and a tick on it."""
    style, hollow = GROUPS[0], GROUPS[1]
    cells = pd.DataFrame([one for _, one in shares])
    if not len(cells):
        return
    place = np.array([at for at, _ in shares], dtype=float)
    is_zero = np.array([_is_zero(one) for _, one in shares])
    estimate, low, high = (
        np.sqrt(floats(cells, name).clip(0.0)) for name in ("estimate", "conf_low", "conf_high")
    )
    has_bar = np.array([_has_bounds(one) for _, one in shares])
    dots = ~is_zero & ~has_bar
    draw_dots(sheet, place[dots], *(values[dots] for values in (estimate, low, high)), style)
    ends = np.sqrt([_bounds(one) for _, one in shares])
    for rows, look in ((has_bar & ~is_zero, style), (has_bar & is_zero, hollow)):
        draw_bounds(sheet, place[rows], tuple(ends[rows].T), (low[rows], high[rows]), look)
    zero = np.zeros(int(is_zero.sum()))
    draw_dots(sheet, place[is_zero], zero, zero, high[is_zero], hollow)
    limits = np.concatenate([high[is_zero], np.sqrt(floats(cells, "conf_high_sessions"))[is_zero]])
    at = np.tile(place[is_zero], 2)
    known = np.isfinite(limits)
    # Ticks of a fixed height in px, whatever the pitch of the rows.
    half = LIMIT_PX / PITCH
    lines = np.stack([np.column_stack([limits, at - half]), np.column_stack([limits, at + half])], axis=1)
    sheet.ax.add_artist(
        LineCollection(
            lines[known], colors=hollow.color, linewidths=1.2, clip_on=False, zorder=3, gid="limit"
        )
    )


def _key(shares: list[tuple[int, dict]], level: float) -> list[str]:
    """What the axis and the lines are."""
    lines = ["% of sessions, or of patients, with that record (square-root axis)"]
    if any(_has_bounds(cells) for _, cells in shares):
        lines.append("Hollow bar and two numbers: bounds, if none or all of those not known had the event")
    if any(_is_zero(cells) for _, cells in shares):
        lines.append(
            f"No event: upper limit ({100 * level:g}% CI); per session, if sessions were independent and "
            "with patients as n"
        )
    return lines


def _write_key(sheet: Sheet, lines: list[str]) -> None:
    for number, words in enumerate(lines):
        sheet.write(
            words, ("left", -LEFT), ("bottom", -36.0 - LINE_PX * number), size=BASE,
            color=PALETTE["secondary"], gid="unit",
        )  # fmt: skip
