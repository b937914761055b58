"""The bootstrap of patients: weights, agreement of its two solvers, and coverage of a known truth."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.engine import bootstrap, bootstrap_limits
from ketaoutcomes.engine.bootstrap import npmle_bootstrap, patient_weights
from ketaoutcomes.engine.interior import maximise_replicates
from ketaoutcomes.engine.interval import cumulative, npmle
from ketaoutcomes.engine.mixture import Ranges, gradient, maximise
from ketaoutcomes.engine.rates import clopper_pearson
from ketaoutcomes.engine.support import innermost_intervals
from ketaoutcomes.errors import DataError

INF = np.inf
SCHEDULE = np.array([4.0, 24.0, 48.0, 96.0, 168.0, 336.0])


def on_schedule(n, stream):
    """65 % respond, Weibull with scale 36 h and shape 0.9; 15 % of the visits are missed."""
    responds = stream.random(n) < 0.65
    event = np.where(responds, 36 * stream.weibull(0.9, n), INF)[:, None]
    attended = stream.random((n, len(SCHEDULE))) < 0.85
    left = np.max(np.where(attended & (event > SCHEDULE), SCHEDULE, 0.0), axis=1)
    right = np.min(np.where(attended & (event <= SCHEDULE), SCHEDULE, INF), axis=1)
    return left, right


def at_any_hour(n, stream):
    event = stream.exponential(100, (n, 1))
    visits = np.cumsum(np.ceil(stream.exponential(50, (n, 6))), axis=1)
    left = np.max(np.where(visits < event, visits, 0.0), axis=1)
    right = np.min(np.where(visits >= event, visits, INF), axis=1)
    return left, right


def test_each_replicate_draws_as_many_patients_as_there_are():
    weights = patient_weights(30, 50, 1)
    assert weights.shape == (50, 30)
    assert (weights.sum(axis=1) == 30).all()
    assert weights.std() > 0.8


def test_replicates_do_not_depend_on_when_they_are_made():
    whole = patient_weights(25, 12, 7)
    assert np.array_equal(whole[8:], patient_weights(25, 4, 7, first=8))
    assert not np.array_equal(whole, patient_weights(25, 12, 8))


def test_all_replicates_reach_their_certificate():
    left, right = at_any_hour(120, np.random.default_rng(1))
    support = innermost_intervals(left, right)
    weights = patient_weights(120, 100, 3).astype(float)
    mass, gap = maximise_replicates(support.first, support.stop, weights, npmle(left, right).mass)
    assert gap.max() < 1e-6
    assert mass.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-9)
    for row in (0, 41, 99):
        drawn = weights[row] > 0
        ranges = Ranges(support.first[drawn], support.stop[drawn], weights[row][drawn], len(support.left))
        g, _ = gradient(mass[row], ranges)
        assert 120 * (g.max() - 1) == pytest.approx(gap[row], abs=1e-9)


def test_a_replicate_that_draws_everyone_once_is_the_estimate():
    left, right = at_any_hour(80, np.random.default_rng(2))
    support = innermost_intervals(left, right)
    fit = npmle(left, right)
    mass, _ = maximise_replicates(
        support.first, support.stop, np.ones((1, 80)), np.full(len(fit.mass), 1 / len(fit.mass))
    )
    ranges = Ranges(support.first, support.stop, np.ones(80), len(fit.mass))
    np.testing.assert_allclose(np.cumsum(mass[0]), np.cumsum(maximise(ranges).mass), atol=1e-6)


@pytest.mark.parametrize("data", [on_schedule, at_any_hour])
def test_replicates_solved_together_or_one_by_one_give_the_same_band(data, monkeypatch):
    left, right = data(90, np.random.default_rng(4))
    times = np.arange(0.0, 340.0, 12.0)
    together = npmle_bootstrap(left, right, times, n_replicates=60, seed=5)
    monkeypatch.setattr(bootstrap, "LARGEST_TOGETHER", 0)
    singly = npmle_bootstrap(left, right, times, n_replicates=60, seed=5)
    np.testing.assert_allclose(together.conf_low, singly.conf_low, atol=1e-5)
    np.testing.assert_allclose(together.conf_high, singly.conf_high, atol=1e-5)
    assert (together.median_low, together.median_high) == (singly.median_low, singly.median_high)
    assert together.n_failed == 0


@pytest.mark.parametrize("clustered", [False, True])
def test_order_of_rows_and_size_of_blocks_do_not_matter(clustered, monkeypatch):
    stream = np.random.default_rng(6)
    left, right = at_any_hour(70, stream)
    order = stream.permutation(70)
    patient = np.arange(70) // 2 if clustered else None
    moved = patient[order] if clustered else None
    one = npmle_bootstrap(left, right, SCHEDULE, n_replicates=40, seed=2, clusters=patient)
    monkeypatch.setattr(bootstrap, "BLOCK_SIZE", 1)
    other = npmle_bootstrap(left[order], right[order], SCHEDULE, n_replicates=40, seed=2, clusters=moved)
    np.testing.assert_allclose(one.conf_low, other.conf_low, atol=1e-9)
    np.testing.assert_allclose(one.conf_high, other.conf_high, atol=1e-9)


def test_hours_and_days_give_the_same_band():
    left, right = on_schedule(60, np.random.default_rng(8))
    hours = npmle_bootstrap(left, right, SCHEDULE, n_replicates=50, seed=1)
    days = npmle_bootstrap(left / 24, right / 24, SCHEDULE / 24, n_replicates=50, seed=1)
    np.testing.assert_allclose(hours.conf_low, days.conf_low, atol=1e-12)
    assert days.median_high == pytest.approx(hours.median_high / 24)


def test_the_band_holds_the_estimate():
    left, right = at_any_hour(100, np.random.default_rng(9))
    times = np.arange(0.0, 300.0, 10.0)
    band = npmle_bootstrap(left, right, times, n_replicates=200, seed=1)
    low, high = cumulative(npmle(left, right), times)
    assert (band.conf_low <= low + 1e-9).all()
    assert (band.conf_high >= high - 1e-9).all()


def test_exact_times_are_bootstrapped_as_the_binomial_they_are():
    # 30 of 100 at time 1, the rest later: F*(1) is binomial(100, 0.3) / 100, whose 2.5 % and 97.5 %
    # points are 0.21 and 0.39.
    left, right = np.repeat([1.0, 2.0], [30, 70]), np.repeat([1.0, INF], [30, 70])
    band = npmle_bootstrap(left, right, [1.0], n_replicates=2000, seed=3)
    assert band.conf_low[0] == pytest.approx(0.21, abs=0.011)
    assert band.conf_high[0] == pytest.approx(0.39, abs=0.011)


def test_several_rows_of_one_patient_are_one_patient():
    left, right = on_schedule(80, np.random.default_rng(10))
    once = npmle_bootstrap(left, right, SCHEDULE, n_replicates=400, seed=1)
    patient = np.tile(np.arange(80), 3)
    thrice = npmle_bootstrap(
        np.tile(left, 3), np.tile(right, 3), SCHEDULE, n_replicates=400, seed=1, clusters=patient
    )
    ignored = npmle_bootstrap(np.tile(left, 3), np.tile(right, 3), SCHEDULE, n_replicates=400, seed=1)
    width, same, narrow = (band.conf_high[2] - band.conf_low[2] for band in (once, thrice, ignored))
    assert same == pytest.approx(width, rel=0.15)
    assert narrow == pytest.approx(width / 3**0.5, rel=0.15)


def test_where_nobody_has_responded_the_limit_is_exact_and_not_zero():
    left = np.repeat([24.0, 48.0], 20)
    right = np.repeat([48.0, INF], 20)
    band = npmle_bootstrap(left, right, [0.0, 24.0], n_replicates=50, seed=1)
    assert band.conf_low.tolist() == [0, 0]
    assert band.conf_high.tolist() == [0, pytest.approx(clopper_pearson(0, 40)[1])]


def test_where_all_have_responded_the_limit_is_exact_and_not_one():
    band = npmle_bootstrap(np.zeros(20), np.repeat([4.0, 24.0], 10), [24.0], n_replicates=50, seed=1)
    assert band.conf_low[0] == pytest.approx(clopper_pearson(20, 20)[0])
    assert band.conf_high[0] == 1


def test_rounding_of_the_masses_does_not_hide_that_all_have_responded():
    # Thirty patients seen at times of their own, all of whom respond: 30/30 by the last time.
    for seed in range(4):
        stream = np.random.default_rng(seed)
        left = stream.uniform(1, 17, 30)
        right = left + stream.uniform(1, 8, 30)
        end = right.max()
        band = npmle_bootstrap(left, right, [end], n_replicates=100, seed=seed)
        # R 4.2.2 binom.test(30, 30): 0.8842967 to 1; by hand 0.025^(1/30).
        assert band.conf_low[0] == pytest.approx(0.8842967, abs=1e-6)
        assert band.conf_high[0] == 1


def test_limits_that_are_nearly_0_or_1_are_0_or_1():
    limits = bootstrap_limits.without_rounding(np.array([1e-9, 0.2, 1 - 1e-9, np.nan]))
    np.testing.assert_array_equal(limits, [0, 0.2, 1, np.nan])


def test_an_exact_limit_never_narrows_the_percentiles():
    # Ten respond by time 1, ten are last seen before it: the curve is 1 at time 2, known of ten only.
    left, right = np.repeat([0.0, 0.5], 10), np.repeat([1.0, INF], 10)
    band = npmle_bootstrap(left, right, [2.0], n_replicates=100, seed=1)
    assert band.conf_low[0] <= clopper_pearson(10, 10)[0]


def test_a_median_that_most_replicates_do_not_reach_is_infinite():
    left, right = np.repeat([0.0, 24.0], [20, 80]), np.repeat([4.0, INF], [20, 80])
    band = npmle_bootstrap(left, right, [24.0], n_replicates=100, seed=1)
    assert (band.median_low, band.median_high) == (24, INF)


def test_a_single_box_has_a_band():
    band = npmle_bootstrap([0, 0, 0], [5, 5, 5], [1.0, 5.0], n_replicates=10, seed=1)
    assert band.conf_low[0] == 0
    assert band.conf_high.tolist() == [1, 1]
    # 3 of 3 by time 5: the exact lower limit .025^(1/3) = .29 is below one half.
    assert (band.median_low, band.median_high) == (0, np.inf)


def test_too_many_failures_give_no_band(monkeypatch):
    left, right = on_schedule(30, np.random.default_rng(1))
    monkeypatch.setattr(bootstrap, "LARGEST_GAP", -1.0)
    band = npmle_bootstrap(left, right, SCHEDULE, n_replicates=20, seed=1)
    assert band.n_failed == 20
    assert np.isnan(band.conf_low).all()
    assert np.isnan([band.median_low, band.median_high]).all()


def test_the_band_covers_the_truth_on_a_fixed_schedule():
    n_runs, n_patients = 200, 100
    truth = 0.65 * (1 - np.exp(-((SCHEDULE / 36) ** 0.9)))
    holds = np.zeros(len(SCHEDULE))
    for run in range(n_runs):
        left, right = on_schedule(n_patients, np.random.default_rng([20260101, run]))
        band = npmle_bootstrap(left, right, SCHEDULE, n_replicates=200, seed=run)
        holds += (band.conf_low <= truth) & (truth <= band.conf_high)
    error = (0.95 * 0.05 / n_runs) ** 0.5
    assert np.abs(holds / n_runs - 0.95).max() < 4 * error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_replicates": 0}, "at least 1 replicate"),
        ({"level": 1.0}, "level must lie between 0 and 1"),
        ({"clusters": [1]}, "one value per interval"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        npmle_bootstrap([0, 1], [1, 2], [1.0], **options)


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [
        # Sign test: 1 - 2 / 2^6 = .969 of samples have the median between the first and the last of 6.
        (6, 1, 6),
        # Of 5 no two order statistics hold it in 95 %: 1 - 2 / 2^5 = .9375.
        (5, 0, np.inf),
        (2, 0, np.inf),
        # Between the 2nd and the 8th of 9: 1 - 20 / 2^9 = .961.
        (9, 2, 8),
    ],
)
def test_the_limits_of_the_median_of_few_known_times_are_no_narrower_than_the_sign_tests(n, low, high):
    times = np.arange(1.0, n + 1)
    band = npmle_bootstrap(times, times, [1.0], n_replicates=400, seed=1)
    assert band.median_low <= low
    assert band.median_high >= high
    assert band.median_low in (low, low - 1)
    assert band.median_high in (high, high + 1)


def test_few_who_are_still_followed_leave_the_median_open_from_then_on():
    """30 without the event: with 5 still followed the exact upper limit is 1 - .025^(1/5) = .52."""
    left = np.arange(1.0, 31.0)
    band = npmle_bootstrap(left, np.full(30, np.inf), left, n_replicates=50, seed=1)
    assert (band.median_low, band.median_high) == (25, np.inf)


def test_one_patient_has_no_limits_of_a_median_and_with_several_rows_none_at_all():
    alone = npmle_bootstrap([1.0], [2.0], [1.5, 3.0], n_replicates=10, seed=1)
    assert np.isnan([alone.median_low, alone.median_high]).all()
    assert alone.conf_high.tolist() == [1, 1]
    rows = npmle_bootstrap(
        [0, 2, 2, 5], [2, 5, np.inf, np.inf], [1.0, 3.0], n_replicates=10, seed=1, clusters=["a"] * 4
    )
    assert np.isnan([rows.median_low, rows.median_high, *rows.conf_low, *rows.conf_high]).all()


def test_the_median_of_a_replicate_close_to_one_half_is_read_from_a_finer_fit(monkeypatch):
    """Sums within 1e-3 of one half, but not at it, may be on the wrong side of it."""
    total = np.array([[0, 0.5, 1], [0, 0.4998, 1], [0, 0.5 + 1e-9, 1], [0, 0.6, 1], [0, 0.5003, 1]])
    assert bootstrap._near_half(total).tolist() == [False, True, False, False, True]
