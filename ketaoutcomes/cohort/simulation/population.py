"""What is true of the whole population that a preset describes.

Two truths are kept apart, because a noisy score crosses a threshold at other
times than the severity behind it. The latent truth uses the severity without
error; the observed truth uses scores on the planned schedule with nobody missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from ketaoutcomes.cohort.simulation.latent import N_FIRST, Exposure, Latent, amplitude, draw_latent, relief
from ketaoutcomes.cohort.simulation.observed import reading, true_reading
from ketaoutcomes.cohort.simulation.parameters import (
    EFFECTS,
    INSTRUMENT_MODELS,
    ROUTES,
    Parameters,
    preset_parameters,
)
from ketaoutcomes.cohort.simulation.safety import effect_logit, severity_shares
from ketaoutcomes.cohort.simulation.streams import streams
from ketaoutcomes.cohort.simulation.truth import RESPONSE, first_crossing

__all__ = ["PopulationTruth", "population_truth"]

# Highest score in remission: MADRS of 10, PHQ-9 below 5.
REMISSION = {"MADRS": 10.0, "PHQ-9": 4.0}
_INSTRUMENTS = ("MADRS", "PHQ-9", "Mood-NRS")
_MOOD_HOURS = (1.0, 2.0, 4.0, 24.0)
_DURABILITY_DAYS = (7, 14, 28, 56, 84)
_N_WEEKS = 8


@dataclass(frozen=True)
class PopulationTruth:
    """Estimands of the whole population, by Monte Carlo.

    Parameters
    ----------
    parameters : Parameters
    n : int
        Simulated patients.
    seed : int
    table : DataFrame
        estimand, instrument, hour (since the first session; for
        "still_responding" since the last induction session), truth_latent,
        truth_observed, std_error (of the observed value), n.
    side_effects : DataFrame
        effect, session, truth (probability in that session at the planned dose),
        noted_if_not_asked (probability that it occurs and is noted when nobody asks), std_error.
    """

    parameters: Parameters
    n: int
    seed: int
    table: pd.DataFrame
    side_effects: pd.DataFrame

    def value(self, estimand: str, instrument: str, hour: float, *, kind: str = "observed") -> float:
        """One number of `table`; `kind` is "observed" or "latent"."""
        table = self.table
        row = table[(table.estimand == estimand) & (table.instrument == instrument) & (table.hour == hour)]
        return float(row[f"truth_{kind}"].iloc[0])


def population_truth(
    preset: str = "community",
    *,
    n: int = 100_000,
    seed: int = 20260101,
    parameters: Parameters | None = None,
) -> PopulationTruth:
    """True values of the main estimands when everybody follows the plan.

    Induction as planned at the intravenous starting dose, nobody stops, nobody
    is missing, no maintenance. Clinics are drawn from their population.

    Parameters
    ----------
    preset : {"community", "trial"}
    n : int
        Patients of the Monte Carlo; the standard error of a share is at most 0.5 / sqrt(n).
    seed : int
    parameters : Parameters, optional
        Used instead of the preset's.

    Returns
    -------
    PopulationTruth
    """
    parameters = parameters or preset_parameters(preset)
    random = streams(seed)
    latent = draw_latent(n, parameters, random, n_clinics=None)
    plan = _Plan(latent, ROUTES["IV"].dose_mg_per_kg)
    rng = random["instruments"]
    baseline = {name: plan.read(name, -0.5, rng) for name in _INSTRUMENTS}
    rows = [
        *_response_rows(plan, baseline, rng),
        *_first_response_rows(plan, baseline, rng),
        *_durability_rows(plan, baseline, rng),
        _regression_row(plan, baseline),
    ]
    return PopulationTruth(parameters, n, seed, pd.DataFrame(rows), _effect_table(plan))


def _row(
    estimand: str, instrument: str, hour: float, latent: np.ndarray, observed: np.ndarray
) -> dict[str, object]:
    """One estimand as the mean of two arrays over patients; missing when there are no patients."""
    n = len(observed)
    return {
        "estimand": estimand,
        "instrument": instrument,
        "hour": float(hour),
        "truth_latent": float(latent.mean()) if len(latent) else np.nan,
        "truth_observed": float(observed.mean()) if n else np.nan,
        "std_error": float(observed.std() / np.sqrt(n)) if n else np.nan,
        "n": n,
    }


class _Plan:
    """The planned induction of every patient, ready to be read at any hour."""

    def __init__(self, latent: Latent, dose: float):
        n = latent.n
        self.latent, self.dose = latent, dose
        self.rows = np.arange(n)
        self.hours = 24.0 * np.array(latent.parameters.induction_days, float)
        self.first_hour = np.full((n, N_FIRST), np.inf)
        self.first_amplitude = np.zeros((n, N_FIRST))
        self.size = np.zeros((len(self.hours), n))
        self.slow = np.zeros((len(self.hours), n))
        for order, hour in enumerate(self.hours):
            self.size[order] = amplitude(latent, self.rows, np.full(n, order), np.full(n, dose))
            if order < N_FIRST:
                self.first_hour[:, order], self.first_amplitude[:, order] = hour, self.size[order]
            else:
                gap = hour - self.hours[order - 1]
                self.slow[order] = self.size[order] + self.slow[order - 1] * np.exp(
                    -gap / latent.fall_hours[:, N_FIRST]
                )

    def exposure(self, rows: np.ndarray, hours: np.ndarray) -> Exposure:
        """Exposure of patients `rows` at `hours`; a session starts after its own hour."""
        last = np.searchsorted(self.hours, hours, side="left") - 1
        place, had = np.maximum(last, 0), last >= 0
        size, slow = self.size[place, rows], self.slow[place, rows]
        return Exposure(
            self.first_hour,
            self.first_amplitude,
            self.hours[place],
            np.where(had, size, 0.0),
            np.where(had, slow, 0.0),
        )

    def relief(self, rows: np.ndarray, hours: np.ndarray) -> np.ndarray:
        return relief(self.latent, rows, hours, self.exposure(rows, hours))

    def left(self, hour: float) -> np.ndarray:
        """Relief of everybody at one hour."""
        return self.relief(self.rows, np.full(self.latent.n, hour))

    def read(self, name: str, hour: float, rng: np.random.Generator) -> np.ndarray:
        """Scores of everybody at one hour."""
        hours = np.full(self.latent.n, hour)
        return reading(self.latent, name, self.rows, hours, self.exposure(self.rows, hours), rng)


def _response_rows(plan: _Plan, baseline, rng) -> Iterator[dict[str, object]]:
    """Response and remission 24 h after the first, 24 h and 21 days after the last induction session."""
    end = plan.hours[-1]
    for hour in sorted({24.0, end + 24.0, end + 21 * 24.0}):
        left = plan.left(hour)
        for name in _INSTRUMENTS:
            score = plan.read(name, hour, rng)
            yield _row("response", name, hour, left <= RESPONSE, score <= RESPONSE * baseline[name])
            if name in REMISSION:
                true = true_reading(plan.latent, INSTRUMENT_MODELS[name], plan.rows, left)
                yield _row("remission", name, hour, true <= REMISSION[name], score <= REMISSION[name])


def _first_response_rows(plan: _Plan, baseline, rng) -> Iterator[dict[str, object]]:
    """Share with a first response by each planned assessment."""
    weekly = plan.hours[-1] + 168.0 * np.arange(1, _N_WEEKS + 1)
    mood = np.unique(np.add.outer(plan.hours, _MOOD_HOURS))
    schedules = {"PHQ-9": np.concatenate([plan.hours[1:] - 0.5, weekly]), "Mood-NRS": mood}
    crossing = first_crossing(plan.relief, plan.latent.n, horizon=weekly[-1])
    for name, schedule in schedules.items():
        done = np.zeros(plan.latent.n, bool)
        for hour in schedule:
            done = done | (plan.read(name, hour, rng) <= RESPONSE * baseline[name])
            yield _row("first_response", name, hour, crossing <= hour, done)


def _durability_rows(plan: _Plan, baseline, rng) -> Iterator[dict[str, object]]:
    """Responders 24 h after induction who still respond when no session follows."""
    end = plan.hours[-1]
    latent = plan.left(end + 24.0) <= RESPONSE
    observed = {name: plan.read(name, end + 24.0, rng) <= RESPONSE * baseline[name] for name in REMISSION}
    for day in _DURABILITY_DAYS:
        still = plan.left(end + 24.0 * day)[latent] <= RESPONSE
        for name, responded in observed.items():
            kept = plan.read(name, end + 24.0 * day, rng) <= RESPONSE * baseline[name]
            yield _row("still_responding", name, 24.0 * day, still, kept[responded])


def _regression_row(plan: _Plan, baseline) -> dict[str, object]:
    """Mean fall from the admitting score to the baseline, with no treatment between them."""
    score = plan.latent.screen_score
    return _row(
        "regression_to_the_mean", "MADRS", 0.0, score - plan.latent.severity, score - baseline["MADRS"]
    )


def _effect_table(plan: _Plan) -> pd.DataFrame:
    """Probability of each side effect in each session of the plan."""
    n = plan.latent.n
    shares = severity_shares(plan.latent, plan.rows)
    noted = sum(
        share * chance
        for share, chance in zip(shares, plan.latent.parameters.spontaneous_reporting, strict=True)
    )
    parts = []
    for number in range(1, len(plan.hours) + 1):
        probability = expit(effect_logit(plan.latent, plan.rows, np.full(n, number), np.full(n, plan.dose)))
        part = {
            "effect": [effect.name for effect in EFFECTS],
            "session": number,
            "truth": probability.mean(axis=0),
            "noted_if_not_asked": (probability * noted).mean(axis=0),
            "std_error": probability.std(axis=0) / np.sqrt(n),
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)
