"""Highest dissociation scores by dose within each route, a row per band of dose."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dissociation import threshold_words, top_of
from ketaoutcomes.draw.dots import set_rows
from ketaoutcomes.draw.footer import footer_lines, with_footer, write_footer
from ketaoutcomes.draw.labels import clean, count, hidden, is_hidden, number, percent, shorten
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.placed import nothing, placed
from ketaoutcomes.draw.scale import round_ticks, tick_names
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout
from ketaoutcomes.draw.ticks import x_ticks

__all__ = ["peaks_by_dose"]

LEFT, RIGHT, TOP, PITCH, BOTTOM = 92.0, 168.0, 50.0, 19.0, 42.0
MEDIAN, SHARE, SESSIONS, PATIENTS = 36.0, 74.0, 120.0, 164.0
HALF = 0.27
INDENT = 8.0
NO_DOSE = "No score with a dose recorded"


def peaks_by_dose(
    by_dose: pd.DataFrame,
    ax: Axes | None = None,
    *,
    rule: str = "bands",
    threshold: float,
    comparison: str = "above",
    is_convention: bool = True,
    shows: str = "Highest score of each session, by dose",
    title: str | None = None,
) -> Axes:
    """A bar from quartile to quartile with a dot at the median for each dose, under the name of its route.

    Parameters
    ----------
    by_dose : DataFrame
        rule, route, dose (words), median, p25, p75, share, n, n_patients.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    rule : {"bands", "quartiles"}
    threshold : float
        Where a line is drawn.
    comparison : {"above", "at_least"}
    is_convention : bool
        Whether the line is named a convention; else by its number alone.
    shows : str
        What is drawn; written above.
    title : str, optional
        Written in bold above all else; room for it is made.

    Returns
    -------
    Axes
    """
    table = by_dose[by_dose["rule"] == rule]
    rows = _rows(table)
    words = f"{clean(shows)} (mg/kg): median, middle half of sessions"
    if not rows:
        return nothing(ax, words, title=title, reason=NO_DOSE)
    named = f"Dashed line at {threshold_words(threshold, is_convention)}. Doses are chosen by the clinician."
    with theme.context():
        layout = Layout(
            TOP + PITCH * max(len(rows), 2) + BOTTOM, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM
        )
        below = footer_lines(ax, layout, (named,))
        ax, head = placed(ax, with_footer(layout, below), words, title=title)
        sheet = Sheet(ax)
        set_rows(sheet, max(len(rows), 2))
        top = top_of(table, threshold)
        ax.set_xlim(0.0, top)
        ticks = round_ticks(0.0, top, most=4)
        x_ticks(sheet, ticks, tick_names(ticks), grid=True)
        _rule(sheet, threshold)
        beyond = f"{'>' if comparison == 'above' else '≥'}{threshold:g}"
        heads = (("median", MEDIAN), (f"% {beyond}", SHARE), ("sessions", SESSIONS), ("patients", PATIENTS))
        for text, across in heads:
            sheet.write(
                text, ("right", across), ("top", 12), size=NOTE, color=PALETTE["secondary"], align="right",
                gid="head",
            )  # fmt: skip
        for place, row in enumerate(rows):
            _draw_row(sheet, place, row)
        head.write(sheet, 32.0)
        sheet.write(
            "Points", ("left", 0), ("bottom", -33), size=BASE, color=PALETTE["secondary"], gid="unit-x"
        )
        write_footer(sheet, below, layout)
        return ax


def _rows(table: pd.DataFrame) -> list[dict]:
    """The name of each route, and its bands below it."""
    rows: list[dict] = []
    for route, own in table.groupby("route", sort=False):
        rows += [{"heading": clean(route)}, *own.to_dict("records")]
    return rows


def _rule(sheet: Sheet, threshold: float) -> None:
    """A dashed line upwards at the threshold."""
    height = sheet.size[1]
    sheet.rule(
        (("data", threshold), ("data", threshold)), (("bottom", 0.0), ("bottom", height)),
        color=PALETTE["secondary"], width=0.9, style=(0, (3.0, 2.0)), gid="threshold", zorder=1.8,
    )  # fmt: skip


def _draw_row(sheet: Sheet, place: int, row: dict) -> None:
    """A heading, or a band with its bar, its dot and its numbers."""
    at, low_by = ("data", place), (0.0, -3.6)
    if "heading" in row:
        name = shorten(row["heading"], LEFT - 8.0, TABLE, bold=True)
        sheet.write(name, ("left", -LEFT), at, shift=low_by, bold=True, gid="route")
        return
    style = GROUPS[0]
    name = shorten(row["dose"], LEFT - INDENT - 6.0, TABLE)
    sheet.write(name, ("left", INDENT - LEFT), at, shift=low_by, gid="dose")
    low, middle, high = (floats(pd.DataFrame([row]), column)[0] for column in ("p25", "median", "p75"))
    if np.isfinite([low, high]).all():
        corners = [(low, place - HALF), (low, place + HALF), (high, place + HALF), (high, place - HALF)]
        box = PolyCollection(
            [corners], facecolors=style.light, edgecolors=style.color, linewidths=0.8, zorder=3, gid="box"
        )
        sheet.ax.add_collection(box, autolim=False)
    if np.isfinite(middle):
        sheet.ax.plot(
            [middle], [place], linestyle="none", marker="o", markersize=4.8, color=style.color,
            clip_on=False, zorder=5, gid="median",
        )  # fmt: skip
    share = hidden(row.get("suppressed", True))[0] if is_hidden(row) else percent(row["share"])
    texts = (
        (number(middle, 0 if np.isfinite(middle) and middle == round(middle) else 1), MEDIAN),
        (share, SHARE),
        (count(row["n"]), SESSIONS),
        (count(row["n_patients"]), PATIENTS),
    )
    for text, across in texts:
        sheet.write(text, ("right", across), at, align="right", shift=low_by, size=TABLE, gid="cell")
