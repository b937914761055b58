"""Files into text without a shifted, changed or lost cell."""

from __future__ import annotations

import os

import pandas as pd
import pytest

from ketaoutcomes.cohort.check import check
from ketaoutcomes.cohort.csv_text import read_csv
from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, PrivacyError


def rules(error) -> set[str]:
    return {problem.rule for problem in error.value.problems}


def aside(cohort, table) -> dict[str, int]:
    found = cohort.quarantine[cohort.quarantine["table"] == table]
    return dict(zip(found["rule"], found["n_rows"], strict=True))


def balanced(cohort) -> bool:
    counts = cohort.counts
    return bool((counts["n_read"] == counts["n_kept"] + counts["n_quarantined"]).all())


def test_an_id_of_007_stays_007(clinic):
    folder = clinic(
        patients="patient_id\n007\n010\n", sessions="patient_id,hour,route\n007,0,IV\n010,0,IV\n", scores=None
    )
    assert load_cohort(folder).patients["patient_id"].tolist() == ["007", "010"]


def test_headers_are_found_whatever_their_case_and_spacing(clinic):
    folder = clinic(sessions="Patient ID , HOUR,Route,Dose mg per kg\nA1,0,IV,0.5\nA2,0,IM,0.5\n")
    assert load_cohort(folder).sessions["dose_mg_per_kg"].tolist() == [0.5, 0.5]


def test_a_row_with_too_many_cells_is_set_aside_and_shifts_nothing(clinic):
    folder = clinic(
        scores="patient_id,instrument,hour,score\nA1,PHQ-9,-24,20\nA1,PHQ-9,96,8,extra\nA2,PHQ-9,-1,15\n"
    )
    cohort = load_cohort(folder)
    assert cohort.scores["score"].tolist() == [20.0, 15.0]
    assert aside(cohort, "scores") == {"too_many_cells": 1}
    assert cohort.quarantine["first_row"].tolist() == [3]
    assert balanced(cohort)


def test_when_every_row_has_one_cell_more_than_the_header_none_is_read(clinic):
    folder = clinic(scores="patient_id,instrument,hour,score\nA1,PHQ-9,-24,20,\nA2,PHQ-9,-1,15,\n")
    cohort = load_cohort(folder)
    assert len(cohort.scores) == 0
    assert aside(cohort, "scores") == {"too_many_cells": 2}


def test_a_row_with_too_few_cells_is_set_aside(clinic):
    folder = clinic(scores="patient_id,instrument,hour,score\nA1,PHQ-9,-24\nA2,PHQ-9,-1,15\n")
    cohort = load_cohort(folder)
    assert cohort.scores["score"].tolist() == [15.0]
    assert aside(cohort, "scores") == {"too_few_cells": 1}


def test_blank_lines_are_passed_over_and_rows_keep_their_numbers(clinic):
    folder = clinic(scores="patient_id,instrument,hour,score\n\nA1,PHQ-9,-24,20\n\n   \nA2,PHQ-9,-1,99\n\n")
    cohort = load_cohort(folder)
    assert cohort.counts.set_index("table").loc["scores", "n_read"] == 2
    # Header row 1, blank 2, A1 row 3, blanks 4 and 5, A2 row 6.
    assert cohort.quarantine[["rule", "first_row"]].values.tolist() == [["score_range", 6]]
    assert any("blank lines were passed over: 4" in note for note in cohort.notes)


def test_newlines_and_separators_inside_quotes_do_not_end_a_cell(clinic):
    folder = clinic(
        sessions='patient_id,hour,route,setting\nA1,0,IV,"quiet, dim"\nA2,0,"IM","say ""calm"""\n',
        scores=None,
    )
    cohort = load_cohort(folder)
    assert cohort.sessions["setting"].tolist() == ["quiet, dim", 'say "calm"']
    assert cohort.sessions["route"].tolist() == ["IV", "IM"]


@pytest.mark.parametrize("row", ['A1,PHQ-9,-24,"20', 'A1,5" tall,-24,20'])
def test_a_quotation_mark_that_does_not_pair_up_is_refused(clinic, row):
    with pytest.raises(DataError) as error:
        load_cohort(clinic(scores=f"patient_id,instrument,hour,score\n{row}\nA2,PHQ-9,-1,15\n"))
    assert rules(error) == {"quotes"}
    assert error.value.problems[0].first_row == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_read(clinic, newline):
    text = "patient_id,instrument,hour,score\nA1,PHQ-9,-24,20\nA2,PHQ-9,-1,15\n".replace("\n", newline)
    assert load_cohort(clinic(scores=text)).scores["score"].tolist() == [20.0, 15.0]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found_from_the_header(clinic, separator):
    text = "patient_id,instrument,hour,score\nA1,PHQ-9,-24,20\n".replace(",", separator)
    assert load_cohort(clinic(scores=text)).scores["score"].tolist() == [20.0]


def test_a_byte_order_mark_is_no_part_of_the_first_header(clinic):
    text = b"\xef\xbb\xbfpatient_id,instrument,hour,score\nA1,PHQ-9,-24,20\n"
    assert len(load_cohort(clinic(scores=text)).scores) == 1


def test_latin_1_is_refused_with_its_row_unless_it_is_declared(clinic):
    text = "patient_id,hour,route,setting\nA1,0,IV,plain\nA2,0,IM,café\n".encode("latin-1")
    with pytest.raises(DataError, match="declared encoding") as error:
        load_cohort(clinic(sessions=text, scores=None))
    assert error.value.problems[0].first_row == 3
    assert error.value.__cause__ is None
    folder = clinic('encoding = "latin-1"', sessions=text, scores=None)
    assert load_cohort(folder).sessions["setting"].tolist() == ["plain", "café"]


@pytest.mark.parametrize("data", ["patient_id\nA1\n".encode("utf-16"), b"patient_id\nA\x001\n"])
def test_utf_16_and_nul_bytes_are_refused(clinic, data):
    with pytest.raises(DataError) as error:
        load_cohort(clinic(patients=data))
    assert rules(error) == {"not_text"}


def test_two_headers_of_one_name_are_refused(clinic):
    with pytest.raises(DataError, match="same name") as error:
        load_cohort(clinic(scores="patient_id,instrument,hour,score,Score\nA1,PHQ-9,0,1,2\n"))
    assert rules(error) == {"duplicate_header"}


def test_a_column_without_name_and_cells_is_passed_over(clinic):
    folder = clinic(scores="patient_id,instrument,hour,score,\nA1,PHQ-9,-24,20,\n")
    assert "score" in load_cohort(folder).scores.columns


def test_a_column_with_cells_and_no_name_is_refused(clinic):
    with pytest.raises(DataError, match="column number 5 has cells and no name"):
        load_cohort(clinic(scores="patient_id,instrument,hour,score,\nA1,PHQ-9,-24,20,7\n"))


def test_decimal_commas_count_when_declared(clinic):
    folder = clinic(
        'decimal = ","', sessions="patient_id;hour;route;dose_mg_per_kg\nA1;0;IV;0,5\nA2;0;IM;1\n"
    )
    assert load_cohort(folder).sessions["dose_mg_per_kg"].tolist() == [0.5, 1.0]


def test_decimal_commas_count_undeclared_when_the_whole_column_fits_them(clinic):
    folder = clinic(sessions="patient_id;hour;route;dose_mg_per_kg\nA1;0;IV;0,5\nA2;0;IM;1\n")
    assert load_cohort(folder).sessions["dose_mg_per_kg"].tolist() == [0.5, 1.0]


def test_a_lone_decimal_comma_sets_the_row_aside_with_a_hint(clinic):
    folder = clinic(scores='patient_id,instrument,hour,score\nA1,PHQ-9,-24,"20,5"\nA2,PHQ-9,-1,15\n')
    cohort = load_cohort(folder)
    assert aside(cohort, "scores") == {"decimal_comma": 1}
    assert 'decimal = ","' in cohort.quarantine["reason"][0]


def test_na_words_are_missing_and_number_codes_are_out_of_range(clinic):
    folder = clinic(
        patients="patient_id,age,diagnosis\nA1,NA,n/a\nA2,-99,MDD\n",
        scores="patient_id,instrument,hour,score\nA1,PHQ-9,-24,.\nA1,PHQ-9,0,999\nA2,PHQ-9,-1,-99\nA2,PHQ-9,1,5\n",
    )
    cohort = load_cohort(folder)
    assert cohort.patients["age"].isna().all()
    assert cohort.patients["diagnosis"].isna().tolist() == [True, False]
    assert cohort.scores["score"].tolist() == [5.0]
    assert aside(cohort, "scores") == {"missing_required": 1, "score_range": 2}
    assert cohort.blanked[["column", "rule", "n_cells"]].values.tolist() == [["age", "out_of_range", 1]]


def test_parquet_and_csv_of_the_same_data_are_the_same_cohort(clinic, tmp_path):
    first = load_cohort(clinic())
    other = tmp_path / "parquet"
    other.mkdir()
    for name in ("patients", "sessions", "scores"):
        frame = pd.read_csv(tmp_path / "clinic" / f"{name}.csv")
        # Other column and row order, and numbers as numbers.
        frame.iloc[::-1, ::-1].to_parquet(other / f"{name}.parquet", index=False)
    second = load_cohort(other)
    assert second.fingerprint == first.fingerprint
    pd.testing.assert_frame_equal(second.scores, first.scores)


def test_damaged_parquet_is_refused(clinic, tmp_path):
    folder = clinic(scores=None)
    pd.DataFrame({"patient_id": ["A1"] * 50, "score": range(50)}).to_parquet(folder / "scores.parquet")
    whole = (folder / "scores.parquet").read_bytes()
    (folder / "scores.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError) as error:
        load_cohort(folder)
    assert rules(error) == {"bad_parquet"}
    assert error.value.__cause__ is None


def test_a_parquet_column_of_lists_is_refused(clinic):
    folder = clinic(scores=None)
    frame = pd.DataFrame(
        {"patient_id": ["A1"], "instrument": ["PHQ-9"], "hour": [0.0], "score": [1], "items": [[1, 2]]}
    )
    frame.to_parquet(folder / "scores.parquet")
    with pytest.raises(DataError, match="one plain value per cell"):
        load_cohort(folder)


def test_a_link_in_place_of_a_table_is_refused(clinic, tmp_path):
    folder = clinic(scores=None)
    secret = tmp_path / "elsewhere.csv"
    secret.write_text("patient_id,instrument,hour,score\n")
    os.symlink(secret, folder / "scores.csv")
    with pytest.raises(DataError) as error:
        load_cohort(folder)
    assert rules(error) == {"not_regular_file"}


@pytest.mark.parametrize(
    ("name", "rule"), [("scores.pkl", "unsafe_file"), ("scores.xlsx", "spreadsheet_file")]
)
def test_pickles_and_spreadsheets_are_refused(clinic, name, rule):
    folder = clinic(scores=None)
    (folder / name).write_bytes(b"x")
    with pytest.raises(DataError) as error:
        load_cohort(folder)
    assert rules(error) == {rule}


def test_a_table_in_two_files_is_refused(clinic):
    folder = clinic()
    pd.DataFrame({"patient_id": ["A1"]}).to_parquet(folder / "patients.parquet")
    with pytest.raises(DataError, match="two files"):
        load_cohort(folder)


def test_a_file_that_is_no_table_is_told_and_its_name_only_if_it_is_nearly_one(clinic):
    folder = clinic()
    (folder / "side_efects.csv").write_text("x\n")
    (folder / "Jane Miller.docx").write_text("x\n")
    notes = " ".join(load_cohort(folder).notes)
    assert "did you mean 'side_effects.csv'?" in notes
    assert "1 file or folder that is not one of the tables" in notes
    assert "Miller" not in notes


def test_a_missing_folder_and_missing_tables_are_told(clinic, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load_cohort(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no sessions\.csv") as error:
        load_cohort(clinic(sessions=None, patients=None))
    assert [problem.table for problem in error.value.problems] == ["patients", "sessions"]


def test_all_problems_of_all_tables_come_in_one_error(clinic):
    folder = clinic(
        sessions="patient_id,route\nA1,IV\n",
        scores="patient_id,hour,day,score\nA1,0,0,5\n",
        side_effects="patient_id,effect\nA1,nausea\n",
    )
    with pytest.raises(DataError) as error:
        load_cohort(folder)
    found = {(problem.table, problem.rule, problem.column) for problem in error.value.problems}
    assert found == {
        ("sessions", "no_clock", None),
        ("scores", "missing_column", "instrument"),
        ("scores", "two_clocks", None),
        ("side_effects", "missing_column", "session"),
    }
    assert str(error.value).startswith("4 problems:")


def test_identifiers_come_first_and_data_problems_are_told_with_them(clinic):
    folder = clinic(
        patients="patient_id,first_name\nA1,Zebulon\nA2,Quirina\n",
        scores="patient_id,instrument,score\nA1,PHQ-9,5\n",
    )
    with pytest.raises(PrivacyError) as error:
        load_cohort(folder)
    assert error.value.exit_code == 11
    assert rules(error) == {"identifier:A", "no_clock"}
    assert "Zebulon" not in str(error.value)
    result = check(folder)
    assert not result.ok
    assert result.exit_code == 11
    assert "Zebulon" not in result.summary() + result._repr_html_()


def test_only_the_covariates_asked_for_are_kept(clinic):
    folder = clinic(patients="patient_id,sex,prior_ect,region\nA1,F,0,north\nA2,M,1,south\n")
    assert {"prior_ect", "region"} <= set(load_cohort(folder).patients.columns)
    assert list(load_cohort(folder, columns=["region"]).patients.columns) == ["patient_id", "sex", "region"]


def test_no_cell_and_no_id_stands_in_any_message(clinic):
    secret = "ZQX71"
    folder = clinic(
        patients=f"patient_id,age\n{secret},abc{secret}\n{secret},12\nA2,40\n",
        sessions=f"patient_id,hour,route\n{secret},0,IV\nA2,zero{secret},IV\nA2,0,IV\n",
        scores=f"patient_id,instrument,hour,score\nA2,{secret},0,5\nA2,PHQ-9,1,{secret}\n",
    )
    cohort = load_cohort(folder)
    shown = [repr(cohort), cohort._repr_html_(), check(folder).summary(), *cohort.notes]
    shown += [cohort.quarantine.to_string(), cohort.blanked.to_string()]
    assert all(secret not in text for text in shown)


@pytest.mark.parametrize(("n_columns", "told"), [(16_384, set()), (16_385, {"too_large"})])
def test_a_header_has_at_most_as_many_columns_as_a_sheet_can_have(n_columns, told):
    data = (",".join(f"v{n}" for n in range(n_columns)) + "\n" + "," * (n_columns - 1) + "1\n").encode()
    if not told:
        assert read_csv(data, Settings(), table="scores").frame.shape == (1, n_columns)
        return
    with pytest.raises(DataError, match="16,385 columns") as error:
        read_csv(data, Settings(), table="scores")
    assert rules(error) == told
