"""Simulated clinics that book by the last score, and what is true of them, counted from the simulator.

Nobody stops, no score is triggered by another, and clinics do not differ, so that the next session
depends on the last score and the time, but for about one session in twenty that the simulator places earlier
on the day of the very score that made it be booked. With `complete` every weekly score is answered and every
session begins with a score; the simulator by itself loses one weekly score in ten at the least.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np

from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.cohort.simulation import schedule
from ketaoutcomes.cohort.simulation.ledger import KINDS, Ledger
from ketaoutcomes.cohort.simulation.parameters import Clinic, preset_parameters

DAYS = (14.0, 28.0, 42.0)
NEVER = np.inf
# Discipline varies between patients and is cut at 0.99: this one is 0.99 for nearly all.
CLINIC = Clinic({"IV": 1.0}, True, 1.0, True, 1.5, (0,))
# Response is lost within weeks; of 1e12 patients one goes on without further sessions.
BOOKED = replace(
    preset_parameters("trial"), clinics=(CLINIC,), severity_clinic_sd=0.0, response_clinic_sd=0.0,
    responder_share=0.9, half_life_days=9.0, half_life_log_sd=0.6, maintenance_share=1.0 - 1e-12,
    gamma_inf=0.2, booking_centre=12.0, booking_per_day=0.05,
)  # fmt: skip
NOT_BOOKED = replace(BOOKED, maintenance_share=0.0)


class CompleteLedger(Ledger):
    """Records of patients who answer every mail (0.9 of this many) and are asked before every session."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.discipline[:] = 1.0 / 0.72


def clinic(n_patients, seed, *, parameters=BOOKED, booking="informative", complete=True, months=24):
    """A simulation in which nothing but the schedule ends what is known of a patient."""
    with patch.object(schedule, "Ledger", CompleteLedger if complete else Ledger):
        return simulate_cohort(
            "trial", n_patients, seed=seed, parameters=parameters, instruments=("MADRS",), months=months,
            n_clinics=1, booking=booking, dropout="none", score_triggered=False,
        )  # fmt: skip


def cohort_of(simulation):
    """The cohort of those whose first six weeks after the induction lie before the export.

    When a patient starts says nothing about them, so the others may be left out. Whoever is cut off between
    two scores counts as seen up to the former, while a session in that time would have been noted: with
    6 % cut off within six weeks the share treated again comes out half a percentage point too high.
    """
    kept = set(simulation.truth.ids[_known_for_six_weeks(simulation)])
    tables = {
        name: table[table["patient_id"].isin(kept)] if "patient_id" in table else table
        for name, table in simulation.tables.items()
    }
    return assemble(tables, dict(simulation.settings), source="simulation")


def _known_for_six_weeks(simulation):
    course = simulation.truth.course
    return course.stop_hour > course.end_of_induction + 24.0 * (DAYS[-1] + 2)


@dataclass(frozen=True)
class Counted:
    """What became of the patients who responded before the last session of their induction.

    Attributes
    ----------
    lost_day, session_day : (n,) float array
        Days from that session to the first score that shows a loss, and to the next session; inf if none.
        The score before the next session is the last that counts.
    """

    lost_day: np.ndarray
    session_day: np.ndarray

    def still_responding(self):
        """Share still responding at the scores of weeks 2, 4 and 6, which come by the next morning."""
        return np.array([(self.lost_day > day + 1).mean() for day in DAYS])

    def incidence(self, event):
        """Share by days 14, 28 and 42 of those "lost", or responding at a "next session" before."""
        first = self.lost_day <= self.session_day
        own = np.where(first, self.lost_day, NEVER)
        if event == "next session":
            own = np.where(first, NEVER, self.session_day)
        return np.array([(own <= day).mean() for day in DAYS])


def counted(simulation):
    """Truths of a complete simulation, by plain counting of its own records."""
    latent, course = simulation.truth.latent, simulation.truth.course
    n, end = latent.n, course.end_of_induction
    kind = np.array(KINDS)[course.lead["kind"]]
    who, hour, score = (course.lead[name] for name in ("patient", "hour", "score"))
    baseline, before = np.full(n, np.nan), np.full(n, np.nan)
    # Rows are in order of time: the last one assigned is the latest.
    baseline[who[kind == "baseline"]] = score[kind == "baseline"]
    early = hour < end[who]
    before[who[early]] = score[early]
    next_hour = np.full(n, NEVER)
    later = course.session["maintenance"]
    np.minimum.at(next_hour, course.session["patient"][later], course.session["hour"][later])

    day = np.floor((hour - end[who]) / 24.0 + 0.5)
    lost = ~early & (hour <= next_hour[who]) & (score > baseline[who] / 2)
    lost_day = np.full(n, NEVER)
    np.minimum.at(lost_day, who[lost], day[lost])
    session_day = np.floor((next_hour - end) / 24.0 + 0.5)
    kept = (before <= baseline / 2) & _known_for_six_weeks(simulation)
    return Counted(lost_day[kept], session_day[kept])
