"""Means or differences of a model, one below the other, with their intervals and numbers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, set_rows
from ketaoutcomes.draw.effects import p_words
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import DASH, clean, missing, number, shorten, text_width
from ketaoutcomes.draw.names import name_lines, shorten_middle
from ketaoutcomes.draw.own_axes import make_room, place_of
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, levels
from ketaoutcomes.draw.scale import set_value_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout

__all__ = ["margins"]

TOP, BOTTOM = 30.0, 42.0
PITCH, TIGHT_PITCH, MANY_ROWS = 24.0, 19.0, 14
LINE_PITCH = 13.0
NARROWEST_NAMES, WIDEST_NAMES = 48.0, 132.0
GAP, BETWEEN = 14.0, 10.0
LEAST_PLOT = 70.0
INDENT = 10.0
MOST_DECIMALS = 6


@dataclass(frozen=True)
class _Row:
    """One row of the picture: a heading, or a level with the cells of each group that has it."""

    name: str
    cells: tuple[tuple[int, dict], ...] = ()


def margins(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    label: str = "label",
    by: str | None = None,
    zero: bool = False,
    tests: bool = False,
    unit: str = "",
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Estimates with intervals, one row per level, with the numbers at the right.

    Up to three groups share the rows of the levels, told apart by colour and marker; more groups are
    blocks of rows under their names. A level that could not be estimated keeps its place without a dot.
    Axes of one's own become smaller where words would be cut by the edge of their figure.

    Parameters
    ----------
    table : DataFrame
        The column `label`, estimate, conf_low, conf_high, and perhaps std_error and p_value.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    label : str
        Column that names the rows.
    by : str, optional
        Column of the groups.
    zero : bool
        A line at 0, which the axis then includes: for differences and slopes.
    tests : bool
        p-values beside the intervals.
    unit : str
        Below the axis: what the estimates are.
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
    groups = levels(table, by)
    shared = 1 < len(groups) <= MOST_PER_PANEL
    rows = _rows(table, label, by, groups, shared=shared)
    with theme.context():
        decimals = _decimals(table)
        texts = [[_texts(cells, decimals, tests=tests) for _, cells in row.cells] for row in rows]
        widths = _widths([text for row in texts for text in row], f"{100 * level:g}% CI")
        pitch = PITCH if len(table) <= MANY_ROWS else TIGHT_PITCH
        depth = [pitch + LINE_PITCH * (max(len(row.cells), 1) - 1) for row in rows]
        names_px = _names_width(rows, indented=not shared and by is not None)
        top = TOP + (16.0 if shared else 0.0)
        place = place_of(ax)
        if place:
            names_px = float(np.clip(place.width - sum(widths) - 2 * GAP - LEAST_PLOT, INDENT * 3, names_px))
        layout = Layout(
            top + sum(depth) + BOTTOM, left=names_px + GAP, right=sum(widths) + GAP, top=top, bottom=BOTTOM
        )
        if place:
            make_room(ax, place, layout)
        head = head_of(ax, layout, heading, title=title)
        raised = head.raised(layout, line=16.0)
        if place:
            make_room(ax, place, raised)
        ax = theme.prepare(ax, raised)
        sheet = Sheet(ax)
        places = np.cumsum(depth) - np.array(depth) / 2 if depth else np.empty(0)
        set_rows(sheet, 1)
        ax.set_ylim(sum(depth) or 1.0, 0.0)
        set_value_axis(sheet, table, zero=zero)
        _draw(sheet, rows, places, shared=shared)
        indent = INDENT if not shared and by is not None else 0.0
        names = name_lines([row.name for row in rows if row.cells], names_px - indent, most=1)
        shown = iter(names)
        for at, row, lines in zip(places, rows, texts, strict=True):
            name = (
                next(shown)[0]
                if row.cells
                else shorten(row.name, names_px + GAP + sheet.size[0], TABLE, bold=True)
            )
            _write_row(sheet, at, row, name, lines, names_px, widths, indent=indent, shared=shared)
        sheet.write(
            f"{100 * level:g}% CI", ("right", widths[0] + widths[1]), ("top", 10), size=NOTE,
            color=PALETTE["secondary"], align="right", gid="head",
        )  # fmt: skip
        if shared:
            _write_key(sheet, groups, names_px)
        head.write(sheet, top + 4.0)
        unit = shorten_middle(unit, sheet.size[0] + sum(widths), BASE)
        sheet.write(unit, ("left", 0), ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="unit")
        return ax


def _rows(
    table: pd.DataFrame, label: str, by: str | None, groups: list[Hashable], *, shared: bool
) -> list[_Row]:
    """Rows from the top."""
    records = table.to_dict("records")
    if shared:
        names = list(dict.fromkeys(table[label]))
        of = {name: [] for name in names}
        for cells in records:
            if cells[by] in groups:
                of[cells[label]].append((groups.index(cells[by]), cells))
        return [_Row(clean(name), tuple(sorted(of[name], key=lambda pair: pair[0]))) for name in names]
    rows = []
    for group in groups:
        if by is not None:
            rows.append(_Row(clean(group)))
        members = records if by is None else [cells for cells in records if cells[by] == group]
        rows += [_Row(clean(cells[label]), ((0, cells),)) for cells in members]
    return rows


def _draw(sheet: Sheet, rows: list[_Row], places: np.ndarray, *, shared: bool) -> None:
    """The dots of each group, the lines of one row from its first group down."""
    drawn = [
        (group, place + _down(number, len(row.cells)), cells)
        for place, row in zip(places, rows, strict=True)
        for number, (group, cells) in enumerate(row.cells)
    ]
    for group in sorted({group for group, _, _ in drawn}):
        mine = [(place, cells) for other, place, cells in drawn if other == group]
        frame = pd.DataFrame([cells for _, cells in mine])
        values = (floats(frame, column) for column in ("estimate", "conf_low", "conf_high"))
        draw_dots(sheet, np.array([place for place, _ in mine]), *values, GROUPS[group])


def _down(number: int, n_lines: int) -> float:
    """How far below the middle of its row a line stands, in px."""
    return LINE_PITCH * (number - (n_lines - 1) / 2)


def _texts(cells: dict, decimals: int, *, tests: bool) -> tuple[str, str, str]:
    """Estimate, interval and p of a row in words."""
    if missing(cells["estimate"]):
        return DASH, "not estimable", ""
    low, high = (number(cells[end], decimals) for end in ("conf_low", "conf_high"))
    has_limits = not (missing(cells["conf_low"]) or missing(cells["conf_high"]))
    return (
        number(cells["estimate"], decimals),
        f"{low} to {high}" if has_limits else DASH,
        p_words(cells.get("p_value")) if tests else "",
    )


def _decimals(table: pd.DataFrame) -> int:
    """Decimals that show two digits of the middle standard error, or of a quarter of the middle interval."""
    for sizes in (
        floats(table, "std_error"),
        (floats(table, "conf_high") - floats(table, "conf_low")) / 4,
        np.abs(floats(table, "estimate")),
    ):
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        if sizes.size:
            return int(np.clip(1 - np.floor(np.log10(np.median(sizes))), 0, MOST_DECIMALS))
    return 1


def _widths(texts: list[tuple[str, str, str]], head: str) -> tuple[float, float, float]:
    """Room in px for the columns of estimates, intervals and p, each with the gap before it."""
    estimate = max((text_width(text[0], TABLE, bold=True) for text in texts), default=0.0)
    interval = max([text_width(head, NOTE), *(text_width(text[1], TABLE) for text in texts)])
    p = max((text_width(text[2], NOTE) for text in texts), default=0.0)
    return estimate * 1.03 + GAP, interval * 1.03 + BETWEEN, p * 1.03 + BETWEEN if p else 0.0


def _names_width(rows: list[_Row], *, indented: bool) -> float:
    indent = INDENT if indented else 0.0
    longest = max((text_width(row.name, TABLE) + indent for row in rows if row.cells), default=0.0)
    return float(np.clip(longest * 1.05, NARROWEST_NAMES, WIDEST_NAMES))


def _write_row(
    sheet: Sheet, place: float, row: _Row, name: str, texts: list[tuple[str, str, str]],
    names_px: float, widths: tuple[float, float, float], *, indent: float, shared: bool,
) -> None:  # fmt: skip
    """Name at the left, numbers at the right."""
    at = ("data", place)
    heading = not row.cells
    start = -names_px - GAP + (0.0 if heading else indent)
    sheet.write(name, ("left", start), at, bold=heading, shift=(0, -3.5), gid="row")
    for number_of, ((group, _), (estimate, interval, p)) in enumerate(zip(row.cells, texts, strict=True)):
        line, shift = ("data", place + _down(number_of, len(row.cells))), (0.0, -3.5)
        color = GROUPS[group].color if shared else PALETTE["text"]
        sheet.write(
            estimate, ("right", widths[0]), line, bold=True, color=color, align="right", shift=shift,
            gid="number",
        )  # fmt: skip
        sheet.write(
            interval, ("right", widths[0] + widths[1]), line, color=PALETTE["secondary"], align="right",
            shift=shift, gid="interval-text",
        )  # fmt: skip
        if p:
            sheet.write(
                p, ("right", sum(widths)), line, size=NOTE, color=PALETTE["secondary"], align="right",
                shift=shift, gid="test",
            )  # fmt: skip


def _write_key(sheet: Sheet, groups: list[Hashable], names_px: float) -> None:
    """Markers with the names of the groups, in one line above the rows."""
    start = -names_px - GAP
    room = (names_px + GAP + sheet.size[0] - 16.0 * len(groups)) / len(groups)
    for style, group in zip(GROUPS, groups, strict=False):
        name = shorten(group, room, NOTE)
        sheet.mark(style, ("left", start + 4.0), ("top", 29.5))
        sheet.write(name, ("left", start + 12.0), ("top", 26), size=NOTE, color=style.color, gid="series")
        start += 12.0 + text_width(name, NOTE) * 1.05 + 14.0
