"""How long response lasts between sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.durability_curves import group_curves
from ketaoutcomes.analysis.durability_notes import durability_notes
from ketaoutcomes.analysis.durability_weights import weighted_curves
from ketaoutcomes.analysis.notes import cited, outcome_words, split_words
from ketaoutcomes.analysis.turnbull import Settings
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arguments import (
    check_choice,
    check_cohort,
    check_count,
    check_horizon,
    check_level,
    planned_times,
)
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.durability_rows import durability_rows
from ketaoutcomes.derive.episodes import EpisodeSet, episode_set
from ketaoutcomes.derive.groups import Groups, session_groups
from ketaoutcomes.derive.landmark import check_known_at_start
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import provenance_of
from ketaoutcomes.results.durability import ESTIMANDS, DurabilityResult

__all__ = ["durability"]

LANDMARK_DAYS = (7.0, 14.0, 21.0, 28.0, 42.0, 56.0)
# Beyond this a clinic's course is not about the last session any more.
LONGEST_DAYS = 182.0
SMALLEST_GROUP = 2
FEWEST_REPLICATES = 40
# Columns of the result that a group of the same name would collide with, beyond those of every result.
TAKEN = frozenset(("event", "identified", "worst", "best", "next_session", "still_responding", "curve"))
ORIGINS = {"session": "the session", "response": "the response was seen"}
FRAMES = ("incidence", "cause_specific", "bounds", "landmarks", "medians", "naive", "fits")
TABLES = {"cumulative-incidence": "incidence", "cause-specific": "cause_specific", "bounds": "bounds"}
TABLES |= {"ipcw": "weighted"}
METHODS = (
    (
        "cumulative incidence",
        "The share of episodes in which the response was lost before the next session, in the clinic's own "
        "schedule; the next session and a stop are competing ends. The time of loss is known to lie between "
        "two assessments; maximum likelihood",
        "Hudgens, Satten and Longini 2001, Biometrics 57, 74",
    ),
    (
        "cause-specific curve",
        "The share that would still respond had no further session been given, if whoever was treated again "
        "was no nearer to loss than who was not; at risk from when the response was seen",
        "Turnbull 1976, J. R. Stat. Soc. B 38, 290; Alioum and Commenges 1996, Biometrics 52, 512",
    ),
    (
        "bounds",
        "Of the same share, whatever those treated again or stopped would have done: the lower takes each to "
        "have lost the response that day, the upper none of them by the day in question",
        "Peterson 1976, Proc. Natl. Acad. Sci. 73, 11",
    ),
)


def durability(
    cohort: Cohort,
    instrument: str,
    *,
    estimand: str = "cumulative-incidence",
    by: str | None = None,
    sessions: str = "after_induction",
    response: str | None = None,
    loss: str | None = None,
    keep: float | None = None,
    confirmed: bool = False,
    onset_hours: float = 72.0,
    clock: str = "response",
    baseline: str = "last_14_days",
    at: float | tuple[float, ...] | None = None,
    horizon: float | None = None,
    level: float = 0.95,
    n_replicates: int = 400,
    seed: int = 20260101,
) -> DurabilityResult:
    """How long response lasts after a session, before the next one or without it.

    An episode is a session after which, within the onset window, or before which the patient is
    seen to respond. It ends with the loss of response, which is known only to lie between two
    assessments, with the next session, or with a stop. Patients come back because symptoms
    return, so two questions differ: how often is response lost before the next session as the
    clinic books it ("cumulative-incidence"), and how long would it last without one
    ("cause-specific", "ipcw", "bounds"). Times are counted to the nearest whole day.

    Parameters
    ----------
    cohort : Cohort
    instrument : str
        A name in `INSTRUMENTS`, e.g. "PHQ-9".
    estimand : {"cumulative-incidence", "cause-specific", "ipcw", "bounds"}
        Which curve is the result's `table`. The incidence, the cause-specific curve and its bounds
        are always there. "ipcw" reweights the episodes that went on by the inverse of their
        probability of no further session, given what was recorded.
    by : str, optional
        Column of `sessions` (each session's own value) or of `patients`; one curve per level. A
        column that is known only after the session is refused.
    sessions : {"after_induction", "last_induction", "all"}
        Which sessions begin episodes.
    response, loss, keep, confirmed, onset_hours, baseline
        What an episode is and what its loss: as in `episodes`.
    clock : {"response", "session"}
        What day 0 is: when the response was seen after the session (the session itself for whoever
        was responding before it), or the session. On the clock of the session the cause-specific
        curve counts each episode from when it was seen (delayed entry), the shares are of all
        episodes, and no bounds are given.
    at : float or tuple of float, optional
        Days of the landmarks; by default 7, 14, 21, 28, 42 and 56, as far as anything is known.
    horizon : float, optional
        Last day of the curves; 182 at most by default.
    level : float
        Confidence level.
    n_replicates, seed : int
        Bootstrap replicates of patients, 0 for no limits; same seed, same limits.

    Returns
    -------
    DurabilityResult
        `.table`, `.incidence`, `.cause_specific`, `.bounds`, `.weighted`, `.landmarks`, `.medians`,
        `.naive`, `.weights`, `.fits`.

    Raises
    ------
    DataError
        If there is no episode, or a definition does not suit the instrument.
    ConvergenceError
        If the maximum of a curve's likelihood was not reached.

    Source
    ------
    Hudgens, Satten and Longini (2001), Biometrics 57, 74; Turnbull (1976), J. R. Stat. Soc. B 38, 290;
    Robins and Finkelstein (2000), Biometrics 56, 779.
    """
    check_cohort(cohort)
    check_level(level)
    check_count("n_replicates", n_replicates, meaning=", which is for no limits")
    check_count("seed", seed)
    if 0 < n_replicates < FEWEST_REPLICATES:
        raise DataError(
            f"n_replicates must be 0, for no limits, or at least {FEWEST_REPLICATES}: percentiles of fewer "
            "samples are none"
        )
    check_horizon(horizon)
    check_choice("estimand", estimand, tuple(ESTIMANDS))
    wanted = planned_times("at", LANDMARK_DAYS if at is None else at, unit="days")
    if estimand == "bounds" and clock == "session":
        raise DataError('bounds need clock="response": on the clock of the session episodes enter late')
    check_known_at_start(cohort, by)
    if by in TAKEN:
        raise DataError(
            f'by="{by}" is also the name of a column of the result; rename the column of the data'
        )
    found = episode_set(
        cohort, instrument, baseline=baseline, response=response, loss=loss, keep=keep,
        confirmed=confirmed, onset_hours=onset_hours, sessions=sessions, clock=clock,
    )  # fmt: skip
    rows = durability_rows(found.frame)
    grouped, group = _groups(cohort, found, by)
    sizes = [rows.take(group == number).n_patients for number in range(len(grouped.levels))]
    shown = [number for number, size in enumerate(sizes) if size >= (1 if by is None else SMALLEST_GROUP)]
    if not shown:
        raise DataError(f"by='{by}' leaves no group of at least {SMALLEST_GROUP} patients with an episode")
    end = _last_day(rows, horizon)
    how = Settings(wanted[wanted <= end], end, level, n_replicates, seed)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in (*FRAMES, "weighted", "weights")}
    for number in shown:
        own = group == number
        frames = group_curves(rows.take(own), how)
        if estimand == "ipcw":
            frames |= weighted_curves(cohort, found, rows, own, frames["cause_specific"], how)
        for name, frame in frames.items():
            if by is not None:
                frame.insert(0, by, [grouped.levels[number]] * len(frame))
            parts[name].append(frame)
    tables = {
        name: pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
        for name, frames in parts.items()
    }
    notes = durability_notes(cohort, found, rows, tables, how, estimand, by)
    notes += _group_notes(grouped, group, sizes, shown)
    if at is not None and (wanted > end).any():
        beyond = ", ".join(f"{day:g}" for day in wanted[wanted > end])
        notes.append(f"No landmark is given at day {beyond}: nothing is known after day {end:g}.")
    arguments = {"instrument": found.instrument.name, "estimand": estimand, "by": by, "sessions": sessions}
    arguments |= {"response": found.definition.name, "loss": loss, "keep": keep, "confirmed": confirmed}
    arguments |= {"onset_hours": onset_hours, "clock": clock, "baseline": baseline}
    arguments |= {"at": tuple(how.marks.tolist()), "horizon": horizon, "level": level}
    arguments |= {"n_replicates": n_replicates, "seed": seed}
    since = ORIGINS.get(clock, clock)
    return DurabilityResult(
        title=f"Durability of response, {found.instrument.name}{split_words(by)}: {ESTIMANDS[estimand]} "
        f"(days since {since})",
        table=tables[TABLES[estimand]],
        notes=tuple(notes),
        definitions=(cited(found.definition), cited(found.loss.definition), cited(found.baseline), *METHODS),
        provenance=provenance_of("durability", cohort.fingerprint, arguments),
        estimand=estimand,
        by=by,
        level=level,
        origin=since,
        rule=outcome_words(found.loss.definition, found.instrument)[1],
        **tables,
    )


def _groups(cohort: Cohort, found: EpisodeSet, by: str | None) -> tuple[Groups, np.ndarray]:
    """The groups, and that of each episode: of its session, or of its patient."""
    if by == "phase":
        # The clinic's own phase may have gaps; that of the episodes is filled by the rule.
        levels, code = np.unique(found.frame["phase"].to_numpy(dtype=str), return_inverse=True)
        return Groups(by, tuple(str(level) for level in levels), code, "sessions"), code
    grouped = session_groups(cohort, by)
    starts = segment_starts(patient_codes(cohort.sessions), len(cohort.patients))
    session = found.frame["session"].to_numpy(dtype=np.int64)
    return grouped, grouped.code[starts[patient_codes(found.frame)] + session - 1]


def _last_day(rows, horizon: float | None) -> float:
    """The last whole day of the curves."""
    finite = [part[np.isfinite(part)] for part in (rows.left, rows.right, rows.end)]
    last = max(float(np.concatenate(finite).max(initial=1.0)), 1.0)
    return float(np.floor(min(last, LONGEST_DAYS if horizon is None else horizon)))


def _group_notes(grouped: Groups, group: np.ndarray, sizes: list[int], shown: list[int]) -> list[str]:
    """Episodes without a level, and groups too small for a curve."""
    notes = []
    if grouped.by is None:
        return notes
    n_missing = int((group < 0).sum())
    if n_missing:
        notes.append(f"{n_missing:,} episodes left out: '{grouped.by}' is missing.")
    n_small = sum(size > 0 for number, size in enumerate(sizes) if number not in shown)
    if n_small:
        noun = "1 group" if n_small == 1 else f"{n_small} groups"
        notes.append(f"{noun} of '{grouped.by}' with fewer than {SMALLEST_GROUP} patients left out.")
    if grouped.source == "sessions":
        notes.append(
            f"Groups: '{grouped.by}' of each episode's own session; a patient may be in several groups, so "
            "differences between groups are within and between patients."
        )
    return notes
