"""Numbers behind an instrument's name: items where there is evidence of it, and otherwise unclear."""

from __future__ import annotations

from dataclasses import replace

from ketaoutcomes.catalog.entries import without_punctuation
from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.readers.suggest_columns import Column, squeezed
from ketaoutcomes.readers.suggest_instruments import Part, When, instrument_of
from ketaoutcomes.readers.suggest_values import fits_range

__all__ = ["settle_numbers"]

# Runs of one or two numbers are as likely sessions or weeks, unless they are all items.
LEAST = 3


def settle_numbers(parts: dict[Column, Part]) -> None:
    """Make the lone numbers of a group's names items, or unclear with what they may be.

    They are items where most of the instrument's items stand together from 1 on, with cells
    that fit them, or where the data dictionary gives the column choices.

    Parameters
    ----------
    parts : dict of Column to Part
        Changed in place: no part of kind "number" is left.
    """
    slots: dict[tuple[str, When | None], dict[Column, Part]] = {}
    numbered = set()
    for column, part in parts.items():
        if part.instrument is not None and part.kind in ("number", "item"):
            slots.setdefault((part.instrument.name, part.when), {})[column] = part
            numbered |= {part.instrument.name} if part.kind == "number" else set()
    for found in slots.values():
        items = _are_items(found)
        for column, part in found.items():
            if part.kind == "number":
                known = (items or bool(column.choices)) and 1 <= part.item <= part.instrument.n_items
                parts[column] = replace(part, kind="item") if known else _unclear(part.instrument, part.item)
    for column, part in parts.items():
        shorter = _shorter(column, part, numbered)
        if shorter is not None:
            parts[column] = _unclear(shorter, int(column.words[1]), part.instrument)


def _are_items(found: dict[Column, Part]) -> bool:
    """Whether the numbers behind an instrument's name at one time are most of its items."""
    instrument = next(iter(found.values())).instrument
    numbers, n = {part.item for part in found.values()}, instrument.n_items
    run = next(number for number in range(100) if number + 1 not in numbers)
    if n < 2 or 0 in numbers or run < min(n, LEAST) or 2 * run <= n:
        return False
    inside = [
        fits_range(column, *_range(instrument, part.item))
        for column, part in found.items()
        if 1 <= part.item <= n
    ]
    return 2 * sum(inside) > len(inside)


def _range(instrument: Instrument, item: int) -> tuple[float, float]:
    ranges = instrument.item_ranges
    return ranges[item - 1] if ranges else (instrument.minimum, instrument.maximum)


def _shorter(column: Column, part: Part, numbered: set[str]) -> Instrument | None:
    """Return the instrument that a name such as madrs_24 or cadss_6 may name with a number behind it."""
    words = column.words
    if part.kind != "score" or part.instrument is None or len(words) != 2 or not words[1].isdecimal():
        return None
    found = instrument_of(words[0])
    if found is None or found is part.instrument:
        return None
    own = squeezed(words) == without_punctuation(part.instrument.name)
    return None if own and found.name not in numbered else found


def _unclear(instrument: Instrument, number: int, other: Instrument | None = None) -> Part:
    candidates, ways = [] if other is None else [other.name], [f"d{number}", f"w{number}"]
    if 1 <= number <= instrument.n_items:
        candidates.append(f"item {number} of {instrument.name}")
        ways.insert(0, f"i{number}")
    candidates.append(f"{instrument.name} at session, day, week or minute {number}")
    reason = f"it may be {' or '.join(candidates)}; tell it in the name, e.g. {', '.join(ways)}"
    return Part(instrument, "unclear", number, reason=reason)
