"""Side effects that an export ticks in columns of their own, to one row for each tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Ticks", "ticked_effects"]

TICKED = frozenset(
    {"1", "1.0", "yes", "y", "true", "t", "checked", "x", "ja", "oui", "si", "sí", "✓", "✔", "☑"}
)
EMPTY = frozenset({"0", "0.0", "no", "n", "false", "f", "unchecked", "nein", "non", "none", "☐"})
NOT_ASKED = EMPTY | {"incomplete", "not asked", "not done"}
SEVERITIES = frozenset({"mild", "moderate", "severe"})
# The cohort sets such a row aside as unclear, and the session's record is then not known.
UNCLEAR = "?"


@dataclass(frozen=True)
class Ticks:
    """Rows of side effects and, for each, the row of the sheet that was ticked."""

    frame: pd.DataFrame
    rows: np.ndarray


def ticked_effects(boxes: Mapping[str, pd.Series], asked: pd.Series | None) -> Ticks:
    """Return one row for each ticked box, and one of "none" for each row that was asked and has no tick.

    Parameters
    ----------
    boxes : mapping of str to (n,) Series
        Cells by side effect. A severity in a cell is a tick with that severity;
        what is neither a tick nor empty makes the row's record unclear.
    asked : (n,) Series, optional
        Where it is filled, and not with a no, side effects were asked for.
    """
    effects, severities, rows = [], [], []
    n = len(next(iter(boxes.values())))
    anything = np.zeros(n, dtype=bool)
    for effect, cells in boxes.items():
        words = cells.str.lower().fillna("")
        graded = words.isin(SEVERITIES).to_numpy(bool)
        ticked = words.isin(TICKED).to_numpy(bool) | graded
        unclear = (words != "").to_numpy(bool) & ~ticked & ~words.isin(EMPTY).to_numpy(bool)
        for mask, name in ((ticked, effect.strip()), (unclear, UNCLEAR)):
            places = np.flatnonzero(mask)
            rows.append(places)
            effects += [name] * places.size
            severities += words.iloc[places].where(graded[places], None).tolist()
        anything |= ticked | unclear
    if asked is not None:
        words = asked.str.lower().fillna("")
        none = np.flatnonzero(
            (words != "").to_numpy(bool) & ~words.isin(NOT_ASKED).to_numpy(bool) & ~anything
        )
        rows.append(none)
        effects += ["none"] * none.size
        severities += [None] * none.size
    places = np.concatenate(rows).astype(np.int64)
    frame = pd.DataFrame({"effect": pd.array(effects, dtype="str")})
    if any(one is not None for one in severities):
        frame["severity"] = pd.array(severities, dtype="str")
    order = np.argsort(places, kind="stable")
    return Ticks(frame.iloc[order].reset_index(drop=True), places[order])
