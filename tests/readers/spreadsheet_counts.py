"""Rows of a file, counted by other means than the reader's: `csv`, openpyxl, pyreadstat, pyarrow."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pyreadstat

READERS = {".sav": pyreadstat.read_sav, ".dta": pyreadstat.read_dta, ".por": pyreadstat.read_por}
READERS[".xpt"] = pyreadstat.read_xport
READERS[".zsav"] = pyreadstat.read_sav


def count_rows(path: Path, header_rows: Mapping[str, int] | int = 1) -> int:
    """Rows below the headers of all tables of a file or folder that hold something."""
    if path.is_dir():
        return sum(count_rows(one) for one in sorted(path.iterdir()) if one.suffix in (".csv", ".parquet"))
    if path.suffix in (".xlsx", ".xlsm"):
        return _of_workbook(path, header_rows)
    if path.suffix in READERS:
        return len(READERS[path.suffix](str(path))[0])
    if path.suffix == ".parquet":
        return pq.read_metadata(path).num_rows
    return _of_csv(path)


def _of_csv(path: Path) -> int:
    text = path.read_bytes().decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    records = list(csv.reader(io.StringIO(text), delimiter=_separator(text)))
    return sum(1 for cells in records if "".join(cells).strip()) - 1


def _separator(text: str) -> str:
    head = text.lstrip("\n").split("\n")[0]
    return max(",;\t", key=head.count)


def _of_workbook(path: Path, header_rows: Mapping[str, int] | int) -> int:
    """Rows with a value or a formula, read by openpyxl whole and with its formulas."""
    workbook = openpyxl.load_workbook(path)
    total = 0
    for sheet in workbook.worksheets:
        header = header_rows if isinstance(header_rows, int) else header_rows[sheet.title]
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            total += number > header and any(cell is not None and str(cell).strip() for cell in row)
    return total
