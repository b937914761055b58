"""Tables as HTML and as DOCX: every cell is there, text stays text, equal tables give equal bytes."""

import io
import zipfile

import pytest
from docx import Document

from ketaoutcomes.report.manuscript import (
    manuscript_docx,
    manuscript_files,
    manuscript_html,
    manuscript_tables,
)
from ketaoutcomes.report.parts import Column, Section, Table
from ketaoutcomes.report.words import UNCONTROLLED

TRAP = '<script>alert(1)</script> & "x" \x00\x0b\u202e ]]>'
TABLES = (
    Table(
        "Table R4a. Before and after",
        (Column("Group", True), Column("n"), Column("95% CI")),
        (("all", "162", "−10.8 to −8.9"), (TRAP, "not shown", "")),
        ("Wilson intervals.", TRAP),
    ),
    Table("Definitions used", (Column("Name", True),), (("one",),)),
)


@pytest.fixture
def tables():
    sections = [
        Section(number=1, question="Q", reading=(), tables=TABLES[:1]),
        Section(number=2, question="R", reading=()),
        Section(number=3, question="S", reading=(), tables=TABLES[1:]),
    ]
    return manuscript_tables(sections)


def test_tables_are_numbered_in_order_and_keep_their_code(tables):
    assert [table.caption for table in tables] == [
        "Table 1 (R4a). Before and after",
        "Table 2. Definitions used",
    ]


def test_html_holds_every_cell_and_no_style_or_tag_of_the_data(tables):
    html = manuscript_html(tables, title=TRAP)
    assert "<td>−10.8 to −8.9</td>" in html
    assert "<caption>Table 1 (R4a). Before and after</caption>" in html
    for forbidden in ("<script", "style=", "class=", "\x00", "\x0b", "\u202e"):
        assert forbidden not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in html


def test_docx_holds_the_same_tables_with_a_header_that_repeats(tables):
    document = Document(io.BytesIO(manuscript_docx(tables, title="Cohort")))
    assert [len(table.rows) for table in document.tables] == [3, 2]
    first = document.tables[0]
    assert [cell.text for cell in first.rows[1].cells] == ["all", "162", "−10.8 to −8.9"]
    assert first.rows[2].cells[0].text.startswith('<script>alert(1)</script> & "x"')
    assert "tblHeader" in first.rows[0]._tr.xml
    words = [paragraph.text for paragraph in document.paragraphs]
    assert "Table 1 (R4a). Before and after" in words
    assert "Wilson intervals." in words


def test_equal_tables_give_equal_bytes_without_a_clock_or_a_name(tables):
    made = manuscript_docx(tables, title="Cohort")
    assert made == manuscript_docx(tables, title="Cohort")
    with zipfile.ZipFile(io.BytesIO(made)) as found:
        assert {entry.date_time for entry in found.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = found.read("docProps/core.xml").decode()
    assert "1980-01-01T00:00:00Z" in core
    assert "python-docx" not in core


def test_both_files_say_for_what_use_they_are_and_that_nothing_is_controlled():
    files = manuscript_files(
        [Section(number=1, question="Q", reading=(), tables=TABLES)], title="Cohort", notes=("Internal use",)
    )
    assert sorted(files) == ["manuscript.docx", "manuscript.html"]
    words = [one.text for one in Document(io.BytesIO(files["manuscript.docx"])).paragraphs]
    for sentence in ("Internal use", UNCONTROLLED):
        assert sentence in words
        assert sentence in files["manuscript.html"].decode()


def test_no_table_gives_a_document_all_the_same():
    assert Document(io.BytesIO(manuscript_docx((), title="Cohort"))).tables == []
    assert "<table" not in manuscript_html((), title="Cohort")
