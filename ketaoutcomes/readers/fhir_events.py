"""Side effects from AdverseEvent, and the end of treatment from EpisodeOfCare or Encounter."""

from __future__ import annotations

import numpy as np

from ketaoutcomes.readers.fhir_json import items, obj, word
from ketaoutcomes.readers.fhir_people import People
from ketaoutcomes.readers.fhir_resource import (
    Kind,
    codings,
    extension_columns,
    extension_table,
    frame_of,
    reference,
)
from ketaoutcomes.readers.fhir_times import day_of, period, time_text
from ketaoutcomes.readers.intake import Intake

__all__ = ["add_dispositions", "add_events", "ending_fields", "event_fields"]

EVENT_LEAD = (
    "patient_id",
    "session",
    "effect",
    "severity",
    "onset_minutes",
    "duration_minutes",
    "resolved",
    "serious",
    "action",
    "ascertainment",
    "moment",
)
ENDING_LEAD = ("patient_id", "when", "status", "reason")
OUTCOMES = {"resolved": "yes", "resolvedwithsequelae": "yes", "recovering": "no", "ongoing": "no"}


def event_fields(resource: dict) -> dict:
    """Return what a cohort takes of an AdverseEvent."""
    event = resource.get("event")
    named = [display for _, _, display in codings(event) if display]
    text = word(obj(event).get("text"))
    severity = [code for _, code, _ in codings(resource.get("severity")) if code]
    outcome = {OUTCOMES.get(code.lower()) for _, code, _ in codings(resource.get("outcome"))} - {None}
    serious = {_serious(code) for _, code, _ in codings(resource.get("seriousness"))} - {None}
    suspects = [reference(obj(one).get("instance")) for one in items(resource.get("suspectEntity"))]
    return {
        "actual": word(resource.get("actuality")),
        "cells": {
            "effect": named[0] if named else text,
            "severity": severity[0] if severity else word(obj(resource.get("severity")).get("text")),
            "resolved": outcome.pop() if len(outcome) == 1 else None,
            "serious": serious.pop() if len(serious) == 1 else None,
        },
        "date": time_text(resource.get("date")),
        "detected": time_text(resource.get("detected")),
        "suspects": [address for address in suspects if address],
        "extra": extension_columns(resource),
    }


def _serious(code: str) -> str | None:
    plain = code.lower().replace("-", "")
    return "no" if plain == "nonserious" else "yes" if plain.startswith("serious") else None


def add_events(
    intake: Intake, people: People, events: tuple[Kind, int], administrations: Kind, timezone: str | None
) -> None:
    """Add the rows of side effects; those without a session's number have the time when they began."""
    kind, handle = events
    rows, positions, detected = [], [], 0
    for record, name in people.keep(kind):
        fields = record.fields
        if fields["actual"] == "potential":
            record.rule = "potential_event"
            continue
        extra = {key: text for key, text in fields["extra"].items() if key != "patient_id"}
        row = {"patient_id": name, **{key: text for key, text in fields["cells"].items() if text}, **extra}
        if "session" not in extra:
            row["moment"] = fields["date"] or _day_of_suspect(fields, administrations, timezone)
            if row["moment"] is None:
                row["moment"] = fields["detected"]
                detected += fields["detected"] is not None
        rows.append(row)
        positions.append(record.position)
    if detected:
        intake.note(
            "the event has no date, so that it belongs to the last session begun when it was detected",
            table="side_effects",
            n_rows=detected,
        )
    if rows:
        intake.add(handle, "side_effects", frame_of(rows, EVENT_LEAD), np.array(positions, dtype=np.int64))


def _day_of_suspect(fields: dict, administrations: Kind, timezone: str | None) -> str | None:
    """Return the day of the administration that is suspected; not its clock time, which is no onset."""
    for address in fields["suspects"]:
        found = administrations.find(address)
        if found is not None and found.fields is not None:
            return day_of(found.fields["start"], timezone)
    return None


def ending_fields(resource: dict) -> dict | None:
    """Return the disposition that an EpisodeOfCare or Encounter states by an extension, None without one."""
    extra = extension_columns(resource)
    if "status" not in extra and extension_table(resource) != "disposition":
        return None
    _, end = period(resource.get("period"))
    return {"state": word(resource.get("status")), "end": end, "extra": extra}


def add_dispositions(intake: Intake, people: People, endings: tuple[Kind, int]) -> None:
    """Add the rows of disposition."""
    kind, handle = endings
    rows, positions = [], []
    for record, name in people.keep(kind):
        if record.fields["state"] == "entered-in-error":
            record.rule = "resource_status"
            continue
        extra = {key: text for key, text in record.fields["extra"].items() if key != "patient_id"}
        rows.append({"patient_id": name, "when": record.fields["end"]} | extra)
        positions.append(record.position)
    if rows:
        intake.add(handle, "disposition", frame_of(rows, ENDING_LEAD), np.array(positions, dtype=np.int64))
