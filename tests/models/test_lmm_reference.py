"""Linear mixed models against lme4 on classic data: tests/reference/lmm_fits.R (R 4.2.2, lme4 1.1-31).

R's optimum is polished by Newton steps until theta holds to about 1e-8, so that the tolerances below bound
our own error; they are the ones that the documentation promises.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from models.lmm_cases import (
    FITS,
    answers,
    assert_within,
    effects_by_label,
    fitted,
    frame,
    group_key,
    label_key,
    ours,
)

from ketaoutcomes.analysis.compare import compare
from ketaoutcomes.errors import FormulaError

DEVIANCE = 1e-6  # absolute
RELATIVE = 1e-5

MODELS = pytest.mark.parametrize("model", FITS)
CRITERIA = pytest.mark.parametrize("criterion", ["reml", "ml"])


def fit_and_answer(model, criterion):
    return fitted(model, reml=criterion == "reml"), FITS[model][criterion]


@MODELS
@CRITERIA
def test_deviance_log_likelihood_aic_and_bic_are_lme4s(model, criterion):
    fit, answer = fit_and_answer(model, criterion)
    assert fit.converged
    assert fit.deviance == pytest.approx(answer["deviance"], abs=DEVIANCE, rel=0)
    assert fit.llf == pytest.approx(answer["logLik"], abs=DEVIANCE, rel=0)
    assert fit.aic == pytest.approx(answer["aic"], abs=DEVIANCE, rel=0)
    assert fit.bic == pytest.approx(answer["bic"], abs=DEVIANCE, rel=0)


@MODELS
@CRITERIA
def test_coefficients_and_their_covariance_are_lme4s(model, criterion):
    fit, answer = fit_and_answer(model, criterion)
    beta, se = np.array(answer["beta"]), np.array(answer["se"])
    assert list(fit.params.index) == answer["terms"]
    # A coefficient may be 0: then 1e-5 of its standard error.
    assert_within(fit.params, beta, RELATIVE * np.maximum(np.abs(beta), se))
    covariance = fit.cov_params().to_numpy()
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), se, rtol=RELATIVE)
    assert_within(covariance, answer["vcov"], 2 * RELATIVE * np.outer(se, se))
    np.testing.assert_allclose(fit.bse, se, rtol=RELATIVE)


@MODELS
@CRITERIA
def test_variance_components_and_sigma_are_lme4s(model, criterion):
    fit, answer = fit_and_answer(model, criterion)

    def key(row):
        terms = (row.get("term_1"), row.get("term_2"))
        return group_key(row["group"]), frozenset(term for term in terms if isinstance(term, str))

    found = {key(row): row for row in fit.variance_components.to_dict("records")}
    spread = {key(row): row["sd_or_corr"] for row in answer["components"]}
    assert len(found) == len(answer["components"])
    for row in answer["components"]:
        group, terms = key(row)
        mine = found[group, terms]
        if len(terms) < 2:
            # A variance of 0 is exactly 0 in lme4: then 1e-10 of the residual variance.
            assert mine["variance"] == pytest.approx(
                row["variance"], rel=RELATIVE, abs=1e-10 * answer["sigma"] ** 2
            )
            assert mine["sd_or_corr"] == pytest.approx(
                row["sd_or_corr"], rel=RELATIVE, abs=1e-5 * answer["sigma"]
            )
        else:
            both = np.prod([spread[group, frozenset([term])] for term in terms])
            assert mine["variance"] == pytest.approx(row["variance"], abs=2 * RELATIVE * both, rel=0)
            assert mine["sd_or_corr"] == pytest.approx(row["sd_or_corr"], abs=RELATIVE, rel=0)
    assert fit.sigma == pytest.approx(answer["sigma"], rel=RELATIVE)


@MODELS
@CRITERIA
def test_a_boundary_is_reported_where_lme4_is_at_one(model, criterion):
    fit, answer = fit_and_answer(model, criterion)
    assert fit.singular is answer["singular"]


@MODELS
def test_rows_and_groups_are_counted(model):
    fit, answer = fitted(model), FITS[model]
    assert fit.n_obs == answer["n_obs"]
    expected = {group_key(name): number for name, number in answer["n_groups"].items()}
    assert {group_key(name): number for name, number in fit.n_groups.items()} == expected


@MODELS
def test_every_predicted_random_effect_is_lme4s(model):
    fit = fitted(model)
    for grouping, answer in FITS[model]["random"].items():
        rows = effects_by_label(model, grouping, ours(fit.random_effects, grouping))
        assert len(rows) == len(answer["groups"])
        mine = np.array(
            [rows[label_key(grouping, g)][answer["terms"]].to_numpy(float) for g in answer["groups"]]
        )
        values = np.array(answer["values"], float)
        # Relative to the largest effect of its kind; all are 0 where the variance is.
        scale = np.abs(values).max(axis=0)
        assert_within(mine, values, RELATIVE * scale + 1e-9 * fit.sigma)


@MODELS
def test_conditional_standard_errors_of_random_effects_are_lme4s(model):
    fit = fitted(model)
    for grouping, answer in FITS[model]["random"].items():
        rows = effects_by_label(model, grouping, ours(fit.random_effects_by_patient, grouping))
        for group, variance in zip(answer["groups"], answer["conditional_variance"], strict=False):
            names = [f"std_error {term}" for term in answer["terms"]]
            mine = rows[label_key(grouping, group)][names].to_numpy(float)
            np.testing.assert_allclose(mine, np.sqrt(np.diag(variance)), rtol=RELATIVE, atol=1e-9 * fit.sigma)


@MODELS
def test_fitted_values_and_residuals_are_lme4s(model):
    fit = fitted(model)
    response = frame(model)[FITS[model]["formula"].split("~")[0].strip()].to_numpy(float)
    np.testing.assert_allclose(fit.fittedvalues, FITS[model]["fitted"], rtol=RELATIVE)
    np.testing.assert_allclose(
        fit.resid, response - FITS[model]["fitted"], atol=RELATIVE * np.ptp(response), rtol=0
    )


@MODELS
def test_leverages_are_lme4s(model):
    np.testing.assert_allclose(
        fitted(model).diagnostics().rows_by_patient["leverage"], FITS[model]["hat"], atol=RELATIVE, rtol=0
    )


@MODELS
def test_predictions_of_new_rows_and_their_standard_errors_are_henderson_s(model):
    fit, answer = fitted(model), FITS[model]["predictions"]
    new = pd.DataFrame(answer["new"])
    whole = fit.predict(new, random=False, interval="confidence")
    np.testing.assert_allclose(whole["estimate"], answer["population"], rtol=RELATIVE)
    np.testing.assert_allclose(whole["std_error"], answer["population_se"], rtol=RELATIVE)
    group = fit.predict(new, interval="confidence")
    np.testing.assert_allclose(group["estimate"], answer["group"], rtol=RELATIVE)
    np.testing.assert_allclose(group["std_error"], answer["group_se"], rtol=RELATIVE)


@MODELS
def test_a_further_row_adds_sigma_and_a_new_group_adds_its_variance(model):
    fit, answer = fitted(model), FITS[model]["predictions"]
    new = pd.DataFrame(answer["new"])
    sigma2 = FITS[model]["reml"]["sigma"] ** 2
    row = fit.predict(new, interval="prediction")["std_error"]
    np.testing.assert_allclose(row, np.sqrt(np.square(answer["group_se"]) + sigma2), rtol=RELATIVE)
    row = fit.predict(new, random=False, interval="prediction")["std_error"]
    total = np.square(answer["population_se"]) + answer["random_variance"] + sigma2
    np.testing.assert_allclose(row, np.sqrt(total), rtol=RELATIVE)


@MODELS
def test_r_squared_is_nakagawas_with_n_minus_1(model):
    if FITS[model]["weights"]:
        with pytest.raises(FormulaError):
            fitted(model).r_squared()
        return
    mine, answer = fitted(model).r_squared(), FITS[model]["r_squared"]
    assert mine["marginal"] == pytest.approx(answer["marginal"], rel=RELATIVE, abs=1e-12)
    assert mine["conditional"] == pytest.approx(answer["conditional"], rel=RELATIVE, abs=1e-12)


@pytest.mark.parametrize("model", [name for name, case in FITS.items() if case.get("icc")])
def test_shares_of_the_variance_are_lme4s(model):
    table = fitted(model).icc()
    mine = {group_key(row.group): row.share for row in table.itertuples()}
    for group, share in FITS[model]["icc"].items():
        if group != "Residual":
            assert mine[group_key(group)] == pytest.approx(share, rel=RELATIVE, abs=1e-10)


CROSSED = ("penicillin", "sample")  # the factor that is not in the nested chain
DELETIONS = [(model, grouping) for model, case in FITS.items() for grouping in case["deletion"]]


@pytest.mark.parametrize("model, grouping", [pair for pair in DELETIONS if pair != CROSSED])
def test_leaving_out_a_group_changes_the_coefficients_as_generalised_least_squares_does(model, grouping):
    fit, answer = fitted(model), FITS[model]["deletion"][grouping]
    (name,) = [name for name in fit.n_groups if group_key(name) == group_key(grouping)]
    rows = effects_by_label(model, grouping, fit.diagnostics(name).groups_by_patient)
    found = [rows[label_key(grouping, g)] for g in answer["groups"]]
    se = np.array(FITS[model]["reml"]["se"])
    without = np.array([[r[f"without {term}"] for term in fit.params.index] for r in found], float)
    shift = without - fit.params.to_numpy()
    np.testing.assert_allclose(shift / se, -np.array(answer["dfbeta"]) / se, atol=RELATIVE, rtol=RELATIVE)
    np.testing.assert_allclose([r["cook"] for r in found], answer["cook"], rtol=RELATIVE, atol=1e-10)


def test_deletion_of_a_crossed_factor_is_nan_and_says_so():
    made = fitted(CROSSED[0]).diagnostics(CROSSED[1])
    assert made.groups_by_patient["cook"].isna().all()
    assert any("not available for this crossed factor" in note for note in made.notes)


RATIOS = answers("lmm_fits")["likelihood_ratio"]


@pytest.mark.parametrize("case", RATIOS, ids=lambda case: f"{case['small']}-{case['large']}")
def test_likelihood_ratios_are_anovas(case):
    small, large = fitted(case["small"], case["reml"]), fitted(case["large"], case["reml"])
    test = compare(small, large)
    assert test.statistic == pytest.approx(case["statistic"], abs=2 * DEVIANCE, rel=0)
    assert test.df == case["df"]
    # The p value of anova(); the mixture that belongs to a variance at its boundary is tested elsewhere.
    assert test.p_value_chi2 == pytest.approx(case["p_value"], rel=1e-4)


def test_days_in_seconds_give_the_same_fit():
    days, seconds = fitted("sleepstudy"), fitted("sleepstudy_seconds")
    assert seconds.sigma == pytest.approx(days.sigma, rel=1e-9)
    assert seconds.params["Seconds"] * 86400 == pytest.approx(days.params["Days"], rel=1e-9)
    assert seconds.df["Seconds"] == pytest.approx(days.df["Days"], rel=1e-6)
    # The restricted deviance holds log|X'V^-1 X|, in which the second column counts twice.
    assert seconds.deviance - days.deviance == pytest.approx(2 * np.log(86400), abs=1e-6)
