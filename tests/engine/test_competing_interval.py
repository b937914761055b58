"""Incidence of competing causes known only to lie in intervals: against what it must equal, and truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from ketaoutcomes.engine.competing_bootstrap import incidence_bootstrap
from ketaoutcomes.engine.competing_interval import incidence_at, interval_incidence
from ketaoutcomes.engine.interval import cumulative, npmle
from ketaoutcomes.engine.rates import clopper_pearson
from ketaoutcomes.errors import DataError


def clinic(n, seed, *, grid=1.0, state_known=True):
    """Causes at rates .03 and .02 a day; assessed about weekly, and at the second cause if `state_known`."""
    stream = np.random.default_rng(seed)
    first, second = stream.exponential(1 / 0.03, n), stream.exponential(1 / 0.02, n)
    end = stream.uniform(20, 90, n)
    visits = np.cumsum(stream.exponential(7, (n, 25)), axis=1)
    if grid:
        visits, second, end = (np.ceil(time / grid) * grid for time in (visits, second, end))
    last = np.minimum(second, end)
    visits = np.where(visits <= last[:, None], visits, np.nan)
    if state_known:
        visits = np.column_stack([visits, np.where(second <= end, second, np.nan)])
    before, after = visits < first[:, None], visits >= first[:, None]
    left = np.nanmax(np.where(before, visits, 0.0), axis=1)
    right = np.nanmin(np.where(after, visits, np.inf), axis=1)
    cause = np.where(np.isfinite(right), 0, np.where(second <= end, 1, -1))
    return np.where(cause == 1, second, left), np.where(cause == 1, second, right), cause


def test_one_cause_gives_the_curve_of_a_single_event():
    left, right, cause = clinic(300, 1)
    left, right, cause = (
        np.where(cause == 1, 0, left),
        np.where(cause == 0, right, np.inf),
        np.minimum(cause, 0),
    )
    cause = np.where(np.isfinite(right), 0, -1)
    fit, single = interval_incidence(left, right, cause, n_causes=1), npmle(left, right)
    assert fit.log_likelihood == pytest.approx(single.log_likelihood, abs=2e-8)  # twice the certificate
    times = np.arange(0.0, 60.0)
    # Masses are good to about the square root of the certificate over n.
    np.testing.assert_allclose(incidence_at(fit, 0, times), cumulative(single, times), atol=1e-6)


def test_exactly_known_times_give_the_aalen_johansen_estimate():
    stream = np.random.default_rng(5)
    n = 200
    time = np.ceil(stream.exponential(10, n))
    cause = stream.choice([-1, 0, 1], n)
    fit = interval_incidence(time, time, cause, n_causes=2)
    free, incidence = 1.0, np.zeros(2)
    for moment in np.unique(time):
        # Someone last seen at that moment was seen after its events.
        at_risk = (time > moment).sum() + (time == moment).sum()
        events = np.array([((time == moment) & (cause == k)).sum() for k in (0, 1)])
        incidence = incidence + free * events / at_risk
        free *= 1 - events.sum() / at_risk
        for k in (0, 1):
            low, high = incidence_at(fit, k, [moment])
            assert low[0] == pytest.approx(incidence[k], abs=1e-6)
            assert high[0] == low[0]
    assert fit.gap < 1e-8


def test_no_other_masses_have_a_larger_likelihood():
    left, right, cause = clinic(25, 3, grid=5.0, state_known=False)
    fit = interval_incidence(left, right, cause, n_causes=2)
    ends = [(k, a, b) for k, a, b in zip(fit.cause, fit.left, fit.right, strict=True)]

    def member(row, column):
        if column is None:
            return cause[row] < 0
        k, a, b = column
        if cause[row] < 0:
            return a >= left[row] and b > left[row]
        exact = left[row] == right[row]
        inside = (
            (a, b) == (left[row], right[row])
            if exact
            else (a >= left[row] and b <= right[row] and b > left[row])
        )
        return cause[row] == k and inside

    holds = np.array([[member(row, column) for column in [*ends, None]] for row in range(25)], float)
    best = min(
        minimize(lambda p: -np.log(holds @ softmax(p) + 1e-300).sum(), start, method="BFGS").fun
        for start in np.random.default_rng(0).normal(0, 1, (3, len(ends) + 1))
    )
    assert fit.log_likelihood >= -best - 1e-8
    assert fit.log_likelihood == pytest.approx(-best, abs=1e-4)  # BFGS only nears masses of 0


@pytest.mark.parametrize("n", [30, 240, 3000])
def test_the_certificate_is_below_1e_8_on_whole_days(n):
    for seed in range(5):
        fit = interval_incidence(*clinic(n, seed), n_causes=2)
        assert fit.converged
        assert fit.gap < 1e-8
        assert fit.mass.sum() + fit.beyond == pytest.approx(1.0, abs=1e-12)


def test_weights_stand_for_repeated_rows_and_order_and_unit_do_not_matter():
    left, right, cause = clinic(80, 9)
    times = np.array([7.0, 14.0, 28.0])
    twice = interval_incidence(*(np.repeat(part, 2) for part in (left, right, cause)), n_causes=2)
    weighted = interval_incidence(left, right, cause, n_causes=2, weights=np.full(80, 2.0))
    shuffled = np.random.default_rng(1).permutation(80)
    hours = interval_incidence(left[shuffled] * 24, right[shuffled] * 24, cause[shuffled], n_causes=2)
    for k in (0, 1):
        np.testing.assert_allclose(incidence_at(weighted, k, times), incidence_at(twice, k, times), atol=1e-6)
        np.testing.assert_allclose(
            incidence_at(hours, k, times * 24), incidence_at(twice, k, times), atol=1e-6
        )
    assert weighted.log_likelihood == pytest.approx(twice.log_likelihood, abs=2e-8)


def test_the_incidence_is_unbiased_and_covered_where_the_state_at_the_second_cause_is_known():
    # Truth: .6 (1 - exp(-.05 * 14)) and .4 (1 - exp(-.05 * 14)).
    truth = np.array([0.6, 0.4]) * (1 - np.exp(-0.05 * 14))
    runs, n = 200, 120
    estimates, covered = np.zeros((runs, 2)), np.zeros((runs, 2))
    for run in range(runs):
        rows = clinic(n, [2026, run])
        fit = interval_incidence(*rows, n_causes=2)
        estimates[run] = [np.mean(incidence_at(fit, k, [14.0])) for k in (0, 1)]
        band = incidence_bootstrap(*rows, [14.0], n_causes=2, n_replicates=120)
        covered[run] = (band.conf_low[:2, 0] <= truth) & (truth <= band.conf_high[:2, 0])
    spread = estimates.std(axis=0, ddof=1)
    bias = estimates.mean(axis=0) - truth
    # Second causes are rounded up to whole days, which puts those of day 14.5 on day 15: up to .006 less.
    assert np.all((np.abs(bias) < 4 * spread / np.sqrt(runs)) | (np.abs(bias) < 0.1 * spread))
    assert np.all(np.abs(covered.mean(axis=0) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / runs))


def test_a_cause_that_never_occurs_gets_the_exact_upper_limit():
    left, right, cause = np.full(20, 30.0), np.full(20, np.inf), np.full(20, -1)
    band = incidence_bootstrap(left, right, cause, [14.0], n_causes=2, n_replicates=50)
    _, upper = clopper_pearson(np.zeros(1), np.full(1, 20))
    np.testing.assert_allclose(band.conf_high[:2, 0], upper[0])
    assert list(band.conf_low[:2, 0]) == [0, 0]


def test_the_band_does_not_depend_on_order_or_names_of_patients():
    left, right, cause = clinic(120, 4)
    patient = np.repeat(np.arange(40), 3)
    order = np.random.default_rng(2).permutation(120)
    one = incidence_bootstrap(left, right, cause, [7.0, 21.0], n_causes=2, clusters=patient, n_replicates=60)
    other = incidence_bootstrap(
        left[order], right[order], cause[order], [7.0, 21.0], n_causes=2, n_replicates=60,
        clusters=np.array([f"p{999 - name}" for name in patient])[order],
    )  # fmt: skip
    np.testing.assert_allclose(one.conf_low, other.conf_low, atol=1e-6)  # fits stop at a gap of 1e-6
    np.testing.assert_allclose(one.conf_high, other.conf_high, atol=1e-6)


def test_malformed_rows_are_counted_without_their_values():
    with pytest.raises(DataError, match="causes are none of -1 to 1"):
        interval_incidence([1.0, 2.0], [3.0, 4.0], [0, 7], n_causes=2)
    with pytest.raises(DataError, match="no last possible time"):
        interval_incidence([1.0], [np.inf], [0], n_causes=2)
    with pytest.raises(DataError, match="before the left end"):
        interval_incidence([5.0], [4.0], [0], n_causes=2)
