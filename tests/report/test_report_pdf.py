"""The printed report: every word of the page, nothing from outside, readable without sight."""

import dataclasses
import re
import time

import pytest
import typst
from markupsafe import Markup
from report.pdf_text import Pdf, squeezed

from ketaoutcomes.draw.labels import text_width
from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report import pdf
from ketaoutcomes.report.parts import Column, Figure, Masthead, Page, Section, Table, Text
from ketaoutcomes.report.typst_text import page_data, printable

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200" role="img">'
    '<title id="a-title">A drawing</title><desc id="a-desc">Two numbers: 31 &amp; 53.</desc>'
    '<text x="10" y="20" style="font-size: 8.25px">inside the drawing</text></svg>'
)
LIVE = (
    '#read("/etc/passwd")', '#import "@preview/cetz:0.1.0"', "$x^2$", "$\\frac{$", "*bold*", "_slant_", "@a",
    "https://example.org/a", "= Heading", "- item", "+ item", "/ term: a", "\\u{41}", "#panic()", "`raw`",
    "<a>", "/*comment", "//comment", "~--...", "\"quoted\" 'single'", "[#sys.inputs]", "{{7*7}}",
)  # fmt: skip
ACTIVE = {"JavaScript", "JS", "URI", "Launch", "EmbeddedFile", "EmbeddedFiles", "OpenAction", "AA", "GoToR",
          "SubmitForm", "ImportData", "RichMedia", "Movie", "AcroForm", "XFA"}  # fmt: skip


def page_of(words="word", **more):
    """A page with the same words in every place that prints words."""
    table = Table(words, (Column(words, True), Column(words)), ((words, "1"), (words, words)), (words,))
    section = Section(
        1, words, (words,), ((words, words),), (Figure("Fig. 1a", words, words, Markup(SVG), (words,)),),
        (table,), ((Text(words, (words,), (words,), ((words, words),)),),), (words,),
    )  # fmt: skip
    page = Page(
        Masthead(words, words, ((words, words),), (words,)), words, words, (), (), (words,), (("a", words),),
        (section,), ((words, words),),
    )  # fmt: skip
    return dataclasses.replace(page, **more)


@pytest.fixture(scope="module", params=["shown", "suppressed"])
def report(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def printed(report):
    return Pdf(report.pdf)


def test_every_section_table_and_key_number_of_the_page_is_printed(report, printed):
    words = squeezed(" ".join(printed.sheets()))
    page = report.page
    wanted = [page.lead, page.lead_text, *(item.value for item in page.questions)]
    wanted += [row.value for group in page.headline for row in group.rows]
    for section in page.sections:
        wanted += [section.question, *section.reading, *section.notes]
        wanted += [figure.title for figure in section.figures]
        for table in section.tables:
            wanted += [table.caption, *table.notes, *(cell for row in table.rows for cell in row)]
        for text in (text for column in section.texts for text in column):
            wanted += [
                text.heading,
                *text.paragraphs,
                *text.points,
                *(word for term in text.terms for word in term),
            ]
    assert len(wanted) > 200
    lost = [text for text in wanted if squeezed(text) not in words]
    # A table that goes on over the page is broken by the foot of the sheet only between rows.
    assert lost == []


def test_words_inside_drawings_are_text_and_not_lost(report, printed):
    words = squeezed(" ".join(printed.sheets()))
    for figure in (figure for section in report.page.sections for figure in section.figures):
        inside = [
            squeezed(Markup(text).unescape()) for text in re.findall(r"<text[^>]*>([^<]+)</text>", figure.svg)
        ]
        assert [text for text in inside if text not in words] == []


def test_each_sheet_has_the_banner_and_its_number(report, printed):
    sheets = printed.sheets()
    for number, sheet in enumerate(sheets, start=1):
        assert f"page{number}of{len(sheets)}" in squeezed(sheet)
        assert squeezed(report.page.masthead.banners[0]) in squeezed(sheet)


def test_the_sheets_are_a4_named_tagged_and_in_english(report, printed):
    content = report.pdf
    assert set(re.findall(rb"/MediaBox\[([^\]]*)\]", content)) == {b"0 0 595.2756 841.8898"}
    assert f"/Title({report.page.masthead.kicker}, {report.page.masthead.title})".encode() in content
    assert b"/Lang(en)" in content
    assert b"/Marked true" in content
    assert {"StructTreeRoot", "TH", "TD", "Table", "Figure", "Outlines"} <= printed.names()
    n_drawings = sum(len(section.figures) for section in report.page.sections)
    n_drawings += sum(row.spark is not None for group in report.page.headline for row in group.rows)
    assert content.count(b"/S/Figure") == content.count(b"/Alt") == n_drawings


def test_it_says_nothing_of_when_or_where_it_was_made(report, printed):
    assert not {"CreationDate", "ModDate"} & printed.names()
    assert b"ketaoutcomes-" not in report.pdf
    assert b"/tmp" not in report.pdf


def test_nothing_in_it_is_active_and_its_fonts_travel_with_it(report, printed):
    assert not ACTIVE & printed.names()
    fonts = set(re.findall(rb"/BaseFont/[A-Z]{6}\+(\w+)", report.pdf))
    assert fonts <= {b"SourceSansPro", b"DejaVuSans"}
    assert report.pdf.count(b"/FontFile2") + report.pdf.count(b"/FontFile3") >= len(fonts)


@pytest.mark.parametrize("words", LIVE)
def test_words_that_look_like_markup_are_printed_as_they_are(words):
    content = pdf.render_pdf(page_of(words))
    found = Pdf(content)
    printed = squeezed(" ".join(found.sheets()))
    assert printed.count(squeezed(words)) >= 20
    assert not ACTIVE & found.names()


def test_a_reference_to_an_outside_file_in_a_drawing_is_not_followed(tmp_path):
    (tmp_path / "seen.svg").write_text(SVG)
    drawn = SVG.replace("<text", f'<image href="file://{tmp_path}/seen.svg" width="9" height="9"/><text', 1)
    section = dataclasses.replace(
        page_of().sections[0], figures=(Figure("Fig. 1a", "a", "b", Markup(drawn)),)
    )
    with pytest.raises(typst.TypstError, match="not allowed"):
        pdf.render_pdf(page_of(sections=(section,)))


def test_the_template_names_no_file_but_its_own_parts_and_the_data():
    text = "\n".join(path.read_text() for path in sorted(pdf.TEMPLATES.glob("*.typ")))
    assert set(re.findall(r'(?:read|json|csv|toml|yaml|xml|import|include)[ (]"([^"]*)"', text)) == {
        "parts.typ",
        "page.json",
    }
    assert "@preview" not in text
    assert "eval(" not in text
    assert "datetime" not in text


def test_marks_that_turn_the_direction_and_control_signs_are_left_out():
    assert printable("a\u202eb\u2066c\x00d\x1be\nf") == "abcde f"


def test_a_long_word_may_be_broken_and_loses_nothing():
    word = "a" * 200
    assert printable(word).replace("\u200b", "") == word
    content = pdf.render_pdf(page_of(word))
    assert word in squeezed(" ".join(Pdf(content).sheets()))


def test_text_that_fills_sheets_is_printed_to_its_end():
    long = " ".join(f"word{number}" for number in range(3000))
    table = Table("a", (Column("b"), Column("c", True)), (("d", long), (long, "e")), (long,))
    figure = Figure("Fig. 1a", "a", long, Markup(SVG), (long,))
    section = Section(
        1,
        "a",
        (long,),
        ((long, long),),
        (figure,),
        (table,),
        ((Text("a", (long,), (long,), ((long, long),)),),),
    )
    printed = squeezed(" ".join(Pdf(pdf.render_pdf(page_of(lead_text=long, sections=(section,)))).sheets()))
    assert printed.count("word2999") == 13


def test_a_first_page_without_measures_is_followed_by_the_sections_on_the_same_sheet():
    assert len(Pdf(pdf.render_pdf(page_of())).sheets()) == 1


def test_numbers_need_the_room_of_their_cells_below_a_head_of_two_lines():
    columns = (Column("Study", True), Column("Published, % of patients"), Column("n"))
    table = Table("a", columns, (("a long name of a study", "13% (7–22)", "77"),))
    section = dataclasses.replace(page_of().sections[0], tables=(table,))
    found = page_data(page_of(sections=(section,)), fonts=("A",))["sections"][0]["tables"][0]
    padding, size = 12.0, 10.4
    head = max(text_width("Published,", size), text_width("% of patients", size))
    assert found["least"][1] == pytest.approx(padding + max(head, text_width("13% (7–22)", size)))
    assert found["least"][1] < found["widths"][1]
    assert found["least"][2] == found["widths"][2]


def test_the_text_alternative_is_the_drawings_own():
    data = page_data(page_of(), fonts=("A", "B"))
    figure = data["sections"][0]["figures"][0]
    assert figure["alt"] == "A drawing. Two numbers: 31 & 53."
    assert "<title" not in figure["svg"]
    assert figure["height"] == pytest.approx(200 / 300)


def test_words_in_drawings_are_no_wider_than_the_room_measured_for_them():
    """Drawings leave room by Helvetica's widths; the printed face must need no more."""
    from matplotlib.font_manager import FontProperties, get_font

    folder = next(path for path in pdf._font_files() if path.name == "SourceSansPro-Regular.ttf").parent
    for text in (
        "Blood pressure increased",
        "maintenance 13+",
        "372/708",
        "95% CI 41–66",
        "Kaplan–Meier at detection",
    ):
        for name, bold in (("SourceSansPro-Regular.ttf", False), ("SourceSansPro-Bold.ttf", True)):
            font = get_font(FontProperties(fname=folder / name).get_file())
            font.set_size(100, 72)
            font.set_text(text, 0.0)
            assert font.get_width_height()[0] / 64 <= text_width(text, 100, bold=bold)


def test_without_the_fonts_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pdf, "FONT_PACKAGE", "no_such_package_of_fonts")
    with pytest.raises(ConfigError, match="font-source-sans-pro"):
        pdf.render_pdf(page_of())


def test_it_is_made_once_and_only_when_asked_for(shown, monkeypatch):
    calls = []
    monkeypatch.setattr(pdf, "render_pdf", lambda page: calls.append(page) or b"%PDF")
    report = dataclasses.replace(shown)
    assert calls == []
    assert report.pdf == report.pdf == b"%PDF"
    assert len(calls) == 1


def test_the_samples_pdf_is_made_in_less_than_two_and_a_half_seconds(shown):
    # Measured 0.6 s; the limit is what a reader is willing to wait.
    start = time.process_time()
    pdf.render_pdf(shown.page)
    assert time.process_time() - start < 2.5
