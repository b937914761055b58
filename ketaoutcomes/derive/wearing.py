"""Assessments between sessions: how far from baseline, how long after which session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.catalog.definitions import BaselineRule, baseline_rule
from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import check_choice, check_cohort, check_count, check_horizon
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.baseline import VALID, baseline_of
from ketaoutcomes.derive.clock import HOURS_PER_DAY, whole_days
from ketaoutcomes.derive.scores import scores, starters
from ketaoutcomes.derive.sessions import DEFAULT_PHASE_RULE, session_table
from ketaoutcomes.errors import DataError

__all__ = ["AFTER_INDUCTION", "ALL", "IN_INDUCTION", "MAINTENANCE", "WearingRows", "wearing_rows"]

AFTER_INDUCTION, ALL = "after_induction", "all"
IN_INDUCTION, END_OF_INDUCTION, MAINTENANCE = "in induction", "end of induction", "maintenance"
NO_ASSESSMENT = "no assessment after session 1"
NO_USED = "no assessment that is used"
BEFORE_PEAK = "sooner after the session than the first day looked at"
AFTER_HORIZON = "later after the session than the horizon"
IN_COURSE = "after a session of induction other than its last"
NOT_RESPONDING = "after a session without a response"


@dataclass(frozen=True)
class WearingRows:
    """Assessments between sessions, and what was left out.

    Attributes
    ----------
    frame : DataFrame
        One row per assessment, by patient and time: `patient_id` (number of the patient, no identifier),
        `session` (number of the last session before it), `group` (categorical: which sessions), `day` (days
        since that session), `benefit` (points better than baseline), `baseline`, `next_day` (days from that
        session to the next one; inf if there is none).
    gaps : DataFrame
        One row per session of those patients that is looked at, assessed or not: `patient_id`, `group`,
        `next_day`. A row may be a patient: not for release.
    dropped : DataFrame
        `reason`, `n_patients`: treated patients without a row.
    left_out : DataFrame
        `reason`, `n`: assessments after session 1 of patients with a valid baseline that are not in `frame`.
    instrument : Instrument
    baseline : BaselineRule
    n_starters : int
    n_day_only : int
        Assessments in `frame` whose time is known only to the day.
    """

    frame: pd.DataFrame
    gaps: pd.DataFrame
    dropped: pd.DataFrame
    left_out: pd.DataFrame
    instrument: Instrument
    baseline: BaselineRule
    n_starters: int
    n_day_only: int


def wearing_rows(
    cohort: Cohort,
    instrument: str,
    *,
    sessions: str = AFTER_INDUCTION,
    baseline: str = "last_14_days",
    first_day: float = 1.0,
    horizon: float | None = None,
    split: int | None = 12,
    phase: str = DEFAULT_PHASE_RULE,
    only: pd.DataFrame | None = None,
) -> WearingRows:
    """Benefit at every assessment between sessions, with the time since the session before it.

    All treated patients with a valid baseline are in, whether they respond or not. A score that counts as
    before a session belongs to the time after the session before it.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`.
    sessions : {"after_induction", "all"}
        The last session of the first induction and every session of maintenance; or every session.
        In a course of induction sessions follow within days, so that benefit builds up there while
        the time since the last session passes.
    baseline : str
        Name of the baseline rule.
    first_day : float
        Assessments sooner after the session are left out, counted in whole days (12 hours count as a day).
    horizon : float, optional
        Days; assessments later after the session are left out, counted in whole days.
    split : int, optional
        Session number up to which maintenance is one group, and after which it is another; None for one.
    phase : str
        Name of the phase rule, used where the clinic gives no phase.
    only : DataFrame, optional
        `patient_id`, `session`: keep only what follows these sessions.

    Returns
    -------
    WearingRows

    Raises
    ------
    DataError
        If the instrument is not known, has no score or no better end, or no assessment is left.
    """
    check_cohort(cohort)
    check_choice("sessions", sessions, (AFTER_INDUCTION, ALL))
    check_horizon(horizon)
    if split is not None:
        check_count("split", split, least=1)
    known, rule = find_instrument(instrument), baseline_rule(baseline)
    if known.higher_is not in ("worse", "better"):
        raise DataError(f"on {known.name} neither direction is better, so that no benefit can be told")
    placed = scores(cohort, known.name)
    start = baseline_of(cohort, placed, known, rule)
    base = np.full(len(cohort.patients), np.nan)
    valid = (start["reason"] == VALID).to_numpy()
    base[patient_codes(start)[valid]] = start["baseline"].to_numpy(float)[valid]

    held = session_table(cohort, rule=phase)
    group, names = _groups(held, sessions, split)
    owner, of_session = patient_codes(placed), _session_row(cohort, placed)
    after = (of_session >= 0) & np.isfinite(base[owner])
    since = np.where(after, placed["hours_since_session"].to_numpy(float), np.nan)
    reason = _reason(since, np.where(of_session >= 0, group[of_session], -1), first_day, horizon)
    if only is not None:
        chosen = np.zeros(len(held), dtype=bool)
        first = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
        chosen[first[patient_codes(only)] + only["session"].to_numpy() - 1] = True
        reason[(reason == "") & ~chosen[of_session]] = NOT_RESPONDING
        group = np.where(chosen, group, -1)
    used = after & (reason == "")
    if not used.any():
        raise DataError(
            f"no patient with a valid baseline has a {known.name} score between sessions that can be used; "
            + _words(reason[after])
        )
    rows, place = np.flatnonzero(used), of_session[used]
    sign = 1.0 if known.higher_is == "better" else -1.0
    following = _days_to_next(held)
    frame = pd.DataFrame(
        {
            "patient_id": owner[rows],
            "session": held["session"].to_numpy()[place],
            "group": pd.Categorical.from_codes(group[place], categories=names).remove_unused_categories(),
            "day": since[rows] / HOURS_PER_DAY,
            "benefit": sign * (placed["score"].to_numpy(float)[rows] - base[owner[rows]]),
            "baseline": base[owner[rows]],
            "next_day": following[place],
        }
    )
    vague = placed["hour_high"].to_numpy(float) > placed["hour_low"].to_numpy(float)
    return WearingRows(
        frame,
        _gaps(held, group, names, following, np.unique(owner[rows]), frame["group"].cat.categories),
        _dropped(cohort, start, owner[after], owner[rows]),
        _counted(reason[after]),
        known,
        rule,
        int(starters(cohort).sum()),
        int(vague[rows].sum()),
    )


def _groups(held: pd.DataFrame, sessions: str, split: int | None) -> tuple[NDArray[np.int64], list[str]]:
    """Group of each session (-1 if it is not looked at) and the groups' names."""
    number = held["session"].to_numpy()
    is_maintenance = (held["phase"] == MAINTENANCE).to_numpy()
    code = np.where(is_maintenance, 2, np.where(held["last_induction"].to_numpy(), 1, 0))
    names = [IN_INDUCTION, END_OF_INDUCTION, MAINTENANCE]
    if split is not None:
        code[is_maintenance & (number > split)] = 3
        names[2:] = [f"{MAINTENANCE} ≤{split}", f"{MAINTENANCE} {split + 1}+"]
    if sessions == AFTER_INDUCTION:
        code[code == 0] = -1
    return code.astype(np.int64), names


def _session_row(cohort: Cohort, placed: pd.DataFrame) -> NDArray[np.int64]:
    """Row in `cohort.sessions` of the session before each score; -1 before session 1."""
    first = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
    number = placed["session"].to_numpy()
    return np.where(number > 0, first[patient_codes(placed)] + number - 1, -1)


def _days_to_next(held: pd.DataFrame) -> NDArray[np.float64]:
    """Days from each session to the patient's next; inf for the last."""
    previous = held["hours_since_previous"].to_numpy(float)
    following = np.append(previous[1:], np.nan) / HOURS_PER_DAY
    return np.where(np.isnan(following), np.inf, following)


def _reason(since: NDArray, group: NDArray, first_day: float, horizon: float | None) -> NDArray[np.object_]:
    """Why each assessment is left out; empty for those that are used."""
    reason = np.full(since.size, "", dtype=object)
    days = whole_days(since)
    with np.errstate(invalid="ignore"):
        if horizon is not None:
            reason[days > horizon] = AFTER_HORIZON
        reason[days < first_day] = BEFORE_PEAK
    reason[group < 0] = IN_COURSE
    return reason


def _gaps(held, group, names, following, codes, kept) -> pd.DataFrame:
    """The sessions that are looked at, of the patients who have a row."""
    looked = (group >= 0) & np.isin(patient_codes(held), codes)
    named = pd.Categorical.from_codes(group[looked], categories=names)
    gaps = pd.DataFrame(
        {"patient_id": patient_codes(held)[looked], "group": named, "next_day": following[looked]}
    )
    gaps = gaps[gaps["group"].isin(kept)]
    return gaps.assign(group=gaps["group"].cat.set_categories(kept)).reset_index(drop=True)


def _dropped(cohort: Cohort, start: pd.DataFrame, seen: NDArray, used: NDArray) -> pd.DataFrame:
    """Treated patients without a row, by reason."""
    codes = patient_codes(start)
    why = start["reason"].to_numpy(dtype=object).copy()
    why[(why == VALID) & ~np.isin(codes, seen)] = NO_ASSESSMENT
    why[(why == VALID) & ~np.isin(codes, used)] = NO_USED
    return _counted(np.where(why == VALID, "", why)).rename(columns={"n": "n_patients"})


def _counted(reason: NDArray) -> pd.DataFrame:
    """How often each reason occurs, the most frequent first."""
    names, counts = np.unique(reason[reason != ""].astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return pd.DataFrame({"reason": names[order], "n": counts[order]})


def _words(reason: NDArray) -> str:
    """The counts of what was left out, for a message."""
    found = _counted(reason)
    if found.empty:
        return "there is no assessment after session 1"
    return "; ".join(f"{row.reason}: {row.n}" for row in found.itertuples())
