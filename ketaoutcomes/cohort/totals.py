"""Totals of scores against their items, the instruments' ranges and the steps in which they are scored."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.catalog.scoring import REASONS, score_items
from ketaoutcomes.cohort.draft import Draft
from ketaoutcomes.cohort.schema import ITEM

__all__ = ["hold_to_ranges", "hold_to_steps", "take_totals"]

# Totals are whole or halves; a mean of items may be written with few decimals.
ROUNDING = 0.05
# A prorated total may be rounded to a whole number.
WHOLE = 0.5 + ROUNDING
# Rows that are scored at a time.
BLOCK = 200_000
FINDINGS = ("item_range", "items_total", "items_missing", "items_prorated", "few")
OUT_OF_RANGE, MISSING_ITEMS = REASONS.index("item_out_of_range"), REASONS.index("missing_items")


def take_totals(draft: Draft) -> None:
    """Compute totals from items where there are items, and hold given totals against them.

    An instrument's items are in use when some row of the file answers more than
    half of them. A total beside fewer items than its rule needs is then none;
    without items in use, or without any in the row, it is taken as it is given.
    """
    if "score" not in draft.numbers:
        draft.numbers["score"] = np.full(draft.n, np.nan)
    few = np.zeros(draft.n, dtype=bool)
    if any(ITEM.fullmatch(name) for name in draft.numbers):
        n_missing = np.full(draft.n, np.nan)
        instruments = draft.words["instrument"]
        for number, level in enumerate(instruments.levels):
            instrument = draft.instruments[level]
            if instrument is None or instrument.scoring == "total":
                continue
            rows = np.flatnonzero(draft.kept & (instruments.codes == number))
            n_answered, unanswered = _answers(draft, instrument, rows)
            rows, in_use = rows[n_answered > 0], bool((2 * n_answered > instrument.n_items).any())
            few[_score_rows(draft, instrument, rows, unanswered, n_missing) if in_use else rows] = True
        if not np.isnan(n_missing).all():
            draft.numbers["n_missing_items"] = n_missing
    empty = np.isnan(draft.numbers["score"])
    draft.quarantine(empty & few, "items_missing")
    draft.quarantine(empty, "missing_required")


def _answers(draft: Draft, instrument: Instrument, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many items each row answers, (m,) int, and which items no row answers, (n_items,) bool."""
    n_answered, unanswered = np.zeros(rows.size, dtype=np.int16), np.ones(instrument.n_items, dtype=bool)
    for place, name in enumerate(_names(instrument)):
        if name in draft.numbers:
            answered = ~np.isnan(draft.numbers.at(name, rows))
            n_answered += answered
            unanswered[place] = not answered.any()
    return n_answered, unanswered


def _names(instrument: Instrument) -> list[str]:
    return [f"i{item}" for item in range(1, instrument.n_items + 1)]


def _items(draft: Draft, instrument: Instrument, rows: np.ndarray) -> np.ndarray:
    """Return the rows' items in the instrument's order; (m, n_items), missing where there is no column."""
    gone = np.full(rows.size, np.nan)
    return np.column_stack(
        [draft.numbers.at(name, rows) if name in draft.numbers else gone for name in _names(instrument)]
    )


def _score_rows(draft: Draft, instrument: Instrument, rows, unanswered, n_missing) -> np.ndarray:
    """Score the rows of one instrument from their items; return those with too few items and no total.

    Parameters
    ----------
    unanswered : (n_items,) bool array
        What the file withholds altogether, often the item on suicide; it may be part of its totals.
    n_missing : (n,) float array
        Filled in for the rows.
    """
    withheld = unanswered & _safety_items(instrument)
    # All items of all rows at once would take many times the room of the table.
    blocks = [
        _score_block(draft, instrument, rows[start : start + BLOCK], withheld, n_missing)
        for start in range(0, rows.size, BLOCK)
    ]
    found = {what: np.concatenate([rows[:0], *(block[what] for block in blocks)]) for what in FINDINGS}
    for rule in ("item_range", "items_total", "items_missing"):
        draft.quarantine(_at(draft, found[rule]), rule)
    if found["items_prorated"].size:
        draft.note("items_prorated", "score", rows=_at(draft, found["items_prorated"]))
    return found["few"]


def _score_block(draft: Draft, instrument: Instrument, rows, withheld, n_missing) -> dict[str, np.ndarray]:
    """Score some rows of one instrument from their items; return the rows of each of `FINDINGS`."""
    items = _items(draft, instrument, rows)
    low, high = np.array(instrument.item_ranges, dtype=float).T
    with np.errstate(invalid="ignore"):
        outside = ((items < low) | (items > high)).any(axis=1)
    scored = score_items(instrument, items)
    outside |= scored.reason == OUT_OF_RANGE
    found = {"item_range": rows[outside]}
    rows, items = rows[~outside], items[~outside]
    blanks, too_few = scored.n_missing[~outside], scored.reason[~outside] == MISSING_ITEMS
    n_missing[rows] = blanks
    total, score = draft.numbers["score"][rows], scored.score[~outside]
    # The sum of the items answered is the score with the blanks at 0.
    answered, most, blank = score.copy(), score.copy(), np.isnan(items).any(axis=1)
    if blank.any():
        answered[blank] = score_items(instrument, np.nan_to_num(items[blank])).score
        most[blank] = score_items(instrument, np.where(np.isnan(items[blank]), high, items[blank])).score
    known, given = ~np.isnan(score), ~np.isnan(total)
    complete = known & (blanks == 0)
    with np.errstate(invalid="ignore"):
        agrees = np.abs(total - score) <= np.where(complete, ROUNDING, WHOLE)
        agrees |= ~complete & (np.abs(total - answered) <= ROUNDING)
        within = (total >= answered - ROUNDING) & (total <= most + ROUNDING)
    whole = withheld.any() & ~np.isnan(items[:, ~withheld]).any(axis=1) & ~complete & given
    found["items_total"] = rows[given & np.where(whole, ~within, known & ~agrees)]
    few = ~known & ~whole & too_few
    found["items_missing"] = rows[given & few]
    rescored = given & known & ~complete & ~whole & agrees & (np.abs(total - score) > ROUNDING)
    found["items_prorated"] = rows[rescored]
    taken = known & ~whole & (~given | (~complete & agrees))
    draft.numbers["score"][rows[taken]] = score[taken]
    found["few"] = rows[few & ~given]
    return found


def _safety_items(instrument: Instrument) -> np.ndarray:
    """Mark the instrument's safety items; (n_items,) bool."""
    out = np.zeros(instrument.n_items, dtype=bool)
    if instrument.safety_item is not None:
        out[np.array(instrument.safety_item.items) - 1] = True
    return out


def _at(draft: Draft, rows: np.ndarray) -> np.ndarray:
    """Mark rows; (n,) bool."""
    out = np.zeros(draft.n, dtype=bool)
    out[rows] = True
    return out


def hold_to_ranges(draft: Draft) -> None:
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


def hold_to_steps(draft: Draft) -> None:
    """Set aside scores that no answers give: off the multiples of an instrument scored by a factor.

    If there are such scores and none is above the largest raw sum, all are raw
    sums, also those that happen to be multiples.
    """
    codes, score = draft.words["instrument"].codes, draft.numbers["score"]
    for number, level in enumerate(draft.words["instrument"].levels):
        one = draft.instruments[level]
        if one is None or not _in_steps(one):
            continue
        factor = one.rule.factor
        rows = draft.kept & (codes == number)
        with np.errstate(invalid="ignore"):
            off = rows & (np.abs(score / factor - np.round(score / factor)) * factor > ROUNDING)
        if not off.any():
            continue
        if not (score[rows] > one.maximum / factor).any():
            off = rows
        message = (
            f'is no multiple of {factor:g} for "{one.name}", as its scores are; raw sums (up to '
            f"{one.maximum / factor:g}) are to be multiplied by {factor:g}"
        )
        draft.note("score_step", "score", rows=off, message=message)
        draft.quarantine(off, "score_step")


def _in_steps(instrument: Instrument) -> bool:
    """Whether all scores are multiples of a factor: of whole items, none of which is filled in."""
    rule = instrument.rule
    return rule.algorithm == "sum" and rule.factor != 1 and rule.whole_items and rule.max_missing_items == 0
