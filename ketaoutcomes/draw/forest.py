"""Side effects, or other shares, one below the other with their intervals."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, set_rows, set_share_axis
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import (
    DASH,
    clean,
    hidden,
    is_hidden,
    missing,
    number_range,
    percent,
    percent_range,
    shorten,
    text_width,
)
from ketaoutcomes.draw.labels import number as amount
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats, split
from ketaoutcomes.draw.scale import set_x_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, GroupStyle, Layout

__all__ = ["forest"]

ANY = "any side effect"
ASCERTAINMENT_STYLES = {"checklist": GROUPS[0], "spontaneous": GROUPS[1]}
ASCERTAINMENT_ORDER = ("checklist", "spontaneous", "scale")
LEFT, TOP, BOTTOM = 126.0, 46.0, 42.0
TEXT_WIDTH = 87.0
WIDE_PITCH, NARROW_PITCH, MANY_ROWS = 23.0, 18.0, 14


@dataclass(frozen=True)
class _Series:
    """The rows of one ascertainment or one group."""

    name: str
    rows: pd.DataFrame
    style: GroupStyle


def forest(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    label: str = "effect",
    unit_line: str | None = None,
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
    is_share: bool = True,
) -> Axes:
    """Estimates with intervals, one row per effect, with the numbers at the right.

    Rows keep the table's order; "any side effect" is set off. Ways of asking are never pooled:
    filled is the checklist, open is what was mentioned unasked. Groups are series of a panel, up
    to three; where both ways of asking are split by groups, or groups are more, each gets a panel.

    Parameters
    ----------
    table : DataFrame
        The column `label`, estimate, conf_low, conf_high (shares), and perhaps ascertainment,
        n_events and suppressed. A hidden row prints "1–10" or a dash, and "not shown".
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups.
    label : str
        Column that names the rows.
    unit_line : str, optional
        Written below the axis; "% of sessions" if the table counts sessions by patient.
    level : float
        Confidence level of the intervals, for the head of their column.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.
    is_share : bool
        Whether the estimates are shares, written in per cent, or amounts such as counts per 100 sessions.

    Returns
    -------
    Axes
    """
    names = list(dict.fromkeys(table[label]))
    panels = _panels(table, by)
    if unit_line is None:
        unit_line = "% of sessions" if "n_patients" in table.columns else "%"
    pitch = WIDE_PITCH if len(names) <= MANY_ROWS else NARROW_PITCH
    largest = np.nanmax(np.r_[floats(table, "estimate"), floats(table, "conf_high"), 0.01])
    with theme.context():
        texts_px = _texts_width(panels, by)
        height = TOP + pitch * max(len(names), 1) + BOTTOM
        layout = Layout(height, left=LEFT, right=texts_px, top=TOP, bottom=BOTTOM)
        head_lines = head_of(ax, layout, heading, title=title)
        ax = theme.prepare(ax, head_lines.raised(layout, line=16.0))
        sheet = Sheet(ax)
        set_rows(sheet, len(names))
        _name_rows(sheet, names, texts_px)
        several = len(panels) > 1
        axes = (
            split(ax, len(panels), columns=len(panels), across=26.0 if len(panels) < 4 else 16.0, up=0.0)
            if several
            else [ax]
        )
        for (name, series), panel_ax in zip(panels, axes, strict=True):
            panel = sheet
            if several:
                theme.plain(panel_ax)
                panel = Sheet(panel_ax)
                set_rows(panel, len(names))
                head = shorten(name, panel.size[0] + 10, TABLE, bold=True)
                panel.write(head, ("left", 0), ("top", 22), bold=True, gid="panel")
            if is_share:
                set_share_axis(panel, largest)
            else:
                set_x_axis(panel, 0.0, float(largest), grid=True)
            _draw_series(panel, names, label, series, pitch)
        series = panels[0][1] if panels else []
        if several:
            _write_key(sheet, series)
        elif _is_grouped(by, series):
            _write_group_numbers(sheet, names, label, series, is_share)
        else:
            _name_series(sheet, names, label, series)
            _write_numbers(sheet, names, label, series, level, is_share)
        head_lines.write(sheet, 49.0)
        sheet.write(
            unit_line, ("left", 0), ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="unit"
        )
        return ax


def _panels(table: pd.DataFrame, by: str | None) -> list[tuple[str, list[_Series]]]:
    """Panels with their series, none of them with more than three series."""
    asked = _ascertainments(table)
    groups = [] if by is None else list(dict.fromkeys(table[by].dropna()))
    if not groups:
        return [
            ("", [_Series(way, rows, _way_style(way, number)) for number, (way, rows) in enumerate(asked)])
        ]
    if len(groups) <= MOST_PER_PANEL:
        return [
            (way, [_Series(clean(g), rows[rows[by] == g], GROUPS[n]) for n, g in enumerate(groups)])
            for way, rows in asked
        ]
    return [
        (
            clean(group),
            [
                _Series(way, rows[rows[by] == group], _way_style(way, n))
                for n, (way, rows) in enumerate(asked)
            ],
        )
        for group in groups
    ]


def _ascertainments(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The ways of asking, checklist first, each with its rows."""
    if "ascertainment" not in table.columns:
        return [("", table)]
    ways = (
        table["ascertainment"].astype(object).where(table["ascertainment"].notna(), "not stated").astype(str)
    )
    known = [way for way in ASCERTAINMENT_ORDER if (ways == way).any()]
    others = [way for way in dict.fromkeys(ways) if way not in known]
    return [(way, table[(ways == way).to_numpy()]) for way in [*known, *others]] or [("", table)]


def _way_style(way: str, number: int) -> GroupStyle:
    return ASCERTAINMENT_STYLES.get(way, GROUPS[0] if number == 0 else GROUPS[2])


def _is_grouped(by: str | None, series: list[_Series]) -> bool:
    return by is not None and len(series) > 1


def _column_widths(series: list[_Series]) -> list[float]:
    """Room in px for each group's estimates under its name."""
    return [min(max(text_width(one.name, NOTE), 28.0), 66.0) + 16.0 for one in series]


def _texts_width(panels, by: str | None) -> float:
    """Room in px for the numbers at the right."""
    if len(panels) > 1:
        return 14.0
    return sum(_column_widths(panels[0][1])) if _is_grouped(by, panels[0][1]) else TEXT_WIDTH


def _name_rows(sheet: Sheet, names: list[Hashable], texts_px: float) -> None:
    """Names at the left; the sum of all effects in bold with a rule below."""
    for number, name in enumerate(names):
        words = clean(name)
        is_any = words.lower() == ANY
        words = shorten(words[:1].upper() + words[1:], LEFT - 10, TABLE, bold=is_any)
        sheet.write(words, ("left", -LEFT), ("data", number), bold=is_any, shift=(0, -3.5), gid="row")
        if is_any and len(names) > 1:
            ends = (("left", -LEFT), ("right", texts_px))
            below = ("data", number + 0.5)
            sheet.rule((ends[0], ("left", sheet.size[0] + texts_px)), (below, below), gid="any-rule")


def _draw_series(sheet: Sheet, names, label: str, series: list[_Series], pitch: float) -> None:
    place = {name: number for number, name in enumerate(names)}
    apart = min(7.0, (pitch - 7.0) / max(len(series) - 1, 1))
    for number, one in enumerate(series):
        rows = np.array([place[name] for name in one.rows[label]], dtype=float)
        values = (floats(one.rows, column) for column in ("estimate", "conf_low", "conf_high"))
        up = apart * ((len(series) - 1) / 2 - number)
        draw_dots(sheet, rows, *values, one.style, up=up)


def _name_series(sheet: Sheet, names, label: str, series: list[_Series]) -> None:
    """Names of two or three series above the first row, each over its dot and clear of the others."""
    if len(series) < 2 or not names:
        return
    wanted = []
    for one in series:
        first = floats(one.rows[one.rows[label] == names[0]], "estimate")
        x = sheet.pixels(first[0] if first.size and np.isfinite(first[0]) else 0.0, 0.0)[0, 0]
        name = shorten(one.name, 80, NOTE)
        wanted.append([x, text_width(name, NOTE), name, one.style.color])
    wanted.sort(key=lambda item: item[0])
    edge = -20.0
    for item in wanted:
        item[0] = max(item[0] - item[1] / 2, edge)
        edge = item[0] + item[1] + 8
    too_far = max(edge - 8 - (sheet.size[0] + 14), 0.0)
    for x, _, name, color in wanted:
        sheet.write(name, ("left", x - too_far), ("top", 7), size=NOTE, color=color, gid="series")


def _write_key(sheet: Sheet, series: list[_Series]) -> None:
    """Which marker is which, left of the panels."""
    for number, one in enumerate(series if len(series) > 1 else []):
        up = ("top", 22.0 - 13.0 * number)
        sheet.mark(one.style, ("left", -LEFT + 4), ("top", up[1] + 3.5))
        name = shorten(one.name, LEFT - 24, NOTE)
        sheet.write(name, ("left", -LEFT + 14), up, size=NOTE, color=one.style.color, gid="series")


def _write_group_numbers(sheet: Sheet, names, label: str, series: list[_Series], is_share: bool) -> None:
    """The estimates of all groups at the right, each under its name and marker."""
    edge = 0.0
    for one, width in zip(series, _column_widths(series), strict=True):
        edge += width
        head = shorten(one.name, width - 14, NOTE)
        sheet.write(
            head, ("right", edge), ("top", 10), size=NOTE, color=one.style.color, align="right", gid="series"
        )
        sheet.mark(one.style, ("right", edge - text_width(head, NOTE) - 6), ("top", 13.5))
        for place, row in _row_of(one, names, label):
            sheet.write(
                _texts(row, is_share)[0],
                ("right", edge),
                ("data", place),
                align="right",
                shift=(0, -3.5),
                gid="number",
            )


def _write_numbers(
    sheet: Sheet, names, label: str, series: list[_Series], level: float, is_share: bool
) -> None:
    """Estimate and interval of the first series at the right."""
    first = series[0]
    words = f"{first.name}, {100 * level:g}% CI" if len(series) > 1 and first.name else f"{100 * level:g}% CI"
    head = words[:1].upper() + words[1:]
    color = first.style.color if len(series) > 1 else PALETTE["secondary"]
    sheet.write(head, ("right", TEXT_WIDTH), ("top", 30), size=NOTE, color=color, align="right", gid="head")
    for place, row in _row_of(first, names, label):
        estimate, interval = _texts(row, is_share)
        at = ("data", place)
        sheet.write(estimate, ("right", 9), at, bold=True, shift=(0, -3.5), gid="number")
        sheet.write(
            interval, ("right", TEXT_WIDTH), at, color=PALETTE["secondary"], align="right", shift=(0, -3.5),
            gid="interval-text",
        )  # fmt: skip


def _row_of(series: _Series, names, label: str):
    """Place and cells of each row of a series."""
    place = {name: number for number, name in enumerate(names)}
    for cells in series.rows.to_dict("records"):
        yield place[cells[label]], cells


def _texts(cells: dict, is_share: bool = True) -> tuple[str, str]:
    """Estimate and interval of a row in words; what stands for them where they are hidden."""
    estimate = cells["estimate"]
    if is_hidden(cells):
        return hidden(cells.get("suppressed", True))
    if missing(estimate):
        return DASH, DASH
    if not is_share:
        decimals = 2 if abs(estimate) < 1 else 1
        return amount(estimate, decimals), number_range(cells["conf_low"], cells["conf_high"], decimals)
    return percent(estimate), percent_range(cells["conf_low"], cells["conf_high"], like=estimate)
