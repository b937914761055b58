"""Exposure: patients by how many sessions they had, and mean scores of screens by sessions had by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, set_rows, set_share_axis
from ketaoutcomes.draw.labels import (
    DASH,
    clean,
    count,
    is_hidden,
    missing,
    number,
    number_range,
    percent,
    percent_range,
    shorten,
)
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.placed import placed
from ketaoutcomes.draw.scale import set_value_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout

__all__ = ["exposure"]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 480.0, 104.0, 192.0, 26.0, 4.0
PITCH, HEAD_PX, AXIS_PX = 19.0, 40.0, 40.0
# Right ends of the columns of numbers, from the right edge of the axes.
SHARE_ENDS, SCORE_ENDS = (0.0, 96.0, 184.0), (44.0, 134.0, 184.0)
NOT_RECORDED = (
    "Screens for bladder symptoms and cognition: not recorded.",
    "An absent record is no evidence of absence.",
)


@dataclass(frozen=True)
class _Block:
    """Rows of estimates under one heading and above one axis."""

    heading: str
    unit: str
    columns: tuple[str, str, str]
    names: list[tuple[str, float]]
    cells: list[dict | None]
    is_share: bool

    @property
    def ends(self) -> tuple[float, float, float]:
        """Right ends of the columns of numbers."""
        return SHARE_ENDS if self.is_share else SCORE_ENDS

    @property
    def height(self) -> float:
        return PITCH * max(len(self.names), 1)


def exposure(
    bands: pd.DataFrame,
    screens: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """Shares of patients by cumulative sessions; below them each screen's mean by sessions had by then.

    Without a screen a line says that there is no record. Groups are rows below their band.

    Parameters
    ----------
    bands : DataFrame
        band, n_events, n, estimate, conf_low, conf_high (shares).
    screens : DataFrame
        screen, instrument, band, n_patients, estimate, conf_low, conf_high (points), cutoff, n_events.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    by : str, optional
        Column of the groups in both.
    level : float
        Confidence level, for the heads of the numbers.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    blocks = [_of_bands(bands, by, level), *_of_screens(screens, by, level)]
    lines = () if len(blocks) > 1 else NOT_RECORDED
    inner = sum(block.height + AXIS_PX for block in blocks) + HEAD_PX * (len(blocks) - 1) + 14.0 * len(lines)
    with theme.context():
        layout = Layout(TOP + inner + BOTTOM, width=WIDTH, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        ax, head = placed(ax, layout, heading, title=title, line=12.0)
        ax.set_axis_off()
        whole = Sheet(ax)
        height = whole.size[1]
        # Axes of one's own may be lower than the blocks ask for: they shrink alike.
        scale = height / inner
        top = 0.0
        for block in blocks:
            place = ax.inset_axes(
                (0.0, 1.0 - (top + block.height) * scale / height, 1.0, block.height * scale / height)
            )
            theme.plain(place)
            _draw(Sheet(place), block)
            top += block.height + AXIS_PX + HEAD_PX
        for place, words in enumerate(lines):
            up = ("bottom", 14.0 * (len(lines) - 1 - place) + 3.0)
            whole.write(words, ("left", -LEFT), up, size=BASE, color=PALETTE["secondary"], gid="absent")
        head.write(whole, 26.0)
        return ax


def _of_bands(bands: pd.DataFrame, by: str | None, level: float) -> _Block:
    names, cells = _rows(bands, by, "sessions")
    columns = ("", "n of N", f"% ({100 * level:g}% CI)")
    return _Block("", "% of treated patients", columns, names, cells, is_share=True)


def _of_screens(screens: pd.DataFrame, by: str | None, level: float) -> list[_Block]:
    """A block per screen, of the bands in which somebody was screened."""
    blocks = []
    for (screen, instrument), part in screens.groupby(["screen", "instrument"], sort=False):
        part = part[(floats(part, "n_patients") > 0) | part["n_patients"].map(type).eq(str)]
        names, cells = _rows(part, by, "sessions")
        name = clean(screen)[:1].upper() + clean(screen)[1:]
        heading = (
            f"{name} ({clean(instrument)}) by sessions had by then; positive: {clean(part['cutoff'].iloc[0])}"
        )
        columns = ("patients", f"mean ({100 * level:g}% CI)", "positive")
        blocks.append(_Block(heading, "mean score, points", columns, names, cells, is_share=False))
    return blocks


def _rows(
    table: pd.DataFrame, by: str | None, noun: str
) -> tuple[list[tuple[str, float]], list[dict | None]]:
    """Names with their indent, and the cells of each row; None for the head of a band with groups."""
    names: list[tuple[str, float]] = []
    cells: list[dict | None] = []
    for band, part in table.groupby("band", sort=False):
        words = clean(band)
        # "before session 1" says it already.
        words = words[:1].upper() + words[1:] if "session" in words else f"{words} {noun}"
        records = part.to_dict("records")
        if by is None:
            names.append((words, 0.0))
            cells.append(records[0])
            continue
        names += [(words, 0.0), *((clean(one[by]), 10.0) for one in records)]
        cells += [None, *records]
    return names, cells


def _draw(sheet: Sheet, block: _Block) -> None:
    """One block: names, dots with intervals, numbers, axis and heading."""
    set_rows(sheet, len(block.names))
    known = [(place, cells) for place, cells in enumerate(block.cells) if cells is not None]
    table = pd.DataFrame([cells for _, cells in known])
    values = [floats(table, name) for name in ("estimate", "conf_low", "conf_high")]
    if block.is_share:
        set_share_axis(sheet, np.nanmax(np.r_[values[0], values[2], 0.01]))
    else:
        set_value_axis(sheet, table, zero=False)
    draw_dots(sheet, np.array([place for place, _ in known], dtype=float), *values, GROUPS[0])
    for place, (words, indent) in enumerate(block.names):
        words = shorten(words, LEFT - 10 - indent, TABLE)
        sheet.write(words, ("left", -LEFT + indent), ("data", place), shift=(0, -3.5), gid="row")
    for place, cells in known:
        for words, end in zip(_texts(cells, block.is_share), block.ends, strict=True):
            sheet.write(words, ("right", end), ("data", place), align="right", shift=(0, -3.5), gid="number")
    for words, end in zip(block.columns, block.ends, strict=True):
        sheet.write(
            words,
            ("right", end),
            ("top", 6),
            size=NOTE,
            color=PALETTE["secondary"],
            align="right",
            gid="head",
        )
    if block.heading:
        words = shorten(block.heading, WIDTH - 8, TABLE, bold=True)
        sheet.write(words, ("left", -LEFT), ("top", 22), bold=True, gid="panel")
    sheet.write(block.unit, ("left", 0), ("bottom", -30), size=NOTE, color=PALETTE["secondary"], gid="unit")


def _texts(cells: dict, is_share: bool) -> tuple[str, str, str]:
    """The three columns of numbers of a row."""
    if is_hidden(cells):
        return "", DASH, "not shown"
    if is_share:
        interval = percent_range(cells["conf_low"], cells["conf_high"], like=cells["estimate"])
        return (
            "",
            f"{count(cells['n_events'])} of {count(cells['n'])}",
            f"{percent(cells['estimate'])} ({interval})",
        )
    interval = number_range(cells["conf_low"], cells["conf_high"])
    words = number(cells["estimate"]) + ("" if missing(cells["conf_low"]) else f" ({interval})")
    return count(cells["n_patients"]), words, f"{count(cells['n_events'])} of {count(cells['n_patients'])}"
