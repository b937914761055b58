"""Values -> small whole numbers and the value that each stands for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = [
    "codes_of_array",
    "codes_of_text",
    "level_order",
    "level_text",
    "match_codes",
    "small",
    "used_only",
]

POOL = pa.system_memory_pool()
"""Arrow's own pool keeps what it freed; the model's arrays come next and need the room."""

GLANCE = 1000
"""Rows that are looked at to see whether equal values stand together."""

RUN = 4
"""Equal values in a row, on average, from which runs are worth looking for."""


def codes_of_text(series: pd.Series) -> tuple[NDArray[np.integer], NDArray]:
    """Codes of a text column in order of first appearance, -1 where missing, and the texts.

    Arrow reads each text once and makes no Python objects but the labels. Where the first rows show that
    equal texts stand together, as a patient's rows do, only the first of each run is looked up: a third
    of the time.
    """
    array = pa.array(series.array, from_pandas=True)
    # A file is read in chunks; they are not put together, which would be a second copy of the text.
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    if pa.types.is_dictionary(array.type):
        chunks = [chunk.dictionary_decode() for chunk in chunks]
    chunks = [chunk for chunk in chunks if len(chunk)] or [pa.array([None], pa.string())[:0]]
    glance = chunks[0][:GLANCE]
    if RUN * len(pc.run_end_encode(glance).values) > len(glance):
        return coded(chunks)
    runs = [pc.run_end_encode(chunk, memory_pool=POOL) for chunk in chunks]
    codes, labels = coded([pa.concat_arrays([run.values for run in runs], memory_pool=POOL)])
    lengths = [np.diff(run.run_ends.to_numpy(), prepend=0) for run in runs]
    return np.repeat(codes, np.concatenate(lengths)), labels


def coded(chunks: list[pa.Array]) -> tuple[NDArray[np.integer], NDArray]:
    """Arrow's dictionary encoding as numpy arrays, with one dictionary for all chunks."""
    found = pc.dictionary_encode(pa.chunked_array(chunks), memory_pool=POOL)
    found = found.unify_dictionaries(memory_pool=POOL).chunks
    if not found:
        return np.empty(0, np.int8), np.empty(0, object)
    labels = found[0].dictionary.to_numpy(zero_copy_only=False).astype(object, copy=False)
    codes = []
    for chunk in found:
        indices = chunk.indices.fill_null(-1) if chunk.indices.null_count else chunk.indices
        codes.append(small(indices.to_numpy(zero_copy_only=False), len(labels)))
    return codes[0] if len(codes) == 1 else np.concatenate(codes), labels


def codes_of_array(values: NDArray) -> tuple[NDArray[np.intp], NDArray]:
    """Codes of numbers or objects in order of first appearance, -1 where missing, and the values.

    Rows of one patient mostly stand together, so only the first row of each run is looked up.
    """
    if len(values) == 0:
        return np.empty(0, dtype=np.intp), values
    changes = values[1:] != values[:-1]
    if changes.dtype != bool:  # a missing value among objects makes the comparison missing
        return pd.factorize(values)
    heads = np.flatnonzero(changes) + 1
    if 2 * len(heads) > len(values):
        return pd.factorize(values)
    heads = np.concatenate(([0], heads))
    codes, labels = pd.factorize(values[heads])
    return np.repeat(codes, np.diff(heads, append=len(values))), labels


def used_only(codes: NDArray[np.integer], labels: NDArray) -> tuple[NDArray, NDArray]:
    """Leave out the labels that no row has; the others keep their order."""
    seen = np.zeros(len(labels) + 1, dtype=bool)
    seen[codes] = True  # -1, the missing, marks the last place
    seen = seen[:-1]
    if seen.all():
        return codes, labels
    new = np.full(len(labels) + 1, -1, dtype=np.intp)
    new[:-1][seen] = np.arange(seen.sum())
    return new.take(codes, mode="wrap"), labels[seen]


def level_order(codes: NDArray[np.integer], labels: NDArray, *, given: bool) -> tuple[NDArray, tuple]:
    """Codes by the order of a factor's levels: the given one, else ascending."""
    if given:
        return small(codes, len(labels)), tuple(labels.tolist())
    order = sorted(range(len(labels)), key=labels.tolist().__getitem__)
    places = np.empty(len(labels) + 1, dtype=smallest(len(labels)))
    places[order] = np.arange(len(labels))
    places[-1] = -1
    return places.take(codes, mode="wrap"), tuple(labels[order].tolist())


def smallest(count: int) -> type[np.signedinteger]:
    """The smallest integer type for that many codes."""
    return np.int8 if count < 127 else np.int16 if count < 32_000 else np.int32


def small(codes: NDArray[np.integer], count: int) -> NDArray[np.signedinteger]:
    """Codes in the smallest type."""
    return codes.astype(smallest(count), copy=False)


def match_codes(labels: NDArray, known: tuple | NDArray) -> NDArray[np.intp]:
    """Place of each label among known ones; -1 where it is not."""
    places = {label: place for place, label in enumerate(known)}
    return np.array([places.get(label, -1) for label in labels.tolist()], dtype=np.intp)


def level_text(level) -> str:
    """A level in a column's name, as R writes it."""
    if isinstance(level, bool | np.bool_):
        return "TRUE" if level else "FALSE"
    if isinstance(level, float):
        return f"{level:.15g}"
    return str(level)
