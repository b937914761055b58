"""One measure month by month: a chart with intervals, and a spark for a table's row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import share_ticks
from ketaoutcomes.draw.labels import (
    HIDDEN_ESTIMATE,
    hidden,
    is_hidden,
    month,
    number,
    percent,
    text_width,
)
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, NOTE, PALETTE, Layout
from ketaoutcomes.draw.ticks import x_ticks, y_ticks
from ketaoutcomes.draw.timeaxis import spaced

__all__ = ["monthly", "spark"]

LEFT, RIGHT, TOP, PLOT, BOTTOM = 44.0, 44.0, 34.0, 130.0, 26.0
SPARK = Layout(60.0, width=206.0, left=6.0, right=50.0, top=6.0, bottom=16.0)


@dataclass(frozen=True)
class _Months:
    """The rows of a measure as arrays, at whole places on the x axis (months since the first)."""

    names: list[str]
    place: np.ndarray
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    provisional: np.ndarray
    hidden: list[str]


def monthly(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    unit_line: str = "% of patients",
    as_percent: bool = True,
    centre: float | None = None,
    centre_label: str | None = None,
    emphasis: str | None = None,
) -> Axes:
    """One measure by month with its intervals.

    A hollow dot with a dashed join is provisional; a hidden month leaves a gap with a dotted join
    and its reason at the foot.

    Parameters
    ----------
    table : DataFrame
        month ("YYYY-MM"), estimate, conf_low, conf_high, and perhaps provisional (bool), suppressed.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    unit_line : str
        Written above the axis.
    as_percent : bool
        Shares on an axis from 0; otherwise plain numbers on an axis that spans them.
    centre : float, optional
        A value to compare with, as a grey line, named `centre_label` at the right.
    emphasis : str, optional
        The month that the page is about; its dot is black.

    Returns
    -------
    Axes
        x counts months from the first one.
    """
    months = _read(table)
    with theme.context():
        ax = theme.prepare(ax, Layout(TOP + PLOT + BOTTOM, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM))
        sheet = Sheet(ax)
        _value_axis(sheet, months, as_percent, centre)
        _month_axis(sheet, months)
        if centre is not None and np.isfinite(centre):
            _draw_centre(sheet, centre, centre_label or _text(centre, as_percent))
        has_line = np.isfinite(months.estimate) & np.isfinite(months.low) & np.isfinite(months.high)
        ends = np.stack(
            [np.column_stack([months.place, months.low]), np.column_stack([months.place, months.high])],
            axis=1,
        )
        ax.add_artist(
            LineCollection(ends[has_line], colors=PALETTE["band"], linewidths=1.2, zorder=2.5, gid="interval")
        )
        _draw_joined(sheet, months, emphasis, size=4.4)
        _write_gaps(sheet, months)
        sheet.write(
            unit_line, ("left", -LEFT), ("top", 16), size=BASE, color=PALETTE["secondary"], gid="unit"
        )
        return ax


def spark(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    as_percent: bool = True,
    centre: float | None = None,
    emphasis: str | None = None,
    decimals: int = 1,
) -> Axes:
    """A measure by month, 206 by 60 px, to stand in a table; the ends of its axis are labelled.

    Parameters
    ----------
    table : DataFrame
        month, estimate, and perhaps provisional, suppressed, and limit_low, limit_high (shaded).
    centre : float, optional
        A value to compare with, as a grey line with its label.
    emphasis : str, optional
        The month of the row; its dot is black.
    decimals : int
        Of labels that are not per cent.

    Returns
    -------
    Axes
    """
    months = _read(table)
    limit_low, limit_high = floats(table, "limit_low"), floats(table, "limit_high")
    has_limits = bool((np.isfinite(limit_low) & np.isfinite(limit_high)).any())
    with theme.context():
        ax = theme.prepare(ax, SPARK)
        sheet = Sheet(ax)
        low, high = _spark_span(months, centre, as_percent)
        labels = [low, high]
        if has_limits:
            labels = [np.nanmean(limit_low), np.nanmean(limit_high)]
            low, high = min(low, np.nanmin(limit_low)), max(high, np.nanmax(limit_high))
            ax.fill_between(
                months.place, limit_low, limit_high, step="mid", color=PALETTE["limits"],
                edgecolor=PALETTE["spread"], linewidth=0.5, gid="limits",
            )  # fmt: skip
        ax.set_ylim(low, high)
        last = months.place[-1] if months.place.size else 1.0
        ax.set_xlim(-0.5, last + 0.5)
        ax.xaxis.set_visible(False)
        ax.yaxis.set_visible(False)
        ax.spines["bottom"].set_edgecolor(PALETTE["grid"])
        if centre is not None and np.isfinite(centre):
            ends = ("left", 0.0), ("right", 0.0)
            sheet.rule((ends[0], ("left", sheet.size[0])), (("data", centre), ("data", centre)),
                       color=PALETTE["axis"], width=0.75, gid="centre")  # fmt: skip
            labels.append(centre)
        _draw_joined(sheet, months, emphasis, size=2.6)
        _spark_labels(sheet, labels, as_percent, decimals)
        _spark_months(sheet, months, emphasis)
        return ax


def _read(table: pd.DataFrame) -> _Months:
    """The table's rows in the order of their months."""
    table = table.sort_values("month", kind="stable")
    names = [str(name) for name in table["month"]]
    counted = np.array([12 * int(name[:4]) + int(name[5:7]) for name in names], dtype=float)
    provisional = np.zeros(len(table), dtype=bool)
    if "provisional" in table.columns:
        provisional = table["provisional"].fillna(False).to_numpy(bool)
    reasons = [hidden(c["suppressed"])[0] if is_hidden(c) else "" for c in table.to_dict("records")]
    return _Months(
        names=names,
        place=counted - counted[0] if len(names) else counted,
        estimate=floats(table, "estimate"),
        low=floats(table, "conf_low"),
        high=floats(table, "conf_high"),
        provisional=provisional,
        hidden=reasons,
    )


def _value_axis(sheet: Sheet, months: _Months, as_percent: bool, centre: float | None) -> None:
    """Shares from 0 to a round number; other measures over what they span."""
    ax = sheet.ax
    values = np.r_[months.estimate, months.low, months.high, np.nan if centre is None else centre]
    values = values[np.isfinite(values)]
    if as_percent:
        ticks = share_ticks(values.max(initial=0.01))
        labels = [percent(tick, decimals=0, sign=place == len(ticks) - 1) for place, tick in enumerate(ticks)]
    else:
        ticks = _plain_ticks(values)
        labels = [number(tick, 0 if ticks[1] - ticks[0] >= 1 else 1) for tick in ticks]
    ax.set_ylim(ticks[0], ticks[-1])
    y_ticks(sheet, ticks, labels)


def _plain_ticks(values: np.ndarray) -> np.ndarray:
    """At most six round numbers that enclose the values."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    length = max(high - low, 1e-6)
    power = 10.0 ** np.floor(np.log10(length / 4))
    step = next(power * factor for factor in (1, 2, 5, 10) if length / (power * factor) <= 4)
    return np.arange(np.floor(low / step), max(np.ceil(high / step), np.floor(low / step) + 1) + 0.5) * step


def _month_axis(sheet: Sheet, months: _Months) -> None:
    """Months that stand clear of each other; the year where it changes."""
    ax = sheet.ax
    last = months.place[-1] if months.place.size else 1.0
    ax.set_xlim(-0.5, last + 0.5)
    width, _ = sheet.size
    n_every = max(1, int(np.ceil(40.0 * (last + 1) / width)))
    kept = [i for i in range(len(months.names)) if (months.place[-1] - months.place[i]) % n_every == 0]
    positions = [(months.place[i] + 0.5) / (last + 1) * width for i in kept]
    kept = [kept[i] for i in spaced(positions, [38.0] * len(kept))]
    labels, year = [], ""
    for i in kept:
        labels.append(month(months.names[i], year=months.names[i][:4] != year))
        year = months.names[i][:4]
    x_ticks(sheet, [months.place[i] for i in kept], labels)


def _draw_centre(sheet: Sheet, centre: float, label: str) -> None:
    width, _ = sheet.size
    at = ("data", centre)
    sheet.rule((("left", 0.0), ("left", width)), (at, at), color=PALETTE["axis"], width=0.75, gid="centre")
    sheet.write(label, ("right", 6), at, color=PALETTE["secondary"], shift=(0, -3.5), gid="centre-label")


def _draw_joined(sheet: Sheet, months: _Months, emphasis: str | None, *, size: float) -> None:
    """Dots and their joins: solid, dashed to a provisional month, dotted over a gap."""
    ax = sheet.ax
    shown = np.flatnonzero(np.isfinite(months.estimate))
    joins: dict[str, list] = {"join": [], "join-provisional": [], "join-gap": []}
    for start, end in pairwise(shown):
        kind = "join"
        if months.place[end] - months.place[start] > 1:
            kind = "join-gap"
        elif months.provisional[start] or months.provisional[end]:
            kind = "join-provisional"
        points = [(months.place[i], months.estimate[i]) for i in (start, end)]
        joins[kind].append(points)
    styles = {"join": "solid", "join-provisional": (0, (3.0, 2.0)), "join-gap": (0, (1.0, 2.0))}
    for kind, segments in joins.items():
        if segments:
            lines = LineCollection(segments, colors=PALETTE["main"], linewidths=1.2, linestyles=styles[kind],
                                   zorder=3, clip_on=False, gid=kind)  # fmt: skip
            ax.add_artist(lines)
    is_emphasis = np.array([name == emphasis for name in months.names], dtype=bool)
    finite = np.isfinite(months.estimate)
    for kind, rows, face, edge, factor in (
        ("month", finite & ~months.provisional & ~is_emphasis, PALETTE["main"], PALETTE["main"], 1.0),
        ("month-provisional", finite & months.provisional, PALETTE["paper"], PALETTE["main"], 1.25),
        ("month-emphasis", finite & ~months.provisional & is_emphasis, PALETTE["text"], PALETTE["text"], 1.5),
    ):
        if rows.any():
            ax.plot(
                months.place[rows], months.estimate[rows], linestyle="none", marker="o",
                markersize=size * factor, color=edge, markerfacecolor=face, markeredgewidth=0.9, zorder=4,
                clip_on=False, gid=kind,
            )  # fmt: skip


def _write_gaps(sheet: Sheet, months: _Months) -> None:
    """Why a month is not shown, once for neighbours with the same reason."""
    row = 0
    while row < len(months.hidden):
        end = row
        while end + 1 < len(months.hidden) and months.hidden[end + 1] == months.hidden[row]:
            end += 1
        if months.hidden[row]:
            text = months.hidden[row] if months.hidden[row][0].isdigit() else HIDDEN_ESTIMATE
            middle = (months.place[row] + months.place[end]) / 2
            sheet.write(text, ("data", middle), ("bottom", 4), size=NOTE, color=PALETTE["secondary"],
                        align="center", gid="gap")  # fmt: skip
        row = end + 1


def _spark_span(months: _Months, centre: float | None, as_percent: bool) -> tuple[float, float]:
    """Ends of the small axis: round numbers that enclose the values."""
    values = np.r_[months.estimate, np.nan if centre is None else centre]
    values = values[np.isfinite(values)]
    ticks = _plain_ticks(values)
    low, high = float(ticks[0]), float(ticks[-1])
    if as_percent:
        low, high = max(low, 0.0), min(max(high, 0.01), 1.0)
    return low, high if high > low else low + 0.01


def _text(value: float, as_percent: bool, decimals: int = 1) -> str:
    return percent(value) if as_percent else number(value, decimals)


def _spark_labels(sheet: Sheet, values: list[float], as_percent: bool, decimals: int) -> None:
    """The ends of the axis, and the centre between them where it stands clear."""
    written: list[float] = []
    for order, value in enumerate(values):
        up = sheet.pixels(0.0, value)[0, 1]
        if order == 2 and any(abs(up - other) < 11 for other in written):
            continue
        written.append(up)
        color = PALETTE["text" if order == 2 else "secondary"]
        text = _text(value, as_percent, decimals)
        sheet.write(text, ("right", 6), ("bottom", up - 3.4), size=NOTE, color=color, gid="limit")


def _spark_months(sheet: Sheet, months: _Months, emphasis: str | None) -> None:
    """The first month, the row's month and the last, where they stand clear."""
    if not months.names:
        return
    last = len(months.names) - 1
    wanted = [(0, True, -4.0)]
    if last:
        # The last label runs on to the right, so that the month before it has room for its own.
        wanted.append((last, True, -3.0 if emphasis in months.names[1:last] else -26.0))
    if emphasis in months.names[1:last]:
        wanted.append((months.names.index(emphasis), False, None))
    taken: list[tuple[float, float]] = []
    for row, year, shift in wanted:
        text = month(months.names[row], year=year)
        length = text_width(text, NOTE)
        x = sheet.pixels(months.place[row], 0.0)[0, 0]
        left = x + 4 - length if shift is None else x + shift
        if all(left > end + 2 or left + length < start - 2 for start, end in taken):
            taken.append((left, left + length))
            sheet.write(
                text, ("left", left), ("bottom", -12), size=NOTE, color=PALETTE["secondary"], gid="month-text"
            )
