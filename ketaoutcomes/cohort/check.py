"""Everything that is wrong with a folder, told at once and without raising."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.build import Build
from ketaoutcomes.cohort.files import folder_path
from ketaoutcomes.cohort.read import examine
from ketaoutcomes.errors import ConfigError, Problem, printable

__all__ = ["CheckResult", "check"]

# From what forbids loading to what changes nothing.
SEVERITIES = ("privacy", "error", "row", "cell", "note")
WORDS = {
    "privacy": "identifies people: nothing is loaded",
    "error": "cannot be used: nothing is loaded",
    "row": "rows set aside",
    "cell": "cells set to missing",
    "note": "for information",
}
KINDS = {
    "table": "str",
    "column": "str",
    "rule": "str",
    "severity": "str",
    "n_rows": "Int64",
    "first_row": "Int64",
    "message": "str",
}
STYLE = "border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums"
CELL = "padding:2px 12px 2px 0;border-top:1px solid #DDE2E6;text-align:left;vertical-align:top"


@dataclass(frozen=True, repr=False, eq=False)
class CheckResult:
    """What `check` found.

    Parameters
    ----------
    problems : DataFrame
        table, column, rule, severity, n_rows, first_row, message. Severity is
        "privacy" or "error" (nothing can be loaded), "row" (rows are set aside),
        "cell" (cells are set to missing) or "note". `first_row` counts the
        header as row 1.
    counts : DataFrame
        table, n_read, n_kept, n_quarantined. If there are errors, tables have
        not been held against each other, and more rows may be set aside later.
    source : str
        Name of the folder.
    fingerprint : str or None
        Of the cohort that would be loaded.
    """

    problems: pd.DataFrame
    counts: pd.DataFrame
    source: str
    fingerprint: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the folder can be loaded; rows may still have been set aside."""
        return not self.problems["severity"].isin(["privacy", "error"]).any()

    @property
    def exit_code(self) -> int:
        """0, or the exit code of the error that `load_cohort` would raise."""
        if self.ok:
            return 0
        if (self.problems["rule"] == "config").any():
            return 2
        return 11 if (self.problems["severity"] == "privacy").any() else 10

    def summary(self) -> str:
        """Return the result as text: a line on each table, then each problem."""
        lines = [f"{printable(self.source)}: {'can be loaded' if self.ok else 'cannot be loaded'}"]
        for row in self.counts.itertuples():
            lines.append(
                f"  {row.table:<13} {row.n_read:>9,} rows read, {row.n_kept:,} kept, "
                f"{row.n_quarantined:,} set aside"
            )
        for severity in SEVERITIES:
            found = self.problems[self.problems["severity"] == severity]
            if len(found):
                lines.append(f"{WORDS[severity].capitalize()}:")
                lines += [f"  - {_line(row)}" for row in found.itertuples()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        state = "can be loaded" if self.ok else "cannot be loaded"
        counts = "".join(
            _row((row.table, f"{row.n_read:,}", f"{row.n_kept:,}", f"{row.n_quarantined:,}"))
            for row in self.counts.itertuples()
        )
        found = "".join(
            _row(
                (WORDS[row.severity], _where(row), _count(row), row.message),
                colour="#C8550B" if row.severity in ("privacy", "error") else None,
            )
            for row in self.problems.itertuples()
        )
        head = _row(("table", "read", "kept", "set aside"), head=True)
        tables = f'<table style="{STYLE}">{head}{counts}</table>'
        if found:
            head = _row(("what happens", "where", "rows", "why"), head=True)
            tables += f'<table style="{STYLE};margin-top:10px">{head}{found}</table>'
        return f"<div><b>{escape(self.source)}</b> {state}{tables}</div>"


def check(folder: str | Path) -> CheckResult:
    """Return everything that is wrong with a cohort's folder, without raising for its data.

    Parameters
    ----------
    folder : str or Path
        As for `load_cohort`.

    Returns
    -------
    CheckResult
        `.ok`, `.problems`, `.counts`, `.summary()`.

    Raises
    ------
    DataError
        If `folder` is not a path at all.
    """
    folder = folder_path(folder)
    try:
        made = examine(folder)
    except ConfigError as error:
        problems = _frame([_entry(problem, "error") for problem in error.problems])
        counts = pd.DataFrame(
            {
                "table": pd.Series([], dtype="str"),
                **{name: pd.Series([], dtype="int64") for name in ("n_read", "n_kept", "n_quarantined")},
            }
        )
        return CheckResult(problems, counts, folder.resolve().name)
    return CheckResult(
        _problems(made), made.counts, folder.resolve().name, made.cohort.fingerprint if made.cohort else None
    )


def _problems(made: Build) -> pd.DataFrame:
    entries = []
    for problem in made.problems:
        private = (problem.rule or "").startswith("identifier")
        entries.append(_entry(problem, "privacy" if private else "error"))
    entries += [
        (row.table, None, row.rule, "row", row.n_rows, row.first_row, row.reason)
        for row in made.quarantine.itertuples()
    ]
    entries += [
        (row.table, row.column, row.rule, "cell", row.n_cells, row.first_row, row.reason)
        for row in made.blanked.itertuples()
    ]
    entries += [_entry(note, "note") for note in made.notes]
    return _frame(sorted(entries, key=lambda entry: SEVERITIES.index(entry[3])))


def _entry(problem: Problem, severity: str) -> tuple:
    return (
        problem.table,
        problem.column,
        problem.rule,
        severity,
        problem.n_rows,
        problem.first_row,
        problem.message,
    )


def _frame(entries: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(entries, columns=list(KINDS)).astype(KINDS)


def _line(row) -> str:
    where, count = _where(row), _count(row)
    line = f"{where}: {row.message}{f' ({count})' if count else ''}" if where else row.message
    return printable(line)


def _where(row) -> str:
    if not isinstance(row.table, str):
        return ""
    return f"{row.table}.{row.column}" if isinstance(row.column, str) else row.table


def _count(row) -> str:
    if pd.isna(row.n_rows):
        return ""
    unit = "cell" if row.severity == "cell" else "row"
    first = "" if pd.isna(row.first_row) else f", first at row {row.first_row:,}"
    return f"{row.n_rows:,} {unit}{'' if row.n_rows == 1 else 's'}{first}"


def _row(cells: tuple[str, ...], *, head: bool = False, colour: str | None = None) -> str:
    kind = "th" if head else "td"
    style = CELL + (f";color:{colour}" if colour else "")
    return (
        "<tr>" + "".join(f'<{kind} style="{style}">{escape(str(cell))}</{kind}>' for cell in cells) + "</tr>"
    )
