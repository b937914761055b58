"""Counts against a published figure: R, closed forms, and sums over all outcomes."""

from __future__ import annotations

import json
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketaoutcomes.engine.expected_counts import binomial_test, observed_over_expected
from ketaoutcomes.errors import DataError

R = json.loads((Path(__file__).resolve().parents[1] / "reference" / "count_models.json").read_text())
# Patients who stopped for side effects: a survey of providers, Pharmaceuticals 2020, 13(7), 151.
PUBLISHED = 47 / 6630


@pytest.mark.parametrize(
    "row", R["binomial_tests"], ids=lambda row: f"{row['x']}_of_{row['n']}_{row['share']:.4g}"
)
def test_p_values_are_those_of_r(row):
    # tests/reference/count_models.R: binom.test, and the mid-p as a sum over all outcomes.
    test = binomial_test(row["x"], row["n"], row["share"])
    # Probabilities of 100,000 trials carry 1e-12 of rounding.
    assert test.p_value == pytest.approx(row["p"], rel=1e-11, abs=1e-300)
    assert test.mid_p == pytest.approx(row["mid_p"], rel=1e-11, abs=1e-15)


def test_the_published_share_itself_has_the_highest_probability():
    assert binomial_test(47, 6630, PUBLISHED).p_value == 1
    # None of 60 patients: (1 - share)^60, and no count above is less probable than that.
    none = binomial_test(0, 60, PUBLISHED)
    assert none.p_value == 1
    # None of 2,000: (1 - share)^2000 and the far tail, which R gives above.
    assert binomial_test(0, 2000, PUBLISHED).p_value > (1 - PUBLISHED) ** 2000


def test_a_fair_coin_has_the_closed_form_of_two_equal_tails():
    # 2 of 10 or fewer, and 8 or more: 2 (1 + 10 + 45) / 1024; the mid-p takes off half of both 45s.
    test = binomial_test([2, 8], 10, 0.5)
    np.testing.assert_allclose(test.p_value, 112 / 1024, rtol=1e-13)
    np.testing.assert_allclose(test.mid_p, (112 - 45) / 1024, rtol=1e-13)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 60), st.data())
def test_p_is_the_sum_over_outcomes_that_are_no_more_probable(n, data):
    x, share = (
        data.draw(st.integers(0, n)),
        data.draw(st.sampled_from([0.003, 0.1, 0.25, 1 / 3, 0.5, 0.77, 0.99])),
    )
    chance = np.array([comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)])
    rare, equal = chance < chance[x] * (1 - 1e-7), np.abs(chance / chance[x] - 1) <= 1e-7
    test = binomial_test(x, n, share)
    # R takes p = 1 where the count equals the expected one, as the sum over all outcomes is.
    assert test.p_value == pytest.approx(chance[rare | equal].sum(), rel=1e-10)
    assert test.mid_p == pytest.approx(chance[rare].sum() + chance[equal].sum() / 2, rel=1e-9, abs=1e-14)


def test_no_trials_give_no_p_and_arrays_broadcast():
    test = binomial_test([0, 1, 1], [0, 5, 10], 0.2)
    assert np.isnan([test.p_value[0], test.mid_p[0]]).all()
    assert test.p_value[1] == 1
    assert binomial_test(np.zeros((2, 1)), [4, 5, 6], 0.1).p_value.shape == (2, 3)


@pytest.mark.parametrize(
    "row", R["expected_ratios"], ids=lambda row: f"{row['observed']}_over_{row['expected']}"
)
def test_limits_of_observed_over_expected_are_those_of_r(row):
    # tests/reference/count_models.R: Byar's formula, and poisson.test.
    found = observed_over_expected(row["observed"], row["expected"], level=row["level"])
    assert found.ratio == pytest.approx(row["observed"] / row["expected"], rel=1e-15)
    assert [found.byar_low, found.byar_high] == pytest.approx(row["byar"], rel=1e-12)
    assert [found.exact_low, found.exact_high] == pytest.approx(row["exact"], rel=1e-9, abs=1e-12)


def test_byars_limits_come_close_to_the_exact_ones_from_ten_events_on():
    # Breslow and Day (1987), 2.2: accurate even for small counts; within 0.5 % of the limits from 10 on.
    found = observed_over_expected(np.arange(10, 200), 20.0)
    np.testing.assert_allclose(found.byar_low, found.exact_low, rtol=5e-3)
    np.testing.assert_allclose(found.byar_high, found.exact_high, rtol=5e-3)


def test_nothing_expected_gives_no_ratio_and_nothing_seen_a_lower_limit_of_nought():
    found = observed_over_expected([2, 0], [0.0, 1.5])
    assert np.isnan([found.ratio[0], found.byar_high[0], found.exact_low[0]]).all()
    assert (found.ratio[1], found.byar_low[1], found.exact_low[1]) == (0, 0, 0)
    assert found.exact_high[1] == pytest.approx(-np.log(0.025) / 1.5)


def test_a_small_count_at_a_high_level_has_a_lower_limit_of_nought_and_not_below():
    assert observed_over_expected(1, 1.0, level=0.9999).byar_low == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((3, 2, 0.1), "more events than trials"),
        ((0.5, 2, 0.1), "events must be whole"),
        ((1, 2.5, 0.1), "trials must be whole"),
        ((1, 2, 1.1), "between 0 and 1"),
        ((1, 2, np.nan), "between 0 and 1"),
    ],
)
def test_malformed_counts_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        binomial_test(*arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [((1.5, 2.0), "whole"), ((-1, 2.0), "whole"), ((1, -2.0), "expected"), ((1, np.nan), "expected")],
)
def test_malformed_ratios_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        observed_over_expected(*arguments)
