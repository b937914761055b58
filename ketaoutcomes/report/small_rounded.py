"""Tables whose counts are rounded to the nearest 5, with what is computed anew from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.report.small_counts import grid

__all__ = ["coarse", "nearest", "rounded"]

NEAREST = 5
SHARES = (
    "share", "share_low", "share_high", "next_session", "next_session_high", "stopped", "stopped_high",
    "still_responding", "still_responding_high",
)  # fmt: skip
NUMBERS = (
    "estimate", "estimate_low", "estimate_high", "conf_low", "conf_high", "conf_high_sessions", "std_error",
    "sd", "p10", "p25", "median", "p75", "p90", "observed", "low", "high", "naive", "late_low", "late_high",
    "statistic", "df",
)  # fmt: skip


def nearest(count):
    """A whole number, or a column of them, to the nearest 5."""
    return (count + NEAREST // 2) // NEAREST * NEAREST


def coarse(frame: pd.DataFrame, rows, largest: int) -> pd.DataFrame:
    """`frame` with the shares of some rows so coarse that their hidden `n` does not follow (`grid`)."""
    rows = np.asarray(rows, bool)
    for column in ("estimate", "estimate_low", "estimate_high", "conf_low", "conf_high"):
        if column in frame and rows.any():
            frame.loc[rows, column] = grid(frame.loc[rows, column], frame.loc[rows, "n"], largest)
    return frame


def rounded(frame: pd.DataFrame, *, decimals: int, level: float, is_rate: bool) -> pd.DataFrame:
    """`frame` with counts to the nearest 5 and with estimates that tell no more than these.

    Parameters
    ----------
    frame : DataFrame
        Small counts are missing already.
    decimals : int
        Of estimates that are not shares of two counts of the table.
    level : float
        Of the intervals that are computed anew.
    is_rate : bool
        Whether the estimate is `n_events` of `n`: then it is computed from the rounded counts, and its
        interval by Wilson. Where the interval allows for several sessions of a patient it is not known
        from counts; its limits are given in whole per cents, moved as far as the estimate is in them.
    """
    frame = frame.copy()
    for column in frame.columns:
        if (column == "n" or column.startswith("n_")) and str(frame[column].dtype) == "Int64":
            frame[column] = nearest(frame[column])
    if is_rate:
        return _rates(frame, level)
    for name in NUMBERS:
        if name in frame:
            frame[name] = frame[name].astype(float).round(decimals)
    for name in SHARES:
        if name in frame:
            frame[name] = frame[name].astype(float).round(2)
    return frame


def _rates(frame: pd.DataFrame, level: float) -> pd.DataFrame:
    shown = (frame["n_events"].notna() & frame["n"].notna() & (frame["suppressed"] == "")).to_numpy(bool)
    events = frame["n_events"].fillna(0).to_numpy(float)
    total = frame["n"].fillna(0).to_numpy(float)
    share = np.divide(events, total, out=np.full(len(frame), np.nan), where=shown & (total > 0))
    is_wilson = not {"n_patients", "method", "n_sessions"} & set(frame.columns)
    low, high = frame.get("conf_low"), frame.get("conf_high")
    for name in ("estimate_low", "estimate_high", "conf_high_sessions", "share"):
        if name in frame:
            frame[name] = frame[name].astype(float).round(2)
    if low is not None and high is not None:
        had = shown & low.notna().to_numpy() & high.notna().to_numpy()
        if is_wilson:
            ends = wilson(np.minimum(events, total), total, level=level)
        else:
            ends = (
                np.fmin(low.astype(float).round(2).to_numpy(), share),
                np.fmax(high.astype(float).round(2).to_numpy(), share),
            )
        frame["conf_low"], frame["conf_high"] = (np.where(had, end, np.nan) for end in ends)
    if "estimate" in frame:
        frame["estimate"] = np.where(shown, share, np.nan)
    if "estimate_high" in frame:
        frame["estimate_high"] = np.fmax(frame["estimate_high"], frame["estimate"])
    return frame
