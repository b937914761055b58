"""Beta-binomial regression against R, closed forms and simulated truth."""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import chdtri, expit, logit

from ketaoutcomes.engine.beta_binomial import beta_binomial
from ketaoutcomes.engine.beta_binomial_likelihood import ClusterCounts, Evaluator
from ketaoutcomes.engine.rising import log_rising
from ketaoutcomes.errors import DataError

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "count_models.json").read_text())["beta_binomial"]
FULL = os.environ.get("KETA_FULL") == "1"


@pytest.fixture(scope="module")
def cbpp():
    """Events, trials and design of incidence ~ period in lme4's cbpp."""
    with (REFERENCE / "count_cbpp.csv").open() as file:
        rows = list(csv.DictReader(file))
    events, trials = (np.array([float(row[name]) for row in rows]) for name in ("incidence", "size"))
    x = np.column_stack([np.ones(len(rows))] + [[row["period"] == str(i) for row in rows] for i in (2, 3, 4)])
    return events, trials, x.astype(float)


def test_glmmtmbs_fit_of_cbpp_is_met(cbpp):
    # methods: glmmTMB 1.1.5, betabinomial(); it stops at about 1e-6 of a coefficient.
    fit = beta_binomial(*cbpp)
    published = [-1.318773331, -0.968884987, -1.250928902, -1.472520484]
    np.testing.assert_allclose(fit.params, published, atol=1e-6)
    assert fit.phi == pytest.approx(10.8426601, abs=1e-5)
    assert -2 * fit.log_likelihood == pytest.approx(176.083294, abs=1e-6)
    # tests/reference/count_models.R; its Hessian is by differences of a gradient.
    own = R["glmmTMB"]
    np.testing.assert_allclose(fit.params, own["params"], atol=1e-6)
    assert -2 * fit.log_likelihood == pytest.approx(own["minus_2ll"], abs=1e-9)
    np.testing.assert_allclose(fit.std_error, own["std_error"], rtol=1e-5)
    assert np.sqrt(fit.cov[-1, -1]) == pytest.approx(own["log_phi_std_error"], rel=1e-5)


@pytest.mark.parametrize("model", ["period", "intercept"])
def test_the_maximum_and_its_covariance_are_those_of_newtons_method_in_r(cbpp, model):
    # tests/reference/count_models.R: Newton on numDeriv's derivatives, good to about 1e-9.
    events, trials, x = cbpp
    fit, own = beta_binomial(events, trials, x if model == "period" else None), R[model]
    np.testing.assert_allclose(fit.params, np.atleast_1d(own["params"]), atol=2e-9)
    assert np.log(fit.phi) == pytest.approx(own["log_phi"], abs=2e-9)
    np.testing.assert_allclose(fit.cov, own["cov"], atol=2e-9)
    assert fit.log_likelihood == pytest.approx(own["loglik"], abs=1e-10)
    assert fit.log_likelihood_binomial == pytest.approx(own["loglik_binomial"], abs=1e-10)
    assert fit.statistic == pytest.approx(2 * (own["loglik"] - own["loglik_binomial"]), abs=1e-9)
    assert fit.gradient_norm < 1e-8
    assert (fit.boundary, fit.code, fit.rho_identified) == ("", "", True)
    assert fit.rho == pytest.approx(1 / (1 + fit.phi), rel=1e-14)


@pytest.mark.parametrize("case", ["limits", "limits_90", "herds"])
def test_limits_are_roots_of_the_profile_likelihood_as_in_r(cbpp, case):
    # tests/reference/count_models.R: uniroot over optimize.
    own = R[case]
    if case == "herds":
        fit = beta_binomial(own["events"], own["trials"])
    else:
        fit = beta_binomial(cbpp[0], cbpp[1], level=0.9 if case == "limits_90" else 0.95)
    for name in ("rate", "rate_low", "rate_high", "rho", "rho_low", "rho_high"):
        assert getattr(fit, name) == pytest.approx(own[name], abs=1e-9), name


@pytest.mark.parametrize("a", [1e-9, 0.003, 0.7, 5.0, 15.999, 16.0, 40.0, 1e4, 3e6, 1e9])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 300])
def test_the_rising_factorial_is_the_sum_it_stands_for(a, n):
    sums = (
        math.fsum(math.log(a + k) for k in range(n)),
        math.fsum(1 / (a + k) for k in range(n)),
        -math.fsum(1 / (a + k) ** 2 for k in range(n)),
    )
    # Where the series begin they lack a few parts in 1e15 of the second derivative.
    np.testing.assert_allclose(np.array([float(part) for part in log_rising(a, n)]), sums, rtol=1e-14)


def test_derivatives_are_those_of_the_log_likelihood():
    generator = np.random.default_rng(5)
    trials = generator.integers(1, 30, 12).astype(float)
    events = generator.binomial(trials.astype(int), 0.3).astype(float)
    basis = np.column_stack([np.ones(12), generator.normal(size=12)])
    evaluate, step = Evaluator(ClusterCounts(events, trials, np.ones(12), basis)), 1e-5
    for log_phi in (-3.0, 1.0, 6.0):
        at = np.array([-0.5, 0.3, log_phi])
        _, gradient, hessian = evaluate(at)
        sides = [(evaluate(at + move), evaluate(at - move)) for move in step * np.eye(3)]
        by_value = [(up[0] - down[0]) / (2 * step) for up, down in sides]
        by_gradient = [(up[1] - down[1]) / (2 * step) for up, down in sides]
        # Central differences: step^2 plus rounding over step.
        np.testing.assert_allclose(gradient, by_value, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(hessian, by_gradient, rtol=1e-6, atol=1e-7)


def test_equal_clusters_leave_no_correlation_and_the_binomial_remains():
    fit = beta_binomial([1, 1, 1, 1, 1, 1], [2, 2, 2, 2, 2, 2])
    assert (fit.boundary, fit.phi, fit.rho, fit.rho_low, fit.statistic, fit.p_value) == (
        "binomial", np.inf, 0, 0, 0, 1,
    )  # fmt: skip
    assert (fit.rate, fit.rho_identified) == (pytest.approx(0.5), True)
    # 12 independent trials: logit 0 with variance 1 / (12 / 4).
    assert fit.std_error == pytest.approx([(1 / 3) ** 0.5])
    assert np.isnan(fit.cov[-1]).all()
    # P(1 of 2) is 1/2 without correlation and (1 - rho) / 2 at a share of 1/2: the upper limit is closed.
    assert fit.rho_high == pytest.approx(1 - np.exp(-chdtri(1, 0.05) / 12), abs=1e-9)


def test_patients_with_all_or_nothing_count_as_one_trial_each():
    fit = beta_binomial([0, 5, 0, 4, 0, 1], [4, 5, 6, 4, 3, 1])
    assert (fit.boundary, fit.phi, fit.rho, fit.rho_high) == ("complete", 0, 1, 1)
    assert fit.rate == pytest.approx(0.5)
    assert fit.log_likelihood == pytest.approx(6 * np.log(0.5), abs=1e-12)
    # Likelihood limits of 3 of 6: 6 log(1/2) - 3 log p(1 - p) = z^2 / 2.
    product = 0.25 * np.exp(-chdtri(1, 0.05) / 6)
    half = np.sqrt(0.25 - product)
    assert (fit.rate_low, fit.rate_high) == (
        pytest.approx(0.5 - half, abs=1e-9),
        pytest.approx(0.5 + half, abs=1e-9),
    )
    assert fit.std_error == pytest.approx([(4 / 6) ** 0.5])


def test_single_trials_say_nothing_on_the_correlation():
    fit = beta_binomial([1, 0, 1, 0, 0], [1, 1, 1, 1, 1])
    assert not fit.rho_identified
    assert np.isnan([fit.rho, fit.rho_low, fit.rho_high, fit.phi, fit.statistic, fit.p_value]).all()
    assert (fit.rate, fit.boundary, fit.code) == (pytest.approx(0.4), "", "")
    assert fit.std_error == pytest.approx([(1 / (5 * 0.24)) ** 0.5])
    assert fit.rate_low < 0.4 < fit.rate_high


@pytest.mark.parametrize("events, code", [([0, 0, 0], "NO_EVENTS"), ([5, 4, 3], "ALL_EVENTS")])
def test_no_or_nothing_but_events_give_no_number(events, code):
    fit = beta_binomial(events, [5, 4, 3])
    numbers = [fit.rate, fit.rate_low, fit.rate_high, fit.rho, fit.phi, fit.log_likelihood, fit.p_value]
    assert (fit.code, fit.n_clusters, fit.n_trials, fit.n_events) == (code, 3, 12, sum(events))
    assert np.isnan(numbers).all()
    assert np.isnan(fit.params).all()
    assert not fit.rho_identified


def test_one_cluster_gives_its_share_without_limits():
    fit = beta_binomial([3, 0], [10, 0])
    assert (fit.code, fit.n_clusters, fit.rate) == ("TOO_FEW_CLUSTERS", 1, pytest.approx(0.3))
    assert np.isnan([fit.rate_low, fit.rate_high, fit.rho, fit.std_error[0]]).all()


def test_separation_is_said_and_gives_no_number():
    group = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    fit = beta_binomial([0, 0, 0, 3, 2, 1], [4] * 6, group)
    assert fit.code == "SEPARATION"
    assert np.isnan(fit.params).all()
    assert np.isnan(fit.std_error).all()


def test_a_combination_of_columns_is_dropped_and_the_fit_stays(cbpp):
    events, trials, x = cbpp
    fit = beta_binomial(events, trials, np.column_stack([x, 2 * x[:, 0] - x[:, 1]]))
    assert fit.dropped.tolist() == [False] * 4 + [True]
    assert np.isnan(fit.params[4])
    np.testing.assert_allclose(fit.params[:4], R["period"]["params"], atol=2e-9)


def test_units_order_and_empty_clusters_do_not_matter(cbpp):
    events, trials, x = cbpp
    generator = np.random.default_rng(2)
    order = generator.permutation(len(events))
    turned = x[order] @ np.diag([1.0, 1e6, 1e-5, 1.0])
    fit = beta_binomial(
        np.append(events[order], 0), np.append(trials[order], 0), np.vstack([turned, [1, 0, 0, 7]])
    )
    np.testing.assert_allclose(fit.params * [1, 1e6, 1e-5, 1], R["period"]["params"], atol=2e-9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), min_size=2, max_size=12))
def test_events_and_their_absence_mirror_each_other(pairs):
    trials = np.array([n for _, n in pairs])
    events = np.minimum([x for x, _ in pairs], trials)
    fit, other = beta_binomial(events, trials), beta_binomial(trials - events, trials)
    assert fit.boundary == other.boundary
    assert np.isnan(fit.rate) == np.isnan(other.rate)
    if not fit.code:
        # Roots are good to 1e-11 of log odds; a flat likelihood gives the maximum itself fewer digits.
        assert fit.rate == pytest.approx(1 - other.rate, abs=1e-7)
        assert fit.rate_low == pytest.approx(1 - other.rate_high, abs=1e-7)
        np.testing.assert_allclose([fit.rho_low, fit.rho_high], [other.rho_low, other.rho_high], atol=1e-7)
        assert fit.rate_low <= fit.rate <= fit.rate_high


@pytest.mark.parametrize(
    "events, trials, x, message",
    [
        ([3], [2], None, "more events than trials"),
        ([1, 2], [2], None, "same length"),
        ([0.5], [2], None, "whole numbers"),
        ([-1], [2], None, "whole numbers"),
        ([np.nan], [2], None, "whole numbers"),
        ([0, 0], [0, 0], None, "no cluster has a trial"),
        ([1, 2], [2, 2], [[1.0]], "one line per cluster"),
        ([1, 2], [2, 3], [[1.0], [np.nan]], "missing or infinite in 1 rows"),
        ([1, 2], [2, 3], [[0.0], [0.0]], "no column"),
    ],
)
def test_malformed_counts_are_refused(events, trials, x, message):
    with pytest.raises(DataError, match=message):
        beta_binomial(events, trials, x)


def test_a_level_outside_nought_and_one_is_refused():
    with pytest.raises(DataError, match="level must lie between 0 and 1"):
        beta_binomial([1, 2], [2, 3], level=95)


def test_limits_hold_the_simulated_truth():
    # 60 patients with 2 to 12 sessions, share 0.2, rho 0.25.
    generator, replicates = np.random.default_rng(11), 1000 if FULL else 200
    held = np.zeros(3)
    for _ in range(replicates):
        trials = generator.integers(2, 13, 60)
        fit = beta_binomial(generator.binomial(trials, generator.beta(0.6, 2.4, 60)), trials)
        held += [
            fit.rate_low <= 0.2 <= fit.rate_high,
            fit.rho_low <= 0.25 <= fit.rho_high,
            abs(fit.params[0] - logit(0.2)) < 1.959964 * fit.std_error[0],
        ]
    # Four Monte-Carlo standard errors.
    assert (np.abs(held / replicates - 0.95) < 4 * np.sqrt(0.95 * 0.05 / replicates)).all()


def test_without_correlation_the_test_keeps_its_size():
    # A constant of 2 is the same model without the search for limits.
    generator, replicates = np.random.default_rng(12), 3000 if FULL else 400
    trials, x = np.full(100, 10), np.full((100, 1), 2.0)
    fits = [beta_binomial(generator.binomial(trials, 0.3), trials, x) for _ in range(replicates)]
    rejected = np.mean([fit.p_value < 0.05 for fit in fits])
    assert abs(rejected - 0.05) < 4 * np.sqrt(0.05 * 0.95 / replicates)
    assert expit(2 * np.mean([fit.params[0] for fit in fits])) == pytest.approx(
        0.3, abs=4 * np.sqrt(0.3 * 0.7 / (1000 * replicates)) + 1e-4
    )  # 1e-4: a mean of log odds is biased by less than that
