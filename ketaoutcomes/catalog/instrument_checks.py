"""What must hold in an instrument's entry before anything relies on it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from ketaoutcomes.catalog.entries import without_punctuation
from ketaoutcomes.catalog.instrument_entries import BandSet, Instrument
from ketaoutcomes.errors import Problem

__all__ = ["ALGORITHMS", "faults"]

ALGORITHMS = (
    "sum",
    "mean",
    "weighted_sum",
    "percent_of_range",
    "sum_of_highest",
    "highest_endorsed",
    "count_at_least",
    "total",
)
_DIRECTIONS = ("worse", "better", "none")
_COMPARISONS = ("at_least", "at_most", "above", "below")


def faults(instruments: Mapping[str, Instrument]) -> list[Problem]:
    """Everything that is inconsistent in the entries, each with the instrument's name."""
    problems = [
        Problem(f"{name}: {fault}", rule="catalogue")
        for name, instrument in instruments.items()
        for fault in _faults(instrument, instruments)
    ]
    owners: dict[str, str] = {}
    for name, instrument in instruments.items():
        for spelling in (name, *instrument.aliases):
            owner = owners.setdefault(without_punctuation(spelling), name)
            if owner != name:
                message = f"{name}: alias '{spelling}' already belongs to {owner}"
                problems.append(Problem(message, rule="catalogue"))
    return problems


def _faults(instrument: Instrument, instruments: Mapping[str, Instrument]) -> Iterator[str]:
    if instrument.minimum >= instrument.maximum:
        yield "minimum is not below maximum"
    if instrument.higher_is not in _DIRECTIONS:
        yield f"higher_is must be one of {', '.join(_DIRECTIONS)}"
    if instrument.recall_days < 0:
        yield "recall_days is negative"
    if not instrument.recall_source.strip():
        yield "recall_source is empty"
    yield from _rule_faults(instrument)
    for chosen in instrument.band_sets:
        yield from _band_faults(chosen, instrument)
    for change in instrument.changes:
        if change.kind not in ("points", "percent") or change.value <= 0:
            yield f"change '{change.name}' needs a kind of points or percent and a positive value"
    for cutoff in instrument.cutoffs:
        if cutoff.comparison not in _COMPARISONS:
            yield f"cut-off '{cutoff.name}' has an unknown comparison"
        if not instrument.minimum <= cutoff.value <= instrument.maximum:
            yield f"cut-off '{cutoff.name}' is outside the range"
    for what in (instrument.band_sets, instrument.changes, instrument.cutoffs):
        names = [entry.name for entry in what]
        if len(set(names)) < len(names):
            yield "two band sets, changes or cut-offs have the same name"
    for what in (instrument.subscales, [instrument.safety_item] if instrument.safety_item else []):
        for entry in what:
            if not set(entry.items) <= set(range(1, instrument.n_items + 1)):
                yield "a subscale or safety item names an item that the form does not have"
    parent = instrument.parent
    if parent and parent.instrument not in instruments:
        yield f"parent '{parent.instrument}' is not in the catalogue"
    elif parent and len(parent.items) != instrument.n_items:
        yield "the parent's items are not as many as this instrument's"


def _rule_faults(instrument: Instrument) -> Iterator[str]:
    rule = instrument.rule
    if rule.algorithm not in ALGORITHMS:
        yield f"scoring must be one of {', '.join(ALGORITHMS)}"
    if rule.algorithm == "total":
        return
    if len(instrument.item_ranges) != instrument.n_items:
        yield "there is not one item range per item"
    if any(low >= high for low, high in instrument.item_ranges):
        yield "an item range is empty"
    named = set(rule.items)
    for group, _ in (*rule.weights, *rule.skips):
        named |= set(group)
    for domain in rule.answers:
        named |= {item for answer in domain for item in answer}
    if not named <= set(range(1, instrument.n_items + 1)):
        yield "scoring names an item that the form does not have"
    needed = {"weighted_sum": rule.weights, "sum_of_highest": rule.answers, "count_at_least": rule.threshold}
    if rule.algorithm in needed and not needed[rule.algorithm]:
        yield f"scoring '{rule.algorithm}' lacks its parameters"
    if (rule.optional_item is None) != (rule.optional_maximum is None):
        yield "optional_item and optional_maximum go together"
    if rule.max_missing_items and rule.algorithm not in ("sum", "mean"):
        yield f"scoring '{rule.algorithm}' cannot fill in missing items"


def _band_faults(chosen: BandSet, instrument: Instrument) -> Iterator[str]:
    bands = chosen.bands
    if not bands or bands[0].low != instrument.minimum or bands[-1].high != instrument.maximum:
        yield f"band set '{chosen.name}' does not run from minimum to maximum"
    for lower, upper in itertools.pairwise(bands):
        if upper.low != lower.high + 1:
            yield f"band set '{chosen.name}' has a gap or overlap after '{lower.name}'"
    if any(band.low > band.high for band in bands):
        yield f"band set '{chosen.name}' has an empty band"
