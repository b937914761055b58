"""Published numbers and the clinic's, one pair below the other, with what each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, share_ticks
from ketaoutcomes.draw.footer import footer_lines, with_footer, write_footer
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import DASH, count, missing, number, percent, percent_range, wrap
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.scale import round_ticks, tick_names
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, PX_PER_INCH, TABLE, GroupStyle, Layout
from ketaoutcomes.draw.ticks import x_ticks

__all__ = ["THERE", "beside"]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 640.0, 318.0, 142.0, 40.0, 8.0
LINE, AIR, AXIS, PAIR = 12.0, 14.0, 46.0, 16.0
NARROWEST_PLOT, NARROWEST_WORDS, GAP, MARGIN = 110.0, 140.0, 20.0, 4.0
# Widths are estimates: fonts that are hinted for a screen run a little wider.
SLACK, MOST_LINES = 1.06, 14
# Published values are hollow and grey everywhere; the clinic's are filled.
THERE = GroupStyle(PALETTE["secondary"], PALETTE["spread"], "solid", "D", PALETTE["paper"])
HERE = GROUPS[0]
UNITS = {"share": "% of patients", "days": "Days", "sessions": "Sessions"}
ESTIMATE_RIGHT, INTERVAL_RIGHT, RATIO_RIGHT = 40.0, 92.0, 138.0


@dataclass(frozen=True)
class _Block:
    """One pair of numbers with the words at its left."""

    cells: Mapping
    heads: tuple[str, ...]
    lines: tuple[str, ...]
    says: tuple[str, ...]

    @property
    def height(self) -> float:
        return max(LINE * (len(self.heads) + len(self.lines) + len(self.says)), 2 * PAIR) + AIR


def beside(
    table: pd.DataFrame, ax: Axes | None = None, *, level: float = 0.95, title: str | None = None
) -> Axes:
    """Pairs of a published number (hollow) and the clinic's (filled) with their intervals.

    Each pair has its definition in words at the left. Shares, days and sessions have an axis each. Numbers
    on instruments that the clinic does not record are named at the foot.

    Parameters
    ----------
    table : DataFrame
        study, quantity, definition, window, denominator, here, unit, published, published_low,
        published_high, published_n_events, published_n, estimate, estimate_high, conf_low,
        conf_high, n, n_events, words, and perhaps verified.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    level : float
        Confidence level of the clinic's intervals.
    title : str, optional

    Returns
    -------
    Axes
    """
    left = _words_width(ax)
    shown, absent = table[table["here"] != ""], table[table["here"] == ""]
    panels = [
        (unit, [_block(cells, left) for cells in shown[shown["unit"] == unit].to_dict("records")])
        for unit in UNITS
        if (shown["unit"] == unit).any()
    ]
    heights = [sum(block.height for block in blocks) for _, blocks in panels]
    body = sum(heights) + AXIS * len(panels)
    heading = "Published (hollow), and here under the same definition (filled)"
    foot = tuple(f"{row.study}: {row.words}." for row in absent.itertuples())
    with theme.context():
        layout = Layout(TOP + body + BOTTOM, WIDTH, left, RIGHT, TOP, BOTTOM)
        head = head_of(ax, layout, heading, title=title)
        below = footer_lines(ax, layout, foot)
        ax = theme.prepare(ax, head.raised(with_footer(layout, below)))
        ax.set_axis_off()
        sheet = Sheet(ax)
        down = 0.0
        for (unit, blocks), height in zip(panels, heights, strict=True):
            panel = _inset(ax, sheet, down, height)
            _draw_panel(panel, unit, blocks, height, left)
            if not down:
                _write_heads(sheet, level)
            down += height + AXIS
        if not panels:
            sheet.write("no number here", ("left", -left), ("top", -12), color=PALETTE["secondary"])
        head.write(sheet, 24.0)
        write_footer(sheet, below, layout)
        return ax


def _write_heads(sheet: Sheet, level: float) -> None:
    for words, right in ((f"{100 * level:g}% CI", INTERVAL_RIGHT), ("n/N", RATIO_RIGHT)):
        sheet.write(words, ("right", right), ("top", 6), size=NOTE, color=PALETTE["secondary"],
                    align="right", gid="column")  # fmt: skip


def _words_width(ax: Axes | None) -> float:
    """Room in px for the words at the left: what the figure leaves beside the narrowest plot."""
    if ax is None:
        return LEFT
    figure = ax.figure
    asked = figure.open_lengths if isinstance(figure, theme.ModuleFigure) else None
    if asked is not None and figure.axes == [ax]:
        room = (asked["width"] or WIDTH) - RIGHT - NARROWEST_PLOT
    else:
        # Axes of one's own keep their place.
        room = ax.bbox.x0 * PX_PER_INCH / figure.dpi - MARGIN
    return float(np.clip(room, NARROWEST_WORDS, LEFT))


def _block(cells: Mapping, left: float) -> _Block:
    """The words at the left of a pair: what, theirs, here, and what may be said."""
    room = (left - GAP) / SLACK
    what = f"{cells['study']}: {_lower(cells['quantity'])}"
    if not cells.get("verified", True):
        what += " (not checked against its source)"
    heads = wrap(what, room / SLACK, TABLE, max_lines=MOST_LINES)
    theirs = f"There: {cells['definition']}; {cells['window']}; denominator: {cells['denominator']}"
    lines = wrap(theirs, room, NOTE, max_lines=MOST_LINES)
    lines += wrap(f"Here: {cells['here']}", room, NOTE, max_lines=MOST_LINES)
    says = wrap(cells["words"], room, NOTE, max_lines=MOST_LINES)
    return _Block(cells, tuple(heads), tuple(lines), tuple(says))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _inset(ax: Axes, sheet: Sheet, down: float, height: float) -> Axes:
    """Axes as wide as `ax`, `down` px below its top, on which a unit is a pixel from the top."""
    _, whole = sheet.size
    panel = ax.inset_axes((0.0, 1.0 - (down + height) / whole, 1.0, height / whole))
    theme.plain(panel)
    panel.set_ylim(height, 0.0)
    return panel


def _draw_panel(panel: Axes, unit: str, blocks: list[_Block], height: float, left: float) -> None:
    """All pairs of one unit, with their axis below."""
    sheet = Sheet(panel)
    panel.yaxis.set_visible(False)
    table = pd.DataFrame([block.cells for block in blocks])
    end = _axis(sheet, unit, table)
    tops = np.cumsum([0.0] + [block.height for block in blocks[:-1]])
    for top, block in zip(tops, blocks, strict=True):
        _write_words(sheet, block, top, left)
    for style, names, up in (
        (THERE, ("published", "published", "published_low", "published_high"), 0),
        (HERE, ("estimate", "estimate_high", "conf_low", "conf_high"), 1),
    ):
        places = tops + 8.0 + PAIR * up
        low, high, *limits = (floats(table, name) for name in names)
        limits = [np.clip(values, 0.0, end) for values in limits]
        point = np.where(high > low, np.nan, low)
        _draw_ranges(sheet, low, high, places, style, end)
        _draw_open_ends(sheet, np.isinf(floats(table, names[3])) | np.isinf(high), places, style, end)
        no_point = np.isnan(point) & np.isfinite(low)
        # Limits are drawn also where the number is a range between two bounds.
        shown = replace(style, marker="None") if no_point.any() else style
        if no_point.any():
            draw_dots(sheet, places[no_point], low[no_point], *(v[no_point] for v in limits), shown)
        draw_dots(sheet, places[~no_point], point[~no_point], *(v[~no_point] for v in limits), style)
        for place, cells in zip(places, table.to_dict("records"), strict=True):
            _write_number(sheet, place, cells, *names, style)
    panel.set_ylim(height, 0.0)


def _draw_ranges(sheet: Sheet, low, high, places, style: GroupStyle, end: float) -> None:
    """A thick bar where the number is known only between two bounds."""
    for first, last, place in zip(low, high, places, strict=True):
        if not np.isfinite(first) or not last > first:
            continue
        sheet.ax.plot(
            [first, min(last, end)], [place, place], color=style.color, linewidth=4.0, alpha=0.55,
            solid_capstyle="butt", zorder=3.5, gid="range",
        )  # fmt: skip


def _draw_open_ends(sheet: Sheet, is_open: np.ndarray, places, style: GroupStyle, end: float) -> None:
    """An arrow where a limit or a bound is not reached."""
    sheet.ax.plot(
        np.full(int(is_open.sum()), end), places[is_open], marker=">", markersize=4.0, color=style.color,
        linestyle="none", clip_on=False, zorder=4, gid="open-end",
    )  # fmt: skip


def _axis(sheet: Sheet, unit: str, table: pd.DataFrame) -> float:
    """Limits, ticks and their name; returns the right end."""
    columns = ("published", "published_high", "estimate", "estimate_high", "conf_high")
    values = np.concatenate([floats(table, name) for name in columns])
    largest = float(values[np.isfinite(values)].max(initial=0.01))
    if unit == "share":
        ticks = share_ticks(largest, most=5 if sheet.size[0] > 150 else 2)
        names = [percent(tick, decimals=0, sign=tick == ticks[-1]) for tick in ticks]
    else:
        lower = floats(table, "conf_low")
        largest = max(largest, float(lower[np.isfinite(lower)].max(initial=1.0)))
        largest *= 1.2
        ticks = round_ticks(0.0, largest, most=5 if sheet.size[0] > 150 else 3)
        names = tick_names(ticks)
    end = float(max(ticks[-1], 0.0 if unit == "share" else largest))
    sheet.ax.set_xlim(0.0, end)
    x_ticks(sheet, ticks, names, grid=True)
    sheet.write(
        UNITS[unit], ("left", 0), ("bottom", -30), size=BASE, color=PALETTE["secondary"], gid="unit-name"
    )
    return end


def _write_words(sheet: Sheet, block: _Block, top: float, left: float) -> None:
    up = top + 11.0 - LINE
    for kind, color in (("heads", "text"), ("lines", "secondary"), ("says", "text")):
        for words in getattr(block, kind):
            up += LINE
            sheet.write(
                words, ("left", -left), ("data", up), bold=kind == "heads", color=PALETTE[color],
                size=TABLE if kind == "heads" else NOTE, gid=kind,
            )  # fmt: skip


def _write_number(sheet: Sheet, place: float, cells: Mapping, low, high, conf_low, conf_high, style) -> None:
    """The number at the right with its interval, and the count that it comes from."""
    published = low == "published"
    ours = "published_" if published else ""
    at = ("data", place)
    words = _amount(cells["unit"], cells[low], cells[high])
    limits = _limits(cells["unit"], cells[conf_low], cells[conf_high], cells[low])
    n_events, n = cells[f"{ours}n_events"], cells[f"{ours}n"]
    ratio = "" if missing(n) or missing(n_events) or not n else f"{count(n_events)}/{count(n)}"
    beside = {"align": "right", "shift": (0, -3.5)}
    sheet.write(words, ("right", ESTIMATE_RIGHT), at, bold=True, color=style.color, gid="number", **beside)
    beside["color"] = PALETTE["secondary"]
    sheet.write(limits, ("right", INTERVAL_RIGHT), at, gid="interval-text", **beside)
    sheet.write(ratio, ("right", RATIO_RIGHT), at, size=NOTE, gid="ratio", **beside)


def _amount(unit: str, low: float, high: float) -> str:
    if missing(low):
        return DASH
    if unit == "share":
        return percent(low) if low == high else f"{percent_range(low, high)}%"
    if np.isinf(low):
        return ""
    if np.isinf(high):
        return f"≥{_plain(low)}"
    return _plain(low) if low == high else f"{_plain(low)}{DASH}{_plain(high)}"


def _limits(unit: str, low: float, high: float, like: float) -> str:
    if missing(low) or missing(high):
        return "no CI" if not missing(like) else ""
    if unit == "share":
        return percent_range(low, high, like=like)
    if np.isinf(low):
        return "not reached"
    if np.isinf(high):
        return f"not reached, ≥{_plain(low)}" if np.isinf(like) else f"≥{_plain(low)}"
    return f"{_plain(low)}{DASH}{_plain(high)}"


def _plain(value: float) -> str:
    return number(value, 0 if value == round(value) else 1)
