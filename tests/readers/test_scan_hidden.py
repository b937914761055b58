"""Texts in every part of a workbook, and in the metadata of Parquet and SPSS files, are looked at."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ketaoutcomes.readers import scan_package, scan_parquet
from ketaoutcomes.readers.scan import scan_file

MAIL = "j@example.org"
SHEET = "xl/worksheets/sheet1.xml"


def _rules(result, severity: str = "privacy") -> set[str]:
    rows = result.problems[result.problems["severity"] == severity]
    return {str(rule).removeprefix("identifier:") for rule in rows["rule"]}


def _book(path, *, rows=(), parts=(), sheet=None, change=None):
    """Save a workbook of one harmless sheet with rows above, parts added, and its XML changed before
    `<pageMargins`."""
    made = openpyxl.Workbook()
    for row in (*rows, ["side", "arm"], ["left", "one"], ["right", "two"]):
        made.active.append(row)
    if change:
        change(made.active)
    made.save(path)
    data = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == SHEET and sheet:
                text = text.replace(b"<pageMargins", sheet.encode() + b"<pageMargins")
            new.writestr(name, text)
        for name, text in dict(parts).items():
            new.writestr(name, text)
    return scan_file(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("customXml/item1.xml", "<p><a>1</a><n>{}</n><b>2</b></p>"),
        ("xl/drawings/vmlDrawing1.vml", "<xml><v:textbox>{}<br></v:textbox></xml>"),
        ("xl/drawings/drawing1.xml", '<x:wsDr xmlns:x="u"><x:cNvPr id="2" name="a" descr="{}"/></x:wsDr>'),
        ("xl/revisions/revisionLog1.xml", "<revisions><rcc><oc><is><t>{}</t></is></oc></rcc></revisions>"),
        ("xl/comments9.xml", "<comments><comment ref='A1'><text><t>{}</t></text></comment></comments>"),
        ("xl/slicerCaches/slicerCache1.xml", '<s><i n="{}"/></s>'),
        ("xl/tables/table1.xml", '<table comment="{}" displayName="T"/>'),
        ("xl/externalLinks/externalLink1.xml", "<e><cell t='str'><v>{}</v></cell></e>"),
        ("xl/queryTables/queryTable1.xml", '<queryTable name="{}"/>'),
        ("xl/pivotCache/pivotCacheDefinition1.xml", '<p><s v="{}"/></p>'),
        ("xl/worksheets/sheet9.xml", '<worksheet><c r="A1" t="str"><v>{}</v></c></worksheet>'),
        ("xl/x.xml", "<x><!-- {} --></x>"),
        ("xl/media/{}.bin", "x"),
    ],
)
def test_every_part_of_a_workbook_is_looked_at(tmp_path, name, text):
    path = tmp_path / "clinic.xlsx"
    result = _book(path, parts={name.format(MAIL): text.format(MAIL)})
    assert "F" in _rules(result)
    assert MAIL not in result.summary()


@pytest.mark.parametrize(
    "sheet",
    [
        '<conditionalFormatting sqref="A2"><cfRule type="expression" priority="1">'
        '<formula>$A2="{}"</formula></cfRule></conditionalFormatting>',
        '<dataValidations count="1"><dataValidation type="whole" prompt="{}" sqref="B2">'
        "<formula1>0</formula1></dataValidation></dataValidations>",
        '<scenarios><scenario name="{0}" comment="{0}"><inputCells r="A1" val="{0}"/></scenario></scenarios>',
        '<hyperlinks><hyperlink ref="A2" location="A1" tooltip="{}"/></hyperlinks>',
        "<headerFooter><oddHeader>&amp;L{}</oddHeader></headerFooter>",
    ],
)
def test_what_a_sheet_holds_beside_its_cells_is_looked_at(tmp_path, sheet):
    assert "F" in _rules(_book(tmp_path / "clinic.xlsx", sheet=sheet.format(MAIL)))


def test_a_literal_in_a_formula_and_one_in_a_format_of_numbers_are_looked_at(tmp_path):
    def formula(sheet):
        sheet["C2"] = f'=IF(A2="{MAIL}",1,0)'

    def form(sheet):
        sheet["B2"].number_format = f'"{MAIL}" 0'

    assert "F" in _rules(_book(tmp_path / "one.xlsx", change=formula))
    assert "F" in _rules(_book(tmp_path / "two.xlsx", change=form))


def test_numbers_and_dates_above_the_header_are_looked_at(tmp_path):
    rows = [["Chart of MRN", 884213], ["seen", pd.Timestamp("2024-03-09")], [2125550187]]
    assert {"H", "C", "D"} <= _rules(_book(tmp_path / "clinic.xlsx", rows=rows))


def test_users_of_a_shared_workbook_are_persons(tmp_path):
    parts = {"xl/revisions/userNames.xml": '<users><userInfo name="X. Quill"/></users>'}
    assert "A" in _rules(_book(tmp_path / "clinic.xlsx", parts=parts))


def test_places_sizes_and_identities_of_shapes_are_no_identifiers(tmp_path):
    drawing = (
        '<x:wsDr xmlns:x="http://schemas.example.org/a"><x:ext cx="2125550187" cy="5486400"/>'
        '<x:cNvPr id="1" name="Chart 1025" uid="{550e8400-e29b-41d4-a716-446655440000}"/>'
        '<c:axId xmlns:c="u" val="2094734552"/></x:wsDr>'
    )
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.example.org/image" Target="../media/a.png"/>'
        "</Relationships>"
    )
    parts = {"xl/drawings/drawing1.xml": drawing, "xl/drawings/_rels/drawing1.xml.rels": rels}
    assert _book(tmp_path / "clinic.xlsx", parts=parts).problems.empty


def test_a_workbook_with_more_in_it_than_is_looked_at_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(scan_package, "MOST_ELEMENTS", 50)
    result = _book(tmp_path / "clinic.xlsx", parts={"xl/x.xml": "<x>" + "<a/>" * 100 + "</x>"})
    assert _rules(result, "error") == {"too_large"}
    assert not result.ok


def test_metadata_of_a_parquet_column_and_words_that_no_row_has_are_looked_at(tmp_path):
    path = tmp_path / "clinic.parquet"
    field = pa.field("side", pa.int64(), metadata={"comment": f"ask {MAIL}"})
    pq.write_table(pa.table([pa.array([1, 2])], schema=pa.schema([field])), path)
    assert _rules(scan_file(path)) == {"F"}
    words = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int8()), pa.array(["left", MAIL]))
    pq.write_table(pa.table({"side": words}), path)
    result = scan_file(path)
    assert _rules(result) == {"F"}
    assert MAIL not in result.summary()


def test_a_parquet_file_of_too_many_cells_is_refused_by_its_metadata(tmp_path, monkeypatch):
    path = tmp_path / "clinic.parquet"
    pq.write_table(pa.table({"side": [1, 2, 3], "arm": [1, 2, 3]}), path)
    assert scan_file(path).ok
    monkeypatch.setattr(scan_parquet, "MOST_CELLS", 5)
    assert _rules(scan_file(path), "error") == {"too_large"}


@pytest.mark.parametrize(
    ("cells", "options", "letter"),
    [
        ([987654321.0, 987654322.0], {"missing_ranges": {"a": [{"lo": 1e8, "hi": 1e10}]}}, "R"),
        (["j@cli.io", "x"], {"missing_ranges": {"a": ["j@cli.io"]}}, "F"),
        (["x", "y"], {"variable_value_labels": {"a": {MAIL: "yes", "y": "no"}}}, "F"),
    ],
)
def test_declared_missing_values_and_labelled_codes_of_spss_are_looked_at(tmp_path, cells, options, letter):
    pyreadstat = pytest.importorskip("pyreadstat")
    path = tmp_path / "clinic.sav"
    pyreadstat.write_sav(pd.DataFrame({"a": cells}), path, **options)
    assert letter in _rules(scan_file(path))


def test_codes_that_mean_missing_are_no_identifiers(tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    path = tmp_path / "clinic.sav"
    ranges = {"a": [999999999.0, 999999998.0]}
    pyreadstat.write_sav(pd.DataFrame({"a": [1.0, 999999999.0, 999999998.0]}), path, missing_ranges=ranges)
    assert scan_file(path).ok
