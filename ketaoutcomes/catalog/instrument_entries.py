"""The records of which an instrument's entry is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ketaoutcomes.catalog.entries import Sourced

__all__ = [
    "Band",
    "BandSet",
    "Change",
    "Cutoff",
    "Instrument",
    "Parent",
    "Reliability",
    "SafetyItem",
    "ScoringRule",
    "Subscale",
]


@dataclass(frozen=True)
class Band(Sourced):
    """A severity band: scores from `low` to `high`, both included."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class BandSet(Sourced):
    """One published division of the range into severity bands."""

    name: str
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Change(Sourced):
    """A change that somebody has called meaningful.

    `kind` is "points" or "percent" (of the person's own baseline). `value_high` is given where the
    source prints a range. `meaning` says which change it is and for whom.
    """

    name: str
    kind: str
    value: float
    meaning: str
    value_high: float | None = None


@dataclass(frozen=True)
class Cutoff(Sourced):
    """A threshold on a score: `comparison` is "at_least", "at_most", "above" or "below"."""

    name: str
    comparison: str
    value: float
    meaning: str
    value_high: float | None = None


@dataclass(frozen=True)
class Reliability(Sourced):
    """A reliability figure: `kind` is "alpha", "retest", "icc" or "agreement"."""

    kind: str
    value: float
    detail: str
    value_high: float | None = None


@dataclass(frozen=True)
class SafetyItem(Sourced):
    """Items that call for a look at the patient's safety, whatever the total says.

    The flag is raised when any of `items` (numbered from 1) is at least `threshold`.
    `score_threshold` is the same rule on the score, where the score alone shows it.
    """

    items: tuple[int, ...]
    threshold: float
    label: str
    score_threshold: float | None = None

    @property
    def item(self) -> int:
        """Number of the first safety item."""
        return self.items[0]


@dataclass(frozen=True)
class Subscale(Sourced):
    """A part of the instrument scored apart: the sum of `items`, numbered from 1."""

    name: str
    items: tuple[int, ...]


@dataclass(frozen=True)
class Parent(Sourced):
    """A longer instrument that contains this one as `items`, in this one's order."""

    instrument: str
    items: tuple[int, ...]


@dataclass(frozen=True)
class ScoringRule(Sourced):
    """How a score follows from the items. Items are numbered from 1.

    Parameters
    ----------
    algorithm : str
        "sum" (times `factor`), "mean", "weighted_sum", "percent_of_range", "sum_of_highest",
        "highest_endorsed", "count_at_least" or "total" (only a total is known; items are not scored).
    items : tuple of int
        The items that count; empty means all.
    factor : float
        What a sum is multiplied by.
    weights : tuple of (items, divisor)
        For "weighted_sum": the sum of each group's items, divided.
    answers : nested tuple
        For "sum_of_highest": one entry per domain, holding the answers that the domain needs, each
        the items of which at least one must be filled in. A domain scores its highest item.
    threshold : float, optional
        For "count_at_least".
    max_missing_items : int
        Most items that may be missing; those answered then stand for the rest (mean times number).
    missing_rule : str
        The same in words.
    missing_source, missing_verified
        Where the rule for missing items comes from, and whether that was checked.
    optional_item : int, optional
        The item that may not apply to a person (work), and is then left out of the score.
    optional_maximum : float, optional
        The highest score without that item.
    skips : tuple of (items, items)
        Where the form skips: when all of the first are 0, blanks among the second count as 0.
    not_assessed : tuple of (item, code)
        A code that means "not assessed" and adds nothing.
    item_codes : tuple of (item, codes)
        Items whose permitted codes are not every whole number of their range.
    whole_items : bool
        Whether items are whole numbers.
    """

    algorithm: str
    items: tuple[int, ...] = ()
    factor: float = 1
    weights: tuple[tuple[tuple[int, ...], float], ...] = ()
    answers: tuple[tuple[tuple[int, ...], ...], ...] = ()
    threshold: float | None = None
    max_missing_items: int = 0
    missing_rule: str = "All items are needed; nothing is filled in for a missing one."
    missing_source: str = "Rule of this library"
    missing_verified: bool = False
    optional_item: int | None = None
    optional_maximum: float | None = None
    skips: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
    not_assessed: tuple[tuple[int, float], ...] = ()
    item_codes: tuple[tuple[int, tuple[float, ...]], ...] = ()
    whole_items: bool = True


@dataclass(frozen=True)
class Instrument(Sourced):
    """What is known about an instrument. `verified` is about its items and range.

    Parameters
    ----------
    name : str
        Canonical name, e.g. "PHQ-9".
    label : str
        Full name.
    n_items : int
        Number of items on the form, scored or not.
    item_ranges : tuple of (low, high)
        Lowest and highest code of each item; empty when only a total is known.
    minimum, maximum : float
        Range of the score.
    higher_is : {"worse", "better", "none"}
        What a higher score means.
    recall_days : float
        Days that the form asks about; 0 is "now". No outcome can be timed more finely.
    band_sets : tuple of BandSet
        The first is the default; the others are alternatives.
    """

    name: str
    label: str
    n_items: int
    minimum: float
    maximum: float
    higher_is: str
    recall_days: float
    recall_label: str
    recall_source: str
    licence: str
    rule: ScoringRule
    aliases: tuple[str, ...] = ()
    item_ranges: tuple[tuple[float, float], ...] = ()
    recall_verified: bool = False
    band_sets: tuple[BandSet, ...] = ()
    changes: tuple[Change, ...] = ()
    cutoffs: tuple[Cutoff, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    subscales: tuple[Subscale, ...] = ()
    safety_item: SafetyItem | None = None
    parent: Parent | None = None
    notes: tuple[str, ...] = ()

    @property
    def item_min(self) -> float | None:
        """Lowest code of any item; None when only a total is known."""
        return min((low for low, _ in self.item_ranges), default=None)

    @property
    def item_max(self) -> float | None:
        """Highest code of any item; None when only a total is known."""
        return max((high for _, high in self.item_ranges), default=None)

    @property
    def scoring(self) -> str:
        """Name of the scoring algorithm."""
        return self.rule.algorithm

    @property
    def max_missing_items(self) -> int | None:
        """Most items that may be missing; None when only a total is known."""
        return None if self.rule.algorithm == "total" else self.rule.max_missing_items

    @property
    def missing_rule(self) -> str:
        """What happens to missing items, in words."""
        return self.rule.missing_rule

    @property
    def bands(self) -> tuple[Band, ...]:
        """The default severity bands; empty when none are published."""
        return self.band_sets[0].bands if self.band_sets else ()

    @property
    def alternative_bands(self) -> Mapping[str, tuple[Band, ...]]:
        """Further published sets of bands, by name."""
        return MappingProxyType({chosen.name: chosen.bands for chosen in self.band_sets[1:]})

    @property
    def recall_citation(self) -> str:
        """Where the recall period comes from, as it must be printed."""
        return Sourced(source=self.recall_source, verified=self.recall_verified).citation

    def band(self, score: float, *, band_set: str | None = None) -> Band | None:
        """The severity band of a score; None for a missing score or an instrument without bands.

        A score between two whole numbers (a mean, a prorated sum) is in the lower band.
        """
        chosen = self.bands
        if band_set is not None:
            chosen = {known.name: known.bands for known in self.band_sets}[band_set]
        if not chosen or not self.minimum <= score <= self.maximum:
            return None
        return max((band for band in chosen if band.low <= score), key=lambda band: band.low)
