"""Counts by group of patients for sections 9 and 10, made once per instrument, not once per grouping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import Outcome, baseline_rule, window
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.baseline import VALID, baseline_of
from ketaoutcomes.derive.outcomes import met
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.derive.side_effects import Recorded, recorded_side_effects, terms_of
from ketaoutcomes.derive.windows import NOT_DUE, SCORED, windowed_of
from ketaoutcomes.engine.rates import cluster_ratio_by, wilson

__all__ = [
    "BASELINE",
    "AskedSessions",
    "ScoredPatients",
    "asked_sessions",
    "effects_by",
    "rates_of",
    "scored_patients",
]

BASELINE = "last_14_days"


@dataclass(frozen=True)
class ScoredPatients:
    """Treated patients with their scores before and after; each array has one entry per patient.

    Attributes
    ----------
    instrument : Instrument
    code : (n,) int array
        Row in `cohort.patients`.
    eligible, scored : (n,) bool array
        With a valid baseline and a closed window; of these, with a score in it.
    before, after : (n,) float array
        Points; missing if none.
    """

    instrument: Instrument
    code: np.ndarray
    eligible: np.ndarray
    scored: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def meets(self, rule: Outcome) -> np.ndarray:
        """Marks patients whose score after meets the rule; bool."""
        return self.scored & met(rule, self.instrument, self.after, self.before)


def scored_patients(cohort: Cohort, instrument: Instrument, *, at: str) -> ScoredPatients:
    """Who has a valid baseline and who of them was scored in the window `at`, as `response_rates` counts."""
    placed = scores(cohort, instrument.name)
    start = baseline_of(cohort, placed, instrument, baseline_rule(BASELINE))
    seen = windowed_of(cohort, placed, window(at))
    status = seen["status"].to_numpy(dtype=object)
    eligible = (status != NOT_DUE) & (start["reason"] == VALID).to_numpy(bool)
    return ScoredPatients(
        instrument,
        patient_codes(start),
        eligible,
        eligible & (status == SCORED),
        start["baseline"].to_numpy(float),
        seen["score"].to_numpy(float),
    )


def rates_of(n_events, n, *, level: float) -> pd.DataFrame:
    """`n_events` of `n` with share and Wilson limits; a share of nobody is missing."""
    n_events, n = np.asarray(n_events, int), np.asarray(n, int)
    low, high = wilson(n_events, n, level=level)
    share = np.divide(n_events, n, out=np.full(n.size, np.nan), where=n > 0)
    return pd.DataFrame({"n_events": n_events, "n": n, "estimate": share, "conf_low": low, "conf_high": high})


@dataclass(frozen=True)
class AskedSessions:
    """Sessions of which a record of one way of asking tells whether there was any side effect.

    Attributes
    ----------
    way : str
    row : (r,) int array
        Rows in `cohort.sessions`.
    owner : (r,) int array
        Rows in `cohort.patients`.
    has_effect : (r,) bool array
    """

    way: str
    row: np.ndarray
    owner: np.ndarray
    has_effect: np.ndarray


def asked_sessions(cohort: Cohort) -> AskedSessions | None:
    """Sessions asked by checklist, else in the way most used: ways are never pooled; None without any."""
    if "side_effects" not in cohort.present:
        return None
    found: Recorded = recorded_side_effects(cohort, terms_of(cohort))
    sizes = np.bincount(found.way, minlength=len(found.ways))
    if not sizes.size or not sizes.max():
        return None
    ways = [str(way) for way in found.ways]
    chosen = ways.index("checklist") if "checklist" in ways and sizes[ways.index("checklist")] else None
    chosen = int(sizes.argmax()) if chosen is None else chosen
    any_effect = np.zeros(found.session_row.size, bool)
    any_effect[found.record] = True
    inside = found.way == chosen
    row = found.session_row[inside]
    return AskedSessions(ways[chosen], row, patient_codes(cohort.sessions)[row], any_effect[inside])


def effects_by(asked: AskedSessions, code: np.ndarray, n_groups: int, *, level: float) -> pd.DataFrame:
    """Share of sessions with any side effect in each group, with limits that allow for the patient.

    Parameters
    ----------
    code : (n_sessions,) int array
        Group of each session of the cohort.

    Returns
    -------
    DataFrame
        A row per group: `n_events`, `n` (sessions), `n_patients`, `n_patients_with_event`, `estimate`,
        `conf_low`, `conf_high`.
    """
    rows = []
    group = code[asked.row]
    for number in range(n_groups):
        inside = group == number
        people, place = np.unique(asked.owner[inside], return_inverse=True)
        cells = {"n_events": 0, "n": int(inside.sum()), "n_patients": people.size, "n_patients_with_event": 0}
        if people.size:
            trials = np.bincount(place, minlength=people.size)
            events = np.bincount(place, weights=asked.has_effect[inside], minlength=people.size).astype(int)
            rate = cluster_ratio_by(events[:, None], trials[:, None], level=level)
            cells |= {
                "n_events": int(events.sum()), "n_patients_with_event": int((events > 0).sum()),
                "estimate": float(rate.estimate[0]), "conf_low": float(rate.conf_low[0]),
                "conf_high": float(rate.conf_high[0]),
            }  # fmt: skip
        rows.append(cells)
    columns = ["n_events", "n", "n_patients", "n_patients_with_event", "estimate", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)
