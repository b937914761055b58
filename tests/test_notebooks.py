"""Notebooks: short, without logic of their own, committed without outputs, and they run."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def code_cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_at_most_fifteen_cells_and_no_logic(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert len(cells) <= 15
    for node in ast.walk(ast.parse("\n".join(code_cells(path)))):
        assert not isinstance(node, (ast.FunctionDef, ast.For, ast.While, ast.If, ast.ClassDef))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_reads_the_folder_that_it_is_told_and_the_sample_otherwise(path):
    code = "\n".join(code_cells(path))
    assert code.count("data/sample") == 1
    assert 'os.environ.get("KETAOUTCOMES_DATA", "../data/sample")' in code_cells(path)[0]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_of_the_notebook_runs_from_top_to_bottom(path, tmp_path, sample):
    (tmp_path / "notebooks").mkdir()
    shutil.copytree(sample, tmp_path / "data" / "sample")
    code = "\n".join(code_cells(path))
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "notebooks",
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
