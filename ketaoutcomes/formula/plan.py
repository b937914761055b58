"""What a formula asks for, before any data are seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.allowed import read_expression
from ketaoutcomes.formula.parse import ParsedFormula, RandomTerm, parse_formula
from ketaoutcomes.formula.terms import Expansion, Piece, expand

__all__ = ["GroupPlan", "Plan", "plan_of"]

IDENTIFIER = "patient_id"
"""Column whose values stand for persons: nothing is printed for each of them."""


@dataclass(frozen=True)
class GroupPlan:
    """One grouping factor's random effects.

    Parameters
    ----------
    factors : tuple of str
    blocks : tuple of Expansion
        Independent of each other.
    """

    factors: tuple[str, ...]
    blocks: tuple[Expansion, ...]


@dataclass(frozen=True)
class Plan:
    """All that a formula asks for.

    Parameters
    ----------
    response : str
        A column's name, or an expression.
    response_is_column : bool
    fixed : Expansion
    groups : tuple of GroupPlan
    pieces : tuple of Piece
        Of the fixed part and the random terms, each once.
    variables : tuple of str
        Columns of the data that are needed, in order of appearance.
    """

    response: str
    response_is_column: bool
    fixed: Expansion
    groups: tuple[GroupPlan, ...]
    pieces: tuple[Piece, ...]
    variables: tuple[str, ...]

    @property
    def grouping(self) -> tuple[str, ...]:
        """Columns that group a random term, alone or with others."""
        return tuple(dict.fromkeys(factor for group in self.groups for factor in group.factors))


def plan_of(formula: str) -> Plan:
    """Read a formula of a mixed model.

    Raises
    ------
    FormulaError
        It cannot be read, has no random term, or asks for what is not allowed in an expression.
    """
    return planned(parse_formula(formula))


@lru_cache(maxsize=256)
def planned(parsed: ParsedFormula) -> Plan:
    """`plan_of` a formula that was taken apart; a formula is often fitted many times."""
    if not parsed.random:
        raise FormulaError(
            "the formula has no random term; lmm needs one such as (1 | patient_id),"
            " and statsmodels' ols fits models without"
        )
    response, needed = response_of(parsed.response)
    fixed = expand(parsed.fixed)
    groups = group_plans(parsed.random)
    pieces = tuple(
        dict.fromkeys(
            piece
            for expansion in (fixed, *(block for group in groups for block in group.blocks))
            for term in expansion.terms
            for piece in term
        )
    )
    if not fixed.intercept and not fixed.terms:
        raise FormulaError("the fixed part is empty; write 1 for a mean alone")
    if any(piece.name == response for piece in pieces):
        raise FormulaError(f"the response '{response}' stands on the right of ~ too")
    variables = [*needed]
    for piece in pieces:
        used = [piece.name] if piece.is_column else read_expression(piece.name).variables
        if IDENTIFIER in used:
            raise FormulaError(
                f"{IDENTIFIER} is an identifier: its levels would be printed as coefficients; leave it out of"
                f" the fixed part and of what stands before a bar; (1 | {IDENTIFIER}) is for its groups"
            )
        variables += used
    variables += [factor for group in groups for factor in group.factors]
    return Plan(response, needed == (response,), fixed, groups, pieces, tuple(dict.fromkeys(variables)))


def response_of(text: str) -> tuple[str, tuple[str, ...]]:
    """The response's name or expression, and the columns it needs."""
    inner = text[1:-1] if len(text) > 2 and text[0] == text[-1] == "`" else text
    if "`" not in inner and (inner != text or text.replace(".", "_").isidentifier()):
        return inner, (inner,)
    return text, read_expression(text).variables


def group_plans(random: Iterable[RandomTerm]) -> tuple[GroupPlan, ...]:
    """Random terms with the same grouping factor make one group with several blocks."""
    order: dict[frozenset[str], tuple[str, ...]] = {}
    blocks: dict[frozenset[str], list[Expansion]] = {}
    for term in random:
        key = frozenset(term.factors)
        order.setdefault(key, term.factors)
        blocks.setdefault(key, []).extend(blocks_of(term))
    return tuple(GroupPlan(factors, tuple(blocks[key])) for key, factors in order.items())


def blocks_of(term: RandomTerm) -> list[Expansion]:
    """The blocks of one random term; ``||`` makes one of each of its terms."""
    expansion = expand(term.expression)
    if not expansion.intercept and not expansion.terms:
        raise FormulaError(f"'{term.text}' has no random effect; write (1 | group) for an intercept by group")
    if term.correlated:
        return [expansion]
    alone = [Expansion(False, (each,)) for each in expansion.terms]
    return [Expansion(True, ()), *alone] if expansion.intercept else alone
