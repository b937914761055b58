"""The run rules: critical values, gaps, and how often they give a signal where nothing changed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketaoutcomes.engine.control_limits import control_limits
from ketaoutcomes.engine.run_signals import (
    chance_of_signal,
    fewest_crossings,
    longest_allowed,
    outside,
    run_signals,
)

Y = np.array([6, 9, 5, 11, 4, 12, 8, 7, 3, 10, 9, 6, 14, 5, 8, 13, 7, 4, 11, 6, 9, 3, 12, 5.0])


@pytest.fixture(scope="module")
def reference(root):
    return json.loads((root / "tests/reference/control_charts.json").read_text())


def test_the_made_series_has_the_runs_and_crossings_of_qicharts2():
    # qicharts2 (sources of 2025-09, R 4.2.2): longest 2, at most 8, crossings 18, at least 8.
    found = run_signals(Y, np.full(24, 7.5))
    assert (found.n_useful, found.longest_run, found.longest_allowed) == (24, 2, 8)
    assert (found.crossings, found.fewest_crossings) == (18, 8)
    assert not found.shift
    assert not found.few_crossings


def test_critical_values_are_those_of_r(reference):
    assert [longest_allowed(n) for n in reference["n"]] == reference["longest_allowed"]
    assert [fewest_crossings(n) for n in reference["n"]] == reference["fewest_crossings"]


def test_a_run_of_nine_among_24_is_a_shift_and_one_of_eight_is_none():
    line = np.zeros(24)
    eight = np.array([1.0] * 8 + [-1.0, 1.0] * 8)
    nine = np.array([1.0] * 9 + [-1.0, 1.0] * 7 + [-1.0])
    assert not run_signals(eight, line).shift
    found = run_signals(nine, line)
    assert found.shift
    assert [(run.first, run.last, run.n_points, run.side) for run in found.long_runs] == [(0, 8, 9, 1)]


def test_few_crossings_are_a_signal_without_a_long_run():
    # Six blocks of four: longest run 4, five crossings, of which at least eight are expected of 24 points.
    found = run_signals(np.repeat([1.0, -1, 1, -1, 1, -1], 4), np.zeros(24))
    assert not found.shift
    assert found.few_crossings
    assert (found.longest_run, found.crossings, found.fewest_crossings) == (4, 5, 8)


def test_points_on_the_line_neither_count_nor_end_a_run():
    values = np.array([1.0] * 5 + [0.0, 0.0] + [1.0] * 4 + [-1.0, 1.0] * 7 + [-1.0])
    found = run_signals(values, np.zeros(values.size))
    assert found.n_useful == 24
    assert found.longest_run == 9
    assert found.long_runs[0].last == 10


def test_a_gap_is_no_crossing_and_does_not_end_a_run():
    values = np.array([1.0] * 9 + [-1.0, 1.0] * 7 + [-1.0])
    with_gaps = np.insert(values, [3, 9, 15], np.nan)
    plain, gapped = (run_signals(v, np.zeros(v.size)) for v in (values, with_gaps))
    for name in ("n_useful", "longest_run", "crossings", "shift", "few_crossings"):
        assert getattr(plain, name) == getattr(gapped, name)


def test_fewer_than_ten_useful_points_are_not_tested():
    found = run_signals(np.r_[np.ones(9), np.zeros(20)], np.zeros(29))
    assert (found.n_useful, found.longest_run) == (9, 9)
    assert found.longest_allowed is None
    assert not found.shift


def test_points_that_rise_one_after_the_other_are_no_signal():
    values = np.r_[np.tile([-1.0, 1.0], 8), -4.0, 4.0, -3.0, 3.0, -2.9, -2.5, -2.0, -1.0, 0.5, 1.0, 2.0]
    found = run_signals(values, np.zeros(values.size))
    assert not found.shift
    assert not found.few_crossings


@given(
    st.lists(st.floats(-50, 50), min_size=10, max_size=40),
    st.sampled_from([-4.0, -1.0, 0.25, 2.0, 1024.0]),
)
def test_signals_are_the_same_in_any_unit_and_upside_down(values, factor):
    values = np.array(values)
    line = np.full(values.size, np.median(values))
    one, other = run_signals(values, line), run_signals(values * factor, line * factor)
    assert (one.longest_run, one.crossings, one.n_useful) == (
        other.longest_run,
        other.crossings,
        other.n_useful,
    )


def test_a_point_on_its_limit_lies_inside_whatever_the_rounding():
    assert not outside(np.array([0.1 + 0.2]), np.array([0.0]), np.array([0.3])).any()
    assert outside(np.array([0.31, -0.01, np.nan]), np.zeros(3), np.full(3, 0.3)).tolist() == [
        True,
        True,
        False,
    ]
    assert not outside(np.array([5.0]), np.array([np.nan]), np.array([np.nan])).any()


def test_the_chance_of_a_signal_is_that_of_counting_all_series(reference):
    counted = reference["chance"]
    for n, given_line, own in zip(counted["n"], counted["given"], counted["own_median"], strict=True):
        assert chance_of_signal(n, has_limits=False) == pytest.approx(given_line, abs=1e-10)
        if own not in (None, "NA"):
            assert chance_of_signal(n, has_limits=False, own_median=True) == pytest.approx(own, abs=1e-10)


def test_the_three_sigma_rule_adds_its_own_chance():
    # 1 - (2 Phi(3) - 1)^5, with 5 points too few for the other rules.
    assert chance_of_signal(5, has_limits=True) == pytest.approx(1 - 0.9973002039367398**5, rel=1e-12)
    assert chance_of_signal(5, has_limits=False) == 0.0


def _signs(n_series, n_points, about_own_median):
    values = np.random.default_rng(20260101).normal(size=(n_series, n_points))
    centre = np.median(values, axis=1, keepdims=True) if about_own_median else 0.0
    return values, values > centre


def _share_with_signals(above):
    """Share of rows with a run over 8 or fewer than 8 crossings (24 points), counted in another way."""
    crossings = (above[:, 1:] != above[:, :-1]).sum(axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(above, 9, axis=1).sum(axis=2)
    return float((((windows == 9) | (windows == 0)).any(axis=1) | (crossings < 8)).mean())


@pytest.mark.parametrize("own_median", [True, False])
def test_24_points_without_change_give_a_signal_as_often_as_stated(own_median):
    # 100,000 series; three standard errors of a share of .07 are .0024. Expected to lie in 3 to 10%.
    _, above = _signs(100_000, 24, own_median)
    share = _share_with_signals(above)
    stated = chance_of_signal(24, has_limits=False, own_median=own_median)
    assert share == pytest.approx(stated, abs=0.0026)
    assert 0.03 < stated < 0.10


def test_the_rules_as_applied_give_that_rate_too():
    values, _ = _signs(20_000, 24, about_own_median=True)
    lines = np.median(values, axis=1)
    signals = 0
    for value, line in zip(values[:4000], lines[:4000], strict=True):
        found = run_signals(value, np.full(24, line))
        signals += found.shift or found.few_crossings
    assert signals / 4000 == pytest.approx(0.0306, abs=0.0085)


@pytest.mark.parametrize(("n_baseline", "low", "high"), [(24, 0.10, 0.15), (12, 0.20, 0.28)])
def test_limits_from_few_points_give_a_signal_by_chance_more_often(n_baseline, low, high):
    # Individuals charts of 24 points. About known limits the chance of a signal of the three rules is .125;
    # the notes of a chart call that of a baseline of 12 points about twice as much. Simulated 20,000 times:
    # .123 and .237; the bands here are three standard errors of 2,000 and more.
    values, _ = _signs(2000, 24, about_own_median=False)
    base = np.arange(24) < n_baseline
    signals = 0
    for value in values:
        found = control_limits("xmr", value, None, base)
        runs = run_signals(value, found.centre)
        signals += bool(runs.shift or runs.few_crossings or outside(value, found.low, found.high).any())
    assert low < signals / 2000 < high
