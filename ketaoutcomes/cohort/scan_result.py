"""What a scan of one file for identifiers found, told without a single cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import pandas as pd

from ketaoutcomes.cohort.check import KINDS, SEVERITIES, CheckResult
from ketaoutcomes.errors import Problem

__all__ = ["ScanResult", "scan_result"]

HEADS = {
    "privacy": "Looks as if it identified people",
    "error": "Could not be looked at",
    "note": "For information",
}
COUNTS = {"table": "str", "n_read": "int64", "n_columns": "int64"}


@dataclass(frozen=True, repr=False, eq=False)
class ScanResult(CheckResult):
    """What looks like an identifier in one file that is not yet a cohort's table.

    Parameters
    ----------
    problems : DataFrame
        As of `CheckResult`; severity is "privacy", "error" (a part could not be
        looked at) or "note". `table` is the sheet, the cell of a notebook, or
        None for the file itself.
    counts : DataFrame
        table, n_read, n_columns: what was looked at.
    closing : tuple of str
        What was not looked for, and what to do.
    unit : str
        What `n_rows` of the problems counts.
    """

    closing: tuple[str, ...] = ()
    unit: str = "row"

    def summary(self) -> str:
        """Return the result as text: what was looked at, what was found, what to do."""
        privacy, error = ((self.problems["severity"] == kind).any() for kind in ("privacy", "error"))
        state = "holds what looks like identifiers" if privacy else "nothing that looks like an identifier"
        if error:
            state += ", and a part could not be looked at" if privacy else " in what could be looked at"
        lines = [f"{self.source}: {state}"]
        for row in self.counts.itertuples():
            columns = f", {row.n_columns:,} columns" if row.n_columns else ""
            lines.append(f"  {row.table}: {row.n_read:,} {self.unit}s{columns}")
        for severity, head in HEADS.items():
            found = self.problems[self.problems["severity"] == severity]
            if len(found):
                lines.append(f"{head}:")
                lines += [f"  - {self._line(row)}" for row in found.itertuples()]
        return "\n".join([*lines, *self.closing])

    def _repr_html_(self) -> str:
        return f'<pre style="white-space:pre-wrap">{escape(self.summary())}</pre>'

    def _line(self, row) -> str:
        where = row.table if isinstance(row.table, str) else ""
        where += f", column '{row.column}'" if isinstance(row.column, str) else ""
        line = f"{where}: {row.message}" if where else row.message
        if pd.isna(row.n_rows):
            return line
        if pd.isna(row.first_row) and self.unit == "row":
            return f"{line} ({row.n_rows:,})"
        first = "" if pd.isna(row.first_row) else f", first at row {row.first_row:,}"
        return f"{line} ({row.n_rows:,} {self.unit}{'' if row.n_rows == 1 else 's'}{first})"


def scan_result(
    source: str,
    told: Iterable[tuple[str, Problem]],
    counts: Iterable[tuple[str, int, int]],
    *,
    closing: tuple[str, ...],
    unit: str = "row",
) -> ScanResult:
    """Return a result from problems with their severities, the gravest first.

    Parameters
    ----------
    source : str
        What to call the file.
    told : iterable of (str, Problem)
        "privacy", "error" or "note", and the problem.
    counts : iterable of (str, int, int)
        Part, how much was read, number of columns.
    closing : tuple of str
    unit : str
        "row" or "place".
    """
    rows = [
        (one.table, one.column, one.rule, severity, one.n_rows, one.first_row, one.message)
        for severity, one in sorted(told, key=lambda entry: SEVERITIES.index(entry[0]))
    ]
    problems = pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS)
    return ScanResult(
        problems, pd.DataFrame(counts, columns=list(COUNTS)).astype(COUNTS), source, None, closing, unit
    )
