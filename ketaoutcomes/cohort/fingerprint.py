"""One short text that stands for a cohort's content, whatever files it came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.extensions import ExtensionArray

from ketaoutcomes.cohort.memory import release
from ketaoutcomes.cohort.values import text

__all__ = ["fingerprint", "set_aside_digest"]

BLOCK = 1_000_000


def fingerprint(tables: Mapping[str, pd.DataFrame], extra: Iterable[str] = ()) -> str:
    """Return the SHA-256 of a cohort's tables in canonical form, as 64 hexadecimal digits.

    The tables' rows are in canonical order, because a cohort is sorted by unique
    keys. Columns are taken by name. Numbers count as their 64-bit values and text
    as UTF-8, so that CSV and Parquet of the same data agree.

    Parameters
    ----------
    tables : mapping of str to DataFrame
    extra : iterable of str
        What else the content depends on, e.g. settings, and the digest of rows
        that were set aside.
    """
    digest = hashlib.sha256(b"ketaoutcomes cohort 1\n")
    for name in sorted(tables):
        frame = tables[name]
        digest.update(f"table {name} {len(frame)}\n".encode())
        for column in sorted(frame.columns):
            digest.update(f"column {column}\n".encode())
            _add(digest, frame[column])
        release()
    for line in extra:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def set_aside_digest(frame: pd.DataFrame) -> str:
    """Return a digest of raw rows that does not depend on their order or their columns'."""
    columns = sorted(frame.columns)
    cells = [_canonical(frame[column]) for column in columns]
    rows = sorted("\x1f".join(row) for row in zip(*cells, strict=True))
    digest = hashlib.sha256("\x1f".join(columns).encode())
    for row in rows:
        digest.update(b"\x1e" + row.encode())
    return digest.hexdigest()


def _add(digest, column: pd.Series) -> None:
    """Add one column: numbers by value, everything else by sorted levels and codes."""
    kind = column.dtype
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        for part in _blocks(column.array):
            values = part.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
            values[np.isnan(values)] = np.nan
            digest.update(values.astype("<f8", copy=False))
        return
    if column.dtype == "str":
        parts, levels = _coded(column)
    else:
        if isinstance(kind, pd.CategoricalDtype):
            codes, levels = column.cat.codes.to_numpy(), column.cat.categories
        else:
            codes, levels = pd.factorize(column, use_na_sentinel=True)
        parts = list(_blocks(codes))
    if column.name == "patient_id" and isinstance(kind, pd.CategoricalDtype):
        # The ids themselves are in the table of patients, in the order of the codes.
        for part in parts:
            digest.update(part.astype("<i4", copy=False))
        return
    is_used = np.zeros(len(levels) + 1, dtype=bool)
    for part in parts:
        is_used[part] = True
    used = np.flatnonzero(is_used[:-1])
    rank = np.full(len(levels) + 1, -1, dtype=np.int32)
    names = np.array([str(level) for level in levels[used].tolist()], dtype=object)
    order = np.argsort(names, kind="stable")
    rank[used[order]] = np.arange(used.size, dtype=np.int32)
    digest.update("\x1f".join(names[order]).encode())
    for part in parts:
        digest.update(rank[part].astype("<i4", copy=False))


def _coded(column: pd.Series) -> tuple[list[np.ndarray], pd.Index]:
    """Return text as codes into its levels, in parts, -1 for a missing cell; without a copy of the text."""
    cells = pa.array(column, type=pa.large_string(), from_pandas=True)
    cells = cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([cells])
    coded = cells.dictionary_encode()
    parts = [pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False) for chunk in coded.chunks]
    # The parts of one column share their levels.
    return parts, pd.Index(coded.chunk(0).dictionary if parts else [], dtype="str")


def _blocks(column: ExtensionArray | np.ndarray) -> Iterator[ExtensionArray | np.ndarray]:
    """Yield a column in parts, so that its bytes are never there as a whole beside it."""
    for start in range(0, len(column), BLOCK):
        yield column[start : start + BLOCK]


def _canonical(column: pd.Series) -> list[str]:
    """Return cells as text in one way of writing numbers, "" for an empty cell."""
    out = []
    for cell in text(column).fillna("").tolist():
        try:
            out.append(repr(float(cell)) if cell else "")
        except ValueError:
            out.append(cell)
    return out
