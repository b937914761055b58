"""Exports of a few lines, written as CSV and put through a mapping."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.readers.apply import apply_mapping, hold_to_sheets
from ketaoutcomes.readers.export import Export
from ketaoutcomes.readers.intake import Intake
from ketaoutcomes.readers.mapping import parse_mapping

TOP = {
    "cohort": {"deidentification": "limited-data-set", "timezone": "America/New_York"},
    "patient": {"id": "pid"},
}


def sheet(header: str, *lines: str) -> pd.DataFrame:
    """A sheet of text; no cell holds a comma."""
    rows = [line.split(",") for line in lines]
    return pd.DataFrame(rows, columns=header.split(",")).astype("str")


def taken_in(cells: pd.DataFrame, *blocks: dict, **top) -> Export:
    """The export that a mapping makes of one sheet."""
    mapping = parse_mapping({**TOP, **top, "rows": [*blocks]})
    hold_to_sheets(mapping, {None: cells.columns})
    intake = Intake(mapping.settings, only_listed=mapping.only_listed)
    source = intake.open("export.csv", len(cells))
    apply_mapping(mapping, intake, source, cells)
    return intake.finish()
