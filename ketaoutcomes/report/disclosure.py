"""The one gate: every table passes it once on its way into a report.

Estimators stay exact. Here, and nowhere else, small counts are taken out of what is printed, drawn
or written. A table comes out with the same columns and one more, `suppressed`: empty where the row
is shown, otherwise the reason in words. Figures, sentences and CSV files are all made from what
comes out, so nothing hidden can return by another door.

What it covers: small counts (1 to 10; 1 to 7 where all others are rounded to the nearest 5), their
complements, and what a printed total, a neighbouring landmark, a denominator or a later step of a flow
would give away by subtraction; of models, terms of small groups and degrees of freedom that come close to
a hidden size. Whether a hidden number of rows that add up follows is decided exactly. An estimate whose
size is hidden is rounded so far that many sizes fit it. With the last release at hand, what the two tell
together is hidden as well. Of a model's diagnostics only shares and extremes without their patient are
printed: a point of their pictures is a patient or one of a patient's scores, so the pictures are drawn
where small counts are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.gate_change import ChangeGate
from ketaoutcomes.report.gate_safety import SafetyGate
from ketaoutcomes.report.gate_transitions import TransitionGate
from ketaoutcomes.report.released import (
    ESTIMATES,
    Hidden,
    Released,
    blank_rates,
    opened,
    rate_reason,
    refuse_steps,
)
from ketaoutcomes.report.small_counts import SECONDARY, UNKNOWN, blank
from ketaoutcomes.report.small_means import hidden_means
from ketaoutcomes.report.small_rounded import coarse

__all__ = ["SMALL_CELLS", "Gate", "Hidden", "Released", "choose_small_cells"]

SMALL_CELLS = ("suppress", "round", "show")
ROW_PER_PATIENT = ("patients", "disposition")
TIMES = ("low", "high", "naive", "late_low", "late_high")


def choose_small_cells(small_cells: str | None, *, synthetic: bool) -> str:
    """The setting to use: "suppress" for patients' data, "show" for a synthetic cohort.

    Raises
    ------
    ConfigError
        If `small_cells` is none of "suppress", "round" and "show".
    """
    if small_cells is None:
        return "show" if synthetic else "suppress"
    if small_cells not in SMALL_CELLS:
        raise ConfigError('small_cells must be "suppress", "round" or "show"')
    return small_cells


@dataclass(frozen=True)
class Gate(SafetyGate, TransitionGate, ChangeGate):
    """Rules for what may leave; `GateBase` says what it is told.

    Each method takes a tidy table, refuses one with a row per patient, and returns `Released`.
    """

    def plain(self, name: str, table: pd.DataFrame) -> Released:
        """A table without counts of patients (definitions, rows of a file): nothing to hide.

        Where small counts go, steps of a curve, paths and extremes are refused: they are patients'.
        """
        frame = opened(name, table)
        if self.suppresses:
            refuse_steps(name, table)
        return Released(name, frame)

    def files(self, name: str, table: pd.DataFrame, *, size: str, place: str) -> Released:
        """Counts of rows or cells by `table`; those of tables with a row per patient count patients.

        Parameters
        ----------
        size : str
            The column that is the number of patients there; no count of such a row may be a few,
            nor may what is left of `size` without it.
        """
        frame, few = opened(name, table), self.few
        counts = [column for column in frame.columns if column.startswith("n_")]
        if self.suppresses and len(frame) and counts:
            is_small = np.column_stack(
                [few.small(frame[column]) | few.small(frame[size] - frame[column]) for column in counts]
            ).any(axis=1)
            of_patients = frame["table"].isin(ROW_PER_PATIENT).to_numpy()
            hidden = of_patients & is_small
            if "rule" in frame:
                # The rules of a table add up to a number that another table prints.
                hidden |= of_patients & frame["table"].isin(frame["table"][hidden]).to_numpy()
            frame.loc[hidden, "suppressed"] = few.count
            others = [column for column in ("share", "first_row") if column in frame.columns]
            frame = blank(frame, hidden, [*counts, *others])
            given = self.out(name, frame[of_patients], place, "row", decimals=2, grows=True)
            frame = pd.concat([given.frame, frame[~of_patients]]).sort_index()
            return Released(name, frame, given.hidden)
        return Released(name, frame)

    def rates(self, name: str, table: pd.DataFrame, *, place: str, also: tuple[str, ...] = ()) -> Released:
        """Rows with `n_events` out of `n`.

        Parameters
        ----------
        also : tuple of str
            Further counts of patients; a row is hidden if one of them is a few.
        """
        frame, few = opened(name, table), self.few
        if self.suppresses and len(frame):
            frame["suppressed"] = rate_reason(frame, also, few)
            frame = blank_rates(frame, also, few)
        return self.out(name, frame, place, "count, % and interval", is_rate=True)

    def may_stand_beside(self, n, total) -> bool:
        """Whether a group of `n` and the `total` that it is part of may both be printed."""
        known, few = not pd.isna(n) and not pd.isna(total), self.few
        return known and not (self.suppresses and (few.is_small(n) or few.is_small(total - n)))

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

        Two denominators that differ by few patients would show how many are not known, so the
        wider one is hidden then, and so is one that differs so from a size in `beside`, which the
        report prints elsewhere.
        """
        frame, few = opened(name, table), self.few
        if self.suppresses and len(frame):
            reason = rate_reason(frame, (), few)
            groups = frame[by].astype(str) if by else pd.Series("all", index=frame.index)
            for group in groups.unique():
                rows = frame.index[groups == group]
                kept = list(beside)
                for row in rows[np.argsort(frame.loc[rows, "n"].to_numpy(float), kind="stable")]:
                    size = float(frame.at[row, "n"])
                    if few.near([size], kept).any():
                        reason.at[row] = SECONDARY
                    else:
                        kept.append(size)
            frame["suppressed"] = reason
            frame = blank_rates(frame, (), few)
            frame.loc[(reason == SECONDARY).to_numpy(), "n"] = pd.NA
            # A size minus those not known is the number scored, all minus those not due the widest group.
            has_hidden = frame["n"].isna().groupby(groups.to_numpy()).transform("any").to_numpy(bool)
            frame = blank(frame, has_hidden, ["n_missing", "n_not_due"])
            frame = few.without_small(frame, UNKNOWN)
        return self.out(name, frame, place, "count, % and interval", is_rate=True)

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

        A point is hidden when one of its counts is a few, or when the difference to the point
        shown before it is: both would show how many patients responded in between. Where the number
        of patients differs by a few from a size in `beside`, which the report prints elsewhere, it
        is hidden with the counts that add up to it, and the estimates stay.
        """
        frame, few = opened(name, table), self.few
        counts = ["n_responded", "n_unknown", "n_not_yet"]
        if self.suppresses and len(frame):
            reason = frame["suppressed"].copy()
            groups = frame[by].astype(str) if by else pd.Series("all", index=frame.index)
            for group in groups.unique():
                shown = None
                for row in frame.index[groups == group]:
                    values = frame.loc[row, counts].to_numpy(float)
                    if np.any(few.small(values)) or few.is_small(frame.at[row, "n"]):
                        reason.at[row] = few.count
                    elif shown is not None and np.any(few.small(np.abs(values - shown))):
                        reason.at[row] = SECONDARY
                    else:
                        shown = values
            frame["suppressed"] = reason
            frame = blank(frame, reason != "", [*ESTIMATES, *counts])
            close = few.near(frame["n"], beside)
            frame = coarse(frame, close, few.largest)
            frame = blank(frame, close | few.small(frame["n"]), ["n"])
            frame = blank(frame, close, counts)
        return self.out(name, frame, place, "curve at that time", decimals=2)

    def medians(
        self, name: str, table: pd.DataFrame, *, place: str, beside: Sequence[float] = ()
    ) -> Released:
        """Medians of curves with `n_patients` and `n_events`; the latter is not released beside landmarks.

        `beside` as in `landmarks`.
        """
        frame, few = opened(name, table), self.few
        if self.suppresses and len(frame):
            events, total = frame["n_events"], frame["n_patients"]
            frame.loc[few.small(events) | few.small(total - events), "suppressed"] = few.count
            frame.loc[few.small(total), "suppressed"] = few.total
            hidden = frame["suppressed"] != ""
            frame = blank(frame, hidden, [*ESTIMATES, *TIMES])
            frame.loc[few.small(total) | few.near(total, beside), "n_patients"] = pd.NA
            frame = frame.drop(columns="n_events")
            # A median is a time at which a patient was seen; to the minute it may be known whose.
            times = [column for column in (*ESTIMATES, *TIMES) if column in frame]
            frame[times] = frame[times].astype(float).round(1)
        return self.out(name, frame, place, "median")

    def means(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        without=None,
        beside: Sequence[float] = (),
        by_model: bool = False,
        total=None,
        then_total: Sequence[str] = (),
    ) -> Released:
        """Means of `n` patients; percentiles need 20 of them, the mean more than a few.

        Parameters
        ----------
        without : (m,) bool array, optional
            Rows whose `n` another table hides; they are hidden here too.
        beside : sequence of float
            Sizes that the report prints elsewhere. Where `n` differs from one of them by a few, it
            is hidden with the interval, from which it would follow; mean and percentiles stay.
        by_model : bool
            The limits are a mixed model's. Then they stay: they follow from all scores of all patients, not
            from `n` and the SD. The SD goes.
        total : (m,) bool array, optional
            The rows that make up the row of the sum.
        then_total : sequence of str
            Months that did in the last release.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            frame = hidden_means(
                frame, self.few, without=without, beside=beside, by_model=by_model, total=total,
                then_total=then_total,
                earlier=None if self.previous is None else self.previous.tables.get(name),
            )  # fmt: skip
        return self.out(name, frame, place, "mean and spread")

    def curve(self, name: str, table: pd.DataFrame, *, place: str, means: pd.DataFrame) -> Released:
        """A model's mean against `day`, between the first and the last day shown in the table `means`."""
        frame, few = opened(name, table), self.few
        if self.suppresses and len(frame):
            shown = means.loc[(means["suppressed"] == "") & means["estimate"].notna(), "day"]
            low, high = (shown.min(), shown.max()) if len(shown) else (np.inf, -np.inf)
            beyond = ((frame["day"] < low) | (frame["day"] > high)).to_numpy()
            # Rows that the model itself does not support are no secret.
            frame.loc[beyond & frame["estimate"].notna().to_numpy(), "suppressed"] = few.total
            frame = blank(frame, beyond, ESTIMATES)
        return self.out(name, frame, place, "model mean beyond the days shown", decimals=2)

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
        group, is few patients; then no group's size is shown, since they add up. Nothing is shown of a
        model of few patients. Degrees of freedom come close to the number of patients, or of those
        with a baseline: where one of these differs by a few from a size in `beside`, they are hidden with
        standard error and t, and p is given to two digits, at least 0.001.
        """
        frame, few = opened(name, table), self.few
        if self.suppresses and len(frame):
            size = frame["n"].to_numpy(dtype=float, na_value=np.nan)
            hidden = few.small(size) | few.small(n_patients - size) | few.is_small(n_patients)
            frame.loc[hidden, "suppressed"] = few.total
            frame = blank(frame, hidden, [*ESTIMATES, "statistic", "df", "p_value"])
            # Of a mean of one value per patient they are the number of patients less 1.
            told = np.floor(frame["df"].to_numpy(dtype=float, na_value=np.nan)) + 1
            close = bool(few.near([n_patients, *told[told <= n_patients]], beside).any())
            if hidden.any() or close:
                frame = blank(frame, np.ones(len(frame), bool), ["n"])
            if close:
                frame = blank(frame, np.ones(len(frame), bool), ["std_error", "statistic", "df"])
                frame["p_value"] = [max(0.001, float(f"{p:.2g}")) for p in frame["p_value"]]
        return self.out(name, frame, place, "coefficient", decimals=2)

    def flow(self, name: str, table: pd.DataFrame, *, place: str, beside: Sequence[float] = ()) -> Released:
        """Steps of a flow, `n` falling; a step that lost a few since the last one shown is hidden.

        So is one that differs by a few from a size in `beside`, which the report prints elsewhere.
        """
        frame, few = opened(name, table), self.few
        if self.suppresses and len(frame):
            reason = frame["suppressed"].copy()
            shown = None
            for row in frame.index:
                size = float(frame.at[row, "n"])
                if few.is_small(size):
                    reason.at[row] = few.total
                elif few.near([size], beside).any() or (
                    shown is not None and few.is_small(abs(shown - size))
                ):
                    reason.at[row] = SECONDARY
                else:
                    shown = size
            frame["suppressed"] = reason
            hidden = (reason != "").to_numpy()
            # A loss is the difference of two sizes: it goes when either of them does.
            touched = hidden | np.r_[False, hidden[:-1]]
            frame = blank(frame, touched, ("n_lost", "share", "estimate"))
            frame.loc[hidden, "n"] = pd.NA
        return self.out(name, frame, place, "patients left at that step", decimals=2)
