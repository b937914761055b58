"""A page's parts as plain data for the template that prints them: words, numbers and drawings, no markup."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from ketaoutcomes.draw.labels import clean, shorten, text_width
from ketaoutcomes.draw.svg import SVG_FONTS
from ketaoutcomes.report.parts import Figure, HeadlineGroup, Page, Section, Table, Text

__all__ = ["page_data", "printable"]

# A word longer than this may be broken anywhere: a hash, an address, a name without spaces.
LONG_WORD = re.compile(r"\S{25,}")
BREAK_AFTER = 8
BREAK = "\u200b"
SVG_HEAD = re.compile(r"<title [^>]*>([^<]*)</title><desc [^>]*>([^<]*)</desc>")
VIEW_BOX = re.compile(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"')
CELL_PX, PADDING_PX = 10.4, 12.0
# The running foot is one line: half a sheet's width for each side.
FOOT_PX, FOOT_TYPE_PX = 300.0, 7.0 * 96.0 / 72.0


def page_data(page: Page, *, fonts: Sequence[str]) -> dict[str, Any]:
    """Return everything that the template prints, of strings, numbers, lists and dicts.

    Parameters
    ----------
    page : Page
    fonts : sequence of str
        Families that drawings ask for, in this order.
    """
    head = page.masthead
    known = {section.number for section in page.sections}
    family = ", ".join(f"'{name}'" for name in fonts)
    return {
        "document": f"{_line(head.kicker)}, {_line(head.title)}",
        "foot": [
            shorten("; ".join(head.banners), FOOT_PX, FOOT_TYPE_PX),
            shorten(f"{head.kicker}, {head.title}", FOOT_PX, FOOT_TYPE_PX),
        ],
        "kicker": printable(head.kicker),
        "title": printable(head.title),
        "facts": _pairs(head.facts),
        "banners": [printable(banner) for banner in head.banners],
        "lead": printable(page.lead),
        "lead_text": printable(page.lead_text),
        "questions": [
            {
                "question": printable(item.question),
                "value": printable(item.value),
                "unit": printable(item.unit),
                "text": printable(item.text),
                "section": item.section,
                "is_linked": item.section in known,
            }
            for item in page.questions
        ],
        "headline": [_headline(group, family) for group in page.headline],
        "look_into": [
            {
                "heading": printable(item.heading),
                "text": printable(item.text),
                "section": item.section,
                "is_linked": item.section in known,
            }
            for item in page.look_into
        ],
        "reading": [printable(words) for words in page.reading],
        "footnotes": _pairs(page.footnotes),
        "sections": [_section(section, family) for section in page.sections],
        "about": _pairs(page.facts),
    }


def printable(text: str) -> str:
    """Return text as it is printed: no control character, no turned direction, long words breakable."""
    return LONG_WORD.sub(_breakable, clean(text))


def _line(text: str) -> str:
    """`text` for a field that is not laid out."""
    return printable(text).replace(BREAK, "")


def _breakable(match: re.Match) -> str:
    word = match.group()
    return BREAK.join(word[start : start + BREAK_AFTER] for start in range(0, len(word), BREAK_AFTER))


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [[printable(first), printable(second)] for first, second in pairs]


def _drawing(svg: Markup, family: str) -> dict[str, Any]:
    """A drawing with the text alternative that it carries, and its height as a share of its width."""
    text = str(svg)
    head, box = SVG_HEAD.search(text), VIEW_BOX.search(text)
    words = "" if head is None else f"{html.unescape(head[1])}. {html.unescape(head[2])}"
    # Title and description are the alternative already; in the drawing they would only take room.
    bare = SVG_HEAD.sub("", text, count=1).replace(f'font-family="{SVG_FONTS}"', f'font-family="{family}"', 1)
    return {
        "svg": bare,
        "alt": _line(words),
        "height": 1.0 if box is None else float(box[2]) / float(box[1]),
        "width_px": 400.0 if box is None else float(box[1]) * 96.0 / 72.0,
    }


def _headline(group: HeadlineGroup, family: str) -> dict[str, Any]:
    words = (
        "measure", "detail", "value", "value_detail", "interval", "not_known", "not_known_detail", "previous",
        "previous_detail", "spark_note", "letter", "signal",
    )  # fmt: skip
    rows = [
        {name: printable(getattr(row, name)) for name in words}
        | {
            "is_hidden": row.is_hidden,
            "is_signal": row.is_signal,
            "spark": None if row.spark is None else _drawing(row.spark, family),
        }
        for row in group.rows
    ]
    return {
        "before": printable(group.before),
        "month": printable(group.month),
        "after": printable(group.after),
        "columns": [printable(name) for name in group.columns],
        "rows": rows,
    }


def _section(section: Section, family: str) -> dict[str, Any]:
    return {
        "number": section.number,
        "question": printable(section.question),
        "reading": [printable(words) for words in section.reading],
        "terms": _pairs(section.terms),
        "figures": [_figure(figure, family) for figure in section.figures],
        "notes": [printable(note) for note in section.notes],
        "texts": [[_text(text) for text in column] for column in section.texts],
        "tables": [_table(table) for table in section.tables],
    }


def _figure(figure: Figure, family: str) -> dict[str, Any]:
    return {
        "label": printable(figure.label),
        "title": printable(figure.title),
        "population": printable(figure.population),
        "notes": [printable(note) for note in figure.notes],
        **_drawing(figure.svg, family),
    }


def _text(text: Text) -> dict[str, Any]:
    return {
        "heading": printable(text.heading),
        "paragraphs": [printable(words) for words in text.paragraphs],
        "points": [printable(point) for point in text.points],
        "terms": _pairs(text.terms),
    }


def _table(table: Table) -> dict[str, Any]:
    rows = [[printable(cell) for cell in row] for row in table.rows]
    return {
        "caption": printable(table.caption),
        "columns": [printable(column.label) for column in table.columns],
        "is_text": [place == 0 or column.is_text for place, column in enumerate(table.columns)],
        "widths": _widths(table),
        "least": _widths(table, head_lines=2),
        "rows": rows,
        "notes": [printable(note) for note in table.notes],
    }


def _widths(table: Table, *, head_lines: int = 1) -> list[float]:
    """The width in px of each column's cells on one line, below a head that may take `head_lines`."""
    heads = [_head_width(column.label, head_lines) for column in table.columns]
    return [
        PADDING_PX + max([head, *(text_width(row[place], CELL_PX) for row in table.rows)])
        for place, head in enumerate(heads)
    ]


def _head_width(label: str, n_lines: int) -> float:
    """The least width in px at which the words of `label` take no more than so many lines, of one or two."""
    words = label.split()
    cuts = range(1, len(words)) if n_lines > 1 else range(0)
    halves = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in cuts] or [(label,)]
    return min(max(text_width(part, CELL_PX) for part in parts) for parts in halves)
