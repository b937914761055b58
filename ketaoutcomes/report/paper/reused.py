"""Sections that the monthly report has as well, under the paper's numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from markupsafe import Markup

from ketaoutcomes.report import numbering
from ketaoutcomes.report.disclosure import Hidden
from ketaoutcomes.report.paper.scope import PaperPart, PaperScope
from ketaoutcomes.report.scope import Scope
from ketaoutcomes.report.sections.part import Part

__all__ = ["reused"]

# Where the paper has what a section of the monthly report has.
CODES = {
    numbering.TIMING: "R8",
    numbering.DURABILITY: "R9",
    numbering.RESPONDERS: "R4",
    numbering.COURSE: "R6",
    numbering.MIXED: "R6",
    numbering.SIDE_EFFECTS: "R13",
    numbering.DURING: "R14",
    numbering.SAFETY_ITEM: "R11",
    numbering.INDICATIONS: "R12",
    numbering.STRATA: "R5",
    numbering.PUBLISHED: "R18",
    numbering.COMPLETENESS: "R17",
    numbering.METHODS: "Methods",
}
SECTION = re.compile(r"\b[Ss]ection (\d+)")
FIGURE = re.compile(r"Fig\. \d+([a-z]?)")
LETTERS = "abcdefghijkl"


def reused(
    scope: PaperScope, number: int, make: Callable[[Scope], Part], *, code: str, question: str
) -> PaperPart:
    """A section of the monthly report about all patients, numbered `code` ("R6").

    Parameters
    ----------
    scope : PaperScope
        Without months, so that the section describes the whole cohort.
    number : int
        Of the page's section.
    make : callable
        The section.
    code, question : str
    """
    part = make(scope)
    first = code.partition(",")[0]
    section = _renamed(part.section)
    several = len(section.tables) > 1
    tables = [
        replace(table, caption=f"Table {first}{LETTERS[place] if several else ''}. {table.caption}")
        for place, table in enumerate(section.tables)
    ]
    figures = [
        replace(figure, label=FIGURE.sub(rf"Fig. {first}\1", figure.label)) for figure in section.figures
    ]
    section = replace(
        section,
        number=number,
        question=f"{code} {question}",
        figures=tuple(figures),
        tables=tuple(tables),
    )
    hidden = [Hidden(_words(entry.place), entry.what, entry.why) for entry in part.hidden]
    return PaperPart(section, part.tables, tuple(hidden), part.results)


def _renamed(value: Any) -> Any:
    """`value` with the monthly report's section numbers as the paper's codes; drawings as they are."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return _words(value)
    if isinstance(value, tuple):
        return tuple(_renamed(one) for one in value)
    if is_dataclass(value):
        return replace(value, **{one.name: _renamed(getattr(value, one.name)) for one in fields(value)})
    return value


def _words(text: str) -> str:
    return SECTION.sub(lambda found: CODES.get(int(found[1]), found[0]), text)
