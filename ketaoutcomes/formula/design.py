"""The design of a fitted model: how each column was made, so that new data are coded in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.formula.basis import Basis, Term
from ketaoutcomes.formula.columns import Column, check_frame, read_columns
from ketaoutcomes.formula.grouping import GroupKey
from ketaoutcomes.formula.parts import FactorPart, Part, encode

__all__ = ["Design", "Term", "Variable", "variables_of"]


@dataclass(frozen=True)
class Variable:
    """A column of the data that the fixed part uses, as it is in the rows used.

    Parameters
    ----------
    name : str
    kind : str
        ``"number"`` or ``"factor"``; a number that stands in ``C()`` is a factor.
    levels : tuple or None
        Of a factor, in its order; False and True of a column of true and false.
    mean, minimum, maximum : float or None
        Of numbers.
    values : tuple of float or None
        The values themselves if there are one or two, such as 0 and 1.
    """

    name: str
    kind: str
    levels: tuple | None = None
    mean: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[float, ...] | None = None


@dataclass(frozen=True, repr=False)
class Design:
    """How a formula's columns were made from the rows used.

    Parameters
    ----------
    formula, response : str
    basis : Basis
        Columns of the fixed part.
    blocks : tuple of tuple of Basis
        For each grouping factor, the columns of each of its blocks.
    groups : tuple of GroupKey
    parts : mapping of str to Part
        Encoding of each piece of a term.
    variables : mapping of str to Variable
        Columns of the data that the fixed part uses.
    """

    formula: str
    response: str
    basis: Basis
    blocks: tuple[tuple[Basis, ...], ...]
    groups: tuple[GroupKey, ...]
    parts: Mapping[str, Part]
    variables: Mapping[str, Variable] = field(default_factory=dict)

    def __repr__(self) -> str:
        groups = ", ".join(key.name for key in self.groups)
        return f"Design({self.formula!r}: {len(self.columns)} columns; groups {groups})"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the model matrix's columns, as R writes them."""
        return self.basis.names

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms of the fixed part in the order of their columns; the intercept is not among them."""
        return self.basis.terms

    @property
    def has_intercept(self) -> bool:
        """Whether the first column is the constant 1."""
        return bool(self.basis.layout) and not self.basis.layout[0]

    def matrix(self, new: pd.DataFrame) -> NDArray[np.float64]:
        """Code new data as the rows used were coded.

        Parameters
        ----------
        new : DataFrame
            Has the columns of the fixed part; no response or group is needed.

        Returns
        -------
        (k, p) array, Fortran-ordered
            NaN in the columns that depend on a missing value.

        Raises
        ------
        FormulaError
            A column is absent, a level was not among the rows used, a number is infinite, or a
            spline is asked for beyond the rows used.
        """
        return self.coded(new, [self.basis])[0]

    def random_columns(self, new: pd.DataFrame) -> list[list[NDArray[np.float64]]]:
        """Columns of the random terms for new data.

        Returns
        -------
        list of list of (k, q) arrays
            For each grouping factor, one array for each of its blocks; the constant is a column of 1.
        """
        flat = iter(self.coded(new, [basis for blocks in self.blocks for basis in blocks]))
        return [[next(flat) for _ in blocks] for blocks in self.blocks]

    def group_codes(self, new: pd.DataFrame) -> list[NDArray[np.intp]]:
        """Group of each row of new data.

        Returns
        -------
        list of (k,) arrays
            For each grouping factor; -1 where the group was not among the rows used, or is missing.
        """
        check_frame(new)
        columns = read_columns(new, [factor for key in self.groups for factor in key.factors])
        return [key.codes(columns) for key in self.groups]

    def coded(self, new: pd.DataFrame, bases: Iterable[Basis]) -> list[NDArray[np.float64]]:
        """Each basis's columns for new data."""
        check_frame(new)
        bases = list(bases)
        names = dict.fromkeys(name for basis in bases for name in basis.parts)
        columns = read_columns(new, [variable for name in names for variable in self.parts[name].variables])
        rows = {name: encode(self.parts[name], columns, len(new)) for name in names}
        return [
            basis.fill(np.empty((len(new), len(basis.names)), order="F"), self.parts, rows.__getitem__)
            for basis in bases
        ]


def variables_of(
    basis: Basis, columns: Mapping[str, Column], parts: Mapping[str, Part]
) -> dict[str, Variable]:
    """Describe the columns of the data that a basis needs, from complete rows."""
    used = dict.fromkeys(name for term in basis.terms for name in term.variables)
    return {
        name: variable_of(
            columns[name], [parts[part] for part in basis.parts if name in parts[part].variables]
        )
        for name in used
    }


def variable_of(column: Column, parts: Iterable[Part]) -> Variable:
    """Describe a column of the rows used.

    Parameters
    ----------
    column : Column
        Complete rows.
    parts : iterable of Part
        Those that use the column.
    """
    for part in parts:
        if isinstance(part, FactorPart) and part.variables == (column.name,):
            plain = part.expression is None or (part.expression.text.startswith("C(") and is_bare(part))
            if plain:
                return Variable(column.name, "factor", levels=part.levels)
    if not column.is_number:
        return Variable(column.name, "factor", levels=column.factor()[1])
    values = column.values
    low, high = float(values.min()), float(values.max())
    return Variable(column.name, "number", None, float(values.mean()), low, high, few(values, low, high))


def is_bare(part: FactorPart) -> bool:
    """Whether ``C()`` holds the column itself and no expression of it."""
    return type(part.expression.tree.args[0]).__name__ == "Name"


def few(values: NDArray, low: float, high: float) -> tuple[float, ...] | None:
    """The values if there are one or two of them; a glance at the first rows settles most columns."""
    for some in (values[:100], values):
        if not ((some == low) | (some == high)).all():
            return None
    return (low,) if low == high else (low, high)
