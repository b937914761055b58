"""What in a column has to go: one look at each distinct cell, by the rules that refuse it at the door.

Dates are looked for at both levels: in a limited data set they may stand in the
tables' own time columns, and nowhere else is anything made of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import holds_dates
from ketaoutcomes.cohort.deidentify_key import spelled_alike
from ketaoutcomes.cohort.privacy import scan_columns
from ketaoutcomes.cohort.privacy_cells import Cells, distinct_cells, findings
from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.cohort.reviewed_text import LONG_NUMBER, identifiers_in
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.values import numbers, text

__all__ = ["Originals", "class_of_column", "class_of_header", "words_of", "words_that_identify"]

LEVEL = "safe-harbor"
MOSTLY = 0.8
SHORTEST_NUMBER = 6
SHARED_BY = 3
TOKEN = re.compile(r"[\w-]+")
WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, repr=False)
class Originals:
    """Ids and clinics as the source spells them, which no other cell may repeat.

    Parameters
    ----------
    patients : frozenset of str
        In lower case; short numbers are left out, since any count may equal them.
    clinics : frozenset of str
    """

    patients: frozenset[str]
    clinics: frozenset[str]

    @classmethod
    def of(cls, patients: Collection[str], clinics: Collection[str]) -> Originals:
        """Return the ids and clinics that can be told from other words."""
        telling = {one.lower() for one in patients if _is_telling(one)}
        named = {spelled_alike(one) for one in clinics if not one.replace(".", "").isdigit()}
        return cls(frozenset(telling), frozenset(named))


def _is_telling(code: str) -> bool:
    letters = any(sign.isalpha() for sign in code)
    return (letters and any(sign.isdigit() for sign in code)) or len(code) >= SHORTEST_NUMBER


def class_of_header(table: str, written: str, name: str) -> str | None:
    """Return the class that a further column's header gives away, or None."""
    if load_rules().birth_year_header(written) or load_rules().birth_year_header(name):
        return "C"
    for form in dict.fromkeys((written, name)):
        found = scan_columns(table, [form], level=LEVEL, allowed=())
        if found:
            return (found[0].rule or "").partition(":")[2]
    return None


def class_of_column(column: pd.Series, patients: pd.Series | None, originals: Originals) -> str | None:
    """Return the class of identifiers that a further column's cells give away, or None."""
    cells = distinct_cells(str(column.name), column)
    if cells is None or holds_dates(column):
        return "C"
    ids = None if patients is None else distinct_cells("patient_id", patients)
    for letter, _, hits in findings(cells, LEVEL, False, ids):
        if hits.any():
            return letter
    texts = cells.texts.to_pylist()
    if any(_names_patient(one, originals) for one in texts):
        return "R"
    of_clinic = np.array([spelled_alike(one) in originals.clinics for one in texts], dtype=bool)
    return "clinic" if of_clinic.any() and cells.share(of_clinic) >= MOSTLY else None


def words_that_identify(
    table: str, column: pd.Series, *, is_text: bool, patients: pd.Series | None, originals: Originals
) -> dict[str, np.ndarray]:
    """Return the cells to blank of a column of the dictionary, or of kept text, by class; (n,) bool each.

    Parameters
    ----------
    is_text : bool
        The column is kept text, in which sentences may stand.
    """
    if is_text:
        found = identifiers_in(column, LEVEL, patients)
    else:
        found = _in_words(table, column, patients)
    cells = distinct_cells(str(column.name), column)
    if cells is None or (not is_text and cells.is_number.all()):
        return found
    named = np.array(
        [_names_patient(one, originals) for one in cells.texts.to_pylist()] + [False], dtype=bool
    )
    rows = named[cells.codes]
    for other in found.values():
        rows = rows & ~other
    return found | ({"R": found.get("R", False) | rows} if rows.any() else {})


def words_of(column: pd.Series) -> pd.Series:
    """Return cells as they are told apart: lower case, single blanks."""
    return text(column).str.split().str.join(" ").str.lower()


def _in_words(table: str, column: pd.Series, patients: pd.Series | None) -> dict[str, np.ndarray]:
    """Return what a column of the dictionary holds that it should not."""
    name = str(column.name)
    cells = distinct_cells(name, column)
    if cells is None:
        return {"C": column.notna().to_numpy()}
    of_words = name in TABLES[table].names and TABLES[table][name].kind in ("word", "any")
    if cells.is_number.all() and not of_words:
        return {}
    ages = _plain_ages(cells) if name == "age" else np.zeros(len(cells.texts), dtype=bool)
    found: dict[str, np.ndarray] = {}
    unclaimed = ~ages
    rare = [("R", "", _rare_numbers(cells, patients)), ("free_text", "", _spoken(cells))] if of_words else []
    for letter, _, hits in (*findings(cells, LEVEL, True, None), *rare):
        hits = hits & unclaimed
        if hits.any():
            unclaimed &= ~hits
            found[letter] = found.get(letter, False) | hits
    return {letter: np.append(hits, False)[cells.codes] for letter, hits in found.items()}


def _rare_numbers(cells: Cells, patients: pd.Series | None) -> np.ndarray:
    """Mark long numbers of one or two patients; what more of them share is a code of a diagnosis or drug."""
    long = cells.matches(LONG_NUMBER)
    if long.any() and patients is not None:
        codes = pd.factorize(patients)[0]
        there = (cells.codes >= 0) & (codes >= 0)
        pairs = pd.DataFrame({"cell": cells.codes[there], "patient": codes[there]}).drop_duplicates()
        long &= np.bincount(pairs["cell"], minlength=len(cells.texts)) < SHARED_BY
    return long


def _spoken(cells: Cells) -> np.ndarray:
    """Mark cells with two words of speech among five, wherever these stand; labels of diagnoses have none."""
    prose = re.compile(load_rules().prose_words)
    words = [WORD.findall(one) for one in cells.texts.to_pylist()]
    return np.array(
        [len(one) >= 5 and sum(map(bool, map(prose.search, one))) >= 2 for one in words], dtype=bool
    )


def _plain_ages(cells: Cells) -> np.ndarray:
    """Mark what is a number: an age that was recoded, or none that the cohort would keep."""
    return ~np.isnan(numbers(pd.Series(cells.texts.to_pylist(), dtype="str"), decimal=None).values)


def _names_patient(cell: str, originals: Originals) -> bool:
    if not originals.patients:
        return False
    low = cell.lower()
    return low in originals.patients or any(one in originals.patients for one in TOKEN.findall(low))
