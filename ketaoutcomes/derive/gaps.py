"""Gaps between sessions, with the last one of each patient open where no next session is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_cohort, check_count
from ketaoutcomes.derive.arrays import segment_starts
from ketaoutcomes.derive.clock import HOURS_PER_DAY, whole_days
from ketaoutcomes.derive.episode_rows import NEXT_SESSION, spans
from ketaoutcomes.errors import DataError, Problem

__all__ = ["GapSet", "gap_set"]


@dataclass(frozen=True)
class GapSet:
    """Gaps and what was left out.

    Attributes
    ----------
    frame : DataFrame
        One row per gap, by patient and time: `patient_id`; `session`, the number of the session that it
        follows; `number`, 1 for the patient's first gap that counts; `days` (to the nearest whole day,
        at least 1) and `exact_days`; `closed` (bool: a next session ended it); `reason` ("next
        session", or why the records close: "stopped", "completed", "no longer assessed"); `row`, that
        session's row in `cohort.sessions`.
    from_session : int or None
        First session that a gap may follow; None is the last session of the first induction.
    n_patients, n_without : int
        Treated patients, and those of them without a session that a gap may follow.
    n_day_only : int
        Gaps with an end known only to the day.
    """

    frame: pd.DataFrame
    from_session: int | None
    n_patients: int
    n_without: int
    n_day_only: int


def gap_set(cohort: Cohort, *, from_session: int | None = None) -> GapSet:
    """Gaps after induction, or from a session on, and each patient's last, open one.

    A gap runs from a session to the patient's next one. The one after the last session is open: the
    next session is not known by the data cut (or the last record without one), by the stop or the
    planned end of treatment, or by the loss of contact. An open gap of less than half a day says
    nothing and is left out.

    Parameters
    ----------
    cohort : Cohort
    from_session : int, optional
        Count gaps that follow this session or a later one; by default the last session of the first
        induction and all later ones.

    Raises
    ------
    DataError
        If no gap is closed by a next session.
    """
    check_cohort(cohort)
    if from_session is not None:
        check_count("from_session", from_session, least=1, meaning=", the first session")
    found = spans(cohort)
    number = found.table["session"].to_numpy()
    chosen = found.after_induction if from_session is None else number >= from_session
    closed = found.reason == NEXT_SESSION
    exact = found.length / HOURS_PER_DAY
    kept = np.flatnonzero(chosen & (closed | (whole_days(found.length) > 0)))
    if not closed[kept].any():
        what = "its induction" if from_session is None else f"session {from_session}"
        raise DataError(
            Problem(
                f"no patient has a session after {what}, so there is no gap between sessions to look at; "
                "from_session=1 takes all gaps",
                table="sessions",
                rule="no_gaps",
            )
        )
    code = found.code[kept]
    ends_vague = found.day_only.copy()
    ends_vague[:-1] |= found.day_only[1:] & closed[:-1]
    treated = np.unique(found.code).size
    frame = pd.DataFrame(
        {
            "patient_id": pd.Categorical.from_codes(code, dtype=found.table["patient_id"].dtype),
            "session": number[kept],
            "number": np.arange(kept.size) - segment_starts(code, len(cohort.patients))[code] + 1,
            "days": np.maximum(whole_days(found.length[kept]), 1.0),
            "exact_days": exact[kept],
            "closed": closed[kept],
            "reason": pd.array(found.reason[kept], dtype="str"),
            "row": kept,
        }
    )
    return GapSet(
        frame=frame,
        from_session=from_session,
        n_patients=treated,
        n_without=treated - np.unique(found.code[chosen]).size,
        n_day_only=int(ends_vague[kept].sum()),
    )
