"""A curve that is known only between bounds, as pieces to draw: boxes, levels and jumps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Steps", "steps_from_bounds", "steps_from_masses"]


@dataclass(frozen=True)
class Steps:
    """Pieces of a rising share.

    Attributes
    ----------
    boxes : (k, 4) float
        left, right, low, high: the curve passes somewhere inside.
    levels : (m, 3) float
        left, right, share: the curve is known.
    jumps : (j, 3) float
        time, low, high: it rises at a known time.
    end : float
        Share at the end of what is drawn, its lower bound.
    """

    boxes: np.ndarray
    levels: np.ndarray
    jumps: np.ndarray
    end: float


def steps_from_masses(masses: pd.DataFrame, horizon: float) -> Steps:
    """Pieces from a table with columns left, right, mass: share `mass` responded in (left, right].

    Where the last mass has no right end, the curve is unknown up to 1 from its left end on.
    """
    table = masses.sort_values(["left", "right"], kind="stable")
    left, right = table["left"].to_numpy(float), table["right"].to_numpy(float)
    high = np.cumsum(table["mass"].to_numpy(float))
    low = high - table["mass"].to_numpy(float)
    shown = left < horizon
    left, right, low, high = left[shown], np.minimum(right[shown], horizon), low[shown], high[shown]
    whole = table["right"].to_numpy(float)[shown] <= horizon
    boxes = np.column_stack([left, right, low, high])[left < right]
    jumps = np.column_stack([left, low, high])[left == right]
    starts, ends = np.concatenate([[0.0], right]), np.concatenate([left, [horizon]])
    shares = np.concatenate([[0.0], high])
    known = np.column_stack([starts, ends, shares])
    end = float(shares[-1]) if whole.all() else float(low[-1])
    return Steps(boxes, known[starts < ends], jumps, end)


def steps_from_bounds(table: pd.DataFrame, horizon: float) -> Steps:
    """Pieces from rows time, estimate, estimate_high that hold from their time to the next row's."""
    table = table.dropna(subset=["time", "estimate"]).sort_values("time", kind="stable")
    table = table[table["time"] <= horizon]
    time, low = table["time"].to_numpy(float), table["estimate"].to_numpy(float)
    high = table["estimate_high"].to_numpy(float) if "estimate_high" in table else low
    if time.size == 0:
        return Steps(np.empty((0, 4)), np.empty((0, 3)), np.empty((0, 3)), np.nan)
    until = np.concatenate([time[1:], [horizon]])
    known = high - low <= 1e-9
    wide = until > time
    boxes = np.column_stack([time, until, low, high])[~known & wide]
    flat = np.column_stack([time, until, low])[known & wide]
    before, after = np.concatenate([[0.0], low[:-1]]), low
    is_jump = known & np.concatenate([[True], known[:-1]]) & (after - before > 1e-9)
    jumps = np.column_stack([time, before, after])[is_jump]
    return Steps(boxes, flat, jumps, float(low[-1]))
