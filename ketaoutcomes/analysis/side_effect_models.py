"""Marginal logistic models of side effects: one per effect, and what could not be estimated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.side_effect_design import Design
from ketaoutcomes.engine.gee import GeeFit, gee
from ketaoutcomes.engine.wald import t_limit, t_p_value

__all__ = ["COLUMNS", "EffectModel", "Usable", "fit_effect", "too_little", "usable_rows"]

Array = NDArray[np.float64]

FEWEST_FOR_P = 20
NO_EVENT = "no session with the effect"
ALL_EVENT = "every session with the effect"
ONE_SIDED = "no session with the effect at this level, or none without it"
NO_REFERENCE = "no session with the effect at the reference level, or none without it"
NO_RECORD = "no record at this level can be used"
NO_REFERENCE_RECORD = "no record at the reference level can be used"
CONSTANT = "does not vary, or is told by the other factors"
FEW_EVENTS = "not more sessions with the effect, or without it, than parameters"
FEW_PATIENTS = "not more patients than parameters"
SEPARATED = "separated: the factors tell the effect without fail in some sessions"
NO_SOLUTION = "the equations have no solution that was found"

COLUMNS = {
    "effect": "str",
    "term": "str",
    "label": "str",
    "estimate": "float64",
    "conf_low": "float64",
    "conf_high": "float64",
    "log_odds_ratio": "float64",
    "std_error": "float64",
    "df": "float64",
    "statistic": "float64",
    "p_value": "float64",
    "n": "int64",
    "n_events": "int64",
    "n_patients": "int64",
    "n_missing": "int64",
    "method": "str",
    "code": "str",
}


@dataclass(frozen=True)
class Usable:
    """Rows of a model, its terms, and why other terms have none.

    Attributes
    ----------
    rows : (n,) int array
    names : tuple of str
        Terms in the model.
    codes : mapping of str to str
        Why a term is not estimated.
    one_sided : tuple of (str, int)
        Factor and rows of each level that was left out, with its rows.
    """

    rows: NDArray[np.int64]
    names: tuple[str, ...]
    codes: dict[str, str]
    one_sided: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class EffectModel:
    """One effect's model.

    Attributes
    ----------
    effect : str
    table : DataFrame
        `COLUMNS`.
    fit : GeeFit or None
        None where there is too little to fit.
    usable : Usable
    n_parameters : int
    n_missing, n_unknown : int
        Rows without a factor; rows with all factors whose severity is not known.
    """

    effect: str
    table: pd.DataFrame
    fit: GeeFit | None
    usable: Usable
    n_parameters: int
    n_missing: int
    n_unknown: int

    @property
    def events_per_parameter(self) -> float:
        """Sessions with the effect, or those without it if fewer, per parameter but the intercept."""
        n, n_events = int(self.table["n"].iloc[0]), int(self.table["n_events"].iloc[0])
        return min(n_events, n - n_events) / max(self.n_parameters - 1, 1)


def usable_rows(design: Design, outcome: Array, inside: NDArray[np.bool_], names: tuple[str, ...]) -> Usable:
    """Rows and terms left when levels are taken out in which all sessions, or none, have the effect.

    Such a level has no finite odds ratio, and in a logistic model its sessions tell nothing about the other
    terms. Where it is the reference, no odds ratio of its factor is given. A level without any record that
    can be used goes the same way: were it the reference, another level would stand in for it unseen.
    """
    factors = {term.factor for term in design.terms if term.name in names}
    inside = inside & np.isfinite(outcome)
    names, codes, one_sided = set(names), {}, []
    levels = [level for level in design.levels if level.factor in factors]
    while True:
        found = next((level for level in levels if not _is_mixed(outcome[inside & level.is_in])), None)
        if found is None or not _is_mixed(outcome[inside]):
            break
        levels.remove(found)
        n_rows = int((inside & found.is_in).sum())
        if n_rows:
            one_sided.append((found.factor, n_rows))
        if found.term is None:
            own = [term.name for term in design.terms if term.factor == found.factor and term.name in names]
            codes |= dict.fromkeys(own, NO_REFERENCE if n_rows else NO_REFERENCE_RECORD)
        else:
            names.discard(found.term)
            codes.setdefault(found.term, ONE_SIDED if n_rows else NO_RECORD)
        inside = inside & ~found.is_in
    ordered = tuple(term.name for term in design.terms if term.name in names)
    return Usable(np.flatnonzero(inside), ordered, codes, tuple(one_sided))


def _is_mixed(outcome: Array) -> bool:
    return bool(outcome.size) and 0 < outcome.sum() < outcome.size


def too_little(outcome: Array, n_patients: int, n_parameters: int) -> str:
    """Why a model cannot be fitted to these rows; "" if it can."""
    n_events = int(outcome.sum())
    if n_events == 0:
        return NO_EVENT
    if n_events == outcome.size:
        return ALL_EVENT
    if min(n_events, outcome.size - n_events) <= n_parameters:
        return FEW_EVENTS
    return FEW_PATIENTS if n_patients <= n_parameters else ""


def fit_effect(
    effect: str,
    design: Design,
    outcome: Array,
    patient: NDArray[np.int64],
    *,
    correlation: str,
    level: float,
) -> EffectModel:
    """Odds ratios of all terms for one effect.

    Parameters
    ----------
    outcome : (n,) float
        1, 0 or missing, for every record of the design.
    patient : (n,) int
    correlation : {"independence", "exchangeable"}
    level : float
    """
    complete = design.complete
    usable = usable_rows(design, outcome, complete, tuple(term.name for term in design.terms))
    rows, y = usable.rows, outcome[usable.rows]
    n_patients = np.unique(patient[rows]).size
    x = design.matrix(rows, usable.names)
    why = too_little(y, n_patients, x.shape[1])
    fit = None
    if not why:
        # With the scale fixed at 1, one unlikely outcome can raise the correlation without end.
        fit = gee(x, y, patient[rows], correlation=correlation, scale="estimated", covariance="mancl-derouen")
        why = SEPARATED if fit.separated else "" if fit.converged else NO_SOLUTION
    cells = {
        "n": rows.size,
        "n_events": int(y.sum()),
        "n_patients": n_patients,
        "n_missing": int((~complete).sum()),
        "method": f"GEE, {correlation}, Mancl-DeRouen",
    }
    found = [
        {"effect": effect, "term": term.name, "label": term.label}
        | _estimate(fit, usable, term.name, why, n_patients, level)
        | cells
        for term in design.terms
    ]
    table = pd.DataFrame(found, columns=list(COLUMNS)).astype(COLUMNS)
    unknown = int((complete & ~np.isfinite(outcome)).sum())
    return EffectModel(effect, table, fit, usable, x.shape[1], cells["n_missing"], unknown)


def _estimate(fit: GeeFit | None, usable: Usable, name: str, why: str, n_patients: int, level: float) -> dict:
    """Odds ratio of one term with its interval, or why there is none."""
    code = usable.codes.get(name, "") or why
    place = usable.names.index(name) + 1 if name in usable.names else None
    if not code and fit.dropped[place]:
        code = CONSTANT
    if code:
        return {"code": code, "df": np.nan}
    log_ratio, error = float(fit.params[place]), float(fit.std_error[place])
    half = float(t_limit(fit.df, level)) * error
    statistic = log_ratio / error
    low, estimate, high = np.exp([log_ratio - half, log_ratio, log_ratio + half])
    return {
        "estimate": estimate,
        "conf_low": low,
        "conf_high": high,
        "log_odds_ratio": log_ratio,
        "std_error": error,
        "df": fit.df,
        "statistic": statistic,
        "p_value": float(t_p_value(statistic, fit.df)) if n_patients >= FEWEST_FOR_P else np.nan,
        "code": "",
    }
