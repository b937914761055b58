"""Episodes day by day, for as long as the patient could have been treated again, with what was known then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.derive.clock import whole_days
from ketaoutcomes.derive.durability_rows import LOSS, DurabilityRows
from ketaoutcomes.errors import DataError

__all__ = ["HISTORY", "UntreatedDays", "untreated_days"]

# What the next session may depend on, as it was known at the start of a day.
HISTORY = (
    "the day, the share of improvement at the last score, its change since the score before, the days since "
    "the last score, the number of the session, and whether the patient was responding before it"
)
MOST_PERIODS = 8


@dataclass(frozen=True)
class UntreatedDays:
    """One row per episode and day on which it was going on, and one row per assessment after its entry.

    Attributes
    ----------
    episode, patient, day : (n,) int array
    history, numerator : (n, p), (n, q) float array
        Columns of the two models of the next session, the intercepts in the days.
    event : (n,) bool array
        The next session, or a stop, came on that day.
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
    frame: pd.DataFrame, seen: pd.DataFrame, rows: DurabilityRows, chosen: np.ndarray, known: Instrument
) -> UntreatedDays:
    """Days and assessments of some of the episodes.

    Parameters
    ----------
    frame : DataFrame
        As `derive.episodes.episodes` returns.
    seen : DataFrame
        Their assessments, as `derive.episodes.episode_assessments` returns.
    rows : DurabilityRows
        Of all episodes.
    chosen : (n_episodes,) bool array
    known : Instrument

    Returns
    -------
    UntreatedDays

    Raises
    ------
    DataError
        If none of the episodes ended with a session or a stop.
    """
    ended = rows.cause > LOSS
    if not (ended & chosen).any():
        raise DataError(
            "no episode ended with a session or a stop while responding, so there is nothing to reweight; "
            'use estimand="cause-specific"'
        )
    found = _assessments(frame, seen, rows, chosen, known)
    first, last = rows.entry, np.where(ended, rows.end, np.where(rows.cause == LOSS, rows.right, rows.left))
    event_days = rows.end[ended & chosen]
    # Before the first day on which anyone was ever treated again there is no probability to model.
    start = np.maximum(first + 1, event_days.min())
    length = np.where(chosen, np.maximum(last - start + 1, 0), 0).astype(np.int64)
    episode = np.repeat(np.arange(len(rows)), length)
    offset = np.arange(episode.size) - np.repeat(np.cumsum(length) - length, length)
    day = (start[episode] + offset).astype(np.int64)
    event = ended[episode] & (day == rows.end[episode])
    time = _periods(day, event_days)
    score = _known_at(found, episode, day, _at_entry(frame, seen, rows, known), rows)
    number = np.log2(frame["session"].to_numpy(float)[episode])
    carried = frame["carried"].to_numpy(float)[episode]
    return UntreatedDays(
        episode=episode,
        patient=rows.patient[episode],
        day=day,
        history=np.column_stack([time, score, number, carried]),
        numerator=np.column_stack([time, number]),
        event=event,
        assessed_episode=found["episode"].to_numpy(),
        assessed_day=found["day"].to_numpy(float),
        entry=rows.entry[found["episode"].to_numpy()],
        lost=found["lost"].to_numpy(bool),
    )


def _assessments(frame, seen: pd.DataFrame, rows: DurabilityRows, chosen, known: Instrument) -> pd.DataFrame:
    """Assessments after the entry, in whole days; the loss on the day that `rows` gives it."""
    table = pd.DataFrame({"episode": seen["episode"].to_numpy(np.int64), "day": whole_days(seen["hour"])})
    baseline = frame["baseline"].to_numpy(float)[table["episode"]]
    table["improvement"] = _benefit(known, seen["score"].to_numpy(float), baseline)
    right = rows.right[table["episode"]]
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


def _known_at(found: pd.DataFrame, episode, day, begin: np.ndarray, rows: DurabilityRows) -> np.ndarray:
    """Last benefit, its change, and days since it, as known before each day; (n, 3) float."""
    order = np.lexsort((found["day"], found["episode"]))
    # One score before all assessments of an episode is the one with which it begins.
    of = np.concatenate([np.arange(begin.size), found["episode"].to_numpy()[order]])
    at = np.concatenate([rows.entry, found["day"].to_numpy(float)[order]])
    value = np.concatenate([begin, found["improvement"].to_numpy(float)[order]])
    order = np.lexsort((np.arange(of.size), at, of))
    of, at, value = of[order], at[order], value[order]
    same = np.concatenate([[False], of[1:] == of[:-1]])
    change = np.where(same, value - np.concatenate([[0.0], value[:-1]]), 0.0)
    # Days stay far below the stride, so that episode and day make one sorted key.
    stride = 2.0 * max(float(day.max(initial=0)), float(at.max())) + 2.0
    place = np.searchsorted(of * stride + at, episode * stride + day, side="left") - 1
    return np.column_stack([value[place], change[place], np.log1p(day - at[place])])


def _at_entry(frame: pd.DataFrame, seen: pd.DataFrame, rows: DurabilityRows, known: Instrument) -> np.ndarray:
    """Benefit at the score that shows the response with which each episode begins; (n_episodes,) float."""
    baseline = frame["baseline"].to_numpy(float)
    begin = _benefit(known, frame["score_before"].to_numpy(float), baseline)
    first = seen[whole_days(seen["hour"]) <= rows.entry[seen["episode"]]]
    of = first["episode"].to_numpy(np.int64)
    own = ~frame["carried"].to_numpy(bool)[of]
    begin[of[own]] = _benefit(known, first["score"].to_numpy(float), baseline[of])[own]
    return np.where(np.isfinite(begin), begin, np.nanmean(begin) if np.isfinite(begin).any() else 0.0)


def _benefit(known: Instrument, score: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Share of the way to the best score that lies behind the patient."""
    best = known.maximum if known.higher_is == "better" else known.minimum
    room = best - baseline
    return np.divide(score - baseline, room, out=np.full(score.shape, np.nan), where=room != 0)
