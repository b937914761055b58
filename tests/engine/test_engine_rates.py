"""Rates and their intervals against R, published values and closed forms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ketaoutcomes.engine.rates import (
    clopper_pearson,
    cluster_ratio,
    cluster_ratio_by,
    poisson_exact,
    rule_of_three_upper,
    wilson,
)
from ketaoutcomes.errors import DataError

R_RATES = json.loads((Path(__file__).resolve().parents[1] / "reference" / "rates.json").read_text())


@pytest.mark.parametrize(
    "row", R_RATES["proportions"], ids=lambda row: f"{row['x']}_of_{row['n']}_{row['level']}"
)
def test_proportion_limits_equal_those_of_r(row):
    # tests/reference/rates.R: prop.test without continuity correction, and binom.test.
    assert wilson(row["x"], row["n"], level=row["level"]) == pytest.approx(row["wilson"], abs=1e-9)
    exact = clopper_pearson(row["x"], row["n"], level=row["level"])
    assert exact == pytest.approx(row["clopper_pearson"], abs=1e-9)


@pytest.mark.parametrize("row", R_RATES["poisson"], ids=lambda row: f"{row['x']}_in_{row['exposure']}")
def test_poisson_limits_equal_those_of_r(row):
    # tests/reference/rates.R: poisson.test.
    assert poisson_exact(row["x"], row["exposure"], level=row["level"]) == pytest.approx(
        row["exact"], abs=1e-9
    )


def test_newcombes_published_limits_of_15_in_148():
    # Newcombe (1998), Stat. Med. 17, 857, table I, methods 3 and 5.
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert clopper_pearson(15, 148) == pytest.approx((0.0578, 0.1617), abs=5e-5)


def test_published_limits_of_eleven_events_in_800_sessions_and_none_in_100():
    assert poisson_exact(11, 800) == pytest.approx((0.0068639504, 0.0246025481), abs=1e-9)
    assert poisson_exact(0, 100) == pytest.approx((0, 0.0368887945), abs=1e-9)


def test_no_event_gives_the_rule_of_three():
    assert rule_of_three_upper(100) == pytest.approx(1 - 0.05**0.01, abs=1e-15)
    assert clopper_pearson(0, 100)[1] == pytest.approx(1 - 0.025**0.01, abs=1e-12)
    assert np.isnan(rule_of_three_upper(0))


def test_limits_work_on_whole_arrays_and_are_missing_without_trials():
    low, high = wilson([0, 5, 10, 0], [10, 10, 10, 0])
    assert (low[0], high[2]) == (0, 1)
    assert low[1] == pytest.approx(1 - high[1], abs=1e-15)
    assert np.isnan([low[3], high[3]]).all()
    assert np.isnan(clopper_pearson(0, 0)).all()
    assert np.isnan(poisson_exact(0, 0)).all()


def test_few_events_by_hand():
    # Events 1, 0, 2 of 3, 4, 5: p = 1/4, residuals 1/4, -1, 3/4, shares of the trials 1/4, 1/3, 5/12.
    rate = cluster_ratio([1, 0, 2], [3, 4, 5])
    variance = (1 / 16 / (3 / 4) + 1 / (2 / 3) + 9 / 16 / (7 / 12)) / 144
    assert (rate.estimate, rate.method) == (0.25, "design-effect Wilson")
    assert rate.std_error == pytest.approx(variance**0.5, abs=1e-15)
    # Squared shares 1/16, 1/9, 25/144; over what is left of 1 they are 1/12, 1/6, 25/84.
    squares = 50 / 144 + (1 / 12 + 1 / 6 + 25 / 84) ** 2 - (1 / 144 + 1 / 36 + (25 / 84) ** 2)
    assert rate.df == pytest.approx(1 / squares, abs=1e-12)
    assert rate.df == pytest.approx(21 / 11, abs=1e-12)
    # The binomial variance is 3/16 / 12 = 1/64; a correlation of 1/2 makes 1 + (50/12 - 1) / 2 = 31/12 of it.
    design = 64 * variance
    assert (rate.design_effect, rate.n_effective) == pytest.approx((design, 12 / design), rel=1e-12)
    assert rate.icc == pytest.approx((design - 1) / (50 / 12 - 1), rel=1e-12)
    t, z = 4.50508463, 1.95996398  # R: qt(0.975, 21/11), qnorm(0.975)
    # Two clusters have an event, three an event-free trial.
    upper = 12 * z**2 / (t**2 * (2 * design + 31 / 24) / 2.5)
    lower = 12 * z**2 / (t**2 * (3 * design + 31 / 24) / 3.5)
    assert rate.conf_low == pytest.approx(_wilson(0.25, lower, z)[0], abs=1e-7)
    assert rate.conf_high == pytest.approx(_wilson(0.25, upper, z)[1], abs=1e-7)
    assert (rate.n_clusters, rate.n_trials, rate.n_events, rate.n_clusters_with_event) == (3, 12, 3, 2)


def _wilson(p, n, z):
    centre, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def test_many_events_by_hand():
    # Of 4 sessions each; 10 of 12 patients have an event, 11 an event-free session.
    events = np.array([4, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
    rate = cluster_ratio(events, np.full(12, 4))
    p, variance = 15 / 48, (events / 4).var(ddof=1) / 12
    assert (rate.estimate, rate.df, rate.method) == (p, pytest.approx(11), "cluster-robust logit")
    binomial = p * (1 - p) / 48
    design = variance / binomial
    t = 2.20098516  # R: qt(0.975, 11)
    # A correlation of 1/2 in clusters of 4 makes 2.5 of the binomial variance.
    for limit, n_clusters, sign in ((rate.conf_low, 11, -1), (rate.conf_high, 10, 1)):
        averaged = (n_clusters * design + 2.5 / 2) / (n_clusters + 0.5)
        half = t * (averaged * binomial) ** 0.5 / (p * (1 - p))
        assert limit == pytest.approx(1 / (1 + (1 - p) / p * np.exp(-sign * half)), abs=1e-8)


def test_equal_clusters_give_the_standard_error_of_the_mean_of_cluster_rates():
    events = np.array([0, 1, 4, 2, 4, 0, 1, 3])
    expected = (events / 4).std(ddof=1) / np.sqrt(8)
    assert cluster_ratio(events, np.full(8, 4)).std_error == pytest.approx(expected, abs=1e-15)


def test_patients_who_are_alike_do_not_shorten_the_interval():
    rate = cluster_ratio(np.full(20, 1), np.full(20, 4))
    # The between-patient variance is 0; the binomial one is p (1 - p) / 80.
    assert rate.std_error == pytest.approx((0.25 * 0.75 / 80) ** 0.5, abs=1e-15)
    half = 1.95996398 / (80 * 0.25 * 0.75) ** 0.5
    assert rate.conf_low == pytest.approx(1 / (1 + 3 * np.exp(half)), abs=1e-8)
    assert rate.conf_high == pytest.approx(1 / (1 + 3 * np.exp(-half)), abs=1e-8)
    assert (rate.design_effect, rate.n_effective) == (0, 80)


def test_no_event_or_no_event_free_session_counts_patients_not_sessions():
    none = cluster_ratio(np.zeros(20), np.full(20, 6))
    assert (none.conf_low, none.method) == (0, "exact, patients as n")
    assert none.conf_high == pytest.approx(0.168433471, abs=1e-9)
    every = cluster_ratio(np.full(20, 6), np.full(20, 6))
    assert every.conf_low == pytest.approx(1 - 0.168433471, abs=1e-9)
    assert every.conf_high == 1


def test_no_event_gives_the_limits_with_sessions_as_n_beside_those_with_patients():
    none = cluster_ratio(np.zeros(20), np.full(20, 5))
    # Closed form: 1 - 0.025^(1/n).
    assert none.conf_high == pytest.approx(1 - 0.025 ** (1 / 20), abs=1e-12)
    assert none.conf_high_sessions == pytest.approx(1 - 0.025 ** (1 / 100), abs=1e-12)
    assert (none.conf_low, none.conf_low_sessions) == (0, 0)
    every = cluster_ratio(np.full(20, 5), np.full(20, 5))
    assert every.conf_low_sessions == pytest.approx(0.025 ** (1 / 100), abs=1e-12)
    assert (every.conf_high, every.conf_high_sessions) == (1, 1)
    assert np.isnan([none.std_error, none.design_effect, none.n_effective, none.icc]).all()
    some = cluster_ratio([1, 0, 2], [3, 4, 5])
    assert np.isnan([some.conf_low_sessions, some.conf_high_sessions]).all()


def test_the_highest_rate_at_which_no_event_is_seen_in_one_of_forty_is_the_upper_limit():
    # Sessions of a patient all alike: then patients are the n, and no larger upper limit is needed.
    high = cluster_ratio(np.zeros(30), np.full(30, 7)).conf_high
    assert (1 - high) ** 30 == pytest.approx(0.025, abs=1e-12)


def test_events_and_event_free_sessions_are_treated_alike():
    events, trials = np.array([3, 0, 1, 0, 0, 2, 0]), np.array([6, 2, 5, 7, 3, 4, 9])
    rate, mirror = cluster_ratio(events, trials), cluster_ratio(trials - events, trials)
    assert mirror.conf_low == pytest.approx(1 - rate.conf_high, abs=1e-14)
    assert mirror.conf_high == pytest.approx(1 - rate.conf_low, abs=1e-14)
    assert mirror.method == rate.method


def test_one_more_patient_with_an_event_never_makes_the_interval_jump():
    # Forty patients of 7 sessions, 1 to 30 of them with one event: the method changes between 9 and 10.
    events = (np.arange(40)[:, None] < np.arange(1, 31)).astype(float)
    rate = cluster_ratio_by(events, np.full((40, 1), 7))
    assert list(rate.method[8:10]) == ["design-effect Wilson", "cluster-robust logit"]
    assert (np.diff(rate.conf_low) > 0).all()
    # From one event to two the upper limit stays where it is: there are more, and they are seen to be apart.
    assert abs(np.diff(rate.conf_high)[0]) < 0.02 * rate.conf_high[0]
    assert (np.diff(rate.conf_high)[1:] > 0).all()
    width = rate.conf_high - rate.conf_low
    assert (np.abs(np.diff(rate.conf_high)) < 0.12 * width[1:]).all()
    assert (np.abs(np.diff(rate.conf_low)) < 0.12 * width[1:]).all()


def test_events_in_one_patient_widen_the_interval_more_than_the_same_number_in_several():
    trials = np.full(30, 6)
    together, apart = np.zeros(30), np.zeros(30)
    together[0], apart[:4] = 4, 1
    narrow, wide = cluster_ratio(apart, trials), cluster_ratio(together, trials)
    assert wide.conf_low < narrow.conf_low
    assert wide.conf_high > narrow.conf_high
    assert (wide.n_clusters_with_event, narrow.n_clusters_with_event) == (1, 4)


def test_one_patient_gives_a_rate_without_an_interval():
    rate = cluster_ratio([2, 0], [8, 0])
    assert (rate.estimate, rate.n_clusters, rate.method) == (0.25, 1, "one cluster")
    assert np.isnan([rate.conf_low, rate.conf_high, rate.std_error]).all()


def test_no_sessions_at_all_give_no_rate():
    rate = cluster_ratio([], [])
    assert rate.method == "no trials"
    assert np.isnan(rate.estimate)


def test_many_rates_at_once_equal_one_by_one():
    events = np.array([[1, 0, 3], [0, 0, 3], [2, 0, 3], [1, 0, 3]])
    trials = np.full((4, 1), 3)
    together = cluster_ratio_by(events, trials)
    for column in range(3):
        alone = cluster_ratio(events[:, column], trials[:, 0])
        assert (together.conf_low[column], together.conf_high[column]) == (alone.conf_low, alone.conf_high)
        assert together.method[column] == alone.method


def test_sessions_split_over_patients_widen_a_cluster_interval_and_not_a_naive_one():
    clustered = cluster_ratio([6, 6, 0, 0, 0, 0], np.full(6, 6))
    low, high = wilson(12, 36)
    assert clustered.conf_high - clustered.conf_low > 2 * (high - low)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilson(3, 2), "more events than trials"),
        (lambda: wilson(-1, 2), "events is negative or missing"),
        (lambda: clopper_pearson(1, np.nan), "trials is negative or missing"),
        (lambda: poisson_exact(1, -1), "exposure is negative or missing"),
        (lambda: wilson(1, 2, level=95), "level must lie between 0 and 1"),
        (lambda: cluster_ratio([1, 2], [3]), "same length"),
        (lambda: cluster_ratio_by([1, 2], [3, 3]), "one row per cluster"),
        (lambda: rule_of_three_upper(-3), "trials is negative"),
    ],
)
def test_malformed_counts_are_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_a_refusal_counts_the_rows():
    with pytest.raises(DataError) as caught:
        wilson([3, 3, 0], [2, 2, 2])
    assert caught.value.problems[0].n_rows == 2
