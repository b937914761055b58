"""Identifiers of a known form in free text that is kept because somebody has read it.

Names in prose have no form and cannot be found; an address, a number or a date
can, and so is any cell that would be refused in a column of words.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ketaoutcomes.cohort.privacy_cells import Cells, distinct_cells, findings
from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.errors import Problem

__all__ = ["LONG_NUMBER", "identifiers_in", "reviewed_problems"]

FREE_TEXT = "free_text"
# Longer texts are looked at in overlapping parts, because some patterns are tried on the first signs only.
PART, STEP = 900, 700
LONG_NUMBER = "[0-9]{7,}"
EDGES = r"^[\s(\[{<\"'.,;:!?]+|[\s)\]}>\"'.,;:!?]+$"


def identifiers_in(column: pd.Series, level: str, patients: pd.Series | None = None) -> dict[str, np.ndarray]:
    """Return the rows of a column of text in which each class of identifiers is found.

    Looked at are the whole cells, their parts if they are long, and their single
    words, so that what is an identifier when it stands alone is one in a sentence.

    Parameters
    ----------
    column : Series
    level : {"safe-harbor", "limited-data-set"}
    patients : Series, optional
        Whose row each is, to find codes of which every patient has their own.

    Returns
    -------
    dict of str to (n,) bool array
        By letter; free text is none. A cell is told under the first class that is found.
    """
    cells = distinct_cells(str(column.name), column)
    if cells is None:
        return {"C": column.notna().to_numpy()} if level == "safe-harbor" else {}
    if not len(cells.texts):
        return {}
    ids = None if patients is None else distinct_cells("patient_id", patients)
    found: dict[str, np.ndarray] = {}
    unclaimed = np.ones(len(cells.texts), dtype=bool)
    whole = [(letter, hits) for letter, _, hits in findings(cells, level, False, ids)]
    long = pc.match_substring_regex(cells.texts, LONG_NUMBER).to_numpy(zero_copy_only=False)
    for letter, hits in (*whole, *_in_pieces(cells, level), ("R", long)):
        hits = hits & unclaimed
        if letter != FREE_TEXT and hits.any():
            unclaimed &= ~hits
            found[letter] = found.get(letter, False) | hits
    return {letter: np.append(hits, False)[cells.codes] for letter, hits in found.items()}


def reviewed_problems(
    table: str, frame: pd.DataFrame, names: list[str], level: str, row_numbers: np.ndarray | None
) -> list[Problem]:
    """Return the privacy problems of columns of reviewed text, one per column and class."""
    numbers = np.arange(2, len(frame) + 2) if row_numbers is None else np.asarray(row_numbers)
    patients = frame["patient_id"] if "patient_id" in frame.columns else None
    problems = []
    for name in names:
        for letter, rows in identifiers_in(frame[name], level, patients).items():
            rule = load_rules().by_letter[letter]
            message = (
                f"holds what looks like {rule.words}, although it is named in reviewed_text; {rule.advice}"
            )
            first = int(numbers[rows.argmax()])
            problems.append(Problem(message, table, name, f"identifier:{letter}", int(rows.sum()), first))
    return problems


def _in_pieces(cells: Cells, level: str):
    """Yield the class and the distinct cells in a part or word of which something is found."""
    texts = cells.texts.to_pylist()
    owner, pieces = [], []
    for place, text in enumerate(texts):
        words = [word for word in text.split() if any(sign.isdigit() or sign in "@./" for sign in word)]
        parts = [text[at : at + PART] for at in range(0, len(text), STEP)] if len(text) > PART else []
        pieces += [*parts, *words]
        owner += [place] * (len(parts) + len(words))
    if not pieces:
        return
    bare = pc.replace_substring_regex(pa.array(pieces, pa.large_string()), EDGES, "")
    within = distinct_cells(cells.name, pd.Series(pd.array(bare, dtype="str")))
    place_of = np.array(owner)
    # As words of the dictionary: how common a piece is says nothing, so only its form counts.
    for letter, _, hits in findings(within, level, True, None):
        rows = np.append(hits, False)[within.codes]
        out = np.zeros(len(texts), dtype=bool)
        out[place_of[rows]] = True
        yield letter, out
