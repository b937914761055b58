"""Curve of loss of response weighted against sessions that end episodes early."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.engine.bootstrap import patient_weights
from ketaoutcomes.engine.censoring_weights import (
    FEWEST_EFFECTIVE,
    CensoringWeights,
    PersonPeriods,
    censoring_weights,
    replicate_weights,
)
from ketaoutcomes.engine.clusters import numbered_clusters
from ketaoutcomes.engine.delayed import DelayedNpmle, delayed_npmle
from ketaoutcomes.engine.delayed_bootstrap import (
    DelayedRows,
    SurvivalBand,
    survival_band,
    with_end_of_fall,
)
from ketaoutcomes.engine.delayed_replicates import SurvivalReplicates
from ketaoutcomes.engine.delayed_support import checked_delayed
from ketaoutcomes.errors import DataError

__all__ = ["AssessmentRows", "WeightedDurability", "assessment_rows", "weighted_durability"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

# Numbers in the arrays of one block of replicates: small enough to stay in the processor's cache.
BLOCK_SIZE = 200_000


@dataclass(frozen=True)
class AssessmentRows:
    """Episodes cut at their assessments: one row from each assessment to the next.

    Parameters
    ----------
    episode : (n,) int
        Code of the person-periods' episode, in the order of its names.
    entry, left, right : (n,) float
        Still responding at `left` (right = inf), or lost in (left, right].
    """

    episode: Index
    entry: Array
    left: Array
    right: Array


@dataclass(frozen=True)
class WeightedDurability:
    """The curve had no session come, given that all shared causes are in the history.

    Parameters
    ----------
    curve, unweighted : DelayedNpmle
        With the weights, and of the same rows without.
    weights : CensoringWeights
        Look at `weights.usable`: otherwise `curve` is not an estimate.
    row_weight : (n,) float
        Weight of each row of assessments.
    band : SurvivalBand or None
        None where the weights are not usable; NaN at times from where fewer than 10
        episodes' worth of weight is left.
    """

    curve: DelayedNpmle
    unweighted: DelayedNpmle
    weights: CensoringWeights
    row_weight: Array
    band: SurvivalBand | None


def assessment_rows(
    episode: ArrayLike,
    time: ArrayLike,
    *,
    lost: ArrayLike,
    entry: ArrayLike,
    resolution: float | None = None,
) -> AssessmentRows:
    """Rows between assessments, up to the first at which response is lost.

    Parameters
    ----------
    episode : (n,) array_like of int
        Episode of each assessment.
    time : (n,) array_like of float
        On the episode's clock, after its entry.
    lost : (n,) array_like of bool
        Whether response was lost at the assessment.
    entry : (n,) array_like of float
        Time at which the assessment's episode was first seen responding; the same for all
        assessments of an episode.
    resolution : float, optional
        Times are rounded to multiples of this, which keeps the number of distinct times, and with it the time
        to compute, small: the weights change at every time at which anyone is assessed.

    Returns
    -------
    AssessmentRows

    Raises
    ------
    DataError
        If shapes differ, a time is missing, or an assessment is not after its entry.
    """
    episode, time, entry = np.asarray(episode, np.int64), np.asarray(time, float), np.asarray(entry, float)
    lost = np.asarray(lost, bool)
    if not (episode.shape == time.shape == lost.shape == entry.shape) or episode.ndim != 1:
        raise DataError("assessments: episode, time, lost and entry must be lists of the same length")
    early = ~(time > entry)
    if early.any():
        raise DataError(f"assessments: {int(early.sum())} have no time or come before their episode's entry")
    order = np.lexsort((time, episode))
    episode, time, lost, entry = episode[order], time[order], lost[order], entry[order]
    opens = np.concatenate(([True], episode[1:] != episode[:-1]))[: len(episode)]
    before = np.where(opens, entry, np.concatenate(([0.0], time[:-1]))[: len(time)])
    # What comes after the first loss is no longer durability.
    n_lost = np.cumsum(lost) - lost
    start = np.repeat(n_lost[opens], np.diff(np.append(np.flatnonzero(opens), len(episode))))
    seen = n_lost == start
    episode, time, lost, before = episode[seen], time[seen], lost[seen], before[seen]
    if resolution is not None:
        before, time = np.round(before / resolution) * resolution, np.round(time / resolution) * resolution
        time = np.where(lost & (time <= before), before + resolution, time)
    left, right = np.where(lost, before, time), np.where(lost, time, np.inf)
    return AssessmentRows(episode, before, left, right)


def weighted_durability(
    rows: AssessmentRows,
    periods: PersonPeriods,
    times: ArrayLike,
    *,
    bin_width: float,
    patient: ArrayLike | None = None,
    assessed: str = "before",
    given: float | None = None,
    truncate: tuple[float, float] = (1.0, 99.0),
    n_replicates: int = 200,
    seed: int = 20260101,
    level: float = 0.95,
) -> WeightedDurability:
    """Weighted curve of loss of response with a band of patients resampled, all models refitted.

    Parameters
    ----------
    rows : AssessmentRows
    periods : PersonPeriods
        Bin k is the time [k, k + 1) times `bin_width`. A row whose episode has no
        person-period before its end has weight 1.
    times : (t,) array_like of float
        Where to give limits.
    bin_width : float
        In the unit of the times.
    patient : (n,) array_like, optional
        Name of each row's patient, as in `periods`; needed where episodes have no person-period,
        because they were over before anyone had a session. Their `rows.episode` is -1 and they weigh 1.
    assessed : {"before", "after"}
        Whether assessments come before the session of the same bin, so that they are weighted up to
        the bin before, or after it.
    given : float, optional
        Curve of those still responding at this time; see `delayed_npmle`.
    truncate : (float, float)
        Percentiles to which the weights are cut.
    n_replicates, seed : int
        The result depends neither on the order of rows nor on the names of patients. 0
        replicates give no band.
    level : float

    Returns
    -------
    WeightedDurability

    Raises
    ------
    DataError
        If a row is malformed, or its episode is not among the person-periods.

    Source
    ------
    Robins and Finkelstein (2000), Biometrics 56, 779. Checked: tests/simulation/test_durability_truth.py.
    """
    if assessed not in ("before", "after"):
        raise DataError(f'assessed must be "before" or "after", not {assessed!r}')
    times = np.atleast_1d(np.asarray(times, float))
    n_episodes = int(periods.episode.max()) + 1
    least = 0 if patient is None else -1
    if len(rows.episode) and not (rows.episode.min() >= least and rows.episode.max() < n_episodes):
        raise DataError("assessments: an episode is not among the person-periods")
    checked_delayed(rows.left, rows.right, rows.entry)
    if patient is None:
        patient_of = np.zeros(n_episodes, np.int64)
        patient_of[periods.episode] = periods.patient
        patient = periods.patient_names[patient_of[rows.episode]]
    of_row, periods = _numbered_patients(rows, periods, np.asarray(patient))
    n_patients = 1 + int(max(of_row.max(initial=-1), periods.patient.max()))
    place = _period_of(rows, periods, bin_width, assessed)
    weights = censoring_weights(periods, truncate=truncate)
    row_weight = np.where(place >= 0, weights.weight[np.maximum(place, 0)], 1.0)
    curve = delayed_npmle(rows.left, rows.right, rows.entry, weights=row_weight, given=given)
    unweighted = delayed_npmle(rows.left, rows.right, rows.entry, given=given)
    band = None
    if weights.usable and n_replicates > 0:
        fixed = DelayedRows(rows.left, rows.right, rows.entry, row_weight, of_row, n_patients)
        asked = with_end_of_fall(curve, times)
        curves = _replicates(fixed, periods, place, weights, asked, curve.given, truncate, n_replicates, seed)
        band = _cleared(survival_band(curve, fixed, times, *curves, level), weights, bin_width)
    return WeightedDurability(curve, unweighted, weights, row_weight, band)


def _numbered_patients(rows: AssessmentRows, periods: PersonPeriods, patient):
    """Patient of each row, and the person-periods with patients numbered by what is known of them."""
    seen = np.column_stack([rows.entry, rows.left, rows.right])
    _, seen = np.unique(seen, axis=0, return_inverse=True)
    passed = np.column_stack([periods.bin, periods.event, periods.history, periods.numerator])
    _, passed = np.unique(passed, axis=0, return_inverse=True)
    content = np.concatenate([seen.reshape(-1), passed.reshape(-1) + len(seen)])
    number = numbered_clusters(content, np.concatenate([patient, periods.patient_names[periods.patient]]))
    return number[: len(seen)], replace(periods, patient=number[len(seen) :])


def _period_of(rows: AssessmentRows, periods: PersonPeriods, bin_width, assessed):
    """Person-period whose weight each row takes, at its end; -1 for none."""
    end = np.where(np.isfinite(rows.right), rows.right, rows.left)
    # A time on the border of two bins that rounding moved belongs to the later one.
    bin = np.floor(end / bin_width + 1e-9).astype(np.int64) - (assessed == "before")
    episode, known = periods.episode[periods.order], periods.bin[periods.order]
    stride = int(max(known.max(), bin.max(initial=0))) + 3
    offset = np.maximum(bin + 1, 0)
    place = np.searchsorted(episode * stride + known + 1, rows.episode * stride + offset, side="right") - 1
    own = (place >= 0) & (episode[np.maximum(place, 0)] == rows.episode)
    if periods.tied and assessed == "before":
        following = np.minimum(place + 1, len(episode) - 1)
        at_session = periods.event[periods.order[following]] & (episode[following] == rows.episode)
        at_session &= known[following] == bin + 1
        place, own = np.where(at_session, following, place), own | at_session
    return np.where(own, periods.order[np.maximum(place, 0)], -1)


def _replicates(rows: DelayedRows, periods, place, start, times, given, truncate, n_replicates, seed):
    """Curves of all replicates: low, high (B, t) and medians (B, 2); NaN where a model failed."""
    solver = SurvivalReplicates(rows.left, rows.right, rows.entry, times, given=given)
    size = max(1, min(n_replicates, solver.block_size, BLOCK_SIZE // len(periods.event)))
    parts = []
    for first in range(0, n_replicates, size):
        drawn = patient_weights(rows.n_clusters, min(size, n_replicates - first), seed, first=first)
        weight, good = replicate_weights(periods, drawn[:, periods.patient], start, truncate=truncate)
        taken = np.where(place >= 0, weight[:, np.maximum(place, 0)], 1.0)
        low, high, medians = solver.curves(taken * drawn[:, rows.cluster])
        medians[~good] = np.nan
        parts.append((low, high, medians))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _cleared(band: SurvivalBand, weights: CensoringWeights, bin_width):
    """The band without limits from where fewer than 10 episodes' worth of weight is left."""
    few = weights.bins[weights.effective_n_by_bin < FEWEST_EFFECTIVE]
    until = few.min() * bin_width if len(few) else np.inf
    low, high = (np.where(band.times < until, limit, np.nan) for limit in (band.conf_low, band.conf_high))
    return replace(band, conf_low=low, conf_high=high)
