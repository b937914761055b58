"""Rows that share a key: copies, and rows that contradict each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.draft import Draft

__all__ = ["marked", "neighbours", "set_aside_copies", "set_aside_duplicates"]

# Rows that are looked at together; more take more room and no less time.
BLOCK = 1_000_000


def neighbours(order: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """Return the rows that share all keys with the row before or after them in the order; (m,) int64.

    Parameters
    ----------
    order : (k,) int array
        Rows in an order in which equal keys stand together.
    *keys : (n,) arrays
    """
    if order.size < 2:
        return order[:0]
    shared = np.zeros(order.size, dtype=bool)
    for start in range(0, order.size - 1, BLOCK):
        part = order[start : start + BLOCK + 1]
        same = np.ones(part.size - 1, dtype=bool)
        for key in keys:
            values = key[part]
            same &= values[1:] == values[:-1]
        shared[start + 1 : start + part.size] |= same
        shared[start : start + part.size - 1] |= same
    return order[shared]


def marked(places: np.ndarray, n: int) -> np.ndarray:
    """Return which of n places occur among those given, where -1 is none; (n,) bool."""
    out = np.zeros(n + 1, dtype=bool)
    out[places] = True
    return out[:n]


def set_aside_copies(draft: Draft, rows: np.ndarray, keys: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Set aside copies but the first; return the rows that still share their key, and their groups.

    Parameters
    ----------
    rows : (m,) int array
        Rows that share their key with another row.
    keys : list of (n,) arrays

    Returns
    -------
    rows, group : (k,) int arrays
        Rows in the order of the file, and a number per key.
    """
    if rows.size == 0:
        return rows, rows
    rows = np.sort(rows)
    content = draft.rows(rows)
    group = (
        pd.DataFrame({number: key[rows] for number, key in enumerate(keys)})
        .groupby(list(range(len(keys))), dropna=False)
        .ngroup()
        .to_numpy()
    )
    copy = content.assign(group=group).duplicated(keep="first").to_numpy()
    aside = np.zeros(draft.n, dtype=bool)
    aside[rows[copy]] = True
    draft.quarantine(aside, "duplicate_copy")
    rows, group = rows[~copy], group[~copy]
    again = pd.Series(group).duplicated(keep=False).to_numpy()
    return rows[again], group[again]


def set_aside_duplicates(
    draft: Draft, rows: np.ndarray, keys: list[np.ndarray], policy: str, *, average: str | None = None
) -> None:
    """Set aside copies but the first, and of rows that disagree what the policy says.

    Parameters
    ----------
    draft : Draft
    rows : (m,) int array
        Rows that share their key with another row.
    keys : list of (n,) arrays
    policy : {"quarantine", "first", "last", "mean"}
    average : str, optional
        The column that "mean" averages; without one "mean" sets aside all. Other
        numbers on which the rows disagree become missing.
    """
    rows, group = set_aside_copies(draft, rows, keys)
    if rows.size == 0:
        return
    drop = np.ones(rows.size, dtype=bool)
    if policy in ("first", "last"):
        drop = pd.Series(group).duplicated(keep=policy).to_numpy()
    elif policy == "mean" and average is not None:
        drop = pd.Series(group).duplicated(keep="first").to_numpy()
        for name, values in draft.numbers.items():
            found = pd.Series(values[rows]).groupby(group)
            if name == average:
                values[rows] = found.transform("mean").to_numpy()
            else:
                # What the rows do not agree on goes with none of them: an item is not averaged.
                values[rows[(found.transform("nunique") > 1).to_numpy()]] = np.nan
    aside = np.zeros(draft.n, dtype=bool)
    aside[rows[drop]] = True
    draft.quarantine(aside, "duplicate_conflict")
