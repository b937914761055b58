"""When each patient's treatment stopped other than as planned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.clock import day_only
from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.errors import DataError, Problem

__all__ = ["PLANNED_END", "Stops", "treatment_stops"]

# Words of `disposition.status` for patients whose treatment or follow-up ended as planned.
PLANNED_END = (
    "completed",
    "complete",
    "completer",
    "finished",
    "end of follow-up",
    "end of study",
    "planned end",
)


@dataclass(frozen=True)
class Stops:
    """Per patient, in the order of `cohort.patients`.

    Attributes
    ----------
    hour : (n,) float
        Hours since session 1 at which treatment stopped; inf where it is not known to have stopped.
    latest : (n,) float
        Last hour at which it may have stopped: the end of the day where only that is known. Assessments
        up to then count as made before the stop.
    session : (n,) float
        Number of the last session, for the patients who stopped; inf for the others.
    n_stopped : int
    n_planned : int
        Patients whose treatment ended as planned.
    n_silent : int
        Treated patients without a status.
    n_undated : int
        Patients who stopped at a time that is not given; they count as not known to have stopped.
    n_moved : int
        Patients with a session after their stop; they stopped at that session.
    n_day_only : int
        Stops known only to the day.
    """

    hour: np.ndarray
    latest: np.ndarray
    session: np.ndarray
    n_stopped: int
    n_planned: int
    n_silent: int
    n_undated: int
    n_moved: int
    n_day_only: int


def treatment_stops(cohort: Cohort) -> Stops:
    """When treatment stopped, from `disposition`: any status but still in treatment, or ended as planned.

    Raises
    ------
    DataError
        If the cohort has no disposition with a status.
    """
    check_cohort(cohort)
    table = cohort.disposition
    if len(table) and ("status" not in table.columns or not table["status"].notna().any()):
        lacks = "lacks the column status" if "status" not in table.columns else "has an empty column status"
        raise DataError(
            Problem(
                f"{lacks}, without which it is not known who stopped and who ended as planned; give e.g. "
                "ongoing, completed, stopped or lost to follow-up for each patient, or leave out "
                'competing="stop"',
                table="disposition",
                column="status",
                rule="no_status",
            )
        )
    if not len(table):
        raise DataError(
            Problem(
                "is needed to know when treatment stopped: one row per patient with patient_id, one of hour, "
                "day or (in a limited data set) when, and status, e.g. ongoing, completed, stopped, lost to "
                'follow-up; without it leave out competing="stop"',
                table="disposition",
                rule="no_disposition",
            )
        )
    n_patients = len(cohort.patients)
    words = table["status"].astype("str").str.strip().str.lower()
    codes = patient_codes(table)
    planned = np.zeros(n_patients, dtype=bool)
    planned[codes[words.isin(PLANNED_END).to_numpy()]] = True
    status = follow_up(cohort)
    stopped = status.left & ~planned & ~status.ongoing

    at, latest = np.full((2, n_patients), np.nan)
    at[codes], latest[codes] = table["hour"].to_numpy(float), table["hour_high"].to_numpy(float)
    vague = np.zeros(n_patients, dtype=bool)
    vague[codes] = day_only(table)
    last_session, last_hour = _last_sessions(cohort, n_patients)
    dated = stopped & np.isfinite(at)
    with np.errstate(invalid="ignore"):
        # A stop on the day of a session may stand nominally before it, and is no contradiction.
        moved = dated & (last_hour > np.fmax(at, latest))
    treated = last_session > 0
    hour = np.where(dated, np.fmax(np.fmax(at, last_hour), 0.0), np.inf)
    return Stops(
        hour=hour,
        latest=np.fmax(hour, np.where(dated, latest, np.inf)),
        session=np.where(dated, last_session, np.inf),
        n_stopped=int(dated.sum()),
        n_planned=int(planned.sum()),
        n_silent=int((treated & ~status.left & ~status.ongoing).sum()),
        n_undated=int((stopped & ~dated).sum()),
        n_moved=int(moved.sum()),
        n_day_only=int((dated & vague).sum()),
    )


def _last_sessions(cohort: Cohort, n_patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Number and hour of each patient's last session; 0 and missing without any."""
    sessions = cohort.sessions
    codes = patient_codes(sessions)
    number, hour = np.zeros(n_patients), np.full(n_patients, np.nan)
    # Rows rise in time within a patient, so the last assignment is the latest session.
    number[codes] = sessions["session"].to_numpy(float)
    hour[codes] = sessions["hour"].to_numpy(float)
    return number, hour
