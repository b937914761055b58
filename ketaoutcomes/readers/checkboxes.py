"""Side effects that an export ticks in columns of their own, to one row for each tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.values import MISSING

__all__ = ["Ticks", "ticked_effects"]

TICKED = frozenset(
    {"1", "1.0", "yes", "y", "true", "t", "checked", "x", "ja", "oui", "si", "sí", "✓", "✔", "☑"}
)
EMPTY = frozenset({"0", "0.0", "no", "n", "false", "f", "unchecked", "nein", "non", "none", "☐"})
# A no that somebody wrote, and not a box that nobody ticked.
SAID_NO = frozenset({"no", "n", "nein", "non"})
# What says that nobody asked, or does not say. "None" says that somebody did.
NOT_ASKED = (
    (EMPTY - {"none"})
    | MISSING
    | {
        *("incomplete", "not asked", "not done", "not assessed", "not recorded"),
        *("unknown", "unclear", "refused", "declined", "-", "--", "?"),
    }
)
SEVERITIES = frozenset({"mild", "moderate", "severe"})
# The cohort sets such a row aside as unclear, and the session's record is then not known.
UNCLEAR = "?"


@dataclass(frozen=True)
class Ticks:
    """Rows of side effects and, for each, the row of the sheet that was ticked."""

    frame: pd.DataFrame
    rows: np.ndarray


def ticked_effects(
    boxes: Mapping[str, pd.Series], asked: pd.Series | None, named: pd.Series | None = None
) -> Ticks:
    """Return one row for each ticked box, and one of "none" for each row that was asked and has no tick.

    Parameters
    ----------
    boxes : mapping of str to (n,) Series
        Cells by side effect. A severity in a cell is a tick with that severity;
        what is neither a tick nor empty makes the row's record unclear.
    asked : (n,) Series, optional
        Where it is filled, and does not say that nobody asked, side effects were asked for.
        Without it they were where somebody wrote a no; a box that is only empty, or 0, says nothing.
    named : (n,) Series, optional
        Side effects by their names beside the boxes, one more row each.
    """
    parts = []
    n = len(next(iter(boxes.values())))
    anything, said_no = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for effect, cells in boxes.items():
        words = cells.str.lower().fillna("")
        graded = words.isin(SEVERITIES).to_numpy(bool)
        ticked = words.isin(TICKED).to_numpy(bool) | graded
        unclear = (words != "").to_numpy(bool) & ~ticked & ~words.isin(EMPTY).to_numpy(bool)
        severity = words.where(graded)
        parts += [_rows(ticked, effect.strip(), severity), _rows(unclear, UNCLEAR, severity)]
        anything |= ticked | unclear
        said_no |= words.isin(SAID_NO).to_numpy(bool)
    if named is not None:
        filled = named.notna().to_numpy(bool)
        parts.append(_rows(filled, named, None))
        anything |= filled
    said = said_no
    if asked is not None:
        words = asked.str.lower().fillna("")
        said = (words != "").to_numpy(bool) & ~words.isin(NOT_ASKED).to_numpy(bool)
    parts.append(_rows(said & ~anything, "none", None))
    made = pd.concat(parts, ignore_index=True).sort_values("row", kind="stable", ignore_index=True)
    frame = made[["effect", "severity"]].astype("str")
    return Ticks(frame, made["row"].to_numpy(np.int64))


def _rows(mask: np.ndarray, effect: str | pd.Series, severity: pd.Series | None) -> pd.DataFrame:
    """Return one row for each row of the sheet that is marked."""
    rows = np.flatnonzero(mask)
    names = effect.iloc[rows].array if isinstance(effect, pd.Series) else effect
    grades = None if severity is None else severity.iloc[rows].array
    return pd.DataFrame({"row": rows, "effect": names, "severity": grades}, index=range(rows.size))
