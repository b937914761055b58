"""At which minutes of a session the patient was looked at, and between which of them a time lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import session_rows
from ketaoutcomes.errors import DataError

__all__ = ["DISCHARGE", "LAST_READING", "VITALS", "Checks", "session_checks"]

VITALS = "vitals"
DISCHARGE, LAST_READING = "monitored_minutes", "last reading of vital signs"
# More than any minute of a session: sets the minutes of one session apart from those of the next.
STRIDE = 1e6


@dataclass(frozen=True)
class Checks:
    """The checks of every session, and when each session's patient was last watched.

    Attributes
    ----------
    key : (c,) float array
        Row of the session times `STRIDE` plus minute, rising; minute 0 of every session is a check.
    minute : (c,) float array
        The minute by itself: a key of a late session would round it.
    discharge : (s,) float array
        Minute at which the patient was last watched; NaN where it is not known.
    is_stated : (s,) bool array
        Whether that is `monitored_minutes`; else it is the last reading of vital signs.
    has_checks : (s,) bool array
        Whether the session has a check after its start.
    """

    key: np.ndarray
    minute: np.ndarray
    discharge: np.ndarray
    is_stated: np.ndarray
    has_checks: np.ndarray

    def around(self, session: np.ndarray, minute: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends of (check before, check at or after] each minute; the minute itself after the last check.

        Parameters
        ----------
        session : (n,) int array
            Row of `cohort.sessions`.
        minute : (n,) float array
            From the start of the session, not negative; NaN gives NaN.
        """
        known = np.isfinite(minute)
        wanted = session * STRIDE + np.where(known, minute, 0.0)
        place = np.searchsorted(self.key, wanted, side="left")
        at = np.minimum(place, self.key.size - 1)
        inside = (place < self.key.size) & (self.key[at] < (session + 1) * STRIDE) & known
        # Minute 0 is a check of its own: nothing can lie before it.
        inside &= minute > 0
        low = np.where(inside, self.minute[np.maximum(at - 1, 0)], minute)
        return low, np.where(inside, self.minute[at], minute)

    def before(self, session: np.ndarray, minute: np.ndarray) -> np.ndarray:
        """Last check after the start of the session and before each minute; NaN where there is none."""
        known = np.isfinite(minute)
        place = np.searchsorted(self.key, session * STRIDE + np.where(known, minute, 0.0), side="left") - 1
        # The start of the session stands before every later minute of it.
        found = self.minute[np.maximum(place, 0)]
        return np.where(known & (minute > 0) & (found > 0), found, np.nan)


def session_checks(cohort: Cohort, checks: str | Sequence[float] | None) -> Checks:
    """The checks of every session.

    Parameters
    ----------
    checks : "vitals", sequence of float or None
        The readings of vital signs of each session; or the same minutes in all sessions; or none:
        then times are as recorded. A stated discharge is a check too where there are others; the
        clinic's minutes after it never came.

    Raises
    ------
    DataError
        If it is none of these, or a minute is negative or no number.
    """
    n_sessions = len(cohort.sessions)
    session, minute = _readings(cohort)
    last = np.full(n_sessions, -np.inf)
    np.maximum.at(last, session, minute)
    discharge = np.where(np.isfinite(last), last, np.nan)
    stated = np.full(n_sessions, np.nan)
    if "monitored_minutes" in cohort.sessions.columns:
        stated = cohort.sessions["monitored_minutes"].to_numpy(dtype=float, na_value=np.nan)
    is_stated = np.isfinite(stated)
    discharge = np.where(is_stated, stated, discharge)
    if checks is None:
        session, minute = np.empty(0, dtype=np.int64), np.empty(0)
    elif isinstance(checks, str):
        if checks != VITALS:
            raise DataError('checks takes "vitals", the minutes of the clinic\'s checks, or None')
    else:
        planned = _planned(checks)
        session = np.repeat(np.arange(n_sessions), planned.size)
        minute = np.tile(planned, n_sessions)
    has_checks = np.bincount(session[minute > 0], minlength=n_sessions) > 0
    if checks is not None and not isinstance(checks, str):
        came = ~(minute > stated[session])
        session, minute = session[came], minute[came]
    ends = np.flatnonzero(is_stated & has_checks)
    session = np.concatenate([session, ends, np.arange(n_sessions)])
    minute = np.concatenate([minute, stated[ends], np.zeros(n_sessions)])
    key, first = np.unique(session * STRIDE + minute, return_index=True)
    return Checks(key, minute[first], discharge, is_stated, has_checks)


def _readings(cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Row of the session and minute of each reading of vital signs from the session's start on."""
    vitals = cohort.vitals
    minute = vitals["minute"].to_numpy(dtype=float, na_value=np.nan)
    session = session_rows(cohort.sessions, vitals, len(cohort.patients))
    kept = minute >= 0
    return session[kept], minute[kept]


def _planned(checks: object) -> np.ndarray:
    """The clinic's minutes, rising, each once."""
    say = 'checks takes "vitals", minutes from the start of the session such as (15, 30, 60, 120), or None'
    try:
        minutes = np.unique(np.atleast_1d(np.asarray(checks, dtype=float)).ravel())
    except (TypeError, ValueError):
        raise DataError(say) from None
    if not minutes.size or not np.isfinite(minutes).all() or minutes[0] < 0 or minutes[-1] >= STRIDE:
        raise DataError(say)
    return minutes
