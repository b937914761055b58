"""Regression to the mean against closed forms, worked values and simulations with known truth."""

import numpy as np
import pytest
from scipy import stats

from ketaoutcomes.engine.regression_to_mean import (
    clinic_regression,
    regression_to_the_mean,
    truncated_normal,
)
from ketaoutcomes.errors import DataError


def test_the_worked_example():
    # mu 30, sd 8, rho .7, cut 34: a = .5, H = phi(.5) / (1 - Phi(.5)) = .3520653 / .3085375, by hand.
    found = regression_to_the_mean(mean=30, sd=8, reliability=0.7, cut=34)
    assert found.standardised_cut == 0.5
    assert found.hazard == pytest.approx(1.1410777, abs=1e-7)
    assert found.share_selected == pytest.approx(0.3085375, abs=5e-8)
    assert found.expected == pytest.approx(2.7385866, abs=5e-8)


def test_phq9_of_15_from_a_mean_of_14_gives_about_one_and_a_half_points():
    # Worked: mean 14, SD 6, r .74, cut 15 gives 1.4 points without treatment.
    found = regression_to_the_mean(mean=14, sd=6, reliability=0.74, cut=15, observed=7.0)
    assert round(found.expected, 1) == 1.4
    assert found.share_of_observed == pytest.approx(found.expected / 7.0)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_people_chosen_by_the_mean_of_k_scores_fall_as_expected(k):
    rng = np.random.default_rng(7)
    n, mean, sd, r, cut = 1_000_000, 30.0, 8.0, 0.7, 34.0
    true = rng.normal(mean, sd * np.sqrt(r), n)
    error = sd * np.sqrt(1 - r)
    chosen_by = true + rng.normal(0, error / np.sqrt(k), n)
    later = true + rng.normal(0, error, n)
    chosen = chosen_by > cut
    found = regression_to_the_mean(mean=mean, sd=sd, reliability=r, cut=cut, n_baselines=k)
    fall = chosen_by[chosen] - later[chosen]
    assert fall.mean() == pytest.approx(found.expected, abs=4 * fall.std() / np.sqrt(chosen.sum()))
    assert chosen.mean() == pytest.approx(found.share_selected, abs=0.002)


def test_a_known_mean_of_those_chosen_gives_the_same_as_the_cut():
    by_cut = regression_to_the_mean(mean=30, sd=8, reliability=0.7, cut=34)
    by_mean = regression_to_the_mean(mean=30, sd=8, reliability=0.7, selected_mean=30 + 8 * by_cut.hazard)
    assert by_mean.expected == pytest.approx(by_cut.expected, rel=1e-12)


def test_selection_at_the_low_end_is_the_mirror_image():
    high = regression_to_the_mean(mean=30, sd=8, reliability=0.7, cut=34)
    low = regression_to_the_mean(mean=-30, sd=8, reliability=0.7, cut=-34, below=True)
    assert low.expected == pytest.approx(high.expected, rel=1e-12)


def test_a_perfect_score_does_not_regress_and_an_empty_one_does_wholly():
    assert regression_to_the_mean(mean=30, sd=8, reliability=1.0, cut=34).expected == 0
    none = regression_to_the_mean(mean=30, sd=8, reliability=0.0, cut=34)
    assert none.expected == pytest.approx(8 * none.hazard)


def test_a_cut_far_out_keeps_its_digits():
    # Mills' ratio, far out: H(a) -> a + 1 / a - 2 / a^3 (Abramowitz & Stegun 26.2.12).
    found = regression_to_the_mean(mean=0, sd=1, reliability=0.5, cut=30)
    assert found.hazard == pytest.approx(30 + 1 / 30 - 2 / 30**3, rel=1e-6)


def test_the_truncated_normal_maximises_the_likelihood():
    rng = np.random.default_rng(3)
    values = stats.truncnorm.rvs((10 - 14) / 6, np.inf, 14, 6, size=2000, random_state=rng)
    found = truncated_normal(values, 10.0)

    def log_likelihood(mean, sd):
        return stats.truncnorm.logpdf(values, (10 - mean) / sd, np.inf, mean, sd).sum()

    best = log_likelihood(found.mean, found.sd)
    for mean, sd in [(0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01), (0.01, -0.01), (-0.01, 0.01)]:
        assert log_likelihood(found.mean + mean, found.sd + sd) < best
    # Limits: the highest likelihood at that mean lies 1.9207 (half of chi2 .95, 1 df) below the top.
    for limit in (found.mean_low, found.mean_high):
        profile = max(log_likelihood(limit, sd) for sd in np.linspace(3, 12, 2000))
        assert best - profile == pytest.approx(1.9207, abs=2e-3)


def test_profile_limits_hold_the_true_mean_as_often_as_they_say():
    rng = np.random.default_rng(11)
    n_runs, held, held_shift = 400, 0, 0
    true = regression_to_the_mean(mean=14, sd=6, reliability=0.7, cut=12).expected
    for _ in range(n_runs):
        values = rng.normal(14, 6, 800)
        found = truncated_normal(values[values >= 12], 12.0)
        held += found.mean_low <= 14 <= found.mean_high
        low, high = (
            regression_to_the_mean(mean=mean, sd=sd, reliability=0.7, cut=12).expected
            if np.isfinite(mean)
            else np.inf
            for mean, sd in found.ends
        )
        held_shift += low <= true <= high
    # Within four binomial standard errors of .95.
    assert held / n_runs == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / n_runs))
    assert held_shift / n_runs == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / n_runs))


def test_scores_that_spread_like_an_exponential_tail_tell_no_population():
    rng = np.random.default_rng(5)
    values = 10 + np.concatenate([rng.exponential(2.0, 300), [30.0, 35.0]])
    found = truncated_normal(values, 10.0)
    assert not found.identified
    assert np.isnan(found.mean)
    assert found.mean_low == -np.inf


def test_a_low_cut_is_the_mirror_image():
    values = np.abs(np.random.default_rng(2).normal(6, 3, 400))
    high, low = truncated_normal(values, 0.0), truncated_normal(-values, 0.0, below=True)
    assert (low.mean, low.mean_low, low.mean_high) == pytest.approx(
        (-high.mean, -high.mean_high, -high.mean_low)
    )
    assert [end[0] for end in low.ends] == pytest.approx([-end[0] for end in high.ends])


def test_clinics_come_back_by_what_is_not_their_own():
    # n su2 / (n su2 + s2) = 25 * 1 / (25 + 25) = .5, and 75 / 100 = .75.
    found = clinic_regression([4.0, -4.0], [25, 75], between_variance=1.0, within_variance=25.0)
    np.testing.assert_allclose(found.reliability, [0.5, 0.75])
    np.testing.assert_allclose(found.expected_deviation, [2.0, -3.0])
    np.testing.assert_allclose(found.expected_change, [-2.0, 1.0])


def test_outlying_clinics_come_back_so_far_in_a_simulation():
    rng = np.random.default_rng(13)
    n, between, within = 20, 1.0, 25.0
    own = rng.normal(0, 1.0, 200_000)
    first, second = own + rng.normal(0, np.sqrt(within / n), (2, own.size))
    outlying = first > 2.0
    expected = clinic_regression(
        first, np.full(own.size, n), between_variance=between, within_variance=within
    )
    assert (second - first)[outlying].mean() == pytest.approx(
        expected.expected_change[outlying].mean(), abs=0.02
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"sd": 0}, {"reliability": 1.5}, {"mean": np.nan}, {"n_baselines": 0}, {"cut": None},
        {"selected_mean": 36},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(wrong):
    with pytest.raises(DataError):
        regression_to_the_mean(**{"mean": 30, "sd": 8, "reliability": 0.7, "cut": 34} | wrong)


def test_too_few_scores_or_scores_beyond_the_cut_are_refused():
    with pytest.raises(DataError, match="19 scores; at least 20"):
        truncated_normal(np.arange(19.0) + 10, 10.0)
    with pytest.raises(DataError, match="1 scores are missing or on the wrong side"):
        truncated_normal(np.arange(9.0, 39.0), 10.0)
