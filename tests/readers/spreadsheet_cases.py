# ruff: noqa: E501
# fmt: off
"""The corpus of spreadsheets: each with the outcome that a clinic should get.

A case says the error and its rules, or how many rows are read, kept, set aside
and not mapped, by which rules, and what must be told. The figures are counted
by hand from the six rows of `spreadsheet_files.ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import openpyxl
from openpyxl.comments import Comment
from readers.spreadsheet_case import ALL_SCORES, fine, refused, scores
from readers.spreadsheet_file_cases import FILE_CASES
from readers.spreadsheet_files import (
    CANARY,
    HEADER,
    MAPPING,
    NUMBER,
    ROWS,
    SCORES,
    SESSIONS,
    Write,
    book,
    csv_file,
    csv_text,
    fill,
    good_book,
    of_sheets,
    part,
    raw,
    rows_with,
    saved,
    shared_strings,
    with_part,
    with_settings,
    zipped,
)

LIMITED = {"deidentification": "limited-data-set", "timezone": "America/New_York"}
START = datetime(2026, 2, 2, 9, 0)


def second_sheet(rows=ROWS, *, title="Old", state="visible", header=HEADER):
    """A further sheet."""

    def change(workbook) -> None:
        sheet = workbook.create_sheet(title)
        fill(sheet, [header, *rows])
        sheet.sheet_state = state

    return change


def on_first(*acts: Callable) -> Callable:
    """Acts on the first sheet."""

    def change(workbook) -> None:
        for act in acts:
            act(workbook.worksheets[0])

    return change


def comment(text: str) -> Callable:
    return lambda sheet: setattr(sheet["D3"], "comment", Comment(text, "reviewer"))


def hide_column(letter: str) -> Callable:
    return lambda sheet: setattr(sheet.column_dimensions[letter], "hidden", True)


def hide_row(number: int) -> Callable:
    return lambda sheet: setattr(sheet.row_dimensions[number], "hidden", True)


def lone_sheet(rows, *, top=1, left=1):
    """A workbook of one sheet that is filled from some cell on."""

    def make() -> bytes:
        workbook = openpyxl.Workbook()
        workbook.active.title = "Data"
        fill(workbook.active, rows, top=top, left=left)
        return saved(workbook)

    return raw("clinic.xlsx", make)


def dated_rows(first=START, make=lambda moment: moment):
    """The rows with moments in place of hours."""
    return [[row[0], make(first + timedelta(hours=row[1])), *row[2:]] for row in ROWS]


DATED = [HEADER[0], "when", *HEADER[2:]]
BY_DATE = {
    "patient": {"id": "record_id"},
    "cohort": LIMITED,
    "rows": [SESSIONS | {"columns": {"start": "when", "route": "route"}}, SCORES | {"columns": {"taken": "when", "score": "phq9_total"}}],
}


def by_date(**settings) -> dict:
    return BY_DATE | {"cohort": LIMITED | settings}


def hours_are_right(cohort) -> bool:
    """A day before and a week after the first session, whatever zone: no clock change lies between."""
    return sorted(cohort.scores["hour"].round(6)) == [-24, -24, 168, 168] and scores(cohort) == ALL_SCORES


def mac_dates(workbook) -> None:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    workbook.epoch = CALENDAR_MAC_1904


def formula(cell: str, value: str, written: str) -> Callable[[bytes], bytes]:
    """A formula with its stored value in place of a number."""

    def change(xml: bytes) -> bytes:
        start = xml.index(f'<c r="{cell}"'.encode())
        end = xml.index(b"</c>", start) + 4
        stored = f"<v>{value}</v>" if value else ""
        kind = ' t="str"' if value and not value.isdecimal() else ""
        return xml[:start] + f'<c r="{cell}"{kind}><f>{written}</f>{stored}</c>'.encode() + xml[end:]

    return part("xl/worksheets/sheet1.xml", change)


def error_cell(cell: str) -> Callable[[bytes], bytes]:
    return part("xl/worksheets/sheet1.xml", lambda xml: _replaced(xml, cell, f'<c r="{cell}" t="e"><v>#REF!</v></c>'))


def _replaced(xml: bytes, cell: str, new: str) -> bytes:
    start = xml.index(f'<c r="{cell}"'.encode())
    return xml[:start] + new.encode() + xml[xml.index(b"</c>", start) + 4 :]


def chart_sheet(workbook) -> None:
    from openpyxl.chart import BarChart, Reference

    chart = BarChart()
    chart.add_data(Reference(workbook.worksheets[0], min_col=2, min_row=1, max_row=7))
    workbook.create_chartsheet("Chart").add_chart(chart)


HIDDEN_BOOK = [
    fine("a workbook", book(), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("a workbook with shared strings", book(then=shared_strings), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("a hidden sheet that is not named", book(second_sheet(ROWS[:2], state="hidden")), rows=(8, 6, 0, 2), notes="hidden_sheet", then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("a very hidden sheet that is not named", book(second_sheet(ROWS[:2], state="veryHidden")), rows=(8, 6, 0, 2), notes="hidden_sheet"),
    fine("a hidden sheet that is named", book(second_sheet(ROWS[1:3], state="hidden")), of_sheets("Data", "Old"), rows=(8, 4, 0, 4), then=lambda cohort: scores(cohort) == [9, 20]),
    fine("a hidden column that is used", book(on_first(hide_column("D"))), notes="hidden_columns", then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("hidden rows", book(on_first(hide_row(3), hide_row(4))), notes="hidden_rows", then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("comments on cells", book(on_first(comment(f"call {CANARY} on 212-555-0147"))), notes="comments"),
    fine("a sheet named after a person", book(title="Maria Smith"), notes="sheet_name"),
    fine("two sheets named after persons", book(second_sheet(ROWS[1:2], title="John Miller"), title="Maria Smith"), rows=(7, 6, 1, 0), why={"duplicate_copy": 1}, notes="sheet_name"),
    fine("a sheet with a chart alone", book(chart_sheet), notes="sheets_without_cells"),
    fine("macros", book(name="clinic.xlsm", then=with_part("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0" + CANARY.encode())), notes="macros"),
    fine("a link to another workbook", book(then=with_part("xl/externalLinks/externalLink1.xml", b"<externalLink xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'/>")), notes="external_links"),
    fine("a ZIP file inside the workbook", book(then=with_part("xl/embeddings/inner.zip", zipped({"a.txt": bytes(900_000)})))),
]

SHAPES = [
    fine("merged cells in a mapped column", book(on_first(lambda sheet: sheet.merge_cells("A2:A4"))), rows=(6, 4, 2, 0), why={"no_patient": 2}, notes="merged_cells merged_column"),
    fine("merged cells in a column that is not mapped", book(on_first(lambda sheet: sheet.merge_cells("E2:E4"))), notes="merged_cells"),
    fine("title rows above the header", lone_sheet([["Register of " + CANARY], [None], ["printed", 2026], HEADER, *ROWS]), header_rows=4, notes="above_header"),
    fine("empty rows and columns before the table", lone_sheet([HEADER, *ROWS], top=4, left=3), header_rows=4),
    fine("empty rows inside the table", lone_sheet([HEADER, *ROWS[:3], [None], [None, " "], *ROWS[3:]])),
    fine("a second row of headers", lone_sheet([HEADER, [None, "hours", "how", "points", None], *ROWS]), rows=(7, 6, 1, 0), why={"no_patient": 1}),
    fine("a row of totals below the table", lone_sheet([HEADER, *ROWS, [None, None, None, NUMBER, None]]), rows=(7, 6, 1, 0), why={"no_patient": 1}),
    fine("a column without a name", lone_sheet([[*HEADER, None], *([*row, CANARY] for row in ROWS)])),
    fine("a repeated header that is not mapped", lone_sheet([[*HEADER, "remark"], *([*row, CANARY] for row in ROWS)]), notes="duplicate_header"),
    refused("a repeated header that is mapped", lone_sheet([[*HEADER, "hour"], *([*row, 1] for row in ROWS)]), "duplicate_header"),
    fine("a header with a line break and blanks", book(header=["record_id ", "hour", "route", "PHQ9\ntotal", "remark"]), MAPPING | {"rows": [SESSIONS, SCORES | {"columns": {"hour": "hour", "score": "PHQ9 total"}}]}),
    fine("seven hundred further columns", lone_sheet([[*HEADER, *(f"v{n}" for n in range(700))], *([*row, *range(700)] for row in ROWS)])),
    fine("a header in every sheet, rows in one", book(lambda workbook: fill(workbook.create_sheet("Empty"), [HEADER])), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("a sheet without anything", book(lambda workbook: workbook.create_sheet("Nothing"))),
    fine("a sheet without a header", book(lambda workbook: fill(workbook.create_sheet("Numbers"), [[1, 2], [3, 4]])), rows=(8, 6, 0, 2), header_rows={"Data": 1, "Numbers": 0}, notes="no_header"),
    refused("no sheet with a header", lone_sheet([[1, 2], [3, 4]]), "no_header"),
    refused("a workbook without a cell", lone_sheet([]), "config", raises="ConfigError"),
    fine("two sheets, each with its block", book(second_sheet(ROWS, title="Assessments"), rows=ROWS[::3]), of_sheets("Data", "Assessments"), rows=(8, 6, 0, 2)),
    refused("a mapping that names a column that is not there", book(), "config", {**MAPPING, "rows": [SESSIONS, SCORES | {"columns": {"hour": "hour", "score": "phq_9_total"}}]}, raises="ConfigError"),
    refused("a mapping that names a sheet that is not there", book(), "config", of_sheets("Data", "Skores"), raises="ConfigError"),
    refused("a mapping whose one sheet is hidden", book(second_sheet([["x", "y"]], header=["a", "b"]), then=part("xl/workbook.xml", lambda xml: xml.replace(b'name="Data" sheetId="1" state="visible"', b'name="Data" sheetId="1" state="hidden"'))), "config hidden_sheet", raises="ConfigError"),
]

CELLS = [
    fine("formulas with stored values", book(then=formula("D3", "20", "10+10")), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("a formula without a stored value", book(rows=rows_with(3, "phq9_total", "=10+10")), rows=(6, 5, 0, 1), notes="formula_without_value", then=lambda cohort: scores(cohort) == [9, 12, 18]),
    fine("a formula that shows nothing", book(then=part("xl/worksheets/sheet1.xml", lambda xml: _replaced(xml, "D3", '<c r="D3" t="str"><f>""</f><v></v></c>'))), rows=(6, 5, 0, 1)),
    fine("a hyperlink by formula", book(then=formula("E2", CANARY, 'HYPERLINK("http://example.org/x","y")'))),
    fine("a command by formula", book(rows=rows_with(2, "remark", "=cmd|' /C calc'!A0")), notes="formula_without_value"),
    fine("a command as text in CSV", csv_file(csv_text(rows_with(2, "remark", "=cmd|' /C calc'!A0" + CANARY)))),
    fine("an error in a mapped cell", book(then=error_cell("D3")), rows=(6, 5, 0, 1), notes="error_cells", then=lambda cohort: scores(cohort) == [9, 12, 18]),
    fine("an error as text", book(rows=rows_with(3, "phq9_total", "#N/A")), rows=(6, 5, 0, 1), notes="error_cells"),
    fine("ids with leading zeros", lone_sheet([HEADER, *(["00" + row[0][-1], *row[1:]] for row in ROWS)]), then=lambda cohort: sorted(cohort.patients["patient_id"]) == ["001", "002"]),
    fine("ids stored as numbers", lone_sheet([HEADER, *([float(row[0][-1]), *row[1:]] for row in ROWS)]), then=lambda cohort: sorted(cohort.patients["patient_id"]) == ["1", "2"]),
    fine("numbers stored as text", book(rows=rows_with(3, "phq9_total", "20")), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("blanks around cells", book(rows=rows_with(3, "phq9_total", " 20 ")), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("a decimal comma in a workbook", book(rows=rows_with(3, "phq9_total", "20,0")), rows=(6, 5, 1, 0), why={"decimal_comma": 1}),
    fine("a decimal comma that is declared", book(rows=rows_with(3, "phq9_total", "20,0")), with_settings(decimal=","), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("a declared decimal comma and fractions stored as numbers", book(rows=rows_with(3, "hour", -24.5)), with_settings(decimal=","), then=lambda cohort: -24.5 in set(cohort.scores["hour"])),
    fine("a thousands separator", csv_file(csv_text(rows_with(3, "phq9_total", '"1,020"'))), rows=(6, 5, 1, 0), why={"decimal_comma": 1}),
    fine("a percent sign in CSV", csv_file(csv_text(rows_with(3, "phq9_total", "20%"))), rows=(6, 5, 1, 0), why={"not_a_number": 1}),
    fine("per cent in a mapped column", book(on_first(lambda sheet: setattr(sheet["D3"], "number_format", "0%"))), notes="percent"),
    fine("words in a column of numbers", book(rows=rows_with(3, "phq9_total", CANARY)), rows=(6, 5, 1, 0), why={"not_a_number": 1}),
    fine("a score out of range", book(rows=rows_with(3, "phq9_total", int(NUMBER))), rows=(6, 5, 1, 0), why={"score_range": 1}),
    fine("a carriage return as a workbook writes it", book(rows=rows_with(3, "phq9_total", "20_x000D_")), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("yes and no stored as truth values", book(rows=[[*row[:4], row[2] == "IV"] for row in ROWS]), {**MAPPING, "rows": [SESSIONS | {"columns": {"hour": "hour", "route": "route", "stopped_early": "remark"}}, SCORES]}, then=lambda cohort: cohort.sessions["stopped_early"].tolist() == [True, False]),
    fine("twenty thousand formatted rows without cells", book(then=part("xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"</sheetData>", b"".join(b'<row r="%d"><c r="A%d"/></row>' % (n, n) for n in range(8, 20_008)) + b"</sheetData>")))),
]

DATES = [
    fine("moments", book(header=DATED, rows=dated_rows()), BY_DATE, then=hours_are_right),
    fine("moments counted from 1904", book(mac_dates, header=DATED, rows=dated_rows()), BY_DATE, then=hours_are_right),
    fine("days", book(header=DATED, rows=dated_rows(make=datetime.date)), BY_DATE, then=lambda cohort: not cohort.sessions["clock_known"].any()),
    fine("dates as words beside dates, in the declared form", book(header=DATED, rows=[[row[0], row[1] if n % 2 else row[1].strftime("%d/%m/%Y %H:%M"), *row[2:]] for n, row in enumerate(dated_rows())]), by_date(date_format="%d/%m/%Y %H:%M"), notes="mixed_column", then=hours_are_right),
    refused("dates as words beside dates, nothing declared", book(header=DATED, rows=[[row[0], row[1] if n % 2 else row[1].strftime("%d/%m/%Y"), *row[2:]] for n, row in enumerate(dated_rows())]), "mixed_dates", BY_DATE),
    refused("serial numbers for dates in CSV", csv_file(csv_text([[row[0], 46055 + row[1] / 24, *row[2:]] for row in ROWS], DATED)), "excel_date", BY_DATE),
    refused("dates in a cohort that allows none", book(header=DATED, rows=dated_rows()), "identifier:C", BY_DATE | {"cohort": {}}, raises="PrivacyError"),
]


def items(totals: tuple[int, int]) -> Write:
    """One assessment each with its nine items, all 2; the total is 18."""
    header = ["record_id", "hour", "route", "phq9_total", *(f"phq9_{n}" for n in range(1, 10))]
    rows = [[f"QX770{n}", hour, route, total, *([2] * 9 if total is not None else [None] * 9)] for n, total in enumerate(totals, 1) for hour, route, total in ((0, "IV", None), (-24, None, total))]
    return csv_file(csv_text(rows, header))


ITEMS = {**MAPPING, "rows": [SESSIONS, SCORES | {"columns": {"hour": "hour", "score": "phq9_total"} | {f"i{n}": f"phq9_{n}" for n in range(1, 10)}}]}
WIDE = csv_text([["QX7701", "IV", 20, 11, 9], ["QX7702", "IM", 18, None, 12]], ["record_id", "route", "phq9_d0", "phq9_d7", "phq9_d14"])
BY_DAY = {
    "patient": {"id": "record_id"},
    "rows": [SESSIONS | {"columns": {"route": "route"}, "constants": {"hour": "0"}}, *({"table": "scores", "columns": {"score": f"phq9_d{day}"}, "constants": {"instrument": "PHQ-9", "day": str(day), "timing": "pre" if day == 0 else "remote"}} for day in (0, 7, 14))],
}

TEXTS = [
    fine("CSV", csv_file(csv_text()), then=lambda cohort: scores(cohort) == ALL_SCORES),
    fine("tabs", csv_file(csv_text(separator="\t"), name="clinic.tsv")),
    fine("a text file with semicolons and decimal commas", csv_file(csv_text(rows_with(3, "hour", "-24,5"), separator=";"), name="clinic.txt"), notes="decimal_comma_read", then=lambda cohort: -24.5 in set(cohort.scores["hour"])),
    fine("a byte order mark and carriage returns", csv_file(csv_text(end="\r\n"), encoding="utf-8-sig")),
    refused("Latin-1 that is not declared", csv_file(csv_text(rows_with(2, "remark", "dépressif")), encoding="latin-1"), "encoding"),
    fine("Latin-1 that is declared", csv_file(csv_text(rows_with(2, "remark", "dépressif")), encoding="latin-1"), with_settings(encoding="latin-1")),
    refused("UTF-16", csv_file(csv_text(), encoding="utf-16"), "not_text"),
    fine("ragged rows", csv_file(csv_text() + f"QX7701,200\nQX7702,200,,3,{CANARY},4\n"), rows=(8, 6, 2, 0), why={"too_few_cells": 1, "too_many_cells": 1}),
    fine("blank lines", csv_file(csv_text().replace("QX7702,0", "\n,,,,\nQX7702,0")), notes="blank_lines"),
    fine("rows of nobody", csv_file(csv_text([*ROWS, [None, 300, None, 3, CANARY]])), rows=(7, 6, 1, 0), why={"no_patient": 1}),
    refused("an open quotation mark", csv_file(csv_text(rows_with(4, "remark", '"' + CANARY))), "quotes"),
    fine("items whose total fits and one that does not", items((18, 17)), ITEMS, rows=(4, 3, 1, 0), why={"items_total": 1}),
    fine("one column per day", csv_file(WIDE), BY_DAY, rows=(2, 2, 0, 0), then=lambda cohort: scores(cohort) == [9, 11, 12, 18, 20]),
    refused("a web page by the name of CSV", raw("clinic.csv", b"<html><table><tr><td>zqxcanary</td></tr></table></html>"), "not_text"),
    refused("a workbook by the name of CSV", raw("clinic.csv", good_book), "not_text"),
    refused("an empty file", raw("clinic.csv", b""), "empty_file"),
    refused("a column named as a record number", csv_file(csv_text(header=["MRN", *HEADER[1:]])), "identifier:H", MAPPING | {"patient": {"id": "MRN"}}, raises="PrivacyError"),
    refused("e-mail addresses in a column that is taken", csv_file(csv_text(rows_with(2, "remark", f"{CANARY}@example.org"))), "identifier:F", {**MAPPING, "rows": [SESSIONS | {"columns": {"hour": "hour", "route": "route", "setting": "remark"}}, SCORES]}, raises="PrivacyError"),
    fine("e-mail addresses in a column that is not taken", csv_file(csv_text(rows_with(2, "remark", f"{CANARY}@example.org")))),
]

CASES = (*HIDDEN_BOOK, *SHAPES, *CELLS, *DATES, *TEXTS, *FILE_CASES)
