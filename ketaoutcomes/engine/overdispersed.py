"""Log-linear rates with Poisson, quasi-Poisson and cluster-robust standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.count_design import checked_level
from ketaoutcomes.engine.log_linear import (
    checked_count_rows,
    cluster_robust,
    log_linear,
    poisson_log_likelihood,
)
from ketaoutcomes.engine.wald import t_limit

__all__ = ["QuasiPoissonFit", "quasi_poisson"]

Array = NDArray[np.float64]

CLUSTER_METHOD, DISPERSION_METHOD = "cluster-robust (CR2), t", "quasi-Poisson, t"


@dataclass(frozen=True)
class QuasiPoissonFit:
    """Log rate ratios, and how far counts scatter beyond Poisson's law.

    Parameters
    ----------
    params : (p,) float
        log rate = x'params. NaN for a dropped column, and all NaN where `code` says why.
    cov : (p, p) float
        The Poisson model's own covariance.
    dispersion : float
        Pearson's chi-squared over its degrees of freedom; NaN without any.
    quasi_cov : (p, p) float
        `dispersion` times `cov`.
    robust_cov : (p, p) float, optional
        CR2 sandwich of the clusters; NaN unless there are more clusters than columns.
    std_error, conf_low, conf_high : (p,) float
        From `robust_cov` where there are clusters, from `quasi_cov` otherwise.
    df : float
        Of t for the limits: clusters (or rows) less columns.
    rate, rate_low, rate_high : float
        Events per unit of exposure if the constant is the only column; NaN otherwise.
    log_likelihood : float
        Poisson's, with all constants.
    code : str
        "" if there are estimates; "NO_EVENTS" if all counts are 0; "SEPARATION" if a combination of columns
        tells rows without events from the others, so that a log rate has no finite estimate.
    method : str
        How the limits were made.
    level : float
    n, n_events : int
        Rows with an exposure, and their events.
    n_clusters : int, optional
    exposure : float
        Sum over the rows.
    dropped : (p,) bool
        Columns that are combinations of those before them.
    """

    params: Array
    cov: Array
    dispersion: float
    quasi_cov: Array
    robust_cov: Array | None
    std_error: Array
    conf_low: Array
    conf_high: Array
    df: float
    rate: float
    rate_low: float
    rate_high: float
    log_likelihood: float
    code: str
    method: str
    level: float
    n: int
    n_events: int
    n_clusters: int | None
    exposure: float
    dropped: NDArray[np.bool_]


def quasi_poisson(
    counts: ArrayLike,
    x: ArrayLike | None = None,
    *,
    exposure: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> QuasiPoissonFit:
    """Rates by Poisson's score equations, with standard errors that allow for overdispersion.

    Parameters
    ----------
    counts : (n,) array_like of int
        Events of each row, e.g. of each patient.
    x : (n, p) array_like of float, optional
        Columns, with the constant where one is meant; only the constant if left out.
    exposure : (n,) array_like of float, optional
        Amount at risk of each row, e.g. sessions; 1 if left out. Rows of 0 exposure are left out.
    clusters : (n,) array_like, optional
        Patient of each row; limits are then cluster-robust, with t on clusters less columns.
    level : float

    Returns
    -------
    QuasiPoissonFit

    Raises
    ------
    DataError
        If lengths differ, a count is not a whole number of 0 or more, an exposure is negative or
        missing, or there are events without exposure.
    ConvergenceError
        If the maximum is not reached.

    Source
    ------
    McCullagh and Nelder (1989), 6.2 and 9.2; sandwich: Kauermann and Carroll (2001), J. Am. Stat. Assoc. 96,
    1387. Checked: tests/reference/count_models.R.
    """
    rows = checked_count_rows(counts, x, exposure, clusters)
    level = checked_level(level)
    basis = rows.design.basis
    n, k = basis.shape
    own, mu, code = log_linear(rows)
    if code:
        own, mu = np.full(k, np.nan), np.full(n, np.nan)
    with np.errstate(invalid="ignore"):
        cov = rows.design.cov(
            np.linalg.inv((basis * mu[:, None]).T @ basis) if not code else np.full((k, k), np.nan)
        )
        dispersion = float((np.square(rows.counts - mu) / mu).sum()) / (n - k) if n > k else np.nan
    robust = None
    if rows.codes is not None:
        robust = np.full(cov.shape, np.nan) if code else cluster_robust(rows, rows.counts - mu, mu)
    n_units = n if robust is None else rows.n_clusters
    df = float(n_units - k) if n_units > k else np.nan
    params = rows.design.params(own)
    std_error = np.sqrt(np.diag(dispersion * cov if robust is None else robust))
    low, high = params - t_limit(df, level) * std_error, params + t_limit(df, level) * std_error
    rates = np.exp([params[0], low[0], high[0]]) if rows.design.is_intercept else np.full(3, np.nan)
    return QuasiPoissonFit(
        params=params,
        cov=cov,
        dispersion=dispersion,
        quasi_cov=dispersion * cov,
        robust_cov=robust,
        std_error=std_error,
        conf_low=low,
        conf_high=high,
        df=df,
        rate=float(rates[0]),
        rate_low=float(rates[1]),
        rate_high=float(rates[2]),
        log_likelihood=np.nan if code else poisson_log_likelihood(rows.counts, mu),
        code=code,
        method=DISPERSION_METHOD if robust is None else CLUSTER_METHOD,
        level=level,
        **rows.summary(),
    )
