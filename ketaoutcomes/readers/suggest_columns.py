"""Columns of an export as the suggestion sees them, and groups of them: sheets and forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.cohort.privacy_patterns import normalise
from ketaoutcomes.readers.suggest_cells import MOSTLY, Cells

__all__ = ["NONE_WORDS", "Column", "Group", "shown_name", "squeezed", "words_in", "words_of"]


def words_in(text: str) -> frozenset[str]:
    """Return the words of a text as a set, for lists of names that are long."""
    return frozenset(text.split())


# So many names must begin alike for it to be no chance.
ENOUGH = 3
NONE_WORDS = frozenset({"none", "no", "0", "nil", "absent", "not present", "keine", "ninguno", "ninguna"})
NAMED_DATE = words_in("date dates dt datum fecha datetime dtm dttm timestamp dtc")
TIMES = words_in("start taken when moment")
NAMED_TIME = words_in("time clock zeit uhrzeit hora tm start begin beginning")


def words_of(name: str) -> tuple[str, ...]:
    """Return a name's words in lower case, letters and digits apart: "PHQ9 total" is phq, 9, total."""
    return tuple(word for word in normalise(name).split("_") if word)


def squeezed(words: Iterable[str]) -> str:
    """Return words without anything between them."""
    return "".join(words)


def shown_name(name: str, number: int, kind: str = "column") -> str:
    """Return what to call a column or sheet: its name, or its number if the name tells of somebody."""
    text = str(name)
    plain = "".join(sign if sign.isprintable() else " " for sign in text).strip()
    if not plain or class_of_name(text, "safe-harbor") is not None:
        return f"{kind} number {number}"
    return plain


@dataclass(frozen=True, eq=False)
class Column:
    """One column of an export.

    Parameters
    ----------
    sheet : str or None
    name : str
        As the header has it.
    number : int
        Place in the sheet, from 1.
    cells : Cells
    form, kind, label, validation : str
        What REDCap's data dictionary says of it; "" without one.
    choices : tuple of (str, str)
        Codes and labels of its choices.
    marked : bool
        Marked in the data dictionary as an identifier.
    """

    sheet: str | None
    name: str
    number: int
    cells: Cells
    form: str = ""
    kind: str = ""
    label: str = ""
    validation: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    marked: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words of the name."""
        return words_of(self.name)

    @property
    def key(self) -> tuple[str | None, str]:
        """Sheet and name, which no two columns share."""
        return self.sheet, self.name

    @cached_property
    def shown(self) -> str:
        """Name for texts, or "column number 5" where the name itself may tell of somebody."""
        return shown_name(self.name, self.number)

    @property
    def nameable(self) -> bool:
        """Whether a mapping can name the column."""
        try:
            self.name.encode()
        except UnicodeEncodeError:
            return False
        return bool(self.name.strip()) and self.shown == self.name.strip()

    @cached_property
    def is_date(self) -> bool:
        """Whether it holds dates, by its cells, or without any by its validation or name."""
        if self.cells.n_filled:
            return self.cells.dates and (self.named_date or self.named_time or not self.cells.numbers)
        named = self.named_date or squeezed(self.words) in TIMES
        return self.validation.startswith("date") or (not self.validation and named)

    @cached_property
    def is_clock(self) -> bool:
        """Whether it holds clock times without dates."""
        if self.cells.n_filled:
            return self.cells.clocks
        return self.validation == "time" or (not self.validation and self.named_time and not self.named_date)

    @property
    def named_date(self) -> bool:
        """Whether a word of the name says date."""
        return bool(NAMED_DATE & set(self.words)) or any(
            len(word) > 4 and word.endswith(("date", "datum")) for word in self.words
        )

    @property
    def named_time(self) -> bool:
        """Whether a word of the name says time."""
        return bool(NAMED_TIME & set(self.words))


@dataclass(frozen=True, eq=False)
class Group:
    """Columns that stand together: a sheet, or a form of a REDCap project.

    Parameters
    ----------
    name : str
        Of the sheet or form, "" where there is none.
    sheet : str or None
        Sheet to be named in a mapping.
    columns : tuple of Column
        Without the patient's code and REDCap's own columns.
    frame : DataFrame
        The rows that the columns' cells are in.
    patient : str or None
        Column of the patient's code.
    when : mapping of str to tuple of str
        Which rows of the export those are, by REDCap's own columns.
    special : mapping of str to Column
        REDCap's own columns, and the status of the form under "status".
    session : str or None
        The one of these that numbers the sessions, if one does.
    session_values : mapping of str to str
        Its recodes.
    alone : bool
        The form repeats by itself, so that its rows are numbered on their own.
    days : mapping of str to str
        Events of REDCap whose names tell a day.
    restarts : bool
        REDCap's numbers of instances begin anew in each event, so that they number nothing.
    """

    name: str
    sheet: str | None
    columns: tuple[Column, ...]
    frame: pd.DataFrame
    patient: str | None = None
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    special: Mapping[str, Column] = field(default_factory=dict)
    session: str | None = None
    session_values: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False
    days: Mapping[str, str] = field(default_factory=dict)
    restarts: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words of the name."""
        return words_of(self.name)

    @cached_property
    def lead(self) -> str:
        """First word that most names begin with, as where a form puts its own before all; "" if none."""
        first = Counter(column.words[0] for column in self.columns if len(column.words) > 1)
        word, n = first.most_common(1)[0] if first else ("", 0)
        return word if n >= ENOUGH and n >= MOSTLY * len(self.columns) else ""

    @cached_property
    def repeats(self) -> bool:
        """Whether some patient has several rows."""
        return self.patient is not None and bool(self._ids.duplicated().any())

    @cached_property
    def _ids(self) -> pd.Series:
        ids = self.frame[self.patient].astype("str").fillna("").str.strip()
        return ids[ids != ""]

    def steady(self, column: Column) -> bool:
        """Whether no patient has two different cells in a column, and patients differ."""
        if not self.repeats:
            return False
        cells = self.frame[column.name].astype("str").fillna("").str.strip().loc[self._ids.index]
        pairs = pd.DataFrame({"id": self._ids, "cell": cells})[cells != ""].drop_duplicates()
        return not pairs["id"].duplicated().any() and pairs["cell"].nunique() > 1

    def filled(self, columns: Iterable[Column]) -> np.ndarray:
        """Mark the rows in which any of some columns has a cell."""
        out = np.zeros(len(self.frame), dtype=bool)
        for column in columns:
            out |= (self.frame[column.name].astype("str").fillna("").str.strip() != "").to_numpy(bool)
        return out
