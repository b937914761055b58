"""Fine and Gray's model against R's finegray with coxph, and against the long way."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from engine.finegray_rows import efron, pieces

from ketaoutcomes.engine.fine_gray import fine_gray
from ketaoutcomes.errors import ConvergenceError, DataError

FOLDER = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((FOLDER / "competing.json").read_text())
with (FOLDER / "competing_mgus2.csv").open() as lines:
    ROWS = list(csv.DictReader(lines))
TIME = np.array([float(row["etime"]) for row in ROWS])
EVENT = np.array([int(row["event"]) for row in ROWS])
CLUSTER = np.array([int(row["cluster"]) for row in ROWS])
X = np.array([[float(row["age"]), row["sex"] == "M"] for row in ROWS])


@pytest.mark.parametrize(
    ("name", "cause", "ties"),
    [
        ("fine_gray_pcm", 1, "efron"),
        ("fine_gray_death", 2, "efron"),
        ("fine_gray_pcm_breslow", 1, "breslow"),
    ],
)
def test_fit_of_mgus2_equals_that_of_r(name, cause, ties):
    # tests/reference/competing.R: coxph of finegray data, survival 3.5-3, converged to 1e-11.
    expected = R[name]
    fit = fine_gray(X, TIME, EVENT, cause=cause, ties=ties)
    np.testing.assert_allclose(fit.params, expected["estimate"], atol=1e-9)
    np.testing.assert_allclose(fit.cov, expected["model_covariance"], atol=1e-11)
    np.testing.assert_allclose(fit.robust_cov, expected["covariance_patients"], atol=1e-10)
    np.testing.assert_allclose([fit.loglik_null, fit.loglik], expected["log_likelihood"], atol=1e-8)
    clustered = fine_gray(X, TIME, EVENT, cause=cause, ties=ties, clusters=CLUSTER)
    np.testing.assert_allclose(clustered.robust_cov, expected["covariance_clusters"], atol=1e-10)
    assert clustered.n_clusters == 97


def test_the_published_coefficients_of_mgus2():
    # R's vignette-style call, ties by Efron: age -0.0173017, male -0.2597568.
    fit = fine_gray(X, TIME, EVENT)
    assert fit.params == pytest.approx([-0.0173017, -0.2597568], abs=5e-8)
    assert (fit.n, fit.n_events, fit.n_competing, fit.n_censored) == (1384, 115, 860, 409)


def test_the_standard_errors_that_r_prints_take_pieces_of_a_patient_as_patients():
    # coxph without cluster=: .0055281 and .1817070. By patients they are .0057029 and .1856347.
    fit = fine_gray(X, TIME, EVENT)
    patient, start, stop, weight, is_event = pieces(TIME, EVENT, 1)
    loglik, residual, information = efron(X[patient], start, stop, weight, is_event, fit.params)
    cov = np.linalg.inv(information)
    by_piece = cov @ residual.T @ residual @ cov
    assert np.sqrt(np.diag(by_piece)) == pytest.approx([0.0055281, 0.1817070], abs=5e-8)
    np.testing.assert_allclose(by_piece, R["fine_gray_pcm"]["covariance_pieces"], atol=1e-10)
    by_patient = np.zeros_like(X)
    np.add.at(by_patient, patient, residual)
    # The long way and the running sums agree in all that they share.
    np.testing.assert_allclose(cov @ by_patient.T @ by_patient @ cov, fit.robust_cov, atol=1e-13)
    np.testing.assert_allclose(cov, fit.cov, atol=1e-13)
    assert loglik == pytest.approx(fit.loglik, abs=1e-9)
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-6)


def test_cmprsk_differs_only_in_how_it_treats_ties_and_the_weights_uncertainty():
    # cmprsk::crr takes ties by Breslow, counts an event at a censoring's time as at risk of it, and adds the
    # uncertainty of the weights: both its coefficients and its errors lie within 0.7 % of ours.
    fit = fine_gray(X, TIME, EVENT, ties="breslow")
    np.testing.assert_allclose(fit.params, R["crr_pcm"]["estimate"], rtol=0.007)
    np.testing.assert_allclose(np.diag(fit.robust_cov), np.diag(R["crr_pcm"]["covariance"]), rtol=0.014)


def test_without_another_cause_and_censoring_weights_it_is_a_cox_model():
    # Nothing competes: every row weighs 1 up to its own time.
    rows = slice(0, 150)
    event = (EVENT[rows] == 2).astype(int)
    fit = fine_gray(X[rows], TIME[rows], event)
    loglik, residual, _ = efron(X[rows], np.zeros(150), TIME[rows], np.ones(150), event == 1, fit.params)
    assert loglik == pytest.approx(fit.loglik, abs=1e-9)
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-7)


def test_order_of_rows_and_units_do_not_matter():
    order = np.random.default_rng(2).permutation(len(TIME))
    one = fine_gray(X, TIME, EVENT)
    two = fine_gray(X[order] * [0.1, 1] + [1000, 0], TIME[order] * 30.4, EVENT[order])
    np.testing.assert_allclose(two.params * [0.1, 1], one.params, atol=1e-10)
    np.testing.assert_allclose(np.diag(two.robust_cov) * [0.01, 1], np.diag(one.robust_cov), rtol=1e-8)


def test_a_covariate_that_tells_all_events_apart_has_no_estimate():
    told = (EVENT == 1).astype(float)[:, None]
    with pytest.raises(ConvergenceError, match="grows without end"):
        fine_gray(told, TIME, EVENT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((1384, 1))}, "cannot be told apart"),
        ({"x": np.column_stack([X, X[:, 0] * 2 + 1])}, "cannot be told apart"),
        ({"x": X[:5]}, "one row per time"),
        ({"x": np.where(X > 90, np.nan, X)}, "missing or infinite"),
        ({"cause": 3}, "no row has an event of the cause"),
        ({"ties": "exact"}, "efron"),
        ({"clusters": [1, 2]}, "one value per row"),
    ],
)
def test_input_that_cannot_be_used_is_refused(change, message):
    options = {"x": X} | change
    with pytest.raises(DataError, match=message):
        fine_gray(options.pop("x"), TIME, EVENT, **options)
