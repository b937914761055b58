"""Generalised log-rank test: published values, the ordinary log-rank, brute force, and its size and power."""

from __future__ import annotations

import csv
import json
import os
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from ketaoutcomes.engine.interval import npmle
from ketaoutcomes.engine.logrank import interval_logrank, interval_logrank_scores
from ketaoutcomes.engine.relabel import all_group_sums, random_group_sums
from ketaoutcomes.errors import DataError

INF = np.inf
SCORES = ("sun", "finkelstein", "wilcoxon")
R_VALUES = json.loads((Path(__file__).resolve().parents[1] / "reference" / "logrank.json").read_text())


def cosmesis(shared):
    with (shared / "data" / "interval_censored" / "bcos.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    ends = (np.array([float(row[name]) for row in rows]) for name in ("left", "right"))
    return *ends, np.array([row["treatment"] for row in rows])


def on_visits(n, stream, *, ratio=1.0, visits=(7, 14, 21, 28, 42, 56, 84), missed=0.15):
    """Two groups of n, exponential with mean 40 days, hazard ratio `ratio` in group 1; the same visits."""
    group = np.repeat([0, 1], n)
    event = stream.exponential(40, 2 * n)[:, None] / np.where(group == 1, ratio, 1.0)[:, None]
    visits = np.asarray(visits, float)
    attended = stream.random((2 * n, len(visits))) >= missed
    left = np.max(np.where(attended & (visits < event), visits, 0.0), axis=1)
    right = np.min(np.where(attended & (visits >= event), visits, INF), axis=1)
    return left, right, group


def few(seed, n=8, k=2):
    """A few rows of every kind: intervals, exact times, right-censored ones."""
    stream = np.random.default_rng([31, seed])
    left = np.floor(stream.exponential(6, n))
    right = left + np.floor(stream.exponential(4, n))
    right = np.where(stream.random(n) < 0.3, INF, right)
    return left, right, np.arange(n) % k


# --- published and independent values


# Breast cosmesis (Finkelstein & Wolfe 1985). Sun: Z = -2.6684, p = 0.007622 are printed by Fay & Shaw (2010),
# J. Stat. Softw. 36(2), from R interval::ictest; the further digits and the other scores are from a
# prototype of the formulas.
@pytest.mark.parametrize(
    ("score", "z", "p_value"),
    [
        ("sun", -2.668387, 0.0076216),
        ("finkelstein", -2.683896, 0.0072770),
        ("wilcoxon", -2.167151, 0.0302234),
    ],
)
def test_breast_cosmesis_gives_the_published_tests(shared, score, z, p_value):
    found = interval_logrank(*cosmesis(shared), score=score)
    assert found.z == pytest.approx(z, abs=1e-6)
    assert found.p_value == pytest.approx(p_value, abs=1e-7)
    assert (found.method, found.df, found.n.tolist()) == ("asymptotic", 1, [46, 48])


def test_breast_cosmesis_gives_the_published_sum_of_scores(shared):
    found = interval_logrank(*cosmesis(shared))
    assert found.u == pytest.approx([-9.141846, 9.141846], abs=1e-6)


def as_intervals(case):
    time, status = np.asarray(case["time"], float), np.asarray(case["status"])
    return time, np.where(status == 1, time, INF)


@pytest.mark.parametrize("name", ["aml", "veteran"])
def test_exact_and_right_censored_times_give_the_ordinary_log_rank(name):
    case = R_VALUES[name]
    left, right = as_intervals(case)
    np.testing.assert_allclose(interval_logrank_scores(left, right), case["score"], atol=1e-10)
    found = interval_logrank(left, right, case["group"], method="asymptotic")
    expected = dict(zip(case["groups"], case["observed_minus_expected"], strict=True))
    np.testing.assert_allclose(found.u, [expected[group] for group in sorted(expected)], atol=1e-8)
    assert found.statistic == pytest.approx(case["chi_squared"], rel=1e-8)
    assert found.df == len(expected) - 1


def test_strata_add_up_observed_minus_expected_and_variance_as_survdiff():
    case, veteran = R_VALUES["veteran_trt_by_celltype"], R_VALUES["veteran"]
    found = interval_logrank(*as_intervals(veteran), case["group"], strata=case["stratum"])
    np.testing.assert_allclose(found.u, case["observed_minus_expected"], atol=1e-8)
    assert found.variance[0, 0] == pytest.approx(case["variance"], rel=1e-8)
    assert found.statistic == pytest.approx(
        case["observed_minus_expected"][0] ** 2 / case["variance"], rel=1e-8
    )


# --- scores


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("seed", range(8))
def test_scores_add_up_to_zero(score, seed):
    left, right, _ = few(seed, n=60)
    assert abs(interval_logrank_scores(left, right, score).sum()) < 1e-10


@pytest.mark.parametrize("seed", range(6))
def test_scores_are_the_formulas_written_out(seed):
    left, right, _ = few(seed, n=25)
    fit = npmle(left, right, tolerance=1e-11)

    def survival(ends):
        return np.array([fit.mass[~before].sum() for before in ends])

    exact = left == right
    ended = fit.right[None, :] <= left[:, None]
    # An exact time's interval begins just before it: mass at that very time is not yet past.
    ended &= ~(exact[:, None] & fit.left_closed[None, :] & (fit.right[None, :] == left[:, None]))
    done = fit.right[None, :] <= right[:, None]
    at_left, at_right = survival(ended), survival(done)
    hazard = fit.mass / np.array([fit.mass[place:].sum() for place in range(len(fit.mass))])
    late, later = (-(hazard * rows).sum(axis=1) for rows in (ended, done))
    by_hand = (at_left * late - np.where(at_right > 1e-12, at_right * later, 0)) / (at_left - at_right)
    np.testing.assert_allclose(interval_logrank_scores(left, right), by_hand, atol=1e-8)
    rest = np.where(at_right > 1e-12, at_right * np.log(np.maximum(at_right, 1e-300)), 0)
    by_hand = (at_left * np.log(at_left) - rest) / (at_left - at_right)
    np.testing.assert_allclose(interval_logrank_scores(left, right, "finkelstein"), by_hand, atol=1e-8)
    np.testing.assert_allclose(
        interval_logrank_scores(left, right, "wilcoxon"), at_left + at_right - 1, atol=1e-8
    )


def test_where_in_its_interval_a_mass_lies_does_not_matter(shared):
    left, right, group = cosmesis(shared)
    # Only the order of the ends is kept: every innermost interval has another place and width.
    values = np.unique(np.concatenate([left, right[np.isfinite(right)]]))
    moved = np.cumsum(np.random.default_rng(3).exponential(5, len(values)))
    new_left = moved[np.searchsorted(values, left)]
    new_right = np.append(moved, INF)[np.searchsorted(values, right)]
    one, other = interval_logrank(left, right, group), interval_logrank(new_left, new_right, group)
    assert one.z == pytest.approx(other.z, abs=1e-10)


def test_a_row_that_tells_nothing_scores_zero():
    for score in SCORES:
        assert interval_logrank_scores([0, 2, 4, 0], [3, 5, INF, INF], score)[3] == pytest.approx(
            0, abs=1e-12
        )


def test_earlier_events_score_higher():
    scores = interval_logrank_scores([0, 3, 6, 9], [3, 6, 9, INF])
    assert (np.diff(scores) < 0).all()


# --- permutation


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [2, 3])
def test_exact_p_is_the_share_of_all_relabelings_at_least_as_extreme(score, seed, k):
    left, right, group = few(seed, n=7, k=k)
    c = interval_logrank_scores(left, right, score)
    # Rows that tell nothing apart would test nothing.
    assert np.square(c).sum() > 1e-9

    def statistic(labels):
        means = [c[labels == g].mean() for g in range(k)]
        return 6 * sum((labels == g).sum() * m**2 for g, m in enumerate(means)) / np.square(c).sum()

    everything = np.array([statistic(np.array(labels)) for labels in set(permutations(group.tolist()))])
    found = interval_logrank(left, right, group, score=score)
    assert found.method == "exact"
    assert found.n_permutations == len(everything)
    assert found.statistic == pytest.approx(statistic(group), abs=1e-9)
    assert found.p_value == pytest.approx((everything >= statistic(group) - 1e-9).mean(), abs=1e-12)


def test_exact_strata_are_relabeled_within_themselves():
    left, right, group = few(4, n=10)
    stratum = np.repeat([0, 1], 5)
    found = interval_logrank(left, right, group, strata=stratum)
    u, variance, sums = 0.0, 0.0, [0.0]
    for code in (0, 1):
        rows = stratum == code
        c, z = interval_logrank_scores(left[rows], right[rows]), (group[rows] == 0).astype(float)
        u += z @ c
        variance += np.square(c - c.mean()).sum() * np.square(z - z.mean()).sum() / 4
        own = [np.array(labels) @ c for labels in set(permutations(z.tolist()))]
        sums = [one + other for one in sums for other in own]
    assert found.u[0] == pytest.approx(u, abs=1e-12)
    assert found.variance[0, 0] == pytest.approx(variance, abs=1e-12)
    assert found.z == pytest.approx(u / variance**0.5, abs=1e-10)
    assert found.n_permutations == 100
    assert found.p_value == pytest.approx(np.mean(np.abs(sums) >= abs(u) - 1e-9), abs=1e-12)


def test_all_relabelings_are_made_once():
    values = 2.0 ** np.arange(6)
    sums = all_group_sums(values, np.array([0, 0, 1, 1, 1, 2]), np.zeros(6, int), 3)
    assert len(sums) == 60
    assert len(np.unique(sums, axis=0)) == 60
    assert (sums.sum(axis=1) == 63).all()


def test_random_relabelings_have_the_permutation_variance():
    stream = np.random.default_rng(5)
    values, group, stratum = stream.normal(size=30), np.arange(30) % 3, np.repeat([0, 1], 15)
    sums = random_group_sums(values, group, stratum, 3, 20_000, 1)
    expected = np.zeros((3, 3))
    for code in (0, 1):
        own = values[stratum == code]
        expected += own.var(ddof=1) * (np.diag([5.0] * 3) - 25 / 15)
    # Four Monte Carlo standard errors of a variance of 20,000 draws: 4 sqrt(2 / 20,000) = 4 %.
    np.testing.assert_allclose(np.diag(np.cov(sums.T)), np.diag(expected), rtol=0.04)


def test_monte_carlo_holds_the_exact_p_value():
    left, right, group = few(6, n=12)
    exact = interval_logrank(left, right, group, method="exact")
    drawn = interval_logrank(left, right, group, method="monte-carlo", n_permutations=9999, seed=4)
    assert drawn.p_low <= exact.p_value <= drawn.p_high
    assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * (0.25 / 9999) ** 0.5)
    assert (exact.p_low, exact.p_high) == (exact.p_value, exact.p_value)


def test_auto_chooses_by_the_number_of_relabelings():
    def method(n, k=2, ones=None):
        left, right, group = few(9, n=n, k=k)
        if ones is not None:
            group = (np.arange(n) < ones).astype(int)
        return interval_logrank(left, right, group, n_permutations=99).method

    # 184,756 relabelings; 17 million; 3.7 million of 24 patients in two groups; 435 of 2 among 30.
    assert method(20) == "exact"
    assert method(18, k=3) == "monte-carlo"
    assert method(24) == "asymptotic"
    assert method(30, ones=2) == "exact"


def test_the_order_of_rows_does_not_matter():
    left, right, group = few(7, n=30)
    order = np.random.default_rng(8).permutation(30)
    how = {"method": "monte-carlo", "n_permutations": 500}
    one = interval_logrank(left, right, group, **how)
    other = interval_logrank(left[order], right[order], group[order], **how)
    assert one.p_value == other.p_value
    assert one.statistic == pytest.approx(other.statistic, abs=1e-9)


# --- patients with several rows


def test_rows_of_a_patient_are_relabeled_together():
    left, right, _ = few(10, n=12)
    patient = np.repeat(np.arange(6), 2)
    group = (patient >= 3).astype(int)
    found = interval_logrank(left, right, group, clusters=patient)
    c = interval_logrank_scores(left, right).reshape(6, 2).sum(axis=1)
    own = [np.array(labels) @ c for labels in set(permutations([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]))]
    assert found.n_permutations == 20
    assert found.n.tolist() == [6, 6]
    assert found.n_units.tolist() == [3, 3]
    assert found.u[0] == pytest.approx(c[:3].sum(), abs=1e-12)
    assert found.p_value == pytest.approx(np.mean(np.abs(own) >= abs(c[:3].sum()) - 1e-9), abs=1e-12)


def test_copies_of_patients_do_not_make_the_result_surer():
    left, right, group = on_visits(40, np.random.default_rng(11), ratio=0.6)
    once = interval_logrank(left, right, group)
    twice = interval_logrank(
        *(np.tile(x, 2) for x in (left, right, group)), clusters=np.tile(np.arange(80), 2)
    )
    ignored = interval_logrank(*(np.tile(x, 2) for x in (left, right, group)))
    assert twice.statistic == pytest.approx(once.statistic, rel=1e-8)
    assert ignored.statistic > 1.9 * once.statistic


@pytest.mark.parametrize(("what", "word"), [("group", "group"), ("strata", "stratum")])
def test_a_patient_in_two_groups_is_refused(what, word):
    codes = {"group": [0, 0, 1, 1], "strata": [0, 0, 0, 0]}
    codes[what] = [0, 1, 1, 1]
    with pytest.raises(DataError, match=f"1 cluster lies in more than one {word}"):
        interval_logrank(
            [0, 1, 2, 3], [1, 2, 3, 4], codes["group"], strata=codes["strata"], clusters=[7, 7, 8, 9]
        )


# --- nothing to tell


def test_one_group_gives_nothing():
    found = interval_logrank([0, 1, 2], [1, 2, 3], [5, 5, 5])
    assert np.isnan([found.statistic, found.p_value, found.z]).all()
    assert (found.n_groups, found.df) == (1, 0)


def test_rows_that_are_all_alike_give_p_1_and_say_so():
    found = interval_logrank([1] * 6, [4] * 6, [0, 1] * 3)
    assert (found.statistic, found.p_value, found.z, found.no_information) == (0, 1, 0, True)


def test_strata_of_one_group_each_give_p_1_and_say_so():
    found = interval_logrank([0, 1, 2, 3], [1, 2, 3, 4], [0, 0, 1, 1], strata=[0, 0, 1, 1])
    assert (found.p_value, found.no_information) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "gehan"}, "is not known; choose one of"),
        ({"method": "bootstrap"}, "is not known; choose one of"),
        ({"n_permutations": 0}, "at least 1"),
        ({"strata": [1]}, "strata must be one value per interval"),
        ({"clusters": [1]}, "clusters must be one value per interval"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        interval_logrank([0, 1], [1, 2], [0, 1], **options)


def test_an_exact_test_of_many_is_refused_with_the_way_out():
    left, right, group = few(1, n=40)
    with pytest.raises(DataError, match=r'200,000 relabelings; use method="monte-carlo"'):
        interval_logrank(left, right, group, method="exact")


# --- simulation with known truth

FULL = os.environ.get("KETA_FULL") == "1"
N_RUNS, N_ERRORS = (2000, 3) if FULL else (200, 4)


@pytest.mark.parametrize("score", SCORES)
def test_the_size_is_five_per_cent_where_curves_and_schedules_are_equal(score):
    p = [
        interval_logrank(*on_visits(50, np.random.default_rng([20260101, run])), score=score).p_value
        for run in range(N_RUNS)
    ]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=N_ERRORS * (0.05 * 0.95 / N_RUNS) ** 0.5)


@pytest.mark.parametrize("score", SCORES)
def test_a_hazard_ratio_of_0_6_is_found_far_more_often(score):
    p = [
        interval_logrank(*on_visits(75, np.random.default_rng([7, run]), ratio=0.6), score=score).p_value
        for run in range(N_RUNS)
    ]
    # With about 125 events Schoenfeld's formula gives a power of 0.82; visits and other weights cost some.
    assert np.mean(np.array(p) < 0.05) > 0.6
