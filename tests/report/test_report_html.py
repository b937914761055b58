"""The page itself: self-contained, nothing runs, everything escaped, readable without sight."""

import html.parser
import itertools
import re

import pytest

from ketaoutcomes.draw.theme import PALETTE
from ketaoutcomes.report.html import TEMPLATES, _css_string

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Outline(html.parser.HTMLParser):
    """Elements in order, with attributes; complains about tags that do not close."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module", params=["shown", "suppressed"])
def page(request):
    return request.getfixturevalue(request.param).html


@pytest.fixture(scope="module")
def outline(page):
    found = Outline(page)
    assert found.open == []
    return found


def test_nothing_can_run_and_nothing_is_fetched(page, outline):
    assert outline.named("script", "iframe", "object", "embed", "img", "form", "base") == []
    for _, attributes in outline.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "srcset", "action", "poster"):
            assert name not in attributes
        for name in ("href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    assert set(re.findall(r"https?://[^\"'\s<)]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "@import" not in page
    assert not [address for address in re.findall(r"url\(([^)]*)\)", page) if not address.startswith("#")]


def test_the_browser_is_told_to_fetch_and_run_nothing(outline):
    policy = [meta["content"] for meta in outline.named("meta") if meta.get("http-equiv")]
    assert len(policy) == 1
    assert policy[0].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_the_page_names_its_language_and_title(page, outline):
    assert outline.elements[0] == ("html", {"lang": "en"})
    assert "<title>Monthly outcome report, September 2026</title>" in page


def test_headings_go_down_one_level_at_a_time(outline):
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_table_has_a_caption_and_every_header_a_scope(outline):
    assert len(outline.named("caption")) == len(outline.named("table"))
    assert len(outline.named("table")) >= 6
    assert all(cell["scope"] in ("col", "row") for cell in outline.named("th"))


def test_every_figure_has_a_role_a_name_and_a_text_with_its_numbers(page, outline):
    drawings = [attributes for tag, attributes in outline.elements if tag == "svg"]
    assert len(drawings) > 10
    assert all(drawing["role"] == "img" for drawing in drawings)
    words = dict(re.findall(r'<(?:title|desc) id="([^"]+)">([^<]*)</', page))
    for drawing in drawings:
        assert words[drawing["aria-labelledby"]]
        assert re.search(r"\d", words[drawing["aria-describedby"]])


def test_no_id_is_used_twice_and_every_link_within_the_page_has_a_goal(outline):
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    goals = {attributes["href"] for attributes in outline.named("a")}
    assert goals <= {f"#{name}" for name in ids}
    assert "#content" in goals


def luminance(colour):
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_colours_reach_contrast_aa():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    css = (TEMPLATES / "style.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#[0-9A-F]{6})", css))
    used_for_text = set(re.findall(r"[^-]color: var\(--(\w+)\)", css))
    assert used_for_text == {"ink", "text", "blue", "signal"}
    for name in used_for_text:
        # A signal never stands on the ground of a banner.
        for ground in ("#FFFFFF",) if name == "signal" else ("#FFFFFF", colours["note"]):
            assert contrast(colours[name], ground) >= 4.5


def test_the_page_and_the_figures_share_their_colours():
    css = (TEMPLATES / "style.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#[0-9A-F]{6})", css))
    for name, same in {"ink": "text", "text": "secondary", "axis": "axis", "rule": "spread", "hair": "grid",
                       "blue": "main", "link": "band", "note": "status"}.items():  # fmt: skip
        assert colours[name] == PALETTE[same]


def test_names_that_look_like_markup_are_printed_as_text(clinic, report_of):
    tables, settings = clinic
    effects = tables["side_effects"].assign(
        effect=tables["side_effects"]["effect"].replace("dissociation", "<script>alert(1)</script>")
    )
    patients = tables["patients"].assign(
        diagnosis=tables["patients"]["diagnosis"].replace("MDD", '"><img src=x onerror=alert(1)>')
    )
    report = report_of(
        {**tables, "side_effects": effects, "patients": patients},
        {**settings, "name": "Clinic </title><b>& Co"},
        small_cells="show",
    )
    page = Outline(report.html)
    assert page.named("script", "img", "b") == page.named("b")
    assert "&lt;script&gt;alert(1)" in report.html
    assert "Clinic &lt;/title&gt;&lt;b&gt;&amp; Co" in report.html


def test_a_css_string_holds_nothing_that_could_end_it():
    assert _css_string('a";}b') == '"a\\000022\\00003b\\00007db"'


def test_every_note_below_the_first_table_is_pointed_at_and_every_pointer_has_its_note(shown, suppressed):
    for report in (shown, suppressed):
        notes = set(re.findall(r'<p id="(note-[a-z])"', report.html))
        assert notes == set(re.findall(r'href="#(note-[a-z])"', report.html))
    assert "note-c" in notes
