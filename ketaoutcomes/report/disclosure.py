"""The one gate: every table passes it once on its way into a report.

Estimators stay exact. Here, and nowhere else, small counts are taken out of what is printed, drawn
or written. A table comes out with the same columns and one more, `suppressed`: empty where the row
is shown, otherwise the reason in words. Figures, sentences and CSV files are all made from what
comes out, so nothing hidden can return by another door.

What it covers: counts of 1 to 10, their complements, and what a printed total, a neighbouring
landmark, a denominator or a later step of a flow would give away by subtraction. What it does not:
it does not know earlier reports, so a difference between two releases can still show a small count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.errors import ConfigError, PrivacyError, Problem

__all__ = ["LARGEST_HIDDEN", "Gate", "Hidden", "Released", "choose_small_cells"]

LARGEST_HIDDEN = 10
SMALLEST_PERCENTILE_GROUP = 20
ROW_PER_PATIENT = ("patients", "disposition")
ESTIMATES = ("estimate", "estimate_high", "conf_low", "conf_high", "std_error", "sd", "p10", "p90")
COUNT, TOTAL, REST = "count 1-10", "total 1-10", "all but 1-10"
SECONDARY = "would reveal another count"


@dataclass(frozen=True)
class Hidden:
    """One place of the report where something is not shown, and why."""

    place: str
    what: str
    why: str


@dataclass(frozen=True)
class Released:
    """A table as it may be printed, and what was taken out of it."""

    name: str
    frame: pd.DataFrame
    hidden: tuple[Hidden, ...] = ()


def choose_small_cells(small_cells: str | None, *, synthetic: bool) -> str:
    """The setting to use: "suppress" for patients' data, "show" for a synthetic cohort.

    Raises
    ------
    ConfigError
        If `small_cells` is neither "show" nor "suppress".
    """
    if small_cells is None:
        return "show" if synthetic else "suppress"
    if small_cells not in ("show", "suppress"):
        raise ConfigError('small_cells must be "show" or "suppress"')
    return small_cells


@dataclass(frozen=True)
class Gate:
    """Rules for what may leave; `small_cells` is "suppress" or "show".

    Each method takes a tidy table, refuses one with a row per patient, and returns `Released`.
    """

    small_cells: str

    @property
    def suppresses(self) -> bool:
        """Whether small counts are taken out."""
        return self.small_cells == "suppress"

    def plain(self, name: str, table: pd.DataFrame) -> Released:
        """A table without counts of patients (definitions, rows of a file): nothing to hide."""
        return Released(name, _opened(name, table))

    def files(self, name: str, table: pd.DataFrame, *, size: str, place: str) -> Released:
        """Counts of rows or cells by `table`; those of tables with a row per patient count patients.

        Parameters
        ----------
        size : str
            The column that must not be 1 to 10 there.
        """
        frame = _opened(name, table)
        if self.suppresses and len(frame):
            hidden = frame["table"].isin(ROW_PER_PATIENT).to_numpy() & _small(frame[size])
            frame.loc[hidden, "suppressed"] = COUNT
            counts = [column for column in frame.columns if column.startswith("n_") and column != "n_rows"]
            frame = _blank(frame, hidden, [*counts, "share"])
        return Released(name, frame, _hidden(frame, place, "row"))

    def rates(self, name: str, table: pd.DataFrame, *, place: str, also: tuple[str, ...] = ()) -> Released:
        """Rows with `n_events` out of `n`.

        Parameters
        ----------
        also : tuple of str
            Further counts of patients; a row is hidden if one of them is 1 to 10.
        """
        frame = _opened(name, table)
        if self.suppresses and len(frame):
            frame["suppressed"] = _rate_reason(frame, also)
            frame = _blank_rates(frame, also)
        return Released(name, frame, _hidden(frame, place, "count, % and interval"))

    def denominators(self, name: str, table: pd.DataFrame, *, place: str, by: str | None = None) -> Released:
        """Rows that count the same events over nested denominators (starters > eligible > scored).

        Two denominators that differ by 1 to 10 patients would show how many are not known, so the
        wider one is hidden then.
        """
        frame = _opened(name, table)
        if self.suppresses and len(frame):
            reason = _rate_reason(frame, ())
            groups = frame[by].astype(str) if by else pd.Series("all", index=frame.index)
            for group in groups.unique():
                rows = frame.index[groups == group]
                kept: list[float] = []
                for row in rows[np.argsort(frame.loc[rows, "n"].to_numpy(float), kind="stable")]:
                    size = float(frame.at[row, "n"])
                    if any(0 < abs(size - other) <= LARGEST_HIDDEN for other in kept):
                        reason.at[row] = SECONDARY
                    else:
                        kept.append(size)
            frame["suppressed"] = reason
            near = (reason == SECONDARY).to_numpy()
            frame = _blank_rates(frame, ())
            frame.loc[near, "n"] = pd.NA
            if "n_missing" in frame:
                small = _small(frame["n_missing"])
                frame.loc[near | small, "n_missing"] = pd.NA
        return Released(name, frame, _hidden(frame, place, "count, % and interval"))

    def landmarks(self, name: str, table: pd.DataFrame, *, place: str, by: str | None = None) -> Released:
        """Points of a curve with `n_responded`, `n_unknown`, `n_not_yet`; steps are never released.

        A point is hidden when one of its counts is 1 to 10, or when the difference to the point
        shown before it is: both would show how many patients responded in between.
        """
        frame = _opened(name, table)
        counts = ["n_responded", "n_unknown", "n_not_yet"]
        if self.suppresses and len(frame):
            reason = frame["suppressed"].copy()
            groups = frame[by].astype(str) if by else pd.Series("all", index=frame.index)
            for group in groups.unique():
                shown = None
                for row in frame.index[groups == group]:
                    values = frame.loc[row, counts].to_numpy(float)
                    if np.any(_small(values)) or _is_small(frame.at[row, "n"]):
                        reason.at[row] = COUNT
                    elif shown is not None and np.any(_small(np.abs(values - shown))):
                        reason.at[row] = SECONDARY
                    else:
                        shown = values
            frame["suppressed"] = reason
            frame = _blank(frame, reason != "", [*ESTIMATES, *counts])
            frame.loc[_small(frame["n"]), "n"] = pd.NA
        return Released(name, frame, _hidden(frame, place, "curve at that time"))

    def medians(self, name: str, table: pd.DataFrame, *, place: str) -> Released:
        """Medians of curves with `n_patients` and `n_events`; the latter is not released beside landmarks."""
        frame = _opened(name, table)
        if self.suppresses and len(frame):
            events, total = frame["n_events"], frame["n_patients"]
            frame.loc[_small(events) | _small(total - events), "suppressed"] = COUNT
            frame.loc[_small(total), "suppressed"] = TOTAL
            hidden = frame["suppressed"] != ""
            frame = _blank(frame, hidden, [*ESTIMATES, "low", "high", "naive"])
            frame.loc[_small(total), "n_patients"] = pd.NA
            frame = frame.drop(columns="n_events")
        return Released(name, frame, _hidden(frame, place, "median"))

    def means(self, name: str, table: pd.DataFrame, *, place: str, without=None) -> Released:
        """Means of `n` patients; percentiles need 20 of them, the mean more than 10.

        Parameters
        ----------
        without : (m,) bool array, optional
            Rows whose `n` another table hides; they are hidden here too.
        """
        frame = _opened(name, table)
        if self.suppresses and len(frame):
            small = _small(frame["n"])
            if without is not None:
                frame.loc[np.asarray(without, bool), "suppressed"] = SECONDARY
                small = small | np.asarray(without, bool)
            frame.loc[_small(frame["n"]), "suppressed"] = TOTAL
            frame = _blank(frame, small, ESTIMATES)
            few = (frame["n"] < SMALLEST_PERCENTILE_GROUP).fillna(True).to_numpy(bool)
            frame = _blank(frame, few, ("p10", "p90"))
            frame.loc[small, "n"] = pd.NA
            if "n_missing" in frame:
                frame.loc[_small(frame["n_missing"]), "n_missing"] = pd.NA
        return Released(name, frame, _hidden(frame, place, "mean and spread"))

    def flow(self, name: str, table: pd.DataFrame, *, place: str) -> Released:
        """Steps of a flow, `n` falling; a step that lost 1 to 10 since the last one shown is hidden."""
        frame = _opened(name, table)
        if self.suppresses and len(frame):
            reason = frame["suppressed"].copy()
            shown = None
            for row in frame.index:
                size = float(frame.at[row, "n"])
                if _is_small(size):
                    reason.at[row] = TOTAL
                elif shown is not None and _is_small(abs(shown - size)):
                    reason.at[row] = SECONDARY
                else:
                    shown = size
            frame["suppressed"] = reason
            hidden = (reason != "").to_numpy()
            # A loss is the difference of two sizes: it goes when either of them does.
            touched = hidden | np.r_[False, hidden[:-1]]
            frame = _blank(frame, touched, ("n_lost", "share", "estimate"))
            frame.loc[hidden, "n"] = pd.NA
        return Released(name, frame, _hidden(frame, place, "patients left at that step"))

    def parts(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        total=None,
        beside=None,
        without=None,
        swapped: tuple[int, int] | None = None,
        also: tuple[str, ...] = (),
    ) -> Released:
        """Rows of `n_events` out of `n` that add up to a printed total: months, or groups of patients.

        Parameters
        ----------
        total : (m,) bool array, optional
            The rows that add up; all of them by default. When the hidden ones among them could be
            solved for, the smallest shown row is hidden as well, until they cannot.
        beside : (m,) array, optional
            The `n` of another table printed beside this one; a row is hidden with its `n` where the
            two differ by 1 to 10 patients.
        without : (m,) bool array, optional
            Rows whose `n` another table hides; they are hidden here with their `n`.
        swapped : (int, int), optional
            Two rows that another printed total exchanges for each other, so that it shows their
            difference: they are shown both or hidden both.
        also : tuple of str
            Further counts of patients; a row is hidden if one of them is 1 to 10.
        """
        frame = _opened(name, table)
        if self.suppresses and len(frame):
            reason = _rate_reason(frame, also)
            if swapped is not None and (reason.iloc[list(swapped)] != "").any():
                reason.iloc[list(swapped)] = reason.iloc[list(swapped)].replace("", SECONDARY)
            in_total = np.ones(len(frame), bool) if total is None else np.asarray(total, bool)
            near = np.zeros(len(frame), bool) if without is None else np.array(without, bool)
            if beside is not None:
                size = frame["n"].to_numpy(dtype=float, na_value=np.nan)
                near = near | _small(np.abs(size - np.asarray(beside, dtype=float)))
            if swapped is not None and _small(frame["n"].iloc[list(swapped)]).any():
                near[list(swapped)] = True
            reason[near & (reason == "").to_numpy()] = SECONDARY
            reason, without_n = _protected(frame, reason, in_total)
            frame["suppressed"] = reason
            frame = _blank_rates(frame, also)
            frame.loc[without_n | near, "n"] = pd.NA
        return Released(name, frame, _hidden(frame, place, "count, % and interval"))


def _opened(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A copy with an empty `suppressed` column; a table with a row per patient is refused."""
    if "by_patient" in name or "patient_id" in table.columns:
        raise PrivacyError(
            Problem(
                "has a row per patient and cannot be part of a report; summarise it first",
                table=name,
                rule="by_patient",
            )
        )
    frame = table.reset_index(drop=True).copy()
    for column in frame.columns:
        if column == "n" or column.startswith("n_"):
            frame[column] = frame[column].astype("Int64")
    frame["suppressed"] = pd.Series("", index=frame.index, dtype="str")
    return frame


def _rate_reason(frame: pd.DataFrame, also: tuple[str, ...]) -> pd.Series:
    """Why each row with `n_events` of `n` is hidden; "" where it is shown."""
    reason = pd.Series("", index=frame.index, dtype="str")
    total, events = frame["n"], frame["n_events"]
    for column in also:
        reason[_small(frame[column])] = COUNT
    if "n_patients" in frame:
        reason[_small(frame["n_patients"])] = TOTAL
    reason[_small(total - events)] = REST
    reason[_small(events)] = COUNT
    reason[_small(total)] = TOTAL
    return reason


def _blank_rates(frame: pd.DataFrame, also: tuple[str, ...]) -> pd.DataFrame:
    """`frame` with the hidden rows' counts and estimates missing."""
    hidden = (frame["suppressed"] != "").to_numpy()
    frame = _blank(frame, hidden, [*ESTIMATES, "n_events", *also])
    small = [column for column in ("n", "n_missing", "n_patients") if column in frame]
    for column in small:
        frame.loc[_small(frame[column]), column] = pd.NA
    return frame


def _protected(frame: pd.DataFrame, reason: pd.Series, in_total: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    """`reason` with further rows hidden until no hidden one follows from the total.

    The total minus the shown rows gives the sum of the hidden ones away; each hidden count of 1 to
    10 must keep at least two possible values given that sum. Returns also the rows (bool) whose
    `n` is hidden.
    """
    reason = reason.copy()
    total = frame["n"].to_numpy(dtype=float, na_value=np.nan)
    events = frame["n_events"].to_numpy(dtype=float, na_value=np.nan)
    without_n = _small(total)
    while True:
        hidden = in_total & (reason != "").to_numpy()
        groups_open = _ambiguous(total, in_total & without_n)
        if groups_open and _ambiguous(events, hidden) and _ambiguous(total - events, hidden):
            return reason, without_n
        shown = np.flatnonzero(in_total & ~(without_n if not groups_open else hidden) & (total > 0))
        if shown.size == 0:
            return reason, without_n
        row = shown[np.argmin(total[shown])]
        if reason.iloc[row] == "":
            reason.iloc[row] = SECONDARY
        if not groups_open:
            without_n[row] = True


def _ambiguous(counts: np.ndarray, hidden: np.ndarray) -> bool:
    """Whether every hidden count of 1 to 10 has two or more possible values, given their sum."""
    values = counts[hidden]
    small = _small(values)
    if not small.any():
        return True
    if not small.all():
        # A larger hidden month may hold anything, so it leaves room for each of the others.
        return True
    n_small, total = values.size, values.sum()
    low = max(1, total - LARGEST_HIDDEN * (n_small - 1))
    high = min(LARGEST_HIDDEN, total - (n_small - 1))
    return n_small > 1 and high > low


def _blank(frame: pd.DataFrame, rows, columns) -> pd.DataFrame:
    """`frame` with `columns` (those it has) missing in `rows`."""
    rows = np.asarray(rows, dtype=bool)
    for column in columns:
        if column in frame.columns and rows.any():
            frame.loc[rows, column] = pd.NA if str(frame[column].dtype) == "Int64" else np.nan
    return frame


def _small(values) -> np.ndarray:
    """Where a count is 1 to 10."""
    if isinstance(values, pd.Series):
        values = values.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    values = np.asarray(values, dtype=float)
    return (values >= 1) & (values <= LARGEST_HIDDEN)


def _is_small(value) -> bool:
    return bool(_small([value])[0])


def _hidden(frame: pd.DataFrame, place: str, what: str) -> tuple[Hidden, ...]:
    """One entry per reason found in the table."""
    reasons = frame["suppressed"]
    words = {
        COUNT: "a count of 1–10",
        TOTAL: "1–10 in all",
        REST: "all but 1–10",
        SECONDARY: "it would reveal a count of 1–10 by subtraction",
    }
    entries = []
    for reason, why in words.items():
        n_rows = int((reasons == reason).sum())
        if n_rows:
            rows = "1 row" if n_rows == 1 else f"{n_rows} rows"
            entries.append(Hidden(place, f"{what}: {rows}", why))
    return tuple(entries)
