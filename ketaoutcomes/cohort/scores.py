"""Scores: instruments by their usual names, totals against items and ranges, times on the clock."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.catalog.instruments import Instrument, find_instrument
from ketaoutcomes.catalog.scoring import score_items
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.duplicates import neighbours, set_aside_duplicates
from ketaoutcomes.cohort.ids import time_order
from ketaoutcomes.cohort.placing import Placed, before_or_after, place_times
from ketaoutcomes.cohort.schema import ITEM
from ketaoutcomes.cohort.sessions import Clock
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError

__all__ = ["place_scores"]

# Totals are whole or halves; a mean of items may be written with few decimals.
ROUNDING = 0.05


def place_scores(
    draft: Draft, codes: np.ndarray, clock: Clock, settings: Settings
) -> tuple[np.ndarray, Placed]:
    """Return the kept scores' rows by patient, instrument and time, and all rows' times."""
    _name_instruments(draft)
    _totals(draft)
    _hold_to_ranges(draft)
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
    order = time_order(group[rows], placed.hour[rows], timing_codes[rows])
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


def _totals(draft: Draft) -> None:
    """Compute totals from items where there are items, and hold given totals against them."""
    names = sorted((name for name in draft.numbers if ITEM.fullmatch(name)), key=lambda name: int(name[1:]))
    if "score" not in draft.numbers:
        draft.numbers["score"] = np.full(draft.n, np.nan)
    score = draft.numbers["score"]
    given = ~np.isnan(score)
    few = np.zeros(draft.n, dtype=bool)
    if names:
        n_missing = np.full(draft.n, np.nan)
        instruments = draft.words["instrument"]
        for number, level in enumerate(instruments.levels):
            instrument = draft.instruments[level]
            if instrument is None or instrument.scoring == "total":
                continue
            rows = np.flatnonzero(draft.kept & (instruments.codes == number))
            used = names[: instrument.n_items]
            if rows.size == 0 or used != [f"i{item}" for item in range(1, instrument.n_items + 1)]:
                continue
            items = np.column_stack([draft.numbers[name][rows] for name in used])
            answered = ~np.isnan(items)
            rows, items = rows[answered.any(axis=1)], items[answered.any(axis=1)]
            if rows.size:
                few |= _score_rows(draft, instrument, rows, items, given, n_missing)
        if not np.isnan(n_missing).all():
            draft.numbers["n_missing_items"] = n_missing
    empty = np.isnan(draft.numbers["score"])
    draft.quarantine(empty & few, "items_missing")
    draft.quarantine(empty, "missing_required")


def _score_rows(draft: Draft, instrument: Instrument, rows, items, given, n_missing) -> np.ndarray:
    """Score some rows of one instrument from their items; return which have too few items."""
    low = np.array([span[0] for span in instrument.item_ranges])
    high = np.array([span[1] for span in instrument.item_ranges])
    with np.errstate(invalid="ignore"):
        outside = ((items < low) | (items > high)).any(axis=1)
    wrong = np.zeros(draft.n, dtype=bool)
    wrong[rows[outside]] = True
    draft.quarantine(wrong, "item_range")
    rows, items = rows[~outside], items[~outside]
    few = np.zeros(draft.n, dtype=bool)
    if rows.size == 0:
        return few
    scored = score_items(instrument, items)
    n_missing[rows] = scored.n_missing
    complete = (scored.n_missing == 0) & ~np.isnan(scored.score)
    wrong = np.zeros(draft.n, dtype=bool)
    differs = complete & given[rows] & (np.abs(scored.score - draft.numbers["score"][rows]) > ROUNDING)
    wrong[rows[differs]] = True
    draft.quarantine(wrong, "items_total")
    fill = ~given[rows]
    draft.numbers["score"][rows[fill]] = scored.score[fill]
    few[rows[fill & np.isnan(scored.score)]] = True
    return few


def _hold_to_ranges(draft: Draft) -> None:
    """Set aside scores outside their instruments' ranges."""
    levels = draft.words["instrument"].levels
    known = [draft.instruments[level] for level in levels]
    low = np.array([one.minimum if one else -np.inf for one in known] + [-np.inf])
    high = np.array([one.maximum if one else np.inf for one in known] + [np.inf])
    codes, score = draft.words["instrument"].codes, draft.numbers["score"]
    with np.errstate(invalid="ignore"):
        outside = (score < low[codes]) | (score > high[codes])
    for number in np.unique(codes[outside & draft.kept]).tolist():
        one = known[number]
        rows = outside & draft.kept & (codes == number)
        span = f"{one.minimum:g} to {one.maximum:g}"
        message = f'is outside {span} for "{one.name}"; correct the file or the instrument'
        draft.note("score_range", "score", rows=rows, message=message)
    draft.quarantine(outside, "score_range")
