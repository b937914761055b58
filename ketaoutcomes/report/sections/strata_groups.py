"""Groups of section 10: columns with few levels, everybody in one of them, made from the cohort's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.draw.labels import clean
from ketaoutcomes.report.sections.group_counts import ScoredPatients
from ketaoutcomes.report.sections.indication_rows import indications_of

__all__ = ["FOLLOWED", "INDICATION", "SEVERITY", "Grouping", "groupings_of", "severity_of"]

INDICATION, SEVERITY = "diagnosis", "baseline_severity"
NOT_STATED = "not recorded"
# Page 1 counts only complete inductions, of which the month is known.
FOLLOWED = (
    "scored in the window after induction, of those with a valid baseline whose window has closed; with an "
    "induction that was not complete, not followed."
)
MOST_LEVELS = 8
AGES = (30.0, 45.0, 60.0)
AGE_NAMES = ("under 30", "30–44", "45–59", "60 and over")
DEFAULT = ("sex", "age_band", "age", INDICATION, "route")
TITLES = {"age_band": "Age"}


@dataclass(frozen=True)
class Grouping:
    """One way to divide the patients.

    Attributes
    ----------
    name : str
        The clinic's column.
    title : str
        As printed.
    levels : tuple of str
        In the order in which they are printed.
    of_patients : (n_patients,) int array
        Each patient's place in `levels`, of a column of sessions the place at session 1; -1 without one.
    of_sessions : (n_sessions,) int array
    n_merged : int
        Levels that are in "other".
    """

    name: str
    title: str
    levels: tuple[str, ...]
    of_patients: np.ndarray
    of_sessions: np.ndarray
    n_merged: int = 0


def groupings_of(cohort: Cohort, wanted: Sequence[str], *, largest_hidden: int) -> list[Grouping]:
    """The groupings that this cohort allows: sex, age, indication, route and the columns wanted.

    Diagnoses are the indications of section 9, so that the two tables hold the same groups.

    Parameters
    ----------
    wanted : sequence of str
        Further columns of patients or sessions; those that there are not are passed over.
    largest_hidden : int
        Levels of up to so many patients are merged into "other"; 0 where small counts are shown.
    """
    names = list(dict.fromkeys((*DEFAULT, *wanted)))
    if "age_band" in cohort.patients.columns:
        names = [name for name in names if name != "age"]
    found = []
    for name in names:
        table = next((t for t in ("patients", "sessions") if name in getattr(cohort, t).columns), None)
        if table is None or not getattr(cohort, table)[name].notna().any():
            continue
        if name == INDICATION and table == "patients":
            found.append(_by_indication(cohort))
            continue
        values, order = _words(getattr(cohort, table)[name], name)
        found.append(_grouping(cohort, name, table, values, order, largest_hidden))
    return [one for one in found if len(one.levels) > 1]


def _by_indication(cohort: Cohort) -> Grouping:
    groups = indications_of(cohort)
    return _placed(cohort, INDICATION, "Indication", groups.labels, groups.code)


def _placed(cohort: Cohort, name: str, title: str, levels: Sequence[str], code: np.ndarray) -> Grouping:
    """A grouping of patients; their sessions have the same group."""
    return Grouping(name, title, tuple(levels), code, code[patient_codes(cohort.sessions)])


def _words(values: pd.Series, name: str) -> tuple[np.ndarray, list[str]]:
    """Each row's level in words, and the levels in order; numbers are cut into bands."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    if not numeric or values.nunique() <= MOST_LEVELS:
        words = [
            NOT_STATED if missing else clean(f"{value:g}" if numeric else value)
            for value, missing in zip(values, values.isna(), strict=True)
        ]
        return np.array(words, dtype=object), _in_order(values, numeric)
    number = values.to_numpy(dtype=float, na_value=np.nan)
    cuts, names = np.array(AGES), AGE_NAMES
    if name != "age":
        cuts = np.unique(np.nanquantile(number, (1 / 3, 2 / 3)))
        ends = [f"{cut:g}" for cut in cuts]
        between = [f"{low} to below {high}" for low, high in pairwise(ends)]
        names = (f"below {ends[0]}", *between, f"{ends[-1]} or more")
    place = np.searchsorted(cuts, np.nan_to_num(number), side="right")
    return np.where(np.isnan(number), NOT_STATED, np.array(names, dtype=object)[place]), list(names)


def _in_order(values: pd.Series, numeric: bool) -> list[str]:
    """Levels of few numbers ascending, of words by size."""
    if numeric:
        return [f"{value:g}" for value in sorted(values.dropna().unique())]
    if isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.ordered:
        return [clean(level) for level in values.dtype.categories]
    return [clean(level) for level in values.value_counts().index]


def _grouping(
    cohort: Cohort, name: str, table: str, values: np.ndarray, order: list[str], largest_hidden: int
) -> Grouping:
    """Small levels, and those beyond the largest few, become "other"."""
    rows, owner = np.arange(values.size), patient_codes(cohort.sessions)
    if table == "sessions":
        # Patients are counted by their first session's value, as responses are split.
        rows = np.flatnonzero(first_of_segment(owner))
    found, counts = np.unique(values[rows].astype(str), return_counts=True)
    sizes = {level: int(counts[found == level].sum()) for level in (*order, NOT_STATED)}
    levels = [level for level in order if (values == level).any()]
    by_size = sorted(levels, key=lambda level: -sizes[level])
    merged = {level for level in by_size if sizes[level] <= largest_hidden}
    if len(levels) > MOST_LEVELS:
        merged |= set(by_size[MOST_LEVELS - 1 :])
    if len(merged) < 2:
        merged = set()
    other = f"other ({len(merged)} groups)"
    values = np.where(np.isin(values, list(merged)), other, values) if merged else values
    kept = [level for level in levels if level not in merged]
    last = [level for level in (other, NOT_STATED) if (values == level).any()]
    names = (*kept, *last)
    code = pd.Categorical(values, names).codes.astype(np.int64)
    title = TITLES.get(name, name.replace("_", " ").capitalize())
    if table == "patients":
        return replace(_placed(cohort, name, title, names, code), n_merged=len(merged))
    of_patients = np.full(len(cohort.patients), -1, dtype=np.int64)
    of_patients[owner[rows]] = code[rows]
    return Grouping(name, title, names, of_patients, code, len(merged))


def severity_of(cohort: Cohort, people: ScoredPatients) -> Grouping | None:
    """Patients by the catalogue's band of their baseline score; None where no bands are published."""
    instrument = people.instrument
    if not instrument.bands:
        return None
    names = [band.name for band in instrument.bands]
    low = np.array([band.low for band in instrument.bands])
    order = np.argsort(low)
    code = np.full(len(cohort.patients), -1, dtype=np.int64)
    scored = np.isfinite(people.before)
    # A score between two bands is in the lower one.
    place = np.searchsorted(low[order], people.before[scored], side="right") - 1
    code[people.code[scored]] = order[np.maximum(place, 0)]
    return _placed(cohort, SEVERITY, f"Baseline {instrument.name}", names, code)
