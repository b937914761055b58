"""The part of the gate that rows which add up to a printed total pass: months, groups of patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketaoutcomes.report.gate_base import GateBase
from ketaoutcomes.report.released import Released, blank_rates, opened, rate_reason
from ketaoutcomes.report.releases import small_changes
from ketaoutcomes.report.small_counts import CHANGED, SECONDARY, blank
from ketaoutcomes.report.small_parts import Parts, closed

__all__ = ["PartsGate"]

PATIENTS = ("n_patients", "n_patients_with_event")


class PartsGate(GateBase):
    """Methods of `disclosure.Gate`."""

    def parts(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        total=None,
        sum_row: int | None = None,
        sums: Sequence = (),
        then_total: Sequence[str] = (),
        beside: Sequence = (),
        without=None,
        apart: tuple[str, ...] = (),
        swapped: tuple[int, int] | None = None,
        also: tuple[str, ...] = (),
    ) -> Released:
        """Rows of `n_events` out of `n` that add up to a printed total: months, or groups of patients.

        Whether a hidden number follows is decided exactly (`solvable`), from everything that this table,
        its total and the last release print; the smallest shown row is hidden until none does.

        Parameters
        ----------
        total : (m,) bool array, optional
            The rows that add up; all of them by default.
        sum_row : int, optional
            The row of the table that is their sum; otherwise the sum is printed elsewhere. It is hidden
            where hiding rows is not enough, since the last release tells them.
        sums : sequence of (m,) bool arrays
            Further rows whose sum is printed, e.g. the twelve months of a section.
        then_total : sequence of str
            Months that made up the total of the last release.
        beside : sequence of (m,) arrays
            The `n` of other tables printed beside this one; a row is hidden with its `n` where the
            two differ by a small count.
        without : (m,) bool array, optional
            Rows whose `n` another table hides; they are hidden here with their `n`.
        apart : tuple of str
            Counts of patients that `n` would give away, as another table prints the sum of both; a
            row is hidden with its `n` where one of them is small.
        swapped : (int, int), optional
            Two rows that another printed total exchanges for each other, so that it shows their
            difference: they are shown both or hidden both.
        also : tuple of str
            Further counts of patients; a row is hidden if one of them is small. Numbers of patients
            decide and are not given out: those with an event and those without add up to them.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            few = self.few
            reason = rate_reason(frame, also, few)
            if swapped is not None and (reason.iloc[list(swapped)] != "").any():
                reason.iloc[list(swapped)] = reason.iloc[list(swapped)].replace("", SECONDARY)
            in_total = np.ones(len(frame), bool) if total is None else np.array(total, bool)
            if sum_row is not None:
                in_total[sum_row] = False
            without_n = np.zeros(len(frame), bool) if without is None else np.array(without, bool)
            size = frame["n"].to_numpy(dtype=float, na_value=np.nan)
            secrets = [np.abs(size - np.asarray(other, dtype=float)) for other in beside]
            secrets += [frame[column].to_numpy(dtype=float, na_value=np.nan) for column in apart]
            for secret in secrets:
                without_n = without_n | few.small(secret)
            if swapped is not None and few.small(frame["n"].iloc[list(swapped)]).any():
                without_n[list(swapped)] = True
            reason[without_n & (reason == "").to_numpy()] = SECONDARY
            if sum_row is None:
                changed = self._changed(name, frame, reason)
                reason[changed & (reason == "").to_numpy()] = CHANGED
                without_n = without_n | changed
            earlier = None if self.previous is None else self.previous.tables.get(name)
            parts = Parts(frame, in_total, sum_row, tuple(sums), tuple(secrets), earlier, tuple(then_total))
            reason, without_n = closed(parts, reason, without_n, few)
            frame["suppressed"] = reason
            frame = blank_rates(frame, also, few)
            frame.loc[without_n, "n"] = pd.NA
            frame = few.without_unknown(frame, without_n)
            if also:
                frame = blank(frame, np.ones(len(frame), bool), PATIENTS)
                frame = _whole_limits(frame)
        return self.out(name, frame, place, "count, % and interval", is_rate=True)

    def _changed(self, name: str, frame: pd.DataFrame, reason: pd.Series) -> np.ndarray:
        """Groups of which a count differs by a few from the last release's, and those to hide with them.

        Their total is printed in both, so that what is hidden together must not differ by a few either, nor
        be one group.
        """
        none = np.zeros(len(frame), bool)
        then = None if self.rounds or self.rolling else self.then(name, frame)
        if then is None or "month" in frame or self.previous.settings.get("small_cells") == "round":
            return none
        shown = frame.assign(n_events=frame["n_events"].mask(reason != ""))
        gone = small_changes(shown, then, self.few)
        # A table of sizes alone is written without its events.
        columns = [column for column in ("n", "n_events") if column in then]
        counts = [frame[column].to_numpy(dtype=float, na_value=np.nan) for column in columns]
        past = [then[column].to_numpy(float) for column in columns]
        while gone.any() and not gone.all():
            apart = [np.abs((now - old)[gone].sum()) for now, old in zip(counts, past, strict=True)]
            if gone.sum() > 1 and not self.few.small(np.array(apart)).any():
                break
            left = np.flatnonzero(~gone)
            size = frame["n"].to_numpy(dtype=float, na_value=np.inf)[left]
            gone = gone | (np.arange(len(frame)) == left[size.argmin()])
        return gone


def _whole_limits(frame: pd.DataFrame) -> pd.DataFrame:
    """Limits in whole per cents: of no event they are a function of the number of patients alone."""
    for column in ("conf_low", "conf_high"):
        if column in frame:
            frame[column] = frame[column].astype(float).round(2)
    return frame
