"""Side effects and vital signs of the simulated sessions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import ndtr

from ketaoutcomes.cohort.simulation.latent import Latent
from ketaoutcomes.cohort.simulation.parameters import EFFECTS

__all__ = ["draw_cadss", "draw_effects", "draw_vitals", "effect_logit", "severity_shares"]

_INTERCEPT = np.array([effect.intercept for effect in EFFECTS])
_HABITUATION = np.array([effect.habituation for effect in EFFECTS])
_SPREAD = np.array([effect.spread for effect in EFFECTS])
_NAMES = tuple(effect.name for effect in EFFECTS)
_PRESSURE = _NAMES.index("blood pressure increased")
_DISSOCIATION = _NAMES.index("dissociation")
# Thresholds of a normal score: about 70 % mild, 27 % moderate, 3 % severe.
_MODERATE, _SEVERE = 0.7, 2.4


def effect_logit(latent: Latent, rows: np.ndarray, number: np.ndarray, dose: np.ndarray) -> np.ndarray:
    """Log odds of each side effect in one session.

    Parameters
    ----------
    rows : (r,) int
        Patients.
    number : (r,) int
        Number of the session, from 1.
    dose : (r,) float
        Effective dose, mg/kg.

    Returns
    -------
    (r, n_effects) float
        Columns in the order of `EFFECTS`.
    """
    slope = latent.parameters.dose_slope
    fixed = _INTERCEPT + slope * (dose - 0.5)[:, None] + _HABITUATION * np.log2(number)[:, None]
    return fixed + latent.frailty[rows]


def draw_effects(
    latent: Latent, rows: np.ndarray, number: np.ndarray, dose: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Severity of each side effect in one session: 0 none, 1 mild, 2 moderate, 3 severe.

    Returns
    -------
    (r, n_effects) int8
    """
    log_odds = effect_logit(latent, rows, number, dose)
    present = rng.logistic(size=log_odds.shape) < log_odds
    score = rng.standard_normal(log_odds.shape) + _worse(latent, rows)
    severity = 1 + (score > _MODERATE) + (score > _SEVERE)
    return np.where(present, severity, 0).astype(np.int8)


def _worse(latent: Latent, rows: np.ndarray) -> np.ndarray:
    """Those who are prone to an effect also have it more severely."""
    return 0.4 * latent.frailty[rows] / _SPREAD


def severity_shares(latent: Latent, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability that a side effect, if it occurs, is mild, moderate, severe; each (r, n_effects)."""
    worse = _worse(latent, rows)
    above_mild, severe = ndtr(worse - _MODERATE), ndtr(worse - _SEVERE)
    return 1.0 - above_mild, above_mild - severe, severe


def draw_cadss(severity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """CADSS total (0 to 92) at 40 minutes, higher in sessions with dissociation.

    Parameters
    ----------
    severity : (s, n_effects) int8

    Returns
    -------
    (s,) float
    """
    level = severity[:, _DISSOCIATION]
    mean = np.select([level == 0, level == 1, level == 2], [3.4, 13.0, 22.0], 34.0)
    return np.clip(np.round(rng.gamma(2.0, mean / 2.0)), 0, 92)


def draw_vitals(
    latent: Latent,
    session: Mapping[str, np.ndarray],
    age: np.ndarray,
    hypertension: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Vital signs at the clinic's minutes, one row per reading.

    The rise of systolic pressure peaks at 35 minutes; its size is log-normal
    over patients, which gives the heavy right tail seen in clinics.

    Parameters
    ----------
    session : mapping
        Arrays `patient`, `number`, `dose`, `severity` of the sessions.
    age : (n,) float
    hypertension : (n,) bool

    Returns
    -------
    dict
        `session` (index into the sessions), `minute`, `sbp`, `dbp`,
        `heart_rate`, `spo2`, `respiratory_rate`.
    """
    parameters, n = latent.parameters, latent.n
    tail = parameters.pressure_tail
    usual = (
        122.0 + 0.25 * (np.nan_to_num(age, nan=45.0) - 45.0) + 8.0 * hypertension + rng.normal(0.0, 9.0, n)
    )
    usual_dbp = 0.42 * usual + 25.0 + rng.normal(0.0, 4.0, n)
    rise = (parameters.pressure_rise + 5.0 * hypertension) * np.exp(rng.normal(0.0, tail, n))
    pulse = rng.normal(74.0, 9.0, n)

    patient = session["patient"]
    size = len(patient)
    alarmed = session["severity"][:, _PRESSURE] > 0
    peak = rise[patient] * np.sqrt(session["dose"] / 0.5) + rng.normal(0.0, parameters.pressure_noise, size)
    peak = peak + 24.0 * alarmed
    day = rng.normal(0.0, 8.0, size)
    minutes = [
        parameters.clinics[c % len(parameters.clinics)].vital_minutes for c in range(latent.clinic.max() + 1)
    ]
    widest = max(len(times) for times in minutes)
    grid = np.array([times + (-1,) * (widest - len(times)) for times in minutes])[latent.clinic[patient]]
    index, place = np.nonzero(grid >= 0)
    minute = grid[index, place].astype(float)
    shape = (minute / 35.0) ** 1.5 * np.exp(1.5 * (1.0 - minute / 35.0))
    who = patient[index]
    noise = rng.standard_normal((5, len(index)))
    sbp = usual[who] + day[index] + peak[index] * shape + 3.0 * noise[0]
    dbp = usual_dbp[who] + 0.5 * day[index] + 0.72 * peak[index] * shape + 2.5 * noise[1]
    heart_rate = pulse[who] + 5.0 * shape + 4.0 * noise[2]
    dip = 1.2 * shape * (1.0 + (rng.random(len(index)) < 0.004) * 5.0)
    return {
        "session": index,
        "minute": minute,
        "sbp": np.clip(np.round(sbp), 72, 235),
        "dbp": np.clip(np.round(dbp), 42, 135),
        "heart_rate": np.clip(np.round(heart_rate), 44, 160),
        "spo2": np.clip(np.round(97.6 - dip + 0.9 * noise[3]), 84, 100),
        "respiratory_rate": np.clip(np.round(15.0 - shape + 1.6 * noise[4]), 8, 28),
    }
