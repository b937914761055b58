"""Scores before and after treatment, with the band in which a change is no reliable one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.footer import footer_lines, with_footer, write_footer
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, number
from ketaoutcomes.draw.own_axes import make_room, place_of
from ketaoutcomes.draw.scale import set_x_axis, set_y_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, PALETTE, Layout

__all__ = ["reliable_scatter"]

LEFT, RIGHT, TOP, PLOT, BOTTOM = 44.0, 20.0, 34.0, 300.0, 44.0
# Area of a mark for one patient, in square points.
AREA = 9.0
SIDES = {"worse": ("fewer symptoms", "more symptoms"), "better": ("higher scores", "lower scores")}


def reliable_scatter(
    pairs: pd.DataFrame,
    ax: Axes | None = None,
    *,
    instrument: str,
    span: tuple[float, float],
    higher_is: str,
    threshold: float,
    label: str,
    at_least: bool = False,
    cut_off: tuple[float, str] | None = None,
    predicted: tuple[float, float] | None = None,
    title: str | None = None,
) -> Axes:
    """A mark for each pair of scores, its area by the patients that have it. Not for reports.

    Parameters
    ----------
    pairs : DataFrame
        baseline, score; one row per patient.
    ax : Axes, optional
        Without it pyplot makes a figure.
    instrument : str
    span : (float, float)
        Ends of both axes.
    higher_is : {"worse", "better"}
    threshold : float
        Half height of the band, points.
    label : str
        What the threshold rests on.
    at_least : bool
        Whether a change of just the threshold is reliable, and not in the band.
    cut_off : (float, str), optional
        Score at which remission begins, drawn across, and how it is printed.
    predicted : (float, float), optional
        Population mean and reliability: the band lies about the score that the baseline predicts instead
        of about no change.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    low, high = span
    good, bad = SIDES[higher_is]
    mean, slope = (0.0, 1.0) if predicted is None else predicted
    ends = np.array([low, high], dtype=float)
    line = mean + slope * (ends - mean)
    line_is = "no change" if predicted is None else "the score that the baseline predicts"
    width = number(threshold, 0 if threshold == int(threshold) else 1)
    extent = f"{'less than' if at_least else 'up to'} {width}"
    below, above = (good, bad) if higher_is == "worse" else (bad, good)
    footer = [
        f"Band: a change of {extent} points ({clean(label)}); line: {line_is}.",
        f"Below the band: reliable change towards {below}; above it: towards {above}.",
        f"n = {count(len(pairs))}; the area of a mark is the number of patients.",
    ]
    if cut_off is not None:
        footer.append(f"Dashed: remission cut-off, {cut_off[1]}.")
    with theme.context():
        layout = Layout(TOP + PLOT + BOTTOM, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        lines = footer_lines(ax, layout, tuple(footer))
        whole = with_footer(layout, lines)
        place = place_of(ax)
        if place:
            make_room(ax, place, whole)
        head = head_of(ax, whole, f"{clean(instrument)} score after, against score at baseline", title=title)
        if place:
            make_room(ax, place, head.raised(whole))
        ax = theme.prepare(ax, head.raised(whole))
        sheet = Sheet(ax)
        set_x_axis(sheet, low, high, margin_px=6.0)
        margin = (high - low) * 0.02
        set_y_axis(sheet, low - margin, high + margin)
        _draw_band(ax, ends, line, threshold)
        if cut_off is not None:
            ax.plot(ends, [cut_off[0], cut_off[0]], color=PALETTE["secondary"], linewidth=0.9,
                    linestyle=(0, (4.0, 2.0)), gid="cut-off")  # fmt: skip
        marks = pairs.groupby(["baseline", "score"], as_index=False).size()
        ax.scatter(
            marks["baseline"], marks["score"], s=AREA * marks["size"], color=PALETTE["main"], alpha=0.75,
            linewidths=0.4, edgecolors=PALETTE["paper"], zorder=3, clip_on=False, gid="pairs",
        )  # fmt: skip
        head.write(sheet, 18.0)
        sheet.write(f"{clean(instrument)} at baseline", ("left", 0), ("bottom", -34), size=BASE,
                    color=PALETTE["secondary"], gid="x-unit")  # fmt: skip
        write_footer(sheet, lines, layout)
        return ax


def _draw_band(ax: Axes, ends: np.ndarray, line: np.ndarray, threshold: float) -> None:
    """The band of no reliable change about the line, cut at the axes."""
    corners = [
        *zip(ends, line - threshold, strict=True),
        *zip(ends[::-1], line[::-1] + threshold, strict=True),
    ]
    band = Polygon(
        corners, closed=True, facecolor=PALETTE["competing"], edgecolor="none", zorder=1, gid="band"
    )
    ax.add_patch(band)
    ax.plot(ends, line, color=PALETTE["axis"], linewidth=0.9, zorder=2, gid="line")
