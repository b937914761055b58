"""How many patients share what may be known of them: k-anonymity by sets of quasi-identifiers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.errors import ConfigError

__all__ = ["uniqueness"]

HOURS_PER_DAY = 24.0
FIRST_SESSIONS = (2, 3, 5)
WHO = ("sex", "age", "diagnosis")
KINDS = {"quasi_identifiers": "str"} | dict.fromkeys(
    ("n_patients", "n_combinations", "n_unique", "n_in_small_groups", "smallest_group"), "int64"
)


def uniqueness(
    tables: Mapping[str, pd.DataFrame],
    *,
    min_group: int = 5,
    day_step: int = 1,
    leave: Collection[str] = (),
) -> pd.DataFrame:
    """Return how many patients are alone, or nearly, in what others may know of them.

    A quasi-identifier names nobody, and in combination may fit one patient only.
    The days of all sessions do as a rule: a course of a year is as good as a name
    to whoever knows when the patient was treated. Without a month nobody can tell
    the year, but the gaps remain.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Of a cohort; `patients` and `sessions` are looked at.
    min_group : int
        Groups of fewer patients are small.
    day_step : int
        In this view, days are rounded down to multiples of it, e.g. 7 for weeks. The
        tables are as they are.
    leave : collection of str
        Columns of `patients` that are not looked at, such as kept text.

    Returns
    -------
    DataFrame
        quasi_identifiers, n_patients, n_combinations, n_unique (groups of one),
        n_in_small_groups (patients in groups below `min_group`), smallest_group. A
        missing value is a level of its own.

    Raises
    ------
    ConfigError
        If `min_group` or `day_step` is no whole number of at least 1.
    """
    for name, value in (("min_group", min_group), ("day_step", day_step)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ConfigError(f"{name} must be a whole number of at least 1")
    patients = tables["patients"].reset_index(drop=True)
    sets: dict[str, list[pd.Series]] = {}
    for names in _column_sets(patients, leave):
        sets[", ".join(names)] = [patients[name] for name in names]
    sets |= _of_sessions(tables["sessions"], patients["patient_id"], int(day_step))
    rows = [(name, *_counts(columns, len(patients), min_group)) for name, columns in sets.items()]
    return pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS)


def _column_sets(patients: pd.DataFrame, leave: Collection[str]) -> list[list[str]]:
    """Return which columns are looked at together; those that are not there are left out."""
    there = [name for name in WHO if name in patients.columns]
    base = [*there, *(name for name in ("clinic_id",) if name in patients.columns)]
    others = [
        name
        for name in patients.columns
        if name not in (*WHO, "patient_id", "clinic_id", *leave) and _is_categorical(patients[name])
    ]
    sets = [["age"], ["sex", "age"], list(WHO)]
    sets = [[name for name in one if name in there] for one in sets]
    sets += [base, *([*base, name] for name in others)]
    if len(others) > 1:
        sets.append([*base, *others])
    return [list(one) for one in dict.fromkeys(map(tuple, sets)) if one]


def _is_categorical(column: pd.Series) -> bool:
    kind = column.dtype
    words = isinstance(kind, pd.CategoricalDtype | pd.StringDtype) or pd.api.types.is_bool_dtype(kind)
    return words or load_rules().zip3_header(str(column.name))


def _of_sessions(sessions: pd.DataFrame, ids: pd.Series, step: int) -> dict[str, list[pd.Series]]:
    """Return what the sessions tell of each patient: their days, their number, the month of the first."""
    place = pd.Series(np.arange(len(ids)), index=ids.astype("str").to_numpy())
    patient = place.loc[sessions["patient_id"].astype("str").to_numpy()].to_numpy()
    hour = sessions["hour"].to_numpy(float)
    order = np.lexsort((hour, patient))
    patient = patient[order]
    day = np.floor(hour[order] / HOURS_PER_DAY + 0.5).astype(np.int64) // step * step
    ordered = pd.Series(day.astype(str), dtype="str")
    rank = pd.Series(patient).groupby(patient).cumcount().to_numpy()
    in_words = "days" if step == 1 else f"days in steps of {step}"
    sets = {f"{in_words} of all sessions": [_joined(ordered, patient, len(ids))]}
    for k in FIRST_SESSIONS:
        first = rank < k
        sets[f"{in_words} of the first {k} sessions"] = [_joined(ordered[first], patient[first], len(ids))]
    sets["number of sessions"] = [pd.Series(np.bincount(patient, minlength=len(ids)))]
    if "month" in sessions.columns:
        month = np.full(len(ids), None, dtype=object)
        earliest = order[rank == 0]
        month[patient[rank == 0]] = sessions["month"].astype("object").to_numpy()[earliest]
        sets["month of the first session"] = [pd.Series(month)]
    return sets


def _joined(day: pd.Series, patient: np.ndarray, n: int) -> pd.Series:
    """Return each patient's days as one text; "" without a session."""
    found = day.reset_index(drop=True).groupby(patient).agg(",".join)
    return found.reindex(range(n), fill_value="").reset_index(drop=True)


def _counts(columns: list[pd.Series], n: int, min_group: int) -> tuple[int, int, int, int, int]:
    codes = np.zeros(n, dtype=np.int64)
    for column in columns:
        level = pd.factorize(column, use_na_sentinel=True)[0] + 1
        # Numbered anew after each column, so that the products stay small.
        codes = np.unique(codes * (int(level.max(initial=0)) + 1) + level, return_inverse=True)[1]
    sizes = np.bincount(codes) if n else np.zeros(0, dtype=np.int64)
    sizes = sizes[sizes > 0]
    small = int(sizes[sizes < min_group].sum())
    return n, sizes.size, int((sizes == 1).sum()), small, int(sizes.min(initial=n) if sizes.size else 0)
