"""Whether patients respond after their first, second, … session, at the first score after it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_count, is_number
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes, segment_starts
from ketaoutcomes.derive.clock import whole_days
from ketaoutcomes.derive.event_setup import judged
from ketaoutcomes.derive.scores import superseded
from ketaoutcomes.errors import DataError

__all__ = ["response_after_sessions"]


def response_after_sessions(
    cohort: Cohort,
    instrument: str,
    *,
    most: int = 8,
    within_days: float = 7.0,
    definition: str | None = None,
    baseline: str = "last_14_days",
) -> pd.DataFrame:
    """How many respond after session 1, 2, …, each counted at the first score after that session.

    Only the score between the session and the patient's next one counts, and only within
    `within_days` of it. It is the state at that time: a patient who responded after session 2 and
    not after session 6 does not count at 6.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    most : int
        Last session to look at.
    within_days : float
        Counted to the nearest whole day.
    definition : str, optional
        "response" (the default), "remission", or the name of a definition of either.
    baseline : str
        Name of the baseline rule.

    Returns
    -------
    DataFrame
        One row per session: `session`; `n_events` responding and `n` scored after it; `n_reached`,
        who had it; `n_eligible`, all who can be judged, whether they came so far or not.

    Raises
    ------
    DataError
        If the instrument has no score, or the definition does not suit it.
    """
    check_count("most", most, least=1)
    if not is_number(within_days) or not within_days > 0:
        raise DataError("within_days must be one number of days above 0, e.g. within_days=7")
    found = judged(cohort, instrument, definition, baseline)
    placed = found.placed
    codes, number = patient_codes(placed), placed["session"].to_numpy()
    days = whole_days(placed["hours_since_session"])
    with np.errstate(invalid="ignore"):
        inside = (number >= 1) & (number <= most) & (days <= within_days)
    rows = np.flatnonzero(inside & found.eligible[codes] & ~superseded(placed))
    # Rows rise in time within a patient; where only days are known the numbers need not.
    rows = rows[np.lexsort((rows, number[rows], codes[rows]))]
    first = rows[first_of_segment(codes[rows] * (most + 1) + number[rows])]
    holds = found.meets(placed.iloc[first], codes[first])
    starts = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
    had = np.diff(starts)[found.eligible]
    sessions = np.arange(1, most + 1)
    return pd.DataFrame(
        {
            "session": sessions,
            "n_events": np.bincount(number[first][holds], minlength=most + 1)[1:],
            "n": np.bincount(number[first], minlength=most + 1)[1:],
            "n_reached": (had[:, None] >= sessions).sum(axis=0),
            "n_eligible": np.full(most, int(found.eligible.sum())),
        }
    )
