"""Planted identifiers put in every place of a file where one can stand: one case per place and identifier."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pandas as pd
from cohort.planted_identifiers import HEADERS, NOT_IN_PROSE, VALUES
from openpyxl.comments import Comment

NUMBERED = "DGHIJKLMPR"  # classes whose numbers a name in code announces
MONTHS = {"2024-03", "03/2024"}  # a report's month, which is nothing in a notebook's source
PROSE = (
    "She wrote that {} is the one to use, and felt calm.",
    "Patient gave {}.",
    "seen twice ({}) and then at home",
)


@dataclass(frozen=True)
class Placed:
    """An identifier, its class, and where the scan must tell of it."""

    place: str
    letter: str
    text: str
    table: str | None
    column: str | None


def _pairs(planted: dict[str, list[str]], without: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    for letter, texts in planted.items():
        for text in texts:
            if letter != "free_text" and text not in without:
                yield letter, text


def write_table(path: Path) -> list[Placed]:
    """A CSV with one column per header, per cell and per prose; the identifier stands in row 4."""
    columns: dict[str, list[str]] = {}
    placed = []
    for letter, header in _pairs(HEADERS):
        columns[header] = ["yes", "no", "yes", "no"]
        placed.append(Placed("header", letter, header, path.name, header))
    for number, (letter, value) in enumerate(_pairs(VALUES)):
        name = f"cell_{number}"
        columns[name] = ["yes", "no", value, "no"]
        placed.append(Placed("cell", letter, value, path.name, name))
    for number, (letter, value) in enumerate(_pairs(VALUES, NOT_IN_PROSE)):
        name = f"said_{number}"
        columns[name] = ["yes", "no", PROSE[number % len(PROSE)].format(value), "no"]
        placed.append(Placed("free text", letter, value, path.name, name))
    pd.DataFrame(columns).to_csv(path, index=False)
    return placed


def write_workbook(path: Path) -> list[Placed]:
    """A workbook with identifiers in a hidden sheet, hidden columns, comments and names of sheets."""
    book = openpyxl.Workbook()
    book.properties.creator = "Jane Quill"
    first = book.active
    first.title = "visits"
    placed = [Placed("properties", "A", "Jane Quill", path.name, None)]
    for number, (letter, header) in enumerate(_pairs(HEADERS), 1):
        first.cell(1, number, header)
        first.cell(2, number, "yes")
        first.column_dimensions[first.cell(1, number).column_letter].hidden = True
        placed.append(Placed("hidden column", letter, header, "visits", header))
    hidden = book.create_sheet("old")
    hidden.sheet_state = "hidden"
    for number, (letter, value) in enumerate(_pairs(VALUES), 1):
        hidden.cell(1, number, f"old_{number}x")
        cell = hidden.cell(2, number, value)
        cell.data_type = "s"
        placed.append(Placed("hidden sheet", letter, value, "old", f"old_{number}x"))
    # In two columns, as the identifier of one row alone must not make its neighbours suspect.
    for number, (letter, value) in enumerate(_pairs(VALUES, NOT_IN_PROSE), 1):
        sheet = book.create_sheet(f"note {number} x")
        sheet.append(["side", "arm"])
        sheet.append(["left", "one"])
        sheet["A2"].comment = Comment(PROSE[number % len(PROSE)].format(value), "Excel")
        placed.append(Placed("comment", letter, value, f"note {number} x", None))
    for letter, value in _pairs(VALUES):
        if re.fullmatch(r"[^\\/*?:\[\]]{1,31}", value) and not value.startswith("'"):
            sheet = book.create_sheet(value)
            sheet.append(["side", "arm"])
            label = f"sheet number {book.sheetnames.index(value) + 1}"
            placed.append(Placed("sheet name", letter, value, label, None))
    book.save(path)
    return placed


def file_names() -> list[tuple[str, str]]:
    """Names that a file can have on every system, with their classes."""
    return [
        (letter, f"{value}.csv")
        for letter, value in _pairs(VALUES)
        if re.fullmatch(r"[^\\/*?:<>|\"\n]{1,60}", value) and not value.endswith((".", " "))
    ]


def write_notebook(path: Path) -> list[Placed]:
    """A notebook with one identifier per cell: in literals, comments, Markdown, and beside telling names."""
    cells, placed = [], []

    def add(place: str, letter: str, text: str, source: str, kind: str = "code") -> None:
        outputs = {"outputs": [], "execution_count": None} if kind == "code" else {}
        cells.append({"cell_type": kind, "metadata": {}, "source": source.splitlines(True)} | outputs)
        placed.append(Placed(place, letter, text, f"cell {len(cells)}", None))

    for letter, value in _pairs(VALUES, MONTHS):
        add("notebook literal", letter, value, f"found = df[df.code == {value!r}]\n")
    for number, (letter, value) in enumerate(_pairs(VALUES, NOT_IN_PROSE)):
        # Dates and names of prose are not claimed in a notebook.
        if letter not in "AC":
            text = PROSE[number % len(PROSE)].format(value)
            add("notebook comment", letter, value, f"n = 1  # {text}\n")
            add("notebook Markdown", letter, value, f"## Notes\n\n{text}\n", "markdown")
    for letter, header in _pairs(HEADERS):
        if letter in NUMBERED:
            add("notebook name", letter, header, f"one = df[df[{header!r}] == '00123456']\n")
    for user in ("/home/jquill/data.csv", "C:\\Users\\jquill\\data.csv", "/Users/jquill/data.csv"):
        add("notebook path", "A", user, f"df = pd.read_csv(r'{user}')\n")
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content), encoding="utf-8")
    return placed
