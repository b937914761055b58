"""Hazard ratios of recurrent losses of response, with limits robust to losses of one patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.covariates import CovariateFrame
from ketaoutcomes.analysis.recurrence_tables import FEWEST_FOR_LIMITS
from ketaoutcomes.engine.cox import CoxFit, cox
from ketaoutcomes.engine.frailty import FrailtyFit, cox_frailty
from ketaoutcomes.engine.proportional import proportionality
from ketaoutcomes.engine.wald import t_limit, t_p_value

__all__ = ["FEWEST_FOR_P", "FEW_CLUSTERS", "Fitted", "fit_model", "strata_of"]

FEWEST_FOR_P = 20
FEW_CLUSTERS = 50
EVENTS_PER_TERM = 5
EVENTS_PER_STRATUM = 10


@dataclass(frozen=True)
class Fitted:
    """What one model gives.

    Attributes
    ----------
    table : DataFrame
        Hazard ratios: `term` to `n_patients`.
    theta : DataFrame
        Variance of the frailty; no rows unless the model has one.
    proportionality : DataFrame
    notes : tuple of str
    """

    table: pd.DataFrame
    theta: pd.DataFrame
    proportionality: pd.DataFrame
    notes: tuple[str, ...]


def strata_of(order: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Number of the loss that each row is at risk of, the later ones pooled where they are few."""
    top = 1
    while ((order == top) & loss).sum() >= EVENTS_PER_STRATUM:
        if ((order > top) & loss).sum() < EVENTS_PER_STRATUM:
            break
        top += 1
    return np.minimum(order, top)


def fit_model(
    covariates: CovariateFrame,
    start: np.ndarray,
    stop: np.ndarray,
    loss: np.ndarray,
    patient: np.ndarray,
    *,
    names: list[str] | None = None,
    strata: np.ndarray | None,
    frailty: bool,
    level: float,
) -> Fitted:
    """Fit a Cox model to the rows that `covariates` kept.

    Parameters
    ----------
    start, stop : (n,) float array
        Of the rows kept, in days.
    loss : (n,) bool array
    patient : (n,) int array
    names : list of str, optional
        Of the terms; by default those of the columns.
    strata : (n,) array or None
    frailty : bool
        A gamma frailty of each patient; else limits are robust by patient.
    level : float
    """
    names = names or list(covariates.design.columns[1:])
    x = covariates.x[:, 1:]
    n_patients, n_events = np.unique(patient).size, int(loss.sum())
    counts = {"n": len(stop), "n_events": n_events, "n_patients": n_patients}
    few = n_patients < FEWEST_FOR_LIMITS
    if few or n_events < EVENTS_PER_TERM * max(len(names), 1):
        words = f"No model is fitted: {n_events} losses of {n_patients} patients are fewer than "
        words += f"{EVENTS_PER_TERM} for each of {len(names)} terms."
        if few:
            words = f"No model is fitted: it needs {FEWEST_FOR_LIMITS} patients; there are {n_patients}."
        return Fitted(_blank(names, counts), _theta(None, counts), _no_test(), (words,))
    if frailty:
        fit = cox_frailty(x, stop, loss, start=start, strata=strata, clusters=patient, level=level)
        table, notes = _ratios(names, fit, fit.cov, np.inf, level, counts)
        return Fitted(table, _theta(fit, counts), _no_test(), (*notes, *_theta_notes(fit)))
    fit = cox(x, stop, loss, start=start, strata=strata, clusters=patient)
    cov, df, small = _small_sample(fit)
    table, notes = _ratios(names, fit, cov, df, level, counts)
    test = _tested(fit, x, patient, names, n_patients)
    return Fitted(table, _theta(None, counts), test, (*notes, *small))


def _small_sample(fit: CoxFit) -> tuple[np.ndarray, float, tuple[str, ...]]:
    """The robust covariance and degrees of freedom, corrected where patients are few."""
    m, p = fit.n_clusters, len(fit.params)
    if m >= FEW_CLUSTERS:
        return fit.robust_cov, np.inf, ()
    df = max(m - p, 1)
    words = (
        f"Only {m} patients: robust variances are multiplied by {m}/{m - 1}, and limits use the t "
        f"distribution with {df} degrees of freedom; they may still be too narrow."
    )
    return fit.robust_cov * m / max(m - 1, 1), float(df), (words,)


def _ratios(names, fit: CoxFit | FrailtyFit, cov, df, level, counts):
    """Hazard ratios with limits; missing where the likelihood has no maximum."""
    with np.errstate(invalid="ignore"):
        error = np.sqrt(np.diag(cov))
    known = ~(fit.aliased | fit.infinite)
    params, error = np.where(known, fit.params, np.nan), np.where(known, error, np.nan)
    statistic = params / error
    reach = t_limit(df, level) * error
    p_value = t_p_value(statistic, df)
    if counts["n_patients"] < FEWEST_FOR_P:
        p_value = np.full(len(params), np.nan)
    with np.errstate(over="ignore"):
        table = pd.DataFrame(
            {
                "term": pd.array(names, dtype="str"),
                "estimate": np.exp(params),
                "conf_low": np.exp(params - reach),
                "conf_high": np.exp(params + reach),
                "std_error": error,
                "statistic": statistic,
                "df": np.full(len(params), float(df)),
                "p_value": p_value,
                **{name: np.full(len(params), value) for name, value in counts.items()},
            }
        )
    notes = []
    if fit.infinite.any():
        lost = ", ".join(name for name, one in zip(names, fit.infinite, strict=True) if one)
        notes.append(
            f"No hazard ratio for {lost}: all losses, or none, lie on one side, so its estimate is infinite "
            "or 0 and the limits say nothing."
        )
    if fit.aliased.any():
        lost = ", ".join(name for name, one in zip(names, fit.aliased, strict=True) if one)
        notes.append(f"No hazard ratio for {lost}: it does not vary within the risk sets.")
    return table, notes


def _blank(names, counts) -> pd.DataFrame:
    nothing = np.full(len(names), np.nan)
    columns = ("estimate", "conf_low", "conf_high", "std_error", "statistic", "df", "p_value")
    return pd.DataFrame(
        {
            "term": pd.array(names, dtype="str"),
            **dict.fromkeys(columns, nothing),
            **{name: np.full(len(names), value) for name, value in counts.items()},
        }
    )


def _theta(fit: FrailtyFit | None, counts) -> pd.DataFrame:
    """The variance of the frailty in a row, or no row."""
    columns = ("estimate", "conf_low", "conf_high", "p_value", "n_events", "n_patients")
    if fit is None:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in columns})
    p_value = fit.p_value if counts["n_patients"] >= FEWEST_FOR_P else np.nan
    values = (fit.theta, fit.theta_low, fit.theta_high, p_value, counts["n_events"], counts["n_patients"])
    return pd.DataFrame({name: [value] for name, value in zip(columns, values, strict=True)})


def _theta_notes(fit: FrailtyFit) -> tuple[str, ...]:
    shared = (
        "Hazard ratios compare times of patients with the same frailty, a gamma variable of mean 1; their "
        "limits take its variance as known."
    )
    if fit.theta == 0:
        return (
            shared,
            "No frailty is seen: the variance of largest likelihood is 0, and the model is Cox's.",
        )
    return (shared,)


def _tested(fit: CoxFit, x, patient, names, n_patients: int) -> pd.DataFrame:
    """Score tests of hazard ratios that change with time, robust by patient; none with few patients."""
    if n_patients < FEWEST_FOR_P or fit.infinite.any() or fit.aliased.any() or not names:
        return _no_test()
    test = proportionality(fit, x, clusters=patient)
    return pd.DataFrame(
        {
            "term": pd.array([*names, "all terms"], dtype="str"),
            "statistic": [*test.statistic, test.joint_statistic],
            "df": [*np.ones(len(names)), float(test.df)],
            "p_value": [*test.p_value, test.joint_p_value],
        }
    )


def _no_test() -> pd.DataFrame:
    columns = {name: pd.Series(dtype=float) for name in ("statistic", "df", "p_value")}
    return pd.DataFrame({"term": pd.Series(dtype="str"), **columns})
