"""Sheets of a workbook as text: every kind of cell, the header, and what a sheet holds beside its cells."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta

import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from readers.spreadsheet_files import (
    CANARY,
    HEADER,
    ROWS,
    book,
    chain,
    fill,
    part,
    parts_of,
    raw,
    saved,
    shared_strings,
    sheet_xml,
    zipped,
)

from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError
from ketaoutcomes.readers import package, sheet_layout
from ketaoutcomes.readers.cell_text import CellWriter, has_clock
from ketaoutcomes.readers.workbook import open_workbook, read_workbook


def sheet_of(tmp_path, rows, *, formats=None, header=None, settings=None, top=1, left=1, then=None):
    """The one sheet of a workbook of these rows; `formats` are number formats by cell."""
    workbook = openpyxl.Workbook()
    fill(workbook.active, rows, top=top, left=left)
    for cell, number_format in (formats or {}).items():
        workbook.active[cell].number_format = number_format
    data = saved(workbook)
    path = raw("clinic.xlsx", data if then is None else then(data))(tmp_path)
    (sheet,) = read_workbook(path, header=header, settings=settings)
    return sheet


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (7, None, "7"),
        (7.0, None, "7"),
        (-0.5, None, "-0.5"),
        (0.1, "0%", "0.1"),
        (1 / 3, "0.00", "0.3333333333333333"),
        (12345678901234, None, "12345678901234"),
        (1e22, None, "1e+22"),
        (True, None, "yes"),
        (False, None, "no"),
        ("007", None, "007"),
        ("NA", None, "NA"),
        ("None", None, "None"),
        (" padded ", None, " padded "),
        (date(2026, 3, 1), None, "2026-03-01"),
        (datetime(2026, 3, 1), "yyyy-mm-dd", "2026-03-01"),
        (datetime(2026, 3, 1), "d mmm yyyy", "2026-03-01"),
        (datetime(2026, 3, 1), "yyyy-mm-dd hh:mm", "2026-03-01 00:00:00"),
        (datetime(2026, 3, 1, 9, 5), "yyyy-mm-dd hh:mm", "2026-03-01 09:05:00"),
        (datetime(2026, 3, 1, 9, 5), "yyyy-mm-dd", "2026-03-01 09:05:00"),
        (datetime(2026, 3, 1), '[$-409]d "hours" mmmm yyyy', "2026-03-01"),
        (datetime(1899, 12, 31) + timedelta(days=1), "yyyy-mm-dd", "1900-01-01"),
        (time(9, 10), "h:mm", "09:10:00"),
        (timedelta(hours=26, minutes=3, seconds=4), "[h]:mm:ss", "26:03:04"),
    ],
)
def test_a_cell_is_written_as_a_person_would_type_it(tmp_path, value, number_format, text):
    formats = {"B2": number_format} if number_format else None
    sheet = sheet_of(tmp_path, [["id", "value"], ["a", value]], formats=formats)
    assert sheet.frame["value"].tolist() == [text]
    assert sheet.frame["value"].dtype == "str"


@pytest.mark.parametrize(
    ("number_format", "clock"),
    [
        ("yyyy-mm-dd", False),
        ("yyyy-mm-dd hh:mm", True),
        ("mm/dd/yy h:mm AM/PM", True),
        ("General", False),
        ('d. mmmm yyyy "Uhr, sehr"', False),
        (r"d\-m\-yyyy\h", False),
        ("[h]:mm", True),
        ("[Red]yyyy-mm-dd;[Blue]hh", False),
        ("[$-407]dd.mm.yyyy", False),
        (None, False),
        ("", False),
    ],
)
def test_a_number_format_shows_a_clock_time_or_not(number_format, clock):
    # "General" has no letter of a clock; what stands in quotes, brackets or behind a backslash is literal.
    assert has_clock(number_format) is clock


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=300, deadline=None)
def test_a_number_comes_back_from_its_text_without_loss(value):
    text = CellWriter().number(value)
    assert float(text) == value
    assert not text.endswith(".0")
    assert float(CellWriter(",").number(value).replace(",", ".")) == value


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_is_missing(value):
    assert CellWriter().number(value) is None


def test_numbers_and_dates_are_written_as_the_cohort_declares_them(tmp_path):
    rows = [["day", "moment", "dose"], [date(2026, 3, 1), datetime(2026, 3, 1, 9, 5), 0.5]]
    declared = Settings(decimal=",", date_format="%d/%m/%Y", deidentification="limited-data-set")
    sheet = sheet_of(tmp_path, rows, settings=declared)
    assert sheet.frame.iloc[0].tolist() == ["01/03/2026", "01/03/2026 09:05:00", "0,5"]


def test_a_table_comes_back_as_it_was_written(tmp_path):
    rng = np.random.default_rng(7)
    rows = [
        [f"P{n // 20:04d}", n % 20, round(float(rng.normal()), 6), int(rng.integers(28))]
        for n in range(3_000)
    ]
    sheet = sheet_of(tmp_path, [["id", "day", "z", "score"], *rows])
    expected = [[row[0], str(row[1]), repr(row[2]), str(row[3])] for row in rows]
    assert sheet.frame.to_numpy().tolist() == expected
    assert sheet.row_numbers.tolist() == list(range(2, 3_002))


def test_shared_strings_read_as_strings_in_their_cells(tmp_path):
    (plain,) = read_workbook(book()(tmp_path))
    (shared,) = read_workbook(book(then=shared_strings, name="shared.xlsx")(tmp_path))
    assert shared.frame.equals(plain.frame)
    assert plain.frame.columns.tolist() == HEADER
    assert plain.frame["hour"].tolist() == [str(row[1]) for row in ROWS]


def test_a_size_that_the_sheet_gets_wrong_loses_no_cell(tmp_path):
    change = part("xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'ref="A1:E7"', b'ref="A1:B2"'))
    (sheet,) = read_workbook(book(then=change)(tmp_path))
    assert sheet.frame.shape == (6, 5)


def test_the_header_is_the_first_row_of_two_or_more_words(tmp_path):
    rows = [["Register"], [None, "printed", 2026], ["id", "score"], ["a", 1], [None, None], ["b", 2]]
    sheet = sheet_of(tmp_path, rows, top=3, left=2)
    assert sheet.header_row == 5
    assert sheet.n_above == 2
    assert sheet.frame.columns.tolist() == ["id", "score"]
    assert sheet.frame.to_numpy().tolist() == [["a", "1"], ["b", "2"]]
    assert sheet.row_numbers.tolist() == [6, 8]


def test_the_row_of_the_header_can_be_given(tmp_path):
    rows = [["Clinic", "confidential"], ["id", 2026], ["a", 1]]
    assert sheet_of(tmp_path, rows).header_row == 1
    sheet = sheet_of(tmp_path, rows, header=2)
    assert sheet.frame.columns.tolist() == ["id", "2026"]
    assert sheet.frame.to_numpy().tolist() == [["a", "1"]]
    assert sheet_of(tmp_path, rows, header={"Sheet": 2}).header_row == 2
    assert sheet_of(tmp_path, rows, header={"Other": 2}).header_row == 1
    with pytest.raises(DataError, match="header says that row 9 is the header") as caught:
        sheet_of(tmp_path, rows, header=9)
    assert caught.value.problems[0].rule == "header_row"


def test_names_of_columns_may_repeat_or_be_empty(tmp_path):
    sheet = sheet_of(tmp_path, [["id", "x", "x", None], ["a", 1, 2, 3]])
    assert sheet.frame.columns.tolist() == ["id", "x", "x", ""]
    assert sheet.frame.iloc[0].tolist() == ["a", "1", "2", "3"]


def test_formulas_are_counted_and_so_are_those_without_a_value(tmp_path):
    cells = (
        ('<c r="B3"><v>5</v></c>', '<c r="B3"><f>2+3</f><v>5</v></c>'),
        ('<c r="B4"><v>6</v></c>', '<c r="B4"><f>2+4</f><v></v></c>'),
        ('<c r="B5"><v>7</v></c>', '<c r="B5" t="str"><f>""</f><v></v></c>'),
        ('<c r="B6"><v>8</v></c>', '<c r="B6"><f>8</f>\n</c>'),
    )
    edit = chain(lambda data: data, *(_edit(*pair) for pair in cells))
    rows = [["id", "x"], *([name, value] for name, value in zip("abcde", range(4, 9), strict=True))]
    sheet = sheet_of(tmp_path, rows, then=edit)
    assert (sheet.n_formulas, sheet.n_without_value) == (4, 2)
    assert sheet.frame["x"].fillna("").tolist() == ["4", "5", "", "", ""]


def _edit(old, new):
    """A replacement that does not mind how openpyxl names the kind of a number."""
    return part(
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b' t="n"', b"").replace(old.encode(), new.encode()),
    )


def test_a_row_of_formulas_without_values_is_still_a_row(tmp_path):
    sheet = sheet_of(tmp_path, [["id", "x"], ["a", 1], ["=A2", "=B2"]])
    assert sheet.row_numbers.tolist() == [2, 3]
    assert sheet.frame.iloc[1].isna().all()
    assert sheet.n_without_value == 2


def test_what_a_sheet_hides_is_told_in_places_of_the_frame(tmp_path):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    fill(sheet, [["id", "x", "y", "z"], ["a", 1, 2, 3], ["b", 4, 5, 6], ["c", 7, 8, 9]], top=2, left=2)
    sheet.column_dimensions.group("C", "D", hidden=True)
    sheet.column_dimensions["J"].hidden = True
    for row in (1, 4):
        sheet.row_dimensions[row].hidden = True
    (found,) = read_workbook(raw("clinic.xlsx", saved(workbook))(tmp_path))
    assert found.hidden_columns == (1, 2)
    assert found.hidden_rows == (4,)


def test_merged_cells_are_counted_by_column_below_the_header(tmp_path):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    fill(sheet, [["id", "x", "y"], *([f"p{n}", n, n] for n in range(8))])
    for area in ("A2:A4", "B6:C7", "A1:A1", "C9:F9"):
        sheet.merge_cells(area)
    (found,) = read_workbook(raw("clinic.xlsx", saved(workbook))(tmp_path))
    # A3 and A4; B7 (B6 has the value); C6 and C7. C9 keeps its value, and D9 to F9 are no columns.
    assert dict(found.merged_columns) == {0: 2, 1: 1, 2: 2}
    assert found.n_merged == 4


def test_comments_are_counted_and_kept_for_the_search_for_identifiers_alone(tmp_path):
    workbook = openpyxl.Workbook()
    fill(workbook.active, [["id", "x"], ["a", 1]])
    workbook.active["A2"].comment = Comment(f"call {CANARY}", "reviewer")
    workbook.active["B2"].comment = Comment("twice", "reviewer")
    (sheet,) = read_workbook(raw("clinic.xlsx", saved(workbook))(tmp_path))
    assert sheet.n_comments == 2
    assert any(CANARY in text for text in sheet.comments)
    assert CANARY not in repr(sheet)


def test_a_threaded_comment_and_its_copy_are_one(tmp_path):
    workbook = openpyxl.Workbook()
    fill(workbook.active, [["id", "x"], ["a", 1]])
    workbook.active["A2"].comment = Comment("[Threaded comment] see there", "x")
    parts = parts_of(saved(workbook))
    relations = "xl/worksheets/_rels/sheet1.xml.rels"
    kind = b"http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"
    link = b'<Relationship Id="t1" Type="%s" Target="../threadedComments/threadedComment1.xml"/>' % kind
    parts[relations] = parts[relations].replace(b"</Relationships>", link + b"</Relationships>")
    threaded = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"
    comment = f'<threadedComment ref="A2"><text>{CANARY}</text></threadedComment>'
    text = f'<ThreadedComments xmlns="{threaded}">{comment}</ThreadedComments>'
    parts["xl/threadedComments/threadedComment1.xml"] = text.encode()
    (sheet,) = read_workbook(raw("clinic.xlsx", zipped(parts))(tmp_path))
    assert sheet.n_comments == 1
    assert CANARY in sheet.comments


def test_a_sheet_named_after_a_person_is_called_by_its_number(tmp_path):
    workbook = openpyxl.Workbook()
    workbook.active.title = "Scores"
    fill(workbook.create_sheet("Maria Smith"), [["id", "x"], ["a", 1]])
    first, second = read_workbook(raw("clinic.xlsx", saved(workbook))(tmp_path))
    assert (first.label, second.label, second.name) == ("Scores", "sheet number 2", "Maria Smith")
    assert "Maria" not in repr(second)


def test_a_workbook_tells_its_macros_links_and_charts(tmp_path):
    data = zipped(parts_of(saved(openpyxl.Workbook())) | {"xl/vbaProject.bin": b"x"})
    found = open_workbook(raw("clinic.xlsm", data)(tmp_path))
    assert (found.has_macros, found.n_links, found.n_without_cells) == (True, 0, 0)
    (sheet,) = found.sheets
    assert sheet.frame.shape == (0, 0)
    assert sheet.header_row is None


def test_a_sheet_as_wide_as_a_sheet_can_be_is_read(tmp_path):
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("Wide")
    sheet.append([f"v{n}" for n in range(16_384)])
    sheet.append(list(range(16_384)))
    (found,) = read_workbook(raw("clinic.xlsx", saved(workbook))(tmp_path))
    assert found.frame.shape == (1, 16_384)
    assert found.frame.iloc[0, -1] == "16383"


def test_a_column_beyond_the_sheet_is_refused(tmp_path):
    with pytest.raises(DataError) as caught:
        read_workbook(book(then=sheet_xml('r="E2"', 'r="XFE2"'))(tmp_path))
    assert caught.value.problems[0].rule == "bad_workbook"


def test_a_sheet_whose_frame_would_fill_the_memory_is_refused(tmp_path):
    # 16,384 columns and 4,000 rows of one cell each: 65 million cells of which nearly all are empty.
    header = "".join(
        f'<c r="{openpyxl.utils.get_column_letter(n)}1" t="str"><v>v</v></c>' for n in range(1, 16_385)
    )
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in range(2, 4_002))
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = f'<sheetData><row r="1">{header}</row>{rows}</sheetData>'
    xml = f'<worksheet xmlns="{space}">{cells}</worksheet>'
    data = zipped(parts_of(saved(openpyxl.Workbook())) | {"xl/worksheets/sheet1.xml": xml.encode()})
    with pytest.raises(DataError) as caught:
        read_workbook(raw("clinic.xlsx", data)(tmp_path))
    assert caught.value.problems[0].rule == "too_large"


def test_a_cell_that_is_too_long_is_told_by_its_place(tmp_path):
    change = part("xl/worksheets/sheet1.xml", lambda xml: xml.replace(CANARY.encode(), b"y" * 32_768))
    with pytest.raises(DataError) as caught:
        read_workbook(book(then=change)(tmp_path))
    (problem,) = caught.value.problems
    assert (problem.table, problem.first_row) == ("clinic.xlsx, Data", 2)
    assert "column number 5" in problem.message


@pytest.mark.parametrize("path", [None, 5, ["clinic.xlsx"]])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(DataError, match="file must be a path"):
        read_workbook(path)


def rows_ending_in(column: str, n_rows: int) -> bytes:
    """A workbook of rows with one cell each, in the given column."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rows = "".join(f'<row r="{n}"><c r="{column}{n}"><v>{n}</v></c></row>' for n in range(1, n_rows + 1))
    xml = f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'
    return zipped(parts_of(saved(openpyxl.Workbook())) | {"xl/worksheets/sheet1.xml": xml.encode()})


def test_one_cell_at_the_far_right_of_each_row_counts_as_the_whole_row(tmp_path, monkeypatch):
    # XFD is column 16,384; 40 rows up to it have 655,360 cells.
    monkeypatch.setattr(sheet_layout, "MOST_CELLS", 655_360)
    (found,) = read_workbook(raw("clinic.xlsx", rows_ending_in("XFD", 40))(tmp_path))
    assert found.frame.shape == (40, 1)
    monkeypatch.setattr(sheet_layout, "MOST_CELLS", 655_359)
    with pytest.raises(DataError) as caught:
        read_workbook(raw("clinic.xlsx", rows_ending_in("XFD", 40))(tmp_path))
    assert caught.value.problems[0].rule == "too_large"


def test_a_part_beside_the_sheets_may_not_have_elements_without_end(tmp_path, monkeypatch):
    def with_elements(n):
        own = {"customXml/item1.xml": b"<a>" + b"<b/>" * n + b"</a>"}
        return zipped(parts_of(saved(openpyxl.Workbook())) | own)

    monkeypatch.setattr(package, "MOST_TAGS", 1_000)
    # Two tags for the element around them.
    assert len(read_workbook(raw("clinic.xlsx", with_elements(998))(tmp_path))) == 1
    with pytest.raises(DataError) as caught:
        read_workbook(raw("clinic.xlsx", with_elements(999))(tmp_path))
    assert caught.value.problems[0].rule == "unsafe_workbook"
