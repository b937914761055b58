"""What the cells of an export look like: codes where words belong, and record numbers where codes do."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ketaoutcomes.errors import Problem

__all__ = ["codes_for_words", "like_record_numbers"]

# Columns in which a number says nothing, or something else than the clinic means.
WORDS = (
    ("side_effects", "effect"),
    ("side_effects", "severity"),
    ("sessions", "route"),
    ("scores", "instrument"),
    ("scores", "timing"),
)
CODE = r"-?[0-9]{1,3}(?:\.0)?"
# Numbers of so many digits, of so many patients, are seldom counted up by a clinic's own list.
LONG_NUMBER = "[0-9]{6,}"
FEWEST, MOSTLY = 5, 0.8


def codes_for_words(tables: Mapping[str, pd.DataFrame]) -> list[Problem]:
    """Return a problem for each column of words that holds numbers alone, as a raw export does."""
    problems = []
    for table, column in WORDS:
        if table not in tables or column not in tables[table].columns:
            continue
        cells = tables[table][column].dropna().str.strip()
        # "0" may stand for no side effect, and is a word of its own.
        cells = cells[cells != "0"]
        if len(cells) and cells.str.fullmatch(CODE).all():
            message = (
                "holds numbers alone, which are codes and no words; give REDCap's dictionary (--dictionary), "
                f'or say what they mean in the mapping: values.{column} = {{ 1 = "…", 2 = "…" }}'
            )
            problems.append(Problem(message, table, column, "codes_for_words", len(cells)))
    return problems


def like_record_numbers(ids: pd.Series) -> bool:
    """Whether patients' codes look like a hospital's record numbers: long numbers that do not count up."""
    ids = ids.dropna().str.strip().drop_duplicates()
    numbers = ids[ids.str.fullmatch(LONG_NUMBER)]
    if len(numbers) < FEWEST or len(numbers) < MOSTLY * len(ids):
        return False
    values = pd.to_numeric(numbers, errors="coerce").sort_values()
    # A list that counts up leaves few gaps.
    return bool(values.iloc[-1] - values.iloc[0] > 3 * len(values))
