"""Does a mixed model fit: residuals, their distribution, the random effects, influence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, shorten, text_width, wrap
from ketaoutcomes.draw.panels import floats, split
from ketaoutcomes.draw.quantiles import draw_envelope, draw_equality, draw_quantiles, normal_scores
from ketaoutcomes.draw.scale import set_x_axis, set_y_axis, two_digits
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.smooth import bin_means, lowess
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, PX_PER_INCH, GroupStyle, Layout

__all__ = ["diagnostics"]

TOP, PLOT, BETWEEN, BOTTOM = 46.0, 126.0, 92.0, 42.0
CAPITALS = 14.0
LEFT, ACROSS, Y_LABELS = 4.0, 18.0, 36.0
MOST_SMOOTHED, MOST_POINTS = 2_000, 5_000
CELL = 4.0
# Cells of the first shade hold few rows, of the last many; ink is left to the line over them.
SHADES = (PALETTE["box"], PALETTE["band"], PALETTE["main"])
EFFECT_STYLES = (
    *GROUPS,
    GroupStyle(PALETTE["main"], PALETTE["box"], "solid", "^", PALETTE["paper"]),
    GroupStyle(PALETTE["text"], PALETTE["spread"], "solid", "D", PALETTE["text"]),
)
ALL_STEMS, MOST_GROUPS = 150, 300
FLAT = 1e-9


@dataclass(frozen=True)
class _Words:
    """What stands around a panel: title, what the marks are, and the x axis."""

    title: str
    marks: str
    across: str


def diagnostics(
    rows: pd.DataFrame,
    groups: pd.DataFrame,
    effects: pd.DataFrame,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    response: str | None = None,
    unit: str | None = None,
    group: str = "patients",
    no_influence: str = "not available for this model",
) -> Axes:
    """Four panels: residuals by fitted value, two normal quantile plots, and influence.

    Above 5,000 rows the first panel counts rows in cells, shaded by size. No identifier is drawn.
    Values that are missing are left out, and a panel without any says so.

    Parameters
    ----------
    rows : DataFrame
        One row per row of the data: fitted and scaled (standardised residual); further columns,
        such as residual and leverage, are not drawn.
    groups : DataFrame
        cook, Cook's distance of each group.
    effects : DataFrame
        effect (its name) and value (standardised BLUP), one row per effect and group.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure. It is split in four.
    title : str, optional
        Written in bold above all else; room for it is made.
    response, unit : str, optional
        What is modelled, and the unit of the fitted values.
    group : str
        What the groups are, in the plural.
    no_influence : str
        Why there is no Cook's distance, where there is none.

    Returns
    -------
    Axes
        The given axes; the panels are its `child_axes`.
    """
    fitted, scaled = floats(rows, "fitted"), floats(rows, "scaled")
    kept = np.isfinite(fitted) & np.isfinite(scaled)
    fitted, scaled = fitted[kept], scaled[kept]
    n_rows = f"{count(len(rows))} rows" + (f" ({count((~kept).sum())} not drawn)" if not kept.all() else "")
    words = ", ".join([*([clean(response)] if response else []), n_rows, f"{count(len(groups))} {group}"])
    with theme.context():
        height = TOP + 2 * PLOT + BETWEEN + BOTTOM
        layout = Layout(height, left=LEFT, right=14.0, top=TOP, bottom=BOTTOM)
        head = head_of(ax, layout, words, title=title)
        ax = theme.prepare(ax, head.raised(layout, line=16.0))
        lacking = _lacking(ax, TOP + head.height + CAPITALS)
        head.write(Sheet(ax), TOP - lacking)
        panels = split(ax, 4, across=ACROSS, up=BETWEEN, left=Y_LABELS, below_top=lacking)
        for panel in panels:
            theme.plain(panel)
        sheets = [Sheet(panel) for panel in panels]
        _draw_residuals(sheets[0], fitted, scaled, unit)
        _draw_normality(sheets[1], scaled)
        _draw_effects(sheets[2], effects)
        _draw_influence(sheets[3], floats(groups, "cook"), group, no_influence)
        return ax


def _lacking(ax: Axes, needed: float) -> float:
    """How much of `needed` px there is not above axes of one's own, up to the figure's edge."""
    above = (ax.figure.bbox.height - ax.bbox.y1) * PX_PER_INCH / ax.figure.dpi
    return max(needed - above, 0.0)


def _frame(sheet: Sheet, words: _Words) -> None:
    """Title, what the marks are, and what the x axis shows."""
    width = sheet.size[0] + Y_LABELS
    for text, up, bold, size, color, gid in (
        (words.title, 22, True, BASE, PALETTE["text"], "panel"),
        (words.marks, 9, False, NOTE, PALETTE["secondary"], "marks"),
    ):
        text = shorten(text, width + 8, size, bold=bold)
        sheet.write(text, ("left", -Y_LABELS), ("top", up), size=size, bold=bold, color=color, gid=gid)
    across = shorten(words.across, width, NOTE)
    sheet.write(across, ("left", 0), ("bottom", -31), size=NOTE, color=PALETTE["secondary"], gid="across")


def _empty(sheet: Sheet, title: str, why: str) -> None:
    """A panel's title and, in its middle, why there is nothing else."""
    _frame(sheet, _Words(title, "", ""))
    sheet.ax.set_axis_off()
    width, height = sheet.size
    for number, line in enumerate(wrap(why, width, NOTE, max_lines=4)):
        at = ("bottom", height / 2 - 13 * number)
        sheet.write(line, ("left", 0), at, size=NOTE, color=PALETTE["secondary"], gid="why")


def _reach(*values: NDArray[np.float64]) -> float:
    """Half height of an axis around 0 that holds all values, and never less than 2.5."""
    return 1.06 * max(2.5, *(float(np.abs(v).max(initial=0.0)) for v in values))


def _draw_residuals(sheet: Sheet, fitted: NDArray, scaled: NDArray, unit: str | None) -> None:
    """Standardised residuals against fitted values, with a smooth line."""
    n, title = fitted.size, "Residuals, standardised"
    if not n:
        _empty(sheet, title, "no row has a standardised residual")
        return
    marks = ""
    if n > MOST_POINTS:
        marks = "darker: more rows; line: mean of each 20th"
    elif n > MOST_SMOOTHED:
        marks = "line: mean of each 20th"
    elif n > 2:
        marks = "line: local mean (LOWESS)"
    across = f"fitted value, {clean(unit)}" if unit else "fitted value"
    _frame(sheet, _Words(title, marks, across))
    low, high = float(fitted.min()), float(fitted.max())
    if high - low <= FLAT * max(abs(low), abs(high), 1.0):
        low, high = low - 1.0, high + 1.0
    top = _reach(scaled)
    set_y_axis(sheet, -top, top)
    set_x_axis(sheet, low, high, margin_px=4.0)
    edges = (("left", 0.0), ("left", sheet.size[0]))
    sheet.rule(edges, (("data", 0.0), ("data", 0.0)), color=PALETTE["axis"], width=0.9, gid="zero")
    if n > MOST_POINTS:
        _draw_cells(sheet, fitted, scaled)
    else:
        sheet.ax.plot(
            fitted, scaled, linestyle="none", marker="o", markersize=2.6 if n <= 500 else 1.8, zorder=3,
            markerfacecolor="none", markeredgecolor=PALETTE["main" if n <= 500 else "band"],
            markeredgewidth=0.6, clip_on=False, gid="residual",
        )  # fmt: skip
    if n > 2:
        grid, values = (lowess if n <= MOST_SMOOTHED else bin_means)(fitted, scaled)
        # White below ink, so that the line is seen over the darkest cells.
        for color, width, gid in ((PALETTE["paper"], 3.4, "smooth-ground"), (PALETTE["text"], 1.6, "smooth")):
            sheet.ax.plot(grid, values, color=color, linewidth=width, zorder=4, gid=gid)


def _draw_cells(sheet: Sheet, x: NDArray, y: NDArray) -> None:
    """Counts of points in cells of 4 px, one shape per shade."""
    width, height = sheet.size
    shape = max(int(width / CELL), 1), max(int(height / CELL), 1)
    ends = sheet.ax.get_xlim(), sheet.ax.get_ylim()
    steps = [(high - low) / n for (low, high), n in zip(ends, shape, strict=True)]
    column, row = (
        np.clip(((values - low) / step).astype(np.intp), 0, n - 1)
        for values, (low, _), step, n in zip((x, y), ends, steps, shape, strict=True)
    )
    counts = np.bincount(column * shape[1] + row, minlength=shape[0] * shape[1]).reshape(shape)
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], dtype=float)
    # Equal steps of the logarithm up to the fullest cell.
    limits = [*(counts.max() ** (np.arange(len(SHADES)) / len(SHADES))), np.inf]
    for color, least, below in zip(SHADES, limits[:-1], limits[1:], strict=True):
        cells = np.argwhere((counts >= least) & (counts < below))
        if len(cells):
            boxes = (cells[:, None, :] + corners) * steps + [end[0] for end in ends]
            path = Path.make_compound_path_from_polys(boxes)
            sheet.ax.add_artist(PathPatch(path, facecolor=color, linewidth=0, zorder=2, gid="cells"))


def _draw_normality(sheet: Sheet, scaled: NDArray) -> None:
    """Standardised residuals against normal quantiles, with an envelope."""
    title = "Residuals: normal?"
    if scaled.size < 3:
        _empty(sheet, title, "fewer than 3 standardised residuals")
        return
    _frame(sheet, _Words(title, "grey: 95% of normal samples, by point", "normal quantile"))
    _set_quantile_axes(sheet, scaled.size, scaled)
    draw_envelope(sheet, scaled.size)
    draw_quantiles(sheet, np.sort(scaled), GROUPS[0])


def _set_quantile_axes(sheet: Sheet, n: int, *values: NDArray) -> None:
    last = float(normal_scores(n, np.array([n - 1]))[0])
    set_x_axis(sheet, -max(last, 2.0), max(last, 2.0), margin_px=4.0)
    top = _reach(*values, np.array([last]))
    set_y_axis(sheet, -top, top)


def _draw_effects(sheet: Sheet, effects: pd.DataFrame) -> None:
    """Random effects against normal quantiles, each by its own standard deviation."""
    title = "Random effects: normal?"
    named, flat = _standardised(effects)
    if not named:
        why = "no spread (variance 0)" if flat else "fewer than 3 values of each random effect"
        _empty(sheet, title, why if len(effects) else "the model has no random effects")
        return
    sizes = {values.size for _, values in named}
    marks = "each divided by its own SD" + ("; grey: 95%" if len(sizes) == 1 else "")
    _frame(sheet, _Words(title, marks, "normal quantile"))
    _set_quantile_axes(sheet, max(sizes), *(values for _, values in named))
    if len(sizes) == 1:
        draw_envelope(sheet, max(sizes))
    else:
        draw_equality(sheet, sheet.ax.get_xlim()[1])
    lines = []
    for (name, values), style in zip(named, EFFECT_STYLES, strict=False):
        draw_quantiles(sheet, values, style)
        lines.append((name, style))
    extra = len(named) - len(lines)
    lines += [(f"{extra} more not drawn", None)] if extra else []
    lines += [(f"{name}: no spread", None) for name in flat]
    for number, (name, style) in enumerate(lines):
        up = ("top", -9.0 - 12.0 * number)
        if style is not None:
            sheet.mark(style, ("left", 5), ("top", up[1] + 3.5))
        color = PALETTE["secondary"] if style is None else style.color
        # The upper left half of the panel is free: values that are sorted rise.
        text = shorten(name, sheet.size[0] * 0.62, NOTE)
        sheet.write(text, ("left", 11), up, size=NOTE, color=color, gid="effect", on_white=True)


def _standardised(effects: pd.DataFrame) -> tuple[list[tuple[str, NDArray]], list[str]]:
    """Sorted values of each effect by their own standard deviation; names of those without spread."""
    named, flat = [], []
    if not len(effects):
        return named, flat
    values = floats(effects, "value")
    codes, names = pd.factorize(effects["effect"])
    for code, name in enumerate(names):
        own = values[(codes == code) & np.isfinite(values)]
        spread = own.std(ddof=1) if own.size > 1 else 0.0
        if own.size >= 3 and spread > FLAT:
            named.append((clean(name), np.sort((own - own.mean()) / spread)))
        elif own.size >= 3:
            flat.append(clean(name))
    return named, flat


def _draw_influence(sheet: Sheet, cook: NDArray, group: str, no_influence: str) -> None:
    """Cook's distance of each group from the largest down, with the line at 4 / m."""
    known = np.sort(cook[np.isfinite(cook)])[::-1]
    m = known.size
    title = "Influence: Cook's distance"
    across = f"{group}, largest first"
    if not m:
        _empty(sheet, title, no_influence if cook.size else f"no {group}")
        return
    threshold = 4.0 / m
    n_above = int((known > threshold).sum())
    marks = f"{count(n_above)} of {count(m)} above 4/m"
    if cook.size > m:
        across += f" ({count(cook.size - m)} not known)"
    _frame(sheet, _Words(title, marks, across))
    top = 1.06 * max(float(known[0]), 1.25 * threshold)
    set_y_axis(sheet, 0.0, top)
    set_x_axis(sheet, 1.0, float(max(m, 2)), margin_px=5.0)
    shown = np.arange(m)
    if m > MOST_GROUPS:
        # Ranks are denser where distances are large: there the curve is steep.
        shown = np.unique(np.round((m - 1) * np.linspace(0.0, 1.0, MOST_GROUPS) ** 3).astype(int))
    place = shown + 1.0
    if m <= ALL_STEMS:
        stems = np.stack([np.column_stack([place, 0 * place]), np.column_stack([place, known])], axis=1)
        sheet.ax.add_artist(
            LineCollection(stems, colors=PALETTE["spread"], linewidths=0.8, zorder=2, gid="stem")
        )
    above = known[shown] > threshold
    for which, fill, gid in ((~above, PALETTE["paper"], "below"), (above, PALETTE["main"], "above")):
        sheet.ax.plot(
            place[which], known[shown][which], linestyle="none", marker="o", markersize=3.0,
            markeredgecolor=PALETTE["main"], markerfacecolor=fill, markeredgewidth=0.7, zorder=3,
            clip_on=False, gid=gid,
        )  # fmt: skip
    _draw_threshold(sheet, threshold)


def _draw_threshold(sheet: Sheet, threshold: float) -> None:
    """The dashed line at 4 / m with its value, right above it."""
    width, _ = sheet.size
    at = ("data", threshold)
    sheet.rule(
        (("left", 0.0), ("left", width)), (at, at), color=PALETTE["secondary"], width=1.0,
        style=(0, (4.0, 2.0)), gid="threshold",
    )  # fmt: skip
    text = f"4/m = {two_digits(threshold)}"
    left = width - text_width(text, NOTE)
    sheet.write(
        text,
        ("left", left),
        at,
        size=NOTE,
        color=PALETTE["secondary"],
        shift=(0.0, 4.0),
        gid="threshold-text",
    )
