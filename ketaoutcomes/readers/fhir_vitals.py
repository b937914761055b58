"""Observations of vital signs to readings, and of body weight to the session of the same day."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from ketaoutcomes.readers.fhir_codes import LOINC, fhir_codes
from ketaoutcomes.readers.fhir_json import items, obj
from ketaoutcomes.readers.fhir_people import People
from ketaoutcomes.readers.fhir_resource import Kind, Record, codings, frame_of, quantity
from ketaoutcomes.readers.fhir_times import day_of, is_clocked
from ketaoutcomes.readers.intake import Intake

__all__ = ["add_vitals", "add_weights", "vital_cells"]

LEAD = (
    "patient_id",
    "session",
    "minute",
    "sbp",
    "dbp",
    "heart_rate",
    "spo2",
    "respiratory_rate",
    "moment",
)
WEIGHT = "weight_kg"
MOST_DIGITS = 6


def vital_cells(resource: dict) -> tuple[dict[str, str], str | None]:
    """Return the readings of an Observation by column, and the rule by which one or all were refused.

    A reading may be the Observation's own value or that of one of its components.
    """
    cells: dict[str, str] = {}
    rule = None
    for part in (resource, *map(obj, items(resource.get("component")))):
        vitals = fhir_codes().vitals
        known = {
            vitals[code].measure: vitals[code]
            for system, code, _ in codings(part.get("code"))
            if system == LOINC and code in vitals
        }
        if len(known) != 1:
            rule = rule or ("two_codes" if known else None)
            continue
        ((measure, vital),) = known.items()
        if (
            not any(name.startswith("value") for name in part)
            and part is resource
            and resource.get("component")
        ):
            continue
        value = quantity(part.get("valueQuantity"))
        if value is None:
            rule = rule or "resource_without_value"
        elif value.bound:
            rule = rule or "value_is_a_bound"
        elif measure in cells:
            return {}, "two_codes"
        elif value.unit in vital.units:
            cells[measure] = value.value
        elif value.unit in vital.converted:
            cells[measure] = (
                f"{float(Decimal(value.value) * Decimal(str(vital.converted[value.unit]))):.{MOST_DIGITS}g}"
            )
        else:
            rule = rule or "resource_unit"
    return cells, rule


def add_vitals(intake: Intake, people: People, observations: tuple[Kind, int]) -> None:
    """Add readings; those that one patient has at one clock time become one row.

    Where one of them was measured twice at that time, each stays a row of its own.
    """
    rows: list[dict[str, str | None]] = []
    owners: list[list[int]] = []
    together: dict[tuple[str, str], list[int]] = {}
    kind, handle = observations
    for record, name in people.keep(kind):
        fields = record.fields
        if fields["kind"] != "vital":
            continue
        extra = {key: text for key, text in fields["extra"].items() if key != "patient_id"}
        row = {"patient_id": name, **fields["cells"], **extra}
        if "session" not in extra:
            row["moment"] = fields["time"]
            if not extra and is_clocked(fields["time"]):
                together.setdefault((name, fields["time"]), []).append(len(rows))
        rows.append(row)
        owners.append([record.position])
    gone = _unite(rows, owners, together)
    keep = [place for place in range(len(rows)) if place not in gone]
    if keep:
        parts = [(made, position) for made, place in enumerate(keep) for position in owners[place]]
        made, position = (np.array(column, dtype=np.int64) for column in zip(*parts, strict=True))
        intake.add(handle, "vitals", frame_of([rows[place] for place in keep], LEAD), parts=(made, position))


def _unite(rows, owners, together: dict[tuple[str, str], list[int]]) -> set[int]:
    """Unite readings of one clock time in the first of their rows; return the rows that are used up."""
    gone: set[int] = set()
    for places in together.values():
        measures = [name for place in places for name in rows[place] if name not in ("patient_id", "moment")]
        if len(places) > 1 and len(set(measures)) == len(measures):
            first = places[0]
            for place in places[1:]:
                rows[first] = rows[place] | rows[first]
                owners[first] += owners[place]
                gone.add(place)
    return gone


def add_weights(
    intake: Intake,
    people: People,
    observations: tuple[Kind, int],
    sessions: list[dict[str, str | None]],
    timezone: str | None,
) -> None:
    """Give sessions without a weight the one that was measured on the same day.

    Parameters
    ----------
    sessions : list of dict
        Rows of sessions; changed in place.
    """
    by_day: dict[tuple[str, str | None], list[Record]] = {}
    kind, handle = observations
    for record, name in people.keep(kind):
        if record.fields["kind"] != "weight":
            continue
        if not people.lists(name):
            record.rule = "orphan_patient"
            continue
        by_day.setdefault((name, day_of(record.fields["time"], timezone)), []).append(record)
    days: dict[tuple[str, str | None], list[dict]] = {}
    for row in sessions:
        days.setdefault((row["patient_id"], day_of(row.get("start"), timezone)), []).append(row)
    used: list[tuple[str, Record]] = []
    for (name, day), records in by_day.items():
        # As numbers, since 80 and 80.0 are one weight.
        values = {float(record.fields["cells"][WEIGHT]): record.fields["cells"][WEIGHT] for record in records}
        of_day = days.get((name, day), []) if day else []
        rule = "no_session_then" if not of_day else "weights_differ" if len(values) > 1 else None
        for record in records:
            record.rule = rule
        if rule is None:
            used += [(name, record) for record in records]
            for row in of_day:
                row.setdefault(WEIGHT, next(iter(values.values())))
    if used:
        # A weight is no row of its own: its resource is accounted for with the patient's row.
        rows = [{"patient_id": name} for name, _ in used]
        positions = np.array([record.position for _, record in used], dtype=np.int64)
        intake.add(handle, "patients", frame_of(rows, ("patient_id",)), positions)
