"""What is true of the patients of one simulated cohort."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.simulation.latent import Exposure, Latent, relief
from ketaoutcomes.cohort.simulation.ledger import STOPS, Options
from ketaoutcomes.cohort.simulation.parameters import EFFECTS, Parameters
from ketaoutcomes.cohort.simulation.safety import effect_logit
from ketaoutcomes.cohort.simulation.schedule import Course, exposure_at

__all__ = ["RESPONSE", "CohortTruth", "first_crossing"]

# A response is a severity of at most half.
RESPONSE = 0.5
_HORIZON_HOURS = 90 * 24.0


@dataclass(frozen=True)
class CohortTruth:
    """What is true of the patients of one simulated cohort.

    Parameters
    ----------
    parameters : Parameters
    options : Options
    seed : int
    latent : Latent
    course : Course
    ids : pandas array of str
        Patient ids, in the order of the arrays.
    """

    parameters: Parameters
    options: Options
    seed: int
    latent: Latent
    course: Course
    ids: pd.api.extensions.ExtensionArray

    def __repr__(self) -> str:
        return f"CohortTruth({self.latent.n} patients, seed={self.seed})"

    @cached_property
    def patients(self) -> pd.DataFrame:
        """One row per patient: traits, and latent outcomes on the sessions that were given.

        Columns
        -------
        patient_id, severity (MADRS points), screen_score, responder, sensitivity,
        max_benefit, half_life_hours, n_sessions; first_response_hour (hours since
        the first session at which the severity is first halved, inf if not within
        90 days); relief_after_induction (share of the severity left 24 h after the
        last induction session); response_after_induction; loss_hour (hours from
        the last induction session to the loss of half the relief if no session had
        followed, missing without a response, inf if not within 90 days); stop; stop_hour.
        """
        latent, course = self.latent, self.course
        rows = np.arange(latent.n)
        left = relief(latent, rows, course.end_of_induction + 24.0, _without_maintenance(course, rows))
        response = left <= RESPONSE
        return pd.DataFrame(
            {
                "patient_id": self.ids,
                "severity": latent.severity,
                "screen_score": latent.screen_score,
                "responder": latent.responder,
                "sensitivity": latent.sensitivity,
                "max_benefit": latent.max_benefit,
                "half_life_hours": latent.fall_hours[:, 0] * np.log(2.0),
                "n_sessions": np.bincount(course.session["patient"], minlength=latent.n),
                "first_response_hour": first_crossing(
                    lambda who, hours: relief(latent, who, hours, exposure_at(course, who, hours)), latent.n
                ),
                "relief_after_induction": left,
                "response_after_induction": response,
                "loss_hour": _loss_hours(latent, course, response),
                "stop": pd.array([STOPS[code] for code in course.stop], dtype="str"),
                "stop_hour": course.stop_hour,
            }
        )

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """One row per session: effective dose, severity just before it, probability of each side effect."""
        session = self.course.session
        who, hours = session["patient"], session["hour"]
        before = hours - 1e-6
        left = relief(self.latent, who, before, exposure_at(self.course, who, before))
        log_odds = effect_logit(self.latent, who, session["number"], session["dose"])
        return pd.DataFrame(
            {
                "patient_id": self.ids.take(who),
                "session": session["number"],
                "hour": hours,
                "effective_dose_mg_per_kg": session["dose"],
                "severity_before": self.latent.severity[who] * left,
                **{
                    effect.name: 1.0 / (1.0 + np.exp(-log_odds[:, place]))
                    for place, effect in enumerate(EFFECTS)
                },
            }
        )


def _without_maintenance(course: Course, rows: np.ndarray) -> Exposure:
    """Exposure after the last induction session, as if no session had followed."""
    return dataclasses.replace(
        exposure_at(course, rows, course.end_of_induction[rows]),
        first_hour=course.first_hour,
        first_amplitude=course.first_amplitude,
    )


def _loss_hours(latent: Latent, course: Course, response: np.ndarray) -> np.ndarray:
    """Hours from the last induction session to the loss of response without further sessions."""
    rows = np.flatnonzero(response)

    def gain(who, hours):
        patient = rows[who]
        end = course.end_of_induction[patient] + 24.0
        return -relief(latent, patient, end + hours, _without_maintenance(course, patient))

    loss = np.full(latent.n, np.nan)
    loss[rows] = 24.0 + first_crossing(gain, len(rows), threshold=-RESPONSE)
    return loss


def first_crossing(
    value: Callable[[np.ndarray, np.ndarray], np.ndarray],
    n: int,
    *,
    threshold: float = RESPONSE,
    horizon: float = _HORIZON_HOURS,
) -> np.ndarray:
    """First hour at which value(rows, hours) is at or below a threshold; inf beyond the horizon.

    A grid of one hour on the first day, three hours to day 14 and a day after
    that brackets the crossing; bisection then finds it to a minute.
    """
    steps = np.concatenate(
        [np.arange(1.0, 25.0), np.arange(27.0, 337.0, 3.0), np.arange(360.0, horizon + 1.0, 24.0)]
    )
    low, high = np.zeros(n), np.full(n, np.inf)
    open_rows = np.arange(n)
    for hour in steps[steps <= horizon]:
        reached = value(open_rows, np.full(len(open_rows), hour)) <= threshold
        high[open_rows[reached]] = hour
        open_rows = open_rows[~reached]
        low[open_rows] = hour
        if not len(open_rows):
            break
    found = np.flatnonzero(np.isfinite(high))
    for _ in range(11):
        middle = 0.5 * (low[found] + high[found])
        reached = value(found, middle) <= threshold
        high[found[reached]] = middle[reached]
        low[found[~reached]] = middle[~reached]
    return high
