"""Columns brought to a common scale, so that no optimum depends on a unit or an origin of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ketaoutcomes.engine.groups import Block
from ketaoutcomes.errors import FormulaError

__all__ = ["FixedScale", "ScaledBlock", "independent", "scaled_block", "scaled_in_place", "unmixed"]

Array = NDArray[np.float64]
NEARLY_COLLINEAR = 0.03  # length of a column that the columns before it leave, of 1
DEPENDENT = 1e-11  # share of a column's variation that the columns before it leave; below: a combination


@dataclass(frozen=True)
class FixedScale:
    """How [X, y] was moved: x_new = (x - centre) / scale @ mix, times the root of the weight.

    Parameters
    ----------
    centre, scale : (p,) float
    y_centre, y_scale : float
    intercept : int or None
        Column that is the constant 1.
    mix : (p, p) float, optional
        Upper triangular; None is the identity. It makes nearly collinear columns orthogonal.
    """

    centre: Array
    scale: Array
    y_centre: float
    y_scale: float
    intercept: int | None
    mix: Array | None = None

    def forward(self, x: Array) -> Array:
        """Columns in their own units as the engine holds them, (n, p) -> (n, p), without weights."""
        moved = (x - self.centre) / self.scale
        return moved if self.mix is None else moved @ self.mix

    def own_units(self, x: Array) -> Array:
        """The way back of `forward`."""
        if self.mix is not None:
            x = solve_triangular(self.mix, x.T, trans="T").T
        return x * self.scale + self.centre

    def log_size(self) -> float:
        """log |X'V^-1X| in the columns' own units less that of the moved columns."""
        size = 2.0 * float(np.log(self.scale).sum())
        return size if self.mix is None else size - 2.0 * float(np.log(np.diag(self.mix)).sum())

    def back(self) -> tuple[Array, Array]:
        """`(turn, shift)`: b = turn @ b_new + shift, in the columns' own units."""
        turn = np.diag(self.y_scale / self.scale)
        shift = np.zeros(len(self.scale))
        if self.intercept is not None:
            others = np.arange(len(self.scale)) != self.intercept
            turn[self.intercept, others] = -self.y_scale * self.centre[others] / self.scale[others]
            shift[self.intercept] = self.y_centre
        return (turn if self.mix is None else turn @ self.mix), shift

    def kept(self, columns: NDArray[np.intp]) -> FixedScale:
        """The same for a choice of columns."""
        place = np.flatnonzero(columns == self.intercept)
        where = int(place[0]) if self.intercept is not None and place.size else None
        return FixedScale(self.centre[columns], self.scale[columns], self.y_centre, self.y_scale, where)


def scaled_in_place(x: Array, y: Array, weights: Array | None, intercept: int | None) -> FixedScale:
    """Centre (where there is an intercept) and scale the columns of X, and y; both are overwritten.

    Parameters
    ----------
    x : (n, p) float, Fortran order
    y : (n,) float
    weights : (n,) float, optional
    intercept : int or None
    """
    n, p = x.shape
    centre, scale = np.zeros(p), np.ones(p)
    total = float(n) if weights is None else float(weights.sum())
    root = None if weights is None else np.sqrt(weights)

    def moved(column: Array, constant: bool) -> tuple[float, float]:
        middle = 0.0
        raw = _size(column, weights, total)
        if intercept is not None and not constant:
            middle = float(column.sum() / n if weights is None else column @ weights / total)
            column -= middle
        spread = _size(column, weights, total)
        # What rounding leaves of a constant column is not a spread.
        spread = spread if spread > 1e-12 * raw else 1.0
        column /= spread
        if root is not None:
            column *= root
        return middle, spread

    for j in range(p):
        if j == intercept:
            if root is not None:
                x[:, j] *= root
            continue
        centre[j], scale[j] = moved(x[:, j], False)
    y_centre, y_scale = moved(y, False)
    return FixedScale(centre, scale, y_centre, y_scale, intercept)


def _size(column: Array, weights: Array | None, total: float) -> float:
    squares = column @ column if weights is None else np.einsum("i,i,i->", column, column, weights)
    return float(np.sqrt(squares / total))


def unmixed(x: Array, cross: Array) -> tuple[Array, Array | None]:
    """Make nearly collinear columns orthogonal, in place, so that no digits are lost later.

    Parameters
    ----------
    x : (n, p) float
        Independent columns; overwritten if they are nearly collinear.
    cross : (p, p)
        x'x.

    Returns
    -------
    (cross, mix) : (p, p), (p, p) or None
    """
    size = np.sqrt(np.diag(cross))
    upper = np.linalg.cholesky(cross / np.outer(size, size)).T
    if np.diag(upper).min() > NEARLY_COLLINEAR:
        return cross, None
    mix = solve_triangular(upper, np.eye(len(upper))) / size[:, None] * np.sqrt(len(x))
    for low in range(0, len(x), 8192):
        x[low : low + 8192] = x[low : low + 8192] @ mix
    return x.T @ x, mix


def independent(cross: Array) -> NDArray[np.bool_]:
    """Which columns are not combinations of columns before them, from X'X, (p, p) -> (p,)."""
    left = cross.copy()
    p = len(left)
    before = np.diag(cross).copy()
    keep = np.zeros(p, bool)
    for j in range(p):
        if before[j] <= 0 or left[j, j] <= DEPENDENT * before[j]:
            continue
        keep[j] = True
        column = left[:, j] / left[j, j]
        left -= np.outer(column, left[j])
    return keep


@dataclass(frozen=True)
class ScaledBlock:
    """One block's columns, turned so that their mean cross-product over the groups is the identity.

    Parameters
    ----------
    columns : tuple of (n,) float, or float
        A number stands for a constant column.
    turn : (q, q)
        Upper triangular: Z_new = Z turn, hence u = turn u_new and G = turn G_new turn'.
    """

    columns: tuple[Array | float, ...]
    turn: Array


def scaled_block(block: Block, name: str, n_units: float, n: int, root: Array | None) -> ScaledBlock:
    """Centre (beside a constant), scale and orthogonalise the columns of one block.

    A block with free covariance is the same model under any linear map of its columns,
    so this changes the road to the optimum and not the optimum.

    Parameters
    ----------
    block : Block
    name : str
        Of the grouping, for messages.
    n_units : float
        Groups that the cross-products are a mean over.
    n : int
        Rows.
    root : (n,) float, optional
        Square roots of the weights.
    """
    q = len(block.columns)
    constant = next((j for j, column in enumerate(block.columns) if column is None), None)
    moved, shift = [], np.zeros(q)
    for j, column in enumerate(block.columns):
        if column is None:
            moved.append(1.0 if root is None else root.copy())
            continue
        shift[j] = 0.0 if constant is None else float(np.mean(column))
        moved.append(column - shift[j])
        if root is not None:
            moved[j] *= root
    cross = np.array([[_dot(a, b, n) for b in moved] for a in moved]) / n_units
    size = np.sqrt(np.diag(cross))
    raw = np.abs(shift) * np.sqrt(n / n_units)
    flat = size <= 1e-10 * np.maximum(raw, np.finfo(float).tiny)
    if flat.any():
        raise FormulaError(
            f"the random effect of {block.names[int(np.argmax(flat))]!r} by {name} cannot be estimated: "
            "the column does not vary; leave it out of the brackets"
        )
    correlation = cross / np.outer(size, size)
    if not independent(correlation).all():
        raise FormulaError(
            f"the random effects {', '.join(block.names)} by {name} are combinations of each other; "
            "leave one of them out of the brackets"
        )
    turn = np.linalg.inv(np.linalg.cholesky(correlation).T) / size[:, None]
    # From the last column, whose new values need the old ones of those before it: no second copy is held.
    for j in reversed(range(q)):
        moved[j] *= turn[j, j]
        for i in range(j):
            # Beside a constant the columns are centred already, and what is left to take off is rounding.
            if abs(turn[i, j]) * size[i] > 1e-12:
                moved[j] += moved[i] * turn[i, j]
            else:
                turn[i, j] = 0.0
    if constant is not None:
        # Undo the centring in the map: (t - mean) = t - mean * 1.
        centring = np.eye(q)
        centring[constant] -= shift
        centring[constant, constant] = 1.0
        turn = centring @ turn
    return ScaledBlock(tuple(moved), turn)


def _dot(a: Array | float, b: Array | float, n: int) -> float:
    """Sum of products; a number stands for a constant column of n rows."""
    if isinstance(a, float):
        return a * (b * n if isinstance(b, float) else float(b.sum()))
    return float(a.sum()) * b if isinstance(b, float) else float(a @ b)
