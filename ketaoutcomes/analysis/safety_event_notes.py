"""What counts as each rare event, what is left out, and what the absence of one allows, in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import selection_notes
from ketaoutcomes.analysis.safety_published import known_stops
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.safety_events import (
    DEATH,
    HOSPITAL,
    RESCUE,
    SERIOUS,
    SEVERE,
    STOPPED,
    STOPPED_EARLY,
    Event,
    StatusEvents,
    given,
)
from ketaoutcomes.derive.side_effects import Recorded
from ketaoutcomes.draw.labels import count
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.safety_events import NOT_RECORDED
from ketaoutcomes.results.text import patients

__all__ = ["definitions", "safety_notes"]

OWN = "Rule of this library"
_EVENTS = {
    SERIOUS: "A side effect that the clinic calls serious, out of all sessions with side effects recorded. "
    "Where one is recorded without saying if it was serious, and none that is, the lower bound takes it as "
    "not serious and the upper bound as serious; 'none' is a record of no serious one",
    SEVERE: "A side effect whose severity is severe, out of all sessions with side effects recorded. Where "
    "one is recorded without a severity, and none that is severe, the lower bound takes it as not severe and "
    "the upper bound as severe; 'none' is a record of no severe one",
    STOPPED_EARLY: "The session was ended before the planned dose was given, for whatever "
    "reason. Out of the sessions that say yes or no; where no session of the cohort says no, out of all: the "
    "lower bound takes an empty cell as no, the upper bound as yes",
    RESCUE: "A medication given for a side effect: yes, a number above 0, or any word but those that begin "
    "with no, none, nil, not, without, nothing or never, or say declined or refused. Dashes, unknown, not "
    "documented and the like are no record, as an empty cell. Out of the sessions with a record; where none "
    "of the cohort says that none was given, out of all: the lower bound takes those without a record as "
    "none given, the upper bound as given",
    STOPPED: "The status in `disposition` is neither of treatment that goes on nor of a planned end, and the "
    "reason or status has a clause (between commas, semicolons, stops, slashes) that says side effect, "
    "adverse effect, event or reaction, AE, SAE, ADR, intolerance, not or poorly tolerated, tolerability or "
    "toxicity and does not deny it, or that is a side effect's name as a whole (due to and the like, severe "
    "and the like, and during or after the session aside). Out of the treated patients who are still in "
    "treatment, ended as planned, or have a reason that says why. Not known are those not reached or lost, "
    "with other, unknown or own decision, with a side effect among other words, with slight side effects or "
    "those of another medication, with a side effect by name beside a denial, and with suicidal ideation or "
    "a suicide attempt. The bounds count all treated patients",
    DEATH: "The status in `disposition`, or a whole clause of the reason, says that the patient died, of "
    "whatever cause",
    HOSPITAL: "A whole clause of the reason or status in `disposition` says that the patient was admitted to "
    "hospital, for whatever cause",
}
# What no session says, and what an empty cell may mean then.
_ONLY_YES = {
    STOPPED_EARLY: "that it was not stopped early, so empty cells may mean that it was not: enter no where "
    "it was not",
    RESCUE: "that none was given, so empty cells may mean none: enter no where none was given",
}
_LIMITS = (
    (
        "Share of sessions",
        "Sessions with the event, of sessions with that record; the interval allows for several "
        "sessions per patient (ratio with a bias-reduced variance; with few events Wilson's with the number "
        "of independent sessions that would tell as much); with no event it is exact with patients as n. Of "
        "two bounds the interval spans both",
        "Cochran 1977, Sampling Techniques, chapter 6; Bell and McCaffrey 2002, Survey Methodology 28, 169; "
        "Clopper and Pearson 1934, Biometrika 26, 404",
    ),
    (
        "Share of patients",
        "Patients with the event in at least one session, of patients with at least one session with "
        "that record; exact (Clopper-Pearson) interval, which spans both of two bounds",
        "Clopper and Pearson 1934, Biometrika 26, 404",
    ),
    (
        "Rule of three",
        "With no event in n, the exact one-sided upper limit 1 - (1 - level)^(1/n), about 3/n at 95 %; the "
        "two-sided one is 1 - ((1 - level)/2)^(1/n), about 3.7/n",
        "Hanley and Lippman-Hand 1983, JAMA 249, 1743",
    ),
)
_PUBLISHED = (
    "Recorded over expected",
    "Patients recorded as stopped for a side effect over the number expected at the published share, which "
    "is taken as known; Byar's limits. P is of the exact binomial test against that share, and mid-P counts "
    "half the probability of the recorded number. Given where at least one is expected",
    "Breslow and Day 1987, Statistical Methods in Cancer Research II, p. 69; Lancaster 1961, "
    "J. Am. Stat. Assoc. 56, 223",
)


def definitions(table: pd.DataFrame, compared: pd.DataFrame | None) -> tuple[tuple[str, str, str], ...]:
    """Definitions of the events in the table, of the limits, and of the comparison."""
    named = dict.fromkeys(table["event"])
    events = tuple((name[:1].upper() + name[1:], _EVENTS[name], OWN) for name in named)
    if compared is None or not len(compared):
        return (*events, *_LIMITS)
    sources = tuple(
        (known.study, f"{known.definition}; {known.denominator}", known.citation) for known in known_stops()
    )
    return (*events, *_LIMITS, _PUBLISHED, *sources)


def safety_notes(
    cohort: Cohort,
    found: Recorded,
    table: pd.DataFrame,
    ended: StatusEvents,
    per_session: Groups,
    per_patient: Groups,
    compared: pd.DataFrame | None,
    *,
    of_sessions: list[Event],
) -> tuple[str, ...]:
    """Denominators, what is not recorded, the ways of asking, and the published share."""
    notes = [
        "Each share is out of the sessions, or patients, with that record; those without are left out, not "
        "counted as none.",
        *_bounds(table),
        *_of_cells(of_sessions),
    ]
    absent = list(dict.fromkeys(table.loc[table["method"] == NOT_RECORDED, "event"]))
    if absent:
        notes.append(f"Not recorded: {', '.join(absent)}. No share can be given; it is not zero.")
    asked = [way for way in dict.fromkeys(table["ascertainment"]) if way]
    if len(asked) > 1:
        notes.append(
            "How one asks decides how many side effects are found: the ways of asking are given apart and "
            "never pooled. A session asked in two ways is in both."
        )
    if found.n_silent_unknown and np.unique(found.way).size > 1:
        notes.append(
            f"{found.n_silent_unknown:,} sessions are marked as recorded, have no row, and nothing says how "
            "they were asked."
        )
    if (table["n_events"] == 0).any():
        notes.append(
            "No recorded event is not a rate of zero. The limit with patients as n holds however alike the "
            "sessions of one patient are; that with sessions as n only if they are independent."
        )
    notes += _of_words(cohort)
    notes += _of_status(ended)
    for grouped, noun in ((per_session, "sessions"), (per_patient, "patients")):
        if grouped.n_missing:
            notes.append(f"{count(grouped.n_missing)} {noun} left out: '{grouped.by}' is missing.")
    if compared is not None and len(compared):
        notes += _of_published(compared, ended)
    return (*notes, *selection_notes(cohort), UNCONTROLLED)


def _of_published(compared: pd.DataFrame, ended: StatusEvents) -> list[str]:
    """What stands beside the published share, and where no ratio is given."""
    notes = []
    is_given = compared["ratio"].notna()
    if not is_given.all():
        notes.append(
            "Recorded over expected and P are given only where at least one patient is expected at the "
            "published share; with fewer, too few were treated for a comparison."
        )
    if (is_given & (compared["n"] < 20)).any():
        notes.append("No P is given where there are fewer than 20 patients.")
    notes.append(
        "The published share rests on providers' own counts over courses of another length; it is no "
        "limit that a clinic has to keep."
    )
    if ended.n_silent or ended.n_unclear or ended.n_no_reason:
        notes.append(
            "Beside the published share stand only the patients of whom it is known why treatment went "
            "on or ended."
        )
    return notes


def _of_cells(of_sessions: list[Event]) -> list[str]:
    """Early stops and rescue medication of which no session says no, or fewer than half say anything."""
    notes = []
    for event in of_sessions:
        if event.name not in _ONLY_YES or not event.is_recorded:
            continue
        n, name = event.row.size, event.name[:1].upper() + event.name[1:]
        if not event.says_no and event.unknown.any():
            notes.append(
                f"{name}: no session says {_ONLY_YES[event.name]}. All sessions are in n, and "
                f"{count(int(event.unknown.sum()))} of {count(n)} are not known."
            )
        elif 2 * event.counted.sum() < n:
            notes.append(
                f"{name}: known of {count(int(event.counted.sum()))} of {count(n)} sessions, fewer than "
                "half. Where cells are filled mostly when the answer is yes, the share is too high: enter "
                "yes or no for each session."
            )
    return notes


def _bounds(table: pd.DataFrame) -> list[str]:
    """What the bounds are, where there are two."""
    if not (table["n_unknown"].fillna(0) > 0).any():
        return []
    return [
        "Where a record does not tell, two bounds stand for the share: none, or all, of the unknown had the "
        "event; the interval spans both. n_unknown counts them."
    ]


def _of_words(cohort: Cohort) -> list[str]:
    """How many sessions have a word that is taken as a medication."""
    if "rescue_medication" not in cohort.sessions.columns:
        return []
    n_words = int(given(cohort.sessions["rescue_medication"]).by_word.sum())
    if not n_words:
        return []
    noun = "session" if n_words == 1 else "sessions"
    return [
        f"Rescue medication: in {count(n_words)} {noun} a word other than yes is taken as a medication given."
    ]


def _of_status(ended: StatusEvents) -> list[str]:
    """How the reasons were read, and of how many it is not known why they left."""
    notes = []
    if ended.n_reasons:
        notes.append(
            f"{patients(ended.n_reasons)} who stopped have a reason in words: {count(ended.n_in_general)} "
            f"with words for side effects, {count(ended.n_named)} with a side effect by name, "
            f"{count(ended.n_denied)} with words for side effects that are denied, {count(ended.n_silent)} "
            "that say nothing on why (not reached, lost, other, unknown and the like)."
        )
    if ended.n_unclear:
        noun, verbs = (
            ("reason", ("mentions", "is")) if ended.n_unclear == 1 else ("reasons", ("mention", "are"))
        )
        notes.append(
            f"{count(ended.n_unclear)} {noun} {verbs[0]} a side effect among other words and {verbs[1]} not "
            "classified: give the reason as one of 'side effects', the side effect's name alone (such as "
            "'nausea'), or the other reason alone (such as 'cost')."
        )
    if ended.events[0].is_recorded and ended.n_no_reason:
        notes.append(
            f"{patients(ended.n_no_reason)} without a status, or gone without a reason, may have stopped for "
            "a side effect or not."
        )
    if ended.events[0].is_recorded and (ended.n_silent or ended.n_unclear or ended.n_no_reason):
        notes.append(
            "Of stops for a side effect the unknown are not in n; both bounds are out of all treated."
        )
    return notes
