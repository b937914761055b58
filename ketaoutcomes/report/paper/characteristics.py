"""What patients were like at their first session, as levels and numbers; a row per patient, never printed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.derive.baseline import VALID, baseline_of
from ketaoutcomes.derive.scores import scores, starters
from ketaoutcomes.report.paper.scope import BASELINE, PaperScope

__all__ = ["Characteristics", "characteristics"]

AGES = (0, 30, 45, 60, 75, 200)
AGE_NAMES = ("under 30", "30–44", "45–59", "60–74", "75 or over")
TRIALS = (0, 1, 2, 3, 5, 1000)
TRIAL_NAMES = ("none", "1", "2", "3–4", "5 or more")
MOST_LEVELS = 12
# Columns that say nothing of what a patient was like, or are made from what the table has already.
LEFT_OUT = {"patient_id", "clinic_id", "age", "prior_trials", "hours_to_data_cut"}
NAMES = {"age_band": "Age band", "sex": "Sex", "diagnosis": "Main diagnosis"}


@dataclass(frozen=True)
class Characteristics:
    """Patients who started, in the order of `cohort.patients`.

    Attributes
    ----------
    levels : mapping of str to Series of str
        One entry per patient; missing where not recorded.
    flags : tuple of str
        Those of `levels` that are yes or no.
    numbers : mapping of str to float array
        NaN where not recorded.
    instruments : tuple of str
        Those of `numbers` that are baseline scores.
    starters : (n_patients,) bool array
    """

    levels: dict[str, pd.Series]
    flags: tuple[str, ...]
    numbers: dict[str, np.ndarray]
    instruments: tuple[str, ...]
    starters: np.ndarray


def characteristics(scope: PaperScope) -> Characteristics:
    """Everything that is recorded of patients when the first session begins."""
    cohort = scope.cohort
    started = starters(cohort)
    patients = cohort.patients[started].reset_index(drop=True)
    levels: dict[str, pd.Series] = {}
    numbers: dict[str, np.ndarray] = {}
    flags: list[str] = []
    if "age" in patients.columns and patients["age"].notna().any():
        age = patients["age"].to_numpy(dtype=float, na_value=np.nan)
        numbers["Age, years"] = age
        levels["Age band"] = _banded(age, AGES, AGE_NAMES)
    for column in ("age_band", "sex", "diagnosis"):
        usable = column in patients.columns and patients[column].notna().any()
        if usable and NAMES[column] not in levels:
            levels[NAMES[column]] = patients[column].astype("str")
    route = _route(scope)[started]
    levels["Route of session 1"] = pd.Series(route, dtype="str")
    if "prior_trials" in patients.columns and patients["prior_trials"].notna().any():
        trials = patients["prior_trials"].to_numpy(dtype=float, na_value=np.nan)
        levels["Earlier antidepressant trials"] = _banded(trials, TRIALS, TRIAL_NAMES)
        numbers["Earlier antidepressant trials, number"] = trials
    later = set(cohort.settings.known_after_start or ())
    for column in patients.columns:
        if column in {*LEFT_OUT, *later, *NAMES} or not patients[column].notna().any():
            continue
        name = column.replace("_", " ").capitalize()
        if pd.api.types.is_bool_dtype(patients[column].dtype):
            levels[name] = patients[column].map({True: "yes", False: "no"}).astype("str")
            flags.append(name)
        elif not pd.api.types.is_numeric_dtype(patients[column].dtype):
            if 2 <= patients[column].nunique() <= MOST_LEVELS:
                levels[name] = patients[column].astype("str")
        else:
            numbers[name] = patients[column].to_numpy(dtype=float, na_value=np.nan)
    scored = _baselines(scope)
    return Characteristics(levels, tuple(flags), numbers | scored, tuple(scored), started)


def _banded(values: np.ndarray, edges: tuple[int, ...], names: tuple[str, ...]) -> pd.Series:
    return pd.cut(pd.Series(values), edges, right=False, labels=list(names))


def _route(scope: PaperScope) -> np.ndarray:
    """Route of session 1 per patient; None without a session."""
    sessions = scope.cohort.sessions
    codes = patient_codes(sessions)
    first = first_of_segment(codes)
    route = np.full(len(scope.cohort.patients), None, dtype=object)
    given = sessions["route"].astype(object)
    route[codes[first]] = given.where(given.notna(), None).to_numpy()[first]
    return route


def _baselines(scope: PaperScope) -> dict[str, np.ndarray]:
    """Valid baselines of every instrument of the catalogue, the main one first."""
    cohort, rule = scope.cohort, baseline_rule(BASELINE)
    names = [name for name in INSTRUMENTS if name in cohort.instruments]
    if scope.instrument is not None:
        names.sort(key=lambda name: name != scope.instrument.name)
    found = {}
    for name in names:
        start = baseline_of(cohort, scores(cohort, name), INSTRUMENTS[name], rule)
        value = np.where(start["reason"] == VALID, start["baseline"].to_numpy(float), np.nan)
        if np.isfinite(value).any():
            found[name] = value
    return found
