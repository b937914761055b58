"""Outcomes and safety month by month, made by the same estimators as the sections.

Every function returns a tidy table with a column `month`; without months it has one row, "all".
Outcomes belong to the month in which a patient's induction ended, safety to that of the session.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, session_rows
from ketaoutcomes.derive.baseline import VALID, baseline
from ketaoutcomes.derive.sessions import session_table
from ketaoutcomes.derive.side_effects import NONE, recorded_side_effects
from ketaoutcomes.derive.windows import NOT_DUE, SCORED, windowed
from ketaoutcomes.engine.means import mean_interval
from ketaoutcomes.engine.rates import cluster_ratio_by, wilson
from ketaoutcomes.report.scope import WINDOW, with_column

__all__ = [
    "ALL",
    "ANY_SIDE_EFFECT",
    "KEY",
    "PREVIOUS",
    "follow_up_by_month",
    "mean_change_by_month",
    "outcome_by_month",
    "session_measures",
    "with_months",
]

ALL = "all"
PREVIOUS = "previous 12 months"
ANY_SIDE_EFFECT = "any_side_effect_"
KEY = "report_month"
SYSTOLIC, DIASTOLIC = 165.0, 100.0


def with_months(cohort: Cohort, months: tuple[str, ...] | None) -> Cohort:
    """`cohort` with `report_month`: of each session its own, of each patient that of the end of induction.

    Sessions of other months, and patients without a complete induction that ended in one of the
    months, have none; without months all have "all".
    """
    sessions = session_table(cohort)
    codes = patient_codes(sessions)
    ended = (sessions["last_induction"] & sessions["induction_complete"]).to_numpy(bool)
    of_session = _wanted(sessions, months)
    of_patient = np.full(len(cohort.patients), None, dtype=object)
    of_patient[codes[ended]] = of_session[ended]
    marked = with_column(cohort, "sessions", KEY, pd.array(of_session, dtype="str"))
    return with_column(marked, "patients", KEY, pd.array(of_patient, dtype="str"))


def _wanted(sessions: pd.DataFrame, months: tuple[str, ...] | None) -> np.ndarray:
    if months is None:
        return np.full(len(sessions), ALL, dtype=object)
    return sessions["month"].where(sessions["month"].isin(months)).astype("object").to_numpy()


def outcome_by_month(cohort: Cohort, instrument: str, outcome: str, *, level: float) -> pd.DataFrame:
    """Those who met the definition, of those scored after induction.

    Returns
    -------
    DataFrame
        `month`, `n_events`, `n`, the interval, and of those whose induction ended in the month and
        whose window has closed: `n_missing` (outcome not known), which is `n_no_baseline` (no valid
        baseline) and `n_not_scored` (no score in the window). `n_not_due`: window still open, in no
        other number.
    """
    unknown = ["n_missing", "n_no_baseline", "n_not_scored", "n_not_due"]
    if not cohort.patients[KEY].notna().any():
        return _nothing(["n_events", "n", *unknown])
    rates = response_rates(cohort, instrument, at=WINDOW, outcome=outcome, by=KEY, level=level).table
    wide = rates[rates["denominator"] == "scored"].drop(columns=["denominator", "n_missing"]).set_index(KEY)
    ended, eligible = (
        rates[rates["denominator"] == name].set_index(KEY)["n"] for name in ("starters", "baseline_eligible")
    )
    wide = wide.assign(
        n_missing=ended - wide["n"], n_no_baseline=ended - eligible, n_not_scored=eligible - wide["n"]
    )
    return wide.rename_axis("month").reset_index()


def follow_up_by_month(cohort: Cohort, instrument: str, *, level: float) -> pd.DataFrame:
    """Those scored in the window after induction, of those with a valid baseline whose window has closed.

    Returns
    -------
    DataFrame
        `month`, `n_events`, `n`, the interval, and `n_no_baseline`: whose induction ended in the month
        and whose window has closed, but who have no valid baseline.
    """
    people = _people(cohort, instrument)
    months, code = _months_of(people)
    n = _per_month(code, months, people["eligible"])
    x = _per_month(code, months, people["eligible"] & people["scored"])
    low, high = wilson(x, n, level=level)
    return pd.DataFrame(
        {
            "month": months,
            "n_events": x,
            "n": n,
            "n_no_baseline": np.bincount(code, minlength=len(months)) - n,
            "estimate": np.divide(x, n, out=np.full(n.size, np.nan), where=n > 0),
            "conf_low": low,
            "conf_high": high,
        }
    )


def mean_change_by_month(cohort: Cohort, instrument: str, *, level: float) -> pd.DataFrame:
    """Mean change from baseline to the window after induction, points.

    Returns
    -------
    DataFrame
        `month`, `n`, `n_missing`, `n_no_baseline` and `n_not_scored` as in `outcome_by_month`,
        `estimate`, its interval, `sd`.
    """
    people = _people(cohort, instrument)
    months, code = _months_of(people)
    used = (people["eligible"] & people["scored"]).to_numpy(bool)
    means = mean_interval(
        people["change"].to_numpy(float)[used], codes=code[used], n_groups=len(months), level=level
    )
    total, eligible = np.bincount(code, minlength=len(months)), _per_month(code, months, people["eligible"])
    return pd.DataFrame(
        {
            "month": months,
            "n": means.n,
            "n_missing": total - means.n,
            "n_no_baseline": total - eligible,
            "n_not_scored": eligible - means.n,
            "estimate": means.mean,
            "conf_low": means.conf_low,
            "conf_high": means.conf_high,
            "sd": means.sd,
        }
    )


def _people(cohort: Cohort, instrument: str) -> pd.DataFrame:
    """One row per patient whose induction ended in a month of the report and whose window has closed.

    It stays in this module.
    """
    seen, start = windowed(cohort, instrument, WINDOW), baseline(cohort, instrument)
    month = cohort.patients[KEY].to_numpy(dtype=object)[patient_codes(start)]
    people = pd.DataFrame(
        {
            "month": pd.array(month, dtype="str"),
            "eligible": (start["reason"] == VALID).to_numpy(),
            "scored": (seen["status"] == SCORED).to_numpy(),
            "change": (seen["score"] - start["baseline"]).to_numpy(float),
        }
    )
    due = (seen["status"] != NOT_DUE).to_numpy()
    return people[people["month"].notna() & due].reset_index(drop=True)


def session_measures(
    cohort: Cohort, *, level: float, before: tuple[str, ...] = ()
) -> dict[str, pd.DataFrame]:
    """Side effects, blood pressure, early stops and serious effects per session, by name.

    What is not recorded is left out. Each table has `month`, `n_events`, `n` (sessions where it is
    known), `n_sessions`, `n_no_record` (of side effects in any way), `n_patients`,
    `n_patients_with_event` and the interval that allows for several sessions per patient. A last
    row, "previous 12 months", is made of the sessions of `before`, if there are any.
    """
    sessions = cohort.sessions
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    if "side_effects" in cohort.present:
        found |= _any_side_effect(cohort)
    if len(cohort.vitals):
        found["blood_pressure"] = _blood_pressure(cohort)
    if "stopped_early" in sessions.columns:
        known = sessions["stopped_early"].notna().to_numpy(bool)
        found["stopped_early"] = (sessions["stopped_early"].fillna(False).to_numpy(bool), known)
    if "serious" in cohort.side_effects.columns:
        found["serious"] = _serious(cohort)
    return {
        name: _per_session(cohort, *flags, level=level, before=before)
        for name, flags in found.items()
        if flags[1].any()
    }


def _any_side_effect(cohort: Cohort) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Sessions with any effect, and sessions with a record, for each way of asking."""
    found = recorded_side_effects(cohort)
    flags = {}
    for number, way in enumerate(found.ways):
        known, event = (np.zeros(len(cohort.sessions), bool) for _ in range(2))
        known[found.session_row[found.way == number]] = True
        records = np.unique(found.record)
        event[found.session_row[records[found.way[records] == number]]] = True
        flags[f"{ANY_SIDE_EFFECT}{way.replace(' ', '_')}"] = (event, known)
    return flags


def _blood_pressure(cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Sessions with a reading at or above 165 systolic or 100 diastolic, and sessions with a reading.

    Readings before the session's start are left out: what they show did not arise in the session.
    """
    vitals = cohort.vitals
    vitals = vitals[~(vitals["minute"] < 0)]
    missing = pd.Series(np.nan, index=vitals.index)
    systolic = vitals.get("sbp", missing).to_numpy(float)
    diastolic = vitals.get("dbp", missing).to_numpy(float)
    row = session_rows(cohort.sessions, vitals, len(cohort.patients))
    reached, known = np.zeros(len(cohort.sessions), bool), np.zeros(len(cohort.sessions), bool)
    known[row[np.isfinite(systolic) | np.isfinite(diastolic)]] = True
    reached[row[(systolic >= SYSTOLIC) | (diastolic >= DIASTOLIC)]] = True
    return reached, known


def _serious(cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Sessions with an effect stated to be serious, and sessions with a record of side effects.

    An effect of which nobody says so is not counted, as in section 6, so that the share is the lower
    bound. A clinic that states it of no effect does not record it, so then nothing is known.
    """
    table = cohort.side_effects
    row = session_rows(cohort.sessions, table, len(cohort.patients))
    serious = np.zeros(len(cohort.sessions), bool)
    serious[row[table["serious"].fillna(False).to_numpy(bool)]] = True
    is_effect = (table["effect"].astype("str").str.strip().str.lower() != NONE).to_numpy(bool)
    stated = table["serious"].notna().to_numpy(bool)
    return serious, _recorded(cohort) & (is_effect & stated).any()


def _recorded(cohort: Cohort) -> np.ndarray:
    """Sessions with a record of side effects, asked in any way; bool."""
    recorded = np.zeros(len(cohort.sessions), bool)
    recorded[recorded_side_effects(cohort).session_row] = True
    return recorded


def _per_session(
    cohort: Cohort, events: np.ndarray, known: np.ndarray, *, level: float, before: tuple[str, ...]
) -> pd.DataFrame:
    """Rates by month of sessions with the event, of sessions where it is known."""
    code, months = pd.factorize(cohort.sessions[KEY], sort=True)
    owner, n_patients, n_months = patient_codes(cohort.sessions), len(cohort.patients), len(months)
    inside = code >= 0
    year = np.flatnonzero(np.isin(months.astype(str), before))

    def cells(mask: np.ndarray) -> np.ndarray:
        place = owner[mask & inside] * n_months + code[mask & inside]
        counts = np.bincount(place, minlength=n_patients * n_months).reshape(n_patients, n_months)
        return np.column_stack([counts, counts[:, year].sum(axis=1)]) if year.size else counts

    x, n = cells(events & known), cells(known)
    rate = cluster_ratio_by(x, n, level=level)
    silent = ~_recorded(cohort) if "side_effects" in cohort.present else np.ones(len(known), bool)
    return pd.DataFrame(
        {
            "month": pd.array([*months, *([PREVIOUS] if year.size else [])], dtype="str"),
            "n_events": rate.n_events,
            "n": rate.n_trials,
            "n_sessions": cells(np.ones(len(known), bool)).sum(axis=0),
            "n_no_record": cells(silent).sum(axis=0),
            "n_patients": rate.n_clusters,
            "n_patients_with_event": (x > 0).sum(axis=0),
            "estimate": rate.estimate,
            "conf_low": rate.conf_low,
            "conf_high": rate.conf_high,
        }
    )


def _months_of(people: pd.DataFrame) -> tuple[pd.api.extensions.ExtensionArray, np.ndarray]:
    """The months in order, and the place of each person's among them."""
    code, months = pd.factorize(people["month"], sort=True)
    return pd.array(months, dtype="str"), code


def _per_month(code: np.ndarray, months, marked: pd.Series) -> np.ndarray:
    return np.bincount(code[marked.to_numpy(bool)], minlength=len(months))


def _nothing(counts: list[str]) -> pd.DataFrame:
    columns = {"month": "str", **dict.fromkeys(counts, "int64")}
    columns |= dict.fromkeys(("estimate", "conf_low", "conf_high"), "float64")
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})
