"""The points, joins, limits and signals of a control chart, as large as its axes are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection

from ketaoutcomes.draw.labels import hidden, is_hidden
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import PALETTE

__all__ = ["Points", "draw_centre", "draw_limits", "draw_points", "long_runs", "read_points"]

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
PROVISIONAL, OVER_A_GAP = (0, (3.0, 2.0)), (0, (1.0, 2.0))


@dataclass(frozen=True)
class Points:
    """The rows of a control chart as arrays, at whole places on the x axis.

    Attributes
    ----------
    place : (n,) float
        Months since the first one, where all names are months; else the row's number.
    """

    names: list[str]
    is_monthly: bool
    place: np.ndarray
    estimate: np.ndarray
    centre: np.ndarray
    low: np.ndarray
    high: np.ndarray
    part: np.ndarray
    is_baseline: np.ndarray
    is_provisional: np.ndarray
    is_outside: np.ndarray
    in_shift: np.ndarray
    change: list[str]
    hidden: list[str]

    @property
    def shown(self) -> np.ndarray:
        """Rows with a point."""
        return np.flatnonzero(np.isfinite(self.estimate))

    @property
    def width(self) -> float:
        """Last place on the x axis."""
        return float(self.place[-1]) if self.place.size else 1.0


def read_points(table: pd.DataFrame) -> Points:
    """The table's rows; its columns are those of `draw.control_chart.control_chart`."""
    table = table.reset_index(drop=True)
    names = [str(name) for name in table["time" if "time" in table.columns else "month"]]
    is_monthly = bool(names) and all(MONTH.fullmatch(name) for name in names)
    place = np.arange(len(names), dtype=float)
    if is_monthly:
        counted = np.array([12 * int(name[:4]) + int(name[5:7]) for name in names], dtype=float)
        place = counted - counted[0]
    part = floats(table, "part")
    is_hidden_row = np.array([is_hidden(cells) for cells in table.to_dict("records")], dtype=bool)
    reasons = [hidden(table["suppressed"].iloc[row])[0] if is_hidden_row[row] else "" for row in table.index]
    return Points(
        names=names,
        is_monthly=is_monthly,
        place=place,
        estimate=np.where(is_hidden_row, np.nan, floats(table, "estimate")),
        centre=floats(table, "centre"),
        low=floats(table, "limit_low"),
        high=floats(table, "limit_high"),
        part=np.where(np.isfinite(part), part, 1.0),
        is_baseline=_flags(table, "is_baseline"),
        is_provisional=_flags(table, "is_provisional"),
        is_outside=_flags(table, "outside"),
        in_shift=_flags(table, "in_shift"),
        change=[
            str(words) if isinstance(words, str) else "" for words in table.get("change", [""] * len(table))
        ],
        hidden=reasons,
    )


def _flags(table: pd.DataFrame, column: str) -> np.ndarray:
    if column not in table.columns:
        return np.zeros(len(table), dtype=bool)
    return table[column].fillna(False).to_numpy(bool)


def draw_limits(sheet: Sheet, points: Points, *, width: float) -> None:
    """The region between the limits, a step for each point; darker where a frozen baseline lies.

    Provisional points have no limits drawn: their size still grows.
    """
    for part in np.unique(points.part):
        rows = np.flatnonzero((points.part == part) & ~points.is_provisional)
        if not np.isfinite(points.low[rows]).any():
            continue
        base = _baseline_span(points, rows)
        x = np.repeat(points.place[rows], 2) + np.tile([-0.5, 0.5], rows.size)
        low, high = np.repeat(points.low[rows], 2), np.repeat(points.high[rows], 2)
        sheet.ax.fill_between(
            x, low, high, where=np.isfinite(low), facecolor=PALETTE["limits"], edgecolor="none", zorder=0.5,
            gid="limits",
        )  # fmt: skip
        if base.any():
            frozen = np.repeat(base, 2) & np.isfinite(low)
            sheet.ax.fill_between(
                x, low, high, where=frozen, facecolor=PALETTE["competing"], edgecolor="none", zorder=0.6,
                gid="baseline",
            )  # fmt: skip
        for ends, gid in ((low, "limit-low"), (high, "limit-high")):
            sheet.ax.plot(x, ends, color=PALETTE["spread"], linewidth=width, zorder=1.2, gid=gid)


def _baseline_span(points: Points, rows: np.ndarray) -> np.ndarray:
    """Which of the rows lie in a frozen baseline, gaps too; none where all points are its."""
    base = np.flatnonzero(points.is_baseline[rows])
    later = ~points.is_baseline[rows] & np.isfinite(points.estimate[rows])
    if not base.size or not later.any():
        return np.zeros(rows.size, dtype=bool)
    return np.arange(rows.size) <= base[-1]


def draw_centre(sheet: Sheet, points: Points, *, width: float) -> None:
    """The line of each part, over its points and provisional ones."""
    for part in np.unique(points.part):
        rows = np.flatnonzero((points.part == part) & np.isfinite(points.centre))
        if rows.size:
            ends = points.place[rows[[0, -1]]] + (-0.5, 0.5)
            line = [[(ends[0], points.centre[rows[0]]), (ends[1], points.centre[rows[0]])]]
            sheet.ax.add_artist(
                LineCollection(line, colors=PALETTE["axis"], linewidths=width, zorder=1.5, gid="centre")
            )


def draw_points(sheet: Sheet, points: Points, highlight: str | None, *, size: float, line: float) -> None:
    """Dots and their joins: dashed to a provisional point, dotted over a gap, orange within a shift."""
    joins: dict[str, list] = {"join": [], "join-shift": [], "join-provisional": [], "join-gap": []}
    for start, end in pairwise(points.shown):
        kind = "join"
        if points.is_provisional[start] or points.is_provisional[end]:
            kind = "join-provisional"
        elif points.place[end] - points.place[start] > 1 or end - start > 1:
            kind = "join-gap"
        elif points.in_shift[start] and points.in_shift[end]:
            kind = "join-shift"
        joins[kind].append([(points.place[row], points.estimate[row]) for row in (start, end)])
    styles = {"join-provisional": PROVISIONAL, "join-gap": OVER_A_GAP}
    for kind, segments in joins.items():
        if segments:
            color = PALETTE["signal" if kind == "join-shift" else "main"]
            lines = LineCollection(segments, colors=color, linewidths=line, zorder=3, clip_on=False, gid=kind,
                                   linestyles=styles.get(kind, "solid"))  # fmt: skip
            sheet.ax.add_artist(lines)
    _draw_dots(sheet, points, highlight, size)
    rings = np.flatnonzero(points.is_outside & np.isfinite(points.estimate))
    if rings.size:
        sheet.ax.plot(
            points.place[rings], points.estimate[rings], linestyle="none", marker="o", markersize=size * 2.3,
            markerfacecolor="none", markeredgecolor=PALETTE["signal"], markeredgewidth=1.3, zorder=5,
            clip_on=False, gid="ring",
        )  # fmt: skip


def _draw_dots(sheet: Sheet, points: Points, highlight: str | None, size: float) -> None:
    is_named = np.array([name == highlight for name in points.names], dtype=bool)
    finite = np.isfinite(points.estimate)
    plain = finite & ~points.is_provisional & ~is_named
    paper, main, text, signal = (PALETTE[name] for name in ("paper", "main", "text", "signal"))
    for gid, rows, face, edge, factor in (
        ("point", plain & ~points.in_shift, main, main, 1.0),
        ("point-shift", plain & points.in_shift, signal, signal, 1.0),
        ("point-provisional", finite & points.is_provisional, paper, main, 1.25),
        ("point-highlight", finite & ~points.is_provisional & is_named, text, text, 1.4),
    ):
        if rows.any():
            sheet.ax.plot(
                points.place[rows], points.estimate[rows], linestyle="none", marker="o",
                markersize=size * factor, color=edge, markerfacecolor=face, markeredgewidth=0.9, zorder=4,
                clip_on=False, gid=gid,
            )  # fmt: skip


def long_runs(points: Points) -> list[np.ndarray]:
    """Rows of each shift that are off the line, in order."""
    rows = np.flatnonzero(points.in_shift & np.isfinite(points.estimate))
    side = np.sign(points.estimate[rows] - points.centre[rows])
    rows, side = rows[side != 0], side[side != 0]
    new = (np.diff(side) != 0) | (np.diff(points.part[rows]) != 0)
    runs = np.split(rows, np.flatnonzero(new) + 1)
    return [run for run in runs if run.size]
