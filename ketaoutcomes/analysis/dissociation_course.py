"""Scores against the minutes of a session, and when they are back at the threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.dissociation_tables import ALL_SESSIONS, mean_of, typed
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes
from ketaoutcomes.derive.dissociation import SESSION_GROUPS, Returns, SessionPeaks, session_group
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.engine.bootstrap import npmle_bootstrap
from ketaoutcomes.engine.interval import cumulative, npmle

__all__ = ["COURSE_COLUMNS", "NOMINAL", "RETURN_MINUTES", "course", "n_nominal", "return_times"]

# Nominal minutes, each from this minute on; later ones are an hour apart. 0 stands for before the session.
NOMINAL = {10: 0.0, 20: 15.0, 40: 30.0, 60: 50.0, 90: 75.0, 120: 105.0, 180: 150.0}
HOUR = 60.0
RETURN_MINUTES = (60.0, 90.0, 120.0)
_COURSE = (
    "session_group", "time", "mean_minute", "estimate", "conf_low", "conf_high", "std_error", "df", "n",
    "n_sessions", "n_patients",
)  # fmt: skip
_RETURNS = (
    "time", "estimate", "estimate_high", "conf_low", "conf_high", "n", "n_patients", "n_returned",
    "n_right_censored",
)  # fmt: skip
COURSE_COLUMNS = frozenset((*_COURSE, *_RETURNS))
# A curve whose bounds are as close as this is known.
KNOWN = 1e-9


def course(cohort: Cohort, found: SessionPeaks, grouped: Groups, level: float) -> pd.DataFrame:
    """Mean score by nominal minute and session number; empty with fewer than two nominal minutes."""
    names = _course_columns(grouped)
    if n_nominal(found) < 2:
        return _empty(names)
    scores = _timed(found)
    row, nominal = scores["row"].to_numpy(), _nominal(scores)
    owner = patient_codes(cohort.sessions)[row]
    place = session_group(cohort.sessions["session"].to_numpy())[row]
    code, value, minute = grouped.code[row], scores["score"].to_numpy(), scores["minute"].to_numpy()
    parts = []
    for number in range(len(grouped.levels)):
        for group, name in enumerate((*SESSION_GROUPS, ALL_SESSIONS)):
            inside = code == number if name == ALL_SESSIONS else (code == number) & (place == group)
            for time in np.unique(nominal[inside]):
                at = inside & (nominal == time)
                head = {} if grouped.by is None else {grouped.by: grouped.levels[number]}
                parts.append(
                    head
                    | {"session_group": name, "time": time, "mean_minute": _mean(minute[at])}
                    | mean_of(value[at], owner[at], found.instrument, level)
                    | {"n": int(at.sum()), "n_sessions": np.unique(row[at]).size}
                    | {"n_patients": np.unique(owner[at]).size}
                )
    return typed(parts, names) if parts else _empty(names)


def n_nominal(found: SessionPeaks) -> int:
    """Distinct nominal minutes during and after sessions, and one more for scores before them."""
    return int(np.unique(_nominal(_timed(found))).size)


def return_times(
    cohort: Cohort,
    back: Returns | None,
    grouped: Groups,
    *,
    level: float,
    n_replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Share of the sessions beyond the threshold that are back by 60, 90 and 120 minutes.

    Missing where no session of the group has a later score: a return cannot be seen.
    """
    names = _return_columns(grouped)
    if back is None:
        return _empty(names)
    times = np.array(RETURN_MINUTES)
    owner = patient_codes(cohort.sessions)
    parts = []
    for number in range(len(grouped.levels)):
        own = grouped.code[back.row] == number
        left, right, people = back.left[own], back.right[own], owner[back.row[own]]
        returned = np.isfinite(right)
        low = high = conf_low = conf_high = np.full(times.size, np.nan)
        if back.seen[own].any():
            low, high = cumulative(npmle(left, right), times)
            how = {"n_replicates": n_replicates, "seed": seed, "level": level, "clusters": people}
            band = npmle_bootstrap(left, right, times, **how)
            conf_low, conf_high = band.conf_low, band.conf_high
            high = np.where(high - low <= KNOWN, low, high)
        part = pd.DataFrame(
            {"time": times, "estimate": low, "estimate_high": high, "conf_low": conf_low}
            | {"conf_high": conf_high, "n": int(own.sum()), "n_patients": np.unique(people).size}
            | {"n_returned": int(returned.sum()), "n_right_censored": int((~returned).sum())}
        )
        if grouped.by is not None:
            part.insert(0, grouped.by, [grouped.levels[number]] * len(part))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _timed(found: SessionPeaks) -> pd.DataFrame:
    """Scores before a session, whenever they were taken, and those after its start at a known minute."""
    scores = found.assessments
    return scores[scores["before"].to_numpy(bool) | np.isfinite(scores["minute"].to_numpy())]


def _nominal(scores: pd.DataFrame) -> np.ndarray:
    """Nominal minute of each score; 0 for those before the session."""
    before, minute = scores["before"].to_numpy(bool), scores["minute"].to_numpy()
    known = np.where(before, 0.0, minute)
    place = np.searchsorted(list(NOMINAL.values()), known, side="right") - 1
    nominal = np.array(list(NOMINAL), dtype=float)[place]
    last = max(NOMINAL)
    late = HOUR * np.floor(known / HOUR + 0.5)
    return np.where(before, 0.0, np.where(nominal == last, np.maximum(late, last), nominal))


def _mean(minute: np.ndarray) -> float:
    """Mean of the minutes that are known."""
    known = minute[np.isfinite(minute)]
    return float(known.mean()) if known.size else np.nan


def _course_columns(grouped: Groups) -> tuple[str, ...]:
    return (*(() if grouped.by is None else (grouped.by,)), *_COURSE)


def _return_columns(grouped: Groups) -> tuple[str, ...]:
    return (*(() if grouped.by is None else (grouped.by,)), *_RETURNS)


def _empty(names: tuple[str, ...]) -> pd.DataFrame:
    return typed([], names)
