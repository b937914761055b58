"""The symptom course: a model's mean against time, beside the means that were observed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.course_model import (
    STILL_SCORED,
    ModelRows,
    SmoothCourse,
    boundary_notes,
    model_rows,
    reach,
    smooth_course,
)
from ketaoutcomes.analysis.notes import cited, group_notes, same_time_note, selection_notes
from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_level, planned_times
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.baseline import baseline_of
from ketaoutcomes.derive.groups import Groups, groups
from ketaoutcomes.derive.scores import HOURS_PER_DAY, scores
from ketaoutcomes.derive.windows import nearest
from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.errors import ConvergenceError, DataError, FormulaError
from ketaoutcomes.results.base import UNCONTROLLED, provenance_of
from ketaoutcomes.results.course import CourseResult
from ketaoutcomes.results.text import patients

__all__ = ["trajectory"]

_DAYS = (0.0, 7.0, 14.0, 21.0, 28.0, 42.0, 56.0, 84.0)
_GRID = 48


def trajectory(
    cohort: Cohort,
    instrument: str,
    *,
    at: float | tuple[float, ...] = _DAYS,
    by: str | None = None,
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> CourseResult:
    """Mean score against time: of a mixed model, and of those assessed at planned days.

    The curve is the marginal mean of a linear mixed model (`lmm`, REML) of all scores: the baseline at
    day 0, then every score after session 1 as far as the last planned day reaches. Time is a natural
    cubic spline of log2(1 + day), by group if `by` is given; patients differ by random effects. Where
    missing scores depend only on what was recorded it is the mean of all patients with a score, not of
    those still assessed. It ends at the last planned day at which 10 patients were scored. With too few
    patients or scores for a model, observed means stand in its place, and title and notes say so.

    For the observed means each patient gives one score per planned day: the nearest one between the
    midpoints to the neighbouring planned days, ties to the earlier. A score on a midpoint belongs to the
    later planned day. Day 0 is the baseline.

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
        Confidence level: limits by Satterthwaite, in fewer than 50 patients by Kenward-Roger; of observed
        means by Student's t.

    Returns
    -------
    CourseResult
        `.table`: the `by` column, `day`, `n` (patients scored), `estimate` (the model's mean, points; missing
        where it is not supported), `conf_low`, `conf_high`, `observed` (mean of those scored), `sd`, `p10`,
        `p90`. `.curve`: `day`, `estimate`, `conf_low`, `conf_high` on a dense grid. `.model`: the
        `LmmResult`, or None.

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
    start = baseline_of(cohort, placed, known, rule)
    planned, codes, points = _one_score_per_day(placed, start, days)
    grouped = groups(cohort, by)
    level_of = grouped.code[codes]
    inside = level_of >= 0
    table = _observed(points[inside], level_of[inside], planned[inside], days, grouped, level)
    rows = model_rows(cohort, placed, start, reach(days))
    model, why_not = _modelled(rows, days, table, grouped)
    table, curve = _with_model(table, model, days, grouped, level)
    left_out = np.unique(codes[~inside]).size
    kind = "Course by a mixed model" if model else "Observed course (no model)"
    return CourseResult(
        title=f"{kind}, {known.name} (mean score by day since session 1)",
        table=table[table["n"] > 0].reset_index(drop=True),
        notes=(
            f"{patients(np.unique(codes[inside]).size)} with at least one score at a planned day.",
            *(_model_notes(model, grouped) if model else _fallback_notes(why_not)),
            "One score per patient and day in the observed means: the nearest between the midpoints to the "
            "neighbouring days, ties to the earlier; day 0 is the baseline.",
            same_time_note(cohort),
            *group_notes(grouped, left_out, 0, 0),
            *selection_notes(cohort),
            UNCONTROLLED,
        ),
        definitions=(cited(rule), *(model.fit.definitions if model else ())),
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
        curve=curve,
        model=model.fit if model else None,
    )


def _one_score_per_day(placed, start, days) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planned day (its number), patient and score of each score that is used."""
    codes = patient_codes(placed)
    hour = placed["hour"].to_numpy(float)
    rows = np.flatnonzero(placed["session"].to_numpy() > 0)
    later = np.flatnonzero(days > 0)
    # The first planned day after the baseline reaches half-way back to it; the last one as far on as back.
    centres = np.concatenate([[0.0], days[later]]) * HOURS_PER_DAY
    middles = (centres[1:] + centres[:-1]) / 2
    edges = np.append(middles, reach(days) * HOURS_PER_DAY) if later.size else np.array([np.inf])
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


def _observed(points, level_of, planned, days, grouped, level) -> pd.DataFrame:
    """One row per group and planned day: observed means with t limits; n may be 0."""
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
            "observed": means.mean,
            "sd": means.sd,
            "p10": spread[0.1].to_numpy() if len(points) else np.nan,
            "p90": spread[0.9].to_numpy() if len(points) else np.nan,
        }
    )
    return _named(frame, grouped, n_days)


def _named(frame: pd.DataFrame, grouped: Groups, n_each: int) -> pd.DataFrame:
    """`frame` with the groups' column in front, `n_each` rows per group."""
    if grouped.by is not None:
        labels = np.repeat(np.array(grouped.levels, dtype=object), n_each)
        frame.insert(0, grouped.by, pd.Series(labels).infer_objects())
    return frame


def _modelled(
    rows: ModelRows, days: np.ndarray, table: pd.DataFrame, grouped: Groups
) -> tuple[SmoothCourse | None, str]:
    """The smooth course, or why there is none."""
    n_scored = table["n"].to_numpy().reshape(len(grouped.levels), days.size)
    try:
        return smooth_course(rows, days, n_scored, grouped), ""
    except (DataError, FormulaError, ConvergenceError) as error:
        return None, str(error)


def _with_model(
    table: pd.DataFrame, model: SmoothCourse | None, days: np.ndarray, grouped: Groups, level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with the model's means, and its curve; observed means stay where there is no model."""
    dense = np.linspace(np.log2(1.0 + days[0]), np.log2(1.0 + days[-1]), _GRID)
    # Even in the time scale and even in days: steep at first, long afterwards.
    grid = np.concatenate([2.0**dense - 1.0, np.linspace(days[0], days[-1], _GRID)])
    grid = np.unique(np.concatenate([np.clip(grid.round(3), days[0], days[-1]), days]))
    columns = ["estimate", "conf_low", "conf_high"]
    curve = pd.DataFrame({"day": np.tile(grid, len(grouped.levels))}).assign(**dict.fromkeys(columns, np.nan))
    if model is None:
        return table, _named(curve.iloc[:0], grouped, 0)
    table[columns] = np.nan
    for number, group in enumerate(grouped.levels):
        first = number * days.size
        supported = np.flatnonzero(table["n"].to_numpy()[first : first + days.size] >= STILL_SCORED)
        if number not in model.fitted_groups or not supported.size:
            continue
        ends = days[supported[[0, -1]]]
        for frame, at, offset in ((table, days, first), (curve, grid, number * grid.size)):
            inside = np.flatnonzero((at >= ends[0]) & (at <= ends[1]))
            found = model.means(at[inside], group, level)
            frame.loc[offset + inside, columns] = found.to_numpy()
    return table, _named(curve, grouped, grid.size)


def _model_notes(model: SmoothCourse, grouped: Groups) -> list[str]:
    """The model in words, what it assumes, and where it ends."""
    fit = model.fit
    kind = {0: "no curve", 1: "a straight line"}.get(
        model.n_columns, f"a natural cubic spline ({model.n_columns} columns)"
    )
    groups_of = "" if model.factor is None else f", a curve of its own for each level of '{grouped.by}'"
    own = "; the baseline has a mean of its own, since there are scores within the first day"
    step = own if model.has_step else ""
    method = "Kenward–Roger" if fit.df_method == "kenward-roger" else "Satterthwaite"
    notes = [
        f"Line and limits: linear mixed model by REML; {kind} of log2(1 + day){groups_of}{step}; "
        f"{model.random}. Degrees of freedom by {method}.",
        f"{fit.n_obs:,} scores of {patients(fit.n_groups['patient_id'])}: the baseline at day 0 and every "
        f"score after session 1 before day {model.until:g}.",
        "Valid where missing scores depend only on what was recorded (missing at random). Observed means are "
        "of those still assessed; the curve is of all who have at least one score, if that holds.",
        f"No line is given outside the planned days at which {STILL_SCORED} patients or more were scored.",
        "Which random effects patients have: of those that enough patients have scores for, the set with the "
        "smallest AIC.",
        *boundary_notes(fit),
    ]
    n_small = len(grouped.levels) - len(model.fitted_groups)
    if n_small:
        noun = "1 group" if n_small == 1 else f"{n_small} groups"
        notes.append(
            f"{noun} of '{grouped.by}' not in the model, since {STILL_SCORED} patients were scored at fewer "
            "than two planned days; observed means only."
        )
    return notes


def _fallback_notes(why_not: str) -> list[str]:
    return [
        f"No model: {why_not.rstrip('.')}. The means are observed means, with Student's t limits.",
        "Observed means of those still assessed at each day; who is still assessed is not a random sample.",
    ]
