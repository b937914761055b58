"""Side effects, or other shares, one below the other with their intervals."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.bounds import BOUNDS_KEY, draw_bounds, has_bounds, is_bar, upper_bound
from ketaoutcomes.draw.dots import draw_dots, set_rows, set_share_axis
from ketaoutcomes.draw.forest_series import Series, panels_of, row_texts, size_words, sizes
from ketaoutcomes.draw.labels import clean, shorten, text_width, wrap
from ketaoutcomes.draw.own_axes import place_of
from ketaoutcomes.draw.panels import floats, split
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.scale import set_x_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, TABLE, Layout, ModuleFigure

__all__ = ["forest"]

ANY = "any side effect"
WIDTH, LEFT, WIDEST_NAMES, TOP, BOTTOM = 400.0, 126.0, 172.0, 46.0, 42.0
TEXT_WIDTH, EDGE = 87.0, 14.0
# What the names of several series take above the rows.
NAMES_PX = 16.0
WIDE_PITCH, NARROW_PITCH, MANY_ROWS = 23.0, 18.0, 14
PANEL_TOP, PANEL_PX, ACROSS, LEAST_PANEL, MOST_COLUMNS, BETWEEN_ROWS = 62.0, 84.0, 26.0, 44.0, 5, 66.0
NOTE_PITCH, LEAST_PLOT, LEAST_NAMES = 13.0, 60.0, 70.0


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
    Where only bounds are known, a hollow bar runs from the one to the other.

    Parameters
    ----------
    table : DataFrame
        The column `label`, estimate, conf_low, conf_high (shares), and perhaps estimate_high (upper
        bound), ascertainment, n, n_patients, n_events and suppressed. A hidden row prints "1–10" or a
        dash, and "not shown".
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
        What is drawn, written above; how many are counted then stands below. Nothing if empty, where
        a caption says both.
    title : str, optional
        Written in bold above all else; room for it is made.
    is_share : bool
        Whether the estimates are shares, written in per cent, or amounts such as counts per 100 sessions.

    Returns
    -------
    Axes
    """
    names = list(dict.fromkeys(table[label]))
    if not names:
        return nothing(ax, heading, title=title)
    panels = panels_of(table, by)
    if unit_line is None:
        unit_line = "% of sessions" if "n_patients" in table.columns else "%"
    with theme.context():
        is_grouped = by is not None and table[by].nunique() > 1
        plan = _plan(ax, names, panels, is_grouped, level, is_share)
        below = _below(table, panels, by, unit_line, level) if heading else []
        layout = plan.layout(len(below))
        ax, head_lines = placed(ax, layout, heading, title=title, line=16.0)
        sheet = Sheet(ax)
        head_lines.write(sheet, layout.top + 3.0)
        largest = float(np.nanmax(np.r_[upper_bound(table), floats(table, "conf_high"), 0.01]))
        if len(panels) > 1:
            _draw_panels(ax, plan, panels, label, largest, is_share, _counted(unit_line))
        else:
            _draw_one(sheet, plan, panels[0][1], label, largest, level, is_share)
        sheet.write(
            unit_line, ("left", 0), ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="unit"
        )
        for number, words in enumerate(below):
            sheet.write(
                shorten(words, sheet.size[0] + plan.left + plan.right, NOTE), ("left", -plan.left),
                ("bottom", -49.0 - NOTE_PITCH * number), size=NOTE, color=PALETTE["secondary"], gid="sizes",
            )  # fmt: skip
        return ax


@dataclass(frozen=True)
class _Plan:
    """Names of the rows, and the px that they and all else need."""

    names: list[Hashable]
    pitch: float
    left: float
    right: float
    columns: int
    n_panels: int
    is_grouped: bool
    is_single: bool

    @property
    def body(self) -> float:
        """Height of one row of panels."""
        return self.pitch * max(len(self.names), 1)

    def layout(self, n_lines: int) -> Layout:
        """The figure with `n_lines` notes below it."""
        n_rows = -(-self.n_panels // self.columns)
        top = PANEL_TOP if self.n_panels > 1 else TOP - (NAMES_PX if self.is_single else 0.0)
        bottom = BOTTOM + NOTE_PITCH * n_lines
        inner = n_rows * self.body + (n_rows - 1) * BETWEEN_ROWS if self.names else 0.0
        wide = self.left + self.columns * (PANEL_PX + ACROSS) - ACROSS + EDGE
        width = max(wide, WIDTH) if self.columns > 3 else WIDTH
        return Layout(top + inner + bottom, width, self.left, self.right, top, bottom)


def _plan(ax: Axes | None, names, panels, is_grouped: bool, level: float, is_share: bool) -> _Plan:
    """What fits beside each other in the width there is."""
    pitch = WIDE_PITCH if len(names) <= MANY_ROWS else NARROW_PITCH
    widest = max((text_width(_shown(name), TABLE, bold=_is_any(name)) for name in names), default=0.0)
    left = min(max(1.05 * widest + 10.0, LEFT), WIDEST_NAMES)
    right = EDGE
    if len(panels) == 1:
        right = (
            sum(_column_widths(panels[0][1], is_share))
            if is_grouped
            else _texts_width(panels[0][1], level, is_share)
        )
    columns = min(len(panels), MOST_COLUMNS)
    width = _given_width(ax)
    if width is not None:
        least = LEAST_PLOT if len(panels) == 1 else LEAST_PANEL
        left = min(left, max(width - right - 2.0 * least, LEAST_NAMES))
        most = int((width - left - right + ACROSS) // (LEAST_PANEL + ACROSS))
        columns = min(columns, max(most, 1))
    is_single = len(panels) == 1 and len(panels[0][1]) < 2
    return _Plan(names, pitch, left, right, columns, len(panels), is_grouped, is_single)


def _given_width(ax: Axes | None) -> float | None:
    """The px that a figure or axes of one's own have; None where the drawing chooses."""
    place = place_of(ax)
    if place is not None:
        return place.width
    figure = None if ax is None else ax.figure
    asked = figure.open_lengths if isinstance(figure, ModuleFigure) else None
    return asked["width"] if asked else None


def _below(table: pd.DataFrame, panels, by: str | None, unit_line: str, level: float) -> list[str]:
    """How many are counted, where panels do not say so, and what a bar is."""
    lines = [f"Lines: {100 * level:g}% CI"] if len(panels) > 1 else []
    if len(panels) == 1 and np.isfinite(floats(table, "n")).any():
        noun = _counted(unit_line)
        groups = [] if by is None else [clean(group) for group in dict.fromkeys(table[by].dropna())]
        group = groups[0] if len(groups) == 1 else ""
        lines = wrap(size_words(panels[0][1], noun, group), WIDTH - 10.0, NOTE, max_lines=3)
    return [*lines, BOUNDS_KEY] if has_bounds(table).any() else lines


def _counted(unit_line: str) -> str:
    """What is counted: the patients of a share of patients, else sessions."""
    return "patients" if unit_line.endswith("patients") else "sessions"


def _draw_one(sheet: Sheet, plan: _Plan, series, label, largest, level, is_share) -> None:
    """One panel, with its numbers at the right."""
    set_rows(sheet, len(plan.names))
    _name_rows(sheet, plan, sheet.size[0] + plan.right)
    _set_values(sheet, largest, is_share)
    _draw_series(sheet, plan, label, series)
    if plan.is_grouped:
        _write_group_numbers(sheet, plan.names, label, series, is_share)
    else:
        _name_series(sheet, plan.names, label, series)
        _write_numbers(sheet, plan, label, series, level, is_share)


def _draw_panels(
    ax: Axes, plan: _Plan, panels, label: str, largest: float, is_share: bool, noun: str
) -> None:
    """Panels side by side, as many in a row as fit; each row has the names at its left."""
    outer = Sheet(ax)
    across = ACROSS if plan.columns < 4 or plan.columns * (PANEL_PX + ACROSS) < outer.size[0] + 60 else 16.0
    axes = split(ax, len(panels), columns=plan.columns, across=across, up=BETWEEN_ROWS)
    for number, ((name, series), panel_ax) in enumerate(zip(panels, axes, strict=True)):
        theme.plain(panel_ax)
        panel = Sheet(panel_ax)
        set_rows(panel, len(plan.names))
        if number % plan.columns == 0:
            _name_rows(panel, plan, outer.size[0] + plan.right)
            label_at = ("left", -8.0)
            panel.write(noun, label_at, ("top", 9), size=NOTE, color=PALETTE["secondary"], align="right",
                        gid="n-label")  # fmt: skip
        head = shorten(name, panel.size[0] + across - 6.0, TABLE, bold=True)
        panel.write(head, ("left", 0), ("top", 23), bold=True, gid="panel")
        _write_sizes(panel, series, panel.size[0] + across - 4.0)
        _set_values(panel, largest, is_share)
        _draw_series(panel, plan, label, series)
    _write_key(outer, plan, panels[0][1])


def _set_values(sheet: Sheet, largest: float, is_share: bool) -> None:
    if is_share:
        set_share_axis(sheet, largest)
    else:
        set_x_axis(sheet, 0.0, largest, grid=True)


def _column_widths(series: list[Series], is_share: bool) -> list[float]:
    """Room in px for each group's estimates under its name."""
    widths = []
    for one in series:
        texts = [row_texts(cells, is_share)[0] for cells in one.rows.to_dict("records")]
        widest = max((text_width(words, TABLE) for words in texts), default=0.0)
        widths.append(max(min(max(text_width(one.name, NOTE), 28.0), 66.0) + 16.0, widest + 10.0))
    return widths


def _texts_width(series: list[Series], level: float, is_share: bool) -> float:
    """Room in px for estimate and interval at the right."""
    texts = [row_texts(cells, is_share) for cells in series[0].rows.to_dict("records")]
    numbers = max((text_width(words, TABLE, bold=True) for words, _ in texts), default=0.0)
    limits = max((text_width(words, TABLE) for _, words in texts), default=0.0)
    return max(TEXT_WIDTH, 9.0 + 1.05 * (numbers + limits) + 9.0, text_width(_head(series, level), NOTE) - 8)


def _shown(name: Hashable) -> str:
    words = clean(name)
    return words[:1].upper() + words[1:]


def _is_any(name: Hashable) -> bool:
    return clean(name).lower() == ANY


def _name_rows(sheet: Sheet, plan: _Plan, end: float) -> None:
    """Names at the left; the sum of all effects in bold, with a rule below that ends `end` px across."""
    for number, name in enumerate(plan.names):
        is_any = _is_any(name)
        words = shorten(_shown(name), plan.left - 8, TABLE, bold=is_any)
        sheet.write(words, ("left", -plan.left), ("data", number), bold=is_any, shift=(0, -3.5), gid="row")
        if is_any and len(plan.names) > 1:
            below = ("data", number + 0.5)
            sheet.rule((("left", -plan.left), ("left", end)), (below, below), gid="any-rule")


def _draw_series(sheet: Sheet, plan: _Plan, label: str, series: list[Series]) -> None:
    place = {name: number for number, name in enumerate(plan.names)}
    apart = min(7.0, (plan.pitch - 7.0) / max(len(series) - 1, 1))
    for number, one in enumerate(series):
        rows = np.array([place[name] for name in one.rows[label]], dtype=float)
        value, low, high = (floats(one.rows, column) for column in ("estimate", "conf_low", "conf_high"))
        wide = is_bar(sheet, one.rows)
        up = apart * ((len(series) - 1) / 2 - number)
        draw_dots(sheet, rows, np.where(wide, np.nan, value), low, high, one.style, up=up)
        if wide.any():
            ends = value[wide], upper_bound(one.rows)[wide]
            draw_bounds(sheet, rows[wide], ends, (low[wide], high[wide]), one.style, shift=up)


def _name_series(sheet: Sheet, names, label: str, series: list[Series]) -> None:
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


def _write_key(sheet: Sheet, plan: _Plan, series: list[Series]) -> None:
    """Which marker is which, above the names and panels."""
    across = -plan.left + 4.0
    for one in series if len(series) > 1 else []:
        up = ("top", 40.0)
        sheet.mark(one.style, ("left", across), ("top", up[1] + 3.5))
        name = shorten(one.name, 110.0, NOTE)
        sheet.write(name, ("left", across + 10), up, size=NOTE, color=one.style.color, gid="series")
        across += 10 + text_width(name, NOTE) + 18


def _write_sizes(sheet: Sheet, series: list[Series], width: float) -> None:
    """How many are counted in each series of a panel, beside its marker."""
    across = 0.0
    for one in series:
        if not len(one.rows):
            continue
        words = sizes(one.rows)
        if len(series) > 1:
            sheet.mark(one.style, ("left", across + 3.0), ("top", 12.5), gid="size-key")
            across += 9.0
        words = shorten(words, max(width - across, 0.0), NOTE)
        sheet.write(words, ("left", across), ("top", 9), size=NOTE, color=one.style.color, gid="size")
        across += text_width(words, NOTE) + 7.0


def _write_group_numbers(sheet: Sheet, names, label: str, series: list[Series], is_share: bool) -> None:
    """The estimates of all groups at the right, each under its name and marker."""
    edge = 0.0
    for one, width in zip(series, _column_widths(series, is_share), strict=True):
        edge += width
        head = shorten(one.name, width - 14, NOTE)
        sheet.write(
            head, ("right", edge), ("top", 10), size=NOTE, color=one.style.color, align="right", gid="series"
        )
        sheet.mark(one.style, ("right", edge - text_width(head, NOTE) - 6), ("top", 13.5))
        for place, row in _row_of(one, names, label):
            sheet.write(
                row_texts(row, is_share)[0], ("right", edge), ("data", place), align="right",
                shift=(0, -3.5), gid="number",
            )  # fmt: skip


def _head(series: list[Series], level: float) -> str:
    first = series[0].name
    words = f"{first}, {100 * level:g}% CI" if len(series) > 1 and first else f"{100 * level:g}% CI"
    return words[:1].upper() + words[1:]


def _write_numbers(sheet: Sheet, plan: _Plan, label: str, series: list[Series], level, is_share) -> None:
    """Estimate and interval of the first series at the right."""
    first, edge = series[0], plan.right
    color = first.style.color if len(series) > 1 else PALETTE["secondary"]
    words = _head(series, level)
    up = 30.0 - (NAMES_PX if plan.is_single else 0.0)
    sheet.write(words, ("right", edge), ("top", up), size=NOTE, color=color, align="right", gid="head")
    for place, row in _row_of(first, plan.names, label):
        estimate, interval = row_texts(row, is_share)
        at = ("data", place)
        sheet.write(estimate, ("right", 9), at, bold=True, shift=(0, -3.5), gid="number")
        sheet.write(
            interval, ("right", edge), at, color=PALETTE["secondary"], align="right", shift=(0, -3.5),
            gid="interval-text",
        )  # fmt: skip


def _row_of(series: Series, names, label: str):
    """Place and cells of each row of a series."""
    place = {name: number for number, name in enumerate(names)}
    for cells in series.rows.to_dict("records"):
        yield place[cells[label]], cells
