"""Episodes day by day, for as long as the patient could have been treated again, with what was known then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.derive.arrays import patient_codes, segment_starts
from ketaoutcomes.derive.clock import whole_days
from ketaoutcomes.derive.durability_rows import LOSS, DurabilityRows
from ketaoutcomes.derive.episode_rows import NEXT_SESSION, STOPPED, begin, score_rows, spans
from ketaoutcomes.derive.episodes import EpisodeSet, episode_assessments
from ketaoutcomes.derive.outcomes import met
from ketaoutcomes.derive.scores import scores
from ketaoutcomes.errors import DataError

__all__ = ["HISTORY", "UntreatedDays", "untreated_days"]

# What the next session may depend on, as it was known at the start of a day.
HISTORY = (
    "the day, the last score (and its square), its share of improvement and the change of that since the "
    "score before, the days since the last score, the number of the session, and whether the patient was "
    "responding before it"
)
MOST_PERIODS = 8


@dataclass(frozen=True)
class UntreatedDays:
    """One row per episode and day on which it was going on, and one row per assessment after its entry.

    Attributes
    ----------
    episode, patient, day : (n,) int array
    history, numerator : (n, p), (n, q) float array
        Columns of the two models of the next session, the intercepts in the days. The numerator has the
        days alone: the curve is of all episodes, and what else it held would go uncorrected.
    event : (n,) bool array
        The next session, or a stop, came on that day, whatever the score before it showed: a loss that was
        found at a session does not undo that it had been booked.
    assessed_episode : (m,) int array
    assessed_day, entry : (m,) float array
    lost : (m,) bool array
    """

    episode: np.ndarray
    patient: np.ndarray
    day: np.ndarray
    history: np.ndarray
    numerator: np.ndarray
    event: np.ndarray
    assessed_episode: np.ndarray
    assessed_day: np.ndarray
    entry: np.ndarray
    lost: np.ndarray


def untreated_days(
    cohort: Cohort, found: EpisodeSet, rows: DurabilityRows, chosen: np.ndarray
) -> UntreatedDays:
    """Days and assessments of some of the episodes.

    Parameters
    ----------
    cohort : Cohort
    found : EpisodeSet
        Made from it.
    rows : DurabilityRows
        Of all its episodes.
    chosen : (n_episodes,) bool array

    Returns
    -------
    UntreatedDays

    Raises
    ------
    DataError
        If none of the episodes ended with a session or a stop.
    """
    frame, seen, known = found.frame, episode_assessments(cohort, found), found.instrument
    ended = rows.cause > LOSS
    if not (ended & chosen).any():
        raise DataError(
            "no episode ended with a session or a stop while responding, so there is nothing to reweight; "
            'use estimand="cause-specific"'
        )
    lost = rows.cause == LOSS
    first, last = rows.entry, np.where(ended, rows.end, np.where(lost, rows.right, rows.left))
    treated = ended | (lost & (_day_of_end(cohort, found) <= rows.right))
    event_days = last[treated & chosen]
    # Before the first day on which anyone was ever treated again there is no probability to model.
    start = np.maximum(first + 1, event_days.min())
    length = np.where(chosen, np.maximum(last - start + 1, 0), 0).astype(np.int64)
    episode = np.repeat(np.arange(len(rows)), length)
    offset = np.arange(episode.size) - np.repeat(np.cumsum(length) - length, length)
    day = (start[episode] + offset).astype(np.int64)
    time = _periods(day, event_days)
    after = _assessments(seen, rows, chosen)
    score = _known_at(after, episode, day, _at_entry(frame, seen, rows), rows, frame, known)
    number = np.log2(frame["session"].to_numpy(float)[episode])
    carried = frame["carried"].to_numpy(float)[episode]
    return UntreatedDays(
        episode=episode,
        patient=rows.patient[episode],
        day=day,
        history=np.column_stack([time, score, number, carried]),
        numerator=time,
        event=treated[episode] & (day == last[episode]),
        assessed_episode=after["episode"].to_numpy(),
        assessed_day=after["day"].to_numpy(float),
        entry=rows.entry[after["episode"].to_numpy()],
        lost=after["lost"].to_numpy(bool),
    )


def _day_of_end(cohort: Cohort, found: EpisodeSet) -> np.ndarray:
    """Day of the next session or of a stop, also where response was lost before; inf if there was none."""
    frame, held = found.frame, spans(cohort)
    code = patient_codes(frame)
    at = segment_starts(held.code, len(cohort.patients))[code] + frame["session"].to_numpy(np.int64) - 1
    hours = held.length[at]
    if found.clock == "response":
        baseline = np.full(len(cohort.patients), np.nan)
        baseline[code] = frame["baseline"].to_numpy(float)
        rows = score_rows(cohort, scores(cohort, found.instrument.name), held)
        responding = met(found.definition, found.instrument, rows.score, baseline[rows.code])
        seen = ~frame["carried"].to_numpy(bool)
        first = begin(held, rows, responding, found.onset_hours).first[at[seen]]
        hours[seen] -= rows.since[first]
    ends = np.isin(held.reason[at], (NEXT_SESSION, STOPPED))
    return np.where(ends, whole_days(hours), np.inf)


def _assessments(seen: pd.DataFrame, rows: DurabilityRows, chosen: np.ndarray) -> pd.DataFrame:
    """Assessments after the entry, in whole days; the loss on the day that `rows` gives it."""
    table = pd.DataFrame({"episode": seen["episode"].to_numpy(np.int64), "day": whole_days(seen["hour"])})
    table["score"] = seen["score"].to_numpy(float)
    right = rows.right[table["episode"]]
    # A loss on the day on which the episode began is dated a day later.
    early = seen["lost"].to_numpy(bool) & (table["day"] <= rows.entry[table["episode"]])
    table.loc[early & np.isfinite(right), "day"] = right[early & np.isfinite(right)]
    # A score counts as lost where the rule's loss is dated; a loss that was not confirmed is none.
    table["lost"] = np.isfinite(right) & (table["day"] >= right)
    late = np.isfinite(right) & (table["day"] > right)
    kept = chosen[table["episode"]] & (table["day"] > rows.entry[table["episode"]]) & ~late
    table = table[kept.to_numpy()]
    # Several scores of a day are one assessment: its last.
    return table.drop_duplicates(["episode", "day"], keep="last").reset_index(drop=True)


def _periods(day: np.ndarray, event_days: np.ndarray) -> np.ndarray:
    """Dummies of up to eight periods, each of which has sessions; (n, k) float."""
    edges = np.unique(np.quantile(event_days, np.linspace(0, 1, MOST_PERIODS + 1)[1:-1], method="lower"))
    period = np.searchsorted(edges, day, side="left")
    found = np.unique(np.searchsorted(edges, event_days, side="left"))
    # A period without a session joins the one before it.
    place = np.maximum(np.searchsorted(found, period, side="right") - 1, 0)
    return (place[:, None] == np.arange(found.size)).astype(float)


def _known_at(after: pd.DataFrame, episode, day, begin_score, rows: DurabilityRows, frame, known: Instrument):
    """Last score, its square, its benefit, the change of that, days since it, before each day; (n, 5)."""
    order = np.lexsort((after["day"], after["episode"]))
    # One score before all assessments of an episode is the one with which it begins.
    of = np.concatenate([np.arange(begin_score.size), after["episode"].to_numpy()[order]])
    at = np.concatenate([rows.entry, after["day"].to_numpy(float)[order]])
    score = np.concatenate([begin_score, after["score"].to_numpy(float)[order]])
    order = np.lexsort((np.arange(of.size), at, of))
    of, at, score = of[order], at[order], score[order]
    value = _benefit(known, score, frame["baseline"].to_numpy(float)[of])
    same = np.concatenate([[False], of[1:] == of[:-1]])
    change = np.where(same, value - np.concatenate([[0.0], value[:-1]]), 0.0)
    level = (score - known.minimum) / (known.maximum - known.minimum)
    # Days stay far below the stride, so that episode and day make one sorted key.
    stride = 2.0 * max(float(day.max(initial=0)), float(at.max())) + 2.0
    place = np.searchsorted(of * stride + at, episode * stride + day, side="left") - 1
    last = level[place]
    return np.column_stack([last, last**2, value[place], change[place], np.log1p(day - at[place])])


def _at_entry(frame: pd.DataFrame, seen: pd.DataFrame, rows: DurabilityRows) -> np.ndarray:
    """The score that shows the response with which each episode begins; (n_episodes,) float."""
    score = frame["score_before"].to_numpy(float, copy=True)
    first = seen[whole_days(seen["hour"]) <= rows.entry[seen["episode"]]]
    of = first["episode"].to_numpy(np.int64)
    own = ~frame["carried"].to_numpy(bool)[of]
    score[of[own]] = first["score"].to_numpy(float)[own]
    return score


def _benefit(known: Instrument, score: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Share of the way to the best score that lies behind the patient."""
    best = known.maximum if known.higher_is == "better" else known.minimum
    room = best - baseline
    return np.divide(score - baseline, room, out=np.full(score.shape, np.nan), where=room != 0)
