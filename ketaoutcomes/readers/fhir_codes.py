"""The codes of `fhir_codes.toml`: the instrument, reading, medicine, route or diagnosis of each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ketaoutcomes.catalog.instruments import INSTRUMENTS, find_instrument
from ketaoutcomes.errors import DataError

__all__ = [
    "COLUMN",
    "LOCAL",
    "LOINC",
    "SNOMED",
    "TABLE",
    "Codes",
    "Elements",
    "Places",
    "Vital",
    "fhir_codes",
    "fhir_elements",
]

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10 = re.compile(r"(?i).*(icd-?10|2\.16\.840\.1\.113883\.6\.(3|90)$).*")
# What FHIR has no code for: instruments, diagnoses, and columns of the cohort's tables.
LOCAL = "urn:ketaoutcomes"
COLUMN, TABLE = f"{LOCAL}:column:", f"{LOCAL}:table"
# "phq9_3", "PHQ-9.item3", "q3", "3": the instrument, if it is named, and the number of the item.
LOCAL_ITEM = re.compile(
    r"(?:(?P<name>[A-Za-z].*?)[-_. :/])??(?:(?:item|question|i|q)[-_. ]?)?0?(?P<number>[1-9][0-9]?)", re.I
)
LOCAL_TOTAL = re.compile(r"(?:(?P<name>[A-Za-z].*?)[-_. :/])??(?:total[-_. ]?score|total|sum|score)", re.I)
LONGEST_LINK = 100


@dataclass(frozen=True)
class Vital:
    """A measure of vital signs: its column, its units, and units that are converted by a factor."""

    measure: str
    units: tuple[str, ...]
    converted: Mapping[str, float]


@dataclass(frozen=True)
class Codes:
    """All codes, by code.

    Parameters
    ----------
    totals, panels : mapping of LOINC code to name of the instrument
    total_units : mapping of LOINC code to tuple of str
        Units without which a total says nothing.
    items : mapping of LOINC code to tuple of (instrument, number of the item)
        The first is meant where nothing else is said.
    answers : mapping of (instrument, answer code) to str
    vitals : mapping of LOINC code to Vital
    medicines : mapping of (system, code) to str
    medicine_systems : mapping of str to str
        Systems whose codes say which medicine it is, each under all its names, to the name in `medicines`.
    routes : mapping of SNOMED CT code to str
    diagnoses : tuple of (prefix of ICD-10, word), longest prefix first
    """

    totals: Mapping[str, str]
    panels: Mapping[str, str]
    total_units: Mapping[str, tuple[str, ...]]
    items: Mapping[str, tuple[tuple[str, int], ...]]
    answers: Mapping[tuple[str, str], str]
    vitals: Mapping[str, Vital]
    medicines: Mapping[tuple[str, str], str]
    medicine_systems: Mapping[str, str]
    routes: Mapping[str, str]
    diagnoses: tuple[tuple[str, str], ...]

    def diagnosis(self, system: str, code: str) -> str | None:
        """Return the diagnosis that an ICD-10 code belongs to; None for another system or diagnosis."""
        if not ICD10.fullmatch(system):
            return None
        bare = code.strip().upper().replace(".", "")
        return next((word for start, word in self.diagnoses if bare.startswith(start.replace(".", ""))), None)


@dataclass(frozen=True)
class Elements:
    """Names that FHIR gives resources, and where their elements go."""

    types: frozenset[str]
    common: tuple[str, ...]
    targets: Mapping[str, Mapping[str, str | None]]


@cache
def fhir_codes() -> Codes:
    """Return the codes; read once."""
    content = _read("fhir_codes.toml")
    items: dict[str, tuple[tuple[str, int], ...]] = {}
    for entry in content["items"]:
        for number, code in enumerate(entry["codes"], 1):
            items[code] = (*items.get(code, ()), (entry["instrument"], number))
    answers = {
        (instrument, code): str(value)
        for entry in content["answers"]
        for instrument in entry["instruments"]
        for code, value in entry["values"].items()
    }
    vitals = {
        entry["code"]: Vital(
            entry["measure"], tuple(entry["units"]), MappingProxyType(entry.get("converted", {}))
        )
        for entry in content["vital"]
    }
    diagnoses = [(prefix, entry["word"]) for entry in content["diagnosis"] for prefix in entry["prefixes"]]
    return Codes(
        totals=MappingProxyType({entry["code"]: entry["instrument"] for entry in content["total"]}),
        panels=MappingProxyType({entry["code"]: entry["instrument"] for entry in content["panel"]}),
        total_units=MappingProxyType(
            {entry["code"]: tuple(entry["units"]) for entry in content["total"] if "units" in entry}
        ),
        items=MappingProxyType(items),
        answers=MappingProxyType(answers),
        vitals=MappingProxyType(vitals),
        medicines=MappingProxyType(
            {(one["system"], one["code"]): one["drug"] for one in content["medicine"]}
        ),
        medicine_systems=MappingProxyType(
            {
                name: entry["system"]
                for entry in content["medicine_system"]
                for name in (entry["system"], *entry["also"])
            }
        ),
        routes=MappingProxyType({entry["code"]: entry["route"] for entry in content["route"]}),
        diagnoses=tuple(sorted(diagnoses, key=lambda pair: -len(pair[0]))),
    )


@cache
def fhir_elements() -> Elements:
    """Return the names of resources and elements; read once."""
    content = _read("fhir_elements.toml")
    common = tuple(content.pop("common").split())
    types = frozenset(content.pop("types").split())
    targets = {
        kind: MappingProxyType({name: target or None for name, target in names.items()})
        for kind, names in content.items()
    }
    return Elements(types, common, MappingProxyType(targets))


def _read(name: str) -> dict:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


class Places:
    """Where the questions of questionnaires go; remembers what it was asked, for one export."""

    def __init__(self):
        self._codes = fhir_codes()
        self._names: dict[str, str | None] = {}
        self._links: dict[tuple[str, str | None], tuple[str, str] | None] = {}

    def instrument(self, name: str) -> str | None:
        """Return the instrument of that name or alias, None if there is none or are several."""
        if name not in self._names:
            try:
                self._names[name] = find_instrument(name).name if len(name) <= LONGEST_LINK else None
            except DataError:
                self._names[name] = None
        return self._names[name]

    def of_canonical(self, address: str) -> str | None:
        """Return the instrument of a questionnaire's address: LOINC panel code or name in its last part."""
        last = address.partition("|")[0].rstrip("/").rpartition("/")[2]
        last = last.removeprefix(f"{LOCAL}:")
        return self._codes.panels.get(last) or self.instrument(last)

    def of_link(self, link: str, own: str | None) -> tuple[str, str] | None:
        """Return instrument and column ("score", "i1", ...) of a question, None if it is not known.

        Parameters
        ----------
        link : str
            The question's linkId: a LOINC code with or without slashes before it, or the clinic's own,
            such as "phq9_1"; "1", "q1" and "total" where the questionnaire is known.
        own : str or None
            Instrument of the whole questionnaire.
        """
        if (link, own) not in self._links:
            self._links[link, own] = self._place(link, own) if len(link) <= LONGEST_LINK else None
        return self._links[link, own]

    def _place(self, link: str, own: str | None) -> tuple[str, str] | None:
        code = link.rstrip("/").rpartition("/")[2].strip()
        if code in self._codes.totals:
            return self._codes.totals[code], "score"
        if code in self._codes.items:
            options = self._codes.items[code]
            instrument, number = next((one for one in options if one[0] == own), options[0])
            return instrument, f"i{number}"
        total = LOCAL_TOTAL.fullmatch(code)
        found = total or LOCAL_ITEM.fullmatch(code)
        # The instrument's own name, such as "gad-7", is none of its questions.
        if found is None or (not total and not code.isdecimal() and self.instrument(code) is not None):
            return None
        named = found["name"]
        instrument = self.instrument(named) if named else own
        if instrument is None:
            return None
        if total:
            return instrument, "score"
        number = int(found["number"])
        return (instrument, f"i{number}") if number <= INSTRUMENTS[instrument].n_items else None
