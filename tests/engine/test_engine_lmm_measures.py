"""Shares of the variance: intraclass correlations and R squared."""

from __future__ import annotations

import numpy as np
import pytest
from engine.dense_model import MODELS, columns, made_up

from ketaoutcomes.engine.groups import Block, Grouping
from ketaoutcomes.engine.lmm import fit_lmm
from ketaoutcomes.engine.measures import intraclass, mean_random_variance, r_squared
from ketaoutcomes.errors import FormulaError


@pytest.mark.parametrize("model", MODELS)
def test_the_mean_random_variance_is_that_of_the_rows(model):
    data = made_up(model)
    estimate, _ = data.fitted_by(fit_lmm)
    of = columns(data)
    weights = np.ones(len(data.y)) if data.weights is None else data.weights
    expected = sum(
        np.mean(weights * np.einsum("ni,ij,nj->n", z, block, z))
        for piece, block in zip(estimate.sums.pieces, estimate.blocks, strict=True)
        for z in [of[piece.grouping][piece.block]]
    )
    assert mean_random_variance(estimate) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("model", [model for model in MODELS if model != "weighted slope"])
def test_r_squared_is_the_share_of_the_three_variances(model):
    data = made_up(model)
    estimate, _ = data.fitted_by(fit_lmm)
    of_fixed = np.var(data.x @ estimate.beta, ddof=1)
    of_random = mean_random_variance(estimate)
    total = of_fixed + of_random + estimate.sigma**2
    found = r_squared(estimate, weighted=False)
    assert found.marginal == pytest.approx(of_fixed / total, rel=1e-9)
    assert found.conditional == pytest.approx((of_fixed + of_random) / total, rel=1e-9)


def test_r_squared_of_a_weighted_fit_is_refused():
    estimate, _ = made_up("weighted slope").fitted_by(fit_lmm)
    with pytest.raises(FormulaError, match="not defined for a weighted fit"):
        r_squared(estimate, weighted=True)


def test_r_squared_without_an_intercept_is_refused():
    data = made_up("slope")
    estimate, _ = fit_lmm(data.x[:, 1:].copy(order="F"), data.y.copy(), data.groupings, intercept=None)
    with pytest.raises(FormulaError, match="without an intercept"):
        r_squared(estimate, weighted=False)


def test_patients_of_one_clinic_share_its_variance():
    data = made_up("nested")
    estimate, _ = data.fitted_by(fit_lmm)
    of = {piece.grouping: float(block[0, 0]) for piece, block in
          zip(estimate.sums.pieces, estimate.blocks, strict=True)}  # fmt: skip
    total = of[0] + of[1] + estimate.sigma**2
    clinic, patient, residual = intraclass(estimate, data.groupings)
    assert (clinic.group, patient.group, residual.group) == ("clinic", "patient", "Residual")
    assert clinic.share + patient.share + residual.share == pytest.approx(1.0)
    assert clinic.icc == pytest.approx(of[0] / total)
    assert patient.icc == pytest.approx((of[0] + of[1]) / total)
    assert np.isnan(residual.icc)


def test_crossed_groups_share_only_their_own_variance():
    data = made_up("two crossed with slopes")
    estimate, _ = data.fitted_by(fit_lmm)
    z = [[np.ones(1)], [np.ones(1)], [np.array([1.0, 10.0])]]
    _, clinic, rater, _ = intraclass(estimate, data.groupings, z)
    assert clinic.icc == pytest.approx(clinic.share)
    assert rater.icc == pytest.approx(rater.share)


def test_with_a_random_slope_the_share_is_taken_at_a_value():
    data = made_up("slope")
    estimate, _ = data.fitted_by(fit_lmm)
    (g,) = estimate.blocks
    variance = g[0, 0] + 2 * 7.0 * g[0, 1] + 49.0 * g[1, 1]
    patient, _ = intraclass(estimate, data.groupings, [[np.array([1.0, 7.0])]])
    assert patient.icc == pytest.approx(variance / (variance + estimate.sigma**2), rel=1e-9)


def test_with_a_random_slope_and_no_value_the_share_is_refused():
    data = made_up("slope")
    estimate, _ = data.fitted_by(fit_lmm)
    with pytest.raises(FormulaError, match="variance by patient depends on time"):
        intraclass(estimate, data.groupings)


def test_a_single_random_slope_needs_a_value_too():
    codes, time = np.repeat(np.arange(6), 4), np.tile(np.arange(1.0, 5.0), 6)
    y = np.linspace(-2, 2, 6)[codes] * time + np.tile([0.3, -0.5, 0.4, -0.2], 6)
    grouping = Grouping("patient", codes, 6, (Block(("time",), (time,)),))
    estimate, _ = fit_lmm(np.ones((24, 1), order="F"), y, [grouping], intercept=0)
    with pytest.raises(FormulaError, match="depends on time"):
        intraclass(estimate, [grouping])
