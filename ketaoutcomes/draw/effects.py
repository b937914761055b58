"""The fixed effects of a model, one below the other, with their intervals and numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, set_rows
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import DASH, clean, missing, number, text_width
from ketaoutcomes.draw.names import name_lines, shorten_middle
from ketaoutcomes.draw.own_axes import Place, make_room, place_of
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.scale import set_value_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout

__all__ = ["effects", "p_words"]

INTERCEPT = ("(Intercept)", "Intercept")
TOP, BOTTOM = 30.0, 42.0
PITCH, TIGHT_PITCH, MANY_ROWS = 32.0, 28.0, 12
NARROWEST_NAMES, WIDEST_NAMES = 56.0, 122.0
GAP = 14.0
LINE = 12.0
LEAST_PITCH = 25.0  # of rows with two lines of text
LEAST_PLOT = 60.0
MOST_DECIMALS = 8


def effects(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    heading: str = "",
    response: str | None = None,
    unit: str | None = None,
    drop_intercept: bool = True,
    level: float = 0.95,
) -> Axes:
    """Fixed effects with intervals, one row per term, with the numbers at the right.

    Rows keep the table's order. A line stands at 0; a term that was not estimated keeps its place
    and has no dot. Numbers have as many decimals as the term's standard error warrants. Axes of one's
    own become smaller where names and numbers would be cut by the edge of their figure; numbers that
    have no room even then are left out.

    Parameters
    ----------
    table : DataFrame
        term, estimate, conf_low, conf_high, and perhaps std_error, df and p_value.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    title : str, optional
        Written in bold above all else; room for it is made.
    heading : str
        What is drawn, written above; nothing if empty.
    response : str, optional
        What the model is of, for the label of the axis: "Change in PHQ-9 per unit of the term".
    unit : str, optional
        With `response` its unit: "points of PHQ-9 per unit of the term". Alone it is the label.
    drop_intercept : bool
        The intercept is left out: it is a level, not a difference, and would set the axis. Where it is
        the only term it is drawn nonetheless.
    level : float
        Confidence level of the intervals, for the head of their column.

    Returns
    -------
    Axes
    """
    is_level = bool(len(table)) and bool(table["term"].isin(INTERCEPT).all())
    rows = table[~table["term"].isin(INTERCEPT)] if drop_intercept and not is_level else table
    cells = rows.to_dict("records")
    with theme.context():
        place = place_of(ax)
        columns = _columns(cells, f"Estimate ({100 * level:g}% CI)", place)
        pitch = PITCH if len(cells) <= MANY_ROWS else TIGHT_PITCH
        height = TOP + pitch * max(len(cells), 1) + BOTTOM
        layout = Layout(
            height, left=columns.names_px + GAP, right=columns.texts_px + GAP, top=TOP, bottom=BOTTOM
        )
        if place:
            make_room(ax, place, layout)
        lines = head_of(ax, layout, heading, title=title)
        raised = lines.raised(layout, line=16.0)
        if place:
            make_room(ax, place, raised)
        ax = theme.prepare(ax, raised)
        sheet = Sheet(ax)
        set_rows(sheet, len(cells))
        set_value_axis(sheet, rows, zero=not is_level)
        values = (floats(rows, column) for column in ("estimate", "conf_low", "conf_high"))
        draw_dots(sheet, np.arange(len(rows), dtype=float), *values, GROUPS[0])
        _write_rows(sheet, cells, columns)
        sheet.write(
            columns.head, ("right", GAP), ("top", 10), size=NOTE, color=PALETTE["secondary"], gid="head"
        )
        lines.write(sheet, 26.0)
        _write_label(sheet, _label(response, unit, is_level=is_level), layout)
        return ax


@dataclass(frozen=True)
class _Columns:
    """Room in px for names and numbers, and the numbers in words."""

    names_px: float
    texts_px: float
    head: str
    texts: tuple[tuple[str, str, str], ...]


def _columns(cells: list[dict], head: str, place: Place | None) -> _Columns:
    """What stands beside the dots; in axes of one's own no more than leaves room for the dots."""
    texts = tuple(_texts(row) for row in cells)
    texts_px = max([text_width(head, NOTE), *(1.03 * _texts_width(*pair) for pair in texts)]) + 6
    names_px = _names_width(cells)
    if place is None:
        return _Columns(names_px, texts_px, head, texts)
    room = place.width - LEAST_PLOT - GAP
    if room - texts_px - GAP < min(names_px, NARROWEST_NAMES):
        return _Columns(min(names_px, max(room, NARROWEST_NAMES)), 0.0, "", (("", "", ""),) * len(texts))
    return _Columns(min(names_px, room - texts_px - GAP), texts_px, head, texts)


def _label(response: str | None, unit: str | None, *, is_level: bool) -> str:
    """What the x axis counts."""
    if response is None:
        return unit or ("Value at 0 of all terms" if is_level else "Change per unit of the term")
    if is_level:
        return f"{unit} of {response}" if unit else f"Mean of {response}"
    what = f"{unit} of {response}" if unit else f"Change in {response}"
    return f"{what} per unit of the term"


def _write_label(sheet: Sheet, label: str, layout: Layout) -> None:
    """The label below the axis; a long one starts farther left, and is cut in the middle."""
    width = sheet.size[0] + layout.right - 4.0
    room = width + layout.left - 4.0
    words = shorten_middle(label, room / 1.05, BASE)
    start = min(0.0, width - 1.05 * text_width(words, BASE))
    sheet.write(words, ("left", start), ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="unit")


def _term_words(term: object) -> str:
    """A term's name as it is printed: an interaction as "day × route"."""
    return " × ".join(part.strip() for part in re.split(r"(?<!:):(?!:)", clean(term)))


def _names_width(cells: list[dict]) -> float:
    """Room in px for the names: what the longest needs on one line, within limits."""
    longest = max((text_width(_term_words(row["term"]), TABLE) for row in cells), default=0.0)
    return float(np.clip(longest * 1.05, NARROWEST_NAMES, WIDEST_NAMES))


def _write_rows(sheet: Sheet, cells: list[dict], columns: _Columns) -> None:
    """Names at the left and numbers at the right; rows without room for two lines have one."""
    is_roomy = sheet.size[1] >= LEAST_PITCH * len(cells)
    names = name_lines(
        [_term_words(row["term"]) for row in cells], columns.names_px, most=2 if is_roomy else 1
    )
    start = ("left", -columns.names_px - GAP)
    for place, (lines, texts) in enumerate(zip(names, columns.texts, strict=True)):
        for line, words in enumerate(lines):
            up = LINE * ((len(lines) - 1) / 2 - line) - 3.5
            sheet.write(words, start, ("data", place), shift=(0.0, up), gid="term")
        _write_texts(sheet, place, *texts, up=2.5 if is_roomy else -3.5, tested=is_roomy)


def _texts(row: dict) -> tuple[str, str, str]:
    """Estimate, interval, and degrees of freedom with p of a row, in words."""
    if missing(row["estimate"]):
        return DASH, "", "not estimated"
    decimals = _decimals(row)
    low, high = (number(row[end], decimals) for end in ("conf_low", "conf_high"))
    interval = DASH if missing(row["conf_low"]) or missing(row["conf_high"]) else f"{low} to {high}"
    tests = [_df_words(row.get("df")), p_words(row.get("p_value"))]
    return number(row["estimate"], decimals), interval, ", ".join(words for words in tests if words)


def _decimals(row: dict) -> int:
    """Decimals that show two digits of the standard error, or of a quarter of the interval."""
    error = row.get("std_error")
    if missing(error) or not 0 < float(error) < np.inf:
        width = np.nan if missing(row["conf_low"]) else (float(row["conf_high"]) - float(row["conf_low"])) / 4
        error = width if np.isfinite(width) and width > 0 else abs(float(row["estimate"])) or 1.0
    return int(np.clip(1 - np.floor(np.log10(float(error))), 0, MOST_DECIMALS))


def _df_words(df) -> str:
    if missing(df):
        return ""
    if np.isinf(float(df)):
        return "df ∞"
    return f"df {number(df, 1 if float(df) < 100 else 0)}"


def p_words(p) -> str:
    """``"p = 0.012"``, ``"p <0.001"``; nothing when missing."""
    if missing(p):
        return ""
    return "p <0.001" if float(p) < 0.001 else f"p = {float(p):.3f}"


def _texts_width(estimate: str, interval: str, tests: str) -> float:
    first = text_width(estimate, TABLE, bold=True) + 5 + text_width(interval, TABLE)
    return max(first, text_width(tests, NOTE))


def _write_texts(
    sheet: Sheet, place: int, estimate: str, interval: str, tests: str, *, up: float, tested: bool
) -> None:
    """Estimate and interval on one line, degrees of freedom and p below where there is room."""
    at = ("data", place)
    sheet.write(estimate, ("right", GAP), at, bold=True, shift=(0.0, up), gid="number")
    beside = GAP + text_width(estimate, TABLE, bold=True) + 5
    sheet.write(interval, ("right", beside), at, shift=(0.0, up), gid="interval-text")
    if tested:
        sheet.write(
            tests, ("right", GAP), at, size=NOTE, color=PALETTE["secondary"], shift=(0.0, up - 12.0),
            gid="test",
        )  # fmt: skip
