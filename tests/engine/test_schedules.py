"""Whether schedules are told apart, and the size of both tests where they differ."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ketaoutcomes.engine.logrank import interval_logrank
from ketaoutcomes.engine.schedules import interval_schedules, schedule_difference, schedule_free_test
from ketaoutcomes.errors import DataError

INF = np.inf
WEEKLY, MONTHLY = np.arange(7.0, 85, 7), np.arange(28.0, 85, 28)
UNEVEN = np.array([1.0, 3, 7, 14, 28, 56, 84])
FULL = os.environ.get("KETA_FULL") == "1"
N_RUNS, N_ERRORS = (2000, 3) if FULL else (200, 4)


def seen(event, visits, stream, missed):
    attended = stream.random((len(event), len(visits))) >= missed
    left = np.max(np.where(attended & (visits < event[:, None]), visits, 0.0), axis=1)
    right = np.min(np.where(attended & (visits >= event[:, None]), visits, INF), axis=1)
    return left, right


def study(stream, sizes, visits, *, ratio=1.0, missed=0.0):
    """Two groups with their own visits; exponential with mean 40 days, hazard ratio in the second."""
    parts = [
        seen(stream.exponential(40, n) / hazard, own, stream, missed)
        for n, own, hazard in zip(sizes, visits, (1.0, ratio), strict=True)
    ]
    left, right = (np.concatenate(ends) for ends in zip(*parts, strict=True))
    return left, right, np.repeat([0, 1], sizes)


# --- gaps


def test_the_statistic_is_the_largest_distance_between_two_groups():
    # Shares of gaps up to 1 / 2: 1/2 and 1 (a), 0 and 1/2 (b), 1/4 and 1/2 (c): largest a-b at 1 or 2, 0.5.
    gaps = [1, 2, 2, 3, 1, 2, 3, 3]
    group = ["a", "a", "b", "b", "c", "c", "c", "c"]
    found = schedule_difference(gaps, group, n_permutations=99)
    assert found.statistic == pytest.approx(0.5)
    assert found.pair == (0, 1)


def test_the_p_value_is_that_of_all_relabelings_of_patients():
    # Six patients, 1 1 1 days in one group and 5 5 5 in the other: 2 of 20 relabelings are as extreme.
    found = schedule_difference([1, 1, 1, 5, 5, 5], [0, 0, 0, 1, 1, 1], n_permutations=19_999, seed=2)
    assert found.statistic == 1
    assert found.p_value == pytest.approx(0.1, abs=4 * (0.09 / 19_999) ** 0.5)


def test_gaps_of_one_patient_are_not_counted_as_patients():
    # Each patient has a rhythm of their own and eight gaps of it; groups differ by nothing but chance.
    alarms = {True: 0, False: 0}
    for run in range(N_RUNS):
        stream = np.random.default_rng([3, run])
        patient = np.repeat(np.arange(20), 8)
        gaps = np.round(np.repeat(stream.exponential(9, 20), 8) + stream.uniform(0, 1, 160))
        for known in alarms:
            clusters = patient if known else None
            found = schedule_difference(gaps, patient % 2, clusters, n_permutations=99, seed=run)
            alarms[known] += found.p_value <= 0.05
    assert alarms[True] / N_RUNS == pytest.approx(0.05, abs=N_ERRORS * (0.05 * 0.95 / N_RUNS) ** 0.5)
    assert alarms[False] / N_RUNS > 0.5


def test_order_and_names_of_patients_do_not_matter():
    stream = np.random.default_rng(4)
    patient, gaps = np.repeat(np.arange(30), 4), stream.exponential(7, 120)
    order, names = stream.permutation(120), stream.permutation(30)
    one = schedule_difference(gaps, patient % 3, patient, n_permutations=199)
    other = schedule_difference(gaps[order], (patient % 3)[order], names[patient][order], n_permutations=199)
    assert one == other


def test_one_group_or_no_gap_gives_nothing():
    assert np.isnan(schedule_difference([1, 2], [0, 0]).p_value)
    assert np.isnan(schedule_difference([], []).p_value)


def test_unusable_gaps_are_refused():
    with pytest.raises(DataError, match="2 gaps are missing, infinite or negative"):
        schedule_difference([1, -1, np.nan], [0, 1, 1])
    with pytest.raises(DataError, match="1 cluster lies in more than one group"):
        schedule_difference([1, 2, 3], [0, 1, 1], [0, 0, 1])


# --- intervals


def alarm_rate(sizes, visits, **how):
    p = [
        interval_schedules(
            *study(np.random.default_rng([5, run]), sizes, visits, **how), n_permutations=99
        ).p_value
        for run in range(N_RUNS)
    ]
    return np.mean(np.array(p) < 0.05)


@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("missed", [0.0, 0.15])
def test_equal_schedules_raise_no_alarm_even_where_groups_differ(ratio, missed):
    # Visits become rarer, so widths depend on when the event comes; not so given the left end.
    rate = alarm_rate((60, 60), (UNEVEN, UNEVEN), ratio=ratio, missed=missed)
    assert rate < 0.05 + N_ERRORS * (0.05 * 0.95 / N_RUNS) ** 0.5


def test_weekly_beside_monthly_visits_raise_the_alarm():
    assert alarm_rate((40, 40), (WEEKLY, MONTHLY), missed=0.15) > 0.95


def test_follow_up_that_ends_earlier_raises_the_alarm():
    assert alarm_rate((60, 60), (WEEKLY, WEEKLY[:3]), missed=0.15) > 0.95


# --- the test that does not need equal schedules


def rejections(sizes, visits):
    """Share rejected at 5 % by the permutation test, and by the other, of studies without a difference."""
    permuted, free = [], []
    for run in range(N_RUNS):
        data = study(np.random.default_rng([6, run]), sizes, visits)
        permuted.append(interval_logrank(*data, method="asymptotic").p_value < 0.05)
        p = schedule_free_test(*data).p_value
        if np.isfinite(p):
            free.append(p < 0.05)
    return np.mean(permuted), np.mean(free), len(free)


@pytest.mark.parametrize(
    ("sizes", "visits"),
    [((100, 100), (WEEKLY, WEEKLY)), ((100, 100), (WEEKLY, MONTHLY)), ((40, 160), (WEEKLY[:3], WEEKLY))],
)
def test_the_size_is_five_per_cent_whatever_the_schedules(sizes, visits):
    _, free, n = rejections(sizes, visits)
    # Normal limits of a sum of 200 skewed contributions: one per cent beside the Monte Carlo error.
    assert free == pytest.approx(0.05, abs=0.01 + N_ERRORS * (0.05 * 0.95 / n) ** 0.5)


def test_the_permutation_test_is_conservative_where_schedules_differ_much():
    # One visit after 7 days beside weekly visits: what is known of the two groups hardly overlaps.
    permuted, free, n = rejections((50, 150), (np.array([7.0]), WEEKLY))
    assert permuted < 0.01
    assert free == pytest.approx(0.05, abs=0.01 + N_ERRORS * (0.05 * 0.95 / n) ** 0.5)


def test_it_is_nearly_the_permutation_test_where_schedules_are_equal():
    data = study(np.random.default_rng(7), (400, 400), (WEEKLY, WEEKLY), ratio=0.8)
    for score in ("sun", "finkelstein", "wilcoxon"):
        one, other = interval_logrank(*data, score=score), schedule_free_test(*data, score=score)
        # The two variances differ by the square of the difference between the groups, here a few per cent.
        assert other.z == pytest.approx(one.z, rel=0.05)


def test_the_variance_is_that_of_contributions_less_their_regression_on_the_masses_scores():
    left, right, group = study(np.random.default_rng(8), (30, 40), (WEEKLY, MONTHLY))
    from ketaoutcomes.engine.logrank_scores import pooled_scores

    fit = pooled_scores(left, right)
    held = np.flatnonzero(fit.mass > 1e-9)
    covers = (fit.first[:, None] <= held) & (held < fit.stop[:, None])
    basis = covers / fit.probability[:, None] - 1
    own = np.where(group == 0, fit.score, 0.0)
    slope, _, rank, _ = np.linalg.lstsq(basis, own, rcond=1e-9)
    rest = own - basis @ slope
    found = schedule_free_test(left, right, group)
    assert found.variance[0, 0] == pytest.approx(rest @ rest * 70 / (70 - rank), rel=1e-7)
    assert found.z == pytest.approx(own.sum() / found.variance[0, 0] ** 0.5, rel=1e-7)


def test_copies_of_patients_do_not_make_it_surer():
    data = study(np.random.default_rng(9), (60, 60), (WEEKLY, MONTHLY))
    once = schedule_free_test(*data)
    twice = schedule_free_test(*(np.tile(x, 2) for x in data), clusters=np.tile(np.arange(120), 2))
    assert twice.z == pytest.approx(once.z, rel=1e-6)


def test_too_little_to_compare_gives_no_test():
    # A single visit after all events of the weekly group: no distribution of the difference can be had.
    stream = np.random.default_rng(10)
    left, right, group = study(stream, (40, 40), (np.array([400.0]), WEEKLY))
    found = schedule_free_test(left, right, group)
    assert np.isnan([found.statistic, found.p_value]).all()
