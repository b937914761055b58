"""The page in a real browser: silent, alone, and as wide as the window at most."""

import pytest
from report.chromium import Browser, find

OVERFLOWING = """
[...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width && box.right > document.documentElement.clientWidth + 1
    && getComputedStyle(e).position !== 'absolute' && !e.closest('svg');
}).map(e => e.tagName + '.' + e.className).slice(0, 5)
"""
# Cells such as "7–22" whose words take more than one line.
BROKEN = """
[...document.querySelectorAll('.numbers td:not(.text)')].filter(e => {
  const words = [...e.childNodes].find(n => n.nodeType === 3);
  if (!words || /\\s/.test(words.textContent.trim())) return false;
  const range = document.createRange();
  range.selectNodeContents(words);
  return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1;
}).map(e => e.textContent).slice(0, 5)
"""
LOW_CONTRAST = """
(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (e.closest('title, desc, svg')) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(e.tagName + ' ' + ratio.toFixed(2));
  }
  return found.slice(0, 5);
})()
"""


@pytest.fixture(scope="module")
def browser():
    find()
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=["shown", "suppressed"])
def page(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / request.param
    return request.getfixturevalue(request.param).save(folder) / "report.html"


@pytest.mark.parametrize("width", [1280, 800, 480])
def test_nothing_is_wider_than_the_window(browser, page, width):
    browser.resize(width)
    browser.open(page)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(OVERFLOWING) == []


def test_the_browser_has_nothing_to_complain_of_and_fetches_nothing_else(browser, page):
    browser.resize(1280)
    browser.open(page)
    assert browser.named("Log.entryAdded") == []
    assert browser.named("Runtime.exceptionThrown") == []
    assert browser.named("Runtime.consoleAPICalled") == []
    addresses = {event["request"]["url"] for event in browser.named("Network.requestWillBeSent")}
    assert {address for address in addresses if not address.startswith("data:")} == {page.as_uri()}


def test_every_drawing_has_an_accessible_name_and_description(browser, page):
    browser.open(page)
    browser.send("Accessibility.enable")
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    drawings = [node for node in nodes if node.get("role", {}).get("value") in ("image", "img")]
    assert len(drawings) == browser.evaluate("document.querySelectorAll('svg').length") > 10
    for node in drawings:
        assert node["name"]["value"]
        assert node["description"]["value"]


def test_cards_on_a_phone_are_still_tables_to_a_screen_reader(browser, page):
    browser.resize(480)
    browser.open(page)
    browser.send("Accessibility.enable")
    roles = [
        node.get("role", {}).get("value") for node in browser.send("Accessibility.getFullAXTree")["nodes"]
    ]
    assert roles.count("table") == browser.evaluate("document.querySelectorAll('table').length")
    assert roles.count("rowheader") > 20


@pytest.mark.parametrize("width", [1280, 480])
def test_an_interval_or_a_fraction_stands_on_one_line(browser, page, width):
    browser.resize(width)
    browser.open(page)
    assert browser.evaluate("document.querySelectorAll('td.whole.number').length") > 100
    assert browser.evaluate(BROKEN) == []


def test_text_reaches_contrast_aa_as_it_is_drawn(browser, page):
    browser.resize(1280)
    browser.open(page)
    assert browser.evaluate(LOW_CONTRAST) == []


def test_printed_it_has_as_many_sheets_as_the_sections_need(browser, page, tmp_path):
    browser.open(page)
    browser.pdf(tmp_path / "report.pdf")
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    n_pages = content.count(b"/Type /Page\n")
    # Fifteen sections, of which the longest lists every definition and what is not shown.
    assert 10 <= n_pages <= 22
