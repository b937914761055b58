"""The cumulative distribution of change: the share of patients with at least so many points."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import share_ticks
from ketaoutcomes.draw.footer import footer_lines, with_footer, write_footer
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, percent
from ketaoutcomes.draw.own_axes import make_room, place_of
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of
from ketaoutcomes.draw.scale import set_x_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import y_ticks

__all__ = ["cumulative_change"]

LEFT, RIGHT, TOP, PLOT, BOTTOM = 44.0, 20.0, 34.0, 190.0, 44.0
MARK_GAP = 4.0


def cumulative_change(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    instrument: str,
    higher_is: str,
    by: str | None = None,
    planned: Sequence[float] = (),
    level: float = 0.95,
    steps: bool = True,
    title: str | None = None,
) -> Axes:
    """Share with at least so many points of change in the good direction, as a falling step.

    Parameters
    ----------
    table : DataFrame
        change (points), estimate, conf_low, conf_high, n and the column `by`; rows hidden by a gate have no
        estimate and are left out.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    instrument : str
    higher_is : {"worse", "better"}
    by : str, optional
        Column of the groups; the first three are drawn.
    planned : sequence of float
        Changes whose share is marked with a thin line and its interval.
    level : float
        Confidence level of the intervals, for the words above.
    steps : bool
        False draws only the planned points, for tables that know no others.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    groups = levels(table, by)[:MOST_PER_PANEL]
    good = "fall" if higher_is == "worse" else "rise"
    words = (
        f"% of those scored whose {clean(instrument)} {good} is at least so large; line: {100 * level:g}% CI"
    )
    with theme.context():
        layout = Layout(TOP + PLOT + BOTTOM, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        lines = footer_lines(ax, layout, (_footer(table, by, groups),))
        whole = with_footer(layout, lines)
        place = place_of(ax)
        if place:
            make_room(ax, place, whole)
        head = head_of(ax, whole, words, title=title)
        if place:
            make_room(ax, place, head.raised(whole))
        ax = theme.prepare(ax, head.raised(whole))
        sheet = Sheet(ax)
        change = floats(table, "change")
        low, high = (change.min(), change.max()) if change.size else (0.0, 1.0)
        set_x_axis(sheet, low, high if high > low else low + 1.0, margin_px=6.0)
        ax.set_ylim(0.0, 1.0)
        ticks = share_ticks(1.0)
        y_ticks(sheet, ticks, [percent(tick, decimals=0) for tick in ticks])
        for number, name in enumerate(groups):
            rows = rows_of(table, by, name).sort_values("change", kind="stable")
            _draw_group(sheet, rows, GROUPS[number], planned, steps=steps, shift=MARK_GAP * number)
        _mark(sheet, table, by, groups, planned)
        head.write(sheet, 18.0)
        sheet.write(
            f"{good.capitalize()} from baseline, points (left of 0: the other way)", ("left", 0),
            ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="x-unit",
        )  # fmt: skip
        write_footer(sheet, lines, layout)
        return ax


def _footer(table: pd.DataFrame, by: str | None, groups: Sequence[Hashable]) -> str:
    sizes = []
    for name in groups:
        n = floats(rows_of(table, by, name), "n")
        size = count(n[0]) if n.size else "0"
        sizes.append(f"n = {size}" if by is None else f"{clean(name)}: n = {size}")
    looks = ("solid blue", "dashed black", "dotted grey")
    if by is not None:
        sizes = [f"{words} ({look})" for words, look in zip(sizes, looks, strict=False)]
    return "; ".join(sizes) if sizes else "Nobody was scored."


def _draw_group(
    sheet: Sheet,
    rows: pd.DataFrame,
    style: GroupStyle,
    planned: Sequence[float],
    *,
    steps: bool,
    shift: float,
) -> None:
    """The falling step of a group, and its share with interval at each planned change."""
    x, share = floats(rows, "change"), floats(rows, "estimate")
    known = np.isfinite(share)
    if steps:
        # A share of at least x holds from just above the change before it.
        sheet.ax.plot(
            x[known], share[known], drawstyle="steps-pre", color=style.color, linestyle=style.line,
            linewidth=1.6, zorder=3, gid="share",
        )  # fmt: skip
    at = [place for place in _places(x, planned) if known[place]] if steps else np.flatnonzero(known)
    at = np.asarray(at, dtype=int)
    low, high = floats(rows, "conf_low"), floats(rows, "conf_high")
    ends = np.stack([np.column_stack([x[at], low[at]]), np.column_stack([x[at], high[at]])], axis=1)
    sheet.ax.add_artist(
        LineCollection(
            ends[np.isfinite(ends).all(axis=(1, 2))], colors=style.color, linewidths=1.2, zorder=3.5,
            transform=sheet.shifted(shift), gid="interval",
        )
    )  # fmt: skip
    sheet.ax.plot(
        x[at], share[at], linestyle="none", marker=style.marker, markersize=4.6, color=style.color,
        markerfacecolor=style.fill, markeredgewidth=1.1, zorder=4, transform=sheet.shifted(shift),
        clip_on=False, gid="planned",
    )  # fmt: skip


def _places(x: np.ndarray, planned: Sequence[float]) -> list[int]:
    """The first point at or above each planned change; the share of that many points is the same."""
    return [int(np.searchsorted(x, value - 1e-9)) for value in planned if x.size and value <= x[-1] + 1e-9]


def _mark(
    sheet: Sheet, table: pd.DataFrame, by: str | None, groups: Sequence[Hashable], planned: Sequence[float]
) -> None:
    """The share at each planned change, in figures beside its dot, for a single group."""
    if by is not None or not groups:
        return
    rows = table.sort_values("change", kind="stable")
    x, share, high = (floats(rows, column) for column in ("change", "estimate", "conf_high"))
    last = np.inf
    for place in sorted(set(_places(x, planned)), reverse=True):
        if not np.isfinite(share[place]):
            continue
        across, up = sheet.pixels(x[place], high[place])[0]
        if last - across < 30.0:
            continue
        last = across
        sheet.write(percent(share[place]), ("left", across + 4), ("bottom", up + 2), size=NOTE, bold=True,
                    gid="share-text", on_white=True)  # fmt: skip
