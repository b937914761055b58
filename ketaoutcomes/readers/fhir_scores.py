"""Scores from Observations and from answers to questionnaires, each counted once."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.readers.fhir_answers import mode_of
from ketaoutcomes.readers.fhir_codes import LOCAL, LOINC, Places, fhir_codes
from ketaoutcomes.readers.fhir_json import items, number, obj, word
from ketaoutcomes.readers.fhir_people import People
from ketaoutcomes.readers.fhir_resource import (
    Kind,
    Record,
    codings,
    extension_columns,
    extension_table,
    frame_of,
    quantity,
    reference,
)
from ketaoutcomes.readers.fhir_times import period, time_text
from ketaoutcomes.readers.fhir_vitals import WEIGHT, vital_cells
from ketaoutcomes.readers.intake import Intake

__all__ = ["SCORES_LEAD", "add_scores", "observation_fields"]

SCORES_LEAD = ("patient_id", "instrument", "taken", "score", "timing", "mode")
KEPT = frozenset({"final", "amended", "corrected", "preliminary"})
MOST_OF_AN_ITEM = 3


def observation_fields(resource: dict, places: Places) -> tuple[dict | None, str | None]:
    """Return what a cohort takes of an Observation, and the rule it breaks; (None, None) for others."""
    table, codes = extension_table(resource), fhir_codes()
    given = codings(resource.get("code"))
    loinc = [code for system, code, _ in given if system == LOINC]
    parts = [obj(part) for part in items(resource.get("component"))]
    vital = table == "vitals" or any(code in codes.vitals for code in loinc)
    vital = vital or any(
        code in codes.vitals
        for part in parts
        for system, code, _ in codings(part.get("code"))
        if system == LOINC
    )
    found = rule = None
    if vital and table != "scores":
        cells, rule = vital_cells(resource)
        found = {"kind": "weight" if set(cells) == {WEIGHT} else "vital", "cells": cells}
        rule = None if table or cells else rule or "resource_without_value"
    else:
        found, rule = _score(resource, loinc, given, parts, places)
        if found is None and table == "scores":
            found, rule = {"kind": "score", "instrument": None, "cells": {}}, None
        elif table == "scores":
            rule = None
    if found is None:
        return None, None
    status = word(resource.get("status"))
    if status not in KEPT:
        rule = "resource_status"
    start, _ = period(resource.get("effectivePeriod"))
    time = time_text(resource.get("effectiveDateTime") or resource.get("effectiveInstant")) or start
    performers = items(resource.get("performer"))
    return found | {
        "time": time or time_text(resource.get("issued")),
        "preliminary": status == "preliminary",
        "issued": not time and word(resource.get("issued")) is not None,
        "derived": [reference(one) for one in items(resource.get("derivedFrom"))],
        "mode": mode_of(performers[0]) if len(performers) == 1 else None,
        "extra": extension_columns(resource),
    }, rule


def _score(resource: dict, loinc: list[str], given, parts: list[dict], places: Places):
    """Return instrument and cells of what is or pretends to be a score, and the rule it breaks."""
    codes = fhir_codes()
    value, has_value, rule = _value(resource)
    totals = {codes.totals[code] for code in loinc if code in codes.totals}
    panels = {codes.panels[code] for code in loinc if code in codes.panels}
    single = [codes.items[code] for code in loinc if code in codes.items]
    local = {name for system, code, _ in given if (name := _local(system, code))}
    if not totals | panels and not single:
        totals = local
    if len(totals | panels) > 1:
        return {"kind": "score", "instrument": None, "cells": {}}, "two_codes"
    if panels and not totals:
        instrument = next(iter(panels))
        cells = _components(parts, instrument, places)
        if has_value:
            return {"kind": "score", "instrument": instrument, "cells": {}}, "panel_code_as_total"
        return ({"kind": "score", "instrument": instrument, "cells": cells}, None) if cells else (None, None)
    if totals:
        instrument = next(iter(totals))
        units = {unit for code in loinc for unit in codes.total_units.get(code, ())}
        found = quantity(resource.get("valueQuantity"))
        if not rule and units and (found is None or found.unit not in units):
            rule = "resource_unit"
        cells = _components(parts, instrument, places) | ({"score": value} if value else {})
        return {"kind": "score", "instrument": instrument, "cells": cells}, rule
    if single and value is not None and float(value) > MOST_OF_AN_ITEM:
        return {"kind": "score", "instrument": None, "cells": {}}, "item_code_as_total"
    return None, None


def _local(system: str, code: str) -> str | None:
    """Return the instrument of a local code: the system "urn:ketaoutcomes" and a name, or both in one."""
    text = f"{system}:{code}" if system else code
    if not text.startswith(f"{LOCAL}:"):
        return None
    # A clinic's own instrument that the catalogue does not know goes by its own name.
    return text.removeprefix(f"{LOCAL}:").removeprefix("instrument:") or None


def _value(resource: dict) -> tuple[str | None, bool, str | None]:
    """Return an Observation's number, whether it has any value, and the rule by which it is no score."""
    has_value = any(name.startswith("value") for name in resource)
    found = quantity(resource.get("valueQuantity"))
    if found is not None:
        return (None, True, "value_is_a_bound") if found.bound else (found.value, True, None)
    text = number(resource.get("valueInteger")) or number(resource.get("valueString"))
    return text, has_value, None if text else "resource_without_value"


def _components(parts: list[dict], instrument: str, places: Places) -> dict[str, str]:
    """Return the items of an instrument that an Observation's components hold."""
    cells = {}
    for part in parts:
        value, _, rule = _value(part)
        for system, code, _ in codings(part.get("code")):
            place = places.of_link(code, instrument) if system == LOINC else None
            if place and place[0] == instrument and place[1] != "score" and value and not rule:
                cells[place[1]] = value
    return cells


def add_scores(
    intake: Intake,
    people: People,
    responses: tuple[Kind, int],
    observations: tuple[Kind, int],
) -> None:
    """Add the rows of scores."""
    kind, handle = responses
    rows: list[dict[str, str | None]] = []
    made: list[Record] = []
    of_response: dict[tuple[int, str], dict[str, str | None]] = {}
    for record, name in people.keep(kind):
        for instrument, cells in record.fields["cells"].items():
            row = {"patient_id": name, "instrument": instrument, "taken": record.fields["time"], **cells}
            row |= {"mode": record.fields["mode"]} if record.fields["mode"] else {}
            row |= {key: text for key, text in record.fields["extra"].items() if key != "patient_id"}
            rows.append(row)
            made.append(record)
            of_response[record.position, instrument] = row
    mine = [(one, name) for one, name in people.keep(observations[0]) if one.fields["kind"] == "score"]
    alone, clashing = _alone(mine, kind, of_response)
    keep = [place for place, row in enumerate(rows) if id(row) not in clashing]
    for place, row in enumerate(rows):
        if id(row) in clashing:
            made[place].rule = "response_total_differs"
    if keep:
        positions = np.array([made[place].position for place in keep], dtype=np.int64)
        intake.add(handle, "scores", frame_of([rows[place] for place in keep], SCORES_LEAD), positions)
    _add_observed(intake, observations[1], alone)


def _alone(mine, responses: Kind, of_response) -> tuple[list[tuple[Record, str]], set[int]]:
    """Return the Observations that are no copies of a response, and the responses' rows they contradict.

    A total that is derived from a response in the export is the response's own: it
    fills the total where the response has none, and is held against it otherwise.
    """
    alone, clashing = [], set()
    for record, name in mine:
        source = next((found for one in record.fields["derived"] if (found := responses.find(one))), None)
        if source is not None and source.rule and source.rule != "response_total_differs":
            record.rule = "response_not_usable"
            continue
        row = of_response.get((source.position, record.fields["instrument"])) if source is not None else None
        score = record.fields["cells"].get("score")
        if row is None or score is None:
            alone.append((record, name))
        elif row.get("score") is None:
            row["score"], record.rule = score, "same_as_response"
        elif id(row) not in clashing and number(row["score"]) and float(row["score"]) == float(score):
            record.rule = "same_as_response"
        else:
            record.rule = "response_total_differs"
            clashing.add(id(row))
    return alone, clashing


def _add_observed(intake: Intake, handle: int, alone: list[tuple[Record, str]]) -> None:
    rows, positions, issued = [], [], 0
    for record, name in alone:
        fields = record.fields
        row = {
            "patient_id": name,
            "instrument": fields["instrument"],
            "taken": fields["time"],
            **fields["cells"],
        }
        row |= {"mode": fields["mode"]} if fields["mode"] else {}
        row |= {key: text for key, text in fields["extra"].items() if key != "patient_id"}
        rows.append(row)
        positions.append(record.position)
        issued += fields["issued"]
    if issued:
        intake.note(
            "the Observation does not say when it was taken, so that the time at which it was issued counts",
            table="scores",
            column="taken",
            n_rows=issued,
        )
    if rows:
        intake.add(handle, "scores", frame_of(rows, SCORES_LEAD), np.array(positions, dtype=np.int64))
