"""An export, read: rows of the cohort's tables, and which rows of which source they were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.build import Build, build
from ketaoutcomes.cohort.cohort import Cohort
from ketaoutcomes.cohort.csv_text import RawTable
from ketaoutcomes.cohort.draft import RULE_NAMES
from ketaoutcomes.cohort.read import raise_problems
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import Settings
from ketaoutcomes.errors import Problem
from ketaoutcomes.readers.looks import codes_for_words
from ketaoutcomes.readers.rules import RULES

__all__ = ["Accounts", "Export", "Made", "Source", "account", "to_cohort"]


@dataclass(frozen=True)
class Source:
    """A file, sheet, domain or kind of resource: label, numbers of its rows, rule that sets each aside."""

    label: str
    row_numbers: np.ndarray
    rule: np.ndarray

    @property
    def n_read(self) -> int:
        """Number of rows."""
        return int(self.rule.size)


@dataclass(frozen=True)
class Made:
    """What the rows of one table were made of: row, source, position in the source; equally long arrays."""

    row: np.ndarray
    source: np.ndarray
    position: np.ndarray


@dataclass(frozen=True)
class Export:
    """Everything that a reader took from an export.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Rows of the cohort's tables, cells as text.
    made : mapping of str to Made
    sources : tuple of Source
    columns : DataFrame
        source, column, n_filled, target: where each column went; target is missing where nowhere.
    settings : Settings
    notes : tuple of Problem
    """

    tables: Mapping[str, pd.DataFrame]
    made: Mapping[str, Made]
    sources: tuple[Source, ...]
    columns: pd.DataFrame
    settings: Settings
    notes: tuple[Problem, ...]

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {len(frame):,}" for name, frame in self.tables.items())
        return f"Export(rows: {rows or 'none'})"


@dataclass(frozen=True)
class Accounts:
    """What became of every row of an export.

    Parameters
    ----------
    sources : DataFrame
        source, n_read, n_kept, n_quarantined, n_unmapped. A row is kept if a row
        made of it is in the cohort; it is quarantined if rows were made of it or
        a rule set it aside, and none is kept; else nothing of it is mapped.
    rules : DataFrame
        source, rule, reason, n_rows: why rows are quarantined.
    columns : DataFrame
        source, column, n_filled, target.
    build : Build
        The tables, checked; its cohort is None if there are problems.
    """

    sources: pd.DataFrame
    rules: pd.DataFrame
    columns: pd.DataFrame
    build: Build

    @property
    def cohort(self) -> Cohort | None:
        """The cohort, or None if it is refused."""
        return self.build.cohort

    @property
    def unmapped(self) -> pd.DataFrame:
        """source, column, n_filled of the columns that hold something and went nowhere."""
        left = self.columns[self.columns["target"].isna() & (self.columns["n_filled"] > 0)]
        return left[["source", "column", "n_filled"]].reset_index(drop=True)


def to_cohort(export: Export) -> Cohort:
    """Return the cohort of an export, under the same checks as a folder's files.

    Raises
    ------
    PrivacyError, DataError
        As `load_cohort`.
    """
    accounts = account(export)
    raise_problems(accounts.build)
    return accounts.cohort


def account(export: Export) -> Accounts:
    """Return what became of every row of an export; raises nothing for its data."""
    raws = {
        name: RawTable(export.tables[name], _row_numbers(export, name))
        for name in TABLES
        if name in export.tables
    }
    missing = [
        Problem(f"nothing in the export was placed in '{name}', which is needed", name, None, "missing_table")
        for name in TABLES
        if TABLES[name].required and name not in raws
    ]
    name = export.sources[0].label if len(export.sources) == 1 else "export"
    made = build(raws, export.settings, source=name, problems=missing, notes=export.notes)
    told = [*codes_for_words(export.tables), *map(_where_settings_stand, made.problems)]
    made = replace(made, problems=tuple(told), cohort=None if told else made.cohort)
    sources, rules = _tally(export, made)
    accounts = Accounts(sources, rules, export.columns, made)
    if made.cohort is None:
        return accounts
    cohort = replace(made.cohort, sources=sources, unmapped=accounts.unmapped)
    return replace(accounts, build=replace(made, cohort=cohort))


def _where_settings_stand(problem: Problem) -> Problem:
    """Return a problem with the place where an import takes its settings from, in that of a folder's."""
    message = problem.message
    for words in ("in cohort.toml", "cohort.toml"):
        message = message.replace(
            words, "under [cohort] in the mapping (FHIR, SDTM: settings=, --timezone)", 1
        )
        if message != problem.message:
            break
    return replace(problem, message=message)


def _row_numbers(export: Export, name: str) -> np.ndarray:
    """Return the number in the file of the first row that each row of a table was made of."""
    made, n = export.made[name], len(export.tables[name])
    numbers = np.full(n, np.iinfo(np.int64).max)
    for place, source in enumerate(export.sources):
        of_source = made.source == place
        np.minimum.at(numbers, made.row[of_source], source.row_numbers[made.position[of_source]])
    return np.where(numbers == np.iinfo(np.int64).max, 0, numbers)


def _tally(export: Export, made: Build) -> tuple[pd.DataFrame, pd.DataFrame]:
    counts, why = [], []
    names_of = np.array(RULE_NAMES, dtype=object)
    for place, source in enumerate(export.sources):
        kept = np.zeros(source.n_read, dtype=bool)
        rule = source.rule.copy()
        for name, parts in export.made.items():
            of_source = parts.source == place
            row, position = parts.row[of_source], parts.position[of_source]
            broken = names_of[made.row_rules[name][row]] if name in made.row_rules else np.full(row.size, "")
            kept[position[broken == ""]] = True
            unruled = (rule[position] == "") & (broken != "")
            rule[position[unruled]] = broken[unruled]
        aside = ~kept & (rule != "")
        counts.append(
            (
                source.label,
                source.n_read,
                int(kept.sum()),
                int(aside.sum()),
                int((~kept & ~aside).sum()),
            )
        )
        names, n_rows = np.unique(rule[aside].astype(str), return_counts=True)
        why += [
            (source.label, name, RULES[name].reason, int(n))
            for name, n in sorted(
                zip(names.tolist(), n_rows.tolist(), strict=True), key=lambda one: (-one[1], one[0])
            )
        ]
    kinds = {"source": "str"} | dict.fromkeys(("n_read", "n_kept", "n_quarantined", "n_unmapped"), "int64")
    sources = pd.DataFrame(counts, columns=list(kinds)).astype(kinds)
    kinds = {"source": "str", "rule": "str", "reason": "str", "n_rows": "int64"}
    return sources, pd.DataFrame(why, columns=list(kinds)).astype(kinds)
