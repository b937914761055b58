"""Scores from items, by each instrument's own rule; a score that cannot be known is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketaoutcomes.catalog.instrument_entries import Instrument
from ketaoutcomes.catalog.instruments import INSTRUMENTS, find_instrument
from ketaoutcomes.errors import DataError

__all__ = [
    "REASONS",
    "ScoredItems",
    "pcl5_provisional",
    "safety_flag",
    "score_from_parent",
    "score_items",
    "subscale_scores",
]

REASONS = (
    "scored",
    "filled_in",
    "item_does_not_apply",
    "no_items",
    "missing_items",
    "item_out_of_range",
)
_SCORED, _FILLED_IN, _NOT_APPLICABLE, _NO_ITEMS, _MISSING, _OUT_OF_RANGE = range(6)


@dataclass(frozen=True)
class ScoredItems:
    """Scores of n assessments.

    Parameters
    ----------
    score : (n,) float
        NaN where it cannot be known.
    n_missing : (n,) int
        Answers that the rule needs and that are missing.
    reason : (n,) int8
        Index into `REASONS`: how the score came about, or why there is none.
    maximum : (n,) float
        Highest score that the assessment could have had; lower than the instrument's maximum where
        an item does not apply. Scores with different maxima must not be compared.
    """

    score: NDArray[np.float64]
    n_missing: NDArray[np.int64]
    reason: NDArray[np.int8]
    maximum: NDArray[np.float64]

    @property
    def reason_names(self) -> NDArray[np.object_]:
        """(n,) str: the reasons in words."""
        return np.array(REASONS, dtype=object)[self.reason]


def score_items(
    instrument: str | Instrument, items: ArrayLike, *, not_applicable: ArrayLike | None = None
) -> ScoredItems:
    """Scores from items, by the instrument's own rule.

    An item outside its codes makes the score missing. Missing items are filled in only where the
    instrument's `missing_rule` allows it, and never as 0 unless the form itself skips them.

    Parameters
    ----------
    instrument : str or Instrument
    items : (n, k) array-like of float
        One column per item of the form, in its order; NaN for a missing answer. A single-item
        instrument may be given as (n,).
    not_applicable : (n,) array-like of bool, optional
        Where the item that may not apply (work, on the WSAS and SDS) does not; the score is then
        out of a lower maximum. A blank without this is a missing answer.

    Raises
    ------
    DataError
        If the instrument is scored as a total only, or the number of columns is not its number of
        items.
    """
    instrument = _resolved(instrument)
    values, valid = _prepared(instrument, items)
    rule = instrument.rule
    n = len(values)
    left_out = np.zeros(n, dtype=bool)
    if not_applicable is not None and rule.optional_item is None:
        raise DataError(f"{instrument.name} has no item that may not apply; leave not_applicable out.")
    if not_applicable is not None:
        left_out = np.asarray(not_applicable, dtype=bool)
        values[left_out, rule.optional_item - 1] = 0
        valid[left_out, rule.optional_item - 1] = True
    used = _used_items(instrument)
    score, n_missing, n_needed = _ALGORITHMS[rule.algorithm](instrument, values)
    out_of_range = ~valid[:, used].all(axis=1)
    reason = np.full(n, _SCORED, dtype=np.int8)
    reason[(n_missing > 0) & ~np.isnan(score)] = _FILLED_IN
    reason[left_out] = _NOT_APPLICABLE
    reason[np.isnan(score)] = _MISSING
    reason[n_missing == n_needed] = _NO_ITEMS
    reason[out_of_range] = _OUT_OF_RANGE
    score = np.where(reason >= _NO_ITEMS, np.nan, score)
    maximum = np.full(n, float(instrument.maximum))
    if rule.optional_maximum is not None:
        maximum[left_out] = rule.optional_maximum
    return ScoredItems(score, n_missing, reason, maximum)


def score_from_parent(instrument: str | Instrument, items: ArrayLike) -> ScoredItems:
    """Scores of a short form from the items of the longer form that contains it.

    Parameters
    ----------
    instrument : str or Instrument
        The short form, e.g. "CADSS-6", "AUDIT-C", "PHQ-2".
    items : (n, k) array-like of float
        Items of the longer form (`instrument.parent.instrument`), in its order.
    """
    instrument = _resolved(instrument)
    if instrument.parent is None:
        raise DataError(f"{instrument.name} is not part of a longer instrument in the catalogue.")
    parent = INSTRUMENTS[instrument.parent.instrument]
    values = _matrix(parent, items)
    return score_items(instrument, values[:, np.array(instrument.parent.items) - 1])


def subscale_scores(instrument: str | Instrument, items: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Sum of each subscale's items by name; NaN where one is missing or out of range.

    Parameters
    ----------
    instrument : str or Instrument
        E.g. "PCL-5", whose subscales are the DSM-5 clusters B, C, D and E.
    items : (n, k) array-like of float
    """
    instrument = _resolved(instrument)
    values, valid = _prepared(instrument, items)
    known = np.where(valid, values, np.nan)
    return {part.name: known[:, np.array(part.items) - 1].sum(axis=1) for part in instrument.subscales}


def safety_flag(instrument: str | Instrument, items: ArrayLike) -> NDArray[np.float64]:
    """(n,) float: 1 where the safety items call for a look, 0 where they do not, NaN if unknown.

    A missing or impossible answer is unknown unless another safety item already raises the flag. It
    is never filled in, even where the score is.

    Parameters
    ----------
    instrument : str or Instrument
    items : (n, k) array-like of float

    Raises
    ------
    DataError
        If the instrument has no safety item.
    """
    instrument = _resolved(instrument)
    if instrument.safety_item is None:
        raise DataError(f"{instrument.name} has no safety item in the catalogue.")
    values, valid = _prepared(instrument, items)
    known = np.where(valid, values, np.nan)[:, np.array(instrument.safety_item.items) - 1]
    raised = (known >= instrument.safety_item.threshold).any(axis=1)
    unknown = np.isnan(known).any(axis=1)
    return np.where(raised, 1.0, np.where(unknown, np.nan, 0.0))


def pcl5_provisional(items: ArrayLike) -> NDArray[np.float64]:
    """(n,) float: 1 where the PCL-5 meets the provisional DSM-5 rule, 0 where not, NaN if unknown.

    At least one B item, one C item, two D items and two E items are 2 or more. With missing items
    the answer is given only when it would be the same whatever they were.

    Parameters
    ----------
    items : (n, 20) array-like of float

    Source
    ------
    Comorbidity Guidelines (Australia), PCL-5 scoring appendix.
    """
    instrument = INSTRUMENTS["PCL-5"]
    values, valid = _prepared(instrument, items)
    known = np.where(valid, values, np.nan)
    at_least = np.ones(len(known), dtype=bool)
    at_most = np.ones(len(known), dtype=bool)
    for cluster, needed in zip(instrument.subscales, (1, 1, 2, 2), strict=True):
        part = known[:, np.array(cluster.items) - 1]
        endorsed = (part >= 2).sum(axis=1)
        at_least &= endorsed >= needed
        at_most &= endorsed + np.isnan(part).sum(axis=1) >= needed
    return np.where(at_least, 1.0, np.where(at_most, np.nan, 0.0))


def _resolved(instrument: str | Instrument) -> Instrument:
    return instrument if isinstance(instrument, Instrument) else find_instrument(instrument)


def _matrix(instrument: Instrument, items: ArrayLike) -> NDArray[np.float64]:
    values = np.array(items, dtype=float)
    if values.ndim == 1 and instrument.n_items == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] != instrument.n_items:
        raise DataError(
            f"{instrument.name} has {instrument.n_items} items: give an array of shape "
            f"(n, {instrument.n_items}), not {values.shape}."
        )
    return values


def _prepared(instrument: Instrument, items: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Items after codes and skips, (n, k), and which are missing or a permitted code, (n, k)."""
    if instrument.scoring == "total":
        raise DataError(f"{instrument.name} is scored as a total only; give its score, not items.")
    values = _matrix(instrument, items)
    rule = instrument.rule
    low, high = np.array(instrument.item_ranges, dtype=float).T
    for item, code in rule.not_assessed:
        column = values[:, item - 1]
        column[column == code] = 0
    for asked, skipped in rule.skips:
        rows = (values[:, np.array(asked) - 1] == 0).all(axis=1)
        columns = np.array(skipped) - 1
        block = values[:, columns]
        values[:, columns] = np.where(rows[:, None] & np.isnan(block), 0, block)
    valid = (values >= low) & (values <= high)
    if rule.whole_items:
        valid &= values == np.round(values)
    for item, codes in rule.item_codes:
        valid[:, item - 1] &= np.isin(values[:, item - 1], codes)
    return values, valid | np.isnan(values)


def _used_items(instrument: Instrument) -> NDArray[np.int64]:
    """Columns of the items that count."""
    items = instrument.rule.items or range(1, instrument.n_items + 1)
    return np.array(list(items)) - 1


_Scored = tuple[NDArray[np.float64], NDArray[np.int64], int]


def _sum(instrument: Instrument, values: NDArray[np.float64]) -> _Scored:
    mean, n_missing, n_needed = _mean(instrument, values)
    complete = values[:, _used_items(instrument)].sum(axis=1)
    # A complete sum is added up as it is: mean times number would carry rounding error.
    total = np.where(n_missing == 0, complete, mean * n_needed)
    return total * instrument.rule.factor, n_missing, n_needed


def _mean(instrument: Instrument, values: NDArray[np.float64]) -> _Scored:
    used = values[:, _used_items(instrument)]
    n_needed = used.shape[1]
    missing = np.isnan(used)
    n_missing = missing.sum(axis=1)
    n_known = n_needed - n_missing
    enough = (n_missing <= instrument.rule.max_missing_items) & (n_known > 0)
    total = np.where(missing, 0, used).sum(axis=1)
    return np.where(enough, total / np.maximum(n_known, 1), np.nan), n_missing, n_needed


def _weighted_sum(instrument: Instrument, values: NDArray[np.float64]) -> _Scored:
    parts = [
        values[:, np.array(items) - 1].sum(axis=1) / divisor for items, divisor in instrument.rule.weights
    ]
    used = values[:, _used_items(instrument)]
    return np.sum(parts, axis=0), np.isnan(used).sum(axis=1), used.shape[1]


def _percent_of_range(instrument: Instrument, values: NDArray[np.float64]) -> _Scored:
    used = _used_items(instrument)
    low, high = np.array(instrument.item_ranges, dtype=float)[used].sum(axis=0)
    share = (values[:, used].sum(axis=1) - low) / (high - low)
    return 100 * share, np.isnan(values[:, used]).sum(axis=1), len(used)


def _sum_of_highest(instrument: Instrument, values: NDArray[np.float64]) -> _Scored:
    score = np.zeros(len(values))
    n_missing = np.zeros(len(values), dtype=np.int64)
    n_needed = 0
    for domain in instrument.rule.answers:
        # An answer may be given on either of two items; fmax takes the one that is filled in.
        answers = [np.fmax.reduce(values[:, np.array(items) - 1], axis=1) for items in domain]
        score += np.max(answers, axis=0)
        n_missing += np.isnan(answers).sum(axis=0)
        n_needed += len(domain)
    return score, n_missing, n_needed


def _highest_endorsed(instrument: Instrument, values: NDArray[np.float64]) -> _Scored:
    numbers = np.arange(1, values.shape[1] + 1)
    highest = np.where(values == 1, numbers, 0).max(axis=1)
    missing = np.isnan(values)
    # A blank below the highest "yes" cannot change the answer; one above it could.
    open_above = (missing & (numbers > highest[:, None])).any(axis=1)
    relevant = np.where(open_above, missing.sum(axis=1), 0)
    return np.where(open_above, np.nan, highest), relevant, values.shape[1]


def _count_at_least(instrument: Instrument, values: NDArray[np.float64]) -> _Scored:
    used = values[:, _used_items(instrument)]
    n_missing = np.isnan(used).sum(axis=1)
    count = (used >= instrument.rule.threshold).sum(axis=1)
    return np.where(n_missing == 0, count, np.nan), n_missing, used.shape[1]


_ALGORITHMS: dict[str, Callable[[Instrument, NDArray[np.float64]], _Scored]] = {
    "sum": _sum,
    "mean": _mean,
    "weighted_sum": _weighted_sum,
    "percent_of_range": _percent_of_range,
    "sum_of_highest": _sum_of_highest,
    "highest_endorsed": _highest_endorsed,
    "count_at_least": _count_at_least,
}
