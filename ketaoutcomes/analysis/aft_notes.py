"""What an accelerated failure time model assumed, left out and cannot tell, in words."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.analysis.covariates import CovariateFrame
from ketaoutcomes.draw.labels import count, percent
from ketaoutcomes.engine.aft_families import FAMILIES
from ketaoutcomes.engine.parametric import AftFit
from ketaoutcomes.engine.plateau import PLATEAU_UNIDENTIFIED, PlateauFit
from ketaoutcomes.results.aft import FEWEST_FOR_P
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.mixed_words import significant
from ketaoutcomes.results.text import patients

__all__ = ["aft_notes"]

FEW_EVENTS, FEW_CLUSTERS = 5, 10


def aft_notes(
    fit: AftFit | PlateauFit,
    frame: CovariateFrame,
    formula: str,
    *,
    n_given: int,
    n_known: int,
    clusters: str | None,
) -> tuple[str, ...]:
    """The notes of `interval_aft`, in the order in which they matter."""
    notes = [
        f"Log time is linear in the terms of {formula.strip()}, with {FAMILIES[fit.family].words} deviations "
        f"of one scale; fitted by maximum likelihood to {count(fit.n)} rows, {count(fit.n_events)} of them "
        "with the event between two assessments, by the first or at a known time.",
        *_left_out(frame, n_given, n_known),
        "Rows without the event are taken to have it later as those still assessed.",
        _patients_note(fit, clusters),
    ]
    if fit.n_clusters is not None and 1 < fit.n_clusters < FEW_CLUSTERS:
        notes.append(f"Errors by {count(fit.n_clusters)} patients are rough: treat the limits as a guide.")
    if fit.n_events < FEW_EVENTS:
        notes.append(
            f"Only {count(fit.n_events)} rows have the event: estimates and limits of so few are a guide at "
            "best."
        )
    n_patients = fit.n if fit.n_clusters is None else fit.n_clusters
    if n_patients < FEWEST_FOR_P:
        notes.append(f"No p-values: there are fewer than {FEWEST_FOR_P} patients.")
    if isinstance(fit, PlateauFit):
        notes += _plateau_notes(fit)
    notes += _medians_note(frame)
    notes += [f"Beware: {warning}." for warning in frame.warnings]
    notes.append(f"A time ratio compares patients who differ in the term. {UNCONTROLLED}")
    return tuple(notes)


def _left_out(frame: CovariateFrame, n_given: int, n_known: int) -> list[str]:
    """Rows that were not used, and why."""
    notes = []
    if n_known < n_given:
        notes.append(
            f"{count(n_given - n_known)} of {count(n_given)} rows left out: no time after 0 is known of them."
        )
    n_incomplete = n_known - len(frame.kept)
    if n_incomplete:
        gaps = ", ".join(f"{name} in {count(n)}" for name, n in frame.dropped.items() if n)
        notes.append(
            f"{count(n_incomplete)} of {count(n_known)} rows left out: a covariate is missing ({gaps})."
        )
    return notes


def _medians_note(frame: CovariateFrame) -> list[str]:
    """What the other variables are held at in the medians."""
    variables = frame.design.variables.values()
    if len(variables) < 2 and not any(one.kind == "number" for one in variables):
        return []
    held = ", ".join(
        f"{one.name} {one.levels[0]}" if one.kind == "factor" else f"{one.name} {significant(one.mean, 3)}"
        for one in variables
    )
    return [f"Medians are for patients alike in all else: {held}."]


def _patients_note(fit: AftFit | PlateauFit, clusters: str | None) -> str:
    if clusters is None:
        return "Each row is taken as one patient, independent of the others."
    if fit.n_clusters == 1:
        return (
            f"Rows of 1 patient ({clusters}): no standard errors and no limits, for one patient says nothing "
            "of how patients differ."
        )
    kind = "CR1" if isinstance(fit, PlateauFit) and not fit.at_one else "CR2"
    return (
        f"Rows of {patients(fit.n_clusters)} ({clusters}): standard errors allow for dependence within a "
        f"patient (sandwich, {kind}); limits are those of t with {count(fit.df)} degrees of freedom."
    )


def _plateau_notes(fit: PlateauFit) -> list[str]:
    """What the rows tell of those who never have the event."""
    if fit.code == PLATEAU_UNIDENTIFIED:
        low = "" if np.isnan(fit.pi_low) else f"; at least {percent(fit.pi_low)} have it"
        return [
            "PLATEAU_UNIDENTIFIED: that everybody has the event in the end is not excluded by these rows "
            f"(the log-likelihood falls by {fit.drop:.2f} towards it, less than 1.92){low}. The follow-up is "
            "too short, or too few are followed long, to tell late from never."
        ]
    return [
        f"The model without plateau has a log-likelihood {fit.drop:.1f} lower. Limits of the plateau are "
        "those of its profile likelihood. Time ratios compare those who have the event; the plateau is the "
        "same for all."
    ]
