"""Limits of funnel plots against scipy's distributions, enumeration, and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from ketaoutcomes.engine.funnel_limits import (
    binomial_limits,
    dispersion,
    normal_limits,
    poisson_binomial_limits,
    poisson_limits,
    winsorised,
)
from ketaoutcomes.errors import DataError

PROBABILITIES = np.array([0.001, 0.025, 0.975, 0.999])


def spiegelhalter(distribution, p):
    """Spiegelhalter (2005), A.1.1: the smallest count with F(r) >= p, less its part beyond p."""
    r = distribution.ppf(p)
    part = (distribution.cdf(r) - p) / (distribution.cdf(r) - distribution.cdf(r - 1))
    return r - part


@pytest.mark.parametrize("target", [0.02, 0.3, 0.5, 0.93])
@pytest.mark.parametrize("n", [1, 7, 43, 500, 20_000])
def test_binomial_limits_are_the_closed_form(n, target):
    got = binomial_limits([n], target, PROBABILITIES)[:, 0]
    wanted = spiegelhalter(stats.binom(n, target), PROBABILITIES) / n
    # Both sum the same probabilities; what is left is rounding. Shares end at 0 and 1.
    assert np.allclose(got, np.clip(wanted, 0, 1), rtol=0, atol=1e-10)


@pytest.mark.parametrize("expected", [0.3, 4.2, 40.0, 3000.0])
def test_poisson_limits_are_the_closed_form(expected):
    got = poisson_limits([expected], PROBABILITIES)[:, 0]
    wanted = spiegelhalter(stats.poisson(expected), PROBABILITIES) / expected
    assert np.allclose(got, np.maximum(wanted, 0), rtol=0, atol=1e-10)


def test_cases_with_unlike_chances_are_counted_exactly():
    chances = np.array([0.05, 0.2, 0.35, 0.5, 0.61, 0.77, 0.8, 0.93, 0.11, 0.4, 0.66])
    mass = np.zeros(chances.size + 1)
    for outcome in itertools.product((0, 1), repeat=chances.size):
        mass[sum(outcome)] += np.prod(np.where(outcome, chances, 1 - chances))
    reached = np.cumsum(mass)
    wanted = []
    for p in PROBABILITIES:
        r = int(np.argmax(reached >= p))
        before = reached[r - 1] if r else 0.0
        wanted.append(max(r - (reached[r] - p) / (reached[r] - before), 0.0))
    got = poisson_binomial_limits(chances, PROBABILITIES) * chances.sum()
    assert np.allclose(got, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 40, 777])
def test_cases_with_one_chance_have_the_binomial_limits(n):
    got = poisson_binomial_limits(np.full(n, 0.3), PROBABILITIES) * 0.3
    assert np.allclose(got, binomial_limits([n], 0.3, PROBABILITIES)[:, 0], rtol=0, atol=1e-9)


def test_common_events_vary_less_than_poisson_allows():
    chances = np.full(100, 0.5)
    exact, poisson = poisson_binomial_limits(chances, [0.975]), poisson_limits([50.0], [0.975])[:, 0]
    # Variance 25 instead of 50: the distance from 1 is about 1 / sqrt(2) of Poisson's, which is skewed too.
    assert (exact[0] - 1) / (poisson[0] - 1) == pytest.approx(np.sqrt(0.5), abs=0.05)


def test_normal_limits_are_the_target_and_1_96_standard_errors():
    got = normal_limits([2.0], 10.0, [0.025, 0.975])[:, 0]
    assert got == pytest.approx([10 - 2 * 1.959964, 10 + 2 * 1.959964], abs=1e-5)


def test_a_target_of_nothing_or_all_has_no_width():
    assert binomial_limits([20], 0.0, PROBABILITIES).ravel().tolist() == [0.0] * 4
    assert binomial_limits([20], 1.0, PROBABILITIES).ravel().tolist() == [1.0] * 4


def test_winsorising_draws_the_ends_in_to_the_quantiles():
    # Eleven values 0 to 10: R's quantile(type = 7) at .1 and .9 is 1 and 9.
    assert winsorised(np.arange(11.0)).tolist() == [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]


def test_dispersion_by_moments_is_the_closed_form():
    # z = +-3 in equal halves: winsorising changes nothing, phi = 9. With equal s the moment estimate is
    # s^2 (I phi - (I - 1)) / (I - 1).
    n, s = 20, 0.1
    found = dispersion(np.r_[np.full(n // 2, 3.0), np.full(n // 2, -3.0)], np.full(n, s))
    assert found.phi == pytest.approx(9.0)
    assert found.threshold == pytest.approx(1 + 2 * np.sqrt(2 / n))
    assert found.tau2 == pytest.approx(s**2 * (n * 9 - (n - 1)) / (n - 1))
    assert found.applied == "additive"


def test_units_that_differ_by_chance_alone_are_not_widened():
    rng = np.random.default_rng(1)
    found = dispersion(rng.standard_normal(40), np.ones(40))
    assert found.applied == "none"
    # Of a normal distribution winsorised at 10% and 90%, the variance is .679 (by integration).
    many = dispersion(rng.standard_normal(200_000), np.ones(200_000))
    z = stats.norm.ppf(0.9)
    wanted = 0.8 - 2 * z * stats.norm.pdf(z) + 0.2 * z**2
    assert many.phi == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("adjustment", ["auto", "multiplicative", "additive"])
def test_fewer_than_ten_units_have_no_estimate_of_dispersion(adjustment):
    found = dispersion(np.full(9, 5.0), np.ones(9), adjustment=adjustment)
    assert np.isnan(found.phi)
    assert found.applied == "none"


def test_sizes_and_chances_that_cannot_be_are_refused():
    with pytest.raises(DataError, match="whole number"):
        binomial_limits([2.5], 0.5, PROBABILITIES)
    with pytest.raises(DataError, match="above 0"):
        poisson_limits([0.0], PROBABILITIES)
    with pytest.raises(DataError, match="between 0 and 1"):
        poisson_binomial_limits([0.2, 1.2], PROBABILITIES)
