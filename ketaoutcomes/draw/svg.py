"""A figure as SVG text to stand in a page: the same bytes every time, and nothing from outside."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ElementTree

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ketaoutcomes.draw.labels import clean
from ketaoutcomes.draw.theme import context

__all__ = ["SVG_FONTS", "to_svg"]

SVG_FONTS = "'Source Sans 3', 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
REFERENCE = re.compile(r"url\(#([^)]+)\)")
NO_TURN = re.compile(r"rotate\(-?0(?:\.0+)? [^)]*\)")
FAMILY = re.compile(r"\s*font-family:[^;]*;?")


def to_svg(figure: Figure, *, prefix: str, title: str, description: str) -> str:
    """A figure as one `<svg>` element that can stand in an HTML page beside others.

    Text stays text and takes the page's font, ids carry the prefix, and there is no prolog, date,
    style sheet or address beyond the names of the two XML vocabularies. Without a fixed width or
    height it fills its container.

    Parameters
    ----------
    figure : Figure
    prefix : str
        Starts every id; different for each figure of a page. Letters, digits, "-" and "_".
    title : str
        Read aloud first by a screen reader; ``<title>``.
    description : str
        The numbers of the figure in words; ``<desc>``.

    Raises
    ------
    ValueError
        If `prefix` is not usable in an id.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", prefix):
        raise ValueError("prefix must start with a letter and hold letters, digits, - and _ only")
    root = ElementTree.fromstring(_drawn(figure))
    _without_namespaces(root)
    _rename_ids(root, prefix)
    for element in root.iter():
        _tidy(element)
    return ElementTree.tostring(_dressed(root, prefix, title, description), encoding="unicode")


def _drawn(figure: Figure) -> bytes:
    """matplotlib's own SVG; the figure keeps its canvas and its resolution."""
    canvas, dpi = figure.canvas, figure.dpi
    text = io.StringIO()
    try:
        with context(), warnings.catch_warnings():
            # The reader's browser has the glyph; that this machine's font lacks it does not matter.
            warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
            FigureCanvasSVG(figure).print_svg(text, metadata=NO_METADATA)
    finally:
        figure.set_canvas(canvas)
        figure.dpi = dpi
    return text.getvalue().encode("utf-8")


def _without_namespaces(root: ElementTree.Element) -> None:
    """Plain tag and attribute names, so that the text is written without made-up prefixes."""
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
        link = element.attrib.pop(f"{{{XLINK}}}href", None)
        if link is not None:
            element.set("xlink:href", link)


def _rename_ids(root: ElementTree.Element, prefix: str) -> None:
    """Number the ids that something refers to, under the prefix; drop all others."""
    used: dict[str, str] = {}
    for element in root.iter():
        for name, value in element.attrib.items():
            targets = [value[1:]] if name == "xlink:href" else REFERENCE.findall(value)
            for target in targets:
                used.setdefault(target, f"{prefix}-{len(used) + 1}")
    for element in root.iter():
        if "id" in element.attrib:
            new = used.get(element.attrib.pop("id"))
            if new is not None:
                element.set("id", new)
        for name, value in element.attrib.items():
            if name == "xlink:href":
                element.set(name, f"#{used[value[1:]]}")
            elif "url(#" in value:
                element.set(name, REFERENCE.sub(lambda match: f"url(#{used[match[1]]})", value))


def _tidy(element: ElementTree.Element) -> None:
    """Leave out line breaks between elements, turns by 0 degrees and font names."""
    if element.tag != "text" and element.text is not None and not element.text.strip():
        element.text = None
    element.tail = None
    if "transform" in element.attrib:
        turn = NO_TURN.sub("", element.attrib["transform"]).strip()
        if turn:
            element.set("transform", turn)
        else:
            del element.attrib["transform"]
    if element.tag == "text":
        element.set("style", FAMILY.sub("", element.get("style", "")))
    if "d" in element.attrib:
        element.set("d", " ".join(element.attrib["d"].split()))


def _dressed(root: ElementTree.Element, prefix: str, title: str, description: str) -> ElementTree.Element:
    """The drawing under a new root with its title and its text alternative."""
    names = {"aria-labelledby": f"{prefix}-title", "aria-describedby": f"{prefix}-desc"}
    dressed = ElementTree.Element(
        "svg",
        {
            "xmlns": SVG,
            "xmlns:xlink": XLINK,
            "viewBox": root.get("viewBox", ""),
            "role": "img",
            **names,
            "font-family": SVG_FONTS,
        },
    )
    for tag, words in (("title", title), ("desc", description)):
        ElementTree.SubElement(dressed, tag, {"id": f"{prefix}-{tag}"}).text = clean(words)
    for child in root:
        # matplotlib's style sheet would reach every other drawing of the page.
        is_style = child.tag == "defs" and child.find("style") is not None
        if not is_style:
            dressed.append(child)
    shapes = ElementTree.Element("g", {"stroke-linejoin": "round", "stroke-linecap": "butt"})
    for child in list(dressed)[2:]:
        dressed.remove(child)
        shapes.append(child)
    dressed.append(shapes)
    return dressed
