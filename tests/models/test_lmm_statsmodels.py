"""The same models by statsmodels' MixedLM, an independent program, on data simulated from a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM

from ketaoutcomes.analysis.mixed import lmm

FORMULA = "score ~ day + route + (1 + day | patient_id)"


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    """60 patients, 3 to 8 visits: intercepts of sd 5, slopes of sd 0.6, correlation -0.3, residual sd 3."""
    random = np.random.default_rng(20240611)
    rows = []
    for number in range(60):
        days = np.sort(random.uniform(0, 10, random.integers(3, 9)))
        level, slope = random.multivariate_normal([0, 0], [[25, -0.9], [-0.9, 0.36]])
        route = "IV" if number % 2 else "IM"
        score = 30 + level + (slope - 1) * days + 2 * (route == "IV") + random.normal(0, 3, len(days))
        rows.append(pd.DataFrame({"patient_id": f"p{number}", "day": days, "route": route, "score": score}))
    return pd.concat(rows, ignore_index=True)


def mixedlm(frame: pd.DataFrame, *, reml: bool, slope: bool):
    x = np.column_stack([np.ones(len(frame)), frame["day"], frame["route"] == "IV"]).astype(float)
    z = x[:, : 2 if slope else 1]
    model = MixedLM(frame["score"].to_numpy(), x, groups=frame["patient_id"].to_numpy(), exog_re=z)
    # A list names the optimisers to try in turn until one converges.
    return model.fit(reml=reml, method=["bfgs", "cg"], gtol=1e-7, maxiter=5000)


def least_squares_errors(frame: pd.DataFrame, peer) -> np.ndarray:
    """Standard errors sqrt(diag (X'V^-1 X)^-1) at MixedLM's variances; its own bse count those too."""
    total = 0.0
    for _, rows in frame.groupby("patient_id"):
        x = np.column_stack([np.ones(len(rows)), rows["day"], rows["route"] == "IV"]).astype(float)
        z = x[:, : len(np.atleast_2d(peer.cov_re))]
        v = z @ np.atleast_2d(peer.cov_re) @ z.T + peer.scale * np.eye(len(rows))
        total = total + x.T @ np.linalg.solve(v, x)
    return np.sqrt(np.diag(np.linalg.inv(total)))


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("slope", [True, False])
def test_likelihood_coefficients_and_variances_are_statsmodels(visits, reml, slope):
    fit = lmm(FORMULA if slope else FORMULA.replace("1 + day |", "1 |"), visits, reml=reml, df="normal")
    peer = mixedlm(visits, reml=reml, slope=slope)
    assert fit.llf == pytest.approx(peer.llf, abs=1e-8)
    se = fit.bse.to_numpy()
    # MixedLM stops at a gradient of about 1e-7: its estimates then hold to about 3e-7 of a standard error.
    np.testing.assert_array_less(np.abs(fit.params.to_numpy() - peer.fe_params), 1e-6 * se)
    np.testing.assert_allclose(se, least_squares_errors(visits, peer), rtol=1e-6)
    assert fit.sigma**2 == pytest.approx(peer.scale, rel=1e-6)
    parts = fit.variance_components.iloc[:-1]
    mine = parts.loc[parts["term_2"].isna(), "variance"].to_numpy()
    np.testing.assert_allclose(mine, np.diag(np.atleast_2d(peer.cov_re)), rtol=1e-5)
    if slope:
        assert parts["variance"].iloc[-1] == pytest.approx(peer.cov_re[0, 1], abs=1e-5 * np.sqrt(mine.prod()))


def test_our_deviance_is_never_above_statsmodels(visits):
    fit = lmm(FORMULA, visits)
    assert fit.deviance <= -2 * mixedlm(visits, reml=True, slope=True).llf + 1e-8


def test_the_truth_is_within_four_standard_errors(visits):
    fit = lmm(FORMULA, visits)
    truth = np.array([30.0, -1.0, 2.0])
    assert (np.abs(fit.params.to_numpy() - truth) < 4 * fit.bse.to_numpy()).all()
