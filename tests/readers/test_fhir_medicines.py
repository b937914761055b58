"""Which administrations are of ketamine: codes first, then words that begin with its name."""

from __future__ import annotations

import pytest
from readers.fhir_parts import SNOMED, accounts_of, administration, concept, patient, rules, told

from ketaoutcomes.readers.fhir_medicines import drug_in, medicine_of

RXNORM, ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"
NDC, LOCAL = "http://hl7.org/fhir/sid/ndc", "urn:oid:1.2.840.114350.1.13.1"


def shown(code: str, system: str, display: str, text: str | None = None) -> dict:
    """A concept of one coding with its display."""
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [coding]} | ({"text": text} if text else {})


ONDANSETRON = concept("26225", RXNORM)["coding"]
GIVEN = [
    # Codes that are listed decide, whatever else is written.
    (concept("6130", RXNORM, "pre-medication"), "ketamine"),
    (concept("238083", RXNORM), "ketamine"),
    (concept("373464007", SNOMED), "ketamine"),
    (concept("6130", "urn:oid:2.16.840.1.113883.6.88"), "ketamine"),
    (
        {"coding": [*ONDANSETRON, *concept("6130", RXNORM)["coding"]]},
        "ketamine",
    ),
    # A code of a system of medicines that is not listed has its own display, and that alone.
    (shown("1", RXNORM, "ketamine 20 MG/ML Prefilled Syringe"), "ketamine"),
    (shown("50458-028-02", NDC, "Spravato 56 mg kit"), "esketamine"),
    # A clinic's own codes, and none at all: words that begin with the name.
    (concept("K50", LOCAL, "Ketamine 50 mg/mL"), "ketamine"),
    (shown("E28", LOCAL, "ESKETAMINE nasal spray"), "esketamine"),
    ({"text": " ketamin 0,5 mg/kg"}, "ketamine"),
    ({"text": "S-ketamine 25 mg"}, "esketamine"),
    ({"text": "(S)-Ketamine"}, "esketamine"),
    ({"text": "Racemic ketamine"}, "ketamine"),
    ({"text": "Ketalar"}, "ketamine"),
]
# Another medicine, and whether ketamine is mentioned.
OTHERS = [
    (shown("26225", RXNORM, "ondansetron", "Ondansetron 4 mg IV (pre-ketamine)"), True),
    (concept("26225", RXNORM, "Ketamine clinic: ondansetron"), True),
    (concept("26225", "urn:oid:2.16.840.1.113883.6.88", "Ketamine clinic: ondansetron"), True),
    (concept("A04AA01", ATC, "ketamine pre-medication"), True),
    (concept("0409-4755-03", NDC, "ketamine pre-medication"), True),
    (concept("372487007", SNOMED, "ketamine pre-medication"), True),
    ({"coding": [*ONDANSETRON, *shown("O4", LOCAL, "ketamine pre-medication")["coding"]]}, True),
    (concept("O4", LOCAL, "Ondansetron 4 mg IV (pre-ketamine)"), True),
    ({"text": "Ondansetron before ketamine"}, True),
    ({"text": "Ketamines and others"}, True),
    ({"text": "Norketamine"}, True),
    (concept("26225", RXNORM, "Ondansetron"), False),
    ({"text": "Ondansetron"}, False),
    ({}, False),
]  # fmt: skip


@pytest.mark.parametrize(("medicine", "drug"), GIVEN)
def test_ketamine_is_known_by_its_code_or_by_words_that_begin_with_it(medicine, drug):
    assert drug_in(medicine_of(medicine)) == (drug, False)


@pytest.mark.parametrize(("medicine", "mentioned"), OTHERS)
def test_a_mention_of_ketamine_makes_no_session(medicine, mentioned):
    assert drug_in(medicine_of(medicine)) == (None, mentioned)


def test_other_medicines_that_mention_ketamine_are_not_mapped_and_told(tmp_path):
    given = [
        administration(f"x{day}", "kx-71", f"2026-05-{day:02}T10:00:00Z", medicationCodeableConcept=medicine)
        for day, (medicine, _) in enumerate(OTHERS, 1)
    ]
    ketamine = administration("y", "kx-71", "2026-05-20T10:00:00Z")
    accounts = accounts_of(tmp_path, [patient("kx-71"), *given, ketamine])
    assert len(accounts.cohort.sessions) == 1
    assert rules(accounts) == {}
    sources = accounts.sources.set_index("source").loc["MedicationAdministration"]
    assert (sources["n_kept"], sources["n_unmapped"]) == (1, 14)
    assert told(accounts, "mention ketamine") == [11]
    assert told(accounts, "name no medicine") == [1]


def test_a_code_in_a_medication_of_its_own_decides_against_the_words_of_the_reference(tmp_path):
    other = {"resourceType": "Medication", "id": "m", "code": concept("26225", RXNORM)}
    link = {"reference": "Medication/m", "display": "Ketamine pre-medication"}
    given = administration("x", "kx-71", "2026-05-01T10:00:00Z", medicationCodeableConcept=None)
    ketamine = administration("y", "kx-71", "2026-05-20T10:00:00Z")
    accounts = accounts_of(
        tmp_path, [patient("kx-71"), other, given | {"medicationReference": link}, ketamine]
    )
    assert len(accounts.cohort.sessions) == 1
    assert told(accounts, "mention ketamine") == [1]
