"""Predictions for new rows: known and unknown groups, what has to be in the frame, and limits that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.errors import DataError, FormulaError


def scores(seed: int, n_patients: int = 40, n_each: int = 6) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), n_each)
    day = np.tile(np.linspace(0, 50, n_each), n_patients)
    level, slope = random.normal(0, 3, n_patients), random.normal(0, 0.05, n_patients)
    mean = 20 - 0.1 * day + level[patient] + slope[patient] * day
    return pd.DataFrame(
        {"patient_id": patient, "day": day, "mean": mean, "score": mean + random.normal(0, 2, len(day))}
    )


FORMULA = "score ~ day + (1 + day | patient_id)"


def test_the_mean_of_all_patients_needs_no_patient_and_no_response():
    fit = lmm(FORMULA, scores(1))
    new = pd.DataFrame({"day": [0.0, 14.0]}, index=["a", "b"])
    predicted = fit.predict(new, random=False)
    assert predicted.index.tolist() == ["a", "b"]
    np.testing.assert_allclose(predicted, [fit.params.iloc[0], fit.params.iloc[0] + 14 * fit.params["day"]])
    limits = fit.predict(new, random=False, interval="confidence")
    rows = np.column_stack([np.ones(2), new["day"]])
    expected = fit.estimate(rows)
    np.testing.assert_allclose(limits[["conf_low", "conf_high"]], expected[["conf_low", "conf_high"]])


def test_a_group_that_was_not_seen_has_the_mean_and_its_whole_variance():
    fit = lmm(FORMULA, scores(2))
    new = pd.DataFrame({"day": [10.0], "patient_id": [999]})
    inside = fit.predict(new, interval="confidence")
    outside = fit.predict(new, random=False, interval="prediction")
    assert inside["estimate"].iloc[0] == pytest.approx(fit.predict(new, random=False).iloc[0])
    block = fit.engine.blocks[0]
    z = np.array([1.0, 10.0])
    error = fit.estimate(z[None])["std_error"].iloc[0] ** 2
    assert inside["std_error"].iloc[0] ** 2 == pytest.approx(z @ block @ z + error)
    assert outside["std_error"].iloc[0] ** 2 == pytest.approx(z @ block @ z + error + fit.sigma**2)


def test_missing_values_give_missing_predictions():
    fit = lmm(FORMULA, scores(3))
    new = pd.DataFrame({"day": [np.nan, 3.0], "patient_id": [1, 1]})
    assert fit.predict(new).isna().tolist() == [True, False]
    assert fit.predict(new, random=False, interval="confidence")["conf_low"].isna().tolist() == [True, False]


def test_limits_for_old_and_new_patients_cover_at_their_level():
    inside, mean, total = 0, 0, 0
    covered_new = covered_mean = 0
    for seed in range(60):
        data = scores(seed, 40, 7)
        last = data["day"] == data["day"].max()
        fit = lmm(FORMULA, data[~last])
        later = data[last]
        limits = fit.predict(later, interval="prediction")
        inside += int(later["score"].between(limits["conf_low"], limits["conf_high"]).sum())
        limits = fit.predict(later, interval="confidence")
        mean += int(later["mean"].between(limits["conf_low"], limits["conf_high"]).sum())
        limits = fit.predict(later, random=False, interval="prediction")
        covered_new += int(later["score"].between(limits["conf_low"], limits["conf_high"]).sum())
        limits = fit.predict(later.iloc[:1], random=False, interval="confidence")
        truth = 20 - 0.1 * later["day"].iloc[0]
        covered_mean += int(limits["conf_low"].iloc[0] <= truth <= limits["conf_high"].iloc[0])
        total += len(later)
    # 2,400 predictions; those of one fit share its estimates, hence 4 standard errors of independent ones.
    margin = 4 * np.sqrt(0.95 * 0.05 / total)
    assert abs(inside / total - 0.95) < margin
    # The variances are taken as known, which leaves a patient's own mean short of its level, as documented.
    assert -0.05 < mean / total - 0.95 < margin
    assert abs(covered_new / total - 0.95) < 2 * margin
    assert covered_mean >= 52  # of 60; fewer has a chance of 1 in 10,000 at 95 per cent


def test_what_is_wrong_with_new_rows_is_said():
    fit = lmm(FORMULA, scores(4))
    with pytest.raises(FormulaError, match="no column 'day'"):
        fit.predict(pd.DataFrame({"patient_id": [1]}))
    with pytest.raises(DataError, match="interval must be"):
        fit.predict(interval="both")


def test_fitted_values_and_residuals_keep_the_labels_of_the_data():
    data = scores(5)
    data.loc[[3, 17], "score"] = np.nan
    part = data[data["day"] > 5].sample(frac=1.0, random_state=1)
    fit = lmm(FORMULA, part)
    complete = part.dropna()
    for values in (fit.resid, fit.fittedvalues, fit.predict()):
        assert values.index.equals(complete.index)
    np.testing.assert_allclose(fit.fittedvalues + fit.resid, complete["score"])
    np.testing.assert_allclose(fit.predict(complete), fit.fittedvalues, atol=1e-10)
