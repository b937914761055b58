"""The bootstrap of the curve with delayed entry: agreement of its two ways, and exact limits at the ends."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ketaoutcomes.engine.bootstrap import npmle_bootstrap, patient_weights
from ketaoutcomes.engine.delayed import delayed_npmle, survival_bounds
from ketaoutcomes.engine.delayed_bootstrap import delayed_bootstrap
from ketaoutcomes.engine.delayed_replicates import SurvivalReplicates
from ketaoutcomes.errors import DataError

INF = np.inf


def daily(n, stream, whole_days=True):
    """Loss with frailty, assessed on two of five days, seen from day 0, 1 or 2 on, for 60 days at most."""
    entry = stream.choice([0.0, 1.0, 2.0], n)
    event = entry + 20 * stream.exponential(1, n) / stream.gamma(2, 0.5, n)
    days = np.arange(1.0, 61)
    if not whole_days:
        days = days + stream.uniform(-0.4, 0.4, (n, 60))
    seen = (stream.random((n, 60)) < 0.4) & (days < stream.exponential(40, n)[:, None])
    left = np.where(seen & (days < event[:, None]), days, 0.0).max(axis=1)
    right = np.where(seen & (days >= event[:, None]), days, INF).min(axis=1)
    left = np.maximum(left, entry)
    return left, np.where(right > left, right, INF), entry


@pytest.mark.parametrize("whole_days", [True, False])
def test_replicates_solved_together_or_one_by_one_give_the_same_curves(whole_days):
    left, right, entry = daily(60, np.random.default_rng(3), whole_days)
    times = np.arange(0.0, 60, 1.7)
    weights = patient_weights(60, 60, 5).astype(float)
    together = SurvivalReplicates(left, right, entry, times)
    assert together.together
    low, high, medians = together.curves(weights)
    for number, weight in enumerate(weights):
        fit = delayed_npmle(left, right, entry, weights=weight)
        for ours, own in zip((low[number], high[number]), survival_bounds(fit, times), strict=True):
            # Replicates are solved to a gap of 1e-9, which is about 1e-5 of survival.
            np.testing.assert_allclose(ours, own, atol=1e-4)
    assert np.isfinite(medians[:, 0]).all()


def test_both_ways_give_the_same_band(monkeypatch):
    left, right, entry = daily(80, np.random.default_rng(4))
    times = np.arange(0.0, 61, 5)
    first = delayed_bootstrap(left, right, entry, times, n_replicates=60, seed=2)
    monkeypatch.setattr("ketaoutcomes.engine.delayed_replicates.LARGEST_TOGETHER", 0)
    second = delayed_bootstrap(left, right, entry, times, n_replicates=60, seed=2)
    np.testing.assert_allclose(first.conf_low, second.conf_low, atol=1e-4)
    np.testing.assert_allclose(first.conf_high, second.conf_high, atol=1e-4)
    assert (first.median_low, first.median_high) == (second.median_low, second.median_high)


def test_entry_at_zero_gives_the_band_without_delay():
    left, right, _ = daily(70, np.random.default_rng(5))
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    times = np.array([3.0, 8.0, 15.0, 30.0])
    plain = npmle_bootstrap(left, right, times, n_replicates=80, seed=9)
    delayed = delayed_bootstrap(left, right, np.zeros(70), times, n_replicates=80, seed=9)
    np.testing.assert_allclose(delayed.conf_low, 1 - plain.conf_high, atol=1e-4)
    np.testing.assert_allclose(delayed.conf_high, 1 - plain.conf_low, atol=1e-4)
    assert (delayed.median_low, delayed.median_high) == (plain.median_low, plain.median_high)


def test_patients_not_rows_are_drawn():
    left, right, entry = daily(40, np.random.default_rng(6))
    single = delayed_bootstrap(left, right, entry, [5, 15], n_replicates=100, seed=1)
    # Each patient four times over is no more information.
    copies = np.tile(np.arange(40), 4)
    four = [np.tile(column, 4) for column in (left, right, entry)]
    clustered = delayed_bootstrap(*four, [5, 15], clusters=copies, n_replicates=100, seed=1)
    as_rows = delayed_bootstrap(*four, [5, 15], n_replicates=100, seed=1)
    width = single.conf_high - single.conf_low
    assert np.all(clustered.conf_high - clustered.conf_low > 0.75 * width)
    # As rows of their own they would halve the width.
    assert np.all(as_rows.conf_high - as_rows.conf_low < 0.75 * width)


def test_constant_weights_change_nothing():
    left, right, entry = daily(50, np.random.default_rng(7))
    plain = delayed_bootstrap(left, right, entry, [5, 15], n_replicates=50, seed=1)
    weighted = delayed_bootstrap(
        left, right, entry, [5, 15], weights=np.full(50, 2.5), n_replicates=50, seed=1
    )
    np.testing.assert_allclose(weighted.conf_low, plain.conf_low, atol=1e-5)


def test_neither_the_order_of_the_rows_nor_the_names_of_patients_matter():
    left, right, entry = daily(50, np.random.default_rng(8))
    order = np.random.default_rng(1).permutation(50)
    first = delayed_bootstrap(left, right, entry, [5, 15], n_replicates=50, seed=1)
    second = delayed_bootstrap(left[order], right[order], entry[order], [5, 15], n_replicates=50, seed=1)
    assert first.conf_low.tolist() == second.conf_low.tolist()
    clusters = np.arange(50) % 17
    first = delayed_bootstrap(left, right, entry, [5], clusters=clusters, n_replicates=50, seed=1)
    second = delayed_bootstrap(
        left[order], right[order], entry[order], [5], clusters=99 - clusters[order], n_replicates=50, seed=1
    )
    np.testing.assert_allclose(first.conf_low, second.conf_low, atol=1e-9)


@pytest.mark.parametrize("together", [0, 90])
def test_a_band_that_starts_later_is_that_of_rows_that_all_enter_then(together, monkeypatch):
    monkeypatch.setattr("ketaoutcomes.engine.delayed_replicates.LARGEST_TOGETHER", together)
    left, right, _ = daily(60, np.random.default_rng(11))
    kept = left >= 2
    left, right = left[kept], right[kept]
    # Seen from day 0 or from day 2 makes no difference to what comes after day 2.
    early = delayed_bootstrap(left, right, 0 * left, [1, 5, 15], given=2, n_replicates=50, seed=1)
    late = delayed_bootstrap(left, right, 0 * left + 2, [1, 5, 15], n_replicates=50, seed=1)
    np.testing.assert_allclose(early.conf_low, late.conf_low, atol=1e-5)
    np.testing.assert_allclose(early.conf_high, late.conf_high, atol=1e-5)
    assert early.conf_low[0] == 1


def test_nobody_lost_gives_the_exact_limit():
    band = delayed_bootstrap([10] * 28, [INF] * 28, [0] * 28, [0, 5, 10, 11], n_replicates=20, seed=1)
    # Clopper-Pearson for 28 of 28: (0.025)^(1/28) = 0.8766.
    assert band.conf_low == pytest.approx([1, 0.025 ** (1 / 28), 0.025 ** (1 / 28), 0], abs=1e-12)
    assert band.conf_high.tolist() == [1, 1, 1, 1]
    assert (band.median_low, band.median_high) == (10, INF)


def test_the_exact_limit_counts_the_fewest_under_observation():
    # 3 patients, and a row more of the first, until day 2; 9 others from day 1 on.
    left, entry = [2] * 4 + [8] * 9, [0] * 4 + [1] * 9
    band = delayed_bootstrap(
        left, [INF] * 13, entry, [1, 8], clusters=[0, 0, 1, 2, *range(3, 12)], n_replicates=20, seed=1
    )
    assert band.conf_low == pytest.approx([0.025 ** (1 / 3)] * 2, abs=1e-12)


def test_everyone_lost_leaves_an_upper_limit_above_zero():
    band = delayed_bootstrap([3] * 10, [4] * 10, [0] * 10, [3, 4, 6], n_replicates=20, seed=1)
    assert band.conf_high == pytest.approx([1, 1 - 0.025**0.1, 1 - 0.025**0.1], abs=1e-9)
    assert band.conf_low[1:].tolist() == [0, 0]


def test_replicates_that_were_not_solved_are_counted(monkeypatch):
    left, right, entry = daily(40, np.random.default_rng(9))
    monkeypatch.setattr("ketaoutcomes.engine.delayed_replicates.LARGEST_GAP", -1.0)
    band = delayed_bootstrap(left, right, entry, [5], n_replicates=12, seed=1)
    assert band.n_failed == 12
    assert np.isnan(band.conf_low).all()
    assert np.isnan(band.median_low)


def test_a_thousand_rows_and_sixty_columns_take_about_a_second():
    left, right, entry = daily(1000, np.random.default_rng(10))
    begin = time.process_time()
    delayed_bootstrap(left, right, entry, np.arange(0.0, 60), n_replicates=400, seed=1)
    # Measured 0.9 s; the limit leaves room for a busy machine.
    assert time.process_time() - begin < 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_replicates": 0}, "at least 1"),
        ({"level": 1.0}, "between 0 and 1"),
        ({"clusters": [1]}, "one value per interval"),
    ],
)
def test_malformed_requests_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        delayed_bootstrap([1, 2], [3, INF], [0, 0], [1], **({"seed": 1} | options))
