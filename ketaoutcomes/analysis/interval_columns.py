"""The columns of any frame that hold intervals (left, right], with groups, strata and patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.frame_columns import check_columns, read_named, refuse_repeats
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.formula.plan import IDENTIFIER

__all__ = ["IntervalRows", "interval_ends", "interval_rows"]

MOST_NUMERIC_LEVELS = 10
MOST_LEVELS = 60
# Columns of the results' tables: a group of the same name would hide one of them.
# fmt: off
RESULT_COLUMNS = frozenset((
    "time", "estimate", "estimate_high", "determined", "conf_low", "conf_high", "n", "n_events", "n_rows",
    "n_patients", "n_unknown", "n_not_yet", "left", "right", "mass", "low", "high", "gap", "log_likelihood",
    "converged", "unique", "n_replicates", "n_failed", "observed_minus_expected", "statistic", "df",
    "p_value", "without event", "events", "patients", "event by then", "not yet known", "known: not yet",
))
# fmt: on


@dataclass(frozen=True)
class IntervalRows:
    """The rows that are used.

    Attributes
    ----------
    left, right : (n,) float
        The event came in (left, right]; right is inf where it was not seen.
    grouped : Groups
        Of each row; one nameless group without `by`.
    patient, stratum : (n,) int or None
        Codes.
    notes : tuple of str
        What was left out or filled in, with counts.
    """

    left: np.ndarray
    right: np.ndarray
    grouped: Groups
    patient: np.ndarray | None
    stratum: np.ndarray | None
    notes: tuple[str, ...]

    @property
    def sizes(self) -> np.ndarray:
        """(g,) patients, or rows where no column names the patients, per group."""
        code = self.grouped.code
        if self.patient is not None:
            code = np.unique(np.column_stack([self.patient, code]), axis=0)[:, 1]
        return np.bincount(code, minlength=len(self.grouped.levels))


def interval_rows(
    data: pd.DataFrame,
    *,
    left: str,
    right: str,
    by: str | None = None,
    clusters: str | None = None,
    strata: str | None = None,
) -> IntervalRows:
    """Read the columns; leave out rows without a group, a patient or any knowledge of the event.

    A missing or infinite `right` is right-censored; a missing `left` with a known `right` is 0.

    Raises
    ------
    DataError
        If a column is absent, there twice, or holds no numbers where these are needed; if an end
        is negative or out of order; if `by` has too many levels; if patients have several rows and
        `clusters` is not given.
    """
    names = {"left": left, "right": right, "by": by, "clusters": clusters, "strata": strata}
    check_columns(data, names, needed=("left", "right"))
    if by in RESULT_COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    if by == IDENTIFIER:
        raise DataError(f"{IDENTIFIER} is an identifier and makes no groups")
    low, high, told, filled = interval_ends(data, left, right)
    notes, keep = [], np.ones(len(data), dtype=bool)
    codes: dict[str, np.ndarray] = {}
    levels: tuple = (None,)
    for role in ("by", "strata", "clusters"):
        if names[role] is None:
            continue
        codes[role], found = read_named(data, names[role]).factor()
        missing = codes[role] < 0
        keep &= ~missing
        if missing.any():
            notes.append(f"{_rows(int(missing.sum()))} left out: '{names[role]}' is missing.")
        if role == "by":
            levels = found
            _check_levels(by, data[by], len(found))
    notes += filled
    untold = int((keep & ~told).sum())
    if untold:
        notes.append(f"{_rows(untold)} left out: nothing is known of the event, from 0 to without end.")
    keep &= told
    if not keep.any():
        raise DataError("no row is left: each lacks its group, its patient or any knowledge of the event")
    refuse_repeats(data, clusters, keep)
    code = codes.get("by", np.zeros(len(data), np.int64))[keep].astype(np.int64)
    whole = {role: np.unique(codes[role][keep], return_inverse=True)[1] for role in codes if role != "by"}
    return IntervalRows(
        low[keep],
        high[keep],
        Groups(by, levels, code, "data"),
        whole.get("clusters"),
        whole.get("strata"),
        tuple(notes),
    )


def interval_ends(data: pd.DataFrame, left: str, right: str):
    """Ends of all rows, which rows tell anything, and notes on what was filled in.

    Parameters
    ----------
    left, right : str
        Columns.

    Returns
    -------
    low, high : (n,) float
        A missing `left` is 0, a missing `right` inf.
    told : (n,) bool
        False from 0 to without end.
    notes : list of str

    Raises
    ------
    DataError
        If a column is absent, there twice, or holds no numbers; if an end is negative or out of order.
    """
    return _filled(_times(data, left), _times(data, right), left, right)


def _times(data: pd.DataFrame, name: str) -> np.ndarray:
    """A column of times as floats; infinite ones are allowed, missing ones are NaN."""
    column = data[name] if name in data.columns else None
    if isinstance(column, pd.Series) and column.dtype == object:
        column = column.infer_objects()
    if isinstance(column, pd.Series) and pd.api.types.is_float_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    read = read_named(data, name)
    if not read.is_number:
        raise DataError(
            f"'{name}' holds text or true and false, but the ends of intervals are numbers; "
            f"pd.to_numeric(data['{name}']) makes them of text"
        )
    values = np.array(read.values, dtype=np.float64)
    if read.missing is not None:
        values[read.missing] = np.nan
    return values


def _filled(low: np.ndarray, high: np.ndarray, left: str, right: str):
    """Ends without missing ones; which rows tell anything; notes on what was filled in."""
    no_low, no_high = np.isnan(low), np.isnan(high)
    low, high = np.where(no_low, 0.0, low), np.where(no_high, np.inf, high)
    problems = []
    for bad, column, message in (
        (np.isinf(low), left, "is infinite; every interval starts somewhere"),
        (low < 0, left, "is negative; time starts at 0"),
        (low > high, right, f"is before '{left}'"),
    ):
        if bad.any():
            first = int(np.argmax(bad)) + 1
            problems.append(
                Problem(message, table="data", column=column, n_rows=int(bad.sum()), first_row=first)
            )
    if problems:
        raise DataError(problems)
    # An exact time 0 lies outside (0, inf), which then does tell something.
    told = (low > 0) | np.isfinite(high) | (high == 0).any()
    notes = []
    before = int((no_low & np.isfinite(high)).sum())
    if before:
        verb = "counts" if before == 1 else "count"
        notes.append(f"{_rows(before)} without '{left}' {verb} from 0: the event came by '{right}'.")
    censored = int((no_high & told).sum())
    if censored:
        verb = "is" if censored == 1 else "are"
        notes.append(f"{_rows(censored)} without '{right}' {verb} taken as right-censored after '{left}'.")
    return low, high, told, notes


def _check_levels(by: str, values: pd.Series, n_levels: int) -> None:
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    most = MOST_NUMERIC_LEVELS if numeric else MOST_LEVELS
    if n_levels > most:
        advice = "cut it into bands and use the column of bands" if numeric else "merge its levels first"
        raise DataError(f"'{by}' has {n_levels} levels, too many for one curve each; {advice}")
    if not n_levels:
        raise DataError(f"'{by}' has no value, so it makes no groups")


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"
