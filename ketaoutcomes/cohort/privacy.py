"""Refuses what identifies people: the 18 classes of HIPAA Safe Harbor, ages over 90, free text.

A column is judged by its name and by what its cells look like. Each distinct
cell is looked at once. A problem names the table, the column, the class and the
number of rows; it never holds a cell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ketaoutcomes.cohort.privacy_cells import ID_COLUMNS, class_of_name, distinct_cells, findings
from ketaoutcomes.cohort.privacy_ids import ids_of_persons
from ketaoutcomes.cohort.privacy_patterns import load_rules
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import Problem

__all__ = ["CLOCK_COLUMNS", "scan_columns", "scan_name", "scan_settings", "scan_values"]

OF_CLINICS = re.compile(
    r"(?i)clinic|hospital|cent(?:er|re)|institut|infirmary|practice|university|klini|spital|ketamine|cohort|study"
)
# The columns that may hold dates, in a limited data set.
CLOCK_COLUMNS = frozenset({"start", "taken", "when"})


def scan_columns(
    table: str, names: Collection[str], *, level: str = "safe-harbor", allowed: Collection[str] | None = None
) -> list[Problem]:
    """Problems with the names of a table's columns.

    Parameters
    ----------
    table : str
        Name of the table, for the messages.
    names : collection of str
        The names as they stand in the header.
    level : {"safe-harbor", "limited-data-set"}
        A limited data set may hold dates, save dates of birth.
    allowed : collection of str, optional
        Names that are not judged (save for dates); the table's columns in the
        data dictionary when absent.

    Returns
    -------
    list of Problem
        Rule "identifier:<letter>" or "identifier:free_text". A name that itself
        looks like a cell (a file without a header) is told by its position.
    """
    rules = load_rules()
    allowed = _dictionary(table) if allowed is None else allowed
    problems = []
    for position, name in enumerate(names, 1):
        name = str(name)
        if name in allowed:
            if name in CLOCK_COLUMNS and level == "safe-harbor":
                problems.append(
                    _problem(table, name, "C", "is a column of dates, which safe-harbor does not allow")
                )
            continue
        letter = class_of_name(name, level)
        if letter:
            what = f"column number {position} has a name that looks like one of the {_words(letter)}"
            problems.append(_problem(table, None, letter, f"{what} (is the header missing?)"))
            continue
        if rules.zip3_header(name) or rules.birth_year_header(name):
            continue
        if rules.birth_header(name):
            problems.append(
                _problem(table, name, "C", "is named as a date of birth", advice=rules.birth_advice)
            )
            continue
        for one in (*rules.classes, rules.free_text):
            if one.header(name) and not (one.letter == "C" and level == "limited-data-set"):
                problems.append(_problem(table, name, one.letter, f"is named as if it held {one.words}"))
                break
    return problems


def scan_values(
    table: str,
    frame: pd.DataFrame,
    *,
    level: str = "safe-harbor",
    allowed: Collection[str] | None = None,
    row_numbers: np.ndarray | None = None,
) -> list[Problem]:
    """Problems with the cells of a table.

    Parameters
    ----------
    table : str
        Name of the table, for the messages.
    frame : DataFrame
        The table as read, text or typed, one row per row of the file.
    level : {"safe-harbor", "limited-data-set"}
        A limited data set may hold dates, save dates of birth and dates in codes.
    allowed : collection of str, optional
        Columns in which numbers are not taken for codes; the table's columns in
        the data dictionary when absent.
    row_numbers : (n,) int array, optional
        Row of the file in which each row stands (the header is row 1); 2, 3, ... when absent.

    Returns
    -------
    list of Problem
        At most one per column and class, with the number of rows and the first
        of them. Never a cell.
    """
    allowed = _dictionary(table) if allowed is None else allowed
    row_numbers = np.arange(2, len(frame) + 2) if row_numbers is None else np.asarray(row_numbers)
    patients = distinct_cells("patient_id", frame["patient_id"]) if "patient_id" in frame.columns else None
    problems = []
    for position, name in enumerate(frame.columns):
        if name in allowed and _all_numbers(name, frame.iloc[:, position]):
            continue
        cells = patients if name == "patient_id" else distinct_cells(str(name), frame.iloc[:, position])
        if cells is None:
            if level == "safe-harbor":
                rows = frame.iloc[:, position].notna().to_numpy()
                message = f"holds dates; {load_rules().by_letter['C'].advice}"
                problems += _found(table, position, str(name), "C", message, rows, row_numbers, allowed)
            continue
        unclaimed = np.ones(len(cells.texts), dtype=bool)
        of_persons = ids_of_persons(cells) if name == "patient_id" else ()
        # What is plainly another class, such as an e-mail address, is told as that class.
        for letter, message, found in (*findings(cells, level, name in allowed, patients), *of_persons):
            found = found & unclaimed
            unclaimed &= ~found
            if found.any():
                rows = np.append(found, False)[cells.codes]
                problems += _found(table, position, cells.name, letter, message, rows, row_numbers, allowed)
    return problems


def scan_name(kind: str, text: str) -> list[Problem]:
    """Problems with the name of a file, folder or sheet (`kind`), which is not repeated in the message."""
    letter = class_of_name(text.rpartition(".")[0] or text, "safe-harbor") or class_of_name(
        text, "safe-harbor"
    )
    if not letter:
        return []
    message = f"the name of a {kind} looks like one of the {_words(letter)}; rename it"
    return [Problem(message, rule=f"identifier:{letter}")]


def scan_settings(settings: Settings) -> list[Problem]:
    """Problems with the texts of `cohort.toml`: the name, and words for side effects."""
    level, problems = settings.deidentification, []
    letter = class_of_name(settings.name, level) if settings.name else None
    # Clinics are called after persons, and a cohort after its clinic.
    if letter and not (letter == "A" and OF_CLINICS.search(settings.name or "")):
        message = f"cohort.toml: 'name' looks like one of the {_words(letter)}; give another"
        problems.append(Problem(message, rule=f"identifier:{letter}"))
    pairs = settings.side_effect_names or ()
    letters = Counter(class_of_name(word, level) for name, words in pairs for word in (name, *words))
    for letter, n in letters.items():
        if letter:
            message = f"cohort.toml: 'side_effect_names' holds what looks like {_words(letter)}; remove them"
            problems.append(Problem(message, rule=f"identifier:{letter}", n_rows=n))
    return problems


def _all_numbers(name: str, column: pd.Series) -> bool:
    """Whether a column of the data dictionary holds numbers only; quick, and may miss some that do."""
    if name in ID_COLUMNS or load_rules().age_header(name):
        return False
    if not isinstance(column.dtype, pd.StringDtype):
        return pd.api.types.is_numeric_dtype(column)
    texts = pa.array(column, type=pa.large_string(), from_pandas=True)
    try:
        # A cast goes through all cells even when the first fails, so a few are tried first.
        pc.cast(texts[:100], pa.float64())
        pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _dictionary(table: str) -> Collection[str]:
    """Return the columns that the data dictionary gives a table."""
    return frozenset(TABLES[table].names) if table in TABLES else frozenset()


def _words(letter: str) -> str:
    """Return what a class is called."""
    return load_rules().by_letter[letter].words


def _found(
    table, position: int, name: str, letter, message, rows: np.ndarray, row_numbers: np.ndarray, allowed
) -> list[Problem]:
    """Return the problem of the rows marked, if any is; a name that looks like a cell is told by position."""
    if not rows.any():
        return []
    first = int(row_numbers[rows.argmax()])
    shown: str | None = name
    if name not in allowed and class_of_name(name, "safe-harbor"):
        shown, message = None, f"column number {position + 1} {message}"
    return [Problem(message, table, shown, f"identifier:{letter}", int(rows.sum()), first)]


def _problem(table: str, column: str | None, letter: str, what: str, *, advice: str | None = None) -> Problem:
    """Return the problem of a column's name."""
    rules = load_rules()
    if advice is None:
        advice = rules.free_text.advice if letter == "free_text" else rules.by_letter[letter].advice
    return Problem(f"{what}; {advice}", table=table, column=column, rule=f"identifier:{letter}")
