"""With what side effects are associated: dose, route, session number and further factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import told_synonyms
from ketaoutcomes.analysis.side_effect_design import DOSE, ROUTE, Design, checked_factors, design_of
from ketaoutcomes.analysis.side_effect_dose import BAND_COLUMNS, CURVE_COLUMNS, dose_tables
from ketaoutcomes.analysis.side_effect_factor_notes import factor_definitions, factor_notes
from ketaoutcomes.analysis.side_effect_models import COLUMNS, EffectModel, fit_effect
from ketaoutcomes.analysis.side_effect_question import WAYS
from ketaoutcomes.catalog.effect_terms import EffectTerms
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_level
from ketaoutcomes.derive.effect_sessions import DOSE_SPLITS, EffectSessions, effect_sessions
from ketaoutcomes.derive.side_effects import ANY, SEVERITIES, recorded_side_effects, terms_of
from ketaoutcomes.engine.gee import CORRELATIONS
from ketaoutcomes.engine.multiplicity import adjust_p_values
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.side_effect_factors import SideEffectFactors

__all__ = ["side_effect_factors"]

MODELS = ("gee",)
# Effects recorded more rarely are not among "all effects": they would fill a table without an odds ratio.
FEWEST_EVENTS = 10


def side_effect_factors(
    cohort: Cohort,
    effect: str | Sequence[str] | None = ANY,
    *,
    factors: Sequence[str] | str = ("dose", "route", "session"),
    route: str | None = None,
    ascertainment: str | None = None,
    severity: str | None = None,
    synonyms: Mapping | str | PathLike | bool | None = None,
    dose_split: str = "first",
    model: str = "gee",
    correlation: str = "exchangeable",
    level: float = 0.95,
) -> SideEffectFactors:
    """Odds ratios of a side effect for dose, route, session number and further factors, per session.

    One row per session with a record enters a population-averaged logistic model (generalised estimating
    equations); sessions of a patient are correlated. The covariance is Mancl and DeRouen's with t limits
    whatever the number of patients: with many it is the plain sandwich.

    The dose is split into the patient's first dose by the route and the change from it. A patient's *mean*
    dose (`dose_split="mean"`) includes doses that were chosen after a side effect: where they are lowered
    after one, its odds ratio within the patient is far too high, and so is that of conditional logistic
    regression. With the first dose and an exchangeable correlation, where the next dose depends on what was
    recorded before, both odds ratios are near 1 if dose and effect are not associated, and near the truth
    where patients are moderately alike; where patients differ much the one within the patient is pulled
    towards 1. With independence it lies far below the truth, and below 1 if there is no association
    (tests/simulation/test_side_effect_factors_truth.py).

    Parameters
    ----------
    cohort : Cohort
    effect : str, sequence of str or None
        "any side effect", one effect, or several; None for all with at least 10 records. Several have a
        model each, and p-values adjusted over the effects, within each term.
    factors : sequence of str
        "dose", "route", "session" (log2 of its number), and columns of `sessions` or `patients`, of numbers
        or words. Where sessions were asked about in several ways, the way of asking is always a factor.
    route : str, optional
        Sessions by this route only; session numbers stay.
    ascertainment : {"checklist", "spontaneous", "scale", "not stated"}, optional
        One way of asking only.
    severity : {"mild", "moderate", "severe"}, optional
        Effects of at least this severity. One without a severity is at least mild; from moderate on its
        session is left out, and counted, if none else counts.
    synonyms : mapping, path or bool, optional
        As in `side_effect_rates`.
    dose_split : {"first", "mean"}
        What the dose is compared with within the patient.
    model : {"gee"}
        Generalised estimating equations.
    correlation : {"exchangeable", "independence"}
        Working correlation of the sessions of a patient. Not independence with the dose.
    level : float
        Confidence level.

    Returns
    -------
    SideEffectFactors
        `.table`: `effect`, `term`, `label`, `estimate` (odds ratio) with `conf_low` and `conf_high`,
        `log_odds_ratio` with `std_error`, `df`, `statistic`, `p_value` (none in fewer than 20 patients), with
        several effects `p_adjusted`, `n` (records), `n_events`, `n_patients`, `n_missing` (left out because a
        factor is missing), `method`, `code` (why there is no estimate). `.dose_curve` and `.dose_bands`:
        share of sessions by dose. Without any record they have no row, and a note says so.

    Raises
    ------
    DataError
        If an argument is malformed, an effect was never recorded, or a factor is no column.

    Source
    ------
    Liang and Zeger (1986), Biometrika 73, 13; Mancl and DeRouen (2001), Biometrics 57, 126; Neuhaus and
    Kalbfleisch (1998), Biometrics 54, 638; Pepe and Anderson (1994), Commun. Stat. B 23, 939.
    """
    check_cohort(cohort)
    check_level(level)
    check_choice("model", model, MODELS)
    check_choice("correlation", correlation, CORRELATIONS)
    check_choice("dose_split", dose_split, DOSE_SPLITS)
    if ascertainment is not None:
        check_choice("ascertainment", ascertainment, WAYS)
    if severity is not None:
        check_choice("severity", severity, SEVERITIES)
    named = checked_factors(cohort, factors)
    if route is not None:
        named = tuple(name for name in named if name != ROUTE) or named
    terms = terms_of(cohort, synonyms)
    wanted = _wanted(effect, terms)
    rows = effect_sessions(
        cohort,
        recorded_side_effects(cohort, terms),
        ascertainment=ascertainment,
        severity=severity,
        route=_checked_route(cohort, route),
    )
    columns, names = _columns(rows, wanted)
    outcomes = rows.outcomes(columns)
    design = design_of(cohort, rows, named, outcomes, dose_split=dose_split)
    models, curve, bands = _models(rows, design, outcomes, names, correlation, level)
    arguments = {
        "effect": effect if effect is None or isinstance(effect, str) else tuple(effect), "factors": named,
        "route": route, "ascertainment": ascertainment, "severity": severity,
        "synonyms": told_synonyms(synonyms),
        "dose_split": dose_split, "model": model, "correlation": correlation, "level": level,
    }  # fmt: skip
    several = wanted is None or len(wanted) > 1
    what = "side effects" if several else names[0] if names else wanted[0]
    which = f", {severity} or more" if severity in SEVERITIES[:-1] else f", {severity}" if severity else ""
    return SideEffectFactors(
        title=f"Factors associated with {what}{which}, per session",
        table=_table(models, several),
        notes=tuple(factor_notes(cohort, rows, design, models, **arguments)),
        definitions=factor_definitions(design, correlation, dose_split, severity, curve=bool(len(bands))),
        provenance=provenance_of("side_effect_factors", cohort.fingerprint, arguments),
        level=level,
        shows=f"{what[:1].upper()}{what[1:]}{which}: odds ratio per session",
        dose_curve=curve,
        dose_bands=bands,
        references=dict(design.references),
    )


def _wanted(effect: object, terms: EffectTerms) -> list[str] | None:
    """Preferred names of the effects asked for, each once; None for all."""
    if effect is None:
        return None
    given = [effect] if isinstance(effect, str) else effect
    if not isinstance(given, Sequence) or not given or not all(isinstance(name, str) for name in given):
        raise DataError(
            'effect takes one name or several, e.g. effect="nausea" or effect=["nausea", "headache"]; None '
            "is all"
        )
    return list(dict.fromkeys(ANY if name.strip().lower() == ANY else terms.name(name) for name in given))


def _checked_route(cohort: Cohort, route: object) -> str | None:
    """The route asked for, as it is written in the data."""
    if route is None:
        return None
    known = [] if "route" not in cohort.sessions else cohort.sessions["route"].dropna().astype(str).unique()
    check_choice("route", route, tuple(sorted(known)))
    return route


def _columns(rows: EffectSessions, wanted: list[str] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Columns of the effects and their names: 0 is any effect."""
    known = rows.found.effects
    if not rows.record.size:
        return np.zeros(0, dtype=np.int64), ()
    if wanted is None:
        columns = np.arange(1, len(known) + 1)
        often = np.nansum(rows.outcomes(columns), axis=0)
        kept = columns[often >= FEWEST_EVENTS]
        kept = kept[np.argsort(-often[kept - 1], kind="stable")]
        return kept, tuple(known[column - 1] for column in kept)
    unknown = [name for name in wanted if name != ANY and name not in known]
    if unknown:
        raise DataError(
            f"{len(unknown)} of the effects asked for were never recorded, and nobody may have asked for "
            "them; side_effect_rates(cohort).table['effect'] lists those recorded"
        )
    columns = [0 if name == ANY else known.index(name) + 1 for name in wanted]
    return np.array(columns, dtype=np.int64), tuple(wanted)


def _models(
    rows: EffectSessions, design: Design, outcomes, names, correlation: str, level: float
) -> tuple[list[EffectModel], pd.DataFrame, pd.DataFrame]:
    """A model per effect, and the shares by dose."""
    models, curves, bands = [], [], []
    has_dose = any(term.factor == DOSE for term in design.terms)
    for place, name in enumerate(names):
        outcome = outcomes[:, place]
        models.append(fit_effect(name, design, outcome, rows.patient, correlation=correlation, level=level))
        if has_dose:
            found = dose_tables(
                name, design, outcome, rows.patient, rows.way, rows.found.ways,
                correlation=correlation, level=level,
            )  # fmt: skip
            curves.append(found[0])
            bands.append(found[1])
    return models, _together(curves, CURVE_COLUMNS), _together(bands, BAND_COLUMNS)


def _together(parts: list[pd.DataFrame], columns: dict[str, str]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    if filled:
        return pd.concat(filled, ignore_index=True)
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def _table(models: list[EffectModel], several: bool) -> pd.DataFrame:
    """The rows of all models, with adjusted p-values where effects are several."""
    table = _together([model.table for model in models], COLUMNS)
    if not several:
        return table
    adjusted = table.groupby("term", sort=False)["p_value"].transform(lambda p: adjust_p_values(p, "bh"))
    table.insert(table.columns.get_loc("p_value") + 1, "p_adjusted", adjusted.astype(float))
    return table
