# ruff: noqa: E501
# fmt: off
"""The corpus of FHIR exports: each a small change of a good one, with what a researcher should be told.

What is not listed must not happen: rows of a source set aside, unmapped, and rows of tables.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from readers.fhir_parts import (
    CANARY,
    amount,
    bundle,
    column,
    concept,
    event,
    lines,
    observation,
    of,
    patient,
    phq9,
    pressure,
    response,
    score,
)

TIME = "2026-02-10T10:00:00Z"
QR, OB, MA, AE, PT, CO = "QuestionnaireResponse", "Observation", "MedicationAdministration", "AdverseEvent", "Patient", "Condition"


@dataclass(frozen=True)
class Case:
    """One export.

    Parameters
    ----------
    name : str
    content : callable
        Told the good export's resources by id, returns the file's text or bytes.
    file : str
    raises, rule : str, optional
        Class of the error, and the rule that it names.
    aside : mapping of (source, rule) to int
    unmapped : mapping of source to int
    more : mapping of table to int
        Rows above (or below) those of the good export.
    place : callable, optional
        Told the folder and the content, writes it in its own way and returns the path.
    """

    name: str
    content: Callable[[dict], str | bytes]
    file: str = "export.json"
    raises: str | None = None
    rule: str | None = None
    aside: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unmapped: Mapping[str, int] = field(default_factory=dict)
    more: Mapping[str, int] = field(default_factory=dict)
    place: Callable[[Path, bytes], Path] | None = None


def plus(name: str, *added, aside=None, unmapped=None, **more: int) -> Case:
    """The good export with further resources."""
    return Case(name, lambda found: bundle([*found.values(), *added]), aside=aside or {}, unmapped=unmapped or {}, more=more)


def changed(name: str, key: str, aside=None, unmapped=None, more=None, **elements) -> Case:
    """The good export with some elements of one resource replaced; None removes one."""

    def content(found: dict) -> str:
        one = found[key] | elements
        found[key] = {element: value for element, value in one.items() if value is not None}
        return bundle(found.values())

    return Case(name, content, aside=aside or {}, unmapped=unmapped or {}, more=more or {})


def entry(name: str, text: str, aside: str) -> Case:
    """The good Bundle with one more entry of raw text."""
    return Case(name, lambda found: bundle(found.values())[:-2] + "," + text + "]}", aside={("unreadable entries", aside): 1})


def line(name: str, *texts: str | bytes, aside: Mapping[str, int] | None = None, **more: int) -> Case:
    """The good export one per line, with further lines."""
    raw = b"".join(text if isinstance(text, bytes) else text.encode() for text in texts)
    rules = {("unreadable lines", rule): n for rule, n in (aside or {}).items()}
    return Case(name, lambda found: lines(found.values()).encode() + raw, "export.ndjson", aside=rules, more=more)


def refused(name: str, content, rule: str, file: str = "export.json", place=None) -> Case:
    return Case(name, content if callable(content) else lambda found: content, file, raises="DataError", rule=rule, place=place)


def _link(folder: Path, data: bytes) -> Path:
    (folder / "real.json").write_bytes(data)
    (folder / "export.json").symlink_to(folder / "real.json")
    return folder / "export.json"


def _pipe(folder: Path, data: bytes) -> Path:
    os.mkfifo(folder / "export.json")
    return folder / "export.json"


def _huge(size: int, head: bytes):
    def place(folder: Path, data: bytes) -> Path:
        with (folder / "export.json").open("wb") as file:
            file.write(head)
            file.truncate(size)
        return folder / "export.json"

    return place


def _bulk(*packed: str):
    """A folder of one file per kind, as bulk exports are."""

    def place(folder: Path, data: bytes) -> Path:
        for text in data.decode().splitlines():
            with (folder / f"{json.loads(text)['resourceType']}.ndjson").open("a") as file:
                file.write(text + "\n")
        for name in packed:
            (folder / name).write_bytes(b"\x1f\x8b")
        return folder

    return place


def text_of(resource: dict) -> str:
    return json.dumps({"resource": resource})


DEEP = "[" * 100_000 + "]" * 100_000
MADRS = concept("MADRS", "urn:ketaoutcomes")
NAN = '{"resource": {"resourceType": "Observation", "valueQuantity": {"value": NaN}, "note": "zqxcanary"}}'
TWICE = '{"resource": {"resourceType": "Patient", "id": "zqxcanary", "id": "kx-71"}}'
HUGE = "9" * 10_000

FILES = [
    Case("a good bundle", lambda found: bundle(found.values())),
    Case("a bundle indented over many lines", lambda found: json.dumps(json.loads(bundle(found.values())), indent=2)),
    Case("a bundle with a byte order mark", lambda found: b"\xef\xbb\xbf" + bundle(found.values()).encode()),
    Case("a bundle whose type stands last", lambda found: '{"entry": ' + json.dumps([{"resource": one} for one in found.values()]) + ', "resourceType": "Bundle"}'),
    Case("one resource per line", lambda found: lines(found.values()), "export.ndjson"),
    Case("one resource per line under another name", lambda found: lines(found.values()), "export.json"),
    Case("lines with a byte order mark", lambda found: b"\xef\xbb\xbf" + lines(found.values()).encode(), "export.ndjson"),
    Case("lines that end as in Windows", lambda found: lines(found.values()).replace("\n", "\r\n"), "export.ndjson"),
    Case("a folder of a bulk export", lambda found: lines(found.values()), place=_bulk()),
    line("blank lines", "\n", "   \n", "\n"),
    line("a line that breaks off", '{"resourceType": "Patient", "id": "zqxcan', aside={"not_json": 1}),
    line("a line of words", "zqxcanary\n", aside={"not_json": 1}),
    line("a line in Latin-1", '{"resourceType": "Patient", "id": "zqxcanaryé"}\n'.encode("latin-1"), aside={"not_utf8": 1}),
    line("a line with 100,000 brackets", '{"resourceType": "Patient", "extension": ' + DEEP + "}\n", aside={"too_deep": 1}),
    line("brackets inside a string", json.dumps(patient("kx-73", language="[" * 1000)) + "\n", patients=1),
    line("a line that is a list", "[1, 2]\n", aside={"not_a_resource": 1}),
    line("a line without a type", '{"id": "zqxcanary"}\n', aside={"no_resource_type": 1}),
    line("a line with a key twice", '{"resourceType": "Patient", "id": "kx-99", "id": "zqxcanary"}\n', aside={"duplicate_keys": 1}),
    line("a line with NaN and one with Infinity", '{"resourceType": "Patient", "x": NaN}\n{"resourceType": "Patient", "x": -Infinity}\n', aside={"not_finite": 2}),
    line("two values on one line", '{"resourceType": "Patient", "id": "kx-99"} {"zqxcanary": 1}\n', aside={"not_json": 1}),
    line("zero bytes in a line", '{"resourceType": "Pat\x00ient"}\n', aside={"not_json": 1}),
    Case("a bundle on a line", lambda found: lines(found.values()) + bundle([patient("kx-99")]) + "\n", "export.ndjson", aside={("Bundle", "bundle_inside"): 1}),
    entry("an entry without a resource", '{"fullUrl": "http://zqxcanary/Patient/1"}', "no_resource"),
    entry("an entry that is a number", "17", "no_resource"),
    entry("an entry with NaN", NAN, "not_finite"),
    entry("an entry with a key twice", TWICE, "duplicate_keys"),
    entry("an entry whose type is a number", '{"resource": {"resourceType": 7}}', "no_resource_type"),
    refused("a bundle with 100,000 brackets", lambda found: bundle(found.values())[:-1] + ', "extension": ' + DEEP + "}", "too_deep"),
    refused("a bundle that breaks off", lambda found: bundle(found.values())[:-40], "not_json"),
    refused("a bundle in Latin-1", lambda found: bundle([patient("kx-71")]).replace("female", "fémale").encode("latin-1"), "not_utf8"),
    refused("a file in UTF-16", lambda found: bundle(found.values()).encode("utf-16"), "not_text"),
    refused("a bundle with a member twice", lambda found: bundle(found.values())[:-1] + ', "type": "zqxcanary"}', "duplicate_keys"),
    refused("something after the bundle", lambda found: bundle(found.values()) + "\nzqxcanary", "more_than_one_json"),
    refused("one resource alone that is no bundle", json.dumps({"resourceType": "Patient", "id": CANARY}, indent=1), "not_a_bundle"),
    refused("a list of resources", lambda found: json.dumps(list(found.values())), "not_json"),
    refused("a history", lambda found: bundle(found.values(), type="history"), "history_bundle"),
    refused("an empty file", b"", "empty_file"),
    refused("a packed file", b"\x1f\x8b\x08\x00zqxcanary", "packed_file", "export.ndjson.gz"),
    refused("a zip under the name of a bundle", b"PK\x03\x04zqxcanary", "packed_file"),
    refused("XML", "<Bundle>zqxcanary</Bundle>", "fhir_xml"),
    refused("a link", lambda found: bundle(found.values()), "not_regular_file", place=_link),
    refused("a pipe", "", "not_regular_file", place=_pipe),
    refused("no file", "", "unreadable", place=lambda folder, data: folder / "zqxcanary.json"),
    refused("a file of 3 GB", "", "fhir_too_large", place=_huge(3 << 30, b"{ ")),
    refused("a bundle above 1 GB", "", "fhir_too_large", place=_huge((1 << 30) + 10, b'{"resourceType":"Bundle", "entry": [')),
    refused("a folder without lines", "", "no_ndjson", place=lambda folder, data: folder),
    refused("a folder with a packed file", lambda found: lines(found.values()), "packed_file", place=_bulk("Observation.ndjson.gz")),
    refused("a bundle without patients and sessions", bundle([]), "missing_table"),
]

RESOURCES = [
    plus("kinds that are not mapped", {"resourceType": "Claim", "id": "c"}, {"resourceType": "Claim", "id": "d", "note": CANARY}, unmapped={"Claim": 2}),
    plus("a kind that FHIR does not have", {"resourceType": CANARY, "id": "c"}, unmapped={"resources of an unknown type": 1}),
    plus("a laboratory value", observation("x", "kx-71", "718-7", TIME, amount(13, "g/dL")), unmapped={OB: 1}),
    plus("another medicine", {"resourceType": MA, "id": "x", "status": "completed", **of("kx-71"), "medicationCodeableConcept": {"text": "ondansetron " + CANARY}}, unmapped={MA: 1}),
    plus("a form that is not known", response("x", "kx-71", TIME, {"q": 1}, questionnaire="http://x/Questionnaire/" + CANARY), unmapped={QR: 1}),
    plus("a form that is known without known questions", response("x", "kx-71", TIME, {CANARY: 1}, questionnaire="http://x/Questionnaire/PHQ-9"), aside={(QR, "items_not_known"): 1}),
    plus("a panel code as total", score("x", "kx-71", "44249-1", TIME, 14), aside={(OB, "panel_code_as_total"): 1}),
    plus("the panels of GAD-7 as totals", score("x", "kx-71", "69737-5", TIME, 14), score("y", "kx-71", "69730-0", TIME, 14), aside={(OB, "panel_code_as_total"): 2}),
    plus("a panel without a value", observation("x", "kx-71", "44249-1", TIME), unmapped={OB: 1}),
    plus("an item code as total", score("x", "kx-71", "44260-8", TIME, 14), aside={(OB, "item_code_as_total"): 1}),
    plus("an item by itself", score("x", "kx-71", "44260-8", TIME, 3), unmapped={OB: 1}),
    plus("totals of two instruments in one", score("x", "kx-71", "44261-6", TIME, 3) | {"code": {"coding": [*concept("44261-6")["coding"], *concept("70274-6")["coding"]]}}, aside={(OB, "two_codes"): 1}),
    plus("a total of 28", score("x", "kx-71", "44261-6", TIME, 28), aside={(OB, "score_range"): 1}),
    plus("a total that its items do not add up to", response("x", "kx-71", TIME, phq9([1] * 9) | {"/44261-6": 10}), aside={(QR, "items_total"): 1}),
    plus("a bound", score("x", "kx-71", "44261-6", TIME, 9, valueQuantity=amount(9, "{score}") | {"comparator": "<"}), aside={(OB, "value_is_a_bound"): 1}),
    plus("a total in words", observation("x", "kx-71", "44261-6", TIME, valueString="moderate " + CANARY), aside={(OB, "resource_without_value"): 1}),
    plus("a total that is absent", observation("x", "kx-71", "44261-6", TIME, dataAbsentReason=concept("unknown")), aside={(OB, "resource_without_value"): 1}),
    plus("scores that were entered in error or cancelled", *(score(status, "kx-71", "44261-6", TIME, 9, status=status) for status in ("entered-in-error", "cancelled", "registered", CANARY)), aside={(OB, "resource_status"): 4}),
    plus("responses that do not count", *(response(status, "kx-71", TIME, phq9([1] * 9), status=status) for status in ("in-progress", "entered-in-error", "stopped")), aside={(QR, "resource_status"): 3}),
    plus("several answers to one question", response("x", "kx-71", TIME, {}, item=[{"linkId": "/44250-9", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]}]), aside={(QR, "several_answers"): 1}),
    plus("the same question twice", response("x", "kx-71", TIME, {}, item=[{"linkId": link, "answer": [{"valueInteger": 1}]} for link in ("/44250-9", "44250-9")]), aside={(QR, "several_answers"): 1}),
    plus("a modifier that may deny everything", score("x", "kx-71", "44261-6", TIME, 9, modifierExtension=[{"url": "http://x", "valueBoolean": True}]), aside={(OB, "modifier_extension"): 1}),
    plus("a score of a patient who is not there", score("x", "kx-99", "44261-6", TIME, 9), aside={(OB, "orphan_patient"): 1}),
    plus("a score of nobody", score("x", "kx-71", "44261-6", TIME, 9, subject=None), aside={(OB, "no_patient"): 1}),
    plus("a score of a group", score("x", "kx-71", "44261-6", TIME, 9, subject={"reference": "Group/kx-71"}), aside={(OB, "no_patient"): 1}),
    plus("a patient found by a search", score("x", "kx-71", "44261-6", TIME, 9, subject={"reference": "Patient?identifier=" + CANARY}), aside={(OB, "no_patient"): 1}),
    plus("a patient inside the resource", score("x", "kx-71", "44261-6", TIME, 9, subject={"reference": "#p"}, contained=[patient("p")]), aside={(OB, "contained_patient"): 1}),
    plus("a partial date", score("x", "kx-71", "44261-6", "2026-02", 9), aside={(OB, "partial_date"): 1}),
    plus("a date that is no FHIR date", score("x", "kx-71", "44261-6", "02/10/2026 " + CANARY, 9), event("y", "kx-71", "headache", date="2/2/26"), aside={(OB, "not_a_time"): 1, (AE, "session_time_unknown"): 1}),
    Case("numbers of 10,000 digits", lambda found: lines(found.values()) + json.dumps(observation("x", "kx-71", "44261-6", TIME))[:-1] + ', "valueInteger": ' + HUGE + "}\n" + json.dumps(score("y", "kx-71", "44261-6", TIME, 1)).replace("1,", "1e999,") + "\n", "export.ndjson", aside={(OB, "resource_without_value"): 1, (OB, "not_a_number"): 1}),
    plus("years that stand for not known", score("x", "kx-71", "44261-6", "9999-12-31T23:59:59Z", 9), score("y", "kx-71", "44261-6", "0001-01-01", 9), aside={(OB, "not_a_time"): 2}),
    plus("half of a character", response("x", "kx-71", TIME, phq9([1] * 9), questionnaire="PHQ-9\ud800"), aside={(QR, "bad_text"): 1}),
    plus("a pressure in kilopascals", pressure("x", "kx-71", TIME, 17, 11, "kPa"), aside={(OB, "resource_unit"): 1}),
    plus("a reading without a session", pressure("x", "kx-71", "2026-06-01T10:00:00Z", 130, 80), aside={(OB, "no_session_then"): 1}),
    plus("an event that might have happened", event("x", "kx-71", "headache", date="2026-02-02T15:00:00Z", actuality="potential"), aside={(AE, "potential_event"): 1}),
    plus("an event before any session", event("x", "kx-71", "headache", date="2025-02-02T15:00:00Z"), aside={(AE, "no_session_then"): 1}),
    plus("a condition that was refuted", {"resourceType": CO, "id": "x", **of("kx-71"), "code": {"text": "PTSD"}, "verificationStatus": concept("refuted")}, aside={(CO, "condition_not_there"): 1}),
    plus("another condition", {"resourceType": CO, "id": "x", **of("kx-71"), "code": concept("I10", "http://hl7.org/fhir/sid/icd-10-cm", CANARY)}, unmapped={CO: 1}),
    plus("a condition of a patient who is not there", {"resourceType": CO, "id": "x", **of("kx-99"), "code": {"text": "PTSD"}}, aside={(CO, "orphan_patient"): 1}),
    plus("a patient without an id", {"resourceType": PT, "gender": "male", "name": [{"family": CANARY}]}, aside={(PT, "no_resource_id"): 1}),
    plus("an older version", patient("kx-71", birthDate="1979-01-01", meta={"versionId": "0", "lastUpdated": "2020-01-01T00:00:00Z"}) | {"gender": "male"}, aside={(PT, "older_version"): 1}),
    changed("administrations that did not happen", "ma-4", status="not-done", aside={(MA, "resource_status"): 1}, more={"sessions": -1}),
    changed("an administration entered in error", "ma-4", status="entered-in-error", aside={(MA, "resource_status"): 1}, more={"sessions": -1}),
    changed("an administration that is not over", "ma-4", status="in-progress", aside={(MA, "resource_status"): 1}, more={"sessions": -1}),
    changed("an administration that was stopped", "ma-4", status="stopped"),
    changed("elements of the wrong kind", "ob-1", code=CANARY, component=7, performer={"a": 1}, derivedFrom=CANARY, extension=CANARY, unmapped={OB: 1}, more={"scores": -1}),
    changed("a subject that is a list", "ob-1", subject=[CANARY], aside={(OB, "no_patient"): 1}, more={"scores": -1}),
    changed("a dose in millilitres", "ma-4", dosage={"route": concept("78421000", "http://snomed.info/sct"), "dose": amount(2, "mL")}),
    changed("names in extensions that are none", "kx-71", extension=[column("1 " + CANARY, CANARY), {"url": 7}, CANARY]),
]

CASES = FILES + RESOURCES
