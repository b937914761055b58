"""What a suggestion says and does not say: settings, what stays outside, and that no column is lost."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest
from cohort.planted_identifiers import HEADERS, VALUES

from ketaoutcomes.cohort.schema import ITEM, TABLES
from ketaoutcomes.errors import DataError
from ketaoutcomes.readers.mapping import parse_mapping
from ketaoutcomes.readers.spreadsheet import read_spreadsheet
from ketaoutcomes.readers.suggest import suggest
from ketaoutcomes.readers.suggest_file import is_redcap, suggest_file


def _frame(**columns: str) -> pd.DataFrame:
    """A table of text from columns whose cells are apart by a bar."""
    return pd.DataFrame({name: pd.array(cells.split("|"), dtype="str") for name, cells in columns.items()})


def _sessions(dates: str, **further: str) -> pd.DataFrame:
    n = len(dates.split("|"))
    codes = "|".join(f"P{number}" for number in range(n))
    return _frame(patient_id=codes, start=dates, route="|".join(["IV"] * n), **further)


def _target(found, column: str) -> str:
    return found.placed.set_index("column").loc[column, "target"]


def _why(found, column: str) -> str:
    return found.not_placed.set_index("column").loc[column, "reason"]


def test_dates_make_it_a_limited_data_set_and_days_do_not():
    dated = suggest(_sessions("2031-03-04|2031-03-05"))
    by_day = suggest(_frame(patient_id="P1|P2", day="0|0", route="IV|IM"))
    assert dated.mapping["cohort"] == {"deidentification": "limited-data-set"}
    assert by_day.mapping["cohort"] == {"deidentification": "safe-harbor"}
    assert by_day.mapping["rows"][0]["columns"] == {"route": "route", "day": "day"}


def test_a_format_is_set_where_the_days_leave_one_only():
    # 25 is no month, so that the month stands first.
    assert suggest(_sessions("03/04/2031|03/25/2031")).mapping["cohort"]["date_format"] == "%m/%d/%Y"
    assert suggest(_sessions("04.03.2031|25.03.2031")).mapping["cohort"]["date_format"] == "%d.%m.%Y"


def test_a_format_is_left_open_where_the_days_leave_two():
    found = suggest(_sessions("03/04/2031|05/06/2031"))
    assert "date_format" not in found.mapping["cohort"]
    line = '# date_format = "%m/%d/%Y"  # needed: this if the month is first, "%d/%m/%Y" if the day is'
    assert line in found.toml.splitlines()
    assert 'To be completed: date_format = "%m/%d/%Y"' in found.summary()


def test_dates_in_two_ways_are_told_and_not_guessed():
    found = suggest(_sessions("2031-03-04|03/25/2031"))
    assert "date_format" not in found.mapping["cohort"]
    assert "some dates are YYYY-MM-DD and some are not" in found.toml


def test_a_zone_is_asked_for_where_a_clock_time_needs_one():
    needing = suggest(_sessions("2031-03-04 10:31|2031-03-05 11:32"))
    offset = suggest(_sessions("2031-03-04T10:31:00+01:00|2031-03-05T11:32:00Z"))
    given_one = suggest(_sessions("2031-03-04 10:31|2031-03-05 11:32"), timezone="Europe/Berlin")
    assert '# timezone = "America/New_York"  # needed' in needing.toml
    assert "# timezone" not in offset.toml
    assert given_one.mapping["cohort"]["timezone"] == "Europe/Berlin"
    assert "# timezone" not in given_one.toml


def test_times_with_am_and_pm_are_part_of_the_format():
    found = suggest(_sessions("03/25/2031|03/26/2031", start_time="1:31 PM|2:32 PM"))
    assert found.mapping["cohort"]["date_format"] == "%m/%d/%Y %I:%M %p"
    assert found.mapping["rows"][0]["columns"]["start"] == ["start", "start_time"]


def test_a_table_with_dates_and_days_keeps_one_clock():
    frame = _frame(patient_id="P1|P2", phq9_date="2031-03-04|2031-03-05", phq9_total="3|4", gad7_d14="3|4")
    found = suggest(frame)
    assert [block["columns"] for block in found.mapping["rows"]] == [
        {"score": "phq9_total", "taken": "phq9_date"}
    ]
    assert "a table has one clock" in _why(found, "gad7_d14")


def test_hours_beside_days_are_days_and_alone_are_hours():
    alone = suggest(_frame(patient_id="P1|P2", phq9_4h="3|4", phq9_24h="3|4"))
    beside = suggest(_frame(patient_id="P1|P2", phq9_6h="3|4", phq9_d7="3|4", phq9_d14="3|4"))
    assert [block["constants"]["hour"] for block in alone.mapping["rows"]] == ["4", "24"]
    # 6 hours are a quarter of a day.
    assert [block["constants"]["day"] for block in beside.mapping["rows"]] == ["0.25", "7", "14"]


def test_a_comma_in_numbers_is_the_decimal_mark_unless_it_may_mark_thousands():
    written = suggest(_sessions("2031-03-04|2031-03-05", weight_kg="70,5|81"))
    unsure = suggest(_sessions("2031-03-04|2031-03-05", dose_mg="1,250|1,100"))
    assert written.mapping["cohort"]["decimal"] == ","
    assert "decimal" not in unsure.mapping["cohort"]
    assert '# decimal = ","  # needed if' in unsure.toml


def test_what_a_cohort_cannot_do_without_is_asked_for():
    no_route = suggest(_frame(patient_id="P1|P2", session_date="2031-03-04|2031-03-05", dose_mg="40|50"))
    no_session = suggest(_frame(patient_id="P1|P2", phq9_d14="3|4"))
    assert "To be completed: the route." in no_route.summary()
    assert "To be completed: the sessions" in no_session.summary()
    assert "To be completed" not in suggest(_sessions("2031-03-04|2031-03-05")).summary()


def test_pounds_are_multiplied_and_kilograms_are_not():
    found = suggest(_sessions("2031-03-04|2031-03-05", weight_lb="150|160"))
    assert found.mapping["rows"][0]["multiply"] == {"weight_kg": 0.45359237}  # the pound's definition
    assert "multiply" not in suggest(_sessions("2031-03-04", weight_kg="70")).mapping["rows"][0]


def test_known_words_of_timing_are_recoded_and_others_are_not_written():
    frame = _frame(
        patient_id="P1|P2|P3",
        phq9_date="2031-03-04|2031-03-05|2031-03-06",
        phq9_total="3|4|5",
        phq9_timing="before|after|numbat",
    )
    found = suggest(frame)
    assert found.mapping["rows"][0]["values"]["timing"] == {"before": "pre", "after": "post"}
    assert "numbat" not in found.toml


def test_sheets_are_named_and_share_the_patients_code():
    sheets = {
        "Patients": _frame(patient_id="P1|P2", sex="f|m", age="40|41"),
        "Infusions": _frame(patient_id="P1|P2", date="2031-03-04|2031-03-05", route="IV|IM"),
        "PHQ-9": _frame(patient_id="P1|P2", date="2031-03-04|2031-03-05", q1="1|2", q2="0|0", total="3|4"),
        "Room list": _frame(room="1|2", key="a|b"),
    }
    found = suggest(sheets)
    assert [(block["table"], block["sheet"]) for block in found.mapping["rows"]] == [
        ("sessions", "Infusions"),
        ("patients", "Patients"),
        ("scores", "PHQ-9"),
    ]
    assert found.mapping["rows"][2]["constants"] == {"instrument": "PHQ-9"}
    assert found.mapping["rows"][2]["columns"] == {"score": "total", "i1": "q1", "i2": "q2", "taken": "date"}
    left = found.not_placed[found.not_placed["sheet"] == "Room list"]
    assert (
        left["reason"].tolist()
        == ["its sheet has no column patient_id; call the patient's code alike in all sheets"] * 2
    )


def test_a_sheet_or_column_named_after_somebody_is_told_by_its_number():
    sheets = {"Smith, J.": _frame(patient_id="P1|P2", age="40|41")}
    by_sheet = suggest(sheets)
    by_column = suggest(_frame(**{"patient_id": "P1|P2", "age": "40|41", "jane.doe@example.org": "1|2"}))
    assert by_sheet.not_placed["sheet"].tolist() == ["sheet number 1"] * 2
    assert by_column.not_placed["column"].tolist() == ["column number 3"]
    for found, name in ((by_sheet, "Smith"), (by_column, "jane")):
        assert name not in found.toml + found.summary() + repr(found)


@pytest.mark.parametrize("letter", HEADERS)
def test_no_name_of_an_identifier_becomes_a_further_column(letter):
    columns = dict.fromkeys(HEADERS[letter], "2|1|2|1")
    frame = _frame(**{"patient_id": "P1|P2|P3|P4", "age": "40|41|42|43", "sex": "f|m|f|m", **columns})
    found = suggest(frame)
    known = {f"{table}.{name}" for table in TABLES for name in (*TABLES[table].names, "moment")}
    further = [
        target
        for targets in found.placed["target"]
        for target in targets.split(", ")
        if target != "patient_id" and target not in known and not ITEM.fullmatch(target.partition(".")[2])
    ]
    assert further == []
    assert {"age", "sex"} <= set(found.placed["column"])


@pytest.mark.parametrize(
    ("letter", "value"), [(letter, value) for letter in VALUES for value in VALUES[letter]]
)
def test_no_cell_of_an_identifier_is_placed_or_told(letter, value):
    frame = pd.DataFrame(
        {
            "patient_id": pd.array([f"P{n}" for n in range(12)], dtype="str"),
            "age": pd.array([str(30 + n) for n in range(12)], dtype="str"),
            "sex": pd.array(["f", "m"] * 6, dtype="str"),
            "quokka": pd.array(["a", "b"] * 5 + ["a", value], dtype="str"),
        }
    )
    found = suggest(frame)
    assert "quokka" not in found.placed["column"].tolist()
    assert value not in found.toml + found.summary() + found.not_placed.to_string()


def test_codes_of_patients_that_tell_of_people_are_no_code():
    found = suggest(_frame(patient_id="078-05-1120|219-09-9999", age="40|41", sex="f|m"))
    assert found.mapping["patient"] == {}
    assert "Social Security" in _why(found, "patient_id")
    assert "No column is known to be the patient's code" in found.summary()


def test_ages_over_ninety_are_left_out_with_what_to_do():
    assert "write 90 for 90 or over" in _why(
        suggest(_frame(patient_id="P1|P2", age="40|93", sex="f|m")), "age"
    )
    # 999 is nobody's age.
    assert _target(suggest(_frame(patient_id="P1|P2", age="40|999", sex="f|m")), "age") == "patients.age"


def test_signs_of_toml_in_names_are_written_so_that_they_come_back():
    names = ['a"b', "c\\d", "# e", "f = 1", "g'h", "i.j"]
    frame = _frame(**{"patient_id": "P1|P2", "age": "40|41", "sex": "f|m", **dict.fromkeys(names, "1|2")})
    found = suggest(frame)
    columns = found.mapping["rows"][0]["columns"]
    assert sorted(set(columns.values())) == sorted(["age", "sex", *names])


def test_the_same_export_gives_the_same_text():
    frame = _sessions("2031-03-04|2031-03-05", nausea="yes|no", headache="no|no", arm="a|b")
    assert suggest(frame).toml == suggest(frame).toml


def test_every_line_of_a_waiting_block_can_be_put_to_use():
    found = suggest(_frame(patient_id="P1|P2", phq9_bl="3|4", phq9_d14="3|4"))
    waiting = found.toml.partition("# Not used until something is added:")[2].partition("# Not placed")[0]
    lines = [line.removeprefix("# ") for line in waiting.splitlines()]
    block = "\n".join(line for line in lines if line.startswith(("[[", "table", "columns", "constants")))
    made = tomllib.loads(found.toml + block.replace('"..."', '"-1"'))
    assert made["rows"][-1] == {
        "table": "scores",
        "columns": {"score": "phq9_bl"},
        "constants": {"instrument": "PHQ-9", "day": "-1"},
    }
    parse_mapping(made)


def test_what_is_suggested_reads_the_file(tmp_path):
    path = tmp_path / "clinic.csv"
    frame = _frame(
        patient_id="P1|P1|P2",
        session_date="2031-03-04|2031-03-06|2031-03-05",
        route="IV|IV|IM",
        weight_lb="150|150|160",
        nausea="yes|no|no",
        headache="no|no|no",
        sbp_0="120|121|122",
        sbp_40="130|131|132",
        phq9_total="12|8|9",
    )
    frame.to_csv(path, index=False)
    cohort = read_spreadsheet(path, suggest_file(path).mapping)
    # Counted by hand: three rows, each a session with two readings, one score and one answer on side effects.
    assert (len(cohort.patients), len(cohort.sessions), len(cohort.vitals), len(cohort.scores)) == (
        2,
        3,
        6,
        3,
    )
    # The sessions with a no in every column of side effects had none.
    assert cohort.side_effects["effect"].tolist() == ["nausea", "none", "none"]
    assert cohort.sessions["side_effects_recorded"].tolist() == [True, True, True]
    # 150 pounds are 68.0388555 kg.
    assert cohort.sessions["weight_kg"].iloc[0] == pytest.approx(68.0388555)


def test_a_file_without_a_header_is_refused_in_words(tmp_path):
    path = tmp_path / "nothing.csv"
    path.write_text("")
    with pytest.raises(DataError):
        suggest_file(path)


def test_redcap_is_known_by_its_headers():
    assert is_redcap(["record_id", "redcap_event_name", "age"])
    assert is_redcap(["record_id", "age", "demographics_complete"])
    assert is_redcap(["Record ID", "Repeat Instrument", "Repeat Instance"])
    assert not is_redcap(["patient_id", "treatment_complete", "age"])


def test_a_redcap_file_is_read_by_its_forms(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text(
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,age,session_date,session_route\n"
        "R1,,,40,,\nR1,session,1,,2031-03-04,IV\n"
    )
    found = suggest_file(path)
    assert [block["table"] for block in found.mapping["rows"]] == ["sessions", "patients"] or [
        block["table"] for block in found.mapping["rows"]
    ] == ["patients", "sessions"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"patient_id": pd.array([], dtype="str")}),
        pd.DataFrame({"": pd.array(["1"], dtype="str"), " ": pd.array(["1"], dtype="str")}),
    ],
    ids=["nothing", "a header alone", "no names"],
)
@pytest.mark.parametrize("kind", ["spreadsheet", "redcap"])
def test_hardly_anything_gives_a_suggestion_that_says_so(frame, kind):
    found = suggest(frame, kind=kind)
    assert len(found.placed) + len(found.not_placed) == frame.shape[1]
    assert "none" in found.summary()
