"""Names that may mean two things: neither is guessed, and both are told."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest

from ketaoutcomes.readers.mapping import parse_mapping
from ketaoutcomes.readers.redcap import read_redcap
from ketaoutcomes.readers.suggest import Suggestion, suggest

FIELDS = ["field_name", "form_name", "field_type", "field_label", "choices", "validation"]
SESSIONS = {
    "patient_id": ["P1", "P1", "P2"],
    "date": ["2031-03-04", "2031-03-06", "2031-03-05"],
    "route": ["IV", "IV", "IM"],
}
ONE_ROW = {"patient_id": ["P1", "P2", "P3"]}
SEVERITY = "1, Mild | 2, Moderate | 3, Severe"


def _suggest(columns: dict[str, list[str]], *, kind: str = "spreadsheet", fields=()) -> Suggestion:
    padded = [(*one, *[""] * (len(FIELDS) - len(one))) for one in fields]
    dictionary = pd.DataFrame(padded, columns=FIELDS, dtype="str") if fields else None
    found = suggest(pd.DataFrame(columns, dtype="str"), kind=kind, dictionary=dictionary)
    assert sorted([*found.placed["column"], *found.not_placed["column"]]) == sorted(columns)
    assert tomllib.loads(found.toml) == found.mapping
    if "rows" in found.mapping:
        parse_mapping(found.mapping)
    return found


def _blocks(found: Suggestion, table: str) -> list[dict]:
    return [block for block in found.mapping.get("rows", []) if block["table"] == table]


def _why(found: Suggestion, column: str) -> str:
    return found.not_placed.set_index("column").loc[column, "reason"]


def _form_of_side_effects() -> Suggestion:
    columns = {
        "record_id": ["R1", "R1"],
        "redcap_repeat_instrument": ["infusion", "adverse_events"],
        "redcap_repeat_instance": ["1", "1"],
        "inf_date": ["2031-03-04", ""],
        "inf_route": ["IV", ""],
        "ae_term": ["", "nausea"],
        "ae_date": ["", "2031-03-04"],
        "ae_sev": ["", "2"],
        "ae_related": ["", "1"],
        "ae_ongoing": ["", "0"],
    }
    fields = [
        ("record_id", "infusion", "text"),
        ("inf_date", "infusion", "text", "", "", "date_ymd"),
        ("inf_route", "infusion", "text"),
        ("ae_term", "adverse_events", "text"),
        ("ae_date", "adverse_events", "text", "", "", "date_ymd"),
        ("ae_sev", "adverse_events", "radio", "Severity", SEVERITY),
        ("ae_related", "adverse_events", "yesno", "Related?"),
        ("ae_ongoing", "adverse_events", "yesno", "Ongoing?"),
    ]
    return _suggest(columns, kind="redcap", fields=fields)


def test_a_form_of_side_effects_gives_the_term_with_its_severity():
    found = _form_of_side_effects()
    (block,) = _blocks(found, "side_effects")
    assert block["columns"] == {"effect": "ae_term", "severity": "ae_sev", "moment": "ae_date"}
    codes = {code: block["values"]["severity"][code] for code in "123"}
    assert codes == {"1": "mild", "2": "moderate", "3": "severe"}
    assert "checkboxes" not in block
    assert "constants" not in block


def test_related_and_ongoing_are_no_side_effects():
    found = _form_of_side_effects()
    assert "its name is none that is known" in _why(found, "ae_related")
    assert "with yes and no exchanged" in _why(found, "ae_ongoing")


def test_one_severity_beside_several_boxes_grades_none_of_them():
    columns = SESSIONS | {
        "se_nausea": ["yes", "no", "no"],
        "se_headache": ["no", "no", "yes"],
        "se_sev": ["mild", "", "severe"],
    }
    found = _suggest(columns)
    (block,) = _blocks(found, "side_effects")
    assert block["checkboxes"] == {"se_nausea": "nausea", "se_headache": "headache"}
    assert "no column beside it tells of which" in _why(found, "se_sev")


def test_a_time_after_a_session_is_not_counted_from_the_first():
    found = _suggest(SESSIONS | {"phq9_24h": ["9", "8", "7"], "qids_d7": ["6", "5", "4"]})
    assert _blocks(found, "scores") == []
    assert "24 hours are counted from the session of the row" in _why(found, "phq9_24h")
    assert "7 days are counted from the session of the row" in _why(found, "qids_d7")
    assert '# columns = { score = "phq9_24h", taken = "..." }' in found.toml.splitlines()


def test_a_time_in_a_patients_only_row_is_counted_from_the_first_session():
    found = _suggest(ONE_ROW | {"phq9_24h": ["9", "8", "7"], "qids_d7": ["6", "5", "4"]})
    assert [block["constants"]["day"] for block in _blocks(found, "scores")] == ["1", "7"]


@pytest.mark.parametrize("name", ["madrs_24h", "MADRS-24h", "madrs_24h_total", "MADRS 24 hour"])
@pytest.mark.parametrize("rows", [SESSIONS, ONE_ROW], ids=["sessions", "patients"])
def test_a_recall_form_and_a_time_of_the_same_name_are_both_told(rows, name):
    found = _suggest(rows | {"madrs_total": ["30", "28", "27"], name: ["20", "15", "12"]})
    assert "MADRS-24h or MADRS 24 hours after a session" in _why(found, name)
    key = f'"{name}"'
    assert f'# columns = {{ score = {key}, taken = "..." }}' in found.toml.splitlines()
    assert '# constants = { instrument = "..." }' in found.toml.splitlines()


def test_a_recall_form_that_says_so_or_has_another_time_is_itself():
    found = _suggest(ONE_ROW | {"madrs_24_hour_recall_d7": ["9", "8", "7"], "madrs_24h_d14": ["6", "5", "4"]})
    assert [block["constants"] for block in _blocks(found, "scores")] == [
        {"instrument": "MADRS-24h", "day": "7"},
        {"instrument": "MADRS-24h", "day": "14"},
    ]


def test_an_own_date_stays_where_the_instrument_is_unclear():
    found = _suggest(ONE_ROW | {"madrs_24h": ["9", "8", "7"], "madrs_24h_date": SESSIONS["date"]})
    assert '# columns = { score = "madrs_24h", taken = "madrs_24h_date" }' in found.toml.splitlines()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("madrs_10", "item 10 of MADRS or MADRS at session, day, week or minute 10"),
        ("cadss_20", "item 20 of CADSS or CADSS at session, day, week or minute 20"),
        ("cadss_40", "it may be CADSS at session, day, week or minute 40"),
        ("madrs_24", "MADRS-24h or MADRS at session, day, week or minute 24"),
    ],
)
def test_a_lone_number_is_told_with_what_it_may_be(name, told):
    found = _suggest(SESSIONS | {"gad7_total": ["3", "4", "5"], name: ["4", "3", "2"]})
    assert told in _why(found, name)
    assert [block["columns"]["score"] for block in _blocks(found, "scores")] == ["gad7_total"]


def test_an_item_word_makes_a_lone_number_an_item():
    names = {"madrs_item_10": "i10", "madrs_q2": "i2", "madrs_i4": "i4"}
    found = _suggest(SESSIONS | {key: ["4", "3", "2"] for key in names})
    (block,) = _blocks(found, "scores")
    assert {block["columns"][item]: item for item in names.values()} == names


def test_numbers_on_the_sheet_of_an_instrument_are_items_where_most_stand():
    numbers = {str(n): ["1", "2", "0"] for n in range(1, 24)}
    sheets = {"CADSS": pd.DataFrame(SESSIONS | numbers, dtype="str").drop(columns="route")}
    (block,) = _blocks(suggest(sheets), "scores")
    assert block["columns"] == {f"i{n}": str(n) for n in range(1, 24)} | {"taken": "date"}


def test_hr_beside_monitoring_may_be_heart_rate():
    found = _suggest(SESSIONS | {"monitoring_hr": ["72", "40", "36"], "observed_h": ["120", "100", "90"]})
    assert "hr may be hours or a heart rate" in _why(found, "monitoring_hr")
    # 90 hours are more than the two days for which anybody is watched.
    assert _why(found, "observed_h") == (
        "its name is that of sessions.monitored_minutes, and its cells are not"
    )


def test_hours_watched_are_minutes_where_the_cells_can_be_hours():
    found = _suggest(SESSIONS | {"monitored_hrs": ["2", "2", "1.5"]})
    assert _blocks(found, "sessions")[0]["multiply"] == {"monitored_minutes": 60.0}


def test_instances_that_restart_in_each_event_number_no_sessions(tmp_path):
    columns = {
        "record_id": ["R1"] * 4,
        "redcap_event_name": ["first_arm_1", "first_arm_1", "later_arm_1", "later_arm_1"],
        "redcap_repeat_instrument": ["infusion", "infusion", "infusion", "adverse_events"],
        "redcap_repeat_instance": ["1", "2", "1", "1"],
        "inf_date": ["2031-03-04", "2031-03-06", "2031-04-06", ""],
        "inf_route": ["IV", "IV", "IV", ""],
        "infusion_complete": ["2", "2", "2", ""],
        "ae_term": ["", "", "", "nausea"],
        "ae_date": ["", "", "", "2031-04-06"],
        "adverse_events_complete": ["", "", "", "2"],
    }
    found = _suggest(columns, kind="redcap")
    (block,) = _blocks(found, "sessions")
    assert block["columns"] == {"start": "inf_date", "route": "inf_route"}
    assert "begin anew in each event" in found.toml
    assert "numbered by time" in found.toml
    path = tmp_path / "export.csv"
    pd.DataFrame(columns, dtype="str").to_csv(path, index=False)
    cohort = read_redcap(path, mapping=found.mapping)
    # By hand: the third session is the one of April, on whose day the nausea was.
    assert cohort.sessions["session"].tolist() == [1, 2, 3]
    assert cohort.side_effects[["session", "effect"]].values.tolist() == [[3, "nausea"]]


def test_instances_that_go_on_over_events_number_the_sessions():
    columns = {
        "record_id": ["R1"] * 3,
        "redcap_event_name": ["first_arm_1", "first_arm_1", "later_arm_1"],
        "redcap_repeat_instrument": ["infusion"] * 3,
        "redcap_repeat_instance": ["1", "2", "3"],
        "inf_date": ["2031-03-04", "2031-03-06", "2031-04-06"],
        "inf_route": ["IV", "IV", "IV"],
        "infusion_complete": ["2", "2", "2"],
    }
    (block,) = _blocks(_suggest(columns, kind="redcap"), "sessions")
    assert block["columns"]["session"] == "redcap_repeat_instance"
