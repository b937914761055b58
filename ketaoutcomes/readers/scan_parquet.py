"""A Parquet file's table with the words of its columns, those that no row has too, and its metadata."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.errors import DataError, Problem

__all__ = ["MOST_CELLS", "beside_cells", "read_whole"]

MOST_CELLS = 50_000_000
MOST_BYTES = 2_000_000_000
BATCH = 65_536  # rows
OF_PROGRAMS = (b"pandas", b"ARROW:schema", b"PARQUET:field_id")


def read_whole(file: io.BytesIO, shown: str) -> pa.Table:
    """Return all columns; those of text as codes into their words, so that no word is there twice.

    Raises
    ------
    DataError
        If it has more than 50 million cells, counted by the file's own metadata, or unpacks to more
        than 2 GB.
    pyarrow.ArrowException, OSError
        If it is no Parquet file.
    """
    about = pq.ParquetFile(file)
    groups = [about.metadata.row_group(number) for number in range(about.metadata.num_row_groups)]
    n_cells = sum(group.column(place).num_values for group in groups for place in range(group.num_columns))
    n_cells = max(n_cells, about.metadata.num_rows * about.metadata.num_columns)
    n_bytes = sum(group.total_byte_size for group in groups)
    if n_cells > MOST_CELLS or n_bytes > MOST_BYTES:
        raise _too_large(shown)
    of_text = [field.name for field in about.schema_arrow if _of_text(field.type)]
    file.seek(0)
    source = pq.ParquetFile(file, read_dictionary=of_text)
    batches, n_bytes = [], 0
    for batch in source.iter_batches(batch_size=BATCH):
        # Codes count here and words do not: the batches of one part share them.
        n_bytes += sum(_own_bytes(column) for column in batch.columns)
        if n_bytes > MOST_BYTES:
            raise _too_large(shown)
        batches.append(batch)
    return pa.Table.from_batches(batches, source.schema_arrow).unify_dictionaries()


def beside_cells(table: pa.Table) -> list[str]:
    """Return the metadata of a table and of its columns, and the words of columns that no row has."""
    pairs = [pair for one in _metadata(table.schema) for pair in one.items() if pair[0] not in OF_PROGRAMS]
    texts = [text.decode("utf-8", "replace") for pair in pairs for text in pair]
    for column in table.columns:
        if column.num_chunks and pa.types.is_dictionary(column.type):
            words = column.chunk(0).dictionary
            used = np.zeros(len(words), dtype=bool)
            for chunk in column.chunks:
                used[chunk.indices.drop_null().to_numpy(zero_copy_only=False)] = True
            texts += [str(word) for word in words.filter(pa.array(~used)).to_pylist() if word is not None]
    return list(dict.fromkeys(texts))


def _metadata(schema: pa.Schema) -> Iterator[dict[bytes, bytes]]:
    """Yield the metadata of the table, and of all its columns and what is nested in them."""
    yield schema.metadata or {}
    waiting = list(schema)
    while waiting:
        field = waiting.pop()
        yield field.metadata or {}
        waiting += [field.type.field(place) for place in range(field.type.num_fields)]


def _of_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary))


def _own_bytes(column: pa.Array) -> int:
    return column.indices.nbytes if pa.types.is_dictionary(column.type) else column.nbytes


def _too_large(shown: str) -> DataError:
    return DataError(Problem(RULES["too_large"].reason, shown, None, "too_large"))
