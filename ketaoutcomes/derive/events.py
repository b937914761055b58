"""Time to first response, known only to lie between two assessments."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import BaselineRule
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import clock_known
from ketaoutcomes.derive.each_session import session_event_set
from ketaoutcomes.derive.event_rows import (
    BETWEEN,
    CENSORED,
    CENSORED_HORIZON,
    FIRST,
    UNCONFIRMED,
    Followed,
    find_runs,
    followed,
    without_clock,
)
from ketaoutcomes.derive.event_setup import Asked, EventSet, Judged, asked, collected, judged
from ketaoutcomes.derive.scores import superseded
from ketaoutcomes.derive.stops import Stops
from ketaoutcomes.errors import DataError, Problem

__all__ = [
    "BETWEEN",
    "CENSORED",
    "CENSORED_HORIZON",
    "FIRST",
    "UNCONFIRMED",
    "EventSet",
    "event_set",
    "response_events",
]

NO_FOLLOW_UP = "no score after session 1"
NO_CLOCK_ORIGIN = "only the day of session 1 is known"
NO_CLOCK_SCORE = "no score with a clock time after session 1"
NEVER_CONFIRMED = "met at every assessment, never confirmed"
BY_LANDMARK = "met by the landmark"
NO_LATER = "no score after the landmark"
STOPPED_BEFORE = "treatment stopped by the landmark"


def response_events(
    cohort: Cohort,
    instrument: str,
    *,
    definition: str | None = None,
    kind: str = "first",
    window_days: float = 7.0,
    apart_hours: float = 24.0,
    origin: str = "first_session",
    baseline: str = "last_14_days",
    horizon_hours: float | None = None,
) -> pd.DataFrame:
    """Interval within which each patient first responded, and why it ends as it does.

    A patient responds at the first assessment after session 1 that meets the
    definition. The response came after the last assessment before that one
    (after session 1 if there is none) and by the time of that one: it lies in
    (left, right]. Without a response it lies beyond the last assessment. An
    assessment known only to the day enters at one time, its `hour`: 24 times a
    whole day, local noon of a date. Two ends for it would make one visit overlap
    itself, and the estimate would move all response into the overlap.

    A sustained response is met at that assessment and at every one within
    `window_days` after it, of which there is at least one. A confirmed response
    is met again at least `apart_hours` later, and at all assessments up to then.
    Both are dated at the first assessment of their run, and lie after the last
    one before it that does not meet the definition. What is never confirmed is
    right-censored there.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    definition : str, optional
        "response" (the default), "remission", or the name of a definition of either.
    kind : {"first", "sustained", "confirmed"}
    window_days : float
        For a sustained response. A whole number is counted in days to the nearest, any other by the
        clock.
    apart_hours : float
        For a confirmed response. A whole number of days is counted in days to the nearest (24 hours are
        fulfilled from 12 hours on), any other length by the clock.
    origin : {"first_session", "each_session"}
        With "each_session" a row per session at which the patient is not responding, from that
        session until the next.
    baseline : str
        Name of the baseline rule.
    horizon_hours : float, optional
        Of a patient's assessments after this hour only the first is looked at: it tells who had
        not responded at the horizon from who was no longer assessed.

    Returns
    -------
    DataFrame
        One row per patient with a valid baseline and a later score (or per session):
        `patient_id`, (`session`,) `left`, `right` (hours since session 1, or since that session; right
        is inf if not seen to respond), `event` (bool), `reason`, `baseline`,
        `n_assessments`, and the columns of `patients`.

    Raises
    ------
    DataError
        If no patient has both, or the definition does not suit the instrument.

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290.
    """
    return event_set(
        cohort,
        instrument,
        definition=definition,
        kind=kind,
        window_days=window_days,
        apart_hours=apart_hours,
        origin=origin,
        baseline=baseline,
        horizon_hours=horizon_hours,
    ).frame


def event_set(
    cohort: Cohort,
    instrument: str,
    *,
    definition: str | None = None,
    kind: str = "first",
    window_days: float = 7.0,
    apart_hours: float = 24.0,
    origin: str = "first_session",
    baseline: str = "last_14_days",
    horizon_hours: float | None = None,
    clock_needed: bool = False,
    clock: str = "hours",
    landmark_hours: float | None = None,
    stops: Stops | None = None,
) -> EventSet:
    """The events with the patients left out, counted by reason.

    With `clock_needed`, assessments after session 1 that are known only to the
    day are left out, and so are patients whose session 1 is. A baseline needs no
    clock time. `window_days` and `apart_hours` are then counted by the clock.

    With `clock="sessions"` the ends (and `horizon_hours`) are numbers of sessions; equal where the
    number is known. With `landmark_hours` only patients who are still assessed and not seen to
    respond by then are in, and times count from there: a run that began before it and is known to count
    only after it is dated at the first assessment after it, or who is at risk at the landmark would
    depend on what came later. With `stops` nothing after a patient's stop
    is looked at, and whoever stopped is in even without a later score.
    """
    found = judged(cohort, instrument, definition, baseline)
    ask = asked(
        kind=kind, window_days=window_days, apart_hours=apart_hours, origin=origin, clock=clock,
        horizon_hours=horizon_hours, clock_needed=clock_needed, landmark_hours=landmark_hours, stops=stops,
    )  # fmt: skip
    if origin == "each_session":
        return session_event_set(cohort, found, ask)
    return _patient_event_set(cohort, found, ask)


def _patient_event_set(cohort: Cohort, found: Judged, ask: Asked) -> EventSet:
    """One row per patient, counted from session 1 or from the landmark."""
    reason, eligible = found.reason.copy(), found.eligible
    origin_known = clock_known(cohort)
    if ask.clock_needed:
        reason[eligible & ~origin_known] = NO_CLOCK_ORIGIN
        eligible = eligible & origin_known
    seen, codes, left_out, after_stop = _assessments(found, eligible, ask)
    stopped = np.zeros(eligible.size, dtype=bool) if ask.stops is None else np.isfinite(ask.stops.hour)
    followed_up = seen.n_rows > 0
    unseen = eligible & ~followed_up & ~stopped
    reason[unseen] = NO_FOLLOW_UP
    reason[unseen & (left_out > 0)] = NO_CLOCK_SCORE
    analysed = eligible & (followed_up | stopped)
    n_without_clock = int(np.isin(reason, (NO_CLOCK_ORIGIN, NO_CLOCK_SCORE)).sum())
    _check_somebody(seen, analysed, found, ask, n_without_clock)

    runs = find_runs(seen, found.meets(seen.rows, codes), ask.rule)
    left, right = runs.sessions(seen) if ask.clock == "sessions" else runs.ends(seen)
    stop = None
    if ask.stops is not None:
        # A stop known only to the day did not come before an assessment of that day.
        late = np.where(np.isfinite(ask.stops.hour), np.fmax(ask.stops.hour, seen.last_hour), np.inf)
        stop = ask.stops.session if ask.clock == "sessions" else late
    start = ask.landmark_hours or 0.0
    pending = np.zeros(eligible.size, dtype=bool)
    if start:
        # Met before the landmark, but whether it would be confirmed only the time after it told.
        pending = (right <= start) & (runs.known > start)
        right = np.where(pending, np.fmin(_first_after(seen, start), runs.known), right)
        for mark, why in _over_by_landmark(seen, right, stop, start):
            reason[analysed & mark] = why
            analysed = analysed & ~mark
    idle = runs.tells_nothing & ~stopped & followed_up
    if start:
        idle |= ~runs.event & (left <= start) & ~stopped
    reason[analysed & idle] = NEVER_CONFIRMED
    analysed &= ~idle
    if not analysed.any():
        raise DataError(_nobody_left(found, ask))

    table = pd.DataFrame({"left": np.maximum(left - start, 0.0), "right": right - start})
    table["event"] = np.isfinite(right)
    table["reason"] = pd.array(runs.reasons(has_horizon=ask.has_horizon), dtype="str")
    table = table.assign(baseline=found.value, n_assessments=seen.n_rows)
    if stop is not None:
        table["stop"] = stop - start
    return collected(
        cohort, found, seen, table, analysed, np.arange(analysed.size), reason, start=start,
        n_day_only_dropped=int(left_out.sum()),
        n_unconfirmed=int((runs.unconfirmed & analysed).sum()),
        n_spanning=int((analysed & runs.event & (left < start) & ~pending).sum()),
        n_pending=int((analysed & pending).sum()),
        n_after_stop=int(after_stop[analysed].sum()),
    )  # fmt: skip


def _assessments(found: Judged, eligible: np.ndarray, ask: Asked):
    """The scores after session 1 and their patients; how many of each patient's are left out.

    Returns
    -------
    seen : Followed
    codes : (n,) int
    lost, after_stop : (n_patients,) int
        Without a clock time where one is needed; after treatment had stopped.
    """
    placed = found.placed
    codes = patient_codes(placed)
    hour = placed["hour"].to_numpy(float)
    keep = (placed["session"].to_numpy() > 0) & eligible[codes] & ~superseded(placed)
    after_stop = np.zeros(eligible.size, dtype=np.int64)
    if ask.stops is not None:
        # What is known only to the day counts as before a stop of that day.
        late = keep & (placed["hour_low"].to_numpy(float) > ask.stops.latest[codes])
        after_stop = np.bincount(codes[late], minlength=eligible.size)
        keep &= ~late
    until = ask.horizon + (ask.landmark_hours or 0.0)
    lost = np.zeros(eligible.size, dtype=np.int64)
    if ask.clock_needed:
        keep, lost = without_clock(placed, keep, codes, hour, eligible.size, until)
    measure = placed["session"].to_numpy(float)[keep] if ask.clock == "sessions" else None
    seen = followed(placed[keep], codes[keep], hour[keep], eligible.size, until=until, measure=measure)
    return seen, codes[keep], lost, after_stop


def _first_after(seen: Followed, start: float) -> np.ndarray:
    """Hour of each segment's first row after `start`; inf where there is none."""
    found = np.full(seen.last.size, np.inf)
    later = seen.hour > start
    np.minimum.at(found, np.repeat(np.arange(found.size), np.diff(seen.starts))[later], seen.hour[later])
    return found


def _over_by_landmark(seen: Followed, right, stop, landmark: float):
    """Who is no longer at risk at the landmark, and why."""
    later = seen.last_hour > landmark
    yield right <= landmark, BY_LANDMARK
    if stop is not None:
        yield stop <= landmark, STOPPED_BEFORE
        later |= np.isfinite(stop)
    yield ~later, NO_LATER


def _check_somebody(seen: Followed, analysed, found: Judged, ask: Asked, n_without_clock: int) -> None:
    """Raise where nobody is left, or nothing is known by the horizon."""
    if not analysed.any():
        raise DataError(_nobody(found.rule, found.instrument, n_without_clock))
    if not ask.has_horizon or ask.clock == "sessions" or ask.landmark_hours or ask.stops is not None:
        return
    if not (seen.rows["hour"].to_numpy(float)[seen.looked_at] <= ask.horizon).any():
        raise DataError(
            Problem(
                f"no patient with a valid baseline has a score of {found.instrument.name} between session 1 "
                "and the horizon, so nothing is known by then; choose a later horizon",
                table="scores",
                rule="no_events",
            )
        )


def _nobody(rule: BaselineRule, instrument: Instrument, n_without_clock: int) -> Problem:
    """Why there is nobody to analyse, and what to do about it."""
    if n_without_clock:
        return Problem(
            "no patient is left whose session 1 and a later score have a clock time, without which no time "
            f"in hours is known ({n_without_clock} patients left out for that reason); give the clock times, "
            'or use unit="days"',
            table="scores",
            rule="no_clock_times",
        )
    return Problem(
        f"no patient has both a valid baseline ({rule.text}) and a later score of {instrument.name}; "
        "data_quality(cohort, instrument).summary() counts who is left out and why",
        table="scores",
        rule="no_events",
    )


def _nobody_left(found: Judged, ask: Asked) -> Problem:
    """Why all of those who were followed are left out."""
    why = "is still assessed and without the outcome at the landmark; choose an earlier one"
    if ask.landmark_hours is None:
        why = f'has an assessment of {found.instrument.name} that does not meet the outcome; use kind="first"'
    return Problem(f"no patient {why}", table="scores", rule="no_events")
