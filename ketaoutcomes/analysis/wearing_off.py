"""How benefit wears off between sessions: a mixed model of time since the last session."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.wearing_model import (
    LEAST_PATIENTS,
    SHAPES,
    fit_wearing,
    usable,
)
from ketaoutcomes.analysis.wearing_notes import definitions, wearing_notes
from ketaoutcomes.analysis.wearing_tables import COLUMNS, FIRST_DAY, observed_of, tables, tests_of
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import (
    check_choice,
    check_cohort,
    check_flag,
    check_level,
    is_number,
    planned_times,
)
from ketaoutcomes.derive.episodes import episodes
from ketaoutcomes.derive.groups import Groups, groups
from ketaoutcomes.derive.landmark import known_only_after
from ketaoutcomes.derive.wearing import wearing_rows
from ketaoutcomes.errors import DataError, Problem
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.wearing_off import WearingOff

__all__ = ["wearing_off"]

_DAYS = (7.0, 14.0, 28.0)


def wearing_off(
    cohort: Cohort,
    instrument: str,
    *,
    sessions: str = "after_induction",
    by: str | None = None,
    at: float | tuple[float, ...] | None = None,
    peak_day: float = 1.0,
    shape: str = "log",
    horizon: float | None = 56.0,
    split: int | None = 12,
    responders_only: bool = False,
    adjust_baseline: bool = False,
    baseline: str = "last_14_days",
    level: float = 0.95,
) -> WearingOff:
    """Benefit against the time since the last session, how fast it is lost, and how much is retained.

    Benefit is the score's distance from baseline in points, on the better side. Every assessment from the day
    after a session to the next one enters a linear mixed model (`lmm`, REML)
    ``benefit ~ f(log2(1 + day)) * group + (1 + log2(1 + day) | patient) + (1 | patient:session)``; groups are
    the end of induction and maintenance by session number. Its mean is that of all patients of the model, had
    nobody had the next session by that day: where the time of the next session depends only on what was
    recorded. Nothing is given outside the days with assessments enough.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    sessions : {"after_induction", "all"}
        What counts as a session that wears off: the last one of the first induction and those of
        maintenance; or every session, with those within induction as a group of their own.
    by : str, optional
        Column of `patients`, or of `sessions` (the value at session 1): a curve per level, averaged over the
        groups of sessions with the same weights.
    at : float or tuple of float, optional
        Days after the session, later than `peak_day`; 7, 14 and 28 by default.
    peak_day : float
        Day after the session at which benefit counts as whole.
    shape : {"log", "spline"}
        f: a straight line in log2(1 + day), or a natural cubic spline of it with knots at its terciles.
    horizon : float, optional
        Days; later assessments after a session are not in the model. None for all.
    split : int, optional
        Session number up to which maintenance is one group; None for one group of maintenance.
    responders_only : bool
        Only what follows sessions after which, or before which, the patient was seen to respond (`episodes`).
    adjust_baseline : bool
        With the baseline score as a covariate; means are then at the patients' mean baseline.
    baseline : str
        Name of the baseline rule.
    level : float
        Confidence level: limits by Satterthwaite, in fewer than 50 patients by Kenward-Roger.

    Returns
    -------
    WearingOff
        `.table`: the `by` column or none, `group`, `quantity` ("benefit", "loss_per_week", "retained",
        "half_life"), `from_day`, `day`, `estimate`, `conf_low`, `conf_high`, `std_error`, `df`, `unit`,
        `code`, `n`, `n_patients`. `.curve`, `.observed`, `.tests`, `.model`.

    Raises
    ------
    DataError
        If fewer than 10 patients have 3 assessments between sessions, these span less than a week, or an
        argument cannot be used.
    ConvergenceError
        If no optimum of the model is found.

    Source
    ------
    Fieller 1954, J. R. Stat. Soc. B 16, 175; Zerbe 1978, Am. Stat. 32, 103.
    """
    check_cohort(cohort)
    check_level(level)
    check_choice("shape", shape, tuple(SHAPES))
    check_flag("responders_only", responders_only, "whether only sessions of responders are looked at")
    check_flag("adjust_baseline", adjust_baseline, "whether the baseline score is a covariate")
    days = _days(at, peak_day)
    grouped = _grouped(cohort, by)
    only = None
    if responders_only:
        only = episodes(cohort, instrument, baseline=baseline, sessions=sessions)[["patient_id", "session"]]
    rows = wearing_rows(
        cohort,
        instrument,
        sessions=sessions,
        baseline=baseline,
        first_day=FIRST_DAY,
        horizon=horizon,
        split=split,
        only=only,
    )
    frame, gaps, n_missing, small = _with_levels(rows.frame, rows.gaps, grouped)
    frame, gaps = usable(frame, gaps)
    model = fit_wearing(frame, shape=shape, adjust_baseline=adjust_baseline)
    table, curve = tables(model, by, peak_day, days, level)
    tests = tests_of(model, by)
    observed = observed_of(model, gaps, by)
    if by is not None:
        # The model knows the levels by their names.
        known = {str(one): one for one in grouped.levels}
        table, curve, observed = (
            found.assign(**{by: found[by].map(known)}) for found in (table, curve, observed)
        )
    better = "below" if rows.instrument.higher_is == "worse" else "above"
    arguments = {
        "instrument": rows.instrument.name, "sessions": sessions, "by": by, "at": tuple(days.tolist()),
        "peak_day": float(peak_day), "shape": shape, "horizon": horizon, "split": split,
        "responders_only": responders_only, "adjust_baseline": adjust_baseline,
        "baseline": rows.baseline.name, "level": level,
    }  # fmt: skip
    what = f"points {better} baseline by days since the last session"
    return WearingOff(
        title=f"Wearing off, {rows.instrument.name} ({what})",
        table=table,
        notes=tuple(
            wearing_notes(
                cohort, rows, model, gaps, table, tests, grouped, arguments, n_missing=n_missing, small=small
            )
        ),
        definitions=definitions(rows.baseline, model, split, float(peak_day)),
        provenance=provenance_of("wearing_off", cohort.fingerprint, arguments),
        instrument=rows.instrument.name,
        better=better,
        by=by,
        level=level,
        peak_day=float(peak_day),
        curve=curve,
        observed=observed,
        tests=tests,
        model=model.fit,
    )


def _days(at: object, peak_day: object) -> NDArray[np.float64]:
    """The later days, each after the peak day."""
    if not is_number(peak_day) or not FIRST_DAY <= peak_day < np.inf:
        raise DataError(f"peak_day must be one number of days of at least {FIRST_DAY:g}")
    if at is None:
        return np.array([day for day in _DAYS if day > peak_day])
    days = planned_times("at", at, unit="days")
    if not days.size or days[0] <= peak_day:
        raise DataError(
            f"at takes days after the session that are later than peak_day ({peak_day:g}), e.g. "
            f"at=({2 * peak_day:g}, {4 * peak_day:g})"
        )
    return days


def _grouped(cohort: Cohort, by: str | None) -> Groups:
    """The groups of patients; refused where a patient's group is known only after session 1."""
    if by in COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    found = groups(cohort, by)
    why = known_only_after(cohort, by) if by is not None and found.source == "patients" else ""
    if why:
        raise DataError(
            Problem(
                f"is known only after the first session ({why}): patients would be sorted by what came "
                "later. "
                f'If it is known when treatment begins, add known_at_start = ["{by}"] to cohort.toml',
                table="patients",
                column=by,
                rule="known_after_start",
            )
        )
    return found


def _with_levels(
    frame: pd.DataFrame, gaps: pd.DataFrame, grouped: Groups
) -> tuple[pd.DataFrame, pd.DataFrame, int, tuple[int, int]]:
    """Rows and sessions with the level of `by`; patients without one; levels too small and their patients."""
    if grouped.by is None:
        return frame, gaps, 0, (0, 0)
    code = grouped.code[frame["patient_id"]]
    n_missing = frame.loc[code < 0, "patient_id"].nunique()
    own = frame.drop_duplicates("patient_id")["patient_id"]
    sizes = np.bincount(grouped.code[own][grouped.code[own] >= 0], minlength=len(grouped.levels))
    enough = sizes >= LEAST_PATIENTS
    if not enough.any():
        raise DataError(
            f"by='{grouped.by}' leaves no group of at least {LEAST_PATIENTS} patients with assessments "
            "between sessions"
        )
    names = [str(level) for level in grouped.levels]
    small = (~enough) & (sizes > 0)
    found = []
    for rows in (frame, gaps):
        code = grouped.code[rows["patient_id"]]
        kept = np.isin(code, np.flatnonzero(enough))
        label = pd.Categorical.from_codes(code[kept], categories=names)
        label = label.set_categories([name for name, stays in zip(names, enough, strict=True) if stays])
        found.append(rows[kept].assign(level=label).reset_index(drop=True))
    return found[0], found[1], n_missing, (int(small.sum()), int(sizes[small].sum()))
