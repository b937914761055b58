"""The risk-adjusted CUSUM: scores by hand, its limit against an exact chain and against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.engine.sequential import (
    clipped,
    cusum_limit,
    cusum_path,
    cusum_scores,
    in_control_length_of,
    simulated_run_lengths,
    vlad,
)
from ketaoutcomes.errors import DataError


def test_scores_are_log_likelihood_ratios():
    # Steiner (2000): an event at risk .1 against odds doubled, log(2 / 1.1); none, log(1 / 1.1).
    got = cusum_scores([1, 0], [0.1, 0.1], 2.0)
    assert got == pytest.approx([np.log(2 / 1.1), np.log(1 / 1.1)], abs=1e-15)
    # Odds halved: the probability of the event becomes .05 / .95, that is 1 / 19.
    halved = cusum_scores([1, 0], [0.1, 0.1], 0.5)
    assert halved == pytest.approx([np.log((1 / 19) / 0.1), np.log((18 / 19) / 0.9)], abs=1e-12)


def test_the_path_is_that_of_the_recursion():
    rng = np.random.default_rng(3)
    scores = rng.normal(0.05, 0.5, 3000)
    path, signal = cusum_path(scores, 3.0)
    value, wanted, signals = 0.0, [], []
    for score in scores:
        value = max(0.0, value + score)
        wanted.append(value)
        signals.append(value >= 3.0)
        if signals[-1]:
            value = 0.0
    assert sum(signals) > 5
    assert signal.tolist() == signals
    assert path == pytest.approx(wanted, abs=1e-9)


def test_vlad_adds_up_expected_less_observed():
    assert vlad([0, 1, 0], [0.2, 0.5, 0.1]) == pytest.approx([0.2, -0.3, -0.2])


def test_the_chain_agrees_with_an_exact_one():
    # With log 2 = 5 log(1 + p) an event is 4 steps up and none 1 step down, so that the states are whole
    # numbers and the mean run length solves a small linear system exactly.
    p = 2 ** (1 / 5) - 1
    step, n_states = np.log(2) / 5, 30
    moves = np.zeros((n_states, n_states))
    for state in range(n_states):
        moves[state, max(state - 1, 0)] += 1 - p
        if state + 4 < n_states:
            moves[state, state + 4] += p
    exact = np.linalg.solve(np.eye(n_states) - moves, np.ones(n_states))[0]
    got = in_control_length_of([p], 2.0, (n_states - 0.5) * step)
    assert exact > 300
    assert got == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(
    ("first", "second", "odds_ratio"), [(2, 18, 2.0), (8, 8, 0.5)], ids=["side effects", "response"]
)
def test_false_signals_come_once_in_ten_thousand_cases(first, second, odds_ratio):
    # 4,000 charts: the mean's standard error is 1.6%; the aim is +-5%.
    risk = np.random.default_rng(20260101).beta(first, second, 400)
    limit = cusum_limit(risk, odds_ratio, 10_000)
    lengths = simulated_run_lengths(risk, odds_ratio, limit, n_charts=4000, seed=7)
    assert lengths.mean() == pytest.approx(10_000, rel=0.05)


def test_a_true_change_is_seen_much_sooner():
    risk = np.random.default_rng(5).beta(2, 8, 300)
    limit = cusum_limit(risk, 2.0, 10_000)
    doubled = simulated_run_lengths(risk, 2.0, limit, n_charts=1000, seed=8, effect=2.0)
    assert doubled.mean() < 200


def test_probabilities_are_kept_from_the_ends_and_checked():
    assert clipped([0.0, 0.5, 1.0]).tolist() == [0.005, 0.5, 0.995]
    with pytest.raises(DataError, match="in 2 cases"):
        clipped([np.nan, 0.5, 1.4])
    with pytest.raises(DataError, match="other than 1"):
        cusum_scores([1], [0.5], 1.0)
