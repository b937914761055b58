"""Proportional odds against R (clm, sandwiches, Brant), closed forms, and data without a maximum."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ketaoutcomes.engine.logistic import logistic
from ketaoutcomes.engine.ordinal import proportional_odds
from ketaoutcomes.engine.ordinal_check import check_proportional_odds
from ketaoutcomes.errors import DataError

FOLDER = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((FOLDER / "ordinal.json").read_text())
WINE = {name: np.array(values) for name, values in R["wine"].items()}
WINE_X = np.column_stack([WINE["warm"], WINE["contact"]])


def soup():
    with (FOLDER / "ordinal_soup.csv").open() as file:
        rows = np.array([[int(cell) for cell in row] for row in list(csv.reader(file))[1:]])
    return rows[:, 1:3], rows[:, 0], rows[:, 3]


def simulated(seed, n, slope, cuts=(-1.0, 1.0)):
    stream = np.random.default_rng(seed)
    x = stream.normal(size=(n, len(slope)))
    latent = x @ np.array(slope) + stream.logistic(size=n)
    return x, np.searchsorted(np.array(cuts), latent)


def test_wine_gives_the_published_estimates():
    # Christensen, ordinal::clm(rating ~ temp + contact, wine); tolerance: the digits printed.
    fit = proportional_odds(WINE_X, WINE["rating"])
    assert fit.log_likelihood == pytest.approx(-86.4919234, abs=1e-6)
    assert fit.thresholds == pytest.approx([-1.34438341, 1.25080880, 3.46688693, 5.00640420], abs=1e-6)
    assert fit.params == pytest.approx([2.50310201, 1.52779766], abs=1e-6)
    assert fit.converged
    assert not fit.separated


@pytest.mark.parametrize("name", ["wine_fit", "soup_fit"])
def test_estimates_and_covariances_are_those_of_r(name):
    # tests/reference/ordinal.R: ordinal 2022.11.16 (clm), sandwich 3.0.2 (estfun), R 4.2.2.
    answer = R[name]
    if name == "wine_fit":
        x, y, clusters = WINE_X, WINE["rating"], WINE["judge"]
    else:
        x, y, clusters = soup()
    fit = proportional_odds(x, y)
    assert fit.log_likelihood == pytest.approx(answer["log_likelihood"], abs=1e-8)
    np.testing.assert_allclose(fit.thresholds, answer["thresholds"], atol=1e-7)
    np.testing.assert_allclose(fit.params, answer["params"], atol=1e-7)
    np.testing.assert_allclose(fit.cov, answer["cov"], rtol=1e-5)
    robust = proportional_odds(x, y, clusters=clusters, correction="CR1")
    np.testing.assert_allclose(robust.cov, answer["robust"], rtol=1e-5, atol=1e-9)
    assert robust.n_clusters == answer["n_clusters"]
    assert robust.df == answer["n_clusters"] - len(robust.thresholds) - 2


def test_with_two_categories_it_is_logistic_regression():
    x, y, clusters = soup()
    fit = proportional_odds(x, y >= 3, clusters=clusters)
    assert [-fit.thresholds[0], *fit.params] == pytest.approx(R["two"]["params"], abs=1e-8)
    # The threshold is minus the constant.
    sign = np.diag([-1.0, 1.0, 1.0])
    plain = logistic(np.column_stack([np.ones(len(x)), x]), y >= 3)
    np.testing.assert_allclose(proportional_odds(x, y >= 3).cov, sign @ plain.cov @ sign, rtol=1e-6)
    # clubSandwich 0.5.8, vcovCR(glm, type = "CR2"), takes the root of the leverage in another metric: the
    # standard errors agree to 0.1 per cent, where CR2 and CR0 are 0.3 to 1.8 per cent apart.
    error = np.sqrt(np.diag(fit.cov))
    np.testing.assert_allclose(error, np.sqrt(np.diag(np.array(R["two"]["cr2"]))), rtol=1e-3)


def test_its_sandwich_divides_pearson_residuals_by_the_root_of_what_the_leverage_leaves():
    # Kauermann and Carroll (2001): (I - H_gg)^(-1/2) with H = W^(1/2) X (X'WX)^-1 X' W^(1/2), row by row.
    x, y, clusters = soup()
    whole = np.column_stack([-np.ones(len(x)), x])
    fit = proportional_odds(x, y >= 3, clusters=clusters)
    chance = 1 / (1 + np.exp(-whole @ np.concatenate([fit.thresholds, fit.params])))
    root = np.sqrt(chance * (1 - chance))
    scaled = whole * root[:, None]
    bread = np.linalg.inv(scaled.T @ scaled)
    meat = np.zeros((3, 3))
    for cluster in np.unique(clusters):
        own = clusters == cluster
        share, axes = np.linalg.eigh(np.eye(own.sum()) - scaled[own] @ bread @ scaled[own].T)
        residual = ((y >= 3) - chance)[own] / root[own]
        psi = scaled[own].T @ (axes * share**-0.5) @ axes.T @ residual
        meat += np.outer(psi, psi)
    np.testing.assert_allclose(fit.cov, bread @ meat @ bread, rtol=1e-7, atol=1e-12)


def test_without_columns_thresholds_are_logits_of_cumulative_shares():
    y = np.repeat([0, 1, 2], [10, 30, 60])
    fit = proportional_odds(np.empty((100, 0)), y)
    assert fit.thresholds == pytest.approx([np.log(0.1 / 0.9), np.log(0.4 / 0.6)], abs=1e-10)
    # A logit's variance is 1 / (n p (1 - p)).
    assert np.diag(fit.cov) == pytest.approx([1 / 9, 1 / 24], rel=1e-8)
    assert fit.log_likelihood == pytest.approx(10 * np.log(0.1) + 30 * np.log(0.3) + 60 * np.log(0.6))


def test_reversed_categories_and_other_units_turn_the_estimates_and_nothing_else():
    x, y = simulated(3, 300, (0.8, -0.4))
    fit = proportional_odds(x, y)
    back = proportional_odds(x, 2 - y)
    assert back.params == pytest.approx(-fit.params, abs=1e-8)
    assert back.thresholds == pytest.approx(-fit.thresholds[::-1], abs=1e-8)
    moved = proportional_odds(1e6 + x / np.array([1.0, 1e3]), y)
    # Adding a million to a column costs six of its sixteen digits.
    assert moved.params == pytest.approx(fit.params * [1.0, 1e3], rel=1e-6)
    assert moved.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-6)


def test_each_row_as_a_cluster_of_its_own_gives_nearly_the_model_s_covariance():
    x, y = simulated(5, 4000, (0.5,))
    robust = proportional_odds(x, y, clusters=np.arange(4000)).cov
    # The model is true: both estimate one matrix, with a relative error of about sqrt(2 / 4000).
    np.testing.assert_allclose(np.diag(robust), np.diag(proportional_odds(x, y).cov), rtol=0.1)


def test_repeating_every_patient_s_row_widens_nothing_that_allows_for_patients():
    x, y = simulated(6, 200, (0.5,))
    once = proportional_odds(x, y, clusters=np.arange(200), correction="CR1")
    thrice = proportional_odds(
        np.repeat(x, 3, axis=0), np.repeat(y, 3), clusters=np.repeat(np.arange(200), 3), correction="CR1"
    )
    np.testing.assert_allclose(thrice.cov, once.cov, rtol=1e-6)
    naive = proportional_odds(np.repeat(x, 3, axis=0), np.repeat(y, 3))
    np.testing.assert_allclose(naive.cov, proportional_odds(x, y).cov / 3, rtol=1e-6)


def test_categories_without_rows_have_no_threshold():
    x, y = simulated(7, 200, (0.5,))
    fit = proportional_odds(x, np.array([0, 2, 5])[y])
    assert fit.categories.tolist() == [0, 2, 5]
    assert fit.params == pytest.approx(proportional_odds(x, y).params)


def test_separated_data_have_no_covariance_and_say_so():
    x = np.arange(30.0)[:, None]
    fit = proportional_odds(x, np.repeat([0, 1, 2], 10))
    assert fit.separated
    assert not fit.converged
    assert np.isnan(fit.std_error).all()
    # A group whose rows are all of the highest category: its ratio is infinite, though others overlap.
    x, y = simulated(8, 200, (0.5,))
    group = np.arange(200) < 15
    assert proportional_odds(np.column_stack([x, group]), np.where(group, 2, y)).separated


def test_a_wide_spread_of_the_predictor_is_not_taken_for_separation():
    # Slope 8 on a normal column puts many rows beyond the limit at which separation is looked for.
    x, y = simulated(9, 400, (8.0,))
    fit = proportional_odds(x, y)
    assert not fit.separated
    assert fit.converged
    assert abs(fit.params[0] - 8.0) < 4 * fit.std_error[0]


def test_constant_and_repeated_columns_are_dropped():
    x, y = simulated(10, 200, (0.5,))
    fit = proportional_odds(np.column_stack([np.ones(200), x, 2 * x]), y)
    assert fit.dropped.tolist() == [True, False, True]
    assert fit.params[1] == pytest.approx(proportional_odds(x, y).params[0])
    assert np.isnan(fit.std_error).tolist() == [True, False, True]


def test_one_cluster_has_estimates_without_limits():
    x, y = simulated(11, 60, (0.5,))
    fit = proportional_odds(x, y, clusters=np.zeros(60))
    assert np.isfinite(fit.params).all()
    assert np.isnan(fit.conf_low).all()


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((3, 1)), [1, 1, 1], "one category"),
        (np.zeros((3, 1)), [0.5, 1, 2], "whole numbers"),
        (np.zeros((3, 1)), [-1, 1, 2], "whole numbers"),
        (np.zeros((3, 1)), [0, 1], "one category per row"),
        (np.full((3, 1), np.nan), [0, 1, 2], "missing or infinite in 3 rows"),
        (np.empty((0, 1)), [], "one category, or there are none"),
    ],
)
def test_malformed_input_is_refused(x, y, words):
    with pytest.raises(DataError, match=words):
        proportional_odds(x, np.array(y, float))


@pytest.mark.parametrize(("name", "with_clusters"), [("brant", False), ("brant_clusters", True)])
def test_separate_logits_and_their_test_are_those_of_r(name, with_clusters):
    # tests/reference/ordinal.R: Brant's formula from R's glm fits of ordinal::soup.
    x, y, clusters = soup()
    answer = R[name]
    check = check_proportional_odds(x, y, clusters=clusters if with_clusters else None)
    np.testing.assert_allclose(check.separate, answer["separate"], atol=1e-7)
    assert check.df == answer["df"]
    assert check.statistic == pytest.approx(answer["statistic"], rel=1e-6)
    assert check.p_value == pytest.approx(answer["p_value"], rel=1e-6)
    np.testing.assert_allclose(check.column_statistic, answer["each"], rtol=1e-6)
    np.testing.assert_allclose(check.column_p_value, answer["each_p"], rtol=1e-6)


def test_the_check_finds_a_ratio_that_differs_between_splits():
    stream = np.random.default_rng(12)
    x = stream.integers(0, 2, 2000).astype(float)
    # Log odds ratio 1.5 for above the first split, 0 for above the second.
    high = 1 / (1 + np.exp(1.5)) * np.ones(2000)
    above = 1 / (1 + np.exp(-(0.0 + 1.5 * x)))
    draw = stream.random(2000)
    y = (draw < above).astype(int) + (draw < high)
    assert check_proportional_odds(x[:, None], y).p_value < 1e-6


def test_no_check_where_there_is_one_split_or_a_logit_is_separated_or_clusters_are_few():
    x, y = simulated(13, 200, (0.5,))
    assert check_proportional_odds(x, y > 0).code == "TWO_CATEGORIES"
    # In the wine data nobody rated a warm bottle 1.
    assert check_proportional_odds(WINE_X, WINE["rating"]).code == "SEPARATED"
    few = check_proportional_odds(x, y, clusters=np.zeros(200))
    assert few.code == "TOO_FEW_CLUSTERS"
    assert np.isnan(few.p_value)
