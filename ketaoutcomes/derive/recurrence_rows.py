"""Losses of response as recurrent events: when each patient was at risk, and which loss it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.derive.baseline import VALID, baseline
from ketaoutcomes.derive.episode_rows import STOPPED, closings
from ketaoutcomes.derive.episodes import EpisodeSet
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.derive.sessions import induction

__all__ = ["ORIGINS", "CountRows", "RiskRows", "count_rows", "risk_rows"]

ORIGINS = ("first_response", "end_of_induction")
# Shorter is no time at risk but rounding, in hours.
_NO_TIME = 1e-6


@dataclass(frozen=True)
class RiskRows:
    """Time during which patients were responding and watched, cut at sessions.

    Attributes
    ----------
    frame : DataFrame
        One row per piece, by patient and time: the columns of the episodes, and `start`, `stop`,
        `middle` (hours since session 1; `middle` is halfway between the last assessment at which
        response was kept and the one that found the loss), `loss` (bool: found at `stop`), `order`
        (1 + losses before), `spell_start` (when response was first seen after the loss before).
    n_without_time : int
        Episodes without an assessment after the one that began them.
    n_losses : int
    """

    frame: pd.DataFrame
    n_without_time: int
    n_losses: int


def risk_rows(found: EpisodeSet) -> RiskRows:
    """When patients were at risk of being seen to lose their response.

    A patient is at risk from the assessment that begins an episode. A loss ends it at the
    assessment that found it. Without a loss it goes on through the next session if response is
    carried into it, and else ends at the last assessment at which response was kept: beyond it a
    loss could not have been seen.

    Parameters
    ----------
    found : EpisodeSet
        With the session's clock.

    Returns
    -------
    RiskRows
    """
    frame = found.frame
    code = patient_codes(frame)
    at, session = frame["session_hour"].to_numpy(float), frame["session"].to_numpy(np.int64)
    left, right = frame["left"].to_numpy(float), frame["right"].to_numpy(float)
    loss = np.isfinite(right)
    goes_on = np.zeros(len(frame), bool)
    goes_on[:-1] = (code[1:] == code[:-1]) & (session[1:] == session[:-1] + 1)
    goes_on[:-1] &= frame["carried"].to_numpy(bool)[1:]
    start = at + frame["entry"].to_numpy(float)
    stop = at + np.where(loss, right, np.where(goes_on, frame["end"].to_numpy(float), left))
    middle = at + (left + np.where(loss, right, left)) / 2

    has_time = stop - start > _NO_TIME
    rows = np.flatnonzero(has_time)
    first = first_of_segment(code[rows])
    earlier = np.cumsum(loss[rows]) - loss[rows]
    order = 1 + earlier - earlier[np.flatnonzero(first)[np.cumsum(first) - 1]] if len(rows) else rows
    begins = first.copy()
    begins[1:] |= order[1:] != order[:-1]
    spell_start = start[rows][np.flatnonzero(begins)[np.cumsum(begins) - 1]] if len(rows) else start[rows]
    table = (
        frame.iloc[rows]
        .reset_index(drop=True)
        .assign(
            start=start[rows],
            stop=stop[rows],
            middle=middle[rows],
            loss=loss[rows],
            order=order,
            spell_start=spell_start,
        )
    )
    return RiskRows(table, int((~has_time).sum()), int(loss[rows].sum()))


@dataclass(frozen=True)
class CountRows:
    """Time during which a loss of response would have been counted, cut at losses.

    Attributes
    ----------
    code : (n,) int array
        Row of the patient in `cohort.patients`.
    start, stop : (n,) float array
        Hours since the patient's origin.
    loss : (n,) bool array
    n_without_time : int
        Patients without an assessment after their origin.
    """

    code: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    loss: np.ndarray
    n_without_time: int


def count_rows(cohort: Cohort, found: EpisodeSet, risk: RiskRows, *, origin: str) -> CountRows:
    """From each patient's origin to the last assessment, responding or not.

    Parameters
    ----------
    origin : {"first_response", "end_of_induction"}
        The assessment that begins a patient's first episode, for the patients who have one; or the
        last session of the induction, for all with a valid baseline.
    """
    n_patients = len(cohort.patients)
    code = patient_codes(risk.frame)
    begins = np.full(n_patients, np.nan)
    if origin == "first_response":
        every = patient_codes(found.frame)
        first = first_of_segment(every)
        hour = found.frame["session_hour"].to_numpy(float) + found.frame["entry"].to_numpy(float)
        begins[every[first]] = hour[first]
    else:
        start = baseline(cohort, found.instrument.name, rule=found.baseline.name)
        valid = patient_codes(start)[(start["reason"] == VALID).to_numpy()]
        begins[valid] = induction(cohort).last_hour[valid]

    placed = scores(cohort, found.instrument.name)
    owner = patient_codes(placed)
    ends = np.full(n_patients, -np.inf)
    np.maximum.at(ends, owner, np.where(placed["session"] > 0, placed["hour"].to_numpy(float), -np.inf))
    closing, why = closings(cohort)
    ends = np.where(why == STOPPED, np.fmin(ends, closing), ends)
    losses = risk.frame["loss"].to_numpy(bool)
    owner, hour = code[losses], risk.frame["stop"].to_numpy(float)[losses]
    later = hour > np.nan_to_num(begins[owner], nan=np.inf)
    owner, hour = owner[later], hour[later]
    np.maximum.at(ends, owner, hour)

    known = np.isfinite(begins)
    watched = np.flatnonzero(known & (ends - np.where(known, begins, 0.0) > _NO_TIME))
    # Ends of pieces: the losses of each patient, and the last assessment.
    patient = np.concatenate([owner, watched])
    stop = np.concatenate([hour, ends[watched]])
    event = np.concatenate([np.ones(len(owner), bool), np.zeros(len(watched), bool)])
    order = np.lexsort((~event, stop, patient))
    patient, stop, event = patient[order], stop[order], event[order]
    start = np.concatenate([[0.0], stop[:-1]]) if len(stop) else stop
    start = np.where(first_of_segment(patient), begins[patient], start)
    kept = stop - start > _NO_TIME
    patient = patient[kept]
    start, stop = start[kept] - begins[patient], stop[kept] - begins[patient]
    return CountRows(patient, start, stop, event[kept], int(known.sum() - len(watched)))
