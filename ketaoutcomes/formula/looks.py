"""What a column's values look like they were meant to be: the advice that errors give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Number

import numpy as np
import pandas as pd

__all__ = ["level_advice", "mixed_objects", "rows_text"]

NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?\s*")
DATE = re.compile(r"\s*(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:\d{4}|\d{2}))(?:[T ].*)?\s*")


def rows_text(count: int) -> str:
    """``"1 row"``, ``"12 rows"``."""
    return f"{count} row" if count == 1 else f"{count} rows"


def level_advice(name: str, levels: Sequence, *, all_of_them: bool) -> str | None:
    """The sentence for texts that look like numbers or dates; None if they do not.

    Parameters
    ----------
    name : str
        The column.
    levels : sequence
    all_of_them : bool
        Whether each level must look like a number; else half of them is enough. Blank ones are passed over.
    """
    texts = [level for level in levels if isinstance(level, str)]
    if len(texts) < len(levels):
        return None
    texts = [text for text in texts if text.strip()]
    for pattern, kind in ((NUMBER, "numbers"), (DATE, "dates")):
        alike = [text for text in texts if pattern.fullmatch(text)]
        if not alike or len(alike) < (len(texts) if all_of_them else len(texts) / 2):
            continue
        whole = len(alike) == len(levels)
        look = f"that look like {kind}" if whole else f"of which {len(alike)} look like {kind}"
        comma = kind == "numbers" and any("," in text for text in alike)
        return f"'{name}' is text with {len(levels)} levels {look}; {cure(name, kind, comma, whole)}"
    return None


def cure(name: str, kind: str, comma: bool, whole: bool) -> str:
    """How a column of texts becomes one of numbers."""
    coerce = "" if whole else ", errors='coerce'"
    if kind == "dates":
        days = f"(pd.to_datetime(data['{name}']{coerce}) - start) / pd.Timedelta(days=1)"
        return f"turn it into numbers, e.g. days since a start: {days}"
    column = f"data['{name}']" + (".str.replace(',', '.')" if comma else "")
    return f"turn it into numbers, e.g. pd.to_numeric({column}{coerce})"


def mixed_objects(name: str, series: pd.Series) -> str:
    """The sentence for a column of Python objects of several kinds, or of a kind that no model takes."""
    values = [value for value in series.tolist() if is_there(value)]
    held = sum(isinstance(value, list | tuple | dict | set | frozenset | np.ndarray) for value in values)
    if held:
        return f"'{name}' holds lists or the like in {rows_text(held)}; a cell holds one number or text"
    binary = sum(isinstance(value, bytes | bytearray) for value in values)
    if binary:
        return (
            f"'{name}' holds bytes in {rows_text(binary)}; make them text or numbers first, such as"
            f" data['{name}'].str.decode('utf-8')"
        )
    texts = [value for value in values if isinstance(value, str)]
    numbers = sum(isinstance(value, Number) and not isinstance(value, bool | np.bool_) for value in values)
    if not numbers or not texts or numbers + len(texts) < len(values):
        return f"'{name}' mixes numbers, text or other things; make it one kind"
    wrong = int(pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").isna().sum())
    return (
        f"'{name}' mixes numbers and text: text stands in {rows_text(len(texts))} of {len(values)},"
        f" and in {wrong} of them it cannot be read as a number;"
        f" pd.to_numeric(data['{name}'], errors='coerce') makes {'it' if wrong == 1 else 'these'} missing"
    )


def is_there(value) -> bool:
    """Whether a cell holds anything."""
    return not pd.api.types.is_scalar(value) or not pd.isna(value)
