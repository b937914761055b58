"""What stands below times of side effects: checks, what was still there, what is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import selection_notes
from ketaoutcomes.analysis.side_effect_notes import denominator_notes, word_notes
from ketaoutcomes.analysis.side_effect_timing_tables import CLOCKS, FEWEST, TOO_FEW, Asked
from ketaoutcomes.analysis.side_effect_units import Units
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.effect_checks import Checks
from ketaoutcomes.derive.effect_times import ENDED, OPEN, STILL_THERE, Told
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
            f"(checks: {what}; and the discharge, after which there are no planned ones). Times after the "
            "last check were reported from home and are exact, as are all times of sessions without a check"
        )
    start = CLOCKS[asked.clock]
    if asked.clock == "onset" and checks is not None:
        start = (
            "the middle of the onset's interval, an approximation (where the end is exact, from both ends of "
            "it; where checks are far apart beside how long effects last, shares are off by either, by up to "
            "a tenth),"
        )
    return (
        ("Known times", known, _OWN),
        (
            "Minutes to resolution",
            f"From {start} to the end. Of the effects with a known time; one still there when last seen is "
            "right-censored there. Shares and medians are of the nonparametric curve of largest likelihood, "
            "in which the effects still followed stand for those no longer followed; limits are percentiles "
            "of a bootstrap of patients",
            _TURNBULL,
        ),
        (
            "Followed",
            "n_followed: effects that were not found gone, and not last seen, before the minute. A share or "
            f"a median is not given where fewer than {FEWEST} were followed to it while one was last seen "
            "with the effect before; nor is a median that the curve does not reach",
            _OWN,
        ),
        (
            "Gone by discharge",
            "Of the effects that began before the discharge and of which it is known, those that had gone by "
            "then. One still there when last seen had not, if that was at or after the discharge or the last "
            "check before it; if it was earlier, that is not known. The discharge is monitored_minutes, or "
            "else the last reading of vital signs of the session, after which what ended is not known. "
            "Cluster-robust limits",
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
            "length cannot be placed. bound_low and bound_high are the shares of all effects found, if none "
            "of them and of those last seen before the minute had gone by it, or all; where onset and end "
            "are known to lie between checks, from the longest, or the shortest, length that these allow",
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
        counts = {name: int(values[units.number[inside]].sum()) for name, values in told.counts.items()}
        notes += _known_notes(units, inside, counts, n)
        notes += _check_notes(counts, checks)
        notes += _discharge_notes(units, inside, looked)
        notes += _followed_notes(table)
        notes += _limit_notes(table, asked, checks)
        notes += word_notes(found)
    if units.n_without_group:
        what = _effects(units.n_without_group, "is", "are")
        notes.append(f"{what} left out: '{units.grouped.by}' is missing.")
    return [*notes, *selection_notes(cohort), UNCONTROLLED]


def _known_notes(units: Units, inside: np.ndarray, counts: dict[str, int], n: int) -> list[str]:
    """How many effects have times, were still there, or are not known."""
    state = units.times.state[inside]
    n_people = np.unique(units.patient[inside]).size
    n_still, n_open = int((state == STILL_THERE).sum()), int((state == OPEN).sum())
    notes = [
        f"{n:,} effects of {patients(n_people)}: {n - n_still - n_open:,} with a length, {n_still:,} still "
        f"there when last seen, {n_open:,} of which neither is recorded; these are left out of the curves "
        "and are not counted as gone at discharge."
    ]
    if counts["resolved_when"]:
        what = _effects(counts["resolved_when"], "is", "are")
        notes.append(f"{what} recorded as gone, but not when: not known here.")
    if counts["onset_missing"]:
        what = _effects(counts["onset_missing"], "has", "have")
        notes.append(
            f"{what} a length and no onset: the length is taken as recorded, and the time after the start "
            "of the session is not known."
        )
    if counts["at_last"]:
        notes.append(
            f"{_effects(counts['at_last'], 'ends', 'end')} at the discharge or the last reading, and "
            "nothing says that it had gone. If it had not, it lasted longer than here: record 'resolved'."
        )
    return notes


def _check_notes(counts: dict[str, int], checks: object) -> list[str]:
    if checks is None:
        return ["Times are taken as exact, as recorded: checks=None."]
    notes = [
        f"{counts['times']:,} onsets and ends lie between checks: {counts['at_check']:,} of them were "
        "recorded at the minute of a check, the others in between; all are taken as known only to lie "
        "between two checks."
    ]
    if counts["exact_end"]:
        what = _effects(counts["exact_end"], "has", "have")
        notes.append(
            f"{what} an exact end and an onset between checks: the length lies between the lengths from "
            "both checks."
        )
    if counts["widened"]:
        what = _effects(counts["widened"], "has", "have")
        notes.append(
            f"{what} a recorded length outside the interval from the middle of the onset's; the interval is "
            "widened to it."
        )
    if counts["no_checks"]:
        what = _effects(counts["no_checks"], "is", "are")
        notes.append(f"{what} of sessions without a check; the times are exact as recorded.")
    return notes


def _discharge_notes(units: Units, inside: np.ndarray, looked: Checks) -> list[str]:
    """Where the discharge is taken from, and what is known after it."""
    rows = np.unique(units.session[inside])
    known, stated = np.isfinite(looked.discharge[rows]), looked.is_stated[rows]
    sessions = "session" if rows.size == 1 else "sessions"
    notes = [
        f"Discharge of the {rows.size:,} {sessions} with an effect: {int(stated.sum()):,} by "
        f"monitored_minutes, {int((known & ~stated).sum()):,} by the last reading of vital signs, "
        f"{int((~known).sum()):,} not known."
    ]
    n_later = int((units.later & inside).sum())
    if n_later:
        what = _effects(n_later, "", "").rstrip()
        notes.append(f"{what} began after the discharge, so not in the share gone by then.")
    discharge, times = looked.discharge[units.session], units.times
    # The patient may have been watched for longer than to the last reading.
    n_between = int(
        (
            inside
            & ~looked.is_stated[units.session]
            & (times.end_low >= discharge)
            & (times.end_high > discharge)
            & (times.state == ENDED)
        ).sum()
    )
    if n_between:
        what = _effects(n_between, "", "").rstrip()
        notes.append(
            f"{what} ended after the last reading in a session that does not state its discharge: not known "
            "whether gone by then."
        )
    still = inside & (times.state == STILL_THERE) & np.isnan(units.gone)
    n_lost = int((still & np.isfinite(discharge) & ~(times.seen >= discharge)).sum())
    if n_lost:
        what = _effects(n_lost, "was", "were")
        notes.append(
            f"{what} still there when last seen, before the discharge and the last check before it: not "
            "known whether gone by discharge."
        )
    last = np.where(times.state == STILL_THERE, times.end_low, times.end_high)
    n_after = int((inside & (last > discharge)).sum())
    if n_after:
        what = _effects(n_after, "was", "were")
        notes.append(
            f"{what} followed after the discharge: those of patients who were called or wrote, who may "
            "differ from the others. Shares after it rest on them."
        )
    return notes


def _followed_notes(table: pd.DataFrame) -> list[str]:
    """Where too few were followed for a number."""
    short = table[table["method"] == TOO_FEW]
    if not len(short):
        return []
    n = len(short[["effect", "ascertainment"]].drop_duplicates())
    rows = "1 effect" if n == 1 else f"{n} effects"
    return [
        f"Fewer than {FEWEST} were followed to some minutes in {rows} (by way of asking), and others were "
        "last seen with the effect before: shares by then, and medians there, are not known. The bounds are "
        "given."
    ]


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
