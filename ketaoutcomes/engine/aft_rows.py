"""Rows of an accelerated failure time model: checked, with their columns orthogonal, and where to start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.engine.aft_families import FAMILIES, IntervalTimes, RowTerms, interval_times
from ketaoutcomes.engine.clustered import cluster_codes
from ketaoutcomes.engine.support import checked_intervals
from ketaoutcomes.errors import DataError

__all__ = ["AftRows", "checked_rows", "first_guess", "orthogonal", "scores_and_hessian"]

Array = NDArray[np.float64]

DEPENDENT = 1e-7  # length of a column that the columns before it leave, of 1
SPREAD = {"weibull": 1.28, "loglogistic": 1.81, "lognormal": 1.0}  # standard deviation of W


@dataclass(frozen=True)
class AftRows:
    """Checked rows of a fit.

    Parameters
    ----------
    x : (n, p) float
    times : IntervalTimes
    weights : (n,) float
    codes : (n,) int or None
        Cluster of each row.
    """

    x: Array
    times: IntervalTimes
    weights: Array
    codes: NDArray[np.intp] | None

    @property
    def n_events(self) -> int:
        """Rows with a right end."""
        return int((~self.times.is_censored).sum())

    @property
    def n_clusters(self) -> int | None:
        """Different clusters."""
        return None if self.codes is None else int(self.codes.max()) + 1


def checked_rows(x, left, right, *, family: str, weights=None, clusters=None) -> AftRows:
    """Everything that is needed for a fit, or a DataError that says what is wrong."""
    if family not in FAMILIES:
        raise DataError(f"family must be one of {', '.join(FAMILIES)}; {family!r} is not known")
    x = np.asarray(x, float)
    shape = np.shape(left)
    if x.ndim != 2 or x.shape[:1] != shape or x.shape[1] == 0:
        raise DataError("x must have one row per interval and at least one column")
    if not np.isfinite(x).all():
        raise DataError("a column holds a missing or infinite value; leave such rows out")
    codes = None if clusters is None else cluster_codes(clusters, len(x))
    used = slice(None) if weights is None else np.asarray(weights, float) > 0
    left, right, weights = checked_intervals(left, right, weights)
    x, codes = x[used], None if codes is None else np.unique(codes[used], return_inverse=True)[1]
    n_zero = int((right == 0).sum())
    if n_zero:
        raise DataError(
            f"an event exactly at time 0 has no log time ({n_zero} rows); give (0, r] with the first time r "
            "at which the event was known"
        )
    events = np.isfinite(right)
    if not events.any():
        raise DataError("all rows are right-censored: the event was never seen, and its time has no estimate")
    if not (left > 0).any():
        raise DataError("no row has a left end above 0: the event may have come at once in all of them")
    ends = np.unique(np.concatenate([left[left > 0], right[events]]))
    if len(ends) < 2:
        raise DataError("the intervals have a single finite end in common; two are needed for a scale")
    return AftRows(x, interval_times(left, right), weights, codes)


def orthogonal(x: Array) -> tuple[Array, Array]:
    """Columns Q of size 1 each and the upper triangular R with x = Q R.

    Raises
    ------
    DataError
        If a column is a combination of those before it.
    """
    sizes = np.sqrt(np.square(x).mean(axis=0))
    if len(x) >= x.shape[1] and (sizes > 0).all():
        basis, root = np.linalg.qr(x / sizes)
        left = np.abs(np.diag(root)) / np.sqrt(len(x))
        if (left > DEPENDENT).all():
            return basis * np.sqrt(len(x)), root * (sizes / np.sqrt(len(x)))
        bad = int(np.argmin(left))
    else:
        bad = int(np.argmin(sizes)) if (sizes == 0).any() else len(x)
    raise DataError(f"column {bad + 1} of x is a combination of the others in these {len(x)} rows")


def scores_and_hessian(x: Array, terms: RowTerms, weights: Array) -> tuple[Array, Array]:
    """Each row's derivatives by the columns' parameters and tau, (n, p + 1), and the sum's Hessian."""
    scores = weights[:, None] * np.column_stack([terms.mu[:, None] * x, terms.tau])
    p = x.shape[1]
    hessian = np.empty((p + 1, p + 1))
    hessian[:p, :p] = x.T @ (x * (weights * terms.mu_mu)[:, None])
    hessian[:p, p] = hessian[p, :p] = x.T @ (weights * terms.mu_tau)
    hessian[p, p] = weights @ terms.tau_tau
    return scores, hessian


def first_guess(rows: AftRows, basis: Array, family: str) -> Array:
    """Least squares of the middles; a row without one stands a factor of 2 beyond the end it has."""
    times = rows.times
    guess = np.where(times.is_censored, times.low + np.log(2.0), times.high - np.log(2.0))
    guess = np.where(np.isfinite(times.middle), times.middle, guess)
    known = np.isfinite(guess)
    root = np.sqrt(rows.weights[known])
    beta, *_ = np.linalg.lstsq(basis[known] * root[:, None], guess[known] * root, rcond=None)
    left_over = guess[known] - basis[known] @ beta
    spread = np.sqrt(np.average(np.square(left_over), weights=rows.weights[known])) / SPREAD[family]
    return np.append(beta, np.log(np.clip(spread, 0.05, 20.0)))
