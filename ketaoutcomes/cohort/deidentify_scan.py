"""What in a column has to go: one look at each distinct cell, by the rules that refuse it at the door.

Dates are looked for at both levels: in a limited data set they may stand in the
tables' own time columns, and nowhere else is anything made of them.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.clock import holds_dates
from ketaoutcomes.cohort.deidentify_originals import Originals, names_clinic, names_patient
from ketaoutcomes.cohort.privacy import scan_columns
from ketaoutcomes.cohort.privacy_cells import Cells, distinct_cells, findings
from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.cohort.reviewed_text import LONG_NUMBER, identifiers_in
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.values import numbers, text

__all__ = ["class_of_column", "class_of_header", "is_spoken", "words_of", "words_that_identify"]

LEVEL = "safe-harbor"
MOSTLY = 0.8
SHARED_BY = 3
WORD = re.compile(r"[^\W\d_]+")
# Cells are looked at as far as this: longer ones are free text, and go as such.
MOST_SIGNS = 5_000
LONG_INTEGER = re.compile(r"[+-]?[0-9]{7,}(?:\.0*)?")
OWN_INTEGER = re.compile(r"[0-9]{5,}(?:\.0)?")
OWN_CODE = re.compile(r"(?=[^0-9]*[^\W\d_])(?=(?:[^0-9]*[0-9]){3})[\w./-]{5,40}")


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
    if any(names_patient(one, originals) for one in texts) or _of_their_own(cells, patients):
        return "R"
    if any(names_clinic(one, originals.telling_clinics) for one in texts):
        return "clinic"
    of_clinic = np.array([names_clinic(one, originals.clinics, whole=True) for one in texts], dtype=bool)
    return "clinic" if of_clinic.any() and cells.share(of_clinic) >= MOSTLY else None


def _of_their_own(cells: Cells, patients: pd.Series | None) -> bool:
    """Whether every patient, or every row, has an own code, or a whole number of 5 digits or more."""
    texts = cells.texts.to_pylist()
    codes = [OWN_INTEGER.fullmatch(one) or OWN_CODE.fullmatch(one) for one in texts]
    if not texts or not all(codes):
        return False
    filled = cells.codes >= 0
    if len(texts) == int(filled.sum()):
        return True
    if patients is None:
        return False
    pairs = pd.DataFrame({"cell": cells.codes[filled], "patient": patients.to_numpy()[filled]})
    pairs = pairs.dropna().drop_duplicates()
    return len(pairs) == pairs["patient"].nunique() == pairs["cell"].nunique()


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
    texts = cells.texts.to_pylist()
    for letter, named in (
        ("R", [names_patient(one, originals) for one in texts]),
        ("clinic", [names_clinic(one, originals.named_clinics) for one in texts]),
    ):
        rows = np.array([*named, False], dtype=bool)[cells.codes]
        for other in found.values():
            rows = rows & ~other
        if rows.any():
            found = found | {letter: found.get(letter, False) | rows}
    return found


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
        return _long_integers(table, name, cells)
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


def _long_integers(table: str, name: str, cells: Cells) -> dict[str, np.ndarray]:
    """Return numbers of seven digits and more where no range forbids them; no score has as many."""
    if name in TABLES[table].names:
        column = TABLES[table][name]
        if column.kind != "number" or column.low is not None or name in ("hour_low", "hour_high"):
            return {}
    long = [LONG_INTEGER.fullmatch(one) is not None for one in cells.texts.to_pylist()]
    return {"R": np.array([*long, False], dtype=bool)[cells.codes]} if any(long) else {}


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
    return np.array([is_spoken(one) for one in cells.texts.to_pylist()], dtype=bool)


def is_spoken(text: str) -> bool:
    """Whether a text has two words of speech among five."""
    prose = re.compile(load_rules().prose_words)
    words = WORD.findall(text[:MOST_SIGNS])
    return len(words) >= 5 and sum(map(bool, map(prose.search, words))) >= 2


def _plain_ages(cells: Cells) -> np.ndarray:
    """Mark what is a number: an age that was recoded, or none that the cohort would keep."""
    return ~np.isnan(numbers(pd.Series(cells.texts.to_pylist(), dtype="str"), decimal=None).values)
