"""Wearing off: mean benefit against the time since the last session, and the share of it retained."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, set_rows
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import DASH, clean, count, number_range, shorten, text_width
from ketaoutcomes.draw.means import (
    BELOW,
    LEFT,
    PLOT,
    RIGHT,
    SMALL_GAP,
    SMALL_PLOT,
    TOP,
    Panel,
    close_panel,
    set_axes,
    small_panels,
)
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.numbers import ABOVE, PITCH, Line, table_height
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import x_ticks

__all__ = ["wearing_off"]

MARKERS = ("o", "^", "s")
TIME_LINE = "Days since the last session"
ROW, ROW_HEAD, ROW_AXIS, APART = 16.0, 26.0, 30.0, 6.0
LABELS_PX, TEXT_PX, NAMES_PX = 60.0, 96.0, 150.0
MARK_PX = 12.0
SHARE_TICK_PX, SHARE_STEPS = 40.0, (0.25, 0.5, 1.0, 2.0)
NOT_LIMITED = "not limited"


def wearing_off(
    curve: pd.DataFrame,
    observed: pd.DataFrame,
    retained: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str = "group",
    instrument: str = "Score",
    better: str = "below",
    peak_day: float = 1.0,
    level: float = 0.95,
    title: str | None = None,
) -> Axes:
    """Model means with bands over observed means, and below them the shares retained with their limits.

    Up to three groups share a panel; more become small pictures. The lower panel is left out where no share
    is given; a share without finite limits has no line and says so.

    Parameters
    ----------
    curve : DataFrame
        day, estimate, conf_low, conf_high on a dense grid.
    observed : DataFrame
        day, estimate, n: means of those assessed, one per stretch of days.
    retained : DataFrame
        day, estimate, conf_low, conf_high: shares, infinite where not limited.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str
        Column of the groups in all three; their order is the curve's.
    instrument : str
        Named above the axis.
    better : {"below", "above"}
        Side of the baseline on which points are a benefit.
    peak_day : float
        Day to which the shares refer.
    level : float
        Confidence level, for the notes.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    observed = observed[np.isfinite(floats(observed, "estimate"))]
    retained = retained[np.isfinite(floats(retained, "estimate"))].reset_index(drop=True)
    groups = list(dict.fromkeys([*levels(curve, by), *levels(observed, by)]))
    words = f"{clean(instrument)}, mean points {better} baseline (more is better)"
    is_small = len(groups) > MOST_PER_PANEL
    if is_small:
        words += f"; line and band: model, {100 * level:g}% CI"
    if len(observed):
        words += "; hollow: observed mean, only patients not yet treated again"
    lines = [] if is_small else _numbers(observed, by, groups)
    rows = _rows(retained, by, groups)
    lower = APART + ROW_HEAD + ROW * len(rows) + ROW_AXIS if rows else 0.0
    with theme.context():
        layout = _layout(groups, len(lines), is_small, lower)
        head = head_of(ax, layout, words, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        ax.set_axis_off()
        upper, below = _divided(ax, lower, len(lines), is_small)
        span = _span(curve, observed)
        last = float(np.max([1.0, *floats(curve, "day"), *floats(observed, "day")]))
        if is_small:
            _, sheets = small_panels(upper, groups, words=words, title=title, time_line=TIME_LINE)
            for level_of, sheet in zip(groups, sheets, strict=True):
                room = set_axes(sheet, span, [0.0, last], "days", small=True)
                _draw_group(sheet, room, rows_of(curve, by, level_of), rows_of(observed, by, level_of), 0)
        else:
            theme.plain(upper)
            panel = Panel(Sheet(upper), head, layout.left, 0.0)
            _one_panel(panel, curve, observed, by, groups, span, last, level)
            close_panel(panel, time_line=TIME_LINE, times=_places(observed), lines=lines)
            _name_lines(panel, groups, len(lines))
        if below is not None:
            theme.plain(below)
            words = f"Benefit retained, % of that at day {peak_day:g} ({100 * level:g}% CI by Fieller)"
            _draw_retained(Sheet(below), rows, groups, words, layout.left, layout.right)
        return ax


def _layout(groups: list[Hashable], n_lines: int, is_small: bool, lower: float) -> Layout:
    """Size of the whole picture, with room for the names of the groups at the left."""
    if is_small:
        n_rows = -(-len(groups) // 2)
        height = 50.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + 40.0
        return Layout(height + lower, left=30.0, right=32.0, top=50.0, bottom=0.0)
    left = LEFT
    if len(groups) > 1:
        widest = max(text_width(clean(name), TABLE, bold=True) for name in groups)
        left = max(LEFT, min(widest, NAMES_PX) + MARK_PX + 14.0)
    below = BELOW + table_height(n_lines)
    return Layout(TOP + PLOT + below + lower, left=left, right=RIGHT, top=TOP, bottom=0.0)


def _divided(ax: Axes, lower: float, n_lines: int, is_small: bool) -> tuple[Axes, Axes | None]:
    """The axes of the curves and those of the shares, inside `ax`, which reaches to the lower edge."""
    height = Sheet(ax).size[1]
    under = 40.0 if is_small else BELOW + table_height(n_lines)
    start = min((lower + under) / height, 0.9)
    upper = ax.inset_axes((0.0, start, 1.0, 1.0 - start))
    if not lower:
        return upper, None
    return upper, ax.inset_axes((0.0, ROW_AXIS / height, 1.0, (lower - APART - ROW_HEAD - ROW_AXIS) / height))


def _span(curve: pd.DataFrame, observed: pd.DataFrame) -> tuple[float, float]:
    """Ends of the y axis: from 0, or below it where the tables go."""
    values = np.concatenate(
        [floats(curve, name) for name in ("estimate", "conf_low", "conf_high")]
        + [floats(observed, "estimate")]
    )
    values = values[np.isfinite(values)]
    low, high = float(values.min(initial=0.0)), float(values.max(initial=1.0))
    return (np.floor(low) if low < 0 else 0.0), max(np.ceil(high), 1.0)


def _places(observed: pd.DataFrame) -> list[float]:
    """Where the numbers of each stretch of days stand: the mean day of all groups."""
    return [float(rows["day"].mean()) for _, rows in observed.groupby("from_day")]


def _numbers(observed: pd.DataFrame, by: str, groups: list[Hashable]) -> list[Line]:
    """Assessments by stretch of days, one line per group; the groups' names are written beside them."""
    if not len(observed):
        return []
    starts = sorted(observed["from_day"].unique())
    lines = [Line("Assessments")] if len(groups) > 1 else []
    for level_of in groups:
        rows = rows_of(observed, by, level_of)
        texts = dict(zip(rows["from_day"], [count(n) for n in rows["n"]], strict=True))
        name = "n" if len(groups) <= 1 else ""
        lines.append(Line(name, tuple(texts.get(start, "") for start in starts)))
    return lines


def _name_lines(panel: Panel, groups: list[Hashable], n_lines: int) -> None:
    """The key: each group's marker, line and name, left of its numbers."""
    if len(groups) <= 1:
        return
    for place, level_of in enumerate(groups):
        up = ("bottom", -BELOW - ABOVE - PITCH * (place + (1 if n_lines else 0)))
        style = replace(GROUPS[place], marker=MARKERS[place], fill=PALETTE["paper"])
        panel.sheet.mark(style, ("left", 5.0 - panel.left), (up[0], up[1] + 3.6))
        name = shorten(level_of, panel.left - MARK_PX - 8.0, TABLE, bold=True)
        panel.sheet.write(
            name, ("left", MARK_PX - panel.left), up, bold=True, color=GROUPS[place].color, gid="group"
        )


def _one_panel(panel: Panel, curve, observed, by, groups, span, last: float, level: float) -> None:
    """All groups in one panel, with their names and what line and points are."""
    sheet = panel.sheet
    room = set_axes(sheet, span, [0.0, last], "days")
    alone = len(groups) <= 1
    for place, level_of in enumerate(groups):
        own = rows_of(curve, by, level_of), rows_of(observed, by, level_of)
        _draw_group(sheet, room, *own, place, alone=alone)
    ink = PALETTE["main"] if alone else PALETTE["secondary"]
    notes = ((observed, 1 / 2, ("observed mean",), PALETTE["secondary"]),)
    notes += ((curve, 2 / 3, (f"model mean, {100 * level:g}% CI",), ink),)
    for table, part, words, color in notes:
        rows = rows_of(table, by, groups[0]) if groups else table
        rows = rows[np.isfinite(floats(rows, "estimate"))]
        if len(rows):
            at = rows.iloc[int(part * (len(rows) - 1))]
            place_note(sheet, room, words, tuple(sheet.pixels(at["day"], at["estimate"])[0]), color=color)


def _draw_group(sheet: Sheet, room: Room, curve, observed, place: int, *, alone: bool = True) -> None:
    """The band and line of the model and the points of what was observed, for one group."""
    style = GROUPS[place]
    x, mean = floats(curve, "day"), floats(curve, "estimate")
    low, high = floats(curve, "conf_low"), floats(curve, "conf_high")
    sheet.ax.fill_between(
        x, low, high, color=PALETTE["band"] if alone else style.light, linewidth=0,
        alpha=None if alone else 0.6, zorder=2, gid="band",
    )  # fmt: skip
    for edge in () if alone else (low, high):
        sheet.ax.plot(
            x, edge, color=style.color, linestyle=style.line, linewidth=0.6, zorder=2.5, gid="band-edge"
        )
    sheet.ax.plot(x, mean, color=style.color, linestyle=style.line, linewidth=1.8, zorder=4, gid="model")
    sheet.ax.plot(
        floats(observed, "day"), floats(observed, "estimate"), linestyle="none", marker=MARKERS[place],
        markersize=4.4, markerfacecolor=PALETTE["paper"],
        markeredgecolor=PALETTE["text"] if alone else style.color, markeredgewidth=1.0, zorder=5,
        clip_on=False, gid="observed",
    )  # fmt: skip
    for edge, margin in ((mean, 6), (low, 1), (high, 1)):
        room.take_line(sheet.pixels(x, edge), margin=margin)
    for across, up in sheet.pixels(floats(observed, "day"), floats(observed, "estimate")):
        room.take(across - 5, across + 5, up - 5, up + 5)


def _rows(retained: pd.DataFrame, by: str, groups: list[Hashable]) -> list[dict]:
    """The rows of the lower panel: a heading per group where there are several, and one per day."""
    rows = []
    for place, level_of in enumerate(groups):
        own = rows_of(retained, by, level_of).to_dict("records")
        color = GROUPS[place if len(groups) <= MOST_PER_PANEL else 0].color
        rows += [{"heading": clean(level_of), "color": color}] if own and len(groups) > 1 else []
        rows += [cells | {"place": place} for cells in own]
    return rows


def _draw_retained(
    sheet: Sheet, rows: list[dict], groups: list[Hashable], words: str, left: float, right: float
) -> None:
    """A row per day: its name, the dot with its interval, and the numbers at the right."""
    set_rows(sheet, len(rows))
    sheet.ax.spines["bottom"].set_visible(False)
    table = pd.DataFrame(rows)
    place = floats(table, "place")
    estimate, low, high = (floats(table, name) for name in ("estimate", "conf_low", "conf_high"))
    limited = np.isfinite(low) & np.isfinite(high)
    end = _share_end(np.concatenate([estimate[np.isfinite(estimate)], high[limited]]))
    _set_shares(sheet, end, left, right)
    for number in range(len(groups)):
        own = place == number
        style = GROUPS[number if len(groups) <= MOST_PER_PANEL else 0]
        marker = replace(style, marker=MARKERS[number] if len(groups) <= MOST_PER_PANEL else style.marker)
        draw_dots(
            sheet, np.flatnonzero(own), np.clip(estimate, 0.0, end)[own],
            np.where(limited, np.clip(low, 0.0, end), np.nan)[own],
            np.where(limited, np.clip(high, 0.0, end), np.nan)[own], marker,
        )  # fmt: skip
    width, _ = sheet.size
    for number, cells in enumerate(rows):
        at, low_by = ("data", number), (0.0, -3.6)
        if "heading" in cells:
            sheet.write(
                cells["heading"],
                ("left", -left),
                at,
                shift=low_by,
                bold=True,
                color=cells["color"],
                gid="group",
                on_white=True,
            )
            continue
        indent = 8.0 if len(groups) > 1 else 0.0
        sheet.write(f"day {cells['day']:g}", ("left", indent - left), at, shift=low_by, gid="row-label")
        sheet.write(
            _share_words(cells), ("left", width + right - 4), at, align="right", shift=low_by, gid="row-text"
        )
    sheet.write(words, ("left", -left), ("top", 10), size=BASE, color=PALETTE["secondary"], gid="unit")


def _set_shares(sheet: Sheet, end: float, left: float, right: float) -> None:
    """Per cent from 0 to `end`, between the names at the left and the numbers at the right."""
    width, _ = sheet.size
    first = LABELS_PX - left
    last = max(width + right - TEXT_PX - 14.0, first + 40.0)
    scale = end / (last - first)
    sheet.ax.set_xlim(-first * scale, (width - first) * scale)
    step = next(step for step in SHARE_STEPS if step / scale >= SHARE_TICK_PX or step == SHARE_STEPS[-1])
    ticks = np.arange(0.0, end + 1e-9, step)
    names = [f"{100 * tick:.0f}" for tick in ticks]
    names[-1] += "%"
    x_ticks(sheet, ticks, names, grid=True)
    sheet.rule((("data", 0.0), ("data", end)), (("bottom", 0), ("bottom", 0)), color=PALETTE["axis"])


def _share_end(values: np.ndarray) -> float:
    """Right end of the axis: 100%, or the next quarter above what is shown, up to 200%."""
    return float(np.clip(np.ceil(values.max(initial=1.0) * 4 - 1e-9) / 4, 1.0, 2.0))


def _share_words(cells: dict) -> str:
    """``"79% (73–85)"``."""
    share = f"{100 * cells['estimate']:.0f}%".replace("-", "−")
    if not (np.isfinite(cells["conf_low"]) and np.isfinite(cells["conf_high"])):
        return f"{share} ({NOT_LIMITED})"
    limits = number_range(100 * cells["conf_low"], 100 * cells["conf_high"], 0)
    return f"{share} ({limits})" if limits != DASH else share
