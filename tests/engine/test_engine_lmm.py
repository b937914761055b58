"""The mixed-model engine against n x n matrices, finite differences and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from engine.dense_model import MODELS, ONE, Dense, columns, made_up

from ketaoutcomes.engine.criterion import at_theta
from ketaoutcomes.engine.effects import Effects, row_terms
from ketaoutcomes.engine.factors import covariances, full_rank, unpacked
from ketaoutcomes.engine.groups import Block, Grouping
from ketaoutcomes.engine.influence import group_deletion
from ketaoutcomes.engine.lmm import fit_lmm
from ketaoutcomes.engine.small_sample import KenwardRoger, Satterthwaite
from ketaoutcomes.engine.sums import cross_products
from ketaoutcomes.errors import DataError, FormulaError


def summed(data):
    sums, _ = data.fitted_by(cross_products)
    factors = tuple(full_rank(piece.q) for piece in sums.pieces)
    size = sum(len(factor.rows) for factor in factors)
    return sums, factors, np.random.default_rng(5).normal(0.5, 0.5, size)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_criterion_and_coefficients_agree_with_n_by_n_matrices_at_any_theta(model, reml):
    data = made_up(model)
    sums, factors, theta = summed(data)
    point = at_theta(sums, factors, theta, reml=reml, order=0)
    dense = Dense(data, sums.pieces, covariances(sums, unpacked(factors, theta)), reml=reml)
    scale = sums.scale
    units = 2 * dense.df * np.log(scale.y_scale) + (scale.log_size() if reml else 0.0)
    assert point.value + units == pytest.approx(dense.deviance(), abs=1e-9)
    turn, shift = scale.back()
    np.testing.assert_allclose(turn @ point.beta + shift, dense.beta, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_gradient_and_hessian_agree_with_central_differences(model, reml):
    sums, factors, theta = summed(made_up(model))
    point = at_theta(sums, factors, theta, reml=reml)
    h = 1e-5

    def difference(of, order):
        steps = np.eye(len(theta)) * h
        return np.array([
            (of(at_theta(sums, factors, theta + e, reml=reml, order=order))
             - of(at_theta(sums, factors, theta - e, reml=reml, order=order))) / (2 * h)
            for e in steps
        ])  # fmt: skip

    # Central differences of step 1e-5 are good to about 1e-10 times the criterion's size over the step.
    np.testing.assert_allclose(point.gradient, difference(lambda p: p.value, 0), atol=1e-6)
    np.testing.assert_allclose(point.hessian, difference(lambda p: p.gradient, 1), atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_fit_is_at_a_stationary_point_and_its_numbers_follow_from_v(model):
    data = made_up(model)
    fit, x = data.fitted_by(fit_lmm)
    relative = [block / fit.sigma**2 for block in fit.blocks]
    dense = Dense(data, fit.sums.pieces, relative)
    assert fit.converged
    assert fit.gradient_norm < 1e-5
    assert fit.deviance == pytest.approx(dense.deviance(), abs=1e-8)
    assert fit.sigma**2 == pytest.approx(dense.variance, rel=1e-9)
    np.testing.assert_allclose(fit.covariance, dense.variance * np.linalg.inv(dense.a), rtol=1e-7, atol=1e-12)

    effects = Effects(fit)
    blups, variances = dense.effects()
    for number, (values, spread) in enumerate(zip(blups, variances, strict=True)):
        np.testing.assert_allclose(effects.of_block(number), values, atol=1e-9)
        np.testing.assert_allclose(effects.variance_of_block(number), spread, atol=1e-9)

    if data.weights is None:
        codes = [grouping.codes for grouping in data.groupings]
        terms = row_terms(effects, x, columns(data), codes)
        np.testing.assert_allclose(terms.random_variance, 1 - np.diag(dense.inverse), atol=1e-10)
        np.testing.assert_allclose(terms.x_left, dense.inverse @ x, atol=1e-10)


@pytest.mark.parametrize("model", [m for m in MODELS if m != "weighted slope"])
def test_deleting_a_group_in_closed_form_is_generalised_least_squares_without_its_rows(model):
    data = made_up(model)
    y = data.y.copy()
    fit, x = fit_lmm(data.x.copy(order="F"), y, data.groupings, intercept=0)
    v = Dense(data, fit.sums.pieces, [block / fit.sigma**2 for block in fit.blocks]).v
    chain = {number for number, _, _ in fit.sums.tree.chain}
    for number, grouping in enumerate(data.groupings):
        codes = [each.codes for each in data.groupings]
        made = group_deletion(Effects(fit), number, x, y, columns(data), codes)
        if number not in chain:
            assert made is None
            continue
        for group in range(grouping.n_groups):
            stays = grouping.codes != group
            inverse = np.linalg.inv(v[np.ix_(stays, stays)])
            a = data.x[stays].T @ inverse @ data.x[stays]
            without = np.linalg.solve(a, data.x[stays].T @ inverse @ data.y[stays])
            np.testing.assert_allclose(made.beta[group], without, atol=1e-9)
            moved = fit.beta - without
            cook = moved @ np.linalg.solve(fit.covariance, moved) / len(moved)
            assert made.cook[group] == pytest.approx(cook, abs=1e-9)


def kenward_roger_dense(data, fit):
    """Adjusted covariance and single-row df, written out from the paper with n x n matrices."""
    variance = fit.sigma**2
    dense = Dense(data, fit.sums.pieces, [block / variance for block in fit.blocks])
    inverse = dense.inverse / variance
    n = len(data.y)
    residual = np.eye(n) if data.weights is None else np.diag(1.0 / data.weights)
    slopes = [residual]
    at = 0
    for k, q in dense.order:
        for b in range(q):
            for a in range(b, q):
                e = np.zeros((q, q))
                e[a, b] = e[b, a] = 1.0
                width = k * q
                z = dense.z[:, at : at + width]
                slopes.append(z @ np.kron(np.eye(k), e) @ z.T)
        at += k * q
    x = data.x
    phi = np.linalg.inv(x.T @ inverse @ x)
    p = [-x.T @ inverse @ v @ inverse @ x for v in slopes]
    q = [[x.T @ inverse @ v @ inverse @ w @ inverse @ x for w in slopes] for v in slopes]
    size = len(slopes)
    information = np.array([
        [np.trace(inverse @ slopes[r] @ inverse @ slopes[t]) - 2 * np.trace(phi @ q[r][t])
         + np.trace(phi @ p[r] @ phi @ p[t]) for t in range(size)] for r in range(size)
    ])  # fmt: skip
    spread = 2 * np.linalg.inv(information)
    middle = sum(spread[r, t] * (q[r][t] - p[r] @ phi @ p[t]) for r in range(size) for t in range(size))
    adjusted = phi + 2 * phi @ middle @ phi
    df = []
    for row in np.eye(x.shape[1]):
        share = [row @ phi @ each @ phi @ row / (row @ phi @ row) for each in p]
        df.append(2 / sum(spread[r, t] * share[r] * share[t] for r in range(size) for t in range(size)))
    return adjusted, np.array(df)


@pytest.mark.parametrize("model", MODELS)
def test_kenward_roger_agrees_with_the_paper_written_out_with_n_by_n_matrices(model):
    data = made_up(model, seed=3)
    fit, _ = data.fitted_by(fit_lmm)
    inference = KenwardRoger(fit)
    adjusted, df = kenward_roger_dense(data, fit)
    np.testing.assert_allclose(inference.covariance, (adjusted + adjusted.T) / 2, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(inference.df(np.eye(3)), df, rtol=1e-6)


def test_balanced_one_way_data_give_the_analysis_of_variance():
    random = np.random.default_rng(2)
    k, size = 12, 5
    codes = np.repeat(np.arange(k), size)
    y = random.normal(0, 2, k)[codes] + random.normal(0, 1, k * size)
    means = y.reshape(k, size).mean(1)
    within = ((y.reshape(k, size) - means[:, None]) ** 2).sum() / (k * (size - 1))
    between = size * means.var(ddof=1)
    fit, _ = fit_lmm(
        np.ones((k * size, 1), order="F"), y.copy(), (Grouping("g", codes, k, (ONE,)),), intercept=0
    )
    assert fit.sigma**2 == pytest.approx(within, rel=1e-9)
    assert fit.blocks[0][0, 0] == pytest.approx((between - within) / size, rel=1e-9)
    assert fit.beta[0] == pytest.approx(y.mean())
    assert fit.covariance[0, 0] == pytest.approx(between / (k * size), rel=1e-9)
    for method in (Satterthwaite, KenwardRoger):
        assert method(fit).df(np.eye(1))[0] == pytest.approx(k - 1, rel=1e-7)


def test_balanced_slopes_give_the_t_tests_of_each_patients_own_regression():
    random = np.random.default_rng(4)
    k, time = 15, np.arange(6.0)
    y = random.normal(0, 3, (k, 1)) + random.normal(0.5, 1, (k, 1)) * time + random.normal(size=(k, 6))
    codes, t = np.repeat(np.arange(k), 6), np.tile(time, k)
    x = np.asfortranarray(np.column_stack([np.ones(k * 6), t]))
    block = Block(("(Intercept)", "t"), (None, t.copy()))
    fit, _ = fit_lmm(x, y.flatten(), (Grouping("g", codes, k, (block,)),), intercept=0)
    own = np.polynomial.polynomial.polyfit(time, y.T, 1).T
    np.testing.assert_allclose(fit.beta, own.mean(0), rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), own.std(0, ddof=1) / np.sqrt(k), rtol=1e-7)
    np.testing.assert_allclose(KenwardRoger(fit).df(np.eye(2)), k - 1, rtol=1e-6)


def grouping(codes, *blocks):
    return Grouping("patient_id", np.asarray(codes), int(np.max(codes)) + 1, blocks or (ONE,))


def test_one_row_per_group_is_refused():
    with pytest.raises(FormulaError, match="cannot be told from the residual"):
        fit_lmm(np.ones((6, 1)), np.arange(6.0), (grouping(range(6)),), intercept=0)


def test_constant_response_is_refused():
    with pytest.raises(DataError, match="same value in all 6 rows"):
        fit_lmm(np.ones((6, 1)), np.full(6, 3.0), (grouping([0, 0, 1, 1, 2, 2]),), intercept=0)


def test_fewer_groups_than_parameters_is_refused():
    t = np.arange(8.0)
    slope = Block(("(Intercept)", "t"), (None, t))
    with pytest.raises(FormulaError, match="2 groups, fewer than the 3 variances"):
        fit_lmm(np.ones((8, 1)), np.cos(t), (grouping(np.arange(8) // 4, slope),), intercept=0)


def test_two_factors_with_the_same_groups_are_refused():
    codes = np.arange(12) // 3
    same = Grouping("clinic_id", 3 - codes, 4, (ONE,))
    with pytest.raises(FormulaError, match="make the same groups"):
        fit_lmm(np.ones((12, 1)), np.cos(np.arange(12.0)), (grouping(codes), same), intercept=0)


def test_a_random_slope_on_a_column_that_does_not_vary_is_refused():
    block = Block(("(Intercept)", "t"), (None, np.full(40, 7.0)))
    with pytest.raises(FormulaError, match="does not vary"):
        fit_lmm(
            np.ones((40, 1)), np.cos(np.arange(40.0)), (grouping(np.arange(40) // 4, block),), intercept=0
        )


def test_a_response_that_the_columns_explain_exactly_is_refused():
    x = np.asfortranarray(np.column_stack([np.ones(12), np.arange(12.0)]))
    with pytest.raises(DataError, match="fitted exactly"):
        fit_lmm(x, 3 + 2 * np.arange(12.0), (grouping(np.arange(12) // 3),), intercept=0)


def test_more_coefficients_than_rows_are_refused():
    x = np.asfortranarray(np.vander(np.arange(6.0) / 6, 6, increasing=True))
    with pytest.raises(FormulaError, match="6 rows cannot tell 6 coefficients apart"):
        fit_lmm(x, np.cos(np.arange(6.0)), (grouping([0, 0, 1, 1, 2, 2]),), intercept=0)


def test_a_column_that_is_a_combination_of_others_is_left_out_and_expressed_by_them():
    data = made_up("slope")
    x = np.asfortranarray(np.column_stack([data.x[:, :2], 5 - 3 * data.x[:, 1], data.x[:, 2]]))
    fit, _ = fit_lmm(x.copy(order="F"), data.y.copy(), data.groupings, intercept=0)
    np.testing.assert_array_equal(fit.sums.kept, [True, True, False, True])
    np.testing.assert_allclose(fit.sums.combinations[:, 0], [5, -3, 0], atol=1e-9)
    whole, _ = data.fitted_by(fit_lmm)
    assert fit.deviance == pytest.approx(whole.deviance, abs=1e-8)
    np.testing.assert_allclose(fit.beta, whole.beta, rtol=1e-7)


def test_a_random_slope_of_a_column_that_does_not_vary_within_groups_is_refused():
    random = np.random.default_rng(12)
    codes = np.repeat(np.arange(20), 5)
    sex = (np.arange(20) % 2)[codes].astype(float)
    block = Block(("(Intercept)", "sex"), (None, sex))
    x = np.asfortranarray(np.column_stack([np.ones(100), sex]))
    with pytest.raises(FormulaError, match=r"variances of \(Intercept\), sex by patient_id apart"):
        fit_lmm(x, random.normal(size=100), (grouping(codes, block),), intercept=0)


def test_groups_that_are_fixed_effects_too_leave_nothing_for_a_random_one():
    random = np.random.default_rng(13)
    codes = np.repeat(np.arange(6), 8)
    x = np.asfortranarray(np.column_stack([np.ones(48), *(codes == k for k in range(1, 6))]).astype(float))
    with pytest.raises(FormulaError, match="leave nothing for a random one"):
        fit_lmm(x, random.normal(size=48), (grouping(codes),), intercept=0)
