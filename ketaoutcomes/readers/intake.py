"""What a reader takes from an export, so that every row of it is accounted for.

A reader opens a source (a file, a sheet, an SDTM domain, a kind of FHIR
resource), tells how many rows it has, and adds rows of the cohort's tables,
each with the rows of the source it was made of. Rows of which nothing is made
and that no rule sets aside are unmapped: they need not be told, so none is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.privacy import scan_name
from ketaoutcomes.cohort.privacy_cells import classes_of_texts
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import Settings, make_settings
from ketaoutcomes.errors import Problem, printable
from ketaoutcomes.readers.export import Export, Made, Source
from ketaoutcomes.readers.linking import link_sessions
from ketaoutcomes.readers.looks import like_record_numbers
from ketaoutcomes.readers.rules import RULES
from ketaoutcomes.readers.uniting import unite_patients

__all__ = ["Intake"]

NO_IDS = pd.Series([], dtype="str")
RECORD_NUMBERS = (
    "the patients' codes look like record numbers; if they are a hospital's or a clinic's own, have new "
    "codes made: --key on the command line, key= in Python"
)


@dataclass
class _Open:
    """A source while it is read."""

    label: str
    row_numbers: np.ndarray
    rule: np.ndarray
    columns: list[tuple[str, int, str | None]] = field(default_factory=list)


@dataclass(frozen=True)
class _Batch:
    """Rows of one table, made of some rows of one source."""

    source: int
    frame: pd.DataFrame
    made_row: np.ndarray
    position: np.ndarray


class Intake:
    """Gather rows of the cohort's tables out of an export.

    Parameters
    ----------
    settings : mapping or Settings
        What `cohort.toml` would say.
    only_listed : bool
        Patients are only those of whom a row of `patients` was added, if any
        was; otherwise everybody of whom any row was added.
    """

    def __init__(self, settings: Mapping[str, object] | Settings | None = None, *, only_listed: bool = False):
        self.settings = make_settings(settings or {})
        self.only_listed = only_listed
        self._sources: list[_Open] = []
        self._batches: dict[str, list[_Batch]] = {name: [] for name in TABLES}
        self._notes: list[Problem] = []

    def open(self, name: str, n_rows: int, row_numbers: np.ndarray | None = None) -> int:
        """Register a source and return its handle.

        Parameters
        ----------
        name : str
            As people call it: the file, the sheet, the domain. A name that looks
            as if it identified somebody is told as a number instead.
        n_rows : int
            Rows that the source has, those included that cannot be used.
        row_numbers : (n_rows,) int array, optional
            Their numbers in the file; 2, 3, ... when absent (the header is row 1).
        """
        handle = len(self._sources)
        named = scan_name("source", str(name))
        label = f"source number {handle + 1}" if named else printable(str(name))
        labels = {one.label for one in self._sources}
        if label in labels:
            label = f"{label} ({handle + 1})"
        numbers = np.arange(2, n_rows + 2) if row_numbers is None else np.asarray(row_numbers, dtype=np.int64)
        if numbers.size != n_rows:
            raise ValueError(f"{n_rows} rows and {numbers.size} row numbers")
        self._sources.append(_Open(label, numbers, np.full(n_rows, "", dtype=object)))
        return handle

    def add(
        self,
        source: int,
        table: str,
        frame: pd.DataFrame,
        rows: np.ndarray | None = None,
        *,
        parts: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        """Add rows of a table.

        Parameters
        ----------
        source : int
            Handle from `open`.
        table : str
            Name of the cohort's table.
        frame : (m, k) DataFrame
            Text cells, or missing. `side_effects` and `vitals` may have a column
            `moment` in place of `session`: when it was, as the sessions' own
            time column is written.
        rows : (m,) int array
            Position in the source, from 0, of the row that each was made of.
        parts : pair of (p,) int arrays, optional
            Instead of `rows`, where several rows of the source make one: row of
            `frame`, and position in the source.
        """
        if table not in TABLES:
            raise ValueError(f"no table {table}")
        made, position = (np.arange(len(frame)), rows) if parts is None else parts
        made, position = (np.asarray(one, dtype=np.int64) for one in (made, position))
        if made.size != position.size or (
            position.size and (position.min() < 0 or position.max() >= self._sources[source].rule.size)
        ):
            raise ValueError(f"{table}: rows do not fit the source")
        if len(frame):
            frame = frame.reset_index(drop=True)
            self._batches[table].append(_Batch(source, _as_text(frame), made, position))

    def set_aside(self, source: int, rows: np.ndarray, rule: str) -> None:
        """Set rows of a source aside by a rule, unless an earlier one did.

        Parameters
        ----------
        rows : (n_rows,) bool array or int array
            Mask over the source, or positions in it.
        """
        if rule not in RULES:
            raise ValueError(f"no rule {rule}")
        rows = np.asarray(rows)
        mask = rows
        if rows.dtype != bool:
            mask = np.zeros(self._sources[source].rule.size, dtype=bool)
            mask[rows.astype(np.int64)] = True
        ruled = self._sources[source].rule
        ruled[mask & (ruled == "")] = rule

    def column(self, source: int, name: str, n_filled: int, target: str | None) -> None:
        """Tell where a column of a source went: "scores.score", or None if nowhere."""
        self._sources[source].columns.append((str(name), int(n_filled), target))

    def note(
        self,
        message: str,
        *,
        table: str | None = None,
        column: str | None = None,
        n_rows: int | None = None,
        rule: str = "import",
    ) -> None:
        """Note something that a user should know and that changes nothing."""
        self._notes.append(Problem(message, table, column, rule, n_rows))

    def finish(self) -> Export:
        """Return everything that was added, patients united and sessions linked."""
        tables: dict[str, pd.DataFrame] = {}
        made: dict[str, Made] = {}
        for name, batches in self._batches.items():
            if batches:
                tables[name], made[name] = _joined(batches)
        notes = list(self._notes)
        notes += unite_patients(tables, made, only_listed=self.only_listed)
        if "patients" in tables and like_record_numbers(tables["patients"].get("patient_id", NO_IDS)):
            notes.append(Problem(RECORD_NUMBERS, "patients", "patient_id", "record_numbers"))
        for name, (rows, rules) in link_sessions(tables, made, self.settings).items():
            self._drop(name, tables, made, rows, rules)
        sources = tuple(Source(one.label, one.row_numbers, one.rule) for one in self._sources)
        columns = pd.DataFrame(
            [column for one in self._sources for column in _shown(one)],
            columns=["source", "column", "n_filled", "target"],
        ).astype({"source": "str", "column": "str", "n_filled": "int64", "target": "str"})
        for source in sources:
            source.rule.setflags(write=False)
        return Export(tables, made, sources, columns, self.settings, tuple(notes))

    def _drop(self, name: str, tables, made, rows: np.ndarray, rules: np.ndarray) -> None:
        """Take rows out of a table that cannot belong to a session, and set aside what they were made of."""
        old = made[name]
        gone = np.zeros(len(tables[name]), dtype=bool)
        gone[rows] = True
        rule_of = np.full(len(tables[name]), "", dtype=object)
        rule_of[rows] = rules
        for number, source in enumerate(self._sources):
            of_source = (old.source == number) & gone[old.row]
            empty = source.rule[old.position[of_source]] == ""
            places = old.position[of_source][empty]
            source.rule[places] = rule_of[old.row[of_source]][empty]
        keep = np.flatnonzero(~gone)
        place = np.full(gone.size, -1, dtype=np.int64)
        place[keep] = np.arange(keep.size)
        tables[name] = tables[name].iloc[keep].reset_index(drop=True)
        left = place[old.row] >= 0
        made[name] = Made(place[old.row][left], old.source[left], old.position[left])


def _shown(source: _Open) -> list[tuple[str, str, int, str | None]]:
    """Return a source's columns under names that name nobody; one that may is told by its number."""
    letters = classes_of_texts([name for name, _, _ in source.columns], "limited-data-set")
    return [
        (source.label, f"column number {place}" if letter else printable(name), n_filled, target)
        for place, (letter, (name, n_filled, target)) in enumerate(
            zip(letters, source.columns, strict=True), 1
        )
    ]


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with cells of text, an empty cell missing; made anew, so nobody else's changes."""
    out = {}
    for name in frame.columns:
        cells = frame[name].astype("str")
        out[str(name)] = cells.where(cells.str.strip().fillna("") != "")
    return pd.DataFrame(out, index=frame.index)


def _joined(batches: list[_Batch]) -> tuple[pd.DataFrame, Made]:
    """Return the batches of one table as one frame, and what each of its rows was made of."""
    offsets = np.cumsum([0, *(len(batch.frame) for batch in batches)])
    frame = pd.concat([batch.frame for batch in batches], ignore_index=True)
    frame = frame.astype("str")
    row = np.concatenate([batch.made_row + start for batch, start in zip(batches, offsets[:-1], strict=True)])
    source = np.concatenate([np.full(batch.position.size, batch.source) for batch in batches])
    position = np.concatenate([batch.position for batch in batches])
    return frame, Made(row.astype(np.int64), source.astype(np.int64), position.astype(np.int64))
