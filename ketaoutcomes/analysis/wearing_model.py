"""The mixed model of benefit against time since the last session: groups, random part, curves, reach."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.compare import compare
from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.derive.wearing import IN_INDUCTION, MAINTENANCE
from ketaoutcomes.errors import ConvergenceError, DataError, FormulaError
from ketaoutcomes.results.mixed import LmmResult

__all__ = ["ALL_GROUPS", "LEAST_PATIENTS", "SHAPES", "Curve", "WearingModel", "fit_wearing", "usable"]

ALL_GROUPS = "all"
SHAPES = {"log": "time", "spline": "cr(time, df=3, constraints='center')"}
LEAST_PATIENTS, LEAST_ASSESSMENTS, LEAST_RANGE = 10, 3, 7.0
FEW_PATIENTS = 50
REACH = 0.9
PARTS = (
    ("(1 + time | patient_id) + (1 | patient_id:session)", "level and slope of patients, level of sessions"),
    ("(1 + time | patient_id)", "level and slope of patients"),
    ("(1 | patient_id) + (1 | patient_id:session)", "level of patients and of sessions"),
    ("(1 | patient_id)", "level of patients"),
)


@dataclass(frozen=True)
class Curve:
    """One mean curve: a cell of the model, or an average of cells.

    Parameters
    ----------
    level : object
        Level of the `by` column; None without one.
    group : str
        Group of sessions, or "all".
    weights : tuple of (str, float)
        Groups that it is the average of, with weights that sum to 1.
    low, high : float
        Days between which it is given.
    n, n_patients : int
        Assessments and patients that it rests on.
    """

    level: Hashable
    group: str
    weights: tuple[tuple[str, float], ...]
    low: float
    high: float
    n: int
    n_patients: int

    def holds(self, day: NDArray[np.float64] | float) -> NDArray[np.bool_]:
        """Whether days are within reach."""
        return (np.asarray(day) >= self.low) & (np.asarray(day) <= self.high)


@dataclass(frozen=True)
class WearingModel:
    """A fitted model.

    Attributes
    ----------
    fit : LmmResult
        Of `benefit`; `time` is log2(1 + days since the last session).
    shape : {"log", "spline"}
    groups, levels : tuple
        Groups of sessions, and levels of `by`, that are in the model; `levels` is (None,) without `by`.
    frame : DataFrame
        The rows of the fit.
    random : str
        The random part in words.
    simpler : str
        Why the random part is not the full one; empty if it is.
    """

    fit: LmmResult
    shape: str
    groups: tuple[str, ...]
    levels: tuple[Hashable, ...]
    frame: pd.DataFrame
    random: str
    simpler: str

    def rows(self, curve: Curve, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights of the coefficients, (k, p), whose product with them is the curve's mean at `days`."""
        time = np.log2(1.0 + np.asarray(days, float))
        if self.shape == "spline":
            # A day in reach may lie a little before the first assessment, where a spline is not defined.
            time = np.clip(time, self.frame["time"].min(), self.frame["time"].max())
        total = np.zeros((time.size, int(self.fit.kept.sum())))
        for group, weight in curve.weights:
            new = pd.DataFrame({"time": time, "group": group, "base": 0.0})
            if curve.level is not None:
                new["level"] = curve.level
            total += weight * self.fit.design.matrix(new)[:, self.fit.kept]
        return total

    def curves(self, peak_day: float) -> list[Curve]:
        """The curve of each group and their average; by level of `by`, where there is one, the averages.

        A curve reaches from the day by which 10 patients were assessed (and the day before it, since a
        planned day stands for the times around it) to the 90th percentile of its assessments. The average
        has each group's share of the sessions as weight: of the groups that reach back to the peak day, or
        of all if fewer than two do.
        """
        single = [
            self._reaching(None, group, self.frame[self.frame["group"] == group]) for group in self.groups
        ]
        # Within induction benefit builds up: its curve is of another kind.
        lasting = [curve for curve in single if curve.group != IN_INDUCTION] or single
        reaching = [curve for curve in lasting if curve.holds(peak_day)]
        averaged = reaching if len(reaching) > 1 else lasting
        sessions = (
            self.frame.drop_duplicates(["patient_id", "session"]).groupby("group", observed=True).size()
        )
        total = float(sum(sessions[curve.group] for curve in averaged))
        weights = tuple((curve.group, float(sessions[curve.group]) / total) for curve in averaged)
        pooled = self.frame[self.frame["group"].isin([curve.group for curve in averaged])]
        found = []
        for level in self.levels:
            own = pooled if level is None else pooled[pooled["level"] == level]
            curve = self._reaching(level, ALL_GROUPS, own)
            # Beyond the reach of one group the average would rest on its extrapolation.
            low = max(curve.low, *(one.low for one in averaged))
            high = min(curve.high, *(one.high for one in averaged))
            found.append(replace(curve, weights=weights, low=low, high=high))
        if self.levels != (None,) or len(self.groups) == 1:
            return found
        return [*found, *single] if len(averaged) > 1 else single

    def _reaching(self, level: Hashable, group: str, rows: pd.DataFrame) -> Curve:
        """A curve that rests on `rows`, with its reach."""
        earliest = np.sort(rows.groupby("patient_id")["day"].min().to_numpy())
        enough = earliest.size >= LEAST_PATIENTS
        low = earliest[LEAST_PATIENTS - 1] - 1.0 if enough else np.inf
        high = float(np.quantile(rows["day"], REACH)) if len(rows) else -np.inf
        return Curve(level, group, ((group, 1.0),), float(low), high, len(rows), earliest.size)

    def interaction(self, name: str) -> dict[str, float | str] | None:
        """F test that the curves differ by a constant only between the levels of `name`; None without it."""
        columns = [
            column
            for term in self.fit.design.terms
            if term.name.count(":") == 1 and name in term.name.split(":")
            for column in term.columns
        ]
        kept = np.flatnonzero(self.fit.kept)
        rows = np.eye(len(kept))[np.isin(kept, columns)]
        return self.fit.joint(rows) if len(rows) else None

    def straightness(self) -> dict[str, float] | None:
        """Likelihood ratio test of a straight line in log2(1 + day) against the spline; None if it fails."""
        if self.shape != "log":
            return None
        formula = self.fit.formula.replace(f"~ {SHAPES['log']}", f"~ {SHAPES['spline']}", 1)
        try:
            row = compare(self.fit, lmm(formula, self.frame, df="normal")).table.iloc[-1]
        except (FormulaError, ConvergenceError, DataError):
            return None
        return {name: float(row[name]) for name in ("statistic", "df", "p_value")}


def usable(frame: pd.DataFrame, gaps: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of groups that are large enough, small groups of maintenance put together first.

    Parameters
    ----------
    frame, gaps : DataFrame
        As in `WearingRows`; both are given back with the same groups.

    Raises
    ------
    DataError
        If fewer than 10 patients have 3 assessments, or the days span less than a week.
    """
    _check_enough(frame)
    names = list(frame["group"].cat.categories)
    sizes = frame.groupby("group", observed=True)["patient_id"].nunique()
    split = [name for name in names if name.startswith(f"{MAINTENANCE} ")]
    merged = {}
    if any(sizes[name] < LEAST_PATIENTS for name in split):
        merged = dict.fromkeys(split, MAINTENANCE)
    names = list(dict.fromkeys(merged.get(name, name) for name in names))
    found = []
    for rows in (frame, gaps):
        label = rows["group"].astype("str").replace(merged)
        found.append(rows.assign(group=pd.Categorical(label, categories=names)))
    sizes = found[0].groupby("group", observed=False)["patient_id"].nunique()
    enough = [name for name in names if sizes[name] >= LEAST_PATIENTS]
    frame, gaps = (rows.assign(group=rows["group"].cat.set_categories(enough)) for rows in found)
    frame = frame.dropna(subset="group").reset_index(drop=True)
    gaps = gaps.dropna(subset="group").reset_index(drop=True)
    _check_enough(frame)
    return frame, gaps


def _check_enough(frame: pd.DataFrame) -> None:
    """Refuse rows of too few patients with assessments enough, or over too few days."""
    often = int((frame.groupby("patient_id").size() >= LEAST_ASSESSMENTS).sum())
    if often < LEAST_PATIENTS:
        raise DataError(
            f"wearing off takes {LEAST_PATIENTS} patients or more with {LEAST_ASSESSMENTS} assessments or "
            f"more between sessions; there are {often}"
        )
    span = float(np.ptp(frame["day"]))
    if span < LEAST_RANGE:
        raise DataError(
            f"wearing off takes assessments {LEAST_RANGE:g} days or more apart in their time since the last "
            f"session; they span {span:.1f} days"
        )


def fit_wearing(
    frame: pd.DataFrame, *, shape: str = "log", adjust_baseline: bool = False, df: str | None = None
) -> WearingModel:
    """Fit ``benefit ~ f(time) * group`` with effects of patients and of sessions within patients.

    Parameters
    ----------
    frame : DataFrame
        `patient_id`, `session`, `group` (categorical), `day`, `benefit`, `baseline`, and perhaps `level`
        (categorical).
    shape : {"log", "spline"}
        f: a straight line in log2(1 + day), or a natural spline of it with knots at the terciles.
    adjust_baseline : bool
        With the baseline score as a covariate; curves are then at the patients' mean baseline.
    df : str, optional
        As for `lmm`; Kenward-Roger in fewer than 50 patients, else Satterthwaite.
    """
    base = frame["baseline"] - frame.drop_duplicates("patient_id")["baseline"].mean()
    frame = frame.assign(time=np.log2(1.0 + frame["day"]), base=base)
    n_patients = frame["patient_id"].nunique()
    df = df or ("kenward-roger" if n_patients < FEW_PATIENTS else "satterthwaite")
    groups = tuple(frame["group"].cat.remove_unused_categories().cat.categories)
    levels: tuple = (None,)
    factors = ["group"] if len(groups) > 1 else []
    if "level" in frame.columns:
        levels = tuple(frame["level"].cat.categories)
        factors += ["level"] if len(levels) > 1 else []
    fixed = f"benefit ~ {SHAPES[shape]}" + (f" * ({' + '.join(factors)})" if factors else "")
    fixed += " + base" if adjust_baseline else ""
    fit, random, simpler = _fitted(fixed, frame, df)
    return WearingModel(fit, shape, groups, levels, frame, random, simpler)


def _fitted(fixed: str, frame: pd.DataFrame, df: str) -> tuple[LmmResult, str, str]:
    """The fit with the full random part; where a variance vanishes, that of the smallest AIC.

    A random part that the rows cannot tell is not tried: a session needs two assessments for a level of its
    own.
    """
    repeated = (frame.groupby(["patient_id", "session"]).size() >= 2).sum() >= LEAST_PATIENTS
    simpler = "" if repeated else f"fewer than {LEAST_PATIENTS} sessions are followed by two assessments"
    tried, failure = [], None
    for random, words in PARTS:
        if "session" in random and not repeated:
            continue
        try:
            fit = lmm(f"{fixed} + {random}", frame, df=df)
        except (FormulaError, ConvergenceError) as error:
            failure, simpler = error, simpler or str(error).rstrip(".")
            continue
        if not fit.singular and not tried:
            return fit, words, simpler
        simpler = simpler or "a variance vanished, or a correlation is 1, in the full one"
        tried.append((fit, words))
    if not tried:
        raise failure
    fit, words = min(tried, key=lambda one: one[0].aic)
    return fit, words, simpler
