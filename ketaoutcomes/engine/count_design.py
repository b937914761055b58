"""Columns, counts and levels as the models of counts take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

from ketaoutcomes.engine.columns import independent_columns
from ketaoutcomes.errors import DataError, Problem

__all__ = ["Design", "checked_counts", "checked_level", "design"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Columns of a model, made orthogonal so that steps of all coefficients have a like size.

    Parameters
    ----------
    basis : (n, k) float
        Orthogonal columns with a mean square of 1.
    back : (k, k) float
        Coefficients of the columns that are kept = back @ coefficients of the basis.
    dropped : (p,) bool
        Columns that are combinations of those before them.
    is_intercept : bool
        Whether the only column is the constant 1.
    """

    basis: Array
    back: Array
    dropped: NDArray[np.bool_]
    is_intercept: bool

    def params(self, own: Array) -> Array:
        """Coefficients of all columns, NaN for dropped ones; (k,) -> (p,)."""
        whole = np.full(self.dropped.size, np.nan)
        whole[~self.dropped] = self.back @ own
        return whole

    def cov(self, own: Array) -> Array:
        """Their covariance, NaN for dropped ones; further parameters at the end stay as they are.

        (k + q, k + q) -> (p + q, p + q).
        """
        k = len(self.back)
        turned = own.copy()
        # Block by block, so that an unknown covariance of a further parameter stays where it is.
        turned[:k] = self.back @ turned[:k]
        turned[:, :k] = turned[:, :k] @ self.back.T
        kept = np.append(~self.dropped, np.ones(len(own) - k, bool))
        whole = np.full((kept.size, kept.size), np.nan)
        whole[np.ix_(kept, kept)] = turned
        return whole


def design(x: ArrayLike | None, n: int) -> Design:
    """The columns `x` of `n` rows; a constant if there are none.

    Raises
    ------
    DataError
        If there is not one line per row, a value is missing or infinite, or every column is 0.
    """
    x = np.ones((n, 1)) if x is None else np.asarray(x, float)
    if x.ndim != 2 or len(x) != n:
        raise DataError("x must be a matrix with one line per row of counts")
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        n_bad = int((~finite).sum())
        raise DataError(f"a covariate is missing or infinite in {n_bad} rows; leave them out or fill them")
    size = np.abs(x).max(axis=0, initial=0.0)
    scaled = x / np.where(size > 0, size, 1.0)
    kept = independent_columns(scaled, scaled.T @ scaled)
    if not kept.any():
        raise DataError("x has no column that is not 0")
    q, r = np.linalg.qr(scaled[:, kept])
    back = solve_triangular(r, np.eye(len(r))) * np.sqrt(n) / size[kept][:, None]
    return Design(q * np.sqrt(n), back, ~kept, x.shape[1] == 1 and bool((x == 1.0).all()))


def checked_counts(counts: ArrayLike, name: str) -> Array:
    """Whole numbers of 0 or more, (n,).

    Raises
    ------
    DataError
        If there are none, or one is missing, negative or a fraction.
    """
    counts = np.asarray(counts, float)
    if counts.ndim != 1 or counts.size == 0:
        raise DataError(f"{name} must be a list of one count or more")
    bad = ~(np.isfinite(counts) & (counts >= 0) & (counts == np.rint(counts)))
    if bad.any():
        raise DataError(Problem(f"{name} must be whole numbers of 0 or more", n_rows=int(bad.sum())))
    return counts


def checked_level(level: float) -> float:
    """A level between 0 and 1.

    Raises
    ------
    DataError
        If it is not.
    """
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level!r}; 0.95 is usual")
    return level
