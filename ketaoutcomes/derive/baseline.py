"""The score from which change is counted, and why a patient has none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import BaselineRule, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.scores import HOURS_PER_DAY, scores, starters, superseded
from ketaoutcomes.errors import DataError

__all__ = ["AT_END", "NEVER", "NO_SCORE", "VALID", "baseline", "baseline_of"]

VALID = "valid"
NO_SCORE = "no score before session 1"
NEVER = "never scored with this instrument"
AT_END = "baseline at the end of the range that leaves no room to improve"


def baseline(cohort: Cohort, instrument: str, *, rule: str = "last_14_days") -> pd.DataFrame:
    """Each treated patient's baseline score, or the reason why there is none.

    The baseline is the last score before session 1 within the rule's days. A
    score at the session's own time is before it unless its timing says
    otherwise; of two at one time the one whose timing says "pre" is taken. A
    score at the instrument's minimum (or not above 0) leaves no room to improve,
    so it is kept in the frame but is no valid baseline.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    rule : str
        Name of a baseline rule: "last_14_days" or "last_30_days".

    Returns
    -------
    DataFrame
        One row per patient with a session: `patient_id`, `baseline` (points,
        missing if none), `baseline_hour` (hours, 0 or negative), `reason`
        ("valid", or why the patient is left out).
    """
    return baseline_of(cohort, scores(cohort, instrument), find_instrument(instrument), baseline_rule(rule))


def baseline_of(
    cohort: Cohort, placed: pd.DataFrame, instrument: Instrument, rule: BaselineRule
) -> pd.DataFrame:
    """As `baseline`, from scores that are already placed among the sessions."""
    if rule.which != "last":
        raise DataError(f'baseline rule "{rule.name}": only the last score in the window can be used')
    n_patients = len(cohort.patients)
    codes = patient_codes(placed)
    hour = placed["hour"].to_numpy(float)
    before = placed["session"].to_numpy() == 0
    inside = before & (hour >= rule.low_hours) & ~superseded(placed)

    has_any = np.zeros(n_patients, dtype=bool)
    has_any[codes[before]] = True
    last = np.full(n_patients, -1, dtype=np.int64)
    rows = np.flatnonzero(inside)
    # Rows ascend in time within a patient, so the last assignment is the latest score.
    last[codes[rows]] = rows
    found = last >= 0

    value = np.full(n_patients, np.nan)
    value[found] = placed["score"].to_numpy(float)[last[found]]
    taken = np.full(n_patients, np.nan)
    # A time known only to the day may lie nominally after the session that it precedes.
    taken[found] = np.minimum(hour[last[found]], 0.0)

    days = f"{-rule.low_hours / HOURS_PER_DAY:g}"
    reason = np.full(n_patients, VALID, dtype=object)
    reason[found & no_room(value, instrument)] = AT_END
    reason[~found] = f"no score in the {days} days before session 1"
    reason[~has_any] = NO_SCORE
    reason[~np.isin(np.arange(n_patients), codes)] = NEVER

    treated = starters(cohort)
    ids = pd.Categorical.from_codes(np.flatnonzero(treated), dtype=placed["patient_id"].dtype)
    return pd.DataFrame(
        {
            "patient_id": ids,
            "baseline": value[treated],
            "baseline_hour": taken[treated],
            "reason": pd.array(reason[treated], dtype="str"),
        }
    )


def no_room(score: np.ndarray, instrument: Instrument) -> np.ndarray:
    """Marks scores from which the instrument cannot show improvement; bool."""
    if instrument.higher_is == "better":
        return score >= instrument.maximum
    return (score <= instrument.minimum) | (score <= 0.0)
