"""Excursions of vital signs: the share of sessions that met each rule, with interval and counts."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.bounds import BOUNDS_KEY, draw_bounds, has_bounds, is_bar, upper_bound
from ketaoutcomes.draw.dots import draw_dots, set_rows, set_share_axis, share_ticks
from ketaoutcomes.draw.forest_series import sizes
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
    wrap,
)
from ketaoutcomes.draw.own_axes import Place, place_of
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of, split
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import x_ticks

__all__ = ["excursions"]

TOP, BOTTOM, HALF_CAPITAL = 46.0, 42.0, 3.5
PITCH, TIGHT_PITCH, MANY_ROWS = 20.0, 16.0, 12
WIDEST_NAMES = 136.0
NUMBERS = (30.0, 48.0, 66.0)  # least room of estimate, interval and counts
NUMBERS_GAP, NUMBERS_SLACK = 7.0, 1.06
SERIES_WIDTH, NARROWEST = 46.0, 40.0
SHORT_NAMES, NARROWEST_NAMES, LEAST_PLOT = 100.0, 60.0, 50.0  # in axes of one's own
WIDTH, PANEL_PX, ACROSS, NOTE_PITCH = 400.0, 84.0, 18.0, 13.0
UNIT = "% of sessions"


def excursions(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Shares of sessions with their intervals, one row per rule, with the numbers at the right.

    A rule that no session met has a hollow dot at 0 and a line to its upper limit. Up to three groups share a
    panel; more stand side by side.

    Parameters
    ----------
    table : DataFrame
        label, estimate, conf_low, conf_high (shares), n_events, n, and perhaps estimate_high (upper bound)
        and suppressed.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups.
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
    names = list(dict.fromkeys(table["label"]))
    groups = levels(table, by)
    if not names:
        return nothing(ax, heading, title=title)
    series = groups if len(groups) <= MOST_PER_PANEL else groups[:1]
    several, grouped = len(groups) > MOST_PER_PANEL, 1 < len(groups) <= MOST_PER_PANEL
    pitch = PITCH if len(names) <= MANY_ROWS else TIGHT_PITCH
    pitch += 7.0 * (len(series) - 1)
    left = min(max([text_width(clean(name), TABLE) for name in names], default=0.0) + 14.0, WIDEST_NAMES)
    place = place_of(ax)
    columns = () if several or grouped else _columns(table, level, place, left)
    right = 14.0 if several else SERIES_WIDTH * len(groups) if grouped else columns[-1].end
    right += 4.0
    width = max(WIDTH, left + right + len(groups) * (PANEL_PX + ACROSS) - ACROSS) if several else WIDTH
    if place:
        left = min(left, max(place.width - right - LEAST_PLOT, NARROWEST_NAMES))
    largest = float(np.nanmax(np.r_[upper_bound(table), floats(table, "conf_high"), 0.01]))
    with theme.context():
        below = _below(table, by, groups, level) if several or grouped else []
        below += [BOUNDS_KEY] if has_bounds(table).any() else []
        bottom = BOTTOM + NOTE_PITCH * len(below)
        layout = Layout(TOP + pitch * max(len(names), 1) + bottom, width, left, right, TOP, bottom)
        if grouped or not ((floats(table, "n_events") == 0) & ~has_bounds(table)).any():
            words = heading
        else:
            words = f"{heading}; hollow: none recorded" if heading else "Hollow: none recorded"
        ax, head = placed(ax, layout, words, title=title, line=8.0)
        sheet = Sheet(ax)
        set_rows(sheet, len(names))
        for number, name in enumerate(names):
            words = shorten(name, left - 8.0, TABLE)
            sheet.write(words, ("left", -left), ("data", number), shift=(0, -HALF_CAPITAL), gid="row")
        if several:
            _panels(ax, table, by, groups, names, largest)
        else:
            set_share_axis(sheet, largest)
            for number, group in enumerate(groups):
                _draw(sheet, rows_of(table, by, group), names, number, len(groups), alone=not grouped)
            if grouped:
                _group_numbers(sheet, table, by, groups, names)
            else:
                _numbers(sheet, table, names, columns)
        head.write(sheet, 40.0)
        for number, words in enumerate(below):
            sheet.write(words, ("left", -left), ("bottom", -49.0 - NOTE_PITCH * number), size=NOTE,
                        color=PALETTE["secondary"], gid="sizes")  # fmt: skip
        sheet.write(UNIT, ("left", 0), ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="unit")
        return ax


def _below(table: pd.DataFrame, by: str, groups: list[Hashable], level: float) -> list[str]:
    """What the lines are, and for groups that share a panel how many sessions each has."""
    lines = [f"Lines: {100 * level:g}% CI"]
    if len(groups) <= MOST_PER_PANEL:
        each = [f"{clean(group)} {sizes(rows_of(table, by, group))}" for group in groups]
        lines += wrap(f"n, sessions: {', '.join(each)}", WIDTH - 10.0, NOTE, max_lines=2)
    return lines


def _draw(sheet: Sheet, rows: pd.DataFrame, names: list, number: int, n_series: int, *, alone: bool) -> None:
    """Dots and intervals of one group; where nothing was found the dot is hollow."""
    place = {name: row for row, name in enumerate(names)}
    at = np.array([place[name] for name in rows["label"]], dtype=float)
    estimate, low, high = (floats(rows, name) for name in ("estimate", "conf_low", "conf_high"))
    up = 7.0 * ((n_series - 1) / 2 - number)
    wide = is_bar(sheet, rows)
    if wide.any():
        ends = estimate[wide], upper_bound(rows)[wide]
        draw_bounds(sheet, at[wide], ends, (low[wide], high[wide]), GROUPS[number], shift=up)
        estimate = np.where(wide, np.nan, estimate)
    none = floats(rows, "n_events") == 0 if alone else np.zeros(at.size, dtype=bool)
    style = GROUPS[number]
    draw_dots(sheet, at[~none], estimate[~none], low[~none], high[~none], style, up=up)
    hollow = theme.GroupStyle(style.color, style.light, style.line, style.marker, PALETTE["paper"])
    draw_dots(sheet, at[none], estimate[none], low[none], high[none], hollow, up=up)


@dataclass(frozen=True)
class _Column:
    """One column of numbers: its head, its texts by row of the table, and its right end from the axes."""

    gid: str
    head: str
    texts: tuple[str, ...]
    end: float


def _columns(table: pd.DataFrame, level: float, place: Place | None, names_px: float) -> list[_Column]:
    """Estimate, interval and counts, each as wide as its texts need.

    In narrow axes of one's own the interval, which is drawn, gives way, then the counts.
    """
    texts = list(zip(*[_texts(cells) for cells in table.to_dict("records")], strict=True)) or [()] * 3
    heads = ("", f"{100 * level:g}% CI", "n/N")
    shown = list(zip(("number", "interval-text", "counts"), heads, texts, NUMBERS, strict=True))
    choices = ((shown, WIDEST_NAMES), ([shown[0], shown[2]], SHORT_NAMES), (shown[:1], NARROWEST_NAMES))
    for kept, most in choices:
        columns, end = [], 0.0
        for gid, head, words, least in kept:
            widths = [text_width(one, TABLE, bold=gid == "number") for one in words] + [
                text_width(head, NOTE)
            ]
            end += max(least, NUMBERS_SLACK * max(widths) + NUMBERS_GAP)
            columns.append(_Column(gid, head, tuple(words), end))
        if place is None or end + 4.0 + LEAST_PLOT + min(names_px, most) <= place.width:
            break
    return columns


def _numbers(sheet: Sheet, table: pd.DataFrame, names: list, columns: list[_Column]) -> None:
    """Estimate, interval and counts of each row."""
    place = {name: row for row, name in enumerate(names)}
    for column in columns:
        end, is_estimate = ("right", column.end), column.gid == "number"
        sheet.write(column.head, end, ("top", 10), size=NOTE, color=PALETTE["secondary"], align="right",
                    gid="head")  # fmt: skip
        for name, words in zip(table["label"], column.texts, strict=True):
            sheet.write(
                words, end, ("data", place[name]), align="right", shift=(0, -HALF_CAPITAL), bold=is_estimate,
                color=PALETTE["text" if is_estimate else "secondary"], gid=column.gid,
            )  # fmt: skip


def _texts(cells: dict) -> tuple[str, str, str]:
    """Estimate, interval and counts in words; what stands for them where they are hidden."""
    if is_hidden(cells):
        return (*hidden(cells.get("suppressed", True)), "")
    if missing(cells["estimate"]):
        return DASH, DASH, DASH
    limits = percent_range(cells["conf_low"], cells["conf_high"], like=cells["estimate"])
    if not cells["n_events"] and not missing(cells["conf_high"]):
        limits = f"0{DASH}{percent(cells['conf_high'], sign=False)}"
    share = percent(cells["estimate"])
    if has_bounds(pd.DataFrame([cells]))[0] and percent(cells["estimate_high"]) != share:
        share = f"{percent_range(cells['estimate'], cells['estimate_high'])}%"
    return share, limits, f"{count(cells['n_events'])}/{count(cells['n'])}"


def _group_numbers(sheet: Sheet, table: pd.DataFrame, by: str, groups: list[Hashable], names: list) -> None:
    """The estimates of the groups at the right, each under its name and marker."""
    place = {name: row for row, name in enumerate(names)}
    for number, group in enumerate(groups):
        end = SERIES_WIDTH * (number + 1)
        style = GROUPS[number]
        head = shorten(group, SERIES_WIDTH - 14.0, NOTE)
        sheet.write(
            head, ("right", end), ("top", 10), size=NOTE, color=style.color, align="right", gid="series"
        )
        sheet.mark(style, ("right", end - text_width(head, NOTE) - 6.0), ("top", 13.5))
        for cells in rows_of(table, by, group).to_dict("records"):
            at = ("data", place[cells["label"]])
            sheet.write(_texts(cells)[0], ("right", end), at, align="right", shift=(0, -HALF_CAPITAL),
                        gid="number")  # fmt: skip


def _set_shares(panel: Sheet, largest: float) -> None:
    """The axis of a panel; where it is too narrow for two labels, with that of its end alone."""
    if panel.size[0] >= NARROWEST:
        set_share_axis(panel, largest)
        return
    end = share_ticks(largest, most=2)[-1]
    panel.ax.set_xlim(0.0, end)
    x_ticks(panel, (0.0, end), ("", percent(end, decimals=0)), grid=True, ends_inwards=True)


def _panels(
    ax: Axes, table: pd.DataFrame, by: str, groups: list[Hashable], names: list, largest: float
) -> None:
    """A panel per group, side by side."""
    width = Sheet(ax).size[0]
    across = ACROSS if width >= len(groups) * (PANEL_PX + ACROSS) - ACROSS - 1.0 else 10.0
    for group, panel_ax in zip(groups, split(ax, len(groups), columns=len(groups), across=across, up=0.0),
                               strict=True):  # fmt: skip
        theme.plain(panel_ax)
        panel = Sheet(panel_ax)
        set_rows(panel, len(names))
        _set_shares(panel, largest)
        panel.write(shorten(group, panel.size[0] + across - 4.0, TABLE, bold=True), ("left", 0), ("top", 21),
                    bold=True, gid="panel")  # fmt: skip
        n = shorten(f"n {sizes(rows_of(table, by, group))}", panel.size[0] + across - 4.0, NOTE)
        panel.write(n, ("left", 0), ("top", 8), size=NOTE, color=PALETTE["secondary"], gid="size")
        _draw(panel, rows_of(table, by, group), names, 0, 1, alone=True)
