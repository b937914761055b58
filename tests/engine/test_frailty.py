"""Shared gamma frailty against R, and at the boundary of no frailty."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.engine.cox import cox
from ketaoutcomes.engine.frailty import boundary_p_value, cox_frailty
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def reference(root):
    """R 4.2.2, survival 3.5-3: tests/reference/recurrent.R."""
    return json.loads((root / "tests/reference/recurrent.json").read_text())


@pytest.fixture(scope="module")
def bladder(root):
    return pd.read_csv(root / "tests/reference/bladder2.csv")


@pytest.fixture(scope="module")
def rats(root):
    return pd.read_csv(root / "tests/reference/rats.csv")


def of_bladder(bladder, **how):
    x = bladder[["rx", "size", "number"]].to_numpy(float)
    return cox_frailty(
        x, bladder["stop"], bladder["event"], start=bladder["start"], clusters=bladder["id"], **how
    )


def errors(fit):
    return np.sqrt(np.diag(fit.cov))


def test_a_frailty_of_given_variance_agrees_with_r(reference, bladder, rats):
    # R with sparse = FALSE and eps = 1e-13: the whole matrix of second derivatives.
    expected = reference["frailty_fixed"]
    fit = of_bladder(bladder, theta=expected["theta"])
    assert fit.params == pytest.approx(expected["params"], abs=1e-7)
    assert errors(fit) == pytest.approx(expected["std_error"], rel=1e-6)
    assert fit.loglik == pytest.approx(expected["loglik"], abs=1e-8)

    expected = reference["rats_fixed"]
    fit = cox_frailty(rats[["rx"]], rats["time"], rats["status"], clusters=rats["litter"], theta=0.5)
    assert fit.params[0] == pytest.approx(expected["params"], abs=1e-7)
    assert errors(fit)[0] == pytest.approx(expected["std_error"], rel=1e-6)
    assert fit.loglik == pytest.approx(expected["loglik"], abs=1e-8)


def test_the_variance_of_largest_likelihood_agrees_with_r(reference, bladder, rats):
    # R stops its search for theta early: ours has a likelihood at least as large.
    fit = of_bladder(bladder)
    expected = reference["frailty"]
    assert fit.loglik >= expected["loglik"]
    assert fit.loglik == pytest.approx(expected["loglik"], abs=1e-4)
    assert fit.theta == pytest.approx(expected["theta"], abs=5e-4)
    assert fit.params == pytest.approx(expected["params"], abs=2e-4)
    # R's default leaves second derivatives between patients out of its standard errors (0.333049), which
    # moves them by up to 1.5 %.
    assert errors(fit) == pytest.approx(expected["std_error"], rel=0.02)

    expected = reference["rats"]
    fit = cox_frailty(rats[["rx"]], rats["time"], rats["status"], clusters=rats["litter"])
    assert fit.theta == pytest.approx(expected["theta"], abs=1e-3)
    assert fit.params[0] == pytest.approx(expected["params"], abs=2e-5)
    assert fit.loglik == pytest.approx(expected["loglik"], abs=1e-6)


def test_the_integrated_likelihood_of_one_event_per_patient_is_the_closed_form():
    # Without covariates and ties, patients with one row each; nu = 1 / theta. The marginal likelihood
    # with masses h_j of the baseline at the event times is maximised here by brute force.
    from scipy.optimize import minimize

    time, theta = np.array([1.0, 2.0, 3.0, 4.0]), 0.7
    event = np.array([1, 1, 0, 1])
    nu = 1 / theta

    def minus_marginal(log_mass):
        mass = np.zeros(4)
        mass[event == 1] = np.exp(log_mass)
        cumulative = np.cumsum(mass)
        terms = event * np.where(event == 1, np.log(np.where(mass > 0, mass, 1.0)), 0.0)
        terms = terms + np.where(event == 1, np.log(nu), 0.0)
        return -(terms + nu * np.log(nu) - (nu + event) * np.log(nu + cumulative)).sum()

    best = -minimize(minus_marginal, np.full(3, -1.0), method="BFGS", options={"gtol": 1e-9}).fun
    fit = cox_frailty(np.empty((4, 0)), time, event, clusters=np.arange(4), theta=theta)
    # The scale of the partial likelihood: the number of events is added.
    assert fit.loglik == pytest.approx(best + 3, abs=1e-7)


def test_a_variance_near_zero_is_continuous_with_the_cox_model(bladder):
    x = bladder[["rx", "size", "number"]].to_numpy(float)
    plain = cox(x, bladder["stop"], bladder["event"], start=bladder["start"], clusters=bladder["id"])
    near = of_bladder(bladder, theta=1e-4)
    # To first order the gain is theta / 2 times the sum over patients of (events - expected)^2 - events.
    expected = np.bincount(bladder["id"], bladder["event"] - residuals(plain, x))
    events = np.bincount(bladder["id"], bladder["event"])
    slope = ((events - expected) ** 2 - events).sum() / 2
    # What is left is of the order of theta itself.
    np.testing.assert_allclose((near.loglik - plain.loglik) / 1e-4, slope, rtol=1e-3)
    np.testing.assert_allclose(of_bladder(bladder, theta=1e-7).params, plain.params, rtol=1e-4)


def residuals(fit, x):
    """Martingale residuals: events less what the hazards of the risk sets expect of each row."""
    return fit.sets.event - fit.sets.moments((x - fit.centre) @ fit.params).expected


def test_no_difference_between_patients_gives_the_cox_model():
    # Gaps of one patient are more alike than chance would have it: no frailty can be seen.
    x = np.tile([0.0, 1.0], 20)[:, None]
    patient = np.repeat(np.arange(20), 2)
    time = np.where(np.arange(40) % 2 == 0, 1.0 + patient / 100, 3.0 - patient / 100)
    fit = cox_frailty(x, time, np.ones(40), clusters=patient, strata=np.arange(40) % 2)
    plain = cox(x, time, np.ones(40), strata=np.arange(40) % 2)
    assert fit.theta == 0.0
    assert fit.theta_low == 0.0
    assert fit.p_value == 1.0
    assert fit.loglik == plain.loglik
    assert (fit.frailty == 1).all()


def test_a_tiny_variance_approaches_the_cox_model(bladder):
    x = bladder[["rx", "size", "number"]].to_numpy(float)
    plain = cox(x, bladder["stop"], bladder["event"], start=bladder["start"])
    fit = of_bladder(bladder, theta=1e-4)
    # The distance shrinks with theta: 1e-4 of what theta = 1 makes of it.
    assert fit.params == pytest.approx(plain.params, abs=1e-4)
    # The integrated log-likelihood has slope 48 in theta at 0 here: 0.005 at 1e-4.
    assert fit.loglik == pytest.approx(plain.loglik, abs=0.01)


def test_the_p_value_at_the_boundary_is_half_of_the_usual_one():
    # 2.705543 is the 90 % point of chi-squared with 1 degree of freedom.
    assert boundary_p_value(2.705543454) == pytest.approx(0.05, abs=1e-9)
    assert boundary_p_value(0.0) == 1.0


def test_the_limits_of_the_variance_are_where_the_likelihood_has_fallen_by_its_quantile(bladder):
    fit = of_bladder(bladder)
    for theta in (fit.theta_low, fit.theta_high):
        # 1.920729 is half of the 95 % point of chi-squared with 1 degree of freedom; limits to 0.01 %.
        assert of_bladder(bladder, theta=theta).loglik == pytest.approx(fit.loglik - 1.920729, abs=1e-3)


def test_frailties_average_one_and_follow_the_events(bladder):
    fit = of_bladder(bladder)
    assert fit.frailty.mean() == pytest.approx(1.0, abs=1e-6)
    events = bladder.groupby("id")["event"].sum().to_numpy()
    assert fit.frailty[events == 0].mean() < 1 < fit.frailty[events >= 3].mean()


def test_the_frailty_recovers_a_known_variance():
    # 1000 patients with 6 exponential gaps each, frailty variance 0.5, log hazard ratio 0.7.
    stream = np.random.default_rng(20260101)
    patient = np.repeat(np.arange(1000), 6)
    x = (patient % 2).astype(float)
    frailty = stream.gamma(2.0, 0.5, 1000)[patient]
    time = stream.exponential(1 / (frailty * np.exp(0.7 * x)))
    fit = cox_frailty(x[:, None], np.minimum(time, 2.0), time < 2.0, clusters=patient)
    # 3.3 standard errors, taken from the 95 % limits.
    assert abs(fit.theta - 0.5) < 3.3 * (fit.theta_high - fit.theta_low) / 3.92
    assert abs(fit.params[0] - 0.7) < 3.3 * errors(fit)[0]
    assert fit.p_value < 1e-10


def test_a_single_patient_is_refused():
    with pytest.raises(DataError, match="at least 2 patients"):
        cox_frailty([[0.0], [1.0]], [1.0, 2.0], [1, 1], clusters=[1, 1])
