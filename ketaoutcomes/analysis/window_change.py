"""Baseline and score in a window, a pair per patient: what rules of change are applied to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import cited, group_notes, phase_notes, same_time_note, selection_notes
from ketaoutcomes.catalog.definitions import BaselineRule, Window
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.baseline import VALID, baseline_of
from ketaoutcomes.derive.groups import Groups, groups
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.derive.sessions import induction
from ketaoutcomes.derive.windows import NOT_DUE, SCORED, windowed_of
from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.engine.rates import wilson
from ketaoutcomes.results.text import patients

__all__ = ["ROUNDING", "WindowChange", "window_change"]

# A change that is a rule's number of points must not fail for the last bit of a float.
ROUNDING = 1e-9


@dataclass(frozen=True)
class WindowChange:
    """Treated patients with their baseline, their score in the window, and why one of them is missing.

    Attributes
    ----------
    codes : (n,) int
        Row of each patient in `cohort.patients`.
    baseline, score : (n,) float
        Points; missing where there is none.
    reason, status : (n,) object
        "valid" or why the baseline is not; "scored" or why there is no score in the window.
    gain : (n,) float
        Points from baseline in the instrument's good direction.
    grouped : Groups
    level_of : (n,) int
        Each patient's level of `by`, -1 where it is missing.
    """

    instrument: Instrument
    window: Window
    rule: BaselineRule
    codes: np.ndarray
    baseline: np.ndarray
    score: np.ndarray
    reason: np.ndarray
    status: np.ndarray
    gain: np.ndarray
    grouped: Groups
    level_of: np.ndarray

    @property
    def due(self) -> np.ndarray:
        """Patients whose window had closed."""
        return self.status != NOT_DUE

    @property
    def eligible(self) -> np.ndarray:
        """Those of them with a valid baseline."""
        return self.due & (self.reason == VALID)

    @property
    def scored(self) -> np.ndarray:
        """Those of them with a score in the window."""
        return self.eligible & (self.status == SCORED)

    def rows(self, holds: np.ndarray, *, level: float) -> pd.DataFrame:
        """Share of patients for whom `holds` is true, by level and over the three denominators.

        Returns
        -------
        DataFrame
            The `by` column, `denominator`, `n_events`, `n`, `n_missing`, `n_not_due`, `estimate`,
            `conf_low`, `conf_high` (Wilson); a level without anybody is left out.
        """
        n_levels = len(self.grouped.levels)

        def per_level(mask: np.ndarray) -> np.ndarray:
            return np.bincount(self.level_of[mask & (self.level_of >= 0)], minlength=n_levels)

        sizes = {"starters": self.due, "baseline_eligible": self.eligible, "scored": self.scored}
        n = np.column_stack([per_level(mask) for mask in sizes.values()]).ravel()
        known, not_due = (np.repeat(per_level(mask), 3) for mask in (self.scored, ~self.due))
        events = np.repeat(per_level(self.scored & holds), 3)
        low, high = wilson(events, n, level=level)
        by = self.grouped.by
        frame = pd.DataFrame(
            {
                **({} if by is None else {by: np.repeat(np.array(self.grouped.levels, dtype=object), 3)}),
                "denominator": list(sizes) * n_levels,
                "n_events": events,
                "n": n,
                "n_missing": n - known,
                "n_not_due": not_due,
                "estimate": np.divide(events, n, out=np.full(n.size, np.nan), where=n > 0),
                "conf_low": low,
                "conf_high": high,
            }
        )
        if by is None:
            return frame
        somebody = np.repeat(n[::3] + not_due[::3] > 0, 3)
        return frame[somebody].reset_index(drop=True)

    def mean_change(self, *, level: float) -> pd.DataFrame:
        """Mean change of those scored (score minus baseline, points) with its t interval, by level."""
        used = self.scored & (self.level_of >= 0)
        n_levels = len(self.grouped.levels)
        change = (self.score - self.baseline)[used]
        found = mean_interval(change, codes=self.level_of[used], n_groups=n_levels, level=level)
        before = mean_interval(self.baseline[used], codes=self.level_of[used], n_groups=n_levels, level=level)
        by = self.grouped.by
        eligible = np.bincount(self.level_of[self.eligible & (self.level_of >= 0)], minlength=n_levels)
        frame = pd.DataFrame(
            {
                **({} if by is None else {by: list(self.grouped.levels)}),
                "estimate": found.mean,
                "std_error": found.std_error,
                "conf_low": found.conf_low,
                "conf_high": found.conf_high,
                "sd": found.sd,
                "mean_baseline": before.mean,
                "sd_baseline": before.sd,
                "n": found.n,
                "n_missing": eligible - found.n,
            }
        )
        return frame[eligible > 0].reset_index(drop=True)

    def cumulative(self, *, level: float, at: np.ndarray | None = None) -> pd.DataFrame:
        """Share of those scored whose gain is at least so many points, by level.

        Parameters
        ----------
        at : (k,) float, optional
            Points in the good direction; by default every whole number that was reached, and 0.

        Returns
        -------
        DataFrame
            The `by` column, `change` (points in the good direction; negative is the other one),
            `n_events`, `n`, `estimate` (share at least), `conf_low`, `conf_high`.
        """
        gain = self.gain[self.scored]
        if at is None:
            ends = (np.floor(gain.min()), np.ceil(gain.max())) if gain.size else (0.0, 0.0)
            at = np.arange(min(ends[0], 0.0), max(ends[1], 0.0) + 1.0)
        frames = []
        level_of = self.level_of[self.scored]
        for number, name in enumerate(self.grouped.levels):
            own = np.sort(gain[level_of == number])
            if not own.size:
                continue
            events = own.size - np.searchsorted(own, at - ROUNDING)
            low, high = wilson(events, np.full(at.size, own.size), level=level)
            frame = pd.DataFrame(
                {
                    "change": at, "n_events": events, "n": own.size, "estimate": events / own.size,
                    "conf_low": low, "conf_high": high,
                }
            )  # fmt: skip
            if self.grouped.by is not None:
                frame.insert(0, self.grouped.by, name)
            frames.append(frame)
        columns = ["change", "n_events", "n", "estimate", "conf_low", "conf_high"]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)

    def notes(self, cohort: Cohort) -> list[str]:
        """Who is in which denominator, and why the others are not."""
        notes = [
            "'starters' and 'baseline_eligible' count a patient without a score in the window as not meeting "
            "a rule: lower bounds. 'scored' leaves them out."
        ]
        n_open = int((~self.due).sum())
        if n_open:
            notes.append(f"{patients(n_open)} not yet due: the window had not closed; in no denominator.")
        without = np.where(self.reason[self.due] == VALID, "", self.reason[self.due])
        head = f"of {patients(int(self.due.sum()))} who started without a valid baseline"
        notes += _tallied(head, without)
        status = self.status[self.eligible]
        head = f"of {patients(status.size)} with a valid baseline not scored"
        notes += _tallied(head, np.where(status == SCORED, "", status))
        if self.window.anchor == "last_induction_session":
            notes += phase_notes(induction(cohort))
        notes += group_notes(self.grouped, int((self.level_of < 0).sum()), 0, 0)
        return [*notes, same_time_note(cohort), *selection_notes(cohort)]

    def definitions(self) -> tuple[tuple[str, str, str], ...]:
        """The window and the baseline rule, with their sources."""
        return cited(self.window), cited(self.rule)


def _tallied(head: str, reasons: np.ndarray) -> list[str]:
    found, counts = np.unique(reasons[reasons != ""].astype(str), return_counts=True)
    if not found.size:
        return []
    parts = [f"{found[k]} {counts[k]}" for k in np.lexsort((found, -counts))]
    return [f"{counts.sum()} {head}: {'; '.join(parts)}."]


def window_change(
    cohort: Cohort, instrument: Instrument, window: Window, rule: BaselineRule, *, by: str | None = None
) -> WindowChange:
    """Each treated patient's baseline and score in the window; the nearest score, never the best.

    Raises
    ------
    DataError
        If the instrument has no score, or `by` is no column that makes groups.
    """
    placed = scores(cohort, instrument.name)
    start = baseline_of(cohort, placed, instrument, rule)
    seen = windowed_of(cohort, placed, window)
    codes = patient_codes(start)
    grouped = groups(cohort, by)
    baseline, score = start["baseline"].to_numpy(float), seen["score"].to_numpy(float)
    fall = baseline - score
    return WindowChange(
        instrument=instrument,
        window=window,
        rule=rule,
        codes=codes,
        baseline=baseline,
        score=score,
        reason=start["reason"].to_numpy(dtype=object),
        status=seen["status"].to_numpy(dtype=object),
        gain=-fall if instrument.higher_is == "better" else fall,
        grouped=grouped,
        level_of=grouped.code[codes],
    )
