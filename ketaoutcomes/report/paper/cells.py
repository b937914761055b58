"""Cells of the paper's tables: released numbers as they are printed."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ketaoutcomes.draw.labels import DASH, count, few_words, missing, number, number_range, percent

__all__ = [
    "NOT_SHOWN",
    "capital",
    "decimals_of",
    "known",
    "limits",
    "mean_sd",
    "n_share",
    "quartiles",
    "shown_sizes",
    "size",
]

NOT_SHOWN = "not shown"


def known(row, *names: str) -> bool:
    """Whether a released row is shown and has all these numbers."""
    return not row["suppressed"] and not any(missing(row[name]) for name in names)


def size(value) -> str:
    """A count, or that it is not shown; only for counts that the gate alone may have taken."""
    return NOT_SHOWN if missing(value) else count(value)


def mean_sd(row, mean: str = "mean", sd: str = "sd", decimals: int = 1) -> str:
    """``"18.6 (3.3)"``."""
    if row["suppressed"]:
        return NOT_SHOWN
    if missing(row[mean]):
        return DASH
    return f"{number(row[mean], decimals)} ({number(row[sd], decimals)})"


def quartiles(row, decimals: int = 1) -> str:
    """``"19.0 (17.0–21.0)"``."""
    if row["suppressed"]:
        return NOT_SHOWN
    if missing(row["median"]):
        return DASH if row.get("n") == 0 else NOT_SHOWN
    return f"{number(row['median'], decimals)} ({number_range(row['q1'], row['q3'], decimals)})"


def n_share(row) -> str:
    """``"150 (62%)"``."""
    if row["suppressed"] or missing(row["n"]):
        is_total = str(row["suppressed"]).startswith("total")
        return few_words(row["suppressed"]) if is_total else NOT_SHOWN
    return f"{count(row['n'])} ({percent(row['estimate'])})"


def limits(row, decimals: int = 1) -> str:
    """The interval; "not shown" where the gate took it from a row that has an estimate."""
    if row["suppressed"]:
        return NOT_SHOWN
    if missing(row["conf_low"]):
        return DASH if missing(row["estimate"]) or row.get("n") in (0, 1) else NOT_SHOWN
    return number_range(row["conf_low"], row["conf_high"], decimals)


def decimals_of(unit: str) -> int:
    """Decimals of an amount by its unit."""
    return {"sessions": 0, "mg": 0, "years": 2, "mg/kg": 2}.get(unit, 1)


def shown_sizes(frames: Iterable[pd.DataFrame], column: str = "n") -> tuple[float, ...]:
    """Sizes that released tables print, each once."""
    found = {float(value) for frame in frames if column in frame for value in frame[column].dropna() if value}
    return tuple(sorted(found))


def capital(words: str) -> str:
    """`words` with a capital letter, the rest as it stands."""
    return words[:1].upper() + words[1:]
