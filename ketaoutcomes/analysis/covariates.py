"""Covariates of a model without a response column: a formula that is a right-hand side only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.engine.columns import independent_columns
from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.allowed import read_expression
from ketaoutcomes.formula.basis import lay_out
from ketaoutcomes.formula.cautions import text_warnings
from ketaoutcomes.formula.columns import check_frame, read_columns
from ketaoutcomes.formula.design import Design, variables_of
from ketaoutcomes.formula.parse import LONGEST, right_side, scan
from ketaoutcomes.formula.parts import learn_part
from ketaoutcomes.formula.plan import IDENTIFIER
from ketaoutcomes.formula.rows import complete_rows
from ketaoutcomes.formula.terms import Expansion, expand

__all__ = ["CovariateFrame", "covariate_frame"]


@dataclass(frozen=True, repr=False)
class CovariateFrame:
    """The columns of one model.

    Parameters
    ----------
    design : Design
        Codes new data in the same way.
    x : (n, p) float
    kept : (n,) int
        Positions in the data of the rows used.
    dropped : mapping of str to int
        Column -> rows in which it is missing.
    factors : mapping of str to (codes, levels)
        Variables with levels: code of each row used.
    warnings : tuple of str
        Sentences without a full stop.
    """

    design: Design
    x: NDArray[np.float64]
    kept: NDArray[np.intp]
    dropped: Mapping[str, int]
    factors: Mapping[str, tuple[NDArray[np.intp], tuple]]
    warnings: tuple[str, ...]


def covariate_frame(formula: str, data: pd.DataFrame) -> CovariateFrame:
    """Code the columns of a formula such as ``"~ treatment + age"``.

    Factors are coded as in `lmm`: contrasts with the first level.

    Parameters
    ----------
    formula : str
        ``~ 1`` for none.
    data : DataFrame
        Rows with a missing value in a column of the formula are left out and counted.

    Raises
    ------
    FormulaError
        The formula cannot be read, has a response, a random term or no intercept, or the data cannot
        tell its columns apart.
    """
    expansion = _expansion(formula)
    check_frame(data)
    if not len(data):
        raise FormulaError("the data have no rows")
    pieces = tuple(dict.fromkeys(piece for term in expansion.terms for piece in term))
    names = [
        name
        for piece in pieces
        for name in ((piece.name,) if piece.is_column else read_expression(piece.name).variables)
    ]
    if IDENTIFIER in names:
        raise FormulaError(
            f"{IDENTIFIER} is an identifier: its levels would be printed as coefficients; give "
            f"clusters='{IDENTIFIER}' where patients have several rows"
        )
    columns = read_columns(data, names)
    kept, dropped = complete_rows(columns, len(data))
    if kept is not None:
        columns = {name: column.take(kept) for name, column in columns.items()}
    n_rows = len(data) if kept is None else len(kept)
    learned = {piece.name: learn_part(piece, columns) for piece in pieces}
    parts = {name: part for name, (part, _) in learned.items()}
    basis = lay_out(expansion, parts)
    variables = variables_of(basis, columns, parts)
    x = np.empty((n_rows, len(basis.names)), order="F")
    basis.fill(x, parts, lambda name: learned[name][1])
    _refuse_combinations(x, basis.names)
    return CovariateFrame(
        Design(formula, "", basis, (), (), parts, variables),
        x,
        np.arange(n_rows) if kept is None else kept,
        dropped,
        {name: columns[name].factor() for name, one in variables.items() if one.kind == "factor"},
        text_warnings(columns, ()),
    )


def _expansion(formula: str) -> Expansion:
    """The terms of a right-hand side."""
    if not isinstance(formula, str):
        raise FormulaError(f"a formula is text such as '~ treatment + age', not {type(formula).__name__}")
    if len(formula) > LONGEST:
        raise FormulaError(f"the formula has {len(formula)} characters; {LONGEST} are read at most")
    tildes = [mark.at for mark in scan(formula) if mark.char == "~"]
    if len(tildes) != 1:
        raise FormulaError("the formula is a right-hand side with one ~, such as '~ treatment + age'")
    if formula[: tildes[0]].strip():
        raise FormulaError(
            "nothing stands before ~ here: the columns of the times are given by name, and '~ treatment' is "
            "the whole formula"
        )
    fixed, random = right_side(formula[tildes[0] + 1 :])
    if random:
        raise FormulaError(
            f"'{random[0].text}' is a random term, which this model does not take; give clusters= for "
            "patients with several rows"
        )
    expansion = expand(fixed)
    if not expansion.intercept:
        raise FormulaError("keep the intercept: without it the coefficients would depend on the unit of time")
    return expansion


def _refuse_combinations(x: NDArray[np.float64], names: tuple[str, ...]) -> None:
    """Columns that these rows cannot tell from the others."""
    told = independent_columns(x, x.T @ x)
    if not told.all():
        lost = ", ".join(name for name, one in zip(names, told, strict=True) if not one)
        raise FormulaError(
            f"in the {len(x)} rows used these columns are combinations of the others: {lost}; leave them out"
        )
