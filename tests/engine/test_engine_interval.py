"""The interval-censored curve against closed forms, published masses and an independent certificate."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from ketaoutcomes.engine.interval import cumulative, npmle, quantile_interval
from ketaoutcomes.engine.mixture import Ranges, maximise
from ketaoutcomes.engine.survival import kaplan_meier
from ketaoutcomes.errors import DataError

INF = np.inf


def boxes(fit):
    """Innermost intervals with mass, as (left, right, mass)."""
    held = fit.mass > 1e-12
    return list(zip(fit.left[held], fit.right[held], fit.mass[held], strict=True))


def check_optimal(left, right, fit, weights=None, tolerance=1e-8):
    """Certificate made without ranks or cumulative sums: by comparing times, at every possible place.

    With d_i the fitted probability of row i, the maximum is reached if
    sum_i w_i [t in row i] / d_i is at most the sum of the weights at every time t.
    """
    left, right = np.asarray(left, float), np.asarray(right, float)
    weights = np.ones(len(left)) if weights is None else np.asarray(weights, float)
    points = np.unique(np.concatenate([left, right[np.isfinite(right)]]))
    places = np.concatenate([points, (points[1:] + points[:-1]) / 2, [points[-1] + 1]])
    # Only the end belongs to an interval for sure; just behind the last start stands for infinity.
    stands_at = np.where(np.isinf(fit.right), points[-1] + 1, fit.right)

    def holds(times):
        times = times[:, None]
        return np.where(left == right, times == left, (times > left) & (times <= right))

    d = fit.mass @ holds(stands_at)
    assert (holds(places) @ (weights / d)).max() - weights.sum() < tolerance
    assert fit.log_likelihood == pytest.approx(weights @ np.log(d), abs=1e-9 * weights.sum())
    assert fit.mass.sum() == pytest.approx(1, abs=1e-12)


# --- closed forms


def test_half_open_intervals_that_touch_do_not_overlap():
    # As closed intervals they would share time 1 and all mass would lie there.
    fit = npmle([0, 1], [1, 2])
    assert boxes(fit) == [(0, 1, 0.5), (1, 2, 0.5)]
    assert fit.log_likelihood == pytest.approx(2 * np.log(0.5), abs=1e-12)


def test_three_overlapping_intervals_leave_two_boxes_of_one_half():
    fit = npmle([0, 1, 2], [2, 3, 4])
    assert fit.left.tolist() == [1, 2]
    assert fit.right.tolist() == [2, 3]
    assert fit.mass == pytest.approx([0.5, 0.5], abs=1e-9)


def test_shared_mass_is_split_in_the_ratio_of_what_is_known():
    # 1 in (0,1], 3 in (1,2], 2 in (2,3], 2 in (0,2]: the 6 of 8 in (0,2] divide 1 : 3.
    fit = npmle([0, 1, 2, 0], [1, 2, 3, 2], weights=[1, 3, 2, 2])
    assert fit.mass == pytest.approx([0.1875, 0.5625, 0.25], abs=1e-9)
    expected = np.log(0.1875) + 3 * np.log(0.5625) + 2 * np.log(0.25) + 2 * np.log(0.75)
    assert fit.log_likelihood == pytest.approx(expected, abs=1e-10)


def test_patients_seen_once_give_the_rising_fit_to_the_shares():
    # Current status: 2 of 4 at time 1, 1 of 4 at 2, 3 of 4 at 3; pooling the first two gives 3/8, 3/8, 3/4.
    left = [0] * 2 + [1] * 2 + [0] + [2] * 3 + [0] * 3 + [3]
    right = [1] * 2 + [INF] * 2 + [2] + [INF] * 3 + [3] * 3 + [INF]
    fit = npmle(left, right)
    low, high = cumulative(fit, [1, 2, 3])
    assert low == pytest.approx([0.375, 0.375, 0.75], abs=1e-9)
    assert high == pytest.approx([0.375, 0.375, 0.75], abs=1e-9)
    assert fit.log_likelihood == pytest.approx(
        3 * np.log(0.375 * 0.75) + 5 * np.log(0.625) + np.log(0.25), abs=1e-9
    )


def test_an_exact_time_lies_in_the_interval_that_ends_there_and_not_in_the_one_that_opens_there():
    fit = npmle([2, 1, 2], [2, 2, 3])
    assert boxes(fit) == [(2, 2, pytest.approx(2 / 3, abs=1e-9)), (2, 3, pytest.approx(1 / 3, abs=1e-9))]
    assert fit.left_closed.tolist() == [True, False]


def test_an_exact_time_at_the_origin_counts():
    fit = npmle([0, 0, 0], [0, 0, INF], weights=[1, 1, 2])
    # (0, inf) excludes time 0 itself, so here it does tell something.
    assert fit.mass == pytest.approx([0.5, 0.5], abs=1e-9)


def test_one_interval_takes_all_the_mass():
    fit = npmle([3], [7])
    assert boxes(fit) == [(3, 7, 1)]
    assert (fit.log_likelihood, fit.gap, fit.converged) == (0, 0, True)


def test_nobody_responding_leaves_the_mass_behind_the_last_assessment():
    fit = npmle([5, 9, 14], [INF] * 3)
    assert boxes(fit) == [(14, INF, 1)]
    low, high = cumulative(fit, [5, 14, 15])
    assert low.tolist() == [0, 0, 0]
    assert high.tolist() == [0, 0, 1]
    assert quantile_interval(fit, 0.5) == (14, INF)


def test_rows_from_zero_to_infinity_change_nothing():
    left, right = [0, 2, 4, 3], [3, 5, INF, 6]
    alone, joined = npmle(left, right), npmle([*left, 0, 0, 0], [*right, INF, INF, INF])
    np.testing.assert_allclose(joined.mass, alone.mass, atol=1e-9)
    assert joined.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-9)
    assert npmle([0, 0], [INF, INF]).mass.tolist() == [1]


# --- published masses

# Breast cosmesis (Finkelstein & Wolfe 1985): an EM run to a certificate of 1e-11; the first four digits
# are printed by Fay & Shaw (2010), J. Stat. Softw. 36(2).
RADIATION = [
    (4, 5, 0.04634677),
    (6, 7, 0.03336337),
    (7, 8, 0.08866737),
    (11, 12, 0.07075292),
    (24, 25, 0.09264584),
    (33, 34, 0.08178576),
    (38, 40, 0.12087983),
    (46, 48, 0.46555814),
]
WITH_CHEMOTHERAPY = [
    (4, 5, 0.04328263),
    (5, 8, 0.04328263),
    (11, 12, 0.06920558),
    (16, 17, 0.14539772),
    (18, 19, 0.14109490),
    (19, 20, 0.11574593),
    (24, 25, 0.09986531),
    (30, 31, 0.07088138),
    (35, 36, 0.16083111),
    (44, 48, 0.05520641),
    (48, 60, 0.05520641),
]


def cosmesis(shared, treatment=None):
    with (shared / "data" / "interval_censored" / "bcos.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if treatment in (None, row["treatment"])]
    return [float(row["left"]) for row in rows], [float(row["right"]) for row in rows]


@pytest.mark.parametrize(
    ("treatment", "expected", "log_likelihood", "median"),
    [("Rad", RADIATION, -58.06002195, (38, 40)), ("RadChem", WITH_CHEMOTHERAPY, -65.63696491, (19, 20))],
)
def test_breast_cosmesis_masses_are_the_published_ones(shared, treatment, expected, log_likelihood, median):
    left, right = cosmesis(shared, treatment)
    fit = npmle(left, right)
    assert [box[:2] for box in boxes(fit)] == [box[:2] for box in expected]
    assert [box[2] for box in boxes(fit)] == pytest.approx([box[2] for box in expected], abs=1e-6)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-6)
    assert fit.gap < 1e-8
    assert quantile_interval(fit, 0.5) == median
    check_optimal(left, right, fit)


def test_breast_cosmesis_pooled_and_its_survival_at_46_months(shared):
    pooled = npmle(*cosmesis(shared))
    assert pooled.log_likelihood == pytest.approx(-136.96380387, abs=1e-6)
    assert (len(pooled.mass), len(boxes(pooled))) == (31, 12)
    # Read as closed intervals this is 0.46003.
    low, high = cumulative(npmle(*cosmesis(shared, "Rad")), 46)
    assert 1 - low == pytest.approx(0.46555814, abs=1e-6)
    assert low == pytest.approx(high, abs=1e-12)


# --- the certificate, everywhere


def visits(n, grid, stream):
    """Intervals from a schedule: common days, whole hours, or any moment."""
    event = stream.weibull(1.2, n) * 1200
    if grid == "days":
        times = np.tile(np.array([1, 3, 7, 14, 21, 28, 42, 56, 70, 84]) * 24.0, (n, 1))
        attended = stream.random(times.shape) < 0.75
    else:
        gaps = stream.exponential(170, (n, 12))
        times = np.cumsum(np.round(gaps) + 1 if grid == "hours" else gaps, axis=1)
        attended = times <= 2016
    left = np.max(np.where(attended & (times < event[:, None]), times, 0.0), axis=1)
    right = np.min(np.where(attended & (times >= event[:, None]), times, INF), axis=1)
    return left, right, event


@pytest.mark.parametrize("seed", range(60))
def test_small_data_of_every_kind_are_at_the_maximum(seed):
    stream = np.random.default_rng([11, seed])
    n = int(stream.integers(1, 50))
    left = stream.exponential(10, n)
    right = left + stream.exponential(5, n)
    if seed % 3:
        # Coarse clocks make ties, touching intervals and exact times.
        left, right = np.floor(left / (seed % 3)), np.floor(right / (seed % 3))
    right = np.where(stream.random(n) < 0.3, INF, right)
    if seed % 2:
        right = np.where(stream.random(n) < 0.3, left, right)
    weights = stream.integers(1, 4, n).astype(float)
    fit = npmle(left, right, weights=weights)
    assert fit.converged
    assert fit.gap < 1e-8
    check_optimal(left, right, fit, weights)


@pytest.mark.parametrize("grid", ["days", "hours", "unrounded"])
@pytest.mark.parametrize("n", [240, 2000])
def test_visit_schedules_are_at_the_maximum(grid, n):
    left, right, _ = visits(n, grid, np.random.default_rng([12, n]))
    fit = npmle(left, right)
    assert fit.gap < 1e-8
    check_optimal(left, right, fit)


@pytest.mark.parametrize("grid", ["days", "hours", "unrounded"])
def test_a_hundred_thousand_patients_reach_the_certificate(grid):
    left, right, _ = visits(100_000, grid, np.random.default_rng([13, 1]))
    fit = npmle(left, right)
    assert fit.converged
    assert fit.gap < 1e-8


def test_fifty_thousand_exact_times_among_intervals_reach_the_certificate():
    stream = np.random.default_rng([13, 2])
    left, right, event = visits(100_000, "unrounded", stream)
    known = stream.random(len(left)) < 0.5
    fit = npmle(np.where(known, event, left), np.where(known, event, right))
    assert fit.gap < 1e-8


def test_very_unequal_weights_reach_the_certificate():
    stream = np.random.default_rng(5)
    left, right, _ = visits(60, "hours", stream)
    weights = stream.choice([1e-3, 1.0, 1e4], 60)
    fit = npmle(left, right, weights=weights)
    assert fit.converged
    check_optimal(left, right, fit, weights, tolerance=1e-8 + 1e-13 * weights.sum())


# --- right-censored data


@pytest.mark.parametrize(("n", "clock"), [(80, 1.0), (400, 10.0), (3000, 0.0)])
def test_right_censored_data_give_kaplan_meier(n, clock):
    stream = np.random.default_rng([14, n])
    event, stop = stream.weibull(1.1, n) * 60, stream.uniform(0, 150, n)
    if clock:
        event, stop = np.ceil(event / clock) * clock, np.ceil(stop / clock) * clock
    seen, time = event <= stop, np.minimum(event, stop)
    fit = npmle(time, np.where(seen, time, INF))
    curve = kaplan_meier(time, seen)
    steps = curve.n_events > 0
    low, _ = cumulative(fit, curve.time[steps])
    np.testing.assert_allclose(1 - low, curve.survival[steps], atol=1e-10)


# --- what must not matter


def test_order_of_rows_does_not_matter():
    left, right, _ = visits(300, "hours", np.random.default_rng(21))
    order = np.random.default_rng(22).permutation(300)
    np.testing.assert_allclose(npmle(left, right).mass, npmle(left[order], right[order]).mass, atol=1e-10)


def test_days_and_hours_give_the_same_masses():
    left, right, _ = visits(300, "hours", np.random.default_rng(23))
    hours, days = npmle(left, right), npmle(left / 24, right / 24)
    np.testing.assert_array_equal(hours.mass, days.mass)
    np.testing.assert_array_equal(hours.right / 24, days.right)


def test_weights_are_repeated_rows():
    stream = np.random.default_rng(24)
    left, right, _ = visits(120, "hours", stream)
    times = stream.integers(1, 4, 120)
    weighted = npmle(left, right, weights=times)
    repeated = npmle(np.repeat(left, times), np.repeat(right, times))
    np.testing.assert_allclose(weighted.mass, repeated.mass, atol=1e-10)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, abs=1e-9)
    assert weighted.n == times.sum()


def test_rows_of_weight_zero_are_left_out():
    assert boxes(npmle([0, 1, 5], [1, 2, 6], weights=[1, 1, 0])) == [(0, 1, 0.5), (1, 2, 0.5)]


@pytest.mark.parametrize("seed", range(20))
def test_masses_are_reported_unique_where_the_active_columns_have_full_rank(seed):
    left, right, _ = visits(40, "hours", np.random.default_rng([25, seed]))
    fit = npmle(left, right)
    held = fit.mass > 0
    covers = (fit.left[held] >= left[:, None]) & (fit.right[held] <= right[:, None])
    assert fit.unique
    assert np.linalg.matrix_rank(covers.astype(float)) == held.sum()


# --- reading the curve


def test_inside_a_box_the_curve_is_only_bounded():
    fit = npmle([0, 2, 4], [1, 3, INF])
    low, high = cumulative(fit, [0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 4.5])
    third = 1 / 3
    assert low == pytest.approx([0, 0, third, third, third, third, 2 * third, 2 * third, 2 * third], abs=1e-9)
    assert high == pytest.approx(
        [0, third, third, third, third, 2 * third, 2 * third, 2 * third, 1], abs=1e-9
    )


def test_an_exact_time_has_happened_at_that_time():
    fit = npmle([2, 4], [2, INF])
    low, high = cumulative(fit, [1.9, 2, 2.1])
    assert low == pytest.approx([0, 0.5, 0.5], abs=1e-9)
    assert high == pytest.approx([0, 0.5, 0.5], abs=1e-9)


def test_quantiles_are_boxes_and_infinite_when_not_reached():
    fit = npmle([0, 2, 4, 4], [1, 3, INF, INF])
    assert quantile_interval(fit, 0.25) == (0, 1)
    assert quantile_interval(fit, 0.5) == (2, 3)
    assert quantile_interval(fit, 0.51) == (4, INF)
    low, high = quantile_interval(fit, [0.25, 0.9])
    assert low.tolist() == [0, 4]
    assert high.tolist() == [1, INF]


@pytest.mark.parametrize("p", [0, 1, -0.1, np.nan])
def test_a_quantile_needs_a_probability(p):
    with pytest.raises(DataError, match="between 0 and 1"):
        quantile_interval(npmle([0], [1]), p)


# --- refusals


def test_every_malformed_end_is_counted_at_once():
    left = [1, np.nan, -2, 5, 7, 1, INF]
    right = [2, 3, 4, 4, 6, np.nan, INF]
    with pytest.raises(DataError) as caught:
        npmle(left, right)
    found = {
        (problem.column, problem.message.split(";")[0]): (problem.n_rows, problem.first_row)
        for problem in caught.value.problems
    }
    assert found == {
        ("left", "the left end is missing or infinite"): (2, 2),
        ("right", "the right end is missing"): (1, 6),
        ("left", "the left end is negative"): (1, 3),
        ("right", "the right end is before the left end"): (2, 4),
    }


@pytest.mark.parametrize(
    ("left", "right", "weights", "message"),
    [
        ([], [], None, "no intervals"),
        ([1, 2], [3], None, "same length"),
        ([1], [2], [-1], "weight is negative"),
        ([1], [2], [0], "all weights are 0"),
        ([1], [2], [1, 1], "one value per interval"),
    ],
)
def test_unusable_input_is_refused(left, right, weights, message):
    with pytest.raises(DataError, match=message):
        npmle(left, right, weights=weights)


def test_an_estimate_that_was_not_reached_says_so():
    ranges = Ranges(np.array([0, 1]), np.array([1, 2]), np.array([3.0, 1.0]), 2)
    stopped = maximise(ranges, start=np.array([0.5, 0.5]), max_iterations=0)
    assert not stopped.converged
    # The maximum has masses 3/4 and 1/4; the certificate bounds what is missing.
    missing = 3 * np.log(0.75) + np.log(0.25) - stopped.log_likelihood
    assert stopped.gap > missing > 0
    assert maximise(ranges, start=np.array([0.5, 0.5])).mass == pytest.approx([0.75, 0.25], abs=1e-10)
