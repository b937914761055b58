"""One score per patient in a named window, and why a patient has none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.definitions import WINDOWS, Window
from ketaoutcomes.catalog.definitions import window as window_named
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import is_number
from ketaoutcomes.derive.arrays import first_of_segment, patient_codes
from ketaoutcomes.derive.clock import HOURS_PER_DAY, clock_known, day_only
from ketaoutcomes.derive.followup import follow_up
from ketaoutcomes.derive.scores import scores, starters, superseded
from ketaoutcomes.derive.sessions import induction
from ketaoutcomes.errors import DataError

__all__ = [
    "DAY_ONLY",
    "INCOMPLETE",
    "NOT_DUE",
    "NO_SCORE_IN_WINDOW",
    "SCORED",
    "find_window",
    "nearest",
    "windowed",
    "windowed_of",
]

SCORED = "scored"
NOT_DUE = "window not closed at the data cut"
NO_SCORE_IN_WINDOW = "no score in the window"
INCOMPLETE = "induction not complete"
DAY_ONLY = "only the day of the score or of session 1 is known"


def find_window(at: str | float) -> Window:
    """The window called `at`, or the one whose target is that many days after session 1.

    Where two windows have the same day as target, the one called by the day is
    taken: 28 is "day_28", not the wider "week_4". Of a day that no window is for
    none is made up, since its width would come from nowhere.

    Raises
    ------
    DataError
        If there is no such window; the message lists those that there are.
    """
    if not is_number(at):
        return window_named(at)
    of_days = {
        known.target_hours / HOURS_PER_DAY: known.name
        for known in sorted(WINDOWS.values(), key=lambda known: known.name.startswith("day_"))
        if known.anchor == "first_session"
    }
    if at in of_days:
        return WINDOWS[of_days[at]]
    listed = {f"{day:g}": of_days[day] for day in sorted(of_days) if day >= 1}
    others = [known.name for known in WINDOWS.values() if known.name not in listed.values()]
    raise DataError(
        f"no window is named for day {at:g}; days with one: {', '.join(listed)}; other windows, by name: "
        f"{', '.join(others)}; trajectory and time_to_response take any day"
    )


def windowed(cohort: Cohort, instrument: str, window: str | float) -> pd.DataFrame:
    """The score nearest to a window's target, one row per treated patient.

    Of two scores equally near the earlier is taken; never the best. Only scores
    after session 1 count. A window after induction belongs only to patients
    whose induction was complete by the phase rule. A patient whose window had not
    closed at the data cut is not due, and has no score here even if one is already
    there: to count those who came early and not those who may still come would
    only let the responders in. For a window narrower than a day the clock times of
    the score and of session 1 must be known.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    window : str or float
        Name of a window, e.g. "end_of_induction", or a number of days that a window is named for.

    Returns
    -------
    DataFrame
        `patient_id`, `hour` and `score` (missing if none), `hours_from_anchor`,
        `status` ("scored", "window not closed at the data cut", "no score in the
        window", "induction not complete", "only the day of the score or of
        session 1 is known").
    """
    return windowed_of(cohort, scores(cohort, instrument), find_window(window))


def windowed_of(cohort: Cohort, placed: pd.DataFrame, window: Window) -> pd.DataFrame:
    """As `windowed`, from scores that are already placed among the sessions."""
    n_patients = len(cohort.patients)
    anchor, has_anchor, latest_anchor = _anchors(cohort, window, n_patients)
    codes = patient_codes(placed)
    hour = placed["hour"].to_numpy(float)
    from_anchor = hour - anchor[codes]
    open_still = follow_up(cohort).still_open(latest_anchor + window.high_hours)
    after = (placed["session"].to_numpy() > 0) & ~open_still[codes] & ~superseded(placed)
    with np.errstate(invalid="ignore"):
        inside = after & (from_anchor >= window.low_hours) & (from_anchor < window.high_hours)
    vague = np.zeros(len(placed), dtype=bool)
    if window.high_hours - window.low_hours < HOURS_PER_DAY:
        vague = inside & (day_only(placed) | ~clock_known(cohort)[codes])
    chosen = nearest(codes, from_anchor, np.flatnonzero(inside & ~vague), window.target_hours)

    score, taken = np.full(n_patients, np.nan), np.full(n_patients, np.nan)
    score[codes[chosen]] = placed["score"].to_numpy(float)[chosen]
    taken[codes[chosen]] = hour[chosen]

    status = np.full(n_patients, NO_SCORE_IN_WINDOW, dtype=object)
    status[~has_anchor] = INCOMPLETE
    status[codes[vague]] = DAY_ONLY
    status[open_still] = NOT_DUE
    status[codes[chosen]] = SCORED
    treated = starters(cohort)
    return pd.DataFrame(
        {
            "patient_id": pd.Categorical.from_codes(
                np.flatnonzero(treated), dtype=placed["patient_id"].dtype
            ),
            "hour": taken[treated],
            "score": score[treated],
            "hours_from_anchor": (taken - anchor)[treated],
            "status": pd.array(status[treated], dtype="str"),
        }
    )


def nearest(codes: np.ndarray, time: np.ndarray, rows: np.ndarray, target: float) -> np.ndarray:
    """Of `rows`, the one row per code whose time is nearest to `target`; ties to the earlier row."""
    distance = np.abs(time[rows] - target)
    order = np.lexsort((rows, distance, codes[rows]))
    ranked = rows[order]
    return ranked[first_of_segment(codes[ranked])]


def _anchors(cohort: Cohort, window: Window, n_patients: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hour that the window counts from, whether there is one, and the latest hour it may still get."""
    if window.anchor == "first_session":
        anchor = np.where(starters(cohort), 0.0, np.nan)
        return anchor, np.isfinite(anchor), anchor
    found = induction(cohort)
    anchor = np.where(found.complete, found.last_hour, np.nan)
    # An induction that is under way at the data cut may yet be completed within the rule's days.
    longest = ((found.rule.max_days or 0.0) + 0.5) * HOURS_PER_DAY
    return anchor, found.complete, np.where(found.complete, found.last_hour, longest)
