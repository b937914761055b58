"""Wearing off against R: contrasts by pbkrtest, ratios by Fieller's quadratic, half-lives by root finding."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.wearing_model import fit_wearing
from ketaoutcomes.analysis.wearing_quantities import quantities


@pytest.fixture(scope="module")
def reference(request):
    folder = request.config.rootpath / "tests" / "reference"
    rows = pd.read_csv(folder / "fieller.csv").rename(columns={"patient": "patient_id"})
    rows["group"] = pd.Categorical(rows["group"], categories=["end of induction", "maintenance"])
    model = fit_wearing(rows.assign(baseline=20.0), df="kenward-roger")
    return model, json.loads((folder / "fieller.json").read_text())


@pytest.mark.parametrize("late", [0, 1])
def test_contrasts_have_pbkrtests_standard_errors_and_degrees_of_freedom(reference, late):
    # tests/reference/fieller.R: lme4 1.1-31, pbkrtest 0.5.2. lme4 stops near its optimum, hence 1e-4.
    model, r = reference
    curve = next(one for one in model.curves(1.0) if one.group == model.groups[late])
    found = quantities(model, curve, peak_day=1.0, at=np.array([7.0, 14.0, 28.0]), level=0.95)
    columns = ["estimate", "std_error", "df", "conf_low", "conf_high"]
    for name in ("benefit", "loss_per_week"):
        rows = found.loc[found["quantity"] == name, columns]
        np.testing.assert_allclose(rows, r[name][late], rtol=1e-4)
    rows = found.loc[found["quantity"] == "retained", ["estimate", "conf_low", "conf_high", "df"]]
    np.testing.assert_allclose(rows, r["retained"][late], rtol=1e-4)
    assert curve.high == pytest.approx(r["reach"][late])


@pytest.mark.parametrize(("place", "level"), [(0, 0.95), (1, 0.70)])
def test_half_lives_are_rs_roots_as_far_as_days_reach(reference, place, level):
    model, r = reference
    for late, group in enumerate(model.groups):
        curve = next(one for one in model.curves(1.0) if one.group == group)
        found = quantities(model, curve, peak_day=1.0, at=np.array([7.0]), level=level).iloc[-1]
        expected = np.array([np.inf if v is None else v for v in r["half_life_to_day_60"][place][late]])
        # R looked up to day 60; nothing is given beyond the reach.
        expected = np.where(expected > curve.high, np.inf, expected)
        limits = found[["estimate", "conf_low", "conf_high"]].to_numpy(float)
        np.testing.assert_allclose(limits, expected, rtol=1e-4)
        assert found["code"] == ("" if np.isfinite(expected[0]) else "NOT_REACHED")


def test_the_test_of_the_interaction_is_pbkrtests(reference):
    model, r = reference
    test = model.interaction("group")
    numbers = [test["statistic"], test["den_df"], test["p_value"]]
    # A p-value changes by as much as its statistic times half of its square.
    np.testing.assert_allclose(numbers, r["interaction"], rtol=2e-4)
