"""What stands below times of side effects: checks, what was still there, what is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import selection_notes
from ketaoutcomes.analysis.side_effect_notes import denominator_notes, word_notes
from ketaoutcomes.analysis.side_effect_timing_tables import CLOCKS, FEWEST, Asked
from ketaoutcomes.analysis.side_effect_units import Units
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.effect_checks import Checks
from ketaoutcomes.derive.effect_times import OPEN, STILL_THERE, Told
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.text import patients

__all__ = ["timing_definitions", "timing_notes"]

_OWN = "Rule of this library"
_TURNBULL = "Turnbull 1976, J. R. Stat. Soc. B 38, 290"


def timing_definitions(asked: Asked, checks: object) -> tuple[tuple[str, str, str], ...]:
    """The definitions used, each with its source."""
    if checks is None:
        known = "Times are exact as recorded"
    else:
        what = (
            "readings of vital signs" if isinstance(checks, str) else "the clinic's minutes, the same in all"
        )
        known = (
            f"A recorded time lies after the check before it and not after the first check at or after it "
            f"(checks: {what}; and the discharge). Times after the last check were reported from home and "
            "are exact, as are all times of sessions without a check"
        )
    start = "the middle of the onset's interval" if asked.clock == "onset" else CLOCKS[asked.clock]
    return (
        ("Known times", known, _OWN),
        (
            "Minutes to resolution",
            f"From {start} to the end. Of the effects with a known time; one still there when last seen is "
            "right-censored there. Shares and medians are of the nonparametric curve of largest likelihood; "
            "limits are percentiles of a bootstrap of patients",
            _TURNBULL,
        ),
        (
            "Gone by discharge",
            "Of the effects that began before the discharge and of which it is known, those that had gone by "
            "then; the discharge is monitored_minutes, or else the last reading of vital signs of the "
            "session. Cluster-robust limits",
            "Cochran 1977, Sampling Techniques, chapter 6; the discharge is a rule of this library",
        ),
        (
            "Any side effect",
            "Of a session: from its first onset to its last end, and still there if one effect is",
            _OWN,
        ),
        (
            "Not known",
            "Effects without a length of which nothing says that they were still there, and those whose "
            "length cannot be placed. bound_low and bound_high are the shares if none of them had gone, or "
            "all",
            _OWN,
        ),
    )


def timing_notes(
    cohort: Cohort,
    units: Units,
    told: Told,
    looked: Checks,
    table: pd.DataFrame,
    asked: Asked,
    checks: object,
) -> list[str]:
    """The notes of `side_effect_timing`."""
    found = units.found
    notes = denominator_notes(cohort, found)
    inside = (units.cell >= 0) & ~units.is_any
    n = int(inside.sum())
    if found.session_row.size and not n:
        notes.append("No such side effect was found in a recorded session, so there are no times.")
    if n:
        notes += _known_notes(units, inside, told, n)
        notes += _check_notes(told, looked, checks)
        notes += _discharge_notes(units, looked)
        notes += _limit_notes(table, asked, checks)
        notes += word_notes(found)
    n_missing = int((units.grouped.code[found.session_row] < 0).sum())
    if n_missing:
        noun = "record" if n_missing == 1 else "records"
        notes.append(f"{n_missing:,} {noun} left out: '{units.grouped.by}' is missing.")
    return [*notes, *selection_notes(cohort), UNCONTROLLED]


def _known_notes(units: Units, inside: np.ndarray, told: Told, n: int) -> list[str]:
    """How many effects have times, were still there, or are not known."""
    state = units.times.state[inside]
    n_people = np.unique(units.patient[inside]).size
    n_still, n_open = int((state == STILL_THERE).sum()), int((state == OPEN).sum())
    notes = [
        f"{n:,} effects of {patients(n_people)}: {n - n_still - n_open:,} with a length, {n_still:,} still "
        f"there when last seen, {n_open:,} of which neither is recorded; these are left out of the curves "
        "and are not counted as gone at discharge."
    ]
    if told.counts["resolved_when"]:
        what = _effects(told.counts["resolved_when"], "is", "are")
        notes.append(f"{what} recorded as gone, but not when: not known here.")
    if told.counts["onset_missing"]:
        what = _effects(told.counts["onset_missing"], "has", "have")
        notes.append(
            f"{what} a length and no onset: the length is taken as recorded, and the time after the start "
            "of the session is not known."
        )
    if told.counts["at_last"]:
        notes.append(
            f"{_effects(told.counts['at_last'], 'ends', 'end')} at the discharge or the last reading, and "
            "nothing says that it had gone. If it had not, it lasted longer than here: record 'resolved'."
        )
    return notes


def _check_notes(told: Told, looked: Checks, checks: object) -> list[str]:
    if checks is None:
        return ["Times are taken as exact, as recorded: checks=None."]
    counts = told.counts
    notes = [
        f"{counts['times']:,} onsets and ends lie between checks: {counts['at_check']:,} of them were "
        "recorded at the minute of a check, the others in between; all are taken as known only to lie "
        "between two checks."
    ]
    if counts["no_checks"]:
        what = _effects(counts["no_checks"], "is", "are")
        notes.append(f"{what} of sessions without a check; the times are exact as recorded.")
    return notes


def _discharge_notes(units: Units, looked: Checks) -> list[str]:
    """Where the discharge is taken from."""
    rows = np.unique(units.found.session_row[np.unique(units.found.record)])
    known, stated = np.isfinite(looked.discharge[rows]), looked.is_stated[rows]
    notes = [
        f"Discharge of the {rows.size:,} sessions with an effect: {int(stated.sum()):,} by "
        f"monitored_minutes, {int((known & ~stated).sum()):,} by the last reading of vital signs, "
        f"{int((~known).sum()):,} not known."
    ]
    n_later = int((units.later & (units.cell >= 0) & ~units.is_any).sum())
    if n_later:
        what = _effects(n_later, "", "").rstrip()
        notes.append(f"{what} began after the discharge, so not in the share gone by then.")
    return notes


def _limit_notes(table: pd.DataFrame, asked: Asked, checks: object) -> list[str]:
    notes = []
    few = table[(table["n_events"] < FEWEST) & (table["quantity"] != "gone_by_discharge")]
    n_few = len(few[["effect", "ascertainment"]].drop_duplicates())
    if n_few:
        rows = "1 effect" if n_few == 1 else f"{n_few} effects"
        notes.append(f"Fewer than {FEWEST} known times in {rows} (by way of asking): no limits are given.")
    if not asked.n_replicates:
        notes.append("No bootstrap was asked for (n_replicates=0): medians and shares have no limits.")
    elif checks is not None:
        notes.append(
            "Limits hold where checks fall on few different minutes; where they are spread over all minutes "
            "they are a guide."
        )
    return notes


def _effects(n: int, one: str, several: str) -> str:
    """``"1 effect is"``, ``"20 effects are"``."""
    return f"1 effect {one}" if n == 1 else f"{n:,} effects {several}"
