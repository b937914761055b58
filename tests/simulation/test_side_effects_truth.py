"""Rates of side effects against a truth that is known: sessions within patients who differ.

Per-patient rates are beta with a given mean and within-patient correlation, sessions of a patient independent
given the rate. Seeds are fixed. The short run has four Monte-Carlo standard errors of room, KETA_FULL=1 has
ten times the data sets and three. Coverage over all 210 settings stands in `cluster_ratio`.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from ketaoutcomes.engine.cluster_counts import cluster_rate_by
from ketaoutcomes.engine.cluster_regression import cluster_regression
from ketaoutcomes.engine.rates import cluster_ratio_by, wilson

FULL = os.environ.get("KETA_FULL") == "1"
N_SETS = 4000 if FULL else 400
N_ERRORS = 3.0 if FULL else 4.0
# What the interval is meant to hold, and what it does where very few patients have an event.
LEAST, MOST, MOST_OF_FEW = 0.93, 0.97, 0.98
SEVERAL = 8


def room(coverage: float, n: int) -> float:
    """By how much a simulated coverage may be off in n data sets."""
    return N_ERRORS * np.sqrt(coverage * (1 - coverage) / n)


def sessions(stream, n_patients: int, most: int, n_sets: int):
    """2 to 12 sessions each, or 1 to 6."""
    return stream.integers(2 if most == 12 else 1, most + 1, (n_patients, n_sets))


def events_of(stream, trials, rate: float, correlation: float):
    size = 1 / correlation - 1
    return stream.binomial(trials, stream.beta(rate * size, (1 - rate) * size, trials.shape))


def share_within(low, high, truth: float) -> float:
    return float(np.mean((low <= truth) & (truth <= high)))


# --- The rate 0.2 with a correlation of 0.15: sessions as if independent, and patients as clusters


@pytest.mark.parametrize("n_patients", [15, 50, 200])
def test_sessions_as_if_independent_cover_too_seldom_and_patients_as_clusters_rightly(n_patients):
    n_sets = 20_000 if FULL else 3000
    stream = np.random.default_rng([20260101, n_patients])
    trials = sessions(stream, n_patients, 12, n_sets)
    events = events_of(stream, trials, 0.2, 0.15)
    rate = cluster_ratio_by(events, trials)
    naive = share_within(*wilson(events.sum(axis=0), trials.sum(axis=0)), 0.2)
    # The variance is 1 + 0.15 (59 / 7 - 1) = 2.11 times the binomial one; P(|Z| < 1.96 / 2.11^0.5) = 0.82.
    assert naive < 0.85
    assert abs(naive - 0.82) < 0.01 + room(0.82, n_sets)
    assert LEAST < share_within(rate.conf_low, rate.conf_high, 0.2) < MOST


def test_the_design_effect_and_the_correlation_are_found():
    stream = np.random.default_rng([20260101, 1])
    trials = sessions(stream, 200, 12, N_SETS)
    rate = cluster_ratio_by(events_of(stream, trials, 0.2, 0.15), trials)
    truth = 1 + 0.15 * ((trials**2).sum(axis=0) / trials.sum(axis=0) - 1)
    error = (rate.design_effect - truth).std() / np.sqrt(N_SETS)
    assert abs((rate.design_effect - truth).mean()) < N_ERRORS * error
    # As a ratio of two estimates it is off by less than a tenth of its spread.
    assert abs(rate.icc.mean() - 0.15) < N_ERRORS * rate.icc.std() / np.sqrt(N_SETS) + 0.1 * rate.icc.std()
    # The errors are those of the estimates: mean variance against their variance.
    ratio = np.mean(rate.std_error**2) / rate.estimate.var(ddof=1)
    assert abs(ratio - 1) < N_ERRORS * np.sqrt(2 / N_SETS)


# --- The grid


@pytest.mark.parametrize("most", [12, 6])
@pytest.mark.parametrize("correlation", [0.05, 0.15, 0.4])
@pytest.mark.parametrize("n_patients", [15, 25, 50, 100, 200])
def test_limits_hold_the_rate_from_one_in_a_hundred_to_one_half(n_patients, correlation, most):
    for rate in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
        stream = np.random.default_rng([20260101, n_patients, int(100 * correlation), most, int(100 * rate)])
        trials = sessions(stream, n_patients, most, N_SETS)
        events = events_of(stream, trials, rate, correlation)
        found = cluster_ratio_by(events, trials)
        covered = share_within(found.conf_low, found.conf_high, rate)
        # With few patients who have an event, none or one or two are so frequent that their upper limits must
        # hold the rate: next to nothing is left to miss it from below.
        most_of_all = MOST if found.n_clusters_with_event.mean() >= SEVERAL else MOST_OF_FEW
        assert covered > LEAST - room(LEAST, N_SETS), (rate, covered)
        assert covered < most_of_all + room(most_of_all, N_SETS), (rate, covered)


@pytest.mark.parametrize(("n_patients", "rate"), [(15, 0.01), (15, 0.02), (25, 0.02), (50, 0.01)])
def test_with_few_events_even_limits_that_know_the_whole_distribution_hold_the_rate_too_often(
    n_patients, rate
):
    # The equal-tailed mid-p test of the true rate, from the distribution of the number of events itself.
    stream = np.random.default_rng([20260101, 2, n_patients])
    trials = np.repeat(sessions(stream, n_patients, 6, 1), 40_000, axis=1)
    total = events_of(stream, trials, rate, 0.15).sum(axis=0)
    chance = np.bincount(total) / total.size
    below = np.cumsum(chance) - chance / 2
    # No event at all is too frequent for any limit to lie below the rate: that side is never missed.
    assert chance[0] / 2 > 0.025
    kept = chance[(below > 0.025) & (1 - below > 0.025)].sum()
    assert kept > MOST


@pytest.mark.parametrize("kind", ["normal", "many sessions", "fewer events in those who come often"])
def test_limits_hold_the_rate_in_other_worlds(kind):
    for n_patients in (15, 40, 150):
        stream = np.random.default_rng([20260101, 3, n_patients])
        trials = sessions(stream, n_patients, 12, N_SETS)
        if kind == "normal":
            # Normal on the logit scale; its mean by the trapezoidal rule.
            own = 1 / (1 + np.exp(1.7 - 1.2 * stream.normal(size=trials.shape)))
            point = np.linspace(-8, 8, 2001)
            weight = np.exp(-(point**2) / 2)
            truth = float((weight / (1 + np.exp(1.7 - 1.2 * point))).sum() / weight.sum())
        elif kind == "many sessions":
            trials = np.minimum(1 + stream.geometric(0.1, trials.shape), 80)
            own, truth = stream.beta(0.15 * 5, 0.85 * 5, trials.shape), 0.15
        else:
            # E(n p) / E(n) with p = b (1.5 - n / 14): n uniform on 2 to 12 has E(n) 7 and E(n^2) 59.
            own = stream.beta(0.2 * 5, 0.8 * 5, trials.shape) * (1.5 - trials / 14) / 1.5
            truth = 0.2 * (1.5 * 7 - 59 / 14) / 1.5 / 7
        found = cluster_ratio_by(stream.binomial(trials, own), trials)
        covered = share_within(found.conf_low, found.conf_high, truth)
        assert LEAST - room(LEAST, N_SETS) < covered < MOST + room(MOST, N_SETS), (n_patients, covered)


# --- Events counted, several per session allowed


@pytest.mark.parametrize("unit", ["session", "year"])
@pytest.mark.parametrize("frailty", [0.1, 0.4, 1.0])
def test_limits_hold_the_number_of_events_per_session_and_per_year(unit, frailty):
    for n_patients in (15, 50, 200):
        for rate in (0.05, 0.3, 1.0, 3.0):
            stream = np.random.default_rng([20260101, 4, n_patients, int(100 * rate)])
            shape = n_patients, N_SETS
            exposure = stream.integers(2, 13, shape) if unit == "session" else stream.uniform(0.1, 2, shape)
            counts = stream.poisson(rate * exposure * stream.gamma(1 / frailty, frailty, shape))
            found = cluster_rate_by(counts, exposure)
            covered = share_within(found.conf_low, found.conf_high, rate)
            most = MOST if found.n_clusters_with_event.mean() >= SEVERAL else MOST_OF_FEW
            assert LEAST - room(LEAST, N_SETS) < covered < most + room(most, N_SETS), (
                n_patients,
                rate,
                covered,
            )


# --- Differences between groups of patients


@pytest.mark.parametrize(("n_few", "n_many"), [(3, 9), (4, 12), (10, 30)])
def test_a_difference_between_groups_of_few_patients_is_covered_and_not_without_the_corrections(
    n_few, n_many
):
    n_sets = 10 * N_SETS
    stream = np.random.default_rng([20260101, 5, n_few])
    n_patients = n_few + n_many
    size = stream.integers(2, 13, n_patients)
    cluster = np.repeat(np.arange(n_patients), size)
    y = stream.normal(size=(n_patients, n_sets))[cluster] + stream.normal(size=(cluster.size, n_sets))
    x = np.column_stack([np.ones(cluster.size), cluster < n_few])
    fit = cluster_regression(x, y, cluster)
    # With very few df the interval is on the long side: sizes differ, and so does what their sessions tell.
    assert LEAST < share_within(fit.conf_low[1], fit.conf_high[1], 0.0) < MOST_OF_FEW
    bread = np.linalg.inv(x.T @ x)
    starts = np.concatenate(([0], np.cumsum(size)[:-1]))
    score = np.add.reduceat((x @ bread[1])[:, None] * (y - x @ fit.params), starts, axis=0)
    naive = 1.96 * np.sqrt(np.square(score).sum(axis=0))
    assert share_within(fit.params[1] - naive, fit.params[1] + naive, 0.0) < (0.9 if n_few < 10 else LEAST)
