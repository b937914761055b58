"""The one gate: every table passes it once on its way into a report.

Estimators stay exact. Here, and nowhere else, small counts are taken out of what is printed, drawn
or written. A table comes out with the same columns and one more, `suppressed`: empty where the row
is shown, otherwise the reason in words. Figures, sentences and CSV files are all made from what
comes out, so nothing hidden can return by another door.

What it covers: counts of 1 to 10, their complements, and what a printed total, a neighbouring
landmark, a denominator or a later step of a flow would give away by subtraction; of models, terms of
groups of 1 to 10 and degrees of freedom that come close to a hidden size. Of a model's diagnostics
only shares and extremes without their patient are printed: a point of their pictures is a patient or
one of a patient's scores, so the pictures are drawn where small counts are shown. What it does not:
it does not know earlier reports, so a difference between two releases can still show a small count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.gate_safety import SafetyGate
from ketaoutcomes.report.released import (
    COUNT,
    ESTIMATES,
    TOTAL,
    Hidden,
    Released,
    blank_rates,
    hidden_in,
    opened,
    rate_reason,
)
from ketaoutcomes.report.small_counts import (
    SECONDARY,
    UNKNOWN,
    blank,
    is_small,
    near,
    protected,
    small,
    without_small,
    without_unknown,
)

__all__ = ["Gate", "Hidden", "Released", "choose_small_cells"]

SMALLEST_PERCENTILE_GROUP = 20
ROW_PER_PATIENT = ("patients", "disposition")


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
class Gate(SafetyGate):
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
        return Released(name, opened(name, table))

    def files(self, name: str, table: pd.DataFrame, *, size: str, place: str) -> Released:
        """Counts of rows or cells by `table`; those of tables with a row per patient count patients.

        Parameters
        ----------
        size : str
            The column that is the number of patients there; no count of such a row may be 1 to 10,
            nor may what is left of `size` without it.
        """
        frame = opened(name, table)
        counts = [column for column in frame.columns if column.startswith("n_")]
        if self.suppresses and len(frame) and counts:
            is_small = np.column_stack(
                [small(frame[column]) | small(frame[size] - frame[column]) for column in counts]
            ).any(axis=1)
            hidden = frame["table"].isin(ROW_PER_PATIENT).to_numpy() & is_small
            frame.loc[hidden, "suppressed"] = COUNT
            others = [column for column in ("share", "first_row") if column in frame.columns]
            frame = blank(frame, hidden, [*counts, *others])
        return Released(name, frame, hidden_in(frame, place, "row"))

    def rates(self, name: str, table: pd.DataFrame, *, place: str, also: tuple[str, ...] = ()) -> Released:
        """Rows with `n_events` out of `n`.

        Parameters
        ----------
        also : tuple of str
            Further counts of patients; a row is hidden if one of them is 1 to 10.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame["suppressed"] = rate_reason(frame, also)
            frame = blank_rates(frame, also)
        return Released(name, frame, hidden_in(frame, place, "count, % and interval"))

    def may_stand_beside(self, n, total) -> bool:
        """Whether a group of `n` and the `total` that it is part of may both be printed."""
        known = not pd.isna(n) and not pd.isna(total)
        return known and not (self.suppresses and (is_small(n) or is_small(total - n)))

    def denominators(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        by: str | None = None,
        beside: Sequence[float] = (),
    ) -> Released:
        """Rows that count the same events over nested denominators (starters > eligible > scored).

        Two denominators that differ by 1 to 10 patients would show how many are not known, so the
        wider one is hidden then, and so is one that differs so from a size in `beside`, which the
        report prints elsewhere.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            reason = rate_reason(frame, ())
            groups = frame[by].astype(str) if by else pd.Series("all", index=frame.index)
            for group in groups.unique():
                rows = frame.index[groups == group]
                kept = list(beside)
                for row in rows[np.argsort(frame.loc[rows, "n"].to_numpy(float), kind="stable")]:
                    size = float(frame.at[row, "n"])
                    if near([size], kept).any():
                        reason.at[row] = SECONDARY
                    else:
                        kept.append(size)
            frame["suppressed"] = reason
            frame = blank_rates(frame, ())
            frame.loc[(reason == SECONDARY).to_numpy(), "n"] = pd.NA
            # A size minus those not known is the number scored, all minus those not due the widest group.
            has_hidden = frame["n"].isna().groupby(groups.to_numpy()).transform("any").to_numpy(bool)
            frame = blank(frame, has_hidden, ["n_missing", "n_not_due"])
            frame = without_small(frame, UNKNOWN)
        return Released(name, frame, hidden_in(frame, place, "count, % and interval"))

    def landmarks(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        by: str | None = None,
        beside: Sequence[float] = (),
    ) -> Released:
        """Points of a curve with `n_responded`, `n_unknown`, `n_not_yet`; steps are never released.

        A point is hidden when one of its counts is 1 to 10, or when the difference to the point
        shown before it is: both would show how many patients responded in between. Where the number
        of patients differs by 1 to 10 from a size in `beside`, which the report prints elsewhere, it
        is hidden with the counts that add up to it, and the estimates stay.
        """
        frame = opened(name, table)
        counts = ["n_responded", "n_unknown", "n_not_yet"]
        if self.suppresses and len(frame):
            reason = frame["suppressed"].copy()
            groups = frame[by].astype(str) if by else pd.Series("all", index=frame.index)
            for group in groups.unique():
                shown = None
                for row in frame.index[groups == group]:
                    values = frame.loc[row, counts].to_numpy(float)
                    if np.any(small(values)) or is_small(frame.at[row, "n"]):
                        reason.at[row] = COUNT
                    elif shown is not None and np.any(small(np.abs(values - shown))):
                        reason.at[row] = SECONDARY
                    else:
                        shown = values
            frame["suppressed"] = reason
            frame = blank(frame, reason != "", [*ESTIMATES, *counts])
            close = near(frame["n"], beside)
            frame = blank(frame, close | small(frame["n"]), ["n"])
            frame = blank(frame, close, counts)
        return Released(name, frame, hidden_in(frame, place, "curve at that time"))

    def medians(
        self, name: str, table: pd.DataFrame, *, place: str, beside: Sequence[float] = ()
    ) -> Released:
        """Medians of curves with `n_patients` and `n_events`; the latter is not released beside landmarks.

        `beside` as in `landmarks`.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            events, total = frame["n_events"], frame["n_patients"]
            frame.loc[small(events) | small(total - events), "suppressed"] = COUNT
            frame.loc[small(total), "suppressed"] = TOTAL
            hidden = frame["suppressed"] != ""
            frame = blank(frame, hidden, [*ESTIMATES, "low", "high", "naive", "late_low", "late_high"])
            frame.loc[small(total) | near(total, beside), "n_patients"] = pd.NA
            frame = frame.drop(columns="n_events")
        return Released(name, frame, hidden_in(frame, place, "median"))

    def means(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        without=None,
        beside: Sequence[float] = (),
        by_model: bool = False,
    ) -> Released:
        """Means of `n` patients; percentiles need 20 of them, the mean more than 10.

        Parameters
        ----------
        without : (m,) bool array, optional
            Rows whose `n` another table hides; they are hidden here too.
        beside : sequence of float
            Sizes that the report prints elsewhere. Where `n` differs from one of them by 1 to 10, it
            is hidden with the interval, from which it would follow; mean and percentiles stay.
        by_model : bool
            The limits are a mixed model's. Then they stay: they follow from all scores of all patients, not
            from `n` and the SD. The SD goes.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            few_patients = small(frame["n"])
            if without is not None:
                frame.loc[np.asarray(without, bool), "suppressed"] = SECONDARY
                few_patients = few_patients | np.asarray(without, bool)
            frame.loc[small(frame["n"]), "suppressed"] = TOTAL
            frame = blank(frame, few_patients, ESTIMATES)
            close = near(frame["n"], beside)
            few = (frame["n"] < SMALLEST_PERCENTILE_GROUP).fillna(True).to_numpy(bool)
            frame = blank(frame, few, ("p10", "p90"))
            frame = blank(frame, few_patients | close, ["n"])
            frame = blank(frame, close, ["sd"] if by_model else ["conf_low", "conf_high", "sd", "std_error"])
            frame = without_unknown(frame, few_patients)
        return Released(name, frame, hidden_in(frame, place, "mean and spread"))

    def curve(self, name: str, table: pd.DataFrame, *, place: str, means: pd.DataFrame) -> Released:
        """A model's mean against `day`, between the first and the last day shown in the table `means`."""
        frame = opened(name, table)
        if self.suppresses and len(frame):
            shown = means.loc[(means["suppressed"] == "") & means["estimate"].notna(), "day"]
            low, high = (shown.min(), shown.max()) if len(shown) else (np.inf, -np.inf)
            beyond = ((frame["day"] < low) | (frame["day"] > high)).to_numpy()
            # Rows that the model itself does not support are no secret.
            frame.loc[beyond & frame["estimate"].notna().to_numpy(), "suppressed"] = TOTAL
            frame = blank(frame, beyond, ESTIMATES)
        return Released(name, frame, hidden_in(frame, place, "model mean beyond the days shown"))

    def model(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        n_patients: int,
        beside: Sequence[float] = (),
    ) -> Released:
        """Coefficients of a model of `n_patients` patients; `n` is the size of the group that a row is about.

        `n` is missing where a row is about all patients. A row is hidden where its group, or all but its
        group, is 1 to 10 patients; then no group's size is shown, since they add up. Nothing is shown of a
        model of 1 to 10 patients. Degrees of freedom come close to the number of patients: where that
        differs by 1 to 10 from a size in `beside`, they are hidden with standard error and t, and p is given
        to two digits, at least 0.001.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            size = frame["n"].to_numpy(dtype=float, na_value=np.nan)
            hidden = small(size) | small(n_patients - size) | is_small(n_patients)
            frame.loc[hidden, "suppressed"] = TOTAL
            frame = blank(frame, hidden, [*ESTIMATES, "statistic", "df", "p_value"])
            close = bool(near([n_patients], beside).any())
            if hidden.any() or close:
                frame["n"] = pd.NA
            if close:
                frame = blank(frame, np.ones(len(frame), bool), ["std_error", "statistic", "df"])
                frame["p_value"] = [max(0.001, float(f"{p:.2g}")) for p in frame["p_value"]]
        return Released(name, frame, hidden_in(frame, place, "coefficient"))

    def flow(self, name: str, table: pd.DataFrame, *, place: str, beside: Sequence[float] = ()) -> Released:
        """Steps of a flow, `n` falling; a step that lost 1 to 10 since the last one shown is hidden.

        So is one that differs by 1 to 10 from a size in `beside`, which the report prints elsewhere.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            reason = frame["suppressed"].copy()
            shown = None
            for row in frame.index:
                size = float(frame.at[row, "n"])
                if is_small(size):
                    reason.at[row] = TOTAL
                elif near([size], beside).any() or (shown is not None and is_small(abs(shown - size))):
                    reason.at[row] = SECONDARY
                else:
                    shown = size
            frame["suppressed"] = reason
            hidden = (reason != "").to_numpy()
            # A loss is the difference of two sizes: it goes when either of them does.
            touched = hidden | np.r_[False, hidden[:-1]]
            frame = blank(frame, touched, ("n_lost", "share", "estimate"))
            frame.loc[hidden, "n"] = pd.NA
        return Released(name, frame, hidden_in(frame, place, "patients left at that step"))

    def parts(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        total=None,
        beside: Sequence = (),
        without=None,
        apart: tuple[str, ...] = (),
        swapped: tuple[int, int] | None = None,
        also: tuple[str, ...] = (),
    ) -> Released:
        """Rows of `n_events` out of `n` that add up to a printed total: months, or groups of patients.

        Parameters
        ----------
        total : (m,) bool array, optional
            The rows that add up; all of them by default. When the hidden ones among them could be
            solved for, the smallest shown row is hidden as well, until they cannot.
        beside : sequence of (m,) arrays
            The `n` of other tables printed beside this one; a row is hidden with its `n` where the
            two differ by 1 to 10 patients.
        apart : tuple of str
            Counts of patients that `n` would give away, as another table prints the sum of both; a
            row is hidden with its `n` where one of them is 1 to 10.
        without : (m,) bool array, optional
            Rows whose `n` another table hides; they are hidden here with their `n`.
        swapped : (int, int), optional
            Two rows that another printed total exchanges for each other, so that it shows their
            difference: they are shown both or hidden both.
        also : tuple of str
            Further counts of patients; a row is hidden if one of them is 1 to 10.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            reason = rate_reason(frame, also)
            if swapped is not None and (reason.iloc[list(swapped)] != "").any():
                reason.iloc[list(swapped)] = reason.iloc[list(swapped)].replace("", SECONDARY)
            in_total = np.ones(len(frame), bool) if total is None else np.asarray(total, bool)
            without_n = np.zeros(len(frame), bool) if without is None else np.array(without, bool)
            size = frame["n"].to_numpy(dtype=float, na_value=np.nan)
            secrets = [np.abs(size - np.asarray(other, dtype=float)) for other in beside]
            secrets += [frame[column].to_numpy(dtype=float, na_value=np.nan) for column in apart]
            for secret in secrets:
                without_n = without_n | small(secret)
            if swapped is not None and small(frame["n"].iloc[list(swapped)]).any():
                without_n[list(swapped)] = True
            reason[without_n & (reason == "").to_numpy()] = SECONDARY
            reason, without_n = protected(frame, reason, in_total, without_n=without_n, apart=secrets)
            frame["suppressed"] = reason
            frame = blank_rates(frame, also)
            frame.loc[without_n, "n"] = pd.NA
            frame = without_unknown(frame, without_n)
        return Released(name, frame, hidden_in(frame, place, "count, % and interval"))
