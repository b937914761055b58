"""What a page is made of: frozen parts that the templates print. They hold words and drawings, no data."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

__all__ = [
    "Column",
    "Figure",
    "HeadlineGroup",
    "HeadlineRow",
    "KeyQuestion",
    "LookInto",
    "Masthead",
    "Page",
    "Section",
    "Table",
    "Text",
]


@dataclass(frozen=True)
class Figure:
    """One drawing with its caption; `title` states the finding or is neutral."""

    label: str
    title: str
    population: str
    svg: Markup
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column of a table; `is_text` aligns it left."""

    label: str
    is_text: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of printed cells; the first cell of a row names the row."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    is_wide: bool = False


@dataclass(frozen=True)
class Text:
    """A heading with paragraphs, then bullet points, then terms with their meaning."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Section:
    """One question of the report."""

    number: int
    question: str
    reading: tuple[str, ...]
    terms: tuple[tuple[str, str], ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    texts: tuple[tuple[Text, ...], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyQuestion:
    """One of the three answers on the first page."""

    question: str
    value: str
    unit: str
    text: str
    section: int


@dataclass(frozen=True)
class HeadlineRow:
    """One measure of the first page's table; `table` and `month` name the released row that it prints."""

    measure: str
    detail: str
    value: str
    value_detail: str = ""
    interval: str = ""
    not_known: str = ""
    not_known_detail: str = ""
    previous: str = ""
    previous_detail: str = ""
    spark: Markup | None = None
    spark_note: str = ""
    letter: str = ""
    is_hidden: bool = False
    signal: str = ""
    is_signal: bool = False
    table: str = ""
    month: str = ""


@dataclass(frozen=True)
class LookInto:
    """A question for the committee, raised by a signal; never a cause."""

    heading: str
    text: str
    section: int


@dataclass(frozen=True)
class HeadlineGroup:
    """A block of measures that share a month; `before`, `month` and `after` make its caption."""

    before: str
    month: str
    after: str
    rows: tuple[HeadlineRow, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Masthead:
    """Who, when and for what use."""

    kicker: str
    title: str
    facts: tuple[tuple[str, str], ...]
    banners: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """Everything that the page template prints."""

    masthead: Masthead
    lead: str
    lead_text: str
    questions: tuple[KeyQuestion, ...]
    headline: tuple[HeadlineGroup, ...]
    reading: tuple[str, ...]
    footnotes: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    look_into: tuple[LookInto, ...] = ()
