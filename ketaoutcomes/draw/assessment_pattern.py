"""How often patients are assessed after which scores, and the mean course with and without weights."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import number, shorten, text_width
from ketaoutcomes.draw.panels import floats, levels, rows_of, split
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks
from ketaoutcomes.draw.timeaxis import set_time_axis

__all__ = ["assessment_panels"]

PLOT, GAP, ACROSS = 128.0, 84.0, 34.0
LEFT, RIGHT, TOP, BOTTOM = 30.0, 14.0, 62.0, 42.0
LINES = {
    "unweighted": (PALETTE["text"], (0, (4.0, 2.0)), "o"),
    "weighted": (PALETTE["main"], "solid", "o"),
    "mixed model": (PALETTE["axis"], (0, (1.0, 1.6)), "s"),
}
OTHER = (PALETTE["secondary"], (0, (6.0, 1.5, 1.0, 1.5)), "^")


def assessment_panels(
    by_score: pd.DataFrame,
    course: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    level: float = 0.95,
    instrument: str = "Score",
    higher_is: str | None = None,
    title: str | None = None,
) -> Axes:
    """Two panels per group: assessments per week against the last score, and mean score against weeks.

    Parameters
    ----------
    by_score : DataFrame
        mean_score, estimate, conf_low, conf_high: assessments per patient-week after such scores.
    course : DataFrame
        method, time (weeks), estimate, conf_low, conf_high.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups, in both tables.
    level : float
        Confidence level of the bars.
    instrument : str
    higher_is : {"worse", "better"}, optional
    title : str, optional

    Returns
    -------
    Axes
    """
    groups = levels(course, by)
    words = f"Left: assessments per patient-week after a last {instrument} score. Right: mean {instrument}"
    if higher_is:
        words += f", higher is {higher_is}"
    words += f". Bars: {100 * level:g}% CI"
    with theme.context():
        height = TOP + len(groups) * (PLOT + GAP) - GAP + BOTTOM
        layout = Layout(height, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        head = head_of(ax, layout, words, title=title)
        ax = theme.prepare(ax, head.raised(layout))
        outer = Sheet(ax)
        head.write(outer, 46.0)
        panels = split(ax, 2 * len(groups), across=ACROSS, up=GAP)
        span, rates = _span(course), _span(by_score)
        methods = list(dict.fromkeys(course["method"]))
        for place, group in enumerate(groups):
            left, right = panels[2 * place], panels[2 * place + 1]
            _intensity(left, rows_of(by_score, by, group), rates, group if by is not None else None)
            _means(right, rows_of(course, by, group), methods, span, key=place == 0)
        return ax


def _span(table: pd.DataFrame) -> float:
    """What an axis must hold: the estimates, and their limits up to twice as high."""
    highest = float(np.nanmax(floats(table, "estimate"), initial=0.0)) or 1.0
    return max(highest, min(float(np.nanmax(floats(table, "conf_high"), initial=0.0)), 2 * highest))


def _upper(top: float) -> tuple[float, list[float]]:
    """A round upper end and up to five ticks from 0."""
    for step in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0):
        if top / step <= 4.2:
            break
    ticks = [float(tick) for tick in np.arange(0.0, top + 0.999 * step, step)]
    return ticks[-1], ticks


def _value_axis(sheet: Sheet, top: float) -> None:
    end, ticks = _upper(top)
    sheet.ax.set_ylim(0.0, end)
    decimals = 0 if all(tick == round(tick) for tick in ticks) else 2 if (ticks[1] * 10) % 1 else 1
    y_ticks(sheet, ticks, [number(tick, decimals) for tick in ticks])


def _intensity(panel: Axes, rows: pd.DataFrame, top: float, group: Hashable) -> None:
    """Assessments per patient-week against the mean of the last score in each band."""
    theme.plain(panel)
    sheet = Sheet(panel)
    _value_axis(sheet, top)
    x, y = floats(rows, "mean_score"), floats(rows, "estimate")
    end, ticks = _upper(max(float(np.nanmax(x, initial=0.0)) * 1.08, 1.0))
    panel.set_xlim(0.0, end)
    x_ticks(sheet, ticks, [number(tick, 0) if tick == round(tick) else number(tick) for tick in ticks])
    panel.vlines(
        x,
        floats(rows, "conf_low"),
        floats(rows, "conf_high"),
        color=PALETTE["main"],
        linewidth=1.0,
        gid="bar",
    )
    panel.plot(x, y, color=PALETTE["band"], linewidth=1.0, zorder=2, gid="joined")
    panel.plot(
        x, y, linestyle="none", marker="o", markersize=4.2, color=PALETTE["main"], zorder=4, gid="rate"
    )
    sheet.write(
        "Last score", ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="axis-words"
    )
    if group is not None:
        name = shorten(group, sheet.size[0] + LEFT, BASE, bold=True)
        sheet.write(name, ("left", -LEFT + 6), ("top", 24), size=BASE, bold=True, gid="group")
    sheet.write(
        "Assessments per patient-week", ("left", -LEFT + 6), ("top", 9), size=NOTE,
        color=PALETTE["secondary"], gid="panel",
    )  # fmt: skip


def _means(panel: Axes, rows: pd.DataFrame, methods: list[str], top: float, *, key: bool) -> None:
    """The mean course of each method; those with bars stand side by side."""
    theme.plain(panel)
    sheet = Sheet(panel)
    _value_axis(sheet, top)
    end = float(np.nanmax(floats(rows, "week_to"), initial=1.0))
    set_time_axis(sheet, unit="weeks", horizon=end)
    barred = [method for method in methods if method in ("unweighted", "weighted")]
    for place, method in enumerate(methods):
        own = rows[rows["method"] == method]
        if not len(own):
            continue
        color, dash, marker = LINES.get(method, OTHER)
        x, y = floats(own, "time"), floats(own, "estimate")
        shift = 3.0 * (place - (len(barred) - 1) / 2) if method in barred else 0.0
        where = sheet.shifted(shift)
        panel.plot(
            x, y, color=color, linestyle=dash, linewidth=1.4 if method == "weighted" else 1.1,
            transform=where, zorder=5 if method == "weighted" else 4, gid=method,
        )  # fmt: skip
        if method in barred:
            panel.vlines(
                x, floats(own, "conf_low"), floats(own, "conf_high"), color=color, linewidth=0.8,
                transform=where, zorder=3, gid="bar",
            )  # fmt: skip
            panel.plot(
                x, y, linestyle="none", marker=marker, markersize=3.2, color=color, transform=where, zorder=6,
                markerfacecolor=color if method == "weighted" else PALETTE["paper"], gid="mean",
            )  # fmt: skip
    sheet.write(
        "Weeks after session 1",
        ("left", 0),
        ("bottom", -33),
        size=BASE,
        color=PALETTE["secondary"],
        gid="time",
    )
    if key:
        _key(sheet, methods)


def _key(sheet: Sheet, methods: list[str]) -> None:
    """Names of the lines with a piece of each, in up to two rows above the panel."""
    across, up = 0.0, 9.0 if len(methods) <= 2 else 23.0
    for method in methods:
        color, dash, _ = LINES.get(method, OTHER)
        width = 20.0 + text_width(method, NOTE) + 9.0
        if across and across + width > sheet.size[0] + RIGHT:
            across, up = 0.0, up - 14.0
        sheet.rule(
            (("left", across), ("left", across + 16)), (("top", up + 3.5), ("top", up + 3.5)), color=color,
            width=1.4, style=dash, gid="key-line",
        )  # fmt: skip
        sheet.write(
            method, ("left", across + 20), ("top", up), size=NOTE, color=color, bold=method == "weighted",
            gid="key",
        )  # fmt: skip
        across += width
