"""A table on its way in: its typed columns, and which rows and cells are set aside by which rule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.instruments import Instrument
from ketaoutcomes.cohort.clock import Times
from ketaoutcomes.cohort.fingerprint import set_aside_digest
from ketaoutcomes.cohort.memory import release
from ketaoutcomes.cohort.number_columns import NumberColumns
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.schema import Table
from ketaoutcomes.cohort.values import Words, numbers
from ketaoutcomes.errors import Problem

__all__ = ["RULE_NAMES", "Draft"]

_NUMBERS = {name: number for number, name in enumerate(RULES, start=1)}
_NAMES = {number: name for name, number in _NUMBERS.items()}
# The rules in the order of their numbers; a row that is kept has number 0.
RULE_NAMES = ("", *_NUMBERS)


class Draft:
    """One table while it is checked. Rows are set aside by the first rule that they break.

    Parameters
    ----------
    table : Table
    frame : DataFrame
        Raw cells under normal column names.
    row_numbers : (n,) int array, optional
        Row of each cell in its file (the header is row 1); 2, 3, ... when absent.
    unplaced : list of (str, (m,) int array), optional
        Rows that never became cells: rule and row numbers, for ragged rows of a CSV.

    Attributes
    ----------
    numbers : NumberColumns of (n,) float arrays
    words : dict of str to Words
    flags : dict of str to (n,) int8 array, 1 yes, 0 no, -1 missing
    further : dict of str to Series
    times : Times or None
    instruments : dict of str to Instrument or None
        What the catalogue knows of each instrument in the table of scores.
    lost_ids : list of str
        Patients some of whose rows could not be put into columns.
    unread : set of str
        Columns in which some cells are not what the column holds: numbers, yes or no, fixed words.
    aside : list of str
        Digests of what was set aside, once `finish` has let go of the cells.
    latest : float
        The last moment that a kept row may record, in hours since 1970; known once `finish` was called,
        and minus infinity without dates.
    """

    def __init__(self, table: Table, frame: pd.DataFrame, row_numbers=None, unplaced=()):
        self.table, self.frame = table, frame
        self.n = len(frame)
        self.row_numbers, self.unplaced = row_numbers, list(unplaced)
        self.rule = np.zeros(self.n, dtype=np.int8)
        self.numbers = NumberColumns()
        self.words: dict[str, Words] = {}
        self.flags: dict[str, np.ndarray] = {}
        self.further: dict[str, pd.Series] = {}
        self.times: Times | None = None
        self.unread: set[str] = set()
        self.lost_ids: list[str] = []
        self.aside: list[str] = []
        self.latest = -np.inf
        self.instruments: dict[str, Instrument | None] = {}
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self._blanked: list[tuple[str, str, np.ndarray]] = []

    @property
    def name(self) -> str:
        """Name of the table."""
        return self.table.name

    @property
    def kept(self) -> np.ndarray:
        """Mark the rows that no rule has set aside so far; bool."""
        return self.rule == 0

    @property
    def n_read(self) -> int:
        """Rows that the file has, those that never became cells included."""
        return self.n + sum(rows.size for _, rows in self.unplaced)

    def quarantine(self, rows: np.ndarray, rule: str) -> None:
        """Set rows aside, unless an earlier rule did."""
        self.rule[(self.rule == 0) & rows] = _NUMBERS[rule]

    def blank(self, column: str, rows: np.ndarray, rule: str) -> None:
        """Set cells of a column to missing, and keep their rows."""
        positions = np.flatnonzero(rows)
        if positions.size == 0:
            return
        self._blanked.append((column, rule, positions))
        if column in self.numbers:
            self.numbers[column][positions] = np.nan
        if column in self.flags:
            self.flags[column][positions] = -1
        if column in self.words:
            old = self.words[column]
            codes = old.codes.copy()
            codes[positions] = -1
            self.words[column] = Words(codes, old.levels)

    def fail(
        self,
        rule: str,
        column: str | None = None,
        *,
        rows: np.ndarray | None = None,
        message: str | None = None,
    ) -> None:
        """Note a problem for which the whole cohort is refused."""
        n = first = None
        if rows is not None:
            n, first = int(rows.sum()), self.row_number(int(np.argmax(rows)))
        self.problems.append(Problem(message or RULES[rule].reason, self.name, column, rule, n, first))

    def note(
        self,
        rule: str,
        column: str | None = None,
        *,
        rows: np.ndarray | None = None,
        message: str | None = None,
    ) -> None:
        """Note something that changes nothing."""
        n = first = None
        if rows is not None:
            n, first = int(rows.sum()), self.row_number(int(np.argmax(rows)))
        self.notes.append(Problem(message or RULES[rule].reason, self.name, column, rule, n, first))

    def row_number(self, position: int) -> int:
        """Return a row's number in its file, the header being row 1."""
        return int(self.row_numbers[position]) if self.row_numbers is not None else position + 2

    def quarantined(self) -> list[tuple[str, int, int]]:
        """Return rule, number of rows and first row number of all rows set aside."""
        found = {rule: (rows.size, int(rows.min())) for rule, rows in self.unplaced if rows.size}
        out = [(rule, n, first) for rule, (n, first) in found.items()]
        for number in np.unique(self.rule[self.rule > 0]):
            rows = self.rule == number
            out.append((_NAMES[int(number)], int(rows.sum()), self.row_number(int(np.argmax(rows)))))
        return sorted(out, key=lambda entry: (-entry[1], entry[0]))

    def blanked(self) -> list[tuple[str, str, int, int]]:
        """Return column, rule, number of cells and first row number of cells set to missing in kept rows."""
        out = []
        for column, rule, positions in self._blanked:
            positions = positions[self.rule[positions] == 0]
            if positions.size:
                out.append((column, rule, positions.size, self.row_number(int(positions[0]))))
        return out

    def rows(self, positions: np.ndarray) -> pd.DataFrame:
        """Return some rows as one frame, the times included; to compare rows with each other."""
        parts = {f"number {name}": self.numbers.at(name, positions) for name in self.numbers}
        parts |= {f"word {name}": found.codes[positions] for name, found in self.words.items()}
        parts |= {f"flag {name}": values[positions] for name, values in self.flags.items()}
        for name, column in self.further.items():
            parts[f"further {name}"] = column.iloc[positions].array
        if self.times is not None:
            parts |= {"time": self.times.hour[positions], "time low": self.times.low[positions]}
        return pd.DataFrame(parts, index=range(len(positions)))

    def set_down(self, name: str) -> None:
        """Let go of a column of numbers that its cells give again: they are numbers, and none was blanked."""
        if name not in self.numbers or name not in self.frame.columns:
            return
        if any(name == column for column, _, _ in self._blanked):
            return
        if not isinstance(self.frame[name].dtype, np.dtype) or self.frame[name].dtype.kind not in "iuf":
            return
        cells = self.frame[name].to_numpy()
        self.numbers.set_down(
            name, lambda rows: numbers(pd.Series(cells[rows], copy=False), decimal=None).values
        )

    def finish(self, positions: np.ndarray | slice, leave: tuple[str, ...] = ()) -> dict[str, pd.Series]:
        """Return the typed columns at the given rows, in the dictionary's order, further ones last.

        The draft lets go of its cells, and of each column as it is taken: the rows
        of many patients are not kept twice. From then on it knows what was set
        aside by `aside`, and the end of its times by `latest`.
        """
        self.aside, self.frame = self._digests(), pd.DataFrame(columns=self.frame.columns)
        if self.times is not None and self.times.dated:
            high = self.times.high[self.kept]
            self.latest = float(np.max(high[~np.isnan(high)], initial=-np.inf))
        self.times = None
        release()
        names = [name for name in self.table.names if name not in leave]
        names += [
            name
            for name in (*self.numbers, *self.words, *self.flags, *self.further)
            if name not in self.table.names and name not in leave
        ]
        out, at = {}, self.places(positions)
        for name in names:
            if name in self.numbers:
                out[name] = pd.Series(self.numbers.at(name, at), copy=False)
                del self.numbers[name]
            elif name in self.words:
                out[name] = self.words.pop(name).take(at).series()
                release()
            elif name in self.flags:
                codes = self.flags.pop(name)[at]
                out[name] = pd.Series(pd.arrays.BooleanArray(codes == 1, codes < 0), copy=False)
            elif name in self.further:
                out[name] = self.further.pop(name).iloc[at].reset_index(drop=True)
        for rest in (self.numbers, self.words, self.flags, self.further):
            rest.clear()
        release()
        return out

    def places(self, positions: np.ndarray | slice) -> np.ndarray | slice:
        """Return rows as they are, or as a slice, which copies nothing, if they are all rows in order."""
        if isinstance(positions, slice):
            return positions
        in_order = positions.size == self.n and bool((positions[1:] > positions[:-1]).all())
        return slice(None) if in_order else positions

    def _digests(self) -> list[str]:
        """Return digests of what was set aside, so that a change there changes the fingerprint too."""
        out = []
        rows = np.flatnonzero(~self.kept)
        if rows.size:
            out.append(f"set aside {self.name} {set_aside_digest(self.frame.iloc[rows])}")
        for column, _, positions in self._blanked:
            if column in self.frame.columns:
                digest = set_aside_digest(self.frame[[column]].iloc[positions])
                out.append(f"blanked {self.name} {column} {digest}")
        return [*out, *(f"unplaced {self.name} {rule} {rows.size}" for rule, rows in self.unplaced)]

    def set_aside_by(self, rule: str) -> np.ndarray:
        """Mark the rows that one rule set aside; bool."""
        return self.rule == _NUMBERS[rule]
