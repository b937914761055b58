"""Simulated clinics with a known truth, one design for each model that is measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

NOMINAL_DAYS = np.array([0, 1, 3, 7, 10, 14, 21, 28, 42, 56, 70, 84], dtype=float)
ROUTES = np.array(["IM", "IV", "nasal"])
N_CLINICS = 20

FIXED: Mapping[str, float] = MappingProxyType(
    {
        "(Intercept)": 4.0,
        "day": -0.06,
        "routeIV": -0.8,
        "routenasal": 0.5,
        "day:routeIV": -0.02,
        "day:routenasal": 0.015,
        "baseline": 0.45,
        "sexM": 0.6,
    }
)
SD_PATIENT, SD_DAY, CORRELATION = 3.0, 0.05, -0.2
SD_CLINIC = 1.5
SD_RESIDUAL = 2.5
MODELS: Mapping[str, str] = MappingProxyType(
    {"intercept": "random intercept", "slope": "random slope", "clinic": "clinic above patient"}
)


def clinics(n_patients, model, *, seed=1, missing=0.0):
    """Twelve assessments of each patient, drawn from the very model that is fitted.

    Parameters
    ----------
    n_patients : int
    model : {"intercept", "slope", "clinic"}
        Which random effects exist: the patient's level; level and slope over days, correlated;
        the patient's level and the clinic's.
    seed : int
    missing : float
        Share of assessments that are absent, completely at random; the first is always there.

    Returns
    -------
    DataFrame
        One row per assessment, in patient order: clinic_id, patient_id, route, sex (str);
        day, baseline, score (float). No two patients have the same days.
    """
    stream = np.random.default_rng([seed, n_patients, list(MODELS).index(model)])
    of_patient = np.repeat(np.arange(n_patients), len(NOMINAL_DAYS))
    jitter = stream.uniform(-0.4, 0.4, (n_patients, len(NOMINAL_DAYS)))
    jitter[:, 0] = 0.0
    day = (NOMINAL_DAYS + jitter).round(2).ravel()
    clinic = stream.integers(0, N_CLINICS, n_patients)
    frame = pd.DataFrame(
        {
            "clinic_id": _labels("C", clinic, 2)[of_patient],
            "patient_id": _labels("P", np.arange(n_patients), 7)[of_patient],
            "day": day,
            "route": stream.choice(ROUTES, n_patients)[of_patient],
            "sex": stream.choice(["F", "M"], n_patients)[of_patient],
            "baseline": stream.normal(19, 4, n_patients).round()[of_patient],
        }
    ).astype(dict.fromkeys(("clinic_id", "patient_id", "route", "sex"), "str"))
    level = stream.normal(0, SD_PATIENT, n_patients)
    random = level[of_patient]
    if model == "slope":
        own = stream.normal(0, 1, n_patients) * np.sqrt(1 - CORRELATION**2)
        random += (SD_DAY * (CORRELATION * level / SD_PATIENT + own))[of_patient] * day
    if model == "clinic":
        random += stream.normal(0, SD_CLINIC, N_CLINICS)[clinic][of_patient]
    noise = stream.normal(0, SD_RESIDUAL, len(day))
    frame["score"] = (_expected(frame) + random + noise).round(4)
    kept = stream.random(len(day)) >= missing
    return frame[kept | (day == 0)].reset_index(drop=True)


def _labels(letter, numbers, digits):
    return np.array([f"{letter}{number:0{digits}d}" for number in numbers], dtype=object)


def _expected(frame):
    """The part of the score that the fixed effects give."""
    day = frame["day"].to_numpy()
    route = frame["route"].to_numpy(dtype=object)
    expected = FIXED["(Intercept)"] + FIXED["day"] * day + FIXED["baseline"] * frame["baseline"].to_numpy()
    for name in ROUTES[1:]:
        expected += (route == name) * (FIXED[f"route{name}"] + FIXED[f"day:route{name}"] * day)
    return expected + FIXED["sexM"] * (frame["sex"].to_numpy(dtype=object) == "M")
