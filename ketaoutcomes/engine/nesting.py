"""Which grouping factors are nested in which: patients in clinics, or crossed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.groups import Grouping
from ketaoutcomes.errors import FormulaError

__all__ = ["Hierarchy", "hierarchy", "parent_of"]

Codes = NDArray[np.integer]


@dataclass(frozen=True)
class Hierarchy:
    """A chain of nested factors, finest first, and the factors that are crossed with it.

    Parameters
    ----------
    chain : tuple of (grouping, codes, n_units)
        Number of the grouping; group of each row, renumbered so that the groups of one parent are
        neighbours; and the number of groups of the level below (of itself for the finest).
    crossed : tuple of int
        Numbers of the other groupings.
    parents : tuple of list of (k,) intp
        For each level of the chain, the group at every higher level.
    order : tuple of (k,) intp
        For each level of the chain, the new number of each group as the caller counts them.
    """

    chain: tuple[tuple[int, Codes, int], ...]
    crossed: tuple[int, ...]
    parents: tuple[list[Codes], ...]
    order: tuple[Codes, ...]


def parent_of(fine: Codes, n_fine: int, coarse: Codes) -> Codes | None:
    """The coarse group that each fine group lies in; None if one lies in several."""
    parent = np.empty(n_fine, coarse.dtype)
    parent[fine] = coarse
    return parent if np.array_equal(parent[fine], coarse) else None


def hierarchy(groupings: Sequence[Grouping]) -> Hierarchy:
    """Order the factors.

    Raises
    ------
    FormulaError
        If two factors make the same groups.
    """
    by_size = sorted(range(len(groupings)), key=lambda g: -groupings[g].n_groups)
    chain, parents_up, crossed = [by_size[0]], [], []
    for g in by_size[1:]:
        last = groupings[chain[-1]]
        parent = parent_of(last.codes, last.n_groups, groupings[g].codes)
        if parent is None:
            crossed.append(g)
            continue
        if last.n_groups == groupings[g].n_groups:
            raise FormulaError(
                f"{last.name} and {groupings[g].name} make the same groups, so that their effects cannot "
                "be told apart; keep one of them"
            )
        chain.append(g)
        parents_up.append(parent)

    # Renumber from the top: groups in the order of their parents' new numbers.
    order: list[Codes] = [np.arange(groupings[chain[-1]].n_groups, dtype=np.int32)]
    for parent in reversed(parents_up):
        place = np.argsort(order[0][parent], kind="stable")
        new = np.empty(len(place), np.int32)
        new[place] = np.arange(len(place))
        order.insert(0, new)
    levels = []
    below = groupings[chain[0]].n_groups
    for at, g in enumerate(chain):
        same = np.array_equal(order[at], np.arange(len(order[at])))
        codes = groupings[g].codes if same else order[at][groupings[g].codes]
        levels.append((g, codes, below))
        below = groupings[g].n_groups
    parents = []
    for at in range(len(chain)):
        ancestor, ups = np.arange(groupings[chain[at]].n_groups), []
        for higher, parent in enumerate(parents_up[at:], at):
            ancestor = parent[ancestor]
            up = np.empty(len(ancestor), np.int32)
            up[order[at]] = order[higher + 1][ancestor]
            ups.append(up)
        parents.append(ups)
    return Hierarchy(tuple(levels), tuple(crossed), tuple(parents), tuple(order))
