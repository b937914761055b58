"""Weights against sessions that end episodes: closed forms, positivity, and what the engine refuses."""

from __future__ import annotations

import numpy as np
import pytest

from ketaoutcomes.engine.censoring_weights import censoring_weights, person_periods
from ketaoutcomes.engine.delayed import delayed_npmle, survival_bounds
from ketaoutcomes.engine.weighted_durability import (
    AssessmentRows,
    _numbered_patients,
    assessment_rows,
    weighted_durability,
)
from ketaoutcomes.errors import DataError

INF = np.inf


def two_groups():
    """40 episodes without and 40 with a covariate: 10 and 30 have a session in bin 0, 10 and 5 in bin 1."""
    group = np.repeat([0, 1], 40)
    first = np.concatenate([np.arange(40) < 10, np.arange(40) < 30])
    second = np.concatenate([np.arange(40) < 20, np.arange(40) < 35])
    goes_on = np.flatnonzero(~first)
    episode = np.concatenate([np.arange(80), goes_on])
    bin = np.concatenate([np.zeros(80, int), np.ones(len(goes_on), int)])
    event = np.concatenate([first, second[goes_on]])
    cell = 2 * bin + group[episode]
    # One indicator per bin and group, and one per bin: the models are then shares of the table.
    history, numerator = np.eye(4)[cell], np.eye(2)[bin]
    return episode, bin, group[episode], history, numerator, event


def periods_of(episode, bin, history, numerator, event, patient=None):
    patient = episode if patient is None else patient
    return person_periods(episode, patient, bin=bin, history=history, numerator=numerator, event=event)


def test_weights_are_products_of_the_shares_that_go_on():
    episode, bin, group, history, numerator, event = two_groups()
    weights = censoring_weights(periods_of(episode, bin, history, numerator, event), truncate=(0, 100))
    # Bin 0: 40 of 80 go on, 30 of 40 and 10 of 40 by group. Bin 1: 25 of 40; 20 of 30 and 5 of 10.
    zero, one = 0.5 / np.array([0.75, 0.25]), 0.625 / np.array([2 / 3, 0.5])
    expected = np.where(bin == 0, zero[group], (zero * one)[group])
    np.testing.assert_allclose(weights.weight, expected, rtol=1e-8)
    shares = np.array([[0.75, 0.25], [2 / 3, 0.5]])
    np.testing.assert_allclose(weights.no_session, shares[bin, group], rtol=1e-8)
    # Of the 40 that pass bin 0, 30 weigh 2/3 and 10 weigh 2: a mean of 1.
    passed = (bin == 0) & ~event
    assert weights.weight[passed].mean() == pytest.approx(1, abs=1e-8)
    assert weights.effective_n_by_bin[0] == pytest.approx(40**2 / (30 * 4 / 9 + 10 * 4), abs=1e-6)
    assert weights.usable
    assert (weights.high, weights.low) == (
        pytest.approx(zero[1] * one[1], abs=1e-7),
        pytest.approx((zero * one)[0], abs=1e-7),
    )


def test_the_order_of_rows_and_the_names_of_episodes_do_not_matter():
    episode, bin, _, history, numerator, event = two_groups()
    plain = censoring_weights(periods_of(episode, bin, history, numerator, event))
    order = np.random.default_rng(1).permutation(len(bin))
    names = np.array([f"e{number:03d}" for number in 79 - episode])
    mixed = periods_of(names[order], bin[order], history[order], numerator[order], event[order])
    np.testing.assert_allclose(censoring_weights(mixed).weight, plain.weight[order], rtol=1e-9)


def test_multiplicities_are_repeated_patients():
    episode, bin, _, history, numerator, event = two_groups()
    counts = np.random.default_rng(2).integers(0, 3, 80)
    weighted = censoring_weights(
        periods_of(episode, bin, history, numerator, event), multiplicity=counts[episode], truncate=(5, 95)
    )
    rows = np.repeat(np.arange(len(bin)), counts[episode])
    copy = np.concatenate([np.arange(count) for count in counts[episode]])
    again = periods_of(episode[rows] * 10 + copy, bin[rows], history[rows], numerator[rows], event[rows])
    repeated = censoring_weights(again, truncate=(5, 95))
    np.testing.assert_allclose(weighted.weight[rows], repeated.weight, rtol=1e-9)
    assert weighted.effective_n == pytest.approx(repeated.effective_n, rel=1e-9)
    assert weighted.share_hardly_any == pytest.approx(repeated.share_hardly_any, abs=1e-12)


def test_truncation_cuts_to_the_percentiles_and_tells_the_largest():
    stream = np.random.default_rng(3)
    x = stream.normal(size=500)
    event = stream.random(500) < 1 / (1 + np.exp(1 - 1.5 * x))
    periods = periods_of(
        np.arange(500), np.zeros(500, int), np.column_stack([np.ones(500), x]), np.ones((500, 1)), event
    )
    whole, cut = censoring_weights(periods, truncate=(0, 100)), censoring_weights(periods)
    assert cut.weight.max() == pytest.approx(np.percentile(whole.weight, 99), rel=1e-12)
    assert cut.weight.min() == pytest.approx(np.percentile(whole.weight, 1), rel=1e-12)
    assert cut.largest_before_truncation == whole.weight.max()
    assert cut.effective_n > whole.effective_n


def test_sessions_that_have_nothing_to_do_with_history_leave_all_weights_near_one():
    stream = np.random.default_rng(4)
    x = stream.normal(size=4000)
    event = stream.random(4000) < 0.2
    weights = censoring_weights(
        periods_of(
            np.arange(4000),
            np.zeros(4000, int),
            np.column_stack([np.ones(4000), x]),
            np.ones((4000, 1)),
            event,
        )
    )
    # The coefficient's standard error is 0.04, which moves a probability of 0.2 by 0.006 per unit.
    assert np.abs(weights.weight - 1).max() < 0.06
    assert weights.mean == pytest.approx(1, abs=0.01)


def test_a_session_that_always_comes_on_the_same_day_fails_positivity():
    # 60 episodes of seven bins, all with the session in bin 6; some lost before.
    length = np.where(np.arange(60) < 50, 7, 3)
    episode = np.repeat(np.arange(60), length)
    bin = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    event = bin == 6
    history = np.column_stack([np.ones(len(bin)), bin, np.random.default_rng(5).normal(size=len(bin))])
    weights = censoring_weights(periods_of(episode, bin, history, history[:, :2], event))
    assert weights.positivity_fails
    assert weights.separated
    assert not weights.usable
    # 50 of 50 * 7 + 10 * 3 bins.
    assert weights.share_hardly_any == pytest.approx(50 / 380, abs=1e-12)


def test_an_hour_at_which_hardly_anyone_goes_on_fails_positivity_without_separation():
    event = np.concatenate([np.arange(200) < 199, np.arange(800) < 100])
    history = np.column_stack([np.ones(1000), np.arange(1000) < 200])
    weights = censoring_weights(
        periods_of(np.arange(1000), np.zeros(1000, int), history, np.ones((1000, 1)), event)
    )
    assert not weights.separated
    assert weights.share_hardly_any == pytest.approx(0.2, abs=1e-12)
    assert weights.positivity_fails


# --- rows and curve


def test_assessments_become_rows_from_each_to_the_next_up_to_the_loss():
    rows = assessment_rows([1, 0, 0, 0, 0], [4, 5, 2, 9, 11], lost=[0, 0, 0, 1, 1], entry=[1.5, 1, 1, 1, 1])
    assert rows.episode.tolist() == [0, 0, 0, 1]
    assert rows.entry.tolist() == [1, 2, 5, 1.5]
    assert rows.left.tolist() == [2, 5, 5, 4]
    assert rows.right.tolist() == [INF, INF, 9, INF]


def test_rounded_times_keep_a_loss_after_the_assessment_before():
    rows = assessment_rows([0, 0], [1.1, 1.2], lost=[0, 1], entry=[0, 0], resolution=0.5)
    assert (rows.entry.tolist(), rows.left.tolist(), rows.right.tolist()) == ([0, 1], [1, 1], [INF, 1.5])


def small_study(seed=6, n=60):
    """Daily assessments; loss and session chances of 0.1 and 0.15 a day."""
    stream = np.random.default_rng(seed)
    lost, booked = stream.geometric(0.1, n), stream.geometric(0.15, n) - 1
    last = np.minimum(np.minimum(lost, booked), 20)
    n_bins = np.minimum(np.minimum(lost - 1, booked), 19) + 1
    episode = np.repeat(np.arange(n), n_bins)
    bin = np.arange(n_bins.sum()) - np.repeat(np.cumsum(n_bins) - n_bins, n_bins)
    x = np.column_stack([np.ones(len(bin)), stream.normal(size=len(bin))])
    periods = periods_of(episode, bin, x, x[:, :1], bin == booked[episode], patient=episode // 2)
    seen = np.repeat(np.arange(n), last)
    day = 1.0 + np.arange(last.sum()) - np.repeat(np.cumsum(last) - last, last)
    return assessment_rows(seen, day, lost=day == lost[seen], entry=np.zeros(len(seen))), periods


def test_rows_take_the_weight_of_their_end():
    rows, periods = small_study()
    before = weighted_durability(rows, periods, [5], bin_width=1, n_replicates=0)
    after = weighted_durability(rows, periods, [5], bin_width=1, n_replicates=0, assessed="after")
    end = np.where(np.isinf(rows.right), rows.left, rows.right)
    for fit, lag in ((before, 1), (after, 0)):
        for number in range(0, len(end), 7):
            own = (periods.episode == rows.episode[number]) & (periods.bin <= end[number] - lag)
            expected = fit.weights.weight[np.flatnonzero(own)[-1]]
            assert fit.row_weight[number] == expected
    assert before.band is None


def test_an_assessment_before_the_first_bin_weighs_one():
    rows, periods = small_study()
    late = person_periods(
        periods.episode,
        periods.patient,
        bin=periods.bin + 30,
        history=periods.history,
        numerator=periods.numerator,
        event=periods.event,
    )
    fit = weighted_durability(rows, late, [5], bin_width=1, n_replicates=0)
    assert set(fit.row_weight) == {1.0}
    np.testing.assert_allclose(fit.curve.survival_after, fit.unweighted.survival_after, atol=1e-9)


def test_the_weighted_curve_is_a_weighted_product_of_daily_shares():
    rows, periods = small_study()
    fit = weighted_durability(rows, periods, [5], bin_width=1, n_replicates=0)
    expected = 1.0
    for day in range(1, 11):
        here = rows.entry == day - 1
        weight, lost = fit.row_weight[here], np.isfinite(rows.right[here])
        expected *= 1 - weight[lost].sum() / weight.sum()
        assert survival_bounds(fit.curve, day)[1] == pytest.approx(expected, abs=1e-8)


def test_a_replicate_refits_both_models_and_the_curve():
    rows, periods = small_study(n=40)
    fit = weighted_durability(rows, periods, [2.0, 3.0], bin_width=1, n_replicates=40, seed=3)
    # Patients are numbered by what is known of them, so that names do not matter.
    number_of = np.zeros(20, int)
    patient_of = np.zeros(40, int)
    patient_of[periods.episode] = periods.patient
    number_of[periods.patient] = _numbered_patients(rows, periods, patient_of[rows.episode])[1].patient
    curves = []
    for number in range(40):
        stream = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(number,)))
        counts = np.bincount(stream.integers(0, 20, 20), minlength=20)[number_of]
        weights = censoring_weights(periods, multiplicity=counts[periods.patient])
        place = [
            np.flatnonzero((periods.episode == episode) & (periods.bin < end))[-1]
            for episode, end in zip(
                rows.episode, np.where(np.isinf(rows.right), rows.left, rows.right), strict=True
            )
        ]
        row_weight = weights.weight[place] * counts[rows.episode // 2]
        curve = delayed_npmle(rows.left, rows.right, rows.entry, weights=row_weight)
        curves.append(survival_bounds(curve, [2.0, 3.0])[0])
    np.testing.assert_allclose(fit.band.conf_low, np.quantile(curves, 0.025, axis=0), atol=1e-5)
    assert fit.band.n_failed == 0


def test_a_band_depends_neither_on_the_order_of_rows_nor_on_names():
    rows, periods = small_study()
    plain = weighted_durability(rows, periods, [2.0, 3.0], bin_width=1, n_replicates=40, seed=3)
    stream = np.random.default_rng(1)
    order, mixed = stream.permutation(len(periods.bin)), stream.permutation(len(rows.left))
    renamed = person_periods(
        59 - periods.episode[order],
        99 - periods.patient[order],
        bin=periods.bin[order],
        history=periods.history[order],
        numerator=periods.numerator[order],
        event=periods.event[order],
    )
    again = AssessmentRows(59 - rows.episode[mixed], rows.entry[mixed], rows.left[mixed], rows.right[mixed])
    other = weighted_durability(again, renamed, [2.0, 3.0], bin_width=1, n_replicates=40, seed=3)
    np.testing.assert_allclose(other.band.conf_low, plain.band.conf_low, atol=1e-6)
    np.testing.assert_allclose(other.band.conf_high, plain.band.conf_high, atol=1e-6)


def test_there_are_no_limits_where_fewer_than_ten_episodes_are_left():
    rows, periods = small_study()
    fit = weighted_durability(rows, periods, np.arange(21.0), bin_width=1, n_replicates=30, seed=1)
    few = fit.weights.bins[fit.weights.effective_n_by_bin < 10].min()
    assert few < 20
    assert np.isfinite(fit.band.conf_low[:few]).all()
    assert np.isnan(fit.band.conf_low[few:]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bin": [0, 0, 0]}, "same bin twice"),
        ({"patient": [0, 1, 2]}, "two patients"),
        ({"event": [1, 0, 0]}, "goes on after its session"),
        ({"bin": [0, 1]}, "one value per row"),
    ],
)
def test_malformed_person_periods_are_refused(change, message):
    given = {
        "episode": [0, 0, 1],
        "patient": [0, 0, 0],
        "bin": [0, 1, 0],
        "history": np.ones((3, 1)),
        "numerator": np.ones((3, 1)),
        "event": [0, 1, 0],
    } | change
    with pytest.raises(DataError, match=message):
        person_periods(given.pop("episode"), given.pop("patient"), **given)


def test_malformed_requests_are_refused():
    rows, periods = small_study()
    with pytest.raises(DataError, match="rising percentiles"):
        censoring_weights(periods, truncate=(99, 1))
    with pytest.raises(DataError, match='"before" or "after"'):
        weighted_durability(rows, periods, [5], bin_width=1, assessed="during")
    with pytest.raises(DataError, match="no time or come before"):
        assessment_rows([0], [1.0], lost=[0], entry=[2.0])
    with pytest.raises(DataError, match="not among the person-periods"):
        weighted_durability(assessment_rows([999], [1.0], lost=[0], entry=[0.0]), periods, [5], bin_width=1)
