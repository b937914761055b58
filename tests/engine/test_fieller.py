"""Fieller's limits: closed forms, published examples, R's roots of the quadratic, and coverage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from ketaoutcomes.engine.fieller import BOUNDED, FIELLER_UNBOUNDED, HALF_LINE, OUTSIDE, WHOLE_LINE, fieller
from ketaoutcomes.errors import DataError

REFERENCE = Path(__file__).resolve().parent.parent / "reference" / "fieller.json"


def test_published_examples_are_met_to_their_printed_digits():
    # github.com/DCPROGS/DCSTATS, README: 14 (SD 3) over 7 (SD 2), uncorrelated, t(10 df, 90%) = 1.812461.
    found = fieller(14.0, 7.0, 9.0, 0.0, 4.0, 1.812461)
    assert (round(float(found.low), 6), round(float(found.high), 6)) == (1.051413, 4.414296)
    # GraphPad QuickCalcs (quoted there): standard errors of 6 values each, at 90, 95 and 99%.
    found = fieller(14.0, 7.0, 9.0 / 6.0, 0.0, 4.0 / 6.0, [1.812461, 2.228139, 3.169273])
    np.testing.assert_array_equal(found.low.round(2), [1.54, 1.46, 1.27])
    np.testing.assert_array_equal(found.high.round(2), [2.64, 2.83, 3.36])


def test_sets_are_those_of_the_quadratics_roots_in_r():
    # tests/reference/fieller.R: polyroot of R 4.2.2.
    for case in json.loads(REFERENCE.read_text())["plain"]:
        found = fieller(*case["given"])
        assert found.kind == case["kind"]
        ends = {BOUNDED: (found.low, found.high), OUTSIDE: (found.gap_low, found.gap_high)}
        # polyroot gives about 10 digits, and the file holds 10.
        np.testing.assert_allclose(ends.get(case["kind"], ()), case["roots"], rtol=2e-7)


def test_a_known_denominator_gives_the_numerators_own_interval():
    found = fieller(6.0, 4.0, 2.25, 0.0, 0.0, 2.0)
    assert (found.low, found.estimate, found.high) == (pytest.approx(0.75), 1.5, pytest.approx(2.25))


def test_a_known_numerator_gives_the_inverse_of_the_denominators_interval():
    found = fieller(1.0, 4.0, 0.0, 0.0, 1.0, 2.0)
    assert (found.low, found.high) == (pytest.approx(1 / 6), pytest.approx(1 / 2))


def test_the_ratio_of_an_estimate_to_itself_is_known():
    found = fieller(4.0, 4.0, 1.0, 1.0, 1.0, 2.0)
    assert (found.low, found.high) == (pytest.approx(1.0), pytest.approx(1.0))


def test_a_denominator_that_may_be_nought_gives_all_but_an_interval_or_everything():
    # 5 (SE 1) over 1 (SE 1) at 2: |5 - r| <= 2 sqrt(1 + r^2), so 3 r^2 + 10 r - 21 >= 0.
    found = fieller([5.0, 0.5, 5.0], [1.0, 0.4, 4.0], 1.0, 0.0, 1.0, 2.0)
    assert list(found.kind) == [OUTSIDE, WHOLE_LINE, BOUNDED]
    roots = (-10.0 + np.array([-1.0, 1.0]) * np.sqrt(100.0 + 252.0)) / 6.0
    np.testing.assert_allclose([found.gap_low[0], found.gap_high[0]], roots)
    assert list(found.code) == [FIELLER_UNBOUNDED, FIELLER_UNBOUNDED, ""]
    assert list(found.low[:2]) == [-np.inf, -np.inf]
    assert list(found.high[:2]) == [np.inf, np.inf]
    assert np.isnan(found.gap_low[1:]).all()


def test_a_denominator_just_at_its_limit_gives_a_half_line():
    # 3 over 2 (SE 1) at 2: the quadratic term is 0, -12 r + 9 - 4 <= 0.
    up, down = fieller(3.0, 2.0, 1.0, 0.0, 1.0, 2.0), fieller(-3.0, 2.0, 1.0, 0.0, 1.0, 2.0)
    assert (up.kind, down.kind) == (HALF_LINE, HALF_LINE)
    assert (up.low, up.high) == (pytest.approx(5 / 12), np.inf)
    assert (down.low, down.high) == (-np.inf, pytest.approx(-5 / 12))
    assert up.unbounded
    assert down.unbounded


def test_a_denominator_of_nought_has_no_ratio_and_missing_numbers_stay_missing():
    found = fieller([3.0, np.nan, 3.0], [0.0, 1.0, np.nan], 1.0, 0.0, 1.0, 2.0)
    assert np.isnan(found.estimate).all()
    assert list(found.kind) == [OUTSIDE, "", ""]
    assert np.isnan(found.low[1:]).all()
    assert not found.unbounded[1:].any()


def test_what_is_no_covariance_matrix_is_refused():
    with pytest.raises(DataError, match="1 of 2 are not"):
        fieller([1.0, 1.0], 1.0, [1.0, -1.0], 0.0, 1.0, 2.0)
    with pytest.raises(DataError, match="larger than their variances allow"):
        fieller(1.0, 1.0, 1.0, 1.1, 1.0, 2.0)


@given(
    a=st.floats(-10, 10),
    b=st.floats(-10, 10),
    va=st.floats(0.01, 4),
    vb=st.floats(0.01, 4),
    rho=st.floats(-0.95, 0.95),
    critical=st.floats(0.1, 4),
)
@settings(max_examples=300, deadline=None)
def test_exactly_the_ratios_of_the_set_are_not_refused(a, b, va, vb, rho, critical):
    cov = rho * np.sqrt(va * vb)
    found = fieller(a, b, va, cov, vb, critical)
    ratios = np.concatenate([np.tan(np.linspace(-1.55, 1.55, 61)), [0.0]])
    ends = np.array([found.low, found.high, found.gap_low, found.gap_high], float)
    ends = ends[np.isfinite(ends)]
    # A ratio within rounding of an end belongs to either side.
    clear = (np.abs(ratios[:, None] - ends) > 1e-6 * (1.0 + np.abs(ends))).all(axis=1)
    spread = va - 2.0 * ratios * cov + ratios**2 * vb
    kept = (a - ratios * b) ** 2 <= critical**2 * spread
    inside = (ratios >= found.low) & (ratios <= found.high)
    if found.kind == OUTSIDE:
        inside = (ratios <= found.gap_low) | (ratios >= found.gap_high)
    near = np.abs((a - ratios * b) ** 2 - critical**2 * spread) < 1e-9 * (a**2 + (ratios * b) ** 2 + spread)
    assert (kept == inside)[clear & ~near].all()


def test_turning_both_signs_and_changing_the_unit_keep_the_set():
    plain = fieller(5.0, 3.0, 1.2, 0.4, 0.9, 1.96)
    turned = fieller(-5.0, -3.0, 1.2, 0.4, 0.9, 1.96)
    scaled = fieller(5e3, 3e3, 1.2e6, 0.4e6, 0.9e6, 1.96)
    for other in (turned, scaled):
        np.testing.assert_allclose([other.low, other.high], [plain.low, plain.high], rtol=1e-12)


@pytest.mark.parametrize(("b", "unbounded"), [(6.0, False), (1.0, True)])
def test_the_true_ratio_is_covered_as_often_as_the_level_says(b, unbounded):
    # Two correlated normal estimates: the set is exact, also where it is seldom an interval.
    generator = np.random.default_rng(20260101)
    covariance = np.array([[1.0, 0.3], [0.3, 0.8]])
    n = 20_000
    drawn = generator.multivariate_normal([0.7 * b, b], covariance, n)
    found = fieller(drawn[:, 0], drawn[:, 1], 1.0, 0.3, 0.8, ndtri(0.975))
    held = (found.low <= 0.7) & (found.high >= 0.7) & ~((found.gap_low < 0.7) & (found.gap_high > 0.7))
    assert held.mean() == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / n))
    assert (found.unbounded.mean() > 0.5) == unbounded
