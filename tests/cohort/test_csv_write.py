"""Cells that a spreadsheet program would run or part are written so that it shows them whole."""

from __future__ import annotations

import csv
import io
import sys
import unicodedata

import pandas as pd
import pytest

from ketaoutcomes.cohort.csv_write import csv_text, neutral


def rows_of(text: str, separator: str = ",") -> list[list[str]]:
    """What the standard library reads."""
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


@pytest.mark.parametrize("cell", ["x;=1+1", "x\t=1+1", "x; y", "x\ty"])
@pytest.mark.parametrize("kind", ["str", "category", "object"])
def test_a_cell_with_a_semicolon_or_a_tab_stands_in_quotes(cell, kind):
    text = csv_text(pd.DataFrame({"note": pd.Series([cell, "plain"], dtype=kind)}))
    assert text == f'note\n"{cell}"\nplain\n'
    # Read with that sign between columns, nothing becomes a cell of its own.
    assert all(rows_of(text, sign)[1] == [cell] for sign in ",;\t")


def test_a_row_ends_in_one_line_feed_whatever_its_last_cell_ends_in():
    frame = pd.DataFrame({"a": ["1", "2", ""], "b": ["x\n;\t", ";", None]}, dtype="str")
    text = csv_text(frame)
    assert text == 'a,b\n1,"x\n;\t"\n2,";"\n,\n'
    assert rows_of(text) == [["a", "b"], ["1", "x\n;\t"], ["2", ";"], ["", ""]]


def test_a_formula_behind_any_sign_that_is_not_seen_is_not_run():
    # All signs of the category "format", of which the Unicode standard has more than a hundred.
    unseen = [chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) == "Cf"]
    assert len(unseen) > 100
    cells = [f"{sign}{unseen[0]}=1+1" for sign in unseen]
    written = [row[0] for row in rows_of(csv_text(pd.DataFrame({"note": cells}, dtype="str")))[1:]]
    assert written == [f"'{cell}" for cell in cells] == [neutral(cell) for cell in cells]
    assert neutral(f"{unseen[0]}x=1") == f"{unseen[0]}x=1"
