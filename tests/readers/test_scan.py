"""`scan_file` reads every format, tells what is hidden, and never raises for what a file holds."""

from __future__ import annotations

import zipfile

import openpyxl
import pandas as pd
import pytest
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName

from ketaoutcomes.cohort.check import CheckResult
from ketaoutcomes.errors import DataError
from ketaoutcomes.readers.scan import scan_file

HARMLESS = "side,arm,phq9\nleft,one,12\nright,two,9\n"
FRAME = pd.DataFrame(
    {"side": ["left", "right", "left"], "contact": ["no", "j@example.org", "no"], "phq9": [3, 4, 5]}
)


def _found(result, severity: str = "privacy") -> set[tuple]:
    rows = result.problems[result.problems["severity"] == severity]
    return {
        (column if isinstance(column, str) else None, str(rule).removeprefix("identifier:"))
        for column, rule in zip(rows["column"], rows["rule"], strict=True)
    }


@pytest.fixture
def book(tmp_path):
    """A function that saves a workbook of one harmless sheet, changed by another function."""

    def save(change):
        made = openpyxl.Workbook()
        made.active.title = "visits"
        for row in (["side", "arm"], ["left", "one"], ["right", "two"]):
            made.active.append(row)
        change(made)
        made.save(tmp_path / "clinic.xlsx")
        return scan_file(tmp_path / "clinic.xlsx")

    return save


def test_a_harmless_file_is_ok_and_the_result_is_a_check_result(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text(HARMLESS)
    result = scan_file(str(path))
    assert isinstance(result, CheckResult)
    assert (result.ok, result.exit_code, len(result.problems)) == (True, 0, 0)
    assert result.counts.values.tolist() == [["clinic.csv", 2, 3]]
    assert "nothing that looks like an identifier" in result.summary()
    assert "must still have read it" in result.summary()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("clinic.csv", lambda path: FRAME.to_csv(path, index=False)),
        ("clinic.tsv", lambda path: FRAME.to_csv(path, index=False, sep="\t")),
        ("clinic.txt", lambda path: FRAME.to_csv(path, index=False, sep=";")),
        ("clinic.xlsx", lambda path: FRAME.to_excel(path, index=False)),
        ("clinic.parquet", lambda path: FRAME.to_parquet(path, index=False)),
        ("clinic.dta", lambda path: FRAME.to_stata(path, write_index=False)),
    ],
)
def test_every_format_is_read_and_the_cell_told_by_column_row_and_class(tmp_path, name, write):
    write(tmp_path / name)
    result = scan_file(tmp_path / name)
    assert _found(result) == {("contact", "F")}
    row = result.problems.iloc[0]
    assert (row["n_rows"], row["first_row"]) == (1, 3)
    assert result.exit_code == 11
    assert "ketaoutcomes deidentify" in result.summary()
    assert "j@example" not in result.summary()


@pytest.mark.parametrize("ending", [".sav", ".xpt"])
def test_labels_of_statistical_files_are_looked_at(tmp_path, ending):
    pyreadstat = pytest.importorskip("pyreadstat")
    path = tmp_path / f"clinic{ending}"
    frame = pd.DataFrame({"v1": ["a", "b"], "v2": [1.0, 2.0], "v3": [1.0, 2.0]})
    write = pyreadstat.write_sav if ending == ".sav" else pyreadstat.write_xport
    write(frame, path, column_labels=["First name", "Total score", "MRN 00123456"])
    result = scan_file(path)
    assert {("v1", "A"), ("v3", "H")} <= _found(result) | {
        (column, rule) for column, rule in [("v3", "H")] if (None, "H") in _found(result)
    }
    assert "00123456" not in result.summary()


def test_dates_are_told_at_safe_harbor_and_allowed_in_a_limited_data_set(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text("arm,visit\none,2024-03-09\ntwo,2024-03-10\n")
    assert _found(scan_file(path)) == {("visit", "C")}
    assert scan_file(path, level="limited-data-set").ok


def test_a_column_is_told_once_per_class_though_name_and_cells_tell_it(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text("arm,email\none,j@example.org\ntwo,\n")
    result = scan_file(path)
    assert result.problems[["column", "rule", "n_rows"]].values.tolist() == [["email", "identifier:F", 1]]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_other_encodings_are_looked_at_too(tmp_path, encoding):
    path = tmp_path / "clinic.csv"
    path.write_bytes("größe,wer\n1,Hans Müller\n".encode(encoding))
    result = scan_file(path)
    assert _found(result) == {("wer", "A")}
    assert _found(result, "error") == set()


def test_rows_that_do_not_fit_and_files_that_cannot_be_cut_are_looked_at_as_text(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text("side,arm\nleft,one\nleft,one,j@example.org\n")
    assert _found(scan_file(path)) == {(None, "F")}
    path.write_text('side,arm\nle"ft,one\nright,SSN 078-05-1120\n')
    result = scan_file(path)
    assert _found(result) == {(None, "G")}
    assert _found(result, "error") == {(None, "quotes")}
    assert result.exit_code == 11


def test_columns_of_one_name_or_none_are_both_looked_at(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text("a,a,,\none,j@example.org,078-05-1120,x\n")
    result = scan_file(path)
    assert {rule for _, rule in _found(result)} == {"F", "G"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("clinic.pkl", b"\x80\x04\x95"),
        ("clinic.docx", b"PK\x03\x04"),
        ("clinic.xlsx", b"PK\x03\x04 no zip"),
        ("clinic.parquet", b"PAR1"),
        ("clinic.sav", b"$FL2 no"),
        ("clinic.csv", b""),
        ("clinic.csv", b"a,b\x00\n1,2\n"),
        ("clinic.csv", b"\xff\xfe\x00"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_without_a_traceback(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    result = scan_file(tmp_path / name)
    assert _found(result, "error")
    assert result.exit_code == 10


def test_what_is_no_path_or_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="path"):
        scan_file(3)
    with pytest.raises(DataError, match="no such file"):
        scan_file(tmp_path / "absent.csv")
    assert scan_file(tmp_path).exit_code == 10
    (tmp_path / "real.csv").write_text(HARMLESS)
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert scan_file(tmp_path / "link.csv").exit_code == 10


def test_hidden_sheets_and_columns_are_told_and_looked_at(book):
    def change(made):
        sheet = made.create_sheet("older")
        sheet.sheet_state = "veryHidden"
        sheet.append(["side", "other"])
        sheet.append(["left", "j@example.org"])
        made["visits"].column_dimensions["B"].hidden = True

    result = book(change)
    assert _found(result) == {("other", "F")}
    notes = result.problems.loc[result.problems["severity"] == "note", ["table", "message"]].values.tolist()
    assert ["older", "is a hidden sheet; delete it if nobody needs it"] in notes
    assert ["visits", "has hidden columns: 'arm'"] in notes


def test_any_comment_is_free_text_and_its_text_is_looked_at(book):
    def change(made):
        made["visits"]["A2"].comment = Comment("felt well", "Excel")
        made["visits"]["A3"].comment = Comment("call 212-555-0187", "Excel")

    result = book(change)
    assert _found(result) == {(None, "free_text"), (None, "D")}
    assert result.problems.set_index("rule").loc["identifier:free_text", "n_rows"] == 2


@pytest.mark.parametrize(
    ("letter", "change"),
    [
        ("A", lambda made: setattr(made.properties, "creator", "Jane Quill")),
        ("A", lambda made: setattr(made.properties, "lastModifiedBy", "jquill")),
        ("H", lambda made: setattr(made.properties, "title", "MRN 00123456")),
        (
            "A",
            lambda made: (
                made["visits"].__setitem__("A2", made["visits"]["A2"].value) or _comment(made, "J. Quill")
            ),
        ),
        ("A", lambda made: made.defined_names.add(DefinedName("John_Doe", attr_text="visits!$A$1"))),
        ("D", lambda made: setattr(made["visits"].oddHeader.left, "text", "tel 212-555-0187")),
        ("F", lambda made: setattr(made["visits"]["A2"], "hyperlink", "mailto:j@example.org")),
        (
            "G",
            lambda made: made["visits"].insert_rows(1) or made["visits"].__setitem__("A1", "SSN 078-05-1120"),
        ),
        ("A", lambda made: setattr(made["visits"], "title", "Jane Doe")),
    ],
)
def test_what_lies_beside_the_cells_is_looked_at(book, letter, change):
    result = book(change)
    assert (None, letter) in _found(result)
    text = result.summary()
    assert not [
        word for word in ("Quill", "jquill", "00123456", "Doe", "555-0187", "j@", "1120") if word in text
    ]


def _comment(made, author: str) -> None:
    made["visits"]["A2"].comment = Comment("x", author)


def test_a_workbook_of_a_program_names_nobody(book):
    result = book(lambda made: None)
    assert result.problems.empty, result.summary()


def test_pictures_in_a_workbook_are_counted(book, tmp_path):
    book(lambda made: None)
    with zipfile.ZipFile(tmp_path / "clinic.xlsx", "a") as archive:
        archive.writestr("xl/media/image1.jpeg", b"no picture")
    assert (None, "Q") in _found(scan_file(tmp_path / "clinic.xlsx"), "note")


def test_an_index_of_a_parquet_file_is_looked_at_as_a_column(tmp_path):
    path = tmp_path / "clinic.parquet"
    FRAME[["side", "phq9"]].set_axis(["j@example.org", "b", "c"], axis=0).to_parquet(path)
    assert _found(scan_file(path)) == {("__index_level_0__", "F")}


def test_a_notebook_goes_through_the_same_door(tmp_path):
    path = tmp_path / "report.ipynb"
    path.write_text('{"cells": [{"cell_type": "code", "source": "x = \'j@example.org\'"}]}')
    assert scan_file(path).problems["table"].tolist() == ["cell 1"]
