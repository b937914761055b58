"""Sentences about data that can be fitted, but are hardly what was meant. Counts only, no values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ketaoutcomes.formula.columns import Column
from ketaoutcomes.formula.looks import rows_text

__all__ = ["response_warnings", "text_warnings"]

MOST_LABELS = 200_000
"""Labels of a column that are compared with each other; with more, the comparison would be felt."""

BLANKS = " \t\r\v\f\x1c\x1d\x1e\x1f"
"""All that ASCII has, but for the line break."""

GLANCE = 100
"""Rows that show for most responses that there are more than two values."""


def text_warnings(columns: Mapping[str, Column], groups: Iterable[str]) -> tuple[str, ...]:
    """Sentences on texts that are spelled in several ways, or are empty.

    Parameters
    ----------
    columns : mapping of str to Column
        Complete rows.
    groups : iterable of str
        Columns that group a random term.
    """
    groups = set(groups)
    found: list[str] = []
    for name, column in columns.items():
        if column.is_number or len(column.labels) > MOST_LABELS or not any(alike(column.labels)):
            continue
        # Labels may be left of rows that are not used, so a suspicion is looked at again.
        codes, labels = column.dense()
        pairs, blank = alike(labels)
        what = "groups" if name in groups else "levels"
        if pairs:
            count = "1 pair" if pairs == 1 else f"{pairs} pairs"
            found.append(f"{name} has {what} that differ only in blanks or capitals ({count})")
        if blank:
            places = [place for place, label in enumerate(labels.tolist()) if not label.strip()]
            rows = rows_text(int(np.isin(codes, places).sum()))
            found.append(f"{name} is empty text in {rows}, which counts as one of its {what}")
    return tuple(found)


def alike(labels: NDArray) -> tuple[int, bool]:
    """How many labels repeat another apart from blanks around them and capitals; whether one is blank.

    All labels are looked at as one text, many times faster than one by one.
    """
    texts = labels.tolist()
    try:
        joined = "\n".join(texts)
    except TypeError:  # true and false, or a categorical of numbers
        return 0, False
    bare = is_bare(joined)
    # Where all are in capitals, or all like Pat_0001, no two that differ can differ in capitals alone.
    if bare and any(case(joined) == joined for case in (str.upper, str.lower, str.title)):
        return 0, False
    # Of ASCII, lower() is casefold() and several times faster.
    folded = (joined.lower() if bare else joined.casefold()).split("\n")
    if len(folded) != len(texts):  # there are line breaks inside
        folded = [text.casefold() for text in texts]
    distinct = set(folded) if bare else set(map(str.strip, folded))
    return len(folded) - len(distinct), "" in distinct


def is_bare(joined: str) -> bool:
    """Whether texts joined by line breaks are ASCII, none of them empty or with a blank in it."""
    if not joined.isascii() or "\n\n" in f"\n{joined}\n":
        return False
    return not any(blank in joined for blank in BLANKS)


def response_warnings(y: NDArray[np.float64]) -> tuple[str, ...]:
    """A sentence if the response has two values."""
    if len(np.unique(y[:GLANCE])) > 2:
        return ()
    low, high = y.min(), y.max()
    if low == high or not ((y == low) | (y == high)).all():
        return ()
    return ("the response has two values; a logistic model fits them better",)
