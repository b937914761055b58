"""Identifiers in a notebook: in its sources, outputs, attachments and metadata, told by cell and class.

Prose is what notebooks are for, so free text is no finding here, and names
within prose are not looked for. No text of the notebook is ever repeated.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Set
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.notebook_code import Pieces, code_pieces, markdown_pieces, text_cells
from ketaoutcomes.cohort.notebook_read import html_parts, plain_table, read_notebook, strings
from ketaoutcomes.cohort.privacy import scan_columns, scan_name, scan_values
from ketaoutcomes.cohort.privacy_cells import all_classes_of_texts, classes_of_texts
from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.cohort.scan_result import ScanResult, scan_result
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.errors import DataError, Problem

__all__ = ["PATH_MESSAGE", "scan_notebook", "user_paths"]

CLOSING = (
    "Names and stories in prose are not looked for; read the Markdown and the comments yourself.",
    "Before sharing: clear all outputs, and take out what is named above; code finds patients by patient_id.",
)
PATH_MESSAGE = "holds a file path with a user's name; give the path from the project's folder"
USER_PATH = re.compile(
    r"(?i)(?:(?<![\w.])/home/|/Users/|(?<![a-z])[A-Z]:\\{1,2}(?:Users|Documents and Settings)\\{1,2})"
    r"([^/\\\s\"'<>|:*?{}$%,;)\]]+)"
)
# Names of accounts that are nobody's.
NOBODY = frozenset(
    {"user", "users", "username", "your_username", "yourname", "your_name", "name", "you", "me", "myself"}
    | {"jovyan", "runner", "runneradmin", "root", "ubuntu", "vscode", "public", "shared", "default", "admin"}
    | {"administrator", "ec2-user", "docker", "node", "app", "guest", "codespace", "all"}
)
URL = re.compile(r"(?i)https?://([a-z0-9.-]+)[^\s)>\]\"']*")
MONTH = re.compile(
    r"(?<![\w/-])(?:(?:19|20)[0-9]{2}[-/](?:0[1-9]|1[0-2])|(?:0?[1-9]|1[0-2])[-/](?:19|20)[0-9]{2})(?![\w/-])"
)
CAMERA = re.compile(r"(?i)\.(?:jpe?g|heic|heif|raw|cr2|dng|dcm|mp4|mov|avi)\b|data:(?:image|video)")
AUTHOR_KEYS = frozenset({"author", "authors", "user", "username", "user_name", "owner", "email", "creator"})
KNOWN_KEYS = frozenset({"cell_type", "source", "input", "outputs", "attachments"})
# What programs number cells, widgets and outputs with.
MACHINE_KEY = re.compile(r"(?i)[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PIECE, OVERLAP = 2_000, 100


def scan_notebook(path: str | Path, *, level: str = "safe-harbor") -> ScanResult:
    """Return what in a notebook looks like an identifier, without raising for its content.

    Looked at are the literals, comments and lines of all cells, all outputs and
    attachments, the metadata, and file paths. Dates in sources are a note, and
    only within literals; months such as 2026-09 are nothing.

    Parameters
    ----------
    path : str or Path
        An .ipynb file of at most 100 MB.
    level : {"safe-harbor", "limited-data-set"}
        A limited data set may hold dates.

    Returns
    -------
    ScanResult
        `.ok`, `.problems` (by cell, class and count), `.summary()`.

    Raises
    ------
    DataError
        If `path` is not a path at all.
    """
    if not isinstance(path, str | os.PathLike):
        raise DataError(f"path must be a path, as text or Path, and not of type {type(path).__name__}")
    path = Path(path)
    named = scan_name("file", path.name)
    source = "the notebook" if named or not path.name.isprintable() else path.name
    told = [("privacy", one) for one in named if not (one.rule == "identifier:C" and level != "safe-harbor")]
    try:
        content = read_notebook(path)
    except DataError as error:
        return _result(source, [*told, *(("error", one) for one in error.problems)], 0)
    cells = _cells(content)
    for number, cell in enumerate(cells, 1):
        told += _cell(f"cell {number}", cell, level) if isinstance(cell, dict) else []
    rest = {key: value for key, value in content.items() if key not in ("cells", "worksheets")}
    told += _metadata("the notebook's metadata", rest)
    return _result(source, told, len(cells))


def user_paths(texts: Iterable[str]) -> int:
    """Return how many file paths in the texts hold the name of a user."""
    return sum(
        name.lower() not in NOBODY and not name.startswith(("<", "{", "$", "~"))
        for text in texts
        for name in USER_PATH.findall(text)
    )


def _result(source: str, told: list[tuple[str, Problem]], n_cells: int) -> ScanResult:
    return scan_result(source, told, [("cells", n_cells, 0)], closing=CLOSING, unit="place")


def _cells(content: dict) -> list:
    """Return the cells of a notebook, of the older format with worksheets too."""
    if isinstance(content.get("cells"), list):
        return content["cells"]
    sheets = [one for one in content["worksheets"] if isinstance(one, dict)]
    return [cell for sheet in sheets if isinstance(sheet.get("cells"), list) for cell in sheet["cells"]]


def _cell(where: str, cell: dict, level: str) -> list[tuple[str, Problem]]:
    """Return what is told of one cell."""
    # The older format has "input" for "source"; a cell with both must not hide one behind the other.
    source, other = _joined(cell.get("source", "")), _joined(cell.get("input", ""))
    source, other = (source, other) if "source" in cell else (other, "")
    is_code = cell.get("cell_type") == "code"
    pieces = code_pieces(source) if is_code else markdown_pieces(source)
    beside = markdown_pieces(other)
    pieces.data += beside.data
    pieces.prose += beside.prose
    told = _pieces(where, pieces, level, "note")
    told += _paths(where, [*source.splitlines(), *other.splitlines()])
    outputs = cell.get("outputs")
    if outputs:
        message = "has outputs; clear them before sharing"
        told.append(("note", Problem(message, where, None, "has_outputs", _n(outputs))))
        told += _outputs(f"{where}, output", outputs, level)
    if cell.get("attachments"):
        told += _outputs(f"{where}, attachment", cell["attachments"], level)
    told += _metadata(f"{where}, metadata", {key: one for key, one in cell.items() if key not in KNOWN_KEYS})
    return told


def _joined(source: object) -> str:
    if isinstance(source, list):
        return "".join(one for one in source if isinstance(one, str))
    return source if isinstance(source, str) else ""


def _n(outputs: object) -> int:
    return len(outputs) if isinstance(outputs, list) else 1


def _pieces(where: str, pieces: Pieces, level: str, date_severity: str) -> list[tuple[str, Problem]]:
    """Return what is told of pieces: of data any class, of prose what has a form of its own."""
    counts: Counter[str] = Counter(pieces.named)
    n_dates, n_pictures = 0, 0
    data = [(item, text) for item, texts in enumerate(pieces.data) for text in texts]
    several = all_classes_of_texts([text for _, text in data], "limited-data-set")
    # A month is what reports are made for.
    of_days = [MONTH.sub(" ", text) for _, text in data] if level == "safe-harbor" else []
    dated = all_classes_of_texts(of_days, "safe-harbor") if of_days else several
    found: dict[int, set[str]] = {}
    for (item, text), letters, of_date in zip(data, several, dated, strict=True):
        held = set(letters) | (of_date & {"C"})
        if "N" in held and not _private_urls(text):
            held.discard("N")
        if held:
            found.setdefault(item, set()).update(_pictures(held, text))
    prose = [_without_public(line) for line in pieces.prose]
    for item, letters in enumerate(all_classes_of_texts(prose, "limited-data-set")):
        if letters - {"A", "C"}:
            found[len(pieces.data) + item] = _pictures(letters - {"A", "C"}, prose[item])
    for held in found.values():
        n_dates += "C" in held
        n_pictures += "picture" in held
        counts.update(held - {"C", "picture"})
    told = [("privacy", _found(where, letter, n)) for letter, n in sorted(counts.items())]
    if n_dates:
        told.append((date_severity, _found(where, "C", n_dates)))
    if n_pictures:
        message = "names files of pictures; leave out those that show a person"
        told.append(("note", Problem(message, where, None, "identifier:Q", n_pictures)))
    return told


def _pictures(letters: Set[str], text: str) -> set[str]:
    """Return classes with the names of plots told apart from those of photographs."""
    if "Q" in letters and not CAMERA.search(text):
        return {*letters, "picture"} - {"Q"}
    return set(letters)


def _found(where: str, letter: str, n: int) -> Problem:
    words = load_rules().by_letter[letter].words
    return Problem(f"holds what looks like {words}; take them out", where, None, f"identifier:{letter}", n)


def _private_urls(text: str) -> bool:
    """Whether a text with a web address has one that is no public reference."""
    return bool(classes_of_texts([_without_public(text)], "limited-data-set")[0])


def _without_public(text: str) -> str:
    """Return a text without the addresses of public references, such as papers and manuals."""
    hosts = load_rules().public_hosts

    def kept(found: re.Match) -> str:
        host = found.group(1).lower().removeprefix("www.")
        public = any(host == one or host.endswith(f".{one}") for one in hosts)
        return " " if public else found.group()

    return URL.sub(kept, text)


def _paths(where: str, texts: Iterable[str]) -> list[tuple[str, Problem]]:
    n = user_paths(texts)
    return [("privacy", Problem(PATH_MESSAGE, where, None, "identifier:A", n))] if n else []


def _outputs(where: str, outputs: object, level: str) -> list[tuple[str, Problem]]:
    """Return what is told of outputs or attachments, whatever their structure."""
    pieces, texts, frames, n_images = Pieces(), [], [], 0
    for one in outputs if isinstance(outputs, list) else [outputs]:
        for kind, text in _contents(one):
            if kind.startswith(("image/", "video/")) and kind != "image/svg+xml":
                n_images += 1
            elif kind in ("text/html", "html", "image/svg+xml", "svg"):
                tables, outside, n = html_parts(text)
                frames += tables
                n_images += n
                texts += outside
                texts += [cell for table in tables for cell in table.to_numpy().ravel() if cell]
                texts += [str(name) for table in tables for name in table.columns]
            elif kind in ("png", "jpeg"):
                n_images += 1
            else:
                texts += text.splitlines()
                table = plain_table(text)
                frames += [] if table is None else [table]
    pieces.data += [text_cells(text) for text in texts]
    told = _pieces(where, pieces, level, "privacy")
    known = {one.rule for _, one in told}
    told += [entry for entry in _tables(where, frames, level) if entry[1].rule not in known]
    told += _paths(where, texts)
    if n_images:
        message = "has pictures (plots, or photographs of persons), which are not looked at; clear them"
        told.append(("note", Problem(message, where, None, "identifier:Q", n_images)))
    return told


def _contents(output: object) -> list[tuple[str, str]]:
    """Return the kind and text of everything an output or attachment holds."""
    found = []
    waiting = [("", output)]
    while waiting:
        kind, one = waiting.pop()
        if isinstance(one, dict):
            waiting += [(str(name) if "/" not in kind else kind, inner) for name, inner in one.items()]
            # The name of an attachment is that of a file, and may be that of a person with an ending.
            names = [str(name) for name in one if "/" not in str(name)]
            names = [name for name in names if not MACHINE_KEY.fullmatch(name)]
            found += [("name", text) for name in names for text in {name, name.rpartition(".")[0] or name}]
        elif isinstance(one, list) and all(isinstance(line, str) for line in one):
            found += [(kind, text) for _, text in strings("".join(one))]
        elif isinstance(one, list):
            waiting += [(kind, inner) for inner in one]
        else:
            found += [(kind, text) for _, text in strings(one)]
    return found


def _tables(where: str, frames: list[pd.DataFrame], level: str) -> list[tuple[str, Problem]]:
    """Return the classes that the tables of an output hold by header or by whole column, each once."""
    known = frozenset(name for table in TABLES.values() for name in table.names)
    counts: Counter[str] = Counter()
    for frame in frames:
        names = [str(name) for name in frame.columns]
        for one in scan_columns("output", names, level="limited-data-set", allowed=known):
            counts[one.rule.rpartition(":")[2]] += len(frame)
        values = frame.set_axis(range(len(names)), axis=1)
        for one in scan_values("output", values, level="limited-data-set", allowed=()):
            counts[one.rule.rpartition(":")[2]] += one.n_rows or 0
    return [
        ("privacy", _found(where, letter, n)) for letter, n in sorted(counts.items()) if letter != "free_text"
    ]


def _metadata(where: str, content: dict) -> list[tuple[str, Problem]]:
    """Return what is told of metadata: authors, paths with a user's name, and what has a form of its own."""
    found = list(strings(content))
    texts = [text for _, text in found]
    authors = sum(key.lower() in AUTHOR_KEYS and not text.isdigit() for key, text in found)
    authors += sum(
        len(list(strings(value))) > 0 and key.lower() in AUTHOR_KEYS and isinstance(value, list | dict)
        for key, value in _inner(content)
    )
    told = []
    if authors:
        message = "names an author or a user; remove the entry"
        told.append(("privacy", Problem(message, where, None, "identifier:A", authors)))
    told += _paths(where, texts)
    cut = [
        text[first : first + PIECE] for text in texts for first in range(0, len(text) or 1, PIECE - OVERLAP)
    ]
    keys = dict.fromkeys(key for key, _ in _inner(content) if not MACHINE_KEY.fullmatch(key))
    pieces = Pieces(
        data=[[key] for key in keys], prose=[one for one in cut if not MACHINE_KEY.fullmatch(one)]
    )
    return told + _pieces(where, pieces, "limited-data-set", "note")


def _inner(content: dict) -> list[tuple[str, object]]:
    """Return the entries of all objects within."""
    entries, waiting = [], [content]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            entries += [(str(key), value) for key, value in one.items()]
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return entries
