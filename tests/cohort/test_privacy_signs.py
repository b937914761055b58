"""Signs that hide an identifier, dates as numbers, patterns that must not take for ever, and the settings."""

from __future__ import annotations

import json
import time

import pandas as pd
import pytest

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.notebook_code import code_pieces
from ketaoutcomes.cohort.notebook_scan import scan_notebook
from ketaoutcomes.cohort.privacy import scan_columns, scan_settings, scan_values
from ketaoutcomes.cohort.privacy_cells import all_classes_of_texts, classes_of_texts
from ketaoutcomes.cohort.settings import make_settings
from ketaoutcomes.errors import PrivacyError

SENTENCE = "Patient identifiers are never shown in this report (see the manual)"


def _rules(name: str, cells: list[str]) -> list[str]:
    frame = pd.DataFrame({name: pd.array(cells, dtype="str")})
    return [one.rule.removeprefix("identifier:") for one in scan_values("patients", frame)]


def test_a_long_sentence_beside_a_telling_name_is_harmless_and_takes_no_time():
    begun = time.perf_counter()
    for text in (SENTENCE, "Aa " + "a" * 5_000 + "!", "A " * 5_000 + "!"):
        assert code_pieces(f"patient_name = {text!r}").named == []
    assert time.perf_counter() - begun < 2
    assert code_pieces("patient_name = 'Xaver Quill'").named == ["A"]
    assert code_pieces("patient_name = 'Xaver Quill, Yara Zorn, Vito Wend, Uma Tarn'").named == ["A"]


@pytest.mark.parametrize("text", ["0" + "1" * 150 + "!", "ab" + "." * 190 + "!", "a^" * 99, "A" * 190 + "^1"])
def test_cells_made_to_take_for_ever_take_no_time(text):
    begun = time.perf_counter()
    classes_of_texts([text], "safe-harbor")
    assert time.perf_counter() - begun < 2


# 212-555-0187 and j@example.org are the planted numbers of other tests, with signs between that show nothing.
@pytest.mark.parametrize(
    ("letter", "text"),
    [
        ("D", "212\u2066-555-\u20690187"),
        ("D", "٢١٢-٥٥٥-٠١٨٧"),
        ("D", "२१२-५५५-०१८७"),
        ("F", "j@\u034fexample.org"),
        ("F", "j@exa\ufe0fmple.org"),
        ("F", "j@exa\U000e0061mple.org"),
        ("F", "j@\x1b[31mexample.org"),
        ("F", "j@exam\u180eple.org"),
        ("A", "DOE^JANE"),
        ("A", "QUILL^JANE^A^^DR"),
        ("A", "Quill/Jane"),
        ("A", "Jane/Quill"),
    ],
)
def test_signs_that_show_nothing_or_part_names_hide_nothing(letter, text):
    assert _rules("covariate", [*["yes", "no"] * 9, text]) == [letter]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("\x1b[31mnotes", "identifier:free_text"),
        ("na\u2060me", "identifier:A"),
        ("fa\u034fx", "identifier:E"),
        ("s\ufe0fsn", "identifier:G"),
        ("zip٥", "identifier:B"),
    ],
)
def test_signs_in_a_header_hide_nothing(name, rule):
    assert [one.rule for one in scan_columns("patients", [name])] == [rule]


def test_days_since_1970_under_a_header_of_time_are_dates():
    days = [str(19791 + n) for n in range(40)]  # 2024-03-09 is day 19,791 of R's as.numeric(Date)
    assert _rules("admitted", days) == ["C"]
    assert _rules("steps", days) == []


@pytest.mark.parametrize("name", ["idade", "alder", "ålder", "eta_anni"])
def test_ages_over_90_are_told_under_headers_of_other_languages(name):
    assert _rules(name, ["93", "34"]) == ["C"]
    assert _rules(name, ["90", "34"]) == []


def test_all_classes_of_one_text_are_told():
    text = "call 212-555-0187 or j@example.org, MRN: 00123456"
    assert all_classes_of_texts([text, "felt well", "j@example.org"], "safe-harbor") == [
        frozenset("DFH"),
        frozenset(),
        frozenset("F"),
    ]


@pytest.mark.parametrize(
    "text", ["patient 4471923 had score 12", "Patient 4471923 came late", "record no. 4471923"]
)
def test_a_long_number_beside_the_word_patient_is_a_record_number(text):
    assert classes_of_texts([text], "safe-harbor") == ["H"]


@pytest.mark.parametrize("text", ["patient 12 of 40", "patients 1000000", "patient P0001", "record 2024"])
def test_counts_and_codes_beside_the_word_patient_are_not(text):
    assert classes_of_texts([text], "safe-harbor") == [None]


MAIL = "j@example.org"


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {MAIL: 1}},
        {"metadata": {"x": "a " * 1500 + MAIL}},
        {"source": "1", "input": MAIL},
        {"id": MAIL},
        {"outputs": [{"data": {"text/html": f'<i data-p="{MAIL}">x</i>'}}]},
        {"outputs": [{"data": {"text/html": f'<a href="data:text/csv,{MAIL}">x</a>'}}]},
        {"outputs": [{"data": {"text/html": '<a href="data:text/csv;base64,akBleGFtcGxlLm9yZw==">x</a>'}}]},
        {"outputs": [{"data": {"image/svg+xml": f'<svg><text data-x="{MAIL}">x</text></svg>'}}]},
        {"outputs": [{"data": {"application/json": {MAIL: 1}}}]},
        {"attachments": {f"{MAIL}.png": {"image/png": "aa"}}},
    ],
)
def test_every_corner_of_a_notebook_is_looked_at(tmp_path, change):
    cell = {"cell_type": "code", "metadata": {}, "source": "x = 1", "outputs": []} | change
    path = tmp_path / "report.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
    result = scan_notebook(path)
    assert "identifier:F" in set(result.problems["rule"])
    assert MAIL not in result.summary()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"execution_count": 2125550187}, "identifier:D"),
        ({"outputs": [{"data": {"application/json": {"x": [2125550187.0]}}}]}, "identifier:D"),
        ({"attachments": {"jane doe.png": {"image/png": "aa"}}}, "identifier:A"),
        ({"outputs": [{"output_type": "stream", "text": "Patient 4471923 came late\n"}]}, "identifier:H"),
    ],
)
def test_numbers_and_names_in_a_notebook_are_looked_at(tmp_path, change, rule):
    cell = {"cell_type": "code", "metadata": {}, "source": "x = 1", "outputs": []} | change
    path = tmp_path / "report.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
    found = scan_notebook(path).problems
    assert rule in set(found.loc[found["severity"] == "privacy", "rule"])


def test_names_of_programs_in_a_notebook_are_no_codes(tmp_path):
    cell = {"cell_type": "code", "metadata": {}, "source": "x", "id": "550e8400-e29b-41d4-a716-446655440000"}
    widgets = {"d41d8cd98f00b204e9800998ecf8427e": {"model": "layout"}}
    path = tmp_path / "report.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {"widgets": widgets}, "nbformat": 4}))
    assert scan_notebook(path).problems.empty


def test_the_texts_of_the_settings_are_looked_at():
    bad = make_settings({"name": "Jane Doe", "side_effect_names": {"dissociation": ["j@example.org"]}})
    assert [one.rule for one in scan_settings(bad)] == ["identifier:A", "identifier:F"]
    assert "Jane" not in str(scan_settings(bad)[0])
    good = make_settings({"name": "Grace Clinic", "side_effect_names": {"dissociation": ["spacey"]}})
    assert scan_settings(good) == []


def test_a_folder_whose_settings_name_a_person_is_refused(tmp_path, sample):
    for path in sample.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    toml = (tmp_path / "cohort.toml").read_text(encoding="utf-8")
    kept = [line for line in toml.splitlines() if not line.startswith("name")]
    (tmp_path / "cohort.toml").write_text("\n".join(['name = "MRN 00123456"', *kept]), encoding="utf-8")
    result = check(tmp_path)
    assert "identifier:H" in set(result.problems["rule"])
    assert result.exit_code == PrivacyError.exit_code == 11
    assert "00123456" not in result.summary()
