"""A formula and a frame -> the arrays that a mixed model is fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.engine.groups import Block, Grouping
from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.allowed import read_expression
from ketaoutcomes.formula.basis import Basis, lay_out
from ketaoutcomes.formula.columns import Column, check_frame, read_columns, rows_text
from ketaoutcomes.formula.design import Design, variable_of
from ketaoutcomes.formula.functions import evaluate
from ketaoutcomes.formula.grouping import learn_groups
from ketaoutcomes.formula.parts import Filled, Part, learn_part
from ketaoutcomes.formula.plan import Plan, plan_of
from ketaoutcomes.formula.terms import Expansion

__all__ = ["ModelFrame", "model_frame"]


@dataclass(frozen=True, repr=False)
class ModelFrame:
    """The arrays of one model.

    Parameters
    ----------
    design : Design
        Codes new data in the same way.
    y : (n,) array
    x : (n, p) array, Fortran-ordered
        Made for this frame; whoever fits may overwrite it.
    weights : (n,) array or None
    groupings : tuple of Grouping
        One for each grouping factor, in order of appearance.
    labels : tuple of arrays
        Each grouping's groups in the order of their codes; tuples for combinations of columns.
    n_data : int
        Rows of the data.
    kept : (n,) intp array or None
        Positions of the rows used; None if all are.
    dropped : mapping of str to int
        Column -> rows in which it is missing. A row may count for several columns.
    """

    design: Design
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    groupings: tuple[Grouping, ...]
    labels: tuple[NDArray, ...]
    n_data: int
    kept: NDArray[np.intp] | None
    dropped: Mapping[str, int]

    def __repr__(self) -> str:
        groups = ", ".join(f"{grouping.name} {grouping.n_groups}" for grouping in self.groupings)
        n, p = self.x.shape
        size = f"{n} rows, {p} columns; groups {groups}; {self.n_dropped} dropped"
        return f"ModelFrame({self.design.formula!r}: {size})"

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """(n,) positions in the data of the rows used."""
        return np.arange(self.n_data) if self.kept is None else self.kept

    @property
    def n_dropped(self) -> int:
        """Rows left out because a value is missing."""
        return self.n_data - len(self.y)


def model_frame(formula: str, data: pd.DataFrame, *, weights=None) -> ModelFrame:
    """Code a formula's columns.

    Factors have treatment contrasts with the first level as reference: the first by the alphabet (by code
    point, upper case before lower) for text, False for true and false, the first category of a
    categorical, ordered or not. Categories that no row used has are left out. Which factor of an
    interaction gets all its levels follows R; names are R's too (``routeIV``, ``day:routeIV``, ``flagTRUE``).
    poly(), bs(), scale() and the like learn from the rows used, that is after rows with a missing
    value were left out.

    Parameters
    ----------
    formula : str
        ``"score ~ day * route + (1 + day | patient_id)"``. ``(x || g)`` stands for ``(1 | g) + (0 + x | g)``:
        the effects of different terms are independent, but as in lme4 the dummies of a factor x stay
        correlated with each other, as one block. ``(1 | a/b)`` is ``(1 | a) + (1 | a:b)``.
    data : DataFrame
    weights : str or (n,) array_like, optional
        Column, or one number per row of `data`; above 0 and finite.

    Raises
    ------
    FormulaError
        The formula cannot be read, names what the data do not have, or leaves nothing to fit.
    """
    plan = plan_of(formula)
    check_frame(data)
    if not len(data):
        raise FormulaError("the data have no rows")
    columns = read_columns(data, plan.variables)
    given = read_weights(weights, data, columns)
    kept, dropped = complete_rows(columns if given is None else {**columns, given.name: given}, len(data))
    if kept is not None:
        columns = {name: column.take(kept) for name, column in columns.items()}
        given = None if given is None else given.take(kept)
    n_rows = len(data) if kept is None else len(kept)
    weight = check_weights(given)
    y = response(plan, columns)
    parts, rows = learn(plan, columns)
    fixed = lay_out(plan.fixed, parts)
    blocks = tuple(tuple(block_basis(block, parts) for block in group.blocks) for group in plan.groups)
    groupings, labels, keys = [], [], []
    for group, bases in zip(plan.groups, blocks, strict=True):
        codes, key = learn_groups(group.factors, columns)
        label = key.labels()
        check_effects(key.name, bases, len(label))
        groupings.append(
            Grouping(
                key.name, codes, len(label), tuple(block_of(basis, parts, rows, n_rows) for basis in bases)
            )
        )
        labels.append(label)
        keys.append(key)
    used = dict.fromkeys(name for term in fixed.terms for name in term.variables)
    variables = {
        name: variable_of(
            columns[name], [parts[part] for part in fixed.parts if name in parts[part].variables]
        )
        for name in used
    }
    design = Design(
        formula,
        plan.response,
        fixed,
        blocks,
        tuple(keys),
        MappingProxyType(parts),
        MappingProxyType(variables),
    )
    x = fixed.fill(np.empty((n_rows, len(fixed.names)), order="F"), parts, rows.__getitem__)
    return ModelFrame(
        design, y, x, weight, tuple(groupings), tuple(labels), len(data), kept, MappingProxyType(dropped)
    )


def complete_rows(
    columns: Mapping[str, Column], n_rows: int
) -> tuple[NDArray[np.intp] | None, dict[str, int]]:
    """Positions of the rows without a missing value (None: all), and the gaps of each column."""
    dropped = {column.name: column.n_missing for column in columns.values() if column.missing is not None}
    if not dropped:
        return None, {}
    missing = np.zeros(n_rows, dtype=bool)
    for column in columns.values():
        if column.missing is not None:
            missing |= column.missing
    if missing.all():
        gaps = ", ".join(f"{name} in {count}" for name, count in dropped.items())
        raise FormulaError(
            f"no row has all that the formula needs; of {rows_text(n_rows)} these lack: {gaps}"
        )
    return np.flatnonzero(~missing), dropped


def read_weights(weights, data: pd.DataFrame, columns: Mapping[str, Column]) -> Column | None:
    """The weights as a column."""
    if weights is None:
        return None
    if isinstance(weights, str):
        column = columns.get(weights) or read_columns(data, [weights])[weights]
    else:
        if isinstance(weights, pd.Series) and not weights.index.equals(data.index):
            raise FormulaError("the weights have another index than the data")
        if np.shape(weights) != (len(data),):
            raise FormulaError(
                f"the weights have shape {np.shape(weights)}; the data have {rows_text(len(data))}"
            )
        column = read_columns(pd.DataFrame({"weights": weights}), ["weights"])["weights"]
    if not column.is_number:
        raise FormulaError(f"the weights '{column.name}' are not numbers")
    return column


def check_weights(column: Column | None) -> NDArray[np.float64] | None:
    """Weights of the rows used."""
    if column is None:
        return None
    wrong = int((column.values <= 0).sum())
    if wrong:
        raise FormulaError(
            f"the weights '{column.name}' are zero or less in {rows_text(wrong)}; they must be above 0"
        )
    return np.array(column.values, dtype=np.float64)


def response(plan: Plan, columns: Mapping[str, Column]) -> NDArray[np.float64]:
    """The response, as an array of its own."""
    name = plan.response
    if plan.response_is_column:
        column = columns[name]
        if column.is_bool:
            raise FormulaError(
                f"the response '{name}' is true or false; write I({name} * 1) to take it as 1 and 0"
            )
        if not column.is_number:
            raise FormulaError(f"the response '{name}' is not a number")
        return np.array(column.values, dtype=np.float64)
    values = evaluate(read_expression(name), lambda variable: columns[variable].plain(), state={})
    if values.dtype.kind != "f":
        raise FormulaError(f"the response '{name}' is not a number")
    if values.ndim != 1:
        raise FormulaError(f"the response '{name}' has {values.shape[1]} columns; one is needed")
    return np.array(values)


def learn(plan: Plan, columns: Mapping[str, Column]) -> tuple[dict[str, Part], dict[str, Filled]]:
    """Every piece of every term, each once."""
    parts, rows = {}, {}
    for piece in plan.pieces:
        parts[piece.name], rows[piece.name] = learn_part(piece, columns)
    return parts, rows


def block_basis(expansion: Expansion, parts: Mapping[str, Part]) -> Basis:
    """Columns of one block of random effects."""
    return lay_out(expansion, {piece.name: parts[piece.name] for term in expansion.terms for piece in term})


def block_of(basis: Basis, parts: Mapping[str, Part], rows: Mapping[str, Filled], n_rows: int) -> Block:
    """A block with columns of its own, for the frame's and the matrix's may change."""
    columns = []
    for name, atoms in zip(basis.names, basis.layout, strict=True):
        one = Basis((name,), (atoms,), ())
        columns.append(
            one.fill(np.empty((n_rows, 1), order="F"), parts, rows.__getitem__)[:, 0] if atoms else None
        )
    return Block(basis.names, tuple(columns))


def check_effects(group: str, bases: tuple[Basis, ...], n_groups: int) -> None:
    """The random effects of one grouping factor must differ, and there must be groups."""
    names = [name for basis in bases for name in basis.names]
    for name in names:
        if names.count(name) > 1:
            raise FormulaError(
                f"the random effect {name} stands {names.count(name)} times for {group}; once is enough"
            )
    if n_groups < 2:
        raise FormulaError(f"{group} has one group in the rows used; a random term needs two at least")
