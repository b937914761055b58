"""Parametric bootstrap: draws with the model's mean and covariance, tests of exact size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engine.dense_model import MODELS, ONE, Dense, made_up
from scipy.special import fdtr

from ketaoutcomes.engine import resample
from ketaoutcomes.engine.groups import Block, Grouping
from ketaoutcomes.engine.lmm import fit_lmm, refit
from ketaoutcomes.engine.profile import Quantity
from ketaoutcomes.engine.resample import Replicates, Rows, bootstrap, bootstrap_lrt, limits, warm_start
from ketaoutcomes.errors import ConvergenceError

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


class Given:
    """Stands for a generator; gives the numbers it was given."""

    def __init__(self, numbers):
        self.numbers, self.at = numbers, 0

    def standard_normal(self, shape):
        size = int(np.prod(shape))
        out = self.numbers[self.at : self.at + size].reshape(shape)
        self.at += size
        return out


def fit_and_rows(data, **arguments):
    copy_of_y = data.y.copy()
    estimate, x = fit_lmm(
        data.x.copy(order="F"), copy_of_y, data.groupings, weights=data.weights, intercept=0, **arguments
    )
    return estimate, Rows(estimate.sums, data.groupings, x, data.weights), copy_of_y


def one_way(name):
    """The rows of a balanced one-way layout."""
    frame = pd.read_csv(REFERENCE / f"lmm_{name}.csv")
    codes = pd.factorize(frame["Batch"])[0]
    groupings = (Grouping("Batch", codes, codes.max() + 1, (ONE,)),)
    y = frame["Yield"].to_numpy(float).copy()
    estimate, x = fit_lmm(np.ones((len(y), 1), order="F"), y, groupings, intercept=0)
    return estimate, Rows(estimate.sums, groupings, x, None)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_drawn_has_exactly_the_mean_and_covariance_of_the_model(model):
    data = made_up(model)
    estimate, rows, _ = fit_and_rows(data)
    n = len(data.y)
    sums = estimate.sums
    n_normals = n + sum(piece.q * data.groupings[piece.grouping].n_groups for piece in sums.pieces)
    root = 1.0 if data.weights is None else np.sqrt(data.weights)

    def drawn(numbers):
        scaled = rows.drawn(estimate, Given(numbers))
        return scaled / root * sums.scale.y_scale + sums.scale.y_centre

    mean = drawn(np.zeros(n_normals))
    half = np.array([drawn(unit) - mean for unit in np.eye(n_normals)]).T
    relative = [block / estimate.sigma**2 for block in estimate.blocks]
    covariance = estimate.sigma**2 * Dense(data, sums.pieces, relative).v
    assert mean == pytest.approx(data.x @ estimate.beta, abs=1e-9)
    assert half @ half.T == pytest.approx(covariance, abs=1e-9 * np.abs(covariance).max())


@pytest.mark.parametrize("model", MODELS)
def test_the_sums_of_the_same_response_are_the_same(model):
    estimate, rows, y = fit_and_rows(made_up(model))
    again = rows.summed(y)
    for one, two in zip(estimate.sums.levels, again.levels, strict=True):
        assert one.rows == pytest.approx(two.rows, abs=1e-10)
    assert again.cross == pytest.approx(estimate.sums.cross, abs=1e-9)


def test_the_sums_of_a_replicate_leave_those_of_the_fit_alone():
    estimate, rows, _ = fit_and_rows(made_up("crossed"))
    before = [level.rows.copy() for level in estimate.sums.levels], estimate.sums.cross.copy()
    rows.summed(rows.drawn(estimate, np.random.default_rng(1)))
    assert all(np.array_equal(a, b.rows) for a, b in zip(before[0], estimate.sums.levels, strict=True))
    assert np.array_equal(before[1], estimate.sums.cross)


@pytest.mark.parametrize("model", MODELS)
def test_a_warm_start_leads_to_the_same_optimum(model):
    estimate, rows, _ = fit_and_rows(made_up(model, n_patients=20))
    start = warm_start(estimate)
    for seed in range(3):
        sums = rows.summed(rows.drawn(estimate, np.random.default_rng(seed)))
        warm, cold = refit(sums, reml=True, start=start), refit(sums, reml=True)
        assert warm.deviance == pytest.approx(cold.deviance, abs=1e-7)


def test_the_spread_of_replicates_is_the_standard_error():
    frame = pd.read_csv(REFERENCE / "lmm_sleepstudy.csv")
    codes, days = pd.factorize(frame["Subject"])[0], frame["Days"].to_numpy(float)
    groupings = (Grouping("Subject", codes, 18, (Block(("(Intercept)", "Days"), (None, days)),)),)
    x = np.asfortranarray(np.column_stack([np.ones(180), days]))
    estimate, x = fit_lmm(x, frame["Reaction"].to_numpy(float).copy(), groupings, intercept=0)
    drawn = bootstrap(estimate, Rows(estimate.sums, groupings, x, None), n_replicates=300, seed=4)
    assert not drawn.failed.any()
    spread = np.std(drawn.values[:, -2:], axis=0, ddof=1)
    # Balanced: generalised least squares does not depend on the variances, whose standard errors
    # (R 4.2.2, lme4 1.1-31) are then exact. Three standard errors of a standard deviation from 300 draws.
    expected = np.array([6.824597, 1.545790])
    assert (np.abs(spread / expected - 1.0) < 3.0 / np.sqrt(600.0)).all()


def test_a_variance_of_zero_is_estimated_as_zero_as_often_as_it_must():
    estimate, rows = one_way("dyestuff2")
    drawn = bootstrap(estimate, rows, n_replicates=400, seed=2)
    # The estimate is 0 where the mean square between batches is the smaller: F(5, 24) below 1.
    expected = float(fdtr(5, 24, 1.0))
    error = np.sqrt(expected * (1 - expected) / 400)
    assert abs(drawn.singular.mean() - expected) < 3 * error
    assert (drawn.values[drawn.singular, 0] == 0.0).all()


def clinics(with_arm):
    """Six clinics of five patients; the clinics' means are 10 4 7 and 16 9 14."""
    errors = [
        3,
        -1,
        0,
        -2,
        0,
        1,
        1,
        -2,
        0,
        0,
        2,
        0,
        -1,
        -1,
        0,
        -3,
        1,
        1,
        1,
        0,
        0,
        2,
        -2,
        1,
        -1,
        1,
        -1,
        2,
        -2,
        0,
    ]
    clinic = np.repeat(np.arange(6), 5)
    y = np.array([10.0, 4, 7, 16, 9, 14])[clinic] + errors
    columns = [np.ones(30), (clinic > 2).astype(float)][: 1 + with_arm]
    groupings = (Grouping("clinic", clinic, 6, (ONE,)),)
    estimate, x = fit_lmm(np.asfortranarray(np.column_stack(columns)), y, groupings, intercept=0, reml=False)
    return estimate, Rows(estimate.sums, groupings, x, None)


def test_the_bootstrap_p_of_an_arm_of_six_clinics_is_that_of_the_t_test_of_their_means():
    tested = bootstrap_lrt(*clinics(False), *clinics(True), n_replicates=500, seed=3)
    # t.test of the six means, equal variances: p = 0.091052; anova of the lmer fits says 0.028 (R 4.2.2).
    exact = 0.091052
    assert tested.n_failed == 0
    assert abs(tested.p_value - exact) < 3 * np.sqrt(exact * (1 - exact) / 500)
    assert tested.p_value == (1 + (tested.statistics >= 4.8047).sum()) / 501


def test_a_seed_gives_the_same_replicates_however_many_there_are():
    estimate, rows = one_way("dyestuff")
    few, many = (bootstrap(estimate, rows, n_replicates=n, seed=9).values for n in (3, 5))
    assert np.array_equal(few, many[:3])
    assert not np.array_equal(few, bootstrap(estimate, rows, n_replicates=3, seed=10).values)


def test_failed_fits_are_counted_and_left_out(monkeypatch):
    estimate, rows = one_way("dyestuff")
    good = refit
    calls = {"n": 0}

    def sometimes(sums, *, reml, start=None):
        calls["n"] += 1
        if calls["n"] in (1, 2):  # the first replicate's warm and usual start
            raise ConvergenceError("no optimum was found")
        return good(sums, reml=reml, start=start)

    monkeypatch.setattr(resample, "refit", sometimes)
    drawn = bootstrap(estimate, rows, n_replicates=4, seed=1)
    assert drawn.failed.tolist() == [True, False, False, False]
    assert np.isnan(drawn.values[0]).all()
    assert np.isfinite(limits(drawn, 0.9)[0]).all()


def test_basic_limits_mirror_the_percentiles_and_stay_within_the_parameter():
    quantities = (Quantity("fixed", first=0), Quantity("sd", 0, 0), Quantity("correlation", 0, 1, 0))
    column = np.linspace(0.0, 1.0, 101)
    values = np.column_stack([10 + column, 4 * column, column])
    values[::2, 2] = np.nan
    none = np.zeros(101, bool)
    made = Replicates(quantities, np.array([10.2, 1.0, 0.9]), values, none, none)
    percentile, basic = limits(made, 0.8)
    assert percentile == pytest.approx(np.array([[10.1, 0.4, 0.108], [10.9, 3.6, 0.892]]))
    # 2 * 10.2 - 10.9 and - 10.1; 2 - 3.6 is below 0; 1.8 - 0.108 is above 1.
    assert basic == pytest.approx(np.array([[9.5, 0.0, 0.908], [10.3, 1.6, 1.0]]))


def test_a_response_is_handed_on_between_models_with_and_without_an_intercept():
    data = made_up("weighted slope")
    _, with_centre, y = fit_and_rows(data)
    x = data.x.copy(order="F")
    raw = data.y.copy()
    estimate, x = fit_lmm(x, raw, data.groupings, weights=data.weights, intercept=None)
    without = Rows(estimate.sums, data.groupings, x, data.weights)
    assert without.moved(y, with_centre) == pytest.approx(raw, abs=1e-12)
    assert with_centre.moved(raw, without) == pytest.approx(y, abs=1e-12)
