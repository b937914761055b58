"""Ages above 89 become 90, and ZIP codes their first three digits."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.privacy_patterns import load_rules, normalise
from ketaoutcomes.cohort.values import MISSING, text

__all__ = ["ZIP3", "is_age", "is_zip", "recode_ages", "recode_zips"]

OLDEST = 89
# Nobody is older: such a number is a code for "missing", or no age.
MOST_YEARS = 125
ZIP3 = "zip3"
NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?")
FIRST = re.compile(r"[^0-9<>≥≤]*([<>≥≤]?)=?\s*([0-9]+(?:[.,][0-9]+)?)")
SECOND = re.compile(
    r"[^0-9]*[0-9]+(?:[.,][0-9]+)?\s*(?:years?|yrs?|y)?\s*(?:-|–|—|to|bis|and|until)\s*([0-9]+)"
)
# "(89, 95]": an end with a round bracket is not in it.
INTERVAL = re.compile(r"([\[(])\s?([0-9]{1,3})(?:\.0)?\s?[,;]\s?([0-9]{1,3}|inf)(?:\.0)?\s?([\])])")
# No age or band is longer, and patterns are not tried on more.
MOST_SIGNS = 40
AGE_WORDS = re.compile(r"_(?:idade|alder|alter|eta|edad|leeftijd|alders?gruppe?|altersgruppe)_")
ZIP = re.compile(r"([0-9]{3})[0-9]{2}(?:[- ]?[0-9]{4})?")
THREE = re.compile(r"[0-9]{3}")
ZIP_WORDS = re.compile(r"_(?:zips?|zipcodes?|zip_codes?|postal|postalcodes?|post_?codes?)_")


def recode_ages(column: pd.Series, *, numeric: bool) -> tuple[pd.Series, int]:
    """Return a column of ages or bands in which nobody is known to be above 89, and how many cells changed.

    A number above 89 is 90, a band above is "90+", and one that reaches from below to above is open at its
    end: 85-94 becomes 85+.

    Parameters
    ----------
    numeric : bool
        The column holds numbers only, so that a cell such as "93 years" is 90 and not "90+".
    """
    return _recoded(column, lambda cell: _age(cell, "90" if numeric else "90+"))


def is_age(name: str) -> bool:
    """Whether a column is named as ages or bands of ages, in several languages."""
    return load_rules().age_header(name) or AGE_WORDS.search(normalise(name)) is not None


def is_zip(name: str) -> bool:
    """Whether a column is named as ZIP or postal codes, of any number of digits."""
    return load_rules().zip3_header(name) or any(
        ZIP_WORDS.search(normalise(form)) for form in (name, name.lower())
    )


def recode_zips(column: pd.Series) -> tuple[pd.Series, int, int]:
    """Return the first three digits of ZIP codes, and how many cells were recoded and how many dropped.

    Areas of few people are 000 by the list of `privacy_rules.toml`. What is not a
    code of five or nine digits, nor three digits already, is dropped.
    """
    recoded, changed = _recoded(column, _zip3)
    dropped = int((recoded.isna() & ~_blank(column)).sum())
    return recoded, changed - dropped, dropped


def _blank(column: pd.Series) -> np.ndarray:
    cells = text(column)
    return (cells.isna() | cells.str.lower().isin(MISSING)).to_numpy(bool)


def _recoded(column: pd.Series, function: Callable[[str], str | None]) -> tuple[pd.Series, int]:
    """Return a column of text with each distinct cell recoded, and how many filled cells changed."""
    codes, levels = pd.factorize(text(column), use_na_sentinel=True)
    found = [str(level) for level in levels]
    new = [None if level.lower() in MISSING else function(level) for level in found]
    changed = np.array(
        [level.lower() not in MISSING and level != one for level, one in zip(found, new, strict=True)]
        + [False],
        dtype=bool,
    )
    out = pd.Series(pd.array([*new, None], dtype="str").take(codes), name=column.name)
    return out, int(changed[codes].sum())


def _age(cell: str, top: str) -> str:
    whole, cell = cell, cell[:MOST_SIGNS]
    made = _age_of(cell, top)
    return whole if made == cell else made


def _age_of(cell: str, top: str) -> str:
    span = INTERVAL.fullmatch(cell)
    if span is not None:
        youngest = int(span.group(2)) + (span.group(1) == "(")
        end = MOST_YEARS if span.group(3) == "inf" else int(span.group(3)) - (span.group(4) == ")")
        if OLDEST < youngest <= MOST_YEARS:
            return top
        return f"{youngest}+" if OLDEST < end <= MOST_YEARS else cell
    if NUMBER.fullmatch(cell):
        return "90" if OLDEST < float(cell.replace(",", ".")) <= MOST_YEARS else cell
    first = FIRST.match(cell)
    if first is None:
        return cell
    sign, years = first.group(1), float(first.group(2).replace(",", "."))
    above = years > OLDEST or (years == OLDEST and sign == ">")
    if above and sign not in ("<", "≤"):
        return top if years <= MOST_YEARS else cell
    second = SECOND.match(cell)
    if second is not None and OLDEST < int(second.group(1)) <= MOST_YEARS:
        return f"{years:g}+"
    return cell


def _zip3(cell: str) -> str | None:
    cell = cell.removesuffix(".0")
    if THREE.fullmatch(cell):
        area = cell
    else:
        found = ZIP.fullmatch(cell)
        area = found.group(1) if found else None
    return "000" if area in load_rules().small_zip3 else area
