"""Events per unit of exposure with patients as clusters, against closed forms."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ketaoutcomes.engine.cluster_counts import cluster_rate_by
from ketaoutcomes.errors import DataError


def test_few_patients_with_events_by_hand():
    # Events 4, 0, 2 in 3, 4, 5 sessions: r = 1/2, residuals 5/2, -2, -1/2, shares 1/4, 1/3, 5/12.
    rate = cluster_rate_by([[4], [0], [2]], [[3], [4], [5]])
    variance = (25 / 4 / (3 / 4) + 4 / (2 / 3) + 1 / 4 / (7 / 12)) / 144
    assert (rate.estimate[0], rate.method[0]) == (0.5, "design-effect score")
    assert rate.std_error[0] == pytest.approx(variance**0.5, rel=1e-12)
    assert rate.df[0] == pytest.approx(21 / 11, abs=1e-12)
    assert rate.design_effect[0] == pytest.approx(variance / (0.5 / 12), rel=1e-12)
    t, z = 4.50508463, 1.95996398  # R: qt(0.975, 21/11), qnorm(0.975)
    events = 6 * z**2 / (t**2 * variance / (0.5 / 12))
    # The score test: (events - m)^2 = z^2 m at the limits m of the mean.
    for limit in (rate.conf_low[0], rate.conf_high[0]):
        mean = limit / 0.5 * events
        assert (events - mean) ** 2 == pytest.approx(z**2 * mean, rel=1e-6)
    assert rate.conf_low[0] < 0.5 < rate.conf_high[0]
    assert (rate.n_clusters[0], rate.n_events[0], rate.exposure[0], rate.n_clusters_with_event[0]) == (
        3,
        6,
        12,
        2,
    )


def test_many_patients_with_events_have_limits_on_the_log_scale():
    counts = np.array([5, 0, 1, 1, 2, 7, 1, 1, 3, 1, 2, 1])
    rate = cluster_rate_by(counts[:, None], np.full((12, 1), 4.0))
    # Equal exposure: the variance is that of the mean of patients' own rates.
    error = (counts / 4).std(ddof=1) / 12**0.5
    factor = np.exp(2.20098516 * error / (25 / 48))  # R: qt(0.975, 11)
    assert rate.method[0] == "cluster-robust log"
    assert rate.conf_low[0] == pytest.approx(25 / 48 / factor, rel=1e-8)
    assert rate.conf_high[0] == pytest.approx(25 / 48 * factor, rel=1e-8)


def test_patients_who_are_alike_do_not_shorten_the_interval():
    rate = cluster_rate_by(np.full((20, 1), 2), np.full((20, 1), 5))
    factor = np.exp(1.95996398 / 40**0.5)
    assert rate.conf_high[0] == pytest.approx(0.4 * factor, rel=1e-8)
    assert rate.std_error[0] == pytest.approx((0.4 / 100) ** 0.5, rel=1e-12)


def test_no_event_gives_the_exact_poisson_limit_per_unit_of_exposure():
    rate = cluster_rate_by(np.zeros((25, 1)), np.full((25, 1), 4))
    # poisson.test(0, 100) of R, tests/reference/rates.R.
    assert (rate.conf_low[0], rate.method[0]) == (0, "exact Poisson, events as if independent")
    assert rate.conf_high[0] == pytest.approx(0.0368887945, abs=1e-9)
    assert np.isnan([rate.std_error[0], rate.design_effect[0]]).all()


def test_one_patient_or_no_exposure_has_no_interval():
    rate = cluster_rate_by([[3, 0], [0, 0]], [[6, 0], [0, 0]])
    assert list(rate.method) == ["one cluster", "no exposure"]
    assert rate.estimate[0] == 0.5
    assert np.isnan([*rate.conf_low, *rate.conf_high, rate.estimate[1]]).all()


def test_another_unit_of_exposure_only_rescales():
    counts, months = np.array([[3], [0], [5], [1]]), np.array([[7.0], [12.0], [9.0], [3.0]])
    by_month, by_year = cluster_rate_by(counts, months), cluster_rate_by(counts, months / 12)
    assert by_year.conf_low == pytest.approx(12 * by_month.conf_low, rel=1e-12)
    assert by_year.conf_high == pytest.approx(12 * by_month.conf_high, rel=1e-12)
    assert by_year.design_effect == pytest.approx(by_month.design_effect, rel=1e-12)


def test_the_coverage_with_very_few_patients_is_what_the_docstring_says():
    words = " ".join(cluster_rate_by.__doc__.split())
    said = {
        int(n): float(share)
        for share, n in re.findall(r"(0\.\d\d) with (\d+)", words[words.index("Below 15") :])
    }
    assert set(said) == {2, 3, 5, 8}
    n_sets = 2000
    for n_patients, share in said.items():
        stream = np.random.default_rng([20260101, n_patients])
        exposure = stream.integers(2, 13, (n_patients, n_sets))
        counts = stream.poisson(0.5 * exposure * stream.gamma(1 / 2, 2, exposure.shape))
        found = cluster_rate_by(counts, exposure)
        covered = np.mean((found.conf_low <= 0.5) & (found.conf_high >= 0.5))
        # 4 Monte-Carlo standard errors, and the second decimal of the docstring.
        assert abs(covered - share) < 4 * (share * (1 - share) / n_sets) ** 0.5 + 0.005, n_patients


def test_the_docstring_says_that_the_limit_without_an_event_is_as_if_independent():
    assert "as if the events were independent" in " ".join(cluster_rate_by.__doc__.split())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cluster_rate_by([1], [1]), "one row per cluster"),
        (lambda: cluster_rate_by([[-1]], [[1]]), "events is negative"),
        (lambda: cluster_rate_by([[1]], [[np.nan]]), "exposure is negative or missing"),
        (lambda: cluster_rate_by([[1]], [[0]]), "events without exposure"),
        (lambda: cluster_rate_by([[1]], [[2]], level=95), "between 0 and 1"),
    ],
)
def test_malformed_counts_are_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
