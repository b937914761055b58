"""FHIR resources for tests: the pieces, and a small good export of two patients."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from ketaoutcomes.readers.export import Accounts, account
from ketaoutcomes.readers.fhir import fhir_export

CANARY = "zqxcanary"  # stands in every element that must not be carried, and in what is wrong
IDS = ("kx-71", "kx-72", "kx-99")
LOINC, UCUM, SNOMED = "http://loinc.org", "http://unitsofmeasure.org", "http://snomed.info/sct"
PHQ9 = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8"]
GAD7 = ["69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7"]


def concept(code: str, system: str = LOINC, text: str | None = None) -> dict:
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def amount(value: float, unit: str) -> dict:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def column(name: str, cell: str) -> dict:
    return {"url": f"urn:ketaoutcomes:column:{name}", "valueString": cell}


def patient(name: str, /, **elements) -> dict:
    return {"resourceType": "Patient", "id": name, "gender": "female"} | elements


def of(name: str) -> dict:
    return {"subject": {"reference": f"Patient/{name}"}}


def administration(key: str, name: str, start: str, end: str | None = None, /, **elements) -> dict:
    when = {"effectivePeriod": {"start": start, "end": end}} if end else {"effectiveDateTime": start}
    dosage = {"route": concept("47625008", SNOMED), "dose": amount(0.5, "mg/kg")}
    found = {"resourceType": "MedicationAdministration", "id": key, "status": "completed", "dosage": dosage}
    found["medicationCodeableConcept"] = concept("6130", "http://www.nlm.nih.gov/research/umls/rxnorm")
    return found | of(name) | when | elements


def observation(key: str, name: str, code: str, time: str, value: dict | None = None, /, **elements) -> dict:
    found = {"resourceType": "Observation", "id": key, "status": "final", "code": concept(code)}
    found |= of(name) | {"effectiveDateTime": time}
    return found | ({"valueQuantity": value} if value else {}) | elements


def score(key: str, name: str, code: str, time: str, value: float, /, **elements) -> dict:
    return observation(key, name, code, time, amount(value, "{score}"), **elements)


def pressure(key: str, name: str, time: str, systolic: float, diastolic: float, unit: str = "mm[Hg]") -> dict:
    parts = [
        {"code": concept(code), "valueQuantity": amount(value, unit)}
        for code, value in (("8480-6", systolic), ("8462-4", diastolic))
    ]
    return observation(key, name, "85354-9", time, component=parts)


def response(key: str, name: str, time: str, answers: dict[str, object], /, **elements) -> dict:
    """Answers by linkId: a whole number, or the answer itself."""
    items = [
        {"linkId": link, "answer": [{"valueInteger": one} if isinstance(one, int) else one]}
        for link, one in answers.items()
    ]
    found = {"resourceType": "QuestionnaireResponse", "id": key, "status": "completed", "authored": time}
    return found | of(name) | {"item": items} | elements


def event(key: str, name: str, words: str, /, **elements) -> dict:
    found = {"resourceType": "AdverseEvent", "id": key, "actuality": "actual", "event": {"text": words}}
    return found | of(name) | elements


def phq9(values: list[int], slash: str = "/") -> dict[str, object]:
    return {f"{slash}{code}": value for code, value in zip(PHQ9, values, strict=True)}


def good() -> dict[str, dict]:
    """Two patients with two sessions each, by key; everything in it is kept."""
    first, second = "kx-71", "kx-72"
    found = [
        patient(
            first,
            birthDate="1980-03-15",
            name=[{"family": CANARY, "given": [CANARY]}],
            telecom=[{"system": "phone", "value": CANARY}],
            address=[{"line": [CANARY], "postalCode": CANARY}],
            identifier=[{"system": "urn:mrn", "value": CANARY}],
        ),
        patient(second, gender="male"),
        administration("ma-1", first, "2026-02-02T14:00:00Z", "2026-02-02T14:40:00Z"),
        administration("ma-2", first, "2026-02-05T14:00:00Z", "2026-02-05T14:40:00Z"),
        administration("ma-3", second, "2026-03-02T09:00:00-05:00", "2026-03-02T09:45:00-05:00"),
        administration("ma-4", second, "2026-03-05T09:00:00-05:00"),
        response("qr-1", first, "2026-02-01T10:00:00Z", phq9([2] * 9)),
        response("qr-2", second, "2026-03-01T10:00:00Z", phq9([1] * 9)),
        score("ob-1", first, "70274-6", "2026-02-01T10:05:00Z", 12),
        score("ob-2", first, "44261-6", "2026-02-09T10:00:00Z", 9),
        pressure("bp-1", first, "2026-02-02T14:20:00Z", 130, 80),
        event("ae-1", first, "nausea", date="2026-02-02T14:15:00Z"),
        {"resourceType": "Condition", "id": "co-1", **of(first)}
        | {"code": concept("F33.2", "http://hl7.org/fhir/sid/icd-10-cm")},
    ]
    return {one["id"]: one for one in found}


# Rows of each table that the good export gives, counted by hand.
MADE = {"patients": 2, "sessions": 4, "scores": 4, "side_effects": 1, "vitals": 1, "disposition": 0}


def bundle(resources, **elements) -> str:
    entries = [{"resource": one} for one in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries} | elements)


def lines(resources) -> str:
    return "".join(json.dumps(one) + "\n" for one in resources)


def saved(folder: Path, content: str | bytes, name: str = "export.json") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def accounts_of(folder: Path, resources, timezone: str = "America/New_York", **elements) -> Accounts:
    """What became of resources in a Bundle."""
    path = saved(folder, bundle(resources, **elements))
    return account(fhir_export(path, timezone=timezone))


def rows(accounts: Accounts, table: str, name: str) -> pd.DataFrame:
    """The rows of one patient."""
    frame = accounts.cohort.tables[table]
    return frame[frame["patient_id"] == name].reset_index(drop=True)


def rules(accounts: Accounts) -> dict[tuple[str, str], int]:
    """Resources set aside, by kind and rule."""
    return {(row.source, row.rule): row.n_rows for row in accounts.rules.itertuples()}


def told(accounts: Accounts, words: str) -> list[int | None]:
    """Numbers of rows of the notes in which the words stand."""
    return [note.n_rows for note in accounts.build.notes if words in note.message]
