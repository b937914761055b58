"""The observed change as a bar: what regression to the mean may account for, and the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import set_rows
from ketaoutcomes.draw.footer import footer_lines, with_footer, write_footer
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import clean, count, number, number_range
from ketaoutcomes.draw.own_axes import make_room, place_of
from ketaoutcomes.draw.scale import set_x_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, PALETTE, TABLE, Layout

__all__ = ["regression_bar"]

LEFT, RIGHT, TOP, PLOT, BOTTOM = 14.0, 20.0, 34.0, 64.0, 44.0
HALF = 0.28


def regression_bar(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    instrument: str,
    higher_is: str,
    title: str | None = None,
) -> Axes:
    """One bar from 0 to the observed mean change, divided at the least and the most expected.

    Parameters
    ----------
    table : DataFrame
        reliability, estimate (expected points, in the good direction), observed (points), n; one row per
        reliability.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    instrument : str
    higher_is : {"worse", "better"}
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    shown = table[np.isfinite(table["estimate"].astype(float)) & np.isfinite(table["observed"].astype(float))]
    good = "fall" if higher_is == "worse" else "rise"
    words = f"Mean {clean(instrument)} {good}, points"
    with theme.context():
        layout = Layout(TOP + PLOT + BOTTOM, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        lines = footer_lines(ax, layout, _told(shown, good))
        whole = with_footer(layout, lines)
        place = place_of(ax)
        if place:
            make_room(ax, place, whole)
        head = head_of(ax, whole, words, title=title)
        if place:
            make_room(ax, place, head.raised(whole))
        ax = theme.prepare(ax, head.raised(whole))
        sheet = Sheet(ax)
        set_rows(sheet, 1)
        if len(shown):
            _draw(sheet, shown)
        head.write(sheet, 18.0)
        write_footer(sheet, lines, layout)
        return ax


def _ends(shown: pd.DataFrame) -> tuple[float, float, float]:
    """Least and most expected, and observed."""
    expected = shown["estimate"].to_numpy(float)
    return float(expected.min()), float(expected.max()), float(shown["observed"].iloc[0])


def _told(shown: pd.DataFrame, good: str) -> tuple[str, ...]:
    if not len(shown):
        return ("Nothing can be said: no observed change, or no estimate of the population.",)
    low, high, observed = _ends(shown)
    r = shown["reliability"].to_numpy(float)
    expected = number(low) if number(low) == number(high) else number_range(low, high)
    words = [
        f"Observed {good}: {number(observed)} points (n = {count(shown['n'].iloc[0])}).",
        f"Dark to hatched grey: {expected} points would be expected from regression to the mean alone, for a "
        f"reliability of {r.max():g} to {r.min():g}. Blue: the rest, whatever it came from.",
    ]
    if high > observed:
        words.append("The expected range reaches as far as the observed change or beyond.")
    return tuple(words)


def _draw(sheet: Sheet, shown: pd.DataFrame) -> None:
    low, high, observed = _ends(shown)
    ax = sheet.ax
    set_x_axis(sheet, min(0.0, observed), max(observed, high), grid=True, margin_px=6.0)
    low, high = max(low, 0.0), max(high, 0.0)
    parts = (
        (0.0, low, {"facecolor": PALETTE["axis"]}, "expected-least"),
        (low, high, {"facecolor": PALETTE["competing"], "hatch": "////"}, "expected-range"),
        (high, max(observed, high), {"facecolor": PALETTE["main"]}, "rest"),
    )
    for left, right, look, gid in parts:
        if right > left:
            ax.add_patch(
                Rectangle((left, -HALF), right - left, 2 * HALF, edgecolor=PALETTE["axis"], linewidth=0.5,
                          zorder=2, gid=gid, **look)
            )  # fmt: skip
    ax.plot([observed, observed], [-HALF - 0.12, HALF + 0.12], color=PALETTE["text"], linewidth=1.4, zorder=3,
            clip_on=False, gid="observed")  # fmt: skip
    across = sheet.pixels(observed, 0.0)[0, 0]
    align = "right" if across > sheet.size[0] / 2 else "left"
    sheet.write(f"observed {number(observed)}", ("left", across), ("top", -3), size=TABLE, bold=True,
                align=align, gid="observed-text", color=PALETTE["text"])  # fmt: skip
    sheet.write("points from baseline, in the good direction", ("left", 0), ("bottom", -34), size=BASE,
                color=PALETTE["secondary"], gid="x-unit")  # fmt: skip
