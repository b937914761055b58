"""Mixtures with never-responders against R's optim, lifelines, and the shape of their profile."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from ketaoutcomes.engine.aft_curves import mean_survival, quantile, survival
from ketaoutcomes.engine.aft_rows import checked_rows
from ketaoutcomes.engine.parametric import aft
from ketaoutcomes.engine.plateau import PLATEAU_UNIDENTIFIED, plateau
from ketaoutcomes.engine.plateau_likelihood import Mixture
from ketaoutcomes.errors import DataError

INF = np.inf
NAMES = ("weibull", "loglogistic", "lognormal")
REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "aft.json").read_text())


@pytest.fixture(scope="module")
def rows():
    data = REFERENCE["plateau"]
    right = np.array([INF if value is None else value for value in data["right"]], float)
    return np.column_stack([np.ones(200), data["arm"]]), np.array(data["left"], float), right


@pytest.fixture(scope="module")
def fits(rows):
    return {family: plateau(*rows, family=family) for family in NAMES}


# --- R 4.2.2: probabilities written out, optim and Newton with numDeriv (tests/reference/aft.R)


@pytest.mark.parametrize("family", NAMES)
def test_the_maximum_and_its_covariance_are_those_of_r(fits, family):
    reference, fit = REFERENCE["mixture"][family], fits[family]
    found = np.concatenate([fit.params, [fit.log_scale], fit.logit])
    # numDeriv's gradient, with which R ends, has about nine digits.
    assert found == pytest.approx(reference["par"], abs=1e-8)
    assert fit.log_likelihood == pytest.approx(reference["log_likelihood"], abs=1e-9)
    assert fit.cov == pytest.approx(np.array(reference["cov"]), abs=1e-8)
    assert fit.pi == pytest.approx(expit(reference["par"][3]), abs=1e-9)
    assert fit.code == ""
    assert fit.converged


@pytest.mark.parametrize("family", NAMES)
def test_the_profile_is_that_of_r_and_limits_are_where_it_has_fallen_by_1_92(rows, fits, family):
    reference, fit = REFERENCE["mixture"][family], fits[family]
    model = Mixture(checked_rows(*rows, family=family), np.ones((200, 1)), family)
    start = np.append(model.root @ fit.params, fit.log_scale)
    profile = [model.profiled(float(logit(pi)), start).value for pi in reference["profile_at"]]
    assert profile == pytest.approx(reference["profile"], abs=1e-8)
    for end in (fit.pi_low, fit.pi_high):
        fall = fit.log_likelihood - model.profiled(float(logit(end)), start).value
        assert fall == pytest.approx(1.959963984540054**2 / 2, abs=1e-6)
    assert fit.pi_low < fit.pi < fit.pi_high < 1


# --- lifelines 0.30.3: MixtureCureFitter(base_fitter=...), right-censored times

TIMES = [1, 2, 2, 3, 4, 5, 5, 6, 8, 9, 10, 12, 13, 15, 16, 18, 21, 24, 28, 33] + [40] * 12


@pytest.mark.parametrize(
    ("family", "cured", "location", "shape", "log_likelihood"),
    [
        ("weibull", 0.3603079647, 13.468032738, 1.2200090600, -89.1765966273),
        ("loglogistic", 0.2823567402, 10.905898794, 1.4689310371, -89.1320456950),
        ("lognormal", 0.2849901988, np.exp(2.3691900927), 1 / 1.1515127850, -88.9004742576),
    ],
)
def test_right_censored_times_give_lifelines_cure_model(family, cured, location, shape, log_likelihood):
    right = np.where(np.arange(32) < 20, TIMES, INF)
    fit = plateau(np.ones((32, 1)), TIMES, right, family=family)
    # lifelines stops where its optimiser does, at five or six digits of the parameters.
    assert 1 - fit.pi == pytest.approx(cured, rel=1e-4)
    assert np.exp(fit.params[0]) == pytest.approx(location, rel=1e-4)
    assert np.exp(-fit.log_scale) == pytest.approx(shape, rel=1e-4)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-8)
    assert fit.log_likelihood >= log_likelihood - 1e-9
    # The last event is at 33 and follow-up ends at 40: a fall of 0.6 to 1.82 does not tell late from never.
    assert 0.6 < fit.drop < 1.92
    assert fit.code == PLATEAU_UNIDENTIFIED


# --- derivatives


@pytest.mark.parametrize("family", NAMES)
def test_gradient_and_hessian_are_the_differences_of_the_likelihood(rows, family):
    x, left, right = rows
    model = Mixture(checked_rows(x, left, right, family=family), x, family)
    at, h = np.array([3.0, 0.2, -0.1, 0.5, -0.3]), 1e-5
    _, gradient, hessian = model.evaluate(at)
    ends = [(model.evaluate(at + step), model.evaluate(at - step)) for step in h * np.eye(5)]
    slope = np.array([(up[0] - down[0]) / (2 * h) for up, down in ends])
    bend = np.array([(up[1] - down[1]) / (2 * h) for up, down in ends])
    # Central differences of sums of 200 rows: rounding of 1e-13 over 1e-5, and h squared.
    assert gradient == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert hessian == pytest.approx(bend, rel=1e-6, abs=1e-6)


# --- what can be told


def test_short_follow_up_does_not_tell_late_from_never():
    # Weibull times with a median of 36 of which all come, seen up to 24 only.
    times = 36.0 * (-np.log(1 - (np.arange(100) + 0.5) / 100)) / np.log(2)
    ends = np.array([0, 4, 8, 16, 24.0])
    place = np.searchsorted(ends, times) - 1
    fit = plateau(np.ones((100, 1)), ends[place], np.append(ends, INF)[place + 1])
    assert fit.code == PLATEAU_UNIDENTIFIED
    assert fit.drop < 1.92
    assert fit.pi_high == 1
    assert 0 < fit.pi_low < fit.pi


def test_events_in_all_rows_put_the_share_at_1():
    left = np.array([1.0, 2, 4, 8, 16, 3, 5, 6])
    fit = plateau(np.ones((8, 1)), left, 2 * left)
    plain = aft(np.ones((8, 1)), left, 2 * left)
    assert fit.at_one
    assert (fit.pi, fit.pi_high, fit.code) == (1.0, 1.0, PLATEAU_UNIDENTIFIED)
    assert fit.params == pytest.approx(plain.params, abs=1e-12)
    # All n have the event, so that the likelihood of pi falls as pi^n.
    assert fit.pi_low == pytest.approx(np.exp(-(1.959963984540054**2) / 2 / 8), abs=1e-6)
    for name in ("estimate", "conf_low", "conf_high"):
        assert getattr(survival(fit, [[1]], [3.0]), name) == pytest.approx(
            getattr(survival(plain, [[1]], [3.0]), name), abs=1e-12
        )


def test_a_long_follow_up_tells_the_plateau_to_the_share_of_events():
    # Everyone who has the event has it by 20, and the others are followed 1000 times as long.
    left = np.concatenate([np.tile([1.0, 2, 4, 6, 9, 14], 10), np.full(40, 20_000.0)])
    right = np.concatenate([np.tile([2.0, 4, 6, 9, 14, 20], 10), np.full(40, INF)])
    fit = plateau(np.ones((100, 1)), left, right)
    assert fit.pi == pytest.approx(0.6, abs=1e-6)
    # The profile is then the binomial one: n (p log pi + (1 - p) log(1 - pi)).
    ends = np.array([fit.pi_low, fit.pi_high])
    fall = 60 * np.log(0.6 / ends) + 40 * np.log(0.4 / (1 - ends))
    assert fall == pytest.approx([1.959963984540054**2 / 2] * 2, abs=1e-5)


def test_the_unit_of_time_does_not_matter(rows, fits):
    x, left, right = rows
    days = plateau(x, left / 24, right / 24)
    hours = fits["weibull"]
    assert days.pi == pytest.approx(hours.pi, abs=1e-9)
    assert (days.pi_low, days.pi_high) == pytest.approx((hours.pi_low, hours.pi_high), abs=1e-8)
    assert hours.params - days.params == pytest.approx([np.log(24), 0], abs=1e-8)


def test_columns_of_the_plateau_give_each_group_its_own_share(rows):
    x, left, right = rows
    both = plateau(x, left, right, z=x)
    apart = [plateau(np.ones((100, 1)), left[x[:, 1] == arm], right[x[:, 1] == arm]) for arm in (0, 1)]
    # Not the same model (one scale instead of two), but close: the plateau is seen in both groups.
    shares = expit(both.logit[0] + both.logit[1] * np.array([0, 1]))
    assert shares == pytest.approx([fit.pi for fit in apart], abs=0.01)
    assert both.log_likelihood <= sum(fit.log_likelihood for fit in apart)
    assert np.isnan(both.pi_low)


# --- curves


@pytest.mark.parametrize("family", NAMES)
def test_shares_end_at_the_plateau_and_quantiles_beyond_it_are_never_reached(fits, family):
    fit = fits[family]
    assert survival(fit, [[1, 0]], [1e12]).estimate[0, 0] == pytest.approx(1 - fit.pi, abs=1e-6)
    found = quantile(fit, [[1, 0]], [0.5, 0.95])
    assert found.estimate[0, 1] == INF
    assert found.conf_high[0, 1] == INF
    band = survival(fit, [[1, 0]], [found.conf_low[0, 0], found.estimate[0, 0], found.conf_high[0, 0]])
    # Limits of the time are where the limits of the share cross one half.
    assert band.conf_low[0, 0] == pytest.approx(0.5, abs=1e-6)
    assert band.estimate[0, 1] == pytest.approx(0.5, abs=1e-10)
    assert band.conf_high[0, 2] == pytest.approx(0.5, abs=1e-6)


def test_limits_of_the_share_are_the_delta_method_on_the_logit(fits):
    fit = fits["loglogistic"]
    params, h, at = np.concatenate([fit.params, [fit.log_scale], fit.logit]), 1e-6, np.array([1.0, 1.0])

    def linear(values):
        inner = expit((np.log(48.0) - at @ values[:2]) / np.exp(values[2]))
        return logit(expit(values[3]) * inner)

    slope = np.array([(linear(params + step) - linear(params - step)) / (2 * h) for step in h * np.eye(4)])
    half = 1.959963984540054 * np.sqrt(slope @ fit.cov @ slope)
    found = survival(fit, at[None, :], [48.0])
    assert -logit(found.conf_low[0, 0]) == pytest.approx(linear(params) + half, abs=1e-7)
    assert -logit(found.conf_high[0, 0]) == pytest.approx(linear(params) - half, abs=1e-7)
    mean = mean_survival(fit, np.ones((3, 2)), [48.0])
    assert mean.conf_low[0] == pytest.approx(found.conf_low[0, 0], abs=1e-10)


def test_rows_repeated_within_clusters_tell_no_more_than_once(rows, fits):
    x, left, right = (np.repeat(part, 3, axis=0) for part in rows)
    fit = plateau(x, left, right, clusters=np.repeat(np.arange(200), 3))
    once = fits["weibull"]
    # CR1 and t with 198 degrees of freedom widen by 1 per cent each; a row counted thrice narrows by 1.7.
    assert fit.pi_high - fit.pi_low == pytest.approx(once.pi_high - once.pi_low, rel=0.05)
    naive = plateau(x, left, right)
    assert naive.pi_high - naive.pi_low < 0.65 * (once.pi_high - once.pi_low)


def test_columns_of_the_plateau_must_fit_the_rows(rows):
    with pytest.raises(DataError, match="z must have one finite row per interval"):
        plateau(*rows, z=np.ones((3, 1)))
