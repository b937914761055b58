"""Mean scores by time, as observed and weighted against the intensity of assessments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.engine.bootstrap import patient_weights
from ketaoutcomes.engine.clusters import numbered_clusters
from ketaoutcomes.engine.cox import CoxFit, refitted
from ketaoutcomes.engine.wald import t_limit
from ketaoutcomes.engine.weighted_gee import effective_size, truncated, weighted_gee
from ketaoutcomes.errors import KetaError

__all__ = ["Course", "Rows", "course_tables", "mixed_course", "observed_course"]

MOST_FAILURES = 0.05
SMALLEST_SIZE = 10
# Weights are pulled in to these quantiles at both ends.
TRUNCATED = 0.01
# A largest weight of so many times the mean says that the weights rest on a few assessments.
LARGEST_WEIGHT = 10.0


@dataclass(frozen=True)
class Rows:
    """Assessments of one group.

    Attributes
    ----------
    x : (n, p) float array
        What was on record just before each, as in the intensity model.
    score : (n,) float array
    period : (n,) int array
        0 to k - 1; all periods have an assessment.
    patient : (n,) int array
        0 to m - 1, the patients of the intensity model.
    edges : (k, 2) float array
        From and to, in weeks since session 1.
    """

    x: np.ndarray
    score: np.ndarray
    period: np.ndarray
    patient: np.ndarray
    edges: np.ndarray


@dataclass(frozen=True)
class Course:
    """Means by period, what the weights change, and how the weights are spread."""

    course: pd.DataFrame
    differences: pd.DataFrame
    weights: pd.DataFrame
    notes: tuple[str, ...]


def observed_course(rows: Rows, level: float, *, method: str = "unweighted") -> pd.DataFrame:
    """Means of the scores as they are, with limits robust by patient."""
    return _course(rows, method, *_means(rows, None, level))


def course_tables(
    rows: Rows,
    fit: CoxFit,
    x_fitted: np.ndarray,
    owner: np.ndarray,
    *,
    level: float,
    n_replicates: int,
    seed: int,
) -> Course:
    """Unweighted and weighted means by period.

    Parameters
    ----------
    fit : CoxFit
        The intensity model.
    x_fitted : (k, p) array
        Its rows.
    owner : (k,) int array
        Patient of each, 0 to m - 1.
    """
    weight, n_outside = _weights(rows.x, fit.params)
    largest = float(_raw(rows.x, fit.params).max())
    size = effective_size(weight)
    low, high, difference_limits, notes = None, None, None, []
    if size < SMALLEST_SIZE:
        notes.append(
            f"The weights leave an effective {size:.1f} of {len(weight)} assessments: no limits are given "
            "for the weighted means."
        )
        low = high = np.full(len(rows.edges), np.nan)
        difference_limits = low, high
    elif n_replicates:
        drawn = _replicates(rows, fit, x_fitted, owner, n_replicates, seed)
        failed = np.isnan(drawn[0]).all(axis=1)
        if failed.mean() > MOST_FAILURES:
            notes.append(f"{int(failed.sum())} of {n_replicates} bootstrap fits failed: no limits are given.")
            low = high = np.full(len(rows.edges), np.nan)
            difference_limits = low, high
        else:
            tail = (1 - level) / 2
            low, high = (_quantile(drawn[0], share) for share in (tail, 1 - tail))
            difference_limits = tuple(_quantile(drawn[0] - drawn[1], share) for share in (tail, 1 - tail))
    means, own_low, own_high = _means(rows, weight, level)
    if low is None:
        low, high = own_low, own_high
    plain = observed_course(rows, level)
    weighted = _course(rows, "weighted", means, low, high)
    nothing = np.full(len(means), np.nan)
    limits = (nothing, nothing) if difference_limits is None else difference_limits
    differences = plain[["time", "week_from", "week_to"]].assign(
        estimate=means - plain["estimate"], conf_low=limits[0], conf_high=limits[1]
    )
    if largest > LARGEST_WEIGHT:
        notes.append(
            f"The largest weight was {largest:.0f} times the mean before it was pulled in: some patients "
            "were hardly ever assessed after such scores, and the weighted mean rests on few of them."
        )
    spread = {"n": len(weight), "minimum": weight.min(), "maximum": weight.max(), "largest_raw": largest}
    spread |= {"effective_n": size, "n_truncated": n_outside}
    return Course(
        pd.concat([plain, weighted], ignore_index=True),
        differences,
        pd.DataFrame({name: [value] for name, value in spread.items()}),
        tuple(notes),
    )


def mixed_course(rows: Rows, level: float) -> pd.DataFrame | None:
    """Means by period of a linear mixed model with an intercept of each patient; None if it has no fit."""
    if len(rows.edges) < 2:
        return None
    names = pd.Categorical.from_codes(rows.period, [f"p{number:03d}" for number in range(len(rows.edges))])
    data = pd.DataFrame({"score": rows.score, "period": names, "patient_id": rows.patient.astype(str)})
    try:
        fit = lmm("score ~ 0 + period + (1 | patient_id)", data)
    except KetaError:
        return None
    table = fit.table
    reach = t_limit(table["df"].to_numpy(float), level) * table["std_error"].to_numpy(float)
    means = table["estimate"].to_numpy(float)
    return _course(rows, "mixed model", means, means - reach, means + reach)


def _raw(x: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Inverse relative intensities with mean 1."""
    predictor = x @ np.nan_to_num(params)
    weight = np.exp(-(predictor - predictor.min()))
    return weight / weight.mean()


def _weights(x: np.ndarray, params: np.ndarray) -> tuple[np.ndarray, int]:
    weight, n_outside = truncated(_raw(x, params), TRUNCATED)
    return weight / weight.mean(), n_outside


def _means(rows: Rows, weight: np.ndarray | None, level: float):
    """Mean per period with limits by t, robust by patient; the weights are taken as known."""
    k = len(rows.edges)
    fit = weighted_gee(np.eye(k)[rows.period], rows.score, rows.patient, weights=weight)
    # Each mean is of the patients of its own period alone.
    df = np.maximum(_n_patients(rows) - 1, 1)
    reach = np.where(_n_patients(rows) > 1, t_limit(df, level) * np.sqrt(np.diag(fit.cov)), np.nan)
    return fit.params, fit.params - reach, fit.params + reach


def _replicates(rows: Rows, fit: CoxFit, x_fitted, owner, n_replicates: int, seed: int):
    """Weighted and unweighted means of each bootstrap sample of patients, with both steps made anew."""
    k = len(rows.edges)
    number_of = _numbered(x_fitted, owner)
    m = int(number_of.max()) + 1
    weighted, plain = np.full((n_replicates, k), np.nan), np.full((n_replicates, k), np.nan)
    for number in range(n_replicates):
        drawn = patient_weights(m, 1, seed, first=number)[0].astype(float)[number_of]
        params = refitted(fit, x_fitted, drawn[owner])
        times = drawn[rows.patient]
        if np.isnan(params[~fit.aliased]).any():
            continue
        weight = np.zeros(len(times))
        used = times > 0
        weight[used] = times[used] * _weights(rows.x[used], params)[0]
        weighted[number] = _by_period(rows, weight)
        plain[number] = _by_period(rows, times)
    return weighted, plain


def _numbered(x: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """A number of each patient that depends on what is on record and not on names; (m,) int."""
    order = np.lexsort(x.T)
    changes = np.any(x[order][1:] != x[order][:-1], axis=1)
    content = np.empty(len(x), np.int64)
    content[order] = np.concatenate([[0], np.cumsum(changes)])
    number_of = np.empty(int(owner.max()) + 1, np.int64)
    number_of[owner] = numbered_clusters(content, owner)
    return number_of


def _by_period(rows: Rows, weight: np.ndarray) -> np.ndarray:
    k = len(rows.edges)
    total = np.bincount(rows.period, weight, k)
    sums = np.bincount(rows.period, weight * rows.score, k)
    return np.divide(sums, total, out=np.full(k, np.nan), where=total > 0)


def _quantile(values: np.ndarray, share: float) -> np.ndarray:
    """Quantiles over the replicates that have a value; missing where too many have none."""
    lost = np.isnan(values).mean(axis=0)
    answer = np.full(values.shape[1], np.nan)
    usable = lost <= MOST_FAILURES
    answer[usable] = np.nanquantile(values[:, usable], share, axis=0)
    return answer


def _course(rows: Rows, method: str, means, low, high) -> pd.DataFrame:
    k = len(rows.edges)
    return pd.DataFrame(
        {
            "method": pd.array([method] * k, dtype="str"),
            "time": rows.edges.mean(axis=1),
            "week_from": rows.edges[:, 0],
            "week_to": rows.edges[:, 1],
            "estimate": means,
            "conf_low": low,
            "conf_high": high,
            "n": np.bincount(rows.period, minlength=k),
            "n_patients": _n_patients(rows),
        }
    )


def _n_patients(rows: Rows) -> np.ndarray:
    """Patients with an assessment in each period."""
    pairs = np.unique(np.column_stack([rows.period, rows.patient]), axis=0)[:, 0]
    return np.bincount(pairs, minlength=len(rows.edges))
