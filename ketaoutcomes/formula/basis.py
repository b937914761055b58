"""Terms -> columns of a matrix: which coding each factor gets in each term, their names, and the filling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.formula.coding import level_text
from ketaoutcomes.formula.parts import FactorPart, Filled, Part
from ketaoutcomes.formula.terms import Expansion

__all__ = ["Atom", "Basis", "Term", "full_dummies", "lay_out"]


@dataclass(frozen=True)
class Term:
    """One term of the fixed part; the intercept is none.

    Parameters
    ----------
    name : str
        ``"day:route"``.
    columns : tuple of int
        Its places in the model matrix.
    variables : tuple of str
        Columns of the data that it depends on.
    order : int
        1 for a main effect, 2 for an interaction of two, ...
    """

    name: str
    columns: tuple[int, ...]
    variables: tuple[str, ...]
    order: int


@dataclass(frozen=True)
class Atom:
    """One column of one coded part.

    Parameters
    ----------
    part : str
    full : bool
        Of a factor: dummies of all levels rather than contrasts.
    index : int
    """

    part: str
    full: bool
    index: int


@dataclass(frozen=True)
class Basis:
    """Columns as products of atoms; a product of none is the constant 1.

    Parameters
    ----------
    names : tuple of str
    layout : tuple of tuple of Atom
    terms : tuple of Term
    """

    names: tuple[str, ...]
    layout: tuple[tuple[Atom, ...], ...]
    terms: tuple[Term, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that the columns are made of."""
        return tuple(dict.fromkeys(atom.part for atoms in self.layout for atom in atoms))

    def fill(
        self, out: NDArray[np.float64], parts: Mapping[str, Part], rows: Callable[[str], Filled]
    ) -> NDArray[np.float64]:
        """Write the columns into `out`, (n, p), one by one; no other array of its size is made.

        Parameters
        ----------
        out : (n, p) array, Fortran-ordered
        parts : mapping
        rows : callable
            Part's name -> its rows.
        """
        place: dict[Atom, int] = {}
        spare = None
        for column, atoms in enumerate(self.layout):
            target = out[:, column]
            if not atoms:
                target.fill(1.0)
                continue
            first = atoms[0]
            if len(atoms) == 1 or first not in place:
                put(target, parts[first.part], first, rows(first.part))
                left = target
            else:
                left = out[:, place[first]]
            for atom in atoms[1:]:
                if atom in place:
                    right = out[:, place[atom]]
                else:
                    spare = right = np.empty(len(out)) if spare is None else spare
                    put(right, parts[atom.part], atom, rows(atom.part))
                np.multiply(left, right, out=target)
                left = target
            if len(atoms) == 1:
                place[first] = column
        return out


def put(target: NDArray[np.float64], part: Part, atom: Atom, rows: Filled) -> None:
    """Write one atom's column."""
    if not isinstance(part, FactorPart):
        np.copyto(target, rows.values if rows.values.ndim == 1 else rows.values[:, atom.index])
    elif atom.full:
        np.equal(rows.values, atom.index, out=target)
    else:
        weights = part.contrasts[:, atom.index]
        levels = np.flatnonzero(weights)
        if len(levels) == 1 and weights[levels[0]] == 1.0:
            np.equal(rows.values, levels[0], out=target)
        else:
            np.take(weights, rows.values, out=target, mode="clip")
    if rows.missing is not None:
        target[rows.missing] = np.nan


def full_dummies(expansion: Expansion, factors: set[str]) -> list[dict[str, bool]]:
    """For each term, which of its factors get dummies of all levels instead of contrasts.

    A factor is coded by contrasts if the term without it is in the model, or inside a term that stands
    before it; without an intercept the first factor gets all its levels. This is R's rule
    (``TermCode`` in R's src/library/stats/src/model.c; Chambers and Hastie 1992, page 38), but for one
    thing: the term that stands before must multiply the same numbers. R lets x:a stand for a, and so
    leaves the columns of a out of ``x + a:x + a:b``.

    Parameters
    ----------
    expansion : Expansion
    factors : set of str
        Names of the pieces that are factors.
    """
    before: list[frozenset[str]] = [frozenset()] if expansion.intercept else []
    coding = []
    for term in expansion.terms:
        names = frozenset(piece.name for piece in term)
        full = {}
        for name in (piece.name for piece in term if piece.name in factors):
            rest = names - {name}
            numbers = rest - factors
            spanned = not rest or any(rest <= other and other - factors == numbers for other in before)
            full[name] = not spanned
        before.append(names)
        coding.append(full)
    if not expansion.intercept:
        for term, full in zip(expansion.terms, coding, strict=True):
            if full:
                full[next(piece.name for piece in term if piece.name in full)] = True
                break
    return coding


def lay_out(expansion: Expansion, parts: Mapping[str, Part]) -> Basis:
    """Columns and names of a sum of terms; an interaction's first part runs fastest, as in R."""
    factors = {name for name, part in parts.items() if isinstance(part, FactorPart)}
    names: list[str] = []
    layout: list[tuple[Atom, ...]] = []
    terms = []
    if expansion.intercept:
        names.append("(Intercept)")
        layout.append(())
    for term, full in zip(expansion.terms, full_dummies(expansion, factors), strict=True):
        choices = [atoms_of(parts[piece.name], full=full.get(piece.name, False)) for piece in term]
        start = len(names)
        for chosen in product(*reversed(choices)):
            forward = chosen[::-1]
            names.append(":".join(name for name, _ in forward))
            layout.append(tuple(atom for _, atom in forward))
        terms.append(
            Term(
                ":".join(piece.name for piece in term),
                tuple(range(start, len(names))),
                tuple(dict.fromkeys(name for piece in term for name in parts[piece.name].variables)),
                len(term),
            )
        )
    return Basis(tuple(names), tuple(layout), tuple(terms))


def atoms_of(part: Part, *, full: bool) -> list[tuple[str, Atom]]:
    """Name and atom of each column of a part."""
    suffixes = tuple(level_text(level) for level in part.levels) if full else part.suffixes
    return [(part.name + suffix, Atom(part.name, full, index)) for index, suffix in enumerate(suffixes)]
