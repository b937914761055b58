"""Scores from FHIR: which codes and questions count as what; expected values worked out by hand."""

from __future__ import annotations

import csv
import tomllib

import pandas as pd
import pytest
from readers.fhir_parts import (
    GAD7,
    PHQ9,
    accounts_of,
    amount,
    column,
    concept,
    good,
    observation,
    patient,
    phq9,
    response,
    rules,
    score,
    told,
)

from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.readers.fhir_codes import Places, fhir_codes, fhir_elements
from ketaoutcomes.readers.fhir_json import DEEPEST, Flaw, Parser, too_deep

TIME = "2026-02-10T10:00:00Z"
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"


@pytest.fixture
def read(tmp_path):
    """A function that reads the good export with resources added, and returns the accounts."""

    def read(*added: dict):
        return accounts_of(tmp_path, (good() | {one["id"]: one for one in added}).values())

    return read


def at_time(accounts, instrument: str) -> pd.DataFrame:
    """The scores of one instrument at `TIME`, which is 188 hours after 2 February, 14:00."""
    frame = accounts.cohort.scores
    return frame[(frame["hour"] == 188.0) & (frame["instrument"] == instrument)].reset_index(drop=True)


TOTALS = [
    ("44261-6", "PHQ-9", "{score}"),
    ("70274-6", "GAD-7", "{score}"),
    ("55758-7", "PHQ-2", "{score}"),
    ("89209-1", "BDI-II", "{score}"),
    ("91383-0", "EQ-5D-VAS", "{score}"),
    ("72514-3", "NRS-pain", "{score}"),
    ("38214-3", "VAS-pain", "mm"),
    ("77565-0", "BPI-interference", "{score}"),
    ("77821-7", "PROMIS-D4a", "{score}"),
    ("72172-0", "MoCA", "{score}"),
    ("82667-7", "DAST-10", "{score}"),
]
LOCAL = ["MADRS", "QIDS-SR16", "HAM-D17", "CADSS", "YMRS", "Y-BOCS", "PCL-5"]


def test_a_total_is_read_by_its_loinc_code(read):
    given = [observation(f"x-{code}", "kx-71", code, TIME, amount(6, unit)) for code, _, unit in TOTALS]
    accounts = read(*given)
    assert rules(accounts) == {}
    for _, instrument, _ in TOTALS:
        assert at_time(accounts, instrument)["score"].tolist() == [6.0]


def test_a_visual_analogue_scale_in_an_unknown_length_is_refused(read):
    accounts = read(observation("x", "kx-71", "38214-3", TIME, amount(6, "cm")))
    assert rules(accounts) == {("Observation", "resource_unit"): 1}


@pytest.mark.parametrize("split", [True, False])
def test_a_local_code_names_the_instrument(split, read):
    codes = [
        concept(name, "urn:ketaoutcomes") if split else {"coding": [{"code": f"urn:ketaoutcomes:{name}"}]}
        for name in LOCAL
    ]
    accounts = read(
        *(score(f"x{place}", "kx-71", "", TIME, 6) | {"code": code} for place, code in enumerate(codes))
    )
    assert [at_time(accounts, name)["score"].tolist() for name in LOCAL] == [[6.0]] * 7


def test_loinc_wins_over_a_local_code(read):
    code = {"coding": [*concept("MADRS", "urn:ketaoutcomes")["coding"], *concept("44261-6")["coding"]]}
    accounts = read(observation("x", "kx-71", "", TIME, amount(6, "{score}")) | {"code": code})
    assert at_time(accounts, "PHQ-9")["score"].tolist() == [6.0]
    assert at_time(accounts, "MADRS").empty


@pytest.mark.parametrize("slash", ["/", "", "/44249-1/"])
def test_the_items_of_phq_9_are_read_in_their_order(slash, read):
    found = at_time(read(response("x", "kx-71", TIME, phq9([0, 1, 2, 3, 0, 1, 2, 3, 1], slash))), "PHQ-9")
    items = found[[f"i{number}" for number in range(1, 10)]]
    assert items.iloc[0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 1]
    assert found["score"].tolist() == [13.0]


def test_the_items_of_gad_7_are_read_in_their_order(read):
    answers = {f"/{code}": value for code, value in zip(GAD7, [3, 2, 1, 0, 1, 2, 3], strict=True)}
    found = at_time(read(response("x", "kx-71", TIME, answers)), "GAD-7")
    assert found[[f"i{number}" for number in range(1, 8)]].iloc[0].tolist() == [3, 2, 1, 0, 1, 2, 3]
    assert found["score"].tolist() == [12.0]


def test_answers_are_read_from_loinc_answer_codes_and_ordinal_values(read):
    codes = ["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"]
    coded = [{"valueCoding": {"system": "http://loinc.org", "code": code}} for code in codes]
    ordinal = {"extension": [{"url": ORDINAL, "valueDecimal": 2.0}], "code": "more-than-half"}
    chosen = [*coded, {"valueCoding": ordinal}, {"valueDecimal": 1.0}, {"valueString": "3"}, 0, 1]
    answers = {f"/{code}": answer for code, answer in zip(PHQ9, chosen, strict=True)}
    found = at_time(read(response("x", "kx-71", TIME, answers)), "PHQ-9")
    assert found[[f"i{number}" for number in range(1, 10)]].iloc[0].tolist() == [0, 1, 2, 3, 2, 1, 3, 0, 1]
    assert found["score"].tolist() == [13.0]


def test_a_code_that_is_not_known_is_not_guessed(read):
    unknown = {"valueCoding": {"system": "http://x", "code": "often", "display": "2 - often"}}
    torn = {"valueCoding": {"code": "LA6569-3", "extension": [{"url": ORDINAL, "valueDecimal": 3}]}}
    answers = phq9([1] * 9) | {f"/{PHQ9[0]}": unknown, f"/{PHQ9[1]}": torn}
    accounts = read(response("x", "kx-71", TIME, answers))
    found = at_time(accounts, "PHQ-9")
    assert found[["i1", "i2"]].isna().all(axis=None)
    # Two of nine blank: the mean of the seven answered, which is 1, stands for them.
    assert found["score"].tolist() == [9.0]
    assert told(accounts, "no known number") == [2]


def test_questions_may_stand_in_groups_and_below_answers(read):
    inner = [{"linkId": f"/{code}", "answer": [{"valueInteger": 1}]} for code in PHQ9]
    group = {"linkId": "/44249-1", "item": [{"linkId": "g", "item": inner[:4]}]}
    below = {"linkId": "yes-or-no", "answer": [{"valueBoolean": True, "item": inner[4:]}]}
    found = at_time(read(response("x", "kx-71", TIME, {}, item=[group, below])), "PHQ-9")
    assert found["score"].tolist() == [9.0]


@pytest.mark.parametrize(
    ("link", "own", "place"),
    [
        ("phq9_3", None, ("PHQ-9", "i3")),
        ("PHQ-9.item3", None, ("PHQ-9", "i3")),
        ("phq9-q03", None, ("PHQ-9", "i3")),
        ("phq9_total", None, ("PHQ-9", "score")),
        ("madrs_total_score", None, ("MADRS", "score")),
        ("3", "MADRS", ("MADRS", "i3")),
        ("q3", "MADRS", ("MADRS", "i3")),
        ("total", "MADRS", ("MADRS", "score")),
        ("3", None, None),
        ("phq9_10", None, None),  # the difficulty, which is not scored
        ("69722-7", "PHQ-9", None),
        ("gad-7", None, None),  # the instrument's name, and not its seventh question
        ("phq-9", "PHQ-9", None),
        ("weight", "PHQ-9", None),
        ("44250-9", None, ("PHQ-9", "i1")),
        ("44250-9", "PHQ-2", ("PHQ-2", "i1")),
    ],
)
def test_a_question_is_known_by_its_link(link, own, place):
    assert Places().of_link(link, own) == place


@pytest.mark.parametrize(
    ("address", "instrument"),
    [
        ("http://loinc.org/q/44249-1", "PHQ-9"),
        ("http://x/Questionnaire/69737-5|2.1", "GAD-7"),
        ("Questionnaire/phq-9", "PHQ-9"),
        ("urn:ketaoutcomes:MADRS", "MADRS"),
        ("http://x/Questionnaire/PHQ", None),  # PHQ-9, PHQ-8 or PHQ-2
        ("http://x/Questionnaire/intake", None),
    ],
)
def test_a_questionnaire_is_known_by_its_address(address, instrument):
    assert Places().of_canonical(address) == instrument


def test_a_form_with_two_instruments_gives_two_scores(read):
    answers = phq9([1] * 9) | {f"/{code}": 2 for code in GAD7} | {"/70274-6": 14, "smokes": 1}
    accounts = read(response("x", "kx-71", TIME, answers))
    assert at_time(accounts, "PHQ-9")["score"].tolist() == [9.0]
    assert at_time(accounts, "GAD-7")["score"].tolist() == [14.0]


def test_two_items_with_a_phq_2_total_are_a_phq_2(read):
    accounts = read(response("x", "kx-71", TIME, {"44250-9": 1, "44255-8": 2, "55758-7": 3}))
    found = at_time(accounts, "PHQ-2")
    assert found[["i1", "i2", "score"]].iloc[0].tolist() == [1, 2, 3]
    assert at_time(accounts, "PHQ-9").empty


def test_a_panel_that_holds_items_as_components_is_scored(read):
    parts = [{"code": concept(code), "valueInteger": 1} for code in PHQ9]
    found = at_time(read(observation("x", "kx-71", "44249-1", TIME, component=parts)), "PHQ-9")
    assert found["score"].tolist() == [9.0]


def derived(key: str, value: float, source: str = "qr", **elements) -> dict:
    link = {"derivedFrom": [{"reference": f"QuestionnaireResponse/{source}"}]}
    return score(key, "kx-71", "44261-6", TIME, value, **link, **elements)


def test_a_total_derived_from_a_response_makes_one_score(read):
    answers = phq9([1] * 9)
    for given in (answers, answers | {"/44261-6": 9}):
        accounts = read(response("qr", "kx-71", TIME, given), derived("x", 9))
        assert at_time(accounts, "PHQ-9")["score"].tolist() == [9.0]
        assert rules(accounts) == {("Observation", "same_as_response"): 1}


def test_a_derived_total_that_differs_sets_both_aside(read):
    given = phq9([1] * 9) | {"/44261-6": 9}
    accounts = read(response("qr", "kx-71", TIME, given), derived("x", 10))
    assert at_time(accounts, "PHQ-9").empty
    differs = "response_total_differs"
    assert rules(accounts) == {("QuestionnaireResponse", differs): 1, ("Observation", differs): 1}
    # Without a total of its own, the response has the Observation's, which its items do not add up to.
    accounts = read(response("qr", "kx-71", TIME, phq9([1] * 9)), derived("x", 10))
    assert at_time(accounts, "PHQ-9").empty
    assert rules(accounts)["QuestionnaireResponse", "items_total"] == 1


def test_a_total_derived_from_what_is_not_there_or_of_another_instrument_stands_alone(read):
    anxiety = derived("y", 5) | {"code": concept("70274-6")}
    accounts = read(response("qr", "kx-71", TIME, phq9([1] * 9)), anxiety)
    assert at_time(accounts, "GAD-7")["score"].tolist() == [5.0]
    accounts = read(derived("x", 9, "gone"))
    assert at_time(accounts, "PHQ-9")["score"].tolist() == [9.0]


def test_a_total_derived_from_a_response_in_error_does_not_count(read):
    wrong = response("qr", "kx-71", TIME, phq9([1] * 9), status="entered-in-error")
    accounts = read(wrong, derived("x", 9))
    assert at_time(accounts, "PHQ-9").empty
    assert rules(accounts)["Observation", "response_not_usable"] == 1


def test_who_answered_is_read_from_the_source(read):
    accounts = read(
        response("x", "kx-71", TIME, phq9([1] * 9), source={"reference": "Patient/kx-71"}),
        score("y", "kx-71", "72172-0", TIME, 26, performer=[{"type": "Practitioner", "display": "D"}]),
        score("z", "kx-71", "72514-3", TIME, 4, extension=[column("mode", "nurse"), column("timing", "pre")]),
    )
    modes = {name: at_time(accounts, name)["mode"].tolist() for name in ("PHQ-9", "MoCA", "NRS-pain")}
    assert modes == {"PHQ-9": ["self"], "MoCA": ["clinician"], "NRS-pain": ["nurse"]}


def test_codes_are_those_of_the_table_of_facts(shared):
    with (shared / "constants.csv").open(encoding="utf-8", newline="") as file:
        facts = {row["item"]: row for row in csv.DictReader(file) if row["topic"] == "LOINC"}
    codes = fhir_codes()
    total, panel = facts["PHQ-9 total/panel"]["value"].split(" / ")
    assert (codes.totals[total], codes.panels[panel]) == ("PHQ-9", "PHQ-9")
    total, panel = facts["BDI-II total / panel"]["value"].split(" / ")
    assert (codes.totals[total], codes.panels[panel]) == ("BDI-II", "BDI-II")
    for item, name in (("GAD-7 total", "GAD-7"), ("DAST-10 total", "DAST-10")):
        assert codes.totals[facts[item]["value"]] == name
    assert codes.panels[facts["GAD-7 panel"]["value"]] == "GAD-7"
    assert facts["PCL-5 total"]["value"] not in codes.totals
    assert set(codes.totals.values()) <= set(INSTRUMENTS)
    assert not {"PCL-5", "MADRS", "CADSS", "YMRS", "Y-BOCS", "WHO-5"} & set(codes.totals.values())


def test_codes_that_were_not_found_again_are_not_called_verified(root):
    content = tomllib.loads((root / "ketaoutcomes/readers/fhir_codes.toml").read_text(encoding="utf-8"))
    entries = [one for kind in content.values() for one in kind]
    assert all(one["source"] for one in entries)
    unverified = {one["code"] for one in entries if "code" in one and not one.get("verified", False)}
    assert unverified == {"69730-0", "8867-4", "9279-1", "59408-5", "2708-6", "2201623", "2201625"}
    assert not any(one.get("verified", False) for one in content["diagnosis"])


def test_every_element_that_is_told_has_a_target_or_none():
    elements = fhir_elements()
    assert len(elements.types) >= 140
    assert set(elements.targets) <= elements.types
    assert elements.targets["Patient"]["name"] is None
    assert elements.targets["Patient"]["gender"] == "patients.sex"


def test_depth_is_counted_outside_of_strings_only():
    assert not too_deep(b"[" * DEEPEST + b"]" * DEEPEST)
    assert too_deep(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))
    assert not too_deep(b'["' + b"[" * 500 + b'"]')
    assert not too_deep(b'["\\"' + b"[" * 500 + b'\\\\"]')
    assert not too_deep(b"[]" * 500)
    # One string across the 16 MB in which the text is looked at, and an escape at the very seam.
    seam = b'["' + b"a" * ((1 << 24) - 3) + b'\\"' + b"[" * 500 + b'"]'
    assert not too_deep(seam)
    assert too_deep(seam + b"[" * 150)


def test_numbers_stay_as_they_were_written():
    value = Parser().whole('{"a": 54.0, "b": 007e0}'.replace("007e0", "1e2"))
    assert value == {"a": "54.0", "b": "1e2"}


@pytest.mark.parametrize("text", ["", "{", '{"a" 1}', "[1, 2", "zqxcanary", '{"a": 1}}'])
def test_what_is_no_json_is_a_flaw_without_the_text(text):
    with pytest.raises(Flaw) as caught:
        Parser().whole(text)
    assert caught.value.rule == "not_json"
    assert caught.value.__context__ is None


def test_a_patient_of_one_export_is_not_remembered_in_the_next(read):
    assert len(read(patient("kx-75")).cohort.patients) == 3
    assert len(read().cohort.patients) == 2
