"""Results in words: aligned plain-text tables, their HTML twin, and phrases with counts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
import pandas as pd

from ketaoutcomes.draw.labels import DASH, clean, count, number, percent, percent_range

__all__ = [
    "bounds",
    "confidence",
    "episodes",
    "html_list",
    "html_table",
    "of_total",
    "paragraphs",
    "patients",
    "plain_table",
    "time_point",
    "time_range",
]

_WIDTH = 100


def patients(n: int) -> str:
    """``"1 patient"``, ``"1,024 patients"``."""
    return "1 patient" if n == 1 else f"{count(n)} patients"


def episodes(n: int) -> str:
    """``"1 episode"``, ``"1,024 episodes"``."""
    return "1 episode" if n == 1 else f"{count(n)} episodes"


def of_total(n_events, n) -> str:
    """``"31/58"``."""
    return f"{count(n_events)}/{count(n)}"


def confidence(level: float) -> str:
    """``"95% CI"``."""
    return f"{100 * level:g}% CI"


def bounds(low, high) -> str:
    """One share, or the two bounds between which it lies: ``"36%"``, ``"36–42%"``."""
    if pd.isna(low) or pd.isna(high):
        return DASH
    first = percent(low)
    if percent(high) == first:
        return first
    return f"{percent_range(low, high)}%"


def time_point(value: float, unit: str) -> str:
    """``"day 29"``, ``"2.5 h"``; ``"not reached"`` for infinity."""
    if pd.isna(value):
        return DASH
    if np.isinf(value):
        return "not reached"
    return f"day {_amount(value)}" if unit == "days" else f"{_amount(value)} h"


def time_range(low: float, high: float, unit: str) -> str:
    """``"29–34"`` with infinity as an open end: ``"29–not reached"``."""
    if pd.isna(low) or pd.isna(high):
        return DASH
    if np.isinf(low):
        return "not reached"
    last = "not reached" if np.isinf(high) else _amount(high)
    return f"{_amount(low)}{DASH}{last}"


def plain_table(frame: pd.DataFrame, *, words: Sequence[str] = ()) -> list[str]:
    """Lines of a table whose cells are already text; columns in `words` stand left, the others right."""
    columns = list(frame.columns)
    cells = [[clean(value) for value in frame[column]] for column in columns]
    widths = [max([len(str(name)), *map(len, values)]) for name, values in zip(columns, cells, strict=True)]

    def line(values) -> str:
        parts = [
            str(value).ljust(width) if name in words else str(value).rjust(width)
            for name, value, width in zip(columns, values, widths, strict=True)
        ]
        return ("  " + "  ".join(parts)).rstrip()

    return [line(columns), *(line(row) for row in zip(*cells, strict=True))]


def html_table(frame: pd.DataFrame, *, words: Sequence[str] = ()) -> str:
    """The same table as HTML; every cell is escaped."""

    def align(name) -> str:
        return "left" if name in words else "right"

    head = "".join(
        f'<th scope="col" style="text-align:{align(name)}">{escape(clean(name))}</th>'
        for name in frame.columns
    )
    rows = []
    for values in frame.itertuples(index=False):
        row = "".join(
            f'<td style="text-align:{align(name)}">{escape(clean(value))}</td>'
            for name, value in zip(frame.columns, values, strict=True)
        )
        rows.append(f"<tr>{row}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def html_list(items: Iterable[str]) -> str:
    """Paragraphs of small type; every item is escaped."""
    return "".join(f"<p><small>{escape(clean(item))}</small></p>" for item in items)


def paragraphs(items: Iterable[str]) -> list[str]:
    """Items as wrapped lines, each begun by a dash."""
    lines = []
    for item in items:
        lines += textwrap.wrap(
            clean(item), _WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False
        )
    return lines


def _amount(value: float) -> str:
    """A time with one decimal, or none if it is whole."""
    return number(value, 0 if abs(value - round(value)) < 0.05 else 1)
