"""Predicted random effects and what belongs to single rows: prediction errors, leverage, V^-1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.factors import level_factors, unpacked
from ketaoutcomes.engine.lmm import Estimate
from ketaoutcomes.engine.small import mul, shrunk

__all__ = ["Effects", "RowTerms", "row_terms"]

Array = NDArray[np.float64]
CHUNK = 65536


@dataclass(frozen=True)
class _Level:
    """One level at the optimum; crossed factors are one level with a single group.

    Parameters
    ----------
    b : (q, q, k)
        (G^-1 + S)^-1, relative to the residual variance.
    y : (q, width, k)
        B Z'V^-1 [upper Z, crossed Z, X, y].
    factor : (q, q)
        L.
    """

    b: Array
    y: Array
    factor: Array


class Effects:
    """Best linear unbiased predictions of the random effects of a fit.

    Parameters
    ----------
    estimate : Estimate

    Attributes
    ----------
    levels : list
        Lowest first.
    values : list of (q, k)
        Predicted effects of each level, in scaled columns and units of `y_scale`.
    """

    def __init__(self, estimate: Estimate):
        self.estimate = estimate
        sums, point = estimate.sums, estimate.optimum.point
        self.factors = level_factors(sums, unpacked(estimate.optimum.factors, point.theta))
        self.levels = []
        for rows, factor in zip(point.parts.rows, self.factors, strict=True):
            q = len(factor)
            b, _ = shrunk(rows[:, :q], factor)
            self.levels.append(_Level(b, mul(b, rows[:, q:]), factor))
        self.sizes = [len(factor) for factor in self.factors]
        self.values = self._down()

    def _down(self) -> list[Array]:
        """From the top: u = B(Z'V^-1 y - Z'V^-1 X b - Z'V^-1 Z_up u_up)."""
        sums, point = self.estimate.sums, self.estimate.optimum.point
        p = sums.p
        values: list[Array] = [np.zeros(0)] * len(self.levels)
        n_chain = len(self.levels) - (1 if sums.n_dense else 0)
        for at in reversed(range(len(self.levels))):
            y = self.levels[at].y
            u = y[:, -1] - np.tensordot(point.beta, y[:, -1 - p : -1], axes=(0, 1))
            column = 0
            for higher in range(at + 1, n_chain):
                above = values[higher][:, sums.levels[at].parents[higher - at - 1]]
                for j in range(self.sizes[higher]):
                    u = u - y[:, column + j] * above[j]
                column += self.sizes[higher]
            if at < n_chain and sums.n_dense:
                u = u - np.einsum("qdk,d->qk", y[:, column : column + sums.n_dense], values[-1][:, 0])
            values[at] = u
        return values

    def of_block(self, number: int) -> Array:
        """(k, q) effects of one block in the caller's order of groups and in the columns' own units."""
        sums = self.estimate.sums
        piece = sums.pieces[number]
        q = piece.q
        if piece.repeat == 1:
            own = self.values[piece.level][piece.start : piece.start + q]
            own = own[:, sums.tree.order[piece.level]]
        else:
            own = self.values[piece.level][piece.start : piece.start + q * piece.repeat, 0]
            own = own.reshape(q, piece.repeat)
        return (piece.turn @ own).T * sums.scale.y_scale

    def variance_of_block(self, number: int) -> Array:
        """(k, q, q) conditional variances given the coefficients, as lme4's postVar."""
        sums, point = self.estimate.sums, self.estimate.optimum.point
        piece = sums.pieces[number]
        q, start = piece.q, piece.start
        unit = point.variance * sums.scale.y_scale**2
        if piece.repeat > 1:
            b = self.levels[piece.level].b[:, :, 0]
            index = start + np.arange(q)[None, :] * piece.repeat + np.arange(piece.repeat)[:, None]
            own = b[index[:, :, None], index[:, None, :]]
        else:
            k = sums.levels[piece.level].rows.shape[2]
            joint = np.empty((k, q, q))
            basis = np.zeros((self.sizes[piece.level], k))
            for a in range(q):
                for b in range(a + 1):
                    joint[:, a, b] = joint[:, b, a] = self._pair(piece.level, start + a, start + b, basis)
            own = joint[sums.tree.order[piece.level]]
        return unit * np.einsum("ab,kbc,dc->kad", piece.turn, own, piece.turn)

    def _pair(self, level: int, a: int, b: int, zero: Array) -> Array:
        """Conditional covariance of two effects of every group, by polarisation of `variance_up`."""

        def variance(*ones: int) -> Array:
            z = zero.copy()
            for one in ones:
                z[one] += 1.0
            return self._variance_up(level, z)

        if a == b:
            return variance(a)
        return (variance(a, b) - variance(a) - variance(b)) / 2.0

    def _variance_up(self, level: int, z: Array) -> Array:
        """Relative variance of z'u for every group of a level, (q, k) -> (k,)."""
        sums = self.estimate.sums
        n_chain = len(self.levels) - (1 if sums.n_dense else 0)
        k = z.shape[1]
        group = np.arange(k)
        zs = [np.zeros((size, k)) for size in self.sizes]
        zs[level] = z
        groups = [np.zeros(k, np.intp)] * len(self.levels)
        groups[level] = group
        for higher in range(level + 1, n_chain):
            groups[higher] = sums.levels[level].parents[higher - level - 1]
        variance, _ = _up(self, level, zs, groups, None)
        return variance


@dataclass(frozen=True)
class RowTerms:
    """What the random effects leave of single rows, relative to the residual variance.

    Parameters
    ----------
    random_variance : (n,) float
        Variance of z'u given the response and the coefficients. For rows of the fit this is
        1 - (V0^-1)_jj.
    x_left : (n, p) float
        x - (what the random effects take up of it). For rows of the fit this is the row of V0^-1 X.
    """

    random_variance: Array
    x_left: Array


def _up(effects: Effects, lowest: int, zs: list[Array], groups: list, x: Array | None) -> tuple[Array, Array]:
    """Take one level after the other out of rows; a group of -1 was not seen and has its prior variance."""
    sums = effects.estimate.sums
    n_chain = len(effects.levels) - (1 if sums.n_dense else 0)
    zs = [z.copy() for z in zs]
    variance = np.zeros(zs[lowest].shape[1])
    left = None if x is None else x.T.copy()
    for at in range(lowest, len(effects.levels)):
        level, z, group = effects.levels[at], zs[at], groups[at]
        if at >= n_chain:
            variance += np.einsum("dn,de,en->n", z, level.b[:, :, 0], z, optimize=True)
            if left is not None:
                left -= level.y[:, -1 - sums.p : -1, 0].T @ z
            continue
        seen = group >= 0
        b, y = level.b[:, :, np.maximum(group, 0)], level.y[:, :, np.maximum(group, 0)]
        if not seen.all():
            prior = level.factor @ level.factor.T
            b[:, :, ~seen] = prior[:, :, None]
            y[:, :, ~seen] = 0.0
        variance += np.einsum("an,abn,bn->n", z, b, z)
        taken = np.einsum("an,awn->wn", z, y)
        column = 0
        for higher in range(at + 1, n_chain):
            zs[higher] -= taken[column : column + effects.sizes[higher]]
            column += effects.sizes[higher]
        if sums.n_dense:
            zs[-1] -= taken[column : column + sums.n_dense]
        if left is not None:
            left -= taken[-1 - sums.p : -1]
    return variance, left


def row_terms(effects: Effects, x: Array, z: list[list[Array]], codes: list[NDArray[np.intp]]) -> RowTerms:
    """The terms of rows, which may be new.

    Parameters
    ----------
    effects : Effects
    x : (n, p) float
        In scaled columns (weighted rows times the root of the weight).
    z : list of list of (n, q) float
        For each grouping and block the columns in their own units (times the root of the weight).
    codes : list of (n,) intp
        For each grouping the group of each row as the caller counts; -1 is a group that was not seen.
    """
    n = len(x)
    variance, left = np.empty(n), np.empty((n, x.shape[1]))
    width = max(1, CHUNK // max(1, effects.estimate.sums.n_dense // 8))
    for low in range(0, n, width):
        rows = slice(low, low + width)
        zs, groups = _placed(effects, [[b[rows] for b in blocks] for blocks in z], [c[rows] for c in codes])
        variance[rows], some = _up(effects, 0, zs, groups, x[rows])
        left[rows] = some.T
    return RowTerms(variance, left)


def _placed(effects: Effects, z, codes) -> tuple[list[Array], list]:
    """z of each level, (q, n), in scaled columns, and the group of each row at each level."""
    sums = effects.estimate.sums
    n = len(codes[0])
    zs = [np.zeros((size, n)) for size in effects.sizes]
    groups: list = [np.zeros(n, np.intp) for _ in effects.sizes]
    for piece in sums.pieces:
        own = (z[piece.grouping][piece.block] @ piece.turn).T
        code = codes[piece.grouping]
        if piece.repeat == 1:
            zs[piece.level][piece.start : piece.start + piece.q] = own
            order = sums.tree.order[piece.level]
            groups[piece.level] = np.where(code >= 0, order[np.maximum(code, 0)], -1)
            continue
        seen = np.flatnonzero(code >= 0)
        for a in range(piece.q):
            zs[piece.level][piece.start + a * piece.repeat + code[seen], seen] = own[a, seen]
    return zs, groups
