"""Rates by groups of session numbers: small pictures with intervals and the sessions recorded below."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.bounds import BOUNDS_KEY, draw_bounds, has_bounds, is_bar, upper_bound
from ketaoutcomes.draw.dots import share_ticks
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import (
    DASH,
    clean,
    count,
    hidden,
    is_hidden,
    missing,
    percent,
    shorten,
    text_width,
)
from ketaoutcomes.draw.panels import floats, levels, split
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import GROUPS, NOTE, PALETTE, TABLE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks

__all__ = ["session_rates", "short_count"]

LEFT, RIGHT, TOP, KEY, PLOT, SINGLE_PLOT, ABOVE_PANEL = 40.0, 10.0, 24.0, 20.0, 112.0, 170.0, 24.0
ACROSS, LINE, BELOW = 46.0, 12.0, 24.0
APART = 7.0
FIXED = {"checklist": GROUPS[0], "spontaneous": GROUPS[1]}
FOURTH = GroupStyle(PALETTE["secondary"], PALETTE["spread"], (0, (6.0, 1.5, 1.0, 1.5)), "^", PALETTE["paper"])


def session_rates(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    panel: str = "effect",
    series: str = "ascertainment",
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Rate in each group of session numbers, a small picture per level of `panel`.

    The series of a picture (ways of asking, or groups) are at most three. Below each picture stand the
    sessions recorded, per series.

    Parameters
    ----------
    table : DataFrame
        The columns `panel` and `series`, session_group (in order), estimate, conf_low, conf_high (shares),
        n, and perhaps n_events and suppressed.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    level : float
        Confidence level, for the line above.
    heading : str
        What is drawn.
    title : str, optional

    Returns
    -------
    Axes
    """
    panels, names = levels(table, panel), levels(table, series)
    bands = list(dict.fromkeys(table["session_group"]))
    styles = _styles(names)
    columns = 1 if len(panels) < 2 else 2
    n_rows = -(-len(panels) // columns)
    below = BELOW + LINE * (len(names) + 1)
    words = f"{heading}. Bars: {100 * level:g}% CI" if heading else f"Bars: {100 * level:g}% CI"
    if has_bounds(table).any():
        words += f". {BOUNDS_KEY}"
    with theme.context():
        plot = PLOT if columns > 1 else SINGLE_PLOT
        body = n_rows * (ABOVE_PANEL + plot) + max(n_rows - 1, 0) * below
        top = TOP + (KEY if len(names) > 1 else 0.0)
        layout = Layout(top + max(body, ABOVE_PANEL) + below, left=LEFT, right=RIGHT, top=top, bottom=below)
        head = head_of(ax, layout, words, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        outer = Sheet(ax)
        head.write(outer, 8.0 + (KEY if len(names) > 1 else 0.0))
        if not panels:
            ax.set_axis_off()
            outer.write(
                "not recorded", ("left", -LEFT), ("top", -14), color=PALETTE["secondary"], gid="empty"
            )
            return ax
        _write_key(outer, names, styles)
        most = _top(table)
        places = split(
            ax, len(panels), columns=columns, across=ACROSS, up=ABOVE_PANEL + below, below_top=ABOVE_PANEL
        )
        for place, name in zip(places, panels, strict=True):
            rows = table[table[panel] == name]
            _draw_panel(place, name, rows, bands, panel, series, names, styles, most)
        return ax


def _styles(names: Sequence[Hashable]) -> dict[Hashable, GroupStyle]:
    """Checklist and spontaneous look alike in every picture; other ways and groups take what is left."""
    fixed = {name: FIXED[name] for name in names if name in FIXED}
    taken = list(fixed.values())
    free = [style for style in (*GROUPS, FOURTH) if style not in taken]
    others = [name for name in names if name not in fixed]
    return fixed | {name: free[place % len(free)] for place, name in enumerate(others)}


def _top(table: pd.DataFrame) -> float:
    """What the axes must hold: the estimates, and their limits up to twice as high."""
    highest = float(np.nanmax(upper_bound(table), initial=0.0))
    limits = float(np.nanmax(floats(table, "conf_high"), initial=0.0))
    return min(max(highest, min(limits, 2.0 * highest), 0.02), 1.0)


def _write_key(sheet: Sheet, names: Sequence[Hashable], styles: dict[Hashable, GroupStyle]) -> None:
    """Which marker is which, in one line below the heading."""
    if len(names) < 2:
        return
    across = -LEFT + 8.0
    for name in names:
        words = shorten(clean(name), 120.0, NOTE)
        sheet.mark(styles[name], ("left", across), ("top", 13.5))
        sheet.write(
            words, ("left", across + 9), ("top", 10), size=NOTE, color=styles[name].color, gid="series"
        )
        across += 9 + text_width(words, NOTE) + 18


def _draw_panel(place: Axes, name, rows, bands, panel: str, series: str, names, styles, top) -> None:
    """One picture with its axes, series and numbers."""
    theme.plain(place)
    sheet = Sheet(place)
    ticks = share_ticks(top, most=4)
    # Limits that reach beyond the axis end at its edge.
    place.set_ylim(0.0, ticks[-1])
    y_ticks(sheet, ticks, [percent(tick, decimals=0, sign=tick == ticks[-1]) for tick in ticks])
    place.set_xlim(-0.5, len(bands) - 0.5)
    x_ticks(sheet, np.arange(len(bands)), [clean(band) for band in bands])
    words = clean(name)
    # Names of groups stand as they are recorded.
    words = words[:1].upper() + words[1:] if panel == "effect" else words
    words = shorten(words, sheet.size[0] + LEFT, TABLE, bold=True)
    sheet.write(words, ("left", -LEFT + 8), ("top", 10), bold=True, gid="panel")
    where = {band: number for number, band in enumerate(bands)}
    present = [one for one in names if (rows[series] == one).any()]
    for number, one in enumerate(present):
        own = rows[rows[series] == one]
        x = np.array([where[band] for band in own["session_group"]], dtype=float)
        _draw_series(sheet, x, own, styles[one], APART * (number - (len(present) - 1) / 2))
    for number, one in enumerate(names):
        _write_numbers(sheet, rows[rows[series] == one], where, styles[one], len(names), number)
    sheet.write(
        "Session",
        ("left", -LEFT + 8),
        ("bottom", -16),
        size=NOTE,
        color=PALETTE["secondary"],
        gid="axis-name",
    )


def _draw_series(sheet: Sheet, x: np.ndarray, rows: pd.DataFrame, style: GroupStyle, shift: float) -> None:
    values, low, high = (floats(rows, name) for name in ("estimate", "conf_low", "conf_high"))
    upper, is_wide = upper_bound(rows), is_bar(sheet, rows, upright=True)
    transform = sheet.shifted(shift)
    end = sheet.ax.get_ylim()[1]
    has_line = np.isfinite(values) & np.isfinite(low) & np.isfinite(high)
    ends = np.stack([np.column_stack([x, low]), np.column_stack([x, np.minimum(high, end)])], axis=1)
    sheet.ax.add_artist(
        LineCollection(
            ends[has_line], colors=style.color, linewidths=1.1, transform=transform, zorder=3, clip_on=False,
            gid="interval",
        )
    )  # fmt: skip
    is_cut = has_line & (high > end)
    sheet.ax.plot(
        x[is_cut], np.full(int(is_cut.sum()), end), linestyle="none", marker="^", markersize=3.4,
        color=style.color, transform=transform, clip_on=False, zorder=4, gid="beyond",
    )  # fmt: skip
    if is_wide.any():
        none = np.full(int(is_wide.sum()), np.nan)
        draw_bounds(
            sheet, x[is_wide], (values[is_wide], np.minimum(upper[is_wide], end)), (none, none), style,
            shift=shift, upright=True,
        )  # fmt: skip
    sheet.ax.plot(
        x, np.where(is_wide, np.nan, values), color=style.color, linewidth=0.9, linestyle=style.line,
        marker=style.marker, markersize=4.4, markerfacecolor=style.fill, markeredgewidth=1.1,
        transform=transform, clip_on=False, zorder=5, gid="estimate",
    )  # fmt: skip


def _write_numbers(sheet: Sheet, rows, where, style: GroupStyle, n_series: int, number: int) -> None:
    """Sessions recorded below each place."""
    width = sheet.size[0] / max(len(where), 1) - 2.0
    up = ("bottom", -BELOW - 6.0 - LINE * number)
    color = style.color if n_series > 1 else PALETTE["secondary"]
    sheet.write("n", ("left", -LEFT + 8), up, size=NOTE, color=color, gid="n-label")
    bands_there = set(rows["session_group"])
    absent = [{"session_group": band, "n": float("nan")} for band in where if band not in bands_there]
    for cells in [*rows.to_dict("records"), *absent]:
        words = short_count(cells["n"], width)
        if is_hidden(cells):
            words = hidden(cells.get("suppressed", True))[0]
        elif words == "0":
            words = DASH
        sheet.write(
            words,
            ("data", where[cells["session_group"]]),
            up,
            size=NOTE,
            color=color,
            align="center",
            gid="n",
        )


def short_count(value, width: float) -> str:
    """A count in full where it fits in `width` px of note type, else in thousands: ``"12k"``."""
    words = count(value)
    if text_width(words, NOTE) <= width or isinstance(value, str) or missing(value):
        return words
    return f"{float(value) / 1000:.1f}k" if value < 9_950 else f"{float(value) / 1000:.0f}k"
