"""The reference grid of a model: every combination of its factors' levels, covariates held at values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.errors import DataError

__all__ = [
    "Axis",
    "Grid",
    "as_names",
    "as_values",
    "check_fit",
    "check_variables",
    "numbers_of",
    "reference_grid",
]

Array = NDArray[np.float64]

MOST_NUMBERS = 50_000_000
TAKEN = (
    "contrast", "term", "n", "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high",
)  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """One variable of the grid.

    Attributes
    ----------
    name : str
    values : tuple
        Levels of a factor, or the values that a number is held at.
    is_factor : bool
    """

    name: str
    values: tuple
    is_factor: bool


@dataclass(frozen=True)
class Grid:
    """Rows of the model matrix for cells, each averaged over the variables that are not its own.

    Attributes
    ----------
    groups : tuple of Axis
        Variables of `by`, the slowest first.
    targets : tuple of Axis
        Variables whose means are sought; they vary fastest.
    averaged : tuple of Axis
        Factors averaged over, and numbers held at several values.
    fixed : tuple of Axis
        Variables with one value.
    rows : (n_groups * n_targets, p) float
        Over all columns of the design.
    """

    groups: tuple[Axis, ...]
    targets: tuple[Axis, ...]
    averaged: tuple[Axis, ...]
    fixed: tuple[Axis, ...]
    rows: Array

    @property
    def group_keys(self) -> list[tuple]:
        """The values of `groups` of each block of rows."""
        return list(product(*(axis.values for axis in self.groups)))

    @property
    def target_keys(self) -> list[tuple]:
        """The values of `targets` within a block."""
        return list(product(*(axis.values for axis in self.targets)))


def as_names(value: Any) -> tuple[str, ...]:
    """A variable or several as a tuple of names; None is no variable."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise DataError("variables are given by name: one name, or a list of names")


def as_values(at: Any) -> dict[str, Any]:
    """`at` as a dictionary; None is none."""
    if at is None:
        return {}
    if not (isinstance(at, Mapping) and all(isinstance(name, str) for name in at)):
        raise DataError(
            'at takes the values of each variable by its name, e.g. at={"day": [0, 7, 14]}, and was given '
            f"{_a(at)}"
        )
    return dict(at)


def check_fit(function: str, fit: Any) -> None:
    """Refuse what is no fitted model.

    Raises
    ------
    DataError
    """
    if all(hasattr(fit, name) for name in ("design", "kept", "estimate", "estimable")):
        return
    hint = ""
    if hasattr(fit, "kind") and hasattr(fit, "factor"):
        hint = f": give it the model that these {fit.kind} are of"
    elif hasattr(fit, "table"):
        hint = ": this result is none"
    raise DataError(f"{function} takes a model fitted by lmm, and was given {_a(fit)}{hint}")


def _a(value: Any) -> str:
    """A value by its type."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def check_variables(fit: Any, names: Iterable[str]) -> None:
    """Refuse names that are no variables of the model's fixed part, or that stand twice.

    Raises
    ------
    DataError
    """
    names = tuple(names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"'{twice[0]}' is given twice; a variable is a factor, in by, or neither")
    variables = fit.design.variables
    known = ", ".join(variables) or "none"
    random = {factor for key in getattr(fit.design, "groups", ()) for factor in key.factors}
    random |= {name for part in getattr(fit.design, "parts", {}).values() for name in part.variables}
    for name in names:
        if name in variables:
            if name in TAKEN:
                raise DataError(f"'{name}' is also a column of the result; rename the variable")
            continue
        if name in random:
            raise DataError(
                f"'{name}' stands only in the random part of the model, over which means are taken; "
                f"variables of the fixed part: {known}"
            )
        near = get_close_matches(name, variables, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise DataError(f"'{name}' is no variable of the model; {hint}variables of the fixed part: {known}")


def reference_grid(
    fit: Any,
    targets: tuple[str, ...],
    groups: tuple[str, ...],
    at: Mapping[str, Any] | None,
    weights: str,
) -> Grid:
    """The averaged rows of the model matrix.

    Parameters
    ----------
    fit
        A fitted model: `design`, and `rows_x` for proportional weights.
    targets, groups : tuple of str
    at : mapping, optional
        Values of numbers, or the levels of factors to keep.
    weights : {"equal", "proportional"}
        Of the combinations of the factors averaged over: all the same, or by the rows that they have.
    """
    at = as_values(at)
    check_variables(fit, targets + groups)
    check_variables(fit, at)
    axes = {name: _axis(variable, at.get(name)) for name, variable in fit.design.variables.items()}
    wide = [axes[name] for name in groups + targets]
    for axis in wide:
        if not axis.is_factor and axis.name not in at:
            raise DataError(
                f"'{axis.name}' is a number: say at which values, e.g. at={{\"{axis.name}\": [0, 7, 14]}}"
            )
    others = [axis for axis in axes.values() if axis not in wide]
    averaged = tuple(axis for axis in others if len(axis.values) > 1)
    fixed = tuple(axis for axis in others if len(axis.values) == 1)
    rows = _coded(fit, [*wide, *averaged], fixed)
    n_cells = prod(len(axis.values) for axis in wide)
    weight = _weights(fit, averaged, weights)
    rows = np.einsum("crp,r->cp", rows.reshape(n_cells, weight.size, -1), weight)
    return Grid(tuple(wide[: len(groups)]), tuple(wide[len(groups) :]), averaged, fixed, rows)


def _axis(variable: Any, values: Any) -> Axis:
    """The values that a variable takes: all levels, the mean, or what `at` says."""
    is_factor = variable.kind == "factor"
    if values is None:
        return Axis(variable.name, tuple(variable.levels) if is_factor else (variable.mean,), is_factor)
    values = [values] if isinstance(values, str) or not isinstance(values, Iterable) else list(values)
    if not values:
        raise DataError(f"at gives no value for '{variable.name}'")
    if is_factor:
        strange = [value for value in values if value not in variable.levels]
        if strange:
            levels = ", ".join(str(level) for level in variable.levels)
            raise DataError(f"at names a level of '{variable.name}' that the model does not have: {levels}")
        return Axis(variable.name, tuple(dict.fromkeys(values)), True)
    return Axis(variable.name, tuple(dict.fromkeys(numbers_of(variable.name, values).tolist())), False)


def numbers_of(name: str, values: Any) -> Array:
    """The values that `at` gives for a number, (k,)."""
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError):
        raise DataError(f"'{name}' is a number; at gives something else for it") from None
    if not numbers.size:
        raise DataError(f"at gives no value for '{name}'")
    if numbers.ndim > 1:
        raise DataError(f"at gives a table for '{name}'; it takes one value or a list of values")
    if not np.isfinite(numbers).all():
        raise DataError(f"at gives a value for '{name}' that is missing or infinite")
    return numbers


def _coded(fit: Any, axes: list[Axis], fixed: tuple[Axis, ...]) -> Array:
    """The model matrix of all combinations of the axes' values, the last axis fastest."""
    shape = tuple(len(axis.values) for axis in axes)
    n_rows = prod(shape)
    if n_rows * len(fit.design.columns) > MOST_NUMBERS:
        names = ", ".join(f"{axis.name} {len(axis.values)}" for axis in axes)
        raise DataError(f"the grid of all levels has {n_rows:,} cells ({names}); keep fewer levels with at=")
    places = np.unravel_index(np.arange(n_rows), shape) if shape else ()
    columns = {axis.name: _cells(axis)[place] for axis, place in zip(axes, places, strict=True)}
    columns |= {axis.name: np.repeat(_cells(axis), n_rows) for axis in fixed}
    return fit.design.matrix(pd.DataFrame(columns, index=range(n_rows)))


def _cells(axis: Axis) -> NDArray:
    """The values of an axis as an array that keeps their type."""
    return pd.Series(list(axis.values)).to_numpy()


def _weights(fit: Any, averaged: tuple[Axis, ...], weights: str) -> Array:
    """The weight of each combination of what is averaged over; they sum to 1."""
    shape = tuple(len(axis.values) for axis in averaged)
    if weights == "equal" or not averaged:
        return np.full(prod(shape), 1.0 / prod(shape))
    factors = [axis for axis in averaged if axis.is_factor]
    counts = cell_counts(fit, factors)
    if counts is None:
        raise DataError(
            'weights="proportional" needs the rows of each combination of levels, which this fit cannot '
            'tell; use weights="equal"'
        )
    if not counts.sum():
        raise DataError("no row of the data has the levels that are averaged over")
    # Numbers held at several values have no rows of their own: each value counts the same.
    spread = counts.reshape([len(axis.values) if axis.is_factor else 1 for axis in averaged])
    full = np.broadcast_to(spread, shape).ravel()
    return full / full.sum()


def cell_counts(fit: Any, axes: Iterable[Axis]) -> NDArray[np.int64] | None:
    """Rows of the fit in each combination of the factors' levels, the last factor fastest.

    The rows are known by their coded columns only: a row belongs to the combination of all the
    model's factors whose coded columns are the row's. None where two combinations are coded alike, or
    the fit keeps no rows.
    """
    rows = getattr(fit, "rows_x", None)
    axes = list(axes)
    if rows is None:
        return None
    variables = fit.design.variables
    every = [_axis(variable, None) for variable in variables.values() if variable.kind == "factor"]
    numbers = tuple(_axis(variable, None) for variable in variables.values() if variable.kind != "factor")
    if not every:
        return None
    if prod(len(axis.values) for axis in every) * len(fit.design.columns) > MOST_NUMBERS:
        return None
    coded = _coded(fit, every, numbers)[:, fit.kept]
    names = {axis.name for axis in every}
    of_factors = {
        column for term in fit.design.terms if set(term.variables) <= names for column in term.columns
    }
    places = np.flatnonzero([column in of_factors for column in np.flatnonzero(fit.kept)])
    # One number per row: columns that differ give different sums, but for a coincidence of measure zero.
    mix = np.random.default_rng(len(places)).uniform(1.0, 2.0, len(places))
    scale = fit.engine.sums.scale
    mark = ((coded - scale.centre) / scale.scale)[:, places] @ mix
    if fit.frame.weights is not None:
        rows = rows / np.sqrt(fit.frame.weights)[:, None]
    if scale.mix is not None:
        rows = (scale.own_units(rows) - scale.centre) / scale.scale
    seen = rows[:, places] @ mix
    order = np.argsort(mark)
    gaps = np.diff(mark[order])
    closeness = 1e-7 * max(np.abs(mark).max(), 1.0)
    if (gaps < closeness).any():
        return None
    middles = mark[order][:-1] + gaps / 2
    cell = order[np.searchsorted(middles, seen)]
    if (np.abs(mark[cell] - seen) > closeness).any():
        return None
    shape = tuple(len(axis.values) for axis in every)
    counts = np.bincount(cell, minlength=len(mark)).reshape(shape)
    return _marginal(counts, every, axes)


def _marginal(counts: NDArray, every: list[Axis], axes: list[Axis]) -> NDArray[np.int64]:
    """Counts summed over the factors that are not asked for, in the order and for the levels asked for."""
    order = [axis.name for axis in every]
    kept = [order.index(axis.name) for axis in axes]
    summed = counts.sum(axis=tuple(place for place in range(len(order)) if place not in kept))
    left = sorted(kept)
    summed = np.transpose(summed, [left.index(place) for place in kept])
    for number, axis in enumerate(axes):
        levels = list(every[kept[number]].values)
        summed = np.take(summed, [levels.index(value) for value in axis.values], axis=number)
    return summed.ravel()
