"""Text cells to numbers, words and yes or no, whole columns at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Numbers", "Words", "flags", "numbers", "text", "typed", "words"]

# What a cell without a value looks like. "none" is not here: it is a level of its own.
MISSING = frozenset({"", "na", "n/a", "nan", "null", ".", "#n/a", "<na>", "nat", "missing"})
YES = frozenset({"yes", "y", "true", "t", "1", "1.0"})
NO = frozenset({"no", "n", "false", "f", "0", "0.0"})


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Parameters
    ----------
    values : (n,) float array
        Missing where there is no number.
    bad : (n,) bool array
        There is something, and it is not a number.
    comma : (n,) bool array
        Of the bad ones, those that are numbers but for a comma.
    """

    values: np.ndarray
    bad: np.ndarray
    comma: np.ndarray


@dataclass(frozen=True)
class Words:
    """A column of words as codes into a list of levels; -1 is missing.

    Parameters
    ----------
    codes : (n,) int array
    levels : tuple of str
    merged : tuple of str
        The levels that stand for more than one spelling in the file.
    """

    codes: np.ndarray
    levels: tuple[str, ...]
    merged: tuple[str, ...] = ()

    def map(self, function: Callable[[str], str | None]) -> Words:
        """Return the column with each level replaced; None makes it missing."""
        new = [function(level) for level in self.levels]
        levels = tuple(sorted({level for level in new if level is not None}))
        place = {level: number for number, level in enumerate(levels)}
        kind = np.min_scalar_type(-1 - len(levels))
        lookup = np.array([place.get(level, -1) for level in new] + [-1], dtype=kind)
        return Words(lookup[self.codes], levels)

    def where(self, test: Callable[[str], bool]) -> np.ndarray:
        """Mark the rows whose level passes the test; bool."""
        return np.array([test(level) for level in self.levels] + [False], dtype=bool)[self.codes]

    def take(self, rows: np.ndarray) -> Words:
        """Return the column at the given rows."""
        return Words(self.codes[rows], self.levels)

    def series(self) -> pd.Series:
        """Return the column as a series of text."""
        return pd.Series(pd.array([*self.levels, None], dtype="str").take(self.codes), copy=False)


def text(column: pd.Series) -> pd.Series:
    """Return any column as text without surrounding blanks; missing stays missing.

    A whole number kept as a float is written without its ".0", so that CSV and
    Parquet of the same data agree.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = text(pd.Series(column.cat.categories))
        return pd.Series(levels.array.take(column.cat.codes.to_numpy(), allow_fill=True))
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy(float, na_value=np.nan)
        whole = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2**53)
        out = pd.Series(values).astype("str").astype(object)
        out[whole] = [str(int(value)) for value in values[whole]]
        return pd.Series(pd.array(out, dtype="str"))
    out = column.reset_index(drop=True)
    if pd.api.types.is_bool_dtype(out.dtype):
        out = out.map({True: "yes", False: "no"})
    return out.astype("str").str.strip()


def words(column: pd.Series, *, keep_missing_words: bool = False) -> Words:
    """Return a column as words with single blanks inside; spellings that differ in case alone are one.

    The commonest spelling is kept, and of equally common ones the first in order.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, found = column.cat.codes.to_numpy(), text(pd.Series(column.cat.categories))
    else:
        codes, found = pd.factorize(column if column.dtype == "str" else text(column), use_na_sentinel=True)
    raw = Words(codes.astype(np.int32), tuple(" ".join(str(level).split()) for level in found))
    count = np.bincount(raw.codes + 1, minlength=len(raw.levels) + 1)[1:]
    spelled: dict[str, dict[str, int]] = {}
    for level, n in zip(raw.levels, count.tolist(), strict=True):
        if level and (keep_missing_words or level.lower() not in MISSING):
            same = spelled.setdefault(level.lower(), {})
            same[level] = same.get(level, 0) + n
    n_spellings: dict[str, int] = {}
    for level in map(str, found):
        low = " ".join(level.split()).lower()
        n_spellings[low] = n_spellings.get(low, 0) + 1
    best = {low: min(same, key=lambda level: (-same[level], level)) for low, same in spelled.items()}
    kept = raw.map(lambda level: best.get(level.lower()))
    return replace(kept, merged=tuple(best[low] for low in sorted(best) if n_spellings[low] > 1))


def flags(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return yes or no as codes (1, 0, -1 missing; int8) and which cells are neither (bool)."""
    if pd.api.types.is_bool_dtype(column.dtype):
        values = column.astype("boolean")
        return np.array(values.astype("Int8").fillna(-1), dtype=np.int8), np.zeros(len(column), dtype=bool)
    found = words(column)
    code = np.array(
        [1 if level in YES else 0 if level in NO else -1 for level in map(str.lower, found.levels)] + [-1],
        dtype=np.int8,
    )
    codes = code[found.codes]
    return codes, (codes < 0) & (found.codes >= 0)


def numbers(column: pd.Series, *, decimal: str | None, separator: str | None = None) -> Numbers:
    """Return a column as numbers, and where there is something else.

    Parameters
    ----------
    decimal : {".", ","} or None
        When None, a comma is the decimal mark only if the file's separator is
        ";" and every value of the column fits it.
    separator : str, optional
        The separator of the file that the column came from.
    """
    n = len(column)
    if pd.api.types.is_bool_dtype(column.dtype):
        bad = column.notna().to_numpy(bool)
        return Numbers(np.full(n, np.nan), bad, np.zeros(n, dtype=bool))
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan, copy=True)
        values += 0.0
        bad = np.isinf(values)
        values[bad] = np.nan
        return Numbers(values, bad, np.zeros(n, dtype=bool))
    if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype != "str":
        column = text(column)
    cells = pa.chunked_array([pa.array(column, type=pa.large_string(), from_pandas=True)])
    if decimal != ",":
        quick = _cast(pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.large_string()), cells))
        if quick is not None and not np.isinf(quick).any():
            # Arrow reads the letters "nan" as a number; they are missing in either reading.
            return Numbers(quick + 0.0, np.zeros(n, dtype=bool), np.zeros(n, dtype=bool))
    return _careful(cells, decimal, separator)


def _careful(cells: pa.ChunkedArray, decimal: str | None, separator: str | None) -> Numbers:
    """As `numbers`, where some cells are no plain numbers: look at each distinct cell."""
    codes, found = pd.factorize(cells.to_pandas(), use_na_sentinel=True)
    levels = pd.Series(found, dtype="str").str.strip()
    missing = levels.str.lower().isin(MISSING).to_numpy(bool)
    point = levels.str.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?").to_numpy(bool)
    comma = levels.str.fullmatch(r"[+-]?[0-9][0-9.]*(,[0-9]+)+(\.[0-9]+)?").to_numpy(bool)
    plain_comma = levels.str.fullmatch(r"[+-]?[0-9]+(,[0-9]+)?").to_numpy(bool)
    written = levels
    good = point
    whole_column_fits = separator == ";" and bool((plain_comma | missing).all()) and bool(comma.any())
    if decimal == "," or (decimal is None and whole_column_fits):
        good = plain_comma
        written = levels.str.replace(",", ".", regex=False)
    values = np.full(len(levels) + 1, np.nan)
    if good.any():
        values[:-1][good] = pd.to_numeric(written[good], errors="coerce").to_numpy(float)
    good = good & np.isfinite(values[:-1])
    bad = np.append(~good & ~missing, False)
    values[np.append(~good, True)] = np.nan
    return Numbers(values[codes] + 0.0, bad[codes], (bad & np.append(comma, False))[codes])


def _cast(cells: pa.ChunkedArray) -> np.ndarray | None:
    """Return all cells as floats, or None if one of them is no number."""
    try:
        return pc.cast(cells, pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None


def typed(column: pd.Series, found: Words | None = None) -> pd.Series:
    """Return a further column as yes or no, numbers or text, whichever all its cells fit.

    Numbers with leading zeros are codes and stay text.

    Parameters
    ----------
    column : Series
    found : Words, optional
        The same column as words, if they are at hand.
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype("boolean").reset_index(drop=True)
    found = words(column) if found is None else found
    spelled = {level.lower() for level in found.levels}
    if spelled and spelled <= (YES | NO) - {"0", "1", "0.0", "1.0", "t", "f"}:
        codes, _ = flags(column)
        return pd.Series(pd.arrays.BooleanArray(codes == 1, codes < 0))
    padded = any(len(level) > 1 and level[0] == "0" and level.isdecimal() for level in found.levels)
    if spelled and not padded:
        parsed = numbers(pd.Series(list(found.levels), dtype="str"), decimal=".")
        if not parsed.bad.any():
            return pd.Series(np.append(parsed.values, np.nan)[found.codes])
    return found.series()
