"""Indirect standardisation: the events that each case would be expected to have anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ketaoutcomes.engine.log_linear import checked_count_rows, log_linear
from ketaoutcomes.engine.logistic import logistic, probability
from ketaoutcomes.errors import ConvergenceError, DataError

__all__ = ["Expected", "chances_by", "expected_events"]

Array = NDArray[np.float64]
UNUSABLE = (
    "the model of the expected events has no finite maximum (some combination of covariates tells the "
    "outcome without fail); use fewer covariates, or merge rare levels"
)


@dataclass(frozen=True)
class Expected:
    """What a model of all cases expects of each.

    Parameters
    ----------
    expected : (n,) float
        Probability of the event, or expected count. Over all cases they add up to the events.
    family : {"logistic", "Poisson"}
    dispersion : float
        Pearson's chi-square over its degrees of freedom: with counts, above 1 where single cases differ
        by more than Poisson's distribution allows.
    df : int
        Cases less columns.
    params : (p,) float
        Coefficients, for other cases; 0 or NaN for columns that are combinations of others.
    """

    expected: Array
    family: str
    dispersion: float
    df: int
    params: Array


def expected_events(x: ArrayLike, y: ArrayLike) -> Expected:
    """Expected events of each case, from a model of all: logistic for 0 and 1, Poisson's for counts.

    Parameters
    ----------
    x : (n, p) array_like of float
        Covariates with a column of ones.
    y : (n,) array_like of float
        Events of each case: whole numbers of 0 or more.

    Raises
    ------
    DataError
        If no case, or every case, has the event.
    ConvergenceError
        If the likelihood has no finite maximum.

    Source
    ------
    Indirect standardisation: Breslow and Day (1987), IARC Sci. Publ. 82, ch. 2. Checked:
    tests/analysis/test_funnel.py (R's glm).
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if np.isin(y, (0.0, 1.0)).all():
        return _binary(x, y)
    rows = checked_count_rows(y, x, None, None)
    own, mu, code = log_linear(rows)
    if code:
        raise ConvergenceError(UNUSABLE)
    df = len(y) - rows.design.basis.shape[1]
    return Expected(mu, "Poisson", _pearson(y, mu, mu, df), df, rows.design.params(own))


def chances_by(model: Expected, x: ArrayLike) -> Array:
    """Probability of the event of other cases by a logistic model, (m,).

    Parameters
    ----------
    model : Expected
        Of the family "logistic".
    x : (m, p) array_like of float
        The same columns as the model's.
    """
    return expit(np.asarray(x, float) @ model.params)


def _binary(x: Array, y: Array) -> Expected:
    if y.all() or not y.any():
        what = "no case" if not y.any() else "every case"
        raise DataError(f"{what} has the event, so a model cannot tell how it goes with the covariates")
    fit = logistic(x, y.astype(bool))
    if fit.separated or not fit.converged:
        raise ConvergenceError(UNUSABLE)
    chance = probability(fit, x)
    df = len(y) - int((~fit.dropped).sum())
    return Expected(chance, "logistic", _pearson(y, chance, chance * (1.0 - chance), df), df, fit.params)


def _pearson(y: Array, mean: Array, variance: Array, df: int) -> float:
    return float(np.sum((y - mean) ** 2 / variance) / df) if df > 0 else np.nan
