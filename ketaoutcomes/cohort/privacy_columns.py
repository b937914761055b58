"""A column as its distinct cells in plain letters, so that each is looked at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ketaoutcomes.cohort.privacy_patterns import compiled, plain_digits

__all__ = ["Cells", "counts", "distinct_cells", "matcher", "matches"]

FEW, SHORT = 500, 200
NUMBER = (
    r"^[-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+|[0-9]{1,3}(?:[,'][0-9]{3})+(?:\.[0-9]+)?"
    r"|[0-9]{1,3}(?:\.[0-9]{3}){1,2}(?:,[0-9]+)?)(?:[eE][-+]?[0-9]+)?$"
)
# Signs that show nothing: all of category Cf (direction, joiners, tags) and what else is drawn blank.
INVISIBLE = (
    r"[\p{Cf}\x{034f}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{180b}-\x{180f}\x{2065}\x{3164}\x{fe00}-\x{fe0f}"
    r"\x{ffa0}\x{e0000}-\x{e0fff}]"
)
# Signs that steer a terminal, save for blanks and ends of lines.
CONTROL = r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0e-\x1f\x7f]"
DASHES = r"[\x{2010}-\x{2015}\x{2212}]"
MISSING = r"(?i)^(?:|\.|-+|na|n/a|nan|null|none|<na>|nat)$"
BLANK = r"[\s_]"


@dataclass(frozen=True)
class Cells:
    """One column: its distinct cells as text, and which of them stands in each row (-1 for none)."""

    name: str
    texts: pa.Array
    codes: np.ndarray
    is_number: np.ndarray

    @cached_property
    def of_words(self) -> np.ndarray:
        """Whether each distinct cell is of several words."""
        found = ~self.is_number
        found[found] = matches(self.texts.filter(pa.array(found)), BLANK)
        return found

    @property
    def n_rows(self) -> np.ndarray:
        """Number of rows of each distinct cell."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    @cached_property
    def matches(self) -> Callable[[str], np.ndarray]:
        """The test whether each distinct cell holds a pattern."""
        return matcher(self.texts)

    def share(self, found: np.ndarray) -> float:
        """Share of the filled rows whose cell is among those found."""
        filled = (self.codes >= 0).sum()
        return self.n_rows[found].sum() / filled if filled else 0.0


def distinct_cells(name: str, column: pd.Series) -> Cells | None:
    """Return a column's distinct cells as text, or None for a column of dates."""
    if pd.api.types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype):
        return None
    if pd.api.types.is_bool_dtype(column):
        texts, codes = pa.array([], pa.large_string()), np.full(len(column), -1)
    elif isinstance(column.dtype, pd.CategoricalDtype):
        texts = pa.array(column.cat.categories.astype("str"), type=pa.large_string(), from_pandas=True)
        codes = column.cat.codes.to_numpy()
    elif pd.api.types.is_numeric_dtype(column):
        codes, values = pd.factorize(column)
        texts = pa.array(_digits(np.asarray(values)), pa.large_string())
    else:
        coded = pa.array(column.astype("str"), type=pa.large_string(), from_pandas=True).dictionary_encode()
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        texts = coded.dictionary
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    if pc.any(pc.match_substring_regex(texts, CONTROL)).as_py():
        texts = pc.replace_substring_regex(texts, CONTROL, "")
    if not pc.all(pc.string_is_ascii(texts)).as_py():
        # Full-width signs, hard spaces, typographic dashes and other digits must not hide anything.
        texts = pc.utf8_normalize(pc.replace_substring_regex(texts, INVISIBLE, ""), form="NFKC")
        texts = _plain_digits(pc.replace_substring_regex(texts, DASHES, "-"))
    texts = pc.utf8_trim_whitespace(texts)
    missing = matches(texts, MISSING)
    if missing.any():
        codes = np.where(np.append(missing, False)[codes], -1, codes)
    return Cells(name, texts, codes, matches(texts, NUMBER))


def _plain_digits(texts: pa.Array) -> pa.Array:
    """Return the texts with the digits of all scripts written 0-9."""
    others = pc.match_substring_regex(pc.replace_substring_regex(texts, "[0-9]+", ""), r"\p{Nd}")
    if not pc.any(others).as_py():
        return texts
    return pa.array([plain_digits(text) for text in texts.to_pylist()], texts.type)


def _digits(values: np.ndarray) -> list[str]:
    """Return numbers as text, whole ones with all their digits."""
    if values.dtype.kind in "iu":
        return values.astype(str).tolist()
    whole = (values == np.rint(values)) & (np.abs(values) < 1e19)
    return [
        f"{value:.0f}" if one else f"{value:.10g}"
        for value, one in zip(values.tolist(), whole.tolist(), strict=True)
    ]


def matches(texts: pa.Array, pattern: str) -> np.ndarray:
    """Whether each text holds the pattern."""
    return matcher(texts)(pattern)


def matcher(texts: pa.Array) -> Callable[[str], np.ndarray]:
    """Return the test whether each text holds a pattern, which means the same to RE2 and to `re`.

    RE2 is faster on many texts, and safe on long ones, but compiles the pattern anew each time.
    """
    if _few_and_short(texts):
        few = texts.to_pylist()
        return lambda pattern: np.array([compiled(pattern).search(text) is not None for text in few], bool)
    return lambda pattern: (
        pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)
    )


def _few_and_short(texts: pa.Array) -> bool:
    return len(texts) <= FEW and (pc.max(pc.utf8_length(texts)).as_py() or 0) <= SHORT


def counts(texts: pa.Array, pattern: str) -> np.ndarray:
    """Return how often each text holds the pattern."""
    if _few_and_short(texts):
        return np.array([len(compiled(pattern).findall(text)) for text in texts.to_pylist()], dtype=np.int64)
    return pc.count_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
