"""Groups of a table and, where they are more than three, small pictures side by side."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ketaoutcomes.draw.sheet import Sheet
from ketaoutcomes.draw.theme import GROUPS

__all__ = ["MOST_PER_PANEL", "floats", "levels", "rows_of", "split"]

MOST_PER_PANEL = len(GROUPS)


def levels(table: pd.DataFrame, by: str | None) -> list[Hashable]:
    """The groups in the order of their first row; one nameless group without `by`."""
    if by is None:
        return [None]
    return list(dict.fromkeys(table[by].dropna()))


def rows_of(table: pd.DataFrame | None, by: str | None, level: Hashable) -> pd.DataFrame | None:
    """The rows of one group; the whole table without `by`."""
    if table is None or by is None or level is None or by not in table.columns:
        return table
    return table[table[by] == level]


def floats(table: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats; a text, such as a hidden cell, or a column not there counts as missing."""
    if column not in table.columns:
        return np.full(len(table), np.nan)
    return pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def split(
    ax: Axes,
    n_panels: int,
    *,
    columns: int = 2,
    across: float = 26.0,
    up: float = 50.0,
    left: float = 0.0,
    below_top: float = 0.0,
) -> list[Axes]:
    """Put `n_panels` small axes, row by row, into the place of `ax`, which itself is emptied.

    Parameters
    ----------
    across, up : float
        Room in px between panels; `up` is also kept above the first row for its title.
    left : float
        Room in px at the left of each panel, for the labels of its y axis.
    below_top : float
        Room in px that stays free inside `ax`, above the first row.
    """
    ax.set_axis_off()
    width, height = Sheet(ax).size
    n_rows = -(-n_panels // columns)
    panel_width = (width - across * (columns - 1)) / columns
    panel_height = (height - below_top - up * (n_rows - 1)) / n_rows
    panels = []
    for number in range(n_panels):
        row, column = divmod(number, columns)
        x = column * (panel_width + across) + left
        y = height - below_top - panel_height - row * (panel_height + up)
        panel = ax.inset_axes((x / width, y / height, (panel_width - left) / width, panel_height / height))
        panels.append(panel)
    return panels
