"""FHIR R4: a Bundle, NDJSON, or a folder of NDJSON as bulk exports have, to a cohort.

Each kind of resource is a source, and each resource a row of it. Only the
elements named in `fhir_elements.toml` go anywhere: names, addresses, telephone
numbers, identifiers and dates of birth are never carried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.settings import Settings, make_settings
from ketaoutcomes.readers.export import Export, to_cohort
from ketaoutcomes.readers.fhir_answers import response_fields
from ketaoutcomes.readers.fhir_bundle import Entry
from ketaoutcomes.readers.fhir_codes import Places, fhir_elements
from ketaoutcomes.readers.fhir_events import add_dispositions, add_events, ending_fields, event_fields
from ketaoutcomes.readers.fhir_files import Files, open_files
from ketaoutcomes.readers.fhir_json import Flaw, obj, word
from ketaoutcomes.readers.fhir_people import People, add_people, condition_fields, first_days, patient_fields
from ketaoutcomes.readers.fhir_preliminary import set_preliminary_aside
from ketaoutcomes.readers.fhir_resource import Kind, Record, reference
from ketaoutcomes.readers.fhir_scores import add_scores, observation_fields
from ketaoutcomes.readers.fhir_sessions import (
    add_sessions,
    administration_fields,
    medication_fields,
    session_rows,
)
from ketaoutcomes.readers.fhir_times import seconds
from ketaoutcomes.readers.fhir_vitals import add_vitals, add_weights
from ketaoutcomes.readers.intake import Intake

__all__ = ["fhir_export", "read_fhir"]

# A kind of resource that FHIR does not have: what it is called in the file is not told.
UNKNOWN = "resources of an unknown type"
MAPPED = (
    "Patient",
    "Condition",
    "MedicationAdministration",
    "Medication",
    "QuestionnaireResponse",
    "Observation",
    "AdverseEvent",
    "EpisodeOfCare",
    "Encounter",
)
# What becomes of elements that every resource may have.
ELSEWHERE = {"extension": "columns named by the extension", "id": "versions", "meta": "versions"}
NO_PLACE = -1


def read_fhir(
    source: str | Path,
    *,
    timezone: str | None = None,
    settings: Mapping[str, object] | Settings | None = None,
) -> Cohort:
    """Return the cohort in an export of FHIR R4 resources.

    Patients come from Patient, sessions from administrations of ketamine or
    esketamine (MedicationAdministration; by code, or by words that begin with the
    name where no code of RxNorm, ATC, NDC or SNOMED CT says what it is), scores from
    QuestionnaireResponse and Observation, side effects from AdverseEvent, vital signs
    from Observation, the diagnosis from Condition, and the disposition from
    EpisodeOfCare or Encounter where an extension states it. Everything else is counted
    and left out.

    Parameters
    ----------
    source : str or Path
        A Bundle (.json), resources one per line (.ndjson), or a folder of such
        files. Packed files are refused.
    timezone : str, optional
        IANA name of the clinic's time zone, for days without a clock time and for
        the calendar month; instants in FHIR have their own offset from UTC.
    settings : mapping or Settings, optional
        What `cohort.toml` would say; a limited data set unless it says otherwise,
        since FHIR gives dates.

    Raises
    ------
    DataError
        If the file cannot be read as FHIR, or holds no patient or no session.
    PrivacyError
        If ids or words look as if they identify people.
    ConfigError
        If `settings` holds an unknown key or value.
    """
    return to_cohort(fhir_export(source, timezone=timezone, settings=settings))


def fhir_export(
    source: str | Path,
    *,
    timezone: str | None = None,
    settings: Mapping[str, object] | Settings | None = None,
) -> Export:
    """Return everything that an export of FHIR R4 resources holds for a cohort, and what became of the rest.

    Parameters
    ----------
    source, timezone, settings
        As in `read_fhir`.

    Raises
    ------
    DataError, ConfigError
        As in `read_fhir`; nothing is raised for a single resource.
    """
    intake = Intake(_settings(timezone, settings))
    files = open_files(source)
    kinds, broken = _gather(files)
    handles = _open(intake, kinds, broken, files)
    for message in files.notes:
        intake.note(message)
    _place(intake, kinds, handles)
    _close(intake, kinds, handles)
    return intake.finish()


def _settings(timezone: str | None, settings) -> Settings:
    if isinstance(settings, Settings):
        settings = {name: getattr(settings, name) for name in settings.__dataclass_fields__}
    content = {"deidentification": "limited-data-set"} | dict(settings or {})
    if timezone is not None:
        content["timezone"] = timezone
    return make_settings(content)


def _gather(files: Files) -> tuple[dict[str, Kind], list[Entry]]:
    """Go through the resources once, and keep of each what the cohort may take."""
    kinds = {name: Kind(name) for name in MAPPED}
    broken: list[Entry] = []
    known, places = fhir_elements(), Places()
    for entry in files.entries:
        if entry.rule:
            broken.append(entry)
            continue
        name = entry.resource["resourceType"]
        label = name if name in known.types else UNKNOWN
        kind = kinds.setdefault(label, Kind(label))
        position = len(kind.numbers)
        kind.numbers.append(position + 1 if files.several else entry.number)
        if name in MAPPED:
            kind.elements.update(_names(entry.resource, name))
            kind.records.append(_record(entry, position, name, places))
        elif name == "Bundle":
            kind.records.append(Record(position, None, None, (), None, None, "bundle_inside"))
    for kind in kinds.values():
        kind.settle()
    return kinds, broken


def _names(resource: dict, kind: str) -> set[str]:
    """Return the names of a resource's elements as FHIR has them; others under one name."""
    known = fhir_elements()
    out = set()
    for name, value in resource.items():
        plain = name.removeprefix("_")
        if name != "resourceType" and value not in (None, "", [], {}):
            named = plain in known.targets[kind] or plain in known.common
            out.add(plain if named else "elements that FHIR R4 does not have")
    return out


def _record(entry: Entry, position: int, kind: str, places: Places) -> Record:
    """Return what is kept of a resource."""
    resource, key, url, version, owner, fields, rule = entry.resource, None, None, (), None, None, None
    try:
        url = entry.url
        key = word(resource.get("id")) or (
            url.removeprefix("urn:uuid:") if url and url[:9] == "urn:uuid:" else None
        )
        meta = obj(resource.get("meta"))
        number = word(meta.get("versionId")) or ""
        count = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else NO_PLACE
        version = (seconds(word(meta.get("lastUpdated"))), count, position)
        owner = reference(resource.get("patient" if kind == "EpisodeOfCare" else "subject"))
        fields, rule = _fields(resource, kind, places)
        if fields is not None and resource.get("modifierExtension"):
            rule = rule or "modifier_extension"
        if fields is not None and kind == "Patient" and key is None:
            rule = "no_resource_id"
    except Flaw as flaw:
        fields, rule = None, flaw.rule
    return Record(position, key, url, version or (-float("inf"), NO_PLACE, position), owner, fields, rule)


_TAKE: Mapping[str, Callable[[dict], dict | None]] = {
    "Patient": patient_fields,
    "Condition": condition_fields,
    "Medication": medication_fields,
    "MedicationAdministration": administration_fields,
    "AdverseEvent": event_fields,
    "EpisodeOfCare": ending_fields,
    "Encounter": ending_fields,
}


def _fields(resource: dict, kind: str, places: Places) -> tuple[dict | None, str | None]:
    if kind == "QuestionnaireResponse":
        return response_fields(resource, places)
    if kind == "Observation":
        return observation_fields(resource, places)
    return _TAKE[kind](resource), None


def _open(intake: Intake, kinds: dict[str, Kind], broken: list[Entry], files: Files) -> dict[str, int]:
    """Open a source for each kind of resource, and tell where their elements go."""
    handles = {}
    known = fhir_elements()
    for name, kind in kinds.items():
        if not kind.numbers:
            continue
        handles[name] = intake.open(name, len(kind.numbers), np.array(kind.numbers, dtype=np.int64))
        if name not in MAPPED:
            intake.column(handles[name], "whole resource", len(kind.numbers), None)
        for element, target in known.targets.get(name, {}).items():
            if kind.elements[element]:
                intake.column(handles[name], element, kind.elements[element], target)
        for element in sorted(set(kind.elements) - set(known.targets.get(name, {}))):
            intake.column(handles[name], element, kind.elements[element], ELSEWHERE.get(element))
    if broken:
        numbers = np.arange(1, len(broken) + 1) if files.several else [entry.number for entry in broken]
        handle = intake.open(f"unreadable {files.unit}", len(broken), np.array(numbers, dtype=np.int64))
        for rule in sorted({entry.rule for entry in broken}):
            intake.set_aside(handle, np.array([entry.rule == rule for entry in broken]), rule)
    return handles


def _place(intake: Intake, kinds: dict[str, Kind], handles: dict[str, int]) -> None:
    """Turn what was kept into rows of the cohort's tables."""
    sources = {name: (kinds[name], handles.get(name, NO_PLACE)) for name in MAPPED}
    timezone = intake.settings.timezone
    people = People(kinds["Patient"])
    set_preliminary_aside(people, kinds["Observation"])
    sessions, administered = session_rows(
        kinds["MedicationAdministration"], people, kinds["Medication"], intake
    )
    intake.only_listed = bool(kinds["Patient"].numbers)
    if not intake.only_listed:
        intake.note("the export holds no Patient, so that patients are those whom other resources refer to")
    else:
        days = first_days(sessions, timezone)
        add_people(intake, people, sources["Patient"], sources["Condition"], first_day=days)
    add_scores(intake, people, sources["QuestionnaireResponse"], sources["Observation"])
    add_weights(intake, people, sources["Observation"], sessions, timezone)
    add_sessions(intake, sources["MedicationAdministration"][1], sessions, administered)
    add_vitals(intake, people, sources["Observation"])
    add_events(intake, people, sources["AdverseEvent"], kinds["MedicationAdministration"], timezone)
    for name in ("EpisodeOfCare", "Encounter"):
        add_dispositions(intake, people, sources[name])
    unknown = sum(record.fields["unknown"] for record in kinds["QuestionnaireResponse"].usable())
    if unknown:
        intake.note(
            "answers stand for no known number and are missing: what a code means is not guessed",
            table="scores",
            n_rows=unknown,
        )


def _close(intake: Intake, kinds: dict[str, Kind], handles: dict[str, int]) -> None:
    """Tell which resources were set aside, and why."""
    for name, handle in handles.items():
        by_rule: dict[str, list[int]] = {}
        for record in kinds[name].records:
            if record.rule:
                by_rule.setdefault(record.rule, []).append(record.position)
        for rule, positions in by_rule.items():
            intake.set_aside(handle, np.array(positions, dtype=np.int64), rule)
