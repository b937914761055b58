"""The severity nobody sees: traits of the patients and the effect of the sessions.

M(t) = severity x relief(t); relief = (1 - benefit) x (1 - expectancy). The
benefit comes from the exposure E(t), a sum over sessions of kernels that rise
in hours and fall in days. The patient's state w(t) fluctuates around M(t).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from ketaoutcomes.cohort.simulation.parameters import EFFECTS, INSTRUMENT_MODELS, Parameters

__all__ = [
    "N_FIRST",
    "Exposure",
    "Latent",
    "amplitude",
    "draw_latent",
    "effect_of",
    "relief",
    "state",
]

# The half-life grows over the first six sessions, so the first five have their own.
N_FIRST = 5
_N_WAVES = 16


@dataclass(frozen=True)
class Latent:
    """Traits of n patients; arrays of length n unless said otherwise.

    Parameters
    ----------
    clinic : int
        Clinic of the patient, from 0.
    severity : float
        True severity at entry, MADRS points.
    screen_score : float
        MADRS score at screening that admitted the patient, hence too high on average.
    screen_hour : float
        Hours since the first session, negative.
    responder : bool
    sensitivity, max_benefit : float
    fall_hours, peak : (n, N_FIRST + 1) float
        Time constant of the fall and height of the unscaled kernel by session order.
    level_z : mapping of str to (n,) float
        Standard score of the patient's level on instruments with a level of their own.
    frailty : (n, n_effects) float
        Proneness to each side effect on the logit scale.
    wave_rate, wave_phase : (n, n_waves) float
        Random waves that make the state w(t).
    """

    parameters: Parameters
    clinic: np.ndarray
    severity: np.ndarray
    screen_score: np.ndarray
    screen_hour: np.ndarray
    responder: np.ndarray
    sensitivity: np.ndarray
    max_benefit: np.ndarray
    fall_hours: np.ndarray
    peak: np.ndarray
    level_z: Mapping[str, np.ndarray]
    frailty: np.ndarray
    wave_rate: np.ndarray
    wave_phase: np.ndarray

    @property
    def n(self) -> int:
        return len(self.severity)


@dataclass(frozen=True)
class Exposure:
    """What is needed to evaluate E(t) at once, without a loop over sessions.

    From the sixth session on all kernels fall at one rate, so their sum is one
    number per session (`slow`). Rises that are older than the last session are over.

    Parameters
    ----------
    first_hour, first_amplitude : (n, N_FIRST) float
        Hours (inf when there was none) and amplitudes of the first five sessions.
    last_hour, last_amplitude, last_slow : (r,) float
        Of the last session before each evaluation; amplitude 0 when there is none.
    """

    first_hour: np.ndarray
    first_amplitude: np.ndarray
    last_hour: np.ndarray
    last_amplitude: np.ndarray
    last_slow: np.ndarray


def draw_latent(
    n: int, parameters: Parameters, random: Mapping[str, np.random.Generator], *, n_clinics: int | None
) -> Latent:
    """Draw patients who passed the entry score at screening.

    Parameters
    ----------
    n : int
    parameters : Parameters
    random : mapping
        Streams; "screening" and "traits" are used.
    n_clinics : int or None
        None draws as many clinics as patients: the population of clinics.

    Returns
    -------
    Latent
    """
    rng = random["screening"]
    count = n_clinics or n
    severity_shift = rng.normal(0.0, parameters.severity_clinic_sd, count)
    response_shift = rng.normal(0.0, parameters.response_clinic_sd, count)
    screened = _screen(n, parameters, rng, severity_shift)
    clinic = screened["clinic"]

    rng = random["traits"]
    responder = rng.random(n) < _expit(logit(parameters.responder_share) + response_shift[clinic])
    sensitivity = np.where(responder, parameters.sensitivity_responder, parameters.sensitivity_other)
    sensitivity = sensitivity * np.exp(rng.normal(0.0, parameters.sensitivity_log_sd, n))
    max_benefit = rng.beta(*parameters.benefit_beta, n)
    half_life = 24.0 * parameters.half_life_days * np.exp(rng.normal(0.0, parameters.half_life_log_sd, n))
    growth = 1.0 + parameters.half_life_growth * np.arange(N_FIRST + 1)
    fall = half_life[:, None] * growth / np.log(2.0)
    own = (screened["severity"] - parameters.severity_mean) / parameters.severity_sd
    level_z = {
        name: 0.5 * own + np.sqrt(0.75) * rng.standard_normal(n)
        for name, model in INSTRUMENT_MODELS.items()
        if not model.per_madrs
    }
    shared = rng.standard_normal((n, 1))
    single = rng.standard_normal((n, len(EFFECTS)))
    rho = parameters.effect_correlation
    spread = np.array([effect.spread for effect in EFFECTS])
    return Latent(
        parameters=parameters,
        responder=responder,
        sensitivity=sensitivity,
        max_benefit=max_benefit,
        fall_hours=fall,
        peak=_peak(fall, parameters.onset_hours),
        level_z=level_z,
        frailty=spread * (np.sqrt(rho) * shared + np.sqrt(1.0 - rho) * single),
        **screened,
    )


def _screen(n, parameters, rng, severity_shift) -> dict[str, np.ndarray]:
    """People are screened until n of them reach the entry score."""
    parts, have = [], 0
    while have < n:
        size = int(1.3 * (n - have)) + 64
        clinic = rng.integers(0, len(severity_shift), size)
        part = {
            "clinic": clinic,
            "severity": rng.normal(parameters.severity_mean, parameters.severity_sd, size)
            + severity_shift[clinic],
            # Frequencies from a Cauchy law give the state the covariance exp(-lag / state_hours).
            "wave_rate": rng.standard_cauchy((size, _N_WAVES)) / parameters.state_hours,
            "wave_phase": rng.uniform(0.0, 2.0 * np.pi, (size, _N_WAVES)),
            "screen_hour": np.round(-24.0 * rng.uniform(5.0, 21.0, size)),
        }
        wave = _waves(part["wave_rate"], part["wave_phase"], part["screen_hour"], parameters.state_sd)
        error = rng.normal(0.0, INSTRUMENT_MODELS["MADRS"].noise, size)
        part["screen_score"] = np.clip(np.round(part["severity"] + wave + error), 0, 60)
        accepted = part["screen_score"] >= parameters.entry_score
        parts.append({name: values[accepted] for name, values in part.items()})
        have += int(accepted.sum())
    return {name: np.concatenate([part[name] for part in parts])[:n] for name in parts[0]}


def _expit(x):
    return 1.0 / (1.0 + np.exp(-x))


def _peak(fall: np.ndarray, rise: float) -> np.ndarray:
    """Height of exp(-x / fall) - exp(-x / rise) at its maximum."""
    at = np.log(fall / rise) * fall * rise / (fall - rise)
    return np.exp(-at / fall) - np.exp(-at / rise)


def _waves(rate, phase, hours, sd):
    return sd * np.sqrt(2.0 / rate.shape[1]) * np.cos(rate * hours[:, None] + phase).sum(axis=1)


def state(latent: Latent, rows: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """The fluctuation w(t) of patients `rows` at `hours`, in MADRS points.

    A sum of random waves whose covariance over patients is that of an
    Ornstein-Uhlenbeck process, sd^2 exp(-lag / state_hours), and which can be
    read at any hour in any order.
    """
    return _waves(latent.wave_rate[rows], latent.wave_phase[rows], hours, latent.parameters.state_sd)


def amplitude(latent: Latent, rows: np.ndarray, order: np.ndarray, dose: np.ndarray) -> np.ndarray:
    """Scale of the kernel of session `order` (from 0): (dose / 0.5)^0.5 / peak."""
    return np.sqrt(dose / 0.5) / latent.peak[rows, np.minimum(order, N_FIRST)]


def effect_of(latent: Latent, rows: np.ndarray, hours: np.ndarray, exposure: Exposure) -> np.ndarray:
    """Summed effect E(t) of the sessions before `hours`; (r,) float."""
    since = hours[:, None] - exposure.first_hour[rows]
    kernel = np.exp(-np.maximum(since, 0.0) / latent.fall_hours[rows, :N_FIRST])
    total = np.where(since > 0.0, exposure.first_amplitude[rows] * kernel, 0.0).sum(axis=1)
    age = np.maximum(hours - exposure.last_hour, 0.0)
    total += exposure.last_slow * np.exp(-age / latent.fall_hours[rows, N_FIRST])
    total -= exposure.last_amplitude * np.exp(-age / latent.parameters.onset_hours)
    return np.maximum(total, 0.0) * latent.sensitivity[rows]


def relief(latent: Latent, rows: np.ndarray, hours: np.ndarray, exposure: Exposure) -> np.ndarray:
    """Share of the severity that is left at `hours`; 1 before the first session."""
    parameters = latent.parameters
    benefit = latent.max_benefit[rows] * -np.expm1(-effect_of(latent, rows, hours, exposure))
    hope = parameters.expectancy * -np.expm1(-np.maximum(hours, 0.0) / parameters.expectancy_hours)
    return (1.0 - benefit) * (1.0 - hope)
