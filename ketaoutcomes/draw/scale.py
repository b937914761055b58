"""Axes for numbers of any size: round ticks, as many as there is room for, and their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import MINUS, number, text_width
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, PALETTE
from ketaoutcomes.draw.ticks import x_ticks, y_ticks
from ketaoutcomes.draw.timeaxis import spaced

__all__ = ["round_ticks", "set_value_axis", "set_x_axis", "set_y_axis", "tick_names", "two_digits"]

PX_PER_Y_TICK = 24.0
OVERHANG = 12.0
GAP = 10.0
MOST_DECIMALS = 3
LARGEST_PLAIN = 10_000_000.0


def round_ticks(low: float, high: float, *, most: int = 5) -> np.ndarray:
    """The multiples of 1, 2 or 5 times a power of ten from `low` to `high`, at most `most` of them.

    Raises
    ------
    ValueError
        If `high` is not above `low`, or one of them is not finite.
    """
    if not (np.isfinite(low) and np.isfinite(high) and high > low):
        raise ValueError("ticks need two finite ends, the upper one above the lower one")
    power = 10.0 ** np.floor(np.log10((high - low) / max(most, 1)))
    for step in (power * factor for factor in (1, 2, 5, 10, 20)):
        # A hair of slack, so that an end that is a multiple is not lost to rounding.
        first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            break
    return np.arange(first, last + 1) * step + 0.0


def tick_names(ticks: Sequence[float]) -> list[str]:
    """Ticks with as many decimals as their step needs; "2e−5" where that would be long."""
    ticks = np.asarray(ticks, dtype=float)
    if not ticks.size:
        return []
    step = np.diff(ticks).min() if ticks.size > 1 else abs(ticks[0]) or 1.0
    decimals = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    if decimals > MOST_DECIMALS or np.abs(ticks).max() >= LARGEST_PLAIN:
        return [_scientific(tick) for tick in ticks]
    return [number(tick, decimals) for tick in ticks]


def two_digits(value: float) -> str:
    """A positive number with two digits that count: "0.017", "2.7e−5"."""
    if not 1e-4 <= value < LARGEST_PLAIN:
        return _scientific(value, 1)
    return number(value, max(0, 1 - int(np.floor(np.log10(value)))))


def _scientific(value: float, decimals: int = 2) -> str:
    if value == 0:
        return "0"
    digits, power = f"{value:.{decimals}e}".split("e")
    return f"{float(digits):g}e{int(power)}".replace("-", MINUS)


def set_y_axis(sheet: Sheet, low: float, high: float) -> None:
    """Limits, thin lines across and their names for the y axis."""
    sheet.ax.set_ylim(low, high)
    most = int(np.clip(sheet.size[1] // PX_PER_Y_TICK, 2, 7))
    ticks = round_ticks(low, high, most=most)
    y_ticks(sheet, ticks, tick_names(ticks))


def set_x_axis(sheet: Sheet, low: float, high: float, *, grid: bool = False, margin_px: float = 0.0) -> None:
    """Limits and ticks for the x axis, with `margin_px` free at both ends; names never touch."""
    width, _ = sheet.size
    margin = (high - low) * margin_px / max(width - 2 * margin_px, 1.0)
    sheet.ax.set_xlim(low - margin, high + margin)
    for most in range(7, 1, -1):
        ticks = round_ticks(low, high, most=most)
        names = tick_names(ticks)
        widest = max((text_width(name, BASE) for name in names), default=0.0) + GAP
        step = ticks[1] - ticks[0] if ticks.size > 1 else high - low
        if widest <= step / (high - low) * (width - 2 * margin_px):
            break
    places = sheet.pixels(ticks, np.zeros(ticks.size))[:, 0]
    half = np.array([text_width(name, BASE) / 2 for name in names])
    # A name that would reach far over the end, perhaps over the figure's edge, goes with its tick.
    inside = np.flatnonzero((places - half >= -OVERHANG) & (places + half <= width + OVERHANG))
    kept = inside[spaced(places[inside], 2 * half[inside] + GAP)]
    x_ticks(sheet, ticks[kept], [names[i] for i in kept], grid=grid)


def set_value_axis(sheet: Sheet, table: pd.DataFrame, *, zero: bool) -> None:
    """The x axis over all intervals, and over 0 where that is the question."""
    values = np.concatenate([floats(table, c) for c in ("estimate", "conf_low", "conf_high")])
    values = np.append(values[np.isfinite(values)], [0.0] if zero else [])
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    if high <= low:
        low, high = low - 1.0, high + 1.0
    set_x_axis(sheet, low, high, grid=True, margin_px=6.0)
    if zero:
        ends = (("bottom", 0.0), ("bottom", sheet.size[1]))
        sheet.rule((("data", 0.0), ("data", 0.0)), ends, color=PALETTE["axis"], width=0.9, gid="zero")
