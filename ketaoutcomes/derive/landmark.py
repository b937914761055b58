"""Groups that form only after session 1: refused, unless the analysis begins at a landmark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.header_hints import normal_name
from ketaoutcomes.derive.arguments import check_cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.events import event_set
from ketaoutcomes.derive.groups import Groups, check_group_name, groups
from ketaoutcomes.derive.sessions import session_table
from ketaoutcomes.errors import DataError, Problem

__all__ = [
    "LANDMARK_GROUPS",
    "SESSION_COLUMNS_AFTER",
    "check_known_at_start",
    "known_only_after",
    "landmark_groups",
]

# Columns of `sessions` that a session produces, and so are not known when it begins.
SESSION_COLUMNS_AFTER: Mapping[str, str] = MappingProxyType(
    {
        "duration_minutes": "how long the session lasted is known when it ends",
        "monitored_minutes": "how long the patient was watched is known when they leave",
        "stopped_early": "whether the session was ended early is known when it ends",
        "rescue_medication": "medication for a side effect is given during the session",
        "escort": "who left with the patient is known after the session",
        "side_effects_recorded": "whether side effects were asked for is known after the session",
    }
)
# Whole words of a header of `patients` that speak of what happens after session 1.
# fmt: off
WORDS_AFTER = frozenset((
    "response", "responses", "responder", "responders", "responded",
    "remission", "remissions", "remitter", "remitters", "remitted",
    "relapse", "relapses", "relapsed", "maintenance", "booster", "boosters",
    "completed", "completer", "completers", "completion",
    "dropout", "dropouts", "discontinued", "discontinuation", "stopped", "withdrawn", "died",
    "outcome", "outcomes", "endpoint", "status", "improved", "improvement",
    "change", "endstate", "followup",
))
# The same of several words, which stand side by side or apart.
PHRASES_AFTER = (
    {"n", "sessions"}, {"total", "sessions"}, {"number", "sessions"}, {"num", "sessions"},
    {"session", "count"}, {"sessions", "count"}, {"last", "session"}, {"final", "session"},
    {"total", "dose"}, {"cumulative", "dose"}, {"mean", "dose"}, {"max", "dose"}, {"final", "dose"},
    {"drop", "out"}, {"dropped", "out"}, {"lost", "up"}, {"follow", "up"}, {"final", "score"},
    {"last", "score"}, {"treatment", "duration"}, {"end", "reason"}, {"stop", "reason"},
)
# With one of these the header speaks of the time before, or of circumstances.
WORDS_BEFORE = frozenset((
    "prior", "previous", "past", "earlier", "history", "historical", "lifetime", "baseline", "before",
    "pre", "planned", "intended", "family", "expected", "expectation",
    "marital", "relationship", "civil", "employment", "work", "occupational", "insurance", "housing",
    "smoking", "tobacco", "veteran", "military", "education", "income", "disability", "immigration",
    "performance", "weight", "menopausal",
))
# fmt: on
LANDMARK_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "maintenance_by_landmark": "a session after induction by the landmark, or none",
        "responded_by_landmark": "seen to respond (the instrument's default response) by the landmark, or "
        "not",
        "sessions_by_landmark": "number of sessions by the landmark: 1 to 3, 4 to 6, 7 or more",
    }
)
_SESSION_BANDS = ("1–3 sessions", "4–6 sessions", "7 or more sessions")
_BAND_ENDS = (3, 6)


def known_only_after(cohort: Cohort, by: str) -> str:
    """Why a column is known only after session 1; "" if it is known at its start.

    Columns of `sessions` are looked up in `SESSION_COLUMNS_AFTER`. Columns of
    `patients` are judged by their names: the data do not say when a cell was
    filled in. `known_at_start` and `known_after_start` in `cohort.toml` go before
    both. All of `disposition` is known only when treatment has ended.
    """
    settings = cohort.settings
    if by in map(normal_name, settings.known_at_start or ()):
        return ""
    if by in map(normal_name, settings.known_after_start or ()):
        return "cohort.toml says so (known_after_start)"
    if by in cohort.patients.columns:
        return _by_name(by)
    if by in cohort.sessions.columns:
        return SESSION_COLUMNS_AFTER.get(by, "")
    if by in cohort.disposition.columns:
        return "disposition says how treatment ended"
    return ""


def check_known_at_start(cohort: Cohort, by: str | None, landmark_hours: float | None = None) -> None:
    """Refuse a grouping column that is known only after the origin, unless there is a landmark.

    Whoever is counted as a later responder, or as having had maintenance, must
    have stayed without the event until then: that time is lent to the group, and
    the curves differ without any difference between the patients.

    Parameters
    ----------
    cohort : Cohort
    by : str or None
        A column of `patients` or of `sessions`, or one of `LANDMARK_GROUPS`.
    landmark_hours : float, optional
        Hours since session 1 at which the analysis begins.

    Raises
    ------
    DataError
        If the column is known only after the origin and there is no landmark; with a landmark, if the
        day on which the column was known is not in the data.

    Source
    ------
    Anderson, Cain and Gelber (1983), J. Clin. Oncol. 1, 710; Suissa (2008), Am. J. Epidemiol. 167, 492.
    """
    check_cohort(cohort)
    check_group_name(by)
    if by is None:
        return
    if by in LANDMARK_GROUPS:
        if landmark_hours is None:
            raise DataError(
                f'by="{by}" is known only at a landmark; give one, e.g. landmark=28 with unit="days"'
            )
        return
    why = known_only_after(cohort, by)
    if not why:
        return
    derived = ", ".join(LANDMARK_GROUPS)
    if by in cohort.patients.columns:
        raise DataError(
            Problem(
                f"is known only after the first session ({why}), and nothing says on which day, so it makes "
                "no groups of patients at session 1 or at a landmark: patients would be sorted by what came "
                f"later. With landmark= these groups can be had: {derived}. If it is known when treatment "
                f'begins, add known_at_start = ["{by}"] to cohort.toml',
                table="patients",
                column=by,
                rule="known_after_start",
            )
        )
    if by not in cohort.sessions.columns:
        raise DataError(
            Problem(
                f"is known only when treatment has ended ({why}), so it makes no groups of patients at "
                'session 1; competing="stop" takes stopping as an outcome of its own',
                table="disposition",
                column=by,
                rule="known_after_start",
            )
        )
    if landmark_hours is None:
        raise DataError(
            Problem(
                f"is known only after the session has begun ({why}): patients would be sorted by what came "
                "later. Give landmark=, a time since session 1 from which the analysis counts; the value at "
                "the last session by then is taken. If it is known when the session begins, add "
                f'known_at_start = ["{by}"] to cohort.toml',
                table="sessions",
                column=by,
                rule="known_after_start",
            )
        )


def landmark_groups(cohort: Cohort, by: str | None, landmark_hours: float, instrument: str) -> Groups:
    """Group of each patient as known at the landmark, in the order of `cohort.patients`.

    A column that is known at the start keeps its value at session 1; a column that a session
    produces has its value at the last session by the landmark.
    """
    if by == "maintenance_by_landmark":
        table = session_table(cohort)
        later = (table["phase"] == "maintenance").to_numpy() & _by_then(table, landmark_hours)
        had = np.zeros(len(cohort.patients), dtype=np.int64)
        had[patient_codes(table)[later]] = 1
        return Groups(by, ("no maintenance", "maintenance"), had, "landmark")
    if by == "responded_by_landmark":
        events = event_set(cohort, instrument, definition="response").frame
        code = np.full(len(cohort.patients), -1, dtype=np.int64)
        code[patient_codes(events)] = (events["right"].to_numpy(float) <= landmark_hours).astype(np.int64)
        return Groups(by, ("no response", "response"), code, "landmark")
    if by == "sessions_by_landmark":
        owner = patient_codes(cohort.sessions)[_by_then(cohort.sessions, landmark_hours)]
        number = np.bincount(owner, minlength=len(cohort.patients))
        code = np.where(number > 0, np.searchsorted(_BAND_ENDS, number, side="left"), -1)
        return Groups(by, _SESSION_BANDS, code.astype(np.int64), "landmark")
    if by is not None and known_only_after(cohort, by):
        return groups(cohort, by, until_hours=landmark_hours)
    return groups(cohort, by)


def _by_then(table, landmark_hours: float) -> np.ndarray:
    return table["hour"].to_numpy(float) <= landmark_hours


def _by_name(header: str) -> str:
    """Which word of a header of `patients` speaks of what came later; "" if none does."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header)
    words = set(re.split(r"[^a-z0-9]+", spaced.lower())) - {""}
    if words & WORDS_BEFORE:
        return ""
    found = sorted(words & WORDS_AFTER)
    if found:
        return f'its name says "{found[0]}"'
    phrase = next((phrase for phrase in PHRASES_AFTER if phrase <= words), None)
    return f'its name says "{" … ".join(sorted(phrase))}"' if phrase else ""
