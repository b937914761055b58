"""Marginal means of a fitted model, their contrasts, and slopes, over a reference grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.families import adjusted
from ketaoutcomes.analysis.grid import (
    Axis,
    Grid,
    as_names,
    as_values,
    cell_counts,
    check_fit,
    check_variables,
    numbers_of,
    reference_grid,
)
from ketaoutcomes.analysis.margin_words import (
    bracketed,
    carried_notes,
    held_note,
    listed,
    missing_notes,
    outside_notes,
    reference_words,
    within,
)
from ketaoutcomes.derive.arguments import check_choice, check_level
from ketaoutcomes.engine.multiplicity import SIMULTANEOUS_METHODS
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.margins import MarginsResult, level_words

__all__ = ["contrasts", "marginal_means", "slopes"]

Array = NDArray[np.float64]

WEIGHTS = ("equal", "proportional")
COLUMNS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
SLOPE_STEP = 1e-3
SOURCE = "Searle, Speed & Milliken (1980), Am. Stat. 34, 216; as emmeans"


def marginal_means(
    fit: Any,
    factor: str | Sequence[str],
    *,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    weights: str = "equal",
    level: float = 0.95,
) -> MarginsResult:
    """Means that a model expects at the levels of a factor, all else held the same.

    The model's expected response is computed in every combination of the factors' levels, with numbers
    at their mean, and averaged over the factors that are not asked for. Random effects
    are at their mean of 0. Everything is on the scale of the response in the formula.

    Parameters
    ----------
    fit : LmmResult or another fitted model
        With `design`, `kept`, `estimate` and `estimable`.
    factor : str or sequence of str
        Variables of the fixed part; several give all their combinations. A number needs values in `at`.
    by : str or sequence of str, optional
        Variables within whose levels the means are given.
    at : mapping, optional
        Values of numbers, e.g. ``{"day": [0, 7, 14]}``, or levels of factors to keep. Several values of a
        number that is neither in `factor` nor in `by` are averaged over.
    weights : {"equal", "proportional"}
        How combinations of the factors averaged over count: all the same (a balanced population), or
        by how many rows of the data have them.
    level : float
        Confidence level.

    Returns
    -------
    MarginsResult
        `.table`: the columns of `by` and `factor`; `n`, rows of the fit with these levels (missing
        where a number is among them); `estimate`, `std_error`, `df`, `statistic` (t against 0), `p_value`,
        `conf_low`, `conf_high`. What the data cannot tell is missing.

    Raises
    ------
    DataError
        If a variable, a level or a choice is not known.

    Notes
    -----
    A number of two values, such as 0 and 1, is held at its mean like any other number, where emmeans
    averages the two values; true/false columns and C(x) are factors.
    Source: Searle, Speed & Milliken (1980), Am. Stat. 34, 216. Checked: tests/reference/margins.R.
    """
    check_fit("marginal_means", fit)
    check_level(level)
    check_choice("weights", weights, WEIGHTS)
    grid = reference_grid(fit, _targets(factor), as_names(by), at, weights)
    axes = [*grid.groups, *grid.targets]
    keys = [group + target for group in grid.group_keys for target in grid.target_keys]
    table = _key_columns(axes, keys)
    table["n"] = _rows_per_cell(fit, axes, len(keys))
    estimates, n_missing = _estimates(fit, grid.rows, level)
    notes = [held_note(grid, weights), *outside_notes(fit, grid), *missing_notes(n_missing, "mean")]
    return _result(
        fit, "means", pd.concat([table, estimates], axis=1), grid, notes, level=level,
        function="marginal_means",
        title=f"Marginal means of {fit.design.response}, by {listed(grid.targets)}{within(grid)}",
        arguments={"factor": factor, "by": by, "at": at, "weights": weights, "level": level},
        definition=("Marginal mean", "Expected response, averaged over a grid of all levels", SOURCE),
    )  # fmt: skip


def contrasts(
    fit: Any,
    factor: str | Sequence[str],
    *,
    by: str | Sequence[str] | None = None,
    reference: Any = None,
    at: Mapping[str, Any] | None = None,
    weights: str = "equal",
    adjust: str = "none",
    level: float = 0.95,
) -> MarginsResult:
    """Differences between the marginal means of a factor's levels.

    Parameters
    ----------
    fit, factor, by, at, weights, level
        As in `marginal_means`.
    reference : level, optional
        Each other level less this one ("IM - IV" for the reference "IV"); a tuple of levels where
        `factor` is several variables. Without it all pairs, the earlier level less the later.
    adjust : str
        "none", "holm", "hochberg", "bh", "by", "bonferroni", "sidak", "tukey", "dunnett" or "mvt".
        For the number of contrasts within each level of `by`. The limits are adjusted too; with
        "holm", "hochberg", "bh" and "by", which have none, they are Bonferroni's. "tukey" is for all
        pairs, "dunnett" for a reference, "mvt" for either: it uses the correlation of the estimates, and
        "dunnett" does the same (emmeans' "dunnettx" is an approximation to it).

    Returns
    -------
    MarginsResult
        `.table`: the columns of `by`, `contrast`, and `estimate` to `conf_high` as in `marginal_means`.
        Contrasts that the data cannot tell are missing and do not count in the adjustment.

    Raises
    ------
    DataError
        If a variable, a level or a choice is not known, or the adjustment does not suit the contrasts.

    Source
    ------
    Lenth, emmeans; Hothorn, Bretz & Westfall (2008), Biom. J. 50, 346. Checked: tests/reference/margins.R.
    """
    check_fit("contrasts", fit)
    check_level(level)
    check_choice("weights", weights, WEIGHTS)
    _check_adjust(adjust, reference)
    grid = reference_grid(fit, _targets(factor), as_names(by), at, weights)
    pairs = _pairs(grid, reference)
    names = [" ".join(level_words(value) for value in key) for key in grid.target_keys]
    labels = [f"{bracketed(names[first])} - {bracketed(names[second])}" for first, second in pairs]
    blocks = grid.rows.reshape(len(grid.group_keys), len(names), -1)
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    differences = blocks[:, first] - blocks[:, second]
    rows = differences.reshape(-1, differences.shape[-1])
    estimates, n_missing = _estimates(fit, rows, level)
    family = np.repeat(np.arange(len(blocks)), len(pairs))
    judged, words = adjusted(fit, estimates, rows[:, fit.kept], family, pairs, adjust, level)
    table = _key_columns(grid.groups, [key for key in grid.group_keys for _ in pairs])
    table["contrast"] = labels * len(blocks)
    notes = [words, held_note(grid, weights), *outside_notes(fit, grid)]
    notes += missing_notes(n_missing, "contrast")
    between = f"between levels of {listed(grid.targets)}"
    if reference is not None:
        between += f", against {reference_words(reference)}"
    return _result(
        fit, "contrasts", pd.concat([table, judged], axis=1), grid, notes, level=level,
        function="contrasts", title=f"Contrasts of {fit.design.response}, {between}{within(grid)}",
        arguments={"factor": factor, "by": by, "reference": reference, "at": at, "weights": weights,
                   "adjust": adjust, "level": level},
        definition=("Contrast", "Difference of two marginal means", SOURCE), adjust=adjust,
    )  # fmt: skip


def slopes(
    fit: Any,
    variable: str,
    *,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    weights: str = "equal",
    level: float = 0.95,
) -> MarginsResult:
    """Change of the marginal mean per unit of a number.

    The derivative is a difference over a thousandth of the variable's range, of second order: exact for
    linear and quadratic terms. It is taken at the variable's mean, or at the values in `at`.

    Parameters
    ----------
    variable : str
        A number of the fixed part.
    fit, by, at, weights, level
        As in `marginal_means`.

    Returns
    -------
    MarginsResult
        `.table`: the columns of `by`; `term`, the variable; its column where `at` has values of it; and
        `estimate` to `conf_high` as in `marginal_means`.

    Raises
    ------
    DataError
        If the variable is a factor or not known, or a choice is not known.

    Examples
    --------
    How fast scores fall with each route, and at which days if the course is curved::

        fit = lmm("phq9 ~ route * day + (1 + day | patient_id)", scores)
        slopes(fit, "day", by="route")

        curved = lmm("phq9 ~ poly(day, 2) + (1 | patient_id)", scores)
        slopes(curved, "day", at={"day": [0, 14, 28]}).plot()
    """
    check_fit("slopes", fit)
    check_level(level)
    check_choice("weights", weights, WEIGHTS)
    if not isinstance(variable, str):
        raise DataError("slopes takes the name of one number of the model")
    check_variables(fit, (variable, *as_names(by)))
    at = as_values(at)
    known = fit.design.variables[variable]
    if known.kind == "factor":
        raise DataError(f"'{variable}' is a factor, which has no slope; contrasts() compares its levels")
    if not known.maximum > known.minimum:
        raise DataError(f"'{variable}' has one value in the rows used, so no slope")
    places = numbers_of(variable, at.get(variable, known.mean))
    step = SLOPE_STEP * (known.maximum - known.minimum)
    points, weight = _stencils(places, step, known.minimum, known.maximum)
    values = {**at, variable: np.unique(points)}
    grid = reference_grid(fit, (variable,), as_names(by), values, weights)
    blocks = grid.rows.reshape(len(grid.group_keys), values[variable].size, -1)
    where = np.searchsorted(values[variable], points)
    rows = np.einsum("gksp,ks->gkp", blocks[:, where], weight).reshape(-1, blocks.shape[-1])
    estimates, n_missing = _estimates(fit, rows, level)
    shown = Axis(variable, tuple(places.tolist()), False)
    is_asked = variable in at
    axes = [*grid.groups, shown] if is_asked else [*grid.groups]
    keys = [(*key, place) for key in grid.group_keys for place in shown.values]
    table = _key_columns(axes, keys)
    table["term"] = variable
    fixed = grid.fixed if is_asked else (*grid.fixed, shown)
    shown_grid = Grid(grid.groups, (shown,), grid.averaged, fixed, rows)
    notes = [held_note(shown_grid, weights), *outside_notes(fit, shown_grid)]
    notes += missing_notes(n_missing, "slope")
    return _result(
        fit, "slopes", pd.concat([table, estimates], axis=1), shown_grid, notes, level=level,
        function="slopes",
        title=f"Slopes of {fit.design.response} per unit of {variable}{within(grid)}",
        arguments={"variable": variable, "by": by, "at": at, "weights": weights, "level": level},
        definition=("Slope", "Derivative of the marginal mean", SOURCE),
    )  # fmt: skip


def _targets(factor: Any) -> tuple[str, ...]:
    names = as_names(factor)
    if not names:
        raise DataError("name the factor whose levels are to be compared")
    return names


def _check_adjust(adjust: Any, reference: Any) -> None:
    check_choice("adjust", adjust, SIMULTANEOUS_METHODS)
    if adjust == "tukey" and reference is not None:
        raise DataError(
            'adjust="tukey" is for all pairs; with a reference use adjust="dunnett", or leave reference out'
        )
    if adjust == "dunnett" and reference is None:
        raise DataError(
            'adjust="dunnett" compares with a reference: say which level, or use adjust="tukey" for all pairs'
        )


def _pairs(grid: Grid, reference: Any) -> list[tuple[int, int]]:
    """Places of the two levels of each contrast."""
    keys = grid.target_keys
    if len(keys) < 2:
        raise DataError(f"{listed(grid.targets)} has one level in the grid: there is nothing to compare")
    if reference is None:
        return list(combinations(range(len(keys)), 2))
    wanted = tuple(reference) if isinstance(reference, (tuple, list)) else (reference,)
    if wanted not in keys:
        known = ", ".join(" ".join(level_words(value) for value in key) for key in keys)
        raise DataError(f"the reference is no level of {listed(grid.targets)}; its levels: {known}")
    second = keys.index(wanted)
    return [(first, second) for first in range(len(keys)) if first != second]


def _estimates(fit: Any, rows: Array, level: float) -> tuple[pd.DataFrame, int]:
    """Estimates of full-width rows, missing where not estimable, and how many are missing."""
    known = np.asarray(fit.estimable(rows), dtype=bool)
    out = pd.DataFrame(np.full((len(rows), len(COLUMNS)), np.nan), columns=list(COLUMNS))
    if known.any():
        found = fit.estimate(rows[np.ix_(known, fit.kept)], level=level)
        out.loc[known, list(COLUMNS)] = found[list(COLUMNS)].to_numpy(dtype=float)
    return out, int((~known).sum())


def _stencils(places: Array, step: float, low: float, high: float) -> tuple[Array, Array]:
    """Three points around each place and their weights for the derivative, within the data's range."""
    central, forward = np.array([-0.5, 0.0, 0.5]) / step, np.array([-1.5, 2.0, -0.5]) / step
    points, weights = [], []
    for place in places:
        # A spline is not defined beyond the data: at their ends the points lie to one side.
        if low <= place < low + step:
            offsets, weight = [0, 1, 2], forward
        elif high - step < place <= high:
            offsets, weight = [-2, -1, 0], -forward[::-1]
        else:
            offsets, weight = [-1, 0, 1], central
        points.append(place + step * np.array(offsets))
        weights.append(weight)
    return np.array(points), np.array(weights)


def _key_columns(axes: Sequence[Axis], keys: list[tuple]) -> pd.DataFrame:
    """A column per axis, with the type of its values."""
    columns = {axis.name: pd.Series([key[number] for key in keys]) for number, axis in enumerate(axes)}
    return pd.DataFrame(columns, index=range(len(keys)))


def _rows_per_cell(fit: Any, axes: Sequence[Axis], n_cells: int) -> pd.Series:
    counts = cell_counts(fit, axes) if all(axis.is_factor for axis in axes) else None
    return pd.Series([pd.NA] * n_cells if counts is None else counts, dtype="Int64")


def _result(
    fit: Any, kind: str, table: pd.DataFrame, grid: Grid, notes: list[str], *, level: float, function: str,
    title: str, arguments: dict, definition: tuple[str, str, str], adjust: str = "none",
) -> MarginsResult:  # fmt: skip
    origin = dict(getattr(fit, "provenance", {}) or {})
    provenance = provenance_of(function, origin.get("cohort", ""), arguments)
    provenance["model"] = {key: origin[key] for key in ("function", "arguments") if key in origin}
    return MarginsResult(
        title=title,
        table=table,
        notes=(*notes, *carried_notes(getattr(fit, "notes", ()))),
        definitions=(definition, *getattr(fit, "definitions", ())),
        provenance=provenance,
        kind=kind,
        response=fit.design.response,
        factor=tuple(axis.name for axis in grid.targets),
        by=tuple(axis.name for axis in grid.groups),
        numeric=len(grid.targets) == 1 and not grid.targets[0].is_factor,
        level=level,
        adjust=adjust,
    )
