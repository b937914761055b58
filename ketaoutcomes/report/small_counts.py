"""Small counts: which they are, and how a table looks without them.

How large a small count may be is one number, 10 or 7, that the gate holds in a `SmallCounts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["CHANGED", "LARGEST_HIDDEN", "SECONDARY", "TOGETHER", "UNKNOWN", "SmallCounts", "blank", "grid"]

# CMS: no count of 1 to 10 may be shown, nor follow from others. OpenSAFELY: up to 7, the rest rounded.
LARGEST_HIDDEN = 10
SECONDARY = "would reveal another count"
TOGETHER = "too few to be split"
CHANGED = "differs little from the last release"
UNKNOWN = ("n_missing", "n_no_baseline", "n_not_scored", "n_not_due")
STEPS = (0.01, 0.02, 0.05, 0.1)


@dataclass(frozen=True)
class SmallCounts:
    """Counts from 1 to `largest` are small; 0 is not.

    Parameters
    ----------
    largest : int
        10 where small counts are only hidden, 7 where all others are rounded to the nearest 5.
    """

    largest: int = LARGEST_HIDDEN

    @property
    def words(self) -> str:
        """``"1–10"``, as it is printed."""
        return f"1–{self.largest}"

    @property
    def count(self) -> str:
        """Why a row is hidden: its count of events is small."""
        return f"count 1-{self.largest}"

    @property
    def total(self) -> str:
        """Why a row is hidden: its group is small."""
        return f"total 1-{self.largest}"

    @property
    def rest(self) -> str:
        """Why a row is hidden: all but a few have the event."""
        return f"all but 1-{self.largest}"

    @property
    def either(self) -> str:
        """Why a row is hidden whose size alone would tell which: few have the event, or few do not."""
        return f"with or without 1-{self.largest}"

    @property
    def patients(self) -> str:
        """Why a row is hidden: few patients make up its count, which may itself be larger."""
        return f"patients 1-{self.largest}"

    def small(self, values) -> np.ndarray:
        """Where a count is small; missing ones are not; (m,) bool."""
        if isinstance(values, pd.Series):
            values = values.to_numpy(dtype=float, na_value=np.nan)
        values = np.asarray(values, dtype=float)
        return (values >= 1) & (values <= self.largest)

    def is_small(self, value) -> bool:
        """Whether one count is small."""
        return bool(self.small([value])[0])

    def near(self, sizes, others: Sequence[float]) -> np.ndarray:
        """Marks sizes that differ by a small count from one of `others`; missing ones never do; (m,) bool."""
        values = pd.Series(sizes).astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        apart = [self.small(np.abs(values - other)) for other in others]
        return np.any(apart or [np.zeros(values.size, bool)], axis=0)

    def without_small(self, frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        """`frame` without the small counts in `columns` (those it has)."""
        for column in columns:
            if column in frame.columns:
                frame = blank(frame, self.small(frame[column]), [column])
        return frame

    def without_unknown(self, frame: pd.DataFrame, hidden: np.ndarray) -> pd.DataFrame:
        """`frame` with the numbers of patients not known where they reveal nothing.

        They go where `hidden`, since they add up to a printed size with the row's `n`, and where they
        are small; the two reasons add up to the number not known, so both go where one is small. Those
        not due always go: taken from all who started they show the widest group of section 3.
        """
        frame = blank(blank(frame, hidden, UNKNOWN), np.ones(len(frame), bool), ["n_not_due"])
        reasons = [column for column in ("n_no_baseline", "n_not_scored") if column in frame.columns]
        for column in reasons:
            frame = blank(frame, self.small(frame[column]), reasons)
        return self.without_small(frame, UNKNOWN)


def blank(frame: pd.DataFrame, rows, columns) -> pd.DataFrame:
    """`frame` with `columns` (those it has) missing in `rows`."""
    rows = np.asarray(rows, dtype=bool)
    for column in columns:
        if column in frame.columns and rows.any():
            frame.loc[rows, column] = pd.NA if str(frame[column].dtype) == "Int64" else np.nan
    return frame


def grid(shares: pd.Series, sizes, largest: int) -> pd.Series:
    """Shares of hidden sizes, so coarse that every size within `largest` of the true one would fit.

    A share of many digits is a fraction, whose denominator is the size. On a grid at least as wide as one
    over the smallest size in question, each of these sizes has a numerator for every share.

    Parameters
    ----------
    shares : (m,) Series of float
    sizes : (m,) array_like
        The sizes that are not shown.
    largest : int
        How much a size may differ from one that is shown.
    """
    least = pd.Series(sizes).astype("Float64").to_numpy(dtype=float, na_value=np.nan) - largest
    needed = 1.0 / np.maximum(np.nan_to_num(least, nan=1.0), 1.0)
    step = np.full(needed.size, STEPS[-1])
    for width in reversed(STEPS):
        step = np.where(width >= needed, width, step)
    values = shares.to_numpy(dtype=float, na_value=np.nan)
    return pd.Series(np.round(np.round(values / step) * step, 2), index=shares.index)
