"""The groups of a time-to-response analysis, whose value each is, and what is left out for them."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.analysis.notes import group_notes
from ketaoutcomes.analysis.timing_ask import Ask
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.event_setup import EventSet
from ketaoutcomes.derive.groups import Groups, groups, session_groups
from ketaoutcomes.derive.landmark import known_only_after, landmark_groups

__all__ = ["event_groups", "left_out_notes", "patients_per_level"]


def event_groups(cohort: Cohort, ask: Ask, events: EventSet) -> tuple[Groups, np.ndarray]:
    """The groups, and the group of each row of the events (-1 where it is missing)."""
    codes = patient_codes(events.frame)
    if ask.origin == "each_session":
        grouped = session_groups(cohort, ask.by)
        first = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
        return grouped, grouped.code[first[codes] + events.frame["session"].to_numpy() - 1]
    if ask.landmark_hours is None:
        grouped = groups(cohort, ask.by)
    else:
        grouped = landmark_groups(cohort, ask.by, ask.landmark_hours, ask.instrument.name)
    return grouped, grouped.code[codes]


def patients_per_level(level_of: np.ndarray, patient: np.ndarray, n_levels: int) -> np.ndarray:
    """How many patients each level has rows of; (n_levels,) int."""
    pairs = np.unique(np.column_stack([level_of, patient])[level_of >= 0], axis=0)
    return np.bincount(pairs[:, 0], minlength=n_levels)


def left_out_notes(
    cohort: Cohort, ask: Ask, grouped: Groups, level_of: np.ndarray, small: np.ndarray
) -> list[str]:
    """Whose value a group is, and what became of missing levels and of small groups."""
    n_missing = int((level_of < 0).sum())
    per_session = ask.origin == "each_session"
    found = group_notes(grouped, 0 if per_session else n_missing, small.size, int(small.sum()))
    if ask.by is None or grouped.source != "sessions":
        return found
    if per_session:
        found[0] = f"Groups: '{ask.by}' of that session."
        if n_missing:
            found.append(f"{n_missing:,} sessions left out: '{ask.by}' is missing.")
    elif ask.landmark is not None and known_only_after(cohort, ask.by):
        # Said with the landmark: it is the value at the last session by then.
        found = found[1:]
    return found
