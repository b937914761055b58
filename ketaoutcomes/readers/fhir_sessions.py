"""Administrations of ketamine to sessions: when, how long, how much, and by which route."""

from __future__ import annotations

import re
from decimal import Decimal
from types import MappingProxyType

import numpy as np

from ketaoutcomes.readers.fhir_codes import SNOMED, fhir_codes
from ketaoutcomes.readers.fhir_json import items, obj, word
from ketaoutcomes.readers.fhir_medicines import drug_in, medicine_of, united
from ketaoutcomes.readers.fhir_people import People
from ketaoutcomes.readers.fhir_resource import (
    Kind,
    Quantity,
    Record,
    codings,
    concept_texts,
    extension_columns,
    extension_table,
    frame_of,
    quantity,
    reference,
)
from ketaoutcomes.readers.fhir_times import minutes_between, period, time_text
from ketaoutcomes.readers.intake import Intake

__all__ = ["SESSIONS_LEAD", "add_sessions", "administration_fields", "medication_fields", "session_rows"]

SESSIONS_LEAD = (
    "patient_id",
    "start",
    "session",
    "route",
    "dose_mg_per_kg",
    "dose_mg",
    "weight_kg",
    "duration_minutes",
    "stopped_early",
)
# "stopped" is the administration that was begun and ended early: a session, and not a plan.
DONE = frozenset({"completed", "stopped"})
MASS = MappingProxyType(
    {"mg": Decimal(1), "ug": Decimal("0.001"), "mcg": Decimal("0.001"), "g": Decimal(1000)}
)
MINUTES = MappingProxyType({"min": Decimal(1), "h": Decimal(60), "hr": Decimal(60), "s": Decimal(1) / 60})
MOST_DIGITS = 6


def medication_fields(resource: dict) -> dict:
    """Return the codes and the words of a Medication."""
    return medicine_of(resource.get("code"))


def administration_fields(resource: dict) -> dict:
    """Return what a cohort takes of a MedicationAdministration, of whichever medicine."""
    medicine = medicine_of(resource.get("medicationCodeableConcept"))
    link = obj(resource.get("medicationReference"))
    address = reference(link)
    if address and address.startswith("#"):
        for one in items(resource.get("contained")):
            if obj(one).get("id") == address[1:] and obj(one).get("resourceType") == "Medication":
                medicine = medication_fields(obj(one))
    display = word(link.get("display"))
    if display:
        medicine["texts"].append(display)
    start, end = period(resource.get("effectivePeriod"))
    dosage = obj(resource.get("dosage"))
    return {
        "medicine": medicine,
        "address": address,
        "status": word(resource.get("status")),
        "start": start or time_text(resource.get("effectiveDateTime")),
        "minutes": minutes_between(start, end),
        "dose": quantity(dosage.get("dose")),
        "rate": quantity(dosage.get("rateQuantity")) or _ratio(dosage.get("rateRatio")),
        "route": _route(dosage.get("route")),
        "extra": extension_columns(resource),
        "table": extension_table(resource),
    }


def _ratio(value: object) -> Quantity | None:
    """Return a ratio of two quantities as one, such as 0.5 mg/kg per 40 min as 0.0125 mg/kg/min."""
    above, below = (quantity(obj(value).get(name)) for name in ("numerator", "denominator"))
    if above is None or below is None or Decimal(below.value) == 0:
        return None
    return Quantity(
        str(Decimal(above.value) / Decimal(below.value)),
        f"{above.unit}/{below.unit}",
        above.bound or below.bound,
    )


def _route(concept: object) -> str | None:
    routes = fhir_codes().routes
    known = {routes[code] for system, code, _ in codings(concept) if system == SNOMED and code in routes}
    if len(known) == 1:
        return known.pop()
    texts = concept_texts(concept)
    if not texts or known:
        return None
    return (
        re.sub(r"(?i)\s*(\(qualifier value\)|route( of administration)?|use)\s*", " ", texts[-1]).strip()
        or None
    )


def session_rows(
    kind: Kind, people: People, medications: Kind, intake: Intake
) -> tuple[list[dict[str, str | None]], list[Record]]:
    """Return a row per administration of ketamine, and its resource; others stay unmapped."""
    rows, made, drugs = [], [], []
    told = {"dose_unit": 0, "medicine": 0, "mentioned": 0}
    for record in list(kind.usable()):
        drug = _drug(record, medications, told)
        if drug is None:
            record.fields = None
        elif record.fields["status"] not in DONE:
            record.rule = "resource_status"
        else:
            drugs.append((record, drug))
    drug_of = {id(record): drug for record, drug in drugs}
    several = len(set(drug_of.values())) > 1 or "esketamine" in drug_of.values()
    for record, name in people.keep(kind):
        row = {"patient_id": name, **_row(record.fields, told)}
        if several:
            row["drug"] = drug_of[id(record)]
        row |= {key: text for key, text in record.fields["extra"].items() if key != "patient_id"}
        rows.append(row)
        made.append(record)
    _tell(intake, told, rows)
    return rows, made


def add_sessions(intake: Intake, handle: int, rows: list[dict[str, str | None]], made: list[Record]) -> None:
    """Add the rows of sessions."""
    if rows:
        positions = np.array([record.position for record in made], dtype=np.int64)
        intake.add(handle, "sessions", frame_of(rows, SESSIONS_LEAD), positions)


def _drug(record: Record, medications: Kind, told: dict[str, int]) -> str | None:
    """Return "ketamine" or "esketamine", None for another medicine."""
    fields = record.fields
    medicine = fields["medicine"]
    found = medications.find(fields["address"]) if fields["address"] else None
    if found is not None and found.fields is not None:
        medicine = united(medicine, found.fields)
    drug, mentioned = drug_in(medicine)
    told["mentioned"] += mentioned
    told["medicine"] += not medicine["codes"] and not medicine["texts"]
    return drug


def _row(fields: dict, told: dict[str, int]) -> dict[str, str | None]:
    """Return the cells that the standard elements give."""
    out: dict[str, str | None] = {"start": fields["start"], "route": fields["route"]}
    minutes = fields["minutes"]
    if minutes is not None:
        out["duration_minutes"] = f"{minutes:.{MOST_DIGITS}g}"
    if fields["status"] == "stopped":
        out["stopped_early"] = "yes"
    dose, extra = fields["dose"], fields["extra"]
    if dose is None and fields["rate"] is not None and not {"dose_mg", "dose_mg_per_kg"} & extra.keys():
        dose = _over_time(fields["rate"], minutes)
        told["dose_unit"] += dose is None
    if dose is not None:
        name, text = _dose(dose)
        told["dose_unit"] += name is None
        if name:
            out[name] = text
    return out


def _dose(dose: Quantity) -> tuple[str | None, str | None]:
    """Return the column and the cell of a dose; none for a unit that is not a mass, or for a bound."""
    mass, _, per = dose.unit.partition("/")
    if dose.bound or mass not in MASS or per not in ("", "kg"):
        return None, None
    text = dose.value if mass == "mg" else _plain(Decimal(dose.value) * MASS[mass])
    return ("dose_mg_per_kg" if per else "dose_mg"), text


def _over_time(rate: Quantity, minutes: float | None) -> Quantity | None:
    """Return the dose that a rate gives in the time it ran."""
    unit, _, time = rate.unit.rpartition("/")
    if minutes is None or minutes <= 0 or time not in MINUTES or not unit:
        return None
    total = Decimal(rate.value) / MINUTES[time] * Decimal(repr(minutes))
    return Quantity(_plain(total), unit, rate.bound)


def _plain(value: Decimal) -> str:
    """Return a number with a few digits, without trailing zeros."""
    return f"{float(value):.{MOST_DIGITS}g}"


def _tell(intake: Intake, told: dict[str, int], rows: list[dict[str, str | None]]) -> None:
    if told["dose_unit"]:
        intake.note(
            "is missing where the dose is not given in mg, mg/kg, ug or g, or as a rate of those with the "
            "time it ran; the session counts all the same",
            table="sessions",
            column="dose_mg",
            n_rows=told["dose_unit"],
        )
    if told["medicine"]:
        intake.note(
            "administrations name no medicine, or one that is not in the export, and are not mapped",
            table="sessions",
            n_rows=told["medicine"],
        )
    if told["mentioned"]:
        intake.note(
            "administrations mention ketamine and are not mapped: a code of RxNorm, ATC, NDC or SNOMED CT "
            "says otherwise, or is not known here, or else their words do not begin with ketamine's name",
            table="sessions",
            n_rows=told["mentioned"],
        )
    days = [(row["patient_id"], (row.get("start") or "")[:10]) for row in rows]
    again = len(days) - len(set(days)) - sum(1 for _, day in days if not day)
    if again > 0:
        intake.note(
            "several administrations stand on one day of a patient, and each counts as a session of its own",
            table="sessions",
            n_rows=again,
        )
