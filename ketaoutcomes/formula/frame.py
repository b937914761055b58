"""A formula and a frame -> the arrays that a mixed model is fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.engine.groups import Grouping
from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.allowed import read_expression
from ketaoutcomes.formula.basis import lay_out
from ketaoutcomes.formula.cautions import response_warnings, text_warnings
from ketaoutcomes.formula.columns import Column, check_frame, read_columns
from ketaoutcomes.formula.design import Design, variables_of
from ketaoutcomes.formula.effects import learn_grouping
from ketaoutcomes.formula.functions import evaluate
from ketaoutcomes.formula.looks import level_advice
from ketaoutcomes.formula.parts import Filled, Part, is_category, learn_part
from ketaoutcomes.formula.plan import Plan, plan_of
from ketaoutcomes.formula.rows import check_weights, complete_rows, read_weights

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
    warnings : tuple of str
        Sentences, without a full stop, on what can be fitted but is hardly meant: levels that differ only
        in blanks or capitals, empty texts, a response of two values.
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
    warnings: tuple[str, ...] = ()

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
    refuse_groups(plan, columns)
    parts, rows = learn(plan, columns)
    warnings = (*response_warnings(y), *text_warnings(columns, plan.grouping))
    fixed = lay_out(plan.fixed, parts)
    groupings, labels, keys, blocks = zip(
        *(learn_grouping(group, columns, parts, rows, n_rows=n_rows) for group in plan.groups), strict=True
    )
    variables = variables_of(fixed, columns, parts)
    design = Design(formula, plan.response, fixed, blocks, keys, parts, variables)
    del columns, given  # codes that are no longer needed, before the one large array is made
    x = fixed.fill(np.empty((n_rows, len(fixed.names)), order="F"), parts, rows.__getitem__)
    return ModelFrame(design, y, x, weight, groupings, labels, len(data), kept, dropped, warnings)


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
            advice = level_advice(name, column.factor()[1], all_of_them=False)
            raise FormulaError(f"the response '{name}' is not a number" + (f": {advice}" if advice else ""))
        return np.array(column.values, dtype=np.float64)
    values = evaluate(read_expression(name), lambda variable: columns[variable].plain(), state={})
    if values.dtype.kind != "f":
        raise FormulaError(f"the response '{name}' is not a number")
    if values.ndim != 1:
        raise FormulaError(f"the response '{name}' has {values.shape[1]} columns; one is needed")
    return np.array(values)


def refuse_groups(plan: Plan, columns: Mapping[str, Column]) -> None:
    """Refuse a factor of the fixed part that is the group of a random term too.

    Its levels would be coefficients, and so printed; and the random term would have nothing left.
    """
    alone = {group.factors[0] for group in plan.groups if len(group.factors) == 1}
    for piece in dict.fromkeys(piece for term in plan.fixed.terms for piece in term):
        if piece.is_column:
            name, is_factor = piece.name, not columns[piece.name].is_number
        else:
            expression = read_expression(piece.name)
            name, is_factor = expression.variables[0], is_category(expression)
            is_factor = is_factor and len(expression.variables) == 1
        if is_factor and name in alone:
            raise FormulaError(
                f"{name} is the group of a random term: its levels would be printed as coefficients;"
                " leave it out of the fixed part"
            )


def learn(plan: Plan, columns: Mapping[str, Column]) -> tuple[dict[str, Part], dict[str, Filled]]:
    """Every piece of every term, each once."""
    parts, rows = {}, {}
    for piece in plan.pieces:
        parts[piece.name], rows[piece.name] = learn_part(piece, columns)
    return parts, rows
