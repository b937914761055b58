"""Centre and limits of control charts against qicharts2 and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketaoutcomes.engine.control_limits import KINDS, PER_SIZE, control_limits, estimates, excess_spread

# A made series; its limits in the tests are the output of qicharts2 (sources of 2025-09, R 4.2.2).
Y = np.array([6, 9, 5, 11, 4, 12, 8, 7, 3, 10, 9, 6, 14, 5, 8, 13, 7, 4, 11, 6, 9, 3, 12, 5.0])
N = np.array(
    [40, 52, 47, 60, 38, 55, 49, 61, 44, 50, 58, 46, 53, 41, 57, 48, 62, 45, 51, 59, 43, 54, 56, 42.0]
)
ALL = np.ones(24, dtype=bool)


def limits(kind, value=Y, size=N, base=ALL):
    return control_limits(kind, value, size, base)


def test_a_run_chart_has_the_median_and_no_limits():
    found = limits("run")
    assert found.centre.tolist() == [7.5] * 24
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()


def test_an_individuals_chart_has_the_limits_of_qicharts2():
    found = limits("xmr")
    assert found.centre[0] == pytest.approx(7.79166667, abs=1e-8)
    assert (found.low[0], found.high[0]) == pytest.approx((-5.9687404, 21.5520737), abs=1e-6)


def test_a_p_chart_has_the_limits_of_qicharts2_clipped_at_zero():
    found = limits("p")
    assert found.centre[0] == pytest.approx(0.154417836, abs=1e-9)
    assert found.high[:3] == pytest.approx([0.325820631, 0.304748032, 0.312542263], abs=1e-9)
    assert found.low[:3] == pytest.approx([0.0, 0.00408764, 0.0], abs=1e-8)


def test_a_p_prime_chart_has_the_limits_of_qicharts2():
    found = limits("p_prime")
    assert found.sigma_z == pytest.approx(1.55290748, abs=1e-8)
    assert found.high[:3] == pytest.approx([0.420590517, 0.387866721, 0.399970441], abs=1e-9)
    assert excess_spread("p", Y, N, ALL) == pytest.approx(1.55290748, abs=1e-8)


def test_a_u_chart_has_the_limits_of_qicharts2_and_u_prime_those_of_p_prime():
    assert limits("u").high[:2] == pytest.approx([0.340815297, 0.317899224], abs=1e-9)
    # The sigmas of both are proportional to 1/sqrt(n), so that sigma times sigma_z is the same.
    assert limits("u_prime").high == pytest.approx(limits("p_prime").high, rel=1e-12)


def test_c_and_g_charts_have_the_limits_of_qicharts2():
    assert limits("c", size=None).high[0] == pytest.approx(16.1657338, abs=1e-7)
    g = limits("g", size=None)
    assert (g.centre[0], g.low[0]) == (7.5, 0.0)
    assert g.high[0] == pytest.approx(32.6213993, abs=1e-7)


def test_a_t_chart_is_an_individuals_chart_of_the_power_and_back():
    days = np.array([3, 12, 5, 30, 8, 1, 22, 14, 9, 40, 6, 11.0])
    powered = control_limits("xmr", days ** (1 / 3.6), None, np.ones(12, dtype=bool))
    found = control_limits("t", days, None, np.ones(12, dtype=bool))
    assert found.centre[0] == pytest.approx(powered.centre[0] ** 3.6, rel=1e-12)
    assert found.high[0] == pytest.approx(powered.high[0] ** 3.6, rel=1e-12)
    assert found.low[0] == max(powered.low[0], 0.0) ** 3.6


def test_moving_ranges_above_their_own_limit_are_left_out_once():
    # Ranges 1 eleven times and 20 once: mean 31/12 = 2.58, limit 8.44, so that the mean becomes 1.
    value = np.cumsum([0, 1, -1, 1, -1, 1, 20, -1, 1, -1, 1, -1, 1.0])
    found = control_limits("xmr", value, None, np.ones(13, dtype=bool))
    assert found.high[0] - found.centre[0] == pytest.approx(3 / 1.128, rel=1e-12)


def test_a_moving_range_does_not_reach_over_a_gap():
    value = np.array([1, 2, 1, 2, 1, np.nan, 9, 8, 9, 8, 9.0])
    found = control_limits("xmr", value, None, np.ones(11, dtype=bool))
    assert found.centre[0] == pytest.approx(5.0)
    assert found.high[0] - 5.0 == pytest.approx(3 / 1.128, rel=1e-12)


def test_points_of_size_zero_or_missing_are_gaps_without_limits():
    size, value = N.copy(), Y.copy()
    size[3], size[4], value[5] = 0.0, np.nan, np.nan
    shown = estimates("p", value, size)
    assert np.flatnonzero(np.isnan(shown)).tolist() == [3, 4, 5]
    found = limits("p", value, size)
    rest = np.setdiff1d(np.arange(24), [3, 4, 5])
    assert found.centre[0] == pytest.approx(Y[rest].sum() / N[rest].sum())
    assert np.flatnonzero(np.isnan(found.high)).tolist() == [3, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_limits_do_not_move_when_later_points_are_added_or_changed(kind):
    base = np.arange(24) < 12
    later = Y.copy()
    later[12:] = later[12:] + 6
    frozen, changed = limits(kind, base=base), limits(kind, later, base=base)
    short = control_limits(kind, Y[:12], N[:12], np.ones(12, dtype=bool))
    for name in ("centre", "low", "high"):
        np.testing.assert_array_equal(getattr(frozen, name), getattr(changed, name))
        np.testing.assert_allclose(getattr(frozen, name)[:12], getattr(short, name), rtol=1e-13)


@given(st.lists(st.floats(1, 100), min_size=8, max_size=30), st.sampled_from([0.25, 2.0, 1024.0]))
def test_limits_of_measures_scale_with_their_unit(values, factor):
    # Powers of two, so that no moving range falls on the other side of its own limit by rounding.
    values = np.array(values)
    base = np.ones(values.size, dtype=bool)
    for kind in ("run", "xmr"):
        one, other = (control_limits(kind, v, None, base) for v in (values, values * factor))
        np.testing.assert_array_equal(other.centre, one.centre * factor)
        np.testing.assert_array_equal(other.high, one.high * factor)


def test_limits_of_times_are_the_same_in_days_and_in_hours():
    days, hours = (control_limits("t", Y * factor, None, ALL) for factor in (1.0, 24.0))
    np.testing.assert_allclose(hours.high, 24 * days.high, rtol=1e-10)
    np.testing.assert_allclose(hours.low, 24 * days.low, rtol=1e-10)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=8, max_size=30))
def test_limits_of_counts_lie_about_the_centre_and_within_their_range(pairs):
    size = np.array([n for _, n in pairs], dtype=float)
    value = np.minimum([x for x, _ in pairs], size)
    base = np.ones(size.size, dtype=bool)
    for kind in PER_SIZE:
        found = control_limits(kind, value, size, base)
        known = np.isfinite(found.high)
        assert (found.low[known] >= 0).all()
        assert (found.low[known] <= found.centre[known]).all()
        assert (found.high[known] >= found.centre[known]).all()
        if kind in ("p", "p_prime"):
            assert (found.high[known] <= 1).all()


@pytest.mark.parametrize(("kind", "value"), [("p", 0.0), ("p", 50.0), ("u", 0.0), ("c", 0.0), ("xmr", 0.3)])
def test_a_baseline_without_spread_has_a_centre_and_no_limits(kind, value):
    found = control_limits(kind, np.full(12, value), np.full(12, 50.0), np.ones(12, dtype=bool))
    assert np.isfinite(found.centre).all()
    assert np.isnan(found.high).all()
    assert np.isnan(found.low).all()


def test_without_a_baseline_point_nothing_is_given():
    found = limits("p", base=np.zeros(24, dtype=bool))
    assert np.isnan(np.r_[found.centre, found.low, found.high]).all()
