"""Patients, whose each resource is, and their diagnoses."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ketaoutcomes.readers.fhir_codes import LOCAL, fhir_codes
from ketaoutcomes.readers.fhir_json import obj, word
from ketaoutcomes.readers.fhir_resource import Kind, Record, codings, extension_columns, frame_of
from ketaoutcomes.readers.fhir_times import day_of, years_between
from ketaoutcomes.readers.intake import Intake

__all__ = ["People", "add_people", "condition_fields", "first_days", "patient_fields"]

LEAD = ("patient_id", "sex", "age", "diagnosis", "clinic_id")
OLDEST = 90
# A condition that was ruled out, or was never there.
NOT_THERE = frozenset({"refuted", "entered-in-error"})


def patient_fields(resource: dict) -> dict:
    """Return what a cohort takes of a Patient: never a name, an address or a number."""
    gender = word(resource.get("gender"))
    return {
        "sex": None if gender == "unknown" else gender,
        "birth": word(resource.get("birthDate")),
        "extra": extension_columns(resource),
    }


def condition_fields(resource: dict) -> dict | None:
    """Return the diagnosis of a Condition, None if it is none of those for which ketamine is given."""
    codes = fhir_codes()
    concept = resource.get("code")
    given = codings(concept)
    coded = {codes.diagnosis(system, code) for system, code, _ in given} - {None}
    local = [code or display for system, code, display in given if system.startswith(LOCAL)]
    text = word(obj(concept).get("text"))
    stated = local[0] if local else text if text and not given else None
    if not coded and stated is None:
        return None
    status = {code for _, code, _ in codings(resource.get("verificationStatus"))}
    return {"coded": sorted(coded), "stated": stated, "not_there": bool(status & NOT_THERE)}


class People:
    """The patients of an export, and to whom a reference belongs."""

    def __init__(self, patients: Kind):
        self._patients = patients
        # None is usable, and yet they are the patients: whoever else is referred to is none of them.
        self._known = bool(patients.numbers)
        self.ids = {record.key: self._id(record) for record in patients.usable()}
        self._listed = frozenset(self.ids.values())

    @staticmethod
    def _id(record: Record) -> str:
        return record.fields["extra"].get("patient_id", record.key)

    def owner(self, record: Record) -> tuple[str | None, str | None]:
        """Return the id of the patient whose resource it is, or the rule by which it is nobody's.

        A patient who is not in the export has an id all the same, so that the
        cohort sets the row aside as an orphan.
        """
        text = record.owner
        if record.fields is not None and "patient_id" in record.fields.get("extra", {}):
            return record.fields["extra"]["patient_id"], None
        if text is None or "?" in text or (self._known and not self.ids):
            return None, "no_patient"
        if text.startswith("#"):
            return None, "contained_patient"
        found = self._patients.find(text)
        if found is not None and found.key in self.ids:
            return self.ids[found.key], None
        kind, _, name = text.partition("/_history")[0].rstrip("/").rpartition("/")
        if kind and not kind.endswith("Patient"):
            return None, "no_patient"
        name = name.removeprefix("urn:uuid:")
        if name in self.ids:
            return None, "patient_elsewhere"
        return name or None, None if name else "no_patient"

    def lists(self, name: str) -> bool:
        """Whether a patient is among those of the export; everybody is where it has no Patient at all."""
        return not self._known or name in self._listed

    def keep(self, kind: Kind) -> Iterable[tuple[Record, str]]:
        """Yield the usable resources of a kind with their patients; set those of nobody aside."""
        for record in kind.usable():
            name, rule = self.owner(record)
            if rule:
                record.rule = rule
            else:
                yield record, name


def add_people(
    intake: Intake,
    people: People,
    patients: tuple[Kind, int],
    conditions: tuple[Kind, int],
    *,
    first_day: dict[str, str],
) -> None:
    """Add the rows of patients, and to them the diagnoses of their conditions.

    Parameters
    ----------
    patients, conditions : pair of Kind and handle of the source
    first_day : dict of str to str
        Day of each patient's first session, YYYY-MM-DD.
    """
    kind, handle = patients
    rows, positions, unclear = [], [], 0
    for record in kind.usable():
        extra = dict(record.fields["extra"])
        row = {"patient_id": extra.pop("patient_id", record.key), "sex": record.fields["sex"]}
        age, known = _age(record.fields["birth"], first_day.get(row["patient_id"]))
        unclear += not known and "age" not in extra
        rows.append(row | ({"age": age} if age else {}) | extra)
        positions.append(record.position)
    if unclear:
        intake.note(
            "is missing where the birth date is of a year or month alone and leaves two ages open, is "
            "unreadable, or has no session to count to",
            table="patients",
            column="age",
            n_rows=unclear,
        )
    intake.add(handle, "patients", frame_of(rows, LEAD), np.array(positions, dtype=np.int64))
    _add_diagnoses(intake, people, conditions)


def _age(birth: str | None, day: str | None) -> tuple[str | None, bool]:
    """Return the age in whole years, 90 for 90 and over, and whether it is known or was never asked for."""
    if birth is None or day is None:
        return None, birth is None
    span = years_between(birth, day)
    if span is None:
        return None, False
    low, high = (min(years, OLDEST) for years in span)
    return (str(low), True) if low == high else (None, False)


def _add_diagnoses(intake: Intake, people: People, conditions: tuple[Kind, int]) -> None:
    kind, handle = conditions
    found: dict[str, list[Record]] = {}
    for record, name in people.keep(kind):
        if record.fields["not_there"]:
            record.rule = "condition_not_there"
        elif not people.lists(name):
            record.rule = "orphan_patient"
        else:
            found.setdefault(name, []).append(record)
    rows, positions, several = [], [], 0
    for name, records in found.items():
        words = {word for record in records for word in record.fields["coded"]}
        words = words or {record.fields["stated"] for record in records} - {None}
        several += len(words) > 1
        diagnosis = next(iter(words)) if len(words) == 1 else None
        for record in records:
            rows.append({"patient_id": name, "diagnosis": diagnosis})
            positions.append(record.position)
    if several:
        intake.note(
            "is missing where a patient has conditions of several classes, since which of them ketamine was "
            "given for is not known",
            table="patients",
            column="diagnosis",
            n_rows=several,
        )
    if rows:
        intake.add(handle, "patients", frame_of(rows, LEAD), np.array(positions, dtype=np.int64))


def first_days(rows: list[dict[str, str | None]], timezone: str | None) -> dict[str, str]:
    """Return the day of each patient's first session."""
    out: dict[str, str] = {}
    for row in rows:
        day = day_of(row.get("start"), timezone)
        name = row.get("patient_id")
        if day and name and (name not in out or day < out[name]):
            out[name] = day
    return out
