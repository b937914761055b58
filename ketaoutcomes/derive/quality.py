"""Missing cells, attrition, and which sessions have a score, side effects and vital signs."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import INSTRUMENTS, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.baseline import VALID, baseline_of
from ketaoutcomes.derive.clock import CLOCK_COLUMNS, whole_days
from ketaoutcomes.derive.scores import placed_scores, scores
from ketaoutcomes.derive.sessions import induction
from ketaoutcomes.derive.windows import INCOMPLETE, NOT_DUE, SCORED, find_window, windowed_of

__all__ = ["Flow", "attrition", "main_instrument", "missing_cells", "recording"]

_SCORE_WITHIN_DAYS = 7
_ITEM = re.compile(r"i[1-9][0-9]?|n_missing_items")
_ALWAYS_THERE = (CLOCK_COLUMNS - {"hour"}) | {"patient_id", "instrument", "session"}
_VITAL_SIGNS = ("sbp", "dbp", "heart_rate", "spo2", "respiratory_rate")


@dataclass(frozen=True)
class Flow:
    """Attrition.

    Attributes
    ----------
    steps : DataFrame
        `step`, `n`, `n_lost` (since the step before), `reason` (in words, with counts).
    losses : DataFrame
        `step`, `reason`, `n_patients`.
    """

    steps: pd.DataFrame
    losses: pd.DataFrame


def main_instrument(cohort: Cohort) -> str | None:
    """The instrument with scores of the most patients; ties by name; None without scores.

    Of one that the catalogue does not have no range and no direction is known, so it is not chosen.
    """
    n_patients = cohort.scores.groupby("instrument", observed=True)["patient_id"].nunique()
    known = [(-int(n), str(name)) for name, n in n_patients.items() if str(name) in INSTRUMENTS]
    return min(known)[1] if known else None


def missing_cells(cohort: Cohort) -> pd.DataFrame:
    """Share of missing cells: `table`, `column`, `n_rows`, `n_missing`, `share`.

    Keys are left out. Items count among the scores of the instruments that have any of them; a share of
    no rows is missing.
    """
    rows = []
    for name, frame in cohort.tables.items():
        if name not in cohort.present or not len(frame):
            continue
        n_missing = frame.isna().sum()
        for column in frame.columns:
            if name == "scores" and _ITEM.fullmatch(column):
                given = frame[column].notna()
                kept = frame["instrument"].isin(frame["instrument"][given].unique())
                n, n_empty = int(kept.sum()), int((kept & ~given).sum())
                rows.append((name, column, n, n_empty, n_empty / n if n else np.nan))
            elif column not in _ALWAYS_THERE:
                rows.append(
                    (name, column, len(frame), int(n_missing[column]), float(n_missing[column] / len(frame)))
                )
    return pd.DataFrame(rows, columns=["table", "column", "n_rows", "n_missing", "share"])


def attrition(
    cohort: Cohort, instrument: str, *, window: str | float = "end_of_induction", rule: str = "last_14_days"
) -> Flow:
    """From all who started to those with a score in the window, with the reasons for leaving.

    A patient leaves at the first step that fails: valid baseline, window closed
    at the data cut, induction complete (for windows after induction), score in
    the window.
    """
    named = find_window(window)
    placed = scores(cohort, instrument)
    start = baseline_of(cohort, placed, find_instrument(instrument), baseline_rule(rule))
    seen = windowed_of(cohort, placed, named)
    why = start["reason"].to_numpy(dtype=object)
    status = seen["status"].to_numpy(dtype=object)
    valid = why == VALID
    due = valid & (status != NOT_DUE)
    names = ["started", "valid baseline", "window closed at the data cut"]
    stages = [np.ones(valid.size, dtype=bool), valid, due]
    reasons = [why, why, status]
    if named.anchor == "last_induction_session":
        names.append("induction complete")
        stages.append(due & induction(cohort).complete[patient_codes(start)])
        reasons.append(np.full(valid.size, INCOMPLETE, dtype=object))
    names.append("scored in the window")
    stages.append(stages[-1] & (status == SCORED))
    reasons.append(status)

    steps, losses = [(names[0], int(stages[0].sum()), 0, "")], []
    for name, before, stage, reason in zip(names[1:], stages, stages[1:], reasons[1:], strict=False):
        lost = before & ~stage
        if name == "window closed at the data cut" and not lost.any():
            continue  # nobody was waiting, so the step would only repeat the number above
        found, counts = np.unique(reason[lost].astype(str), return_counts=True)
        order = np.lexsort((found, -counts))
        losses += [(name, found[k], int(counts[k])) for k in order]
        words = "; ".join(f"{found[k]} {counts[k]}" for k in order)
        steps.append((name, int(stage.sum()), int(lost.sum()), words))
    return Flow(
        steps=pd.DataFrame(steps, columns=["step", "n", "n_lost", "reason"]),
        losses=pd.DataFrame(losses, columns=["step", "reason", "n_patients"]),
    )


def recording(cohort: Cohort, instrument: str | None) -> pd.DataFrame:
    """Sessions with something on record: `measure`, `n_events`, `n` (sessions), `estimate` (share)."""
    n_sessions = len(cohort.sessions)
    rows = []
    if len(cohort.scores):
        anything = f"a score of any instrument in the {_SCORE_WITHIN_DAYS} days before"
        rows.append((anything, int(_scored_before(cohort, cohort.scores).sum())))
    if instrument is not None:
        own = cohort.scores[cohort.scores["instrument"] == instrument]
        rows.append(
            (
                f"a {instrument} score in the {_SCORE_WITHIN_DAYS} days before",
                int(_scored_before(cohort, own).sum()),
            )
        )
    # A flag without the table to look into records nothing.
    recorded = np.zeros(n_sessions, dtype=bool)
    if "side_effects" in cohort.present:
        recorded = cohort.sessions["side_effects_recorded"].fillna(False).to_numpy(dtype=bool)
    rows.append(("side effects recorded", int(recorded.sum())))
    rows.append(("vital signs recorded", int(_has_vitals(cohort).sum())))
    frame = pd.DataFrame(rows, columns=["measure", "n_events"])
    return frame.assign(n=n_sessions, estimate=frame["n_events"] / n_sessions if n_sessions else np.nan)


def _scored_before(cohort: Cohort, rows: pd.DataFrame) -> np.ndarray:
    """Marks sessions with a score before them, at most seven days earlier to the nearest whole day."""
    placed = placed_scores(cohort, rows)
    sessions = cohort.sessions
    longest = int(sessions["session"].max()) + 1 if len(sessions) else 1
    # Scores ascend by patient and by the number of sessions before them, so one search finds the last.
    score_key = patient_codes(placed) * longest + placed["session"].to_numpy(dtype=np.int64)
    owner = patient_codes(sessions)
    session_key = owner * longest + sessions["session"].to_numpy(dtype=np.int64)
    score_key = np.maximum.accumulate(score_key) if score_key.size else score_key
    last = np.searchsorted(score_key, session_key, side="left") - 1
    has = last >= 0
    same = np.zeros(len(sessions), dtype=bool)
    same[has] = patient_codes(placed)[last[has]] == owner[has]
    gap = np.full(len(sessions), np.inf)
    gap[same] = sessions["hour"].to_numpy(float)[same] - placed["hour"].to_numpy(float)[last[same]]
    return whole_days(gap) <= _SCORE_WITHIN_DAYS


def _has_vitals(cohort: Cohort) -> np.ndarray:
    """Marks sessions with at least one vital sign that has a value; a row of empty cells is no reading."""
    has = np.zeros(len(cohort.sessions), dtype=bool)
    signs = [name for name in _VITAL_SIGNS if name in cohort.vitals.columns]
    readings = cohort.vitals[cohort.vitals[signs].notna().any(axis=1)]
    first = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
    has[first[patient_codes(readings)] + readings["session"].to_numpy(dtype=np.int64) - 1] = True
    return has
