"""The curve with delayed entry: closed forms, R, the curve without delay, and an independent certificate."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from ketaoutcomes.engine.delayed import at_risk, delayed_npmle, quantile_interval, survival_bounds
from ketaoutcomes.engine.delayed_solver import maximise_hazards
from ketaoutcomes.engine.interval import cumulative, npmle
from ketaoutcomes.errors import DataError

INF = np.inf
R = json.loads((Path(__file__).resolve().parents[1] / "reference" / "delayed.json").read_text())


def random_rows(seed, most=40):
    """Intervals, exact times, censorings; every third seed on each of three clocks, two of them with ties."""
    stream = np.random.default_rng([7, seed])
    n, clock = int(stream.integers(1, most)), seed % 3
    entry = stream.exponential(6, n) * (stream.random(n) < 0.7)
    left = entry + stream.exponential(8, n) * (stream.random(n) < 0.85)
    right = left + stream.exponential(5, n)
    if clock:
        entry, left, right = (np.floor(column / clock) for column in (entry, left, right))
    right = np.where(stream.random(n) < 0.35, INF, right)
    right = np.where((stream.random(n) < 0.3) & (left > entry) & (seed % 2 == 1), left, right)
    right = np.where((left == right) & (left <= entry), right + 1, right)
    return left, right, entry, stream.integers(1, 4, n).astype(float)


def everywhere(left, right):
    """All ends and a time just behind each."""
    ends = np.unique(np.concatenate([left, right[np.isfinite(right)]]))
    return np.sort(np.concatenate([ends, ends + 0.01]))


def inside(left, right, places):
    """Whether each place lies in the row's interval, by comparing times, (places, rows)."""
    places = places[:, None]
    return np.where(left == right, places == left, (places > left) & (places <= right))


def check_optimal(left, right, entry, weights, fit):
    """Certificate made without ranks or cumulative sums, at every possible place of a fall.

    With x_i the hazard in row i and u_i = 1 / (exp(x_i) - 1), the maximum is reached if at
    every time t the rows around it ask for no more, sum_i w_i u_i, than the weight known to
    have passed t, and for just as much where there is hazard.
    """
    event = np.isfinite(right)
    ends = np.unique(np.concatenate([left, entry, right[event]]))
    places = np.sort(np.concatenate([ends, (ends[1:] + ends[:-1]) / 2]))
    # A fall stands at its interval's end, for single points and ranges alike.
    finite = np.isfinite(fit.right)
    stands_at, hazard = fit.right[finite], fit.hazard[finite]
    holds = inside(left[event], right[event], stands_at).astype(float)
    # A row with a column of infinite hazard has the event for sure, and asks for nothing more.
    live = ~(holds[np.isinf(hazard)] > 0).any(axis=0)
    x = np.where(np.isinf(hazard), 0.0, hazard) @ holds
    u = np.where(live, 1.0 / np.expm1(np.where(live, x, 1.0)), 0.0)
    passed = (places[:, None] > entry) & np.where(
        left == right, places[:, None] < left, places[:, None] <= left
    )
    spare = passed @ weights - inside(left[event], right[event], places) @ (weights[event] * u)
    assert spare.min() > -1e-7 * weights.sum()
    passed = (stands_at[:, None] > entry) & np.where(
        left == right, stands_at[:, None] < left, stands_at[:, None] <= left
    )
    held = np.isfinite(hazard) & (hazard > 0)
    spare = passed @ weights - holds @ (weights[event] * u)
    assert np.abs(spare[held] * hazard[held]).max(initial=0) < 1e-7
    finite_hazard = np.where(np.isinf(hazard), 0.0, hazard)
    value = weights[event][live] @ np.log(-np.expm1(-x[live])) - (passed @ weights) @ finite_hazard
    assert fit.log_likelihood == pytest.approx(value, abs=1e-9 * weights.sum())


# --- closed forms


def test_a_row_that_enters_late_counts_only_from_there():
    # 1 of the 2 at risk in (0, 1] has the event, then 1 of the 3 at risk in (2, 3].
    fit = delayed_npmle([0, 2, 4, 4], [1, 3, INF, INF], [0, 1.5, 0, 1.5])
    _, high = survival_bounds(fit, [1, 3])
    assert high == pytest.approx([1 / 2, 1 / 2 * 2 / 3], abs=1e-12)
    # Counted from time 0 the same rows say 3/4 and 1/2.
    _, naive = survival_bounds(delayed_npmle([0, 2, 4, 4], [1, 3, INF, INF], [0] * 4), [1, 3])
    assert naive == pytest.approx([3 / 4, 1 / 2], abs=1e-12)


def test_an_entry_at_the_time_of_an_event_is_not_at_risk_for_it():
    fit = delayed_npmle([2, 5, 6], [2, INF, INF], [0, 0, 2])
    assert survival_bounds(fit, 2)[1] == pytest.approx(1 / 2, abs=1e-12)


def test_a_row_still_seen_at_the_time_of_an_event_is_at_risk_for_it():
    fit = delayed_npmle([2, 2, 6], [2, INF, INF], [0, 0, 0])
    assert survival_bounds(fit, 2)[1] == pytest.approx(2 / 3, abs=1e-12)


def test_the_curve_falls_to_zero_where_all_at_risk_have_the_event_and_stays_there():
    fit = delayed_npmle([0, 4, 8], [2, 6, INF], [0, 3, 3])
    assert fit.hazard[0] == INF
    low, high = survival_bounds(fit, [0, 2, 5, 9])
    assert low.tolist() == [1, 0, 0, 0]
    assert high.tolist() == [1, 0, 0, 0]
    # The later rows still tell their hazard: 1 of 2.
    assert fit.hazard[np.isfinite(fit.hazard)] == pytest.approx([np.log(2)], abs=1e-9)
    assert fit.log_likelihood == pytest.approx(2 * np.log(0.5), abs=1e-9)


def test_a_fall_to_zero_by_the_first_to_enter_is_told_and_a_later_start_leaves_it_out():
    # The first row is lost before anyone else has entered, so that all at risk were lost.
    rows = ([0, 2, 8, 8, 8], [3, 4, INF, INF, INF], [0, 1, 1, 1, 1])
    fit = delayed_npmle(*rows)
    assert survival_bounds(fit, 8)[1] == 0
    assert fit.n_beyond_zero == 4
    later = delayed_npmle(*rows, given=1)
    assert (later.given, later.first_entry, later.n_beyond_zero) == (1, 0, 0)
    # 1 of the 4 known to be at risk from 2 on.
    assert survival_bounds(later, [1, 2, 4, 8])[1] == pytest.approx([1, 1, 0.75, 0.75], abs=1e-9)
    assert later.log_likelihood == fit.log_likelihood


def test_a_curve_started_later_is_the_whole_curve_over_its_value_there():
    left, right, entry, weights = random_rows(3)
    whole = delayed_npmle(left, right, entry, weights=weights)
    start = float(np.median(entry[entry > 0]))
    later = delayed_npmle(left, right, entry, weights=weights, given=start)
    # Some interval ends between the start and each of these times, and none lies across the start.
    assert not ((whole.left < start) & (whole.right > start) & (whole.hazard > 0)).any()
    times = start + np.arange(0.5, 8)
    expected = survival_bounds(whole, times)[1] / survival_bounds(whole, start)[1]
    np.testing.assert_allclose(survival_bounds(later, times)[1], expected, atol=1e-9)
    assert survival_bounds(later, start)[1] == 1


def test_a_fall_is_known_at_the_ends_of_its_interval_and_not_between():
    fit = delayed_npmle([2, 7, 7, 7], [5, INF, INF, INF], [1] * 4)
    low, high = survival_bounds(fit, [0, 1, 2, 3, 5, 7, 8])
    assert high == pytest.approx([1, 1, 1, 1, 0.75, 0.75, 0.75], abs=1e-9)
    assert low == pytest.approx([1, 1, 1, 0.75, 0.75, 0.75, 0], abs=1e-9)
    assert quantile_interval(fit, 0.25) == (2, 5)
    assert quantile_interval(fit, 0.5) == (7, INF)
    assert fit.first_entry == 1


def test_rows_that_end_at_their_entry_say_nothing():
    plain = delayed_npmle([2, 7], [5, INF], [0, 0])
    more = delayed_npmle([2, 7, 3, 1], [5, INF, INF, INF], [0, 0, 3, 1])
    assert more.hazard.tolist() == plain.hazard.tolist()
    alone = delayed_npmle([4], [INF], [4])
    assert survival_bounds(alone, [4, 5])[0].tolist() == [1, 0]
    assert (alone.log_likelihood, alone.converged) == (0, True)


def test_a_span_in_which_nobody_is_observed_is_told():
    fit = delayed_npmle([1, 9, 9], [2, INF, INF], [0, 0, 5])
    assert fit.unobserved.shape == (0, 2)
    fit = delayed_npmle([1, 2, 6, 8], [2, INF, 7, INF], [0, 0, 5, 5])
    assert fit.unobserved.tolist() == [[2, 5]]
    assert not fit.unique
    # Flat over the span by convention: 1/2, then 1 of 2 again.
    assert survival_bounds(fit, [2, 5, 7])[1] == pytest.approx([0.5, 0.5, 0.25], abs=1e-9)


def test_number_under_observation_counts_those_who_entered_and_are_not_gone():
    n = at_risk([2, 5, 4], [3, INF, 4], [0, 1, 2], [0, 0.5, 1, 2, 3, 3.5, 4, 4.5, 5, 6])
    assert n.tolist() == [1, 1, 2, 3, 3, 2, 2, 1, 1, 0]
    assert at_risk([2], [3], [0], [1], weights=[2.5]).tolist() == [2.5]


# --- R


@pytest.mark.parametrize("name", ["myeloma", "ties", "falls_to_zero", "entry_at_event"])
def test_exact_times_give_the_left_truncated_product_limit_of_r(name):
    # tests/reference/delayed.R: survfit(Surv(entry, time, event)), survival 3.5-3.
    answer = {key: np.asarray(value, float) for key, value in R[name].items()}
    right = np.where(answer["event"] > 0, answer["time"], INF)
    fit = delayed_npmle(answer["time"], right, answer["entry"])
    _, high = survival_bounds(fit, answer["at"])
    np.testing.assert_allclose(high, answer["survival"], atol=1e-9)


def test_number_under_observation_at_times_of_events_is_that_of_r():
    # No row of this example enters at the time of an event, where the two count differently.
    answer = {key: np.asarray(value, float) for key, value in R["falls_to_zero"].items()}
    right = np.where(answer["event"] > 0, answer["time"], INF)
    times = answer["at"]
    assert at_risk(answer["time"], right, answer["entry"], times).tolist() == answer["n_at_risk"].tolist()


# --- without delay


def same_as_without_delay(left, right, weights=None):
    plain = npmle(left, right, weights=weights)
    delayed = delayed_npmle(left, right, np.zeros(len(left)), weights=weights)
    times = everywhere(left, right)
    low, high = survival_bounds(delayed, times)
    below, above = cumulative(plain, times)
    np.testing.assert_allclose(1 - high, below, atol=1e-7)
    np.testing.assert_allclose(1 - low, above, atol=1e-7)
    assert delayed.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)
    assert delayed.unique


@pytest.mark.parametrize("treatment", ["Rad", "RadChem", None])
def test_entry_at_zero_gives_the_breast_cosmesis_curve(shared, treatment):
    with (shared / "data" / "interval_censored" / "bcos.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if treatment in (None, row["treatment"])]
    same_as_without_delay(
        np.array([float(row["left"]) for row in rows]), np.array([float(row["right"]) for row in rows])
    )


@pytest.mark.parametrize("seed", range(60))
def test_entry_at_zero_gives_the_curve_without_delay(seed):
    left, right, _, weights = random_rows(seed)
    # An exact time at 0 cannot come after an entry at 0.
    left, right = left + 1, right + 1
    same_as_without_delay(left, right, weights)


# --- the certificate


def test_every_kind_of_small_data_is_at_the_maximum():
    for seed in range(150):
        left, right, entry, weights = random_rows(seed)
        fit = delayed_npmle(left, right, entry, weights=weights)
        assert fit.converged
        assert fit.gap < 1e-8
        check_optimal(left, right, entry, weights, fit)


@pytest.mark.parametrize("seed", range(12))
def test_a_general_optimiser_finds_nothing_better(seed):
    left, right, entry, weights = random_rows(1000 + seed, most=9)
    fit = delayed_npmle(left, right, entry, weights=weights)
    places = everywhere(left, right)
    places = np.sort(np.concatenate([places, entry + 0.005, [places.max() + 1]]))

    def missing(log_odds):
        mass = np.exp(log_odds - log_odds.max())
        mass /= mass.sum()
        upper = np.where(np.isinf(right), places.max(), right)
        has = inside(left, upper, places)
        later = places[:, None] > entry
        return -(weights @ (np.log(mass @ has + 1e-300) - np.log(mass @ later + 1e-300)))

    best = min(
        minimize(missing, np.random.default_rng([seed, k]).normal(size=len(places)), method="L-BFGS-B").fun
        for k in range(3)
    )
    assert -best <= fit.log_likelihood + fit.gap + 1e-9
    # The optimiser comes near, so that this comparison could fail.
    assert -best > fit.log_likelihood - 0.05


def test_the_bound_bounds_hazards_that_are_far_from_the_maximum():
    # A solver stopped early must not claim more than it has: compared with the finished one.
    first, stop = np.array([0, 1, 0, 2]), np.array([2, 3, 3, 3])
    weights, cost = np.array([1.0, 2.0, 1.0, 3.0]), np.array([6.0, 4.0, 2.0])

    def value(hazard):
        sums = np.array([hazard[a:b].sum() for a, b in zip(first, stop, strict=True)])
        return weights @ np.log(-np.expm1(-sums)) - cost @ hazard

    best, gap, _, _ = maximise_hazards(first, stop, weights, cost)
    assert gap < 1e-8
    rough, rough_gap, _, _ = maximise_hazards(first, stop, weights, cost, tolerance=10.0)
    assert value(best) - value(rough) <= rough_gap + 1e-12
    for seed in range(50):
        assert value(np.random.default_rng(seed).exponential(1, 3)) <= value(best) + gap


# --- what must not matter


@pytest.mark.parametrize("seed", range(40))
def test_a_row_cut_in_two_at_any_time_while_without_the_event_changes_nothing(seed):
    left, right, entry, weights = random_rows(seed)
    fit = delayed_npmle(left, right, entry, weights=weights)
    cut = entry + (left - entry) * np.random.default_rng([8, seed]).random(len(left))
    cut = np.floor(cut) if seed % 3 else cut
    some = (cut > entry) & ((cut < left) | ((cut == left) & (left != right)))
    pieces = delayed_npmle(
        np.concatenate([left, cut[some]]),
        np.concatenate([right, np.full(some.sum(), INF)]),
        np.concatenate([np.where(some, cut, entry), entry[some]]),
        weights=np.concatenate([weights, weights[some]]),
    )
    times = everywhere(np.concatenate([left, cut]), right)
    for whole, cut_up in zip(survival_bounds(fit, times), survival_bounds(pieces, times), strict=True):
        np.testing.assert_allclose(cut_up, whole, atol=1e-7)
    assert pieces.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-8)


@pytest.mark.parametrize("seed", range(15))
def test_weights_are_repeated_rows_and_neither_order_nor_unit_matters(seed):
    left, right, entry, weights = random_rows(seed)
    fit = delayed_npmle(left, right, entry, weights=weights)
    order = np.random.default_rng(seed).permutation(int(weights.sum()))
    rows = np.repeat(np.arange(len(left)), weights.astype(int))[order]
    other = delayed_npmle(24 * left[rows], 24 * right[rows], 24 * entry[rows])
    assert other.n == fit.n
    assert delayed_npmle([*left, 0], [*right, 1], [*entry, 0], weights=[*weights, 0]).gap == fit.gap
    np.testing.assert_allclose(other.left, 24 * fit.left, rtol=1e-12)
    if fit.unique:
        np.testing.assert_allclose(other.survival_after, fit.survival_after, atol=1e-9)
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-8)


def test_hazards_that_are_not_told_apart_are_flagged():
    # Two steps over which nobody is known to pass; the event in (0, 9] may lie in either.
    either = delayed_npmle([0, 4], [9, 6], [0, 2])
    assert np.isinf(either.hazard).sum() == 2
    assert not either.unique
    assert delayed_npmle([0, 4, 0], [9, 6, 1], [0, 2, 0]).unique


# --- size


def clinic(n, stream, whole_days=True):
    """Loss with frailty, assessments on some days, entry at the first of them."""
    event = 60 * stream.exponential(1, n) / stream.gamma(2, 0.5, n)
    entry = stream.choice([0.0, 1.0, 2.0, 5.0], n)
    event = entry + event
    days = np.arange(1, 241) * 1.0
    if not whole_days:
        days = days + stream.uniform(-0.5, 0.5, len(days))
    seen = stream.random((n, len(days))) < 0.1
    seen &= days < stream.exponential(120, n)[:, None]
    left = np.where(seen & (days < event[:, None]), days, 0.0).max(axis=1)
    right = np.where(seen & (days >= event[:, None]), days, INF).min(axis=1)
    return np.maximum(left, entry), np.where(right > entry, right, INF), entry


def test_twenty_thousand_rows_reach_the_certificate_in_a_second():
    left, right, entry = clinic(20_000, np.random.default_rng(1))
    begin = time.process_time()
    fit = delayed_npmle(left, right, entry)
    # Measured 0.1 s; the limit leaves room for a busy machine.
    assert time.process_time() - begin < 1.5
    assert len(fit.hazard) > 150
    assert fit.gap < 1e-8


def test_working_on_few_columns_gives_the_same_curve_as_working_on_all(monkeypatch):
    left, right, entry = clinic(3000, np.random.default_rng(2), whole_days=False)
    whole = delayed_npmle(left, right, entry)
    monkeypatch.setattr("ketaoutcomes.engine.delayed_solver.LARGEST_WHOLE", 20)
    parts = delayed_npmle(left, right, entry)
    assert parts.gap < 1e-8
    np.testing.assert_allclose(parts.survival_after, whole.survival_after, atol=1e-7)


def test_very_unequal_weights_reach_the_certificate():
    for seed in range(30):
        left, right, entry, _ = random_rows(seed)
        weights = np.random.default_rng(seed).choice([1e-3, 1.0, 1e4], len(left))
        assert delayed_npmle(left, right, entry, weights=weights).converged


# --- malformed input


@pytest.mark.parametrize(
    ("left", "right", "entry", "message"),
    [
        ([1], [2], [1.5], "after the left end"),
        ([2], [2], [2], "not before the exact time"),
        ([1], [2], [-1], "negative"),
        ([1], [2], [np.nan], "missing or infinite"),
        ([1, 2], [2, 3], [0], "one time per interval"),
        ([3], [2], [0], "before the left end"),
        ([], [], [], "no intervals"),
    ],
)
def test_malformed_rows_are_refused(left, right, entry, message):
    with pytest.raises(DataError, match=message):
        delayed_npmle(left, right, entry)


def test_a_probability_outside_zero_to_one_is_refused():
    with pytest.raises(DataError, match="between 0 and 1"):
        quantile_interval(delayed_npmle([1], [2], [0]), 1.0)
