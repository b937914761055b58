"""Parts that FHIR resources have in common: codes, references, extensions, quantities, and their versions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from ketaoutcomes.cohort.schema import ITEM
from ketaoutcomes.readers.fhir_codes import COLUMN, TABLE
from ketaoutcomes.readers.fhir_json import cell, items, number, obj, word

__all__ = [
    "Kind",
    "Quantity",
    "Record",
    "codings",
    "concept_texts",
    "extension_columns",
    "extension_table",
    "frame_of",
    "quantity",
    "reference",
]

COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ .%/-]{0,63}")
ANNOTATION = re.compile(r"\{[^{}]*\}")
RELATIVE = re.compile(r"(?:.*/)?(?P<kind>[A-Z][A-Za-z]{2,40})/(?P<id>[^/|#?]+)(?:/_history/[^/]+)?")


@dataclass(slots=True)
class Record:
    """What is kept of one resource while an export is read.

    Parameters
    ----------
    position : int
        Place among the resources of its kind, from 0.
    key : str or None
        The resource's id.
    url : str or None
        Full address of its entry.
    version : tuple
        Sorts the versions of one resource.
    owner : str or None
        Reference to the patient.
    fields : dict or None
        What the cohort takes, None where nothing of it is mapped.
    rule : str or None
        By which it is set aside.
    """

    position: int
    key: str | None
    url: str | None
    version: tuple
    owner: str | None
    fields: dict | None
    rule: str | None = None


@dataclass
class Kind:
    """All resources of one kind."""

    name: str
    numbers: list[int] = field(default_factory=list)
    elements: Counter = field(default_factory=Counter)
    records: list[Record] = field(default_factory=list)
    _by_url: dict[str, Record] = field(default_factory=dict)
    _by_key: dict[str, Record] = field(default_factory=dict)

    def settle(self) -> None:
        """Set older versions of a resource aside, and remember the others by id and address."""
        same: dict[str, list[Record]] = {}
        for record in self.records:
            if record.key is not None:
                same.setdefault(record.key, []).append(record)
        for key, records in same.items():
            if len({_base(record.url) for record in records} - {""}) > 1:
                # Two servers give ids independently of each other: these are two resources under one id.
                for record in records:
                    record.rule, record.fields = "two_servers", None
                continue
            last = max(records, key=lambda record: record.version)
            for record in records:
                if record is not last:
                    record.rule, record.fields = "older_version", None
            self._by_key[key] = last
        for record in self.records:
            if record.url and record.rule not in ("older_version", "two_servers"):
                self._by_url[record.url] = record

    def usable(self) -> Iterator[Record]:
        """Yield the resources of which something is mapped and that no rule has set aside."""
        return (record for record in self.records if record.fields is not None and record.rule is None)

    def find(self, text: str | None) -> Record | None:
        """Return the resource that a reference names, None if it is not here."""
        if not text or text.startswith("#"):
            return None
        if text in self._by_url:
            return self._by_url[text]
        found = RELATIVE.fullmatch(text)
        if found is None:
            return self._by_key.get(text.removeprefix("urn:uuid:"))
        record = self._by_key.get(found["id"]) if found["kind"] == self.name else None
        elsewhere = record is not None and {_base(record.url), _base(text)} - {""}
        return None if elsewhere and len(elsewhere) > 1 else record


def _base(url: str | None) -> str:
    """Return what of an address says where the resource lives, "" where nothing does."""
    found = RELATIVE.fullmatch(url) if url and "://" in url else None
    if found:
        return url[: found.start("kind")]
    return url if url and url.startswith("urn:") else ""


def codings(concept: object) -> list[tuple[str, str, str | None]]:
    """Return system, code and display of each coding of a concept."""
    out = []
    for coding in items(obj(concept).get("coding")):
        one = obj(coding)
        code = word(one.get("code"))
        display = word(one.get("display"))
        if code or display:
            out.append((word(one.get("system")) or "", (code or "").strip(), display))
    return out


def concept_texts(concept: object) -> list[str]:
    """Return what a concept says in words: displays of its codings, then its text."""
    texts = [display for _, _, display in codings(concept) if display]
    text = word(obj(concept).get("text"))
    return [*texts, text] if text else texts


def reference(value: object) -> str | None:
    """Return the address in a reference."""
    return word(obj(value).get("reference"))


def extension_columns(resource: dict) -> dict[str, str]:
    """Return the cells that extensions give for columns of the cohort's tables."""
    out = {}
    for extension in items(resource.get("extension")):
        one = obj(extension)
        url = one.get("url")
        if not isinstance(url, str) or not url.startswith(COLUMN):
            continue
        name = url.removeprefix(COLUMN)
        text = next((cell(value) for key, value in one.items() if key.startswith("value")), None)
        if text is not None and COLUMN_NAME.fullmatch(name):
            out[name] = text
    return out


def extension_table(resource: dict) -> str | None:
    """Return the table for which an extension says that the resource is a row of it."""
    for extension in items(resource.get("extension")):
        one = obj(extension)
        if one.get("url") == TABLE:
            return word(one.get("valueCode"))
    return None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured value: the number as written, its unit (a UCUM code if given), and whether it is a bound."""

    value: str
    unit: str
    bound: bool


def quantity(value: object) -> Quantity | None:
    """Return a quantity, None where there is no number."""
    one = obj(value)
    text = number(one.get("value"))
    if text is None:
        return None
    unit = word(one.get("code")) or word(one.get("unit")) or ""
    return Quantity(text, ANNOTATION.sub("", unit).strip(), word(one.get("comparator")) is not None)


def frame_of(rows: list[dict[str, str | None]], lead: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame of text: leading columns that are there, items by number, then the others."""
    names = dict.fromkeys(name for row in rows for name, text in row.items() if text is not None)
    numbered = sorted((name for name in names if ITEM.fullmatch(name)), key=lambda name: int(name[1:]))
    order = [name for name in lead if name in names]
    order += [name for name in numbered if name not in order]
    order += [name for name in names if name not in order]
    return pd.DataFrame(
        {name: pd.array([row.get(name) for row in rows], dtype="str") for name in order},
        index=range(len(rows)),
    )
