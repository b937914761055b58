"""Courses of treatment: who comes when, who stops, and the scores that decide it.

Booking and stopping look at the last score of the lead instrument, so they are
simulated together with it. The loops run over sessions and weeks, never over patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from ketaoutcomes.cohort.simulation.calendar import Calendar, to_minute, to_workday
from ketaoutcomes.cohort.simulation.latent import Exposure, Latent
from ketaoutcomes.cohort.simulation.ledger import Ledger, Options

__all__ = ["Course", "exposure_at", "run_course"]


@dataclass(frozen=True)
class Course:
    """What happened: sessions in order of patient and hour, and lead assessments.

    Parameters
    ----------
    session : mapping of str to (s,) array
        patient, number (from 1), hour, dose (effective), nominal_dose, route (code),
        maintenance (bool), severity ((s, n_effects) int8), stopped_early (bool),
        amplitude, slow.
    lead : mapping of str to (a,) array
        patient, hour, kind (index into `KINDS`), score.
    first_hour, first_amplitude : (n, N_FIRST) float
    end_of_induction : (n,) float
        Hour of the last induction session.
    stop_hour : (n,) float
        Hour after which nothing is known of the patient.
    stop : (n,) int
        Index into `STOPS`.
    maintained : (n,) bool
    """

    session: Mapping[str, np.ndarray]
    lead: Mapping[str, np.ndarray]
    first_hour: np.ndarray
    first_amplitude: np.ndarray
    end_of_induction: np.ndarray
    stop_hour: np.ndarray
    stop: np.ndarray
    maintained: np.ndarray


def run_course(
    latent: Latent, calendar: Calendar, options: Options, random: Mapping[str, np.random.Generator]
) -> Course:
    """Simulate induction, maintenance and follow-up of every patient."""
    ledger = Ledger(latent, calendar, options, random)
    everyone = np.arange(latent.n)
    screened = to_workday(calendar, everyone, latent.screen_hour, random["visits"].normal(0.0, 2.0, latent.n))
    ledger.admit(random["visits"].random(latent.n) < 0.9, screened)
    planned_end = _run_induction(ledger)
    end_of_induction = ledger.last_hour.copy()
    maintained = _choose_maintenance(ledger)
    _run_weeks(ledger, end_of_induction, maintained, left=ledger.stop_hour <= planned_end)
    return _course(ledger, end_of_induction, maintained)


def _run_induction(ledger: Ledger) -> np.ndarray:
    """Induction as planned; returns the hour of each patient's last planned session, held or not."""
    latent, parameters = ledger.latent, ledger.latent.parameters
    rng, n = ledger.random["visits"], latent.n
    everyone = np.arange(n)
    delay = np.zeros(n)
    before = np.zeros(n)
    for order, day in enumerate(parameters.induction_days):
        jitter = np.clip(
            rng.normal(0.0, parameters.jitter_hours / 3.0, n),
            -parameters.jitter_hours,
            parameters.jitter_hours,
        )
        # One session in twenty is put off by some days, and the rest of the series with it.
        delay = delay + np.where(rng.random(n) < 0.05, rng.integers(2, 8, n), 0) * 24.0 * (order > 0)
        wished = 24.0 * day + delay
        hours = np.zeros(n) if order == 0 else to_workday(ledger.calendar, everyone, wished, jitter)
        if order:
            # Weekends and delays can push two sessions onto one day; the later one moves to the next.
            crowded = hours < before + 18.0
            hours[crowded] = to_workday(
                ledger.calendar, everyone[crowded], before[crowded] + 24.0, jitter[crowded]
            )
            ledger.pass_time(everyone, before, hours)
        lead_time = rng.integers(10, 50, n) / 60.0
        chance = parameters.baseline_share if order == 0 else ledger.discipline
        recorded = rng.random(n) < chance
        due = hours < ledger.stop_hour
        rows = everyone[due]
        ledger.assess(rows, to_minute(hours - lead_time)[due], "pre" if order else "baseline", recorded[due])
        ledger.treat(rows, hours[due], maintenance=False)
        before = hours
    return before


def _choose_maintenance(ledger: Ledger) -> np.ndarray:
    """Who goes on after induction: more often those who are better by then, when booking looks at scores."""
    parameters = ledger.latent.parameters
    if parameters.maintenance_share == 0.0:
        return np.zeros(ledger.latent.n, bool)
    log_odds = np.full(ledger.latent.n, logit(parameters.maintenance_share))
    if ledger.options.booking == "informative":
        log_odds -= 0.05 * (ledger.last_score - parameters.booking_centre)
    finished = ledger.n_sessions >= len(parameters.induction_days)
    return finished & (ledger.random["booking"].random(ledger.latent.n) < expit(log_odds))


def _run_weeks(
    ledger: Ledger, end_of_induction: np.ndarray, maintained: np.ndarray, *, left: np.ndarray
) -> None:
    """Weekly steps from the last induction session to the patient's stop, but for those who have left."""
    parameters, calendar = ledger.latent.parameters, ledger.calendar
    rng = ledger.random["visits"]
    n = ledger.latent.n
    booked = np.full(n, np.inf)
    urge = ledger.random["booking"].exponential(size=n)
    n_maintenance = np.zeros(n, int)
    begin = np.where(left, np.inf, end_of_induction)
    planned_end = np.where(maintained, np.inf, end_of_induction + 168.0 * parameters.follow_up_weeks)
    ledger.end(np.arange(n), planned_end, "completed")
    week = 0
    while True:
        week += 1
        rows = np.flatnonzero(begin < ledger.stop_hour)
        if not len(rows):
            return
        # Mail goes out in the morning and is answered until the evening.
        morning = (
            24.0 * np.floor((calendar.start[rows] + end_of_induction[rows]) / 24.0)
            + 9.0
            - calendar.start[rows]
        )
        end = to_minute(morning + 168.0 * week + 13.0 * rng.beta(1.2, 2.0, len(rows)))
        free = maintained[rows] & np.isinf(booked[rows])
        _book(ledger, rows[free], begin[rows[free]], end[free], booked, urge, n_maintenance)
        ledger.pass_time(rows, begin[rows], end)
        _hold_sessions(ledger, rows, end, booked, urge, n_maintenance)
        if ledger.options.score_triggered:
            _trigger(ledger, rows, begin[rows], end)
        answered = rng.random(len(rows)) < 0.9 * ledger.discipline[rows] * (0.8 if week > 12 else 1.0)
        ledger.assess(rows, end, "weekly", answered)
        begin[rows] = end


def _book(ledger, rows, begin, end, booked, urge, n_maintenance) -> None:
    """Book the next maintenance session of `rows` when their hazard reaches it within the step."""
    parameters = ledger.latent.parameters
    floor, ceiling = (24.0 * days for days in parameters.booking_days)
    last = ledger.last_hour[rows]
    if ledger.options.booking == "fixed":
        shortest, longest = parameters.fixed_days
        wished = last + 24.0 * np.minimum(shortest + 2.0 * n_maintenance[rows], longest)
    else:
        gamma = parameters.gamma_inf if ledger.options.booking == "informative" else 0.0
        rate = (
            parameters.booking_per_day
            / 24.0
            * np.exp(
                gamma * (ledger.last_score[rows] - parameters.booking_centre)
                - parameters.booking_growth * np.minimum(n_maintenance[rows], 8)
            )
        )
        opens = np.maximum(begin, last + floor)
        used = rate * np.maximum(end - opens, 0.0)
        reached = used >= urge[rows]
        wished = np.where(reached, opens + urge[rows] / rate, np.inf)
        wished = np.minimum(wished, last + ceiling)
        urge[rows] = urge[rows] - used
    due = wished < end
    jitter = ledger.random["booking"].normal(0.0, 1.2, len(rows))
    booked[rows[due]] = to_workday(ledger.calendar, rows[due], wished[due], jitter[due])


def _hold_sessions(ledger, rows, end, booked, urge, n_maintenance) -> None:
    """Hold the booked sessions that fall before `end`, each after its assessment."""
    rng = ledger.random["visits"]
    due = (booked[rows] < end) & (booked[rows] < ledger.stop_hour[rows])
    rows = rows[due]
    hours = booked[rows]
    lead_time = rng.integers(10, 50, len(rows)) / 60.0
    ledger.assess(rows, to_minute(hours - lead_time), "pre", rng.random(len(rows)) < ledger.discipline[rows])
    ledger.treat(rows, hours, maintenance=True)
    booked[rows] = np.inf
    urge[rows] = ledger.random["booking"].exponential(size=len(rows))
    n_maintenance[rows] += 1


def _trigger(ledger, rows, begin, end) -> None:
    """Extra assessments, more likely after worse scores, in weeks without a session."""
    parameters = ledger.latent.parameters
    rng = ledger.random["visits"]
    rate = parameters.visit_per_week * np.exp(
        parameters.gamma_visit * (ledger.last_score[rows] - parameters.booking_centre)
    )
    chosen = rng.random(len(rows)) < -np.expm1(-rate)
    when = begin + (end - begin) * rng.uniform(0.1, 0.9, len(rows))
    chosen &= ledger.last_hour[rows] < begin
    rows, wished, begin, end = rows[chosen], when[chosen], begin[chosen], end[chosen]
    hours = to_workday(ledger.calendar, rows, wished, rng.normal(0.0, 2.0, len(rows)))
    ledger.assess(rows, hours, "triggered", (hours > begin) & (hours < end))


def _course(ledger: Ledger, end_of_induction: np.ndarray, maintained: np.ndarray) -> Course:
    """The frozen record, sorted by patient and hour."""
    session = {name: np.concatenate([part[name] for part in ledger.sessions]) for name in ledger.sessions[0]}
    order = np.lexsort((session["hour"], session["patient"]))
    lead = {name: np.concatenate([part[name] for part in ledger.scores]) for name in ledger.scores[0]}
    lead_order = np.lexsort((lead["hour"], lead["patient"]))
    return Course(
        session={name: values[order] for name, values in session.items()},
        lead={name: values[lead_order] for name, values in lead.items()},
        first_hour=ledger.first_hour,
        first_amplitude=ledger.first_amplitude,
        end_of_induction=end_of_induction,
        stop_hour=ledger.stop_hour,
        stop=ledger.stop,
        maintained=maintained,
    )


def exposure_at(course: Course, rows: np.ndarray, hours: np.ndarray) -> Exposure:
    """The exposure of patients `rows` at any `hours`, in any order."""
    session = course.session
    span = 2.0 * (np.abs(session["hour"]).max() + np.abs(hours).max(initial=0.0)) + 1.0
    key = session["patient"] * span + session["hour"]
    last = np.searchsorted(key, rows * span + hours, side="right") - 1
    none = (last < 0) | (session["patient"][last] != rows)
    return Exposure(
        course.first_hour,
        course.first_amplitude,
        np.where(none, 0.0, session["hour"][last]),
        np.where(none, 0.0, session["amplitude"][last]),
        np.where(none, 0.0, session["slow"][last]),
    )
