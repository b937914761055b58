"""Serious and severe side effects, sessions stopped early, rescue medication, and stops for a side effect."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.derive.side_effects import SEVERITIES, Recorded
from ketaoutcomes.derive.stop_reasons import (
    DEATH_WORDS,
    HOSPITAL_WORDS,
    Said,
    is_clause_of,
    said,
    status_words,
)
from ketaoutcomes.derive.stops import PLANNED_END

__all__ = [
    "DEATH",
    "HOSPITAL",
    "RESCUE",
    "SERIOUS",
    "SEVERE",
    "STOPPED",
    "STOPPED_EARLY",
    "Event",
    "Given",
    "StatusEvents",
    "given",
    "session_events",
    "status_events",
]

SERIOUS, SEVERE = "serious side effect", "severe side effect"
STOPPED_EARLY, RESCUE = "session stopped early", "rescue medication given"
STOPPED = "stopped for a side effect"
DEATH, HOSPITAL = "death", "hospital admission"

# Cells of `rescue_medication`, in lower case: those that say nothing, and those that say that none was given.
_UNCLEAR = re.compile(
    r"\W*|(?:unk|unknown|unclear|unsure|missing|nk|n/?a|n\.a|nan|nd|tbd)\.?"
    r"|no (?:data|information|record\w*|entry)\.?"
    r"|not (?:known|recorded|documented|applicable|available|stated|reported|sure|clear|asked|specified"
    r"|entered)\b.*"
)
_NOT_GIVEN = re.compile(
    r"(?:no|none|nil|not|without|nothing|never)\b.*|n|f|false|zero|.*\b(?:declin|refus)\w*.*"
    # 0, 0.0, 0 mg, but not 0.5 mg; "ondansetron 0 mg", but not 4.0 mg.
    r"|(?:0+(?:[.,]0*)?|[.,]0+)(?![.,]?\d).*|.*(?<![\d.,])0+(?:[.,]0+)? ?(?:m?g|mcg|ug|ml|iu|units?)?"
)
_YES = ("yes", "y", "true", "t", "given")


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
    counted : (u,) bool array
        Whether it is in the denominator.
    happened : (u,) bool array
        Whether it is said to have happened; such a one is counted.
    unknown : (u,) bool array
        Whether it may have happened, since the record does not tell; counted or not.
    of_patient : bool
    says_no : bool
        Whether a record says that it did not happen, or none says that it did. If not, the clinic may write
        only where it did: then every session is counted, and those without a record are unknown.
    """

    name: str
    ascertainment: str
    row: np.ndarray
    counted: np.ndarray
    happened: np.ndarray
    unknown: np.ndarray
    of_patient: bool = False
    says_no: bool = True

    @property
    def is_recorded(self) -> bool:
        """Whether anything is known at all."""
        return bool(self.counted.any())


@dataclass(frozen=True)
class StatusEvents:
    """What `disposition` tells of the end of treatment.

    Attributes
    ----------
    events : tuple of Event
        Stops for a side effect, and deaths and hospital admissions if any is said.
    n_reasons : int
        Patients who stopped, with a reason in words.
    n_in_general, n_named, n_denied, n_unclear, n_silent : int
        Of these, reasons with general words for side effects, with a side effect's own name, with words for
        side effects that are denied, reasons that mention a side effect among other words and are not
        classified, and reasons that say nothing on why treatment ended.
    n_no_reason : int
        Treated patients without a status, or gone without a reason.
    """

    events: tuple[Event, ...]
    n_reasons: int = 0
    n_in_general: int = 0
    n_named: int = 0
    n_denied: int = 0
    n_unclear: int = 0
    n_silent: int = 0
    n_no_reason: int = 0


@dataclass(frozen=True)
class Given:
    """What the cells of `rescue_medication` say; (n,) bool each.

    Attributes
    ----------
    happened : whether something was given
    known : whether the cell says if anything was
    by_word : whether it was taken to be given since the cell has a word, not yes or a number
    """

    happened: np.ndarray
    known: np.ndarray
    by_word: np.ndarray


def session_events(cohort: Cohort, found: Recorded, ways: tuple[int, ...]) -> list[Event]:
    """Serious and severe side effects by the way of asking, sessions stopped early, rescue medication.

    Every session with side effects recorded is counted. One in which some side effect has no severity, and
    none is severe, may have had a severe one: it is unknown; so with serious ones. A session with the record
    "none" had neither. Without the column `severity`, or `serious`, nothing is recorded of that kind,
    whatever else the sessions have. Of early stops and rescue medication the sessions that say yes or no are
    counted; where none of the cohort says no, all are, and those that say nothing are unknown.

    Parameters
    ----------
    found : Recorded
        From `recorded_side_effects`.
    ways : tuple of int
        Places in `found.ways` to look at; with none an event without a record stands for each kind.
    """
    severe, no_severity = found.severity == len(SEVERITIES), found.severity == 0
    columns = cohort.side_effects.columns
    kinds = (
        (SERIOUS, "serious" in columns, found.serious, ~found.serious_stated),
        (SEVERE, "severity" in columns, severe, no_severity),
    )
    events = []
    for name, is_there, pairs, silent in kinds:
        happened, unstated = _of_records(found, pairs), _of_records(found, silent)
        unknown = unstated & ~happened
        for way in ways:
            mine = (found.way == way) & is_there
            rows = found.session_row[mine]
            counted = np.ones(rows.size, dtype=bool)
            events.append(Event(name, found.ways[way], rows, counted, happened[mine], unknown[mine]))
        if not ways:
            events.append(_nothing(name))
    return [*events, _stopped_early(cohort), _rescue(cohort)]


def status_events(cohort: Cohort, terms: EffectTerms) -> StatusEvents:
    """Patients who stopped for a side effect, and deaths and hospital admissions if one is said.

    A stop has any status but one of a patient in treatment or of a planned end. Counted are patients of whom
    it is known why treatment went on or ended: still in treatment, ended as planned, or with a reason that
    says why. Of the other treated patients it is unknown, and so of those whose reason mentions a side effect
    among other words.

    Parameters
    ----------
    terms : EffectTerms
        Names of side effects, which as a whole clause are a reason too.
    """
    treated = np.bincount(patient_codes(cohort.sessions), minlength=len(cohort.patients)) > 0
    table = cohort.disposition
    if not any(name in table.columns and table[name].notna().any() for name in ("status", "reason")):
        return StatusEvents((_nothing(STOPPED, of_patient=True),))
    codes = patient_codes(table)
    status, reason = (status_words(table, name) for name in ("status", "reason"))
    followed = follow_up(cohort)
    planned = status.isin(PLANNED_END).to_numpy()
    is_stop = followed.left[codes] & ~planned
    by_reason = said(reason, terms)
    # What the status says counts where the reason does not.
    by_status = np.where(is_stop, said(status, terms), Said.NOTHING)
    told = np.maximum(by_reason, by_status)
    # A side effect's name in one and a denial in the other do not go together.
    is_both = (told == Said.NAMED) & (np.minimum(by_reason, by_status) == Said.DENIED)
    told = np.where(is_both, Said.UNCLEAR, told)
    # A stop's own word, such as "lost to follow-up", is no reason.
    told = np.where((told == Said.OTHER) & (by_reason == Said.NOTHING), Said.NOTHING, told)
    names_effect = told >= Said.NAMED
    other = (told == Said.OTHER) | (told == Said.DENIED)
    known = followed.ongoing.copy()
    known[codes[planned | other | (names_effect & is_stop)]] = True
    events = [_of_patients(STOPPED, treated, known, codes[names_effect & is_stop])]
    for name, words in ((DEATH, DEATH_WORDS), (HOSPITAL, HOSPITAL_WORDS)):
        is_said = is_clause_of(status, words) | is_clause_of(reason, words)
        if is_said.any():
            events.append(_of_patients(name, treated, known, codes[is_said]))
    mine = is_stop & treated[codes]
    worded = mine & ((reason != "").to_numpy() | (told >= Said.DENIED))
    silent, unclear = (worded & (told == which) for which in (Said.NOTHING, Said.UNCLEAR))
    return StatusEvents(
        events=tuple(events),
        n_reasons=int(worded.sum()),
        n_in_general=int((mine & (told == Said.IN_GENERAL)).sum()),
        n_named=int((mine & (told == Said.NAMED)).sum()),
        n_denied=int((mine & (told == Said.DENIED)).sum()),
        n_unclear=int(unclear.sum()),
        n_silent=int(silent.sum()),
        n_no_reason=int((treated & ~known).sum() - silent.sum() - unclear.sum()),
    )


def given(values: pd.Series) -> Given:
    """What each cell of `rescue_medication` says.

    Yes or no as they are, a number above 0 as yes. Of words those that begin with no, none, nil, not,
    without, nothing or never, that say declined or refused, and 0 in any spelling say that none was given;
    blanks, dashes, "unknown", "not documented" and the like say nothing; every other word names a medication.
    """
    known = values.notna().to_numpy(dtype=bool)
    none = np.zeros(known.size, dtype=bool)
    if pd.api.types.is_bool_dtype(values.dtype):
        return Given(values.fillna(False).to_numpy(dtype=bool), known, none)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return Given(values.fillna(0).to_numpy(dtype=float) > 0, known, none)
    words = values.astype("object").where(values.notna(), "").astype("str").str.strip().str.lower()
    known = known & ~words.str.fullmatch(_UNCLEAR).to_numpy(dtype=bool)
    happened = known & ~words.str.fullmatch(_NOT_GIVEN).to_numpy(dtype=bool)
    is_yes = words.isin(_YES) | words.str.fullmatch(r"[\d.,]+")
    return Given(happened, known, happened & ~is_yes.to_numpy(dtype=bool))


def _nothing(name: str, *, of_patient: bool = False) -> Event:
    """An event of which there is no record."""
    none = np.zeros(0, dtype=bool)
    return Event(name, "", np.zeros(0, dtype=np.int64), none, none, none, of_patient)


def _of_patients(name: str, treated: np.ndarray, known: np.ndarray, codes: np.ndarray) -> Event:
    """An event of the patients at `codes`; that it happened is known, whatever else is not."""
    happened = np.zeros(treated.size, dtype=bool)
    happened[codes] = True
    known = known | happened
    rows = np.flatnonzero(treated)
    return Event(name, "", rows, known[rows], happened[rows], ~known[rows], of_patient=True)


def _of_records(found: Recorded, pairs: np.ndarray) -> np.ndarray:
    """Whether each record has one of the `pairs`; (r,) bool."""
    out = np.zeros(found.session_row.size, dtype=bool)
    out[found.record[pairs]] = True
    return out


def _stopped_early(cohort: Cohort) -> Event:
    if "stopped_early" not in cohort.sessions.columns:
        return _nothing(STOPPED_EARLY)
    flag = cohort.sessions["stopped_early"]
    happened = flag.fillna(False).to_numpy(dtype=bool)
    return _of_sessions(STOPPED_EARLY, flag.notna().to_numpy(dtype=bool), happened)


def _rescue(cohort: Cohort) -> Event:
    if "rescue_medication" not in cohort.sessions.columns:
        return _nothing(RESCUE)
    cells = given(cohort.sessions["rescue_medication"])
    return _of_sessions(RESCUE, cells.known, cells.happened)


def _of_sessions(name: str, known: np.ndarray, happened: np.ndarray) -> Event:
    """An event out of the sessions with a record that tells; out of all where every record says yes."""
    rows, none = np.arange(known.size), np.zeros(known.size, dtype=bool)
    if (known & ~happened).any() or not happened.any():
        return Event(name, "", rows, known, happened, none)
    # An empty cell may be a no that nobody wrote.
    return Event(name, "", rows, ~none, happened, ~known, says_no=False)
