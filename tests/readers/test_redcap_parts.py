"""Headers, choices and layout of a REDCap project, one idea each."""

from __future__ import annotations

import pandas as pd
import pytest
from readers.redcap_project import DICTIONARY, EXPORT, good, labels, write
from readers.redcap_round_trip import rows

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError
from ketaoutcomes.readers.layout_redcap import write_redcap
from ketaoutcomes.readers.redcap import redcap_export, redcap_table
from ketaoutcomes.readers.redcap_dictionary import Dictionary, Field, read_dictionary, split_choices
from ketaoutcomes.readers.redcap_headers import field_names, unite_columns
from ketaoutcomes.readers.redcap_labels import codes_for_labels, names_for_labels

NAMES = EXPORT.split("\n")[0].split(",")


@pytest.fixture
def known(tmp_path) -> Dictionary:
    """The small project's dictionary."""
    path = tmp_path / "dictionary.csv"
    path.write_text(DICTIONARY, encoding="utf-8")
    return read_dictionary(path)


def labelled(names: list[str] = NAMES) -> list[str]:
    """The headers of an export with labels."""
    project = good()
    project.cells = [list(names)]
    labels(cells=False)(project)
    return project.cells[0]


def test_a_field_knows_its_columns_choices_and_marks(known):
    assert known.record_id == "record_id"
    assert known.forms == ("demographics", "session", "phq9")
    assert known.by_name["se"].columns == ("se___1", "se___2", "se____1")
    assert known.by_name["se"].choices == (("1", "Nausea"), ("2", "Headache, mild"), ("-1", "None"))
    assert known.field_of("se____1") is known.by_name["se"]
    assert known.field_of("nothing") is None
    assert known.by_name["inf_date"].validation == "datetime_mdy"


@pytest.mark.parametrize(
    ("code", "column"), [("-99", "f____99"), ("1.5", "f___1_5"), ("A b", "f___ab"), ("x_1", "f___x_1")]
)
def test_a_box_has_the_column_that_redcap_gives_it(code, column):
    assert Field("f", "form", "checkbox", "F", ((code, "label"),)).columns == (column,)


def test_choices_are_split_at_the_first_comma_and_empty_ones_are_passed_over():
    assert split_choices("1, Yes, a little |  | -1,No") == (("1", "Yes, a little"), ("-1", "No"))


def test_a_dictionary_may_be_in_the_declared_encoding_of_the_export(tmp_path):
    path = tmp_path / "dictionary.csv"
    path.write_bytes(DICTIONARY.replace(",Age,", ",Âge,").encode("cp1252"))
    with pytest.raises(DataError):
        read_dictionary(path)
    assert read_dictionary(path, Settings(encoding="cp1252")).by_name["age"].label == "Âge"


def test_labels_become_the_fields_and_repeated_ones_are_told_apart_by_order(known):
    found = field_names(labelled(), known)
    assert list(found.names) == NAMES
    assert found.labelled
    assert found.n_unsure == 0


def test_repeated_labels_in_another_order_than_the_dictionarys_are_not_guessed(known):
    other = ["record_id", "phq9_total", "phq9_date", "inf_mgkg", "inf_date"]
    found = field_names(labelled(other), known)
    # "Total" and "Dose" stand once each and against the dictionary's order: no "Date" is sure.
    assert found.names == ("record_id", "phq9_total", "Date", "inf_mgkg", "Date")
    assert found.n_unsure == 2


def test_one_of_two_fields_of_a_label_is_placed_by_its_neighbours_or_not_at_all(known):
    beside = field_names(labelled(["record_id", "inf_mgkg", "phq9_date", "phq9_total"]), known)
    assert beside.names == ("record_id", "inf_mgkg", "phq9_date", "phq9_total")
    alone = field_names(labelled(["record_id", "sex", "age", "phq9_date"]), known)
    assert alone.names == ("record_id", "sex", "age", "Date")
    assert alone.n_unsure == 1


def test_names_stay_names_though_some_are_labels_of_others(known):
    headers = ["record_id", "sex", "age", "inf_date", "Date"]
    assert field_names(headers, known).names == tuple(headers)


def test_a_header_that_the_mapping_names_stays_as_written(known):
    found = field_names(labelled(), known, {"Dose (mg/kg)"})
    assert found.names[NAMES.index("inf_mgkg")] == "Dose (mg/kg)"


def test_columns_of_one_name_are_one_and_cells_that_differ_are_blank():
    frame = pd.DataFrame(
        {0: ["1", "", "3", "4"], 1: ["", "2", "3 ", "5"], 2: ["a", "b", "c", "d"]}, dtype="str"
    )
    united, notes = unite_columns(frame, ["x", "x", "y"])
    assert united["x"].tolist() == ["1", "2", "3", ""]
    assert united["y"].tolist() == ["a", "b", "c", "d"]
    assert [(note.rule, note.n_rows) for note in notes] == [("columns_united", None), ("columns_disagree", 1)]


def test_a_repeated_name_that_names_somebody_is_told_by_its_number():
    frame = pd.DataFrame({0: ["1"], 1: ["2"], 2: ["3"]}, dtype="str")
    _, notes = unite_columns(frame, ["x", "mary.smith@example.org", "mary.smith@example.org"])
    assert all("mary" not in str(note) and note.column is None for note in notes)
    assert "column number 2" in notes[0].message


def field(*choices: tuple[str, str]) -> Dictionary:
    """A dictionary of one field with choices, and a second with codes no label has."""
    second = Field("sure", "form", "radio", "Sure", (("1", "Yes"), ("0", "No")))
    return Dictionary((Field("f", "form", "radio", "F", choices), second))


def test_numbers_that_are_labels_of_other_codes_are_read_by_what_the_file_holds():
    # Code 1 has the label "0": a cell 1 is a code in one kind of export and a label in the other.
    known = field(("1", "0"), ("2", "1"))
    cells = pd.DataFrame({"f": ["1", "1"], "sure": ["Yes", "No"]}, dtype="str")
    out, _ = codes_for_labels(cells, known, labelled=False)
    assert out["f"].tolist() == ["2", "2"]
    codes = cells.assign(sure=["1", "0"])
    out, _ = codes_for_labels(codes, known, labelled=False)
    assert out["f"].tolist() == ["1", "1"]


def test_a_cell_that_is_neither_code_nor_label_stays():
    cells = pd.DataFrame({"f": [" Other", "A"]}, dtype="str")
    out, notes = codes_for_labels(cells, field(("1", "A")), labelled=True)
    assert out["f"].tolist() == [" Other", "1"]
    assert notes == []


def test_a_form_and_an_event_have_their_names_from_their_labels():
    cells = pd.DataFrame(
        {
            "redcap_repeat_instrument": ["PHQ-9", "", "Vital signs"],
            "redcap_event_name": ["Follow up month six (Arm 2: SC)", "Baseline", "baseline_arm_2"],
        },
        dtype="str",
    )
    wanted = {
        "redcap_repeat_instrument": {"phq9"},
        # REDCap cuts the label after 18 signs: "follow_up_month_si".
        "redcap_event_name": {"follow_up_month_si_arm_2", "baseline_arm_1"},
    }
    out = names_for_labels(cells, None, wanted)
    assert out["redcap_repeat_instrument"].tolist() == ["phq9", "", "Vital signs"]
    assert out["redcap_event_name"].tolist() == [
        "follow_up_month_si_arm_2",
        "baseline_arm_1",
        "baseline_arm_2",
    ]


def test_an_export_without_a_mapping_has_codes_and_names(tmp_path):
    project = good()
    labels()(project)
    export, _, _ = write(project, tmp_path / "project")
    path = tmp_path / "dictionary.csv"
    path.write_text(DICTIONARY, encoding="utf-8")
    plain, _, _ = write(good(), tmp_path / "plain")
    pd.testing.assert_frame_equal(redcap_table(export, path).frame, redcap_table(plain, path).frame)


def test_the_timezone_given_takes_the_place_of_the_mappings(tmp_path):
    export, _, mapping = write(good(), tmp_path / "project")
    assert redcap_export(export, None, mapping).settings.timezone == "America/New_York"
    assert redcap_export(export, None, mapping, timezone="Europe/Berlin").settings.timezone == "Europe/Berlin"


def test_an_argument_that_is_no_path_is_refused():
    with pytest.raises(DataError, match="must be a path"):
        redcap_table(7)


def test_the_layout_keeps_names_apart_and_cells_as_they_stand(tmp_path):
    frames = {
        "patients": pd.DataFrame(
            {"patient_id": ["P1", "P2"], "form": ["x|y", "z"], "record_id": ["007", "8"]}
        ),
        "scores": pd.DataFrame(
            {
                "patient_id": ["P1", "", "P9"],
                "instrument": ["Vitals", "PHQ-9", "phq9"],
                "score": ["=1", "2", "3"],
            }
        ),
    }
    out = write_redcap(frames, tmp_path / "project")
    lines = rows(out / "export.csv")
    assert [line["record_id"] for line in lines] == ["P1", "P1", "P2", "P9", ""]
    assert [line["redcap_repeat_instrument"] for line in lines] == ["", "vitals_scale", "", "phq9", "phq9"]
    # A choice cannot hold the sign that parts choices, and a spreadsheet must not run a cell.
    assert [line["form_2"] for line in lines] == ["x|y", "", "z", "", ""]
    assert [line["record_id_2"] for line in lines] == ["007", "", "8", "", ""]
    fields = {line["Variable / Field Name"]: line for line in rows(out / "dictionary.csv")}
    assert fields["vitals_scale_total"]["Choices, Calculations, OR Slider Labels"] == "1, '=1"


def test_the_layout_needs_patients_and_their_codes(tmp_path):
    with pytest.raises(DataError, match="'patients' is needed"):
        write_redcap({"scores": pd.DataFrame({"patient_id": ["P1"]})}, tmp_path / "a")
    with pytest.raises(DataError, match="has no column patient_id"):
        write_redcap({"patients": pd.DataFrame({"sex": ["female"]})}, tmp_path / "b")
