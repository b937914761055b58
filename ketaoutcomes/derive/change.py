"""Change from baseline at every later score."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import baseline_rule
from ketaoutcomes.catalog.instruments import find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.baseline import VALID, baseline_of
from ketaoutcomes.derive.clock import CLOCK_COLUMNS
from ketaoutcomes.derive.outcomes import improvement
from ketaoutcomes.derive.scores import scores

__all__ = ["change_from_baseline"]

_NOT_COVARIATES = CLOCK_COLUMNS | {"patient_id", "session", "month"}


def change_from_baseline(cohort: Cohort, instrument: str, *, rule: str = "last_14_days") -> pd.DataFrame:
    """Every score after session 1, with the change from baseline and the covariates.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    rule : str
        Name of the baseline rule.

    Returns
    -------
    DataFrame
        One row per score after session 1 of a patient with a valid baseline,
        by patient and time: `patient_id`, `day` (days since session 1), `hour`,
        `session` (the last session before the score), `hours_since_session`,
        `score`, `baseline`, `change` (score minus baseline, points; negative is
        a fall), `fraction` (share of the way to the instrument's minimum), and
        every column of `patients` and, of the session that the score follows,
        of `sessions`. Where both have a column, the patient's is kept.

    Raises
    ------
    DataError
        If the instrument is not known or has no score.
    """
    known = find_instrument(instrument)
    placed = scores(cohort, instrument)
    start = baseline_of(cohort, placed, known, baseline_rule(rule))
    value = np.full(len(cohort.patients), np.nan)
    valid = (start["reason"] == VALID).to_numpy()
    value[patient_codes(start)[valid]] = start["baseline"].to_numpy(float)[valid]

    codes = patient_codes(placed)
    keep = (placed["session"].to_numpy() > 0) & np.isfinite(value[codes])
    rows = placed[keep].reset_index(drop=True)
    codes = codes[keep]
    base = value[codes]
    frame = rows[["patient_id", "day", "hour", "session", "hours_since_session", "score"]].assign(
        baseline=base,
        change=rows["score"].to_numpy(float) - base,
        fraction=improvement(known, rows["score"].to_numpy(float), base),
    )
    return _with_covariates(cohort, frame, codes)


def _with_covariates(cohort: Cohort, frame: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    """`frame` with the columns of each row's patient and of the session before it."""
    patients = cohort.patients
    own = [column for column in patients.columns if column not in {*frame.columns, *CLOCK_COLUMNS}]
    first = segment_starts(patient_codes(cohort.sessions), len(patients))
    at = first[codes] + frame["session"].to_numpy() - 1
    theirs = [
        column
        for column in cohort.sessions.columns
        if column not in frame.columns and column not in own and column not in _NOT_COVARIATES
    ]
    parts = [
        frame,
        patients[own].iloc[codes].reset_index(drop=True),
        cohort.sessions[theirs].iloc[at].reset_index(drop=True),
    ]
    return pd.concat(parts, axis=1)
