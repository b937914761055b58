"""Patient ids to small integers, and rows to patient-and-time order, once and for good."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ketaoutcomes.cohort.values import text

__all__ = ["id_text", "look_up", "repeated", "time_order"]

# Rows that are looked at together; more take more room and no less time.
BLOCK = 1_000_000
# Most digits of an id that are read as one number without overflow.
MOST_DIGITS = 15


def id_text(column: pd.Series) -> pd.Series:
    """Return ids as text; 007 stays 007, and blanks around them go."""
    if column.dtype == "str":
        return column.reset_index(drop=True)
    return text(column)


def look_up(column: pd.Series, known: pd.Index) -> np.ndarray:
    """Return each id's place among the known ids, -1 if unknown, -2 if empty; (n,) int32.

    Parameters
    ----------
    column : Series of str
    known : Index of str
        Sorted and without repeats.
    """
    cells = _arrow(column)
    quick = _by_digits(cells, known)
    if quick is not None:
        return quick
    cells = pc.utf8_trim_whitespace(cells)
    place = pc.index_in(cells, value_set=pa.array(known, type=pa.large_string()))
    codes = pc.fill_null(place, -1).to_numpy().astype(np.int32)
    empty = pc.fill_null(pc.equal(cells, ""), True).to_numpy()
    codes[empty] = -2
    return codes


def time_order(groups: np.ndarray, hours: np.ndarray, *ties: np.ndarray) -> np.ndarray | None:
    """Return the rows' order by group, hour and ties, or None if they are in that order.

    Parameters
    ----------
    groups : (n,) int array
        Zero or more.
    hours : (n,) float array
    *ties : (n,) int arrays
        What decides between rows of one group and hour, the first before the next.

    Notes
    -----
    Group, hour and row number are packed into 64 bits when they fit, so that one
    sort of plain integers does it; see Knuth (1998), vol. 3, 5.2, on key packing.
    """
    if _ascending(groups, hours):
        return None
    order = _packed_order(groups, hours)
    if order is None:
        return np.lexsort((*reversed(ties), hours, groups))
    _settle_ties(order, groups, hours, ties)
    return order


def _ascending(groups: np.ndarray, hours: np.ndarray) -> bool:
    """Whether the rows are in the order of group and hour, and no two share both."""
    for start in range(0, groups.size - 1, BLOCK):
        group, hour = groups[start : start + BLOCK + 1], hours[start : start + BLOCK + 1]
        later = (group[1:] == group[:-1]) & (hour[1:] > hour[:-1])
        if not (later | (group[1:] > group[:-1])).all():
            return False
    return True


def repeated(*keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a group number per row by all keys, and which rows share theirs with another row.

    Parameters
    ----------
    *keys : (n,) arrays of equal length

    Returns
    -------
    group : (n,) int64 array
        Meaningful only where rows are shared.
    shared : (n,) bool array
    """
    n = keys[0].size
    group, shared = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    if n < 2:
        return group, shared
    order = np.lexsort(keys[::-1])
    same = np.ones(n - 1, dtype=bool)
    for key in keys:
        ranked = key[order]
        same &= ranked[1:] == ranked[:-1]
    shared[order[1:]] |= same
    shared[order[:-1]] |= same
    group[order[1:]] = np.cumsum(~same)
    return group, shared


def _packed_order(groups: np.ndarray, hours: np.ndarray) -> np.ndarray | None:
    """Order by one sort of packed integers, or None if the keys do not fit 64 bits exactly."""
    n = groups.size
    # Twentieths of a minute hold whole minutes and tenths of an hour alike.
    ticks = hours * 1200.0
    whole = np.rint(ticks)
    if not np.isfinite(whole).all():
        return None
    # In place, here and below: the rows of many patients leave no room for more copies.
    ticks -= whole
    if np.abs(ticks, out=ticks).max() > 1e-6:
        return None
    del ticks
    whole = whole.astype(np.int64)
    low = int(whole.min())
    hour_bits = int(whole.max() - low).bit_length()
    row_bits = int(n - 1).bit_length()
    if int(groups.max()).bit_length() + hour_bits + row_bits > 63:
        return None
    whole -= low
    whole <<= row_bits
    key = groups.astype(np.int64)
    key <<= hour_bits + row_bits
    key |= whole
    del whole
    key |= np.arange(n, dtype=np.int64)
    key.sort()
    key &= (1 << row_bits) - 1
    return key


def _settle_ties(order: np.ndarray, groups: np.ndarray, hours: np.ndarray, ties) -> None:
    """Put rows that share group and hour, and stand together, into the order of the ties; in place."""
    ranked = groups[order]
    same = ranked[1:] == ranked[:-1]
    places = np.flatnonzero(same)
    same[places] = hours[order[places]] == hours[order[places + 1]]
    shared = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if shared.size:
        run = np.cumsum(~np.append(False, same))[shared]
        rows = order[shared]
        # Equal ties stay in the order of their rows.
        order[shared] = rows[np.lexsort((*(tie[rows] for tie in reversed(ties)), run))]


def _arrow(column: pd.Series) -> pa.ChunkedArray:
    made = pa.array(column, type=pa.large_string(), from_pandas=True)
    return made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])


def _by_digits(cells: pa.ChunkedArray, known: pd.Index) -> np.ndarray | None:
    """Look up ids that are one fixed prefix and digits, e.g. P000123, by their number.

    Returns None when the ids are not all of that form. It is an order of
    magnitude faster than hashing text, and exact: prefix and digits of every id
    are compared, not guessed.
    """
    wanted = _digits(_arrow(pd.Series(known)))
    if wanted is None:
        return None
    prefix, width, numbers = wanted
    low, high = int(numbers.min()), int(numbers.max())
    if high - low > 16 * len(known) + 65536:
        return None
    place = np.full(high - low + 1, -1, dtype=np.int32)
    place[numbers - low] = np.arange(len(known), dtype=np.int32)
    parts = []
    for chunk in cells.chunks:
        found = _digits(pa.chunked_array([chunk]))
        if len(chunk) == 0:
            continue
        if found is None or found[0] != prefix or found[1] != width:
            return None
        number = found[2]
        inside = (number >= low) & (number <= high)
        parts.append(np.where(inside, place[np.where(inside, number - low, 0)], np.int32(-1)))
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)


def _digits(cells: pa.ChunkedArray) -> tuple[bytes, int, np.ndarray] | None:
    """Return prefix, width and number of ids that share a prefix and end in digits, or None."""
    cells = cells.combine_chunks() if cells.num_chunks != 1 else cells.chunk(0)
    n = len(cells)
    if n == 0 or cells.null_count:
        return None
    offsets = np.frombuffer(cells.buffers()[1], dtype=np.int64)[cells.offset : cells.offset + n + 1]
    width = int(offsets[1] - offsets[0])
    if width == 0 or width > 64 or (np.diff(offsets) != width).any():
        return None
    data = np.frombuffer(cells.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]].reshape(n, width)
    first = data[0].tobytes()
    n_digits = len(first) - len(first.rstrip(b"0123456789"))
    prefix = first[: width - n_digits]
    if not 0 < n_digits <= MOST_DIGITS or prefix != prefix.strip():
        return None
    if any((data[:, place] != first[place]).any() for place in range(len(prefix))):
        return None
    number = np.zeros(n, dtype=np.int64)
    for place in range(len(prefix), width):
        digit = data[:, place] - np.uint8(48)
        if (digit > 9).any():
            return None
        number *= 10
        number += digit
    return prefix, width, number
