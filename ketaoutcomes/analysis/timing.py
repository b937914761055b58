"""How fast patients respond."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import (
    cited,
    dropped_notes,
    group_notes,
    outcome_words,
    same_time_note,
    selection_notes,
    split_words,
)
from ketaoutcomes.analysis.turnbull import Settings, curves
from ketaoutcomes.catalog.definitions import outcomes_for
from ketaoutcomes.catalog.instruments import INSTRUMENTS, Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import (
    check_choice,
    check_cohort,
    check_count,
    check_horizon,
    check_level,
    planned_times,
)
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.events import EventSet, event_set
from ketaoutcomes.derive.groups import groups
from ketaoutcomes.derive.scores import HOURS_PER_DAY
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.curve import PAST_TENSE, CurveResult
from ketaoutcomes.results.text import patients, time_point

__all__ = ["time_to_response"]

_LANDMARKS = {"hours": (1.0, 2.0, 4.0, 24.0, 72.0), "days": (7.0, 14.0, 21.0, 28.0, 42.0)}
_LONGEST_RECALL_FOR_HOURS = 1.0
_TURNBULL = (
    "Turnbull estimate",
    "The nonparametric maximum likelihood curve of a time that is known only to lie between two assessments, "
    "(last without response, first with response]; undetermined in between",
    "Turnbull 1976, J. R. Stat. Soc. B 38, 290",
)
_SMALLEST_GROUP = 2


def time_to_response(
    cohort: Cohort,
    instrument: str,
    *,
    by: str | None = None,
    origin: str = "first_session",
    unit: str = "days",
    definition: str | None = None,
    level: float = 0.95,
    n_replicates: int = 400,
    seed: int = 20260101,
    horizon: float | None = None,
    at: float | tuple[float, ...] | None = None,
) -> CurveResult:
    """Share of patients who have responded, or remitted, for the first time, against time.

    A patient responds at the first assessment after session 1 that meets the
    definition. Response is known only to lie between two assessments, so the
    curve is the interval-censored (Turnbull) estimate; where the assessments do
    not determine it, both bounds are given. The band is a bootstrap over
    patients: its lower limit is that of the lower bound, its upper limit that
    of the upper bound.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`, e.g. "PHQ-9".
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1); one
        curve per level.
    origin : {"first_session"}
    unit : {"hours", "days"}
        Unit of every time in and out. In hours, assessments known only to the day
        are left out, and so are patients whose session 1 is.
    definition : str, optional
        "response" (the default) or "remission", the instrument's default of that kind, or the
        name of a definition of either kind; the words that `response_rates` takes as `outcome`.
    level : float
        Confidence level.
    n_replicates : int
        Bootstrap replicates; 0 for no band.
    seed : int
        Same seed, same band, whatever the order of rows and the names of patients.
    horizon : float, optional
        Where the curve ends, in `unit`. Of a patient's assessments after it only the first is
        looked at: it tells who had not responded by then from who was no longer assessed.
    at : float or tuple of float, optional
        Times of the landmarks (in `unit`); by default 1, 2, 4, 24 and 72 hours, or 7, 14,
        21, 28 and 42 days, as far as the follow-up goes.

    Returns
    -------
    CurveResult
        `.table`, `.landmarks`, `.medians`, `.masses`, `.naive`, `.fits`.

    Raises
    ------
    DataError
        If no patient has a valid baseline and a later score (in hours: with clock
        times), or the outcome is asked for in hours from an instrument whose
        recall is longer than a day.
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.

    Source
    ------
    Turnbull (1976), J. R. Stat. Soc. B 38, 290; Wellner and Zhan (1997), J. Am.
    Stat. Assoc. 92, 945.
    """
    check_cohort(cohort)
    check_level(level)
    check_count("n_replicates", n_replicates, meaning=", which is for no band")
    check_count("seed", seed)
    check_horizon(horizon)
    check_choice("unit", unit, tuple(_LANDMARKS))
    wanted = planned_times("at", _LANDMARKS[unit] if at is None else at, unit=unit)
    known = find_instrument(instrument)
    _check_unit(unit, known, cohort)
    hours = 1.0 if unit == "hours" else HOURS_PER_DAY
    events = event_set(
        cohort,
        instrument,
        definition=definition,
        origin=origin,
        horizon_hours=None if horizon is None else horizon * hours,
        clock_needed=unit == "hours",
    )
    grouped = groups(cohort, by)
    codes = patient_codes(events.frame)
    level_of = grouped.code[codes]
    left = events.frame["left"].to_numpy(float) / hours
    right = events.frame["right"].to_numpy(float) / hours
    sizes = np.bincount(level_of[level_of >= 0], minlength=len(grouped.levels))
    end = _last_time(left, right, horizon)
    how = Settings(wanted[wanted <= end], end, level, n_replicates, seed)
    shown = sizes >= (_SMALLEST_GROUP if by is not None else 1)
    if not shown.any():
        raise DataError(
            f"by='{by}' leaves no group of at least {_SMALLEST_GROUP} patients with a baseline and a later "
            "score"
        )
    tables = curves(left, right, level_of, grouped, shown, how)
    small = ~shown & (sizes > 0)
    notes = _notes(cohort, events, unit, end, tables, n_replicates)
    if at is not None:
        notes += _beyond_notes(wanted, end, unit)
    notes += group_notes(grouped, int((level_of < 0).sum()), int(small.sum()), int(sizes[small].sum()))
    arguments = {"instrument": known.name, "by": by, "origin": origin, "unit": unit, "level": level}
    arguments |= {"definition": events.definition.name, "n_replicates": n_replicates, "seed": seed}
    arguments |= {"horizon": horizon, "at": tuple(how.marks.tolist())}
    head, rule = outcome_words(events.definition, known)
    verb = PAST_TENSE[events.definition.kind]
    return CurveResult(
        title=f"Time to first {head[:1].lower()}{head[1:]}, {rule} ({unit} since session 1)",
        notes=(*notes, *selection_notes(cohort), UNCONTROLLED),
        definitions=(cited(events.definition), cited(events.baseline), _TURNBULL),
        provenance=provenance_of("time_to_response", cohort.fingerprint, arguments),
        unit=unit,
        by=by,
        level=level,
        recall_days=known.recall_days,
        kind=events.definition.kind,
        shows=f"{verb}, % of patients ({rule}){split_words(by)}",
        **tables,
    )


def _check_unit(unit: str, instrument: Instrument, cohort: Cohort) -> None:
    """Refuse hours from an instrument whose question looks back further than a day."""
    if unit == "days" or instrument.recall_days <= _LONGEST_RECALL_FOR_HOURS:
        return
    recorded = {str(name) for name in cohort.scores["instrument"].unique()}
    short = [
        name
        for name in sorted(recorded)
        if INSTRUMENTS[name].recall_days <= _LONGEST_RECALL_FOR_HOURS and outcomes_for(name, "response")
    ]
    recorded_here = f" (this cohort has {', '.join(short)})" if short else ""
    raise DataError(
        f"{instrument.name} asks about the past {instrument.recall_days:g} days, so a change within hours "
        'cannot be seen with it; use unit="days", or an instrument with a recall of hours such as '
        f"Mood-NRS{recorded_here}"
    )


def _last_time(left: np.ndarray, right: np.ndarray, horizon: float | None) -> float:
    """The last time at which anything is known; the horizon if it comes first."""
    last = max(left.max(initial=0.0), right[np.isfinite(right)].max(initial=0.0))
    return last if horizon is None else min(last, horizon)


def _notes(cohort, events: EventSet, unit, end, tables, n_replicates) -> list[str]:
    """What was dropped, assumed and compared."""
    known = events.instrument
    notes = [f"{patients(len(events.frame))} analysed.", *dropped_notes(events.dropped, events.n_starters)]
    notes.append(same_time_note(cohort))
    notes.append(
        f"First {events.definition.kind}, not necessarily kept. Patients who were no longer assessed are "
        "taken to reach it later as those still assessed."
    )
    if unit == "days" and known.recall_days > 0:
        days = min(known.recall_days, end)
        notes.append(
            f"{known.name} asks about the past {known.recall_days:g} days: in the first {days:g} days of "
            "the curve a score still looks back to before session 1."
        )
    elif unit == "hours" and known.recall_days > 0:
        notes.append(
            f"{known.name} asks about the past {known.recall_days * HOURS_PER_DAY:g} hours: a score within "
            "that time still looks back to before session 1."
        )
    # The likelihood puts mass among times that nearly coincide, not into the gap between visits: at a visit's
    # planned time this cancels out, beside it it does not (tests/analysis/test_analysis_timing.py).
    notes.append(
        "Where assessments cluster around planned times, read the curve at those times (the landmarks): just "
        "before a cluster it is too low and just after it too high, and the band is approximate there."
    )
    notes += _clock_notes(events)
    if n_replicates:
        notes.append(f"Band: percentiles of {n_replicates} bootstrap samples of patients, pointwise.")
        if tables["fits"]["n_failed"].any():
            notes.append(
                f"{int(tables['fits']['n_failed'].sum())} bootstrap fits failed and are not in the band."
            )
    notes.append(_naive_note(tables["medians"], unit))
    notes.append(f"The log-likelihood is at most {tables['fits']['gap'].max():.0e} below its maximum.")
    if not tables["fits"]["unique"].all():
        notes.append("Other curves have the same likelihood: the masses are not unique.")
    return notes


def _beyond_notes(wanted: np.ndarray, end: float, unit: str) -> list[str]:
    """Which of the landmarks that were asked for lie after all assessments."""
    beyond = wanted[wanted > end]
    if not beyond.size:
        return []
    words = ", ".join(f"{time:g}" for time in beyond)
    return [f"No landmark is given at {words} {unit}: the last time known is {end:g} {unit}."]


def _clock_notes(events: EventSet) -> list[str]:
    """How many times are known only to the day, and what became of them."""
    notes = []
    if events.n_day_only:
        notes.append(
            f"{events.n_day_only:,} of {events.n_assessments:,} assessments are known only to the day. Each "
            "enters at one time, 24 hours times the whole day or local noon of the date: read times to "
            "within a day."
        )
    if events.n_day_only_dropped:
        one = events.n_day_only_dropped == 1
        counted = "1 assessment" if one else f"{events.n_day_only_dropped:,} assessments"
        notes.append(
            f"{counted} after session 1 known only to the day {'was' if one else 'were'} left out: no time "
            "in hours can be read from them. As a baseline such a score is used."
        )
    if events.n_origin_uncertain:
        notes.append(
            f"For {patients(events.n_origin_uncertain)} only the day of session 1 is known; their times "
            "count from the hour that stands for it."
        )
    return notes


def _naive_note(medians: pd.DataFrame, unit: str) -> str:
    text = (
        "Kaplan–Meier at detection is shown for comparison only: it dates each patient at the assessment "
        "that found the change, which is late by up to the gap between assessments"
    )
    if len(medians) == 1 and np.isfinite(medians["naive"].iloc[0]) and np.isfinite(medians["high"].iloc[0]):
        row = medians.iloc[0]
        low, high = time_point(row["low"], unit), time_point(row["high"], unit)
        turnbull = low if low == high else f"{low} to {high}"
        text += f" (median {time_point(row['naive'], unit)}; Turnbull {turnbull})"
    return text + "."
