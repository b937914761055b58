"""Series and panels of a forest: ways of asking and groups, how they look, and their numbers in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.draw.bounds import has_bounds
from ketaoutcomes.draw.labels import (
    DASH,
    clean,
    count,
    hidden,
    is_hidden,
    missing,
    number_range,
    percent,
    percent_range,
)
from ketaoutcomes.draw.labels import number as amount
from ketaoutcomes.draw.panels import MOST_PER_PANEL, floats
from ketaoutcomes.draw.theme import GROUPS, GroupStyle

__all__ = ["Series", "panels_of", "row_texts", "size_words", "sizes"]

ASCERTAINMENT_STYLES = {"checklist": GROUPS[0], "spontaneous": GROUPS[1]}
ASCERTAINMENT_ORDER = ("checklist", "spontaneous", "scale")


@dataclass(frozen=True)
class Series:
    """The rows of one ascertainment or one group."""

    name: str
    rows: pd.DataFrame
    style: GroupStyle


def panels_of(table: pd.DataFrame, by: str | None) -> list[tuple[str, list[Series]]]:
    """Panels with their series, none of them with more than three series."""
    groups = [] if by is None else list(dict.fromkeys(table[by].dropna()))
    if len(groups) == 1:
        # One group needs no panel of its own; its ways of asking are the series.
        table, groups = table[table[by] == groups[0]], []
    asked = _ascertainments(table)
    if not groups:
        return [
            ("", [Series(way, rows, _way_style(way, number)) for number, (way, rows) in enumerate(asked)])
        ]
    if len(groups) <= MOST_PER_PANEL:
        return [
            (way, [Series(clean(g), rows[rows[by] == g], GROUPS[n]) for n, g in enumerate(groups)])
            for way, rows in asked
        ]
    return [
        (
            clean(group),
            [Series(way, rows[rows[by] == group], _way_style(way, n)) for n, (way, rows) in enumerate(asked)],
        )
        for group in groups
    ]


def _ascertainments(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The ways of asking, checklist first, each with its rows."""
    if "ascertainment" not in table.columns:
        return [("", table)]
    ways = (
        table["ascertainment"].astype(object).where(table["ascertainment"].notna(), "not stated").astype(str)
    )
    known = [way for way in ASCERTAINMENT_ORDER if (ways == way).any()]
    others = [way for way in dict.fromkeys(ways) if way not in known]
    return [(way, table[(ways == way).to_numpy()]) for way in [*known, *others]] or [("", table)]


def _way_style(way: str, number: int) -> GroupStyle:
    return ASCERTAINMENT_STYLES.get(way, GROUPS[0] if number == 0 else GROUPS[2])


def sizes(rows: pd.DataFrame, column: str = "n") -> str:
    """How many are counted in a series: one number, or from the fewest to the most of its rows."""
    n = floats(rows, column)
    n = n[np.isfinite(n)]
    if not n.size:
        return DASH
    low, high = count(n.min()), count(n.max())
    return low if low == high else f"{low}{DASH}{high}"


def size_words(series: list[Series], noun: str, group: str = "") -> str:
    """``"n: checklist 951 sessions of 122 patients, spontaneous 779 of 114"``."""
    parts = []
    for place, one in enumerate(series):
        words = " ".join(part for part in (one.name, sizes(one.rows)) if part)
        if place == 0:
            words += f" {noun}"
        if noun != "patients" and np.isfinite(floats(one.rows, "n_patients")).any():
            patients = sizes(one.rows, "n_patients")
            words += f" of {patients}" + (f" patient{'' if patients == '1' else 's'}" if place == 0 else "")
        parts.append(words)
    return f"n{', ' + group if group else ''}: " + ", ".join(parts)


def row_texts(cells: dict, is_share: bool = True) -> tuple[str, str]:
    """Estimate, or its two bounds, and interval of a row; what stands for them where they are hidden."""
    estimate = cells["estimate"]
    if is_hidden(cells):
        return hidden(cells.get("suppressed", True))
    if missing(estimate):
        return DASH, DASH
    decimals = 2 if abs(estimate) < 1 else 1
    low, high = cells["conf_low"], cells["conf_high"]
    interval = percent_range(low, high, like=estimate) if is_share else number_range(low, high, decimals)
    if not has_bounds(pd.DataFrame([cells]))[0]:
        return (percent(estimate) if is_share else amount(estimate, decimals)), interval
    last = cells["estimate_high"]
    if is_share:
        alike = percent(last) == percent(estimate)
        return percent(estimate) if alike else f"{percent_range(estimate, last)}%", interval
    return number_range(estimate, last, decimals), interval
