"""The table of numbers below a picture, each column under its place on the time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ketaoutcomes.draw.labels import shorten, text_width
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import PALETTE, TABLE
from ketaoutcomes.draw.timeaxis import spaced

__all__ = ["PITCH", "Line", "table_height", "write_numbers"]

PITCH = 15.0
ABOVE = 14.0


@dataclass(frozen=True)
class Line:
    """One line: a label at the left and a text per time; no texts make it a heading."""

    label: str
    texts: tuple[str, ...] = ()


def table_height(n_lines: int) -> float:
    """Height in px from the rule above the first line to below the last."""
    return ABOVE + PITCH * n_lines if n_lines else 0.0


def write_numbers(
    sheet: Sheet, times: Sequence[float], lines: Sequence[Line], *, left: float, top: float
) -> None:
    """Write the lines below the axes; columns that would touch are left out, the last one stays.

    Parameters
    ----------
    left : float
        Distance in px of the labels from the left edge of the axes.
    top : float
        Distance in px of the rule from the lower edge of the axes.
    """
    width, _ = sheet.size
    sheet.rule((("left", -left), ("left", width + 8)), (("bottom", -top), ("bottom", -top)), width=0.75)
    times = np.asarray(times, dtype=float)
    places = sheet.pixels(times, np.zeros(times.size))[:, 0] if times.size else times
    widths = [
        max((text_width(line.texts[i], TABLE) for line in lines if line.texts), default=0.0) + 6
        for i in range(times.size)
    ]
    kept = spaced(places, widths)
    for number, line in enumerate(lines):
        baseline = ("bottom", -top - ABOVE - PITCH * number)
        heading = not line.texts
        label = shorten(line.label, left + (width if heading else -8.0), TABLE, bold=heading)
        sheet.write(
            label, ("left", -left), baseline, bold=heading,
            color=PALETTE["text" if heading else "secondary"], gid="numbers-label",
        )  # fmt: skip
        for i in kept if line.texts else ():
            sheet.write(line.texts[i], ("data", times[i]), baseline, align="center", gid="numbers")
