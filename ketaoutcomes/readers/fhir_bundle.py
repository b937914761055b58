"""The text of a Bundle, entry by entry, so that the whole of it is never held as one JSON value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ketaoutcomes.readers.fhir_json import Flaw, Parser, obj, word

__all__ = ["Broken", "Entry", "bundle_entries", "entry_of"]

BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line or entry: its number, and either a resource or the rule by which it cannot be used.

    Parameters
    ----------
    number : int
        Line of the file, or place among the entries of a Bundle, from 1.
    resource : dict or None
    url : str, optional
        The entry's full address, for references.
    rule : str, optional
    """

    number: int
    resource: dict[str, object] | None
    url: str | None = None
    rule: str | None = None


class Broken(Flaw):
    """Where the text of a Bundle stops being one."""

    def __init__(self, rule: str, place: int):
        super().__init__(rule)
        self.place = place


def bundle_entries(text: str, parser: Parser) -> Iterator[Entry]:
    """Yield the entries of a Bundle's text; return its other members."""
    head: dict[str, object] = {}
    place = _sign(text, _skip(text, 0), "{")
    place = _skip(text, place)
    more = text[place : place + 1] != "}"
    while more:
        key, place, flaw = _value(text, place, parser)
        if not isinstance(key, str) or flaw or key in head:
            raise Broken("duplicate_keys" if key in head else "not_json", place)
        place = _skip(text, _sign(text, _skip(text, place), ":"))
        if key == "entry" and text[place : place + 1] == "[":
            head[key] = True
            place = yield from _entries(text, place + 1, parser)
        else:
            head[key], place, flaw = _value(text, place, parser)
            if flaw:
                raise Broken(flaw, place)
        place = _skip(text, place)
        more = text[place : place + 1] == ","
        if more:
            place = _skip(text, place + 1)
    place = _skip(text, _sign(text, place, "}"))
    if place < len(text):
        raise Broken("more_than_one_json", place)
    return head


def _entries(text: str, place: int, parser: Parser) -> Iterator[Entry]:
    """Yield the elements of the list of entries; return the place after it."""
    place, number = _skip(text, place), 0
    if text[place : place + 1] == "]":
        return place + 1
    while True:
        number += 1
        value, place, flaw = _value(text, place, parser)
        yield _element(number, value, flaw)
        place = _skip(text, place)
        if text[place : place + 1] == "]":
            return place + 1
        place = _skip(text, _sign(text, place, ","))


def _element(number: int, value: object, flaw: str | None) -> Entry:
    if flaw:
        return Entry(number, None, rule=flaw)
    if "resource" not in obj(value):
        return Entry(number, None, rule="no_resource")
    try:
        return entry_of(number, obj(value)["resource"], word(obj(value).get("fullUrl")))
    except Flaw as one:
        return Entry(number, None, rule=one.rule)


def _skip(text: str, place: int) -> int:
    return BLANK.match(text, place).end()


def _sign(text: str, place: int, sign: str) -> int:
    """Return the place after a sign that must be there."""
    if text[place : place + 1] != sign:
        raise Broken("not_json", place)
    return place + 1


def _value(text: str, place: int, parser: Parser) -> tuple[object, int, str | None]:
    try:
        return parser.at(text, place)
    except Flaw as flaw:
        rule = flaw.rule
    raise Broken(rule, place)


def entry_of(number: int, resource: object, url: str | None) -> Entry:
    """Return an entry whose resource has a type."""
    if not isinstance(resource, dict):
        return Entry(number, None, rule="not_a_resource")
    if word(resource.get("resourceType")) is None:
        return Entry(number, None, rule="no_resource_type")
    return Entry(number, resource, url)
