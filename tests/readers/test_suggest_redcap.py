"""REDCap projects of several kinds: which rows and fields each form becomes."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest

from ketaoutcomes.readers.layout_redcap import DICTIONARY_FILE, EXPORT_FILE, write_redcap
from ketaoutcomes.readers.mapping import parse_mapping
from ketaoutcomes.readers.redcap import redcap_export, redcap_table
from ketaoutcomes.readers.suggest import Suggestion, suggest

FIELDS = ["field_name", "form_name", "field_type", "field_label", "choices", "validation", "identifier"]
REPEATING = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
ROUTES = "1, IV infusion | 2, Intramuscular | 3, Nasal spray"
SEVERITY = "0, None | 1, Mild | 2, Moderate | 3, Severe"


def _rows(*lines: str, header: str) -> pd.DataFrame:
    """A table of text: cells apart by blanks, a dot for a blank cell."""
    cells = [["" if cell == "." else cell.replace("_", " ") for cell in line.split()] for line in lines]
    return pd.DataFrame(cells, columns=header.split(), dtype="str")


def _dictionary(*fields: tuple[str, ...]) -> pd.DataFrame:
    padded = [(*field, *[""] * (len(FIELDS) - len(field))) for field in fields]
    return pd.DataFrame(padded, columns=FIELDS, dtype="str")


def _suggest(frame: pd.DataFrame, dictionary: pd.DataFrame | None = None) -> Suggestion:
    found = suggest(frame, kind="redcap", dictionary=dictionary)
    assert sorted([*found.placed["column"], *found.not_placed["column"]]) == sorted(frame.columns)
    assert tomllib.loads(found.toml) == found.mapping
    if "rows" in found.mapping:
        parse_mapping(found.mapping)
    return found


def _blocks(found: Suggestion, table: str) -> list[dict]:
    return [block for block in found.mapping.get("rows", []) if block["table"] == table]


def _why(found: Suggestion, column: str) -> str:
    return found.not_placed.set_index("column").loc[column, "reason"]


@pytest.fixture
def repeating() -> Suggestion:
    frame = _rows(
        "R1 . . 1 41 2 . . . . . . . . . . 2 .",
        "R1 session 1 . . . 2031-03-04_10:31 2 44 1 . . . . . . . 2",
        "R1 session 2 . . . 2031-03-06_10:31 1 45 0 . . . . . . . 2",
        "R1 phq9 1 . . . . . . . 2031-03-04 3 2 11 1 . . .",
        "R1 effect 1 . . . . . . . . . . . . 1 . .",
        header="record_id redcap_repeat_instrument redcap_repeat_instance sex_at_birth age smoke "
        "ses_start ses_route "
        "ses_dose_mg ses_escort phq9_date phq9_1 phq9_2 phq9_total phq9_timing se_session "
        "demographics_complete "
        "session_complete",
    )
    frame["se___1"], frame["se___2"], frame["se___99"] = "", "", ""
    frame.loc[4, ["se___1", "se___2", "se___99"]] = ["1", "0", "0"]
    frame["effect_complete"] = ["", "", "", "", "2"]
    dictionary = _dictionary(
        ("record_id", "demographics", "text", "Record"),
        ("sex_at_birth", "demographics", "radio", "Sex", "1, Female | 2, Male"),
        ("age", "demographics", "text", "Age", "", "integer"),
        ("smoke", "demographics", "radio", "Smokes", "1, Never | 2, Daily | -99, Refused"),
        ("ses_start", "session", "text", "Start", "", "datetime_ymd"),
        ("ses_route", "session", "radio", "Route", ROUTES),
        ("ses_dose_mg", "session", "text", "Dose", "", "number"),
        ("ses_escort", "session", "yesno", "Escort"),
        ("phq9_date", "phq9", "text", "Date", "", "date_ymd"),
        ("phq9_1", "phq9", "radio", "Item", "0, Not at all | 1, Several days | 2, Half | 3, Nearly"),
        ("phq9_2", "phq9", "radio", "Item", "0, Not at all | 1, Several days | 2, Half | 3, Nearly"),
        ("phq9_total", "phq9", "calc", "Total", "[phq9_1]+[phq9_2]"),
        (
            "phq9_timing",
            "phq9",
            "radio",
            "Timing",
            "1, Before the session | 2, After the session | 3, At home",
        ),
        ("se_session", "effect", "text", "Session", "", "integer"),
        ("se", "effect", "checkbox", "Side effects", "1, Nausea | 2, Headache | 99, None"),
    )
    frame["ses_start"] = frame["ses_start"].str.replace("_", " ")
    return _suggest(frame, dictionary)


def test_forms_that_repeat_take_their_own_rows(repeating):
    assert [block["when"] for block in _blocks(repeating, "sessions")] == [
        {"redcap_repeat_instrument": "session"}
    ]
    assert [block["when"] for block in _blocks(repeating, "scores")] == [{"redcap_repeat_instrument": "phq9"}]
    assert [block["when"] for block in _blocks(repeating, "patients")] == [{"redcap_repeat_instrument": ""}]
    assert [block["when"] for block in _blocks(repeating, "side_effects")] == [
        {"redcap_repeat_instrument": "effect"}
    ]


def test_a_session_form_without_a_number_is_numbered_by_its_instance(repeating):
    assert _blocks(repeating, "sessions")[0]["columns"] == {
        "start": "ses_start",
        "session": "redcap_repeat_instance",
        "route": "ses_route",
        "dose_mg": "ses_dose_mg",
        "escort": "ses_escort",
    }


def test_codes_of_choices_become_the_words_of_the_cohort(repeating):
    values = _blocks(repeating, "sessions")[0]["values"]
    assert values["escort"] == {"1": "yes", "0": "no"}
    # "IV infusion", "Intramuscular" and "Nasal spray" are known spellings of routes.
    assert {code: values["route"][code] for code in "123"} == {"1": "IV", "2": "IM", "3": "IN"}
    timing = _blocks(repeating, "scores")[0]["values"]["timing"]
    assert {code: timing[code] for code in "123"} == {"1": "pre", "2": "post", "3": "remote"}


def test_items_total_and_date_of_an_instrument_are_one_block(repeating):
    (block,) = _blocks(repeating, "scores")
    assert block["constants"] == {"instrument": "PHQ-9"}
    assert block["columns"] == {
        "score": "phq9_total",
        "i1": "phq9_1",
        "i2": "phq9_2",
        "timing": "phq9_timing",
        "taken": "phq9_date",
    }


def test_ticked_boxes_are_called_as_their_choices(repeating):
    (block,) = _blocks(repeating, "side_effects")
    assert block["checkboxes"] == {"se___1": "nausea", "se___2": "headache", "se___99": "none"}
    assert block["columns"] == {"session": "se_session"}
    # The box of "none" says it already.
    assert "asked" not in block


def test_further_fields_of_the_form_of_patients_stay_under_their_names(repeating):
    (block,) = _blocks(repeating, "patients")
    assert block["columns"] == {"age": "age", "sex_at_birth": "sex_at_birth", "smoke": "smoke"}
    assert block["values"]["smoke"] == {"1": "Never", "2": "Daily", "-99": "Refused"}


def test_a_code_for_no_answer_that_can_be_no_value_is_missing_everywhere(repeating):
    assert repeating.mapping["missing"] == ["-99"]


def test_clock_times_ask_for_a_zone(repeating):
    assert "timezone" not in repeating.mapping["cohort"]
    assert '# timezone = "America/New_York"  # needed' in repeating.toml


def test_events_tell_where_a_form_of_a_longitudinal_project_is():
    frame = _rows(
        "R1 baseline_arm_1 40 . .",
        "R1 visit_1_arm_1 . 2031-03-04 11",
        "R1 visit_2_arm_1 . 2031-03-09 7",
        header="record_id redcap_event_name age phq9_date phq9_total",
    )
    frame["redcap_event_name"] = frame["redcap_event_name"].str.replace(" ", "_")
    dictionary = _dictionary(
        ("record_id", "demographics", "text", "Record"),
        ("age", "demographics", "text", "Age", "", "integer"),
        ("phq9_date", "phq9", "text", "Date", "", "date_ymd"),
        ("phq9_total", "phq9", "text", "Total", "", "integer"),
    )
    found = _suggest(frame, dictionary)
    assert _blocks(found, "patients")[0]["when"] == {"redcap_event_name": "baseline_arm_1"}
    assert _blocks(found, "scores")[0]["when"] == {"redcap_event_name": ["visit_1_arm_1", "visit_2_arm_1"]}


def test_events_named_after_weeks_give_the_day_where_there_is_no_date():
    frame = _rows(
        "R1 baseline_arm_1 15",
        "R1 week_2_arm_1 11",
        "R1 week_4_arm_1 7",
        header="record_id redcap_event_name phq9_total",
    )
    frame["redcap_event_name"] = frame["redcap_event_name"].str.replace(" ", "_")
    found = _suggest(frame, _dictionary(("record_id", "a", "text"), ("phq9_total", "phq9", "calc")))
    # Weeks 2 and 4 are days 14 and 28; the day of the baseline is not known.
    assert [
        (block["when"]["redcap_event_name"], block["constants"]["day"]) for block in _blocks(found, "scores")
    ] == [
        ("week_2_arm_1", "14"),
        ("week_4_arm_1", "28"),
    ]
    assert '# when = { redcap_event_name = "baseline_arm_1" }' in found.toml
    assert found.mapping["cohort"] == {"deidentification": "safe-harbor"}


def test_an_event_per_session_numbers_the_sessions_and_ties_the_forms_of_its_row():
    frame = _rows(
        "R1 session_1_arm_1 2031-03-04 1 120 80 0 6",
        "R1 session_2_arm_1 2031-03-06 1 125 81 1 5",
        header="record_id redcap_event_name ses_date ses_route sbp_0 sbp_40 se___1 phq9_total",
    )
    frame["redcap_event_name"] = frame["redcap_event_name"].str.replace(" ", "_")
    dictionary = _dictionary(
        ("record_id", "session", "text"),
        ("ses_date", "session", "text", "Date", "", "date_ymd"),
        ("ses_route", "session", "radio", "Route", ROUTES),
        ("sbp_0", "vitals", "text", "", "", "integer"),
        ("sbp_40", "vitals", "text", "", "", "integer"),
        ("se", "side_effects", "checkbox", "Side effects", "1, Nausea"),
        ("phq9_total", "phq9", "calc"),
    )
    found = _suggest(frame, dictionary)
    (sessions,) = _blocks(found, "sessions")
    assert sessions["columns"]["session"] == "redcap_event_name"
    assert sessions["values"]["session"] == {"session_1_arm_1": "1", "session_2_arm_1": "2"}
    assert [block["constants"]["minute"] for block in _blocks(found, "vitals")] == ["0", "40"]
    assert _blocks(found, "scores")[0]["columns"]["taken"] == "ses_date"
    assert _blocks(found, "side_effects")[0]["checkboxes"] == {"se___1": "nausea"}


def test_a_form_of_its_own_was_asked_where_it_was_filled_in():
    frame = _rows(
        "R1 session 1 2031-03-04 1 . . .",
        "R1 effects 1 . . 1 0 2",
        header="record_id redcap_repeat_instrument redcap_repeat_instance ses_date ses_route ae___1 "
        "ae_session "
        "side_effects_complete",
    )
    dictionary = _dictionary(
        ("record_id", "session", "text"),
        ("ses_date", "session", "text", "", "", "date_ymd"),
        ("ses_route", "session", "radio", "", ROUTES),
        ("ae", "side_effects", "checkbox", "Side effects", "1, Dizziness"),
        ("ae_session", "side_effects", "text", "", "", "integer"),
    )
    (block,) = _blocks(_suggest(frame, dictionary), "side_effects")
    assert block["asked"] == "side_effects_complete"
    assert block["checkboxes"] == {"ae___1": "dizziness"}


def test_fields_that_grade_a_side_effect_give_its_severity():
    frame = _rows(
        "R1 session 1 2031-03-04 1 0",
        "R1 session 2 2031-03-05 1 2",
        header=" ".join(REPEATING) + " ses_date ses_route se_nausea",
    )
    dictionary = _dictionary(
        ("record_id", "session", "text"),
        ("ses_date", "session", "text", "", "", "date_ymd"),
        ("ses_route", "session", "radio", "", ROUTES),
        ("se_nausea", "session", "radio", "Nausea", SEVERITY),
    )
    (block,) = _blocks(_suggest(frame, dictionary), "side_effects")
    assert (block["constants"], block["columns"], block["needs"]) == (
        {"effect": "nausea"},
        {"severity": "se_nausea"},
        ["severity"],
    )
    codes = {code: block["values"]["severity"][code] for code in "0123"}
    assert codes == {"0": "", "1": "mild", "2": "moderate", "3": "severe"}


def test_choices_that_run_from_one_are_no_items_that_run_from_zero():
    frame = _rows("R1 2031-03-04 4 11", "R2 2031-03-04 3 9", header="record_id phq9_date phq9_1 phq9_total")
    dictionary = _dictionary(
        ("record_id", "phq9", "text"),
        ("phq9_date", "phq9", "text", "", "", "date_ymd"),
        ("phq9_1", "phq9", "radio", "", "1, Not at all | 2, Several days | 3, Half | 4, Nearly"),
        ("phq9_total", "phq9", "calc"),
    )
    found = _suggest(frame, dictionary)
    assert _why(found, "phq9_1") == "the codes of its choices are not those of PHQ-9, which run from 0 to 3"
    assert _blocks(found, "scores")[0]["columns"] == {"score": "phq9_total", "taken": "phq9_date"}


def test_an_answer_that_is_neither_yes_nor_no_does_not_stay_the_code_that_says_yes():
    frame = _rows("R1 2031-03-04 1 1", "R2 2031-03-04 1 2", header="record_id ses_date ses_route escort")
    dictionary = _dictionary(
        ("record_id", "session", "text"),
        ("ses_date", "session", "text", "", "", "date_ymd"),
        ("ses_route", "session", "radio", "", ROUTES),
        ("escort", "session", "radio", "", "1, Unknown | 2, Yes | 3, No"),
    )
    values = _blocks(_suggest(frame, dictionary), "sessions")[0]["values"]["escort"]
    assert values == {"1": "Unknown", "2": "yes", "3": "no"}


def test_what_the_dictionary_marks_or_checks_as_personal_is_left_out():
    frame = _rows("R1 40 a b c d", "R2 41 a b c d", header="record_id age quokka wombat numbat bilby")
    dictionary = _dictionary(
        ("record_id", "demographics", "text", "Record", "", "", "y"),
        ("age", "demographics", "text", "", "", "integer"),
        ("quokka", "demographics", "text", "", "", "", "y"),
        ("wombat", "demographics", "text", "", "", "email"),
        ("numbat", "demographics", "notes"),
        ("bilby", "demographics", "text"),
    )
    found = _suggest(frame, dictionary)
    assert dict(zip(found.placed["column"], found.placed["target"], strict=True)) == {
        "record_id": "patient_id",
        "age": "patients.age",
        "bilby": "patients.bilby",
    }
    assert _why(found, "quokka").startswith("marked as an identifier in the data dictionary")
    assert _why(found, "numbat") == "looks like free text"


def test_without_a_dictionary_forms_end_with_their_columns_of_status():
    frame = _rows(
        "R1 40 2 . . . . .",
        "R1 . . 2031-03-04 IV 2 . .",
        "R1 . . . . . 11 2031-03-05",
        header="record_id age demographics_complete session_date session_route session_complete "
        "phq9_total phq9_timestamp",
    )
    found = _suggest(frame)
    targets = dict(zip(found.placed["column"], found.placed["target"], strict=True))
    assert targets == {
        "record_id": "patient_id",
        "age": "patients.age",
        "session_date": "sessions.start",
        "session_route": "sessions.route",
        "phq9_total": "scores.score",
        "phq9_timestamp": "scores.taken",
    }


def test_a_stamp_of_the_survey_is_taken_only_where_there_is_no_other_date():
    frame = _rows("R1 11 2031-03-05 2031-03-04", header="record_id phq9_total phq9_timestamp phq9_date")
    found = _suggest(frame)
    assert _blocks(found, "scores")[0]["columns"]["taken"] == "phq9_date"
    assert "there is a date that somebody gave" in _why(found, "phq9_timestamp")


def test_a_label_tells_the_unit_that_the_name_does_not():
    frame = _rows("R1 2031-03-04 1 40", header="record_id ses_date ses_route dose")
    fields = [
        ("record_id", "session", "text"),
        ("ses_date", "session", "text", "", "", "date_ymd"),
        ("ses_route", "session", "radio", "", ROUTES),
    ]
    by_weight = _suggest(
        frame, _dictionary(*fields, ("dose", "session", "text", "Dose (mg/kg)", "", "number"))
    )
    whole = _suggest(frame, _dictionary(*fields, ("dose", "session", "text", "Dose in mg", "", "number")))
    unknown = _suggest(frame, _dictionary(*fields, ("dose", "session", "text", "Dose given", "", "number")))
    assert _blocks(by_weight, "sessions")[0]["columns"]["dose_mg_per_kg"] == "dose"
    assert _blocks(whole, "sessions")[0]["columns"]["dose_mg"] == "dose"
    assert _why(unknown, "dose") == "its unit is not told; it may be dose_mg or dose_mg_per_kg"


SHARED = {"patient_id": ["P1", "P1", "P2", "P2"], "session": ["1", "2", "1", "2"]}
COHORT = {
    "patients": {"patient_id": ["P1", "P2"], "sex": ["f", "m"], "age": ["40", "51"], "smoker": ["yes", "no"]},
    "sessions": SHARED | {"route": ["IV", "IM"] * 2, "dose_mg": ["40.5"] * 4, "escort": ["yes", "no"] * 2},
    "scores": {
        "patient_id": ["P1", "P2"] * 2,
        "instrument": ["PHQ-9", "CADSS-6"] * 2,
        "score": ["12", "3", "9", "2"],
        "timing": ["pre", "post"] * 2,
    },
    "side_effects": SHARED | {"effect": ["nausea", "none"] * 2, "severity": ["mild", "", "severe", ""]},
    "vitals": SHARED | {"minute": ["0", "40"] * 2, "sbp": ["120", "131"] * 2, "heart_rate": ["70", "71"] * 2},
    "disposition": {"patient_id": ["P1", "P2"], "status": ["completed", "stopped"], "reason": ["", "cost"]},
}
CLOCKS = {
    "hour": {"sessions": "hour", "scores": "hour", "disposition": "hour"},
    "day": {"sessions": "day", "scores": "day", "disposition": "day"},
    "date": {"sessions": "start", "scores": "taken", "disposition": "when"},
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_cohort_laid_out_as_a_project_comes_back_without_a_hand_edit(tmp_path, clock):
    cells = ["2031-03-04", "2031-03-06"] if clock == "date" else ["0", "3"]
    tables = {
        name: columns
        | ({CLOCKS[clock][name]: (cells * 2)[: len(columns["patient_id"])]} if name in CLOCKS[clock] else {})
        for name, columns in COHORT.items()
    }
    frames = {name: pd.DataFrame(columns, dtype="str") for name, columns in tables.items()}
    folder = write_redcap(frames, tmp_path / "project")
    table = redcap_table(folder / EXPORT_FILE, folder / DICTIONARY_FILE)
    found = suggest(table.frame, kind="redcap", dictionary=table.dictionary)
    own = [
        name
        for name in table.frame.columns
        if not name.startswith("redcap_") and not name.endswith("_complete")
    ]
    assert set(own) <= set(found.placed["column"])
    assert "# Not used until" not in found.toml
    export = redcap_export(folder / EXPORT_FILE, folder / DICTIONARY_FILE, found.mapping)
    for name, columns in tables.items():
        made = export.tables[name]
        assert set(made.columns) == set(columns)
        wanted = sorted(zip(*[columns[one] for one in sorted(columns)], strict=True))
        assert sorted(zip(*[made[one].fillna("") for one in sorted(columns)], strict=True)) == wanted
