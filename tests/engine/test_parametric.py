"""Interval-censored accelerated failure time models against R's survreg, differences and closed forms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_ndtr

from ketaoutcomes.engine import aft_families
from ketaoutcomes.engine.aft_curves import mean_survival, quantile, survival
from ketaoutcomes.engine.aft_families import FAMILIES, interval_times, row_terms
from ketaoutcomes.engine.clustered import cluster_codes, sandwich
from ketaoutcomes.engine.parametric import aft
from ketaoutcomes.errors import DataError

INF, NAMES = np.inf, tuple(FAMILIES)
REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "aft.json").read_text())


def frame(name):
    """A data set of the reference as arrays; a missing right end is infinite."""
    columns = {key: np.array(values, object) for key, values in REFERENCE[name].items()}
    columns["right"] = np.array([INF if value is None else value for value in columns["right"]])
    return columns | {"left": columns["left"].astype(float)}


@pytest.fixture(scope="module")
def cosmesis():
    data = frame("bcos")
    return np.column_stack([np.ones(94), data["chem"].astype(float)]), data["left"], data["right"]


@pytest.fixture(scope="module")
def mixed():
    data = frame("mixed")
    route = data["route"]
    x = np.column_stack([np.ones(120), data["age"].astype(float), route == "IV", route == "oral"]).astype(
        float
    )
    return x, data


# --- R, survival 3.5-3 (tests/reference/aft.R)


@pytest.mark.parametrize(
    ("family", "params", "log_scale", "log_likelihood"),
    [
        ("weibull", (3.89927623, -0.56755054), -0.47910136, -143.32082711),
        ("loglogistic", (3.60924508, -0.48730687), -0.69390372, -145.58506217),
        ("lognormal", (3.54787488, -0.42100046), -0.12540289, -146.62233197),
    ],
)
def test_breast_cosmesis_gives_the_estimates_of_survreg(cosmesis, family, params, log_scale, log_likelihood):
    fit = aft(*cosmesis, family=family)
    assert fit.converged
    assert fit.params == pytest.approx(params, abs=1e-8)
    assert fit.log_scale == pytest.approx(log_scale, abs=1e-8)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-8)
    assert fit.gradient_norm < 1e-9


def test_the_standard_errors_of_the_weibull_fit_are_those_published_with_it(cosmesis):
    fit = aft(*cosmesis)
    assert np.sqrt(np.diag(fit.cov))[:2] == pytest.approx((0.140530, 0.175730), abs=5e-7)


@pytest.mark.parametrize("family", NAMES)
def test_covariance_and_quantiles_are_those_of_survreg(cosmesis, family):
    reference = REFERENCE["cosmesis"][family]
    fit = aft(*cosmesis, family=family)
    assert fit.cov == pytest.approx(np.array(reference["cov"]), rel=1e-10)
    found = quantile(fit, [[1, 0], [1, 1]], [0.25, 0.5, 0.75])
    assert np.log(found.estimate) == pytest.approx(np.array(reference["log_quantiles"]), abs=1e-10)
    half = 1.959963984540054 * np.array(reference["log_quantiles_se"])
    assert np.log(found.conf_high / found.estimate) == pytest.approx(half, abs=1e-9)
    assert np.log(found.estimate / found.conf_low) == pytest.approx(half, abs=1e-9)


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("kind", ["plain", "weighted"])
def test_exact_left_right_and_interval_rows_with_weights_are_as_in_survreg(mixed, family, kind):
    x, data = mixed
    weights = data["weight"].astype(float) if kind == "weighted" else None
    reference = REFERENCE["clustered"][family][kind]
    fit = aft(x, data["left"], data["right"], family=family, weights=weights)
    assert fit.params == pytest.approx(reference["coef"], abs=1e-10)
    assert fit.log_scale == pytest.approx(reference["log_scale"], abs=1e-10)
    assert fit.log_likelihood == pytest.approx(reference["log_likelihood"], abs=1e-9)
    assert fit.cov == pytest.approx(np.array(reference["cov"]), abs=1e-12)


@pytest.mark.parametrize("family", NAMES)
def test_a_weight_is_so_many_equal_rows(mixed, family):
    x, data = mixed
    weights = data["weight"].astype(int)
    many = [
        np.repeat(values, weights, axis=0) for values in (x, data["left"], data["right"], data["patient"])
    ]
    weighted = aft(
        x, data["left"], data["right"], family=family, weights=weights, clusters=data["patient"].astype(int)
    )
    repeated = aft(*many[:3], family=family, clusters=many[3].astype(int))
    assert weighted.params == pytest.approx(repeated.params, abs=1e-10)
    assert weighted.robust_cov == pytest.approx(repeated.robust_cov, rel=1e-8)


@pytest.mark.parametrize("family", NAMES)
def test_the_sandwich_is_that_of_scores_differentiated_numerically_in_r(cosmesis, mixed, family):
    groups = np.arange(94) % 12
    fit = aft(*cosmesis, family=family, clusters=groups, correction="CR0")
    # numDeriv's scores have nine digits.
    assert fit.robust_cov == pytest.approx(np.array(REFERENCE["cosmesis"][family]["robust_cov"]), rel=1e-7)
    x, data = mixed
    fit = aft(
        x, data["left"], data["right"], family=family, clusters=data["patient"].astype(int), correction="CR0"
    )
    reference = np.array(REFERENCE["clustered"][family]["robust_cov"])
    assert fit.robust_cov == pytest.approx(reference, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("family", NAMES)
def test_without_interval_rows_the_sandwich_is_survregs_own(mixed, family):
    x, _ = mixed
    data = frame("seen")
    patients = data["patient"].astype(int)
    reference = np.array(REFERENCE["clustered"][family]["survreg_robust_cov"])
    plain = aft(x, data["left"], data["right"], family=family, clusters=patients, correction="CR0")
    assert plain.robust_cov == pytest.approx(reference, rel=1e-9)
    larger = aft(x, data["left"], data["right"], family=family, clusters=patients, correction="CR1")
    assert larger.robust_cov == pytest.approx(reference * 40 / 39, rel=1e-9)


# --- clusters


def test_cr2_of_equal_clusters_and_a_mean_alone_is_the_variance_of_cluster_means():
    # Exact log-normal times with a known scale are least squares of log time: with an intercept only and
    # equal clusters CR2 is the sample variance of the cluster means over m.
    rng = np.random.default_rng(5)
    y = rng.normal(size=(12, 3)) + rng.normal(size=12)[:, None]
    rows = np.ones((36, 1))
    codes = np.repeat(np.arange(12), 3)
    scores = (y - y.mean()).reshape(-1, 1)
    found = sandwich(scores, np.array([[36.0]]), codes, correction="CR2", own_information=rows[:, :, None])
    assert found[0, 0] == pytest.approx(y.mean(axis=1).var(ddof=1) / 12, rel=1e-12)


@pytest.mark.parametrize("family", NAMES)
def test_cr2_is_the_sandwich_of_scores_enlarged_by_each_clusters_own_leverage(mixed, family):
    x, data = mixed
    patients = data["patient"].astype(int)
    size = {
        kind: np.diag(
            aft(x, data["left"], data["right"], family=family, clusters=patients, correction=kind).robust_cov
        )
        for kind in ("CR0", "CR2")
    }
    # 40 clusters carry 5 parameters: on average a leverage of 1/8, so about 1 / (1 - 1/8) in variance.
    assert (size["CR2"] > size["CR0"]).all()
    assert (size["CR2"] < 1.5 * size["CR0"]).all()


def test_one_cluster_has_an_estimate_and_no_robust_error(cosmesis):
    fit = aft(*cosmesis, clusters=np.zeros(94))
    assert fit.n_clusters == 1
    assert fit.converged
    assert np.isnan(fit.robust_cov).all()


def test_names_and_order_of_clusters_do_not_matter(mixed):
    x, data = mixed
    patients = data["patient"].astype(int)
    order = np.random.default_rng(1).permutation(120)
    first = aft(x, data["left"], data["right"], clusters=patients)
    named = [f"P{99 - patient}" for patient in patients[order]]
    second = aft(x[order], data["left"][order], data["right"][order], clusters=named)
    assert second.robust_cov == pytest.approx(first.robust_cov, rel=1e-9)


def test_a_missing_cluster_is_refused():
    with pytest.raises(DataError, match="the cluster is missing in 2 rows"):
        cluster_codes(["a", None, "b", float("nan")], 4)


# --- derivatives


ROWS = interval_times(
    np.array([0.0, 1.0, 5.0, 2.0, 3.0, 7.0, 10.0, 4.0, 0.5, 3.0]),
    np.array([2.0, 3.0, 5.0, INF, 3.0 * (1 + 1e-5), 7.0 * (1 + 1e-9), 11.0, 4.004, 400.0, 3.015]),
)


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("tau", [-1.5, -0.3, 0.8])
def test_gradient_and_hessian_are_the_differences_of_the_likelihood(family, tau):
    kind, mu, h = FAMILIES[family], np.linspace(0.5, 2.0, 10), 1e-5
    here = row_terms(ROWS, mu, tau, kind)
    up, down = row_terms(ROWS, mu + h, tau, kind), row_terms(ROWS, mu - h, tau, kind)
    later, before = row_terms(ROWS, mu, tau + h, kind), row_terms(ROWS, mu, tau - h, kind)
    for exact, ends in (
        (here.mu, (up.value, down.value)),
        (here.tau, (later.value, before.value)),
        (here.mu_mu, (up.mu, down.mu)),
        (here.mu_tau, (up.tau, down.tau)),
        (here.mu_tau, (later.mu, before.mu)),
        (here.tau_tau, (later.tau, before.tau)),
    ):
        difference = (ends[0] - ends[1]) / (2 * h)
        # Central differences are good to h squared, about 1e-10 of derivatives of order 10 to 1000.
        assert np.abs((exact - difference) / (1 + np.abs(exact))).max() < 1e-6


@pytest.mark.parametrize("family", NAMES)
def test_derivatives_of_the_expansion_of_short_intervals_are_its_own(monkeypatch, family):
    # Widened so far that each of its terms counts.
    monkeypatch.setattr(aft_families, "SERIES_BELOW", 10.0)
    kind, tau, h = FAMILIES[family], -0.2, 1e-5
    times = interval_times(np.array([2.0, 5.0, 9.0]), np.array([3.0, 6.5, 9.5]))
    mu = np.array([1.0, 1.4, 2.5])
    here = row_terms(times, mu, tau, kind)
    up, down = row_terms(times, mu + h, tau, kind), row_terms(times, mu - h, tau, kind)
    later, before = row_terms(times, mu, tau + h, kind), row_terms(times, mu, tau - h, kind)
    assert here.mu == pytest.approx((up.value - down.value) / (2 * h), abs=1e-8)
    assert here.tau == pytest.approx((later.value - before.value) / (2 * h), abs=1e-8)
    assert here.mu_mu == pytest.approx((up.mu - down.mu) / (2 * h), abs=1e-8)
    assert here.mu_tau == pytest.approx((up.tau - down.tau) / (2 * h), abs=1e-8)
    assert here.tau_tau == pytest.approx((later.tau - before.tau) / (2 * h), abs=1e-8)
    # And close to the difference of the tails that it stands for.
    monkeypatch.setattr(aft_families, "SERIES_BELOW", 0.0)
    assert here.value == pytest.approx(row_terms(times, mu, tau, kind).value, abs=2e-3)


@pytest.mark.parametrize("family", NAMES)
def test_short_intervals_go_over_into_exact_times_without_a_step(family):
    kind, width = FAMILIES[family], np.logspace(-9.5, -1.5, 60)
    times = interval_times(np.full(60, 10.0), 10.0 * (1 + width))
    terms = row_terms(times, np.full(60, 2.0), -0.5, kind)
    exact = row_terms(interval_times(np.array([10.0]), np.array([10.0])), np.array([2.0]), -0.5, kind)
    density = np.where(times.is_exact, terms.value, terms.value - np.log(10.0 * width))
    # The middle of an interval of relative width w lies w / 2 later: the difference is of that order.
    for name, values in (("value", density), ("mu", terms.mu), ("tau_tau", terms.tau_tau)):
        off = np.abs(values - getattr(exact, name))
        assert (off < 20.0 * width + 1e-8).all(), name


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("centre", [-200.0, -30.0, 30.0, 200.0])
def test_probabilities_too_small_for_a_number_still_have_logarithms(family, centre):
    times = interval_times(np.array([2.0, 0.0, 2.0]), np.array([3.0, 2.0, INF]))
    terms = row_terms(times, np.full(3, centre), 0.0, FAMILIES[family])
    if family == "weibull" and centre < 0:
        assert terms.value[2] == pytest.approx(-2.0 * np.exp(-centre), rel=1e-12)
    else:
        assert np.isfinite(terms.value).all()
    if family == "lognormal":
        assert terms.value[1] == pytest.approx(log_ndtr(np.log(2.0) - centre), rel=1e-14)
    if family == "loglogistic" and centre > 0:
        # F(b) - F(a) goes to e^-centre (b - a).
        assert terms.value[0] == pytest.approx(-centre, abs=1e-8)
    if family == "weibull" and centre > 0:
        assert terms.value[:2] == pytest.approx([-centre, np.log(2.0) - centre], abs=1e-8)


# --- invariances


@pytest.mark.parametrize("family", NAMES)
def test_the_unit_of_time_moves_the_intercept_only(mixed, family):
    x, data = mixed
    hours = aft(x, data["left"], data["right"], family=family)
    days = aft(x, data["left"] / 24, data["right"] / 24, family=family)
    assert hours.params - days.params == pytest.approx([np.log(24), 0, 0, 0], abs=1e-10)
    assert hours.log_scale == pytest.approx(days.log_scale, abs=1e-11)
    assert hours.cov == pytest.approx(days.cov, abs=1e-12)
    # Each of the 20 exact times has a density per hour or per day.
    assert days.log_likelihood - hours.log_likelihood == pytest.approx(20 * np.log(24), abs=1e-8)


@pytest.mark.parametrize("family", NAMES)
def test_unit_and_origin_of_a_covariate_do_not_matter(mixed, family):
    x, data = mixed
    first = aft(x, data["left"], data["right"], family=family)
    moved = x.copy()
    moved[:, 1] = (x[:, 1] + 2000.0) * 365.25
    second = aft(moved, data["left"], data["right"], family=family)
    assert second.params[1] * 365.25 == pytest.approx(first.params[1], rel=1e-9)
    assert second.params[2:] == pytest.approx(first.params[2:], rel=1e-9)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-10)


def test_rows_that_tell_nothing_change_nothing(cosmesis):
    x, left, right = cosmesis
    more = aft(np.vstack([x, x[:10]]), np.append(left, np.zeros(10)), np.append(right, np.full(10, INF)))
    assert more.params == pytest.approx(aft(x, left, right).params, abs=1e-11)


# --- curves


@pytest.mark.parametrize("family", NAMES)
def test_survival_at_a_quantile_is_what_the_quantile_leaves(cosmesis, family):
    fit = aft(*cosmesis, family=family)
    times = quantile(fit, [[1, 1]], [0.1, 0.5, 0.9]).estimate[0]
    found = survival(fit, [[1, 1]], times)
    assert found.estimate[0] == pytest.approx([0.9, 0.5, 0.1], abs=1e-12)
    assert (found.conf_low < found.estimate).all()
    assert (found.conf_high > found.estimate).all()
    at_start = survival(fit, [[1, 0]], [0.0])
    assert [at_start.estimate[0, 0], at_start.conf_low[0, 0], at_start.conf_high[0, 0]] == [1, 1, 1]


def test_limits_of_survival_are_the_delta_method_on_log_minus_log(cosmesis):
    fit = aft(*cosmesis)
    at = np.array([1.0, 1.0])

    def linear(params):
        return (np.log(24.0) - at @ params[:2]) / np.exp(params[2])

    params, h = np.append(fit.params, fit.log_scale), 1e-6
    slope = [(linear(params + step) - linear(params - step)) / (2 * h) for step in h * np.eye(3)]
    half = 1.959963984540054 * np.sqrt(slope @ fit.cov @ slope)
    found = survival(fit, at[None, :], [24.0])
    assert np.log(-np.log(found.conf_low[0, 0])) == pytest.approx(linear(params) + half, abs=1e-7)
    assert np.log(-np.log(found.conf_high[0, 0])) == pytest.approx(linear(params) - half, abs=1e-7)


def test_the_mean_of_equal_rows_is_the_row(cosmesis):
    fit = aft(*cosmesis, family="loglogistic")
    one, mean = survival(fit, [[1, 1]], [5.0, 24.0]), mean_survival(fit, np.ones((4, 2)), [5.0, 24.0])
    for name in ("estimate", "conf_low", "conf_high"):
        # The log-logistic model is linear on the logit scale, on which means have their limits.
        assert getattr(mean, name) == pytest.approx(getattr(one, name)[0], abs=1e-12)


def test_limits_are_those_of_t_with_clusters_and_normal_without(cosmesis):
    assert aft(*cosmesis).df == INF
    assert aft(*cosmesis, clusters=np.arange(94) % 12).df == 10


# --- where there is no estimate


def test_right_censored_rows_alone_are_refused():
    with pytest.raises(DataError, match="all rows are right-censored"):
        aft(np.ones((3, 1)), [1, 2, 3], [INF, INF, INF])


def test_a_single_finite_end_is_refused():
    with pytest.raises(DataError, match="single finite end"):
        aft(np.ones((3, 1)), [0, 0, 4], [4, 4, INF])


def test_rows_that_all_begin_at_0_are_refused():
    with pytest.raises(DataError, match="no row has a left end above 0"):
        aft(np.ones((2, 1)), [0, 0], [3, 5])


def test_an_event_exactly_at_0_is_refused():
    with pytest.raises(DataError, match="exactly at time 0"):
        aft(np.ones((2, 1)), [0, 2], [0, 5])


def test_a_column_that_is_a_combination_of_others_is_refused(cosmesis):
    x, left, right = cosmesis
    with pytest.raises(DataError, match="column 3 of x is a combination"):
        aft(np.column_stack([x, 1 - x[:, 1]]), left, right)


def test_an_unknown_family_is_refused(cosmesis):
    with pytest.raises(DataError, match="weibull, loglogistic, lognormal"):
        aft(*cosmesis, family="gamma")


@pytest.mark.parametrize("family", NAMES)
def test_a_time_that_all_intervals_share_leaves_no_scale(family):
    fit = aft(np.ones((3, 1)), [1, 2, 3], [9, 8, INF], family=family)
    assert fit.code == "SCALE_AT_LIMIT"
    assert not fit.converged
    assert np.isnan(fit.cov).all()


@pytest.mark.parametrize("family", NAMES)
def test_half_at_once_and_half_not_for_long_spread_the_scale_without_limit(family):
    # F(1) = F(2) = 1/2 fits best, which a strictly rising curve approaches as its scale grows.
    fit = aft(np.ones((10, 1)), [0] * 5 + [2] * 5, [1] * 5 + [INF] * 5, family=family)
    assert fit.code == "SCALE_AT_LIMIT"


@pytest.mark.parametrize("family", NAMES)
def test_a_group_without_events_has_no_finite_ratio(family):
    rng = np.random.default_rng(3)
    left = np.append(rng.uniform(1, 5, 10), np.full(10, 8.0))
    right = np.append(left[:10] + 1, np.full(10, INF))
    x = np.column_stack([np.ones(20), np.repeat([0.0, 1.0], 10)])
    assert aft(x, left, right, family=family).code == "NO_FINITE_MAXIMUM"
