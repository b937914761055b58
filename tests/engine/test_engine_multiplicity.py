from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import ndtr, stdtr

from ketaoutcomes.engine.multiplicity import adjust_p_values, simultaneous
from ketaoutcomes.engine.multivariate_t import LargestT, _directions, balanced_pairs, largest_t, single_factor
from ketaoutcomes.engine.studentized_range import range_quantile, range_tail, t_quantile
from ketaoutcomes.errors import DataError


@pytest.fixture(scope="module")
def reference(root):
    return json.loads((root / "tests" / "reference" / "multiplicity.json").read_text())


def number(value):
    return float(value)  # "Inf" is infinity


# ---- the studentised range


@pytest.mark.parametrize("df", [0.3, 1.0, 1.5, 3.7, 10.0, 41.9, 100.0, 1e5, np.inf])
def test_the_range_of_two_means_is_students_t(df):
    for q in (0.01, 0.5, 2.0, 5.0, 20.0):
        single = 2 * (ndtr(-q / np.sqrt(2)) if np.isinf(df) else stdtr(df, -q / np.sqrt(2)))
        assert range_tail(q, 2, df) == pytest.approx(single, rel=1e-10)


def test_the_range_agrees_with_nested_integration_in_r(reference):
    # integrate() was asked for 1e-10 over each of seven pieces.
    for row in reference["ranges"]:
        found = range_tail(row["q"], row["k"], number(row["df"]))
        assert found == pytest.approx(row["integrated"], rel=1e-8), row


def test_the_range_agrees_with_rs_ptukey_where_that_is_accurate(reference):
    # ptukey has no value at 1 degree of freedom, and at 2 is wrong by 1e-5 where two means have a closed
    # form: 1 - sqrt(1 / 5) for q = 1. From 6 on it differs from R's own integrate() by up to 6e-8.
    assert range_tail(1.0, 2, 2.0) == pytest.approx(1 - np.sqrt(1 / 5), rel=1e-12)
    rows = [row for row in reference["ranges"] if number(row["df"]) > 6]
    assert len(rows) == 68
    for row in rows:
        assert range_tail(row["q"], row["k"], number(row["df"])) == pytest.approx(row["ptukey"], abs=1e-7)


def test_quantiles_of_the_range_agree_with_rs_qtukey_where_that_is_accurate(reference):
    # At 2 degrees of freedom qtukey misses sqrt(2) t for two means in the third digit, with ptukey.
    t = 0.95 * np.sqrt(2 / (1 - 0.95**2))
    assert range_quantile(0.95, 2, 2.0) == pytest.approx(np.sqrt(2) * t, rel=1e-12)
    rows = [row for row in reference["quantiles"] if number(row["df"]) >= 10]
    assert len(rows) == 45
    for row in rows:
        found = range_quantile(row["level"], row["k"], number(row["df"]))
        assert found == pytest.approx(row["qtukey"], abs=1e-5)


@pytest.mark.parametrize(("n_means", "df"), [(2, 3.5), (3, 1.2), (7, 6.64), (20, 51), (50, np.inf)])
def test_a_quantile_of_the_range_is_exceeded_with_its_probability(n_means, df):
    for level in (0.5, 0.95, 0.999):
        tail = range_tail(range_quantile(level, n_means, df), n_means, df)
        assert tail == pytest.approx(1 - level, rel=1e-9)


def test_a_tabled_value_of_the_range_is_found():
    # Harter (1960), Ann. Math. Stat. 31, 1122: upper 5% point for 4 means and 20 degrees of freedom.
    assert range_quantile(0.95, 4, 20) == pytest.approx(3.958, abs=5e-4)


def test_nothing_and_everything_are_exceeded_as_they_should():
    assert range_tail(0.0, 5, 10) == 1.0
    assert range_tail(np.inf, 5, 10) == 0.0
    assert np.isnan(range_tail(np.nan, 5, 10))


# ---- the largest of several |t|


def test_the_largest_t_agrees_with_mvtnorm(reference):
    for family in reference["families"]:
        largest = largest_t(np.array(family["correlation"]))
        df = number(family["df"])
        for row in family["tails"]:
            # What mvtnorm states as its own error, and ours.
            allowed = row["error"] + 1e-5
            assert largest.tail(row["cut"], df) == pytest.approx(row["tail"], abs=allowed), family["name"]
        # qmvt stops at 1e-3 of the probability.
        assert largest.tail(family["quantile"], df) == pytest.approx(0.05, abs=1.5e-3)


def test_a_shared_control_is_recognised_and_needs_no_simulation(reference):
    kinds = {f["name"]: largest_t(np.array(f["correlation"])).error == 0.0 for f in reference["families"]}
    assert kinds == {
        "balanced control": True,
        "unbalanced control": True,
        "general": False,
        "two": True,
        "pairs of three means": True,
    }


def test_loadings_are_found_with_their_signs_and_gaps():
    loadings = np.array([0.7, -0.4, 0.0, 0.6])
    correlation = np.outer(loadings, loadings)
    np.fill_diagonal(correlation, 1.0)
    found = single_factor(correlation)
    assert found * np.sign(found[0]) == pytest.approx(loadings)
    assert single_factor(pairs(4)) is None


def test_independent_t_statistics_of_known_variance_multiply():
    assert largest_t(np.eye(4)).tail(2.0) == pytest.approx(1 - (1 - 2 * ndtr(-2.0)) ** 4, rel=1e-12)


def test_one_t_statistic_told_twice_is_one():
    same = largest_t(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert same.tail(2.3, 7.5) == pytest.approx(2 * stdtr(7.5, -2.3), rel=1e-12)
    assert same.quantile(0.95, 7.5) == pytest.approx(t_quantile(0.025, 7.5), rel=1e-9)


def pairs(n_means, variances=None):
    first, second = np.triu_indices(n_means, 1)
    rows = np.eye(n_means)[first] - np.eye(n_means)[second]
    covariance = rows @ np.diag(np.ones(n_means) if variances is None else variances) @ rows.T
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


@pytest.mark.parametrize("n_means", [3, 4, 5, 6])
def test_sampled_directions_give_the_range_of_all_pairs(n_means):
    correlation = pairs(n_means)
    assert balanced_pairs(correlation) == n_means
    values, vectors = np.linalg.eigh(correlation)
    rows = vectors[:, values > 1e-9] * np.sqrt(values[values > 1e-9])
    sampled = _directions(rows / np.linalg.norm(rows, axis=1, keepdims=True), 1e-5)
    assert sampled.error <= 1e-5
    for df in (4.2, 30.0, np.inf):
        for c in (2.0, 2.7, 4.0):
            exact = range_tail(np.sqrt(2) * c, n_means, df)
            assert sampled.tail(c, df) == pytest.approx(exact, abs=2e-5)


def test_small_tails_keep_their_digits():
    # Unequal variances leave no exact form; at this size the sum over the pairs is the probability.
    largest = largest_t(pairs(4, [1.0, 0.5, 2.0, 0.8]))
    assert largest.tail(9.0) == pytest.approx(6 * 2 * ndtr(-9.0), rel=1e-3)


def test_the_same_family_gives_the_same_p_to_the_last_digit():
    correlation = pairs(4, [1.0, 0.5, 2.0, 0.8])
    assert largest_t(correlation).tail(2.5, 12.0) == largest_t(correlation).tail(2.5, 12.0)


def test_a_tail_lies_between_a_single_test_and_independent_tests():
    class Wrong:
        error = 0.0

        def tail(self, c, df):
            return -1.0 if c > 3 else 2.0

    largest = LargestT(5, 0.0, Wrong())
    assert largest.tail(4.0) == pytest.approx(2 * ndtr(-4.0))
    assert largest.tail(2.0) == pytest.approx(1 - (1 - 2 * ndtr(-2.0)) ** 5)


# ---- adjustments


@pytest.mark.parametrize("method", ["holm", "hochberg", "bonferroni", "bh", "by"])
def test_p_values_are_adjusted_as_by_rs_p_adjust(reference, method):
    p = reference["p_values"]["p"]
    assert adjust_p_values(p, method) == pytest.approx(reference["p_values"][method], rel=1e-12)


def test_p_values_are_those_of_the_methods_page():
    # methods: Holm .05 .08 .09 .03 .09 .20 for these p.
    holm = adjust_p_values([0.01, 0.02, 0.03, 0.005, 0.04, 0.20], "holm")
    assert holm == pytest.approx([0.05, 0.08, 0.09, 0.03, 0.09, 0.20])


def test_sidak_keeps_the_digits_of_a_small_p():
    assert adjust_p_values([1e-18, 0.5], "sidak")[0] == pytest.approx(2e-18, rel=1e-12)
    assert adjust_p_values([1e-18, 0.5], "sidak")[1] == pytest.approx(0.75)


def test_missing_p_values_are_no_tests():
    adjusted = adjust_p_values([0.01, np.nan, 0.03], "bonferroni")
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.06])
    assert np.isnan(adjusted[1])


def test_an_unknown_method_is_refused():
    with pytest.raises(DataError, match="must be one of none, bonferroni"):
        adjust_p_values([0.1], "fdr")
    with pytest.raises(DataError, match="must be one of none, holm"):
        simultaneous(np.array([1.0, 2.0]), np.array([9.0, 9.0]), "scheffe")
    with pytest.raises(DataError, match="needs the correlation"):
        simultaneous(np.array([1.0, 2.0]), np.array([9.0, 9.0]), "mvt")


@pytest.mark.parametrize("method", ["bonferroni", "sidak", "tukey", "mvt"])
def test_limits_and_p_values_tell_the_same_tale(method):
    # At its critical value a contrast has p = 1 - level, whatever the method and its own df.
    df = np.array([4.3, 17.0, 60.0])
    correlation = pairs(3, [1.0, 0.6, 1.7])
    options = {"level": 0.9, "correlation": correlation, "n_means": 3}
    critical = simultaneous(np.ones(3), df, method, **options).critical
    assert simultaneous(critical, df, method, **options).p_values == pytest.approx([0.1] * 3, rel=1e-6)


def test_holm_has_the_limits_of_bonferroni():
    t, df = np.array([2.0, 2.5, 3.0]), np.full(3, 12.0)
    holm, bonferroni = (simultaneous(t, df, method) for method in ("holm", "bonferroni"))
    assert holm.limits == "bonferroni"
    assert holm.critical == pytest.approx(bonferroni.critical)
    assert (holm.p_values <= bonferroni.p_values).all()
    assert holm.p_values[1] < bonferroni.p_values[1]


@pytest.mark.parametrize("method", ["holm", "bonferroni", "sidak", "tukey", "dunnett", "mvt"])
def test_a_family_of_one_is_not_adjusted(method):
    found = simultaneous(np.array([2.2]), np.array([7.0]), method, n_means=2, correlation=np.ones((1, 1)))
    assert found.p_values[0] == pytest.approx(2 * stdtr(7.0, -2.2))
    assert found.critical[0] == pytest.approx(t_quantile(0.025, 7.0))
