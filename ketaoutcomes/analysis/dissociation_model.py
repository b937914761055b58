"""Mean peak against session number and dose, between patients and within them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.dissociation_tables import dose_of, typed
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.dissociation import SessionPeaks
from ketaoutcomes.engine.cluster_regression import cluster_regression
from ketaoutcomes.engine.wald import t_p_value

__all__ = ["FEWEST_FOR_P", "LEAST_PATIENTS", "PeakModel", "empty_model", "fit_peaks", "peak_model"]

LEAST_PATIENTS, FEWEST_FOR_P = 10, 20
ROUNDING = 1e-9
METHOD = "least squares, CR2"
_COLUMNS = (
    "term", "estimate", "conf_low", "conf_high", "std_error", "df", "statistic", "p_value", "n",
    "n_patients", "method",
)  # fmt: skip
NUMBER, DOSE = "log2(session number)", "log2(dose in mg/kg)"
WITHIN, BETWEEN = "within patients", "between patients"


@dataclass(frozen=True)
class PeakModel:
    """A fitted model, or why there is none.

    Attributes
    ----------
    table : DataFrame
        One row per coefficient; no rows where there is no model.
    n_no_dose : int
        Scored sessions left out, since their dose is not recorded.
    dropped : tuple of str
        Terms that the data cannot tell from those before them, or that do not vary.
    route : str
        Route that the others are compared with; empty if there is one route.
    why : str
        Why there is no model; empty if there is one.
    """

    table: pd.DataFrame
    n_no_dose: int = 0
    dropped: tuple[str, ...] = ()
    route: str = ""
    why: str = ""


def peak_model(cohort: Cohort, found: SessionPeaks, level: float) -> PeakModel:
    """The model of all scored sessions; of those with a dose, if any dose is recorded."""
    sessions = cohort.sessions
    scored = np.isfinite(found.peak)
    frame = pd.DataFrame(
        {
            "peak": found.peak[scored],
            "patient": patient_codes(sessions)[scored],
            "number": sessions["session"].to_numpy(float)[scored],
            "dose": dose_of(cohort)[scored],
            "route": sessions["route"].astype("str").to_numpy()[scored],
        }
    )
    return fit_peaks(frame, level=level)


def fit_peaks(frame: pd.DataFrame, *, level: float) -> PeakModel:
    """Least squares of the peak in points, with limits that allow for several sessions per patient.

    Peaks are skewed and their spread grows with their mean. The mean itself is modelled, on the scale of
    the score, and neither a distribution nor a variance of the peaks is assumed: the covariance is CR2
    with Bell and McCaffrey's degrees of freedom. Session number and dose are split into the patient's
    mean over the scored sessions and the deviation from it, so that the within-patient slopes owe
    nothing to who stays or who is given more. Both count in doublings: whatever share of a dose a route
    lets through, twice the dose is twice as much by each.

    Parameters
    ----------
    frame : DataFrame
        A row per session: `peak`, `patient`, `number` (of the session), `dose` (mg/kg, may be missing),
        `route`.
    level : float

    Source
    ------
    Within and between: Mundlak 1978, Econometrica 46, 69. CR2: Pustejovsky and Tipton 2018, J. Bus. Econ.
    Stat. 36, 672.
    """
    has_dose = bool(frame["dose"].notna().any())
    used = frame[frame["dose"].notna()] if has_dose else frame
    n_no_dose = len(frame) - len(used)
    people, person = np.unique(used["patient"], return_inverse=True)
    if people.size < LEAST_PATIENTS:
        why = f"fewer than {LEAST_PATIENTS} patients have a scored session"
        return PeakModel(empty_model(), n_no_dose, why=why + (" with a dose" if has_dose else ""))
    peak = used["peak"].to_numpy(float)
    if np.ptp(peak) == 0:
        return PeakModel(empty_model(), n_no_dose, why="all peaks are equal")
    columns = {"(mean of all sessions)": np.ones(peak.size)}
    columns |= _split(NUMBER, np.log2(used["number"].to_numpy(float)), person)
    if has_dose:
        columns |= _split(DOSE, np.log2(used["dose"].to_numpy(float)), person)
    route, more = _routes(used["route"].to_numpy())
    columns |= more
    if people.size <= len(columns):
        return PeakModel(empty_model(), n_no_dose, why="too few patients for its terms")
    table = _coefficients(columns, peak, person, level)
    unknown = table["estimate"].isna()
    dropped = tuple(table.loc[unknown, "term"])
    return PeakModel(table[~unknown].reset_index(drop=True), n_no_dose, dropped, route if more else "")


def empty_model() -> pd.DataFrame:
    """A table of coefficients without rows."""
    table = typed([], _COLUMNS)
    return table.astype({"term": "str"})


def _split(name: str, values: NDArray[np.float64], person: NDArray[np.int64]) -> dict[str, NDArray]:
    """The deviation from the patient's mean, and that mean less the mean of all sessions."""
    own = (np.bincount(person, values) / np.bincount(person))[person]
    return {f"{name}, {WITHIN}": values - own, f"{name}, {BETWEEN}": own - values.mean()}


def _routes(route: NDArray) -> tuple[str, dict[str, NDArray]]:
    """The commonest route, and for each other one whether a session had it, less the share that had."""
    names, code, size = np.unique(route.astype(str), return_inverse=True, return_counts=True)
    first = int(size.argmax())
    columns = {}
    for number, name in enumerate(names.tolist()):
        if number != first:
            had = (code == number).astype(float)
            columns[f"route {name} against {names[first]}"] = had - had.mean()
    return str(names[first]), columns


def _coefficients(columns: dict[str, NDArray], peak, clusters, level: float) -> pd.DataFrame:
    """A row per term; its estimate is missing where it does not vary, or follows from those before it."""
    # What is left of equal values less their mean is rounding, not variation.
    x = np.column_stack([np.where(np.abs(column) < ROUNDING, 0.0, column) for column in columns.values()])
    fit = cluster_regression(x, peak, clusters, level=level)
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = fit.params / fit.std_error
    # That a mean score is 0 is nobody's question.
    statistic[0] = np.nan
    n_patients = int(np.unique(clusters).size)
    p_value = t_p_value(statistic, fit.df) if n_patients >= FEWEST_FOR_P else np.nan
    return pd.DataFrame(
        {
            "term": list(columns),
            "estimate": fit.params,
            "conf_low": fit.conf_low,
            "conf_high": fit.conf_high,
            "std_error": fit.std_error,
            "df": fit.df,
            "statistic": statistic,
            "p_value": p_value,
            "n": peak.size,
            "n_patients": n_patients,
            "method": METHOD,
        }
    )
