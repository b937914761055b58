"""Logistic regression against R's glm, closed forms and data without a finite maximum."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ketaoutcomes.engine.logistic import logistic, probability
from ketaoutcomes.errors import DataError

R = json.loads((Path(__file__).resolve().parents[1] / "reference" / "delayed.json").read_text())


@pytest.mark.parametrize("name", ["infert", "infert_weighted"])
def test_coefficients_and_covariance_are_those_of_r(name):
    # tests/reference/delayed.R: glm(case ~ ..., binomial, infert), R 4.2.2.
    answer = {key: np.asarray(value, float) for key, value in R[name].items()}
    fit = logistic(answer["x"], answer["y"], weights=answer["weights"])
    np.testing.assert_allclose(fit.params, answer["params"], rtol=1e-9)
    np.testing.assert_allclose(fit.cov, answer["cov"], rtol=1e-7)
    assert fit.log_likelihood == pytest.approx(answer["log_likelihood"], abs=1e-9)
    assert (fit.converged, fit.separated, fit.dropped.any()) == (True, False, False)


def test_a_two_by_two_table_gives_its_log_odds_ratio_and_woolf_error():
    x = np.column_stack([np.ones(100), np.repeat([0, 1], [60, 40])])
    y = np.concatenate([np.arange(60) < 15, np.arange(40) < 25])
    fit = logistic(x, y)
    assert fit.params == pytest.approx([np.log(15 / 45), np.log(25 / 15 * 45 / 15)], abs=1e-12)
    # Woolf: the variance is the sum of 1 / count.
    assert fit.cov[1, 1] == pytest.approx(1 / 15 + 1 / 45 + 1 / 25 + 1 / 15, abs=1e-9)
    assert probability(fit, [[1, 0], [1, 1]]) == pytest.approx([15 / 60, 25 / 40], abs=1e-12)


def test_weights_are_repeated_rows_and_a_start_changes_nothing():
    stream = np.random.default_rng(1)
    x = np.column_stack([np.ones(80), stream.normal(size=(80, 2))])
    y, counts = stream.random(80) < 0.4, stream.integers(0, 4, 80)
    weighted = logistic(x, y, weights=counts)
    repeated = logistic(np.repeat(x, counts, axis=0), np.repeat(y, counts), start=[5.0, -5.0, 5.0])
    np.testing.assert_allclose(weighted.params, repeated.params, atol=1e-10)


def test_a_column_that_the_others_make_is_dropped_and_told():
    stream = np.random.default_rng(2)
    first = stream.normal(size=60)
    y = stream.random(60) < 0.5
    x = np.column_stack([np.ones(60), first, 3 * first - 2])
    fit = logistic(x, y)
    assert fit.dropped.tolist() == [False, False, True]
    assert fit.params[2] == 0
    assert np.isnan(fit.cov[2]).all()
    np.testing.assert_allclose(fit.params[:2], logistic(x[:, :2], y).params, atol=1e-10)


def test_units_of_covariates_do_not_matter():
    stream = np.random.default_rng(3)
    x = np.column_stack([np.ones(60), stream.normal(size=60)])
    y = stream.random(60) < 0.5
    fit, scaled = logistic(x, y), logistic(x * [1, 1e6], y)
    np.testing.assert_allclose(scaled.params * [1, 1e6], fit.params, atol=1e-9)


COMPLETE = (np.column_stack([np.ones(20), np.arange(20.0)]), np.arange(20) >= 10)
ONE_LEVEL = (
    np.column_stack([np.ones(300), np.repeat([0, 1], [290, 10])]),
    np.concatenate([np.arange(290) % 3 == 0, np.ones(10, bool)]),
)
ALL_EVENTS = (np.ones((7, 1)), np.ones(7, bool))


@pytest.mark.parametrize(
    "data", [COMPLETE, ONE_LEVEL, ALL_EVENTS], ids=["complete", "one level", "all events"]
)
def test_separation_is_told_and_gives_no_errors(data):
    fit = logistic(*data)
    assert fit.separated
    assert not fit.converged
    assert np.isnan(fit.cov).all()


def test_strong_but_finite_effects_are_not_called_separation():
    # One of 2,000 with the event in one group and one without in the other: log odds of -7.6 and 7.6.
    x = np.column_stack([np.ones(4000), np.repeat([0, 1], 2000)])
    y = np.concatenate([np.arange(2000) < 1, np.arange(2000) < 1999])
    fit = logistic(x, y)
    assert fit.converged
    assert not fit.separated
    assert fit.params == pytest.approx([-np.log(1999), 2 * np.log(1999)], abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[1.0], [np.nan]], [0, 1], "missing or infinite in 1 rows"),
        ([[1.0], [1.0]], [0, 2], "0 or 1"),
        ([1.0, 2.0], [0, 1], "must be a matrix"),
        (np.ones((0, 1)), [], "no rows"),
    ],
)
def test_malformed_data_are_refused(x, y, message):
    with pytest.raises(DataError, match=message):
        logistic(x, np.asarray(y))


def test_negative_weights_are_refused():
    with pytest.raises(DataError, match="negative"):
        logistic(np.ones((2, 1)), np.array([0, 1]), weights=[1, -1])
