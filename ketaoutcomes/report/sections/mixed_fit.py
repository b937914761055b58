"""How well the model of section 5 describes the scores: shares and extremes, no patient's value."""

from __future__ import annotations

import numpy as np
import pandas as pd
from markupsafe import Markup

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.diagnostics import diagnostics as draw_diagnostics
from ketaoutcomes.draw.labels import count, few_words, missing, number, percent
from ketaoutcomes.draw.svg import to_svg
from ketaoutcomes.errors import DataError, FormulaError
from ketaoutcomes.report.disclosure import Released
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.results.course_lines import LinesResult

__all__ = ["diagnostics_svg", "fit_table", "fit_words"]

FAR = 3.0
ICC_DAY = 28.0
NORMAL_SHARE = 0.0027  # of a normal distribution beyond 3 SD


def fit_table(scope: Scope, result: LinesResult, name: str, place: str) -> Released:
    """Measures of fit: `measure`, `n_events` of `n` scores for a share, `estimate`.

    Of influence only the largest change of a coefficient is kept, in its standard errors and of the early
    change in percent, each to two digits: what a patient's scores are cannot be told from it.
    """
    fit = result.fit
    checks = fit.diagnostics()
    scaled = checks.rows_by_patient["scaled"].to_numpy(float)
    scaled = scaled[np.isfinite(scaled)]
    far = int((np.abs(scaled) > FAR).sum())
    shift, early = _influence(result, checks.groups_by_patient)
    at = _at_day(result)
    rows = [("scores", fit.n_obs), (f"share between patients at day {ICC_DAY:g} (ICC)", _icc(fit, at))]
    rows += [(f"R2, {kind}", value) for kind, value in _r_squared(fit).items()]
    rows += [
        ("largest change of a coefficient without one patient, standard errors", shift),
        ("largest change of the early change without one patient, share", early),
        ("largest Cook's distance of a patient", _two(checks.groups_by_patient["cook"].max())),
    ]
    table = pd.DataFrame(rows, columns=["measure", "estimate"]).assign(n_events=pd.NA, n=pd.NA)
    share = pd.DataFrame(
        {
            "measure": [f"scores with a standardised residual beyond {FAR:g}"],
            "n_events": [far],
            "n": [scaled.size],
            "estimate": [far / scaled.size if scaled.size else np.nan],
        }
    )
    shown = scope.gate.rates(name, share, place=place)
    plain = scope.gate.plain(name, table[table["estimate"].notna()])
    frame = pd.concat([plain.frame, shown.frame.reindex(columns=plain.frame.columns)], ignore_index=True)
    return Released(name, frame, shown.hidden)


def _two(value: float) -> float:
    return float(f"{value:.2g}") if np.isfinite(value) else np.nan


def _influence(result: LinesResult, groups: pd.DataFrame) -> tuple[float, float]:
    """Largest shift of a coefficient without one patient: in standard errors; of `early`, relative to it."""
    fit = result.fit
    without = groups[[f"without {term}" for term in fit.terms]].to_numpy(float)
    shift = np.abs(without - fit.params.to_numpy())
    if not np.isfinite(shift).any():
        return np.nan, np.nan
    early = shift[:, list(fit.params.index).index("early")]
    with np.errstate(divide="ignore"):
        relative = np.nanmax(early) / abs(fit.params["early"])
    return _two(np.nanmax(shift / fit.bse.to_numpy())), _two(relative)


def _at_day(result: LinesResult) -> dict[str, float]:
    """Values of the random effects' columns at the day of the ICC."""
    values = {
        "early": min(ICC_DAY, result.turn) / result.turn,
        "later": max(ICC_DAY - result.turn, 0.0) / 7.0,
    }
    used = set(result.fit.variance_components["term_1"].dropna())
    return {name: value for name, value in values.items() if name in used}


def _icc(fit, at: dict[str, float]) -> float:
    """Correlation of two scores of one patient at that day."""
    table = fit.icc(at=at or None)
    rows = table[table["group"].astype(str).str.contains("patient_id")]
    return float(rows["icc"].iloc[-1]) if len(rows) else np.nan


def _r_squared(fit) -> dict[str, float]:
    try:
        found = fit.r_squared()
    except (DataError, FormulaError):
        return {}
    return {kind: float(found[kind]) for kind in ("marginal", "conditional")}


def fit_words(result: LinesResult, frame: pd.DataFrame, scope: Scope) -> tuple[str, ...]:
    """The measures of fit as sentences."""
    values = dict(zip(frame["measure"], frame["estimate"], strict=True))
    icc = values.get(f"share between patients at day {ICC_DAY:g} (ICC)")
    shift = values.get("largest change of a coefficient without one patient, standard errors")
    early = values.get("largest change of the early change without one patient, share")
    cook = values.get("largest Cook's distance of a patient")
    told = []
    if not missing(values.get("R2, marginal")):
        fixed = "Time and route account" if result.routes else "Time accounts"
        told.append(
            f"{fixed} for {percent(values['R2, marginal'])} of the variance of scores, with the patients’ "
            f"own deviations {percent(values['R2, conditional'])} (R², marginal and conditional)."
        )
    if not missing(icc):
        told.append(
            f"Two scores of one patient around day {ICC_DAY:g} correlate by {number(icc, 2)} (ICC): that "
            "share of what is left of the variance lies between patients."
        )
    told.append(_far_words(frame.iloc[-1]))
    if not missing(shift):
        told.append(
            f"Leaving out any one patient moves no coefficient by more than {number(shift)} standard errors, "
            f"and the change to day {result.turn:g} by at most {percent(early)}; largest Cook’s distance "
            f"{number(cook, 2)}."
        )
    told.append(
        "Assumed: missing scores depend only on what was recorded; residuals are normal, with one variance, "
        "independent. Near the ends of the range they cannot be quite normal."
    )
    return tuple(told)


def _far_words(row) -> str:
    expected = f"a normal distribution has {percent(NORMAL_SHARE)}"
    if row["suppressed"]:
        few = few_words(row["suppressed"])
        few = f"all but {few}" if row["suppressed"].startswith("all but") else few
        return f"{few} of {count(row['n'])} scores lie beyond {FAR:g} standard deviations; {expected}."
    return (
        f"{percent(row['estimate'])} of the scores ({count(row['n_events'])} of {count(row['n'])}) lie "
        f"beyond {FAR:g} standard deviations from the patient’s lines; {expected}."
    )


def diagnostics_svg(result: LinesResult, *, prefix: str, title: str) -> Markup:
    """The four panels of the diagnostics; only where small counts may be shown."""
    checks = result.fit.diagnostics()
    figure, axes = theme.new_figure()
    figure.patch.set_visible(False)
    names = {"(Intercept)": "baseline", "early": "early change", "later": "later slope"}
    effects = checks.effects_by_patient.assign(effect=checks.effects_by_patient["effect"].replace(names))
    draw_diagnostics(
        checks.rows_by_patient,
        checks.groups_by_patient,
        effects,
        axes,
        response=result.instrument,
        unit="points",
    )
    told = (
        f"{count(len(checks.rows_by_patient))} standardised residuals against fitted values; normal quantile "
        "plots of "
        "residuals and of random effects; "
        f"Cook's distances of {count(len(checks.groups_by_patient))} patients, "
        f"largest first, the largest {number(checks.groups_by_patient['cook'].max(), 2)}."
    )
    return Markup(to_svg(figure, prefix=prefix, title=title, description=told))
