"""The fixed effects of a model, one below the other, with their intervals and numbers."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.dots import draw_dots, set_rows
from ketaoutcomes.draw.head import head_of
from ketaoutcomes.draw.labels import DASH, clean, missing, number, shorten, text_width
from ketaoutcomes.draw.panels import floats
from ketaoutcomes.draw.scale import set_x_axis
from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import BASE, GROUPS, NOTE, PALETTE, TABLE, Layout

__all__ = ["effects", "p_words"]

INTERCEPT = ("(Intercept)", "Intercept")
TOP, BOTTOM = 30.0, 42.0
PITCH, TIGHT_PITCH, MANY_ROWS = 32.0, 28.0, 12
NARROWEST_NAMES, WIDEST_NAMES = 56.0, 122.0
GAP = 14.0
LINE = 12.0
MOST_DECIMALS = 6
BREAKS = re.compile(r"(?<=[\s_.×])")


def effects(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    unit: str | None = None,
    drop_intercept: bool = True,
    level: float = 0.95,
) -> Axes:
    """Fixed effects with intervals, one row per term, with the numbers at the right.

    Rows keep the table's order. A line stands at 0; a term that was not estimated keeps its place
    and has no dot. Numbers have as many decimals as the term's standard error warrants.

    Parameters
    ----------
    table : DataFrame
        term, estimate, conf_low, conf_high, and perhaps std_error, df and p_value.
    ax : Axes, optional
        From `theme.new_figure` for a page; without it pyplot makes a figure.
    title : str, optional
        Written in bold above all else; room for it is made.
    unit : str, optional
        Unit of the estimates, written below the axis, e.g. "points per unit of the term".
    drop_intercept : bool
        The intercept is left out: it is a level, not a difference, and would set the axis.
    level : float
        Confidence level of the intervals, for the head of their column.

    Returns
    -------
    Axes
    """
    rows = table[~table["term"].isin(INTERCEPT)] if drop_intercept else table
    cells = rows.to_dict("records")
    texts = [_texts(row) for row in cells]
    head = f"Estimate [{100 * level:g}% CI]"
    with theme.context():
        names_px = _names_width(cells)
        texts_px = max([text_width(head, NOTE), *(_texts_width(*pair) for pair in texts)]) + 6
        pitch = PITCH if len(cells) <= MANY_ROWS else TIGHT_PITCH
        height = TOP + pitch * max(len(cells), 1) + BOTTOM
        layout = Layout(height, left=names_px + GAP, right=texts_px + GAP, top=TOP, bottom=BOTTOM)
        lines = head_of(ax, layout, "", title=title)
        ax = theme.prepare(ax, lines.raised(layout))
        sheet = Sheet(ax)
        set_rows(sheet, len(cells))
        _set_values(sheet, rows)
        values = (floats(rows, column) for column in ("estimate", "conf_low", "conf_high"))
        draw_dots(sheet, np.arange(len(rows), dtype=float), *values, GROUPS[0])
        for place, row in enumerate(cells):
            _name(sheet, place, row["term"], names_px)
            _write_texts(sheet, place, *texts[place])
        sheet.write(head, ("right", GAP), ("top", 10), size=NOTE, color=PALETTE["secondary"], gid="head")
        lines.write(sheet, 24.0)
        if unit:
            sheet.write(unit, ("left", 0), ("bottom", -34), size=BASE, color=PALETTE["secondary"], gid="unit")
        return ax


def _set_values(sheet: Sheet, rows: pd.DataFrame) -> None:
    """The x axis over all intervals and 0, with a line at 0."""
    values = np.concatenate([[0.0], *(floats(rows, c) for c in ("estimate", "conf_low", "conf_high"))])
    values = values[np.isfinite(values)]
    low, high = values.min(), values.max()
    if high <= low:
        low, high = low - 1.0, high + 1.0
    set_x_axis(sheet, low, high, grid=True, margin_px=6.0)
    ends = (("bottom", 0.0), ("bottom", sheet.size[1]))
    sheet.rule((("data", 0.0), ("data", 0.0)), ends, color=PALETTE["axis"], width=0.9, gid="zero")


def _term_words(term: object) -> str:
    """A term's name as it is printed: an interaction as "day × route"."""
    return " × ".join(part.strip() for part in re.split(r"(?<!:):(?!:)", clean(term)))


def _term_lines(term: object, width: float) -> list[str]:
    """The name in at most two lines of `width` px, broken after a space, "_", "." or "×"."""
    lines = [""]
    for piece in BREAKS.split(_term_words(term)):
        longer = lines[-1] + piece
        if len(lines) < 2 and lines[-1] and text_width(longer.rstrip(), TABLE) > width:
            lines.append(piece)
        else:
            lines[-1] = longer
    return [shorten(line.strip(), width, TABLE) for line in lines]


def _names_width(cells: list[dict]) -> float:
    """Room in px for the names: what the longest needs on one line, within limits."""
    longest = max((text_width(_term_words(row["term"]), TABLE) for row in cells), default=0.0)
    return float(np.clip(longest * 1.05, NARROWEST_NAMES, WIDEST_NAMES))


def _name(sheet: Sheet, place: int, term: object, width: float) -> None:
    lines = _term_lines(term, width)
    for line, words in enumerate(lines):
        up = LINE * ((len(lines) - 1) / 2 - line) - 3.5
        sheet.write(words, ("left", -width - GAP), ("data", place), shift=(0.0, up), gid="term")


def _texts(row: dict) -> tuple[str, str, str]:
    """Estimate, interval, and degrees of freedom with p of a row, in words."""
    if missing(row["estimate"]):
        return DASH, "", "not estimated"
    decimals = _decimals(row)
    low, high = (number(row[end], decimals) for end in ("conf_low", "conf_high"))
    interval = DASH if missing(row["conf_low"]) or missing(row["conf_high"]) else f"[{low}, {high}]"
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
    """``"p = .012"``, ``"p < .001"``, ``"p > .999"``; nothing when missing."""
    if missing(p):
        return ""
    if float(p) < 0.001:
        return "p < .001"
    if float(p) > 0.999:
        return "p > .999"
    return f"p = {float(p):.3f}".replace("0.", ".", 1)


def _texts_width(estimate: str, interval: str, tests: str) -> float:
    first = text_width(estimate, TABLE, bold=True) + 5 + text_width(interval, TABLE)
    return max(first, text_width(tests, NOTE))


def _write_texts(sheet: Sheet, place: int, estimate: str, interval: str, tests: str) -> None:
    """Estimate and interval on one line, degrees of freedom and p below."""
    at = ("data", place)
    sheet.write(estimate, ("right", GAP), at, bold=True, shift=(0.0, 2.5), gid="number")
    beside = GAP + text_width(estimate, TABLE, bold=True) + 5
    sheet.write(interval, ("right", beside), at, shift=(0.0, 2.5), gid="interval-text")
    sheet.write(
        tests, ("right", GAP), at, size=NOTE, color=PALETTE["secondary"], shift=(0.0, -9.5), gid="test"
    )
