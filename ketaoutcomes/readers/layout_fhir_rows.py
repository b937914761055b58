"""One row of a cohort's table to one or two FHIR resources, cells as they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import pandas as pd

from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.readers.fhir_codes import LOCAL, LOINC, SNOMED, fhir_codes
from ketaoutcomes.readers.layout_fhir_parts import (
    ID,
    LOCAL_TIME,
    Row,
    Written,
    coded,
    json_number,
    quantity_of,
    resource_of,
    subject_of,
    taken_number,
)

__all__ = ["rows_of_table"]

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
HL7 = "http://terminology.hl7.org/CodeSystem"
GENDERS = frozenset({"female", "male", "other"})
SEVERITIES = frozenset({"mild", "moderate", "severe"})
VITALS = ("sbp", "dbp", "heart_rate", "spo2", "respiratory_rate")
UNITS = {"sbp": "mm[Hg]", "dbp": "mm[Hg]", "heart_rate": "/min", "spo2": "%", "respiratory_rate": "/min"}


def rows_of_table(table: str, frame: pd.DataFrame, written: Written) -> Iterator[dict]:
    """Yield the resources of a table's rows.

    Parameters
    ----------
    frame : DataFrame
        Text cells under the data dictionary's names.
    """
    date = TABLES[table].date
    written.midnights = False
    if date in frame.columns:
        clocked = frame[date].dropna().loc[lambda cells: cells.str.fullmatch(LOCAL_TIME.pattern)]
        written.midnights = bool(clocked.str.fullmatch(r".*[T ]0?0:00(:00)?").all())
    for number, values in enumerate(frame.itertuples(index=False, name=None)):
        row = {
            name: cell
            for name, cell in zip(frame.columns, values, strict=True)
            if isinstance(cell, str) and cell
        }
        yield from _WRITERS[table](row, f"{table.replace('_', '-')}-{number + 1}", written)


def _patient(row: Row, name: str, written: Written) -> Iterator[dict]:
    code = row.get("patient_id")
    if code is not None and ID.fullmatch(code) and code not in written.patients:
        name = row.pop("patient_id")
    if code is not None:
        written.patients.setdefault(code, name)
    gender = row.pop("sex") if row.get("sex") in GENDERS else None
    diagnosis = row.pop("diagnosis", None)
    yield resource_of("Patient", name, row, gender=gender)
    if diagnosis is not None:
        subject = {"patient_id": code} if code is not None else {}
        yield resource_of(
            "Condition",
            f"condition-{name}"[:64],
            {} if name == written.patients.get(code) else subject,
            code=coded(f"{LOCAL}:diagnosis", diagnosis, diagnosis),
            subject={"reference": f"Patient/{name}"},
        )


def _session(row: Row, name: str, written: Written) -> Iterator[dict]:
    patient, number = row.get("patient_id"), row.get("session")
    subject = subject_of(row, written)
    start = written.time(row.get("start"))
    if start is not None:
        del row["start"]
    elements: dict = {"effectiveDateTime": start}
    minutes = json_number(row.get("duration_minutes"))
    if minutes is not None and minutes >= 0 and minutes * 60 == int(minutes * 60) and start and "T" in start:
        ended = datetime.fromisoformat(start) + timedelta(minutes=minutes)
        elements = {"effectivePeriod": {"start": start, "end": ended.isoformat()}}
        del row["duration_minutes"]
    written.sessions.setdefault((patient, number), (name, start))
    dosage: dict = {}
    codes = {route: code for code, route in fhir_codes().routes.items()}
    if row.get("route") in codes:
        route = row.pop("route")
        dosage["route"] = coded(SNOMED, codes[route], route)
    for column, unit in (("dose_mg_per_kg", "mg/kg"), ("dose_mg", "mg")):
        if "dose" not in dosage:
            dose = taken_number(row, column)
            dosage |= {} if dose is None else {"dose": quantity_of(dose, unit)}
    status = "completed"
    if row.get("stopped_early") == "yes":
        status = "stopped"
        del row["stopped_early"]
    yield resource_of(
        "MedicationAdministration",
        name,
        row,
        status=status,
        medicationCodeableConcept=coded(RXNORM, "6130", "ketamine"),
        subject=subject,
        dosage=dosage or None,
        **elements,
    )


def _score(row: Row, name: str, written: Written) -> Iterator[dict]:
    subject = subject_of(row, written)
    taken = written.time(row.get("taken"))
    if taken is not None:
        del row["taken"]
    known = INSTRUMENTS.get(row.get("instrument", ""))
    asked = [column for column in row if ITEM.fullmatch(column)]
    if known is not None and asked:
        yield _response(row, name, known, {"subject": subject, "authored": taken})
        return
    totals = {
        instrument: code
        for code, instrument in fhir_codes().totals.items()
        if code not in fhir_codes().total_units
    }
    instrument = row.pop("instrument", None)
    code: dict = {"text": "score"}
    if instrument in totals:
        code = coded(LOINC, totals[instrument], instrument)
    elif instrument is not None:
        code = coded(LOCAL, instrument, instrument)
    score = taken_number(row, "score")
    yield resource_of(
        "Observation",
        name,
        row,
        None if score is not None and instrument is not None else "scores",
        status="final",
        code=code,
        subject=subject,
        effectiveDateTime=taken,
        valueQuantity=None if score is None else quantity_of(score, "{score}"),
    )


def _response(row: Row, name: str, known, elements: dict) -> dict:
    """Return the answers to an instrument's items as a QuestionnaireResponse."""
    codes = fhir_codes()
    panels = {instrument: code for code, instrument in reversed(codes.panels.items())}
    links = {
        f"i{number}": f"/{code}"
        for code, places in codes.items.items()
        for instrument, number in places
        if instrument == known.name
    }
    totals = {instrument: f"/{code}" for code, instrument in codes.totals.items()}
    loinc = known.name in panels
    del row["instrument"]
    questions = []
    for column in [f"i{number}" for number in range(1, known.n_items + 1)] + ["score"]:
        value = taken_number(row, column)
        if value is not None:
            kind = "valueInteger" if isinstance(value, int) else "valueDecimal"
            link = (totals if column == "score" else links).get(known.name if column == "score" else column)
            local = "total" if column == "score" else column
            questions.append({"linkId": (loinc and link) or local, "answer": [{kind: value}]})
    address = f"{LOINC}/q/{panels[known.name]}" if loinc else f"{LOCAL}:{known.name}"
    return resource_of(
        "QuestionnaireResponse",
        name,
        row,
        None if questions else "scores",
        questionnaire=address,
        status="completed",
        **elements,
        item=questions or None,
    )


def _effect(row: Row, name: str, written: Written) -> Iterator[dict]:
    administered = written.sessions.get((row.get("patient_id"), row.get("session")))
    subject = subject_of(row, written)
    effect = row.pop("effect", None)
    grade = row.pop("severity") if row.get("severity") in SEVERITIES else None
    outcome = {"yes": "resolved", "no": "ongoing"}.get(row.get("resolved", ""))
    serious = {"yes": "serious", "no": "non-serious"}.get(row.get("serious", ""))
    for column, told in (("resolved", outcome), ("serious", serious)):
        if told:
            del row[column]
    linked = dated = None
    if administered is not None:
        linked = [{"instance": {"reference": f"MedicationAdministration/{administered[0]}"}}]
        dated = (administered[1] or "")[:10] or None
    yield resource_of(
        "AdverseEvent",
        name,
        row,
        actuality="actual",
        event=None if effect is None else {"text": effect},
        subject=subject,
        date=dated,
        seriousness=serious and coded(f"{HL7}/adverse-event-seriousness", serious),
        severity=grade and coded(f"{HL7}/adverse-event-severity", grade),
        outcome=outcome and coded(f"{HL7}/adverse-event-outcome", outcome),
        suspectEntity=linked,
    )


def _reading(row: Row, name: str, written: Written) -> Iterator[dict]:
    administered = written.sessions.get((row.get("patient_id"), row.get("session")))
    subject = subject_of(row, written)
    minute, time = json_number(row.get("minute")), None
    if administered and minute is not None and administered[1] and "T" in administered[1]:
        time = (datetime.fromisoformat(administered[1]) + timedelta(minutes=minute)).isoformat()
    codes: dict[str, str] = {}
    for code, vital in fhir_codes().vitals.items():
        codes.setdefault(vital.measure, code)
    parts = []
    for measure in VITALS:
        value = taken_number(row, measure)
        if value is not None:
            reading = quantity_of(value, UNITS[measure])
            parts.append({"code": coded(LOINC, codes[measure]), "valueQuantity": reading})
    yield resource_of(
        "Observation",
        name,
        row,
        None if parts else "vitals",
        status="final",
        code=coded(LOINC, "85353-1", "vital signs"),
        subject=subject,
        effectiveDateTime=time,
        component=parts or None,
    )


def _ending(row: Row, name: str, written: Written) -> Iterator[dict]:
    subject = subject_of(row, written)
    going_on = row.get("status") == "ongoing"
    # An episode that goes on has no end: when it was last known to stays with the row.
    ended = None if going_on else written.time(row.get("when"))
    if ended is not None:
        del row["when"]
    yield resource_of(
        "EpisodeOfCare",
        name,
        row,
        "disposition",
        status="active" if going_on else "finished",
        patient=subject,
        period={"end": ended} if ended else None,
    )


_WRITERS: Mapping[str, Callable[[Row, str, Written], Iterator[dict]]] = {
    "patients": _patient,
    "sessions": _session,
    "scores": _score,
    "side_effects": _effect,
    "vitals": _reading,
    "disposition": _ending,
}
