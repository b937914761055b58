"""Negative binomial and quasi-Poisson regression against R, identities and simulated truth."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammaln

from ketaoutcomes.engine.log_linear import checked_count_rows
from ketaoutcomes.engine.negative_binomial import _Likelihood, negative_binomial
from ketaoutcomes.engine.overdispersed import quasi_poisson
from ketaoutcomes.engine.rates import cluster_ratio
from ketaoutcomes.errors import DataError

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "count_models.json").read_text())
FULL = os.environ.get("KETA_FULL") == "1"


def _table(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / f"count_{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {column: np.array([row[column] for row in rows]) for column in rows[0]}


@pytest.fixture(scope="module")
def quine():
    """Days and the columns of Eth + Sex + Age + Lrn of MASS's quine."""
    t = _table("quine")
    columns = [np.ones(146), t["Eth"] == "N", t["Sex"] == "M"]
    columns += [t["Age"] == f"F{i}" for i in (1, 2, 3)] + [t["Lrn"] == "SL"]
    return t["Days"].astype(float), np.column_stack(columns).astype(float)


@pytest.fixture(scope="module")
def epil():
    """Seizures, columns of trt + log(base) + age, an exposure made up, and patients of MASS's epil."""
    t = _table("epil")
    subject = t["subject"].astype(int)
    x = [np.ones(236), t["trt"] == "progabide", np.log(t["base"].astype(float)), t["age"].astype(float)]
    return t["y"].astype(float), np.column_stack(x), 1 + (subject % 7) / 10, subject


def test_glm_nbs_fit_of_quine_is_met(quine):
    # methods: MASS 7.3-58.2; coefficients stop at about 1e-8.
    fit, mass = negative_binomial(*quine), R["negative_binomial"]["quine"]["mass"]
    assert fit.params[:2] == pytest.approx([2.8945800169, -0.5693717034], abs=1e-7)
    assert fit.theta == pytest.approx(1.274892646, abs=1e-8)
    assert -2 * fit.log_likelihood == pytest.approx(1093.151018, abs=1e-6)
    assert fit.theta_std_error_alone == pytest.approx(0.161035, abs=1e-6)
    # tests/reference/count_models.R with a tighter stop.
    np.testing.assert_allclose(fit.params, mass["params"], atol=1e-8)
    np.testing.assert_allclose(fit.cov_expected, mass["cov"], atol=1e-10)
    # MASS takes the standard error from the last theta but one.
    assert fit.theta_std_error_alone == pytest.approx(mass["theta_std_error"], abs=1e-6)


@pytest.mark.parametrize("model", ["quine", "quine_intercept", "epil", "epil_intercept"])
def test_the_maximum_and_its_covariance_are_those_of_newtons_method_in_r(quine, epil, model):
    # tests/reference/count_models.R: Newton on numDeriv's derivatives, good to about 1e-9.
    own = R["negative_binomial"][model]
    y, x, exposure, clusters = epil if model.startswith("epil") else (*quine, None, None)
    x = None if model.endswith("intercept") else x
    fit = negative_binomial(y, x, exposure=exposure, clusters=clusters)
    np.testing.assert_allclose(fit.params, np.atleast_1d(own["params"]), atol=2e-9)
    assert fit.theta == pytest.approx(own["theta"], abs=5e-9)
    assert fit.log_likelihood == pytest.approx(own["loglik"], abs=1e-9)
    assert fit.log_likelihood_poisson == pytest.approx(own["loglik_poisson"], abs=1e-9)
    np.testing.assert_allclose(fit.cov, own["cov"], atol=2e-9)
    assert fit.theta_std_error == pytest.approx(own["theta"] * np.sqrt(own["cov"][-1][-1]), rel=1e-7)
    assert fit.gradient_norm < 1e-8
    assert not fit.is_poisson
    if clusters is not None:
        # All matrices of (I - H_gg)^(-1/2) are written out there, at a theta that differs by up to 5e-9.
        np.testing.assert_allclose(fit.robust_cov, np.atleast_2d(own["robust"]["CR2"]), rtol=1e-7, atol=1e-9)
        assert (fit.n_clusters, fit.df) == (59, 59 - len(fit.params))


def test_poisson_fit_and_its_covariances_are_those_of_r(epil):
    # tests/reference/count_models.R: glm, quasipoisson, and the sandwich written out.
    y, x, exposure, subject = epil
    fit, own = quasi_poisson(y, x, exposure=exposure, clusters=subject), R["poisson"]
    np.testing.assert_allclose(fit.params, own["params"], atol=1e-10)
    np.testing.assert_allclose(fit.cov, own["cov"], rtol=1e-9)
    np.testing.assert_allclose(fit.quasi_cov, own["quasi_cov"], rtol=1e-9)
    np.testing.assert_allclose(fit.robust_cov, own["robust"]["CR2"], rtol=1e-8)
    # The same written-out matrices without the root are sandwich::vcovCL's.
    np.testing.assert_allclose(own["robust"]["CR0"], own["sandwich_cr0"], rtol=1e-8)
    assert fit.dispersion == pytest.approx(own["dispersion"], rel=1e-10)
    assert fit.log_likelihood == pytest.approx(own["loglik"], abs=1e-9)
    assert (fit.method, fit.df) == ("cluster-robust (CR2), t", 55)
    plain = quasi_poisson(y, x, exposure=exposure)
    np.testing.assert_allclose(plain.std_error, np.sqrt(np.diag(own["quasi_cov"])), rtol=1e-9)
    assert (plain.method, plain.df, plain.robust_cov) == ("quasi-Poisson, t", 232, None)


def test_published_counts_of_eleven_in_800_give_the_plain_rate():
    # Equal counts have no overdispersion; the rate is 11 / 800 whatever the law.
    counts, exposure = np.ones(11), np.full(11, 800 / 11)
    for fit in (negative_binomial(counts, exposure=exposure), quasi_poisson(counts, exposure=exposure)):
        assert fit.rate == pytest.approx(11 / 800, rel=1e-12)
        assert (fit.n_events, fit.exposure) == (11, pytest.approx(800))
    fit = negative_binomial(counts, exposure=exposure)
    assert (fit.is_poisson, fit.theta, fit.statistic, fit.p_value) == (True, np.inf, 0, 1)
    # Poisson: the log of a rate has variance 1 / events.
    assert fit.std_error == pytest.approx([11**-0.5], rel=1e-10)
    assert fit.rate_high == pytest.approx(11 / 800 * np.exp(1.959963985 / 11**0.5), rel=1e-8)
    assert np.isnan(fit.cov[-1]).all()


def test_cr2_of_clusters_of_equal_size_is_the_variance_of_their_means():
    generator = np.random.default_rng(3)
    y = generator.poisson(generator.gamma(2.0, 1.0, 12)[:, None], (12, 4))
    fit = quasi_poisson(y.ravel(), clusters=np.repeat(np.arange(12), 4))
    sums = y.sum(axis=1)
    assert fit.std_error == pytest.approx([np.sqrt(sums.var(ddof=1) / 12) / sums.mean()], rel=1e-12)
    assert fit.df == 11
    # The ratio estimator of rates per session has the same variance.
    ratio = cluster_ratio(np.minimum(sums, 20), np.full(12, 20))
    other = quasi_poisson(np.minimum(sums, 20), exposure=np.full(12, 20.0), clusters=np.arange(12))
    assert other.rate == pytest.approx(ratio.estimate, rel=1e-12)
    assert other.std_error == pytest.approx([ratio.std_error / ratio.estimate], rel=1e-12)


def test_derivatives_are_those_of_the_log_likelihood():
    generator = np.random.default_rng(4)
    x = np.column_stack([np.ones(15), generator.normal(size=15)])
    rows = checked_count_rows(generator.poisson(3.0, 15), x, generator.uniform(0.5, 4, 15), None)
    evaluate, step = _Likelihood(rows), 1e-5
    for log_theta in (-3.0, 0.5, 6.0):
        at = np.array([0.4, -0.2, log_theta])
        _, gradient, hessian = evaluate(at)
        sides = [(evaluate(at + move), evaluate(at - move)) for move in step * np.eye(3)]
        # Central differences: step^2 plus rounding over step.
        by_value = [(up[0] - down[0]) / (2 * step) for up, down in sides]
        by_gradient = [(up[1] - down[1]) / (2 * step) for up, down in sides]
        np.testing.assert_allclose(gradient, by_value, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(hessian, by_gradient, rtol=1e-6, atol=1e-7)


def test_the_log_likelihood_holds_its_constants():
    # log of Gamma(y + t) / (Gamma(t) y!) (t / (t + m))^t (m / (t + m))^y, summed.
    y = np.array([0.0, 3.0, 9.0, 1.0, 30.0])
    fit = negative_binomial(y)
    t, m = fit.theta, y.mean()
    value = gammaln(y + t) - gammaln(t) - gammaln(y + 1) + t * np.log(t / (t + m)) + y * np.log(m / (t + m))
    assert fit.log_likelihood == pytest.approx(value.sum(), abs=1e-11)
    assert fit.rate == pytest.approx(m, rel=1e-9)


def test_units_of_exposure_and_columns_move_nothing_but_what_they_must(epil):
    y, x, exposure, subject = epil
    fit = negative_binomial(y, x * [1, 1, 1e4, 1e-4], exposure=exposure * 1000, clusters=subject)
    params = fit.params * [1, 1, 1e4, 1e-4] + [np.log(1000), 0, 0, 0]
    np.testing.assert_allclose(params, R["negative_binomial"]["epil"]["params"], atol=2e-9)
    assert fit.theta == pytest.approx(R["negative_binomial"]["epil"]["theta"], abs=5e-9)


def test_no_events_give_no_number_but_their_exposure():
    for fit in (
        negative_binomial([0, 0, 0], exposure=[2, 3, 4]),
        quasi_poisson([0, 0, 0], exposure=[2, 3, 4]),
    ):
        assert (fit.code, fit.n, fit.n_events, fit.exposure) == ("NO_EVENTS", 3, 0, 9)
        assert np.isnan([fit.rate, fit.rate_low, fit.rate_high, fit.log_likelihood, fit.params[0]]).all()


def test_a_group_without_events_is_separation():
    x = np.column_stack([np.ones(8), np.arange(8) < 4])
    for fit in (negative_binomial([0, 0, 0, 0, 2, 0, 5, 1], x), quasi_poisson([0, 0, 0, 0, 2, 0, 5, 1], x)):
        assert fit.code == "SEPARATION"
        assert np.isnan([*fit.params, *fit.std_error, *fit.conf_high]).all()


def test_one_row_has_no_spread():
    assert negative_binomial([4]).code == "TOO_FEW_ROWS"
    fit = quasi_poisson([4], exposure=[8])
    assert fit.rate == pytest.approx(0.5)
    assert np.isnan([fit.dispersion, fit.rate_low, fit.rate_high, fit.df]).all()


def test_one_cluster_gives_a_rate_without_limits():
    for fit in (
        quasi_poisson([4, 1, 7], clusters=["one"] * 3),
        negative_binomial([4, 1, 19], clusters=["one"] * 3),
    ):
        assert fit.rate == pytest.approx(np.exp(fit.params[0]))
        assert np.isnan([fit.rate_low, fit.rate_high, fit.std_error[0], fit.df]).all()


def test_rows_without_exposure_are_left_out(quine):
    y, x = quine
    fit = negative_binomial(np.append(y, 0), np.vstack([x, x[:1]]), exposure=np.append(np.ones(146), 0))
    assert fit.n == 146
    np.testing.assert_allclose(fit.params, R["negative_binomial"]["quine"]["params"], atol=2e-9)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"counts": [1.5, 2]}, "whole numbers"),
        ({"counts": [-1, 2]}, "whole numbers"),
        ({"counts": []}, "one count or more"),
        ({"counts": [1, 2], "exposure": [1]}, "one amount per row"),
        ({"counts": [1, 2], "exposure": [1, -1]}, "negative or missing"),
        ({"counts": [1, 2], "exposure": [1, 0]}, "events where the exposure is 0"),
        ({"counts": [0, 0], "exposure": [0, 0]}, "no row has an exposure"),
        ({"counts": [1, 2], "clusters": ["a"]}, "one value per row"),
        ({"counts": [1, 2], "x": [[1.0]]}, "one line per row"),
        ({"counts": [1, 2], "x": [[1.0], [np.inf]]}, "missing or infinite in 1 rows"),
        ({"counts": [1, 2], "level": 1.0}, "level must lie"),
    ],
)
@pytest.mark.parametrize("fit", [negative_binomial, quasi_poisson])
def test_malformed_counts_are_refused(fit, arguments, message):
    with pytest.raises(DataError, match=message):
        fit(**arguments)


def test_limits_hold_the_simulated_truth():
    # 120 patients, 4 to 12 sessions, rates exp(-1 + 0.5 group), theta 1.5.
    generator, replicates = np.random.default_rng(21), 2000 if FULL else 200
    group = np.arange(120) % 2
    x, held = np.column_stack([np.ones(120), group]), np.zeros(2)
    for _ in range(replicates):
        sessions = generator.integers(4, 13, 120)
        y = generator.poisson(sessions * np.exp(-1 + 0.5 * group) * generator.gamma(1.5, 1 / 1.5, 120))
        fits = (
            negative_binomial(y, x, exposure=sessions),
            quasi_poisson(y, x, exposure=sessions, clusters=range(120)),
        )
        held += [fit.conf_low[1] <= 0.5 <= fit.conf_high[1] for fit in fits]
    # Four Monte-Carlo standard errors.
    assert (np.abs(held / replicates - 0.95) < 4 * np.sqrt(0.95 * 0.05 / replicates)).all()


def test_without_overdispersion_the_test_keeps_its_size():
    generator, replicates = np.random.default_rng(22), 3000 if FULL else 400
    fits = [negative_binomial(generator.poisson(3.0, 200)) for _ in range(replicates)]
    rejected = np.mean([fit.p_value < 0.05 for fit in fits])
    assert abs(rejected - 0.05) < 4 * np.sqrt(0.05 * 0.95 / replicates)
