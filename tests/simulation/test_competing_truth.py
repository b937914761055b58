"""Competing risks whose truth is known in closed form: does the estimate find it, and its interval hold it?

200 samples with 4 Monte-Carlo standard errors; KETA_FULL=1 for 2,000 samples with 3.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from ketaoutcomes.engine.competing import aalen_johansen, incidence_at, one_minus_km
from ketaoutcomes.engine.fine_gray import fine_gray
from ketaoutcomes.engine.gray import gray_test

FULL = os.environ.get("KETA_FULL") == "1"
N_SAMPLES, N_ERRORS = (2000, 3.0) if FULL else (200, 4.0)
N_PATIENTS = 150
# Constant hazards per day: F_1(t) = l1 / (l1 + l2) (1 - exp(-(l1 + l2) t)).
RATES = np.array([0.03, 0.02])
DAYS = np.array([7.0, 14.0, 28.0])
TRUTH = RATES[0] / RATES.sum() * (1 - np.exp(-RATES.sum() * DAYS))


def samples():
    """Times and codes with censoring spread over day 5 to 60."""
    for stream in np.random.SeedSequence(20260101).spawn(N_SAMPLES):
        rng = np.random.default_rng(stream)
        time = rng.exponential(1 / RATES.sum(), N_PATIENTS)
        cause = 1 + (rng.random(N_PATIENTS) < RATES[1] / RATES.sum())
        end = rng.uniform(5, 60, N_PATIENTS)
        yield rng, np.minimum(time, end), np.where(time <= end, cause, 0)


@pytest.fixture(scope="module")
def estimates():
    found = {name: [] for name in ("estimate", "std_error", "low", "high", "naive")}
    for _, time, event in samples():
        read = incidence_at(aalen_johansen(time, event, n_causes=2), DAYS)
        naive = one_minus_km(time, event, 1)
        place = np.searchsorted(naive.time, DAYS, side="right") - 1
        values = (read["incidence"][0], read["std_error"][0], read["conf_low"][0], read["conf_high"][0])
        for name, value in zip(found, (*values, naive.estimate[place]), strict=True):
            found[name].append(value)
    return {name: np.array(values) for name, values in found.items()}


def test_the_truth_at_two_weeks_is_the_one_of_the_plan():
    assert TRUTH[1] == pytest.approx(0.302049, abs=5e-7)


def test_the_incidence_is_unbiased(estimates):
    values = estimates["estimate"]
    error = values.std(axis=0, ddof=1) / np.sqrt(N_SAMPLES)
    assert (np.abs(values.mean(axis=0) - TRUTH) < N_ERRORS * error).all()


def test_limits_hold_the_truth_as_often_as_they_say(estimates):
    held = ((estimates["low"] <= TRUTH) & (estimates["high"] >= TRUTH)).mean(axis=0)
    assert (np.abs(held - 0.95) < N_ERRORS * np.sqrt(0.95 * 0.05 / N_SAMPLES)).all()


def test_the_standard_error_is_the_spread_of_the_estimates(estimates):
    ratio = estimates["std_error"].mean(axis=0) / estimates["estimate"].std(axis=0, ddof=1)
    # A standard deviation of N samples is known to 1 / sqrt(2 N).
    assert (np.abs(ratio - 1) < N_ERRORS / np.sqrt(2 * N_SAMPLES)).all()


def test_one_minus_kaplan_meier_is_biased_upwards(estimates):
    # What it estimates is 1 - exp(-l1 t): .343 at two weeks, where .302 have the event.
    hypothetical = 1 - np.exp(-RATES[0] * DAYS)
    assert hypothetical[1] == pytest.approx(0.343, abs=5e-4)
    values = estimates["naive"]
    error = values.std(axis=0, ddof=1) / np.sqrt(N_SAMPLES)
    assert (np.abs(values.mean(axis=0) - hypothetical) < N_ERRORS * error).all()
    assert (values.mean(axis=0) - TRUTH > 4 * error).all()


def test_gray_rejects_a_true_hypothesis_as_often_as_it_says():
    rejected = np.mean(
        [
            gray_test(time, event, rng.permutation(N_PATIENTS) % 2).p_value < 0.05
            for rng, time, event in samples()
        ]
    )
    assert abs(rejected - 0.05) < N_ERRORS * np.sqrt(0.05 * 0.95 / N_SAMPLES)


def test_fine_gray_finds_the_coefficient_it_was_made_with():
    # Fine and Gray (1999), section 4: F_1(t | x) = 1 - (1 - p (1 - exp(-t)))^exp(b x), the other cause
    # exponential; the subdistribution hazards are proportional with log ratio b.
    b, p = 0.6, 0.5
    held, found = [], []
    for stream in np.random.SeedSequence(20260102).spawn(N_SAMPLES):
        rng = np.random.default_rng(stream)
        x = rng.integers(0, 2, N_PATIENTS).astype(float)
        total = 1 - (1 - p) ** np.exp(b * x)
        is_own = rng.random(N_PATIENTS) < total
        u = rng.random(N_PATIENTS) * total
        own = -np.log(1 - (1 - (1 - u) ** np.exp(-b * x)) / p)
        time = np.where(is_own, own, rng.exponential(1 / np.exp(0.3 * x)))
        end = rng.uniform(0.5, 4, N_PATIENTS)
        event = np.where(time <= end, np.where(is_own, 1, 2), 0)
        fit = fine_gray(x[:, None], np.minimum(time, end), event)
        found.append(fit.params[0])
        held.append(abs(fit.params[0] - b) < 1.959964 * np.sqrt(fit.robust_cov[0, 0]))
    spread = np.std(found, ddof=1)
    # The estimate is a maximum of a likelihood: its bias is of the order 1 / events, here 0.05 of its spread.
    assert abs(np.mean(found) - b) < N_ERRORS * spread / np.sqrt(N_SAMPLES) + 0.05 * spread
    assert abs(np.mean(held) - 0.95) < N_ERRORS * np.sqrt(0.95 * 0.05 / N_SAMPLES)
