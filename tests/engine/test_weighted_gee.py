"""Weighted means of clustered rows against R, dense algebra and an identity."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.engine.weighted_gee import effective_size, truncated, weighted_gee
from ketaoutcomes.errors import DataError


def test_estimates_and_plain_sandwich_agree_with_geeglm(root):
    expected = json.loads((root / "tests/reference/recurrent.json").read_text())["gee"]
    data = pd.read_csv(root / "tests/reference/bladder2.csv")
    x = np.column_stack([np.ones(len(data)), data["rx"], data["number"]])
    weights = 1 + (np.arange(1, len(data) + 1) % 3) / 2
    fit = weighted_gee(x, data["stop"] - data["start"], data["id"], weights=weights, corrected=False)
    assert fit.params == pytest.approx(expected["params"], rel=1e-9)
    assert np.sqrt(np.diag(fit.cov)) == pytest.approx(expected["sandwich"], rel=1e-9)


def test_equal_clusters_have_the_variance_of_the_mean_of_their_means():
    # Closed form: intercept only, m equal clusters: variance of the cluster means with m - 1, over m.
    stream = np.random.default_rng(2)
    y = stream.normal(size=(7, 4)) + stream.normal(size=(7, 1))
    fit = weighted_gee(np.ones((28, 1)), y.ravel(), np.repeat(np.arange(7), 4))
    assert fit.params[0] == pytest.approx(y.mean())
    assert fit.cov[0, 0] == pytest.approx(y.mean(axis=1).var(ddof=1) / 7)


def test_the_correction_is_that_of_the_dense_hat_matrix():
    stream = np.random.default_rng(4)
    n, patient = 30, np.repeat(np.arange(6), 5)
    x = np.column_stack([np.ones(n), stream.normal(size=n)])
    y, weight = stream.normal(size=n), stream.uniform(0.5, 2, n)
    fit = weighted_gee(x, y, patient, weights=weight)
    bread = np.linalg.inv(x.T @ (weight[:, None] * x))
    meat = np.zeros((2, 2))
    for one in range(6):
        rows = patient == one
        root = np.sqrt(weight[rows])
        half = root[:, None] * x[rows]
        values, vectors = np.linalg.eigh(np.eye(5) - half @ bread @ half.T)
        grown = vectors @ np.diag(values**-0.5) @ vectors.T @ (root * (y - x @ fit.params)[rows])
        score = half.T @ grown
        meat += np.outer(score, score)
    assert fit.cov == pytest.approx(bread @ meat @ bread, rel=1e-9)


def test_a_single_cluster_has_no_covariance():
    assert np.isnan(weighted_gee(np.ones((3, 1)), [1.0, 2, 3], [1, 1, 1]).cov).all()


def test_a_period_without_weight_is_refused():
    x = np.array([[1.0, 0], [1, 0], [0, 1]])
    with pytest.raises(DataError, match="not of full rank"):
        weighted_gee(x, [1.0, 2, 3], [1, 2, 3], weights=[1.0, 1, 0])


def test_weights_are_pulled_in_to_their_quantiles():
    weights, n_outside = truncated(np.append(np.ones(199), 1000.0))
    assert weights.max() < 1000
    assert n_outside == 1


def test_equal_weights_count_in_full_and_one_large_one_counts_alone():
    assert effective_size(np.ones(50)) == pytest.approx(50)
    assert effective_size([1.0, 1e9]) == pytest.approx(1, abs=1e-6)
