"""What stands below odds ratios of side effects: what they are of, and what they cannot tell."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.analysis.notes import selection_notes
from ketaoutcomes.analysis.side_effect_design import DOSE, ROUTE, WAY, Design
from ketaoutcomes.analysis.side_effect_models import (
    ALL_EVENT,
    CONSTANT,
    FEW_EVENTS,
    FEW_PATIENTS,
    FEWEST_FOR_P,
    NO_EVENT,
    NO_REFERENCE,
    NO_REFERENCE_RECORD,
    NO_SOLUTION,
    ONE_SIDED,
    SEPARATED,
    EffectModel,
)
from ketaoutcomes.analysis.side_effect_notes import denominator_notes, word_notes
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.effect_sessions import EffectSessions
from ketaoutcomes.results.base import UNCONTROLLED

__all__ = ["factor_definitions", "factor_notes"]

FEW_PER_PARAMETER = 10
FEW_PATIENTS_FOR_T = 10
_SPLIT = {
    "first": (
        "First dose and change from it",
        "The dose of a session is split into the dose of the patient's first session by this route (between "
        "patients) and the difference from it (within the patient), each per 0.1 mg/kg and within the route",
        "Rule of this library, after Neuhaus and Kalbfleisch 1998, Biometrics 54, 638",
    ),
    "mean": (
        "Mean dose and deviation from it",
        "The dose of a session is split into the mean dose of the patient's sessions by this route (between "
        "patients) and the deviation from it (within the patient), each per 0.1 mg/kg and within the route",
        "Neuhaus and Kalbfleisch 1998, Biometrics 54, 638",
    ),
}
_WHY = {
    NO_EVENT: "No model: no session has the effect",
    ALL_EVENT: "No model: every session has the effect",
    FEW_EVENTS: "No model: there are not more sessions with the effect, or without it, than parameters; "
    "name fewer factors",
    FEW_PATIENTS: "No model: there are not more patients than parameters; name fewer factors",
    SEPARATED: "No model: the factors tell the effect without fail in some sessions (separation), so that "
    "odds ratios have no finite value; name fewer factors",
    NO_SOLUTION: "No model: the estimating equations have no solution that was found; name fewer factors",
}


def factor_definitions(
    design: Design, correlation: str, dose_split: str, severity: str | None, *, curve: bool
) -> tuple[tuple[str, str, str], ...]:
    """The definitions used, each with its source."""
    found = [
        (
            "Odds ratio",
            "Odds that the effect was recorded in a session, relative to those of one unit less or of the "
            "reference level, the other factors alike: population-averaged logistic model by generalised "
            f"estimating equations, working correlation of a patient's sessions {correlation}, "
            "Mancl-DeRouen covariance, t with patients - parameters degrees of freedom",
            "Liang and Zeger 1986, Biometrika 73, 13; Mancl and DeRouen 2001, Biometrics 57, 126",
        )
    ]
    if any(term.factor == DOSE for term in design.terms):
        found.append(_SPLIT[dose_split])
    if curve:
        found.append(
            (
                "Share of sessions by dose",
                "Sessions by one route, asked in one way: share with the effect expected at a dose, averaged "
                "over the other factors of these sessions as they were (as above, with the session's own "
                "dose, not split), from the 5th to the 95th percentile of doses, limits by the delta method; "
                "and the observed share of each band of doses, not adjusted",
                "Lane and Nelder 1982, Biometrics 38, 613",
            )
        )
    if severity is not None:
        found.append(
            (
                "Severity",
                f"Effects of severity {severity} or more, as the clinic recorded it; of several records in a "
                "session the worst. An effect recorded without a severity is at least mild",
                "Rule of this library",
            )
        )
    return tuple(found)


def factor_notes(
    cohort: Cohort, rows: EffectSessions, design: Design, models: list[EffectModel], **asked
) -> list[str]:
    """The notes of `side_effect_factors`; `asked` are its arguments."""
    if not rows.found.session_row.size:
        return [*denominator_notes(cohort, rows.found), *selection_notes(cohort), UNCONTROLLED]
    notes = _record_notes(cohort, rows, asked["route"])
    notes += _way_notes(rows, design, asked["ascertainment"])
    notes += [f"No odds ratio of a factor: {words}." for words in design.left_out]
    notes += [
        f"{n:,} of {rows.record.size:,} records left out: '{name}' is missing."
        for name, n in design.n_missing.items()
    ]
    if models and models[0].n_missing:
        notes.append(f"{models[0].n_missing:,} records are left out in all, because a factor is missing.")
    notes += [
        f"{words}: none of the {n:,} records at this level can be used, because a factor is missing in each, "
        "or its outcome is not known; it is in no model and no reference."
        for words, n in design.unused
    ]
    unknown = max((model.n_unknown for model in models), default=0)
    if unknown:
        notes.append(
            f"{unknown:,} records left out of a model: the effect was recorded without a severity, so that "
            "it may or may not count. Leaving them out makes effects look rarer where severity is ticked "
            "only for some sessions, commoner where it is ticked only for bad ones, and shifts an odds "
            "ratio where that differs with the factor."
        )
    notes += _dose_notes(design, asked["dose_split"], asked["correlation"])
    may_be_independent = asked["correlation"] != "independence" and not _has_dose(design)
    notes += _model_notes(models, may_be_independent)
    if design.after:
        names = ", ".join(f"'{name}'" for name in design.after)
        notes.append(f"{names}: known only after the session, and may follow from the side effect itself.")
    if len(models) > 1:
        notes.append(
            "Of many odds ratios some differ from 1 by chance: p_adjusted holds the expected share of such "
            "among those named (Benjamini and Hochberg, over the effects, within each term)."
        )
    notes += word_notes(rows.found)
    notes.append(
        "Sessions were not given a dose or a route by lot, and whoever had a side effect may have had fewer "
        "sessions: odds ratios are associations."
    )
    return [*notes, *selection_notes(cohort), UNCONTROLLED]


def _record_notes(cohort: Cohort, rows: EffectSessions, route: str | None) -> list[str]:
    """Which sessions are looked at."""
    found = rows.found
    n_sessions, n_recorded = len(cohort.sessions), np.unique(found.session_row).size
    notes = [
        f"{n_recorded:,} of {n_sessions:,} sessions have side effects recorded; "
        f"{n_sessions - n_recorded:,} without a record are left out, not counted as none."
    ]
    if route is not None:
        notes.append(f"Sessions by one route only ({route}): {rows.record.size:,} records.")
    if found.n_assumed:
        notes.append(
            f"{found.n_assumed:,} sessions are marked as recorded but have no row: no effect. How they were "
            "asked is taken from the patient's other sessions, or else the clinic's."
        )
    if found.n_not_stated:
        notes.append(f"{found.n_not_stated:,} records do not say how the effects were asked for.")
    return notes


def _way_notes(rows: EffectSessions, design: Design, ascertainment: str | None) -> list[str]:
    """How the ways of asking enter."""
    notes = []
    if ascertainment is not None and np.unique(rows.found.way).size > 1:
        notes.append(f"Asked in one way only ({ascertainment}): {rows.record.size:,} records.")
    if WAY in design.references:
        n_twice = rows.record.size - np.unique(rows.session_row).size
        notes.append(
            "The way of asking is a factor of the model, because it decides how often effects are recorded: "
            "the other odds ratios hold it alike"
            + (f"; {n_twice:,} sessions asked in two ways are in twice." if n_twice else ".")
        )
    return notes


def _dose_notes(design: Design, dose_split: str, correlation: str) -> list[str]:
    """What an association with the dose may stand for."""
    names = {term.factor for term in design.terms}
    notes = []
    if DOSE in names:
        notes.append(
            "The dose is chosen in view of earlier sessions: doses are raised where response is small, and "
            "lowered after side effects. The odds ratio within the patient is an association too. Observed "
            "shares by dose mix patients whose doses were lowered with others, and may differ from the curve."
        )
        if dose_split == "mean":
            notes.append(
                "A patient's mean dose includes what was chosen after a side effect. Where doses are lowered "
                "after one, the odds ratio within the patient is then far above and that between patients "
                'far below what a dose is associated with; dose_split="first" does not have this.'
            )
        if correlation == "independence":
            notes.append(
                'correlation="independence" with the dose: where doses are lowered after a side effect and '
                "raised without one, low doses are those of patients who have many, so that the odds ratio "
                "of the dose within the patient lies far below 1 also if dose and effect have nothing to do "
                'with each other; correlation="exchangeable" is then near 1.'
            )
    with_dose = design.route[(design.route >= 0) & np.isfinite(design.dose)]
    n_routes = np.unique(with_dose).size
    if DOSE in names and n_routes > 1:
        common = design.routes[int(np.bincount(with_dose).argmax())]
        notes.append(
            f"There are {n_routes} routes with a dose. They differ in bioavailability, so that mg/kg do not "
            "compare across them: doses are taken within each route, relative to its mean, and one odds "
            f'ratio per 0.1 mg/kg is given for all. route="{common}" gives that of one route.'
        )
    if ROUTE in names and DOSE in names:
        notes.append("The odds ratio of a route compares sessions at each route's own usual dose.")
    return notes


def _has_dose(design: Design) -> bool:
    return any(term.factor == DOSE for term in design.terms)


def _model_notes(models: list[EffectModel], may_be_independent: bool) -> list[str]:
    """What could not be estimated, and what rests on little."""
    notes = []
    if may_be_independent and any(NO_SOLUTION in set(model.table["code"]) for model in models):
        notes.append('Without the dose, correlation="independence" may have a solution.')
    single = len(models) == 1
    for model in models:
        name = "" if single else f" ({model.effect})"
        own = set(model.table["code"])
        notes += [f"{words}{name}." for code, words in _WHY.items() if code in own]
        if NO_REFERENCE in own:
            notes.append(
                f"The reference level of a factor has no session with the effect, or none without it{name}: "
                "no odds ratio of this factor is given."
            )
        if NO_REFERENCE_RECORD in own:
            notes.append(
                f"No record at the reference level of a factor can be used{name}: no odds ratio of this "
                "factor is given."
            )
        if CONSTANT in own:
            terms = model.table.loc[model.table["code"] == CONSTANT, "label"]
            notes.append(f"{'; '.join(terms)}: {CONSTANT}{name}.")
    left = [model for model in models if ONE_SIDED in set(model.table["code"])]
    if left:
        most = max(sum(n for _, n in model.usable.one_sided) for model in left)
        amount = f"{most:,}" if single else f"{most:,} at most"
        who = "" if single else f" ({', '.join(model.effect for model in left)})"
        notes.append(
            "A level in which no session, or every session, has the effect has no finite odds ratio; its "
            f"sessions ({amount}) tell nothing about the other factors and are not in the model{who}."
        )
    fitted = [model for model in models if model.fit is not None and model.fit.converged]
    few = [model for model in fitted if model.events_per_parameter < FEW_PER_PARAMETER]
    if few:
        who = "The model has" if single else f"{len(few)} of {len(models)} models have"
        least = min(model.events_per_parameter for model in few)
        notes.append(
            f"{who} fewer than {FEW_PER_PARAMETER} sessions with the effect (or without it) per parameter"
            f" ({least:.1f}): odds ratios lie too far from 1, and limits are rough."
        )
    n_patients = max((int(model.table["n_patients"].iloc[0]) for model in fitted), default=0)
    if fitted and n_patients < FEWEST_FOR_P:
        notes.append(f"No p-value: fewer than {FEWEST_FOR_P} patients.")
    if fitted and n_patients < FEW_PATIENTS_FOR_T:
        notes.append(f"Fewer than {FEW_PATIENTS_FOR_T} patients: the covariance between them is rough.")
    if any(model.fit.alpha_held for model in fitted):
        notes.append(
            "The correlation of a patient's sessions lay outside what is possible and was held at its end."
        )
    return notes
