"""Every CSV that the package writes is safe to open in a spreadsheet program, and loses no row."""

from __future__ import annotations

import ast
import csv
import io
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketaoutcomes.cohort.csv_write import csv_text, neutral
from ketaoutcomes.cohort.simulate import simulate_cohort

# Where CSV text is made: the one function, and the key of `deidentify`, which must give back ids as they are.
WRITERS = {"cohort/csv_write.py", "cohort/deidentify_key.py"}
# OWASP, CSV Injection (CWE-1236): the signs, and their full-width forms.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
HARD = st.text(
    alphabet=st.one_of(
        st.sampled_from("=+-@\t\r\n\0＝＋－＠﹦﹢﹣﹫\ufeff\u200b ,;\"'0123456789.eE|!xA"),
        st.characters(codec="utf-8"),
    ),
    max_size=12,
)
CELLS = st.one_of(HARD, st.none(), st.integers(), st.floats(allow_nan=True), st.booleans())


def _is_number(cell: str) -> bool:
    """By the words of a spreadsheet: a sign, digits with points or commas, an exponent."""
    return re.fullmatch(r"[+-]([0-9][0-9.,]*|[.,][0-9]+|inf|nan)([eE][+-]?[0-9]+)?", cell) is not None


def _is_live(cell: str) -> bool:
    seen = cell.lstrip("\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad")
    return seen.startswith(STARTS) and not _is_number(cell)


def _read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@settings(max_examples=400, deadline=None)
@given(
    names=st.lists(HARD, min_size=1, max_size=4),
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), max_size=6),
    as_text=st.booleans(),
)
def test_no_cell_or_heading_is_live_and_every_row_comes_back(names, rows, as_text):
    frame = pd.DataFrame({place: [row[place] for row in rows] for place in range(len(names))}, dtype=object)
    if as_text:
        frame = frame.map(lambda cell: None if cell is None else str(cell)).astype("str")
    back = _read(csv_text(frame.set_axis(names, axis=1)))
    assert len(back) == len(rows) + 1
    assert {len(row) for row in back} == {len(names)}
    assert not [cell for row in back for cell in row if _is_live(cell)]
    assert not [cell for row in back for cell in row if "\0" in cell or "\r" in cell]


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(HARD, max_size=8))
def test_columns_of_text_objects_and_categories_are_written_alike(texts):
    plain = pd.Series(texts, dtype=object)
    expected = csv_text(pd.DataFrame({"a": plain}))
    assert csv_text(pd.DataFrame({"a": plain.astype("str")})) == expected
    assert csv_text(pd.DataFrame({"a": plain.astype("category")})) == expected
    assert _read(expected)[1:] == [[neutral(text)] for text in texts]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rest", ["1+1", "cmd|' /C calc'!A0", "SUM(A1)", "", "x"])
def test_a_formula_gets_an_apostrophe_in_cells_and_in_headings(start, rest):
    text = csv_text(pd.DataFrame({start + rest: [start + rest]}))
    expected = "'" + (start + rest).replace("\r", "\n").replace("\0", "")
    if _is_number(start + rest):
        expected = start + rest
    assert _read(text) == [[expected], [expected]]


@pytest.mark.parametrize("number", ["-5", "+5", "-0.25", "-1,5", "-1.234,5", "+1e-3", "-.5", "-inf"])
def test_numbers_stay_numbers(number):
    assert _read(csv_text(pd.DataFrame({"score": [number]}))) == [["score"], [number]]


def test_a_mark_of_byte_order_does_not_hide_a_formula_at_the_head_of_the_file():
    data = csv_text(pd.DataFrame({"\ufeff=1+1": [1]})).encode()
    assert not data.decode("utf-8-sig").startswith("=")


def test_names_that_are_twice_are_all_written():
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    assert csv_text(frame) == "a,a\n1,2\n3,4\n"


def test_all_digits_are_kept_on_demand_and_ten_otherwise():
    frame = pd.DataFrame({"x": [1 / 3, -1e-5, 2.0]})
    assert csv_text(frame) == "x\n0.3333333333\n-1e-05\n2\n"
    back = pd.read_csv(io.StringIO(csv_text(frame, digits=None)))
    assert back["x"].tolist() == frame["x"].tolist()


def test_missing_cells_of_every_kind_are_empty():
    frame = pd.DataFrame(
        {
            "a": [None, 1.5],
            "b": pd.array([None, 2], dtype="Int64"),
            "c": pd.array([None, True], dtype="boolean"),
            "d": pd.array([None, "x"], dtype="str"),
            "e": pd.Categorical([None, "y"]),
            "f": pd.to_datetime([None, "2024-03-09"]),
        }
    )
    assert csv_text(frame).splitlines()[1] == ",,,,,"
    assert csv_text(frame).splitlines()[2] == "1.5,2,true,x,y,2024-03-09 00:00:00"


def test_a_simulated_clinic_with_live_words_is_saved_neutral(tmp_path):
    simulation = simulate_cohort(n_patients=5, seed=3)
    planted = simulation.tables["patients"].assign(**{"=HYPERLINK(1)": "@SUM(A1)"})
    object.__setattr__(simulation, "tables", {**simulation.tables, "patients": planted})
    folder = simulation.save(tmp_path / "clinic")
    rows = _read((folder / "patients.csv").read_text(encoding="utf-8"))
    assert rows[0][-1] == "'=HYPERLINK(1)"
    assert {row[-1] for row in rows[1:]} == {"'@SUM(A1)"}


def test_a_saved_simulation_reads_back_as_it_was(tmp_path):
    simulation = simulate_cohort(n_patients=12, seed=5)
    folder = simulation.save(tmp_path / "clinic")
    for name, frame in simulation.tables.items():
        back = pd.read_csv(folder / f"{name}.csv")
        assert len(back) == len(frame)
        for column in frame.columns:
            if pd.api.types.is_float_dtype(frame[column]):
                assert np.array_equal(back[column].to_numpy(float), frame[column].to_numpy(), equal_nan=True)


def _writes(tree: ast.AST) -> bool:
    """Whether code writes a table other than by `csv_text`."""
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    of_csv = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "csv"
    }
    return bool(called & {"to_csv", "to_excel", "write_csv"}) or bool(of_csv & {"writer", "DictWriter"})


def test_csv_is_written_in_one_place_of_the_package_and_by_no_tool(root):
    files = [*(root / "ketaoutcomes").rglob("*.py"), *(root / "tools").rglob("*.py")]
    found = {
        path.relative_to(root / "ketaoutcomes").as_posix() if "ketaoutcomes" in path.parts else path.name
        for path in files
        if _writes(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found <= WRITERS
    assert "cohort/csv_write.py" in found


def test_no_notebook_writes_a_table(root):
    for path in (root / "notebooks").glob("*.ipynb"):
        assert not re.search(r"to_csv|to_excel|csv\.writer", path.read_text(encoding="utf-8"))


def test_the_text_does_not_depend_on_the_run():
    code = (
        "import pandas as pd; from ketaoutcomes.cohort.csv_write import csv_text; "
        "print(repr(csv_text(pd.DataFrame({'=a': [0.1, -2.0], 'b': ['+x', None]}))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == repr("'=a,b\n0.1,'+x\n-2,\n")
