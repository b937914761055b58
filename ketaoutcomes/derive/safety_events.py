"""Serious and severe side effects, sessions stopped early, rescue medication, and stops for a side effect."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, session_rows
from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.derive.side_effects import NONE, NOT_STATED, SEVERITIES, Recorded
from ketaoutcomes.derive.stops import PLANNED_END

__all__ = [
    "DEATH",
    "HOSPITAL",
    "NOT_GIVEN",
    "RESCUE",
    "SERIOUS",
    "SEVERE",
    "STOPPED",
    "STOPPED_EARLY",
    "Event",
    "is_given",
    "session_events",
    "status_events",
]

SERIOUS, SEVERE = "serious side effect", "severe side effect"
STOPPED_EARLY, RESCUE = "session stopped early", "rescue medication given"
STOPPED = "stopped for a side effect"
DEATH, HOSPITAL = "death", "hospital admission"

# Words for a medication that was not given; every other word names one, or says yes.
NOT_GIVEN = ("no", "none", "nil", "not given", "not needed", "none given", "false", "n", "0", "-")
_UNCLEAR = ("", "unknown", "not known", "not recorded", "n/a", "na", "?", "nan")

# Words of `disposition.reason` or `.status`, in lower case with single blanks between them.
_STOP_WORDS = re.compile(
    r"\b(?:side|adverse|undesired|unwanted) (?:effect|event|reaction|experience)s?\b|\baes?\b"
    r"|\bintoleran(?:t|ce)\b|\bintolerab\w*|\bnot tolerat\w*|\b(?:poor|lack of) tolerability\b|\btoxicity\b"
)
_DENIED = re.compile(
    r"\b(?:no|not|without|unrelated to|other than)(?: \w+)? (?:side|adverse|undesired|unwanted)\b"
)
_DEATH_WORDS = re.compile(r"\b(?:died|dead|death|deceased|fatal|completed suicide|suicide completed)\b")
_HOSPITAL_WORDS = re.compile(r"\bhospitali[sz]\w*|\bhospital admission\b|\badmitted\b|\binpatient\b")


@dataclass(frozen=True)
class Event:
    """One kind of event: among which sessions or patients it was looked for, and where it was found.

    Attributes
    ----------
    name : str
    ascertainment : str
        How side effects were asked for; empty where the event is none.
    row : (u,) int array
        Rows of `cohort.sessions`, or of `cohort.patients` for an event of the patient.
    known : (u,) bool array
        Whether there is a record that tells.
    happened : (u,) bool array
    of_patient : bool
    """

    name: str
    ascertainment: str
    row: np.ndarray
    known: np.ndarray
    happened: np.ndarray
    of_patient: bool = False

    @property
    def is_recorded(self) -> bool:
        """Whether anything is known at all."""
        return bool(self.known.any())


def session_events(cohort: Cohort, found: Recorded, ways: tuple[int, ...]) -> list[Event]:
    """Serious and severe side effects by the way of asking, sessions stopped early, rescue medication.

    A session in which some side effect has no severity, and none is severe, tells nothing of severe
    ones; so with serious ones. A session with the record "none" had neither.

    Parameters
    ----------
    found : Recorded
        From `recorded_side_effects`.
    ways : tuple of int
        Places in `found.ways` to look at; with none an event without a record stands for each kind.
    """
    events = []
    for name, states in ((SERIOUS, _serious), (SEVERE, _severe)):
        happened, known = states(cohort, found)
        for way in ways:
            mine = found.way == way
            rows = found.session_row[mine]
            events.append(Event(name, found.ways[way], rows, known[mine], happened[mine]))
        if not ways:
            events.append(_nothing(name))
    return [*events, _stopped_early(cohort), _rescue(cohort)]


def status_events(cohort: Cohort) -> list[Event]:
    """Patients who stopped for a side effect, and deaths and hospital admissions if there is such a word.

    Known is why treatment went on or ended: the patient is still in treatment, ended as planned, or has
    a reason. Who left without a reason tells nothing. Only treated patients are looked at.
    """
    treated = np.bincount(patient_codes(cohort.sessions), minlength=len(cohort.patients)) > 0
    table = cohort.disposition
    has_status = "status" in table.columns and table["status"].notna().any()
    has_reason = "reason" in table.columns and table["reason"].notna().any()
    if not len(table) or not (has_status or has_reason):
        return [_nothing(STOPPED, of_patient=True)]
    codes = patient_codes(table)
    status, reason = (_plain(table, name) for name in ("status", "reason"))
    words = status.str.cat(reason, sep=" ")
    stopped = _said(words, _STOP_WORDS) & ~_said(words, _DENIED)
    # Of those still in treatment, and of those who ended as planned, it is known without a reason.
    known = follow_up(cohort).ongoing.copy()
    known[codes[status.isin(PLANNED_END) | ~reason.isin(_UNCLEAR)]] = True
    events = [_of_patients(STOPPED, treated, known, codes[stopped])]
    for name, pattern in ((DEATH, _DEATH_WORDS), (HOSPITAL, _HOSPITAL_WORDS)):
        said = _said(words, pattern)
        if said.any():
            events.append(_of_patients(name, treated, known, codes[said]))
    return events


def is_given(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Whether each cell of `rescue_medication` says that something was given, and whether it says anything.

    Yes or no as they are, a number above 0 as yes; any word but those of `NOT_GIVEN` names a medication.
    """
    known = values.notna().to_numpy(dtype=bool)
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.fillna(False).to_numpy(dtype=bool), known
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.fillna(0).to_numpy(dtype=float) > 0, known
    words = values.astype("object").where(values.notna(), "").astype("str").str.strip(" .").str.lower()
    known = known & ~words.isin(_UNCLEAR).to_numpy()
    return known & ~words.isin(NOT_GIVEN).to_numpy(), known


def _nothing(name: str, *, of_patient: bool = False) -> Event:
    """An event of which there is no record."""
    none = np.zeros(0, dtype=bool)
    return Event(name, "", np.zeros(0, dtype=np.int64), none, none, of_patient)


def _of_patients(name: str, treated: np.ndarray, known: np.ndarray, codes: np.ndarray) -> Event:
    """An event of the patients at `codes`; that it happened is known, whatever else is not."""
    happened = np.zeros(treated.size, dtype=bool)
    happened[codes] = True
    known = known | happened
    rows = np.flatnonzero(treated)
    return Event(name, "", rows, known[rows], happened[rows], of_patient=True)


def _severe(cohort: Cohort, found: Recorded) -> tuple[np.ndarray, np.ndarray]:
    """Whether each record has a severe side effect, and whether it tells; (r,) bool each."""
    severe, unstated = (np.zeros(found.session_row.size, dtype=bool) for _ in range(2))
    severe[found.record[found.severity == len(SEVERITIES)]] = True
    unstated[found.record[found.severity == 0]] = True
    is_there = "severity" in cohort.side_effects.columns
    return severe, (severe | ~unstated) & is_there


def _serious(cohort: Cohort, found: Recorded) -> tuple[np.ndarray, np.ndarray]:
    """Whether each record has a serious side effect, and whether it tells; (r,) bool each."""
    serious, unstated = (np.zeros(found.session_row.size, dtype=bool) for _ in range(2))
    table = cohort.side_effects
    if "serious" not in table.columns:
        return serious, unstated
    serious[found.record[found.serious]] = True
    silent = table["serious"].isna().to_numpy() & (table["effect"].astype("str") != NONE).to_numpy()
    unstated[_record_of_row(cohort, found)[silent]] = True
    return serious, serious | ~unstated


def _record_of_row(cohort: Cohort, found: Recorded) -> np.ndarray:
    """Record that each row of `cohort.side_effects` belongs to; (n,) int."""
    table = cohort.side_effects
    way = pd.Series(NOT_STATED, index=table.index)
    if "ascertainment" in table.columns:
        words = table["ascertainment"].astype("object")
        way = words.where(words.notna(), NOT_STATED).astype("str").str.strip().str.lower()
    place = pd.Index(found.ways).get_indexer(way)
    row = session_rows(cohort.sessions, table, len(cohort.patients))
    # Records rise by session and, within a session, by way.
    return np.searchsorted(found.session_row * len(found.ways) + found.way, row * len(found.ways) + place)


def _stopped_early(cohort: Cohort) -> Event:
    if "stopped_early" not in cohort.sessions.columns:
        return _nothing(STOPPED_EARLY)
    flag = cohort.sessions["stopped_early"]
    happened = flag.fillna(False).to_numpy(dtype=bool)
    return Event(STOPPED_EARLY, "", np.arange(len(flag)), flag.notna().to_numpy(dtype=bool), happened)


def _rescue(cohort: Cohort) -> Event:
    if "rescue_medication" not in cohort.sessions.columns:
        return _nothing(RESCUE)
    happened, known = is_given(cohort.sessions["rescue_medication"])
    return Event(RESCUE, "", np.arange(known.size), known, happened)


def _plain(table: pd.DataFrame, name: str) -> pd.Series:
    """A column of words in lower case, with single blanks for all that stands between them."""
    if name not in table.columns:
        return pd.Series("", index=table.index, dtype="str")
    words = table[name].astype("object").where(table[name].notna(), "").astype("str").str.lower()
    return words.str.replace(r"[^\w/?-]+", " ", regex=True).str.strip()


def _said(words: pd.Series, pattern: re.Pattern) -> np.ndarray:
    return words.str.contains(pattern).to_numpy(dtype=bool)
