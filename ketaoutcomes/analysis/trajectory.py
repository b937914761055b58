"""The symptom course as it was observed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.notes import cited, group_notes, same_time_note, selection_notes
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_level, planned_times
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.groups import groups
from ketaoutcomes.derive.scores import HOURS_PER_DAY, scores
from ketaoutcomes.derive.windows import nearest
from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.course import CourseResult
from ketaoutcomes.results.text import patients

__all__ = ["trajectory"]

_DAYS = (0.0, 7.0, 14.0, 21.0, 28.0, 42.0, 56.0, 84.0)


def trajectory(
    cohort: Cohort,
    instrument: str,
    *,
    at: float | tuple[float, ...] = _DAYS,
    by: str | None = None,
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> CourseResult:
    """Mean observed score at planned days, of the patients assessed then.

    Each patient gives one score per planned day: the nearest one between the
    midpoints to the neighbouring planned days, ties to the earlier. A score on a
    midpoint belongs to the later planned day. Day 0 is the
    baseline. Means of those still assessed are not means of all who started.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    at : float or tuple of float
        Planned days since session 1; days beyond the last score give no row.
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1).
    baseline : str
        Name of the baseline rule.
    level : float
        Confidence level of the t intervals.

    Returns
    -------
    CourseResult
        `.table`: the `by` column, `day`, `n` (patients), `estimate` (mean,
        points), `conf_low`, `conf_high`, `sd`, `p10`, `p90`.

    Raises
    ------
    DataError
        If the instrument has no score, or `at` is empty or has a negative day.
    """
    check_cohort(cohort)
    check_level(level)
    days = planned_times("at", at, unit="days")
    if not days.size:
        raise DataError("at holds no planned day; give one or more, e.g. at=(0, 7, 14, 28)")
    known = find_instrument(instrument)
    rule = baseline_rule(baseline)
    placed = scores(cohort, known.name)
    planned, codes, points = _one_score_per_day(
        cohort, placed, baseline_of(cohort, placed, known, rule), days
    )
    grouped = groups(cohort, by)
    level_of = grouped.code[codes]
    inside = level_of >= 0
    table = _table(points[inside], level_of[inside], planned[inside], days, grouped, level)
    left_out = np.unique(codes[~inside]).size
    return CourseResult(
        title=f"Observed course, {known.name} (mean score by day since session 1)",
        table=table,
        notes=(
            f"{patients(np.unique(codes[inside]).size)} with at least one score.",
            "Observed means of those still assessed at each day; who is still assessed is not a random "
            "sample.",
            "One score per patient and day: the nearest between the midpoints to the neighbouring days, "
            "ties to the earlier; day 0 is the baseline.",
            same_time_note(cohort),
            *group_notes(grouped, left_out, 0, 0),
            *selection_notes(cohort),
            UNCONTROLLED,
        ),
        definitions=(cited(rule),),
        provenance=provenance_of(
            "trajectory",
            cohort.fingerprint,
            {
                "instrument": known.name,
                "at": tuple(days.tolist()),
                "by": by,
                "baseline": rule.name,
                "level": level,
            },
        ),
        instrument=known.name,
        minimum=known.minimum,
        maximum=known.maximum,
        higher_is=known.higher_is,
        by=by,
        level=level,
    )


def _one_score_per_day(cohort, placed, start, days) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planned day (its number), patient and score of each score that is used."""
    codes = patient_codes(placed)
    hour = placed["hour"].to_numpy(float)
    rows = np.flatnonzero(placed["session"].to_numpy() > 0)
    later = np.flatnonzero(days > 0)
    # The first planned day after the baseline reaches half-way back to it; the last one as far on as back.
    centres = np.concatenate([[0.0], days[later]]) * HOURS_PER_DAY
    middles = (centres[1:] + centres[:-1]) / 2
    edges = np.append(middles, 2 * centres[-1] - middles[-1]) if later.size else np.array([np.inf])
    slot = np.searchsorted(edges, hour[rows], side="right") - 1
    used = (slot >= 0) & (slot < later.size)
    rows, slot = rows[used], slot[used]
    key = codes[rows] * max(later.size, 1) + slot
    full_key = np.zeros(len(placed), dtype=np.int64)
    full_key[rows] = key
    distance = np.zeros(len(placed))
    distance[rows] = hour[rows] - centres[1:][slot]
    chosen = nearest(full_key, distance, rows, 0.0)

    planned = later[full_key[chosen] % max(later.size, 1)]
    owner, points = codes[chosen], placed["score"].to_numpy(float)[chosen]
    if days[0] == 0:
        begun = start["baseline"].notna().to_numpy()
        planned = np.concatenate([np.zeros(begun.sum(), dtype=np.int64), planned])
        owner = np.concatenate([patient_codes(start)[begun], owner])
        points = np.concatenate([start["baseline"].to_numpy(float)[begun], points])
    return planned, owner, points


def _table(points, level_of, planned, days, grouped, level) -> pd.DataFrame:
    """One row per group and planned day that has a score."""
    n_days = days.size
    cell = level_of * n_days + planned
    n_cells = len(grouped.levels) * n_days
    means = mean_interval(points, codes=cell, n_groups=n_cells, level=level)
    spread = pd.Series(points).groupby(cell).quantile([0.1, 0.9]).unstack().reindex(range(n_cells))
    frame = pd.DataFrame(
        {
            "day": np.tile(days, len(grouped.levels)),
            "n": means.n,
            "estimate": means.mean,
            "conf_low": means.conf_low,
            "conf_high": means.conf_high,
            "sd": means.sd,
            "p10": spread[0.1].to_numpy(),
            "p90": spread[0.9].to_numpy(),
        }
    )
    if grouped.by is not None:
        labels = np.repeat(np.array(grouped.levels, dtype=object), n_days)
        frame.insert(0, grouped.by, pd.Series(labels).infer_objects())
    return frame[frame["n"] > 0].reset_index(drop=True)
