"""Profile likelihood: what is held is held, its minimum is one, and the limits are R's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engine.dense_model import MODELS, Dense, made_up

from ketaoutcomes.engine import constrained, profile
from ketaoutcomes.engine.groups import Block, Grouping
from ketaoutcomes.engine.lmm import fit_lmm, refit
from ketaoutcomes.engine.profile import Quantity, quantities_of, value_of

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
Z95 = 1.959963984540054  # qnorm(0.975), R 4.2.2


def fit_of(data, *, reml=False):
    return data.fitted_by(fit_lmm, reml=reml)[0]


def from_csv(name, response, group, times=(), slopes=()):
    """A fit by maximum likelihood of a reference data set."""
    frame = pd.read_csv(REFERENCE / f"lmm_{name}.csv")
    n = len(frame)
    columns = {time: frame[time].to_numpy(float) for time in {*times, *slopes}}
    x = np.asfortranarray(np.column_stack([np.ones(n), *(columns[time] for time in times)]))
    block = Block(("(Intercept)", *slopes), (None, *(columns[time] for time in slopes)))
    codes = pd.factorize(frame[group])[0]
    groupings = [Grouping(group, codes, codes.max() + 1, (block,))]
    return fit_lmm(x, frame[response].to_numpy(float).copy(), groupings, intercept=0, reml=False)[0]


@pytest.fixture(scope="module")
def sleepstudy():
    return from_csv("sleepstudy", "Reaction", "Subject", ["Days"], ["Days"])


def moved(estimate, quantity):
    """A value some way off the estimate."""
    value = value_of(estimate, quantity)
    if quantity.kind == "correlation":
        return 0.5 * value - 0.3
    if quantity.kind == "fixed":
        return value + 1.3 * float(np.sqrt(estimate.covariance[quantity.first, quantity.first]))
    return 1.2 * value + 0.05 * estimate.sigma


@pytest.mark.parametrize("model", MODELS)
def test_derivatives_with_a_quantity_held_are_those_of_finite_differences(model):
    estimate = fit_of(made_up(model))
    whole = profile._Whole(estimate)
    random = np.random.default_rng(2)
    for quantity in quantities_of(estimate):
        held = whole.held(quantity, moved(estimate, quantity))
        theta = held._packed(whole.state)
        theta = theta + random.uniform(0.02, 0.2, theta.shape)
        point, step = held._at(theta), 1e-5
        ends = [[held._at(theta + way * step * unit) for way in (1, -1)] for unit in np.eye(len(theta))]
        gradient = np.array([(up.value - down.value) / (2 * step) for up, down in ends])
        hessian = np.array([(up.gradient - down.gradient) / (2 * step) for up, down in ends])
        # Central differences: rounding of the deviance (1e-13 of about 500) over 2e-5, and step^2.
        assert point.gradient == pytest.approx(gradient, rel=1e-6, abs=2e-5)
        assert point.hessian == pytest.approx(hessian, rel=1e-6, abs=2e-5)


def dense_deviance(data, estimate, state):
    """-2 log-likelihood at covariances and residual variance, by n x n matrices."""
    sums = estimate.sums
    variance = np.exp(state.tau)
    relative = [piece.turn @ own @ piece.turn.T / variance
                for piece, own in zip(sums.pieces, state.covariances, strict=True)]  # fmt: skip
    dense = Dense(data, sums.pieces, relative, reml=False)
    sigma2 = variance * sums.scale.y_scale**2
    return dense, sigma2, relative


@pytest.mark.parametrize("model", MODELS)
def test_the_minimum_holds_its_quantity_and_has_the_deviance_of_full_matrices(model):
    data = made_up(model)
    estimate = fit_of(data)
    whole = profile._Whole(estimate)
    n = len(data.y)
    for quantity in quantities_of(estimate):
        value = moved(estimate, quantity)
        deviance, state = whole.held(quantity, value).minimum(whole.state)
        dense, sigma2, relative = dense_deviance(data, estimate, state)
        rest = dense.df * dense.variance
        if quantity.kind == "fixed":
            # Least squares under b_j = value: the extra is (b_j - value)^2 / (A^-1)_jj.
            j = quantity.first
            rest += (dense.beta[j] - value) ** 2 / np.linalg.inv(dense.a)[j, j]
        elif quantity.kind == "sigma":
            assert np.sqrt(sigma2) == pytest.approx(value, rel=1e-12)
        else:
            g = sigma2 * relative[quantity.block]
            sd = np.sqrt(np.diag(g))
            i, j = quantity.first, quantity.second
            held = sd[i] if quantity.kind == "sd" else g[i, j] / (sd[i] * sd[j])
            assert held == pytest.approx(value, rel=1e-9)
        expected = n * np.log(2 * np.pi * sigma2) + np.linalg.slogdet(dense.v)[1] + rest / sigma2
        found = deviance + 2 * n * np.log(estimate.sums.scale.y_scale) - estimate.sums.sum_log_weights
        assert found == pytest.approx(expected, abs=1e-7)
        assert found > estimate.deviance


# sleepstudy: 'Reaction ~ Days + (Days | Subject)', confint(method = "profile"), R 4.2.2, lme4 1.1-31.
SLEEPSTUDY = {
    Quantity("sd", 0, 0): (14.3814, 37.7160),
    Quantity("correlation", 0, 1, 0): (-0.4815, 0.6850),
    Quantity("sd", 0, 1): (3.8012, 8.7534),
    Quantity("sigma"): (22.8983, 28.8580),
    Quantity("fixed", first=0): (237.6807, 265.1295),
    Quantity("fixed", first=1): (7.3587, 13.5759),
}


def test_limits_of_the_sleep_study_are_those_of_lme4(sleepstudy):
    found = {each.quantity: (each.low, each.high) for each in profile.profile(sleepstudy)}
    assert set(found) == set(SLEEPSTUDY)
    for quantity, (low, high) in SLEEPSTUDY.items():
        # lme4 reads its limits off a spline, and four decimals are printed.
        assert found[quantity] == pytest.approx((low, high), abs=1e-4)


def test_correlations_within_three_effects_have_the_limits_of_lme4():
    frame = pd.read_csv(REFERENCE / "lmm_machines.csv")
    dummies = [(frame["Machine"] == name).to_numpy(float) for name in ("B", "C")]
    codes = pd.factorize(frame["Worker"])[0]
    x = np.asfortranarray(np.column_stack([np.ones(len(frame)), *dummies]))
    block = Block(("(Intercept)", "B", "C"), (None, *dummies))
    groupings = [Grouping("Worker", codes, codes.max() + 1, (block,))]
    estimate, _ = fit_lmm(x, frame["score"].to_numpy(float).copy(), groupings, intercept=0, reml=False)
    # lmer(score ~ Machine + (1 + Machine | Worker), Machines, REML = FALSE), confint of
    # profile(which = "theta_", maxpts = 400, delta = 0.1), R 4.2.2, lme4 1.1-31; .sig02, .sig03, .sig05.
    expected = {(1, 0): (-0.323538697, 0.886750828), (2, 0): (-0.847509957, 0.451856238),
                (2, 1): (-0.511029038, 0.825262626)}  # fmt: skip
    chosen = tuple(Quantity("correlation", 0, *pair) for pair in expected)
    for found in profile.profile(estimate, quantities=chosen):
        limits = expected[found.quantity.first, found.quantity.second]
        # lme4's fine spline agrees with the roots to 5e-6.
        assert (found.low, found.high) == pytest.approx(limits, abs=2e-5)


def test_a_variance_at_zero_has_zero_as_lower_limit():
    estimate = from_csv("dyestuff2", "Yield", "Batch")
    sd, sigma, mean = profile.profile(estimate)
    assert (sd.estimate, sd.low) == (0.0, 0.0)
    # R 4.2.2, lme4 1.1-31, by root finding instead of the spline (tests/reference/lmm_profile.R).
    assert sd.high == pytest.approx(2.08404787, abs=1e-6)
    assert (sigma.low, sigma.high) == pytest.approx((2.89284504, 4.81583030), abs=1e-6)
    assert (mean.low, mean.high) == pytest.approx((4.31283749, 7.01836251), abs=1e-6)


def test_zeta_is_the_signed_root_of_the_rise_and_reaches_z_at_the_limits(sleepstudy):
    for found in profile.profile(sleepstudy):
        assert (np.diff(found.zeta) > 0).all()
        assert (np.diff(found.values) > 0).all()
        at = dict(zip(found.values, found.zeta, strict=True))
        assert at[found.estimate] == 0.0
        assert (at[found.low], at[found.high]) == pytest.approx((-Z95, Z95), abs=1e-6)


def test_the_profile_of_a_reml_fit_is_that_of_the_ml_fit(sleepstudy):
    reml = refit(sleepstudy.sums, reml=True)
    pairs = zip(profile.profile(sleepstudy), profile.profile(reml), strict=True)
    for one, two in pairs:
        assert (one.estimate, one.low, one.high) == pytest.approx((two.estimate, two.low, two.high), rel=1e-6)


def test_a_wider_level_has_wider_limits(sleepstudy):
    for narrow, wide in zip(
        profile.profile(sleepstudy, level=0.5), profile.profile(sleepstudy, level=0.99), strict=True
    ):
        assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


def test_limits_move_with_the_unit_and_origin_of_time():
    data = made_up("slope")
    time = data.x[:, 1].copy()
    found = {}
    for name, changed in {"days": time, "seconds": 86400.0 * time + 1e4}.items():
        x = data.x.copy(order="F")
        x[:, 1] = changed
        block = Block(("(Intercept)", "time"), (None, changed))
        groupings = [Grouping("patient", data.groupings[0].codes, data.groupings[0].n_groups, (block,))]
        estimate, _ = fit_lmm(x, data.y.copy(), groupings, intercept=0, reml=False)
        wanted = (Quantity("sd", 0, 1), Quantity("sigma"), Quantity("fixed", first=1))
        found[name] = np.array([(p.low, p.high) for p in profile.profile(estimate, quantities=wanted)])
    unit = np.array([[86400.0], [1.0], [86400.0]])
    # Limits are roots to 1e-8 of a bracket.
    assert found["seconds"] * unit == pytest.approx(found["days"], rel=1e-6)


def test_a_correlation_with_an_effect_without_variance_may_be_anything():
    # In each group the residuals are orthogonal to 1 and time: no intercept and no slope varies.
    time = np.tile(np.arange(4.0), 10)
    codes = np.repeat(np.arange(10), 4)
    y = 3.0 + time + np.tile([1.0, -1.0, -1.0, 1.0], 10) * np.repeat(np.linspace(-2, 3, 10), 4)
    x = np.asfortranarray(np.column_stack([np.ones(40), time]))
    grouping = Grouping("patient", codes, 10, (Block(("(Intercept)", "time"), (None, time)),))
    estimate, _ = fit_lmm(x, y, [grouping], intercept=0, reml=False)
    found = {each.quantity.kind: each for each in profile.profile(estimate)}
    assert np.isnan(found["correlation"].estimate)
    assert (found["correlation"].low, found["correlation"].high) == (-1.0, 1.0)
    assert found["sd"].low == 0.0


def test_a_profile_that_cannot_be_followed_has_no_limits_and_says_why(sleepstudy, monkeypatch):
    monkeypatch.setattr(constrained.Constrained, "minimum", lambda self, start: None)
    (found,) = profile.profile(sleepstudy, quantities=(Quantity("sigma"),))
    assert np.isnan([found.low, found.high]).all()
    assert found.failure == "no minimum was found at some value"


def test_a_profile_below_the_optimum_is_a_failure(sleepstudy, monkeypatch):
    lower = constrained.Constrained.minimum

    def sunk(self, start):
        deviance, state = lower(self, start)
        return deviance - 10.0, state

    monkeypatch.setattr(constrained.Constrained, "minimum", sunk)
    (found,) = profile.profile(sleepstudy, quantities=(Quantity("sigma"),))
    assert found.failure == "the profile falls below the fitted optimum"


def test_parameters_are_counted_in_the_order_of_lme4():
    data = made_up("nested slopes")
    kinds = [each.kind for each in quantities_of(fit_of(data))]
    assert kinds == ["sd", "correlation", "sd"] * 2 + ["sigma"] + ["fixed"] * 3
