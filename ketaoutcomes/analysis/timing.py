"""How fast patients respond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import cited, outcome_words, selection_notes
from ketaoutcomes.analysis.timing_ask import Ask, checked
from ketaoutcomes.analysis.timing_curves import Compared, Stopping, compared, competing_curves
from ketaoutcomes.analysis.timing_groups import event_groups, left_out_notes, patients_per_level
from ketaoutcomes.analysis.timing_notes import beyond_notes, comparison_notes, landmark_notes, notes
from ketaoutcomes.analysis.timing_words import shows, title
from ketaoutcomes.analysis.turnbull import Settings, curves
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.event_setup import EventSet
from ketaoutcomes.derive.events import event_set
from ketaoutcomes.derive.landmark import check_known_at_start
from ketaoutcomes.derive.outcomes import find_outcome
from ketaoutcomes.derive.stops import treatment_stops
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.curve import PAST_TENSE, CurveResult
from ketaoutcomes.results.curve_words import origin_words

__all__ = ["time_to_remission", "time_to_response"]

_TURNBULL = (
    "Turnbull estimate",
    "The nonparametric maximum likelihood curve of a time that is known only to lie between two assessments, "
    "(last without response, first with response]; undetermined in between",
    "Turnbull 1976, J. R. Stat. Soc. B 38, 290",
)
_INCIDENCE = (
    "Cumulative incidence",
    "The nonparametric maximum likelihood share that responded by then, before treatment stopped; the time "
    "of a response is known only to lie between two assessments, that of a stop is known",
    "Hudgens, Satten and Longini 2001, Biometrics 57, 74",
)
_SMALLEST_GROUP = 2


def time_to_response(
    cohort: Cohort,
    instrument: str,
    *,
    by: str | None = None,
    kind: str = "first",
    origin: str = "first_session",
    unit: str = "days",
    definition: str | None = None,
    competing: str | None = None,
    stop_state: str = "nonresponse",
    landmark: float | None = None,
    window_days: float = 7.0,
    apart_hours: float = 24.0,
    resample: str = "patients",
    test: str | None = "sun",
    level: float = 0.95,
    n_replicates: int = 400,
    seed: int = 20260101,
    horizon: float | None = None,
    at: float | tuple[float, ...] | None = None,
) -> CurveResult:
    """Share of patients who have responded, or remitted, against time.

    A patient responds at the first assessment after session 1 that meets the
    definition. Response is known only to lie between two assessments, so the
    curve is the interval-censored (Turnbull) estimate; where the assessments do
    not determine it, both bounds are given. The band is a bootstrap over
    patients: its lower limit is that of the lower bound, its upper limit that
    of the upper bound. Where assessments cluster around planned times, read it
    at these times.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`, e.g. "PHQ-9".
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1); one
        curve per level. What is known only later is refused, see `landmark`.
    kind : {"first", "sustained", "confirmed"}
        Sustained: met at an assessment and at every one in the `window_days` after
        it, of which there is at least one. Confirmed: met again at least
        `apart_hours` later, and at all assessments up to then. Both are dated at the
        first assessment of their run; what is never confirmed is right-censored.
        A whole number of days is counted in days to the nearest, so that 24 hours are
        fulfilled from 12 hours on; with `unit="hours"`, or any other length, by the clock.
    origin : {"first_session", "each_session"}
        "each_session": from each session at which the patient is not responding to
        the first response before the next one. `by` of a column of `sessions` is
        then that session's own value.
    unit : {"hours", "days", "sessions"}
        Unit of every time in and out. In hours, assessments known only to the day
        are left out, and so are patients whose session 1 is. "sessions": how many
        sessions it took, response seen after session k and before k + 1 being k.
    definition : str, optional
        "response" (the default) or "remission", the instrument's default of that kind, or the
        name of a definition of either kind; the words that `response_rates` takes as `outcome`.
    competing : {"stop"}, optional
        Treatment stop (from `disposition`) as a competing event: the share who respond before
        they stop. The incidence of stopping is `.competing`.
    stop_state : {"nonresponse", "response"}
        Whether a response between the last assessment and the stop is taken not to have
        happened, or to have happened in all of them, right after the last assessment: at least,
        and at most, so many responded by each time.
    landmark : float, optional
        Time since session 1, in `unit`, from which the analysis counts: patients who are still
        assessed and not known to have responded by then, in groups as known by then. A response
        met before it and confirmed (or seen to last) only after it is not known then: the patient
        is in, and it is dated at the first assessment after the landmark. `by` may then also be
        one of `LANDMARK_GROUPS`: "maintenance_by_landmark", "responded_by_landmark",
        "sessions_by_landmark".
    window_days, apart_hours : float
        See `kind`.
    resample : {"patients", "m-out-of-n"}
        How the band is made; see `npmle_bootstrap`.
    test : {"sun", "finkelstein", "wilcoxon"}, optional
        Score of the log-rank test of the groups; None for no test. Made with at least 20 patients.
    level : float
        Confidence level.
    n_replicates : int
        Bootstrap replicates; 0 for no band.
    seed : int
        Same seed, same band, whatever the order of rows and the names of patients.
    horizon : float, optional
        Where the curve ends, in `unit`. Of a patient's assessments after it only the first is
        looked at. The whole follow-up by default.
    at : float or sequence of float, optional
        Planned times at which to read the curve: 1, 2, 4, 24 and 72 hours, 7, 14, 21, 28 and 42
        days, or 1 to 8 sessions by default, as far as the follow-up goes.

    Returns
    -------
    CurveResult
        `.table`, `.landmarks`, `.medians`, `.masses`, `.naive`, `.fits`, `.comparison`,
        `.competing`.

    Raises
    ------
    DataError
        If no patient has a valid baseline and a later score (in hours: with clock
        times), the outcome is asked for in hours from an instrument whose
        recall is longer than a day, or groups are asked for that form only later.
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290; Wellner and Zhan (1997), J. Am.
    Stat. Assoc. 92, 945; Fay and Shaw (2010), J. Stat. Softw. 36(2).
    """
    ask = checked(
        cohort, instrument, by=by, kind=kind, origin=origin, unit=unit, definition=definition,
        competing=competing, stop_state=stop_state, landmark=landmark, window_days=window_days,
        apart_hours=apart_hours, resample=resample, test=test, level=level, n_replicates=n_replicates,
        seed=seed, horizon=horizon, at=at,
    )  # fmt: skip
    return _result(cohort, ask)


def time_to_remission(
    cohort: Cohort, instrument: str, *, definition: str | None = None, **options: Any
) -> CurveResult:
    """Share of patients who have remitted, against time.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    definition : str, optional
        Name of a definition of remission; the instrument's default without.
    **options
        As for `time_to_response`.

    Returns
    -------
    CurveResult

    Raises
    ------
    DataError
        As `time_to_response`, or if the definition is none of remission.
    """
    check_cohort(cohort)
    outcome = find_outcome(definition or "remission", find_instrument(instrument), kinds=("remission",))
    result = time_to_response(cohort, instrument, definition=outcome.name, **options)
    return replace(result, provenance={**result.provenance, "function": "time_to_remission"})


def _result(cohort: Cohort, ask: Ask) -> CurveResult:
    """From the checked arguments to the result."""
    check_known_at_start(cohort, ask.by, ask.landmark_hours)
    stops = None if ask.competing is None else treatment_stops(cohort)
    events = event_set(
        cohort, ask.instrument.name, definition=ask.definition, kind=ask.kind, window_days=ask.window_days,
        apart_hours=ask.apart_hours, origin=ask.origin, horizon_hours=ask.horizon_hours,
        clock_needed=ask.unit == "hours", clock=ask.clock, landmark_hours=ask.landmark_hours, stops=stops,
    )  # fmt: skip
    grouped, level_of = event_groups(cohort, ask, events)
    left = events.frame["left"].to_numpy(float) / ask.hours
    right = events.frame["right"].to_numpy(float) / ask.hours
    stop = None if stops is None else events.frame["stop"].to_numpy(float) / ask.hours
    patient = patient_codes(events.frame)
    sizes = patients_per_level(level_of, patient, len(grouped.levels))
    shown = sizes >= (_SMALLEST_GROUP if ask.by is not None else 1)
    if not shown.any():
        raise DataError(
            f"by='{ask.by}' leaves no group of at least {_SMALLEST_GROUP} patients with a baseline and a "
            "later score"
        )
    end = _last_time(left, right, stop, ask.horizon)
    how = Settings(ask.marks[ask.marks <= end], end, ask.level, ask.n_replicates, ask.seed, ask.resample)
    if stop is None:
        whose = patient if ask.origin == "each_session" else None
        tables = curves(left, right, level_of, grouped, shown, how, patient=whose)
    else:
        rows = Stopping(left, right, stop, ask.stop_state == "response", ask.unit == "sessions")
        tables = competing_curves(rows, level_of, grouped, shown, how)
    in_test = np.where((level_of >= 0) & shown[level_of], level_of, -1)
    tested = _tested(ask, events, left, right, in_test, patient)
    small = ~shown & (sizes > 0)
    said = notes(cohort, ask, events, tables, end, stops)
    said += landmark_notes(cohort, ask, events, grouped) + beyond_notes(ask, end)
    said += comparison_notes(ask, tested)
    said += left_out_notes(cohort, ask, grouped, level_of, sizes[small])
    return _assembled(cohort, ask, events, how, tables, tested, said)


def _assembled(
    cohort: Cohort,
    ask: Ask,
    events: EventSet,
    how: Settings,
    tables: Mapping[str, pd.DataFrame],
    tested: Compared,
    said: list[str],
) -> CurveResult:
    """The result with its title, definitions and origin."""
    head, rule = outcome_words(events.definition, ask.instrument)
    verb, what = PAST_TENSE[events.definition.kind], f"{head[:1].lower()}{head[1:]}"
    since = origin_words(ask.origin, ask.landmark, ask.unit)
    curve = _INCIDENCE if ask.competing else _TURNBULL
    return CurveResult(
        title=title(ask, what, rule, since),
        notes=(*said, *selection_notes(cohort), UNCONTROLLED),
        definitions=(cited(events.definition), cited(events.baseline), curve),
        provenance=provenance_of(
            "time_to_response", cohort.fingerprint, _arguments(ask, events.definition.name, how)
        ),
        unit=ask.unit,
        by=ask.by,
        level=ask.level,
        recall_days=0.0 if ask.unit == "sessions" or ask.landmark else ask.instrument.recall_days,
        kind=events.definition.kind,
        shows=shows(ask, verb, rule),
        origin=since,
        comparison=tested.table,
        **tables,
    )


def _arguments(ask: Ask, definition: str, how: Settings) -> dict[str, Any]:
    """All arguments, with the definition that was used and the landmarks that are given."""
    found = {"instrument": ask.instrument.name, "definition": definition, "at": tuple(how.marks.tolist())}
    names = (
        "by", "kind", "origin", "unit", "competing", "stop_state", "landmark", "window_days", "apart_hours",
        "resample", "test", "level", "n_replicates", "seed", "horizon",
    )  # fmt: skip
    return found | {name: getattr(ask, name) for name in names}


def _last_time(left: np.ndarray, right: np.ndarray, stop: np.ndarray | None, horizon: float | None) -> float:
    """The last time at which anything is known; the horizon if it comes first."""
    known = [left, right[np.isfinite(right)]]
    if stop is not None:
        known.append(stop[np.isfinite(stop) & ~np.isfinite(right)])
    last = max(values.max(initial=0.0) for values in known)
    return last if horizon is None else min(last, horizon)


def _tested(ask: Ask, events: EventSet, left, right, group: np.ndarray, patient: np.ndarray) -> Compared:
    """The test of the groups, where one was asked for and can be made."""
    if ask.by is None or ask.test is None:
        return Compared(None)
    if ask.competing is not None:
        return Compared(None, "No test of the groups: it would compare response as if nobody stopped.")
    gaps = (events.gaps, events.gap_row)
    return compared(left, right, group, patient, gaps, score=ask.test, seed=ask.seed)
