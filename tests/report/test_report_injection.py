"""Whatever a clinic's files say, no format of the report holds anything that runs, fetches or pretends."""

import csv
import html.parser
import io
import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile

import openpyxl
import pytest
from report.chromium import Browser, find
from report.injected import ADDRESS, MARKS, PAYLOADS, injected
from report.pdf_text import Pdf, squeezed
from report.test_report_pdf import ACTIVE

from ketaoutcomes.cohort.csv_write import neutral
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.draw.labels import TURNING
from ketaoutcomes.report.monthly import monthly_report
from ketaoutcomes.report.settings import ReportSettings

VOID = {"meta", "link"}
ADDRESSES = {"href", "src", "srcset", "action", "formaction", "poster", "data", "xlink:href", "background"}


class Structure(html.parser.HTMLParser):
    """Elements with their attributes' names, addresses, styles; and the words outside of them."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.kinds, self.addresses, self.styles, self.words, self.open = set(), set(), [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.kinds |= {(tag, name) for name, _ in attributes} | {(tag, None)}
        self.addresses |= {value for name, value in attributes if name in ADDRESSES}
        self.styles += [value for name, value in attributes if name == "style"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError("the page has a comment")

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module", params=[(0, "show"), (8, "show"), (4, "suppress")], ids=str)
def report(request, clinic):
    turn, small_cells = request.param
    tables, settings = injected(*clinic, turn)
    changes = {"2026-08": ADDRESS} | {
        f"2026-{month:02d}": PAYLOADS[(month + turn) % len(PAYLOADS)] for month in range(1, 8)
    }
    cohort = assemble(tables, settings)
    return monthly_report(cohort, small_cells=small_cells, settings=ReportSettings(changes=changes))


@pytest.fixture(scope="module")
def known(shown, suppressed):
    """Elements and attributes of reports on harmless words."""
    return Structure(shown.html).kinds | Structure(suppressed.html).kinds


def words_of(report):
    return " ".join(Structure(report.html).words)


def drawings(report):
    page = report.page
    yield from (str(figure.svg) for section in page.sections for figure in section.figures)
    yield from (str(row.spark) for group in page.headline for row in group.rows if row.spark)


def test_the_payloads_do_reach_the_report(report):
    reached = report.html + report.json
    assert sum(mark in reached for mark in MARKS) >= 3
    assert PAYLOADS[0] not in report.html


def test_the_page_has_no_element_attribute_or_address_that_the_template_does_not_make(report, known):
    page = Structure(report.html)
    assert page.open == []
    assert {tag for tag, _ in page.kinds} <= {tag for tag, _ in known}
    assert page.kinds <= known
    assert not [name for _, name in page.kinds if name and name.startswith("on")]
    assert all(address.startswith("#") or address == "data:," for address in page.addresses)
    for style in page.styles:
        assert not re.search(r"url\((?!#)|expression|@import|javascript", style)


def test_the_style_sheet_holds_no_word_of_the_data(report, shown):
    bare = re.compile(r'content: "[^"]*"')
    sheets = [
        bare.sub("", re.search(r"<style>(.*?)</style>", page, re.S)[1]) for page in (report.html, shown.html)
    ]
    assert sheets[0] == sheets[1]
    assert report.html.count("<style") == 1


def test_no_word_turns_the_direction_of_others(report):
    assert TURNING.isdisjoint(report.html)
    assert TURNING.isdisjoint(" ".join(Pdf(report.pdf).sheets()))


def test_templates_are_not_run_on_words(report):
    words = words_of(report)
    assert words.count("7*7") == report.html.split("</style>", 1)[1].count("7*7")
    assert not re.search(r"\b49\{%|(?<!\{)\{\{(?!7)", words)


def test_drawings_hold_shapes_and_words_only(report):
    allowed = {"svg", "title", "desc", "g", "path", "text", "use", "defs", "clipPath", "rect", "pattern"}
    n_drawings = 0
    for svg in drawings(report):
        n_drawings += 1
        for element in ElementTree.fromstring(svg).iter():
            assert element.tag.rpartition("}")[2] in allowed
            for name, value in element.attrib.items():
                assert not name.startswith("on")
                if name.endswith("href"):
                    assert value.startswith("#")
                assert "url(" not in value or re.search(r"url\(#[\w-]+\)", value)
    assert n_drawings > 5


@pytest.mark.parametrize("report", [(8, "show")], indirect=True)
def test_mathematics_in_a_name_is_printed_and_not_set(report):
    drawn = " ".join(text for svg in drawings(report) for text in ElementTree.fromstring(svg).itertext())
    for name in ("$\\frac{$", "$x^2$ _a_ *b*"):
        assert name in drawn


def test_csv_cells_are_shown_and_not_run(report, tmp_path):
    folder = report.save(tmp_path / "report", formats=("csv",))
    n_cells = 0
    for path in (folder / "tables").iterdir():
        for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")):
            for cell in row:
                n_cells += 1
                assert neutral(cell) == cell
    assert n_cells > 500


def test_the_workbook_has_no_formula_and_no_link(report):
    book = openpyxl.load_workbook(io.BytesIO(report.xlsx))
    kinds = {
        cell.data_type
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    }
    assert kinds <= {"s", "n", "b"}
    with zipfile.ZipFile(io.BytesIO(report.xlsx)) as package:
        for name in package.namelist():
            body = package.read(name).decode("utf-8")
            assert not re.search(r"<f[ >/]|<hyperlink|TargetMode|<externalReference|<definedName ", body)
            assert "external" not in name.lower()


def test_the_json_can_be_read_and_holds_words_as_words(report):
    content = json.loads(report.json, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert content["cohort"]["name"]


def test_the_pdf_holds_nothing_active_and_payloads_as_words(report):
    printed = Pdf(report.pdf)
    assert not ACTIVE & printed.names()
    words = squeezed(" ".join(printed.sheets()))
    assert "root:" not in words
    page = report.page
    for text in (
        text for section in page.sections for table in section.tables for row in table.rows for text in row
    ):
        if any(mark in text for mark in MARKS):
            assert squeezed("".join(sign for sign in text if sign not in TURNING)) in words


def test_a_browser_fetches_nothing_and_says_nothing(report, tmp_path):
    find()
    page = report.save(tmp_path / "report", formats=("html",)) / "report.html"
    browser = Browser()
    try:
        browser.open(page)
        assert browser.named("Page.javascriptDialogOpening") == []
        assert browser.named("Log.entryAdded") == []
        assert browser.named("Runtime.exceptionThrown") == []
        addresses = {event["request"]["url"] for event in browser.named("Network.requestWillBeSent")}
        assert {address for address in addresses if not address.startswith("data:")} == {page.as_uri()}
        assert browser.evaluate("document.scripts.length") == 0
    finally:
        browser.close()
