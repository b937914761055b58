"""Likelihood ratio tests of nested models against lme4, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from models.lmm_cases import answers, fitted, frame

from ketaoutcomes.analysis.compare import compare
from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.errors import DataError

RATIOS = answers("lmm_fits")["likelihood_ratio"]
SLEEP = "Reaction ~ Days + (1 + Days | Subject)"


def sleep(formula, **arguments):
    return lmm(formula, frame("sleepstudy"), **arguments)


@pytest.mark.parametrize("case", RATIOS, ids=lambda case: f"{case['large']}-{case['reml']}")
def test_statistic_and_plain_p_are_those_of_lme4(case):
    found = compare(fitted(case["small"], reml=case["reml"]), fitted(case["large"], reml=case["reml"]))
    assert found.statistic == pytest.approx(case["statistic"], abs=1e-6)
    assert found.df == case["df"]
    assert found.p_value_chi2 == pytest.approx(case["p_value"], rel=1e-6)
    assert found.reml == case["reml"]


def test_a_slope_with_its_covariance_is_compared_with_a_mixture():
    found = compare(fitted("sleepstudy_intercept", reml=False), fitted("sleepstudy", reml=False))
    assert found.reference == "0.5 chi2(1) + 0.5 chi2(2)"
    # 0.5 * pchisq(42.139298542, 1, lower = FALSE) + 0.5 * pchisq(42.139298542, 2, lower = FALSE), R 4.2.2;
    # plain chi-squared on 2 df: 7.07e-10.
    assert found.p_value == pytest.approx(3.96119530793e-10, rel=1e-6)
    assert found.p_value_chi2 == pytest.approx(7.07241254719e-10, rel=1e-6)
    assert any("0.5 chi2(1) + 0.5 chi2(2)" in note for note in found.notes)
    assert not found.conservative


def test_the_table_has_both_models_by_the_same_criterion():
    found = compare(fitted("sleepstudy_intercept", reml=False), fitted("sleepstudy", reml=False))
    assert list(found.table.columns) == [
        "model", "n_parameters", "log_likelihood", "deviance", "aic", "bic", "statistic", "df", "p_value",
    ]  # fmt: skip
    small, large = found.table.to_dict("records")
    assert (small["n_parameters"], large["n_parameters"]) == (4, 6)
    # lme4 1.1-31: logLik, AIC and BIC of the ML fit.
    assert large["log_likelihood"] == pytest.approx(-875.969672231599, abs=1e-6)
    assert large["aic"] == pytest.approx(1763.9393444632, abs=1e-6)
    assert large["bic"] == pytest.approx(1783.09708556854, abs=1e-6)
    assert np.isnan(small["p_value"])
    assert large["df"] == 2


def test_one_variance_is_compared_with_half_a_point_at_zero():
    small = fitted("sleepstudy_intercept", reml=False)
    found = compare(small, fitted("sleepstudy_uncorrelated", reml=False))
    assert found.reference == "0.5 chi2(0) + 0.5 chi2(1)"
    assert found.p_value == pytest.approx(found.p_value_chi2 / 2, rel=1e-12)


def test_a_correlation_is_no_boundary():
    small = fitted("sleepstudy_uncorrelated", reml=False)
    found = compare(small, fitted("sleepstudy", reml=False))
    assert found.reference == "chi2(1)"
    assert found.p_value == pytest.approx(0.800418431976, rel=1e-6)  # lme4 1.1-31
    assert not found.conservative


def test_restricted_fits_with_different_fixed_effects_are_fitted_again_by_ml():
    found = compare(fitted("oats"), fitted("oats_interaction"))
    assert found.statistic == pytest.approx(2.13746248443, abs=1e-6)  # anova of ML fits, lme4 1.1-31
    assert not found.reml
    assert "maximum likelihood" in found.notes[0]
    assert "the fixed effects differ" in found.notes[0]
    assert found.table["deviance"].tolist() == pytest.approx(
        [fitted(name, reml=False).deviance for name in ("oats", "oats_interaction")]
    )


def test_a_restricted_and_an_ml_fit_are_compared_by_ml():
    found = compare(fitted("sleepstudy_intercept"), fitted("sleepstudy", reml=False))
    assert found.statistic == pytest.approx(42.139298542, abs=1e-6)
    assert "maximum likelihood" in found.notes[0]


def test_restricted_fits_that_code_time_differently_are_compared_by_ml():
    found = compare(
        sleep("Reaction ~ Days + (1 | Subject)"), sleep("Reaction ~ Seconds + (1 + Seconds | Subject)")
    )
    # The same models in other units: the statistic of the ML fits.
    assert found.statistic == pytest.approx(42.139298542, abs=1e-5)
    assert not found.reml
    assert found.reference == "0.5 chi2(1) + 0.5 chi2(2)"


def test_a_third_correlated_effect_adds_two_covariances():
    days = frame("sleepstudy").assign(Late=lambda data: (data["Days"] > 4).astype(float))
    found = compare(
        lmm(SLEEP, days, reml=False), lmm("Reaction ~ Days + (1 + Days + Late | Subject)", days, reml=False)
    )
    assert found.df == 3
    assert found.reference == "0.5 chi2(2) + 0.5 chi2(3)"


@pytest.mark.parametrize(
    "small, large",
    [
        ("Reaction ~ Days + (1 | Subject)", "Reaction ~ Days + (1 + Days + I(Days ** 2) | Subject)"),
        ("Reaction ~ Days + (1 | Subject)", "Reaction ~ Days + (1 + Days || Subject) + (1 | Half)"),
    ],
)
def test_anything_else_is_plain_chi_squared_and_said_to_be_conservative(small, large):
    data = frame("sleepstudy").assign(Half=lambda rows: "h" + (rows["Days"] % 5).astype(str))
    found = compare(lmm(small, data, reml=False), lmm(large, data, reml=False))
    assert found.reference == f"chi2({found.df})"
    assert found.conservative
    assert found.p_value == found.p_value_chi2
    assert any(note.startswith("Conservative") for note in found.notes)


def test_coefficients_and_variances_together_are_not_called_conservative():
    # With 8 groups and 4 further coefficients a true null is rejected at .05 in about one of six tries.
    data = frame("sleepstudy")
    found = compare(lmm("Reaction ~ 1 + (1 | Subject)", data), lmm(SLEEP, data))
    assert found.reference == f"chi2({found.df})"
    assert not found.conservative
    assert any("few groups too small a one" in note for note in found.notes)


def test_groups_are_told_by_their_rows_and_not_by_their_names():
    data = frame("pastes").assign(all_casks=lambda rows: rows["batch"] + rows["cask"])
    small = lmm("strength ~ 1 + (1 | all_casks)", data, reml=False)
    found = compare(small, lmm("strength ~ 1 + (1 | batch/cask)", data, reml=False))
    assert found.reference == "0.5 chi2(0) + 0.5 chi2(1)"
    assert "by batch" in found.notes[1]


def test_the_bootstrap_of_an_interaction_agrees_with_the_exact_test():
    found = compare(fitted("oats"), fitted("oats_interaction"), method="bootstrap", n_replicates=150, seed=2)
    # Balanced: the F test (6, 45) is exact, p = 0.9322 (lmerTest, R 4.2.2). Three standard errors.
    assert abs(found.p_value - 0.932198759) < 3 * np.sqrt(0.932 * 0.068 / 150)
    assert (found.reference, found.n_replicates, found.n_failed) == ("bootstrap", 150, 0)
    again = compare(fitted("oats"), fitted("oats_interaction"), method="bootstrap", n_replicates=150, seed=2)
    assert again.p_value == found.p_value


def test_the_bootstrap_p_of_a_large_effect_is_the_smallest_there_is():
    found = compare(fitted("sleepstudy_intercept"), fitted("sleepstudy"), method="bootstrap", n_replicates=39)
    assert found.p_value == pytest.approx(1 / 40)


def test_a_statistic_of_zero_has_p_one():
    small = lmm("Yield ~ 1 + (1 | Batch)", frame("dyestuff2").assign(Half=list("ab") * 15))
    large = lmm("Yield ~ 1 + (1 | Batch) + (1 | Half)", frame("dyestuff2").assign(Half=list("ab") * 15))
    found = compare(small, large)
    assert found.table["deviance"][0] == pytest.approx(found.table["deviance"][1], abs=1e-9)
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert any("boundary fit" in note for note in found.notes)


def test_models_of_different_rows_are_refused():
    data = frame("sleepstudy").copy()
    data.loc[[3, 7], "Seconds"] = np.nan
    with pytest.raises(DataError, match=r"different rows \(180 and 178\)"):
        compare(lmm("Reaction ~ 1 + (1 | Subject)", data), lmm("Reaction ~ Seconds + (1 | Subject)", data))


def test_as_many_but_other_rows_are_refused():
    first, second = frame("sleepstudy").copy(), frame("sleepstudy").copy()
    first.loc[3, "Reaction"] = np.nan
    second.loc[4, "Reaction"] = np.nan
    with pytest.raises(DataError, match="different rows"):
        compare(lmm("Reaction ~ Days + (1 | Subject)", first), lmm(SLEEP, second))


def test_models_of_different_responses_are_refused():
    with pytest.raises(DataError, match="different responses"):
        compare(sleep("I(Reaction / 2) ~ Days + (1 | Subject)"), sleep(SLEEP))


def test_models_with_different_weights_are_refused():
    with pytest.raises(DataError, match="different weights"):
        compare(sleep("Reaction ~ Days + (1 | Subject)"), sleep(SLEEP, weights="Weight"))


@pytest.mark.parametrize(
    "small, large",
    [
        ("Reaction ~ Days + (1 | Subject)", "Reaction ~ 1 + (1 + Days | Subject)"),
        ("Reaction ~ Days + (1 | Subject)", "Reaction ~ Days + (1 | Half)"),
        ("Reaction ~ Days + (1 + Days | Subject)", "Reaction ~ Days + (1 + Days || Subject) + (1 | Half)"),
    ],
)
def test_models_that_are_not_nested_are_refused(small, large):
    data = frame("sleepstudy").assign(Half=lambda rows: "h" + (rows["Days"] % 5).astype(str))
    with pytest.raises(DataError, match="not nested, neither model holds the other"):
        compare(lmm(small, data), lmm(large, data))


@pytest.mark.parametrize("small", ["Reaction ~ Days + (1 | Subject)", "Reaction ~ 1 + (1 | Subject)"])
def test_models_in_the_wrong_order_are_told_apart_from_models_that_are_not_nested(small):
    with pytest.raises(DataError, match="wrong order: the first holds the second; give the smaller"):
        compare(sleep(SLEEP), sleep(small))


@pytest.mark.parametrize("weights", [None, "Weight"])
def test_the_same_rows_in_another_order_are_said_to_be(weights):
    shuffled = frame("sleepstudy").sample(frac=1.0, random_state=4)
    with pytest.raises(DataError, match="rows are in another order"):
        compare(
            sleep("Reaction ~ Days + (1 | Subject)", weights=weights), lmm(SLEEP, shuffled, weights=weights)
        )


def test_several_models_are_tested_each_against_the_one_before():
    fits = [
        sleep(f"Reaction ~ {terms} | Subject)", reml=False)
        for terms in ("1 + (1", "Days + (1", "Days + (1 + Days")
    ]
    found = compare(*fits)
    pairs = [compare(fits[0], fits[1]), compare(fits[1], fits[2])]
    assert found.table["statistic"].tolist()[1:] == [pair.statistic for pair in pairs]
    assert found.table["p_value"].tolist()[1:] == [pair.p_value for pair in pairs]
    # lme4 1.1-31: tests/reference/lmm_fits.json, for the second step.
    assert (found.statistic, found.df) == (pytest.approx(42.139298542, abs=1e-6), 2)
    assert "Model 3: Reference distribution: 0.5 chi2(1) + 0.5 chi2(2)." in found.notes
    assert "Model 2: Reference distribution: chi2(1)." in found.notes


def test_several_models_have_one_criterion():
    # The second step alone would compare restricted likelihoods.
    found = compare(
        sleep("Reaction ~ 1 + (1 | Subject)"), sleep("Reaction ~ Days + (1 | Subject)"), sleep(SLEEP)
    )
    assert not found.reml
    assert found.table["deviance"][2] == pytest.approx(2 * 875.969672231599, abs=1e-6)  # lme4 1.1-31
    assert found.table["statistic"][2] == pytest.approx(
        found.table["deviance"][1] - found.table["deviance"][2], abs=1e-9
    )


def test_a_model_is_not_compared_with_itself():
    with pytest.raises(DataError, match="are the same"):
        compare(fitted("sleepstudy"), fitted("sleepstudy", reml=False))


def test_arguments_are_checked():
    small, large = fitted("sleepstudy_intercept"), fitted("sleepstudy")
    with pytest.raises(DataError, match="'chi2' or 'bootstrap'"):
        compare(small, large, method="wald")
    for n_replicates in (0, 1.5, "many"):
        with pytest.raises(DataError, match="n_replicates must be a whole number of at least 1"):
            compare(small, large, method="bootstrap", n_replicates=n_replicates)
    for seed in ("a", 0.5, -1, None):
        with pytest.raises(DataError, match="seed must be a whole number of at least 0"):
            compare(small, large, method="bootstrap", n_replicates=5, seed=seed)
    with pytest.raises(DataError, match="fitted by lmm"):
        compare(small, pd.DataFrame())


def test_the_comparison_reads_as_text():
    words = compare(fitted("sleepstudy_intercept", reml=False), fitted("sleepstudy", reml=False)).summary()
    assert "42.139" in words
    assert "Reference distribution: 0.5 chi2(1) + 0.5 chi2(2)." in words


def test_long_formulas_stand_below_the_table_and_do_not_widen_it():
    long = "Reaction ~ Days +\n    (1 +    Days | Subject)"
    words = compare(sleep("Reaction ~ Days + (1 | Subject)"), sleep(long)).summary().splitlines()
    assert "  Model 1: Reaction ~ Days + (1 | Subject)" in words
    assert "  Model 2: Reaction ~ Days + (1 + Days | Subject)" in words
    rows = [line for line in words if line.startswith(("  1", "  2"))]
    assert len(rows) == 2
    assert max(map(len, rows)) < 80
