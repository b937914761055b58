"""The cells of a Parquet file, as small as they can be kept without loss.

The tables of a million patients have a hundred million rows, so that what one
cell takes decides what can be loaded: whole numbers are kept in as few bytes as
their range needs, and columns of a few words as codes into the list of words.
"""

from __future__ import annotations

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

__all__ = ["read_parquet"]

MOST_ROWS = 500_000_000
# Columns of the data dictionary that hold one of a few words.
OF_WORDS = frozenset({"word", "flag", "any", "month"})
# Whole numbers up to these are the same as floats of 32 and 64 bits.
EXACT_32, EXACT_64 = 2**24, 2**53


def read_parquet(file, table: str, columns=None) -> RawTable:
    """Return the cells of a Parquet file; whole numbers that may be codes are not changed.

    Parameters
    ----------
    file : binary file
    columns : callable, optional
        Told a column's name, says whether to read it.

    Raises
    ------
    DataError
        If it is no Parquet file, or a column holds what no cell can be.
    """
    try:
        source = pq.ParquetFile(file)
        if source.metadata.num_rows > MOST_ROWS:
            raise DataError(_problem("too_large", table))
        schema = source.schema_arrow
        names = [name for name in schema.names if not name.startswith("__index_level_")]
        if len(set(names)) < len(names):
            raise DataError(_problem("duplicate_header", table))
        wanted = [name for name in names if columns is None or columns(name)]
        wrong = [name for name in wanted if _not_plain(schema.field(name).type)]
        if wrong:
            raise DataError([_problem("column_type", table, column=name) for name in wrong])
        source = pq.ParquetFile(file, read_dictionary=[name for name in wanted if _of_words(name, table)])
        # One after the other, so that only one column at a time is there twice.
        series = {
            place: _series(source.read(columns=[name]).column(name)) for place, name in enumerate(wanted)
        }
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        raise DataError(_problem("bad_parquet", table)) from None
    release()
    index = pd.RangeIndex(source.metadata.num_rows)
    frame = pd.DataFrame(series, index=index, copy=False).set_axis(wanted, axis=1)
    return RawTable(frame, unread=tuple(name for name in names if name not in wanted))


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
        small = np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high))
        # A mixture of signs beyond 64 bits has no type of whole numbers.
        kind = column.type if small.kind == "f" else pa.from_numpy_dtype(small)
        return _own(column.cast(kind))
    most = max(abs(low), abs(high))
    if most > EXACT_64:
        return pd.Series(pd.array(column.cast(pa.large_string()), dtype="str"))
    return _own(column.cast(pa.float32() if most <= EXACT_32 else pa.float64()))


def _own(column: pa.ChunkedArray) -> pd.Series:
    """Return numbers in memory of their own, which goes back to the system with them; Arrow keeps its own."""
    return pd.Series(column.to_pandas().to_numpy(copy=True), copy=False)


def _problem(rule: str, table: str, *, column: str | None = None) -> Problem:
    return Problem(RULES[rule].reason, table, column, rule)
