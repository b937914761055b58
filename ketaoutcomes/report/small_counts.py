"""Arithmetic of small counts: which are small, and which follow from a printed total by subtraction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = [
    "LARGEST_HIDDEN",
    "SECONDARY",
    "UNKNOWN",
    "ambiguous",
    "blank",
    "is_small",
    "near",
    "protected",
    "small",
    "without_small",
    "without_unknown",
]

LARGEST_HIDDEN = 10
SECONDARY = "would reveal another count"
UNKNOWN = ("n_missing", "n_no_baseline", "n_not_scored", "n_not_due")


def near(sizes, others: Sequence[float]) -> np.ndarray:
    """Marks sizes of groups that differ by 1 to 10 from one of `others`; missing ones never do; (m,) bool."""
    values = pd.Series(sizes).astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    return np.any(
        [small(np.abs(values - other)) for other in others] or [np.zeros(values.size, bool)], axis=0
    )


def protected(
    frame: pd.DataFrame,
    reason: pd.Series,
    in_total: np.ndarray,
    *,
    without_n: np.ndarray,
    apart: Sequence[np.ndarray] = (),
) -> tuple[pd.Series, np.ndarray]:
    """`reason` with further rows hidden until no hidden one follows from the total.

    The total minus the shown rows gives the sum of the hidden ones away; each hidden count of 1 to
    10 must keep at least two possible values given that sum.

    Parameters
    ----------
    frame : DataFrame
        With `n_events` and `n`.
    reason : (m,) Series of str
        Why each row is hidden so far; "" where it is shown.
    in_total : (m,) bool array
        The rows that add up to a printed total.
    without_n : (m,) bool array
        Rows whose `n` is hidden as well.
    apart : sequence of (m,) float arrays
        Counts that a row's `n` gives away, with totals that are printed too.

    Returns
    -------
    tuple of Series and (m,) bool array
        `reason` and `without_n`, enlarged.
    """
    reason = reason.copy()
    total = frame["n"].to_numpy(dtype=float, na_value=np.nan)
    events = frame["n_events"].to_numpy(dtype=float, na_value=np.nan)
    without_n = without_n | small(total)
    while True:
        hidden = in_total & (reason != "").to_numpy()
        groups_open = all(ambiguous(counts, in_total & without_n) for counts in (total, *apart))
        if groups_open and ambiguous(events, hidden) and ambiguous(total - events, hidden):
            return reason, without_n
        shown = np.flatnonzero(in_total & ~(without_n if not groups_open else hidden) & (total > 0))
        if shown.size == 0:
            return reason, without_n
        row = shown[np.argmin(total[shown])]
        if reason.iloc[row] == "":
            reason.iloc[row] = SECONDARY
        if not groups_open:
            without_n[row] = True


def ambiguous(counts: np.ndarray, hidden: np.ndarray) -> bool:
    """Whether every hidden count of 1 to 10 has two or more possible values, given their sum."""
    values = counts[hidden]
    few = small(values)
    if not few.any():
        return True
    if not few.all():
        # A larger hidden month may hold anything, so it leaves room for each of the others.
        return True
    n_small, total = values.size, values.sum()
    low = max(1, total - LARGEST_HIDDEN * (n_small - 1))
    high = min(LARGEST_HIDDEN, total - (n_small - 1))
    return n_small > 1 and high > low


def small(values) -> np.ndarray:
    """Where a count is 1 to 10."""
    if isinstance(values, pd.Series):
        values = values.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    values = np.asarray(values, dtype=float)
    return (values >= 1) & (values <= LARGEST_HIDDEN)


def is_small(value) -> bool:
    """Whether one count is 1 to 10."""
    return bool(small([value])[0])


def blank(frame: pd.DataFrame, rows, columns) -> pd.DataFrame:
    """`frame` with `columns` (those it has) missing in `rows`."""
    rows = np.asarray(rows, dtype=bool)
    for column in columns:
        if column in frame.columns and rows.any():
            frame.loc[rows, column] = pd.NA if str(frame[column].dtype) == "Int64" else np.nan
    return frame


def without_small(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """`frame` without the counts of 1 to 10 in `columns` (those it has)."""
    for column in columns:
        if column in frame.columns:
            frame = blank(frame, small(frame[column]), [column])
    return frame


def without_unknown(frame: pd.DataFrame, hidden: np.ndarray) -> pd.DataFrame:
    """`frame` with the numbers of patients not known where they reveal nothing.

    They go where `hidden`, since they add up to a printed size with the row's `n`, and where they
    are 1 to 10; the two reasons add up to the number not known, so both go where one is 1 to 10.
    Those not due always go: taken from all who started they show the widest group of section 3.
    """
    frame = blank(blank(frame, hidden, UNKNOWN), np.ones(len(frame), bool), ["n_not_due"])
    reasons = [column for column in ("n_no_baseline", "n_not_scored") if column in frame.columns]
    for column in reasons:
        frame = blank(frame, small(frame[column]), reasons)
    return without_small(frame, UNKNOWN)
