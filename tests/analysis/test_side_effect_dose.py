"""Shares of sessions with a side effect by dose: the model's curve and the bands."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from analysis.dosed_clinic import clinic
from scipy.special import expit, logit
from scipy.stats import t

from ketaoutcomes.analysis.side_effect_factors import side_effect_factors
from ketaoutcomes.cohort.read import assemble


def test_the_curve_is_the_average_of_a_model_made_by_hand():
    # Four doses: a straight line on the logit.
    tables = clinic(routes=("IV",))
    tables["sessions"]["dose_mg_per_kg"] = np.round(tables["sessions"]["dose_mg_per_kg"], 1).clip(0.4, 0.7)
    result = side_effect_factors(assemble(tables), "nausea", correlation="independence")
    columns = (lambda rows: rows["dose_mg_per_kg"], lambda rows: np.log2(rows["number"]))
    rows = tables["sessions"].assign(number=tables["side_effects"]["session"])
    x = np.column_stack([np.ones(240), *[column(rows) for column in columns]])
    y = (tables["side_effects"]["effect"] == "nausea").to_numpy(float)
    model = sm.GEE(y, x, groups=rows["patient_id"], family=sm.families.Binomial())
    fit = model.fit(cov_type="bias_reduced")
    curve = result.dose_curve
    at = curve.iloc[20]

    def mean(params):
        return expit(params[0] + params[1] * at["dose"] + params[2] * x[:, 2]).mean()

    params = np.asarray(fit.params)
    assert at["estimate"] == pytest.approx(mean(params), abs=1e-8)
    steps = 1e-6 * np.eye(3)
    gradient = np.array([(mean(params + step) - mean(params - step)) / 2e-6 for step in steps])
    error = np.sqrt(gradient @ np.asarray(fit.cov_params()) @ gradient)
    assert at["std_error"] == pytest.approx(error, rel=1e-5)
    half = t.ppf(0.975, 37) * error / (at["estimate"] * (1 - at["estimate"]))
    assert at["conf_high"] == pytest.approx(expit(logit(at["estimate"]) + half), rel=1e-5)
    assert (curve["method"] == "linear on the logit").all()


def test_bands_hold_every_session_once_with_its_events():
    tables = clinic()
    bands = side_effect_factors(assemble(tables), "nausea").dose_bands
    rows = tables["sessions"].assign(nausea=tables["side_effects"]["effect"] == "nausea")
    for route, own in bands.groupby("route"):
        raw = rows[rows["route"] == route]
        assert own["n"].sum() == len(raw)
        assert own["n_events"].sum() == raw["nausea"].sum()
        for row in own.to_dict("records"):
            inside = raw[raw["dose_mg_per_kg"].between(row["dose_low"], row["dose_high"])]
            assert (len(inside), inside["nausea"].sum()) == (row["n"], row["n_events"])
            assert row["estimate"] == pytest.approx(inside["nausea"].mean())
            assert inside["patient_id"].nunique() == row["n_patients"]


def test_many_doses_and_events_get_a_spline():
    cohort = assemble(clinic(n_patients=120, routes=("IV",)))
    curve = side_effect_factors(cohort, "nausea").dose_curve
    assert set(curve["method"]) == {"natural spline, 3 degrees of freedom"}
    doses = cohort.sessions["dose_mg_per_kg"]
    assert curve["dose"].iloc[[0, -1]].to_numpy() == pytest.approx(np.quantile(doses, [0.05, 0.95]))
    assert ((curve["conf_low"] < curve["estimate"]) & (curve["estimate"] < curve["conf_high"])).all()
