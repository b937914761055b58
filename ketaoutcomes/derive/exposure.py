"""How much treatment each patient has had: sessions, milligrams, and time on treatment and under watch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.clock import HOURS_PER_DAY
from ketaoutcomes.derive.followup import follow_up

__all__ = ["HOURS_PER_YEAR", "Exposure", "patient_exposure", "session_doses", "time_at_risk_hours"]

HOURS_PER_YEAR = 365.25 * HOURS_PER_DAY


@dataclass(frozen=True)
class Exposure:
    """What each patient has had, in the order of `cohort.patients`.

    Attributes
    ----------
    sessions : (n,) int array
        Sessions given; 0 for patients without any.
    mg, mg_per_kg : (n,) float array
        Sum of the doses; missing where one of them is not known, so that no dose is ever filled in.
    unknown_mg, unknown_mg_per_kg : (n,) int array
        Sessions whose dose is not known.
    hours_on_treatment : (n,) float array
        Time at risk of all sessions.
    hours_followed : (n,) float array
        From the first session to the last hour at which anything was recorded.
    n_routes : (n,) int array
        Different routes by which the patient was treated.
    """

    sessions: np.ndarray
    mg: np.ndarray
    mg_per_kg: np.ndarray
    unknown_mg: np.ndarray
    unknown_mg_per_kg: np.ndarray
    hours_on_treatment: np.ndarray
    hours_followed: np.ndarray
    n_routes: np.ndarray


def time_at_risk_hours(cohort: Cohort, at_risk_days: float = 30.0) -> np.ndarray:
    """Hours that each session carries: to the patient's next session, or `at_risk_days` if that is sooner.

    Time after the data cut is nobody's, where the hours to the data cut are known.

    Parameters
    ----------
    cohort : Cohort
    at_risk_days : float
        Longest time that a session carries, days.

    Returns
    -------
    (n_sessions,) float array
        In the order of `cohort.sessions`; the sum over a patient's sessions is his time on treatment.
    """
    owner = patient_codes(cohort.sessions)
    hour = cohort.sessions["hour"].to_numpy(dtype=float)
    following = np.full(owner.size, np.inf)
    same = owner[1:] == owner[:-1]
    following[:-1][same] = hour[1:][same]
    hours = np.minimum(following - hour, at_risk_days * HOURS_PER_DAY)
    if "hours_to_data_cut" in cohort.patients.columns:
        cut = cohort.patients["hours_to_data_cut"].to_numpy(dtype=float, na_value=np.nan)[owner]
        hours = np.where(np.isfinite(cut), np.minimum(hours, cut - hour), hours)
    return np.maximum(hours, 0.0)


def session_doses(cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Dose of each session in mg and in mg/kg; (n_sessions,) float each, missing where it is not known.

    One follows from the other where the body weight of the session is known.
    """
    sessions = cohort.sessions

    def column(name: str) -> np.ndarray:
        if name not in sessions.columns:
            return np.full(len(sessions), np.nan)
        return sessions[name].to_numpy(dtype=float, na_value=np.nan)

    mg, by_weight, weight = column("dose_mg"), column("dose_mg_per_kg"), column("weight_kg")
    return np.where(np.isfinite(mg), mg, by_weight * weight), np.where(
        np.isfinite(by_weight), by_weight, mg / weight
    )


def patient_exposure(cohort: Cohort, *, at_risk_days: float = 30.0) -> Exposure:
    """Sessions, doses and times of every patient.

    Parameters
    ----------
    at_risk_days : float
        Longest time that a session carries, as in `time_at_risk_hours`.
    """
    n = len(cohort.patients)
    owner = patient_codes(cohort.sessions)
    mg, mg_per_kg = session_doses(cohort)
    followed = np.maximum(np.nan_to_num(follow_up(cohort).last_hour, nan=0.0), 0.0)
    sessions = np.diff(segment_starts(owner, n))
    route = cohort.sessions["route"].astype("str").factorize()[0].astype(np.int64)
    pairs = np.unique(owner * (route.max(initial=0) + 1) + route)
    return Exposure(
        sessions=sessions,
        mg=np.bincount(owner, mg, minlength=n),
        mg_per_kg=np.bincount(owner, mg_per_kg, minlength=n),
        unknown_mg=np.bincount(owner[~np.isfinite(mg)], minlength=n),
        unknown_mg_per_kg=np.bincount(owner[~np.isfinite(mg_per_kg)], minlength=n),
        hours_on_treatment=np.bincount(owner, time_at_risk_hours(cohort, at_risk_days), minlength=n),
        hours_followed=np.where(sessions > 0, followed, 0.0),
        n_routes=np.bincount(pairs // (route.max(initial=0) + 1), minlength=n),
    )
