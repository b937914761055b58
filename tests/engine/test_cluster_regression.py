"""Cluster-robust least squares against R's clubSandwich, closed forms and the dense formula."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ketaoutcomes.engine.cluster_regression import cluster_regression, cr2_ratio
from ketaoutcomes.errors import DataError

# tests/reference/cluster_robust.R: clubSandwich 0.5.8, CR2 and Satterthwaite df, in R 4.2.2.
R = json.loads((Path(__file__).resolve().parents[1] / "reference" / "cluster_robust.json").read_text())


def compare(fit, found):
    shown = found["shown"]
    assert fit.params[shown] == pytest.approx(found["params"], rel=1e-9)
    assert fit.std_error[shown] == pytest.approx(found["std_error"], rel=1e-9)
    assert fit.df[shown] == pytest.approx(found["df"], rel=1e-9)
    assert fit.conf_low[shown] == pytest.approx(found["low_90"], rel=1e-8)
    assert fit.conf_high[shown] == pytest.approx(found["high_90"], rel=1e-8)
    scale = np.outer(found["std_error"], found["std_error"])
    assert fit.cov[np.ix_(shown, shown)] / scale == pytest.approx(np.array(found["cov"]) / scale, abs=1e-9)


def compare_contrasts(fit, found):
    of = fit.contrast(found["contrasts"], 0.95)
    for name, key in (
        ("estimate", "estimate"),
        ("std_error", "contrast_error"),
        ("df", "contrast_df"),
        ("low", "low"),
        ("high", "high"),
    ):
        assert getattr(of, name) == pytest.approx(found[key], rel=1e-8, abs=1e-12), name


def test_groups_of_patients_and_a_time_within_patients_equal_clubsandwich():
    data = R["chick"]
    fit = cluster_regression(data["fit"]["x"], data["y"], data["cluster"], level=0.9)
    compare(fit, data["fit"])
    compare_contrasts(fit, data["fit"])
    assert (fit.n, fit.n_clusters, fit.n_alone) == (578, 50, 0)


def test_weights_and_a_factor_within_clusters_equal_clubsandwich():
    data = R["herds"]
    fit = cluster_regression(
        data["weighted"]["x"], data["y"], data["cluster"], weights=data["weights"], level=0.9
    )
    compare(fit, data["weighted"])
    compare_contrasts(fit, data["weighted"])


def test_a_column_for_every_cluster_leaves_the_effects_within_clusters_as_in_clubsandwich():
    data = R["herds"]
    fit = cluster_regression(data["within"]["x"], data["y"], data["cluster"], level=0.9)
    compare(fit, data["within"])
    # Each of the 15 herds alone tells its own level, which has no variance between herds.
    assert fit.n_alone == 15
    assert np.isnan(fit.std_error[4:]).all()
    assert np.isnan(fit.cov[4:]).all()


def test_the_closed_form_of_a_ratio_equals_clubsandwich_and_the_regression():
    data = R["herds"]
    cluster, cases, size = (np.asarray(data[name]) for name in ("cluster", "incidence", "weights"))
    x, n = (np.bincount(cluster, values)[1:, None] for values in (cases, size))
    ratio, variance, df = (value[0] for value in cr2_ratio(x, n))
    of_r = data["overall"]
    assert ratio == pytest.approx(of_r["params"], rel=1e-12)
    assert variance**0.5 == pytest.approx(of_r["std_error"], rel=1e-9)
    assert df == pytest.approx(of_r["df"], rel=1e-9)
    fit = cluster_regression(np.ones((15, 1)), (x / n)[:, 0], np.arange(15), weights=n[:, 0])
    assert (fit.params[0], fit.std_error[0], fit.df[0]) == pytest.approx(
        (ratio, variance**0.5, df), rel=1e-12
    )


def test_an_intercept_and_equal_clusters_give_the_variance_of_the_mean_of_cluster_means():
    y = np.random.default_rng(5).normal(size=(12, 7))
    fit = cluster_regression(np.ones((84, 1)), y.ravel(), np.repeat(np.arange(12), 7))
    assert fit.cov[0, 0] == pytest.approx(y.mean(axis=1).var(ddof=1) / 12, rel=1e-12)
    assert fit.df[0] == pytest.approx(11, rel=1e-12)


def test_two_groups_of_equal_clusters_have_the_df_of_welchs_test_with_equal_variances():
    # Closed form: V = s1^2/4 + s2^2/12 of cluster means; df = (1/4 + 1/12)^2 / ((1/4)^2/3 + (1/12)^2/11).
    y = np.random.default_rng(6).normal(size=(16, 5))
    cluster = np.repeat(np.arange(16), 5)
    x = np.column_stack([np.ones(80), cluster >= 4])
    fit = cluster_regression(x, y.ravel(), cluster)
    means = y.mean(axis=1)
    variance = means[:4].var(ddof=1) / 4 + means[4:].var(ddof=1) / 12
    assert fit.cov[1, 1] == pytest.approx(variance, rel=1e-12)
    assert fit.df[1] == pytest.approx(
        (1 / 4 + 1 / 12) ** 2 / ((1 / 4) ** 2 / 3 + (1 / 12) ** 2 / 11), rel=1e-12
    )


def dense(x, y, cluster, weights, row):
    """The definition with N x N and m x m matrices."""
    root = np.sqrt(weights)[:, None]
    x, y = x * root, y * root[:, 0]
    bread = np.linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    residual = y - hat @ y
    middle, columns = 0.0, []
    for code in np.unique(cluster):
        own = cluster == code
        values, vectors = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        adjust = vectors @ np.diag(values**-0.5) @ vectors.T
        score = x[own].T @ adjust @ residual[own]
        middle = middle + np.outer(score, score)
        columns.append((np.eye(len(y)) - hat)[:, own] @ adjust @ x[own] @ bread @ row)
    size = np.linalg.eigvalsh(np.array(columns) @ np.array(columns).T)
    return bread @ middle @ bread, size.sum() ** 2 / np.square(size).sum()


@pytest.fixture
def rows():
    stream = np.random.default_rng(11)
    cluster = np.repeat(np.arange(14), stream.integers(1, 9, 14))
    n = cluster.size
    group = cluster % 3
    x = np.column_stack([np.ones(n), group == 1, group == 2, stream.normal(size=n)])
    return x, stream.normal(size=(n, 3)), cluster, stream.uniform(0.3, 3, n)


def test_it_equals_the_definition_with_large_matrices(rows):
    x, y, cluster, weights = rows
    row = np.array([0.0, 1.0, -1.0, 0.4])
    cov, df = dense(x, y[:, 0], cluster, weights, row)
    fit = cluster_regression(x, y[:, 0], cluster, weights=weights)
    assert fit.cov == pytest.approx(cov, abs=1e-12)
    of = fit.contrast(row)
    assert of.std_error == pytest.approx((row @ cov @ row) ** 0.5, rel=1e-11)
    assert of.df == pytest.approx(df, rel=1e-9)
    assert of.estimate == pytest.approx(row @ fit.params, rel=1e-11)


def test_many_outcomes_at_once_equal_one_by_one(rows):
    x, y, cluster, weights = rows
    row = np.array([[0.0, 1.0, -1.0, 0.0], [1.0, 0.0, 0.0, 2.0]])
    together = cluster_regression(x, y, cluster, weights=weights)
    several = together.contrast(row)
    assert (together.params.shape, together.cov.shape, several.estimate.shape) == ((4, 3), (3, 4, 4), (2, 3))
    assert together.contrast(row[0]).low.shape == (3,)
    for column in range(3):
        alone = cluster_regression(x, y[:, column], cluster, weights=weights)
        assert together.params[:, column] == pytest.approx(alone.params, abs=1e-13)
        assert together.cov[column] == pytest.approx(alone.cov, abs=1e-13)
        assert several.low[:, column] == pytest.approx(alone.contrast(row).low, abs=1e-12)
        assert several.df == pytest.approx(alone.contrast(row).df, rel=1e-12)


def test_order_of_rows_names_of_clusters_units_and_doubled_rows_of_half_weight_change_nothing(rows):
    x, y, cluster, weights = rows
    fit = cluster_regression(x, y[:, 0], cluster, weights=weights)
    order = np.random.default_rng(2).permutation(len(cluster))
    names = np.array([f"P{code}" for code in -cluster])[order]
    mixed = cluster_regression(x[order], y[order, 0], names, weights=weights[order])
    assert mixed.params == pytest.approx(fit.params, rel=1e-9)
    assert mixed.std_error == pytest.approx(fit.std_error, rel=1e-9)
    assert mixed.df == pytest.approx(fit.df, rel=1e-9)
    large = cluster_regression(x * [1, 1, 1, 1e6], 1e-3 * y[:, 0], cluster, weights=1e5 * weights)
    assert large.params * [1e3, 1e3, 1e3, 1e9] == pytest.approx(fit.params, rel=1e-9)
    assert large.std_error * [1e3, 1e3, 1e3, 1e9] == pytest.approx(fit.std_error, rel=1e-9)
    twice = cluster_regression(
        np.repeat(x, 2, axis=0),
        np.repeat(y[:, 0], 2),
        np.repeat(cluster, 2),
        weights=np.repeat(weights / 2, 2),
    )
    assert twice.std_error == pytest.approx(fit.std_error, rel=1e-9)
    assert twice.df == pytest.approx(fit.df, rel=1e-9)


def test_a_row_of_weight_zero_is_as_if_left_out(rows):
    x, y, cluster, weights = rows
    kept = cluster != 3
    fit = cluster_regression(x, y[:, 0], cluster, weights=np.where(kept, weights, 0.0))
    without = cluster_regression(x[kept], y[kept, 0], cluster[kept], weights=weights[kept])
    assert (fit.n, fit.n_clusters) == (without.n, 13)
    assert fit.std_error == pytest.approx(without.std_error, rel=1e-12)
    assert fit.df == pytest.approx(without.df, rel=1e-12)


def test_a_group_of_one_patient_has_a_mean_but_no_error_and_the_other_groups_keep_theirs():
    stream = np.random.default_rng(3)
    cluster = np.repeat(np.arange(9), 4)
    x = np.column_stack([cluster == 0, (cluster > 0) & (cluster < 5), cluster >= 5]).astype(float)
    fit = cluster_regression(x, stream.normal(size=36), cluster)
    assert fit.n_alone == 1
    assert np.isfinite(fit.params).all()
    assert np.isnan([fit.std_error[0], fit.df[0], fit.conf_low[0], fit.cov[0, 1]]).all()
    against = fit.contrast([[1, -1, 0], [0, 1, -1]])
    assert np.isfinite(against.estimate).all()
    assert np.isnan([against.std_error[0], against.low[0]]).all()
    # Two groups of four equal clusters: df = 2 (4 - 1).
    assert against.df[1] == pytest.approx(6, rel=1e-12)


def test_a_difference_may_be_known_where_both_coefficients_rest_on_one_patient():
    stream = np.random.default_rng(3)
    cluster = np.repeat(np.arange(9), 4)
    x = np.column_stack([np.ones(36), (cluster > 0) & (cluster < 5), cluster >= 5]).astype(float)
    fit = cluster_regression(x, stream.normal(size=36), cluster)
    assert np.isnan(fit.std_error).all()
    assert fit.contrast([0, 1, -1]).df == pytest.approx(6, rel=1e-12)


def test_a_column_that_others_make_up_is_missing_and_the_rest_is_as_without_it(rows):
    x, y, cluster, weights = rows
    full = np.column_stack([x[:, :3], x[:, 1] + x[:, 2], x[:, 3], x[:, 3] - 2 * x[:, 0]])
    fit = cluster_regression(full, y[:, 0], cluster, weights=weights)
    without = cluster_regression(x, y[:, 0], cluster, weights=weights)
    assert np.isnan(fit.params[[3, 5]]).all()
    assert fit.params[[0, 1, 2, 4]] == pytest.approx(without.params, rel=1e-9)
    assert fit.std_error[[0, 1, 2, 4]] == pytest.approx(without.std_error, rel=1e-9)
    assert fit.df[[0, 1, 2, 4]] == pytest.approx(without.df, rel=1e-9)


def test_with_dependent_columns_only_what_the_data_tell_is_given(rows):
    x, y, cluster, weights = rows
    groups = np.column_stack([x[:, 0], x[:, 0] - x[:, 1] - x[:, 2], x[:, 1], x[:, 2]])
    fit = cluster_regression(groups, y[:, 0], cluster, weights=weights)
    without = cluster_regression(x[:, :3], y[:, 0], cluster, weights=weights)
    # The means of groups are told, whichever column was left out; a single group's column is not.
    of = fit.contrast([[1, 1, 0, 0], [1, 0, 1, 0], [0, -1, 1, 0], [0, 0, 1, 0]])
    expected = without.contrast([[1, 0, 0], [1, 1, 0], [0, 1, 0]])
    assert of.estimate[:3] == pytest.approx(expected.estimate, rel=1e-10)
    assert of.std_error[:3] == pytest.approx(expected.std_error, rel=1e-10)
    assert of.df[:3] == pytest.approx(expected.df, rel=1e-10)
    assert np.isnan([of.estimate[3], of.std_error[3]]).all()


def test_one_patient_or_an_outcome_that_never_differs_gives_no_error():
    one = cluster_regression(np.ones((4, 1)), [0.0, 1.0, 0.0, 1.0], ["a"] * 4)
    assert one.params[0] == pytest.approx(0.5)
    assert np.isnan([one.std_error[0], one.df[0], one.conf_high[0]]).all()
    none = cluster_regression(np.ones((6, 1)), np.zeros(6), [0, 0, 1, 1, 2, 2])
    assert none.params[0] == 0
    assert np.isnan([none.std_error[0], none.conf_high[0]]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cluster_regression([[1.0]], [1.0, 2.0], [0, 1]), "one row per row of y"),
        (lambda: cluster_regression([[1.0], [np.nan]], [1.0, 2.0], [0, 1]), "x is missing"),
        (lambda: cluster_regression([[1.0], [1.0]], [1.0, np.inf], [0, 1]), "y is missing"),
        (lambda: cluster_regression([[1.0], [1.0]], [1.0, 2.0], [0]), "one value per"),
        (
            lambda: cluster_regression([[1.0], [1.0]], [1.0, 2.0], [0, 1], weights=[1, -1]),
            "weight is negative",
        ),
        (lambda: cluster_regression([[1.0], [1.0]], [1.0, 2.0], [0, 1], weights=[1]), "one value per row"),
        (lambda: cluster_regression([[1.0], [1.0]], [1.0, 2.0], [0, 1], weights=[0, 0]), "there is no row"),
        (lambda: cluster_regression([[0.0], [0.0]], [1.0, 2.0], [0, 1]), "other than 0"),
        (lambda: cluster_regression([[1.0], [1.0]], [1.0, 2.0], [0, 1], level=95), "between 0 and 1"),
        (lambda: cluster_regression([[1.0], [1.0]], [1.0, 2.0], [0, 1]).contrast([1, 2]), "1 numbers"),
        (lambda: cluster_regression([[1.0], [1.0]], [1.0, 2.0], [0, 1]).contrast([1], 2), "between 0 and 1"),
    ],
)
def test_malformed_input_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
