"""Paired effect sizes: closed forms, R's noncentral t, an independent quadrature, and coverage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import chdtri, gammaln, ndtr

from ketaoutcomes.engine.effect_size import (
    hedges_factor,
    noncentral_t_limits,
    paired_change,
    standardised_difference,
)
from ketaoutcomes.errors import DataError

# Made by tests/reference/effect_size.R, R 4.2.2: t.test, cor, and uniroot on pt(ncp = ).
REFERENCE = json.loads(
    (Path(__file__).resolve().parent.parent / "reference" / "effect_size.json").read_text()
)
# R's pt() is not exact for a noncentrality beyond this (its help page, ?pt).
R_LARGEST = 37.0


@pytest.mark.parametrize("name", ["sleep", "made"])
def test_change_and_effect_sizes_are_those_of_r(name):
    expected = REFERENCE[name]
    found = paired_change(expected["before"], expected["after"])
    assert found.change == pytest.approx(expected["change"], rel=1e-12)
    assert found.sd_change == pytest.approx(expected["sd_change"], rel=1e-12)
    assert (found.conf_low, found.conf_high) == pytest.approx(expected["conf"], rel=1e-10)
    assert found.correlation == pytest.approx(expected["correlation"], rel=1e-12)
    d_z, d_av, d_baseline = found.effect_sizes
    assert (d_z.estimate, d_z.corrected) == pytest.approx((expected["d_z"], expected["g_z"]), rel=1e-12)
    assert (d_z.conf_low, d_z.conf_high) == pytest.approx(expected["limits_z"], rel=1e-8)
    assert d_av.estimate == pytest.approx(expected["d_av"], rel=1e-12)
    assert d_baseline.estimate == pytest.approx(expected["d_baseline"], rel=1e-12)


def test_noncentral_t_limits_are_those_of_r():
    rows = zip(*(REFERENCE[key] for key in ("t", "df", "low", "high")), strict=True)
    checked = 0
    for t, df, low, high in rows:
        if low is None or max(abs(low), abs(high)) > R_LARGEST:
            continue
        assert noncentral_t_limits(t, df) == pytest.approx((low, high), abs=1e-8)
        checked += 1
    assert checked == 21


@pytest.mark.parametrize(("t", "df"), [(45.0, 60.0), (-60.0, 500.0), (120.0, 5000.0), (3.0, 1.0)])
def test_limits_hold_where_r_cannot_compute_them(t, df):
    # P(T <= t): mean of the normal probability of t s - nc over s = sqrt(chi2 / df), by quadrature.
    low, high = noncentral_t_limits(t, df)
    if t < 0:
        t, low, high = -t, -high, -low
    s = np.linspace(1e-9, 1.0 + 12.0 / np.sqrt(2.0 * df), 400_001)
    log_density = (df - 1) * np.log(s) - df * s**2 / 2 + df / 2 * np.log(df / 2) - gammaln(df / 2)
    density = 2.0 * np.exp(log_density)
    for limit, share in ((low, 0.975), (high, 0.025)):
        assert np.trapezoid(ndtr(t * s - limit) * density, s) == pytest.approx(share, abs=1e-7)


def test_hedges_factor_is_his_closed_form():
    # Hedges 1981: c(2) = gamma(1) / (gamma(1/2) sqrt(1)), c(4) = gamma(2) / (sqrt(2) gamma(3/2)); near
    # 1 - 3 / (4 df - 1) for more.
    assert hedges_factor(2) == pytest.approx(1 / np.sqrt(np.pi))
    assert hedges_factor(4) == pytest.approx(1 / (np.sqrt(2) * np.sqrt(np.pi) / 2))
    assert hedges_factor(50) == pytest.approx(1 - 3 / 199, abs=1e-4)


def test_the_three_divisors_are_related_as_their_formulas_say():
    # With equal SDs s and correlation r: SD of the change is s sqrt(2 (1 - r)).
    rng = np.random.default_rng(5)
    a = rng.normal(size=(2, 500))
    a -= a.mean(axis=1, keepdims=True)
    a[1] -= a[0] * (a[0] @ a[1]) / (a[0] @ a[0])
    a /= a.std(axis=1, ddof=1, keepdims=True)
    before, after = 5 * a[0], 5 * (0.8 * a[0] + 0.6 * a[1]) - 4.0
    d_z, d_av, d_baseline = paired_change(before, after).effect_sizes
    assert d_baseline.estimate == pytest.approx(-0.8)
    assert d_av.estimate == pytest.approx(-0.8)
    assert d_z.estimate == pytest.approx(-0.8 / np.sqrt(2 * (1 - 0.8)))


@pytest.mark.parametrize("name", ["d_z", "d_av", "d_baseline"])
def test_limits_cover_the_truth_in_95_of_100_samples(name):
    # Normal scores, SD 4 before and 6 after, correlation 0.4, change -6: the truths follow from these.
    truth = {
        "d_z": -6 / np.sqrt(16 + 36 - 2 * 0.4 * 24),
        "d_av": -6 / np.sqrt(26),
        "d_baseline": -1.5,
    }[name]
    rng = np.random.default_rng(20)
    n, n_samples, hits = 40, 1500, 0
    z = rng.normal(size=(n_samples, 2, n))
    before = 18 + 4 * z[:, 0]
    after = 12 + 6 * (0.4 * z[:, 0] + np.sqrt(1 - 0.16) * z[:, 1])
    for one, two in zip(before, after, strict=True):
        found = next(size for size in paired_change(one, two).effect_sizes if size.name == name)
        hits += found.conf_low <= truth <= found.conf_high
    # Three Monte Carlo standard errors of a share of 0.95 in 1500 samples.
    assert abs(hits / n_samples - 0.95) < 3 * np.sqrt(0.95 * 0.05 / n_samples)


def test_pairs_with_a_missing_score_are_left_out():
    found = paired_change([10.0, 12.0, np.nan, 14.0], [5.0, np.nan, 3.0, 8.0])
    assert (found.n, found.change) == (2, -5.5)
    assert found.effect_sizes == ()


def test_nobody_and_no_spread_give_no_effect_size():
    assert paired_change([], []).n == 0
    same = paired_change([10.0, 12.0, 14.0], [5.0, 7.0, 9.0])
    assert same.change == -5.0
    assert same.effect_sizes == ()


@pytest.mark.parametrize("after", [[0.0, 5.0, 5.0], [4.0, 8.0, 8.0, 3.0], [5.0, 6.0, 8.0, 10.0, 2.0]])
def test_few_patients_with_nearly_the_same_change_have_exact_limits(after):
    """Three patients, two of whom fell by 10 points and one by 11: far from the limits nctdtr is NaN."""
    before = [10.0, 15.0, 16.0] if len(after) == 3 else [14.0, 18.0, 19.0, 13.0, 12.0][: len(after)]
    found = paired_change(before, after)
    d_z = found.effect_sizes[0]
    root, df = np.sqrt(found.n), found.n - 1
    t = d_z.estimate * root
    # P(T <= t) at the two limits is 0.025 and 0.975, by the mixture of normals over the chi of the SD.
    chi = np.sqrt(chdtri(df, (np.arange(20000) + 0.5) / 20000) / df)
    reached = [ndtr(t * chi - limit * root).mean() for limit in (d_z.conf_low, d_z.conf_high)]
    assert reached == pytest.approx([0.975, 0.025], abs=2e-4)


def test_changes_that_differ_by_rounding_only_have_no_spread():
    assert paired_change([18.0, 16.0, 9.3], [8.1, 6.1, 9.3 - 9.9]).effect_sizes == ()


def test_limits_of_a_huge_t_are_those_of_the_spread_of_the_sd():
    # T / shift is 1 / chi: the quantiles 0.025 and 0.975 of chi-square with 2 are 0.0506356 and 7.3777589.
    limits = noncentral_t_limits(1e6, 2.0)
    assert limits == pytest.approx((1e6 * np.sqrt(0.0506356 / 2), 1e6 * np.sqrt(7.3777589 / 2)), rel=1e-5)


def test_lists_of_different_length_are_refused():
    with pytest.raises(DataError, match="same length"):
        paired_change([1.0, 2.0], [1.0])


def test_a_standardised_difference_is_that_of_the_formula():
    # Means 3 and 2, variances 2.5 and 2.5; shares .75 and .5 with variances .1875 and .25.
    assert standardised_difference([1, 2, 3, 4, 5], [0, 1, 2, 3, 4]) == pytest.approx(1 / np.sqrt(2.5))
    expected = 0.25 / np.sqrt((0.1875 + 0.25) / 2)
    assert standardised_difference([1, 1, 1, 0], [1, 0, 1, 0]) == pytest.approx(expected)
    assert np.isnan(standardised_difference([1.0], [2.0, 3.0]))
