"""Rows of counts with an exposure, and the maximum of Poisson's likelihood with a log link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from ketaoutcomes.engine.clustered import cluster_codes, sandwich
from ketaoutcomes.engine.count_design import Design, checked_counts, design
from ketaoutcomes.errors import ConvergenceError, DataError, Problem

__all__ = [
    "NO_EVENTS",
    "SEPARATION",
    "CountRows",
    "checked_count_rows",
    "cluster_robust",
    "log_linear",
    "poisson_log_likelihood",
]

Array = NDArray[np.float64]

NO_EVENTS, SEPARATION = "NO_EVENTS", "SEPARATION"
MOST_ITERATIONS, MOST_HALVINGS = 100, 40
# Converged when no log rate moves by more than this in a Newton step.
STILL = 1e-8
# Separated when the log-likelihood gains less than this per row while a log rate moves by more than that.
NO_GAIN, STILL_MOVING = 1e-8, 0.2


@dataclass(frozen=True)
class CountRows:
    """Counts that have been checked, rows without exposure left out.

    Parameters
    ----------
    counts : (n,) float
    exposure : (n,) float
    design : Design
    codes : (n,) int, optional
        Cluster of each row.
    n_clusters : int, optional
    """

    counts: Array
    exposure: Array
    design: Design
    codes: NDArray[np.intp] | None
    n_clusters: int | None

    def summary(self) -> dict:
        """The fields that every fit of counts carries."""
        return {
            "n": len(self.counts),
            "n_events": round(self.counts.sum()),
            "n_clusters": self.n_clusters,
            "exposure": float(self.exposure.sum()),
            "dropped": self.design.dropped,
        }


def checked_count_rows(
    counts: ArrayLike, x: ArrayLike | None, exposure: ArrayLike | None, clusters: ArrayLike | None
) -> CountRows:
    """Arguments of a model of counts as arrays.

    Raises
    ------
    DataError
        If lengths differ, a count is not a whole number of 0 or more, an exposure is negative or missing,
        there are events without exposure, or no row has an exposure.
    """
    counts = checked_counts(counts, "counts")
    n = len(counts)
    exposure = np.ones(n) if exposure is None else np.asarray(exposure, float)
    if exposure.shape != (n,):
        raise DataError("exposure must be one amount per row of counts")
    bad = ~(np.isfinite(exposure) & (exposure >= 0))
    if bad.any():
        raise DataError(Problem("the exposure is negative or missing", n_rows=int(bad.sum())))
    used = exposure > 0
    if (counts[~used] > 0).any():
        n_bad = int((counts[~used] > 0).sum())
        raise DataError(Problem("there are events where the exposure is 0", n_rows=n_bad))
    if not used.any():
        raise DataError("no row has an exposure; there is nothing to divide events by")
    if clusters is not None and np.shape(clusters) != (n,):
        raise DataError("clusters must be one value per row of counts")
    if x is not None:
        x = np.asarray(x, float)
        if x.ndim != 2 or len(x) != n:
            raise DataError("x must be a matrix with one line per row of counts")
        x = x[used]
    codes = None if clusters is None else cluster_codes(np.asarray(clusters)[used], int(used.sum()))
    n_clusters = None if codes is None else int(codes.max()) + 1
    return CountRows(counts[used], exposure[used], design(x, int(used.sum())), codes, n_clusters)


def log_linear(rows: CountRows) -> tuple[Array, Array, str]:
    """Maximum of Poisson's likelihood by Newton steps, halved while they do not rise.

    Returns
    -------
    own : (k,) float
        Coefficients of the orthogonal columns.
    mu : (n,) float
        Expected counts.
    code : str
        "", "NO_EVENTS" or "SEPARATION"; with a code the numbers are no estimates.

    Raises
    ------
    ConvergenceError
        If the maximum is not reached.
    """
    y, basis, offset = rows.counts, rows.design.basis, np.log(rows.exposure)
    if not y.any():
        return np.full(basis.shape[1], np.nan), np.full(len(y), np.nan), NO_EVENTS
    # R's first guess: the counts themselves, a little above 0.
    root = np.sqrt(y + 0.1)
    own = np.linalg.lstsq(basis * root[:, None], (np.log(y + 0.1) - offset) * root, rcond=None)[0]
    mu = np.exp(offset + basis @ own)
    value = y @ np.log(mu) - mu.sum()
    for _ in range(MOST_ITERATIONS):
        try:
            step = np.linalg.solve((basis * mu[:, None]).T @ basis, basis.T @ (y - mu))
        except np.linalg.LinAlgError:
            return own, mu, SEPARATION
        furthest = float(np.abs(basis @ step).max())
        for _ in range(MOST_HALVINGS):
            predictor = offset + basis @ (own + step)
            with np.errstate(over="ignore"):
                new = y @ predictor - np.exp(predictor).sum()
            if new >= value - 1e-12 * abs(value):
                break
            step = step / 2
        own, mu = own + step, np.exp(predictor)
        if furthest < STILL:
            return own, mu, ""
        if new - value < NO_GAIN * len(y) and float(np.abs(basis @ step).max()) > STILL_MOVING:
            return own, mu, SEPARATION
        value = new
    raise ConvergenceError("the log-linear model of the counts did not converge; use fewer covariates")


def poisson_log_likelihood(counts: Array, mu: Array) -> float:
    """With all constants."""
    return float((counts * np.log(mu) - mu - gammaln(counts + 1)).sum())


def cluster_robust(rows: CountRows, score: Array, weight: Array) -> Array:
    """CR2 sandwich of the coefficients, (p, p); NaN unless there are more clusters than columns.

    Parameters
    ----------
    rows : CountRows
        With clusters.
    score : (n,) float
        Derivative of each row's log-likelihood by its log rate.
    weight : (n,) float
        Expected information of each row on its log rate.
    """
    basis = rows.design.basis
    k = basis.shape[1]
    if rows.n_clusters <= k:
        return rows.design.cov(np.full((k, k), np.nan))
    own = basis[:, :, None] * (basis * weight[:, None])[:, None, :]
    covariance = sandwich(
        basis * score[:, None], own.sum(axis=0), rows.codes, correction="CR2", own_information=own
    )
    return rows.design.cov(covariance)
