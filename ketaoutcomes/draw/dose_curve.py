"""Share of sessions with a side effect against the dose: a model's curve over the observed shares."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import share_ticks
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import DASH, count, number, percent
from ketaoutcomes.draw.notes import place_note
from ketaoutcomes.draw.numbers import Line, table_height, write_numbers
from ketaoutcomes.draw.own_axes import make_room, place_of
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.room import Room
from ketaoutcomes.draw.scale import set_x_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, PALETTE, Layout
from ketaoutcomes.draw.ticks import y_ticks

__all__ = ["dose_curve"]

LEFT, RIGHT, TOP, PLOT, BELOW = 58.0, 24.0, 34.0, 168.0, 42.0
MARGIN_PX = 12.0
DOSE_LINE = "Dose, mg/kg"


def dose_curve(
    curve: pd.DataFrame,
    bands: pd.DataFrame,
    ax: Axes | None = None,
    *,
    level: float = 0.95,
    heading: str = "",
    title: str | None = None,
) -> Axes:
    """The curve with its band, the observed share of each band of doses as a dot with its interval, n below.

    A dot stands at the mean dose of its band; the table below has a column per band, in order of dose.
    Without a curve only the observed shares are drawn.

    Parameters
    ----------
    curve : DataFrame
        dose (mg/kg), estimate, conf_low, conf_high on a dense grid; may have no rows.
    bands : DataFrame
        dose, dose_low, dose_high, estimate, conf_low, conf_high, n, n_events, n_patients.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    level : float
        Confidence level, for the notes.
    heading : str
        What is drawn, written above; nothing if empty.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    bands = bands[np.isfinite(floats(bands, "estimate"))].reset_index(drop=True)
    curve = curve[np.isfinite(floats(curve, "estimate"))].reset_index(drop=True)
    lines = (
        []
        if bands.empty
        else [
            Line("mg/kg", tuple(_band_words(row) for row in bands.to_dict("records"))),
            Line("with it", tuple(count(n) for n in bands["n_events"])),
            Line("sessions", tuple(count(n) for n in bands["n"])),
            Line("patients", tuple(count(n) for n in bands["n_patients"])),
        ]
    )
    below = BELOW + table_height(len(lines))
    layout = Layout(TOP + PLOT + below, left=LEFT, right=RIGHT, top=TOP, bottom=below)
    with theme.context():
        place = place_of(ax)
        head = head_of(ax, layout, heading, title=title)
        if place:
            make_room(ax, place, head.raised(layout))
        ax = theme.prepare(ax, head.raised(layout))
        sheet = Sheet(ax)
        _set_axes(sheet, curve, bands)
        room = Room(*sheet.size)
        if len(curve):
            _draw_curve(sheet, room, curve)
        _draw_bands(sheet, room, bands)
        words = f"{100 * level:g}% CI"
        if len(curve):
            at = curve.iloc[int(0.7 * (len(curve) - 1))]
            target = tuple(sheet.pixels(at["dose"], at["estimate"])[0])
            place_note(sheet, room, (f"model, {words}",), target, color=PALETTE["main"])
        if len(bands):
            at = bands.iloc[len(bands) // 3]
            target = tuple(sheet.pixels(at["dose"], at["estimate"])[0])
            place_note(sheet, room, (f"observed, {words}",), target)
        head.write(sheet, 18.0)
        sheet.write(
            DOSE_LINE, ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="unit"
        )
        if lines:
            write_numbers(sheet, _columns(sheet, len(bands)), lines, left=layout.left, top=BELOW)
        return ax


def _band_words(row: dict) -> str:
    low, high = number(row["dose_low"], 2), number(row["dose_high"], 2)
    return low if low == high else f"{low}{DASH}{high}"


def _columns(sheet: Sheet, n: int) -> list[float]:
    """Places of n columns of the table, even along the axis: the dots themselves may stand too close."""
    low, high = sheet.ax.get_xlim()
    return [low + (high - low) * (place + 0.5) / n for place in range(n)]


def _set_axes(sheet: Sheet, curve: pd.DataFrame, bands: pd.DataFrame) -> None:
    """Per cent upwards from 0, doses along the bottom."""
    values = np.concatenate(
        [floats(table, name) for table in (curve, bands) for name in ("estimate", "conf_high")]
    )
    values = values[np.isfinite(values)]
    ticks = share_ticks(float(values.max(initial=0.01)))
    sheet.ax.set_ylim(0.0, ticks[-1])
    y_ticks(sheet, ticks, [percent(tick, decimals=0, sign=tick == ticks[-1]) for tick in ticks])
    doses = np.concatenate([floats(curve, "dose"), floats(bands, "dose")])
    doses = doses[np.isfinite(doses)]
    low, high = (doses.min(), doses.max()) if doses.size else (0.0, 1.0)
    if high <= low:
        low, high = low - 0.05, high + 0.05
    set_x_axis(sheet, float(low), float(high), margin_px=MARGIN_PX)


def _draw_curve(sheet: Sheet, room: Room, curve: pd.DataFrame) -> None:
    x, mean = floats(curve, "dose"), floats(curve, "estimate")
    low, high = floats(curve, "conf_low"), floats(curve, "conf_high")
    sheet.ax.fill_between(x, low, high, color=PALETTE["band"], linewidth=0, zorder=2, gid="band")
    sheet.ax.plot(x, mean, color=PALETTE["main"], linewidth=1.8, zorder=4, gid="model")
    for edge, margin in ((mean, 6), (low, 1), (high, 1)):
        room.take_line(sheet.pixels(x, edge), margin=margin)


def _draw_bands(sheet: Sheet, room: Room, bands: pd.DataFrame) -> None:
    """Dots with upright intervals."""
    x, mean = floats(bands, "dose"), floats(bands, "estimate")
    low, high = floats(bands, "conf_low"), floats(bands, "conf_high")
    upright = np.stack([np.column_stack([x, low]), np.column_stack([x, high])], axis=1)
    has_line = np.isfinite(low) & np.isfinite(high)
    sheet.ax.add_artist(
        LineCollection(
            upright[has_line], colors=PALETTE["text"], linewidths=1.0, zorder=4.5, clip_on=False,
            gid="interval",
        )
    )  # fmt: skip
    sheet.ax.plot(
        x, mean, linestyle="none", marker="o", markersize=4.6, markerfacecolor=PALETTE["paper"],
        markeredgecolor=PALETTE["text"], markeredgewidth=1.0, zorder=5, clip_on=False, gid="observed",
    )  # fmt: skip
    for across, up in sheet.pixels(x, mean):
        room.take(across - 5, across + 5, up - 5, up + 5)
    for ends in upright[has_line]:
        room.take_line(sheet.pixels(ends[:, 0], ends[:, 1]), margin=4)
