"""Names of contrasts, and what is said about a reference grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ketaoutcomes.analysis.grid import Axis, Grid
from ketaoutcomes.results.margins import level_words

__all__ = [
    "bracketed",
    "carried_notes",
    "held_note",
    "listed",
    "missing_notes",
    "outside_notes",
    "reference_words",
    "within",
]

WITH_THE_MODEL = ("Valid where", "Reference levels:")


def listed(axes: Sequence[Axis]) -> str:
    return " and ".join(axis.name for axis in axes)


def within(grid: Grid) -> str:
    return f", within {listed(grid.groups)}" if grid.groups else ""


def bracketed(name: str) -> str:
    """A level with a dash of its own stands in brackets, so that the minus sign stays clear."""
    return f"({name})" if " - " in name or name.startswith("-") else name


def reference_words(reference: Any) -> str:
    values = reference if isinstance(reference, (tuple, list)) else (reference,)
    return " ".join(level_words(value) for value in values)


def held_note(grid: Grid, weights: str) -> str:
    """What was averaged over, and where the rest was held."""
    words = []
    if grid.averaged:
        names = ", ".join(
            axis.name if axis.is_factor else f"{axis.name} at {', '.join(f'{v:g}' for v in axis.values)}"
            for axis in grid.averaged
        )
        how = "equal weights" if weights == "equal" else "weights by their rows in the data"
        words.append(f"averaged over {names} with {how}")
    if grid.fixed:
        held = ", ".join(f"{axis.name} = {level_words(axis.values[0])}" for axis in grid.fixed)
        words.append(f"at {held}")
    sentence = "; ".join(words) or "no other variable in the fixed part"
    return f"{sentence[0].upper()}{sentence[1:]}; random effects at 0."


def outside_notes(fit: Any, grid: Grid) -> list[str]:
    """A warning for each number that is held beyond the data."""
    notes = []
    for axis in (*grid.groups, *grid.targets, *grid.averaged, *grid.fixed):
        known = fit.design.variables[axis.name]
        if not axis.is_factor and (min(axis.values) < known.minimum or max(axis.values) > known.maximum):
            # The ends of the data are single patients' values and are not told.
            notes.append(f"Extrapolated: {axis.name} is held beyond the data.")
    return notes


def carried_notes(notes: Sequence[str]) -> list[str]:
    """The model's notes but those that a reader of margins finds with the model itself."""
    return [note for note in notes if not note.startswith(WITH_THE_MODEL)]


def missing_notes(n_missing: int, noun: str) -> list[str]:
    if not n_missing:
        return []
    nouns = f"1 {noun} is" if n_missing == 1 else f"{n_missing} {noun}s are"
    return [f"{nouns} missing: the data have no rows in a combination of levels that the model needs for it."]
