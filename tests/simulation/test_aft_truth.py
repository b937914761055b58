"""Accelerated failure time models against a truth that is known: plateau, and patients with several rows."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ketaoutcomes.engine.aft_curves import quantile, survival
from ketaoutcomes.engine.parametric import aft
from ketaoutcomes.engine.plateau import PLATEAU_UNIDENTIFIED, plateau
from ketaoutcomes.engine.wald import t_limit

FULL = os.environ.get("KETA_FULL") == "1"
# In Monte-Carlo standard errors; those of full size are the acceptance rule, the short run is a smoke test.
N_ERRORS = 3.0 if FULL else 4.0
BIAS_Z = 3.3 if FULL else 4.0
VISITS = np.array([4.0, 24.0, 48.0, 96.0, 168.0, 336.0])


def streams(n_short: int, n_full: int):
    """A generator for each replicate, the same in every run."""
    seeds = np.random.SeedSequence(20260101).spawn(n_full if FULL else n_short)
    return [np.random.default_rng(seed) for seed in seeds]


def band(n: int) -> float:
    """By how much a coverage of 95 % may be off in n replicates."""
    return N_ERRORS * np.sqrt(0.95 * 0.05 / n)


def is_unbiased(estimates, truth: float) -> bool:
    """The mean is within its Monte-Carlo error of the truth, or off by under 5 % of the spread."""
    off, spread = abs(np.mean(estimates) - truth), np.std(estimates, ddof=1)
    return bool(off < BIAS_Z * spread / np.sqrt(len(estimates)) or off < 0.05 * spread)


# --- 65 % have the event, at Weibull times of scale 36 h and shape 0.9; six visits, each missed with 15 %

SHARE, SCALE, SHAPE = 0.65, 36.0, 0.9


def left_over(time: float) -> float:
    return 1 - SHARE + SHARE * np.exp(-((time / SCALE) ** SHAPE))


MEDIAN = SCALE * (-np.log((0.5 - 1 + SHARE) / SHARE)) ** (1 / SHAPE)
TRUTH = {"share": SHARE, "S(24)": left_over(24.0), "S(168)": left_over(168.0), "median": MEDIAN}


def seen_times(generator: np.random.Generator, n: int, share: float = SHARE, until: float = np.inf):
    """Intervals between visits around the planned hours, of those who were seen at all."""
    times = np.where(generator.uniform(size=n) < share, SCALE * generator.weibull(SHAPE, n), np.inf)
    visits = VISITS + generator.normal(0.0, 0.1, (n, VISITS.size))
    came = (generator.uniform(size=visits.shape) >= 0.15) & (visits <= until)
    left = np.where(came & (visits < times[:, None]), visits, 0.0).max(axis=1)
    right = np.where(came & (visits >= times[:, None]), visits, np.inf).min(axis=1)
    known = (left > 0) | np.isfinite(right)
    return np.ones((int(known.sum()), 1)), left[known], right[known]


@pytest.mark.parametrize("n", [100, 240])
def test_plateau_shares_and_median_are_unbiased_and_covered(n):
    found = []
    for generator in streams(20_000 // n, 500):
        fit = plateau(*seen_times(generator, n))
        shares, half = survival(fit, [[1.0]], [24.0, 168.0]), quantile(fit, [[1.0]], 0.5)
        columns = zip(*((part.estimate[0], part.conf_low[0], part.conf_high[0]) for part in (shares, half)))
        found.append([(fit.pi, fit.pi_low, fit.pi_high), *zip(*(np.concatenate(one) for one in columns))])
    found = np.array(found)
    for place, (name, truth) in enumerate(TRUTH.items()):
        estimate, low, high = found[:, place].T
        reached = np.isfinite(estimate)
        assert reached.all(), name
        covered = np.mean((low <= truth) & (truth <= high))
        assert abs(covered - 0.95) < band(len(found)), f"{name}: {covered:.3f}"
        # The time is skewed, and symmetric in its logarithm: its median estimate is what is unbiased.
        centred = np.log(estimate) if name == "median" else estimate
        goal = np.log(truth) if name == "median" else truth
        assert is_unbiased(centred, goal), f"{name}: {np.mean(centred):.4f}, truth {goal:.4f}"


def test_where_all_have_the_event_late_a_plateau_is_hardly_ever_claimed():
    # At pi = 1 twice the fall of the log-likelihood is 0 in half of the samples and chi-squared(1) in the
    # other half, so that it exceeds 3.84 in 2.5 %.
    codes = [plateau(*seen_times(generator, 100, 1.0, 100.0)).code for generator in streams(100, 500)]
    claimed = np.mean([code != PLATEAU_UNIDENTIFIED for code in codes])
    assert claimed < 0.025 + N_ERRORS * np.sqrt(0.025 * 0.975 / len(codes))


# --- patients with four rows who share a normal effect on log time: log T is normal, so the truth is closed

INTERCEPT, BETWEEN, WITHIN = 3.5, -0.5, 0.3


def rows_of_patients(generator: np.random.Generator, n_patients: int):
    patient = np.repeat(np.arange(n_patients), 4)
    group, own = (patient % 2).astype(float), generator.normal(size=patient.size)
    shared = generator.normal(0.0, 0.8, n_patients)[patient]
    center = INTERCEPT + BETWEEN * group + WITHIN * own
    times = np.exp(center + shared + generator.normal(0.0, 0.8, patient.size))
    edges = np.append(0.0, VISITS)
    place = np.searchsorted(edges, times) - 1
    x = np.column_stack([np.ones(patient.size), group, own])
    return x, edges[place], np.append(edges, np.inf)[place + 1], patient


def test_limits_by_patient_cover_where_limits_by_row_do_not():
    truth = np.array([INTERCEPT, BETWEEN, WITHIN])
    error, naive, robust, df = [], [], [], 0.0
    for generator in streams(200, 2000):
        x, left, right, patient = rows_of_patients(generator, 40)
        fit = aft(x, left, right, family="lognormal", clusters=patient)
        error.append(fit.params - truth)
        naive.append(np.sqrt(np.diag(fit.cov)[:3]))
        robust.append(np.sqrt(np.diag(fit.robust_cov)[:3]))
        df = fit.df
    error, naive, robust = np.array(error), np.array(naive), np.array(robust)
    covered = (np.abs(error) < float(t_limit(df, 0.95)) * robust).mean(axis=0)
    by_row = (np.abs(error) < 1.959963984540054 * naive).mean(axis=0)
    assert (np.abs(covered - 0.95) < band(len(error))).all(), covered
    # The intercept and the group differ between patients: rows of a patient repeat each other.
    assert (by_row[:2] < 0.85).all(), by_row
    # A covariate that varies within patients loses nothing by it.
    assert abs(by_row[2] - 0.95) < band(len(error)), by_row
    ratio = robust.mean(axis=0) / error.std(axis=0, ddof=1)
    # The spread itself is known to 1 / sqrt(2 R).
    assert (np.abs(ratio - 1.0) < (0.07 if FULL else 4.0 / np.sqrt(2 * len(error)))).all(), ratio


def test_patients_who_never_have_the_event_are_counted_once():
    covered = {"by patient": [], "by row": []}
    for generator in streams(60, 500):
        patient = np.repeat(np.arange(40), 4)
        has_it = (generator.uniform(size=40) < SHARE)[patient]
        log_time = 3.3 + generator.normal(0.0, 0.6, 40)[patient] + generator.normal(0.0, 0.8, patient.size)
        times = np.where(has_it, np.exp(log_time), np.inf)
        edges = np.append(0.0, VISITS)
        place = np.searchsorted(edges, times) - 1
        rows = np.ones((patient.size, 1)), edges[place], np.append(edges, np.inf)[place + 1]
        for name, clusters in (("by patient", patient), ("by row", None)):
            fit = plateau(*rows, family="lognormal", clusters=clusters)
            covered[name].append(fit.pi_low <= SHARE <= fit.pi_high)
    share = {name: np.mean(values) for name, values in covered.items()}
    assert abs(share["by patient"] - 0.95) < band(len(covered["by patient"])), share
    assert share["by row"] < 0.8, share
