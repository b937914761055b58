"""The exact conditional logistic likelihood against R, statsmodels, closed forms and all subsets."""

from __future__ import annotations

import json
import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from statsmodels.discrete.conditional_models import ConditionalLogit

from ketaoutcomes.engine.conditional_logit import conditional_logit
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def data(root):
    """Matrix, outcome and strata of the three fits of gee.R."""
    infert = pd.read_csv(root / "tests/reference/gee_infert.csv")
    ohio = pd.read_csv(root / "tests/reference/gee_ohio.csv")
    epil = pd.read_csv(root / "tests/reference/gee_epil.csv")
    x = np.column_stack([np.log(epil["base"]), np.log(epil["age"]), epil["V4"]])
    return {
        "infert": (infert[["spontaneous", "induced"]], infert["case"], infert["stratum"]),
        "ohio_within": (ohio[["age"]], ohio["resp"], ohio["id"]),
        "epil_strata": (x, (epil["y"] > 5).astype(int), epil["subject"] // 5),
    }


@pytest.mark.parametrize("name", ["infert", "ohio_within", "epil_strata"])
def test_the_fit_is_that_of_clogit(root, data, name):
    # survival 3.5-3, method "exact"; up to 4, 4 and 20 rows a stratum.
    expected = json.loads((root / "tests/reference/gee.json").read_text())[name]
    fit = conditional_logit(*data[name])
    assert fit.converged
    assert fit.params == pytest.approx(np.atleast_1d(expected["params"]), abs=1e-9)
    assert fit.std_error == pytest.approx(np.atleast_1d(expected["std_error"]), abs=1e-9)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-8)
    assert fit.null_log_likelihood == pytest.approx(expected["null_log_likelihood"], abs=1e-8)


def test_children_with_one_answer_throughout_are_counted_and_not_used(data):
    # Of 537 children of ohio 164 wheezed at some ages and not at others.
    fit = conditional_logit(*data["ohio_within"])
    assert (fit.n_strata_used, fit.n_strata_without_information) == (164, 373)
    assert fit.n == 164 * 4


def test_the_fit_is_that_of_statsmodels(data):
    x, y, strata = data["epil_strata"]
    with warnings.catch_warnings():
        # It tells that a stratum without variation is dropped.
        warnings.simplefilter("ignore")
        expected = ConditionalLogit(np.asarray(y), x, groups=np.asarray(strata)).fit(disp=0, method="newton")
    assert conditional_logit(x, y, strata).params == pytest.approx(expected.params, abs=1e-6)


def test_pairs_have_mcnemars_odds_ratio():
    # Closed form: of 25 pairs that differ 18 have the event with the factor; log(18/7), variance 1/18 + 1/7.
    pairs = 10 * [((1, 1), (0, 1))] + 18 * [((1, 0), (1, 0))] + 7 * [((0, 1), (1, 0))]
    x = np.array([pair[0] for pair in pairs], float).reshape(-1, 1)
    y = np.array([pair[1] for pair in pairs]).ravel()
    fit = conditional_logit(x, y, np.repeat(np.arange(35), 2))
    assert fit.params[0] == pytest.approx(np.log(18 / 7), abs=1e-9)
    assert fit.cov[0, 0] == pytest.approx(1 / 18 + 1 / 7, abs=1e-9)


def test_the_likelihood_is_the_sum_over_all_subsets():
    stream = np.random.default_rng(3)
    sizes, events = (5, 6, 6, 7), (2, 1, 5, 4)
    x = stream.normal(size=(sum(sizes), 2))
    strata = np.repeat(np.arange(4), sizes)
    y = np.concatenate([stream.permutation(np.arange(n) < m) for n, m in zip(sizes, events, strict=True)])
    fit = conditional_logit(x, y, strata)
    value = 0.0
    for one, m in enumerate(events):
        weight = np.exp(x[strata == one] @ fit.params)
        whole = sum(np.prod(weight[list(rows)]) for rows in combinations(range(weight.size), m))
        value += np.log(np.prod(weight[y[strata == one]]) / whole)
    assert fit.log_likelihood == pytest.approx(value, abs=1e-10)


def test_exchanging_the_outcomes_turns_the_signs():
    stream = np.random.default_rng(5)
    x, strata = stream.normal(size=(60, 2)), np.repeat(np.arange(10), 6)
    y = stream.random(60) < 0.7
    first, second = conditional_logit(x, y, strata), conditional_logit(x, ~y, strata)
    assert second.params == pytest.approx(-first.params, abs=1e-9)
    assert second.cov == pytest.approx(first.cov, rel=1e-8)


def test_a_level_of_the_stratum_does_not_matter():
    stream = np.random.default_rng(6)
    x, strata = stream.normal(size=(60, 1)), np.repeat(np.arange(10), 6)
    y = stream.random(60) < expit(x[:, 0])
    far = x + 1e5 * stream.normal(size=10)[strata][:, None]
    assert conditional_logit(far, y, strata).params == pytest.approx(
        conditional_logit(x, y, strata).params, abs=1e-6
    )


def test_the_order_of_rows_does_not_matter():
    stream = np.random.default_rng(8)
    strata = np.repeat(np.arange(12), stream.integers(1, 9, 12))
    x = stream.normal(size=(strata.size, 2))
    y, order = stream.random(strata.size) < 0.5, stream.permutation(strata.size)
    assert conditional_logit(x[order], y[order], strata[order]).params == pytest.approx(
        conditional_logit(x, y, strata).params, abs=1e-9
    )


def test_strata_of_a_hundred_rows_do_not_overflow():
    # With thousands of rows in large strata the conditional and the ordinary estimate with an intercept per
    # stratum are close to each other and to the truth, 2; three standard errors.
    stream = np.random.default_rng(9)
    strata = np.repeat(np.arange(40), 100)
    x = stream.normal(size=(4000, 1))
    y = stream.random(4000) < expit(2 * x[:, 0] + stream.normal(size=40)[strata])
    fit = conditional_logit(x, y, strata)
    assert fit.converged
    assert abs(fit.params[0] - 2.0) < 3 * fit.std_error[0]


def test_perfect_order_within_strata_is_separated():
    x = np.tile([0.0, 1.0, 2.0], 10)
    fit = conditional_logit(x[:, None], x == 2, np.repeat(np.arange(10), 3))
    assert fit.separated
    assert not fit.converged
    assert np.isnan(fit.cov).all()


def test_a_column_that_varies_in_no_stratum_is_dropped():
    stream = np.random.default_rng(2)
    strata = np.repeat(np.arange(8), 4)
    own = stream.normal(size=8)[strata]
    x = np.column_stack([own, stream.normal(size=32)])
    y = np.tile([0, 1, 1, 0], 8)
    fit = conditional_logit(x, y, strata)
    assert fit.dropped.tolist() == [True, False]
    assert fit.params[1] == pytest.approx(conditional_logit(x[:, 1:], y, strata).params[0])


def test_without_a_stratum_of_both_outcomes_there_is_no_fit():
    fit = conditional_logit([[1.0], [2.0], [3.0], [5.0]], [1, 1, 0, 0], [0, 0, 1, 1])
    assert not fit.converged
    assert (fit.n_strata_used, fit.n_strata_without_information) == (0, 2)
    assert np.isnan(fit.log_likelihood)


def test_what_cannot_be_used_is_refused():
    with pytest.raises(DataError, match="0 or 1"):
        conditional_logit([[1.0], [2.0]], [0, 2], [0, 0])
    with pytest.raises(DataError, match="missing or infinite in 1 rows"):
        conditional_logit([[1.0], [np.inf]], [0, 1], [0, 0])
    with pytest.raises(DataError, match="one value per row"):
        conditional_logit([[1.0], [2.0]], [0, 1], [0])
