"""A made-up clinic with doses and nausea, and the model of it by statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.special import expit


def clinic(n_patients=40, n_sessions=6, seed=1, *, routes=("IV", "IV", "IM"), ways=("checklist",), slope=0.5):
    """Tables of a clinic with nausea in some sessions, every session with a record."""
    stream = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), n_sessions)
    session = np.tile(np.arange(n_sessions), n_patients)
    route = np.array(routes)[patient % len(routes)]
    usual = np.where(route == "IM", 0.8, 0.5) + stream.normal(0, 0.05, n_patients)[patient]
    dose = np.round(usual + np.where(session > 0, stream.normal(0, 0.08, patient.size), 0), 2)
    chance = expit(-0.6 + slope * (dose - usual) / 0.1 + stream.normal(0, 0.5, n_patients)[patient])
    nausea = stream.random(patient.size) < chance
    names = np.array([f"P{one:03d}" for one in range(n_patients)])
    return {
        "patients": pd.DataFrame({"patient_id": names, "age": 30 + np.arange(n_patients) % 20}),
        "sessions": pd.DataFrame(
            {"patient_id": names[patient], "hour": 72.0 * session, "route": route, "dose_mg_per_kg": dose}
        ),
        "side_effects": pd.DataFrame(
            {
                "patient_id": names[patient],
                "session": session + 1,
                "effect": np.where(nausea, "nausea", "none"),
                "ascertainment": np.array(ways)[patient % len(ways)],
            }
        ),
    }


def by_hand(tables, columns):
    """statsmodels' GEE with Mancl and DeRouen's covariance, on a matrix made from the raw tables."""
    rows = tables["sessions"].assign(number=tables["side_effects"]["session"])
    y = (tables["side_effects"]["effect"] == "nausea").to_numpy(float)
    x = np.column_stack([np.ones(len(rows)), *[column(rows) for column in columns]])
    model = sm.GEE(
        y,
        x,
        groups=rows["patient_id"],
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Exchangeable(),
    )
    return model.fit(maxiter=200, ctol=1e-10, cov_type="bias_reduced"), len(rows["patient_id"].unique())


def first_dose(rows):
    return rows.groupby("patient_id")["dose_mg_per_kg"].transform("first")
