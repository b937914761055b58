"""A notebook's JSON, read with care, and the tables and texts of its outputs."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.errors import DataError, Problem

__all__ = ["MOST_BYTES", "html_parts", "plain_table", "read_notebook", "strings"]

MOST_BYTES = 100_000_000
MOST_DEPTH = 100
# Attributes that say how and where something is drawn, and addresses of schemas.
DRAWN = frozenset({"class", "style", "id", "for", "d", "points", "transform", "viewbox", "clip-path"})
SCHEMA = re.compile(r"(?i)https?://(?:www\.w3\.org|purl\.org|schemas\.)")
PICTURED = re.compile(r"(?i)data:(?:image/(?!svg)|video/|audio/|font/|application/(?:font|octet|x-font))")
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def read_notebook(path: Path) -> dict:
    """Return a notebook as it stands in its JSON.

    Raises
    ------
    DataError
        If it is a link or no file, too large, too deep, or not a notebook's JSON. No content is told.
    """
    try:
        # A pipe would wait for ever to be opened, so what it is comes first.
        if not stat.S_ISREG(path.lstat().st_mode):
            raise DataError(Problem(RULES["not_regular_file"].reason, rule="not_regular_file"))
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(Problem(RULES["not_regular_file"].reason, rule="not_regular_file"))
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError):
        raise DataError(Problem(RULES["unreadable"].reason, rule="unreadable")) from None
    if len(data) > MOST_BYTES:
        message = (
            f"the notebook is larger than {MOST_BYTES // 1_000_000} MB; clear its outputs and save it again"
        )
        raise DataError(Problem(message, rule="too_large"))
    if not data.strip():
        raise DataError(Problem(RULES["empty_file"].reason, rule="empty_file"))
    message = "the file is no notebook that Jupyter could open (damaged, or another kind of JSON)"
    refused = DataError(Problem(message, rule="not_notebook"))
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError):
        raise refused from None
    cells = content.get("cells", content.get("worksheets")) if isinstance(content, dict) else None
    if not isinstance(cells, list) or _depth(content) > MOST_DEPTH:
        raise refused
    return content


def _depth(content: object) -> int:
    """Return how deep lists and objects lie within each other, at most one more than is allowed."""
    level, depth = [content], 0
    while level and depth <= MOST_DEPTH:
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth


def strings(content: object) -> Iterator[tuple[str, str]]:
    """Yield every text and number within, each under the key it stands under."""
    waiting = [("", content)]
    while waiting:
        key, one = waiting.pop()
        if isinstance(one, dict):
            waiting += [(str(name), inner) for name, inner in one.items()]
        elif isinstance(one, list):
            waiting += [(key, inner) for inner in one]
        elif isinstance(one, float):
            yield key, f"{one:.0f}" if one.is_integer() else str(one)
        elif isinstance(one, str | int) and not isinstance(one, bool):
            yield key, COLOURS.sub("", str(one))


def _attribute(value: str) -> list[str]:
    """Return the text of an attribute; of data within it what is text, as a picture's bytes are none."""
    if not value.lower().startswith("data:"):
        return [value]
    head, _, data = value.partition(",")
    if PICTURED.match(head):
        return []
    if head.lower().endswith(";base64"):
        try:
            return base64.b64decode(data).decode("utf-8", "replace").splitlines()
        except ValueError:
            return []
    return unquote(data).splitlines()


class _Parts(HTMLParser):
    """The tables of a page as rows of cells, and the texts outside them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self.texts: list[str] = []
        self.n_images = 0
        self.silent = 0
        self.in_cell = False

    def handle_starttag(self, tag, attrs) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self.tables[-1][-1].append("")
            self.in_cell = True
        elif tag in ("script", "style"):
            self.silent += 1
        elif tag == "img":
            self.n_images += 1
        for name, value in attrs:
            if value and name not in DRAWN and not name.startswith("xmlns") and not SCHEMA.match(value):
                self.texts += _attribute(value)

    def handle_endtag(self, tag) -> None:
        if tag in ("td", "th", "tr", "table"):
            self.in_cell = False
        elif tag in ("script", "style") and self.silent:
            self.silent -= 1

    def handle_data(self, data) -> None:
        if self.silent and len(data) < 20_000:
            self.texts += data.splitlines()
        elif self.in_cell and self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data
        elif data.strip():
            self.texts.append(data.strip())

    def handle_comment(self, data) -> None:
        self.texts.append(data)


def html_parts(text: str) -> tuple[list[pd.DataFrame], list[str], int]:
    """Return the tables of HTML, the texts outside of them, and the number of pictures."""
    parts = _Parts()
    parts.feed(text)
    parts.close()
    frames = [frame for rows in parts.tables if (frame := _frame(rows)) is not None]
    return frames, parts.texts, parts.n_images


def plain_table(text: str) -> pd.DataFrame | None:
    """Return the table that printed text seems to be, its cells set apart by two blanks; or None."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]
    return _frame(rows) if len(rows) >= 2 and max(map(len, rows)) >= 2 else None


def _frame(rows: list[list[str]]) -> pd.DataFrame | None:
    """Return rows as a frame of text under the first of them; an index has no name of its own."""
    rows = [[cell.strip() for cell in row] for row in rows if row]
    if len(rows) < 2:
        return None
    width = max(map(len, rows))
    filled = [[*([""] * (width - len(row))), *row] for row in rows]
    frame = pd.DataFrame(filled[1:], dtype="str")
    return frame.set_axis(filled[0], axis=1)
