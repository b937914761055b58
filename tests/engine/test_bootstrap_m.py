"""Bootstrap of m out of n patients: what is drawn, how it is scaled, and coverage where n are not enough."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ketaoutcomes.engine import bootstrap
from ketaoutcomes.engine.bootstrap import npmle_bootstrap, patient_weights
from ketaoutcomes.engine.interval import cumulative, npmle
from ketaoutcomes.engine.rates import clopper_pearson
from ketaoutcomes.errors import DataError

INF = np.inf
TIMES = np.array([30.0, 70.0, 120.0, 180.0])
M_OUT_OF_N = {"resample": "m-out-of-n"}
FULL = os.environ.get("KETA_FULL") == "1"


def seen_once(n, stream):
    """Exponential with mean 100; one visit at any time up to 300: convergence at the cube root of n."""
    event, visit = stream.exponential(100, n), stream.uniform(0, 300, n)
    return np.where(event > visit, visit, 0.0), np.where(event > visit, INF, visit)


def test_each_replicate_draws_m_patients():
    weights = patient_weights(30, 50, 1, size=10)
    assert weights.shape == (50, 30)
    assert (weights.sum(axis=1) == 10).all()


@pytest.mark.parametrize(("n", "m"), [(27, 9), (28, 10), (64, 16), (100, 22)])
def test_m_is_n_to_the_two_thirds_rounded_up(n, m):
    left, right = seen_once(n, np.random.default_rng(1))
    band = npmle_bootstrap(left, right, TIMES, n_replicates=5, **M_OUT_OF_N)
    assert (band.resample, band.m) == ("m-out-of-n", m)


def test_the_ordinary_bootstrap_is_labelled_and_unchanged():
    left, right = seen_once(60, np.random.default_rng(2))
    band = npmle_bootstrap(left, right, TIMES, n_replicates=60, seed=3)
    assert (band.resample, band.m) == ("patients", None)
    # Percentiles of the curves of the replicates that `patient_weights` draws, fitted one by one.
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    fits = [npmle(left, right, weights=weights) for weights in patient_weights(60, 60, 3)]
    low, high = np.array([cumulative(fit, TIMES) for fit in fits]).transpose(1, 0, 2)
    # The replicates stop 1e-6 below the maximum of a log-likelihood of 60 patients: masses are good to 1e-4.
    np.testing.assert_allclose(band.conf_low, np.quantile(low, 0.025, axis=0), atol=1e-4)
    np.testing.assert_allclose(band.conf_high, np.quantile(high, 0.975, axis=0), atol=1e-4)


def test_limits_are_the_estimate_and_the_scaled_distance_of_the_replicates():
    # Exact times: F*(1) is binomial(m, 0.4) / m; the limits are F -/+ (m/n)^(1/3) quantile of |F* - F|.
    left = np.repeat([1.0, 2.0], [40, 60])
    right = np.repeat([1.0, INF], [40, 60])
    band = npmle_bootstrap(left, right, [1.0], n_replicates=300, seed=5, m=25, **M_OUT_OF_N)
    shares = patient_weights(100, 300, 5, size=25)[:, :40].sum(axis=1) / 25
    reach = 0.25 ** (1 / 3) * np.quantile(np.abs(shares - 0.4), 0.95)
    assert band.conf_low[0] == pytest.approx(0.4 - reach, abs=1e-6)
    assert band.conf_high[0] == pytest.approx(0.4 + reach, abs=1e-6)


def test_the_band_holds_the_estimate_and_stays_within_0_and_1():
    left, right = seen_once(80, np.random.default_rng(6))
    times = np.arange(0.0, 300.0, 10.0)
    band = npmle_bootstrap(left, right, times, n_replicates=100, **M_OUT_OF_N)
    low, high = cumulative(npmle(left, right), times)
    assert (band.conf_low <= low + 1e-9).all()
    assert (band.conf_high >= high - 1e-9).all()
    assert band.conf_low.min() >= 0
    assert band.conf_high.max() <= 1


def test_the_median_lies_where_the_band_holds_one_half():
    left, right = seen_once(150, np.random.default_rng(7))
    every = np.linspace(0, 300, 3001)
    band = npmle_bootstrap(left, right, every, n_replicates=100, **M_OUT_OF_N)
    inside = every[(band.conf_low < 0.5) & (band.conf_high >= 0.5)]
    # The limits are ends of innermost intervals, which are up to a few days from the grid.
    assert band.median_low == pytest.approx(inside[0], abs=5)
    assert band.median_high == pytest.approx(inside[-1], abs=5)


def test_an_exact_limit_holds_where_nobody_has_responded():
    left, right = np.repeat([24.0, 48.0], 20), np.repeat([48.0, INF], 20)
    band = npmle_bootstrap(left, right, [24.0], n_replicates=50, **M_OUT_OF_N)
    assert band.conf_high[0] == pytest.approx(clopper_pearson(0, 40)[1])


def test_an_unreached_median_is_infinite():
    left, right = np.repeat([0.0, 24.0], [20, 80]), np.repeat([4.0, INF], [20, 80])
    band = npmle_bootstrap(left, right, [24.0], n_replicates=100, **M_OUT_OF_N)
    assert band.median_high == INF


def test_several_rows_of_a_patient_are_drawn_together():
    left, right = seen_once(60, np.random.default_rng(8))
    twice = np.tile(np.arange(60), 2)
    band = npmle_bootstrap(
        np.tile(left, 2), np.tile(right, 2), TIMES, clusters=twice, n_replicates=50, **M_OUT_OF_N
    )
    once = npmle_bootstrap(left, right, TIMES, n_replicates=50, **M_OUT_OF_N)
    assert band.m == once.m == 16
    # Other patients are drawn because rows stand in another order: widths agree to bootstrap error, not to a
    # factor of 2^(1/3) = 1.26 as if the copies were patients.
    width = (band.conf_high - band.conf_low) / (once.conf_high - once.conf_low)
    assert width.mean() == pytest.approx(1, abs=0.15)


def test_replicates_solved_together_or_one_by_one_give_the_same_band(monkeypatch):
    left, right = seen_once(90, np.random.default_rng(4))
    together = npmle_bootstrap(left, right, TIMES, n_replicates=40, **M_OUT_OF_N)
    monkeypatch.setattr(bootstrap, "LARGEST_TOGETHER", 0)
    singly = npmle_bootstrap(left, right, TIMES, n_replicates=40, **M_OUT_OF_N)
    np.testing.assert_allclose(together.conf_low, singly.conf_low, atol=1e-4)
    assert (together.median_low, together.median_high) == (singly.median_low, singly.median_high)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resample": "rows"}, "is not known"),
        ({"resample": "m-out-of-n", "m": 0}, "between 1 and the number of patients, 2"),
        ({"resample": "m-out-of-n", "m": 3}, "between 1 and the number of patients, 2"),
        ({"m": 1}, 'for resample="m-out-of-n" only'),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        npmle_bootstrap([0, 1], [1, 2], [1.0], **options)


def test_the_band_covers_the_truth_where_visits_are_spread_over_continuous_time():
    n_runs = 400 if FULL else 100
    truth = 1 - np.exp(-TIMES / 100)
    holds, median = np.zeros(len(TIMES)), 0
    for run in range(n_runs):
        left, right = seen_once(120, np.random.default_rng([9, run]))
        band = npmle_bootstrap(left, right, TIMES, n_replicates=150, seed=run, **M_OUT_OF_N)
        holds += (band.conf_low <= truth) & (truth <= band.conf_high)
        median += band.median_low <= 100 * np.log(2) <= band.median_high
    # Not less than nominal; more is expected of so few patients, since replicates of 25 have wide boxes.
    error = (0.95 * 0.05 / n_runs) ** 0.5
    assert (holds / n_runs > 0.95 - 4 * error).all()
    assert median / n_runs > 0.95 - 4 * error


def test_the_band_of_clustered_rows_does_not_depend_on_names_or_order():
    stream = np.random.default_rng(11)
    left = stream.integers(0, 20, 90).astype(float)
    right = np.where(stream.random(90) < 0.3, np.inf, left + stream.integers(1, 15, 90))
    patient = np.repeat(np.arange(30), 3)
    order = stream.permutation(90)
    one = npmle_bootstrap(left, right, [7.0, 14.0], clusters=patient, n_replicates=60)
    names = np.array([f"{97 * k % 31}x" for k in patient])
    other = npmle_bootstrap(left[order], right[order], [7.0, 14.0], clusters=names[order], n_replicates=60)
    np.testing.assert_allclose(one.conf_low, other.conf_low, atol=1e-6)  # replicates stop at a gap of 1e-6
    np.testing.assert_allclose(one.conf_high, other.conf_high, atol=1e-6)
