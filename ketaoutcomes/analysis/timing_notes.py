"""What is said beside a time-to-response curve: what was left out, assumed and compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import dropped_notes, same_time_note
from ketaoutcomes.analysis.timing_ask import Ask
from ketaoutcomes.analysis.timing_curves import SCHEDULES_DIFFER, Compared
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.each_session import STATE_DAYS
from ketaoutcomes.derive.event_rows import run_rule
from ketaoutcomes.derive.event_setup import EventSet
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.landmark import LANDMARK_GROUPS, known_only_after
from ketaoutcomes.derive.scores import HOURS_PER_DAY
from ketaoutcomes.derive.stops import Stops
from ketaoutcomes.results.curve_words import NEGLIGIBLE, late_words, moment, naive_name
from ketaoutcomes.results.text import patients

__all__ = ["beyond_notes", "comparison_notes", "landmark_notes", "notes"]


def notes(
    cohort: Cohort,
    ask: Ask,
    events: EventSet,
    tables: Mapping[str, pd.DataFrame],
    end: float,
    stops: Stops | None,
) -> list[str]:
    """The notes in the order in which a reader needs them."""
    found = [_analysed(ask, events), *dropped_notes(events.dropped, events.n_starters)]
    found += _session_notes(events)
    found.append(same_time_note(cohort))
    found += _kind_notes(ask, events)
    if stops is not None:
        n_stopped = int(tables["fits"]["n_stopped"].sum())
        found += _stop_notes(ask, stops, n_stopped, events)
    found += _recall_notes(ask, end)
    # The likelihood puts mass among times that nearly coincide, not into the gap between visits: at a visit's
    # planned time this cancels out, beside it it does not (tests/simulation/test_time_to_response_truth.py).
    if ask.unit != "sessions":
        found.append(
            "Where assessments cluster around planned times, read the curve at those times (the landmarks): "
            "just before a cluster it is too low and just after it too high, and the band is approximate "
            "there. The median's interval may lie inside a cluster, too late and too narrow: quote its "
            "confidence interval, or round the times to the planned ones."
        )
        found += _clock_notes(events)
    found += _band_notes(ask, tables["fits"])
    found.append(_naive_note(ask, tables["medians"]))
    found.append(f"The log-likelihood is at most {tables['fits']['gap'].max():.0e} below its maximum.")
    if not tables["fits"]["unique"].all():
        found.append("Other curves have the same likelihood: the masses are not unique.")
    return found


def _analysed(ask: Ask, events: EventSet) -> str:
    if ask.origin == "first_session":
        return f"{patients(len(events.frame))} analysed."
    n = events.frame["patient_id"].nunique()
    return f"{len(events.frame):,} sessions of {patients(n)} analysed."


def _session_notes(events: EventSet) -> list[str]:
    """Where each session is an origin: which are left out, and what ends observation."""
    if events.sessions_dropped is None:
        return []
    found = []
    if len(events.sessions_dropped):
        out = events.sessions_dropped
        reasons = "; ".join(f"{row.reason} {row.n_sessions:,}" for row in out.itertuples())
        total = int(out["n_sessions"].sum())
        found.append(
            f"{total:,} sessions of patients with a valid baseline left out: {reasons}. "
            f"The state at a session is that of the last score before it, if it is at most {STATE_DAYS} days "
            "old."
        )
    found.append(
        "Change is counted from the baseline before session 1. Each session is followed until the next one, "
        "which ends observation. That is informative: the next session is booked sooner, or not at all, "
        "depending on how the patient is; the curve is what would be if it were not. Sessions of one patient "
        "are kept together in the band and in the test."
    )
    return found


def _kind_notes(ask: Ask, events: EventSet) -> list[str]:
    """Which outcome counts, and what is taken of those no longer assessed."""
    what = events.definition.kind
    later = "Patients who were no longer assessed are taken to reach it later as those still assessed."
    if ask.competing is not None:
        later = ""
    if ask.kind == "first":
        return [f"First {what}, not necessarily kept. {later}".rstrip()]
    rule = _length_words(ask)
    found = [
        f"{ask.kind.capitalize()} {what}: met at an assessment and {rule}. It is dated at the first of these "
        f"assessments, although it is known to be {ask.kind} only later. {later}".rstrip()
    ]
    if events.n_unconfirmed:
        n = events.n_unconfirmed
        who = patients(n) if ask.origin == "first_session" else f"{n:,} sessions"
        found.append(
            f"Unconfirmed: {who} with the outcome met at the last assessment, right-censored at the last "
            "assessment that did not meet it."
        )
    return found


def _length_words(ask: Ask) -> str:
    """How long the outcome must hold, and how that is counted."""
    rule = run_rule(
        ask.kind, window_days=ask.window_days, apart_hours=ask.apart_hours, by_clock=ask.unit == "hours"
    )
    if ask.kind == "sustained":
        how = "by the clock" if rule.by_clock else "counted in days to the nearest whole day"
        return (
            f"at every assessment in the {ask.window_days:g} days after it ({how}), of which there is at "
            "least one"
        )
    least = ask.apart_hours - HOURS_PER_DAY / 2
    how = "by the clock" if rule.by_clock else f"counted in days to the nearest: from {least:g} hours on"
    return f"again at least {ask.apart_hours:g} hours later ({how}), and at every assessment up to then"


def _stop_notes(ask: Ask, stops: Stops, n_stopped: int, events: EventSet) -> list[str]:
    """Who stopped, and what is taken to have happened before."""
    what = events.definition.kind
    state = "is taken not to have happened: by each time at least so many responded"
    if ask.stop_state == "response":
        state = (
            "is taken to have happened in all of them, right after the last assessment: by each time at most "
            "so many responded"
        )
    found = [
        f"Treatment stop is a competing event, from disposition: {patients(n_stopped)} stopped before {what} "
        f"was seen. For {patients(stops.n_planned)} of the cohort treatment ended as planned, which censors "
        f"at the last assessment. A {what} between the last assessment and the stop {state}. The curve is "
        f"the share who reach {what} before they stop, in this clinic, not what would be if nobody stopped."
    ]
    less = (
        (stops.n_silent, "without a status count as not known to have stopped."),
        (stops.n_undated, "stopped at a time that is not given, and count as not known to have stopped."),
        (stops.n_moved, "had a session after their stop; they count as stopped at that session."),
    )
    found += [f"{patients(n)} {words}" for n, words in less if n]
    if stops.n_day_only:
        found.append(
            f"{stops.n_day_only:,} {'stop is' if stops.n_day_only == 1 else 'stops are'} known only to the "
            "day; assessments of that day count as made before it."
        )
    if events.n_after_stop:
        n = events.n_after_stop
        found.append(
            f"{n:,} {'assessment' if n == 1 else 'assessments'} after treatment had stopped "
            f"{'was' if n == 1 else 'were'} not looked at."
        )
    return found


def _recall_notes(ask: Ask, end: float) -> list[str]:
    """How far back the instrument's question looks."""
    known, since = ask.instrument, "session 1"
    if ask.origin == "each_session":
        since = "the session"
    if ask.unit == "sessions" or ask.landmark is not None or not known.recall_days > 0:
        return []
    if ask.unit == "days":
        days = min(known.recall_days, end)
        return [
            f"{known.name} asks about the past {known.recall_days:g} days: in the first {days:g} days of "
            f"the curve a score still looks back to before {since}."
        ]
    return [
        f"{known.name} asks about the past {known.recall_days * HOURS_PER_DAY:g} hours: a score within "
        f"that time still looks back to before {since}."
    ]


def _clock_notes(events: EventSet) -> list[str]:
    """How many times are known only to the day, and what became of them."""
    found = []
    if events.n_day_only:
        found.append(
            f"{events.n_day_only:,} of {events.n_assessments:,} assessments are known only to the day. Each "
            "enters at one time, 24 hours times the whole day or local noon of the date: read times to "
            "within a day."
        )
    if events.n_day_only_dropped:
        one = events.n_day_only_dropped == 1
        counted = "1 assessment" if one else f"{events.n_day_only_dropped:,} assessments"
        found.append(
            f"{counted} after session 1 known only to the day {'was' if one else 'were'} left out: no time "
            "in hours can be read from them. As a baseline such a score is used."
        )
    if events.n_origin_uncertain:
        found.append(
            f"For {patients(events.n_origin_uncertain)} only the day of session 1 is known; their times "
            "count from the hour that stands for it."
        )
    return found


def _band_notes(ask: Ask, fits: pd.DataFrame) -> list[str]:
    if not ask.n_replicates:
        return []
    found = [f"Band: percentiles of {ask.n_replicates} bootstrap samples of patients, pointwise."]
    if ask.resample == "m-out-of-n":
        found = [
            f"Band: {ask.n_replicates} bootstrap samples of m of n patients, m the power 2/3 of n, on the "
            "scale of the cube root of n, pointwise: for assessments spread over continuous time."
        ]
    if (fits["n_patients"] == 1).any():
        found.append("One patient alone gives no interval of a median, however many sessions it has.")
    if fits["n_failed"].any():
        found.append(f"{int(fits['n_failed'].sum())} bootstrap fits failed and are not in the band.")
    return found


def _naive_note(ask: Ask, medians: pd.DataFrame) -> str:
    """What the dashed curve is, and how far it may be compared."""
    unit, name = ask.unit, naive_name(ask.competing is not None)
    text = f"{name} at detection is shown for comparison only: "
    if ask.stop_state == "response" and ask.competing is not None:
        return text + (
            "it counts the responses that were found, at the assessment that found them. The curve also "
            "counts those that nobody saw, so the two are not compared."
        )
    if ask.origin == "each_session":
        text += (
            "it dates a response after a session at the assessment that found it, and takes a session "
            "without one out of the count at its last assessment, so it may lie before or after the curve"
        )
    elif (medians["late_low"] < -NEGLIGIBLE).any():
        text += (
            "it dates each patient at the assessment that found the change, and takes those not seen to "
            "change out of the count at their last assessment, so it may lie before or after the curve"
        )
    else:
        text += (
            "it dates each patient at the assessment that found the change, which is late by up to the gap "
            "between assessments"
        )
    if len(medians) == 1 and np.isfinite(medians["naive"].iloc[0]) and np.isfinite(medians["high"].iloc[0]):
        row = medians.iloc[0]
        low, high = moment(row["low"], unit), moment(row["high"], unit)
        ours = "interval-censored " if ask.competing else "Turnbull "
        ours += low if low == high else f"{low} to {high}"
        late = late_words(row["late_low"], row["late_high"], unit)
        text += f" (median {moment(row['naive'], unit)}, {late}; {ours})"
    return text + "."


def landmark_notes(cohort: Cohort, ask: Ask, events: EventSet, grouped: Groups) -> list[str]:
    """Who is analysed from the landmark on, and as what."""
    if ask.landmark is None:
        return []
    when, what = moment(ask.landmark, ask.unit), events.definition.kind
    found = [
        f"Landmark {when}: only patients who were still assessed and not known to have reached {what} by "
        f"then are analysed, and times count from {when} after session 1."
    ]
    if ask.by in LANDMARK_GROUPS:
        found.append(f"Groups: {LANDMARK_GROUPS[ask.by]} ({when}); what comes later does not change them.")
    elif ask.by is not None and grouped.source == "sessions" and known_only_after(cohort, ask.by):
        found.append(f"Groups: '{ask.by}' at the last session by {when}.")
    if events.n_spanning:
        found.append(
            f"For {patients(events.n_spanning)} the last assessment without {what} was before the landmark "
            "and the first with it after: it is taken to have come after the landmark."
        )
    if events.n_pending:
        found.append(
            f"For {patients(events.n_pending)} {what} was met before the landmark and known to be {ask.kind} "
            "only after it. Who is at risk at the landmark may not depend on that: they are in, and it is "
            "dated at the first assessment after the landmark."
        )
    return found


def comparison_notes(ask: Ask, found: Compared) -> list[str]:
    """What the test assumes, whether that holds, or why there is no test."""
    if found.table is None:
        return [found.why_not] if found.why_not else []
    first = found.table.iloc[0]
    p = first["schedule_p_value"]
    alike = "differ" if p < SCHEDULES_DIFFER else "do not differ clearly"
    notes = [
        "The test exchanges the groups of whole patients, which takes them to be assessed on the same "
        f"schedule: gaps between their assessments {alike} "
        f"(Kolmogorov–Smirnov by permutation, p {'<0.001' if p < 0.001 else f'= {p:.3f}'})."
    ]
    if len(found.table) > 1:
        notes.append(
            "Assessment schedules differ between groups: the first test may reject too seldom or too often. "
            "The second row of the comparison does not assume equal schedules"
            + (
                "."
                if np.isfinite(found.table["p_value"].iloc[1])
                else ", but there are too few events in a group for it."
            )
        )
    return notes


def beyond_notes(ask: Ask, end: float) -> list[str]:
    """Which of the landmarks that were asked for lie after all assessments."""
    beyond = ask.marks[ask.marks > end]
    if ask.at is None or not beyond.size:
        return []
    words = ", ".join(f"{time:g}" for time in beyond)
    return [f"No landmark is given at {words} {ask.unit}: the last time known is {end:g} {ask.unit}."]
