"""Patients, references and versions of FHIR resources; expected values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from readers.fhir_parts import (
    SNOMED,
    accounts_of,
    administration,
    amount,
    bundle,
    concept,
    good,
    observation,
    of,
    patient,
    rows,
    rules,
    saved,
    score,
    told,
)

from ketaoutcomes.readers.export import account
from ketaoutcomes.readers.fhir import fhir_export

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
LATER = "2026-02-10T10:00:00Z"
DIAGNOSES = {
    "F32.1": "MDD",
    "F33": "MDD",
    "F33.9": "MDD",
    "F31.30": "bipolar depression",
    "F43.10": "PTSD",
    "F42.2": "OCD",
    "F41.1": "GAD",
    "F41.9": "anxiety",
    "G89.4": "chronic pain",
    "M79.7": "chronic pain",
    "G90.50": "chronic pain",
    "F10.20": "substance use",
    "F19.1": "substance use",
}
# Dates of birth, and the age on 2 February 2026.
AGES = {
    "1980-02-02": 46.0,  # the birthday itself
    "1980-02-03": 45.0,
    "1980-01": 46.0,
    "1980-03": 45.0,
    "1980-02": np.nan,  # either side of the birthday
    "1980": np.nan,
    "1936-02-02": 90.0,
    "1920": 90.0,  # 105 or 106, which is 90 or over in any case
    "2027-01-01": np.nan,
    "1800-01-01": np.nan,
    "3 March 1980": np.nan,
}


@pytest.fixture
def read(tmp_path):
    """A function that reads the good export with some resources added or replaced, by id."""

    def read(*added: dict, without: tuple[str, ...] = (), timezone="America/New_York", **elements):
        found = good() | {one["id"]: one for one in added}
        kept = [one for key, one in found.items() if key not in without]
        return accounts_of(tmp_path, kept, timezone, **elements)

    return read


def test_a_diagnosis_is_read_from_its_icd_10_code(tmp_path):
    given = []
    for number, code in enumerate(DIAGNOSES, 10):
        condition = {
            "resourceType": "Condition",
            "id": code,
            **of(f"kx-{number}"),
            "code": concept(code, ICD10),
        }
        given += [patient(f"kx-{number}"), condition]
    session = administration("ma", "kx-10", "2026-02-02T14:00:00Z")
    found = accounts_of(tmp_path, [*given, session]).cohort.patients
    assert found["diagnosis"].tolist() == list(DIAGNOSES.values())


def test_the_age_is_whole_years_at_the_first_session_and_at_most_90(tmp_path):
    given = []
    for number, birth in enumerate(AGES, 10):
        name = f"kx-{number}"
        given += [
            patient(name, birthDate=birth),
            administration(f"late-{number}", name, "2026-06-02T14:00:00Z"),
            administration(f"first-{number}", name, "2026-02-02T14:00:00Z"),
        ]
    accounts = accounts_of(tmp_path, given)
    np.testing.assert_equal(accounts.cohort.patients["age"].to_numpy(), list(AGES.values()))
    assert told(accounts, "leaves two ages open") == [5]


def test_conditions_of_two_classes_leave_the_diagnosis_missing_and_are_told(read):
    more = {"resourceType": "Condition", "id": "x", **of("kx-71"), "code": concept("F43.12", ICD10)}
    accounts = read(more)
    assert "diagnosis" not in accounts.cohort.patients.columns
    assert told(accounts, "conditions of several classes") == [1]


def test_a_condition_in_words_counts_where_no_code_does(read):
    first = {"resourceType": "Condition", "id": "x", **of("kx-71"), "code": {"text": "low mood"}}
    second = {"resourceType": "Condition", "id": "y", **of("kx-72"), "code": {"text": "depression"}}
    third = {
        "resourceType": "Condition",
        "id": "z",
        **of("kx-72"),
        "code": concept("22298006", SNOMED, "heart attack"),
    }
    accounts = read(first, second, third)
    assert accounts.cohort.patients["diagnosis"].tolist() == ["MDD", "depression"]


def test_no_date_of_birth_and_no_name_is_in_any_table(read):
    tables = read().cohort.tables
    assert "1980" not in "".join(frame.to_csv() for frame in tables.values())
    assert not {"birthDate", "name", "telecom"} & set(tables["patients"].columns)


def test_what_is_not_carried_is_listed_with_its_counts(read):
    left = read().unmapped
    of_patients = left[left["source"] == "Patient"].set_index("column")["n_filled"].to_dict()
    assert of_patients == {"identifier": 1, "name": 1, "telecom": 1, "address": 1}


@pytest.mark.parametrize(
    "reference",
    ["Patient/kx-71", "Patient/kx-71/_history/3", "https://a.example/fhir/Patient/kx-71", "urn:uuid:1234"],
)
def test_a_patient_is_found_by_any_kind_of_reference(reference, tmp_path):
    entries = [{"resource": one} for one in good().values()]
    entries[0]["fullUrl"] = (
        "urn:uuid:1234" if reference.startswith("urn") else "https://a.example/fhir/Patient/kx-71"
    )
    entries.append({"resource": score("x", "?", "44261-6", LATER, 5, subject={"reference": reference})})
    accounts = account(fhir_export(saved(tmp_path, bundle([], entry=entries)), timezone="America/New_York"))
    assert rows(accounts, "scores", "kx-71")["score"].tolist() == [12.0, 18.0, 9.0, 5.0]


def test_patients_of_two_servers_under_one_id_are_not_taken_for_one(tmp_path):
    entries = [{"resource": one} for one in good().values()]
    entries[0]["fullUrl"] = "https://a.example/fhir/Patient/kx-71"
    away = "https://b.example/fhir/Patient/kx-71"
    stray = {"resource": score("x", "?", "44261-6", LATER, 5, subject={"reference": away})}
    path = saved(tmp_path, bundle([], entry=[*entries, stray]))
    assert rules(account(fhir_export(path, timezone="UTC"))) == {("Observation", "patient_elsewhere"): 1}
    both = [*entries, {"fullUrl": away, "resource": patient("kx-71", gender="male")}]
    accounts = account(fhir_export(saved(tmp_path, bundle([], entry=both)), timezone="UTC"))
    assert rules(accounts)["Patient", "two_servers"] == 2
    assert accounts.cohort.patients["patient_id"].tolist() == ["kx-72"]


def test_the_last_version_of_a_resource_counts_wherever_it_stands(read):
    def version(value: float, day: str, **elements) -> dict:
        return score(
            "v", "kx-72", "44261-6", LATER, value, meta={"lastUpdated": f"{day}T10:00:00Z"}, **elements
        )

    found = good()
    both = [version(7, "2026-05-02"), version(8, "2026-05-01")]
    accounts = read(entry=[{"resource": one} for one in (*found.values(), *both)])
    assert rows(accounts, "scores", "kx-72")["score"].tolist() == [7.0, 9.0]
    assert rules(accounts) == {("Observation", "older_version"): 1}
    error = version(7, "2026-05-03", status="entered-in-error")
    accounts = read(entry=[{"resource": one} for one in (*found.values(), error, *both)])
    assert rows(accounts, "scores", "kx-72")["score"].tolist() == [9.0]
    assert rules(accounts) == {("Observation", "older_version"): 2, ("Observation", "resource_status"): 1}


def test_without_patients_those_count_whom_other_resources_name(read):
    accounts = read(without=("kx-71", "kx-72", "co-1"))
    assert accounts.cohort.patients["patient_id"].tolist() == ["kx-71", "kx-72"]
    assert told(accounts, "holds no Patient") == [None]


def test_further_pages_are_told(read):
    assert told(read(link=[{"relation": "next", "url": "http://x"}]), "further pages") == [None]


def test_a_time_that_was_only_issued_is_taken_and_told(read):
    given = score("x", "kx-71", "44261-6", LATER, 5, issued=LATER) | {"effectiveDateTime": None}
    accounts = read(given)
    assert 5.0 in rows(accounts, "scores", "kx-71")["score"].tolist()
    assert told(accounts, "issued counts") == [1]


def test_the_calendar_month_is_that_of_the_clinic(read):
    late = score("x", "kx-71", "44261-6", "2026-05-01T02:00:00Z", 5)
    assert (
        rows(read(late), "scores", "kx-71")["month"].tolist()[-1] == "2026-04"
    )  # 30 April, 22:00 in New York
    assert rows(read(late, timezone="UTC"), "scores", "kx-71")["month"].tolist()[-1] == "2026-05"


def test_the_same_digits_under_another_system_are_another_code(read):
    other = observation("x", "kx-71", "44261-6", LATER, amount(5, "{score}")) | {
        "code": concept("44261-6", "http://x")
    }
    unmapped = read(other).sources.set_index("source")["n_unmapped"]
    assert unmapped["Observation"] == 1
