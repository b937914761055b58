"""CSV bytes to a frame of text in which no row has shifted, and which rows were ragged.

Everything is read as text: 007 stays 007 and the word NA stays a word. The rows
are counted in the bytes themselves, so a row is never lost between the file and
the frame.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import DataError, Problem

__all__ = ["RawTable", "read_csv"]

SEPARATORS = (",", ";", "\t")
MOST_COLUMNS = 16_384  # as many as a sheet of a spreadsheet program has
NEWLINE, QUOTE, BLANKS = ord("\n"), ord('"'), frozenset(b" \t\r")


@dataclass(frozen=True)
class RawTable:
    """A file's cells, before anything is made of them.

    Parameters
    ----------
    frame : DataFrame
        One column per header, under the names as written.
    row_numbers : (n,) int array or None
        Row of each cell in the file, the header being row 1; 2, 3, ... when None.
    unplaced : tuple of (str, (m,) int array)
        Rows that could not be put into columns: rule and row numbers.
    n_blank : int
        Blank lines passed over.
    separator : str, optional
    lost : tuple of str
        The text of the rows that could not be put into columns.
    unread : tuple of str
        Names of columns that the file has and that were not asked for.
    """

    frame: pd.DataFrame
    row_numbers: np.ndarray | None = None
    unplaced: tuple[tuple[str, np.ndarray], ...] = field(default=())
    n_blank: int = 0
    separator: str | None = None
    lost: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Layout:
    """Where the records of a CSV begin, and how many cells each has."""

    starts: np.ndarray
    ends: np.ndarray
    n_cells: np.ndarray
    blank: np.ndarray


def read_csv(data: bytes, settings: Settings, *, table: str) -> RawTable:
    """Return the cells of a CSV file as text.

    Raises
    ------
    DataError
        If the bytes are not text in the declared encoding, the cells cannot be
        told apart, or there are too many columns.
    """
    data = _plain_text(data, settings, table)
    header_end = _first_line_end(data)
    separator = settings.separator or _sniff(data[:header_end])
    layout = _layout(data, separator, table)
    full = np.flatnonzero(~layout.blank)
    if full.size == 0:
        raise DataError(_problem(table, "empty_file"))
    head, body = full[0], full[1:]
    width = int(layout.n_cells[head])
    if width > MOST_COLUMNS:
        message = (
            f"the header has {width:,} columns, and at most {MOST_COLUMNS:,} can be read safely; "
            "split the table, or correct the separator"
        )
        raise DataError(Problem(message, table, None, "too_large"))
    n_cells = layout.n_cells[body]
    numbers = body - head + 1
    right = n_cells == width
    unplaced = tuple(
        (rule, numbers[rows])
        for rule, rows in (("too_many_cells", n_cells > width), ("too_few_cells", n_cells < width))
        if rows.any()
    )
    lost = tuple(data[layout.starts[row] : layout.ends[row]].decode("utf-8") for row in body[~right])
    if layout.blank.any() or not right.all():
        data = _only(data, layout, np.concatenate([[head], body[right]]))
    frame = _cells(data, separator, int(right.sum()), table)
    plain = bool(right.all()) and not layout.blank.any()
    n_blank = int(layout.blank[head:].sum())
    return RawTable(frame, None if plain else numbers[right], unplaced, n_blank, separator, lost)


def _plain_text(data: bytes, settings: Settings, table: str) -> bytes:
    """Return the bytes as UTF-8 with plain newlines, or refuse them."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data:
        raise DataError(_problem(table, "not_text"))
    encoding = settings.encoding or "utf-8"
    try:
        decoded = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise DataError(_problem(table, "encoding", first_row=row)) from None
    if encoding != "utf-8" or data.startswith(b"\xef\xbb\xbf"):
        data = decoded.encode("utf-8")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _first_line_end(data: bytes) -> int:
    start = len(data) - len(data.lstrip(b"\n"))
    end = data.find(b"\n", start)
    return len(data) if end < 0 else end


def _sniff(header: bytes) -> str:
    """Return the separator that the header has most of, outside quotes; a comma if it has none."""
    outside = b"".join(header.split(b'"')[::2])
    counts = [outside.count(separator.encode()) for separator in SEPARATORS]
    return SEPARATORS[int(np.argmax(counts))]


def _layout(data: bytes, separator: str, table: str) -> _Layout:
    """Find the records of a CSV by whole-array arithmetic on its bytes."""
    raw = np.frombuffer(data, dtype=np.uint8)
    is_newline, is_separator = raw == NEWLINE, raw == ord(separator)
    if QUOTE in data:
        inside = _inside_quotes(raw, is_newline, is_separator, table)
        is_newline &= ~inside
        is_separator &= ~inside
    ends = np.flatnonzero(is_newline)
    if raw.size and raw[-1] != NEWLINE:
        ends = np.append(ends, raw.size)
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    places = np.flatnonzero(is_separator)
    n_cells = np.searchsorted(places, ends) - np.searchsorted(places, starts) + 1
    blank, nothing = ends == starts, bytes([*BLANKS, QUOTE, ord(separator)])
    # So is a line of blanks, or of separators as spreadsheets leave them below a table; few need the look.
    empty = np.zeros(256, dtype=bool)
    empty[list(nothing)] = True
    last = np.maximum(ends - 1, 0)
    for number in np.flatnonzero(~blank & empty[raw[starts]] & empty[raw[last]]):
        blank[number] = not data[starts[number] : ends[number]].strip(nothing)
    return _Layout(starts, ends, n_cells, blank)


def _inside_quotes(raw, is_newline, is_separator, table: str) -> np.ndarray:
    """Mark the bytes inside quotation marks, or refuse marks that do not pair up."""
    is_quote = raw == QUOTE
    parity = np.bitwise_xor.accumulate(is_quote.view(np.uint8)).astype(bool)
    opening = is_quote & parity
    edge = is_newline | is_separator
    before = np.concatenate([[True], edge[:-1] | is_quote[:-1]])
    stray = opening & ~before
    closing = is_quote & ~parity
    after = np.concatenate([edge[1:] | is_quote[1:], [True]])
    stray |= closing & ~after
    if stray.any() or (parity.size and parity[-1]):
        first = int(np.argmax(stray)) if stray.any() else int(np.flatnonzero(opening)[-1])
        row = int(is_newline[:first].sum()) + 1
        raise DataError(_problem(table, "quotes", first_row=row))
    return parity


def _only(data: bytes, layout: _Layout, lines: np.ndarray) -> bytes:
    """Return the bytes of the given records alone."""
    keep = np.zeros(len(data) + 1, dtype=np.int8)
    np.add.at(keep, layout.starts[lines], 1)
    np.subtract.at(keep, np.minimum(layout.ends[lines] + 1, len(data)), 1)
    mask = np.cumsum(keep[:-1], dtype=np.int8).astype(bool)
    return np.frombuffer(data, dtype=np.uint8)[mask].tobytes()


def _cells(data: bytes, separator: str, n_rows: int, table: str) -> pd.DataFrame:
    """Return records that all have as many cells as the header as a frame of text."""
    names = _header(data, separator)
    places = [f"c{place}" for place in range(len(names))]
    end = _record_end(data)
    body = data[end + 1 :]
    if n_rows == 0:
        return pd.DataFrame({place: pd.Series([], dtype="str") for place in places}).set_axis(names, axis=1)
    quoted = QUOTE in body
    try:
        found = arrow_csv.read_csv(
            io.BytesIO(body),
            read_options=arrow_csv.ReadOptions(column_names=places, use_threads=True, block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator,
                newlines_in_values=quoted,
                quote_char='"' if quoted else False,
                ignore_empty_lines=len(places) > 1,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={place: pa.large_string() for place in places}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        raise DataError(_problem(table, "quotes")) from None
    if found.num_rows != n_rows:
        raise DataError(_problem(table, "quotes"))
    frame = pd.DataFrame(
        {place: pd.Series(pd.array(found[place], dtype="str"), copy=False) for place in places}, copy=False
    )
    return frame.set_axis(names, axis=1)


def _record_end(data: bytes) -> int:
    """Return where the header ends; a newline inside quotes does not end it."""
    end = data.find(b"\n")
    while end >= 0 and data[:end].count(b'"') % 2:
        end = data.find(b"\n", end + 1)
    return len(data) if end < 0 else end


def _header(data: bytes, separator: str) -> list[str]:
    """Return the cells of the header."""
    line = data[: _record_end(data)].decode("utf-8")
    names, cell, quoted = [], "", False
    for sign in line:
        if sign == '"':
            quoted = not quoted
        elif sign == separator and not quoted:
            names.append(cell)
            cell = ""
        else:
            cell += sign
    return [*names, cell]


def _problem(table: str, rule: str, *, first_row: int | None = None) -> Problem:
    return Problem(RULES[rule].reason, table, None, rule, 1 if first_row else None, first_row)
