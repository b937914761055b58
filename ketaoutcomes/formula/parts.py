"""What terms are made of: numbers and factors. Each part remembers its encoding for new data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.allowed import Expression, read_expression
from ketaoutcomes.formula.coding import codes_of_array, level_order, level_text, match_codes, small
from ketaoutcomes.formula.columns import Column
from ketaoutcomes.formula.functions import State, category_settings, contrast_matrix, evaluate
from ketaoutcomes.formula.looks import level_advice, rows_text
from ketaoutcomes.formula.terms import Piece

__all__ = ["FactorPart", "Filled", "NumberPart", "Part", "encode", "is_category", "learn_part"]

MOST_LEVELS = 200
"""Of a factor outside the group of a random term; beyond, an id was meant as a group."""

MOST_NUMBERS = 12
"""Levels that are numbers written as text, unless C() or a categorical says that they are a factor."""


@dataclass(frozen=True)
class NumberPart:
    """Numbers: a column, or an expression of columns.

    Parameters
    ----------
    name : str
    variables : tuple of str
        Columns of the data that it needs.
    suffixes : tuple of str
        What follows the name of each of its columns; ``("",)`` if it has one.
    expression : Expression or None
        None for a column as it is.
    state : dict
        What functions learned from the rows used.
    """

    name: str
    variables: tuple[str, ...]
    suffixes: tuple[str, ...] = ("",)
    expression: Expression | None = None
    state: State = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class FactorPart:
    """A factor: a column of categories, or an expression whose values are categories.

    Parameters
    ----------
    name : str
    variables : tuple of str
    levels : tuple
        In order; the first is the reference of treatment contrasts.
    contrasts : (n_levels, n_levels - 1) array
    suffixes : tuple of str
        What follows the name of each contrast's column.
    expression : Expression or None
    state : dict
    """

    name: str
    variables: tuple[str, ...]
    levels: tuple
    contrasts: NDArray[np.float64] = field(repr=False)
    suffixes: tuple[str, ...] = ()
    expression: Expression | None = None
    state: State = field(default_factory=dict, repr=False)


Part = NumberPart | FactorPart


@dataclass(frozen=True)
class Filled:
    """A part's rows: numbers, (n,) or (n, k), or codes of levels; and the rows to be made missing."""

    values: NDArray
    missing: NDArray[np.bool_] | None = None


def learn_part(piece: Piece, columns: Mapping[str, Column]) -> tuple[Part, Filled]:
    """Make a part from complete rows.

    Raises
    ------
    FormulaError
        A factor has one level, or too many; an expression cannot be computed.
    """
    if piece.is_column:
        column = columns[piece.name]
        if column.is_number:
            return NumberPart(piece.name, (piece.name,)), Filled(column.values)
        codes, levels = column.factor()
        return factor_part(piece.name, (piece.name,), codes, levels, meant=column.ordered)
    expression = read_expression(piece.name)
    state: State = {}
    if is_category(expression):
        return category_part(piece.name, expression, columns, state)
    values = evaluate(expression, lambda name: columns[name].plain(), state=state)
    if values.dtype.kind == "f":
        width = 1 if values.ndim == 1 else values.shape[1]
        values = values[:, 0] if values.ndim == 2 and width == 1 else values
        suffixes = ("",) if width == 1 else tuple(str(place + 1) for place in range(width))
        return NumberPart(piece.name, expression.variables, suffixes, expression, state), Filled(values)
    codes, levels = level_order(*codes_of_array(values), given=False)
    return factor_part(piece.name, expression.variables, codes, levels, expression=expression, state=state)


def is_category(expression: Expression) -> bool:
    """Whether it is ``C(...)``, the only call that no rule allows deeper down."""
    return getattr(getattr(expression.tree, "func", None), "id", None) == "C"


def category_part(
    name: str, expression: Expression, columns: Mapping[str, Column], state: State
) -> tuple[FactorPart, Filled]:
    """``C(column, contrasts, levels=[...])``."""
    _, contrasts, wanted = category_settings(expression)
    codes, levels = category_codes(expression, columns, state)
    if wanted is not None:
        places = match_codes(np.array(levels, dtype=object), tuple(wanted))
        if (places < 0).any():
            count = int((places[codes] < 0).sum())
            raise FormulaError(f"'{name}': levels=[...] leaves out a level that {rows_text(count)} used have")
        order = np.argsort(places)
        codes, levels = np.argsort(order)[codes], tuple(levels[place] for place in order)
    coding = None if contrasts is None else contrast_matrix(contrasts, levels, expression=expression)
    known = {"expression": expression, "state": state, "coding": coding, "meant": True}
    return factor_part(name, expression.variables, codes, levels, **known)


def category_codes(
    expression: Expression, columns: Mapping[str, Column], state: State
) -> tuple[NDArray, tuple]:
    """Codes and levels of what ``C()`` holds, on complete rows."""
    inner = category_settings(expression)[0]
    plain = expression.names.get(getattr(inner, "id", None))
    if plain is not None:
        return columns[plain].factor()
    values = evaluate(expression, lambda name: columns[name].plain(), state=state, tree=inner)
    if values.ndim != 1:
        raise FormulaError(f"'{expression.text}': C() takes one column")
    return level_order(*codes_of_array(values), given=False)


def factor_part(
    name: str,
    variables: tuple[str, ...],
    codes: NDArray,
    levels: tuple,
    *,
    expression: Expression | None = None,
    state: State | None = None,
    coding: tuple[NDArray, tuple[str, ...]] | None = None,
    meant: bool = False,
) -> tuple[FactorPart, Filled]:
    """A factor with its contrasts, treatment contrasts unless others are given.

    `meant` says that it is a factor by the word of the formula or of the data.
    """
    if len(levels) < 2:
        raise FormulaError(f"{name} has one level in the rows used; leave it out, or use rows with two")
    refuse_many(name, variables, levels, meant)
    if coding is None:
        coding = np.eye(len(levels))[:, 1:], tuple(level_text(level) for level in levels[1:])
    part = FactorPart(name, variables, levels, *coding, expression=expression, state=state or {})
    return part, Filled(small(codes, len(levels)))


def refuse_many(name: str, variables: tuple[str, ...], levels: tuple, meant: bool) -> None:
    """Refuse a factor that is rather a column of numbers, or a group."""
    many = len(levels) > MOST_LEVELS
    if not many and (meant or len(levels) <= MOST_NUMBERS):
        return
    advice = level_advice(variables[0], levels, all_of_them=not many) if len(variables) == 1 else None
    if advice is not None:
        quoted = variables[0] if variables[0].isidentifier() else f"`{variables[0]}`"
        raise FormulaError(advice if many else f"{advice}; or write C({quoted}) to take it as a factor")
    if not many:
        return
    if len(variables) == 1 and not isinstance(levels[0], str):
        reason = f"; as numbers it is {variables[0]} without C()"
    else:
        reason = f"; as a group it belongs into a random term, (1 | {' : '.join(variables)})"
    raise FormulaError(f"{name} has {len(levels)} levels, each of which would be a column{reason}")


def encode(part: Part, columns: Mapping[str, Column], n_rows: int) -> Filled:
    """A known part's rows from new data; a row without a value of one of its columns is missing.

    Raises
    ------
    FormulaError
        Text where numbers were, a level that the fit has not seen, or no finite value.
    """
    missing = None
    for name in part.variables:
        gaps = columns[name].missing
        if gaps is not None:
            missing = gaps if missing is None else missing | gaps
    if part.expression is None:
        column = columns[part.name]
        if isinstance(part, FactorPart):
            return Filled(known_codes(part, *column.dense()), missing)
        if not column.is_number:
            raise FormulaError(f"'{part.name}' holds numbers in the rows fitted, but not in the new data")
        return Filled(column.values, missing)
    used = columns
    if missing is not None:
        rows = np.flatnonzero(~missing)
        used = {name: columns[name].take(rows) for name in part.variables}
    n_used = n_rows if missing is None else len(rows)
    if isinstance(part, FactorPart):
        values = expression_codes(part, used) if n_used else np.empty(0, dtype=np.intp)
    else:
        width = len(part.suffixes)
        empty = np.empty((0, width) if width > 1 else 0)
        values = (
            evaluate(part.expression, lambda name: used[name].plain(), state=part.state) if n_used else empty
        )
        values = values[:, 0] if values.ndim == 2 and width == 1 else values
    if missing is None:
        return Filled(values)
    whole = np.zeros((n_rows, *values.shape[1:]), dtype=values.dtype)
    whole[rows] = values
    return Filled(whole, missing)


def expression_codes(part: FactorPart, columns: Mapping[str, Column]) -> NDArray[np.intp]:
    """Codes of a factor that an expression makes, on complete rows."""
    if is_category(part.expression):
        codes, levels = category_codes(part.expression, columns, part.state)
        labels = np.empty(len(levels), dtype=object)
        labels[:] = levels
        return known_codes(part, codes, labels)
    values = evaluate(part.expression, lambda name: columns[name].plain(), state=part.state)
    return known_codes(part, *codes_of_array(values))


def known_codes(part: FactorPart, codes: NDArray, labels: NDArray) -> NDArray[np.intp]:
    """Codes by the part's levels; -1, missing, stays."""
    places = np.append(match_codes(labels, part.levels), -1)
    found = places[codes]
    strange = int(((found < 0) & (codes >= 0)).sum()) if (places[:-1] < 0).any() else 0
    if strange:
        raise FormulaError(
            f"'{part.name}' has a level in {rows_text(strange)} of the new data that no row fitted has"
        )
    return found
