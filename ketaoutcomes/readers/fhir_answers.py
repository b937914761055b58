"""Answers to questionnaires: which question of which instrument, and which number was chosen."""

from __future__ import annotations

from collections.abc import Iterator

from ketaoutcomes.readers.fhir_codes import Places, fhir_codes
from ketaoutcomes.readers.fhir_json import items, number, obj, word
from ketaoutcomes.readers.fhir_resource import extension_columns, extension_table
from ketaoutcomes.readers.fhir_times import time_text

__all__ = ["mode_of", "response_fields"]

ORDINAL = frozenset(
    {
        "http://hl7.org/fhir/StructureDefinition/ordinalValue",
        "http://hl7.org/fhir/StructureDefinition/itemWeight",
    }
)
KEPT = frozenset({"completed", "amended"})
MODES = {"Patient": "self", "Practitioner": "clinician", "PractitionerRole": "clinician"}


def mode_of(value: object) -> str | None:
    """Return who answered or scored, from the kind of resource that a reference names: self or clinician."""
    one = obj(value)
    kind = word(one.get("type"))
    if kind is None:
        kind = (word(one.get("reference")) or "").rpartition("/")[0].rpartition("/")[2]
    return MODES.get(kind)


def response_fields(resource: dict, places: Places) -> tuple[dict | None, str | None]:
    """Return what a cohort takes of a QuestionnaireResponse, and the rule by which it cannot.

    Returns
    -------
    fields : dict or None
        "cells" holds, by instrument, the cells of its row: score, i1, i2, ...;
        "unknown" counts answers that stand for no known number. None where the
        questionnaire is of no known instrument.
    rule : str or None
    """
    address = word(resource.get("questionnaire"))
    own = places.of_canonical(address) if address else None
    extra, table = extension_columns(resource), extension_table(resource)
    cells: dict[str, dict[str, str]] = {}
    unknown, rule, answered = 0, None, set()
    for link, answers in _questions(resource):
        place = places.of_link(link, own)
        if place is None or not answers:
            continue
        if len(answers) > 1 or place in answered:
            rule = "several_answers"
            continue
        answered.add(place)
        instrument, column = place
        row = cells.setdefault(instrument, {})
        text = _chosen(obj(answers[0]), instrument)
        if text is None:
            unknown += 1
        else:
            row[column] = text
    _share(cells)
    if not cells and own is None and rule is None and table != "scores":
        return None, None
    if not cells and table == "scores":
        cells = {own or extra.get("instrument", ""): {}}
    elif not cells and rule is None:
        rule = "items_not_known" if resource.get("item") else "resource_without_value"
    if word(resource.get("status")) not in KEPT:
        rule = "resource_status"
    return {
        "cells": cells,
        "unknown": unknown,
        "time": time_text(resource.get("authored")),
        "mode": mode_of(resource.get("source")),
        "extra": extra,
    }, rule


def _questions(resource: dict) -> Iterator[tuple[str, list]]:
    """Yield linkId and answers of every question, nested ones too."""
    waiting = [obj(one) for one in reversed(items(resource.get("item")))]
    while waiting:
        one = waiting.pop()
        answers = [two for two in items(one.get("answer")) if _is_answer(two)]
        link = word(one.get("linkId"))
        if link:
            yield link, answers
        inner = items(one.get("item"))
        for answer in items(one.get("answer")):
            inner = [*inner, *items(obj(answer).get("item"))]
        waiting += [obj(two) for two in reversed(inner)]


def _is_answer(answer: object) -> bool:
    """Whether an answer has a value, and is not only a place for further questions."""
    return any(name.startswith("value") for name in obj(answer))


def _chosen(answer: dict, instrument: str) -> str | None:
    """Return the number that an answer stands for; None where it is not known, which is not guessed."""
    for name in ("valueInteger", "valueDecimal", "valueString"):
        if name in answer:
            return number(answer[name])
    if "valueQuantity" in answer:
        one = obj(answer["valueQuantity"])
        return None if one.get("comparator") else number(one.get("value"))
    coding = obj(answer.get("valueCoding"))
    code = word(coding.get("code")) or ""
    told = {fhir_codes().answers.get((instrument, code.strip()))}
    for extension in items(coding.get("extension")):
        if obj(extension).get("url") in ORDINAL:
            told |= {number(obj(extension).get(key)) for key in ("valueDecimal", "valueInteger")}
    told -= {None}
    if len({float(one) for one in told}) != 1:
        return None
    return min(told, key=len)


def _share(cells: dict[str, dict[str, str]]) -> None:
    """Give items that two instruments share to the one whose total is there, where the other has no more."""
    for options in set(fhir_codes().items.values()):
        if len(options) < 2:
            continue
        (first, _), *others = options
        shared = {
            f"i{one[0][1]}": one for one in fhir_codes().items.values() if len(one) > 1 and one[0][0] == first
        }
        row = cells.get(first)
        for other, _ in others:
            if row and "score" in cells.get(other, {}) and set(row) <= set(shared):
                moved = {f"i{dict(shared[name])[other]}": text for name, text in row.items()}
                cells[other] = moved | cells[other]
                del cells[first]
                break
