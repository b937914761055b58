"""`by`: one level per patient, or per session, of a column that the analysis is split by."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.derive.clock import CLOCK_COLUMNS
from ketaoutcomes.errors import DataError, Problem

__all__ = ["Groups", "check_group_name", "groups", "session_groups"]

_MOST_NUMERIC_LEVELS = 10
_MOST_LEVELS = 60
# So many levels, such as the months of two years, are never too many; beyond, each needs some rows.
_ALWAYS_ALLOWED, _FEWEST_PER_LEVEL = 24, 3
_LONGEST_SHOWN = 40
# Keys and clocks: a level per row is no group.
_NEVER = CLOCK_COLUMNS | {"patient_id"}
# Columns of result tables: a group of the same name would hide one of them.
# fmt: off
_RESULT_COLUMNS = frozenset((
    "time", "day", "estimate", "estimate_high", "determined", "conf_low", "conf_high", "observed", "sd",
    "p10", "p90", "n", "n_events",
    "n_patients", "n_missing", "n_not_due", "n_responded", "n_unknown", "n_not_yet",
    "n_at_risk", "left", "right", "mass", "low", "high", "naive", "denominator", "effect", "ascertainment",
    "method", "gap", "log_likelihood", "converged", "unique", "n_replicates", "n_failed", "suppressed",
    "n_sessions", "n_stopped", "late_low", "late_high", "statistic", "df", "p_value",
))
# fmt: on


@dataclass(frozen=True)
class Groups:
    """The groups that `by` makes.

    Attributes
    ----------
    by : str or None
    levels : tuple
        Levels in order; one nameless level when `by` is None.
    code : (n,) int array
        Each row's place in `levels`; -1 where the level is missing.
    source : str
        "patients", or "sessions" when a patient has the value of one session: the first, or the last by
        some hour; "landmark" for what is known of the patient at an hour.
    """

    by: str | None
    levels: tuple
    code: np.ndarray
    source: str

    def __iter__(self):
        """Each level with its mask of rows."""
        for number, level in enumerate(self.levels):
            yield level, self.code == number

    @property
    def n_missing(self) -> int:
        """Rows without a level."""
        return int((self.code < 0).sum())

    def columns(self, number: int, n_rows: int) -> dict:
        """The `by` column for `n_rows` rows of level `number`; empty when there is no `by`."""
        return {} if self.by is None else {self.by: [self.levels[number]] * n_rows}


def groups(cohort: Cohort, by: str | None, *, until_hours: float | None = None) -> Groups:
    """Group of each patient, in the order of `cohort.patients`.

    Parameters
    ----------
    cohort : Cohort
    by : str or None
        Column of `patients`, or of `sessions` (the value at session 1).
    until_hours : float, optional
        Of a column of `sessions` the value at the last session by this hour, in place of session 1.

    Raises
    ------
    DataError
        If `by` is no column's name, there is no such column, or it has too many levels to be a group.
    """
    check_group_name(by)
    n_patients = len(cohort.patients)
    if by is None:
        return Groups(None, (None,), np.zeros(n_patients, dtype=np.int64), "patients")
    table = _table_of(cohort, by)
    if table == "patients":
        code, levels = _levels(cohort.patients[by], by, table)
        return Groups(by, levels, code, table)
    sessions = cohort.sessions
    owner = patient_codes(sessions)
    chosen = np.flatnonzero(first_of_segment(owner))
    if until_hours is not None:
        last = np.full(n_patients, -1, dtype=np.int64)
        by_then = np.flatnonzero(sessions["hour"].to_numpy(float) <= until_hours)
        # Rows rise in time within a patient, so the last assignment is the latest session.
        last[owner[by_then]] = by_then
        chosen = last[last >= 0]
    found, levels = _levels(sessions[by].iloc[chosen], by, table)
    code = np.full(n_patients, -1, dtype=np.int64)
    code[owner[chosen]] = found
    return Groups(by, levels, code, table)


def session_groups(cohort: Cohort, by: str | None) -> Groups:
    """Group of each session, in the order of `cohort.sessions`: its own value, or its patient's."""
    check_group_name(by)
    n_sessions = len(cohort.sessions)
    if by is None:
        return Groups(None, (None,), np.zeros(n_sessions, dtype=np.int64), "sessions")
    # A column that both tables have (such as clinic_id) is each session's own here.
    if by in cohort.sessions.columns and _table_of(cohort, by):
        code, levels = _levels(cohort.sessions[by], by, "sessions")
        return Groups(by, levels, code, "sessions")
    per_patient = groups(cohort, by)
    code = per_patient.code[patient_codes(cohort.sessions)]
    return Groups(by, per_patient.levels, code, "patients")


def check_group_name(by: object) -> None:
    """Refuse what is no column's name, such as the column itself; None is no grouping."""
    if by is not None and not isinstance(by, str):
        raise DataError('by takes one column\'s name, e.g. by="sex"; to split by two, join them in one')


def _table_of(cohort: Cohort, by: str) -> str:
    if by in _RESULT_COLUMNS:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    for table in ("patients", "sessions"):
        if by in getattr(cohort, table).columns and by not in _NEVER:
            return table
    choices = sorted((set(cohort.patients.columns) | set(cohort.sessions.columns)) - _NEVER)
    near = get_close_matches(by.strip().lower(), choices, n=1)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    # A long text is no column's name, and may be a cell.
    given = f'by="{by}" is' if len(by) <= _LONGEST_SHOWN and by.isprintable() else "by is"
    raise DataError(f"{given} no column of patients or sessions; {hint}choose one of: {', '.join(choices)}")


def _levels(values: pd.Series, by: str, table: str) -> tuple[np.ndarray, tuple]:
    """Level number of each value (-1 if missing) and the levels in order."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        code = values.cat.codes.to_numpy().astype(np.int64)
        levels = tuple(values.cat.categories)
    else:
        code, found = pd.factorize(values, sort=True)
        levels = tuple(found)
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    most = _MOST_NUMERIC_LEVELS if numeric else _MOST_LEVELS
    if len(levels) > most:
        advice = "cut it into bands and use the column of bands" if numeric else "merge its levels first"
        raise DataError(
            Problem(
                f"has {len(levels)} levels, too many for one row or curve each; {advice}",
                table=table,
                column=by,
                rule="too_many_levels",
            )
        )
    n_valued = int((np.asarray(code) >= 0).sum())
    if len(levels) > _ALWAYS_ALLOWED and len(levels) * _FEWEST_PER_LEVEL > n_valued:
        raise DataError(
            Problem(
                f"has {len(levels)} levels for {n_valued:,} {table}, fewer than {_FEWEST_PER_LEVEL} each, "
                "too few for one row or curve each; merge its levels first",
                table=table,
                column=by,
                rule="too_many_levels",
            )
        )
    if not levels:
        raise DataError(
            Problem("has no value, so it makes no groups", table=table, column=by, rule="no_levels")
        )
    return np.asarray(code, dtype=np.int64), levels
