"""What is said beside a durability curve: what was left out, assumed, and cannot be told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.durability_curves import FEWEST_AT_RISK
from ketaoutcomes.analysis.notes import same_time_note, selection_notes
from ketaoutcomes.analysis.turnbull import Settings
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.durability_rows import LOSS, NEXT, STOP, DurabilityRows
from ketaoutcomes.derive.episodes import EpisodeSet
from ketaoutcomes.derive.untreated_days import HISTORY
from ketaoutcomes.results.base import UNCONTROLLED
from ketaoutcomes.results.text import patients

__all__ = ["durability_notes"]

CHOSEN = {
    "after_induction": "the last session of the induction and every later one",
    "last_induction": "the last session of the induction",
    "all": "every session",
}
CLOCKS = {
    "session": "Day 0 is the session. Nobody can be seen to lose a response before it was seen: the "
    "cause-specific curve counts each episode from then on (delayed entry), the shares are of all episodes, "
    "and no bounds are given.",
    "response": "Day 0 is the day on which the response was seen after the session, and the session itself "
    "for patients who were responding before it.",
}


def durability_notes(
    cohort: Cohort,
    found: EpisodeSet,
    rows: DurabilityRows,
    tables: Mapping[str, pd.DataFrame],
    how: Settings,
    estimand: str,
    by: str | None,
) -> list[str]:
    """The notes in the order in which a reader needs them."""
    n = len(rows)
    carried = int(found.frame["carried"].sum())
    notes = [
        f"{n:,} episodes of {patients(rows.n_patients)}; an episode can begin with {CHOSEN[found.sessions]}: "
        f"{found.n_sessions:,} sessions of {patients(found.n_patients)}.",
        f"In {n - carried:,} the response was seen within {found.onset_hours:g} hours after the session "
        f"(counted to the nearest day), in {carried:,} the patient was responding before it.",
        *_left_out(found),
        _ends(rows),
        same_time_note(cohort),
    ]
    if estimand == "cumulative-incidence":
        notes.append(
            "Estimand: what became of the episodes in this clinic's own schedule (treatment policy). Another "
            "schedule gives another curve: where sessions are close together, response is seldom lost before "
            "the next."
        )
    notes.append(
        "The cause-specific curve asks what would be without further sessions. It is right only if, given "
        "the time since the session, those treated again were no nearer to loss than the others; sessions "
        "are booked because symptoms return, so it is shown with its bounds."
    )
    notes += _identified(tables["cause_specific"], how, by)
    if estimand == "ipcw":
        notes += _weights(tables["weights"], by)
    notes.append(CLOCKS[found.clock])
    notes += _unknown_at_session(rows)
    notes += _clock(found)
    if found.n_unconfirmed:
        notes.append(
            f"{found.n_unconfirmed:,} losses at the last assessment were not confirmed and do not count."
        )
    if found.loss.note:
        notes.append(found.loss.note)
    if how.n_replicates:
        notes.append(
            f"Limits: percentiles of {how.n_replicates} bootstrap samples of patients, pointwise; where the "
            "state of every episode is known at a landmark, those of a proportion."
        )
        failed = int(tables["fits"]["n_failed"].sum())
        if failed:
            notes.append(f"{failed} bootstrap fits failed and are not in the limits.")
    notes.append(f"The log-likelihoods are at most {tables['fits']['gap'].max():.0e} below their maxima.")
    if not tables["fits"]["unique"].all():
        notes.append("Other curves have the same likelihood: the masses are not unique.")
    return [*notes, *selection_notes(cohort), UNCONTROLLED]


def _left_out(found: EpisodeSet) -> list[str]:
    """Sessions that no episode begins with, by reason."""
    total = int(found.dropped["n_episodes"].sum())
    if not total:
        return []
    reasons = "; ".join(f"{row.reason} {row.n_episodes:,}" for row in found.dropped.itertuples())
    return [f"{total:,} sessions begin no episode: {reasons}."]


def _ends(rows: DurabilityRows) -> str:
    lost, again, stopped = (int((rows.cause == cause).sum()) for cause in (LOSS, NEXT, STOP))
    going = len(rows) - lost - again - stopped
    return (
        f"How they ended: {lost:,} lost, {again:,} treated again while still responding, "
        f"{stopped:,} stopped, {going:,} seen responding last."
    )


def _unknown_at_session(rows: DurabilityRows) -> list[str]:
    """Episodes whose state at their end is not known, and what was taken of them."""
    notes = []
    unknown = (rows.cause == NEXT) & ~rows.known
    if unknown.any():
        gap = np.median((rows.end - rows.left)[unknown])
        notes.append(
            f"In {int(unknown.sum()):,} of {int((rows.cause == NEXT).sum()):,} episodes that a session ended "
            f"there was no score on that day (median {gap:g} days since the last): what came after the last "
            "score is taken as missing, whatever it was. The bounds allow for a loss the day after it."
        )
    unseen = (rows.cause == STOP) & ~rows.known
    if unseen.any():
        gap = np.median((rows.end - rows.left)[unseen])
        notes.append(
            f"Stopped: stopped when last seen responding; {int(unseen.sum()):,} of "
            f"{int((rows.cause == STOP).sum()):,} had no score on that day (median {gap:g} days since the "
            "last)."
        )
    return notes


def _identified(own: pd.DataFrame, how: Settings, by: str | None) -> list[str]:
    """From where to where each curve is drawn, and why no further."""
    notes = []
    for name, rows in own.groupby(by, sort=False, observed=True) if by else [("", own)]:
        known = rows.loc[rows["identified"], "time"]
        head = f"{name}: the" if by else "The"
        if known.empty or known.max() < 1:
            notes.append(f"{head} cause-specific curve is not identified: too few patients are watched.")
            continue
        first, last = known.min(), known.max()
        said = f"{head} cause-specific curve is drawn from day {first:g} to {last:g}"
        if last < how.end:
            said += f"; after that fewer than {FEWEST_AT_RISK} patients are watched without a further session"
        if first > 0:
            said += (
                f"; before that fewer than {FEWEST_AT_RISK} were, and it is of those still responding then"
            )
        notes.append(said + ".")
    return notes


def _weights(table: pd.DataFrame, by: str | None) -> list[str]:
    """What the weights rest on, and whether they may be used."""
    notes = [
        "Reweighted: each episode that went on counts by the inverse of its probability of no session and no "
        f"stop until then, given {HISTORY}. It is right if the next session depends on nothing else that "
        "also bears on loss.",
    ]
    for row in table.to_dict("records"):
        said = (
            f"Weights{'' if by is None else f' of {row[by]}'}: mean {row['mean']:.2f} (should be near 1), "
            f"{row['low']:.2f} to {row['high']:.2f} "
            f"after truncation at the percentiles 0.1 and 99.9, {row['high_before_truncation']:.1f} at most "
            f"before; {row['effective_n']:,.0f} effective of {row['n_days']:,} episode-days."
        )
        if not row["usable"]:
            said += (
                " POSITIVITY: on some days, or with some histories, a session nearly always came, so nobody "
                "is left to stand for those treated; the reweighted curve is no estimate and is not given."
            )
        if row["n_replicates"]:
            said += f" Limits of the reweighted curve: {row['n_replicates']} bootstrap samples, all refitted."
        notes.append(said)
    return notes


def _clock(found: EpisodeSet) -> list[str]:
    notes = []
    if found.n_day_only:
        notes.append(
            f"{found.n_day_only:,} of {found.n_assessments:,} assessments are known only to the day; each "
            "enters at one time."
        )
    return notes
