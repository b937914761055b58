"""Columns brought to a common scale, so that no optimum depends on a unit or an origin of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ketaoutcomes.engine.groups import Block
from ketaoutcomes.errors import FormulaError

__all__ = [
    "BLOCK_ROWS",
    "FixedScale",
    "ScaledBlock",
    "ScaledColumn",
    "independent",
    "independent_columns",
    "scaled_block",
    "scaled_in_place",
    "unmixed",
]

Array = NDArray[np.float64]
BLOCK_ROWS = 32768  # rows worked on at once, so that they stay in the cache
NEARLY_COLLINEAR = 0.03  # length of a column that the columns before it leave, of 1
DOUBTFUL = 1e-7  # share of a column's squared length that the columns before it leave
DEPENDENT_EXACT = 1e-14  # the same, below which it is a combination of them; lme4's 1e-7 squared


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

    Twice, because the first time the cross-products have few digits of what the columns before leave.

    Parameters
    ----------
    x : (n, p) float
        Independent columns; overwritten if they are nearly collinear.
    cross : (p, p)
        x'x.

    Returns
    -------
    (cross, mix) : (p, p), (p, p) or None

    Notes
    -----
    Source: CholeskyQR2, Yamamoto, Nakatsukasa, Yanagisawa, Fukaya 2015, ETNA 44: 306.
    """
    size = np.sqrt(np.diag(cross))
    if np.sqrt(_left(cross / np.outer(size, size))).min() > NEARLY_COLLINEAR:
        return cross, None
    whole = np.eye(len(cross))
    for _ in range(2):
        size = np.sqrt(np.diag(cross))
        # A pivot that rounding has made too small is put right the second time.
        upper = _upper_root(cross / np.outer(size, size))
        mix = solve_triangular(upper, np.eye(len(upper))) / size[:, None] * np.sqrt(len(x))
        for low in range(0, len(x), BLOCK_ROWS):
            x[low : low + BLOCK_ROWS] = x[low : low + BLOCK_ROWS] @ mix
        whole = whole @ mix
        cross = x.T @ x
    return cross, whole


def _upper_root(correlation: Array) -> Array:
    """Upper Cholesky factor; a pivot below rounding is taken as the smallest that columns are kept with."""
    p = len(correlation)
    left, upper = correlation.copy(), np.zeros((p, p))
    for j in range(p):
        pivot = np.sqrt(max(left[j, j], DEPENDENT_EXACT))
        upper[j, j:] = left[j, j:] / pivot
        upper[j, j] = pivot
        left -= np.outer(upper[j], upper[j])
    return upper


def _left(correlation: Array) -> Array:
    """Share of each column's squared length that the columns before it leave."""
    left, shares = correlation.copy(), np.empty(len(correlation))
    for j in range(len(left)):
        shares[j] = max(left[j, j], 0.0)
        if shares[j] > 0:
            left -= np.outer(left[:, j], left[j]) / shares[j]
    return shares


def independent_columns(x: Array, cross: Array) -> NDArray[np.bool_]:
    """Which columns of X are not combinations of those before them, (p,).

    The cross-products settle clear cases. Doubtful columns are projected row by row, which tells
    columns apart that agree in their first seven digits.

    Parameters
    ----------
    x : (n, p) float
    cross : (p, p)
        x'x.
    """
    keep = independent(cross, DOUBTFUL)
    for j in np.flatnonzero(~keep):
        if cross[j, j] <= 0:
            continue
        before = np.flatnonzero(keep[:j])
        rest = x[:, j].copy()
        if before.size:
            own = cross[np.ix_(before, before)]
            # The second projection takes off what rounding left of the first.
            for _ in range(2):
                rest -= x[:, before] @ np.linalg.lstsq(own, x[:, before].T @ rest, rcond=None)[0]
        keep[j] = rest @ rest > DEPENDENT_EXACT * cross[j, j]
    return keep


def independent(cross: Array, least: float = 1e-11) -> NDArray[np.bool_]:
    """Which columns keep a share of their squared length beside those before them, (p, p) -> (p,)."""
    left = cross.copy()
    p = len(left)
    before = np.diag(cross).copy()
    keep = np.zeros(p, bool)
    for j in range(p):
        if before[j] <= 0 or left[j, j] <= least * before[j]:
            continue
        keep[j] = True
        column = left[:, j] / left[j, j]
        left -= np.outer(column, left[j])
    return keep


@dataclass(frozen=True)
class ScaledColumn:
    """A column of random effects in scaled units, made when it is asked for: no copy of it is held.

    Parameters
    ----------
    raw : tuple of (n,) float or None
        The block's columns; None is the constant 1.
    shift, factor : tuple of float
        The values are the sum of factor * (raw - shift), times the root of the weight.
    root : (n,) float or None
    """

    raw: tuple[Array | None, ...]
    shift: tuple[float, ...]
    factor: tuple[float, ...]
    root: Array | None

    def values(self, rows: slice = slice(None)) -> Array:
        """Some rows, all by default."""
        total: Array | float = 0.0
        constant = 0.0
        for raw, shift, factor in zip(self.raw, self.shift, self.factor, strict=True):
            if factor == 0.0:
                continue
            if raw is None:
                constant += factor
                continue
            part = raw[rows] - shift
            part *= factor
            total = part if isinstance(total, float) else np.add(total, part, out=total)
        if constant:
            total = total + constant
        if self.root is not None:
            total = total * self.root[rows]
        return np.asarray(total)


@dataclass(frozen=True)
class ScaledBlock:
    """One block's columns, turned so that their mean cross-product over the groups is the identity.

    Parameters
    ----------
    columns : tuple of ScaledColumn or float
        A number stands for a constant column.
    turn : (q, q)
        Z_new = Z turn, hence u = turn u_new and G = turn G_new turn'.
    """

    columns: tuple[ScaledColumn | float, ...]
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
    centred = constant is not None
    shift = np.array([0.0 if c is None or not centred else float(np.mean(c)) for c in block.columns])
    cross = _cross(block.columns, shift, n, root) / n_units
    size = np.sqrt(np.diag(cross))
    flat = size <= 1e-10 * np.maximum(np.abs(shift) * np.sqrt(n / n_units), np.finfo(float).tiny)
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
    # Beside a constant the columns are centred already; what is left to take off is rounding.
    turn[np.abs(turn) * size[:, None] < 1e-12] = 0.0
    columns = []
    for j in range(q):
        if root is None and block.columns[j] is None and np.count_nonzero(turn[:, j]) == 1:
            columns.append(float(turn[j, j]))
            continue
        columns.append(ScaledColumn(block.columns, tuple(shift), tuple(turn[:, j]), root))
    if centred:
        # Undo the centring in the map: (t - mean) = t - mean * 1.
        centring = np.eye(q)
        centring[constant] -= shift
        centring[constant, constant] = 1.0
        turn = centring @ turn
    return ScaledBlock(tuple(columns), turn)


def _cross(columns: tuple[Array | None, ...], shift: Array, n: int, root: Array | None) -> Array:
    """Cross-products of the shifted columns, block of rows by block of rows."""
    total = np.zeros((len(columns), len(columns)))
    for low in range(0, n, BLOCK_ROWS):
        rows = slice(low, min(low + BLOCK_ROWS, n))
        held = np.empty((len(columns), rows.stop - low))
        for j, column in enumerate(columns):
            held[j] = 1.0 if column is None else column[rows] - shift[j]
        if root is not None:
            held *= root[rows]
        total += held @ held.T
    return total
