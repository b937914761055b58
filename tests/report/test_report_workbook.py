"""The workbook: numbers are numbers, text is text, nothing leads outside, the same bytes each time."""

import datetime
import io
import re
import time
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from ketaoutcomes.report.files import csv_text
from ketaoutcomes.report.workbook import CONTENTS, sheet_names, workbook_bytes

ABOUT = [("title", "A title"), ("month", "2026-09")]
FORMULAS = (
    "=1+1",
    "+1+cmd",
    "-1+cmd",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1",
    "#N/A",
    '=HYPERLINK("http://x")',
    "{=A1}",
)


def opened(tables, about=ABOUT):
    return openpyxl.load_workbook(io.BytesIO(workbook_bytes(tables, about=about)))


def parts(content):
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return {name: package.read(name) for name in package.namelist()}


@pytest.fixture(scope="module", params=["shown", "suppressed"])
def report(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def book(report):
    return openpyxl.load_workbook(io.BytesIO(report.xlsx))


def test_each_table_has_a_sheet_with_the_cells_of_its_csv_file(report, book):
    names = {
        row[1].value: row[0].value for row in book[CONTENTS].iter_rows() if row[0].value in book.sheetnames
    }
    assert set(names) == set(report.tables)
    assert len(book.sheetnames) == len(report.tables) + 1
    for name, table in report.tables.items():
        read = pd.read_csv(io.StringIO(csv_text(table)), dtype=str, keep_default_na=False)
        rows = list(book[names[name]].iter_rows(values_only=True))
        assert list(rows[0]) == list(table.columns) == list(read.columns)
        assert len(rows) == len(read) + 1
        for cells, texts in zip(rows[1:], read.itertuples(index=False), strict=True):
            for cell, text in zip(cells, texts, strict=True):
                if isinstance(cell, bool):
                    assert text == str(cell).lower()
                elif isinstance(cell, int | float):
                    assert float(text) == cell
                else:
                    assert (cell or "") == text


def test_the_contents_name_title_banner_month_and_input(report, book):
    words = [str(cell.value) for row in book[CONTENTS].iter_rows() for cell in row if cell.value is not None]
    assert {report.title, report.month, report.manifest["cohort"]["fingerprint"]} <= set(words)
    assert set(report.page.masthead.banners) <= set(words)


def test_headers_are_frozen_and_columns_wide_enough_for_their_names(report, book):
    for sheet in book.worksheets[1:]:
        assert sheet.freeze_panes == "A2"
        for cell in sheet[1]:
            assert sheet.column_dimensions[cell.column_letter].width >= min(len(cell.value), 58)


def test_no_cell_is_a_formula_and_nothing_leads_outside(report):
    for name, body in parts(report.xlsx).items():
        assert not re.search(r"externalLink|vbaProject|hyperlink|connections|comments|embeddings", name)
        text = body.decode("utf-8")
        assert not re.search(r"<f[ >/]|<hyperlink|TargetMode|<definedName |<externalReference", text)


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_looks_like_a_formula_is_text_as_cell_and_as_column(text):
    book = opened({"a": pd.DataFrame({text: [text], "n": [1]})}, about=[("title", text), (text, "x")])
    cells = [
        cell
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    ]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    found = [cell for cell in cells if str(cell.value).strip() == text.strip()]
    assert len(found) == 4
    if text[0] not in "#{":
        assert all(cell.quotePrefix for cell in found)


def test_numbers_truths_missing_and_infinite_cells_keep_their_kind():
    table = pd.DataFrame(
        {
            "x": [1 / 3, np.nan, np.inf],
            "n": pd.array([3, None, 1], dtype="Int64"),
            "b": [True, False, True],
            "t": pd.array(["", None, "-8.1"], dtype="str"),
        }
    )
    rows = list(opened({"a": table})["a"].iter_rows(min_row=2, values_only=True))
    assert rows[0] == (0.3333333333, 3, True, None)
    assert rows[1] == (None, None, False, None)
    assert rows[2] == ("inf", 1, True, "-8.1")


def test_control_signs_that_a_workbook_cannot_hold_are_left_out():
    assert opened({"a": pd.DataFrame({"t": ["a\x00b\x0bc"]})})["a"]["A2"].value == "abc"


def test_names_of_sheets_are_short_different_and_without_forbidden_signs():
    names = ["a" * 40, "a" * 40 + "b", "A" * 40, CONTENTS, "Contents", "x/y:z*?[]\\'", ""]
    found = list(sheet_names(names).values())
    assert len({name.casefold() for name in found}) == len(names)
    assert all(0 < len(name) <= 31 and not re.search(r"[\[\]:*?/\\']", name) for name in found)
    assert CONTENTS not in {name.casefold() for name in found}
    assert sheet_names(["side_effects"]) == {"side_effects": "side_effects"}


def test_the_same_tables_give_the_same_bytes_at_another_time(monkeypatch):
    tables = {"b": pd.DataFrame({"x": [1.5]}), "a": pd.DataFrame({"y": ["text"]})}
    first = workbook_bytes(tables, about=ABOUT)
    later = time.time() + 86400 * 400
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(later))

    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2031, 5, 6, 7, 8, 9, tzinfo=tz)

    monkeypatch.setattr(datetime, "datetime", Later)
    assert workbook_bytes(dict(reversed(tables.items())), about=ABOUT) == first
    assert b"1980-01-01T00:00:00Z" in parts(first)["docProps/core.xml"]
    assert not re.search(
        rb"20[23]\d-", b"".join(body for name, body in parts(first).items() if "docProps" in name)
    )
