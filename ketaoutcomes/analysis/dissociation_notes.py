"""What was counted as dissociation, what was left out, and what the numbers do not say, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.dissociation_course import NOMINAL, n_nominal
from ketaoutcomes.analysis.dissociation_model import FEWEST_FOR_P, PeakModel
from ketaoutcomes.analysis.dissociation_tables import (
    DOSE_EDGES,
    EFFECT,
    LAST_PAIR,
    LEAST_STAYERS,
    dose_of,
)
from ketaoutcomes.analysis.notes import selection_notes
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.catalog.ways_of_asking import asked_words
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.dissociation import TOLERANCE_MINUTES, Returns, SessionPeaks, Threshold
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.draw.labels import count, percent
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.text import patients

__all__ = ["ONE_EACH", "definitions", "not_recorded", "peak_notes"]

ONE_EACH = "One assessment per session; return cannot be seen."
OWN_RULE = "Rule of this library"


def definitions(
    instrument: Instrument, limit: Threshold, window: tuple[float, float]
) -> tuple[tuple[str, str, str], ...]:
    """Definitions of the score, the threshold and the quantities."""
    edges = ", ".join(f"{edge:g}" for edge in DOSE_EDGES)
    return (
        (instrument.name, instrument.label, instrument.citation),
        (
            "Highest score of a session",
            f"The highest {instrument.name} score of those taken during or after a session, up to "
            f"{window[1]:g} minutes after its start; a score up to {-window[0]:g} minutes before it is the "
            f"score before it. One that says 'during' counts from {TOLERANCE_MINUTES:g} minutes before the "
            "recorded start, as at minute 0. A score on the day of its session where one of the two has no "
            "clock time, or at the session's own time, is during it unless its timing says 'pre', whatever "
            "`same_time` says of other scores: the scale asks about now, and is given for the session",
            OWN_RULE,
        ),
        # What a threshold is not stands in the notes.
        (limit.words.capitalize(), limit.meaning.partition(";")[0], limit.source),
        (
            "Mean",
            "Mean of sessions; limits by CR2 with Bell and McCaffrey's degrees of freedom, by patient",
            "Pustejovsky and Tipton 2018, J. Bus. Econ. Stat. 36, 672",
        ),
        (
            "Share",
            f"Sessions with a score {limit.words}, of sessions with a score; limits from a CR2 variance "
            "with patients as clusters, in the way named by `method`",
            "Cochran 1977, Sampling Techniques, chapter 6; Bell and McCaffrey 2002, Surv. Methodol. 28, 169",
        ),
        (
            "Return",
            f"Minutes from the start of the session to the first score not {limit.words} after one that is; "
            "it lies between two assessments",
            "Turnbull 1976, J. R. Stat. Soc. B 38, 290",
        ),
        (
            "Dose bands",
            f"mg/kg within each route, from {edges}, and quarters of the scored sessions of each route",
            OWN_RULE,
        ),
        (
            "Nominal minute",
            "Before the session 0; after its start "
            + ", ".join(f"{minute} from minute {start:g}" for minute, start in NOMINAL.items())
            + ", then every hour",
            OWN_RULE,
        ),
    )  # fmt: skip


def not_recorded(cohort: Cohort, found: SessionPeaks) -> tuple[str, ...]:
    """Why there is no number."""
    name = found.instrument.name
    why = f"the cohort has no {name} score"
    if len(found.left_out) or len(found.assessments):
        why = f"no {name} score was taken during or after a session"
    return (
        f"Dissociation is not recorded: {why}. It is not zero.",
        *_left_out(found),
        *selection_notes(cohort),
        UNCONTROLLED,
    )


def peak_notes(
    cohort: Cohort,
    found: SessionPeaks,
    limit: Threshold,
    back: Returns,
    grouped: Groups,
    model: PeakModel,
    *,
    pairs: pd.DataFrame,
    against: pd.DataFrame,
    arguments: Mapping[str, Any],
) -> tuple[str, ...]:
    """All notes of a result, what decides how it is read before the bookkeeping."""
    scored = np.isfinite(found.peak)
    n_people = np.unique(patient_codes(cohort.sessions)[scored]).size
    total = len(cohort.sessions)
    first = (
        f"{count(scored.sum())} of {count(total)} sessions have a {found.instrument.name} score during or "
        f"after them ({patients(n_people)}); {count(total - scored.sum())} without one are not recorded: "
        "left out, not counted as 0."
    )
    return (
        first,
        *_untimed_notes(found),
        *_threshold_notes(found.instrument, limit),
        *_assessment_notes(found),
        *_return_notes(found, limit, back, arguments),
        *_staying_notes(pairs),
        *_dose_notes(cohort, found, model),
        *_against_notes(against, limit),
        *_left_out(found),
        "Limits are missing where there are fewer than 2 patients, or all values are equal.",
        *_by_notes(grouped, scored),
        *selection_notes(cohort),
        UNCONTROLLED,
    )


def _threshold_notes(instrument: Instrument, limit: Threshold) -> list[str]:
    """What the threshold is, and what the catalogue says of the scale."""
    name = f"{limit.words[:1].upper()}{limit.words[1:]} points"
    return [" ".join((f"{name}: {limit.meaning}.", *instrument.notes))]


def _untimed_notes(found: SessionPeaks) -> list[str]:
    """Scores during a session at no known minute: known to the day, or at the session's own time."""
    after = found.after
    rows = after[after["minute"].isna()]
    n, n_by_rule = len(rows), int(rows["by_rule"].sum())
    if not n:
        return []
    where = f"{count(rows['row'].nunique())} session{'' if rows['row'].nunique() == 1 else 's'}"
    words = (
        f"{count(n)} of {count(len(after))} scores counted, of {where}, {'has' if n == 1 else 'have'} no "
        f"minute: the score or the session is known only to the day, or both have one time. "
    )
    if n_by_rule:
        words += (
            f"{count(n_by_rule)} of them say no timing and count as during the session; one taken before it "
            "needs the timing 'pre'. "
        )
    return [words + "They count for the highest score and the share, not for the course over minutes."]


def _assessment_notes(found: SessionPeaks) -> list[str]:
    """How often and when sessions were assessed: what the highest score depends on."""
    n_after = found.n_after[found.n_after > 0]
    minute = found.after["minute"].to_numpy()
    timed = minute[np.isfinite(minute)]
    when = ""
    if timed.size:
        low, middle, high = np.quantile(timed, (0.1, 0.5, 0.9))
        known = "" if timed.size == minute.size else " where known"
        when = f" at minute {middle:.0f} (median; 10th to 90th percentile {low:.0f} to {high:.0f}){known}"
    if n_after.max() == 1:
        notes = [
            f"Each session was assessed once{when}: what is given is the score "
            f"{'at that minute' if when else 'then'}, and the highest of the session may have been at "
            "another."
        ]
    else:
        notes = [
            f"Assessments per session: median {np.median(n_after):g}, most {n_after.max():g}{when}. The "
            "highest of more assessments is higher: compare only sessions that were assessed alike. Where a "
            "session was assessed until the score was low, the number follows from the dissociation itself."
        ]
    if not timed.size:
        notes.append("No minute of an assessment is known: there is no course over minutes.")
    elif n_nominal(found) < 2:
        notes.append("All assessments are at one nominal minute: there is no course over minutes.")
    else:
        notes.append(
            "Means by minute are of the sessions assessed then; who is assessed late in a session is not a "
            "random sample."
        )
    return notes


def _return_notes(
    found: SessionPeaks, limit: Threshold, back: Returns, arguments: Mapping[str, Any]
) -> list[str]:
    """What is known of the return to the threshold."""
    if found.n_after.max() == 1:
        return [ONE_EACH]
    if not back.seen.any():
        return [
            f"No session has a score {limit.words} at a known minute and a later one; return cannot be seen."
        ]
    n_open = int(np.isinf(back.right).sum())
    notes = [
        f"Return: {count(back.row.size)} sessions with a score {limit.words} at a known minute; "
        f"{count(n_open)} were not back at their last assessment (right-censored). Between two assessments "
        f"the share lies between `estimate` and `estimate_high`; limits by "
        f"{count(arguments['n_replicates'])} bootstrap samples of patients. A "
        "session that was back before its first assessment is not among them."
    ]
    if back.n_again:
        noun = "session was" if back.n_again == 1 else "sessions were"
        notes.append(f"{count(back.n_again)} {noun} {limit.words} once more after the return.")
    return notes


def _staying_notes(pairs: pd.DataFrame) -> list[str]:
    """Who later sessions are of."""
    words = (
        "Later sessions are those of patients who went on with treatment; who found session 1 hard may not "
    )
    words += "be among them. A difference between groups of sessions is one between patients as well. "
    if not len(pairs):
        return [words + f"Fewer than {LEAST_STAYERS} patients have session 1 and a later one scored."]
    return [
        words
        + "`.stayers` has the change within patients who have both scores, and the mean at session 1 of "
        f"the others, for sessions 2 to {LAST_PAIR} with at least {LEAST_STAYERS} such patients."
    ]


def _dose_notes(cohort: Cohort, found: SessionPeaks, model: PeakModel) -> list[str]:
    """What doses and the model do not say."""
    scored = np.isfinite(found.peak)
    n_no_dose = int((scored & np.isnan(dose_of(cohort))).sum())
    notes = []
    if n_no_dose:
        notes.append(f"{_sessions(n_no_dose)} no dose per body weight and in no dose band.")
    if model.why:
        return [*notes, f"No model: {model.why}."]
    notes.append(
        "Model: mean peak in points, by least squares with cluster-robust limits, which assume neither a "
        "distribution nor equal variances. A slope within patients compares a patient's sessions, one "
        "between patients compares patients' means; each is per doubling of the session number or of "
        "the dose."
    )
    if any("dose" in term for term in model.table["term"]):
        notes.append(
            "Titration: doses are chosen in view of earlier sessions, lowered after strong dissociation and "
            "raised where little was felt or gained. The slopes of dose are associations, also within "
            "patients."
        )
    if model.route:
        notes.append(
            "One slope of dose for all routes; sessions by other routes are compared at the same mg/kg."
        )
    if model.dropped:
        notes.append(f"Not in the model, since they do not vary by themselves: {'; '.join(model.dropped)}.")
    if len(model.table) and model.table["p_value"].isna().all():
        notes.append(f"No p-values with fewer than {FEWEST_FOR_P} patients.")
    return notes


def _against_notes(against: pd.DataFrame, limit: Threshold) -> list[str]:
    """How often scale and record agree."""
    if not len(against):
        return ["No session has both a score and a record of side effects."]
    parts = []
    for row in against.to_dict("records"):
        agree = (row["both"] + row["neither"]) / row["n"]
        parts.append(
            f"{asked_words(row['ascertainment'])}: both {count(row['both'])}, only the scale "
            f"{count(row['only_scale'])}, only the record {count(row['only_recorded'])}, neither "
            f"{count(row['neither'])} ({percent(agree)} alike)"
        )
    return [
        f'Sessions {limit.words} against "{EFFECT}" on record as a side effect in the same session, '
        f"{'; '.join(parts)}. Neither is the truth of the other."
    ]


def _left_out(found: SessionPeaks) -> list[str]:
    """Scores that belong to no session, by reason."""
    if not len(found.left_out):
        return []
    reasons = "; ".join(f"{row.reason} {count(row.n)}" for row in found.left_out.itertuples())
    return [f"{found.instrument.name} scores left out: {reasons}."]


def _by_notes(grouped: Groups, scored: np.ndarray) -> list[str]:
    """Sessions without a level of `by`."""
    n_missing = int((scored & (grouped.code < 0)).sum())
    if grouped.by is None or not n_missing:
        return []
    return [f"{_sessions(n_missing)} no '{grouped.by}' and left out."]


def _sessions(n: int) -> str:
    """``"1 scored session with"``, ``"12 scored sessions with"``."""
    return f"{count(n)} scored session{'' if n == 1 else 's'} with"
