"""The random part: for each grouping factor its groups, and the columns whose effects vary by group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.groups import Block, Grouping
from ketaoutcomes.errors import FormulaError
from ketaoutcomes.formula.basis import Basis, lay_out
from ketaoutcomes.formula.columns import Column
from ketaoutcomes.formula.grouping import GroupKey, learn_groups
from ketaoutcomes.formula.parts import Filled, Part
from ketaoutcomes.formula.plan import GroupPlan
from ketaoutcomes.formula.terms import Expansion

__all__ = ["learn_grouping"]


def learn_grouping(
    plan: GroupPlan,
    columns: Mapping[str, Column],
    parts: Mapping[str, Part],
    rows: Mapping[str, Filled],
    *,
    n_rows: int,
) -> tuple[Grouping, NDArray, GroupKey, tuple[Basis, ...]]:
    """One grouping factor: what the engine gets, its labels, and what new data need."""
    bases = tuple(block_basis(block, parts) for block in plan.blocks)
    codes, key = learn_groups(plan.factors, columns)
    labels = key.labels()
    check_effects(key.name, bases, len(labels))
    blocks = tuple(block_of(basis, parts, rows, n_rows) for basis in bases)
    return Grouping(key.name, codes, len(labels), blocks), labels, key, bases


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
