"""Marginal means and contrasts against emmeans: tests/reference/lmm_margins.R (R 4.2.2, emmeans 1.8.4-1)."""

from __future__ import annotations

import numpy as np
import pytest
from models.lmm_cases import answers, assert_within, columns, fitted

from ketaoutcomes.analysis.margins import contrasts, marginal_means

TOLERANCE = 1e-4  # relative
TINY = 1e-12  # absolute; 1 - p of R's quadratures keeps no more digits
PTUKEY = 5e-7  # absolute; R's ptukey, which emmeans calls, is off by 3e-7 at 5 df
MVT = 1e-4  # absolute; R's own integral is good to about 1e-6

CASES = answers("lmm_margins")["margins"]
METHODS = pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])


def name_of(case):
    return "-".join([case["model"], case["factor"], case["weights"], *map(str, (case["at"] or {}).values())])


MARGINS = pytest.mark.parametrize("case", CASES, ids=name_of)


def asked(case, method):
    """Our arguments for R's case, and R's answer."""
    words = {"by": case["by"] or None, "at": case["at"] or None, "weights": case["weights"]}
    return fitted(case["model"], df=method), case["factor"], words, case[method.replace("-", "_")]


def assert_same_rows(table, rows):
    names = ["estimate", "std_error", "df", "statistic", "p_value"]
    np.testing.assert_allclose(table[names], columns(rows, *names), rtol=TOLERANCE, atol=1e-12)
    limits = columns(rows, "conf_low", "conf_high")
    assert_within(table[["conf_low", "conf_high"]], limits, TOLERANCE * (limits[:, 1:] - limits[:, :1]))


@MARGINS
@METHODS
def test_marginal_means_are_emmeans(case, method):
    fit, factor, words, answer = asked(case, method)
    table = marginal_means(fit, factor, **words).table
    keys = [factor, *([words["by"]] if words["by"] else [])]
    assert table[keys].to_dict("records") == [{key: row[key] for key in keys} for row in answer["means"]]
    assert_same_rows(table, answer["means"])


@MARGINS
@METHODS
def test_pairwise_contrasts_are_emmeans(case, method):
    fit, factor, words, answer = asked(case, method)
    table = contrasts(fit, factor, **words).table
    assert list(table["contrast"]) == [row["contrast"] for row in answer["pairwise"]]
    assert_same_rows(table, answer["pairwise"])


@MARGINS
@METHODS
def test_contrasts_against_a_reference_are_emmeans(case, method):
    fit, factor, words, answer = asked(case, method)
    table = contrasts(fit, factor, reference=case["reference"], **words).table
    assert list(table["contrast"]) == [row["contrast"] for row in answer["against"]]
    assert_same_rows(table, answer["against"])


@MARGINS
@METHODS
@pytest.mark.parametrize("adjust", ["holm", "bonferroni", "sidak", "tukey"])
def test_p_values_adjusted_for_all_pairs_are_emmeans(case, method, adjust):
    fit, factor, words, answer = asked(case, method)
    table = contrasts(fit, factor, adjust=adjust, **words).table
    expected = columns(answer["pairwise"], f"p_{adjust}")[:, 0]
    floor = PTUKEY if adjust == "tukey" else TINY
    np.testing.assert_allclose(table["p_value"], expected, rtol=TOLERANCE, atol=floor)


@MARGINS
@METHODS
def test_tukey_p_values_are_those_of_nested_quadrature(case, method):
    fit, factor, words, answer = asked(case, method)
    table = contrasts(fit, factor, adjust="tukey", **words).table
    expected = columns(answer["pairwise"], "p_tukey_exact")[:, 0]
    np.testing.assert_allclose(table["p_value"], expected, rtol=TOLERANCE, atol=TINY)


@MARGINS
@METHODS
def test_tukey_limits_are_emmeans(case, method):
    fit, factor, words, answer = asked(case, method)
    table = contrasts(fit, factor, adjust="tukey", **words).table
    limits = columns(answer["pairwise"], "tukey_low", "tukey_high")
    assert_within(table[["conf_low", "conf_high"]], limits, TOLERANCE * (limits[:, 1:] - limits[:, :1]))


@MARGINS
@METHODS
def test_holm_against_a_reference_is_emmeans(case, method):
    fit, factor, words, answer = asked(case, method)
    table = contrasts(fit, factor, reference=case["reference"], adjust="holm", **words).table
    expected = columns(answer["against"], "p_holm")[:, 0]
    np.testing.assert_allclose(table["p_value"], expected, rtol=TOLERANCE, atol=TINY)


WHOLE = [case for case in CASES if case["kenward_roger"]["p_mvt"]]


@pytest.mark.parametrize("case", WHOLE, ids=name_of)
def test_multivariate_t_of_all_pairs_is_mvtnorms(case):
    fit, factor, words, answer = asked(case, "kenward-roger")
    table = contrasts(fit, factor, adjust="mvt", **words).table
    np.testing.assert_allclose(table["p_value"], answer["p_mvt"], atol=MVT, rtol=0)


@pytest.mark.parametrize("case", WHOLE, ids=name_of)
@pytest.mark.parametrize("adjust", ["dunnett", "mvt"])
def test_dunnett_against_a_reference_is_mvtnorms(case, adjust):
    fit, factor, words, answer = asked(case, "kenward-roger")
    table = contrasts(fit, factor, reference=case["reference"], adjust=adjust, **words).table
    np.testing.assert_allclose(table["p_value"], answer["p_dunnett"], atol=MVT, rtol=0)
