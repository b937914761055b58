"""Scores: instruments by their usual names, totals from `totals`, times on the clock."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.duplicates import neighbours, set_aside_duplicates
from ketaoutcomes.cohort.ids import time_order
from ketaoutcomes.cohort.placing import Placed, before_or_after, place_times
from ketaoutcomes.cohort.sessions import Clock
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.cohort.totals import hold_to_ranges, hold_to_steps, take_totals
from ketaoutcomes.errors import DataError

__all__ = ["place_scores"]


def place_scores(
    draft: Draft, codes: np.ndarray, clock: Clock, settings: Settings
) -> tuple[np.ndarray, Placed]:
    """Return the kept scores' rows by patient, instrument and time, and all rows' times."""
    _name_instruments(draft)
    take_totals(draft)
    hold_to_ranges(draft)
    hold_to_steps(draft)
    placed = place_times(draft, codes, clock)
    timing = draft.words.get("timing")
    timing_codes = np.full(draft.n, -1, dtype=np.int32) if timing is None else timing.codes
    pre = np.zeros(draft.n, dtype=bool) if timing is None else timing.where(lambda level: level == "pre")
    post = np.zeros(draft.n, dtype=bool) if timing is None else timing.where(lambda level: level == "post")
    unsaid = timing_codes < 0
    if draft.kept.any():
        usable = draft.kept & (codes >= 0)
        before = usable & (pre | (unsaid & (settings.same_time == "before")))
        after = usable & (post | (unsaid & (settings.same_time == "after")))
        before_or_after(placed, codes, clock, before, after)
    group = np.maximum(codes, 0).astype(np.int64) * max(
        len(draft.words["instrument"].levels), 1
    ) + np.maximum(draft.words["instrument"].codes, 0)
    rows = np.flatnonzero(draft.kept)
    at = draft.places(rows)
    order = time_order(group[at], placed.hour[at], timing_codes[at])
    rows = rows if order is None else rows[order]
    keys = [group, placed.hour, timing_codes]
    shared = neighbours(rows, *keys)
    if shared.size:
        set_aside_duplicates(draft, shared, keys, settings.duplicates, average="score")
        rows = rows[draft.kept[rows]]
    return rows, placed


def _name_instruments(draft: Draft) -> None:
    """Give instruments their usual names; unknown ones keep theirs."""
    found = draft.words["instrument"]
    known = {level: _find(level) for level in found.levels}
    draft.words["instrument"] = found.map(lambda level: known[level].name if known[level] else level)
    unknown = [level for level in found.levels if known[level] is None]
    if unknown:
        rows = found.where(lambda level: known[level] is None)
        draft.note("unknown_instrument", "instrument", rows=rows)
    draft.instruments = {level: _find(level) for level in draft.words["instrument"].levels}


def _find(name: str) -> Instrument | None:
    try:
        return find_instrument(name)
    except DataError:
        return None
