"""Satterthwaite and Kenward-Roger inference against lmerTest and pbkrtest: tests/reference/lmm_inference.R.

Both at lme4's polished optimum. lmerTest differentiates numerically, which costs it about 1e-6 of a df.
"""

from __future__ import annotations

import numpy as np
import pytest
from models.lmm_cases import answers, assert_within, columns, fitted

ANSWERS = answers("lmm_inference")["models"]
LINES = answers("lmm_margins")["lines"]
TOLERANCE = 1e-4  # of df, p values and adjusted standard errors, relative

METHODS = pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
MODELS = pytest.mark.parametrize("model", ANSWERS)


def answer_of(model, method):
    return ANSWERS[model][method.replace("-", "_")]


@MODELS
@METHODS
def test_degrees_of_freedom_of_each_coefficient(model, method):
    np.testing.assert_allclose(fitted(model, df=method).df, answer_of(model, method)["df"], rtol=TOLERANCE)


@MODELS
@METHODS
def test_standard_errors_of_each_coefficient(model, method):
    np.testing.assert_allclose(fitted(model, df=method).bse, answer_of(model, method)["se"], rtol=1e-5)


@MODELS
@METHODS
def test_p_values_and_limits_of_each_coefficient(model, method):
    fit, answer = fitted(model, df=method), answer_of(model, method)
    np.testing.assert_allclose(fit.pvalues, answer["p_value"], rtol=TOLERANCE)
    limits = np.column_stack([answer["conf_low"], answer["conf_high"]])
    width = limits[:, 1:] - limits[:, :1]
    assert_within(fit.conf_int().to_numpy(), limits, 1e-5 * width)
    assert_within(fit.table[["conf_low", "conf_high"]], limits, 1e-5 * width)


@MODELS
def test_the_kenward_roger_covariance(model):
    answer = ANSWERS[model]["kenward_roger"]
    covariance = fitted(model, df="kenward-roger").cov_params().to_numpy()
    assert_within(covariance, np.atleast_2d(answer["vcov"]), TOLERANCE * np.outer(answer["se"], answer["se"]))


@MODELS
def test_satterthwaite_df_of_a_maximum_likelihood_fit(model):
    fit, answer = fitted(model, reml=False), ANSWERS[model]["ml_satterthwaite"]
    np.testing.assert_allclose(fit.df, answer["df"], rtol=TOLERANCE)
    np.testing.assert_allclose(fit.bse, answer["se"], rtol=1e-5)


JOINT = [(model, which) for model, case in ANSWERS.items() for which in case.get("joint") or {}]


@pytest.mark.parametrize("model, which", JOINT)
@METHODS
def test_joint_f_tests(model, which, method):
    fit = fitted(model, df=method)
    rows = np.eye(len(fit.params))[1 if which == "all_but_intercept" else 0 :]
    mine, answer = fit.joint(rows), ANSWERS[model]["joint"][which][method.replace("-", "_")]
    assert mine["num_df"] == answer["num_df"]
    for name in ("statistic", "den_df"):
        assert mine[name] == pytest.approx(answer[name], rel=TOLERANCE), name
    # log p moves with t^2 / 2 df: a tiny p is compared on its logarithm.
    assert np.log(mine["p_value"]) == pytest.approx(np.log(answer["p_value"]), rel=TOLERANCE)


TYPE_THREE = [
    (model, method) for model, case in ANSWERS.items() for method, rows in case["type_three"].items() if rows
]


@pytest.mark.parametrize("model, method", TYPE_THREE)
def test_type_three_tables(model, method):
    table = fitted(model, df=method.replace("_", "-")).anova().set_index("term")
    answer = ANSWERS[model]["type_three"][method]
    assert list(table.index) == [row["term"] for row in answer]
    names = ("num_df", "den_df", "statistic", "p_value")
    np.testing.assert_allclose(table[list(names)], columns(answer, *names), rtol=TOLERANCE)


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["model"])
@METHODS
def test_combinations_of_coefficients(case, method):
    mine = fitted(case["model"], df=method).estimate(case["rows"])
    answer = case[method.replace("-", "_")]
    names = ["estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high"]
    np.testing.assert_allclose(mine[names], columns(answer, *names), rtol=TOLERANCE)


def test_kenward_roger_keeps_a_variance_that_vanished_and_satterthwaite_does_not():
    # pbkrtest counts the batches' variance as a parameter though its estimate is 0; lmerTest's derivative
    # is 0 there.
    assert fitted("dyestuff2", df="kenward-roger").df.iloc[0] == pytest.approx(5, rel=TOLERANCE)
    assert fitted("dyestuff2").df.iloc[0] == pytest.approx(29, rel=TOLERANCE)
