"""When patients are assessed, and what was on record just before: the rows of an intensity model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import HOURS_PER_DAY
from ketaoutcomes.derive.episode_rows import closings
from ketaoutcomes.derive.scores import scores, superseded
from ketaoutcomes.errors import DataError, Problem

__all__ = ["SESSION_BANDS", "AssessmentSet", "assessment_set"]

# Days since the last session at which a row is cut, and the name of each band.
SESSION_BANDS = ((1.0, "under 1 day"), (7.0, "1 to 7 days"), (14.0, "7 to 14 days"), (28.0, "14 to 28 days"))
_LAST_BAND = "over 28 days"
_AT_SESSION, _BETWEEN, _NOT_SAID = "at a session", "between sessions", "not said"
_KINDS = {"pre": _AT_SESSION, "during": _AT_SESSION, "post": _AT_SESSION, "remote": _BETWEEN}
_NO_TIME = 1e-6


@dataclass(frozen=True)
class AssessmentSet:
    """Assessments after session 1, and the time in which each might have come.

    Attributes
    ----------
    rows : DataFrame
        Pieces of time at risk of an assessment, by patient and time: `code` (row of the patient in
        `cohort.patients`), `start`, `stop` (hours since session 1), `assessed` (bool: at `stop`),
        `gap` (number of the gap), `last_score`, `last_change` (of the last score against the one
        before it; 0 if there was none), `band` (number of the band of days since the last session).
    assessments : DataFrame
        One row per assessment that ends a gap: `code`, `hour`, `score`, `kind` ("at a session",
        "between sessions", "not said"), `gap_days`, and `row`, that of `rows` which it ends.
    bands : tuple of str
    instrument : Instrument
    n_patients : int
        With time at risk.
    n_unscored : int
        Treated patients without a score before or after session 1.
    n_same_time : int
        Assessments at the very time of another one of the patient, left out.
    patient_weeks : (n_patients of the cohort,) float array
        Time at risk of each.
    """

    rows: pd.DataFrame
    assessments: pd.DataFrame
    bands: tuple[str, ...]
    instrument: Instrument
    n_patients: int
    n_unscored: int
    n_same_time: int
    patient_weeks: np.ndarray


def assessment_set(cohort: Cohort, instrument: str, *, horizon_hours: float | None = None) -> AssessmentSet:
    """Gaps between assessments, cut where a session or a week passes.

    A patient is at risk of an assessment from session 1 on, or from the first later score if there
    is none before it, until the records close: the stop or planned end, the loss of contact, the
    data cut, or without one the last record. The score that a row starts with is the last one known
    then; what happens in the row does not change it.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    horizon_hours : float, optional
        Later time is not looked at.

    Raises
    ------
    DataError
        If no patient has a score that is followed by time at risk.
    """
    check_cohort(cohort)
    known = find_instrument(instrument)
    placed = scores(cohort, instrument)
    score = placed["score"].to_numpy(float)
    placed = placed[~superseded(placed) & np.isfinite(score)].reset_index(drop=True)
    code = patient_codes(placed)
    hour = placed["hour"].to_numpy(float)
    # A score before session 1 may nominally lie after it, where only its day is known.
    hour = np.where(placed["session"].to_numpy() == 0, np.minimum(hour, 0.0), np.maximum(hour, 0.0))
    again = np.zeros(len(placed), bool)
    again[1:] = (code[1:] == code[:-1]) & (hour[1:] - hour[:-1] <= _NO_TIME) & (hour[1:] > 0)
    n_same = int(again.sum())
    placed, code, hour = placed[~again].reset_index(drop=True), code[~again], hour[~again]

    start, stop, opener = _gaps(cohort, code, hour, horizon_hours)
    if not len(start):
        raise DataError(
            Problem(
                f"no patient has a score of {known.name} with time under observation after it",
                table="scores",
                rule="no_assessments",
            )
        )
    rows = _cut(cohort, code[opener], start, stop)
    gap = rows["gap"].to_numpy()
    closing = opener[gap] + 1
    inside = np.minimum(closing, len(code) - 1)
    assessed = (closing < len(code)) & (code[inside] == code[opener[gap]])
    assessed &= np.isclose(hour[inside], rows["stop"].to_numpy(), rtol=0, atol=_NO_TIME)
    value = placed["score"].to_numpy(float)
    before = np.maximum(opener - 1, 0)
    has_before = (opener > 0) & (code[before] == code[opener])
    change = np.where(has_before, value[opener] - value[before], 0.0)
    rows = rows.assign(assessed=assessed, last_score=value[opener][gap], last_change=change[gap])

    at = np.flatnonzero(assessed)
    taken = closing[at]
    weeks = np.bincount(rows["code"], rows["stop"] - rows["start"], len(cohort.patients))
    weeks /= 7 * HOURS_PER_DAY
    assessments = pd.DataFrame(
        {
            "code": code[taken],
            "hour": hour[taken],
            "score": value[taken],
            "kind": pd.array(_kinds(placed, taken), dtype="str"),
            "gap_days": (stop - start)[gap[at]] / HOURS_PER_DAY,
            "row": at,
        }
    )
    treated = np.unique(patient_codes(cohort.sessions)).size
    return AssessmentSet(
        rows=rows,
        assessments=assessments,
        bands=(*(name for _, name in SESSION_BANDS), _LAST_BAND),
        instrument=known,
        n_patients=int((weeks > 0).sum()),
        n_unscored=treated - int((weeks > 0).sum()),
        n_same_time=n_same,
        patient_weeks=weeks,
    )


def _gaps(cohort: Cohort, code: np.ndarray, hour: np.ndarray, horizon: float | None):
    """Start and stop of the time from each score to the next, and the score's row."""
    closing, _ = closings(cohort)
    last = ~np.append(code[1:] == code[:-1], False)
    following = np.append(hour[1:], np.nan)
    stop = np.where(last, np.fmax(closing[code], hour), following)
    start = np.maximum(hour, 0.0)
    if horizon is not None:
        stop = np.minimum(stop, horizon)
    treated = np.isin(code, patient_codes(cohort.sessions))
    opener = np.flatnonzero(treated & (stop - start > _NO_TIME))
    return start[opener], stop[opener], opener


def _cut(cohort: Cohort, code: np.ndarray, start: np.ndarray, stop: np.ndarray) -> pd.DataFrame:
    """Gaps cut at sessions and where a band of days since the last session ends."""
    owner = patient_codes(cohort.sessions)
    session = cohort.sessions["hour"].to_numpy(float)
    ends = np.array([0.0, *(days for days, _ in SESSION_BANDS)]) * HOURS_PER_DAY
    next_session = np.append(np.where(owner[1:] == owner[:-1], session[1:], np.inf), np.inf)
    cuts = (session[:, None] + ends).ravel()
    wanted = cuts < np.repeat(next_session, len(ends))
    cut_code, cuts = np.repeat(owner, len(ends))[wanted], cuts[wanted]
    band = np.tile(np.arange(len(ends)), len(session))[wanted]
    order = np.lexsort((cuts, cut_code))
    cut_code, cuts, band = cut_code[order], cuts[order], band[order]

    # Each gap's cuts are those of its patient strictly inside it.
    low = _place(cut_code, cuts, code, start, side="right")
    high = _place(cut_code, cuts, code, stop, side="left")
    n_pieces = 1 + np.maximum(high - low, 0)
    gap = np.repeat(np.arange(len(start)), n_pieces)
    number = np.arange(len(gap)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    at = low[gap] + number
    inner = np.minimum(at, len(cuts) - 1)
    earlier = np.maximum(at - 1, 0)
    piece_start = np.where(number == 0, start[gap], cuts[earlier])
    piece_stop = np.where(number == n_pieces[gap] - 1, stop[gap], cuts[inner])
    # The last cut at or before a piece's start says in which band it lies.
    frame = pd.DataFrame(
        {"code": code[gap], "start": piece_start, "stop": piece_stop, "gap": gap, "band": band[earlier]}
    )
    return frame[frame["stop"] - frame["start"] > _NO_TIME].reset_index(drop=True)


def _place(owner: np.ndarray, time: np.ndarray, code: np.ndarray, moment: np.ndarray, *, side: str):
    """Where each moment would stand among its owner's times; (k,) int."""
    tie = 1 if side == "right" else -1
    n = len(time)
    order = np.lexsort(
        (
            np.concatenate([np.zeros(n), np.full(len(moment), tie)]),
            np.concatenate([time, moment]),
            np.concatenate([owner, code]),
        )
    )
    is_time = order < n
    place = np.empty(len(moment), np.int64)
    place[order[~is_time] - n] = np.cumsum(is_time)[~is_time]
    return place


def _kinds(placed: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Whether each assessment was taken at a session, between sessions, or it is not said."""
    if "timing" not in placed.columns:
        return np.full(len(rows), _NOT_SAID, dtype=object)
    timing = placed["timing"].astype("object").iloc[rows].map(_KINDS)
    return timing.fillna(_NOT_SAID).to_numpy(dtype=object)
