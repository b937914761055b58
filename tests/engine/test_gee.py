"""Generalised estimating equations against geepack, statsmodels, dense algebra and closed forms."""

from __future__ import annotations

import json
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.linalg import sqrtm
from scipy.special import expit

from ketaoutcomes.engine.gee import gee
from ketaoutcomes.errors import DataError

FAMILIES = {"binomial": sm.families.Binomial(), "poisson": sm.families.Poisson()}


@pytest.fixture(scope="module")
def reference(root):
    return json.loads((root / "tests/reference/gee.json").read_text())


@pytest.fixture(scope="module")
def data(root):
    """Matrix, outcome and patients of ohio (binomial) and epil (Poisson)."""
    ohio = pd.read_csv(root / "tests/reference/gee_ohio.csv")
    epil = pd.read_csv(root / "tests/reference/gee_epil.csv")
    wheeze = np.column_stack([np.ones(len(ohio)), ohio["age"], ohio["smoke"], ohio["age"] * ohio["smoke"]])
    seizures = np.column_stack([np.ones(len(epil)), epil[["trt", "base", "age", "V4"]]])
    return {
        "binomial": (wheeze, ohio["resp"].to_numpy(), ohio["id"].to_numpy()),
        "poisson": (seizures, epil["y"].to_numpy(), epil["subject"].to_numpy()),
    }


def unequal(seed=7, m=25, family="binomial"):
    """Clusters of 1 to 9 rows with a shared part, one column between clusters and one within."""
    stream = np.random.default_rng(seed)
    patient = np.repeat(np.arange(m), stream.integers(1, 10, m))
    n = patient.size
    x = np.column_stack([np.ones(n), stream.normal(size=m)[patient], stream.normal(size=n)])
    shared = stream.normal(0.0, 0.8, m)[patient]
    predictor = x @ [-0.3, 0.4, 0.3] + shared
    if family == "binomial":
        return x, (stream.random(n) < expit(predictor)).astype(float), patient
    return x, stream.poisson(np.exp(predictor)).astype(float), patient


@pytest.mark.parametrize(("family", "name"), [("binomial", "ohio"), ("poisson", "epil")])
def test_independence_with_the_plain_sandwich_is_that_of_geepack(data, reference, family, name):
    # geepack 1.3.9; agreement but for the stopping rules of two programs.
    fit, expected = gee(*data[family], family=family), reference[f"{name}_independence"]
    assert fit.params == pytest.approx(expected["params"], abs=1e-8)
    assert fit.cov == pytest.approx(np.array(expected["cov"]), rel=1e-6, abs=1e-9)
    assert fit.alpha == 0.0


def test_exchangeable_ohio_is_near_that_of_geepack(data, reference):
    # geepack estimates alpha by equations of its own: it differs from the moment estimate in the third
    # digit (0.3545 against 0.3548), and coefficients in the sixth.
    fit, expected = gee(*data["binomial"], correlation="exchangeable"), reference["ohio_exchangeable"]
    assert fit.params == pytest.approx(expected["params"], abs=5e-6)
    assert fit.std_error == pytest.approx(expected["std_error"], abs=5e-6)
    assert fit.alpha == pytest.approx(expected["alpha"], abs=1e-3)
    assert fit.scale == 1.0
    # The figures of geepack's manual.
    assert fit.params == pytest.approx([-1.9004953, -0.1412359, 0.3138258, 0.0708318], abs=5e-6)


def test_exchangeable_epil_is_near_that_of_geepack(data, reference):
    # geepack divides by n where the moment estimates of alpha and the scale divide by n - p (236 and 5).
    fit = gee(*data["poisson"], family="poisson", correlation="exchangeable")
    expected = reference["epil_exchangeable"]
    assert fit.params == pytest.approx(expected["params"], abs=2e-3)
    assert fit.std_error == pytest.approx(expected["std_error"], rel=2e-3)
    assert fit.alpha == pytest.approx(expected["alpha"], abs=5e-3)
    assert fit.scale == pytest.approx(expected["scale"] * 236 / 231, rel=2e-3)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
@pytest.mark.parametrize(("own", "theirs"), [("robust", "robust"), ("mancl-derouen", "bias_reduced")])
@pytest.mark.parametrize("shape", ["equal", "unequal"])
def test_exchangeable_and_its_covariances_are_those_of_statsmodels(data, family, own, theirs, shape):
    x, y, patient = data[family] if shape == "equal" else unequal(family=family)
    model = sm.GEE(y, x, groups=patient, family=FAMILIES[family], cov_struct=sm.cov_struct.Exchangeable())
    with warnings.catch_warnings():
        # It tells that its own criterion moves at this tolerance; the estimates are compared below.
        warnings.simplefilter("ignore")
        expected = model.fit(maxiter=300, ctol=1e-12, cov_type=theirs)
    fit = gee(x, y, patient, family=family, correlation="exchangeable", scale="estimated", covariance=own)
    assert fit.converged
    assert fit.alpha == pytest.approx(model.cov_struct.dep_params, abs=1e-8)
    assert fit.params == pytest.approx(np.asarray(expected.params), abs=1e-8)
    assert fit.std_error == pytest.approx(np.asarray(expected.bse), rel=1e-6)


@pytest.mark.parametrize(("covariance", "power"), [("mancl-derouen", 1.0), ("kauermann-carroll", 0.5)])
@pytest.mark.parametrize("correlation", ["independence", "exchangeable"])
def test_corrections_are_those_of_the_dense_hat_matrix(covariance, power, correlation):
    x, y, patient = unequal(seed=11, m=12)
    fit = gee(x, y, patient, correlation=correlation, covariance=covariance)
    mean = expit(x @ fit.params)
    d, parts = x * (mean * (1 - mean))[:, None], []
    for own in (patient == one for one in np.unique(patient)):
        size = own.sum()
        r = np.full((size, size), fit.alpha) + (1 - fit.alpha) * np.eye(size)
        root = np.sqrt(mean[own] * (1 - mean[own]))
        parts.append((own, d[own].T @ np.linalg.inv(root[:, None] * r * root)))
    bread = np.linalg.inv(sum(left @ d[own] for own, left in parts))
    meat = np.zeros((3, 3))
    for own, left in parts:
        rest = np.eye(own.sum()) - d[own] @ bread @ left
        factor = np.linalg.inv(rest if power == 1.0 else np.real(sqrtm(rest)))
        score = left @ factor @ (y[own] - mean[own])
        meat += np.outer(score, score)
    assert fit.cov == pytest.approx(bread @ meat @ bread, rel=1e-8)
    assert fit.naive_cov == pytest.approx(bread, rel=1e-8)


def test_equal_clusters_without_covariates_have_the_variance_of_their_means():
    # Closed form: 0.4 is the mean of the shares (0, .25, .75, .5, .5); their variance with m - 1 over m, on
    # the logit over (p (1 - p))^2, is Kauermann and Carroll's; Mancl and DeRouen's is m / (m - 1) of it.
    y = np.array([0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0], float)
    patient = np.repeat(np.arange(5), 4)
    spread = np.var([0, 0.25, 0.75, 0.5, 0.5], ddof=1) / 5 / 0.24**2
    for correlation in ("independence", "exchangeable"):
        for covariance, expected in (
            ("robust", spread * 4 / 5),
            ("kauermann-carroll", spread),
            ("mancl-derouen", spread * 5 / 4),
        ):
            fit = gee(np.ones((20, 1)), y, patient, correlation=correlation, covariance=covariance)
            assert fit.params[0] == pytest.approx(np.log(0.4 / 0.6))
            assert fit.cov[0, 0] == pytest.approx(expected)
            assert fit.df == 4


def test_the_order_of_rows_and_the_names_of_patients_do_not_matter():
    x, y, patient = unequal()
    order = np.random.default_rng(1).permutation(y.size)
    names = np.array([f"p{97 - one}" for one in patient])
    first = gee(x, y, patient, correlation="exchangeable", covariance="mancl-derouen")
    second = gee(x[order], y[order], names[order], correlation="exchangeable", covariance="mancl-derouen")
    assert second.params == pytest.approx(first.params, abs=1e-9)
    assert second.cov == pytest.approx(first.cov, rel=1e-7)


def test_units_of_columns_only_rescale():
    x, y, patient = unequal()
    size = np.array([1.0, 1e6, 1e-6])
    first = gee(x, y, patient, correlation="exchangeable", covariance="mancl-derouen")
    second = gee(x * size, y, patient, correlation="exchangeable", covariance="mancl-derouen")
    assert second.params * size == pytest.approx(first.params, rel=1e-7)
    assert second.std_error * size == pytest.approx(first.std_error, rel=1e-6)


def test_clusters_of_one_row_leave_no_correlation():
    x, y, _ = unequal()
    fit = gee(x, y, np.arange(y.size), correlation="exchangeable")
    assert fit.alpha == 0.0
    assert fit.params == pytest.approx(gee(x, y, np.arange(y.size)).params)


def test_a_rate_with_an_offset_is_events_over_exposure():
    # Closed form: 3 + 0 + 5 events in 10 + 4 + 6 sessions.
    fit = gee(np.ones((3, 1)), [3, 0, 5], [0, 1, 2], family="poisson", offset=np.log([10, 4, 6]))
    assert np.exp(fit.params[0]) == pytest.approx(8 / 20)


def test_large_counts_converge():
    # Closed form: log of the means 1,500 and 90,000.
    x = np.column_stack([np.ones(4), [0, 0, 1, 1]])
    fit = gee(x, [1000, 2000, 80_000, 100_000], [0, 1, 2, 3], family="poisson")
    assert fit.params == pytest.approx([np.log(1500), np.log(60)], abs=1e-9)


def test_a_level_without_an_event_is_separated_and_has_no_estimates():
    x = np.column_stack([np.ones(12), [0] * 6 + [1] * 6])
    y = [0, 1, 1, 0, 1, 0] + [0] * 6
    for family in ("binomial", "poisson"):
        fit = gee(x, y, np.repeat(np.arange(4), 3), family=family, correlation="exchangeable")
        assert fit.separated
        assert not fit.converged
        assert np.isnan(fit.cov).all()
        assert np.isnan(fit.contrast([0, 1])[0])


def test_no_event_at_all_is_separated():
    fit = gee(np.ones((6, 1)), np.zeros(6), [0, 0, 1, 1, 2, 2])
    assert fit.separated


def test_a_combination_of_other_columns_is_dropped():
    x, y, patient = unequal()
    fit = gee(np.column_stack([x, x[:, 1] - 2 * x[:, 0]]), y, patient)
    assert fit.dropped.tolist() == [False, False, False, True]
    assert fit.params[:3] == pytest.approx(gee(x, y, patient).params)
    assert fit.df == 22
    assert np.isnan(fit.contrast([0, 0, 0, 1])[0])
    assert np.isfinite(fit.contrast([0, 1, 0, 0])).all()


def test_a_contrast_is_the_difference_with_its_own_error():
    x, y, patient = unequal()
    fit = gee(x, y, patient, covariance="mancl-derouen")
    estimate, error, df = fit.contrast([0, 1, -1])
    assert estimate == pytest.approx(fit.params[1] - fit.params[2])
    assert error == pytest.approx(np.sqrt(fit.cov[1, 1] + fit.cov[2, 2] - 2 * fit.cov[1, 2]))
    assert df == 22


def test_a_cluster_that_alone_tells_a_parameter_is_counted():
    # Only the last patient has the second column: nothing of his rows is left to correct.
    x = np.column_stack([np.ones(20), [0] * 16 + [1] * 4])
    y = [0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1]
    fit = gee(x, y, np.repeat(np.arange(5), 4), covariance="mancl-derouen")
    assert fit.n_alone == 1
    assert np.isfinite(fit.cov).all()


def test_one_cluster_has_no_covariance():
    fit = gee(np.ones((4, 1)), [0, 1, 1, 0], [1, 1, 1, 1])
    assert fit.converged
    assert np.isnan(fit.cov).all()
    assert np.isnan(fit.df)


def test_a_correlation_that_runs_away_is_not_called_a_solution():
    # A rare outcome at a fitted chance near 0 has a huge residual; with the scale fixed at 1 alpha passes 1.
    stream = np.random.default_rng(0)
    n_runaway = 0
    for _ in range(60):
        patient = np.repeat(np.arange(8), 6)
        x = np.column_stack([np.ones(48), 3 * stream.normal(size=8)[patient], stream.normal(size=48)])
        y = (stream.random(48) < expit(x @ [-1.5, 1.0, 0.5])).astype(float)
        fit = gee(x, y, patient, correlation="exchangeable")
        if not fit.converged:
            n_runaway += not fit.separated
            assert np.isnan(fit.cov).all()
        else:
            assert np.abs(x @ fit.params).max() < 300
    assert n_runaway > 0


def test_twenty_thousand_patients_take_less_than_three_seconds():
    stream = np.random.default_rng(1)
    patient = np.repeat(np.arange(20_000), 10)
    x = np.column_stack([np.ones(patient.size), stream.normal(size=(patient.size, 5))])
    predictor = -1 + 0.3 * x[:, 1] + stream.normal(size=20_000)[patient]
    y = (stream.random(patient.size) < expit(predictor)).astype(float)
    # CPU seconds, so that other work on the machine does not count.
    start = time.process_time()
    fit = gee(x, y, patient, correlation="exchangeable", covariance="mancl-derouen")
    assert time.process_time() - start < 3.0
    assert fit.converged


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"family": "gamma"}, "family must be one of binomial, poisson"),
        ({"correlation": "ar1"}, "correlation must be one of"),
        ({"scale": "free"}, "scale must be one of fixed, estimated"),
        ({"covariance": "CR2"}, "covariance must be one of"),
        ({"y": [0, 1, 2]}, "0 or 1"),
        ({"y": [0, -1, 2], "family": "poisson"}, "0 or more"),
        ({"y": [0, 1]}, "one value per row"),
        ({"x": [[1.0], [np.nan], [1.0]]}, "missing or infinite in 1 rows"),
    ],
)
def test_what_cannot_be_used_is_refused(change, words):
    given = {"x": np.ones((3, 1)), "y": [0, 1, 1], "clusters": [0, 1, 2]} | change
    x, y, clusters = given.pop("x"), given.pop("y"), given.pop("clusters")
    with pytest.raises(DataError, match=words):
        gee(x, y, clusters, **given)
