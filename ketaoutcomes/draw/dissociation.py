"""Highest dissociation scores by session number: quartiles, median, and the share beyond a threshold."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.labels import clean, count, hidden, is_hidden, percent, shorten, text_width
from ketaoutcomes.draw.numbers import ABOVE, PITCH, Line, table_height, write_numbers
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels, rows_of, split
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.scale import round_ticks, tick_names
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks

__all__ = ["draw_threshold", "peaks_by_session", "threshold_words", "top_of"]

LEFT, RIGHT, TOP, PLOT, BELOW = 76.0, 82.0, 34.0, 176.0, 42.0
SMALL_PLOT, SMALL_GAP, SMALL_BELOW = 92.0, 72.0, 62.0
BOX_PX, APART_PX = 13.0, 17.0
LEAST_TOP = 10.0
CONVENTION = "convention, not a detector"
NAMES_PX, MARK_PX, PITCH_NOTE = 120.0, 12.0, 11.5


def peaks_by_session(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    threshold: float,
    comparison: str = "above",
    is_convention: bool = True,
    shows: str = "Highest score of each session",
    title: str | None = None,
) -> Axes:
    """A bar from quartile to quartile with a dot at the median, for each group of session numbers.

    Up to three groups share the axes; more become small pictures. Below stand the share of sessions
    beyond the threshold and the number of sessions with a score.

    Parameters
    ----------
    table : DataFrame
        session_group, median, p25, p75, share, n, n_patients, and the column `by`.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
    threshold : float
        Where a line is drawn.
    comparison : {"above", "at_least"}
    is_convention : bool
        Whether the line is named a convention; else by its number alone.
    shows : str
        What is drawn; written above.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    groups = levels(table, by)
    is_small = len(groups) > MOST_PER_PANEL
    places = list(dict.fromkeys(table["session_group"]))
    top = top_of(table, threshold)
    words = f"{clean(shows)}: median, middle half of sessions"
    if not len(table):
        return nothing(ax, words, title=title)
    named = threshold_words(threshold, is_convention)
    beyond = f"{comparison.replace('_', ' ')} {threshold:g}"
    lines = [] if is_small else _lines(table, by, groups, places, beyond)
    with theme.context():
        layout = _layout(groups, len(lines), is_small)
        ax, head = placed(ax, layout, words, title=title)
        sheet = Sheet(ax)
        if not is_small:
            _panel(sheet, table, by, groups, places, top, threshold)
            _name_threshold(sheet, named, threshold)
            if lines:
                write_numbers(sheet, np.arange(len(places)), lines, left=layout.left, top=BELOW)
                _name_groups(sheet, groups, layout.left, len(lines))
            unit = "Session number"
        else:
            panels = split(ax, len(groups), across=30.0, up=SMALL_GAP, left=22.0)
            for level_of, panel in zip(groups, panels, strict=True):
                theme.plain(panel)
                _small(Sheet(panel), rows_of(table, by, level_of), level_of, places, top, threshold)
            unit = f"Session number; below it sessions {beyond} and n; dashed line at {named}"
        head.write(sheet, 36.0 if is_small else 18.0)
        up = -SMALL_BELOW + 12 if is_small else -33.0
        sheet.write(
            unit, ("left", 0 if not is_small else -30), ("bottom", up), size=BASE if not is_small else NOTE,
            color=PALETTE["secondary"], gid="time",
        )  # fmt: skip
        return ax


def threshold_words(threshold: float, is_convention: bool) -> str:
    """``"4: convention, not a detector"``."""
    return f"{threshold:g}: {CONVENTION}" if is_convention else f"threshold {threshold:g}"


def top_of(table: pd.DataFrame, threshold: float, *, columns: tuple[str, ...] = ("p75", "median")) -> float:
    """Upper end of an axis of scores, which starts at 0: room above all that is drawn."""
    values = np.concatenate([floats(table, column) for column in columns])
    largest = values[np.isfinite(values)].max(initial=0.0)
    return float(max(1.12 * largest, 2.0 * threshold, LEAST_TOP))


def draw_threshold(sheet: Sheet, threshold: float) -> None:
    """A dashed line across at the threshold."""
    sheet.rule(
        (("left", 0.0), ("left", sheet.size[0])), (("data", threshold), ("data", threshold)),
        color=PALETTE["secondary"], width=0.9, style=(0, (3.0, 2.0)), gid="threshold", zorder=1.8,
    )  # fmt: skip


def _layout(groups: list[Hashable], n_lines: int, is_small: bool) -> Layout:
    if is_small:
        n_rows = -(-len(groups) // 2)
        height = 50.0 + n_rows * (SMALL_PLOT + SMALL_GAP) - SMALL_GAP + SMALL_BELOW
        return Layout(height, left=30.0, right=10.0, top=50.0, bottom=SMALL_BELOW)
    left = LEFT
    if len(groups) > 1:
        widest = max(text_width(clean(name), TABLE, bold=True) for name in groups)
        left = max(LEFT, min(widest, NAMES_PX) + MARK_PX + 14.0)
    below = BELOW + table_height(n_lines)
    return Layout(TOP + PLOT + below, left=left, right=RIGHT, top=TOP, bottom=below)


def _lines(table, by, groups, places, beyond: str) -> list[Line]:
    """Share beyond the threshold and n, a line each; with several groups a heading and a line per group."""
    if not len(table):
        return []
    kinds = [(f"% {beyond}", _share_text), ("Sessions", _n_text)]
    if len(groups) <= 1:
        kinds.append(("Patients", _patients_text))
    lines = []
    for name, text in kinds:
        if len(groups) > 1:
            lines.append(Line(name))
        for level_of in groups:
            rows = {row["session_group"]: row for row in rows_of(table, by, level_of).to_dict("records")}
            texts = tuple(text(rows[place]) if place in rows else "" for place in places)
            lines.append(Line(name if len(groups) <= 1 else "", texts))
    return lines


def _share_text(row: dict) -> str:
    if is_hidden(row):
        return hidden(row.get("suppressed", True))[0]
    return percent(row["share"])


def _n_text(row: dict) -> str:
    return count(row["n"])


def _patients_text(row: dict) -> str:
    return count(row["n_patients"])


def _panel(sheet: Sheet, table, by, groups, places, top: float, threshold: float, *, most: int = 6) -> None:
    """Axes, the line of the threshold and the boxes of all groups, side by side."""
    ax = sheet.ax
    ax.set_xlim(-0.5, max(len(places), 1) - 0.5)
    ax.set_ylim(0.0, top)
    ticks = round_ticks(0.0, top, most=most)
    y_ticks(sheet, ticks, tick_names(ticks))
    x_ticks(sheet, np.arange(len(places)), [clean(place) for place in places])
    draw_threshold(sheet, threshold)
    pitch = sheet.size[0] / max(len(places), 1)
    apart = min(APART_PX, pitch / (len(groups) + 0.6))
    half = min(BOX_PX, 0.8 * apart if len(groups) > 1 else 0.6 * pitch) / 2
    for number, level_of in enumerate(groups):
        rows = rows_of(table, by, level_of)
        shift = apart * (number - (len(groups) - 1) / 2)
        at = np.array([places.index(place) for place in rows["session_group"]], dtype=float)
        _boxes(sheet, rows, at + shift / pitch, half / pitch, number)


def _boxes(sheet: Sheet, rows: pd.DataFrame, at: np.ndarray, half: float, number: int) -> None:
    style = GROUPS[number]
    low, middle, high = (floats(rows, name) for name in ("p25", "median", "p75"))
    shown = np.isfinite(low) & np.isfinite(high)
    corners = [(-half, low), (-half, high), (half, high), (half, low)]
    boxes = np.stack([np.column_stack([at + side, edge]) for side, edge in corners], axis=1)[shown]
    sheet.ax.add_collection(
        PolyCollection(
            boxes, facecolors=style.light, edgecolors=style.color, linewidths=0.8, zorder=3, gid="box"
        ),
        autolim=False,
    )
    sheet.ax.plot(
        at, middle, linestyle="none", marker=style.marker, markersize=5.0, color=style.color,
        markerfacecolor=style.fill, markeredgewidth=1.1, clip_on=False, zorder=5, gid="median",
    )  # fmt: skip


def _name_threshold(sheet: Sheet, words: str, threshold: float) -> None:
    """The words of the threshold right of its line, in lines of their own from comma to comma."""
    parts = words.split(", ")
    for line, part in enumerate(parts):
        comma = "," if line + 1 < len(parts) else ""
        up = -3.4 + PITCH_NOTE * ((len(parts) - 1) / 2 - line)
        sheet.write(
            part + comma, ("right", 6.0), ("data", threshold), size=NOTE, color=PALETTE["secondary"],
            shift=(0.0, up), gid="threshold-name",
        )  # fmt: skip


def _name_groups(sheet: Sheet, groups: list[Hashable], left: float, n_lines: int) -> None:
    """Marker and name of each group at its lines of numbers."""
    if len(groups) <= 1:
        return
    each = n_lines // 2
    for line in range(n_lines):
        place = line % each - 1
        if place < 0:
            continue
        up = -BELOW - ABOVE - PITCH * line
        sheet.mark(GROUPS[place], ("left", 5.0 - left), ("bottom", up + 3.6))
        name = shorten(groups[place], left - MARK_PX - 8.0, TABLE, bold=True)
        sheet.write(
            name, ("left", MARK_PX - left), ("bottom", up), bold=True, color=GROUPS[place].color, gid="group"
        )


def _small(sheet: Sheet, rows: pd.DataFrame, level_of, places, top: float, threshold: float) -> None:
    """A small picture of one group, with its numbers below; words where nothing is recorded."""
    is_absent = not np.isfinite(floats(rows, "median")).any()
    if is_absent:
        sheet.ax.set_axis_off()
    else:
        _panel(sheet, rows, None, [None], places, top, threshold, most=3)
    name = shorten(level_of, sheet.size[0], BASE, bold=True)
    sheet.write(name, ("left", 0), ("top", 9), size=BASE, bold=True, gid="group")
    if is_absent:
        sheet.write("not recorded", ("left", 0), ("top", -10), size=NOTE, gid="empty")
        return
    cells = {row["session_group"]: row for row in rows.to_dict("records")}
    for number, place in enumerate(places):
        if place not in cells:
            continue
        for text, up in ((_share_text(cells[place]), -28.0), (_n_text(cells[place]), -39.0)):
            sheet.write(
                text, ("data", number), ("bottom", up), size=NOTE, align="center",
                color=PALETTE["secondary"], gid="numbers",
            )  # fmt: skip
