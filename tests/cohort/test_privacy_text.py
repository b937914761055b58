"""Identifiers between words are told under their class, and what only looks like one is not."""

from __future__ import annotations

import pandas as pd
import pytest
from cohort.planted_identifiers import NOT_IN_PROSE, VALUES

from ketaoutcomes.cohort.privacy import scan_columns, scan_name, scan_values
from ketaoutcomes.cohort.privacy_cells import classes_of_texts

PROSE = (
    "She wrote that {} is the one to use, and felt calm.",
    "Patient gave {}.",
    "seen twice ({}) and then at home",
    "see {}",
    "{}, as her husband said",
)
SAID = [
    (letter, value)
    for letter, values in VALUES.items()
    if letter != "free_text"
    for value in values
    if value not in NOT_IN_PROSE
]


def _rules(cell: str, level: str = "safe-harbor", column: str = "covariate") -> list[str]:
    frame = pd.DataFrame({column: pd.array([*["yes", "no"] * 15, cell], dtype="str")})
    return [
        problem.rule.removeprefix("identifier:") for problem in scan_values("patients", frame, level=level)
    ]


@pytest.mark.parametrize(("letter", "value"), SAID)
def test_an_identifier_within_a_sentence_is_told_under_its_class(letter, value):
    for prose in PROSE:
        assert _rules(prose.format(value)) == [letter], prose


@pytest.mark.parametrize(("letter", "value"), [one for one in SAID if one[0] != "C"])
def test_beside_a_date_it_is_found_in_a_limited_data_set_too(letter, value):
    assert letter in _rules(f"on 2024-03-09 she gave {value} to us", "limited-data-set")


@pytest.mark.parametrize(
    "text",
    [
        "venlafaxine 75 mg, 2 per day",
        "dose 200-1000 mg as needed",
        "vitamin B12 5MG daily",
        "score 12.5 (95 % limits 1.2345, 2.3456)",
        "NCT02133001 arm B",
        "ratio 1/2 to 3/4",
        "ICD-10 F33.2, DSM 296.33",
        "120/80 at rest",
        "version 2.10.3 of the form",
        "10:15:30 on the clock",
        "items 1-9 and 10-20",
        "370143000 |Major depressive disorder|",
        "1,000,000,000 units",
        "lot A1 and B22",
        "pain@rest 4",
        "moved away, no answer",
    ],
)
@pytest.mark.parametrize("level", ["safe-harbor", "limited-data-set"])
def test_harmless_words_with_numbers_are_let_through(text, level):
    assert _rules(text, level) == []


@pytest.mark.parametrize(
    ("letter", "text"),
    [
        ("G", "says 078051120 was hers"),
        ("D", "call at 2125550187 after six"),
        ("J", "paid with 4111111111111111 at once"),
        ("R", "the file 555123098765 was sent"),
        ("O", "logged in from 10.0.0.1."),
        ("O", "first 1.2.3.400, then 10.0.0.1, at home"),
        ("G", "not 000-12-3456, 219-09-9999"),
        ("J", "DE89 3704 0044 0532 0130 00 AND no other"),
        ("C", "batch 20240309 was used"),
    ],
)
def test_long_numbers_and_second_candidates_within_words_are_seen(letter, text):
    assert _rules(text) == [letter]


def test_dates_of_a_limited_data_set_are_not_taken_for_codes_of_ones_own():
    days = [f"{year}-{month:02d}-01" for year in (2024, 2025) for month in range(1, 13)]
    frame = pd.DataFrame({"visited": pd.array(days, dtype="str")})
    assert scan_values("monthly", frame, level="limited-data-set") == []
    assert [one.rule for one in scan_values("monthly", frame)] == ["identifier:C"]
    coded = pd.DataFrame({"link": pd.array([f"{day}x{n}" for n, day in enumerate(days)], dtype="str")})
    assert [one.rule for one in scan_values("monthly", coded, level="limited-data-set")] == ["identifier:R"]


def test_a_column_whose_name_is_a_cell_is_told_by_position_with_its_cells_too():
    frame = pd.DataFrame(
        {"arm": ["a", "b"], "jane.doe@example.org": pd.array(["212-555-0187", "x"], dtype="str")}
    )
    told = scan_values("patients", frame)
    assert [(one.column, one.rule, one.n_rows) for one in told] == [(None, "identifier:D", 1)]
    assert "column number 2" in str(told[0])
    assert "jane" not in str(told[0])


@pytest.mark.parametrize("name", ["2125550187", "078051120", "4111111111111111", "555123098765", "20240309"])
def test_a_bare_number_as_a_heading_or_a_file_name_is_told_by_position(name):
    assert [one.column for one in scan_columns("patients", [name])] == [None]
    assert len(scan_name("file", f"{name}.csv")) == 1


@pytest.mark.parametrize(
    "name",
    [
        "adam_adsl.csv",
        "adam_adae",
        "ADaM_ADTTE.xpt",
        "sdtm_dm.csv",
        "phq9_items.csv",
        "export_v2.csv",
        "2024",
    ],
)
def test_names_of_data_sets_are_not_names_of_persons(name):
    assert scan_name("file", name) == []


@pytest.mark.parametrize("name", ["adam_smith.csv", "Adam Adler.xlsx", "adam_quill"])
def test_somebody_called_adam_still_is(name):
    assert [one.rule for one in scan_name("file", name)] == ["identifier:A"]


def test_the_trial_of_sdtm_is_no_code_of_a_person_and_the_subject_is():
    assert scan_columns("dm", ["STUDYID"]) == []
    assert [one.rule for one in scan_columns("dm", ["study_id", "USUBJID", "SUBJID"])] == ["identifier:R"] * 3


def test_texts_are_classed_one_by_one_in_their_order():
    texts = ["two words", "j@example.org", "", "see 2024-03-09", "SSN 078-05-1120", "j@example.org"]
    assert classes_of_texts(texts, "safe-harbor") == [None, "F", None, "C", "G", "F"]
    assert classes_of_texts(texts, "limited-data-set") == [None, "F", None, None, "G", "F"]
    assert classes_of_texts([], "safe-harbor") == []
