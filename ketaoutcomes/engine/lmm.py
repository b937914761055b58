"""Fitting a linear mixed model: arrays in, estimates in the columns' own units out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.factors import covariances, unpacked
from ketaoutcomes.engine.groups import Grouping
from ketaoutcomes.engine.information import expected_information
from ketaoutcomes.engine.optimum import Optimum, optimum
from ketaoutcomes.engine.sums import Sums, cross_products
from ketaoutcomes.errors import ConvergenceError, DataError, FormulaError

__all__ = ["Estimate", "fit_lmm", "refit"]

Array = NDArray[np.float64]

UNIDENTIFIED = 1e-9  # share of the information that rounding leaves
EXACT = 1e-13  # share of the response's variation that is rounding
EXACT_WORDS = "the response is fitted exactly, so that no residual variance can be estimated"


@dataclass(frozen=True)
class Estimate:
    """A fitted linear mixed model.

    Parameters
    ----------
    beta : (p,) float
        Coefficients of the kept columns.
    covariance : (p, p) float
        Of `beta`, without any small-sample correction.
    sigma : float
        Residual standard deviation.
    blocks : tuple of (q, q) float
        Covariance matrix of each block's random effects, block by block as in `sums.pieces`.
    singular : tuple of (q, q - rank) float
        For each block the directions, as combinations of its effects, in which there is no variance.
    deviance : float
        Minus twice the (restricted) log-likelihood, lme4's constants.
    reml, converged : bool
    gradient_norm : float
        Largest derivative of the deviance by an entry of the relative Cholesky factors, in scaled columns.
    n_evaluations : int
    sums : Sums
    optimum : Optimum
    """

    beta: Array
    covariance: Array
    sigma: float
    blocks: tuple[Array, ...]
    singular: tuple[Array, ...]
    deviance: float
    reml: bool
    converged: bool
    gradient_norm: float
    n_evaluations: int
    sums: Sums
    optimum: Optimum

    @property
    def n_covariances(self) -> int:
        """Variances and covariances of the random effects, without the residual variance."""
        return sum(piece.q * (piece.q + 1) // 2 for piece in self.sums.pieces)

    def theta(self) -> Array:
        """Relative Cholesky factors in the columns' own units, lower triangles column by column."""
        parts = []
        for block in self.blocks:
            root = _lower_root(block / self.sigma**2)
            parts.append(root.T[np.triu_indices(len(root))])
        return np.concatenate(parts)


def _lower_root(g: Array) -> Array:
    """Lower Cholesky factor of a matrix that may be singular."""
    q = len(g)
    root, left = np.zeros((q, q)), g.copy()
    floor = 1e-14 * np.diag(g)
    for j in range(q):
        if left[j, j] <= floor[j]:
            continue
        root[j:, j] = left[j:, j] / np.sqrt(left[j, j])
        left -= np.outer(root[:, j], root[:, j])
    return root


def fit_lmm(
    x: Array,
    y: Array,
    groupings: Sequence[Grouping],
    *,
    weights: Array | None = None,
    intercept: int | None = None,
    reml: bool = True,
) -> tuple[Estimate, Array]:
    """Fit by (restricted) maximum likelihood.

    Parameters
    ----------
    x : (n, p) float, Fortran order
        Overwritten.
    y : (n,) float
        Overwritten.
    groupings : sequence of Grouping
    weights : (n,) float, optional
        Prior weights: the residual variance of a row is sigma^2 / weight.
    intercept : int, optional
        Column of `x` that is the constant 1.
    reml : bool

    Returns
    -------
    (Estimate, (n, p_kept) float)
        The second is X as the engine holds it: centred, scaled, weighted.

    Raises
    ------
    FormulaError
        If the data cannot tell the parameters apart.
    DataError
        If the response is constant or is fitted exactly.
    ConvergenceError
        If no optimum is found.

    Notes
    -----
    Source: Bates, Maechler, Bolker, Walker 2015, J. Stat. Softw. 67(1), eq. 34 and 41.
    """
    _check(x, y, groupings)
    sums, x = cross_products(x, y, groupings, weights=weights, intercept=intercept)
    if sums.n <= sums.p:
        raise FormulaError(
            f"{sums.n} rows cannot tell {sums.p} coefficients apart; use fewer terms or more rows"
        )
    _check_residual(sums)
    estimate = refit(sums, reml=reml)
    _check_identified(estimate, groupings)
    return estimate, x


def refit(sums: Sums, *, reml: bool, start: Array | None = None) -> Estimate:
    """Fit from cross-products that are there already; see `fit_lmm`."""
    found = optimum(sums, reml=reml, start=start)
    point, scale = found.point, sums.scale
    if point.variance * sums.n < EXACT * float(sums.cross[-1, -1]):
        raise DataError(EXACT_WORDS)
    if not found.converged:
        raise ConvergenceError(
            f"no optimum was found in {found.n_evaluations} evaluations (one more step would still change "
            f"the deviance by {found.decrement:.1e}); leave out a random slope, or a term of little variation"
        )
    df = sums.n - sums.p if reml else sums.n
    deviance = point.value + 2.0 * df * np.log(scale.y_scale)
    if reml:
        deviance += scale.log_size()
    turn, shift = scale.back()
    matrices = unpacked(found.factors, point.theta)
    variance = point.variance * scale.y_scale**2
    covariance = (turn @ point.inverse @ turn.T) * point.variance
    blocks = tuple(variance * g for g in covariances(sums, matrices))
    gradient = float(np.abs(point.gradient).max(initial=0.0))
    return Estimate(
        turn @ point.beta + shift, (covariance + covariance.T) / 2, float(np.sqrt(variance)), blocks,
        _directions(found, sums, matrices), float(deviance), reml, found.converged, gradient,
        found.n_evaluations, sums, found,
    )  # fmt: skip


def _check_residual(sums: Sums) -> None:
    """Least squares must leave something of the response."""
    fixed = sums.cross[sums.n_dense :, sums.n_dense :]
    explained = fixed[:-1, -1] @ np.linalg.solve(fixed[:-1, :-1], fixed[:-1, -1])
    if fixed[-1, -1] - explained < EXACT * fixed[-1, -1]:
        raise DataError(EXACT_WORDS)


def _check_identified(estimate: Estimate, groupings: Sequence[Grouping]) -> None:
    """The expected information must tell all variances and covariances apart."""
    sums, point = estimate.sums, estimate.optimum.point
    matrices = unpacked(estimate.optimum.factors, point.theta)
    g = np.concatenate([(m @ m.T)[np.triu_indices(len(m))] for m in matrices])
    matrix = expected_information(point.parts, g, point.inverse, sums.n).matrix
    single = np.abs(np.diag(matrix))
    plain = np.abs(np.diag(point.parts.log_determinant.second))
    empty = single[1:] <= UNIDENTIFIED * plain
    if not empty.any():
        size = np.sqrt(single)
        values, vectors = np.linalg.eigh(matrix / np.outer(size, size))
        if values[0] > UNIDENTIFIED:
            return
        empty = np.abs(vectors[1:, 0]) > 0.1
    blocks = [piece for piece in sums.pieces for _ in range(piece.q * (piece.q + 1) // 2)]
    culprits = {(blocks[i].grouping, blocks[i].block) for i in np.flatnonzero(empty)}
    words = [
        f"{', '.join(groupings[grouping].blocks[block].names)} by {groupings[grouping].name}"
        for grouping, block in sorted(culprits)
    ]
    raise FormulaError(
        f"these rows cannot tell the variances of {' and of '.join(words)} apart: a random slope needs a "
        "column that varies within the groups, and groups that are fixed effects too leave nothing for a "
        "random one"
    )


def _directions(found: Optimum, sums: Sums, matrices: Sequence[Array]) -> tuple[Array, ...]:
    """Combinations v of each block's effects with v'Gv = 0, in the columns' own units and of length 1."""
    out = []
    for factor, piece, matrix in zip(found.factors, sums.pieces, matrices, strict=True):
        null = np.linalg.svd(matrix)[0][:, factor.rank :]
        own = np.linalg.solve(piece.turn.T, null)
        out.append(own / np.maximum(np.linalg.norm(own, axis=0), np.finfo(float).tiny))
    return tuple(out)


def _check(x: Array, y: Array, groupings: Sequence[Grouping]) -> None:
    """Refuse what no data of this shape can tell."""
    n = len(y)
    if not groupings:
        raise FormulaError("a mixed model needs a random term, e.g. (1 | patient_id)")
    if not (np.isfinite(y).all() and all(np.isfinite(column).all() for column in x.T)):
        raise DataError("the model's columns must be finite")
    low, high = float(y.min()), float(y.max())
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        raise DataError(
            f"the response has the same value in all {n} rows, so that nothing varies to be explained"
        )
    for grouping in groupings:
        q = sum(len(block.columns) for block in grouping.blocks)
        n_parameters = sum(len(b.columns) * (len(b.columns) + 1) // 2 for b in grouping.blocks)
        k = grouping.n_groups
        if k < 2:
            raise FormulaError(f"{grouping.name} has one group only; a variance between groups needs more")
        if k < n_parameters:
            raise FormulaError(
                f"{grouping.name} has {k} groups, fewer than the {n_parameters} variances and covariances of "
                "its random effects; use || or leave out a random slope"
            )
        largest = int(grouping.sizes().max())
        if largest <= q and (largest == 1 or q * k >= n):
            rows = "row" if largest == 1 else "rows"
            raise FormulaError(
                f"no group of {grouping.name} has more than {largest} {rows} for its {q} random "
                f"effect{'s' if q > 1 else ''}, which therefore cannot be told from the residual; "
                "leave out the term or a random slope"
            )
