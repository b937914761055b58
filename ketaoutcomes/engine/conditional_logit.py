"""Logistic regression within strata: the exact conditional likelihood, which needs no stratum's own level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.columns import independent_columns
from ketaoutcomes.errors import DataError

__all__ = ["ConditionalLogit", "conditional_logit"]

Array = NDArray[np.float64]

MOST_ITERATIONS = 60
MOST_HALVINGS = 30
STILL = 1e-9
# Separated when the log-likelihood gains less than this per stratum, while a predictor moves by more.
NO_GAIN, STILL_MOVING = 1e-7, 0.2
# Numbers held at once while strata of one size are summed over.
MOST_CELLS = 4_000_000


@dataclass(frozen=True)
class ConditionalLogit:
    """Coefficients of a conditional logistic regression.

    Parameters
    ----------
    params : (p,) float
        Log odds ratios within a stratum; 0 for a dropped column. No estimates where `separated`.
    cov : (p, p) float
        Inverse information; NaN for dropped columns, and everywhere if there is no fit.
    log_likelihood, null_log_likelihood : float
        Conditional, at `params` and at 0.
    converged, separated : bool
        Separated: some combination of columns orders events and others within all strata, so that there is
        no finite maximum.
    dropped : (p,) bool
        Columns that do not vary within any stratum used, or are there combinations of those before them.
    n_strata_used, n_strata_without_information : int
        Strata with both outcomes, and those without: all rows events or none, a single row among them.
    n, n_events : int
        Rows and events of the strata used.
    n_iterations : int
    """

    params: Array
    cov: Array
    log_likelihood: float
    null_log_likelihood: float
    converged: bool
    separated: bool
    dropped: NDArray[np.bool_]
    n_strata_used: int
    n_strata_without_information: int
    n: int
    n_events: int
    n_iterations: int

    @property
    def std_error(self) -> Array:
        """(p,) roots of the diagonal of `cov`."""
        return np.sqrt(np.diag(self.cov))


def conditional_logit(x: ArrayLike, y: ArrayLike, strata: ArrayLike) -> ConditionalLogit:
    """Maximise prod over strata of exp(sum of x'b over events) / sum over subsets of as many rows.

    The sums over subsets are built up row by row (Gail, Lubin and Rubinstein 1981), for all strata of a size
    at once: log B(k, i) = log (B(k, i - 1) + B(k - 1, i - 1) exp(x_i'b)), with the mean and the covariance of
    a drawn subset's sum of x carried along.

    Parameters
    ----------
    x : (n, p) array_like of float
        Without an intercept, which no stratum tells.
    y : (n,) array_like of 0 and 1
    strata : (n,) array_like
        Stratum, such as the patient, of each row.

    Returns
    -------
    ConditionalLogit

    Raises
    ------
    DataError
        If the shapes do not fit, a value is missing or infinite, or y is neither 0 nor 1.

    Source
    ------
    Gail, Lubin and Rubinstein (1981), Biometrika 68, 703. Checked: tests/reference/gee.R (survival::clogit,
    method "exact") and statsmodels.
    """
    x, y, codes = _checked(x, y, strata)
    n_all = int(codes.max(initial=-1)) + 1
    sizes, events = np.bincount(codes, minlength=n_all), np.bincount(codes, y, minlength=n_all).astype(int)
    informs = (events > 0) & (events < sizes)
    used = informs[codes]
    x, y, codes = x[used], y[used], np.cumsum(informs)[codes[used]] - 1
    n_used, p = int(informs.sum()), x.shape[1]
    if n_used:
        # The likelihood does not change, and no exponential grows large.
        counts = np.bincount(codes)[:, None]
        x = x - (_sums(x, codes, n_used) / counts)[codes]
    kept = independent_columns(x, x.T @ x) if n_used else np.zeros(p, bool)
    fit = _Fit(np.zeros(0), np.zeros((0, 0)), np.nan, np.nan, False, False, 0)
    if kept.any():
        fit = _maximised(x[:, kept], y, codes)
    params, cov = np.zeros(p), np.full((p, p), np.nan)
    params[kept] = fit.params
    if fit.converged:
        cov[np.ix_(kept, kept)] = np.linalg.inv(fit.information)
    return ConditionalLogit(
        params, cov, fit.value, fit.null_value, fit.converged, fit.separated, ~kept, n_used, n_all - n_used,
        len(y), int(y.sum()), fit.n_iterations,
    )  # fmt: skip


@dataclass(frozen=True)
class _Fit:
    params: Array
    information: Array
    value: float
    null_value: float
    converged: bool
    separated: bool
    n_iterations: int


@dataclass(frozen=True)
class _Batch:
    """Strata of one size: x (g, n, p), and of each stratum the number and the sum of x of its events."""

    x: Array
    n_events: NDArray[np.intp]
    sums: Array


def _maximised(x: Array, y: Array, codes: NDArray[np.intp]) -> _Fit:
    """Newton steps, halved while they do not rise."""
    p, n_strata = x.shape[1], int(codes.max()) + 1
    batches = list(_batches(x, y, codes))
    params, separated = np.zeros(p), False
    value, score, matrix = _evaluated(batches, params)
    null_value = value
    for iteration in range(1, MOST_ITERATIONS + 1):
        size = np.sqrt(np.diag(matrix))
        if not (size > 0).all():
            separated = True
            break
        try:
            step = np.linalg.solve(matrix / size[:, None] / size, score / size) / size
        except np.linalg.LinAlgError:
            separated = True
            break
        move = np.abs(x @ step).max(initial=0.0)
        if move < STILL:
            return _Fit(params + step, matrix, value, null_value, True, False, iteration)
        for _ in range(MOST_HALVINGS):
            found = _evaluated(batches, params + step)
            if found[0] >= value - 1e-12 * max(n_strata, abs(value)):
                break
            step = step / 2
        params = params + step
        gain, (value, score, matrix) = found[0] - value, found
        if gain < NO_GAIN * n_strata and move > STILL_MOVING:
            separated = True
            break
    return _Fit(params, matrix, value, null_value, False, separated, iteration)


def _batches(x: Array, y: Array, codes: NDArray[np.intp]) -> Iterator[_Batch]:
    """Strata by size and in pieces that fit into memory; outcomes turned where events are the majority."""
    n_strata, p = int(codes.max()) + 1, x.shape[1]
    sizes, n_events = np.bincount(codes), np.bincount(codes, y).astype(int)
    # y and 1 - y with -x have one likelihood; the fewer events, the fewer subsets to carry.
    turned = 2 * n_events > sizes
    sign = np.where(turned, -1.0, 1.0)[codes]
    is_event = np.where(turned[codes], 1.0 - y, y)
    fewer = np.where(turned, sizes - n_events, n_events)
    x = x * sign[:, None]
    sums = _sums(x * is_event[:, None], codes, n_strata)
    order = np.lexsort((codes, sizes[codes]))
    x, strata = x[order], np.lexsort((np.arange(n_strata), sizes))
    start = 0
    for size in np.unique(sizes):
        own = strata[sizes[strata] == size]
        block = x[start : start + size * own.size].reshape(own.size, size, p)
        start += size * own.size
        by_events = np.argsort(fewer[own], kind="stable")
        own, block = own[by_events], block[by_events]
        most = max(MOST_CELLS // (int(fewer[own].max() + 1) * (p * p + p + 1)), 1)
        for low in range(0, own.size, most):
            piece = slice(low, low + most)
            yield _Batch(block[piece], fewer[own[piece]], sums[own[piece]])


def _evaluated(batches: list[_Batch], params: Array) -> tuple[float, Array, Array]:
    """Log-likelihood, score and information of all strata."""
    p = params.size
    value, score, matrix = 0.0, np.zeros(p), np.zeros((p, p))
    for batch in batches:
        log_sum, mean, cov = _subsets(batch, params)
        value += float((batch.sums @ params - log_sum).sum())
        score += (batch.sums - mean).sum(axis=0)
        matrix += cov.sum(axis=0)
    return value, score, matrix


def _subsets(batch: _Batch, params: Array) -> tuple[Array, Array, Array]:
    """Of each stratum log B, (g,), and mean (g, p) and covariance (g, p, p) of a subset's sum of x.

    A subset of k rows has probability exp(sum of x'b) / B(k).
    """
    n_strata, size, p = batch.x.shape
    most = int(batch.n_events.max())
    predictor = batch.x @ params
    log_b = np.full((n_strata, most + 1), -np.inf)
    log_b[:, 0] = 0.0
    mean = np.zeros((n_strata, most + 1, p))
    cov = np.zeros((n_strata, most + 1, p, p))
    for row in range(size):
        last = min(row + 1, most)
        without, taken = log_b[:, 1 : last + 1], log_b[:, :last] + predictor[:, row, None]
        both = np.logaddexp(without, taken)
        share = np.exp(taken - both)[:, :, None]
        apart = mean[:, :last] + batch.x[:, row, None, :] - mean[:, 1 : last + 1]
        spread = (share * (1.0 - share))[..., None] * (apart[..., :, None] * apart[..., None, :])
        # The right-hand sides are read before any place is overwritten.
        cov[:, 1 : last + 1] = (
            (1.0 - share)[..., None] * cov[:, 1 : last + 1] + share[..., None] * cov[:, :last] + spread
        )
        mean[:, 1 : last + 1] += share * apart
        log_b[:, 1 : last + 1] = both
    place = np.arange(n_strata), batch.n_events
    return log_b[place], mean[place], cov[place]


def _sums(values: Array, codes: NDArray[np.intp], n_strata: int) -> Array:
    """Column sums by stratum, (n, p) -> (n_strata, p)."""
    return np.column_stack([np.bincount(codes, column, minlength=n_strata) for column in values.T])


def _checked(x, y, strata):
    x, y, names = np.asarray(x, float), np.asarray(y, float), np.asarray(strata)
    if x.ndim != 2 or not x.shape[1] or not y.shape == names.shape == (len(x),):
        raise DataError("x must be a matrix, and y and strata have one value per row of it")
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        raise DataError(f"a covariate is missing or infinite in {int((~finite).sum())} rows; leave them out")
    if not np.isin(y, (0.0, 1.0)).all():
        raise DataError("the outcome of a conditional logistic regression is 0 or 1")
    return x, y, np.unique(names, return_inverse=True)[1].reshape(-1)
