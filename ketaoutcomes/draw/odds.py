"""Odds ratios one below the other, with their intervals, on a logarithmic axis around 1."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, set_rows
from ketaoutcomes.draw.labels import DASH, clean, count, hidden, is_hidden, missing, number, text_width
from ketaoutcomes.draw.names import name_lines
from ketaoutcomes.draw.panels import floats, levels, rows_of
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import x_ticks
from ketaoutcomes.draw.timeaxis import spaced

__all__ = ["odds"]

TOP, BOTTOM, N_LINE = 30.0, 44.0, 14.0
PITCH, GROUPED_PITCH, LINE, GAP = 30.0, 17.0, 11.5, 12.0
LEAST_NAMES, MOST_NAMES = 60.0, 132.0
NUMBERS_PX = 78.0
INDENT = 8.0
EDGE = 5.0  # widths of words are estimates
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
# Limits farther out end in an arrow: one odd interval would press all others together.
FARTHEST = 20.0
NOT_ESTIMATED = "not estimated"


def odds(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    label: str = "label",
    by: str | None = None,
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Odds ratios with intervals, one row each, with the numbers at the right and a line at 1.

    Rows keep the table's order; `by` sets them below headings. A row without an estimate keeps its place and
    says so. An interval that reaches beyond the axis ends in an arrow.

    Parameters
    ----------
    table : DataFrame
        The columns `label`, estimate (odds ratio), conf_low, conf_high, n, n_events, and perhaps n_patients
        and suppressed.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    label, by : str
        Columns that name the rows, and the groups of rows.
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
    rows = _rows(table, label, by)
    if not rows:
        return nothing(ax, heading, title=title, reason="no odds ratio: not recorded, or not estimated")
    is_same = by is None and len({(row.get("n"), row.get("n_events")) for row in rows}) <= 1
    head_words = f"{100 * level:g}% CI"
    with theme.context():
        columns = _widths(rows, is_same)
        pitch = PITCH if by is None else GROUPED_PITCH
        bottom = BOTTOM + (N_LINE if is_same else 0.0)
        layout = Layout(
            TOP + pitch * max(len(rows), 1) + bottom,
            left=columns.names + GAP, right=columns.numbers + columns.counts + GAP + EDGE,
            top=TOP, bottom=bottom,
        )  # fmt: skip
        ax, head = placed(ax, layout, heading, title=title, line=14.0)
        sheet = Sheet(ax)
        set_rows(sheet, len(rows))
        low, high = _set_axis(sheet, rows)
        _draw(sheet, rows, low, high)
        _write_rows(sheet, rows, columns, one_line=by is not None)
        edge = ("right", GAP + columns.numbers)
        style = {"size": NOTE, "color": PALETTE["secondary"], "align": "right", "gid": "head"}
        sheet.write(head_words, edge, ("top", 8), **style)
        if columns.counts:
            sheet.write("sessions", ("right", GAP + columns.numbers + columns.counts), ("top", 8), **style)
        head.write(sheet, 24.0)
        below = "Odds ratio (logarithmic axis)"
        sheet.write(below, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="unit")
        if is_same and rows:
            _write_n(sheet, rows[0], columns.names + GAP)
        return ax


@dataclass(frozen=True)
class _Widths:
    """Room in px for names, for ratio and interval, and for counts of sessions."""

    names: float
    numbers: float
    counts: float


def _rows(table: pd.DataFrame, label: str, by: str | None) -> list[dict]:
    """Cells of all rows, those of a heading before each group."""
    out: list[dict] = []
    for group in levels(table, by):
        if by is not None:
            out.append({"heading": clean(group)})
        out += [cells | {"name": clean(cells[label])} for cells in _cells(rows_of(table, by, group))]
    return out


def _cells(table: pd.DataFrame) -> list[dict[Hashable, object]]:
    plain = table.assign(**{name: floats(table, name) for name in ("estimate", "conf_low", "conf_high")})
    return plain.to_dict("records")


def _widths(rows: list[dict], is_same: bool) -> _Widths:
    names = max((text_width(row["name"], TABLE) for row in rows if "name" in row), default=0.0)
    counts = 0.0
    if not is_same:
        counts = max((text_width(_counts(row), TABLE) for row in rows), default=0.0) + 12.0
    texts = max((sum(text_width(word, TABLE) for word in _texts(row)) for row in rows), default=0.0) + 14.0
    return _Widths(
        float(np.clip(1.05 * names + INDENT, LEAST_NAMES, MOST_NAMES)), max(texts, NUMBERS_PX), counts
    )


def _set_axis(sheet: Sheet, rows: list[dict]) -> tuple[float, float]:
    """Powers of ten along the x axis with round names; returns its ends as odds ratios."""
    values = np.array(
        [row.get(name, np.nan) for row in rows for name in ("estimate", "conf_low", "conf_high")]
    )
    values = values[np.isfinite(values) & (values > 0)].astype(float)
    low = float(np.clip(values.min(initial=0.5), 1 / FARTHEST, 0.5))
    high = float(np.clip(values.max(initial=2.0), 2.0, FARTHEST))
    # A hair beyond the last tick, so that an arrow has room.
    sheet.ax.set_xlim(np.log10(low) - 0.03, np.log10(high) + 0.03)
    inside = [tick for tick in TICKS if low * 0.99 <= tick <= high * 1.01]
    places = sheet.pixels(np.log10(inside), np.zeros(len(inside)))[:, 0]
    kept = spaced(places, [text_width(f"{tick:g}", BASE) + 10 for tick in inside])
    # 1 is what the picture is about; neighbours make room for it.
    middle = inside.index(1.0)
    if middle not in kept:
        kept = sorted({middle, *(place for place in kept if abs(place - middle) > 1)})
    x_ticks(sheet, np.log10([inside[i] for i in kept]), [f"{inside[i]:g}" for i in kept], grid=True)
    ends = (("bottom", 0.0), ("bottom", sheet.size[1]))
    sheet.rule((("data", 0.0), ("data", 0.0)), ends, color=PALETTE["axis"], width=0.9, gid="one")
    return low, high


def _draw(sheet: Sheet, rows: list[dict], low: float, high: float) -> None:
    """Dots and intervals; an arrow where one reaches beyond the axis."""
    numbers = {
        name: np.array([float(row.get(name, np.nan)) for row in rows])
        for name in ("estimate", "conf_low", "conf_high")
    }
    at = np.arange(len(rows), dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = {name: np.log10(values) for name, values in numbers.items()}
    first, last = np.log10(low), np.log10(high)
    shown = np.isfinite(logs["estimate"])
    inside = shown & (logs["estimate"] >= first) & (logs["estimate"] <= last)
    ends = np.clip(logs["conf_low"], first, last), np.clip(logs["conf_high"], first, last)
    draw_dots(sheet, at, np.where(inside, logs["estimate"], np.nan), *ends, GROUPS[0])
    # Of an estimate beyond the axis the part of its line that lies within is drawn, and the arrow.
    outside = shown & ~inside & (ends[0] < ends[1])
    for row in np.flatnonzero(outside):
        span = (("data", ends[0][row]), ("data", ends[1][row]))
        sheet.rule(span, (("data", row), ("data", row)), color=GROUPS[0].color, width=1.2, gid="interval")
    beyond_low = shown & (logs["conf_low"] < first - 1e-9)
    beyond_high = shown & (logs["conf_high"] > last + 1e-9)
    for marker, place, where in (("<", first, beyond_low), (">", last, beyond_high)):
        sheet.ax.plot(
            np.full(int(where.sum()), place), at[where], linestyle="none", marker=marker, markersize=4.6,
            color=GROUPS[0].color, clip_on=False, zorder=4, gid="beyond",
        )  # fmt: skip


def _write_rows(sheet: Sheet, rows: list[dict], columns: _Widths, *, one_line: bool) -> None:
    """Names and headings at the left, numbers at the right."""
    width = columns.names - (INDENT if one_line else 0.0)
    lines = iter(name_lines([row["name"] for row in rows if "name" in row], width, most=1 if one_line else 2))
    start = -columns.names - GAP
    for place, row in enumerate(rows):
        at = ("data", place)
        if "heading" in row:
            words = name_lines([row["heading"]], sheet.size[0] + columns.names, most=1)[0][0]
            sheet.write(words, ("left", start), at, bold=True, shift=(0, -3.5), gid="group", on_white=True)
            continue
        own = next(lines)
        for line, words in enumerate(own):
            up = LINE * ((len(own) - 1) / 2 - line) - 3.5
            indent = INDENT if one_line else 0.0
            sheet.write(words, ("left", start + indent), at, shift=(0, up), gid="term")
        ratio, interval = _texts(row)
        edge = GAP + columns.numbers
        style = {"shift": (0, -3.5), "align": "right"}
        sheet.write(interval, ("right", edge), at, color=PALETTE["secondary"], gid="interval-text", **style)
        beside = edge - text_width(interval, TABLE) - (5.0 if interval else 0.0)
        sheet.write(ratio, ("right", beside), at, bold=bool(interval), gid="number", **style)
        if columns.counts:
            sheet.write(_counts(row), ("right", edge + columns.counts), at, gid="count", **style)


def _write_n(sheet: Sheet, row: Mapping, start: float) -> None:
    """Sessions and patients of the one model, on a line of its own below all else."""
    words = f"With the effect: {count(row.get('n_events'))} of {count(row.get('n'))} sessions"
    if not missing(row.get("n_patients")):
        patients = count(row["n_patients"])
        words += f" ({patients} patient{'' if patients == '1' else 's'})"
    sheet.write(words, ("left", -start), ("bottom", -50), size=NOTE, color=PALETTE["secondary"], gid="n")


def _counts(row: Mapping) -> str:
    """``"60/1,730"``: sessions with the effect, of sessions in the model."""
    if "name" not in row or row.get("n") is None:
        return ""
    return f"{count(row.get('n_events'))}/{count(row['n'])}"


def _texts(row: Mapping) -> tuple[str, str]:
    """Ratio and interval in words; what stands for them where they are hidden or not estimated."""
    if "name" not in row:
        return "", ""
    if is_hidden(row):
        return hidden(row.get("suppressed", True))[1], ""
    if missing(row["estimate"]):
        return NOT_ESTIMATED, ""
    low, high = row["conf_low"], row["conf_high"]
    interval = DASH if missing(low) or missing(high) else f"{_ratio(low)}{DASH}{_ratio(high)}"
    return _ratio(row["estimate"]), interval


def _ratio(value: float) -> str:
    if value >= 1000:
        return ">999"
    if value < 0.005:
        return "<0.01"
    return number(value, 2 if value < 10 else 1 if value < 100 else 0)
