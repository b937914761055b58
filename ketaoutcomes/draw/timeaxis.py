"""The time axis: ticks of hours, days or months, and a scale that may change on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ketaoutcomes.draw.labels import text_width
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE
from ketaoutcomes.draw.ticks import x_ticks

__all__ = ["changes_of_scale", "set_time_axis", "spaced"]

SUFFIX = {"hours": "h", "days": "d", "weeks": "wk", "months": "mo", "minutes": "min"}
STEPS = {
    "hours": (1, 2, 4, 6, 12, 24, 48, 72, 168),
    "days": (1, 2, 7, 14, 28, 56, 91, 182, 364),
    "weeks": (1, 2, 4, 8, 12, 26, 52),
    "months": (1, 2, 3, 6, 12, 24),
    "minutes": (5, 10, 20, 30, 60, 120),
}
HOUR_BREAKS = (4.0, 24.0)
# The early hours get most of the width: that is where the questions are.
WIDTHS = {1: (1.0,), 2: (0.70, 0.30), 3: (0.52, 0.24, 0.24)}


def changes_of_scale(unit: str, horizon: float, marks: Sequence[float]) -> tuple[float, ...]:
    """Times in hours at which the axis changes its scale; none for other units.

    A change at 4 h needs something to show before it, one at 24 h something after it.
    """
    if unit != "hours":
        return ()
    marks = [mark for mark in marks if 0 < mark <= horizon]
    breaks = []
    if horizon > 2 * HOUR_BREAKS[0] and any(mark <= HOUR_BREAKS[0] for mark in marks):
        breaks.append(HOUR_BREAKS[0])
    if horizon > 1.5 * HOUR_BREAKS[1] and any(mark <= HOUR_BREAKS[1] for mark in marks):
        breaks.append(HOUR_BREAKS[1])
    return tuple(breaks)


def set_time_axis(
    sheet: Sheet,
    *,
    unit: str,
    horizon: float,
    marks: Sequence[float] = (),
    start: float = 0.0,
    margin_px: float = 0.0,
) -> tuple[float, ...]:
    """Set limits, scale and ticks of the x axis; returns the times at which the scale changes.

    Parameters
    ----------
    unit : {"hours", "days", "weeks", "months", "minutes"}
    horizon : float
        Right end of the axis.
    marks : sequence of float
        Times that the picture shows; ticks on a changing scale stand at them.
    start : float
        Left end of the axis.
    margin_px : float
        Room at both ends inside the axes; for scales that do not change.
    """
    ax = sheet.ax
    width_px = sheet.size[0] - 2 * margin_px
    breaks = changes_of_scale(unit, horizon, marks)
    if breaks:
        knots = np.array([start, *breaks, horizon])
        heights = np.concatenate([[0.0], np.cumsum(WIDTHS[len(knots) - 1])])
        ax.set_xscale(
            "function",
            functions=(lambda x: _stretch(x, knots, heights), lambda y: _stretch(y, heights, knots)),
        )
        ticks = sorted({start, *breaks, horizon, *(mark for mark in marks if start < mark <= horizon)})
        positions = np.interp(ticks, knots, heights) * width_px
    else:
        ticks = _regular(unit, start, horizon, width_px)
        positions = (np.asarray(ticks) - start) / max(horizon - start, 1e-9) * width_px
    margin = margin_px * (horizon - start) / width_px
    ax.set_xlim(start - margin, horizon + margin)
    names = [f"{tick:g}" for tick in ticks]
    kept = spaced(positions, [text_width(name, BASE) + 8 for name in names])
    ticks, names = [ticks[i] for i in kept], [names[i] for i in kept]
    if names:
        names[-1] = f"{names[-1]} {SUFFIX.get(unit, '')}".rstrip()
    x_ticks(sheet, ticks, names)
    return breaks


def spaced(positions: Sequence[float], widths: Sequence[float]) -> list[int]:
    """Which of the labels centred at `positions` (px, ascending) stand clear of each other.

    The last one stays, then from right to left whatever does not touch what is kept.
    """
    kept: list[int] = []
    edge = np.inf
    for index in range(len(positions) - 1, -1, -1):
        if positions[index] + widths[index] / 2 <= edge:
            kept.append(index)
            edge = positions[index] - widths[index] / 2
    return kept[::-1]


def _regular(unit: str, start: float, horizon: float, width_px: float) -> list[float]:
    """Multiples of the smallest usual step that leaves 30 px to each tick."""
    length = max(horizon - start, 1e-9)
    for step in STEPS.get(unit, STEPS["days"]):
        if step / length * width_px >= 30:
            break
    else:
        step = 10.0 ** np.ceil(np.log10(length / 5))
    first = np.ceil(start / step) * step
    ticks = [float(tick) for tick in np.arange(first, horizon + 1e-9, step)]
    return ticks or [float(start), float(horizon)]


def _stretch(values, knots: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Piecewise linear map from `knots` to `heights`, extended at both ends by the end pieces."""
    values = np.asarray(values, dtype=float)
    inside = np.interp(values, knots, heights)
    first = (heights[1] - heights[0]) / (knots[1] - knots[0])
    last = (heights[-1] - heights[-2]) / (knots[-1] - knots[-2])
    inside = np.where(values < knots[0], heights[0] + (values - knots[0]) * first, inside)
    return np.where(values > knots[-1], heights[-1] + (values - knots[-1]) * last, inside)
