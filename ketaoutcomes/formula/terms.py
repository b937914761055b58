"""Wilkinson's notation -> terms: ``a * b`` is ``a + b + a:b``. The reading itself is formulaic's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.parse import blank_advice, scan

__all__ = ["Expansion", "Piece", "expand"]

HIGHEST_POWER = 6
"""Of a bracket of terms: (a + b + c)^3. Interactions of more than six variables are a mistake."""

ARITHMETIC = "write arithmetic inside I( ), such as I(2 * dose)"

UNKNOWN_PLACE = re.compile(r"\s*\(<unknown>, line \d+\)")
"""Python's word for the place of a mistake in an expression."""

POWER = re.compile(r"\)\s*(?:\^|\*\*)\s*(\d+)")


@dataclass(frozen=True)
class Piece:
    """What a term multiplies: a column, or an expression of columns.

    Parameters
    ----------
    name : str
        ``"day"`` or ``"poly(day, 2)"``.
    is_column : bool
    """

    name: str
    is_column: bool


@dataclass(frozen=True)
class Expansion:
    """A sum of terms.

    Parameters
    ----------
    intercept : bool
    terms : tuple of tuple of Piece
        Without the intercept, main effects first, else in order of appearance; within a term the
        pieces stand in the order in which the formula first names them. Both as in R.
    """

    intercept: bool
    terms: tuple[tuple[Piece, ...], ...]


@lru_cache(maxsize=512)
def expand(text: str) -> Expansion:
    """Write a formula's part out as terms.

    Parameters
    ----------
    text : str
        ``"day * route + poly(week, 2)"``; an intercept is meant unless ``0 +`` or ``- 1`` stands there.

    Raises
    ------
    FormulaError
        The part cannot be read, holds a number other than 0 and 1, or uses ``.`` for all columns.
    """
    if any(mark.char == "." and is_alone(text, mark.at) for mark in scan(text)):
        raise FormulaError("'.' for all other columns is not read here; name the columns")
    check_powers(text)
    parsed = read(text)
    intercept = False
    found = []
    first: dict[str, int] = {}
    for term in parsed:
        literal = [factor for factor in term.factors if factor.eval_method.value == "literal"]
        if literal:
            if len(term.factors) > 1 or literal[0].expr != "1":
                raise FormulaError(f"'{term}' holds a number; {ARITHMETIC}")
            intercept = True
            continue
        for factor in term.factors:
            start = factor.token.source_start if factor.token is not None else 0
            first[factor.expr] = min(start or 0, first.get(factor.expr, len(text)))
        found.append(term.factors)
    terms = [
        tuple(
            Piece(factor.expr, factor.eval_method.value == "lookup")
            for factor in sorted(factors, key=lambda factor: first[factor.expr])
        )
        for factors in found
    ]
    return Expansion(intercept, tuple(sorted(terms, key=len)))


def check_powers(text: str) -> None:
    """A power is of a bracket of terms, (a + b)^2; R silently reads day^2 as day."""
    marks = scan(text)
    for before, mark, after in zip([None, *marks], marks, [*marks[1:], None], strict=False):
        doubled = mark.char == "*" and after is not None and (after.at, after.char) == (mark.at + 1, "*")
        if mark.char != "^" and not doubled:
            continue
        base = text[: mark.at].rstrip()
        if before is None or before.char != ")" or before.at != len(base) - 1:
            raise FormulaError("a power outside I( ) is one of interactions; a square is written I(day ** 2)")
    for power in POWER.findall(text):
        if int(power) > HIGHEST_POWER:
            raise FormulaError(f"a bracket is raised to the power {power}; {HIGHEST_POWER} is the highest")


def is_alone(text: str, at: int) -> bool:
    """Whether the dot at a place is a word of its own."""
    around = text[max(at - 1, 0) : at] + text[at + 1 : at + 2]
    return not any(char.isalnum() or char in "._" for char in around)


def read(text: str) -> list:
    """Terms as formulaic reads them."""
    # formulaic takes half a second to import, so it waits for the first formula.
    from formulaic.parser import DefaultFormulaParser

    try:
        return list(DefaultFormulaParser(include_intercept=True, feature_flags=set()).get_terms(text))
    # formulaic's reader raises a dozen kinds, some by accident (AttributeError); all mean the same here.
    except Exception as error:
        reason = UNKNOWN_PLACE.sub("", str(error).split("\n")[0]).rstrip(".")
        if reason.startswith(("Numeric literals", "Term already seen")):
            raise FormulaError(f"'{text}' holds a number; {ARITHMETIC}") from error
        advice = blank_advice(text)
        reason = advice.removeprefix(": ") or reason
        raise FormulaError(f"the part '{text}' of the formula cannot be read: {reason}") from error
