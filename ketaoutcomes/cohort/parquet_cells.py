"""The cells of a Parquet file, as small as they can be kept without loss.

The tables of a million patients have a hundred million rows, so that what one
cell takes decides what can be loaded: whole numbers are kept in as few bytes as
their range needs, and columns of a few words as codes into the list of words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.header_hints import normal_name
from ketaoutcomes.cohort.memory import release
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.errors import DataError, Problem

__all__ = ["OF_COHORT", "OF_EXPORT", "ParquetLimits", "hold_to_limits", "read_parquet"]


@dataclass(frozen=True)
class ParquetLimits:
    """What a Parquet file may unpack to: a few kilobytes can be written that fill any memory.

    Parameters
    ----------
    rows, cells : int
    text_bytes : int
        Of all columns of text together, every cell written out.
    """

    rows: int
    cells: int
    text_bytes: int


OF_COHORT = ParquetLimits(rows=100_000_000, cells=2_000_000_000, text_bytes=8_000_000_000)
# An export is held as text, several times over.
OF_EXPORT = ParquetLimits(rows=50_000_000, cells=50_000_000, text_bytes=1_000_000_000)
# Ways of storing text in which no cell is longer than what is stored of it, or than its word in the list.
PLAIN_ENCODINGS = frozenset({"PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY"})
MEASURED_AT_ONCE, OTHERS_AT_ONCE = 65_536, 256  # rows
# Columns of the data dictionary that hold one of a few words.
OF_WORDS = frozenset({"word", "flag", "any", "month"})
# Whole numbers up to these are the same as floats of 32 and 64 bits.
EXACT_32, EXACT_64 = 2**24, 2**53


def read_parquet(file, table: str, columns=None, *, limits: ParquetLimits = OF_COHORT) -> RawTable:
    """Return the cells of a Parquet file; whole numbers that may be codes are not changed.

    Parameters
    ----------
    file : binary file
    columns : callable, optional
        Told a column's name, says whether to read it.
    limits : ParquetLimits

    Raises
    ------
    DataError
        If it is no Parquet file, unpacks to more than `limits`, or a column holds what no cell can be.
    """
    try:
        source = pq.ParquetFile(file)
        schema = source.schema_arrow
        names = [name for name in schema.names if not name.startswith("__index_level_")]
        if len(set(names)) < len(names):
            raise DataError(_problem("duplicate_header", table))
        wanted = [name for name in names if columns is None or columns(name)]
        wrong = [name for name in wanted if _not_plain(schema.field(name).type)]
        if wrong:
            raise DataError([_problem("column_type", table, column=name) for name in wrong])
        hold_to_limits(file, wanted, table, limits)
        source = pq.ParquetFile(file, read_dictionary=[name for name in wanted if _of_words(name, table)])
        # One after the other, so that only one column at a time is there twice.
        series = {
            place: _series(source.read(columns=[name]).column(name)) for place, name in enumerate(wanted)
        }
    except MemoryError:
        raise DataError(_problem("too_large", table)) from None
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        raise DataError(_problem("bad_parquet", table)) from None
    release()
    index = pd.RangeIndex(source.metadata.num_rows)
    frame = pd.DataFrame(series, index=index, copy=False).set_axis(wanted, axis=1)
    return RawTable(frame, unread=tuple(name for name in names if name not in wanted))


def hold_to_limits(file, names: Sequence[str], table: str, limits: ParquetLimits) -> None:
    """Refuse a Parquet file that would unpack to more than the limits, before it is unpacked.

    Parameters
    ----------
    file : binary file
    names : sequence of str
        Columns that will be read, none of them nested.
    table : str
        What messages call it.
    limits : ParquetLimits

    Raises
    ------
    DataError
        Rule "too_large".
    pyarrow.ArrowException
        If it is damaged.
    """
    source = pq.ParquetFile(file)
    about, schema = source.metadata, source.schema_arrow
    groups = [about.row_group(group) for group in range(about.num_row_groups)]
    n_rows = max(about.num_rows, sum(group.num_rows for group in groups))
    texts = [name for name in names if _is_text(schema.field(name).type)]
    if n_rows > limits.rows or n_rows * len(names) > limits.cells:
        raise DataError(_problem("too_large", table))
    if not texts:
        return
    leaves = {about.schema.column(leaf).path: leaf for leaf in range(about.num_columns)}
    # Text is looked at as codes and the words that they stand for, which is as small as it is stored.
    coded = pq.ParquetFile(file, read_dictionary=texts)
    left = limits.text_bytes
    for name in texts:
        for place, group in enumerate(groups):
            left -= _text_bytes(source, coded, name, place, group.column(leaves[name]), left)
            if left < 0:
                raise DataError(_problem("too_large", table))


def _text_bytes(source, coded, name: str, place: int, chunk, left: int) -> int:
    """Return how many bytes one column takes at most in a group of rows; counted where that is too many."""
    if not PLAIN_ENCODINGS.issuperset(chunk.encodings):
        return _counted(source.iter_batches(OTHERS_AT_ONCE, row_groups=[place], columns=[name]), left)
    # The words come with the first row, all of them.
    first = next(coded.iter_batches(1, row_groups=[place], columns=[name]), None)
    if first is None:
        return 0
    cells = first.column(0)
    words = cells.dictionary if pa.types.is_dictionary(cells.type) else cells
    longest = pc.max(pc.binary_length(words)).as_py() or 0
    at_most = chunk.total_uncompressed_size + chunk.num_values * longest
    if at_most <= left:
        return at_most
    return _counted(coded.iter_batches(MEASURED_AT_ONCE, row_groups=[place], columns=[name]), left)


def _counted(batches, left: int) -> int:
    """Return the bytes of all cells; counting ends when there are more than are left."""
    total = 0
    for batch in batches:
        cells = batch.column(0)
        lengths = pc.binary_length(cells.dictionary if pa.types.is_dictionary(cells.type) else cells)
        if pa.types.is_dictionary(cells.type):
            lengths = lengths.take(cells.indices)
        total += pc.sum(lengths.cast(pa.int64())).as_py() or 0
        if total > left:
            break
    return total


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _of_words(name: str, table: str) -> bool:
    normal = normal_name(name)
    return normal in TABLES[table].names and TABLES[table][normal].kind in OF_WORDS


def _not_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _not_plain(kind.value_type)
    return (
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _series(column: pa.ChunkedArray) -> pd.Series:
    """Return an Arrow column as a series; times of day, lengths of time and decimals become text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.unify_dictionaries()
        return column.to_pandas() if column.num_chunks else pd.Series([], dtype="str")
    if pa.types.is_null(kind):
        return pd.Series(pd.array([None] * len(column), dtype="str"))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pd.Series(pd.array(column, dtype="str"), copy=False)
    if pa.types.is_date(kind):
        return pd.Series(pd.array(pc.strftime(column, format="%Y-%m-%d"), dtype="str"))
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz=kind.tz), safe=False).to_pandas()
    if pa.types.is_integer(kind):
        return _whole_numbers(column)
    if pa.types.is_floating(kind):
        return _own(column)
    if pa.types.is_boolean(kind):
        return column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    return pd.Series(pd.array(column.cast(pa.large_string()), dtype="str"))


def _whole_numbers(column: pa.ChunkedArray) -> pd.Series:
    """Return whole numbers in the smallest type that holds all of them.

    With empty cells they become floats. Where those would change a number,
    above 2**53, they become text, which changes none.
    """
    ends = pc.min_max(column)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is None:
        return pd.Series(np.full(len(column), np.nan, dtype=np.float32))
    if not column.null_count:
        # With a sign, the type that holds -1 - n holds n too.
        small = np.min_scalar_type(min(low, -1 - high) if low < 0 else high)
        return _own(column.cast(pa.from_numpy_dtype(small)))
    most = max(abs(low), abs(high))
    if most > EXACT_64:
        return pd.Series(pd.array(column.cast(pa.large_string()), dtype="str"))
    return _own(column.cast(pa.float32() if most <= EXACT_32 else pa.float64()))


def _own(column: pa.ChunkedArray) -> pd.Series:
    """Return numbers in memory of their own, which goes back to the system with them; Arrow keeps its own."""
    return pd.Series(column.to_pandas().to_numpy(copy=True), copy=False)


def _problem(rule: str, table: str, *, column: str | None = None) -> Problem:
    return Problem(RULES[rule].reason, table, column, rule)
