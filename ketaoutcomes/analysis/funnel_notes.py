"""What a funnel plot says beside its table."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.analysis.funnel_units import CASES, MEAN, PROPORTION, Units
from ketaoutcomes.draw.labels import count, number
from ketaoutcomes.engine.funnel_limits import FEWEST_UNITS, Dispersion
from ketaoutcomes.results.base import UNCONTROLLED

__all__ = ["funnel_definitions", "funnel_notes"]

SOURCE = "Spiegelhalter 2005, Stat. Med. 24, 1185"
LIMITS = {
    PROPORTION: "exact binomial limits of a unit of its size, interpolated between counts",
    CASES: "exact limits of the sum of cases with their own probabilities (Poisson-binomial), interpolated "
    "between counts; Poisson limits would be too wide, since events are common",
    MEAN: "normal limits from each unit's standard error",
}
POISSON = "exact Poisson limits of its expected number, interpolated between counts"


def funnel_notes(
    units: Units, spread: Dispersion, asked: str, levels: tuple[float, float]
) -> tuple[str, ...]:
    """Rows left out, the target, dispersion, and how to read it."""
    notes = [
        "Units are not ranked; rows are in alphabetical order. A unit inside its limits differs from the "
        "target no more than chance allows for its size.",
        f"With {count(units.size)} units, {number(units.size * (1 - levels[0]), 1)} would lie outside the "
        f"{100 * levels[0]:g}% limits and {number(units.size * (1 - levels[1]), 2)} outside the "
        f"{100 * levels[1]:g}% limits by chance alone; only the latter are a signal.",
    ]
    notes += [
        f"{count(n)} {'row' if n == 1 else 'rows'} left out: '{name}' is missing."
        for name, n in units.dropped.items()
    ]
    if units.model is not None:
        notes += _model_notes(units)
    notes.append(_dispersion_note(spread, asked))
    return (*notes, UNCONTROLLED)


def _model_notes(units: Units) -> list[str]:
    model = units.model
    notes = [
        f"Expected events: {model.family} model {units.formula} of all {count(len(model.expected))} cases. "
        "Only what is in the model is adjusted for; a unit is itself part of the whole it is compared with.",
        "Each ratio compares a unit with what its own cases would have had; two units' ratios are not "
        "comparable with each other where their cases differ.",
    ]
    if model.family == "Poisson" and np.isfinite(model.dispersion):
        notes.append(
            f"Single cases vary {number(model.dispersion, 2)} times as much as Poisson's distribution "
            f"allows (Pearson's chi-square over {count(model.df)} degrees of freedom)."
        )
    return notes


def _dispersion_note(spread: Dispersion, asked: str) -> str:
    if spread.n_units < FEWEST_UNITS:
        return (
            f"With {count(spread.n_units)} units the dispersion between them cannot be estimated "
            f"({FEWEST_UNITS} are needed), so limits are for chance alone."
        )
    words = (
        f"Dispersion between units: phi = {number(spread.phi, 2)} (mean squared z, 10% at each end drawn in; "
        f"threshold {number(spread.threshold, 2)})"
    )
    if spread.applied == "additive":
        return (
            f"{words}. Limits are widened by a variance between units of {spread.tau2:.3g} (additive): units "
            "differ by more than chance and by more than is adjusted for."
        )
    if spread.applied == "multiplicative":
        return f"{words}. Limits are widened by the square root of phi (multiplicative)."
    why = "as asked" if asked == "none" else "no more than chance allows"
    return f"{words}. Limits are not widened: {why}."


def funnel_definitions(units: Units, spread: Dispersion) -> tuple[tuple[str, str, str], ...]:
    """Limits, the target, standardisation and dispersion, as far as they are used."""
    how = LIMITS.get(units.kind, POISSON)
    if spread.applied != "none":
        how = "normal limits with the dispersion between units in them"
    found = [("Limits", f"The target and {how}", SOURCE)]
    if units.model is not None:
        found.append(
            (
                "Indirect standardisation",
                "Observed over expected events, expected from a model of all cases",
                "Breslow and Day 1987, IARC Sci. Publ. 82, ch. 2",
            )
        )
    if spread.n_units >= FEWEST_UNITS:
        found.append(
            (
                "Dispersion",
                "phi is the mean squared z after winsorising 10% at each end; more than 1 + 2 sqrt(2 / "
                "units) is more than chance; variance between units by moments",
                "Spiegelhalter 2005, Qual. Saf. Health Care 14, 347",
            )
        )
    return tuple(found)
