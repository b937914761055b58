"""The mixed model behind a symptom course: its rows, its random part, its mean against time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.groups import Groups, groups
from ketaoutcomes.derive.scores import HOURS_PER_DAY
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.mixed import LmmResult

__all__ = [
    "STILL_SCORED",
    "ModelRows",
    "SmoothCourse",
    "best_fit",
    "boundary_notes",
    "end_of",
    "model_rows",
    "reach",
    "smooth_course",
]

STILL_SCORED = 10  # fewer patients carry no model, no random effect, no group's curve and no day of it
MOST_COLUMNS = 5
PATIENTS_PER_COLUMN = 2
FEW_PATIENTS = 50
LEAST_CLINICS, LEAST_PER_CLINIC = 5, 5
CLINIC = "clinic_id"
OWN_NAMES = frozenset({"patient_id", "day", "time", "after", "score"})


@dataclass(frozen=True)
class ModelRows:
    """Rows for a model of a course.

    Attributes
    ----------
    frame : DataFrame
        One row per score: `patient_id` (number of the patient, no identifier), `day` (0 or more), `score`,
        `after` (0 for a baseline, 1 after session 1), `time` = log2(1 + day), and `clinic_id` where known.
    has_clinics : bool
        Whether there are clinics enough for a random intercept.
    """

    frame: pd.DataFrame
    has_clinics: bool

    @property
    def n_patients(self) -> int:
        return int(self.frame["patient_id"].nunique())

    @property
    def df_method(self) -> str:
        """Kenward-Roger in fewer than 50 patients, where it matters; else Satterthwaite."""
        return "kenward-roger" if self.n_patients < FEW_PATIENTS else "satterthwaite"


@dataclass(frozen=True)
class SmoothCourse:
    """A fitted smooth course.

    Attributes
    ----------
    fit : LmmResult
    factor : str or None
        Name of the groups' column in the model.
    fitted_groups : tuple of int
        Numbers of the groups that are in the model.
    low, high : float
        First and last day of a score in the model.
    until : float
        Day before which scores are in the model.
    n_columns : int
        Columns of the curve besides the intercept.
    has_step : bool
        Whether the baseline has a mean of its own.
    random : str
        The random part in words.
    """

    fit: LmmResult
    factor: str | None
    fitted_groups: tuple[int, ...]
    low: float
    high: float
    until: float
    n_columns: int
    has_step: bool
    random: str

    def means(self, days: NDArray, group: object, level: float) -> pd.DataFrame:
        """Marginal means of one group at `days`: estimate, conf_low, conf_high; NaN if not estimable."""
        days = np.asarray(days, float)
        # A planned day stands for the scores around it, so it may lie just outside the last of them.
        inside = np.clip(days, self.low, self.high)
        new = pd.DataFrame({"time": np.log2(1.0 + inside), "after": (days > 0).astype(float)})
        if self.factor is not None:
            new[self.factor] = str(group)
        full = self.fit.design.matrix(new)
        found = self.fit.estimate(full[:, self.fit.kept], level=level)
        found = found[["estimate", "conf_low", "conf_high"]].copy()
        found.loc[~self.fit.estimable(full)] = np.nan
        return found


def reach(days: NDArray) -> float:
    """Last day that belongs to the last planned one: as far beyond it as half-way back."""
    centres = np.concatenate([[0.0], np.asarray(days, float)[np.asarray(days) > 0]])
    if centres.size < 2:
        return 0.0
    return float(1.5 * centres[-1] - 0.5 * centres[-2])


def end_of(days: NDArray, last: float) -> float:
    """Day at which what belongs to the planned day `last` ends: midway to the next one, or the reach."""
    later = np.asarray(days, float)[np.asarray(days, float) > last]
    return float(last + later.min()) / 2.0 if later.size else reach(days)


def model_rows(cohort: Cohort, placed: pd.DataFrame, start: pd.DataFrame, until: float) -> ModelRows:
    """The baseline at day 0 and every score after session 1 up to day `until`.

    Parameters
    ----------
    placed : DataFrame
        As `derive.scores` gives it.
    start : DataFrame
        As `derive.baseline` gives it.
    until : float
        Days since session 1; scores on it or later are left out.
    """
    begun = start["baseline"].notna().to_numpy()
    hour = placed["hour"].to_numpy(float)
    later = (placed["session"].to_numpy() > 0) & (hour < until * HOURS_PER_DAY)
    # A time known only to the day may lie nominally before the session that it follows.
    day = np.concatenate([np.zeros(begun.sum()), np.maximum(hour[later], 0.0) / HOURS_PER_DAY])
    codes = np.concatenate([patient_codes(start)[begun], patient_codes(placed)[later]])
    frame = pd.DataFrame(
        {
            "patient_id": codes,
            "day": day,
            "score": np.concatenate(
                [start["baseline"].to_numpy(float)[begun], placed["score"].to_numpy(float)[later]]
            ),
            "after": np.repeat([0.0, 1.0], [begun.sum(), later.sum()]),
            "time": np.log2(1.0 + day),
        }
    )
    clinic = _clinics(cohort, codes)
    if clinic is not None:
        frame[CLINIC] = clinic
    return ModelRows(frame, clinic is not None)


def _clinics(cohort: Cohort, codes: NDArray) -> NDArray | None:
    """Clinic of each row where there are enough of them, with enough patients each, for all rows."""
    if CLINIC not in cohort.patients.columns and CLINIC not in cohort.sessions.columns:
        return None
    found = groups(cohort, CLINIC).code
    sizes = np.bincount(found[np.unique(codes)] + 1)[1:]
    if (found[codes] < 0).any() or (sizes >= LEAST_PER_CLINIC).sum() < LEAST_CLINICS:
        return None
    return found[codes]


def smooth_course(rows: ModelRows, days: NDArray, n_scored: NDArray, grouped: Groups) -> SmoothCourse:
    """Fit a smooth curve of log2(1 + day), by group where there are groups.

    Parameters
    ----------
    rows : ModelRows
    days : (k,) float
        Planned days.
    n_scored : (g, k) int
        Patients of each group scored at each planned day.
    grouped : Groups
        Group of each patient.

    Raises
    ------
    DataError, FormulaError, ConvergenceError
        If there are too few patients or scores, or no optimum is found.
    """
    frame = rows.frame.assign(group=grouped.code[rows.frame["patient_id"]])
    fitted, n_planned, last = _carried(frame, days, n_scored, grouped)
    # What is not drawn is not fitted: few late scores would bend a curve that has few columns.
    until = end_of(days, last)
    frame = frame[frame["group"].isin(fitted) & (frame["day"] < until)].reset_index(drop=True)
    is_baseline = frame["after"].to_numpy() == 0.0
    # Within the first day a curve of log2(1 + day) cannot fall as scores do, so the baseline stands apart.
    soon = frame.loc[~is_baseline & (frame["day"] < 1.0).to_numpy(), "patient_id"].nunique()
    has_step = bool(is_baseline.any() and soon >= STILL_SCORED and n_planned > 2)
    n_columns = _n_columns(frame, n_planned, len(fitted), has_step)
    fixed = _curve_term(n_columns, has_step)
    factor = None
    if grouped.by is not None and len(fitted) > 1:
        factor = grouped.by if grouped.by not in OWN_NAMES else "group"
        names = [str(level) for level in grouped.levels]
        labels = pd.Categorical.from_codes(frame["group"].to_numpy(), categories=names)
        frame[factor] = labels.remove_unused_categories()
        quoted = factor if factor.isidentifier() else f"`{factor}`"
        fixed = f"{quoted} * ({fixed})" if fixed != "1" else quoted
    parts = [("after", "time"), ("after",), ("time",), ()] if is_baseline.any() else [("time",), ()]
    clinics = rows.has_clinics and grouped.by != CLINIC
    fit, random = best_fit(f"score ~ {fixed}", frame, parts, df=rows.df_method, clinics=clinics)
    low, high = float(frame["day"].min()), float(frame["day"].max())
    return SmoothCourse(fit, factor, fitted, low, high, until, n_columns, has_step, random)


def _carried(
    frame: pd.DataFrame, days: NDArray, n_scored: NDArray, grouped: Groups
) -> tuple[tuple[int, ...], int, float]:
    """Groups scored in patients enough at two planned days or more, how many such days, and the last."""
    counts, at = n_scored, days
    if 0.0 not in days:
        at = np.concatenate([[0.0], days])
        start = frame.loc[(frame["after"] == 0.0) & (frame["group"] >= 0), "group"]
        counts = np.column_stack([np.bincount(start, minlength=len(grouped.levels)), n_scored])
    enough = (counts >= STILL_SCORED).sum(axis=1)
    fitted = tuple(int(number) for number in np.flatnonzero(enough >= 2))
    if not fitted:
        whose = "" if grouped.by is None else f" in any group of '{grouped.by}'"
        raise DataError(
            f"a model takes {STILL_SCORED} patients or more scored at two planned days or more; "
            f"there are {int(enough.max(initial=0))} such days{whose}"
        )
    is_enough = counts[list(fitted)] >= STILL_SCORED
    return fitted, int(is_enough.sum(axis=1).max()), float(at[is_enough.any(axis=0)].max())


def _n_columns(frame: pd.DataFrame, n_planned: int, n_groups: int, has_step: bool) -> int:
    """Columns of the curve: by planned days with scores enough, times that differ, and patients."""
    curve = frame.loc[frame["after"] == 1.0] if has_step else frame
    people = frame["patient_id"].nunique() // (PATIENTS_PER_COLUMN * n_groups)
    # The step takes the baseline out of the curve's days.
    return max(0, min(MOST_COLUMNS, n_planned - 1 - has_step, curve["day"].nunique() - 1, max(1, people)))


def _curve_term(n_columns: int, has_step: bool) -> str:
    """The fixed part: a natural cubic spline, a straight line, or a constant; with the step."""
    terms = ["after"] if has_step else []
    if n_columns == 1:
        terms.append("time")
    elif n_columns > 1:
        terms.append(f"cr(time, df={n_columns}, constraints='center')")
    return " + ".join(terms) or "1"


def best_fit(
    fixed: str,
    frame: pd.DataFrame,
    parts: list[tuple[str, ...]],
    *,
    df: str,
    clinics: bool,
) -> tuple[LmmResult, str]:
    """The model with the random part that the data support.

    Every part has an intercept by patient. One with q effects is tried where at least 10 patients have q + 1
    scores at different times; the one with the smallest AIC (REML, same fixed effects) is taken. A fit at the
    boundary may be it, and the notes say so: a baseline that varies less than later scores pulls a
    correlation to -1, and a simpler part would give both one spread. A random intercept by clinic is added
    above the patient where there are clinics enough, and left out again where it has no variance.

    Parameters
    ----------
    fixed : str
        Formula without its random part.
    parts : list of tuple of str
        Columns with a random slope by patient, to choose from.
    df : str
        As for `lmm`.

    Returns
    -------
    LmmResult, str
        The fit and its random part in words.

    Raises
    ------
    DataError
        If fewer than 10 patients have two scores at different times.
    """
    times = frame.drop_duplicates(["patient_id", "day"]).groupby("patient_id").size().to_numpy()
    tried = []
    for part in parts:
        if (times >= len(part) + 2).sum() >= STILL_SCORED:
            random = f"(1 + {' + '.join(part)} | patient_id)" if part else "(1 | patient_id)"
            found = lmm(f"{fixed} + {random}", frame, df="normal")
            tried.append((found.aic, random, part))
    if not tried:
        few = int((times >= 2).sum())
        raise DataError(
            f"{few} patients with scores at two different times; a mixed model takes {STILL_SCORED} or more"
        )
    _, random, part = min(tried, key=lambda one: one[0])
    words = f"patients differ in {_in_words(part)}"
    if clinics:
        with_clinic = lmm(f"{fixed} + {random} + (1 | {CLINIC})", frame, df=df)
        spread = with_clinic.variance_components.set_index("group").loc[CLINIC, "variance"]
        if spread > 0.0:
            return with_clinic, f"{words}, clinics in level"
        words += "; no variance between clinics was found"
    return lmm(f"{fixed} + {random}", frame, df=df), words


RANDOM_WORDS = {
    "after": "shift at session 1",
    "time": "slope of log2(1 + day)",
    "early": "early change",
    "later": "later slope",
}


def _in_words(part: tuple[str, ...]) -> str:
    pieces = ["level", *(RANDOM_WORDS[name] for name in part)]
    return pieces[0] if len(pieces) == 1 else f"{', '.join(pieces[:-1])} and {pieces[-1]}"


def boundary_notes(fit: LmmResult) -> list[str]:
    """What the fit says of a variance that has vanished or a correlation of 1."""
    return [note for note in fit.notes if note.startswith("Boundary fit")]
