"""Rates and their intervals against R, published values, closed forms and simulated truth."""

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


def test_cluster_ratio_by_hand():
    # Events 1, 0, 2 of 3, 4, 5: p = 1/4, residuals 1/4, -1, 3/4, squares sum to 13/8,
    # V = (3/2)(13/8)/144; t with 2 df at 0.975 is 4.30265273.
    rate = cluster_ratio([1, 0, 2], [3, 4, 5])
    error = (1.5 * 1.625 / 144) ** 0.5
    half = 4.30265273 * error / (0.25 * 0.75)
    assert (rate.estimate, rate.df, rate.method) == (0.25, 2, "cluster-robust logit")
    assert rate.std_error == pytest.approx(error, abs=1e-15)
    assert rate.conf_low == pytest.approx(1 / (1 + 3 * np.exp(half)), abs=1e-8)
    assert rate.conf_high == pytest.approx(1 / (1 + 3 * np.exp(-half)), abs=1e-8)
    assert (rate.n_clusters, rate.n_trials, rate.n_events) == (3, 12, 3)


def test_equal_clusters_give_the_standard_error_of_the_mean_of_cluster_rates():
    events = np.array([0, 1, 4, 2, 4, 0, 1, 3])
    expected = (events / 4).std(ddof=1) / np.sqrt(8)
    assert cluster_ratio(events, np.full(8, 4)).std_error == pytest.approx(expected, abs=1e-15)


def test_patients_who_are_alike_do_not_shorten_the_interval():
    rate = cluster_ratio(np.full(20, 1), np.full(20, 4))
    # The between-patient variance is 0; the binomial one is p (1 - p) / 80.
    assert rate.std_error == pytest.approx((0.25 * 0.75 / 80) ** 0.5, abs=1e-15)


def test_no_event_or_no_event_free_session_counts_patients_not_sessions():
    none = cluster_ratio(np.zeros(20), np.full(20, 6))
    assert (none.conf_low, none.method) == (0, "exact, patients as n")
    assert none.conf_high == pytest.approx(0.168433471, abs=1e-9)
    every = cluster_ratio(np.full(20, 6), np.full(20, 6))
    assert every.conf_low == pytest.approx(1 - 0.168433471, abs=1e-9)
    assert every.conf_high == 1


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


def _coverage(n_patients, rate, correlation, n_runs, seed):
    """Share of beta-binomial data sets (2 to 12 sessions each) whose limits hold the rate."""
    stream = np.random.default_rng(seed)
    size = 1 / correlation - 1
    trials = stream.integers(2, 13, (n_patients, n_runs))
    own = stream.beta(rate * size, (1 - rate) * size, (n_patients, n_runs))
    events = stream.binomial(trials, own)
    robust = cluster_ratio_by(events, trials)
    low, high = wilson(events.sum(axis=0), trials.sum(axis=0))
    holds = (robust.conf_low <= rate) & (rate <= robust.conf_high)
    return holds.mean(), ((low <= rate) & (rate <= high)).mean()


@pytest.mark.parametrize("n_patients", [15, 40, 200])
@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
def test_cluster_interval_covers_the_truth(n_patients, rate):
    n_runs = 1000
    robust, _ = _coverage(n_patients, rate, 0.15, n_runs, [20260101, n_patients, int(100 * rate)])
    # Between 0.93 and 0.97, give or take four standard errors of a simulated share.
    error = 4 * (0.95 * 0.05 / n_runs) ** 0.5
    assert 0.93 - error < robust < 0.97 + error


def test_treating_sessions_as_independent_covers_far_too_seldom():
    robust, naive = _coverage(60, 0.2, 0.15, 2000, [20260101, 7])
    assert naive < 0.85
    assert 0.93 < robust < 0.97


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
