"""A column's cells as the suggestion sees them: of what kind they are, and never what they say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import CLOCK, DATE, LOOKS_DATED, OFFSET
from ketaoutcomes.cohort.date_hints import HAS_CLOCK
from ketaoutcomes.cohort.values import MISSING, NO, YES
from ketaoutcomes.readers.checkboxes import EMPTY, SEVERITIES, TICKED

__all__ = ["MOSTLY", "PRESSURES", "WITH_OFFSET", "Cells"]

# Share of the filled cells that must be of a kind; the others may be slips.
MOSTLY = 0.8
DATED = rf"({DATE}({CLOCK})?({OFFSET})?|{LOOKS_DATED})"
CLOCK_TIME = r"(?i)[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?( ?[ap]\.?m\.?)?"
NUMBER = r"[-+]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][-+]?[0-9]+)?"
PRESSURES = r"[0-9]{2,3} ?/ ?[0-9]{2,3}"
WITH_OFFSET = rf".*:[0-9.,]+{OFFSET}"
# Spreadsheets count days from 1900 or 1904: these are the years 1954 to 2064.
SERIAL = r"[2-5][0-9]{4}([.,][0-9]+)?"
MOST_WORDS = 60


@dataclass(frozen=True, eq=False)
class Cells:
    """A column's filled cells: the distinct ones, and in how many rows each stands.

    A pattern is looked for by `re`: pandas would compile it anew for every column.
    """

    texts: tuple[str, ...]
    counts: np.ndarray

    @classmethod
    def of(cls, column: pd.Series) -> Cells:
        """Return the cells of a column of text; words for "missing" are no cells."""
        cells = column.astype("str").fillna("").str.strip()
        counts = cells.value_counts(sort=False)
        texts = counts.index.tolist()
        kept = [place for place, text in enumerate(texts) if text.lower() not in MISSING]
        return cls(tuple(texts[place] for place in kept), counts.to_numpy()[kept])

    @cached_property
    def n_filled(self) -> int:
        """Number of filled cells."""
        return int(self.counts.sum())

    def share(self, pattern: str) -> float:
        """Share of the filled cells that fit a pattern; 0 without any."""
        fits = re.compile(pattern).fullmatch
        return self._share([fits(text) is not None for text in self.texts])

    def share_in(self, words: Iterable[str]) -> float:
        """Share of the filled cells that are one of some words, whatever their case."""
        known = frozenset(words)
        return self._share([text in known for text in self.low])

    def _share(self, rows: list[bool]) -> float:
        return float(self.counts[np.array(rows, dtype=bool)].sum() / self.n_filled) if rows else 0.0

    @cached_property
    def low(self) -> tuple[str, ...]:
        """The cells in lower case."""
        return tuple(text.lower() for text in self.texts)

    def fits(self, share: float) -> bool:
        """Whether most cells are of a kind, or there is none that is not."""
        return self.n_filled == 0 or share >= MOSTLY

    @cached_property
    def dates(self) -> bool:
        """Most cells are dates, with or without clock times."""
        return self.n_filled > 0 and self.share(DATED) >= MOSTLY

    @cached_property
    def clocks(self) -> bool:
        """Most cells are clock times without a date."""
        return self.n_filled > 0 and self.share(CLOCK_TIME) >= MOSTLY

    @cached_property
    def with_clock(self) -> bool:
        """Some dates are written with a clock time."""
        return self.n_filled > 0 and self.share(HAS_CLOCK) > 0

    @cached_property
    def numbers(self) -> bool:
        """Most cells are numbers."""
        return self.n_filled > 0 and self.share(NUMBER) >= MOSTLY

    @cached_property
    def serials(self) -> bool:
        """Most cells are a spreadsheet's day numbers."""
        return self.n_filled > 0 and self.share(SERIAL) >= MOSTLY

    @cached_property
    def ticks(self) -> bool:
        """Most cells say yes or no, or how severe."""
        known = YES | NO | TICKED | EMPTY | SEVERITIES
        return self.n_filled > 0 and self.share_in(known) >= MOSTLY

    def values(self) -> np.ndarray:
        """Return the distinct cells as numbers, missing where they are none."""
        texts = pd.Series([text.replace(",", ".") for text in self.texts], dtype="str")
        return pd.to_numeric(texts, errors="coerce").to_numpy(float)

    def known(self, words: Mapping[str, str]) -> dict[str, str]:
        """Return those of some known words that stand in the cells, with what they mean."""
        found = set(self.low) if len(self.texts) <= MOST_WORDS else set()
        return {word: meaning for word, meaning in words.items() if word in found}
