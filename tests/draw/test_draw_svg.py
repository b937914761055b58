from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest

from ketaoutcomes.draw import theme
from ketaoutcomes.draw.flow import flow
from ketaoutcomes.draw.forest import forest
from ketaoutcomes.draw.onset import onset
from ketaoutcomes.draw.svg import to_svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(function, table, prefix="figure-1a", **options):
    figure, ax = theme.new_figure()
    function(table, ax, **options)
    return to_svg(figure, prefix=prefix, title="A title", description="Numbers in words")


def test_the_same_table_gives_the_same_bytes(curve):
    first, second = (drawn(onset, **curve) for _ in range(2))
    assert first == second


def test_bytes_do_not_depend_on_the_process_or_its_hash_seed(tmp_path):
    code = (
        "import pandas as pd\n"
        "from ketaoutcomes.draw import theme\n"
        "from ketaoutcomes.draw.flow import flow\n"
        "from ketaoutcomes.draw.svg import to_svg\n"
        "figure, ax = theme.new_figure()\n"
        "flow(pd.DataFrame({'step': ['a', 'b'], 'n': [20, 15], 'reason': ['', 'c']}), ax)\n"
        "print(to_svg(figure, prefix='f', title='t', description='d'))\n"
    )
    texts = set()
    for seed, zone in (("0", "UTC"), ("1", "Pacific/Auckland")):
        environment = {"PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": ":".join(p for p in sys.path if p)}
        environment |= {"MPLCONFIGDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
        )
        texts.add(done.stdout)
    assert len(texts) == 1


def test_ids_are_unique_on_a_page_of_several_figures(curve, effects):
    page = drawn(onset, prefix="figure-1a", **curve) + drawn(forest, effects, prefix="figure-4a")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 4
    assert all(name.startswith(("figure-1a-", "figure-4a-")) for name in ids)


def test_every_reference_finds_its_target(curve):
    for text in (
        drawn(onset, **curve),
        drawn(flow, pd.DataFrame({"step": ["a", "b"], "n": [9, 4], "reason": ["", "c"]})),
    ):
        ids = set(re.findall(r'\bid="([^"]+)"', text))
        used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
        assert used <= ids


def test_there_is_no_address_but_the_names_of_the_vocabularies(curve):
    text = drawn(onset, **curve)
    assert re.findall(r"http[^\"\s]*", text) == ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"]
    for unwanted in ("<?xml", "<!DOCTYPE", "<metadata", "rdf", "<style", "Matplotlib", "matplotlib"):
        assert unwanted not in text


def test_it_has_a_title_a_text_alternative_and_no_fixed_size(curve):
    root = ElementTree.fromstring(drawn(onset, **curve))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "A title"
    assert root.find(f"{SVG}desc").text == "Numbers in words"
    assert root.get("aria-labelledby") == root.find(f"{SVG}title").get("id")
    assert root.get("viewBox").startswith("0 0 300 ")
    assert root.get("width") is None
    assert root.get("height") is None


def test_text_stays_text_and_takes_the_fonts_of_the_page(effects):
    root = ElementTree.fromstring(drawn(forest, effects))
    texts = list(root.iter(f"{SVG}text"))
    assert {"Nausea", "52%", "50–54"} <= {element.text for element in texts}
    assert not any("font-family" in element.get("style", "") for element in texts)
    assert root.get("font-family").endswith("sans-serif")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt; ]]> <!-- "]
)
def test_a_name_from_the_data_cannot_become_markup(effects, name):
    plain = {element.tag for element in ElementTree.fromstring(drawn(forest, effects)).iter()}
    hostile = effects.replace({"nausea": name})
    figure, ax = theme.new_figure()
    forest(hostile, ax)
    text = to_svg(figure, prefix="f", title=name, description=name)
    root = ElementTree.fromstring(text)
    assert {element.tag for element in root.iter()} == plain
    assert root.find(f"{SVG}title").text == name
    assert not re.search(r"<(script|img)", text)


@pytest.mark.parametrize("name", ["$x^2$", "cost $5 and $6", r"$\frac{1}{2}$", "$broken", "100% _a_ {b}"])
def test_dollars_and_backslashes_are_drawn_as_they_are(effects, name):
    texts = ElementTree.fromstring(drawn(forest, effects.replace({"nausea": name}))).iter(f"{SVG}text")
    assert name[:1].upper() + name[1:] in {element.text for element in texts}


def test_a_character_that_no_font_has_does_not_warn(effects, recwarn):
    drawn(forest, effects.replace({"nausea": "吐き気 🤢"}))
    assert [str(warning.message) for warning in recwarn] == []


def test_the_figure_keeps_its_canvas_and_resolution(effects):
    figure, ax = theme.new_figure()
    forest(effects, ax)
    canvas, dpi = figure.canvas, figure.dpi
    to_svg(figure, prefix="f", title="t", description="d")
    assert figure.canvas is canvas
    assert figure.dpi == dpi


def test_a_prefix_that_is_no_name_is_refused(effects):
    figure, _ = theme.new_figure()
    with pytest.raises(ValueError, match="prefix must start with a letter"):
        to_svg(figure, prefix='a"b', title="t", description="d")
