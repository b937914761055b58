"""Small clinics: the optimum is found whatever the unit of time, also where a variance is zero."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from ketaoutcomes.engine.criterion import at_theta
from ketaoutcomes.engine.factors import full_rank
from ketaoutcomes.engine.groups import Block, Grouping
from ketaoutcomes.engine.lmm import fit_lmm
from ketaoutcomes.engine.small_sample import Satterthwaite

MONTH = 30.4375  # days
N_CLINICS = 300


def small_clinic(seed: int):
    """30 patients, 3 to 8 assessments each within 120 days; slope variance 1, 0.05 or 0 (per 10 days)."""
    random = np.random.default_rng([20261122, seed])
    n_per = random.integers(3, 9, 30)
    patient = np.repeat(np.arange(30), n_per)
    n = len(patient)
    day = random.integers(0, 120, n).astype(float)
    slope = np.sqrt((1.0, 0.05, 0.0)[seed % 3]) / 10
    arm = random.integers(0, 2, 30)[patient].astype(float)
    y = 20 - 0.05 * day + arm + random.normal(0, 3 if seed % 2 else 0.3, 30)[patient]
    y += random.normal(0, slope, 30)[patient] * day if slope else 0.0
    return patient, day, arm, y + random.normal(0, 3, n)


def fitted(patient, time, arm, y):
    x = np.asfortranarray(np.column_stack([np.ones(len(y)), time, arm, time * arm]))
    block = Block(("(Intercept)", "time"), (None, time))
    return fit_lmm(x, y.copy(), (Grouping("patient_id", patient, 30, (block,)),), intercept=0)[0]


@pytest.mark.parametrize("part", range(10))
def test_no_start_of_another_optimiser_gets_below_the_deviance_of_small_clinics_in_days_or_months(part):
    singular = 0
    for seed in range(part, N_CLINICS, 10):
        patient, day, arm, y = small_clinic(seed)
        days, months = fitted(patient, day, arm, y), fitted(patient, day / MONTH, arm, y)
        assert days.converged
        assert months.converged
        # X'V^-1X holds the unit twice for each of the two columns with time in them.
        assert months.deviance == pytest.approx(days.deviance - 4 * np.log(MONTH), abs=1e-8)
        np.testing.assert_allclose(months.beta, days.beta * [1, MONTH, 1, MONTH], rtol=1e-6, atol=1e-7)
        units = np.outer([1, MONTH], [1, MONTH])
        scale = np.abs(months.blocks[0]).max()
        np.testing.assert_allclose(months.blocks[0], days.blocks[0] * units, atol=1e-5 * scale)

        def criterion(theta, sums=days.sums):
            point = at_theta(sums, (full_rank(2),), theta, reml=True, order=1)
            return point.value, point.gradient

        random = np.random.default_rng(seed)
        others = [
            minimize(criterion, start, jac=True, method="BFGS", options={"gtol": 1e-7}).fun
            for start in random.normal(0, 2, (6, 3))
        ]
        assert days.optimum.point.value <= min(others) + 1e-4
        singular += any(directions.size for directions in days.singular)
    # Two clinics in three have little or no slope variance: boundary fits must be among them.
    assert singular > 3


def test_a_boundary_fit_is_exact_and_the_variance_does_not_want_to_grow():
    found = 0
    for seed in range(2, 60, 3):
        fit = fitted(*small_clinic(seed))
        directions = fit.singular[0]
        if not directions.size:
            continue
        found += 1
        block = fit.blocks[0]
        # Exactly singular: the vanished direction has no variance at all, up to rounding.
        spread = np.einsum("ij,ik,kj->j", directions, block, directions)
        assert np.abs(spread).max() <= 1e-12 * np.trace(block) + 1e-300
        # A little variance in the vanished direction makes the criterion worse.
        matrices = np.linalg.cholesky(
            np.linalg.solve(fit.sums.pieces[0].turn, block / fit.sigma**2)
            @ np.linalg.inv(fit.sums.pieces[0].turn).T
            + 1e-4 * np.eye(2)
        )
        inside = at_theta(fit.sums, (full_rank(2),), matrices.T[np.triu_indices(2)], reml=True, order=0)
        assert inside.value > fit.optimum.point.value
    assert found >= 5


def test_satterthwaite_without_any_random_variance_left_is_ordinary_regression():
    # Groups that are more alike than chance: the variance between them is zero.
    codes = np.repeat(np.arange(8), 4)
    random = np.random.default_rng(8)
    y = random.normal(size=(8, 4))
    y -= y.mean(axis=1, keepdims=True)
    x = np.asfortranarray(np.column_stack([np.ones(32), np.tile(np.arange(4.0), 8)]))
    block = Block(("(Intercept)",), (None,))
    fit, _ = fit_lmm(x.copy(order="F"), y.flatten(), (Grouping("g", codes, 8, (block,)),), intercept=0)
    assert fit.blocks[0][0, 0] == 0.0
    np.testing.assert_allclose(Satterthwaite(fit).df(np.eye(2)), 30, rtol=1e-9)
    rest = y.ravel() - x @ np.linalg.lstsq(x, y.ravel(), rcond=None)[0]
    expected = rest @ rest / 30 * np.linalg.inv(x.T @ x)
    np.testing.assert_allclose(fit.covariance, expected, rtol=1e-9, atol=1e-15)


def test_fixed_effects_are_never_zeroed_where_the_random_variance_is_tiny():
    # The failure in statsmodels issue 10239: a variance below 1e-10 set all between-patient effects to 0.
    random = np.random.default_rng(10)
    codes = np.repeat(np.arange(20), 5)
    arm = (np.arange(20) % 2)[codes].astype(float)
    x = np.asfortranarray(np.column_stack([np.ones(100), arm]))
    block = Block(("(Intercept)",), (None,))
    for size in (1e-3, 1e-5, 1e-6, 1e-7, 0.0):
        y = 20 + 3 * arm + random.normal(0, 1, 100) * 0.5 + size * random.normal(size=20)[codes]
        fit, _ = fit_lmm(x.copy(order="F"), y.copy(), (Grouping("g", codes, 20, (block,)),), intercept=0)
        # Balanced groups: the coefficients are least squares whatever the variance.
        np.testing.assert_allclose(fit.beta, np.linalg.lstsq(x, y, rcond=None)[0], rtol=1e-9)
