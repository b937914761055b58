"""Integrating the random effects out, level by level, with exact first and second derivatives.

The model is y = X b + sum of Z u + e. With V0 = I + sum of Z G Z' (in units of the residual
variance) everything that likelihood, Satterthwaite and Kenward-Roger need is

    log |V0|  and  [X y]' V0^-1 [X y]

and their derivatives by the entries of the G of each level. Random effects are eliminated from the
lowest level (patients) upwards (clinics): the Woodbury identity turns the rows of a level, S = Z'Z
and U = Z'[upper Z, X, y], into what is left for the levels above, U'BU with B = (G^-1 + S)^-1. Sums
over groups are all that is made; there is no n x n matrix and no loop over groups. Because V0 is
linear in G, the derivatives have short closed forms (differentiate U'BU once and twice):

    with  J = I - S B,  F = J U,  W = J S,  Y = B U,  D_r = U_r - S_r Y  (subscript: derivative)
    own s        (U'BU)_s   =  F'E_s F
    lower r      (U'BU)_r   =  D_r'Y + Y'U_r
    own, own     (U'BU)_st  = -F'(E_s W E_t + E_t W E_s) F
    own, lower   (U'BU)_sr  =  F'E_s J D_r + (J D_r)'E_s F
    lower, lower (U'BU)_rt  =  U_rt'Y + Y'U_rt - Y'S_rt Y + D_r'B D_t + D_t'B D_r

E_s is the derivative of G by its s-th entry. Source: Bates et al. 2015 (criterion); derivatives by
matrix calculus, checked against finite differences in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.small import gram, mul, shrunk, tmul, trace_of_product

__all__ = ["Jet", "LevelRows", "eliminated"]

Array = NDArray[np.float64]
Rows = tuple[slice, slice]

CHUNK = 2048  # groups worked on at once: their arrays stay in the cache


@dataclass(frozen=True)
class LevelRows:
    """The cross-products of one level that do not depend on the parameters.

    Parameters
    ----------
    rows : (q, q + width, k)
        Z'[Z, upper Z, X, y] of each group.
    parents : tuple of (k,) intp
        Group at each higher level of the chain, from the next one up; ascending.
    entries : tuple of tuple of (rows, columns)
        For each parameter s: E_s has an identity at each of these places.
    """

    rows: Array
    parents: tuple[NDArray[np.intp], ...]
    entries: tuple[tuple[Rows, ...], ...]

    @property
    def q(self) -> int:
        return self.rows.shape[0]


class Jet:
    """A symmetric or rectangular array with its derivatives by the parameters.

    `first[r]` and `second[r, t]` (r <= t) are kept only for parameters below `n`.
    """

    def __init__(self, value: Array, n: int, order: int):
        self.value = value
        self.first = np.zeros((n, *value.shape)) if order >= 1 else None
        self.second = np.zeros((n, n, *value.shape)) if order >= 2 else None

    def part(self, key: tuple[int, ...]) -> Array:
        """The value for ``()``, a first derivative for ``(r,)``, a second for ``(r, t)``, r <= t."""
        if not key:
            return self.value
        return self.first[key[0]] if len(key) == 1 else self.second[key]


@dataclass(frozen=True)
class Eliminated:
    """log |V0| and [X y]' V0^-1 [X y] with their derivatives by the entries of all G.

    Parameters
    ----------
    log_determinant : Jet of shape ()
    cross : Jet of shape (p + 1, p + 1)
    rows : tuple of (q, q + width, k)
        Z'V^-1[Z, upper Z, crossed Z, X, y] of each level, V holding the levels below.
    """

    log_determinant: Jet
    cross: Jet
    rows: tuple[Array, ...]


def eliminated(
    levels: Sequence[LevelRows], n_dense: int, cross: Array, factors: Sequence[Array], order: int
) -> Eliminated:
    """Eliminate all levels.

    Parameters
    ----------
    levels : sequence of LevelRows
        Lowest first. If `n_dense` is positive, the last one stands for crossed factors: its
        `rows` is empty and its cross-products are the first rows of `cross`.
    n_dense : int
        Columns of crossed factors.
    cross : (n_dense + p + 1, n_dense + p + 1)
        Cross-products of [crossed Z, X, y].
    factors : sequence of (q, q)
        L of each level, G = L L'.
    order : {0, 1, 2}
        Highest derivative wanted.
    """
    n = sum(len(level.entries) for level in levels)
    log_determinant = Jet(np.zeros(()), n, order)
    total = Jet(cross.copy(), n, order)
    chain = levels[:-1] if n_dense else levels
    below = 0
    waiting = []
    for level in chain:
        waiting.append(Jet(level.rows if not below else level.rows.copy(), below, order if below else 0))
        below += len(level.entries)
    below = 0
    for at, level in enumerate(chain):
        target = _Target(waiting[at + 1 :], [each.q for each in chain[at + 1 :]], total, level.parents)
        _eliminate(level, waiting[at], below, factors[at], target, log_determinant, order)
        below += len(level.entries)
    seen = tuple(jet.value for jet in waiting)
    if not n_dense:
        return Eliminated(log_determinant, total, seen)

    crossed, rest = levels[-1], Jet(total.value[n_dense:, n_dense:].copy(), n, order)
    rows = Jet(total.value[:n_dense, :, None], below, order if below else 0)
    if order >= 1:
        rows.first = total.first[:below, :n_dense, :, None]
        rest.first[:below] = total.first[:below, n_dense:, n_dense:]
    if order >= 2:
        rows.second = total.second[:below, :below, :n_dense, :, None]
        rest.second[:below, :below] = total.second[:below, :below, n_dense:, n_dense:]
    target = _Target([], [], rest, ())
    _eliminate(crossed, rows, below, factors[-1], target, log_determinant, order)
    return Eliminated(log_determinant, rest, (*seen, rows.value))


class _Target:
    """What the products of one level are taken from: the rows of the levels above and the total."""

    def __init__(self, rows: list[Jet], sizes: list[int], total: Jet, parents):
        self.rows, self.total, self.parents = rows, total, parents
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)

    def add(
        self, key: tuple[int, ...], a: Array, b: Array, sign: float, groups: slice, *, both: bool
    ) -> None:
        """Add sign times a'b (plus b'a if `both`); a and b are (j, width, groups)."""
        own = self.starts[-1]
        product = gram(a[:, own:], b[:, own:])
        part = self.total.part(key)
        part += sign * (product + product.T if both else product)
        for at, jet in enumerate(self.rows):
            low, high = self.starts[at], self.starts[at + 1]
            pieces = tmul(a[:, low:high], b[:, low:])
            if both:
                pieces = pieces + tmul(b[:, low:high], a[:, low:])
            owner = self.parents[at][groups]
            first = np.flatnonzero(np.diff(owner, prepend=-1))
            jet.part(key)[:, :, owner[first]] += sign * np.add.reduceat(pieces, first, axis=2)


def _eliminate(
    level: LevelRows, jet: Jet, below: int, factor: Array, target: _Target, log_determinant: Jet, order: int
) -> None:
    k = jet.value.shape[2]
    for low in range(0, k, CHUNK):
        groups = slice(low, min(low + CHUNK, k))
        _Chunk(level, jet, below, factor, target, log_determinant, groups).run(order)


class _Chunk:
    """One run of groups of one level; see the formulas at the head of this file."""

    def __init__(self, level, jet, below, factor, target, log_determinant, groups):
        self.level, self.jet, self.below, self.factor = level, jet, below, factor
        self.target, self.log_determinant, self.groups = target, log_determinant, groups
        self.q = factor.shape[0]

    def split(self, key: tuple[int, ...]) -> tuple[Array, Array]:
        part = self.jet.part(key)[:, :, self.groups]
        return part[:, : self.q], part[:, self.q :]

    def subtract(self, key, a, b, *, both=False, sign=-1.0):
        self.target.add(key, a, b, sign, self.groups, both=both)

    def run(self, order: int) -> None:
        self.s, self.u = self.split(())
        self.b, log_determinant = shrunk(self.s, self.factor)
        self.log_determinant.value += log_determinant
        self.y = mul(self.b, self.u)
        self.subtract((), self.u, self.y)
        if order < 1:
            return
        self.f = self.u - mul(self.s, self.y)
        self.sb = mul(self.s, self.b)
        self.w = self.s - mul(self.sb, self.s)
        self.own_first()
        self.lower_first()
        if order >= 2:
            self.own_second()
            self.lower_second()

    def own_first(self) -> None:
        for s, entries in enumerate(self.level.entries, self.below):
            for rows, columns in entries:
                self.subtract((s,), self.f[rows], self.f[columns])
                self.log_determinant.first[s] += _diagonal(self.w[rows, columns])

    def lower_first(self) -> None:
        """Derivatives by the parameters of the levels below, which have changed S and U."""
        self.d = []
        for r in range(self.below):
            s_r, u_r = self.split((r,))
            d_r = u_r - mul(s_r, self.y)
            self.d.append(d_r)
            # D'Y + Y'U_r: symmetric as a sum, though neither part is.
            self.subtract((r,), d_r, self.y)
            self.subtract((r,), self.y, u_r)
            self.log_determinant.first[r] += trace_of_product(self.b, s_r)

    def own_second(self) -> None:
        entries = self.level.entries
        # W E_t F and W E_t: E_t moves rows, so only the moved ones are multiplied.
        moved = [sum(mul(self.w[:, rows], self.f[columns]) for rows, columns in e) for e in entries]
        turned = []
        for e in entries:
            we = np.zeros_like(self.w)
            for rows, columns in e:
                we[:, columns] += self.w[:, rows]
            turned.append(we)
        for s in range(len(entries)):
            for t in range(s, len(entries)):
                key = (self.below + s, self.below + t)
                self.log_determinant.second[key] -= trace_of_product(turned[s], turned[t])
                for rows, columns in entries[s]:
                    self.subtract(key, self.f[columns], moved[t][rows], both=True, sign=1.0)

    def lower_second(self) -> None:
        jumps = [d - mul(self.sb, d) for d in self.d]
        shrunken = [mul(self.b, d) for d in self.d]
        for r in range(self.below):
            s_r = self.split((r,))[0]
            for s, entries in enumerate(self.level.entries, self.below):
                turned = s_r - mul(self.sb, s_r)
                turned = turned - np.swapaxes(mul(self.sb, np.swapaxes(turned, 0, 1)), 0, 1)
                for rows, columns in entries:
                    self.subtract((r, s), self.f[rows], jumps[r][columns], both=True)
                    self.log_determinant.second[r, s] += _diagonal(turned[rows, columns])
            for t in range(r, self.below):
                s_rt, u_rt = self.split((r, t))
                s_t = self.split((t,))[0]
                self.subtract((r, t), u_rt, self.y, both=True)
                self.subtract((r, t), self.y, mul(s_rt, self.y), sign=1.0)
                self.subtract((r, t), self.d[r], shrunken[t], both=True)
                self.log_determinant.second[r, t] += trace_of_product(self.b, s_rt) - trace_of_product(
                    mul(self.b, s_r), mul(self.b, s_t)
                )


def _diagonal(block: Array) -> float:
    """Sum over the groups of the diagonal of (i, i, k)."""
    return float(np.einsum("iik->", block))
