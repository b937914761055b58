"""The instruments that ketamine clinics use: `INSTRUMENTS` by name, and `find_instrument`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ketaoutcomes.catalog.entries import (
    Catalog,
    closest,
    make,
    read_toml,
    stop_if,
    without_punctuation,
)
from ketaoutcomes.catalog.instrument_checks import faults
from ketaoutcomes.catalog.instrument_entries import (
    Band,
    BandSet,
    Change,
    Cutoff,
    Instrument,
    Parent,
    Reliability,
    SafetyItem,
    ScoringRule,
    Subscale,
)
from ketaoutcomes.errors import DataError, Problem

__all__ = [
    "INSTRUMENTS",
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
    "find_instrument",
    "instruments_from",
]

_LISTS = {
    "change": ("changes", Change),
    "cutoff": ("cutoffs", Cutoff),
    "reliability": ("reliability", Reliability),
    "subscale": ("subscales", Subscale),
}


def find_instrument(name: str) -> Instrument:
    """The instrument of that name or alias, whatever its case, spacing and punctuation.

    Parameters
    ----------
    name : str
        E.g. "PHQ-9", "phq9", "PHQ 9".

    Raises
    ------
    DataError
        If there is no such instrument, or the name begins the names of several ("PHQ"). The message
        names those or the closest ones, and not the name that was asked for, since that may have
        come from a cell.
    """
    spellings = _spellings()
    key = without_punctuation(str(name))
    if key in spellings:
        return INSTRUMENTS[spellings[key]]
    longer = tuple(dict.fromkeys(spellings[known] for known in spellings if known.startswith(key)))
    longer = longer if len(key) > 1 else ()
    if len(longer) > 1:
        raise DataError(f"that name of an instrument may mean {', '.join(longer)}; give the full name")
    near = longer or closest(key, spellings)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise DataError(f"no instrument of that name is in the catalogue; {hint}Known: {', '.join(INSTRUMENTS)}.")


def instruments_from(content: Mapping[str, Any]) -> dict[str, Instrument]:
    """Instruments by name from the parsed content of a catalogue file.

    Raises
    ------
    DataError
        Lists everything in the file that is inconsistent.
    """
    problems: list[Problem] = []
    found: dict[str, Instrument] = {}
    for name, table in content.items():
        instrument = _instrument(name, table, problems)
        if instrument is not None:
            found[name] = instrument
    problems += faults(found)
    stop_if(problems)
    return found


def _instrument(name: str, table: Mapping[str, Any], problems: list[Problem]) -> Instrument | None:
    values = {key: value for key, value in table.items() if key not in _LISTS}
    for key, (field, cls) in _LISTS.items():
        made = [make(cls, row, f"{name}, {key}", problems) for row in table.get(key, [])]
        values[field] = [record for record in made if record is not None]
    sets = [_band_set(name, row, problems) for row in values.pop("band_set", [])]
    values["band_sets"] = [record for record in sets if record is not None]
    item_range = values.pop("item_range", None)
    if item_range is not None:
        n_items = table.get("n_items")
        values["item_ranges"] = [item_range] * (n_items if isinstance(n_items, int) else 0)
    for key, cls in (("safety_item", SafetyItem), ("parent", Parent)):
        if key in values:
            values[key] = make(cls, values[key], f"{name}, {key}", problems)
    origin = {key: table[key] for key in ("source", "verified", "conflicting") if key in table}
    scoring = values.pop("scoring", {"algorithm": "sum"})
    if "source" not in scoring:
        # A plain sum is as well established as the items and the range that it runs over.
        scoring = origin | scoring
    values["rule"] = make(ScoringRule, scoring, f"{name}, scoring", problems)
    if values["rule"] is None:
        return None
    return make(Instrument, {"name": name} | values, name, problems)


def _band_set(name: str, row: Mapping[str, Any], problems: list[Problem]) -> BandSet | None:
    origin = {key: row[key] for key in ("source", "verified", "conflicting") if key in row}
    unverified = row.get("unverified_bands", [])
    bands = []
    for label, low, high in row.get("bands", []):
        values = origin | {"name": label, "low": low, "high": high}
        if label in unverified:
            values["verified"] = False
        bands.append(make(Band, values, f"{name}, band '{label}'", problems))
    values = {key: value for key, value in row.items() if key != "unverified_bands"}
    if None in bands:
        return None
    return make(BandSet, values | {"bands": bands}, f"{name}, band set", problems)


@cache
def _spellings() -> dict[str, str]:
    return {
        without_punctuation(spelling): name
        for name, instrument in INSTRUMENTS.items()
        for spelling in (name, *instrument.aliases)
    }


INSTRUMENTS: Mapping[str, Instrument] = Catalog(
    lambda: instruments_from(read_toml("instruments.toml")), "instruments", finder="find_instrument"
)
