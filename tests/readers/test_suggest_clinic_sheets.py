"""Suggestions for sheets as clinics keep them: groups above the header, footers, one row per patient."""

from __future__ import annotations

import openpyxl
import pandas as pd
import pytest

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.readers.mapping import parse_mapping
from ketaoutcomes.readers.spreadsheet import read_spreadsheet
from ketaoutcomes.readers.suggest import Suggestion, suggest
from ketaoutcomes.readers.suggest_file import suggest_file

N = 10
CODES = [f"K{n:03d}" for n in range(N)]
DATES = [f"2031-03-{n + 1:02d}" for n in range(N)]
SCORES = [str(n + 3) for n in range(N)]
VISITS = {
    "patient_id": [code for code in CODES[:5] for _ in "ab"],
    "date": DATES,
    "route": ["IV"] * N,
}
WIDE = {
    "Patient ID": CODES,
    "Date of first infusion": DATES,
    "route": ["IV", "IM"] * 5,
    "PHQ9 D14": SCORES,
    "BP pre": ["120/80"] * N,
    "BP 40min": ["140/90"] * N,
    "nausea Y/N": ["Y", "N"] * 5,
}


def _suggest(columns: dict[str, list[str]], *, kind: str = "spreadsheet") -> Suggestion:
    found = suggest(pd.DataFrame(columns, dtype="str"), kind=kind)
    if "rows" in found.mapping:
        parse_mapping(found.mapping)
    return found


def _blocks(found: Suggestion, table: str) -> list[dict]:
    return [block for block in found.mapping.get("rows", []) if block["table"] == table]


def _why(found: Suggestion, column: str) -> str:
    return found.not_placed.set_index("column").loc[column, "reason"]


def _workbook(tmp_path, rows):
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    path = tmp_path / "tracker.xlsx"
    workbook.save(path)
    return path


def _table(columns: dict[str, list]) -> list[list]:
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


@pytest.mark.parametrize("name", ["USUBJID", "SUBJID", "Patient ID"])
def test_the_code_of_the_study_is_not_the_patients(name):
    columns = {"STUDYID": ["KET01"] * N, name: VISITS["patient_id"]} | VISITS
    del columns["patient_id"]
    found = _suggest(columns)
    assert found.mapping["patient"]["id"] == name
    assert "the same in all rows" in _why(found, "STUDYID")


def test_usubjid_goes_before_a_study_id_that_differs():
    columns = {"STUDYID": ["KET01", "KET02"] * 5, "USUBJID": VISITS["patient_id"]} | VISITS
    del columns["patient_id"]
    assert _suggest(columns).mapping["patient"]["id"] == "USUBJID"


def test_an_id_that_is_the_same_in_all_rows_is_none():
    found = _suggest({"STUDYID": ["KET01"] * N, "date": DATES, "route": ["IV"] * N})
    assert "patient" in found.mapping
    assert "id" not in found.mapping["patient"]
    assert "the same in all rows" in _why(found, "STUDYID")
    assert "KET01" not in found.toml + found.summary()


def test_the_id_of_one_row_is_an_id():
    found = _suggest({"patient_id": ["K1"], "date": DATES[:1], "route": ["IV"]})
    assert found.mapping["patient"]["id"] == "patient_id"


def test_a_footer_in_the_column_of_the_id_leaves_it_the_id():
    columns = {name: [*cells, ""] for name, cells in WIDE.items()}
    columns["Patient ID"][-1] = "Mean"
    found = _suggest(columns)
    assert found.mapping["patient"]["id"] == "Patient ID"
    assert len(found.placed) == 6  # all of WIDE but "BP pre", whose minute is not known
    assert "1 of 11 cells of the patient's code" in found.toml
    assert "1 of 11 cells of the patient's code" in found.summary()
    assert "Mean" not in found.toml + found.summary()


def test_names_in_most_cells_of_the_id_are_refused_as_before():
    names = ["Anna Reed", "Bob Stone", "Carla Diaz", "Dan Moore", "Eve Long"]
    found = _suggest(WIDE | {"Patient ID": [*names, *CODES[:5]]})
    assert "id" not in found.mapping["patient"]
    assert "looks like names" in _why(found, "Patient ID")


def test_the_header_is_the_fullest_row_of_words_below_groups(tmp_path):
    groups = [None, None, None, "PHQ-9", "Vitals session 1"]
    path = _workbook(tmp_path, [["Clinic tracker"], groups, *_table(WIDE)])
    found = suggest_file(path)
    assert found.mapping["patient"]["id"] == "Patient ID"
    assert "row 3 is taken as the header" in found.toml
    assert "row 3 is taken as the header" in found.summary()
    cohort = read_spreadsheet(path, found.mapping)
    # By hand: ten patients, one session each; the title and the groups are no rows.
    assert len(cohort.sessions) == N
    assert cohort.sources["n_read"].tolist() == [N]


def test_a_header_in_the_first_row_needs_no_remark(tmp_path):
    found = suggest_file(_workbook(tmp_path, _table(WIDE)))
    assert "taken as the header" not in found.toml


def test_rows_of_words_are_no_header_where_they_come_again_or_are_fewer(tmp_path):
    # The third column has no name, and the rows are words alone and fuller than the header.
    rows = [["patient_id", "route", None], *[[f"{letter}x", "IV", "calm"] for letter in "abcdefghijkl"]]
    notes = {"patient": {"id": "patient_id"}, "rows": [SESSIONS_AT_0]}
    assert read_spreadsheet(_workbook(tmp_path, rows), notes).sources["n_read"].tolist() == [12]


SESSIONS_AT_0 = {"table": "sessions", "columns": {"route": "route"}, "constants": {"hour": "0"}}


def test_a_row_that_names_the_code_is_the_header_however_full_the_rows_below(tmp_path):
    path = _workbook(tmp_path, [["patient_id", "route"], ["K1", "IV", "ZEBRAFISH"], ["K2", "IM", "QUOKKA"]])
    found = suggest_file(path)
    assert found.mapping["patient"]["id"] == "patient_id"
    assert "ZEBRAFISH" not in found.toml


def test_the_row_that_is_given_as_header_stays_it(tmp_path):
    rows = [["who", "route"], ["K1", "IV"], ["K2", "IM", "three"]]
    mapping = {"patient": {"id": "who"}, "rows": [SESSIONS_AT_0]}
    cohort = read_spreadsheet(_workbook(tmp_path, rows), mapping, header=1)
    assert cohort.sources["n_read"].tolist() == [2]


def test_no_message_tells_of_a_column_without_a_name(tmp_path):
    rows = [["patient_id", "hour", "route", "PHQ9", None]]
    rows += [[code, n, "IV", n, pd.Timestamp(DATES[n]) if n else "later"] for n, code in enumerate(CODES)]
    mapping = {
        "patient": {"id": "patient_id"},
        "rows": [{"table": "sessions", "columns": {"hour": "hour", "route": "route"}}],
    }
    mapping["rows"][0]["columns"]["mood"] = "column number 5"
    mapping["cohort"] = {"deidentification": "limited-data-set"}
    from ketaoutcomes.readers.spreadsheet import spreadsheet_export

    told = "\n".join(map(str, spreadsheet_export(_workbook(tmp_path, rows), mapping).notes))
    assert "dates stored as dates beside words" in told
    assert "column ''" not in told
    assert "column 'column number 5'" in told


@pytest.mark.parametrize(
    "name",
    [
        "Date of first infusion",
        "first session date",
        "1st infusion date",
        "start of treatment",
        "infusion date",
        "treatment date",
    ],
)
def test_a_patients_one_row_has_its_first_session(name):
    columns = {key.replace("Date of first infusion", name): cells for key, cells in WIDE.items()}
    found = _suggest(columns)
    (sessions,) = _blocks(found, "sessions")
    assert sessions["columns"]["start"] == name
    assert found.mapping["cohort"]["deidentification"] == "limited-data-set"


def test_the_first_infusion_is_not_the_start_beside_the_sessions_own_date():
    found = _suggest(WIDE | {"session date": DATES})
    assert _blocks(found, "sessions")[0]["columns"]["start"] == "session date"


def test_the_first_infusion_is_not_the_start_of_each_of_several_rows():
    found = _suggest({"patient_id": VISITS["patient_id"], "first infusion date": DATES, "route": ["IV"] * N})
    assert not _blocks(found, "sessions")


def test_readings_of_the_sessions_own_row_ask_for_no_session():
    found = _suggest(WIDE)
    (vitals,) = _blocks(found, "vitals")
    assert vitals["columns"] == {"sbp/dbp": "BP 40min"}
    assert vitals["constants"] == {"minute": "40"}
    without = _suggest({name: cells for name, cells in WIDE.items() if "infusion" not in name})
    for text in (found.toml, without.toml):
        assert "which session a row belongs to" not in text
        assert 'session = "..."' not in text


@pytest.mark.parametrize("name", ["nausea Y/N", "Nausea (Y/N)", "nausea yes/no", "SE nausea (yes/no)"])
def test_yes_and_no_in_a_name_are_no_part_of_the_effect(name):
    columns = {key.replace("nausea Y/N", name): cells for key, cells in WIDE.items()}
    (block,) = _blocks(_suggest(columns), "side_effects")
    assert block["checkboxes"] == {name: "nausea"}


@pytest.mark.parametrize("zone", ["New York", "ET", "UTC-5", "america/new_york", "America/NewYork"])
def test_a_zone_that_is_none_is_refused_at_once_with_the_one_meant(tmp_path, zone):
    with pytest.raises(ConfigError, match="did you mean 'America/New_York'"):
        suggest_file(tmp_path / "not_there.xlsx", timezone=zone)


def test_a_zone_like_none_is_refused_with_an_example(tmp_path):
    with pytest.raises(ConfigError, match="IANA time zone"):
        suggest_file(tmp_path / "not_there.xlsx", timezone="qqqqqq")


def test_a_zone_is_taken_as_it_is(tmp_path):
    found = suggest_file(_workbook(tmp_path, _table(WIDE)), timezone="Europe/Berlin")
    assert found.mapping["cohort"]["timezone"] == "Europe/Berlin"


def test_an_id_of_record_numbers_needs_a_key():
    found = _suggest(
        {"mrn" if name == "patient_id" else name: cells for name, cells in VISITS.items()}, kind="redcap"
    )
    assert found.mapping["patient"]["id"] == "mrn"
    assert "--key" in found.toml
    assert "--key" not in _suggest(VISITS, kind="redcap").toml


def test_words_of_side_effects_beside_ticks_of_the_same_wait_for_a_choice():
    ticks = {"Nausea": ["Y", "N"] * 5, "Headache": ["N", "N", "Y", "N", "N"] * 2}
    words = {"Side effects": ["nausea", "none", "dizzy, nausea", "", "headache"] * 2}
    found = _suggest(VISITS | words | ticks)
    (block,) = _blocks(found, "side_effects")
    assert block["checkboxes"] == {"Nausea": "nausea", "Headache": "headache"}
    assert "one of the two" in _why(found, "Side effects")
    assert '# columns = { effect = "Side effects" }' in found.toml.splitlines()


def test_words_of_other_side_effects_than_the_ticks_are_placed_too():
    ticks = {"Nausea": ["Y", "N"] * 5}
    found = _suggest(VISITS | {"Side effects": ["headache", "none", "", "dizziness", ""] * 2} | ticks)
    blocks = _blocks(found, "side_effects")
    assert [sorted(block) for block in blocks] == [["columns", "table"], ["checkboxes", "table"]]
