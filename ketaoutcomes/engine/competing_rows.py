"""Rows of competing causes as unions of ranges of columns, with what is exactly known taken together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.support import checked_intervals, innermost_intervals
from ketaoutcomes.engine.unions import Unions
from ketaoutcomes.errors import DataError, Problem

__all__ = ["CauseRows", "Layout", "checked_causes", "lay_out"]


@dataclass(frozen=True)
class CauseRows:
    """Checked rows: ends of intervals, causes (-1 is none), weights; (n,) each."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    cause: NDArray[np.int64]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Columns of all causes side by side, and the rows' ranges in groups of columns.

    Neighbouring points of a cause that no other row tells apart form a group: the likelihood shares
    the group's mass among them in proportion to their weights, so only the group's mass is unknown.

    Parameters
    ----------
    cause : (m,) int
        Cause of each column; -1 for the last one, beyond all times known.
    left, right : (m,) float
    left_closed : (m,) bool
    group : (m,) int
        Group of each column, rising.
    n_groups : int
    first, stop : (u, r) int
        Distinct unions of ranges of groups.
    row : (n,) int
        Union of each row.
    point : (n,) int
        Column of a row that is one point of a group; -1 otherwise.
    """

    cause: NDArray[np.int64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    left_closed: NDArray[np.bool_]
    group: NDArray[np.int64]
    n_groups: int
    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    row: NDArray[np.int64]
    point: NDArray[np.int64]

    def unions(self, weights: NDArray[np.float64]) -> Unions:
        """The distinct unions with the rows' weights added up; those without weight are left out."""
        total = np.bincount(self.row, weights, len(self.first))
        used = total > 0
        return Unions(self.first[used], self.stop[used], total[used], self.n_groups)

    def spread(self, mass: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Masses of the columns, (B, m), from those of the groups, (B, g), and the rows' weights, (B, n)."""
        exact = self.point >= 0
        m = self.cause.size
        flat = np.arange(len(weights))[:, None] * m + self.point[exact]
        own = np.bincount(flat.ravel(), weights[:, exact].ravel(), len(weights) * m).reshape(-1, m)
        starts = np.flatnonzero(np.diff(self.group, prepend=-1))
        size = np.diff(np.append(starts, m))
        total = np.add.reduceat(own, starts, axis=1)
        # A group that no drawn row points at: its mass, if any, may be anywhere in it.
        share = np.where(
            total[:, self.group] > 0,
            own / np.where(total > 0, total, 1.0)[:, self.group],
            1.0 / size[self.group],
        )
        return mass[:, self.group] * share

    def within(self, weights: NDArray[np.float64]) -> float:
        """Log-likelihood of the points within their groups."""
        exact = self.point >= 0
        own = np.bincount(self.point[exact], weights[exact], self.cause.size)
        total = np.bincount(self.group, own, self.n_groups)
        some = own > 0
        return float(own[some] @ np.log(own[some] / total[self.group[some]]))


def checked_causes(left, right, cause, n_causes, weights) -> CauseRows:
    """The rows as arrays, or every problem with them at once."""
    cause = np.asarray(cause)
    left, right = np.asarray(left, float), np.asarray(right, float)
    if cause.shape != left.shape or left.shape != right.shape:
        raise DataError("left, right and cause must be three lists of the same length")
    if not np.isin(cause, np.arange(-1, n_causes)).all():
        wrong = int((~np.isin(cause, np.arange(-1, n_causes))).sum())
        raise DataError(Problem(f"causes are none of -1 to {n_causes - 1}", column="cause", n_rows=wrong))
    cause = cause.astype(np.int64)
    right = np.where(cause < 0, np.inf, right)
    unknown = (cause >= 0) & ~np.isfinite(right)
    if unknown.any():
        raise DataError(
            Problem(
                "an event has no last possible time; give it, or the cause -1 for no event",
                column="right",
                n_rows=int(unknown.sum()),
            )
        )
    given = np.ones(left.shape) if weights is None else np.asarray(weights, float)
    left, right, kept = checked_intervals(left, right, given)
    used = given > 0
    return CauseRows(left, right, cause[used], kept)


def lay_out(rows: CauseRows, n_causes: int) -> Layout:
    """Columns, groups and unions of the rows."""
    n = rows.left.size
    parts = [_block(rows, cause) for cause in range(n_causes)]
    sizes = [part[0].size for part in parts]
    beyond = bool((rows.cause < 0).any())
    m = sum(sizes) + beyond
    offset = np.concatenate(([0], np.cumsum(sizes)))
    first, stop = np.zeros((n, n_causes), np.int64), np.zeros((n, n_causes), np.int64)
    for cause, (_, _, _, member, a, b) in enumerate(parts):
        first[member, cause] = a + offset[cause]
        stop[member, cause] = b + offset[cause]
    if beyond:
        # Nobody's rows tell by which cause an event beyond all times known will be: one column for it.
        none = rows.cause < 0
        stop[none, -1] = m
    tail = (np.full(int(beyond), -1), np.full(int(beyond), np.nan), np.full(int(beyond), np.inf))
    cause = np.concatenate([np.repeat(np.arange(n_causes), sizes), tail[0]]).astype(np.int64)
    left = np.concatenate([*(part[0] for part in parts), tail[1]])
    right = np.concatenate([*(part[1] for part in parts), tail[2]])
    closed = np.concatenate([*(part[2] for part in parts), np.zeros(int(beyond), bool)]).astype(bool)
    group, point = _groups(first, stop, closed, cause)
    n_groups = int(group[-1]) + 1
    ends = np.append(group, n_groups)
    grouped_first, grouped_stop = ends[first], ends[np.maximum(stop, 1) - 1] + 1
    empty = first >= stop
    grouped_first[empty] = grouped_stop[empty] = 0
    pairs, row = np.unique(np.column_stack([grouped_first, grouped_stop]), axis=0, return_inverse=True)
    return Layout(
        cause, left, right, closed, group, n_groups,
        pairs[:, :n_causes], pairs[:, n_causes:], row.reshape(-1), point,
    )  # fmt: skip


def _block(rows: CauseRows, cause: int):
    """Finite innermost intervals of one cause; the rows that may have it, with their range of these."""
    may = (rows.cause == cause) | (rows.cause < 0)
    member = np.flatnonzero(may)
    if not (np.isfinite(rows.right[member])).any():
        nothing = np.empty(0)
        zero = np.zeros(member.size, np.int64)
        return nothing, nothing, np.empty(0, bool), member, zero, zero
    left, right = rows.left[member], rows.right[member]
    support = innermost_intervals(left, right)
    finite = np.isfinite(support.right)
    size = int(finite.sum())
    a, b = np.minimum(support.first, size), np.minimum(support.stop, size)
    return support.left[finite], support.right[finite], support.left_closed[finite], member, a, b


def _groups(first, stop, closed, cause):
    """Group of each column, and the column of each row that is a single point of a cause."""
    m = cause.size
    single = ((stop - first).clip(min=0).sum(axis=1) == 1) & ((stop > first).sum(axis=1) == 1)
    place = np.where(stop > first, first, -1).max(axis=1)
    point = np.where(single & closed[np.maximum(place, 0)], place, -1)
    others = point < 0
    boundary = np.zeros(m + 1, bool)
    real = (stop > first) & others[:, None]
    boundary[first[real]] = True
    boundary[stop[real]] = True
    boundary[1:m] |= (cause[1:] != cause[:-1]) | ~closed[1:] | ~closed[:-1]
    boundary[0] = True
    return np.cumsum(boundary[:m]) - 1, point
